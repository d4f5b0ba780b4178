"""The crops of a run: made once from folders of pictures, kept in the run folder, split by name."""

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from facemask_video.core.errors import ConfigError
from trainers.config import DataConfig, TrainConfig
from trainers.config.faces import folder_names
from trainers.data.crop_sources import OnCrop, read_crops, warn_of_skipped, write_skipped
from trainers.data.crops import CropSet
from trainers.data.picture_pairs import read_picture_pairs
from trainers.data.splits import SPLITS, read_names

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingCrops:
    """Both domains, each in two parts that share no source; what is for tests is in neither.

    Attributes:
        bare: Bare faces to train on.
        masked: Masked faces to train on.
        bare_held_out: Bare faces for previews and measures.
        masked_held_out: Masked faces for the same.
    """

    bare: CropSet
    masked: CropSet
    bare_held_out: CropSet
    masked_held_out: CropSet

    @property
    def n_set_aside(self) -> tuple[int, int]:
        """How many bare and masked faces are not trained on; 0 where previews show those."""
        both = ((self.bare, self.bare_held_out), (self.masked, self.masked_held_out))
        bare, masked = (0 if aside.names == used.names else len(aside) for used, aside in both)
        return bare, masked

    def file_list(self) -> str:
        """Return the names of the pictures trained on, bare ones first, sorted, a line each."""
        parts = (sorted(crops.names) for crops in (self.bare, self.masked))
        return "".join(f"{name}\n" for part in parts for name in part)

    def files_sha256(self) -> str:
        """Return the hash of `file_list`, which the cards of weights carry."""
        return hashlib.sha256(self.file_list().encode()).hexdigest()


def load_run_crops(
    config: TrainConfig, cache: Path, *, device: torch.device, on_crop: OnCrop | None = None
) -> TrainingCrops:
    """Load what a run trains on: the crops of both domains, or pairs of pictures of a user's own.

    Of pairs the input takes the part of the faces that the direction is for: of bare ones for
    ``mask``, of masked ones for ``unmask``. See `load_training_crops`.

    Raises:
        ConfigError: There are none.
    """
    if not config.pairs.given:
        return load_training_crops(config.data, cache, device=device, on_crop=on_crop)
    bare, masked = _load_pairs(config, cache)
    data = config.data
    if config.pairs.split is not None:
        aside = (1 - config.pairs.split) / 2
        data = replace(data, held_out=aside, test_share=aside)
    return _split_both(bare, masked, data)


def load_training_crops(
    data: DataConfig, cache: Path, *, device: torch.device, on_crop: OnCrop | None = None
) -> TrainingCrops:
    """Read or make the crops of both domains and split them.

    Args:
        data: Where they come from.
        cache: Folder where crops of folders are kept.
        device: Where the detector runs.
        on_crop: Called as pictures are cropped.

    Raises:
        ConfigError: A domain is not given, holds no face, or its crops are too small.
    """
    bare = _load_domain("bare", data.bare, data, cache, device, on_crop)
    masked = _load_domain("masked", data.masked, data, cache, device, on_crop)
    if data.bare_folders:
        bare = bare.in_folders(folder_names(data.bare_folders))
    if data.masked_folders:
        masked = masked.in_folders(folder_names(data.masked_folders))
    return _split_both(bare, masked, data)


def _split_both(bare: CropSet, masked: CropSet, data: DataConfig) -> TrainingCrops:
    names = frozenset() if data.held_out_names is None else read_names(data.held_out_names)
    (bare, bare_held_out), (masked, masked_held_out) = (
        _split(crops, data, names, domain) for domain, crops in (("bare", bare), ("masked", masked))
    )
    return TrainingCrops(bare, masked, bare_held_out, masked_held_out)


def _load_pairs(config: TrainConfig, cache: Path) -> tuple[CropSet, CropSet]:
    cached = [cache / f"{domain}.npz" for domain in ("bare", "masked")]
    if all(path.is_file() for path in cached):
        bare, masked = (CropSet.load(path) for path in cached)
        return bare, masked
    inputs, targets, skipped = read_picture_pairs(config.pairs, size_px=config.data.load_size_px)
    listed_in = cache / "pairs.skipped.txt"
    write_skipped(listed_in, skipped)
    warn_of_skipped(Path(config.pairs.place()), len(inputs), skipped, listed_in=listed_in)
    pair = (inputs, targets) if config.pix2pix.direction == "mask" else (targets, inputs)
    for crops, path in zip(pair, cached, strict=True):
        crops.save(path)
    return pair


def _load_domain(
    domain: str,
    source: Path | None,
    data: DataConfig,
    cache: Path,
    device: torch.device,
    on_crop: OnCrop | None,
) -> CropSet:
    cached = cache / f"{domain}.npz"
    if cached.is_file():
        crops, source = CropSet.load(cached), cached
    elif source is None:
        raise ConfigError(f"data.{domain} is not given; pass --{domain} FOLDER (or crops, .npz).")
    else:
        crops, skipped = read_crops(
            source, size_px=data.load_size_px, device=device, domain=domain, on_crop=on_crop
        )
        if source.is_dir():
            crops.save(cached)
            listed_in = cached.with_suffix(".skipped.txt")
            write_skipped(listed_in, skipped)
            warn_of_skipped(source, len(crops), skipped, listed_in=listed_in)
    if crops.size_px < data.crop_size_px:
        raise ConfigError(
            f"{source}: crops have {crops.size_px} px, expected at least data.crop_size_px, "
            f"{data.crop_size_px}; crop them again with facemask-train crops --size."
        )
    return crops


def _split(
    crops: CropSet, data: DataConfig, names: frozenset[str], domain: str
) -> tuple[CropSet, CropSet]:
    """Return what is trained on and what is set aside for validation."""
    splits = crops.splits(
        validation=data.held_out,
        test=data.test_share,
        whole_folders=folder_names(data.whole_folders),
        set_aside=names,
    )
    train, validation = splits == SPLITS.index("train"), splits == SPLITS.index("validation")
    if not train.any():
        remedy = "add pictures"
        if (crops.aside_or_unknown() > 0).all():
            # A set of one video has one source, and a source is never divided.
            remedy = "deal the splits anew with facemask-video curate --split 1,0,0"
        raise ConfigError(f"data.{domain}: all {len(crops)} crops are set aside; {remedy}.")
    if not validation.any():
        # A small set may lose nobody to the split.
        validation = train
        if data.held_out > 0:
            logger.warning(
                "data.%s: none of %d pictures falls to validation: previews and measures show what "
                "is trained on; add pictures, or set more aside.",
                *(domain, len(crops)),
            )
    return crops.take(train), crops.take(validation)
