"""``facemask-train covers``: outline the masks of real photographs, for training ``unmask``."""

from pathlib import Path

import click


@click.command()
@click.argument("crops", metavar="CROPS.npz", type=click.Path(path_type=Path))
@click.option(
    "--weights",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Weights of a two-stage unmask generator.  [default: the shipped ones]",
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE.npz",
    type=click.Path(path_type=Path),
    help="The same crops with their covers; may be CROPS.npz itself.",
)
def covers(crops: Path, weights: Path | None, output: Path) -> None:
    """Outline the real masks in CROPS.npz by a generator that has seen drawn ones.

    Its outlines are snapped to the pictures' colours. ``fit`` learns from them where they are
    there: train for a while on drawn masks, outline the real ones, go on with the run.

    \b
    facemask-train covers masked.npz -o masked-covered.npz
    """
    from facemask_video.core.direction import Direction
    from facemask_video.core.errors import WeightsError
    from facemask_video.translate.networks import TwoStageGenerator
    from facemask_video.translate.weights import default_weights, load_generator
    from trainers.data.crops import UNKNOWN, CropSet
    from trainers.data.pseudo_labels import add_pseudo_labels

    path = weights or default_weights(Direction.UNMASK)
    generator, card = load_generator(path, direction=Direction.UNMASK)
    if not isinstance(generator, TwoStageGenerator):
        raise WeightsError(
            f"{path}: paints in one stage and draws no outline; pass two-stage ones."
        )
    covered = add_pseudo_labels(CropSet.load(crops), generator, size_px=card.crop_size_px)
    covered.save(output)
    n_unknown = int((covered.pseudo_labels_or_unknown()[:, 0, 0] == UNKNOWN).sum())
    click.echo(
        f"{output}: {len(covered) - n_unknown:,} of {len(covered):,} masks outlined; "
        f"{n_unknown:,} could not be trusted"
    )
