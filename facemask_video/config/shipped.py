"""The configurations that ship with the package, which commands take by name."""

from importlib import resources
from pathlib import Path
from typing import Literal

from facemask_video.core.errors import ConfigError

_FOLDER = Path(str(resources.files("facemask_video") / "configs"))

Kind = Literal["convert", "train", "evaluate"]


def find_config(named: Path, kind: Kind) -> Path:
    """Find the file of a configuration, of the user's or by the name of a shipped one.

    Args:
        named: A path, which is returned as it is, or a bare name such as ``cpu-128``.
        kind: What the configuration is for.

    Raises:
        ConfigError: A bare name is neither a file nor a shipped configuration.

    >>> find_config(Path("exact"), "convert").name
    'exact.toml'
    """
    if named.suffix or len(named.parts) > 1 or named.is_file():
        return named
    shipped = shipped_configs(kind)
    if str(named) not in shipped:
        raise ConfigError(
            f"{named}: is no file, and no configuration of that name ships; "
            f"there are {', '.join(shipped)}."
        )
    return shipped[str(named)]


def shipped_configs(kind: Kind) -> dict[str, Path]:
    """Return the files of the shipped configurations by name."""
    return {path.stem: path for path in sorted((_FOLDER / kind).glob("*.toml"))}
