"""What holds for every method but the warm start, and each of their options."""

from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, WeightsError
from facemask_video.translate.networks import GeneratorSpec, build_generator
from facemask_video.translate.weights import WeightsCard, save_generator
from tests.fakes import random_vggface2
from tests.trainers.tiny import drawn_training_crops, in_tracks, tiny_config
from trainers.config import OptimConfig, OptimizerName, TrainConfig
from trainers.data.batches import Batch, batches
from trainers.fit.build import build_method, build_samples
from trainers.gan.diff_augment import KINDS, DiffAugment, parse_kinds
from trainers.gan.image_pool import ImagePool
from trainers.gan.method import Method
from trainers.gan.optimizers import descend, make_optimizer

CPU = torch.device("cpu")

METHODS: dict[str, dict[str, Any]] = {
    "cyclegan": {"method": "cyclegan", "optim.lr": 2e-3},
    "pix2pix": {"method": "pix2pix", "optim.lr": 2e-3},
    "pix2pix-unmask": {"method": "pix2pix", "pix2pix.direction": "unmask", "optim.lr": 2e-3},
    "pix2pix-unet": {
        "method": "pix2pix",
        "mask.architecture": "unet",
        "mask.n_downsampling": 4,
        "optim.lr": 2e-3,
    },
    "cut": {"method": "cut", "cut.num_patches": 32, "optim.lr": 2e-3},
    "fastcut": {
        "method": "cut",
        "cut.num_patches": 32,
        "cut.lambda_NCE": 10.0,
        "cut.nce_idt": False,
        "cut.flip_equivariance": True,
        "optim.lr": 2e-3,
    },
}

OPTIONS: list[tuple[str, str, Any]] = [
    ("cyclegan", "cyclegan.gan_mode", "vanilla"),
    ("cyclegan", "cyclegan.gan_mode", "hinge"),
    ("cyclegan", "cyclegan.gan_mode", "wgan-gp"),
    ("cyclegan", "cyclegan.cycle_loss", "l2"),
    ("cyclegan", "cyclegan.lambda_A", 1.0),
    ("cyclegan", "cyclegan.lambda_B", 1.0),
    ("cyclegan", "cyclegan.lambda_identity", 0.0),
    ("cyclegan", "cyclegan.lambda_gan", 0.0),
    ("cyclegan", "cyclegan.lambda_perceptual", 1.0),
    ("cyclegan", "discriminator.diff_augment", "color"),
    ("cyclegan", "discriminator.diff_augment", "translation"),
    ("cyclegan", "discriminator.diff_augment", "cutout"),
    ("cyclegan", "discriminator.mixup", 0.2),
    ("cyclegan", "discriminator.spectral", False),
    ("pix2pix", "discriminator.luma", True),
    ("cyclegan", "optim.optimizer", "adamw"),
    ("cyclegan", "optim.beta1", 0.9),
    ("cyclegan", "extras.lambda_eyes", 5.0),
    ("cyclegan", "extras.lambda_edges", 5.0),
    ("cyclegan", "extras.lambda_alpha_area", 5.0),
    ("cyclegan", "extras.lambda_alpha_binary", 5.0),
    ("cyclegan", "extras.lambda_alpha_smooth", 5.0),
    ("cyclegan", "extras.lambda_equivariance", 5.0),
    ("pix2pix", "pix2pix.gan_mode", "wgan-gp"),
    ("pix2pix", "pix2pix.lambda_L1", 1.0),
    ("pix2pix", "pix2pix.lambda_gan", 0.0),
    ("pix2pix", "pix2pix.lambda_perceptual", 1.0),
    ("pix2pix", "extras.lambda_eyes", 5.0),
    ("pix2pix", "discriminator.mixup", 0.2),
    ("cut", "cut.gan_mode", "hinge"),
    ("cut", "cut.lambda_gan", 0.0),
    ("cut", "cut.lambda_NCE", 5.0),
    ("cut", "cut.nce_idt", False),
    ("cut", "cut.num_patches", 4),
    ("cut", "extras.lambda_alpha_area", 5.0),
]


def _batch(config: TrainConfig) -> Batch:
    crops = drawn_training_crops()
    samples = build_samples(config, crops.bare, crops.masked, first=0)
    return next(iter(batches(samples, batch_size=config.run.batch_size, n_workers=0)))


def _method(config: TrainConfig) -> Method:
    return build_method(config, device=CPU, precision=torch.float32)


def _all_losses(method: Method, batch: Batch, images_seen: int = 0) -> dict[str, torch.Tensor]:
    losses = method.step(batch, images_seen)
    assert all(name.endswith("/discriminator") for name in losses.discriminator)
    return losses.generator | losses.discriminator


