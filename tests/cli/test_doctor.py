import json
from importlib import metadata
from pathlib import Path

import pytest

from facemask_video.core import shipped_weights as shipped
from facemask_video.core.direction import Direction
from facemask_video.core.errors import WeightsError
from tests.cli.conftest import Run


@pytest.fixture
def _all_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "default_weights", lambda direction, quality: weights)


@pytest.mark.usefixtures("_all_weights")
def test_what_a_conversion_needs_is_shown(run: Run) -> None:
    result = run("doctor")

    assert result.exit_code == 0, result.output
    assert metadata.version("torch") in result.stdout
    assert "libx264" in result.stdout
    assert "--precision auto" in result.stdout
    for direction in Direction:
        assert f"weights {direction} standard" in result.stdout
        assert f"weights {direction} fast" in result.stdout
    assert "Everything that a conversion needs is there." in result.stdout


def test_missing_weights_are_a_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(direction: Direction, quality: str) -> Path:
        raise WeightsError(f"no {quality} weights for {direction}; train some.")

    monkeypatch.setattr(shipped, "default_weights", none)

    result = run("doctor", "--json")

    assert result.exit_code == 1
    plain = json.loads(result.stdout)
    assert [(each["quality"], each["path"]) for each in plain["weights"]] == [
        ("standard", None),
        ("fast", None),
    ] * 2
    assert plain["encoders"]["libx264"] is True
    assert plain["packages"]["torch"] == metadata.version("torch")
    assert plain["device"]["auto_precision"] in ("fp32", "bf16", "fp16")
    assert plain["problems"] == [
        "no standard weights for mask; train some.",
        "no standard weights for unmask; train some.",
    ]
