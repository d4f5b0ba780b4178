"""A folder of numbered pictures, read as a clip."""

import itertools
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from facemask_video.core.errors import VideoReadError
from facemask_video.core.frame import VideoInfo
from facemask_video.core.limits import MAX_PIXELS
from facemask_video.core.pictures import KIND_OF_SUFFIX
from facemask_video.core.wording import counted
from facemask_video.stills.probe import probe_picture
from facemask_video.stills.read import read_stills
from facemask_video.stills.still import Still
from facemask_video.video import NativeFrame


class FrameFolder:
    """Iterate over a folder's pictures in the order of their numbers, as the frames of a clip.

    Each frame holds its picture's own samples; one picture is held at a time.

    Attributes:
        path: The folder.
        files: Its pictures, in order.
        info: What is known of them as a clip, from the first one.
        start_s, end_s: The range that is read, or None.
        notes: What is odd about them.
    """

    def __init__(
        self,
        path: Path,
        rate: Fraction,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """List the folder, and look at the first picture.

        Args:
            path: The folder. Files that are no pictures by their suffix are passed over.
            rate: Frames a second.
            start_s: Begin at this time.
            end_s: Stop before it.
            max_pixels: Most px of a picture.

        Raises:
            VideoReadError: It holds no pictures, or one without a number.
        """
        self.path, self.rate = path, rate
        self.start_s, self.end_s = start_s, end_s
        self._max_pixels = max_pixels
        self.notes: list[str] = []
        numbered, others = _numbered(path)
        self.files = tuple(file for _, file in numbered)
        if others:
            self.notes.append(f"{counted(others, 'file')} that are no pictures: passed over")
        numbers = [number for number, _ in numbered]
        for before, after in itertools.pairwise(numbers):
            if after != before + 1:
                self.notes.append(
                    f"after number {before} comes {after}; they follow each other all the same"
                )
                break
        self._first = probe_picture(self.files[0], max_pixels=max_pixels)
        self.info = self._describe()

    def _describe(self) -> VideoInfo:
        first = self._first
        return VideoInfo(
            path=self.path,
            container="frames",
            width_px=first.width_px,
            height_px=first.height_px,
            frame_rate=self.rate,
            frame_count_from_header=len(self.files),
            duration_s=len(self.files) / self.rate,
            start_s=Fraction(0),
            time_base=1 / self.rate,
            pixel_format=first.pixel_format,
            bit_depth=first.bit_depth,
            codec=first.codec,
            rotation_deg=first.rotation_deg,
            mirrored=first.mirrored,
            sample_aspect=None,
            matrix=first.matrix,
            color_range=first.color_range,
            primaries=first.primaries,
            transfer=first.transfer,
            video_index=0,
            streams=(),
        )

    def in_range(self) -> tuple[Path, ...]:
        """Return the pictures whose time lies in the range.

        Raises:
            VideoReadError: There are none.
        """
        first = 0 if self.start_s is None else -int(-Fraction(self.start_s) * self.rate // 1)
        end = (
            len(self.files) if self.end_s is None else -int(-Fraction(self.end_s) * self.rate // 1)
        )
        files = self.files[first:end]
        if not files:
            raise VideoReadError(
                f"{self.path}: no picture lies in the range asked for; at this rate they last "
                f"{float(len(self.files) / self.rate):.3f} s."
            )
        return files

    def __iter__(self) -> Iterator[NativeFrame]:
        """Yield the frames of the range.

        Raises:
            VideoReadError: A picture cannot be read, or is of another size or kind than the first.
        """
        for index, file in enumerate(self.in_range()):
            still = self.still(file)
            yield still.frame(index=index, time_base=1 / self.rate)

    def still(self, file: Path) -> Still:
        """Return one of the pictures.

        Raises:
            VideoReadError: It cannot be read, or is of another size than the first.
        """
        pages = read_stills(file, max_pixels=self._max_pixels)
        shown = pages[0].orientation.display_size(*pages[0].stored_size)
        if len(pages) > 1 or shown != (self.info.width_px, self.info.height_px):
            raise VideoReadError(
                f"{file}: is {counted(len(pages), 'picture')} of {shown[0]}x{shown[1]} px, the "
                f"first one {self.info.width_px}x{self.info.height_px}; all frames of a clip have "
                "one size."
            )
        return pages[0]


def parse_rate(text: str) -> Fraction | None:
    """Read frames a second; None where the text is none.

    >>> parse_rate("25"), parse_rate("30000/1001"), parse_rate("0")
    (Fraction(25, 1), Fraction(30000, 1001), None)
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    return rate if 0 < rate <= 1000 else None


def numbered_files(folder: Path) -> list[Path]:
    """Return a folder's pictures in the order of their numbers.

    Raises:
        VideoReadError: It holds no pictures, or one without a number of its own.
    """
    return [path for _, path in _numbered(folder)[0]]


def _numbered(folder: Path) -> tuple[list[tuple[int, Path]], int]:
    try:
        files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as exc:
        raise VideoReadError(f"{folder}: cannot be read ({exc.strerror}).") from exc
    pictures = [path for path in files if path.suffix.lower() in KIND_OF_SUFFIX]
    if not pictures:
        raise VideoReadError(f"{folder}: holds no pictures.")
    numbered: dict[int, Path] = {}
    for path in sorted(pictures):
        # The last number of the name counts: shot3_0001 is the first.
        digits = re.findall(r"\d+", path.stem)
        if not digits:
            raise VideoReadError(
                f"{path}: has no number, as the frames of a clip have; move it away."
            )
        other = numbered.setdefault(int(digits[-1]), path)
        if other is not path:
            raise VideoReadError(
                f"{path}: has the same number as {other.name}; keep the frames of one clip in a "
                "folder."
            )
    return sorted(numbered.items()), len(files) - len(pictures)
