"""What a batch has done, is doing and will do: a row an input, in one SQLite file.

A row goes ``planned`` > ``running`` > ``done``, ``failed`` or ``skipped``. While it is running it
belongs to a run: a lease, renewed while the run lives. A lease that ran out, or whose run is known
to be over, is free for others. Each change is one short transaction, so that a process may be
killed between any two, and several may work on one folder.
"""

import contextlib
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Literal, Self

from facemask_video.batch.identity import FileIdentity
from facemask_video.batch.run_lock import RunLock, has_ended, remove_ended
from facemask_video.core.errors import BatchError
from facemask_video.core.wording import shown

OWN_FOLDER = ".facemask"
"""In the folder of the results: the ledger and what else belongs to the batch itself."""

LEASE_S = 60.0
"""For how long a row belongs to a run that does not renew it."""

# Writers wait for one another so long; each holds the file for milliseconds.
_BUSY_S = 30.0
_FORMAT = 1

State = Literal["planned", "running", "done", "failed", "skipped"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS inputs (
    target PRIMARY KEY NOT NULL,
    source NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER, mtime_ns INTEGER, edges_sha256 TEXT,
    options_sha256 TEXT NOT NULL, weights_sha256 TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'running', 'done', 'failed', 'skipped')),
    attempts INTEGER NOT NULL DEFAULT 0,
    run TEXT, host TEXT, pid INTEGER, lease_until REAL,
    frames_done INTEGER, frames_total INTEGER,
    planned_at REAL NOT NULL, started_at REAL, finished_at REAL,
    output_size INTEGER, output_mtime_ns INTEGER,
    report TEXT, error TEXT
);
CREATE TABLE IF NOT EXISTS posters (target PRIMARY KEY NOT NULL, source BLOB, output BLOB);
CREATE TABLE IF NOT EXISTS settings (target PRIMARY KEY NOT NULL, given TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Row:
    """An input as the ledger has it.

    Attributes:
        target: The result's path from the batch's folder; names the row.
        source: The input.
        kind: What it is taken for.
        identity: The input as it was when the row was planned; None where it could not be read.
        options_sha256: Of the settings.
        weights_sha256: Of the generator.
        state: Where it stands.
        attempts: Times it was begun in this state of input and options.
        run: Which run it belongs to while it is running.
        host: Where that run is.
        pid: Of the process that converts it.
        lease_until: When others may take it, in seconds since 1970.
        frames_done: Of a running conversion, as of the last heartbeat.
        frames_total: Expected, where known.
        planned_at: Seconds since 1970.
        started_at: The same, of the last attempt.
        finished_at: The same.
        output: Size in bytes and time of change in ns of the result, as written.
        report: Of the conversion, as plain data.
        error: Why it failed or was skipped.
    """

    target: PurePath
    source: Path
    kind: str
    identity: FileIdentity | None
    options_sha256: str
    weights_sha256: str
    state: State
    attempts: int = 0
    run: str | None = None
    host: str | None = None
    pid: int | None = None
    lease_until: float | None = None
    frames_done: int | None = None
    frames_total: int | None = None
    planned_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    output: tuple[int, int] | None = None
    report: dict[str, Any] | None = None
    error: str | None = None

    def is_same_work(self, other: "Row") -> bool:
        """Return whether another row stands for the same input under the same options."""
        return (
            self.identity is not None
            and self.identity == other.identity
            and self.options_sha256 == other.options_sha256
            and self.weights_sha256 == other.weights_sha256
        )


Decision = Literal["do", "done", "skipped", "elsewhere", "refused"]
"""What becomes of an input in this run: it is converted, was finished earlier, was skipped earlier,
is being converted by another run, or would replace a file that the batch did not make."""


def decide(
    wanted: Row,
    known: Row | None,
    output: tuple[int, int] | None,
    *,
    overwrite: bool,
    is_held: bool,
) -> Decision:
    """Decide what becomes of an input.

    Args:
        wanted: The input as it is now.
        known: The ledger's row of the same result; None where there is none.
        output: Size and time of change of the file under the result's name; None where there is
            none.
        overwrite: Whether files may be replaced that the batch did not make.
        is_held: Whether a living run holds the row.
    """
    if known is not None and is_held:
        return "elsewhere"
    same = known is not None and known.is_same_work(wanted)
    if known is not None and same and known.state == "done" and output == known.output:
        return "done"
    if known is not None and same and known.state == "skipped":
        return "skipped"
    # A row that was running is of a run that is over. It may have ended after the result got its
    # name and before the row said so; what was there before the row began, was refused then.
    is_ours = known is not None and (
        known.state == "running" or (known.output is not None and known.output == output)
    )
    if output is not None and not is_ours and not overwrite:
        return "refused"
    return "do"


class Ledger:
    """The ledger of one folder, open for one run; a context manager.

    Attributes:
        folder: Of the results.
        path: The ledger's file.
        run: Names this run.
    """

    def __init__(self, folder: Path, shard: tuple[int, int] = (1, 1)) -> None:
        """Open or make it.

        Args:
            folder: Of the results; made where it is not there.
            shard: Number of the part of the inputs that it is for, and how many there are. Each
                part has a file of its own, as SQLite's log is not for several machines.

        Raises:
            BatchError: It cannot be written, or is no ledger of this version.
        """
        self.folder = folder
        self.path = ledger_path(folder, shard)
        self._own = folder / OWN_FOLDER
        self._host = socket.gethostname()
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            remove_ended(self._own)
            self.lock = RunLock(self._own)
        except OSError as exc:
            raise BatchError(
                f"{shown(folder)}: cannot be written ({exc.strerror}); check its rights and the "
                "space left."
            ) from exc
        self.run = self.lock.run
        try:
            with self._failing():
                self._database = _connect(self.path)
                self._database.execute("PRAGMA journal_mode = WAL")
                self._database.executescript(_SCHEMA)
                _check_format(self._database, self.path)
            self._inode = self.path.stat().st_ino
        except BaseException:
            self.lock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and end the run."""
        self._database.close()
        self.lock.close()

    def is_in_place(self) -> bool:
        """Return whether the file is still where it was; a removed folder takes it along."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    def plan(self, wanted: Sequence[Row], *, overwrite: bool) -> list[tuple[Row, Decision]]:
        """Enter inputs, and decide for each what becomes of it.

        Rows of earlier runs that failed and whose input is gone are forgotten.

        Args:
            wanted: The inputs; those whose state is ``failed`` cannot be converted.
            overwrite: Whether files may be replaced that the batch did not make.

        Returns:
            The ledger's rows and the decisions, in the order of ``wanted``.
        """
        decided: list[tuple[Row, Decision]] = []
        with self._transaction() as database:
            known = {row.target: row for row in _rows(database)}
            held = {target: self._is_held(row) for target, row in known.items()}
            for row in wanted:
                earlier = known.get(row.target)
                output = file_state(self.folder / row.target)
                verdict: Decision = "do"
                if row.state != "failed":
                    verdict = decide(
                        row,
                        earlier,
                        output,
                        overwrite=overwrite,
                        is_held=held.get(row.target, False),
                    )
                elif held.get(row.target):
                    verdict = "elsewhere"
                if verdict == "refused":
                    decided.append((row, verdict))
                    continue
                if verdict != "do":
                    assert earlier is not None, "what else could have decided so"
                    decided.append((earlier, verdict))
                    continue
                # What the file under the name was, if the batch made it, is still to be known.
                is_ours = earlier is not None and earlier.output == output
                self._put(database, row, output if is_ours else None)
                decided.append((row, verdict))
            kept = {row.target for row in wanted}
            for target, row in known.items():
                is_gone = row.state in ("planned", "failed") and not os.path.lexists(row.source)
                # What was entered one by one is told of until somebody takes it out.
                is_kept = target in kept or _settings(database, target) is not None
                if is_gone and not is_kept and not held[target]:
                    _forget(database, target)
        return decided

    def refuse(self, row: Row) -> None:
        """Enter an input that is not worked on, unless its result was made once."""
        with self._transaction() as database:
            known = _row(database, row.target)
            if known is None or known.state == "failed":
                self._put(database, row, None)

    def leftovers(self) -> list[Row]:
        """Return the rows that runs which are over left running."""
        with self._transaction() as database:
            running = [row for row in _rows(database) if row.state == "running"]
        return [row for row in running if not self._is_held(row)]

    def claim(self, target: PurePath, pid: int) -> bool:
        """Take a row for this run; False where another has it, or has finished it.

        Args:
            target: Names the row.
            pid: Of the process that will convert it.
        """
        now = time.time()
        with self._transaction() as database:
            row = _row(database, target)
            free = row is not None and (
                row.state == "planned" or (row.state == "running" and not self._is_held(row))
            )
            if free:
                database.execute(
                    "UPDATE inputs SET state = 'running', attempts = attempts + 1, run = ?, "
                    "host = ?, pid = ?, lease_until = ?, started_at = ?, finished_at = NULL, "
                    "frames_done = NULL, frames_total = NULL, error = NULL WHERE target = ?",
                    (self.run, self._host, pid, now + LEASE_S, now, _stored(target)),
                )
        return free

    def hand_over(self, target: PurePath, pid: int) -> None:
        """Note that another process goes on with a row of this run.

        Args:
            target: Names the row.
            pid: Of the process.
        """
        with self._transaction() as database:
            database.execute(
                "UPDATE inputs SET pid = ? WHERE target = ? AND run = ? AND state = 'running'",
                (pid, _stored(target), self.run),
            )

    def beat(self, frames: Mapping[PurePath, tuple[int, int | None]]) -> None:
        """Renew the leases of this run, and note how far its conversions are.

        Args:
            frames: Frames done and expected, by row.
        """
        with self._transaction() as database:
            database.execute(
                "UPDATE inputs SET lease_until = ? WHERE run = ? AND state = 'running'",
                (time.time() + LEASE_S, self.run),
            )
            database.executemany(
                "UPDATE inputs SET frames_done = ?, frames_total = ? WHERE target = ?",
                [(done, total, _stored(target)) for target, (done, total) in frames.items()],
            )

    def finish(
        self,
        target: PurePath,
        report: Mapping[str, Any],
        posters: tuple[bytes | None, bytes | None] = (None, None),
    ) -> None:
        """Note that a result is there under its name.

        Args:
            target: Names the row.
            report: Of the conversion, as plain data.
            posters: JPEGs of the input and of the result.
        """
        size, mtime_ns = file_state(self.folder / target) or (None, None)
        with self._transaction() as database:
            database.execute(
                "UPDATE inputs SET state = 'done', finished_at = ?, report = ?, output_size = ?, "
                "output_mtime_ns = ?, lease_until = NULL WHERE target = ? AND run = ?",
                (time.time(), json.dumps(report), size, mtime_ns, _stored(target), self.run),
            )
            database.execute(
                "INSERT OR REPLACE INTO posters VALUES (?, ?, ?)", (_stored(target), *posters)
            )

    def give_up(
        self, target: PurePath, why: str, *, state: State = "failed", may_be_ours: bool = False
    ) -> None:
        """Note that an input failed or was skipped, and why.

        Args:
            target: Names the row.
            why: In one line.
            state: How it ended.
            may_be_ours: Whether the result may have got its name all the same.
        """
        with self._transaction() as database:
            database.execute(
                "UPDATE inputs SET state = ?, finished_at = ?, error = ?, lease_until = NULL, "
                "report = NULL WHERE target = ? AND (run = ? OR state = 'planned')",
                (state, time.time(), _text(why), _stored(target), self.run),
            )
            if may_be_ours:
                self._note_output(database, target)

    def release(self, target: PurePath, *, attempted: bool = True) -> None:
        """Give a row of this run back, to be done again.

        Args:
            target: Names the row.
            attempted: Whether that counts as one of its attempts.
        """
        with self._transaction() as database:
            database.execute(
                "UPDATE inputs SET state = 'planned', lease_until = NULL, attempts = attempts - ? "
                "WHERE target = ? AND run = ? AND state = 'running'",
                (0 if attempted else 1, _stored(target), self.run),
            )
            # It may have ended between giving the result its name and saying so.
            self._note_output(database, target)

    def _note_output(self, database: sqlite3.Connection, target: PurePath) -> None:
        output = file_state(self.folder / target)
        if output is not None:
            database.execute(
                "UPDATE inputs SET output_size = ?, output_mtime_ns = ? WHERE target = ? AND "
                "run = ?",
                (*output, _stored(target), self.run),
            )

    def keep_settings(self, target: PurePath, given: Mapping[str, Any]) -> None:
        """Keep under which options an input is to be converted, where each has its own.

        Args:
            target: Names the row.
            given: JSON-ready data.
        """
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO settings VALUES (?, ?)",
                (_stored(target), json.dumps(given)),
            )

    def settings(self, target: PurePath) -> dict[str, Any] | None:
        """Return what `keep_settings` kept; None where nothing was."""
        with self._failing():
            return _settings(self._database, target)

    def forget(self, target: PurePath) -> bool:
        """Take a row out of the ledger, unless a living run works on it; its result stays.

        Args:
            target: Names the row.

        Returns:
            Whether it is out.
        """
        with self._transaction() as database:
            row = _row(database, target)
            if row is not None and is_held(row, self.folder):
                return False
            _forget(database, target)
        return True

    def row(self, target: PurePath) -> Row:
        """Return a row that is there."""
        with self._failing():
            row = _row(self._database, target)
        assert row is not None, "only planned rows are asked for"
        return row

    def posters(self, target: PurePath) -> tuple[bytes | None, bytes | None]:
        """Return the JPEGs of the input and of the result, where there are any."""
        with self._failing():
            return _posters(self._database, target)

    def _is_held(self, row: Row) -> bool:
        return row.run != self.run and is_held(row, self.folder)

    def _put(self, database: sqlite3.Connection, row: Row, output: tuple[int, int] | None) -> None:
        identity = row.identity
        values: dict[str, Any] = {
            "target": _stored(row.target),
            "source": _stored(row.source),
            "kind": row.kind,
            "size": identity and identity.size,
            "mtime_ns": identity and identity.mtime_ns,
            "edges_sha256": identity and identity.edges_sha256,
            "options_sha256": row.options_sha256,
            "weights_sha256": row.weights_sha256,
            "state": row.state,
            "planned_at": time.time(),
            "finished_at": time.time() if row.state == "failed" else None,
            "output_size": output and output[0],
            "output_mtime_ns": output and output[1],
            "error": row.error and _text(row.error),
        }
        names = ", ".join(values)
        database.execute(
            f"INSERT OR REPLACE INTO inputs ({names}) VALUES ({', '.join('?' * len(values))})",
            tuple(values.values()),
        )
        database.execute("DELETE FROM posters WHERE target = ?", (values["target"],))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._failing():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise BatchError(
                f"{shown(self.path)}: cannot be read or written ({exc}); check the folder's rights "
                "and the space left, and call the batch again."
            ) from exc


