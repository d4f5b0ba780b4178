"""A clip that is converted in ranges comes out as one that is converted alone."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest

from facemask_video.config import (
    CompositeConfig,
    ConvertConfig,
    DetectConfig,
    OutputConfig,
    TrackConfig,
    VideoConfig,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.faces import TrackId, Verdict
from facemask_video.pipeline import painting, resume
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.followed import FollowedFrame
from facemask_video.pipeline.ranges import PaintRange, cut
from facemask_video.pipeline.report import ConversionReport
from facemask_video.pipeline.split import follow, paint_range
from facemask_video.pipeline.work_folder import work_path
from facemask_video.video import VideoReader
from facemask_video.video.compare import digest_streams
from tests.fakes import tracked_at
from tests.pipeline.pixel_networks import BatchPainter, pixel_networks
from tests.synthetic import encode_clip, moving_square_frames

_N_FRAMES = 96
_SEGMENT = 8
_LONGEST_S = 1.0
_EMPTY = {*range(5), *range(21, 24), *range(45, 50), 70}


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (resume, painting):
        monkeypatch.setattr(module, "SEGMENT_FRAMES", _SEGMENT)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clip whose square comes and goes, with uneven times and sound."""
    drawn = moving_square_frames(_N_FRAMES, width_px=160, height_px=120, side_px=44)
    plain = moving_square_frames(1, width_px=160, height_px=120, side_px=0)[0]
    frames = [plain if i in _EMPTY else image for i, image in enumerate(drawn)]
    path = tmp_path_factory.mktemp("split") / "in.mkv"
    pts = [*range(0, 160, 40), *(170 + 33 * i for i in range(_N_FRAMES - 4))]
    return encode_clip(path, frames, pts=pts, time_base=Fraction(1, 1000), audio=True, b_frames=2)


def _config(folder: Path) -> ConvertConfig:
    return ConvertConfig(
        Direction.MASK,
        detect=DetectConfig(every=3, min_face_px=20),
        track=TrackConfig(look_ahead=5, min_track_s=0.0),
        composite=CompositeConfig(temporal=0.6),
        video=VideoConfig(encoder="ffv1"),
        output=OutputConfig(
            resume=True, tracks_out=folder / "tracks.jsonl", label="Synthetic face"
        ),
    )


@pytest.fixture(scope="module")
def alone(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ConversionReport]:
    """Return what one conversion gives that keeps nothing."""
    folder = tmp_path_factory.mktemp("alone")
    config = _config(folder)
    config = dataclasses.replace(config, output=dataclasses.replace(config.output, resume=False))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(painting, "SEGMENT_FRAMES", _SEGMENT)
        return folder, convert(source, folder / "out.mkv", config, networks=pixel_networks())


def _pictures(path: Path) -> list[tuple[int, bytes]]:
    with VideoReader(path) as reader:
        return [
            (frame.pts, b"".join(plane.tobytes() for plane in frame.samples())) for frame in reader
        ]


def _ranges(source: Path, out: Path, config: ConvertConfig) -> tuple[PaintRange, ...]:
    return follow(source, out, config, longest_s=_LONGEST_S, networks=pixel_networks())[0]


def test_ranges_join_to_what_one_conversion_gives(
    source: Path, alone: tuple[Path, ConversionReport], tmp_path: Path
) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    folder, whole = alone

    ranges = _ranges(source, out, config)
    for span in reversed(ranges):
        paint_range(source, out, config, span, networks=pixel_networks())
    networks = pixel_networks()
    report = convert(source, out, config, networks=networks)

    assert len(ranges) >= 3
    assert [span.after for span in ranges] == [*(span.first for span in ranges[1:]), _N_FRAMES]
    assert any(span.begin < span.first for span in ranges), "somebody is in view at a cut"
    assert whole.faces_changed > 60
    assert _pictures(out) == _pictures(folder / "out.mkv")
    sound, sound_alone = (digest_streams(path)[1] for path in (out, folder / "out.mkv"))
    assert (sound.sha256, sound.pts) == (sound_alone.sha256, sound_alone.pts)
    assert (tmp_path / "tracks.jsonl").read_text() == (folder / "tracks.jsonl").read_text()
    assert (report.faces, report.faces_changed) == (whole.faces, whole.faces_changed)
    assert f"96 frames painted in {len(ranges)} ranges at once" in report.notes
    assert isinstance(networks.translator, BatchPainter)
    assert networks.translator.painted == 0, "joining paints nothing"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mkv", "tracks.jsonl"]


