"""Every setting of `fit` does something, and other commands' options reach their settings."""

import json
import re
from collections.abc import Iterator
from dataclasses import MISSING
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from facemask_video.cli.options import SettingOption, typed_settings
from facemask_video.config.settings import NamedSetting, settings_of
from facemask_video.core.direction import Direction
from facemask_video.translate.weights import read_card
from tests.trainers.gan.test_methods import METHODS, OPTIONS
from tests.trainers.tiny import SETTINGS, drawn_crops, drawn_training_crops, tiny_config
from trainers.cli import main
from trainers.config import TrainConfig
from trainers.data.batches import batches
from trainers.fit.build import build_method, build_samples

TWO_STAGE = {"mask.architecture": "two-stage"}
RESNETS = {"unmask.architecture": "resnet"}
# O-Net wants 48 px.
WARM = {"data.crop_size_px": 48, "data.load_size_px": 48, "warm_start.lambda_perceptual": 1.0}

SHOWN: dict[str, Any] = {
    "data.crop_size_px": 24,
    "data.undrawn": 1.0,
    "data.real_fabric": 1.0,
    "data.mask_learns": "varied",
    "data.unmask_learns": "surgical",
    "data.wearing_wrong": 1.0,
    "data.wearing_high": 1.0,
    "data.garments": 1.0,
    "data.turned": 1.0,
    "data.serial_batches": True,
    "data.seed": 2,
    "augmentation.flip": False,
    "augmentation.turn_deg": 0.0,
    "augmentation.scale": 0.0,
    "augmentation.shift": 0.0,
    "augmentation.color": 0.0,
    "augmentation.degradation": 0.0,
    "augmentation.truncation": 1.0,
    "augmentation.pitch_deg": 20.0,
    "augmentation.profiles": 1.0,
    "augmentation.occluders": 1.0,
    "augmentation.light": 0.3,
    "augmentation.cast": 0.3,
}
"""Settings that change the samples."""

LEARNT: dict[str, tuple[dict[str, Any], Any]] = {
    "mask.architecture": (METHODS["cyclegan"], "unet"),
    "mask.ngf": (METHODS["cyclegan"], 8),
    "mask.n_blocks": (METHODS["cyclegan"], 2),
    "mask.n_downsampling": (METHODS["cyclegan"], 1),
    "mask.norm": (METHODS["cyclegan"], "group"),
    "mask.padding": (METHODS["cyclegan"], "zero"),
    "mask.upsampling": (METHODS["cyclegan"], "transpose"),
    "mask.alpha": (METHODS["cyclegan"], False),
    "mask.skips": (METHODS["cyclegan"], True),
    "mask.attention": (METHODS["cyclegan"], True),
    "mask.segmentation_ngf": (METHODS["cyclegan"] | TWO_STAGE, 8),
    "mask.dropout": (METHODS["cyclegan"], 0.5),
    "mask.final_kernel": (METHODS["cyclegan"], 3),
    "mask.fold": (METHODS["cyclegan"], 2),
    "mask.fill": (METHODS["cyclegan"] | TWO_STAGE, "face"),
    "unmask.architecture": ({}, "resnet"),
    "unmask.fill": ({"data.seed": 2}, "face"),
    "unmask.ngf": ({}, 8),
    "unmask.n_blocks": ({}, 2),
    "unmask.n_downsampling": ({}, 1),
    "unmask.norm": ({}, "group"),
    "unmask.padding": ({}, "zero"),
    "unmask.upsampling": ({}, "transpose"),
    "unmask.alpha": (RESNETS, False),
    "unmask.skips": ({}, True),
    "unmask.attention": ({}, True),
    "unmask.segmentation_ngf": ({}, 8),
    "unmask.dropout": ({}, 0.5),
    "start.init_type": ({}, "orthogonal"),
    "start.init_gain": ({"start.init_type": "normal"}, 0.1),
    "unmask.final_kernel": ({}, 3),
    "unmask.fold": ({}, 1),
    "discriminator.net_d": ({}, "pixel"),
    "discriminator.ndf": ({}, 8),
    "discriminator.n_layers": ({}, 1),
    "discriminator.n_scales": ({}, 2),
    "discriminator.spectral": ({}, False),
    "discriminator.luma": ({}, True),
    "optim.lr": ({}, 1e-3),
    "optim.lr_discriminator": ({}, 1e-3),
    "optim.optimizer": ({}, "rmsprop"),
    "optim.beta1": ({}, 0.9),
    "warm_start.directions": ({}, "mask"),
    "warm_start.gan_mode": ({}, "lsgan"),
    "warm_start.lambda_l1": ({}, 1.0),
    "warm_start.lambda_chroma": ({}, 5.0),
    "warm_start.lambda_keep": ({}, 5.0),
    "warm_start.lambda_segmentation": ({}, 5.0),
    "warm_start.lambda_perceptual": (WARM, 5.0),
    "warm_start.lambda_gan": ({}, 5.0),
    "warm_start.lambda_features": ({}, 5.0),
    "warm_start.lambda_real": ({}, 5.0),
    "warm_start.gan_from": ({}, 100),
    "warm_start.hidden_below": ({"data.seed": 2}, 1.0),
}
"""Settings that change the weights after a step, each with what it is changed from."""

