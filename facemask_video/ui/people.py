"""Who is in a clip: faces followed through all of it, a thumbnail each."""

import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from facemask_video.batch.identity import identify
from facemask_video.config import TracksConfig
from facemask_video.core.errors import FacemaskVideoError, VideoReadError
from facemask_video.ui.viewer import FindPeople
from facemask_video.ui.viewer_process import FORKED, ViewerProcess

_MOST_KEPT = 8


@dataclass(slots=True)
class Looked:
    """How far it is with one clip.

    Attributes:
        state: ``idle`` where nobody has begun.
        done: Frames looked at.
        total: Expected, where known.
        found: Each person as plain data, ``picture`` as JPEG.
        why: Of a failure.
    """

    state: Literal["idle", "looking", "found", "failed"] = "idle"
    done: int = 0
    total: int | None = None
    found: list[dict[str, Any]] | None = None
    why: str | None = None


class People:
    """Looks for people, one clip at a time; a new one takes the place of one that is looked at."""

    def __init__(self, folder: Path) -> None:
        """Look at nothing yet.

        Args:
            folder: Of the tracks files that are kept.
        """
        self._folder = folder
        self._looked: OrderedDict[str, Looked] = OrderedDict()
        self._lock = threading.Lock()
        self._viewer: ViewerProcess | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def look(
        self, source: Path, finding: dict[str, Any], config: TracksConfig, *, start: bool
    ) -> Looked:
        """Say who is in a clip, or how far that is.

        Args:
            source: Video or picture.
            finding: The options that decide the numbers of people, as plain data.
            config: The same, with all else.
            start: Begin where nobody has, or where it failed.

        Raises:
            VideoReadError: The file is gone.
        """
        key = _key(source, finding)
        with self._lock:
            looked = self._looked.get(key, Looked())
            if not start or self._closed or looked.state in ("looking", "found"):
                return looked
            self._stop()
            looked = self._looked[key] = Looked("looking")
            self._looked.move_to_end(key)
            while len(self._looked) > _MOST_KEPT:
                old, _ = self._looked.popitem(last=False)
                self._path(old).unlink(missing_ok=True)
            viewer = self._viewer = ViewerProcess(FORKED)
            self._thread = threading.Thread(
                target=self._find,
                args=(viewer, looked, FindPeople(source, config, self._path(key))),
                name="people",
            )
            self._thread.start()
        return looked

    def tracks_of(self, source: Path, finding: dict[str, Any]) -> Path | None:
        """Return the tracks file of a clip, where people were looked for under these options."""
        key = _key(source, finding)
        with self._lock:
            looked = self._looked.get(key)
        path = self._path(key)
        return path if looked is not None and looked.state == "found" and path.exists() else None

    def close(self) -> None:
        """Stop, and remove the files."""
        with self._lock:
            self._closed = True
            self._stop()
            for key in self._looked:
                self._path(key).unlink(missing_ok=True)

    def _stop(self) -> None:
        if self._viewer is not None:
            self._viewer.close()
        if self._thread is not None:
            self._thread.join()
        self._viewer = self._thread = None

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.jsonl"

    def _find(self, viewer: ViewerProcess, looked: Looked, request: FindPeople) -> None:
        def on_progress(done: int, total: int | None) -> None:
            looked.done, looked.total = done, total

        try:
            looked.found = viewer.ask(request, on_progress)
            looked.state = "found"
        except FacemaskVideoError as exc:
            looked.why, looked.state = str(exc), "failed"
        finally:
            viewer.close()


def _key(source: Path, finding: dict[str, Any]) -> str:
    try:
        identity = identify(source)
    except OSError as exc:
        raise VideoReadError(f"{source}: cannot be read ({exc.strerror}).") from exc
    described = json.dumps([str(source), identity.edges_sha256, identity.mtime_ns, finding])
    return hashlib.sha256(described.encode("utf-8", "surrogateescape")).hexdigest()[:24]
