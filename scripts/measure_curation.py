#!/usr/bin/env python3
"""Hold the curation of a set against labels by eye.

    facemask-video extract faces_masked -o SET --only masked
    scripts/measure_curation.py SET > curation.json

Of a labelled picture each kept crop counts as kept, and one of which no crop is kept as dropped,
be it that no face was found in it. Crops that only repeat another are counted as kept: the labels
do not judge repeats. Prints one JSON object: precision and recall of dropping what the labels call
worn wrong or unusable, over all labels, over those of even SHA-1 (on which limits may be tuned), of
odd SHA-1, and over those the labeller was sure of; how many of each labelled reason were dropped;
and for each reason of the curation how many it drops, how many of those rightly, and how many right
ones no other reason drops. ``--list`` adds the names on which the two disagree.
"""

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facemask_video import FacemaskVideoError
from facemask_video.extract.manifest import ManifestRow, read_manifest

LABELS = Path(__file__).parents[1] / "tests" / "extract" / "labels_faces_masked.csv"
NO_FACE = "no face found"
UNJUDGED = frozenset({"duplicate", "not-kept"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the eye and the curation say of one picture.

    Attributes:
        name: The picture's.
        reason: Why the eye would drop it; empty where it would not.
        sure: Whether the labeller was.
        dropped_for: Reasons for which the curation drops it; empty where it keeps a crop.
    """

    name: str
    reason: str
    sure: bool
    dropped_for: frozenset[str]

    @property
    def is_even(self) -> bool:
        """Whether limits may be tuned on it."""
        return int(hashlib.sha1(self.name.encode()).hexdigest(), 16) % 2 == 0


def reasons(rows: Sequence[ManifestRow]) -> frozenset[str]:
    """Return why a picture with these crops is dropped, empty where one of them stays."""
    each = [frozenset(row.rejected) - UNJUDGED for row in rows]
    if not each:
        return frozenset({NO_FACE})
    return frozenset[str]() if not all(each) else frozenset.union(*each)


def verdicts(labels: Path, rows: Iterable[ManifestRow]) -> list[Verdict]:
    """Join labels and manifest by the end of the source's name."""
    with labels.open(newline="", encoding="utf-8") as file:
        entries = list(csv.DictReader(file))
    crops: dict[str, list[ManifestRow]] = {entry["name"]: [] for entry in entries}
    for row in rows:
        name = "/".join(row.source.split("/")[-2:])
        if name in crops:
            crops[name].append(row)
    return [
        Verdict(e["name"], e["reason"], e["sure"] == "yes", reasons(crops[e["name"]]))
        for e in entries
    ]


def figures(classified: Sequence[Verdict]) -> dict[str, Any]:
    """Return counts, precision and recall of dropping."""
    dropped = sum(bool(v.dropped_for) for v in classified)
    bad = sum(bool(v.reason) for v in classified)
    right = sum(bool(v.dropped_for and v.reason) for v in classified)
    return {
        "pictures": len(classified),
        "to_drop": bad,
        "dropped": dropped,
        "rightly": right,
        "precision": round(right / dropped, 3) if dropped else None,
        "recall": round(right / bad, 3) if bad else None,
    }


def by_label(classified: Sequence[Verdict]) -> dict[str, Any]:
    """Return for each labelled reason how many there are, and how many are dropped."""
    return {
        reason: {
            "pictures": sum(v.reason == reason for v in classified),
            "dropped": sum(v.reason == reason and bool(v.dropped_for) for v in classified),
        }
        for reason in sorted({v.reason for v in classified if v.reason})
    }


def by_criterion(classified: Sequence[Verdict]) -> dict[str, Any]:
    """Return for each reason of the curation what it drops, rightly, and rightly alone."""
    return {
        reason: {
            "dropped": sum(reason in v.dropped_for for v in classified),
            "rightly": sum(reason in v.dropped_for and bool(v.reason) for v in classified),
            "alone": sum(v.dropped_for == {reason} for v in classified),
            "rightly_alone": sum(v.dropped_for == {reason} and bool(v.reason) for v in classified),
        }
        for reason in sorted(frozenset[str]().union(*(v.dropped_for for v in classified)))
    }


def main() -> int:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, help="Folder that extract made of the labelled pictures.")
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--list", action="store_true", help="Name the disagreements.")
    asked = parser.parse_args()
    try:
        classified = verdicts(asked.labels, read_manifest(asked.set))
    except FacemaskVideoError as exc:
        sys.exit(str(exc))
    result = {
        "all": figures(classified),
        "even": figures([v for v in classified if v.is_even]),
        "odd": figures([v for v in classified if not v.is_even]),
        "sure": figures([v for v in classified if v.sure]),
        "labelled": by_label(classified),
        "criteria": by_criterion(classified),
    }
    if asked.list:
        result["dropped_wrongly"] = {
            v.name: sorted(v.dropped_for) for v in classified if v.dropped_for and not v.reason
        }
        result["kept_wrongly"] = {
            v.name: v.reason for v in classified if v.reason and not v.dropped_for
        }
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
