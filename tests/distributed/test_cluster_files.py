"""The files of the cluster guide, as far as they can be checked without a cluster."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from simclr_utils.__main__ import build_parser

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILES = DOCS / "cluster"
# The keys of Ray's own schema (`ray/autoscaler/ray-schema.json`), and `min_workers`, which its
# provider `local` reads before.
RAY_KEYS = {"cluster_name", "provider", "auth", "min_workers", "max_workers", "upscaling_speed"}
RAY_KEYS |= {"idle_timeout_minutes", "setup_commands", "head_start_ray_commands", "file_mounts"}
RAY_KEYS |= {"worker_start_ray_commands"}
# The keys of KubeRay's API that the manifest uses, by the type that has them.
JOB_KEYS = {"entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "rayClusterSpec"}
GROUP_KEYS = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}


def parsed(name):
    return yaml.safe_load((FILES / name).read_text(encoding="utf-8"))


def test_the_ray_cluster_has_the_keys_of_its_schema():
    cluster = parsed("ray_cluster.yaml")
    assert set(cluster) == RAY_KEYS
    provider = cluster["provider"]
    assert provider["type"] == "local" and set(provider) == {"type", "head_ip", "worker_ips"}
    assert cluster["min_workers"] == cluster["max_workers"] == len(provider["worker_ips"])
    assert any("--head" in line for line in cluster["head_start_ray_commands"])
    assert any("$RAY_HEAD_IP" in line for line in cluster["worker_start_ray_commands"])


def test_the_manifest_has_the_keys_of_kuberay():
    job = parsed("kuberay.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert set(job) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(job["spec"]) == JOB_KEYS
    cluster = job["spec"]["rayClusterSpec"]
    assert set(cluster) == {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
    (workers,) = cluster["workerGroupSpecs"]
    assert set(workers) == GROUP_KEYS and set(cluster["headGroupSpec"]) <= GROUP_KEYS
    assert f"--ray {workers['replicas']} " in job["spec"]["entrypoint"]
    for group in (cluster["headGroupSpec"], workers):
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert mounts == {volume["name"] for volume in pod["volumes"]}
        assert container["resources"]["limits"] == container["resources"]["requests"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_slurm_script_gives_each_worker_its_place(tmp_path):
    """Stand-ins take the place of Slurm's commands, and of Python, which prints what it gets."""
    stand_ins = {
        "scontrol": 'test "$*" = "show hostnames a[1-2]" && printf "a1\\na2\\n"',
        "srun": 'shift; for SLURM_PROCID in 0 1; do export SLURM_PROCID; "$@" || exit; done',
        "python": 'echo "$TF_CONFIG"; echo "$*"; exit "$CODE"',
        "sleep": "exit 0",
    }
    for name, line in stand_ins.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{line}\n")
        (tmp_path / name).chmod(0o755)

    def run(code):
        slurm = {"SLURM_JOB_ID": "12", "SLURM_JOB_NODELIST": "a[1-2]", "CODE": str(code)}
        environment = {**os.environ, **slurm, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        command = ["bash", str(FILES / "pretrain.sbatch")]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    done = run(0)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    described = [json.loads(line) for line in lines[::2]]
    assert [each["task"] for each in described] == [
        {"type": "worker", "index": index} for index in range(2)
    ]
    assert described[0]["cluster"] == {"worker": ["a1:20012", "a2:20012"]}
    assert lines[1].startswith("-m simclr_utils pretrain ")
    assert run(2).returncode == 2  # refused: once is enough
    lost = run(75)
    assert lost.returncode == 75 and lost.stderr.count("start again") == 20


def commands():
    """Yields the arguments of each command of the guide and its files."""
    names = ("cluster.md", "cluster/kuberay.yaml", "cluster/pretrain.sbatch")
    for name in names:
        text = (DOCS / name).read_text(encoding="utf-8")
        text = re.sub(r"\n +--", " --", text)  # a command on two lines
        for found in re.findall(r"-m simclr_utils ((?:pretrain|study) --[^`\n\")]+)", text):
            yield shlex.split(found)


def test_every_command_is_understood():
    found = list(commands())
    assert len(found) == 6
    for arguments in found:
        assert build_parser().parse_args(arguments).command == arguments[0]
