from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import pytest

from facemask_video.config.extract import SampleConfig
from facemask_video.core.errors import ConfigError
from facemask_video.extract.sampling import BestOfTracks, EveryNth
from tests.fakes import fake_frames


@dataclass(frozen=True)
class _Observation:
    time_s: float
    quality: float


def _offered(
    best: BestOfTracks[_Observation], observations: list[_Observation], track: int = 0
) -> None:
    for observation in observations:
        best.offer(track, observation.time_s, observation)


def test_every_n_frames_counts_from_the_first() -> None:
    nth = EveryNth(frames=4, seconds=None)

    assert [f.index for f in fake_frames(10) if nth.takes(f)] == [0, 4, 8]


def test_every_so_many_seconds_takes_the_first_frame_of_each_stretch() -> None:
    # Frames come every 40 ms.
    nth = EveryNth(frames=None, seconds=Fraction(1, 10))

    assert [f.index for f in fake_frames(12) if nth.takes(f)] == [0, 3, 5, 8, 10]


@pytest.mark.parametrize(
    ("text", "frames", "seconds"), [("10", 10, None), ("0.5s", None, 0.5), ("2 s", None, 2)]
)
def test_a_distance_is_frames_or_seconds(
    text: str, frames: int | None, seconds: float | None
) -> None:
    sample = SampleConfig(every=text)

    assert (sample.every_frames, sample.every_s) == (frames, seconds)


@pytest.mark.parametrize("text", ["0", "0s", "-1", "1.5", "s", "", "ten"])
def test_what_is_no_distance_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"sample\.every"):
        SampleConfig(every=text)


def test_every_and_best_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        SampleConfig(every="5", best=2)


def test_the_best_of_a_track_are_spread_over_its_time() -> None:
    best: BestOfTracks[_Observation] = BestOfTracks(3, ends_after_s=1)
    # The worth rises towards the end of each third.
    _offered(best, [_Observation(i / 25, i % 100) for i in range(300)])

    assert [observation.time_s for observation in best.finish()] == pytest.approx(
        [3.96, 7.96, 11.96], abs=0.2
    )


def test_however_long_a_track_is_few_observations_are_held() -> None:
    best: BestOfTracks[_Observation] = BestOfTracks(4, ends_after_s=1)
    _offered(best, [_Observation(i / 25, -i) for i in range(25 * 3600)])

    chosen = list(best.finish())

    assert len(chosen) == 4
    gaps = [b.time_s - a.time_s for a, b in pairwise(chosen)]
    assert min(gaps) > 300


def test_a_short_track_gives_what_it_has() -> None:
    best: BestOfTracks[_Observation] = BestOfTracks(5, ends_after_s=1)
    _offered(best, [_Observation(0.0, 1.0), _Observation(0.04, 2.0)])

    assert [observation.quality for observation in best.finish()] == [2.0]


def test_a_track_that_ended_is_given_out_and_forgotten() -> None:
    best: BestOfTracks[_Observation] = BestOfTracks(1, ends_after_s=1)
    _offered(best, [_Observation(0.0, 1.0)])
    _offered(best, [_Observation(0.9, 7.0)], track=1)

    assert [observation.quality for observation in best.ended(1.5)] == [1.0]
    assert list(best.ended(1.5)) == []
    assert [observation.quality for observation in best.finish()] == [7.0]
