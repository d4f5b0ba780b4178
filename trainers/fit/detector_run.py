"""A run that trains MTCNN's scorers: faces, crops, what is taken for faces, training, and again.

Each of these is kept in the run's folder, so that a run that was interrupted goes on.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
import torch

from facemask_video.config.settings import as_plain
from facemask_video.core.errors import ConfigError, TrainingError
from facemask_video.core.files import atomic_write
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.landmarks import default_landmarks, load_landmarks
from facemask_video.detect.mtcnn import (
    begin_scorers,
    load_networks,
    load_scorers,
    save_scorers,
)
from facemask_video.translate.device import pick_device
from trainers.config.detector import DetectorConfig
from trainers.data.detector_crops import SIDES_PX, CropCollector, LabelledCrops, show_face
from trainers.data.detector_faces import BARE, MASKED, ListedFace, TaughtFace, list_faces, teach
from trainers.data.detector_negatives import NegativeMiner, about_faces, in_clip, in_patterns
from trainers.data.splits import read_names, split_of
from trainers.fit.detector import DetectorRun, features_of, train_scorer
from trainers.fit.interrupt import Stop
from trainers.fit.runs import RunFolder

WEIGHTS = "mtcnn-masks.safetensors"

_CPU = torch.device("cpu")
_PART = 250
"""Pictures whose crops are kept in one file."""

_PROPOSING = (0.4, 0.3)
"""Scores from which the original networks propose what is learnt from."""

_OF_A_FRAME, _OF_A_PICTURE = 40, 8
"""Most crops of what is taken for a face."""

OnDone = Callable[[str, int, int], None]
OnStats = Callable[[str, int, float], None]


def run_detector(
    data: Path,
    folder: Path,
    config: DetectorConfig,
    *,
    stop: Stop,
    on_done: OnDone,
    on_stats: OnStats,
) -> Path | None:
    """Train the networks, or go on with it.

    Args:
        data: Holds the two folders of faces.
        folder: Of the run.
        config: How.
        stop: Ends it in good order.
        on_done: Called with a name, how much is done, and of how much.
        on_stats: Called with a network's name, crops seen, and the loss.

    Returns:
        The weights' file; None where the run was stopped.

    Raises:
        ConfigError: The faces cannot be read, or the folder is of a run with other settings.
        TrainingError: The loss is no longer finite, or a checkpoint cannot be read.
    """
    device = pick_device(config.device)
    bare, masked = _listed(data, config)
    clips = _clips(config)
    _open_run(folder, config, [face.name for face in (*bare, *masked)] + [c.name for c in clips])
    faces = _taught(folder, bare, masked, stop, on_done)
    shown = None if faces is None else _shown(folder, faces, config, stop, on_done)
    if faces is None or shown is None:
        return None
    names = (folder / "training-files.txt").read_bytes()
    settings = json.dumps(_recipe(config), sort_keys=True).encode()
    recipe = {
        "config_sha256": hashlib.sha256(settings).hexdigest(),
        "training_files_sha256": hashlib.sha256(names).hexdigest(),
    }
    _, rnet, onet = load_networks(_CPU)
    scorers = begin_scorers(rnet, onet)
    mined: list[LabelledCrops] = []
    weights: Path | None = None
    for number in range(config.rounds):
        new = _mined(folder, number, faces, clips, weights, config, stop, on_done)
        if new is None:
            return None
        mined.append(new)
        # The next round's miner, or what the run was for.
        is_last = number == config.rounds - 1
        weights = folder / (WEIGHTS if is_last else f"round-{number}.safetensors")
        if not weights.is_file() or is_last:
            taken = LabelledCrops.joined(mined)
            for name, network in (("rnet", rnet), ("onet", onet)):
                run = DetectorRun(
                    folder / "checkpoints" / f"{name}-{number}",
                    config.images,
                    config.batch_size,
                    config.lr,
                    config.checkpoint_every,
                    config.seed,
                    device,
                    on_stats=lambda seen, loss, name=name: on_stats(name, seen, loss),  # type: ignore[misc]
                )
                sets = (shown.images[name], taken.images[name])
                features, of_taken = (features_of(network, each, device) for each in sets)
                kinds = (features[shown.is_face], features[~shown.is_face], of_taken)
                if not train_scorer(name, getattr(scorers, name), kinds, run, stop):
                    return None
            save_scorers(weights, scorers, images_seen=config.images * (number + 1), recipe=recipe)
        else:
            scorers = load_scorers(weights)
    return folder / WEIGHTS


def _recipe(config: DetectorConfig) -> dict[str, Any]:
    """Return the settings that what is learnt depends on."""
    elsewhere = ("device", "checkpoint_every", "held_out_names", "clips")
    return {key: value for key, value in as_plain(config).items() if key not in elsewhere}


def _open_run(folder: Path, config: DetectorConfig, names: Sequence[str]) -> None:
    """Begin a run, or check that the one in a folder is this one."""
    run = RunFolder(folder)
    recipe, listed = _recipe(config), "".join(f"{name}\n" for name in names)
    if run.options.is_file():
        before = run.read_options()
        for key in recipe:
            if before.get(key) != recipe[key]:
                raise ConfigError(
                    f"{folder}: was begun with {key} {before.get(key)!r}, not {recipe[key]!r}; "
                    "pass the same, or name another folder."
                )
        if run.training_files.read_text(encoding="utf-8") != listed:
            raise ConfigError(f"{folder}: was begun with other pictures; name another folder.")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: is no run of this command; name an empty or a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    run.training_files.write_text(listed, encoding="utf-8")
    run.write_options(recipe)


def _listed(data: Path, config: DetectorConfig) -> tuple[list[ListedFace], list[ListedFace]]:
    """Return the bare and the masked faces to train on."""
    aside = read_names(config.held_out_names) if config.held_out_names else frozenset[str]()
    found = []
    for name, folders in ((BARE, config.bare_folders), (MASKED, config.masked_folders)):
        faces = list_faces(
            data / name, folders=_names(folders), whole_folders=_names(config.whole_folders)
        )
        faces = [face for face in faces if _trains(face.source, config) and face.name not in aside]
        if not faces:
            raise ConfigError(f"{data / name}: no face is left to train on; lower --held-out.")
        found.append(_thinned(faces, config.faces))
    return found[0], found[1]


def _thinned(faces: list[ListedFace], most: int) -> list[ListedFace]:
    picks = np.linspace(0, len(faces) - 1, min(most or len(faces), len(faces))).astype(int)
    return [faces[pick] for pick in picks]


def _trains(source: str, config: DetectorConfig) -> bool:
    return split_of(source, validation=config.held_out, test=config.test_share) == "train"


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _clips(config: DetectorConfig) -> list[Path]:
    if config.clips is None:
        return []
    if not config.clips.is_dir():
        raise ConfigError(f"{config.clips}: no such folder of clips.")
    found = sorted(path for path in config.clips.iterdir() if path.is_file())
    return [path for path in found if _trains(path.name, config)]


def _taught(
    folder: Path,
    bare: Sequence[ListedFace],
    masked: Sequence[ListedFace],
    stop: Stop,
    on_done: OnDone,
) -> list[TaughtFace] | None:
    """Return what is to be said of each face, from the run's file where there is one.

    None where the run was stopped.
    """
    path = folder / "faces.npz"
    names = {str(face.path): face.path for face in (*bare, *masked)}
    if path.is_file():
        stored = _load(path)
        columns = (stored[name] for name in ("paths", "is_masked", "boxes", "points"))
        return [
            TaughtFace(names[str(at)], bool(is_masked), box, points)
            for at, is_masked, box, points in zip(*columns, strict=True)
        ]
    faces = teach(
        bare,
        masked,
        load_landmarks(default_landmarks(), device=_CPU),
        device=_CPU,
        on_face=lambda done, total: on_done("faces", done, total),
        is_stopped=lambda: bool(stop),
    )
    if faces is None:
        return None
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez(
            file,
            paths=np.array([str(face.path) for face in faces]),
            is_masked=np.array([face.is_masked for face in faces]),
            boxes=np.array([face.box for face in faces]),
            points=np.array([face.points for face in faces]),
        )
    return faces


def _shown(
    folder: Path, faces: Sequence[TaughtFace], config: DetectorConfig, stop: Stop, on_done: OnDone
) -> LabelledCrops | None:
    """Return the crops of pictures that show a face each; None where the run was stopped."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    collector = CropCollector(
        CascadeDetector(device=_CPU, threshold=0.0, min_face_px=12.0, stage_thresholds=_PROPOSING)
    )
    by_kind = [[face for face in faces if face.is_masked == is_masked] for is_masked in (0, 1)]

    def collect(number: int) -> LabelledCrops:
        rng = np.random.default_rng((config.seed, number))
        some = by_kind[number % 2] or faces
        shown = show_face(some, int(rng.integers(len(some))), by_kind[1], rng)
        return collector.collect(shown, number, rng)

    found = []
    for start in range(0, config.pictures, _PART):
        on_done("pictures", start, config.pictures)
        numbers = range(start, min(start + _PART, config.pictures))
        path = folder / "crops" / f"faces-{start:06d}.npz"
        crops = _kept(path, partial(map, collect, numbers), stop)
        if crops is None:
            return None
        found.append(crops)
    on_done("pictures", config.pictures, config.pictures)
    return LabelledCrops.joined(found)


