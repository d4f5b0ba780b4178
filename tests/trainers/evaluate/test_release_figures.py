"""`scripts/release_figures`: what README states, from what its steps left."""

import importlib.machinery
import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest

from trainers.evaluate.measurement import Context, Measurement
from trainers.evaluate.report import Report
from trainers.evaluate.whole_tracks import TracksOfClip

SCRIPT = Path(__file__).parents[3] / "scripts/release_figures"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    loader = importlib.machinery.SourceFileLoader("release_figures", str(SCRIPT))
    spec = importlib.util.spec_from_loader("release_figures", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "release_figures", module)
    loader.exec_module(module)
    return module


def report() -> dict[str, object]:
    context = Context("mask/held-out", "12 faces", "classifier", 1)
    real_or_fake = Measurement(
        "real_or_fake_accuracy", 0.8, "lower", 24, context, interval=(0.7, 0.875)
    )
    judged = Measurement("classed_masked", 0.99, "higher", 12, context, standard_error=0.006)
    fit = Context("mask/fit", "12 faces", "landmarks", 1)
    nose = Measurement("covers_nose", 1.0, "higher", 12, fit, standard_error=0.0)
    return dict(json.loads(Report((real_or_fake, judged, nose)).to_json()))


def clip(direction: str, n_in_domain: int) -> dict[str, object]:
    row = TracksOfClip("a.mp4", direction, 20, 40, n_in_domain, 2, 1, 1, {}, 0, 0, 40, 2.0, 3.0)
    return asdict(row)


def run(script: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["release_figures", *arguments])
    return int(script.main())


def test_each_step_is_done_once_and_the_table_holds_what_is_there(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def mask(asked: object) -> dict[str, object]:
        done.append("mask")
        return report()

    def clips(asked: object) -> dict[str, object]:
        done.append("clips")
        return {"max_frames": 20, "clips": [clip("mask", 40), clip("unmask", 39)]}

    monkeypatch.setattr(script, "STEPS", {"mask": mask, "clips": clips})
    for steps in ("mask", "mask,clips"):
        assert run(script, monkeypatch, "data", "-o", str(tmp_path), "--steps", steps) == 0

    assert done == ["mask", "clips"]
    lines = (tmp_path / "figures.md").read_text().splitlines()
    assert lines[0] == "| what (test) | n | figure |"
    assert "| `mask`, every style: outputs judged masked | 12 | 99.0 ± 0.6 % |" in lines
    assert "| `mask`: noses covered | 12 | 12 of 12 |" in lines
    assert any(line.endswith("| 24 | 80.0 % (70.0 to 87.5) |") for line in lines)
    assert lines[-1].endswith("| 40 | 97.5% / 1 of 2 / 2.50 / 1.50 |")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["split"] == "test"
    assert set(figures) == {"version", "split", "mask", "clips"}


def test_an_unknown_step_is_one_line(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(script, monkeypatch, "data", "-o", "out", "--steps", "masks")

    assert "no step masks; there are mask, unmask, clips" in capsys.readouterr().err
