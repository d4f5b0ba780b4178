"""pix2pix on a user's own pairs, from folders to translated pictures, with tiny networks."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facemask_video.core.pictures import read_picture, write_picture
from tests.trainers.tiny import SETTINGS
from trainers.cli import main

TINY = {**SETTINGS, "method": "pix2pix", "run.images": 8, "run.preview_every": 8}


def tiny_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    lines = (f"{name} = {str(v).lower() if isinstance(v, bool) else repr(v)}"
             for name, v in TINY.items() if "progress" not in name)  # fmt: skip
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("direction", ["mask", "unmask"])
def test_fit_learns_from_pairs_and_translate_runs_the_generator_over_a_folder(
    tmp_path: Path, direction: str
) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 6), ("val", 2)):
        (tmp_path / "pairs" / part).mkdir(parents=True)
        for number in range(count):
            picture = rng.integers(0, 256, (40, 80, 3), np.uint8)
            write_picture(tmp_path / "pairs" / part / f"{number}.png", picture)
    (tmp_path / "pairs/train/broken.png").write_bytes(b"no picture")
    run = CliRunner().invoke(
        main,
        ["fit", "--config", str(tiny_file(tmp_path)), "--pairs", str(tmp_path / "pairs"),
         "--run-dir", str(tmp_path / "runs"), f"--set=pix2pix.direction={direction}",
         "--set=unmask.architecture=resnet", "--set=unmask.fold=1"],
    )  # fmt: skip

    assert run.exit_code == 0, run.output
    assert "6 bare and 6 masked faces to train on; 2 and 2 set aside" in run.output
    [folder] = (tmp_path / "runs").iterdir()
    assert "train/broken.png" in (folder / "crops/pairs.skipped.txt").read_text()
    [weights] = (folder / "weights").glob(f"{direction}-*.safetensors")

    sources = tmp_path / "pictures"
    (sources / "sub").mkdir(parents=True)
    write_picture(sources / "a.jpg", rng.integers(0, 256, (30, 50, 3), np.uint8))
    write_picture(sources / "sub/<b>.png", rng.integers(0, 256, (64, 64, 3), np.uint8))
    (sources / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["translate", str(weights), str(sources), "-o", str(out)])

    assert result.exit_code == 0, result.output
    assert "2 pictures translated" in result.output
    assert read_picture(out / "a.jpg.png").shape == (30, 50, 3)
    assert read_picture(out / "sub/<b>.png.png").shape == (64, 64, 3)
    page = (out / "index.html").read_text()
    assert "&lt;b&gt;.png" in page
    assert "<b>" not in page
    assert "broken.png" in page


def test_results_are_not_written_among_the_sources(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    weights = Path(__file__).parents[3] / "facemask_video/weights/unmask-lite.safetensors"

    result = CliRunner().invoke(
        main, ["translate", str(weights), str(tmp_path), "-o", str(tmp_path / "out")]
    )

    assert result.exit_code == 2
    assert "choose another place" in result.output
