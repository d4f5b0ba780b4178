from pathlib import Path

import cv2
import numpy as np
import pytest

from facemask_video.core.errors import VideoReadError, VideoWriteError
from facemask_video.core.pictures import luma, read_picture, try_read_picture, write_picture


def test_a_picture_is_read_as_rgb(tmp_path: Path) -> None:
    image = np.zeros((8, 6, 3), np.uint8)
    image[..., 0] = 200
    cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])

    assert (read_picture(tmp_path / "a.png") == image).all()


def test_what_is_no_whole_picture_is_refused_in_one_line(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "whole.jpg"), noise)
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    read_picture(tmp_path / "whole.jpg")

    for name, reason in [
        ("half.jpg", "cut off"),
        ("text.png", "no picture"),
        ("empty.png", "no picture"),
        ("nowhere.png", "cannot be read"),
    ]:
        with pytest.raises(VideoReadError, match=f"{name}: .*{reason}") as caught:
            read_picture(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert try_read_picture(tmp_path / name) is None


@pytest.mark.parametrize("shape", [(8, 6, 3), (8, 6)])
def test_a_picture_comes_back_as_it_was_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

    write_picture(tmp_path / "new" / "a.png", picture)

    stored = picture if picture.ndim == 3 else np.dstack([picture] * 3)
    assert (read_picture(tmp_path / "new" / "a.png") == stored).all()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_a_picture_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(VideoWriteError, match=r"file/a\.jpg: cannot be written \(.+\)"):
        write_picture(tmp_path / "file" / "a.jpg", np.zeros((4, 4, 3), np.uint8))


def test_luma_keeps_the_type_of_floats_and_widens_bytes() -> None:
    white = np.full((2, 2, 3), 255, np.uint8)

    assert luma(white).dtype == np.float64
    assert np.allclose(luma(white), 255)
    assert luma((white / 255).astype(np.float32)).dtype == np.float32
