"""Run an evaluation: from its configuration to its report."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from facemask_video.classify.mask_classifier import default_mask_classifier
from facemask_video.config import TranslateConfig
from facemask_video.config.settings import as_plain
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.files import sha256_file
from facemask_video.core.shipped_weights import default_weights
from facemask_video.pipeline.load_networks import style_chooser
from facemask_video.translate.device import pick_device, pick_precision
from facemask_video.translate.networks import TwoStageGenerator
from facemask_video.translate.stage import CropTranslator
from facemask_video.translate.translator import Translator
from facemask_video.translate.weights import load_generator
from trainers.config.faces import folder_names
from trainers.data.crops import CropSet
from trainers.data.detector import photograph_detector
from trainers.data.splits import read_names
from trainers.evaluate.clips import Clip, find_clips, measure_clip, pool_clips
from trainers.evaluate.config import EvaluateConfig
from trainers.evaluate.crop_pairs import crop_photo_pairs, draw_mask_pairs, resized
from trainers.evaluate.face_attributes import read_manifests
from trainers.evaluate.face_verification import measure_verification, read_face_pairs
from trainers.evaluate.false_non_match import count_non_mated, measure_false_non_match
from trainers.evaluate.generator_evaluator import GeneratorEvaluator, Results
from trainers.evaluate.held_out import (
    Evaluated,
    evenly_sampled,
    load_crops,
    split_evaluated,
)
from trainers.evaluate.identity import embed_faces
from trainers.evaluate.measurement import Context
from trainers.evaluate.metric_networks import MetricNetworks, load_metric_networks
from trainers.evaluate.photo_pairs import read_pairs_file, read_photo_pairs
from trainers.evaluate.progress import OnDone, OnStep, unheard
from trainers.evaluate.report import Report
from trainers.evaluate.translate_crops import translate_crops


def evaluate(
    config: EvaluateConfig,
    *,
    on_step: OnStep = lambda step: None,
    on_done: OnDone = unheard,
    keep: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Measure everything that the configuration names.

    Args:
        config: What is measured, and how.
        on_step: Called with each step before it begins.
        on_done: Called within long steps.
        keep: Called before each step with what was measured so far, where that is more than
            before; such a report is marked as unfinished.

    Raises:
        FacemaskVideoError: Something named is not there, or cannot be used.
    """
    _check_what_is_named(config)
    sets, clips = config.sets, list[Clip]()
    if config.clips.sources is not None and config.clips.outputs is not None:
        clips = find_clips(config.clips.sources, config.clips.outputs)
    if config.run.n_threads:
        torch.set_num_threads(config.run.n_threads)
    results = Results()
    files: dict[str, Path] = {}
    hashes: dict[str, str] = {}

    def report(unfinished: str = "") -> Report:
        return Report(
            measurements=tuple(results.measurements),
            config=as_plain(config),
            files=hashes,
            notes=tuple(results.notes),
            grids=tuple(results.grids),
            curves=tuple(results.curves),
            unfinished=unfinished,
        )

    n_kept = 0

    def begin(step: str) -> None:
        nonlocal n_kept
        if len(results.measurements) > n_kept:
            n_kept = len(results.measurements)
            keep(report(unfinished=step))
        on_step(step)

    if any((sets.bare, sets.masked, sets.pairs, config.lfw.pairs)):
        device = pick_device(config.run.device)
        files = _network_files(config)
        begin("reading networks")
        precision = pick_precision(config.run.precision, device)
        translators: dict[Direction, CropTranslator] = {
            direction: Translator.load(
                files[direction],
                direction=direction,
                device=device,
                precision=precision,
                pick_styles=style_chooser(TranslateConfig(style=config.weights.style))
                if direction is Direction.MASK
                else None,
            )
            for direction in Direction
            if direction in files
        }
        networks = load_metric_networks(config, device)
        hashes.update({role: sha256_file(path) for role, path in files.items()})
        paired = {} if sets.pairs is None else {m: b for b, m in read_pairs_file(sets.pairs)}
        _ImageEvaluation(
            config, translators, networks, device, results, begin, on_done, paired
        ).run()
    if clips:
        _evaluate_clips(clips, config, results, begin)
    return report()


