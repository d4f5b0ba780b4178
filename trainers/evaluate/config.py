"""The options of an evaluation: the only home of their defaults, ranges and choices."""

from dataclasses import dataclass
from pathlib import Path

from facemask_video.config.settings import Checked, section, setting
from trainers.config.faces import FacesConfig, TrainingFacesConfig
from trainers.data.splits import Split


@dataclass(frozen=True, slots=True)
class SetsConfig(FacesConfig):
    """Which images are evaluated."""

    data: Path | None = setting(
        None,
        metavar="FOLDER",
        help="Stands for --bare FOLDER/faces_unmasked, --masked FOLDER/faces_masked and "
        "--manifests FOLDER, where they are not given",
    )
    split: Split = setting(
        "validation",
        help="Evaluate the pictures that choices may look at, those for once a release, or those "
        "trained on",
    )
    held_out: float = setting(
        0.1,
        low=0,
        low_open=True,
        high=1,
        help="Share of the persons and sources that are validation, as in training; 1 takes all "
        "pictures, for sets never trained on",
    )
    names: Path | None = setting(
        None, metavar="FILE", help="Evaluate the pictures of this list alone, a name a line"
    )
    pairs: Path | None = setting(
        None,
        metavar="CSV",
        help="Pictures of the same face without and with a mask: columns unmasked and masked",
    )
    segmentations: Path | None = setting(
        None,
        former_key="outlines",
        metavar="FOLDER",
        help="Segmentations of those masks, PNG of the masked pictures' names, 255 where mask",
    )
    manifests: Path | None = setting(
        None,
        metavar="FOLDER",
        help="Folder that holds the folders of the pictures, each with a manifest.csv: landmarks "
        "for identity, and sizes",
    )
    real_or_fake: bool = setting(
        False,
        help="Train a small network to tell outputs from real faces of both --bare and --masked, "
        "and give its accuracy; takes minutes",
    )
    fit: int = setting(
        0,
        low=0,
        help="Masked photographs, at most, whose masks are taken off and put back on, to see where "
        "they lie; 0 is none",
    )
    drawn: int = setting(200, low=0, help="Bare faces to draw masks on, at most; 0 is none")
    limit: int = setting(0, low=0, help="Pictures of each set, at most; 0 is all")

    def __post_init__(self) -> None:
        FacesConfig.__post_init__(self)
        for name, folder in (("bare", "faces_unmasked"), ("masked", "faces_masked")):
            if self.data is not None and getattr(self, name) is None:
                # The way of a frozen dataclass to fill its own fields.
                object.__setattr__(self, name, self.data / folder)
        if self.data is not None and self.manifests is None:
            object.__setattr__(self, "manifests", self.data)


@dataclass(frozen=True, slots=True)
class WeightsConfig(Checked):
    """Which generators are evaluated, and by which networks."""

    mask: Path | None = setting(
        None,
        flags=("--mask-weights",),
        metavar="FILE",
        default_text="the shipped ones",
        help="Generator that puts masks on",
    )
    unmask: Path | None = setting(
        None,
        flags=("--unmask-weights",),
        metavar="FILE",
        default_text="the shipped ones",
        help="Generator that takes masks off",
    )
    direction: str = setting(
        "both",
        flags=("-d", "--direction"),
        choices=("both", "mask", "unmask"),
        help="Which of them to evaluate",
    )
    style: str | None = setting(
        None,
        metavar="NAME|random|PICTURE",
        default_text="surgical",
        help="Masks put on, as of facemask-video; random gives each face another",
    )
    classifier: Path | None = setting(
        None,
        metavar="FILE",
        default_text="the shipped one",
        help="Classifier that tells masked faces from bare ones",
    )
    embedder: Path | None = setting(
        None,
        metavar="ONNX",
        help="Face embedder for identity, 112 px high, RGB (x - 127.5) / 128",
    )
    inception: Path | None = setting(
        None, metavar="FILE", help="Inception weights of torch-fidelity, for the usual FID and KID"
    )
    lpips: Path | None = setting(
        None,
        metavar="FILE",
        default_text="one that torchvision keeps under TORCH_HOME",
        help="Backbone of LPIPS: weights of torchvision's AlexNet, SqueezeNet 1.1 or VGG16",
    )


