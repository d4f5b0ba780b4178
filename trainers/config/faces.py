"""The faces of both domains, given alike to every command that takes them."""

from dataclasses import dataclass
from pathlib import Path

from facemask_video.config.settings import check, setting


@dataclass(frozen=True, slots=True)
class FacesConfig:
    """Bare and masked faces."""

    bare: Path | None = setting(
        None,
        metavar="FOLDER|NPZ",
        help="Pictures of bare faces, crops of them, or a folder that extract made",
    )
    masked: Path | None = setting(None, metavar="FOLDER|NPZ", help="The same of masked faces")
    masked_folders: str = setting(
        "", metavar="NAME,...", help="Folders of the masked pictures to take; all where empty"
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
        help="Share of the pictures set aside for previews and measures, "
        "where no manifest says which",
    )
    held_out_names: Path | None = setting(
        None, metavar="FILE", help="Names of further pictures to set aside, one a line"
    )

    def __post_init__(self) -> None:
        check(self)
