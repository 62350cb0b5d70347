"""Estimates what a study takes on this machine, from a few measured steps."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import keras

from simclr_utils.data.splits import label_subset
from simclr_utils.evaluation import features, probes, supervised
from simclr_utils.evaluation.kmeans_patches import NUM_CENTROIDS, fit_kmeans_patches
from simclr_utils.evaluation.tuning import default_settings
from simclr_utils.methods import METHODS
from simclr_utils.training import networks
from simclr_utils.training.continued import continue_pretraining, continued_config
from simclr_utils.training.pretraining import plan_epochs, pretrain

if TYPE_CHECKING:
    from simclr_utils.config import Config
    from simclr_utils.data.dataset import Dataset
    from simclr_utils.study.study import Study

NUM_TIMED = 6  # steps; the two before them build the graph and warm up
NUM_WARM_UP = 2
GIB = 2**30
# Starts of methods that train the given encoder further.
TRAINED_FURTHER = ("encoder_to_train", "continued_encoder")


@dataclass(frozen=True)
class Rates:
    """The seconds that the parts of a study take.

    The defaults are relative to one image in a training step, not seconds. They are enough to
    show how much of a study is done.

    Attributes:
        view: Float, the time for a view in a pretraining step, at the size of the images.
        image: Float, the time for an image in a training step with labels.
        forward: Float, the time for an image in inference.
        training: Float, the time that each training run takes in addition to its steps.
        graph: Float, the time to build the graph of a new model.
        probe: Float, the time to fit a linear probe and to choose its penalty.
        patches: Float, the time for the k-means features of an image.
        given_image: Float, the time for an image in a training step of the given encoder.
        given_forward: Float, the time for an image in the given encoder, in inference.
    """

    view: float = 1.0
    image: float = 1.0
    forward: float = 1 / 3
    training: float = 0.0
    graph: float = 0.0
    probe: float = 0.0
    patches: float = 1.0
    given_image: float = 10.0
    given_forward: float = 3.0

    def features(self, start: str) -> float:
        """Returns the time for the features of an image from a start of methods."""
        own = {
            "kmeans_patches": self.patches,
            "encoder_file": self.given_forward,
            "continued_encoder": self.given_forward,
        }
        return own.get(start, self.forward)


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
    batch_size = plan_epochs(len(dataset.unlabeled), config)[0]
    clock, started = StepClock(), time.monotonic()
    # Views of the size of the images: `views_per_image` counts those of other sizes.
    short = replace(config, pretraining_steps=NUM_WARM_UP + NUM_TIMED)
    short = replace(short, view_sizes=None, small_views=None)
    encoder = pretrain(dataset, short, callbacks=[clock]).encoder
    graph = clock.ends[0] - started
    rates = Rates(view=clock.seconds_per_step() / (2 * batch_size), graph=graph)
    if not dataset.is_labeled:
        return rates
    image, training = time_training(dataset, build_model)
    some = dataset.train[0][:2048]
    forward = time_features(lambda images: features.extract_features(encoder, images), some)
    few_patches = fit_kmeans_patches(some[:256])
    patches = time_features(few_patches, some)
    rates = replace(rates, image=image, forward=forward, training=training, patches=patches)
    return replace(rates, probe=time_probe(dataset, encoder))


def time_training(dataset, build_model):
    """Returns the seconds for an image in a training step, and for the rest of a run."""
    trainer = supervised.SupervisedBaseline(build_model)
    settings = default_settings(trainer.axes)
    labeled = min(supervised.BATCH_SIZE, len(dataset.train[1]))
    train = tuple(part[:labeled] for part in dataset.train)
    for _ in range(2):  # the first one builds the graph
        clock, started = StepClock(), time.monotonic()
        trainer.callbacks = [clock]
        trainer.train(train, None, NUM_WARM_UP + NUM_TIMED, settings)
        training = clock.ends[0] - started
    return clock.seconds_per_step() / labeled, training


def time_probe(dataset, encoder):
    """Returns the seconds to fit a linear probe on up to 1,000 labels, penalty included."""
    images, labels = dataset.labeled
    rows = label_subset(labels, max(dataset.num_classes, min(1000, len(labels))), seed=0)
    known = features.extract_features(encoder, images[rows])
    started = time.monotonic()
    probes.fit_linear_probe(known, labels[rows])
    return time.monotonic() - started


def time_features(compute, images):
    """Returns the seconds that a function of images takes for an image, after a first call."""
    compute(images[: len(images) // 4])
    started = time.monotonic()
    compute(images)
    return (time.monotonic() - started) / len(images)


def measure_given(study: "Study") -> Rates:
    """Measures the given encoder too; without one, returns the rates of a study as they are.

    Args:
        study: A `Study`, whose `rates` were measured.

    Returns:
        `Rates` in seconds.

    Raises:
        EncoderFileError: If the encoder cannot be opened.
    """
    if study.given is None or not study.tasks():
        return study.rates
    some = study.dataset.unlabeled[:256]
    forward = time_features(
        lambda images: features.extract_features(study.given_encoder, images, 64), some
    )
    rates = replace(study.rates, given_forward=forward)
    if not any(METHODS[name].start in TRAINED_FURTHER for name in study.methods):
        return rates
    clock, short = StepClock(), replace(study.config, pretraining_steps=5 * NUM_TIMED)
    continue_pretraining(study.trainable_encoder, study.dataset, short, callbacks=[clock])
    batch_size = plan_epochs(len(study.dataset.unlabeled), continued_config(short))[0]
    return replace(rates, given_image=clock.seconds_per_step() / (2 * batch_size))


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

    These are checkpoints, encoders, kept features and predictions.

    Args:
        study: A `Study`.

    Returns:
        An integer.
    """
    encoder = study.build_encoder()
    head = networks.head_of_sizes(encoder.output_shape[-1], study.config.projection_dims)
    weights = 4 * (encoder.count_params() + head.count_params())
    # Two checkpoints are kept while a third is written. AdamW adds two numbers for each weight.
    checkpoints = 3 * 3 * weights
    methods = [METHODS[name] for name in study.methods]
    runs = sum(len(study.seeds) if method.pretrained else 1 for method in methods)
    rows = runs * sum(len(study.comparison.subsets(n, trained=True)) for n in study.counts)
    # A float16 for each class, and the predicted class in two bytes.
    image = 2 * (study.dataset.num_classes + 1)
    predictions = image * rows * len(study.comparison.protocol.test_images)
    return checkpoints + len(study.seeds) * weights + predictions + kept_bytes(study, methods)


def kept_bytes(study, methods):
    """Returns the bytes of the features that a study keeps, and of the given encoder's copies."""
    starts, images = (
        {method.start for method in methods},
        sum(len(part) for part in study.images().values()),
    )
    size = 0
    if starts & {"kmeans_patches", "pretrained_and_kmeans"}:
        size += 4 * 4 * NUM_CENTROIDS * images
    if study.given is None:
        return size
    features = study.given_encoder.output_shape[-1]
    kept = {method.readout for method in methods if method.start == "encoder_file"}
    # A pyramid has the last map in four quarters, and an earlier map with at most as many channels.
    size += sum(4 * features * images * (5 if each == "pyramid" else 1) for each in kept)
    size += 2 * features * len(study.dataset.unlabeled) if "distilled_encoder" in starts else 0
    if "continued_encoder" in starts:  # and three checkpoints with two numbers for each weight
        size += 4 * study.given_encoder.count_params() * (len(study.seeds) + 3 * 3)
    return size


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
