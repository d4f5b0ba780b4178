"""A face's path through time: a Kalman filter forward, Rauch-Tung-Striebel backward.

The only file that imports filterpy.
"""

import math

import numpy as np
from filterpy.common import Q_continuous_white_noise
from filterpy.kalman import KalmanFilter
from numpy.typing import NDArray

from facemask_video.track.pose import Pose, PosedFace, Shape, nearest_turn

NOISE_TIME_S = 0.12
"""``kf_noise`` is 20 times the variance, in squared face sizes, by which unforeseen pushes move a
face within this time."""

MEASURED_SIGMA = np.array([0.006, 0.006, 0.010, 0.008])
"""Noise of a detection's centre x and y (face sizes), log size and roll (radians). Still faces of
30 to 110 px, shifted by parts of a px under sensor noise, gave 0.0025-0.005, 0.004-0.009 and
0.005-0.007 after the close look (0.007-0.011, 0.02-0.027 and 0.015-0.028 from MTCNN's own cut);
faces that move and talk have somewhat more."""

SHAPE_SIGMA = 0.015
SHAPE_DRIFT = 0.06
"""Noise of the shape's numbers, and how far they wander in a second as a head turns, in sizes."""

_PUSH_SCALE = np.array([1.0, 1.0, 0.35, 1.0])
# Centre moves freely, size changes slowly: a face needs a second to walk up to the camera.

_ACCELERATES_S = 0.5
# How long an acceleration lasts unless pushed. Were it to last, a face would be foretold far away
# after a second unseen.

_UNREST_MEMORY = 0.25
# Weight of the newest surprise in the running mean that says how restless a head is.
_USUAL_UNREST = 4.0
# Mean of the largest of four squared surprises: 2 where forecasts are as good as they claim; twice
# that is still the noise of a poor picture.

_OUTLIER_SIGMAS = 4.0
_FASTEST = np.array([4.0, 4.0, 1.0, 3.0])
_HARDEST = np.array([12.0, 12.0, 3.0, 9.0])
# Standard deviation of a new face's speed, face sizes, log sizes and radians a second, and of its
# acceleration, the same a second squared.


