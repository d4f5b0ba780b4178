from pathlib import Path

import pytest

from facemask_video.config import BatchConfig, TranslateConfig
from facemask_video.core.direction import Direction


@pytest.fixture
def config(tmp_path: Path) -> BatchConfig:
    """Return a configuration whose weights are a file of a few bytes."""
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    return BatchConfig(Direction.MASK, translate=TranslateConfig(weights=weights, classifier="off"))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Return a folder of files called like videos, some of them in a folder below."""
    folder = tmp_path / "clips"
    for name in ("b.mp4", "a.MOV", "cam1/a.mp4", "cam1/c.flv"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder
