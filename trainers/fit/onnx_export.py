"""Write a generator as ONNX, and hold what it gives against torch."""

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facemask_video.core.errors import ConfigError, TrainingError
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import ImageU8
from facemask_video.core.pixels import to_network
from facemask_video.translate.networks import Generator
from facemask_video.translate.weights import WeightsCard

_OPSET = 17
_TOLERANCE = 1 / 127.5
"""Largest difference accepted: one level of 8 bits, in the networks' range."""


def export_onnx(
    path: Path, network: Generator, card: WeightsCard, images: Sequence[ImageU8]
) -> float:
    """Write a generator in single precision, its card among the file's properties.

    The input is ``image``, float32 (n, 3, S, S) in [-1, 1]; the outputs are ``painted``, the same
    shape, and ``alpha``, (n, 1, S, S) in [0, 1]; n is free.

    Args:
        path: Of the file.
        network: In evaluation mode, on the CPU.
        card: What it is for.
        images: Aligned crops, RGB (S, S, 3), that both are run on.

    Returns:
        The largest difference to torch on them.

    Raises:
        ConfigError: The packages ``onnx`` and ``onnxruntime`` are not installed.
        TrainingError: The difference is more than one level; the file is deleted.
    """
    _require_packages()
    plain = copy.deepcopy(network).float().to(memory_format=torch.contiguous_format)
    pictures = to_network(images, torch.device("cpu")).contiguous()
    with atomic_write(path) as part:
        _write(part, plain, card, pictures[:1])
        difference = _largest_difference(part, plain, pictures)
        if not difference <= _TOLERANCE:
            raise TrainingError(
                f"{path}: not written, ONNX and torch differ by {difference:.4f}, more than "
                f"{_TOLERANCE:.4f}."
            )
    return difference


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as exc:
        raise ConfigError(
            f"--onnx: the package {exc.name} is not installed; pip install onnx onnxruntime."
        ) from exc


def _write(path: Path, network: nn.Module, card: WeightsCard, example: Tensor) -> None:
    import onnx

    with warnings.catch_warnings():
        # Tracing warns of each size that it makes a constant; they are constants, but for n.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["image"],
            output_names=["painted", "alpha"],
            dynamic_axes={name: {0: "n"} for name in ("image", "painted", "alpha")},
        )
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, card.to_metadata())
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _largest_difference(path: Path, network: nn.Module, pictures: Tensor) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {"image": pictures.numpy()})
    with torch.no_grad():
        expected = network(pictures)
    return max(
        float(np.abs(np.asarray(ours) - theirs.numpy()).max())
        for ours, theirs in zip(found, expected, strict=True)
    )
