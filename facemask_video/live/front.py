"""Read a live source in a thread of its own, and drop frames that nobody is ready for."""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator

from facemask_video.core.errors import FacemaskVideoError, VideoReadError
from facemask_video.live.back_off import BackOff
from facemask_video.video import LiveAddress, LiveForm, LivePacket, LiveSource, NativeFrame

logger = logging.getLogger(__name__)

# Frames that wait for the first stage; more are late, and the oldest is dropped. Now and then a
# frame takes as long as three, where all of it is searched.
_WAITING = 4
# Packets of sound that wait for their pictures: a minute of AAC.
_SOUND_WAITING = 3000
_POLL_S = 0.1


class Front:
    """The newest frames of a source, and its sound.

    A context manager. At most `_WAITING` frames are held, however long nobody takes one. A
    connection that is lost is taken up again, after pauses that grow.

    Attributes:
        form: How pictures look.
        source: The first connection; its sound's form is passed on.
        frames_read: Frames that came so far.
        dropped: Those that were dropped.
        reconnections: How often a lost connection was taken up again.

    Args:
        address: What is read.
        timeout_s: See `LiveSource`.
        max_pixels: See `LiveSource`.
        reconnect: Whether a connection that is lost, or ends, is taken up again.
        duration_s: When to stop by itself; None never.

    Raises:
        VideoReadError: The source cannot be opened.
    """

    def __init__(
        self,
        address: LiveAddress,
        *,
        timeout_s: float,
        max_pixels: int,
        reconnect: bool,
        duration_s: float | None,
    ) -> None:
        self._address, self._timeout_s, self._max_pixels = address, timeout_s, max_pixels
        self._reconnect = reconnect and not address.is_file
        self._duration_s = duration_s
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._frames: deque[tuple[NativeFrame, float]] = deque()
        self._sound: deque[LivePacket] = deque(maxlen=_SOUND_WAITING)
        self._arrived: dict[int, float] = {}
        self._ended = False
        self._error: BaseException | None = None
        self.frames_read = self.dropped = self.reconnections = 0
        self.changed = self.corrupt_packets = 0
        self.source = self._connect(None)
        self.form: LiveForm = self.source.form
        self._thread = threading.Thread(target=self._run, name="live source", daemon=True)

    def __enter__(self) -> "Front":
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Let the frames end; may be called from anywhere."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        """Whether nobody waits any more."""
        return self._stop.is_set()

    def frames(self) -> Iterator[NativeFrame]:
        """Yield frames as they come, numbered as they are handed out.

        Raises:
            VideoReadError: The source was lost, and is not to be taken up again.
        """
        index = 0
        while True:
            with self._news:
                while not self._frames and not self._ended and not self._stop.is_set():
                    self._news.wait(_POLL_S)
                if self._stop.is_set() or not self._frames:
                    break
                frame, arrived = self._frames.popleft()
                self._news.notify_all()
            frame.index = index
            index += 1
            self._arrived[frame.pts] = arrived
            yield frame
        if self._error is not None and not self._stop.is_set():
            raise self._error

    def sound_until(self, pts: int | None) -> list[LivePacket]:
        """Take the packets of sound that are due up to a frame; all that came for None."""
        taken = []
        while self._sound and (pts is None or self._sound[0].pts <= pts):
            taken.append(self._sound.popleft())
        return taken

    def age_s(self, pts: int) -> float:
        """Return how long ago a frame came, once."""
        return time.monotonic() - self._arrived.pop(pts)

    def _connect(self, form: LiveForm | None) -> LiveSource:
        return LiveSource(
            self._address,
            timeout_s=self._timeout_s,
            max_pixels=self._max_pixels,
            form=form,
            stopped=self._stop.is_set,
        )

    def _run(self) -> None:
        try:
            self._read_on(self.source)
        except BaseException as exc:  # noqa: BLE001 - raised again where frames are taken
            self._error = exc
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _read_on(self, source: LiveSource | None) -> None:
        back_off = BackOff()
        while not self._stop.is_set():
            try:
                if source is None:
                    source = self._connect(self.form)
                    self.reconnections += 1
                    logger.warning("%s: is there again", self._address.name)
                back_off.reset()
                self._read(source)
                if self._address.is_file or self._stop.is_set() or self._is_over():
                    return
                lost: FacemaskVideoError = VideoReadError(f"{self._address.name}: ended.")
            except VideoReadError as exc:
                lost = exc
            finally:
                if source is not None:
                    self.changed += source.changed
                    self.corrupt_packets += source.corrupt_packets
                    source.close()
                source = None
            if self._is_over():
                return
            if not self._reconnect:
                raise lost
            pause_s = back_off.pause_s()
            if not self._stop.is_set():
                logger.warning("%s trying again in %g s", lost, pause_s)
            self._wait(pause_s)

    def _read(self, source: LiveSource) -> None:
        begin_s = time.monotonic() - self._started
        for item in source.items(begin_s=begin_s):
            if self._stop.is_set() or self._is_over():
                return
            if isinstance(item, LivePacket):
                self._sound.append(item)
            else:
                self._put(item)

    def _put(self, frame: NativeFrame) -> None:
        with self._news:
            self.frames_read += 1
            if len(self._frames) >= _WAITING:
                self._frames.popleft()
                self.dropped += 1
            self._frames.append((frame, time.monotonic()))
            self._news.notify_all()

    def _is_over(self) -> bool:
        return self._duration_s is not None and (
            time.monotonic() - self._started >= self._duration_s
        )

    def _wait(self, pause_s: float) -> None:
        until = time.monotonic() + pause_s
        while time.monotonic() < until and not self._is_over():
            if self._stop.wait(_POLL_S):
                return
