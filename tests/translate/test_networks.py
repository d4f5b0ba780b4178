from typing import Any

import pytest
import torch

from facemask_video.translate.networks import (
    ARCHITECTURES,
    NORMS,
    GeneratorSpec,
    SelfAttention,
    Translation,
    TwoStageGenerator,
    build_generator,
    fill_smoothly,
    trust_in_face,
)

SIZES: dict[str, Any] = {"ngf": 4, "n_blocks": 1, "outline_ngf": 4, "final_kernel": 3}

OPTIONS: list[dict[str, Any]] = [
    *({"norm": norm} for norm in NORMS),
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


def _spec(**options: Any) -> GeneratorSpec:
    return GeneratorSpec(**(SIZES | options))


def _image(n_images: int = 2, size_px: int = 32) -> torch.Tensor:
    return (
        torch.rand(n_images, 3, size_px, size_px, generator=torch.Generator().manual_seed(0)) - 0.5
    )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_builds_a_network_whose_parts_all_learn(options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = build_generator(_spec(**options))
    image = _image()

    translation = network(image)

    assert translation.painted.shape == image.shape
    assert translation.alpha.shape == (2, 1, 32, 32)
    assert (
        0 <= float(translation.alpha.detach().min()) <= float(translation.alpha.detach().max()) <= 1
    )
    (translation.over(image) ** 2).mean().add(translation.painted.mean()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert not without


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_picture_stays_in_range_in_evaluation(architecture: str) -> None:
    torch.manual_seed(0)
    network = build_generator(_spec(architecture=architecture, n_downsampling=3)).eval()

    with torch.no_grad():
        painted, _ = network(_image() * 2)

    assert float(painted.min()) >= -1
    assert float(painted.max()) <= 1


def test_nothing_changes_where_alpha_is_0_and_everything_where_it_is_1() -> None:
    image = _image(1)
    painted = -image
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 16:] = 1

    result = Translation(painted, alpha).over(image)

    assert torch.equal(result[..., :16], image[..., :16])
    assert torch.allclose(result[..., 16:], painted[..., 16:])


def test_completion_does_not_see_what_lies_under_the_outline() -> None:
    torch.manual_seed(0)
    network = build_generator(_spec(architecture="two-stage")).eval()
    assert isinstance(network, TwoStageGenerator)
    outline = torch.zeros(1, 1, 32, 32)
    outline[..., 12:28, 8:24] = 1
    image = _image(1)
    other = torch.where(outline > 0, -image, image)

    assert torch.equal(network.complete(image, outline), network.complete(other, outline))
    assert not torch.equal(
        network.complete(image, 0 * outline), network.complete(other, 0 * outline)
    )


def test_self_attention_changes_nothing_at_the_start_and_something_once_it_has_gain() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(8)
    features = torch.rand(1, 8, 4, 4)

    assert torch.equal(layer(features), features)
    layer.gain.data.fill_(1.0)
    assert not torch.equal(layer(features), features)


def test_lite_has_about_a_quarter_of_the_weights_of_standard() -> None:
    standard, lite = (
        sum(p.numel() for p in build_generator(GeneratorSpec(ngf=ngf)).parameters())
        for ngf in (64, 32)
    )

    assert 3.5 < standard / lite < 4.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "instant"}, "norm: got 'instant'"),
        ({"architecture": "vit"}, "architecture: got 'vit'"),
        ({"fill": "mask"}, "fill: got 'mask'"),
        ({"ngf": 0}, "positive"),
        ({"final_kernel": 4}, "final_kernel: got 4"),
    ],
)
def test_sizes_that_no_network_can_have_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _spec(**options)


def test_a_mirrored_generator_treats_a_mirror_image_alike_but_learns_as_others() -> None:
    torch.manual_seed(0)
    plain = build_generator(_spec(architecture="two-stage"))
    mirrored = build_generator(_spec(architecture="two-stage", mirrored=True))
    assert isinstance(plain, TwoStageGenerator)
    assert isinstance(mirrored, TwoStageGenerator)
    mirrored.load_state_dict(plain.state_dict())
    image, outline = _image(), torch.rand(2, 1, 32, 32)

    assert torch.equal(mirrored.complete(image, outline), plain.complete(image, outline))
    assert torch.equal(mirrored.find(image), plain.find(image))
    plain.eval(), mirrored.eval()
    painted = mirrored.complete(image, outline)
    of_mirror = mirrored.complete(image.flip(3), outline.flip(3)).flip(3)

    assert torch.allclose(painted, of_mirror, atol=1e-5)
    assert not torch.allclose(plain.complete(image, outline), painted, atol=1e-3)
    found = mirrored.find(image)
    assert torch.allclose(found, mirrored.find(image.flip(3)).flip(3), atol=1e-5)
    assert not torch.allclose(plain.find(image), found, atol=1e-4)


@pytest.mark.parametrize("size_px", [64, 128, 256])
def test_unsure_cloth_is_taken_off_where_it_hangs_on_sure_cloth(size_px: int) -> None:
    network = build_generator(_spec(architecture="two-stage"))
    assert isinstance(network, TwoStageGenerator)
    at = size_px // 16
    probability = torch.full((1, 1, size_px, size_px), 0.02)
    probability[..., 7 * at : 13 * at, 3 * at : 13 * at] = 0.2  # the rim, and the mask in it
    probability[..., 7 * at + 1 : 13 * at - 1, 3 * at + 1 : 13 * at - 1] = 0.95
    flap = (..., slice(2 * at, 7 * at), slice(3 * at, 6 * at))
    probability[flap] = 0.2
    apart = (..., slice(0, 4 * at), slice(10 * at, 14 * at))
    probability[apart] = 0.3

    outline = network.decide(probability)
    hanging = network.connect(probability, outline)

    assert outline[flap].max() == 0
    assert hanging[flap].mean() > 0.8
    assert hanging[apart].max() == 0
    assert hanging[..., 7 * at :, 8 * at :].max() == 0, "the rim of a sure edge is no cloth"


@pytest.mark.parametrize("size_px", [64, 96])
def test_a_hole_takes_the_colour_of_the_face_above_it_not_of_the_gown_below(size_px: int) -> None:
    skin, gown = 0.5, -0.5
    image = torch.full((1, 3, size_px, size_px), gown)
    head = torch.zeros(1, 1, size_px, size_px)
    head[..., : size_px // 2, size_px // 5 : -size_px // 5] = 1
    image = torch.where(head.bool(), skin, image)
    known = torch.ones(1, 1, size_px, size_px)
    hole = (
        slice(None),
        slice(None),
        slice(size_px // 2, -size_px // 8),
        slice(size_px // 4, -size_px // 4),
    )
    known[hole] = 0

    around = fill_smoothly(image, known)
    of_face = fill_smoothly(image, known, trust_in_face(size_px, torch.device("cpu")))

    assert around[hole].mean() < 0
    assert of_face[hole].min() > 0.3
    for filled in (around, of_face):
        assert torch.allclose(filled * known, image * known, atol=1e-6)
