"""Which encoders this build of FFmpeg has."""

from collections.abc import Iterable

import av.codec


def encoders_among(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the named encoders that are built in, in the order given.

    A hardware encoder that is built in may still miss its hardware.
    """
    return tuple(name for name in names if _is_encoder(name))


def codec_of(encoder: str) -> str | None:
    """Return the codec that an encoder writes; None where there is no such encoder.

    >>> codec_of("libx264")
    'h264'
    """
    try:
        return str(av.codec.Codec(encoder, "w").canonical_name)
    except av.codec.codec.UnknownCodecError:
        return None


def _is_encoder(name: str) -> bool:
    try:
        return bool(av.codec.Codec(name, "w").is_encoder)
    except av.codec.codec.UnknownCodecError:
        return False