def _check_what_is_named(config: EvaluateConfig) -> None:
    """Refuse, before anything is loaded, what lacks something that it needs."""
    sets, lfw, clips = config.sets, config.lfw, config.clips
    if not any((sets.bare, sets.masked, sets.pairs, lfw.pairs, clips.sources, clips.outputs)):
        raise ConfigError(
            "nothing to evaluate; pass --bare, --masked, --pairs, --lfw-pairs or --sources."
        )
    if sets.real_or_fake and (sets.bare is None or sets.masked is None):
        raise ConfigError("--real-or-fake: compares two domains; pass --bare and --masked.")
    if (clips.sources is None) != (clips.outputs is None):
        raise ConfigError("clips: pass both --sources and --outputs.")
    masks = config.weights.direction in ("both", Direction.MASK)
    if lfw.pairs and not (lfw.images and config.weights.embedder and masks):
        raise ConfigError(
            "lfw.pairs: verification needs --lfw-images and --embedder, and a mask generator."
        )


def _network_files(config: EvaluateConfig) -> dict[str, Path]:
    """Return the weights files by role; a generator's role is its direction."""
    weights = config.weights
    files = {
        str(direction): getattr(weights, direction) or default_weights(direction)
        for direction in Direction
        if weights.direction in ("both", direction)
    }
    files["classifier"] = weights.classifier or default_mask_classifier()
    for role in ("embedder", "inception", "lpips"):
        if (file := getattr(weights, role)) is not None:
            files[role] = file
    return files


