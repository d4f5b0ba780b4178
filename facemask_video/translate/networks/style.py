"""The style of a mask: a small picture of it in the frame of its own bounding box.

One face can wear many masks, so the mapping from bare to masked is one-to-many and a code says
which mask (Zhu et al., "Toward multimodal image-to-image translation", NeurIPS 2017; Almahairi et
al., "Augmented CycleGAN", ICML 2018). Here the code keeps its places: read off one face, it can be
laid on another head, wherever that looks and however large its mask is.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from facemask_video.translate.networks import inpaint


@dataclass(frozen=True, slots=True, eq=False)
class Style:
    """The styles of n masks.

    Attributes:
        texture: What they look like, in the frame of the mask's bounding box: shape (n, c, g, g),
            in [-1, 1].
        shape: How they are cut, shape (n, k), in [-1, 1].
    """

    texture: Tensor
    shape: Tensor

    def __len__(self) -> int:
        return len(self.shape)

    def __getitem__(self, rows: Tensor | slice | list[int]) -> "Style":
        return Style(self.texture[rows], self.shape[rows])


def region_box(region: Tensor, *, tail: float = 0.01, margin: float = 0.04) -> Tensor:
    """Return left, top, right and bottom of regions, shape (n, 4), the image spanning [-1, 1].

    Args:
        region: Shape (n, 1, H, W), in [0, 1].
        tail: Share of the region that may lie beyond each side, so that straps don't count.
        margin: What is added at each side, as a share of the side's length.
    """
    sides = []
    for others in (3, 2):
        profile = region.float().sum((1, others)) + 1e-6
        share = profile / profile.sum(1, keepdim=True)
        low = _quantile(share, tail) * 2 - 1
        high = _quantile(share, 1 - tail) * 2 - 1
        sides.append((low - (high - low) * margin, high + (high - low) * margin))
    (top, bottom), (left, right) = sides
    return torch.stack([left, top, right, bottom], dim=1)


def _quantile(share: Tensor, level: float) -> Tensor:
    """Return where a distribution over cells, (n, k), reaches a level: (n,), in [0, 1].

    Between cells it is linear, so a box moves as smoothly as its region.
    """
    reached = share.cumsum(1)
    cell = (reached < level).sum(1, keepdim=True).clamp(max=share.shape[1] - 1)
    within = share.gather(1, cell)
    before = reached.gather(1, cell) - within
    return ((cell + (level - before) / within) / share.shape[1])[:, 0]


def crop_box(image: Tensor, box: Tensor, side: int) -> Tensor:
    """Resample what lies in each box, (n, 4) as `region_box` gives it, to (n, c, side, side)."""
    centre = (_cell_centres(side, box) + 1) / 2
    x = box[:, 0:1] + centre * (box[:, 2:3] - box[:, 0:1])
    y = box[:, 1:2] + centre * (box[:, 3:4] - box[:, 1:2])
    return _sample(image, x, y, "zeros")


def place_in_box(texture: Tensor, box: Tensor, side: int) -> Tensor:
    """Lay each texture into its box in an image of ``side`` px: (n, c, side, side).

    The inverse of `crop_box`; beyond the box the texture's edge goes on.
    """
    centre = _cell_centres(side, box)[None]
    x = (centre - box[:, 0:1]) / (box[:, 2:3] - box[:, 0:1]) * 2 - 1
    y = (centre - box[:, 1:2]) / (box[:, 3:4] - box[:, 1:2]) * 2 - 1
    return _sample(texture, x, y, "border")


def _cell_centres(side: int, like: Tensor) -> Tensor:
    return (torch.arange(side, device=like.device) + 0.5) / side * 2 - 1


def _sample(image: Tensor, x: Tensor, y: Tensor, padding: str) -> Tensor:
    """Look up columns (n, W) and rows (n, H) of an image, both in [-1, 1]: (n, c, H, W)."""
    rows, columns = y.shape[1], x.shape[1]
    places = torch.stack(
        [x[:, None, :].expand(-1, rows, -1), y[:, :, None].expand(-1, -1, columns)], dim=-1
    )
    # torch 2.5 cannot look up in bfloat16 on a CPU.
    widened = image.dtype == torch.bfloat16 and image.device.type == "cpu"
    dtype = torch.float32 if widened else image.dtype
    sampled = functional.grid_sample(
        image.to(dtype), places.to(dtype), padding_mode=padding, align_corners=False
    )
    return sampled.to(image.dtype)


class StyleEncoder(nn.Module):
    """Read the style of a mask off a picture of it.

    Args:
        n_texture: Channels of the texture.
        n_shape: Numbers that say how a mask is cut.
        width: Channels of the first layer.
    """

    INPUT_SIDE_PX = 128

    def __init__(self, n_texture: int, n_shape: int, width: int = 32) -> None:
        super().__init__()
        widths = [4, width, 2 * width, 4 * width]
        self.body = nn.Sequential(
            *(
                layer
                for narrow, wide in pairwise(widths)
                for layer in (
                    nn.Conv2d(narrow, wide, 4, stride=2, padding=1),
                    nn.GroupNorm(4, wide),
                    nn.LeakyReLU(0.2),
                )
            )
        )
        self.to_texture = nn.Conv2d(widths[-1], n_texture, 3, padding=1)
        self.to_shape = nn.Linear(2 * widths[-1], n_shape)

    def forward(self, image: Tensor, region: Tensor) -> Style:
        """Return the styles of masks.

        Args:
            image: Masked faces, shape (n, 3, S, S), in [-1, 1].
            region: Where their masks lie, shape (n, 1, S, S), in [0, 1]; the rest is not seen.
        """
        seen = torch.cat([image * region, region * 2 - 1], dim=1)
        seen = crop_box(seen, region_box(region), self.INPUT_SIDE_PX)
        features = self.body(seen)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)
        texture = torch.tanh(self.to_texture(features).float())
        return Style(
            extend_cloth(texture, seen[:, 3:].float() / 2 + 0.5),
            torch.tanh(self.to_shape(pooled).float()),
        )


def extend_cloth(texture: Tensor, inside: Tensor) -> Tensor:
    """Let the mask's own texture go on where its box shows something else.

    Another head's mask fills its box otherwise, and must be cloth also there.

    Args:
        texture: Shape (n, c, g, g).
        inside: Share of cloth, shape (n, 1, S, S).
    """
    share = functional.adaptive_avg_pool2d(inside, texture.shape[-1])
    enough = share.amax((2, 3), keepdim=True).clamp(max=0.95)
    return inpaint.push_pull_fill(texture, (share >= enough).to(texture.dtype))
