"""What a run writes down as it goes: statistics, previews, measures."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from facemask_video.core.errors import ConfigError
from facemask_video.core.pictures import write_picture
from trainers.config import TrainConfig
from trainers.fit.best import Best, HeldOutDistance
from trainers.fit.curves import draw_curves
from trainers.fit.ema import Averages
from trainers.fit.export import export_generators
from trainers.fit.meter import Meter, Reading
from trainers.fit.previews import choose_faces, draw_preview
from trainers.fit.processes import Processes
from trainers.fit.runs import RunFolder
from trainers.fit.training_crops import TrainingCrops

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

OnStats = Callable[[dict[str, float]], None]
"""Called with each line of statistics as it is written."""


class Records:
    """The written side of a run; of several processes the first one writes.

    Attributes:
        meter: Gathers losses between lines of statistics.
        best: The best measure so far.
    """

    def __init__(
        self,
        config: TrainConfig,
        run: RunFolder,
        crops: TrainingCrops,
        averages: Averages,
        *,
        device: torch.device,
        processes: Processes,
        on_stats: OnStats | None,
    ) -> None:
        """Choose the faces that are shown and measured."""
        self._config, self._run, self._averages = config, run, averages
        self._writes, self._on_stats = processes.is_first, on_stats
        self.meter, self.best = Meter(processes), Best()
        size_px = config.data.crop_size_px
        self._files_sha256 = crops.files_sha256()
        self._faces = choose_faces(crops.bare_held_out, crops.masked_held_out, crop_size_px=size_px)
        self._distance: HeldOutDistance | None = None
        # The distance of one picture from others is not defined.
        enough = min(len(crops.bare_held_out), len(crops.masked_held_out)) > 1
        if config.run.measure_every and self._writes and not enough:
            logger.warning(
                "nothing is measured: one face of a domain is set aside, and measures want two; "
                "raise --held-out or add pictures."
            )
        if config.run.measure_every and self._writes and enough:
            self._distance = HeldOutDistance.of(
                crops.bare_held_out,
                crops.masked_held_out,
                crop_size_px=size_px,
                device=device,
                inception=config.features.inception,
            )
        events = config.run.tensorboard and self._writes
        self._events = _event_writer(run.events) if events else None

    def report(self, images_seen: int) -> Reading:
        """Write the means of the losses since the last report.

        Raises:
            TrainingError: A loss is not a number.
        """
        reading = self.meter.read(images_seen)
        if self._writes:
            self._write(reading.line, images_seen)
        if self._writes and self._on_stats is not None:
            self._on_stats(reading.line)
        return reading

    def preview(self, images_seen: int) -> None:
        """Write what the averaged generators make of the faces chosen, and the curves so far."""
        if not self._writes:
            return
        picture = draw_preview(self._averages.generators, self._faces)
        write_picture(self._run.previews / f"{images_seen:09d}.png", picture)
        write_picture(self._run.curves, draw_curves(self._run.read_stats()))
        if self._events is not None:
            self._events.add_image("previews", picture, images_seen, dataformats="HWC")
            self._events.flush()

    def measure(self, images_seen: int) -> None:
        """Measure the averaged generators, and keep them if they are the best so far."""
        if self._distance is None:
            return
        found = self._distance.measure(self._averages.generators)
        self._write({"images_seen": images_seen, **found}, images_seen)
        if self.best.improves(found, images_seen):
            export_generators(
                self._averages.generators,
                self._config,
                self._run.best,
                images_seen=images_seen,
                files_sha256=self._files_sha256,
            )

    def close(self) -> None:
        """End the event file."""
        if self._events is not None:
            self._events.close()

    def _write(self, line: dict[str, float], images_seen: int) -> None:
        self._run.append_stats(line)
        if self._events is not None:
            for name in line.keys() - {"images_seen"}:
                self._events.add_scalar(name, line[name], images_seen)
            self._events.flush()


def _event_writer(folder: Path) -> "SummaryWriter":
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as exc:
        raise ConfigError(
            "run.tensorboard: the package tensorboard is not installed; pip install "
            "'facemask-video[tensorboard]', or leave --tensorboard out."
        ) from exc
    return SummaryWriter(str(folder))
