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
        help="Clips; what is taken for a face in them where none can be is learnt as none, in the "
        "share of them that the hash of their name puts into training",
    )
    clip_frames: int = setting(20, low=1, help="Frames of each clip that are looked at")
    photographs: int = setting(
        1_000, low=0, help="Photographs of bare faces that are looked at for what is none, a round"
    )
    patterns: int = setting(
        1_000, low=0, help="Drawn patterns that are looked at for the same, a round"
    )
    rounds: int = setting(
        2,
        low=1,
        help="How often what the networks take for faces is looked for and learnt; from the second "
        "on by networks that have learnt",
    )
    pictures: int = setting(
        8_000, low=1, help="Pictures in which faces are shown; crops are cut from each once"
    )
    images: int = setting(
        400_000, low=1, help="Crops that each of the two networks sees in a round"
    )
    batch_size: int = setting(256, low=8, help="Crops a step")
    lr: float = setting(1e-3, low=0, low_open=True, help="First step; it falls to nothing")
    checkpoint_every: int = setting(50_000, low=1, help="Crops from one checkpoint to the next")
    seed: int = setting(1, low=0, help="Of pictures, crops and their order")
    device: str = setting("auto", help="Where the networks run: auto, cpu, cuda or cuda:N")
