import json
from pathlib import Path

from tests.cli.conftest import Run


def test_an_exact_conversion_is_confirmed(
    run: Run, short_clip: Path, weights: Path, tmp_path: Path
) -> None:
    out, tracks = tmp_path / "out.mkv", tmp_path / "tracks.jsonl"
    run(
        short_clip,
        out,
        "-d",
        "mask",
        "--weights",
        weights,
        "--encoder",
        "ffv1",
        "--tracks-out",
        tracks,
    )

    result = run("verify", short_clip, out, "--tracks", tracks)
    plain = json.loads(run("verify", short_clip, out, "--tracks", tracks, "--json").stdout)

    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.stdout
    assert plain["ok"] is True
    assert len(plain["rows"]) == len(result.stdout.splitlines()) > 4


def test_another_file_is_refused(run: Run, short_clip: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    run(short_clip, out, "-d", "mask", "--weights", weights, "--end", "0.2")

    result = run("verify", short_clip, out)

    assert result.exit_code == 1
    assert "FAIL" in result.stdout
