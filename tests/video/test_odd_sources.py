"""Footage of phones, cheap recorders and joined files comes through whole, or with a word."""

import dataclasses
import itertools
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.stream import Disposition

from facemask_video import provenance
from facemask_video.config import VideoConfig
from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.geometry import Box
from facemask_video.verify import verify
from facemask_video.video import VideoReader, VideoWriter, probe
from facemask_video.video.compare import digest_streams
from facemask_video.video.gif import loop_count
from facemask_video.video.header_dump import HeaderDump
from facemask_video.video.lost_metadata import find_lost
from facemask_video.video.probe import stream_time_base
from tests.synthetic import encode_clip, moving_square_frames, truncate
from tests.video.test_round_trip import convert, times


def copied(
    source: Path,
    target: Path,
    change: Callable[[Any], bool | None] = lambda packet: None,
    options: dict[str, str] | None = None,
) -> Path:
    """Remultiplex; ``change`` may edit a packet, or leave it out by False."""
    with av.open(str(source)) as given, av.open(str(target), "w", options=options or {}) as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in given.streams}
        for packet in given.demux():
            if packet.dts is not None and change(packet) is not False:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    return target


def with_sound(path: Path, codec: str, *, rate: int = 8000, block_bytes: int = 1024) -> Path:
    """Encode a second of pictures beside a second of silence in some codec."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        options = {"block_size": str(block_bytes)} if codec.startswith("adpcm_") else {}
        sound = output.add_stream(codec, rate=rate, options=options)
        sound.layout = "mono"
        output.start_encoding()
        for index, image in enumerate(moving_square_frames(25)):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            output.mux(video.encode(picture))
        size = sound.codec_context.frame_size or 800
        for start in range(0, rate, size):
            frame = av.AudioFrame(format=sound.format.name, layout="mono", samples=size)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            output.mux(sound.encode(frame))
        output.mux(video.encode(None))
        output.mux(sound.encode(None))
    return path


def sound_of(path: Path) -> tuple[int, str]:
    digest = next(each for each in digest_streams(path, but=-1) if each.kind == "audio")
    return len(digest.pts), digest.sha256


@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw", "adpcm_ms", "adpcm_ima_wav"])
def test_sound_that_avi_holds_is_kept_in_matroska(tmp_path, codec):
    clip = with_sound(tmp_path / "in.avi", codec)
    assert convert(clip, tmp_path / "out.mkv") == []
    assert sound_of(tmp_path / "out.mkv") == sound_of(clip)
    with av.open(str(tmp_path / "out.mkv")) as output:
        sound = output.streams.audio[0]
        assert sound.codec_context.codec.canonical_name == codec
        assert sum(frame.samples for frame in output.decode(sound)) >= 7000


@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw"])
def test_sound_that_quicktime_holds_is_kept_in_matroska(tmp_path, codec):
    clip = with_sound(tmp_path / "in.mov", codec)
    assert convert(clip, tmp_path / "out.mkv") == []
    assert sound_of(tmp_path / "out.mkv") == sound_of(clip)


def packet_times_s(path: Path) -> list[tuple[Fraction, Fraction]]:
    """Return when each packet of the sound begins and ends."""
    with av.open(str(path)) as container:
        sound = container.streams.audio[0]
        return [
            (
                packet.pts * packet.time_base,
                (packet.pts + (packet.duration or 0)) * packet.time_base,
            )
            for packet in container.demux(sound)
            if packet.pts is not None
        ]


@pytest.mark.parametrize("codec", ["adpcm_ms", "adpcm_ima_wav", "adpcm_yamaha", "pcm_s16le"])
@pytest.mark.parametrize("block_bytes", [64, 1024])
def test_sound_in_blocks_is_as_long_in_avi_as_it_was(tmp_path, codec, block_bytes):
    clip = with_sound(tmp_path / "in.avi", codec, block_bytes=block_bytes)
    assert convert(clip, tmp_path / "out.avi") == []
    assert sound_of(tmp_path / "out.avi") == sound_of(clip)
    assert packet_times_s(tmp_path / "out.avi") == packet_times_s(clip)
    # The other one's clock is of milliseconds.
    assert convert(clip, tmp_path / "between.mkv") == []
    assert convert(tmp_path / "between.mkv", tmp_path / "back.avi") == []
    assert packet_times_s(tmp_path / "back.avi") == packet_times_s(clip)


@pytest.mark.parametrize(
    ("codec", "why"), [("adpcm_ms", "cannot hold it"), ("adpcm_yamaha", "at another speed")]
)
def test_sound_that_mov_would_spoil_is_left_out_with_a_note(tmp_path, codec, why):
    clip = with_sound(tmp_path / "in.avi", codec)
    (note,) = convert(clip, tmp_path / "out.mov")
    assert f"audio stream 1 ({codec}) is left out" in note
    assert why in note
    assert times(tmp_path / "out.mov") == times(clip)


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv", ".ts", ".avi"])
def test_a_stream_that_nothing_decodes_is_copied_or_left_out_with_a_note(tmp_path, suffix):
    clip = encode_clip(tmp_path / "in.mov", audio=True)
    clip.write_bytes(clip.read_bytes().replace(b"mp4a", b"zzzz").replace(b"esds", b"zsds"))
    target = tmp_path / f"out{suffix}"
    notes = convert(clip, target)
    assert times(target) == times(clip)
    assert [stream.codec for stream in probe(clip).streams] == ["h264", None]
    kept = [stream for stream in probe(target).streams if stream.kind == "audio"]
    assert kept or any("audio stream 1 (no codec) is left out" in note for note in notes)
    if kept:
        assert sound_of(target) == sound_of(clip)


def with_timecode(path: Path) -> Path:
    plain = encode_clip(path.with_name("plain.mp4"))
    with av.open(str(plain)) as given, av.open(str(path), "w") as output:
        video = output.add_stream_from_template(given.streams.video[0], opaque=True)
        video.metadata["timecode"] = "09:19:47:17"
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = video
                output.mux(packet)
    return path


def test_a_track_whose_sample_description_would_be_lost_is_left_out_with_a_note(tmp_path):
    clip = with_timecode(tmp_path / "in.mov")
    data = clip.read_bytes().replace(b"mhlrtmcd", b"mhlrmeta").replace(b"tmcd", b"mebx")
    clip.write_bytes(data)
    assert [stream.kind for stream in probe(clip).streams] == ["video", "data"]
    notes = convert(clip, tmp_path / "out.mov")
    assert any("data stream 1" in note and "left out" in note for note in notes)
    assert b"\0\0\0\x10stsd" not in (tmp_path / "out.mov").read_bytes()


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_a_timecode_track_is_kept(tmp_path, suffix):
    clip = with_timecode(tmp_path / f"in{suffix}")
    assert len(probe(clip).streams) == 2
    target = tmp_path / f"out{suffix}"
    assert convert(clip, target, strict_streams=True) == []
    kept = probe(target).streams
    assert [stream.kind for stream in kept] == ["video", "data"]
    assert [stream.metadata["timecode"] for stream in kept] == ["09:19:47:17"] * 2


def test_a_packet_that_comes_no_later_than_the_one_before_follows_it_by_a_tick(tmp_path):
    last = []

    def repeat(packet: Any) -> None:
        if packet.stream.type == "audio":
            last.append(packet.dts)
            if len(last) == 10:
                packet.dts = packet.pts = last[-2]

    clip = copied(encode_clip(tmp_path / "plain.mkv", audio=True), tmp_path / "in.mkv", repeat)
    notes = convert(clip, tmp_path / "out.mp4")
    assert any("1 packet of audio stream 1" in note and "tick" in note for note in notes)
    assert sound_of(tmp_path / "out.mp4") == sound_of(clip)
    assert times(tmp_path / "out.mp4") == times(clip)


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4", "ffv1"])
def test_in_avi_picture_and_sound_begin_together(tmp_path, encoder):
    clip = encode_clip(tmp_path / "in.mp4", audio=True)
    target = tmp_path / "out.avi"
    convert(clip, target, encoder=encoder)
    assert times(target) == times(clip)
    with av.open(str(target)) as output:
        stored = [packet.dts for packet in output.demux(video=0) if packet.size]
    assert stored == list(range(20))


@pytest.mark.parametrize("codec", ["aac", "ac3", "mp2", "pcm_s16le"])
def test_sound_from_avi_into_avi_keeps_its_times(tmp_path, codec):
    clip = with_sound(tmp_path / "in.avi", codec, rate=48000)
    assert convert(clip, tmp_path / "out.avi") == []
    one, two = (
        next(d for d in digest_streams(path, but=0)) for path in (clip, tmp_path / "out.avi")
    )
    assert one.sha256 == two.sha256
    assert [tick * one.time_base for tick in one.pts] == [tick * two.time_base for tick in two.pts]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_pictures_in_avi_take_the_places_of_its_packets(tmp_path, codec, suffix):
    clip = encode_clip(tmp_path / "in.avi", moving_square_frames(), codec=codec, b_frames=2)
    convert(clip, tmp_path / f"out{suffix}")
    shown = times(tmp_path / f"out{suffix}")
    assert {b - a for a, b in itertools.pairwise(shown)} == {Fraction(1, 25)}
    assert len(shown) == 20
    assert shown[0] == 0


def test_frames_that_a_recorder_dropped_are_no_early_end(tmp_path):
    whole = encode_clip(
        tmp_path / "whole.avi", moving_square_frames(50), codec="mjpeg", pix_fmt="yuvj420p"
    )
    clip = copied(whole, tmp_path / "in.avi", lambda packet: packet.dts % 7 != 5)
    with VideoReader(clip) as reader:
        assert len(list(reader)) == 43
        assert reader.notes == []
    with VideoReader(truncate(clip, tmp_path / "cut.avi", keep=0.5)) as reader:
        list(reader)
        assert any("ends early" in note for note in reader.notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_what_follows_where_the_clock_starts_anew_is_shown_without_a_break(tmp_path, suffix):
    part = encode_clip(tmp_path / "part.ts", moving_square_frames(25), b_frames=2, audio=True)
    clip = tmp_path / "in.ts"
    clip.write_bytes(part.read_bytes() * 2)
    target = tmp_path / f"out{suffix}"
    notes = convert(clip, target)
    assert any("clock" in note for note in notes)
    shown = times(target)
    assert len(shown) == 50
    assert {b - a for a, b in itertools.pairwise(shown)} == {Fraction(1, 25)}
    assert sound_of(target)[0] == sound_of(clip)[0]
    sound = next(d for d in digest_streams(target, but=0) if d.kind == "audio")
    assert list(sound.pts) == sorted(sound.pts)
    assert abs(sound.pts[-1] * sound.time_base - shown[-1]) < Fraction(1, 10)


@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_a_clock_that_begins_at_ten_hours_begins_at_zero_in_mp4(tmp_path, suffix):
    late = [tick + 36_000 * 25 for tick in range(20)]
    clip = encode_clip(tmp_path / f"in{suffix}", pts=late, audio=True, audio_start_s=36_000.0)
    notes = convert(clip, tmp_path / "out.mp4")
    assert any("begin at 0" in note for note in notes)
    with av.open(str(tmp_path / "out.mp4")) as output:
        assert output.duration is not None
        assert output.duration < 1_200_000
    shown = times(tmp_path / "out.mp4")
    assert shown[0] < Fraction(1, 10)
    assert {b - a for a, b in itertools.pairwise(shown)} == {Fraction(1, 25)}


def with_two_videos(path: Path, *, cover: bool) -> Path:
    """Encode a clip with a second video stream, or a cover picture."""
    first = encode_clip(path.with_name("first.mp4"), audio=True)
    suffix = {True: ".mjpeg", False: ".mkv"}[cover]
    codec, pix_fmt = ("mjpeg", "yuvj420p") if cover else ("libx264", "yuv420p")
    second = encode_clip(
        path.with_name(f"second{suffix}"),
        moving_square_frames(1 if cover else 20),
        codec=codec,
        pix_fmt=pix_fmt,
    )
    with av.open(str(first)) as one, av.open(str(second)) as two, av.open(str(path), "w") as output:
        streams = [output.add_stream_from_template(s, opaque=True) for s in one.streams]
        extra = output.add_stream_from_template(two.streams.video[0], opaque=True)
        if cover:
            extra.disposition = Disposition.attached_pic
        for packet in two.demux():
            if packet.size:
                packet.stream = extra
                packet.pts = packet.dts = packet.pts or 0
                output.mux(packet)
        for packet in one.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    return path


@pytest.mark.parametrize(
    ("suffix", "cover"), [(".mp4", False), (".mp4", True), (".mkv", False), (".ts", False)]
)
def test_a_second_picture_stream_does_not_pass_with_its_faces_without_a_word(
    tmp_path, suffix, cover
):
    clip = with_two_videos(tmp_path / f"in{suffix}", cover=cover)
    notes = convert(clip, tmp_path / f"out{suffix}")
    assert len([s for s in probe(tmp_path / f"out{suffix}").streams if s.kind == "video"]) == 2
    (note,) = [note for note in notes if "not converted" in note]
    assert note.startswith("video stream 2 (")
    assert ("cover picture" in note) == cover
    with pytest.raises(VideoWriteError, match=r"video stream 2 .* would be kept as it is"):
        convert(clip, tmp_path / f"strict{suffix}", strict_streams=True)
    assert not (tmp_path / f"strict{suffix}").exists()


def changing(path: Path, *clips: Path) -> Path:
    """Join transport streams or WebM files of different pictures, without one decoder's reset."""
    with av.open(str(path), "w") as output:
        stream, begin_s = None, Fraction(0)
        for clip in clips:
            with av.open(str(clip)) as given:
                video = given.streams.video[0]
                base = stream_time_base(video)
                stream = stream or output.add_stream_from_template(video, opaque=True)
                for packet in given.demux(video):
                    if packet.dts is not None:
                        shift = round(begin_s / base)
                        packet.pts, packet.dts = (packet.pts or 0) + shift, packet.dts + shift
                        packet.stream = stream
                        output.mux(packet)
            begin_s += Fraction(4, 5)
    return path


