"""What goes wrong is one clear line, and leaves nothing behind."""

import errno
import os
import resource
from fractions import Fraction
from pathlib import Path

import av
import pytest
from click.testing import CliRunner

from facemask_video.cli.main import main
from facemask_video.config import VideoConfig
from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.video import VideoReader, VideoWriter, probe
from facemask_video.video import decoder as decoder_module
from tests.synthetic import (
    corrupt,
    encode_clip,
    move_index_to_front,
    moving_square_frames,
    truncate,
)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return encode_clip(tmp_path / "in.mp4", audio=True)


def only_line(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


def audio_only(path: Path) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame(format="s16", layout="stereo", samples=1024)
        frame.sample_rate = 8000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def no_frames(path: Path) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.codec_context.width, stream.codec_context.height = 64, 48
        output.start_encoding()
    return path


def unknown_codec(path: Path) -> Path:
    encode_clip(path, moving_square_frames(3), codec="ffv1")
    path.write_bytes(path.read_bytes().replace(b"V_FFV1", b"V_FFVX"))
    return path


MAKERS = {
    "missing": (lambda d: d / "none.mp4", "no such file"),
    "directory": (lambda d: d, "is a directory"),
    "empty": (lambda d: _written(d / "empty.mp4", b""), "is empty"),
    "text": (lambda d: _written(d / "text.mp4", b"hello there\n" * 50), "not a"),
    "audio": (lambda d: audio_only(d / "tone.wav"), "no video stream"),
    "truncated": (
        lambda d: truncate(encode_clip(d / "whole.mp4"), d / "cut.mp4", keep=0.5),
        "not a video file, or is cut off before its index",
    ),
    "no frames": (lambda d: no_frames(d / "none.mkv"), "holds no frames"),
    "no frames in mp4": (lambda d: no_frames(d / "none.mp4"), "no"),
    "unknown codec": (lambda d: unknown_codec(d / "odd.mkv"), "cannot decode"),
    "web page": (
        lambda d: _written(d / "page.mp4", b"\n<!DOCTYPE html><html>login</html>" * 30),
        "a web page",
    ),
    "archive": (lambda d: _written(d / "a.mp4", b"PK\x03\x04" + bytes(2000)), "a ZIP archive"),
    "pointer": (
        lambda d: _written(d / "a.mov", b"version https://git-lfs.github.com/spec/v1\noid"),
        "git lfs pull",
    ),
    "address": (lambda d: Path("https://example.org/a.mp4"), "network addresses are not read"),
    "playlist": (
        lambda d: _written(d / "list.mp4", b"#EXTM3U\n#EXTINF:1,\nin.mp4\n#EXT-X-ENDLIST\n"),
        "not a",
    ),
    "concat": (lambda d: _written(d / "list.mkv", b"ffconcat version 1.0\nfile in.mp4\n"), "not a"),
    "session": (lambda d: _written(d / "s.mp4", b"v=0\nm=video 5004 RTP/AVP 96\n"), "not a"),
}


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", MAKERS)
def test_bad_input_is_one_clear_line(tmp_path, name):
    make, reason = MAKERS[name]
    path = make(tmp_path)
    for opened in (VideoReader, probe):
        with pytest.raises(VideoReadError) as error:
            opened(path)
        text = only_line(error)
        assert str(path).replace(":/", "://") in text
        assert reason in text


@pytest.mark.parametrize("name", ["http:x.mp4", "concat:a|b.mp4", "a:b.mp4", "%d.mp4", "-i.mp4"])
def test_a_file_is_opened_by_its_name_alone(tmp_path, monkeypatch, name):
    encode_clip(tmp_path / "plain.mp4", moving_square_frames(3)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with (
        VideoReader(Path(name)) as reader,
        VideoWriter(Path(f"out {name}"), reader, VideoConfig(preset="ultrafast")) as writer,
    ):
        for frame in reader:
            writer.write(frame)
        writer.finish()
    assert probe(Path(f"out {name}")).frame_count_from_header == 3


def test_an_image_sequence_pattern_is_refused(tmp_path):
    (tmp_path / "1.png").write_bytes(b"\x89PNG")
    (tmp_path / "%d.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(VideoReadError):
        VideoReader(tmp_path / "%d.png")


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "mjpeg"])
def test_a_corrupt_packet_is_counted_and_the_rest_keep_their_times(tmp_path, codec):
    clip = encode_clip(
        tmp_path / "in.mkv", codec=codec, pix_fmt="yuvj420p" if codec == "mjpeg" else "yuv420p"
    )
    broken = corrupt(clip, tmp_path / "broken.mkv", packet_index=12)
    with VideoReader(clip) as reader:
        whole = [frame.pts for frame in reader]
    with VideoReader(broken) as reader:
        left = [frame.pts for frame in reader]
    assert reader.corrupt_packets == 1
    assert set(left) <= set(whole)
    assert len(left) >= len(whole) - 1
    assert any("1 corrupt video packet" in note for note in reader.notes)


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
@pytest.mark.parametrize("packet_index", [9, 29, 48])
def test_a_corrupt_packet_costs_no_other_frame_however_many_threads(
    tmp_path, monkeypatch, codec, packet_index
):
    """A decoder with 16 threads still holds 15 frames when it is flushed."""
    monkeypatch.setattr(decoder_module, "DECODER_THREADS", 16)
    clip = encode_clip(tmp_path / "in.mkv", moving_square_frames(50), codec=codec)
    broken = corrupt(clip, tmp_path / "broken.mkv", packet_index=packet_index)
    with VideoReader(broken) as reader:
        found = [frame.pts for frame in reader]
    assert set(range(0, 2000, 40)) - set(found) <= {40 * packet_index}
    assert found == sorted(set(found))
    assert reader.corrupt_packets >= 1


def test_a_file_cut_off_after_its_index_says_how_much_is_there(tmp_path, clip):
    front = move_index_to_front(clip, tmp_path / "front.mp4")
    truncated = truncate(front, tmp_path / "cut.mp4", keep=0.7)
    with VideoReader(truncated) as reader:
        count = len(list(reader))
    assert 0 < count < 20
    note = next(note for note in reader.notes if "ends early" in note)
    assert "20 frames" in note


def test_a_cut_matroska_says_how_much_is_there(tmp_path):
    clip = encode_clip(tmp_path / "in.mkv", moving_square_frames(50), codec="ffv1")
    truncated = truncate(clip, tmp_path / "cut.mkv", keep=0.5)
    with VideoReader(truncated) as reader:
        count = len(list(reader))
    assert 0 < count < 50
    assert any("ends early" in note for note in reader.notes)


def test_output_equal_to_input_is_refused(tmp_path, clip):
    (tmp_path / "soft.mp4").symlink_to(clip)
    os.link(clip, tmp_path / "hard.mp4")
    before = clip.read_bytes()
    for target in (clip, tmp_path / "soft.mp4", tmp_path / "hard.mp4", tmp_path / "." / "in.mp4"):
        with (
            VideoReader(clip) as reader,
            pytest.raises(VideoWriteError, match="is the input") as error,
        ):
            VideoWriter(target, reader, overwrite=True)
        only_line(error)
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("there.mp4", {}, "exists"),
        ("no/where.mp4", {}, "directory is not there"),
        ("out.xyz", {}, "names no container"),
        ("out", {}, "names no container"),
        ("out.mp4", {"encoder": "libx999"}, "none of that name"),
        ("out.mp4", {"encoder": "aac"}, "not video"),
        ("out.mp4", {"encoder_options": {"frobnicate": "1"}}, "no option 'frobnicate'"),
        ("out.mp4", {"encoder_options": {"bf": "many"}}, "refuses"),
        ("out.mp4", {"preset": "warp"}, "refuses"),
        ("out.mp4", {"encoder": "mpeg4", "crf": 20}, "has no crf"),
        ("out.mp4", {"pixel_format": "nosuch"}, "cannot take pixel format"),
        ("out.webm", {"encoder": "mpeg4"}, "cannot hold video"),
        ("out.mp4", {"encoder": "libvpx", "pixel_format": "rgb24"}, "cannot take pixel format"),
    ],
)
def test_a_target_or_encoder_that_cannot_work_is_one_clear_line(
    tmp_path, clip, name, options, reason
):
    (tmp_path / "there.mp4").write_bytes(b"kept")
    before = sorted(tmp_path.iterdir())
    with VideoReader(clip) as reader, pytest.raises(VideoWriteError, match=reason) as error:
        VideoWriter(tmp_path / name, reader, VideoConfig(**options))
    only_line(error)
    assert sorted(tmp_path.iterdir()) == before