def _mined(
    folder: Path,
    round_number: int,
    faces: Sequence[TaughtFace],
    clips: Sequence[Path],
    scorers: Path | None,
    config: DetectorConfig,
    stop: Stop,
    on_done: OnDone,
) -> LabelledCrops | None:
    """Return the crops of what is taken for faces; None where the run was stopped.

    Args:
        folder: Of the run.
        round_number: Of the round, from 0; patterns and photographs are others in each.
        faces: Whose photographs are looked at.
        clips: To look at.
        scorers: Of the networks that look.
        config: How much to look at.
        stop: See `run_detector`.
        on_done: See `run_detector`.
    """
    miner, seed = NegativeMiner(scorers), config.seed + round_number
    rng = np.random.default_rng((seed, 2))
    bare = [face for face in faces if not face.is_masked]
    photographs = [bare[pick] for pick in rng.permutation(len(bare))[: config.photographs]]
    sets: dict[str, Callable[[], Iterable[LabelledCrops]]] = {
        f"clip-{clip.name}": partial(
            in_clip, clip, miner, n_frames=config.clip_frames, n=_OF_A_FRAME, seed=seed
        )
        for clip in clips
    }
    for start in range(0, len(photographs), _PART):
        part_rng = np.random.default_rng((seed, 3, start))
        sets[f"photographs-{start:06d}"] = partial(
            about_faces,
            photographs[start : start + _PART],
            miner,
            n=_OF_A_PICTURE,
            rng=part_rng,
        )
    for start in range(0, config.patterns, _PART):
        numbers = range(start, min(start + _PART, config.patterns))
        sets[f"patterns-{start:06d}"] = partial(
            in_patterns, numbers, miner, n=_OF_A_PICTURE, seed=seed
        )
    found = []
    for number, (name, make) in enumerate(sets.items()):
        on_done("no faces", number, len(sets))
        crops = _kept(folder / "crops" / f"none-{round_number}-{name}.npz", make, stop)
        if crops is None:
            return None
        found.append(crops)
    on_done("no faces", len(sets), len(sets))
    return LabelledCrops.joined(found)


def _kept(
    path: Path, make: Callable[[], Iterable[LabelledCrops]], stop: Stop
) -> LabelledCrops | None:
    """Return the crops of a file, which is made where it is not there; None where stopped."""
    if path.is_file():
        stored = _load(path)
        return LabelledCrops({name: stored[name] for name in SIDES_PX}, stored["is_face"])
    if stop:
        return None
    made = []
    for crops in make():
        made.append(crops)
        if stop:
            return None
    crops = LabelledCrops.joined(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez(file, is_face=crops.is_face, **crops.images)  # type: ignore[arg-type]
    return crops


def _load(path: Path) -> dict[str, Any]:
    try:
        with np.load(path) as stored:
            return dict(stored)
    except (OSError, ValueError, BadZipFile, EOFError) as exc:
        raise TrainingError(f"{path}: is damaged ({exc}); delete it, it is made anew.") from exc
