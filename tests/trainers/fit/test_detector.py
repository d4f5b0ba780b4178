"""The training of MTCNN's networks, on a frame of a sample, bare and masked."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from facemask_video.core.errors import ConfigError
from facemask_video.core.geometry import Box, iou
from facemask_video.core.pictures import write_picture
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.landmarks import default_landmarks, load_landmarks
from facemask_video.detect.mtcnn import load_networks, load_scorers
from facemask_video.video import VideoReader
from trainers.cli import main
from trainers.config.detector import DetectorConfig
from trainers.data.detector_crops import SIDES_PX, CropCollector, show_face
from trainers.data.detector_faces import BARE, MASKED, TaughtFace, list_faces, teach
from trainers.data.detector_negatives import NegativeMiner
from trainers.data.patterns import draw_pattern
from trainers.fit.detector_run import run_detector
from trainers.fit.interrupt import Stop

CPU = torch.device("cpu")
SAMPLES = Path(__file__).parents[3] / "samples"
COLUMNS = (
    *("file", "box_x", "box_y", "box_w", "box_h", "reyex", "reyey", "leyex", "leyey"),
    *("nosex", "nosey", "rmouthx", "rmouthy", "lmouthx", "lmouthy"),
)
SETTINGS = (
    *("--pictures", "6", "--images", "48", "--batch-size", "16", "--device", "cpu", "-q"),
    *("--held-out", "0", "--test-share", "0", "--photographs", "1", "--patterns", "1"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for domain, clip in ((BARE, "astronaut.mp4"), (MASKED, "astronaut_masked.mp4")):
        with VideoReader(SAMPLES / clip) as reader:
            picture = next(iter(reader)).thumbnail(320)[0]
        detector = CascadeDetector(device=CPU, threshold=0.6, min_face_px=20)
        (face,) = detector.detect([picture])[0]
        box, points = face.box, face.landmarks
        (folder / domain / "web").mkdir(parents=True)
        write_picture(folder / domain / "web" / "a.png", picture)
        with (folder / domain / "manifest.csv").open("w", newline="") as file:
            where = (box.x0, box.y0, box.width_px, box.height_px, *points.ravel())
            csv.writer(file).writerows([COLUMNS, ("web/a.png", *where)])
    return folder


@pytest.fixture(scope="module")
def faces(data: Path) -> list[TaughtFace]:
    bare, masked = (list_faces(data / domain) for domain in (BARE, MASKED))
    taught = teach(bare, masked, load_landmarks(default_landmarks(), device=CPU), device=CPU)
    assert taught is not None
    return taught


def test_masked_faces_are_taught_where_bare_ones_are_seen(faces: list[TaughtFace]) -> None:
    bare, masked = faces

    assert (bare.is_masked, masked.is_masked) == (False, True)
    # The same frame of the same clip.
    assert iou(Box(*map(float, bare.box)), Box(*map(float, masked.box))) > 0.75
    eyes_px = np.hypot(*(bare.points[1] - bare.points[0]))
    assert np.linalg.norm(bare.points - masked.points, axis=1).max() < 0.25 * eyes_px


def test_crops_are_of_faces_and_of_what_lies_beside_them(faces: list[TaughtFace]) -> None:
    detector = CascadeDetector(
        device=CPU, threshold=0.0, min_face_px=12, stage_thresholds=(0.4, 0.3)
    )
    rng = np.random.default_rng(3)
    shown = [show_face(faces, number % 2, faces[1:], rng) for number in range(4)]
    found = [CropCollector(detector).collect(each, n, rng) for n, each in enumerate(shown)]

    for crops in found:
        assert crops.is_face.any()
        assert not crops.is_face.all()
        for name, side_px in SIDES_PX.items():
            assert crops.images[name].shape == (len(crops), side_px, side_px, 3)
    _, _, onet = load_networks(CPU)
    scores = torch.cat([onet(_normal(each.images["onet"]))[2][:, 1] for each in found])
    is_face = torch.from_numpy(np.concatenate([each.is_face for each in found]))
    assert scores[is_face].mean() > scores[~is_face].mean() + 0.3


def _normal(images: np.ndarray) -> torch.Tensor:
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127.5) / 128


def test_nothing_is_learnt_of_what_touches_a_possible_face(faces: list[TaughtFace]) -> None:
    picture = show_face(faces, 0, [], np.random.default_rng(3)).picture
    height, width = picture.shape[:2]
    pattern = draw_pattern(np.random.default_rng(1))

    nowhere = NegativeMiner(None).mine(picture, 8, [Box(0, 0, width, height)])
    anywhere = NegativeMiner(None).mine(pattern, 8)

    assert len(nowhere) == 0
    assert 0 < len(anywhere) <= 8
    assert not anywhere.is_face.any()


def test_patterns_are_the_same_for_the_same_number_and_all_different() -> None:
    drawn = [draw_pattern(np.random.default_rng(number)) for number in (1, 1, 2, 3)]

    assert np.array_equal(drawn[0], drawn[1])
    assert len({each.tobytes() for each in drawn}) == 3
    assert all(each.shape == (256, 320, 3) and each.std() > 5 for each in drawn)


def test_a_stopped_run_goes_on_and_its_file_is_what_the_detector_loads(
    data: Path, tmp_path: Path
) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    runner = CliRunner()
    (tmp_path / "clips").mkdir()
    shutil.copy(SAMPLES / "astronaut.mp4", tmp_path / "clips")
    clips = ("--clips", str(tmp_path / "clips"), "--clip-frames", "1")

    result = runner.invoke(main, ["detector", str(data), "-o", str(whole), *SETTINGS, *clips])
    assert result.exit_code == 0, result.output
    mined = {path.name for path in (whole / "crops").glob("none-*-clip-*")}
    assert mined == {"none-0-clip-astronaut.mp4.npz", "none-1-clip-astronaut.mp4.npz"}
    every = (*clips, "--checkpoint-every", "16")
    result = runner.invoke(main, ["detector", str(data), "-o", str(parted), *SETTINGS, *every])
    assert result.exit_code == 0, result.output
    # As after a kill behind the second step of the last network.
    (parted / "mtcnn-masks.safetensors").unlink()
    (parted / "checkpoints" / "onet-1" / "000000048.pt").unlink()
    result = runner.invoke(main, ["detector", str(data), "-o", str(parted), *SETTINGS, *every])

    assert result.exit_code == 0, result.output
    weights = [each / "mtcnn-masks.safetensors" for each in (whole, parted)]
    trained, resumed = (load_scorers(path).onet.dense6_1.weight for path in weights)
    assert torch.equal(trained, resumed)
    assert not torch.allclose(trained, load_networks(CPU)[2].dense6_1.weight, atol=1e-3)
    assert json.loads((whole / "options.json").read_text())["pictures"] == 6


def test_a_run_that_is_told_to_stop_leaves_nothing_half_done(data: Path, tmp_path: Path) -> None:
    config = DetectorConfig(held_out=0, test_share=0, pictures=6, device="cpu")

    path = run_detector(
        data,
        tmp_path / "run",
        config,
        stop=Stop("SIGINT"),
        on_done=lambda name, done, total: None,
        on_stats=lambda name, seen, loss: None,
    )

    assert path is None
    written = sorted(each.name for each in (tmp_path / "run").iterdir())
    assert written == ["options.json", "training-files.txt"]


def test_a_run_is_not_gone_on_with_under_other_settings(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "options.json").write_text(json.dumps({"pictures": 5}))
    arguments = ["detector", str(data), "-o", str(tmp_path / "run"), *SETTINGS]

    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert "was begun with" in result.output


@pytest.mark.parametrize("damage", ["", "file\nweb/a.png\n", "file,box_x\nweb/a.png,wide\n"])
def test_a_manifest_that_cannot_be_used_is_named(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / BARE
    folder.mkdir()
    if damage:
        (folder / "manifest.csv").write_text(damage)
    with pytest.raises(ConfigError, match=r"manifest\.csv: not a manifest of faces"):
        list_faces(folder)
