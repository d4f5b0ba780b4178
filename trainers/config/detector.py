"""The options of training MTCNN's networks: the only home of their defaults."""

from dataclasses import dataclass
from pathlib import Path

from facemask_video.config.settings import Checked, setting


@dataclass(frozen=True, slots=True)
class DetectorConfig(Checked):
    """Faces, what is no face, and how the networks are trained."""

    masked_folders: str = setting(
        "", metavar="NAME,...", help="Folders of DATA/faces_masked to take; all where empty"
    )
    bare_folders: str = setting(
        "", metavar="NAME,...", help="Folders of DATA/faces_unmasked to take; all where empty"
    )
    whole_folders: str = setting(
        "",
        metavar="NAME,...",
        help="Folders that show the same people again and again, and are never divided",
    )
    held_out: float = setting(
        0.1,
        low=0,
        high=0.9,
        help="Share of the persons and sources set aside to choose by (validation)",
    )
    test_share: float = setting(
        0.1,
        low=0,
        high=0.9,
        metavar="X",
        help="Share of the persons and sources that no training looks at",
    )
    held_out_names: Path | None = setting(
        None, metavar="FILE", help="Names of further pictures to set aside, one a line"
    )
    faces: int = setting(
        0, low=0, default_text="all", help="Most faces of either domain, evenly taken"
    )
    clips: Path | None = setting(
        None,
        metavar="FOLDER",
        help="Clips; what is proposed in them where no face can be is learnt as none, in the "
        "share of them that the hash of their name puts into training",
    )
    clip_frames: int = setting(60, low=1, help="Frames of each clip that are looked at")
    pictures: int = setting(
        20_000, low=1, help="Pictures in which faces are shown; crops are cut from each once"
    )
    images: int = setting(400_000, low=1, help="Crops that each of the two networks sees")
    batch_size: int = setting(256, low=2, help="Crops a step")
    lr: float = setting(5e-4, low=0, low_open=True, help="First step; it falls to nothing")
    checkpoint_every: int = setting(50_000, low=1, help="Crops from one checkpoint to the next")
    seed: int = setting(1, low=0, help="Of pictures, crops and their order")
    device: str = setting("auto", help="Where the networks run: auto, cpu, cuda or cuda:N")
