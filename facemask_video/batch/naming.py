"""What the results of a batch are called."""

from facemask_video.core.direction import Direction

_DIRECTION = {Direction.MASK: "masked", Direction.UNMASK: "unmasked"}


def output_name(template: str, stem: str, direction: Direction, suffix: str) -> str:
    """Return the name of a result.

    Args:
        template: As `facemask_video.config.batch.check_template` accepts it.
        stem: The input's name without its suffix.
        direction: Of the translation.
        suffix: Of the container that the result is written into.

    >>> output_name("{stem}_{direction}{ext}", "cam1", Direction.MASK, ".mov")
    'cam1_masked.mov'
    """
    return template.format(stem=stem, direction=_DIRECTION[direction], ext=suffix)
