from pathlib import Path

import numpy as np
import pytest
import torch

from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.core.pictures import write_picture
from tests.trainers.tiny import tiny_config
from trainers.config.pairs import PairsConfig
from trainers.data.picture_pairs import read_picture_pairs
from trainers.data.samples import PairedSamples
from trainers.fit.training_crops import load_run_crops


def plain(value: int, height: int = 32, width: int = 32) -> ImageU8:
    return np.full((height, width, 3), value, np.uint8)


def side_by_side(folder: Path, name: str, left: int, right: int) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    write_picture(folder / name, np.hstack([plain(left), plain(right)]))


@pytest.mark.parametrize(("order", "first"), [("AtoB", 40), ("BtoA", 200)])
def test_pictures_side_by_side_are_halved_in_the_order_asked_for(
    tmp_path: Path, order: str, first: int
) -> None:
    side_by_side(tmp_path, "train/a.png", 40, 200)
    side_by_side(tmp_path, "test/b.png", 40, 200)
    write_picture(tmp_path / "odd.png", plain(9, 32, 63))

    config = PairsConfig(side_by_side=tmp_path, order=order)  # type: ignore[arg-type]
    inputs, targets, skipped = read_picture_pairs(config, size_px=40)

    assert inputs.names == targets.names == ("test/b.png", "train/a.png")
    assert inputs.images.shape == (2, 40, 40, 3)
    assert (inputs.images == first).all()
    assert (targets.images == 240 - first).all()
    assert [name for name, _ in skipped] == ["odd.png"]
    assert inputs.aside is not None
    assert inputs.aside.tolist() == [2, 0]


def test_folders_are_matched_by_name_and_what_does_not_fit_is_listed(tmp_path: Path) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
    for name in ("a.png", "lonely.png", "large.png", "broken.png"):
        write_picture(tmp_path / "in" / name, plain(10))
    write_picture(tmp_path / "out/a.jpg", plain(90))
    write_picture(tmp_path / "out/large.png", plain(90, 48, 48))
    (tmp_path / "out/broken.png").write_bytes(b"nothing")
    write_picture(tmp_path / "out/widow.png", plain(90))

    config = PairsConfig(input=tmp_path / "in", target=tmp_path / "out")
    inputs, targets, skipped = read_picture_pairs(config, size_px=32)

    assert inputs.names == ("a",)
    assert np.abs(targets.images.astype(int) - 90).max() <= 2
    reasons = dict(skipped)
    assert reasons["large"] == "input is 32x32, target 48x48"
    assert reasons["lonely"] == "there is no target of this name"
    assert reasons["widow"] == "there is no input of this name"
    assert set(reasons) == {"broken", "large", "lonely", "widow"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input": Path("a")}, "pairs.target: is not given"),
        ({"target": Path("a")}, "pairs.input: is not given"),
        ({"side_by_side": Path("a"), "input": Path("b"), "target": Path("c")}, "one way alone"),
    ],
)
def test_half_given_pairs_are_refused(settings: dict[str, Path], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PairsConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "cyclegan"}, "cyclegan learns from no pairs of yours"),
        ({"method": "pix2pix", "data.bare": Path("x")}, "beside data.bare"),
    ],
)
def test_pairs_are_refused_where_nothing_learns_from_them(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_config(**settings, **{"pairs.side_by_side": Path("a")})


def test_both_sides_of_a_pair_show_the_same_part_mirrored_alike(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    (tmp_path / "train").mkdir()
    write_picture(tmp_path / "train/a.png", np.hstack([picture, 255 - picture]))
    inputs, targets, _ = read_picture_pairs(PairsConfig(side_by_side=tmp_path), size_px=40)
    config = tiny_config(**{"augmentation.turn_deg": 0.0, "augmentation.scale": 0.0,
                            "augmentation.shift": 0.0})  # fmt: skip

    samples = PairedSamples(inputs, targets, config.data, config.augmentation, first=0, count=12)
    shown = [samples[number] for number in range(12)]

    for sample in shown:
        assert sample["bare"].shape == (3, 32, 32)
        np.testing.assert_allclose(sample["bare"], -sample["surgical"], atol=0.01)
        np.testing.assert_array_equal(sample["target"], sample["bare"])
        np.testing.assert_array_equal(sample["masked"], sample["surgical"])
    assert len({sample["bare"].tobytes() for sample in shown}) > 6
    np.testing.assert_array_equal(samples[3]["bare"], shown[3]["bare"])


def test_split_says_what_share_is_trained_on_and_pairs_stay_pairs(tmp_path: Path) -> None:
    for folder in ("in", "out"):
        (tmp_path / folder).mkdir()
        for number in range(40):
            write_picture(tmp_path / folder / f"{number}.png", plain(number))
    config = tiny_config(**{
        "method": "pix2pix", "pairs.input": tmp_path / "in", "pairs.target": tmp_path / "out",
        "pairs.split": 0.5, "pix2pix.direction": "mask",
    })  # fmt: skip

    crops = load_run_crops(config, tmp_path / "cache", device=torch.device("cpu"))
    again = load_run_crops(config, tmp_path / "cache", device=torch.device("cpu"))

    assert 12 <= len(crops.bare) <= 28
    assert 3 <= len(crops.bare_held_out) <= 20
    assert crops.bare.names == crops.masked.names
    assert crops.bare_held_out.names == crops.masked_held_out.names
    assert (crops.bare.images == crops.masked.images).all()
    assert again.bare.names == crops.bare.names
