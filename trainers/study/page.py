"""The study as one page that needs nothing besides itself."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.core.pages import render_page
from facemask_video.translate.device import pick_device
from trainers.data.detector import photograph_detector
from trainers.study.config import StudyConfig
from trainers.study.matching import MatchedPair, StudyFace, giveaways, match, read_faces
from trainers.study.pictures import (
    Picture,
    check_enough,
    encoded,
    list_fake,
    list_real,
    middle_square,
    read_study_picture,
)

FORMAT = "facemask-study/1"

logger = logging.getLogger(__name__)

OnProgress = Callable[[str, int, int], None]
"""Called with a folder's name as its faces are looked for, with pictures done and in all."""


def study_page(
    real: Path,
    fake: Path,
    config: StudyConfig,
    *,
    on_progress: OnProgress = lambda name, done, total: None,
) -> str:
    """Return the page.

    Args:
        real: Folder of photographs.
        fake: Folder of outputs.
        config: How the study is run.
        on_progress: Called as faces are looked for.

    Raises:
        ConfigError: Too few pictures, or one cannot be read.
    """
    photographs = list_real(real)
    outputs = list_fake(fake, generator=config.generator, direction=config.direction)
    needed = config.trials + config.practice
    check_enough(photographs, outputs, needed=needed)
    if config.match:
        pairs = _matched(photographs, outputs, config, (real.name, fake.name), on_progress)
        shown_real = [_entry(pair.real.picture, pair.real_image) for pair in pairs]
        # The photograph of an output has its own number.
        shown_fake = [
            _entry(pair.fake.picture, pair.fake_image) | {"pair": number}
            for number, pair in enumerate(pairs)
        ]
    else:
        shown_real, shown_fake = (
            [_entry(p, middle_square(read_study_picture(p), config.size_px)) for p in pictures]
            for pictures in (photographs, outputs)
        )
    plain = {
        "format": FORMAT,
        "trials": config.trials,
        "practice": config.practice,
        "seconds": config.seconds,
        "size_px": config.size_px,
        "real": shown_real,
        "fake": shown_fake,
    }
    plain["study"] = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
    return render_page("trainers.study", "study.html", study=plain)


def _matched(
    photographs: Sequence[Picture],
    outputs: Sequence[Picture],
    config: StudyConfig,
    names: tuple[str, str],
    on_progress: OnProgress,
) -> list[MatchedPair]:
    detector = photograph_detector(pick_device(config.device))
    found: list[list[StudyFace]] = []
    n_left_out = 0
    for name, pictures in zip(names, (photographs, outputs), strict=True):

        def show(done: int, total: int, name: str = name) -> None:
            on_progress(name, done, total)

        faces, left_out = read_faces(pictures, config.size_px, detector, on_progress=show)
        found.append(faces)
        n_left_out += len(left_out)
        if left_out:
            which, reason = left_out[0]
            logger.warning(
                "%s: left out %d of %d pictures, such as %s: %s.",
                *(name, len(left_out), len(pictures), which, reason),
            )
    pairs = match(*found)
    needed = config.trials + config.practice
    if len(pairs) < needed:
        raise ConfigError(
            f"study: {len(pairs)} pairs can be matched, expected at least {needed}, one for each "
            f"trial and practice ({n_left_out} pictures are left out); add pictures, pass --trials "
            "and --practice, or --no-match for pictures as they are."
        )
    for giveaway in giveaways(pairs):
        logger.warning(
            "%s: the photograph has more of it in %d %% of the pairs, which gives it away; take "
            "photographs and outputs that are more alike in it.",
            *(giveaway.feature, round(100 * giveaway.share)),
        )
    return pairs


def _entry(picture: Picture, image: ImageU8) -> dict[str, object]:
    return {
        "name": picture.name,
        "generator": picture.generator,
        "direction": picture.direction,
        "uri": encoded(image),
    }
