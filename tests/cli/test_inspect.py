import json
from pathlib import Path

from tests.cli.conftest import Run


def test_a_file_that_says_nothing_of_its_origin_is_described(run: Run, sample: Path) -> None:
    result = run("inspect", sample)

    assert result.exit_code == 0
    assert "640x360, h264, yuv420p, 25 fps" in result.stdout
    assert "125 by the header" in result.stdout
    assert "1: audio aac" in result.stdout
    assert "none: the file does not say" in result.stdout


def test_an_output_says_that_it_is_synthetic(
    run: Run, sample: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"
    run(sample, out, "-d", "mask", "--weights", weights, "--end", "0.1")

    text = run("inspect", out).stdout
    plain = json.loads(run("inspect", out, "--json").stdout)

    assert "SYNTHETIC" in text
    assert "compositeWithTrainedAlgorithmicMedia" in text
    assert plain["provenance"]["direction"] == "mask"
    assert plain["provenance"]["weights_sha256"] in text
    assert plain["width_px"] == 640


def test_a_missing_file_is_one_line(run: Run, tmp_path: Path) -> None:
    result = run("inspect", tmp_path / "nowhere.mp4")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_the_most_px_of_a_frame_are_an_option_of_inspect_and_verify(run: Run, sample: Path) -> None:
    for command in (["inspect", sample], ["verify", sample, sample]):
        result = run(*command, "--max-pixels", 640 * 360 - 1)

        assert result.exit_code == 1
        assert "640x360, more than 230399 px (--max-pixels)" in result.stderr
        assert result.stderr.count("\n") == 1
