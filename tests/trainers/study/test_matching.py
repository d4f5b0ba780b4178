"""Pairs of a study: cut alike, matched in style and light, of one colour."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from facemask_video.align.template import TEMPLATE
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import bounding_box
from trainers.study.config import StudyConfig
from trainers.study.matching import (
    FEATURES,
    MatchedPair,
    StudyFace,
    features,
    giveaways,
    match,
    study_crop,
)
from trainers.study.page import study_page
from trainers.study.pictures import Picture

SIZE_PX = 40


def drawn(
    mask: tuple[int, int, int], *, light: int = 0, side_px: int = 80, around_px: int = 60
) -> tuple[ImageU8, np.ndarray]:
    """Draw a face in a mask, ``side_px`` the side of its aligned crop; returns its landmarks."""
    full = side_px + 2 * around_px
    image = np.full((full, full, 3), 120 + light, np.uint8)
    points = TEMPLATE * side_px + around_px
    middle = (around_px + side_px // 2, around_px + round(0.55 * side_px))
    axes = (round(0.3 * side_px), round(0.42 * side_px))
    cv2.ellipse(image, middle, axes, 0, 0, 360, [190 + light, 150 + light, 130 + light], -1)
    for x, y in points[:2]:
        cv2.circle(image, (round(x), round(y)), max(1, side_px // 30), [40, 30, 30], -1)
    top, bottom = points[2, 1], around_px + 0.9 * side_px
    left, right = around_px + 0.25 * side_px, around_px + 0.75 * side_px
    cv2.rectangle(image, (round(left), round(top)), (round(right), round(bottom)), mask, -1)
    return image, points.astype(np.float32)


def face(
    name: str, mask: tuple[int, int, int], *, direction: str = "mask", **look: int
) -> StudyFace:
    crop = study_crop(*drawn(mask, **look), SIZE_PX)
    assert crop is not None
    return StudyFace(Picture(Path(name), name, "", direction), crop[0], features(*crop))


BLUE, WHITE, BLACK = (60, 110, 200), (235, 235, 235), (25, 25, 25)


def names(pairs: Sequence[MatchedPair]) -> dict[str, str]:
    return {pair.fake.picture.name: pair.real.picture.name for pair in pairs}


def test_faces_of_any_size_and_place_are_framed_alike() -> None:
    crops = [
        study_crop(*drawn(BLUE, side_px=side, around_px=around), SIZE_PX)
        for side, around in ((60, 30), (120, 50), (240, 11))
    ]
    whole = [crop for crop in crops if crop is not None]
    assert len(whole) == 3
    for image, points, _ in whole:
        assert image.shape == (SIZE_PX, SIZE_PX, 3)
        assert points == pytest.approx((TEMPLATE - [0.13, 0.15]) / 0.74 * SIZE_PX, abs=0.5)
        assert np.abs(image.astype(int) - whole[0][0]).mean() < 8
    # What is shown of a crop that is no larger than the template is whole.
    assert study_crop(*drawn(BLUE, side_px=100, around_px=0), SIZE_PX) is not None


def test_a_picture_that_ends_beside_the_face_is_left_out() -> None:
    image, points = drawn(BLUE, side_px=100, around_px=0)
    assert study_crop(image[:, 20:], points - np.array([20, 0], np.float32), SIZE_PX) is None


def test_outputs_get_the_photograph_of_their_mask_their_size_and_their_light() -> None:
    looks = {
        "blue": (BLUE, {}),
        "white": (WHITE, {}),
        "black": (BLACK, {}),
        "blue, dark": (BLUE, {"light": -60}),
        "blue, small": (BLUE, {"side_px": 20}),
    }
    real = [face(name, mask, **look) for name, (mask, look) in looks.items()]
    fake = [face(name, mask, **look) for name, (mask, look) in reversed(looks.items())]
    assert names(match(real, fake)) == {name: name for name in looks}
    # With fewer of one side, the nearest are taken, each once.
    assert names(match(real[:2], fake)) == {"blue": "blue", "white": "white"}


def test_photographs_of_a_direction_stand_against_it_alone() -> None:
    real = [face("bare", BLUE, direction="unmask"), face("any", WHITE, direction="")]
    fake = [face("masked", BLUE), face("second", BLUE)]
    assert len(match(real, fake)) == 1
    assert set(names(match(real, fake)).values()) == {"any"}
    assert match(real, []) == []


def test_the_two_pictures_of_a_pair_have_one_colour_beside_the_mask() -> None:
    real, fake = face("r", BLUE, light=-40), face("f", BLUE, light=30)
    (pair,) = match([real], [fake])
    before = real.image[:8].mean() - fake.image[:8].mean()
    after = pair.real_image[:8].mean() - pair.fake_image[:8].mean()
    assert abs(before) > 60
    assert abs(after) < abs(before) / 5
    # Both move, so that neither is the one that was touched.
    assert real.image[:8].mean() < pair.real_image[:8].mean() < fake.image[:8].mean()


def test_what_still_tells_the_two_apart_is_named() -> None:
    def pairs(sides_px: Sequence[int]) -> list[MatchedPair]:
        real = [face(f"r{n}", BLUE, light=2 * n, side_px=side) for n, side in enumerate(sides_px)]
        fake = [face(f"f{n}", BLUE, light=2 * n, side_px=80 + n % 3) for n in range(10)]
        return match(real, fake)

    found = {each.feature: each.share for each in giveaways(pairs([160 + n for n in range(10)]))}
    assert found["size of the face"] == 1.0
    assert "pattern of the lower face" in FEATURES
    assert "pattern of the lower face" not in found
    assert giveaways(pairs([80 + (n + 1) % 3 for n in range(10)])) == []


class KnowsFaces:
    """Finds the drawn face of a picture by where it was drawn."""

    def detect(self, pictures: Sequence[ImageU8]) -> list[list[Detection]]:
        return [self._in(picture) for picture in pictures]

    def _in(self, picture: ImageU8) -> list[Detection]:
        if picture.std() < 1:
            return []
        _, points = drawn(BLUE)
        points += (picture.shape[0] - 200) / 2  # of the border around it
        return [Detection(bounding_box(points), points, 1.0)]


def test_the_page_shows_matched_pairs_and_says_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("trainers.study.page.photograph_detector", lambda device: KnowsFaces())
    for kind, order in (("real", (BLUE, WHITE, BLACK)), ("fake/mask", (BLACK, BLUE, WHITE))):
        (tmp_path / kind).mkdir(parents=True)
        for number, colour in enumerate(order):
            image, _ = drawn(colour)
            cv2.imwrite(str(tmp_path / kind / f"{number}.png"), image[..., ::-1])
    cv2.imwrite(str(tmp_path / "real/nobody.png"), np.full((200, 200, 3), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "fake/nobody.png"), np.full((200, 200, 3), 90, np.uint8))
    config = StudyConfig(trials=3, practice=0, size_px=SIZE_PX, device="cpu")
    page = study_page(tmp_path / "real", tmp_path / "fake", config)
    line = next(line for line in page.splitlines() if line.startswith("const study = "))
    stored = json.loads(line.removeprefix("const study = ").removesuffix(";"))
    pairs = {fake["name"]: stored["real"][fake["pair"]]["name"] for fake in stored["fake"]}
    assert pairs == {"mask/0.png": "2.png", "mask/1.png": "0.png", "mask/2.png": "1.png"}
    assert "real: left out 1 of 4 pictures, such as nobody.png: no face found" in caplog.text
    four = StudyConfig(trials=4, practice=0, size_px=SIZE_PX, device="cpu")
    with pytest.raises(ConfigError, match="3 pairs can be matched, expected at least 4"):
        study_page(tmp_path / "real", tmp_path / "fake", four)
