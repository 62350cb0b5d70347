"""The compared methods: one table that studies, costs, figures, tables and pages read.

To add a method, add an entry to `METHODS`. If its features or weights come from a new place, also
add a function to `study/starts.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

FITTED = ("constant", "probe", "knn", "training")


@dataclass(frozen=True)
class Method:
    """One of the compared methods: a way to get from labeled images to predictions.

    Attributes:
        label: String, its name in figures and tables.
        color: String, a color of `plotting.style.COLORS`.
        marker: String, a marker of matplotlib, or `None` for a dashed line without markers.
        fitted: String, how it learns from labels: `"constant"` (it predicts the most frequent
            class), `"probe"` or `"knn"` (fitted on frozen features), or `"training"` (all
            weights are trained).
        start: String, where its features or its weights come from: the name of a function in
            `study/starts.py`. `None` for a method that looks at no image.
        pretrained: Boolean, whether it starts from the encoder that the study pretrained. There
            is then a row for each pretraining seed.
        control: Boolean, whether it is a control: it shows the accuracy without any training of
            an encoder.
        verdict: Pair of strings for the text of a verdict: the name of the method, and the words
            for a result below the baseline. `None` for a method that is not compared with the
            baseline. The words for a frozen encoder are milder: it can still be fine-tuned, so its
            result says nothing against pretraining.

    Raises:
        ValueError: If `fitted` is none of `FITTED`.
    """

    label: str
    color: str
    marker: str | None
    fitted: str
    start: str | None
    pretrained: bool = False
    control: bool = False
    verdict: tuple | None = None

    def __post_init__(self):
        if self.fitted not in FITTED:
            raise ValueError(
                f"The method {self.label!r} has fitted={self.fitted!r}. Choose one of "
                f"{', '.join(FITTED)}."
            )

    @property
    def trained(self) -> bool:
        """Whether all weights of a network are trained."""
        return self.fitted == "training"


# Legends and tables list the methods in this order.
METHODS = {
    "linear_probe": Method(
        "SimCLR + linear probe",
        "blue",
        "o",
        fitted="probe",
        start="pretrained_encoder",
        pretrained=True,
        verdict=("a linear probe on the frozen encoder", "falls behind: it loses"),
    ),
    "knn": Method(
        "SimCLR + kNN", "sky", "s", fitted="knn", start="pretrained_encoder", pretrained=True
    ),
    "fine_tuned": Method(
        "SimCLR + fine-tuning",
        "purple",
        "P",
        fitted="training",
        start="pretrained_encoder",
        pretrained=True,
        verdict=("contrastive pretraining with fine-tuning", "hurts: it loses"),
    ),
    "supervised": Method(
        "supervised from scratch", "red", "^", fitted="training", start="random_encoder"
    ),
    "random_encoder": Method(
        "random encoder + probe", "green", "v", fitted="probe", start="random_encoder", control=True
    ),
    "raw_pixels": Method(
        "raw pixels + probe", "orange", "D", fitted="probe", start="pixels", control=True
    ),
    "chance": Method(
        "most frequent class", "gray", None, fitted="constant", start=None, control=True
    ),
}
BASELINE = "supervised"  # every verdict compares a method with this one


def in_order(names: Iterable[str]) -> list[str]:
    """Returns the names of methods in the order of `METHODS`, each once.

    Args:
        names: Strings, such as the column `method` of results.

    Returns:
        A list of strings.

    Raises:
        ValueError: If `METHODS` has no entry for one of the names.
    """
    names = set(names)
    unknown = sorted(names - set(METHODS))
    if unknown:
        raise ValueError(
            f"The results have rows of the method {unknown[0]!r}, which is not in METHODS of "
            "simclr_utils/methods.py. Add an entry there, or remove these rows."
        )
    return [name for name in METHODS if name in names]
