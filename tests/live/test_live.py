"""Live runs over loopback and from files at their own pace, with fakes for the networks."""

import dataclasses
import logging
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import pytest
from click.testing import CliRunner

from facemask_video.cli.main import main
from facemask_video.config import LiveConfig, TrackConfig
from facemask_video.config.live import LiveOutputConfig, LiveSourceConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, VideoReadError, VideoWriteError
from facemask_video.core.files import Part
from facemask_video.live.outputs import Outputs, check_names
from facemask_video.live.run import LiveReport, run_live
from facemask_video.pipeline.pace import live_pace
from facemask_video.video import (
    LiveContainer,
    LivePacket,
    LiveSource,
    VideoReader,
    parse_source,
    probe,
)
from tests.fakes import InvertTranslator, ScriptedDetector, detection_at, fake_networks
from tests.live.rtsp_server import RtspServer
from tests.synthetic import encode_clip, moving_square_frames

_PATIENCE_S = 40


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return two seconds with a tone, a transport stream."""
    frames = moving_square_frames(50, width_px=160, height_px=120)
    path = tmp_path_factory.mktemp("live") / "clip.ts"
    return encode_clip(path, frames, audio=True, options={"preset": "ultrafast"})


def _config(*, source: dict[str, object] | None = None, **output: object) -> LiveConfig:
    return LiveConfig(
        Direction.MASK,
        source=LiveSourceConfig(**{"realtime": True, "timeout_s": 10.0, **(source or {})}),
        output=LiveOutputConfig(**{"preset": "ultrafast", **output}),
        # A busy machine drops most frames; a face is one at once.
        track=TrackConfig(min_track_s=0.0),
    )


def _run(
    source: object, outputs: list[object], config: LiveConfig, **options: object
) -> LiveReport:
    detector = ScriptedDetector([detection_at(80, 60, 50)], frame_width_px=160)
    networks = fake_networks(detector)
    return run_live(
        str(source), [str(each) for each in outputs], config, networks=networks, **options
    )


def _wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_file_at_its_own_pace_becomes_a_file_with_its_sound(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    began = time.monotonic()

    report = _run(clip, [out], _config())

    assert time.monotonic() - began > 1.8
    assert report.frames_read == 50
    assert report.frames_written + report.dropped == 50
    assert report.faces_changed > 0
    info = probe(out)
    assert [stream.kind for stream in info.streams] == ["video", "audio"]
    assert any("Synthetic faces" in value for value in info.metadata.values())
    with VideoReader(out) as reader:
        times = [float(frame.pts * frame.time_base) for frame in reader]
    assert len(times) == report.frames_written
    assert times == sorted(set(times))


def _write_all(clip: Path, outputs: list[Path], config: LiveConfig) -> Outputs:
    """Write a clip's frames and sound as fast as they can be read, without networks."""
    address = dataclasses.replace(parse_source(str(clip), realtime=True), is_file=False)
    source = LiveSource(address, timeout_s=10, max_pixels=10**8, form=None, stopped=lambda: False)
    with closing(source):
        sinks = Outputs(
            [str(each) for each in outputs],
            config,
            source.form,
            Fraction(25),
            source.audio,
            {"comment": "made here"},
        )
        try:
            sound: list[LivePacket] = []
            for item in source.items(begin_s=0.0):
                if isinstance(item, LivePacket):
                    sound.append(item)
                else:
                    sinks.write(item, sound)
                    sound = []
            sinks.finish()
        finally:
            sinks.discard()
    return sinks


def _packets(path: Path, kind: str) -> int:
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return sum(packet.size > 0 for packet in container.demux(stream))


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_segments_are_files_of_their_own(clip: Path, tmp_path: Path, suffix: str) -> None:
    sinks = _write_all(clip, [tmp_path / f"cam.{suffix}"], _config(segment_s=1.0))

    paths = sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == [f"cam-0001.{suffix}", f"cam-0002.{suffix}"]
    assert [_packets(path, "video") for path in paths] in ([25, 25], [26, 24])
    assert all(_packets(path, "audio") > 30 for path in paths)
    assert sinks.notes == [f"2 files, {paths[0].name} to {paths[1].name}"]


def test_a_slow_machine_drops_frames_and_says_how_many(clip: Path, tmp_path: Path) -> None:
    class Slow(InvertTranslator):
        def translate(self, crops):  # type: ignore[no-untyped-def]
            time.sleep(0.3)
            return super().translate(crops)

    detector = ScriptedDetector([detection_at(80, 60, 50)], frame_width_px=160)
    config = _config(latency_s=0.0)
    report = run_live(
        str(clip), [str(tmp_path / "out.mkv")], config, networks=fake_networks(detector, Slow())
    )

    assert report.frames_read == 50
    assert report.dropped > 20
    assert report.frames_written == 50 - report.dropped
    assert f"{report.dropped} dropped" in report.line()


@contextmanager
def _listener(port: int, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run an RTSP server that takes one stream and writes it to a file."""
    address = f"rtsp://127.0.0.1:{port}/out"
    command = ["ffmpeg", "-v", "error", "-y", "-rtsp_flags", "listen", "-i", address]
    process = subprocess.Popen(
        [*command, "-c", "copy", "-flush_packets", "1", "-f", "mpegts", str(out)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_rtsp_to_rtsp_outlives_both_servers(
    clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg to listen with")
    port = _free_port()
    first, second = tmp_path / "first.ts", tmp_path / "second.ts"
    source = RtspServer(clip, seconds=2.0)
    stops: list[Callable[[], None]] = []
    reports: list[LiveReport] = []

    def run() -> None:
        reports.append(
            _run(
                source.address,
                [f"rtsp://127.0.0.1:{port}/out"],
                _config(source={"timeout_s": 5.0}),
                on_start=stops.append,
            )
        )

    def grown(path: Path) -> bool:
        return path.is_file() and path.stat().st_size > 10_000

    running = threading.Thread(target=run)
    restarted: RtspServer | None = None
    try:
        with caplog.at_level(logging.WARNING, logger="facemask_video"):
            with _listener(port, first):
                running.start()
                _wait_for(lambda: grown(first))
            with _listener(port, second):
                _wait_for(lambda: grown(second))
                source.stop()
                restarted = RtspServer(clip, seconds=2.0, port=source.port)
                size = second.stat().st_size
                _wait_for(lambda: "is there again" in caplog.text)
                _wait_for(lambda: second.stat().st_size > size + 5_000)
                stops[0]()
                running.join(_PATIENCE_S)
    finally:
        for stop in stops:
            stop()
        for server in (source, restarted):
            if server is not None:
                server.stop()
        running.join(_PATIENCE_S)

    assert not running.is_alive()
    (report,) = reports
    assert report.reconnections >= 1
    assert any("1 reconnection" in note for note in report.notes)
    for path in (first, second):
        assert probe(path).width_px == 160


def test_the_run_stops_with_its_file_complete(clip: Path, tmp_path: Path) -> None:
    server = RtspServer(clip, seconds=2.0)
    try:
        out = tmp_path / "out.mkv"
        _run(server.address, [out], _config(source={"duration_s": 1.0}))
    finally:
        server.stop()

    with VideoReader(out) as reader:
        assert sum(1 for _ in reader) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_transport_stream_goes_to_standard_output(clip: Path, tmp_path: Path) -> None:
    for name, form in (("out.ts", "mpegts"), ("out.y4m", "y4m")):
        kept = os.dup(1)
        with (tmp_path / name).open("wb") as file:
            os.dup2(file.fileno(), 1)
            try:
                report = _run(clip, ["-"], _config(format=form, source={"duration_s": 0.8}))
            finally:
                os.dup2(kept, 1)
                os.close(kept)
        with VideoReader(tmp_path / name) as reader:
            count = sum(1 for _ in reader)
        assert count == report.frames_written or form == "y4m"
        assert count >= report.frames_written > 0


def test_a_full_disk_keeps_the_segments_that_are_finished(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = LiveContainer.write, [0]

    def full_after_a_while(self: LiveContainer, packet: LivePacket) -> None:
        written[0] += 1
        if written[0] > 110:
            raise VideoWriteError("cam: the disk is full.")
        write(self, packet)

    monkeypatch.setattr(LiveContainer, "write", full_after_a_while)

    with pytest.raises(VideoWriteError, match="disk is full"):
        _write_all(clip, [tmp_path / "cam.mkv"], _config(segment_s=1.0))

    assert [path.name for path in tmp_path.iterdir()] == ["cam-0001.mkv"]


def test_an_output_that_fails_leaves_the_others(
    clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(target: Path) -> Part:
        if target.name == "bad.mkv":
            raise OSError(28, "No space left on device")
        return Part(target)

    monkeypatch.setattr("facemask_video.live.files.Part", refuse)
    good = tmp_path / "good.mkv"
    with pytest.raises(VideoWriteError, match=r"bad\.mkv"):
        _write_all(clip, [tmp_path / "bad.mkv", good], _config())

    assert "The other outputs go on" in caplog.text
    assert _packets(good, "video") == 50
    assert _packets(good, "audio") > 70


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("camera:97", "/dev/video97: is not there"),
        ("rtsp://127.0.0.1:9/x", "refuses the connection"),
        ("ftp://127.0.0.1/x", "no live protocol"),
        ("nowhere.mp4", "is no camera, screen, address or file"),
    ],
)
def test_a_source_that_is_not_there_is_one_line(source: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, VideoReadError), match=reason):
        _run(source, [tmp_path / "out.mkv"], _config())

    assert list(tmp_path.iterdir()) == []


def test_an_address_that_speaks_something_else_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"220 mail.example.org ESMTP\r\n" * 2000)

        talking = threading.Thread(target=answer)
        talking.start()
        with pytest.raises(VideoReadError, match="answers, but with no stream"):
            _run(f"tcp://127.0.0.1:{port}", [tmp_path / "out.mkv"], _config())
        talking.join()


def test_a_silent_address_is_given_up(tmp_path: Path) -> None:
    config = _config(source={"timeout_s": 0.5})
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(VideoReadError, match="does not answer"),
    ):
        _run(f"rtsp://127.0.0.1:{server.getsockname()[1]}/x", [tmp_path / "o.mkv"], config)


def test_no_password_is_shown() -> None:
    assert parse_source("rtsp://me:secret@host/a", realtime=False).name == "rtsp://host/a"


def test_a_file_is_played_only_when_that_is_asked_for(clip: Path) -> None:
    with pytest.raises(ConfigError, match="add --realtime"):
        parse_source(str(clip), realtime=False)


def test_a_stream_opens_no_files() -> None:
    for address in ("http://host/a.m3u8", "rtsp://host/a", "udp://host:1"):
        protocols = parse_source(address, realtime=False).options["protocol_whitelist"].split(",")
        assert not {"file", "concat", "subfile", "data"} & set(protocols)


def test_outputs_that_are_none_are_refused_before_anything_is_opened() -> None:
    with pytest.raises(VideoWriteError, match="names no container"):
        check_names(["out.txt"])
    with pytest.raises(ConfigError, match="pushed to by no protocol"):
        check_names(["ftp://host/a"])
    with pytest.raises(ConfigError, match="name it once"):
        check_names(["-", "-"])


@pytest.mark.parametrize("latency_s", [0.0, 0.1, 0.2, 0.5, 1.0, 3.0])
def test_no_more_frames_are_held_than_the_latency_allows(latency_s: float) -> None:
    pace = live_pace(latency_s, 25.0, classifies=True)

    assert pace.held <= max(1, latency_s * 25)
    assert pace.look_ahead >= pace.pace.voted or latency_s < 0.3


def test_a_device_that_takes_no_pictures_is_one_line(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoWriteError, match="there is no such device"):
        _run(clip, ["/dev/video97"], _config())
    with pytest.raises(VideoWriteError, match="there is no such device"):
        _run(clip, ["device:Nobody"], _config())


def test_a_window_without_a_display_is_one_line(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)

    with pytest.raises(VideoWriteError, match="window: "):
        _run(clip, ["window"], _config())


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["live", "nowhere", "out.mkv", "-d", "mask"])

    assert result.exit_code == 2
    assert "is no camera, screen, address or file" in " ".join(result.stderr.split())
