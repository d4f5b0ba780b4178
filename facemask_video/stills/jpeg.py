"""JPEG, read to its quantised coefficients and written with those of the blocks that changed.

A block of 8 x 8 samples that no face touches keeps its coefficients, so every decoder gives the
same samples for it as for the source. A block that changes is quantised by the source's own table;
only its change is transformed, so what stays in it is not rounded a second time.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.geometry import Box
from facemask_video.core.limits import MAX_PIXELS
from facemask_video.core.pictures import jpeg_end, opened
from facemask_video.core.wording import counted
from facemask_video.stills.exif import orientation_of
from facemask_video.stills.jpeg_segments import (
    assemble,
    exif_of,
    icc_of,
    is_rgb,
    kept_segments,
    read_segments,
    xmp_of,
)
from facemask_video.stills.still import Metadata, Samples, Still
from facemask_video.stills.xmp import with_provenance
from facemask_video.video.orientation import Orientation

_SIDE = 8
Coefficients = NDArray[np.int16]
"""(rows of blocks, columns of blocks, 8, 8), quantised."""

# Names of the formats by how many luma samples a chroma sample covers, across and down.
_FORMAT_OF = {
    (1, 1): "yuvj444p",
    (2, 1): "yuvj422p",
    (2, 2): "yuvj420p",
    (1, 2): "yuvj440p",
    (4, 1): "yuvj411p",
}


class JpegBlocks:
    """The quantised coefficients of a JPEG's first picture.

    Args:
        data: The file.
        path: Named in errors.

    Raises:
        VideoReadError: It is cut off, damaged, or of a kind whose blocks cannot be edited.
    """

    def __init__(self, data: bytes, path: Path, *, max_pixels: int = MAX_PIXELS) -> None:
        end = jpeg_end(data)
        if end is None:
            raise VideoReadError(f"{path}: is cut off; get it anew.")
        self.trailing = data[end:]
        self._data = data[:end]
        with opened(self._data, path, max_pixels=max_pixels) as picture:
            if picture.mode == "CMYK":
                raise VideoReadError(
                    f"{path}: is in CMYK, whose colours are those of a printer; convert it to RGB "
                    "by its profile first."
                )
            # Finds damage, which the reader of coefficients may take as it is.
            picture.load()
            self.dpi = picture.info.get("dpi")
        try:
            self.segments, _ = read_segments(self._data)
        except ValueError as exc:
            raise VideoReadError(f"{path}: is no JPEG that can be read here ({exc}).") from exc
        import jpeglib  # loads every libjpeg that it ships, which takes a third of a second

        try:
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / "in.jpg"
                # Bare, as the reader of coefficients has a bound on what is said beside.
                copy.write_bytes(assemble((), self._data))
                self._jpeg: Any = jpeglib.read_dct(str(copy))
                self._jpeg.load()
        except (OSError, RuntimeError, ValueError) as exc:
            raise VideoReadError(
                f"{path}: its blocks cannot be read one by one ({' '.join(str(exc).split())}); "
                "save it anew as a baseline JPEG."
            ) from exc
        self.width_px, self.height_px = int(self._jpeg.width), int(self._jpeg.height)
        self.pixel_format = self._format(path)

    def _format(self, path: Path) -> str:
        if self._jpeg.num_components == 1:
            return "gray"
        down, across = (self._jpeg.samp_factor[0] / self._jpeg.samp_factor[1:]).T
        name = _FORMAT_OF.get((across[0], down[0]))
        if name is None or len(set(across)) > 1 or len(set(down)) > 1:
            raise VideoReadError(
                f"{path}: its components are sampled {self._jpeg.samp_factor.tolist()}, which "
                "cannot be written here; save it anew."
            )
        if is_rgb(self.segments):
            return "gbrp"
        return name

    @property
    def block_px(self) -> tuple[int, int]:
        """Luma samples, across and down, that the largest block covers."""
        down, across = self._jpeg.samp_factor[0] // self._jpeg.samp_factor[-1]
        return _SIDE * int(across), _SIDE * int(down)

    @property
    def coefficients(self) -> list[Coefficients]:
        """One array a component, in the file's order."""
        names = ("Y", "Cb", "Cr")[: self._jpeg.num_components]
        return [getattr(self._jpeg, name) for name in names]

    def tables(self) -> list[NDArray[Any]]:
        """Return the quantisation table of each component, (8, 8)."""
        return [self._jpeg.get_component_qt(i) for i in range(self._jpeg.num_components)]

    def components(self) -> tuple[Samples, ...]:
        """Return the decoded samples of each component, without upsampling."""
        sizes = self._component_sizes()
        return tuple(
            _joined(np.clip(np.rint(self._planes(index)), 0, 255).astype(np.uint8))[:rows, :columns]
            for index, (rows, columns) in enumerate(sizes)
        )

    def with_components(self, components: Sequence[Samples]) -> bytes:
        """Return a file whose blocks are these where they differ; without anything said beside."""
        before = self.components()
        for index, (old, new) in enumerate(zip(before, components, strict=True)):
            change = new.astype(np.float32) - old
            blocks = self.coefficients[index]
            rows, columns = blocks.shape[0] * _SIDE, blocks.shape[1] * _SIDE
            # What lies beyond the picture in its last blocks goes on as the edge does.
            beyond = ((0, rows - change.shape[0]), (0, columns - change.shape[1]))
            split = _split(np.pad(change, beyond, mode="edge"))
            changed = split.any(axis=(2, 3))
            table = self.tables()[index].astype(np.float32)
            moved = dctn(split[changed], axes=(1, 2), norm="ortho") / table
            # What a quantised coefficient of 8 bits can be: ITU-T T.81, table F.1.
            blocks[changed] = np.clip(np.rint(blocks[changed] + moved), -1023, 1023)
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "out.jpg"
            self._jpeg.write_dct(str(made))
            return made.read_bytes()

    def _component_sizes(self) -> list[tuple[int, int]]:
        factors = self._jpeg.samp_factor
        most_down, most_across = factors.max(axis=0)
        return [
            (-(-self.height_px * down // most_down), -(-self.width_px * across // most_across))
            for down, across in factors
        ]

    def _planes(self, index: int) -> NDArray[np.float32]:
        table = self.tables()[index].astype(np.float32)
        blocks = self.coefficients[index].astype(np.float32) * table
        return np.asarray(idctn(blocks, axes=(2, 3), norm="ortho") + 128, np.float32)


def read_jpeg(data: bytes, path: Path, *, max_pixels: int = MAX_PIXELS) -> Still:
    """Read a JPEG file's first picture.

    Raises:
        VideoReadError: See `JpegBlocks`.
    """
    blocks = JpegBlocks(data, path, max_pixels=max_pixels)
    exif = exif_of(blocks.segments)
    notes = []
    if blocks.trailing.strip(b"\0\xff\n\r "):
        notes.append(
            f"{len(blocks.trailing):,} bytes behind the picture ({_what_is(blocks.trailing)}) are "
            "left out, as they show the faces as they were"
        )
    return Still(
        path,
        "jpeg",
        blocks.components(),
        blocks.pixel_format,
        orientation=orientation_of(exif),
        metadata=Metadata(icc_of(blocks.segments), exif, xmp_of(blocks.segments), blocks.dpi),
        block_px=blocks.block_px,
        lossless=False,
        notes=tuple(notes),
    )


def _what_is(trailing: bytes) -> str:
    if b"ftyp" in trailing[:4096]:
        return "the clip of a motion photo"
    pictures = trailing.count(b"\xff\xd8\xff")
    return counted(pictures, "further picture") if pictures else "of a kind that is not known"


def write_jpeg_blocks(
    still: Still, components: Sequence[Samples], made: Mapping[str, str]
) -> tuple[bytes, list[str]]:
    """Return a JPEG file with changed samples, and notes on what it does not carry over.

    Args:
        still: As `read_jpeg` returned it.
        components: Its components, changed.
        made: What `facemask_video.provenance.describe` returns.
    """
    blocks = JpegBlocks(still.path.read_bytes(), still.path, max_pixels=still.components[0].size)
    notes: list[str] = []
    try:
        kept, notes = kept_segments(blocks.segments, with_provenance(still.metadata.xmp, made))
    except ValueError as exc:
        kept, notes = kept_segments(blocks.segments, with_provenance(None, made))
        notes.append(f"the source's XMP is left out ({exc})")
    encoded = blocks.with_components(components)
    try:
        return assemble(kept, encoded), notes
    except (ValueError, OverflowError) as exc:
        raise VideoWriteError(f"{still.path}: cannot be written again ({exc}).") from exc


def reached_region(still: Still, region: Box) -> Box:
    """Return the part of a displayed picture that decoders may show otherwise, for a region.

    Of a JPEG the region rounded out to whole blocks, and where chroma is stored smaller two px
    more, as decoders interpolate it beyond the blocks.

    Args:
        still: The picture.
        region: Changed px, as displayed.
    """
    if still.block_px is None:
        return region
    width, height = still.stored_size
    shown = still.orientation.display_size(width, height)
    stored = still.orientation.box_to_storage(region, *shown)
    across, down = still.block_px
    more_x, more_y = (2 if side > _SIDE else 0 for side in still.block_px)
    grown = Box(
        max(0, stored.x0 // across * across - more_x),
        max(0, stored.y0 // down * down - more_y),
        min(width, -(-stored.x1 // across) * across + more_x),
        min(height, -(-stored.y1 // down) * down + more_y),
    )
    return _to_display(grown, still.orientation, width, height)


def _to_display(box: Box, orientation: Orientation, width: int, height: int) -> Box:
    """Undo `Orientation.box_to_storage`."""
    if orientation.transpose:
        box, width, height = Box(box.y0, box.x0, box.y1, box.x1), height, width
    x0, x1 = (width - box.x1, width - box.x0) if orientation.flip_x else (box.x0, box.x1)
    y0, y1 = (height - box.y1, height - box.y0) if orientation.flip_y else (box.y0, box.y1)
    return Box(x0, y0, x1, y1)


def _split(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = plane.shape[0] // _SIDE, plane.shape[1] // _SIDE
    return plane.reshape(rows, _SIDE, columns, _SIDE).swapaxes(1, 2)


def _joined(blocks: Samples) -> Samples:
    rows, columns = blocks.shape[:2]
    return blocks.swapaxes(1, 2).reshape(rows * _SIDE, columns * _SIDE)
