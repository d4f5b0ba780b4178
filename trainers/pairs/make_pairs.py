"""Make a set of pairs: list the faces, spread them over processes, keep the manifest."""

import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from facemask_video.align.template import ALIGNMENT_ID
from facemask_video.config.settings import as_plain
from facemask_video.core.errors import CropsError
from facemask_video.core.files import sha256_file
from facemask_video.core.json_lines import to_line, write_rows
from trainers.pairs.config import PairsConfig
from trainers.pairs.manifest import (
    MANIFEST,
    PairRow,
    done_rows,
    open_pairs_folder,
    write_list,
)
from trainers.pairs.pair_files import face_paths
from trainers.pairs.source_faces import UNREADABLE, list_face_sources
from trainers.pairs.worker import Task, Worker, make_in_process, start_process

logger = logging.getLogger(__name__)

# Tasks in flight a process: enough that none waits, few enough that crops do not pile up.
_AHEAD = 4


@dataclass(frozen=True, slots=True, eq=False)
class PairsResult:
    """The pairs that were made.

    Attributes:
        rows: Of all pairs, those of an earlier run included.
        n_faces: Faces that they show.
        n_new: Faces that this run made.
        skipped: (name, reason) for each face left out.
    """

    rows: list[PairRow]
    n_faces: int
    n_new: int
    skipped: list[tuple[str, str]]

    @property
    def n_unreadable(self) -> int:
        """Pictures that should have been readable and were not."""
        return sum(reason == UNREADABLE for _, reason in self.skipped)


def make_pairs(
    place: Path,
    out: Path,
    config: PairsConfig,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> PairsResult:
    """Make the pairs of all faces of a place; what an interrupted run has made is kept.

    Args:
        place: Folder of pictures, extraction, or file of crops.
        out: Folder of the set.
        config: Which masks are put on.
        on_progress: Called with faces done and in all.

    Raises:
        ConfigError: There is no picture.
        CropsError: None shows a bare face, or the folder cannot be written or holds something else.
        WeightsError: A weights file is missing, damaged or made for something else.
    """
    sources, skipped = list_face_sources(place)
    # Before any other process: what is wrong with weights is told here, and nothing is made yet.
    worker = Worker(config, out)
    paths = face_paths([source.name for source in sources])
    with _write_errors(out):
        open_pairs_folder(out, _options(place, config))
        done = done_rows(out, config.per_image)
        tasks = [Task(source, paths[source.name]) for source in sources if source.name not in done]
        # In the order of the faces, without what an interruption has left half done.
        order = [source.name for source in sources]
        write_rows(out / MANIFEST, _rows_in_order(done, order))
        n_before = len(sources) - len(tasks)
        with (out / MANIFEST).open("a", encoding="utf-8", newline="\n") as manifest:
            for number, (task, made) in enumerate(_results(tasks, worker, config, out), start=1):
                if isinstance(made, str):
                    skipped.append((task.source.name, made))
                else:
                    done[task.source.name] = made
                    manifest.writelines(map(to_line, made))
                    manifest.flush()
                if on_progress is not None:
                    on_progress(n_before + number, len(sources))
        rows = _rows_in_order(done, order)
        write_rows(out / MANIFEST, rows)
        write_list(out, rows)
    if not rows:
        reasons = ", ".join(sorted({reason for _, reason in skipped}))
        raise CropsError(f"{place}: no pair could be made of {len(sources)} pictures ({reasons}).")
    n_faces = len({row.name for row in rows})
    return PairsResult(rows, n_faces, n_faces - n_before, skipped)


def _results(
    tasks: list[Task], worker: Worker, config: PairsConfig, out: Path
) -> Iterator[tuple[Task, list[PairRow] | str]]:
    """Do the tasks and yield each with its result, in their order."""
    if not tasks:
        return
    if config.jobs == 1:
        for task in tasks:
            yield task, worker.make(task)
        return
    # Spawned: a fork of a process that runs torch's threads may hang.
    with ProcessPoolExecutor(
        min(config.jobs, len(tasks)),
        mp_context=get_context("spawn"),
        initializer=start_process,
        initargs=(config, out),
    ) as pool:
        waiting: deque[tuple[Task, Future[list[PairRow] | str]]] = deque()
        rest = iter(tasks)
        try:
            while True:
                for task in itertools.islice(rest, config.jobs * _AHEAD - len(waiting)):
                    waiting.append((task, pool.submit(make_in_process, task)))
                if not waiting:
                    return
                task, future = waiting.popleft()
                yield task, future.result()
        except BrokenProcessPool as exc:
            raise CropsError(
                f"{out}: a process ended before its work did, perhaps for want of memory; run the "
                "same command again with fewer --jobs to go on."
            ) from exc
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _write_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise CropsError(
            f"{out}: cannot be written ({exc.strerror}); check the folder and the space left."
        ) from exc


def _rows_in_order(rows: dict[str, list[PairRow]], order: Iterable[str]) -> list[PairRow]:
    return [row for name in order for row in rows.get(name, ())]


def _options(place: Path, config: PairsConfig) -> dict[str, Any]:
    """Return what decides the pictures, as plain data."""
    options = as_plain(config)
    # How many processes there are decides nothing, and a file is told by its bytes.
    del options["jobs"], options["weights"]
    by_default = config.maker == "generator" and config.styles is None
    options["styles"] = None if by_default else list(config.style_names)
    if config.maker == "generator":
        from trainers.pairs.generator_masker import generator_weights

        options["weights_sha256"] = sha256_file(generator_weights(config.weights))
    return {
        "about": "Masks in masked/ are synthetic; see facemask-train pairs.",
        "faces_of": place.resolve().name,
        "alignment_id": ALIGNMENT_ID,
        **options,
    }
