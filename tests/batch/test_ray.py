"""A batch on a Ray cluster of several nodes, on this machine."""

import dataclasses
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facemask_video.batch.batch import convert_files
from facemask_video.batch.run import BatchEvent
from facemask_video.config import BatchClusterConfig, BatchConfig, BatchRunConfig, VideoConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.core.frame import ImageU8
from facemask_video.pipeline.convert import convert
from facemask_video.translate.networks import GeneratorSpec, build_generator
from facemask_video.translate.weights import WeightsCard, save_generator
from facemask_video.video import VideoReader
from tests.synthetic import encode_clip, moving_square_frames

N_FRAMES = 1000
# Long enough that both nodes are at work when one is lost.

ROOT = Path(__file__).parents[2]


def faces_now_and_then() -> list[ImageU8]:
    """Return small frames of a face that is seen for a moment every ten seconds, and of nothing."""
    with VideoReader(ROOT / "samples" / "astronaut.mp4") as reader:
        faces = [frame.thumbnail(256)[0] for frame in islice(reader, 20)]
    empty = [np.zeros_like(faces[0])] * 230
    return [*empty[:5], *faces, *empty, *faces, *empty, *faces[:10]]


def pictures(path: Path) -> list[tuple[int, bytes]]:
    """Return times and samples of a clip's frames."""
    with VideoReader(path) as reader:
        return [(f.pts, b"".join(plane.tobytes() for plane in f.samples())) for f in reader]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a cluster of two nodes of one processor, of which the second is to be lost."""
    pytest.importorskip("ray", reason="the extra cluster is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # A busy machine takes its time; and no process is begun that nobody asked for.
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "120")
    monkeypatch.setenv("RAY_prestart_worker_first_driver", "0")
    small: dict[str, Any] = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **small})
    try:
        made.lost = made.add_node(num_cpus=1, **small)
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()


def test_a_batch_is_done_although_a_node_is_lost_in_the_middle(
    cluster: Any, config: BatchConfig, tmp_path: Path
) -> None:
    spec = GeneratorSpec(ngf=4, n_blocks=1)
    assert config.translate.weights is not None
    save_generator(
        config.translate.weights,
        build_generator(spec),
        WeightsCard(direction=Direction.MASK, spec=spec, crop_size_px=32),
    )
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.mkv", "b.mkv", "c.mkv"):
        encode_clip(folder / name, moving_square_frames(N_FRAMES))
    (folder / "broken.mkv").write_text("no video")
    long = encode_clip(folder / "long.mkv", faces_now_and_then())
    on_ray = dataclasses.replace(
        config,
        translate=dataclasses.replace(config.translate, device="cpu"),
        video=VideoConfig(encoder="ffv1"),
        # a, b and c show nobody, and so are not cut.
        run=BatchRunConfig(retries=2, split_longer_than_s=10),
        cluster=BatchClusterConfig(engine="ray", address=cluster.address),
    )
    events: list[BatchEvent] = []

    def losing_a_node(event: BatchEvent) -> None:
        events.append(event)
        begun, ended = (
            {each.source for each in events if each.event in names}
            for names in (("started",), ("done", "failed"))
        )
        if event.event == "frames" and len(begun - ended) == 2 and cluster.lost:
            node, cluster.lost = cluster.lost, None
            cluster.remove_node(node, allow_graceful=False)

    report = convert_files([folder], tmp_path / "out", on_ray, on_event=losing_a_node)

    assert [row.state for row in report.rows] == ["done", "done", "failed", "done", "done"], [
        row.error for row in report.rows
    ]
    # Whether a clip was begun on it already, or Ray had yet to give it one, is Ray's affair.
    assert cluster.lost is None
    for name in ("a", "b", "c"):
        with VideoReader(tmp_path / "out" / f"{name}_masked.mkv") as reader:
            assert sum(1 for _ in reader) == N_FRAMES
    assert not [path for path in (tmp_path / "out").rglob(".*") if path.name != ".facemask"]
    assert not list((tmp_path / "out" / ".facemask").glob("probe-*"))
    of_long = report.rows[-1].report
    assert of_long is not None
    assert any("painted in 3 ranges at once" in note for note in of_long["notes"])
    convert(long, tmp_path / "alone.mkv", on_ray.for_file())
    assert pictures(tmp_path / "out" / "long_masked.mkv") == pictures(tmp_path / "alone.mkv")


def test_an_address_takes_the_engine_that_has_addresses() -> None:
    with pytest.raises(ConfigError, match="add --engine ray"):
        BatchClusterConfig(address="10.0.0.1:6379")
