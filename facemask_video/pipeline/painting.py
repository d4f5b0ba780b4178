"""The row of stages that paints: from the persons in each frame to the blended frame."""

from collections.abc import Iterator

from facemask_video.align.stage import AlignFaces
from facemask_video.classify.stage import ClassifyFaces
from facemask_video.composite.face_parts import KeepToParts
from facemask_video.composite.reference import RecallFaces
from facemask_video.composite.stage import (
    BlendFaces,
    DrawFaces,
    MatchColours,
    PastKeeper,
    SteadyFaces,
)
from facemask_video.config import ConvertConfig, ImageConfig
from facemask_video.core.direction import Direction
from facemask_video.core.faces import BlendedFrame, CroppedFrame, TrackedFrame
from facemask_video.pipeline.load_networks import Networks
from facemask_video.pipeline.pace import WHOLE_FILES, Pace
from facemask_video.pipeline.prefetch import prefetch
from facemask_video.pipeline.resume import SEGMENT_FRAMES
from facemask_video.pipeline.timing import StageStack
from facemask_video.translate.stage import TranslateFaces


def paint_faces(
    tracked: Iterator[TrackedFrame],
    config: ConvertConfig,
    networks: Networks,
    stages: StageStack,
    *,
    keeper: PastKeeper | None = None,
    pace: Pace = WHOLE_FILES,
) -> Iterator[BlendedFrame]:
    """Translate the faces of a clip's frames and blend them in.

    Args:
        tracked: The frames, each with the faces that are to be worked on.
        config: How faces are translated and blended.
        networks: What translates and judges them.
        stages: Takes the stages.
        keeper: See `SteadyFaces`.
        pace: How far ahead the stages are.
    """
    cropped = classify_faces(tracked, config, networks, stages, pace=pace)
    blended = paint_crops(cropped, config, networks, stages, keeper=keeper, pace=pace)
    if config.output.debug_overlay:
        blended = stages.run("draw", DrawFaces()(blended))
    return blended


def paint_crops(
    cropped: Iterator[CroppedFrame],
    config: ConvertConfig | ImageConfig,
    networks: Networks,
    stages: StageStack,
    *,
    keeper: PastKeeper | None = None,
    pace: Pace = WHOLE_FILES,
) -> Iterator[BlendedFrame]:
    """Do what `paint_faces` does after `classify_faces`, but draw no overlay."""
    composite = config.composite
    translate = TranslateFaces(
        networks.translator,
        batch_size=config.translate.batch_size,
        max_held_frames=pace.translated,
    )
    match = MatchColours(mode=composite.color)
    steady = SteadyFaces(temporal=composite.temporal, keeper=keeper)
    blend = BlendFaces(
        coverage=composite.coverage,
        grain=composite.grain == "auto",
        forget_every=SEGMENT_FRAMES,
    )
    translated = stages.run("translate", translate(cropped))
    matched = stages.run("match_colours", match(translated))
    if config.direction is Direction.UNMASK and composite.reference == "auto":
        matched = stages.run("recall", RecallFaces()(matched))
    steadied = stages.run("steady", steady(matched))
    if composite.region != "all":
        steadied = stages.run("limit", KeepToParts(composite.parts())(steadied))
    return stages.run("blend", blend(steadied))


def classify_faces(
    tracked: Iterator[TrackedFrame],
    config: ConvertConfig,
    networks: Networks,
    stages: StageStack,
    *,
    pace: Pace = WHOLE_FILES,
) -> Iterator[CroppedFrame]:
    """Take the crops of a clip's faces, and decide which of them are translated.

    Args:
        tracked: The frames, each with the faces that are to be worked on.
        config: Says which direction they are translated in.
        networks: What judges them, and how large its crops are.
        stages: Takes the stages.
        pace: How far ahead the stages are.
    """
    align = AlignFaces(crop_size_px=networks.translator.crop_size_px)
    followed = stages.run("idle", prefetch(tracked, depth=pace.followed, name="faces"))
    cropped = stages.run("align", align(followed))
    if networks.classifier is None:
        return cropped
    classify = ClassifyFaces(
        networks.classifier,
        direction=config.direction,
        look_ahead=pace.voted,
        longest_s=pace.voted_s,
    )
    return stages.run("classify", classify(cropped))
