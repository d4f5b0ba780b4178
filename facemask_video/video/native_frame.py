"""A frame on the decoder's own planes: read small, read a rectangle, blend a rectangle.

Convention: the public face is in display orientation (`facemask_video.core.geometry`); planes stay
in storage orientation. In a 4:2:0 or 4:2:2 picture a chroma sample sits on the left luma column
that it covers (MPEG siting) unless the format's name says JPEG, where it sits in the middle; down
the picture it sits between its rows. PyAV does not tell rarer sitings; they differ by a quarter px.
"""

import threading
from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
from av.filter import Graph
from av.video.reformatter import Interpolation, VideoReformatter

from facemask_video.core import geometry
from facemask_video.core.frame import AlphaF32, Frame, ImageU8, Patch
from facemask_video.core.geometry import Affine, Box
from facemask_video.core.warp import covered_box, warp
from facemask_video.video.colour import Colour, Floats
from facemask_video.video.orientation import UPRIGHT, Orientation
from facemask_video.video.plane_layout import PlaneLayout, Samples, nearest_layout

_PLANAR_RGB = nearest_layout("gbrp")


class FrameTools:
    """swscale contexts and copying filter graphs, which the frames of one reader share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reformatter = VideoReformatter()
        self._copiers: dict[tuple[int, int, str], Graph] = {}

    def copy(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return a frame with planes of its own and the same samples, tags and side data.

        The decoder may still predict from the planes that it handed out, so they are never written.
        A filter graph without filters is PyAV's one way to a second reference that keeps side data.
        """
        key = (frame.width, frame.height, frame.format.name)
        with self._lock:
            graph = self._copiers.get(key)
            if graph is None:
                graph = Graph()
                entry = graph.add_buffer(
                    width=frame.width,
                    height=frame.height,
                    format=frame.format,
                    time_base=frame.time_base or Fraction(1, 1000),
                )
                entry.link_to(graph.add("buffersink"))
                graph.configure()
                self._copiers[key] = graph
            graph.push(frame)
            copied = graph.pull()
        assert isinstance(copied, av.VideoFrame), "a video graph yields video"
        copied.make_writable()
        copied.pts, copied.time_base = frame.pts, frame.time_base
        return copied

    def downscale(
        self, frame: av.VideoFrame, colour: Colour, *, width_px: int, height_px: int
    ) -> ImageU8:
        """Return RGB of a whole frame at another size, averaged over what each pixel covers."""
        with self._lock:
            small = self._reformatter.reformat(
                frame,
                width=width_px,
                height=height_px,
                # Its way to packed RGB is both slower and rounded down.
                format="gbrp",
                # swscale numbers its matrices as H.273 does, but for 6, which it calls 5.
                src_colorspace={6: 5, 8: 5, 10: 9, 14: 9}.get(colour.matrix, colour.matrix),
                dst_colorspace=5,
                src_color_range="JPEG" if colour.full_range else "MPEG",
                dst_color_range="JPEG",
                interpolation=Interpolation.AREA,
                threads=1,
            )
        return np.dstack(_PLANAR_RGB.views(small))


