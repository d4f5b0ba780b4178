"""A whole configuration, and what its sections must agree on."""

from dataclasses import dataclass, field
from typing import Literal

from facemask_video.config.settings import check, section, setting
from facemask_video.core.errors import ConfigError
from facemask_video.translate.generator_spec import GeneratorSpec
from trainers.config.data import AugmentationConfig, DataConfig
from trainers.config.methods import (
    CutConfig,
    CycleganConfig,
    ExtrasConfig,
    Pix2pixConfig,
    WarmStartConfig,
)
from trainers.config.networks import (
    DiscriminatorConfig,
    FeaturesConfig,
    StartConfig,
)
from trainers.config.pairs import PairsConfig
from trainers.config.run import OptimConfig, RunConfig

MethodName = Literal["warm-start", "cyclegan", "pix2pix", "cut"]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Everything that decides what a training run does."""

    name: str = setting(
        "run", metavar="NAME", help="Goes into the run folder's name", heading="Method"
    )
    method: MethodName = setting(
        "warm-start", help="How the generators are trained", heading="Method"
    )
    data: DataConfig = section(DataConfig, "Data")
    pairs: PairsConfig = section(PairsConfig, "Pairs of your own, for pix2pix")
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    mask: GeneratorSpec = field(default_factory=GeneratorSpec)
    unmask: GeneratorSpec = field(default_factory=GeneratorSpec)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    optim: OptimConfig = section(OptimConfig, "Optimisers")
    warm_start: WarmStartConfig = field(default_factory=WarmStartConfig)
    cyclegan: CycleganConfig = field(default_factory=CycleganConfig)
    pix2pix: Pix2pixConfig = field(default_factory=Pix2pixConfig)
    cut: CutConfig = field(default_factory=CutConfig)
    extras: ExtrasConfig = field(default_factory=ExtrasConfig)
    features: FeaturesConfig = section(FeaturesConfig, "Features")
    start: StartConfig = field(default_factory=StartConfig)
    run: RunConfig = section(RunConfig, "Run")

    def __post_init__(self) -> None:
        check(self)
        if self.data.load_size_px < self.data.crop_size_px:
            raise ConfigError(
                f"data.load_size_px: got {self.data.load_size_px}, expected at least "
                f"data.crop_size_px, {self.data.crop_size_px}."
            )
        self._refuse_what_has_no_effect()
        if not self.name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise ConfigError(f"name: got {self.name!r}, expected letters, digits, '-', '_', '.'.")
        for direction in ("mask", "unmask"):
            generator: GeneratorSpec = getattr(self, direction)
            depth = generator.n_downsampling if generator.architecture == "unet" else None
            if depth is not None and 2**depth > self.data.crop_size_px:
                raise ConfigError(
                    f"{direction}.n_downsampling: got {depth}, expected at most "
                    f"{self.data.crop_size_px.bit_length() - 1} at {self.data.crop_size_px} px."
                )

    def _refuse_what_has_no_effect(self) -> None:
        """A weight or kind that the method never looks at is a mistake, not a preference."""
        if self.pairs.given and self.method != "pix2pix":
            raise ConfigError(f"pairs: {self.method} learns from no pairs of yours; pix2pix does.")
        if self.pairs.given and (self.data.bare is not None or self.data.masked is not None):
            raise ConfigError("pairs: given beside data.bare or data.masked; give one of the two.")
        if self.features.vggface2 is not None and not self._lambda_perceptual() > 0:
            raise ConfigError(
                f"features.vggface2: {self.method} has no perceptual loss here; set its "
                "lambda_perceptual, or leave the file out."
            )
        if self.features.inception is not None and not self.run.measure_every:
            raise ConfigError(
                "features.inception: nothing is measured; set run.measure_every above 0."
            )
        if self.method == "warm-start" and self.extras != ExtrasConfig():
            raise ConfigError("extras: warm-start adds none to its own losses; leave them at 0.")

    def _lambda_perceptual(self) -> float:
        """Return the weight of the method's perceptual loss; `cut` has none."""
        method = getattr(self, self.method.replace("-", "_"))
        return float(getattr(method, "lambda_perceptual", 0.0))
