"""How long, in what steps, where and with what records a run goes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facemask_video.config.settings import check, setting

OptimizerName = Literal["adam", "adamw", "rmsprop", "sgd"]
LrPolicy = Literal["constant", "linear", "cosine", "step", "plateau"]


@dataclass(frozen=True, slots=True)
class OptimConfig:
    """Steps of the optimisers and how they change."""

    lr: float = setting(2e-4, low=0, low_open=True, help="Step of the generators' optimiser")
    lr_discriminator: float = setting(
        2e-4, low=0, low_open=True, help="Step of the discriminators' optimiser"
    )
    optimizer: OptimizerName = setting("adam", help="Optimiser of all networks")
    beta1: float = setting(
        0.5, low=0, high=1, high_open=True, help="First momentum; of rmsprop and sgd the momentum"
    )
    lr_policy: LrPolicy = setting(
        "constant",
        help="How the step changes: linear or cosine to 0 over the last lr-decay images; step: a "
        "tenth every lr-decay images; plateau: a fifth when the losses stay for lr-decay images",
    )
    lr_decay_images: int = setting(
        0,
        low=0,
        flags=("--lr-decay",),
        metavar="N",
        default_text="0: the whole run, or a quarter of it for step and plateau",
        help="Images that lr-policy counts",
    )
    n_epochs: int = setting(
        0,
        low=0,
        default_text="0: --images says how long",
        help="Passes over the bare faces at the full step",
    )
    n_epochs_decay: int = setting(
        0, low=0, help="Further passes, over which lr-policy linear or cosine brings the step to 0"
    )

    def __post_init__(self) -> None:
        check(self)


Capacity = Literal["lite", "standard"]
"""Of the generators that ship: the converter's ``--quality`` chooses between them."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How long, where and with what records."""

    capacity: Capacity = setting(
        "standard",
        help="What the generators are called in their files' names; [mask] and [unmask] give their "
        "sizes",
    )
    images: int = setting(200_000, low=1, metavar="N", help="Images to see in all")
    batch_size: int = setting(16, low=1, metavar="N", help="Images a step")
    device: str = setting("auto", metavar="auto|cpu|cuda[:i]", help="Where the networks run")
    precision: Literal["auto", "fp32", "bf16"] = setting(
        "auto",
        help="Of autocast; norms, losses and weights stay in fp32; auto is bf16 where it is native",
    )
    n_threads: int = setting(0, low=0, metavar="N", help="Of torch on the CPU; 0 is its own choice")
    ema_halflife_images: float = setting(
        11_000.0,
        low=0,
        flags=("--ema-halflife",),
        metavar="N",
        help="Images after which the average of the weights has forgotten half; 0 is no average",
    )
    ema_rampup: float = setting(
        0.07, low=0, help="Longest half-life as a share of the images seen so far"
    )
    stats_every: int = setting(800, low=1, metavar="N", help="Images between lines of statistics")
    preview_every: int = setting(
        8000, low=0, metavar="N", help="Images between preview pictures; 0 is none"
    )
    measure_every: int = setting(
        16_000,
        low=0,
        metavar="N",
        help="Images between measures on the faces set aside, the best of which is kept; 0 is none",
    )
    checkpoint_every: int = setting(8000, low=1, metavar="N", help="Images between checkpoints")
    keep_checkpoints: int = setting(2, low=1, metavar="N", help="Newest checkpoints kept")
    tensorboard: bool = setting(
        False,
        help="Write statistics and previews as TensorBoard's event files too",
    )
    run_dir: Path = setting(Path("runs"), metavar="FOLDER", help="Where run folders are made")
    progress: Literal["auto", "line", "json", "none"] = setting("auto", help="Progress on stderr")

    def __post_init__(self) -> None:
        check(self)
