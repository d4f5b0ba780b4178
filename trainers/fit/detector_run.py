"""A run that trains MTCNN's networks: faces, crops, one network after the other, weights.

Each of these is kept in the run's folder, so that a run that was interrupted goes on.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
import torch

from facemask_video.config.settings import as_plain
from facemask_video.core.errors import ConfigError, TrainingError, VideoReadError
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import ImageU8
from facemask_video.detect.cascade import CascadeDetector
from facemask_video.detect.landmarks import default_landmarks, load_landmarks
from facemask_video.detect.mtcnn import load_networks, save_networks
from facemask_video.detect.size import detect_size_px
from facemask_video.translate.device import pick_device
from facemask_video.video import VideoReader
from trainers.config.detector import DetectorConfig
from trainers.data.detector_crops import SIDES_PX, CropCollector, LabelledCrops, show_face
from trainers.data.detector_faces import BARE, MASKED, ListedFace, TaughtFace, list_faces, teach
from trainers.data.splits import read_names, split_of
from trainers.fit.detector import DetectorRun, train_network
from trainers.fit.interrupt import Stop
from trainers.fit.runs import RunFolder

WEIGHTS = "mtcnn-masks.safetensors"

_CPU = torch.device("cpu")
_PART = 250
"""Pictures whose crops are kept in one file."""

_PROPOSING = (0.4, 0.3)
"""Scores from which the original networks propose what is learnt from."""

_MAYBE_A_FACE = (0.4, 0.3, 0.2)
"""Scores from which something in a clip may be a face, of which nothing is known."""

_OF_A_FRAME = 8
_CLIP_FACE_PX = (24.0, 60.0)
"""Smallest face that a clip's frames are shown for: how small they are."""

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
    crops = None if faces is None else _crops(folder, faces, clips, config, stop, on_done)
    if crops is None:
        return None
    pnet, *others = load_networks(_CPU)
    for name, network in zip(SIDES_PX, others, strict=True):
        run = DetectorRun(
            folder / "checkpoints" / name,
            config.images,
            config.batch_size,
            config.lr,
            config.checkpoint_every,
            config.seed,
            device,
            on_stats=lambda seen, loss, name=name: on_stats(name, seen, loss),  # type: ignore[misc]
        )
        if not train_network(name, network, crops[name], run, stop):
            return None
    names = (folder / "training-files.txt").read_bytes()
    settings = json.dumps(_recipe(config), sort_keys=True).encode()
    recipe = {
        "config_sha256": hashlib.sha256(settings).hexdigest(),
        "training_files_sha256": hashlib.sha256(names).hexdigest(),
    }
    save_networks(folder / WEIGHTS, pnet, *others, images_seen=config.images, recipe=recipe)
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


def _crops(
    folder: Path,
    faces: Sequence[TaughtFace],
    clips: Sequence[Path],
    config: DetectorConfig,
    stop: Stop,
    on_done: OnDone,
) -> dict[str, LabelledCrops] | None:
    """Return the crops of each network; None where the run was stopped."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    collector = CropCollector(
        CascadeDetector(device=_CPU, threshold=0.0, min_face_px=12.0, stage_thresholds=_PROPOSING)
    )
    by_kind = [[face for face in faces if face.is_masked == is_masked] for is_masked in (0, 1)]
    cloths = by_kind[1]
    parts = []
    for start in range(0, config.pictures, _PART):
        path = folder / "crops" / f"{start:06d}.npz"
        if not path.is_file():
            found = []
            for number in range(start, min(start + _PART, config.pictures)):
                if stop:
                    return None
                on_done("pictures", number, config.pictures)
                rng = np.random.default_rng((config.seed, number))
                some = by_kind[number % 2] or faces
                shown = show_face(some, int(rng.integers(len(some))), cloths, rng)
                found.append(collector.collect(shown, rng))
            _save_crops(path, found)
        parts.append(path)
    on_done("pictures", config.pictures, config.pictures)
    for number, clip in enumerate(clips):
        path = folder / "crops" / f"{clip.name}.npz"
        if not path.is_file():
            if stop:
                return None
            on_done("clips", number, len(clips))
            _save_crops(path, _of_clip(clip, collector, config))
        parts.append(path)
    if clips:
        on_done("clips", len(clips), len(clips))
    stored = [_load(path) for path in parts]
    return {
        name: LabelledCrops.joined([_one_network(arrays, name) for arrays in stored])
        for name in SIDES_PX
    }


def _of_clip(
    clip: Path, collector: CropCollector, config: DetectorConfig
) -> list[dict[str, LabelledCrops]]:
    """Return what is proposed in a clip where nothing may be a face."""
    rng = np.random.default_rng((config.seed, 1))
    detector = CascadeDetector(
        device=_CPU,
        threshold=_MAYBE_A_FACE[2],
        min_face_px=12.0,
        stage_thresholds=_MAYBE_A_FACE[:2],
    )
    found = []
    for picture in _frames(clip, config.clip_frames, rng):
        faces = [each.box for each in detector.detect([picture])[0]]
        found.append(collector.collect_negatives(picture, faces, _OF_A_FRAME, rng))
    return found


def _frames(clip: Path, most: int, rng: np.random.Generator) -> list[ImageU8]:
    """Return some frames of a clip, evenly taken, as large as the detector is shown them."""
    frames: list[ImageU8] = []
    try:
        with VideoReader(clip) as reader:
            info = reader.info
            every = max(1, (info.frame_count_from_header or 10 * most) // most)
            for frame in reader:
                if frame.index % every == 0 and len(frames) < most:
                    size_px = detect_size_px(
                        info.width_px, info.height_px, min_face_px=rng.uniform(*_CLIP_FACE_PX)
                    )
                    frames.append(frame.thumbnail(size_px)[0])
    except VideoReadError as exc:
        raise TrainingError(f"{clip}: cannot be read ({exc}); move it out of --clips.") from exc
    return frames


def _save_crops(path: Path, found: Sequence[dict[str, LabelledCrops]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {}
    for name in SIDES_PX:
        crops = LabelledCrops.joined([each[name] for each in found])
        arrays |= {
            f"{name}_{key}": getattr(crops, key)
            for key in ("images", "kinds", "regression", "points")
        }
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)


def _one_network(arrays: dict[str, Any], name: str) -> LabelledCrops:
    return LabelledCrops(
        *(arrays[f"{name}_{key}"] for key in ("images", "kinds", "regression", "points"))
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        with np.load(path) as stored:
            return dict(stored)
    except (OSError, ValueError, BadZipFile, EOFError) as exc:
        raise TrainingError(f"{path}: is damaged ({exc}); delete it, it is made anew.") from exc
