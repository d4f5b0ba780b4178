from pathlib import Path

import pytest

from facemask_video.core.errors import CropsError
from facemask_video.extract.journal import LEDGER, Ledger
from tests.extract.rows import make_row

_HOW = {"crop": {"size_px": 64}, "sample": {"every": None}}


def test_finished_sources_are_there_again(tmp_path: Path) -> None:
    rows = (make_row(0), make_row(1))
    with Ledger(tmp_path / "set", _HOW) as ledger:
        ledger.finish("a" * 64, rows)
        ledger.finish("b" * 64, ())

    with Ledger(tmp_path / "set", _HOW) as ledger:
        assert ledger.rows == {"a" * 64: rows, "b" * 64: ()}


@pytest.mark.parametrize("torn", [b'{"source": "b", "rows": [', b"\x00\x00", b'{"source": "b"}'])
def test_half_a_line_is_taken_away(tmp_path: Path, torn: bytes) -> None:
    with Ledger(tmp_path, _HOW) as ledger:
        ledger.finish("a" * 64, (make_row(0),))
    whole = (tmp_path / LEDGER).read_bytes()
    (tmp_path / LEDGER).write_bytes(whole + torn)

    with Ledger(tmp_path, _HOW) as ledger:
        assert list(ledger.rows) == ["a" * 64]
        ledger.finish("c" * 64, ())

    with Ledger(tmp_path, _HOW) as ledger:
        assert list(ledger.rows) == ["a" * 64, "c" * 64]


def test_other_options_are_refused_and_named(tmp_path: Path) -> None:
    Ledger(tmp_path, _HOW).__exit__(None, None, None)

    other = {"crop": {"size_px": 96}, "sample": {"every": None}}
    with pytest.raises(CropsError, match=r"crop\.size_px was 64, is 96"):
        Ledger(tmp_path, other)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(CropsError, match="holds other things"):
        Ledger(tmp_path, _HOW)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_one_run_works_on_a_set_at_a_time(tmp_path: Path) -> None:
    with Ledger(tmp_path, _HOW), pytest.raises(CropsError, match="another extraction"):
        Ledger(tmp_path, _HOW)


def test_a_damaged_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_bytes(b"no JSON\n")

    with pytest.raises(CropsError, match="is damaged"):
        Ledger(tmp_path, _HOW)
