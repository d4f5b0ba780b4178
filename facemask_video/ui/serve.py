"""Serve the page on this machine until interrupted."""

import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from facemask_video.config.page import PageConfig
from facemask_video.core.errors import ConfigError
from facemask_video.ui.app import Page
from facemask_video.ui.conversions import Conversions
from facemask_video.ui.folders import Folders
from facemask_video.ui.guard import Guard

HOST = "127.0.0.1"


def serve(
    folders: Sequence[Path],
    results: Path,
    config: PageConfig,
    *,
    on_address: Callable[[str], None],
) -> None:
    """Serve the page until the process is interrupted.

    Args:
        folders: Whose videos and pictures the page may see.
        results: Folder of the results; made where it is not there.
        config: Everything else.
        on_address: Called with the page's address when it can be opened.

    Raises:
        ConfigError: A folder is none, or the port is taken.
        BatchError: The folder of the results cannot be written.
    """
    seen = Folders(folders, results)
    listening = _listen(config.port)
    with listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        conversions = Conversions(seen.results, seen.uploads)
        page = Page(seen, round(config.max_upload_gb * 1e9), conversions)
        settings = uvicorn.Config(
            Guard(page.app(), token=token, port=port),
            log_level=logging.WARNING,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=2,
        )
        server = _Server(settings, lambda: on_address(f"http://{HOST}:{port}/{token}/"))
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
    except OSError as exc:
        listening.close()
        raise ConfigError(
            f"port: {port} cannot be had ({exc.strerror}); take another --port, or none."
        ) from exc
    return listening
