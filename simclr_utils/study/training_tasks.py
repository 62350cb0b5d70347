"""The tasks of networks that are trained with labels: from scratch, or from an encoder."""

import contextlib
import functools
from typing import TYPE_CHECKING

import keras

from simclr_utils.evaluation import fixmatch, supervised, tuning
from simclr_utils.evaluation.fine_tuning import FineTuning
from simclr_utils.evaluation.untuned import score_untuned
from simclr_utils.methods import BASELINE, METHODS
from simclr_utils.study.identity import planned_steps
from simclr_utils.study.progress import Progress, Task
from simclr_utils.study.starts import FROM_SCRATCH, LIKE_GIVEN, STARTS
from simclr_utils.training.planned_views import views_per_image
from simclr_utils.training.pretraining import plan_epochs
from simclr_utils.views import recipe
from simclr_utils.views.geometry import RandomCutout
from simclr_utils.views.weak import build_weak_augmenter

if TYPE_CHECKING:
    from simclr_utils.study.study import Study

# A network that is trained from scratch gets twice the steps of one that starts from an encoder.
FINE_TUNING_SHARE = 1 / 2


def training_task(study: "Study", method: str, labels: int, seed: int | None = None) -> Task | None:
    """Returns the task of training a method at a number of labels, `None` if it is done.

    Args:
        study: A `Study`.
        method: String, a name in `METHODS`.
        labels: Integer, the number of labels.
        seed: Integer, the pretraining seed, or `None`.

    Returns:
        A `Task`.
    """
    missing = study.missing(method, labels, seed)
    if not missing:
        return None
    num_steps, batch_images = plan_training(study, method, labels)
    tuned, graphs = [], 1
    # Other encoders take over the settings of the first.
    if METHODS[method].fitted == "training" and seed in (None, study.seeds[0]):
        for subset in missing:
            tuned += tuning_lengths(study, method, labels, subset, num_steps)
        axes = study.comparison.axes(trainer_class(method).axes)
        graphs = tuning.num_models(axes, study.config.search)
    elif METHODS[method].fitted == "fixmatch":
        graphs = len(missing)  # a graph for each run
    like_given, rates = METHODS[method].start in LIKE_GIVEN, study.rates
    image = rates.given_image if like_given else rates.image
    forward = rates.given_forward if like_given else rates.forward
    lengths = tuned + [num_steps] * len(missing)
    cost = sum(lengths) * batch_images * image + len(lengths) * rates.training
    cost += len(missing) * len(study.dataset.test[1]) * forward
    if study.dataset.own_validation:
        checked = supervised.NUM_CHECKS * len(study.dataset.validation[1])
        cost += len(tuned) * checked * forward
    # Models are compiled at the first number of labels and reused at the others.
    cost += graphs * rates.graph if labels == study.counts[0] else 0
    name = f"{method} at {labels:,} labels" + ("" if seed is None else f", encoder {seed}")
    run = functools.partial(train_method, study, method, labels, num_steps, seed)
    return Task(name, cost, run)


def tuning_lengths(study, method, labels, subset, num_steps):
    """Returns the update steps of each run that the tuning of a subset still takes.

    Values beyond the edges of the axes come on top of these.

    Args:
        study: A `Study`.
        method: String, a name in `METHODS`.
        labels: Integer, the number of labels.
        subset: Integer, the seed of the subset.
        num_steps: Integer, the update steps at the default length.

    Returns:
        A list of integers.
    """
    protocol = study.comparison.protocol
    tuned = study.comparison.tuning(method, labels, subset) or {"tried": []}
    if "settings" in tuned:
        return []
    known = protocol.train[1][protocol.rows(labels, subset)]
    groups = protocol.subset_groups(labels, subset)
    folds = 1 if protocol.validation is not None else len(tuning.folds_of(known, subset, groups))
    axes = study.comparison.axes(trainer_class(method).axes)
    planned = tuning.plan(axes, num_steps, study.config.search)
    lengths = [steps for _, steps in planned for _ in range(folds)]
    return lengths[len(tuned["tried"]) :]


