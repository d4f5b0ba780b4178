import json
from pathlib import Path

import pytest
import torch

from facemask_video.core.direction import Direction
from facemask_video.core.pictures import write_picture
from facemask_video.translate.networks import GeneratorSpec, StyledGenerator
from facemask_video.translate.weights import WeightsCard, save_generator
from facemask_video.video import VideoReader
from tests.cli.conftest import Run

_SPEC = GeneratorSpec(architecture="styled", ngf=4, n_blocks=1, fold=2, segmentation_ngf=4)


@pytest.fixture
def styled(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = StyledGenerator(_SPEC, 2)
    network.textures.uniform_(-1, 1)
    network.shapes.uniform_(-1, 1)
    network.colours.fill_(0.2)
    torch.nn.init.constant_(network.to_region[0].bias, 0.5)
    path = tmp_path / "styled.safetensors"
    save_generator(path, network, WeightsCard(Direction.MASK, _SPEC, 64, styles=("cloth", "black")))
    return path


def _pictures(run: Run, sample: Path, styled: Path, out: Path, *options: object) -> bytes:
    report = out.with_suffix(".json")
    arguments = (sample, out, "-d", "mask", "--weights", styled, "--end", "0.1", "-y")
    result = run(*arguments, "--encoder", "ffv1", "--report", report, *options)
    assert result.exit_code == 0, result.stderr
    assert json.loads(report.read_text())["faces_changed"] == 3
    with VideoReader(out) as reader:
        return next(iter(reader)).thumbnail(10_000)[0].tobytes()


def test_styles_colours_and_pictures_change_what_is_put_on(
    run: Run, sample: Path, styled: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mkv"
    masked = Path(__file__).parents[2] / "samples" / "astronaut_masked.mp4"
    picture = tmp_path / "masked.png"
    with VideoReader(masked) as reader:
        write_picture(picture, next(iter(reader)).thumbnail(10_000)[0])

    made = {
        name: _pictures(run, sample, styled, out, *options)
        for name, options in {
            "cloth": ("--style", "cloth"),
            "again": ("--style", "cloth"),
            "black": ("--style", "black"),
            "picture": ("--style", picture),
            "green": ("--style", "cloth", "--mask-color", "#10c040"),
        }.items()
    }

    assert made["cloth"] == made["again"]
    assert len({made[name] for name in ("cloth", "black", "picture", "green")}) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--mask-color", "blue"), "expected #rrggbb"),
        (("--style", "lace"), "these weights hold cloth, black, random"),
        (("--style", "missing.jpg"), "missing.jpg"),
        (("--style-seed", "-1"), "-1"),
    ],
)
def test_a_style_that_cannot_be_had_is_said_in_one_line_and_nothing_is_written(
    run: Run, sample: Path, styled: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    out = tmp_path / "out.mp4"

    result = run(sample, out, "-d", "mask", "--weights", styled, *options)

    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    "options", [("--style", "black"), ("--style-seed", "3"), ("--mask-color", "#112233")]
)
def test_unmask_and_weights_without_styles_refuse_them(
    run: Run, sample: Path, weights: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    out = tmp_path / "out.mp4"

    unmask = run(sample, out, "-d", "unmask", *options)
    old = run(sample, out, "-d", "mask", "--weights", weights, *options)

    assert unmask.exit_code == 2
    assert "leave them out of unmask" in unmask.stderr
    assert old.exit_code == 2
    assert "holds no styles" in old.stderr
    assert not out.exists()
