"""Second cameras, programmes and cover pictures are converted like the main video."""

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facemask_video import provenance
from facemask_video.config import CompositeConfig, ConvertConfig, OutputConfig, VideoConfig
from facemask_video.config.faces import DetectConfig, SelectConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import Detection
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.report import ConversionReport
from facemask_video.verify import verify
from facemask_video.video import VideoReader, probe, read_cover_art
from facemask_video.video.compare import digest_streams
from tests.fakes import ScriptedDetector, detection_at, fake_networks
from tests.synthetic import encode_clip, join_videos, moving_square_frames

_FACE = detection_at(80, 60, 50)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a clip with sound, one of another rate and length, and a picture."""
    folder = tmp_path_factory.mktemp("clips")
    frames = moving_square_frames(12, width_px=160, height_px=120)
    encode_clip(folder / "main.mp4", frames, audio=True, b_frames=2)
    times = [n * n + 3 for n in range(9)]
    turned = [np.ascontiguousarray(frame[::-1]) for frame in frames[:9]]
    encode_clip(folder / "second.mkv", turned, pts=times, time_base=Fraction(1, 100))
    Image.fromarray(frames[0]).save(folder / "cover.jpg", quality=95)
    return folder


def _dual(clips: Path, path: Path, *, cover: bool = False) -> Path:
    picture = clips / "cover.jpg" if cover else None
    return join_videos(path, clips / "main.mp4", clips / "second.mkv", picture)


def _convert(
    source: Path, out: Path, script: object = (_FACE,), on_progress: object = None, **parts: object
) -> ConversionReport:
    config = ConvertConfig(
        Direction.MASK,
        composite=CompositeConfig(color="none"),
        video=VideoConfig(all_video=True, preset="ultrafast"),
    )
    config = dataclasses.replace(config, **parts)  # type: ignore[arg-type]
    detector = ScriptedDetector(list(script), frame_width_px=160)  # type: ignore[call-overload]
    return convert(
        source,
        out,
        config,
        networks=fake_networks(detector),
        on_progress=on_progress,  # type: ignore[arg-type]
    )


def _middle(path: Path, index: int) -> list[float]:
    """Return how bright the middle of each picture of a stream is."""
    with VideoReader(path, video_index=index) as reader:
        return [float(frame.samples()[0][50:70, 70:90].mean()) for frame in reader]


def _failed(source: Path, out: Path, **options: object) -> list[str]:
    rows = verify(source, out, **options).rows  # type: ignore[arg-type]
    return [f"{row.name}: {row.expected}, not {row.found}" for row in rows if not row.ok]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_second_video_stream_is_converted_at_its_own_times(
    suffix: str, clips: Path, tmp_path: Path
) -> None:
    source, out = _dual(clips, tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
    seen: list[tuple[int, int | None]] = []

    report = _convert(source, out, on_progress=lambda *done: seen.append(done))

    assert _failed(source, out, all_video=True) == []
    assert [text.partition(":")[0] for text in _failed(source, out)] == ["video stream 2"]
    for index in (0, 2):
        before, after = _middle(source, index), _middle(out, index)
        assert all(abs(a + b - 255) < 40 for a, b in zip(before, after, strict=True))
    (second,) = report.further
    assert (second["index"], second["frames"], second["faces_changed"]) == (2, 9, 9)
    assert report.frames == report.faces_changed == 12
    assert not any("not converted" in note for note in report.notes)
    assert [done for done, _ in seen] == list(range(1, 22))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"in{suffix}", f"out{suffix}"]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cover_picture_is_converted_as_a_picture(
    suffix: str, clips: Path, tmp_path: Path
) -> None:
    source, out = _dual(clips, tmp_path / "in.mp4", cover=True), tmp_path / f"out{suffix}"

    report = _convert(source, out)

    assert [each["faces_changed"] for each in report.further] == [9, 1]
    assert _failed(source, out, all_video=True) == []
    (index,) = (s.index for s in probe(out).streams if "attached_pic" in s.dispositions)
    picture = tmp_path / "cover.jpg"
    picture.write_bytes(read_cover_art(out, index)[1])
    before, after = (
        np.asarray(Image.open(path).convert("L"), np.float32)
        for path in (clips / "cover.jpg", picture)
    )
    assert np.abs(before - after)[55:65, 75:85].min() > 20
    assert np.array_equal(before[:16, :16], after[:16, :16])


def test_without_a_face_all_packets_are_the_sources(clips: Path, tmp_path: Path) -> None:
    source, out = _dual(clips, tmp_path / "in.mp4", cover=True), tmp_path / "out.mp4"

    report = _convert(source, out, ())

    assert [digest.sha256 for digest in digest_streams(out)] == [
        digest.sha256 for digest in digest_streams(source)
    ]
    assert report.closing_line().startswith("12 frames, no face found (--min-face 35), so all pack")


@pytest.mark.parametrize("all_video", [True, False])
def test_where_nothing_is_written_no_stream_is_said_to_be_copied_or_kept(
    all_video: bool, clips: Path, tmp_path: Path
) -> None:
    source, out = _dual(clips, tmp_path / "in.mp4", cover=True), tmp_path / "out.mp4"
    video = VideoConfig(all_video=all_video, preset="ultrafast")

    report = _convert(source, out, (), video=video, output=OutputConfig(no_face="skip"))

    assert not out.exists()
    if all_video:
        assert report.notes == (
            "video stream 2: 9 frames, 0 faces, 0 changed",
            "cover picture, stream 3: 0 faces, 0 changed",
        )
        assert [each["pictures"] for each in report.further] == ["nothing", "nothing"]
    else:
        assert report.notes == (
            "video stream 2 (h264) was not looked at for faces (--all-video does)",
            "video stream 3 (mjpeg), a cover picture, was not looked at for faces (--all-video "
            "does)",
        )


@pytest.mark.parametrize("no_face", ["copy", "skip"])
def test_a_face_in_the_second_stream_alone_is_written_and_said(
    no_face: str, clips: Path, tmp_path: Path
) -> None:
    """It is converted first, so the first answers of the detector are for it."""
    source, out = _dual(clips, tmp_path / "in.mp4"), tmp_path / "out.mp4"

    class OnlyFirst(ScriptedDetector):
        def _script_of(self, index: int) -> Sequence[Detection]:
            return [_FACE] if index < 9 else []

    config = ConvertConfig(
        Direction.MASK,
        composite=CompositeConfig(color="none"),
        detect=DetectConfig(every=1),
        video=VideoConfig(all_video=True, preset="ultrafast"),
        output=OutputConfig(no_face=no_face),  # type: ignore[arg-type]
    )
    report = convert(source, out, config, networks=fake_networks(OnlyFirst((), frame_width_px=160)))

    assert [report.faces_changed, report.further[0]["faces_changed"]] == [0, 9]
    assert report.closing_line().startswith(
        "12 frames, no face found (--min-face 35) in the main video stream; "
    )
    made_by = provenance.read(probe(out).metadata)
    assert made_by is not None
    assert made_by.is_synthetic
    assert digest_streams(out)[0].sha256 == digest_streams(source)[0].sha256
    assert _middle(out, 2) != _middle(source, 2)


def test_of_a_range_each_stream_is_cut_alike(clips: Path, tmp_path: Path) -> None:
    source, out = _dual(clips, tmp_path / "in.mp4"), tmp_path / "out.mp4"

    report = _convert(source, out, video=VideoConfig(all_video=True, start_s=0.1, end_s=0.3))

    assert [report.frames, *(each["frames"] for each in report.further)] == [5, 3]
    assert _failed(source, out, all_video=True, start_s=0.1, end_s=0.3) == []


def test_what_was_done_of_further_streams_is_kept_by_resume(clips: Path, tmp_path: Path) -> None:
    source = _dual(clips, tmp_path / "in.mkv")
    output = OutputConfig(resume=True)
    _convert(source, tmp_path / "whole.mkv", output=output)

    def stop(done: int, _total: int | None) -> None:
        if done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _convert(source, tmp_path / "out.mkv", on_progress=stop, output=output)
    report = _convert(source, tmp_path / "out.mkv", output=output)

    assert "video stream 2: went on after 9 frames of an earlier run" in report.notes
    assert [digest.sha256 for digest in digest_streams(tmp_path / "out.mkv")] == [
        digest.sha256 for digest in digest_streams(tmp_path / "whole.mkv")
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv", "whole.mkv"]


def test_persons_of_one_stream_cannot_be_chosen_in_all() -> None:
    with pytest.raises(ConfigError, match="each video stream numbers its own persons"):
        ConvertConfig(
            Direction.MASK,
            select=SelectConfig(faces="track:0"),
            video=VideoConfig(all_video=True),
        )
