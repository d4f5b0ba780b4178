"""Weights files: a card (text by name) and tensors in half precision, in one safetensors file."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from facemask_video.core.errors import ConfigError, WeightsError
from facemask_video.core.files import atomic_write

_Card = TypeVar("_Card")


@dataclass(frozen=True, slots=True, eq=False)
class NetworkFile:
    """What a weights file holds.

    Attributes:
        path: Where it was read.
        sha256: Of its bytes, in hex.
        card: Text by name.
        tensors: By name, on the CPU; floating point in single precision.
    """

    path: Path
    sha256: str
    card: dict[str, str]
    tensors: dict[str, Tensor]

    def require(self, name: str, expected: str, remedy: str) -> None:
        """Refuse a file whose card has another value under a name.

        Raises:
            WeightsError: It says what was found, what was expected, and the remedy.
        """
        found = self.card.get(name, "not stated")
        if found != expected:
            raise WeightsError(
                f"{self.path}: the weights' {name} is {found}, expected {expected}; {remedy}."
            )

    def parse_card(self, parse: Callable[[dict[str, str]], _Card]) -> _Card:
        """Return what ``parse`` makes of the card.

        Raises:
            WeightsError: A name is missing, or its value is not what ``parse`` can read.
        """
        try:
            return parse(self.card)
        except (KeyError, ValueError, TypeError, ConfigError) as exc:
            raise WeightsError(f"{self.path}: its card is damaged ({exc}); get it anew.") from exc

    def load_into(self, network: nn.Module) -> None:
        """Give a network the tensors.

        Raises:
            WeightsError: They are another network's, or not finite.
        """
        try:
            network.load_state_dict(self.tensors)
        except RuntimeError as exc:
            reason = str(exc).splitlines()[0]
            raise WeightsError(f"{self.path}: tensors do not fit the card ({reason}).") from exc
        if not all(torch.isfinite(tensor).all() for tensor in self.tensors.values()):
            raise WeightsError(f"{self.path}: holds values that are not finite; get it anew.")


def read_network_file(path: Path, *, if_missing: str) -> NetworkFile:
    """Read a weights file, opening it once.

    Args:
        path: The file.
        if_missing: What to do where there is none, for the message.

    Raises:
        WeightsError: No file, or not a safetensors file.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file; {if_missing}.")
    try:
        data = path.read_bytes()
        stored = load(data)
    except (SafetensorError, OSError) as exc:
        raise WeightsError(f"{path}: not a safetensors file ({exc}); check its path.") from exc
    # A safetensors file begins with the length of its header, which is JSON; `load` leaves the
    # header's metadata out, and `safe_open`, which tells it, opens the file itself.
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    tensors = {n: t.float() if t.is_floating_point() else t for n, t in stored.items()}
    return NetworkFile(
        path, hashlib.sha256(data).hexdigest(), header.get("__metadata__", {}), tensors
    )


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
        # Not by safetensors' own save_file, whose files nobody but their owner may read.
        part.write_bytes(save(tensors, metadata=card))
