import subprocess
import sys
from pathlib import Path

import pytest

from facemask_video.config import ConvertConfig
from facemask_video.config.settings import read_toml

_ROOT = Path(__file__).parents[2]
_CONFIGS = sorted((_ROOT / "configs" / "convert").glob("*.toml"))


def test_the_readme_shows_the_options_as_they_are() -> None:
    readme = _ROOT / "README.md"
    if not readme.is_file() or "<!-- options -->" not in readme.read_text("utf-8"):
        pytest.skip("README.md has no <!-- options --> block")

    done = subprocess.run(
        [sys.executable, str(_ROOT / "scripts" / "document_options"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", _CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_can_be_read(path: Path) -> None:
    assert read_toml(path, ConvertConfig)
