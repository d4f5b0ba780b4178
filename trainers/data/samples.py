"""From crop sets to training samples: variation, drawn masks, neighbours in time.

Every sample is a function of (seed, its number), so a resumed run sees exactly the samples that an
uninterrupted one would have seen, whatever the number of worker processes.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from facemask_video.align.similarity import fit_similarity
from trainers.config import AugmentationConfig, DataConfig
from trainers.data.augment import degrade, draw_jitter, fabric_patch, move, truncate, vary
from trainers.data.crops import UNKNOWN, CropSet
from trainers.data.garments import draw_garment
from trainers.data.masks import FloatImage, draw_mask
from trainers.data.occluders import draw_occluder
from trainers.data.styles import SURGICAL, random_style


class TrainingSamples(Dataset[dict[str, NDArray[np.float32]]]):
    """Samples by number; number i of seed s is always the same."""

    def __init__(
        self,
        bare: CropSet,
        real_masked: CropSet,
        data: DataConfig,
        augmentation: AugmentationConfig,
        *,
        first: int,
        count: int,
        draws_pairs: bool = True,
        draws_for_mask: bool = True,
        degrades_bare: bool = False,
        with_neighbours: bool = False,
    ) -> None:
        """Prepare ``count`` samples beginning with number ``first``.

        Args:
            bare: Faces to draw masks on.
            real_masked: Faces in real masks.
            data: Size, seed, and which masks are drawn how often.
            augmentation: How far samples vary.
            first: Number of the first sample.
            count: How many there are.
            draws_pairs: Draw masks. Methods that learn from no pairs want none; their faces are
                degraded each by itself instead.
            draws_for_mask: Draw the masks that ``mask`` learns; not needed to train ``unmask``
                alone.
            degrades_bare: Degrade ``bare`` and ``surgical`` too, for a method that learns nothing
                but to draw.
            with_neighbours: Add the neighbours in time of faces that have one.
        """
        self.bare, self.real_masked = bare, real_masked
        self.data, self.augmentation = data, augmentation
        self.first, self.count = first, count
        self.draws_pairs, self.draws_for_mask = draws_pairs, draws_for_mask
        self.degrades_bare = degrades_bare
        self._most_turned = bare.most_turned() if data.turned > 0 else None
        self._neighbours = (
            (bare.neighbours(), real_masked.neighbours()) if with_neighbours else None
        )

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, offset: int) -> dict[str, NDArray[np.float32]]:
        cv2.setNumThreads(0)
        number = self.first + offset
        index = _place_in_pass(number, len(self.bare), self.data)
        if not self.data.serial_batches and self._most_turned is not None:
            again = np.random.default_rng((self.data.seed, number, 7))
            if again.random() < self.data.turned:
                index = int(again.choice(self._most_turned))
        sample = self._pair(number, index) if self.draws_pairs else self._singles(number, index)
        if self._neighbours is not None:
            for name, crops, near, shown in (
                ("bare", self.bare, self._neighbours[0], index),
                ("masked", self.real_masked, self._neighbours[1], self._masked_index(number)),
            ):
                frame_pairs = self._frame_pair(crops, shown, int(near[shown]), number)
                sample |= {f"{name}_{key}": plane for key, plane in frame_pairs.items()}
        return sample

    def _pair(self, number: int, index: int) -> dict[str, NDArray[np.float32]]:
        """Draw masks on a bare face, and add a really masked one."""
        rng = np.random.default_rng((self.data.seed, number))
        bare, landmarks, _ = self._vary(self.bare, index, rng)
        # A source of its own, so that nothing else of the sample depends on the choice.
        varied = random_style(np.random.default_rng((self.data.seed, number, 2)))
        learnt = SURGICAL if self.data.mask_learns == "surgical" else varied
        chosen = int(rng.integers(len(self.real_masked)))
        if self.data.serial_batches:
            chosen = number % len(self.real_masked)
        real, _, real_alpha = self._vary(self.real_masked, chosen, rng)
        nothing = np.zeros(bare.shape[:2], np.float32)
        if rng.random() < self.data.undrawn:
            masked, alpha = bare, nothing
        else:
            cloth = fabric_patch(real, rng) if rng.random() < self.data.real_fabric else None
            style = random_style(
                rng,
                wearing_wrong=self.data.wearing_wrong,
                wearing_high=self.data.wearing_high,
                wearing_loose=self.data.wearing_loose,
            )
            if self.data.unmask_learns == "surgical":
                style = SURGICAL
            if self.data.garments > 0 and rng.random() < self.data.garments:
                bare = draw_garment(bare, landmarks, style.color, rng, texture=cloth)
            masked, alpha = draw_mask(bare, landmarks, style, texture=cloth)
        surgical, surgical_alpha = (
            draw_mask(bare, landmarks, learnt) if self.draws_for_mask else (bare, nothing)
        )
        # A source of its own, so that the other samples stay as they are without it.
        passing = np.random.default_rng((self.data.seed, number, 8))
        if passing.random() < self.augmentation.occluders:
            occluder = draw_occluder(bare, passing)
            bare, surgical, masked = (occluder.over(p) for p in (bare, surgical, masked))
            surgical_alpha, alpha = (occluder.taken_from(a) for a in (surgical_alpha, alpha))
        if self.augmentation.truncation > 0 and rng.random() < self.augmentation.truncation:
            bare, surgical, surgical_alpha, masked, alpha = truncate(
                (bare, surgical, surgical_alpha, masked, alpha), rng
            )
        degraded, target = masked, bare
        if rng.random() < self.augmentation.degradation:
            degraded, target = degrade(masked, bare, rng)
        if self.degrades_bare and rng.random() < self.augmentation.degradation:
            bare, surgical = degrade(bare, surgical, rng)
        return {
            "bare": _planes(bare),
            "surgical": _planes(surgical),
            "surgical_alpha": surgical_alpha[None],
            "masked": _planes(degraded),
            "masked_alpha": alpha[None],
            "target": _planes(target),
            "real_masked": _planes(real),
            "real_alpha": real_alpha[None],
        }

    def _singles(self, number: int, index: int) -> dict[str, NDArray[np.float32]]:
        """Vary and wear a bare face and a masked one, each by itself; nothing is drawn."""
        bare, _, _ = self._alone(self.bare, index, (self.data.seed, number, 3))
        real, _, alpha = self._alone(
            self.real_masked, self._masked_index(number), (self.data.seed, number, 4)
        )
        nothing = np.zeros((1, *bare.shape[:2]), np.float32)
        face = _planes(bare)
        return {
            "bare": face,
            "surgical": face,
            "surgical_alpha": nothing,
            "masked": face,
            "masked_alpha": nothing,
            "target": face,
            "real_masked": _planes(real),
            "real_alpha": alpha[None],
        }

    def _masked_index(self, number: int) -> int:
        """Return which masked face goes with a sample that nothing is drawn for."""
        if self.data.serial_batches:
            return number % len(self.real_masked)
        return int(
            np.random.default_rng((self.data.seed, number, 5)).integers(len(self.real_masked))
        )

    def _frame_pair(
        self, crops: CropSet, index: int, near: int, number: int
    ) -> dict[str, NDArray[np.float32]]:
        """Vary a crop and its neighbour in time alike; not a number where there is none."""
        if near < 0:
            nothing = np.full(
                (3, self.data.crop_size_px, self.data.crop_size_px), np.nan, np.float32
            )
            return {"first": nothing, "second": nothing, "to_second": nothing[0, :2, :3]}
        # The same source for both, so that what differs is what differs in the video.
        (first, points, _), (second, moved, _) = (
            self._alone(crops, each, (self.data.seed, number, 6)) for each in (index, near)
        )
        to_second = fit_similarity(points.astype(np.float64), moved.astype(np.float64))
        middle = np.full(2, self.data.crop_size_px / 2)
        to_second[:, 2] = (to_second @ np.append(middle, 1.0)) / middle - 1
        return {
            "first": _planes(first),
            "second": _planes(second),
            "to_second": to_second.astype(np.float32),
        }

    def _alone(
        self, crops: CropSet, index: int, seed: tuple[int, ...]
    ) -> tuple[FloatImage, NDArray[np.float32], NDArray[np.float32]]:
        """Vary, truncate and degrade one crop; returns it, its landmarks and its alpha."""
        rng = np.random.default_rng(seed)
        face, landmarks, alpha = self._vary(crops, index, rng)
        if self.augmentation.truncation > 0 and rng.random() < self.augmentation.truncation:
            face, alpha = truncate((face, alpha), rng)
        if rng.random() < self.augmentation.degradation:
            face, _ = degrade(face, face, rng)
        return face, landmarks, alpha

    def _vary(
        self, crops: CropSet, index: int, rng: np.random.Generator
    ) -> tuple[FloatImage, NDArray[np.float32], NDArray[np.float32]]:
        """Vary one crop; its alpha goes along, -1 where it is not known."""
        labels = crops.pseudo_labels
        image, alpha = crops.images[index], None if labels is None else labels[index]
        known = alpha is not None and alpha.flat[0] != UNKNOWN
        if alpha is not None and known:
            image = np.dstack([image, alpha])
        picture, landmarks = vary(
            image, crops.landmarks[index], self.data.crop_size_px, self.augmentation, rng
        )
        if known:
            varied = np.clip(picture[..., 3] * np.float32(255 / 254), 0, 1)
            return np.ascontiguousarray(picture[..., :3]), landmarks, varied
        return picture, landmarks, np.full(picture.shape[:2], -1, np.float32)


class PairedSamples(Dataset[dict[str, NDArray[np.float32]]]):
    """Pairs of pictures by number: a random part of both, moved alike; their colours stay.

    Args:
        bare: One side of the pairs.
        masked: The other, in the same order.
        data: Size, seed and order.
        augmentation: Of it the roll, size, place and mirror.
        first: Number of the first sample.
        count: How many there are.
    """

    def __init__(
        self,
        bare: CropSet,
        masked: CropSet,
        data: DataConfig,
        augmentation: AugmentationConfig,
        *,
        first: int,
        count: int,
    ) -> None:
        if bare.names != masked.names:
            raise ValueError("PairedSamples: the two sides are not the same pairs.")
        self.bare, self.masked = bare, masked
        self.data, self.augmentation = data, augmentation
        self.first, self.count = first, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, offset: int) -> dict[str, NDArray[np.float32]]:
        cv2.setNumThreads(0)
        number = self.first + offset
        index = _place_in_pass(number, len(self.bare), self.data)
        rng = np.random.default_rng((self.data.seed, number))
        size_px = self.data.crop_size_px
        both = np.dstack([self.bare.images[index], self.masked.images[index]])
        x, y = rng.integers(both.shape[0] - size_px + 1, size=2)
        both = np.ascontiguousarray(both[y : y + size_px, x : x + size_px])
        moved = move(both, draw_jitter(size_px, size_px, self.augmentation, rng), size_px)
        pair = moved.astype(np.float32) / np.float32(255)
        bare, masked = _planes(pair[..., :3]), _planes(pair[..., 3:])
        unknown = np.full((1, size_px, size_px), -1, np.float32)
        return {
            "bare": bare,
            "surgical": masked,
            "surgical_alpha": unknown,
            "masked": masked,
            "masked_alpha": unknown,
            "target": bare,
            "real_masked": masked,
            "real_alpha": unknown,
        }


def _place_in_pass(number: int, count: int, data: DataConfig) -> int:
    """Return which of so many pictures a sample shows: a random order, new for each pass."""
    epoch, place = divmod(number, count)
    if data.serial_batches:
        return place
    return int(np.random.default_rng((data.seed, 1, epoch)).permutation(count)[place])


def _planes(image: FloatImage) -> NDArray[np.float32]:
    """Return (3, S, S) in [-1, 1]; in memory the channels stay last, as batches have them."""
    return np.ascontiguousarray(image * 2 - 1, dtype=np.float32).transpose(2, 0, 1)
