"""What the results of a batch are called."""

from pathlib import PurePath

from facemask_video.core.direction import Direction

_DIRECTION = {Direction.MASK: "masked", Direction.UNMASK: "unmasked"}


def output_name(template: str, source: PurePath, direction: Direction, suffix: str) -> str:
    """Return the name of a result.

    Args:
        template: As `facemask_video.config.batch.check_template` accepts it.
        source: The input.
        direction: Of the translation.
        suffix: Of the container that the result is written into.

    >>> output_name("{stem}_{direction}{ext}", PurePath("cam1.mov"), Direction.MASK, ".mov")
    'cam1_masked.mov'
    """
    return template.format(stem=source.stem, direction=_DIRECTION[direction], ext=suffix)
