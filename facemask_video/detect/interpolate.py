"""Where faces are between the frames that the detector ran on, if they move evenly.

Both ends are known before the frames between are looked at, so the boxes of all of these can be
refined in one call. What a refinement then says is held against the frames before it as if it had
been asked frame by frame (`facemask_video.detect.propagate`); where a face moved otherwise, it is
asked again.
"""

import math
from collections.abc import Sequence

from facemask_video.core.geometry import Box
from facemask_video.detect.observations import Observation, ObservedFrame, displacement_px, match

_MAX_DISTANCE, _MAX_GROWTH = 2.0, 1.5
# How far a face that is new may have moved from one end to the other, in its widths, and how much
# it may have changed its size.


def boxes_between(frames: Sequence[ObservedFrame]) -> list[list[Box]]:
    """Return for each frame the boxes of faces that are seen before it and after it.

    Args:
        frames: In order. The faces of the first are known, and those of the others that the
            detector ran on. Nothing goes on into another shot.
    """
    boxes: list[list[Box]] = [[] for _ in frames]
    seen: list[tuple[int, Observation]] = []
    for index, frame in enumerate(frames):
        if index and frame.starts_shot:
            seen = []
        if index and not frame.detector_ran:
            continue
        free, missed = list(frame.observations), []
        for start, face in seen:
            end = _match(face, free, index - start)
            if end is None:
                missed.append((start, face))
                continue
            free.remove(end)
            first, last = face.detection.box, end.detection.box
            for between in range(start + 1, index):
                share = (between - start) / (index - start)
                boxes[between].append(_interpolate(first, last, share))
        seen = missed + [(index, face) for face in frame.observations]
    return boxes


def _match(face: Observation, others: list[Observation], n_frames: int) -> Observation | None:
    """Return which of others is that face, so many frames on: where it was going, or still is.

    Or else the nearest one of its size; if that is somebody else, no frame between will confirm it.
    """
    found = match(face, others, n_frames=n_frames) or match(face, others, n_frames=0)
    if found is not None or not others:
        return found
    nearest = min(others, key=lambda other: _distance_px(face, other))
    width_px = max(face.detection.box.width_px, 1.0)
    growth = max(nearest.detection.box.width_px, 1.0) / width_px
    is_near = _distance_px(face, nearest) < _MAX_DISTANCE * width_px
    return nearest if is_near and 1 / _MAX_GROWTH < growth < _MAX_GROWTH else None


def _distance_px(face: Observation, other: Observation) -> float:
    return math.hypot(*displacement_px(face, other))


def _interpolate(first: Box, last: Box, share: float) -> Box:
    edges = ((first.x0, last.x0), (first.y0, last.y0), (first.x1, last.x1), (first.y1, last.y1))
    return Box(*(a + share * (b - a) for a, b in edges))
