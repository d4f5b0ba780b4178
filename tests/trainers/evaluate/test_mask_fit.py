"""Where masks lie: over nose, chin and cheeks, off the eyes, and where the real one lay."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facemask_video.align.template import TEMPLATE
from facemask_video.translate.networks import Translation
from tests.trainers.tiny import drawn_crops
from trainers.data.mask_photographs import MaskPhotographs
from trainers.evaluate import mask_fit
from trainers.evaluate.mask_fit import REAL, covered, measure_fit
from trainers.evaluate.measurement import OURS, Context

SIDE = 64
POINTS = TEMPLATE.astype(np.float32)[None]


def region(top: float, bottom: float, left: float = 0.2, right: float = 0.8) -> np.ndarray:
    """A mask between these edges, as fractions of the side."""
    found = np.zeros((1, SIDE, SIDE), dtype=bool)
    rows, columns = (
        slice(round(a * SIDE), round(b * SIDE)) for a, b in ((top, bottom), (left, right))
    )
    found[0, rows, columns] = True
    return found


NOSE, MOUTH, EYES = TEMPLATE[2, 1], TEMPLATE[3:, 1].mean(), TEMPLATE[:2, 1].mean()
CHIN = EYES + 1.5 * (MOUTH - EYES)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (region(NOSE - 0.08, CHIN), {"covers_nose", "covers_chin", "covers_cheeks", "eyes_free"}),
        (region(NOSE + 0.05, CHIN), {"covers_chin", "covers_cheeks", "eyes_free"}),
        (region(NOSE - 0.08, MOUTH + 0.04), {"covers_nose", "covers_cheeks", "eyes_free"}),
        (region(NOSE - 0.08, CHIN, 0.45, 0.55), {"covers_nose", "covers_chin", "eyes_free"}),
        (region(EYES - 0.02, CHIN), {"covers_nose", "covers_chin", "covers_cheeks"}),
    ],
    ids=["well worn", "nose free", "chin free", "narrow", "over the eyes"],
)
def test_what_a_mask_covers_is_told_by_landmarks(where: np.ndarray, expected: set[str]) -> None:
    assert {name for name, (says, *_) in covered(where, POINTS).items() if says} == expected


class Painter(nn.Module):
    """Puts every mask in one place."""

    def __init__(self, where: np.ndarray) -> None:
        super().__init__()
        self.where = torch.from_numpy(where).float()[:, None]

    def forward(self, image: Tensor) -> Translation:
        return Translation(image, self.where.expand(len(image), 1, SIDE, SIDE))


def test_the_region_is_compared_with_the_photographs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    crops = drawn_crops(3, size_px=SIDE)
    real = region(NOSE - 0.08, CHIN)
    pairs = MaskPhotographs(
        crops.images, np.repeat(real * np.uint8(255), 3, axis=0), crops.images, crops.names
    )
    monkeypatch.setattr(mask_fit, "pair_photographs", lambda *_, **__: pairs)
    low = Painter(region(NOSE + 0.05, CHIN))
    context = Context("mask/fit", "", "", 1)

    found = {
        (m.name, m.method): m.value
        for m in measure_fit(crops, low, nn.Identity(), nn.Identity(), context, size_px=SIDE)
    }

    assert found["region_iou", OURS] == pytest.approx(low.where.sum() / real.sum())
    assert (found["covers_nose", OURS], found["covers_nose", REAL]) == (0, 1)
    assert found["covers_chin", OURS] == found["covers_chin", REAL] == 1
