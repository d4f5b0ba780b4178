"""Files of networks: a card, and tensors in half precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from facemask_video.core.errors import WeightsError
from facemask_video.core.files import atomic_write


def read_network_card(path: Path) -> dict[str, str]:
    """Return the card of a file that is there, without its tensors.

    Raises:
        WeightsError: Not a safetensors file.
    """
    with _opened(path) as stored:
        return stored.metadata() or {}


def read_network_file(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the card of a file that is there, and its tensors in single precision.

    Raises:
        WeightsError: Not a safetensors file.
    """
    with _opened(path) as stored:
        card = stored.metadata() or {}
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    return card, {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(str(path), framework="pt") as stored:
            yield stored
    except (SafetensorError, OSError) as exc:
        raise WeightsError(f"{path}: not a safetensors file ({exc}); check its path.") from exc


def take_tensors(network: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Give a network the tensors of a file.

    Raises:
        WeightsError: They are another network's, or not finite.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as exc:
        reason = str(exc).splitlines()[0]
        raise WeightsError(f"{path}: tensors do not fit the card ({reason}).") from exc
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise WeightsError(f"{path}: holds values that are not finite; get it anew.")


def write_network_file(path: Path, network: nn.Module, card: dict[str, str]) -> None:
    """Write a network in half precision; the file is there whole or not at all.

    Raises:
        WeightsError: A value is not finite, or half precision cannot hold it.
    """
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise WeightsError(f"{path}: not written, a weight is not a finite half-precision number.")
    with atomic_write(path) as part:
        save_file(tensors, str(part), metadata=card)
