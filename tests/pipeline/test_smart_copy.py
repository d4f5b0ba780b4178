"""Groups without a translated face are copied as packets, and the others encoded."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from facemask_video.config import CompositeConfig, ConvertConfig, OutputConfig, VideoConfig
from facemask_video.core.direction import Direction
from facemask_video.pipeline.convert import convert
from facemask_video.pipeline.report import ConversionReport
from facemask_video.pipeline.work_folder import work_path
from facemask_video.verify import verify
from facemask_video.video import VideoReader, probe
from facemask_video.video.compare import copied_times
from tests.fakes import ScriptedDetector, detection_at, fake_networks
from tests.synthetic import encode_clip, moving_square_frames

_N_FRAMES, _GOP = 40, 10
# In the second group from its fourth frame on, and to the end of the third.
_WITH_FACES = range(13, 30)
_BASELINE = {"sc_threshold": "0", "profile": "baseline"}
_SCRIPT = {index: [detection_at(80, 60, 50)] for index in _WITH_FACES}


def _clip(path: Path, **options: object) -> Path:
    drawn = moving_square_frames(_N_FRAMES, width_px=160, height_px=120)
    fixed = {"gop": _GOP, "b_frames": 2, "options": {"sc_threshold": "0"}}
    return encode_clip(path, drawn, **{**fixed, **options})  # type: ignore[arg-type]


def _convert(source: Path, out: Path, **output: object) -> ConversionReport:
    config = ConvertConfig(
        Direction.MASK,
        composite=CompositeConfig(color="none"),
        video=VideoConfig(smart_copy=True),
        output=OutputConfig(tracks_out=out.with_suffix(".jsonl"), overwrite=True, **output),  # type: ignore[arg-type]
    )
    networks = fake_networks(ScriptedDetector(_SCRIPT, frame_width_px=160))
    return convert(source, out, config, networks=networks)


def _pictures(path: Path) -> list[tuple[Fraction, np.ndarray]]:
    with VideoReader(path) as reader:
        return [
            (each.pts * each.time_base, np.concatenate([plane.ravel() for plane in each.samples()]))
            for each in reader
        ]


@pytest.mark.parametrize(
    ("name", "suffix", "options"),
    [
        ("in.mp4", ".mp4", {"audio": True}),
        ("in.mp4", ".mkv", {"rotation_deg": 90}),
        ("in.mp4", ".ts", {}),
        ("in.ts", ".ts", {"audio": True}),
        (
            "in.mkv",
            ".mkv",
            {"pts": [0, 7, *range(40, 1560, 40)], "time_base": Fraction(1, 1000)},
        ),
        ("in.mov", ".mov", {"options": _BASELINE, "b_frames": 0}),
    ],
)
def test_groups_without_a_face_keep_every_sample(
    name: str, suffix: str, options: dict[str, object], tmp_path: Path
) -> None:
    source, out = _clip(tmp_path / name, **options), tmp_path / f"out{suffix}"

    report = _convert(source, out)

    before, after = _pictures(source), _pictures(out)
    assert len(before) == len(after) == _N_FRAMES
    tick = max(probe(out).time_base, probe(source).time_base)
    for index, ((time, one), (other_time, two)) in enumerate(zip(before, after, strict=True)):
        assert abs((time - before[0][0]) - (other_time - after[0][0])) <= tick
        apart = np.abs(one.astype(int) - two)
        assert (apart.max() == 0) == (index // _GOP in (0, 3))
        # The frames of an encoded group that have no face are the source's but for the encoder.
        assert (apart.mean() > 3) == (index in _WITH_FACES)
    assert "20 frames copied as packets, in groups without a translated face" in report.notes
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [name, f"out{suffix}", "out.jsonl"]
    )
    rows = verify(source, out, tracks=tmp_path / "out.jsonl").rows
    assert [row for row in rows if not row.ok] == []
    if Path(name).suffix == suffix == ".mp4":
        (copied,) = (row for row in rows if row.name == "copied pictures")
        assert copied.found == "largest difference 0 in 20 of 40 frames"
        assert len(copied_times(source, 0, out, 0)) == 20


def test_an_interrupted_copy_goes_on(tmp_path: Path) -> None:
    source, out, once = _clip(tmp_path / "in.mp4"), tmp_path / "out.mp4", tmp_path / "once.mp4"
    _convert(source, once)

    def interrupt(done: int, _total: int | None) -> None:
        if done == 27:
            raise KeyboardInterrupt

    config = ConvertConfig(
        Direction.MASK,
        composite=CompositeConfig(color="none"),
        video=VideoConfig(smart_copy=True),
        output=OutputConfig(resume=True),
    )
    networks = fake_networks(ScriptedDetector(_SCRIPT, frame_width_px=160))
    with pytest.raises(KeyboardInterrupt):
        convert(source, out, config, networks=networks, on_progress=interrupt)
    assert sorted(path.name for path in work_path(out).glob("0*")) == [
        "000000-10.copied",
        "000001-10.packets",
    ]
    report = convert(source, out, config, networks=networks)

    assert "went on after 20 frames of an earlier run" in report.notes
    for (time, one), (other_time, two) in zip(_pictures(once), _pictures(out), strict=True):
        assert time == other_time
        assert np.abs(one.astype(int) - two).mean() < 0.5


@pytest.mark.parametrize(
    ("name", "options", "suffix", "why"),
    [
        ("in.mkv", {"codec": "ffv1"}, ".mkv", "for H.264 only, the source is ffv1"),
        ("in.mp4", {"pix_fmt": "yuv444p"}, ".mp4", "8 bit 4:2:0"),
        ("in.mp4", {"b_frames": 0}, ".avi", "a .avi file holds no two headers"),
        ("in.ts", {}, ".mp4", "times in a mp4 file begin elsewhere"),
    ],
)
def test_what_cannot_be_copied_in_part_is_encoded_and_said(
    name: str, options: dict[str, object], suffix: str, why: str, tmp_path: Path
) -> None:
    source, out = _clip(tmp_path / name, **options), tmp_path / f"out{suffix}"

    report = _convert(source, out)

    said = [note for note in report.notes if note.startswith("--smart-copy: no group")]
    assert len(said) == 1
    assert why in said[0]
    assert len(_pictures(out)) == _N_FRAMES


def test_groups_that_lean_on_one_another_stay_together(tmp_path: Path) -> None:
    open_groups = {"sc_threshold": "0", "x264-params": "open-gop=1:bframes=2:b-adapt=0"}
    source, out = _clip(tmp_path / "in.mp4", options=open_groups), tmp_path / "out.mp4"

    report = _convert(source, out)

    assert "0 frames copied as packets, in groups without a translated face" in report.notes
    assert len(_pictures(out)) == _N_FRAMES
