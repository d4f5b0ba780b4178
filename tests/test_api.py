import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import facemask_video
from facemask_video import (
    ConfigError,
    ConvertConfig,
    Direction,
    Networks,
    convert_video,
    extract_crops,
    load_networks,
    track_video,
    translate_image,
)
from facemask_video.api import _settings
from facemask_video.cli.convert import convert
from facemask_video.cli.options import SettingOption
from facemask_video.core.frame import ImageU8
from facemask_video.video import VideoReader
from tests.fakes import InvertTranslator, ScriptedDetector, detection_at, fake_networks


def _picture(*, width_px: int = 160, height_px: int = 120) -> ImageU8:
    return np.random.default_rng(0).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


def _networks(*centres_px: tuple[float, float], side_px: float = 40) -> Networks:
    """Return networks that see faces of these centres and turn them into their negative."""
    border_px = 32  # what a picture of 160 px gets on each side
    faces = [detection_at(x + border_px, y + border_px, side_px) for x, y in centres_px]
    networks = fake_networks(
        ScriptedDetector(faces, frame_width_px=160 + 2 * border_px), InvertTranslator()
    )
    networks.weights["direction"] = "mask"
    return networks


def test_a_signature_shows_that_the_direction_must_be_given() -> None:
    shown = inspect.signature(load_networks).parameters["direction"]

    assert shown.default is inspect.Parameter.empty


def test_the_options_are_those_of_the_command_line() -> None:
    typed = {option.name for option in convert.params if isinstance(option, SettingOption)}

    named = set(inspect.signature(convert_video).parameters)

    assert typed <= named
    assert named - typed == {"source", "target", "config", "networks"}


@pytest.mark.parametrize("call", [convert_video, track_video, extract_crops])
def test_an_unknown_option_is_a_type_error_that_names_the_nearest(
    call: object, tmp_path: Path
) -> None:
    assert callable(call)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'min_fase'.*'min_face'"):
        call(tmp_path / "in.mp4", tmp_path / "out", min_fase=3)


def test_options_have_the_values_of_the_command_line() -> None:
    options: dict[str, object] = {
        "direction": "AtoB", "start": "00:01:02.5", "detect_every": "auto", "crf": 20,
        "encoder_opt": {"rc": 1}, "tracks": "faces.jsonl",
    }  # fmt: skip

    config = _settings(ConvertConfig, None, options, "convert_video")

    assert config.direction is Direction.MASK
    assert config.video.start_s == 62.5
    assert config.detect.every == 0
    assert config.video.crf == 20.0
    assert config.video.encoder_options == {"rc": "1"}
    assert config.replay.tracks == Path("faces.jsonl")


def test_options_lie_over_a_file_and_over_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('direction = "unmask"\n[video]\ncrf = 30\npreset = "slow"\n', encoding="utf-8")

    first = _settings(ConvertConfig, file, {"crf": 31}, "convert_video")
    second = _settings(ConvertConfig, first, {"preset": "fast"}, "convert_video")

    assert (first.direction, first.video.crf, first.video.preset) == ("unmask", 31.0, "slow")
    assert (second.direction, second.video.crf, second.video.preset) == ("unmask", 31.0, "fast")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "sideways"}, "direction: got 'sideways', expected mask"),
        ({"direction": "mask", "crf": 99}, "video.crf: got 99"),
        ({"direction": "mask", "color": "histgram"}, "did you mean 'histogram'"),
        ({"direction": "mask", "start": "1:99"}, "video.start_s: got '1:99'"),
        ({}, "direction is not given"),
    ],
)
def test_a_value_that_is_not_accepted_is_a_config_error(
    options: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        convert_video(tmp_path / "in.mp4", tmp_path / "out.mp4", **options)


def test_networks_are_for_one_direction_and_their_options_are_given_once() -> None:
    networks = _networks()

    with pytest.raises(ConfigError, match="were loaded for mask, the direction is unmask"):
        translate_image(_picture(), networks=networks, direction="unmask")
    with pytest.raises(TypeError, match="networks and 'device'; give that to load_networks"):
        translate_image(_picture(), networks=networks, direction="mask", device="cpu")


def test_a_picture_changes_in_its_faces_only() -> None:
    picture = _picture()
    before = picture.copy()

    out = translate_image(picture, networks=_networks((80, 60)), direction="mask", color="none")

    assert np.array_equal(picture, before)
    changed = (out != before).any(axis=2)
    assert changed[40:80, 60:100].mean() > 0.9
    assert not changed[:, :30].any()
    assert not changed[:, 130:].any()


def test_the_largest_face_alone_can_be_asked_for() -> None:
    networks = _networks((40, 60), (120, 60), side_px=40)

    both = translate_image(_picture(), networks=networks, direction="mask", color="none")
    one = translate_image(
        _picture(), networks=networks, direction="mask", color="none", faces="largest"
    )

    assert (both != one).any()
    assert (one != _picture()).any()


def test_a_picture_without_faces_comes_back_as_a_copy() -> None:
    picture = _picture()

    out = translate_image(picture, networks=_networks(), direction="mask")

    assert np.array_equal(out, picture)
    assert not np.shares_memory(out, picture)


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_an_array_that_is_no_picture_is_refused(image: ImageU8) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        translate_image(image, networks=_networks(), direction="mask")


def test_a_picture_has_no_tracks_to_choose_from() -> None:
    with pytest.raises(ConfigError, match="a picture has no tracks"):
        translate_image(_picture(), networks=_networks(), direction="mask", faces="track:1")


def test_masks_are_taken_off_masked_faces_alone() -> None:
    networks = load_networks(direction="unmask", quality="fast")

    changed = {}
    for name in ("astronaut.mp4", "astronaut_masked.mp4"):
        clip = Path(__file__).parents[1] / "samples" / name
        if not clip.is_file():
            pytest.skip(f"{clip.name} is not there; scripts/make_samples.py makes it")
        with VideoReader(clip) as reader:
            picture = next(iter(reader)).thumbnail(640)[0]
        out = translate_image(picture, networks=networks, direction="unmask")
        changed[name] = (out != picture).any(axis=2).mean()

    assert changed["astronaut.mp4"] == 0
    assert 0.005 < changed["astronaut_masked.mp4"] < 0.3


def test_importing_the_functions_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from facemask_video import convert_video, load_networks, translate_image\n"
        "print(sorted({'torch', 'av', 'cv2', 'numpy', 'scipy'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_every_public_name_has_a_home() -> None:
    assert set(facemask_video._HOMES) | {"__version__"} == set(facemask_video.__all__)
