"""Whole extractions of drawn clips and pictures with known faces, without trained networks."""

import dataclasses
import json
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from facemask_video.config import CurateConfig, ExtractConfig
from facemask_video.config.extract import (
    CropConfig,
    FilterConfig,
    KeepConfig,
    SampleConfig,
    SplitConfig,
)
from facemask_video.core.errors import CropsError
from facemask_video.core.faces import Detection
from facemask_video.core.frame import ImageU8
from facemask_video.extract.crops import CropCandidate
from facemask_video.extract.extract import extract
from facemask_video.extract.finalize import curate_set
from facemask_video.extract.manifest import ManifestRow, read_manifest
from facemask_video.extract.quality_assessor import Assessment
from tests.extract.fakes import HEIGHT_PX, WIDTH_PX, FakeAssessor, StillDetector, fake_networks
from tests.fakes import detection_at
from tests.synthetic import encode_clip, truncate

_ANY = FilterConfig(min_sharpness=0.0, dedupe=False, min_inside=0.0)


def _config(**parts: object) -> ExtractConfig:
    """Return settings that keep every crop of the drawn clips."""
    config = ExtractConfig(sample=SampleConfig(every="5"), crop=CropConfig(size_px=64), filter=_ANY)
    return dataclasses.replace(config, **parts)  # type: ignore[arg-type]


