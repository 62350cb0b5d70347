"""Several workers on one machine, to try out what several machines will do."""

import os
import socket
import subprocess
import time
from collections.abc import Sequence

from simclr_utils.distributed.cluster import VARIABLE, Cluster
from simclr_utils.system.processor import available_cores

# A worker notices the end of another one within seconds. After this time it is stopped.
SECONDS_TO_NOTICE = 60


def local_cluster(count: int) -> list[Cluster]:
    """Returns a cluster of workers on this machine, on ports that are free.

    Args:
        count: Integer, the number of workers.

    Returns:
        A list of `Cluster`, one for each worker.
    """
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        addresses = tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    finally:
        for each in sockets:
            each.close()
    return [Cluster(addresses, index) for index in range(count)]


def run_processes(command: Sequence[str], count: int) -> int:
    """Runs a command once for each worker of a cluster on this machine, and waits for all of them.

    The processes share the cores of the machine. Nothing is restarted: if one of them fails, the
    others stop too.

    Args:
        command: Strings, the program and its arguments, the same for all workers.
        count: Integer, the number of workers.

    Returns:
        The exit code, an integer: 0 if all workers finished, otherwise that of the first worker
        that failed. The code of a killed process is that of a shell, such as 137.

    Example:

    >>> run_processes([sys.executable, "-m", "simclr_utils", "pretrain", "--out", "runs/mine"], 2)
    0
    """
    threads = str(max(1, available_cores() // count))
    workers = []
    for cluster in local_cluster(count):
        environment = {"TF_NUM_INTRAOP_THREADS": threads, **os.environ}
        environment[VARIABLE] = cluster.as_variable()
        workers.append(subprocess.Popen(command, env=environment))
    try:
        return _wait(workers)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()


def _wait(workers):
    """Waits until all processes have ended, or for some time after one has failed."""
    failed, deadline = 0, None
    while any(worker.poll() is None for worker in workers):
        failed = failed or next((w.returncode for w in workers if w.returncode), 0)
        if failed and deadline is None:
            deadline = time.monotonic() + SECONDS_TO_NOTICE
        if deadline is not None and time.monotonic() > deadline:
            break
        time.sleep(0.1)
    failed = failed or next((w.returncode for w in workers if w.returncode), 0)
    return 128 - failed if failed < 0 else failed
