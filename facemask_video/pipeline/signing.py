"""The signed statement that a conversion was asked for: made before its output is put in place."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from facemask_video import __version__
from facemask_video.config import ConvertConfig
from facemask_video.content_credentials import Claim, Made, Signer, embeds, sidecar_path
from facemask_video.core.errors import VideoWriteError
from facemask_video.core.files import atomic_write
from facemask_video.video import Seal

if TYPE_CHECKING:
    # Imports torch, which a plan does without.
    from facemask_video.pipeline.load_networks import Networks


def credentials_beside(target: Path, config: ConvertConfig) -> Path | None:
    """Return the file that the statement goes into; None where it goes into the output, or none."""
    if config.output.sign is None or embeds(target):
        return None
    return sidecar_path(target)


def load_signer(config: ConvertConfig) -> Signer | None:
    """Return what signs; None where nobody asked for it.

    Raises:
        ConfigError: Certificate or key cannot be used.
    """
    if config.output.sign is None:
        return None
    certificate, key = config.output.sign
    return Signer(Path(certificate), Path(key))


class Signing:
    """Signs one output.

    Args:
        signer: See `load_signer`.
        source: What is converted.
        target: The output.
        config: It runs with.
        networks: It runs with.
    """

    def __init__(
        self,
        signer: Signer,
        source: Path,
        target: Path,
        config: ConvertConfig,
        networks: "Networks",
    ) -> None:
        self._signer = signer
        weights = str(networks.weights.get("sha256", ""))
        self._claim = Claim(target, source, config.direction, __version__, weights)
        self._beside: bytes | None = None

    def seal(self, made: Made) -> Seal:
        """Return what signs the finished file under its hidden name."""
        return partial(self._sign, made=made)

    def _sign(self, part: Path, *, made: Made) -> None:
        self._beside = self._signer.sign(part, self._claim, made)

    def finish(self) -> tuple[str, ...]:
        """Write the manifest beside an output that cannot hold it, and return what is to be said.

        Raises:
            VideoWriteError: It cannot be written; the output is there without it.
        """
        if self._beside is None:
            return ()
        path = sidecar_path(self._claim.target)
        try:
            with atomic_write(path) as part:
                part.write_bytes(self._beside)
        except OSError as exc:
            raise VideoWriteError(
                f"{path}: the manifest cannot be written ({exc.strerror}); the video is complete."
            ) from exc
        return (f"its container holds no Content Credentials; they lie in {path.name} beside it",)
