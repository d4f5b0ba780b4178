"""Settings of the local page."""

from dataclasses import dataclass

from facemask_video.config.settings import Checked, setting


@dataclass(frozen=True, slots=True)
class PageConfig(Checked):
    """Where the page is served, and what it takes."""

    port: int = setting(
        0,
        low=0,
        high=65535,
        zero_is_auto=True,
        metavar="auto|N",
        help="Port on 127.0.0.1; auto takes a free one. Other machines cannot reach it",
    )
    max_upload_gb: float = setting(
        8.0,
        low=0,
        low_open=True,
        flags=("--max-upload",),
        metavar="GB",
        help="Largest file that the page takes by dropping or choosing; a larger one is named by "
        "its path",
    )
    open: bool = setting(True, help="Open the page in the browser")
