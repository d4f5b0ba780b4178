"""Which crops of a source are evaluated: the split that the options name."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.core.errors import ConfigError
from trainers.data.crop_sources import read_crops, warn_of_skipped
from trainers.data.crops import CropSet
from trainers.data.splits import SPLITS, Split, source_of, split_of
from trainers.evaluate.progress import OnDone, unheard


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Which pictures are evaluated.

    Attributes:
        split: That they belong to.
        validation: Share of the sources that are validation; 1 takes all pictures whatever else.
        test: Share of the sources that are test.
        whole_folders: Folders of pictures that belong together.
        names: Pictures to evaluate by name, in place of the split; None goes by the split.
        also: Names that training set aside for validation besides.
    """

    split: Split = "validation"
    validation: float = 0.1
    test: float = 0.1
    whole_folders: tuple[str, ...] = ()
    names: frozenset[str] | None = None
    also: frozenset[str] = frozenset()

    def chooser(self, folders: Collection[str]) -> Callable[[str, str], bool]:
        """Return what tells by name and manifest whether a picture in one of ``folders`` is taken.

        No folders stand for all.
        """
        wanted = set(folders)

        def choose(name: str, known: str) -> bool:
            if wanted and wanted.isdisjoint(PurePosixPath(name).parent.parts):
                return False
            if self.names is not None or self.validation >= 1:
                return self.names is None or name in self.names
            source = source_of(name, known, whole_folders=self.whole_folders)
            split = split_of(source, validation=self.validation, test=self.test)
            if name in self.also and split == "train":
                split = "validation"
            return split == self.split

        return choose

    def chosen(self, crops: CropSet) -> NDArray[np.bool_]:
        """Tell which crops are evaluated, shape (n,)."""
        if self.names is not None:
            return np.array([name in self.names for name in crops.names], dtype=bool)
        if self.validation >= 1:
            return np.ones(len(crops), dtype=bool)
        splits = crops.splits(
            validation=self.validation,
            test=self.test,
            whole_folders=self.whole_folders,
            set_aside=self.also,
        )
        return np.asarray(splits == SPLITS.index(self.split))


def load_crops(
    source: Path,
    *,
    size_px: int,
    device: torch.device,
    domain: str | None = None,
    choose: Callable[[str, str], bool] | None = None,
    on_done: OnDone = unheard,
) -> CropSet:
    """Read a crop set, or cut one from a folder of pictures.

    Args:
        source: A file, a folder of pictures, or a folder that ``facemask-video extract`` made.
        size_px: Side at which the crops are evaluated.
        device: Where the detector runs.
        domain: Of extracted crops take ``bare`` or ``masked`` ones alone.
        choose: Of a folder of pictures cut these alone, as of `read_crops`.
        on_done: Called with pictures looked at and in all.

    Raises:
        ConfigError: It holds no face, or smaller crops than are evaluated.
    """
    crops, skipped = read_crops(
        source,
        size_px=size_px,
        device=device,
        domain=domain,
        choose=choose,
        on_crop=lambda name, done, total: on_done(done, total),
    )
    warn_of_skipped(source, len(crops), skipped)
    if crops.size_px < size_px:
        raise ConfigError(
            f"{source}: crops have {crops.size_px} px, expected at least the generators' "
            f"{size_px}; cut them again with facemask-train crops --size {size_px}."
        )
    return crops


def split_evaluated(crops: CropSet, evaluated: Evaluated, *, where: str) -> tuple[CropSet, CropSet]:
    """Return the crops that are evaluated, and those that were trained on.

    Args:
        crops: All of them.
        evaluated: Which.
        where: The crops' source, for the message.

    Raises:
        ConfigError: Fewer than two are to be evaluated.
    """
    chosen = evaluated.chosen(crops)
    if chosen.sum() < 2:
        what = "on the list" if evaluated.names is not None else f"of the split {evaluated.split}"
        raise ConfigError(
            f"{where}: {chosen.sum()} of {len(crops)} faces are {what}, expected at least 2; add "
            "pictures, or pass --held-out 1 for pictures never trained on."
        )
    splits = crops.splits(
        validation=min(evaluated.validation, 1.0),
        test=evaluated.test,
        whole_folders=evaluated.whole_folders,
    )
    return crops.take(chosen), crops.take(~chosen & (splits == SPLITS.index("train")))


def evenly_sampled(crops: CropSet, limit: int) -> CropSet:
    """Return at most ``limit`` crops, evenly spread over the set; all where it is 0."""
    if not limit or len(crops) <= limit:
        return crops
    chosen = np.zeros(len(crops), dtype=bool)
    chosen[np.linspace(0, len(crops) - 1, limit).round().astype(int)] = True
    return crops.take(chosen)
