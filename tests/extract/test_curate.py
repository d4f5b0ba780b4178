import itertools
from dataclasses import replace
from random import Random

import pytest

from facemask_video.config.extract import FilterConfig, SplitConfig
from facemask_video.core.errors import ConfigError
from facemask_video.extract.curate import REASONS, curate
from facemask_video.extract.manifest import ManifestRow
from facemask_video.extract.splits import split_of
from tests.extract.rows import make_row

_MASKED = {"domain": "masked", "nose_covered": 0.9, "chin_covered": 0.9}


def _reasons(row: ManifestRow, **limits: object) -> tuple[str, ...]:
    (decided,) = curate([row], FilterConfig(**limits), SplitConfig())  # type: ignore[arg-type]
    return decided.rejected


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"score": 0.7, "second_score": 0.6}, "no-face"),
        ({"inside": 0.4}, "cut-off"),
        ({"neighbour": 0.8}, "several-faces"),
        ({"face_px": 30.0}, "small"),
        ({"sharpness": 0.02}, "blurred"),
        ({"brightness": 0.02}, "badly-lit"),
        ({"clipped": 0.9}, "badly-lit"),
        ({"yaw_deg": -75.0}, "turned"),
        # Eyes too near each other for the size of the face.
        ({"face_px": 240.0}, "turned"),
        (_MASKED | {"nose_covered": 0.1}, "worn-wrong"),
        (_MASKED | {"chin_covered": 0.1}, "worn-wrong"),
        ({"file": None}, "not-kept"),
    ],
)
def test_a_crop_is_rejected_for_what_is_wrong_with_it(
    facts: dict[str, object], reason: str
) -> None:
    assert _reasons(make_row(**facts)) == (reason,)
    assert reason in REASONS


@pytest.mark.parametrize(
    "facts",
    [
        {},
        _MASKED,
        # A sure first look needs no second.
        {"score": 0.98, "second_score": 0.0},
        # Of a bare face nothing need be covered.
        {"nose_covered": 0.0, "chin_covered": 0.0},
        # What lies in doubt speaks for the crop.
        _MASKED | {"chin_covered": 0.4},
        {"yaw_deg": 35.0, "face_px": 180.0},
    ],
)
def test_a_good_crop_is_kept(facts: dict[str, object]) -> None:
    assert _reasons(make_row(**facts)) == ()


def test_filters_can_be_turned_off() -> None:
    wrong = make_row(**_MASKED | {"nose_covered": 0.0})

    assert _reasons(wrong, wearing="any") == ()
    assert _reasons(make_row(face_px=10.0), min_size_px=0.0) == ()
    assert _reasons(make_row(yaw_deg=80.0), max_yaw_deg=90.0) == ()


@pytest.mark.parametrize(("only", "kept"), [("all", 2), ("bare", 1), ("masked", 1)])
def test_one_domain_can_be_asked_for(only: str, kept: int) -> None:
    rows = curate([make_row(0), make_row(1, **_MASKED)], FilterConfig(only=only), SplitConfig())

    assert sum(row.kept for row in rows) == kept
    assert all(row.rejected in ((), ("other-domain",)) for row in rows)


def test_all_reasons_are_told_the_weightiest_first() -> None:
    assert _reasons(make_row(sharpness=0.0, face_px=5.0, inside=0.0)) == (
        "cut-off",
        "small",
        "blurred",
    )


def test_of_crops_that_look_alike_the_sharpest_stays_whatever_file_it_is_in() -> None:
    alike = "00ff" * 16
    rows = [
        make_row(0, phash=alike, sharpness=0.3),
        make_row(1, phash="00ff" * 15 + "00fe", sharpness=0.5),
        make_row(0, source_id="other-9876543210", phash=alike, sharpness=0.4),
        make_row(2, phash="ff00" * 16),
    ]

    decided = curate(rows, FilterConfig(), SplitConfig())

    kept = [(row.source_id, row.frame) for row in decided if row.kept]
    assert kept == [("clip-0123456789", 1), ("clip-0123456789", 2)]
    assert all(row.kept for row in curate(rows, FilterConfig(dedupe=False), SplitConfig()))


def test_what_is_rejected_itself_makes_nothing_a_duplicate() -> None:
    rows = [
        make_row(0, phash="0" * 64, sharpness=0.9, inside=0.1),
        make_row(1, phash="0" * 64, sharpness=0.3),
    ]

    assert [row.kept for row in curate(rows, FilterConfig(), SplitConfig())] == [False, True]


