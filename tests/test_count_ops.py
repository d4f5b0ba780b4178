"""The script that counts launches and waits."""

import importlib.util
import threading
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
import torch

from facemask_video.pipeline.timing import StageClock

ROOT = Path(__file__).parents[1]


@pytest.fixture
def count_ops() -> ModuleType:
    spec = importlib.util.spec_from_file_location("count_ops", ROOT / "scripts/count_ops.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_operations_are_counted_under_the_innermost_stage_of_each_thread(
    count_ops: ModuleType,
) -> None:
    counts: Counter[tuple[str, str, str]] = Counter()
    clock = StageClock()
    ones = torch.ones(4)

    def outer() -> None:
        with clock.span("outer"):
            ones.view(2, 2).add(1)
            with clock.span("inner"):
                ones.mul(2).mul(3)

    with count_ops._counted(counts):
        thread = threading.Thread(target=outer)
        thread.start()
        thread.join()
    ones.add(1)

    assert counts == {("outer", "launching", "add"): 1, ("inner", "launching", "mul"): 2}


def test_what_waits_for_a_device_is_counted_though_it_does_nothing_on_a_processor(
    count_ops: ModuleType,
) -> None:
    counts: Counter[tuple[str, str, str]] = Counter()
    clock = StageClock()
    device, ones = torch.device("cpu"), torch.ones(4)

    with count_ops._counted(counts), clock.span("stage"):
        ones.to(device)
        ones.to(torch.float32)
        ones.cpu()
        bool((ones > 0).all())
        ones[torch.tensor([True, False, True, False], device=device)]

    waits = {name: n for (_, kind, name), n in counts.items() if kind == "synchronising"}
    assert waits == {"to": 1, "cpu": 1, "__bool__": 1, "tensor": 1, "index by booleans": 1}
