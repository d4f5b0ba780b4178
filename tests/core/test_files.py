import hashlib
import os
from pathlib import Path

import pytest

from facemask_video.core.files import atomic_write, part_path, sha256_file


def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"

    with atomic_write(path) as part:
        part.write_text("whole")
        assert not path.exists()

    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def _break_off(path: Path) -> None:
    with atomic_write(path) as part:
        part.write_text("ha")
        raise RuntimeError


def test_a_failure_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    with pytest.raises(RuntimeError):
        _break_off(path)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_one_stem_grow_under_names_of_their_own(tmp_path: Path) -> None:
    assert part_path(tmp_path / "a.onnx") != part_path(tmp_path / "a.safetensors")


def test_a_name_as_long_as_names_may_be_has_a_part(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 127)

    with atomic_write(path) as part:
        part.write_text("whole")

    assert path.read_text() == "whole"


def test_a_hash_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    assert sha256_file(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("name", [b"caf\xe9.mp4", b"\xe9" * 240 + b".mp4"])
def test_a_name_of_any_bytes_has_a_part(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)

    with atomic_write(path) as part:
        part.write_text("whole")

    assert path.read_text() == "whole"
