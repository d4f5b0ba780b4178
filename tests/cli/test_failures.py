"""Ctrl-C ends a program with 130, wherever it comes."""

import click
import pytest
from click.testing import CliRunner

from facemask_video.cli.failures import INTERRUPTED, ClearFailures


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("when", ["reading the arguments", "in the command"])
def test_ctrl_c_ends_with_130_also_before_the_command_runs(when: str) -> None:
    early = when == "reading the arguments"

    @click.group(cls=ClearFailures)
    @click.option("--fast", is_flag=True, callback=interrupt if early else None)
    def program(fast: bool) -> None: ...

    @program.command()
    def work() -> None:
        interrupt()

    result = CliRunner().invoke(program, ["--fast", "work"])

    assert result.exit_code == INTERRUPTED
    assert result.output.splitlines() == ["Interrupted."]
