"""``facemask-train average``: one weights file of several, by shares given or chosen."""

from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.settings import Checked, section, setting
from facemask_video.core.errors import ConfigError
from trainers.config.faces import TrainingFacesConfig

if TYPE_CHECKING:
    from facemask_video.translate.weights import WeightsCard
    from trainers.fit.average import Measure


@dataclass(frozen=True, slots=True)
class SharesConfig(Checked):
    """How much of each."""

    shares: str = setting(
        "", metavar="X,Y,...", help="Shares of the weights in their order, adding up to 1"
    )
    choose_on: Literal["validation"] | None = setting(
        None,
        help="Choose the shares in place of that: those whose outputs lie closest to real faces "
        "set aside, by the distance that fit keeps its best checkpoint by",
    )
    steps: int = setting(4, low=1, high=20, help="Steps in which shares are tried")
    direction: Literal["mask", "unmask"] | None = setting(
        None, flags=("-d", "--direction"), help="Which weights of run folders to take"
    )
    device: str = setting("auto", help="Where they are measured: auto, cpu, cuda or cuda:N")


@dataclass(frozen=True, slots=True)
class AverageConfig:
    """Everything that a mean of weights depends on."""

    shares: SharesConfig = section(SharesConfig, "Shares")
    faces: TrainingFacesConfig = section(TrainingFacesConfig, "Faces to choose by")

    def __post_init__(self) -> None:
        if bool(self.shares.shares) == bool(self.shares.choose_on):
            raise ConfigError("average: pass either --shares X,Y,... or --choose-on validation.")


@configured_command(AverageConfig)
@click.argument(
    "places", metavar="WEIGHTS|RUN...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE.safetensors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the weights are written.",
)
@click.option("--overwrite", "-y", is_flag=True, help="Replace the file if it exists.")
def average(
    config: AverageConfig, places: tuple[Path, ...], output: Path, overwrite: bool, quiet: bool
) -> None:
    """Average the weights of generators that were trained from the same beginning.

    Each of WEIGHTS|RUN is a weights file, or the folder of a run of fit. Shares that are chosen are
    chosen by faces of the validation split, which makes figures on these validation figures.

    \b
    facemask-train average runs/00003-a runs/00004-b -d unmask --shares 0.4,0.6 -o mean.safetensors
    """
    from facemask_video.core.direction import Direction
    from facemask_video.translate.weights import save_generator
    from trainers.fit.average import average as run_average
    from trainers.fit.average import choose_shares, load_alike, weights_of

    if output.exists() and not overwrite:
        raise click.UsageError(f"{output} exists; pass --overwrite to replace it.")
    asked = config.shares
    direction = None if asked.direction is None else Direction(asked.direction)
    generators, cards = load_alike([weights_of(place, direction) for place in places])
    if asked.shares:
        shares = _parsed(asked.shares)
    else:
        measure = _measure(config, cards[0])
        tried = []
        for each in choose_shares(generators, cards, measure, n_steps=asked.steps):
            tried.append(each)
            if not quiet:
                click.echo(f"{_written(each.shares)}: {each.value:.4f}", err=True)
        shares = min(tried, key=lambda each: each.value).shares
    network, card = run_average(generators, cards, shares)
    save_generator(output, network, card)
    if not quiet:
        click.echo(f"{output}: {card.direction}, {_written(shares)}")


def _measure(config: AverageConfig, card: "WeightsCard") -> "Measure":
    """Return the distance of a generator's outputs from real faces set aside."""
    from facemask_video.translate.device import pick_device
    from facemask_video.translate.networks import Generator
    from trainers.cli.progress import cutting_line
    from trainers.config import DataConfig
    from trainers.fit.average import in_all_styles
    from trainers.fit.best import HeldOutDistance
    from trainers.fit.training_crops import load_training_crops

    device = pick_device(config.shares.device)
    faces = {f.name: getattr(config.faces, f.name) for f in fields(TrainingFacesConfig)}
    size_px = card.crop_size_px
    data = DataConfig(**faces, crop_size_px=size_px, load_size_px=size_px)
    with TemporaryDirectory() as cache:
        crops = load_training_crops(data, Path(cache), device=device, on_crop=cutting_line)
    distance = HeldOutDistance.of(
        crops.bare_held_out, crops.masked_held_out, crop_size_px=size_px, device=device
    )

    def measure(generator: Generator) -> float:
        found = distance.measure({str(card.direction): in_all_styles(generator.to(device))})
        return sum(found.values())

    return measure


def _parsed(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--shares: got {text!r}, expected numbers with commas between, such as 0.4,0.6."
        ) from None


def _written(shares: tuple[float, ...]) -> str:
    return " ".join(f"{share:.3g}" for share in shares)
