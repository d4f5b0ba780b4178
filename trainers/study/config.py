"""The options of a study: the only home of their defaults and ranges."""

from dataclasses import dataclass

from facemask_video.config.settings import Checked, setting


@dataclass(frozen=True, slots=True)
class StudyConfig(Checked):
    """How a study is run. The defaults are those of the CycleGAN paper's study."""

    trials: int = setting(40, low=1, help="Pairs shown to each person")
    practice: int = setting(10, low=0, help="Pairs before them that are answered with feedback")
    seconds: float = setting(
        1.0, low=0, low_open=True, help="For which a pair is seen; the answer may take longer"
    )
    size_px: int = setting(
        256, low=32, flags=("--size",), metavar="PX", help="Side at which all pictures are shown"
    )
    match: bool = setting(
        True,
        help="Cut pictures alike by their faces, show outputs against photographs that are most "
        "like them, and give each pair one colour",
    )
    device: str = setting("auto", help="Where faces are found: auto, cpu, cuda or cuda:N")
    generator: str = setting(
        "", metavar="NAME", default_text="the folder's name", help="Whose outputs DIR_FAKE holds"
    )
    direction: str = setting(
        "",
        flags=("-d", "--direction"),
        choices=("", "mask", "unmask"),
        help="What they were made by",
    )
