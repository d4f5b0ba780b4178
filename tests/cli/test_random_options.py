"""Whatever options are typed together, the answer is a plan, or one line and an exit code."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facemask_video.cli.main import main
from tests.synthetic import encode_clip, moving_square_frames

_VALUES = (
    *("0", "1", "-1", "0.5", "8", "1e9", "-1e-9", "nan", "inf", "1e400", "9" * 40, "0x10", "1_000"),
    *("", " ", "-", "--", "auto", "all", "track:0", "track:", "none", "true", "mask", "unmask"),
    *("00:00:01", "1:2:3:4", "00:00:99", "libx264", "ffv1", "gif", "aac", "yuv420p", "nosuch"),
    *("mouth,nose", "#ff0033", "cpu", "cuda:7", "K=V", "=", "crf=", "caf\udce9", "\u202e", "a\nb"),
    *("/", "..", "no/such/folder/x.json", "x.json", "{stem}", "1/0", "0/0", "2/1", "30000/1001"),
)


def _options(command: str) -> st.SearchStrategy[list[str]]:
    parameters = main.commands[command].params
    declared = [each for each in parameters if isinstance(each, click.Option)]

    def typed(option: click.Option) -> st.SearchStrategy[list[str]]:
        flag = st.sampled_from([*option.opts, *option.secondary_opts])
        if option.is_flag or option.count:
            return flag.map(lambda name: [name])
        # Half of them plausible: what is refused at once hides what comes later.
        choices = getattr(option.type, "choices", None)
        values = st.sampled_from(_VALUES)
        if choices:
            values = st.one_of(values, st.sampled_from([str(each) for each in choices]))
        return st.tuples(flag, values).map(list)

    # With -v a traceback is what was asked for.
    helpful = {"--help", "--version", "--verbose"}
    wanted = [each for each in declared if not helpful & set(each.opts)]
    one = st.sampled_from(wanted).flatmap(typed)
    return st.lists(one, max_size=4).map(lambda parts: [word for part in parts for word in part])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    return encode_clip(folder / "in.mp4", moving_square_frames(3))


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("convert", ["IN", "OUT", "-d", "mask", "--dry-run"]),
        ("batch", ["IN", "-o", "DIR", "-d", "mask", "--dry-run"]),
        ("inspect", ["IN"]),
        ("verify", ["IN", "IN"]),
    ],
)
def test_any_options_give_a_plan_or_one_line(
    command: str, arguments: list[str], clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip.parent)
    places = {"IN": str(clip), "OUT": str(clip.parent / "out.mkv"), "DIR": str(clip.parent / "set")}
    before = sorted(clip.parent.iterdir())

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_options(command))
    def answers(options: list[str]) -> None:
        words = [places.get(word, word) for word in arguments]
        result = CliRunner().invoke(main, [command, *words, *options], prog_name="facemask-video")

        assert isinstance(result.exception, SystemExit | None), (options, result.exception)
        assert result.exit_code in (0, 1, 2), options
        said = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        if result.exit_code == 2:
            assert len(said) == 1, (options, result.stderr)
        assert "Traceback" not in result.output, options
        assert sorted(clip.parent.iterdir()) == before, options

    answers()