def ledger_path(folder: Path, shard: tuple[int, int] = (1, 1)) -> Path:
    """Return where the ledger of a folder of results lies, or of one shard of its inputs."""
    number, of = shard
    name = "ledger.sqlite3" if of == 1 else f"ledger-{number}-of-{of}.sqlite3"
    return folder / OWN_FOLDER / name


def has_ledger(folder: Path) -> bool:
    """Return whether a folder holds the results of a batch."""
    return any((folder / OWN_FOLDER).glob("ledger*.sqlite3"))


def read_ledger(folder: Path) -> list[Row]:
    """Return the rows of a folder's ledger, of all shards, also while others write them.

    Raises:
        BatchError: There is none, or it cannot be read.
    """
    if not has_ledger(folder):
        raise BatchError(f"{shown(folder)}: holds no batch's results; name the folder given as -o.")
    rows: list[Row] = []
    for path in sorted((folder / OWN_FOLDER).glob("ledger*.sqlite3")):
        try:
            with contextlib.closing(_connect(path)) as database:
                _check_format(database, path)
                rows += _rows(database)
        except sqlite3.Error as exc:
            raise BatchError(f"{shown(path)}: cannot be read ({exc}).") from exc
    return rows


def read_settings(folder: Path) -> dict[PurePath, dict[str, Any]]:
    """Return what `Ledger.keep_settings` kept for the rows of a folder's ledger.

    Raises:
        BatchError: It cannot be read.
    """
    path = ledger_path(folder)
    try:
        with contextlib.closing(_connect(path)) as database:
            found = database.execute("SELECT target, given FROM settings").fetchall()
    except sqlite3.Error as exc:
        raise BatchError(f"{shown(path)}: cannot be read ({exc}).") from exc
    return {PurePath(os.fsdecode(row["target"])): json.loads(row["given"]) for row in found}


