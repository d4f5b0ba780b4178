from typing import get_args

import pytest
import torch
from torch.nn import functional

from facemask_video.align.template import TEMPLATE
from trainers.config import DiscriminatorConfig, GanMode
from trainers.gan import losses
from trainers.gan.discriminators import build_discriminator
from trainers.gan.luma import brightness, chroma


def _outputs(value: float) -> list[list[torch.Tensor]]:
    return [[torch.zeros(1, 2, 4, 4), torch.full((1, 1, 4, 4), value)]]


@pytest.mark.parametrize("mode", get_args(GanMode))
def test_each_adversary_prefers_the_right_score(mode: GanMode) -> None:
    right = losses.discriminator_loss(_outputs(1.0), _outputs(-1.0), mode)
    wrong = losses.discriminator_loss(_outputs(-1.0), _outputs(1.0), mode)

    assert right < wrong
    assert losses.generator_loss(_outputs(1.0), mode) < losses.generator_loss(_outputs(-1.0), mode)


def test_weighted_l1_counts_only_where_the_weight_is() -> None:
    image, target = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    weight = torch.zeros(1, 1, 4, 4)
    weight[..., :2] = 1
    target[..., 2:] = 100

    assert losses.weighted_l1(image, target, weight) == 1.0
    assert losses.weighted_l1(image, target, 0 * weight) == 0.0


def test_the_segmentation_loss_falls_as_the_mask_fits() -> None:
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:, 4:12] = 1
    good, none, wrong = 8 * (2 * mask - 1), torch.zeros_like(mask), 8 * (1 - 2 * mask)

    assert losses.segmentation_loss(good, mask) < 0.05
    assert losses.segmentation_loss(good, mask) < losses.segmentation_loss(none, mask)
    assert losses.segmentation_loss(none, mask) < losses.segmentation_loss(wrong, mask)
    assert losses.alpha_loss(mask, mask) < 0.05


def test_eyes_are_where_the_template_has_them() -> None:
    weight = losses.eye_region(64)[0, 0]

    for x, y in TEMPLATE[:2] * 64:
        assert weight[int(y), int(x)] > 0.9
    assert weight[60].max() < 0.01


def test_edges_alpha_and_features_are_measured() -> None:
    ones = torch.ones(1, 1, 8, 8)
    step = torch.zeros(1, 3, 8, 8)
    step[..., 4:] = 1
    alpha = step[:, :1]

    assert losses.edge_l1(step, step + 0.5, ones) < 1e-6
    assert losses.edge_l1(step, 0 * step, ones) > 0
    assert losses.total_variation(ones) == 0
    assert losses.total_variation(alpha) > 0
    assert losses.binarity(alpha) == 0
    assert losses.binarity(0.5 * ones) == 1
    assert losses.perceptual([step], [step]) == 0
    assert losses.perceptual([step], [step + 1]) > 0


@pytest.mark.parametrize(
    ("config", "n_in"),
    [
        (DiscriminatorConfig(ndf=4), 3),
        (DiscriminatorConfig(ndf=4, n_layers=0), 3),
        (DiscriminatorConfig(ndf=4, net_d="pixel", n_layers=2), 3),
        (DiscriminatorConfig(ndf=4, net_d="basic", n_layers=1), 3),
        (DiscriminatorConfig(ndf=4, n_layers=2, n_scales=2), 3),
        (DiscriminatorConfig(ndf=4, spectral=False), 3),
        (DiscriminatorConfig(ndf=4), 6),
        (DiscriminatorConfig(ndf=4, luma=True), 6),
    ],
    ids=str,
)
def test_every_discriminator_scores_patches_and_learns(
    config: DiscriminatorConfig, n_in: int
) -> None:
    torch.manual_seed(0)
    discriminator = build_discriminator(config, n_in=n_in)

    outputs = discriminator(torch.rand(2, n_in, 64, 64))

    assert len(outputs) == config.n_scales
    sides = [scale[-1].shape[-1] for scale in outputs]
    assert all(scale[-1].shape[:2] == (2, 1) for scale in outputs)
    if config.n_strided == 0:
        assert sides == [64]
    else:
        assert sides == sorted(sides, reverse=True)
        assert sides[0] < 64 // 2 ** (config.n_strided - 1)
    losses.generator_loss(outputs, "lsgan").backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in discriminator.parameters())


