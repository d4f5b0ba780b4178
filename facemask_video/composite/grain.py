"""Give painted pixels the blur and the grain of the skin beside them, at the frame's resolution.

A generator paints without noise, and no finer than its crop: beside a camera's grain or pores its
paint looks like plastic, and in a blurred recording it is too crisp. What the kept skin has is
measured every few frames, and the paint is given what it lacks.

Grain is taken for white noise that was blurred, as demosaicking, scaling and compression leave it:
the variances of two bands of a difference-of-Gaussians pyramid give its strength and its blur (the
moments of Heeger and Bergen, "Pyramid-based texture analysis and synthesis", SIGGRAPH 1995). Blur
of the picture is matched at edges, by the ratio of two neighbouring bands, which does not depend on
their contrast.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from facemask_video.composite.alpha import FLOOR, smoothstep
from facemask_video.core import geometry
from facemask_video.core.faces import TrackId, TranslatedCrop
from facemask_video.core.frame import Frame, Patch
from facemask_video.core.geometry import Affine, Box
from facemask_video.core.warp import warp

_Float32 = NDArray[np.float32]
_Bools = NDArray[np.bool_]

_Parts = tuple[tuple[float, float, float, float], ...]

_SKIN: _Parts = (
    (0.34, 0.20, 0.66, 0.31),
    (0.29, 0.42, 0.42, 0.50),
    (0.58, 0.42, 0.71, 0.50),
)
"""Forehead and both cheeks (x0, y0, x1, y1), as fractions of the crop's side. Each is measured
alone, for hair lies over one or the other."""

_EYES: _Parts = ((0.27, 0.27, 0.73, 0.43),)
"""Brows and eyes: their edges tell how sharp the picture is."""

_CELLS = 48
"""Cells along the crop's side over which variances are taken."""

_QUIET = 0.3
"""Quantile of the cells' variances that stands for plain skin: wrinkles and edges lie above."""

_QUIET_DEVIATE = -0.524
"""The same quantile of the standard normal distribution."""

_EDGES = 0.9
"""Quantile of the cells' variances that stands for edges."""

_MIN_CELLS = 4
"""With fewer cells of skin or of paint nothing is measured."""

_LARGEST_GRAIN = (5.0, 2.5, 2.5)
"""Of luma and the two chroma components, in levels: more is no grain but hair."""

_LARGEST_ALONE = 2.0
"""The same where one part of the skin alone is seen, which hair may cover."""

_SMALLEST_GRAIN = 0.15
"""In levels. Less is the rounding of a clean picture, and shows nowhere."""

_SHARPEN, _BLUR = 1.7, 0.35
"""Largest and smallest gain of the finest band of the paint."""

_HALO = 3.0
"""Levels by which sharpening may leave the range of a pixel's neighbours."""

_TRACES = 2.0
"""Variance in squared levels at which sharpening takes half effect."""

_MEASURE_EVERY = 4
"""Frames from one measurement of a person's skin and paint to the next: light and focus change
slowly. How far grain stays is measured between such a frame and the next."""

_FOLLOW = 0.5
"""Weight of a measurement in the running means of what is measured: six frames."""

_LARGEST_MEMORY = 0.95
_BAND_PX = (0.7, 1.4)
"""Blurs between which grain is measured: from none to the first, and from that to the second."""

_GRAIN_BLURS_PX = (0.0, 0.4, 0.55, 0.7, 0.85, 1.0, 1.2)
"""Blurs of the noises that there are to choose from."""

_PX_PER_BLUR_PX = 400
"""Side of the crop in frame px for each px by which its grain may be blurred: coarser structure is
that of a small face itself, and would come back as spots."""

_TILE_PX = 512


@dataclass(frozen=True, slots=True)
class _Lack:
    """What the paint lacks.

    Attributes:
        variance: Of its grain, by band and component (2, 3), in squared levels.
        gain: That makes its finest band as strong as the skin's.
        largest: Most grain that it is given, in levels.
    """

    variance: _Float32
    gain: float
    largest: float


