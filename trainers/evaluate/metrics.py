"""The networks that judge: whose mask, which person, how far from real pictures."""

from dataclasses import dataclass

import torch

from facemask_video.classify.mask_classifier import Gate, default_gate
from trainers.evaluate.config import EvaluateConfig
from trainers.evaluate.distribution import Extractor, inception_extractor, onet_extractor
from trainers.evaluate.domain import load_classifier
from trainers.evaluate.identity import Embedder, OnnxEmbedder
from trainers.evaluate.pairs import Lpips, find_lpips


@dataclass(frozen=True, slots=True, eq=False)
class Judges:
    """The networks that judge.

    Attributes:
        classifier: Tells masked from bare.
        embedder: Tells persons apart; None leaves identity out.
        extractors: Features of distributions, with their name and those of the two distances.
        lpips: With its name; None leaves it out.
    """

    classifier: Gate
    embedder: Embedder | None
    extractors: tuple[tuple[str, tuple[str, str], Extractor], ...]
    lpips: tuple[str, Lpips] | None


def load_judges(config: EvaluateConfig, device: torch.device) -> Judges:
    """Read the networks that judge."""
    weights = config.weights
    extractors = [("O-Net of MTCNN", ("fd_onet", "kd_onet"), onet_extractor(device))]
    if weights.inception is not None:
        inception = inception_extractor(weights.inception, device)
        extractors.append(("Inception of torch-fidelity", ("fid", "kid"), inception))
    embedder = None
    if weights.embedder is not None:
        embedder = OnnxEmbedder(weights.embedder, n_threads=config.run.n_threads)
    classifier = load_classifier(weights.classifier or default_gate(), device=device)
    return Judges(classifier, embedder, tuple(extractors), find_lpips())
