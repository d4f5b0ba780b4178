"""The options of commands that train a small network: the only home of their defaults."""

from dataclasses import dataclass

from facemask_video.config.settings import setting
from trainers.config.faces import TrainingFacesConfig


@dataclass(frozen=True, slots=True)
class SmallNetworkConfig(TrainingFacesConfig):
    """Faces to train on, and how."""

    images: int = setting(40_000, low=1, help="Images to see")
    batch_size: int = setting(64, low=2, help="Images a step")
    seed: int = setting(1, low=0, help="Of weights and samples")
    n_workers: int = setting(1, low=0, help="Processes that prepare samples")
    device: str = setting("auto", help="Where the network runs: auto, cpu, cuda or cuda:N")


@dataclass(frozen=True, slots=True)
class LandmarksConfig(SmallNetworkConfig):
    """The same for the network that places landmarks, which needs more images."""

    images: int = setting(200_000, low=1, help="Images to see")
    batch_size: int = setting(32, low=2, help="Images a step")
