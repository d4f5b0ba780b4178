from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, TrainingError
from facemask_video.translate.networks import GeneratorSpec, build_generator
from facemask_video.translate.weights import WeightsCard
from tests.trainers.tiny import drawn_crops, tiny_config
from trainers.cli import main
from trainers.fit.loop import fit
from trainers.fit.onnx_export import export_onnx
from trainers.fit.runs import RunFolder
from trainers.fit.training_crops import load_training_crops

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

SMALL = {"ngf": 4, "n_blocks": 1, "segmentation_ngf": 4}


@pytest.mark.parametrize(
    "spec",
    [
        GeneratorSpec(**SMALL),  # type: ignore[arg-type]
        GeneratorSpec(**SMALL, architecture="two-stage", fold=2, norm="batch"),  # type: ignore[arg-type]
        GeneratorSpec(**SMALL, architecture="unet", n_downsampling=4),  # type: ignore[arg-type]
        GeneratorSpec(**SMALL, attention=True, norm="hybrid", upsampling="transpose"),  # type: ignore[arg-type]
    ],
    ids=lambda spec: f"{spec.architecture}-{spec.norm}",
)
def test_onnx_gives_the_pictures_of_torch_at_any_batch_size(
    tmp_path: Path, spec: GeneratorSpec
) -> None:
    torch.manual_seed(0)
    network = build_generator(spec).eval()
    card = WeightsCard(direction=Direction.MASK, spec=spec, crop_size_px=32)
    path = tmp_path / "mask.onnx"

    difference = export_onnx(path, network, card, list(drawn_crops(3, size_px=32).images))

    assert difference < 1e-4
    assert [file.name for file in tmp_path.iterdir()] == ["mask.onnx"]
    properties = {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}
    assert properties["direction"] == "mask"
    assert properties["value_range"] == "-1..1"
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    image = np.zeros((5, 3, 32, 32), np.float32)
    painted, alpha = session.run(None, {"image": image})
    assert (painted.shape, alpha.shape) == ((5, 3, 32, 32), (5, 1, 32, 32))


def test_a_file_that_differs_from_torch_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainers.fit.onnx_export._TOLERANCE", -1.0)
    spec = GeneratorSpec(**SMALL)  # type: ignore[arg-type]
    card = WeightsCard(direction=Direction.MASK, spec=spec, crop_size_px=32)

    with pytest.raises(TrainingError, match="not written, ONNX and torch differ by"):
        export_onnx(
            tmp_path / "mask.onnx",
            build_generator(spec).eval(),
            card,
            list(drawn_crops(1, size_px=32).images),
        )

    assert not list(tmp_path.iterdir())


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    spec = GeneratorSpec(**SMALL)  # type: ignore[arg-type]
    card = WeightsCard(direction=Direction.MASK, spec=spec, crop_size_px=32)

    with pytest.raises(ConfigError, match="--onnx: the package onnx is not installed"):
        export_onnx(tmp_path / "mask.onnx", build_generator(spec), card, [])


def test_the_command_writes_onnx_beside_the_weights(tmp_path: Path) -> None:
    drawn_crops(8, seed=1).save(tmp_path / "bare.npz")
    drawn_crops(8, seed=2, name="masked").save(tmp_path / "masked.npz")
    config = tiny_config(
        data__bare=tmp_path / "bare.npz", data__masked=tmp_path / "masked.npz", run__images=4
    )
    run = RunFolder.create(tmp_path, "tiny")
    cpu = torch.device("cpu")
    crops = load_training_crops(config.data, run.crops, device=cpu)
    fit(config, run, crops, device=cpu, precision=torch.float32)

    result = CliRunner().invoke(
        main, ["export", str(run.path), "-o", str(tmp_path / "out"), "--onnx"]
    )

    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "mask-standard.onnx",
        "mask-standard.safetensors",
        "unmask-standard.onnx",
        "unmask-standard.safetensors",
    ]