@dataclass(slots=True, eq=False)
class _Past:
    """What is kept of a person from one frame to the next.

    Attributes:
        frame_index: Of that frame.
        age: Frames since the first that is remembered.
        center: Of the crop in the frame, px.
        lack: The running mean.
        skin: The skin of that frame, where it was measured.
        grain: What was added to the patch (h, w, 3), and where that lies.
        grain_box: See ``grain``.
        memory: Running mean of how far the grain of the skin stays from frame to frame, in [0, 1].
        moves: Whether it goes along with the face.
    """

    frame_index: int
    age: int
    center: tuple[float, float]
    lack: _Lack
    skin: "_Skin | None"
    grain: _Float32
    grain_box: Box
    memory: float = 0.0
    moves: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Skin:
    """The fine detail of the luma of a kept part, which of it is plain skin, and where it lies."""

    detail: _Float32
    where: _Bools
    box: Box


class GrainMatcher:
    """Gives the patches of one clip the grain and blur of the skin beside them.

    What was measured is averaged over some frames of each person. Grain stays in place from one
    frame to the next as far as the skin's does, which is not at all in a raw recording, and all but
    wholly where an encoder repeats its blocks; its seed is the person and the frame, so two runs
    over the same frames agree.

    Args:
        forget_every: Frames after which everything is measured anew, so that a run which goes on
            from there agrees too.
    """

    def __init__(self, *, forget_every: int = 250) -> None:
        self._forget_every = forget_every
        self._pasts: dict[TrackId, _Past] = {}

    def match(self, patch: Patch, crop: TranslatedCrop, frame: Frame) -> Patch:
        """Return a patch with the blur and grain of the skin that is kept.

        Where too little skin or paint is seen, the patch comes back as it is.

        Args:
            patch: What is to be blended in.
            crop: What it was made of.
            frame: The source's frame. Frames come in order.
        """
        track_id = crop.source.face.track_id
        # One past a person in view: of this frame, where it has been matched, or of the last.
        first = frame.index if frame.index % self._forget_every == 0 else frame.index - 1
        self._pasts = {key: past for key, past in self._pasts.items() if past.frame_index >= first}
        past = self._pasts.pop(track_id, None)
        crop_to_frame = geometry.invert(crop.source.frame_to_crop)
        side_px = crop.source.size_px * geometry.scale_of(crop_to_frame)
        cell_px = max(3, round(side_px / _CELLS))
        fine_px = max(1.0, geometry.scale_of(crop_to_frame))
        age = 0 if past is None else past.age + 1
        kept = None
        if age % _MEASURE_EVERY < 2:
            kept = _read_kept(crop, crop_to_frame, frame, cell_px)
            if kept is None:
                return patch
        paint = _to_ycc(patch.image)
        if past is not None and (kept is None or age % _MEASURE_EVERY):
            lack = past.lack
            paint[..., 0] = _with_detail(paint[..., 0], lack.gain, fine_px)
        else:
            assert kept is not None, "a face that is new is measured"
            solid = _in_cells(np.asarray(patch.alpha > 0.9, np.float32), cell_px) > 0.99
            if solid.sum() < _MIN_CELLS:
                return patch
            gain = _lacking_detail(kept, paint, solid, fine_px, cell_px)
            if past is not None:
                gain = past.lack.gain + _FOLLOW * (gain - past.lack.gain)
            paint[..., 0] = _with_detail(paint[..., 0], gain, fine_px)
            lack = _Lack(_lacking_variance(kept, paint, solid, cell_px, past), gain, kept.largest)
        center = geometry.apply(crop_to_frame, np.array([[crop.source.size_px / 2] * 2]))[0]
        now = _Past(
            frame.index,
            age,
            (float(center[0]), float(center[1])),
            lack,
            None if kept is None else kept.plain_skin(),
            _fresh_grain(lack, side_px / _PX_PER_BLUR_PX, patch, (track_id.number, frame.index)),
            patch.box,
        )
        if past is not None:
            _carry_over(past, now)
        self._pasts[track_id] = now
        # Clipped light has no grain.
        light = paint[..., 0]
        room = smoothstep(np.minimum(light, 255 - light) / 24)
        paint += now.grain * room[..., None]
        image = cv2.cvtColor(paint, cv2.COLOR_YCrCb2RGB)
        # Rounded and clipped as it becomes bytes.
        image = cv2.add(image, 0, dtype=cv2.CV_8U)  # type: ignore[call-overload]
        return Patch(patch.box, np.asarray(image, np.uint8), patch.alpha)


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """The kept part of a face, and where it lies.

    Attributes:
        image: Luma and chroma, shape (h, w, 3).
        where: Pixels of plain skin, shape (h, w).
        skin: Cells of each part of `_SKIN`, where enough of it is seen.
        edges: Cells of skin and eyes.
        box: In the frame.
    """

    image: _Float32
    where: _Bools
    skin: list[_Bools]
    edges: _Bools
    box: Box

    @property
    def largest(self) -> float:
        """Most grain that is believed, in levels."""
        return _LARGEST_GRAIN[0] if len(self.skin) > 1 else _LARGEST_ALONE

    def plain_skin(self) -> _Skin:
        """Return what tells how far grain stays."""
        light = np.ascontiguousarray(self.image[..., 0])
        return _Skin(light - _blurred(light, _BAND_PX[-1]), self.where, self.box)


