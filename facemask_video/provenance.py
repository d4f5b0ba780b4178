"""What an output says about how it was made, and how to read it back.

Every output with changed faces is tagged as synthetic: the IPTC digital source type and a comment
that names tool, version, direction and weights. One in which no face was changed says that. The
comment holds everything, since some containers (AVI among them) keep no other tag; it is one line
that a person can read and `read` can take apart.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from facemask_video.core.direction import Direction

DIGITAL_SOURCE_TYPE = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)
TOOL = "facemask-video"

_COMMENT = re.compile(
    r"Synthetic faces: (?P<tool>\S+) (?P<version>\S+), direction (?P<direction>\w+), "
    r"weights sha256 (?P<weights_sha256>\w+), digital source type (?P<digital_source_type>[^\s|]+)"
)
_UNCHANGED = re.compile(
    r"No face changed: (?P<tool>\S+) (?P<version>\S+), direction (?P<direction>\w+), "
    r"found none to translate"
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a file was made.

    Attributes:
        tool: Program that made it.
        version: Its version.
        direction: ``mask`` or ``unmask``.
        weights_sha256: Hash of the generator's weights file; None where no face was changed.
        digital_source_type: IPTC's URI of the kind of synthesis; None likewise.
    """

    tool: str
    version: str
    direction: str
    weights_sha256: str | None = None
    digital_source_type: str | None = None

    @property
    def is_synthetic(self) -> bool:
        """Whether faces in the file were made by a generator."""
        return self.digital_source_type is not None


def describe(direction: Direction, version: str, weights_sha256: str) -> dict[str, str]:
    """Return the container tags that say how an output is made.

    Args:
        direction: Which way faces were translated.
        version: This program's version.
        weights_sha256: Hash of the generator's weights file; ``none`` is written where empty.

    >>> made = describe(Direction.MASK, "1.0", "ab12")
    >>> read(made).direction, read({"COMMENT": "Mine. | " + made["comment"]}).weights_sha256
    ('mask', 'ab12')
    """
    return {
        "comment": (
            f"Synthetic faces: {TOOL} {version}, direction {direction.value}, "
            f"weights sha256 {weights_sha256 or 'none'}, digital source type {DIGITAL_SOURCE_TYPE}"
        ),
        "digital_source_type": DIGITAL_SOURCE_TYPE,
    }


def describe_unchanged(direction: Direction, version: str) -> dict[str, str]:
    """Return the container tags of an output in which no face was changed.

    Args:
        direction: Which way faces would have been translated.
        version: This program's version.

    >>> read(describe_unchanged(Direction.MASK, "1.0")).is_synthetic
    False
    """
    return {
        "comment": (
            f"No face changed: {TOOL} {version}, direction {direction.value}, found none to "
            "translate"
        )
    }


def read(metadata: Mapping[str, str]) -> Provenance | None:
    """Find in a container's tags how the file was made; None where they do not say.

    Where a file went through this program more than once, the last time that changed faces counts.
    """
    # A transport stream keeps the comment as the provider of its service.
    kept_as = ("comment", "service_provider")
    comments = [value for key, value in metadata.items() if key.lower() in kept_as]
    for pattern in (_COMMENT, _UNCHANGED):
        found = [match for comment in comments for match in pattern.finditer(comment)]
        if found:
            return Provenance(**found[-1].groupdict())
    return None
