"""Verify passes what is exact and names what is not."""

import json
from pathlib import Path

import numpy as np
import pytest

from facemask_video.config import VideoConfig
from facemask_video.core.errors import TracksError
from facemask_video.core.frame import Patch
from facemask_video.core.geometry import Box
from facemask_video.verify import VerifyReport, verify
from facemask_video.video import VideoReader, VideoWriter
from tests.synthetic import encode_clip, moving_square_frames
from tests.video.test_odd_sources import with_two_videos

REGION = Box(11, 9, 31, 30)


def convert(
    source: Path, target: Path, *, paste: Box | None = None, skip: int | None = None, **options
) -> Path:
    """Write a clip with a grey rectangle pasted; return the sidecar that names `REGION`."""
    lines: list[dict[str, object]] = [{"format": "facemask-tracks/1", "source": {}}]
    video = VideoConfig(**options)
    bounds = {"start_s": video.start_s, "end_s": video.end_s}
    with VideoReader(source, **bounds) as reader, VideoWriter(target, reader, video) as writer:
        for frame in reader:
            face = {
                "track": 0,
                "box": [12, 10, 30, 28],
                "region": [REGION.x0, REGION.y0, REGION.x1, REGION.y1],
                "landmarks": [[15, 14]] * 5,
                "score": 0.9,
                "observed": True,
            }
            lines.append({"frame": frame.index, "pts": frame.pts, "faces": [face]})
            made = frame
            if paste is not None:
                shape = int(paste.height_px), int(paste.width_px)
                image = np.full((*shape, 3), 200, np.uint8)
                made = frame.with_patches([Patch(paste, image, np.ones(shape, np.float32))])
            if frame.index != skip:
                writer.write(made)
        writer.finish()
    tracks = target.with_suffix(".jsonl")
    tracks.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return tracks


def failures(report: VerifyReport) -> list[str]:
    return [row.name for row in report.rows if not row.ok]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return encode_clip(
        tmp_path / "in.mkv",
        audio=True,
        subtitles=[(0.1, 0.4, "hello")],
        attachment=b"abc",
        chapters=[(0.0, 0.4, "one")],
        b_frames=2,
        rotation_deg=90,
    )


def test_a_change_inside_the_regions_passes(tmp_path, source):
    tracks = convert(source, tmp_path / "out.mkv", paste=REGION, encoder="ffv1")
    report = verify(source, tmp_path / "out.mkv", tracks=tracks)
    assert report.ok, failures(report)
    assert report.rows[-1].found == "largest difference 0 in 20 frames"


def test_a_change_outside_the_regions_is_found(tmp_path, source):
    stray = Box(REGION.x0, REGION.y0, REGION.x1 + 6, REGION.y1)
    tracks = convert(source, tmp_path / "out.mkv", paste=stray, encoder="ffv1")
    report = verify(source, tmp_path / "out.mkv", tracks=tracks)
    assert failures(report) == ["samples outside the regions"]


def test_a_lossy_output_is_no_fault_unless_said_to_be_lossless(tmp_path, source):
    tracks = convert(source, tmp_path / "out.mkv", paste=REGION, crf=40)
    assert verify(source, tmp_path / "out.mkv", tracks=tracks).ok
    report = verify(source, tmp_path / "out.mkv", tracks=tracks, lossless=True)
    assert failures(report) == ["samples outside the regions"]


def test_a_missing_frame_is_found(tmp_path, source):
    convert(source, tmp_path / "out.mkv", skip=7)
    report = verify(source, tmp_path / "out.mkv")
    assert {"frames", "frame times"} <= set(failures(report))
    assert "from frame 7" in next(r.found for r in report.rows if r.name == "frame times")


def test_missing_streams_are_found(tmp_path, source):
    convert(source, tmp_path / "out.mp4")
    assert failures(verify(source, tmp_path / "out.mp4")) == ["other streams"]


def test_a_changed_packet_is_found(tmp_path, source):
    convert(source, tmp_path / "out.mkv")
    data = (tmp_path / "out.mkv").read_bytes()
    assert data.count(b"hello") == 1
    (tmp_path / "out.mkv").write_bytes(data.replace(b"hello", b"hallo"))
    assert failures(verify(source, tmp_path / "out.mkv")) == ["subtitle stream 2"]


def test_lost_tags_are_found(tmp_path):
    source = encode_clip(
        tmp_path / "in.mp4", moving_square_frames(3), matrix=1, color_range=1, primaries=1
    )
    other = encode_clip(
        tmp_path / "out.mp4", moving_square_frames(3), matrix=6, color_range=2, rotation_deg=180
    )
    found = failures(verify(source, other))
    assert found == ["rotation", "matrix", "range", "primaries"]


def test_a_sidecar_of_another_clip_is_found(tmp_path, source):
    tracks = convert(source, tmp_path / "out.mkv")
    lines = tracks.read_text(encoding="utf-8").splitlines()
    tracks.write_text("\n".join(lines[:-3]) + "\n", encoding="utf-8")
    assert failures(verify(source, tmp_path / "out.mkv", tracks=tracks)) == ["tracks"]
    tracks.write_text("{}\n", encoding="utf-8")
    with pytest.raises(TracksError):
        verify(source, tmp_path / "out.mkv", tracks=tracks)


def test_times_rounded_by_the_output_s_clock_pass(tmp_path):
    source = encode_clip(tmp_path / "in.mp4", rate=30, audio=True)
    convert(source, tmp_path / "out.mkv", encoder="ffv1")
    report = verify(source, tmp_path / "out.mkv")
    assert report.ok, failures(report)
    assert "rounded by 0.333 ms" in report.rows[1].found


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_a_range_is_held_against_the_same_range_of_the_source(tmp_path, suffix):
    clip = encode_clip(
        tmp_path / f"in{suffix}",
        moving_square_frames(50),
        audio=True,
        chapters=[] if suffix == ".ts" else [(0.0, 0.5, "one"), (0.5, 1.5, "two")],
    )
    out = tmp_path / "out.mkv"
    tracks = convert(clip, out, encoder="ffv1", start_s=0.4, end_s=1.2)
    assert failures(verify(clip, out, tracks=tracks, start_s=0.4, end_s=1.2)) == []
    whole = verify(clip, out)
    assert "frames" in failures(whole)
    assert "audio stream 1" in failures(whole)
    assert "frames" in failures(verify(clip, out, start_s=0.4, end_s=1.24))


def test_a_clock_that_begins_anywhere_may_begin_at_zero_in_the_output(tmp_path):
    clip = encode_clip(tmp_path / "in.ts", pts=[n + 250 for n in range(20)])
    convert(clip, tmp_path / "out.mp4")
    assert failures(verify(clip, tmp_path / "out.mp4")) == []


def test_of_several_video_streams_those_are_compared_that_belong_together(tmp_path):
    clip = with_two_videos(tmp_path / "in.mp4", cover=False)
    convert(clip, tmp_path / "out.mp4", crf=40)
    assert failures(verify(clip, tmp_path / "out.mp4")) == []
