"""Choose and check an encoder: pixel format, quality, options, before any frame is spent on it."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import av
import av.error
from av.codec import Codec
from av.codec.codec import UnknownCodecError, find_best_pix_fmt_of_list
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from facemask_video.config import VideoConfig
from facemask_video.core.errors import VideoWriteError
from facemask_video.video.plane_layout import layout_of
from facemask_video.video.probe import describe_error, has_alpha

_DEFAULT_ENCODER = "libx264"
# For containers that cannot hold what it writes, by muxer.
_OWN_ENCODERS = {"gif": "gif", "webm": "libvpx-vp9", "yuv4mpegpipe": "rawvideo"}
# What Y4M knows; its samples are not compressed, so that nothing is lost in one of these.
_Y4M_FORMATS = [
    "gray",
    *(f"gray{bits}le" for bits in (9, 10, 12, 16)),
    "yuv411p",
    *(f"yuv{sampling}p" for sampling in (420, 422, 444)),
    *(f"yuv{sampling}p{bits}le" for sampling in (420, 422, 444) for bits in (9, 10, 12, 14, 16)),
]
# x264's "visually lossless or nearly so".
DEFAULT_CRF = 18
# Encoders without crf count quality as a quantiser: 3 of 1..31, with FFmpeg's 118 steps to one.
_DEFAULT_QUANTISER = 3 * 118


@dataclass(frozen=True, slots=True, eq=False)
class EncoderPlan:
    """An encoder that has been opened once with these very settings.

    Attributes:
        name: FFmpeg's name of the encoder.
        pixel_format: What it is fed.
        time_base: Seconds a tick of the encoder.
        options: Private and general options, by name.
        constant_quantiser: Quality by quantiser, as the encoder has no crf.
        interlaced: Pictures are two fields and are to be coded so.
        in_order: Pictures are stored in the order in which they are shown.
        tag: Four letters by which a container names the codec; None leaves them to its muxer.
        notes: Where the plan departs from the source, and why.
    """

    name: str
    pixel_format: str
    time_base: Fraction
    options: dict[str, str]
    constant_quantiser: bool
    interlaced: bool
    in_order: bool
    tag: str | None = None
    notes: tuple[str, ...] = ()


def plan_encoder(
    video: VideoConfig,
    *,
    width_px: int,
    height_px: int,
    source_format: str,
    time_base: Fraction,
    frame_rate: Fraction,
    fixed_rate: bool,
    interlaced: bool,
) -> EncoderPlan:
    """Find an encoder's settings by opening it.

    Args:
        video: What is asked for.
        width_px: Stored width.
        height_px: Stored height.
        source_format: Pixel format of the frames to come.
        time_base: The source's.
        frame_rate: Nominal; the encoder's clock where it or the container can hold no finer.
        fixed_rate: The container counts frames instead of ticks.
        interlaced: The source's pictures are two fields.

    Raises:
        VideoWriteError: There is no such encoder, option, or pixel format, or it will not open.
    """
    name, asked_format = video.encoder, video.pixel_format
    codec = _encoder(name)
    settings, constant_quantiser = _settings(codec, video)
    names = [video_format.name for video_format in codec.video_formats or []]
    if asked_format is not None and names and asked_format not in names:
        raise VideoWriteError(
            f"encoder {name}: cannot take pixel format {asked_format}; it takes {', '.join(names)}."
        )
    wanted = asked_format or nearest_format(source_format, names)
    formats = [wanted]
    if asked_format is None:
        formats.append(_for_odd_size(wanted, names, width_px, height_px))
        # MJPEG and its kin take full range alone.
        formats += [each for each in (wanted.replace("yuv", "yuvj", 1),) if each in names]
    # Some encoders have a rate of their own (ProRes by its profile), and refuse a quantiser.
    quantisers = [True, False] if constant_quantiser else [False]
    clocks = [1 / frame_rate] if fixed_rate else [time_base, 1 / frame_rate]
    failure: Exception | None = None
    tried = product(quantisers, dict.fromkeys(formats), dict.fromkeys(clocks))
    for quantiser, format_name, clock in tried:
        notes = _format_notes(name, source_format, format_name, asked_format, wanted)
        plan = EncoderPlan(
            name,
            format_name,
            clock,
            settings,
            quantiser,
            interlaced,
            in_order=fixed_rate,
            notes=tuple(notes),
        )
        try:
            _open_once(codec, plan, width_px, height_px, frame_rate)
        except (av.error.FFmpegError, ValueError) as exc:
            failure = failure or exc
            continue
        return plan
    raise VideoWriteError(
        f"encoder {name}: refuses {width_px}x{height_px} {wanted} with options {settings} "
        f"({describe_error(failure) if failure else 'no reason given'}); check the options, or "
        "choose another encoder or --pix-fmt."
    ) from failure


def y4m_format(source_format: str) -> str:
    """Return the pixel format of Y4M that loses least of a source's.

    >>> y4m_format("yuv420p10le"), y4m_format("nv12")
    ('yuv420p10le', 'yuv420p')
    """
    return nearest_format(source_format, _Y4M_FORMATS)


def encoder_for(
    name: str,
    format_name: str,
    *,
    width_px: int,
    height_px: int,
    source_container: str,
    source_format: str,
) -> tuple[str, str | None, list[str]]:
    """Return the encoder for a container, its pixel format, and what is to be said of the choice.

    The default encoder's H.264 cannot go into every container, and of a GIF's colours it would make
    4:4:4, which browsers do not play.

    Args:
        name: The encoder asked for.
        format_name: The output's muxer.
        width_px: Stored width.
        height_px: Stored height.
        source_container: FFmpeg's name of the source's container.
        source_format: Pixel format of the frames to come.

    Returns:
        FFmpeg's name of the encoder, of its pixel format or None to choose it, and notes.
    """
    own = _OWN_ENCODERS.get(format_name)
    if format_name == "yuv4mpegpipe" and name == _DEFAULT_ENCODER:
        return "rawvideo", y4m_format(source_format), []
    if name == _DEFAULT_ENCODER and own is not None:
        return own, None, [f"a .{format_name} file cannot hold H.264; it is encoded by {own}"]
    even = width_px % 2 == height_px % 2 == 0
    if name == _DEFAULT_ENCODER and source_container == "gif" and even:
        return name, "yuv420p", []
    return name, None, []


def _encoder(name: str) -> Codec:
    try:
        codec = Codec(name, "w")
    except (UnknownCodecError, ValueError) as exc:
        raise VideoWriteError(
            f"encoder {name}: this build of FFmpeg has none of that name; try libx264, libx265, "
            "libvpx-vp9 or ffv1."
        ) from exc
    if codec.type != "video":
        raise VideoWriteError(f"encoder {name}: encodes {codec.type}, not video; try libx264.")
    return codec


def _settings(codec: Codec, video: VideoConfig) -> tuple[dict[str, str], bool]:
    """Return the options by name, and whether quality is left to a constant quantiser."""
    known = codec.create("video").supported_options
    private = {option.name for option in known.private}
    general = {option.name for option in known.generic}
    for key in video.encoder_options:
        if key not in private and key not in general:
            raise VideoWriteError(
                f"encoder {codec.name}: has no option {key!r}; "
                f"see ffmpeg -h encoder={codec.name} for those that it has."
            )
    settings = {key: str(value) for key, value in video.encoder_options.items()}
    for key, value in (("crf", video.crf), ("preset", video.preset)):
        if value is not None:
            if key not in private:
                raise VideoWriteError(
                    f"encoder {codec.name}: has no {key}; leave --{key} out, or use --encoder-opt."
                )
            settings[key] = f"{value:g}" if isinstance(value, float) else str(value)
    if "x265-params" in private:
        # x265 writes to the terminal by itself. What is given comes later, and wins.
        given = settings.get("x265-params")
        settings["x265-params"] = ":".join(filter(None, ["log-level=error", given]))
    rate_control = {"crf", "qp", "cq", "b", "q", "qscale", "global_quality", "lossless", "rc"}
    if "crf" in private and not rate_control & settings.keys():
        settings["crf"] = str(DEFAULT_CRF)
    always_lossless = codec.lossless and not codec.lossy
    own_rate_control = always_lossless or bool(rate_control & settings.keys())
    return settings, not own_rate_control and "crf" not in private


def nearest_format(source_format: str, names: list[str]) -> str:
    """Return the encoder's pixel format that loses least of the source's.

    FFmpeg's loss score: bits, chroma and alpha before size. An empty list takes anything.

    >>> nearest_format("yuv422p10le", ["yuv420p", "yuv420p10le", "yuv444p10le"])
    'yuv444p10le'
    """
    if not names or source_format in names:
        return source_format
    if source_format.startswith("yuvj") and (plain := f"yuv{source_format[4:]}") in names:
        # The same samples; full range travels in its tag.
        return plain
    best, _ = find_best_pix_fmt_of_list(names, source_format, has_alpha=True)
    return best.name if best is not None else names[0]


def _for_odd_size(wanted: str, names: list[str], width_px: int, height_px: int) -> str:
    """Return the nearest format whose chroma grid fits an odd size; the wanted one if it does."""

    def fits(name: str) -> bool:
        layout = layout_of(name)
        return layout is not None and not (
            width_px % layout.subsample[0] or height_px % layout.subsample[1]
        )

    fitting = [name for name in names if fits(name)]
    return wanted if fits(wanted) or not fitting else nearest_format(wanted, fitting)


def _format_notes(
    encoder: str, source_format: str, chosen: str, asked: str | None, wanted: str
) -> list[str]:
    if chosen == source_format or chosen == source_format.replace("yuvj", "yuv"):
        return []
    if has_alpha(source_format) and not has_alpha(chosen):
        return [f"pixel format {source_format} becomes {chosen}: its transparency is lost"]
    if asked is not None:
        return [f"pixel format {source_format} is converted to {chosen}, as asked"]
    if chosen != wanted:
        return [
            f"pixel format {source_format} becomes {chosen}: {encoder} takes no odd size in "
            f"{wanted}"
        ]
    return [f"pixel format {source_format} becomes {chosen}, the nearest that {encoder} takes"]


def configure(
    context: VideoCodecContext, plan: EncoderPlan, *, width_px: int, height_px: int
) -> None:
    """Set an encoder up as planned; colour and aspect tags are the writer's."""
    context.width, context.height = width_px, height_px
    context.pix_fmt = plan.pixel_format
    context.time_base = plan.time_base
    context.options = dict(plan.options)
    if plan.tag is not None:
        context.codec_tag = plan.tag
    # SLICE, PyAV's default, makes x264 cut each picture into slices: larger files, no faster.
    context.thread_type = "AUTO"
    if plan.interlaced:
        # Encoders that know no fields pass over these.
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    if plan.in_order:
        context.max_b_frames = 0
    if plan.constant_quantiser:
        context.qscale = True
        context.global_quality = _DEFAULT_QUANTISER


def _open_once(
    codec: Codec, plan: EncoderPlan, width_px: int, height_px: int, frame_rate: Fraction
) -> None:
    context = codec.create("video")
    configure(context, plan, width_px=width_px, height_px=height_px)
    context.framerate = frame_rate
    context.open()
