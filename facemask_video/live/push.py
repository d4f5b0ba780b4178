"""Push a run's packets to an address in a thread of its own, and again when it went away."""

import logging
import queue
import threading
from collections.abc import Callable

from facemask_video.core.errors import VideoWriteError
from facemask_video.core.wording import counted
from facemask_video.live.back_off import BackOff
from facemask_video.video import LiveContainer, LivePacket

logger = logging.getLogger(__name__)

# Some ten seconds of pictures and sound. A connection that takes less than comes loses packets up
# to the next key picture; nothing is queued without end.
_QUEUED = 1000
_POLL_S = 0.1


class Push:
    """An address that packets are pushed to.

    Attributes:
        dropped: Packets that it did not take.
        reconnections: How often a lost connection was taken up again.

    Args:
        name: What messages call it.
        connect: Opens the connection.
        want_key: Asks the encoder for a picture with which a connection can begin.
    """

    def __init__(
        self, name: str, connect: Callable[[], LiveContainer], want_key: Callable[[], None]
    ) -> None:
        self._name, self._connect, self._want_key = name, connect, want_key
        self._queue: queue.Queue[LivePacket] = queue.Queue(maxsize=_QUEUED)
        self._finishing = threading.Event()
        self._connected = False
        self._needs_key = True
        self._noted = self._sent = False
        self.dropped = self.reconnections = 0
        self._last_error: VideoWriteError | None = None
        self._thread = threading.Thread(target=self._run, name="live push", daemon=True)
        self._thread.start()

    def write(self, packet: LivePacket) -> None:
        """Hand a packet over; drops it where the connection is not there or too slow."""
        if not self._connected or (self._needs_key and (packet.is_audio or not packet.is_key)):
            self.dropped += 1
            return
        try:
            self._queue.put_nowait(packet)
        except queue.Full:
            self.dropped += 1
            self._lose_sync()
        else:
            self._needs_key = False

    def finish(self) -> None:
        """Send what waits, and end the connection.

        Raises:
            VideoWriteError: Nothing ever went there.
        """
        self._finishing.set()
        self._thread.join()
        if self._last_error is not None and not self.reconnections and not self._sent:
            raise self._last_error

    def abandon(self) -> None:
        """End the connection, whatever waits."""
        self._finishing.set()
        self._forget()
        self._thread.join()

    def notes(self) -> list[str]:
        """Say what became of the connection."""
        if not self.reconnections:
            return []
        return [
            f"{self._name}: {counted(self.reconnections, 'reconnection')}, "
            f"{counted(self.dropped, 'packet')} lost"
        ]

    def _lose_sync(self) -> None:
        self._needs_key = True
        self._want_key()

    def _run(self) -> None:
        back_off = BackOff()
        while True:
            container: LiveContainer | None = None
            try:
                container = self._connect()
                if self._last_error is not None:
                    self.reconnections += self._sent
                    logger.warning("%s: takes packets again", self._name)
                self._say_notes(container)
                self._lose_sync()
                self._connected = True
                self._send(container, back_off)
                container.close()
                return
            except VideoWriteError as exc:
                self._connected = False
                self._last_error = exc
                if container is not None:
                    container.abandon()
                self._forget()
                if self._finishing.is_set():
                    return
                pause_s = back_off.pause_s()
                logger.warning("%s Trying again in %g s", exc, pause_s)
                if self._finishing.wait(pause_s):
                    return

    def _send(self, container: LiveContainer, back_off: BackOff) -> None:
        while True:
            try:
                packet = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                if self._finishing.is_set():
                    return
                continue
            container.write(packet)
            self._sent = True
            back_off.reset()

    def _forget(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()
            self.dropped += 1

    def _say_notes(self, container: LiveContainer) -> None:
        if not self._noted:
            self._noted = True
            for note in container.notes:
                logger.warning("%s", note)
