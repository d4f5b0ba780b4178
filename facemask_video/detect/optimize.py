"""MTCNN's networks made quick on a processor: same numbers, other layouts.

oneDNN, PyTorch's library of convolutions on x86, works on blocks of channels. PyTorch takes every
picture into that layout and out of it again at each convolution; in blocks it stays there until the
convolutions are done. That saves a quarter to a half of each network's time: pooling, too, is three
to ten times as fast there.
"""

import platform

import torch
from torch import Tensor, nn

_LEAVES_BLOCKS = (("conv4_1", "conv4_2"), ("prelu3",), ("prelu4",))
# The layers of each network after which no convolution comes.


def optimize_for_cpu(
    networks: tuple[nn.Module, nn.Module, nn.Module], precision: torch.dtype
) -> None:
    """Change the three networks, on a processor and in this precision, in place."""
    if _has_blocks() and precision == torch.float32:
        for network, leaves in zip(networks, _LEAVES_BLOCKS, strict=True):
            _in_blocks(network, leaves)
        return
    # PyTorch's pooling is slow on few, large planes: it takes half of the first network's time and,
    # in planar layout, three quarters of the others'.
    first, second, third = networks
    first.pool1 = _LargestOfFour()
    second.to(memory_format=torch.channels_last)
    third.to(memory_format=torch.channels_last)


def _has_blocks() -> bool:
    # Elsewhere oneDNN has no quick PReLU.
    is_x86 = platform.machine() in ("x86_64", "AMD64")
    return is_x86 and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


def _in_blocks(network: nn.Module, leaves: tuple[str, ...]) -> None:
    layers = list(network.named_children())
    last = max(index for index, (name, _) in enumerate(layers) if name in leaves)
    for name, layer in layers[: last + 1]:
        if isinstance(layer, nn.Conv2d | nn.PReLU):
            setattr(network, name, _InBlocks(layer, leaves=name in leaves))


class _InBlocks(nn.Module):
    """A layer that takes ordinary tensors or blocks, and gives blocks unless it ``leaves`` them."""

    def __init__(self, layer: nn.Conv2d | nn.PReLU, *, leaves: bool) -> None:
        super().__init__()
        # MTCNN's convolutions have stride 1 and no border.
        self._operation = nn.functional.conv2d if isinstance(layer, nn.Conv2d) else torch.prelu
        self._numbers = [each.detach().to_mkldnn() for each in layer.parameters()]
        self._leaves = leaves

    def forward(self, planes: Tensor) -> Tensor:
        """Run the layer."""
        blocks = planes if planes.is_mkldnn else planes.to_mkldnn()
        found: Tensor = self._operation(blocks, *self._numbers)
        return found.to_dense() if self._leaves else found


class _LargestOfFour(nn.Module):
    """Pooling 2 by 2 with stride 2; an odd last row or column is pooled with itself."""

    def forward(self, planes: Tensor) -> Tensor:
        """Pool (n, c, h, w)."""
        height, width = planes.shape[2:]
        if height % 2 or width % 2:
            planes = nn.functional.pad(planes, (0, width % 2, 0, height % 2), mode="replicate")
        in_rows = torch.maximum(planes[..., ::2], planes[..., 1::2])
        largest: Tensor = torch.maximum(in_rows[:, :, ::2], in_rows[:, :, 1::2])
        return largest
