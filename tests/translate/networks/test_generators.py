from typing import Any, get_args

import pytest
import torch

from facemask_video.translate.generator_spec import Architecture, Norm
from facemask_video.translate.networks import (
    GeneratorSpec,
    Translation,
    build_generator,
    fold_norms,
)
from tests.translate.networks.tiny import noise_image, tiny_spec

OPTIONS: list[dict[str, Any]] = [
    *({"norm": norm} for norm in get_args(Norm)),
    {"padding": "zero"},
    {"padding": "cyclegan"},
    {"padding": "reflect", "final_kernel": 7},
    {"upsampling": "resize"},
    {"upsampling": "transpose"},
    {"alpha": False},
    {"skips": True},
    {"attention": True},
    {"fold": 2},
    {"n_downsampling": 3},
    {"architecture": "unet", "n_downsampling": 5},
    {"architecture": "unet", "n_downsampling": 5, "upsampling": "transpose"},
    {"architecture": "two-stage"},
    {"architecture": "two-stage", "fold": 2, "skips": True, "norm": "batch"},
    {"architecture": "two-stage", "mirrored": True},
    {"architecture": "two-stage", "fill": "face"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_builds_a_network_whose_parts_all_learn(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = build_generator(tiny_spec(**options))
    image = noise_image()

    translation = network(image)

    assert translation.painted.shape == image.shape
    assert translation.alpha.shape == (2, 1, 32, 32)
    assert (
        0 <= float(translation.alpha.detach().min()) <= float(translation.alpha.detach().max()) <= 1
    )
    (translation.over(image) ** 2).mean().add(translation.painted.mean()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert not without


@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_a_picture_stays_in_range_in_evaluation(architecture: str) -> None:
    torch.manual_seed(0)
    sizes = {"fold": 2} if architecture == "styled" else {"n_downsampling": 3}
    network = build_generator(tiny_spec(architecture=architecture, **sizes), n_styles=1).eval()

    with torch.no_grad():
        painted, _ = network(noise_image() * 2)

    assert float(painted.min()) >= -1
    assert float(painted.max()) <= 1


def test_nothing_changes_where_alpha_is_0_and_everything_where_it_is_1() -> None:
    image = noise_image(1)
    painted = -image
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 16:] = 1

    result = Translation(painted, alpha).over(image)

    assert torch.equal(result[..., :16], image[..., :16])
    assert torch.allclose(result[..., 16:], painted[..., 16:])


def test_lite_has_about_a_quarter_of_the_weights_of_standard() -> None:
    standard, lite = (
        sum(p.numel() for p in build_generator(GeneratorSpec(ngf=ngf)).parameters())
        for ngf in (64, 32)
    )

    assert 3.5 < standard / lite < 4.5


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "batch"},
        {"norm": "batch", "upsampling": "transpose"},
        {"architecture": "styled", "fold": 2},
    ],
    ids=str,
)
def test_a_network_with_its_norms_folded_away_paints_the_same(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = build_generator(tiny_spec(**options), n_styles=1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -1, 1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
    network.eval()
    with torch.no_grad():
        before = network(noise_image())

        fold_norms(network)

        after = network(noise_image())
    left = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(left) == (2 if "upsampling" in options else 0), "but after transposed ones"
    assert float(before.painted.std()) > 0.01
    assert torch.allclose(before.painted, after.painted, atol=1e-4)
    assert torch.allclose(before.alpha, after.alpha, atol=1e-4)
