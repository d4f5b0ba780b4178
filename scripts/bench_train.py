#!/usr/bin/env python3
"""Time CycleGAN's step beside a plain loop of the same networks, losses and pictures.

The plain loop is the step as it is usually written: fp32, contiguous memory, `backward` of one sum
for both generators with the discriminators frozen, then each discriminator by itself. Ours is the
step of ``facemask-train fit`` with its average of the weights. Runs alternate, so that a machine
that slows down slows both; the first of each is not counted. That both do the same work is checked
on their losses before anything is timed.

    scripts/bench_train.py configs/train/cyclegan-128.toml --bare bare.npz --masked masked.npz

Prints one JSON object: images/s of both, median and interquartile range, and what they ran on.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from torch.nn import functional

from facemask_video.config.settings import build, read_toml
from facemask_video.core.errors import FacemaskVideoError
from facemask_video.translate.device import DTYPES, pick_device, pick_precision
from facemask_video.translate.networks import build_generator
from trainers.config import CycleganConfig, ExtrasConfig, TrainConfig
from trainers.data.batches import Batch, batches
from trainers.fit.build import build_method, build_samples
from trainers.fit.ema import Averages
from trainers.fit.training_crops import load_training_crops
from trainers.gan import losses
from trainers.gan.discriminators import build_discriminator
from trainers.gan.image_pool import ImagePool

_ALIKE = 0.02
"""Relative difference of losses in fp32 below which two loops do the same work."""


def main() -> None:
    """Read the command line, check, time, print."""
    arguments = parse_arguments()
    config = published(read_config(arguments))
    device = pick_device(arguments.device)
    precision = pick_precision(arguments.precision, device)
    fed = load_batches(config, device, arguments.steps)
    check_alike(config, fed[0], device)
    timed = {
        "ours": our_step(config, device, DTYPES[precision]),
        "plain": plain_step(config, device),
    }
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(arguments.runs + 1):
        for name, step in timed.items():
            seconds[name].append(run(step, fed, device))
    print(json.dumps(report(config, seconds, arguments, precision, device), indent=2))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("config", type=Path, help="whose generators, discriminators and batch")
    parser.add_argument("--bare", type=Path, required=True, help="folder or crops of bare faces")
    parser.add_argument("--masked", type=Path, required=True, help="the same of masked ones")
    parser.add_argument("--batch-size", type=int, help="instead of the configuration's")
    parser.add_argument("--steps", type=int, default=4, help="in each run")
    parser.add_argument("--runs", type=int, default=5, help="of each loop, after one not counted")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="of ours; the plain loop is fp32")
    return parser.parse_args()


def read_config(arguments: argparse.Namespace) -> TrainConfig:
    """Return the configuration with what was typed."""
    typed: dict[str, object] = {"data.bare": arguments.bare, "data.masked": arguments.masked}
    if arguments.batch_size:
        typed["run.batch_size"] = arguments.batch_size
    return build(TrainConfig, read_toml(arguments.config, TrainConfig), typed)


def published(config: TrainConfig) -> TrainConfig:
    """Keep networks, optimisers and batch; take CycleGAN's losses as published, no extras."""
    return replace(
        config,
        method="cyclegan",
        cyclegan=CycleganConfig(),
        extras=ExtrasConfig(),
        discriminator=replace(config.discriminator, diff_augment="", mixup=0.0),
    )


def load_batches(config: TrainConfig, device: torch.device, n_batches: int) -> list[Batch]:
    """Return batches that both loops are given again and again; reading them is not timed."""
    with TemporaryDirectory(prefix="bench_train_") as cache:
        crops = load_training_crops(config.data, Path(cache), device=device)
    samples = build_samples(config, crops.bare, crops.masked, first=0)
    made = batches(samples, batch_size=config.run.batch_size, n_workers=0)
    return [batch.to(device) for batch, _ in zip(made, range(n_batches), strict=False)]


def our_step(
    config: TrainConfig, device: torch.device, precision: torch.dtype
) -> Callable[[Batch], dict[str, Tensor]]:
    """Return the step of ``facemask-train fit``."""
    method = build_method(config, device=device, precision=precision)
    averages = Averages(
        method.generators(),
        halflife_images=config.run.ema_halflife_images,
        rampup=config.run.ema_rampup,
    )

    def step(batch: Batch) -> dict[str, Tensor]:
        losses = method.step(batch, 0)
        averages.update(1_000_000, len(batch))
        return losses.generator | losses.discriminator

    return step