def test_a_frame_that_grows_past_the_limit_on_the_way_is_refused(tmp_path):
    small = encode_clip(tmp_path / "a.webm", codec="libvpx")
    frames = moving_square_frames(3, width_px=320, height_px=240)
    large = encode_clip(tmp_path / "b.webm", frames, codec="libvpx")
    clip = changing(tmp_path / "in.webm", small, large)
    with VideoReader(clip) as reader:
        assert len(list(reader)) == 23
    with (
        VideoReader(clip, max_pixels=64 * 48) as reader,
        pytest.raises(VideoReadError, match="decoding stopped after 20 frames"),
    ):
        list(reader)


CHANGES: dict[str, tuple[str, dict[str, Any], str]] = {
    "size, VP8": (".webm", {"codec": "libvpx", "width_px": 32, "height_px": 24}, "size (32x24)"),
    "size, x264": (".ts", {"width_px": 96, "height_px": 80}, "size (96x80)"),
    "range": (".ts", {"color_range": 2}, "colour range"),
    "matrix": (".ts", {"matrix": 1}, "colour matrix"),
    "format": (".ts", {"pix_fmt": "yuv444p"}, "pixel format (yuv444p)"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_pictures_that_change_on_the_way_are_brought_into_the_first_ones_form(tmp_path, name):
    suffix, options, said = CHANGES[name]
    size = {key: options[key] for key in ("width_px", "height_px") if key in options}
    other = {key: value for key, value in options.items() if key not in size}
    plain = {"matrix": 5, "color_range": 1, "options": {"x264-params": "bframes=0"}}
    if "codec" in other:
        plain = {"matrix": 5, "codec": other["codec"]}
    first = encode_clip(tmp_path / f"a{suffix}", **plain)
    frames = moving_square_frames(side_px=8, **size)
    second = encode_clip(tmp_path / f"b{suffix}", frames, **(plain | other))
    clip = changing(tmp_path / f"in{suffix}", first, second)
    target = tmp_path / "out.mkv"
    notes = convert(clip, target, encoder="ffv1")
    assert [note for note in notes if "another" in note] == [
        f"20 frames had another {said} than the first; they were brought into the first one's"
    ]
    assert len(times(target)) == 40
    with VideoReader(target) as reader, VideoReader(second) as own:
        pictures = [frame.thumbnail(32)[0].astype(int) for frame in reader][20:]
        expected = [frame.thumbnail(32)[0].astype(int) for frame in own]
    for one, two in zip(pictures, expected, strict=True):
        shape = min(one.shape[0], two.shape[0]), min(one.shape[1], two.shape[1])
        assert abs(one[: shape[0], : shape[1]] - two[: shape[0], : shape[1]]).mean() < 8
    with (
        pytest.raises(VideoReadError, match="frame 20"),
        VideoReader(clip, on_change="error") as reader,
    ):
        list(reader)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("last_s", [Fraction(1, 25), Fraction(2)])
@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
def test_the_last_frame_lasts_as_long_as_the_sources(tmp_path, suffix, last_s, encoder):
    """After a pause the average frame is far longer than the last."""
    pts = [*range(10), *range(510, 520)]

    def lasting(packet: Any) -> None:
        if packet.pts == 519 * 512:
            packet.duration = round(last_s / packet.time_base)

    plain = encode_clip(tmp_path / "plain.mp4", pts=pts)
    clip = copied(plain, tmp_path / "in.mp4", lasting)
    convert(clip, tmp_path / f"out{suffix}", encoder=encoder)
    with av.open(str(tmp_path / f"out{suffix}")) as output:
        assert output.duration is not None
        assert abs(output.duration / 1e6 - float(Fraction(519, 25) + last_s)) < 0.02


COMMENT = (
    f"Synthetic faces: facemask-video 0.2.0, direction mask, weights sha256 {'ab' * 32}, digital "
    f"source type {provenance.DIGITAL_SOURCE_TYPE}"
)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".ts", ".gif", ".webm"])
def test_every_container_says_that_its_faces_are_synthetic(tmp_path, suffix):
    clip = encode_clip(tmp_path / "in.mp4", moving_square_frames(5))
    encoder = {".gif": "gif", ".webm": "libvpx-vp9"}.get(suffix, "libx264")
    target, made = tmp_path / f"out{suffix}", {"comment": COMMENT}
    with (
        VideoReader(clip) as reader,
        VideoWriter(target, reader, VideoConfig(encoder=encoder), metadata=made) as writer,
    ):
        for frame in reader:
            writer.write(frame)
        writer.finish()
    assert not any("provenance" in note for note in writer.notes)
    assert provenance.read(probe(target).metadata) == provenance.read(made)


