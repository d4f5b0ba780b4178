import json
from pathlib import Path, PurePosixPath

import pytest

from facemask_video.core.errors import CropsError
from facemask_video.core.json_lines import to_line
from facemask_video.extract.manifest import (
    MANIFEST,
    crop_id,
    is_crop_id,
    picture_path,
    read_manifest,
    source_id,
    write_manifest,
)
from tests.extract.rows import make_row

_SHA = "0123456789abcdef"


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rows = [
        make_row(2, rejected=("blurred", "small"), file=None),
        make_row(1, domain="masked", nose_covered=0.9, chin_covered=0.2, split="test"),
        make_row(0, pts=None, time_base=None, source="ünï\ncode\u2028\udcff.jpg"),
    ]

    write_manifest(tmp_path, rows)

    assert read_manifest(tmp_path) == sorted(rows, key=lambda row: row.crop)
    assert [p.name for p in tmp_path.iterdir()] == [MANIFEST]


def test_rows_are_sorted_so_that_the_order_of_work_does_not_show(tmp_path: Path) -> None:
    rows = [make_row(frame, track) for frame in (9, 3, 1) for track in (1, 0)]

    first = write_manifest(tmp_path, rows).read_bytes()

    assert write_manifest(tmp_path, reversed(rows)).read_bytes() == first


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/absolute.mp4",
        "..",
        ".",
        ".hidden",
        "a\\..\\b.mp4",
        "nul\0byte.mp4",
        "new\nline.mp4",
        "übergröße 日本.mkv",
        "-rf.mp4",
        "CON.mp4",
        "x" * 300 + ".mp4",
        "",
    ],
)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    identity = source_id(name, _SHA)
    path = PurePosixPath(picture_path("crops", crop_id(identity, 5, 1), ".png"))

    assert path.parts == ("crops", identity, "f000005-t0001.png")
    assert is_crop_id(crop_id(identity, 5, 1))
    assert len(identity) <= 60
    assert not identity.startswith("-")


def test_sources_of_one_name_have_different_ids() -> None:
    assert source_id("a/clip.mp4", "0" * 64) != source_id("b/clip.mp4", "1" * 64)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"crop": "../x/f000000-t0000"}, "leaves the set's folder"),
        ({"file": "../x.png"}, "leaves the set's folder"),
        ({"file": "/x.png"}, "leaves the set's folder"),
        ({"split": "../../x"}, "split"),
        ({"domain": "../x"}, "domain"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"landmarks": 3}, "not iterable"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    good = to_line(make_row(0))
    bad = json.dumps({**json.loads(to_line(make_row(1))), **change})
    (tmp_path / MANIFEST).write_text(f"{good}{bad}\n", encoding="utf-8")

    with pytest.raises(CropsError, match=f"line 2: .*{reason}"):
        read_manifest(tmp_path)


def test_a_missing_key_or_half_a_line_is_named(tmp_path: Path) -> None:
    plain = json.loads(to_line(make_row(0)))
    del plain["sharpness"]
    (tmp_path / MANIFEST).write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(CropsError, match=r"line 1: .*sharpness"):
        read_manifest(tmp_path)

    (tmp_path / MANIFEST).write_text(to_line(make_row(0))[:50], encoding="utf-8")
    with pytest.raises(CropsError, match="line 1: "):
        read_manifest(tmp_path)


def test_a_folder_without_a_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CropsError, match="facemask-video extract"):
        read_manifest(tmp_path)
