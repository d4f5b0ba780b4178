"""The options on the page: those of the command line, from the same settings."""

import dataclasses
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

from facemask_video.config import (
    BatchConfig,
    ConvertConfig,
    LiveConfig,
    PreviewConfig,
    TracksConfig,
)
from facemask_video.config.settings import (
    Config,
    NamedSetting,
    as_plain,
    build,
    read_options,
    settings_of,
    values_of,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.shipped_weights import default_weights
from facemask_video.pipeline.picture_options import is_of_clips

_PLAIN = (
    "translate.style",
    "translate.mask_color",
    "translate.quality",
    "track.smoothing",
    "composite.temporal",
    "video.encoder",
    "video.crf",
    "video.preset",
    "output.latency_s",
    "output.segment_s",
    "source.duration_s",
)
"""Shown at once; all others are folded."""

_LEFT_OUT = frozenset(
    {
        # Files that are no videos or pictures are not named on the page.
        "translate.weights",
        "source.frames",
        "output.sign",
        # An encoder's own options can name files that it writes.
        "video.encoder_options",
        # The page gives results names that are free, and shows how far they are.
        "output.overwrite",
        "output.progress",
    }
)

_LEFT_OUT_LIVE = _LEFT_OUT | {
    # Chosen with the source.
    "source.realtime",
    # Options of protocols and encoders can name files.
    "source.source_options",
    "output.encoder_options",
    # Of standard output.
    "output.format",
}

_OF_MASK = frozenset({"translate.style", "translate.mask_color", "translate.style_seed"})
"""Refused where masks are taken off."""

Given = Mapping[str, object]
"""Options as the page sends them: by their names in Python; what is as it was is left out."""


def page_settings() -> tuple[NamedSetting, ...]:
    """Return the settings that the page has: those of a conversion that a queue can keep."""
    kept = {named.name for named in settings_of(BatchConfig)} - _LEFT_OUT
    return tuple(named for named in settings_of(ConvertConfig) if named.name in kept)


def live_settings() -> tuple[NamedSetting, ...]:
    """Return the settings that the page has of a live run."""
    return tuple(named for named in settings_of(LiveConfig) if named.name not in _LEFT_OUT_LIVE)


def described_options(settings: Sequence[NamedSetting]) -> list[dict[str, Any]]:
    """Return what the page shows of each option, as JSON-ready data, in the order of ``--help``."""
    return [_described(named) for named in settings]


def _described(named: NamedSetting) -> dict[str, Any]:
    about = named.setting
    default = None if named.default is dataclasses.MISSING else named.default
    kind = "text"
    if named.kind is bool:
        kind = "switch"
    elif about.choices:
        kind = "choice"
    elif named.name == "direction":
        kind, default = "direction", None
    elif named.name == "translate.mask_color":
        kind = "colour"
    elif named.kind in (int, float) and not about.is_time and not about.zero_is_auto:
        kind = "number"
    if about.zero_is_auto and default == 0:
        default = "auto"
    return {
        "name": named.option,
        "flag": flag_of(named),
        "heading": named.heading,
        "help": about.help + ".",
        "kind": kind,
        "plain": named.name in _PLAIN,
        "choices": list(about.choices),
        "suggestions": style_names() if named.name == "translate.style" else [],
        "optional": named.optional,
        "default": default,
        "default_text": about.default_text,
        "low": about.low,
        "high": about.high,
        "whole": named.kind is int,
        "of_mask": named.name in _OF_MASK,
        "of_clips": is_of_clips(named.name),
        "metavar": about.metavar,
    }


def style_names() -> list[str]:
    """Return the names that ``--style`` takes, by the shipped weights."""
    with safe_open(default_weights(Direction.MASK), framework="numpy") as file:
        stored = file.metadata() or {}
    return [*dict.fromkeys(json.loads(stored.get("styles", "[]"))), "random"]


def flag_of(named: NamedSetting) -> str:
    """Return the option's long name on the command line."""
    return "--" + named.option.replace("_", "-")


def conversion(given: Given, *, name: str | None = None) -> BatchConfig:
    """Return what a conversion of the queue goes by.

    Args:
        given: From the page.
        name: Template of the result's name; None for the usual one.

    Raises:
        ConfigError: An option is not accepted, or not the page's.
    """
    read = _read(given)
    config = _built(BatchConfig, read)
    run = dataclasses.replace(config.run, jobs=1)
    output = config.output if name is None else dataclasses.replace(config.output, name=name)
    return dataclasses.replace(config, run=run, output=output)


def live_config(given: Given, *, is_file: bool) -> LiveConfig:
    """Return what a live run goes by.

    Args:
        given: From the page.
        is_file: Whether its source is a file, which is played at its own pace.

    Raises:
        ConfigError: An option is not accepted, or not the page's.
    """
    values = _read(given, live_settings(), LiveConfig)
    return _built(LiveConfig, values | {"source.realtime": is_file, "output.progress": "none"})


def preview_of(
    given: Given, *, at_s: float | None, boxes: bool = False, tracks: Path | None = None
) -> PreviewConfig:
    """Return what a preview of a moment goes by.

    Args:
        given: From the page.
        at_s: The moment.
        boxes: Whether faces' boxes and numbers are drawn.
        tracks: Faces found earlier, in place of looking for them.

    Raises:
        ConfigError: An option is not accepted, or not the page's.
    """
    further = {"at_s": at_s, "boxes": boxes, "replay.tracks": tracks}
    return _built(PreviewConfig, _read(given) | further)


def tracks_of(given: Given) -> TracksConfig:
    """Return how the people of a clip are found so that their numbers are the conversion's.

    Raises:
        ConfigError: An option is not accepted, or not the page's.
    """
    values = {name: value for name, value in _read(given).items() if name[:6] != "select"}
    values["networks.device"] = values.pop("translate.device", "auto")
    values["networks.classifier"] = "auto"
    return _built(TracksConfig, values | {"output.progress": "none", "output.overwrite": True})


def finding(given: Given) -> dict[str, Any]:
    """Return the part of the options on which the numbers of people depend, as plain data."""
    plain = as_plain(tracks_of(given))
    return {section: plain[section] for section in ("video", "detect", "track")}


def command_line(source: Path, target: Path, given: Given) -> str:
    """Return the command that converts a file under the options given.

    Args:
        source: The file.
        target: The result.
        given: From the page.

    Raises:
        ConfigError: An option is not accepted, or not the page's.

    >>> command_line(Path("a b.mp4"), Path("out.mp4"), {"direction": "mask", "audio": False})
    "facemask-video 'a b.mp4' out.mp4 --direction mask --no-audio"
    """
    config = _built(ConvertConfig, _read(given))
    words = ["facemask-video", *map(_path_word, (source, target))]
    return shlex.join([*words, *_option_words(config, page_settings())])


def live_command_line(source: str, outputs: Sequence[str], given: Given, *, is_file: bool) -> str:
    """Return the command that does the same as a live run under the options given.

    Args:
        source: As the page names it.
        outputs: Likewise.
        given: From the page.
        is_file: See `live_config`.

    Raises:
        ConfigError: An option is not accepted, or not the page's.

    >>> live_command_line("in.mp4", ["rtsp://host/out"], {"direction": "mask"}, is_file=True)
    'facemask-video live in.mp4 rtsp://host/out --realtime --direction mask'
    """
    config = live_config(given, is_file=is_file)
    words = ["facemask-video", "live", _path_word(Path(source)) if is_file else source, *outputs]
    words += ["--realtime"] if is_file else []
    return shlex.join([*words, *_option_words(config, live_settings())])


def _option_words(config: Any, settings: Sequence[NamedSetting]) -> Iterator[str]:
    values = values_of(config)
    for named in settings:
        if named.default is dataclasses.MISSING or values[named.name] != named.default:
            yield from _words(named, values[named.name])


def _path_word(path: Path) -> str:
    # What begins with a dash would be taken for an option.
    return f"./{path}" if str(path).startswith("-") else str(path)


def _words(named: NamedSetting, value: object) -> Iterator[str]:
    flag = flag_of(named)
    if isinstance(value, bool):
        yield flag if value else f"--no-{flag.removeprefix('--')}"
        return
    text = "auto" if named.setting.zero_is_auto and value == 0 else str(value)
    if text.startswith("-") and named.setting.bare is not None:
        raise ConfigError(f"{named.name}: {flag} takes no text that begins with a dash.")
    if text.startswith("-"):
        yield f"{flag}={text}"
    else:
        yield from (flag, text)


def _read(
    given: Given,
    settings: Sequence[NamedSetting] | None = None,
    config: type[object] = ConvertConfig,
) -> dict[str, object]:
    known = {named.option for named in settings or page_settings()}
    for option in given:
        if option not in known:
            raise ConfigError(f"{option}: is no option of the page.")
    values = read_options(given, config, "the page")
    for name, value in values.items():
        if isinstance(value, str) and "\0" in value:
            raise ConfigError(f"{name}: got a text with a zero byte in it.")
    return values


def _built(config: type[Config], values: Mapping[str, object]) -> Config:
    known = {named.name for named in settings_of(config)}
    return build(config, {name: value for name, value in values.items() if name in known})
