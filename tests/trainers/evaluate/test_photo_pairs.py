"""Whole photographs: converted by the converter's stages, measured at their own size."""

import numpy as np
import pytest

from facemask_video.align.crop import frame_to_crop
from facemask_video.align.template import TEMPLATE
from facemask_video.core.faces import Crop, Detection, TranslatedCrop
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import bounding_box
from tests.trainers.tiny import drawn_crops
from trainers.evaluate.convert_photographs import convert_photographs, inpaint_photographs
from trainers.evaluate.crop_pairs import crop_photo_pairs
from trainers.evaluate.image_quality import PSNR_CAP_DB, measure_completion, measure_similarity
from trainers.evaluate.measurement import Context
from trainers.evaluate.photo_pairs import Photographs, PhotoPairs, with_landmarks

CONTEXT = Context("unmask/photographs", "drawn faces", "", 1)
SIZE_PX = 96


class Restorer:
    """Paints the true crop back, under an alpha that covers the lower half."""

    crop_size_px = SIZE_PX
    notes = ()

    def __init__(self, truth: dict[int, ImageU8]) -> None:
        self._truth = truth

    def translate(self, crops: list[Crop]) -> list[TranslatedCrop]:
        alpha = np.zeros((SIZE_PX, SIZE_PX), np.float32)
        alpha[SIZE_PX // 2 :] = 1
        return [TranslatedCrop(c, self._truth[c.face.track_id.person], alpha.copy()) for c in crops]


class Finder:
    """Finds the face where it was drawn, in pictures that are told to have one."""

    def __init__(self, points: np.ndarray, *, blind_to: tuple[int, ...] = ()) -> None:
        self._points, self._blind_to, self._seen = points, blind_to, -1

    def detect(self, images: list[ImageU8]) -> list[list[Detection]]:
        self._seen += 1
        if self._seen in self._blind_to:
            return [[]]
        # The picture comes with a border of a fifth.
        points = self._points + 0.2 * max(PHOTO)
        return [[Detection(bounding_box(points), points.astype(np.float32), 0.9)]]


PHOTO = (120, 160)
POINTS = (TEMPLATE * SIZE_PX + np.array([32, 12])).astype(np.float32)


@pytest.fixture(scope="module")
def pairs() -> PhotoPairs:
    truth = []
    for crop in drawn_crops(3, size_px=SIZE_PX).images:
        photo = np.full((*PHOTO, 3), 90, np.uint8)
        photo[12 : 12 + SIZE_PX, 32 : 32 + SIZE_PX] = crop
        truth.append(photo)
    region = np.zeros(PHOTO, bool)
    region[62:92, 55:105] = True
    masked = tuple(np.where(region[..., None], np.uint8(200), photo) for photo in truth)
    names = tuple(f"masked/{i}.png" for i in range(3))
    photographs = Photographs(masked, np.stack([POINTS] * 3), names)
    bare_names = tuple(f"bare/{i}.png" for i in range(3))
    return PhotoPairs(photographs, tuple(truth), bare_names, (region,) * 3)


def _values(pairs: PhotoPairs, outputs: tuple[ImageU8, ...]) -> dict[str, float]:
    hidden, names = pairs.hidden, pairs.masked.names
    figures = measure_similarity(pairs.truth, hidden, names, outputs, CONTEXT)
    figures += measure_completion(pairs.truth, hidden, names, outputs, CONTEXT)
    return {figure.name: figure.value for figure in figures}


def test_a_true_completion_is_pasted_where_the_mask_was(pairs: PhotoPairs) -> None:
    crops = crop_photo_pairs(pairs, SIZE_PX)
    restorer = Restorer(dict(enumerate(crops.truth)))

    made = convert_photographs(
        pairs.masked.images, restorer, Finder(POINTS, blind_to=(1,)), batch_size=2
    )

    for index, (before, after) in enumerate(zip(pairs.masked.images, made, strict=True)):
        assert after.shape == before.shape
        # Above the alpha, and beside the crop, nothing changes.
        assert np.array_equal(after[:56], before[:56])
        assert np.array_equal(after[:, :20], before[:, :20])
        assert np.array_equal(after, before) == (index == 1)
    near = np.abs(made[0].astype(int) - pairs.truth[0])[66:88, 60:100]
    assert near.mean() < 4
    assert np.abs(pairs.masked.images[0].astype(int) - pairs.truth[0])[66:88, 60:100].mean() > 20


def test_whole_photographs_are_measured_at_their_own_size(pairs: PhotoPairs) -> None:
    assert _values(pairs, pairs.truth)["psnr_whole_db"] == PSNR_CAP_DB
    untouched, filled = (
        _values(pairs, pairs.masked.images),
        _values(pairs, inpaint_photographs(pairs)),
    )
    assert untouched["psnr_outside_db"] == filled["psnr_outside_db"] == PSNR_CAP_DB
    assert filled["psnr_whole_db"] > untouched["psnr_whole_db"]
    assert filled["psnr_inside_db"] > untouched["psnr_inside_db"]


def test_what_jpeg_lost_elsewhere_counts_in_the_whole_but_not_in_the_hidden_only(
    pairs: PhotoPairs,
) -> None:
    painted = tuple(
        np.clip(picture.astype(int) + 9, 0, 255).astype(np.uint8) for picture in pairs.truth
    )
    outputs = tuple(
        np.where(region[..., None], true, other)
        for region, true, other in zip(pairs.hidden, pairs.truth, painted, strict=True)
    )

    found = _values(pairs, outputs)

    assert found["psnr_hidden_only_db"] == PSNR_CAP_DB
    assert found["ssim_hidden_only"] == pytest.approx(1, abs=1e-3)
    assert found["psnr_whole_db"] < 35


def test_crops_are_cut_by_the_photographs_landmarks(pairs: PhotoPairs) -> None:
    crops = crop_photo_pairs(pairs, SIZE_PX)

    assert np.allclose(frame_to_crop(POINTS, SIZE_PX)[:, 2], [-32, -12], atol=0.01)
    assert np.allclose(crops.masked.landmarks[0], TEMPLATE, atol=1e-3)
    assert crops.hidden[0][55:75, 28:68].all()
    assert not crops.hidden[0][:45].any()


def test_known_landmarks_replace_the_detectors(pairs: PhotoPairs) -> None:
    other = POINTS + 5
    known = {"bare/1.png": other}

    located = with_landmarks(pairs.bare, pairs.bare_names, known)

    assert np.array_equal(located.landmarks_px[1], other)
    assert np.array_equal(located.landmarks_px[0], POINTS)
    assert located.names == pairs.masked.names
