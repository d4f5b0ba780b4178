"""From crop sets to training batches: augmentation, drawn masks, wear.

Every sample is a function of (seed, its number), so a resumed run sees exactly the samples that an
uninterrupted one would have seen, whatever the number of worker processes.
"""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from trainers.data.crops import UNKNOWN, CropSet
from trainers.data.masks import FloatImage, draw_mask
from trainers.data.styles import SURGICAL, random_style


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far samples are varied. Zero everywhere gives the crops as they are.

    Attributes:
        flip: Mirror half of them.
        turn_deg: Largest roll.
        scale: Largest relative change of size.
        shift: Largest shift, as a fraction of the side.
        color: Strength of brightness, contrast, saturation and cast changes.
        wear: Share of samples that are blurred, made noisy or compressed.
        cut_off: Share of samples that end inside the crop, as pictures do that cut a face.
    """

    flip: bool = True
    turn_deg: float = 6.0
    scale: float = 0.08
    shift: float = 0.03
    color: float = 0.25
    wear: float = 0.4
    cut_off: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's pictures, in [-1, 1], shape (n, 3, S, S), channels last; covers (n, 1, S, S).

    Attributes:
        bare: Bare faces.
        surgical: The same with the mask that ``mask`` learns to draw.
        surgical_cover: Its opacity.
        masked: The same faces with masks of every kind; some are left bare, with empty cover.
        masked_cover: Their opacity.
        target: What unmasking ``masked`` should give: ``bare`` with the same wear.
        real_masked: Other people with real masks.
        real_cover: Where those lie, as far as it is known; -1 throughout where it is not.
    """

    bare: Tensor
    surgical: Tensor
    surgical_cover: Tensor
    masked: Tensor
    masked_cover: Tensor
    target: Tensor
    real_masked: Tensor
    real_cover: Tensor

    def __len__(self) -> int:
        return len(self.bare)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        moved = {f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)}
        return Batch(**moved)


