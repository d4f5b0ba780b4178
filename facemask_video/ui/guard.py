"""What stands before the page: who may ask for anything at all.

A page of any web site that a browser shows may send requests to 127.0.0.1, and a name that points
there (DNS rebinding) makes them look like requests of that site's own. So a request must know the
token in the address, be addressed to this very host and port, and come from no other site's page.
"""

import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
    "cache-control": "no-store",
}


class Guard:
    """Lets through what comes from the page itself; everything else gets a short refusal."""

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        """Stand before an application.

        Args:
            app: Sees paths without the token.
            token: First part of every path.
            port: That the server listens on.
        """
        self._app = app
        self._token = token
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            status, text = refusal
            response = PlainTextResponse(f"{text}\n", status, headers=_HEADERS)
            await response(scope, receive, send)
            return
        inner = dict(scope, root_path=f"/{self._token}")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(inner, receive, with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if not _all_among(headers.getlist("host"), self._hosts) or not headers.getlist("host"):
            return 421, "This page is served under 127.0.0.1 alone."
        if not _all_among(headers.getlist("origin"), self._origins):
            return 403, "Requests of other sites are refused."
        site = headers.get("sec-fetch-site", "none")
        is_visit = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not is_visit:
            return 403, "Requests of other sites are refused."
        parts = scope["path"].split("/", 2)
        token = parts[1].encode("utf-8", "surrogateescape") if len(parts) == 3 else b""
        if not secrets.compare_digest(token, self._token.encode()):
            return 404, "Open the address that facemask-video ui printed; it ends in a token."
        return None


def _all_among(values: Iterable[str], known: frozenset[str]) -> bool:
    return all(value.lower() in known for value in values)
