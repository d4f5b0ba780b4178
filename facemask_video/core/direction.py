"""Which way a face is translated."""

from enum import StrEnum


class Direction(StrEnum):
    """The two translations. ``AtoB`` and ``BtoA`` are CycleGAN's names for them."""

    MASK = "mask"
    UNMASK = "unmask"

    @classmethod
    def parse(cls, text: str) -> "Direction":
        """Read a direction from its name or its CycleGAN alias, ignoring case.

        Raises:
            ValueError: The text names no direction.

        >>> Direction.parse("AtoB")
        <Direction.MASK: 'mask'>
        """
        aliases = {"atob": cls.MASK, "btoa": cls.UNMASK, "mask": cls.MASK, "unmask": cls.UNMASK}
        try:
            return aliases[text.strip().lower()]
        except KeyError:
            raise ValueError(f"got {text!r}, expected mask (AtoB) or unmask (BtoA).") from None