@dataclass(frozen=True, slots=True, eq=False)
class _ImageEvaluation:
    """Everything that is measured on crops and photographs."""

    config: EvaluateConfig
    translators: Mapping[Direction, CropTranslator]
    networks: MetricNetworks
    device: torch.device
    results: Results
    on_step: OnStep
    on_done: OnDone
    paired_names: Mapping[str, str]  # of the bare picture by that of the masked one

    def run(self) -> None:
        sets = self.config.sets
        self._note_what_is_left_out()
        manifest_faces = read_manifests(sets.manifests) if sets.manifests is not None else {}
        bare = masked = others = None
        if sets.bare is not None:
            bare, others = self._held_out(sets.bare, "bare")
        if sets.masked is not None:
            masked, _ = self._held_out(sets.masked, "masked")
        for direction, translator in self.translators.items():
            evaluator = GeneratorEvaluator(
                self.config,
                direction,
                translator,
                self.networks,
                self.results,
                manifest_faces,
                device=self.device,
                same_source=self.paired_names,
                on_done=self.on_done,
            )
            inputs, real = (bare, masked) if direction is Direction.MASK else (masked, bare)
            if inputs is not None:
                self.on_step(f"{direction}: {len(inputs)} held-out faces")
                evaluator.unpaired(inputs, real)
            if real is not None:
                self.on_step(f"{direction}: {len(real)} faces that need none")
                evaluator.target_domain(real)
            if direction is Direction.MASK and sets.fit:
                self._measure_fit(evaluator, masked)
            if direction is Direction.UNMASK:
                self._evaluate_pairs(evaluator, translator.crop_size_px, bare, others)
        if self.config.lfw.pairs is not None:
            self._verify_identities(self.config.lfw.pairs)

    def _note_what_is_left_out(self) -> None:
        if self.networks.embedder is None:
            self.results.notes.append("identity: no --embedder given")
        if self.networks.lpips is None:
            self.results.notes.append("LPIPS: no --lpips given, and no backbone on disk")
        if self.config.weights.inception is None:
            self.results.notes.append(
                "FID and KID: no --inception given; fd_onet and kd_onet stand in"
            )

    def _held_out(self, source: Path, domain: str) -> tuple[CropSet, CropSet]:
        """Return the faces of a source to evaluate, and those that were trained on."""
        self.on_step(f"reading {source}")
        sets = self.config.sets
        size_px = max(translator.crop_size_px for translator in self.translators.values())
        folders = folder_names(sets.masked_folders if domain == "masked" else sets.bare_folders)
        evaluated = Evaluated(
            split=sets.split,
            validation=sets.held_out,
            test=sets.test_share,
            whole_folders=tuple(folder_names(sets.whole_folders)),
            names=None if sets.names is None else read_names(sets.names),
            # Training leaves the pairs out too.
            also=frozenset(self.paired_names) | frozenset(self.paired_names.values()),
        )
        crops = load_crops(
            source,
            size_px=size_px,
            device=self.device,
            domain=domain,
            choose=evaluated.chooser(folders),
            on_done=self.on_done,
        )
        if folders:
            crops = crops.in_folders(folders)
        chosen, others = split_evaluated(crops, evaluated, where=str(source))
        return evenly_sampled(chosen, sets.limit), others

    def _measure_fit(self, evaluator: GeneratorEvaluator, masked: CropSet | None) -> None:
        sets, weights = self.config.sets, self.config.weights
        if masked is None:
            raise ConfigError("--fit: takes masks off photographs of masked faces; pass --masked.")
        mask, _ = load_generator(
            weights.mask or default_weights(Direction.MASK), direction=Direction.MASK
        )
        unmask, card = load_generator(
            weights.unmask or default_weights(Direction.UNMASK), direction=Direction.UNMASK
        )
        if not isinstance(unmask, TwoStageGenerator):
            raise ConfigError("--fit: the unmask weights do not segment masks; pass others.")
        chosen = resized(evenly_sampled(masked, sets.fit), card.crop_size_px)
        self.on_step(f"{Direction.MASK}: fit on {len(chosen)} masked photographs")
        evaluator.fit(chosen, mask, unmask)

    def _evaluate_pairs(
        self,
        evaluator: GeneratorEvaluator,
        size_px: int,
        bare: CropSet | None,
        others: CropSet | None,
    ) -> None:
        """Evaluate ``unmask`` on exact pairs and on masks drawn on bare faces."""
        sets = self.config.sets
        if sets.pairs is not None:
            self.on_step(f"{Direction.UNMASK}: pairs of {sets.pairs}")
            photographs = read_photo_pairs(
                sets.pairs, device=self.device, segmentations=sets.segmentations, limit=sets.limit
            )
            images = f"{len(photographs)} exact pairs"
            evaluator.photographs(photographs, photograph_detector(self.device), images)
            evaluator.pairs("pairs", crop_photo_pairs(photographs, size_px), others, images)
        if bare is not None and sets.drawn:
            chosen = evenly_sampled(resized(bare, size_px), sets.drawn)
            self.on_step(f"{Direction.UNMASK}: masks drawn on {len(chosen)} faces")
            pairs = draw_mask_pairs(chosen, seed=self.config.run.seed)
            evaluator.pairs("drawn", pairs, others, f"drawn masks on {len(pairs)} held-out faces")

    def _verify_identities(self, pairs_file: Path) -> None:
        lfw, embedder = self.config.lfw, self.networks.embedder
        translator = self.translators.get(Direction.MASK)
        assert lfw.images is not None  # see _check_what_is_named
        assert embedder is not None
        assert translator is not None
        pairs = read_face_pairs(pairs_file, limit=lfw.limit)
        self.on_step(f"verification: {len(pairs)} pairs")
        crops = load_crops(
            lfw.images, size_px=translator.crop_size_px, device=self.device, on_done=self.on_done
        )
        wanted = {name for pair in pairs for name in (pair.first, pair.second)}
        # Names begin with the folder that was cut, which pairs.txt does not know.
        known = tuple(str(Path(name).with_suffix("")).partition("/")[2] for name in crops.names)
        crops = CropSet(crops.images, crops.landmarks, known)
        crops = crops.take(np.array([name in wanted for name in known]))
        if not len(crops):
            raise ConfigError(f"{lfw.images}: holds none of the pictures that {pairs_file} names.")
        crops = resized(crops, translator.crop_size_px)
        outputs = translate_crops(
            crops, translator, batch_size=self.config.run.batch_size, on_done=self.on_done
        )
        states = {"bare": crops, "masked": CropSet(outputs, crops.landmarks, crops.names)}
        embeddings = {
            state: dict(zip(faces.names, embed_faces(faces, embedder), strict=True))
            for state, faces in states.items()
        }
        context = Context(
            "mask/verification",
            f"{pairs_file.name}, {len(crops)} faces, masked ones by our generator",
            f"embeddings of {embedder.name}, threshold of the other folds",
            self.config.run.seed,
        )
        self.results.measurements.extend(measure_verification(pairs, embeddings, context))
        n_non_mated = count_non_mated(pairs, set(crops.names))
        if n_non_mated * lfw.fmr < 1:
            self.results.notes.append(
                f"false non-match rates: a false match rate of {lfw.fmr:g} takes "
                f"{math.ceil(1 / lfw.fmr):,} comparisons of different persons, the pairs give "
                f"{n_non_mated:,}; pass --fmr"
            )
            return
        context = replace(context, features=f"embeddings of {embedder.name}")
        measured, curves = measure_false_non_match(pairs, embeddings, context, fmr=lfw.fmr)
        self.results.measurements.extend(measured)
        self.results.curves.append(curves)


def _evaluate_clips(
    clips: Sequence[Clip], config: EvaluateConfig, results: Results, on_step: OnStep
) -> None:
    seed = config.run.seed
    n_before = len(results.measurements)
    for number, clip in enumerate(clips, 1):
        on_step(f"clip {number} of {len(clips)}: {clip.source.name}")
        measured = measure_clip(clip, max_frames=config.clips.max_frames, seed=seed)
        results.measurements.extend(measured)
    if len(clips) > 1:
        pooled = pool_clips(results.measurements[n_before:], seed=seed)
        results.measurements[n_before:n_before] = pooled
