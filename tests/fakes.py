"""Stand-ins for the slow or trained parts: frames of noise, a detector that reads a script, and
generators that need no weights."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facemask_video.align.template import TEMPLATE
from facemask_video.core.array_frame import ArrayFrame
from facemask_video.core.faces import Crop, Detection, TrackedFace, TrackId, TranslatedCrop
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.pipeline.load_networks import Finder, Networks

FACE_IN_CROP = 0.55
"""Width of a detector's box, as a fraction of the aligned crop that belongs to it."""


def fake_frames(
    n_frames: int, *, width_px: int = 160, height_px: int = 120
) -> Iterator[ArrayFrame]:
    """Yield frames of seeded noise, each different."""
    for index in range(n_frames):
        rng = np.random.default_rng(index)
        image = rng.integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
        yield ArrayFrame(image, index, pts=index)


def detection_at(
    center_x_px: float, center_y_px: float, side_px: float, *, score: float = 0.99
) -> Detection:
    """Return an upright face whose box has its centre and side as said."""
    half = side_px / 2
    box = Box(center_x_px - half, center_y_px - half, center_x_px + half, center_y_px + half)
    crop_side_px = side_px / FACE_IN_CROP
    landmarks = (TEMPLATE - 0.5) * crop_side_px + (center_x_px, center_y_px)
    return Detection(box, landmarks.astype(np.float32), score)


def tracked_at(
    center_x_px: float, center_y_px: float, side_px: float, *, track_id: int = 0
) -> TrackedFace:
    """Return `detection_at` as a followed face."""
    seen = detection_at(center_x_px, center_y_px, side_px)
    return TrackedFace(TrackId(track_id), seen.box, seen.landmarks, seen.score, observed=True)


@dataclass
class ScriptedDetector:
    """Finds what a script says, by the order in which pictures come.

    Attributes:
        script: Detections in frame px by frame index; one list for all where it is no mapping.
        frame_width_px: Width of the frames, to scale by.
        batch_sizes: Pictures of each call so far.
    """

    script: Mapping[int, Sequence[Detection]] | Sequence[Detection]
    frame_width_px: int
    batch_sizes: list[int] = field(default_factory=list)

    def detect(self, images: Sequence[ImageU8]) -> list[list[Detection]]:
        first = sum(self.batch_sizes)
        self.batch_sizes.append(len(images))
        return [
            [self._scaled(each, image) for each in self._script_of(first + offset)]
            for offset, image in enumerate(images)
        ]

    def _script_of(self, index: int) -> Sequence[Detection]:
        return self.script.get(index, ()) if isinstance(self.script, Mapping) else self.script

    def _scaled(self, seen: Detection, image: ImageU8) -> Detection:
        scale = image.shape[1] / self.frame_width_px
        edges = (seen.box.x0, seen.box.y0, seen.box.x1, seen.box.y1)
        landmarks = (seen.landmarks * scale).astype(np.float32)
        return Detection(Box(*(edge * scale for edge in edges)), landmarks, seen.score)


@dataclass
class InvertTranslator:
    """Turns every crop into its negative, under one alpha.

    Attributes:
        crop_size_px: Side of the crops.
        alpha: Of every pixel; 0 changes nothing.
        batch_sizes: Crops of each call so far.
        notes: What a report says of it.
    """

    crop_size_px: int = 32
    alpha: float = 1.0
    batch_sizes: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def translate(self, crops: Sequence[Crop]) -> list[TranslatedCrop]:
        self.batch_sizes.append(len(crops))
        shape = (self.crop_size_px, self.crop_size_px)
        alpha = np.full(shape, self.alpha, dtype=np.float32)
        return [TranslatedCrop(crop, 255 - crop.image, alpha) for crop in crops]


@dataclass
class ScriptedClassifier:
    """Gives the scores of a script, in the order it is asked, and then the last one for ever.

    Attributes:
        scores: How surely each crop is masked.
        asked: Crops scored so far.
        crop_size_px: Side of the crops it wants.
    """

    scores: Sequence[float]
    asked: int = 0
    crop_size_px: int = 32

    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        first = self.asked
        self.asked += len(images)
        last = len(self.scores) - 1
        return [self.scores[min(first + offset, last)] for offset in range(len(images))]


def fake_networks(
    detector: ScriptedDetector,
    translator: InvertTranslator | None = None,
    classifier: ScriptedClassifier | None = None,
) -> Networks:
    """Put fakes where a conversion expects its networks."""
    return Networks(
        finder=Finder(detector, detector.frame_width_px),
        translator=translator or InvertTranslator(),
        classifier=classifier,
        weights={"path": "fake", "sha256": "0" * 64},
        device={"device": "cpu", "precision": "fp32"},
    )


def random_vggface2(path: Path) -> Path:
    """Write random weights laid out as facenet-pytorch's ``vggface2`` file, classifier included."""
    import torch
    from facenet_pytorch.models.inception_resnet_v1 import InceptionResnetV1

    network = InceptionResnetV1(classify=True, num_classes=3)
    # Half the bytes; reading widens them again.
    torch.save({name: value.half() for name, value in network.state_dict().items()}, path)
    return path
