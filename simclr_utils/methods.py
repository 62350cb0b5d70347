"""What is compared: one table of methods, which studies, costs, figures, tables and pages read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A way from labeled images to predictions.

    Attributes:
        label: String, its name in figures and tables.
        color: String, a color of `plotting.style.COLORS`.
        marker: String, a marker of matplotlib, or `None` for a dashed line without markers.
        fitted: String, how it learns from labels: `"constant"` (it predicts the most frequent
            class), `"probe"` or `"knn"` (fitted on frozen features), or `"training"` (all
            weights are trained).
        start: String, where its features or its weights come from: the name of a function in
            `study/starts.py`. `None` for a method that looks at no image.
        pretrained: Boolean, whether it starts from the encoder that was pretrained. There is
            then a row for each pretraining seed.
        control: Boolean, whether it is there only to show what needs no learning.
        verdict: Pair of strings, how a verdict calls the method and its loss, or `None` for a
            method that is not set against the baseline. A frozen encoder that falls behind says
            nothing against pretraining, as it may still be trained further.
    """

    label: str
    color: str
    marker: str | None
    fitted: str
    start: str | None
    pretrained: bool = False
    control: bool = False
    verdict: tuple | None = None


# In the order of legends and tables.
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
BASELINE = "supervised"  # what every verdict is against
