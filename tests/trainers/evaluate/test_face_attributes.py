"""Figures for each kind of face."""

from pathlib import Path

import numpy as np
import pytest

from facemask_video.align.template import TEMPLATE
from facemask_video.core.errors import ConfigError
from trainers.data.crops import CropSet
from trainers.evaluate.face_attributes import (
    ManifestFace,
    by_attribute,
    face_attributes,
    read_manifests,
)
from trainers.evaluate.measurement import OURS, Context, mean_measurement

CONTEXT = Context("unmask/held-out", "plain squares", "", 1)
LIGHT, DARK = (225, 190, 165), (70, 45, 35)


def _crops() -> CropSet:
    """A light face to the front, and a dark one that is turned."""
    images = np.stack([np.full((64, 64, 3), colour, np.uint8) for colour in (LIGHT, DARK)])
    turned = TEMPLATE.copy()
    turned[2, 0] += 0.1
    landmarks = np.stack([TEMPLATE, turned]).astype(np.float32)
    return CropSet(images, landmarks, ("set/web/a.png", "set/ffhq/b.png"))


def test_faces_are_told_apart_by_landmarks_pixels_manifest_and_folder() -> None:
    noted = {
        "set/web/a.png": ManifestFace(np.zeros((5, 2), np.float32), 200.0),
        "set/ffhq/b.png": ManifestFace(np.zeros((5, 2), np.float32), 60.0),
    }

    assert face_attributes(_crops(), noted) == {
        "yaw": {"set/web/a.png": "under 15°", "set/ffhq/b.png": "over 30°"},
        "light": {"set/web/a.png": "bright", "set/ffhq/b.png": "dark"},
        "skin": {"set/web/a.png": "light", "set/ffhq/b.png": "brown, dark"},
        "size": {"set/web/a.png": "over 128 px", "set/ffhq/b.png": "under 80 px"},
        "folder": {"set/web/a.png": "web", "set/ffhq/b.png": "ffhq"},
    }


def test_a_trait_that_all_share_or_nobody_noted_is_left_out() -> None:
    alone = _crops().take(np.array([True, False]))

    assert face_attributes(alone, {}) == {}
    assert "size" not in face_attributes(_crops(), {})


def test_a_figure_is_told_for_each_kind_from_its_own_samples() -> None:
    samples = {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.0, "e": 0.0}
    kinds = {"a": "bright", "b": "dark", "c": "bright", "d": "dark", "e": "middle"}
    figures = [
        mean_measurement("classed_bare", samples, CONTEXT, better="higher"),
        mean_measurement("classed_bare", samples, CONTEXT, better="higher", method="copy"),
        mean_measurement("psnr_outside_db", samples, CONTEXT, better="higher"),
    ]

    found = list(by_attribute(figures, {"light": kinds}))

    assert {figure.context.group for figure in found} == {"unmask/held-out, by light"}
    assert {(figure.name, figure.method): figure.value for figure in found} == {
        ("classed_bare", OURS): 0.6,
        ("classed_bare", "dark (2)"): 0.5,
        ("classed_bare", "bright (2)"): 1.0,
    }


HEADER = "file,box_w,reyex,reyey,leyex,leyey,nosex,nosey,rmouthx,rmouthy,lmouthx,lmouthy"


def test_manifests_are_read_under_the_name_of_their_folder(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/manifest.csv").write_text(f"{HEADER}\nweb/a.jpg,90,1,2,3,4,5,6,7,8,9,10\n")

    [(name, noted)] = read_manifests(tmp_path).items()

    assert name == "bare/web/a.jpg"
    assert noted.width_px == 90
    assert noted.landmarks_px.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]


@pytest.mark.parametrize("text", ["file,box_w\na,1\n", f"{HEADER}\na,wide,1,2,3,4,5,6,7,8,9,10\n"])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "bare").mkdir()
    path = tmp_path / "bare/manifest.csv"
    path.write_text(text)

    with pytest.raises(ConfigError, match="not a manifest") as caught:
        read_manifests(tmp_path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_manifests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no NAME/manifest\.csv"):
        read_manifests(tmp_path)


def test_a_bowed_and_a_raised_head_are_told_apart() -> None:
    grey = np.full((3, 64, 64, 3), 128, np.uint8)
    points = np.repeat(TEMPLATE.astype(np.float32)[None], 3, axis=0)
    down = points[0, 3:, 1].mean() - points[0, :2, 1].mean()
    points[:, 2, 1] += np.array([-0.25, 0, 0.25]) * down

    found = face_attributes(CropSet(grey, points, ("a", "b", "c")), {})

    assert list(found["pitch"].values()) == ["raised over 15°", "level", "bowed over 15°"]
