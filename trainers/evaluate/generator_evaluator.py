"""All metrics of one generator, one set of images after the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.core.direction import Direction
from facemask_video.detect.detector import Detector
from facemask_video.translate.networks import Generator, TwoStageGenerator
from facemask_video.translate.stage import CropTranslator
from trainers.data.crops import CropSet
from trainers.evaluate.baselines import baselines
from trainers.evaluate.config import EvaluateConfig
from trainers.evaluate.convert_photographs import convert_photographs, inpaint_photographs
from trainers.evaluate.crop_pairs import (
    CropPairs,
    ImageBatch,
    RegionBatch,
    crop_photo_pairs,
    resized,
)
from trainers.evaluate.distribution import measure_distribution
from trainers.evaluate.domain_accuracy import measure_domain
from trainers.evaluate.face_attributes import ManifestFace, by_attribute, face_attributes
from trainers.evaluate.identity import measure_identity
from trainers.evaluate.image_quality import (
    measure_completion,
    measure_eyes,
    measure_pairs,
    measure_similarity,
)
from trainers.evaluate.mask_fit import measure_fit
from trainers.evaluate.measurement import OURS, Context, Measurement
from trainers.evaluate.metric_networks import MetricNetworks
from trainers.evaluate.painted_region import measure_light, measure_sharpness
from trainers.evaluate.photo_pairs import Photographs, PhotoPairs, with_landmarks
from trainers.evaluate.progress import OnDone, unheard
from trainers.evaluate.real_or_fake import measure_real_or_fake
from trainers.evaluate.report import Curves, Grid
from trainers.evaluate.translate_crops import translate_crops, translate_with_alpha

_N_SHOWN = 24
_N_WORST = 12


@dataclass(slots=True)
class Results:
    """What an evaluation has measured so far."""

    measurements: list[Measurement] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    curves: list[Curves] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class GeneratorEvaluator:
    """Measures one generator on one set of images after the other.

    Args:
        config: Batch size and seed.
        direction: What the generator does.
        translator: The generator.
        networks: Compute the learned metrics.
        results: Where measurements, grids and notes are added.
        manifest_faces: What manifests say of the images, by name.
        device: Where the real-or-fake classifier is trained.
        same_source: Names of images that show the person of another, by name.
        on_done: Called as images are translated and networks trained.
    """

    def __init__(
        self,
        config: EvaluateConfig,
        direction: Direction,
        translator: CropTranslator,
        networks: MetricNetworks,
        results: Results,
        manifest_faces: Mapping[str, ManifestFace],
        *,
        device: torch.device,
        same_source: Mapping[str, str],
        on_done: OnDone = unheard,
    ) -> None:
        self._on_done = on_done
        self._direction = direction
        self._translator = translator
        self._networks = networks
        self._results = results
        self._manifest_faces = manifest_faces
        self._device = device
        self._same_source = same_source
        self._real_or_fake = config.sets.real_or_fake
        self._batch_size = config.run.batch_size
        self._seed = config.run.seed

    def unpaired(self, inputs: CropSet, real: CropSet | None) -> None:
        """Measure outputs without ground truth: domain, eyes, identity and distribution.

        Args:
            inputs: Faces of the source domain.
            real: Real faces of the target domain; None leaves the distribution out.
        """
        inputs = resized(inputs, self._translator.crop_size_px)
        outputs, alphas = translate_with_alpha(
            inputs, self._translator, batch_size=self._batch_size, on_done=self._on_done
        )
        context = self._context("held-out", f"{len(inputs)} held-out faces")
        add = self._results.measurements.extend
        measurements = list(
            self._domain(inputs.names, {OURS: outputs, "copy": inputs.images}, context)
        )
        eyes = replace(context, features="eye region, output against input")
        measurements.append(measure_eyes(inputs.images, outputs, inputs.names, eyes))
        measurements += self._painted_region(inputs, outputs, alphas > 0.5, context)
        add(measurements)
        if self._networks.embedder is not None:
            identity = self._identity_context(context, "output against input")
            made = CropSet(outputs, inputs.landmarks, inputs.names)
            add(measure_identity({OURS: made}, inputs, self._networks.embedder, identity))
        if real is not None:
            real = resized(real, self._translator.crop_size_px)
            if self._real_or_fake:
                made = CropSet(
                    outputs,
                    inputs.landmarks,
                    inputs.names,
                    track_frames=inputs.track_frames,
                    sources=inputs.sources,
                )
                add([self._measure_real_or_fake(real, made, context)])
            for features, names, extract in self._networks.extractors:
                for method, images in ((OURS, outputs), ("copy", inputs.images)):
                    add(
                        measure_distribution(
                            real.images,
                            images,
                            extract,
                            replace(context, features=features),
                            names=names,
                            method=method,
                        )
                    )
        add(by_attribute(measurements, face_attributes(inputs, self._manifest_faces)))
        chosen = _evenly_spread(len(inputs), _N_SHOWN)
        self._show(context, "held-out faces", {"input": inputs.images, "output": outputs}, chosen)

    def fit(self, masked: CropSet, mask: Generator, unmask: TwoStageGenerator) -> None:
        """Measure where masks lie that are taken off and put back on.

        Args:
            masked: Photographs of masked faces, of the side that ``unmask`` works at.
            mask: Puts them on.
            unmask: Takes them off.
        """
        found = measure_fit(
            masked,
            mask,
            unmask,
            self._networks.classifier,
            self._context("fit", f"{len(masked)} masked photographs"),
            size_px=self._translator.crop_size_px,
        )
        if not found:
            self._results.notes.append("mask/fit: unmask took off fewer than two of the masks")
        self._results.measurements.extend(found)
        attributes = face_attributes(masked, self._manifest_faces)
        self._results.measurements.extend(by_attribute(found, attributes))

    def target_domain(self, inputs: CropSet) -> None:
        """Measure how far faces already in the target domain stay as they are."""
        inputs = resized(inputs, self._translator.crop_size_px)
        # "needless" is what earlier reports call it, which --compare reads.
        context = self._context("needless", f"{len(inputs)} held-out faces already there")
        outputs = self._translate(inputs)
        unchanged = CropPairs(inputs, inputs.images, np.zeros(inputs.images.shape[:3], dtype=bool))
        whole = replace(context, features="PSNR and SSIM of torchmetrics, output against input")
        self._results.measurements.extend(
            measurement
            for measurement in measure_pairs(unchanged, outputs, whole)
            if measurement.name in ("psnr_whole_db", "ssim_whole")
        )
        self._results.measurements.extend(self._domain(inputs.names, {OURS: outputs}, context))

    def pairs(self, kind: str, pairs: CropPairs, others: CropSet | None, images: str) -> None:
        """Measure outputs with ground truth, and baselines beside them.

        Args:
            kind: Last part of the measurements' group.
            pairs: Inputs and ground truth.
            others: Bare faces that are not evaluated, for the mean face.
            images: The images, in words.
        """
        context = self._context(kind, images)
        mean_face = None
        if others is not None and len(others):
            mean_face = _mean_face(others, self._translator.crop_size_px)
        else:
            self._results.notes.append(
                f"{context.group}: mean face, as no --bare faces are left for it"
            )
        made = {OURS: self._translate(pairs.masked), **baselines(pairs, mean_face)}
        features = "PSNR and SSIM of torchmetrics against the true picture"
        lpips = None
        if self._networks.lpips is not None:
            name, lpips = self._networks.lpips
            features = f"{features}; {name}"
        against_truth = replace(context, features=features)
        measurements: list[Measurement] = []
        for method, outputs in made.items():
            measurements += measure_pairs(pairs, outputs, against_truth, method=method, lpips=lpips)
        if self._networks.embedder is not None:
            identity = self._identity_context(context, "output against the true picture")
            of_method = {
                method: CropSet(outputs, pairs.masked.landmarks, pairs.masked.names)
                for method, outputs in made.items()
            }
            measurements += measure_identity(
                of_method, pairs.bare, self._networks.embedder, identity
            )
        measurements += self._domain(pairs.masked.names, made, context)
        self._results.measurements.extend(measurements)
        attributes = face_attributes(pairs.bare, self._manifest_faces)
        self._results.measurements.extend(by_attribute(measurements, attributes))
        shown = {
            "input": pairs.masked.images,
            "output": made[OURS],
            "truth": pairs.truth,
            "Telea": made["telea"],
        }
        chosen = _evenly_spread(len(pairs), _N_SHOWN)
        self._show(context, "not chosen by their looks", shown, chosen)
        # The first measurement of a name is of our outputs.
        inside = next(each for each in measurements if each.name == "ssim_inside").samples
        order = np.argsort([inside.get(name, np.inf) for name in pairs.masked.names], kind="stable")
        self._show(context, "the worst by ssim_inside", shown, order[:_N_WORST])

    def photographs(self, pairs: PhotoPairs, detector: Detector, images: str) -> None:
        """Measure whole photographs with ground truth, as a conversion would show them.

        Args:
            pairs: Inputs and ground truth.
            detector: Finds the faces.
            images: The images, in words.
        """
        context = Context(f"{self._direction}/photographs", images, "", self._seed)
        made = {
            OURS: convert_photographs(
                pairs.masked.images,
                self._translator,
                detector,
                batch_size=self._batch_size,
                on_done=self._on_done,
            ),
            "telea": inpaint_photographs(pairs),
            "copy": pairs.masked.images,
        }
        against_truth = replace(
            context,
            features="PSNR and SSIM of torchmetrics against the true photograph at its own size",
        )
        truth, hidden, names = pairs.truth, pairs.hidden, pairs.masked.names
        measurements: list[Measurement] = []
        for method, outputs in made.items():
            for measure in (measure_similarity, measure_completion):
                measurements += measure(truth, hidden, names, outputs, against_truth, method=method)
        if self._networks.embedder is not None:
            known = {name: face.landmarks_px for name, face in self._manifest_faces.items()}
            by = "manifest" if all(name in known for name in pairs.bare_names) else "detector"
            identity = self._identity_context(
                context, f"output against the true photograph, aligned by the {by}'s landmarks"
            )
            bare = with_landmarks(pairs.bare, pairs.bare_names, known)
            of_method = {
                method: Photographs(outputs, bare.landmarks_px, names)
                for method, outputs in made.items()
            }
            measurements += measure_identity(of_method, bare, self._networks.embedder, identity)
        self._results.measurements.extend(measurements)
        crops = crop_photo_pairs(pairs, self._translator.crop_size_px).bare
        attributes = face_attributes(crops, self._manifest_faces)
        self._results.measurements.extend(by_attribute(measurements, attributes))

    def _painted_region(
        self, inputs: CropSet, outputs: ImageBatch, painted: RegionBatch, context: Context
    ) -> Iterator[Measurement]:
        light = replace(context, features="CIELAB means of painted region and visible skin")
        yield from measure_light(outputs, painted, light)
        sharpness = replace(context, features="gradient energy of painted region over visible skin")
        for method, images in ((OURS, outputs), ("copy", inputs.images)):
            yield from measure_sharpness(images, painted, inputs.names, sharpness, method=method)

    def _measure_real_or_fake(
        self, real: CropSet, outputs: CropSet, context: Context
    ) -> Measurement:
        context = replace(context, images=f"{context.images}, against {len(real)} real ones")
        return measure_real_or_fake(
            real,
            outputs,
            context,
            device=self._device,
            same_source=self._same_source,
            on_done=self._on_done,
        )

    def _translate(self, crops: CropSet) -> ImageBatch:
        return translate_crops(
            crops, self._translator, batch_size=self._batch_size, on_done=self._on_done
        )

    def _context(self, kind: str, images: str) -> Context:
        size = self._translator.crop_size_px
        return Context(f"{self._direction}/{kind}", f"{images}, {size} px", "", self._seed)

    def _identity_context(self, context: Context, compared: str) -> Context:
        embedder = self._networks.embedder
        assert embedder is not None
        return replace(context, features=f"embeddings of {embedder.name}, {compared}")

    def _domain(
        self, names: tuple[str, ...], made: dict[str, ImageBatch], context: Context
    ) -> Iterator[Measurement]:
        for method, outputs in made.items():
            yield measure_domain(
                outputs,
                names,
                target=self._direction,
                classifier=self._networks.classifier,
                context=replace(context, features="masked/bare classifier"),
                batch_size=self._batch_size,
                method=method,
            )

    def _show(
        self,
        context: Context,
        title: str,
        images: dict[str, ImageBatch],
        chosen: NDArray[np.intp],
    ) -> None:
        rows = tuple(tuple(each[index] for each in images.values()) for index in chosen)
        grid = Grid(f"{context.group}: {len(rows)} faces, {title}", tuple(images), rows)
        self._results.grids.append(grid)


def _evenly_spread(count: int, limit: int) -> NDArray[np.intp]:
    return np.linspace(0, count - 1, min(limit, count)).round().astype(np.intp)


def _mean_face(crops: CropSet, size_px: int) -> NDArray[np.float32]:
    mean = crops.images.mean(axis=0, dtype=np.float64).astype(np.float32)
    alone = CropSet(mean[None], crops.landmarks[:1], crops.names[:1])
    return np.asarray(resized(alone, size_px).images[0], np.float32)
