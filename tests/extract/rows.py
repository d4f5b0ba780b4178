"""Rows of a manifest, made up."""

import hashlib
from typing import Any

from facemask_video.extract.manifest import ManifestRow, crop_id, picture_path

_LANDMARKS = ((93.0, 92.0), (162.0, 92.0), (128.0, 131.0), (99.0, 172.0), (156.0, 172.0))


def make_row(
    frame: int = 0, track: int = 0, source_id: str = "clip-0123456789", **other: Any
) -> ManifestRow:
    """Return a row that every filter keeps, but for what is said otherwise."""
    crop = crop_id(source_id, frame, track)
    values: dict[str, Any] = {
        "crop": crop,
        "file": picture_path("crops", crop, ".png"),
        "source": f"{source_id}.mp4",
        "source_sha256": source_id[-10:] * 6 + "0000",
        "frame": frame,
        "pts": 512 * frame,
        "time_base": "1/12800",
        "track": track,
        "n_faces": 1,
        "frame_width_px": 640,
        "frame_height_px": 360,
        "box": (100.0, 50.5, 220.0, 200.5),
        "landmarks": tuple((x + 40, y + 10) for x, y in _LANDMARKS),
        "crop_landmarks": _LANDMARKS,
        "size_px": 256,
        "face_px": 134.2,
        "inside": 1.0,
        "neighbour": 0.0,
        "score": 0.99,
        "second_score": 0.99,
        "sharpness": 0.5,
        "brightness": 0.5,
        "clipped": 0.0,
        "yaw_deg": 0.0,
        "pitch_deg": 0.0,
        "roll_deg": 0.0,
        "domain": "bare",
        "domain_score": 0.99,
        "nose_covered": None,
        "chin_covered": None,
        "phash": hashlib.sha256(crop.encode()).hexdigest(),
    }  # fmt: skip
    return ManifestRow(**{**values, **other})
