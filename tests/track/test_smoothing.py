"""Held against drawn paths: how far from the truth, how steady, how late."""

import sys

import numpy as np
import pytest
from filterpy.common import Q_continuous_white_noise
from filterpy.kalman import KalmanFilter

from facemask_video.core.faces import TrackId
from facemask_video.track import kalman
from facemask_video.track.kalman import PoseFilter, rts_smooth, singer_transition
from facemask_video.track.pose import join_pose, split_pose
from tests.track.drawn import Motion, Place, centre, detection, times, track

# A seventh of a per cent more than a refined detection's own noise on still faces.
NOISE = 0.006


def test_the_filter_is_loaded_without_the_rest_of_its_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "filterpy"]:
        monkeypatch.delitem(sys.modules, name)

    own_filter, noise = kalman._load_filterpy.__wrapped__()

    assert not [name for name in sys.modules if name.partition(".")[0] == "filterpy"]
    assert own_filter.__name__ == KalmanFilter.__name__
    np.testing.assert_array_equal(noise(3, 0.1), Q_continuous_white_noise(3, 0.1))


def wandering(t: float) -> Place:
    """Moves, sways, walks up to the camera and tilts."""
    x = 200 + 90 * t + 55 * t * t + 8 * np.sin(2 * np.pi * 0.7 * t)
    y = 300 + 40 * np.sin(2 * np.pi * 0.4 * t)
    return Place(x, y, 110 * np.exp(0.12 * t), 0.15 * np.sin(2 * np.pi * 0.3 * t))


def accelerating(face_widths_per_s2: float) -> Motion:
    """Gathers speed at a constant rate from rest, comes nearer and turns."""

    def place(t: float) -> Place:
        x = 100.3 + 0.5 * face_widths_per_s2 * 110 * t * t
        return Place(x, 300 + 30 * t, 110 * np.exp(0.12 * t), 0.1 * t - 0.1)

    return place


GENTLE, HARD = accelerating(1), accelerating(6)


