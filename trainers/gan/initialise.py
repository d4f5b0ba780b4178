"""Draw fresh weights as pytorch-CycleGAN-and-pix2pix does."""

import torch
from torch import nn
from torch.nn import init
from torch.nn.utils import parametrize

from trainers.config.networks import InitType


@torch.no_grad()
def initialise(network: nn.Module, init_type: InitType, gain: float) -> None:
    """Draw the weights of a network's convolutions and linear layers anew, and zero their biases.

    Under spectral norm the weight beneath it is drawn. Norms and all else stay as they are.

    Args:
        network: Changed in place.
        init_type: ``normal`` (mean 0), ``xavier`` (Glorot and Bengio, AISTATS 2010), ``kaiming``
            (He et al., ICCV 2015) or ``orthogonal`` (Saxe et al., ICLR 2014); ``torch`` changes
            nothing.
        gain: Deviation of ``normal``, gain of ``xavier`` and ``orthogonal``; ``kaiming`` has none.
    """
    if init_type == "torch":
        return
    for module in network.modules():
        if not isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            continue
        under = "parametrizations.weight.original"
        parametrized = parametrize.is_parametrized(module, "weight")
        weight = module.get_parameter(under if parametrized else "weight")
        # Orthogonal rows are drawn in plain memory only, and networks have channels last.
        drawn = torch.empty_like(weight, memory_format=torch.contiguous_format)
        match init_type:
            case "normal":
                init.normal_(drawn, 0.0, gain)
            case "xavier":
                init.xavier_normal_(drawn, gain)
            case "kaiming":
                init.kaiming_normal_(drawn)
            case "orthogonal":
                init.orthogonal_(drawn, gain)
        weight.copy_(drawn)
        if module.bias is not None:
            init.zeros_(module.bias)
