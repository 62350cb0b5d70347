"""The compared methods: one table that studies, costs, figures, tables and pages read.

To add a method, add an entry to `METHODS`. If its features or weights come from a new place, also
add a function to `study/starts.py`. A probe on a frozen encoder comes with a method for each of
the other readouts (`READOUTS`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

ON_FEATURES = ("constant", "probe", "knn")
TRAININGS = ("training", "long_training", "fixmatch")
FITTED = (*ON_FEATURES, *TRAININGS)
# Words that stand for several methods where names of methods are asked for.
GROUPS = ("default", "all")


@dataclass(frozen=True)
class Method:
    """One of the compared methods: a way to get from labeled images to predictions.

    Attributes:
        label: String, its name in figures and tables.
        color: String, a color of `plotting.style.COLORS`.
        marker: String, a marker of matplotlib, or `None` for a dashed line without markers.
        fitted: String, how it learns from labels: `"constant"` (it predicts the most frequent
            class), `"probe"` or `"knn"` (fitted on frozen features), `"training"` (all weights
            are trained, with tuned settings), `"long_training"` (the same with the settings of
            the baseline, for as many image passes as pretraining and fine-tuning take together)
            or `"fixmatch"` (all weights are trained with the labels and the pool).
        start: String, where its features or its weights come from: the name of a function in
            `study/starts.py`. `None` for a method that looks at no image.
        pretrained: Boolean, whether it starts from an encoder that the study trains without
            labels. There is then a row for each pretraining seed.
        control: Boolean, whether it is a control: it shows the accuracy without any training of
            an encoder.
        needs_encoder: Boolean, whether it needs an encoder from elsewhere (`encoder_file`). A
            study without one leaves it out.
        by_default: Boolean, whether a study measures it without being asked. `False` for methods
            that take much longer than the others, and for other readouts.
        note: String, what a reader has to know about it: its source, and what was scaled down.
        readout: String, what a probe reads of a frozen encoder, as `extract_features` takes it.
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
    needs_encoder: bool = False
    by_default: bool = True
    note: str = ""
    readout: str = "pooled"
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
        return self.fitted in TRAININGS


# What a probe may read besides pooled features: words for the label, a marker and a note.
READOUTS = {
    "mirror": ("mirrored", "<", "its features are the mean over an image and its mirror image."),
    "pyramid": (
        "pyramid",
        "h",
        "its features are the last map in four quarters beside the mean of the map before, each "
        "the mean over an image and its mirror image.",
    ),
}


def with_readouts(methods: dict) -> dict:
    """Adds the other readouts of each probe on a frozen encoder, right after the probe.

    Every such method has them, so that a table compares like with like. They are measured on
    request, and never compared with the baseline: papers report pooled features.

    Args:
        methods: Dict from names to `Method`.

    Returns:
        A dict. The method `linear_probe` is followed by `linear_probe_mirror` and
        `linear_probe_pyramid`.
    """
    found = {}
    for name, method in methods.items():
        found[name] = method
        if method.fitted != "probe" or not str(method.start).endswith(("_encoder", "_file")):
            continue
        for readout, (words, marker, note) in READOUTS.items():
            found[f"{name}_{readout}"] = replace(
                method,
                label=f"{method.label}, {words}",
                marker=marker,
                by_default=False,
                note=f"The method `{name}` with another readout: {note}",
                readout=readout,
                verdict=None,
            )
    return found


LOSES = {"probe": "falls behind: it loses", "training": "hurts: it loses"}

