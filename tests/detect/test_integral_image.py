"""Means out of integral images against means taken one by one."""

import numpy as np
import pytest
import torch

from facemask_video.core.frame import ImageU8
from facemask_video.detect.integral_image import Candidates, IntegralImages
from tests.devices import on_every_device

CPU = torch.device("cpu")
HEIGHT, WIDTH = 37, 53


@pytest.fixture
def pictures() -> list[ImageU8]:
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(3)]


def area_resized(image: ImageU8, height: int, width: int) -> torch.Tensor:
    planes = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    return torch.nn.functional.adaptive_avg_pool2d(planes, (height, width))[0]


@on_every_device
def test_reduced_pictures_are_area_means(pictures: list[ImageU8], device: torch.device) -> None:
    integral = IntegralImages(pictures, device)
    reduced = integral.resize(slice(1, 3), (14, 20), range(3, 9), range(2, 20)).cpu()
    for mine, image in zip(reduced, pictures[1:], strict=True):
        torch.testing.assert_close(mine, area_resized(image, 14, 20)[:, 3:9, 2:], atol=1e-3, rtol=0)


@on_every_device
@pytest.mark.parametrize("size_px", [5, 24, 48])
def test_crops_are_area_means_of_what_lies_inside(
    pictures: list[ImageU8], size_px: int, device: torch.device
) -> None:
    # In MTCNN's convention: from 1, both edges included.
    corners = torch.tensor([[3.0, 5, 30, 31], [-8, -3, 20.7, 12.2], [40, 30, 80, 60]])
    picture = torch.tensor([2, 0, 1], device=device)
    found = Candidates(corners.to(device), torch.zeros(3, device=device), picture)
    crops = IntegralImages(pictures, device).crop(found, size_px).cpu()
    inside = [pictures[2][4:31, 2:30], pictures[0][:12, :20], pictures[1][29:, 39:]]
    for mine, part in zip(crops, inside, strict=True):
        torch.testing.assert_close(mine, area_resized(part, size_px, size_px), atol=1e-3, rtol=0)


def test_boxes_beside_the_image_do_not_overlap_it(pictures: list[ImageU8]) -> None:
    corners = torch.tensor([[60.0, 5, 80, 25], [5, -30, 25, -1], [50, 30, 70, 50]])
    found = Candidates(corners, torch.zeros(3), torch.zeros(3, dtype=torch.int64))
    assert IntegralImages(pictures, CPU).overlapping(found).corners.tolist() == [
        corners[2].tolist()
    ]
