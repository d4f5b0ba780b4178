"""The functions of the Python interface: one for each thing that the command line does.

Paths are `str` or `Path`. Options are keyword arguments called as those of the command line,
``detect_every=5`` for ``--detect-every 5``, with the same values and defaults; times may be numbers
or ``"00:01:30"``. An option that does not exist is a `TypeError` naming the nearest one. Everything
else that can go wrong is a `FacemaskVideoError` whose message is one line.

Nothing heavy is imported before a function that needs it is called.
"""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from facemask_video.config import (
    BatchConfig,
    ConvertConfig,
    ExtractConfig,
    GeneratorConfig,
    ImageConfig,
    LiveConfig,
    PreviewConfig,
    RangeConfig,
    TracksConfig,
)
from facemask_video.config.settings import (
    Config,
    build,
    read_options,
    read_toml,
    settings_of,
    values_of,
)
from facemask_video.config.shipped import find_config
from facemask_video.core.errors import ConfigError
from facemask_video.core.limits import MAX_PIXELS

if TYPE_CHECKING:
    from facemask_video.batch.run import BatchReport, OnEvent
    from facemask_video.content_credentials import Credentials
    from facemask_video.core.frame import ImageU8, VideoInfo
    from facemask_video.extract.finalize import SetReport
    from facemask_video.live.run import LiveReport, OnLive
    from facemask_video.pipeline.load_networks import Networks
    from facemask_video.pipeline.preview import Preview
    from facemask_video.pipeline.report import ConversionReport, TrackingReport
    from facemask_video.provenance import Provenance
    from facemask_video.verify import VerifyReport

OnProgress = Callable[[int, int | None], None]
"""Called with frames done, and frames in all where that is known."""

Function = TypeVar("Function", bound=Callable[..., Any])


def _with_options_of(config: type) -> Callable[[Function], Function]:
    """Show a configuration's options in a function's signature in place of ``**options``."""

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        options = [
            inspect.Parameter(
                named.option,
                inspect.Parameter.KEYWORD_ONLY,
                default=_shown_default(named.default, zero_is_auto=named.setting.zero_is_auto),
                annotation=named.kind | None if named.optional else named.kind,
            )
            for named in settings_of(config)
            if named.option not in signature.parameters
        ]
        shown = signature.replace(parameters=own + options)
        cast(Any, function).__signature__ = shown
        return function

    return decorate


def _shown_default(default: object, *, zero_is_auto: bool) -> object:
    if default is dataclasses.MISSING:
        return inspect.Parameter.empty
    return "auto" if zero_is_auto else default


@_with_options_of(ConvertConfig)
def convert_video(
    source: str | Path,
    target: str | Path | None = None,
    *,
    config: ConvertConfig | str | Path | None = None,
    networks: "Networks | None" = None,
    progress: OnProgress | None = None,
    **options: object,
) -> "ConversionReport":
    """Translate every face of a video or a picture, as ``facemask-video convert``.

    Nothing else is changed.

    Args:
        source: Video or picture to read; with ``frames`` a folder of numbered pictures. ``"-"`` is
            standard input.
        target: Video or picture to write, ``"-"`` for standard output; beside the source, with
            _masked or _unmasked in its name, where None. A file appears when it is complete, or not
            at all. Of a folder of pictures the target is a folder, too, unless it is called as a
            video.
        config: Settings that the options are laid over: those of a TOML file or of a shipped one,
            by its name, or a configuration.
        networks: What `load_networks` returned, for the same direction; loaded anew where None.
        progress: Called after each frame written.
        **options: See ``facemask-video convert --help``; ``direction`` must be given.

    Raises:
        TypeError: There is no such option, or one of those of `load_networks` beside ``networks``.
        ConfigError: A value is not accepted, or an option has no part in a picture.
        VideoReadError: The source cannot be read to its end.
        VideoWriteError: The target exists and ``overwrite`` is not given, or cannot be written.
        WeightsError: The generator's weights are missing or made for something else.
        DeviceError: The device or precision asked for is not there.
        TracksError: The file given as ``tracks`` belongs to another video.

    >>> report = convert_video("in.mp4", "out.mp4", direction="mask", quality="fast", end=0.12)
    >>> report.frames, report.faces_changed
    (3, 3)
    """
    from facemask_video.pipeline.plan import make_plan
    from facemask_video.video import standard_input_kept

    settings = _settings(ConvertConfig, config, options, "convert_video")
    if networks is not None:
        _check_networks(networks, settings, options, "convert_video")
    with standard_input_kept():
        plan = make_plan(Path(source), None if target is None else Path(target), settings)
        # Loads torch, which takes seconds: not before the plan is known to be sound.
        if plan.info.is_picture:
            from facemask_video.pipeline.picture import convert_picture as convert
        elif plan.info.container == "frames":
            from facemask_video.pipeline.frames import convert_frames as convert
        else:
            from facemask_video.pipeline.convert import convert

        return convert(Path(source), plan.target, settings, on_progress=progress, networks=networks)


