"""Tries out pretraining on several workers of this machine, and writes what it saw as a row.

    python tools/distributed_trial.py equal --workers 2     against one process
    python tools/distributed_trial.py kill --workers 2      a worker is killed, all start again
    python tools/distributed_trial.py ray-kills             five workers killed under Ray
    python tools/distributed_trial.py ray-head              the head of Ray killed
    python tools/distributed_trial.py network               two network namespaces, 10 ms each way

The rows go to results/distributed.csv. `network` needs root and the programs ip and tc. The trials
of Ray need the extra `ray`.
"""

import argparse
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from distributed_worker import make_run, save_weights

from simclr_utils.distributed.cluster import VARIABLE, Cluster
from simclr_utils.distributed.processes import local_cluster
from simclr_utils.session import start
from simclr_utils.system.provenance import hardware_string, versions_string

TABLE = Path(__file__).resolve().parent.parent / "results" / "distributed.csv"
COLUMNS = ("trial", "workers", "epochs", "quantity", "value", "date", "hardware", "versions")
WORKER = Path(__file__).with_name("distributed_worker.py")
EPOCHS = 60
FEW_EPOCHS = 2  # against one process: roundings differ, and grow with every step
PATIENCE = 1800  # seconds for an epoch to come
NUM_KILLS = 5


def write_rows(trial, workers, found):
    """Appends a row for each quantity of a dict, and prints it."""
    is_new = not TABLE.exists()
    with open(TABLE, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(COLUMNS)
        made = (f"{datetime.now(timezone.utc):%Y-%m-%d}", hardware_string(), versions_string())
        for quantity, value in found.items():
            epochs = FEW_EPOCHS if trial == "equal" else EPOCHS
            writer.writerow((trial, workers, epochs, quantity, value, *made))
            print(f"{trial}, {workers} workers: {quantity} = {value}", flush=True)


def start_worker(folder, cluster, before=(), epochs=EPOCHS):
    """Starts one worker of a cluster, behind other words of a command if there are any."""
    command = [*before, sys.executable, str(WORKER), str(folder), str(epochs)]
    environment = {**os.environ, VARIABLE: cluster.as_variable(), "TF_NUM_INTRAOP_THREADS": "1"}
    return subprocess.Popen(command, env=environment)


def start_ray(folder, workers):
    """Starts the process that asks Ray for workers."""
    command = [sys.executable, str(WORKER), str(folder), str(EPOCHS), str(workers)]
    return subprocess.Popen(command, env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1"})


def finish(processes):
    """Waits for processes, and returns their exit codes."""
    return [process.wait() for process in processes]


def run_workers(folder, count, epochs=EPOCHS):
    """Runs a group of workers to the end, and returns the exit codes."""
    workers = [start_worker(folder, each, epochs=epochs) for each in local_cluster(count)]
    return finish(workers)


def epochs_noted(folder, worker=0):
    """Returns the lines that a worker has written, one for each epoch that it has made."""
    path = folder / f"epochs-{worker}.txt"
    return path.read_text().splitlines() if path.exists() else []


def wait_for_epochs(folder, number, worker=0):
    """Waits until a worker has written that many lines more than now."""
    wanted, end = len(epochs_noted(folder, worker)) + number, time.monotonic() + PATIENCE
    while len(epochs_noted(folder, worker)) < wanted:
        if time.monotonic() > end:
            raise RuntimeError(f"Worker {worker} in {folder} made no epoch in {PATIENCE} seconds.")
        time.sleep(0.05)


def weights(folder, worker=0):
    """Returns the final weights of a worker, a list of arrays."""
    with np.load(folder / f"weights-{worker}.npz") as stored:
        return [stored[name] for name in stored.files]


def difference(some, others):
    """Returns the largest difference of two lists of arrays, relative to the largest value."""
    largest = max(float(np.abs(a).max()) for a in others)
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True)) / largest


def compare_workers(folder, expected, count):
    """Returns whether the workers agree to the bit, and how far they are from expected weights."""
    mine = [weights(folder, worker) for worker in range(count)]
    return {
        "difference between workers": max(difference(each, mine[0]) for each in mine),
        "difference from the other run": difference(mine[0], expected),
    }


def unbroken(folder, count, epochs=EPOCHS):
    """Runs a group of workers that nobody kills, and returns its final weights."""
    if any(run_workers(folder, count, epochs)):
        raise RuntimeError(f"The run in {folder} failed.")
    return weights(folder)


def try_equal(folder, count):
    """Compares a group of workers with one process, after few epochs."""
    start(0, "float32")
    from simclr_utils.training.pretraining import pretrain

    save_weights(folder / "single.npz", pretrain(*make_run(FEW_EPOCHS)))
    with np.load(folder / "single.npz") as stored:
        single = [stored[name] for name in stored.files]
    unbroken(folder / "group", count, FEW_EPOCHS)
    return compare_workers(folder / "group", single, count)


