"""A small RTSP server on loopback that plays a transport stream over and over (RFC 2326, RFC 2250).

It serves one client at a time, RTP interleaved in the connection.
"""

import socket
import struct
import threading
import time
from pathlib import Path

_TS_PACKET = 188
_PER_RTP = 7
_MP2T = 33
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 33\r\na=control:track\r\n"
)


class RtspServer:
    """Plays a file from the moment it is made until it is stopped.

    Args:
        path: A transport stream.
        seconds: How long one turn of it lasts.
        port: Where to listen; 0 chooses.
    """

    def __init__(self, path: Path, *, seconds: float, port: int = 0) -> None:
        self._data, self._seconds = path.read_bytes(), seconds
        self._stop = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/test"

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._socket.accept()
            except TimeoutError:
                continue
            with client:
                try:
                    self._serve(client)
                except OSError:
                    continue

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(0.1)
        pending = b""
        while not self._stop.is_set():
            try:
                data = client.recv(4096)
            except TimeoutError:
                continue
            if not data:
                return
            pending += data
            while b"\r\n\r\n" in pending:
                request, _, pending = pending.partition(b"\r\n\r\n")
                if self._answer(client, request.decode()):
                    self._play(client)
                    return

    def _answer(self, client: socket.socket, request: str) -> bool:
        """Answer a request; return whether playing begins."""
        method = request.partition(" ")[0]
        sequence = next(
            line.partition(":")[2].strip()
            for line in request.splitlines()
            if line.lower().startswith("cseq")
        )
        body, headers = "", ""
        if method == "OPTIONS":
            headers = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = _SDP
            headers = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            headers = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        else:
            headers = "Session: 1\r\n"
        client.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{headers}\r\n{body}".encode())
        return method == "PLAY"

    def _play(self, client: socket.socket) -> None:
        client.settimeout(5)
        size = _TS_PACKET * _PER_RTP
        chunks = [self._data[at : at + size] for at in range(0, len(self._data), size)]
        pause_s = self._seconds / len(chunks)
        begin, sequence = time.monotonic(), 0
        while not self._stop.is_set():
            for chunk in chunks:
                if self._stop.is_set():
                    return
                stamp = int((time.monotonic() - begin) * 90_000) & 0xFFFFFFFF
                rtp = struct.pack(">BBHII", 0x80, _MP2T, sequence & 0xFFFF, stamp, 1) + chunk
                client.sendall(struct.pack(">cBH", b"$", 0, len(rtp)) + rtp)
                sequence += 1
                due = begin + sequence * pause_s
                time.sleep(max(0.0, due - time.monotonic()))
