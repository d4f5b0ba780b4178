"""One generator on one set of pictures after the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facemask_video.core.direction import Direction
from facemask_video.detect.detector import Detector
from facemask_video.translate.stage import CropTranslator
from trainers.data.crops import CropSet
from trainers.evaluate.baselines import baselines
from trainers.evaluate.config import EvaluateConfig
from trainers.evaluate.distribution import distribution_figures
from trainers.evaluate.domain import domain_figure
from trainers.evaluate.figures import OURS, About, Figure
from trainers.evaluate.identity import identity_figures
from trainers.evaluate.metrics import Judges
from trainers.evaluate.outputs import translated
from trainers.evaluate.pairs import (
    eye_figure,
    hidden_only_figures,
    nearness_figures,
    pair_figures,
)
from trainers.evaluate.photographs import Photographs, PhotoPairs, with_landmarks
from trainers.evaluate.report import Grid
from trainers.evaluate.sets import Images, Pairs, cut_pairs, resized
from trainers.evaluate.stills import converted, inpainted
from trainers.evaluate.traits import Noted, by_trait, traits_of

_SHOWN = 24
_WORST = 12


@dataclass(slots=True)
class Findings:
    """What an evaluation has found so far."""

    figures: list[Figure] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Bench:
    """Judges one generator on one set after the other."""

    def __init__(
        self,
        config: EvaluateConfig,
        direction: Direction,
        translator: CropTranslator,
        judges: Judges,
        found: Findings,
        noted: Mapping[str, Noted],
    ) -> None:
        """Take a generator, those who judge it, where to put what is found, and manifests."""
        self._direction = direction
        self._translator = translator
        self._judges = judges
        self._found = found
        self._noted = noted
        self._batch_size = config.run.batch_size
        self._seed = config.run.seed

    def real(self, inputs: CropSet, real: CropSet | None) -> None:
        """Judge outputs that have no truth: by domain, eyes, identity and distribution."""
        inputs = resized(inputs, self._translator.crop_size_px)
        outputs = self._outputs(inputs)
        about = self._about("held-out", f"{len(inputs)} held-out faces")
        add = self._found.figures.extend
        figures = list(self._domain(inputs.names, {OURS: outputs, "copy": inputs.images}, about))
        against = replace(about, features="eye region, output against input")
        figures.append(eye_figure(inputs.images, outputs, inputs.names, against))
        add(figures)
        if self._judges.embedder is not None:
            told = self._identity_about(about, "output against input")
            made = CropSet(outputs, inputs.landmarks, inputs.names)
            add(identity_figures({OURS: made}, inputs, self._judges.embedder, told))
        if real is not None:
            real = resized(real, self._translator.crop_size_px)
            for features, names, extract in self._judges.extractors:
                told = replace(about, features=features)
                for method, images in ((OURS, outputs), ("copy", inputs.images)):
                    add(
                        distribution_figures(
                            real.images, images, extract, told, names=names, method=method
                        )
                    )
        add(by_trait(figures, traits_of(inputs, self._noted)))
        chosen = np.linspace(0, len(inputs) - 1, min(_SHOWN, len(inputs))).round().astype(int)
        self._show(about, "held-out faces", {"input": inputs.images, "output": outputs}, chosen)

    def needless(self, inputs: CropSet) -> None:
        """Tell how far faces that are in the new domain already are left as they were."""
        inputs = resized(inputs, self._translator.crop_size_px)
        about = self._about("needless", f"{len(inputs)} held-out faces already there")
        outputs = self._outputs(inputs)
        truth = Pairs(inputs, inputs.images, np.zeros(inputs.images.shape[:3], dtype=bool))
        told = replace(about, features="PSNR and SSIM of torchmetrics, output against input")
        kept = ("psnr_whole_db", "ssim_whole")
        figures = pair_figures(truth, outputs, told)
        self._found.figures.extend(figure for figure in figures if figure.name in kept)
        self._found.figures.extend(self._domain(inputs.names, {OURS: outputs}, about))

    def pairs(self, kind: str, pairs: Pairs, others: CropSet | None, images: str) -> None:
        """Judge outputs whose truth is known, and baselines beside them."""
        about = self._about(kind, images)
        mean_face = None
        if others is not None and len(others):
            mean_face = _mean_face(others, self._translator.crop_size_px)
        else:
            self._found.notes.append(
                f"{about.group}: mean face, as no --bare faces are left for it"
            )
        made = {OURS: self._outputs(pairs.masked), **baselines(pairs, mean_face)}
        told = replace(about, features="PSNR and SSIM of torchmetrics against the true picture")
        lpips = None
        if self._judges.lpips is not None:
            name, lpips = self._judges.lpips
            told = replace(told, features=f"{told.features}; {name}")
        add = self._found.figures.extend
        figures: list[Figure] = []
        for method, outputs in made.items():
            figures += pair_figures(pairs, outputs, told, method=method, lpips=lpips)
        if self._judges.embedder is not None:
            told = self._identity_about(about, "output against the true picture")
            of_method = {
                method: CropSet(outputs, pairs.masked.landmarks, pairs.masked.names)
                for method, outputs in made.items()
            }
            figures += identity_figures(of_method, pairs.bare, self._judges.embedder, told)
        figures += self._domain(pairs.masked.names, made, about)
        add(figures)
        add(by_trait(figures, traits_of(pairs.bare, self._noted)))
        shown = {
            "input": pairs.masked.images,
            "output": made[OURS],
            "truth": pairs.truth,
            "Telea": made["telea"],
        }
        chosen = np.linspace(0, len(pairs) - 1, min(_SHOWN, len(pairs))).round().astype(int)
        self._show(about, "not chosen by their looks", shown, chosen)
        # The first is ours.
        inside = next(figure for figure in figures if figure.name == "ssim_inside").samples
        order = np.argsort([inside.get(name, np.inf) for name in pairs.masked.names], kind="stable")
        self._show(about, "the worst by ssim_inside", shown, order[:_WORST])

    def photographs(self, pairs: PhotoPairs, finder: Detector, images: str) -> None:
        """Judge whole photographs whose truth is known, as a conversion would show them."""
        about = About(f"{self._direction}/photographs", images, "", self._seed)
        made = {
            OURS: converted(
                pairs.masked.images, self._translator, finder, batch_size=self._batch_size
            ),
            "telea": inpainted(pairs),
            "copy": pairs.masked.images,
        }
        told = replace(
            about,
            features="PSNR and SSIM of torchmetrics against the true photograph at its own size",
        )
        hidden, names = pairs.hidden, pairs.masked.names
        figures: list[Figure] = []
        for method, outputs in made.items():
            figures += nearness_figures(pairs.truth, hidden, names, outputs, told, method=method)
            figures += hidden_only_figures(pairs.truth, hidden, names, outputs, told, method=method)
        if self._judges.embedder is not None:
            known = {name: noted.landmarks_px for name, noted in self._noted.items()}
            by = "manifest" if all(name in known for name in pairs.bare_names) else "detector"
            told = self._identity_about(
                about, f"output against the true photograph, aligned by the {by}'s landmarks"
            )
            bare = with_landmarks(pairs.bare, pairs.bare_names, known)
            of_method = {
                method: Photographs(outputs, bare.landmarks_px, names)
                for method, outputs in made.items()
            }
            figures += identity_figures(of_method, bare, self._judges.embedder, told)
        self._found.figures.extend(figures)
        crops = cut_pairs(pairs, self._translator.crop_size_px).bare
        self._found.figures.extend(by_trait(figures, traits_of(crops, self._noted)))

    def _outputs(self, crops: CropSet) -> Images:
        return translated(crops, self._translator, batch_size=self._batch_size)

    def _about(self, kind: str, images: str) -> About:
        size = self._translator.crop_size_px
        return About(f"{self._direction}/{kind}", f"{images}, {size} px", "", self._seed)

    def _identity_about(self, about: About, what: str) -> About:
        embedder = self._judges.embedder
        assert embedder is not None
        return replace(about, features=f"embeddings of {embedder.name}, {what}")

    def _domain(
        self, names: tuple[str, ...], made: dict[str, Images], about: About
    ) -> Iterator[Figure]:
        told = replace(about, features="masked/bare classifier")
        for method, outputs in made.items():
            yield domain_figure(
                outputs,
                names,
                target=self._direction,
                classifier=self._judges.classifier,
                about=told,
                batch_size=self._batch_size,
                method=method,
            )

    def _show(
        self, about: About, title: str, images: dict[str, Images], chosen: NDArray[np.intp]
    ) -> None:
        rows = tuple(tuple(each[index] for each in images.values()) for index in chosen)
        grid = Grid(f"{about.group}: {len(rows)} faces, {title}", tuple(images), rows)
        self._found.grids.append(grid)


def _mean_face(crops: CropSet, size_px: int) -> NDArray[np.float32]:
    mean = crops.images.mean(axis=0, dtype=np.float64).astype(np.float32)
    alone = CropSet(mean[None], crops.landmarks[:1], crops.names[:1])
    return np.asarray(resized(alone, size_px).images[0], np.float32)