def read_posters(folder: Path, target: PurePath) -> tuple[bytes | None, bytes | None]:
    """Return the JPEGs of the input and of the result of a row, where there are any.

    Raises:
        BatchError: The ledger cannot be read.
    """
    path = ledger_path(folder)
    try:
        with contextlib.closing(_connect(path)) as database:
            return _posters(database, target)
    except sqlite3.Error as exc:
        raise BatchError(f"{shown(path)}: cannot be read ({exc}).") from exc


def is_held(row: Row, folder: Path) -> bool:
    """Return whether a living run works on a row.

    Args:
        row: Of the ledger.
        folder: Of the results.
    """
    if row.state != "running" or row.run is None:
        return False
    if row.lease_until is None or row.lease_until < time.time():
        return False
    # A lock tells nothing of other machines where the file system keeps it to one.
    return row.host != socket.gethostname() or not has_ended(folder / OWN_FOLDER, row.run)


def file_state(path: Path) -> tuple[int, int] | None:
    """Return size in bytes and time of change in ns of a file; None where there is none."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_size, about.st_mtime_ns


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are begun and ended by hand: `isolation_level` None.
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    database.row_factory = sqlite3.Row
    # A row must say "running" before the result can appear, also after a power cut.
    database.execute("PRAGMA synchronous = FULL")
    return database


def _check_format(database: sqlite3.Connection, path: Path) -> None:
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found == 0:
        database.execute(f"PRAGMA user_version = {_FORMAT}")
    elif found != _FORMAT:
        raise BatchError(
            f"{shown(path)}: is a ledger of another version ({found}, expected {_FORMAT}); name a "
            "new folder."
        )


def _rows(database: sqlite3.Connection) -> list[Row]:
    return [_of(found) for found in database.execute("SELECT * FROM inputs ORDER BY rowid")]


def _row(database: sqlite3.Connection, target: PurePath) -> Row | None:
    found = database.execute("SELECT * FROM inputs WHERE target = ?", (_stored(target),)).fetchone()
    return None if found is None else _of(found)


def _posters(database: sqlite3.Connection, target: PurePath) -> tuple[bytes | None, bytes | None]:
    found = database.execute(
        "SELECT source, output FROM posters WHERE target = ?", (_stored(target),)
    ).fetchone()
    return (found[0], found[1]) if found else (None, None)


def _settings(database: sqlite3.Connection, target: PurePath) -> dict[str, Any] | None:
    found = database.execute(
        "SELECT given FROM settings WHERE target = ?", (_stored(target),)
    ).fetchone()
    return None if found is None else dict(json.loads(found[0]))


def _forget(database: sqlite3.Connection, target: PurePath) -> None:
    for table in ("inputs", "posters", "settings"):
        database.execute(f"DELETE FROM {table} WHERE target = ?", (_stored(target),))


def _of(found: sqlite3.Row) -> Row:
    identity = None
    if found["edges_sha256"] is not None:
        identity = FileIdentity(found["size"], found["mtime_ns"], found["edges_sha256"])
    output = None
    if found["output_size"] is not None:
        output = (found["output_size"], found["output_mtime_ns"])
    taken = (
        "kind", "options_sha256", "weights_sha256", "state", "attempts", "run", "host", "pid",
        "lease_until", "frames_done", "frames_total", "planned_at", "started_at", "finished_at",
        "error",
    )  # fmt: skip
    return Row(
        target=PurePath(os.fsdecode(found["target"])),
        source=Path(os.fsdecode(found["source"])),
        identity=identity,
        output=output,
        report=None if found["report"] is None else json.loads(found["report"]),
        **{name: found[name] for name in taken},
    )


def _stored(path: PurePath) -> str | bytes:
    """Return a path as it is stored: text, or bytes where it is no text."""
    encoded = os.fsencode(path)
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError:
        return encoded


def _text(message: str) -> str:
    return message.encode("utf-8", "replace").decode("utf-8")
