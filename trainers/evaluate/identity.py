"""Identity preservation: cosine similarity of face embeddings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facemask_video.align.similarity import fit_similarity
from facemask_video.core.errors import ConfigError, WeightsError
from facemask_video.core.frame import ImageU8
from facemask_video.core.warp import warp
from trainers.evaluate.measurement import Context, Measurement, mean_measurement

HEIGHT_PX = 112

# SphereFace's five points for 96x112 px (Liu et al., CVPR 2017), which count pixel centres from 0;
# half a px takes them to pixel edges, as everywhere here.
_TEMPLATE_96 = (
    np.array(
        [
            [30.2946, 51.6963],
            [65.5318, 51.5014],
            [48.0252, 71.7366],
            [33.5493, 92.3655],
            [62.7299, 92.2041],
        ]
    )
    + 0.5
)

# Row under which nothing is seen of the eye region: a quarter of the eyes' distance below them.
_EYES_END = round(51.6 + 0.25 * 35.2)
_GREY = 128


class Embedder(Protocol):
    """Maps aligned faces to unit vectors whose cosine measures identity."""

    @property
    def name(self) -> str:
        """Name in reports."""
        ...

    @property
    def width_px(self) -> int:
        """Width of the faces that it takes; their height is `HEIGHT_PX`."""
        ...

    def embed(self, faces: Sequence[ImageU8]) -> NDArray[np.float32]:
        """Return unit vectors, shape (n, d), for faces (112, width, 3), uint8 RGB."""
        ...


class OnnxEmbedder:
    """Any network in ONNX that takes (n, 3, 112, 96 or 112), RGB, (x - 127.5) / 128.

    Raises:
        WeightsError: No file, not such a network, or no onnxruntime to run it.
    """

    def __init__(self, path: Path, *, batch_size: int = 16, n_threads: int = 0) -> None:
        try:
            import onnxruntime
        except ImportError as exc:
            raise WeightsError(
                f"{path}: onnxruntime is not installed, which runs it; "
                "pip install 'facemask-video[evaluate]'."
            ) from exc
        if not path.is_file():
            raise WeightsError(f"{path}: no such face embedder; check --embedder.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        # Threads that spin while they wait take the cores from everything else.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        # Its exceptions share no base but this one.
        except Exception as exc:
            reason = str(exc).splitlines()[0]
            raise WeightsError(f"{path}: not an ONNX network that runs here ({reason}).") from exc
        taken = self._session.get_inputs()[0]
        if len(taken.shape) != 4 or list(taken.shape[1:3]) != [3, HEIGHT_PX]:
            raise WeightsError(
                f"{path}: takes {taken.shape}, expected (n, 3, {HEIGHT_PX}, 96 or 112)."
            )
        self._input = taken.name
        self._batch_size = batch_size
        self.width_px = int(taken.shape[3])
        self.name = path.stem

    def embed(self, faces: Sequence[ImageU8]) -> NDArray[np.float32]:
        """Return unit vectors, shape (n, d), for faces (112, width, 3), uint8 RGB."""
        points = []
        for start in range(0, len(faces), self._batch_size):
            stacked = np.stack(faces[start : start + self._batch_size]).astype(np.float32)
            batch = np.ascontiguousarray(((stacked - 127.5) / 128).transpose(0, 3, 1, 2))
            points.append(np.asarray(self._session.run(None, {self._input: batch})[0]))
        joined = np.concatenate(points).reshape(len(faces), -1).astype(np.float32)
        lengths = np.linalg.norm(joined, axis=1, keepdims=True)
        return np.asarray(joined / np.maximum(lengths, 1e-12), np.float32)


class FaceImages(Protocol):
    """Images of one face each: a set of crops, or of photographs."""

    @property
    def images(self) -> Sequence[ImageU8] | NDArray[np.uint8]:
        """The images, RGB."""
        ...

    @property
    def landmarks_px(self) -> NDArray[np.float32]:
        """Their landmarks, shape (n, 5, 2)."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images."""
        ...

    def __len__(self) -> int: ...


def embed_faces(
    portraits: FaceImages, embedder: Embedder, *, eyes_only: bool = False
) -> NDArray[np.float32]:
    """Align each face to the embedder's template and embed it.

    Args:
        portraits: With their landmarks.
        embedder: The network.
        eyes_only: Grey out everything below the eyes: what is left no mask can hide.
    """
    template = _TEMPLATE_96 + np.array([(embedder.width_px - 96) / 2, 0.0])
    faces = []
    for image, points in zip(portraits.images, portraits.landmarks_px, strict=True):
        to_face = fit_similarity(points.astype(np.float64), template)
        face = warp(image, to_face, width_px=embedder.width_px, height_px=HEIGHT_PX)
        if eyes_only:
            face[_EYES_END:] = _GREY
        faces.append(face)
    return embedder.embed(faces)


def measure_identity(
    made: Mapping[str, FaceImages], references: FaceImages, embedder: Embedder, context: Context
) -> list[Measurement]:
    """Compare persons with those in a set of references: whole faces, and the eyes alone.

    Args:
        made: Outputs by method, in the order of the references.
        references: Who they should be.
        embedder: The network.
        context: Of the measurements.

    Raises:
        ConfigError: The sets differ in number.
    """
    for method, outputs in made.items():
        if len(outputs) != len(references):
            raise ConfigError(
                f"identity: {len(outputs)} outputs of {method} for {len(references)} references."
            )
    measurements = []
    for part, eyes_only in (("face", False), ("eyes", True)):
        persons = embed_faces(references, embedder, eyes_only=eyes_only)
        for method, outputs in made.items():
            cosines = (embed_faces(outputs, embedder, eyes_only=eyes_only) * persons).sum(axis=1)
            samples = dict(zip(references.names, cosines.tolist(), strict=True))
            measurements.append(
                mean_measurement(
                    f"identity_cosine_{part}", samples, context, better="higher", method=method
                )
            )
    return measurements
