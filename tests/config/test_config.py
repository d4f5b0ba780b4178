import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from facemask_video.composite.colour_match import MODES
from facemask_video.config import (
    BatchConfig,
    BatchOutputConfig,
    ConvertConfig,
    DetectConfig,
    OutputConfig,
    TrackConfig,
    VideoConfig,
    to_json,
)
from facemask_video.config.settings import build, read_toml, settings_of
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.detect.rotation import QUARTER_TURNS


def _toml(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_wins_over_the_defaults_and_what_is_typed_over_the_file(tmp_path: Path) -> None:
    path = _toml(tmp_path, 'direction = "BtoA"\n[detect]\nthreshold = 0.5\nmin_face_px = 50')

    config = build(ConvertConfig, read_toml(path, ConvertConfig), {"detect.min_face_px": 60.0})

    assert config.direction is Direction.UNMASK
    assert config.detect == DetectConfig(threshold=0.5, min_face_px=60.0)
    assert config.track == TrackConfig()


def test_a_path_in_a_file_is_taken_from_the_files_folder(tmp_path: Path) -> None:
    path = _toml(tmp_path, '[translate]\nweights = "mine.safetensors"')

    assert read_toml(path, ConvertConfig) == {"translate.weights": tmp_path / "mine.safetensors"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[detect]\ntreshold = 1",
            "unknown key 'detect.treshold'; did you mean 'detect.threshold'",
        ),
        ("[detct]\nthreshold = 1", "'detct.threshold'; did you mean 'detect.threshold'"),
        ("threshold = 1", "unknown key 'threshold'; did you mean 'detect.threshold'"),
        ("zzz = 1", "unknown key 'zzz'; expected one of direction, translate.weights"),
        ("detect = 1", r"unknown key 'detect', which is a section; write \[detect\]"),
        ("[detect]\nthreshold = 2", "detect.threshold: got 2.0, expected at least 0 and at most 1"),
        ("[detect]\nthreshold = nan", "detect.threshold: got nan"),
        ("[detect]\nthreshold = true", "detect.threshold: got True, expected float"),
        ("[detect]\nsize_px = 1.5", "detect.size_px: got 1.5, expected int"),
        ("[track]\nema_coef = 1", "track.ema_coef: got 1.0, expected at least 0 and below 1"),
        ('[composite]\ncolor = "histgram"', "expected one of none, .* did you mean 'histogram'"),
        ('direction = "sideways"', r"expected mask \(AtoB\) or unmask \(BtoA\)"),
        ("direction = ", "is not TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_toml(_toml(tmp_path, text), ConvertConfig)

    assert "\n" not in str(caught.value)
    assert "settings.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "label"),
    [("true", "Synthetic face"), ("false", None), ('"Nachgemacht"', "Nachgemacht"), ('""', "")],
)
def test_a_label_is_a_text_or_on(written: str, label: str | None, tmp_path: Path) -> None:
    path = _toml(tmp_path, f"[output]\nlabel = {written}")

    given = {"direction": Direction.MASK}

    converted = build(ConvertConfig, given, read_toml(path, ConvertConfig))
    batch = build(BatchConfig, given, read_toml(path, BatchConfig))

    assert converted.output.label == batch.output.label == label
    assert batch.for_file().output.label == label


@pytest.mark.parametrize("kind", [OutputConfig, BatchOutputConfig])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "two\nlines"}, "expected one line of text"),
        ({"label": "  "}, "expected one line of text"),
        ({"label_on": "all"}, "add that"),
    ],
)
def test_a_label_that_says_nothing_is_refused(
    kind: Any, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**options)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        read_toml(tmp_path / "nowhere.toml", ConvertConfig)


def test_a_direction_must_be_given() -> None:
    with pytest.raises(ConfigError, match="direction is not given; pass --direction mask"):
        build(ConvertConfig)


def test_values_are_checked_however_a_configuration_is_made() -> None:
    with pytest.raises(ConfigError, match="smoothing: got 'wavelet'"):
        TrackConfig(smoothing="wavelet")
    with pytest.raises(ConfigError, match="expected more than the start, 5"):
        VideoConfig(start_s=5.0, end_s=5.0)


def test_json_holds_every_setting() -> None:
    plain = json.loads(to_json(ConvertConfig(Direction.MASK)))

    for named in settings_of(ConvertConfig):
        value = plain
        for key in named.name.split("."):
            value = value[key]
        default = None if named.default is dataclasses.MISSING else named.default
        assert value == ("mask" if named.name == "direction" else default)


def test_choices_are_those_that_the_rooms_accept() -> None:
    choices = {named.name: named.setting.choices for named in settings_of(ConvertConfig)}

    assert choices["composite.color"] == MODES
    assert choices["detect.turned"] == tuple(QUARTER_TURNS)


def test_a_batch_has_every_setting_of_a_conversion_that_is_not_one_files_own() -> None:
    of_one_file = {
        *("output.report", "output.tracks_out", "output.resume", "output.format"),
        "replay.tracks",
    }
    batch = {named.name for named in settings_of(BatchConfig)}

    for named in settings_of(ConvertConfig):
        assert named.name in batch or named.name in of_one_file
