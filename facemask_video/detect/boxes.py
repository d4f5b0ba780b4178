"""MTCNN's arithmetic of boxes, for many at once.

Convention: corners (n, 4) count pixels from 1 and include both edges, as MTCNN's networks learnt.
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from facemask_video.detect.integral_image import Candidates


def apply_regression(corners: Tensor, regression: Tensor) -> Tensor:
    """Return boxes (n, 4) moved by R-Net's or O-Net's regression (n, 4), in sides of the box."""
    sides = corners[:, 2:] - corners[:, :2] + 1
    return corners + regression * sides.repeat(1, 2)


def to_squares(corners: Tensor) -> Tensor:
    """Return boxes (n, 4) made square about their centres, with their longer side."""
    sides = corners[:, 2:] - corners[:, :2]
    longest = sides.max(dim=1, keepdim=True).values
    first = corners[:, :2] + (sides - longest) * 0.5
    return torch.cat([first, first + longest], dim=1)


def landmarks_px(corners: Tensor, points: Tensor) -> Tensor:
    """Return O-Net's landmarks in px, (n, 5, 2).

    Args:
        corners: Boxes that O-Net saw, (n, 4).
        points: What it returned, (n, 10): five x, then five y, as parts of the box's sides.
    """
    sides = corners[:, 2:] - corners[:, :2] + 1
    as_fractions = torch.stack([points[:, :5], points[:, 5:]], dim=2)
    return as_fractions * sides[:, None] + corners[:, None, :2] - 1


def nms_in_groups(corners: Tensor, score: Tensor, group: Tensor, threshold: float) -> Tensor:
    """Return the indices that non-maximum suppression within each group keeps, best first.

    As MTCNN's first two stages have it: a box is suppressed where its intersection with a better
    kept one is more than ``threshold`` of their union. By OpenCV, group by group: torchvision's
    takes the same time, and importing it 1.4 s.

    Args:
        corners: Shape (n, 4).
        score: Shape (n,), above 0; of equals, the first stands.
        group: Shape (n,), whole numbers; boxes of different groups do not see each other.
        threshold: In [0, 1].
    """
    scores, groups = score.cpu().numpy(), group.cpu().numpy()
    boxes = corners.cpu().numpy().astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    kept = [np.zeros(0, np.int64)]
    together = np.argsort(groups, kind="stable")
    for some in np.split(together, np.flatnonzero(np.diff(groups[together])) + 1):
        # Where it keeps none, OpenCV returns an empty tuple.
        at = cv2.dnn.NMSBoxes(boxes[some], scores[some], 0.0, threshold)  # type: ignore[arg-type]
        kept.append(some[np.asarray(at, np.int64)])
    every = np.sort(np.concatenate(kept))
    every = every[np.argsort(-scores[every], kind="stable")]
    return torch.from_numpy(every).to(corners.device)


def nms_over_smaller(candidates: Candidates, threshold: float = 0.7) -> Tensor:
    """Return the indices that non-maximum suppression keeps, best first.

    As MTCNN's last stage has it: a box is suppressed where its intersection with a better kept one
    is more than ``threshold`` of the smaller of the two. Whether a box falls depends on whether
    those above it stand; all are decided at once and again until nothing changes, which takes as
    many rounds as the longest chain of such boxes.
    """
    # Boxes that leave the image on two sides can have one and the same crop: of equals, the last
    # stands, as in facenet-pytorch.
    order = candidates.score.argsort(stable=True).flip(0)
    corners, image_index = candidates.corners[order], candidates.image_index[order]
    area = (corners[:, 2] - corners[:, 0] + 1) * (corners[:, 3] - corners[:, 1] + 1)
    low = torch.maximum(corners[:, None, :2], corners[None, :, :2])
    high = torch.minimum(corners[:, None, 2:], corners[None, :, 2:])
    intersection = (high - low + 1).clamp(min=0).prod(dim=2)
    suppresses = intersection / torch.minimum(area[:, None], area[None, :]) > threshold
    suppresses &= image_index[:, None] == image_index[None, :]
    suppresses = suppresses.triu(diagonal=1)
    keep = torch.ones(len(order), dtype=torch.bool, device=order.device)
    while True:
        kept = ~(suppresses & keep[:, None]).any(dim=0)
        if bool((kept == keep).all()):
            return order[keep]
        keep = kept
