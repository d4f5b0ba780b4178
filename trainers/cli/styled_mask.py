"""``facemask-train styled-mask``: train the generator that puts on masks of many styles."""

import hashlib
import json
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.settings import as_plain
from trainers.cli.progress import cutting_line, on_stats, write
from trainers.config.styled import StyledMaskTrainingConfig


@configured_command(StyledMaskTrainingConfig, name="styled-mask")
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
    "--pairs-only", is_flag=True, help="Only take the masks off, and keep the pairs in the folder."
)
def styled_mask(
    config: StyledMaskTrainingConfig, output: Path, styles: Path, pairs_only: bool, quiet: bool
) -> None:
    """Train the generator that puts on masks of many styles from photographs of masked faces.

    Their masks are taken off by an unmask generator first. Ctrl-C ends training in good
    order, and the same command goes on with it. At the end mask-styled.safetensors lies in the
    folder.

    \b
    facemask-train styled-mask --bare bare.npz --masked masked.npz --styles styles.json -o run
    """
    from facemask_video.translate.device import DTYPES, pick_device, pick_precision
    from trainers.fit.runs import RunFolder
    from trainers.fit.styled_faces import load_styled_faces
    from trainers.fit.styled_mask import (
        StyledRun,
        save_styled_mask,
        store_styles,
        train_styled_mask,
    )
    from trainers.gan.face_features import OnetFeatures

    names = json.loads(styles.read_text())
    settings = config.run
    folder = RunFolder(output)
    device = pick_device(settings.device)
    faces = load_styled_faces(
        config.faces,
        folder.crops,
        crop_size_px=settings.crop_size_px,
        device=device,
        unmask_weights=config.networks.unmask,
        classifier_weights=config.networks.classifier,
        on_crop=cutting_line,
    )
    if pairs_only:
        if not quiet:
            click.echo(
                f"{folder.crops}: masks taken off {len(faces.photographs):,} photographs to train "
                f"on and {len(faces.photographs_held_out):,} set aside"
            )
        return
    run = StyledRun(
        images=settings.images,
        batch_size=settings.batch_size,
        crop_size_px=settings.crop_size_px,
        seed=settings.seed,
        device=device,
        precision=DTYPES[pick_precision("auto", device)],
        n_workers=settings.n_workers,
    )
    show = on_stats("none" if quiet else "auto", settings.images)
    generator = train_styled_mask(faces, config.losses, run, folder, OnetFeatures(), on_stats=show)
    if generator is None:
        write("stopped; the same command goes on with it\n")
        raise click.exceptions.Exit(130)
    stored, rows = store_styles(generator, faces.photographs, names, faces.bare_held_out)
    target = output / "mask-styled.safetensors"
    recipe = json.dumps([as_plain(config), names])
    save_styled_mask(
        target,
        stored,
        rows,
        crop_size_px=settings.crop_size_px,
        images_seen=settings.images,
        config_sha256=hashlib.sha256(recipe.encode()).hexdigest(),
        files_sha256=faces.files_sha256(),
    )
    if not quiet:
        click.echo(f"{target}: {len(rows)} styles, {settings.images:,} images")
