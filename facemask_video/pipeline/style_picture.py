"""Read the style of a mask off a picture of somebody who wears it."""

from pathlib import Path

import torch
from torch.nn import functional

from facemask_video.align.crop import align_face_in_image
from facemask_video.classify.mask_classifier import MaskClassifier, default_mask_classifier
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.pictures import read_picture
from facemask_video.core.pixels import to_network
from facemask_video.core.shipped_weights import default_weights
from facemask_video.detect.build import build_detector
from facemask_video.detect.single_image import find_in_picture
from facemask_video.detect.size import SMALLEST_FACE_PX
from facemask_video.translate.networks import Style, StyledGenerator, TwoStageGenerator
from facemask_video.translate.styles import to_linear
from facemask_video.translate.weights import load_generator

# A face found at less may be none; the detector is lenient, as tracks confirm its finds.
_SURE_SCORE = 0.7


@torch.inference_mode()
def read_style(
    path: Path, network: StyledGenerator, crop_size_px: int
) -> tuple[Style, torch.Tensor]:
    """Read the style of the mask that the one face of a picture wears.

    Args:
        path: The picture.
        network: The generator that is to paint in that style.
        crop_size_px: Side of its crops.

    Returns:
        The style, and the mask's mean colour in linear RGB, shape (1, 3).

    Raises:
        VideoReadError: It is no picture that can be read.
        ConfigError: It doesn't show one masked face.
        WeightsError: A shipped network that looks at the picture is missing or damaged.
    """
    device = torch.device("cpu")
    image = read_picture(path)
    found = find_in_picture(
        image,
        build_detector(device=device, min_face_px=SMALLEST_FACE_PX),
        min_face_px=SMALLEST_FACE_PX,
    )
    faces = [face for face in found if face.score >= _SURE_SCORE]
    if len(faces) != 1:
        shown = f"shows {len(faces)} faces" if faces else "shows no face that could be found"
        raise ConfigError(
            f"translate.style: {path} {shown}; take a picture of one masked face, cropped to it."
        )
    landmarks = faces[0].landmarks
    classifier = MaskClassifier.load(default_mask_classifier(), device=device)
    seen, _ = align_face_in_image(image, landmarks, classifier.crop_size_px)
    if classifier.masked_scores([seen])[0] < 0.5:
        raise ConfigError(f"translate.style: the face in {path} wears no mask; take another.")
    segmenter, card = load_generator(default_weights(Direction.UNMASK), direction=Direction.UNMASK)
    assert isinstance(segmenter, TwoStageGenerator)
    large, _ = align_face_in_image(image, landmarks, card.crop_size_px)
    region = segmenter.segment(to_network([large], device))
    region = functional.interpolate(
        region, size=(crop_size_px, crop_size_px), mode="bilinear", antialias=True
    )
    if float(region.mean()) < 0.02:
        raise ConfigError(f"translate.style: no mask could be made out in {path}; take another.")
    crop, _ = align_face_in_image(image, landmarks, crop_size_px)
    masked = to_network([crop], device)
    linear = to_linear((masked + 1) / 2)
    colour = (linear * region).sum((2, 3)) / region.sum((2, 3))
    return network.read_style(masked, region), colour
