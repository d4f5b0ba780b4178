"""The networks that translate an aligned face crop.

Every generator takes an image in [-1, 1], shape (n, 3, S, S), and gives a `Translation`: the
picture it paints and the alpha under which that picture replaces the input. The trainers and the
converter share them, so a weights file needs only the sizes that `GeneratorSpec` holds.

Sources: the residual generator with 6 or 9 blocks is that of Johnson et al. 2016 as used by
CycleGAN (Zhu et al., ICCV 2017, section 4 and appendix 7.2); alpha output after AttentionGAN (Tang
et al., IJCNN 2019); the two-stage form (segment the mask, then complete the face without seeing
what lies under it) after the published unmasking networks that work so; the styled form lays a
mask of a given style on the face (see `style`).
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facemask_video.translate.generator_spec import GeneratorSpec
from facemask_video.translate.networks.one_stage import OneStageGenerator
from facemask_video.translate.networks.style import Style
from facemask_video.translate.networks.styled import StyledConv, StyledGenerator
from facemask_video.translate.networks.translation import Translation
from facemask_video.translate.networks.two_stage import TwoStageGenerator

__all__ = [
    "Generator",
    "GeneratorSpec",
    "Style",
    "StyledGenerator",
    "Translation",
    "TwoStageGenerator",
    "build_generator",
    "fold_norms",
]

Generator = OneStageGenerator | TwoStageGenerator | StyledGenerator


def build_generator(spec: GeneratorSpec, n_styles: int = 0) -> Generator:
    """Build a generator with fresh weights, in channels-last memory.

    Args:
        spec: Its sizes.
        n_styles: Styles that a styled generator stores; no other has any.
    """
    network: Generator
    if spec.architecture == "styled":
        network = StyledGenerator(spec, n_styles)
    elif spec.architecture == "two-stage":
        network = TwoStageGenerator(spec)
    else:
        network = OneStageGenerator(spec)
    return network.to(memory_format=torch.channels_last)


def fold_norms(network: Generator) -> None:
    """Fold each batch norm into the convolution before it, in place; for inference only.

    The same function in fewer passes over memory.
    """
    for module in list(network.modules()):
        if isinstance(module, StyledConv):
            module.fold_norm()
        elif isinstance(module, nn.Sequential):
            for (_, layer), (name, norm) in list(pairwise(module.named_children())):
                if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    fused = fuse_conv_bn_eval(layer, norm)
                    layer.weight, layer.bias = fused.weight, fused.bias
                    setattr(module, name, nn.Identity())
