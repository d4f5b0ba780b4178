"""The labels by eye hold together; what they are for is in README.md beside them."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

_LABELS = Path(__file__).with_name("labels_faces_masked.csv")
_WEARING = Path(__file__).with_name("labels_wearing.csv")


def _rows(path: Path = _LABELS) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_two_hundred_pictures_are_labelled_once_each_in_the_order_of_the_rule():
    names = [row["name"] for row in _rows()]
    assert len(names) == len(set(names)) == 200
    assert names == sorted(names, key=lambda name: hashlib.sha1(name.encode()).hexdigest())
    shares = Counter(name.partition("/")[0] for name in names)
    assert shares == {"web": 88, "rmfd": 47, "cmfd": 18, "overlay": 47}


def test_whatever_is_to_be_dropped_has_a_reason_and_nothing_else_has():
    wearing_wrong = {"under-chin", "nose-out"}
    for row in _rows():
        assert row["sure"] in {"yes", "no"}
        if row["verdict"] == "keep":
            assert not row["reason"]
        else:
            assert row["reason"]
            assert (row["verdict"] == "worn-wrong") == (row["reason"] in wearing_wrong)
    assert Counter(row["verdict"] for row in _rows())["keep"] == 142


def test_the_labels_are_those_of_the_pictures_at_hand(shared_data: Path):
    for row in _rows():
        assert (shared_data / "faces_masked" / row["name"]).is_file()


def test_two_hundred_faces_are_labelled_by_how_they_wear_a_mask():
    rows = _rows(_WEARING)
    assert len({(row["source"], row["time_s"], row["x"]) for row in rows}) == 200
    assert Counter(row["wearing"] for row in rows) == {
        "bare": 66, "right": 66, "wrong": 46, "held": 22
    }  # fmt: skip
    for row in rows:
        # Only of a frame it is said which face is meant.
        places = [bool(row[key]) for key in ("time_s", "x", "y")]
        assert set(places) == {row["source"].startswith("video_dev/")}