def test_what_no_worker_painted_is_painted_when_ranges_are_joined(
    source: Path, alone: tuple[Path, ConversionReport], tmp_path: Path
) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)

    first, missing, *others = _ranges(source, out, config)
    for span in (first, *others):
        paint_range(source, out, config, span, networks=pixel_networks())
    (work_path(out) / "range-000000000-000000008.0123456789ab.part").mkdir()
    assert _ranges(source, out, config) == (missing,), "another call paints what is missing"
    report = convert(source, out, config, networks=pixel_networks())

    assert _pictures(out) == _pictures(alone[0] / "out.mkv")
    assert f"went on after {first.frames} frames of an earlier run" in report.notes
    assert not work_path(out).exists()


def test_ranges_that_were_half_moved_when_the_process_was_killed_are_joined_by_the_next(
    source: Path,
    alone: tuple[Path, ConversionReport],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    for span in _ranges(source, out, config):
        paint_range(source, out, config, span, networks=pixel_networks())
    rename, moved = Path.replace, []

    def killed(path: Path, target: Path) -> Path:
        if path.suffix == ".packets":
            moved.append(path)
            if len(moved) == 5:
                raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            convert(source, out, config, networks=pixel_networks())
    networks = pixel_networks()
    convert(source, out, config, networks=networks)

    assert _pictures(out) == _pictures(alone[0] / "out.mkv")
    assert isinstance(networks.translator, BatchPainter)
    assert networks.translator.painted == 0


def test_a_clip_that_is_short_or_never_without_the_same_person_stays_whole(
    source: Path, tmp_path: Path
) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    networks = pixel_networks()
    assert follow(source, out, config, longest_s=60, networks=networks) == ((), None)
    assert not work_path(out).exists()

    still = encode_clip(tmp_path / "still.mkv", moving_square_frames(
        64, width_px=160, height_px=120, side_px=44
    ))  # fmt: skip
    ranges, why = follow(still, out, config, longest_s=0.7, networks=networks)
    assert ranges == ()
    assert why is not None
    assert "always somebody in view" in why


def test_a_source_that_reads_otherwise_the_second_time_is_refused(
    source: Path, tmp_path: Path
) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    span = _ranges(source, out, config)[1]
    record = work_path(out) / "followed.jsonl"
    lines = record.read_text().splitlines()
    pts, seen, faces = lines[span.first].split(",", 2)
    lines[span.first] = f"{pts},{int(seen) ^ 1},{faces}"
    record.write_text("\n".join(lines) + "\n")

    with pytest.raises(VideoReadError, match=f"frame {span.first} reads otherwise"):
        paint_range(source, out, config, span, networks=pixel_networks())
    assert not list(work_path(out).glob("range-*"))


def test_a_worker_with_other_weights_is_refused(source: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    span = _ranges(source, out, config)[0]
    others = dataclasses.replace(pixel_networks(), weights={"sha256": "1" * 64})

    with pytest.raises(VideoWriteError, match="would write something else"):
        paint_range(source, out, config, span, networks=others)


def test_a_cut_is_made_where_least_is_painted_twice() -> None:
    config = ConvertConfig(Direction.UNMASK)

    def frame(index: int) -> FollowedFrame:
        # One walks by from 130 to 280; another, bare at first, is in view from 400 to 640.
        faces = [tracked_at(50, 50, 40)] if 130 <= index < 280 else []
        if 400 <= index < 640:
            bare = Verdict("bare", 0.9, translate=False)
            masked = Verdict("masked", 0.9, translate=True)
            verdict = bare if index < 450 else masked
            person = TrackId(1, int(index >= 450))
            faces.append(dataclasses.replace(tracked_at(9, 9, 9), track_id=person, verdict=verdict))
        return FollowedFrame(index, 0, tuple(faces))

    known = [frame(index) for index in range(1000)]
    ranges = cut(known, config, longest=300, step=50, first=0)

    # 300 rather than 200 and 250; 500 leans on what the person looked like from 400 on.
    begins = [(span.first, span.begin) for span in ranges]
    assert begins == [(0, 0), (300, 300), (500, 400), (800, 800)]
    assert ranges[-1].after == 1000
