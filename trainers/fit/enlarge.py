"""Carry a generator to twice its crop size at the same cost.

A network that folds k x k pixels into channels before its first layer (`GeneratorSpec.fold`) works
on the same grid at twice the size if it folds 2k x 2k. Its first layer then averages what it once
saw as one pixel, its last layer repeats what it once painted as one, and everything between stays:
so the carried network begins as good as the old one and learns only the finer detail anew.
"""

from dataclasses import replace

import torch
from torch import Tensor

from facemask_video.translate.networks import GeneratorSpec

_STEM, _HEAD = "stem.0.weight", "head"


def enlarged_spec(spec: GeneratorSpec) -> GeneratorSpec:
    """Return the sizes that a generator has at twice the crop size."""
    return replace(spec, fold=2 * spec.fold)


def enlarge(state: dict[str, Tensor], spec: GeneratorSpec) -> dict[str, Tensor]:
    """Return a generator's tensors for `enlarged_spec` of its sizes.

    Args:
        state: Of a generator of the sizes ``spec``; not changed.
        spec: The sizes before.
    """
    carried = {}
    for name, tensor in state.items():
        if name.endswith(_STEM):
            carried[name] = _repeat(tensor, spec.fold, dim=1) / 4
        elif name.rpartition(".")[0].endswith(_HEAD):
            carried[name] = _repeat(tensor, spec.fold, dim=0)
        else:
            carried[name] = tensor.clone()
    return carried


def _repeat(tensor: Tensor, fold: int, *, dim: int) -> Tensor:
    """Let each of the fold x fold places of a folded pixel stand for 2 x 2 smaller ones.

    Folding (`torch.nn.PixelUnshuffle`) numbers channels by (colour, row, column).
    """
    shape = (*tensor.shape[:dim], -1, fold, fold, *tensor.shape[dim + 1 :])
    places = tensor.reshape(shape)
    for at in (dim + 1, dim + 2):
        places = torch.repeat_interleave(places, 2, dim=at)
    return places.flatten(dim, dim + 2).contiguous()
