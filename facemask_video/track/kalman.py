"""The filter of a face's pose: Kalman forward, Rauch-Tung-Striebel backward.

The only file that imports filterpy, and not before there is a face.
"""

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facemask_video.track.pose import Pose, PosedFace, Shape, unwrap_roll

NOISE_TIME_S = 0.12
"""``kf_noise`` is 20 times the variance, in squared face sizes, by which random accelerations move
a face within this time."""

MEASURED_SIGMA = np.array([0.006, 0.006, 0.010, 0.008])
"""Noise of a detection's centre x and y (face sizes), log size and roll (radians). Still faces of
30 to 110 px, shifted by parts of a px under sensor noise, gave 0.0025-0.005, 0.004-0.009 and
0.005-0.007 after the refinement (0.007-0.011, 0.02-0.027 and 0.015-0.028 from MTCNN's own crop);
faces that move and talk have somewhat more."""

SHAPE_SIGMA = 0.015
SHAPE_DRIFT = 0.06
"""Noise of the shape's numbers, and how far they wander in a second as a head turns, in sizes."""

_NOISE_SCALE = np.array([1.0, 1.0, 0.35, 1.0])
# Centre moves freely, size changes slowly: a face needs a second to walk up to the camera.

_ACCELERATION_TIME_S = 0.5
# Time constant of an acceleration. Were it to last, a face would be predicted far away after a
# second unseen.

_LONGEST_STEP_S = 10.0
# A face may then be thousands of its sizes away, and after minutes rounding is all that is left.

_NIS_MEMORY = 0.25
# Weight of the newest in the running mean of the largest normalised innovation squared.
_USUAL_NIS = 4.0
# Mean of the largest of four: 2 where predictions are as good as they claim; twice that is still
# the noise of a poor picture.

_OUTLIER_SIGMAS = 4.0
_INITIAL_SPEED = np.array([4.0, 4.0, 1.0, 3.0])
_INITIAL_ACCELERATION = np.array([12.0, 12.0, 3.0, 9.0])
# Standard deviation of a new face's speed, face sizes, log sizes and radians a second, and of its
# acceleration, the same a second squared.


class FilterStep:
    """The filter at one frame: what was predicted, and what is known after the observation.

    Attributes:
        time_s: Presentation time.
        prior, posterior: State (12,): the pose's four numbers, each followed by its speed and its
            acceleration.
        shape_prior, shape_posterior: Shape (14,).
        gain: (12, 12), the smoother's gain from the next step back to this one.
        shape_gain: The same for the shape.
    """

    __slots__ = (
        "gain",
        "posterior",
        "prior",
        "shape_gain",
        "shape_posterior",
        "shape_prior",
        "time_s",
    )

    def __init__(self, time_s: float, prior: NDArray[np.float64], shape_prior: Shape) -> None:
        self.time_s = time_s
        self.prior = self.posterior = prior
        self.shape_prior = self.shape_posterior = shape_prior
        self.gain = np.zeros((12, 12))
        self.shape_gain = 0.0


