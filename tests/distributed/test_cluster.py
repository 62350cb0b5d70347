"""The cluster in TF_CONFIG, and the parts of a batch that its workers read."""

import json
import sys

import numpy as np
import pytest

from simclr_utils.distributed.cluster import VARIABLE, Cluster, ClusterError, read_cluster
from simclr_utils.distributed.processes import local_cluster, run_processes
from simclr_utils.distributed.ray_train import run_on_ray
from simclr_utils.training.batches import image_batches


def described(workers=("a:1", "b:1"), kind="worker", index=1, job="worker"):
    return json.dumps(
        {"cluster": {job: list(workers)}, "task": {"type": kind, "index": index}},
    )


def test_a_cluster_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, described())
    assert read_cluster() == Cluster(("a:1", "b:1"), 1)
    assert not read_cluster().is_chief
    monkeypatch.setenv(VARIABLE, Cluster(("c:1",), 0).as_variable())
    assert read_cluster() == Cluster(("c:1",), 0)
    monkeypatch.delenv(VARIABLE)
    assert read_cluster().is_chief and len(read_cluster().workers) == 1


@pytest.mark.parametrize(
    "text, words",
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"cluster": {}}', "KeyError: 'worker'"),
        (described(index=2), "there is no worker 2"),
        (described(index="first"), "ValueError"),
        (described(("a:1", "a:1")), "two workers have the same address"),
        (described(kind="ps"), "have to be of the type worker"),
        (described(job="chief"), "KeyError: 'worker'"),
    ],
)
def test_a_wrong_cluster_is_refused_with_an_example(monkeypatch, text, words):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ClusterError, match=words) as error:
        read_cluster()
    assert text in str(error.value) and "host-a:2222" in str(error.value)


def test_local_workers_have_ports_of_their_own():
    clusters = local_cluster(3)
    assert [cluster.index for cluster in clusters] == [0, 1, 2]
    assert len({cluster.workers for cluster in clusters}) == 1
    assert len(set(clusters[0].workers)) == 3


def test_processes_know_their_place_and_a_failure_is_told(tmp_path):
    code = "import json, os, sys; index = json.loads(os.environ['TF_CONFIG'])['task']['index']; "
    code += f"open(f'{tmp_path}/{{index}}', 'w'); "
    assert run_processes([sys.executable, "-c", code], 2) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
    assert run_processes([sys.executable, "-c", code + "sys.exit(7 * index)"], 2) == 7


def test_the_parts_of_workers_are_the_batches_of_one_process():
    images = np.arange(20, dtype="uint8").reshape(20, 1, 1, 1)

    def batches(**options):
        return np.stack(list(image_batches(images, 6, 3, **options).take(7).as_numpy_iterator()))

    whole = batches(first_step=2)
    parts = [batches(first_step=2, part=(index, 3)) for index in range(3)]
    assert parts[0].shape == (7, 2, 1, 1, 1)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    with pytest.raises(ValueError, match="6 images does not divide into 4 equal parts"):
        image_batches(images, 6, part=(0, 4))


def test_ray_is_asked_for_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"Ray is not installed: `pip install \"ray\[train\]\"`"):
        run_on_ray(print, {}, 2, tmp_path)
