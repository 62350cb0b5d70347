"""Estimates what a study takes on this machine, from a few measured steps."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import keras

from simclr_utils.data.splits import label_subset
from simclr_utils.evaluation import features, probes, supervised
from simclr_utils.evaluation.tuning import default_settings
from simclr_utils.methods import METHODS
from simclr_utils.training import networks
from simclr_utils.training.pretraining import plan_epochs, pretrain

if TYPE_CHECKING:
    from simclr_utils.config import Config
    from simclr_utils.data.dataset import Dataset
    from simclr_utils.study.study import Study

NUM_TIMED = 6  # steps; the two before them build the graph and warm up
NUM_WARM_UP = 2
GIB = 2**30


@dataclass(frozen=True)
class Rates:
    """The seconds that the parts of a study take.

    The defaults are relative to one image in a training step, not seconds. They are enough to
    show how much of a study is done.

    Attributes:
        view: Float, the time for a view in a pretraining step.
        image: Float, the time for an image in a training step with labels.
        forward: Float, the time for an image in inference.
        training: Float, the time that each training run takes in addition to its steps.
        graph: Float, the time to build the graph of a new model.
        probe: Float, the time to fit a linear probe and to choose its penalty.
    """

    view: float = 1.0
    image: float = 1.0
    forward: float = 1 / 3
    training: float = 0.0
    graph: float = 0.0
    probe: float = 0.0


class StepClock(keras.callbacks.Callback):
    """Notes in `ends` when each training step ends."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.monotonic())

    def seconds_per_step(self):
        """Returns the mean of the timed steps."""
        timed = self.ends[NUM_WARM_UP - 1 :]
        return (timed[-1] - timed[0]) / (len(timed) - 1)


def measure_rates(dataset: "Dataset", config: "Config", build_model: Callable) -> Rates:
    """Measures the rates of a study, from a few training steps whose result is discarded.

    No test image is used.

    Args:
        dataset: A `Dataset`.
        config: A `Config`.
        build_model: Function, as `SupervisedBaseline` takes it.

    Returns:
        `Rates` in seconds. They hold as long as the machine is about as busy as now.
    """
    num_steps = NUM_WARM_UP + NUM_TIMED
    batch_size = plan_epochs(len(dataset.unlabeled), config)[0]
    clock, started = StepClock(), time.monotonic()
    short = replace(config, pretraining_steps=num_steps)
    encoder = pretrain(dataset, short, callbacks=[clock]).encoder
    graph = clock.ends[0] - started
    view = clock.seconds_per_step() / (2 * batch_size)
    if not dataset.is_labeled:
        return replace(Rates(), view=view, graph=graph)

    trainer = supervised.SupervisedBaseline(build_model)
    settings = default_settings(trainer.axes)
    labeled = min(supervised.BATCH_SIZE, len(dataset.train[1]))
    train = tuple(part[:labeled] for part in dataset.train)
    for _ in range(2):  # the first one builds the graph
        clock, started = StepClock(), time.monotonic()
        trainer.callbacks = [clock]
        trainer.train(train, None, num_steps, settings)
        training = clock.ends[0] - started
    image = clock.seconds_per_step() / labeled

    images, labels = dataset.labeled
    rows = label_subset(labels, max(dataset.num_classes, min(1000, len(labels))), seed=0)
    features.extract_features(encoder, images[rows])
    started = time.monotonic()
    known = features.extract_features(encoder, images[rows])
    forward = (time.monotonic() - started) / len(rows)
    started = time.monotonic()
    probes.fit_linear_probe(known, labels[rows])
    return Rates(view, image, forward, training, graph, time.monotonic() - started)


def linux_memory_gib(name):
    """Returns an entry of `/proc/self/status` in GiB, or `None` if there is none."""
    try:
        with open("/proc/self/status") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines[name].split()[0]) * 1024 / GIB
    except (OSError, KeyError):
        return None


def peak_memory_gib() -> float | None:
    """Returns the largest memory that this process has used so far, in GiB.

    Returns:
        A float, without the memory of a GPU. `None` on Windows.
    """
    # Not `resource` on Linux, where a process inherits the peak of the process that started it.
    peak = linux_memory_gib("VmHWM")
    if peak is not None:
        return peak
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB


def disk_bytes(study):
    """Returns the bytes that a study writes at most, without the cache of decoded images.

    These are checkpoints, encoders and predictions.

    Args:
        study: A `Study`.

    Returns:
        An integer.
    """
    encoder = study.build_encoder()
    head = networks.build_projection_head(encoder.output_shape[-1], *study.config.projection_dims)
    weights = 4 * (encoder.count_params() + head.count_params())
    # Two checkpoints are kept while a third is written. AdamW adds two numbers for each weight.
    checkpoints = 3 * 3 * weights
    runs = sum(len(study.seeds) if method.pretrained else 1 for method in METHODS.values())
    rows = runs * sum(len(study.comparison.subsets(n, trained=True)) for n in study.counts)
    # A float16 for each class, and the predicted class in two bytes.
    image = 2 * (study.dataset.num_classes + 1)
    predictions = image * rows * len(study.comparison.protocol.test_images)
    return checkpoints + len(study.seeds) * weights + predictions


def costs(study: "Study") -> dict:
    """Returns the minutes, memory and disk space that the rest of a study takes.

    Args:
        study: A `Study` whose `rates` were measured in this process.

    Returns:
        A dict of floats: `minutes`, `memory_gib` (`None` on Windows) and `disk_mb`.
    """
    return {
        "minutes": sum(task.cost for task in study.tasks()) / 60,
        "memory_gib": peak_memory_gib(),
        "disk_mb": disk_bytes(study) / 1e6,
    }


def estimate_costs(study: "Study") -> str:
    """Returns the `costs` of a study as a sentence.

    Args:
        study: A `Study` whose `rates` were measured in this process.

    Returns:
        A string.
    """
    minutes, memory, disk = costs(study).values()
    needs = [f"about {minutes:.{int(minutes < 10)}f} minutes on this machine"]
    if memory is not None:
        needs.append(f"{memory:.1f} GiB of memory")
    needs.append(f"{max(1, round(disk)):,} MB of disk")
    return f"{len(study.tasks())} tasks are left: {', '.join(needs)}"
