"""What a detector takes for faces where none are: the hard negatives that its scorers learn.

They are looked for in clips, about the faces of photographs and in drawn patterns, by the networks
as they are, and again by those that have learnt from them (bootstrapping: Sung and Poggio,
"Example-based learning for view-based human face detection", IEEE PAMI 1998, section 2.4).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from facemask_video.core.errors import TrainingError, VideoReadError
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.core.pictures import read_picture
from facemask_video.detect.boxes import nms_in_groups
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.integral_image import IntegralImages
from facemask_video.detect.mtcnn import OFFSET_PX
from facemask_video.detect.size import detect_size_px
from facemask_video.video import VideoReader
from trainers.data.detector_crops import LabelledCrops, crop_boxes
from trainers.data.detector_faces import TaughtFace
from trainers.data.patterns import draw_pattern

_CPU = torch.device("cpu")

_PROPOSING = (0.4, 0.2)
"""Scores in P-Net and R-Net from which something is taken for a face."""

_MAYBE_A_FACE = 0.2
"""Score of the original networks from which something may be a face, of which nothing is known."""

_MOST_OVERLAP, _MARGIN = 0.03, 0.25
"""Of the smaller box's area with a possible face, which is grown by a margin on each side."""

_DUPLICATE = 0.8
_CLIP_FACE_PX = (20.0, 70.0)
"""Smallest face that a clip's frames are shown for: how small they are."""

_ENLARGED = 1.8


class NegativeMiner:
    """Finds what networks take for faces where none are.

    Args:
        scorers: Of the networks, a file of `save_scorers`; None are their own.
    """

    def __init__(self, scorers: Path | None) -> None:
        self._original, self._detector = (
            CascadeDetector(
                device=_CPU,
                threshold=0.0,
                min_face_px=12.0,
                stage_thresholds=_PROPOSING,
                weights=weights,
            )
            for weights in (None, scorers)
        )

    def mine(self, picture: ImageU8, n: int, faces: Sequence[Box] = ()) -> LabelledCrops:
        """Return the crops of what is taken for a face most, beside all that may be one.

        Args:
            picture: RGB.
            n: Most crops.
            faces: Known faces; the original networks add what may be others.
        """
        for_rnet, maybe = self._original.proposals([picture])
        maybe = maybe.at((maybe.score > _MAYBE_A_FACE).nonzero()[:, 0])
        edges = (maybe.corners - OFFSET_PX).tolist()
        faces = [*faces, *(_grown(Box(*each), _MARGIN) for each in edges)]
        if not len(for_rnet):
            return LabelledCrops.joined([])
        # P-Net is the same in both, and takes the longest.
        for_rnet, for_onet = self._detector.proposals([picture], for_rnet=for_rnet)
        # What O-Net reads comes first: its score is the detector's.
        corners = torch.cat([for_onet.corners, for_rnet.corners])
        score = torch.cat([for_onet.score, 0.5 * for_rnet.score])
        at = _beside(corners, faces).nonzero()[:, 0]
        none = torch.zeros(len(at), dtype=torch.int64)
        pick = nms_in_groups(corners[at], score[at].clamp(min=1e-6), none, _DUPLICATE)[:n]
        integral = IntegralImages([picture], _CPU)
        return crop_boxes(corners[at][pick], np.zeros(len(pick), np.bool_), integral)


def _grown(box: Box, share: float) -> Box:
    across, down = share * box.width_px, share * (box.y1 - box.y0)
    return Box(box.x0 - across, box.y0 - down, box.x1 + across, box.y1 + down)


def _beside(corners: torch.Tensor, faces: Sequence[Box]) -> torch.Tensor:
    """Tell which boxes (n, 4) touch none of the faces."""
    edges = [[face.x0, face.y0, face.x1, face.y1] for face in faces]
    known = torch.tensor(edges, dtype=torch.float32).reshape(-1, 4) + OFFSET_PX
    low = torch.maximum(corners[:, None, :2], known[None, :, :2])
    high = torch.minimum(corners[:, None, 2:], known[None, :, 2:])
    areas = [(each[:, 2:] - each[:, :2]).prod(dim=1) for each in (corners, known)]
    smaller = torch.minimum(areas[0][:, None], areas[1][None])
    return ~((high - low).clamp(min=0).prod(dim=2) > _MOST_OVERLAP * smaller).any(dim=1)


def in_clip(
    clip: Path, miner: NegativeMiner, *, n_frames: int, n: int, seed: int
) -> Iterator[LabelledCrops]:
    """Mine some frames of a clip, evenly taken, smaller or larger, lighter or darker.

    Raises:
        TrainingError: It cannot be read.
    """
    rng, n_seen = np.random.default_rng((seed, 1)), 0
    try:
        with VideoReader(clip) as reader:
            info = reader.info
            every = max(1, (info.frame_count_from_header or 10 * n_frames) // n_frames)
            for frame in reader:
                if frame.index % every or n_seen == n_frames:
                    continue
                low, high = np.log(_CLIP_FACE_PX)
                size_px = detect_size_px(
                    info.width_px, info.height_px, min_face_px=float(np.exp(rng.uniform(low, high)))
                )
                n_seen += 1
                yield miner.mine(_varied(frame.thumbnail(size_px)[0], rng), n)
    except VideoReadError as exc:
        raise TrainingError(f"{clip}: cannot be read ({exc}); move it out of --clips.") from exc


def _varied(picture: ImageU8, rng: np.random.Generator) -> ImageU8:
    if rng.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
    if rng.random() < 0.5:
        light = (picture / 255.0) ** rng.uniform(0.6, 1.6) * 255 * rng.uniform(0.7, 1.2)
        picture = np.clip(light, 0, 255).astype(np.uint8)
    return picture


def about_faces(
    faces: Sequence[TaughtFace], miner: NegativeMiner, *, n: int, rng: np.random.Generator
) -> Iterator[LabelledCrops]:
    """Mine the photographs of bare faces, as they are or enlarged, about the face.

    Not those of masked ones: others there may wear masks too, of which the original networks know
    little.
    """
    for face in faces:
        photograph, by = read_picture(face.path), float(rng.uniform(1, _ENLARGED))
        shown = np.asarray(cv2.resize(photograph, None, fx=by, fy=by), np.uint8)
        yield miner.mine(shown, n, [_grown(Box(*(by * float(each) for each in face.box)), 0.05)])


def in_patterns(
    numbers: range, miner: NegativeMiner, *, n: int, seed: int
) -> Iterator[LabelledCrops]:
    """Mine drawn patterns, each the one of its number."""
    for number in numbers:
        yield miner.mine(draw_pattern(np.random.default_rng((seed, number))), n)
