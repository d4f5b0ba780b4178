"""Say what a batch would do."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from facemask_video.batch.ledger import has_ledger, read_ledger
from facemask_video.batch.plan import make_batch_plan, passed_over
from facemask_video.config import BatchConfig
from facemask_video.core.errors import VideoReadError
from facemask_video.core.wording import clock, counted, shown
from facemask_video.video import probe


def describe_batch(inputs: Sequence[Path], folder: Path, config: BatchConfig) -> Iterator[str]:
    """Yield a line an input, and the totals.

    Args:
        inputs: Files, folders and patterns.
        folder: Of the results.
        config: Everything else.

    Raises:
        ConfigError: The plan cannot be carried out.
        BatchError: The folder's ledger cannot be read.
    """
    plan = make_batch_plan(inputs, folder, config)
    known = read_ledger(folder) if has_ledger(folder) else []
    done = {row.target for row in known if row.state == "done"}
    total_s, problems = 0.0, 0
    for job in plan.jobs:
        length = ""
        why = job.problem
        if not why and job.kind == "video":
            try:
                duration_s = probe(job.source, max_pixels=config.video.max_pixels).duration_s
                total_s += float(duration_s or 0)
                length = "length unknown" if duration_s is None else clock(float(duration_s))
            except VideoReadError as exc:
                why = " ".join(str(exc).split()).removeprefix(f"{job.source}: ")
        problems += bool(why)
        if why:
            yield f"cannot be done  {shown(job.source)}: {why}"
            continue
        word = "done before" if job.target in done else "to do"
        about = length or job.kind
        yield f"{word:<14}  {shown(job.source)} ({about}) > {shown(folder / job.target)}"
    yield (
        f"{counted(len(plan.jobs), 'file')}, {clock(total_s)} of video, {problems} that cannot be "
        "done"
    )
    if plan.passed_over:
        yield passed_over(plan.passed_over)
