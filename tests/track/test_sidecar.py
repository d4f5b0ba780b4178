from pathlib import Path

import numpy as np
import pytest

from facemask_video.core.errors import TracksError
from facemask_video.core.faces import TrackedFace, TrackId
from facemask_video.core.geometry import Box
from facemask_video.track.sidecar import Sidecar, SidecarFace, SidecarWriter
from tests.track.drawn import Place, TimedFrame, detection


def face(part: int = 0) -> SidecarFace:
    found = detection(Place(50.125, 60, 40, 0.1))
    tracked = TrackedFace(TrackId(3, part), found.box, found.landmarks, 0.97, observed=False)
    return SidecarFace(tracked, Box(10, 20, 90, 100))


def write(path: Path) -> None:
    with SidecarWriter(path, source={"frames": 2}) as sidecar:
        sidecar.write(TimedFrame(0, 0.0), [face()])
        sidecar.write(TimedFrame(1, 0.04), [])
        sidecar.finish()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "t.jsonl")
    sidecar = Sidecar(tmp_path / "t.jsonl")
    first, second = sidecar
    assert sidecar.source == {"frames": 2}
    assert (first.frame, second.frame, second.pts) == (0, 1, 3600)
    assert second.faces == ()
    (got,) = first.faces
    assert got.region == Box(10, 20, 90, 100)
    assert (got.face.track_id, got.face.observed, got.face.score) == (TrackId(3), False, 0.97)
    np.testing.assert_allclose(got.face.landmarks, face().face.landmarks, atol=1e-3)


def test_a_part_of_a_track_is_written_as_one_number(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    with SidecarWriter(path, source={}) as sidecar:
        sidecar.write(TimedFrame(0, 0.0), [face(part=2)])
        sidecar.finish()

    assert '"track": 200003, ' in path.read_text()
    (line,) = Sidecar(path)
    assert line.faces[0].face.track_id == TrackId(3, part=2)


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), SidecarWriter(tmp_path / "t.jsonl", source={}):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("hello\n", "not JSON lines"),
        ('{"format": "other"}\n', "expected 'facemask-tracks/1'"),
        ('{"format": "facemask-tracks/1"}\n{"frame": 0, "pts": 0}\n', "line 2"),
        ('{"format": "facemask-tracks/1"}\n[1]\n', "line 2"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    with pytest.raises(TracksError, match=says):
        list(Sidecar(path))


def test_a_labels_place_is_one_of_the_regions(tmp_path: Path) -> None:
    path, label = tmp_path / "t.jsonl", Box(8, 94, 86, 114)
    with SidecarWriter(path, source={}) as sidecar:
        sidecar.write(TimedFrame(0, 0.0), [face()], label=label)
        sidecar.write(TimedFrame(1, 0.04), [face()])
        sidecar.finish()

    labelled, plain = Sidecar(path)
    assert (labelled.label, plain.label) == (label, None)
    assert labelled.regions == (Box(10, 20, 90, 100), label)
    assert plain.regions == (Box(10, 20, 90, 100),)