@_with_options_of(LiveConfig)
def live_video(
    source: str,
    outputs: str | Sequence[str],
    *,
    config: LiveConfig | str | Path | None = None,
    networks: "Networks | None" = None,
    progress: "OnLive | None" = None,
    on_start: Callable[[Callable[[], None]], None] | None = None,
    **options: object,
) -> "LiveReport":
    """Translate faces as they come, as ``facemask-video live``, until the source ends.

    Args:
        source: ``camera:N``, ``/dev/videoN``, ``screen``, an address, or with ``realtime`` a file.
        outputs: Files, addresses, ``window``, ``-``, ``/dev/videoN`` or ``device:NAME``.
        config: Settings that the options are laid over: a TOML file's, or a configuration.
        networks: What `load_networks` returned, for the same direction; loaded anew where None.
        progress: Called about once a second with what was done so far.
        on_start: Called once with a function that ends the run, from any thread.
        **options: See ``facemask-video live --help``; ``direction`` must be given.

    Raises:
        TypeError: There is no such option, or one of those of `load_networks` beside ``networks``.
        ConfigError: A value is not accepted, or source or output is none.
        VideoReadError: The source cannot be opened, or was lost for good.
        VideoWriteError: An output cannot be written; what is complete stays.
        WeightsError: The generator's weights are missing or made for something else.
        DeviceError: The device or precision asked for is not there.

    >>> report = live_video("in.mp4", "live.mkv", direction="mask", quality="fast", realtime=True)
    >>> report.frames_written + report.dropped == report.frames_read
    True
    """
    settings = _settings(LiveConfig, config, options, "live_video")
    if networks is not None:
        _check_networks(networks, settings, options, "live_video")
    from facemask_video.live.run import run_live

    named = [outputs] if isinstance(outputs, str) else list(outputs)
    return run_live(
        source, named, settings, networks=networks, on_status=progress, on_start=on_start
    )


@_with_options_of(BatchConfig)
def convert_batch(
    inputs: str | Path | Sequence[str | Path],
    folder: str | Path,
    *,
    config: BatchConfig | str | Path | None = None,
    progress: "OnEvent | None" = None,
    **options: object,
) -> "BatchReport":
    """Translate every face of many files, as ``facemask-video batch``.

    The work is done by further processes, which Python starts by importing the calling script anew:
    call this below ``if __name__ == "__main__":``.

    Args:
        inputs: A file, a folder or a pattern of files, or several.
        folder: Of the results; made where it is not there. What its ledger knows to be finished
            under the same options is not done again.
        config: Settings that the options are laid over: those of a TOML file, or a configuration.
        progress: Called with a `BatchEvent` for all that happens.
        **options: See ``facemask-video batch --help``; ``direction`` must be given.

    Returns:
        What became of each file; that some failed is no error here.

    Raises:
        TypeError: There is no such option.
        ConfigError: A value is not accepted, or results would have one name, or lie among inputs.
        BatchError: The folder or its ledger cannot be used.
        WeightsError: The generator's weights are missing.

    >>> report = convert_batch(["in.mp4", "other.mp4"], "set", direction="mask", limit=1, end=0.12)
    >>> [row.state for row in report.rows]
    ['done', 'planned']
    """
    settings = _settings(BatchConfig, config, options, "convert_batch")
    from facemask_video.batch.batch import convert_files

    named = [inputs] if isinstance(inputs, str | Path) else inputs
    return convert_files(
        [Path(each) for each in named],
        Path(folder),
        settings,
        on_event=progress or (lambda event: None),
    )


