#!/usr/bin/env python3
"""Count what a conversion would launch on a GPU, and how often it would wait for it.

    scripts/count_ops.py samples/astronaut.mp4 --direction mask

Runs on a processor, through the branches that a GPU takes: the counts are of operations, not of
time, and do not depend on the machine or on what else it does. Prints one JSON object: a frame and
stage, ``launching`` operations (each at least one kernel; views and allocations launch none) and
``synchronising`` calls, at which the host waits for the device or copies between pageable memory
and it. The generator's steps that wait count as its own.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from facemask_video.config import ConvertConfig, OutputConfig, VideoConfig
from facemask_video.core.direction import Direction
from facemask_video.detect import batching, integral_image
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.load_networks import load_networks
from facemask_video.pipeline.timing import StageClock
from facemask_video.translate.networks import inpaint

_WAITS = frozenset(
    (
        Tensor.cpu,
        Tensor.item,
        Tensor.__bool__,
        Tensor.__int__,
        Tensor.__float__,
        Tensor.__index__,
        Tensor.nonzero,
        torch.nonzero,
        torch.masked_select,
        torch.unique,
    )
)
_ALLOCATIONS = frozenset(("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"))
_NO_KERNEL = frozenset(
    ("_local_scalar_dense", "lift_fresh", "detach", "detach_", "alias", "set_", "resize_")
)


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--direction", choices=("mask", "unmask"), default="mask")
    parser.add_argument("--end", type=float, default=None, help="seconds of the clip to convert")
    parser.add_argument("--top", type=int, default=0, help="name so many operations of each stage")
    arguments = parser.parse_args()
    counts, n_frames, n_faces = count(arguments.clip, arguments.direction, arguments.end)
    stages: dict[str, Any] = {}
    for (stage, kind, _), number in counts.items():
        of_stage = stages.setdefault(stage, {"launching": 0, "synchronising": 0})
        of_stage[kind] += number
    report = {
        "clip": arguments.clip.name,
        "direction": arguments.direction,
        "frames": n_frames,
        "faces_a_frame": round(n_faces / n_frames, 2),
        "a_frame": {
            kind: round(sum(each[kind] for each in stages.values()) / n_frames, 2)
            for kind in ("launching", "synchronising")
        },
        "stages": {
            stage: {kind: round(number / n_frames, 2) for kind, number in of_stage.items()}
            for stage, of_stage in stages.items()
        },
    }
    if arguments.top:
        report["most"] = [
            [*named, round(number / n_frames, 2)]
            for named, number in counts.most_common(arguments.top)
        ]
    json.dump(report, sys.stdout, indent=2)
    print()


def count(
    clip: Path, direction: str, end_s: float | None = None
) -> tuple[Counter[tuple[str, str, str]], int, int]:
    """Convert a clip and count, by stage, kind and name; also return its frames and faces."""
    config = ConvertConfig(
        Direction.parse(direction),
        video=VideoConfig(encoder="libx264", preset="ultrafast", end_s=end_s),
        output=OutputConfig(overwrite=True, no_face="encode"),
    )
    counts: Counter[tuple[str, str, str]] = Counter()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(_branches_of_a_gpu())
        networks = load_networks(config)
        stack.enter_context(_counted(counts))
        report = convert(clip, Path(folder) / "out.mkv", config, networks=networks)
    of_stages = Counter({named: n for named, n in counts.items() if named[0] != "load"})
    return of_stages, report.frames, report.faces


@contextmanager
def _branches_of_a_gpu() -> Iterator[None]:
    """Take the ways that are chosen for a GPU."""
    with ExitStack() as stack:
        for owner, name, instead in (
            (batching, "optimize_for_cpu", lambda *_: None),
            (batching, "limits_of", lambda _: batching.LIMITS["cuda"]),
            (integral_image, "uses_opencv", lambda _: False),
            (inpaint, "_is_array", lambda _: False),
        ):
            stack.enter_context(mock.patch.object(owner, name, instead))
        yield


@contextmanager
def _counted(counts: Counter[tuple[str, str, str]]) -> Iterator[None]:
    """Count what is done in each stage's spans, whatever thread they are in."""
    span = StageClock.span

    @contextmanager
    def counting(clock: StageClock, name: str) -> Iterator[None]:
        with span(clock, name):
            spans = clock._open_spans()
            if len(spans) > 1:
                # The modes of the outer span see what is done in this one too.
                yield
                return
            with _CallMode(counts, spans), _OperationMode(counts, spans):
                yield

    with mock.patch.object(StageClock, "span", counting):
        yield


class _OperationMode(TorchDispatchMode):
    """Counts the operations that launch a kernel."""

    def __init__(self, counts: Counter[tuple[str, str, str]], spans: list[str]) -> None:
        super().__init__()
        self._counts, self._spans = counts, spans

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name not in _ALLOCATIONS and name not in _NO_KERNEL and not func.is_view:
            self._counts[self._spans[-1], "launching", name] += 1
        if name == "index" and any(_is_bool(each) for each in args[1]):
            self._counts[self._spans[-1], "synchronising", "index by booleans"] += 1
        return func(*args, **(kwargs or {}))


class _CallMode(TorchFunctionMode):
    """Counts the calls at which the host and the device wait for each other."""

    def __init__(self, counts: Counter[tuple[str, str, str]], spans: list[str]) -> None:
        super().__init__()
        self._counts, self._spans = counts, spans

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _WAITS or _copies_to_device(func, args, kwargs):
            name = getattr(func, "__name__", str(func))
            self._counts[self._spans[-1], "synchronising", name] += 1
        return func(*args, **kwargs)


def _copies_to_device(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> bool:
    if func is Tensor.to:
        return any(isinstance(each, torch.device) for each in (*args[1:], kwargs.get("device")))
    return func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None


def _is_bool(index: Tensor | None) -> bool:
    return index is not None and index.dtype in (torch.bool, torch.uint8)


if __name__ == "__main__":
    main()
