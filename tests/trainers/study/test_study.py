"""What goes into a study's page, and what comes out of its answers."""

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from facemask_video.core.errors import ConfigError
from trainers.cli import main
from trainers.study.config import StudyConfig
from trainers.study.page import FORMAT, study_page
from trainers.study.pictures import encoded, list_fake, list_real, middle_square, read_study_picture
from trainers.study.score import Answer, read_answers, scores, to_markdown


def write(folder: Path, *names: str, size: tuple[int, int] = (40, 40)) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.full((*size, 3), 90, np.uint8))
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["study", *(str(each) for each in arguments)])


AS_IS = "--no-match"
"""Drawn squares show no faces to match by."""


def line_of(result: Result) -> str:
    assert result.exit_code != 0
    return next(line for line in result.output.splitlines() if line.startswith("Error: "))


def test_generator_and_direction_are_told_from_folders_or_given(tmp_path: Path) -> None:
    write(tmp_path, "ours/mask/a.png", "theirs/b.png", "unmask/c.png", "d.png")
    found = list_fake(tmp_path, generator="mine", direction="mask")
    assert [(p.name, p.generator, p.direction) for p in found] == [
        ("d.png", "mine", "mask"),
        ("ours/mask/a.png", "ours", "mask"),
        ("theirs/b.png", "theirs", "mask"),
        ("unmask/c.png", "mine", "unmask"),
    ]
    assert list_fake(tmp_path, generator="", direction="")[0].generator == tmp_path.name


def test_photographs_and_outputs_differ_in_nothing_but_the_picture(tmp_path: Path) -> None:
    folder = write(tmp_path, "large.jpg", "small.png", size=(90, 60))
    headers = []
    for picture in list_real(folder):
        uri = encoded(middle_square(read_study_picture(picture), 48))
        jpeg = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (48, 48, 3)
        headers.append(jpeg[:600])
    assert headers[0] == headers[1]


def test_the_page_needs_nothing_besides_itself(tmp_path: Path) -> None:
    write(tmp_path / "real", *(f"{i}.png" for i in range(3)))
    write(tmp_path / "fake", *(f"{i}.png" for i in range(3)))
    page = tmp_path / "study.html"
    options = ("--trials", 2, "--practice", 1, "--size", 32, AS_IS)
    result = run(tmp_path / "real", tmp_path / "fake", "-o", page, *options)
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert "default-src 'none'" in text
    assert "http://" not in text
    assert "https://" not in text
    assert text.count("data:image/jpeg") == 6
    assert "exists; pass --overwrite" in line_of(
        run(tmp_path / "real", tmp_path / "fake", "-o", page, *options)
    )


def test_a_name_cannot_end_the_script_that_holds_it(tmp_path: Path) -> None:
    hostile = "<!--'& <script>"
    write(tmp_path / "real", f"{hostile}.png")
    write(tmp_path / "fake", f"{hostile}.png")
    config = StudyConfig(trials=1, practice=0, size_px=32, match=False, generator="</script>")
    page = study_page(tmp_path / "real", tmp_path / "fake", config)
    assert page.count("</script>") == 1
    assert hostile not in page
    line = next(line for line in page.splitlines() if line.startswith("const study = "))
    stored = json.loads(line.removeprefix("const study = ").removesuffix(";"))
    assert stored["fake"][0]["generator"] == "</script>"
    assert stored["real"][0]["name"] == f"{hostile}.png"


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "real", *(f"{i}.png" for i in range(5)))
    write(tmp_path / "fake", "a.png")
    where = (tmp_path / "real", tmp_path / "fake", "-o", tmp_path / "s.html")
    assert "there are 5 photographs, expected at least 50" in line_of(run(*where))
    few = ("--trials", 3, "--practice", 1)
    assert "there are 1 outputs, expected at least 4" in line_of(run(*where, *few))
    (tmp_path / "empty").mkdir()
    assert "holds no pictures" in line_of(run(tmp_path / "real", tmp_path / "empty", *where[2:]))


def test_photographs_must_be_there_for_each_direction(tmp_path: Path) -> None:
    write(tmp_path / "real", *(f"mask/{i}.png" for i in range(6)))
    write(tmp_path / "fake", *(f"unmask/{i}.png" for i in range(6)))
    result = run(
        *(tmp_path / "real", tmp_path / "fake", "-o", tmp_path / "s.html"),
        *("--trials", 3, "--practice", 0),
    )
    assert "0 photographs can stand against outputs of unmask, expected 3" in line_of(result)


def test_an_unreadable_picture_is_named(tmp_path: Path) -> None:
    write(tmp_path / "real", "a.png")
    write(tmp_path / "fake", "a.png")
    (tmp_path / "fake/a.png").write_bytes(b"no picture")
    where = (tmp_path / "real", tmp_path / "fake", "-o", tmp_path / "s.html")
    assert "a.png: not a picture" in line_of(run(*where, "--trials", 1, "--practice", 0, AS_IS))


def answers(
    fooled: int, trials: int, *, direction: str = "mask", session: str = "a"
) -> list[Answer]:
    return [Answer(session, "ours", direction, number < fooled) for number in range(trials)]


def test_intervals_are_wilson_s() -> None:
    (score,) = scores(answers(10, 40))
    # (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n) by hand.
    z, n, p = 1.959964, 40, 0.25
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert score.interval == pytest.approx((middle - half, middle + half), abs=1e-5)
    assert scores(answers(0, 20))[0].interval[0] == 0


def test_scores_are_by_generator_and_direction_and_for_all() -> None:
    rows = scores(answers(10, 20) + answers(5, 20, direction="unmask", session="b"))
    figures = [(row.direction, row.fooled, row.trials, row.persons) for row in rows]
    assert figures == [("mask", 10, 20, 1), ("unmask", 5, 20, 1), ("", 15, 40, 2)]
    assert "| all | - | 37.5% |" in to_markdown(rows)


def result_file(path: Path, session: str, *, study: str = "s", **changes: object) -> Path:
    trial = {"generator": "ours", "direction": "mask", "fooled": True} | changes
    result = {"format": FORMAT, "study": study, "session": session, "trials": [trial]}
    path.write_text(json.dumps(result))
    return path


def test_the_command_scores_files_and_counts_a_session_once(tmp_path: Path) -> None:
    first = result_file(tmp_path / "1.json", "a")
    again = result_file(tmp_path / "2.json", "a")
    other = result_file(tmp_path / "3.json", "b", fooled=False)
    result = run("--score", first, again, other, "-o", tmp_path / "scores.json")
    assert result.exit_code == 0, result.output
    assert "| ours | mask | 50.0% |" in result.output
    stored = json.loads((tmp_path / "scores.json").read_text())
    assert (stored[0]["fooled"], stored[0]["trials"], stored[0]["persons"]) == (1, 2, 2)


def test_damaged_and_mixed_results_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fooled is 'yes', expected true or false"):
        read_answers([result_file(tmp_path / "1.json", "a", fooled="yes")])
    first = result_file(tmp_path / "2.json", "a")
    with pytest.raises(ConfigError, match="from another page than"):
        read_answers([first, result_file(tmp_path / "3.json", "b", study="t")])
    (tmp_path / "4.json").write_text("[]")
    assert "not a result of a study" in line_of(run("--score", tmp_path / "4.json"))
    assert "expected the JSON files" in line_of(run("--score"))
    assert "cannot be read" in line_of(run("--score", tmp_path / "none.json"))
