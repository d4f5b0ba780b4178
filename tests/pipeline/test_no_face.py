"""What becomes of a clip in which no face is translated."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import av
import pytest
from click.testing import CliRunner

from facemask_video import provenance
from facemask_video.cli.main import main
from facemask_video.config import (
    CompositeConfig,
    ConvertConfig,
    OutputConfig,
    SelectConfig,
    VideoConfig,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import VideoReadError
from facemask_video.pipeline import no_face
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.report import ConversionReport
from facemask_video.verify import verify
from facemask_video.video import VideoReader, probe
from facemask_video.video.compare import digest_streams
from tests.fakes import (
    ScriptedClassifier,
    ScriptedDetector,
    detection_at,
    fake_networks,
)
from tests.synthetic import encode_clip, moving_square_frames

_FACE = detection_at(80, 60, 50)
_N_FRAMES = 20


def _clip(path: Path, **options: object) -> Path:
    frames = moving_square_frames(_N_FRAMES, width_px=160, height_px=120)
    return encode_clip(path, frames, **options)  # type: ignore[arg-type]


def _convert(source: Path, out: Path, script: object = (), **parts: object) -> ConversionReport:
    config = ConvertConfig(Direction.MASK, composite=CompositeConfig(color="none"))
    config = dataclasses.replace(config, **parts)  # type: ignore[arg-type]
    detector = ScriptedDetector(script, frame_width_px=160)  # type: ignore[arg-type]
    return convert(source, out, config, networks=fake_networks(detector))


def _packets(path: Path) -> list[str]:
    return [digest.sha256 for digest in digest_streams(path)]


def _pictures(path: Path) -> list[bytes]:
    with VideoReader(path) as reader:
        return [b"".join(plane.tobytes() for plane in frame.samples()) for frame in reader]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("in.mp4", {"audio": True, "b_frames": 2, "metadata": {"title": "a"}}),
        ("in.mp4", {"rotation_deg": 90, "chapters": [(0, 0.4, "one")]}),
        ("in.mkv", {"pts": [0, 30, 90, *range(100, 780, 40)], "time_base": Fraction(1, 1000)}),
        ("in.mkv", {"sample_aspect": Fraction(4, 3), "subtitles": [(0.1, 0.5, "hello")]}),
    ],
    ids=["b-frames", "rotated", "variable rate", "wide pixels"],
)
def test_a_clip_without_a_face_is_copied_packet_by_packet(
    name: str, options: dict[str, object], tmp_path: Path
) -> None:
    source, out = _clip(tmp_path / name, **options), tmp_path / f"out{Path(name).suffix}"

    report = _convert(source, out)

    assert _packets(out) == _packets(source)
    assert [row for row in verify(source, out).rows if not row.ok] == []
    assert _pictures(out) == _pictures(source)
    assert report.output["pictures"] == "copied"
    assert report.output["encoder"] is None
    assert "no face found (--min-face 35), so all packets are the source's" in report.closing_line()
    made = provenance.read(probe(out).metadata)
    assert made is not None
    assert (made.direction, made.is_synthetic) == ("mask", False)
    assert report.notes == ()


@pytest.mark.parametrize(
    ("codec", "suffix"), [("libx264", ".mp4"), ("libx264", ".mkv"), ("libx265", ".mp4")]
)
def test_a_transport_stream_is_copied_into_a_container_that_frames_otherwise(
    codec: str, suffix: str, tmp_path: Path
) -> None:
    frames = {"libx264": {"b_frames": 2}, "libx265": {"options": {"preset": "ultrafast"}}}
    source = _clip(tmp_path / "in.ts", codec=codec, audio=True, **frames[codec])
    out = tmp_path / f"out{suffix}"

    report = _convert(source, out)

    assert report.output["pictures"] == "copied"
    assert _pictures(out) == _pictures(source)
    assert [row for row in verify(source, out).rows if not row.ok] == []


def test_a_sound_without_one_packet_is_not_dropped_from_a_copy_without_a_word(
    tmp_path: Path,
) -> None:
    source = _clip(tmp_path / "in.mov", audio=True)
    data = bytearray(source.read_bytes())
    # The sound's table of sizes, after the pictures': how many samples there are.
    at = data.rindex(b"stsz") + 12
    data[at : at + 4] = bytes(4)
    source.write_bytes(data)

    report = _convert(source, tmp_path / "out.mov")

    assert "1 of the copied streams is lost: a mov file did not take it" in report.notes
    assert [stream.kind for stream in probe(tmp_path / "out.mov").streams] == ["video"]


def test_pictures_without_times_are_not_copied_in_another_order(tmp_path: Path) -> None:
    whole, source = _clip(tmp_path / "whole.ts", b_frames=2), tmp_path / "in.h264"
    with av.open(str(whole)) as given:
        stream = given.streams.video[0]
        source.write_bytes(b"".join(bytes(packet) for packet in given.demux(stream)))

    report = _convert(source, tmp_path / "out.mkv")

    assert report.output["pictures"] == "encoded"
    assert [row for row in verify(source, tmp_path / "out.mkv").rows if not row.ok] == []


def test_a_clip_whose_faces_are_all_left_alone_is_copied(tmp_path: Path) -> None:
    source, out = _clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    networks = fake_networks(
        ScriptedDetector([_FACE], frame_width_px=160), classifier=ScriptedClassifier([0.9])
    )

    report = convert(source, out, ConvertConfig(Direction.MASK), networks=networks)

    assert _packets(out) == _packets(source)
    assert "left alone (1 track) as masked already" in report.closing_line()


def test_persons_who_were_not_chosen_are_not_said_to_be_missing(tmp_path: Path) -> None:
    source, out = _clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"

    report = _convert(source, out, [_FACE], select=SelectConfig(faces="track:99"))

    assert "no face of --faces track:99, so all packets are the source's" in report.closing_line()


@pytest.mark.parametrize("first", [1, 13])
def test_frames_before_the_first_face_are_written_all_the_same(first: int, tmp_path: Path) -> None:
    source = _clip(tmp_path / "in.mkv", codec="ffv1", audio=True)
    script = {index: [_FACE] for index in range(first, _N_FRAMES)}
    ffv1 = VideoConfig(encoder="ffv1")

    report = _convert(source, tmp_path / "lazy.mkv", script, video=ffv1)
    _convert(
        source, tmp_path / "whole.mkv", script, video=ffv1, output=OutputConfig(no_face="encode")
    )

    assert report.frames == _N_FRAMES > report.faces_changed > 0
    assert _pictures(tmp_path / "lazy.mkv") == _pictures(tmp_path / "whole.mkv")
    assert _packets(tmp_path / "lazy.mkv") == _packets(tmp_path / "whole.mkv")
    made = provenance.read(probe(tmp_path / "lazy.mkv").metadata)
    assert made is not None
    assert made.is_synthetic


@pytest.mark.parametrize(
    ("parts", "name", "why"),
    [
        ({"video": VideoConfig(encoder="ffv1")}, "out.mkv", "--encoder ffv1 was asked for"),
        ({"video": VideoConfig(end_s=0.5)}, "out.mp4", "a range begins and ends at frames"),
        ({"video": VideoConfig(pixel_format="yuv444p")}, "out.mp4", "--pix-fmt yuv444p"),
        ({"output": OutputConfig(layout="side-by-side")}, "out.mp4", "--layout side-by-side"),
        ({}, "out.avi", "a avi file"),
    ],
)
def test_what_a_copy_cannot_give_is_encoded_and_said(
    parts: dict[str, object], name: str, why: str, tmp_path: Path
) -> None:
    source = _clip(tmp_path / "in.mp4", b_frames=2)

    report = _convert(source, tmp_path / name, **parts)

    assert report.output["pictures"] == "encoded"
    assert [why in note for note in report.notes if "not copied" in note] == [True]
    assert "so the pictures are the source's, encoded anew" in report.closing_line()


def test_a_copy_that_would_show_other_pictures_is_not_taken(tmp_path: Path) -> None:
    # Its edit list leaves out pictures that packets are there for.
    whole, source = _clip(tmp_path / "whole.mp4", gop=50), tmp_path / "in.mp4"
    with av.open(str(whole)) as given, av.open(str(source), "w") as cut:
        stream = cut.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                packet.pts, packet.dts = packet.pts - 5 * 512, packet.dts - 5 * 512
                packet.stream = stream
                cut.mux(packet)
    assert len(_pictures(source)) < _N_FRAMES

    report = _convert(source, tmp_path / "out.mp4")

    assert report.output["pictures"] == "encoded"
    assert len(_pictures(tmp_path / "out.mp4")) == len(_pictures(source))


def test_skip_writes_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = _clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"

    report = _convert(source, out, output=OutputConfig(no_face="skip"))

    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    assert report.output["path"] is None
    assert "so nothing was written (--no-face skip)" in report.closing_line()
    monkeypatch.setattr("facemask_video.cli.convert.convert_video", lambda *_, **__: report)
    result = CliRunner().invoke(main, [str(source), str(out), "-d", "mask", "--no-face", "skip"])
    assert result.exit_code == 0
    assert result.output.startswith(f"{source}: 20 frames, no face found")


def test_skip_still_writes_a_clip_with_a_face(tmp_path: Path) -> None:
    source, out = _clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"

    script = {index: [_FACE] for index in range(12, _N_FRAMES)}
    report = _convert(source, out, script, output=OutputConfig(no_face="skip"))

    assert len(_pictures(out)) == report.frames == _N_FRAMES


def test_a_source_that_changes_under_the_second_reading_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _clip(tmp_path / "in.mp4")
    other = _clip(tmp_path / "other.mp4", rate=10)
    monkeypatch.setattr(no_face, "VideoReader", lambda _, **range_: VideoReader(other, **range_))

    with pytest.raises(VideoReadError, match="reads otherwise the second time"):
        _convert(source, tmp_path / "out.mp4", {index: [_FACE] for index in range(10, 20)})

    assert not (tmp_path / "out.mp4").exists()


def test_inspect_says_of_a_copy_that_no_face_was_changed(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    _convert(_clip(tmp_path / "in.mp4"), out)

    result = CliRunner().invoke(main, ["inspect", str(out)])

    assert "no face was changed" in result.output
    assert "SYNTHETIC" not in result.output


def test_a_file_made_synthetic_before_stays_so(tmp_path: Path) -> None:
    made = provenance.describe(Direction.UNMASK, "0.1", "ab")
    source = _clip(tmp_path / "in.mkv", metadata=made)

    _convert(source, tmp_path / "out.mkv")

    tags = probe(tmp_path / "out.mkv").metadata
    found = provenance.read(tags)
    assert found is not None
    assert (found.direction, found.is_synthetic) == ("unmask", True)
    assert "No face changed" in tags["COMMENT"]