def _read_kept(
    crop: TranslatedCrop, crop_to_frame: Affine, frame: Frame, cell_px: int
) -> _Kept | None:
    """Read forehead, eyes and upper cheeks in the frame's px; None where too little is seen."""
    size_px = crop.source.size_px
    place, regions = _regions(size_px)
    rows, columns = place
    part = Box(columns.start, rows.start, columns.stop, rows.stop)
    footprint = geometry.bounding_box(geometry.apply(crop_to_frame, geometry.corners(part)))
    box = geometry.round_out(geometry.clip(footprint, frame.width_px, frame.height_px))
    if min(box.width_px, box.height_px) < 2 * cell_px:
        return None
    part_to_frame = geometry.compose(geometry.translation(columns.start, rows.start), crop_to_frame)
    # Beside the paint lie its shadow and the edge of what was painted over.
    free = cv2.erode(np.asarray(crop.alpha[place] < FLOOR, np.uint8), np.ones((5, 5), np.uint8))
    placed = warp(
        regions * free[:, :, None],
        geometry.compose(part_to_frame, geometry.translation(-box.x0, -box.y0)),
        width_px=int(box.width_px),
        height_px=int(box.height_px),
        border="zero",
    )
    cells = _in_cells(placed, cell_px)
    skin = [cells[..., index] > 0.9 for index in range(len(_SKIN))]
    skin = [part for part in skin if part.sum() >= _MIN_CELLS]
    if not skin:
        return None
    plain = placed[..., 0] + placed[..., 1] + placed[..., 2]
    return _Kept(_to_ycc(frame.read_region(box)), plain > 0.5, skin, cells.sum(axis=2) > 0.9, box)


@lru_cache(maxsize=8)
def _regions(size_px: int) -> tuple[tuple[slice, slice], _Float32]:
    """Return which part of the crop holds all regions, and 1 in each of them, (h, w, 4)."""
    edges = [[round(edge * size_px) for edge in part] for part in (*_SKIN, *_EYES)]
    x0, y0 = (min(part[axis] for part in edges) for axis in (0, 1))
    x1, y1 = (max(part[axis] for part in edges) for axis in (2, 3))
    regions = np.zeros((y1 - y0, x1 - x0, len(edges)), np.float32)
    for index, (left, top, right, bottom) in enumerate(edges):
        regions[top - y0 : bottom - y0, left - x0 : right - x0, index] = 1
    regions.setflags(write=False)
    return (slice(y0, y1), slice(x0, x1)), regions


def _to_ycc(image: NDArray[np.uint8]) -> _Float32:
    return np.asarray(cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2YCrCb), np.float32)


def _blurred(image: _Float32, sigma_px: float) -> _Float32:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)


def _in_cells(values: _Float32, cell_px: int) -> _Float32:
    """Return the mean of each whole cell."""
    rows, columns = values.shape[0] // cell_px, values.shape[1] // cell_px
    whole = values[: rows * cell_px, : columns * cell_px]
    if not whole.size:
        return np.zeros((rows, columns, *values.shape[2:]), np.float32)
    means = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float32)


def _bands(image: _Float32) -> list[_Float32]:
    levels = [image, *(_blurred(image, sigma_px) for sigma_px in _BAND_PX)]
    return [fine - coarse for fine, coarse in pairwise(levels)]


