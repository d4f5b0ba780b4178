"""Measure a conversion beside a plain transcode and its own networks, by turns in one session.

Processor seconds count first: they hold on a busy machine, where seconds of the clock do not.
"""

import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from facemask_video import __version__
from facemask_video.benchmark.network_calls import NetworkCalls
from facemask_video.config import ConvertConfig, OutputConfig, VideoConfig
from facemask_video.config.printed import BenchmarkConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import FacemaskVideoError
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.load_networks import load_networks
from facemask_video.video.transcode import transcode

LIBRARIES = ("torch", "av", "numpy", "opencv-python-headless", "facenet-pytorch")
_IDLE_SHARE = 0.8
# Of the cores a transcode keeps busy where nobody else wants them.


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way took, of several runs.

    Attributes:
        cpu_s: Processor seconds, median.
        cpu_spread_s: The most less the least of them.
        wall_s: Seconds of the clock, median.
        peak_rss_mb: Of a process of its own; None where it ran within the benchmark's.
    """

    cpu_s: float
    cpu_spread_s: float
    wall_s: float
    peak_rss_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a conversion of one clip costs.

    Attributes:
        clip: Its name.
        width_px, height_px, frames, faces: What it holds.
        costs: By way: ``plain`` transcode, the ``networks`` replayed at the recorded shapes,
            ``warm`` conversion with networks loaded, the ``process`` as a user starts it, and
            ``deface`` where that is installed.
        ratio: ``warm`` over ``plain`` and ``networks`` together, processor seconds.
        idle: Whether seconds of the clock can be trusted: nothing else wanted the processor.
    """

    clip: str
    width_px: int
    height_px: int
    frames: int
    faces: int
    costs: dict[str, Cost]
    ratio: float
    idle: bool


def benchmark(clip: Path, config: BenchmarkConfig) -> Benchmark:
    """Measure one clip.

    Raises:
        FacemaskVideoError: It cannot be converted.
    """
    direction = Direction.parse(config.direction)
    video = VideoConfig(encoder="libx264", preset=config.preset)
    asked = ConvertConfig(
        direction, video=video, output=OutputConfig(overwrite=True, no_face="encode")
    )
    networks = load_networks(asked)
    calls = NetworkCalls()
    with tempfile.TemporaryDirectory(prefix="benchmark_") as folder:
        target = Path(folder) / "out.mkv"
        # Not counted: this fills caches, and says what the networks are asked.
        frames, _ = transcode(clip, target, video)
        with calls.recording():
            report = convert(clip, target, asked, networks=networks)
        if report.frames != frames:
            raise FacemaskVideoError(f"{clip}: {report.frames} of {frames} frames were converted.")
        ways: dict[str, Callable[[], _Run]] = {
            "plain": lambda: _within(lambda: transcode(clip, target, video)),
            "networks": lambda: _within(calls.replay),
            "warm": lambda: _within(lambda: convert(clip, target, asked, networks=networks)),
            "process": lambda: _of_process(_command(clip, target, config)),
        }
        deface = shutil.which("deface")
        if deface is not None:
            ways["deface"] = lambda: _of_process([deface, str(clip), "-o", str(target)])
        runs: dict[str, list[_Run]] = {name: [] for name in ways}
        for _ in range(config.runs):
            for name, way in ways.items():
                runs[name].append(way())
    costs = {name: _cost(each) for name, each in runs.items()}
    floor_s = costs["plain"].cpu_s + costs["networks"].cpu_s
    busy = sum(run.cpu_s for run in runs["plain"]) / sum(run.wall_s for run in runs["plain"])
    return Benchmark(
        clip=clip.name,
        width_px=report.input["width_px"],
        height_px=report.input["height_px"],
        frames=report.frames,
        faces=report.faces,
        costs=costs,
        ratio=costs["warm"].cpu_s / floor_s,
        idle=busy >= _IDLE_SHARE * min(2, usable_cores()),
    )


@dataclass(frozen=True, slots=True)
class _Run:
    cpu_s: float
    wall_s: float
    peak_rss_mb: float | None = None


def _cost(runs: Sequence[_Run]) -> Cost:
    cpu_s = [run.cpu_s for run in runs]
    peaks = [run.peak_rss_mb for run in runs if run.peak_rss_mb is not None]
    return Cost(
        cpu_s=statistics.median(cpu_s),
        cpu_spread_s=max(cpu_s) - min(cpu_s),
        wall_s=statistics.median(run.wall_s for run in runs),
        peak_rss_mb=max(peaks, default=None),
    )


def _within(work: Callable[[], object]) -> _Run:
    began_s, cpu_s = time.perf_counter(), time.process_time()
    work()
    return _Run(time.process_time() - cpu_s, time.perf_counter() - began_s)


def _command(clip: Path, target: Path, config: BenchmarkConfig) -> list[str]:
    command = [sys.executable, "-m", "facemask_video", str(clip), str(target)]
    command += ["--direction", config.direction, "--encoder", "libx264", "--no-face", "encode"]
    command += [] if config.preset is None else ["--preset", config.preset]
    return [*command, "--overwrite", "--quiet"]


def _of_process(command: Sequence[str]) -> _Run:
    """Run a process to its end.

    Raises:
        FacemaskVideoError: It failed.
    """
    began_s = time.perf_counter()
    process = os.posix_spawn(command[0], list(command), os.environ)
    _, status, usage = os.wait4(process, 0)
    if status != 0:
        raise FacemaskVideoError(f"{command[0]}: failed; see what it says above.")
    # Linux counts kilobytes, macOS bytes.
    per_mb = 2**20 if sys.platform == "darwin" else 2**10
    return _Run(
        usage.ru_utime + usage.ru_stime, time.perf_counter() - began_s, usage.ru_maxrss / per_mb
    )


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, str | int]:
    """Name the processor and the versions of what ran."""
    found: dict[str, str | int] = {
        "processor": _processor(),
        "cores_usable": usable_cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "facemask-video": __version__,
    }
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed as a package"
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
