"""A batch from its inputs to its report."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from facemask_video.batch.hooks import Hooks
from facemask_video.batch.ledger import Ledger
from facemask_video.batch.local_workers import LocalWorkers
from facemask_video.batch.plan import make_batch_plan
from facemask_video.batch.ray_workers import RayWorkers
from facemask_video.batch.report import REPORT, write_report
from facemask_video.batch.run import BatchReport, OnEvent, Workers, run_batch
from facemask_video.config import BatchConfig
from facemask_video.core.errors import ConfigError
from facemask_video.core.wording import shown

_LOG = "workers.log"


def convert_files(
    inputs: Sequence[Path],
    folder: Path,
    config: BatchConfig,
    *,
    on_event: OnEvent = lambda event: None,
) -> BatchReport:
    """Convert many files into a folder, but for what earlier calls finished.

    Args:
        inputs: Files, folders and patterns.
        folder: Of the results.
        config: Everything else.
        on_event: Called for all that happens.

    Raises:
        ConfigError: The plan cannot be carried out, or there is nothing to convert.
        BatchError: The folder or its ledger cannot be used.
        WeightsError: The weights are missing.
    """
    plan = make_batch_plan(inputs, folder, config)
    if not plan.jobs:
        raise ConfigError(
            f"{shown(inputs[0])}: nothing to convert is left by --include, --exclude and --shard."
        )
    number, of = config.inputs.shard_of
    name = REPORT if of == 1 else f"report-{number}-of-{of}.html"
    with Ledger(folder, config.inputs.shard_of) as ledger:

        def make_workers(files: int) -> Workers:
            if config.cluster.engine == "ray":
                return RayWorkers(config, files, folder)
            log = ledger.path.with_name(_LOG)
            return LocalWorkers(config, files, lock_fd=ledger.lock.fd, log=log)

        report = run_batch(plan, config, ledger, make_workers, on_event=on_event)
        page = write_report(report, ledger, name)
    notes = list(report.notes)
    if page is None:
        notes.append(f"{name} is another file, so no report was written")
    if config.run.on_done is not None:
        notes += _tell(config.run.on_done, report, page)
    return dataclasses.replace(report, notes=tuple(notes), page=page)


def _tell(command: str, report: BatchReport, page: Path | None) -> list[str]:
    hooks = Hooks()
    hooks.start(
        command,
        DONE=report.done,
        FAILED=report.failed,
        SKIPPED=report.skipped,
        DIR=report.folder.absolute(),
        REPORT="" if page is None else page.absolute(),
    )
    hooks.wait()
    return hooks.failed