def _lacking_variance(
    kept: _Kept, paint: _Float32, solid: _Bools, cell_px: int, past: _Past | None
) -> _Float32:
    """Return by how much the grain of skin exceeds that of paint, (2, 3), as a running mean."""
    wanted = _quiet_variance(_bands(kept.image), kept.skin, cell_px)
    given = _quiet_variance(_bands(paint), [solid], cell_px)
    variance = np.asarray(np.maximum(wanted - given, 0), np.float32)
    if past is None:
        return variance
    mean = past.lack.variance + np.float32(_FOLLOW) * (variance - past.lack.variance)
    return np.asarray(mean, np.float32)


def _quiet_variance(bands: Sequence[_Float32], parts: list[_Bools], cell_px: int) -> _Float32:
    """Return the variance of plain skin by band and component, (2, 3).

    Of three parts the middle one counts, of fewer the quietest.
    """
    variances = []
    for index, band in enumerate(bands):
        cells = _in_cells(band * band, cell_px)
        of_parts = np.sort([_quantile(cells[part], _QUIET) for part in parts], axis=0)
        # Neighbours within a band are alike, so a cell holds fewer samples than pixels.
        share = _share_at_quantile(cell_px**2 / 4**index)
        variances.append(of_parts[(len(parts) - 1) // 2] / share)
    return np.array(variances, np.float32)


def _share_at_quantile(n_samples: float) -> float:
    """Return the `_QUIET` quantile of estimates of a variance of 1, by the Wilson-Hilferty formula.

    Args:
        n_samples: Independent ones behind each estimate.
    """
    spread = 2 / (9 * max(n_samples, 1.0))
    return max(0.3, (1 - spread + _QUIET_DEVIATE * math.sqrt(spread)) ** 3)


def _quantile(values: _Float32, share: float) -> _Float32:
    """Return the value (along the first axis) under which a share of the values lies."""
    return np.asarray(np.sort(values, axis=0)[int(share * len(values))], np.float32)


def _lacking_detail(
    kept: _Kept, paint: _Float32, solid: _Bools, fine_px: float, cell_px: int
) -> float:
    """Return the gain of its finest band that would make the paint as sharp as the kept face."""
    wanted = _edge_slope(kept.image[..., 0], kept.edges, fine_px, cell_px)
    given = _edge_slope(paint[..., 0], solid, fine_px, cell_px)
    if wanted is None or given is None:
        return 1.0
    return float(np.clip(np.sqrt(wanted / given), _BLUR, _SHARPEN))


def _edge_slope(light: _Float32, where: _Bools, fine_px: float, cell_px: int) -> float | None:
    """Return how much of the energy of edges lies in the finest band, beside the one below.

    None where there are no edges to speak of.
    """
    smooth = _blurred(light, fine_px)
    energies = []
    for band in (light - smooth, smooth - _blurred(light, 2 * fine_px)):
        local = _in_cells(band * band, cell_px)[where]
        energies.append(float(_quantile(local, _EDGES) - _quantile(local, _QUIET)))
    if energies[1] < 0.5:
        return None
    return max(energies[0], 1e-3) / energies[1]


def _with_detail(light: _Float32, gain: float, fine_px: float) -> _Float32:
    """Scale the finest band of an image, within the range of each pixel's neighbours."""
    if abs(gain - 1) < 0.02:
        return light
    band = light - _blurred(light, fine_px)
    if gain < 1:
        return np.asarray(light + np.float32(gain - 1) * band, np.float32)
    # Only edges are sharpened: elsewhere the band holds traces of the network's own grid.
    energy = _blurred(band * band, 2 * fine_px)
    scaled = light + np.float32(gain - 1) * band * (energy / (energy + _TRACES))
    near = np.ones((2 * round(fine_px) + 1,) * 2, np.uint8)
    return np.clip(scaled, cv2.erode(light, near) - _HALO, cv2.dilate(light, near) + _HALO)


@lru_cache(maxsize=1)
def _noises() -> tuple[list[_Float32], _Float32]:
    """Return noises of variance 1 by blur, which repeat without a seam, and their bands' variances.

    Returns:
        Tiles of twice `_TILE_PX`, and an array (n, 2).
    """
    rng = np.random.default_rng(0)
    white = rng.standard_normal((_TILE_PX, _TILE_PX)).astype(np.float32)
    around = np.pad(white, 32, mode="wrap")
    tiles, variances = [], []
    for sigma_px in _GRAIN_BLURS_PX:
        noise = _blurred(around, sigma_px) if sigma_px else around
        noise = noise / noise.std()
        tiles.append(np.tile(noise[32:-32, 32:-32], (2, 2)))
        variances.append([band.var() for band in _bands(noise)])
    return tiles, np.array(variances, np.float32)


def _fresh_grain(
    lack: _Lack, largest_blur_px: float, patch: Patch, seed: tuple[int, int]
) -> _Float32:
    """Return new noise of the patch's shape, luma and chroma, with the variance that is lacking."""
    height, width = patch.alpha.shape
    rng = np.random.default_rng(seed)
    starts = rng.integers(_TILE_PX, size=(3, 2))
    tiles, bands = _noises()
    n_blurs = 1 + sum(0 < blur_px <= largest_blur_px for blur_px in _GRAIN_BLURS_PX)
    noise = np.zeros((height, width, 3), np.float32)
    for component in range(3):
        asked = lack.variance[:, component]
        # By least squares in both bands: the strength for each blur, and then the best blur.
        squares = (bands @ asked) / (bands * bands).sum(axis=1)
        errors = np.square(squares[:, None] * bands - asked).sum(axis=1)
        best = int(np.argmin(errors[:n_blurs]))
        # What only the coarser band asks for is no grain.
        square = min(squares[best], asked[0] / bands[best, 0])
        strength = min(float(np.sqrt(square)), lack.largest, _LARGEST_GRAIN[component])
        if strength < _SMALLEST_GRAIN:
            continue
        top, left = starts[component]
        if max(height, width) <= _TILE_PX:
            part = tiles[best][top : top + height, left : left + width]
        else:
            rows, columns = top + np.arange(height), left + np.arange(width)
            part = tiles[best][np.ix_(rows % _TILE_PX, columns % _TILE_PX)]
        noise[..., component] = strength * part
    return noise


def _carry_over(past: _Past, present: _Past) -> None:
    """Let grain stay where it was as far as that of the skin did, in place."""
    across, down = np.rint(np.subtract(present.center, past.center)).astype(int)
    moved = (int(across), int(down))
    present.memory, present.moves = past.memory, past.moves
    if past.skin is not None and present.skin is not None:
        still = _correlation(past.skin, present.skin, (0, 0))
        along = still if moved == (0, 0) else _correlation(past.skin, present.skin, moved)
        present.moves = along > still
        memory = past.memory + _FOLLOW * (max(0.0, still, along) - past.memory)
        present.memory = min(memory, _LARGEST_MEMORY)
    shift = moved if present.moves else (0, 0)
    here, there = _overlap(present.grain_box, past.grain_box, shift)
    if here is None or there is None:
        return
    fresh = float(np.sqrt(1 - present.memory**2))
    present.grain[here] = present.memory * past.grain[there] + fresh * present.grain[here]


def _correlation(past: _Skin, present: _Skin, shift: tuple[int, int]) -> float:
    here, there = _overlap(present.box, past.box, shift)
    if here is None or there is None:
        return 0.0
    where = present.where[here]
    now, before = present.detail[here][where], past.detail[there][where]
    strength = float(np.sqrt((now @ now) * (before @ before)))
    return 0.0 if strength < 1e-6 else float(now @ before) / strength


def _overlap(
    box: Box, past_box: Box, shift: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | tuple[None, None]:
    """Return the part of an array at a box, and of one at a past box, that show the same place.

    Args:
        box: Whole edges, px of the frame.
        past_box: Of the frame before.
        shift: How far, in x and y, what is seen has moved since.
    """
    dx, dy = shift
    x0, y0 = max(box.x0, past_box.x0 + dx), max(box.y0, past_box.y0 + dy)
    x1, y1 = min(box.x1, past_box.x1 + dx), min(box.y1, past_box.y1 + dy)
    if x0 >= x1 or y0 >= y1:
        return None, None

    def part(left: float, top: float) -> tuple[slice, slice]:
        return (
            slice(int(y0 - top), int(y1 - top)),
            slice(int(x0 - left), int(x1 - left)),
        )

    return part(box.x0, box.y0), part(past_box.x0 + dx, past_box.y0 + dy)
