import subprocess
import sys

import pytest

import facemask_video


@pytest.mark.parametrize("name", facemask_video.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(facemask_video, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        facemask_video.nothing  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, facemask_video; print({'torch', 'av', 'numpy'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