class WarmStartSamples(Dataset[dict[str, NDArray[np.float32]]]):
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
        """
        self.bare, self.real_masked = bare, real_masked
        self.crop_size_px, self.seed, self.augmentation = crop_size_px, seed, augmentation
        self.first, self.count, self.undrawn = first, count, undrawn
        self.real_fabric, self.serial = real_fabric, serial
        self.mask_learns, self.unmask_learns = mask_learns, unmask_learns

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, offset: int) -> dict[str, NDArray[np.float32]]:
        cv2.setNumThreads(0)
        number = self.first + offset
        rng = np.random.default_rng((self.seed, number))
        # A fixed random order, new for each pass over the set.
        epoch, place = divmod(number, len(self.bare))
        index = int(np.random.default_rng((self.seed, 1, epoch)).permutation(len(self.bare))[place])
        if self.serial:
            index = place
        bare, landmarks, _ = self._vary(self.bare, index, rng)
        # A source of its own, so that nothing else of the sample depends on the choice.
        varied = random_style(np.random.default_rng((self.seed, number, 2)))
        learnt = SURGICAL if self.mask_learns == "surgical" else varied
        surgical, surgical_cover = draw_mask(bare, landmarks, learnt)
        chosen = int(rng.integers(len(self.real_masked)))
        if self.serial:
            chosen = number % len(self.real_masked)
        real, _, real_cover = self._vary(self.real_masked, chosen, rng)
        if rng.random() < self.undrawn:
            masked, cover = bare, np.zeros(bare.shape[:2], np.float32)
        else:
            cloth = cut_cloth(real, rng) if rng.random() < self.real_fabric else None
            style = random_style(rng, worn_wrong=0.06)
            if self.unmask_learns == "surgical":
                style = SURGICAL
            masked, cover = draw_mask(bare, landmarks, style, texture=cloth)
        if self.augmentation.cut_off > 0 and rng.random() < self.augmentation.cut_off:
            bare, surgical, surgical_cover, masked, cover = cut_off(
                (bare, surgical, surgical_cover, masked, cover), rng
            )
        worn, target = masked, bare
        if rng.random() < self.augmentation.wear:
            worn, target = wear(masked, bare, rng)
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


def vary(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    crop_size_px: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[FloatImage, NDArray[np.float32]]:
    """Jitter place and colour of a crop; returns float RGB in [0, 1] and landmarks in px.

    A fourth channel is moved with the others and keeps its values.
    """
    side = image.shape[0]
    turn = np.deg2rad(rng.uniform(-1, 1) * augmentation.turn_deg)
    zoom = crop_size_px / side * (1 + rng.uniform(-1, 1) * augmentation.scale)
    mirror = -1.0 if augmentation.flip and rng.random() < 0.5 else 1.0
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = linear @ np.diag([mirror, 1.0])
    middle = crop_size_px / 2 + rng.uniform(-1, 1, 2) * augmentation.shift * crop_size_px
    offset = middle - linear @ np.array([side / 2, side / 2])
    # OpenCV's origin is the centre of the first pixel.
    centred = offset + linear @ np.array([0.5, 0.5]) - 0.5
    moved = cv2.warpAffine(
        image,
        np.concatenate([linear, centred[:, None]], axis=1),
        (crop_size_px, crop_size_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    points = landmarks.astype(np.float64) * side @ linear.T + offset
    if mirror < 0:
        points = points[[1, 0, 2, 4, 3]]
    whole = moved.astype(np.float32) / 255
    picture, rest = whole[..., :3], whole[..., 3:]
    strength = augmentation.color
    if strength > 0:
        luma = picture.mean(axis=2, keepdims=True)
        picture = luma + (picture - luma) * np.float32(1 + rng.uniform(-1, 1) * strength)
        gain = (1 + rng.uniform(-1, 1) * strength) * (1 + rng.uniform(-1, 1, 3) * 0.25 * strength)
        picture = picture * gain.astype(np.float32)
        gamma = np.float32(np.exp(rng.uniform(-1, 1) * strength))
        picture = np.power(np.clip(picture, 0, 1), gamma)
    varied = np.concatenate([picture, rest], axis=2)
    return np.asarray(varied, np.float32), points.astype(np.float32)


def cut_off(
    pictures: Sequence[NDArray[np.float32]], rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Let pictures of one face end inside the crop; beyond, their edge is repeated (`cut_crop`).

    Args:
        pictures: Of one size, shape (S, S) or (S, S, 3); all end at the same places.
        rng: Chooses the sides, mostly the one under the chin, and the roll of the picture's frame.
    """
    side = pictures[0].shape[0]
    turn = np.deg2rad(rng.uniform(-25, 25))
    x0, y0, x1, y1 = -2.0, -2.0, 2.0, 2.0
    if rng.random() < 0.8:
        y1 = rng.uniform(0.62, 0.95)
    if rng.random() < 0.4:
        y0 = rng.uniform(0.02, 0.28)
    if rng.random() < 0.35:
        x0 = rng.uniform(0.02, 0.25)
    if rng.random() < 0.35:
        x1 = rng.uniform(0.75, 0.98)
    # Where each pixel of the cut picture is taken from: its own place, held inside the turned box.
    places = (np.indices((side, side), np.float32)[::-1] + 0.5) / side - 0.5
    to_frame = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    framed = np.tensordot(to_frame, places, 1)
    framed[0] = np.clip(framed[0], x0 - 0.5, x1 - 0.5)
    framed[1] = np.clip(framed[1], y0 - 0.5, y1 - 0.5)
    x, y = (np.tensordot(to_frame.T, framed, 1) + 0.5) * side - 0.5
    return [
        np.asarray(
            cv2.remap(p, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )
        for p in pictures
    ]


def cut_cloth(masked: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Cut a piece of cloth out of an aligned, really masked face: from where every mask is."""
    side = masked.shape[0]
    x0, x1 = (int(side * v) for v in (rng.uniform(0.32, 0.42), rng.uniform(0.58, 0.68)))
    y0, y1 = (int(side * v) for v in (rng.uniform(0.54, 0.62), rng.uniform(0.72, 0.84)))
    return masked[y0:y1, x0:x1]


def wear(
    masked: FloatImage, bare: FloatImage, rng: np.random.Generator
) -> tuple[FloatImage, FloatImage]:
    """Age a pair as cameras and codecs do: both lose detail alike, the input alone gets noise."""
    side = masked.shape[0]
    if rng.random() < 0.6:
        small = max(8, int(side * rng.uniform(0.3, 0.9)))
        masked, bare = (_lose_detail(picture, small) for picture in (masked, bare))
    if rng.random() < 0.25:
        length = int(rng.integers(2, 6))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        if rng.random() < 0.5:
            kernel = kernel.T.copy()
        masked, bare = (
            np.asarray(cv2.filter2D(picture, -1, kernel), np.float32) for picture in (masked, bare)
        )
    if rng.random() < 0.5:
        masked = masked + rng.normal(0, rng.uniform(0.005, 0.04), masked.shape).astype(np.float32)
    if rng.random() < 0.5:
        quality = int(rng.integers(35, 95))
        pixels = (np.clip(masked, 0, 1) * 255).astype(np.uint8)
        _, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
        masked = np.asarray(unpacked.astype(np.float32) / 255, np.float32)
    return np.clip(masked, 0, 1).astype(np.float32), np.clip(bare, 0, 1).astype(np.float32)


def _lose_detail(image: FloatImage, small_px: int) -> FloatImage:
    side = image.shape[0]
    small = cv2.resize(image, (small_px, small_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)


def _planes(image: FloatImage) -> NDArray[np.float32]:
    return np.ascontiguousarray(image.transpose(2, 0, 1) * 2 - 1, dtype=np.float32)


def _leave_ctrl_c_to_the_loop(worker: int) -> None:
    # A terminal sends it to the whole process group; the loop must still get its batch and save.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def batches(
    samples: WarmStartSamples, *, batch_size: int, n_workers: int, part: tuple[int, int] = (0, 1)
) -> Iterator[Batch]:
    """Yield whole batches in the samples' order.

    Args:
        samples: By number.
        batch_size: Samples a batch.
        n_workers: Processes that prepare them; 0 is none besides.
        part: ``(number, count)``: of each batch yield that one of so many equal parts.
    """
    number, count = part
    share = batch_size // count
    first = number * share
    loader = DataLoader(
        samples,
        batch_sampler=[
            list(range(start + first, start + first + share))
            for start in range(0, len(samples) - batch_size + 1, batch_size)
        ],
        num_workers=n_workers,
        prefetch_factor=4 if n_workers else None,
        worker_init_fn=_leave_ctrl_c_to_the_loop,
        # Its own, or starting the loader would draw from torch's and a resumed run would differ.
        generator=torch.Generator(),
    )
    for stacked in loader:
        yield Batch(
            **{
                name: tensor.contiguous(memory_format=torch.channels_last)
                for name, tensor in stacked.items()
            }
        )
