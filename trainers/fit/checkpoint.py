"""Resume state: all that makes a resumed run equal to one that never stopped.

The state is a mapping of named parts. What each of several processes keeps for itself (random
numbers, pools, sums since the last report) is there once for each. One file of tensors and plain
data, written beside its place and renamed, read with ``weights_only=True``: a checkpoint from
elsewhere cannot run code.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import torch

from facemask_video.core.errors import TrainingError
from facemask_video.core.files import atomic_write

FORMAT = "facemask-checkpoint/3"
_NUMBERED = "*[0-9].pt"


class Stateful(Protocol):
    """What a checkpoint holds the state of."""

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain data."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> object:
        """Restore the state that `state_dict` returned."""
        ...


def process_state(parts: Mapping[str, Stateful]) -> dict[str, Any]:
    """Return what a process keeps for itself: the state of its own parts, its random numbers."""
    return {
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "rng": {
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        },
    }


def save_checkpoint(
    folder: Path,
    parts: Mapping[str, Stateful],
    processes: list[dict[str, Any]],
    *,
    images_seen: int,
    keep: int,
) -> Path:
    """Write the state after ``images_seen`` images and delete all but the newest ``keep``.

    Args:
        folder: Made where it is missing.
        parts: What all processes have alike.
        processes: `process_state` of each.
        images_seen: Goes into the name.
        keep: Older checkpoints are deleted.
    """
    path = folder / f"{images_seen:09d}.pt"
    state = {
        "format": FORMAT,
        "images_seen": images_seen,
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "processes": processes,
    }
    with atomic_write(path) as part:
        torch.save(state, part)
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
    if isinstance(state, dict) and state.get("format") == "facemask-checkpoint/1":
        state = _from_first_format(state)
    if isinstance(state, dict) and state.get("format") == "facemask-checkpoint/2":
        state = _from_second_format(state)
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise TrainingError(f"{path}: not a checkpoint of this program ({FORMAT}).")
    return state


def restore(
    state: dict[str, Any],
    parts: Mapping[str, Stateful],
    own: Mapping[str, Stateful],
    *,
    rank: int,
    path: Path,
) -> int:
    """Put a checkpoint's state into the parts that gave it, and the random numbers.

    A process that was not there when the checkpoint was written keeps its own parts fresh.

    Args:
        state: Of `read_checkpoint`.
        parts: What all processes have alike.
        own: What this process keeps for itself.
        rank: Its number.
        path: Where the state comes from, for messages.

    Returns:
        The images seen.

    Raises:
        TrainingError: It belongs to networks of other sizes, or to another method.
    """
    try:
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
        if rank < len(state["processes"]):
            _restore_process(state["processes"][rank], own)
    except (RuntimeError, KeyError, ValueError) as exc:
        raise TrainingError(
            f"{path}: does not fit the networks configured ({str(exc).splitlines()[0]}); "
            "resume with the run's own options."
        ) from exc
    return int(state["images_seen"])


def _restore_process(state: dict[str, Any], own: Mapping[str, Stateful]) -> None:
    for name, part in own.items():
        part.load_state_dict(state["parts"][name])
    rng = state["rng"]
    torch.set_rng_state(rng["cpu"])
    if torch.cuda.is_available() and len(rng["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(rng["cuda"])


def _from_first_format(state: dict[str, Any]) -> dict[str, Any]:
    """Rename what the first format had, in which each method laid out its own state."""
    method, meter = state["parts"].pop("method"), state["parts"].pop("meter")
    discriminators = {name: part for name, part in method.items() if name.startswith("judge")}
    if "networks" not in method:  # all methods but the warm start
        generators = method["generators"]
        one_for = "generators" if len(generators) > 1 else "generator"
        method = {
            "networks": generators
            | {name: method[name] for name in ("embeddings",) if name in method}
            | {name: each["network"] for name, each in discriminators.items()},
            "optimizers": {one_for: method["optimizer"]}
            | {name: each["optimizer"] for name, each in discriminators.items()},
        }
    return {
        "format": "facemask-checkpoint/2",
        "images_seen": state["images_seen"],
        "parts": state["parts"]
        | {
            f"{kind}/{name}": part
            for kind in ("networks", "optimizers")
            for name, part in method[kind].items()
        },
        "processes": [
            {
                "parts": {"meter": meter}
                | {f"pools/{name}": each["pool"] for name, each in discriminators.items()},
                "rng": state["rng"],
            }
        ],
    }


def _from_second_format(state: dict[str, Any]) -> dict[str, Any]:
    """Rename what the second format had, in which discriminators were called judges."""

    def renamed(named: dict[str, Any]) -> dict[str, Any]:
        return {name.replace("/judge", "/discriminator"): part for name, part in named.items()}

    parts = renamed(state["parts"])
    # The warm start had no pools.
    pools: dict[str, Any] = {
        f"pools/{name.removeprefix('networks/')}": {"kept": []}
        for name in parts
        if name.startswith("networks/discriminator")
    }
    processes = []
    for process in state["processes"]:
        meter = {key: renamed(named) for key, named in process["parts"]["meter"].items()}
        of_discriminators = [name for name in meter["sums"] if name.endswith("/discriminator")]
        own = renamed(process["parts"]) | {
            "meter": {**meter, "of_discriminators": sorted(of_discriminators)}
        }
        processes.append({**process, "parts": pools | own})
    return {**state, "format": FORMAT, "parts": parts, "processes": processes}
