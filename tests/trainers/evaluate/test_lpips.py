"""LPIPS reads its backbone from a file, tells which it is, and gives the metric's own values."""

from pathlib import Path

import pytest
import torch
import torchvision
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from facemask_video.core.errors import WeightsError
from tests.trainers.tiny import drawn_crops
from trainers.evaluate.crop_pairs import CropPairs, draw_mask_pairs
from trainers.evaluate.image_quality import measure_pairs
from trainers.evaluate.lpips import find_lpips, load_lpips
from trainers.evaluate.measurement import Context

CONTEXT = Context("unmask/drawn", "drawn faces", "", 1)


@pytest.fixture(scope="module")
def pairs() -> CropPairs:
    return draw_mask_pairs(drawn_crops(2, size_px=64), seed=3)


def squeezenet(path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    return path


def alexnet_features(path: Path) -> Path:
    """Store what LPIPS takes of AlexNet, a tenth of its weights."""
    torch.manual_seed(0)
    features = torchvision.models.alexnet(weights=None).features.state_dict()
    torch.save({f"features.{name}": tensor for name, tensor in features.items()}, path)
    return path


def test_values_are_those_of_torchmetrics_on_the_same_backbone(
    pairs: CropPairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub/checkpoints"
    folder.mkdir(parents=True)
    file = squeezenet(folder / "squeezenet1_1-b8a52dc0.pth")
    name, lpips = load_lpips(file)
    assert name == "LPIPS (squeeze)"
    metric = LearnedPerceptualImagePatchSimilarity(net_type="squeeze", normalize=True)
    for output, true, found in zip(
        pairs.masked.images, pairs.truth, lpips(pairs.masked.images, pairs.truth), strict=True
    ):
        both = [torch.from_numpy(image).permute(2, 0, 1)[None] / 255 for image in (output, true)]
        assert found == pytest.approx(float(metric(*both)), rel=1e-4)
        assert found > 0
    assert lpips(pairs.truth[:1], pairs.truth[:1]) == pytest.approx(0)


def test_the_backbone_is_told_by_its_weights_whatever_the_file_is_called(
    pairs: CropPairs, tmp_path: Path
) -> None:
    name, lpips = load_lpips(alexnet_features(tmp_path / "any.pth"))
    assert name == "LPIPS (alex)"
    figures = measure_pairs(pairs, pairs.masked.images, CONTEXT, lpips=lpips)
    assert figures[-1].name == "lpips_whole"
    assert figures[-1].value > 0


def test_a_backbone_on_disk_is_taken_unasked_and_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert find_lpips() is None
    folder = tmp_path / "hub/checkpoints"
    folder.mkdir(parents=True)
    squeezenet(folder / "squeezenet1_1-b8a52dc0.pth")
    found = find_lpips()
    assert found is not None
    assert found[0] == "LPIPS (squeeze)"


def test_files_that_hold_no_backbone_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth: no such backbone"):
        load_lpips(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(WeightsError, match=r"text\.pth: not weights that can be read"):
        load_lpips(tmp_path / "text.pth")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="expected torchvision's AlexNet"):
        load_lpips(tmp_path / "other.pth")
    torch.save({"features.0.weight": torch.zeros(64, 3, 11, 11)}, tmp_path / "half.pth")
    with pytest.raises(WeightsError, match=r"half\.pth: not a whole backbone"):
        load_lpips(tmp_path / "half.pth")
