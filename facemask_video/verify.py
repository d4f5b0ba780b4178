"""Compare an output with its source: what no face covers must be unchanged."""

import itertools
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from facemask_video.core.errors import NoFrameInRangeError
from facemask_video.core.frame import StreamInfo, VideoInfo
from facemask_video.core.geometry import Box
from facemask_video.core.limits import MAX_PIXELS
from facemask_video.core.pictures import is_picture
from facemask_video.track.sidecar import Sidecar, SidecarFrame
from facemask_video.video import NativeFrame, VideoReader, probe
from facemask_video.video.compare import (
    StreamDigest,
    always_lossless,
    copied_times,
    digest_streams,
    largest_difference,
    same_samples_possible,
)
from facemask_video.video.target import begin_of_clock_s


@dataclass(frozen=True, slots=True)
class VerifyRow:
    """One comparison: what it is of, whether it holds, what was expected and found."""

    name: str
    ok: bool
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """All comparisons of an output with its source."""

    rows: tuple[VerifyRow, ...]

    @property
    def ok(self) -> bool:
        """Whether every comparison holds."""
        return all(row.ok for row in self.rows)


@dataclass(slots=True)
class _FrameTally:
    """What one pass over both files' frames has found."""

    source_frames: int = 0
    output_frames: int = 0
    largest_deviation_s: Fraction = Fraction(0)
    first_deviating: int | None = None
    largest_difference: int | None = None
    frames_compared: int = 0
    tracked: int = 0
    misplaced_line: int | None = None
    shift_s: Fraction = Fraction(0)
    copied: int = 0
    copied_difference: int = 0


def verify(
    source: Path,
    output: Path,
    *,
    tracks: Path | None = None,
    lossless: bool | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    max_pixels: int = MAX_PIXELS,
    all_video: bool = False,
) -> VerifyReport:
    """Compare an output with the source that it was made from.

    Times count as equal where the output's clock could hold no nearer value (half of its tick), and
    where it begins at 0 as `VideoWriter` lets it: for a range, or a clock that begins anywhere.
    An unspecified colour range counts as limited for YCbCr, which is how it is read. Samples are
    compared outside the regions of a tracks sidecar, and everywhere in pictures whose packets are
    the source's. Of two pictures their size, profile, EXIF and samples are compared, and of two
    JPEGs the coefficients of every block; two folders of frames are compared picture by picture.

    Args:
        source: The file that was converted.
        output: The result.
        tracks: The sidecar of that conversion, or None to leave samples out.
        lossless: Whether any difference outside the regions is a fault; None says so for codecs
            that have no lossy mode.
        start_s: Where the range begins that was converted; None for the beginning.
        end_s: Where it ends; None for the end.
        max_pixels: Most px of a picture.
        all_video: Whether further video streams were converted too: their frames, times and tags
            are compared, and a cover's size, in place of their packets.

    Raises:
        VideoReadError: One of the files cannot be read.
        TracksError: The sidecar is damaged.
    """
    if source.is_dir() and output.is_dir():
        return _verify_frames(source, output, tracks, max_pixels)
    if is_picture(source) and is_picture(output):
        return _verify_picture(source, output, tracks, max_pixels)
    with (
        VideoReader(source, start_s=start_s, end_s=end_s, max_pixels=max_pixels) as first,
        VideoReader(
            output, video_index=_twin_of_main(source, output, max_pixels), max_pixels=max_pixels
        ) as second,
    ):
        copied = copied_times(source, first.info.video_index, output, second.info.video_index)
        tally = _compare_frames(first, second, tracks, copied)
        infos = first.info, second.info
        shift_s = tally.shift_s
        first_s = None if start_s is None else shift_s
        stop_s = None if first.end_tick is None else first.end_tick * first.info.time_base
        further = list(_further_pairs(*infos)) if all_video else []
        further_rows = [
            row for pair in further for row in _further_rows(first, second, pair, tally.shift_s)
        ]
        if all_video:
            further_rows.insert(0, _further_count_row(*infos))
    rows = [_count_row(tally), _times_row(tally, infos[1]), *_tag_rows(*infos)]
    rows.append(_chapters_row(*infos, shift_s=shift_s, first_s=first_s, end_s=stop_s))
    rows += _stream_rows(
        digest_streams(
            source,
            but={infos[0].video_index, *(one.index for one, _ in further)},
            first_s=first_s,
            end_s=stop_s,
            shift_s=shift_s,
        ),
        digest_streams(output, but={infos[1].video_index, *(two.index for _, two in further)}),
    )
    rows += further_rows
    if tracks is not None:
        rows.append(_tracks_row(tally))
    rows.append(_samples_row(tally, infos[1], tracks, lossless))
    if copied:
        rows.append(_copied_row(tally))
    return VerifyReport(tuple(rows))


