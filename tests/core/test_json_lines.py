"""Files written line by line are there whole or not at all, and say what went wrong."""

from pathlib import Path

import pytest

from facemask_video.core.errors import VideoWriteError
from facemask_video.core.files import part_path
from facemask_video.core.json_lines import LinesWriter, Moment


class Writer(LinesWriter):
    def refusal(self, moment: Moment, exc: OSError) -> VideoWriteError:
        return VideoWriteError(f"{self.path.name}: {moment}: {exc.strerror}")


def test_the_file_has_its_name_when_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Writer(path) as writer:
        writer.put('{"é": 1}')
        assert not path.exists()
        writer.put("2")
        writer.finish()
    assert path.read_bytes() == '{"é": 1}\n2\n'.encode()
    assert [each.name for each in tmp_path.iterdir()] == ["a.jsonl"]


def test_what_is_not_finished_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("before")

    def fail() -> None:
        with Writer(path) as writer:
            writer.put("1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    part_path(path, pid=1).write_text("half")
    with Writer(path) as writer:
        writer.finish()
    assert list(tmp_path.iterdir()) == [path]


def test_errors_say_when_they_came(tmp_path: Path) -> None:
    with pytest.raises(VideoWriteError, match=r"a\.jsonl: begun: No such file"):
        Writer(tmp_path / "none/a.jsonl")
    (tmp_path / "folder").mkdir()
    with Writer(tmp_path / "folder") as writer:
        writer.put("1")
        with pytest.raises(VideoWriteError, match="folder: completed: Is a directory"):
            writer.finish()
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
