"""From crop sets to training samples: variation, drawn masks, neighbours in time.

Every sample is a function of (seed, its number), so a resumed run sees exactly the samples that an
uninterrupted one would have seen, whatever the number of worker processes.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from facemask_video.align.similarity import fit_similarity
from trainers.data.augment import Augmentation, cut_cloth, cut_off, vary, wear
from trainers.data.crops import UNKNOWN, CropSet
from trainers.data.garments import draw_garment
from trainers.data.masks import FloatImage, draw_mask
from trainers.data.styles import SURGICAL, random_style


class TrainingSamples(Dataset[dict[str, NDArray[np.float32]]]):
    """Samples by number; number i of seed s is always the same."""

    def __init__(
        self,
        bare: CropSet,
        real_masked: CropSet,
        *,
        crop_size_px: int,
        seed: int,
        augmentation: Augmentation,
        first: int,
        count: int,
        undrawn: float = 0.12,
        real_fabric: float = 0.3,
        serial: bool = False,
        mask_learns: str = "surgical",
        unmask_learns: str = "varied",
        worn_wrong: float = 0.06,
        worn_high: float = 0.1,
        worn_loose: float = 0.0,
        garments: float = 0.0,
        turned: float = 0.0,
        put_on: bool = True,
        wear_bare: bool = False,
        drawn: bool = True,
        moments: bool = False,
    ) -> None:
        """Prepare ``count`` samples beginning with number ``first``.

        Args:
            bare: Faces to draw masks on.
            real_masked: Faces in real masks.
            crop_size_px: Side of the samples.
            seed: Names the series.
            augmentation: How far samples vary.
            first: Number of the first sample.
            count: How many there are.
            undrawn: Share of ``masked`` that stay bare, so that bare faces are left alone.
            real_fabric: Share of drawn masks cut from the cloth of a real one.
            serial: Show the faces of both sets in the order of their files, not a random one.
            mask_learns: What ``mask`` learns to draw: always the ``surgical`` mask, or ``varied``
                ones.
            unmask_learns: What ``unmask`` learns to take off, alike.
            worn_wrong: Share of the ``varied`` masks to take off that leave the nose free.
            worn_high: Share of the others of them that are pulled up to the eyes or over them.
            worn_loose: Share of the ``varied`` masks on turned heads that stand off the far cheek.
            garments: Share of the masks to take off that come with a garment of their cloth.
            turned: Share of ``bare`` taken from the fifth of its faces that are turned farthest;
                not with ``serial``.
            put_on: Draw the masks that ``mask`` learns; who trains ``unmask`` alone spares them.
            wear_bare: Wear ``bare`` and ``surgical`` too, for a method that learns nothing but to
                draw.
            drawn: Draw masks. Methods that learn from no pairs want none; their faces are worn each
                by itself instead.
            moments: Add the neighbours in time of faces that have one.
        """
        self.bare, self.real_masked = bare, real_masked
        self.crop_size_px, self.seed, self.augmentation = crop_size_px, seed, augmentation
        self.first, self.count, self.undrawn = first, count, undrawn
        self.real_fabric, self.serial = real_fabric, serial
        self.mask_learns, self.unmask_learns = mask_learns, unmask_learns
        self.worn_wrong, self.worn_high = worn_wrong, worn_high
        self.worn_loose, self.garments, self.turned = worn_loose, garments, turned
        self.put_on, self.wear_bare, self.drawn = put_on, wear_bare, drawn
        self._most_turned = bare.most_turned() if turned > 0 else None
        self._neighbours = (bare.neighbours(), real_masked.neighbours()) if moments else None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, offset: int) -> dict[str, NDArray[np.float32]]:
        cv2.setNumThreads(0)
        number = self.first + offset
        # A fixed random order, new for each pass over the set.
        epoch, place = divmod(number, len(self.bare))
        index = int(np.random.default_rng((self.seed, 1, epoch)).permutation(len(self.bare))[place])
        if self.serial:
            index = place
        elif self._most_turned is not None:
            again = np.random.default_rng((self.seed, number, 7))
            if again.random() < self.turned:
                index = int(again.choice(self._most_turned))
        sample = self._pair(number, index) if self.drawn else self._singles(number, index)
        if self._neighbours is not None:
            for name, crops, near, shown in (
                ("bare", self.bare, self._neighbours[0], index),
                ("masked", self.real_masked, self._neighbours[1], self._masked_index(number)),
            ):
                moments = self._moments(crops, shown, int(near[shown]), number)
                sample |= {f"{name}_{key}": plane for key, plane in moments.items()}
        return sample

    def _pair(self, number: int, index: int) -> dict[str, NDArray[np.float32]]:
        """Draw masks on a bare face, and add a really masked one."""
        rng = np.random.default_rng((self.seed, number))
        bare, landmarks, _ = self._vary(self.bare, index, rng)
        # A source of its own, so that nothing else of the sample depends on the choice.
        varied = random_style(np.random.default_rng((self.seed, number, 2)))
        learnt = SURGICAL if self.mask_learns == "surgical" else varied
        chosen = int(rng.integers(len(self.real_masked)))
        if self.serial:
            chosen = number % len(self.real_masked)
        real, _, real_cover = self._vary(self.real_masked, chosen, rng)
        nothing = np.zeros(bare.shape[:2], np.float32)
        if rng.random() < self.undrawn:
            masked, cover = bare, nothing
        else:
            cloth = cut_cloth(real, rng) if rng.random() < self.real_fabric else None
            style = random_style(
                rng,
                worn_wrong=self.worn_wrong,
                worn_high=self.worn_high,
                worn_loose=self.worn_loose,
            )
            if self.unmask_learns == "surgical":
                style = SURGICAL
            if self.garments > 0 and rng.random() < self.garments:
                bare = draw_garment(bare, landmarks, style.color, rng, texture=cloth)
            masked, cover = draw_mask(bare, landmarks, style, texture=cloth)
        surgical, surgical_cover = (
            draw_mask(bare, landmarks, learnt) if self.put_on else (bare, nothing)
        )
        if self.augmentation.cut_off > 0 and rng.random() < self.augmentation.cut_off:
            bare, surgical, surgical_cover, masked, cover = cut_off(
                (bare, surgical, surgical_cover, masked, cover), rng
            )
        worn, target = masked, bare
        if rng.random() < self.augmentation.wear:
            worn, target = wear(masked, bare, rng)
        if self.wear_bare and rng.random() < self.augmentation.wear:
            bare, surgical = wear(bare, surgical, rng)
        return {
            "bare": _planes(bare),
            "surgical": _planes(surgical),
            "surgical_cover": surgical_cover[None],
            "masked": _planes(worn),
            "masked_cover": cover[None],
            "target": _planes(target),
            "real_masked": _planes(real),
            "real_cover": real_cover[None],
        }

    def _singles(self, number: int, index: int) -> dict[str, NDArray[np.float32]]:
        """Vary and wear a bare face and a masked one, each by itself; nothing is drawn."""
        bare, _, _ = self._alone(self.bare, index, (self.seed, number, 3))
        real, _, cover = self._alone(
            self.real_masked, self._masked_index(number), (self.seed, number, 4)
        )
        nothing = np.zeros((1, *bare.shape[:2]), np.float32)
        face = _planes(bare)
        return {
            "bare": face,
            "surgical": face,
            "surgical_cover": nothing,
            "masked": face,
            "masked_cover": nothing,
            "target": face,
            "real_masked": _planes(real),
            "real_cover": cover[None],
        }

    def _masked_index(self, number: int) -> int:
        """Return which masked face goes with a sample that nothing is drawn for."""
        if self.serial:
            return number % len(self.real_masked)
        return int(np.random.default_rng((self.seed, number, 5)).integers(len(self.real_masked)))

    def _moments(
        self, crops: CropSet, index: int, near: int, number: int
    ) -> dict[str, NDArray[np.float32]]:
        """Vary a crop and its neighbour in time alike; not a number where there is none."""
        if near < 0:
            nothing = np.full((3, self.crop_size_px, self.crop_size_px), np.nan, np.float32)
            return {"first": nothing, "second": nothing, "to_second": nothing[0, :2, :3]}
        # The same source for both, so that what differs is what differs in the video.
        (first, points, _), (second, moved, _) = (
            self._alone(crops, each, (self.seed, number, 6)) for each in (index, near)
        )
        to_second = fit_similarity(points.astype(np.float64), moved.astype(np.float64))
        middle = np.full(2, self.crop_size_px / 2)
        to_second[:, 2] = (to_second @ np.append(middle, 1.0)) / middle - 1
        return {
            "first": _planes(first),
            "second": _planes(second),
            "to_second": to_second.astype(np.float32),
        }

    def _alone(
        self, crops: CropSet, index: int, seed: tuple[int, ...]
    ) -> tuple[FloatImage, NDArray[np.float32], NDArray[np.float32]]:
        """Vary, cut and wear one crop as a seed says; returns it, its landmarks and its cover."""
        rng = np.random.default_rng(seed)
        face, landmarks, cover = self._vary(crops, index, rng)
        if self.augmentation.cut_off > 0 and rng.random() < self.augmentation.cut_off:
            face, cover = cut_off((face, cover), rng)
        if rng.random() < self.augmentation.wear:
            face, _ = wear(face, face, rng)
        return face, landmarks, cover

    def _vary(
        self, crops: CropSet, index: int, rng: np.random.Generator
    ) -> tuple[FloatImage, NDArray[np.float32], NDArray[np.float32]]:
        """Vary one crop; its cover goes along, -1 where it is not known."""
        image, cover = crops.images[index], None if crops.covers is None else crops.covers[index]
        known = cover is not None and cover.flat[0] != UNKNOWN
        if cover is not None and known:
            image = np.dstack([image, cover])
        picture, landmarks = vary(
            image, crops.landmarks[index], self.crop_size_px, self.augmentation, rng
        )
        if known:
            varied = np.clip(picture[..., 3] * np.float32(255 / 254), 0, 1)
            return np.ascontiguousarray(picture[..., :3]), landmarks, varied
        return picture, landmarks, np.full(picture.shape[:2], -1, np.float32)


def _planes(image: FloatImage) -> NDArray[np.float32]:
    """Return (3, S, S) in [-1, 1]; in memory the channels stay last, as batches have them."""
    return np.ascontiguousarray(image * 2 - 1, dtype=np.float32).transpose(2, 0, 1)
