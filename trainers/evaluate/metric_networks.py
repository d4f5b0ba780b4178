"""The networks that learned metrics need: mask classifier, face embedder, features, LPIPS."""

from dataclasses import dataclass

import torch

from facemask_video.classify.mask_classifier import MaskClassifier, default_mask_classifier
from trainers.evaluate.config import EvaluateConfig
from trainers.evaluate.distribution import FeatureExtractor, inception_extractor, onet_extractor
from trainers.evaluate.domain_accuracy import load_classifier
from trainers.evaluate.identity import Embedder, OnnxEmbedder
from trainers.evaluate.lpips import Lpips, find_lpips, load_lpips


@dataclass(frozen=True, slots=True, eq=False)
class MetricNetworks:
    """Networks that compute metrics.

    Attributes:
        classifier: Tells masked faces from bare ones.
        embedder: For identity; None leaves that out.
        extractors: For distribution distances: name of the features, names of the Fréchet and the
            kernel distance, and the extractor.
        lpips: Name and metric; None leaves it out.
    """

    classifier: MaskClassifier
    embedder: Embedder | None
    extractors: tuple[tuple[str, tuple[str, str], FeatureExtractor], ...]
    lpips: tuple[str, Lpips] | None


def load_metric_networks(config: EvaluateConfig, device: torch.device) -> MetricNetworks:
    """Load the networks that the configuration names.

    Raises:
        WeightsError: A file is missing or damaged.
    """
    weights = config.weights
    extractors = [("O-Net of MTCNN", ("fd_onet", "kd_onet"), onet_extractor(device))]
    if weights.inception is not None:
        inception = inception_extractor(weights.inception, device)
        extractors.append(("Inception of torch-fidelity", ("fid", "kid"), inception))
    embedder = None
    if weights.embedder is not None:
        embedder = OnnxEmbedder(weights.embedder, n_threads=config.run.n_threads)
    classifier = load_classifier(weights.classifier or default_mask_classifier(), device=device)
    lpips = find_lpips() if weights.lpips is None else load_lpips(weights.lpips)
    return MetricNetworks(classifier, embedder, tuple(extractors), lpips)
