"""What the output shows: the result alone, or beside its source and its alpha."""

import numpy as np

from facemask_video.core.faces import BlendedFrame
from facemask_video.core.frame import AlphaF32, Frame
from facemask_video.video import beside, grey_frame

COLUMNS = {"result": 1, "side-by-side": 2, "triple": 3}
"""Pictures side by side in each layout."""


def lay_out(blended: BlendedFrame, layout: str) -> Frame:
    """Return the frame to encode; ``result`` passes the blended frame on untouched."""
    if layout == "result":
        return blended.frame
    pictures = [blended.source, blended.frame]
    if layout == "triple":
        pictures.append(grey_frame(blended.source, alpha_of(blended)))
    return beside(pictures)


def alpha_of(blended: BlendedFrame) -> AlphaF32:
    """Return the alpha of all pasted faces over the whole frame, shape (height, width)."""
    frame = blended.frame
    alpha = np.zeros((frame.height_px, frame.width_px), dtype=np.float32)
    for face in blended.pasted:
        box = face.patch.box
        part = alpha[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
        np.maximum(part, face.patch.alpha, out=part)
    return alpha
