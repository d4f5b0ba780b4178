from pathlib import Path

import numpy as np
import pytest

from facemask_video.core.pictures import read_picture, write_picture
from facemask_video.extract.folder_layouts import lay_out
from facemask_video.extract.manifest import ManifestRow
from tests.extract.rows import make_row


@pytest.fixture
def rows(tmp_path: Path) -> list[ManifestRow]:
    """Make a set of five crops, one rejected, with pictures."""
    rows = [
        make_row(0),
        make_row(1, domain="masked"),
        make_row(2, split="val"),
        make_row(3, split="test", domain="masked"),
        make_row(4, rejected=("small",), file="rejected/crops/clip-0123456789/f000004-t0000.png"),
    ]
    for index, row in enumerate(rows):
        assert row.file is not None
        write_picture(tmp_path / row.file, np.full((256, 256, 3), 40 + index, np.uint8))
    return rows


def _tree(folder: Path) -> dict[str, list[str]]:
    return {
        place.name: sorted(file.name for file in place.iterdir())
        for place in sorted(folder.iterdir())
        if place.is_dir() and place.name not in ("crops", "rejected")
    }


def test_bare_faces_are_a_and_masked_ones_b(tmp_path: Path, rows: list[ManifestRow]) -> None:
    lay_out(tmp_path, rows, "cyclegan")

    assert _tree(tmp_path) == {
        "testB": ["clip-0123456789_f000003-t0000.png"],
        "trainA": ["clip-0123456789_f000000-t0000.png"],
        "trainB": ["clip-0123456789_f000001-t0000.png"],
        "valA": ["clip-0123456789_f000002-t0000.png"],
    }
    (linked,) = (tmp_path / "trainA").iterdir()
    assert linked.read_bytes() == (tmp_path / str(rows[0].file)).read_bytes()


def test_a_paired_picture_holds_the_landmarks_and_the_crop(
    tmp_path: Path, rows: list[ManifestRow]
) -> None:
    lay_out(tmp_path, rows, "paired")

    assert {name: len(files) for name, files in _tree(tmp_path).items()} == {
        "test": 1,
        "train": 2,
        "val": 1,
    }
    pair = read_picture(tmp_path / "train" / "clip-0123456789_f000000-t0000.png")
    assert pair is not None
    assert pair.shape == (256, 512, 3)
    assert (pair[:, 256:] == 40).all()
    assert 0 < pair[:, :256].any(axis=2).mean() < 0.2


def test_a_layout_replaces_the_one_before_and_nobody_elses_files(
    tmp_path: Path, rows: list[ManifestRow]
) -> None:
    lay_out(tmp_path, rows, "cyclegan")
    (tmp_path / "trainA" / "mine.png").write_bytes(b"mine")

    lay_out(tmp_path, rows, "none")

    assert _tree(tmp_path) == {"trainA": ["mine.png"]}
