"""A judge of masked and bare faces that shares nothing with the converter's own classifier.

The classifier that decides which faces are worked on cannot also say whether they came out right:
what it misses it misses twice. The judge is a small network of another kind, trained afresh on real
photographs of the train split alone, mirrored, blurred, darkened and tinted as faces of videos are;
what it is worth is measured on photographs of the validation split, and stated beside its verdicts.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facemask_video.align.template import ALIGNMENT_ID
from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.core.network_file import read_network_file, write_network_file
from facemask_video.core.pixels import to_network
from trainers.data.crops import CropSet
from trainers.evaluate.real_or_fake import lower_faces, small_classifier

FORMAT = "facemask-judge/1"

SIDE_PX = 128
"""Of the aligned crops that it looks at."""

SMALL_PX = 40
"""Side of crops, reduced and enlarged again, on which its errors on small faces are measured."""

_LR = 2e-3
_BATCH_SIZE = 32
_FEWEST = 20
# Sides that crops are reduced to before they are enlarged again, for six in ten.
_SMALLEST_PX = 24
_REDUCED = 0.6


@dataclass(frozen=True, slots=True)
class JudgeErrors:
    """Shares of validation photographs that a judge calls wrongly.

    Attributes:
        masked: Of the masked ones, called bare.
        bare: Of the bare ones, called masked.
        masked_small: Of the masked ones at `SMALL_PX`.
        bare_small: Of the bare ones at `SMALL_PX`.
        n_masked: Masked photographs.
        n_bare: Bare photographs.
    """

    masked: float
    bare: float
    masked_small: float
    bare_small: float
    n_masked: int
    n_bare: int

    def in_words(self) -> str:
        """Return a sentence for a report."""
        return (
            f"the judge calls {self.masked:.1%} of {self.n_masked} masked photographs bare and "
            f"{self.bare:.1%} of {self.n_bare} bare ones masked, at {SMALL_PX} px "
            f"{self.masked_small:.1%} and {self.bare_small:.1%} (validation)"
        )


class DomainJudge:
    """Tells masked faces from bare ones."""

    def __init__(self, network: nn.Module, *, device: torch.device) -> None:
        self.network = network.to(device).eval()
        self._device = device

    @torch.inference_mode()
    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        """Return, for each aligned RGB crop (S, S, 3), how surely it is masked, in [0, 1]."""
        if not images:
            return []
        inputs = to_network(list(lower_faces(np.stack(images))), self._device)
        return [float(p) for p in torch.sigmoid(self.network(inputs)[:, 0])]

    def sha256(self) -> str:
        """Return the hash of its weights."""
        digest = hashlib.sha256()
        for tensor in self.network.state_dict().values():
            digest.update(tensor.half().cpu().numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write it, in half precision."""
        write_network_file(path, self.network, {"format": FORMAT, "alignment_id": ALIGNMENT_ID})

    @classmethod
    def load(cls, path: Path, *, device: torch.device) -> "DomainJudge":
        """Read a judge.

        Raises:
            WeightsError: No file, damaged, or trained under another alignment.
        """
        file = read_network_file(path, if_missing="leave --judge out, and one is trained")
        file.require("format", FORMAT, "leave --judge out, and one is trained")
        file.require("alignment_id", ALIGNMENT_ID, "train it again with this version")
        network = small_classifier()
        file.load_into(network)
        return cls(network, device=device)


def train_judge(
    bare: CropSet, masked: CropSet, *, n_images: int, seed: int, device: torch.device
) -> DomainJudge:
    """Train a judge on the train split; the same seed gives the same judge on a CPU.

    Args:
        bare: Bare faces of the train split.
        masked: Masked faces of it.
        n_images: Images to see, half of them masked; steps fall to 0 by half a cosine.
        seed: Of weights and samples.
        device: Where it is trained.

    Raises:
        ConfigError: A domain has fewer than 20 faces to train on.
    """
    for domain, faces in (("bare", bare), ("masked", masked)):
        if len(faces) < _FEWEST:
            raise ConfigError(
                f"judge: {len(faces)} {domain} faces to train on, expected at least {_FEWEST}; "
                f"add pictures, or pass --judge FILE."
            )
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = small_classifier().to(device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=_LR, weight_decay=1e-3)
        n_steps = max(1, n_images // _BATCH_SIZE)
        for step in range(n_steps):
            for group in optimizer.param_groups:
                group["lr"] = _LR * (1 + np.cos(np.pi * step / n_steps)) / 2
            is_masked = rng.random(_BATCH_SIZE) < 0.5
            shown = [_degraded(_face(masked if wants else bare, rng), rng) for wants in is_masked]
            inputs = to_network(list(lower_faces(np.stack(shown))), device)
            labels = torch.from_numpy(is_masked).float().to(device)
            loss = nn.functional.binary_cross_entropy_with_logits(network(inputs)[:, 0], labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return DomainJudge(network, device=device)


def judge_errors(judge: DomainJudge, bare: CropSet, masked: CropSet) -> JudgeErrors:
    """Measure a judge on photographs that it was not trained on."""

    def wrong(crops: CropSet, is_masked: bool, side_px: int) -> float:
        images = [_resized(_resized(image, side_px), SIDE_PX) for image in crops.images]
        scores = np.array(judge.masked_scores(images))
        return float(((scores > 0.5) != is_masked).mean())

    return JudgeErrors(
        wrong(masked, True, SIDE_PX),
        wrong(bare, False, SIDE_PX),
        wrong(masked, True, SMALL_PX),
        wrong(bare, False, SMALL_PX),
        len(masked),
        len(bare),
    )


def _face(crops: CropSet, rng: np.random.Generator) -> ImageU8:
    return _resized(crops.images[rng.integers(len(crops))], SIDE_PX)


def _degraded(image: ImageU8, rng: np.random.Generator) -> ImageU8:
    """Return a crop as a video might show it."""
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
    if rng.random() < _REDUCED:
        side = round(float(np.exp(rng.uniform(np.log(_SMALLEST_PX), np.log(SIDE_PX)))))
        image = _resized(_resized(image, side), SIDE_PX)
    light: NDArray[np.float64] = rng.uniform(0.5, 1.3) * rng.uniform(0.9, 1.1, 3)
    return (image * light).clip(0, 255).astype(np.uint8)


def _resized(image: ImageU8, side_px: int) -> ImageU8:
    if image.shape[0] == side_px:
        return image
    smaller = side_px < image.shape[0]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (side_px, side_px), interpolation=how), np.uint8)
