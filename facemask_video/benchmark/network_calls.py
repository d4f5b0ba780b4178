"""Record what is asked of the networks, and ask it again with nothing around it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module


class NetworkCalls:
    """The calls of networks during a run: which network, and the shapes that it was given.

    Attributes:
        calls: Networks and their arguments; of a tensor of pixels only its shape, type and memory
            format are kept, as a meta tensor.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[nn.Module, tuple[Any, ...]]] = []
        self._depth = threading.local()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the calls made inside, of all threads; a network within a network is no call."""
        hooks = (
            module.register_module_forward_pre_hook(self._enter),
            module.register_module_forward_hook(self._leave, always_call=True),
        )
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def replay(self) -> None:
        """Make the calls again, in order, on grey noise."""
        pixels: dict[tuple[Any, ...], Tensor] = {}
        with torch.inference_mode():
            for network, arguments in self.calls:
                network(*(_filled(argument, pixels) for argument in arguments))

    def _enter(self, network: nn.Module, arguments: tuple[Any, ...]) -> None:
        depth = getattr(self._depth, "value", 0)
        if depth == 0:
            self.calls.append((network, tuple(_emptied(argument) for argument in arguments)))
        self._depth.value = depth + 1

    def _leave(self, network: nn.Module, arguments: Any, result: Any) -> None:
        self._depth.value -= 1


def _emptied(argument: Any) -> Any:
    return argument.to("meta") if isinstance(argument, Tensor) else argument


def _filled(argument: Any, pixels: dict[tuple[Any, ...], Tensor]) -> Any:
    if not isinstance(argument, Tensor):
        return argument
    key = (argument.shape, argument.stride(), argument.dtype)
    if key not in pixels:
        pixels[key] = torch.empty_like(argument, device="cpu").uniform_(-0.2, 0.2)
    return pixels[key]
