"""Options of training a styled mask generator."""

from dataclasses import dataclass

from facemask_video.config.settings import Checked, setting


@dataclass(frozen=True, slots=True)
class StyledMaskConfig(Checked):
    """Weights of its losses, and steps of its optimisers."""

    lr: float = setting(4e-4, low=0, low_open=True, help="Step of generator and encoder")
    lr_discriminator: float = setting(2e-4, low=0, low_open=True, help="Step of the discriminator")
    ndf: int = setting(32, low=1, help="Channels of the discriminator's first layer")
    lambda_l1: float = setting(10.0, low=0, help="Weight of the L1 distance to the photograph")
    lambda_edge: float = setting(30.0, low=0, help="Weight of the distance between gradients")
    lambda_region: float = setting(2.0, low=0, help="Weight of where the mask lies")
    lambda_perceptual: float = setting(2.0, low=0, help="Weight of O-Net's features")
    lambda_gan: float = setting(1.0, low=0, help="Weight of the adversary")
    lambda_features: float = setting(100.0, low=0, help="Weight of feature matching")
    lambda_style: float = setting(0.5, low=0, help="Weight of the style read off a transfer")
    lambda_eyes: float = setting(5.0, low=0, help="Weight of cloth over the eyes")
    style_noise: float = setting(0.05, low=0, help="Noise added to a style in training")
    n_transfers: int = setting(6, low=2, help="Faces of a batch that get somebody else's mask")
    gan_from: int = setting(4000, low=0, help="Images seen before the adversary comes in")
    place_from: int = setting(
        8000, low=0, help="Images seen before masks are painted where the generator puts them"
    )
