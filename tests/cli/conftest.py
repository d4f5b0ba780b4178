from collections.abc import Callable
from pathlib import Path

import av
import pytest
import torch
from click.testing import CliRunner, Result

from facemask_video.cli.main import main
from facemask_video.core.direction import Direction
from facemask_video.translate.networks import GeneratorSpec, build_generator
from facemask_video.translate.weights import WeightsCard, save_generator

_SAMPLES = Path(__file__).parents[2] / "samples"

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Return a function that runs the command line as a shell would."""

    def invoke(*arguments: object, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(
            main, [str(argument) for argument in arguments], prog_name="facemask-video", env=env
        )

    return invoke


@pytest.fixture
def sample() -> Path:
    """Return a short real clip with one bare face and a tone."""
    path = _SAMPLES / "astronaut.mp4"
    if not path.is_file():
        pytest.skip(f"{path.name} is not there; scripts/make_samples.py makes it")
    return path


@pytest.fixture
def short_clip(sample: Path, tmp_path: Path) -> Path:
    """Return the first half second of `sample`, its packets copied."""
    path = tmp_path / "short.mkv"
    with av.open(str(sample)) as source, av.open(str(path), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None and packet.dts * packet.time_base < 0.5:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of seeded, untrained, tiny weights for ``mask``."""
    torch.manual_seed(0)
    spec = GeneratorSpec(ngf=4, n_blocks=1)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    card = WeightsCard(direction=Direction.MASK, spec=spec, crop_size_px=32)
    save_generator(path, build_generator(spec), card)
    return path
