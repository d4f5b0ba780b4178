"""One evaluation from its configuration to its report: reading `evaluate` is reading all of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from facemask_video.classify.mask_classifier import default_gate
from facemask_video.config.settings import as_plain
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.files import sha256_file
from facemask_video.translate.device import pick_device, pick_precision
from facemask_video.translate.stage import CropTranslator
from facemask_video.translate.translator import Translator
from facemask_video.translate.weights import default_weights
from trainers.data.crops import CropSet
from trainers.data.detector import photograph_detector
from trainers.evaluate.clips import clip_figures, find_clips, pooled_figures
from trainers.evaluate.config import EvaluateConfig
from trainers.evaluate.figures import About
from trainers.evaluate.generator_evaluator import Bench, Findings
from trainers.evaluate.identity import embedded
from trainers.evaluate.metrics import Judges, load_judges
from trainers.evaluate.outputs import translated
from trainers.evaluate.photographs import read_pairs_file, read_photo_pairs
from trainers.evaluate.report import Report
from trainers.evaluate.sets import (
    cut_pairs,
    draw_pairs,
    first,
    load_crops,
    resized,
    split,
)
from trainers.evaluate.traits import read_manifests
from trainers.evaluate.verification import read_face_pairs, verification_figures

OnStep = Callable[[str], None]
"""Told what is being done."""


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
    found = Findings()
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
        files={role: sha256_file(path) for role, path in files.items()},
        notes=tuple(found.notes),
        grids=tuple(found.grids),
    )


def _judge_pictures(
    config: EvaluateConfig,
    translators: dict[Direction, CropTranslator],
    judges: Judges,
    device: torch.device,
    found: Findings,
    on_step: OnStep,
) -> None:
    if judges.embedder is None:
        found.notes.append("identity: no --embedder given")
    if judges.lpips is None:
        found.notes.append("LPIPS: no weights of its backbone on disk")
    if config.weights.inception is None:
        found.notes.append("FID and KID: no --inception given; fd_onet and kd_onet stand in")
    size_px = max(translator.crop_size_px for translator in translators.values())
    noted = read_manifests(config.sets.manifests) if config.sets.manifests is not None else {}
    bare = masked = others = None
    if config.sets.bare is not None:
        on_step(f"reading {config.sets.bare}")
        bare, others = _held_out(config, config.sets.bare, size_px, device)
    if config.sets.masked is not None:
        on_step(f"reading {config.sets.masked}")
        masked, _ = _held_out(config, config.sets.masked, size_px, device, masked=True)
    for direction, translator in translators.items():
        bench = Bench(config, direction, translator, judges, found, noted)
        inputs, real = (bare, masked) if direction is Direction.MASK else (masked, bare)
        if inputs is not None:
            on_step(f"{direction}: {len(inputs)} held-out faces")
            bench.real(inputs, real)
        if real is not None:
            on_step(f"{direction}: {len(real)} faces that need none")
            bench.needless(real)
        if direction is Direction.MASK:
            continue
        if config.sets.pairs is not None:
            on_step(f"{direction}: pairs of {config.sets.pairs}")
            photographs = read_photo_pairs(
                config.sets.pairs,
                device=device,
                outlines=config.sets.outlines,
                limit=config.sets.limit,
            )
            said = f"{len(photographs)} exact pairs"
            bench.photographs(photographs, photograph_detector(device), said)
            bench.pairs("pairs", cut_pairs(photographs, translator.crop_size_px), others, said)
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
    domain = "masked" if masked else "bare"
    crops = load_crops(source, size_px=size_px, device=device, domain=domain)
    if masked and config.sets.masked_folders:
        crops = crops.in_folders([n.strip() for n in config.sets.masked_folders.split(",")])
    also: frozenset[str] = frozenset()
    if config.sets.pairs is not None:
        # Training leaves the pairs out too.
        also = frozenset(name for row in read_pairs_file(config.sets.pairs) for name in row)
    judged, others = split(crops, share=config.sets.held_out, also=also, where=str(source))
    return first(judged, config.sets.limit), others


def _verify_persons(
    config: EvaluateConfig,
    translators: dict[Direction, CropTranslator],
    judges: Judges,
    device: torch.device,
    found: Findings,
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


def _judge_clips(config: EvaluateConfig, found: Findings, on_step: OnStep) -> None:
    clips = config.clips
    if clips.sources is None or clips.outputs is None:
        raise ConfigError("clips: pass both --sources and --outputs.")
    seed, of_clips = config.run.seed, []
    for clip in find_clips(clips.sources, clips.outputs):
        on_step(f"clip {clip.source.name}")
        of_clips.append(clip_figures(clip, max_frames=clips.max_frames, seed=seed))
    each = [figure for figures in of_clips for figure in figures]
    found.figures.extend([*pooled_figures(each, seed=seed), *each] if len(of_clips) > 1 else each)