class PoseFilter:
    """The filter of one face. Call `predict` once a frame, and `update` where it was detected.

    Centre, log size and roll each move with an acceleration that random noise changes (Singer,
    "Estimating optimal tracking filter performance for manned maneuvering targets", IEEE
    Transactions on Aerospace and Electronic Systems 1970, with the real time between frames), so a
    face that gathers speed is predicted as well as one at rest; the noises scale with the face's
    size. Process noise grows while predictions keep failing. The shape drifts as a random walk. A
    single measurement far from the prediction weighs little; a second one in a row is believed.

    Attributes:
        newest: The step of the newest frame.

    Args:
        first: The face where it was first detected.
        time_s: When.
        kf_noise: Process noise, > 0; see `NOISE_TIME_S`. Ten times more follows faster, a tenth
            jitters less.
    """

    def __init__(self, first: PosedFace, time_s: float, *, kf_noise: float) -> None:
        if not kf_noise > 0:
            raise ValueError(f"kf_noise: got {kf_noise}, expected a number above 0.")
        kalman_filter, _ = _load_filterpy()
        self._density = kf_noise / NOISE_TIME_S**5
        self._size_px = math.exp(first.pose[2])
        self._outlier_before = False
        self._mean_nis = 0.0
        self._filter = kalman_filter(dim_x=12, dim_z=4)
        self._filter.H = np.kron(np.eye(4), [[1.0, 0.0, 0.0]])
        state = np.zeros(12)
        state[0::3] = first.pose
        self._filter.x = state.copy()
        scale = self._scale()
        sigmas = [self._sigma(), _INITIAL_SPEED * scale, _INITIAL_ACCELERATION * scale]
        self._filter.P = np.diag(np.stack(sigmas, axis=1).ravel() ** 2)
        self._shape_variance = SHAPE_SIGMA**2
        self._before: FilterStep | None = None
        self.newest = FilterStep(time_s, state, first.shape)

    def _scale(self) -> NDArray[np.float64]:
        return np.array([self._size_px, self._size_px, 1.0, 1.0])

    def _sigma(self) -> NDArray[np.float64]:
        return MEASURED_SIGMA * self._scale()

    @property
    def pose(self) -> Pose:
        """The pose of the newest step, from the past alone."""
        return np.asarray(self.newest.posterior[0::3], dtype=np.float64)

    @property
    def speed_px_s(self) -> NDArray[np.float64]:
        """The speed of the centre (x, y) at the newest step, from the past alone."""
        return np.asarray(self.newest.posterior[1:5:3], dtype=np.float64)

    def predict(self, time_s: float) -> FilterStep:
        """Go on to a later frame.

        A time that does not grow (damaged timestamps) counts as one millisecond, and a pause of
        more than ten seconds as ten.
        """
        previous = self._before = self.newest
        step_s = min(max(time_s - previous.time_s, 1e-3), _LONGEST_STEP_S)
        # A calm head is smoothed long; where predictions keep failing, noise must be stronger.
        density = self._density * max(1.0, (self._mean_nis / _USUAL_NIS) ** 3)
        spectral_density = density * (_NOISE_SCALE * self._scale()) ** 2
        transition, unit_noise = _motion(step_s)
        noise = np.kron(np.diag(spectral_density), unit_noise)
        before = self._filter.P
        self._filter.predict(F=transition, Q=noise)
        previous.gain = before @ transition.T @ np.linalg.inv(self._filter.P)
        drifted = self._shape_variance + SHAPE_DRIFT**2 * step_s
        previous.shape_gain = self._shape_variance / drifted
        self._shape_variance = drifted
        self.newest = FilterStep(time_s, self._filter.x.copy(), previous.shape_posterior)
        return self.newest

    def update(self, face: PosedFace, *, trust: float = 1.0) -> None:
        """Correct the newest step by what was detected there.

        Args:
            face: The detection.
            trust: In (0, 1]; half the trust is twice the standard deviation.
        """
        measured = face.pose.copy()
        measured[3] = unwrap_roll(float(measured[3]), near=float(self.newest.prior[9]))
        sigma = self._doubted(measured, self._sigma() / trust)
        self._filter.update(measured, R=np.diag(sigma**2))
        self.newest.posterior = self._filter.x.copy()
        self._size_px = math.exp(float(np.clip(self.newest.posterior[6], 0.0, 12.0)))
        self._update_shape(face.shape, SHAPE_SIGMA / trust)

    def _doubted(
        self, measured: NDArray[np.float64], sigma: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the noise to take a measurement with: more for an outlier.

        Of a second outlier in a row the prediction is doubted instead: the face moves as nobody
        predicted, and the filter should not lag behind.
        """
        expected = np.sqrt(np.diag(self._filter.P)[0::3] + sigma**2)
        innovations = (measured - self.newest.prior[0::3]) / expected
        bounded = np.clip(innovations, -2 * _OUTLIER_SIGMAS, 2 * _OUTLIER_SIGMAS)
        self._mean_nis += _NIS_MEMORY * (float((bounded**2).max()) - self._mean_nis)
        largest = float(np.abs(innovations).max())
        if largest <= _OUTLIER_SIGMAS:
            self._outlier_before = False
            return sigma
        doubt = (largest / _OUTLIER_SIGMAS) ** 2
        if not self._outlier_before:
            self._outlier_before = True
            return sigma * doubt
        self._filter.P = self._filter.P * doubt
        if self._before is not None:
            self._before.gain = self._before.gain / doubt
        return sigma

    def _update_shape(self, shape: Shape, sigma: float) -> None:
        gain = self._shape_variance / (self._shape_variance + sigma**2)
        prior = self.newest.shape_prior
        self.newest.shape_posterior = prior + gain * (shape - prior)
        self._shape_variance *= 1 - gain


@lru_cache(maxsize=64)
def _motion(step_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the transition of the whole state, (12, 12), and the noise of each of its parts.

    A clip's frames are mostly one step apart.
    """
    _, continuous_white_noise = _load_filterpy()
    transition = np.asarray(np.kron(np.eye(4), singer_transition(step_s)), np.float64)
    noise = np.asarray(continuous_white_noise(3, step_s), np.float64)
    for each in (transition, noise):
        each.setflags(write=False)
    return transition, noise


def singer_transition(step_s: float) -> NDArray[np.float64]:
    """Return the transition matrix of place, speed and acceleration, (3, 3).

    Singer's model (1970): acceleration decays exponentially, with a time constant of
    `_ACCELERATION_TIME_S`.
    """
    time_s = _ACCELERATION_TIME_S
    kept = math.exp(-step_s / time_s)
    gained = time_s * (1 - kept)
    return np.array([[1, step_s, time_s * (step_s - gained)], [0, 1, gained], [0, 0, kept]])


def rts_smooth(first: int, steps: list[FilterStep]) -> tuple[Pose, Shape]:
    """Return pose and shape of one step, knowing everything up to the last.

    The recursion of Rauch, Tung and Striebel ("Maximum likelihood estimates of linear dynamic
    systems", AIAA Journal 1965) on the means; the gains were kept on the way forward.

    Args:
        first: Index of the step asked for.
        steps: Consecutive steps of one filter.
    """
    correction: NDArray[np.float64] = np.zeros(12)
    shape_correction: Shape = np.zeros(14)
    for index in range(len(steps) - 1, first - 1, -1):
        step = steps[index]
        if index < len(steps) - 1:
            later = steps[index + 1]
            correction = step.gain @ (later.posterior + correction - later.prior)
            shape_correction = step.shape_gain * (
                later.shape_posterior + shape_correction - later.shape_prior
            )
    state = steps[first].posterior + correction
    return np.asarray(state[0::3]), steps[first].shape_posterior + shape_correction


@lru_cache(maxsize=1)
def _load_filterpy() -> tuple[Callable[..., Any], Callable[..., NDArray[np.float64]]]:
    """Return filterpy's Kalman filter and its process noise.

    filterpy imports all it has at once, with scipy's statistics, which takes more than half a
    second of processor time at the first face. What is used here needs none of that.
    """
    # Nobody asks for likelihoods.
    with _hollow_packages(
        {"filterpy": {}, "filterpy.kalman": {}, "filterpy.stats": {"logpdf": None}}
    ):
        from filterpy.common import Q_continuous_white_noise
        from filterpy.kalman.kalman_filter import KalmanFilter
    return KalmanFilter, Q_continuous_white_noise


@contextmanager
def _hollow_packages(contents: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """Let modules of packages be imported without what the packages import themselves.

    Whoever imports the packages later gets them whole.

    Args:
        contents: All that there is in each package besides its modules, the outermost first.
    """
    root = next(iter(contents))
    spec = find_spec(root)
    if spec is None or any(_is_of(name, root) for name in sys.modules):
        # Not there, which the import says; or there as a whole already.
        yield
        return
    for name, attributes in contents.items():
        package = ModuleType(name)
        inner = name.split(".")[1:]
        folders = spec.submodule_search_locations or ()
        package.__path__ = [str(Path(folder, *inner)) for folder in folders]
        vars(package).update(attributes)
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in [name for name in sys.modules if _is_of(name, root)]:
            del sys.modules[name]


def _is_of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
