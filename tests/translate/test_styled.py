from pathlib import Path

import numpy as np
import pytest
import torch

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.translate.networks import (
    GeneratorSpec,
    Style,
    StyledGenerator,
    build_generator,
)
from facemask_video.translate.networks.scene_light import SceneLight, scene_light
from facemask_video.translate.networks.style import crop_box, extend_cloth, place_in_box, region_box
from facemask_video.translate.weights import WeightsCard, load_generator, save_generator

SPEC = GeneratorSpec(architecture="styled", ngf=8, n_blocks=1, fold=2, segmentation_ngf=8)
SIDE = 64


def _generator(n_styles: int = 0, spec: GeneratorSpec = SPEC) -> StyledGenerator:
    torch.manual_seed(0)
    network = build_generator(spec, n_styles)
    assert isinstance(network, StyledGenerator)
    network.textures.uniform_(-1, 1)
    network.shapes.uniform_(-1, 1)
    return network.eval().requires_grad_(False)


def _face(seed: int = 0, n: int = 1) -> torch.Tensor:
    return torch.rand(n, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def _region(top: int = 30, bottom: int = 54, left: int = 16, right: int = 48) -> torch.Tensor:
    region = torch.zeros(1, 1, SIDE, SIDE)
    region[:, :, top:bottom, left:right] = 1
    return region


def test_a_box_holds_its_region_and_no_strap() -> None:
    region = _region()
    region[:, :, 31, 10:16] = 1

    left, top, right, bottom = ((region_box(region, margin=0)[0] + 1) / 2 * SIDE).tolist()

    assert (top, bottom) == pytest.approx((30, 54), abs=0.3)
    assert 14 <= left <= 16.5
    assert right == pytest.approx(48, abs=0.5)


def test_a_box_moves_as_smoothly_as_its_region() -> None:
    edge = torch.linspace(0, 1, 9)
    tops = []
    for share in edge:
        region = _region()
        region[:, :, 29, 16:48] = share
        tops.append(float(region_box(region, margin=0)[0, 1]) * SIDE / 2)

    steps = np.diff(tops)
    assert (steps < 0).all()
    assert steps.min() > -0.5


def test_a_texture_laid_into_a_box_is_read_back_out_of_it() -> None:
    ramp = torch.linspace(-1, 1, 16).expand(1, 1, 16, 16)
    texture = torch.cat([ramp, ramp.transpose(2, 3)], dim=1)
    box = torch.tensor([[-0.5, -0.1, 0.5, 0.7]])

    seen = crop_box(place_in_box(texture, box, 256), box, 16)

    assert torch.allclose(seen, texture, atol=0.03)


def test_nothing_of_what_is_covered_shows_through_the_paint() -> None:
    network, region, face = _generator(1), _region(), _face()
    other = torch.where(region > 0, -face, face)
    erased = network.erase(region)

    painted = [network.paint(x, region, network.styles, erased) for x in (face, other)]

    assert not torch.equal(face, other)
    assert torch.equal(*painted)


def test_the_paint_follows_the_style_and_the_light_around() -> None:
    network, region, face = _generator(2), _region(), _face()
    erased = network.erase(region)

    def paint(image: torch.Tensor, row: int) -> torch.Tensor:
        return network.paint(image, region, network.styles[[row]], erased)

    assert not torch.allclose(paint(face, 0), paint(face, 1), atol=1e-3)
    assert not torch.allclose(paint(face, 0), paint(face - 0.5, 0), atol=1e-3)


def _face_with_hair() -> torch.Tensor:
    face = torch.full((1, 3, SIDE, SIDE), 0.2) + 0.05 * _face()
    face[:, :, : SIDE // 8] = -0.88
    return face


@pytest.mark.parametrize("light", [0.5, 0.2])
def test_in_dimmer_light_the_same_mask_is_as_much_darker(light: float) -> None:
    network, face = _generator(1), _face_with_hair()

    usual, dim = network(face), network((face + 1) * light - 1)

    assert torch.allclose(dim.painted + 1, (usual.painted + 1) * light, atol=0.02)
    assert torch.allclose(dim.alpha, usual.alpha, atol=0.02)


def test_a_face_in_usual_light_is_taken_as_it_is() -> None:
    bright = torch.full((1, 3, SIDE, SIDE), 0.5)

    assert scene_light(bright).gain.item() == 1
    # What lies under a mask says nothing about the light.
    bright[:, :, SIDE // 2 :] = -1
    assert scene_light(bright).gain.item() == 1


@pytest.mark.parametrize("amount", [0.3, 0.4])
def test_a_veil_of_light_over_a_face_lies_over_its_mask_too(amount: float) -> None:
    network, face = _generator(1), _face_with_hair()
    haze = SceneLight(torch.full((1, 1, 1, 1), amount), torch.ones(1, 1, 1, 1))

    usual, veiled = network(face), network(haze.to_scene(face))

    assert torch.allclose(veiled.painted, haze.to_scene(usual.painted), atol=0.03)
    assert torch.allclose(veiled.alpha, usual.alpha, atol=0.02)


def test_a_face_with_something_dark_beside_it_has_no_veil() -> None:
    assert scene_light(_face_with_hair()).veil.item() == 0


def test_a_style_read_in_dim_light_is_the_one_read_in_usual_light() -> None:
    network, region, face = _generator(), _region(), _face_with_hair()

    usual, dim = (network.read_style(x, region) for x in (face, (face + 1) * 0.3 - 1))

    assert torch.allclose(usual.texture, dim.texture, atol=1e-3)


def test_without_a_style_the_first_of_the_stored_ones_is_put_on() -> None:
    network, faces = _generator(2), _face(n=3)

    default, first = network(faces), network(faces, network.styles[[0, 0, 0]])

    assert torch.equal(default.painted, first.painted)
    assert torch.equal(default.alpha, first.alpha)
    assert default.painted.shape == (3, 3, SIDE, SIDE)
    assert 0 <= float(default.alpha.min()) <= float(default.alpha.max()) <= 1


def test_a_style_is_read_from_the_mask_alone() -> None:
    network, region, face = _generator(), _region(), _face()
    elsewhere = torch.where(region > 0, face, -face)
    on_it = torch.where(region > 0, -face, face)

    style, same, other = (network.encoder(x, region) for x in (face, elsewhere, on_it))

    assert torch.equal(style.texture, same.texture)
    assert not torch.allclose(style.texture, other.texture, atol=1e-3)


def test_a_style_is_cloth_also_where_its_own_mask_leaves_the_box_free() -> None:
    inside = torch.zeros(1, 1, 128, 128)
    inside[:, :, 16:96, 24:104] = 1
    share = inside[:, :, 4::8, 4::8]
    texture = torch.where(share > 0, 0.5, -1.0).expand(1, 8, 16, 16)

    extended = extend_cloth(texture, inside)

    assert torch.allclose(extended, torch.full_like(extended, 0.5), atol=1e-5)


def test_a_region_has_no_notches_and_no_scraps() -> None:
    network = _generator(1)
    logits = torch.full((1, 1, 128, 128), -9.0)
    logits[:, :, 60:110, 30:100] = 9.0
    logits[:, :, 60:80, 60:66] = -9.0  # a notch in the upper edge
    logits[:, :, 20:24, 20:24] = 9.0  # a scrap elsewhere
    network.region_logits = lambda image, shape: logits  # type: ignore[method-assign]

    region = network.region(torch.zeros(1, 3, 128, 128), network.styles)

    # The mean with the mirror image: what both say is there.
    assert float(region[:, :, 64:106, 32:96].min()) == 1
    assert float(region[:, :, :50].max()) == 0


def test_a_region_is_mirrored_with_its_face() -> None:
    network, face = _generator(1), _face()

    region = network.region(face, network.styles)

    assert torch.allclose(network.region(face.flip(3), network.styles), region.flip(3), atol=1e-5)


def test_larger_crops_take_one_more_layer_and_the_same_networks_below_it() -> None:
    large = _generator(1, GeneratorSpec("styled", ngf=8, n_blocks=1, fold=4, segmentation_ngf=8))
    faces = torch.rand(2, 3, 2 * SIDE, 2 * SIDE) * 2 - 1

    assert large(faces).painted.shape == (2, 3, 2 * SIDE, 2 * SIDE)
    assert large.painting.stem.conv.weight.shape == _generator().painting.stem.conv.weight.shape


def test_weights_keep_their_styles_and_names(tmp_path: Path) -> None:
    network, path = _generator(3), tmp_path / "mask.safetensors"
    card = WeightsCard(Direction.MASK, SPEC, SIDE, styles=("surgical", "surgical", "black"))

    save_generator(path, network, card)
    loaded, read = load_generator(path, direction=Direction.MASK)

    assert isinstance(loaded, StyledGenerator)
    assert read.styles == ("surgical", "surgical", "black")
    assert isinstance(loaded.styles, Style)
    assert torch.allclose(loaded.styles.texture, network.styles.texture, atol=1e-3)


@pytest.mark.parametrize("fold", [1, 3, 8])
def test_a_fold_that_no_styled_generator_has_is_refused(fold: int) -> None:
    with pytest.raises(ConfigError, match="a styled generator needs 2 or 4"):
        GeneratorSpec(architecture="styled", fold=fold)
