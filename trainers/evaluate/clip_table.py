"""The table of whole tracks: a row a conversion, kept as it grows."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facemask_video.config import ConvertConfig, TranslateConfig
from facemask_video.config.settings import as_plain
from facemask_video.core.direction import Direction
from facemask_video.core.files import atomic_write
from facemask_video.core.json_lines import read_rows, write_rows
from facemask_video.pipeline.load_networks import load_networks
from trainers.evaluate.config import ConversionsConfig
from trainers.evaluate.domain_judge import DomainJudge
from trainers.evaluate.whole_tracks import HEADER, TracksOfClip, measure_tracks, row_of, together

_ROWS, _TABLE = "clips.jsonl", "clips.md"


@dataclass(frozen=True, slots=True)
class ClipTable:
    """Measures clips and writes ``clips.jsonl`` and ``clips.md`` after each.

    Attributes:
        folder: Where they lie; what ``clips.jsonl`` holds is not measured again.
        asked: Directions, generators and styles.
        about: What the judge is worth, in words.
    """

    folder: Path
    asked: ConversionsConfig
    about: str

    def measure(self, clips: Sequence[Path], judge: DomainJudge, converted: Path) -> Iterator[str]:
        """Yield the lines of the table as they come: head, a row a conversion, and the sums.

        Args:
            clips: Videos.
            judge: Has the say.
            converted: Folder of the conversions.
        """
        yield HEADER
        rows = self._known()
        for direction in Direction:
            if self.asked.direction not in ("both", direction):
                continue
            translate = self._translate(direction)
            networks = load_networks(ConvertConfig(direction, translate))
            setup = self._setup(networks.weights, judge)
            of_direction = []
            for clip in clips:
                found = rows.get((clip.name, str(direction), setup))
                if found is None:
                    found = measure_tracks(
                        clip,
                        converted,
                        direction,
                        translate,
                        judge,
                        networks=networks,
                        max_frames=self.asked.max_frames,
                    )
                    found = replace(found, setup=setup)
                    rows[clip.name, str(direction), setup] = found
                    self._write(list(rows.values()))
                of_direction.append(found)
                yield row_of(found)
            yield row_of(together(of_direction))

    def _translate(self, direction: Direction) -> TranslateConfig:
        masks = direction is Direction.MASK
        return TranslateConfig(
            weights=getattr(self.asked, direction),
            style=self.asked.style if masks else None,
            device=self.asked.device,
        )

    def _setup(self, weights: dict[str, object], judge: DomainJudge) -> str:
        """Return what two rows must share to stand in one table."""
        plain = as_plain(self.asked)
        kept = {key: plain[key] for key in ("max_frames", "style")}
        what = {**kept, "weights": weights["sha256"], "judge": judge.sha256()}
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]

    def _known(self) -> dict[tuple[str, str, str], TracksOfClip]:
        path = self.folder / _ROWS
        if not path.is_file():
            return {}
        rows = read_rows(path, lambda row: TracksOfClip(**row), remedy="delete the file")
        return {(row.clip, row.direction, row.setup): row for row in rows}

    def _write(self, rows: list[TracksOfClip]) -> None:
        write_rows(self.folder / _ROWS, rows)
        setups = {row.direction: row.setup for row in rows}
        lines = [HEADER]
        for direction, setup in setups.items():
            alike = [row for row in rows if (row.direction, row.setup) == (direction, setup)]
            lines += [*map(row_of, alike), row_of(together(alike))]
        text = "\n".join([*lines, "", f"{self.about[:1].upper()}{self.about[1:]}.", ""])
        with atomic_write(self.folder / _TABLE) as part:
            part.write_text(text, encoding="utf-8")
