"""Which crops of a set are kept, by what is measured of them; no pixel is read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from facemask_video.config.extract import FilterConfig, SplitConfig
from facemask_video.extract.likeness import repeats
from facemask_video.extract.manifest import ManifestRow
from facemask_video.extract.splits import split_of

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
    "duplicate": "looks like another crop that is kept",
    "not-kept": "would be kept, but its picture was thrown away or deleted",
}
"""Why crops are rejected, the weightiest first."""

# What the detector's first and second look count; a first look this sure needs no second, as the
# second cannot see some faces that a mask or the picture's edge cuts.
_FIRST, _SECOND = 0.7, 0.3
_SURE = 0.97

_TOO_DARK, _TOO_BRIGHT = 0.08, 0.95
_TOO_CLIPPED = 0.6
# A mask covers a place where it does so at this mean probability.
_COVERED = 0.5


def own_reasons(row: ManifestRow, limits: FilterConfig) -> Iterator[str]:
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
    if abs(row.yaw_deg) > limits.max_yaw_deg:
        yield "turned"
    if limits.worn == "right" and _is_worn_wrong(row):
        yield "worn-wrong"
    if limits.only not in ("all", row.domain):
        yield "other-domain"


def _is_worn_wrong(row: ManifestRow) -> bool:
    """Tell whether a mask leaves nose or chin bare; a bare face has one if it hangs at the chin."""
    if row.nose_covered is None or row.chin_covered is None:
        return False
    if row.domain == "bare":
        return row.chin_covered > _COVERED
    return min(row.nose_covered, row.chin_covered) < _COVERED


def curate(
    rows: Iterable[ManifestRow], limits: FilterConfig, division: SplitConfig
) -> list[ManifestRow]:
    """Decide anew which crops are kept and which split each belongs to.

    Of crops that look alike the one in best order stays: the sharper and larger, then by its id.
    What comes out depends on the rows alone, not on their order or on what was decided before.

    Args:
        rows: Those of a set; ``file`` is None where the picture is gone.
        limits: What is kept.
        division: How the set is split.
    """
    decided: list[ManifestRow] = []
    for row in rows:
        reasons = tuple(own_reasons(row, limits))
        if not reasons and row.file is None:
            reasons = ("not-kept",)
        split = split_of(row, division.shares, by=division.split_by, seed=division.seed)
        decided.append(replace(row, rejected=reasons, split=split))
    if limits.dedupe:
        decided = _without_repeats(decided, within=limits.dedupe_bits)
    return sorted(decided, key=lambda row: row.crop)


def _without_repeats(rows: Sequence[ManifestRow], *, within: int) -> list[ManifestRow]:
    candidates = sorted(
        (row for row in rows if row.kept), key=lambda r: (-r.sharpness * r.face_px**0.5, r.crop)
    )
    earlier = repeats([row.phash for row in candidates], within=within)
    repeated = {
        row.crop for row, first in zip(candidates, earlier, strict=True) if first is not None
    }
    return [replace(row, rejected=("duplicate",)) if row.crop in repeated else row for row in rows]
