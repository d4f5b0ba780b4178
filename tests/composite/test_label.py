import numpy as np
import pytest

from facemask_video.composite.label import label_patch
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.errors import ConfigError


@pytest.mark.parametrize("size", [(160, 120), (640, 360), (1081, 1921), (3840, 2160)])
def test_it_lies_inside_the_title_safe_area_and_grows_with_the_picture(
    size: tuple[int, int],
) -> None:
    width, height = size

    box = label_patch("Synthetic face", width_px=width, height_px=height).box

    assert box.x0 >= 0.05 * width
    assert box.y1 <= 0.95 * height
    assert box.x1 <= 0.95 * width
    assert box.height_px >= max(14, min(size) / 32)
    assert all(edge % 2 == 0 for edge in (box.x0, box.y0, box.x1, box.y1))


def test_a_long_text_is_written_smaller_until_it_is_no_longer_read() -> None:
    def height_px(text: str) -> float:
        return label_patch(text, width_px=640, height_px=640).box.height_px

    assert height_px("This face is synthetic. " * 3) < height_px("Synthetic face")
    with pytest.raises(ConfigError, match="room for 576x576"):
        height_px("This face is synthetic. " * 30)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_letters_stand_out_from_light_and_dark(level: int) -> None:
    frame = ArrayFrame(np.full((360, 640, 3), level, np.uint8))
    patch = label_patch("Synthetic face", width_px=640, height_px=360)

    drawn = frame.with_patches([patch]).read_region(patch.box)

    assert drawn.max() >= 250
    # 4.5 to 1 is what WCAG asks for; of sRGB greys 118 is the lightest that gives it to white.
    assert np.median(drawn) <= 118


@pytest.mark.parametrize("text", ["Künstliches Gesicht", "Синтетическое лицо", "合成人脸"])
def test_letters_beyond_ascii_are_drawn(text: str) -> None:
    patch = label_patch(text, width_px=640, height_px=360)

    assert patch.image.max() > 250


def test_letters_are_as_bright_as_asked_for() -> None:
    patch = label_patch("Synthetic face", width_px=640, height_px=360, white=148)

    assert patch.image.max() == 148
