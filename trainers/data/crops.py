"""Sets of aligned crops: of folders of pictures, kept in one file, split by name.

Faces are found by the converter's own detector and aligned by its own code.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from facemask_video.align.crop import align_face_in_image
from facemask_video.align.template import ALIGNMENT_ID
from facemask_video.core import geometry
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import Detection
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import PICTURE_SUFFIXES, try_read_picture
from facemask_video.core.warp import warp
from facemask_video.detect.detector import Detector
from facemask_video.detect.single_image import find_main_face
from trainers.data.splits import SPLITS, read_sources, source_of, splits_of

UNKNOWN = 255
"""What a crop's pseudo-label is filled with where nobody knows it."""

_MAY_LACK = ("pseudo_labels", "track_frames", "aside", "sources")
"""Attributes that a set of crops, and its file, may lack."""

_FORMERLY = {"covers": "pseudo_labels", "moments": "track_frames"}
"""What files of earlier versions call them."""

NEAR_FRAMES = 8
"""Frames of one track that lie further apart show no longer nearly the same."""


@dataclass(frozen=True, slots=True, eq=False)
class CropSet:
    """Aligned crops of one domain.

    Attributes:
        images: uint8, shape (n, S, S, 3), RGB.
        landmarks: float32, shape (n, 5, 2), as fractions of the side.
        names: Source of each, beginning with its folder's name; what splits go by.
        pseudo_labels: Where a mask lies, uint8 (n, S, S), 0 to 254; 255 throughout a crop says that
            nobody knows. None where nothing is known of any; `trainers.data.pseudo_labels` makes
            them.
        track_frames: Where in a video each was cropped, int64 (n, 2): the number of its track,
            another for every track of the set, and of its frame; -1 in both for a picture that
            stands alone. None where all do.
        aside: Where the set's maker put each, int8 (n,): its place in
            `trainers.data.splits.SPLITS`, or -1 where nobody said and the source decides. None
            where nobody said of any.
        sources: Who or what each shows, by a manifest, text (n,); empty where none says. None
            where none says of any.
    """

    images: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    names: tuple[str, ...]
    pseudo_labels: NDArray[np.uint8] | None = None
    track_frames: NDArray[np.int64] | None = None
    aside: NDArray[np.int8] | None = None
    sources: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def take(self, chosen: NDArray[np.bool_]) -> "CropSet":
        """Return the crops where ``chosen`` (n,) is true."""
        names = tuple(name for name, keep in zip(self.names, chosen, strict=True) if keep)
        return CropSet(
            self.images[chosen],
            self.landmarks[chosen],
            names,
            None if self.pseudo_labels is None else self.pseudo_labels[chosen],
            None if self.track_frames is None else self.track_frames[chosen],
            None if self.aside is None else self.aside[chosen],
            None if self.sources is None else self.sources[chosen],
        )

    @property
    def size_px(self) -> int:
        """Side of the crops."""
        return int(self.images.shape[1])

    @property
    def landmarks_px(self) -> NDArray[np.float32]:
        """Landmarks in px of the crops, shape (n, 5, 2)."""
        return np.asarray(self.landmarks * np.float32(self.size_px), np.float32)

    def in_folders(self, folders: Collection[str]) -> "CropSet":
        """Return the crops whose source lay in a folder of one of these names.

        Raises:
            ConfigError: There is none.
        """
        chosen = np.array(
            [not set(folders).isdisjoint(name.split("/")[:-1]) for name in self.names], dtype=bool
        )
        if not chosen.any():
            there = sorted({name.rpartition("/")[0] for name in self.names})
            raise ConfigError(
                f"no crop comes from a folder named {' or '.join(folders)}; there are "
                f"{', '.join(there)}."
            )
        return self.take(chosen)

    def save(self, path: Path) -> None:
        """Write one .npz file; it is there whole or not at all."""
        arrays: dict[str, Any] = {
            "images": self.images,
            "landmarks": self.landmarks,
            "names": np.array(self.names),
            "alignment_id": np.array(ALIGNMENT_ID),
        }
        known = {name: getattr(self, name) for name in _MAY_LACK}
        arrays |= {name: array for name, array in known.items() if array is not None}
        # An open file: given a path, numpy adds the suffix .npz to it.
        with atomic_write(path) as part, part.open("wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def joined(cls, sets: Sequence["CropSet"]) -> "CropSet":
        """Put sets of one size together."""
        return cls(
            np.concatenate([crops.images for crops in sets]),
            np.concatenate([crops.landmarks for crops in sets]),
            tuple(name for crops in sets for name in crops.names),
            None
            if all(crops.pseudo_labels is None for crops in sets)
            else np.concatenate([crops.pseudo_labels_or_unknown() for crops in sets]),
            _joined_track_frames(sets),
            None
            if all(crops.aside is None for crops in sets)
            else np.concatenate([crops.aside_or_unknown() for crops in sets]),
            None
            if all(crops.sources is None for crops in sets)
            else np.concatenate([crops.sources_or_unknown() for crops in sets]),
        )

    def pseudo_labels_or_unknown(self) -> NDArray[np.uint8]:
        """Return the pseudo-labels, unknown ones where there are none."""
        if self.pseudo_labels is not None:
            return self.pseudo_labels
        return np.full(self.images.shape[:3], UNKNOWN, np.uint8)

    def aside_or_unknown(self) -> NDArray[np.int8]:
        """Return `aside`, -1 throughout where it is None."""
        return np.full(len(self), -1, np.int8) if self.aside is None else self.aside

    def sources_or_unknown(self) -> NDArray[np.str_]:
        """Return `sources`, empty throughout where it is None."""
        return np.full(len(self), "") if self.sources is None else self.sources

    def splits(
        self,
        *,
        validation: float = 0.1,
        test: float = 0.1,
        whole_folders: Collection[str] = (),
        set_aside: Collection[str] = (),
    ) -> NDArray[np.int8]:
        """Return each crop's place in `trainers.data.splits.SPLITS`, shape (n,).

        The set's maker decides where he said, and else the person or source.

        Args:
            validation: Share of the sources that choices may look at.
            test: Share that is evaluated once a release.
            whole_folders: Folders of pictures that belong together.
            set_aside: Names that are validation whatever else says, unless they are test.
        """
        said = self.aside_or_unknown()
        sources = [
            source_of(name, str(known), whole_folders=whole_folders)
            for name, known in zip(self.names, self.sources_or_unknown(), strict=True)
        ]
        splits = np.where(said < 0, splits_of(sources, validation=validation, test=test), said)
        named = np.array([name in set_aside for name in self.names], dtype=bool)
        train, held_out = SPLITS.index("train"), SPLITS.index("validation")
        return np.where(named & (splits == train), held_out, splits).astype(np.int8)

    def most_turned(self) -> NDArray[np.intp]:
        """Return the indices of the fifth of the faces whose nose lies farthest beside the eyes."""
        points = self.landmarks.astype(np.float64)
        offset = np.abs(points[:, 2, 0] - points[:, :2, 0].mean(axis=1))
        return np.argsort(offset)[-max(1, len(offset) // 5) :]

    def neighbours(self) -> NDArray[np.int64]:
        """Return for each crop the one of its track whose frame is nearest, earlier or later.

        A crop that has none, or is more than `NEAR_FRAMES` away from all, has -1.
        """
        found = np.full(len(self), -1, np.int64)
        if self.track_frames is None:
            return found
        order = np.lexsort((self.track_frames[:, 1], self.track_frames[:, 0]))
        tracks, frames = self.track_frames[order].T
        gaps = np.where(
            (np.diff(tracks) == 0) & (tracks[1:] >= 0), np.diff(frames), NEAR_FRAMES + 1
        )
        # The gap before and after each crop, in the order of tracks and frames.
        ends = np.array([NEAR_FRAMES + 1])
        before, after = np.concatenate([ends, gaps]), np.concatenate([gaps, ends])
        place = np.arange(len(order)) + np.where(after <= before, 1, -1)
        near = np.minimum(before, after) <= NEAR_FRAMES
        found[order[near]] = order[place[near]]
        return found

    @classmethod
    def load(cls, path: Path) -> "CropSet":
        """Read what `save` wrote.

        Raises:
            ConfigError: No such file, not a crop set, or aligned otherwise.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                alignment = str(stored["alignment_id"])
                if alignment != ALIGNMENT_ID:
                    raise ConfigError(
                        f"{path}: crops are aligned as {alignment}, this version aligns as "
                        f"{ALIGNMENT_ID}; crop them again with facemask-train crops."
                    )
                names = tuple(str(name) for name in stored["names"])
                there = {_FORMERLY.get(key, key): key for key in stored.files}
                known = {name: stored[there[name]] for name in _MAY_LACK if name in there}
                return cls(stored["images"], stored["landmarks"], names, **known)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as exc:
            raise ConfigError(
                f"{path}: not a crop set ({exc}); make one with facemask-train crops."
            ) from exc


def _joined_track_frames(sets: Sequence[CropSet]) -> NDArray[np.int64] | None:
    """Join the tracks of sets, renumbered, so that those of two sets stay apart."""
    if all(crops.track_frames is None for crops in sets):
        return None
    joined, first = [], 0
    for crops in sets:
        track_frames = np.full((len(crops), 2), -1, np.int64)
        if crops.track_frames is not None:
            track_frames[:] = crops.track_frames
            track_frames[track_frames[:, 0] >= 0, 0] += first
            first = max(first, int(track_frames[:, 0].max(initial=-1)) + 1)
        joined.append(track_frames)
    return np.concatenate(joined)


def list_images(folder: Path) -> list[Path]:
    """Return every picture under a folder, sorted.

    Raises:
        ConfigError: It is no folder, or holds no picture.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; name a folder of face pictures.")
    found = sorted(
        p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file()
    )
    if not found:
        raise ConfigError(f"{folder}: holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}).")
    return found


def crop_folder(
    folder: Path,
    detector: Detector,
    *,
    crop_size_px: int,
    choose: Callable[[str, str], bool] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[CropSet, list[tuple[str, str]]]:
    """Crop the main face of every picture under a folder.

    A ``manifest.csv`` there or in the folder above says who they show (`read_sources`).

    Args:
        folder: Read with all folders below it.
        detector: Finds the faces.
        crop_size_px: Side of the crops; take a quarter more than training's size, so that jitter
            does not blur.
        choose: Called with a picture's name and what a manifest says it shows; tells whether to
            take it at all.
        on_progress: Called with pictures done and in all.

    Returns:
        The crops, and (name, reason) for each picture left out. Names begin with the folder's own.

    Raises:
        ConfigError: No face was found.
    """
    known = read_sources(folder)
    paths = {
        path.relative_to(folder.resolve().parent).as_posix(): path
        for path in list_images(folder.resolve())
    }
    if choose is not None:
        paths = {name: path for name, path in paths.items() if choose(name, known.get(name, ""))}
        if not paths:
            raise ConfigError(f"{folder}: none of its pictures is among those asked for.")
    images, landmarks, names = [], [], []
    skipped: list[tuple[str, str]] = []
    for done, (name, path) in enumerate(paths.items(), start=1):
        picture = try_read_picture(path)
        face = None if picture is None else find_main_face(picture, detector)
        if picture is None:
            skipped.append((name, "unreadable"))
        elif face is None:
            skipped.append((name, "no face found"))
        else:
            crop, points = face_crop(picture, face, crop_size_px)
            images.append(crop)
            landmarks.append(points)
            names.append(name)
        if on_progress is not None:
            on_progress(done, len(paths))
    if not images:
        raise ConfigError(f"{folder}: no face found in any of {len(paths)} pictures.")
    sources = np.array([known.get(name, "") for name in names]) if known else None
    return CropSet(np.stack(images), np.stack(landmarks), tuple(names), sources=sources), skipped


def face_crop(
    image: ImageU8, face: Detection, crop_size_px: int
) -> tuple[ImageU8, NDArray[np.float32]]:
    """Crop one face; returns the crop and its landmarks (5, 2) as fractions of the side."""
    crop, to_crop = align_face_in_image(image, face.landmarks, crop_size_px)
    points = geometry.apply(to_crop, face.landmarks) / crop_size_px
    return crop, points.astype(np.float32)


def resize_crop(image: ImageU8, size_px: int) -> ImageU8:
    """Return a crop at another side, by the converter's own resampler."""
    if image.shape[0] == size_px:
        return image
    scale = size_px / image.shape[0]
    to_size = np.array([[scale, 0.0, 0.0], [0.0, scale, 0.0]])
    return warp(image, to_size, width_px=size_px, height_px=size_px)
