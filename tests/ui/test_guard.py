"""Who may ask the page's server for what; its application is called without a server."""

import asyncio
import json
import random
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from facemask_video.core.errors import VideoReadError
from facemask_video.core.files import part_path
from facemask_video.ui.app import Page
from facemask_video.ui.conversions import Conversions
from facemask_video.ui.folders import Folders
from facemask_video.ui.guard import Guard
from facemask_video.ui.viewer import Describe

TOKEN, PORT = "the-token", 8123
HOST = f"127.0.0.1:{PORT}"


class Viewer:
    """Says of each file that it is a short video; of text that it is none."""

    def ask(self, request: Any, on_progress: Any = None) -> Any:
        if isinstance(request, Describe):
            if request.path.read_bytes()[:1] in (b"", b"t"):
                raise VideoReadError(f"{request.path}: is no media file.")
            return {"is_picture": False, "width_px": 4, "height_px": 4, "duration_s": 1.0}
        raise VideoReadError("nothing is shown here.")

    def close(self) -> None:
        pass


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Site:
    def __init__(self, page: Page) -> None:
        self.page = page
        self._app = Guard(page.app(), token=TOKEN, port=PORT)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        token: str = TOKEN,
    ) -> Reply:
        sent = {"host": HOST, "content-length": str(len(body))} | dict(headers or {})
        scope = {
            "type": "http",
            "method": method,
            "path": f"/{token}{path}" if token else path,
            "raw_path": b"",
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in sent.items() if v != ""],
            "scheme": "http",
            "http_version": "1.1",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", PORT),
        }
        pieces = [
            {"type": "http.request", "body": body[:10], "more_body": True},
            {"type": "http.request", "body": body[10:], "more_body": False},
        ]
        got: list[Any] = []

        async def receive() -> Any:
            if pieces:
                return pieces.pop(0)
            return await asyncio.sleep(60)

        async def send(message: Any) -> None:
            got.append(message)

        asyncio.run(self._app(scope, receive, send))
        found = {k.decode(): v.decode("latin-1") for k, v in got[0]["headers"]}
        return Reply(got[0]["status"], found, b"".join(m.get("body", b"") for m in got[1:]))

    def post(self, path: str, content: object, **kwargs: Any) -> Reply:
        return self.ask(
            path,
            method="POST",
            body=json.dumps(content).encode(),
            headers={"content-type": "application/json"} | kwargs.pop("headers", {}),
            **kwargs,
        )

    def upload(self, name: str, body: bytes, **kwargs: Any) -> Reply:
        return self.ask("/api/uploads", method="PUT", query=f"name={name}", body=body, **kwargs)


@pytest.fixture
def chosen(tmp_path: Path) -> Path:
    folder = tmp_path / "chosen"
    folder.mkdir()
    (folder / "in.mp4").write_bytes(b"\0video")
    return folder


@pytest.fixture
def site(tmp_path: Path, chosen: Path) -> Iterator[Site]:
    results = tmp_path / "results"
    folders = Folders([chosen], results)
    page = Page(folders, 1000, Conversions(results, folders.uploads), viewer=Viewer())
    yield Site(page)
    page.people.close()


