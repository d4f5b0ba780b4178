"""``manifest.jsonl``: what is known of each crop of a set, one JSON object a line.

A set is a folder:

    manifest.jsonl                     a `ManifestRow` for each crop, kept or rejected
    crops/SOURCE/CROP.png              the aligned crops that are kept, as .png or .jpg
    raw/SOURCE/CROP.png                boxes as they lie in the frame, where asked for
    landmarks/SOURCE/CROP.png          landmark pictures on black, where asked for
    parts/PART/SOURCE/CROP.png         binary masks (0 or 255) of parts of the face, where asked for
    rejected/crops/SOURCE/CROP.png     and so on: the same of rejected crops, where they are kept
    thumbs/SOURCE/CROP.jpg             small pictures of all crops, for the contact sheet
    contact.html                       the contact sheet

``SOURCE`` is the source's id: its name reduced to harmless characters, and the beginning of the
SHA-256 of its bytes. ``CROP`` is ``f000123-t0002``: frame and track. So names say where a crop
comes from, are the same on every run, and lie inside the folder whatever a source is called. Rows
are sorted by their id, ``SOURCE/CROP``.

Convention: px with the origin at the outer corner of the top-left pixel. ``box`` and ``landmarks``
are in px of the displayed frame, ``crop_landmarks`` in px of the aligned crop. Landmarks are in the
order of `facemask_video.core.faces`.
"""

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facemask_video.config.extract import SPLITS
from facemask_video.core.errors import CropsError
from facemask_video.core.json_lines import read_rows, write_rows

MANIFEST = "manifest.jsonl"

CROPS, RAW, LANDMARKS, PARTS = "crops", "raw", "landmarks", "parts"
REJECTED, THUMBS = "rejected", "thumbs"
"""Names of the folders in a set."""

SUFFIXES = {"png": ".png", "jpeg": ".jpg"}
"""Of the pictures, by the format's name."""

_LONGEST_SLUG = 40

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One crop.

    Attributes:
        crop: Its id in the set, ``SOURCE/CROP``.
        file: The aligned crop, from the set's folder; None where its picture is not kept.
        source: Name of the video or picture: relative to the folder that was named, which begins
            it, or the bare file name.
        source_sha256: Of the source's bytes, in hex. Rows with the same one share a source.
        frame: Index of the frame in the video; 0 in a picture.
        pts: Presentation time in ticks of ``time_base``; None in a picture.
        time_base: Seconds a tick, as a fraction such as ``1/12800``; None in a picture.
        track: Number of the person in this source; in a picture, of the face.
        n_faces: Faces in that frame or picture.
        frame_width_px: Width of the frame or picture as displayed.
        frame_height_px: Its height.
        box: The face's (x0, y0, x1, y1).
        landmarks: Five (x, y).
        crop_landmarks: The same in the crop.
        size_px: Side of the aligned crop.
        face_px: Side of the square of the box's area: how large the face was in the source.
        inside: How far the face reaches before the frame's edge truncates it, in [0, 1]; see
            `facemask_video.extract.crops.share_inside`. Beyond the edge it fades away.
        neighbour: How much of another face the crop shows, against this one, a ratio of sides.
        score: The detector's, in [0, 1].
        second_score: The detector's score in the crop itself, in [0, 1]; 0 where it
            sees no face in the middle.
        sharpness: See `facemask_video.extract.quality.sharpness`.
        brightness: Mean luma about the eyes, in [0, 1].
        clipped: Share of that part that is black or white, in [0, 1].
        yaw_deg: Turn of the head towards the image's right, estimated from the landmarks.
        pitch_deg: Nod downwards, likewise.
        roll_deg: Tilt, clockwise on screen, likewise.
        domain: ``masked`` or ``bare``, by the mask classifier; None where it was not asked.
        domain_score: How surely, in [0.5, 1].
        nose_covered: Mean probability that a mask covers the tip of the nose, in [0, 1]; None
            where no mask was looked for.
        chin_covered: Likewise of the chin.
        phash: Perceptual hash of the face, 256 bits in hex.
        split: ``train``, ``val`` or ``test``.
        rejected: Why it is not kept, the weightiest reason first; empty where it is kept. See
            `facemask_video.extract.curate.REASONS`.
    """

    crop: str
    file: str | None
    source: str
    source_sha256: str
    frame: int
    pts: int | None
    time_base: str | None
    track: int
    n_faces: int
    frame_width_px: int
    frame_height_px: int
    box: tuple[float, float, float, float]
    landmarks: tuple[Point, ...]
    crop_landmarks: tuple[Point, ...]
    size_px: int
    face_px: float
    inside: float
    neighbour: float
    score: float
    second_score: float
    sharpness: float
    brightness: float
    clipped: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    domain: str | None
    domain_score: float | None
    nose_covered: float | None
    chin_covered: float | None
    phash: str
    split: str = "train"
    rejected: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether it belongs to the set."""
        return not self.rejected

    @property
    def source_id(self) -> str:
        """The first part of its id."""
        return self.crop.partition("/")[0]

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "ManifestRow":
        """Read what a line of the manifest holds.

        Raises:
            ValueError, TypeError, KeyError: A key is missing, unknown, or its value has not the
                type of its field.
        """
        known = {entry.name for entry in dataclasses.fields(cls)}
        strange = sorted(set(plain) - known)
        if strange:
            raise ValueError(f"unknown key {strange[0]!r}")
        values = dict(plain)
        values["box"] = tuple(float(edge) for edge in values["box"])
        for name in ("landmarks", "crop_landmarks"):
            values[name] = tuple((float(x), float(y)) for x, y in values[name])
        values["rejected"] = tuple(str(reason) for reason in values.get("rejected", ()))
        row = cls(**values)
        if not is_crop_id(row.crop) or (row.file is not None and not _is_inside(row.file)):
            raise ValueError(f"crop {row.crop!r} with file {row.file!r} leaves the set's folder")
        # Both become parts of paths.
        if row.split not in SPLITS:
            raise ValueError(f"split {row.split!r}, expected {', '.join(SPLITS)}")
        if row.domain not in (None, "masked", "bare"):
            raise ValueError(f"domain {row.domain!r}, expected masked, bare or null")
        return row


