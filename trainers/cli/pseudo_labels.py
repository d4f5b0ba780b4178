"""``facemask-train pseudo-labels``: segment the masks of real photographs, to train ``unmask``."""

from dataclasses import dataclass
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.settings import Checked, setting


@dataclass(frozen=True, slots=True)
class PseudoLabelsConfig(Checked):
    """What segments the masks."""

    weights: Path | None = setting(
        None,
        metavar="FILE",
        default_text="the shipped ones",
        help="Weights of a two-stage unmask generator",
    )


@configured_command(PseudoLabelsConfig)
@click.argument("crops", metavar="CROPS.npz", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE.npz",
    type=click.Path(path_type=Path),
    help="The same crops with the segmentations; may be CROPS.npz itself.",
)
def pseudo_labels(config: PseudoLabelsConfig, crops: Path, output: Path, quiet: bool) -> None:
    """Segment the real masks in CROPS.npz by a generator that has seen drawn ones.

    The segmentations are snapped to the pictures' colours. ``fit`` learns from them where they are
    there: train for a while on drawn masks, segment the real ones, go on with the run.

    \b
    facemask-train pseudo-labels masked.npz -o masked-labelled.npz
    """
    from facemask_video.core.direction import Direction
    from facemask_video.core.errors import WeightsError
    from facemask_video.core.shipped_weights import default_weights
    from facemask_video.translate.networks import TwoStageGenerator
    from facemask_video.translate.weights import load_generator
    from trainers.data.crops import UNKNOWN, CropSet
    from trainers.data.pseudo_labels import add_pseudo_labels

    path = config.weights or default_weights(Direction.UNMASK)
    generator, card = load_generator(path, direction=Direction.UNMASK)
    if not isinstance(generator, TwoStageGenerator):
        raise WeightsError(
            f"{path}: paints in one stage and segments no mask; pass two-stage ones."
        )
    labelled = add_pseudo_labels(CropSet.load(crops), generator, size_px=card.crop_size_px)
    labelled.save(output)
    n_unknown = int((labelled.pseudo_labels_or_unknown()[:, 0, 0] == UNKNOWN).sum())
    if not quiet:
        click.echo(
            f"{output}: {len(labelled) - n_unknown:,} of {len(labelled):,} masks segmented; "
            f"{n_unknown:,} could not be trusted"
        )
