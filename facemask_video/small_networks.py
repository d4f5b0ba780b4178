"""Files of the small networks beside the generators: a card, and tensors in half precision."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from facemask_video.errors import WeightsError


def read_network_file(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return the card of a file that is there, and its tensors in single precision.

    Raises:
        WeightsError: Not a safetensors file.
    """
    try:
        with safe_open(str(path), framework="pt") as stored:
            card = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as exc:
        raise WeightsError(f"{path}: not a safetensors file ({exc}).") from exc
    return card, {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}


def take_tensors(network: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Give a network the tensors of a file.

    Raises:
        WeightsError: They are another network's.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as exc:
        raise WeightsError(f"{path}: tensors do not fit ({str(exc).splitlines()[0]}).") from exc


def write_network_file(path: Path, network: nn.Module, card: dict[str, str]) -> None:
    """Write a network in half precision."""
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    save_file(tensors, str(path), metadata=card)
