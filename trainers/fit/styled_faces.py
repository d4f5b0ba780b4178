"""The faces of a styled mask's training: cut, paired with bare ones once, and split by name."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from facemask_video.classify.mask_classifier import MaskClassifier, default_mask_classifier
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.files import atomic_write
from facemask_video.core.shipped_weights import default_weights
from facemask_video.translate.networks import TwoStageGenerator
from facemask_video.translate.weights import load_generator
from trainers.config import DataConfig
from trainers.config.faces import TrainingFacesConfig
from trainers.data.crop_sources import OnCrop
from trainers.data.mask_photographs import MaskPhotographs, pair_photographs
from trainers.fit.styled_mask import StyledFaces
from trainers.fit.training_crops import load_training_crops

PAIRS = "pairs.npz"
"""Ends the names of the files that pairs are kept in."""

# So that jitter does not blur.
_LARGER = 1.25


def load_styled_faces(
    faces: TrainingFacesConfig,
    folder: Path,
    *,
    crop_size_px: int,
    device: torch.device,
    unmask_weights: Path | None = None,
    classifier_weights: Path | None = None,
    on_crop: OnCrop | None = None,
) -> StyledFaces:
    """Load both domains; pairs, which take long to make, are kept.

    Args:
        faces: Where they come from and which are set aside.
        folder: Where crops and pairs are kept.
        crop_size_px: Side that training works at.
        device: Where the detector runs.
        unmask_weights: Generator that takes the masks off; None is the shipped one.
        classifier_weights: Classifier that says whether that worked; None is the shipped one.
        on_crop: Told how far cutting and pairing are.

    Raises:
        ConfigError: A domain is not given, or holds no face.
        WeightsError: The unmask generator or classifier is missing.
    """
    unmask_weights = unmask_weights or default_weights(Direction.UNMASK)
    unmask, card = load_generator(unmask_weights, direction=Direction.UNMASK)
    if not isinstance(unmask, TwoStageGenerator):
        raise ConfigError(f"{unmask_weights}: does not segment masks; pass two-stage weights.")
    named = {field.name: getattr(faces, field.name) for field in fields(TrainingFacesConfig)}
    data = DataConfig(**named, crop_size_px=card.crop_size_px)
    crops = load_training_crops(data, folder, device=device, on_crop=on_crop)
    classifier = MaskClassifier.load(
        classifier_weights or default_mask_classifier(), device=torch.device("cpu")
    )
    size_px = round(crop_size_px * _LARGER)
    photographs = []
    for part, masked in (("train", crops.masked), ("held-out", crops.masked_held_out)):
        kept = folder / f"{part}-{PAIRS}"
        if kept.is_file():
            photographs.append(_read(kept))
            continue

        def on_progress(done: int, total: int, part: str = part) -> None:
            if on_crop is not None:
                on_crop(f"masks taken off ({part})", done, total)

        pairs = pair_photographs(
            masked, unmask, classifier, size_px=size_px, on_progress=on_progress
        )
        _write(kept, pairs)
        photographs.append(pairs)
    training, held_out = photographs
    return StyledFaces(training, crops.bare, held_out, crops.bare_held_out)


def _write(path: Path, pairs: MaskPhotographs) -> None:
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez(
            file,
            masked=pairs.masked,
            regions=pairs.regions,
            bare=pairs.bare,
            names=np.array(pairs.names),
        )


def _read(path: Path) -> MaskPhotographs:
    with np.load(path, allow_pickle=False) as stored:
        names = tuple(str(name) for name in stored["names"])
        return MaskPhotographs(stored["masked"], stored["regions"], stored["bare"], names)