@_with_options_of(GeneratorConfig)
def load_networks(**options: object) -> "Networks":
    """Load the networks of one direction, to be passed to several calls.

    Args:
        **options: ``direction``, which must be given, and the options of ``facemask-video convert
            --help`` under "Generator".

    Raises:
        TypeError: There is no such option.
        ConfigError: A value is not accepted.
        WeightsError: The weights are missing, damaged or made for something else.
        DeviceError: The device or precision asked for is not there.

    >>> networks = load_networks(direction="mask", quality="fast")
    >>> for name in ("in.mp4", "other.mp4"):
    ...     report = convert_video(name, direction="mask", networks=networks, end=0.12)
    >>> report.output["path"]
    'other_masked.mp4'
    """
    settings = _settings(GeneratorConfig, None, options, "load_networks")
    from facemask_video.pipeline.load_networks import load_networks as load

    return load(settings)


@_with_options_of(ImageConfig)
def translate_image(
    image: "ImageU8", *, networks: "Networks | None" = None, **options: object
) -> "ImageU8":
    """Translate every face of one picture.

    Args:
        image: RGB, uint8, shape (height, width, 3); not changed.
        networks: What `load_networks` returned, for the same direction; loaded anew where None.
        **options: Those of ``facemask-video convert --help`` under "Generator", "Finding faces",
            "Which faces" and "Blending"; ``direction`` must be given. ``detect_every``,
            ``detect_size``, ``temporal``, ``reference`` and ``batch_size`` change nothing.

    Returns:
        A new array of the same shape; pixels outside the faces are those of ``image``.

    Raises:
        TypeError: There is no such option, or one of those of `load_networks` beside ``networks``.
        ValueError: ``image`` is no such array.
        ConfigError: A value is not accepted.
        WeightsError: The generator's weights are missing or made for something else.
        DeviceError: The device or precision asked for is not there.

    >>> import cv2
    >>> image = cv2.cvtColor(cv2.imread("face.png"), cv2.COLOR_BGR2RGB)
    >>> masked = translate_image(image, direction="mask", quality="fast")
    >>> masked.shape == image.shape, bool((masked != image).any())
    (True, True)
    """
    settings = _settings(ImageConfig, None, options, "translate_image")
    if networks is not None:
        _check_networks(networks, settings, options, "translate_image")
    from facemask_video.pipeline.load_networks import load_networks as load
    from facemask_video.pipeline.picture import translate_picture

    return translate_picture(image, settings, networks or load(settings))


@_with_options_of(PreviewConfig)
def preview_video(
    source: str | Path,
    target: str | Path | None = None,
    *,
    config: PreviewConfig | str | Path | None = None,
    networks: "Networks | None" = None,
    **options: object,
) -> "Preview":
    """Show what a conversion makes of one moment, as ``facemask-video preview``.

    The frames of up to a second before and after are read too, as following faces needs them.
    Nothing is written where no target is named.

    Args:
        source: Video or picture to read.
        target: Picture to write: before, after and alpha side by side.
        config: Settings that the options are laid over: those of a TOML file, also of one for
            `convert_video`, or a configuration.
        networks: What `load_networks` returned, for the same direction; loaded anew where None,
            which takes longer than the preview.
        **options: See ``facemask-video preview --help``; ``direction`` must be given.

    Returns:
        The frame as it was and as it became, its alpha, and the faces found in it.

    Raises:
        TypeError: There is no such option, or one of those of `load_networks` beside ``networks``.
        ConfigError: A value is not accepted, or the moment lies beyond the clip's end.
        VideoReadError: The source cannot be read.
        VideoWriteError: The target exists and ``overwrite`` is not given, or cannot be written.
        WeightsError: The generator's weights are missing or made for something else.
        DeviceError: The device or precision asked for is not there.
        TracksError: The file given as ``tracks`` belongs to another video.

    >>> seen = preview_video("in.mp4", direction="mask", quality="fast", at=0.1)
    >>> seen.after.shape, len(seen.faces), seen.faces_changed
    ((360, 640, 3), 1, 1)
    """
    settings = _settings(PreviewConfig, config, options, "preview_video")
    if networks is not None:
        _check_networks(networks, settings, options, "preview_video")
    from facemask_video.pipeline.preview import check_sheet, preview

    path = None if target is None else Path(target)
    if path is not None:
        check_sheet(Path(source), path, settings)
    seen = preview(Path(source), settings, networks)
    if path is not None:
        seen.write(path)
    return seen


