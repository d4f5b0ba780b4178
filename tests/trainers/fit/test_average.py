"""Averaging weights: shares given or chosen, and what cannot be averaged."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from facemask_video.core.direction import Direction
from facemask_video.translate.networks import GeneratorSpec, build_generator
from facemask_video.translate.weights import WeightsCard, load_generator, save_generator
from tests.trainers.tiny import drawn_crops, drawn_training_crops
from trainers.cli import main
from trainers.fit.average import average, choose_shares, load_alike
from trainers.fit.training_crops import TrainingCrops

SPEC = GeneratorSpec(ngf=4, n_blocks=1, final_kernel=3)


def save(path: Path, value: float, *, spec: GeneratorSpec = SPEC, files: str = "f") -> Path:
    """Write a generator of which all weights have one value."""
    network = build_generator(spec)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.fill_(value)
    card = WeightsCard(
        Direction.UNMASK, spec, 48, images_seen=int(value * 100), training_files_sha256=files
    )
    save_generator(path, network, card)
    return path


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    return [save(tmp_path / "a.safetensors", 1.0), save(tmp_path / "b.safetensors", 0.0)]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["average", *map(str, arguments)])


def test_the_mean_is_by_the_shares_and_its_card_says_of_what(
    two: list[Path], tmp_path: Path
) -> None:
    output = tmp_path / "mean.safetensors"

    result = run(*two, "--shares", "0.25,0.75", "-o", output)

    assert result.exit_code == 0, result.output
    mean, card = load_generator(output, direction=Direction.UNMASK)
    assert all((value == 0.25).all() for value in mean.parameters())
    assert card.images_seen == 100
    assert card.training_files_sha256 == "f"
    assert len(card.config_sha256) == 64
    again = run(*two, "--shares", "0.5,0.5", "-o", output)
    assert again.exit_code == 2
    assert "pass --overwrite" in again.output


def test_shares_are_tried_in_steps_and_the_best_are_found(two: list[Path]) -> None:
    generators, cards = load_alike(two)

    tried = list(
        choose_shares(
            generators,
            cards,
            lambda network: abs(float(next(network.parameters()).mean()) - 0.7),
            n_steps=4,
        )
    )

    assert len(tried) == 5
    assert min(tried, key=lambda each: each.value).shares == (0.75, 0.25)


def test_shares_are_chosen_by_faces_set_aside(two: list[Path], tmp_path: Path) -> None:
    for name in ("bare", "masked"):
        drawn_crops(24, size_px=48, seed=len(name), name=name).save(tmp_path / f"{name}.npz")
    faces = ("--bare", tmp_path / "bare.npz", "--masked", tmp_path / "masked.npz")
    output = tmp_path / "mean.safetensors"

    options = ("--choose-on", "validation", "--steps", 1, "--held-out", 0.4, "--device", "cpu")
    result = run(*two, *faces, *options, "-o", output)

    assert result.exit_code == 0, result.output
    lines = [line for line in result.stderr.splitlines() if line[0].isdigit()]
    values = {line.partition(":")[0]: float(line.rpartition(" ")[2]) for line in lines}
    assert set(values) == {"0 1", "1 0"}
    assert f"unmask, {min(values, key=values.__getitem__)}" in result.output
    assert output.is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shares", "0.5"), "--shares: got 0.5 for 2 weights"),
        (("--shares", "0.5,0.6"), "that add up to 1"),
        (("--shares", "half,half"), "expected numbers with commas between"),
        ((), "pass either --shares X,Y,... or --choose-on validation"),
    ],
)
def test_shares_that_are_none_are_one_line(
    two: list[Path], tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = run(*two, *options, "-o", tmp_path / "mean.safetensors")

    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "mean.safetensors").exists()


def test_weights_of_another_kind_or_list_of_pictures_are_told_apart(tmp_path: Path) -> None:
    first = save(tmp_path / "a.safetensors", 1.0)
    wide = save(tmp_path / "wide.safetensors", 1.0, spec=GeneratorSpec(ngf=8, n_blocks=1))
    other = save(tmp_path / "other.safetensors", 0.5, files="g")

    result = run(first, wide, "--shares", "0.5,0.5", "-o", tmp_path / "mean.safetensors")

    assert result.exit_code == 1
    assert "wide.safetensors: its spec is not that of" in result.output
    generators, cards = load_alike([first, other])
    assert average(generators, cards, (0.5, 0.5))[1].training_files_sha256 == ""


def test_a_run_folder_without_weights_is_one_line(two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/options.json").write_text("{}")

    result = run(tmp_path / "run", two[0], "--shares", "0.5,0.5", "-o", tmp_path / "m.safetensors")

    assert result.exit_code == 2
    assert "holds 0 weights files" in result.output


def test_the_hash_of_the_pictures_is_of_their_list_whatever_the_order() -> None:
    crops = drawn_training_crops()
    turned = TrainingCrops(
        crops.bare.take(np.arange(16) >= 8), crops.masked, crops.bare_held_out, crops.masked
    )

    assert crops.file_list().splitlines()[0] == "bare/000.png"
    assert crops.file_list().count("\n") == 32
    assert crops.files_sha256() == drawn_training_crops().files_sha256()
    assert crops.files_sha256() != turned.files_sha256()
