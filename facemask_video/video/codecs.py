"""Which encoders this build of FFmpeg has."""

from collections.abc import Iterable
from fractions import Fraction

import av.codec
import av.error


def encoders_among(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the named encoders that are built in, in the order given.

    A hardware encoder counts where its hardware is there, which opening it tells.
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


_HARDWARE = ("_nvenc", "_qsv", "_vaapi", "_amf", "_videotoolbox", "_vulkan", "_v4l2m2m")


def _is_encoder(name: str) -> bool:
    try:
        codec = av.codec.Codec(name, "w")
    except av.codec.codec.UnknownCodecError:
        return False
    return bool(codec.is_encoder) and (not name.endswith(_HARDWARE) or _opens(codec))


def _opens(codec: av.codec.Codec) -> bool:
    context = codec.create("video")
    # No hardware takes less than this.
    context.width, context.height, context.pix_fmt = 256, 256, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    try:
        context.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