@_with_options_of(PreviewConfig)
def preview_clip(
    source: str | Path,
    target: str | Path,
    *,
    config: PreviewConfig | str | Path | None = None,
    networks: "Networks | None" = None,
    progress: OnProgress | None = None,
    **options: object,
) -> "ConversionReport":
    """Convert the two seconds around a moment: source, result and alpha side by side.

    Args:
        source: Video to read.
        target: Video to write.
        config: Settings that the options are laid over: those of a TOML file, also of one for
            `convert_video`, or a configuration.
        networks: What `load_networks` returned, for the same direction; loaded anew where None.
        progress: Called after each frame written.
        **options: See ``facemask-video preview --help``; ``direction`` must be given.

    Raises:
        TypeError: There is no such option, or one of those of `load_networks` beside ``networks``.
        ConfigError: A value is not accepted, the moment lies beyond the clip's end, or the source
            is a picture.
        VideoReadError: The source cannot be read.
        VideoWriteError: The target exists and ``overwrite`` is not given, or cannot be written.
        WeightsError: The generator's weights are missing or made for something else.
        DeviceError: The device or precision asked for is not there.
        TracksError: The file given as ``tracks`` belongs to another video.

    >>> report = preview_clip("in.mp4", "around.mp4", direction="mask", quality="fast", at=0)
    >>> report.output["layout"], report.faces == report.frames
    ('triple', True)
    """
    settings = _settings(PreviewConfig, config, options, "preview_clip")
    if networks is not None:
        _check_networks(networks, settings, options, "preview_clip")
    from facemask_video.pipeline.preview import preview_clip as convert_around

    return convert_around(
        Path(source), Path(target), settings, on_progress=progress, networks=networks
    )


@_with_options_of(TracksConfig)
def track_video(
    source: str | Path,
    target: str | Path,
    *,
    config: TracksConfig | str | Path | None = None,
    progress: OnProgress | None = None,
    **options: object,
) -> "TrackingReport":
    """Find and follow the faces of a video and write where they are, as ``facemask-video track``.

    Args:
        source: Video to read, or picture.
        target: File to write, one JSON object a line; `convert_video` takes it as ``tracks``.
        config: Settings that the options are laid over: a TOML file's, or a configuration.
        progress: Called after each frame.
        **options: See ``facemask-video track --help``.

    Raises:
        TypeError: There is no such option.
        ConfigError: A value is not accepted.
        VideoReadError: The source cannot be read to its end.
        VideoWriteError: The target exists and ``overwrite`` is not given, or cannot be written.
        DeviceError: The device asked for is not there.

    >>> report = track_video("in.mp4", "faces.jsonl", end=0.12)
    >>> report.frames, report.faces
    (3, 3)
    """
    settings = _settings(TracksConfig, config, options, "track_video")
    from facemask_video.pipeline.track import track_video as track

    return track(Path(source), Path(target), settings, on_progress=progress)


@_with_options_of(ExtractConfig)
def extract_crops(
    inputs: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    config: ExtractConfig | str | Path | None = None,
    progress: OnProgress | None = None,
    **options: object,
) -> "SetReport":
    """Cut aligned face crops out of videos and pictures, as ``facemask-video extract``.

    Args:
        inputs: A video, a picture or a folder of them, or several.
        output: Folder of the set: a new one, or one to go on with.
        config: Settings that the options are laid over: a TOML file's, or a configuration.
        progress: Called after each frame of a video, and after each picture.
        **options: See ``facemask-video extract --help``.

    Returns:
        The set; its ``failed`` names files that could not be read, which is no error here.

    Raises:
        TypeError: There is no such option.
        ConfigError: A value is not accepted.
        CropsError: The set cannot be written, or was made with other options; no picture or video
            is named.
        DeviceError: The device asked for is not there.

    >>> crops = extract_crops("in.mp4", "set", best=2, min_sharpness=0, dedupe=False)
    >>> len(crops.rows), crops.rows[0].domain
    (2, 'bare')
    """
    settings = _settings(ExtractConfig, config, options, "extract_crops")
    from facemask_video.extract.extract import extract

    named = [inputs] if isinstance(inputs, str | Path) else inputs
    return extract([Path(each) for each in named], Path(output), settings, on_progress=progress)


