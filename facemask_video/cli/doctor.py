"""``facemask-video doctor``: what this machine and this installation can do."""

import json
import os
import platform
from importlib import metadata
from itertools import product

import click

from facemask_video import __version__
from facemask_video.cli.options import verbosity_options
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


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@verbosity_options
@click.pass_context
def doctor(ctx: click.Context, /, as_json: bool, **_verbosity: object) -> None:
    """Show device, precision, codecs, weights and versions.

    Exits 1 where something that a conversion needs is missing.

    \b
    facemask-video doctor
    """
    problems: list[str] = []
    findings = {
        "facemask-video": __version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        **_versions(problems),
        **_devices(),
        **_codecs(),
        **_weights(problems),
    }
    if as_json:
        click.echo(json.dumps({**findings, "problems": problems}, indent=2))
    else:
        for name, value in findings.items():
            click.echo(f"{name:<24}{value}")
        click.echo()
        for problem in problems:
            click.echo(f"Problem: {problem}")
        if not problems:
            click.echo("Everything that a conversion needs is there.")
    if problems:
        ctx.exit(1)


def _versions(problems: list[str]) -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "missing"
            problems.append(f"{package} is not installed; run pip install facemask-video again.")
    return versions


def _devices() -> dict[str, str]:
    import torch

    from facemask_video.translate.device import pick_device, pick_precision

    device = pick_device("auto")
    found = {
        "processor": f"{platform.machine()}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads for the networks",
    }
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        found[f"cuda:{index}"] = f"{about.name}, {about.total_memory / 2**30:.0f} GiB"
    found["--device auto"] = str(device)
    found["--precision auto"] = pick_precision("auto", device)
    return found


def _codecs() -> dict[str, str]:
    from facemask_video.video.codecs import encoders_among

    available = encoders_among(_ENCODERS)
    missing = [name for name in _ENCODERS if name not in available]
    return {
        "encoders": ", ".join(available),
        "encoders missing": ", ".join(missing) or "none of the usual ones",
    }


def _weights(problems: list[str]) -> dict[str, str]:
    from facemask_video.translate.weights import CAPACITIES, default_weights, read_card

    found = {}
    for direction, quality in product(Direction, reversed(CAPACITIES)):
        name = f"weights {direction} {quality}"
        try:
            path = default_weights(direction, quality)
            card = read_card(path)
        except FacemaskVideoError as exc:
            found[name] = "missing"
            if quality == "standard":  # what a conversion takes unless told otherwise
                problems.append(str(exc))
            continue
        found[name] = (
            f"{path.name}, {path.stat().st_size / 2**20:.1f} MiB, faces of {card.crop_size_px} px, "
            f"sha256 {card.sha256[:12]}"
        )
    return found
