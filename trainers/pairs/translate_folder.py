"""Run a generator over a folder of pictures as they are, and compare before and after on a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facemask_video.core.errors import ConfigError, VideoReadError
from facemask_video.core.faces import Crop, TrackedFace, TrackId
from facemask_video.core.files import atomic_write
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.core.pages import render_page
from facemask_video.core.pictures import read_picture, write_picture
from facemask_video.translate.translator import Translator
from trainers.data.crop_sources import Skipped
from trainers.data.crops import list_images

_BATCH = 8
_PAGE = "index.html"


@dataclass(frozen=True, slots=True)
class TranslatedFile:
    """A picture and what became of it, by their names in the two folders."""

    source: Path
    result: Path


def translate_folder(
    translator: Translator, folder: Path, output: Path, *, title: str
) -> tuple[list[TranslatedFile], list[Skipped]]:
    """Translate every picture under a folder, whole: no face is looked for.

    Each is squeezed to the generator's crop, translated, and brought back to its size, so nothing
    finer than the crop stays. Results are PNG files under the same names; ``index.html`` shows each
    beside its source.

    Args:
        translator: Of either direction.
        folder: With pictures.
        output: Where results go; made where it is not there.
        title: Of the page.

    Returns:
        What was translated, and what could not be read and why.

    Raises:
        ConfigError: There is no picture, or results would lie among the sources.
    """
    if output.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"{output}: lies in {folder}, so a second run would take results for pictures; "
            "choose another place."
        )
    done, skipped = list[TranslatedFile](), list[Skipped]()
    for batch in _batches(list_images(folder), skipped, folder):
        crops = [_as_crop(picture, translator.crop_size_px) for _, picture in batch]
        for (path, picture), made in zip(batch, translator.translate(crops), strict=True):
            alpha = made.alpha[..., None]
            whole = made.source.image + alpha * (made.image.astype(np.float32) - made.source.image)
            height, width = picture.shape[:2]
            result = cv2.resize(whole, (width, height), interpolation=cv2.INTER_CUBIC)
            # The source's suffix stays in the name: a.jpg and a.png are two pictures.
            name = path.relative_to(folder)
            target = output / name.with_name(f"{name.name}.png")
            target.parent.mkdir(parents=True, exist_ok=True)
            write_picture(target, np.clip(np.rint(result), 0, 255).astype(np.uint8))
            done.append(TranslatedFile(path, target))
    rows = [
        {
            "name": file.source.relative_to(folder).as_posix(),
            "source": file.source.resolve().as_uri(),
            "result": file.result.relative_to(output).as_posix(),
        }
        for file in done
    ]
    output.mkdir(parents=True, exist_ok=True)
    with atomic_write(output / _PAGE) as part:
        page = render_page(__package__, "comparison.html", title=title, rows=rows, skipped=skipped)
        part.write_text(page, encoding="utf-8")
    return done, skipped


def _batches(
    paths: list[Path], skipped: list[Skipped], folder: Path
) -> Iterator[list[tuple[Path, ImageU8]]]:
    batch = []
    for path in paths:
        try:
            batch.append((path, read_picture(path)))
        except VideoReadError as exc:
            skipped.append((path.relative_to(folder).as_posix(), str(exc)))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _as_crop(picture: ImageU8, size_px: int) -> Crop:
    """Take a whole picture for an aligned crop."""
    squeezed = cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_AREA)
    nowhere = TrackedFace(
        TrackId(0), Box(0, 0, size_px, size_px), np.zeros((5, 2), np.float32), 1.0, True
    )
    return Crop(np.asarray(squeezed, np.uint8), np.eye(2, 3), nowhere)
