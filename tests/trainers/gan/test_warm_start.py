from typing import Any

import pytest
import torch

from facemask_video.translate.networks import TwoStageGenerator
from tests.trainers.tiny import drawn_training_crops, tiny_config
from trainers.config import TrainConfig
from trainers.data.batches import Batch, batches
from trainers.fit.build import build_method, build_samples
from trainers.gan.adversary import Adversary
from trainers.gan.diff_augment import DiffAugment
from trainers.gan.warm_start import WarmStart

CPU = torch.device("cpu")


def _batch(config: TrainConfig) -> Batch:
    crops = drawn_training_crops()
    samples = build_samples(config, crops.bare, crops.masked, first=0)
    return next(iter(batches(samples, batch_size=config.run.batch_size, n_workers=0)))


def _method(config: TrainConfig) -> WarmStart:
    method = build_method(config, device=CPU, precision=torch.float32)
    assert isinstance(method, WarmStart)
    return method


def _all_losses(method: WarmStart, batch: Batch, images_seen: int) -> dict[str, torch.Tensor]:
    losses = method.step(batch, images_seen)
    return losses.generator | losses.discriminator


def _weights(method: WarmStart, name: str) -> list[torch.Tensor]:
    return [p.detach().clone() for p in dict(method.networks())[name].parameters()]


@pytest.mark.parametrize("architecture", ["resnet", "two-stage"])
def test_a_few_steps_on_two_faces_lower_the_losses(architecture: str) -> None:
    config = tiny_config(
        unmask__architecture=architecture, run__batch_size=2, optim__lr=2e-3, data__undrawn=0.0
    )
    batch, method = _batch(config), _method(config)

    history = [method.step(batch, 0).generator for _ in range(25)]

    for name in ("unmask/segmentation", "unmask/l1", "mask/alpha", "mask/l1"):
        assert float(history[-1][name]) < 0.9 * float(history[0][name]), name


def test_a_share_of_the_faces_is_hidden_from_the_mask_down_to_the_edge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = tiny_config(data__undrawn=0.0, warm_start__hidden_below=0.5)
    batch, method = _batch(config), _method(config)
    hidden: list[torch.Tensor] = []
    complete = TwoStageGenerator.complete

    def watched(
        generator: TwoStageGenerator, image: torch.Tensor, erased: torch.Tensor
    ) -> torch.Tensor:
        hidden.append(erased.detach())
        return complete(generator, image, erased)

    monkeypatch.setattr(TwoStageGenerator, "complete", watched)

    method.step(batch, 0)

    covered = batch.masked_alpha.amax(dim=2) > 0.9
    at_the_edge = hidden[0][:, :, -1] > 0.9
    n_others = len(covered) // 2
    assert bool(at_the_edge[n_others:][covered[n_others:]].all())
    assert not bool(at_the_edge[:n_others][covered[:n_others]].all())


def test_discriminators_learn_nothing_before_their_time_and_everything_learns_after() -> None:
    config = tiny_config()
    batch, method = _batch(config), _method(config)
    names = [name for name, _ in method.networks()]
    before = {name: _weights(method, name) for name in names}

    stats = _all_losses(method, batch, 0)

    assert not any("discriminator" in name or "gan" in name for name in stats)
    for name in names:
        same = all(
            torch.equal(a, b) for a, b in zip(before[name], _weights(method, name), strict=True)
        )
        assert same == name.startswith("discriminator"), name
    losses = method.step(batch, 8)
    assert "unmask/gan_real" in losses.generator
    assert losses.discriminator.keys() == {"unmask/discriminator", "mask/discriminator"}
    for name in names:
        assert any(
            not torch.equal(a, b) for a, b in zip(before[name], _weights(method, name), strict=True)
        )


@pytest.mark.parametrize("turn", ["generators", "discriminators"])
def test_in_the_turn_of_one_side_the_other_gets_no_gradient(
    monkeypatch: pytest.MonkeyPatch, turn: str
) -> None:
    config = tiny_config()
    batch, method = _batch(config), _method(config)
    if turn == "generators":
        monkeypatch.setattr(Adversary, "learn", lambda *_, **__: torch.zeros(()))
    else:
        monkeypatch.setattr("trainers.gan.warm_start.descend", lambda *_: None)
    before = {name: _weights(method, name) for name, _ in method.networks()}

    method.step(batch, 8)

    for name, network in method.networks():
        assert all(p.grad is None for p in network.parameters())
        same = all(
            torch.equal(a, b) for a, b in zip(before[name], _weights(method, name), strict=True)
        )
        assert same == (name.startswith("discriminator") == (turn == "generators")), name


