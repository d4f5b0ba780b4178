import subprocess
import sys
from dataclasses import MISSING
from pathlib import Path

import click
import pytest

from facemask_video import __version__
from facemask_video.cli.batch import batch
from facemask_video.cli.convert import convert
from facemask_video.cli.curate import curate
from facemask_video.cli.extract import extract
from facemask_video.cli.main import main
from facemask_video.cli.options import SettingOption
from facemask_video.cli.track import track
from facemask_video.config import (
    BatchConfig,
    ConvertConfig,
    CurateConfig,
    ExtractConfig,
    TracksConfig,
)
from facemask_video.config.settings import settings_of
from tests.cli.conftest import Run

_COMMANDS = [
    "batch",
    "benchmark",
    "convert",
    "curate",
    "doctor",
    "extract",
    "inspect",
    "live",
    "preview",
    "track",
    "ui",
    "verify",
]


def test_every_command_is_listed(run: Run) -> None:
    result = run("--help")

    assert result.exit_code == 0
    assert sorted(main.commands) == _COMMANDS
    for name in _COMMANDS:
        assert f"  {name}" in result.output
    assert "facemask-video convert --help" in " ".join(result.output.split())


@pytest.mark.parametrize("name", _COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help_with_an_example(run: Run, name: str, flag: str) -> None:
    result = run(name, flag)

    assert result.exit_code == 0, result.output
    assert "\n  facemask-video " in result.output


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    for parameter in main.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith("."), parameter.name


@pytest.mark.parametrize(
    ("command", "config"),
    [
        (batch, BatchConfig),
        (convert, ConvertConfig),
        (curate, CurateConfig),
        (extract, ExtractConfig),
        (track, TracksConfig),
    ],
)
def test_every_setting_is_an_option_and_shows_its_default(
    run: Run, command: click.Command, config: type
) -> None:
    shown = " ".join(run(str(command.name), "--help").output.split())
    options = {
        option.named.name: option for option in command.params if isinstance(option, SettingOption)
    }

    assert list(options) == [named.name for named in settings_of(config)]
    for named in settings_of(config):
        assert options[named.name].opts[0] in shown
        silent = named.default in (MISSING, None, {}, (), "") or isinstance(named.default, bool)
        if not silent and named.setting.default_text is None:
            default = "auto" if named.setting.zero_is_auto else named.default
            assert f"[default: {default}" in shown, named.name


def test_the_version_is_told(run: Run) -> None:
    assert __version__ in run("--version").output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["batch", "--help"],
        ["convert", "--help"],
        ["track", "--help"],
        ["extract", "--help"],
        ["--version"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from facemask_video.cli.main import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "print(sorted({'torch', 'av', 'cv2', 'numpy', 'scipy'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_takes_a_file_of_settings_and_names_its_faults(
    run: Run, name: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("nonsense = 1\n", encoding="utf-8")
    needed: dict[str, list[str | Path]] = {
        "batch": ["in.mp4", "-o", tmp_path / "out"],
        "benchmark": ["in.mp4"],
        "convert": ["in.mp4"],
        "curate": [tmp_path],
        "doctor": [],
        "extract": ["in.mp4", "-o", tmp_path / "set"],
        "inspect": ["in.mp4"],
        "live": ["in.mp4", "-"],
        "preview": ["in.mp4", "-o", tmp_path / "seen.png"],
        "ui": [tmp_path],
        "track": ["in.mp4", "--out", tmp_path / "faces.jsonl"],
        "verify": ["in.mp4", "out.mp4"],
    }

    result = run(name, *needed[name], "--config", file)

    assert result.exit_code == 2
    assert f"{file}: unknown key 'nonsense'" in result.stderr
