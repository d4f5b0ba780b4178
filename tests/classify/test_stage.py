"""Verdicts depend on the face alone, not on what a generator works on."""

from collections.abc import Sequence

import numpy as np
import pytest

from facemask_video.align.crop import cut_crop
from facemask_video.classify.stage import GateFaces
from facemask_video.core.faces import CroppedFrame
from facemask_video.core.frame import ImageU8
from tests.fakes import fake_frames, tracked_at


class Recorder:
    """Keeps what it is shown."""

    crop_size_px = 48

    def __init__(self) -> None:
        self.shown: list[ImageU8] = []

    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        self.shown += images
        return [0.9] * len(images)


@pytest.mark.parametrize("generator_size_px", [32, 48, 96])
def test_the_classifier_sees_the_same_crops_whatever_a_generator_works_on(
    generator_size_px: int,
) -> None:
    classifier = Recorder()
    frames = list(fake_frames(3))
    face = tracked_at(80, 60, 40)
    crops = [CroppedFrame(f, (cut_crop(f, face, generator_size_px),)) for f in frames]

    out = list(GateFaces(classifier, direction=None)(crops))

    assert [item.crops[0].size_px for item in out] == [generator_size_px] * 3
    for frame, shown in zip(frames, classifier.shown, strict=True):
        np.testing.assert_array_equal(shown, cut_crop(frame, face, 48).image)
