"""``extract`` and ``curate`` as a shell runs them, with the shipped networks, on a real clip."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.cli.conftest import Run


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for one set that several tests read."""
    return tmp_path_factory.mktemp("extracted") / "set"


@pytest.fixture
def extracted(run: Run, sample: Path, made: Path) -> Path:
    """Extract the sample once: an unreadable file beside it, rejected crops kept."""
    if made.exists():
        return made
    bad = made.with_name("bad.png")
    bad.write_text("no picture")

    result = run(
        "extract", sample, bad, "-o", made, "--end", "0.6", "--every", "0.2s", "--size", "128",
        "--keep-rejected", "--no-dedupe", "--progress", "json",
    )  # fmt: skip

    assert result.exit_code == 3, result.output
    assert "Error: " in result.stderr
    assert "bad.png: is no picture" in result.stderr
    assert json.loads(result.stderr.splitlines()[-2])["frame"] == 15
    assert f"{made}: 3 of 3 crops kept (3 bare" in result.stdout
    assert "1 files could not be read" in result.stdout
    return made


def test_a_clip_gives_crops_with_a_face_each(extracted: Path) -> None:
    rows = _rows(extracted)

    assert [row["frame"] for row in rows] == [0, 5, 10]
    for row in rows:
        assert cv2.imread(str(extracted / row["file"])).shape == (128, 128, 3)
        assert row["source"] == "astronaut.mp4"
        assert row["domain"] == "bare"
        assert row["rejected"] == []
        assert min(row["score"], row["second_score"]) > 0.9
        assert abs(row["yaw_deg"]) < 30
        assert row["nose_covered"] < 0.1
        eyes = np.array(row["crop_landmarks"][:2]) / 128
        assert eyes == pytest.approx(np.array([[0.365, 0.36], [0.635, 0.36]]), abs=0.03)
    assert (extracted / "contact.html").stat().st_size > 3000


def test_a_set_is_curated_without_decoding(run: Run, extracted: Path) -> None:
    result = run("curate", extracted, "--only", "masked", "--no-dedupe")

    assert result.exit_code == 0, result.output
    assert "0 of 3 crops kept" in result.stdout
    assert "rejected 3: other-domain" in result.stdout
    assert all(row["file"].startswith("rejected/") for row in _rows(extracted))

    assert "3 of 3 crops kept" in run("curate", extracted, "--no-dedupe").stdout
    assert not (extracted / "rejected").exists()


def test_curate_says_what_is_no_set(run: Run, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        result = run("curate", folder)

        assert result.exit_code == 1
        assert "facemask-video extract" in result.stderr
        assert result.stderr.count("\n") == 1


def test_the_only_file_unreadable_is_a_failure(run: Run, tmp_path: Path) -> None:
    result = run("extract", tmp_path / "nowhere.mp4", "-o", tmp_path / "set")

    assert result.exit_code == 1
    assert "nowhere.mp4" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--every", "often"], "expected a number of frames"),
        (["--every", "5", "--best", "2"], "exclude each other"),
        (["--best", "0"], "0 is not in the range"),
        (["--parts", "ears"], "got 'ears'"),
        (["--split", "1,1,1"], "three shares that add up to 1"),
        (["--only", "some"], "'some' is not one of"),
        (["--layout", "mine"], "'mine' is not one of"),
    ],
)
def test_wrong_usage_exits_2_and_writes_nothing(
    run: Run, sample: Path, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    result = run("extract", sample, "-o", tmp_path / "set", *arguments)

    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []
