"""The devices on which a test is run that should hold on each."""

import pytest
import torch

on_every_device = pytest.mark.parametrize(
    "device",
    [torch.device("cpu"), pytest.param(torch.device("cuda"), marks=pytest.mark.needs_cuda)],
    ids=str,
)
