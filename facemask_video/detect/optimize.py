"""MTCNN's networks made faster on a processor: the same numbers, other memory layouts.

oneDNN, PyTorch's library of convolutions on x86, works on blocks of channels. PyTorch converts each
tensor into that layout and back at every convolution; here it stays blocked until the convolutions
are done. That saves a quarter to a half of each network's time: pooling, too, is three to ten times
as fast there.
"""

import platform

import torch
from torch import Tensor, nn

_LAST_BLOCKED = (("conv4_1", "conv4_2"), ("prelu3",), ("prelu4",))
# The layers of each network after which no convolution comes.


def optimize_for_cpu(
    networks: tuple[nn.Module, nn.Module, nn.Module], precision: torch.dtype
) -> None:
    """Change P-Net, R-Net and O-Net, on a processor and in this precision, in place."""
    if _has_blocked_layout() and precision == torch.float32:
        for network, last in zip(networks, _LAST_BLOCKED, strict=True):
            _use_blocked_layout(network, last)
            scorer = getattr(network, "scorer", None)
            if scorer is not None:
                _use_blocked_layout(scorer, last)
        return
    # PyTorch's pooling is slow on few, large planes: it takes half of P-Net's time and, in planar
    # layout, three quarters of the others'.
    pnet, rnet, onet = networks
    pnet.pool1 = _MaxPool2x2()
    rnet.to(memory_format=torch.channels_last)
    onet.to(memory_format=torch.channels_last)


def _has_blocked_layout() -> bool:
    # Elsewhere oneDNN has no fast PReLU.
    is_x86 = platform.machine() in ("x86_64", "AMD64")
    return is_x86 and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


def _use_blocked_layout(network: nn.Module, last_layers: tuple[str, ...]) -> None:
    layers = list(network.named_children())
    last = max(index for index, (name, _) in enumerate(layers) if name in last_layers)
    for name, layer in layers[: last + 1]:
        if isinstance(layer, nn.Conv2d | nn.PReLU):
            setattr(network, name, _BlockedLayer(layer, to_dense=name in last_layers))


class _BlockedLayer(nn.Module):
    """A layer that takes plain or blocked tensors, and returns blocked ones unless ``to_dense``."""

    def __init__(self, layer: nn.Conv2d | nn.PReLU, *, to_dense: bool) -> None:
        super().__init__()
        # MTCNN's convolutions have stride 1 and no padding.
        self._operation = nn.functional.conv2d if isinstance(layer, nn.Conv2d) else torch.prelu
        self._weights = [each.detach().to_mkldnn() for each in layer.parameters()]
        self._to_dense = to_dense

    def forward(self, planes: Tensor) -> Tensor:
        blocked = planes if planes.is_mkldnn else planes.to_mkldnn()
        result: Tensor = self._operation(blocked, *self._weights)
        return result.to_dense() if self._to_dense else result


class _MaxPool2x2(nn.Module):
    """Max pooling 2 by 2 with stride 2; an odd last row or column is pooled with itself."""

    def forward(self, planes: Tensor) -> Tensor:
        height, width = planes.shape[2:]
        if height % 2 or width % 2:
            planes = nn.functional.pad(planes, (0, width % 2, 0, height % 2), mode="replicate")
        in_rows = torch.maximum(planes[..., ::2], planes[..., 1::2])
        largest: Tensor = torch.maximum(in_rows[:, :, ::2], in_rows[:, :, 1::2])
        return largest
