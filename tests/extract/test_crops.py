"""Facts of a face that its frame tells: cut by the edge, other faces, stills."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from facemask_video.align.crop import align_face_in_image
from facemask_video.align.template import TEMPLATE
from facemask_video.config import DetectConfig, ExtractConfig
from facemask_video.config.extract import CropConfig
from facemask_video.core.faces import Crop, Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.extract.crops import largest_neighbour, share_inside
from facemask_video.extract.mask_coverage import mask_coverage
from facemask_video.extract.stills import crop_picture
from tests.extract.fakes import StillDetector
from tests.fakes import detection_at, tracked_at

_WIDTH_PX, _HEIGHT_PX = 400, 300


def _crop(x: float, y: float, side_px: float, track_id: int = 0) -> Crop:
    face = tracked_at(x, y, side_px, track_id=track_id)
    image = np.zeros((_HEIGHT_PX, _WIDTH_PX, 3), np.uint8)
    crop, to_crop = align_face_in_image(image, face.landmarks, 64)
    return Crop(crop, to_crop, face)


@pytest.mark.parametrize(
    ("place", "least", "most"),
    [
        ((200, 150, 100), 1.0, 1.0),
        # The side of the box is 2.04 eye distances; the chin lies below its middle.
        ((200, 260, 100), 0.2, 0.6),
        ((200, 20, 100), 0.1, 0.9),
        ((20, 150, 100), 0.2, 0.7),
        ((380, 150, 100), 0.2, 0.7),
        ((-100, 150, 100), 0.0, 0.0),
    ],
)
def test_the_share_inside_falls_as_the_edge_cuts_the_face(
    place: tuple[float, float, float], least: float, most: float
) -> None:
    assert least <= share_inside(_crop(*place), _WIDTH_PX, _HEIGHT_PX) <= most


def test_a_neighbour_counts_by_what_the_crop_shows_of_it() -> None:
    own = _crop(200, 150, 100)

    def beside(x: float, side_px: float) -> float:
        return largest_neighbour(own, [own.face, tracked_at(x, 150, side_px, track_id=1)])

    assert largest_neighbour(own, [own.face]) == 0
    assert beside(250, 60) == pytest.approx(0.6, abs=0.02)
    assert 0 < beside(290, 60) < 0.5
    assert beside(370, 60) == 0


def test_a_picture_gives_each_of_its_faces(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    config = ExtractConfig(crop=CropConfig(size_px=64, raw=True))

    (candidate,) = crop_picture(tmp_path / "a.png", config, StillDetector())

    # The detector sees a border, and places are told in the picture without it.
    assert candidate.face.box.center == pytest.approx((150, 100), abs=1)
    assert (candidate.frame_width_px, candidate.frame_height_px, candidate.n_faces) == (300, 200, 1)
    assert candidate.crop.image.shape == (64, 64, 3)
    assert (candidate.pts, candidate.time_base) == (None, None)
    assert candidate.raw is not None
    x0, y0 = (int(np.floor(edge)) for edge in (candidate.face.box.x0, candidate.face.box.y0))
    rows, columns = candidate.raw.shape[:2]
    assert (candidate.raw == picture[y0 : y0 + rows, x0 : x0 + columns, ::-1]).all()


def _segmentation(top: float, bottom: float) -> np.ndarray:
    """Draw a mask from one height to another, in parts of the side."""
    segmentation = np.zeros((128, 128), np.float32)
    segmentation[round(top * 128) : round(bottom * 128), 34:94] = 1
    return segmentation


@pytest.mark.parametrize(
    ("top", "bottom", "nose", "chin"),
    [
        (0.47, 0.88, True, True),
        (0.60, 0.88, False, True),
        (0.47, 0.68, True, False),
        (0.68, 0.95, False, True),
    ],
)
def test_a_mask_covers_what_lies_under_its_segmentation(
    top: float, bottom: float, nose: bool, chin: bool
) -> None:
    found = mask_coverage(_segmentation(top, bottom), TEMPLATE)

    assert (found.nose_covered > 0.5, found.chin_covered > 0.5) == (nose, chin)


def test_the_chin_of_a_short_face_lies_higher() -> None:
    short = TEMPLATE.copy()
    short[3:, 1] -= 0.08

    segmentation = _segmentation(0.45, 0.69)

    assert (
        mask_coverage(segmentation, TEMPLATE).chin_covered
        < 0.5
        < mask_coverage(segmentation, short).chin_covered
    )


def test_an_observation_is_no_face_of_its_own_beside_or_over_a_surer_one(tmp_path: Path) -> None:
    sure, neck = detection_at(150, 100, 80), detection_at(155, 160, 60, score=0.8)
    again, friend = detection_at(155, 105, 60, score=0.96), detection_at(260, 100, 60, score=0.97)
    picture = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)

    class Detector:
        def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
            border = (images[0].shape[1] - 300) / 2
            moved = ((each, each.box) for each in (neck, friend, again, sure))
            return [
                [
                    Detection(
                        Box(b.x0 + border, b.y0 + border, b.x1 + border, b.y1 + border),
                        each.landmarks + np.float32(border),
                        each.score,
                    )
                    for each, b in moved
                ]
            ]

    # The smallest face is as large as the detector wants it, so the picture is not reduced.
    config = ExtractConfig(detect=DetectConfig(min_face_px=20.0))
    candidates = crop_picture(tmp_path / "a.png", config, Detector())

    centres = [[round(place) for place in candidate.face.box.center] for candidate in candidates]
    assert centres == [[150, 100], [260, 100]]


def test_a_wider_border_is_tried_where_nobody_is_seen(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)

    class WantsSurround(StillDetector):
        def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
            found = super().detect(images)
            return found if images[0].shape[0] > 300 else [[]]

    detector = WantsSurround()
    config = ExtractConfig(detect=DetectConfig(min_face_px=20.0))
    (candidate,) = crop_picture(tmp_path / "a.png", config, detector)

    assert [shape[0] for shape in detector.seen] == [280, 400]
    assert candidate.face.box.center == pytest.approx((100, 100), abs=1)
