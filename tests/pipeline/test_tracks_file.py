"""Choose faces, render from a sidecar, track alone and draw an overlay, on a real clip."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facemask_video.config import (
    CompositeConfig,
    ConvertConfig,
    OutputConfig,
    RangeConfig,
    ReplayConfig,
    SelectConfig,
    TracksConfig,
    TracksOutputConfig,
    TranslateConfig,
    VideoConfig,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import TracksError, VideoWriteError
from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.load_networks import Finder, Networks
from facemask_video.pipeline.report import ConversionReport, TrackingReport
from facemask_video.pipeline.track import track_video
from facemask_video.track import Sidecar
from facemask_video.verify import verify
from facemask_video.video import NativeFrame, VideoReader, probe
from tests.fakes import ScriptedClassifier, ScriptedDetector, detection_at, fake_networks

_SAMPLE = Path(__file__).parents[2] / "samples" / "astronaut_vfr.mp4"
_WHOLE = Box(0, 0, 640, 360)
_END_S = 0.4


@pytest.fixture
def source() -> Path:
    if not _SAMPLE.is_file():
        pytest.skip(f"{_SAMPLE.name} is not there; scripts/make_samples.py makes it")
    return _SAMPLE


class _Blind:
    """A detector that must not be asked."""

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        raise AssertionError("looked for faces")


def _networks(classifier: ScriptedClassifier | None = None) -> Networks:
    """Return fakes that see a large face on the left and a small one on the right."""
    faces = [detection_at(200, 180, 120), detection_at(460, 180, 60)]
    return fake_networks(ScriptedDetector(faces, frame_width_px=640), classifier=classifier)


def _replaying(classifier: ScriptedClassifier | None = None) -> Networks:
    return dataclasses.replace(_networks(classifier), finder=Finder(_Blind(), 640))


def _config(**parts: object) -> ConvertConfig:
    config = ConvertConfig(
        Direction.MASK,
        video=VideoConfig(encoder="ffv1", end_s=_END_S),
        composite=CompositeConfig(color="none"),
    )
    return dataclasses.replace(config, **parts)  # type: ignore[arg-type]


def _track(
    source: Path, target: Path, classifier: ScriptedClassifier | None = None
) -> TrackingReport:
    config = TracksConfig(video=RangeConfig(end_s=_END_S))
    return track_video(source, target, config, finder=_networks().finder, classifier=classifier)


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change each face of a sidecar."""
    header, *lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for line in lines:
        for face in line["faces"]:
            change(face)
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, *lines]), "utf-8")


def _changed(source: Path, out: Path) -> list[tuple[bool, bool]]:
    """Return of each frame whether its left and its right half differ from the source's."""

    def halves(one: NativeFrame, two: NativeFrame) -> tuple[bool, bool]:
        differ = (one.read_region(_WHOLE) != two.read_region(_WHOLE)).any(axis=(0, 2))
        return bool(differ[:320].any()), bool(differ[320:].any())

    with VideoReader(source, end_s=_END_S) as first, VideoReader(out) as second:
        return [halves(one, two) for one, two in zip(first, second, strict=True)]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (SelectConfig(), (True, True)),
        (SelectConfig(faces="largest"), (True, False)),
        (SelectConfig(max_faces=1), (True, False)),
        (SelectConfig(faces="track:1"), (False, True)),
        (SelectConfig(faces="track:7"), (False, False)),
    ],
    ids=["all", "largest", "one at most", "by number", "nobody"],
)
def test_only_the_chosen_faces_change(
    source: Path, tmp_path: Path, select: SelectConfig, expected: tuple[bool, bool]
) -> None:
    out = tmp_path / "out.mkv"

    convert(source, out, _config(select=select), networks=_networks())

    assert set(_changed(source, out)) == {expected}


def test_tracking_alone_writes_what_a_conversion_would(source: Path, tmp_path: Path) -> None:
    alone, beside = tmp_path / "alone.jsonl", tmp_path / "beside.jsonl"

    report = _track(source, alone)
    convert(
        source,
        tmp_path / "out.mkv",
        _config(output=OutputConfig(tracks_out=beside)),
        networks=_networks(),
    )

    assert Sidecar(alone).source == Sidecar(beside).source
    assert (Sidecar(alone).direction, Sidecar(beside).direction) == (None, "mask")
    _edit(beside, lambda face: face.update(region=None))
    # Nothing was decided about anybody, as no classifier was asked.
    assert alone.read_text("utf-8").splitlines()[1:] == beside.read_text("utf-8").splitlines()[1:]
    assert report.closing_line().startswith(
        f"{report.frames} frames, {2 * report.frames} faces (2 tracks, "
    )


def test_the_classifier_is_asked_for_domains_when_tracking(source: Path, tmp_path: Path) -> None:
    tracks = tmp_path / "tracks.jsonl"

    report = _track(source, tracks, ScriptedClassifier([0.9, 0.1] * 50))

    said = {
        (entry.face.track_id.person, entry.domain, entry.translated)
        for line in Sidecar(tracks)
        for entry in line.faces
    }
    assert said == {(0, "masked", None), (1, "bare", None)}
    assert "(2 tracks, " in report.closing_line()
    assert ", 1 bare, 1 masked; " in report.closing_line()