@pytest.mark.parametrize(
    "changes",
    [
        {"warm_start.pool_size": 3},
        {"discriminator.mixup": 0.2},
        {"discriminator.diff_augment": "translation"},
        {"discriminator.diff_augment": "color,cutout"},
    ],
    ids=str,
)
def test_the_adversary_has_what_that_of_other_methods_has(changes: dict[str, Any]) -> None:
    weights = []
    for settings in ({}, changes):
        config = tiny_config(warm_start__gan_from=0, **settings)
        batch, method = _batch(config), _method(config)
        torch.manual_seed(0)
        for _ in range(3):
            assert all(bool(torch.isfinite(v)) for v in _all_losses(method, batch, 0).values())
        weights.append(torch.cat([p.flatten() for p in _weights(method, "discriminator_bare")]))

    assert not torch.equal(*weights)


def test_where_pictures_are_shifted_the_region_that_counts_is_shifted_with_them() -> None:
    torch.manual_seed(0)
    region = torch.zeros(4, 1, 32, 32)
    region[..., 10:20, 8:24] = 1

    augmentation = DiffAugment.draw(("translation", "cutout"), region)

    marked = augmentation.vary(region.expand(-1, 3, -1, -1))
    assert torch.equal(augmentation.move(region).expand(-1, 3, -1, -1), marked)
    assert torch.equal(augmentation.of(slice(2)).move(region[:2]), augmentation.move(region)[:2])
    assert not torch.equal(augmentation.move(region), region)


@pytest.mark.parametrize("direction", ["mask", "unmask"])
def test_one_direction_can_learn_alone(direction: str) -> None:
    config = tiny_config(warm_start__directions=direction)
    batch, method = _batch(config), _method(config)
    other = "unmask" if direction == "mask" else "mask"
    before = _weights(method, other)

    stats = _all_losses(method, batch, 8)

    assert all(name.startswith(f"{direction}/") for name in stats)
    assert all(torch.equal(a, b) for a, b in zip(before, _weights(method, other), strict=True))


@pytest.mark.parametrize(
    "key",
    [
        "lambda_l1",
        "lambda_chroma",
        "lambda_keep",
        "lambda_segmentation",
        "lambda_perceptual",
        "lambda_gan",
        "lambda_features",
        "lambda_real",
    ],
)
def test_each_loss_weight_changes_what_unmask_learns(key: str) -> None:
    results = []
    for weight in (0.0, 5.0):
        # O-Net, whose features the perceptual loss takes, wants pictures of 48 px or more.
        config = tiny_config(
            data__crop_size_px=48,
            data__load_size_px=48,
            run__batch_size=2,
            **{f"warm_start__{key}": weight},
        )
        method = _method(config)
        method.step(_batch(config), 8)
        results.append(torch.cat([p.flatten() for p in _weights(method, "unmask")]))

    assert not torch.equal(results[0], results[1])


@pytest.mark.parametrize("mode", ["lsgan", "vanilla", "hinge"])
def test_each_adversary_takes_a_finite_step(mode: str) -> None:
    config = tiny_config(warm_start__gan_mode=mode)

    stats = _all_losses(_method(config), _batch(config), 8)

    assert all(torch.isfinite(value) for value in stats.values())


def test_a_step_in_bf16_is_near_one_in_fp32() -> None:
    config = tiny_config()
    batch = _batch(config)

    stats = [
        build_method(config, device=CPU, precision=precision).step(batch, 0).generator
        for precision in (torch.float32, torch.bfloat16)
    ]

    for name, exact in stats[0].items():
        assert abs(float(stats[1][name]) - float(exact)) < 0.05 * max(1.0, float(exact)), name


def test_networks_for_faces_see_a_large_picture_at_the_size_they_understand() -> None:
    method = _method(tiny_config(warm_start__lambda_perceptual=1.0))
    seen: list[tuple[int, ...]] = []

    class Recorder(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
            seen.append(tuple(image.shape))
            return [image]

    method.features = Recorder()  # type: ignore[assignment]
    for side in (128, 256, 512):
        image = torch.rand(1, 3, side, side)
        method._perceptual(image, image)

    assert seen == [(1, 3, 128, 128)] * 6
