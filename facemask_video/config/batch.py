"""Settings of a batch: which files, under which names, by how many processes."""

import re
import shlex
import string
from dataclasses import dataclass
from typing import Literal

from facemask_video.config.result import PROGRESS, Progress, ResultConfig
from facemask_video.config.settings import Checked, check, setting
from facemask_video.core.errors import ConfigError

NAME_FIELDS = ("stem", "direction", "ext")
"""What a template of names may ask for."""


@dataclass(frozen=True, slots=True)
class BatchInputConfig(Checked):
    """Which of the files found are worked on."""

    include: tuple[str, ...] = setting(
        (),
        metavar="GLOB",
        help="Only files whose name, or path from the folder named, matches; repeatable. Case does "
        "not matter, and * also stands for /",
    )
    exclude: tuple[str, ...] = setting(
        (), metavar="GLOB", help="No files or folders that match so; repeatable"
    )
    limit: int | None = setting(
        None, low=1, metavar="N", help="Work on at most N files in this call"
    )
    shard: str | None = setting(
        None,
        metavar="I/N",
        help="Only the I-th of N parts of the files, chosen by their names, for calls that another "
        "scheduler spreads over machines",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.shard is not None:
            self.shard_of  # noqa: B018 - raises where the text is wrong

    @property
    def shard_of(self) -> tuple[int, int]:
        """Number of the shard, from 1, and how many there are.

        Raises:
            ConfigError: They are no such numbers.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", self.shard or "1/1")
        number, of = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= number <= of:
            raise ConfigError(
                f"inputs.shard: got {self.shard!r}, expected the number of a part and how many "
                "there are, such as 2/8."
            )
        return number, of


@dataclass(frozen=True, slots=True)
class BatchOutputConfig(ResultConfig):
    """What is written, and what is said meanwhile."""

    name: str = setting(
        "{stem}_{direction}{ext}",
        metavar="TEMPLATE",
        help="Names of the results: {stem} is the input's name, {direction} masked or unmasked, "
        "{ext} the input's suffix or, where that cannot be written, .mkv",
    )
    write_tracks: bool = setting(
        False,
        help="Write each video's faces and regions beside it, as NAME.jsonl, for `verify --tracks`",
    )
    overwrite: bool = setting(
        False,
        flags=("--overwrite", "-y"),
        help="Replace files in DIR that no earlier call of the batch made",
    )
    progress: Progress = setting("auto", **PROGRESS)

    def __post_init__(self) -> None:
        check(self)
        self.check_label()
        check_template(self.name)


@dataclass(frozen=True, slots=True)
class BatchRunConfig(Checked):
    """How the work is spread, and what follows on failures."""

    jobs: int = setting(
        0,
        low=0,
        zero_is_auto=True,
        flags=("--jobs", "-j"),
        help="Files worked on at once, each in a process; auto goes by processors, GPUs and memory",
    )
    memory_gb: float | None = setting(
        None,
        low=0,
        low_open=True,
        flags=("--memory",),
        metavar="GB",
        default_text="85 % of what is free",
        help="Memory of all workers of this machine together: where they take more, the one that "
        "takes most is ended, its file waits, and one file fewer is worked on at once",
    )
    on_error: Literal["skip", "stop"] = setting(
        "skip", help="After a file that fails, go on with the others, or stop"
    )
    retries: int = setting(
        1,
        low=0,
        metavar="N",
        help="Try a file again up to N times where its process died; what says that the file or "
        "the disk is at fault is not tried again in the same call",
    )
    timeout_s: float | None = setting(
        None,
        low=0,
        low_open=True,
        flags=("--timeout",),
        metavar="TIME",
        is_time=True,
        help="Give a file up after this time, in seconds or HH:MM:SS",
    )
    split_longer_than_s: float | None = setting(
        None,
        low=0,
        low_open=True,
        flags=("--split-longer-than",),
        metavar="TIME",
        is_time=True,
        help="Cut videos longer than this into ranges of about this length, in seconds or "
        "HH:MM:SS, which several workers paint at once; the result is that of one worker. Cuts are "
        "made where people who are in view have not been there for long",
    )
    on_done: str | None = setting(
        None,
        metavar="CMD",
        help="Command to run when the batch has ended, without a shell; FACEMASK_DONE, _FAILED, "
        "_SKIPPED (how many), _DIR and _REPORT in its environment say how",
    )
    on_each: str | None = setting(
        None,
        metavar="CMD",
        help="Command to run after each file, with FACEMASK_STATE, _SOURCE, _OUTPUT and _ERROR",
    )

    def __post_init__(self) -> None:
        check(self)
        for command in (self.on_done, self.on_each):
            if command is not None:
                split_command(command)


@dataclass(frozen=True, slots=True)
class BatchClusterConfig(Checked):
    """Which machines work."""

    engine: Literal["local", "ray"] = setting(
        "local",
        help="Who works: processes of this machine, or a Ray cluster (extra `cluster`), whose "
        "machines must all see inputs and DIR under the same paths",
    )
    address: str | None = setting(
        None,
        metavar="HOST:PORT",
        default_text="that of RAY_ADDRESS, or a cluster of this machine",
        help="Where the Ray cluster is; auto is one that runs on this machine",
    )
    num_cpus: float = setting(
        1.0, low=0, low_open=True, metavar="N", help="Processors of each worker on a cluster"
    )
    num_gpus: float | None = setting(
        None,
        low=0,
        metavar="N",
        default_text="1 where the cluster has any",
        help="GPUs of each worker on a cluster; 0.5 puts two on one",
    )

    def __post_init__(self) -> None:
        check(self)
        if self.engine != "ray" and self.address is not None:
            raise ConfigError("cluster.address: --address names a Ray cluster; add --engine ray.")


def split_command(command: str) -> list[str]:
    """Return a command as program and arguments, without a shell.

    Raises:
        ConfigError: It is empty, or a quote is not closed.

    >>> split_command("notify-send 'all done'")
    ['notify-send', 'all done']
    """
    try:
        words = shlex.split(command)
    except ValueError as exc:
        raise ConfigError(f"got {command!r}, which is no command ({exc}).") from None
    if not words:
        raise ConfigError("got an empty command; name a program and its arguments.")
    return words


def check_template(template: str) -> None:
    """Refuse a template of names that asks for what there is not, or leaves the folder.

    Raises:
        ConfigError: It says why.

    >>> check_template("{stem}.mkv")
    """
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError as exc:
        raise ConfigError(f"output.name: got {template!r}, which is no template ({exc}).") from None
    known = ", ".join(f"{{{name}}}" for name in NAME_FIELDS)
    for literal, name, form, conversion in pieces:
        if name is not None and (name not in NAME_FIELDS or form or conversion):
            raise ConfigError(f"output.name: got {template!r}; it may hold {known} and text.")
        if re.search(r"[/\\\0]", literal):
            raise ConfigError(
                f"output.name: got {template!r}, expected a name without / and \\; the folders of "
                "the inputs are kept as they are."
            )
    if not any(name == "stem" for _, name, _, _ in pieces):
        raise ConfigError(
            f"output.name: got {template!r}, expected {{stem}} in it, or all files would have one "
            "name."
        )
