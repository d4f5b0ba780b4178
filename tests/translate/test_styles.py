import numpy as np
import pytest
import torch

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import Crop, TrackedFace, TrackId
from facemask_video.core.geometry import Box
from facemask_video.translate.networks import GeneratorSpec, Style, StyledGenerator
from facemask_video.translate.styles import StylePicker, from_linear, to_linear
from facemask_video.translate.translator import Translator
from facemask_video.translate.weights import WeightsCard

SPEC = GeneratorSpec(architecture="styled", ngf=8, n_blocks=1, fold=2, segmentation_ngf=8)
NAMES = ("surgical", "black", "surgical", "cloth")


def _network() -> StyledGenerator:
    torch.manual_seed(0)
    network = StyledGenerator(SPEC, len(NAMES))
    network.textures.uniform_(-1, 1)
    network.shapes.uniform_(-1, 1)
    network.colours.fill_(0.2)
    return network.eval().requires_grad_(False)


def _crop(person: int, image_seed: int = 0, part: int = 0) -> Crop:
    image = np.random.default_rng(image_seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    face = TrackedFace(
        TrackId(person, part), Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 0.9, True
    )
    return Crop(image, np.eye(2, 3), face)


def _translator(name: str, *, seed: int = 0) -> Translator:
    network = _network()
    return Translator(
        network,
        WeightsCard(Direction.MASK, SPEC, 64, styles=NAMES),
        device=torch.device("cpu"),
        precision="fp32",
        styles=StylePicker.of_names(network, NAMES, (name,), seed=seed),
    )


def test_a_name_chooses_among_the_masks_of_that_style() -> None:
    network = _network()

    picker = StylePicker.of_names(network, NAMES, ("surgical",))

    assert len(picker.styles) == 2
    assert torch.equal(picker.styles.texture, network.textures[[0, 2]])


def test_random_gives_each_person_another_mask_until_all_are_given() -> None:
    picker = StylePicker.of_names(_network(), NAMES, ("random",))

    assert sorted(picker.rows_of([0, 1, 2, 3])) == [0, 1, 2, 3]
    assert picker.rows_of([4, 0]) == picker.rows_of([0, 0])


def test_another_seed_gives_other_masks_and_the_same_seed_the_same() -> None:
    given = {
        seed: StylePicker.of_names(_network(), NAMES, ("random",), seed=seed).rows_of([0, 1, 2, 3])
        for seed in range(8)
    }

    assert len({tuple(rows) for rows in given.values()}) > 1
    again = StylePicker.of_names(_network(), NAMES, ("random",), seed=3)
    assert again.rows_of([0, 1, 2, 3]) == given[3]


def test_random_gives_the_first_person_of_another_clip_another_mask() -> None:
    picker = StylePicker.of_names(_network(), NAMES, ("random",))
    firsts = {picker.for_source(f"camera {n}.mp4").rows_of([0])[0] for n in range(64)}

    assert firsts == {0, 1, 2, 3}
    again = picker.for_source("camera 3.mp4").rows_of([0, 1])
    assert again == picker.for_source("camera 3.mp4").rows_of([0, 1])


def test_a_style_that_was_named_is_the_same_in_every_clip() -> None:
    picker = StylePicker.of_names(_network(), NAMES, ("surgical",))

    assert picker.for_source("a.mp4") == picker.for_source("caf\udce9.mp4")


def test_a_translator_for_a_source_shares_its_network_and_leaves_the_other_as_it_was() -> None:
    crops = [_crop(person) for person in range(4)]
    shared = _translator("random")
    before = [made.image for made in shared.translate(crops)]

    others = [shared.for_source(f"{n}.mp4").translate(crops) for n in range(4)]

    assert any(
        not np.array_equal(made.image, image)
        for translated in others
        for made, image in zip(translated, before, strict=True)
    )
    after = [made.image for made in shared.translate(crops)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_style_that_the_weights_do_not_hold_is_named_with_those_they_do() -> None:
    with pytest.raises(ConfigError, match="got 'lace', these weights hold surgical, black, cloth"):
        StylePicker.of_names(_network(), NAMES, ("lace",))


def test_one_person_keeps_one_mask_in_every_frame_batch_and_part() -> None:
    translator = _translator("random")

    together = translator.translate([_crop(0), _crop(1), _crop(0, part=1)])
    [alone] = translator.translate([_crop(0)])

    assert np.abs(together[0].image.astype(int) - alone.image).max() <= 1
    assert np.array_equal(together[0].image, together[2].image)
    assert np.abs(together[0].image.astype(int) - together[1].image).max() > 1


def test_dyed_masks_have_the_colour_asked_for_and_keep_their_folds() -> None:
    folds = torch.linspace(0.1, 0.3, 64).expand(1, 3, 64, 64)
    grey = folds.mean()
    picker = StylePicker(
        Style(torch.zeros(1, 8, 16, 16), torch.zeros(1, 8)),
        torch.full((1, 3), float(grey)),
        ("grey",),
        colour=(0.6, 0.3, 0.5),
    )

    dyed = to_linear((picker.dye(from_linear(folds) * 2 - 1, [0]) + 1) / 2)

    wanted = to_linear(torch.tensor([0.6, 0.3, 0.5]))
    assert torch.allclose(dyed.mean((0, 2, 3)), wanted, atol=0.01)
    assert (dyed.diff(dim=3) > 0).all()


def test_linear_light_and_back_is_the_same_colour() -> None:
    values = torch.linspace(0, 1, 256)

    assert torch.allclose(from_linear(to_linear(values)), values, atol=1e-5)
    assert float(to_linear(torch.tensor(0.5))) == pytest.approx(0.2140, abs=1e-4)


def test_styles_and_generators_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="a styled generator needs them"):
        Translator(
            _network(),
            WeightsCard(Direction.MASK, SPEC, 64, styles=NAMES),
            device=torch.device("cpu"),
            precision="fp32",
        )
