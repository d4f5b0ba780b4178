"""The number format of a step's convolutions."""

import torch


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Run what lies inside in ``precision``; float32 leaves everything as it is.

    Weights stay in float32, and torch keeps norms and losses there.
    """
    # Asked for float32, torch's own CPU autocast warns at every step.
    if precision == torch.float32:
        return torch.autocast(device.type, torch.bfloat16, enabled=False)
    return torch.autocast(device.type, precision)