class Node:
    """One moment of a path: what was foretold, and what is known after looking.

    Attributes:
        time_s: Presentation time.
        prior, posterior: State (12,): the pose's four numbers, each followed by its speed and its
            acceleration.
        shape_prior, shape_posterior: Shape (14,).
        gain: (12, 12), takes a correction of the next moment back to this one.
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
        """Begin with what was foretold; the path fills in the rest."""
        self.time_s = time_s
        self.prior = self.posterior = prior
        self.shape_prior = self.shape_posterior = shape_prior
        self.gain = np.zeros((12, 12))
        self.shape_gain = 0.0


class Path:
    """The path of one face. Call `advance` once a frame, and `observe` where it was seen.

    Centre, log size and roll each move with an acceleration that random pushes change (Singer,
    "Estimating optimal tracking filter performance for manned maneuvering targets", IEEE
    Transactions on Aerospace and Electronic Systems 1970, with the real time between frames), so a
    face that gathers speed is foretold as well as one at rest; noise and pushes scale with the
    face's size. Pushes grow while forecasts keep failing. The shape drifts as a random walk. A
    single measurement far from the foretold pose weighs little; a second one in a row is believed.

    Args:
        first: The face where it was first seen.
        time_s: When.
        kf_noise: Variance of the pushes, > 0; see `NOISE_TIME_S`. Ten times more follows faster, a
            tenth jitters less.
    """

    def __init__(self, first: PosedFace, time_s: float, *, kf_noise: float) -> None:
        """Begin with a first sight."""
        if not kf_noise > 0:
            raise ValueError(f"kf_noise: got {kf_noise}, expected a number above 0.")
        self._density = kf_noise / NOISE_TIME_S**5
        self._size_px = math.exp(first.pose[2])
        self._doubts = 0
        self._unrest = 0.0
        self._filter = KalmanFilter(dim_x=12, dim_z=4)
        self._filter.H = np.kron(np.eye(4), [[1.0, 0.0, 0.0]])
        state = np.zeros(12)
        state[0::3] = first.pose
        self._filter.x = state.copy()
        scale = self._scale()
        spread = np.stack([self._sigma(), _FASTEST * scale, _HARDEST * scale], axis=1)
        self._filter.P = np.diag(spread.ravel() ** 2)
        self._shape_variance = SHAPE_SIGMA**2
        self._before: Node | None = None
        self.newest = Node(time_s, state, first.shape)

    def _scale(self) -> NDArray[np.float64]:
        return np.array([self._size_px, self._size_px, 1.0, 1.0])

    def _sigma(self) -> NDArray[np.float64]:
        return MEASURED_SIGMA * self._scale()

    @property
    def pose(self) -> Pose:
        """The pose of the newest moment, from the past alone."""
        return np.asarray(self.newest.posterior[0::3], dtype=np.float64)

    @property
    def speed_px_s(self) -> NDArray[np.float64]:
        """The speed of the centre (x, y) at the newest moment, from the past alone."""
        return np.asarray(self.newest.posterior[1:5:3], dtype=np.float64)

    def advance(self, time_s: float) -> Node:
        """Go on to a later moment and foretell the face there.

        A time that does not grow (damaged timestamps) counts as one millisecond.
        """
        previous = self._before = self.newest
        step_s = max(time_s - previous.time_s, 1e-3)
        # A calm head is smoothed long; where forecasts keep failing, pushes must be stronger.
        density = self._density * max(1.0, (self._unrest / _USUAL_UNREST) ** 3)
        push = density * (_PUSH_SCALE * self._scale()) ** 2
        transition = np.kron(np.eye(4), moves(step_s))
        noise = np.kron(np.diag(push), Q_continuous_white_noise(3, step_s))
        before = self._filter.P
        self._filter.predict(F=transition, Q=noise)
        previous.gain = before @ transition.T @ np.linalg.inv(self._filter.P)
        drifted = self._shape_variance + SHAPE_DRIFT**2 * step_s
        previous.shape_gain = self._shape_variance / drifted
        self._shape_variance = drifted
        self.newest = Node(time_s, self._filter.x.copy(), previous.shape_posterior)
        return self.newest

    def observe(self, face: PosedFace, *, trust: float = 1.0) -> None:
        """Correct the newest moment by what was seen there.

        Args:
            face: The detection.
            trust: In (0, 1]; half the trust is twice the standard deviation.
        """
        measured = face.pose.copy()
        measured[3] = nearest_turn(float(measured[3]), to=float(self.newest.prior[9]))
        sigma = self._sigma() / trust
        foretold = np.sqrt(np.diag(self._filter.P)[0::3] + sigma**2)
        surprises = (measured - self.newest.prior[0::3]) / foretold
        surprise = float(np.abs(surprises).max())
        bounded = np.clip(surprises, -2 * _OUTLIER_SIGMAS, 2 * _OUTLIER_SIGMAS)
        self._unrest += _UNREST_MEMORY * (float((bounded**2).max()) - self._unrest)
        if surprise > _OUTLIER_SIGMAS and self._doubts == 0:
            sigma = sigma * (surprise / _OUTLIER_SIGMAS) ** 2
            self._doubts = 1
        elif surprise > _OUTLIER_SIGMAS:
            # It moves as nobody foretold: doubt the forecast rather than lag behind.
            doubt = (surprise / _OUTLIER_SIGMAS) ** 2
            self._filter.P = self._filter.P * doubt
            if self._before is not None:
                self._before.gain = self._before.gain / doubt
        else:
            self._doubts = 0
        self._filter.update(measured, R=np.diag(sigma**2))
        self.newest.posterior = self._filter.x.copy()
        self._size_px = math.exp(float(np.clip(self.newest.posterior[6], 0.0, 12.0)))
        shape_sigma = SHAPE_SIGMA / trust
        pull = self._shape_variance / (self._shape_variance + shape_sigma**2)
        self.newest.shape_posterior = self.newest.shape_prior + pull * (
            face.shape - self.newest.shape_prior
        )
        self._shape_variance *= 1 - pull


def moves(step_s: float) -> NDArray[np.float64]:
    """Return the transition matrix of place, speed and acceleration, (3, 3).

    Singer's model (1970): acceleration decays exponentially, with a time constant of
    `_ACCELERATES_S`.
    """
    lasts = _ACCELERATES_S
    keeps = math.exp(-step_s / lasts)
    faster = lasts * (1 - keeps)
    return np.array([[1, step_s, lasts * (step_s - faster)], [0, 1, faster], [0, 0, keeps]])


def smooth(first: int, nodes: list[Node]) -> tuple[Pose, Shape]:
    """Return pose and shape of one moment, knowing everything up to the last.

    The Rauch-Tung-Striebel recursion on the means; the gains were kept on the way forward.

    Args:
        first: Index of the moment asked for.
        nodes: Consecutive moments of one path.
    """
    correction: NDArray[np.float64] = np.zeros(12)
    shape_correction: Shape = np.zeros(14)
    for index in range(len(nodes) - 1, first - 1, -1):
        node = nodes[index]
        if index < len(nodes) - 1:
            later = nodes[index + 1]
            correction = node.gain @ (later.posterior + correction - later.prior)
            shape_correction = node.shape_gain * (
                later.shape_posterior + shape_correction - later.shape_prior
            )
    state = nodes[first].posterior + correction
    return np.asarray(state[0::3]), nodes[first].shape_posterior + shape_correction
