"""Flicker, warping error, jitter and lost frames, on clips that have them by design."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from facemask_video.align.template import TEMPLATE
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import TrackedFace, TrackId
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.track.sidecar import SidecarFace, SidecarWriter
from facemask_video.video import VideoReader
from tests.synthetic import encode_clip
from trainers.evaluate.clips import find_clips, measure_clip, pool_clips
from trainers.evaluate.measurement import Context, mean_measurement
from trainers.evaluate.temporal import box_jitter_px, measure_stability, read_clip

SIDE = 96
N_FRAMES = 8
LOSSLESS = {"codec": "ffv1", "pix_fmt": "bgr0"}


def faces(n: int = N_FRAMES) -> list[ImageU8]:
    """A textured square that drifts, as a face does, under a camera's noise."""
    rng = np.random.default_rng(0)
    texture = cv2.resize(rng.integers(60, 200, (14, 14, 3), dtype=np.uint8), (SIDE, SIDE))
    frames = []
    for index in range(n):
        frame = np.full((128, 144, 3), 90, np.uint8)
        frame[16 : 16 + SIDE, 10 + index : 10 + index + SIDE] = texture
        noise = rng.integers(-4, 5, frame.shape)
        frames.append((frame + noise).astype(np.uint8))
    return frames


def painted(frames: Sequence[ImageU8], *, flicker: float = 0.0) -> list[ImageU8]:
    """Cover the lower half of the face, in another brightness each frame where it flickers."""
    rng = np.random.default_rng(1)
    made = []
    for index, frame in enumerate(frames):
        lower = frame[64:110, 12 + index : 8 + index + SIDE].astype(float)
        lower = 255 - lower + flicker * rng.uniform(-1, 1)
        output = frame.copy()
        output[64:110, 12 + index : 8 + index + SIDE] = lower.clip(0, 255)
        made.append(output)
    return made


def write_clip(
    folder: Path, outputs: Sequence[ImageU8], *, pts: Sequence[int] | None = None
) -> tuple[Path, Path, Path]:
    source = encode_clip(folder / "in" / "clip.mkv", faces(), **LOSSLESS)
    output = encode_clip(folder / "out" / "clip.mkv", outputs, pts=pts, **LOSSLESS)
    tracks = folder / "out" / "clip.jsonl"
    with VideoReader(source) as reader, SidecarWriter(tracks, source={}) as sidecar:
        for frame in reader:
            corner = np.array([10 + frame.index, 16])
            points = (TEMPLATE * SIDE + corner).astype(np.float32)
            x0, y0 = (float(each) for each in corner)
            face = TrackedFace(
                TrackId(0), Box(x0, y0, x0 + SIDE, y0 + SIDE), points, 0.9, observed=True
            )
            sidecar.write(frame, (SidecarFace(face, face.box),))
        sidecar.finish()
    return source, output, tracks


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()


def measured(folder: Path, outputs: Sequence[ImageU8]) -> dict[str, float]:
    clip = read_clip(*write_clip(folder, outputs))
    figures = measure_stability("clip", clip, Context("clip/clip", "clip", "", 1))
    return {figure.name: figure.value for figure in figures}


def test_a_steady_output_flickers_no_more_than_its_source(tmp_path: Path) -> None:
    found = measured(tmp_path, painted(faces()))
    assert found["frames_missing"] == 0
    assert found["flicker_ratio"] == pytest.approx(1, abs=0.3)
    assert found["box_jitter_px"] == pytest.approx(0, abs=0.01)


def test_random_flicker_is_found(tmp_path: Path) -> None:
    steady = measured(tmp_path, painted(faces()))
    flickering = measured(tmp_path, painted(faces(), flicker=25))
    assert flickering["flicker_ratio"] > 3 * steady["flicker_ratio"]
    assert flickering["warping_error"] > 3 * steady["warping_error"]
    assert flickering["flicker_source"] == pytest.approx(steady["flicker_source"], rel=0.3)


