import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from facemask_video.pipeline import convert as pipeline
from facemask_video.video import probe
from tests.cli.conftest import Run
from tests.synthetic import encode_clip, moving_square_frames


def test_one_command_converts_a_video(
    run: Run, sample: Path, weights: Path, tmp_path: Path
) -> None:
    out, report = tmp_path / "out.mp4", tmp_path / "report.json"

    result = run(
        sample, out, "--direction", "mask", "--weights", weights, "--end", "0.6", "--report", report
    )

    assert result.exit_code == 0, result.stderr
    plain = json.loads(report.read_text("utf-8"))
    assert plain["frames"] == plain["faces"] == 15
    assert [stream.kind for stream in probe(out).streams] == ["video", "audio"]
    assert result.stdout.startswith(
        f"{out}: 15 frames, 15 faces (1 track, in 15 frames), all translated; "
    )
    assert "fps (" in result.stdout


def test_an_output_that_is_not_named_lies_beside_its_input(
    run: Run, sample: Path, weights: Path, tmp_path: Path
) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(sample.read_bytes())

    result = run(source, "-d", "AtoB", "--weights", weights, "--end", "0.1")

    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "clip_masked.mp4").is_file()


@pytest.mark.parametrize("suffix", [".flv", ".mpg", ".WMV", ""])
def test_an_output_that_is_not_named_is_one_that_can_be_written(
    run: Run, sample: Path, tmp_path: Path, suffix: str
) -> None:
    source = tmp_path / f"clip{suffix}"
    source.write_bytes(sample.read_bytes())

    result = run(source, "-d", "mask", "--dry-run")

    assert result.exit_code == 0, result.stderr
    assert f"{tmp_path / 'clip_masked.mkv'}: " in result.stdout


def test_a_dry_run_refuses_a_suffix_that_names_no_container(
    run: Run, sample: Path, tmp_path: Path
) -> None:
    result = run(sample, tmp_path / "out.xyz", "-d", "mask", "--dry-run")

    assert result.exit_code == 1
    assert "the suffix names no container" in result.stderr


