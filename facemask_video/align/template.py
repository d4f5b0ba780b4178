"""Where the five landmarks of a face lie in an aligned crop.

The proportions of the points are those of the frontal face in `facemask_video.core.head`, with the
distance between the eyes set to 0.27 of the crop. So the crop is 3.7 eye distances wide and shows
the whole face: forehead to 1.33, chin (about 1.8) to 2.37 eye distances below the eyes, and both
ears where a mask's straps end.
"""

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.head import FACE_POINTS

ALIGNMENT_ID = "eyes27-v1"
"""Names the template and the fit. Weights say which one they were trained on."""

EYE_DISTANCE = 0.27
"""Between the eye centres, as a fraction of the crop's side."""

EYE_HEIGHT = 0.36
"""Of the eye line below the crop's top, as a fraction of the crop's side."""

TEMPLATE: NDArray[np.float64] = FACE_POINTS * EYE_DISTANCE + np.array([0.5, EYE_HEIGHT])
"""Shape (5, 2), (x, y) as fractions of the crop's side."""

LANDMARK_WEIGHTS: NDArray[np.float64] = np.array([1.0, 1.0, 0.2, 0.15, 0.15])
"""How far the fit trusts each point: under a mask the nose and the mouth are guesses."""
