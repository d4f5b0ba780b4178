from pathlib import Path

from facemask_video.core.pictures import read_picture
from tests.cli.conftest import Run


def test_a_moment_is_shown_with_the_options_of_a_conversion(
    run: Run, short_clip: Path, weights: Path, tmp_path: Path
) -> None:
    target = tmp_path / "seen.png"
    options = ("-d", "mask", "--weights", weights, "--at", "0:00.1", "--detect-size", 240)

    result = run("preview", short_clip, "-o", target, "--boxes", *options)

    assert result.exit_code == 0, result.output
    assert ": 1 face (track 0), 1 translated; " in result.stdout
    assert read_picture(target).shape[1] == 3 * 640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seen.png", "short.mkv"]

    again = run("preview", short_clip, "-o", target, "--boxes", *options)

    assert again.exit_code == 1
    assert again.stderr == f"Error: {target}: exists; pass --overwrite (-y) to replace it.\n"


def test_what_cannot_be_shown_is_said_in_one_line(run: Run, sample: Path, tmp_path: Path) -> None:
    target = tmp_path / "seen.png"
    for arguments, code, said in [
        ((sample, "--at", "99", "-o", target), 2, "the clip lasts 5.000 s"),
        ((sample, "--at", "-1", "-o", target), 2, "got '-1', expected seconds"),
        ((sample, "--at", "soon", "-o", target), 2, "got 'soon', expected seconds"),
        ((sample, "-o", tmp_path / "seen.xyz"), 1, "use .png for the moment or .mp4"),
        ((tmp_path, "-o", target), 2, "is a folder"),
        ((tmp_path / "none.mp4", "-o", target), 1, "no such file"),
    ]:
        result = run("preview", *arguments, "-d", "mask")

        assert result.exit_code == code, result.output
        assert said in result.stderr.splitlines()[-1]
        assert not list(tmp_path.iterdir())


def test_settings_of_a_conversion_are_taken_and_what_is_none_is_refused(
    run: Run, sample: Path, tmp_path: Path
) -> None:
    file, target = tmp_path / "mine.toml", tmp_path / "seen.png"
    text = '[video]\nencoder = "ffv1"\nencoder_options = {level = "3"}\n[select]\nfaces = "none"\n'
    for line, said in [("", "select.faces: got 'none'"), ("crff = 3\n", "unknown key")]:
        file.write_text(f"{line}{text}", "utf-8")

        result = run("preview", sample, "-o", target, "-d", "mask", "--config", file)

        assert result.exit_code == 2
        assert said in result.stderr
