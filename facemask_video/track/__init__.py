"""Faces through time: who is who, and a steady path for each."""

from facemask_video.track.tracker import Tracker, TrackFaces

__all__ = ["TrackFaces", "Tracker"]
