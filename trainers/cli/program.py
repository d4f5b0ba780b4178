"""The group of commands."""

import copy

import click

from facemask_video import __version__
from facemask_video.cli.failures import ClearFailures
from trainers.cli.average import average
from trainers.cli.crops import crops
from trainers.cli.detector import detector
from trainers.cli.evaluate import evaluate
from trainers.cli.evaluate_clips import evaluate_clips
from trainers.cli.export import export
from trainers.cli.fit import fit
from trainers.cli.import_pth import import_pth
from trainers.cli.landmarks import landmarks
from trainers.cli.mask_classifier import mask_classifier
from trainers.cli.pairs import pairs
from trainers.cli.pseudo_labels import pseudo_labels
from trainers.cli.study import study
from trainers.cli.styled_mask import styled_mask
from trainers.cli.translate import translate


class _Program(ClearFailures):
    interrupted = "Interrupted at once; what was finished stays."


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="facemask-train")
def main() -> None:
    """Train the generators that facemask-video converts with.

    \b
    facemask-train crops bare/ -o bare.npz
    facemask-train crops masked/ -o masked.npz
    facemask-train fit cpu-128 --bare bare.npz --masked masked.npz
    facemask-train export runs/00000-cpu-128 -o weights
    facemask-video in.mp4 out.mp4 -d mask --weights weights/mask-standard.safetensors
    """


for command in (
    *(crops, pseudo_labels, pairs, fit, styled_mask, export, average, import_pth, mask_classifier),
    *(landmarks, detector, translate, evaluate, evaluate_clips, study),
):
    main.add_command(command)

# Names that these commands once had.
for name, command in (("gate", mask_classifier), ("covers", pseudo_labels)):
    alias = copy.copy(command)
    alias.hidden = True
    main.add_command(alias, name)
