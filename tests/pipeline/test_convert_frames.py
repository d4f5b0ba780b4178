"""A folder of numbered pictures is a clip: followed over time, written as frames or as a video."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facemask_video.config import (
    CompositeConfig,
    ConvertConfig,
    DetectConfig,
    OutputConfig,
    SourceConfig,
    VideoConfig,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, VideoReadError, VideoWriteError
from facemask_video.pipeline import resume
from facemask_video.pipeline.frames import convert_frames
from facemask_video.pipeline.load_networks import Networks
from facemask_video.pipeline.plan import make_plan
from facemask_video.pipeline.report import ConversionReport
from facemask_video.track.sidecar import Sidecar
from facemask_video.verify import verify
from facemask_video.video import VideoReader, probe
from tests.fakes import ScriptedDetector, detection_at, fake_networks
from tests.stills.drawn import encoded, photograph

_COUNT = 12


def _frames(folder: Path, suffix: str = ".jpg") -> Path:
    """Write frames of a picture that moves, numbered from 8 so that names sort otherwise."""
    folder.mkdir()
    picture = photograph(120, 80)
    for index in range(_COUNT):
        moved = np.ascontiguousarray(picture[:, index : index + 96])
        kind = {".jpg": "JPEG", ".png": "PNG"}[suffix]
        (folder / f"shot2_{index + 8}{suffix}").write_bytes(encoded(moved, kind))
    return folder


def _config(**parts: Any) -> ConvertConfig:
    return ConvertConfig(
        Direction.MASK,
        detect=DetectConfig(min_face_px=20, every=1),
        composite=CompositeConfig(color="none"),
        source=SourceConfig(frames="30000/1001"),
        video=VideoConfig(**parts.pop("video", {})),
        output=OutputConfig(**parts),
    )


def _convert(source: Path, target: Path, *, faces: int = 1, **parts: Any) -> ConversionReport:
    networks = fake_networks(ScriptedDetector([detection_at(50, 42, 24)][:faces], 96))
    return convert_frames(source, target, _config(**parts), networks=networks)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_frames_are_followed_and_written_under_their_names(suffix: str, tmp_path: Path) -> None:
    source, target = _frames(tmp_path / "in", suffix), tmp_path / "out"
    tracks = tmp_path / "tracks.jsonl"

    report = _convert(source, target, tracks_out=tracks)

    assert (report.frames, report.faces_changed, report.tracks) == (_COUNT, _COUNT, 1)
    assert sorted(p.name for p in target.iterdir()) == sorted(p.name for p in source.iterdir())
    assert {face.face.track_id.number for line in Sidecar(tracks) for face in line.faces} == {0}
    checked = verify(source, target, tracks=tracks)
    assert [row for row in checked.rows if not row.ok] == []
    assert {"samples outside the regions", "tracks"} <= {row.name for row in checked.rows}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out", "tracks.jsonl"]


def test_what_the_generator_notes_is_in_the_report(tmp_path: Path) -> None:
    networks = fake_networks(ScriptedDetector([detection_at(50, 42, 24)], 96))
    networks.translator.notes = ("a batch was halved",)  # type: ignore[misc]

    report = convert_frames(
        _frames(tmp_path / "in"), tmp_path / "out", _config(), networks=networks
    )

    assert "a batch was halved" in report.notes


def test_verify_names_the_frame_that_differs(tmp_path: Path) -> None:
    source, target = _frames(tmp_path / "in", ".png"), tmp_path / "out"
    tracks = tmp_path / "tracks.jsonl"
    _convert(source, target, tracks_out=tracks)
    spoilt = target / "shot2_9.png"
    picture = np.array(Image.open(spoilt))
    picture[0, 0] ^= 255
    Image.fromarray(picture).save(spoilt)

    (row,) = [row for row in verify(source, target, tracks=tracks).rows if not row.ok]

    assert row.name == "samples outside the regions"
    assert "shot2_9.png" in row.found


def test_a_range_of_frames_is_read(tmp_path: Path) -> None:
    source, target = _frames(tmp_path / "in"), tmp_path / "out"

    tracks = tmp_path / "tracks.jsonl"

    report = _convert(source, target, video={"start_s": 0.1, "end_s": 0.2}, tracks_out=tracks)

    # 0.1 s is after number 2, 0.2 s before number 6, counted from 0.
    assert report.frames == 3
    assert sorted(p.name for p in target.iterdir()) == [f"shot2_{n}.jpg" for n in (11, 12, 13)]
    assert verify(source, target, tracks=tracks).ok


@pytest.mark.parametrize("target", ["out", "out.mkv"])
def test_random_styles_go_by_the_folders_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """The clip that a video is made by has the number of the process in its name."""
    names: list[str] = []

    def for_source(networks: Networks, name: str) -> Networks:
        names.append(name)
        return networks

    monkeypatch.setattr(Networks, "for_source", for_source)

    _convert(_frames(tmp_path / "in"), tmp_path / target)

    assert names == ["in"]


def test_a_folder_called_as_a_pattern_is_not_taken_for_one(tmp_path: Path) -> None:
    """To FFmpeg take%d stands for take0, take1 and so on, whose files would be opened."""
    source = _frames(tmp_path / "take%d", ".png")
    (tmp_path / "take0").mkdir()
    for file in source.iterdir():
        (tmp_path / "take0" / file.name).write_bytes(b"none of the pictures that were named")

    report = _convert(source, tmp_path / "out.mkv", video={"encoder": "ffv1"})

    assert report.frames == _COUNT


def test_frames_become_a_video_of_their_rate(tmp_path: Path) -> None:
    source, target = _frames(tmp_path / "in"), tmp_path / "out.mkv"

    report = _convert(source, target, video={"encoder": "ffv1"})

    assert report.frames == _COUNT
    assert report.input["path"] == str(source)
    assert abs(float(probe(target).frame_rate or 0) - 30000 / 1001) < 0.01
    with VideoReader(target) as reader:
        assert len(list(reader)) == _COUNT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.mkv"]


def test_an_interrupted_video_of_frames_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "SEGMENT_FRAMES", 4)
    source, out = _frames(tmp_path / "in"), tmp_path / "out.mkv"
    networks = fake_networks(ScriptedDetector([detection_at(50, 42, 24)], 96))
    config = _config(resume=True, video={"encoder": "ffv1"})

    def interrupt(done: int, _total: int | None) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_frames(source, out, config, networks=networks, on_progress=interrupt)
    report = convert_frames(source, out, config, networks=networks)

    assert "went on after 8 frames of an earlier run" in report.notes
    with VideoReader(out) as reader:
        assert sum(1 for _ in reader) == _COUNT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.mkv"]


def test_frames_without_a_face_are_copied(tmp_path: Path) -> None:
    source, target = _frames(tmp_path / "in"), tmp_path / "out"

    report = _convert(source, target, faces=0)

    for file in source.iterdir():
        assert (target / file.name).read_bytes() == file.read_bytes()
    assert report.output["pictures"] == "copied"


def test_a_folder_that_is_no_clip_is_refused(tmp_path: Path) -> None:
    source = _frames(tmp_path / "in")
    (source / "cover.jpg").write_bytes((source / "shot2_9.jpg").read_bytes())
    with pytest.raises(VideoReadError, match=r"cover\.jpg: has no number"):
        _convert(source, tmp_path / "out")
    (source / "cover.jpg").rename(source / "other_9.jpg")
    with pytest.raises(VideoReadError, match="same number"):
        _convert(source, tmp_path / "out")
    (source / "other_9.jpg").unlink()
    (source / "shot2_30.jpg").write_bytes(encoded(photograph(50, 40), "JPEG"))
    with pytest.raises(VideoReadError, match=r"shot2_30\.jpg: is 1 picture of 50x40 px"):
        _convert(source, tmp_path / "out")
    (source / "shot2_30.jpg").unlink()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    with pytest.raises(VideoWriteError, match="holds files"):
        _convert(source, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(VideoReadError, match="holds no pictures"):
        _convert(tmp_path / "empty", tmp_path / "out")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_gap_in_the_numbers_is_said(tmp_path: Path) -> None:
    source = _frames(tmp_path / "in")
    (source / "shot2_10.jpg").unlink()
    (source / "notes.txt").write_text("x")

    report = _convert(source, tmp_path / "out")

    assert any("after number 9 comes 11" in note for note in report.notes)
    assert any("1 file" in note for note in report.notes)


def test_a_plan_names_what_has_no_part(tmp_path: Path) -> None:
    source = _frames(tmp_path / "in")

    plan = make_plan(source, None, _config())

    assert plan.target == tmp_path / "in_masked"
    assert "29.97 fps" in plan.text()
    assert (
        make_plan(source, tmp_path / "o.mp4", _config(video={"crf": 20})).info.is_picture is False
    )
    with pytest.raises(ConfigError, match="--crf is for videos"):
        make_plan(source, None, _config(video={"crf": 20}))
    with pytest.raises(ConfigError, match="--resume goes on within a video"):
        make_plan(source, tmp_path / "out", _config(resume=True))
    with pytest.raises(ConfigError, match="--frames is for a folder"):
        make_plan(source / "shot2_9.mp4", None, _config())
