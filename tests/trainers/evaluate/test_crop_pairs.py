"""The pictures of an evaluation, and what is wrong with them in one line."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facemask_video.core.errors import ConfigError
from tests.trainers.tiny import drawn_crops
from trainers.data.splits import split_of
from trainers.evaluate.crop_pairs import (
    crop_photo_pairs,
    draw_mask_pairs,
    resized,
)
from trainers.evaluate.held_out import Evaluated, evenly_sampled, load_crops, split_evaluated
from trainers.evaluate.photo_pairs import read_pairs_file, read_photo_pairs

CPU = torch.device("cpu")


def test_pairs_that_training_left_out_are_evaluated_too() -> None:
    crops = drawn_crops(60, size_px=16)
    (also,) = [n for n in crops.names if split_of(n) == "train"][:1]
    evaluated, others = split_evaluated(crops, Evaluated(also=frozenset({also})), where="here")
    assert set(evaluated.names) == {
        also,
        *(name for name in crops.names if split_of(name) == "validation"),
    }
    assert {split_of(name) for name in others.names} == {"train"}
    assert also not in others.names


def test_a_list_of_names_is_evaluated_in_place_of_a_split() -> None:
    crops = drawn_crops(20, size_px=16)
    names = frozenset({"bare/003.png", "bare/011.png", "bare/none.png"})
    evaluated, _ = split_evaluated(crops, Evaluated(names=names), where="here")
    assert set(evaluated.names) == names - {"bare/none.png"}


def test_too_few_held_out_faces_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"pictures: 1 of 1 faces .* expected at least 2"):
        split_evaluated(drawn_crops(1), Evaluated(validation=1), where="pictures")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no pictures"):
        load_crops(tmp_path, size_px=32, device=CPU)


def test_crops_smaller_than_the_generator_s_are_refused(tmp_path: Path) -> None:
    drawn_crops(3, size_px=16).save(tmp_path / "small.npz")
    with pytest.raises(ConfigError, match=r"small\.npz: crops have 16 px, expected at least"):
        load_crops(tmp_path / "small.npz", size_px=32, device=CPU)


def test_resizing_keeps_faces_in_place() -> None:
    crops = drawn_crops(2, size_px=80)
    smaller = resized(crops, 40)
    assert smaller.images.shape == (2, 40, 40, 3)
    direct = np.stack([cv2.resize(i, (40, 40), interpolation=cv2.INTER_AREA) for i in crops.images])
    assert np.abs(smaller.images.astype(int) - direct).mean() < 1
    assert resized(crops, 80) is crops


def test_a_limit_spreads_over_the_set() -> None:
    crops = drawn_crops(10, size_px=16)
    assert evenly_sampled(crops, 3).names == ("bare/000.png", "bare/004.png", "bare/009.png")
    assert evenly_sampled(crops, 0) is crops


def test_drawn_masks_are_the_same_again_and_hide_what_they_say() -> None:
    crops = drawn_crops(4, size_px=64)
    once, again = draw_mask_pairs(crops, seed=1), draw_mask_pairs(crops, seed=1)
    assert np.array_equal(once.masked.images, again.masked.images)
    assert not np.array_equal(once.masked.images, draw_mask_pairs(crops, seed=2).masked.images)
    apart = np.abs(once.masked.images.astype(int) - once.truth).max(axis=3)
    # Outside there is only the shadow that the mask throws.
    assert apart[~once.hidden].mean() < 2 < apart[once.hidden].mean()


def write_pair(folder: Path, *, size: tuple[int, int] = (64, 64), n: int = 2) -> Path:
    for number in range(n):
        cv2.imwrite(str(folder / f"bare{number}.png"), np.zeros((64, 64, 3), np.uint8))
        cv2.imwrite(str(folder / f"masked{number}.png"), np.zeros((*size, 3), np.uint8))
    rows = "".join(f"bare{i}.png,masked{i}.png\n" for i in range(n))
    (folder / "pairs.csv").write_text("unmasked,masked\n" + rows)
    return folder / "pairs.csv"


def load(path: Path, segmentations: Path | None = None):
    return read_photo_pairs(path, device=CPU, segmentations=segmentations, limit=0)


def test_pairs_of_different_size_are_refused(tmp_path: Path) -> None:
    path = write_pair(tmp_path, size=(64, 80))
    with pytest.raises(ConfigError, match=r"differ in size \(64x64 and 80x64 px\)"):
        load(path)


def test_an_unreadable_picture_is_named(tmp_path: Path) -> None:
    path = write_pair(tmp_path)
    (tmp_path / "masked0.png").write_bytes(b"no picture")
    with pytest.raises(ConfigError, match=r"masked0\.png: not there, or not a picture"):
        load(path)


def test_pairs_without_faces_are_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(ConfigError, match="found in 0 pairs, expected at least 2"),
    ):
        load(write_pair(tmp_path))
    assert "no face found in bare0.png" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one,two\n1,2\n", "expected columns unmasked and masked"),
        ("unmasked,masked\na,b\n", "lists 1 pairs, expected at least 2"),
    ],
)
def test_damaged_lists_of_pairs_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_pairs_file(path)


def test_real_pairs_are_cut_alike_and_hidden_by_either_outline(shared_data: Path) -> None:
    listed = shared_data / "pairs_ffhq_cmfd.csv"
    segmentations = shared_data / "faces_masked/cmfd_seg"
    found, given = (
        crop_photo_pairs(read_photo_pairs(listed, device=CPU, segmentations=each, limit=3), 64)
        for each in (None, segmentations)
    )
    for pairs in (found, given):
        apart = np.abs(pairs.truth.astype(int) - pairs.masked.images).max(axis=3)
        assert apart[~pairs.hidden].mean() < 8 < 40 < apart[pairs.hidden].mean()
    shared = (found.hidden & given.hidden).sum() / (found.hidden | given.hidden).sum()
    assert shared > 0.85