def test_a_discriminator_of_luma_drives_brightness_along_each_pixels_own_colour() -> None:
    torch.manual_seed(0)
    picture = (2 * torch.rand(2, 3, 4, 4) - 1).requires_grad_(True)
    luma = brightness(picture)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert torch.allclose(luma, (picture * weights).sum(1, keepdim=True), atol=1e-6)

    (gradient,) = torch.autograd.grad(luma.sum(), picture)
    color = picture.detach() + 1
    alike = functional.cosine_similarity(gradient, color, dim=1)
    assert alike.min() > 0.9999
    # A step along it takes brightness where the gradient says.
    step = 1e-3
    after = brightness(picture.detach() + step * gradient / gradient.square().sum(1, keepdim=True))
    lit = color.square().sum(1) > 0.02
    assert torch.allclose((after - luma.detach())[:, 0][lit], torch.tensor(step), rtol=0.02)


def test_a_discriminator_of_luma_sees_no_colour_that_is_as_bright() -> None:
    torch.manual_seed(0)
    discriminator = build_discriminator(
        DiscriminatorConfig(ndf=4, n_layers=2, spectral=False, luma=True)
    )
    grey = torch.rand(1, 1, 32, 32).repeat(1, 3, 1, 1).requires_grad_(True)
    redder = torch.tensor([0.114, 0.0, -0.299]).view(1, 3, 1, 1)

    score = discriminator(grey)[0][-1]

    assert torch.allclose(discriminator(grey + redder)[0][-1], score, atol=1e-5)
    score.sum().backward()
    assert grey.grad is not None
    # Nor does it drive any: what is grey is driven to another grey.
    assert torch.allclose(grey.grad, grey.grad[:, :1].expand(-1, 3, -1, -1), atol=1e-6)


def test_chroma_is_blind_to_brightness_and_0_for_grey() -> None:
    torch.manual_seed(0)
    picture = torch.rand(2, 3, 4, 4)

    assert torch.allclose(chroma(picture + 0.3), chroma(picture), atol=1e-6)
    assert chroma(picture[:, :1].expand(-1, 3, -1, -1)).abs().max() < 1e-6
    assert torch.allclose(picture - chroma(picture), brightness(picture).expand_as(picture))


def test_feature_matching_is_0_for_the_same_picture_and_reaches_only_the_fake() -> None:
    torch.manual_seed(0)
    discriminator = build_discriminator(DiscriminatorConfig(ndf=4, n_layers=2))
    real = torch.rand(1, 3, 32, 32, requires_grad=True)
    fake = torch.rand(1, 3, 32, 32, requires_grad=True)
    discriminator.eval()  # the power iteration of spectral norm moves weights in training

    assert losses.feature_matching(discriminator(real), discriminator(real)) == 0
    losses.feature_matching(discriminator(real), discriminator(fake)).backward()  # type: ignore[no-untyped-call]
    assert real.grad is None
    assert fake.grad is not None


@pytest.mark.parametrize("mode", get_args(GanMode))
def test_a_mixture_is_outputs_by_its_shares(mode: GanMode) -> None:
    score = torch.tensor([-0.5, 0.2, 0.7]).view(3, 1, 1, 1)

    def at(share: float) -> float:
        return float(losses.mixup_loss([[score]], torch.full((3, 1, 1, 1), share), mode))

    both = float(losses.discriminator_loss([[score]], [[score]], mode))
    assert at(0.5) == pytest.approx(both)
    assert at(0.25) == pytest.approx(0.75 * at(0.0) + 0.25 * at(1.0))


def test_in_lsgan_a_mixture_is_best_outputs_as_its_share() -> None:
    score = torch.full((1, 1, 2, 2), 0.3, requires_grad=True)

    loss = losses.mixup_loss([[score]], torch.full((1, 1, 1, 1), 0.3), "lsgan")

    [gradient] = torch.autograd.grad(loss, score)
    assert float(gradient.abs().max()) < 1e-6