def source_id(name: str, sha256: str) -> str:
    """Return a source's id: safe as a folder's name, and the same on every run.

    >>> source_id("../Meine Ferien/Tag 1.MP4", "0123456789abcdef")
    'tag-1-0123456789'
    """
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name
    slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:_LONGEST_SLUG].strip("-")
    return f"{slug or 'source'}-{sha256[:10]}"


def crop_id(source: str, frame: int, track: int) -> str:
    """Return a crop's id, ``SOURCE/CROP``.

    >>> crop_id("tag-1-0123456789", 123, 2)
    'tag-1-0123456789/f000123-t0002'
    """
    return f"{source}/f{frame:06d}-t{track:04d}"


def is_crop_id(text: str) -> bool:
    """Tell whether a text is what `crop_id` makes."""
    return re.fullmatch(r"[a-z0-9-]+/f\d{6,}-t\d{4,}", text) is not None


def picture_path(folder: str, crop: str, suffix: str, *, rejected: bool = False) -> str:
    """Return where a picture of a crop lies, from the set's folder.

    Args:
        folder: ``crops``, ``raw``, ``landmarks`` or ``parts/PART``.
        crop: The crop's id.
        suffix: Of the file.
        rejected: Whether the crop is.

    >>> picture_path("parts/eyes", "tag-1-01/f000003-t0000", ".png", rejected=True)
    'rejected/parts/eyes/tag-1-01/f000003-t0000.png'
    """
    return f"{REJECTED + '/' if rejected else ''}{folder}/{crop}{suffix}"


def write_manifest(folder: Path, rows: Iterable[ManifestRow]) -> Path:
    """Write a set's manifest, sorted; the file is there whole or not at all.

    Raises:
        CropsError: It cannot be written.
    """
    path = folder / MANIFEST
    ordered = sorted(rows, key=lambda row: row.crop)
    write_rows(path, ordered)
    return path


def read_manifest(folder: Path) -> list[ManifestRow]:
    """Read a set's manifest.

    Raises:
        CropsError: There is none, or a line is damaged; the message names it.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise CropsError(
            f"{folder}: holds no {MANIFEST}; make a set with facemask-video extract IN -o {folder}."
        )
    return read_rows(
        path, ManifestRow.from_plain, remedy="extract the set again, or take the line out"
    )


def _is_inside(file: str) -> bool:
    """Tell whether a relative path with forward slashes stays below the set's folder."""
    return not file.startswith("/") and "\\" not in file and ".." not in file.split("/")