def test_tracking_tells_of_every_frame_and_spares_existing_files(
    source: Path, tmp_path: Path
) -> None:
    progress: list[int] = []
    target = tmp_path / "tracks.jsonl"
    config = TracksConfig(video=RangeConfig(end_s=_END_S))
    finder = _networks().finder

    report = track_video(
        source, target, config, finder=finder, on_progress=lambda done, _: progress.append(done)
    )

    assert progress == list(range(1, report.frames + 1))
    with pytest.raises(VideoWriteError, match="pass --overwrite"):
        track_video(source, target, config, finder=finder)
    again = dataclasses.replace(config, output=TracksOutputConfig(overwrite=True))
    with pytest.raises(VideoWriteError, match="is the input"):
        track_video(source, source, again, finder=finder)


def _render(
    source: Path,
    tracks: Path,
    out: Path,
    classifier: ScriptedClassifier | None = None,
    **parts: object,
) -> ConversionReport:
    config = _config(replay=ReplayConfig(tracks), **parts)
    return convert(source, out, config, networks=_replaying(classifier))


def test_a_conversion_from_tracks_looks_for_nothing_and_is_the_same(
    source: Path, tmp_path: Path
) -> None:
    tracks, first, second = (tmp_path / name for name in ("t.jsonl", "first.mkv", "second.mkv"))
    config = _config(output=OutputConfig(tracks_out=tracks))

    convert(source, first, config, networks=_networks())
    report = _render(source, tracks, second)

    assert "detect" not in report.seconds
    assert report.tracks == 2
    with VideoReader(first) as one, VideoReader(second) as two:
        for before, after in zip(one, two, strict=True):
            worst = np.abs(before.read_region(_WHOLE).astype(int) - after.read_region(_WHOLE)).max()
            # The file keeps a thousandth of a px, and RGB is read through rounded chroma.
            assert worst <= 4


def test_where_nothing_is_found_only_who_looked_says_what_was_too_small(
    source: Path, tmp_path: Path
) -> None:
    tracks, out = tmp_path / "t.jsonl", tmp_path / "out.mkv"
    config = TracksConfig(video=RangeConfig(end_s=_END_S))
    nobody = fake_networks(ScriptedDetector([], frame_width_px=640)).finder

    tracked = track_video(source, tracks, config, finder=nobody)
    rendered = _render(source, tracks, out)

    assert ", no face found (--min-face 35); " in tracked.closing_line()
    assert (
        ", no face found, so the pictures are the source's, encoded anew; "
        in rendered.closing_line()
    )


def test_edited_decisions_are_obeyed_whatever_the_classifier_says(
    source: Path, tmp_path: Path
) -> None:
    tracks, out = tmp_path / "t.jsonl", tmp_path / "out.mkv"
    _track(source, tracks, ScriptedClassifier([0.9, 0.1] * 50))
    # Masking works on bare faces: left to itself it would take the right one only.
    _render(source, tracks, out, ScriptedClassifier([0.9]))
    assert set(_changed(source, out)) == {(False, True)}

    _edit(tracks, lambda face: face.update(translated=face["track"] == 0))
    again = OutputConfig(overwrite=True)
    report = _render(source, tracks, out, ScriptedClassifier([0.9]), output=again)

    assert set(_changed(source, out)) == {(True, False)}
    assert report.faces_left_alone == {"tracks file": 7}
    assert "7 left alone (1 track) as the tracks file says" in report.closing_line()


def test_a_face_without_a_decision_is_left_to_the_classifier(source: Path, tmp_path: Path) -> None:
    tracks, out, written = (tmp_path / name for name in ("t.jsonl", "out.mkv", "w.jsonl"))
    _track(source, tracks)
    _edit(tracks, lambda face: face.update(translated=True) if face["track"] == 1 else None)
    classifier = ScriptedClassifier([0.9])

    report = _render(source, tracks, out, classifier, output=OutputConfig(tracks_out=written))

    assert set(_changed(source, out)) == {(False, True)}
    # The vote is cast by one person's frames.
    assert classifier.asked == min(report.frames, 13)
    said = {
        (entry.face.track_id.person, entry.domain, entry.translated)
        for line in Sidecar(written)
        for entry in line.faces
    }
    assert said == {(0, "masked", False), (1, None, True)}


@pytest.mark.parametrize("scores", [None, [0.1, 0.9] * 50], ids=["no classifier", "classifier"])
def test_what_was_decided_for_one_direction_forces_nothing_in_the_other(
    source: Path, tmp_path: Path, scores: list[float] | None
) -> None:
    tracks, out = tmp_path / "t.jsonl", tmp_path / "out.mkv"
    classifier = None if scores is None else ScriptedClassifier(scores)
    config = _config(output=OutputConfig(tracks_out=tracks))
    convert(source, tmp_path / "masked.mkv", config, networks=_networks(classifier))

    _render(source, tracks, out, ScriptedClassifier([0.1, 0.9] * 50), direction=Direction.UNMASK)

    # The right one is masked.
    assert set(_changed(source, out)) == {(False, True)}


