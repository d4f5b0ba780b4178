"""Load the networks of an extraction, from a configuration."""

from dataclasses import dataclass

from facemask_video.config import ExtractConfig
from facemask_video.core.frame import VideoInfo
from facemask_video.detect.build import build_detector
from facemask_video.detect.detector import Detector
from facemask_video.detect.size import SMALLEST_FACE_PX
from facemask_video.extract.quality_assessor import NetworkAssessor, QualityAssessor
from facemask_video.extract.videos import LoadFinder
from facemask_video.pipeline.load_networks import Finder, load_finder
from facemask_video.translate.device import pick_device


@dataclass(frozen=True, slots=True)
class Networks:
    """What finds faces in videos and in pictures, and what assesses their crops."""

    load_finder: LoadFinder
    detector: Detector
    assessor: QualityAssessor


def load_networks(config: ExtractConfig) -> Networks:
    """Load what an extraction needs.

    Raises:
        WeightsError: Shipped weights are missing or damaged.
        DeviceError: The device asked for is not there.
    """
    device = pick_device(config.run.device)

    def finder(info: VideoInfo) -> Finder:
        return load_finder(config.detect, info, device)

    detector = build_detector(
        device=device,
        threshold=config.detect.threshold,
        min_face_px=SMALLEST_FACE_PX,
        detector=config.detect.detector,
    )
    return Networks(finder, detector, NetworkAssessor(device, crop_size_px=config.crop.size_px))
