"""Write what ships: averaged generators in half precision, each with its card."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch

from facemask_video.config.settings import as_plain, build, read_tables
from facemask_video.core.direction import Direction
from facemask_video.core.files import sha256_file
from facemask_video.core.frame import ImageU8
from facemask_video.translate.networks import Generator, build_generator
from facemask_video.translate.weights import WeightsCard, save_generator
from trainers.config import TrainConfig
from trainers.data.crops import CropSet
from trainers.fit.checkpoint import newest_checkpoint, read_checkpoint
from trainers.fit.onnx_export import export_onnx
from trainers.fit.runs import RunFolder
from trainers.fit.training_crops import load_run_crops

_CHECKED_ON = 8
"""Held-out crops that ONNX and torch are compared on."""


def read_config(run: RunFolder) -> dict[str, object]:
    """Return a run's settings by full name."""
    return read_tables(run.read_options(), TrainConfig, run.options)


_OF_THE_PLACE = {
    "features": ("inception",),
    "data": ("bare", "masked", "held_out_names", "n_workers"),
    "run": (
        *("capacity", "device", "n_threads", "run_dir", "progress", "tensorboard"),
        *("stats_every", "preview_every", "measure_every"),
        *("checkpoint_every", "keep_checkpoints"),
    ),
}
"""Settings that say where and how a recipe is run, not what it is."""


def config_sha256(config: TrainConfig) -> str:
    """Return the hash of a recipe: the same wherever it is run."""
    recipe = as_plain(config)
    for section, keys in _OF_THE_PLACE.items():
        for key in keys:
            del recipe[section][key]
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def card_of(
    config: TrainConfig, direction: Direction, images_seen: int, files_sha256: str = ""
) -> WeightsCard:
    """Return the card of a generator after some images.

    Args:
        config: Of the run.
        direction: Of the generator.
        images_seen: In training.
        files_sha256: Of the list of pictures trained on, `TrainingCrops.files_sha256`.
    """
    return WeightsCard(
        direction=direction,
        spec=getattr(config, direction),
        crop_size_px=config.data.crop_size_px,
        images_seen=images_seen,
        config_sha256=config_sha256(config),
        training_files_sha256=files_sha256,
    )


def export_generators(
    generators: Mapping[str, Generator],
    config: TrainConfig,
    folder: Path,
    *,
    images_seen: int,
    files_sha256: str = "",
) -> list[Path]:
    """Write each generator as ``DIRECTION-CAPACITY.safetensors``; returns the files."""
    paths = []
    for name, network in generators.items():
        path = folder / f"{name}-{config.run.capacity}.safetensors"
        card = card_of(config, Direction(name), images_seen, files_sha256)
        save_generator(path, network, card)
        paths.append(path)
    return paths


def export_run(
    run: RunFolder, folder: Path, *, capacity: str | None = None, onnx: bool = False
) -> list[Path]:
    """Write the generators of a run's newest checkpoint, as ONNX too where asked.

    Args:
        run: The run.
        folder: Where the files go.
        capacity: Goes into the files' names; the run's own where None.
        onnx: Write each as ONNX too.

    Raises:
        TrainingError: The run has no checkpoint, it does not fit the options, or ONNX gives other
            pictures than torch.
        ConfigError: ONNX is asked for, and its packages or the run's crops are not there.
    """
    named: dict[str, object] = {} if capacity is None else {"run.capacity": capacity}
    config = build(TrainConfig, read_config(run), named)
    state = read_checkpoint(newest_checkpoint(run.checkpoints))
    images_seen = int(state["images_seen"])
    generators: dict[str, Generator] = {}
    for name, weights in state["parts"]["averages"].items():
        generators[name] = build_generator(getattr(config, name)).eval()
        generators[name].load_state_dict(weights)
    # A run of an earlier version has no list.
    listed = run.training_files
    files_sha256 = sha256_file(listed) if listed.is_file() else ""
    paths = export_generators(
        generators, config, folder, images_seen=images_seen, files_sha256=files_sha256
    )
    if onnx:
        crops = load_run_crops(config, run.crops, device=torch.device("cpu"))
        for name, network in generators.items():
            held_out = crops.bare_held_out if name == "mask" else crops.masked_held_out
            path = folder / f"{name}-{config.run.capacity}.onnx"
            images = _at_size(held_out, config.data.crop_size_px)[:_CHECKED_ON]
            export_onnx(path, network, card_of(config, Direction(name), images_seen), images)
            paths.append(path)
    return paths


def _at_size(crops: CropSet, size_px: int) -> list[ImageU8]:
    """Return crops at the size trained on."""
    return [
        np.asarray(cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)
        for image in crops.images
    ]
