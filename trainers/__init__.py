"""Build the generators that facemask-video converts with, from aligned face crops."""

# Before torch, which reads once how its threads are to wait.
import facemask_video  # noqa: F401
