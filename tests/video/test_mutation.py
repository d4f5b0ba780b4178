"""Small videos that are damaged at random are converted, or refused in one line."""

from pathlib import Path

import pytest

from tests.mutation import SOURCES, convert_or_refuse, make_source, mutated

_SEEDS_EACH = 2


@pytest.mark.parametrize("name", SOURCES)
def test_a_damaged_video_is_converted_or_refused_in_one_line(name: str, tmp_path: Path) -> None:
    """`scripts/fuzz_files` goes on with thousands."""
    intact = make_source(name, tmp_path).read_bytes()
    for seed in range(_SEEDS_EACH):
        path = tmp_path / str(seed) / name
        path.parent.mkdir()
        path.write_bytes(mutated(intact, seed))

        outcome = convert_or_refuse(path)

        assert outcome.result in ("right", "refused"), f"seed {seed}: {outcome.said}"