def _weights(method: Method) -> dict[str, torch.Tensor]:
    return {
        name: torch.cat([p.detach().flatten() for p in network.parameters()])
        for name, network in method.networks()
    }


@pytest.mark.needs_cuda
@pytest.mark.parametrize(
    ("precision", "near"), [(torch.float32, 0.02), (torch.bfloat16, 0.1)], ids=["fp32", "bf16"]
)
@pytest.mark.parametrize("name", [*METHODS, "warm-start"])
def test_on_a_gpu_the_first_step_has_the_losses_that_it_has_on_a_processor(
    name: str, precision: torch.dtype, near: float
) -> None:
    settings = METHODS.get(name, {"method": "warm-start", "warm_start.gan_from": 0})
    config = tiny_config(**settings)
    batch, device = _batch(config), torch.device("cuda")
    expected = _all_losses(_method(config), batch)

    method = build_method(config, device=device, precision=precision)
    found = _all_losses(method, batch.to(device))

    assert {value.device.type for value in found.values()} == {"cuda"}
    there = {key: float(value) for key, value in found.items()}
    assert there == pytest.approx({k: float(v) for k, v in expected.items()}, rel=near, abs=near)
    for images_seen in (4, 8):
        stats = _all_losses(method, batch.to(device), images_seen)
        assert all(bool(torch.isfinite(value)) for value in stats.values())


@pytest.mark.needs_cuda
def test_on_a_gpu_every_extra_and_augmentation_runs_in_bf16() -> None:
    crops, device = drawn_training_crops(), torch.device("cuda")
    extras = ("eyes", "edges", "alpha_area", "alpha_binary", "alpha_smooth", "equivariance")
    config = tiny_config(
        **METHODS["cyclegan"],
        **{f"extras.lambda_{name}": 1.0 for name in (*extras, "temporal")},
        **{"cyclegan.gan_mode": "wgan-gp", "cyclegan.lambda_perceptual": 1.0},
        **{"data.crop_size_px": 48, "data.load_size_px": 48},
        **{"discriminator.diff_augment": ",".join(KINDS), "discriminator.mixup": 0.2},
        **{"mask.attention": True, "unmask.architecture": "resnet", "cyclegan.pool_size": 2},
    )
    samples = build_samples(config, in_tracks(crops.bare), in_tracks(crops.masked), first=0)
    batch = next(iter(batches(samples, batch_size=4, n_workers=0)))
    method = build_method(config, device=device, precision=torch.bfloat16)

    history = [_all_losses(method, batch.to(device), 4 * number) for number in range(3)]

    for stats in history:
        assert {f"mask/{name}" for name in (*extras, "temporal")} <= stats.keys()
        assert all(bool(torch.isfinite(value)) for value in stats.values())


@pytest.mark.parametrize("name", METHODS)
def test_steps_on_a_few_faces_move_every_network_and_lower_the_methods_own_loss(name: str) -> None:
    config = tiny_config(**METHODS[name], data__undrawn=0.0)
    batch, method = _batch(config), _method(config)
    before = _weights(method)

    history = [_all_losses(method, batch) for _ in range(20)]

    after = _weights(method)
    assert all(not torch.equal(before[key], after[key]) for key in before)
    own = [key for key in history[0] if key.endswith(("/cycle", "/l1", "/nce"))]
    assert own
    for key in own:
        first, last = (
            float(torch.stack([stats[key] for stats in part]).mean())
            for part in (history[:5], history[-5:])
        )
        assert last < first, key
    assert all(torch.isfinite(value) for stats in history for value in stats.values())


@pytest.mark.parametrize(
    "extra", ["eyes", "edges", "alpha_area", "alpha_binary", "alpha_smooth", "equivariance"]
)
def test_each_extra_loss_falls_where_it_counts(extra: str) -> None:
    # In one stage: a fresh segmentation's alpha is 1 throughout, and has no slope to learn on.
    weight = {f"extras__lambda_{extra}": 50.0, "unmask__architecture": "resnet"}
    config = tiny_config(**(METHODS["cyclegan"] | weight), data__undrawn=0.0)
    torch.manual_seed(0)
    batch, method = _batch(config), _method(config)

    history = [_all_losses(method, batch) for _ in range(30)]

    for key in (key for key in history[0] if key.endswith(f"/{extra}")):
        first, last = (
            float(torch.stack([stats[key] for stats in part]).mean())
            for part in (history[:5], history[-5:])
        )
        assert last < first, key
    assert any(key.endswith(f"/{extra}") for key in history[0])


@pytest.fixture(scope="module")
def vggface2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_vggface2(tmp_path_factory.mktemp("weights") / "vggface2.pt")


