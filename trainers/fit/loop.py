"""The training loop, top to bottom."""

from contextlib import closing
from dataclasses import dataclass

import torch

from facemask_video.config.settings import as_plain
from facemask_video.core.errors import ConfigError, TrainingError
from trainers.config import TrainConfig
from trainers.data.batches import batches
from trainers.fit.build import build_method, build_samples
from trainers.fit.checkpoint import (
    Stateful,
    newest_checkpoint,
    process_state,
    read_checkpoint,
    restore,
    save_checkpoint,
)
from trainers.fit.ema import Averages
from trainers.fit.export import export_generators
from trainers.fit.interrupt import stop_on_signals
from trainers.fit.processes import Processes
from trainers.fit.records import OnStats, Records
from trainers.fit.runs import RunFolder
from trainers.fit.schedule import Schedule
from trainers.fit.training_crops import TrainingCrops
from trainers.gan.method import Method

ALONE = Processes()

_SEED_STEP = 1_000_003
"""Keeps the seeds of processes apart from those of neighbouring runs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        images_seen: In all, those before a resume included.
        stopped_by: Name of the signal that ended it early; empty where it came to its end.
    """

    images_seen: int
    stopped_by: str


def fit(
    config: TrainConfig,
    run: RunFolder,
    crops: TrainingCrops,
    *,
    device: torch.device,
    precision: torch.dtype,
    processes: Processes = ALONE,
    resume: bool = False,
    on_stats: OnStats | None = None,
) -> Outcome:
    """Train until the configured number of images is seen, or a signal asks to stop.

    The state is saved at every ``checkpoint_every`` images and at the end, the averaged generators
    are written at the end. Of several processes each calls this, with the same arguments but its
    device.

    Raises:
        ConfigError: A batch cannot be shared equally among the processes.
        TrainingError: A loss or weight is no longer finite (the last good checkpoint stays), or the
            checkpoint to resume from does not fit.
    """
    _require_equal_shares(config.run.batch_size, processes.count)
    if device.type == "cuda" and device.index is not None:
        # What torch does by itself, pinning batches above all, it does on the current device.
        torch.cuda.set_device(device)
    # Everything fresh, then as the newest checkpoint has it: making networks draws random numbers.
    method = build_method(config, device=device, precision=precision, resume=resume)
    averages = Averages(
        method.generators(),
        halflife_images=config.run.ema_halflife_images,
        rampup=config.run.ema_rampup,
    )
    schedule = Schedule(config.optim.lr_policy, config.run.images, config.optim.lr_decay_images)
    records = Records(
        config, run, crops, averages, device=device, processes=processes, on_stats=on_stats
    )
    parts: dict[str, Stateful] = {
        **{f"networks/{name}": network for name, network in method.networks()},
        **{f"optimizers/{name}": optimizer for name, optimizer in method.optimizers.items()},
        "averages": averages,
        "schedule": schedule,
        "best": records.best,
    }
    own: dict[str, Stateful] = {
        **{f"pools/{name}": pool for name, pool in method.pools.items()},
        "meter": records.meter,
    }
    images_seen = 0
    if not processes.is_first:
        # The same weights as the others', but other fakes, patches and variations.
        torch.manual_seed(config.data.seed + _SEED_STEP * processes.rank)
    if resume:
        path = newest_checkpoint(run.checkpoints)
        state = read_checkpoint(path)
        images_seen = restore(state, parts, own, rank=processes.rank, path=path)
    with processes.first_goes_first():
        if processes.is_first:
            run.drop_stats_after(images_seen)
            run.write_options(as_plain(config))
            run.training_files.write_text(crops.file_list(), encoding="utf-8")

    def save() -> None:
        _require_finite(method, images_seen)
        of_each = processes.gather(process_state(own))
        if processes.is_first:
            save_checkpoint(
                run.checkpoints,
                parts,
                of_each,
                images_seen=images_seen,
                keep=config.run.keep_checkpoints,
            )

    for optimizer in method.optimizers.values():
        processes.average_gradients(optimizer)
    base_lr = {name: optimizer.defaults["lr"] for name, optimizer in method.optimizers.items()}
    samples = build_samples(config, crops.bare, crops.masked, first=images_seen)
    reported = saved = previewed = images_seen
    with stop_on_signals() as stop, closing(records):
        for batch in batches(
            samples,
            batch_size=config.run.batch_size,
            n_workers=config.data.n_workers,
            part=(processes.rank, processes.count),
            pinned=device.type == "cuda",
        ):
            # One step.
            factor = schedule.factor(images_seen)
            for name, optimizer in method.optimizers.items():
                for group in optimizer.param_groups:
                    group["lr"] = base_lr[name] * factor
            losses = method.step(batch.to(device), images_seen)
            before, images_seen = images_seen, images_seen + config.run.batch_size
            averages.update(images_seen, config.run.batch_size)
            records.meter.add(losses, config.run.batch_size)

            # Records.
            if _passed(config.run.stats_every, before, images_seen):
                schedule.observe(records.report(images_seen).generator_loss, images_seen)
                reported = images_seen
            if _passed(config.run.preview_every, before, images_seen):
                records.preview(images_seen)
                previewed = images_seen
            if _passed(config.run.measure_every, before, images_seen):
                records.measure(images_seen)
            if _passed(config.run.checkpoint_every, before, images_seen):
                save()
                saved = images_seen
            if processes.any(bool(stop)):
                break

        # The end, or an early one. Saved first: a resumed run goes on with the same means.
        if images_seen > saved:
            save()
        if images_seen > reported:
            records.report(images_seen)
        if config.run.preview_every and images_seen > previewed:
            records.preview(images_seen)
    if processes.is_first:
        export_generators(
            averages.generators,
            config,
            run.weights,
            images_seen=images_seen,
            files_sha256=crops.files_sha256(),
        )
    return Outcome(images_seen, next(filter(None, processes.gather(stop.signal_name)), ""))


def _require_equal_shares(batch_size: int, n_processes: int) -> None:
    if batch_size % n_processes:
        raise ConfigError(
            f"run.batch_size: got {batch_size}, expected a multiple of {n_processes}, the number "
            "of processes, which share each batch equally."
        )


def _passed(every: int, before: int, now: int) -> bool:
    """Tell whether a multiple of ``every`` lies in (before, now]; never for 0."""
    return every > 0 and now // every > before // every


def _require_finite(method: Method, images_seen: int) -> None:
    for name, network in method.networks():
        if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
            raise TrainingError(
                f"after {images_seen:,} images {name} holds weights that are not finite; resume "
                "from the last checkpoint with a smaller --lr, or in fp32."
            )