def test_the_fast_generators_are_taken_where_they_are_there_and_missed_in_one_line(
    run: Run, sample: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facemask_video.core.shipped_weights.SHIPPED", tmp_path)
    out, report, lite = (tmp_path / n for n in ("out.mp4", "r.json", "mask-lite.safetensors"))
    command = (sample, out, "-d", "mask", "--quality", "fast", "--end", "0.1", "--report", report)

    result = run(*command)

    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert f"{lite}: this installation ships no fast weights for mask" in result.stderr
    assert not out.exists()

    lite.write_bytes(weights.read_bytes())
    assert run(*command).exit_code == 0
    assert json.loads(report.read_text("utf-8"))["weights"]["path"] == str(lite)


def test_a_quality_beside_a_weights_file_is_refused(
    run: Run, sample: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mp4"

    result = run(sample, out, "-d", "mask", "--weights", weights, "--quality", "standard")

    assert result.exit_code == 2
    assert "give one of the two" in result.stderr


def _dry_settings(run: Run, *arguments: object, env: dict[str, str] | None = None) -> Any:
    result = run(*arguments, "--dry-run", env=env)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout.partition("Settings:\n")[2])


def test_what_is_typed_wins_over_the_environment_and_that_over_a_file(
    run: Run, sample: Path, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        'direction = "unmask"\n[video]\ncrf = 30\npreset = "slow"\n'
        "[video.encoder_options]\nrc = 1\n[composite]\ncoverage = 0.5\n",
        encoding="utf-8",
    )
    prefix = "FACEMASK_VIDEO_CONVERT_"
    env = {f"{prefix}CRF": "31", f"{prefix}PRESET": "fast", f"{prefix}DETECT_SIZE": "200"}

    settings = _dry_settings(
        run, sample, tmp_path / "out.mp4", "--config", file, "--crf", "32", env=env
    )

    assert settings["direction"] == "unmask"
    assert settings["video"]["crf"] == 32
    assert settings["video"]["preset"] == "fast"
    assert settings["video"]["encoder_options"] == {"rc": "1"}
    assert settings["detect"]["size_px"] == 200
    assert settings["composite"]["coverage"] == 0.5
    assert settings["track"]["smoothing"] == "kalman"


def test_options_are_read_in_the_forms_that_help_shows(
    run: Run, sample: Path, tmp_path: Path
) -> None:
    settings = _dry_settings(
        run, sample, tmp_path / "out.mp4", "-d", "BtoA", "--start", "0:01", "--end", "00:00:02.5",
        "--encoder-opt", "tune=film", "--encoder-opt", "x264-params=keyint=5", "--no-audio", "-y",
    )  # fmt: skip

    assert settings["direction"] == "unmask"
    assert (settings["video"]["start_s"], settings["video"]["end_s"]) == (1.0, 2.5)
    assert settings["video"]["encoder_options"] == {"tune": "film", "x264-params": "keyint=5"}
    assert settings["video"]["audio"] is False
    assert settings["output"]["overwrite"] is True


def test_the_classifier_is_found_under_its_former_name(
    run: Run, sample: Path, tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[translate]\ngate = "off"\n', encoding="utf-8")
    out = tmp_path / "out.mp4"

    for arguments, env in (
        (["--config", file], {}),
        (["--gate", "off"], {}),
        (["--classifier", "off"], {}),
        ([], {"FACEMASK_VIDEO_CONVERT_GATE": "off"}),
        ([], {"FACEMASK_VIDEO_CONVERT_CLASSIFIER": "off"}),
    ):
        settings = _dry_settings(run, sample, out, "-d", "mask", *arguments, env=env)
        assert settings["translate"]["classifier"] == "off"


@pytest.mark.parametrize(("text", "value"), [("auto", 0), ("7", 7)])
def test_a_number_may_be_left_to_the_program(
    run: Run, sample: Path, tmp_path: Path, text: str, value: int
) -> None:
    settings = _dry_settings(
        run, sample, tmp_path / "out.mp4", "-d", "mask", "--detect-every", text
    )

    assert settings["detect"]["every"] == value


def test_a_dry_run_loads_no_network_and_writes_nothing(sample: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from facemask_video.cli.main import main\n"
        f"main([{str(sample)!r}, {str(tmp_path / 'out.mp4')!r}, '-d', 'mask', '--dry-run'],\n"
        "    standalone_mode=False)\n"
        "print('torch' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "False"
    assert "640x360, h264" in done.stdout
    assert "125 frames" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_progress_as_json_is_one_object_a_line(
    run: Run, sample: Path, weights: Path, tmp_path: Path
) -> None:
    result = run(
        sample, tmp_path / "out.mp4", "-d", "mask", "--weights", weights, "--end", "0.4",
        "--progress", "json",
    )  # fmt: skip

    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert lines[0]["frame"] == 1
    assert lines[-1]["frame"] == lines[-1]["frames"] == 10
    assert lines[-1]["eta_s"] == 0


def test_a_bar_shows_frames_and_rate(run: Run, sample: Path, weights: Path, tmp_path: Path) -> None:
    result = run(
        sample, tmp_path / "out.mp4", "-d", "mask", "--weights", weights, "--end", "0.4",
        "--progress", "bar",
    )  # fmt: skip

    assert "/10 [" in result.stderr
    assert "frames/s" in result.stderr


def test_quiet_says_nothing(run: Run, sample: Path, weights: Path, tmp_path: Path) -> None:
    result = run(
        sample, tmp_path / "out.mp4", "-d", "mask", "--weights", weights, "--end", "0.1", "-q"
    )

    assert result.exit_code == 0
    assert result.output == ""


def _missing(folder: Path) -> Path:
    return folder / "nowhere.mp4"


def _directory(folder: Path) -> Path:
    path = folder / "directory.mp4"
    path.mkdir()
    return path


def _empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def _text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("not a video\n" * 100)
    return path


def _playlist(folder: Path) -> Path:
    path = folder / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n")
    return path


def _audio(folder: Path) -> Path:
    path = folder / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_missing, "no such file"),
        (_empty, "is empty"),
        (_text, "video"),
        (_playlist, "playlist"),
        (_audio, "holds no video stream"),
    ],
)
def test_a_bad_input_is_one_line_and_no_output(
    run: Run, tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    source = make(tmp_path)
    before = set(tmp_path.iterdir())

    result = run(source, tmp_path / "out.mp4", "-d", "mask")

    assert result.exit_code == 1
    _is_one_clear_line(result.stderr, source.name, reason)
    assert set(tmp_path.iterdir()) == before


def test_a_folder_is_answered_with_the_command_for_it(run: Run, tmp_path: Path) -> None:
    folder = _directory(tmp_path)

    result = run(folder, tmp_path / "out.mp4", "-d", "mask")

    assert result.exit_code == 2
    assert f"{folder.name}: is a folder; facemask-video batch" in result.stderr
    assert not (tmp_path / "out.mp4").exists()


def _is_one_clear_line(stderr: str, *parts: str) -> None:
    assert stderr.count("\n") == 1, stderr
    assert stderr.startswith("Error: ")
    assert "Traceback" not in stderr
    for part in parts:
        assert part in stderr


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_input_never_becomes_a_shorter_output_in_silence(
    run: Run, sample: Path, weights: Path, tmp_path: Path, keep: float
) -> None:
    whole = sample.read_bytes()
    source = tmp_path / "cut.mp4"
    source.write_bytes(whole[: int(len(whole) * keep)])

    result = run(source, tmp_path / "out.mp4", "-d", "mask", "--weights", weights)

    if result.exit_code == 0:
        assert "ends early" in result.stderr
    else:
        assert result.exit_code == 1
        _is_one_clear_line(result.stderr, "cut.mp4")
        assert not (tmp_path / "out.mp4").exists()


def test_bad_outputs_and_options_are_one_line_each(
    run: Run, sample: Path, weights: Path, tmp_path: Path
) -> None:
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"mine")
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"\x00" * 64)
    out = tmp_path / "out.mp4"
    before = set(tmp_path.iterdir())
    base: list[object] = ["-d", "mask", "--weights", weights]
    cases: list[tuple[list[object], str]] = [
        ([sample, sample, *base], "is the input"),
        ([sample, taken, *base], "pass --overwrite"),
        ([sample, tmp_path, *base], "is a directory"),
        ([sample, tmp_path / "no" / "out.mp4", *base], "directory"),
        ([sample, tmp_path / "out.xyz", *base], "out.xyz"),
        ([sample, out, *base, "--encoder", "libnope"], "libnope"),
        ([sample, out, *base, "--pix-fmt", "nope"], "nope"),
        ([sample, out, *base, "--start", "100"], "range"),
        ([sample, out, "-d", "unmask", "--weights", weights], "direction is mask"),
        ([sample, out, "-d", "mask", "--weights", junk], "junk.safetensors"),
        ([sample, out, "-d", "mask", "--weights", tmp_path / "no"], "no such weights file"),
        ([sample, out, *base, "--device", "tpu"], "--device tpu"),
    ]
    if not torch.cuda.is_available():
        cases.append(([sample, out, *base, "--device", "cuda"], "no CUDA device"))
    for arguments, reason in cases:
        result = run(*arguments)
        assert result.exit_code == 1, (arguments, result.output)
        _is_one_clear_line(result.stderr, reason)
        assert set(tmp_path.iterdir()) == before, arguments
    assert taken.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "pass --direction mask|unmask"),
        (["-d", "sideways"], "expected mask (AtoB) or unmask (BtoA)"),
        (["-d", "mask", "--coverage", "2"], "2.0 is not in the range"),
        (["-d", "mask", "--detect-every", "0"], "0 is not in the range"),
        (["-d", "mask", "--color", "red"], "'red' is not one of"),
        (["-d", "mask", "--start", "1:99"], "under 60"),
        (["-d", "mask", "--start", "soon"], "expected seconds or HH:MM:SS"),
        (["-d", "mask", "--start", "3", "--end", "2"], "expected more than the start, 3"),
        (["-d", "mask", "--encoder-opt", "film"], "expected KEY=VALUE"),
        (["-d", "mask", "--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["-d", "mask", "--colour", "none"], "--color"),
    ],
)
def test_wrong_usage_exits_2(
    run: Run, sample: Path, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    result = run(sample, tmp_path / "out.mp4", *arguments)

    assert result.exit_code == 2
    assert reason in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_commands_that_read_a_file_twice_refuse_a_pipe(run: Run, sample: Path) -> None:
    for words in (["track", "-", "faces.jsonl"], ["verify", sample, "-"], ["preview", "-"]):
        result = run(*words)

        assert result.exit_code == 2
        assert f"'-' is not supported by {words[0]}" in result.stderr


def test_nothing_but_the_video_goes_to_standard_output(run: Run, sample: Path) -> None:
    result = run(sample, "-", "-d", "mask", "--dry-run")

    assert result.exit_code == 0
    assert result.stdout == ""
    assert "Would write      standard output" in result.stderr


def test_verbose_shows_the_traceback_of_an_error(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere.mp4", tmp_path / "out.mp4", "-d", "mask", "-v")

    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_ctrl_c_leaves_no_file_and_exits_130(sample: Path, weights: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-c", "from facemask_video.cli.main import main; main()",
        str(sample), str(tmp_path / "out.mp4"), "-d", "mask", "--weights", str(weights),
        "--progress", "json",
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # A suite that runs in a shell's background hands an ignored SIGINT down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stderr is not None
        assert json.loads(process.stderr.readline())["frame"] == 1
        assert list(tmp_path.iterdir()) != []
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()

    assert process.returncode == 130
    assert rest.splitlines()[-1] == "Interrupted; no output was written."
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 8."),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
    ],
)
def test_a_gpu_whose_memory_is_full_is_one_line(
    run: Run, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pipeline, "convert", full)
    ended = run(sample, tmp_path / "out.mp4", "-d", "mask")

    assert ended.exit_code == 1
    _is_one_clear_line(ended.stderr, "out of memory", "--batch-size")


def test_being_told_to_terminate_unwinds_like_ctrl_c(
    run: Run, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwound = []

    def stuck(*_: object, **__: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            unwound.append(True)

    monkeypatch.setattr(pipeline, "convert", stuck)
    before = signal.getsignal(signal.SIGTERM)

    result = run(sample, tmp_path / "out.mp4", "-d", "mask")

    assert result.exit_code == 128 + signal.SIGTERM
    assert unwound == [True]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("given", "label"),
    [
        (["--label"], "Synthetic face"),
        (["--label", "Nachgemacht"], "Nachgemacht"),
        (["--label", ""], ""),
        ([], None),
    ],
)
def test_a_label_needs_no_text(
    run: Run, sample: Path, tmp_path: Path, given: list[str], label: str | None
) -> None:
    result = run(sample, tmp_path / "out.mp4", "-d", "mask", "--dry-run", *given)

    assert result.exit_code == 0, result.stderr
    settings = json.loads(result.stdout.partition("Settings:\n")[2])
    assert settings["output"]["label"] == label


@pytest.mark.parametrize("name", ["not-there.mp4", "", "x" * 300])
def test_a_file_behind_label_is_not_taken_for_its_text(
    run: Run, sample: Path, tmp_path: Path, name: str
) -> None:
    result = run(sample, "-d", "mask", "--dry-run", "--label", str(tmp_path / name))

    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output
    if len(name) < 300:
        assert "name files before the option" in result.stderr


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_what_claims_more_pixels_than_were_asked_for_is_refused(
    run: Run, tmp_path: Path, suffix: str
) -> None:
    source = tmp_path / f"in{suffix}"
    if suffix == ".png":
        Image.new("RGB", (64, 48)).save(source)
    else:
        encode_clip(source, moving_square_frames(3))

    ended = run(source, tmp_path / f"out{suffix}", "-d", "mask", "--max-pixels", "3000")

    assert ended.exit_code == 1
    _is_one_clear_line(ended.stderr, "64x48", "3000", "--max-pixels")
    assert list(tmp_path.iterdir()) == [source]
