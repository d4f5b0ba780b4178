"""Segments of several runs make one video, by any encoder."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facemask_video.config import VideoConfig
from facemask_video.video import SegmentStore, VideoReader, VideoWriter, probe
from facemask_video.video.compare import copied_times, digest_streams
from facemask_video.video.segments import decoding_times
from tests.synthetic import encode_clip, moving_square_frames

_N_FRAMES = 22


class _Killed(Exception):
    pass


def _write(source: Path, out: Path, encoder: str, folder: Path, *, until: int = 10**9) -> None:
    folder.mkdir(exist_ok=True)
    store = SegmentStore(folder, frames=6)
    done = store.frames_done
    preset = "ultrafast" if encoder == "libx265" else None
    with VideoReader(source) as reader:
        config = VideoConfig(encoder=encoder, preset=preset)
        with VideoWriter(out, reader, config, segments=store) as writer:
            for frame in reader:
                if frame.index == until:
                    raise _Killed
                if frame.index < done:
                    writer.pass_over(frame)
                else:
                    writer.write(frame)
            writer.finish()


def _pictures(path: Path) -> list[tuple[Fraction, NDArray[np.uint8]]]:
    with VideoReader(path) as reader:
        return [
            (each.pts * each.time_base, np.concatenate([plane.ravel() for plane in each.samples()]))
            for each in reader
        ]


def _other_packets(path: Path) -> list[tuple[str, list[int]]]:
    digests = digest_streams(path, but=probe(path).video_index)
    return [(digest.sha256, list(digest.pts)) for digest in digests]


@pytest.mark.parametrize(
    ("encoder", "suffix"),
    [
        ("libx264", ".mp4"),
        ("libx264", ".mkv"),
        ("libx265", ".mp4"),
        ("libvpx-vp9", ".webm"),
        ("mpeg4", ".avi"),
        ("libx264", ".ts"),
        ("ffv1", ".mkv"),
    ],
)
def test_a_resumed_file_is_that_of_a_run_that_was_never_stopped(
    encoder: str, suffix: str, tmp_path: Path
) -> None:
    frames = moving_square_frames(_N_FRAMES)
    pts = [0, 40, 45, 120, *(160 + 40 * index for index in range(_N_FRAMES - 4))]
    even = suffix == ".avi"
    clock = {} if even else {"pts": pts, "time_base": Fraction(1, 1000)}
    source = encode_clip(tmp_path / "in.mkv", frames, audio=not even, **clock)  # type: ignore[arg-type]
    once, again = tmp_path / f"once{suffix}", tmp_path / f"again{suffix}"
    _write(source, once, encoder, tmp_path / "one")

    for stop in (8, 15):
        with pytest.raises(_Killed):
            _write(source, again, encoder, tmp_path / "two", until=stop)
        assert not again.exists()
    _write(source, again, encoder, tmp_path / "two")

    first, second = _pictures(once), _pictures(again)
    assert [time for time, _ in first] == [time for time, _ in second]
    for (_, one), (_, two) in zip(first, second, strict=True):
        # x264 codes pictures as small as these a little otherwise from run to run.
        assert np.abs(one.astype(int) - two).mean() <= (0 if encoder == "ffv1" else 0.5)
    assert _other_packets(once) == _other_packets(again)
    given = [time for time, _ in _pictures(source)]
    tick = max(probe(again).time_base, probe(source).time_base)
    for before, (after, _) in zip(given, second, strict=True):
        assert abs((before - given[0]) - (after - second[0][0])) <= tick


@pytest.mark.parametrize("pts", [[7], [0, 1], [0, 90, 30, 60], [0, 4, 2, 1, 3, 8, 6, 5, 7]])
def test_decoding_times_rise_and_are_never_after_their_pictures(pts: list[int]) -> None:
    times = decoding_times(np.array(pts))

    assert (np.diff(times) > 0).all()
    assert (times <= np.array(pts)).all()
    assert len(times) == len(pts)


def test_a_segment_that_was_not_completed_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "000000-6.packets").touch()
    (tmp_path / "000002-6.packets").touch()
    (tmp_path / "segment.part").write_bytes(b"half")

    store = SegmentStore(tmp_path, frames=6)

    assert store.frames_done == 6
    assert not (tmp_path / "segment.part").exists()


def test_pictures_that_are_only_coded_alike_are_not_taken_for_copies(tmp_path: Path) -> None:
    still = [np.full((48, 64, 3), 90, np.uint8)] * 8
    brighter = [np.full((48, 64, 3), 140, np.uint8)] * 8
    first, second = (
        encode_clip(tmp_path / name, frames)
        for name, frames in (("a.mp4", still), ("b.mp4", brighter))
    )

    assert copied_times(first, 0, second, 0) == set()
    assert len(copied_times(first, 0, first, 0)) == 8
