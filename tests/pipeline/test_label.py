"""A label in the corner of what shows a translated face: where, on which frames, and verified."""

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facemask_video.config import (
    CompositeConfig,
    ConvertConfig,
    DetectConfig,
    OutputConfig,
    SourceConfig,
    VideoConfig,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.geometry import Box
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.frames import convert_frames
from facemask_video.pipeline.labelling import label_stage
from facemask_video.pipeline.picture import convert_picture
from facemask_video.pipeline.report import ConversionReport
from facemask_video.stills.read import read_stills
from facemask_video.track import Sidecar
from facemask_video.verify import verify
from facemask_video.video import VideoReader, probe
from tests.fakes import ScriptedDetector, detection_at, fake_networks
from tests.stills.drawn import encoded, photograph
from tests.synthetic import encode_clip, moving_square_frames

_TEXT = "Synthetic face"
_WIDTH_PX, _HEIGHT_PX = 160, 120
_FACE = detection_at(110, 40, 40)


def _config(tracks: Path, *, source: SourceConfig | None = None, **output: Any) -> ConvertConfig:
    return ConvertConfig(
        Direction.MASK,
        detect=DetectConfig(min_face_px=20, every=1),
        composite=CompositeConfig(color="none"),
        source=source or SourceConfig(),
        video=VideoConfig(encoder="ffv1"),
        output=OutputConfig(**{"tracks_out": tracks, "label": _TEXT, "overwrite": True, **output}),
    )


def _clip(path: Path, *, n_frames: int = 3, **options: Any) -> Path:
    frames = moving_square_frames(n_frames, width_px=_WIDTH_PX, height_px=_HEIGHT_PX)
    return encode_clip(path, frames, **options)


def _convert(source: Path, out: Path, *, script: Any = (_FACE,), **output: Any) -> ConversionReport:
    networks = fake_networks(ScriptedDetector(script, _WIDTH_PX))
    return convert(source, out, _config(out.with_suffix(".jsonl"), **output), networks=networks)


def _failures(source: Path, out: Path, *, tracks: Path | None = None) -> list[str]:
    checked = verify(source, out, tracks=tracks or out.with_suffix(".jsonl"))
    return [row.name for row in checked.rows if not row.ok]


def _labels(out: Path) -> list[Box | None]:
    return [line.label for line in Sidecar(out.with_suffix(".jsonl"))]


@pytest.mark.parametrize(
    ("pixel_format", "options"),
    [
        ("yuv420p", {}),
        ("yuv422p10le", {}),
        ("yuv444p", {}),
        ("yuv420p", {"rotation_deg": 90}),
    ],
)
def test_nothing_but_faces_and_the_label_differs_in_the_frames_own_planes(
    pixel_format: str, options: dict[str, Any], tmp_path: Path
) -> None:
    source = _clip(tmp_path / "in.mp4", pix_fmt=pixel_format, **options)
    plain, out = tmp_path / "plain.mkv", tmp_path / "out.mkv"
    _convert(source, plain, label=None)

    _convert(source, out)

    assert _failures(source, out) == []
    # A file that does not name the label's place does not excuse it.
    unnamed = plain.with_suffix(".jsonl")
    assert _labels(plain) == [None] * 3
    assert _failures(source, out, tracks=unnamed) == ["samples outside the regions"]
    box = _labels(out)[0]
    assert box is not None
    with VideoReader(out) as reader:
        corner = next(iter(reader)).read_region(box)
    assert corner.max() > 240


@pytest.mark.parametrize("label_on", ["faces", "all"])
@pytest.mark.parametrize("no_face", ["copy", "encode"])
def test_frames_before_the_first_face_are_labelled_only_where_all_are(
    label_on: str, no_face: str, tmp_path: Path
) -> None:
    # Of the encoder's codec: frames wait, not to be encoded if no face comes.
    source, out = _clip(tmp_path / "in.mkv", n_frames=20, codec="ffv1"), tmp_path / "out.mkv"

    report = _convert(
        source,
        out,
        script={index: [_FACE] for index in range(8, 20)},
        label_on=label_on,
        no_face=no_face,
    )

    assert 0 < report.faces_changed < 20
    lines = list(Sidecar(out.with_suffix(".jsonl")))
    due = [label_on == "all" or any(face.region for face in line.faces) for line in lines]
    assert [line.label is not None for line in lines] == due
    box = lines[-1].label
    assert box is not None
    with VideoReader(source) as first, VideoReader(out) as second:
        drawn = [
            bool((before.read_region(box) != after.read_region(box)).any())
            for before, after in zip(first, second, strict=True)
        ]
    assert drawn == due
    assert _failures(source, out) == []


@pytest.mark.parametrize(("no_face", "pictures"), [("copy", "copied"), ("skip", "nothing")])
def test_a_clip_without_a_face_gets_no_label_where_it_is_not_encoded(
    no_face: str, pictures: str, tmp_path: Path
) -> None:
    source, out = _clip(tmp_path / "in.mkv", codec="ffv1"), tmp_path / "out.mkv"

    report = _convert(source, out, script=(), label_on="all", no_face=no_face)

    assert report.output["pictures"] == pictures


def test_beside_its_source_only_the_result_is_labelled(tmp_path: Path) -> None:
    source, out = _clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"

    _convert(source, out, layout="side-by-side")

    box = _labels(out)[0]
    assert box is not None
    beside = Box(box.x0 + _WIDTH_PX, box.y0, box.x1 + _WIDTH_PX, box.y1)
    with VideoReader(source) as first, VideoReader(out) as second:
        for before, after in zip(first, second, strict=True):
            own = before.read_region(box)
            np.testing.assert_array_equal(after.read_region(box), own)
            assert (after.read_region(beside) != own).any()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_labelled_in_whole_blocks(kind: str, tmp_path: Path) -> None:
    source, out = (tmp_path / f"{name}.{kind.lower()}" for name in ("in", "out"))
    source.write_bytes(encoded(photograph(_WIDTH_PX, _HEIGHT_PX), kind))
    border_px = round(0.2 * _WIDTH_PX)
    seen = detection_at(110 + border_px, 40 + border_px, 40)
    networks = fake_networks(ScriptedDetector([seen], _WIDTH_PX + 2 * border_px))

    convert_picture(source, out, _config(out.with_suffix(".jsonl")), networks=networks)

    (label,) = _labels(out)
    assert label is not None
    assert _failures(source, out) == []
    (before,), (after,) = read_stills(source, as_rgb=True), read_stills(out, as_rgb=True)
    rows, columns = slice(int(label.y0), int(label.y1)), slice(int(label.x0), int(label.x1))
    assert (before.components[0][rows, columns] != after.components[0][rows, columns]).any()


@pytest.mark.parametrize("faces", [0, 1])
def test_frames_of_a_folder_are_labelled_unless_all_are_copied(faces: int, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(2):
        picture = photograph(_WIDTH_PX, _HEIGHT_PX)
        cv2.imwrite(str(source / f"{number}.png"), picture)
    tracks = tmp_path / "out.jsonl"
    networks = fake_networks(ScriptedDetector([_FACE][:faces], _WIDTH_PX))
    config = _config(tracks, source=SourceConfig(frames="25"), label_on="all")
    config = dataclasses.replace(config, video=VideoConfig())

    report = convert_frames(source, out, config, networks=networks)

    assert report.output["pictures"] == ("encoded" if faces else "copied")
    assert _failures(source, out, tracks=tracks) == []
    same = [path.read_bytes() == (out / path.name).read_bytes() for path in source.iterdir()]
    assert same == [not faces] * 2


@pytest.mark.parametrize(
    ("text", "message"), [("far too long " * 9, "room for"), ("face \U0001f600", "no letter")]
)
def test_what_cannot_be_written_is_refused_before_anything_is(
    text: str, message: str, tmp_path: Path
) -> None:
    source, out = _clip(tmp_path / "in.mkv"), tmp_path / "out.mkv"

    with pytest.raises(ConfigError, match=message) as caught:
        _convert(source, out, label=text)

    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(("transfer", "white"), [(1, 255), (16, 148), (18, 191)])
def test_letters_in_high_dynamic_range_are_no_brighter_than_paper(
    transfer: int, white: int, tmp_path: Path
) -> None:
    clip = _clip(tmp_path / "in.mp4", pix_fmt="yuv420p10le", transfer=transfer)

    stage = label_stage(_config(tmp_path / "t.jsonl"), probe(clip))

    assert stage is not None
    assert stage.patch_for(_WIDTH_PX, _HEIGHT_PX).image.max() == white