def test_without_the_classifier_only_translated_counts(source: Path, tmp_path: Path) -> None:
    tracks, out = tmp_path / "t.jsonl", tmp_path / "out.mkv"
    _track(source, tracks, ScriptedClassifier([0.9, 0.1] * 50))

    _render(source, tracks, out, translate=TranslateConfig(classifier="off"))

    assert set(_changed(source, out)) == {(True, True)}


def test_a_part_of_what_was_tracked_can_be_rendered(source: Path, tmp_path: Path) -> None:
    tracks, out = tmp_path / "t.jsonl", tmp_path / "out.mkv"
    _track(source, tracks)

    video = VideoConfig(encoder="ffv1", start_s=0.1, end_s=0.3)
    report = _render(source, tracks, out, video=video)

    assert 0 < report.frames < len(list(Sidecar(tracks)))
    assert report.faces == 2 * report.frames


def _of_another_file(lines: list[str]) -> list[str]:
    header = json.loads(lines[0])
    header["source"]["sha256"] = "0" * 64
    return [json.dumps(header), *lines[1:]]


@pytest.mark.parametrize(
    ("damage", "end_s", "reason"),
    [
        (_of_another_file, _END_S, r"the tracks belong to astronaut_vfr\.mp4 \(sha256 000"),
        (lambda lines: lines, None, r"a part of the video only; pass --start 0 --end 0\.4"),
        (lambda lines: lines[:3] + lines[4:], _END_S, "frame 3 stands where frame 2 belongs"),
        (lambda lines: lines[:-2], _END_S, "the tracks file ends"),
        (lambda lines: [*lines[:4], "{"], _END_S, "is not JSON"),
        (lambda lines: lines[1:], _END_S, "line 1: got format None"),
        (lambda _lines: [], _END_S, "the file is empty"),
    ],
    ids=["file", "range", "line missing", "end missing", "damaged", "no header", "empty"],
)
def test_tracks_that_do_not_fit_are_refused_and_nothing_is_written(
    source: Path,
    tmp_path: Path,
    damage: Callable[[list[str]], list[str]],
    end_s: float | None,
    reason: str,
) -> None:
    tracks = tmp_path / "t.jsonl"
    _track(source, tracks)
    lines = damage(tracks.read_text("utf-8").splitlines())
    tracks.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    video = VideoConfig(encoder="ffv1", end_s=end_s)

    with pytest.raises(TracksError, match=reason) as caught:
        _render(source, tracks, tmp_path / "out.mkv", video=video)

    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [tracks]


def test_tracks_are_not_written_over_those_being_read(source: Path, tmp_path: Path) -> None:
    tracks = tmp_path / "t.jsonl"
    _track(source, tracks)
    output = OutputConfig(tracks_out=tracks, overwrite=True)

    with pytest.raises(VideoWriteError, match=r"t\.jsonl: is the input"):
        _render(source, tracks, tmp_path / "out.mkv", output=output)


def test_the_overlay_is_drawn_on_the_result_only_and_said_to_be(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mkv"
    output = OutputConfig(debug_overlay=True, layout="side-by-side")

    report = convert(
        source, out, _config(output=output), networks=_networks(ScriptedClassifier([0.9, 0.1] * 50))
    )

    assert any("debug overlay" in note for note in report.notes)
    assert "draw" in report.seconds
    with VideoReader(source, end_s=_END_S) as first, VideoReader(out) as second:
        for before, after in zip(first, second, strict=True):
            left = Box(0, 0, 636, 360)
            np.testing.assert_array_equal(before.read_region(left), after.read_region(left))
            face = Box(640 + 130, 100, 640 + 270, 260)
            inner = Box(640 + 145, 125, 640 + 255, 235)
            # The classifier left the first face alone, so all that is new there are lines.
            drawn = before.read_region(_shifted(face)) != after.read_region(face)
            assert drawn.any()
            kept = before.read_region(_shifted(inner)) == after.read_region(inner)
            assert kept.all(axis=2).mean() > 0.5


def _shifted(box: Box) -> Box:
    return Box(box.x0 - 640, box.y0, box.x1 - 640, box.y1)


def test_verify_tells_a_drawn_output_from_an_exact_one(source: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.mkv"
    config = _config(output=OutputConfig())
    convert(source, short, config, networks=fake_networks(ScriptedDetector([], 640)))
    assert probe(short).width_px == 640

    def is_exact(name: str, *, drawn: bool) -> bool:
        out, tracks = tmp_path / f"{name}.mkv", tmp_path / f"{name}.jsonl"
        output = OutputConfig(debug_overlay=drawn, tracks_out=tracks)
        whole = _config(output=output, video=VideoConfig(encoder="ffv1"))
        convert(short, out, whole, networks=_networks(ScriptedClassifier([0.9])))
        return verify(short, out, tracks=tracks).ok

    assert is_exact("plain", drawn=False)
    assert not is_exact("drawn", drawn=True)