def paths(motion: Motion, rate: str, smoothing: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle of the eyes as tracked and as drawn, (n, 2) each."""
    at_s = times(rate, 100 if rate == "vfr" else 3 * int(rate))
    rng = np.random.default_rng(1)
    seen = [[detection(motion(t), rng, noise=NOISE)] for t in at_s]
    faces = track(seen, at_s, smoothing=smoothing)
    assert all(len(found) == 1 and found[0].track_id == TrackId(0) for found in faces)
    tracked = np.array([centre(found[0].landmarks) for found in faces])
    return tracked, np.array([centre(motion(t).landmarks) for t in at_s])


def errors(motion: Motion, rate: str, smoothing: str) -> np.ndarray:
    tracked, drawn = paths(motion, rate, smoothing)
    return tracked - drawn


def lag_frames(motion: Motion, rate: str, smoothing: str) -> int:
    """Return by how many frames the truth must be delayed to be most like the track."""
    tracked, drawn = paths(motion, rate, smoothing)
    inside = np.arange(10, len(drawn) - 10)
    correlation = {
        lag: np.corrcoef(tracked[inside, 0], drawn[inside - lag, 0])[0, 1] for lag in range(-10, 11)
    }
    return max(correlation, key=lambda lag: correlation[lag])


@pytest.mark.parametrize("rate", ["24", "30", "60", "vfr"])
@pytest.mark.parametrize("motion", [GENTLE, HARD, wandering], ids=["gentle", "hard", "wandering"])
def test_smoothed_track_is_near_the_truth_and_steady(motion: Motion, rate: str) -> None:
    raw, smoothed = errors(motion, rate, "none"), errors(motion, rate, "kalman")
    assert np.sqrt((smoothed**2).sum(axis=1).mean()) <= 0.75
    assert np.linalg.norm(np.diff(smoothed, axis=0)) <= 0.25 * np.linalg.norm(np.diff(raw, axis=0))


@pytest.mark.parametrize("rate", ["24", "30", "60", "vfr"])
@pytest.mark.parametrize("motion", [GENTLE, HARD], ids=["gentle", "hard"])
def test_smoothing_does_not_lag_at_constant_acceleration(motion: Motion, rate: str) -> None:
    assert lag_frames(motion, rate, "kalman") == 0
    assert lag_frames(motion, rate, "ema") > 0
    tracked, drawn = paths(motion, rate, "kalman")
    # A track that is late by s seconds is behind by speed times s: fit s, in frames.
    speed = np.gradient(drawn[:, 0])
    assert abs(float(speed @ (tracked - drawn)[:, 0]) / float(speed @ speed)) < 0.1


@pytest.mark.parametrize("pause_s", [400.0, 3600.0, 2e5, 1e10])
def test_a_face_is_followed_after_a_pause_of_any_length(pause_s: float) -> None:
    at_s = [*times("25", 10), *(pause_s + time_s for time_s in times("25", 10))]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        places = [Place(300 + seed % 3 * index, 300, 100) for index in range(20)]
        followed = track([[detection(place, rng, noise=0.02)] for place in places], at_s)
        for (face,), place in zip(followed, places, strict=True):
            np.testing.assert_allclose(face.landmarks, place.landmarks, atol=10)


def test_moving_average_lags_and_none_passes_detections_through() -> None:
    assert np.abs(errors(HARD, "30", "ema")[:, 0]).mean() > 5
    place = Place(40.25, 60.5, 50, 0.2)
    ((face,), *_) = track([[detection(place)]] * 8, times("30", 8), smoothing="none")
    np.testing.assert_allclose(face.landmarks, detection(place).landmarks, atol=1e-4)


def test_nothing_is_rounded_to_whole_pixels() -> None:
    place = Place(40.25, 60.5, 50.3, 0.2)
    faces = track([[detection(place)]] * 12, times("30", 12))
    for (face,) in faces:
        np.testing.assert_allclose(face.landmarks, place.landmarks, atol=1e-3)


def test_pose_and_shape_put_a_face_together_without_loss() -> None:
    rng = np.random.default_rng(3)
    found = detection(Place(31.7, 18.2, 44, 2.9), rng, noise=0.05)
    parts = split_pose(found.box, found.landmarks)
    assert parts is not None
    box, landmarks = join_pose(parts.pose, parts.shape)
    np.testing.assert_allclose(landmarks, found.landmarks, atol=1e-4)
    np.testing.assert_allclose(
        [box.x0, box.y0, box.x1, box.y1],
        [found.box.x0, found.box.y0, found.box.x1, found.box.y1],
        atol=1e-6,
    )


def test_roll_turns_through_a_half_turn_without_a_jump() -> None:
    at_s = times("30", 60)
    seen = [[detection(Place(300, 300, 100, 2.6 + 0.02 * index))] for index in range(60)]
    faces = track(seen, at_s)
    for index, (face,) in enumerate(faces):
        expected = Place(300, 300, 100, 2.6 + 0.02 * index).landmarks
        np.testing.assert_allclose(face.landmarks, expected, atol=1.0)


def test_backward_pass_agrees_with_filterpy() -> None:
    rng = np.random.default_rng(0)
    at_s = times("vfr", 25)
    faces = [
        split_pose(d.box, d.landmarks)
        for d in (detection(Place(100 + 40 * t, 80, 60), rng, noise=0.004) for t in at_s)
    ]
    first, *others = (face for face in faces if face is not None)
    pose_filter = PoseFilter(first, at_s[0], kf_noise=1e-3)
    steps, states, variances, transitions, noises = [pose_filter.newest], [], [], [], []
    inner = pose_filter._filter
    states.append(inner.x.copy())
    variances.append(inner.P.copy())
    for face, t in zip(others, at_s[1:], strict=True):
        before = inner.P.copy()
        steps.append(pose_filter.predict(t))
        step_s = t - steps[-2].time_s
        transition = np.kron(np.eye(4), singer_transition(step_s))
        transitions.append(transition)
        noises.append(inner.P - transition @ before @ transition.T)
        pose_filter.update(face)
        states.append(inner.x.copy())
        variances.append(inner.P.copy())
    reference = KalmanFilter(dim_x=8, dim_z=4)
    expected, *_ = reference.rts_smoother(
        np.array(states),
        np.array(variances),
        Fs=[np.eye(12), *transitions],
        Qs=[np.eye(12), *noises],
    )
    for index in range(len(steps)):
        pose, _ = rts_smooth(index, steps)
        np.testing.assert_allclose(pose, expected[index][0::3], atol=1e-6)


def test_one_wild_detection_is_not_followed() -> None:
    places = [Place(300, 300)] * 40
    seen = [[detection(place)] for place in places]
    seen[20] = [detection(Place(330, 300))]
    faces = track(seen, times("30", 40))
    assert abs(centre(faces[20][0].landmarks)[0] - 300) < 4
    assert abs(centre(faces[18][0].landmarks)[0] - 300) < 2
