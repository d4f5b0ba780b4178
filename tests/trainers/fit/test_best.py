from pathlib import Path

import pytest
import torch

from facemask_video.core.errors import WeightsError
from facemask_video.translate.networks import GeneratorSpec, Translation, build_generator
from tests.trainers.tiny import drawn_crops
from trainers.data.crops import CropSet
from trainers.fit.best import Best, HeldOutDistance

CPU = torch.device("cpu")


def test_a_generator_that_changes_nothing_measures_as_far_as_the_domains_lie_apart() -> None:
    bare, grey = drawn_crops(10, size_px=48, seed=1), drawn_crops(10, size_px=48, seed=2)
    grey.images[:, 24:] = 90
    distance = HeldOutDistance.of(bare, grey, crop_size_px=48, device=CPU)
    torch.manual_seed(0)
    network = build_generator(GeneratorSpec(ngf=4, n_blocks=1)).eval()

    class Painter(torch.nn.Module):
        """Paints the lower half grey, as the masked set has it."""

        def forward(self, image: torch.Tensor) -> Translation:
            alpha = torch.zeros_like(image[:, :1])
            alpha[:, :, 24:] = 1
            return Translation(torch.full_like(image, 90 / 127.5 - 1), alpha)

    apart = distance.measure({"mask": network, "unmask": network})
    right = distance.measure({"mask": Painter()})  # type: ignore[dict-item]

    assert set(apart) == {"mask/kd", "unmask/kd"}
    assert right["mask/kd"] < 0.5 * apart["mask/kd"]


def test_only_a_lower_distance_is_better_and_nan_never_is() -> None:
    best = Best()

    taken = [best.improves({"mask/kd": value}, 1) for value in (2.0, 3.0, float("nan"), 1.0)]

    assert taken == [True, False, False, True]
    resumed = Best()
    resumed.load_state_dict(best.state_dict())
    assert resumed == best


class _Inception(torch.nn.Module):
    """Stands for the network whose weights are a download: takes bytes, gives 2,048 numbers."""

    def __init__(self, name: str, features_list: list[str], feature_extractor_weights_path: str):
        super().__init__()
        self.weights = torch.load(feature_extractor_weights_path, weights_only=True)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        assert pictures.dtype == torch.uint8
        small = torch.nn.functional.interpolate(pictures.float(), size=(8, 8), mode="area")
        return small.flatten(1) @ self.weights


def test_the_distance_is_kid_where_inception_s_weights_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainers.evaluate.distribution.NoTrainInceptionV3", _Inception)
    torch.save(torch.randn(192, 2048), tmp_path / "inception.pth")
    bare, grey = drawn_crops(10, size_px=48, seed=1), drawn_crops(10, size_px=48, seed=2)
    grey.images[:, 24:] = 90
    torch.manual_seed(0)
    generators = {"unmask": build_generator(GeneratorSpec(ngf=4, n_blocks=1)).eval()}

    def measure(masked: CropSet) -> dict[str, float]:
        inception = tmp_path / "inception.pth"
        return HeldOutDistance.of(
            bare, masked, crop_size_px=48, device=CPU, inception=inception
        ).measure(generators)

    assert set(measure(grey)) == {"unmask/kid"}
    assert measure(grey)["unmask/kid"] > measure(bare)["unmask/kid"]
    with pytest.raises(WeightsError, match="no Inception weights there; fetch pt_inception"):
        HeldOutDistance.of(bare, grey, crop_size_px=48, device=CPU, inception=tmp_path / "none")
