"""A conversion between two pipes: what comes and what goes has the same times."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from facemask_video.config import ConvertConfig, OutputConfig, VideoConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, VideoReadError, VideoWriteError
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.plan import make_plan
from facemask_video.video import VideoReader, probe, standard_input_kept
from tests.fakes import ScriptedDetector, detection_at, fake_networks
from tests.synthetic import encode_clip, moving_square_frames

_PIPE = Path("-")
_UNEVEN = [0, 40, 80, 200, 240, 310, 350, 390, 520, 560, 600, 680]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    frames = moving_square_frames(12, width_px=160, height_px=120)
    return encode_clip(
        tmp_path / "clip.mkv", frames, time_base=Fraction(1, 1000), pts=_UNEVEN, audio=True
    )


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    frames = moving_square_frames(100, width_px=160, height_px=120)
    return encode_clip(tmp_path / "long.mkv", frames, codec="ffv1")


@contextmanager
def _fed(data: bytes, *, leave_open: bool = False) -> Iterator[Callable[[], None]]:
    """Put bytes on standard input; what is yielded ends it."""
    read_fd, write_fd = os.pipe()
    kept_fd = os.dup(0)
    os.dup2(read_fd, 0)
    os.close(read_fd)
    ended = threading.Event()

    def feed() -> None:
        with os.fdopen(write_fd, "wb") as pipe:
            pipe.write(data)
            pipe.flush()
            if leave_open:
                ended.wait()

    feeding = threading.Thread(target=feed)
    feeding.start()
    try:
        with standard_input_kept():
            yield ended.set
    finally:
        ended.set()
        os.dup2(kept_fd, 0)
        os.close(kept_fd)
        feeding.join()


@contextmanager
def _caught(path: Path) -> Iterator[None]:
    """Send standard output into a file."""
    kept_fd = os.dup(1)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept_fd, 1)
            os.close(kept_fd)


def _config(**output: object) -> ConvertConfig:
    return ConvertConfig(
        Direction.MASK, video=VideoConfig(preset="ultrafast"), output=OutputConfig(**output)
    )


def _convert(config: ConvertConfig, target: Path = _PIPE) -> None:
    detector = ScriptedDetector([detection_at(80, 60, 50)], frame_width_px=160)
    convert(_PIPE, target, config, networks=fake_networks(detector))


def _times(path: Path) -> list[int]:
    with VideoReader(path) as reader:
        return [round(frame.pts * frame.time_base * 1000) for frame in reader]


@pytest.mark.parametrize("container", ["matroska", "mpegts"])
def test_a_pipe_keeps_times_and_sound(clip: Path, tmp_path: Path, container: str) -> None:
    out = tmp_path / "out"

    with _fed(clip.read_bytes()), _caught(out):
        _convert(_config(format=container))

    times = _times(out)
    assert [time - times[0] for time in times] == _UNEVEN
    assert [stream.kind for stream in probe(out).streams] == ["video", "audio"]
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        sounds = [
            sum(packet.size > 0 for packet in each.demux(audio=0)) for each in (before, after)
        ]
    assert sounds[0] == sounds[1] > 10


def test_y4m_holds_pictures_alone_and_what_it_loses_is_said(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.y4m"
    detector = ScriptedDetector([], frame_width_px=160)
    config = _config(format="y4m")

    with _fed(clip.read_bytes()), _caught(out):
        # A preset is none of its encoder's.
        config = ConvertConfig(Direction.MASK, output=config.output)
        report = convert(_PIPE, _PIPE, config, networks=fake_networks(detector))

    assert report.output["bytes"] == out.stat().st_size
    assert report.input["bytes"] is None
    notes = " ".join(report.notes)
    assert "y4m holds no times" in notes
    assert "audio stream 1 (aac) is left out" in notes
    assert "keep its report" in notes
    with VideoReader(clip) as reader, VideoReader(out) as written:
        assert sum(1 for _ in written) == sum(1 for _ in reader)


def test_the_first_frames_go_out_before_the_last_have_come(long_clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    seen: list[int] = []
    data = long_clip.read_bytes()

    with _fed(data[: 3 * len(data) // 4], leave_open=True) as end, _caught(out):
        networks = fake_networks(ScriptedDetector([], frame_width_px=160))

        def on_progress(done: int, total: int | None) -> None:
            seen.append(out.stat().st_size)
            # The pipe stays open until the first frame is written.
            end()

        config = ConvertConfig(Direction.MASK, video=VideoConfig(encoder="ffv1"))
        convert(_PIPE, _PIPE, config, networks=networks, on_progress=on_progress)

    assert len(seen) > 60
    assert seen[0] < out.stat().st_size


def test_an_mp4_is_read_to_its_end_first(clip: Path, tmp_path: Path) -> None:
    source = encode_clip(tmp_path / "in.mp4", moving_square_frames(12, width_px=160, height_px=120))
    out = tmp_path / "out.mkv"

    with _fed(source.read_bytes()):
        _convert(_config(), out)

    assert _times(out) == _times(source)


def test_a_range_of_a_pipe_is_that_of_its_file(clip: Path, tmp_path: Path) -> None:
    with (
        _fed(clip.read_bytes()),
        VideoReader(_PIPE, start_s=0.3, end_s=0.6) as piped,
        VideoReader(clip, start_s=0.3, end_s=0.6) as read,
    ):
        assert [f.pts for f in piped] == [f.pts for f in read] == [310, 350, 390, 520, 560]


def test_nobody_who_reads_is_one_line(clip: Path) -> None:
    read_fd, write_fd = os.pipe()
    kept_fd = os.dup(1)
    os.dup2(write_fd, 1)
    os.close(write_fd)
    os.close(read_fd)
    try:
        with _fed(clip.read_bytes()), pytest.raises(VideoWriteError, match="nobody reads it"):
            _convert(_config())
    finally:
        os.dup2(kept_fd, 1)
        os.close(kept_fd)


def test_a_run_that_fails_does_not_wait_for_its_input(long_clip: Path, tmp_path: Path) -> None:
    def fail(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    data = long_clip.read_bytes()
    networks = fake_networks(ScriptedDetector([], frame_width_px=160))
    config = ConvertConfig(
        Direction.MASK, video=VideoConfig(encoder="ffv1"), output=OutputConfig(no_face="encode")
    )
    with (
        _fed(data[: 3 * len(data) // 4], leave_open=True),
        pytest.raises(KeyboardInterrupt),
    ):
        convert(_PIPE, tmp_path / "out.mkv", config, networks=networks, on_progress=fail)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.mkv"]


@pytest.mark.parametrize("data", [b"", b"no video at all, " * 999])
def test_what_is_no_video_is_one_line(data: bytes) -> None:
    with _fed(data), pytest.raises(VideoReadError, match=r"standard input: "):
        probe(_PIPE)


@pytest.mark.parametrize(
    ("source", "target", "options", "reason"),
    [
        ("-", None, {}, "name the file to write"),
        ("-", "out.mkv", {"resume": True}, "--resume needs a file"),
        ("-", "-", {"tracks_out": Path("faces.jsonl")}, "--tracks-out needs a file"),
        ("clip.mkv", "-", {"resume": True}, "--resume needs a file"),
        ("clip.mkv", "out.mkv", {"format": "y4m"}, "for standard output"),
        ("photo.png", "-", {}, "videos only"),
    ],
)
def test_what_needs_a_file_is_refused(
    clip: Path, source: str, target: str | None, options: dict[str, object], reason: str
) -> None:
    folder = clip.parent
    Image.new("RGB", (64, 48)).save(folder / "photo.png")
    named = _PIPE if source == "-" else folder / source
    out = None if target is None else (_PIPE if target == "-" else folder / target)

    with pytest.raises(ConfigError, match=reason):
        make_plan(named, out, _config(**options))
