"""Which crops of a set are kept, by what is measured of them; no pixel is read."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from facemask_video.config.extract import FilterConfig, SplitConfig
from facemask_video.extract.manifest import ManifestRow
from facemask_video.extract.perceptual_hash import near_duplicates
from facemask_video.extract.splits import Splitter

REASONS = {
    "no-face": "the detector is not sure enough of a face",
    "cut-off": "the frame's edge cuts the face",
    "several-faces": "another large face in the crop",
    "small": "the face is too small",
    "blurred": "too little fine detail about the eyes",
    "badly-lit": "too dark, too bright, or burnt out",
    "turned": "the head is turned too far",
    "worn-wrong": "the mask leaves nose or chin bare",
    "other-domain": "not what --only asks for",
    "border": "within --split-gap of another split",
    "duplicate": "looks like another crop that is kept",
    "not-kept": "would be kept, but its picture was thrown away or deleted",
}
"""Why crops are rejected, the weightiest first."""

# Weights of the detector's scores in the frame and in the crop; a first score this high needs no
# second, as in the crop it misses some faces that a mask or the picture's edge hides.
_FIRST, _SECOND = 0.7, 0.3
_SURE = 0.95

_TOO_DARK, _TOO_BRIGHT = 0.12, 0.95
_TOO_CLIPPED = 0.6
# Side of the face, in eye distances, of a head that looks ahead. MTCNN's box keeps its size while a
# head turns and its eyes draw together.
_FACE_IN_EYES = 2.35
LEFT_BARE = 0.35
"""A mask leaves a place bare where it covers it at a mean probability below this; from here to 0.5
lie hands, prints and tilted heads."""


def rejection_reasons(row: ManifestRow, limits: FilterConfig) -> Iterator[str]:
    """Yield why a crop is not kept by itself, whatever other crops there are."""
    if row.score < _SURE and _FIRST * row.score + _SECOND * row.second_score < limits.min_score:
        yield "no-face"
    if row.inside < limits.min_inside:
        yield "cut-off"
    if row.neighbour > limits.max_neighbour:
        yield "several-faces"
    if row.face_px < limits.min_size_px:
        yield "small"
    if row.sharpness < limits.min_sharpness:
        yield "blurred"
    if not _TOO_DARK <= row.brightness <= _TOO_BRIGHT or row.clipped > _TOO_CLIPPED:
        yield "badly-lit"
    if max(abs(row.yaw_deg), _turn_by_width_deg(row)) > limits.max_yaw_deg:
        yield "turned"
    if limits.wearing == "right" and _is_wearing_wrong(row):
        yield "worn-wrong"
    if limits.only not in ("all", row.domain):
        yield "other-domain"


def _turn_by_width_deg(row: ManifestRow) -> float:
    """Return the turn at which eyes stand as near as this for the size of the face.

    Under a mask it sees turns that the nose, which is a guess there, does not; and it is large too
    where the landmarks do not fit the face.
    """
    (left_x, left_y), (right_x, right_y) = row.landmarks[:2]
    seen = math.hypot(right_x - left_x, right_y - left_y) * _FACE_IN_EYES / max(row.face_px, 1.0)
    return math.degrees(math.acos(min(1.0, seen)))


def _is_wearing_wrong(row: ManifestRow) -> bool:
    covered = [part for part in (row.nose_covered, row.chin_covered) if part is not None]
    return row.domain == "masked" and any(part < LEFT_BARE for part in covered)


def curate(
    rows: Iterable[ManifestRow], limits: FilterConfig, splitting: SplitConfig
) -> list[ManifestRow]:
    """Decide anew which crops are kept and which split each belongs to.

    Of near duplicates the sharper and larger one stays, then the one whose id comes first.
    What comes out depends on the rows alone, not on their order or on what was decided before.

    Args:
        rows: Those of a set; ``file`` is None where the picture is missing.
        limits: What is kept.
        splitting: How the set is split.
    """
    decided = [replace(row, rejected=tuple(rejection_reasons(row, limits))) for row in rows]
    splitter = Splitter([row for row in decided if row.kept], splitting)
    for at, row in enumerate(decided):
        reasons = row.rejected
        if not reasons and splitter.is_at_border(row):
            reasons = ("border",)
        if not reasons and row.file is None:
            reasons = ("not-kept",)
        decided[at] = replace(row, rejected=reasons, split=splitter.split(row))
    if limits.dedupe:
        decided = _reject_duplicates(decided, within=limits.dedupe_bits)
    return sorted(decided, key=lambda row: row.crop)


def _reject_duplicates(rows: Sequence[ManifestRow], *, within: int) -> list[ManifestRow]:
    candidates = sorted(
        (row for row in rows if row.kept), key=lambda r: (-r.sharpness * r.face_px**0.5, r.crop)
    )
    earlier = near_duplicates([row.phash for row in candidates], within=within)
    repeated = {
        row.crop for row, first in zip(candidates, earlier, strict=True) if first is not None
    }
    return [replace(row, rejected=("duplicate",)) if row.crop in repeated else row for row in rows]
