"""Everything known of a crop, as its row of the manifest."""

from collections.abc import Iterable

from facemask_video.core import geometry
from facemask_video.core.geometry import Points
from facemask_video.extract.crops import CropCandidate
from facemask_video.extract.manifest import ManifestRow, crop_id, source_id
from facemask_video.extract.perceptual_hash import perceptual_hash
from facemask_video.extract.quality import exposure, head_pose
from facemask_video.extract.quality_assessor import Assessment

# A hundredth of a px is below what a detector resolves; shares and scores are given to 4 digits.
_PX_DIGITS, _SHARE_DIGITS, _DEG_DIGITS = 2, 4, 1


def make_row(
    candidate: CropCandidate, assessment: Assessment, *, name: str, sha256: str
) -> ManifestRow:
    """Put together a crop's row; nothing is decided yet, and its file is not written."""
    face, image = candidate.face, candidate.crop.image
    light, pose = exposure(image), head_pose(face.landmarks)
    mask_coverage = assessment.mask_coverage
    return ManifestRow(
        crop=crop_id(source_id(name, sha256), candidate.frame, face.track_id.number),
        file=None,
        source=name,
        source_sha256=sha256,
        frame=candidate.frame,
        pts=candidate.pts,
        time_base=None if candidate.time_base is None else str(candidate.time_base),
        track=face.track_id.number,
        n_faces=candidate.n_faces,
        frame_width_px=candidate.frame_width_px,
        frame_height_px=candidate.frame_height_px,
        box=(_px(face.box.x0), _px(face.box.y0), _px(face.box.x1), _px(face.box.y1)),
        landmarks=_points(face.landmarks),
        crop_landmarks=_points(geometry.apply(candidate.crop.frame_to_crop, face.landmarks)),
        size_px=candidate.crop.size_px,
        face_px=_px(candidate.face_px),
        inside=_share(candidate.inside),
        neighbour=_share(candidate.neighbour),
        score=_share(face.score),
        second_score=_share(assessment.second_score),
        sharpness=_share(candidate.sharpness),
        brightness=_share(light.brightness),
        clipped=_share(light.clipped),
        yaw_deg=round(pose.yaw_deg, _DEG_DIGITS),
        pitch_deg=round(pose.pitch_deg, _DEG_DIGITS),
        roll_deg=round(pose.roll_deg, _DEG_DIGITS),
        domain=assessment.domain,
        domain_score=_share(assessment.domain_score),
        nose_covered=_share(mask_coverage.nose_covered),
        chin_covered=_share(mask_coverage.chin_covered),
        phash=perceptual_hash(image),
    )


def _px(value: float) -> float:
    return round(float(value), _PX_DIGITS)


def _share(value: float) -> float:
    return round(float(value), _SHARE_DIGITS)


def _points(points: Points) -> tuple[tuple[float, float], ...]:
    def both(point: Iterable[float]) -> tuple[float, float]:
        x, y = point
        return _px(x), _px(y)

    return tuple(both(point) for point in points)
