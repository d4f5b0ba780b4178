"""The options of a training run: the only home of their defaults, ranges and choices.

Order of precedence: these defaults, then a TOML file, then what was typed. The names are those of
the CycleGAN family where it has one. Counts are in images seen, not in steps: so they mean the same
at any batch size.
"""

from trainers.config.data import AugmentationConfig, DataConfig
from trainers.config.methods import (
    CutConfig,
    CycleganConfig,
    ExtrasConfig,
    GanMode,
    Pix2pixConfig,
    WarmStartConfig,
)
from trainers.config.networks import (
    DiscriminatorConfig,
    FeaturesConfig,
    StartConfig,
)
from trainers.config.pairs import PairsConfig
from trainers.config.run import LrPolicy, OptimConfig, OptimizerName, RunConfig
from trainers.config.train import MethodName, TrainConfig

__all__ = [
    "AugmentationConfig",
    "CutConfig",
    "CycleganConfig",
    "DataConfig",
    "DiscriminatorConfig",
    "ExtrasConfig",
    "FeaturesConfig",
    "GanMode",
    "LrPolicy",
    "MethodName",
    "OptimConfig",
    "OptimizerName",
    "PairsConfig",
    "Pix2pixConfig",
    "RunConfig",
    "StartConfig",
    "TrainConfig",
    "WarmStartConfig",
]
