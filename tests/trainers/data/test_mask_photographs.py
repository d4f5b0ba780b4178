import numpy as np
import pytest

from facemask_video.align.template import TEMPLATE
from trainers.data.mask_photographs import is_proper_mask

NOSE = TEMPLATE[2]


def _region(top: float, bottom: float, left: float = 0.25, right: float = 0.75) -> np.ndarray:
    region = np.zeros((128, 128), np.uint8)
    region[round(top * 128) : round(bottom * 128), round(left * 128) : round(right * 128)] = 255
    return region


def test_a_mask_over_mouth_and_nose_is_one() -> None:
    assert is_proper_mask(_region(0.5, 0.85), NOSE)


@pytest.mark.parametrize(
    "region",
    [
        _region(0.7, 0.85),  # under the nose
        _region(0.3, 0.8),  # over the eyes
        _region(0.5, 0.55, 0.45, 0.55),  # a speck on the nose
        _region(0.42, 1.0, 0.0, 1.0),  # the whole lower half
    ],
)
def test_what_is_no_worn_mask_is_left_out(region: np.ndarray) -> None:
    assert not is_proper_mask(region, NOSE)
