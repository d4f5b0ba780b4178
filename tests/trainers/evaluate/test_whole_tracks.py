"""Whole tracks: which faces of a conversion are what it should make, frame by frame."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import TrackedFace, TrackId
from facemask_video.core.frame import ImageU8
from facemask_video.core.geometry import Box
from facemask_video.track.sidecar import SidecarFace
from tests.trainers.tiny import drawn_crops
from trainers.cli import main
from trainers.data.crops import CropSet
from trainers.evaluate import whole_tracks
from trainers.evaluate.clip_table import ClipTable
from trainers.evaluate.config import ConversionsConfig
from trainers.evaluate.domain_judge import DomainJudge, judge_errors, train_judge
from trainers.evaluate.temporal import ClipFaces, FramePair
from trainers.evaluate.whole_tracks import TracksOfClip, judge_clip, list_clips, row_of, together

CPU = torch.device("cpu")
BARE, MASKED = 40, 200


class Brightness(DomainJudge):
    """Calls bright crops masked."""

    def __init__(self) -> None:
        pass

    def masked_scores(self, images: Sequence[ImageU8]) -> list[float]:
        return [float(image.mean() > 128) for image in images]


def face(track: int) -> TrackedFace:
    return TrackedFace(TrackId(track), Box(0, 0, 9, 9), np.zeros((5, 2), np.float32), 1.0, True)


def frames(track: int, outputs: Sequence[int], *, source: int = BARE) -> list[FramePair]:
    return [
        FramePair(index, face(track), *(np.full((16, 16, 3), v, np.uint8) for v in (source, made)))
        for index, made in enumerate(outputs)
    ]


def judged(
    tracks: dict[int, list[FramePair]],
    monkeypatch: pytest.MonkeyPatch,
    *,
    alone: dict[int, SidecarFace] | None = None,
) -> TracksOfClip:
    """Judge a conversion by ``mask`` in which the tracks of ``alone`` were not changed."""
    entries: dict[int, list[SidecarFace]] = {}
    for number, pairs in tracks.items():
        for pair in pairs:
            changed = SidecarFace(pair.face, region=pair.face.box, translated=True)
            entry = replace((alone or {}).get(number, changed), face=pair.face)
            entries.setdefault(pair.index, []).append(entry)

    class Line:
        def __init__(self, frame: int) -> None:
            self.frame, self.faces = frame, tuple(entries[frame])

    monkeypatch.setattr(whole_tracks, "Sidecar", lambda path: [Line(n) for n in sorted(entries)])
    faces = ClipFaces({TrackId(n): pairs for n, pairs in tracks.items()}, n_frames=9)
    path = Path("clip.mkv")
    return judge_clip("clip.mp4", path, path, faces, Direction.MASK, Brightness())


def test_one_frame_without_a_mask_breaks_a_track_and_is_a_dropout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = judged(
        {
            1: frames(1, [MASKED] * 6),
            2: frames(2, [MASKED, MASKED, BARE, MASKED, BARE, BARE]),
            3: frames(3, [BARE] * 8),
        },
        monkeypatch,
    )

    assert (found.n_faces, found.n_in_domain) == (20, 9)
    assert (found.n_tracks, found.n_whole) == (3, 1)
    assert found.n_dropouts == 2
    assert found.dropouts_per_100 == pytest.approx(10)


def test_faces_left_alone_are_counted_by_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    tracks = {
        1: frames(1, [MASKED] * 3, source=MASKED),
        2: frames(2, [BARE] * 2),
        3: frames(3, [BARE] * 4),
        4: frames(4, [MASKED] * 5),
    }
    alone = {
        1: SidecarFace(face(1), domain="masked", translated=False),
        2: SidecarFace(face(2), domain="bare", translated=True),
        3: SidecarFace(face(3), translated=False),
    }

    found = judged(tracks, monkeypatch, alone=alone)

    assert found.left_alone == {"masked already": 3, "not chosen": 4, "nothing to paint": 2}
    assert found.n_alone_in_domain == 3
    assert found.n_changed == 5
    assert found.n_source_in_domain == 0


def test_sums_and_rows_of_several_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    first = judged({1: frames(1, [MASKED, BARE])}, monkeypatch)
    nobody = judged({}, monkeypatch)

    total = together([first, nobody, first])

    assert (total.n_faces, total.n_tracks, total.n_frames) == (4, 2, 27)
    assert row_of(total).startswith("| all | mask | 27 | 4 | 50.0% | 0 of 2 | 50.00 |")
    assert row_of(nobody) == "| clip.mp4 | mask | 9 | 0 |  | 0 of 0 |  |  |  |  |"


def test_only_videos_that_are_there_are_taken(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.mkv", "notes.txt"):
        (tmp_path / name).touch()

    assert [clip.name for clip in list_clips(tmp_path)] == ["a.mkv", "b.mp4"]
    assert [clip.name for clip in list_clips(tmp_path, ["b.mp4"])] == ["b.mp4"]
    with pytest.raises(ConfigError, match=r"holds no video called c\.mp4"):
        list_clips(tmp_path, ["c.mp4"])


def masked_crops(n_crops: int, seed: int) -> CropSet:
    crops = drawn_crops(n_crops, size_px=64, seed=seed, name="masked")
    images = crops.images.copy()
    images[:, 34:60, 12:52] = (110, 170, 230)
    return replace(crops, images=images)


def test_a_judge_learns_and_is_the_same_again(tmp_path: Path) -> None:
    bare, masked = drawn_crops(24, size_px=64, seed=1), masked_crops(24, 2)

    judge, again = (train_judge(bare, masked, n_images=320, seed=1, device=CPU) for _ in range(2))

    errors = judge_errors(judge, drawn_crops(12, size_px=64, seed=3), masked_crops(9, 4))
    assert errors.masked + errors.bare < 0.2
    assert (errors.n_masked, errors.n_bare) == (9, 12)
    assert "(validation)" in errors.in_words()
    assert judge.sha256() == again.sha256()
    judge.save(tmp_path / "judge.safetensors")
    loaded = DomainJudge.load(tmp_path / "judge.safetensors", device=CPU)
    assert loaded.sha256() == judge.sha256()
    few = bare.take(np.arange(24) < 5)
    with pytest.raises(ConfigError, match="judge: 5 bare faces to train on, expected at least 20"):
        train_judge(few, masked, n_images=32, seed=1, device=CPU)


def test_a_clip_that_was_judged_is_not_converted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def measure(clip: Path, *_: object, **__: object) -> TracksOfClip:
        measured.append(clip.name)
        return replace(judged({1: frames(1, [MASKED, BARE])}, monkeypatch), clip=clip.name)

    monkeypatch.setattr("trainers.evaluate.clip_table.measure_tracks", measure)
    monkeypatch.setattr(Brightness, "sha256", lambda self: "0", raising=False)
    clips = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for asked in (ConversionsConfig(direction="mask"), ConversionsConfig(direction="mask")):
        lines = list(
            ClipTable(tmp_path, asked, "the judge errs").measure(clips, Brightness(), tmp_path)
        )

    assert measured == ["a.mp4", "b.mp4"]
    assert lines[-1].startswith("| all | mask | 18 | 4 |")
    table = (tmp_path / "clips.md").read_text()
    assert table.count("| a.mp4 |") == 1
    assert table.endswith("The judge errs.\n")
    # By other settings they are.
    styled = ConversionsConfig(direction="mask", max_frames=3)
    list(ClipTable(tmp_path, styled, "").measure(clips, Brightness(), tmp_path))
    assert len(measured) == 4


def test_a_folder_without_videos_is_one_line_before_anything_is_trained(tmp_path: Path) -> None:
    arguments = ("evaluate-clips", str(tmp_path), "-o", str(tmp_path / "out"))

    result = CliRunner().invoke(main, [*arguments, "--bare", "none.npz"])

    assert result.exit_code == 2
    assert "holds no video." in result.output
    assert not (tmp_path / "out").exists()
