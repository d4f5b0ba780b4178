"""What tells whether a file, the options and the weights are still those of an earlier call."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from facemask_video.config import BatchConfig
from facemask_video.config.settings import as_plain
from facemask_video.core.errors import WeightsError
from facemask_video.core.files import sha256_file
from facemask_video.core.shipped_weights import default_weights

# Read at either end of a file. A changed file of the same size and time all but always differs
# there: containers keep their headers and indexes at the ends.
_EDGE_BYTES = 64 * 1024

# What leaves the result as it is, whatever the value.
_WITHOUT_EFFECT = {
    "translate": ("batch_size", "device", "weights"),
    "output": ("overwrite", "progress"),
}


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """A file as it was seen.

    Attributes:
        size: In bytes.
        mtime_ns: When it was changed, in ns.
        edges_sha256: Of its first and last 64 KiB, in hex; of a folder, of its files'
            names, sizes and times.
    """

    size: int
    mtime_ns: int
    edges_sha256: str


def identify(path: Path) -> FileIdentity:
    """Look at a file and read its two ends; of a folder, look at its files.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.is_file())
        seen = [each.stat() for each in files]
        for each, about in zip(files, seen, strict=True):
            digest.update(
                os.fsencode(each.name) + f"\0{about.st_size} {about.st_mtime_ns}".encode()
            )
        size, latest = sum(a.st_size for a in seen), max((a.st_mtime_ns for a in seen), default=0)
        return FileIdentity(size, latest, digest.hexdigest())
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        digest.update(file.read(_EDGE_BYTES))
        if about.st_size > _EDGE_BYTES:
            file.seek(max(_EDGE_BYTES, about.st_size - _EDGE_BYTES))
            digest.update(file.read(_EDGE_BYTES))
    return FileIdentity(about.st_size, about.st_mtime_ns, digest.hexdigest())


def options_digest(config: BatchConfig) -> str:
    """Return the SHA-256, in hex, of all settings that decide what a result is."""
    plain = as_plain(config.for_file())
    for section, keys in _WITHOUT_EFFECT.items():
        for key in keys:
            del plain[section][key]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def weights_digest(config: BatchConfig) -> str:
    """Return the SHA-256, in hex, of the generator's weights file.

    Raises:
        WeightsError: It is missing.
    """
    given, quality = config.translate.weights, config.translate.quality
    path = given or default_weights(config.direction, quality or "standard")
    try:
        return sha256_file(path)
    except OSError as exc:
        raise WeightsError(f"{path}: cannot be read ({exc.strerror}); check --weights.") from exc