class NativeFrame:
    """One decoded picture; implements `facemask_video.core.frame.Frame`."""

    __slots__ = (
        "_colour",
        "_layout",
        "_orientation",
        "_picture",
        "_tools",
        "index",
        "pts",
        "time_base",
    )

    def __init__(
        self,
        picture: av.VideoFrame,
        layout: PlaneLayout,
        *,
        index: int,
        pts: int,
        time_base: Fraction,
        orientation: Orientation = UPRIGHT,
        tools: FrameTools | None = None,
    ) -> None:
        self._picture = picture
        self._layout = layout
        self._orientation = orientation
        self._tools = tools or FrameTools()
        self._colour = Colour.of(
            layout,
            int(picture.colorspace),
            int(picture.color_range),
            width_px=picture.width,
            height_px=picture.height,
        )
        self.index = index
        self.pts = pts
        self.time_base = time_base

    def __repr__(self) -> str:
        return (
            f"NativeFrame(index={self.index}, pts={self.pts}, {self.width_px}x{self.height_px} "
            f"{self._layout.name})"
        )

    @property
    def width_px(self) -> int:
        """Width as displayed."""
        return self._orientation.display_size(self._picture.width, self._picture.height)[0]

    @property
    def height_px(self) -> int:
        """Height as displayed."""
        return self._orientation.display_size(self._picture.width, self._picture.height)[1]

    @property
    def picture(self) -> av.VideoFrame:
        """The decoder's frame, in storage orientation. Not to be written to."""
        return self._picture

    @property
    def layout(self) -> PlaneLayout:
        """Where the picture's samples lie."""
        return self._layout

    @property
    def orientation(self) -> Orientation:
        """How the stored picture is displayed."""
        return self._orientation

    @property
    def colour(self) -> Colour:
        """How the picture's code values stand for colour."""
        return self._colour

    def samples(self) -> list[Samples]:
        """Return views of the components in storage orientation. Not to be written to."""
        return self._layout.views(self._picture)

    def thumbnail(self, max_side_px: int) -> tuple[ImageU8, float]:
        """Return a small RGB picture and its scale (thumbnail px a frame px, at most 1)."""
        if max_side_px < 1:
            raise ValueError(f"max_side_px: got {max_side_px}, expected at least 1.")
        stored_width, stored_height = self._picture.width, self._picture.height
        scale = min(1.0, max_side_px / max(stored_width, stored_height))
        if scale == 1.0:
            return self.read_region(Box(0, 0, self.width_px, self.height_px)), 1.0
        small = self._tools.downscale(
            self._picture,
            self._colour,
            width_px=max(1, round(stored_width * scale)),
            height_px=max(1, round(stored_height * scale)),
        )
        return np.ascontiguousarray(self._orientation.to_display(small)), scale

    def read_region(self, box: Box) -> ImageU8:
        """Return RGB of a whole-pixel box through the frame's own matrix and range.

        Parts outside the frame repeat the nearest edge pixel.
        """
        stored_box = self._storage_box(box)
        columns = np.clip(np.arange(stored_box[0], stored_box[2]), 0, self._picture.width - 1)
        rows = np.clip(np.arange(stored_box[1], stored_box[3]), 0, self._picture.height - 1)
        if columns.size == 0 or rows.size == 0:
            return np.zeros((int(box.height_px), int(box.width_px), 3), dtype=np.uint8)
        x0, y0 = int(columns[0]), int(rows[0])
        inside = self._colour.to_rgb(self._codes(x0, y0, int(columns[-1]) + 1, int(rows[-1]) + 1))
        if inside.shape[:2] != (rows.size, columns.size):
            inside = inside[rows - y0][:, columns - x0]
        return np.ascontiguousarray(self._orientation.to_display(inside))

    def read_crop(self, frame_to_crop: Affine, size_px: int) -> ImageU8:
        """Return RGB of what lies under a square crop, of which only its own pixels are converted.

        Parts outside the frame repeat the nearest edge pixel.
        """
        stored_to_crop = geometry.compose(
            self._orientation.storage_to_display(self._picture.width, self._picture.height),
            frame_to_crop,
        )
        region = covered_box(stored_to_crop, size_px)
        planes = []
        for index, view in enumerate(self.samples()):
            to_stored, (across, down) = self._sample_to_px(index)
            height, width = view.shape
            x0 = min(max(0, int(region.x0 // across) - 1), width - 1)
            y0 = min(max(0, int(region.y0 // down) - 1), height - 1)
            x1, y1 = int(-(-region.x1 // across)) + 1, int(-(-region.y1 // down)) + 1
            rows, columns = slice(y0, max(y0 + 1, y1)), slice(x0, max(x0 + 1, x1))
            # Not in bytes: three planes rounded twice would be off by a level each.
            part: Floats = (view[rows, columns] >> self._layout.shift).astype(np.float32)
            to_crop = geometry.compose(
                geometry.compose(geometry.translation(x0, y0), to_stored), stored_to_crop
            )
            planes.append(warp(part, to_crop, width_px=size_px, height_px=size_px))
        return self._colour.to_rgb(cv2.merge(planes))

    def _sample_to_px(self, index: int) -> tuple[Affine, tuple[int, int]]:
        """Return the map from a component's samples to stored px, and how many px each covers."""
        if not index or self._layout.model != "yuv":
            return geometry.scaling(1.0, 1.0), (1, 1)
        across, down = self._layout.subsample
        to_px = geometry.scaling(across, down)
        if not self._layout.jpeg:
            to_px = geometry.compose(to_px, geometry.translation(0.5 - across / 2, 0.0))
        return to_px, (across, down)

    def with_patches(self, patches: Sequence[Patch]) -> "NativeFrame":
        """Return a new frame with the patches blended in, in order, in the native planes.

        Where every alpha is 0 each luma and chroma sample is the decoder's own.

        Raises:
            ValueError: A patch leaves the frame.
        """
        if not any(patch.alpha.any() for patch in patches):
            return self
        picture = self._tools.copy(self._picture)
        views = self._layout.views(picture)
        for patch in patches:
            if geometry.clip(patch.box, self.width_px, self.height_px) != patch.box:
                raise ValueError(
                    f"Patch.box: got {patch.box}, expected it inside the frame of "
                    f"{self.width_px}x{self.height_px}; clip it."
                )
            x0, y0, x1, y1 = self._storage_box(patch.box)
            if x0 < x1 and y0 < y1:
                image = self._orientation.to_storage(patch.image)
                alpha = self._orientation.to_storage(patch.alpha)
                self._blend(views, x0, y0, image, alpha)
        return self.replacing(picture)

    def replacing(self, picture: av.VideoFrame) -> "NativeFrame":
        """Return a frame with another picture of the same format at this frame's place in time."""
        return NativeFrame(
            picture,
            self._layout,
            index=self.index,
            pts=self.pts,
            time_base=self.time_base,
            orientation=self._orientation,
            tools=self._tools,
        )

    def at_index(self, index: int) -> "NativeFrame":
        """Return the same frame with another position in its clip."""
        frame = self.replacing(self._picture)
        frame.index = index
        return frame

    def _storage_box(self, box: Box) -> tuple[int, int, int, int]:
        stored = self._orientation.box_to_storage(box, self.width_px, self.height_px)
        edges = (stored.x0, stored.y0, stored.x1, stored.y1)
        if any(edge != int(edge) for edge in edges):
            raise ValueError(f"box: got {box}, expected whole-pixel edges; round_out it.")
        return int(stored.x0), int(stored.y0), int(stored.x1), int(stored.y1)

    def _codes(self, x0: int, y0: int, x1: int, y1: int) -> Floats:
        """Return code values of a stored rectangle inside the frame, (h, w, components)."""
        views, shift = self.samples(), self._layout.shift
        across, down = self._layout.subsample
        codes = np.empty((y1 - y0, x1 - x0, len(views)), np.float32)
        for index, view in enumerate(views):
            if not index or self._layout.model == "rgb" or (across, down) == (1, 1):
                codes[:, :, index] = view[y0:y1, x0:x1] >> shift
                continue
            first_row, first_column = y0 // down, x0 // across
            # One more column than is covered: the last luma columns lean on it.
            last_row, last_column = -(-y1 // down), (x1 - 1) // across + 2
            needed = view[first_row:last_row, first_column:last_column] >> shift
            rows = np.arange(y0, y1) // down - first_row
            columns = np.arange(x0, x1) // across - first_column
            if self._layout.jpeg or across == 1:
                codes[:, :, index] = needed[rows][:, columns]
                continue
            begin = x0 - first_column * across
            codes[:, :, index] = _widened(needed, across)[:, begin : begin + x1 - x0][rows]
        return codes

    def _blend(
        self, views: list[Samples], x0: int, y0: int, image: ImageU8, alpha: AlphaF32
    ) -> None:
        image, alpha = np.ascontiguousarray(image), np.ascontiguousarray(alpha)
        rgb = image.astype(np.float32)
        if self._layout.model == "gray":
            self._mix(views[0], x0, y0, self._colour.luma(rgb), alpha)
            return
        coarse = self._layout.model == "yuv" and self._layout.subsample != (1, 1)
        for index, view in enumerate(views[:1] if coarse else views):
            self._mix(view, x0, y0, self._colour.component(rgb, index), alpha)
        if coarse:
            self._blend_subsampled(views, x0, y0, image, alpha)

    def _blend_subsampled(
        self, views: list[Samples], x0: int, y0: int, image: ImageU8, alpha: AlphaF32
    ) -> None:
        """Blend chroma under the mean alpha of the luma samples that each of its samples covers."""
        across, down = self._layout.subsample
        height, width = alpha.shape
        left, top = x0 % across, y0 % down
        right, bottom = -(left + width) % across, -(top + height) % down
        if left or top or right or bottom:
            sides = (top, bottom, left, right)
            image = np.asarray(cv2.copyMakeBorder(image, *sides, cv2.BORDER_REPLICATE), np.uint8)
            alpha = np.pad(alpha, ((top, bottom), (left, right)))
        # At an odd edge of the frame the last chroma sample covers fewer luma samples.
        beyond_right = max(0, x0 + width + right - self._picture.width)
        beyond_bottom = max(0, y0 + height + bottom - self._picture.height)
        if beyond_right:
            alpha[:, -beyond_right:] = alpha[:, -beyond_right - 1 : -beyond_right]
        if beyond_bottom:
            alpha[-beyond_bottom:] = alpha[-beyond_bottom - 1 : -beyond_bottom]
        # The exact counterpart of `_codes`: on its left column, between its rows.
        columns = range(across if self._layout.jpeg else 1)
        covered = np.zeros((alpha.shape[0] // down, alpha.shape[1] // across, 3), np.float32)
        for row in range(down):
            for column in columns:
                cv2.accumulate(np.ascontiguousarray(image[row::down, column::across]), covered)
        covered /= down * len(columns)
        size = (alpha.shape[1] // across, alpha.shape[0] // down)
        mean_alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
        for index in (1, 2):
            target = self._colour.component(covered, index)
            self._mix(views[index], x0 // across, y0 // down, target, mean_alpha)

    def _mix(self, view: Samples, x0: int, y0: int, target: Floats, alpha: AlphaF32) -> None:
        height, width = target.shape
        shift = self._layout.shift
        window = view[y0 : y0 + height, x0 : x0 + width]
        own = (window >> shift if shift else window).astype(np.float32)
        change = cv2.multiply(cv2.subtract(target, own), alpha)
        # Rounds to even and saturates, as rint and clip would in several passes more.
        depth = cv2.CV_8U if view.dtype == np.uint8 else cv2.CV_16U
        codes = np.asarray(cv2.add(own, change, dtype=depth), view.dtype)
        if view.dtype != np.uint8:
            codes = np.minimum(codes, view.dtype.type(self._colour.peak)) << shift
        # Samples under alpha 0 are not written at all, so that even their padding bits stay.
        np.copyto(window, codes, where=alpha > 0)


def _widened(chroma: Samples, across: int) -> Floats:
    """Interpolate samples that sit on each ``across``-th column; the last one is repeated."""
    left = chroma.astype(np.float32)
    right = np.concatenate([left[:, 1:], left[:, -1:]], axis=1)
    wide = np.empty((*left.shape, across), np.float32)
    for column in range(across):
        weight = np.float32(column / across)
        wide[:, :, column] = left * np.float32(1 - weight) + right * weight
    return wide.reshape(left.shape[0], -1)


def native(frame: Frame) -> NativeFrame:
    """Return the frame as this room's own, or raise TypeError for a frame of another make."""
    if not isinstance(frame, NativeFrame):
        raise TypeError(f"frame: got {type(frame).__name__}, expected a frame of a VideoReader.")
    return frame
