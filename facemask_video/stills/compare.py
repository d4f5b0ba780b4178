"""Hold a picture against the one that it was made from."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facemask_video.core.geometry import Box
from facemask_video.core.limits import MAX_PIXELS
from facemask_video.core.pictures import read_bytes
from facemask_video.stills.exif import without_thumbnail
from facemask_video.stills.jpeg import JpegBlocks
from facemask_video.stills.read import read_stills
from facemask_video.stills.still import Still
from facemask_video.video.orientation import Orientation

Comparison = tuple[str, bool, str, str]
"""What is compared, whether it holds, what was expected, and what was found."""

_ORIENTATION = 0x0112
# Directories within EXIF, named by places, which move where the block is written anew.
_POINTERS = (0x8769, 0x8825, 0xA005)


def compare_pictures(
    source: Path,
    output: Path,
    regions: Sequence[Sequence[Box]] | None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Iterator[Comparison]:
    """Yield the comparisons of an output with the picture that it was made from.

    Args:
        source: The picture that was converted.
        output: The result.
        regions: What may differ on each page, px as displayed; None leaves samples out.
        max_pixels: Most px of a picture.

    Raises:
        VideoReadError: One of the files cannot be read.
    """
    same_file = read_bytes(source) == read_bytes(output)
    one, two = (read_stills(path, as_rgb=True, max_pixels=max_pixels) for path in (source, output))
    yield _row("pages", len(one), len(two))
    for first, second in zip(one, two, strict=False):
        named = f"page {first.page + 1}: " if len(one) > 1 else ""
        yield _row(f"{named}size", _size(first), _size(second))
        yield _row(f"{named}rotation", _turn(first.orientation), _turn(second.orientation))
        yield _row(f"{named}depth", f"{first.bits} bit", f"{second.bits} bit")
        yield _alpha_row(f"{named}alpha", first, second)
    yield _row("colour profile", _digest(one[0].metadata.icc), _digest(two[0].metadata.icc))
    yield _row("EXIF", _exif_digest(one[0]), _exif_digest(two[0]))
    if regions is not None:
        yield _row("tracks", f"{len(one)} lines", f"{len(regions)} lines")
    both_jpeg = one[0].kind == two[0].kind == "jpeg"
    if both_jpeg:
        yield from _block_rows(one[0], two[0], None if regions is None else regions[0])
    # Blocks show that a JPEG of a JPEG is exact; of another format it cannot be.
    exact = two[0].lossless or two[0].kind == "webp" or both_jpeg or same_file
    yield _samples_row(one, two, regions, exact=exact)


def _row(name: str, expected: object, found: object) -> Comparison:
    return name, expected == found, str(expected), str(found)


def _size(still: Still) -> str:
    width, height = still.stored_size
    return f"{width}x{height}"


def _turn(orientation: Orientation) -> str:
    return f"{orientation.rotation_deg} degrees{', mirrored' if orientation.mirrored else ''}"


def _digest(content: bytes | None) -> str:
    if not content:
        return "none"
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:12]}"


def _exif_digest(still: Still) -> str:
    """Digest the entries of EXIF, which other formats write in another order."""
    if still.metadata.exif is None:
        return "none"
    exif = Image.Exif()
    try:
        exif.load(without_thumbnail(still.metadata.exif))
        entries = {tag: value for tag, value in exif.items() if tag not in _POINTERS}
        for pointer in _POINTERS:
            entries.update(exif.get_ifd(pointer))
    except (SyntaxError, ValueError, OSError):
        return _digest(without_thumbnail(still.metadata.exif))
    entries.pop(_ORIENTATION, None)
    said = repr(sorted((tag, str(value)) for tag, value in entries.items()))
    return f"{len(entries)} entries, sha256 {hashlib.sha256(said.encode()).hexdigest()[:12]}"


def _alpha_row(name: str, one: Still, two: Still) -> Comparison:
    if one.alpha is None or two.alpha is None:
        return _row(name, *("none" if x.alpha is None else "there" for x in (one, two)))
    same = one.alpha.shape == two.alpha.shape and bool((one.alpha == two.alpha).all())
    return name, same, "the source's", "the source's" if same else "another"


def _outside(still: Still, regions: Sequence[Box]) -> NDArray[np.bool_]:
    """Return which stored samples no region covers, (rows, columns)."""
    width, height = still.stored_size
    shown = still.orientation.display_size(width, height)
    outside = np.ones((height, width), bool)
    for region in regions:
        box = still.orientation.box_to_storage(region, *shown)
        outside[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = False
    return outside


def _block_rows(one: Still, two: Still, regions: Sequence[Box] | None) -> Iterator[Comparison]:
    first, second = (
        # Read before, so within the limit that there was.
        JpegBlocks(read_bytes(each.path), each.path, max_pixels=each.components[0].size)
        for each in (one, two)
    )
    yield _row("sampling", first.pixel_format, second.pixel_format)
    tables = [[table.tobytes() for table in each.tables()] for each in (first, second)]
    yield ("quantisation tables", tables[0] == tables[1], "the source's", _same(tables))
    if regions is None or first.pixel_format != second.pixel_format or _size(one) != _size(two):
        return
    outside = _outside(one, regions)
    kept = in_all = 0
    for index, (a, b) in enumerate(zip(first.coefficients, second.coefficients, strict=True)):
        across, down = first.block_px if index else (8, 8)
        free = _free_blocks(outside, a.shape[:2], (down, across))
        kept += int((free & (a == b).all(axis=(2, 3))).sum())
        in_all += int(free.sum())
    yield (
        "blocks outside the regions",
        kept == in_all,
        f"{in_all} with the source's coefficients",
        f"{kept} of {in_all} with the source's coefficients",
    )


def _same(pair: Sequence[Any]) -> str:
    return "the source's" if pair[0] == pair[1] else "others"


def _free_blocks(
    outside: NDArray[np.bool_], blocks: tuple[int, ...], block_px: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return which of a component's blocks lie outside the regions with all that they cover."""
    rows, columns = (
        np.minimum(np.arange(count + 1) * side_px, whole_px)
        for count, side_px, whole_px in zip(blocks, block_px, outside.shape, strict=True)
    )
    # Counts of samples inside, summed up, so that each block takes four look-ups.
    inside = np.pad(np.cumsum(np.cumsum(~outside, axis=0), axis=1), ((1, 0), (1, 0)))
    corners = inside[rows][:, columns]
    counts = corners[1:, 1:] - corners[:-1, 1:] - corners[1:, :-1] + corners[:-1, :-1]
    return np.asarray(counts == 0)


def _samples_row(
    one: Sequence[Still],
    two: Sequence[Still],
    regions: Sequence[Sequence[Box]] | None,
    *,
    exact: bool,
) -> Comparison:
    name = "samples outside the regions"
    if regions is None:
        return name, True, "not asked", "not compared; name the regions with --tracks"
    expected = "largest difference 0" if exact else f"{two[0].kind} may differ"
    largest = 0
    for first, second, boxes in zip(one, two, regions, strict=False):
        if _size(first) != _size(second):
            return name, False, expected, "not comparable, of another size"
        outside = _outside(first, boxes)
        for place, component in enumerate(second.components):
            own = first.components[min(place, len(first.components) - 1)]
            # Of 16 bits written as 8, or the other way about, the coarser is compared.
            bits = min(first.bits, second.bits)
            a = own[outside].astype(np.int64) >> (first.bits - bits)
            b = component[outside].astype(np.int64) >> (second.bits - bits)
            largest = max(largest, int(np.abs(a - b).max(initial=0)))
    pages = f" in {len(one)} pages" if len(one) > 1 else ""
    found = f"largest difference {largest}{pages}"
    return name, largest == 0 or not exact, expected, found
