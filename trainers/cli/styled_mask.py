"""``facemask-train styled-mask``: train the generator that puts on masks of many styles."""

import hashlib
import json
from pathlib import Path
from typing import Any

import click

from facemask_video.cli.options import setting_options
from trainers.cli.progress import cutting_line, on_stats, write
from trainers.config.faces import TrainingFacesConfig
from trainers.config.styled import StyledMaskConfig


@click.command("styled-mask")
@setting_options(TrainingFacesConfig)
@setting_options(StyledMaskConfig)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Run folder: a new one, or one to go on with.",
)
@click.option(
    "--styles",
    required=True,
    metavar="FILE.json",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="For each style the names of masked faces that show it: they are stored with the weights.",
)
@click.option(
    "--images",
    type=click.IntRange(min=8),
    default=200_000,
    show_default=True,
    metavar="N",
    help="Images to see.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=4),
    default=8,
    show_default=True,
    metavar="N",
    help="Images a step.",
)
@click.option(
    "--size",
    "crop_size_px",
    type=click.Choice(["128", "256"]),
    default="128",
    show_default=True,
    help="Side of the crops, px.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Of weights and samples.",
)
@click.option(
    "--n-workers",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that prepare samples.",
)
@click.option("--device", default="auto", show_default=True, help="Where it trains.")
def styled_mask(
    output: Path, styles: Path, images: int, batch_size: int, crop_size_px: str, seed: int,
    n_workers: int, device: str, **options: Any,
) -> None:  # fmt: skip
    """Train the generator that puts on masks of many styles from photographs of masked faces.

    Their masks are taken off by the shipped unmask generator first. Ctrl-C ends training in good
    order, and the same command goes on with it. At the end mask-styled.safetensors lies in the
    folder.

    \b
    facemask-train styled-mask --bare bare.npz --masked masked.npz --styles styles.json -o run
    """
    from facemask_video.translate.device import DTYPES, pick_device, pick_precision
    from trainers.fit.styled_faces import load_styled_faces
    from trainers.fit.styled_mask import (
        StyledRun,
        save_styled_mask,
        store_styles,
        train_styled_mask,
    )
    from trainers.gan.face_features import OnetFeatures

    faces_options = {n: options.pop(n) for n in list(options) if n in _names(TrainingFacesConfig)}
    config = StyledMaskConfig(**options)
    names = json.loads(styles.read_text())
    where = pick_device(device)
    side = int(crop_size_px)
    faces, all_photographs = load_styled_faces(
        TrainingFacesConfig(**faces_options), output, crop_size_px=side, device=where,
        on_crop=cutting_line,
    )  # fmt: skip
    run = StyledRun(
        images=images, batch_size=batch_size, crop_size_px=side, seed=seed, device=where,
        precision=DTYPES[pick_precision("auto", where)], n_workers=n_workers,
    )  # fmt: skip
    generator = train_styled_mask(
        faces, config, run, output, OnetFeatures(), on_stats=on_stats("auto", images)
    )
    if generator is None:
        write("stopped; the same command goes on with it\n")
        raise click.exceptions.Exit(130)
    stored, rows = store_styles(generator, all_photographs, names, faces.bare_held_out)
    target = output / "mask-styled.safetensors"
    recipe = json.dumps([options, faces_options, names, images, batch_size, seed], default=str)
    save_styled_mask(
        target, stored, rows, crop_size_px=side, images_seen=images,
        config_sha256=hashlib.sha256(recipe.encode()).hexdigest(),
    )  # fmt: skip
    click.echo(f"{target}: {len(rows)} styles, {images:,} images")


def _names(config: type) -> set[str]:
    from facemask_video.config.settings import settings_of

    return {named.key for named in settings_of(config)}
