"""Real or fake: can a small network, trained afresh, tell outputs from real photographs?

A classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017): a convolutional network learns to
tell lower faces of outputs from those of real photographs of the target domain, and its accuracy is
measured on folds that it did not see. 0.5 is chance, and the best that outputs can reach. A
difference between the sources of the two sets counts too: take both from like sources.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import PurePosixPath

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor, nn

from facemask_video.core.errors import ConfigError
from facemask_video.core.pixels import to_network
from trainers.data.crops import CropSet
from trainers.evaluate.crop_pairs import ImageBatch
from trainers.evaluate.measurement import OURS, Context, Measurement
from trainers.evaluate.progress import OnDone, unheard

SIDE_PX = 64
"""Side of the lower faces that the classifier sees."""

CONFIDENCE = 0.95

# Left, top, right and bottom of the lower face, as fractions of an aligned crop: it takes in all
# of a mask or of what was under it, with some of the cheeks beside.
_LOWER_FACE = (0.1875, 0.34375, 0.8125, 0.96875)

_N_FOLDS = 5
_N_EPOCHS = 25
_BATCH_SIZE = 32
# Images of each class: more sharpen the interval a little and cost time in proportion.
_MOST = 1000
_FEWEST = 10
# So many folders without video tracks are taken for a folder a person, fewer for data sets.
_PERSON_FOLDERS = 20


def measure_real_or_fake(
    real: CropSet,
    outputs: CropSet,
    context: Context,
    *,
    device: torch.device,
    same_source: Mapping[str, str] | None = None,
    n_epochs: int = _N_EPOCHS,
    method: str = OURS,
    on_done: OnDone = unheard,
) -> Measurement:
    """Return the cross-validated accuracy of real against fake, with its 95 % interval.

    Classes are balanced by leaving out images of the larger one at random. Folds never part the
    images of one source, see `source_groups`. The standard error is that of clusters of sources,
    and the interval Wilson's with the sample size over the design effect (Korn and Graubard 1998).
    The same seed gives the same accuracy on a CPU.

    Args:
        real: Photographs of the target domain.
        outputs: Translated images, called by the names of their inputs, of the same size.
        context: Of the measurement; the seed decides subsets, folds and the network's weights.
        device: Where the network is trained.
        same_source: Names of images that show the person of another, by name.
        n_epochs: Passes over the training folds.
        method: Whose outputs.
        on_done: Called with folds done and in all.

    Raises:
        ConfigError: There are fewer than 10 images of a class, or fewer than 2 sources.
    """
    count = min(len(real), len(outputs), _MOST)
    if count < _FEWEST:
        raise ConfigError(
            f"--real-or-fake: {context.group} has {len(real)} real images and {len(outputs)} "
            f"outputs, expected at least {_FEWEST} of each; add pictures or raise --held-out."
        )
    rng = np.random.default_rng(context.seed)
    real, outputs = (_sample(crops, count, rng) for crops in (real, outputs))
    groups = [*source_groups(real, same_source), *source_groups(outputs, same_source)]
    folds = grouped_folds(groups, rng)
    images = np.concatenate([lower_faces(real.images), lower_faces(outputs.images)])
    is_real = np.repeat([True, False], count)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(context.seed)
        correct = cross_validate(
            images, is_real, folds, device=device, n_epochs=n_epochs, on_done=on_done
        )
    accuracy = float(correct.mean())
    error = clustered_standard_error(correct, groups)
    names = [f"real/{name}" for name in real.names] + [f"output/{name}" for name in outputs.names]
    return Measurement(
        name="real_or_fake_accuracy",
        value=accuracy,
        better="lower",
        n=len(correct),
        context=replace(
            context,
            features=f"small network on lower faces of {SIDE_PX} px, {folds.max() + 1} folds of "
            f"{len(set(groups))} sources; 0.5 is chance",
        ),
        method=method,
        standard_error=error,
        interval=wilson_interval(accuracy, len(correct), error),
        samples=dict(zip(names, correct.astype(float).tolist(), strict=True)),
    )


def source_groups(crops: CropSet, same_source: Mapping[str, str] | None = None) -> list[str]:
    """Return for each crop the name of the person or video that it comes from.

    What a manifest says goes first. Crops of videos go by their folder, which extraction names
    after the video. Others do where there are at least 20 folders, as in a folder a person; else
    each picture stands for itself. The set's own folder, which begins each name, is left out:
    equal sources of two sets are one.
    """
    names = [(same_source or {}).get(name, name) for name in crops.names]
    paths = [PurePosixPath(*PurePosixPath(name).parts[1:]) for name in names]
    by_folder = len({path.parent for path in paths}) >= _PERSON_FOLDERS
    if crops.track_frames is None:
        in_video = np.zeros(len(crops), dtype=bool)
    else:
        in_video = crops.track_frames[:, 0] >= 0
    return [
        str(known) or str(path.parent if by_folder or of_video else path.with_suffix(""))
        for path, of_video, known in zip(paths, in_video, crops.sources_or_unknown(), strict=True)
    ]


def grouped_folds(groups: Sequence[str], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return a fold (n,) for each image: five of about one size, or as many as there are groups.

    Raises:
        ConfigError: There is only one group.
    """
    names, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise ConfigError("--real-or-fake: all images come from one source; expected at least 2.")
    fold_of = np.zeros(len(names), np.intp)
    fill = np.zeros(min(_N_FOLDS, len(names)))
    order = rng.permutation(len(names))
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[group] = fill.argmin()
        fill[fold_of[group]] += sizes[group]
    return fold_of[members]


