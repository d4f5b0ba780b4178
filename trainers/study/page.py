"""The study as one page that needs nothing besides itself."""

import hashlib
import json
from pathlib import Path

from facemask_video.core.pages import render_page
from trainers.study.config import StudyConfig
from trainers.study.pictures import check_enough, encoded, list_fake, list_real

FORMAT = "facemask-study/1"


def study_page(real: Path, fake: Path, config: StudyConfig) -> str:
    """Return the page.

    Args:
        real: Folder of photographs.
        fake: Folder of outputs.
        config: How the study is run.

    Raises:
        ConfigError: Too few pictures, or one cannot be read.
    """
    photographs = list_real(real)
    outputs = list_fake(fake, generator=config.generator, direction=config.direction)
    check_enough(photographs, outputs, needed=config.trials + config.practice)
    plain = {
        "format": FORMAT,
        "trials": config.trials,
        "practice": config.practice,
        "seconds": config.seconds,
        "size_px": config.size_px,
        "real": [
            {"name": p.name, "direction": p.direction, "uri": encoded(p, config.size_px)}
            for p in photographs
        ],
        "fake": [
            {
                "name": p.name,
                "generator": p.generator,
                "direction": p.direction,
                "uri": encoded(p, config.size_px),
            }
            for p in outputs
        ],
    }
    plain["study"] = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
    return render_page("trainers.study", "study.html", study=plain)