# Legends and tables list the methods in this order.
METHODS = {
    "linear_probe": Method(
        "SimCLR + linear probe",
        "blue",
        "o",
        fitted="probe",
        start="pretrained_encoder",
        pretrained=True,
        note=(
            "SimCLR pretrains an encoder on the images without their labels. The encoder stays as "
            "it is, and a linear classifier learns the labels from its features."
        ),
        verdict=("a linear probe on the frozen encoder", LOSES["probe"]),
    ),
    "knn": Method(
        "SimCLR + kNN",
        "sky",
        "s",
        fitted="knn",
        start="pretrained_encoder",
        pretrained=True,
        note="The same encoder. An image gets the class of the most similar labeled images.",
    ),
    "simclr_and_kmeans": Method(
        "SimCLR and k-means + probe",
        "gray",
        "P",
        fitted="probe",
        start="pretrained_and_kmeans",
        pretrained=True,
        note="One linear probe on the features of the pretrained encoder and of k-means together.",
        verdict=("a linear probe on the features of SimCLR and k-means", LOSES["probe"]),
    ),
    "fine_tuned": Method(
        "SimCLR + fine-tuning",
        "purple",
        "P",
        fitted="training",
        start="pretrained_encoder",
        pretrained=True,
        note="The same encoder and a linear classifier, trained on together with the labels.",
        verdict=("contrastive pretraining with fine-tuning", LOSES["training"]),
    ),
    "frozen_file": Method(
        "given encoder + probe",
        "yellow",
        "o",
        fitted="probe",
        start="encoder_file",
        needs_encoder=True,
        note="The encoder that you gave, frozen.",
        verdict=("a linear probe on the given encoder", LOSES["probe"]),
    ),
    "fine_tuned_file": Method(
        "given encoder + fine-tuning",
        "yellow",
        "P",
        fitted="training",
        start="encoder_to_train",
        needs_encoder=True,
        by_default=False,
        note=(
            "The encoder that you gave, fine-tuned as the pretrained encoder is. If it takes "
            "images of any size, it is trained with smaller ones than the frozen encoder gets."
        ),
        verdict=("fine-tuning the given encoder", LOSES["training"]),
    ),
    "continued": Method(
        "given encoder, continued with SimCLR + probe",
        "orange",
        "o",
        fitted="probe",
        start="continued_encoder",
        pretrained=True,
        needs_encoder=True,
        by_default=False,
        note=(
            "SimCLR on the pool that starts from the given encoder (Azizi et al. 2021), with "
            "smaller batches, fewer steps and a smaller learning rate than the pretraining; if the "
            "encoder takes images of any size, with smaller ones than the frozen encoder gets."
        ),
        verdict=("a linear probe after continued pretraining", LOSES["probe"]),
    ),
    "continued_fine_tuned": Method(
        "given encoder, continued with SimCLR + fine-tuning",
        "orange",
        "P",
        fitted="training",
        start="continued_encoder",
        pretrained=True,
        needs_encoder=True,
        by_default=False,
        note="The encoder of the method `continued`, fine-tuned.",
        verdict=("continued pretraining with fine-tuning", LOSES["training"]),
    ),
    "distilled": Method(
        "distilled from the given encoder + probe",
        "green",
        "o",
        fitted="probe",
        start="distilled_encoder",
        pretrained=True,
        needs_encoder=True,
        note=(
            "The study's own encoder, trained on the pool to predict the features of the given "
            "encoder, for as many steps as the SimCLR pretraining. The features of the given "
            "encoder are computed once, on whole images."
        ),
        verdict=("a linear probe on the distilled encoder", LOSES["probe"]),
    ),
    "distilled_fine_tuned": Method(
        "distilled from the given encoder + fine-tuning",
        "green",
        "P",
        fitted="training",
        start="distilled_encoder",
        pretrained=True,
        needs_encoder=True,
        note="The encoder of the method `distilled`, fine-tuned.",
        verdict=("distillation with fine-tuning", LOSES["training"]),
    ),
    "kmeans": Method(
        "k-means patches + probe",
        "gray",
        "X",
        fitted="probe",
        start="kmeans_patches",
        note=(
            "k-means on whitened patches of the pool (Coates, Lee, Ng 2011) with 600 centroids. "
            "The paper has up to 4,000."
        ),
        verdict=("a linear probe on k-means features", LOSES["probe"]),
    ),
    "supervised": Method(
        "supervised from scratch",
        "red",
        "^",
        fitted="training",
        start="random_encoder",
        note="The baseline: the same network without pretraining, trained on the labels alone.",
    ),
    "supervised_long": Method(
        "supervised from scratch, long",
        "red",
        "*",
        fitted="long_training",
        start="random_encoder",
        by_default=False,
        note=(
            "The baseline with as many image passes as pretraining and fine-tuning together. Its "
            "other settings are those that were chosen for the baseline."
        ),
        verdict=("a longer supervised training", LOSES["training"]),
    ),
    "fixmatch": Method(
        "FixMatch",
        "purple",
        "X",
        fitted="fixmatch",
        start="random_encoder",
        by_default=False,
        note=(
            "FixMatch (Sohn et al. 2020) with the settings of the paper, scaled to the image "
            "passes of pretraining and fine-tuning: some thousand steps where the paper has a "
            "million. Its strong views are the study's views with cutout, in place of "
            "RandAugment. Nothing is tuned."
        ),
        verdict=("FixMatch", LOSES["training"]),
    ),
    "random_encoder": Method(
        "random encoder + probe",
        "green",
        "v",
        fitted="probe",
        start="random_encoder",
        control=True,
        note="A control: a linear classifier on the features of an encoder with random weights.",
    ),
    "raw_pixels": Method(
        "raw pixels + probe",
        "orange",
        "D",
        fitted="probe",
        start="pixels",
        control=True,
        note="A control: a linear classifier on the pixels.",
    ),
    "chance": Method(
        "most frequent class",
        "gray",
        None,
        fitted="constant",
        start=None,
        control=True,
        note="A control: the most frequent class of the labels as the answer for every image.",
    ),
}
METHODS = with_readouts(METHODS)
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


def choose_methods(names: Sequence[str] | None, encoder_given: bool) -> list[str]:
    """Returns the methods that a study measures, in the order of `METHODS`.

    Args:
        names: Strings, names in `METHODS`, `"default"` or `"all"`. `None` is `"default"`: all
            methods but the slow ones (`by_default`), and those that need an encoder only if
            there is one.
        encoder_given: Boolean, whether the study has an encoder from elsewhere.

    Returns:
        A list of strings. A method whose settings are those of the baseline brings the baseline.

    Raises:
        ValueError: If a name is unknown, or a method needs an encoder and there is none.

    Example:

    >>> choose_methods(["linear_probe", "chance"], encoder_given=False)
    ['linear_probe', 'chance']
    """
    names = ["default"] if names is None else list(names)
    unknown = [name for name in names if name not in (*METHODS, *GROUPS)]
    if unknown:
        raise ValueError(
            f"Unknown method {unknown[0]!r}. Choose from {', '.join((*METHODS, *GROUPS))}."
        )
    lacking = [name for name in names if name in METHODS and METHODS[name].needs_encoder]
    if lacking and not encoder_given:
        raise ValueError(
            f"The method {lacking[0]!r} needs an encoder from elsewhere. Give one: --encoder "
            "FILE.keras, or --encoder keras.applications:EfficientNetV2B0 (in a notebook "
            "settings = {'encoder_file': ...})."
        )
    possible = [name for name, each in METHODS.items() if encoder_given or not each.needs_encoder]
    chosen = {name for name in names if name in METHODS}
    if "all" in names:
        chosen |= set(possible)
    if "default" in names:
        chosen |= {name for name in possible if METHODS[name].by_default}
    if any(METHODS[name].fitted == "long_training" for name in chosen):
        chosen.add(BASELINE)
    return in_order(chosen)
