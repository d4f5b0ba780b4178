"""Settings: fields of frozen dataclasses that carry their own range, choices and help.

A configuration is a frozen dataclass whose fields are settings, or sections: further dataclasses of
settings. A setting's full name is dotted, ``section.key``. This file reads such dataclasses,
checks their values, fills them from TOML and writes them as plain data; it knows none of them.
"""

import dataclasses
import difflib
import re
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

from facemask_video.core.errors import ConfigError

Config = TypeVar("Config")

_KEY, _HEADING = "setting", "heading"

_SETTINGS: dict[type, "tuple[NamedSetting, ...]"] = {}
"""The settings of each configuration that was asked for: finding them out takes milliseconds."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a field says of itself.

    Attributes:
        help: One sentence without a full stop, for ``--help``.
        flags: Names on the command line where they differ from the field's.
        choices: The values accepted, where they can be listed; a field of type Literal needs none.
        low: Smallest value accepted.
        high: Largest value accepted.
        low_open: Whether ``low`` itself is refused.
        high_open: Whether ``high`` itself is refused.
        default_text: What ``--help`` calls the default, where that is ``None`` or a code.
        zero_is_auto: Whether 0 is called ``auto`` on the command line.
        is_time: Whether it is seconds that may be written as HH:MM:SS.
        metavar: Name of the value in ``--help``.
        former_key: What files call the setting that were written for earlier versions; the command
            line still takes it, and shows it nowhere.
        heading: Where ``--help`` shows a setting that lies in no section.
        bare: Of a text: what the option means without a value, and ``true`` in a file.
        paths: Of a tuple: how many files it names, no more and no fewer.
    """

    help: str
    flags: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    default_text: str | None = None
    zero_is_auto: bool = False
    is_time: bool = False
    metavar: str | None = None
    former_key: str | None = None
    heading: str = ""
    bare: str | None = None
    paths: int | None = None


@dataclass(frozen=True, slots=True)
class NamedSetting:
    """A setting with its place in a configuration.

    Attributes:
        name: Full name, ``section.key``.
        kind: Type of its value, without ``None``.
        optional: Whether ``None`` is accepted.
        default: Value where nobody gives one; `dataclasses.MISSING` where one must be given.
        setting: The rest.
        heading: Where ``--help`` shows it.
    """

    name: str
    kind: type
    optional: bool
    default: Any
    setting: Setting
    heading: str

    @property
    def key(self) -> str:
        """The field's own name."""
        return self.name.rpartition(".")[2]

    @property
    def former_name(self) -> str | None:
        """Full name in files of earlier versions, where it was another."""
        former = self.setting.former_key
        return former and self.name.removesuffix(self.key) + former

    @property
    def option(self) -> str:
        """Name in Python of the option on the command line: ``pix_fmt`` for ``--pix-fmt``."""
        flag = self.setting.flags[0] if self.setting.flags else self.key
        return flag.removeprefix("--").replace("-", "_")


def setting(default: Any = dataclasses.MISSING, **about: Any) -> Any:
    """Declare a field of a configuration; ``about`` holds the attributes of `Setting`."""
    metadata = {_KEY: Setting(**about)}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def section(kind: Callable[[], Config], heading: str) -> Config:
    """Declare a section of a configuration, and where ``--help`` shows its settings."""
    return field(default_factory=kind, metadata={_HEADING: heading})


