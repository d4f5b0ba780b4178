"""Previews of drawn clips and pictures, with a detector that reads a script."""

from pathlib import Path

import numpy as np
import pytest

from facemask_video import provenance
from facemask_video.config import (
    CompositeConfig,
    ConvertConfig,
    DetectConfig,
    LabelConfig,
    OutputConfig,
    PreviewConfig,
    ReplayConfig,
    SelectConfig,
    VideoConfig,
)
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError, VideoWriteError
from facemask_video.core.geometry import Box
from facemask_video.core.pictures import read_picture, write_picture
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.load_networks import Networks
from facemask_video.pipeline.preview import Preview, check_sheet, preview, preview_clip
from facemask_video.stills.probe import probe_picture
from facemask_video.video import VideoReader, probe
from tests.fakes import ScriptedClassifier, ScriptedDetector, detection_at, fake_networks
from tests.synthetic import encode_clip, moving_square_frames

_WIDTH_PX, _HEIGHT_PX = 160, 120
_WHOLE = Box(0, 0, _WIDTH_PX, _HEIGHT_PX)
_DETECT = DetectConfig(min_face_px=20)
_PLAIN = CompositeConfig(color="none")


def networks_that_see(*, faces: int = 1, masked: float | None = None) -> Networks:
    """Find a face in the middle, and another at its right."""
    seen = [detection_at(60, 60, 40), detection_at(115, 60, 36)][:faces]
    classifier = None if masked is None else ScriptedClassifier([masked])
    return fake_networks(ScriptedDetector(seen, _WIDTH_PX), classifier=classifier)


