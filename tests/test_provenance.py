"""Provenance survives every container, beside what the source said."""

from pathlib import Path

import pytest

from facemask_video import provenance
from facemask_video.config import VideoConfig
from facemask_video.core.direction import Direction
from facemask_video.video import VideoReader, VideoWriter, probe
from tests.synthetic import encode_clip, moving_square_frames

SHA = "0123456789abcdef" * 4


def convert(source: Path, target: Path, direction: Direction, encoder: str = "mpeg4") -> None:
    tags = provenance.describe(direction, "1.2.3", SHA)
    with (
        VideoReader(source) as reader,
        VideoWriter(target, reader, VideoConfig(encoder=encoder), metadata=tags) as writer,
    ):
        for frame in reader:
            writer.write(frame)
        writer.finish()


@pytest.mark.parametrize(
    ("suffix", "encoder"),
    [
        (".mp4", "mpeg4"),
        (".mov", "mpeg4"),
        (".mkv", "ffv1"),
        (".webm", "libvpx"),
        (".avi", "mpeg4"),
    ],
)
def test_provenance_survives_beside_the_sources_comment(tmp_path, suffix, encoder):
    clip = encode_clip(
        tmp_path / "in.mkv",
        moving_square_frames(3),
        codec="ffv1",
        metadata={"comment": "Holiday", "title": "Beach"},
    )
    target = tmp_path / f"out{suffix}"
    convert(clip, target, Direction.MASK, encoder)

    tags = {key.lower(): value for key, value in probe(target).metadata.items()}
    made = provenance.read(tags)
    assert made == provenance.Provenance(
        "facemask-video", "1.2.3", "mask", SHA, provenance.DIGITAL_SOURCE_TYPE
    )
    assert tags["comment"].startswith("Holiday | ")
    assert tags["title"] == "Beach"
    if suffix != ".avi":
        assert tags["digital_source_type"] == provenance.DIGITAL_SOURCE_TYPE


def test_the_last_conversion_counts(tmp_path):
    clip = encode_clip(tmp_path / "in.mkv", moving_square_frames(3), codec="ffv1")
    convert(clip, tmp_path / "masked.mp4", Direction.MASK)
    convert(tmp_path / "masked.mp4", tmp_path / "bare.mkv", Direction.UNMASK)

    made = provenance.read(probe(tmp_path / "bare.mkv").metadata)
    assert made is not None
    assert made.direction == "unmask"


def test_a_plain_file_has_no_provenance(tmp_path):
    clip = encode_clip(tmp_path / "in.mp4", moving_square_frames(3), metadata={"comment": "mine"})
    assert provenance.read(probe(clip).metadata) is None
