"""Weights files: one safetensors file with a card in its metadata.

The card says what the weights are for, so that a mismatch is refused with its reason instead of
producing a wrong picture. Tensors are stored in half precision and read into float32.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from facemask_video.align.template import ALIGNMENT_ID
from facemask_video.config.settings import under_present_keys
from facemask_video.core.direction import Direction
from facemask_video.core.network_file import (
    NetworkFile,
    read_network_file,
    write_network_file,
)
from facemask_video.core.pixels import VALUE_RANGE
from facemask_video.translate.networks import Generator, GeneratorSpec, build_generator

FORMAT = "facemask-weights/1"


@dataclass(frozen=True, slots=True)
class WeightsCard:
    """What a weights file says of itself.

    Attributes:
        direction: The translation it makes.
        spec: Sizes of the network.
        crop_size_px: Side of the crops it was trained on.
        alignment_id: How those crops were aligned.
        value_range: Of the network's pixels.
        styles: Names of the styles stored with a styled generator; a name comes again for each
            further mask of that style.
        images_seen: In training.
        config_sha256: Of the configuration that trained it.
        training_files_sha256: Of the list of pictures that trained it.
        licence: Of the weights.
        format: Of the file.
        sha256: Of the file; not stored in it.
    """

    direction: Direction
    spec: GeneratorSpec
    crop_size_px: int
    styles: tuple[str, ...] = ()
    images_seen: int = 0
    config_sha256: str = ""
    training_files_sha256: str = ""
    licence: str = "research use only; see the model card"
    alignment_id: str = ALIGNMENT_ID
    value_range: str = VALUE_RANGE
    format: str = FORMAT
    sha256: str = field(default="", compare=False)

    def to_metadata(self) -> dict[str, str]:
        """Return what safetensors stores: text by name."""
        stored = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "sha256"}
        stored["spec"] = json.dumps(asdict(self.spec), sort_keys=True)
        stored["styles"] = json.dumps(self.styles)
        return {name: str(value) for name, value in stored.items()}

    @classmethod
    def of(cls, file: NetworkFile) -> "WeightsCard":
        """Read the card of a weights file.

        Raises:
            WeightsError: Not a card of this format.
        """
        file.require("format", FORMAT, "export the weights again with facemask-train export")
        return file.parse_card(
            lambda card: cls(
                direction=Direction(card["direction"]),
                spec=GeneratorSpec(**under_present_keys(json.loads(card["spec"]), GeneratorSpec)),
                crop_size_px=int(card["crop_size_px"]),
                styles=tuple(json.loads(card.get("styles", "[]"))),
                images_seen=int(card["images_seen"]),
                config_sha256=card["config_sha256"],
                training_files_sha256=card.get("training_files_sha256", ""),
                licence=card["licence"],
                alignment_id=card["alignment_id"],
                value_range=card["value_range"],
                sha256=file.sha256,
            )
        )


def save_generator(path: Path, network: Generator, card: WeightsCard) -> None:
    """Write a generator in half precision with its card; the file is there whole or not at all.

    Raises:
        WeightsError: A value is not finite, or half precision cannot hold it.
    """
    write_network_file(path, network, card.to_metadata())


def read_card(path: Path) -> WeightsCard:
    """Read what a weights file says of itself.

    Raises:
        WeightsError: No file, not safetensors, or no card.
    """
    return WeightsCard.of(_read(path))


def load_generator(path: Path, *, direction: Direction) -> tuple[Generator, WeightsCard]:
    """Read a generator, float32 on the CPU, in evaluation mode.

    Raises:
        WeightsError: The file is damaged, or made for another direction, alignment or pixel range.
    """
    file = _read(path)
    card = WeightsCard.of(file)
    file.require("direction", direction, f"pass --weights for {direction}")
    file.require("alignment_id", ALIGNMENT_ID, "train again with this version")
    file.require("value_range", VALUE_RANGE, "train again with this version")
    network = build_generator(card.spec, len(card.styles))
    file.load_into(network)
    return network.eval().requires_grad_(False), card


def _read(path: Path) -> NetworkFile:
    return read_network_file(path, if_missing="check --weights")
