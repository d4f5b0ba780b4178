from pathlib import Path

import numpy as np
import pytest

from facemask_video.core.errors import ConfigError, VideoReadError
from facemask_video.core.pictures import write_picture
from facemask_video.pipeline.style_picture import read_style
from facemask_video.translate.networks import GeneratorSpec, StyledGenerator
from facemask_video.video import VideoReader

SAMPLES = Path(__file__).parents[2] / "samples"
SPEC = GeneratorSpec(architecture="styled", ngf=8, n_blocks=1, fold=2, segmentation_ngf=8)


def _first_frame(name: str) -> np.ndarray:
    with VideoReader(SAMPLES / name) as reader:
        frame = next(iter(reader))
        return frame.thumbnail(10_000)[0]


@pytest.fixture(scope="module")
def network() -> StyledGenerator:
    return StyledGenerator(SPEC).eval()


def test_a_masked_face_lends_its_mask(tmp_path: Path, network: StyledGenerator) -> None:
    write_picture(tmp_path / "masked.png", _first_frame("astronaut_masked.mp4"))

    style, colour = read_style(tmp_path / "masked.png", network, 128)

    assert len(style) == 1
    assert colour.shape == (1, 3)
    # The sample's mask is light blue.
    assert colour[0, 2] > colour[0, 0]


def test_a_bare_face_lends_none(tmp_path: Path, network: StyledGenerator) -> None:
    write_picture(tmp_path / "bare.png", _first_frame("astronaut.mp4"))

    with pytest.raises(ConfigError, match=r"bare\.png wears no mask"):
        read_style(tmp_path / "bare.png", network, 128)


def test_several_faces_leave_open_whose_mask_is_meant(
    tmp_path: Path, network: StyledGenerator
) -> None:
    face = _first_frame("astronaut_masked.mp4")
    write_picture(tmp_path / "two.png", np.hstack([face, face]))

    with pytest.raises(ConfigError, match=r"two\.png shows 2 faces"):
        read_style(tmp_path / "two.png", network, 128)


def test_a_picture_without_a_face_and_a_file_that_is_none(
    tmp_path: Path, network: StyledGenerator
) -> None:
    write_picture(tmp_path / "grey.png", np.full((120, 160, 3), 128, np.uint8))

    with pytest.raises(ConfigError, match="shows no face"):
        read_style(tmp_path / "grey.png", network, 128)
    with pytest.raises(VideoReadError, match=r"missing\.jpg"):
        read_style(tmp_path / "missing.jpg", network, 128)
