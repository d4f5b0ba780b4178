#!/usr/bin/env python3
"""Train small networks by one recipe after the other on equal images, and judge all alike.

    scripts/compare_recipes.py --bare bare.npz --masked masked.npz --pairs pairs.csv -o comparison

A recipe is a file of ``configs/recipes`` over ``small.toml``: same data, seed, sizes and number of
images. One that goes on from another sees half of the images, as that one did. Each is judged on
pictures set aside from training. ``table.md`` in the output folder grows with every recipe; called
again, the script skips what is finished and goes on with what was interrupted.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facemask_video.config.settings import build, read_toml
from facemask_video.core.errors import FacemaskVideoError
from facemask_video.translate.device import DTYPES, pick_device, pick_precision
from trainers.cli.progress import on_stats
from trainers.config import TrainConfig
from trainers.evaluate.config import EvaluateConfig
from trainers.evaluate.evaluation import evaluate
from trainers.evaluate.report import Report
from trainers.fit.loop import fit
from trainers.fit.runs import RunFolder
from trainers.fit.training_crops import TrainingCrops, load_training_crops

FOLDER = Path(__file__).parents[1] / "configs" / "recipes"
EVALUATED = Path(__file__).parents[1] / "configs" / "evaluate" / "held-out.toml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A file of `FOLDER`.

    Attributes:
        name: Of the file.
        directions: What it trains.
        after: The recipe whose networks it starts from.
        half: Whether it sees half of the images: one that others start from, or that starts there.
    """

    name: str
    directions: tuple[str, ...] = ("mask", "unmask")
    after: str = ""
    half: bool = False

    @property
    def path(self) -> Path:
        """The file."""
        return FOLDER / f"{self.name}.toml"

    @property
    def title(self) -> str:
        """What the file says of itself."""
        return self.path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


RECIPES = (
    Recipe("drawn"),
    Recipe("first", half=True),
    Recipe("cyclegan-weak", after="first", half=True),
    Recipe("one-pass", ("unmask",)),
    Recipe("cyclegan-middle", after="first", half=True),
    Recipe("no-fabric", ("unmask",)),
    Recipe("narrow", ("unmask",)),
    Recipe("cyclegan", after="first", half=True),
    Recipe("no-adversary", ("unmask",)),
    Recipe("varied-masks", ("mask",)),
    Recipe("first-no-alpha", half=True),
    Recipe("cyclegan-no-alpha", after="first-no-alpha", half=True),
    Recipe("cyclegan-no-identity", after="first", half=True),
    Recipe("one-framing"),
    Recipe("wide-framing"),
    Recipe("cyclegan-no-perceptual", after="first", half=True),
    Recipe("cyclegan-no-eyes", after="first", half=True),
    Recipe("cyclegan-no-diff-augment", after="first", half=True),
)

COLUMNS: Mapping[str, Sequence[tuple[str, str, str, Callable[[float], str]]]] = {
    "mask": (
        ("judged masked", "held-out", "classed_masked", "{:.0%}".format),
        ("eyes, dB", "held-out", "psnr_eyes_db", "{:.1f}".format),
        ("FD to real masked", "held-out", "fd_onet", "{:.2f}".format),
        ("masked already: PSNR, dB", "needless", "psnr_whole_db", "{:.1f}".format),
    ),
    "unmask": (
        ("judged bare", "held-out", "classed_bare", "{:.0%}".format),
        ("eyes, dB", "held-out", "psnr_eyes_db", "{:.1f}".format),
        ("FD to real bare", "held-out", "fd_onet", "{:.2f}".format),
        ("pairs: PSNR, dB", "pairs", "psnr_whole_db", "{:.1f}".format),
        ("pairs: SSIM hidden", "pairs", "ssim_inside", "{:.3f}".format),
        ("drawn: PSNR, dB", "drawn", "psnr_whole_db", "{:.1f}".format),
        ("drawn: SSIM hidden", "drawn", "ssim_inside", "{:.3f}".format),
        ("bare already: PSNR, dB", "needless", "psnr_whole_db", "{:.1f}".format),
    ),
}
"""For each direction the columns of its table: title, kind of set, figure and how it is written."""


def configured(recipe: Recipe, asked: argparse.Namespace) -> TrainConfig:
    """Return all settings of a recipe."""
    given: dict[str, object] = {
        "data.bare": asked.bare,
        "data.masked": asked.masked,
        "data.masked_folders": asked.masked_folders,
        "data.held_out_names": asked.held_out_names,
        "run.images": asked.images // 2 if recipe.half else asked.images,
    }
    if recipe.after:
        start = asked.output / recipe.after / "weights"
        given |= {f"start.{d}": start / f"{d}-standard.safetensors" for d in recipe.directions}
    small = read_toml(FOLDER / "small.toml", TrainConfig)
    return build(TrainConfig, small, read_toml(recipe.path, TrainConfig), given)


