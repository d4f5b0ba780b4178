"""Resume state: all that makes a resumed run equal to one that never stopped.

One file of tensors and plain data, written beside its place and renamed, read with
``weights_only=True``: a checkpoint from elsewhere cannot run code.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import torch

from facemask_video.errors import TrainingError

FORMAT = "facemask-checkpoint/1"
_NUMBERED = "*[0-9].pt"


class Stateful(Protocol):
    """What a checkpoint holds the state of."""

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain data."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Take up what `state_dict` gave."""
        ...


def save_checkpoint(
    folder: Path, parts: Mapping[str, Stateful], *, images_seen: int, keep: int
) -> Path:
    """Write the state after ``images_seen`` images and delete all but the newest ``keep``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{images_seen:09d}.pt"
    part = path.with_suffix(".part")
    state = {
        "format": FORMAT,
        "images_seen": images_seen,
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "rng": {
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        },
    }
    torch.save(state, part)
    part.replace(path)
    for old in sorted(folder.glob(_NUMBERED))[:-keep]:
        old.unlink()
    return path


def newest_checkpoint(folder: Path) -> Path:
    """Return the checkpoint with the most images seen.

    Raises:
        TrainingError: There is none.
    """
    found = sorted(folder.glob(_NUMBERED))
    if not found:
        raise TrainingError(f"{folder}: holds no checkpoint; start the run anew without --resume.")
    return found[-1]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises:
        TrainingError: It is damaged, or no checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, BadZipFile, pickle.UnpicklingError) as exc:
        reason = str(exc).splitlines()[0]
        raise TrainingError(
            f"{path}: cannot be read ({reason}); delete it to resume from the one before."
        ) from exc
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise TrainingError(f"{path}: not a checkpoint of this program ({FORMAT}).")
    return state


def restore(state: dict[str, Any], parts: Mapping[str, Stateful], *, path: Path) -> int:
    """Put a checkpoint's state into the parts that gave it, and the random numbers.

    Returns:
        The images seen.

    Raises:
        TrainingError: It belongs to networks of other sizes, or to another method.
    """
    try:
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
    except (RuntimeError, KeyError, ValueError) as exc:
        raise TrainingError(
            f"{path}: does not fit the networks configured ({str(exc).splitlines()[0]}); "
            "resume with the run's own options."
        ) from exc
    torch.set_rng_state(state["rng"]["cpu"])
    if torch.cuda.is_available() and len(state["rng"]["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["rng"]["cuda"])
    return int(state["images_seen"])