def _verify_picture(
    source: Path, output: Path, tracks: Path | None, max_pixels: int
) -> VerifyReport:
    # Knows formats that a video has no need of.
    from facemask_video.stills.compare import compare_pictures

    regions = None if tracks is None else [line.regions for line in Sidecar(tracks)]
    rows = compare_pictures(source, output, regions, max_pixels=max_pixels)
    return VerifyReport(tuple(VerifyRow(*row) for row in rows))


def _twin_of_main(source: Path, output: Path, max_pixels: int) -> int | None:
    """Return which stream of an output the source's main video became, where it has several."""
    one, two = (probe(path, max_pixels=max_pixels) for path in (source, output))
    videos = [[s.index for s in info.streams if s.kind == "video"] for info in (one, two)]
    if len(videos[0]) != len(videos[1]):
        return None
    return videos[1][videos[0].index(one.video_index)]


def _further_streams(info: VideoInfo) -> list[StreamInfo]:
    return [s for s in info.streams if s.kind == "video" and s.index != info.video_index]


def _further_pairs(source: VideoInfo, output: VideoInfo) -> Iterator[tuple[StreamInfo, StreamInfo]]:
    """Yield each further video stream of a source with what it became: they keep their order."""
    for is_cover_art in (False, True):
        one, two = (
            [s for s in _further_streams(info) if _is_cover_art(s) == is_cover_art]
            for info in (source, output)
        )
        yield from zip(one, two, strict=False)


def _is_cover_art(stream: StreamInfo) -> bool:
    return "attached_pic" in stream.dispositions


def _further_count_row(source: VideoInfo, output: VideoInfo) -> VerifyRow:
    one, two = (
        ", ".join("cover" if _is_cover_art(s) else "video" for s in _further_streams(info))
        or "none"
        for info in (source, output)
    )
    # A container may hold covers in another place than the source's.
    same = sorted(one.split(", ")) == sorted(two.split(", "))
    return VerifyRow("further video streams", same, one, two)


def _further_rows(
    source: VideoReader,
    output: VideoReader,
    pair: tuple[StreamInfo, StreamInfo],
    shift_s: Fraction,
) -> Iterator[VerifyRow]:
    """Compare a further video stream, or a cover picture, with what it became."""
    one, two = pair
    name = f"{'cover picture' if _is_cover_art(one) else 'video stream'} {one.index}"
    start_s = None if source.start_s is None else float(shift_s - source.zero_s)
    try:
        with (
            VideoReader(
                source.path,
                start_s=None if _is_cover_art(one) else start_s,
                end_s=None if _is_cover_art(one) else source.end_s,
                video_index=one.index,
                max_pixels=source.max_pixels,
            ) as first,
            VideoReader(output.path, video_index=two.index, max_pixels=output.max_pixels) as second,
        ):
            if _is_cover_art(one):
                sizes = _size(first.info), _size(second.info)
                yield VerifyRow(f"{name}: size", sizes[0] == sizes[1], *sizes)
                return
            tally = _compare_frames(first, second, None, frozenset(), shift_s=shift_s)
            rows = [
                _count_row(tally),
                _times_row(tally, second.info),
                *_tag_rows(first.info, second.info),
            ]
    except NoFrameInRangeError:
        return
    yield from (replace(row, name=f"{name}: {row.name}") for row in rows)


