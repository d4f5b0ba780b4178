"""Load the networks of a conversion, from a configuration."""

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from facemask_video.classify.mask_classifier import MaskClassifier, default_mask_classifier
from facemask_video.classify.stage import FaceClassifier
from facemask_video.config import DetectConfig, GeneratorConfig, TranslateConfig
from facemask_video.config.result import parse_colour
from facemask_video.core.frame import VideoInfo
from facemask_video.core.shipped_weights import default_weights
from facemask_video.detect.build import build_detector
from facemask_video.detect.detector import Detector
from facemask_video.detect.mtcnn import CELL_PX
from facemask_video.detect.rotation import QUARTER_TURNS
from facemask_video.detect.size import detect_size_px
from facemask_video.pipeline.style_picture import read_style
from facemask_video.translate.device import pick_device, pick_precision
from facemask_video.translate.networks import StyledGenerator
from facemask_video.translate.stage import CropTranslator
from facemask_video.translate.styles import DEFAULT_STYLE, StylePicker
from facemask_video.translate.translator import PickStyles, Translator


@dataclass(frozen=True, slots=True)
class Finder:
    """What looks for faces, and the longer side of the pictures that it is shown."""

    detector: Detector
    size_px: int


@dataclass(frozen=True, slots=True)
class Networks:
    """What finds faces and what translates them; serves any number of videos and pictures.

    Attributes:
        finder: Looks for faces; None loads one for each video, as it depends on the video's size.
        translator: The generator.
        classifier: Tells masked faces from bare ones; None where every face is translated.
        weights: Its file and card, as plain data; ``sha256`` is one of the keys.
        device: Where they run, as plain data.
    """

    finder: Finder | None
    translator: CropTranslator
    classifier: FaceClassifier | None
    weights: dict[str, Any]
    device: dict[str, str]

    def for_source(self, name: str) -> "Networks":
        """Return the same networks for a source: its persons get styles of their own."""
        if not isinstance(self.translator, Translator):
            return self
        return replace(self, translator=self.translator.for_source(name))


def weights_path(config: GeneratorConfig) -> Path:
    """Return the weights file asked for, or the shipped one for the direction and quality.

    Raises:
        WeightsError: This installation ships none.
    """
    given, quality = config.translate.weights, config.translate.quality
    return given or default_weights(config.direction, quality or "standard")


def load_networks(config: GeneratorConfig) -> Networks:
    """Load the networks for one direction.

    Raises:
        WeightsError: The weights are missing, damaged or made for something else.
        DeviceError: The device or precision asked for is not there.
    """
    device = pick_device(config.translate.device)
    precision = pick_precision(config.translate.precision, device)
    path = weights_path(config)
    translator = Translator.load(
        path,
        direction=config.direction,
        device=device,
        precision=precision,
        pick_styles=style_chooser(config.translate),
    )
    weights = {"path": str(path), **dataclasses.asdict(translator.card)}
    described = {"device": str(device), "precision": precision}
    classifier = load_mask_classifier(config.translate.classifier, device)
    return Networks(None, translator, classifier, weights, described)


def style_chooser(config: TranslateConfig) -> PickStyles | None:
    """Return what chooses the styles that are asked for; None where none are."""
    if not config.asks_for_style:
        return None
    name, seed = config.style or DEFAULT_STYLE, config.style_seed or 0
    colour = None if config.mask_color is None else parse_colour(config.mask_color)

    def choose(network: StyledGenerator, names: tuple[str, ...], size_px: int) -> StylePicker:
        if name not in names and (Path(name).suffix or len(Path(name).parts) > 1):
            style, own_colour = read_style(Path(name), network, size_px)
            return StylePicker(style, own_colour, (Path(name).name,), seed, colour)
        return StylePicker.of_names(network, names, (name,), seed=seed, colour=colour)

    return choose


def load_finder(config: DetectConfig, info: VideoInfo, device: torch.device) -> Finder:
    """Load what looks for faces in one video."""
    size_px = config.size_px or detect_size_px(
        info.width_px, info.height_px, min_face_px=config.min_face_px
    )
    scale = min(1.0, size_px / max(info.width_px, info.height_px))
    detector = build_detector(
        device=device,
        threshold=config.threshold,
        min_face_px=max(CELL_PX, config.min_face_px * scale),
        quarter_turns=QUARTER_TURNS[config.turned],
        detector=config.detector,
    )
    return Finder(detector, size_px)


def load_mask_classifier(choice: str, device: torch.device) -> FaceClassifier | None:
    """Load the mask classifier where ``auto`` asks for it.

    Raises:
        WeightsError: Its weights are missing, damaged or made for something else.
    """
    return (
        MaskClassifier.load(default_mask_classifier(), device=device) if choice == "auto" else None
    )
