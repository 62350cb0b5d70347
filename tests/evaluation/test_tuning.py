"""Settings are chosen on held-out images, axis by axis, and beyond an edge if it is best."""

import numpy as np
import pytest

from simclr_utils.evaluation import tuning
from simclr_utils.evaluation.fine_tuning import FineTuning
from simclr_utils.evaluation.mixing import MIXERS, NO_MIXING
from simclr_utils.evaluation.supervised import SupervisedBaseline, SupervisedRun

AXES = {
    "learning_rate": (3e-3, 1e-2, 3e-2),
    "weight_decay": (1e-4,),
    "augmentation_strength": (0.0, 0.5, 1.0),
    "length": (0.5, 1.0, 2.0),
}
DEFAULTS = {"learning_rate": 1e-2, "weight_decay": 1e-4, "augmentation_strength": 0.5, "length": 1}


@pytest.mark.parametrize(
    "axis, value, expected",
    [
        ((3e-3, 1e-2, 3e-2), 3e-2, 0.09),
        ((3e-3, 1e-2, 3e-2), 3e-3, 0.0009),
        ((3e-3, 1e-2, 3e-2), 1e-2, None),
        ((0.5, 1.0, 2.0), 2.0, 4.0),
        ((0.5, 1.0, 1.5), 1.5, 2.0),  # evenly spaced
        ((0.5, 1.0, 1.5), 0.5, 0.0),
        ((0.0, 0.5, 1.0), 0.0, None),  # nothing lies below
        ((1e-4,), 1e-4, None),
        (("none", "mixup", "cutmix"), "none", None),  # names have no order
        (("none", "mixup", "cutmix"), "cutmix", None),
    ],
)
def test_one_step_beyond_an_edge(axis, value, expected):
    assert tuning.one_further(axis, value) == expected


def walked(wanted, search="whole"):
    """Walks towards some settings; returns what was chosen and every point that was scored."""
    points = []

    def score(settings, steps):
        points.append((settings, steps))
        return -sum(abs(np.log(settings[name] + 0.1) - np.log(wanted[name] + 0.1)) for name in AXES)

    return tuning.walk(AXES, 400, search, score), points


def test_the_search_finds_what_is_best_beyond_the_edges_too():
    wanted = {**DEFAULTS, "learning_rate": 0.3, "augmentation_strength": 1.6, "length": 0.2}
    chosen, points = walked(wanted)
    expected = {"learning_rate": 0.09, "augmentation_strength": 1.5, "length": 0.25}
    assert chosen == {**DEFAULTS, **expected}
    rates = [settings["learning_rate"] for settings, _ in points[:4]]
    assert rates == [1e-2, 3e-3, 3e-2, 0.09]  # the default first
    assert {steps for _, steps in points[:4]} == {80}
    strengths = [settings["augmentation_strength"] for settings, _ in points[4:8]]
    assert strengths == [0.5, 0.0, 1.0, 1.5] and {steps for _, steps in points[4:8]} == {400}
    assert [steps for _, steps in points[8:]] == [400, 200, 800, 100]


def test_a_value_within_its_axis_needs_no_more():
    chosen, points = walked(DEFAULTS)
    assert chosen == DEFAULTS and len(points) == 9
    assert tuning.walk(AXES, 400, "whole", lambda settings, steps: 0.5) == DEFAULTS  # ties


def test_shorter_searches_leave_defaults():
    wanted = {**DEFAULTS, "learning_rate": 3e-3, "length": 2.0}
    chosen, points = walked(wanted, "short")
    assert chosen == {**DEFAULTS, "learning_rate": 3e-3} and {steps for _, steps in points} == {80}
    assert walked(wanted, "none") == (DEFAULTS, [])


@pytest.mark.parametrize("search", ["rate", "short", "whole"])
@pytest.mark.parametrize("steps", [40, 240, 4000])
def test_neither_side_is_tuned_harder(search, steps):
    runs = [tuning.plan(kind.axes, steps, search) for kind in (SupervisedBaseline, FineTuning)]
    assert [steps for _, steps in runs[0]] == [steps for _, steps in runs[1]]
    wanted = {"rate": 3, "short": 5, "whole": 12 if steps > 60 else 11}
    assert len(runs[0]) == wanted[search]
    for axes in (SupervisedBaseline.axes, FineTuning.axes):
        assert axes["mixing"] == (NO_MIXING, *MIXERS)
        for axis in [axis for name, axis in axes.items() if name != "mixing"]:
            assert list(axis) == sorted(set(axis)) and len(axis) % 2  # ordered, with a middle


