"""Run folders: numbered, with the options and the statistics of the run as text."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facemask_video.core.errors import ConfigError
from facemask_video.core.files import atomic_write


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The places of a run's files.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def options(self) -> Path:
        """The resolved configuration."""
        return self.path / "options.json"

    @property
    def training_files(self) -> Path:
        """Names of the pictures trained on, one a line."""
        return self.path / "training-files.txt"

    @property
    def stats(self) -> Path:
        """One JSON object a line."""
        return self.path / "stats.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of what a resumed run needs."""
        return self.path / "checkpoints"

    @property
    def previews(self) -> Path:
        """Folder of pictures."""
        return self.path / "previews"

    @property
    def crops(self) -> Path:
        """Folder of the crops made for this run."""
        return self.path / "crops"

    @property
    def curves(self) -> Path:
        """Picture of the statistics."""
        return self.path / "losses.png"

    @property
    def events(self) -> Path:
        """Folder that TensorBoard is pointed at."""
        return self.path / "tensorboard"

    @property
    def weights(self) -> Path:
        """Folder of what ships."""
        return self.path / "weights"

    @property
    def best(self) -> Path:
        """Folder of the generators that measured best."""
        return self.path / "best"

    @classmethod
    def create(cls, parent: Path, name: str) -> "RunFolder":
        """Make the next numbered folder, ``00007-name``."""
        parent.mkdir(parents=True, exist_ok=True)
        numbers = [
            int(found.group(1))
            for entry in parent.iterdir()
            if (found := re.match(r"(\d{5,})-", entry.name))
        ]
        number = max(numbers, default=-1) + 1
        while True:
            path = parent / f"{number:05d}-{name}"
            try:
                path.mkdir()
            except FileExistsError:  # another run began meanwhile
                number += 1
                continue
            return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Take an existing run folder.

        Raises:
            ConfigError: It is none.
        """
        if not (path / "options.json").is_file():
            raise ConfigError(f"{path}: no run folder (options.json is missing); name one.")
        return cls(path)

    def write_options(self, options: Mapping[str, Any]) -> None:
        """Write the resolved configuration."""
        self.options.write_text(json.dumps(options, indent=2) + "\n", encoding="utf-8")

    def read_options(self) -> dict[str, Any]:
        """Read the resolved configuration.

        Raises:
            ConfigError: It is damaged.
        """
        try:
            options = json.loads(self.options.read_text(encoding="utf-8"))
        except ValueError as exc:
            raise ConfigError(f"{self.options}: is not JSON ({exc}).") from exc
        return dict(options)

    def append_stats(self, line: Mapping[str, float]) -> None:
        """Add a line of statistics; ``images_seen`` is one of its keys."""
        with self.stats.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def read_stats(self) -> list[dict[str, float]]:
        """Return every whole line of statistics."""
        if not self.stats.is_file():
            return []
        lines = self.stats.read_text(encoding="utf-8").splitlines()
        read = []
        for number, line in enumerate(lines):
            try:
                read.append(json.loads(line))
            except ValueError:
                # The last line of a run that was killed may be cut short.
                if number != len(lines) - 1:
                    raise ConfigError(f"{self.stats}: line {number + 1} is not JSON.") from None
        return read

    def drop_stats_after(self, images_seen: int) -> None:
        """Forget the lines that a run resumed at ``images_seen`` will write again."""
        kept = [line for line in self.read_stats() if line["images_seen"] <= images_seen]
        with atomic_write(self.stats) as part:
            part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
