"""What one process does: read a face, put masks on it, write the pictures.

Its results depend on the face and the options alone, so the number of processes changes nothing.
What needs torch is imported where it is needed: masks drawn on crops do not, and a process that
leaves it out starts in a fraction of the time.
"""

import functools
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import write_picture
from facemask_video.detect.detector import Detector
from trainers.pairs.config import PairsConfig
from trainers.pairs.manifest import PairRow
from trainers.pairs.masker import DrawnMasker, FaceMasker
from trainers.pairs.pair_files import BARE, MASKED, SEGMENTATION
from trainers.pairs.source_faces import FaceSource, load_face

MASKED_ALREADY = "masked already"


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One face, and where its pictures go: a path without suffix, from their folders."""

    source: FaceSource
    path: str


class Worker:
    """Makes the pairs of one face after another.

    Args:
        config: Which masks are put on.
        out: Folder of the set.

    Raises:
        WeightsError: A weights file is missing, damaged or made for something else.
    """

    def __init__(self, config: PairsConfig, out: Path) -> None:
        self._config, self._out = config, out
        self._is_masked = load_mask_classifier() if config.classifier == "auto" else None
        self._masker = load_masker(config)

    def make(self, task: Task) -> list[PairRow] | str:
        """Write the pairs of a face; returns their rows, or the reason why there are none."""
        face = load_face(task.source, load_detector, size_px=self._config.size_px)
        if isinstance(face, str):
            return face
        if self._is_masked is not None and self._is_masked(face.image):
            return MASKED_ALREADY
        bare = f"{BARE}/{task.path}.png"
        write_picture(self._out / bare, face.image)
        rows = []
        for number, made in enumerate(self._masker.masked(face, task.source.name)):
            masked, segmentation = (
                f"{folder}/{task.path}-{number}.png" for folder in (MASKED, SEGMENTATION)
            )
            write_picture(self._out / masked, made.image)
            write_picture(self._out / segmentation, np.rint(made.alpha * 255).astype(np.uint8))
            points = tuple((round(float(x), 2), round(float(y), 2)) for x, y in face.landmarks)
            rows.append(
                PairRow(
                    name=task.source.name,
                    pair=number,
                    bare=bare,
                    masked=masked,
                    segmentation=segmentation,
                    size_px=face.image.shape[0],
                    landmarks=points,
                    made_by=self._config.maker,
                    style=made.style,
                    wearing=made.wearing,
                    split=task.source.split,
                    look=made.parameters,
                )
            )
        return rows


def load_masker(config: PairsConfig) -> FaceMasker:
    """Return the masker that the options name."""
    if config.maker == "drawn":
        return DrawnMasker(
            config.style_names, wearing=config.wearing, per_image=config.per_image, seed=config.seed
        )
    _compute_in_one_thread()
    from trainers.pairs.generator_masker import GeneratorMasker, generator_weights

    return GeneratorMasker.load(
        generator_weights(config.weights),
        None if config.styles is None else config.style_names,
        per_image=config.per_image,
        seed=config.seed,
    )


def load_mask_classifier() -> Callable[[ImageU8], bool]:
    """Return a function that says whether an aligned face is masked, by the shipped classifier."""
    _compute_in_one_thread()
    import torch

    from facemask_video.classify.mask_classifier import MaskClassifier, default_mask_classifier

    classifier = MaskClassifier.load(default_mask_classifier(), device=torch.device("cpu"))
    return lambda image: classifier.masked_scores([image])[0] > 0.5


@functools.cache
def load_detector() -> Detector:
    """Return the detector that finds the face of a picture."""
    _compute_in_one_thread()
    import torch

    from trainers.data.detector import photograph_detector

    return photograph_detector(torch.device("cpu"))


def _compute_in_one_thread() -> None:
    """Make results independent of the number of processes: sums over threads are not."""
    import torch

    torch.set_num_threads(1)


_worker: Worker | None = None


def start_process(config: PairsConfig, out: Path) -> None:
    """Prepare a process of a pool."""
    global _worker  # a process of a pool has no other place for what it loads once
    # A terminal sends Ctrl-C to the whole group; the first process alone decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(0)
    _worker = Worker(config, out)


def make_in_process(task: Task) -> list[PairRow] | str:
    """Do one task in a process that `start_process` has prepared."""
    assert _worker is not None
    return _worker.make(task)
