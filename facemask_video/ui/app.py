"""What the page asks for: its own files, what files are, previews, the queue, and results."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path, PurePath
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from facemask_video import __version__
from facemask_video.batch.ledger import read_posters
from facemask_video.batch.plan import make_batch_plan
from facemask_video.core.direction import Direction
from facemask_video.core.errors import (
    ConfigError,
    FacemaskVideoError,
    VideoReadError,
    VideoWriteError,
)
from facemask_video.core.files import atomic_write
from facemask_video.core.wording import shown
from facemask_video.ui.conversions import Conversion, Conversions
from facemask_video.ui.folders import Folders, media_type
from facemask_video.ui.live import LiveRuns, read_wish
from facemask_video.ui.options import (
    Given,
    command_line,
    conversion,
    described_options,
    finding,
    live_command_line,
    live_config,
    live_settings,
    page_settings,
    preview_of,
    tracks_of,
)
from facemask_video.ui.people import People
from facemask_video.ui.viewer import Describe, FrameAt, FrameTimes, ShowMoment, WarmUp
from facemask_video.ui.viewer_process import ViewerProcess

_MOST_BODY_BYTES = 64 * 1024
_PAGE_FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "compare.js": ("compare.js", "text/javascript; charset=utf-8"),
    "controls.js": ("controls.js", "text/javascript; charset=utf-8"),
    "elements.js": ("elements.js", "text/javascript; charset=utf-8"),
    "live": ("live.html", "text/html; charset=utf-8"),
    "live.js": ("live.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
# Beyond this a preview would wait for the hash of the file that tells whose tracks they are.
_MOST_HASHED_BYTES = 100_000_000


@dataclass
class Page:
    """The application and what it holds.

    Attributes:
        folders: What it may see.
        max_upload_bytes: Largest file that it takes.
        conversions: The queue.
        viewer: Looks into files.
        people: Finds who is in a clip.
        live: The live run.
    """

    folders: Folders
    max_upload_bytes: int
    conversions: Conversions
    viewer: ViewerProcess = field(default_factory=ViewerProcess)
    people: People = field(init=False)
    live: LiveRuns = field(init=False)

    def __post_init__(self) -> None:
        self.live = LiveRuns(self.folders)
        self.people = People(self.folders.results / ".facemask" / "people")

    def app(self) -> Starlette:
        """Return what a server runs."""
        return Starlette(
            routes=[
                *(
                    Route(f"/{name}", _page_file(*about), methods=["GET"])
                    for name, about in _PAGE_FILES.items()
                ),
                Route("/api/about", self._answer(self._about), methods=["GET"]),
                Route("/api/files", self._answer(self._files), methods=["GET"]),
                Route("/api/sources", self._answer(self._choose), methods=["POST"]),
                Route("/api/uploads", self._upload, methods=["PUT"]),
                Route("/api/sources/{key}", self._answer(self._describe), methods=["GET"]),
                Route("/api/sources/{key}/times", self._answer(self._times), methods=["GET"]),
                Route("/api/check", self._answer(self._check), methods=["POST"]),
                Route("/api/preview", self._answer(self._preview), methods=["POST"]),
                Route("/api/people", self._answer(self._people), methods=["POST"]),
                Route("/api/queue", self._answer(self._queue), methods=["GET"]),
                Route("/api/queue", self._answer(self._add), methods=["POST"]),
                Route("/api/queue/{action}", self._answer(self._act), methods=["POST"]),
                Route("/api/report", self._answer(self._report), methods=["GET"]),
                Route("/api/live", self._answer(self._live), methods=["GET"]),
                Route("/api/live/check", self._answer(self._check_live), methods=["POST"]),
                Route("/api/live/start", self._answer(self._start_live), methods=["POST"]),
                Route("/api/live/stop", self._answer(self._stop_live), methods=["POST"]),
                Route("/live/picture", self._live_picture, methods=["GET"]),
                Route("/frames/{key}", self._frame, methods=["GET"]),
                Route("/files/{key}", self._file, methods=["GET"]),
                Route("/posters/{side}", self._poster, methods=["GET"]),
            ],
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self.conversions.start()
        task = asyncio.create_task(run_in_threadpool(self._warm_up))
        try:
            yield
        finally:
            self.people.close()
            self.viewer.close()
            await run_in_threadpool(self.live.close)
            await run_in_threadpool(self.conversions.close)
            await task
            # Where the queue cannot be read nobody knows which of them it needs.
            with contextlib.suppress(FacemaskVideoError):
                self.folders.remove_uploads(self.conversions.sources())

    def _warm_up(self) -> None:
        with contextlib.suppress(FacemaskVideoError):
            self.viewer.ask(WarmUp(preview_of({"direction": Direction.MASK}, at_s=None)))

    def _answer(
        self, endpoint: Callable[[Request, dict[str, Any]], Any]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Make an endpoint of a function that runs in a thread and returns JSON-ready data."""

        async def answer(request: Request) -> Response:
            try:
                body = await _body(request) if request.method == "POST" else {}
                return JSONResponse(await run_in_threadpool(endpoint, request, body))
            except (FacemaskVideoError, _BadRequest) as exc:
                return _failure(exc)

        return answer

    def _about(self, request: Request, body: dict[str, Any]) -> Any:
        return {
            "version": __version__,
            "folders": [shown(folder) for folder in self.folders.chosen],
            "results": shown(self.folders.results),
            "max_upload_bytes": self.max_upload_bytes,
            "options": described_options(page_settings()),
            "live_options": described_options(live_settings()),
        }

    def _files(self, request: Request, body: dict[str, Any]) -> Any:
        listed, more = self.folders.listing()
        return {
            "more": more,
            "files": [{"path": str(e.path), "name": e.name, "size": e.size} for e in listed],
        }

    def _choose(self, request: Request, body: dict[str, Any]) -> Any:
        path = _text(body, "path").strip()
        if not path:
            raise ConfigError("no file is named.")
        return self._described(self.folders.inside(Path(path)))

    def _describe(self, request: Request, body: dict[str, Any]) -> Any:
        return self._described(self._path(request))

    def _described(self, path: Path) -> dict[str, Any]:
        about: dict[str, Any] = self.viewer.ask(Describe(path))
        return about | {
            # What is no video or picture gets none, and is not served.
            "key": self.folders.admit(path),
            "name": shown(path.name),
            "path": shown(path),
            "is_upload": path.parent == self.folders.uploads,
        }

    def _times(self, request: Request, body: dict[str, Any]) -> Any:
        return {"times": self.viewer.ask(FrameTimes(self._path(request)))}

    async def _upload(self, request: Request) -> Response:
        most = self.max_upload_bytes
        try:
            length = request.headers.get("content-length", "")
            if not length.isdigit():
                raise _BadRequest(411, "the length of the file is not told.")
            if int(length) > most:
                raise _BadRequest(
                    413,
                    f"the file has {int(length) / 1e9:.1f} GB and the page takes {most / 1e9:g} GB "
                    "(--max-upload); name its path instead.",
                )
            target = self.folders.free_upload(request.query_params.get("name", ""))
            await _receive(request, target, int(length))
            described = await run_in_threadpool(self._take, target)
            return JSONResponse(described)
        except ClientDisconnect:
            return Response(status_code=400)
        except (FacemaskVideoError, _BadRequest) as exc:
            return _failure(exc)

    def _take(self, target: Path) -> dict[str, Any]:
        try:
            return self._described(self.folders.inside(target))
        except FacemaskVideoError:
            target.unlink(missing_ok=True)
            raise

    def _check(self, request: Request, body: dict[str, Any]) -> Any:
        given = self._given(body)
        config = conversion(given)
        if not body.get("key"):
            return {"command": None}
        source = self.folders.of_key(_text(body, "key"))
        plan = make_batch_plan([source], self.folders.results, config)
        target = self.folders.results / plan.jobs[0].target
        return {"command": command_line(source, target, given), "target": shown(target.name)}

    def _preview(self, request: Request, body: dict[str, Any]) -> Any:
        source, given = self.folders.of_key(_text(body, "key")), self._given(body)
        at_s = body.get("at_s")
        if at_s is not None and (isinstance(at_s, bool) or not isinstance(at_s, int | float)):
            raise ConfigError(f"at_s: got {at_s!r}, expected seconds.")
        tracks = None
        if source.stat().st_size <= _MOST_HASHED_BYTES:
            tracks = self.people.tracks_of(source, finding(given))
        config = preview_of(
            given,
            at_s=None if at_s is None else float(at_s),
            boxes=bool(body.get("boxes")),
            tracks=tracks,
        )
        seen: dict[str, Any] = self.viewer.ask(ShowMoment(source, config))
        pictures = {name: _as_url(seen[name]) for name in ("before", "after", "alpha")}
        return seen | pictures | {"of_whole_clip": tracks is not None}

    def _people(self, request: Request, body: dict[str, Any]) -> Any:
        source, given = self.folders.of_key(_text(body, "key")), self._given(body)
        looked = self.people.look(
            source, finding(given), tracks_of(given), start=body.get("start") is True
        )
        if looked.found is None:
            return {
                "state": looked.state,
                "done": looked.done,
                "total": looked.total,
                "why": looked.why,
            }
        people = [
            person | {"picture": person["picture"] and _as_url(person["picture"])}
            for person in looked.found
        ]
        return {"state": "found", "people": people}

    def _queue(self, request: Request, body: dict[str, Any]) -> Any:
        return {
            "trouble": self.conversions.trouble,
            "rows": [self._row(each) for each in self.conversions.rows()],
        }

    def _row(self, each: Conversion) -> dict[str, Any]:
        row, result = each.row, self.folders.results / each.row.target
        keys: dict[str, str | None] = {"source": None, "result": None}
        for name, path in (("source", row.source), ("result", result)):
            if row.state == "done" or name == "source":
                with contextlib.suppress(VideoReadError):
                    keys[name] = self.folders.admit(path)
        report = row.report or {}
        return {
            "target": os.fsencode(row.target).hex(),
            "name": shown(row.target),
            "source_name": shown(row.source.name),
            "kind": row.kind,
            "standing": each.standing,
            "given": each.given,
            "frames": each.frames[0],
            "frames_total": each.frames[1],
            "eta_s": each.eta_s,
            "is_ours": each.is_ours,
            "error": row.error,
            "finished_at": row.finished_at,
            "size": row.output[0] if row.output is not None else None,
            "faces": report.get("faces"),
            "faces_changed": report.get("faces_changed"),
            "tracks": report.get("tracks"),
            "frames_done": report.get("frames"),
            "seconds": (report.get("seconds") or {}).get("total"),
            "notes": report.get("notes") or [],
            "source_key": keys["source"],
            "result_key": keys["result"],
        }

    def _add(self, request: Request, body: dict[str, Any]) -> Any:
        source = self.folders.of_key(_text(body, "key"))
        target = self.conversions.add(source, self._given(body))
        return {"target": os.fsencode(target).hex(), "name": shown(target)}

    def _act(self, request: Request, body: dict[str, Any]) -> Any:
        actions = {
            "cancel": self.conversions.cancel,
            "again": self.conversions.again,
            "remove": self.conversions.remove,
        }
        action = actions.get(request.path_params["action"])
        if action is None:
            raise _BadRequest(404, "there is no such action.")
        action(_target(_text(body, "target")))
        return {}

    def _report(self, request: Request, body: dict[str, Any]) -> Any:
        target = _target(request.query_params.get("target", ""))
        for each in self.conversions.rows():
            if each.row.target == target and each.row.report is not None:
                return each.row.report
        raise VideoReadError("there is no report of it yet.")

    def _live(self, request: Request, body: dict[str, Any]) -> Any:
        return self.live.state()

    def _check_live(self, request: Request, body: dict[str, Any]) -> Any:
        given, is_file = self._given(body), body.get("kind") == "file"
        live_config(given, is_file=is_file)
        if not body.get("source") and body.get("kind") != "screen":
            return {"command": None}
        wish = read_wish(body, given, self.folders)
        outputs = wish.task.outputs or ("window",)
        command = live_command_line(wish.task.source, outputs, given, is_file=is_file)
        return {"command": command}

    def _start_live(self, request: Request, body: dict[str, Any]) -> Any:
        self.live.start(read_wish(body, self._given(body), self.folders))
        return self.live.state()

    def _stop_live(self, request: Request, body: dict[str, Any]) -> Any:
        self.live.stop()
        return self.live.state()

    async def _live_picture(self, request: Request) -> Response:
        picture = self.live.picture()
        if picture is None:
            return Response(status_code=404)
        return Response(picture, media_type="image/jpeg")

    async def _frame(self, request: Request) -> Response:
        try:
            at_s = float(request.query_params.get("at", "0"))
            if not 0 <= at_s < 1e7:
                raise ValueError
            path = self._path(request)
            jpeg = await run_in_threadpool(self.viewer.ask, FrameAt(path, at_s))
        except ValueError:
            return _failure(ConfigError("at: expected seconds."))
        except FacemaskVideoError as exc:
            return _failure(exc)
        return Response(jpeg, media_type="image/jpeg")

    async def _file(self, request: Request) -> Response:
        try:
            path = self._path(request)
        except FacemaskVideoError as exc:
            return _failure(exc)
        save = "save" in request.query_params
        return FileResponse(
            path,
            media_type=media_type(path),
            filename=path.name.encode("utf-8", "replace").decode("utf-8"),
            content_disposition_type="attachment" if save else "inline",
        )

    async def _poster(self, request: Request) -> Response:
        try:
            target = _target(request.query_params.get("target", ""))
            before, after = await run_in_threadpool(read_posters, self.folders.results, target)
        except (FacemaskVideoError, _BadRequest) as exc:
            return _failure(exc)
        picture = before if request.path_params["side"] == "before" else after
        if picture is None:
            return Response(status_code=404)
        return Response(picture, media_type="image/jpeg")

    def _path(self, request: Request) -> Path:
        return self.folders.of_key(request.path_params["key"])

    def _given(self, body: dict[str, Any]) -> Given:
        given = body.get("options")
        if not isinstance(given, dict):
            raise ConfigError("options: expected an object.")
        style = given.get("style")
        if isinstance(style, str) and (Path(style).suffix or len(Path(style).parts) > 1):
            # A picture that lends its mask: read like any other file.
            given = given | {"style": str(self.folders.inside(Path(style)))}
        return given


