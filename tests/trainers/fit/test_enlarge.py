from pathlib import Path

import pytest
import torch
from torch import Tensor

from facemask_video.core.direction import Direction
from facemask_video.core.errors import WeightsError
from facemask_video.translate.networks import (
    GeneratorSpec,
    TwoStageGenerator,
    build_generator,
)
from facemask_video.translate.networks.one_stage import OneStageGenerator
from facemask_video.translate.weights import WeightsCard, save_generator
from trainers.config import StartConfig, TrainConfig
from trainers.fit.build import build_method
from trainers.fit.enlarge import enlarge, enlarged_spec

SIZES = {"ngf": 8, "n_blocks": 1, "norm": "batch", "padding": "zero", "final_kernel": 3}


def _doubled(image: Tensor) -> Tensor:
    return image.repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.mark.parametrize("fold", [1, 2])
def test_an_enlarged_network_paints_the_same_at_twice_the_size(fold: int) -> None:
    spec = GeneratorSpec(**SIZES, fold=fold)  # type: ignore[arg-type]
    small = build_generator(spec).eval()
    large = build_generator(enlarged_spec(spec)).eval()
    assert isinstance(small, OneStageGenerator)
    assert isinstance(large, OneStageGenerator)
    image = torch.rand(2, 3, 32, 32) * 2 - 1

    large.load_state_dict(enlarge(small.state_dict(), spec))

    for had, has in zip(small(image), large(_doubled(image)), strict=True):
        assert torch.allclose(_doubled(had), has, atol=1e-5)


def test_both_stages_of_a_two_stage_generator_are_enlarged() -> None:
    spec = GeneratorSpec(architecture="two-stage", segmentation_ngf=8, fold=2, skips=True, **SIZES)  # type: ignore[arg-type]
    small = build_generator(spec).eval()
    large = build_generator(enlarged_spec(spec)).eval()
    assert isinstance(small, TwoStageGenerator)
    assert isinstance(large, TwoStageGenerator)
    image = torch.rand(1, 4, 32, 32) * 2 - 1

    large.load_state_dict(enlarge(small.state_dict(), spec))

    logits = small.mask_logits(image[:, :3])
    assert torch.allclose(_doubled(logits), large.mask_logits(_doubled(image[:, :3])), atol=1e-5)
    assert torch.allclose(
        _doubled(small.completion(image)), large.completion(_doubled(image)), atol=1e-5
    )


def _config(path: Path, *, fold: int) -> TrainConfig:
    return TrainConfig(
        mask=GeneratorSpec(**SIZES, fold=fold),  # type: ignore[arg-type]
        unmask=GeneratorSpec(ngf=8, n_blocks=0),
        start=StartConfig(mask=path),
    )


def test_a_run_at_twice_the_size_begins_with_the_smaller_weights(tmp_path: Path) -> None:
    spec = GeneratorSpec(**SIZES, fold=1)  # type: ignore[arg-type]
    small = build_generator(spec)
    path = tmp_path / "mask.safetensors"
    save_generator(path, small, WeightsCard(Direction.MASK, spec, 32))
    device, precision = torch.device("cpu"), torch.float32

    method = build_method(_config(path, fold=2), device=device, precision=precision)

    expected = enlarge(small.state_dict(), spec)
    for name, tensor in dict(method.generators())["mask"].state_dict().items():
        assert torch.allclose(tensor.float(), expected[name].float(), atol=2e-3), name
    with pytest.raises(WeightsError, match="twice the size"):
        build_method(_config(path, fold=4), device=device, precision=precision)
