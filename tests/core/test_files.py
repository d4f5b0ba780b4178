import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from facemask_video.core.files import Part, atomic_write, part_path, remove_leftovers, sha256_file


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


def _leave_behind(target: Path, *, folder: bool) -> Path:
    """Leave a part as a process does that was killed: without a lock that anybody holds."""
    left = part_path(target, 4_000_000)
    left.mkdir() if folder else left.write_bytes(b"ha")
    return left


@pytest.mark.parametrize("folder", [False, True])
def test_what_a_killed_run_left_goes_when_the_same_file_is_written_again(
    tmp_path: Path, folder: bool
) -> None:
    left = _leave_behind(tmp_path / "out.mp4", folder=folder)
    others = [
        _leave_behind(tmp_path / "out.mp4.mov", folder=False),
        tmp_path / ".out.mp4.part",
        tmp_path / ".out.mp4.1x.part",
    ]
    for other in others[1:]:
        other.touch()

    part = Part(tmp_path / "out.mp4", folder=folder)

    assert not left.exists()
    assert sorted(tmp_path.iterdir()) == sorted([part.path, *others])
    part.close()
    assert sorted(tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize("folder", [False, True])
def test_what_another_run_is_writing_is_left_alone(tmp_path: Path, folder: bool) -> None:
    growing = Part(tmp_path / "out.mp4", folder=folder)

    remove_leftovers(tmp_path / "out.mp4")

    assert growing.path.exists()
    growing.close()
    assert list(tmp_path.iterdir()) == []


def test_a_link_under_a_parts_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    part_path(tmp_path / "out.mp4", 4_000_000).symlink_to(tmp_path / "mine")

    remove_leftovers(tmp_path / "out.mp4")

    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_the_lock_of_a_part_goes_with_its_process(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    dies = (
        "import os, pathlib, signal, sys; from facemask_video.core.files import Part; "
        "part = Part(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", dies, str(target)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1

    remove_leftovers(target)

    assert list(tmp_path.iterdir()) == []
