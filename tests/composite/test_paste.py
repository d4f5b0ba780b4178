from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemask_video.composite import paste as room
from facemask_video.composite.alpha import clean, coverage_window
from facemask_video.composite.paste import SHARPNESS, make_patch
from facemask_video.core import geometry
from facemask_video.core.faces import TranslatedCrop
from facemask_video.core.frame import Patch
from facemask_video.core.geometry import Affine, Box
from facemask_video.core.warp import warp
from tests.composite.crops import SIZE_PX, lower_half, picture, similarity, translated

WIDTH_PX, HEIGHT_PX = 320, 240
MAPS = {
    "larger": similarity(0.6, 12, -20.3, 14.6),
    "smaller": similarity(2.5, -8, -190.7, -80.2),
    "as it is": similarity(1.0, 0, -60.5, -40.25),
}


def paste(crop: TranslatedCrop, coverage: float = 0.9) -> Patch | None:
    return make_patch(crop, frame_width_px=WIDTH_PX, frame_height_px=HEIGHT_PX, coverage=coverage)


def pasted(crop: TranslatedCrop, coverage: float = 0.9) -> Patch:
    patch = paste(crop, coverage)
    assert patch is not None
    return patch


def over_frame(patch: Patch) -> NDArray[np.float32]:
    """Return the patch's alpha in a whole frame."""
    alpha = np.zeros((HEIGHT_PX, WIDTH_PX), dtype=np.float32)
    box = patch.box
    alpha[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = patch.alpha
    return alpha


def plane_in_frame() -> NDArray[np.float64]:
    """Draw red rising with x and green with y over the frame, at pixel centres."""
    x, y = np.arange(WIDTH_PX) + 0.5, np.arange(HEIGHT_PX) + 0.5
    red = np.tile(0.75 * x[None, :], (HEIGHT_PX, 1))
    green = np.tile(y[:, None], (1, WIDTH_PX))
    return np.stack([red, green, np.full_like(red, 90.0)], axis=2)


def plane_in_crop(frame_to_crop: Affine) -> NDArray[np.float64]:
    """Draw the same planes in crop px, from the formula rather than by resampling."""
    at = np.arange(SIZE_PX) + 0.5
    grid = np.stack(np.meshgrid(at, at), axis=2).reshape(-1, 2)
    points = geometry.apply(geometry.invert(frame_to_crop), grid)
    red, green = (points * [0.75, 1.0]).reshape(SIZE_PX, SIZE_PX, 2).transpose(2, 0, 1)
    return np.stack([red, green, np.full_like(red, 90.0)], axis=2)


@pytest.mark.parametrize("kind", MAPS)
def test_the_edge_of_an_opaque_thing_stays_sharp_where_it_is_and_a_blended_one_stays_soft(
    kind: str,
) -> None:
    frame_to_crop = MAPS[kind]
    ramp = cv2.GaussianBlur(lower_half().astype(np.float32), (0, 0), 1.0)
    crop = translated(picture(), ramp, frame_to_crop=frame_to_crop)
    soft, sharp = over_frame(pasted(crop)), over_frame(pasted(replace(crop, is_opaque=True)))

    def width_px(alpha: NDArray[np.float32]) -> int:
        return int(np.count_nonzero((alpha > 0.02) & (alpha < 0.98)))

    assert np.array_equal(soft > 0.5, sharp > 0.5)
    if kind == "larger":
        assert width_px(sharp) < 0.75 * width_px(soft)
    else:
        assert np.abs(soft - sharp).max() < 1e-4


@pytest.mark.parametrize("faint", [0.0, 0.003])
def test_alpha_of_zero_gives_no_patch(faint: float) -> None:
    assert paste(translated(picture(), np.full((SIZE_PX, SIZE_PX), faint))) is None


def test_alpha_outside_the_coverage_gives_no_patch() -> None:
    alpha = np.zeros((SIZE_PX, SIZE_PX))
    alpha[:6] = 1
    assert paste(translated(picture(), alpha)) is None


@pytest.mark.parametrize("shift_px", [(-400.0, 0.0), (0.0, 300.0), (321.0, 0.0)])
def test_face_outside_the_frame_gives_no_patch(shift_px: tuple[float, float]) -> None:
    away = geometry.invert(geometry.translation(*shift_px))
    assert paste(translated(picture(), lower_half(), frame_to_crop=away)) is None


@pytest.mark.parametrize("name", MAPS)
def test_gradient_returns_to_where_it_was(name: str) -> None:
    """A plane drawn in crop space lands on the same plane in the frame, to a fraction of a px."""
    frame_to_crop = MAPS[name]
    image = plane_in_crop(frame_to_crop)
    alpha = np.ones((SIZE_PX, SIZE_PX))
    patch = pasted(translated(image, alpha, frame_to_crop=frame_to_crop))
    box = patch.box
    wanted = plane_in_frame()[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
    # Levels beyond 255 are clipped in the crop already.
    inside = (patch.alpha > 0.99) & (wanted.max(axis=2) < 235)
    error = np.abs(patch.image[inside] - wanted[inside])
    assert inside.sum() > 500
    # Half a level from rounding the crop, half from rounding the frame, and the kernel's twentieth
    # of a pixel: 0.05 px of crop is 0.08 px, or levels, of the frame where the face is larger.
    assert error.max() <= 1.5
    assert error.mean() < 0.4


@pytest.mark.parametrize("name", MAPS)
def test_alpha_lands_where_it_was_drawn(name: str) -> None:
    frame_to_crop = MAPS[name]
    at = np.arange(SIZE_PX) + 0.5
    distance = np.hypot(at[None, :] - 60, at[:, None] - 70)
    alpha = np.clip((26 - distance) / 8 + 0.5, 0, 1)
    placed = over_frame(pasted(translated(picture(), alpha, frame_to_crop=frame_to_crop)))
    x, y = np.meshgrid(np.arange(WIDTH_PX) + 0.5, np.arange(HEIGHT_PX) + 0.5)
    center = geometry.apply(geometry.invert(frame_to_crop), np.array([[60.0, 70.0]]))[0]
    found = np.array([(placed * x).sum(), (placed * y).sum()]) / placed.sum()
    assert np.abs(found - center).max() < 0.02


def test_patch_moves_with_fractions_of_a_pixel() -> None:
    alpha = lower_half()
    alpha[100:] = 0
    centers = []
    for shift in (0.0, 0.25, 0.5):
        there = geometry.invert(geometry.translation(90 + shift, 60))
        placed = over_frame(pasted(translated(picture(), alpha, frame_to_crop=there)))
        centers.append((placed * (np.arange(WIDTH_PX) + 0.5)).sum() / placed.sum())
    assert np.diff(centers) == pytest.approx([0.25, 0.25], abs=0.01)


@pytest.mark.parametrize("name", MAPS)
def test_box_is_the_tightest_that_holds_the_alpha(name: str) -> None:
    patch = pasted(translated(picture(), lower_half(), frame_to_crop=MAPS[name]))
    for edge in (patch.alpha[0], patch.alpha[-1], patch.alpha[:, 0], patch.alpha[:, -1]):
        assert edge.any()
    # Resampled over the whole frame, the same alpha has nothing outside the box.
    everywhere = warp(
        clean(lower_half() * coverage_window(SIZE_PX, 0.9)),
        geometry.invert(MAPS[name]),
        width_px=WIDTH_PX,
        height_px=HEIGHT_PX,
        border="zero",
    )
    np.testing.assert_allclose(over_frame(patch), clean(everywhere), atol=2e-3)


def test_face_across_the_edge_is_cut_at_the_edge() -> None:
    there = geometry.invert(geometry.translation(-60.5, -30))
    patch = pasted(translated(picture(), lower_half(), frame_to_crop=there))
    assert (patch.box.x0, patch.box.y0 >= 0) == (0, True)
    there = geometry.invert(geometry.translation(WIDTH_PX - 70.5, HEIGHT_PX - 90))
    patch = pasted(translated(picture(), lower_half(), frame_to_crop=there))
    assert (patch.box.x1, patch.box.y1) == (WIDTH_PX, HEIGHT_PX)


def test_coverage_limits_the_region() -> None:
    full = np.ones((SIZE_PX, SIZE_PX))
    there = geometry.invert(geometry.translation(50, 40))
    box = pasted(translated(picture(), full, frame_to_crop=there), coverage=0.5).box
    quarter = SIZE_PX / 4
    assert box.x0 >= 50 + quarter
    assert box.x1 <= 50 + 3 * quarter
    assert box == Box(box.x0, box.x0 - 10, box.x1, box.x1 - 10)


def fine_frame() -> NDArray[np.uint8]:
    """Draw a frame with the detail of a photograph: each octave as strong as the next."""
    random = np.random.default_rng(8)
    image = np.zeros((HEIGHT_PX, WIDTH_PX, 3), dtype=np.float32)
    for sigma_px in (0.6, 1.2, 2.4, 4.8, 9.6):
        noise = random.normal(size=image.shape).astype(np.float32)
        octave = cv2.GaussianBlur(noise, (0, 0), sigma_px)
        image += octave / octave.std()
    return np.asarray(cv2.normalize(image, None, 30, 225, cv2.NORM_MINMAX), dtype=np.uint8)


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.0])
def test_sharpness_brings_a_crop_closer_to_the_pixels_it_was_cut_from(scale: float) -> None:
    frame_to_crop = similarity(scale, 11, 3.3 - 60 * scale, 1.6 - 20 * scale)
    image = warp(fine_frame(), frame_to_crop, width_px=SIZE_PX, height_px=SIZE_PX)
    crop = translated(image, lower_half(), source=image, frame_to_crop=frame_to_crop)
    errors = []
    for sharpness in (0.0, SHARPNESS):
        patch = make_patch(
            crop,
            frame_width_px=WIDTH_PX,
            frame_height_px=HEIGHT_PX,
            coverage=0.8,
            sharpness=sharpness,
        )
        assert patch is not None
        box = patch.box
        truth = fine_frame()[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
        opaque = patch.alpha > 0.99
        errors.append(np.square(patch.image[opaque].astype(float) - truth[opaque]).mean())
    assert errors[1] < 0.95 * errors[0]


def test_sharpening_draws_no_halo_around_an_edge() -> None:
    edge = np.full((SIZE_PX, SIZE_PX, 3), 200.0)
    edge[:, :64] = 80
    there = geometry.translation(0, 0)
    patch = pasted(translated(edge, np.ones((SIZE_PX, SIZE_PX)), frame_to_crop=there))
    assert patch.image.min() >= 76
    assert patch.image.max() <= 204


def test_colours_hidden_by_the_alpha_do_not_leak_into_its_edge() -> None:
    """Outside its alpha a generator may draw what it likes; enlarging must not mix that in."""
    grey = np.full((SIZE_PX, SIZE_PX, 3), 120, dtype=np.uint8)
    wild = grey.astype(float)
    alpha = lower_half()
    wild[alpha < 0.02] = [255, 0, 255]
    there = similarity(0.45, 0, -10, -10)
    patch = pasted(translated(wild, alpha, source=grey, frame_to_crop=there))
    shown = (patch.image.astype(float) - 120) * patch.alpha[:, :, None]
    assert np.abs(shown).max() < 1.5


@pytest.mark.parametrize(
    "frame_to_crop", [*MAPS.values(), similarity(4.3, 20, -500, -330)], ids=[*MAPS, "tiny"]
)
def test_a_patch_is_that_of_the_whole_crop_though_only_a_part_is_drawn(
    monkeypatch: pytest.MonkeyPatch, frame_to_crop: Affine
) -> None:
    alpha = np.zeros((SIZE_PX, SIZE_PX))
    alpha[70:84, 50:61] = 0.7
    # Noise, in which any sample in the wrong place shows.
    random = np.random.default_rng(4)
    source, image = random.integers(0, 256, (2, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    crop = translated(image, alpha, source=source, frame_to_crop=frame_to_crop)
    part = pasted(crop)
    monkeypatch.setattr(room, "_part_that_shows", lambda *_: (slice(None), slice(None)))
    whole = pasted(crop)
    assert part.box == whole.box
    np.testing.assert_array_equal(part.alpha, whole.alpha)
    np.testing.assert_array_equal(part.image, whole.image)