@pytest.mark.parametrize("best", ["none", "mixup", "cutmix"])
def test_mixing_is_chosen_by_name_at_full_length_of_a_whole_search(best):
    points, axes = [], {**AXES, "mixing": (NO_MIXING, *MIXERS)}

    def score(settings, steps):
        points.append((settings["mixing"], steps))
        return float(settings["mixing"] == best)

    assert tuning.walk(axes, 400, "whole", score) == {**DEFAULTS, "mixing": best}
    assert points[-3:] == [("none", 400), ("mixup", 400), ("cutmix", 400)]
    points.clear()
    assert tuning.walk(axes, 400, "short", score)["mixing"] == "none"
    assert {mixing for mixing, _ in points} == {"none"}


def test_a_plan_is_what_a_search_makes_within_its_axes():
    runs = tuning.plan(AXES, 30, "whole")
    assert [steps for _, steps in runs] == [30, 30, 30, 30, 30, 15, 60]  # no run twice
    assert tuning.num_models(AXES, "whole") == 3 and tuning.num_models(AXES, "none") == 1


class Scripted:
    """Learns nothing: its accuracy is best at a learning rate, and it notes its images."""

    axes = {"learning_rate": (1e-3, 1e-2, 1e-1), "length": (1.0,)}

    def __init__(self, stop_after=None):
        self.log, self.stop_after = [], stop_after

    def train(self, train, validation, num_steps, settings, seed):
        if len(self.log) == self.stop_after:
            raise KeyboardInterrupt
        self.log.append((train[1], validation[1], num_steps, settings, seed))
        accuracy = {1e-1: 0.5 + len(validation[1]) / 1000}.get(settings["learning_rate"], 0.4)
        return SupervisedRun([], settings, num_steps, [0.1, accuracy], 0.5)


def labeled(count, num_classes=4):
    rows = np.arange(count)
    return rows[:, None, None, None].astype("uint8"), rows % num_classes


def test_settings_are_measured_on_every_fold():
    train, trainer, tried = labeled(80), Scripted(), []
    splits = tuning.splits_of(train, None, seed=3)
    assert [(len(fit[1]), len(held[1])) for fit, held in splits] == [(64, 16)] * 4
    for fit, held in splits:
        rows = np.concatenate([fit[0], held[0]])[:, 0, 0, 0]
        assert sorted(rows) == list(range(80))  # nothing is lost, nothing overlaps
    assert tuning.choose_settings(trainer, splits, 400, seed=3, tried=tried) == {
        "learning_rate": 0.1,
        "length": 1.0,
    }
    assert [run["fold"] for run in tried] == [0, 1, 2, 3] * 4  # and one value beyond the edge
    assert tried[-1]["settings"]["learning_rate"] == 1.0
    assert {run["images"] for run in tried} == {16} and {entry[4] for entry in trainer.log} == {3}


def test_a_stopped_search_loses_one_run():
    splits, tried, kept = tuning.splits_of(labeled(80), None, seed=0), [], []
    stopped = Scripted(stop_after=6)
    options = {"tried": tried, "keep": lambda: kept.append(len(tried))}
    with pytest.raises(KeyboardInterrupt):
        tuning.choose_settings(stopped, splits, 400, **options)
    assert kept == [1, 2, 3, 4, 5, 6]
    again = Scripted()
    chosen = tuning.choose_settings(again, splits, 400, **options)
    assert len(again.log) == 16 - 6 and chosen["learning_rate"] == 0.1
    again.log.clear()
    assert tuning.choose_settings(again, splits, 400, **options) == chosen and again.log == []


def test_too_few_labels_leave_the_defaults():
    splits = tuning.splits_of(labeled(11), None, seed=0)  # less than three of each class
    assert splits == [] and len(tuning.splits_of(labeled(12), None, seed=0)) == 5
    trainer = Scripted()
    assert tuning.choose_settings(trainer, splits, 400)["learning_rate"] == 1e-2
    assert trainer.log == []


def test_given_validation_images_take_the_place_of_folds():
    train, validation = labeled(8), labeled(20)
    assert tuning.splits_of(train, validation, seed=0) == [(train, validation)]


def test_how_settings_were_chosen_is_said():
    record = {"axes": {"learning_rate": [0.1]}, "search": "whole", "given": False, "tried": []}
    assert tuning.describe_tuning(record) == "default settings (fewer than 3 labels a class)"
    none = {**record, "search": "none"}
    assert tuning.describe_tuning(none) == "default settings (no search)"
    run = {"settings": {"learning_rate": 0.1}, "steps": 40, "images": 20}
    tried = [{**run, "fold": fold} for fold in (0, 1)]
    tried.append({**run, "fold": 0, "settings": {"learning_rate": 0.3}})
    assert tuning.describe_tuning({**record, "tried": tried}) == (
        "3 training runs, 120 steps, on 40 images held out of the labels, "
        "beyond the edge of learning_rate"
    )
    given = {**record, "tried": tried[:1], "given": True, "search": "short"}
    assert tuning.describe_tuning(given) == (
        "1 training runs, 40 steps, on 20 images given for validation, "
        "choosing the settings that short runs can tell apart"
    )
