"""Persons: cosines, and verification with thresholds that no pair was fitted to."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from facemask_video.core.errors import ConfigError, WeightsError
from facemask_video.core.frame import ImageU8
from tests.trainers.tiny import drawn_crops
from trainers.data.crops import CropSet
from trainers.evaluate.crop_pairs import draw_mask_pairs
from trainers.evaluate.face_verification import (
    FacePair,
    correct_decisions,
    measure_verification,
    read_face_pairs,
)
from trainers.evaluate.identity import OnnxEmbedder, embed_faces, measure_identity
from trainers.evaluate.measurement import Context

CONTEXT = Context("mask/held-out", "drawn faces", "", 1)


class ColourEmbedder:
    """Tells drawn persons apart by their colours."""

    name = "colours"
    width_px = 96

    def embed(self, faces: Sequence[ImageU8]) -> NDArray[np.float32]:
        small = np.stack([cv2.resize(face, (6, 7)).reshape(-1) for face in faces])
        centred = small.astype(np.float32) - small.mean()
        return centred / np.linalg.norm(centred, axis=1, keepdims=True)


def shuffled(crops: CropSet) -> CropSet:
    return CropSet(np.roll(crops.images, 1, axis=0), crops.landmarks, crops.names)


def test_swapped_identities_are_found() -> None:
    crops = drawn_crops(8, size_px=64)
    same = measure_identity({"ours": crops}, crops, ColourEmbedder(), CONTEXT)
    swapped = measure_identity({"ours": shuffled(crops)}, crops, ColourEmbedder(), CONTEXT)
    assert [figure.name for figure in same] == ["identity_cosine_face", "identity_cosine_eyes"]
    assert all(figure.value == pytest.approx(1) for figure in same)
    assert all(figure.value < 0.9 for figure in swapped)


def test_the_eye_region_does_not_see_a_mask() -> None:
    pairs = draw_mask_pairs(drawn_crops(6, size_px=96), seed=1)
    face, eyes = measure_identity({"ours": pairs.masked}, pairs.bare, ColourEmbedder(), CONTEXT)
    assert eyes.value > 0.98 > face.value


def test_faces_are_aligned_by_their_landmarks() -> None:
    crops = drawn_crops(1, size_px=128)
    mirrored = CropSet(
        np.ascontiguousarray(crops.images[:, :, ::-1]),
        np.stack([1 - crops.landmarks[..., 0], crops.landmarks[..., 1]], axis=-1),
        crops.names,
    )
    # Landmarks that are mirrored in place, but not in name, turn the face upside down.
    assert not np.allclose(
        embed_faces(crops, ColourEmbedder()), embed_faces(mirrored, ColourEmbedder()), atol=0.1
    )


def test_sets_of_different_length_are_refused() -> None:
    crops = drawn_crops(3, size_px=64)
    with pytest.raises(ConfigError, match="3 outputs of ours for 2 references"):
        measure_identity({"ours": crops}, drawn_crops(2, size_px=64), ColourEmbedder(), CONTEXT)


def test_a_missing_or_broken_embedder_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(WeightsError, match="no such face embedder"):
        OnnxEmbedder(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    with pytest.raises(WeightsError, match=r"bad\.onnx: not an ONNX network") as caught:
        OnnxEmbedder(tmp_path / "bad.onnx")
    assert "\n" not in str(caught.value)


def test_a_real_embedder_tells_persons_apart(shared_data: Path) -> None:
    pytest.importorskip("onnxruntime")
    import torch

    from facemask_video.core.pictures import read_picture
    from facemask_video.detect.single_image import find_main_face
    from trainers.data.crops import face_crop
    from trainers.data.detector import photograph_detector

    finder = photograph_detector(torch.device("cpu"))
    pairs = [p for p in read_face_pairs(shared_data / "lfw/pairs.txt", limit=2) if p.fold == 0]
    embedder = OnnxEmbedder(shared_data / "models/mobilefacenet_112x96.onnx", n_threads=1)
    cosines = []
    for pair in pairs:
        points = []
        for name in (pair.first, pair.second):
            picture = read_picture(shared_data / f"lfw/images_deepfunneled/{name}.jpg")
            face = find_main_face(picture, finder)
            assert face is not None
            image, landmarks = face_crop(picture, face, 128)
            points.append(embed_faces(CropSet(image[None], landmarks[None], (name,)), embedder)[0])
        cosines.append(float(points[0] @ points[1]))
    same = [pair.same for pair in pairs]
    assert same == [True, True, False, False]
    assert min(cosines[:2]) > max(cosines[2:])


PAIRS = "2 2\nAnn 1 2\nBob 1 2\nAnn 1 Bob 2\nBob 1 Cy 1\nCy 1 2\nDee 1 2\nCy 2 Dee 1\nAnn 2 Dee 2\n"


def test_pairs_files_are_read_by_fold(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(PAIRS)
    pairs = read_face_pairs(path)
    assert len(pairs) == 8
    assert pairs[2] == FacePair(0, "Ann/Ann_0001", "Bob/Bob_0002", same=False)
    assert pairs[4] == FacePair(1, "Cy/Cy_0001", "Cy/Cy_0002", same=True)
    assert [p.same for p in read_face_pairs(path, limit=1)] == [True, False, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected FOLDS and N"),
        ("2 2\nAnn 1 2\n", "holds 1 pairs, its first line promises 8"),
        (PAIRS.replace("Ann 1 2", "Ann 1 Bob 2"), "line 2: expected NAME i j"),
        (PAIRS.replace("Ann 1 2", "Ann 1 two"), "line 2: picture numbers expected"),
    ],
)
def test_damaged_pairs_files_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_face_pairs(path)


def test_a_threshold_is_never_fitted_to_the_fold_it_decides() -> None:
    pairs = [FacePair(fold, "a", "b", same) for fold in (0, 1) for same in (True, False)]
    # Fold 0 would be split rightly at 0.5, fold 1 at 5; each is decided by the other's.
    assert correct_decisions(np.array([0.9, 0.1, 9.0, 1.0]), pairs).tolist() == [
        False,
        True,
        True,
        False,
    ]


def test_verification_finds_masks_that_hide_the_person(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(PAIRS)
    pairs = read_face_pairs(path)
    rng = np.random.default_rng(0)
    people = dict(zip(("Ann", "Bob", "Cy", "Dee"), np.eye(4, 16, dtype=np.float32), strict=True))
    names = {name for pair in pairs for name in (pair.first, pair.second)}
    bare = {name: people[name.partition("/")[0]] for name in sorted(names)}
    masked = {name: rng.normal(0, 1, 16).astype(np.float32) for name in sorted(names)}
    figures = measure_verification(pairs, {"bare": bare, "masked": masked}, CONTEXT)
    accuracy = {figure.name: figure.value for figure in figures}
    assert accuracy["verification_accuracy_bare_bare"] == 1
    assert accuracy["verification_accuracy_masked_masked"] < 1
    assert accuracy["verification_accuracy_bare_masked"] < 1


def test_pairs_without_their_pictures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(PAIRS)
    with pytest.raises(ConfigError, match="too few of its pictures"):
        measure_verification(read_face_pairs(path), {"bare": {}, "masked": {}}, CONTEXT)
