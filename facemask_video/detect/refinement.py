"""Faces scored and placed at given boxes, by O-Net and a landmark network alone.

Each box is tried as several crops, slightly shifted or scaled, and what the networks say of them is
averaged (test-time augmentation). So landmarks jitter less than those of one crop at whole pixels,
fainter faces are found, and it costs a hundredth of a full detection.
"""

import torch
from torch import Tensor

from facemask_video.detect.batching import BatchedMtcnn, normalize
from facemask_video.detect.boxes import apply_regression, landmarks_px, to_squares
from facemask_video.detect.integral_image import Candidates, IntegralImages
from facemask_video.detect.landmarks import CROP_SCALE, INPUT_PX, LandmarkNetwork
from facemask_video.detect.mtcnn import OFFSET_PX

_COARSE = (
    (0.0, 0.0, 0.0),
    (0.12, 0.0, 0.0),
    (-0.12, 0.0, 0.0),
    (0.0, 0.12, 0.0),
    (0.0, -0.12, 0.0),
)
_FINE = ((0.0, 0.0, 0.0), (0.03, 0.03, 0.0), (-0.03, -0.03, 0.0), (0.03, -0.03, 0.03))
_LANDMARKS = _FINE[1:3]
# Crops about a box: shift right, shift down and growth on each side, as parts of its side.


def refine_boxes(
    boxes: Candidates,
    integral: IntegralImages,
    networks: BatchedMtcnn,
    landmark_network: LandmarkNetwork | None,
) -> tuple[Candidates, Tensor]:
    """Score boxes, and place the face near each.

    Args:
        boxes: Where faces may be.
        integral: The images.
        networks: O-Net among them.
        landmark_network: Places the landmarks; O-Net where None.

    Returns:
        The faces, one a box whatever its score, and their landmarks (n, 5, 2). The score is the
        mean over the crops: a face stays one when the crop is moved by an eighth (0.95 and more), a
        pattern that looks like one seldom does (0.75 and less, on the clips this was tried on).
    """
    coarse, _ = _average(boxes, integral, networks, _COARSE)
    faces, landmarks = _average(coarse, integral, networks, _FINE)
    n_coarse, n_fine = len(_COARSE), len(_FINE)
    faces.score = (coarse.score * n_coarse + faces.score * n_fine) / (n_coarse + n_fine)
    if landmark_network is not None:
        landmarks = place_landmarks(faces, integral, landmark_network)
    return faces, landmarks


def _average(
    boxes: Candidates,
    integral: IntegralImages,
    networks: BatchedMtcnn,
    crops: tuple[tuple[float, ...], ...],
) -> tuple[Candidates, Tensor]:
    """Average what O-Net says of several crops about each box, by how much of a face it sees.

    Places weigh by the score of its own last layers, which tell them too, also where a scorer
    tells the face's: with and without one a face is in the same place.
    """
    squares = to_squares(boxes.corners)
    side = squares[:, 2:3] - squares[:, :1]
    shift = torch.tensor(list(crops), device=squares.device)[None] * side[:, None]
    around = squares[:, None] + torch.cat(
        [shift[..., :2] - shift[..., 2:], shift[..., :2] + shift[..., 2:]], dim=2
    )
    n_boxes, n_crops = around.shape[:2]
    tried = Candidates(
        around.reshape(-1, 4),
        torch.zeros(n_boxes * n_crops, device=squares.device),
        boxes.image_index.repeat_interleave(n_crops),
    )
    regression, points, score, own = networks.onet(tried, integral)
    corners = apply_regression(tried.corners, regression).reshape(n_boxes, n_crops, 4)
    landmarks = landmarks_px(tried.corners, points).reshape(n_boxes, n_crops, 10)
    score = score.reshape(n_boxes, n_crops)
    weight = own.reshape(n_boxes, n_crops) ** 2 + 1e-6
    weight = (weight / weight.sum(dim=1, keepdim=True))[..., None]
    faces = Candidates((corners * weight).sum(dim=1), score.mean(dim=1), boxes.image_index)
    return faces, (landmarks * weight).sum(dim=1).reshape(n_boxes, 5, 2)


def place_landmarks(
    faces: Candidates, integral: IntegralImages, network: LandmarkNetwork
) -> Tensor:
    """Return the mean of a network's landmarks (n, 5, 2) over several crops about each face.

    Convention: as MTCNN has boxes, pixels counted from 1.
    """
    squares = to_squares(faces.corners)
    side = (squares[:, 2:3] - squares[:, :1] + 1)[:, None]
    shift = torch.tensor(list(_LANDMARKS), device=squares.device)[None] * side
    reach = shift[..., 2:] + (CROP_SCALE - 1) / 2 * side
    around = squares[:, None] + torch.cat([shift[..., :2] - reach, shift[..., :2] + reach], dim=2)
    # Whole pixels, so that what is cropped is what the points are parts of.
    around = around.round().reshape(-1, 4)
    n_crops = len(_LANDMARKS)
    score = torch.zeros(len(around), device=squares.device)
    tried = Candidates(around, score, faces.image_index.repeat_interleave(n_crops))
    points = network(normalize(integral.crop(tried, INPUT_PX)))
    sides = around[:, 2:] - around[:, :2] + 1
    each = around[:, None, :2] - 1 + points * sides[:, None] + OFFSET_PX
    mean: Tensor = each.reshape(-1, n_crops, 5, 2).mean(dim=1)
    return mean
