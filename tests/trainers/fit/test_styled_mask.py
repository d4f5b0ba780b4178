from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.translate.networks import StyledGenerator
from facemask_video.translate.weights import load_generator
from tests.trainers.data.test_styled_samples import photographs
from tests.trainers.tiny import drawn_crops
from trainers.config.styled import StyledMaskConfig
from trainers.fit.checkpoint import newest_checkpoint
from trainers.fit.runs import RunFolder
from trainers.fit.styled_mask import (
    StyledFaces,
    StyledRun,
    draw_styled_preview,
    save_styled_mask,
    store_styles,
    train_styled_mask,
)
from trainers.gan.face_features import OnetFeatures

RUN = StyledRun(images=12, device=torch.device("cpu"), batch_size=4, save_every=8, stats_every=4)
CONFIG = StyledMaskConfig(ndf=4, n_transfers=2, gan_from=4, place_from=8)


def _faces() -> StyledFaces:
    pairs, bare = photographs(side=160), drawn_crops(3, size_px=160)
    return StyledFaces(pairs, bare, pairs, bare)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[StyledGenerator, Path]:
    folder = tmp_path_factory.mktemp("run")
    # As each test has it: sums over two threads differ in their last bits.
    torch.set_num_threads(1)
    generator = train_styled_mask(_faces(), CONFIG, RUN, RunFolder(folder), OnetFeatures())
    assert generator is not None
    return generator, folder


def test_a_run_leaves_losses_a_preview_and_a_checkpoint(
    trained: tuple[StyledGenerator, Path],
) -> None:
    run = RunFolder(trained[1])

    assert newest_checkpoint(run.checkpoints).name == "000000012.pt"
    assert (run.previews / "000000008.png").is_file()
    assert run.curves.is_file()
    assert len(run.read_stats()) == 3


def test_a_run_ended_half_way_and_gone_on_with_ends_where_the_whole_one_does(
    trained: tuple[StyledGenerator, Path], tmp_path: Path
) -> None:
    whole, _ = trained

    run = RunFolder(tmp_path)

    train_styled_mask(_faces(), CONFIG, replace(RUN, images=8), run, OnetFeatures())
    torch.manual_seed(0)
    resumed = train_styled_mask(_faces(), CONFIG, RUN, run, OnetFeatures())

    assert resumed is not None
    for name, value in whole.state_dict().items():
        assert torch.allclose(resumed.state_dict()[name], value, atol=1e-6), name


def test_a_folder_of_another_run_is_refused(trained: tuple[StyledGenerator, Path]) -> None:
    _, folder = trained

    with pytest.raises(ConfigError, match="was made with another lr"):
        train_styled_mask(_faces(), replace(CONFIG, lr=0.1), RUN, RunFolder(folder), OnetFeatures())


def test_stored_styles_are_those_read_off_their_photographs(
    trained: tuple[StyledGenerator, Path], tmp_path: Path
) -> None:
    generator, _ = trained
    faces = _faces()
    names = {"surgical": ["m/2.jpg", "m/0.jpg"], "black": ["m/1.jpg"]}

    stored, rows = store_styles(generator, faces.photographs, names, faces.bare)
    path = tmp_path / "mask-styled.safetensors"
    save_styled_mask(path, stored, rows, crop_size_px=128, images_seen=12, config_sha256="0")
    loaded, card = load_generator(path, direction=Direction.MASK)

    assert card.styles == ("surgical", "surgical", "black")
    assert isinstance(loaded, StyledGenerator)
    assert loaded.styles.texture.shape == (3, 8, 16, 16)
    assert (loaded.colours > 0).all()
    with pytest.raises(ConfigError, match="1 of 1 photographs"):
        store_styles(generator, faces.photographs, {"lace": ["m/9.jpg"]}, faces.bare)


def test_a_preview_has_a_row_a_face_and_a_column_a_style(
    trained: tuple[StyledGenerator, Path],
) -> None:
    preview = draw_styled_preview(trained[0], _faces(), torch.device("cpu"))

    assert preview.shape == (4 * 160, 4 * 160, 3)
    assert preview.dtype == np.uint8
