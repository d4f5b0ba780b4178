"""Which files of a command line are read, and which is written."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.synthetic import encode_clip


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Return two clips, as a shell makes them of one pattern."""
    return encode_clip(tmp_path / "a.mp4"), encode_clip(tmp_path / "b.mp4")


@pytest.mark.parametrize("further", [[], ["-y"], ["-y", "--dry-run"]])
def test_a_pattern_of_two_clips_does_not_replace_the_second(
    run: Run, two: tuple[Path, Path], further: list[str]
) -> None:
    before = two[1].read_bytes()

    result = run(*two, "-d", "mask", *further)

    assert result.exit_code == 2
    assert f"{two[1]}: is a video that this program did not make" in result.stderr
    assert "-o DIR" in result.stderr
    assert "--force" in result.stderr
    assert two[1].read_bytes() == before


def test_force_replaces_whatever_it_is(run: Run, two: tuple[Path, Path], weights: Path) -> None:
    before = two[1].read_bytes()

    result = run(*two, "-d", "mask", "--weights", weights, "--force")

    assert result.exit_code == 0, result.stderr
    assert two[1].read_bytes() != before
    # What this program made takes -y alone.
    assert run(*two, "-d", "mask", "--weights", weights, "-y").exit_code == 0


@pytest.mark.parametrize("name", ["old/c.mkv", "b.txt.mp4"])
def test_what_is_no_second_input_is_replaced_by_y_alone(
    run: Run, two: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    out.parent.mkdir(exist_ok=True)
    if out.suffix == ".mkv":
        encode_clip(out)
    else:
        out.write_text("no video")

    assert run(two[0], out, "-d", "mask", "-y", "--dry-run").exit_code == 0


@pytest.mark.parametrize("form", [["-o", "DIR"], ["-oDIR"], ["--output", "DIR"], ["--output=DIR"]])
def test_several_files_and_a_folder_are_a_batch(
    run: Run, two: tuple[Path, Path], tmp_path: Path, form: list[str]
) -> None:
    out = tmp_path / "out"
    words = [word.replace("DIR", str(out)) for word in form]

    result = run(*two, *words, "-d", "mask", "--dry-run")

    assert result.exit_code == 0, result.stderr
    assert f"{two[1]} (0:00:01) > {out / 'b_masked.mp4'}" in result.stdout


def test_one_file_may_be_named_by_o(run: Run, two: tuple[Path, Path], tmp_path: Path) -> None:
    result = run(two[0], "-o", tmp_path / "c.mkv", "-d", "mask", "--dry-run")

    assert result.exit_code == 0, result.stderr
    assert f"Would write      {tmp_path / 'c.mkv'}" in result.stdout


def test_several_files_without_a_folder_are_refused_with_the_way_out(
    run: Run, two: tuple[Path, Path], tmp_path: Path
) -> None:
    third = encode_clip(tmp_path / "c.mp4")

    for words in ((*two, third), (*two, "-o", tmp_path / "d.mp4"), (tmp_path,)):
        result = run(*words, "-d", "mask", "-y")
        assert result.exit_code == 2
        assert "as -o DIR" in result.stderr
