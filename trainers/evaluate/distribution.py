"""Distance of the distributions of outputs and real images: FID and KID, by torchmetrics.

The usual features are Inception's, whose weights are a download. Those of the face detector are
always there; distances in them carry their own names, `fd_onet` and `kd_onet`, because they are no
FID and cannot be compared with one.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
from torchmetrics.image.kid import KernelInceptionDistance

from facemask_video.core.errors import ConfigError, WeightsError
from facemask_video.core.pixels import to_network
from trainers.evaluate.crop_pairs import ImageBatch
from trainers.evaluate.measurement import OURS, Context, Measurement
from trainers.gan.face_features import OnetFeatures

FeatureExtractor = Callable[[ImageBatch], Tensor]
"""Maps images to float64 features, shape (n, d)."""

_SUBSETS = 50
_LARGEST_SUBSET = 1000
_BATCH = 32


class _PrecomputedFeatures(nn.Module):
    """Lets torchmetrics take features in place of images."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def onet_extractor(device: torch.device) -> FeatureExtractor:
    """Return an extractor of 256 features: those of O-Net, the face detector's last network."""
    network = OnetFeatures().to(device)

    @torch.inference_mode()
    def extract(images: ImageBatch) -> Tensor:
        parts = [
            network.embed(to_network(list(images[start : start + _BATCH]), device)).double().cpu()
            for start in range(0, len(images), _BATCH)
        ]
        return torch.cat(parts)

    return extract


def inception_extractor(path: Path, device: torch.device) -> FeatureExtractor:
    """Return an extractor of the 2,048 Inception features that FID is defined by.

    Raises:
        WeightsError: The file is not there or not these weights, or torch-fidelity is missing.
    """
    if not path.is_file():
        raise WeightsError(
            f"{path}: no Inception weights there; fetch pt_inception-2015-12-05-6726825d.pth from "
            "torch-fidelity's releases, or leave --inception out: fd_onet and kd_onet need none."
        )
    try:
        network = NoTrainInceptionV3(
            name="inception-v3-compat",
            features_list=["2048"],
            feature_extractor_weights_path=str(path),
        ).to(device)
    except ModuleNotFoundError as exc:
        raise WeightsError(
            f"{path}: torch-fidelity is not installed, which runs them; "
            "pip install 'facemask-video[inception]'."
        ) from exc
    # A pickle of anything else fails in as many ways as there are things.
    except Exception as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise WeightsError(f"{path}: not torch-fidelity's Inception weights ({reason}).") from exc

    @torch.inference_mode()
    def extract(images: ImageBatch) -> Tensor:
        parts = []
        for start in range(0, len(images), _BATCH):
            stacked = torch.from_numpy(images[start : start + _BATCH]).permute(0, 3, 1, 2)
            parts.append(network(stacked.contiguous().to(device)).double().cpu())
        return torch.cat(parts)

    return extract


def measure_distribution(
    real: ImageBatch,
    outputs: ImageBatch,
    extract: FeatureExtractor,
    context: Context,
    *,
    names: tuple[str, str],
    method: str = OURS,
) -> list[Measurement]:
    """Compare outputs with real pictures of their new domain.

    The Fréchet distance grows as the sets shrink, so it compares sets of one size only; the kernel
    distance does not, and its spread over subsets is its noise.

    Args:
        real: Real images of the target domain.
        outputs: Translated images.
        extract: Computes the features.
        context: Of the measurements; their numbers are added to it.
        names: Of the Fréchet and the kernel distance.
        method: Whose outputs.

    Raises:
        ConfigError: A set holds fewer than two pictures.
    """
    if min(len(real), len(outputs)) < 2:
        raise ConfigError(
            f"{context.group}: {names[0]} has {len(real)} real pictures and {len(outputs)} "
            "outputs, expected at least 2 of each."
        )
    features = extract(real), extract(outputs)
    sizes = f"{len(real)} real, {len(outputs)} outputs"
    context = replace(context, features=f"{context.features}; {sizes}")
    kernel, spread = kernel_distance(*features, seed=context.seed)
    n = min(len(real), len(outputs))
    return [
        Measurement(names[0], frechet_distance(*features), "lower", n, context, method),
        Measurement(names[1], kernel, "lower", n, context, method, standard_error=spread),
    ]


def frechet_distance(real: Tensor, outputs: Tensor) -> float:
    """Return the Fréchet distance of two sets of features (n, d)."""
    metric = FrechetInceptionDistance(feature=_PrecomputedFeatures(real.shape[1])).set_dtype(
        torch.float64
    )
    metric.update(real, real=True)
    metric.update(outputs, real=False)
    # Tiny negative numbers are left of the square roots.
    return max(0.0, float(metric.compute()))


def kernel_distance(real: Tensor, outputs: Tensor, *, seed: int) -> tuple[float, float]:
    """Return the kernel distance of two sets of features (n, d) and its spread over subsets.

    Subsets hold half of the smaller set: with all of it each would be the same.
    """
    size = min(_LARGEST_SUBSET, max(2, min(len(real), len(outputs)) // 2))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*save all extracted features")
        metric = KernelInceptionDistance(
            feature=_PrecomputedFeatures(real.shape[1]), subsets=_SUBSETS, subset_size=size
        )
    metric.update(real, real=True)
    metric.update(outputs, real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mean, spread = metric.compute()
    return float(np.float64(mean)), float(np.float64(spread))
