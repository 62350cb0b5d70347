"""The settings of a run: one frozen dataclass, and four presets of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from simclr_utils.files import as_stored, describe_differences
from simclr_utils.parameters import check


def of_evaluation(default):
    """Makes a field that is fixed during a study but does not affect its encoders."""
    return field(default=default, metadata={"part": "evaluation"})


def may_grow(default):
    """Makes a field that may change when a study is continued."""
    return field(default=default, metadata={"part": "growing"})


@dataclass(frozen=True)
class Config:
    """All settings of a run.

    The defaults are those of the preset `full`, which the published results come from. All code
    takes its settings from the `Config` that it is given; there are no global settings. A list in
    a value becomes a tuple, and the operations of the views may be given as a dict or as pairs,
    so that equal settings compare equal.

    Attributes:
        encoder: String, a name in `parameters.ENCODER_NAMES`.
        width: Integer, the number of channels of the encoder's first stage, or `None` for the
            encoder's default.
        projection_dims: Integers, the sizes of the projection head's layers. The last is that of
            the projections. An empty tuple is no head: the loss sees the features.
        operations: Pairs of the name of an operation and its strength, or `(strength,
            probability)`, as in `build_augmenter`.
        second_operations: Pairs like those of `operations`, for the second view of each image, or
            `None` if both views have the same operations. An empty tuple leaves the image as it
            is.
        view_sizes: Pairs of a size in pixels and a share of the steps, in order, such as
            `((20, 0.45), (24, 0.3), (32, 0.25))`: the height and width of the two views of each
            image. The shares add up to 1. `None` is the size of the images throughout.
        small_views: Pair of integers, the number of small views of each image beside the two
            (multi-crop), and their height and width in pixels. `None` is no small view.
        temperature: Float above 0, of the loss.
        loss: String, a name in `parameters.LOSS_NAMES`.
        mix_alpha: Float. Above 0, the first views are mixtures of two images, as in
            `MixedSimCLR`, whose `alpha` this is. 0 leaves them as they are.
        optimizer: String, a name in `parameters.OPTIMIZER_NAMES`.
        base_learning_rate: Float above 0, the learning rate at batch size 256. It scales with the
            square root of the batch size, and with the batch size itself for `"lars"`.
        weight_decay: Float, at least 0.
        batch_size: Integer, the number of images per step. Each image is seen twice, and once more
            in each small view.
        micro_batch_size: Integer, the number of images in the encoder at once, or `None` for the
            whole batch.
        devices: Integer, the number of devices, such as GPUs, that share each batch of the
            pretraining. The encoder is the same except for rounding. Views whose size changes
            during the run need one device.
        pretraining_steps: Integer, the number of updates.
        label_counts: Integers, the numbers of labels at which methods are compared.
        num_subsets: Integer, the number of label subsets at each count up to 1,000. Above, there
            are at most three.
        supervised_steps_factor: Float above 0. The baseline makes `factor * sqrt(labels)` updates,
            and with fewer than 100 labels `factor * 100 / sqrt(labels)`. Half and twice as many are
            tried as well, if the search is whole.
        search: String, the settings of trainings that are chosen within the labels: `"none"`,
            `"rate"` (the learning rate), `"short"` (all that short runs can tell apart: also the
            weight decay or the encoder's share of the rate) or `"whole"` (also augmentation,
            MixUp or CutMix, and length).
        methods: Strings, the methods that a study measures: names in `METHODS`, or `"default"` and
            `"all"`. `None` is the default ones.
        encoder_file: String, an encoder from elsewhere, as `open_encoder` takes it: the path of a
            `.keras` file, `"keras.applications:"` and a network, or `"hub:"` and a preset. `None`
            if there is none.
        input_size: Integer, the height and width of the images that this encoder gets, or `None`
            for what suits it.
        metric: String, a name in `parameters.HEADLINE_NAMES`: the metric that decides. It is chosen
            before the results are known.
        class_weight: String, `"none"` or `"balanced"`: how much images of rare classes count when
            probes and networks learn from labels. With `"balanced"`, every class counts equally.
        limits: Dict from the names of splits to the largest number of images, as in
            `load_dataset`, or `None` for all images.

    Example:

    >>> config = get_config("quick", temperature=0.2)
    >>> config.temperature, config.pretraining_steps
    (0.2, 2000)
    """

    encoder: str = "small_cnn"
    width: int | None = None
    projection_dims: tuple = (256, 128)
    operations: tuple = (
        ("crop", 0.87),  # smallest crop 0.2 of the area: 0.08 is too little of 32 pixels
        ("flip", 1.0),
        ("color_jitter", 0.5),  # what the paper uses for CIFAR-10
        ("grayscale", 1.0),
    )
    second_operations: tuple | None = None
    view_sizes: tuple | None = None
    small_views: tuple | None = None
    temperature: float = 0.1
    loss: str = "nt_xent"
    mix_alpha: float = 0.0
    optimizer: str = "adamw"
    base_learning_rate: float = 8e-3
    weight_decay: float = 1e-4
    batch_size: int = 256
    micro_batch_size: int | None = None
    devices: int = may_grow(1)
    pretraining_steps: int = 5500
    label_counts: tuple = may_grow((100, 250, 500, 1000, 10_000))
    num_subsets: int = may_grow(10)
    supervised_steps_factor: float = of_evaluation(40.0)
    search: str = of_evaluation("whole")
    methods: tuple | None = may_grow(None)
    encoder_file: str | None = may_grow(None)  # `study/given_encoder.py` keeps a study to it
    input_size: int | None = may_grow(None)
    metric: str = of_evaluation("accuracy")
    class_weight: str = of_evaluation("none")
    # Not a setting of the encoder: the fingerprint of the data already tells encoders apart that
    # were trained on different images.
    limits: dict | None = of_evaluation(None)

    def __post_init__(self):
        for name in ("operations", "second_operations"):
            operations = getattr(self, name)
            if isinstance(operations, dict):
                object.__setattr__(self, name, tuple(operations.items()))
        for each in fields(self):
            object.__setattr__(self, each.name, _as_tuples(getattr(self, each.name)))


def _as_tuples(value):
    """Returns a value with every list in it as a tuple, so that JSON gives back what it got."""
    if isinstance(value, list | tuple):
        return tuple(_as_tuples(part) for part in value)
    return value


PRESETS = {
    # Seconds: for tests. Its numbers mean nothing.
    "tiny": Config(
        width=8,
        projection_dims=(32, 16),
        batch_size=32,
        pretraining_steps=24,
        label_counts=(20, 50),
        num_subsets=1,
        supervised_steps_factor=2.0,
        search="short",
        limits={"unlabeled": 512, "train": 256, "validation": 128, "test": 256},
    ),
    # A few minutes in all on two cores: the preset of the stored outputs. Half the width is a
    # quarter of the work. In so short a training many small batches, with a high learning rate and
    # more weight decay, gave the best probe on validation images of `glyphs`.
    "quick": Config(
        width=16,
        base_learning_rate=0.032,
        weight_decay=3e-3,
        batch_size=128,
        pretraining_steps=2000,
        label_counts=(10, 100, 500),
        num_subsets=2,
        search="rate",
        limits={"unlabeled": 9000, "train": 1000, "validation": 1000, "test": 2000},
    ),
    # A quarter of an hour of pretraining on images of 32 pixels, on two cores that compute in
    # bfloat16. This encoder was the most accurate for its training time in
    # benchmarks/time_to_accuracy.py; the measurements are in results/benchmarks/search.csv.
    "laptop": Config(
        encoder="small_cnn_wide",
        pretraining_steps=4200,
        label_counts=(100, 1000),
        num_subsets=3,
        search="short",
    ),
    "full": Config(),
}


# The views of the embedded datasets, chosen on validation images: in notebook 01 for `glyphs`.
# Photographs, and all other sources, have the views of the preset.
VIEWS = {
    # No flip: a sign and its mirror image may be two signs.
    "glyphs": (("crop", 0.6), ("color_jitter", 1.0), ("grayscale", 1.0)),
    # No flip: it would move the heart to the wrong side. Notebook 10 has the other reasons.
    "chests": (("crop", 0.6), ("tilt", 0.3), ("color_jitter", 0.5)),
}


def get_config(preset: str = "quick", source: str | None = None, **overrides: Any) -> Config:
    """Returns the configuration of a preset, with some settings replaced.

    Args:
        preset: String, one of `"tiny"`, `"quick"`, `"laptop"` and `"full"`.
        source: String, the source of the images, as in `load_dataset`. The sources in `VIEWS` have
            operations of their own. `None` keeps the operations of the preset.
        **overrides: Fields of `Config`. A value of `None` keeps the value of the preset.

    Returns:
        A `Config`.

    Raises:
        ValueError: If the preset or a setting is unknown, or a value is not allowed.

    Example:

    >>> get_config("tiny", temperature=0.5, batch_size=None).batch_size
    32
    >>> get_config("quick", "glyphs").operations
    (('crop', 0.6), ('color_jitter', 1.0), ('grayscale', 1.0))
    """
    if preset not in PRESETS:
        raise ValueError(f"Unknown preset {preset!r}. Choose from {list(PRESETS)}.")
    names = [field.name for field in fields(Config)]
    unknown = [name for name in overrides if name not in names]
    if unknown:
        raise ValueError(f"Unknown settings {unknown}. Choose from {names}.")
    given = {name: value for name, value in overrides.items() if value is not None}
    for name, value in given.items():
        check(name, value)
    views = {"operations": VIEWS[source]} if source in VIEWS else {}
    return replace(PRESETS[preset], **{**views, **given})


def restore(settings: dict) -> Config:
    """Returns the `Config` that a stored record describes.

    Args:
        settings: Dict from the names of fields to values, as `dataclasses.asdict` returns it and
            JSON gives it back. A field that is missing has its default.

    Returns:
        A `Config`.

    Raises:
        ValueError: If a field is unknown, because a later version of the course wrote the record.
    """
    unknown = sorted(set(settings) - {each.name for each in fields(Config)})
    if unknown:
        raise ValueError(
            f"The record has the settings {unknown}, which this version of the course does not "
            "know. Read it with the version that wrote it."
        )
    return Config(**settings)


def identity(config: Config, parts: Sequence[str] = ("pretraining", "evaluation")) -> dict:
    """Returns the settings that must stay the same while a study or a run is continued.

    Args:
        config: A `Config`.
        parts: Strings. `("pretraining",)` selects the settings that determine an encoder.
            `"evaluation"` adds those that all rows of a study have in common.

    Returns:
        A dict from names to values as JSON gives them back.
    """
    names = [each.name for each in fields(config) if _part_of(each) in parts]
    settings = asdict(config)
    return as_stored({name: settings[name] for name in names})


def describe_changes(
    settings: dict, config: Config, parts: Sequence[str] = ("pretraining", "evaluation")
) -> list[str]:
    """Describes the settings in which a stored record and a configuration differ.

    Args:
        settings: Dict, as `restore` takes it.
        config: A `Config`.
        parts: Strings, as in `identity`.

    Returns:
        A list of phrases, empty if they agree.

    Raises:
        ValueError: If the record has an unknown setting.
    """
    return describe_differences(identity(restore(settings), parts), identity(config, parts))


def _part_of(each):
    """Returns the part of the settings that a field of `Config` belongs to, a string."""
    return each.metadata.get("part", "pretraining")