def lower_faces(images: ImageBatch) -> ImageBatch:
    """Return the lower faces of aligned crops (n, S, S, 3) at `SIDE_PX`, RGB."""
    left, top, right, bottom = (round(edge * images.shape[1]) for edge in _LOWER_FACE)
    return np.stack(
        [
            cv2.resize(
                image[top:bottom, left:right], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA
            )
            for image in images
        ]
    ).astype(np.uint8)


def cross_validate(
    images: ImageBatch,
    is_real: NDArray[np.bool_],
    folds: NDArray[np.intp],
    *,
    device: torch.device,
    n_epochs: int,
    on_done: OnDone = unheard,
) -> NDArray[np.bool_]:
    """Return whether each image (n,) is classified correctly by a network of the other folds."""
    inputs = to_network(list(images), device)
    labels = torch.from_numpy(is_real).float().to(device)
    correct = np.zeros(len(images), dtype=bool)
    for fold in range(folds.max() + 1):
        held_out = torch.from_numpy(folds == fold).to(device)
        network = _train(inputs[~held_out], labels[~held_out], n_epochs)
        with torch.inference_mode():
            says_real = network(inputs[held_out])[:, 0] > 0
        on_done(fold + 1, int(folds.max()) + 1)
        correct[folds == fold] = (says_real == labels[held_out].bool()).cpu().numpy()
    return correct


def _train(inputs: Tensor, labels: Tensor, n_epochs: int) -> nn.Module:
    network = small_classifier().to(inputs.device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-3)
    for _ in range(n_epochs):
        for chosen in torch.randperm(len(inputs)).split(_BATCH_SIZE):  # type: ignore[no-untyped-call]
            mirrored = (torch.rand(len(chosen), 1, 1, 1) < 0.5).to(inputs.device)
            batch = inputs[chosen]
            batch = torch.where(mirrored, batch.flip(3), batch)
            loss = nn.functional.binary_cross_entropy_with_logits(
                network(batch)[:, 0], labels[chosen]
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return network.eval()


def small_classifier() -> nn.Sequential:
    """Return a network with fresh weights: (n, 3, `SIDE_PX`, `SIDE_PX`) in [-1, 1] to (n, 1)."""
    channels = (3, 24, 48, 96)
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(channels):
        layers += [nn.Conv2d(n_in, n_out, 3, 2, 1), nn.BatchNorm2d(n_out), nn.ReLU()]
    pooled = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3)]
    return nn.Sequential(*layers, *pooled, nn.Linear(4 * channels[-1], 1))


def clustered_standard_error(correct: NDArray[np.bool_], groups: Sequence[str]) -> float:
    """Return the standard error of an accuracy whose images are independent between groups alone.

    The square is ``G / (G - 1) * sum over groups of (sum of residuals)^2 / n^2`` (Cochran,
    Sampling Techniques, 1977, section 9A).

    >>> round(clustered_standard_error(np.array([True, False, True, False]), list("abcd")), 4)
    0.2887
    """
    names, members = np.unique(groups, return_inverse=True)
    totals = np.bincount(members, correct - correct.mean(), minlength=len(names))
    variance = len(names) / (len(names) - 1) * float(np.square(totals).sum()) / len(correct) ** 2
    return float(np.sqrt(variance))


def wilson_interval(accuracy: float, n: int, standard_error: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share, for ``n`` samples of a known standard error.

    The effective sample size is ``n`` over the design effect, the variance over that of
    independent samples, where that is above 1.

    >>> low, high = wilson_interval(0.25, 40, 0.0)
    >>> round(low, 3), round(high, 3)
    (0.142, 0.402)
    """
    size = float(n)
    independent = accuracy * (1 - accuracy) / n
    if independent > 0:
        size = n / max(1.0, standard_error**2 / independent)
    z2 = float(norm.ppf((1 + CONFIDENCE) / 2)) ** 2
    middle = (accuracy + z2 / (2 * size)) / (1 + z2 / size)
    half = (z2 * accuracy * (1 - accuracy) / size + (z2 / (2 * size)) ** 2) ** 0.5 / (1 + z2 / size)
    return max(0.0, middle - half), min(1.0, middle + half)


def _sample(crops: CropSet, count: int, rng: np.random.Generator) -> CropSet:
    chosen = np.zeros(len(crops), dtype=bool)
    chosen[rng.permutation(len(crops))[:count]] = True
    return crops.take(chosen)
