from pathlib import Path

import pytest
import torch

from facemask_video.config.settings import build, read_toml
from facemask_video.core.errors import ConfigError
from tests.trainers.tiny import drawn_crops, tiny_config
from trainers.config import (
    TrainConfig,
)
from trainers.data.batches import batches
from trainers.fit.build import build_method, build_samples

CONFIGS = sorted((Path(__file__).parents[3] / "configs" / "train").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_is_read_and_names_only_what_differs(path: Path) -> None:
    values = read_toml(path, TrainConfig)

    config = build(TrainConfig, values)

    assert config.name == path.stem


SMALL: dict[str, object] = {
    "data.crop_size_px": 64,  # features of O-Net want 48 px, and six halvings leave one
    "data.load_size_px": 64,
    "data.n_workers": 0,
    "run.batch_size": 2,
    "run.images": 4,
    "run.device": "cpu",
    "warm_start.gan_from": 0,
    "mask.ngf": 4,
    "unmask.ngf": 4,
    "unmask.segmentation_ngf": 4,
    "discriminator.ndf": 4,
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_trains_for_two_steps(path: Path) -> None:
    values = read_toml(path, TrainConfig)
    smaller = {
        name: min(int(str(values.get(name, least))), least)
        for name, least in (
            ("mask.n_blocks", 1),
            ("unmask.n_blocks", 1),
            ("mask.n_downsampling", 6),
            ("discriminator.n_scales", 2),
        )
        if name in values
    }
    config = build(TrainConfig, values, SMALL, smaller)
    crops = drawn_crops(4, size_px=64)
    method = build_method(config, device=torch.device("cpu"), precision=torch.bfloat16)
    samples = build_samples(config, crops, crops, first=0)

    for batch in batches(samples, batch_size=2, n_workers=0):
        losses = method.step(batch, 0)
        assert all(torch.isfinite(value) for value in losses.generator.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__load_size_px": 16}, "data.load_size_px: got 16, expected at least"),
        ({"name": "a/b"}, "name: got 'a/b'"),
        ({"mask__final_kernel": 4}, "final_kernel: got 4, expected an odd number"),
        (
            {"mask__architecture": "unet", "mask__n_downsampling": 6},
            "mask.n_downsampling: got 6, expected at most 5 at 32 px",
        ),
        ({"extras__lambda_eyes": 1.0}, "extras: warm-start adds none"),
        ({"features__vggface2": Path("x.pt")}, "features.vggface2: warm-start has no perceptual"),
        (
            {"method": "cut", "features__vggface2": Path("x.pt")},
            "features.vggface2: cut has no perceptual",
        ),
        ({"features__inception": Path("x.pth")}, "features.inception: nothing is measured"),
        ({"run__batch_size": 0}, "batch_size: got 0"),
        ({"optim__lr": float("nan")}, "lr: got nan"),
    ],
    ids=str,
)
def test_values_that_cannot_train_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_config(**changes)


def test_a_mistyped_key_is_answered_with_its_nearest_match(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("[warm_start]\nlamda_gan = 1.0\n")

    with pytest.raises(ConfigError, match=r"'warm_start.lamda_gan'; did you mean 'warm_start.lam"):
        read_toml(path, TrainConfig)


def test_the_seed_decides_the_first_weights() -> None:
    def first(seed: int) -> torch.Tensor:
        method = build_method(
            tiny_config(data__seed=seed), device=torch.device("cpu"), precision=torch.float32
        )
        return torch.cat(
            [p.detach().flatten() for _, g in method.generators() for p in g.parameters()]
        )

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))