@cache
def _after_a_step(
    method: str, key: str | None, value: Any, size_px: int
) -> dict[str, torch.Tensor]:
    """Return the weights after one step, with one setting changed."""
    size = {"data.crop_size_px": size_px, "data.load_size_px": size_px, "run.batch_size": 2}
    config = tiny_config(**(METHODS[method] | size | ({key: value} if key else {})))
    trained = _method(config)
    torch.manual_seed(0)
    stats = _all_losses(trained, _batch(config))
    assert all(torch.isfinite(loss) for loss in stats.values())
    return _weights(trained)


@pytest.mark.parametrize(("method", "key", "value"), OPTIONS, ids=lambda value: str(value))
def test_each_option_changes_what_is_learnt(method: str, key: str, value: Any) -> None:
    # Features of O-Net want 48 px.
    size_px = 48 if key.endswith("perceptual") else 32

    usual = _after_a_step(method, None, None, size_px)
    changed = _after_a_step(method, key, value, size_px)

    shared = [name for name in usual if usual[name].shape == changed[name].shape]
    assert any(not torch.equal(usual[name], changed[name]) for name in shared)


@pytest.mark.parametrize(
    ("method", "n_steps"), [("pix2pix", 5), ("cyclegan", 1), ("warm-start", 1)]
)
def test_the_perceptual_loss_takes_vggface2_where_its_weights_are_given(
    method: str, n_steps: int, vggface2: Path
) -> None:
    options: dict[str, Any] = {
        "method": method,
        f"{method.replace('-', '_')}.lambda_perceptual": 5.0,
        "data.crop_size_px": 48,
        "data.load_size_px": 48,
        "data.undrawn": 0.0,
        "run.batch_size": 1,
        "optim.lr": 2e-3,
    }
    found: list[list[float]] = []
    for features in ({}, {"features.vggface2": vggface2}):
        config = tiny_config(**options, **features)
        trained, batch = _method(config), _batch(config)
        steps = [_all_losses(trained, batch) for _ in range(n_steps)]
        found.append([sum(float(v) for k, v in s.items() if "perceptual" in k) for s in steps])

    onet, vggface = found
    assert vggface[0] > 0
    assert abs(onet[0] - vggface[0]) > 1e-3
    if n_steps > 1:
        assert onet[-1] < onet[0]
        assert vggface[-1] < vggface[0]


