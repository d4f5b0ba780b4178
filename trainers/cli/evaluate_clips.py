"""``facemask-train evaluate-clips``: is every face of every track converted in every frame?"""

from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from facemask_video.cli.options import configured_command
from trainers.cli.progress import cutting_line
from trainers.config.faces import TrainingFacesConfig, folder_names
from trainers.evaluate.config import EvaluateClipsConfig, JudgeConfig

if TYPE_CHECKING:
    import torch

    from trainers.evaluate.domain_judge import DomainJudge


@configured_command(EvaluateClipsConfig, name="evaluate-clips")
@click.argument(
    "clips", metavar="CLIPS", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where clips.md, clips.jsonl and judge.safetensors are written.",
)
@click.option("--keep", is_flag=True, help="Leave the converted clips in the folder.")
def evaluate_clips(
    config: EvaluateClipsConfig, clips: Path, output: Path, keep: bool, quiet: bool
) -> None:
    """Convert every clip of a folder and judge each face of each track in each frame.

    The judge is a network of its own, trained on photographs of the train split and measured on
    those of validation; what it gets wrong there stands above the table. Clips that clips.jsonl
    already holds are not converted again.

    \b
    facemask-train evaluate-clips clips/ --bare bare.npz --masked masked.npz -o whole
    """
    from facemask_video.translate.device import pick_device
    from trainers.evaluate.clip_table import ClipTable
    from trainers.evaluate.whole_tracks import list_clips

    asked = config.conversions
    found = list_clips(clips, folder_names(asked.clip))
    device = pick_device(asked.device)
    output.mkdir(parents=True, exist_ok=True)
    judge, about = _judge(config.judge, output, device)
    table = ClipTable(output, asked, about)
    with TemporaryDirectory() as temporary:
        for row in table.measure(found, judge, output if keep else Path(temporary)):
            if not quiet:
                click.echo(row)
    if not quiet:
        click.echo(about)


def _judge(config: JudgeConfig, output: Path, device: "torch.device") -> tuple["DomainJudge", str]:
    """Return the judge, kept in the folder, and what it is worth in words."""
    from trainers.config import DataConfig
    from trainers.evaluate.domain_judge import SIDE_PX, DomainJudge, judge_errors, train_judge
    from trainers.fit.training_crops import load_training_crops

    kept, said = output / "judge.safetensors", output / "judge.txt"
    if config.judge is None and kept.is_file() and said.is_file():
        return DomainJudge.load(kept, device=device), said.read_text(encoding="utf-8")
    if config.judge is not None and (config.bare is None or config.masked is None):
        about = f"the judge is {config.judge.name}; its errors are not known here"
        return DomainJudge.load(config.judge, device=device), about
    faces = {field.name: getattr(config, field.name) for field in fields(TrainingFacesConfig)}
    with TemporaryDirectory() as cache:
        crops = load_training_crops(
            DataConfig(**faces, crop_size_px=SIDE_PX),
            Path(cache),
            device=device,
            on_crop=cutting_line,
        )
    if config.judge is not None:
        judge = DomainJudge.load(config.judge, device=device)
    else:
        judge = train_judge(
            crops.bare, crops.masked, n_images=config.judge_images, seed=config.seed, device=device
        )
    about = judge_errors(judge, crops.bare_held_out, crops.masked_held_out).in_words()
    judge.save(kept)
    said.write_text(about, encoding="utf-8")
    return judge, about
