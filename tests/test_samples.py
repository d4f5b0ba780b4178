"""The committed clips are what their README and their script say."""

import importlib.util
from pathlib import Path
from types import ModuleType

import av
import pytest

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
NAMES = ("astronaut.mp4", "astronaut_masked.mp4", "astronaut_vfr.mp4")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_samples", ROOT / "scripts/make_samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def packet_times_s(name: str) -> list[float]:
    with av.open(str(SAMPLES / name)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        pts = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        return [float(ticks * stream.time_base) for ticks in pts]


def test_samples_stay_small_and_are_all_described() -> None:
    assert sum((SAMPLES / name).stat().st_size for name in NAMES) < 2_000_000
    assert sorted(path.name for path in SAMPLES.glob("*.mp4")) == sorted(NAMES)
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(name in readme for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_sample_has_pictures_of_the_stated_size_and_a_tone(name: str) -> None:
    with av.open(str(SAMPLES / name)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == (640, 360)
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert next(container.decode(video)).key_frame


def test_uneven_sample_shows_its_frames_at_the_times_of_the_script(script: ModuleType) -> None:
    assert packet_times_s("astronaut_vfr.mp4") == pytest.approx(script.uneven_times_s(), abs=1e-4)


@pytest.mark.parametrize("name", ["astronaut.mp4", "astronaut_masked.mp4"])
def test_even_samples_have_25_frames_a_second(name: str) -> None:
    assert packet_times_s(name) == pytest.approx([index / 25 for index in range(125)], abs=1e-4)
