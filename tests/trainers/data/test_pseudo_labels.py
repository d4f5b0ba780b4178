"""Outlines of real masks, cleaned up by the picture's own colours."""

import numpy as np
from click.testing import CliRunner

from facemask_video.core.direction import Direction
from facemask_video.translate.networks import GeneratorSpec, TwoStageGenerator, build_generator
from facemask_video.translate.weights import WeightsCard, save_generator
from trainers.cli import main
from trainers.data.crops import UNKNOWN, CropSet
from trainers.data.pseudo_labels import add_pseudo_labels, clean_segmentation


def _masked_picture() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    picture = np.full((64, 64, 3), (205, 160, 135), np.uint8)
    truth = np.zeros((64, 64), bool)
    truth[32:56, 14:50] = True
    picture[truth] = (60, 110, 180)
    noisy = picture.astype(int) + rng.integers(-6, 7, picture.shape)
    return noisy.clip(0, 255).astype(np.uint8), truth


def test_cover_grows_to_the_edge_of_the_cloth_that_the_network_found_in_part() -> None:
    picture, truth = _masked_picture()
    probability = np.zeros((64, 64), np.float32)
    probability[34:54, 16:48] = 1.0

    label = clean_segmentation(picture, probability)

    assert label is not None
    found = label > 127
    assert (found & truth).sum() / (found | truth).sum() > 0.95


def test_no_cover_where_the_network_found_next_to_nothing() -> None:
    picture, _ = _masked_picture()
    probability = np.zeros((64, 64), np.float32)
    probability[40:44, 30:34] = 1.0

    assert clean_segmentation(picture, probability) is None


def test_untrusted_covers_are_marked_unknown_and_survive_a_file(tmp_path) -> None:
    picture, _ = _masked_picture()
    crops = CropSet(picture[None], np.zeros((1, 5, 2), np.float32), ("masked/a.png",))
    spec = GeneratorSpec(
        architecture="two-stage", ngf=4, n_blocks=1, segmentation_ngf=4, final_kernel=3, fold=2
    )
    generator = build_generator(spec).eval()
    assert isinstance(generator, TwoStageGenerator)
    # A network that sees no mask anywhere.
    generator.segmentation.head.weight.data.zero_()
    generator.segmentation.head.bias.data.fill_(-9.0)

    covered = add_pseudo_labels(crops, generator, size_px=64)
    covered.save(tmp_path / "crops.npz")
    stored = CropSet.load(tmp_path / "crops.npz")

    assert stored.pseudo_labels is not None
    assert (stored.pseudo_labels == UNKNOWN).all()


def test_the_command_labels_a_crop_set(tmp_path) -> None:
    picture, _ = _masked_picture()
    crops = CropSet(picture[None], np.zeros((1, 5, 2), np.float32), ("masked/a.png",))
    crops.save(tmp_path / "crops.npz")
    spec = GeneratorSpec(architecture="two-stage", ngf=4, n_blocks=1, segmentation_ngf=4, fold=2)
    weights = tmp_path / "unmask.safetensors"
    save_generator(weights, build_generator(spec), WeightsCard(Direction.UNMASK, spec, 64))
    command = ["covers", str(tmp_path / "crops.npz"), "--weights", str(weights), "-o"]

    done = CliRunner().invoke(main, [*command, str(tmp_path / "covered.npz")])

    assert done.exit_code == 0, done.output
    assert CropSet.load(tmp_path / "covered.npz").pseudo_labels is not None
