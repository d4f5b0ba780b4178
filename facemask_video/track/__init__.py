"""Faces through time: who is who, and a steady path for each."""

from facemask_video.track.overlay import overlay
from facemask_video.track.replay import ReplayTracks, check_source, describe_source
from facemask_video.track.select import FaceChoice, SelectFaces
from facemask_video.track.sidecar import (
    Sidecar,
    SidecarFace,
    SidecarFrame,
    SidecarWriter,
    read_sidecar,
)
from facemask_video.track.tracker import Tracker, TrackFaces

__all__ = [
    "FaceChoice",
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
    "overlay",
    "read_sidecar",
]
