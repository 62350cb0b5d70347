"""What a study will take on this machine, from a few measured steps: minutes, memory, disk."""

import sys
import time
from dataclasses import dataclass, replace

import keras

from simclr_utils.evaluation import features, supervised
from simclr_utils.training import networks
from simclr_utils.training.pretraining import plan_epochs, pretrain

NUM_TIMED = 6  # steps; the two before them build the graph and warm up
NUM_WARM_UP = 2
GIB = 2**30


@dataclass(frozen=True)
class Rates:
    """Seconds that the parts of a study take.

    The defaults are no seconds but proportions, in passes of one image through a training step:
    enough to say how much of a study is done.

    Attributes:
        view: float, a view in a step of pretraining.
        image: float, an image in a training step with labels.
        forward: float, an image in inference.
        training: float, what each training takes beside its steps.
        graph: float, building the graph of a new model.
    """

    view: float = 1.0
    image: float = 1.0
    forward: float = 1 / 3
    training: float = 0.0
    graph: float = 0.0


class StepClock(keras.callbacks.Callback):
    """Notes when each training step ends, in `ends`."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.monotonic())

    def seconds_per_step(self):
        """Mean of the timed steps."""
        timed = self.ends[NUM_WARM_UP - 1 :]
        return (timed[-1] - timed[0]) / (len(timed) - 1)


def measure_rates(dataset, config, build_model):
    """Trains for a few steps of each kind and throws the result away; no test image is touched.

    Args:
        dataset: a `Dataset`.
        config: a `Config`.
        build_model: as `SupervisedBaseline` takes it.

    Returns:
        `Rates` in seconds. They hold for the next hours of a machine that does the same beside.
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
    settings = {name: axis[0] for name, axis in trainer.axes.items()}
    labeled = min(supervised.BATCH_SIZE, len(dataset.train[1]))
    train = tuple(part[:labeled] for part in dataset.train)
    for _ in range(2):  # the first one builds the graph
        clock, started = StepClock(), time.monotonic()
        trainer.callbacks = [clock]
        trainer.train(train, None, num_steps, settings)
        training = clock.ends[0] - started
    image = clock.seconds_per_step() / labeled

    some = dataset.train[0][:2048]
    features.extract_features(encoder, some[:512])
    started = time.monotonic()
    features.extract_features(encoder, some)
    forward = (time.monotonic() - started) / len(some)
    return Rates(view, image, forward, training, graph)


def linux_memory_gib(name):
    """What `/proc/self/status` says under a name, in GiB; `None` where it says nothing."""
    try:
        with open("/proc/self/status") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines[name].split()[0]) * 1024 / GIB
    except (OSError, KeyError):
        return None


def peak_memory_gib():
    """The largest memory that this process has held so far, in GiB; `None` on Windows.

    Memory of a GPU is not among it.
    """
    # What `resource` says on Linux, a process inherits from the one that started it.
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
    """What a study writes at most beside the cache of decoded images, an int.

    That is checkpoints, encoders and predictions: two bytes a test image, compressed.

    Args:
        study: a `Study`.
    """
    encoder = study.build_encoder()
    head = networks.build_projection_head(encoder.output_shape[-1], *study.config.projection_dims)
    weights = 4 * (encoder.count_params() + head.count_params())
    # Two checkpoints are kept while a third is written; AdamW has two numbers beside each weight.
    checkpoints = 3 * 3 * weights
    rows_of_a_count = study.config.num_subsets * (4 + 3 * len(study.seeds))
    rows = len(study.counts) * rows_of_a_count
    predictions = 2 * rows * len(study.comparison.protocol.test_images)
    return checkpoints + len(study.seeds) * weights + predictions


def costs(study):
    """What a study has still to take; its `rates` were measured in this process.

    Args:
        study: a `Study`.

    Returns:
        A dict of floats: `minutes`, `memory_gib` (`None` on Windows) and `disk_mb`.
    """
    return {
        "minutes": sum(task.cost for task in study.tasks()) / 60,
        "memory_gib": peak_memory_gib(),
        "disk_mb": disk_bytes(study) / 1e6,
    }


def estimate_costs(study):
    """The `costs` of a study as a sentence."""
    minutes, memory, disk = costs(study).values()
    needs = [f"about {minutes:.{int(minutes < 10)}f} minutes on this machine"]
    if memory is not None:
        needs.append(f"{memory:.1f} GiB of memory")
    needs.append(f"{max(1, round(disk)):,} MB of disk")
    return f"{len(study.tasks())} tasks are left: {', '.join(needs)}"
