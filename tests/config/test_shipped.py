from pathlib import Path

import pytest
from click.testing import CliRunner

from facemask_video.cli.main import main
from facemask_video.config.shipped import find_config
from facemask_video.core.errors import ConfigError


def test_a_bare_name_is_a_shipped_configuration() -> None:
    assert find_config(Path("cpu-128"), "train").read_text("utf-8").startswith("# The recipe")


@pytest.mark.parametrize("path", ["mine.toml", "folder/exact", "./exact.toml"])
def test_a_path_is_taken_as_it_is(path: str) -> None:
    assert find_config(Path(path), "convert") == Path(path)


def test_a_file_of_the_users_wins_over_a_shipped_name(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "exact").write_text("", "utf-8")
    monkeypatch.chdir(tmp_path)

    assert find_config(Path("exact"), "convert") == Path("exact")


def test_an_unknown_name_is_answered_with_those_that_ship() -> None:
    with pytest.raises(ConfigError, match=r"no file, and no .* cpu-256"):
        find_config(Path("cpu-129"), "train")


def test_help_names_every_configuration_of_a_conversion() -> None:
    shown = " ".join(CliRunner().invoke(main, ["convert", "--help"]).output.split())
    names = sorted(path.stem for path in find_config(Path("exact"), "convert").parent.iterdir())

    assert f"({', '.join(names)})" in shown
