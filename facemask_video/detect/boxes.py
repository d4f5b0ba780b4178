"""MTCNN's arithmetic of boxes, for many at once.

Convention: corners (n, 4) count pixels from 1 and include both edges, as MTCNN's networks learnt.
"""

import torch
from torch import Tensor

from facemask_video.detect.integral_image import Candidates


def moved(corners: Tensor, regression: Tensor) -> Tensor:
    """Return boxes moved as the second or the third network says."""
    sides = corners[:, 2:] - corners[:, :2] + 1
    return corners + regression * sides.repeat(1, 2)


def squared(corners: Tensor) -> Tensor:
    """Return boxes made square about their centres."""
    sides = corners[:, 2:] - corners[:, :2]
    longest = sides.max(dim=1, keepdim=True).values
    first = corners[:, :2] + (sides - longest) * 0.5
    return torch.cat([first, first + longest], dim=1)


def placed(corners: Tensor, points: Tensor) -> Tensor:
    """Return the third network's landmarks (n, 10) in px, (n, 5, 2)."""
    sides = corners[:, 2:] - corners[:, :2] + 1
    as_fractions = torch.stack([points[:, :5], points[:, 5:]], dim=2)
    return as_fractions * sides[:, None] + corners[:, None, :2] - 1


def not_inside_a_better_one(found: Candidates, share: float = 0.7) -> Tensor:
    """Return which boxes to keep: none whose overlap with a better one covers most of the smaller.

    Whether a box falls depends on whether those above it stand. All are decided at once and again
    until nothing changes, which takes as many rounds as the longest chain of such boxes.
    """
    # Boxes that leave the picture on two sides can have one and the same cut: of equals, the last
    # stands, as in facenet-pytorch.
    order = found.score.argsort(stable=True).flip(0)
    corners, picture = found.corners[order], found.picture[order]
    area = (corners[:, 2] - corners[:, 0] + 1) * (corners[:, 3] - corners[:, 1] + 1)
    low = torch.maximum(corners[:, None, :2], corners[None, :, :2])
    high = torch.minimum(corners[:, None, 2:], corners[None, :, 2:])
    shared = (high - low + 1).clamp(min=0).prod(dim=2)
    covers = shared / torch.minimum(area[:, None], area[None, :]) > share
    covers &= picture[:, None] == picture[None, :]
    covers = covers.triu(diagonal=1)
    keep = torch.ones(len(order), dtype=torch.bool, device=order.device)
    while True:
        stands = ~(covers & keep[:, None]).any(dim=0)
        if bool((stands == keep).all()):
            return order[keep]
        keep = stands
