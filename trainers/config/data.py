"""What is trained on, and how far it is varied."""

from dataclasses import dataclass
from typing import Literal

from facemask_video.config.settings import check, setting
from trainers.config.faces import TrainingFacesConfig


@dataclass(frozen=True, slots=True)
class DataConfig(TrainingFacesConfig):
    """What is trained on."""

    crop_size_px: int = setting(
        128, low=16, flags=("--crop-size",), metavar="PX", help="Side of the pictures trained on"
    )
    load_size_px: int = setting(
        160,
        low=16,
        flags=("--load-size",),
        metavar="PX",
        help="Side that crops are kept at, larger so that jitter does not blur",
    )
    undrawn: float = setting(
        0.12, low=0, high=1, help="Share of drawn pairs left without a mask, to be kept as they are"
    )
    real_fabric: float = setting(
        0.3, low=0, high=1, help="Share of drawn masks with the fabric of a real one"
    )
    mask_learns: Literal["surgical", "varied"] = setting(
        "surgical",
        help="Masks drawn for the mask generator to put on: one kind or every kind",
    )
    unmask_learns: Literal["surgical", "varied"] = setting(
        "varied",
        help="Masks drawn for the unmask generator to take off, real fabric aside",
    )
    wearing_wrong: float = setting(
        0.06,
        low=0,
        high=1,
        former_key="worn_wrong",
        help="Share of the varied masks to take off that leave the nose free",
    )
    wearing_high: float = setting(
        0.1,
        low=0,
        high=1,
        former_key="worn_high",
        help="Share of the varied masks to take off that reach up to the eyes",
    )
    wearing_loose: float = setting(
        0.0,
        low=0,
        high=1,
        former_key="worn_loose",
        help="Share of the varied masks that stand off a turned head's far cheek",
    )
    garments: float = setting(
        0.0,
        low=0,
        high=1,
        help="Share of masks to take off that come with a garment of their cloth",
    )
    turned: float = setting(
        0.0,
        low=0,
        high=1,
        help="Share of bare faces drawn from the fifth turned farthest; not with serial-batches",
    )
    serial_batches: bool = setting(
        False, help="Show the faces in the order of their files, not in a random one"
    )
    seed: int = setting(1, low=0, help="Of weights, samples and drawn masks")
    n_workers: int = setting(1, low=0, help="Processes that prepare samples; 0 is none besides")


@dataclass(frozen=True, slots=True)
class AugmentationConfig:
    """How far samples are varied; with 0 everywhere and no flips crops stay as they are."""

    flip: bool = setting(True, help="Mirror half of them")
    turn_deg: float = setting(6.0, low=0, high=90, help="Largest roll")
    scale: float = setting(0.08, low=0, high=0.5, help="Largest relative change of size")
    shift: float = setting(0.03, low=0, high=0.5, help="Largest shift, as a fraction of the side")
    color: float = setting(
        0.25,
        low=0,
        high=0.9,
        help="Strength of changes of colour and light",
    )
    degradation: float = setting(
        0.4, low=0, high=1, former_key="wear", help="Share that is blurred, noisy or compressed"
    )
    truncation: float = setting(
        0.0,
        low=0,
        high=1,
        former_key="cut_off",
        help="Share that ends inside the crop, as where a picture cuts a face",
    )
    pitch_deg: float = setting(
        0.0, low=0, high=35, help="How far heads are bowed or raised at most"
    )
    profiles: float = setting(
        0.0, low=0, high=1, help="Share of bare heads that are turned up to 40 degrees further"
    )
    occluders: float = setting(
        0.0,
        low=0,
        high=1,
        help="Share with fingers or a microphone drawn before the face, which stay before it",
    )
    light: float = setting(0.0, low=0, high=1, help="Strength of uneven light on the face")
    cast: float = setting(
        0.0, low=0, high=0.9, help="Largest relative change of one colour against the others"
    )

    def __post_init__(self) -> None:
        check(self)
