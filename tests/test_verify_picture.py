"""Verify passes pictures that are exact and names what is not."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facemask_video.verify import VerifyReport, verify
from tests.pipeline.test_convert_picture import LOSSLESS, convert
from tests.stills.drawn import encoded, exif_with_thumbnail, icc_profile, photograph


def _failures(report: VerifyReport) -> list[str]:
    return [row.name for row in report.rows if not row.ok]


@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.tif", "in.webp", "deep.png", "deep.tif"])
def test_what_was_converted_passes(name: str, tmp_path: Path) -> None:
    source, target = tmp_path / name, tmp_path / f"out{Path(name).suffix}"
    options: dict[str, object] = {
        "exif": b"Exif\0\0" + exif_with_thumbnail(6),
        "icc_profile": icc_profile(),
    }
    kind = {".jpg": "JPEG", ".tif": "TIFF"}.get(source.suffix, source.suffix[1:].upper())
    if kind == "TIFF":
        options["exif"] = b"Exif\0\0" + exif_with_thumbnail(1)
    if kind == "WEBP":
        options["lossless"] = True
    deep = LOSSLESS.get(name)
    source.write_bytes(deep or encoded(photograph(), kind, **options))
    convert(source, target)

    report = verify(source, target, tracks=target.with_suffix(".jsonl"))

    assert _failures(report) == []
    found = {row.name: row.found for row in report.rows}
    assert found["samples outside the regions"] == "largest difference 0"
    if name == "in.jpg":
        kept, _, in_all, *_ = found["blocks outside the regions"].split()
        # 120 blocks of luma and twice 30 of chroma.
        assert kept == in_all
        assert 40 < int(kept) < 180


def test_a_sample_outside_the_regions_is_found(tmp_path: Path) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    source.write_bytes(LOSSLESS["rgb.png"])
    convert(source, target)
    picture = np.array(Image.open(target))
    picture[0, 0] ^= 1
    Image.fromarray(picture).save(target)

    report = verify(source, target, tracks=target.with_suffix(".jsonl"))

    assert _failures(report) == ["samples outside the regions"]


def test_a_jpeg_that_was_encoded_anew_is_found(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jpg", tmp_path / "out.jpg"
    source.write_bytes(encoded(photograph(), "JPEG", quality=80, icc_profile=icc_profile()))
    convert(source, target)
    Image.open(target).save(target, quality=85)

    report = verify(source, target, tracks=target.with_suffix(".jsonl"))

    assert _failures(report) == [
        "colour profile",
        "quantisation tables",
        "blocks outside the regions",
        "samples outside the regions",
    ]


def test_a_copy_passes_without_tracks(tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    source.write_bytes(encoded(photograph(), "JPEG"))
    shutil.copy(source, tmp_path / "out.jpg")

    assert verify(source, tmp_path / "out.jpg").ok
