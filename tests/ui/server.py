"""The page's server in processes that can connect to this machine alone."""

import socket
import sys
from typing import Any

from facemask_video.cli.main import main

_connect = socket.socket.connect


def _connect_here(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1"):
        raise ConnectionRefusedError(f"{address[0]}: not in a test")
    _connect(self, address)


# Processes that the server starts import this file, too.
socket.socket.connect = _connect_here  # type: ignore[assignment, method-assign]

if __name__ == "__main__":
    main(["ui", *sys.argv[1:]])
