"""Whatever is done to a file that is no picture or video, it is read, or refused in one line."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from facemask_video.config import ConvertConfig
from facemask_video.config.settings import read_toml
from facemask_video.core.direction import Direction
from facemask_video.core.errors import FacemaskVideoError
from facemask_video.extract.manifest import MANIFEST, read_manifest, write_manifest
from facemask_video.track.sidecar import FORMAT, Sidecar
from facemask_video.translate.networks import GeneratorSpec, build_generator
from facemask_video.translate.weights import WeightsCard, load_generator, save_generator
from tests.extract.rows import make_row

_SEEDS = 100
# Where the header of weights lies, and of text all.
_DAMAGED_BYTES = 2500
_INSERTED = (b"\0", b"9" * 30, b"{", b'"', b"null", b"-", b"NaN", b"\xff", b"[", b"1e999", b"\n")


def _weights(folder: Path) -> Path:
    torch.manual_seed(0)
    spec = GeneratorSpec(ngf=4, n_blocks=1, final_kernel=3)
    card = WeightsCard(direction=Direction.MASK, spec=spec, crop_size_px=32)
    save_generator(folder / "mask.safetensors", build_generator(spec), card)
    return folder / "mask.safetensors"


def _manifest(folder: Path) -> Path:
    return write_manifest(folder, [make_row(frame) for frame in range(3)])


def _tracks(folder: Path) -> Path:
    face = {"track": 1, "box": [1, 2, 9, 9], "landmarks": [[1, 2]] * 5, "score": 0.9}
    line = {"frame": 0, "pts": 0, "faces": [{**face, "observed": True}]}
    header = {"format": FORMAT, "source": {"sha256": "0" * 64}}
    path = folder / "tracks.jsonl"
    path.write_text(f"{json.dumps(header)}\n{json.dumps(line)}\n")
    return path


def _settings(folder: Path) -> Path:
    path = folder / "own.toml"
    path.write_text('direction = "mask"\n[video]\nstart_s = 1.0\ncrf = 20\n[detect]\nevery = 3\n')
    return path


_KINDS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "weights": (_weights, lambda path: load_generator(path, direction=Direction.MASK)),
    MANIFEST: (_manifest, lambda path: read_manifest(path.parent)),
    "tracks": (_tracks, lambda path: list(Sidecar(path))),
    "settings": (_settings, lambda path: read_toml(path, ConvertConfig)),
}


@pytest.mark.parametrize("kind", _KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    make, read = _KINDS[kind]
    path = make(tmp_path)
    intact = path.read_bytes()
    read(path)
    refused = []
    for seed in range(_SEEDS):
        path.write_bytes(_damaged(intact, random.Random(seed)))
        try:
            read(path)
        except FacemaskVideoError as exc:
            refused.append(str(exc))
    assert len(refused) > _SEEDS / 2
    assert [line for line in refused if "\n" in line or not line.startswith(str(path))] == []


def _damaged(intact: bytes, chance: random.Random) -> bytes:
    data = bytearray(intact)
    for _ in range(chance.choice([1, 2, 8])):
        place = chance.randrange(max(1, min(len(data), _DAMAGED_BYTES)))
        what = chance.choice(["flip", "take out", "insert", "cut off"])
        if what == "flip" and data:
            data[place] ^= 1 << chance.randrange(8)
        elif what == "take out":
            del data[place : place + chance.randrange(1, 20)]
        elif what == "insert":
            data[place:place] = chance.choice(_INSERTED)
        elif what == "cut off":
            del data[place + 1 :]
    return bytes(data)
