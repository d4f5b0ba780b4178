"""Commands whose options are the settings of a configuration."""

import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from facemask_video.config.settings import (
    NamedSetting,
    build,
    parse_time_s,
    read_toml,
    settings_of,
)
from facemask_video.config.shipped import Kind, find_config, shipped_configs
from facemask_video.core.direction import Direction
from facemask_video.core.standard_streams import STANDARD_STREAM

Function = TypeVar("Function", bound=Callable[..., Any])

_METAVARS: dict[type, str] = {int: "N", float: "X"}

_NOT_TYPED = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)

_OTHER = "Other"

_FROM_FFMPEG = {
    "-ss": "--start",
    "-to": "--end",
    "-t": "--end, which is a time of the input and no length",
    "-i": "the input's name alone, before the output's",
    "-c:v": "--encoder",
    "-vcodec": "--encoder",
    "-crf": "--crf",
    "-preset": "--preset",
    "-pix_fmt": "--pix-fmt",
    "-an": "--no-audio",
}


class SettingOption(click.Option):
    """An option that knows which setting it gives, and takes that one's former name unseen."""

    def __init__(self, *args: Any, named: NamedSetting, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.named = named

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Say what ``--help`` shows: all names but the former one."""
        everything = self.opts
        self.opts = [name for name in everything if name != former_flag(self.named)]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = everything

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Read the variable of the option's name, or of another name that the option has."""
        found = super().resolve_envvar_value(ctx)
        names = [name.removeprefix("--") for name in self.opts if name.startswith("--")]
        for name in names[1:] if ctx.auto_envvar_prefix else ():
            found = found or os.environ.get(
                f"{ctx.auto_envvar_prefix}_{name.replace('-', '_').upper()}"
            )
        return found


class SectionedCommand(click.Command):
    """A command whose ``--help`` shows the options of each section under its own heading."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what was typed; for options of ffmpeg's say what they are called here."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as exc:
            hint = self._meant(given)
            if hint is None:
                raise
            raise click.UsageError(hint, ctx) from exc

    def _meant(self, given: Sequence[str]) -> str | None:
        known = {name for parameter in self.params for name in parameter.opts}
        for word in given[: given.index("--") if "--" in given else None]:
            if word in _FROM_FFMPEG and word not in known:
                return f"{word} is an option of ffmpeg; give {_FROM_FFMPEG[word]}."
            if re.match(r"-\w{2}", word) and f"-{word}" in known:
                return f"No such option: {word}. Did you mean -{word}?"
        return None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer options by their present names."""
        options = [each for each in self.params if isinstance(each, SettingOption)]
        former = {former_flag(option.named) for option in options}
        offered = super().shell_complete(ctx, incomplete)
        return [item for item in offered if item.value not in former]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options heading by heading, those without one last."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if row is not None:
                heading = parameter.named.heading if isinstance(parameter, SettingOption) else ""
                rows.setdefault(heading or _OTHER, []).append(row)
        for heading in sorted(rows, key=lambda heading: heading == _OTHER):
            with formatter.section(heading if len(rows) > 1 else "Options"):
                formatter.write_dl(rows[heading])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say where else settings can come from."""
        first = next((each for each in self.params if isinstance(each, SettingOption)), None)
        if ctx.auto_envvar_prefix and first is not None and first.name is not None:
            variable = f"{ctx.auto_envvar_prefix}_{first.name.upper()}"
            text = (
                f"Each option can also be set in the environment, as {variable} for "
                f"{first.opts[0]}, or in a TOML file given with --config."
            )
            formatter.write_paragraph()
            formatter.write_text(" ".join(filter(None, [text, self.epilog])))
        else:
            super().format_epilog(ctx, formatter)


class ParsedParam(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.4
    """A value that a function reads from text.

    Args:
        name: What kind of value it is.
        parse: Raises `ValueError` where the text is none.
        words: Offered by the shell's completion.
    """

    def __init__(self, name: str, parse: Callable[[str], Any], words: Sequence[str] = ()) -> None:
        self.name = name
        self._parse = parse
        self._words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read text; anything else is a value already."""
        if not isinstance(value, str) or isinstance(value, Direction):
            return value
        try:
            return self._parse(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the words that begin as what is typed."""
        return [CompletionItem(word) for word in self._words if word.startswith(incomplete)]


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"got {text!r}, expected KEY=VALUE.")
    return key, value


def _no_file(text: str) -> str:
    """Refuse as a value what must have been meant as the file behind an option without one."""
    # Imports what --help has no need of.
    from facemask_video.core.kinds import kind_of

    if text and (kind_of(Path(text)) is not None or os.path.exists(text)):  # noqa: PTH110 - too long a name is none
        raise ValueError(
            f"took {text!r}, which is called as a file, for its text; name files before the option."
        )
    return text


DIRECTION = ParsedParam("direction", Direction.parse, tuple(Direction))
_TIME = ParsedParam("time", parse_time_s)
_PAIR = ParsedParam("pair", _key_and_value)
_TEXT = ParsedParam("text", _no_file)


class AutoParam(click.IntRange):
    """A whole number, or ``auto``, which stands for 0."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number or ``auto``."""
        return 0 if value == "auto" else int(super().convert(value, param, ctx))


def configured_command(
    config: type,
    *,
    name: str | None = None,
    shipped: Kind | None = None,
    written_for: type | None = None,
    file_argument: bool = False,
    epilog: str | None = None,
) -> Callable[[Function], click.Command]:
    """Make a command of a function that takes a configuration.

    The command has an option for each setting, under the headings that the configuration gives its
    sections, ``--config FILE.toml``, ``-q`` and ``-v``. The function gets the configuration,
    checked, as ``config``, and ``quiet``, beside the parameters declared on it. Commands of
    facemask-train join by the same decorator::

        @configured_command(EvaluateConfig, shipped="evaluate")
        @click.option("-o", "--output", type=click.Path(path_type=Path), help="...")
        def evaluate(config: EvaluateConfig, output: Path, quiet: bool) -> None: ...

    Args:
        config: Frozen dataclass of settings and sections.
        name: Of the command, where it is not the function's.
        shipped: Which of the shipped configurations ``--config`` takes by name.
        written_for: A larger configuration, whose files ``--config`` takes, too.
        file_argument: Whether the file may also be given as the command's argument.
        epilog: Ends the help.
    """

    def decorate(function: Function) -> click.Command:
        @click.pass_context
        def run(ctx: click.Context, /, config_file: Path | None, **given: Any) -> Any:
            argument = given.pop("config_argument") if file_argument else None
            from_file = settings_of_file(
                config, config_file, argument, shipped=shipped, written_for=written_for
            )
            settings = {o.name for o in ctx.command.params if isinstance(o, SettingOption)}
            own = {name: value for name, value in given.items() if name not in settings}
            return function(config=build(config, from_file, typed_settings(ctx)), **own)

        def shared() -> None:
            """Carry the options that all have, to be shown after the command's own."""

        config_option(shipped, file_argument=file_argument)(verbosity_options(shared))
        wrapped: Any = functools.wraps(function)(run)
        own = getattr(function, "__click_params__", [])
        wrapped.__click_params__ = [*cast(Any, shared).__click_params__, *own]
        command = click.command(name, cls=SectionedCommand, epilog=epilog)
        return command(setting_options(config)(wrapped))

    return decorate


def config_option(
    shipped: Kind | None = None, *, file_argument: bool = False
) -> Callable[[Function], Function]:
    """Give a command ``--config FILE.toml``, which it gets as ``config_file``.

    Args:
        shipped: Which of the shipped configurations it takes by name.
        file_argument: Add an optional argument ``config_argument`` for the same.
    """
    names = ", ".join(shipped_configs(shipped)) if shipped else ""
    or_shipped = f", or from a shipped one ({names})" if names else ""
    option = click.option(
        "--config",
        "config_file",
        metavar="FILE.toml",
        type=click.Path(path_type=Path),
        help=f"Read settings from a TOML file{or_shipped}; what is typed wins over it.",
    )

    def decorate(function: Function) -> Function:
        if file_argument:
            path = click.Path(path_type=Path)
            argument = click.argument(
                "config_argument", metavar="[CONFIG]", required=False, type=path
            )
            function = argument(function)
        return option(function)

    return decorate


def settings_of_file(
    config: type,
    option: Path | None,
    argument: Path | None = None,
    *,
    shipped: Kind | None = None,
    written_for: type | None = None,
) -> dict[str, object]:
    """Read the file that was named by `config_option`; nothing where there is none.

    Raises:
        ConfigError: The file cannot be read, or holds what the configuration does not accept.
    """
    if option is not None and argument is not None:
        raise click.UsageError(f"got {argument} and --config {option}; name one of them.")
    named = option or argument
    if named is None:
        return {}
    path = find_config(named, shipped) if shipped else named
    return read_toml(path, config, written_for=written_for)


def setting_options(config: type) -> Callable[[Function], Function]:
    """Give a command one option for each setting of a configuration."""

    def decorate(function: Function) -> Function:
        for named in reversed(settings_of(config)):
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
            if issubclass(parameter.named.kind, Mapping):
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
    if about.paths is not None:
        arguments |= {"nargs": about.paths}
    elif issubclass(named.kind, Mapping | tuple):
        arguments |= {"multiple": True, "default": None, "show_default": False}
    if about.bare is not None:
        arguments |= {"is_flag": False, "flag_value": about.bare}
    former = former_flag(named)
    if former is not None:
        flags = (*flags, former)
    # click names the parameter, and with it the environment variable, after the first long flag.
    return click.option(*flags, **arguments)


def former_flag(named: NamedSetting) -> str | None:
    """Return what the option was called in earlier versions, where it was another name."""
    former = named.setting.former_key
    return former and "--" + former.replace("_", "-")


def _param_type(named: NamedSetting) -> Any:
    about = named.setting
    if about.choices:
        return click.Choice(about.choices, case_sensitive=False)
    if about.is_time:
        return _TIME
    if about.bare is not None:
        return _TEXT
    if about.zero_is_auto:
        return AutoParam(min=1)
    if named.kind in (int, float):
        ranged: Any = click.IntRange if named.kind is int else click.FloatRange
        return ranged(
            min=about.low, max=about.high, min_open=about.low_open, max_open=about.high_open
        )
    if issubclass(named.kind, Direction):
        return DIRECTION
    if issubclass(named.kind, Mapping):
        return _PAIR
    if about.paths is not None:
        return click.Path()
    if issubclass(named.kind, Path):
        return click.Path(path_type=Path)
    return str


Named = TypeVar("Named", Path | None, tuple[Path, ...])


def video_path(ctx: click.Context, param: click.Parameter, value: Named) -> Named:
    """Refuse ``-``: the command reads its files again, from any place, which no pipe can do."""
    if STANDARD_STREAM in (value if isinstance(value, tuple) else (value,)):
        raise click.BadParameter(
            f"'-' is not supported by {ctx.command.name}, which reads a file more than once; name "
            "a file (convert and inspect take standard input).",
            ctx,
            param,
        )
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
        expose_value=False,
        callback=configure,
        help="Say more, and show the traceback of an error; -vv says everything.",
    )
    quiet = click.option(
        "-q", "--quiet", is_flag=True, callback=configure, help="Say nothing but errors."
    )
    return quiet(verbose(function))