class Checked:
    """A dataclass of settings that is checked when it is made.

    Raises:
        ConfigError: A value is outside its range or choices.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        check(self)


def settings_of(config: type) -> tuple[NamedSetting, ...]:
    """Return every setting of a configuration, sections included, in the order of declaration."""
    if config not in _SETTINGS:
        _SETTINGS[config] = tuple(_settings_of(config, "", ""))
    return _SETTINGS[config]


def _settings_of(config: type, section: str, heading: str) -> Iterator[NamedSetting]:
    hints = typing.get_type_hints(config)
    for entry in dataclasses.fields(config):
        name = f"{section}{entry.name}"
        kind, optional, choices = _plain_type(hints[entry.name])
        about: Setting | None = entry.metadata.get(_KEY)
        if about is None:
            yield from _settings_of(kind, f"{name}.", entry.metadata.get(_HEADING, ""))
            continue
        default = entry.default
        if entry.default_factory is not dataclasses.MISSING:
            default = entry.default_factory()
        if choices:
            about = dataclasses.replace(about, choices=choices)
        yield NamedSetting(name, kind, optional, default, about, about.heading or heading)


def check(config: object) -> None:
    """Check every value of a section against its range and choices; call it in ``__post_init__``.

    Raises:
        ConfigError: A value is not accepted.
    """
    for named in settings_of(type(config)):
        if "." not in named.name:
            _check_value(named, getattr(config, named.key), where="")


def read_toml(path: Path, config: type, *, written_for: type | None = None) -> dict[str, object]:
    """Read a TOML file for a configuration.

    Args:
        path: The file.
        config: Whose settings are read.
        written_for: A larger configuration, whose further settings are passed over.

    Returns:
        The values it gives, by full name. Relative paths are taken from the file's folder.

    Raises:
        ConfigError: The file cannot be read, or holds a key or value that is not accepted.
    """
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check its path.") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: is not TOML ({exc}).") from exc
    return read_tables(tables, config, path, written_for=written_for)


def read_tables(
    tables: Mapping[str, object], config: type, path: Path, *, written_for: type | None = None
) -> dict[str, object]:
    """Read nested tables for a configuration; ``path`` is where they come from.

    Args:
        tables: As TOML gives them.
        config: Whose settings are read.
        path: The file.
        written_for: See `read_toml`.

    Returns:
        The values they give, by full name. Relative paths are taken from the folder of ``path``.

    Raises:
        ConfigError: A key or value is not accepted.
    """
    known = {named.name: named for named in settings_of(config)}
    former = {named.former_name: named.name for named in known.values()}
    further = {named.name: named for named in settings_of(written_for or config)}
    values: dict[str, object] = {}
    for written, value in _flatten(tables, further | known):
        name = former.get(written, written)
        if name not in known and name in further:
            continue
        if name not in known:
            raise ConfigError(f"{path}: unknown key {name!r}{_did_you_mean(name, known)}")
        values[name] = _coerce(known[name], value, f"{path}: ", path.parent)
    return values


def read_options(options: Mapping[str, object], config: type, caller: str) -> dict[str, object]:
    """Read keyword arguments that are called as the options of the command line.

    Args:
        options: Values by the option's name, such as ``pix_fmt``.
        config: Whose settings they are.
        caller: The function that got them, for errors.

    Returns:
        The values by the setting's full name.

    Raises:
        TypeError: There is no option of that name.
        ConfigError: A value is not accepted.
    """
    known = {named.option: named for named in settings_of(config)}
    values: dict[str, object] = {}
    for option, value in options.items():
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{caller}() got an unexpected keyword argument {option!r}{hint}")
        values[known[option].name] = _coerce(known[option], value, "", Path())
    return values


def under_present_keys(plain: Mapping[str, Any], config: type) -> dict[str, Any]:
    """Return the plain data of a section, of this version or an earlier one, under present keys."""
    present = {named.former_name: named.name for named in settings_of(config)}
    return {present.get(key, key): value for key, value in plain.items()}


def values_of(config: object) -> dict[str, object]:
    """Return the values of a configuration by full name."""
    return {
        named.name: reduce(getattr, named.name.split("."), config)
        for named in settings_of(type(config))
    }


def build(config: type[Config], *layers: Mapping[str, object]) -> Config:
    """Make a configuration from values by full name; later layers win over earlier ones.

    Raises:
        ConfigError: A value is not accepted, or one that has no default is missing.
    """
    values: dict[str, object] = {}
    for layer in layers:
        values.update(layer)
    return typing.cast(Config, _build(config, values, ""))


def as_plain(config: object) -> dict[str, Any]:
    """Return a configuration as JSON-ready data, sections as nested objects."""
    plain: dict[str, Any] = {}
    for entry in dataclasses.fields(typing.cast(Any, config)):
        value = getattr(config, entry.name)
        if _KEY not in entry.metadata:
            plain[entry.name] = as_plain(value)
        elif isinstance(value, Path | StrEnum):
            plain[entry.name] = str(value)
        else:
            plain[entry.name] = value
    return plain


def _build(config: type, values: Mapping[str, object], section: str) -> object:
    hints = typing.get_type_hints(config)
    arguments: dict[str, object] = {}
    for entry in dataclasses.fields(config):
        name = f"{section}{entry.name}"
        if _KEY not in entry.metadata:
            arguments[entry.name] = _build(hints[entry.name], values, f"{name}.")
        elif name in values:
            arguments[entry.name] = values[name]
        elif entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING:
            about: Setting = entry.metadata[_KEY]
            flag = (about.flags or ("a value",))[0]
            raise ConfigError(
                f"{name} is not given; pass {flag} {about.metavar or ''}".rstrip() + "."
            )
    return config(**arguments)


def _plain_type(hint: Any) -> tuple[type, bool, tuple[str, ...]]:
    """Split ``X | None`` into X, whether None was there, and the choices of a Literal."""
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        optional = len(members) < len(typing.get_args(hint))
        hint = members[0]
    if typing.get_origin(hint) is typing.Literal:
        return str, optional, typing.get_args(hint)
    return typing.get_origin(hint) or hint, optional, ()


def _flatten(
    table: Mapping[str, object], known: Mapping[str, NamedSetting], section: str = ""
) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        name = f"{section}{key}"
        if isinstance(value, dict) and value and name not in known:
            yield from _flatten(value, known, f"{name}.")
        else:
            yield name, value


def _did_you_mean(name: str, known: Mapping[str, NamedSetting]) -> str:
    if any(other.startswith(f"{name}.") for other in known):
        return f", which is a section; write [{name}] and its keys below it."
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not near:
        # A right key in the wrong section, or in none.
        leaf = name.rpartition(".")[2]
        keys = {named.key: named.name for named in known.values()}
        near = [keys[key] for key in difflib.get_close_matches(leaf, keys, n=1, cutoff=0.6)]
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; expected one of {', '.join(known)}."


def _coerce(named: NamedSetting, value: object, where: str, folder: Path) -> object:
    """Turn a value from outside into the setting's type, and check it.

    Args:
        named: The setting.
        value: As a TOML file or a caller gives it.
        where: Begins an error.
        folder: Relative paths are taken from here.
    """
    result: object = value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        if named.setting.zero_is_auto and value == "auto":
            result = 0
        elif named.setting.bare is not None and isinstance(value, bool):
            result = named.setting.bare if value else None
        elif named.kind is float and is_number:
            result = float(typing.cast(float, value))
        elif named.setting.is_time and isinstance(value, str):
            result = parse_time_s(value)
        elif issubclass(named.kind, StrEnum) and isinstance(value, str):
            # A StrEnum may know aliases through `parse`.
            result = getattr(named.kind, "parse", named.kind)(value)
        elif issubclass(named.kind, Path) and isinstance(value, str | Path):
            result = folder / Path(value).expanduser()
        elif issubclass(named.kind, Mapping) and isinstance(value, Mapping):
            result = {str(key): str(entry) for key, entry in value.items()}
        elif named.setting.paths is not None and isinstance(value, list | tuple):
            result = tuple(str(folder / Path(str(entry)).expanduser()) for entry in value)
        elif issubclass(named.kind, tuple) and isinstance(value, list | tuple):
            result = tuple(str(entry) for entry in value)
    except ValueError as exc:
        raise ConfigError(f"{where}{named.name}: {exc}") from None
    _check_value(named, result, where)
    return result


_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_time_s(text: str) -> float:
    """Read seconds, MM:SS or HH:MM:SS, of which the last part may have a fraction, or a unit.

    >>> parse_time_s("01:02:03.5"), parse_time_s("2:03"), parse_time_s("7.25")
    (3723.5, 123.0, 7.25)
    >>> parse_time_s("500ms"), parse_time_s("10m"), parse_time_s("1.5h")
    (0.5, 600.0, 5400.0)
    """
    in_unit = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text.strip())
    if in_unit is not None:
        return float(in_unit[1]) * _UNITS_S[in_unit[2]]
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text.strip()):
        raise ValueError(f"got {text!r}, expected seconds or HH:MM:SS, such as 75.5 or 00:01:15.5.")
    seconds = 0.0
    parts = text.strip().split(":")
    for part in parts:
        seconds = seconds * 60 + float(part)
    if any(float(part) >= 60 for part in parts[1:]):
        raise ValueError(f"got {text!r}, expected minutes and seconds under 60.")
    return seconds


def _check_value(named: NamedSetting, value: Any, where: str) -> None:
    about = named.setting
    if value is None and named.optional:
        return
    expected_type = (int, float) if named.kind is float else named.kind
    right_type = isinstance(value, expected_type)
    if isinstance(value, bool) and named.kind is not bool:
        right_type = False
    if not right_type:
        raise ConfigError(
            f"{where}{named.name}: got {value!r}, expected {named.kind.__name__.lower()}."
        )
    if about.paths is not None and len(value) != about.paths:
        raise ConfigError(
            f"{where}{named.name}: got {len(value)} files, expected {about.paths}: {about.metavar}."
        )
    if about.choices and value not in about.choices:
        near = difflib.get_close_matches(str(value), about.choices, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"{where}{named.name}: got {value!r}, expected one of {', '.join(about.choices)}{hint}"
        )
    if not _is_within(about, value):
        raise ConfigError(f"{where}{named.name}: got {value!r}, expected {span(about)}.")


def _is_within(about: Setting, value: Any) -> bool:
    # Asked this way round, NaN is in no range.
    above = about.low is None or (value > about.low if about.low_open else value >= about.low)
    below = about.high is None or (value < about.high if about.high_open else value <= about.high)
    return bool(above and below)


def span(about: Setting) -> str:
    """Describe a range in words.

    >>> span(Setting("", low=0, high=1, low_open=True))
    'above 0 and at most 1'
    """
    low = "" if about.low is None else f"{'above' if about.low_open else 'at least'} {about.low:g}"
    high = (
        "" if about.high is None else f"{'below' if about.high_open else 'at most'} {about.high:g}"
    )
    return " and ".join(part for part in (low, high) if part)
