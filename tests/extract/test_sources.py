from pathlib import Path

import cv2
import numpy as np
import pytest

from facemask_video.core.errors import VideoReadError
from facemask_video.extract.sources import find_sources, read_picture


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_folders_are_listed_in_a_fixed_order_without_what_is_no_picture_or_video(
    tmp_path: Path,
) -> None:
    root = tmp_path / "in"
    _touch(
        root / "b.mp4", root / "a.JPG", root / "sub" / "c.png", root / "notes.txt",
        root / ".hidden.png", root / ".git" / "d.png",
    )  # fmt: skip

    found = find_sources([root], leave_out=tmp_path / "out")

    assert [source.name for source in found] == ["in/a.JPG", "in/b.mp4", "in/sub/c.png"]
    assert [source.is_picture for source in found] == [True, False, True]


def test_the_set_itself_is_never_looked_into(tmp_path: Path) -> None:
    _touch(tmp_path / "a.png", tmp_path / "set" / "crops" / "b.png")

    found = find_sources([tmp_path], leave_out=tmp_path / "set")

    assert [source.path.name for source in found] == ["a.png"]


def test_a_file_named_twice_is_listed_once_and_a_missing_one_all_the_same(tmp_path: Path) -> None:
    _touch(tmp_path / "a.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "a.mp4")

    found = find_sources(
        [tmp_path / "a.mp4", tmp_path / "link.mp4", tmp_path / "nowhere.mp4", tmp_path],
        leave_out=tmp_path / "out",
    )

    assert [source.path.name for source in found] == ["a.mp4", "nowhere.mp4"]


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
