"""A batch on a Ray cluster of several nodes, on this machine."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facemask_video.batch.batch import convert_files
from facemask_video.batch.run import BatchEvent
from facemask_video.config import BatchClusterConfig, BatchConfig, BatchRunConfig
from facemask_video.core.direction import Direction
from facemask_video.core.errors import ConfigError
from facemask_video.translate.networks import GeneratorSpec, build_generator
from facemask_video.translate.weights import WeightsCard, save_generator
from facemask_video.video import VideoReader
from tests.synthetic import encode_clip, moving_square_frames

N_FRAMES = 1000
# Long enough that both nodes are at work when one is lost.

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a cluster of a head that does no work and two nodes of one processor."""
    pytest.importorskip("ray", reason="the extra cluster is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # A busy machine takes its time; and no process is begun that nobody asked for.
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "120")
    monkeypatch.setenv("RAY_prestart_worker_first_driver", "0")
    small: dict[str, Any] = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    try:
        made.lost = [made.add_node(num_cpus=1, **small), made.add_node(num_cpus=1, **small)][1]
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
    on_ray = dataclasses.replace(
        config,
        translate=dataclasses.replace(config.translate, device="cpu"),
        run=BatchRunConfig(retries=2),
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

    assert [row.state for row in report.rows] == ["done", "done", "failed", "done"], [
        row.error for row in report.rows
    ]
    # Whether a clip was begun on it already, or Ray had yet to give it one, is Ray's affair.
    assert cluster.lost is None
    for name in ("a", "b", "c"):
        with VideoReader(tmp_path / "out" / f"{name}_masked.mkv") as reader:
            assert sum(1 for _ in reader) == N_FRAMES
    assert not [path for path in (tmp_path / "out").rglob(".*") if path.name != ".facemask"]
    assert not list((tmp_path / "out" / ".facemask").glob("probe-*"))


def test_an_address_takes_the_engine_that_has_addresses() -> None:
    with pytest.raises(ConfigError, match="add --engine ray"):
        BatchClusterConfig(address="10.0.0.1:6379")
