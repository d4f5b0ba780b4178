"""Where the pictures of a set of pairs lie: always inside it, whatever the faces are called.

    OUT/pairs.json                 the options that it was made with
    OUT/manifest.jsonl             a `PairRow` for each pair, one JSON object a line
    OUT/pairs.csv                  bare and masked files, for ``facemask-train evaluate --pairs``
    OUT/bare/FACE.png              the face as it was
    OUT/masked/FACE-N.png          the same with its N-th mask
    OUT/segmentation/FACE-N.png    where that mask lies: 255 on it, 0 elsewhere, its edge between

Folders of the input are kept, so that ``bare`` and ``masked`` have a folder for each person where
the input has one.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

BARE, MASKED, SEGMENTATION = "bare", "masked", "segmentation"

_LONGEST_PART = 80


def face_paths(names: Sequence[str]) -> dict[str, str]:
    """Return for each face's name a relative path without suffix, different for all of them.

    A path is the name itself where that is harmless and nobody else's; else the harmless rest of
    it, and the beginning of its SHA-256.

    >>> face_paths(["ann/1.jpg", "ann/2.jpg", "ann/2.png"])
    {'ann/1.jpg': 'ann/1', 'ann/2.jpg': 'ann/2-9dd733d6', 'ann/2.png': 'ann/2-e5de4249'}
    """
    plain = {name: _harmless(name) for name in names}
    # Some file systems do not tell capitals from small letters.
    taken = Counter(path.casefold() for path, _ in plain.values())
    return {
        name: path if same and taken[path.casefold()] == 1 else f"{path}-{_digest(name)}"
        for name, (path, same) in plain.items()
    }


def _harmless(name: str) -> tuple[str, bool]:
    """Reduce a name to a relative path without suffix; tell whether only the suffix went."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name)
    parts = [
        re.sub(r"[^A-Za-z0-9._-]+", "_", part).strip("._-")[:_LONGEST_PART]
        for part in re.split(r"[/\\]+", stem)
    ]
    path = "/".join(part for part in parts if part) or "face"
    return path, path == stem


def _digest(name: str) -> str:
    # A file's name may hold bytes that are no UTF-8.
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
