import torch
from torch import nn

from facemask_video.benchmark.network_calls import NetworkCalls


class _Counting(nn.Module):
    """Keeps the shapes and memory formats that it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(3, 2, 1)
        self.seen: list[tuple[torch.Size, tuple[int, ...], str]] = []

    def forward(self, image: torch.Tensor, name: str) -> torch.Tensor:
        self.seen.append((image.shape, image.stride(), name))
        return self.inner(image)


def test_a_network_is_asked_again_what_it_was_asked_and_not_its_layers() -> None:
    network, calls = _Counting(), NetworkCalls()
    with calls.recording(), torch.inference_mode():
        network(torch.zeros(2, 3, 8, 6).to(memory_format=torch.channels_last), "first")
        network(torch.zeros(1, 3, 4, 4), "second")
    network(torch.zeros(1, 3, 2, 2), "not recorded")
    recorded = network.seen[:2]
    network.seen.clear()

    calls.replay()

    assert network.seen == recorded
    assert [called for called, _ in calls.calls] == [network, network]


def test_a_network_that_fails_leaves_nothing_behind() -> None:
    network, calls = nn.Conv2d(3, 2, 1), NetworkCalls()
    with calls.recording():
        try:
            network(torch.zeros(1, 9, 2, 2))
        except RuntimeError:
            network(torch.zeros(1, 3, 2, 2))

    assert len(calls.calls) == 2, "and the next call is one again"