def test_the_page_is_served_with_a_policy_that_lets_nothing_else_in(site: Site) -> None:
    reply = site.ask("/")
    assert reply.status == 200
    assert b"<!doctype html>" in reply.body
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy.replace("'", "")
    assert reply.headers["referrer-policy"] == "no-referrer"
    names = ("page.css", "page.js", "compare.js", "controls.js", "elements.js", "icon.svg")
    for name in (*names, "live", "live.js"):
        served = site.ask(f"/{name}")
        assert served.status == 200
        text = served.body.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "//cdn" not in text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": f"evil.example:{PORT}"}, 421),
        ({"host": "127.0.0.1"}, 421),
        ({"host": f"127.0.0.1.evil.example:{PORT}"}, 421),
        ({"host": ""}, 421),
        ({"host": f"127.0.0.1:{PORT + 1}"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": f"https://{HOST}"}, 403),
        ({"origin": f"http://127.0.0.1:{PORT + 1}"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"host": f"localhost:{PORT}"}, 200),
        ({"origin": f"http://{HOST}"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
    ],
    ids=str,
)
def test_requests_under_other_names_and_of_other_sites_are_refused(
    site: Site, headers: dict[str, str], status: int
) -> None:
    assert site.ask("/", headers=headers).status == status
    if status != 200:
        posted = site.post("/api/sources", {"path": "in.mp4"}, headers=headers)
        assert posted.status == status
        assert b"in.mp4" not in posted.body
        assert site.post("/api/live/start", {}, headers=headers).status == status


@pytest.mark.parametrize("token", ["", "wrong", "the-toke", "the-token2", "THE-TOKEN", "ä"])
def test_without_the_token_there_is_nothing(site: Site, token: str) -> None:
    for path in ("/", "/page.js", "/api/about", "/files/abc", "/live", "/api/live"):
        reply = site.ask(path, token=token)
        assert reply.status == 404
        assert TOKEN.encode() not in reply.body


def test_a_post_needs_json_and_an_end(site: Site) -> None:
    form = {"content-type": "text/plain"}
    assert site.ask("/api/queue", method="POST", body=b"{}", headers=form).status == 415
    json_ = {"content-type": "application/json"}
    for body, status in ((b"{", 400), (b"[]", 400), (b"[" * 60_000, 400), (b" " * 70_000, 413)):
        reply = site.ask("/api/queue", method="POST", body=body, headers=json_)
        assert reply.status == status


def test_files_outside_the_chosen_folders_are_not_opened(
    site: Site, chosen: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"\0secret")
    (chosen / "link.mp4").symlink_to(secret)
    (chosen / "up").symlink_to(tmp_path)
    for path in (secret, "../secret.mp4", "link.mp4", "up/secret.mp4", "/etc/passwd", chosen):
        reply = site.post("/api/sources", {"path": str(path)})
        assert reply.status == 422, path
        assert "\n" not in reply.json["error"]
    for path in ("/files/../../etc/passwd", "/files/%2e%2e%2fetc", "/page/page.js", "/../app.py"):
        assert site.ask(path).status in (404, 422)


def test_a_file_that_is_swapped_for_a_link_is_not_served(
    site: Site, chosen: Path, tmp_path: Path
) -> None:
    key = site.post("/api/sources", {"path": "in.mp4"}).json["key"]
    served = site.ask(f"/files/{key}", headers={"range": "bytes=1-3"})
    assert (served.status, served.body) == (206, b"vid")
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"\0secret")
    (chosen / "in.mp4").unlink()
    (chosen / "in.mp4").symlink_to(secret)
    reply = site.ask(f"/files/{key}")
    assert reply.status == 422
    assert b"secret" not in reply.body.replace(b"secret.mp4", b"")


def test_what_is_no_video_or_picture_is_not_served(site: Site, chosen: Path) -> None:
    (chosen / "notes.txt").write_bytes(b"text of mine")
    assert site.post("/api/sources", {"path": "notes.txt"}).status == 422
    key = blake2b(bytes(chosen / "notes.txt"), digest_size=12).hexdigest()
    assert site.ask(f"/files/{key}").status == 422


def test_dropped_files_go_with_the_page_but_for_those_of_the_queue(site: Site) -> None:
    kept = site.upload("a.mp4", b"\0video").json["key"]
    site.upload("b.mp4", b"\0video")
    options = {"direction": "mask", "quality": "fast"}
    assert site.post("/api/queue", {"key": kept, "options": options}).status == 200
    site.page.folders.remove_uploads(site.page.conversions.sources())
    assert [p.name for p in site.page.folders.uploads.iterdir()] == ["a.mp4"]


def test_uploads_are_bounded_and_named_by_their_last_part(site: Site) -> None:
    uploads = site.page.folders.uploads
    for name in ("..%2F..%2Fa.mp4", "a.mp4", "C%3A%5Ca.mp4"):
        assert site.upload(name, b"\0video").status == 200
    assert sorted(p.name for p in uploads.iterdir()) == ["a-2.mp4", "a-3.mp4", "a.mp4"]
    too_long = site.upload("b.mp4", b"\0" * 1001)
    assert too_long.status == 413
    assert "--max-upload" in too_long.json["error"]
    lying = site.upload("c.mp4", b"\0" * 1001, headers={"content-length": "5"})
    cut = site.upload("d.mp4", b"\0" * 5, headers={"content-length": "50"})
    assert (lying.status, cut.status) == (400, 400)
    assert site.upload("e.mp4", b"\0", headers={"content-length": ""}).status == 411
    assert len(list(uploads.iterdir())) == 3


def test_what_is_no_video_is_one_line_and_not_kept(site: Site) -> None:
    for name, body in (("text.mp4", b"text"), ("empty.mp4", b"")):
        reply = site.upload(name, body)
        assert reply.status == 422
        assert reply.json["error"].count("\n") == 0
    assert list(site.page.folders.uploads.iterdir()) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(site: Site) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    target = site.page.folders.free_upload("big.mp4")
    part_path(target).symlink_to(full)
    site.page.folders.free_upload = lambda name: target  # type: ignore[method-assign]
    reply = site.upload("big.mp4", b"\0" * 900)
    assert reply.status == 507
    assert "space" in reply.json["error"]
    assert list(site.page.folders.uploads.iterdir()) == []


def test_a_style_picture_outside_the_folders_is_not_read(site: Site) -> None:
    key = site.post("/api/sources", {"path": "in.mp4"}).json["key"]
    for style in ("/etc/hostname.png", "../x.jpg"):
        options = {"direction": "mask", "style": style}
        for path in ("/api/check", "/api/preview", "/api/queue", "/api/people"):
            reply = site.post(path, {"key": key, "options": options})
            assert reply.status == 422
            assert "style" in reply.body.decode() or "there" in reply.json["error"]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"kind": "file", "source": "/etc/passwd"}, "outside the folders"),
        ({"kind": "file", "source": "rtsp://host/in"}, "is not there"),
        ({"kind": "address", "source": "/etc/passwd"}, "is no address"),
        ({"kind": "address", "source": "rtsp://host/in -f x"}, "is no address"),
        ({"kind": "camera", "source": "/dev/sda"}, "is no camera"),
        ({"kind": "camera", "source": ""}, "no source is named"),
        ({"kind": "pipe", "source": "cat"}, "expected file, address, camera or screen"),
        ({"kind": "camera", "source": "0", "address": "/tmp/out"}, "no address to push to"),
    ],
    ids=str,
)
def test_a_live_run_reads_and_pushes_only_what_the_page_may(
    site: Site, wish: dict[str, str], why: str
) -> None:
    reply = site.post("/api/live/start", {**wish, "options": {"direction": "mask"}})

    assert reply.status == 422
    assert why in reply.json["error"]
    assert "\n" not in reply.json["error"]
    assert site.ask("/api/live").json == {"standing": "idle"}
    assert site.ask("/live/picture").status == 404