def _verify_frames(
    source: Path, output: Path, tracks: Path | None, max_pixels: int
) -> VerifyReport:
    """Compare the pictures of two folders by name; a row of each kind, the first that fails."""
    from facemask_video.core.pictures import PICTURE_SUFFIXES
    from facemask_video.stills.compare import compare_pictures
    from facemask_video.stills.frames import numbered_files

    files = numbered_files(source)
    by_name: dict[str, tuple[Box, ...]] = {}
    tracks_row = []
    if tracks is not None:
        sidecar = Sidecar(tracks)
        # A line a picture, in the order of their numbers, of the range that the header names.
        files = files[_ticks(sidecar, "start_s", 0) : _ticks(sidecar, "end_s", len(files))]
        lines = [line.regions for line in sidecar]
        by_name = dict(zip((file.name for file in files), lines, strict=False))
        tracks_row.append(
            VerifyRow("tracks", len(lines) == len(files), f"{len(files)} lines", f"{len(lines)}")
        )
    names = {file.name for file in files}
    written = {path.name for path in output.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES}
    rows = {"frames": VerifyRow("frames", names == written, f"{len(names)}", f"{len(written)}")}
    for name in sorted(names & written):
        regions = None if tracks is None else [by_name.get(name, ())]
        pairs = compare_pictures(source / name, output / name, regions, max_pixels=max_pixels)
        for found in pairs:
            row = VerifyRow(*found)
            if row.name in ("pages", "tracks"):
                continue  # of a picture
            if not row.ok:
                row = VerifyRow(row.name, False, row.expected, f"{row.found} in {name}")
            if row.name not in rows or (rows[row.name].ok and not row.ok):
                rows[row.name] = row
    return VerifyReport((*rows.values(), *tracks_row))


