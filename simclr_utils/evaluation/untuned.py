"""Methods that train a network with settings that are known beforehand."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simclr_utils.evaluation.comparison import Comparison
    from simclr_utils.evaluation.supervised import SupervisedBaseline


def score_untuned(
    comparison: "Comparison",
    method: str,
    trainer: "SupervisedBaseline",
    labels: int,
    num_steps: int,
    settings: Callable[[int], dict],
    tuning: str,
) -> None:
    """Trains a network on each label subset that has no row yet, and scores it.

    Args:
        comparison: A `Comparison`.
        method: String, the name of the method in the rows.
        trainer: A `SupervisedBaseline` or one of its kind.
        labels: Integer, the number of labels.
        num_steps: Integer, the update steps of each run.
        settings: Function of a subset seed that returns the settings of the run, a dict.
        tuning: String, where the settings come from, for the rows.
    """
    protocol = comparison.protocol
    for seed in comparison.missing(method, labels, comparison.subsets(labels, trained=True)):
        train = protocol.subset(labels, seed)
        run = trainer.train(train, None, num_steps, settings(seed), seed)
        protocol.score(
            trainer.predict_probabilities(run, protocol.test_images),
            method=method,
            labels=labels,
            subset_seed=seed,
            steps=run.num_steps,
            minutes=run.minutes,
            tuning=tuning,
        )
