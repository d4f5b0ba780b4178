"""Cut pictures as their container says, as a player does, so that no hidden border is shown."""

from dataclasses import dataclass

import av
from av.filter import Graph

from facemask_video.video.plane_layout import layout_of


@dataclass(frozen=True, slots=True)
class Crop:
    """Rows and columns at each edge of a stored picture that are not shown, in px."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def parse(cls, text: str) -> "Crop | None":
        """Read FFmpeg's words for it; None where nothing is cut.

        >>> Crop.parse("100/60/20/30")
        Crop(top=100, bottom=60, left=20, right=30)
        """
        edges = [int(part) for part in text.split("/") if part.isdigit()]
        return cls(*edges) if len(edges) == 4 and any(edges) else None


class Cropper:
    """Cuts the pictures of one stream.

    An edge inside a chroma sample is moved outwards to the sample's own.

    Args:
        crop: What is cut.
    """

    def __init__(self, crop: Crop) -> None:
        self._crop = crop
        self._graphs: dict[tuple[int, int, str], Graph] = {}

    def __call__(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return the part of a picture that is shown, on the same planes."""
        name = picture.format.name
        layout = layout_of(name)
        across, down = (1, 1) if layout is None else layout.subsample
        crop = self._crop
        left, top = crop.left // across * across, crop.top // down * down
        width, height = picture.width - left - crop.right, picture.height - top - crop.bottom
        if width <= 0 or height <= 0:
            return picture
        graph = self._graphs.get((picture.width, picture.height, name))
        if graph is None:
            graph = Graph()
            entry = graph.add_buffer(
                width=picture.width,
                height=picture.height,
                format=picture.format,
                time_base=picture.time_base,
            )
            cut = graph.add("crop", f"{width}:{height}:{left}:{top}:exact=1")
            entry.link_to(cut)
            cut.link_to(graph.add("buffersink"))
            graph.configure()
            self._graphs[picture.width, picture.height, name] = graph
        graph.push(picture)
        shown = graph.pull()
        assert isinstance(shown, av.VideoFrame), "a video graph yields video"
        shown.pts, shown.time_base = picture.pts, picture.time_base
        return shown