RUN: dict[str, tuple[dict[str, Any], Any]] = {
    "mask.mirrored": (TWO_STAGE, True),
    "unmask.mirrored": ({}, True),
    "name": ({}, "other"),
    "method": ({}, "pix2pix"),
    "data.held_out": ({}, 0.6),
    "data.test_share": ({}, 0.6),
    "optim.lr_policy": ({}, "linear"),
    "optim.lr_decay_images": ({"optim.lr_policy": "linear"}, 6),
    "optim.n_epochs": ({}, 1),
    "optim.n_epochs_decay": ({"optim.n_epochs": 1}, 1),
    "cyclegan.pool_size": ({"method": "cyclegan"}, 1),
    "warm_start.pool_size": ({"warm_start.gan_from": 0}, 1),
    "run.images": ({}, 12),
    "run.batch_size": ({}, 2),
    "run.device": ({}, "cuda:99"),
    "run.precision": ({}, "bf16"),
    "run.capacity": ({}, "lite"),
    "run.n_threads": ({}, 2),
    "run.ema_halflife_images": ({}, 1.0),
    "run.ema_rampup": ({}, 0.0),
    "run.stats_every": ({}, 8),
    "run.preview_every": ({}, 4),
    "run.measure_every": ({}, 4),
    "run.checkpoint_every": ({}, 8),
    "run.keep_checkpoints": ({}, 1),
    "run.tensorboard": ({}, True),
    "run.run_dir": ({}, "elsewhere"),
    "run.progress": ({}, "json"),
}
"""Settings that change what a run leaves or says."""

