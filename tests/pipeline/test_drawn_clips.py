"""Real clips with a real face drawn on known paths, through the real detector, head to end.

Two persons are one face as it is and mirrored in other colours. Numbers and frames of the tracks
must be exactly those that were drawn.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from facemask_video.config import DetectConfig, TracksConfig
from facemask_video.core.frame import ImageU8
from facemask_video.pipeline.load_networks import load_finder
from facemask_video.pipeline.timing import StageStack
from facemask_video.pipeline.track_source import track_faces
from facemask_video.video import VideoReader
from tests.synthetic import encode_clip

WIDTH_PX, HEIGHT_PX, RATE = 480, 270, 25
SAMPLE = Path(__file__).parents[2] / "samples" / "astronaut.mp4"

Cast = Sequence[tuple[int, float, float]]
"""Who is drawn in a frame, the one in front last: person, x and y of the face's middle."""


@cache
def person(number: int) -> ImageU8:
    """Return a head, 120 px wide."""
    with VideoReader(SAMPLE) as reader:
        image, _ = next(iter(reader)).thumbnail(640)
    head = cv2.resize(image[10:226, 206:386], (120, 144), interpolation=cv2.INTER_AREA)
    if number == 1:
        head = cv2.convertScaleAbs(head[:, ::-1, ::-1], alpha=0.75, beta=10)
    return np.ascontiguousarray(head, dtype=np.uint8)


def backdrop(number: int) -> NDArray[np.float32]:
    """Return a soft, faceless scene."""
    coarse = np.random.default_rng(number).uniform(60, 200, (4, 7, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC))


def drawn(scene: int, cast: Cast) -> ImageU8:
    """Draw persons over a scene, by parts of a pixel."""
    image = backdrop(scene).copy()
    for number, x, y in cast:
        head = person(number).astype(np.float32)
        height, width = head.shape[:2]
        rows, columns = np.indices((height, width)) + 0.5
        apart = np.hypot((columns - width / 2) / (width / 2), (rows - height / 2) / (height / 2))
        alpha = np.clip((1 - apart) * 8, 0, 1).astype(np.float32)
        shift = np.array([[1, 0, x - width / 2], [0, 1, y - height / 2]])
        layer = cv2.warpAffine(head, shift, (WIDTH_PX, HEIGHT_PX))
        opacity = cv2.warpAffine(alpha, shift, (WIDTH_PX, HEIGHT_PX))[..., None]
        image += opacity * (layer - image)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def followed(path: Path, frames: Sequence[ImageU8]) -> dict[int, dict[int, float]]:
    """Encode a clip and return, by track and frame, the x of each face."""
    encode_clip(path, list(frames), rate=RATE)
    seen: dict[int, dict[int, float]] = defaultdict(dict)
    with VideoReader(path) as reader, StageStack() as stages:
        finder = load_finder(DetectConfig(), reader.info, torch.device("cpu"))
        for item in track_faces(reader, TracksConfig(), stages, finder):
            for face in item.faces:
                seen[face.track_id.person][item.frame.index] = float(face.landmarks[:2, 0].mean())
    return dict(seen)


def near(xs: dict[int, float], path: Callable[[int], float], *, by_px: float = 12) -> bool:
    """Tell whether a track lies on a path, up to where in the head the eyes are."""
    away = np.array([x - path(index) for index, x in xs.items()])
    return bool(np.abs(away - np.median(away)).max() < by_px)


@pytest.mark.parametrize(
    ("step_px", "apart_px"), [(6.5, 60), (4, 0)], ids=["half beside", "behind"]
)
def test_two_people_who_cross_keep_their_numbers(
    step_px: float, apart_px: float, tmp_path: Path
) -> None:
    def right(index: int) -> float:
        return 110 + step_px * index

    def left(index: int) -> float:
        return 370 - step_px * index

    n_frames = int(270 / step_px)
    frames = [
        drawn(0, [(0, left(i), 135 + apart_px / 2), (1, right(i), 135 - apart_px / 2)])
        for i in range(n_frames)
    ]

    tracks = followed(tmp_path / "crossing.mkv", frames)

    assert len(tracks) == 2
    assert all(sorted(xs) == list(range(n_frames)) for xs in tracks.values())
    ways = [[near(xs, way) for way in (left, right)] for xs in tracks.values()]
    assert sorted(ways) == [[False, True], [True, False]]


def test_half_a_second_behind_a_card_is_bridged_in_every_frame(tmp_path: Path) -> None:
    def walk(index: int) -> float:
        return 200 + index

    frames = []
    for index in range(45):
        frame = drawn(1, [(0, walk(index), 135)])
        if index in range(16, 28):
            frame[75:205, 165:285] = (170, 160, 150)
        frames.append(frame)

    tracks = followed(tmp_path / "occlusion.mkv", frames)

    assert len(tracks) == 1
    ((_, xs),) = tracks.items()
    assert sorted(xs) == list(range(45))
    assert near(xs, walk)


@pytest.mark.parametrize("step_px", [5, 8])
def test_who_walks_behind_a_pillar_comes_forth_with_the_same_number(
    step_px: float, tmp_path: Path
) -> None:
    def walk(index: int) -> float:
        return 70 + step_px * index

    n_frames = int(350 / step_px)
    frames = []
    for index in range(n_frames):
        frame = drawn(1, [(0, walk(index), 135)])
        frame[:, 170:280] = (70, 90, 80)
        frames.append(frame)

    tracks = followed(tmp_path / "pillar.mkv", frames)

    assert [sorted(xs) for xs in tracks.values()] == [list(range(n_frames))]
    # Half of a head is found up to an eighth of a face beside the middle of the whole.
    assert near(tracks[0], walk, by_px=18)


def test_a_cut_ends_a_track_and_begins_another_in_its_first_frame(tmp_path: Path) -> None:
    frames = [drawn(2, [(0, 160 + i, 135)]) for i in range(20)]
    frames += [drawn(3, [(0, 180 + i, 135)]) for i in range(20)]

    tracks = followed(tmp_path / "cut.mkv", frames)

    assert sorted(sorted(xs) for xs in tracks.values()) == [list(range(20)), list(range(20, 40))]


@pytest.mark.parametrize("there", [range(11, 37), range(7, 50)], ids=str)
def test_a_face_is_followed_from_its_first_frame_to_its_last(there: range, tmp_path: Path) -> None:
    frames = [
        drawn(4, [(0, 130, 130), *([(1, 330, 140)] if index in there else [])])
        for index in range(50)
    ]

    tracks = followed(tmp_path / "enter.mkv", frames)

    found = sorted(sorted(xs) for xs in tracks.values())
    assert found == sorted([list(range(50)), list(there)])
