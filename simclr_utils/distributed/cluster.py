"""The cluster of a run: which workers there are, and which of them this process is."""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simclr_utils.session import set_environment

if TYPE_CHECKING:
    import tensorflow as tf

VARIABLE = "TF_CONFIG"
EXAMPLE = (
    '{"cluster": {"worker": ["host-a:2222", "host-b:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


class ClusterError(ValueError):
    """The description of a cluster is wrong; the message says what was expected."""


@dataclass(frozen=True)
class Cluster:
    """The workers of a run, and the place of this process among them.

    Worker 0 is the chief: it reads and writes the checkpoints, and it writes the results.

    Attributes:
        workers: Tuple of strings `host:port`, the addresses of all workers.
        index: Integer, the number of this worker, from 0 on.
    """

    workers: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process is worker 0."""
        return self.index == 0

    def as_variable(self) -> str:
        """Returns the value of `TF_CONFIG` for this worker, a string in JSON."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": list(self.workers)}, "task": task})


def read_cluster() -> Cluster:
    """Reads the cluster from the environment variable `TF_CONFIG`.

    Returns:
        A `Cluster`. Without the variable, one of a single worker.

    Raises:
        ClusterError: If the variable does not describe a cluster of workers.

    Example:

    >>> read_cluster().is_chief
    True
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return Cluster(("localhost:0",), 0)
    try:
        described = json.loads(text)
        workers, task = described["cluster"]["worker"], described["task"]
        kind, index = task["type"], int(task["index"])
        kinds = set(described["cluster"])
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(_wrong(text, f"{type(error).__name__}: {error}")) from error
    if kinds != {"worker"} or kind != "worker":
        raise ClusterError(_wrong(text, "all tasks have to be of the type worker"))
    if not isinstance(workers, list) or not 0 <= index < len(workers):
        raise ClusterError(_wrong(text, f"there is no worker {index}"))
    if len(set(workers)) < len(workers):
        raise ClusterError(_wrong(text, "two workers have the same address"))
    return Cluster(tuple(workers), index)


def _wrong(text, reason):
    return (
        f"The environment variable {VARIABLE} does not describe a cluster ({reason}). Received: "
        f"{text!r}. Expected the addresses of all workers and the number of this one, such as "
        f"{EXAMPLE}"
    )


def open_strategy() -> "tf.distribute.Strategy":
    """Connects to the other workers of the cluster in `TF_CONFIG`, and waits until all are there.

    TensorFlow allows this only before its first operation, so call it before `session.start`.

    Returns:
        A `tf.distribute.MultiWorkerMirroredStrategy`. Each GPU of each worker is a replica; a
        worker without GPUs is one replica.

    Raises:
        ClusterError: If `TF_CONFIG` does not describe a cluster of workers.
    """
    set_environment()
    read_cluster()
    import tensorflow as tf

    return tf.distribute.MultiWorkerMirroredStrategy()
