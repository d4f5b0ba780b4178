"""Read generators that pytorch-CycleGAN-and-pix2pix trained.

Its ``latest_net_G_A.pth`` holds the state of one ``nn.Sequential``: padding, convolution, norm and
activation are numbered through, so the numbers say what each tensor is.
"""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import torch
from torch import Tensor

from facemask_video.core.errors import WeightsError
from facemask_video.translate.networks import Generator, GeneratorSpec, build_generator

_FIRST_BLOCK = 10
"""Before the blocks: padding, then convolution, norm, activation for the stem and two halvings."""


def read_pth(path: Path) -> Generator:
    """Read a residual generator; it gives the same pictures as the original, with alpha 1.

    Raises:
        WeightsError: No such file, or not a residual generator of that program.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, BadZipFile, pickle.UnpicklingError) as exc:
        reason = str(exc).splitlines()[0]
        raise WeightsError(f"{path}: cannot be read ({reason}); check the file.") from exc
    if not isinstance(stored, dict) or not all(isinstance(t, Tensor) for t in stored.values()):
        raise WeightsError(f"{path}: holds no tensors by name; give a latest_net_G_*.pth.")
    # Saved from several GPUs the names begin with "module.".
    tensors = {name.removeprefix("module."): tensor for name, tensor in stored.items()}
    spec = _spec_of(tensors, path)
    network = build_generator(spec)
    try:
        network.load_state_dict(_renamed(tensors, spec, network.state_dict()))
    except (RuntimeError, KeyError) as exc:
        raise WeightsError(
            f"{path}: is not laid out as a residual generator ({str(exc).splitlines()[0]}); only "
            "those with two halvings, resnet_6blocks and resnet_9blocks, can be read."
        ) from exc
    return network.eval()


def _spec_of(tensors: Mapping[str, Tensor], path: Path) -> GeneratorSpec:
    stem = tensors.get("model.1.weight")
    blocks = {
        int(found.group(1))
        for name in tensors
        if (found := re.match(r"model\.(\d+)\.conv_block\.", name))
    }
    if stem is None or stem.ndim != 4 or stem.shape[1:] != (3, 7, 7) or not blocks:
        raise WeightsError(
            f"{path}: is not a residual generator for colour pictures (its first convolution or "
            "its blocks are missing); U-Nets cannot be read."
        )
    return GeneratorSpec(
        ngf=int(stem.shape[0]),
        n_blocks=len(blocks),
        # Batch norm has weights of its own; instance norm, the default there, has none.
        norm="batch" if "model.2.weight" in tensors else "instance",
        padding="cyclegan",
        upsampling="transpose",
        alpha=False,
    )


def _renamed(
    tensors: Mapping[str, Tensor], spec: GeneratorSpec, ours: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Give each tensor our name for its layer."""
    after = _FIRST_BLOCK + spec.n_blocks
    places = {f"trunk.stem.{n}": f"model.{1 + n}" for n in (0, 1)}
    for level in (0, 1):
        places |= {f"trunk.down.{level}.{n}": f"model.{4 + 3 * level + n}" for n in (0, 1)}
        places |= {f"trunk.up.{level}.body.{n}": f"model.{after + 3 * level + n}" for n in (0, 1)}
    for block in range(spec.n_blocks):
        theirs = f"model.{_FIRST_BLOCK + block}.conv_block"
        # Padding, convolution, norm, activation; a dropout may follow; padding, convolution, norm.
        second = 5 if f"{theirs}.5.weight" in tensors else 6
        places |= {f"trunk.blocks.{block}.body.{n}": f"{theirs}.{1 + n}" for n in (0, 1)}
        places |= {f"trunk.blocks.{block}.body.{3 + n}": f"{theirs}.{second + n}" for n in (0, 1)}
    places["trunk.head"] = f"model.{after + 7}"
    renamed = {}
    for name, ours_value in ours.items():
        layer, _, kind = name.rpartition(".")
        there = f"{places[layer]}.{kind}"
        # With batch norm their transposed convolutions have no bias, ours one of 0.
        if kind == "bias" and there not in tensors and f"{places[layer]}.weight" in tensors:
            renamed[name] = torch.zeros_like(ours_value)
        else:
            renamed[name] = tensors[there]
    return renamed