def _drawn(seed: int, count: int = 20) -> list[ImageU8]:
    """Draw frames of one pattern that slowly changes into another."""
    rng = np.random.default_rng(seed)
    start, end = (
        cv2.resize(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8), (WIDTH_PX, HEIGHT_PX))
        for _ in range(2)
    )
    return [
        np.asarray(cv2.addWeighted(start, 1 - share, end, share, 0), np.uint8)
        for share in np.linspace(0, 1, count)
    ]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two drawn clips of 20 frames at 25 a second."""
    folder = tmp_path_factory.mktemp("clips")
    return [encode_clip(folder / f"clip {seed}.mp4", _drawn(seed)) for seed in (1, 2)]


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _places(rows: Sequence[ManifestRow]) -> list[tuple[str, int, int]]:
    return [(row.source, row.frame, row.track) for row in rows]


def test_crops_of_a_clip_with_oblong_pixels_have_square_ones(tmp_path: Path) -> None:
    # The same picture, once stored at three quarters of its width.
    square = [np.asarray(cv2.GaussianBlur(_drawn(1)[0], (0, 0), 5), np.uint8)] * 3
    narrow_px = WIDTH_PX * 3 // 4
    narrow = [np.asarray(cv2.resize(x, (narrow_px, HEIGHT_PX)), np.uint8) for x in square]
    face = detection_at(60, 60, 44)
    squeezed = dataclasses.replace(
        face, landmarks=(face.landmarks * [0.75, 1.0]).astype(np.float32)
    )
    encode_clip(tmp_path / "square.mp4", square)
    encode_clip(tmp_path / "narrow.mp4", narrow, sample_aspect=Fraction(4, 3))

    crops = []
    for name, seen, width_px in (("square", face, WIDTH_PX), ("narrow", squeezed, narrow_px)):
        folder = tmp_path / name
        config = _config(sample=SampleConfig(best=1))
        networks = fake_networks([seen], width_px=width_px)
        (row,) = extract([tmp_path / f"{name}.mp4"], folder, config, networks=networks).rows
        crops.append(cv2.imread(str(folder / str(row.file))).astype(int))

    # With squeezed content it is 3.7.
    assert np.abs(crops[0] - crops[1]).mean() < 1.5


def test_each_face_of_every_nth_frame_becomes_a_crop_with_its_row(
    clips: list[Path], tmp_path: Path
) -> None:
    left, right = detection_at(40, 60, 44), detection_at(115, 60, 50)
    networks = fake_networks([left, right])

    report = extract(clips[:1], tmp_path / "set", _config(), networks=networks)

    rows = read_manifest(tmp_path / "set")
    assert list(report.rows) == rows
    assert _places(rows) == [("clip 1.mp4", frame, t) for frame in (0, 5, 10, 15) for t in (0, 1)]
    for row, truth in zip(rows, [left, right] * 4, strict=True):
        assert row.kept
        assert row.file is not None
        picture = cv2.imread(str(tmp_path / "set" / row.file))
        assert picture.shape == (64, 64, 3)
        assert row.box == pytest.approx(dataclasses.astuple(truth.box), abs=1)
        assert np.array(row.landmarks) == pytest.approx(truth.landmarks, abs=1)
        assert row.n_faces == 2
        assert row.pts is not None
        assert row.time_base is not None
    assert {row.domain for row in rows if row.track == 0} == {"bare"}
    assert {row.domain for row in rows if row.track == 1} == {"masked"}
    assert len({row.split for row in rows}) == 1


def test_the_best_of_each_track_are_so_many(clips: list[Path], tmp_path: Path) -> None:
    config = _config(sample=SampleConfig(best=3))

    rows = extract(clips, tmp_path / "set", config, networks=fake_networks()).rows

    assert [sum(row.source == clip.name for row in rows) for clip in clips] == [3, 3]
    frames = sorted(row.frame for row in rows[:3])
    # Stretches of 5 frames, dealt out to three neighbourhoods.
    assert frames[0] < 10 <= frames[1] < frames[2]


def test_a_face_that_nobody_saw_in_a_frame_gives_no_crop(clips: list[Path], tmp_path: Path) -> None:
    seen = [detection_at(60, 60, 44)]
    script = {index: seen for index in range(20) if not 8 <= index < 12}
    config = _config(
        sample=SampleConfig(every="1"),
        detect=dataclasses.replace(ExtractConfig().detect, every=1),
    )

    rows = extract(clips[:1], tmp_path / "set", config, networks=fake_networks(script)).rows

    assert [row.frame for row in rows] == sorted(script)


def test_raw_boxes_masks_and_landmark_pictures_lie_beside_the_crops(
    clips: list[Path], tmp_path: Path
) -> None:
    crop = CropConfig(size_px=64, format="jpeg", raw=True, landmarks=True, parts="eyes,lower-face")

    (row, *_) = extract(
        clips[:1], tmp_path / "set", _config(crop=crop), networks=fake_networks()
    ).rows

    folder = tmp_path / "set"
    assert row.file == f"crops/{row.crop}.jpg"
    assert cv2.imread(str(folder / f"raw/{row.crop}.jpg")).shape[:2] == pytest.approx(
        (44, 44), abs=2
    )
    assert cv2.imread(str(folder / f"landmarks/{row.crop}.png")).shape == (64, 64, 3)
    for part in ("eyes", "lower-face"):
        mask = cv2.imread(str(folder / f"parts/{part}/{row.crop}.png"), cv2.IMREAD_UNCHANGED)
        assert set(np.unique(mask)) == {0, 255}


def test_pictures_and_folders_are_cut_beside_videos(clips: list[Path], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    for index, name in enumerate(["a.png", "more/b.jpg"]):
        cv2.imwrite(str(photos / name), _drawn(10 + index)[0])
    (photos / "notes.csv").write_text("no picture")

    report = extract([photos, clips[0]], tmp_path / "set", _config(), networks=fake_networks())

    stills = [row for row in report.rows if row.pts is None]
    assert sorted(row.source for row in stills) == ["photos/a.png", "photos/more/b.jpg"]
    assert len(report.rows) == 2 + 4


def test_copies_of_a_file_give_their_crops_once(clips: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clips[0].read_bytes())

    report = extract([clips[0], copy], tmp_path / "set", _config(), networks=fake_networks())

    assert report.copies == 1
    assert len(report.rows) == 4


def test_crops_that_look_alike_are_kept_once_within_and_across_files(
    clips: list[Path], tmp_path: Path
) -> None:
    # The same pictures in another file.
    again = encode_clip(tmp_path / "again.mkv", _drawn(1), options={"crf": "28"})
    config = _config(filter=dataclasses.replace(_ANY, dedupe=True))

    rows = extract([clips[0], again], tmp_path / "set", config, networks=fake_networks()).rows

    kept = [row for row in rows if row.kept]
    assert {row.rejected for row in rows} == {(), ("duplicate",)}
    assert 0 < len(kept) <= 4
    assert len({row.phash for row in kept}) == len(kept)


def test_rejected_crops_are_counted_and_kept_where_asked(clips: list[Path], tmp_path: Path) -> None:
    wants = dataclasses.replace(_ANY, only="masked")
    networks = fake_networks([detection_at(40, 60, 44), detection_at(115, 60, 50)])

    dropped = extract(clips[:1], tmp_path / "a", _config(filter=wants), networks=networks)
    kept = extract(
        clips[:1], tmp_path / "b", _config(filter=wants, keep=KeepConfig(True)), networks=networks
    )

    assert sum(row.kept for row in dropped.rows) == sum(row.kept for row in kept.rows) == 4
    assert "rejected 4: other-domain" in "\n".join(dropped.lines())
    assert [row.file for row in dropped.rows if not row.kept] == [None] * 4
    assert not (tmp_path / "a" / "rejected").exists()
    for row in kept.rows:
        assert row.file is not None
        assert row.file.startswith("crops/" if row.kept else "rejected/crops/")
        assert (tmp_path / "b" / row.file).is_file()


def test_a_set_is_curated_anew_there_and_back(clips: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "set"
    networks = fake_networks([detection_at(40, 60, 44), detection_at(115, 60, 50)])
    config = _config(crop=CropConfig(size_px=64, raw=True), split=SplitConfig(layout="cyclegan"))
    extract(clips, folder, config, networks=networks)
    before = _tree(folder)

    strict = CurateConfig(dataclasses.replace(_ANY, only="bare"), SplitConfig(layout="cyclegan"))
    report = curate_set(folder, strict)

    assert sum(row.kept for row in report.rows) == 8
    assert len(list((folder / "rejected" / "raw").rglob("*.png"))) == 8
    assert not any(folder.glob("*B"))
    curate_set(folder, CurateConfig(_ANY, SplitConfig(layout="cyclegan")))
    assert _tree(folder) == before


@pytest.mark.parametrize("layout", ["cyclegan", "paired"])
def test_curating_without_a_layout_keeps_the_one_that_is_there(
    clips: list[Path], tmp_path: Path, layout: str
) -> None:
    folder = tmp_path / "set"
    config = _config(split=SplitConfig(layout=layout))
    extract(clips, folder, config, networks=fake_networks())
    before = _tree(folder)

    curate_set(folder, CurateConfig(_ANY))
    assert _tree(folder) == before

    curate_set(folder, CurateConfig(_ANY, SplitConfig(layout="none")))
    assert not any(path.name.startswith(("train", "val", "test")) for path in folder.iterdir())


def test_a_split_that_got_nothing_is_said_with_the_way_out(
    clips: list[Path], tmp_path: Path
) -> None:
    report = extract(clips[:1], tmp_path / "set", _config(), networks=fake_networks())

    lines = [line for line in report.lines() if "falls into" in line]
    assert lines
    assert all("val, test" in line and "--split-by time" in line for line in lines)
    # Both networks that trade domains need each of them.
    assert {line.split()[1] for line in lines} == {row.domain for row in report.rows if row.kept}


def test_one_video_is_split_by_time(clips: list[Path], tmp_path: Path) -> None:
    by_time = SplitConfig("0.5,0.25,0.25", "time", split_gap_s=0.0)
    config = dataclasses.replace(_config(), split=by_time)
    report = extract(clips[:1], tmp_path / "set", config, networks=fake_networks())

    kept = sorted((row.frame, row.split) for row in report.rows if row.kept)
    assert [split for _, split in kept] == sorted(
        (split for _, split in kept), key=["train", "val", "test"].index
    )
    assert {split for _, split in kept} == {"train", "val", "test"}
    apart = dataclasses.replace(by_time, split_gap_s=1000.0)
    rows = curate_set(tmp_path / "set", CurateConfig(_ANY, apart)).rows
    assert {row.rejected for row in rows if not row.kept} == {("border",)}


def test_what_somebody_deleted_stays_out(clips: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "set"
    first, *_ = extract(clips[:1], folder, _config(), networks=fake_networks()).rows
    (folder / str(first.file)).unlink()

    rows = curate_set(folder, CurateConfig(_ANY)).rows

    assert [row.rejected for row in rows] == [("not-kept",), (), (), ()]


class _Stopped(Exception):
    """Stands for a power cut."""


class _StoppingAssessor(FakeAssessor):
    """Fails in the midst of the second source: each gives 20 crops, assessed 16 at once."""

    def assess(self, candidates: Sequence[CropCandidate]) -> list[Assessment]:
        if self.asked >= 36:
            raise _Stopped
        return super().assess(candidates)


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_never_stopped(
    clips: list[Path], tmp_path: Path
) -> None:
    config = _config(sample=SampleConfig(every="1"), crop=CropConfig(size_px=64, raw=True))
    extract(clips, tmp_path / "whole", config, networks=fake_networks())

    with pytest.raises(_Stopped):
        extract(
            [clips[0], clips[1]], tmp_path / "interrupted", config,
            networks=fake_networks(assessor=_StoppingAssessor()),
        )  # fmt: skip
    assert not (tmp_path / "interrupted" / "manifest.jsonl").exists()
    assert len(list((tmp_path / "interrupted" / "crops").rglob("*.png"))) == 36
    assessor = FakeAssessor()
    extract(clips, tmp_path / "interrupted", config, networks=fake_networks(assessor=assessor))

    assert assessor.asked == 20
    assert _tree(tmp_path / "interrupted") == _tree(tmp_path / "whole")


def test_a_finished_source_is_not_worked_through_again(clips: list[Path], tmp_path: Path) -> None:
    assessor = FakeAssessor()
    extract(clips[:1], tmp_path / "set", _config(), networks=fake_networks())

    extract(clips, tmp_path / "set", _config(), networks=fake_networks(assessor=assessor))
    extract(list(reversed(clips)), tmp_path / "other", _config(), networks=fake_networks())

    assert assessor.asked == 4
    ours, theirs = _tree(tmp_path / "set"), _tree(tmp_path / "other")
    # The journal alone tells in which order sources came.
    assert {k: v for k, v in ours.items() if k[0] != "."} == {
        k: v for k, v in theirs.items() if k[0] != "."
    }


def test_unreadable_files_are_listed_and_the_rest_is_done(
    clips: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    truncate(clips[1], bad / "half.mp4", keep=0.5)
    (bad / "text.mp4").write_text("no video")
    (bad / "text.png").write_text("no picture")

    report = extract(
        [bad, tmp_path / "nowhere.mp4", clips[0]], tmp_path / "set", _config(),
        networks=fake_networks(),
    )  # fmt: skip

    assert [line.split(":")[0].rpartition("/")[2] for line in report.failed] == [
        "half.mp4",
        "text.mp4",
        "text.png",
        "nowhere.mp4",
    ]
    assert {row.source for row in report.rows} == {"clip 1.mp4"}
    sources = {path.name for path in (tmp_path / "set" / "crops").iterdir()}
    assert sources == {row.source_id for row in report.rows}


def test_nothing_is_written_outside_the_set_whatever_names_are(
    clips: list[Path], tmp_path: Path
) -> None:
    inputs = tmp_path / "in"
    inputs.mkdir()
    for number, name in enumerate(["..mp4", "-o.mp4", "a\nb.mp4", "ü 日本.mp4", "c:\\d.mp4"]):
        data = clips[number % 2].read_bytes()
        (inputs / name).write_bytes(data + b"\0" * (number + 1))
    before = _tree(tmp_path)

    report = extract([inputs], tmp_path / "set", _config(), networks=fake_networks())

    assert {row.source for row in report.rows} >= {"in/a\nb.mp4", "in/ü 日本.mp4"}
    outside = {k: v for k, v in _tree(tmp_path).items() if not k.startswith("set/")}
    assert outside == before
    for line in (tmp_path / "set" / "manifest.jsonl").read_text("ascii").splitlines():
        assert json.loads(line)["crop"].count("/") == 1


def test_a_set_takes_crops_of_one_kind(clips: list[Path], tmp_path: Path) -> None:
    extract(clips[:1], tmp_path / "set", _config(), networks=fake_networks())

    with pytest.raises(CropsError, match=r"crop\.size_px was 64, is 96"):
        extract(
            clips[:1], tmp_path / "set", _config(crop=CropConfig(size_px=96)),
            networks=fake_networks(),
        )  # fmt: skip


def test_a_video_without_faces_gives_an_empty_set(clips: list[Path], tmp_path: Path) -> None:
    nobody: list[Detection] = []

    report = extract(clips[:1], tmp_path / "set", _config(), networks=fake_networks(nobody))

    assert report.rows == ()
    assert read_manifest(tmp_path / "set") == []
    assert "0 of 0 crops kept" in next(report.lines())


def test_a_folder_without_pictures_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()

    with pytest.raises(CropsError, match="holds no picture or video"):
        extract([tmp_path / "in"], tmp_path / "set", _config(), networks=fake_networks())
    assert not (tmp_path / "set").exists()


def test_names_that_are_no_text_and_photographs_of_phones_are_read(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    # As a phone writes a motion photo: a clip behind the picture, with bytes like markers in it.
    (source / os.fsdecode(b"caf\xe9.jfif")).write_bytes(jpeg + b"\0\0\0\x18ftypmp42\xff\xda\0")
    (source / os.fsdecode(b"broken\xe9.jpg")).write_bytes(b"no picture")
    (source / "clip.dat").write_bytes(b"")
    cv2.imwrite(str(source / "x.avif"), noise[::-1])

    report = extract(
        [source], tmp_path / "set", _config(), networks=fake_networks(detector=StillDetector())
    )

    assert sorted(row.source for row in report.rows) == ["in/caf\udce9.jfif", "in/x.avif"]
    assert len(report.failed) == 1
    assert "  1 file of other kinds passed over (.dat)" in list(report.lines())
    assert (tmp_path / "set" / "contact.html").is_file()
