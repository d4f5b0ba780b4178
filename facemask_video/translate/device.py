"""Choose where and how precisely networks run."""

import torch

from facemask_video.core.errors import DeviceError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(name: str) -> torch.device:
    """Resolve ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; ``auto`` takes a GPU where one works.

    Raises:
        DeviceError: A GPU was asked for and is not there, or the name is not known.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, number = name.partition(":")
    if kind != "cuda" or (number and not number.isdigit()):
        raise DeviceError(f"--device {name}: not known; use auto, cpu, cuda or cuda:N.")
    if not torch.cuda.is_available():
        raise DeviceError(f"--device {name}: no CUDA device works here; use --device cpu or auto.")
    if number and int(number) >= torch.cuda.device_count():
        raise DeviceError(
            f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, counted from 0."
        )
    return torch.device(name)


def pick_precision(name: str, device: torch.device) -> str:
    """Resolve ``auto`` to ``bf16`` where it is native, else ``fp16`` on a GPU, ``fp32`` elsewhere.

    Raises:
        DeviceError: ``fp16`` was asked for on a CPU, where it is slower than fp32 and overflows.
    """
    if name not in ("auto", *DTYPES):
        raise DeviceError(f"--precision {name}: not known; use auto, {', '.join(DTYPES)}.")
    if name == "fp16" and device.type == "cpu":
        raise DeviceError("--precision fp16: needs a GPU; use bf16, fp32 or auto on a CPU.")
    if name != "auto":
        return name
    if device.type == "cuda":
        # To torch's own question a GPU that only emulates bf16 says yes.
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    return "bf16" if has_native_bf16() else "fp32"


def has_native_bf16() -> bool:
    """Tell whether this CPU has bf16 matrix instructions (AVX512-BF16, AMX or Arm's)."""
    capability = torch.backends.cpu.get_cpu_capability()
    if not capability.startswith("AVX512"):
        return False
    return bool(torch.cpu._is_avx512_bf16_supported())