def plain_step(config: TrainConfig, device: torch.device) -> Callable[[Batch], dict[str, Tensor]]:
    """Return the step as it is usually written, on fresh networks of the same sizes and seed."""
    torch.manual_seed(config.data.seed)
    # In the order of `Cyclegan`, so that the seed gives the same weights.
    mask, unmask = (build_generator(s) for s in (config.mask, config.unmask))
    discriminators = [build_discriminator(config.discriminator) for _ in range(2)]
    networks = [mask, unmask, *discriminators]
    for network in networks:
        network.to(device=device, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    discriminator_masked, discriminator_bare = discriminators
    optim, weights = config.optim, config.cyclegan
    betas = (optim.beta1, 0.999)
    of_generators = torch.optim.Adam(
        chain(mask.parameters(), unmask.parameters()), lr=optim.lr, betas=betas
    )
    of_discriminators = [
        torch.optim.Adam(discriminator.parameters(), lr=optim.lr_discriminator, betas=betas)
        for discriminator in discriminators
    ]
    pools = [ImagePool(weights.pool_size) for _ in range(2)]

    def step(batch: Batch) -> dict[str, Tensor]:
        bare, masked = batch.bare.contiguous(), batch.real_masked.contiguous()
        fake_masked = mask(bare).over(bare)
        again_bare = unmask(fake_masked).over(fake_masked)
        fake_bare = unmask(masked).over(masked)
        again_masked = mask(fake_bare).over(fake_bare)
        same_masked, same_bare = mask(masked).over(masked), unmask(bare).over(bare)
        for discriminator in discriminators:
            discriminator.requires_grad_(False)
        found = {
            "mask/cycle": functional.l1_loss(again_bare, bare),
            "unmask/cycle": functional.l1_loss(again_masked, masked),
            "mask/gan": losses.generator_loss(discriminator_masked(fake_masked), weights.gan_mode),
            "unmask/gan": losses.generator_loss(discriminator_bare(fake_bare), weights.gan_mode),
            "mask/identity": functional.l1_loss(same_masked, masked),
            "unmask/identity": functional.l1_loss(same_bare, bare),
        }
        loss = (
            weights.lambda_A * found["mask/cycle"]
            + weights.lambda_B * found["unmask/cycle"]
            + weights.lambda_gan * (found["mask/gan"] + found["unmask/gan"])
            + weights.lambda_identity * weights.lambda_B * found["mask/identity"]
            + weights.lambda_identity * weights.lambda_A * found["unmask/identity"]
        )
        of_generators.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        of_generators.step()
        for name, discriminator, optimizer, pool, real, fake in zip(
            ("mask/discriminator", "unmask/discriminator"),
            discriminators,
            of_discriminators,
            pools,
            (masked, bare),
            (fake_masked, fake_bare),
            strict=True,
        ):
            discriminator.requires_grad_(True)
            scores = discriminator(real), discriminator(pool.exchange(fake.detach()))
            found[name] = losses.discriminator_loss(*scores, weights.gan_mode)
            optimizer.zero_grad()
            found[name].backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return {name: value.detach() for name, value in found.items()}

    return step


def check_alike(config: TrainConfig, batch: Batch, device: torch.device) -> None:
    """Stop where the two loops, both in fp32, do not come to the same losses."""
    plain, ours = plain_step(config, device), our_step(config, device, torch.float32)
    for number in range(2):
        one, other = plain(batch), ours(batch)
        for name, value in one.items():
            if abs(float(value) - float(other[name])) > _ALIKE * max(0.1, abs(float(value))):
                raise SystemExit(
                    f"step {number}: {name} is {float(value):.4f} in the plain loop, "
                    f"{float(other[name]):.4f} in ours."
                )


def run(
    step: Callable[[Batch], dict[str, Tensor]], fed: Sequence[Batch], device: torch.device
) -> float:
    """Return the seconds that a pass over the batches takes."""
    _wait(device)
    began = time.perf_counter()
    for batch in fed:
        step(batch)
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def report(
    config: TrainConfig,
    seconds: dict[str, list[float]],
    arguments: argparse.Namespace,
    precision: str,
    device: torch.device,
) -> dict[str, object]:
    """Return what is printed."""
    images = arguments.steps * config.run.batch_size
    rates = {name: [images / each for each in times[1:]] for name, times in seconds.items()}
    middle = {name: statistics.median(each) for name, each in rates.items()}
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "config": arguments.config.name,
        "size_px": config.data.crop_size_px,
        "batch_size": config.run.batch_size,
        "images_per_s": {name: round(value, 3) for name, value in middle.items()},
        "iqr": {name: round(_iqr(each), 3) for name, each in rates.items()},
        "ratio": round(middle["ours"] / middle["plain"], 2),
        "runs": arguments.runs,
        "precision": {"ours": precision, "plain": "fp32"},
        "device": gpu or f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _iqr(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return high - low


if __name__ == "__main__":
    try:
        main()
    except FacemaskVideoError as error:
        sys.exit(str(error))
