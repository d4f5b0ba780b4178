"""`scripts/train_shipped`: phases in their order, each once, and what a kill leaves."""

import importlib.machinery
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/train_shipped"
DIRECTIONS = {"lite": ("mask", "unmask")}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    loader = importlib.machinery.SourceFileLoader("train_shipped", str(SCRIPT))
    spec = importlib.util.spec_from_loader("train_shipped", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "train_shipped", module)
    loader.exec_module(module)
    return module


class Trainer:
    """Takes the place of facemask-train: notes each command, and leaves the files it would."""

    def __init__(self, run: Path, stopped: type[Exception]) -> None:
        self.run, self.stopped = run, stopped
        self.called: list[list[str]] = []
        self.killed_in = ""

    def __call__(self, *arguments: object) -> None:
        texts = [str(each) for each in arguments]
        self.called.append(texts)
        if texts[0] == "fit":
            self.fit(texts)
        elif "--pairs-only" in texts:
            path = self.run / "styled/crops/train-pairs.npz"
            path.parent.mkdir(parents=True)
            np.savez(path, names=np.array(["web/1.jpg"]))
        elif texts[0] == "styled-mask":
            (self.run / "styled/mask-styled.safetensors").touch()
        else:
            output = Path(texts[texts.index("-o") + 1])
            output.parent.mkdir(exist_ok=True)
            output.touch()

    def fit(self, texts: list[str]) -> None:
        if "--resume" in texts:
            folder = Path(texts[texts.index("--resume") + 1])
        else:
            folder = Path(texts[texts.index("--run-dir") + 1]) / "00000-run"
        phase = folder.parent.name
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        (folder / "checkpoints/000002.pt").touch()
        if phase == self.killed_in:
            self.killed_in = ""
            raise self.stopped(130)
        (folder / "weights").mkdir()
        for direction in DIRECTIONS.get(phase, ("unmask",)):
            (folder / "weights" / f"{direction}-standard.safetensors").touch()


@pytest.fixture
def trainer(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    made = Trainer(tmp_path / "run", script.Stopped)
    monkeypatch.setattr(script, "call", made)
    monkeypatch.setattr(script.Recipe, "cut", lambda recipe: None)
    return made


@pytest.fixture
def train(script: ModuleType, tmp_path: Path) -> Callable[..., int]:
    def run(*options: str) -> int:
        arguments = [str(tmp_path / "data"), "-o", str(tmp_path / "run"), "--device", "cpu"]
        return int(script.main([*arguments, *options]))

    return run


def test_all_phases_lead_to_every_file_that_ships(
    train: Callable[..., int], trainer: Trainer, tmp_path: Path
) -> None:
    assert train("--budget", "tiny") == 0

    assert {path.stem for path in (tmp_path / "run/weights").iterdir()} == {
        *("landmarks", "mask-classifier", "mask-lite", "mask-standard"),
        *("unmask-lite", "unmask-standard"),
    }
    styles = json.loads((tmp_path / "run/styled/styles.json").read_text())
    assert styles == {"surgical": ["web/1.jpg"]}
    starts = [t for t in trainer.called if any("start.unmask=" in each for each in t)]
    assert len(starts) == 2
    n_called = len(trainer.called)
    assert train("--budget", "tiny") == 0
    assert len(trainer.called) == n_called


def test_a_killed_training_goes_on_from_its_checkpoint(
    train: Callable[..., int], trainer: Trainer, tmp_path: Path
) -> None:
    trainer.killed_in = "unmask-256-plain"

    assert train("--budget", "tiny") == 130

    before = len(trainer.called)
    assert train("--budget", "tiny") == 0
    first, *others = trainer.called[before:]
    assert first[:2] == ["fit", "--resume"]
    assert first[2].endswith("unmask-256-plain/00000-run")
    assert all("landmarks" not in each[0] for each in others)


def test_a_training_killed_before_its_first_checkpoint_begins_anew(
    train: Callable[..., int], trainer: Trainer, tmp_path: Path
) -> None:
    (tmp_path / "run/unmask-128/00000-cpu-128/checkpoints").mkdir(parents=True)

    assert train("--budget", "tiny") == 0

    fits = [each for each in trainer.called if each[0] == "fit"]
    assert all("--resume" not in each for each in fits)
    assert len(list((tmp_path / "run/unmask-128").iterdir())) == 1


def test_a_run_of_another_budget_is_refused(
    train: Callable[..., int], trainer: Trainer, capsys: pytest.CaptureFixture[str]
) -> None:
    train("--budget", "tiny")

    with pytest.raises(SystemExit, match="2"):
        train("--budget", "full")

    assert "was begun with another budget; name another folder" in capsys.readouterr().err