class _BadRequest(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _failure(exc: Exception) -> Response:
    status = 422
    if isinstance(exc, _BadRequest):
        status = exc.status
    elif isinstance(exc, VideoWriteError):
        status = 507
    return JSONResponse({"error": " ".join(str(exc).split())}, status)


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise _BadRequest(415, "expected JSON.")
    received = b""
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MOST_BODY_BYTES:
            raise _BadRequest(413, "the request is too long.")
    try:
        body = json.loads(received)
    except (ValueError, RecursionError):
        raise _BadRequest(400, "the request is no JSON.") from None
    if not isinstance(body, dict):
        raise _BadRequest(400, "expected an object.")
    return body


async def _receive(request: Request, target: Path, expected: int) -> None:
    """Write a request's body, of so many bytes, as a file: whole or not at all."""
    got = 0
    try:
        with atomic_write(target) as part:
            with part.open("wb") as file:
                async for chunk in request.stream():
                    got += len(chunk)
                    if got > expected:
                        raise _BadRequest(400, "the file is longer than it was said to be.")
                    await run_in_threadpool(file.write, chunk)
            if got != expected:
                raise _BadRequest(400, "the file did not arrive whole.")
    except OSError as exc:
        raise VideoWriteError(
            f"{shown(target.name)}: cannot be kept ({exc.strerror}); check the space left."
        ) from exc


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or "\0" in value:
        raise _BadRequest(400, f"{name}: expected a text.")
    return value


def _target(hexadecimal: str) -> PurePath:
    try:
        return PurePath(os.fsdecode(bytes.fromhex(hexadecimal)))
    except ValueError:
        raise _BadRequest(400, "target: expected the name of a row.") from None


def _as_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _page_file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = resources.files("facemask_video.ui").joinpath("page", name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'

    async def serve(request: Request) -> Response:
        return Response(content, media_type=kind, headers={"etag": tag})

    return serve
