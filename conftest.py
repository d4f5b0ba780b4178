"""Where the examples of the Python interface run: in a folder that holds what they name."""

import shutil
from pathlib import Path

import pytest

_SAMPLE = Path(__file__).parent / "samples" / "astronaut.mp4"


@pytest.fixture(autouse=True)
def _folder_of_examples(request: pytest.FixtureRequest) -> None:
    if not isinstance(request.node, pytest.DoctestItem) or not _is_api(request.node):
        return
    if not _SAMPLE.is_file():
        pytest.skip(f"{_SAMPLE.name} is not there; scripts/make_samples.py makes it")
    import cv2

    tmp_path: Path = request.getfixturevalue("tmp_path")
    for name in ("in.mp4", "other.mp4"):
        shutil.copy(_SAMPLE, tmp_path / name)
    clip = cv2.VideoCapture(str(_SAMPLE))
    cv2.imwrite(str(tmp_path / "face.png"), clip.read()[1])
    clip.release()
    request.getfixturevalue("monkeypatch").chdir(tmp_path)


def _is_api(item: pytest.DoctestItem) -> bool:
    return item.name.startswith("facemask_video.api.")
