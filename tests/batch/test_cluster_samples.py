"""The cluster descriptions that ship are what Ray accepts, and their commands can be parsed."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from facemask_video.cli.main import main

CLUSTER = Path(__file__).parents[2] / "samples" / "cluster"


def read(name: str) -> Any:
    yaml = pytest.importorskip("yaml", reason="the extra cluster is not installed")
    return yaml.safe_load((CLUSTER / name).read_text("utf-8"))


def parse(command: str) -> dict[str, Any]:
    words = shlex.split(command)
    assert words[:2] == ["facemask-video", "batch"]
    with click.Context(main, info_name="facemask-video") as group:
        return main.commands["batch"].make_context("batch", words[2:], parent=group).params


def test_the_cluster_file_meets_rays_own_schema() -> None:
    ray = pytest.importorskip("ray", reason="the extra cluster is not installed")
    jsonschema = pytest.importorskip("jsonschema")
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"

    jsonschema.validate(read("ray-cluster.yaml"), json.loads(schema.read_text("utf-8")))


def test_the_command_of_the_cluster_file_is_one_of_ours() -> None:
    text = (CLUSTER / "ray-cluster.yaml").read_text("utf-8")

    params = parse(re.findall(r"ray exec \S+ '(.*)'", text)[0])

    assert params["engine"] == "ray"


def test_the_job_starts_a_batch_whose_workers_fit_its_machines() -> None:
    job = read("rayjob.yaml")
    params = parse(job["spec"]["entrypoint"])
    [group] = job["spec"]["rayClusterSpec"]["workerGroupSpecs"]
    [container] = group["template"]["spec"]["containers"]
    mounted = {each["mountPath"] for each in container["volumeMounts"]}

    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert (params["engine"], params["address"]) == ("ray", "auto")
    assert {str(params["folder"]), *map(str, params["inputs"])} <= mounted
    each = int(container["resources"]["limits"]["cpu"]) // params["num_cpus"]
    assert each * group["replicas"] == params["jobs"]
    volumes = {each["name"] for each in group["template"]["spec"]["volumes"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes
