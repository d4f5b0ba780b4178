from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facemask_video.align.template import TEMPLATE
from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.video import VideoReader
from tests.trainers.tiny import drawn_crops, tiny_config
from trainers.data.crop_sources import read_crops
from trainers.data.crops import CropSet, list_images
from trainers.fit.training_crops import load_training_crops

SAMPLE = Path(__file__).parents[3] / "samples" / "astronaut.mp4"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def face() -> ImageU8:
    with VideoReader(SAMPLE) as reader:
        image, _ = next(iter(reader)).thumbnail(640)
    return image


@pytest.fixture
def folder(tmp_path: Path, face: ImageU8) -> Path:
    """Two pictures of a face, one of noise, one that is no picture, and a note."""
    folder = tmp_path / "bare"
    (folder / "deeper").mkdir(parents=True)
    cv2.imwrite(str(folder / "face.png"), face[..., ::-1])
    large = cv2.resize(face, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder / "deeper" / "large.jpg"), large[..., ::-1])
    noise = np.random.default_rng(0).integers(0, 255, (120, 120, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "noise.png"), noise)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_faces_are_cut_on_the_template_and_the_rest_is_listed_with_its_reason(folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []

    crops, skipped = read_crops(
        folder, size_px=64, device=CPU, on_crop=lambda *progress: seen.append(progress)
    )

    assert crops.names == ("bare/deeper/large.jpg", "bare/face.png")
    assert sorted(skipped) == [
        ("bare/broken.jpg", "unreadable"),
        ("bare/noise.png", "no face found"),
    ]
    assert crops.images.shape == (2, 64, 64, 3)
    assert np.allclose(crops.landmarks[:, :2], TEMPLATE[:2], atol=0.03)
    assert seen[-1] == ("bare", 4, 4)
    # The same face at two sizes gives the same crop but for the detector's jitter.
    large, small = crops.images.astype(float)
    assert np.abs(large - small).mean() < 8


def test_a_set_that_loses_nobody_to_validation_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("bare", "masked"):
        drawn_crops(3, name=name).save(tmp_path / f"{name}.npz")
    paths = {f"data__{name}": tmp_path / f"{name}.npz" for name in ("bare", "masked")}

    few = tiny_config(**paths, data__held_out=0.001, data__test_share=0.0).data
    assert load_training_crops(few, tmp_path / "a", device=CPU).n_set_aside == (0, 0)
    assert "data.masked: none of 3 pictures falls to validation" in caplog.text

    caplog.clear()
    asked = tiny_config(**paths, data__held_out=0.0, data__test_share=0.0).data
    assert load_training_crops(asked, tmp_path / "b", device=CPU).n_set_aside == (0, 0)
    assert not caplog.text


def test_a_folder_is_cut_once_for_a_run(folder: Path, tmp_path: Path, face: ImageU8) -> None:
    masked = tmp_path / "masked.npz"
    drawn_crops(4, name="masked").save(masked)
    config = tiny_config(data__bare=folder, data__masked=masked, data__held_out=0.0)
    cache = tmp_path / "run"

    first = load_training_crops(config.data, cache, device=CPU)
    (folder / "face.png").unlink()
    again = load_training_crops(config.data, cache, device=CPU)

    assert len(first.bare) == 2
    assert first.bare.size_px == 40
    assert np.array_equal(first.bare.images, again.bare.images)
    listed = (cache / "bare.skipped.txt").read_text()
    assert "bare/noise.png\tno face found" in listed
    assert "bare/broken.jpg\tunreadable" in listed


def test_a_folder_without_any_face_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((80, 80, 3), 128, np.uint8))

    with pytest.raises(ConfigError, match="no face found in any of 1 pictures"):
        read_crops(tmp_path, size_px=32, device=CPU)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no pictures"):
        list_images(tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        list_images(tmp_path / "none")


def test_a_set_comes_back_from_its_file(tmp_path: Path) -> None:
    crops = drawn_crops(3)

    crops.save(tmp_path / "set.npz")
    loaded = CropSet.load(tmp_path / "set.npz")

    assert loaded.names == crops.names
    assert np.array_equal(loaded.images, crops.images)
    assert np.array_equal(loaded.landmarks, crops.landmarks)
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    crops = drawn_crops(2)
    frames, labels = np.zeros((2, 2), np.int64), np.ones(crops.images.shape[:3], np.uint8)
    replace(crops, track_frames=frames, pseudo_labels=labels).save(tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz") as stored:
        arrays = dict(stored)
    arrays |= {"covers": arrays.pop("pseudo_labels"), "moments": arrays.pop("track_frames")}
    np.savez(tmp_path / "former.npz", **arrays)

    loaded = CropSet.load(tmp_path / "former.npz")

    assert loaded.pseudo_labels is not None
    assert np.array_equal(loaded.pseudo_labels, labels)
    assert loaded.track_frames is not None
    assert np.array_equal(loaded.track_frames, frames)


def test_a_file_that_is_no_set_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    for content in (b"", b"PK\x03\x04 cut short", b"text"):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="not a crop set"):
            CropSet.load(path)
    with pytest.raises(ConfigError, match="not a crop set"):
        CropSet.load(tmp_path / "none.npz")


def test_a_set_of_another_alignment_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    crops = drawn_crops(1)
    np.savez(
        path,
        images=crops.images,
        landmarks=crops.landmarks,
        names=np.array(crops.names),
        alignment_id=np.array("eyes99"),
    )

    with pytest.raises(ConfigError, match="aligned as eyes99"):
        CropSet.load(path)


def test_crops_of_named_folders_are_taken_and_named_pictures_set_aside(tmp_path: Path) -> None:
    bare, masked = tmp_path / "bare.npz", tmp_path / "masked.npz"
    drawn_crops(12).save(bare)
    CropSet.joined(
        [drawn_crops(5, name="masked/web"), drawn_crops(4, seed=1, name="masked/other")]
    ).save(masked)
    aside = tmp_path / "aside.txt"
    aside.write_text("bare/003.png\nbare/007.png\n")
    settings = {
        "data__bare": bare,
        "data__masked": masked,
        "data__masked_folders": "web",
        "data__held_out": 0.0,
    }

    crops = load_training_crops(
        tiny_config(**settings, data__held_out_names=aside).data, tmp_path / "run", device=CPU
    )

    assert len(crops.masked) == 5
    assert crops.bare_held_out.names == ("bare/003.png", "bare/007.png")
    assert len(crops.bare) == 10
    settings["data__masked_folders"] = "wbe"
    with pytest.raises(ConfigError, match="no crop comes from a folder named wbe; there are"):
        load_training_crops(tiny_config(**settings).data, tmp_path / "run", device=CPU)


def test_a_domain_that_is_not_given_and_crops_too_small_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.bare is not given; pass --bare"):
        load_training_crops(tiny_config().data, tmp_path, device=CPU)
    drawn_crops(2, size_px=24).save(tmp_path / "small.npz")
    config = tiny_config(data__bare=tmp_path / "small.npz")
    with pytest.raises(ConfigError, match="crops have 24 px, expected at least"):
        load_training_crops(config.data, tmp_path / "run", device=CPU)


def test_neighbours_are_the_nearest_frames_of_the_same_track(tmp_path: Path) -> None:
    moments = [(0, 4), (1, 5), (0, 7), (-1, -1), (0, 5), (1, 60), (-1, -1), (2, 0), (0, 90)]
    crops = replace(drawn_crops(len(moments)), track_frames=np.array(moments))

    assert crops.neighbours().tolist() == [4, -1, 4, -1, 0, -1, -1, -1, -1]
    assert drawn_crops(3).neighbours().tolist() == [-1, -1, -1]

    joined = CropSet.joined([crops, drawn_crops(1), crops])
    assert joined.track_frames is not None
    tracks = [track for track, _ in moments]
    assert joined.track_frames[:, 0].tolist() == [
        *tracks, -1, *(track if track < 0 else track + 3 for track in tracks)
    ]  # fmt: skip
    joined.save(tmp_path / "crops.npz")
    again = CropSet.load(tmp_path / "crops.npz").take(np.arange(19) > 9)
    assert again.neighbours().tolist() == crops.neighbours().tolist()
    assert CropSet.joined([drawn_crops(1), drawn_crops(1)]).track_frames is None
