import numpy as np
import pytest
import torch

from facemask_video.classify.mask_classifier import MaskClassifier, default_mask_classifier
from tests.trainers.tiny import drawn_crops


@pytest.mark.needs_cuda
def test_a_gpu_scores_as_a_processor_does() -> None:
    images = list(drawn_crops(6, size_px=128).images)

    here, there = (
        MaskClassifier.load(default_mask_classifier(), device=torch.device(name)).masked_scores(
            images
        )
        for name in ("cpu", "cuda")
    )

    np.testing.assert_allclose(there, here, atol=0.02)
