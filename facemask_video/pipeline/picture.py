"""Translate one picture by the stages of a video."""

import numpy as np

from facemask_video.align.stage import AlignFaces
from facemask_video.classify.stage import ClassifyFaces
from facemask_video.composite.stage import BlendFaces, MatchColours
from facemask_video.config import ImageConfig
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import TrackedFrame
from facemask_video.core.frame import ImageU8
from facemask_video.detect.build import build_detector
from facemask_video.detect.rotation import QUARTER_TURNS
from facemask_video.detect.single_image import choose_faces, find_in_picture
from facemask_video.detect.size import SMALLEST_FACE_PX
from facemask_video.pipeline.load_networks import Networks
from facemask_video.translate.device import pick_device
from facemask_video.translate.stage import TranslateFaces


def translate_picture(image: ImageU8, config: ImageConfig, networks: Networks) -> ImageU8:
    """Translate every face of a picture.

    Args:
        image: RGB, uint8, shape (height, width, 3).
        config: Which faces are found, and how they are translated and blended.
        networks: For the configuration's direction. Their finder, which depends on a size, is used
            where it is not None.

    Returns:
        A new array; pixels outside the faces are those of ``image``.

    Raises:
        ValueError: ``image`` is no such array.
        ConfigError: Faces are chosen by the number of a track.
    """
    is_rgb = image.ndim == 3 and image.shape[2] == 3 and image.size > 0
    if image.dtype != np.uint8 or not is_rgb:
        raise ValueError(
            f"image: got {image.dtype} of shape {image.shape}, expected uint8 (height, width, 3)."
        )
    if config.select.faces not in ("all", "largest"):
        raise ConfigError(f"select.faces: got {config.select.faces!r}; a picture has no tracks.")
    detector = None if networks.finder is None else networks.finder.detector
    if detector is None:
        detector = build_detector(
            device=pick_device(networks.device["device"]),
            threshold=config.detect.threshold,
            min_face_px=SMALLEST_FACE_PX,
            quarter_turns=QUARTER_TURNS[config.detect.turned],
        )
    found = find_in_picture(image, detector, min_face_px=config.detect.min_face_px)
    faces = choose_faces(
        [face for face in found if face.score >= config.detect.threshold],
        largest=config.select.faces == "largest",
        max_faces=config.select.max_faces,
    )
    frame = TrackedFrame(ArrayFrame(image), tuple(faces))
    cropped = AlignFaces(crop_size_px=networks.translator.crop_size_px)([frame])
    if networks.classifier is not None:
        cropped = ClassifyFaces(networks.classifier, direction=config.direction)(cropped)
    translate = TranslateFaces(networks.translator, batch_size=config.translate.batch_size)
    matched = MatchColours(mode=config.composite.color)(translate(cropped))
    (blended,) = BlendFaces(coverage=config.composite.coverage)(matched)
    # An array of its own also where nothing was pasted.
    whole = blended.frame.with_patches(())
    assert isinstance(whole, ArrayFrame)
    return whole.image