@dataclass(frozen=True, slots=True)
class LfwConfig(Checked):
    """Verification of persons on pairs in the manner of Labeled Faces in the Wild."""

    pairs: Path | None = setting(
        None, flags=("--lfw-pairs",), metavar="FILE", help="A pairs.txt; needs --embedder"
    )
    images: Path | None = setting(
        None,
        flags=("--lfw-images",),
        metavar="FOLDER|NPZ",
        help="Pictures NAME/NAME_0001.jpg, or crops cut from that folder",
    )
    limit: int = setting(
        0, flags=("--lfw-limit",), low=0, help="Pairs of each kind and fold, at most; 0 is all"
    )
    fmr: float = setting(
        0.00001,
        flags=("--fmr",),
        low=0,
        low_open=True,
        high=0.5,
        metavar="RATE",
        help="False match rate on bare faces at which the false non-match rate is given",
    )


@dataclass(frozen=True, slots=True)
class ClipsConfig(Checked):
    """Videos and what was made of them."""

    sources: Path | None = setting(None, metavar="FOLDER", help="Videos that were converted")
    outputs: Path | None = setting(
        None,
        metavar="FOLDER",
        help="Their conversions NAME.*, each with its tracks NAME.jsonl from --tracks-out",
    )
    max_frames: int = setting(0, low=0, help="Frames of each clip, at most; 0 is all")


@dataclass(frozen=True, slots=True)
class RunConfig(Checked):
    """Where and how."""

    device: str = setting("auto", help="Where networks run: auto, cpu, cuda or cuda:N")
    precision: str = setting(
        "fp32", help="Of the generators: fp32, bf16, fp16, or auto as in a conversion"
    )
    batch_size: int = setting(16, low=1, help="Pictures at once")
    seed: int = setting(1, low=0, help="Of drawn masks, subsets and bootstrap samples")
    n_threads: int = setting(0, low=0, help="Of PyTorch; 0 leaves its own choice")


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """Everything that an evaluation depends on."""

    sets: SetsConfig = section(SetsConfig, "Pictures")
    weights: WeightsConfig = section(WeightsConfig, "Networks")
    lfw: LfwConfig = section(LfwConfig, "Verification of persons")
    clips: ClipsConfig = section(ClipsConfig, "Videos")
    run: RunConfig = section(RunConfig, "Run")


@dataclass(frozen=True, slots=True)
class JudgeConfig(TrainingFacesConfig):
    """Who judges whether a face is masked: a network trained afresh on these photographs."""

    judge: Path | None = setting(
        None,
        metavar="FILE",
        default_text="one is trained on --bare and --masked",
        help="Judge of an earlier evaluation, judge.safetensors in its folder",
    )
    judge_images: int = setting(
        24_000, low=32, metavar="N", help="Images that the judge is trained on"
    )
    seed: int = setting(1, low=0, help="Of the judge's weights and samples")


@dataclass(frozen=True, slots=True)
class ConversionsConfig(Checked):
    """What is converted, and how."""

    direction: str = setting(
        "both",
        flags=("-d", "--direction"),
        choices=("both", "mask", "unmask"),
        help="Which conversions to evaluate",
    )
    clip: str = setting("", metavar="NAME,...", help="Clips of the folder to take; all where empty")
    max_frames: int = setting(0, low=0, help="Frames of each clip, at most; 0 is all")
    mask: Path | None = setting(
        None,
        flags=("--mask-weights",),
        metavar="FILE",
        default_text="the shipped ones",
        help="Generator that puts masks on",
    )
    unmask: Path | None = setting(
        None,
        flags=("--unmask-weights",),
        metavar="FILE",
        default_text="the shipped ones",
        help="Generator that takes masks off",
    )
    style: str | None = setting(
        None,
        metavar="NAME|random|PICTURE",
        default_text="surgical",
        help="Masks put on, as of facemask-video",
    )
    device: str = setting("auto", help="Where networks run: auto, cpu, cuda or cuda:N")


@dataclass(frozen=True, slots=True)
class EvaluateClipsConfig:
    """Everything that an evaluation of whole tracks depends on."""

    judge: JudgeConfig = section(JudgeConfig, "Judge")
    conversions: ConversionsConfig = section(ConversionsConfig, "Conversions")
