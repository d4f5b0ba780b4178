"""``facemask-video doctor``: what this machine and this installation can do."""

import json
import os
import platform
from collections.abc import Iterator
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Any

import click

from facemask_video import __version__
from facemask_video.cli.options import configured_command
from facemask_video.config.printed import PrintConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import FacemaskVideoError

_PACKAGES = (
    "torch",
    "torchvision",
    "facenet-pytorch",
    "filterpy",
    "av",
    "opencv-python-headless",
    "numpy",
    "scipy",
    "safetensors",
)

# What a user is likely to ask for with --encoder.
_ENCODERS = (
    "libx264",
    "libx265",
    "libsvtav1",
    "libvpx-vp9",
    "prores_ks",
    "ffv1",
    "mpeg4",
    "h264_nvenc",
    "hevc_nvenc",
    "h264_videotoolbox",
)


@configured_command(PrintConfig)
def doctor(config: PrintConfig, **_quiet: bool) -> None:
    """Show device, precision, codecs, weights and versions.

    Exits 1 where something that a conversion needs is missing.

    \b
    facemask-video doctor
    """
    problems: list[str] = []
    findings: dict[str, Any] = {
        "version": __version__,
        "python": {"version": platform.python_version(), "platform": platform.platform()},
        "packages": _packages(problems),
        "device": _device(),
        "encoders": _encoders(),
        "weights": _weights(problems),
        "problems": problems,
    }
    if config.json:
        click.echo(json.dumps(findings, indent=2))
    else:
        for name, value in _rows(findings):
            click.echo(f"{name:<24}{value}")
        click.echo()
        for problem in problems:
            click.echo(f"Problem: {problem}")
        if not problems:
            click.echo("Everything that a conversion needs is there.")
    if problems:
        click.get_current_context().exit(1)


def _packages(problems: list[str]) -> dict[str, str | None]:
    versions: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
            problems.append(f"{package} is not installed; run pip install facemask-video again.")
    return versions


def _device() -> dict[str, Any]:
    import torch

    from facemask_video.translate.device import pick_device, pick_precision

    device = pick_device("auto")
    gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [{"name": gpu.name, "memory_bytes": gpu.total_memory} for gpu in gpus],
        "auto": str(device),
        "auto_precision": pick_precision("auto", device),
    }


def _encoders() -> dict[str, bool]:
    from facemask_video.video.codecs import encoders_among

    available = encoders_among(_ENCODERS)
    return {name: name in available for name in _ENCODERS}


def _weights(problems: list[str]) -> list[dict[str, Any]]:
    from facemask_video.core.shipped_weights import CAPACITIES, default_weights
    from facemask_video.translate.weights import read_card

    found: list[dict[str, Any]] = []
    for direction, quality in product(Direction, reversed(CAPACITIES)):
        about: dict[str, Any] = {"direction": str(direction), "quality": quality, "path": None}
        found.append(about)
        try:
            path = default_weights(direction, quality)
            card = read_card(path)
        except FacemaskVideoError as exc:
            if quality == "standard":  # what a conversion takes unless told otherwise
                problems.append(str(exc))
            continue
        about |= {
            "path": str(path),
            "bytes": path.stat().st_size,
            "crop_size_px": card.crop_size_px,
            "sha256": card.sha256,
        }
    return found


def _rows(findings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the findings as a person reads them."""
    yield "facemask-video", findings["version"]
    yield "python", "{version} on {platform}".format(**findings["python"])
    for package, version in findings["packages"].items():
        yield package, version or "missing"
    device = findings["device"]
    yield (
        "processor",
        "{machine}, {cores} cores, {threads} threads for the networks".format(**device),
    )
    for index, gpu in enumerate(device["gpus"]):
        yield f"cuda:{index}", f"{gpu['name']}, {gpu['memory_bytes'] / 2**30:.0f} GiB"
    yield "--device auto", device["auto"]
    yield "--precision auto", device["auto_precision"]
    encoders = findings["encoders"]
    yield "encoders", ", ".join(name for name, there in encoders.items() if there)
    missing = ", ".join(name for name, there in encoders.items() if not there)
    yield "encoders missing", missing or "none of the usual ones"
    for each in findings["weights"]:
        text = "missing"
        if each["path"] is not None:
            text = (
                f"{Path(each['path']).name}, {each['bytes'] / 2**20:.1f} MiB, "
                f"faces of {each['crop_size_px']} px, sha256 {each['sha256'][:12]}"
            )
        yield f"weights {each['direction']} {each['quality']}", text
