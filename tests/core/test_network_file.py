from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from facemask_video.classify.mask_classifier import (
    MaskClassifier,
    MaskClassifierNetwork,
    save_mask_classifier,
)
from facemask_video.core.errors import WeightsError
from facemask_video.core.network_file import read_network_file, write_network_file
from facemask_video.detect.landmarks import LandmarkNetwork, load_landmarks, save_landmarks

CPU = torch.device("cpu")


def _write_classifier(path: Path) -> None:
    save_mask_classifier(path, MaskClassifierNetwork(4), images_seen=0)


def _write_landmarks(path: Path) -> None:
    save_landmarks(path, LandmarkNetwork(width=12), images_seen=0)


KINDS = pytest.mark.parametrize(
    ("write", "load"),
    [
        (_write_classifier, lambda path: MaskClassifier.load(path, device=CPU)),
        (_write_landmarks, lambda path: load_landmarks(path, device=CPU)),
    ],
    ids=["classifier", "landmarks"],
)


@KINDS
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": "wide"}, "card is damaged"),
        ({"width": None}, "card is damaged"),
        ({"width": "8"}, "tensors do not fit the card"),
        ({"format": "other/1"}, "format is other/1, expected facemask-"),
        ({"format": None}, "format is not stated, expected facemask-"),
    ],
    ids=str,
)
def test_a_card_that_is_not_true_is_refused_in_one_line(
    write: Callable[[Path], None],
    load: Callable[[Path], object],
    changes: dict[str, str | None],
    message: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "network.safetensors"
    write(path)
    card = read_network_file(path, if_missing="").card | changes
    save_file(load_file(path), path, metadata={n: v for n, v in card.items() if v is not None})

    with pytest.raises(WeightsError, match=message) as error:
        load(path)

    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@KINDS
def test_a_missing_file_and_one_of_another_kind_are_told_apart(
    write: Callable[[Path], None], load: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "network.safetensors"
    with pytest.raises(WeightsError, match="no such weights file"):
        load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load(path)


def test_a_file_is_read_with_its_card_hash_and_tensors(tmp_path: Path) -> None:
    path, network = tmp_path / "network.safetensors", nn.Linear(2, 1)
    write_network_file(path, network, {"format": "linear/1"})

    file = read_network_file(path, if_missing="make one")

    assert file.card == {"format": "linear/1"}
    assert file.tensors.keys() == {"weight", "bias"}
    assert torch.equal(file.tensors["weight"], network.weight.half().float())
    path.write_bytes(path.read_bytes().replace(b"linear/1", b"linear/2"))
    assert read_network_file(path, if_missing="").sha256 != file.sha256


def test_a_file_is_written_with_the_rights_that_others_have(tmp_path: Path) -> None:
    path, ordinary = tmp_path / "network.safetensors", tmp_path / "ordinary"
    write_network_file(path, nn.Linear(2, 1), {"format": "linear/1"})
    ordinary.touch()

    assert path.stat().st_mode == ordinary.stat().st_mode
