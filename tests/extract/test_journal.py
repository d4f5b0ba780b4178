from pathlib import Path

import pytest

from facemask_video.core.errors import CropsError
from facemask_video.extract.journal import JOURNAL, Journal
from tests.extract.rows import make_row

_FIXED_SECTIONS = {"crop": {"size_px": 64}, "sample": {"every": None}}


def test_finished_sources_are_there_again(tmp_path: Path) -> None:
    rows = (make_row(0), make_row(1))
    with Journal(tmp_path / "set", _FIXED_SECTIONS) as journal:
        journal.finish("a" * 64, rows)
        journal.finish("b" * 64, ())

    with Journal(tmp_path / "set", _FIXED_SECTIONS) as journal:
        assert journal.rows == {"a" * 64: rows, "b" * 64: ()}


@pytest.mark.parametrize("torn", [b'{"source": "b", "rows": [', b"\x00\x00", b'{"source": "b"}'])
def test_half_a_line_is_taken_away(tmp_path: Path, torn: bytes) -> None:
    with Journal(tmp_path, _FIXED_SECTIONS) as journal:
        journal.finish("a" * 64, (make_row(0),))
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole + torn)

    with Journal(tmp_path, _FIXED_SECTIONS) as journal:
        assert list(journal.rows) == ["a" * 64]
        journal.finish("c" * 64, ())

    with Journal(tmp_path, _FIXED_SECTIONS) as journal:
        assert list(journal.rows) == ["a" * 64, "c" * 64]


def test_other_options_are_refused_and_named(tmp_path: Path) -> None:
    Journal(tmp_path, _FIXED_SECTIONS).__exit__(None, None, None)

    other = {"crop": {"size_px": 96}, "sample": {"every": None}}
    with pytest.raises(CropsError, match=r"crop\.size_px was 64, is 96"):
        Journal(tmp_path, other)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(CropsError, match="holds other things"):
        Journal(tmp_path, _FIXED_SECTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_one_run_works_on_a_set_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path, _FIXED_SECTIONS), pytest.raises(CropsError, match="another extraction"):
        Journal(tmp_path, _FIXED_SECTIONS)


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b"no JSON\n")

    with pytest.raises(CropsError, match="is damaged"):
        Journal(tmp_path, _FIXED_SECTIONS)
