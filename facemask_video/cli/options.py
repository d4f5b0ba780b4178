"""Options shared by commands, generated from the settings that a configuration declares."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from facemask_video.config.settings import NamedSetting, parse_time_s, settings_of
from facemask_video.core.direction import Direction

Function = TypeVar("Function", bound=Callable[..., Any])

_METAVARS: dict[type, str] = {int: "N", float: "X"}

_NOT_TYPED = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)


class SettingOption(click.Option):
    """An option that knows which setting it gives, and under which heading it is shown."""

    def __init__(self, *args: Any, named: NamedSetting, **kwargs: Any) -> None:
        """Take click's arguments and the setting."""
        super().__init__(*args, **kwargs)
        self.named = named


class SectionedCommand(click.Command):
    """A command whose ``--help`` shows the options of each section under its own heading."""

    headings: Mapping[str, str] = {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options section by section, those of no section last."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if row is not None:
                section = "other"
                if isinstance(parameter, SettingOption):
                    section = parameter.named.name.rpartition(".")[0]
                rows.setdefault(section, []).append(row)
        for section, heading in self.headings.items():
            if section in rows:
                with formatter.section(heading):
                    formatter.write_dl(rows[section])


class TimeParam(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.4
    """A time in seconds, or as HH:MM:SS or MM:SS with an optional fraction."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a time; a number passes through."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_time_s(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


class AutoParam(click.IntRange):
    """A whole number, or ``auto``, which stands for 0."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number or ``auto``."""
        return 0 if value == "auto" else int(super().convert(value, param, ctx))


class DirectionParam(click.ParamType):  # type: ignore[type-arg]
    """A direction, or CycleGAN's name for it."""

    name = "direction"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Direction:
        """Read a direction."""
        try:
            return Direction.parse(str(value))
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


class PairParam(click.ParamType):  # type: ignore[type-arg]
    """KEY=VALUE."""

    name = "pair"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        key, equals, text = str(value).partition("=")
        if not equals or not key:
            self.fail(f"got {value!r}, expected KEY=VALUE.", param, ctx)
        return key, text


def setting_options(config: type) -> Callable[[Function], Function]:
    """Give a command one option for each setting of a configuration."""

    def decorate(function: Function) -> Function:
        for named in reversed(list(settings_of(config))):
            function = setting_option(named)(function)
        return function

    return decorate


def typed_settings(ctx: click.Context) -> dict[str, object]:
    """Return the settings that were typed or set in the environment, by full name."""
    typed: dict[str, object] = {}
    for parameter in ctx.command.params:
        if not isinstance(parameter, SettingOption) or parameter.name is None:
            continue
        if ctx.get_parameter_source(parameter.name) not in _NOT_TYPED:
            value = ctx.params[parameter.name]
            if parameter.multiple:
                value = dict(value)
            typed[parameter.named.name] = value
    return typed


def setting_option(named: NamedSetting) -> Callable[[Function], Function]:
    """Give a command the option of one setting."""
    about = named.setting
    flags = about.flags or ("--" + named.key.replace("_", "-"),)
    arguments: dict[str, Any] = {
        "cls": SettingOption,
        "named": named,
        "help": about.help + ".",
        "metavar": about.metavar or _METAVARS.get(named.kind),
        "type": _param_type(named),
    }
    if named.default is not MISSING:
        arguments["default"] = "auto" if about.zero_is_auto else named.default
        arguments["show_default"] = about.default_text or True
    if named.kind is bool:
        del arguments["type"], arguments["metavar"]
        arguments["is_flag"] = True
        if named.default:
            flags = (f"{flags[0]}/--no-{flags[0].removeprefix('--')}",)
        else:
            arguments["show_default"] = False
    if issubclass(named.kind, Mapping):
        arguments |= {"multiple": True, "default": None, "show_default": False}
    # click names the parameter, and with it the environment variable, after the first long flag.
    return click.option(*flags, **arguments)


def _param_type(named: NamedSetting) -> Any:
    about = named.setting
    if about.choices:
        return click.Choice(about.choices, case_sensitive=False)
    if about.is_time:
        return TimeParam()
    if about.zero_is_auto:
        return AutoParam(min=1)
    if named.kind in (int, float):
        ranged: Any = click.IntRange if named.kind is int else click.FloatRange
        return ranged(
            min=about.low, max=about.high, min_open=about.low_open, max_open=about.high_open
        )
    if issubclass(named.kind, Direction):
        return DirectionParam()
    if issubclass(named.kind, Mapping):
        return PairParam()
    if issubclass(named.kind, Path):
        return click.Path(path_type=Path)
    return str


def video_path(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Refuse ``-``: a video is read and written by seeking, which a pipe cannot do."""
    if value == Path("-"):
        raise click.BadParameter("'-' is not supported; name a file.", ctx, param)
    return value


def verbosity_options(function: Function) -> Function:
    """Give a command ``-q`` and ``-v``, and configure logging by them before it runs."""

    def configure(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        from facemask_video.cli.log import configure_logging

        settings = ctx.meta.setdefault("facemask_video.verbosity", {"quiet": False, "verbose": 0})
        settings[param.name] = value
        configure_logging(**settings)
        return value

    verbose = click.option(
        "-v",
        "--verbose",
        count=True,
        callback=configure,
        help="Say more, and show the traceback of an error; -vv says everything.",
    )
    quiet = click.option(
        "-q", "--quiet", is_flag=True, callback=configure, help="Say nothing but errors."
    )
    return quiet(verbose(function))
