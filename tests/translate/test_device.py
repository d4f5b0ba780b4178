import pytest
import torch

from facemask_video.core.errors import DeviceError
from facemask_video.translate.device import has_native_bf16, pick_device, pick_precision

CPU = torch.device("cpu")


def test_the_cpu_is_always_there() -> None:
    assert pick_device("cpu") == CPU


def test_auto_takes_a_gpu_where_one_works() -> None:
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:-1", "tpu:0", ""])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(DeviceError):
        pick_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device works here")
def test_a_missing_gpu_is_named_with_the_remedy() -> None:
    with pytest.raises(DeviceError, match="no CUDA device works here; use --device cpu or auto"):
        pick_device("cuda:0")


@pytest.mark.needs_cuda
def test_a_gpu_beyond_the_last_is_refused() -> None:
    with pytest.raises(DeviceError, match="counted from 0"):
        pick_device("cuda:99")


@pytest.mark.parametrize(("capability", "precision"), [((9, 0), "bf16"), ((7, 5), "fp16")])
def test_auto_precision_on_a_gpu_is_bf16_only_where_it_is_native(
    capability: tuple[int, int], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)

    assert pick_precision("auto", torch.device("cuda:0")) == precision


def test_fp16_on_a_cpu_is_refused() -> None:
    with pytest.raises(DeviceError, match="fp16: needs a GPU"):
        pick_precision("fp16", CPU)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(DeviceError, match="fp8: not known"):
        pick_precision("fp8", CPU)


def test_auto_precision_on_a_cpu_is_bf16_only_where_it_is_native() -> None:
    assert pick_precision("auto", CPU) == ("bf16" if has_native_bf16() else "fp32")
    assert pick_precision("bf16", CPU) == "bf16"
