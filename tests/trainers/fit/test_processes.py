"""Runs that torchrun spreads over two processes, on the CPU."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from facemask_video.core.errors import ConfigError
from tests.trainers.fit.test_loop import same
from tests.trainers.tiny import SETTINGS, drawn_crops, tiny_config
from tests.trainers.two_processes import ALIKE, CYCLEGAN, train
from trainers.fit.build import build_method
from trainers.fit.checkpoint import newest_checkpoint, read_checkpoint
from trainers.fit.processes import Processes, join_processes
from trainers.fit.runs import RunFolder

ROOT = Path(__file__).parents[3]


def _torchrun(*arguments: object) -> str:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*command, "--nproc-per-node", "2", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("accelerate")
    folder = tmp_path_factory.mktemp("processes")
    _torchrun("-m", "tests.trainers.two_processes", folder)
    return folder


@pytest.mark.parametrize("name", ["alike", "drawn"])
def test_both_processes_end_with_the_same_weights(trained: Path, name: str) -> None:
    one, other = (torch.load(trained / f"{name}-{rank}.pt") for rank in range(2))

    same(one, other)


def test_gradients_are_averaged_two_halves_of_a_batch_teach_what_the_whole_does(
    trained: Path, tmp_path: Path
) -> None:
    both = torch.load(trained / "alike-0.pt")

    config = tiny_config(**CYCLEGAN, **ALIKE)
    alone = train(config, RunFolder(tmp_path), Processes())

    apart = max(float((both[name] - weights).abs().max()) for name, weights in alone.items())
    method = build_method(config, device=torch.device("cpu"), precision=torch.float32)
    moved = max(
        float((alone[f"{name}/{key}"] - before.detach()).abs().max())
        for name, network in method.networks()
        for key, before in network.named_parameters()
    )
    assert apart < 0.002 * moved
    lines = [RunFolder(folder).read_stats() for folder in (trained / "alike", tmp_path)]
    for together, single in zip(*lines, strict=True):
        assert together["images_seen"] == single["images_seen"]
        assert together["mask/cycle"] == pytest.approx(single["mask/cycle"], abs=1e-4)


def test_each_process_draws_its_own_fakes_and_a_resumed_run_goes_on_with_them(
    trained: Path,
) -> None:
    whole, halves = (
        read_checkpoint(newest_checkpoint(trained / name / "checkpoints"))
        for name in ("drawn", "halves")
    )

    same(whole, halves)
    first, second = whole["processes"]
    assert not torch.equal(first["rng"]["cpu"], second["rng"]["cpu"])
    kept = [process["parts"]["pools/discriminator_bare"]["kept"][0] for process in (first, second)]
    assert not torch.equal(*kept)


def test_one_process_resumes_what_two_began(trained: Path) -> None:
    run = RunFolder(trained / "alike")

    train(tiny_config(**CYCLEGAN, **ALIKE | {"run.images": 12}), run, Processes(), resume=True)

    state = read_checkpoint(newest_checkpoint(run.checkpoints))
    assert state["images_seen"] == 12
    assert len(state["processes"]) == 1


def test_the_command_writes_one_run_folder_and_speaks_once(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    for name, seed in (("bare", 1), ("masked", 2)):
        drawn_crops(8, seed=seed, name=name).save(tmp_path / f"{name}.npz")
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items() if name != "name"]

    said = _torchrun(
        "--no-python", Path(sys.executable).with_name("facemask-train"), "fit", *settings,
        "--set", "run.progress=json", "--set", "run.preview_every=0",
        "--images", 8, "--run-dir", tmp_path / "runs",
        "--bare", tmp_path / "bare.npz", "--masked", tmp_path / "masked.npz",
    )  # fmt: skip

    [run] = (tmp_path / "runs").iterdir()
    assert said.count('"images_seen": 8') == 1
    assert "2 processes" in said
    assert {path.name for path in run.iterdir()} == {
        "checkpoints", "options.json", "stats.jsonl", "training-files.txt", "weights",
    }  # fmt: skip


def test_a_batch_that_cannot_be_shared_equally_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batch_size: got 4, expected a multiple of 3"):
        train(tiny_config(), RunFolder(tmp_path), Processes(rank=0, count=3))


def test_one_gpu_for_several_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")

    with (
        pytest.raises(ConfigError, match="torchrun gives each process its own GPU"),
        join_processes(torch.device("cuda:1")),
    ):
        pass


def test_several_processes_without_accelerate_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)

    with (
        pytest.raises(ConfigError, match=r"pip install 'facemask-video\[distributed\]'"),
        join_processes(torch.device("cpu")),
    ):
        pass


def test_a_single_process_needs_no_accelerate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.delenv("WORLD_SIZE", raising=False)

    with join_processes(torch.device("cpu")) as (processes, device):
        assert (processes, device) == (Processes(), torch.device("cpu"))
        train(tiny_config(run__images=4), RunFolder(tmp_path), processes)
