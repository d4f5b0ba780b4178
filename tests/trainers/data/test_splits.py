"""Who trains, who chooses and who is looked at once: by person or source, for every command."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facemask_video.core.errors import ConfigError
from facemask_video.core.faces import Detection
from facemask_video.core.geometry import bounding_box
from tests.trainers.tiny import drawn_crops, tiny_config
from trainers.data.crops import CropSet, crop_folder
from trainers.data.splits import SPLITS, read_names, read_sources, split_of, splits_of
from trainers.evaluate.config import SetsConfig
from trainers.evaluate.held_out import Evaluated
from trainers.fit.training_crops import load_training_crops

CPU = torch.device("cpu")
FOLDERS = ("kiosk",)


def test_a_source_stays_on_its_side_when_a_set_grows() -> None:
    names = [f"web/{index}.jpg" for index in range(2000)]

    splits = splits_of(names)

    shares = np.bincount(splits, minlength=3) / len(names)
    assert np.allclose(shares, [0.8, 0.1, 0.1], atol=0.03)
    assert np.array_equal(splits_of(names[500:]), splits[500:])
    # What was set aside stays so as the shares of validation and test grow.
    wider = splits_of(names, validation=0.2, test=0.1)
    assert np.array_equal(wider == 2, splits == 2)
    assert (wider[splits == 1] == 1).all()


def test_training_sees_train_alone_and_evaluation_the_split_named(tmp_path: Path) -> None:
    for name, seed in (("bare", 1), ("masked", 2)):
        drawn_crops(60, seed=seed, name=name).save(tmp_path / f"{name}.npz")
    config = tiny_config(data__bare=tmp_path / "bare.npz", data__masked=tmp_path / "masked.npz")

    trained = load_training_crops(config.data, tmp_path / "run", device=CPU)

    bare = CropSet.load(tmp_path / "bare.npz")
    parts = [set(bare.take(Evaluated(split=s).chosen(bare)).names) for s in SPLITS]
    assert set(trained.bare.names) == parts[0]
    assert set(trained.bare_held_out.names) == parts[1]
    assert parts[2]
    assert sum(map(len, parts)) == 60


def test_all_pictures_of_a_person_are_on_one_side() -> None:
    crops = drawn_crops(40, size_px=8)
    people = np.array(["anna", "jon", "", "hans"] * 10)
    known = CropSet(crops.images, crops.landmarks, crops.names, sources=people)

    splits = known.splits()

    sides = {name: set(splits[people == name].tolist()) for name in ("anna", "jon", "hans")}
    assert sides == {name: {SPLITS.index(split_of(name))} for name in sides}
    alone = crops.splits()
    assert np.array_equal(splits[people == ""], alone[people == ""])
    joined = CropSet.joined([known, crops])
    assert np.array_equal(joined.splits(), np.concatenate([splits, alone]))


def test_folders_that_show_the_same_people_are_not_divided() -> None:
    crops = drawn_crops(40, size_px=8, name="masked/kiosk")

    assert set(crops.splits().tolist()) > {0}
    assert len(set(crops.splits(whole_folders=FOLDERS).tolist())) == 1


class EveryFace:
    """Finds the drawn face in any picture."""

    def __call__(self, frames: object) -> list[list[Detection]]:
        raise NotImplementedError


def test_a_manifest_beside_pictures_says_who_they_show(tmp_path: Path) -> None:
    folder = tmp_path / "masked"
    (folder / "web").mkdir(parents=True)
    (folder / "manifest.csv").write_text(
        "file,identity,source\nweb/1.jpg,anna,\nweb/2.jpg,,clip7\nweb/3.jpg,,\n"
    )

    whole, part = read_sources(folder), read_sources(folder / "web")

    assert list(whole.values()) == list(part.values()) == ["anna", "clip7", "web/3.jpg"]
    assert list(whole) == ["masked/web/1.jpg", "masked/web/2.jpg", "masked/web/3.jpg"]
    assert list(part) == ["web/1.jpg", "web/2.jpg", "web/3.jpg"]
    (folder / "manifest.csv").write_text("name\nweb/1.jpg\n")
    with pytest.raises(ConfigError, match=r"manifest\.csv: not a manifest .* columns file"):
        read_sources(folder)


def test_only_the_pictures_of_a_split_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    drawn = drawn_crops(30)
    for name, image in zip(drawn.names, drawn.images, strict=True):
        cv2.imwrite(str(tmp_path / name), image)
    looked_at: list[int] = []

    def find(picture: object, detector: object) -> Detection:
        looked_at.append(1)
        points = drawn.landmarks[0] * 40
        return Detection(bounding_box(points), points, 1.0)

    monkeypatch.setattr("trainers.data.crops.find_main_face", find)
    test = Evaluated(split="test", test=0.4)

    crops, skipped = crop_folder(folder, EveryFace(), crop_size_px=16, choose=test.chooser(()))

    assert not skipped
    assert list(crops.names) == [n for n in drawn.names if split_of(n, test=0.4) == "test"]
    assert len(looked_at) == len(crops)
    with pytest.raises(ConfigError, match="none of its pictures is among those asked for"):
        crop_folder(folder, EveryFace(), crop_size_px=16, choose=test.chooser(["elsewhere"]))


def test_a_data_folder_stands_for_its_parts_where_they_are_not_given(tmp_path: Path) -> None:
    sets = SetsConfig(data=tmp_path, bare=tmp_path / "mine.npz")

    assert sets.bare == tmp_path / "mine.npz"
    assert sets.masked == tmp_path / "faces_masked"
    assert sets.manifests == tmp_path


def test_shares_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"held_out: got 0.5 beside a test_share of 0.5"):
        tiny_config(data__held_out=0.5, data__test_share=0.5)


def test_a_list_of_names_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.txt: list of names cannot be read"):
        read_names(tmp_path / "none.txt")
