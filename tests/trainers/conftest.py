import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainers.tiny import SETTINGS


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny networks lose more by waiting for a second thread than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """The tiny configuration as a file."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in SETTINGS.items():
        section, _, key = name.rpartition(".")
        sections.setdefault(section, {})[key] = value
    lines = [f"{key} = {json.dumps(value)}" for key, value in sections.pop("").items()]
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(v)}" for key, v in values.items())]
    path = tmp_path / "tiny.toml"
    path.write_text("\n".join(lines))
    return path
