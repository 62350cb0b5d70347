"""The tasks that train an encoder without labels: SimCLR, continued SimCLR and distillation."""

import functools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils import files
from simclr_utils.evaluation.features import extract_features
from simclr_utils.methods import METHODS
from simclr_utils.study.identity import planned_steps
from simclr_utils.study.kept_features import keep
from simclr_utils.study.progress import Progress, Task
from simclr_utils.training.continued import continue_pretraining, continued_config
from simclr_utils.training.distillation import as_targets, distill
from simclr_utils.training.planned_views import views_per_image
from simclr_utils.training.pretraining import Pretraining, plan_epochs, pretrain, save_pretraining

if TYPE_CHECKING:
    from simclr_utils.study.study import Study


def run_simclr(study, seed, callbacks, checkpoints):
    """Pretrains the study's own encoder with SimCLR."""
    return pretrain(study.dataset, study.config, seed, study.preset, callbacks, checkpoints)


def run_continued(study, seed, callbacks, checkpoints):
    """Pretrains the given encoder further with SimCLR."""
    rest = (study.dataset, study.config, seed, study.preset, callbacks, checkpoints)
    return continue_pretraining(study.trainable_encoder, *rest)


def run_distillation(study, seed, callbacks, checkpoints):
    """Trains the study's own encoder to predict the features of the given one."""
    rest = (study.dataset, study.config, seed, study.preset, callbacks, checkpoints)
    return distill(teacher_targets(study), *rest)


def teacher_targets(study: "Study") -> np.ndarray:
    """Returns what the distilled encoder has to predict for each image of the pool.

    The features of the given encoder are computed once, and kept in the folder of the study.

    Args:
        study: A `Study` with a given encoder.

    Returns:
        A float16 array `[N, T]`, as `as_targets` returns it.
    """

    def compute():
        return {"pool": as_targets(extract_features(study.given_encoder, study.dataset.unlabeled))}

    made_with = {"fingerprint": study.dataset.fingerprint, **study.given}
    return keep(study.folder / "features" / "teacher.npz", made_with, compute)["pool"]


@dataclass(frozen=True)
class EncoderKind:
    """A way to train an encoder without labels.

    Attributes:
        title: String, the name of its tasks.
        prefix: String, what the name of its folder begins with. The seed follows.
        config: Function of a `Config` that returns the one with its batches and steps.
        run: Function of a study, a seed, callbacks and a folder of checkpoints that returns a
            `Pretraining`. The same call resumes a run that was stopped.
        image: Function of `Rates` and of the views of an image, as `views_per_image` counts them,
            that returns the cost of an image in a step.
        before: Function of `Rates` and the size of the pool that returns the cost before the
            first step.
    """

    title: str
    prefix: str
    config: Callable
    run: Callable[..., Pretraining]
    image: Callable
    before: Callable = lambda rates, pool_size: 0.0


SIMCLR = EncoderKind(
    "pretraining", "", lambda config: config, run_simclr, lambda rates, views: views * rates.view
)
# The kind of encoder behind each start of pretrained methods.
KINDS = {
    "pretrained_encoder": SIMCLR,
    "pretrained_and_kmeans": SIMCLR,
    "continued_encoder": EncoderKind(
        "continued pretraining",
        "continued-",
        continued_config,
        run_continued,
        lambda rates, views: views * rates.given_image,
    ),
    "distilled_encoder": EncoderKind(
        "distillation",
        "distilled-",
        lambda config: config,
        run_distillation,
        lambda rates, views: rates.view,
        lambda rates, pool_size: rates.given_forward * pool_size,
    ),
}


def kind_of(start: str | None) -> EncoderKind:
    """Returns the kind of encoder behind a start; SimCLR for all that are not in `KINDS`."""
    return KINDS.get(start, SIMCLR)


def encoder_task(
    study: "Study", kind: EncoderKind, seed: int, methods: Sequence[str]
) -> Task | None:
    """Returns the task of training an encoder, `None` if it is done or not needed.

    Args:
        study: A `Study`.
        kind: An `EncoderKind`.
        seed: Integer, the pretraining seed.
        methods: Strings, the methods that the study measures.

    Returns:
        A `Task`.
    """
    names = [n for n in methods if METHODS[n].pretrained and kind_of(METHODS[n].start) is kind]
    wanted = any(study.missing(name, n, seed) for name in names for n in study.counts)
    wanted |= not study.counts and kind is SIMCLR  # nothing is labeled: the encoder is the result
    config, pool_size = kind.config(study.config), len(study.dataset.unlabeled)
    folder = study.encoder_folder(seed, kind.prefix)
    record, planned = folder / "encoder.json", planned_steps(pool_size, config)
    if record.exists() and files.load_json(record)["steps"] == planned:
        # The process may have been killed before it removed them.
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return None
    if not wanted:
        return None
    views = views_per_image(config, study.dataset.image_shape[0])
    step_cost = kind.image(study.rates, views) * plan_epochs(pool_size, config)[0]
    cost = step_cost * planned + study.rates.graph + kind.before(study.rates, pool_size)
    run = functools.partial(train_encoder, study, kind, seed, step_cost)
    return Task(f"{kind.title} {seed}", cost, run)


def train_encoder(
    study: "Study", kind: EncoderKind, seed: int, step_cost: float, progress: Progress
) -> None:
    """Trains an encoder, or continues from its last checkpoint, and saves it.

    Args:
        study: A `Study`.
        kind: An `EncoderKind`.
        seed: Integer, the pretraining seed.
        step_cost: Float, the cost of a step.
        progress: The `Progress` to show.
    """
    folder = study.encoder_folder(seed, kind.prefix)
    callbacks = [progress.callback(step_cost)]
    pretraining = kind.run(study, seed, callbacks, folder / "checkpoints")
    if kind is not SIMCLR:
        pretraining.details["given_encoder"] = study.given
    save_pretraining(folder, pretraining)
    shutil.rmtree(folder / "checkpoints")
