"""What a batch will do: from inputs and options to jobs, before anything is written."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from facemask_video.batch.inputs import Found, Input, find_inputs
from facemask_video.batch.naming import output_name
from facemask_video.config import BatchConfig
from facemask_video.core.errors import ConfigError
from facemask_video.core.kinds import Kind
from facemask_video.core.wording import counted, shown
from facemask_video.pipeline.output_paths import default_picture_target, default_target

# Of a file's name, in most file systems.
_MOST_BYTES = 255
_SUFFIXES_NAMED = 5


@dataclass(frozen=True, slots=True)
class Job:
    """One input of a batch.

    Attributes:
        source: The file.
        name: Its path from the folder that was named.
        target: The result's path from the batch's folder.
        kind: What the source is taken for.
        problem: Why it cannot be converted; empty where it can.
    """

    source: Path
    name: PurePath
    target: PurePath
    kind: Kind
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The inputs of a batch, in order, and where their results go.

    Attributes:
        folder: Where all results go.
        jobs: An input each.
        passed_over: Files below folders that are no videos or pictures, by their suffix.
    """

    folder: Path
    jobs: tuple[Job, ...]
    passed_over: Counter[str]


def make_batch_plan(inputs: Sequence[Path], folder: Path, config: BatchConfig) -> BatchPlan:
    """Find the inputs and name their results; nothing is opened, and nothing written.

    Args:
        inputs: Files, folders and patterns.
        folder: Where results go; below it the inputs' folders are kept.
        config: Everything else.

    Raises:
        ConfigError: Two results would have one name, a result would lie among the inputs or outside
            the folder, or the folder is none.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{shown(folder)}: is no folder; name one for the results.")
    found = find_inputs(
        inputs,
        include=config.inputs.include,
        exclude=config.inputs.exclude,
        leave_out=folder,
        of_frames=config.source.frames is not None,
    )
    jobs = [_job(each, config) for each in found.inputs]
    _check(jobs, found, folder)
    jobs = _apart(jobs)
    number, of = config.inputs.shard_of
    mine = tuple(job for job in jobs if _part(job, of) == number - 1)
    return BatchPlan(folder, mine, found.passed_over)


def _job(each: Input, config: BatchConfig) -> Job:
    if each.kind == "frames":
        stem, suffix = each.name.name, ""
    else:
        name_of = default_picture_target if each.kind == "picture" else default_target
        stem, suffix = each.name.stem, name_of(each.path, config.for_file()).suffix
    name = output_name(config.output.name, stem, config.direction, suffix)
    problem = each.problem
    if not problem and len(os.fsencode(name)) > _MOST_BYTES:
        problem = f"its result's name is longer than {_MOST_BYTES} bytes; choose a shorter --name"
    return Job(each.path, each.name, each.name.parent / name, each.kind, problem)


def _apart(jobs: Sequence[Job]) -> list[Job]:
    """Give what cannot be converted a name of its own, as rows go by the names of results."""
    taken = Counter(job.target for job in jobs)
    return [
        replace(job, target=PurePath(f"{job.target} of {shown(job.source)}".replace("/", "|")))
        if job.problem and taken[job.target] > 1
        else job
        for job in jobs
    ]


def _part(job: Job, of: int) -> int:
    """Return the part that a job belongs to, whatever other files there are."""
    digest = hashlib.sha256(os.fsencode(job.name)).digest()
    return int.from_bytes(digest[:8], "big") % of


def _check(jobs: Sequence[Job], found: Found, folder: Path) -> None:
    sources = {os.path.realpath(job.source): job for job in jobs}
    taken: dict[PurePath, Job] = {}
    for job in _convertible(jobs):
        first = taken.setdefault(job.target, job)
        if first is not job:
            raise ConfigError(
                f"{shown(first.source)} and {shown(job.source)} would both become "
                f"{shown(job.target)}; give another --name, or convert them in two calls."
            )
        target = folder / job.target
        if os.path.realpath(target) in sources:
            raise ConfigError(
                f"{shown(target)}: is an input, and would be the result of {shown(job.source)}; "
                "give another --name, or another folder with -o."
            )
    places = {(folder / job.target).parent for job in _convertible(jobs)}
    resolved = {place: place.resolve() for place in places}
    for place, really in resolved.items():
        if not really.is_relative_to(folder.resolve()):
            raise ConfigError(f"{shown(place)}: a link leads out of {shown(folder)}; remove it.")
    for inner in found.folders:
        if any(really.is_relative_to(inner.resolve()) for really in resolved.values()):
            raise ConfigError(
                f"{shown(folder)}: lies in the input {shown(inner)}, where the next call would "
                "take results for inputs; name a folder beside it."
            )


def _convertible(jobs: Sequence[Job]) -> Iterator[Job]:
    return (job for job in jobs if not job.problem)


def passed_over(suffixes: Mapping[str, int]) -> str:
    """Say how many files are no videos or pictures, and of which suffixes."""
    most = sorted(suffixes.items(), key=lambda item: -item[1])[:_SUFFIXES_NAMED]
    named = ", ".join(f"{count} {shown(suffix) or 'without one'}" for suffix, count in most)
    number = counted(sum(suffixes.values()), "file")
    return f"Passed over {number} of other kinds, by suffix: {named}"
