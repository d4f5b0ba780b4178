import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from safetensors.torch import load_file, save_file

from facemask_video.config import TranslateConfig
from facemask_video.config.settings import settings_of
from facemask_video.core import shipped_weights
from facemask_video.core.direction import Direction
from facemask_video.core.errors import WeightsError
from facemask_video.core.shipped_weights import default_weights
from facemask_video.translate.networks import Generator, GeneratorSpec, build_generator
from facemask_video.translate.weights import WeightsCard, load_generator, read_card, save_generator
from trainers.config.run import Capacity

SPEC = GeneratorSpec(ngf=4, n_blocks=1, final_kernel=3)
CARD = WeightsCard(
    direction=Direction.MASK, spec=SPEC, crop_size_px=32, images_seen=1234, config_sha256="abc"
)


@pytest.fixture
def network() -> Generator:
    torch.manual_seed(0)
    return build_generator(SPEC).eval()


@pytest.fixture
def saved(tmp_path: Path, network: Generator) -> Path:
    path = tmp_path / "mask.safetensors"
    save_generator(path, network, CARD)
    return path


def _with_metadata(path: Path, **changes: Any) -> Path:
    metadata = CARD.to_metadata() | changes
    save_file(load_file(path), path, metadata=metadata)
    return path


def _one_line(error: pytest.ExceptionInfo[WeightsError], path: Path) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_a_generator_comes_back_as_it_was_but_for_half_precision(
    saved: Path, network: Generator
) -> None:
    image = torch.rand(1, 3, 32, 32)

    loaded, card = load_generator(saved, direction=Direction.MASK)

    assert card == CARD
    assert len(card.sha256) == 64
    assert card.sha256 == read_card(saved).sha256
    for name, weight in loaded.state_dict().items():
        assert torch.equal(weight, network.state_dict()[name].half().float()), name
    assert torch.allclose(loaded(image).painted, network(image).painted, atol=5e-3)
    assert not any(p.requires_grad for p in loaded.parameters())


def test_a_file_whose_names_are_those_of_earlier_versions_is_read(tmp_path: Path) -> None:
    spec = GeneratorSpec("two-stage", ngf=4, n_blocks=1, segmentation_ngf=6, fold=2)
    network = build_generator(spec)
    path = tmp_path / "unmask.safetensors"
    card = WeightsCard(Direction.UNMASK, spec, 32)
    save_generator(path, network, card)
    metadata = card.to_metadata()
    metadata["spec"] = metadata["spec"].replace("segmentation_ngf", "outline_ngf")
    tensors = load_file(path)
    former = {name.replace("segmentation.", "outline."): tensors[name] for name in tensors}
    assert set(former) != set(tensors)
    # Beside the other, whose tensors may still lie in the file.
    save_file(former, tmp_path / "former.safetensors", metadata=metadata)

    loaded, read = load_generator(tmp_path / "former.safetensors", direction=Direction.UNMASK)

    assert read.spec == spec
    assert list(loaded.state_dict()) == list(network.state_dict())
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, tensors[name].float()), name


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"direction": "unmask"}, "direction is unmask, expected mask; pass --weights for mask"),
        ({"alignment_id": "eyes99"}, "alignment_id is eyes99, expected eyes27"),
        ({"value_range": "0..1"}, "value_range is 0..1, expected -1..1"),
        ({"format": "facemask-weights/9"}, "format is facemask-weights/9"),
        ({"crop_size_px": "wide"}, "card is damaged"),
        ({"spec": "{"}, "card is damaged"),
        ({"spec": json.dumps({"ngf": 0})}, "card is damaged"),
        (
            {"spec": json.dumps(dataclasses.asdict(dataclasses.replace(SPEC, ngf=8)))},
            "tensors do not fit",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_mismatch_is_refused_with_expected_and_found(
    saved: Path, changes: dict[str, str], expected: str
) -> None:
    path = _with_metadata(saved, **changes)

    with pytest.raises(WeightsError) as error:
        load_generator(path, direction=Direction.MASK)

    assert expected in _one_line(error, path)


def test_a_file_without_a_card_is_refused(saved: Path) -> None:
    save_file(load_file(saved), saved)

    with pytest.raises(WeightsError, match="format is not stated"):
        load_generator(saved, direction=Direction.MASK)


def test_weights_that_are_not_finite_are_refused(saved: Path) -> None:
    tensors = load_file(saved)
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    save_file(tensors, saved, metadata=CARD.to_metadata())

    with pytest.raises(WeightsError) as error:
        load_generator(saved, direction=Direction.MASK)

    assert "not finite" in _one_line(error, saved)


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_what_half_precision_cannot_hold_is_not_written(
    tmp_path: Path, network: Generator, value: float
) -> None:
    next(network.parameters()).data[0, 0, 0, 0] = value
    path = tmp_path / "mask.safetensors"

    with pytest.raises(WeightsError, match="not written"):
        save_generator(path, network, CARD)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("keep", [0, 4, 100, 2000])
def test_a_damaged_file_is_refused(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])

    with pytest.raises(WeightsError) as error:
        load_generator(saved, direction=Direction.MASK)

    assert "not a safetensors file" in _one_line(error, saved)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        load_generator(tmp_path / "none.safetensors", direction=Direction.MASK)


@pytest.mark.parametrize(("quality", "capacity"), [("fast", "lite"), ("standard", "standard")])
def test_each_quality_has_its_file_for_each_direction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quality: str, capacity: str
) -> None:
    monkeypatch.setattr(shipped_weights, "SHIPPED", tmp_path)
    with pytest.raises(WeightsError) as error:
        default_weights(Direction.UNMASK, quality)
    path = tmp_path / f"unmask-{capacity}.safetensors"
    assert f"ships no {quality} weights for unmask" in _one_line(error, path)

    path.touch()

    assert default_weights(Direction.UNMASK, quality) == path


def test_the_qualities_that_can_be_asked_for_are_those_that_have_files() -> None:
    [asked] = [named for named in settings_of(TranslateConfig) if named.key == "quality"]

    assert set(asked.setting.choices) == set(shipped_weights.CAPACITIES)
    assert set(get_args(Capacity)) == set(shipped_weights.CAPACITIES.values())