def train(recipe: Recipe, config: TrainConfig, crops: TrainingCrops, run: RunFolder) -> bool:
    """Train a recipe to its end; tells whether it came there."""
    device = pick_device(config.run.device)
    precision = pick_precision(config.run.precision, device)
    outcome = fit(
        config,
        run,
        crops,
        device=device,
        precision=DTYPES["fp32" if precision == "fp16" else precision],
        resume=run.checkpoints.is_dir() and any(run.checkpoints.iterdir()),
        on_stats=on_stats(config.run.progress, config.run.images),
    )
    return not outcome.stopped_by


def evaluate_run(recipe: Recipe, run: RunFolder, asked: argparse.Namespace) -> Report:
    """Measure what a recipe made on pictures set aside."""
    given: dict[str, object] = {
        "sets.bare": asked.bare,
        "sets.masked": asked.masked,
        "sets.pairs": asked.pairs,
        "sets.segmentations": asked.segmentations,
        "sets.limit": asked.limit,
        "sets.drawn": asked.limit,
        "weights.direction": "both" if len(recipe.directions) > 1 else recipe.directions[0],
        "run.n_threads": 1,
    }
    for direction in recipe.directions:
        given[f"weights.{direction}"] = run.weights / f"{direction}-standard.safetensors"
    return evaluate(build(EvaluateConfig, read_toml(EVALUATED, EvaluateConfig), given))


def table(reports: Mapping[str, Report], direction: str) -> str:
    """Return the Markdown table of a direction: a row a recipe, and one for the untouched input."""
    columns = COLUMNS[direction]
    lines = [
        f"| `{direction}` | " + " | ".join(title for title, *_ in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    evaluated = [r for r in RECIPES if r.name in reports and direction in r.directions]
    rows = [(recipe.title, recipe.name, "ours") for recipe in evaluated]
    rows += [("the input, untouched", recipe.name, "copy") for recipe in evaluated[:1]]
    for title, name, method in rows:
        found = {each.key: each for each in reports[name].measurements}
        cells = []
        for _, kind, figure, write in columns:
            value = found.get(f"{direction}/{kind} | {figure} | {method}")
            cells.append("" if value is None else write(value.value))
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_table(asked: argparse.Namespace) -> None:
    """Write what is known so far."""
    reports = {
        recipe.name: Report.load(asked.output / recipe.name / "report.json")
        for recipe in RECIPES
        if (asked.output / recipe.name / "report.json").is_file()
    }
    text = "\n".join(table(reports, direction) for direction in COLUMNS)
    (asked.output / "table.md").write_text(text, encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bare", type=Path, required=True, help="Crops or pictures.")
    parser.add_argument("--masked", type=Path, required=True, help="Crops or pictures.")
    parser.add_argument("--masked-folders", default="", help="As of facemask-train fit.")
    parser.add_argument("--held-out-names", type=Path, help="As of facemask-train fit.")
    parser.add_argument("--pairs", type=Path, help="As of facemask-train evaluate.")
    parser.add_argument("--segmentations", type=Path, help="As of facemask-train evaluate.")
    parser.add_argument("--images", type=int, default=5000, help="Images that a recipe sees.")
    parser.add_argument("--limit", type=int, default=100, help="Pictures of each set judged.")
    parser.add_argument("--recipe", action="append", help="Only this one; repeatable.")
    parser.add_argument("-o", "--output", type=Path, required=True, help="Folder of the results.")
    return parser.parse_args()


def main() -> int:
    """Train and judge all recipes."""
    asked = arguments()
    crops: TrainingCrops | None = None
    for recipe in RECIPES:
        run = RunFolder(asked.output / recipe.name)
        done = run.path / "report.json"
        if done.is_file() or (asked.recipe and recipe.name not in asked.recipe):
            continue
        print(f"{recipe.name}: {recipe.title}", flush=True)
        run.path.mkdir(parents=True, exist_ok=True)
        try:
            config = configured(recipe, asked)
            # The same for all: no recipe changes which pictures are trained on.
            crops = crops or load_training_crops(
                config.data, asked.output / "crops", device=pick_device(config.run.device)
            )
            if not train(recipe, config, crops, run):
                print(f"{recipe.name}: interrupted; called again, this goes on.")
                return 130
            report = evaluate_run(recipe, run, asked)
        except FacemaskVideoError as exc:
            print(f"{recipe.name}: {exc}", file=sys.stderr)
            return 1
        done.write_text(report.to_json(), encoding="utf-8")
        write_table(asked)
    write_table(asked)
    print((asked.output / "table.md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