def config(at_s: float | None = None, **others: object) -> PreviewConfig:
    """Return how masks are put on around a moment."""
    values = {"detect": _DETECT, "composite": _PLAIN, **others}
    return PreviewConfig(Direction.MASK, at_s=at_s, **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return four seconds at 10 frames a second."""
    frames = moving_square_frames(40, width_px=_WIDTH_PX, height_px=_HEIGHT_PX)
    return encode_clip(
        tmp_path_factory.mktemp("clips") / "clip.mkv", frames, codec="ffv1", rate=10, pix_fmt="bgr0"
    )


def test_a_moment_shows_what_the_conversion_of_the_whole_clip_shows_there(
    clip: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.mkv"
    conversion = ConvertConfig(
        Direction.MASK, detect=_DETECT, composite=_PLAIN, video=VideoConfig(encoder="ffv1")
    )
    convert(clip, whole, conversion, networks=networks_that_see(faces=2, masked=0.1))

    seen = preview(clip, config(2.05), networks_that_see(faces=2, masked=0.1))

    with VideoReader(whole) as reader:
        there = list(reader)[20]
    assert seen.time_s == 2.0
    assert np.array_equal(seen.after, there.read_region(_WHOLE))
    assert seen.faces_changed == 2
    changed = (seen.before != seen.after).any(axis=2)
    assert changed.any()
    assert not changed[seen.alpha == 0].any()


def test_the_frame_shown_is_the_one_that_a_player_shows(tmp_path: Path) -> None:
    frames = moving_square_frames(5, width_px=_WIDTH_PX, height_px=_HEIGHT_PX)
    sparse = encode_clip(
        tmp_path / "sparse.mkv", frames, codec="ffv1", rate=1, pix_fmt="bgr0", pts=[0, 7, 9, 40, 41]
    )
    for at_s, shown_s in [(0, 0), (6.5, 0), (7, 7), (8.999, 7), (39.5, 9), (41.5, 41)]:
        seen = preview(sparse, config(at_s), networks_that_see())

        assert seen.time_s == shown_s, at_s
        assert np.array_equal(seen.before, frames[[0, 7, 9, 40, 41].index(shown_s)])


def test_the_middle_is_shown_where_no_moment_is_named(clip: Path) -> None:
    assert preview(clip, config(), networks_that_see()).time_s == 2.0


@pytest.mark.parametrize("at_s", [4.0, 99.0])
def test_a_moment_beyond_the_end_is_refused(clip: Path, tmp_path: Path, at_s: float) -> None:
    with pytest.raises(ConfigError, match=r"lasts 4.000 s; give --at a time before"):
        preview(clip, config(at_s))
    with pytest.raises(ConfigError, match=r"lasts 4.000 s"):
        preview_clip(clip, tmp_path / "around.mp4", config(at_s))


@pytest.mark.parametrize("at_s", [-1.0, float("nan")])
def test_what_is_no_moment_is_refused(at_s: float) -> None:
    with pytest.raises(ConfigError, match="at_s: got"):
        config(at_s)


def test_without_a_face_the_frame_is_shown_as_it_was_and_that_is_said(
    clip: Path, tmp_path: Path
) -> None:
    seen = preview(clip, config(1), networks_that_see(faces=0))
    seen.write(tmp_path / "seen.png")

    assert "no face found" in seen.closing_line()
    assert np.array_equal(seen.before, seen.after)
    assert not seen.alpha.any()
    assert provenance.read(probe_picture(tmp_path / "seen.png").metadata) is None


def test_who_is_left_alone_is_said(clip: Path) -> None:
    seen = preview(clip, config(1), networks_that_see(masked=0.95))

    assert seen.closing_line().startswith(
        "at 1.000 s: 1 face (track 0), 0 translated, 1 left alone as masked already; "
    )


def test_the_sheet_holds_three_labelled_pictures_and_says_that_faces_are_synthetic(
    clip: Path, tmp_path: Path
) -> None:
    target = tmp_path / "seen.png"
    seen = preview(clip, config(1), networks_that_see())
    seen.write(target)

    sheet = read_picture(target)
    strip_px = sheet.shape[0] - _HEIGHT_PX
    assert sheet.shape[1] == 3 * _WIDTH_PX
    assert np.array_equal(sheet[strip_px:, :_WIDTH_PX], seen.before)
    assert np.array_equal(sheet[strip_px:, _WIDTH_PX : 2 * _WIDTH_PX], seen.after)
    assert sheet[strip_px:, 2 * _WIDTH_PX :].max() == 255
    assert all(panel.min() < 100 for panel in np.split(sheet[:strip_px], 3, axis=1))
    made = provenance.read(probe_picture(target).metadata)
    assert made is not None
    assert made.is_synthetic


def test_boxes_are_drawn_on_the_result_alone(clip: Path) -> None:
    plain, boxed = (
        preview(clip, config(1, boxes=boxes), networks_that_see()) for boxes in (False, True)
    )

    assert np.array_equal(plain.before, boxed.before)
    assert np.array_equal(plain.alpha, boxed.alpha)
    drawn = (plain.after != boxed.after).any(axis=2)
    assert drawn[:, 40].any()
    assert not drawn[:, 100:].all()


def test_the_label_stands_where_a_conversion_writes_it(clip: Path) -> None:
    plain, labelled = (
        preview(clip, config(1, output=LabelConfig(label=text)), networks_that_see())
        for text in (None, "Made")
    )

    rows, columns = np.nonzero((plain.after != labelled.after).any(axis=2))
    assert len(rows)
    assert rows.min() > _HEIGHT_PX / 2
    assert columns.max() < _WIDTH_PX / 2


def test_which_faces_are_worked_on_is_heeded(clip: Path) -> None:
    seen = preview(clip, config(1, select=SelectConfig("largest")), networks_that_see(faces=2))

    assert [face.track_id.number for face in seen.faces] == [0]


def test_the_tracks_of_a_conversion_give_persons_their_numbers(clip: Path, tmp_path: Path) -> None:
    tracks = tmp_path / "faces.jsonl"
    conversion = ConvertConfig(
        Direction.MASK,
        detect=_DETECT,
        video=VideoConfig(start_s=0.5, end_s=2.5),
        output=OutputConfig(tracks_out=tracks),
    )
    convert(clip, tmp_path / "out.mkv", conversion, networks=networks_that_see(faces=2))
    tracks.write_text(tracks.read_text("utf-8").replace('"track": 1', '"track": 7'), "utf-8")

    for at_s in (0.5, 2.4):
        seen = preview(clip, config(at_s, replay=ReplayConfig(tracks)), networks_that_see(faces=0))

        assert sorted(face.track_id.number for face in seen.faces) == [0, 7]


def _of_a_picture(tmp_path: Path, at_s: float | None = None) -> Preview:
    picture = tmp_path / "face.png"
    write_picture(picture, moving_square_frames(1, width_px=_WIDTH_PX, height_px=_HEIGHT_PX)[0])
    border_px = round(0.2 * _WIDTH_PX)
    detector = ScriptedDetector(
        [detection_at(60 + border_px, 60 + border_px, 40)], _WIDTH_PX + 2 * border_px
    )
    return preview(picture, config(at_s), fake_networks(detector))


def test_a_picture_is_shown_whole(tmp_path: Path) -> None:
    seen = _of_a_picture(tmp_path)

    assert seen.time_s is None
    assert seen.notes == ()
    assert seen.before.shape == (_HEIGHT_PX, _WIDTH_PX, 3)
    assert seen.faces_changed == 1
    assert seen.closing_line().startswith("the picture: 1 face, 1 translated; ")


def test_a_picture_has_no_moment_and_no_seconds(tmp_path: Path) -> None:
    assert "whatever --at says" in " ".join(_of_a_picture(tmp_path, 3).notes)
    with pytest.raises(ConfigError, match="a picture has no seconds"):
        preview_clip(tmp_path / "face.png", tmp_path / "out.mp4", config())


def test_a_clip_shows_the_two_seconds_around_as_a_triple(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "around.mp4"

    report = preview_clip(clip, target, config(2.0), networks=networks_that_see())

    assert report.frames == report.faces_changed == 20
    info = probe(target)
    assert info.width_px == 3 * _WIDTH_PX
    assert info.duration_s == 2

    again = preview(target, config(1), networks_that_see(faces=0))

    assert again.faces_changed == 0
    assert again.made is not None, "the faces were synthetic before"


def test_a_file_that_must_not_be_written_is_refused(clip: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.png"
    there.write_bytes(b"mine")
    for target, expected in [
        (there, "pass --overwrite"),
        (tmp_path / "seen.xyz", "names no preview; use .png"),
        (tmp_path / "seen.bmp", "names no preview"),
    ]:
        with pytest.raises(VideoWriteError, match=expected):
            check_sheet(clip, target, config())
    check_sheet(clip, there, config(overwrite=True))
