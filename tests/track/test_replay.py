from pathlib import Path

import pytest

from facemask_video.composite.overlay import overlay
from facemask_video.core.errors import TracksError
from facemask_video.core.faces import TrackedFace, TrackId
from facemask_video.track import (
    ReplayTracks,
    Sidecar,
    SidecarFace,
    SidecarWriter,
    check_source,
    describe_source,
)
from tests.track.drawn import Place, TimedFrame, detection


def face() -> TrackedFace:
    found = detection(Place(60, 60, 40))
    return TrackedFace(TrackId(5), found.box, found.landmarks, 0.97, observed=True)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"not looked into")
    return path


@pytest.fixture
def sidecar(tmp_path: Path, video: Path) -> Sidecar:
    path = tmp_path / "t.jsonl"
    with SidecarWriter(path, source=describe_source(video)) as writer:
        for index in range(5):
            classified = SidecarFace(face(), domain="masked", domain_score=0.75, translated=True)
            writer.write(TimedFrame(index, index / 25), [classified] if index % 2 else [])
        writer.finish()
    return Sidecar(path)


def frames(first: int, past: int) -> list[TimedFrame]:
    return [TimedFrame(index, index / 25) for index in range(first, past)]


def test_frames_get_the_faces_of_their_lines(sidecar: Sidecar) -> None:
    out = list(ReplayTracks(sidecar)(frames(0, 5)))
    assert [[each.track_id.person for each in item.faces] for item in out] == [[], [5], [], [5], []]


def test_a_part_of_the_video_finds_its_lines(sidecar: Sidecar) -> None:
    out = list(ReplayTracks(sidecar, partial=True)(frames(1, 4)))
    assert [len(item.faces) for item in out] == [1, 0, 1]


@pytest.mark.parametrize(("first", "past"), [(0, 4), (0, 6), (1, 5)])
def test_other_frames_are_refused(sidecar: Sidecar, first: int, past: int) -> None:
    with pytest.raises(TracksError, match="belong to another file or range"):
        list(ReplayTracks(sidecar)(frames(first, past)))


def test_another_file_is_refused_by_its_hash(sidecar: Sidecar, video: Path) -> None:
    check_source(sidecar, video)
    video.write_bytes(b"edited since")
    with pytest.raises(TracksError, match=r"belong to clip\.mp4"):
        check_source(sidecar, video)


def test_what_the_mask_classifier_said_is_kept(sidecar: Sidecar) -> None:
    entry = next(line for line in sidecar if line.faces).faces[0]
    assert (entry.domain, entry.domain_score, entry.translated) == ("masked", 0.75, True)


def test_overlay_draws_inside_the_frame_only() -> None:
    outside = detection(Place(500, 60, 40))
    faces = [face(), TrackedFace(TrackId(6), outside.box, outside.landmarks, 0.5, observed=False)]
    (patch,) = overlay(faces, width_px=70, height_px=70)
    assert patch.box.x1 <= 70
    assert patch.box.y1 <= 70
    assert 0 < patch.alpha.mean() < 0.5
