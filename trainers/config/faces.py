"""The faces of both domains, given alike to every command that takes them."""

from dataclasses import dataclass
from pathlib import Path

from facemask_video.config.settings import check, setting
from facemask_video.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FacesConfig:
    """Bare and masked faces."""

    bare: Path | None = setting(
        None,
        metavar="FOLDER|NPZ",
        help="Pictures of bare faces, crops of them, or a folder that extract made",
    )
    masked: Path | None = setting(None, metavar="FOLDER|NPZ", help="The same of masked faces")
    bare_folders: str = setting(
        "", metavar="NAME,...", help="Folders of the bare pictures to take; all where empty"
    )
    masked_folders: str = setting(
        "", metavar="NAME,...", help="Folders of the masked pictures to take; all where empty"
    )
    whole_folders: str = setting(
        "",
        metavar="NAME,...",
        help="Folders that show the same people again and again, and are never divided",
    )
    test_share: float = setting(
        0.1,
        low=0,
        high=0.9,
        metavar="X",
        help="Share of the persons and sources that no training looks at, for evaluate --split "
        "test, where no manifest says which",
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class TrainingFacesConfig(FacesConfig):
    """Faces to train on, and those set aside."""

    held_out: float = setting(
        0.1,
        low=0,
        high=0.9,
        help="Share of the persons and sources set aside for previews and measures (validation), "
        "where no manifest says which",
    )
    held_out_names: Path | None = setting(
        None, metavar="FILE", help="Names of further pictures to set aside, one a line"
    )

    def __post_init__(self) -> None:
        check(self)
        if self.held_out + self.test_share >= 1:
            raise ConfigError(
                f"held_out: got {self.held_out:g} beside a test_share of {self.test_share:g}, "
                "which leaves nothing to train on; expected less than 1 together."
            )


def folder_names(text: str) -> list[str]:
    """Return the names of a list with commas; none of an empty one.

    >>> folder_names("web, rmfd"), folder_names("")
    (['web', 'rmfd'], [])
    """
    return [name for each in text.split(",") if (name := each.strip())]