@pytest.mark.parametrize("loops", ["-1", "0", "3"])
def test_a_gif_keeps_its_times_and_how_often_it_plays(tmp_path, loops):
    clip = tmp_path / "in.gif"
    with av.open(str(clip), "w", container_options={"loop": loops, "final_delay": "150"}) as output:
        video = output.add_stream("gif", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "rgb8"
        for index, image in enumerate(moving_square_frames(4)):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="rgb8")
            picture.pts, picture.time_base = index, Fraction(1, 10)
            output.mux(video.encode(picture))
        output.mux(video.encode(None))
    target = tmp_path / "out.gif"
    convert(clip, target, encoder="gif")
    assert loop_count(target) == loop_count(clip) == {"-1": None, "0": 0, "3": 3}[loops]
    with av.open(str(clip)) as one, av.open(str(target)) as two:
        assert one.duration == two.duration == 1_800_000


def test_borders_that_the_container_hides_are_not_shown(tmp_path, monkeypatch):
    """FFmpeg's muxers write no crop, so its description of a clip stands in for one that has it."""
    clip = encode_clip(tmp_path / "in.mkv", codec="ffv1")
    with VideoReader(clip) as reader:
        whole = next(iter(reader))
    dump = HeaderDump(side_data={0: {"Frame Cropping": "8/4/10/6"}})
    monkeypatch.setattr(
        sys.modules["facemask_video.video.probe"], "dump_header", lambda container: dump
    )
    with VideoReader(clip) as reader:
        frame = next(iter(reader))
        assert (frame.width_px, frame.height_px) == (48, 36)
        assert any("48x36" in note for note in reader.notes)
    for one, two in zip(frame.samples(), whole.samples(), strict=True):
        sub = 48 // two.shape[0]
        assert (one == two[8 // sub : 44 // sub, 10 // sub : 58 // sub]).all()
    convert(clip, tmp_path / "out.mp4")
    monkeypatch.undo()
    assert probe(tmp_path / "out.mp4").width_px == 48


def test_what_pictures_say_of_themselves_is_noted_where_an_encoder_drops_it(tmp_path):
    clip = encode_clip(tmp_path / "in.mp4", moving_square_frames(5))
    info = dataclasses.replace(probe(clip), side_data=("A53_CC", "SPHERICAL"))
    lost = find_lost(info, probe(clip), "mp4", streams_missing=0)
    assert [text.partition(" is lost")[0] for text in lost] == [
        "the tag that the picture is a spherical one (360 degrees)",
        "the closed captions in the pictures",
    ]


def test_transparency_that_is_lost_is_noted_and_not_announced(tmp_path):
    clip = encode_clip(tmp_path / "in.webm", moving_square_frames(3), codec="libvpx-vp9")
    alpha = tmp_path / "alpha.webm"
    with av.open(str(clip)) as given, av.open(str(alpha), "w") as output:
        video = output.add_stream_from_template(given.streams.video[0], opaque=True)
        video.metadata["alpha_mode"] = "1"
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = video
                output.mux(packet)
    assert "ALPHA" in probe(alpha).side_data
    notes = convert(alpha, tmp_path / "out.webm", encoder="libvpx-vp9")
    assert any("transparency" in note for note in notes)
    tags = probe(tmp_path / "out.webm").streams[0].metadata
    assert "alpha_mode" not in {key.lower() for key in tags}
    bgra = encode_clip(tmp_path / "bgra.mkv", moving_square_frames(3), codec="ffv1", pix_fmt="bgra")
    assert any("transparency" in note for note in convert(bgra, tmp_path / "bgra.mp4"))


@pytest.mark.parametrize(("suffix", "codec"), [(".webm", "vp9"), (".gif", "gif"), (".avi", "h264")])
def test_a_container_that_cannot_hold_the_default_gets_its_own_encoder(tmp_path, suffix, codec):
    clip = encode_clip(tmp_path / "in.mp4", moving_square_frames(5))
    notes = convert(clip, tmp_path / f"out{suffix}")
    assert probe(tmp_path / f"out{suffix}").codec == codec
    assert any("cannot hold H.264" in note for note in notes) == (codec != "h264")


def test_a_gif_becomes_what_browsers_play(tmp_path):
    clip = encode_clip(tmp_path / "in.mp4", moving_square_frames(5))
    convert(clip, tmp_path / "in.gif")
    convert(tmp_path / "in.gif", tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").pixel_format == "yuv420p"


@pytest.mark.parametrize("encoder", ["prores_ks", "mjpeg", "ffv1", "mpeg2video"])
def test_an_encoder_works_as_it_is(tmp_path, encoder):
    clip = encode_clip(tmp_path / "in.mp4", matrix=5, color_range=1)
    target = tmp_path / "out.mkv"
    convert(clip, target, encoder=encoder)
    with VideoReader(clip) as one, VideoReader(target) as two:
        for before, after in zip(one, two, strict=True):
            size = Box(0, 0, 64, 48)
            difference = before.read_region(size).astype(int) - after.read_region(size)
            assert abs(difference).mean() < 6


def test_hevc_in_mp4_has_the_name_that_players_know_and_its_encoder_is_silent(tmp_path, capfd):
    clip = encode_clip(tmp_path / "in.mp4", moving_square_frames(5))
    convert(clip, tmp_path / "out.mp4", encoder="libx265")
    assert capfd.readouterr().err == ""
    data = (tmp_path / "out.mp4").read_bytes()
    assert b"hvc1" in data
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_the_chroma_siting_is_kept_or_noted(tmp_path, suffix, number):
    params = {"x264-params": f"chromaloc={number}:colorprim=bt709"}
    clip = encode_clip(tmp_path / f"in{suffix}", options=params)
    named = ("left", "center", "topleft", "top", "bottomleft", "bottom")[number]
    assert probe(clip).chroma_siting == named
    assert not any("siting" in note for note in convert(clip, tmp_path / f"out{suffix}"))
    assert probe(tmp_path / f"out{suffix}").chroma_siting == named
    notes = convert(clip, tmp_path / "out.avi", encoder="mpeg4")
    assert any(f"chroma siting {named}" in note for note in notes) == (number > 0)
    rows = verify(clip, tmp_path / "out.avi").rows
    assert next(row.ok for row in rows if row.name == "chroma siting") == (number == 0)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        *(("libx265", suffix) for suffix in (".mp4", ".mkv", ".ts", ".265")),
        *(("libsvtav1", suffix) for suffix in (".mp4", ".mkv")),
        *(("libvpx-vp9", ".webm"), ("mpeg2video", ".mkv"), ("ffv1", ".mkv")),
    ],
)
def test_every_codec_and_container_is_asked_for_the_chroma_siting(tmp_path, codec, suffix, capfd):
    options = {"chroma_sample_location": "topleft", "x265-params": "log-level=none"}
    clip = encode_clip(
        tmp_path / f"in{suffix}",
        moving_square_frames(3),
        codec=codec,
        options=options if codec == "libx265" else {"chroma_sample_location": "topleft"},
    )
    assert probe(clip).chroma_siting == "topleft"
    for encoder in ("libx264", "libx265"):
        target = tmp_path / f"{encoder}.mp4"
        assert not any("siting" in note for note in convert(clip, target, encoder=encoder))
        assert probe(target).chroma_siting == "topleft"
    capfd.readouterr()


def test_jpeg_pictures_keep_their_chroma_in_the_middle(tmp_path):
    clip = encode_clip(
        tmp_path / "in.avi", moving_square_frames(3), codec="mjpeg", pix_fmt="yuvj420p"
    )
    assert not any("siting" in note for note in convert(clip, tmp_path / "out.mp4"))
    assert probe(tmp_path / "out.mp4").chroma_siting == probe(clip).chroma_siting == "center"
    full = encode_clip(
        tmp_path / "full.avi", moving_square_frames(3), codec="mjpeg", pix_fmt="yuvj444p"
    )
    assert probe(full).chroma_siting == "left"