ELSEWHERE = {
    "data.bare": "test_train_cli.py::test_fit_trains_on_16_crops",
    "data.masked": "test_train_cli.py::test_fit_trains_on_16_crops",
    "data.masked_folders": "test_crops.py::test_crops_of_named_folders",
    "data.bare_folders": "test_crops.py::test_crops_of_named_folders",
    "data.whole_folders": "test_splits.py::test_folders_that_show_the_same_people",
    "data.held_out_names": "test_crops.py::test_crops_of_named_folders",
    "pairs.side_by_side": "test_own_pairs.py::test_fit_learns_from_pairs",
    "pairs.order": "test_picture_pairs.py::test_pictures_side_by_side_are_halved",
    "pairs.input": "test_picture_pairs.py::test_folders_are_matched_by_name",
    "pairs.target": "test_picture_pairs.py::test_folders_are_matched_by_name",
    "pairs.split": "test_picture_pairs.py::test_split_says_what_share",
    "data.load_size_px": "test_crops.py::test_a_folder_is_cut_once",
    "data.wearing_loose": "test_batches.py::test_loose_masks_are_drawn_on_turned_heads",
    "data.n_workers": "test_batches.py::test_batches_hold_the_samples_in_order_whatever",
    "features.vggface2": "test_methods.py::test_the_perceptual_loss_takes_vggface2",
    "features.inception": "test_best.py::test_the_distance_is_kid_where",
    "start.mask": "test_methods.py::test_training_begins_with_the_weights",
    "start.unmask": "test_methods.py::test_training_begins_with_the_weights",
    "pix2pix.direction": "test_methods.py::test_samples_and_networks_of_a_one_way_method",
    "cut.direction": "test_methods.py::test_samples_and_networks_of_a_one_way_method",
    "cut.flip_equivariance": "test_methods.py::test_steps_on_a_few_faces",
    "extras.lambda_temporal": "test_methods.py::test_neighbouring_frames",
}
"""Settings whose effect wants more than a changed value: the test that shows it."""


def test_no_setting_of_fit_is_without_a_test_of_what_it_does() -> None:
    shown = [*SHOWN, *LEARNT, *RUN, *ELSEWHERE]

    assert len(shown) == len(set(shown))
    assert {named.name for named in settings_of(TrainConfig)} == {
        *shown,
        *(key for _, key, _ in OPTIONS if key not in shown),
    }
    for place in ELSEWHERE.values():
        file, _, name = place.partition("::")
        [path] = Path(__file__).parents[1].rglob(file)
        assert f"def {name}" in path.read_text(), place


@cache
def _samples(key: str | None) -> bytes:
    config = tiny_config(**({key: SHOWN[key]} if key else {}))
    crops = drawn_training_crops()
    samples = build_samples(config, crops.bare, crops.masked, first=0)
    planes = [plane for number in range(10) for plane in samples[number].values()]
    return b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)


@pytest.mark.parametrize("key", SHOWN)
def test_each_setting_of_the_data_changes_the_samples(key: str) -> None:
    assert _samples(key) != _samples(None)


@cache
def _weights_after_a_step(changes: tuple[tuple[str, Any], ...]) -> dict[str, torch.Tensor]:
    config = tiny_config(**{"run.batch_size": 2, **dict(changes)})
    crops = drawn_training_crops()
    samples = build_samples(config, crops.bare, crops.masked, first=0)
    batch = next(iter(batches(samples, batch_size=2, n_workers=0)))
    method = build_method(config, device=torch.device("cpu"), precision=torch.float32)
    torch.manual_seed(0)
    method.step(batch, 8)
    return {
        f"{name}.{key}": value
        for name, network in method.networks()
        for key, value in network.state_dict().items()
    }


@pytest.mark.parametrize("key", LEARNT)
def test_each_setting_of_networks_and_losses_changes_what_is_learnt(key: str) -> None:
    base, value = LEARNT[key]

    usual = _weights_after_a_step(tuple(base.items()))
    changed = _weights_after_a_step((*base.items(), (key, value)))

    assert usual.keys() != changed.keys() or any(
        not torch.equal(usual[name], changed[name]) for name in usual
    )


def _typed(changes: dict[str, Any]) -> Iterator[str]:
    """Spell settings as the command line's own options, or by ``--set`` where they have none."""
    options = [p for p in main.commands["fit"].params if isinstance(p, SettingOption)]
    flags = {option.named.name: option.opts[0] for option in options}
    for name, value in changes.items():
        if name not in flags:
            yield f"--set={name}={str(value).lower() if isinstance(value, bool) else value}"
        elif value is True:
            yield flags[name]
        else:
            yield from (flags[name], str(value))


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crops")
    for name, seed in (("bare", 1), ("masked", 2)):
        drawn_crops(16, seed=seed, name=name, size_px=48).save(folder / f"{name}.npz")
    return folder


