"""`scripts/bench_flicker.py`: which conversions flicker more than their source."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from facemask_video.core.direction import Direction
from facemask_video.core.faces import TrackedFace, TrackId
from facemask_video.core.geometry import Box
from trainers.evaluate.temporal import ClipFaces, FramePair

ROOT = Path(__file__).parents[3]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    path = ROOT / "scripts/bench_flicker.py"
    spec = importlib.util.spec_from_file_location("bench_flicker", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bench_flicker", module)
    spec.loader.exec_module(module)
    return module


def _moments(track: int, of_source: float, of_output: float, n: int) -> list[FramePair]:
    """Grey source and light output, each trembling by so many levels between frames."""
    face = TrackedFace(TrackId(track), Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 1.0, True)
    return [
        FramePair(
            index,
            face,
            np.full((16, 16, 3), 90 + of_source * (index % 2), np.uint8),
            np.full((16, 16, 3), 180 + of_output * (index % 2), np.uint8),
        )
        for index in range(n)
    ]


def test_a_clip_is_all_its_faces_and_the_worst_of_them_is_named(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = ClipFaces(
        {TrackId(1): _moments(1, 4, 4, 4), TrackId(2): _moments(2, 2, 6, 2)}, n_frames=4
    )
    monkeypatch.setattr(script, "read_clip", lambda *_: faces)

    found = script.measure(Path("a"), Path("b"), Path("c"))

    assert found.n == 4
    assert found.source == pytest.approx((3 * 4 + 2) / 4)
    assert found.ratio == pytest.approx((3 * 4 + 6) / (3 * 4 + 2))
    assert found.worst == (TrackId(2), pytest.approx(3))


def test_a_clip_whose_faces_were_left_alone_has_no_ratio(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "read_clip", lambda *_: ClipFaces({}, n_frames=4))

    found = script.measure(Path("a"), Path("b"), Path("c"))

    assert found is None
    assert "no face changed" in script.line(Path("a.mp4"), Direction.MASK, found)


@pytest.mark.parametrize(("goal", "code"), [("1.3", 1), ("1.6", 0)])
def test_a_ratio_above_the_goal_fails(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    goal: str,
    code: int,
) -> None:
    (tmp_path / "clip.mp4").touch()
    found = script.Flicker(2.0, 3.0, 9, (0, 1.5))
    monkeypatch.setattr(script, "convert_and_measure", lambda *_: found)

    assert script.main([str(tmp_path), "--goal", goal, "--direction", "mask"]) == code

    assert "| clip.mp4 | mask | 2.00 | 3.00 | 1.50 | 9 | track 0: 1.50 |" in capsys.readouterr().out
