"""The stage that finds faces: a full detection now and then, and each face followed in between."""

import math
from collections.abc import Iterable, Iterator

from facemask_video.core.faces import DetectedFrame
from facemask_video.core.frame import Frame, time_s
from facemask_video.detect.detector import Detector, RegionDetector
from facemask_video.detect.observations import Observation, ObservedFrame
from facemask_video.detect.propagate import FacePropagator
from facemask_video.detect.shot_boundary import ShotBoundaryDetector
from facemask_video.detect.size import to_frame_px

LONGEST_INTERVAL_S = 0.5
"""Longest time between two full detections where ``detect_every`` is 0 (automatic). A face that
comes and goes within it may be missed where nothing else happens; one that stays is followed back
to where it first shows."""

BATCH_FRAMES = 16


class DetectFaces:
    """Find the faces of every frame.

    Frames are taken in groups. The detector runs on some of a group in full, together; between them
    faces are followed (see `facemask_video.detect.propagate`). So a face is found in each frame,
    for a small part of the cost, and where a full detection fails (a mask, a turned head) the face
    is kept while its refinement still finds it.

    Holds up to two groups of ``batch_frames`` frames and their thumbnails.

    Args:
        detector: Finds faces. One that is no `RegionDetector` runs on every frame in full.
        max_side_px: Longer side of the thumbnail that it is shown.
        detect_every: Full detection at every n-th frame, >= 1; 0 chooses: seldom
            (`LONGEST_INTERVAL_S`) while nothing happens, four times as often while faces come and
            go.
        batch_frames: Frames in a group, >= 1.
        longest_interval: Most frames from one full detection to the next; None for a group's.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        max_side_px: int,
        detect_every: int,
        batch_frames: int = BATCH_FRAMES,
        longest_interval: int | None = None,
    ) -> None:
        if detect_every < 0:
            raise ValueError(
                f"detect_every: got {detect_every}, expected 1 or more frames, or 0 for automatic."
            )
        self._detector = detector
        self._propagator = (
            FacePropagator(detector) if isinstance(detector, RegionDetector) else None
        )
        self._max_side_px = max_side_px
        self._detect_every = detect_every if self._propagator else 1
        groups_may_be_short = longest_interval is not None
        self._batch_frames = max(batch_frames, 0 if groups_may_be_short else detect_every, 1)
        self._longest_interval = longest_interval or self._batch_frames
        self._since_detection = math.inf
        self._last_s: float | None = None

    def __call__(self, items: Iterable[Frame], /) -> Iterator[DetectedFrame]:
        """Yield each frame with its faces in frame px."""
        before: list[ObservedFrame] = []
        for group in self._groups(items):
            if before and before[0].image.shape != group[0].image.shape:
                yield from map(_detected, before)
                before = []
            self._detect(before, group)
            yield from map(_detected, before)
            before = group
        yield from map(_detected, before)

    def _groups(self, items: Iterable[Frame]) -> Iterator[list[ObservedFrame]]:
        """Yield frames in groups of one size; another size begins a new shot.

        A group ends with a frame that the detector is to run on, as far as there is one, so that
        faces are known at both ends of what lies between.
        """
        held: list[ObservedFrame] = []
        shots, shape = ShotBoundaryDetector(), None
        for frame in items:
            image, scale = frame.thumbnail(self._max_side_px)
            resized = shape is not None and image.shape != shape
            if resized:
                shots = ShotBoundaryDetector()
                yield from self._parts(held)
                held = []
            shape = image.shape
            starts_shot = shots.begins_shot(image) or resized
            held.append(ObservedFrame(frame, image, scale, starts_shot))
            if len(held) == self._batch_frames:
                n_frames = self._mark_due(held)
                yield held[:n_frames]
                held = held[n_frames:]
        yield from self._parts(held)

    def _parts(self, held: list[ObservedFrame]) -> Iterator[list[ObservedFrame]]:
        """Yield what is left of frames after which none of their size follows."""
        while held:
            n_frames = self._mark_due(held)
            yield held[:n_frames]
            held = held[n_frames:]

    def _detect(self, before: list[ObservedFrame], group: list[ObservedFrame]) -> None:
        """Find the faces of a group; may add faces to the group before it."""
        due = [frame for frame in group if frame.detector_ran]
        found = self._detector.detect([frame.image for frame in due])
        if self._propagator is not None:
            self._propagator.add(due, found)
            self._propagator.propagate(before, group)
            return
        for frame, faces in zip(due, found, strict=True):
            frame.observations = [Observation(face) for face in faces]

    def _mark_due(self, frames: list[ObservedFrame]) -> int:
        """Mark the frames that the detector runs on in any case.

        Returns:
            How many frames there are up to the last of those; all where there is none.
        """
        every = self._detect_every or self._chosen_interval(frames)
        last = None
        for index, frame in enumerate(frames):
            self._since_detection += 1
            if frame.starts_shot or self._since_detection >= every:
                frame.detector_ran = True
                self._since_detection = 0
                last = index
        if last is None:
            return len(frames)
        # Those after it are counted again, in their own group.
        self._since_detection = 0
        return last + 1

    def _chosen_interval(self, group: list[ObservedFrame]) -> int:
        first_s, last_s = time_s(group[0].frame), time_s(group[-1].frame)
        if len(group) > 1:
            step_s = (last_s - first_s) / (len(group) - 1)
        elif self._batch_frames > 1 or self._last_s is None:
            step_s = 0.0
        else:
            step_s = first_s - self._last_s
        self._last_s = last_s
        interval = 1
        if step_s > 0:
            interval = max(1, min(self._longest_interval, int(LONGEST_INTERVAL_S / step_s)))
        busy = self._propagator is not None and self._propagator.faces_came_or_went
        return max(1, interval // 4) if busy else interval


def _detected(frame: ObservedFrame) -> DetectedFrame:
    detections = to_frame_px((face.detection for face in frame.observations), frame.scale)
    return DetectedFrame(
        frame.frame,
        detections,
        detector_ran=frame.detector_ran,
        starts_shot=frame.starts_shot,
    )
