"""Show the frames of a live run in a window."""

import os
import sys
from typing import Any

from facemask_video.core.errors import VideoWriteError
from facemask_video.core.frame import Frame

_MOST_PX = 960


class WindowClosed(VideoWriteError):
    """Somebody closed the window, which ends the run."""


def has_display() -> bool:
    """Return whether there is a display to show a window on."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY"))


class Window:
    """A window with the newest frame, up to `_MOST_PX` wide.

    It belongs to the thread that makes it.

    Raises:
        VideoWriteError: There is no display, or this Python has no Tk.
    """

    def __init__(self) -> None:
        try:
            import tkinter
        except ImportError as exc:
            raise VideoWriteError(
                "window: this Python was built without Tk; name another output."
            ) from exc
        self._tk = tkinter
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as exc:
            raise VideoWriteError("window: there is no display; name another output.") from exc
        self._root.title("facemask-video: synthetic faces")
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._shown: Any = None
        self._is_open = True

    def _close(self) -> None:
        self._is_open = False

    def write(self, frame: Frame) -> None:
        """Show a frame.

        Raises:
            WindowClosed: It was closed.
        """
        image, _ = frame.thumbnail(_MOST_PX)
        height, width = image.shape[:2]
        data = b"P6 %d %d 255 " % (width, height) + image.tobytes()
        # Tk shows what it is given for as long as somebody holds it.
        self._shown = self._tk.PhotoImage(data=data, format="PPM")
        self._label.configure(image=self._shown)
        self._root.update()
        if not self._is_open:
            self.finish()
            raise WindowClosed("window: was closed.")

    def finish(self) -> None:
        """Close the window."""
        if self._root is not None:
            self._root.destroy()
            self._root = None  # type: ignore[assignment]
