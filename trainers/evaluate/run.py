"""One evaluation from its configuration to its report: reading `evaluate` is reading all of it."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facemask_video.direction import Direction
from facemask_video.errors import ConfigError
from facemask_video.settings import as_plain
from facemask_video.translate.device import pick_device, pick_precision
from facemask_video.translate.gate import Gate, default_gate
from facemask_video.translate.translator import Translator
from facemask_video.translate.weights import default_weights
from trainers.data.crops import CropSet
from trainers.evaluate.baselines import baselines
from trainers.evaluate.clips import clip_figures, find_clips
from trainers.evaluate.config import EvaluateConfig
from trainers.evaluate.distribution import (
    Extractor,
    distribution_figures,
    inception_extractor,
    onet_extractor,
)
from trainers.evaluate.domain import domain_figure, load_classifier
from trainers.evaluate.figures import OURS, About, Figure
from trainers.evaluate.identity import Embedder, OnnxEmbedder, embedded, identity_figures
from trainers.evaluate.outputs import CropTranslator, translated
from trainers.evaluate.pairs import Lpips, eye_figure, find_lpips, pair_figures
from trainers.evaluate.report import Grid, Report
from trainers.evaluate.sets import (
    Images,
    Pairs,
    draw_pairs,
    first,
    load_crops,
    load_pairs,
    read_pairs_file,
    resized,
    split,
)
from trainers.evaluate.verification import read_face_pairs, verification_figures

OnStep = Callable[[str], None]
"""Told what is being done."""

_SHOWN = 24
_WORST = 12


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


@dataclass(slots=True)
class _Findings:
    figures: list[Figure] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def evaluate(config: EvaluateConfig, *, on_step: OnStep = lambda step: None) -> Report:
    """Measure everything that the configuration names.

    Raises:
        FacemaskVideoError: Something named is not there, or cannot be used.
    """
    sets = config.sets
    named = (sets.bare, sets.masked, sets.pairs, config.lfw.pairs, config.clips.sources)
    if not any(named):
        raise ConfigError(
            "nothing to evaluate; pass --bare, --masked, --pairs, --lfw-pairs or --sources."
        )
    if config.run.n_threads:
        torch.set_num_threads(config.run.n_threads)
    device = pick_device(config.run.device)
    found = _Findings()
    files: dict[str, Path] = {}
    if any(named[:4]):
        directions = [d for d in Direction if config.weights.direction in ("both", str(d))]
        for direction in directions:
            given = getattr(config.weights, str(direction))
            files[str(direction)] = given or default_weights(direction)
        files["classifier"] = config.weights.classifier or default_gate()
        if config.weights.embedder is not None:
            files["embedder"] = config.weights.embedder
        on_step("reading networks")
        precision = pick_precision(config.run.precision, device)
        translators: dict[Direction, CropTranslator] = {
            direction: Translator.load(
                files[str(direction)], direction=direction, device=device, precision=precision
            )
            for direction in directions
        }
        judges = load_judges(config, device)
        _judge_pictures(config, translators, judges, device, found, on_step)
    if config.clips.sources is not None or config.clips.outputs is not None:
        _judge_clips(config, found, on_step)
    return Report(
        figures=tuple(found.figures),
        config=as_plain(config),
        files={role: _sha256(path) for role, path in files.items()},
        notes=tuple(found.notes),
        grids=tuple(found.grids),
    )


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


def _judge_pictures(
    config: EvaluateConfig,
    translators: dict[Direction, CropTranslator],
    judges: Judges,
    device: torch.device,
    found: _Findings,
    on_step: OnStep,
) -> None:
    if judges.embedder is None:
        found.notes.append("identity: no --embedder given")
    if judges.lpips is None:
        found.notes.append("LPIPS: no weights of its backbone on disk")
    if config.weights.inception is None:
        found.notes.append("FID and KID: no --inception given; fd_onet and kd_onet stand in")
    size_px = max(translator.crop_size_px for translator in translators.values())
    bare = masked = others = None
    if config.sets.bare is not None:
        on_step(f"reading {config.sets.bare}")
        bare, others = _held_out(config, config.sets.bare, size_px, device)
    if config.sets.masked is not None:
        on_step(f"reading {config.sets.masked}")
        masked, _ = _held_out(config, config.sets.masked, size_px, device, masked=True)
    for direction, translator in translators.items():
        bench = _Bench(config, direction, translator, judges, found)
        inputs, real = (bare, masked) if direction is Direction.MASK else (masked, bare)
        if inputs is not None:
            on_step(f"{direction}: {len(inputs)} held-out faces")
            bench.real(inputs, real)
        if direction is Direction.MASK:
            continue
        if config.sets.pairs is not None:
            on_step(f"{direction}: pairs of {config.sets.pairs}")
            pairs = load_pairs(
                config.sets.pairs,
                size_px=translator.crop_size_px,
                device=device,
                outlines=config.sets.outlines,
                limit=config.sets.limit,
            )
            bench.pairs("pairs", pairs, others, f"{len(pairs)} exact pairs")
        if bare is not None and config.sets.drawn:
            chosen = first(resized(bare, translator.crop_size_px), config.sets.drawn)
            on_step(f"{direction}: masks drawn on {len(chosen)} faces")
            pairs = draw_pairs(chosen, seed=config.run.seed)
            bench.pairs("drawn", pairs, others, f"drawn masks on {len(pairs)} held-out faces")
    if config.lfw.pairs is not None:
        _verify_persons(config, translators, judges, device, found, on_step)


def _held_out(
    config: EvaluateConfig, source: Path, size_px: int, device: torch.device, masked: bool = False
) -> tuple[CropSet, CropSet]:
    """Return the faces of a source to judge, and the others."""
    crops = load_crops(source, size_px=size_px, device=device)
    if masked and config.sets.masked_folders:
        crops = crops.in_folders([n.strip() for n in config.sets.masked_folders.split(",")])
    also: frozenset[str] = frozenset()
    if config.sets.pairs is not None:
        # Training leaves the pairs out too.
        also = frozenset(name for row in read_pairs_file(config.sets.pairs) for name in row)
    judged, others = split(crops, share=config.sets.held_out, also=also, where=str(source))
    return first(judged, config.sets.limit), others


class _Bench:
    """Judges one generator on one set after the other."""

    def __init__(
        self,
        config: EvaluateConfig,
        direction: Direction,
        translator: CropTranslator,
        judges: Judges,
        found: _Findings,
    ) -> None:
        self._direction = direction
        self._translator = translator
        self._judges = judges
        self._found = found
        self._batch_size = config.run.batch_size
        self._seed = config.run.seed

    def real(self, inputs: CropSet, real: CropSet | None) -> None:
        """Judge outputs that have no truth: by domain, eyes, identity and distribution."""
        inputs = resized(inputs, self._translator.crop_size_px)
        outputs = self._outputs(inputs)
        about = self._about("held-out", f"{len(inputs)} held-out faces")
        add = self._found.figures.extend
        add(self._domain(inputs.names, {OURS: outputs, "copy": inputs.images}, about))
        against = replace(about, features="eye region, output against input")
        add([eye_figure(inputs.images, outputs, inputs.names, against)])
        if self._judges.embedder is not None:
            told = self._identity_about(about, "output against input")
            made = CropSet(outputs, inputs.landmarks, inputs.names)
            add(identity_figures(made, inputs, self._judges.embedder, told))
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
        chosen = np.linspace(0, len(inputs) - 1, min(_SHOWN, len(inputs))).round().astype(int)
        self._show(about, "held-out faces", {"input": inputs.images, "output": outputs}, chosen)

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
        ours: list[Figure] = []
        for method, outputs in made.items():
            figures = pair_figures(pairs, outputs, told, method=method, lpips=lpips)
            ours = ours or figures
            add(figures)
        if self._judges.embedder is not None:
            told = self._identity_about(about, "output against the true picture")
            for method, outputs in made.items():
                crops = CropSet(outputs, pairs.masked.landmarks, pairs.masked.names)
                add(identity_figures(crops, pairs.bare, self._judges.embedder, told, method=method))
        add(self._domain(pairs.masked.names, made, about))
        shown = {
            "input": pairs.masked.images,
            "output": made[OURS],
            "truth": pairs.truth,
            "Telea": made["telea"],
        }
        chosen = np.linspace(0, len(pairs) - 1, min(_SHOWN, len(pairs))).round().astype(int)
        self._show(about, "not chosen by their looks", shown, chosen)
        inside = next(figure for figure in ours if figure.name == "ssim_inside").samples
        order = np.argsort([inside.get(name, np.inf) for name in pairs.masked.names], kind="stable")
        self._show(about, "the worst by ssim_inside", shown, order[:_WORST])

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


def _verify_persons(
    config: EvaluateConfig,
    translators: dict[Direction, CropTranslator],
    judges: Judges,
    device: torch.device,
    found: _Findings,
    on_step: OnStep,
) -> None:
    lfw, translator = config.lfw, translators.get(Direction.MASK)
    if lfw.images is None or lfw.pairs is None or judges.embedder is None or translator is None:
        raise ConfigError(
            "lfw.pairs: verification needs --lfw-images and --embedder, and a mask generator."
        )
    pairs = read_face_pairs(lfw.pairs, limit=lfw.limit)
    on_step(f"verification: {len(pairs)} pairs")
    crops = load_crops(lfw.images, size_px=translator.crop_size_px, device=device)
    wanted = {name for pair in pairs for name in (pair.first, pair.second)}
    # Names begin with the folder that was cut, which pairs.txt does not know.
    known = tuple(str(Path(name).with_suffix("")).partition("/")[2] for name in crops.names)
    crops = CropSet(crops.images, crops.landmarks, known)
    crops = resized(
        crops.take(np.array([name in wanted for name in known])), translator.crop_size_px
    )
    if not len(crops):
        raise ConfigError(f"{lfw.images}: holds none of the pictures that {lfw.pairs} names.")
    outputs = translated(crops, translator, batch_size=config.run.batch_size)
    states = {"bare": crops, "masked": CropSet(outputs, crops.landmarks, crops.names)}
    points = {
        state: dict(zip(faces.names, embedded(faces, judges.embedder), strict=True))
        for state, faces in states.items()
    }
    about = About(
        "mask/verification",
        f"{lfw.pairs.name}, {len(crops)} faces, masked ones by our generator",
        f"embeddings of {judges.embedder.name}, threshold of the other folds",
        config.run.seed,
    )
    found.figures.extend(verification_figures(pairs, points, about))


def _judge_clips(config: EvaluateConfig, found: _Findings, on_step: OnStep) -> None:
    clips = config.clips
    if clips.sources is None or clips.outputs is None:
        raise ConfigError("clips: pass both --sources and --outputs.")
    for clip in find_clips(clips.sources, clips.outputs):
        on_step(f"clip {clip.source.name}")
        found.figures.extend(clip_figures(clip, max_frames=clips.max_frames, seed=config.run.seed))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
