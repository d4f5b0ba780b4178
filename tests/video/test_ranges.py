"""A range holds the frames that cutting a whole decode by time would give, in any container."""

import hashlib
import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facemask_video.video import NativeFrame, VideoReader
from tests.synthetic import encode_clip, moving_square_frames

X264_OPEN_GOP = {"x264-params": "open-gop=1:keyint=12:bframes=3:scenecut=0"}
X264_REFRESH = {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}


def remultiplex(source: Path, target: Path, **options: str) -> Path:
    """Copy the packets of a clip into another container; without times where that has none."""
    with av.open(str(source)) as given, av.open(str(target), "w", options=options) as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    return target


def encode(path: Path, **options: object) -> Path:
    return encode_clip(path, moving_square_frames(60), **options)


def fragmented(path: Path) -> Path:
    whole = encode(path.with_name("whole.mp4"), b_frames=2)
    return remultiplex(whole, path, movflags="frag_keyframe+empty_moov+default_base_moof")


def annex_b(path: Path) -> Path:
    whole = encode(path.with_name("whole.ts"), b_frames=2)
    return remultiplex(whole, path)


MAKERS = {
    "a.mp4": lambda p: encode(p, b_frames=2),
    "open.mp4": lambda p: encode(p, options=X264_OPEN_GOP),
    "a.mkv": lambda p: encode(p, b_frames=2, audio=True),
    "late.mkv": lambda p: encode(p, pts=[n + 100 for n in range(60)]),
    "frag.mp4": fragmented,
    "a.ts": lambda p: encode(p, b_frames=2, audio=True),
    "open.ts": lambda p: encode(p, options=X264_OPEN_GOP),
    "refresh.ts": lambda p: encode(p, options=X264_REFRESH),
    "a.mpg": lambda p: encode(p, codec="mpeg2video", b_frames=2),
    "raw.264": annex_b,
    "a.avi": lambda p: encode(p, codec="mpeg4"),
    "b.avi": lambda p: encode(p, codec="mpeg4", b_frames=2),
    "live.mkv": lambda p: remultiplex(encode(p.with_name("a.mp4"), b_frames=2), p, live="1"),
    "a.flv": lambda p: encode(p, b_frames=2),
}


def shown(frame: NativeFrame) -> tuple[int, str]:
    samples = b"".join(np.ascontiguousarray(view).tobytes() for view in frame.samples())
    return frame.pts, hashlib.sha256(samples).hexdigest()


@pytest.mark.parametrize("name", MAKERS)
def test_a_range_holds_the_frames_of_a_whole_decode(tmp_path, name):
    clip = MAKERS[name](tmp_path / name)
    with VideoReader(clip) as reader:
        whole = [shown(frame) for frame in reader]
    assert len(whole) == 60
    assert [pts for pts, _ in whole] == sorted({pts for pts, _ in whole})
    for start_s, end_s in [(0, 0.4), (0.36, 0.44), (0.9, 1.3), (1.22, 2.0), (2.3, None)]:
        with VideoReader(clip, start_s=start_s, end_s=end_s) as reader:
            found = [shown(frame) for frame in reader]
            first_tick, end_tick = reader.first_tick, reader.end_tick
            assert first_tick is not None
        expected = [
            each
            for each in whole
            if first_tick <= each[0] and (end_tick is None or each[0] < end_tick)
        ]
        assert found == expected
        assert abs(len(found) - ((end_s or 2.4) - start_s) * 25) < 1


def test_a_clock_that_starts_anew_goes_on_and_ranges_count_on(tmp_path):
    part = encode(tmp_path / "part.ts", b_frames=2, audio=True)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    with VideoReader(joined) as reader:
        whole = [(frame.pts * frame.time_base, shown(frame)[1]) for frame in reader]
    assert {b[0] - a[0] for a, b in itertools.pairwise(whole)} == {Fraction(1, 25)}
    assert len(whole) == 120
    assert [digest for _, digest in whole[60:]] == [digest for _, digest in whole[:60]]
    assert any("clock" in note for note in reader.notes)
    with VideoReader(joined, start_s=3.0, end_s=3.4) as reader:
        assert reader.first_tick is not None
        first_s = reader.first_tick * reader.info.time_base
        found = [shown(frame)[1] for frame in reader]
    assert found == [d for t, d in whole if first_s <= t < first_s + Fraction(2, 5)]
    assert len(found) == 10