def test_places_are_looked_up_exactly_under_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config(**METHODS["cyclegan"], extras__lambda_equivariance=1.0)
    grids: list[torch.Tensor] = []
    sample = torch.nn.functional.grid_sample

    def watched(picture: torch.Tensor, grid: torch.Tensor, **how: Any) -> torch.Tensor:
        grids.append(grid)
        return sample(picture, grid, **how)

    monkeypatch.setattr(torch.nn.functional, "grid_sample", watched)

    build_method(config, device=CPU, precision=torch.bfloat16).step(_batch(config), 0)

    assert grids
    assert all(grid.dtype == torch.float32 for grid in grids)


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix", "pix2pix-unmask", "cut"])
def test_neighbouring_frames_are_translated_alike_where_that_counts(name: str) -> None:
    crops = drawn_training_crops()
    bare, masked = in_tracks(crops.bare), in_tracks(crops.masked)
    apart = []
    for weight in (1e-6, 40.0):
        seen = []
        # Of three beginnings and over all steps: of such small networks one moment says little.
        for seed in (1, 2, 3):
            config = tiny_config(**METHODS[name], extras__lambda_temporal=weight, data__seed=seed)
            samples = build_samples(config, bare, masked, first=0)
            batch = next(iter(batches(samples, batch_size=4, n_workers=0)))
            method = _method(config)
            for stats in [_all_losses(method, batch) for _ in range(16)]:
                own = [key for key in stats if key.endswith("/temporal")]
                assert len(own) == len(list(method.generators()))
                seen.append(sum(float(stats[key]) for key in own))
        apart.append(np.mean(seen))

    free, held = apart
    assert held < 0.9 * free
    with pytest.raises(ConfigError, match=r"extras\.lambda_temporal: no crop has a neighbour"):
        build_samples(config, crops.bare, crops.masked, first=0)


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix", "cut"])
def test_discriminators_get_no_gradient_in_the_generators_turn(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(**METHODS[name])
    batch, method = _batch(config), _method(config)
    monkeypatch.setattr("trainers.gan.adversary.Adversary.learn", lambda *_, **__: torch.zeros(()))
    before = _weights(method)

    method.step(batch, 0)

    after = _weights(method)
    for key, network in method.networks():
        if key.startswith("discriminator"):
            assert torch.equal(before[key], after[key])
            assert all(p.grad is None for p in network.parameters())
        else:
            assert not torch.equal(before[key], after[key])


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix", "cut"])
def test_a_step_in_bf16_is_near_one_in_fp32(name: str) -> None:
    config = tiny_config(**METHODS[name])
    batch = _batch(config)
    found = []
    for precision in (torch.float32, torch.bfloat16):
        method = build_method(config, device=CPU, precision=precision)
        torch.manual_seed(0)
        found.append(_all_losses(method, batch))

    for key, exact in found[0].items():
        assert abs(float(found[1][key]) - float(exact)) < 0.05 * max(1.0, abs(float(exact))), key


def test_training_begins_with_the_weights_of_an_earlier_method(tmp_path: Path) -> None:
    config = tiny_config(method="cyclegan")
    torch.manual_seed(9)
    trained = build_generator(config.unmask)
    path = tmp_path / "unmask.safetensors"
    card = WeightsCard(direction=Direction.UNMASK, spec=trained.spec, crop_size_px=32)
    save_generator(path, trained, card)

    method = _method(tiny_config(method="cyclegan", start__unmask=path))

    for name, generator in method.generators():
        same = all(
            torch.equal(a.half(), b.half())
            for a, b in zip(generator.parameters(), trained.parameters(), strict=False)
        )
        assert same == (name == "unmask")
    _method(tiny_config(method="cyclegan", start__unmask=path, unmask__mirrored=True))
    path.rename(tmp_path / "moved.safetensors")
    resumed = tiny_config(method="cyclegan", start__unmask=path)
    build_method(resumed, device=CPU, precision=torch.float32, resume=True)
    path = path.with_name("moved.safetensors")
    with pytest.raises(WeightsError, match="the unmask generator is configured as"):
        _method(tiny_config(method="cyclegan", start__unmask=path, unmask__ngf=8))
    with pytest.raises(WeightsError, match="direction is unmask, expected mask"):
        _method(tiny_config(method="cyclegan", start__mask=path))


def test_cut_refuses_networks_whose_features_it_cannot_compare() -> None:
    with pytest.raises(ConfigError, match=r"unmask\.architecture: got 'two-stage', cut compares"):
        _method(tiny_config(method="cut", cut__direction="unmask"))


def test_a_pool_hands_back_older_fakes_and_remembers_them_in_its_state() -> None:
    torch.manual_seed(0)
    pool = ImagePool(4)
    first = torch.arange(4.0).view(4, 1, 1, 1)
    assert torch.equal(pool.exchange(first), first)

    returned = torch.cat([pool.exchange(first + 10 * step) for step in range(1, 6)])

    older = returned.flatten().reshape(5, 4) < 10 * torch.arange(1, 6)[:, None]
    assert 4 < int(older.sum()) < 16
    resumed = ImagePool(4)
    resumed.load_state_dict(pool.state_dict())
    state = torch.get_rng_state()
    expected = pool.exchange(first)
    torch.set_rng_state(state)
    assert torch.equal(resumed.exchange(first), expected)


def test_a_pool_of_none_hands_everything_through() -> None:
    fakes = torch.rand(3, 1, 2, 2)

    assert ImagePool(0).exchange(fakes) is fakes


@pytest.mark.parametrize("kind", KINDS)
def test_each_differentiable_augmentation_changes_pictures_and_passes_gradients(kind: str) -> None:
    torch.manual_seed(0)
    images = torch.rand(3, 3, 32, 32, requires_grad=True)

    varied = DiffAugment.draw((kind,), images).vary(images)

    assert varied.shape == images.shape
    assert not torch.equal(varied, images)
    assert DiffAugment.draw((), images).vary(images) is images
    [gradient] = torch.autograd.grad(varied.sum(), images)
    assert float(gradient.abs().sum()) > 0


def test_an_unknown_augmentation_is_refused() -> None:
    assert parse_kinds("") == ()
    with pytest.raises(ConfigError, match="diff_augment: got 'colour', expected some of color"):
        _method(tiny_config(method="cyclegan", discriminator__diff_augment="colour"))


@pytest.mark.parametrize("kind", get_args(OptimizerName))
def test_each_optimiser_descends(kind: OptimizerName) -> None:
    place = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = make_optimizer([place], OptimConfig(optimizer=kind), lr=0.05)

    for _ in range(60):
        descend(optimizer, (place**2).sum())

    assert abs(float(place.detach())) < 1.5


def test_samples_and_networks_of_a_one_way_method_have_one_generator() -> None:
    for name, expected in (("pix2pix-unmask", "unmask"), ("cut", "mask")):
        method = _method(tiny_config(**METHODS[name]))
        assert [direction for direction, _ in method.generators()] == [expected]
        assert isinstance(next(method.generators())[1].spec, GeneratorSpec)
