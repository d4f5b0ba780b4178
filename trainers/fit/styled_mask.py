"""Train a styled mask generator, resuming, averaging and previewing; then store its styles."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from facemask_video.config.settings import as_plain
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import write_picture
from facemask_video.core.pixels import to_images, to_network
from facemask_video.translate.generator_spec import GeneratorSpec
from facemask_video.translate.networks import Style, StyledGenerator
from facemask_video.translate.styles import to_linear
from facemask_video.translate.weights import WeightsCard, save_generator
from trainers.config.styled import StyledMaskConfig
from trainers.data.crops import CropSet
from trainers.data.mask_photographs import MaskPhotographs
from trainers.data.styled_samples import StyledSamples
from trainers.fit.checkpoint import (
    Stateful,
    newest_checkpoint,
    process_state,
    read_checkpoint,
    restore,
    save_checkpoint,
)
from trainers.fit.curves import draw_curves
from trainers.fit.ema import Averages
from trainers.fit.interrupt import stop_on_signals
from trainers.fit.meter import Meter
from trainers.fit.runs import RunFolder
from trainers.gan.face_features import FaceFeatures
from trainers.gan.styled_mask import StyledBatch, StyledMaskTraining

_HALFLIFE_IMAGES, _RAMPUP = 4000.0, 0.3
_N_PREVIEW = 8
_KEEP_CHECKPOINTS = 2

OnStats = Callable[[dict[str, float]], None]


@dataclass(frozen=True, slots=True)
class StyledRun:
    """How a styled mask generator is trained.

    Attributes:
        images: Photographs and drawn masks to see in all.
        device: Where it runs.
        batch_size: Of them a step.
        crop_size_px: 128 or 256.
        seed: Of weights and samples.
        precision: Of autocast.
        n_workers: Processes that prepare samples.
        save_every: Images between checkpoints, each with a preview.
        stats_every: Images between two calls of ``on_stats``.
    """

    images: int
    device: torch.device
    batch_size: int = 8
    crop_size_px: int = 128
    seed: int = 1
    precision: torch.dtype = torch.float32
    n_workers: int = 0
    save_every: int = 2400
    stats_every: int = 480


@dataclass(frozen=True, slots=True, eq=False)
class StyledFaces:
    """What it is trained on and what previews show.

    Attributes:
        photographs: Masked faces to train on.
        bare: Bare faces to train on.
        photographs_held_out: Others, for previews.
        bare_held_out: The same.
    """

    photographs: MaskPhotographs
    bare: CropSet
    photographs_held_out: MaskPhotographs
    bare_held_out: CropSet

    def files_sha256(self) -> str:
        """Return the hash of the list of pictures trained on, as of `TrainingCrops`."""
        parts = (sorted(self.bare.names), sorted(self.photographs.names))
        text = "".join(f"{name}\n" for part in parts for name in part)
        return hashlib.sha256(text.encode()).hexdigest()


def train_styled_mask(
    faces: StyledFaces,
    config: StyledMaskConfig,
    run: StyledRun,
    folder: RunFolder,
    features: FaceFeatures,
    *,
    on_stats: OnStats | None = None,
) -> StyledGenerator | None:
    """Train, or go on with what ``folder`` holds.

    Args:
        faces: Both domains.
        config: Losses and optimisers.
        run: The rest.
        folder: Gets checkpoints, previews and statistics.
        features: Of the perceptual loss.
        on_stats: Told the means of the losses, images seen and images a second.

    Returns:
        The averaged generator, on the CPU; None where a signal ended training early. The same
        command goes on from there.

    Raises:
        ConfigError: There is nothing to train on, or the folder holds another run.
        TrainingError: A loss is no longer finite.
    """
    if len(faces.photographs) == 0 or len(faces.bare) == 0:
        raise ConfigError("faces: no masked or no bare ones are left to train on.")
    torch.manual_seed(run.seed)
    generator = StyledGenerator(styled_spec(run.crop_size_px))
    training = StyledMaskTraining(
        generator, config, features, device=run.device, precision=run.precision
    )
    averages = Averages(
        [("mask", training.generator)], halflife_images=_HALFLIFE_IMAGES, rampup=_RAMPUP
    )
    meter = Meter()
    parts: dict[str, Stateful] = {
        **{f"networks/{name}": network for name, network in training.networks()},
        **{f"optimizers/{name}": optimizer for name, optimizer in training.optimizers.items()},
        "averages": averages,
    }
    own: dict[str, Stateful] = {"meter": meter}
    seen = 0
    if folder.options.is_file():
        _require_same_recipe(folder, config, run)
    if any(folder.checkpoints.glob("*.pt")):
        path = newest_checkpoint(folder.checkpoints)
        seen = restore(read_checkpoint(path), parts, own, rank=0, path=path)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.write_options(_recipe(config, run))
    samples = StyledSamples(
        faces.photographs,
        faces.bare,
        size_px=run.crop_size_px,
        seed=run.seed,
        count=run.images,
        first=seen,
    )
    loader = DataLoader(
        samples,
        batch_size=run.batch_size,
        num_workers=run.n_workers,
        drop_last=True,
        collate_fn=StyledBatch.stack,
        # A generator of its own: the loader would draw from the one that a checkpoint keeps.
        generator=torch.Generator(),
    )
    folder.drop_stats_after(seen)

    def save() -> None:
        save_checkpoint(
            folder.checkpoints,
            parts,
            [process_state(own)],
            images_seen=seen,
            keep=_KEEP_CHECKPOINTS,
        )

    with stop_on_signals() as stop:
        for batch in loader:
            meter.add(training.step(batch.to(run.device), seen), run.batch_size)
            seen += run.batch_size
            averages.update(seen, run.batch_size)
            if seen % run.stats_every < run.batch_size:
                line = meter.read(seen).line
                folder.append_stats(line)
                if on_stats is not None:
                    on_stats(line)
            if seen % run.save_every < run.batch_size or stop:
                save()
            if seen % run.save_every < run.batch_size:
                average = averages.generators["mask"]
                assert isinstance(average, StyledGenerator)
                preview = draw_styled_preview(average, faces, run.device)
                write_picture(folder.previews / f"{seen:09d}.png", preview)
                write_picture(folder.curves, draw_curves(folder.read_stats()))
            if stop:
                return None
    save()
    average = averages.generators["mask"]
    assert isinstance(average, StyledGenerator)
    return average.cpu()


def styled_spec(crop_size_px: int) -> GeneratorSpec:
    """Return the sizes of a styled generator for crops of 128 or 256 px."""
    if crop_size_px not in (128, 256):
        raise ConfigError(f"crop_size_px: got {crop_size_px}, expected 128 or 256.")
    return GeneratorSpec(
        architecture="styled", ngf=32, n_blocks=4, fold=crop_size_px // 64, segmentation_ngf=16
    )


@torch.inference_mode()
def draw_styled_preview(
    generator: StyledGenerator, faces: StyledFaces, device: torch.device
) -> ImageU8:
    """Lay the styles of held-out photographs (top row) on held-out bare faces (left column)."""
    rng = np.random.default_rng(5)
    shown, bare = faces.photographs_held_out, faces.bare_held_out
    rows = rng.permutation(len(shown))[:_N_PREVIEW]
    columns = rng.permutation(len(bare))[:_N_PREVIEW]
    side = shown.masked.shape[1]
    photographs = to_network(list(shown.masked[rows]), device)
    regions = torch.from_numpy(shown.regions[rows])[:, None].to(device).float() / 255
    styles = generator.read_style(photographs, regions)
    images = to_network(list(bare.images[columns]), device)
    if images.shape[-1] != side:
        images = torch.nn.functional.interpolate(images, (side, side), mode="area")
    grid = [np.vstack([np.zeros((side, side, 3), np.uint8), *to_images(images)])]
    for at, row in enumerate(rows):
        style = styles[[at] * len(images)]
        grid.append(
            np.vstack([shown.masked[row], *to_images(generator(images, style).over(images))])
        )
    return np.ascontiguousarray(np.hstack(grid))


@torch.inference_mode()
def store_styles(
    generator: StyledGenerator,
    photographs: MaskPhotographs,
    names: Mapping[str, Sequence[str]],
    bare: CropSet,
) -> tuple[StyledGenerator, tuple[str, ...]]:
    """Read styles off photographs and store them with a generator.

    Args:
        generator: In evaluation mode, on the CPU.
        photographs: Of masked faces.
        names: For each style the names of its photographs.
        bare: Faces on which the colours of masks are measured.

    Returns:
        A generator with the styles, and their names in order.

    Raises:
        ConfigError: A photograph is not there.
    """
    place = {name: at for at, name in enumerate(photographs.names)}
    wanted = [(style, name) for style, each in names.items() for name in each]
    missing = [name for _, name in wanted if name not in place]
    if missing or not wanted:
        raise ConfigError(
            f"styles: {len(missing)} of {len(wanted)} photographs are not among those that could "
            f"be paired, first {missing[:1]}; name others."
        )
    rows = [place[name] for _, name in wanted]
    masked = to_network(list(photographs.masked[rows]), torch.device("cpu"))
    regions = torch.from_numpy(photographs.regions[rows])[:, None].float() / 255
    styles: Style = generator.read_style(masked, regions)
    stored = StyledGenerator(generator.spec, len(rows))
    tensors = {n: t for n, t in generator.state_dict().items() if n not in _STORED}
    tensors |= {"textures": styles.texture, "shapes": styles.shape}
    tensors["colours"] = torch.stack(
        [painted_colour(generator, styles[[at]], bare) for at in range(len(rows))]
    )
    stored.load_state_dict(tensors)
    return stored.eval().requires_grad_(False), tuple(style for style, _ in wanted)


_STORED = ("textures", "shapes", "colours")


def painted_colour(generator: StyledGenerator, style: Style, bare: CropSet) -> torch.Tensor:
    """Return the mean colour of masks of a style on some faces, linear RGB, shape (3,)."""
    side = 64 * generator.spec.fold
    images = to_network(list(bare.images[:16]), torch.device("cpu"))
    images = torch.nn.functional.interpolate(images, (side, side), mode="area")
    painted, alpha = generator(images, style[[0] * len(images)])
    linear = to_linear((painted.clamp(-1, 1) + 1) / 2)
    total: torch.Tensor = (linear * alpha).sum((0, 2, 3)) / alpha.sum((0, 2, 3)).clamp(min=1)
    return total


def save_styled_mask(
    path: Path,
    generator: StyledGenerator,
    styles: tuple[str, ...],
    *,
    crop_size_px: int,
    images_seen: int,
    config_sha256: str,
    files_sha256: str = "",
) -> None:
    """Write weights that ``facemask-video --direction mask`` takes."""
    card = WeightsCard(
        Direction.MASK,
        generator.spec,
        crop_size_px,
        styles=styles,
        images_seen=images_seen,
        config_sha256=config_sha256,
        training_files_sha256=files_sha256,
    )
    save_generator(path, generator, card)


def _recipe(config: StyledMaskConfig, run: StyledRun) -> dict[str, Any]:
    """Return what a run that is gone on with must not change, as plain data."""
    return {"losses": as_plain(config), "crop_size_px": run.crop_size_px, "seed": run.seed}


def _require_same_recipe(folder: RunFolder, config: StyledMaskConfig, run: StyledRun) -> None:
    then, now = (
        {**recipe["losses"], **{name: recipe[name] for name in ("crop_size_px", "seed")}}
        for recipe in (folder.read_options(), _recipe(config, run))
    )
    different = sorted(name for name in now if then.get(name) != now[name])
    if different:
        raise ConfigError(
            f"{folder.path}: was made with another {', '.join(different)}; name another run "
            "folder, or give what it was made with."
        )