def test_dropped_frames_are_found(tmp_path: Path) -> None:
    outputs, pts = painted(faces()), list(range(N_FRAMES))
    for lost in (5, 2):
        del outputs[lost], pts[lost]
    write_clip(tmp_path, outputs, pts=pts)
    (clip,) = find_clips(tmp_path / "in", tmp_path / "out")
    figures = {f.name: f for f in measure_clip(clip, max_frames=0, seed=1)}
    assert figures["frames_missing"].value == 2
    assert figures["file_checks_failed_share"].value > 0
    assert "frames" in figures["file_checks_failed_share"].context.features


def test_clips_are_pooled_over_their_tracks() -> None:
    clips = [Context(f"clip/{name}", name, "", 1) for name in ("a", "b")]
    each = [
        mean_measurement("flicker_ratio", samples, about, better="lower")
        for samples, about in zip(({"t0": 1.0, "t1": 2.0}, {"t0": 3.0}), clips, strict=True)
    ]
    (pooled,) = pool_clips(each, seed=1)
    assert (pooled.value, pooled.n, pooled.context.group) == (2.0, 3, "clips/all")
    assert pooled.standard_error is not None
    assert each[1].standard_error is None


def test_an_untouched_clip_has_no_flicker_to_speak_of(tmp_path: Path) -> None:
    found = measured(tmp_path, faces())
    assert "flicker_ratio" not in found
    assert found["frames_missing"] == 0


def test_an_output_of_another_size_is_refused(tmp_path: Path) -> None:
    wide = [np.hstack([frame, frame]) for frame in faces()]
    with pytest.raises(ConfigError, match=r"288x128 px, those of .* 144x128"):
        read_clip(*write_clip(tmp_path, wide))


def test_an_output_of_another_time_is_refused(tmp_path: Path) -> None:
    late = write_clip(tmp_path, faces(), pts=range(1000, 1000 + N_FRAMES))
    with pytest.raises(ConfigError, match="no frame stands at any time"):
        read_clip(*late)


def test_clips_without_tracks_or_partners_are_named(tmp_path: Path) -> None:
    write_clip(tmp_path, faces())
    (tmp_path / "out/clip.jsonl").unlink()
    with pytest.raises(ConfigError, match=r"no tracks of clip\.mkv; convert it with --tracks-out"):
        find_clips(tmp_path / "in", tmp_path / "out")
    (tmp_path / "out/clip.mkv").unlink()
    with pytest.raises(ConfigError, match="holds no conversion of a video"):
        find_clips(tmp_path / "in", tmp_path / "out")
    with pytest.raises(ConfigError, match="no such folder"):
        find_clips(tmp_path / "nowhere", tmp_path / "out")


def boxes(centers: np.ndarray) -> list[TrackedFace]:
    points = (TEMPLATE * 20).astype(np.float32)
    return [
        TrackedFace(TrackId(0), Box(x - 10, y - 10, x + 10, y + 10), points, 0.9, observed=True)
        for x, y in centers
    ]


def test_jitter_is_the_deviation_of_the_noise_on_a_moving_box() -> None:
    steps = np.arange(400)[:, None] * np.array([1.5, -0.5]) + 300
    noisy = steps + np.random.default_rng(0).normal(0, 2.0, steps.shape)
    assert box_jitter_px(boxes(steps), range(400)) == pytest.approx(0, abs=1e-9)
    assert box_jitter_px(boxes(noisy), range(400)) == pytest.approx(2.0, rel=0.1)
    assert box_jitter_px(boxes(steps[:3]), [0, 1, 3]) is None


def test_a_conversion_of_a_part_is_compared_from_its_own_beginning(tmp_path: Path) -> None:
    part = write_clip(tmp_path, painted(faces()), pts=range(1000, 1000 + N_FRAMES))

    clip = read_clip(*part, max_frames=5, begin_together=True)

    assert (clip.n_frames, clip.n_missing) == (5, 0)
    ((frames),) = clip.tracks.values()
    assert [frame.index for frame in frames] == list(range(5))