def try_kill(folder, count):
    """Kills the last worker in the middle of a run, starts all again, and compares."""
    expected, group = unbroken(folder / "unbroken", count), folder / "group"
    workers = [start_worker(group, cluster) for cluster in local_cluster(count)]
    wait_for_epochs(group, 5)
    workers[-1].kill()
    killed = time.monotonic()
    codes = finish(workers)
    noticed = round(time.monotonic() - killed, 1)
    done = len(epochs_noted(group))
    if any(run_workers(group, count)):
        raise RuntimeError("The workers failed when they were started again.")
    repeated = len(epochs_noted(group)) - EPOCHS
    found = {"seconds until all had stopped": noticed, "exit code of worker 0": codes[0]}
    found |= {"epochs before the kill": done, "epochs made twice": repeated}
    return found | compare_workers(group, expected, count)


def try_ray_kills(folder, count):
    """Kills workers of Ray at random moments, and compares the weights in the end."""
    expected, group = unbroken(folder / "unbroken", count), folder / "group"
    moments, process = random.Random(0), start_ray(group, count)
    for _ in range(NUM_KILLS):
        wait_for_epochs(group, 1 + moments.randrange(EPOCHS // (2 * NUM_KILLS)))
        victim = moments.randrange(count)
        os.kill(int((group / f"pid-{victim}.txt").read_text()), signal.SIGKILL)
        time.sleep(1)  # what it had written before
    found = {"kills": NUM_KILLS, "exit code": process.wait()}
    return found | compare_workers(group, expected, count)


def try_ray_head(folder, count):
    """Kills the head of Ray in the middle of a run, runs the command again, and compares."""
    expected, group = unbroken(folder / "unbroken", count), folder / "group"
    process = start_ray(group, count)
    wait_for_epochs(group, 5)
    os.kill(child_named(process.pid, "gcs_server"), signal.SIGKILL)
    code, done = process.wait(), len(epochs_noted(group))
    again = start_ray(group, count).wait()
    found = {"exit code after the kill": code, "exit code of the same command": again}
    found |= {
        "epochs before the kill": done,
        "epochs made twice": len(epochs_noted(group)) - EPOCHS,
    }
    return found | compare_workers(group, expected, count)


def child_named(parent, name):
    """Returns the number of the child process whose program has a name."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().split(b"\0")[0].decode()
            above = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        if above == parent and Path(command).name == name:
            return int(path.name)
    raise RuntimeError(f"Process {parent} has no child {name}.")


def try_network(folder, count):
    """Runs workers in network namespaces with a delay between them, and measures the steps."""
    expected, group = unbroken(folder / "near", count), folder / "far"
    names = [f"simclr{index}" for index in range(count)]
    try:
        addresses = connect_namespaces(names)
        workers = []
        for index, name in enumerate(names):
            cluster = Cluster(tuple(f"{each}:2222" for each in addresses), index)
            workers.append(start_worker(group, cluster, ("ip", "netns", "exec", name)))
        codes = finish(workers)
    finally:
        subprocess.run(["ip", "link", "del", "simclr-bridge"], stderr=subprocess.DEVNULL)
        for name in names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
    if any(codes):
        raise RuntimeError(f"The workers ended with {codes}.")
    found = {"milliseconds per step, loopback": milliseconds(folder / "near")}
    found["milliseconds per step, 10 ms each way"] = milliseconds(group)
    return found | compare_workers(group, expected, count)


def connect_namespaces(names):
    """Makes network namespaces on one bridge, each with a delay of 10 ms to the others.

    Returns:
        A list of strings, the address of each namespace.
    """

    def do(*words):
        subprocess.run(words, check=True)

    do("ip", "link", "add", "simclr-bridge", "type", "bridge")
    do("ip", "link", "set", "simclr-bridge", "up")
    addresses = []
    for index, name in enumerate(names):
        inside, outside = f"inside{index}", f"outside{index}"
        do("ip", "netns", "add", name)
        do("ip", "link", "add", outside, "type", "veth", "peer", "name", inside)
        do("ip", "link", "set", inside, "netns", name)
        do("ip", "link", "set", outside, "master", "simclr-bridge")
        do("ip", "link", "set", outside, "up")
        addresses.append(f"10.87.0.{index + 1}")
        within = ("ip", "netns", "exec", name)
        do(*within, "ip", "addr", "add", f"{addresses[-1]}/24", "dev", inside)
        do(*within, "ip", "link", "set", inside, "up")
        do(*within, "ip", "link", "set", "lo", "up")
        do(*within, "tc", "qdisc", "add", "dev", inside, "root", "netem", "delay", "10ms")
    return addresses


def milliseconds(folder):
    """Returns the median time of a step, without the first epoch, which traces the model."""
    from distributed_worker import STEPS

    seconds = [float(line.split()[2]) for line in epochs_noted(folder)[1:]]
    return round(1000 * float(np.median(seconds)) / STEPS, 1)


TRIALS = {
    "equal": try_equal,
    "kill": try_kill,
    "ray-kills": try_ray_kills,
    "ray-head": try_ray_head,
    "network": try_network,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trial", choices=TRIALS)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="distributed-"))
    try:
        write_rows(options.trial, options.workers, TRIALS[options.trial](folder, options.workers))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