def _ticks(sidecar: Sidecar, key: str, default: int) -> int:
    """Return which frame a time of a sidecar's header is the first at or after."""
    seconds, time_base = sidecar.source.get(key), sidecar.source.get("time_base")
    if seconds is None or time_base is None:
        return default
    return -int(-Fraction(seconds) / Fraction(time_base) // 1)


def _compare_frames(
    first: VideoReader,
    second: VideoReader,
    tracks: Path | None,
    copied: AbstractSet[int],
    *,
    shift_s: Fraction | None = None,
) -> _FrameTally:
    tally = _FrameTally()
    lines: Iterator[SidecarFrame] = iter(() if tracks is None else Sidecar(tracks))
    half_tick_s = second.info.time_base / 2
    for index, (one, two) in enumerate(itertools.zip_longest(first, second)):
        line = next(lines, None)
        if one is not None:
            tally.source_frames += 1
            if line is not None:
                tally.tracked += 1
                in_place = (line.frame, line.pts) == (one.index, one.pts)
                if not in_place and tally.misplaced_line is None:
                    tally.misplaced_line = index
        if two is not None:
            tally.output_frames += 1
        if one is None or two is None:
            continue
        time_s = one.pts * one.time_base
        if index == 0:
            begin_s = _begin_s(first, time_s, two.pts * two.time_base)
            tally.shift_s = begin_s if shift_s is None else shift_s
        deviation_s = abs(time_s - tally.shift_s - two.pts * two.time_base)
        tally.largest_deviation_s = max(tally.largest_deviation_s, deviation_s)
        if deviation_s > half_tick_s and tally.first_deviating is None:
            tally.first_deviating = index
        if line is not None:
            _compare_samples(tally, one, two, line)
        if two.pts in copied:
            tally.copied += 1
            tally.copied_difference = max(tally.copied_difference, largest_difference(one, two, []))
    tally.tracked += sum(1 for _ in lines)
    return tally


def _begin_s(source: VideoReader, first_s: Fraction, found_s: Fraction) -> Fraction:
    """Return the time of the source's clock at which the output's begins."""
    if source.start_s is not None or source.end_s is not None:
        return first_s
    begin_s = begin_of_clock_s("mp4", source.zero_s, clock_may_jump=source.clock_may_jump)
    return begin_s if abs(first_s - begin_s - found_s) < abs(first_s - found_s) else Fraction(0)


def _compare_samples(
    tally: _FrameTally, one: NativeFrame, two: NativeFrame, line: SidecarFrame
) -> None:
    same_size = (one.width_px, one.height_px) == (two.width_px, two.height_px)
    if same_size and same_samples_possible(one, two):
        found = largest_difference(one, two, line.regions)
        tally.largest_difference = max(tally.largest_difference or 0, found)
        tally.frames_compared += 1


def _count_row(tally: _FrameTally) -> VerifyRow:
    return VerifyRow(
        "frames",
        tally.source_frames == tally.output_frames,
        str(tally.source_frames),
        str(tally.output_frames),
    )


def _times_row(tally: _FrameTally, output: VideoInfo) -> VerifyRow:
    deviation = f"{float(tally.largest_deviation_s) * 1000:.3f} ms"
    expected = f"the source's, on a clock of {output.time_base} s"
    if tally.first_deviating is not None:
        return VerifyRow(
            "frame times",
            False,
            expected,
            f"from frame {tally.first_deviating} they differ, by at most {deviation}",
        )
    found = "identical" if tally.largest_deviation_s == 0 else f"the same, rounded by {deviation}"
    return VerifyRow("frame times", True, expected, found)


def _tag_rows(source: VideoInfo, output: VideoInfo) -> list[VerifyRow]:
    def row(name: str, expected: object, found: object) -> VerifyRow:
        return VerifyRow(name, expected == found, str(expected), str(found))

    rows = [
        row("size", _size(source), _size(output)),
        row("rotation", _turn(source), _turn(output)),
        row("pixel aspect", source.sample_aspect or 1, output.sample_aspect or 1),
        row("scan", _scan(source), _scan(output)),
        row("primaries", source.primaries, output.primaries),
        row("transfer", source.transfer, output.transfer),
        row("chroma siting", source.chroma_siting, output.chroma_siting),
    ]
    if _is_rgb(source) == _is_rgb(output):
        rows.insert(3, row("matrix", source.matrix, output.matrix))
        rows.insert(4, row("range", _range(source), _range(output)))
    return rows


def _size(info: VideoInfo) -> str:
    return f"{info.width_px}x{info.height_px}"


def _scan(info: VideoInfo) -> str:
    return "interlaced" if info.interlaced else "progressive"


def _turn(info: VideoInfo) -> str:
    return f"{info.rotation_deg} degrees{', mirrored' if info.mirrored else ''}"


def _is_rgb(info: VideoInfo) -> bool:
    return not info.pixel_format.startswith(("yuv", "nv", "p0", "p2", "p4", "gray", "y"))


def _range(info: VideoInfo) -> str:
    if info.pixel_format.startswith("yuvj"):
        return "full"
    return "limited" if info.color_range == "unspecified" else info.color_range


def _chapters_row(
    source: VideoInfo,
    output: VideoInfo,
    *,
    shift_s: Fraction,
    first_s: Fraction | None,
    end_s: Fraction | None,
) -> VerifyRow:
    starts = []
    for chapter in source.chapters:
        begin_s = chapter.start_s if first_s is None else max(chapter.start_s, first_s)
        stop_s = chapter.end_s if end_s is None else min(chapter.end_s, end_s)
        if stop_s > begin_s or chapter.start_s == chapter.end_s:
            starts.append(begin_s - shift_s)
    expected, found = _chapters(starts), _chapters([each.start_s for each in output.chapters])
    return VerifyRow("chapters", expected == found, expected, found)


def _chapters(starts_s: list[Fraction]) -> str:
    starts = ", ".join(f"{float(start_s):.3f}" for start_s in starts_s)
    return f"{len(starts_s)} at {starts} s" if starts_s else "none"


def _stream_rows(source: list[StreamDigest], output: list[StreamDigest]) -> list[VerifyRow]:
    expected = [f"{digest.kind} {digest.codec or ''}".strip() for digest in source]
    found = [f"{digest.kind} {digest.codec or ''}".strip() for digest in output]
    rows = [
        VerifyRow(
            "other streams",
            expected == found,
            ", ".join(expected) or "none",
            ", ".join(found) or "none",
        )
    ]
    # Streams that the container could not hold are missing from the output's list; the others kept
    # their order.
    remaining = list(output)
    for digest in source:
        twin = next(
            (d for d in remaining if (d.kind, d.codec) == (digest.kind, digest.codec)), None
        )
        if twin is not None:
            remaining = remaining[remaining.index(twin) + 1 :]
            rows.append(_packets_row(digest, twin))
    return rows


def _packets_row(source: StreamDigest, output: StreamDigest) -> VerifyRow:
    # Rounded to the coarser clock, and in Matroska once more where audio priming is taken off.
    tolerance_s = max(source.time_base, output.time_base)
    # Comparing ints is many times faster than making a Fraction a packet.
    unit = Fraction(1, source.time_base.denominator * output.time_base.denominator)
    a, b, most = (int(x / unit) for x in (source.time_base, output.time_base, tolerance_s * 2))
    deviation = max(
        (abs(x * a - y * b) for x, y in zip(source.pts, output.pts, strict=False)), default=0
    )
    same = source.sha256 == output.sha256 and len(source.pts) == len(output.pts)
    in_time = deviation * 2 <= most
    found = f"{len(output.pts)} packets, sha256 {output.sha256[:12]}"
    if not in_time:
        found += f", times off by {float(deviation * unit) * 1000:.3f} ms"
    return VerifyRow(
        f"{source.kind} stream {source.index}",
        same and in_time,
        f"{len(source.pts)} packets, sha256 {source.sha256[:12]}",
        found,
    )


def _copied_row(tally: _FrameTally) -> VerifyRow:
    """Say whether the pictures of packets that are the source's are its pictures, too."""
    return VerifyRow(
        "copied pictures",
        tally.copied_difference == 0,
        "largest difference 0",
        f"largest difference {tally.copied_difference} in {tally.copied} of "
        f"{tally.output_frames} frames",
    )


def _tracks_row(tally: _FrameTally) -> VerifyRow:
    found = f"{tally.tracked} lines"
    if tally.misplaced_line is not None:
        found += f", line {tally.misplaced_line + 2} is of another frame"
    return VerifyRow(
        "tracks",
        tally.tracked == tally.source_frames and tally.misplaced_line is None,
        f"{tally.source_frames} lines",
        found,
    )


def _samples_row(
    tally: _FrameTally, output: VideoInfo, tracks: Path | None, lossless: bool | None
) -> VerifyRow:
    name = "samples outside the regions"
    if tracks is None:
        return VerifyRow(name, True, "not asked", "not compared; name the regions with --tracks")
    must_be_equal = always_lossless(output.codec) if lossless is None else lossless
    expected = "largest difference 0" if must_be_equal else f"{output.codec} may differ"
    if tally.largest_difference is None:
        return VerifyRow(
            name, not must_be_equal, expected, f"not comparable as {output.pixel_format}"
        )
    found = f"largest difference {tally.largest_difference} in {tally.frames_compared} frames"
    return VerifyRow(name, tally.largest_difference == 0 or not must_be_equal, expected, found)
