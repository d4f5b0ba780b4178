import json
import os
import signal
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from safetensors.torch import load_file

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, TrainingError
from facemask_video.translate.weights import load_generator, read_card
from tests.trainers.tiny import drawn_training_crops, tiny_config
from trainers.config import TrainConfig
from trainers.fit.checkpoint import newest_checkpoint, read_checkpoint
from trainers.fit.ema import Averages
from trainers.fit.export import export_run
from trainers.fit.loop import Outcome, fit
from trainers.fit.meter import Meter
from trainers.fit.runs import RunFolder
from trainers.gan.method import StepLosses
from trainers.gan.warm_start import WarmStart

CPU = torch.device("cpu")


def _fit(
    config: TrainConfig,
    run: RunFolder,
    *,
    device: torch.device = CPU,
    resume: bool = False,
    **arguments: Any,
) -> Outcome:
    return fit(
        config,
        run,
        drawn_training_crops(),
        device=device,
        precision=torch.float32,
        resume=resume,
        **arguments,
    )


def _new_run(folder: Path) -> RunFolder:
    return RunFolder.create(folder, "tiny")


def same(one: Any, other: Any, where: str = "") -> None:
    """Hold nested states against each other, bit for bit."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            same(a, b, f"{where}/{index}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


def _stopped_at(
    images_seen: int, config: TrainConfig, run: RunFolder, device: torch.device = CPU
) -> None:
    """Begin a run and interrupt it when it has seen some images."""
    step, seen = Averages.update, []

    def update(averages: Averages, now: int, n_images: int) -> None:
        step(averages, now, n_images)
        seen.append(now)
        if now == images_seen:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Averages, "update", update)
        assert _fit(config, run, device=device).images_seen == images_seen == seen[-1]


def test_a_run_leaves_options_statistics_previews_checkpoints_and_weights(tmp_path: Path) -> None:
    run = _new_run(tmp_path)
    lines: list[dict[str, float]] = []

    outcome = _fit(tiny_config(run__tensorboard=True), run, on_stats=lines.append)

    assert outcome == Outcome(24, "")
    assert run.path.name == "00000-tiny"
    assert json.loads(run.options.read_text())["mask"]["ngf"] == 4
    assert run.read_stats() == lines
    assert [line["images_seen"] for line in lines] == [8, 16, 24]
    assert {"mask/l1", "unmask/segmentation", "images_per_s"} <= lines[-1].keys()
    pictures = sorted(run.previews.iterdir())
    assert [path.stem for path in pictures] == ["000000016", "000000024"]
    # Seven rows of three held-out faces of 32 px, each below a caption.
    picture = cv2.imread(str(pictures[-1]))
    assert picture is not None
    assert picture.shape == (7 * (20 + 32), 3 * 32, 3)
    assert [path.stem for path in sorted(run.checkpoints.iterdir())] == ["000000016", "000000024"]
    assert cv2.imread(str(run.curves)) is not None
    [events] = run.events.iterdir()
    assert b"unmask/segmentation" in events.read_bytes()
    for direction in Direction:
        network, card = load_generator(
            run.weights / f"{direction}-standard.safetensors", direction=direction
        )
        assert (card.images_seen, card.crop_size_px, len(card.config_sha256)) == (24, 32, 64)
        assert all(torch.isfinite(p).all() for p in network.parameters())


each_method = pytest.mark.parametrize(
    "method",
    [
        {"method": "warm-start"},
        {
            "method": "cyclegan",
            "cyclegan.pool_size": 3,
            "run.measure_every": 8,
            "discriminator.diff_augment": "color,translation,cutout",
            "extras.lambda_equivariance": 1.0,
            "optim.lr_policy": "plateau",
            "optim.lr_decay_images": 8,
        },
        {"method": "pix2pix", "optim.optimizer": "sgd"},
        {"method": "cut", "cut.flip_equivariance": True, "cut.num_patches": 16},
    ],
    ids=lambda method: method["method"],
)


@each_method
def test_a_resumed_run_equals_one_that_never_stopped_bit_for_bit(
    tmp_path: Path, method: dict[str, Any]
) -> None:
    whole, halves = _new_run(tmp_path), _new_run(tmp_path)

    _fit(tiny_config(**method), whole)
    _stopped_at(12, tiny_config(**method), halves)
    torch.rand(7)  # whatever happens between must not matter
    _fit(tiny_config(**method), halves, resume=True)

    states = [read_checkpoint(newest_checkpoint(run.checkpoints)) for run in (whole, halves)]
    assert states[0]["images_seen"] == 24
    assert not whole.events.exists()
    same(states[0], states[1])
    one, other = (load_file(run.weights / "mask-standard.safetensors") for run in (whole, halves))
    same(one, other)


@pytest.mark.needs_cuda
@each_method
def test_on_a_gpu_a_resumed_run_goes_on_as_one_that_never_stopped(
    tmp_path: Path, method: dict[str, Any]
) -> None:
    whole, halves = _new_run(tmp_path), _new_run(tmp_path)
    device = torch.device("cuda")
    # The workers are forked from a process that uses the GPU.
    config = tiny_config(**method, data__n_workers=1)

    _fit(config, whole, device=device)
    _stopped_at(12, config, halves, device)
    torch.rand(7, device=device)
    _fit(config, halves, device=device, resume=True)

    states = [read_checkpoint(newest_checkpoint(run.checkpoints)) for run in (whole, halves)]
    assert states[0]["images_seen"] == states[1]["images_seen"] == 24
    [first], [second] = (state["processes"] for state in states)
    same(first["rng"], second["rng"])
    assert len(first["rng"]["cuda"]) == torch.cuda.device_count()
    # Sums on a GPU are added up in any order, so this is as equal as two runs are.
    lines, again = (
        [{k: v for k, v in line.items() if k != "images_per_s"} for line in run.read_stats()]
        for run in (whole, halves)
    )
    again = [line for line in again if line["images_seen"] != 12]  # written as it stopped
    for one, other in zip(lines, again, strict=True):
        assert other == pytest.approx(one, rel=0.05, abs=0.02)
    for path in whole.weights.iterdir():
        network, _ = load_generator(path, direction=Direction(path.name.partition("-")[0]))
        assert {parameter.device for parameter in network.parameters()} == {CPU}


def _in_the_second_format(state: dict[str, Any]) -> dict[str, Any]:
    """Lay a checkpoint out as the second format had it."""

    def renamed(named: dict[str, Any]) -> dict[str, Any]:
        return {name.replace("/discriminator", "/judge"): part for name, part in named.items()}

    parts, [process] = renamed(state["parts"]), state["processes"]
    meter = {key: renamed(process["parts"]["meter"][key]) for key in ("sums", "counts")}
    own = renamed(process["parts"]) | {"meter": meter}
    if "optimizers/unmask" in parts:  # the warm start had no pools
        own = {"meter": meter}
    return {
        **state,
        "format": "facemask-checkpoint/2",
        "parts": parts,
        "processes": [{**process, "parts": own}],
    }


def _in_the_first_format(state: dict[str, Any]) -> dict[str, Any]:
    """Lay a checkpoint out as the first format had it."""
    state = _in_the_second_format(state)
    parts, [process] = state["parts"], state["processes"]
    networks, optimizers, pools = (
        {name.removeprefix(kind): part for name, part in source.items() if name.startswith(kind)}
        for kind, source in (
            ("networks/", parts),
            ("optimizers/", parts),
            ("pools/", process["parts"]),
        )
    )
    method: dict[str, Any] = {"networks": networks, "optimizers": optimizers}
    if pools:
        method = {
            "generators": {n: p for n, p in networks.items() if n in ("mask", "unmask")},
            **{n: p for n, p in networks.items() if n == "embeddings"},
            "optimizer": next(p for n, p in optimizers.items() if n.startswith("generator")),
            **{
                name: {"network": networks[name], "optimizer": optimizers[name], "pool": pool}
                for name, pool in pools.items()
            },
        }
    return {
        "format": "facemask-checkpoint/1",
        "images_seen": state["images_seen"],
        "parts": {
            "method": method,
            "meter": process["parts"]["meter"],
            **{name: parts[name] for name in ("averages", "schedule", "best")},
        },
        "rng": process["rng"],
    }


@pytest.mark.parametrize("method", ["warm-start", "cyclegan", "pix2pix", "cut"])
def test_checkpoints_of_earlier_formats_are_read_alike(tmp_path: Path, method: str) -> None:
    run = _new_run(tmp_path)
    # With losses in the meter, which nobody has read yet.
    settings = {"run__images": 12, "warm_start__gan_from": 0, "cut__num_patches": 16}
    _fit(tiny_config(method=method, run__checkpoint_every=4, **settings), run)
    path = newest_checkpoint(run.checkpoints)
    state = read_checkpoint(path)

    for earlier in (_in_the_first_format, _in_the_second_format):
        torch.save(earlier(state), path)
        same(read_checkpoint(path), state)


def test_resuming_from_an_older_checkpoint_forgets_the_later_statistics(tmp_path: Path) -> None:
    run = _new_run(tmp_path)
    _fit(tiny_config(), run)
    (run.checkpoints / "000000024.pt").unlink()
    with run.stats.open("a") as file:
        file.write('{"images_seen": 9')  # a run that was killed while writing

    _fit(tiny_config(), run, resume=True)

    assert [line["images_seen"] for line in run.read_stats()] == [8, 16, 24]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_leaves(tmp_path: Path, number: signal.Signals) -> None:
    run = _new_run(tmp_path)
    handler = signal.getsignal(number)

    def interrupt(line: dict[str, float]) -> None:
        os.kill(os.getpid(), number)

    outcome = _fit(tiny_config(run__images=400, run__stats_every=12), run, on_stats=interrupt)

    assert outcome.stopped_by == number.name
    assert outcome.images_seen < 400
    state = read_checkpoint(newest_checkpoint(run.checkpoints))
    assert state["images_seen"] == outcome.images_seen
    assert (run.weights / "unmask-standard.safetensors").is_file()
    assert signal.getsignal(number) is handler


def test_nan_stops_the_run_and_the_last_good_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _new_run(tmp_path)
    step = WarmStart.step

    def poisoned(method: WarmStart, batch: Any, images_seen: int) -> StepLosses:
        if images_seen == 16:
            next(method.mask.parameters()).data.fill_(float("nan"))
        return step(method, batch, images_seen)

    monkeypatch.setattr(WarmStart, "step", poisoned)

    with pytest.raises(TrainingError, match=r"after 24 images .*mask/.* not a finite number"):
        _fit(tiny_config(run__images=48), run)

    state = read_checkpoint(newest_checkpoint(run.checkpoints))
    assert state["images_seen"] == 16
    assert all(torch.isfinite(w).all() for w in state["parts"]["networks/mask"].values())
    assert not run.weights.exists()


def test_weights_that_are_not_finite_are_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _new_run(tmp_path)
    step = WarmStart.step

    def poisoned(method: WarmStart, batch: Any, images_seen: int) -> StepLosses:
        losses = step(method, batch, images_seen)
        next(method.unmask.parameters()).data.fill_(float("inf"))
        return losses

    monkeypatch.setattr(WarmStart, "step", poisoned)

    with pytest.raises(TrainingError, match="unmask holds weights that are not finite"):
        _fit(tiny_config(run__batch_size=8), run)

    assert not run.checkpoints.exists()


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    run = _new_run(tmp_path)
    _fit(tiny_config(run__images=4), run)

    with pytest.raises(TrainingError, match="does not fit the networks configured") as error:
        _fit(tiny_config(mask__ngf=8), run, resume=True)

    assert "\n" not in str(error.value)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run = _new_run(tmp_path)
    _fit(tiny_config(run__images=4), run)
    path = newest_checkpoint(run.checkpoints)

    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"000000004\.pt: cannot be read"):
        read_checkpoint(path)

    torch.save({"weights": torch.zeros(1)}, path)
    with pytest.raises(TrainingError, match="not a checkpoint of this program"):
        read_checkpoint(path)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "000000001.pt"
    torch.save({"format": "facemask-checkpoint/1", "hook": os.system}, path)

    with pytest.raises(TrainingError, match="cannot be read"):
        read_checkpoint(path)


def test_a_folder_without_checkpoints_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no checkpoint"):
        newest_checkpoint(tmp_path)
    with pytest.raises(ConfigError, match=r"no run folder \(options.json is missing\)"):
        RunFolder.open(tmp_path)


def test_the_learning_rate_follows_its_policy(tmp_path: Path) -> None:
    run = _new_run(tmp_path)

    _fit(tiny_config(optim__lr_policy="linear", optim__lr=1e-3), run)

    state = read_checkpoint(newest_checkpoint(run.checkpoints))
    [group] = state["parts"]["optimizers/mask"]["param_groups"]
    # The last of six steps begins at 20 of 24 images.
    assert group["lr"] == pytest.approx(1e-3 * (1 - 20 / 24))


def test_exporting_a_run_writes_the_weights_that_it_ended_with(tmp_path: Path) -> None:
    run = _new_run(tmp_path)
    _fit(tiny_config(run__capacity="lite"), run)

    paths = export_run(run, tmp_path / "out")
    renamed = export_run(run, tmp_path / "out", capacity="standard")

    assert [path.name for path in paths] == ["mask-lite.safetensors", "unmask-lite.safetensors"]
    assert [path.name for path in renamed] == [
        path.name.replace("lite", "standard") for path in paths
    ]
    for path in [*paths, *renamed]:
        at_the_end = run.weights / path.name.replace("standard", "lite")
        same(load_file(path), load_file(at_the_end))
        assert read_card(path) == read_card(at_the_end)


def test_the_generators_that_measure_best_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _new_run(tmp_path)
    found = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(
        "trainers.fit.best.HeldOutDistance.measure", lambda *_: {"mask/kd": next(found)}
    )

    _fit(tiny_config(run__measure_every=8), run)

    measured = [line for line in run.read_stats() if "mask/kd" in line]
    assert [line["mask/kd"] for line in measured] == [3.0, 1.0, 2.0]
    assert read_card(run.best / "mask-standard.safetensors").images_seen == 16
    state = read_checkpoint(newest_checkpoint(run.checkpoints))
    assert state["parts"]["best"] == {"value": 1.0, "images_seen": 16}


def test_run_folders_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "00041-earlier").mkdir()
    (tmp_path / "notes").mkdir()

    assert [_new_run(tmp_path).path.name for _ in range(2)] == ["00042-tiny", "00043-tiny"]


def test_the_meter_averages_between_readings_and_refuses_nan() -> None:
    meter = Meter()
    for value in (1.0, 3.0):
        of_discriminators = {"mask/discriminator": torch.tensor(9.0)}
        meter.add(StepLosses({"loss": torch.tensor(value)}, of_discriminators), 4)

    reading = meter.read(8)
    assert reading.line["loss"] == reading.generator_loss == 2.0
    assert reading.line["mask/discriminator"] == 9.0
    broken = {"loss": torch.tensor(float("nan")), "fine": torch.tensor(1.0)}
    meter.add(StepLosses(broken, {}), 4)
    with pytest.raises(TrainingError, match="after 12 images loss is not a finite number"):
        meter.read(12)