def verify_video(
    source: str | Path,
    output: str | Path,
    *,
    tracks: str | Path | None = None,
    start: float | str | None = None,
    end: float | str | None = None,
    max_pixels: int = MAX_PIXELS,
    all_video: bool = False,
) -> "VerifyReport":
    """Check that an output is its source with nothing changed but faces.

    Args:
        source: The video that was converted.
        output: The result.
        tracks: The file written as ``tracks_out``, which names the regions that may differ.
        start: Where the range begins that was converted, as given then.
        end: Where it ends.
        max_pixels: Most px of a picture, as given then.
        all_video: Whether that was given then: the frames of further video streams are compared
            in place of their packets.

    Raises:
        ConfigError: The range is none, or ``max_pixels`` less than 1.
        VideoReadError: One of the files cannot be read.
        TracksError: The tracks file is damaged.

    >>> verify_video("in.mp4", "in.mp4").ok
    True
    """
    from facemask_video.verify import verify

    options: dict[str, object] = {"start": start, "end": end, "max_pixels": max_pixels}
    settings = _settings(RangeConfig, None, options, "verify_video")
    return verify(
        Path(source),
        Path(output),
        tracks=None if tracks is None else Path(tracks),
        start_s=settings.start_s,
        end_s=settings.end_s,
        max_pixels=settings.max_pixels,
        all_video=all_video,
    )


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a video or a picture holds.

    Attributes:
        info: Its streams, pictures and tags.
        provenance: How this program made it; None where the file does not say that it did.
        credentials: What its Content Credentials (C2PA) say and whether they hold; None where there
            are none, or c2pa-python is not installed.
    """

    info: "VideoInfo"
    provenance: "Provenance | None"
    credentials: "Credentials | None" = None


def inspect_video(
    file: str | Path, *, trust: str | Path | None = None, max_pixels: int = MAX_PIXELS
) -> Inspection:
    """Describe a video or a picture and say whether its faces are known to be synthetic.

    Args:
        file: Video or picture to read; ``"-"`` is standard input.
        trust: PEM of the root certificates that signers of Content Credentials must lead to.
        max_pixels: Most px of a picture.

    Raises:
        VideoReadError: It cannot be opened, or claims more px.
        ConfigError: ``trust`` cannot be used, or c2pa-python is not installed, which it needs.

    >>> about = inspect_video("in.mp4")
    >>> about.info.width_px, about.info.height_px, about.provenance
    (640, 360, None)
    """
    from facemask_video import content_credentials, provenance
    from facemask_video.core.pictures import is_picture
    from facemask_video.core.standard_streams import is_standard

    path = Path(file)
    if is_picture(path):
        from facemask_video.stills.probe import probe_picture

        info = probe_picture(path, max_pixels=max_pixels)
    else:
        from facemask_video.video import probe, standard_input_kept

        with standard_input_kept():
            info = probe(path, max_pixels=max_pixels)
    credentials = None
    if not is_standard(path) and (trust is not None or content_credentials.is_available()):
        roots = None if trust is None else Path(trust)
        credentials = content_credentials.read_credentials(path, trusted=roots)
    return Inspection(info, provenance.read(info.metadata), credentials)


def _settings(
    kind: type[Config],
    config: Config | str | Path | None,
    options: dict[str, object],
    caller: str,
) -> Config:
    """Lay options over a file's settings, or over a configuration, or over the defaults."""
    below: dict[str, object] = {}
    if isinstance(config, str | Path):
        of_conversion = kind in (ConvertConfig, PreviewConfig)
        path = find_config(Path(config), "convert") if of_conversion else Path(config)
        written_for = ConvertConfig if kind is PreviewConfig else None
        below = read_toml(path, kind, written_for=written_for)
    elif config is not None:
        below = values_of(config)
    return build(kind, below, read_options(options, kind, caller))


def _check_networks(
    networks: "Networks",
    settings: ConvertConfig | ImageConfig | LiveConfig | PreviewConfig,
    options: dict[str, object],
    caller: str,
) -> None:
    of_loading = {named.option for named in settings_of(GeneratorConfig)}
    clash = sorted((of_loading - {"direction", "batch_size"}) & options.keys())
    if clash:
        raise TypeError(f"{caller}() got networks and {clash[0]!r}; give that to load_networks")
    loaded_for = networks.weights["direction"]
    if loaded_for != settings.direction:
        raise ConfigError(
            f"networks: were loaded for {loaded_for}, the direction is {settings.direction}; load "
            "those of this direction."
        )
