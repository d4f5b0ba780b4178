import json
import shutil
import sys
from pathlib import Path

import pytest

from facemask_video.benchmark import measure
from facemask_video.core.errors import FacemaskVideoError
from tests.cli.conftest import Run


@pytest.fixture
def _short_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start Python and nothing else where the whole program would be, which takes seconds."""
    monkeypatch.setattr(measure, "_command", lambda *_: [sys.executable, "-c", "pass"])
    monkeypatch.setattr(shutil, "which", lambda name: None)


@pytest.mark.usefixtures("_short_processes")
def test_a_clip_is_measured_beside_what_cannot_be_spared(run: Run, short_clip: Path) -> None:
    result = run("benchmark", short_clip, "--runs", 2, "--preset", "ultrafast", "--json")

    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    (clip,) = said["clips"]
    assert (clip["width_px"], clip["height_px"], clip["faces"]) == (640, 360, clip["frames"])
    costs = clip["costs"]
    assert set(costs) == {"plain", "networks", "warm", "process"}
    assert all(cost["cpu_s"] > 0 for cost in costs.values())
    assert costs["process"]["peak_rss_mb"] > 5
    floor_s = costs["plain"]["cpu_s"] + costs["networks"]["cpu_s"]
    assert clip["ratio"] == pytest.approx(costs["warm"]["cpu_s"] / floor_s)
    assert clip["ratio"] > 0.9
    assert said["machine"]["cores_usable"] >= 1


def test_a_process_that_fails_is_an_error() -> None:
    with pytest.raises(FacemaskVideoError, match="failed"):
        measure._of_process([sys.executable, "-c", "raise SystemExit(3)"])
