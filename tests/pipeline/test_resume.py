"""An interrupted conversion goes on where it stopped, to the result of an uninterrupted one.

The networks are stand-ins that go by the pixels they are shown, so that every answer, vote, batch
and past matters to the result.
"""

import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from facemask_video.cli.main import main
from facemask_video.config import (
    CompositeConfig,
    ConvertConfig,
    DetectConfig,
    OutputConfig,
    TrackConfig,
    VideoConfig,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import VideoWriteError
from facemask_video.pipeline import resume
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.load_networks import Networks
from facemask_video.pipeline.report import ConversionReport
from facemask_video.pipeline.work_folder import work_path
from facemask_video.video import VideoReader
from facemask_video.video.compare import digest_streams
from tests.pipeline.pixel_networks import BatchPainter, SquareFinder, pixel_networks
from tests.synthetic import encode_clip, moving_square_frames

_N_FRAMES = 32
_SEGMENT = 8


def _asked(networks: Networks) -> tuple[int, int]:
    finder = networks.finder
    assert finder is not None
    assert isinstance(finder.detector, SquareFinder)
    assert isinstance(networks.translator, BatchPainter)
    return finder.detector.looked_at, networks.translator.painted


def _config(folder: Path, **output: object) -> ConvertConfig:
    return ConvertConfig(
        Direction.MASK,
        detect=DetectConfig(every=3, min_face_px=20),
        track=TrackConfig(look_ahead=5, min_track_s=0.0),
        composite=CompositeConfig(color="none", temporal=0.6),
        video=VideoConfig(encoder="ffv1"),
        output=OutputConfig(resume=True, tracks_out=folder / "tracks.jsonl", **output),  # type: ignore[arg-type]
    )


@pytest.fixture(autouse=True)
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "SEGMENT_FRAMES", _SEGMENT)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clip whose square shows from frame 10 on, and with a gap."""
    drawn = moving_square_frames(_N_FRAMES, width_px=160, height_px=120, side_px=44)
    plain = moving_square_frames(1, width_px=160, height_px=120, side_px=0)[0]
    frames = [plain if i < 10 or i in (21, 22) else image for i, image in enumerate(drawn)]
    path = tmp_path_factory.mktemp("resume") / "in.mkv"
    pts = [*range(0, 160, 40), *(170 + 33 * i for i in range(_N_FRAMES - 4))]
    return encode_clip(path, frames, pts=pts, time_base=Fraction(1, 1000), audio=True)


def _interrupted(
    source: Path, out: Path, config: ConvertConfig, at: int, networks: Networks
) -> None:
    def interrupt(done: int, _total: int | None) -> None:
        if done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(source, out, config, networks=networks, on_progress=interrupt)


def _pictures(path: Path) -> list[tuple[int, bytes]]:
    with VideoReader(path) as reader:
        return [
            (frame.pts, b"".join(plane.tobytes() for plane in frame.samples())) for frame in reader
        ]


def _packets(path: Path) -> list[tuple[str, list[int]]]:
    return [(digest.sha256, list(digest.pts)) for digest in digest_streams(path)]


def _same(report: ConversionReport, other: ConversionReport) -> bool:
    counts = ("frames", "faces", "tracks", "frames_with_faces", "faces_changed", "tracks_refused")
    return all(getattr(report, name) == getattr(other, name) for name in counts)


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ConversionReport]:
    """Return an uninterrupted conversion that keeps nothing."""
    folder = tmp_path_factory.mktemp("whole")
    config = _config(folder)
    config = dataclasses.replace(config, output=dataclasses.replace(config.output, resume=False))
    return folder, convert(source, folder / "out.mkv", config, networks=pixel_networks())


@pytest.mark.parametrize("stops", [(31,), (1, 12, 13, 30)])
def test_what_was_interrupted_comes_out_as_if_it_had_not_been(
    source: Path, whole: tuple[Path, ConversionReport], stops: tuple[int, ...], tmp_path: Path
) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    for stop in stops:
        _interrupted(source, out, config, stop, pixel_networks())
        assert not out.exists()
        assert work_path(out).is_dir()

    report = convert(source, out, config, networks=pixel_networks())

    assert _pictures(out) == _pictures(whole[0] / "out.mkv")
    # The pictures' packets alone differ, by more key frames.
    assert _packets(out)[1:] == _packets(whole[0] / "out.mkv")[1:]
    assert (tmp_path / "tracks.jsonl").read_text() == (whole[0] / "tracks.jsonl").read_text()
    assert _same(report, whole[1])
    assert report.faces_changed > 15
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mkv", "tracks.jsonl"]


def test_labels_come_out_as_if_nothing_had_been_interrupted(source: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    label = {"label": "Synthetic face", "label_on": "all"}
    convert(source, one / "out.mkv", _config(one, **label), networks=pixel_networks())

    _interrupted(source, two / "out.mkv", _config(two, **label), 20, pixel_networks())
    report = convert(source, two / "out.mkv", _config(two, **label), networks=pixel_networks())

    assert any("went on after 16 frames" in note for note in report.notes)
    assert _pictures(two / "out.mkv") == _pictures(one / "out.mkv")
    assert (two / "tracks.jsonl").read_text() == (one / "tracks.jsonl").read_text()
    assert '"label"' in (two / "tracks.jsonl").read_text()


def test_what_is_done_is_not_done_again(source: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    once, first, second = pixel_networks(), pixel_networks(), pixel_networks()
    convert(source, tmp_path / "once.mkv", config, networks=once)
    (tmp_path / "tracks.jsonl").unlink()

    _interrupted(source, out, config, 27, first)
    report = convert(source, out, config, networks=second)

    assert "went on after 24 frames of an earlier run" in report.notes
    asked, again = _asked(first), _asked(second)
    assert asked[0] + again[0] == _asked(once)[0]
    assert _packets(out) == _packets(tmp_path / "once.mkv")
    # The batches that hold an unfinished frame are painted again.
    assert again[1] <= _N_FRAMES - 24 + config.translate.batch_size


def test_an_answer_that_was_cut_off_is_asked_for_again(
    source: Path, whole: tuple[Path, ConversionReport], tmp_path: Path
) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    _interrupted(source, out, config, 20, pixel_networks())
    journal = work_path(out) / "detector.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])
    (work_path(out) / "segment.part").write_bytes(b"half")

    convert(source, out, config, networks=pixel_networks())

    assert _pictures(out) == _pictures(whole[0] / "out.mkv")


def test_another_option_or_input_begins_anew_and_is_said(source: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    _interrupted(source, out, config, 20, pixel_networks())
    other = dataclasses.replace(config, composite=CompositeConfig(color="none", temporal=0.2))

    report = convert(source, out, other, networks=pixel_networks())

    said = [note for note in report.notes if "of an earlier run is not used" in note]
    assert said == [
        "the work of an earlier run is not used: options.composite.temporal was 0.6, is 0.2"
    ]


def test_a_record_that_does_not_fit_begins_anew_and_is_said(
    source: Path, whole: tuple[Path, ConversionReport], tmp_path: Path
) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)
    _interrupted(source, out, config, 20, pixel_networks())
    journal = work_path(out) / "detector.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    lines[3][0] += 1
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))

    report = convert(source, out, config, networks=pixel_networks())

    assert any("its record does not fit the source" in note for note in report.notes)
    assert _pictures(out) == _pictures(whole[0] / "out.mkv")


def test_two_runs_do_not_share_the_work_on_one_output(source: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "out.mkv", _config(tmp_path)

    def second(done: int, _total: int | None) -> NoReturn:
        convert(source, out, config, networks=pixel_networks())
        raise AssertionError(done)

    with pytest.raises(VideoWriteError, match="another run is working on it"):
        convert(source, out, config, networks=pixel_networks(), on_progress=second)

    assert list(tmp_path.iterdir()) == []


def test_a_clip_without_a_face_is_still_copied(tmp_path: Path) -> None:
    plain = moving_square_frames(1, width_px=160, height_px=120, side_px=0) * 20
    source = encode_clip(tmp_path / "in.mp4", plain)
    config = dataclasses.replace(_config(tmp_path), video=VideoConfig())
    _interrupted(source, tmp_path / "out.mp4", config, 15, pixel_networks())

    report = convert(source, tmp_path / "out.mp4", config, networks=pixel_networks())

    assert report.output["pictures"] == "copied"
    assert not work_path(tmp_path / "out.mp4").exists()


def test_ctrl_c_says_how_to_go_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mkv"

    def interrupted(*_: object, **__: object) -> NoReturn:
        _interrupted(source, out, _config(tmp_path), 20, pixel_networks())
        raise KeyboardInterrupt

    monkeypatch.setattr("facemask_video.cli.convert.convert_video", interrupted)
    result = CliRunner().invoke(main, [str(source), str(out), "-d", "mask", "--resume"])

    assert result.exit_code == 130
    assert "What is done is kept; the same command goes on from there" in result.output
