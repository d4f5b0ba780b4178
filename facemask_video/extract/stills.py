"""Crop the faces of a picture: every face in it, by the detector and the align code of a video."""

from pathlib import Path

import numpy as np

from facemask_video.align.crop import align_face_in_image
from facemask_video.config import ExtractConfig
from facemask_video.core.faces import Crop
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.core.pictures import read_picture
from facemask_video.detect.detector import Detector
from facemask_video.detect.single_image import choose_faces, find_in_picture
from facemask_video.extract.crops import CropCandidate, make_candidate, pixel_box


def crop_picture(path: Path, config: ExtractConfig, detector: Detector) -> list[CropCandidate]:
    """Return a crop of every face of a picture, best first.

    Args:
        path: The picture.
        config: What is cropped; of detection only the size and the choice of faces have a part.
        detector: Finds the faces.

    Raises:
        VideoReadError: The picture cannot be read.
    """
    picture = read_picture(path, max_pixels=config.video.max_pixels)
    height_px, width_px = picture.shape[:2]
    found = find_in_picture(picture, detector, min_face_px=config.detect.min_face_px)
    largest = config.select.faces == "largest"
    faces = choose_faces(found, largest=largest, max_faces=config.select.max_faces)
    # Weak detections are tried as crops, where a second one decides; until then they are nobody.
    sure = [face for face in faces if face.score >= config.detect.threshold]
    candidates = []
    for face in faces:
        try:
            image, to_crop = align_face_in_image(picture, face.landmarks, config.crop.size_px)
        except ValueError:
            continue  # landmarks that coincide: a false one
        candidates.append(
            make_candidate(
                Crop(image, to_crop, face),
                _raw(picture, face.box) if config.crop.raw else None,
                [face, *(other for other in sure if other is not face)],
                frame=0,
                pts=None,
                time_base=None,
                width_px=width_px,
                height_px=height_px,
            )
        )
    return candidates


def _raw(picture: ImageU8, box: Box) -> ImageU8 | None:
    box_px = pixel_box(box, picture.shape[1], picture.shape[0])
    region = picture[int(box_px.y0) : int(box_px.y1), int(box_px.x0) : int(box_px.x1)]
    return np.ascontiguousarray(region) if region.size else None
