"""A whole conversion of pictures of every kind, with a detector that reads a script."""

import io
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from facemask_video import provenance
from facemask_video.config import (
    CompositeConfig,
    ConvertConfig,
    DetectConfig,
    OutputConfig,
    ReplayConfig,
    TrackConfig,
    TracksConfig,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, VideoReadError, VideoWriteError
from facemask_video.core.geometry import Box
from facemask_video.pipeline.load_networks import Finder
from facemask_video.pipeline.picture import convert_picture
from facemask_video.pipeline.report import ConversionReport
from facemask_video.pipeline.track import track_video
from facemask_video.stills.jpeg import JpegBlocks
from facemask_video.stills.probe import probe_picture
from facemask_video.stills.read import read_stills
from facemask_video.track.sidecar import Sidecar
from tests.fakes import ScriptedDetector, detection_at, fake_networks
from tests.stills.drawn import encoded, exif_with_thumbnail, icc_profile, photograph

_WIDTH_PX, _HEIGHT_PX = 96, 80
_BORDER_PX = round(0.2 * _WIDTH_PX)


def convert(
    source: Path, target: Path, *, faces: int = 1, **output: Any
) -> tuple[ConversionReport, list[list[Box]]]:
    """Turn a face in the middle into its negative; return also the regions of each page."""
    seen = [detection_at(50 + _BORDER_PX, 42 + _BORDER_PX, 24)][:faces]
    networks = fake_networks(ScriptedDetector(seen, _WIDTH_PX + 2 * _BORDER_PX))
    tracks = target.with_suffix(".jsonl")
    config = ConvertConfig(
        Direction.MASK,
        detect=DetectConfig(min_face_px=20),
        composite=CompositeConfig(color="none"),
        output=OutputConfig(tracks_out=tracks, **output),
    )
    report = convert_picture(source, target, config, networks=networks)
    regions = [
        [face.region for face in line.faces if face.region is not None] for line in Sidecar(tracks)
    ]
    return report, regions


def _outside(regions: list[Box], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    outside = np.ones(shape[:2], bool)
    for region in regions:
        outside[int(region.y0) : int(region.y1), int(region.x0) : int(region.x1)] = False
    return outside


def _png_16(picture: np.ndarray[Any, Any]) -> bytes:
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()


def _tiff_16(picture: np.ndarray[Any, Any]) -> bytes:
    return cv2.imencode(".tif", picture[..., ::-1])[1].tobytes()


_EIGHT, _SIXTEEN = photograph(), photograph(bits=16)
_ALPHA = np.dstack([_EIGHT, np.arange(_HEIGHT_PX * _WIDTH_PX).reshape(80, 96, 1) % 256])
LOSSLESS = {
    "rgb.png": encoded(_EIGHT, "PNG"),
    "grey.png": encoded(_EIGHT, "PNG", mode="L"),
    "palette.png": encoded(_EIGHT, "PNG", mode="P"),
    "alpha.png": encoded(_ALPHA.astype(np.uint8), "PNG", mode="RGBA"),
    "greyalpha.png": encoded(_ALPHA.astype(np.uint8), "PNG", mode="LA"),
    "deep.png": _png_16(_SIXTEEN),
    "deepgrey.png": cv2.imencode(".png", _SIXTEEN[..., 0])[1].tobytes(),
    "rgb.webp": encoded(_EIGHT, "WEBP", lossless=True),
    "lossy.webp": encoded(_EIGHT, "WEBP", quality=70),
    "alpha.webp": encoded(_ALPHA.astype(np.uint8), "WEBP", mode="RGBA", lossless=True, exact=True),
    "rgb.tif": encoded(_EIGHT, "TIFF", compression="tiff_lzw"),
    "grey.tif": encoded(_EIGHT, "TIFF", mode="L"),
    "deep.tif": _tiff_16(_SIXTEEN),
    "deepgrey.tif": cv2.imencode(".tif", _SIXTEEN[..., 0])[1].tobytes(),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_outside_the_region_every_sample_is_the_sources(name: str, tmp_path: Path) -> None:
    source, target = tmp_path / name, tmp_path / f"out{Path(name).suffix}"
    source.write_bytes(LOSSLESS[name])

    report, (regions,) = convert(source, target)

    (before,), (after,) = read_stills(source), read_stills(target)
    outside = _outside(regions, before.components[0].shape)
    assert report.faces_changed == 1
    assert len(after.components) >= len(before.components)
    assert after.bits == before.bits == (16 if name.startswith("deep") else 8)
    for place, component in enumerate(after.components):
        own = before.components[min(place, len(before.components) - 1)]
        assert (component[outside] == own[outside]).all()
        assert (component != own).any()
    assert (before.alpha is None) == (after.alpha is None)
    assert before.alpha is None or (after.alpha == before.alpha).all()


_JPEG = {
    "420": {"subsampling": 2},
    "422": {"subsampling": 1},
    "444": {"subsampling": 0, "quality": 98},
    "grey": {"mode": "L"},
    "rgb": {"keep_rgb": True},
    "progressive": {"progressive": True, "quality": 40},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("kind", _JPEG)
@pytest.mark.parametrize("orientation", [1, 6])
def test_blocks_of_a_jpeg_without_a_face_keep_their_coefficients(
    kind: str, orientation: int, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    source.write_bytes(encoded(photograph(97, 83), "JPEG", exif=exif, **_JPEG[kind]))

    report, (regions,) = convert(source, target)

    assert report.faces_changed == 1
    one, two = (JpegBlocks(path.read_bytes(), path) for path in (source, target))
    assert one.pixel_format == two.pixel_format
    changed = [
        (a != b).any(axis=(2, 3))
        for a, b in zip(*(x.coefficients for x in (one, two)), strict=True)
    ]
    # Of 11 x 13 blocks; a face of 24 px with its surround lies in some of them.
    assert changed[0].any()
    assert changed[0].mean() < 0.6
    # What any decoder shows outside the region, upsampled chroma included.
    shown = [np.asarray(Image.open(path).convert("RGB")) for path in (source, target)]
    if orientation == 6:
        shown = [np.rot90(picture, -1) for picture in shown]
    outside = _outside(regions, shown[0].shape)
    assert outside.mean() > 0.4
    assert (shown[0][outside] == shown[1][outside]).all()
    assert (shown[0] != shown[1]).any()


def test_every_page_of_a_tiff_is_converted(tmp_path: Path) -> None:
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    pages = [Image.fromarray(photograph()), Image.fromarray(photograph()).convert("L")]
    pages[0].save(
        source, save_all=True, append_images=pages[1:], description="scan", dpi=(300, 300)
    )

    report, regions = convert(source, target)

    assert (report.frames, report.faces, report.tracks) == (2, 2, 2)
    before, after = read_stills(source), read_stills(target)
    for one, two, boxes in zip(before, after, regions, strict=True):
        outside = _outside(boxes, one.components[0].shape)
        assert len(one.components) == len(two.components)
        for a, b in zip(one.components, two.components, strict=True):
            assert (a[outside] == b[outside]).all()
            assert (a != b).any()
    written: Any = Image.open(target)
    with written:
        assert written.tag_v2[270] == "scan"
        assert written.info["dpi"] == (300, 300)


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif", "avif"])
def test_profile_orientation_and_provenance_stand_in_every_format(
    kind: str, tmp_path: Path
) -> None:
    source, target = tmp_path / f"in.{kind}", tmp_path / f"out.{kind}"
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    icc = icc_profile()
    Image.fromarray(photograph()).save(source, exif=exif, icc_profile=icc)

    convert(source, target)

    info = probe_picture(target)
    made = provenance.read(info.metadata)
    assert made is not None
    assert made.direction == "mask"
    assert info.metadata["digital_source_type"] == provenance.DIGITAL_SOURCE_TYPE
    assert info.rotation_deg == 90
    assert (info.width_px, info.height_px) == (_HEIGHT_PX, _WIDTH_PX)
    with Image.open(target) as written:
        assert written.info["icc_profile"] == icc
        assert written.getexif()[0x010F] == "Maker"


def test_a_second_conversion_counts_and_foreign_xmp_stays(tmp_path: Path) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="me" '
        b'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" '
        b'dc:source="mine &amp; yours"/></rdf:RDF></x:xmpmeta>'
    )
    first, second, third = (tmp_path / f"{name}.jpg" for name in "abc")
    first.write_bytes(encoded(photograph(), "JPEG", xmp=xmp))

    convert(first, second)
    convert(second, third)

    with Image.open(third) as written:
        packet = written.info["xmp"]
    assert b"mine &amp; yours" in packet
    assert b"GCamera:MotionPhoto=" not in packet
    assert packet.count(b"xmpMM:History>") == 2
    assert packet.count(b"<stEvt:parameters>") == 2
    assert packet.count(b"DigitalSourceType=") == 1


def test_what_shows_the_face_as_it_was_is_left_out_and_said(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    exif = exif_with_thumbnail(1)
    data = encoded(photograph(), "JPEG", exif=b"Exif\0\0" + exif, comment=b"kept")
    clip = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 8 + b"\xff\xda\xff\xd8"
    source.write_bytes(data + clip)
    assert data.count(b"\xff\xd8\xff") == 2

    report, _ = convert(source, target)

    written = target.read_bytes()
    assert written.count(b"\xff\xd8\xff") == 1
    assert b"ftyp" not in written
    assert b"kept" in written
    assert Image.open(io.BytesIO(written)).getexif()[0x010F] == "Maker"
    assert any("the clip of a motion photo" in note for note in report.notes)


def test_a_picture_without_a_face_is_copied_byte_by_byte(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    source.write_bytes(encoded(photograph(), "JPEG") + b"\0\0\0\x18ftypmp42")

    report, _ = convert(source, target, faces=0)

    assert target.read_bytes() == source.read_bytes()
    assert "no face found (--min-face 20), so the file is a copy" in report.closing_line()
    assert report.notes == ()


def test_a_picture_without_a_face_is_left_out_or_encoded_where_asked(tmp_path: Path) -> None:
    source, skipped, encoded_anew = (tmp_path / f"{name}.png" for name in ("in", "none", "new"))
    source.write_bytes(LOSSLESS["rgb.png"])

    report, _ = convert(source, skipped, faces=0, no_face="skip")
    convert(source, encoded_anew, faces=0, no_face="encode")

    assert not skipped.exists()
    assert "nothing was written" in report.closing_line()
    assert (np.asarray(Image.open(encoded_anew)) == _EIGHT).all()
    assert provenance.read(probe_picture(encoded_anew).metadata) is None


def test_another_format_takes_what_the_source_shows(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.png"
    source.write_bytes(encoded(photograph(), "JPEG", icc_profile=icc_profile()))

    _, (regions,) = convert(source, target)

    before, after = np.asarray(Image.open(source)), np.asarray(Image.open(target))
    outside = _outside(regions, before.shape)
    assert (before[outside] == after[outside]).all()
    assert Image.open(target).info["icc_profile"] == icc_profile()


def test_pictures_side_by_side_and_an_overlay_are_drawn(tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    source.write_bytes(encoded(photograph(), "JPEG"))

    convert(source, tmp_path / "beside.jpg", layout="triple")
    report, _ = convert(source, tmp_path / "drawn.jpg", debug_overlay=True)

    assert Image.open(tmp_path / "beside.jpg").size == (3 * _WIDTH_PX, _HEIGHT_PX)
    assert any("overlay" in note for note in report.notes)


@pytest.mark.parametrize(
    ("target", "data", "message"),
    [
        ("out.jpg", LOSSLESS["alpha.png"], "transparency"),
        ("out.bmp", LOSSLESS["rgb.png"], "synthetic"),
        ("out.psd", LOSSLESS["rgb.png"], "no format of pictures"),
        ("in.png", LOSSLESS["rgb.png"], "is the input"),
        ("out.mp4", LOSSLESS["rgb.png"], "no format of pictures"),
    ],
)
def test_a_target_that_cannot_hold_the_picture_is_refused(
    target: str, data: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / "in.png").write_bytes(data)

    with pytest.raises(VideoWriteError, match=message):
        convert(tmp_path / "in.png", tmp_path / target)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png"]


_WHOLE_JPEG = encoded(photograph(), "JPEG")
_ANIMATED = encoded(
    _EIGHT, "WEBP", save_all=True, append_images=[Image.fromarray(255 - _EIGHT)], duration=100
)
_BOMB = bytearray(LOSSLESS["rgb.png"])
_BOMB[16:24] = (30_000).to_bytes(4, "big") * 2
_BOMB[29:33] = zlib.crc32(_BOMB[12:29]).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("text.jpg", b"no picture", "no picture"),
        ("empty.jpg", b"", "is empty"),
        ("half.jpg", _WHOLE_JPEG[: len(_WHOLE_JPEG) // 2], "cut off"),
        ("half.png", LOSSLESS["rgb.png"][:3000], "cut off"),
        ("half.webp", LOSSLESS["rgb.webp"][:3000], "cut off"),
        ("half.tif", LOSSLESS["rgb.tif"][:3000], "cut off|no picture"),
        ("bomb.png", bytes(_BOMB), "30000x30000"),
        ("cmyk.jpg", encoded(_EIGHT, "JPEG", mode="CMYK"), "CMYK"),
        ("cmyk.tif", encoded(_EIGHT, "TIFF", mode="CMYK"), "CMYK"),
        ("clip.webp", _ANIMATED, "animated WEBP"),
        ("float.tif", encoded(_EIGHT, "TIFF", mode="F"), "samples of kind F"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(
    name: str, data: bytes, message: str, tmp_path: Path
) -> None:
    source = tmp_path / name
    source.write_bytes(data)

    with pytest.raises(VideoReadError, match=f"{name}: .*({message})") as caught:
        convert(source, tmp_path / f"out{source.suffix}")

    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("size", [(1, 1), (7, 3)])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_the_smallest_pictures_are_converted(
    size: tuple[int, int], kind: str, tmp_path: Path
) -> None:
    source = tmp_path / f"in.{kind}"
    Image.fromarray(photograph(*size)).save(source)

    report, _ = convert(source, tmp_path / f"out.{kind}", faces=0)

    assert report.frames == 1


def test_broken_exif_is_passed_over(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    broken = b"Exif\0\0II*\0\xff\xff\0\0" + bytes(range(64))
    source.write_bytes(encoded(photograph(), "JPEG", exif=broken))

    report, _ = convert(source, target)

    assert report.faces_changed == 1
    assert broken in target.read_bytes()


def test_a_range_is_no_option_of_a_picture(tmp_path: Path) -> None:
    from facemask_video import convert_video

    source = tmp_path / "in.png"
    source.write_bytes(LOSSLESS["rgb.png"])
    for option in ({"start": 1}, {"min_track": 2}, {"detect_every": 3}, {"reference": "off"}):
        (name,) = option
        with pytest.raises(
            ConfigError, match=f"--{name.replace('_', '-')} has no part in a picture"
        ):
            convert_video(source, tmp_path / "out.png", direction="mask", **option)


def test_a_picture_is_tracked_and_its_edited_tracks_are_rendered(tmp_path: Path) -> None:
    source, tracks = tmp_path / "in.jpg", tmp_path / "faces.jsonl"
    source.write_bytes(_WHOLE_JPEG)
    seen = [detection_at(50 + _BORDER_PX, 42 + _BORDER_PX, 24)]
    finder = Finder(ScriptedDetector(seen, _WIDTH_PX + 2 * _BORDER_PX), _WIDTH_PX)

    report = track_video(
        source, tracks, TracksConfig(detect=DetectConfig(min_face_px=20)), finder=finder
    )
    (line,) = Sidecar(tracks)
    with pytest.raises(ConfigError, match="--bridge has no part in a picture"):
        track_video(source, tmp_path / "b.jsonl", TracksConfig(track=TrackConfig(bridge_s=3)))

    assert report.faces == 1
    assert np.allclose(line.faces[0].face.box.center, (50, 42), atol=0.5)
    config = ConvertConfig(Direction.MASK, replay=ReplayConfig(tracks=tracks))
    networks = fake_networks(ScriptedDetector([], _WIDTH_PX))
    rendered = convert_picture(source, tmp_path / "out.jpg", config, networks=networks)
    assert rendered.faces_changed == 1


def test_exif_that_a_png_holds_as_text_keeps_no_thumbnail(tmp_path: Path) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    block = b"Exif\0\0" + exif_with_thumbnail(6)
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    text.add_text("Title", "kept")
    Image.fromarray(photograph()).save(source, pnginfo=text)

    convert(source, target)

    written = Image.open(target)
    assert written.info["Title"] == "kept"
    assert not any("Raw profile" in key for key in written.info)
    assert b"\xff\xd8\xff" not in target.read_bytes()
    assert probe_picture(target).rotation_deg == 90
