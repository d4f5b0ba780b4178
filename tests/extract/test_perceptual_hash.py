import cv2
import numpy as np

from facemask_video.core.frame import ImageU8
from facemask_video.extract.perceptual_hash import distances, near_duplicates, perceptual_hash


def _picture(seed: int, side_px: int = 256) -> ImageU8:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return np.asarray(
        cv2.resize(small, (side_px, side_px), interpolation=cv2.INTER_CUBIC), np.uint8
    )


def _apart(a: ImageU8, b: ImageU8) -> int:
    other = np.frombuffer(bytes.fromhex(perceptual_hash(b)), np.uint64)
    return int(distances(perceptual_hash(a), other[None])[0])


def test_a_hash_outlives_scaling_compression_and_light() -> None:
    picture = _picture(1)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])
    compressed = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    smaller = np.asarray(cv2.resize(picture, (100, 100), interpolation=cv2.INTER_AREA), np.uint8)
    darker = (0.6 * picture).astype(np.uint8)

    assert max(_apart(picture, other) for other in (compressed, smaller, darker)) <= 24


def test_different_pictures_are_far_apart() -> None:
    pictures = [_picture(seed) for seed in range(12)]

    assert min(_apart(a, b) for i, a in enumerate(pictures) for b in pictures[:i]) > 80


def test_repeats_are_told_with_the_one_they_repeat_and_never_in_chains() -> None:
    # Each differs by 2 bits from the one before; the third is 4 bits from the first.
    hashes = [f"{bits:064x}" for bits in (0, 0x3, 0xF, 2**256 - 1)]

    assert near_duplicates(hashes, within=2) == [None, 0, None, None]
    assert near_duplicates(hashes, within=4) == [None, 0, 0, None]
    assert near_duplicates(["00" * 32, "00" * 32], within=0) == [None, 0]
    assert near_duplicates([], within=4) == []
