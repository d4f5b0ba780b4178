"""Convert file after file with networks that are loaded once."""

import dataclasses
import logging
import time
from collections.abc import Callable

from facemask_video.batch.poster import frame_posters, picture_posters, video_posters
from facemask_video.batch.split_file import FOLLOW_SHARE
from facemask_video.batch.task import Outcome, Task, WorkerSettings, tracks_path
from facemask_video.core.errors import FacemaskVideoError, VideoWriteError
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.frames import convert_frames
from facemask_video.pipeline.load_networks import Networks, load_networks
from facemask_video.pipeline.picture import convert_picture
from facemask_video.pipeline.report import ConversionReport
from facemask_video.pipeline.split import follow, paint_range

logger = logging.getLogger(__name__)

_NO_FACE = "no face is translated in it, and --no-face skip was asked for"

OnFrames = Callable[[int, int | None], None]

_CONVERT = {"video": convert, "picture": convert_picture, "frames": convert_frames}

# Often enough for a display; each is a message between processes.
_SAY_EVERY_S = 0.5


class Converter:
    """What converts the files of a batch in one process, one after another."""

    def __init__(self, settings: WorkerSettings, networks: Networks | None = None) -> None:
        """Load nothing yet.

        Args:
            settings: Of the worker.
            networks: Used in place of those that the configuration names.
        """
        self._config = settings.config
        self._device = settings.device
        self._networks = networks

    def run(self, task: Task, on_frames: OnFrames) -> Outcome:
        """Convert one file, and tell what became of it instead of raising.

        Args:
            task: The file.
            on_frames: Called now and then with the frames done and expected.
        """
        try:
            return self._run(task, on_frames)
        except FacemaskVideoError as exc:
            return Outcome("failed", why=_one_line(exc))
        except Exception as exc:
            logger.exception("%r", task.source)
            return Outcome("broken", why=f"{type(exc).__name__}: {_one_line(exc)}")

    def _run(self, task: Task, on_frames: OnFrames) -> Outcome:
        if not task.folder.is_dir():
            raise VideoWriteError(f"{task.folder}: the folder of the results is gone.")
        try:
            task.target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise VideoWriteError(
                f"{task.target.parent}: cannot be made ({exc.strerror}); check rights and space."
            ) from exc
        tracks_out = tracks_path(task.target) if self._config.output.write_tracks else None
        config = self._config.for_file(
            overwrite=task.replace, tracks_out=tracks_out, device=self._device
        )
        if self._networks is None:
            self._networks = load_networks(config)
        if task.span is not None:
            paint_range(
                task.source,
                task.target,
                config,
                task.span,
                on_progress=_seldom(on_frames),
                networks=self._networks,
            )
            return Outcome("done")
        notes = task.notes
        if task.may_split and self._config.run.split_longer_than_s is not None:
            ranges, note = follow(
                task.source,
                task.target,
                config,
                longest_s=self._config.run.split_longer_than_s,
                on_progress=_seldom(_as_a_share(on_frames)),
                networks=self._networks,
            )
            if ranges:
                return Outcome("split", ranges=ranges)
            notes = notes if note is None else (*notes, note)
        report = _CONVERT[task.kind](
            task.source,
            task.target,
            config,
            on_progress=_seldom(on_frames),
            networks=self._networks,
        )
        report = dataclasses.replace(report, notes=(*report.notes, *notes))
        if report.output["path"] is None:
            return Outcome("skipped", dataclasses.asdict(report), why=_NO_FACE)
        if task.kind == "picture":
            posters = picture_posters(task.source, task.target)
        elif task.kind == "frames":
            posters = frame_posters(task.source, task.target)
        else:
            posters = video_posters(task.source, task.target, _moment_s(report))
        return Outcome("done", dataclasses.asdict(report), posters)


def _moment_s(report: ConversionReport) -> float:
    """Return a moment that is worth seeing: one with faces, or the middle where there are none."""
    if report.most_changed_s is not None:
        return report.most_changed_s
    return float(report.input.get("duration_s") or 0.0) / 2


def _as_a_share(on_frames: OnFrames) -> OnFrames:
    return lambda done, total: on_frames(round(FOLLOW_SHARE * done), total)


def _seldom(on_frames: OnFrames) -> OnFrames:
    said = 0.0

    def on_progress(done: int, total: int | None) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _SAY_EVERY_S:
            said = now
            on_frames(done, total)

    return on_progress


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