@pytest.mark.parametrize("name", ["source_opt", "encoder_opt", "overwrite", "weights", "realtime"])
def test_a_live_run_takes_no_option_that_could_name_a_file(site: Site, name: str) -> None:
    options = {"direction": "mask", name: "x"}
    reply = site.post("/api/live/check", {"kind": "camera", "source": "0", "options": options})
    assert reply.status == 422
    assert "no option of the page" in reply.json["error"]


def test_the_command_of_a_live_run_is_told_and_its_file_lies_among_the_results(
    site: Site, chosen: Path
) -> None:
    results = site.page.folders.results
    (results / "day.mkv").touch()
    wish = {"kind": "file", "source": "in.mp4", "file": "../day", "address": "udp://127.0.0.1:9"}
    reply = site.post("/api/live/check", {**wish, "options": {"direction": "mask", "latency": 1}})
    assert reply.json["command"] == (
        f"facemask-video live {chosen}/in.mp4 {results}/day-2.mkv udp://127.0.0.1:9 --realtime "
        "--direction mask --latency 1.0"
    )


def test_nothing_that_is_sent_brings_the_server_down(site: Site) -> None:
    rng = random.Random(0)
    key = site.post("/api/sources", {"path": "in.mp4"}).json["key"]
    words: list[Any] = [key, "", "in.mp4", "\0", "../..", "ä\u202e", "x" * 5000, -1, 1e308, None]
    words += [True, [], {}, [[1]], {"a": {"b": 1}}, "".join(rng.choices(string.printable, k=40))]
    names = [option["name"] for option in site.ask("/api/about").json["options"]]
    paths = ["sources", "check", "preview", "people", "queue", "queue/cancel", "queue/x"]
    paths += ["live/check"]
    for path in paths:
        for _ in range(12):
            body = {
                name: rng.choice(words)
                for name in ("key", "path", "target", "at_s", "boxes", "start", "options")
            }
            body |= {name: rng.choice(words) for name in ("source", "file", "address")}
            body["kind"] = rng.choice(["file", "camera", "address", "screen", rng.choice(words)])
            if rng.random() < 0.7:
                body["options"] = {n: rng.choice(words) for n in rng.sample(names, 2)}
                body["options"]["direction"] = rng.choice(["mask", "unmask", rng.choice(words)])
                body["key"] = key
            reply = site.post(f"/api/{path}", body)
            assert reply.status < 500, (path, body, reply.body)
            if reply.status != 200:
                assert "\n" not in reply.json["error"]
    for query in ("target=zz", "target=", "target=2e2e", "at=nan", "at=-1", "at=x", "target=%00"):
        for path in ("/api/report", "/posters/after", f"/frames/{key}", f"/files/{key}"):
            assert site.ask(path, query=query).status < 500
