"""The field's words: names that this project once had for things of its own stay gone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from facemask_video.cli.main import main as video
from facemask_video.cli.options import SettingOption
from trainers.cli import main as train

ROOT = Path(__file__).parents[1]

# An old word, and what the field says.
WORDS = {
    "bench": "what is measured",
    "costs": "cost matrix",
    "cover": "pseudo-label",
    "covers": "pseudo-labels",
    "cut": "shot boundary, crop or patch",
    "cuts": "shot boundaries, crops or patches",
    "foretold": "predicted",
    "gate": "mask classifier",
    "judge": "discriminator, quality assessor or metrics",
    "likeness": "perceptual hash",
    "look_around": "detect_in_region",
    "look_near": "refine",
    "outline": "mask segmentation",
    "outlines": "mask segmentations",
    "sail": "gaping mask",
    "settle": "finalize",
    "sight": "observation",
    "sums": "integral image",
    "told": "classified",
    "unlikeness": "Bhattacharyya distance",
    "wear": "degradation",
    "workshop": "what is trained",
    "worn": "wearing",
}

# Names that have such a word and mean what everybody means by it.
ALLOWED = {
    "Cut": "CUT, contrastive unpaired translation, and its section of a configuration",
    "CutConfig": "the same",
    "cut": "the same",
    "cut__direction": "the same",
    "grabCut": "OpenCV's",
    "COVERS": "cover art, as containers of audio and video call it",
    "cover": "the same",
    "UNKNOWN_COVER_ART": "the same",
    "convert_cover_art": "the same",
    "cover_art": "the same",
    "holds_cover_art": "the same",
    "is_cover_art": "the same",
    "read_cover_art": "the same",
    "costs": "what an hour of video costs by `facemask-video benchmark`",
    "DomainJudge": "what evaluate-clips trains to say which domain a face is of",
    "JudgeConfig": "the same",
    "JudgeErrors": "the same",
    "domain_judge": "the same",
    "judge": "the same",
    "judge-images": "the same",
    "judge_clip": "the same",
    "judge_errors": "the same",
    "judge_images": "the same",
    "train_judge": "the same",
    "MASK_OUTLINE": "the curve that a mask is drawn by",
    "outline": "the same",
}


def identifiers(path: Path) -> Iterator[str]:
    """Yield the names that a file defines or uses; of tests not their own, which are sentences."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                if not name.startswith("test_"):
                    yield name
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name


def old_words(name: str) -> set[str]:
    """Return the old words in a name.

    >>> sorted(old_words("CutOfSight")), old_words("execute")
    (['cut', 'sight'], set())
    """
    # Scripts that measure, and their tests, are called after benchmarks.
    if name.lstrip("_-") in ALLOWED or name.removeprefix("test_").startswith("bench_"):
        return set()
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    whole = f"_{'_'.join(parts)}_"
    return {word for word in WORDS if f"_{word}_" in whole}


@pytest.mark.parametrize("top", ["facemask_video", "trainers", "tests", "scripts"])
def test_no_name_in_the_code_has_an_old_word(top: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}, {WORDS[word]}"
        for path in (ROOT / top).rglob("*.py")
        for name in identifiers(path)
        for word in old_words(name)
    }

    assert not found


def commands() -> Iterator[tuple[str, click.Command]]:
    for program in (video, train):
        for name, command in program.commands.items():
            if not command.hidden:
                yield name, command


def test_no_command_or_option_that_help_shows_has_an_old_word() -> None:
    shown = []
    for name, command in commands():
        shown.append(name)
        with click.Context(command) as context:
            records = [option.get_help_record(context) for option in command.params]
        shown += [
            flag for record in records if record for flag in re.findall(r"--[\w-]+", record[0])
        ]
        shown += [item.value for item in command.shell_complete(context, "--")]

    assert len(shown) > 200
    assert not [name for name in shown if old_words(name)]


def test_options_are_still_taken_under_their_former_names() -> None:
    former = {
        f"{name} --{option.named.setting.former_key.replace('_', '-')}": option
        for name, command in commands()
        for option in command.params
        if isinstance(option, SettingOption) and option.named.setting.former_key
    }

    assert {"convert --gate", "fit --worn-high", "pairs --worn", "evaluate --outlines"} <= set(
        former
    )
    for words, option in former.items():
        assert words.split()[1] in option.opts
