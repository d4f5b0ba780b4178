"""Whatever times a file gives its packets, frames come out at them, or as far off as is said."""

from fractions import Fraction
from pathlib import Path

import av
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemask_video.config import VideoConfig
from facemask_video.core.errors import FacemaskVideoError
from facemask_video.verify import verify
from facemask_video.video import VideoReader, VideoWriter
from tests.synthetic import encode_clip, moving_square_frames

_STEPS = st.one_of(
    st.integers(1, 100),
    st.sampled_from([0, 1, -1, -40, -5000, 40, 5000, 700_000, 2**31, 2**40, -(2**31)]),
)


def _with_times(intact: Path, path: Path, times: list[int]) -> bool:
    """Write a clip's packets, all of them key pictures, at other times; False where none can be."""
    try:
        with av.open(str(intact)) as source, av.open(str(path), "w") as output:
            stream = output.add_stream_from_template(source.streams.video[0])
            packets = [packet for packet in source.demux() if packet.size]
            for packet, time in zip(packets, times, strict=False):
                packet.pts = packet.dts = time
                packet.time_base = Fraction(1, 1000)
                packet.stream = stream
                output.mux(packet)
    except (av.error.FFmpegError, OverflowError):
        return False
    return True


def test_times_are_kept_or_what_becomes_of_them_is_said(tmp_path: Path) -> None:
    frames = moving_square_frames(6, width_px=32, height_px=32, side_px=8)
    intact = encode_clip(tmp_path / "intact.mkv", frames, codec="mpeg4", gop=1)
    noted: list[str] = []

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from([".mkv", ".mp4", ".ts", ".nut"]),
        st.integers(-(2**33), 2**33),
        st.lists(_STEPS, min_size=5, max_size=5),
    )
    def answers(suffix: str, begin: int, steps: list[int]) -> None:
        times = [begin]
        for step in steps:
            times.append(times[-1] + step)
        source, out = tmp_path / f"in{suffix}", tmp_path / "out.mkv"
        out.unlink(missing_ok=True)
        if not _with_times(intact, source, times):
            return
        try:
            with (
                VideoReader(source) as reader,
                VideoWriter(out, reader, VideoConfig(encoder="ffv1")) as writer,
            ):
                for frame in reader:
                    writer.write(frame)
                writer.finish()
            notes = [*reader.notes, *writer.notes]
        except FacemaskVideoError as exc:
            noted.append("two lines" if "\n" in str(exc) or out.exists() else "refused")
            return
        with VideoReader(out) as reader:
            shown = [frame.pts for frame in reader]
        assert shown == sorted(shown), (suffix, times)
        assert len(shown) == len(set(shown)) or "share the time" in " ".join(notes), times
        wrong = [row.name for row in verify(source, out).rows if not row.ok]
        assert not wrong or notes, (suffix, times, wrong)
        noted.append("noted" if notes else "exact")

    answers()
    assert "exact" in noted  # not all are refused
    assert "two lines" not in noted
