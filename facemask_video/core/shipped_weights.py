"""Where the weights that come with an installation lie; knows nothing of what is in them."""

from importlib import resources
from pathlib import Path

from facemask_video.core.direction import Direction
from facemask_video.core.errors import WeightsError

SHIPPED = Path(str(resources.files("facemask_video") / "weights"))
"""Where an installation keeps its weights."""

CAPACITIES = {"fast": "lite", "standard": "standard"}
"""The size of the generators that serve each ``--quality``, as their files' names say."""


def default_weights(direction: Direction, quality: str = "standard") -> Path:
    """Return the shipped weights for a direction; ``quality`` is one of `CAPACITIES`.

    Raises:
        WeightsError: This installation ships none.
    """
    path = SHIPPED / f"{direction}-{CAPACITIES[quality]}.safetensors"
    if not path.is_file():
        raise WeightsError(
            f"{path}: this installation ships no {quality} weights for {direction}; "
            "choose another --quality, or train some with facemask-train fit and pass --weights."
        )
    return path
