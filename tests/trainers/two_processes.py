"""What the tests let torchrun run in two processes; see test_processes.py.

Usage: torchrun --nproc-per-node 2 tests/trainers/two_processes.py FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainers.tiny import drawn_training_crops, tiny_config
from trainers.config import TrainConfig
from trainers.fit import build, loop
from trainers.fit.processes import Processes, join_processes
from trainers.fit.runs import RunFolder

CYCLEGAN: dict[str, Any] = {
    "method": "cyclegan",
    "unmask.architecture": "resnet",
    "optim.optimizer": "sgd",
    "optim.lr": 1e-2,
}
"""With `ALIKE`, the same in any number of processes: plain means, and nothing drawn."""

# Two steps: rounding grows with each, as in any training.
ALIKE: dict[str, Any] = {"cyclegan.pool_size": 0, "run.images": 8}
DRAWN: dict[str, Any] = {"cyclegan.pool_size": 3, "discriminator.diff_augment": "color,cutout"}


def train(
    config: TrainConfig, run: RunFolder, processes: Processes, *, resume: bool = False
) -> dict[str, torch.Tensor]:
    """Train and return the weights that this process ends with."""
    made = []
    build_method = build.build_method

    def keep(*arguments: Any, **options: Any) -> Any:
        made.append(build_method(*arguments, **options))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "build_method", keep)
        loop.fit(
            config,
            run,
            drawn_training_crops(),
            device=torch.device("cpu"),
            precision=torch.float32,
            processes=processes,
            resume=resume,
        )
    return {
        f"{name}/{key}": value.detach().clone()
        for name, network in made[-1].networks()
        for key, value in network.named_parameters()
    }


def main(folder: Path) -> None:
    """Train in two processes, whole and in halves, and write down what each came to."""
    with join_processes(torch.device("cpu")) as (processes, device):
        assert device.type == "cpu"
        for name, options in (("alike", ALIKE), ("drawn", DRAWN)):
            run = RunFolder(folder / name)
            run.path.mkdir(exist_ok=True)
            weights = train(tiny_config(**CYCLEGAN, **options), run, processes)
            torch.save(weights, folder / f"{name}-{processes.rank}.pt")
        run = RunFolder(folder / "halves")
        run.path.mkdir(exist_ok=True)
        for images, resume in ((12, False), (24, True)):
            config = tiny_config(**CYCLEGAN, **DRAWN, run__images=images)
            train(config, run, processes, resume=resume)
        assert processes.any(processes.rank == 1)
        assert not processes.any(flag=False)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