def plan_training(study: "Study", method: str, labels: int) -> tuple[int, int]:
    """Returns the update steps of a training run, and the images in a step.

    Two methods are measured in image passes: how often an image goes through the network in a
    training step, where a smaller view counts by its pixels. `supervised_long` has as many as
    pretraining and fine-tuning together, and so has `fixmatch`, whose steps have more images.

    Args:
        study: A `Study`.
        method: String, a name in `METHODS`.
        labels: Integer, the number of labels.

    Returns:
        Two integers.
    """
    fitted, factor = METHODS[method].fitted, study.config.supervised_steps_factor
    batch = min(supervised.BATCH_SIZE, labels)
    if METHODS[method].start != FROM_SCRATCH:
        factor *= FINE_TUNING_SHARE
    if fitted == "training":
        return supervised.supervised_steps(labels, factor), batch
    pool_size = len(study.dataset.unlabeled)
    steps = planned_steps(pool_size, study.config)
    views = steps * plan_epochs(pool_size, study.config)[0]
    views *= views_per_image(study.config, study.dataset.image_shape[0])
    passes = views + batch * supervised.supervised_steps(labels, factor * FINE_TUNING_SHARE)
    if fitted == "fixmatch":
        batch += 2 * min(fixmatch.UNLABELED_RATIO * batch, pool_size)
    return max(supervised.NUM_CHECKS, round(passes / batch)), batch


def train_method(
    study: "Study",
    method: str,
    labels: int,
    num_steps: int,
    seed: int | None,
    progress: Progress,
) -> None:
    """Trains and scores a method at a number of labels; tunes it first if its settings are open.

    Args:
        study: A `Study`.
        method: String, a name in `METHODS`.
        labels: Integer, the number of labels.
        num_steps: Integer, the update steps of a run.
        seed: Integer, the pretraining seed, or `None`.
        progress: The `Progress` to show.
    """
    trainer, fitted = find_trainer(study, method, seed), METHODS[method].fitted
    image = study.rates.given_image if METHODS[method].start in LIKE_GIVEN else study.rates.image
    trainer.callbacks = [progress.callback(plan_training(study, method, labels)[1] * image)]
    if fitted == "training":
        study.comparison.score_trained(
            method, trainer, labels, num_steps, seed, progress=lambda text: None
        )
        return
    known = (study.comparison, method, trainer, labels, num_steps)
    if fitted == "long_training":
        score_untuned(*known, lambda subset: baseline_settings(study, labels, subset), BASELINE)
    else:
        score_untuned(*known, lambda subset: {"augmentation_strength": 1.0}, "none")


def baseline_settings(study, labels, subset):
    """Returns the settings that were chosen for the baseline on a label subset."""
    return study.comparison.tuning(BASELINE, labels, subset)["settings"]


def trainer_class(method):
    """Returns the class that trains a method."""
    if METHODS[method].fitted == "fixmatch":
        return fixmatch.FixMatchTrainer
    from_scratch = METHODS[method].start == FROM_SCRATCH
    return supervised.SupervisedBaseline if from_scratch else FineTuning


def find_trainer(study: "Study", method: str, seed: int | None) -> supervised.SupervisedBaseline:
    """Returns the trainer of a method and a seed. Only the last one is kept in memory.

    Args:
        study: A `Study`.
        method: String, a name in `METHODS`.
        seed: Integer, the pretraining seed, or `None`.

    Returns:
        A `SupervisedBaseline`, `FineTuning` or `FixMatchTrainer`.
    """
    start, kind = METHODS[method].start, trainer_class(method)
    options = {"class_weight": study.config.class_weight}
    key = (start, kind, seed)
    if key not in study.trainers:
        if kind is FineTuning:
            encoder = STARTS[start](study, seed)
            like = encoder if start in LIKE_GIVEN else None
            trainer = kind(functools.partial(build_model, study, like=like), encoder, **options)
        elif kind is fixmatch.FixMatchTrainer:
            views = functools.partial(build_both_views, study)
            trainer = kind(study.build_model, views, study.dataset.unlabeled, **options)
        else:
            trainer = kind(study.build_model, **options)
        study.trainers = {key: trainer}
    return study.trainers[key]


def build_model(
    study: "Study", augmentation_strength: float, like: keras.Model | None = None
) -> supervised.AugmentedClassifier:
    """Returns a new classifier, as `SupervisedBaseline` takes it.

    Args:
        study: A `Study`.
        augmentation_strength: Float, the strength of the views' operations.
        like: `keras.Model`, the encoder whose architecture it has. By default, the study's own.

    Returns:
        An `AugmentedClassifier`.
    """
    encoder = study.build_encoder() if like is None else keras.models.clone_model(like)
    augmenter = build_views(study, augmentation_strength)
    return supervised.build_supervised(augmenter, encoder, study.dataset.num_classes)


def build_views(study, strength=1.0):
    """Returns a new augmenter of the study's views."""
    height, _, channels = study.dataset.image_shape
    # For one-channel images the augmenter prints the operations that it drops, in every run.
    with contextlib.redirect_stdout(None):
        return recipe.build_augmenter(height, strength, dict(study.config.operations), channels)


def build_both_views(study):
    """Returns the layers of FixMatch's weak and strong views, a pair."""
    weak = build_weak_augmenter(flip="flip" in dict(study.config.operations))
    return weak, keras.Sequential([build_views(study), RandomCutout()])
