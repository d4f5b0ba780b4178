from types import EllipsisType

import pytest
import torch
from torch import Tensor

from facemask_video.translate.networks.straps import find_straps
from tests.translate.networks.tiny import tiny_two_stage

Place = tuple[EllipsisType, slice, slice]

SKIN, WHITE, BLACK = (0.5, 0.0, -0.3), (0.8, 0.8, 0.8), (-0.9, -0.9, -0.9)
FAINT = (0.1, 0.0, -0.15)
LINE = (..., slice(52, 55), slice(100, 118))
"""From the mask's side towards an ear, at 128 px."""


def face(*, cloth: tuple[float, ...] = WHITE, size_px: int = 128) -> tuple[Tensor, Tensor, Tensor]:
    """Draw skin with a mask on it; return image, probability and opacity."""
    image = torch.tensor(SKIN)[None, :, None, None].repeat(1, 1, size_px, size_px)
    opacity = torch.zeros(1, 1, size_px, size_px)
    side = size_px // 128
    opacity[..., 50 * side : 100 * side, 28 * side : 100 * side] = 1
    image = image * (1 - opacity) + torch.tensor(cloth)[None, :, None, None] * opacity
    return image, opacity.clamp(min=0.01), opacity


def draw(image: Tensor, place: Place, colour: tuple[float, ...] = WHITE) -> None:
    image[place] = torch.tensor(colour)[:, None, None]


def test_a_light_line_from_the_mask_is_a_strap() -> None:
    image, probability, opacity = face()
    draw(image, LINE)

    straps = find_straps(image, probability, opacity)

    assert straps[LINE].mean() > 0.9
    assert straps.sum() == straps[LINE].sum()


def test_straps_of_large_crops_are_found() -> None:
    image, probability, opacity = face(size_px=256)
    line = (..., slice(104, 109), slice(200, 236))
    draw(image, line)

    assert find_straps(image, probability, opacity)[line].mean() > 0.75


def test_a_strap_that_the_network_hardly_sees_is_found() -> None:
    image, _, opacity = face()
    for step in range(20):
        draw(image, (..., slice(50 - step, 53 - step), slice(100 + step, 102 + step)), FAINT)
    strap = (image[:, :1] == FAINT[0]) & (opacity == 0)
    unlikely = torch.maximum(opacity, torch.full_like(opacity, 1e-4))
    hinted = torch.where(strap, 6e-4, unlikely)

    assert find_straps(image, unlikely, opacity).sum() == 0
    assert find_straps(image, hinted, opacity)[strap].mean() > 0.75


def test_leaves_behind_the_mask_are_no_straps() -> None:
    image, probability, opacity = face()
    leaves = torch.rand(1, 1, 40, 24, generator=torch.Generator().manual_seed(1)) > 0.5
    image[..., 45:85, 102:126] = torch.where(leaves, 0.8, image[..., 45:85, 102:126])

    assert find_straps(image, probability / 100, opacity).mean() < 0.002


@pytest.mark.parametrize(
    ("place", "colour", "cloth", "why"),
    [
        ((..., slice(30, 33), slice(106, 120)), WHITE, WHITE, "hangs on nothing"),
        ((..., slice(44, 50), slice(60, 63)), WHITE, WHITE, "on the nose"),
        ((..., slice(52, 72), slice(100, 118)), WHITE, WHITE, "as wide as a hand"),
        ((..., slice(52, 55), slice(100, 104)), WHITE, WHITE, "the hem"),
        (LINE, (0.9, 0.4, 0.1), WHITE, "skin that shines"),
        (LINE, WHITE, BLACK, "beside a black mask"),
    ],
)
def test_other_light_things_are_none(
    place: Place, colour: tuple[float, ...], cloth: tuple[float, ...], why: str
) -> None:
    image, probability, opacity = face(cloth=cloth)
    draw(image, place, colour)

    assert find_straps(image, probability, opacity).sum() == 0, why


def test_a_faint_line_is_none_where_the_network_is_sure_of_it() -> None:
    image, probability, opacity = face()
    draw(image, LINE, FAINT)

    assert find_straps(image, probability, opacity).any()
    assert find_straps(image, opacity, opacity).sum() == 0


def test_straps_are_found_in_half_precision_too() -> None:
    image, probability, opacity = face()
    draw(image, LINE, FAINT)
    half = (plane.bfloat16() for plane in (image, probability, opacity))

    assert torch.equal(find_straps(*half).float(), find_straps(image, probability, opacity))


@pytest.mark.parametrize("size_px", [64, 150])
def test_crops_of_other_sizes_pass(size_px: int) -> None:
    image = torch.zeros(2, 3, size_px, size_px)

    assert find_straps(image, image[:, :1], image[:, :1]).shape == (2, 1, size_px, size_px)


def test_a_two_stage_generator_paints_over_straps(monkeypatch: pytest.MonkeyPatch) -> None:
    network = tiny_two_stage().eval()
    image, probability, _ = face()
    monkeypatch.setattr(network, "mask_probability", lambda _: probability)
    without = network(image).alpha[LINE][..., 8:]
    draw(image, LINE)

    assert without.max() == 0
    assert network(image).alpha[LINE][..., 8:].mean() > 0.9