def test_a_device_or_pipe_is_not_replaced_by_a_file(tmp_path, clip):
    pipe = tmp_path / "out.mp4"
    os.mkfifo(pipe)
    with VideoReader(clip) as reader, pytest.raises(VideoWriteError, match="no regular file"):
        VideoWriter(pipe, reader, overwrite=True)
    assert pipe.is_fifo()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_directory_is_one_clear_line(tmp_path, clip):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with VideoReader(clip) as reader, pytest.raises(VideoWriteError, match="cannot be written"):
        VideoWriter(locked / "out.mp4", reader)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc, where none may write")
def test_a_place_where_nobody_may_write_is_one_clear_line(clip):
    with VideoReader(clip) as reader, pytest.raises(VideoWriteError, match="cannot be written"):
        VideoWriter(Path("/proc/out.mp4"), reader)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_leaving_early_leaves_no_file(tmp_path, clip, error):
    before = sorted(tmp_path.iterdir())

    def convert() -> None:
        with VideoReader(clip) as reader, VideoWriter(tmp_path / "out.mp4", reader) as writer:
            for frame in reader:
                writer.write(frame)
                if frame.index == 5:
                    raise error

    with pytest.raises(error):
        convert()
    assert sorted(tmp_path.iterdir()) == before


def test_leaving_without_finish_leaves_no_file_and_keeps_the_old_one(tmp_path, clip):
    (tmp_path / "out.mp4").write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    with (
        VideoReader(clip) as reader,
        VideoWriter(tmp_path / "out.mp4", reader, overwrite=True) as writer,
    ):
        for frame in reader:
            writer.write(frame)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "out.mp4").read_bytes() == b"old"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path, clip, suffix):
    """A limit on file size stands in for the full disk: writes fail the same way."""
    before = sorted(tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def convert() -> None:
        frames = moving_square_frames(60, width_px=320, height_px=240)
        source = encode_clip(tmp_path.parent / f"big{suffix}", frames)
        with (
            VideoReader(source) as reader,
            VideoWriter(
                tmp_path / f"out{suffix}", reader, VideoConfig(encoder_options={"qp": "1"})
            ) as writer,
        ):
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
            for frame in reader:
                writer.write(frame)
            writer.finish()

    try:
        with pytest.raises(VideoWriteError, match="writing failed") as error:
            convert()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    only_line(error)
    assert sorted(tmp_path.iterdir()) == before


def test_a_frame_of_another_size_is_refused(tmp_path, clip):
    other = encode_clip(tmp_path / "other.mp4", moving_square_frames(2, width_px=80))
    with (
        VideoReader(clip) as reader,
        VideoReader(other) as wrong,
        VideoWriter(tmp_path / "out.mp4", reader) as writer,
        pytest.raises(VideoWriteError, match="80x48"),
    ):
        writer.write(next(iter(wrong)))


def test_ranges_that_hold_nothing_are_refused(clip):
    for bounds in ({"start_s": -1.0}, {"start_s": 2.0, "end_s": 2.0}, {"end_s": 0.0}):
        with pytest.raises(ValueError, match=r"start_s|end_s"):
            VideoReader(clip, **bounds)
    with (
        VideoReader(clip, start_s=100.0) as reader,
        pytest.raises(VideoReadError, match="no frame"),
    ):
        list(reader)


def test_a_reader_is_iterated_once(clip):
    with VideoReader(clip) as reader:
        list(reader)
        with pytest.raises(RuntimeError):
            iter(reader)
    assert reader.info.time_base == Fraction(1, 12800)


@pytest.mark.parametrize(
    "name", [b"caf\xe9.mp4", b"x" * 251 + b".mp4", "é".encode() * 124 + b".avi"]
)
def test_a_name_of_any_bytes_and_length_is_read_and_written(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    encode_clip(tmp_path / f"plain{path.suffix}", moving_square_frames(3)).rename(path)
    target = tmp_path / "out"
    target.mkdir()
    with VideoReader(path) as reader, VideoWriter(target / path.name, reader) as writer:
        for frame in reader:
            writer.write(frame)
        writer.finish()
    assert [os.fsencode(each.name) for each in target.iterdir()] == [name]


def test_a_name_that_is_no_text_is_printed_as_it_is(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    encode_clip(tmp_path / "plain.mp4", moving_square_frames(3)).rename(path)
    done = CliRunner().invoke(main, ["inspect", str(path)])
    assert done.exit_code == 0
    assert b"caf\xe9.mp4" in done.stdout_bytes
    failed = CliRunner().invoke(main, ["inspect", str(path) + "x"])
    assert failed.exit_code == 1
    assert b"caf\xe9.mp4x: no such file" in failed.stderr_bytes


def test_an_encrypted_clip_is_named_as_one(tmp_path):
    clip = encode_clip(tmp_path / "plain.mp4", moving_square_frames(5))
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "0" * 32}
    locked = tmp_path / "locked.mp4"
    options = {**key, "encryption_kid": "1" * 32}
    with av.open(str(clip)) as given, av.open(str(locked), "w", options=options) as output:
        video = output.add_stream_from_template(given.streams.video[0], opaque=True)
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = video
                output.mux(packet)
    with pytest.raises(VideoReadError, match="is encrypted") as error:
        probe(locked)
    only_line(error)


@pytest.mark.parametrize("rate", [25, Fraction(30000, 1001)])
def test_raw_dv_has_the_rate_of_its_pictures(tmp_path, rate):
    height = 576 if rate == 25 else 480
    frames = moving_square_frames(3, width_px=720, height_px=height)
    pix_fmt = "yuv420p" if rate == 25 else "yuv411p"
    clip = encode_clip(
        tmp_path / "in.dv", frames, codec="dvvideo", pix_fmt=pix_fmt, rate=rate, audio=False
    )
    assert probe(clip).frame_rate == rate


def test_a_disk_that_fails_half_way_through_the_source_is_one_clear_line(
    tmp_path, clip, monkeypatch
):
    """Not an end of file: what is left must not pass for the whole."""
    before = sorted(tmp_path.iterdir())
    demuxed = decoder_module._demuxed

    def failing(*given):
        for number, packet in enumerate(demuxed(*given)):
            if number == 7:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            yield packet

    monkeypatch.setattr(decoder_module, "_demuxed", failing)

    def convert() -> None:
        with VideoReader(clip) as reader, VideoWriter(tmp_path / "out.mp4", reader) as writer:
            for frame in reader:
                writer.write(frame)
            writer.finish()

    with pytest.raises(VideoReadError, match=r"reading failed after \d frames.*check the disk"):
        convert()
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("moment", ["opened", "first frame", "frame", "last frame", "read back"])
def test_whenever_a_run_is_told_to_end_nothing_stays_behind(
    tmp_path, clip, monkeypatch, moment, raised
):
    (tmp_path / "out.mp4").write_bytes(b"old")
    before = sorted(tmp_path.iterdir())

    def end(*_given, **_more):
        raise raised

    if moment == "read back":
        monkeypatch.setattr(VideoWriter, "_lost_metadata", end)

    def convert() -> None:
        at = {"first frame": 0, "frame": 9, "last frame": 19}.get(moment)
        with (
            VideoReader(clip) as reader,
            VideoWriter(tmp_path / "out.mp4", reader, overwrite=True) as writer,
        ):
            if moment == "opened":
                end()
            for frame in reader:
                writer.write(frame)
                if frame.index == at:
                    end()
            writer.finish()

    with pytest.raises(raised):
        convert()
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "out.mp4").read_bytes() == b"old"


def test_a_file_is_opened_with_the_logging_of_decoders_off(tmp_path: Path) -> None:
    clip = encode_clip(tmp_path / "a.mp4")
    av.logging.set_level(av.logging.ERROR)
    try:
        with VideoReader(clip) as reader:
            next(iter(reader))

        assert av.logging.get_level() is None
    finally:
        av.logging.set_level(None)