def _left_by_a_run(changes: dict[str, Any], folder: Path, crops: Path) -> dict[str, Any]:
    """Train by the command line and describe all that it left and said."""
    own = {name for name in changes if name != "name"}
    settings = {
        "data.crop_size_px": 48,  # O-Net, which measures, wants as much
        "run.images": 8,
        "run.stats_every": 4,
        "run.checkpoint_every": 4,
        "run.preview_every": 0,
        "run.ema_rampup": 0.5,
        "data.load_size_px": 48,
    }
    given = [f"--set={k}={v}" for k, v in (SETTINGS | settings).items() if k not in own]
    paths = ["--bare", crops / "bare.npz", "--masked", crops / "masked.npz"]
    runs = [] if "run.run_dir" in changes else ["--run-dir", "runs"]
    runner = CliRunner()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = runner.invoke(main, ["fit", *given, *map(str, paths), *runs, *_typed(changes)])
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    stats = [
        {k: v for k, v in json.loads(line).items() if k != "images_per_s"}
        for path in folder.rglob("stats.jsonl")
        for line in path.read_text().splitlines()
    ]
    files_of_weights = sorted(folder.rglob("weights/*.safetensors"))
    weights = [load_file(path) for path in files_of_weights]
    return {
        "said": re.sub(r"[\d.]+ images/s.*left", "", result.stderr),
        "files": [re.sub(r"tfevents.*", "tfevents", name) for name in files],
        "stats": stats,
        "weights": [{k: v.numpy().tobytes() for k, v in each.items()} for each in weights],
        "cards": [read_card(path).spec for path in files_of_weights],
        "threads": torch.get_num_threads(),
        "failed": result.exit_code,
    }


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory, crops: Path) -> dict[str, Any]:
    """What runs leave that change nothing, by what else was set."""
    found = {}
    for base, _ in RUN.values():
        if str(base) not in found:
            folder = tmp_path_factory.mktemp("usual")
            found[str(base)] = _left_by_a_run(base, folder, crops)
            assert found[str(base)]["failed"] == 0, found[str(base)]["said"]
    return found


@pytest.mark.parametrize("name", RUN)
def test_each_setting_of_a_run_changes_what_it_leaves_or_says(
    name: str, usual: dict[str, Any], crops: Path, tmp_path: Path
) -> None:
    base, value = RUN[name]

    changed = _left_by_a_run({**base, name: value}, tmp_path, crops)

    if name != "run.device":
        assert changed["failed"] == 0, changed["said"]
    assert changed != usual[str(base)]


def _another(named: NamedSetting) -> str | None:
    """Return a value that is not the default, as it is typed; None where a flag has none."""
    about = named.setting
    if named.kind is bool:
        return None
    if about.choices:
        return next(choice for choice in about.choices if choice != named.default)
    if named.kind in (int, float):
        default = (about.low or 0) if named.default in (None, MISSING) else named.default
        larger = default + named.kind(1 if about.high is None else (about.high - default) / 2)
        return str(larger if larger > default else about.low)
    return "unmask" if issubclass(named.kind, Direction) else "another"


@pytest.mark.parametrize("name", sorted(set(main.commands) - {"fit"}))
def test_every_option_of_the_other_commands_reaches_its_setting(name: str) -> None:
    command = main.commands[name]
    options = [each for each in command.params if isinstance(each, SettingOption)]
    assert options
    for option in options:
        value = _another(option.named)
        # A flag that is on by default is typed as --no-FLAG.
        flag = option.secondary_opts[0] if option.named.default is True else option.opts[0]
        typed = [flag] if value is None else [flag, value]
        context = click.Context(command, info_name=name, resilient_parsing=True)
        command.parse_args(context, typed)
        settings = typed_settings(context)
        assert list(settings) == [option.named.name]
        assert settings[option.named.name] not in (option.named.default, None)