def test_decisions_depend_on_neither_order_nor_earlier_decisions() -> None:
    rng = Random(1)
    rows = [
        make_row(
            frame,
            frame % 3,
            phash=f"{rng.randrange(2) * (2**80 - 1) + rng.getrandbits(20):064x}",
            sharpness=0.3,
        )
        for frame in range(40)
    ]
    once = curate(rows, FilterConfig(), SplitConfig())
    shuffled = [replace(row, rejected=("small",), split="test") for row in rows]
    rng.shuffle(shuffled)

    assert curate(shuffled, FilterConfig(), SplitConfig()) == once
    assert curate(once, FilterConfig(), SplitConfig()) == once
    assert 0 < sum(row.kept for row in once) < len(once)


def _split(row: ManifestRow, by: str = "source", seed: int = 0) -> str:
    return split_of(row, (0.8, 0.1, 0.1), by=by, seed=seed)


def test_a_source_is_never_divided() -> None:
    for number in range(30):
        crops = [
            make_row(frame, track, source_id=f"clip-{number:010d}")
            for frame in (0, 9)
            for track in range(4)
        ]
        assert len({_split(crop) for crop in crops}) == 1


def test_a_track_is_never_divided_but_a_source_may_be() -> None:
    tracks = range(60)

    for track in tracks:
        assert len({_split(make_row(frame, track), by="track") for frame in range(5)}) == 1
    assert {_split(make_row(0, track), by="track") for track in tracks} == {"train", "val", "test"}


def test_shares_hold_over_many_sources_and_depend_on_the_seed_alone() -> None:
    rows = [make_row(source_id=f"clip-{number:010d}") for number in range(2000)]

    first = [_split(row) for row in rows]

    assert [first.count(split) / 2000 for split in ("train", "val", "test")] == pytest.approx(
        [0.8, 0.1, 0.1], abs=0.03
    )
    assert [_split(row) for row in rows] == first
    assert [_split(row, seed=1) for row in rows] != first


def _by_time(rows: list[ManifestRow], gap_s: float = 0.0, split: str = "0.8,0.1,0.1"):
    splitting = SplitConfig(split=split, split_by="time", split_gap_s=gap_s)
    return curate(rows, FilterConfig(dedupe=False), splitting)


def test_a_video_is_split_by_time_into_shares_of_its_crops() -> None:
    # Nobody is seen in the first half; two persons are in each frame afterwards.
    rows = [make_row(frame, track) for frame in range(1000, 2000, 20) for track in (0, 1)]

    decided = _by_time(rows[::-1])

    order = [row.split for row in sorted(decided, key=lambda row: row.frame)]
    assert order == ["train"] * 80 + ["val"] * 10 + ["test"] * 10


def test_no_crop_is_near_one_of_another_split() -> None:
    # 25 frames a second, one person all along.
    decided = _by_time([make_row(frame) for frame in range(0, 2500, 5)], gap_s=3.0)

    kept = sorted((row.frame, row.split) for row in decided if row.kept)
    changes = [(b[0] - a[0]) / 25 for a, b in itertools.pairwise(kept) if a[1] != b[1]]
    assert len(changes) == 2
    assert all(3 <= change_s <= 3.4 for change_s in changes)
    assert {row.rejected for row in decided} == {(), ("border",)}
    assert all(row.kept for row in decided if row.frame < 1900)


def test_splitting_by_time_leaves_shares_of_0_empty_and_pictures_to_their_hash() -> None:
    rows = [make_row(frame) for frame in range(100)]
    pictures = [
        make_row(source_id=f"photo-{number:010d}", pts=None, time_base=None) for number in range(90)
    ]

    decided = _by_time([*rows, *pictures], split="0.5,0,0.5")
    assert {row.split for row in decided if row.pts is not None} == {"train", "test"}
    by_source = {row.crop: _split(row) for row in pictures}
    again = {row.crop: row.split for row in _by_time(pictures)}
    assert again == by_source
    assert set(again.values()) == {"train", "val", "test"}


def test_a_set_without_a_share_gives_none_to_it() -> None:
    rows = [make_row(source_id=f"clip-{number:010d}") for number in range(50)]

    assert {split_of(row, (0.7, 0.0, 0.3), by="source", seed=0) for row in rows} == {
        "train",
        "test",
    }


@pytest.mark.parametrize("split", ["0.8,0.2", "0.8,0.1,0.2", "a,b,c", "1.1,-0.1,0", ""])
def test_shares_that_do_not_add_up_are_refused(split: str) -> None:
    with pytest.raises(ConfigError, match="three shares that add up to 1"):
        SplitConfig(split=split)
