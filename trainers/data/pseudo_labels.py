"""Pseudo-labels: where real masks lie, for which nobody has drawn the truth.

The network's own segmentation, cleaned up.

Self-training: a network that has seen drawn masks finds most of a real one; its convex
hull and the colours inside and outside (GrabCut: Rother et al., SIGGRAPH 2004) find the rest. What
comes out teaches the next round.
"""

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.core.frame import AlphaF32, ImageU8
from facemask_video.core.pixels import to_network
from facemask_video.translate.networks import TwoStageGenerator
from trainers.data.crops import UNKNOWN, CropSet

_GAMMAS = (0.8, 1.0, 1.25)
# As fractions of the crop: a smaller region is no mask, and none begins above this line.
_SMALLEST = 0.035
_HIGHEST = 0.39


def add_pseudo_labels(
    crops: CropSet, generator: TwoStageGenerator, *, size_px: int = 128
) -> CropSet:
    """Return the crops with a pseudo-label each, unknown where no segmentation could be trusted.

    Args:
        crops: Really masked faces.
        generator: In evaluation mode.
        size_px: Side at which the network is run.
    """
    labels = []
    for image in crops.images:
        small = cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA).astype(np.uint8)
        label = clean_segmentation(small, _mean_probability(small, generator))
        if label is None:
            labels.append(np.full(image.shape[:2], UNKNOWN, np.uint8))
        else:
            sized = cv2.resize(label, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            labels.append(np.asarray(sized, np.uint8))
    return replace(crops, pseudo_labels=np.stack(labels))


@torch.inference_mode()
def _mean_probability(image: ImageU8, generator: TwoStageGenerator) -> AlphaF32:
    """Average the probability over mirror images and exposures."""
    views = [
        np.round(255 * (picture / 255.0) ** gamma).astype(np.uint8)
        for gamma in _GAMMAS
        for picture in (image, image[:, ::-1])
    ]
    logits = generator.mask_logits(to_network(views, torch.device("cpu")))
    drawn = torch.sigmoid(logits.float())[:, 0].numpy()
    drawn[1::2] = drawn[1::2, :, ::-1]
    return np.asarray(drawn.mean(axis=0), np.float32)


def clean_segmentation(image: ImageU8, probability: AlphaF32) -> NDArray[np.uint8] | None:
    """Snap a segmentation to the picture's colours (GrabCut).

    Args:
        image: Shape (S, S, 3).
        probability: Of cloth, shape (S, S), in [0, 1].

    Returns:
        Pseudo-label, 0 or 254, shape (S, S); None where there is too little to begin with.
    """
    side = image.shape[0]
    core = _largest((probability > 0.5).astype(np.uint8))
    if int(core.sum()) < _SMALLEST * side**2:
        return None
    contours, _ = cv2.findContours(core, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.fillConvexPoly(np.zeros_like(core), cv2.convexHull(np.vstack(contours)), 1)
    reach = max(3, side // 10) | 1
    labels = np.full(core.shape, cv2.GC_BGD, np.uint8)
    labels[cv2.dilate(hull, np.ones((reach, reach), np.uint8)) > 0] = cv2.GC_PR_BGD
    labels[hull > 0] = cv2.GC_PR_FGD
    labels[(probability > 0.9) & (core > 0)] = cv2.GC_FGD
    labels[: int(_HIGHEST * side)] = cv2.GC_BGD
    if not {cv2.GC_FGD, cv2.GC_PR_FGD} & set(np.unique(labels).tolist()):
        return None
    smooth = np.ascontiguousarray(cv2.bilateralFilter(image, 5, 30, 5)[..., ::-1])
    cv2.setRNGSeed(0)  # GrabCut starts its clusters at random
    # The rectangle is not looked at where labels are given.
    cv2.grabCut(
        smooth,
        labels,
        (0, 0, side, side),
        np.zeros((1, 65)),
        np.zeros((1, 65)),
        4,
        cv2.GC_INIT_WITH_MASK,
    )
    found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    opened = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    found = _largest(np.asarray(opened, np.uint8))
    if int(found.sum()) < _SMALLEST * side**2:
        return None
    contours, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(found), contours, -1, 254, -1), np.uint8)


def _largest(regions: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Keep the region that labels most of where a mouth is."""
    count, labels = cv2.connectedComponents(np.asarray(regions, np.uint8))
    side = labels.shape[0]
    middle = labels[int(0.54 * side) : int(0.8 * side), int(0.34 * side) : int(0.66 * side)]
    sizes = np.bincount(middle.ravel(), minlength=count)
    sizes[0] = 0
    best = int(sizes.argmax())
    return (
        np.asarray(labels == best, np.uint8)
        if sizes[best] > 0
        else np.zeros_like(labels, dtype=np.uint8)
    )
