"""Weights files: one safetensors file with a card in its metadata.

The card says what the weights are for, so that a mismatch is refused with its reason instead of
producing a wrong picture. Tensors are stored in half precision and read into float32.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from facemask_video.align.template import ALIGNMENT_ID
from facemask_video.core.direction import Direction
from facemask_video.core.errors import WeightsError
from facemask_video.core.files import sha256_file
from facemask_video.core.network_file import (
    read_network_card,
    read_network_file,
    take_tensors,
    write_network_file,
)
from facemask_video.core.pixels import VALUE_RANGE
from facemask_video.translate.networks import Generator, GeneratorSpec, build_generator

FORMAT = "facemask-weights/1"
CAPACITIES = {"fast": "lite", "standard": "standard"}
"""The size of the generators that serve each ``--quality``, as their files' names tell it."""

SHIPPED = Path(str(resources.files("facemask_video") / "weights"))
"""Where an installation keeps its weights."""


@dataclass(frozen=True, slots=True)
class WeightsCard:
    """What a weights file says of itself.

    Attributes:
        direction: The translation it makes.
        spec: Sizes of the network.
        crop_size_px: Side of the crops it was trained on.
        alignment_id: How those crops were aligned.
        value_range: Of the network's pixels.
        images_seen: In training.
        config_sha256: Of the configuration that trained it.
        licence: Of the weights.
        format: Of the file.
        sha256: Of the file; filled in by `load_generator`, not stored.
    """

    direction: Direction
    spec: GeneratorSpec
    crop_size_px: int
    images_seen: int = 0
    config_sha256: str = ""
    licence: str = "research use only; see the model card"
    alignment_id: str = ALIGNMENT_ID
    value_range: str = VALUE_RANGE
    format: str = FORMAT
    sha256: str = field(default="", compare=False)

    def to_metadata(self) -> dict[str, str]:
        """Return what safetensors stores: text by name."""
        stored = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "sha256"}
        stored["spec"] = json.dumps(asdict(self.spec), sort_keys=True)
        return {name: str(value) for name, value in stored.items()}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str], *, path: Path, sha256: str) -> "WeightsCard":
        """Read a card back.

        Raises:
            WeightsError: Not a card of this format.
        """
        if metadata.get("format") != FORMAT:
            raise WeightsError(
                f"{path}: format is {metadata.get('format', 'not stated')!r}, expected {FORMAT!r}; "
                "export the weights again with facemask-train export."
            )
        try:
            return cls(
                direction=Direction(metadata["direction"]),
                spec=GeneratorSpec(**json.loads(metadata["spec"])),
                crop_size_px=int(metadata["crop_size_px"]),
                images_seen=int(metadata["images_seen"]),
                config_sha256=metadata["config_sha256"],
                licence=metadata["licence"],
                alignment_id=metadata["alignment_id"],
                value_range=metadata["value_range"],
                sha256=sha256,
            )
        except (KeyError, ValueError, TypeError) as exc:
            raise WeightsError(f"{path}: its card is damaged ({exc}); get it anew.") from exc


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


def save_generator(path: Path, network: Generator, card: WeightsCard) -> None:
    """Write a generator in half precision with its card; the file is there whole or not at all.

    Raises:
        WeightsError: A value is not finite, or half precision cannot hold it.
    """
    write_network_file(path, network, card.to_metadata())


def read_card(path: Path) -> WeightsCard:
    """Read the card of a weights file without its tensors.

    Raises:
        WeightsError: No file, not safetensors, or no card.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file; check --weights.")
    card = read_network_card(path)
    sha256 = sha256_file(path)
    return WeightsCard.from_metadata(card, path=path, sha256=sha256)


def load_generator(path: Path, *, direction: Direction) -> tuple[Generator, WeightsCard]:
    """Read a generator, float32 on the CPU, in evaluation mode.

    Raises:
        WeightsError: The file is damaged, or made for another direction, alignment or pixel range.
    """
    card = read_card(path)
    expectations: tuple[tuple[str, Any, Any, str], ...] = (
        ("direction", card.direction, direction, f"pass --weights for {direction}"),
        ("alignment", card.alignment_id, ALIGNMENT_ID, "train again with this version"),
        ("value range", card.value_range, VALUE_RANGE, "train again with this version"),
    )
    for name, found, expected, remedy in expectations:
        if found != expected:
            raise WeightsError(
                f"{path}: weights are for {name}={found}, expected {expected}; {remedy}."
            )
    network = build_generator(card.spec)
    _, tensors = read_network_file(path)
    take_tensors(network, tensors, path)
    return network.eval().requires_grad_(False), card
