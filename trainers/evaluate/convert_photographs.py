"""Convert whole photographs by the stages of the video converter.

A conversion shows a face at its own size, in its own surround. So it is measured there:
found, aligned, translate_crops, matched in colour and pasted by the converter's own stages.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from facemask_video.align.crop import align_face_in_image
from facemask_video.composite.colour_match import match_colour
from facemask_video.composite.grain import GrainMatcher
from facemask_video.composite.paste import make_patch
from facemask_video.config import CompositeConfig
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import Crop, TrackedFace, TrackId, TranslatedCrop
from facemask_video.core.frame import ImageU8
from facemask_video.detect.detector import Detector
from facemask_video.detect.single_image import find_main_face
from facemask_video.translate.stage import CropTranslator
from trainers.evaluate.baselines import RADIUS_PX
from trainers.evaluate.photo_pairs import PhotoPairs
from trainers.evaluate.progress import OnDone, unheard
from trainers.evaluate.translate_crops import blend


def convert_photographs(
    photographs: Sequence[ImageU8],
    translator: CropTranslator,
    detector: Detector,
    *,
    batch_size: int,
    on_done: OnDone = unheard,
) -> tuple[ImageU8, ...]:
    """Return each photograph as a conversion with default options would show it.

    The face is looked for in the photograph itself; one in which none is found stays as it is.
    Finding it is half of what `on_done` counts, translating the other.
    """
    crops: dict[int, Crop] = {}
    for index, picture in enumerate(photographs):
        on_done(index, 2 * len(photographs))
        found = find_main_face(picture, detector)
        if found is None:
            continue
        image, to_crop = align_face_in_image(picture, found.landmarks, translator.crop_size_px)
        face = TrackedFace(TrackId(index), found.box, found.landmarks, found.score, observed=True)
        crops[index] = Crop(image, to_crop, face)
    shown = list(photographs)
    numbers = list(crops)
    for start in range(0, len(numbers), batch_size):
        batch = numbers[start : start + batch_size]
        made = translator.translate([crops[number] for number in batch])
        for number, crop in zip(batch, made, strict=True):
            shown[number] = _paste(shown[number], crop)
        on_done(len(photographs) + batch[-1] + 1, 2 * len(photographs))
    return tuple(shown)


def inpaint_photographs(pairs: PhotoPairs) -> tuple[ImageU8, ...]:
    """Return each masked photograph with its hidden region filled by OpenCV's Telea."""
    return tuple(
        np.asarray(
            cv2.inpaint(image, region.astype(np.uint8), RADIUS_PX, cv2.INPAINT_TELEA), np.uint8
        )
        for image, region in zip(pairs.masked.images, pairs.hidden, strict=True)
    )


def _paste(picture: ImageU8, crop: TranslatedCrop) -> ImageU8:
    defaults = CompositeConfig()
    matched = match_colour(crop, defaults.color)
    patch = make_patch(
        matched,
        frame_width_px=picture.shape[1],
        frame_height_px=picture.shape[0],
        coverage=defaults.coverage,
    )
    if patch is None:
        return picture
    if defaults.grain == "auto":
        patch = GrainMatcher().match(patch, matched, ArrayFrame(picture))
    result = picture.copy()
    box = patch.box
    place = result[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
    place[:] = blend(place, patch.image, patch.alpha)
    return result
