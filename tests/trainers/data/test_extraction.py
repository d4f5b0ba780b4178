from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from facemask_video.core.errors import ConfigError, CropsError
from facemask_video.extract.manifest import ManifestRow, write_manifest
from tests.extract.rows import make_row
from tests.trainers.tiny import drawn_crops, tiny_config
from trainers.data.crop_sources import join_crops, read_crops
from trainers.data.extraction import is_extraction, read_extraction
from trainers.evaluate.held_out import Evaluated, load_crops, split_evaluated
from trainers.fit.training_crops import load_training_crops

CPU = torch.device("cpu")
SIZE_PX = 48

Made = Callable[..., Path]


@pytest.fixture
def extraction(tmp_path: Path) -> Made:
    """Make a folder as ``extract`` leaves it, of drawn faces, for rows given by what is special."""

    def make(*special: dict[str, Any], name: str = "A") -> Path:
        folder = tmp_path / name
        drawn = drawn_crops(len(special), size_px=SIZE_PX)
        rows: list[ManifestRow] = []
        for number, values in enumerate(special):
            points = tuple((float(x), float(y)) for x, y in drawn.landmarks[number] * SIZE_PX)
            facts = {"frame": number, "size_px": SIZE_PX, "crop_landmarks": points} | values
            row = make_row(**facts)
            rows.append(row)
            if row.file is not None:
                path = folder / row.file
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), drawn.images[number][..., ::-1])
        write_manifest(folder, rows)
        return folder

    return make


def test_the_kept_crops_of_a_domain_are_taken_with_their_track_and_moment(extraction: Made) -> None:
    folder = extraction(
        {},
        {"domain": "masked"},
        {"rejected": ("blur",), "file": None},
        {"domain": None, "track": 1},
        {"pts": None, "time_base": None, "source_id": "picture-9876543210"},
    )

    crops, skipped = read_extraction(folder, largest_px=40, domain="bare")

    assert crops.names == (
        "A/clip-0123456789/f000000-t0000",
        "A/clip-0123456789/f000003-t0001",
        "A/picture-9876543210/f000004-t0000",
    )
    assert skipped == [("A/clip-0123456789/f000001-t0000", "masked, not bare")]
    assert crops.size_px == 40
    assert crops.track_frames is not None
    assert crops.track_frames.tolist() == [[0, 0], [1, 3], [-1, -1]]
    drawn = drawn_crops(5, size_px=SIZE_PX)
    assert np.allclose(crops.landmarks, drawn.landmarks[[0, 3, 4]], atol=1e-6)
    assert len(read_extraction(folder, largest_px=40)[0]) == 4


def test_training_sets_aside_what_the_manifest_does_whatever_the_names_say(
    extraction: Made, tmp_path: Path
) -> None:
    splits = ["train", "val", "train", "test", "train", "train"] * 4
    folder = extraction(*({"split": split_, "track": n} for n, split_ in enumerate(splits)))
    masked = extraction(*({"domain": "masked"} for _ in range(4)), name="B")
    config = tiny_config(data__bare=folder, data__masked=masked, data__held_out=0.5)

    crops = load_training_crops(config.data, tmp_path / "run", device=CPU)
    again = load_training_crops(config.data, tmp_path / "run", device=CPU)

    expected = [n for n, split_ in enumerate(splits) if split_ == "val"]
    trained_on = [n for n, split_ in enumerate(splits) if split_ == "train"]
    aside = [int(name.rpartition("-t")[2]) for name in crops.bare_held_out.names]
    assert aside == expected
    assert [int(name.rpartition("-t")[2]) for name in crops.bare.names] == trained_on
    assert again.bare_held_out.names == crops.bare_held_out.names
    # With nobody set aside, previews show what is trained on.
    assert len(crops.masked) == len(crops.masked_held_out) == 4


def test_a_set_that_lies_wholly_aside_is_refused_with_what_to_do(
    extraction: Made, tmp_path: Path
) -> None:
    folder = extraction({"split": "val"}, {"split": "val"})
    drawn_crops(4, name="masked").save(tmp_path / "masked.npz")
    config = tiny_config(data__bare=folder, data__masked=tmp_path / "masked.npz")

    with pytest.raises(ConfigError, match=r"all 2 crops are set aside; .* curate --split 1,0,0"):
        load_training_crops(config.data, tmp_path / "run", device=CPU)


def test_an_evaluation_takes_the_split_of_the_manifest_or_all(extraction: Made) -> None:
    splits = ["train", "test", "val", "train", "val", "test"]
    folder = extraction(*({"split": name} for name in splits), {"domain": "masked"})

    crops = load_crops(folder, size_px=32, device=CPU, domain="bare")
    evaluated, others = split_evaluated(crops, Evaluated(), where="A")
    test, _ = split_evaluated(crops, Evaluated(split="test"), where="A")

    assert crops.size_px == 32
    assert [name[-8:-6] for name in evaluated.names] == ["02", "04"]
    assert [name[-8:-6] for name in test.names] == ["01", "05"]
    assert len(others) == 2
    assert len(split_evaluated(crops, Evaluated(validation=1), where="A")[0]) == 6


def test_extractions_and_pictures_make_one_set_that_keeps_who_is_aside(extraction: Made) -> None:
    first = extraction({}, {"split": "val"})
    second = extraction({}, {"split": "test"}, name="B")

    read = [read_crops(folder, size_px=40, device=CPU) for folder in (first, second)]
    crops = join_crops([crops for crops, _ in read])

    assert not any(skipped for _, skipped in read)
    assert crops.splits().tolist() == [0, 1, 0, 2]
    assert crops.neighbours().tolist() == [1, 0, 3, 2]


def test_crops_that_cannot_be_read_are_listed_and_a_set_without_any_is_refused(
    extraction: Made, tmp_path: Path
) -> None:
    folder = extraction({}, {}, {"domain": "masked"}, {"rejected": ("pose",)})
    paths = sorted((folder / "crops").rglob("*.png"))
    paths[0].write_bytes(b"no picture")

    crops, skipped = read_extraction(folder, largest_px=40, domain="bare")

    assert len(crops) == 1
    assert ("A/clip-0123456789/f000000-t0000", "unreadable") in skipped
    paths[1].unlink()
    with pytest.raises(ConfigError, match="no crop can be taken of 4: 1 are rejected, 3"):
        read_extraction(folder, largest_px=40, domain="bare")
    assert not is_extraction(tmp_path)
    with pytest.raises(CropsError, match="holds no manifest"):
        read_extraction(tmp_path, largest_px=40)
