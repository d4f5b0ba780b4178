import torch

from facemask_video.translate.networks import GeneratorSpec, Translation, build_generator
from tests.trainers.tiny import drawn_crops
from trainers.fit.best import Best, HeldOutDistance, kernel_distance

CPU = torch.device("cpu")


def test_the_distance_is_small_within_a_set_and_grows_with_the_difference() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(200, 16, generator=generator).double() for _ in range(2))

    near = kernel_distance(first, second)

    assert abs(near) < 0.1
    assert kernel_distance(first, second + 0.5) > near + 0.1
    assert kernel_distance(first, second + 1.0) > kernel_distance(first, second + 0.5)
    assert kernel_distance(first[:1], first[:1]) == 0


def test_a_generator_that_changes_nothing_measures_as_far_as_the_domains_lie_apart() -> None:
    bare, grey = drawn_crops(10, size_px=48, seed=1), drawn_crops(10, size_px=48, seed=2)
    grey.images[:, 24:] = 90
    distance = HeldOutDistance.of(bare, grey, crop_size_px=48, device=CPU)
    torch.manual_seed(0)
    network = build_generator(GeneratorSpec(ngf=4, n_blocks=1)).eval()

    class Painter(torch.nn.Module):
        """Paints the lower half grey, as the masked set has it."""

        def forward(self, image: torch.Tensor) -> Translation:
            alpha = torch.zeros_like(image[:, :1])
            alpha[:, :, 24:] = 1
            return Translation(torch.full_like(image, 90 / 127.5 - 1), alpha)

    apart = distance.measure({"mask": network, "unmask": network})
    right = distance.measure({"mask": Painter()})  # type: ignore[dict-item]

    assert set(apart) == {"mask/kd", "unmask/kd"}
    assert right["mask/kd"] < 0.5 * apart["mask/kd"]


def test_only_a_lower_distance_is_better_and_nan_never_is() -> None:
    best = Best()

    taken = [best.improves({"mask/kd": value}, 1) for value in (2.0, 3.0, float("nan"), 1.0)]

    assert taken == [True, False, False, True]
    resumed = Best()
    resumed.load_state_dict(best.state_dict())
    assert resumed == best
