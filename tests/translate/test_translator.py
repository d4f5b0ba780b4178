from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from facemask_video.core.direction import Direction
from facemask_video.core.errors import BrokenCropError
from facemask_video.core.faces import Crop, TrackedFace, TrackId
from facemask_video.core.geometry import Box
from facemask_video.core.pixels import to_alphas, to_images, to_network
from facemask_video.translate.networks import GeneratorSpec, build_generator
from facemask_video.translate.translator import Translator
from facemask_video.translate.weights import WeightsCard, save_generator

CPU = torch.device("cpu")


def _crop(seed: int, size_px: int = 32) -> Crop:
    image = np.random.default_rng(seed).integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)
    landmarks = np.zeros((5, 2), np.float32)
    face = TrackedFace(TrackId(seed), Box(0, 0, 9, 9), landmarks, 0.9, True)
    return Crop(image, np.eye(2, 3), face)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    spec = GeneratorSpec(ngf=4, n_blocks=1, final_kernel=3)
    path = tmp_path / "unmask.safetensors"
    card = WeightsCard(direction=Direction.UNMASK, spec=spec, crop_size_px=32)
    save_generator(path, build_generator(spec), card)
    return path


def _load(path: Path, precision: str = "fp32", device: torch.device = CPU) -> Translator:
    return Translator.load(path, direction=Direction.UNMASK, device=device, precision=precision)


def test_a_batch_comes_back_in_order_and_as_each_alone(weights: Path) -> None:
    translator = _load(weights)
    crops = [_crop(seed) for seed in range(5)]

    together = translator.translate(crops)

    assert [result.source for result in together] == crops
    for crop, result in zip(crops, together, strict=True):
        [alone] = translator.translate([crop])
        assert np.abs(alone.image.astype(int) - result.image).max() <= 1
        assert np.allclose(alone.alpha, result.alpha, atol=1e-5)


def test_no_crops_give_no_results(weights: Path) -> None:
    assert _load(weights).translate([]) == []


def test_a_crop_of_another_size_is_refused(weights: Path) -> None:
    with pytest.raises(ValueError, match="got a crop of 48 px, expected 32"):
        _load(weights).translate([_crop(0), _crop(1, 48)])


def test_bf16_stays_near_fp32(weights: Path) -> None:
    crop = _crop(0)

    exact, rounded = (
        _load(weights, precision).translate([crop])[0] for precision in ("fp32", "bf16")
    )

    # bf16 has 8 bits of fraction; a few levels through a dozen layers.
    assert np.abs(exact.image.astype(int) - rounded.image).mean() < 3


class _SmallDevice(nn.Module):
    """Paints each crop's negative; has memory for so many crops at once."""

    def __init__(self, holds: int) -> None:
        super().__init__()
        self.holds = holds
        self.sizes: list[int] = []

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        self.sizes.append(len(batch))
        if len(batch) > self.holds:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return -batch, torch.ones_like(batch[:, :1])


def _translator(network: nn.Module, precision: str = "fp32") -> Translator:
    card = WeightsCard(direction=Direction.UNMASK, spec=GeneratorSpec(), crop_size_px=32)
    return Translator(
        network,  # type: ignore[arg-type]
        card,
        device=CPU,
        precision=precision,
        name="own.safetensors",
    )


def test_where_memory_is_full_parts_of_the_batch_follow_one_another() -> None:
    network = _SmallDevice(holds=2)
    translator = _translator(network)
    crops = [_crop(seed) for seed in range(7)]

    results = [*translator.translate(crops), *translator.translate(crops[:4])]

    assert [result.source for result in results] == [*crops, *crops[:4]]
    assert all(np.array_equal(each.image, 255 - each.source.image) for each in results)
    # What did not fit is not tried again.
    assert network.sizes == [7, 4, 2, 2, 2, 1, 2, 2]
    assert len(translator.notes) == 1
    assert "at most 2 faces went through the generator at once" in translator.notes[0]
    # Another source may come when the memory is free again.
    assert translator.for_source("b.mp4").notes == []


def test_where_memory_does_not_hold_one_crop_it_says_so() -> None:
    with pytest.raises(torch.cuda.OutOfMemoryError):
        _translator(_SmallDevice(holds=0)).translate([_crop(0), _crop(1)])


class _Breaks(nn.Module):
    """Gives one value that is no number, for one crop of each batch."""

    def __init__(self, value: float, place: int, *, in_alpha: bool) -> None:
        super().__init__()
        self.value, self.place, self.in_alpha = value, place, in_alpha

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        painted, alpha = batch.clone(), torch.ones_like(batch[:, :1])
        (alpha if self.in_alpha else painted)[self.place, 0, 5, 5] = self.value
        return painted, alpha


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("in_alpha", [False, True])
def test_values_that_are_no_numbers_are_refused_and_the_crop_named(
    value: float, in_alpha: bool
) -> None:
    translator = _translator(_Breaks(value, 2, in_alpha=in_alpha))

    with pytest.raises(BrokenCropError, match=r"own\.safetensors: gives values that") as error:
        translator.translate([_crop(seed) for seed in range(4)])

    assert error.value.place == 2
    assert "--precision" not in str(error.value)


def test_where_half_precision_gives_no_numbers_full_precision_is_advised() -> None:
    with pytest.raises(BrokenCropError, match=r"in bf16.*take --precision fp32"):
        _translator(_Breaks(float("nan"), 0, in_alpha=False), "bf16").translate([_crop(0)])


@pytest.mark.needs_cuda
@pytest.mark.parametrize("architecture", ["resnet", "two-stage"])
@pytest.mark.parametrize(("precision", "levels"), [("fp32", 0.5), ("bf16", 3.0), ("fp16", 1.0)])
def test_a_gpu_gives_what_a_processor_gives(
    architecture: str, precision: str, levels: float, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    spec = GeneratorSpec(
        architecture=architecture, ngf=8, n_blocks=2, fold=2, mirrored=architecture == "two-stage"
    )
    path = tmp_path / "unmask.safetensors"
    card = WeightsCard(direction=Direction.UNMASK, spec=spec, crop_size_px=64)
    save_generator(path, build_generator(spec), card)
    crops = [_crop(seed, 64) for seed in range(5)]

    expected = _load(path).translate(crops)
    found = _load(path, precision, torch.device("cuda")).translate(crops)

    for crop, here, there in zip(crops, expected, found, strict=True):
        assert there.source is crop
        assert np.abs(here.image.astype(int) - there.image).mean() < levels
        assert np.abs(here.alpha - there.alpha).mean() < levels / 127.5


def test_pixels_survive_the_way_to_the_network_and_back() -> None:
    image = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)

    batch = to_network([image, 255 - image], CPU)

    assert batch.shape == (2, 3, 16, 16)
    assert (float(batch.min()), float(batch.max())) == (-1.0, 1.0)
    for back, given in zip(to_images(batch), (image, 255 - image), strict=True):
        assert np.array_equal(back, given)


def test_opacities_are_held_to_their_range() -> None:
    [alpha] = to_alphas(torch.tensor([[[[-0.5, 0.25], [0.5, 1.5]]]]))

    assert alpha.tolist() == [[0.0, 0.25], [0.5, 1.0]]
