"""Whatever is done to a file, it is read, or refused in one line."""

import random
import struct

import av
import pytest

from facemask_video.core.errors import FacemaskVideoError, VideoReadError
from facemask_video.video import VideoReader, probe
from tests.synthetic import encode_clip, moving_square_frames, truncate

SOURCES = {
    ".mp4": "libx264",
    ".mkv": "libvpx-vp9",
    ".avi": "mpeg4",
    ".ts": "mpeg2video",
    ".gif": "gif",
}


@pytest.mark.parametrize("suffix", SOURCES)
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path, suffix):
    frames = moving_square_frames(10)
    pix_fmt = "rgb8" if suffix == ".gif" else "yuv420p"
    whole = encode_clip(tmp_path / f"in{suffix}", frames, codec=SOURCES[suffix], pix_fmt=pix_fmt)
    intact = whole.read_bytes()
    damaged = tmp_path / f"damaged{suffix}"
    for seed in range(12):
        chance, data = random.Random(seed), bytearray(intact)
        for _ in range(chance.choice([1, 5, 30])):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        damaged.write_bytes(data)
        read_or_refuse(damaged)
    for part in range(1, 10):
        read_or_refuse(truncate(whole, damaged, keep=part / 10))


def read_or_refuse(path):
    refused = ""
    times = []
    try:
        with VideoReader(path) as reader:
            times = [frame.pts for frame in reader]
    except FacemaskVideoError as exc:
        refused = str(exc)
    assert times or refused
    assert "\n" not in refused


def test_an_end_that_cannot_be_demuxed_keeps_the_pictures_before_it(tmp_path):
    clip = encode_clip(tmp_path / "in.nut", moving_square_frames(10))
    with av.open(str(clip)) as container:
        packets = [bytes(packet) for packet in container.demux() if packet.size]
    data = bytearray(clip.read_bytes())
    at = data.rindex(packets[7])
    data[at : at + len(packets[7])] = b"\xff" * len(packets[7])
    # The index, without which a seek fails too.
    at = data.rindex(packets[8])
    data[at:] = bytes(len(data) - at)
    clip.write_bytes(data)
    with VideoReader(clip) as reader:
        assert len(list(reader)) == 7
    assert any("corrupt video packet" in note for note in reader.notes)


@pytest.mark.parametrize("time", [1 << 40, (1 << 63) - 1, 1 << 63, (1 << 63) + (1 << 20)])
def test_a_packet_that_claims_a_time_no_clock_has_follows_the_one_before(tmp_path, time):
    clip = encode_clip(tmp_path / "in.ivf", moving_square_frames(5), codec="libvpx")
    data = bytearray(clip.read_bytes())
    # The file's header, the size and time of the first packet, the packet, the size of the second.
    first = 32 + 12 + struct.unpack_from("<I", data, 32)[0]
    struct.pack_into("<Q", data, first + 4, time)
    clip.write_bytes(data)
    with VideoReader(clip) as reader:
        assert [frame.pts for frame in reader] == [0, 1, 2, 3, 4]


def test_a_header_that_claims_a_huge_picture_is_refused(tmp_path):
    clip = encode_clip(tmp_path / "in.avi", moving_square_frames(3), codec="rawvideo")
    data = bytearray(clip.read_bytes())
    at = data.index(b"strf") + 12
    assert struct.unpack("<ii", data[at : at + 8]) == (64, 48)
    data[at : at + 8] = struct.pack("<ii", 60000, 60000)
    clip.write_bytes(data)
    with pytest.raises(VideoReadError, match=r"60000x60000|cannot|not a|no frames"):
        probe(clip)


def test_the_most_px_of_a_frame_are_an_option(tmp_path):
    clip = encode_clip(tmp_path / "in.mp4", moving_square_frames(3))
    assert probe(clip, max_pixels=64 * 48).width_px == 64
    for opened in (probe, VideoReader):
        with pytest.raises(VideoReadError, match=r"64x48, more than 3071 px \(--max-pixels\)"):
            opened(clip, max_pixels=64 * 48 - 1)


@pytest.mark.parametrize(("width_px", "height_px"), [(66, 50), (130, 18)])
def test_a_limit_that_is_a_clips_own_size_does_not_refuse_it(tmp_path, width_px, height_px):
    """Decoders allocate whole blocks: 1088 rows for 1080."""
    frames = moving_square_frames(3, width_px=width_px, height_px=height_px)
    clip = encode_clip(tmp_path / "in.mp4", frames)
    with VideoReader(clip, max_pixels=width_px * height_px) as reader:
        assert len(list(reader)) == 3
