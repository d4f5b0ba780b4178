"""The page's options are the command line's."""

import shlex
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import click
import pytest

from facemask_video.cli.convert import convert
from facemask_video.cli.main import main
from facemask_video.cli.options import SettingOption
from facemask_video.config import BatchConfig, ConvertConfig
from facemask_video.config.settings import settings_of, values_of
from facemask_video.core.errors import ConfigError
from facemask_video.ui.options import (
    command_line,
    conversion,
    described_options,
    page_settings,
    preview_of,
    tracks_of,
)

_OTHER: dict[str, Any] = {
    "direction": "unmask",
    "translate.quality": "fast",
    "translate.style": "ffp2",
    "translate.mask_color": "#aabbcc",
    "translate.device": "cpu",
    "select.faces": "track:0,3",
    "composite.region": "mouth,nose",
    "output.label": "it's a label; $(touch x)",
    "output.label_on": "all",
    "video.start_s": "0:01.5",
    "video.end_s": 9,
    "video.encoder": "ffv1",
    "video.pixel_format": "yuv444p",
    "video.preset": "slow",
}


def _another(named: Any) -> Any:
    if named.name in _OTHER:
        return _OTHER[named.name]
    if named.kind is bool:
        return not named.default
    if named.setting.choices:
        return next(choice for choice in named.setting.choices if choice != named.default)
    low, high = named.setting.low, named.setting.high
    return (high / 3 if high else (low or 0) + 3) if named.kind is float else int(low or 0) + 3


def _typed(line: str) -> dict[str, object]:
    words = shlex.split(line)
    assert words[0] == "facemask-video"
    # As below the program: a command keeps the help option of the first context that it sees.
    with click.Context(main, info_name="facemask-video", **main.context_settings) as program:
        context = convert.make_context("convert", words[1:], parent=program)
    return {
        parameter.named.name: context.params[parameter.name]
        for parameter in convert.params
        if isinstance(parameter, SettingOption)
        and context.get_parameter_source(parameter.name) is not click.core.ParameterSource.DEFAULT
    }


@pytest.mark.parametrize("named", page_settings(), ids=lambda named: named.name)
def test_the_command_line_sets_what_the_page_set(named: Any) -> None:
    value = _another(named)
    given = {"direction": "mask", named.option: value}
    if named.name == "output.label_on":
        given["label"] = "x"
    typed = _typed(command_line(Path("-in .mp4"), Path("out.mp4"), given))
    config = values_of(conversion(given))
    assert config[named.name] != named.default
    assert typed.pop("direction") == given["direction"]
    typed.pop("output.label", None) if named.name != "output.label" else None
    assert typed == ({} if named.name == "direction" else {named.name: config[named.name]})


def test_every_option_of_a_conversion_is_on_the_page_or_left_out_on_purpose() -> None:
    shown = {named.name for named in page_settings()}
    kept = {named.name for named in settings_of(BatchConfig)}
    missing = {named.name for named in settings_of(ConvertConfig)} & kept - shown
    assert missing == {
        "source.frames",
        "translate.weights",
        "video.encoder_options",
        "output.overwrite",
        "output.progress",
        "output.sign",
    }
    for option in described_options(page_settings()):
        assert option["help"].endswith(".")
        assert option["flag"].startswith("--")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"direction": "sideways"},
        {"direction": "mask", "on_done": "touch x"},
        {"direction": "mask", "on_each": "touch x"},
        {"direction": "mask", "name": "../../{stem}"},
        {"direction": "mask", "weights": "/etc/passwd"},
        {"direction": "mask", "encoder_opt": {"stats": "/tmp/x"}},
        {"direction": "mask", "crf": 99},
        {"direction": "mask", "crf": "x"},
        {"direction": "mask", "crf": float("nan")},
        {"direction": "mask", "audio": "yes"},
        {"direction": "unmask", "style": "ffp2"},
        {"direction": "mask", "label": "a\nb"},
        {"direction": "mask", "encoder": "lib\0x264"},
        {"direction": ["mask"]},
        {"direction": "mask", "faces": {"track": 1}},
    ],
    ids=str,
)
def test_what_is_no_option_or_no_value_is_refused_in_one_line(given: dict[str, Any]) -> None:
    for read in (conversion, lambda g: preview_of(g, at_s=0)):
        if read is not conversion and given.get("label"):
            continue
        with pytest.raises(ConfigError) as refused:
            read(given)
        assert "\n" not in str(refused.value)


def test_people_are_looked_for_as_the_conversion_will_find_them() -> None:
    given = {"direction": "mask", "detect_every": 3, "start": 1, "faces": "track:1", "crf": 20}
    found, converted = tracks_of(given), conversion(given)
    assert found.detect == converted.detect
    assert found.track == converted.track
    assert found.video.start_s == converted.video.start_s == 1
    assert found.select.faces == "all"


def test_a_text_that_the_command_line_cannot_take_is_refused() -> None:
    with pytest.raises(ConfigError, match="begins with a dash"):
        command_line(Path("a.mp4"), Path("b.mp4"), {"direction": "mask", "label": "-x"})


def test_options_without_a_default_are_told_so() -> None:
    assert [n.name for n in page_settings() if n.default is MISSING] == ["direction"]
