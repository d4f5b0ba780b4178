"""Faces through time: who is who, and a steady path for each."""

from facemask_video.track.sidecar import (
    Sidecar,
    SidecarFace,
    SidecarFrame,
    SidecarWriter,
    check_source,
    describe_source,
)
from facemask_video.track.stage import ReplayTracks, SelectFaces, TrackFaces
from facemask_video.track.tracker import Tracker

__all__ = [
    "ReplayTracks",
    "SelectFaces",
    "Sidecar",
    "SidecarFace",
    "SidecarFrame",
    "SidecarWriter",
    "TrackFaces",
    "Tracker",
    "check_source",
    "describe_source",
]
