"""What a file holds beside faces comes out as it went in."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facemask_video.config import VideoConfig
from facemask_video.core.errors import VideoWriteError
from facemask_video.core.frame import Patch
from facemask_video.core.geometry import Box
from facemask_video.video import VideoReader, VideoWriter, beside, probe
from facemask_video.video.compare import digest_streams, largest_difference
from tests.synthetic import encode_clip, moving_square_frames


def convert(source: Path, target: Path, **options: object) -> list[str]:
    """Read and write a clip unchanged; the notes of both."""
    bounds = {key: options.pop(key) for key in ("start_s", "end_s") if key in options}
    with (
        VideoReader(source, **bounds) as reader,
        VideoWriter(target, reader, VideoConfig(**options)) as writer,
    ):
        for frame in reader:
            writer.write(frame)
        writer.finish()
    return reader.notes + writer.notes


def times(path: Path) -> list[Fraction]:
    with VideoReader(path) as reader:
        return [frame.pts * frame.time_base for frame in reader]


def worst(source: Path, output: Path) -> int:
    with VideoReader(source) as first, VideoReader(output) as second:
        return max(largest_difference(a, b, []) for a, b in zip(first, second, strict=True))


def tags(path: Path) -> tuple[object, ...]:
    info = probe(path)
    return (
        *(info.width_px, info.height_px, info.rotation_deg, info.mirrored),
        *(info.sample_aspect, info.matrix, info.color_range, info.primaries, info.transfer),
    )


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        *[("ffv1", f) for f in ("yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv420p10le")],
        *[("ffv1", f) for f in ("yuv422p10le", "yuv444p12le", "gray", "gray10le", "bgra")],
        *[("ffv1", f) for f in ("gbrp10le", "yuva420p")],
        *[("rawvideo", f) for f in ("nv12", "uyvy422", "yuyv422", "rgb24", "bgr24")],
        *[("mjpeg", f) for f in ("yuvj420p", "yuvj422p", "yuvj444p")],
        *[("libx264", f) for f in ("yuv420p10le", "yuv444p", "yuv422p10le", "nv16", "gray")],
        *[("libx265", f) for f in ("yuv420p10le", "yuv420p12le")],
        *[("libvpx-vp9", f) for f in ("yuv420p", "yuv444p")],
        ("mpeg4", "yuv420p"),
    ],
)
def test_ffv1_keeps_every_sample_of_every_pixel_format(tmp_path, codec, pix_fmt):
    suffix = ".nut" if codec == "rawvideo" else ".mkv"
    source = encode_clip(
        tmp_path / f"in{suffix}", moving_square_frames(5), codec=codec, pix_fmt=pix_fmt
    )
    notes = convert(source, tmp_path / "out.mkv", encoder="ffv1")
    if pix_fmt in ("rgb24", "bgr24", "uyvy422", "yuyv422", "nv12"):
        # No such planes in ffv1: the nearest holds the same samples in another order.
        assert any("becomes" in note for note in notes)
        with VideoReader(source) as first, VideoReader(tmp_path / "out.mkv") as second:
            for one, two in zip(first, second, strict=True):
                for a, b in zip(one.samples(), two.samples(), strict=True):
                    assert np.array_equal(a, b)
    else:
        assert worst(source, tmp_path / "out.mkv") == 0
    assert times(tmp_path / "out.mkv") == times(source)


def test_only_the_patched_rectangle_differs_after_a_lossless_round_trip(tmp_path):
    source = encode_clip(tmp_path / "in.mp4", pix_fmt="yuv420p10le", matrix=9, color_range=1)
    box = Box(11, 9, 31, 30)
    image = np.full((21, 20, 3), 200, np.uint8)
    with (
        VideoReader(source) as reader,
        VideoWriter(tmp_path / "out.mkv", reader, VideoConfig(encoder="ffv1")) as writer,
    ):
        for frame in reader:
            alpha = np.full((21, 20), frame.index % 2, np.float32)
            writer.write(frame.with_patches([Patch(box, image, alpha)]))
        writer.finish()
    with VideoReader(source) as first, VideoReader(tmp_path / "out.mkv") as second:
        for one, two in zip(first, second, strict=True):
            assert largest_difference(one, two, [box]) == 0
            assert (largest_difference(one, two, []) > 0) == (one.index % 2 == 1)


VFR = [0, 40, 80, 200, 220, 260, 500, 501, 502, 900]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("start", [0, 7000, 123])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_writer_keeps_variable_frame_times(tmp_path, suffix, start, b_frames):
    source = encode_clip(
        tmp_path / f"in{suffix}",
        moving_square_frames(len(VFR)),
        time_base=Fraction(1, 1000),
        pts=[start + tick for tick in VFR],
        b_frames=b_frames,
    )
    assert times(source) == [Fraction(start + tick, 1000) for tick in VFR]
    convert(source, tmp_path / f"out{suffix}")
    assert times(tmp_path / f"out{suffix}") == times(source)


def test_a_clock_of_microseconds_is_kept_in_mp4(tmp_path):
    source = encode_clip(
        tmp_path / "in.mov",
        moving_square_frames(4),
        time_base=Fraction(1, 1_000_000),
        pts=[7_000_001, 7_040_000, 7_040_001, 7_123_457],
    )
    convert(source, tmp_path / "out.mp4")
    assert times(tmp_path / "out.mp4") == times(source)


def test_frames_that_share_a_time_are_all_kept_and_noted(tmp_path):
    source = encode_clip(tmp_path / "in.mp4", moving_square_frames(4))
    with (
        VideoReader(source) as reader,
        VideoWriter(tmp_path / "out.mp4", reader) as writer,
    ):
        for frame in reader:
            writer.write(frame)
            if frame.index == 2:
                writer.write(frame)
        writer.finish()
    assert len(times(tmp_path / "out.mp4")) == 5
    assert any("1 frames were due no later" in note for note in writer.notes)


def test_mastering_data_that_cannot_be_kept_is_named(tmp_path):
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    source = encode_clip(
        tmp_path / "in.mkv",
        moving_square_frames(3),
        codec="libx265",
        pix_fmt="yuv420p10le",
        options={"x265-params": f"master-display={display}:max-cll=1000,400:log-level=none"},
    )
    notes = convert(source, tmp_path / "out.mkv")
    assert any("MASTERING_DISPLAY_METADATA, CONTENT_LIGHT_LEVEL" in note for note in notes)


@pytest.mark.parametrize("encoder", ["libx264", "ffv1"])
def test_interlaced_pictures_stay_interlaced(tmp_path, encoder):
    source = encode_clip(
        tmp_path / "in.mkv", moving_square_frames(5), options={"x264-params": "tff=1"}
    )
    assert probe(source).interlaced
    convert(source, tmp_path / "out.mkv", encoder=encoder)
    assert probe(tmp_path / "out.mkv").interlaced


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mov"])
def test_decoding_times_before_zero_move_no_frame(tmp_path, suffix):
    source = encode_clip(tmp_path / "in.mp4", b_frames=2, audio=True)
    convert(source, tmp_path / f"out{suffix}", encoder_options={"bf": "3"})
    assert times(tmp_path / f"out{suffix}") == times(source)


@pytest.mark.parametrize(
    "rate", [Fraction(30000, 1001), Fraction(24), Fraction(50), Fraction(15, 2)]
)
def test_writer_keeps_time_base_and_rate(tmp_path, rate):
    source = encode_clip(tmp_path / "in.mp4", rate=rate, b_frames=2)
    convert(source, tmp_path / "out.mp4")
    assert times(tmp_path / "out.mp4") == times(source)
    ours, theirs = probe(tmp_path / "out.mp4"), probe(source)
    assert (ours.time_base, ours.frame_rate) == (theirs.time_base, theirs.frame_rate)


def test_a_container_with_a_coarser_clock_is_noted_with_the_deviation(tmp_path):
    source = encode_clip(tmp_path / "in.mp4", rate=30)
    notes = convert(source, tmp_path / "out.mkv")
    assert any("at most 0.333 ms" in note for note in notes)
    assert all(
        abs(a - b) <= Fraction(1, 2000)
        for a, b in zip(times(source), times(tmp_path / "out.mkv"), strict=True)
    )


def test_avi_counts_frames_and_says_what_that_costs(tmp_path):
    source = encode_clip(
        tmp_path / "in.mkv",
        moving_square_frames(6),
        time_base=Fraction(1, 1000),
        pts=[0, 40, 80, 130, 160, 200],
    )
    notes = convert(source, tmp_path / "out.avi", encoder="mpeg4")
    assert len(times(tmp_path / "out.avi")) == 6
    assert any("10.000 ms" in note for note in notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize(
    ("matrix", "color_range", "primaries", "transfer"),
    [(1, 1, 1, 1), (9, 1, 9, 16), (6, 2, 6, 6), (5, 1, 5, 6), (2, 0, 2, 2)],
)
def test_colour_tags_are_kept(tmp_path, suffix, matrix, color_range, primaries, transfer):
    source = encode_clip(
        tmp_path / f"in{suffix}",
        moving_square_frames(3),
        matrix=matrix,
        color_range=color_range,
        primaries=primaries,
        transfer=transfer,
        sample_aspect=Fraction(4, 3),
    )
    convert(source, tmp_path / f"out{suffix}")
    assert tags(tmp_path / f"out{suffix}") == tags(source)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_rotation_is_kept(tmp_path, suffix, rotation_deg):
    source = encode_clip(
        tmp_path / f"in{suffix}", moving_square_frames(3), rotation_deg=rotation_deg
    )
    convert(source, tmp_path / f"out{suffix}")
    assert tags(tmp_path / f"out{suffix}") == tags(source)
    assert probe(source).rotation_deg == rotation_deg


@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(15, 16), Fraction(853, 854)])
@pytest.mark.parametrize(
    ("suffix", "encoder"),
    [(".webm", "libvpx-vp9"), (".mkv", "libvpx"), (".mkv", "ffv1"), (".mp4", "libx264")],
)
def test_pixel_aspect_is_kept(tmp_path, suffix, encoder, aspect):
    source = encode_clip(
        tmp_path / "in.mp4", sample_aspect=aspect, audio=True, chapters=[(0.0, 0.5, "one")]
    )
    convert(source, tmp_path / f"out{suffix}", encoder=encoder, audio=suffix != ".webm")
    assert probe(source).sample_aspect == aspect
    assert probe(tmp_path / f"out{suffix}").sample_aspect == aspect
    assert times(tmp_path / f"out{suffix}") == times(source)
    assert len(probe(tmp_path / f"out{suffix}").chapters) == 1
    with VideoReader(tmp_path / f"out{suffix}", start_s=0.5) as reader:
        assert len(list(reader)) == 7, "the index still finds its way"


def full_clip(path: Path) -> Path:
    return encode_clip(
        path,
        moving_square_frames(50),
        codec="libx264",
        b_frames=2,
        audio=True,
        subtitles=[(0.2, 0.6, "hello"), (0.9, 1.2, "there"), (1.5, 1.9, "bye")],
        chapters=[(0.0, 1.0, "one"), (1.0, 2.0, "two")],
        attachment=b"abc" * 100,
        metadata={"title": "Beach", "comment": "Holiday", "odd key": "kept"},
        language="deu",
    )


def test_every_other_stream_is_copied_packet_by_packet(tmp_path):
    source = full_clip(tmp_path / "in.mkv")
    notes = convert(source, tmp_path / "out.mkv")
    assert notes == []
    ours, theirs = (digest_streams(p, but=0) for p in (tmp_path / "out.mkv", source))
    assert [(d.kind, d.codec, d.sha256, list(d.pts)) for d in ours] == [
        (d.kind, d.codec, d.sha256, list(d.pts)) for d in theirs
    ]
    assert [d.kind for d in ours] == ["audio", "subtitle", "attachment"]
    before, after = probe(source), probe(tmp_path / "out.mkv")
    assert after.chapters == before.chapters
    assert {k: v for k, v in after.metadata.items() if k != "ENCODER"} == {
        k: v for k, v in before.metadata.items() if k != "ENCODER"
    }
    assert [(s.language, s.title, s.dispositions) for s in after.streams] == [
        (s.language, s.title, s.dispositions) for s in before.streams
    ]


def test_a_stream_that_the_container_cannot_hold_is_named(tmp_path):
    source = full_clip(tmp_path / "in.mkv")
    notes = convert(source, tmp_path / "out.mp4")
    assert [note.partition(" is left out")[0] for note in notes] == [
        "subtitle stream 2 (subrip)",
        "attachment stream 3 (notes.txt)",
    ]
    assert [s.kind for s in probe(tmp_path / "out.mp4").streams] == ["video", "audio"]
    with (
        VideoReader(source) as reader,
        pytest.raises(VideoWriteError, match=r"subtitle stream 2 .* leave --strict-streams out"),
    ):
        VideoWriter(tmp_path / "strict.mp4", reader, VideoConfig(strict_streams=True))
    assert not (tmp_path / "strict.mp4").exists()


def test_audio_can_be_left_out(tmp_path):
    source = full_clip(tmp_path / "in.mkv")
    convert(source, tmp_path / "out.mkv", audio=False)
    assert [s.kind for s in probe(tmp_path / "out.mkv").streams] == [
        *("video", "subtitle", "attachment")
    ]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_audio_that_begins_before_zero_moves_no_frame(tmp_path, suffix):
    """AAC priming lies before 0; a muxer left to itself shifts all streams by it."""
    source = encode_clip(tmp_path / "in.mp4", audio=True)
    assert digest_streams(source, but=0)[0].pts[0] < 0
    convert(source, tmp_path / f"out{suffix}")
    assert times(tmp_path / f"out{suffix}") == times(source)
    assert digest_streams(tmp_path / f"out{suffix}", but=0)[0].sha256 == (
        digest_streams(source, but=0)[0].sha256
    )


def cover(path: Path) -> Path:
    """Add a cover picture to a clip."""
    clip = encode_clip(path.with_name("bare.mp4"), audio=True)
    with av.open(str(clip)) as source, av.open(str(path), "w") as output:
        streams = {s.index: output.add_stream_from_template(s, opaque=True) for s in source.streams}
        art = output.add_stream("mjpeg", rate=1)
        art.width, art.height, art.pix_fmt = 32, 32, "yuvj420p"
        art.disposition = av.stream.Disposition.attached_pic
        output.mux(art.encode(av.VideoFrame(32, 32, "yuvj420p")))
        output.mux(art.encode(None))
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    return path


@pytest.mark.parametrize("suffixes", [[".mp4"], [".mkv"], [".mkv", ".mkv"], [".mkv", ".mp4"]])
def test_cover_art_is_carried_and_never_taken_for_the_video(tmp_path, suffixes):
    source = last = cover(tmp_path / "in.mp4")
    for number, suffix in enumerate(suffixes):
        previous, last = last, tmp_path / f"out{number}{suffix}"
        convert(previous, last)
    info = probe(last)
    assert (info.width_px, info.codec) == (64, "h264")
    kinds = [(s.kind, s.codec, "attached_pic" in s.dispositions) for s in info.streams]
    assert kinds == [("video", "h264", False), ("audio", "aac", False), ("video", "mjpeg", True)]
    ours, theirs = (digest_streams(p, but=0) for p in (last, source))
    assert [d.sha256 for d in ours] == [d.sha256 for d in theirs]


@pytest.mark.parametrize("late", [0, 5])
def test_a_range_begins_at_zero_and_cuts_every_stream_alike(tmp_path, late):
    frames = moving_square_frames(50)
    source = encode_clip(
        tmp_path / "in.mkv",
        frames,
        codec="ffv1",
        time_base=Fraction(1, 1000),
        pts=[late * 1000 + 40 * index for index in range(50)],
        audio=True,
        audio_start_s=late,
        chapters=[(late + 0.0, late + 1.0, "one"), (late + 1.0, late + 2.0, "two")],
    )
    convert(source, tmp_path / "out.mkv", encoder="ffv1", start_s=0.5, end_s=1.3)
    assert times(tmp_path / "out.mkv") == [Fraction(index, 25) for index in range(20)]
    with VideoReader(source, start_s=0.5, end_s=1.3) as first:
        kept = list(first)
    # 0.5 s falls between frames 12 (0.48 s) and 13 (0.52 s).
    assert [frame.pts - late * 1000 for frame in kept] == [40 * index for index in range(13, 33)]
    with VideoReader(tmp_path / "out.mkv") as second:
        assert all(largest_difference(a, b, []) == 0 for a, b in zip(kept, second, strict=True))
    audio = digest_streams(tmp_path / "out.mkv", but=0)[0]
    assert 0 <= audio.pts[0] < 22
    assert 0.75 < audio.pts[-1] / 1000 < 0.8
    chapters = probe(tmp_path / "out.mkv").chapters
    assert [(float(c.start_s), float(c.end_s)) for c in chapters] == [(0.0, 0.48), (0.48, 0.78)]


@pytest.mark.parametrize(
    ("source_format", "encoder", "chosen", "noted"),
    [
        ("yuv420p10le", "libx264", "yuv420p10le", False),
        ("yuv422p", "libx264", "yuv422p", False),
        ("yuv444p10le", "libx264", "yuv444p10le", False),
        ("yuv422p12le", "libx264", "yuv422p10le", True),
        ("yuv422p10le", "mpeg4", "yuv420p", True),
        ("bgra", "libx264", "yuv444p", True),
        ("gray", "mpeg4", "yuv420p", True),
    ],
)
def test_the_nearest_pixel_format_is_taken_and_said(
    tmp_path, source_format, encoder, chosen, noted
):
    source = encode_clip(
        tmp_path / "in.mkv", moving_square_frames(3), codec="ffv1", pix_fmt=source_format
    )
    notes = convert(source, tmp_path / "out.mkv", encoder=encoder)
    assert probe(tmp_path / "out.mkv").pixel_format == chosen
    assert any(f"becomes {chosen}" in note for note in notes) == noted


def test_an_odd_size_is_kept_in_a_format_that_can_hold_it(tmp_path):
    frames = moving_square_frames(3, width_px=63, height_px=47)
    source = encode_clip(tmp_path / "in.mkv", frames, codec="ffv1")
    notes = convert(source, tmp_path / "out.mp4")
    info = probe(tmp_path / "out.mp4")
    assert (info.width_px, info.height_px, info.pixel_format) == (63, 47, "yuv444p")
    assert any("odd size" in note for note in notes)


def test_rgb_becomes_yuv_by_the_matrix_that_is_tagged(tmp_path):
    drawn = moving_square_frames(2)
    source = encode_clip(tmp_path / "in.mkv", drawn, codec="ffv1", pix_fmt="bgra")
    convert(source, tmp_path / "out.mp4", crf=1)
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert (reader.info.matrix, reader.info.color_range) == ("smpte170m", "limited")
        region = next(iter(reader)).read_region(Box(0, 0, 64, 48))
    assert np.abs(region.astype(int) - drawn[0]).mean() < 2


def gif(path: Path) -> Path:
    return encode_clip(path, moving_square_frames(6), codec="gif", pix_fmt="rgb8", rate=10)


def test_a_gif_can_be_read_and_written(tmp_path):
    source = gif(tmp_path / "in.gif")
    convert(source, tmp_path / "out.mkv", encoder="ffv1")
    assert worst(source, tmp_path / "out.mkv") == 0
    notes = convert(source, tmp_path / "out.gif", encoder="gif")
    assert times(tmp_path / "out.gif") == times(source)
    assert any("becomes" in note for note in notes)


@pytest.mark.parametrize("columns", [2, 3])
def test_a_layout_is_written_wide(tmp_path, columns):
    source = encode_clip(tmp_path / "in.mp4", rotation_deg=90)
    with (
        VideoReader(source) as reader,
        VideoWriter(tmp_path / "out.mp4", reader, columns=columns) as writer,
    ):
        for frame in reader:
            writer.write(beside([frame] * columns))
        writer.finish()
    info = probe(tmp_path / "out.mp4")
    assert (info.width_px, info.height_px) == (64 * columns, 48)
    assert times(tmp_path / "out.mp4") == times(source)


def without_times(path: Path) -> Path:
    """Write an AVI of MPEG-4 with B-frames, which stores no presentation times."""
    return encode_clip(path, codec="mpeg4", b_frames=2)


def test_frames_without_times_are_all_delivered_in_order(tmp_path):
    source = without_times(tmp_path / "in.avi")
    with VideoReader(source) as reader:
        pts = [frame.pts for frame in reader]
    assert len(pts) == 20
    assert pts == sorted(set(pts))


def test_encoder_options_reach_the_encoder(tmp_path):
    source = encode_clip(tmp_path / "in.mp4", moving_square_frames(12))
    convert(source, tmp_path / "out.mp4", encoder_options={"g": "3", "bf": "0"}, preset="fast")
    with av.open(str(tmp_path / "out.mp4")) as container:
        keys = [p.is_keyframe for p in container.demux(video=0) if p.size]
    assert keys == [index % 3 == 0 for index in range(12)]


def test_writers_target_appears_only_when_finished(tmp_path):
    source = encode_clip(tmp_path / "in.mp4")
    target = tmp_path / "out.mp4"

    def seen() -> Iterator[bool]:
        with VideoReader(source) as reader, VideoWriter(target, reader) as writer:
            for frame in reader:
                writer.write(frame)
                yield target.exists()
            writer.finish()
            yield target.exists()

    assert list(seen()) == [False] * 20 + [True]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
