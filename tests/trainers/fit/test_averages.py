import pytest
import torch

from facemask_video.translate.networks import GeneratorSpec, build_generator
from trainers.fit.ema import Averages

SPEC = GeneratorSpec(ngf=4, n_blocks=1, norm="batch", final_kernel=3)


def test_an_average_forgets_half_in_its_half_life() -> None:
    network = build_generator(SPEC)
    averages = Averages([("mask", network)], halflife_images=32, rampup=0)
    key = "trunk.head.weight"
    start = averages.generators["mask"].state_dict()[key].clone()
    network.state_dict()[key].add_(1.0)

    for seen in range(8, 40, 8):
        averages.update(seen, 8)

    assert torch.allclose(averages.generators["mask"].state_dict()[key], start + 0.5, atol=1e-5)


def test_batch_norm_counts_are_copied_and_the_average_stays_in_evaluation_mode() -> None:
    network = build_generator(SPEC)
    averages = Averages([("mask", network)], halflife_images=1000, rampup=0)
    network(torch.rand(2, 3, 32, 32))

    averages.update(2, 2)

    counts = [
        value
        for key, value in averages.generators["mask"].state_dict().items()
        if key.endswith("num_batches_tracked")
    ]
    assert counts
    assert all(int(count) == 1 for count in counts)
    assert not averages.generators["mask"].training


@pytest.mark.parametrize(("halflife", "rampup"), [(0.0, 0.0), (1000.0, 1e-9)])
def test_without_a_half_life_the_average_is_a_copy(halflife: float, rampup: float) -> None:
    averages = Averages([], halflife_images=halflife, rampup=rampup)

    assert averages.decay(8, 8) == pytest.approx(0.0)


def test_a_young_run_has_a_short_memory() -> None:
    averages = Averages([], halflife_images=1000, rampup=0.1)

    assert averages.decay(100, 10) == pytest.approx(0.5)
    assert averages.decay(10**6, 10) == pytest.approx(0.5**0.01)
