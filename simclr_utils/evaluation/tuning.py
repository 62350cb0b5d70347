"""How the settings of a training are chosen: on images held out of its own labels."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from simclr_utils.data.splits import held_out_folds
from simclr_utils.evaluation.mixing import MIXING
from simclr_utils.evaluation.supervised import LENGTH, STRENGTH, model_key, whole_checks

if TYPE_CHECKING:
    from simclr_utils.evaluation.supervised import SupervisedBaseline

# Chosen last, in runs of full length: the benefit of augmentation, of mixing and of more steps
# shows only there. The other settings are chosen in runs of a fifth of the steps, but of no fewer
# steps than it takes to tell them apart.
AT_FULL_LENGTH = (STRENGTH, MIXING, LENGTH)
TUNING_SHARE, MIN_TUNING_STEPS = 1 / 5, 60
HELD_OUT = 50  # images in all folds together, if there are as many
FEWEST_OF_A_CLASS = 3  # labels on average; with fewer, a fold would leave too few to learn from
SEARCHES = {
    "none": "no setting",
    "rate": "the learning rate",
    "short": "the settings that short runs can tell apart",
    "whole": "every setting",
}


def default_of(axis: tuple) -> float | str:
    """Returns the middle one of numbers in order, or the first one of names."""
    return axis[0] if are_names(axis) else axis[len(axis) // 2]


def are_names(axis: tuple) -> bool:
    """Returns whether the values of an axis are names, which have no order."""
    return isinstance(axis[0], str)


def default_settings(axes: dict[str, tuple]) -> dict:
    """Returns the default of each axis, where every search starts.

    Args:
        axes: Dict from the name of a setting to its values: numbers in order, or names.
    """
    return {name: default_of(axis) for name, axis in axes.items()}


def run_steps(settings: dict, num_steps: int) -> int:
    """Returns the update steps of a run of full length.

    Args:
        settings: Dict. Its `length`, 1 if it has none, multiplies the steps.
        num_steps: Integer, the steps at length 1.
    """
    return whole_checks(num_steps * settings.get(LENGTH, 1.0))


def short_steps(num_steps: int) -> int:
    """Returns the update steps of a short run that tries settings for a run of `num_steps`."""
    return whole_checks(min(num_steps, max(MIN_TUNING_STEPS, TUNING_SHARE * num_steps)))


def one_further(axis: tuple, value: float | str) -> float | None:
    """Returns the value one step beyond the edge of an axis.

    The step is the last one before the edge: a difference on an axis that is evenly spaced, else a
    factor.

    Args:
        axis: Tuple of numbers in order, or of names.
        value: Number or name, the best one.

    Returns:
        A float, or `None` if `value` is no edge, or if nothing lies beyond it.
    """
    if len(axis) < 2 or are_names(axis) or value not in (axis[0], axis[-1]):
        return None
    neighbor = axis[1] if value == axis[0] else axis[-2]
    even = len(axis) > 2 and np.allclose(np.diff(axis), axis[1] - axis[0])
    further = 2 * value - neighbor if even else value * value / neighbor
    return float(f"{further:.2g}") if further >= 0 else None


def best_on_axis(axis: tuple, measure: Callable[[float | str], float]) -> float | str:
    """Returns the best value of an axis. If it is an edge, the value one beyond is tried as well.

    Args:
        axis: Tuple of numbers in order, or of names.
        measure: Function of a value that returns an accuracy. The default stays if others are only
            as good.
    """
    default = default_of(axis)
    scores = {value: measure(value) for value in sorted(axis, key=lambda each: each != default)}
    further = one_further(axis, max(scores, key=scores.get))
    if further is not None:
        scores[further] = measure(further)
    return max(scores, key=scores.get)


def searched(axes: dict[str, tuple], search: str) -> list[str]:
    """Returns the names of the settings that a search chooses.

    Args:
        axes: Dict from the name of a setting to its values, as in `default_settings`.
        search: String, a name in `SEARCHES`.
    """
    if search == "whole":
        return list(axes)
    if search == "short":
        return [name for name in axes if name not in AT_FULL_LENGTH]
    return [name for name in axes if name == "learning_rate" and search == "rate"]


def walk(
    axes: dict[str, tuple], num_steps: int, search: str, score: Callable[[dict, int], float]
) -> dict:
    """Chooses one setting after the other.

    Args:
        axes: Dict from the name of a setting to its values, as in `default_settings`.
        num_steps: Integer, the update steps of a run of full length.
        search: String, a name in `SEARCHES`.
        score: Function of settings and of update steps that returns an accuracy.

    Returns:
        A dict, the chosen settings.
    """
    settings = default_settings(axes)

    def measure(name, value):
        point = {**settings, name: value}
        full = name in AT_FULL_LENGTH
        return score(point, run_steps(point, num_steps) if full else short_steps(num_steps))

    for name, axis in axes.items():
        if len(axis) == 1 or name not in searched(axes, search):
            continue
        settings = {**settings, name: best_on_axis(axis, functools.partial(measure, name))}
    return settings


def plan(axes: dict[str, tuple], num_steps: int, search: str) -> list[tuple[dict, int]]:
    """Returns the runs that a search makes on each fold, as long as no best value is an edge.

    Args:
        axes: Dict, as in `walk`.
        num_steps: Integer, as in `walk`.
        search: String, as in `walk`.

    Returns:
        A list of pairs: settings and update steps.
    """
    runs = []

    def score(settings, steps):
        if (settings, steps) not in runs:
            runs.append((settings, steps))
        return 0.0

    walk(axes, num_steps, search, score)
    return runs


def num_models(axes: dict[str, tuple], search: str) -> int:
    """Returns how many models a search compiles. `axes` and `search` are as in `walk`."""
    keys = {model_key(settings) for settings, _ in plan(axes, MIN_TUNING_STEPS, search)}
    return max(1, len(keys))


def folds_of(labels: np.ndarray, seed: int, groups: np.ndarray | None = None) -> list[np.ndarray]:
    """Marks the images on which the settings of a training with these labels are compared.

    Args:
        labels: Integer array `[N]`.
        seed: Integer seed.
        groups: Integer array `[N]`, the number of each image's group, or `None`. No group is on
            both sides of a fold.

    Returns:
        A list of bool arrays `[N]`, as `held_out_folds` returns it. It is empty if there are fewer
        than three labels for each class.
    """
    if len(labels) < FEWEST_OF_A_CLASS * len(np.unique(labels)):
        return []
    return held_out_folds(labels, HELD_OUT, seed, groups)


def splits_of(train: tuple, validation: tuple | None, seed: int) -> list[tuple]:
    """Returns the pairs of images to learn from and images to measure on.

    Args:
        train: Pair of uint8 images `[N, H, W, C]` and integer labels `[N]`, or a triple with the
            numbers `[N]` of their groups. No group is on both sides of a fold.
        validation: Pair of images and labels that the user gave for every choice, or `None`.
        seed: Integer, the seed of the folds.

    Returns:
        A list of pairs: what to learn from, as `train`, and a pair of images and labels.
    """
    if validation is not None:
        return [(train, validation)]
    groups = train[2] if len(train) > 2 else None
    return [
        (tuple(part[~fold] for part in train), tuple(part[fold] for part in train[:2]))
        for fold in folds_of(train[1], seed, groups)
    ]


def choose_settings(
    trainer: "SupervisedBaseline",
    splits: list[tuple],
    num_steps: int,
    search: str = "whole",
    seed: int = 0,
    tried: list[dict] | None = None,
    keep: Callable[[], None] | None = None,
) -> dict:
    """Chooses the settings of a trainer by the accuracy on held-out images after the last step.

    Args:
        trainer: A `SupervisedBaseline`.
        splits: List, as `splits_of` returns it. If it is empty, the default settings are chosen.
        num_steps: Integer, the update steps of a run of full length.
        search: String, a name in `SEARCHES`.
        seed: Integer, the seed of every run.
        tried: List of the runs that were made before, which are not made again. New ones are
            appended: dicts with `settings`, `steps`, `fold`, `images` (held out), `curve` (their
            accuracy during the run) and `minutes`.
        keep: Function that is called after each new run.

    Returns:
        A dict, a value for each of the trainer's `axes`.
    """
    tried = [] if tried is None else tried
    if not splits:
        return default_settings(trainer.axes)

    def score(settings, steps):
        runs = []
        for fold, (train, held_out) in enumerate(splits):
            key = {"settings": settings, "steps": steps, "fold": fold}
            known = [run for run in tried if key.items() <= run.items()]
            if not known:
                made = trainer.train(train, held_out, steps, settings, seed)
                run = {**key, "images": len(held_out[1]), "curve": made.validation_curve}
                tried.append({**run, "minutes": made.minutes})
                known = tried[-1:]
                if keep is not None:
                    keep()
            runs += known
        weights = [run["images"] for run in runs]
        return float(np.average([run["curve"][-1] for run in runs], weights=weights))

    return walk(trainer.axes, num_steps, search, score)


def describe_tuning(tuned: dict) -> str:
    """Returns how settings were chosen, in words, for the column `tuning` of the results.

    Args:
        tuned: Dict, as `Comparison.tuning` returns it.

    Returns:
        A string.
    """
    tried = tuned["tried"]
    if not tried:
        few = tuned["search"] != "none"
        why = f"fewer than {FEWEST_OF_A_CLASS} labels a class" if few else "no search"
        why += ", or too few groups" if few and tuned.get("grouped") else ""
        return f"default settings ({why})"
    images = {run["fold"]: run["images"] for run in tried}
    source = "given for validation" if tuned["given"] else "held out of the labels"
    steps = sum(run["steps"] for run in tried)
    words = f"{len(tried)} training runs, {steps} steps, on {sum(images.values())} images {source}"
    if tuned["search"] != "whole":
        words += f", choosing {SEARCHES[tuned['search']]}"
    beyond = [
        name
        for name, axis in tuned["axes"].items()
        if any(run["settings"][name] not in axis for run in tried)
    ]
    return words + (f", beyond the edge of {' and '.join(beyond)}" if beyond else "")
