"""What README and docs say can be done: files are there, commands parse, and the first ones run."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import av
import click
import pytest
from click.testing import CliRunner

from facemask_video.cli.main import main as video
from facemask_video.config import ConvertConfig
from facemask_video.config.settings import read_toml, settings_of
from trainers.cli import main as train
from trainers.config import TrainConfig
from trainers.evaluate.config import EvaluateConfig

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
PAGES += [*sorted((ROOT / "docs").glob("*.md")), ROOT / "facemask_video" / "weights" / "README.md"]
PROGRAMS = {"facemask-video": video, "facemask-train": train}
FOREIGN = ("pip", "uv", "python", "ffmpeg", "ffplay", "x265", "cat", "openssl")
TOPS = ("facemask_video", "trainers", "tests", "scripts", "configs", "docs", "samples")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def commands_of(text: str) -> Iterator[str]:
    """Yield the commands of a page's indented blocks, pipes taken apart, and of its inline code."""
    for line in re.findall(r"(?m)^ {4}(\S.*)$", re.sub(r"(?s)```.*?```", "", text)):
        yield from re.split(r" \| ", line)
    yield from re.findall(r"`((?:facemask-(?:video|train)|scripts/[\w.]+|torchrun) [^`]+)`", text)


@each_page
def test_every_command_of_a_page_can_be_parsed(page: Path) -> None:
    for command in commands_of(page.read_text("utf-8")):
        words = [word for word in shlex.split(command, comments=True) if word != "…"]
        if " > " in command:  # a chain of stages
            continue
        if words[0] == "torchrun":
            words = words[words.index("facemask-train") :]
        name = words[0].removeprefix(".venv/bin/")
        if name in PROGRAMS:
            parse(PROGRAMS[name], name, words[1:])
        else:
            assert name in FOREIGN or (ROOT / name).is_file(), command


def parse(program: click.Group, name: str, words: list[str]) -> None:
    """Read a command line as a shell's would be read, without doing anything."""
    with click.Context(program, info_name=name, **program.context_settings) as group:
        if words[0] not in program.commands and not re.match("-.", words[0]):
            words = ["convert", *words]
        _, command, rest = program.resolve_command(group, words)
        assert command is not None, words
        try:
            if "--help" not in rest:
                command.make_context(words[0], rest, parent=group)
        except click.MissingParameter:
            # Prose may name only the option that it speaks of; a wrong name or value still fails.
            assert not rest or rest[0].startswith("-"), words
        except click.BadParameter as error:
            if "does not exist" not in error.message:
                raise


@each_page
def test_every_path_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    named = re.findall(r"`((?:%s)/[\w./-]*)`" % "|".join(TOPS), text)  # noqa: UP031
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]

    missing = [name for name in named if not (ROOT / name).exists()]
    missing += [link for link in links if not (page.parent / link).exists()]
    assert not missing


@each_page
def test_every_class_function_and_setting_that_a_page_names_is_there(page: Path) -> None:
    if page.name in ("cli.md", "python.md"):
        return
    text = re.sub(r"(?s)```.*?```", "", page.read_text("utf-8"))
    names = re.findall(r"`((?:[A-Z]\w+|[a-z]+_[a-z_]+)(?:\.\w+)?|\w+\.[a-z]+_\w+)`", text)
    missing = {
        name for name in names if not all(part in source_words() for part in name.split("."))
    }
    assert not missing


@cache
def source_words() -> frozenset[str]:
    """Return every word of the code and the configurations."""
    found = [path for top in TOPS[:5] for path in (ROOT / top).rglob("*")]
    files = [path for path in found if path.suffix in (".py", ".toml")]
    return frozenset(re.findall(r"\w+", " ".join(path.read_text("utf-8") for path in files)))


@each_page
def test_every_heading_that_a_page_links_to_is_there(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", page.read_text("utf-8")):
        linked = (page.parent / target if target else page).read_text("utf-8")
        headings = re.findall(r"(?m)^#+ (.*)$", linked)
        slugs = {
            re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in headings
        }
        assert anchor in slugs


def test_every_option_that_other_trainers_options_are_told_by_is_there() -> None:
    settings = {
        setting.name for kind in (TrainConfig, ConvertConfig) for setting in settings_of(kind)
    }
    flags = {flag for parameter in train.commands["fit"].params for flag in parameter.opts}
    table = (ROOT / "docs/training.md").read_text().partition("## Options of other trainers")[2]
    cells = re.findall(r"(?m)^\|([^|]*)\|([^|]*)\|", table)
    rows = [
        ours for theirs, ours in cells if not theirs.startswith((" ---", " pytorch", " faceswap"))
    ]

    assert len(rows) > 50
    for row in rows:
        names = re.findall("`([^`]+)`", row)
        assert names or row.strip() == "none", row
        assert set(names) <= settings | flags, set(names) - settings - flags


def test_architecture_has_the_layers_of_the_import_contract() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rooms = re.findall(r"(?m)^ {4}\(?((?:facemask_video|trainers)\.[\w.]+)", contract())

    assert len(rooms) > 10
    missing = [room for room in rooms if room.rpartition(".")[2] not in text]
    assert not missing


def contract() -> str:
    """Return the layers of setup.cfg, one room a line."""
    text = (ROOT / "setup.cfg").read_text("utf-8")
    layers = text.partition("[importlinter:contract:layers]")[2].partition("ignore_imports")[0]
    return layers.replace(" | ", "\n    ")


def test_the_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "document_options"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_is_a_page() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the README's examples run in, with the first frames of a sample."""
    sample = ROOT / "samples" / "astronaut.mp4"
    if not sample.is_file():
        pytest.skip(f"{sample.name} is not there; scripts/make_samples.py makes it")
    (tmp_path / "samples").mkdir()
    short = tmp_path / "samples" / sample.name
    with av.open(str(sample)) as source, av.open(str(short), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if number < 8 and packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    for name in ("in.mp4", "other.mp4"):
        shutil.copy(short, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_readme_do_what_it_shows(folder: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8").partition("## Use")[2]
    convert, verify = re.findall(r"(?m)^ {4}(facemask-video .*)$", text)[:2]

    said = []
    for command in (convert, verify):
        done = CliRunner().invoke(video, shlex.split(command)[1:])
        assert done.exit_code == 0, done.output
        said.append(done.stdout)

    assert re.match(
        r"exact.mkv: \d+ frames, \d+ faces \(1 track, in \d+ frames\), all translated; ", said[0]
    )
    assert re.search(r"ok    samples outside the regions  largest difference 0 in", said[1])


def test_the_python_of_the_readme_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = (ROOT / "README.md").read_text("utf-8").partition("```python\n")[2].partition("```")[0]

    exec(compile(code, "README.md", "exec"), {})

    assert capsys.readouterr().out.count("direction='mask'") == 2
    assert (folder / "other_masked.mp4").is_file()


@pytest.mark.parametrize(
    ("kind", "config"),
    [("convert", ConvertConfig), ("train", TrainConfig), ("evaluate", EvaluateConfig)],
)
def test_every_shipped_configuration_can_be_read(kind: str, config: type) -> None:
    for path in (ROOT / "configs" / kind).glob("*.toml"):
        assert read_toml(path, config)
