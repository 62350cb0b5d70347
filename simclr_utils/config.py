"""What a run is made of: one frozen dataclass, and four presets of it."""

from dataclasses import asdict, dataclass, field, fields, replace

from simclr_utils.files import as_stored, describe_differences
from simclr_utils.parameters import check


def of_evaluation(default):
    """Makes a field that a study is held to, but that does not change its encoders."""
    return field(default=default, metadata={"part": "evaluation"})


def may_grow(default):
    """Makes a field that may change while a study goes on."""
    return field(default=default, metadata={"part": "growing"})


@dataclass(frozen=True)
class Config:
    """All settings of a run. A `Config` is passed in; what computes reads no global.

    The defaults are the preset `full`, from which results come. Views may be given as a dict or
    as pairs; they are kept as pairs.
    """

    encoder: str = "small_cnn"  # or small_cnn_wide, resnet18
    width: int | None = None  # channels of the first stage; None: the encoder's own default
    projection_dims: tuple = (256, 128)  # hidden and output size of the projection head
    operations: tuple = (  # the views, name and strength
        ("crop", 0.87),  # smallest crop 0.2 of the area: 0.08 is too little of 32 pixels
        ("flip", 1.0),
        ("color_jitter", 0.5),  # what the paper uses for CIFAR-10
        ("grayscale", 1.0),
    )
    temperature: float = 0.1
    optimizer: str = "adamw"  # or sgd, lamb
    base_learning_rate: float = 8e-3  # at batch size 256; scales with the square root
    weight_decay: float = 1e-4
    batch_size: int = 256  # images, each seen twice
    micro_batch_size: int | None = None  # images in the encoder at once; None: the whole batch
    pretraining_steps: int = 5500
    label_counts: tuple = may_grow((100, 250, 500, 1000, 10_000))
    num_subsets: int = may_grow(3)  # label subsets at each count
    supervised_steps_factor: float = of_evaluation(40.0)  # update steps: factor * sqrt(labels)
    # Images of each split, as `load_dataset` takes it; None: all. The data's fingerprint tells
    # encoders apart that were trained on other images.
    limits: dict | None = of_evaluation(None)

    def __post_init__(self):
        operations = self.operations
        if isinstance(operations, dict):
            object.__setattr__(self, "operations", tuple(operations.items()))
        for each in fields(self):
            object.__setattr__(self, each.name, as_tuples(getattr(self, each.name)))


def as_tuples(value):
    """Returns a value with every list in it as a tuple, so that JSON gives back what it got."""
    if isinstance(value, list | tuple):
        return tuple(as_tuples(part) for part in value)
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
        limits={"unlabeled": 512, "train": 256, "validation": 128, "test": 256},
    ),
    # About a minute a notebook on two cores: what the stored outputs were made with. Half the
    # width is a quarter of the work.
    "quick": Config(
        width=16,
        pretraining_steps=200,
        label_counts=(100, 500),
        num_subsets=1,
        supervised_steps_factor=20.0,
        limits={"unlabeled": 8000, "train": 2000, "validation": 1000, "test": 2000},
    ),
    # A quarter of an hour of pretraining on images of 32 pixels, on two cores that compute in
    # bfloat16. The encoder is what gained something in the search of
    # benchmarks/time_to_accuracy.py, whose rows are results/benchmarks/search.csv.
    "laptop": Config(
        encoder="small_cnn_wide",
        pretraining_steps=4200,
        label_counts=(100, 1000),
    ),
    "full": Config(),
}


def get_config(preset="quick", **overrides):
    """Returns the configuration of a preset, with some values replaced.

    Args:
        preset: str, a key of `PRESETS`.
        **overrides: fields of `Config`; those that are `None` stay as the preset says.

    Returns:
        A `Config`.

    Raises:
        ValueError: if the preset or a field is unknown, or a value impossible.
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
    return replace(PRESETS[preset], **given)


def restore(settings):
    """Returns the `Config` that a stored record describes.

    Args:
        settings: Dict from the names of fields to values, as `dataclasses.asdict` returns it and
            JSON gives it back. A field that was added since has its default.

    Returns:
        A `Config`.

    Raises:
        ValueError: If a field is unknown: a later version of the course wrote the record.
    """
    unknown = sorted(set(settings) - {each.name for each in fields(Config)})
    if unknown:
        raise ValueError(
            f"The record has the settings {unknown}, which this version of the course does not "
            "know. Read it with the version that wrote it."
        )
    return Config(**settings)


def identity(config, parts=("pretraining", "evaluation")):
    """Returns the settings that must stay as they are while a study or a pretraining goes on.

    Args:
        config: A `Config`.
        parts: Strings. `("pretraining",)` gives what makes an encoder; with `"evaluation"` the
            dict has what all rows of a study have in common.

    Returns:
        A dict from names to values as JSON gives them back.
    """
    names = [each.name for each in fields(config) if part_of(each) in parts]
    settings = asdict(config)
    return as_stored({name: settings[name] for name in names})


def part_of(each):
    """Returns what a field of `Config` belongs to, a string."""
    return each.metadata.get("part", "pretraining")


def describe_changes(settings, config, parts=("pretraining", "evaluation")):
    """Says in which settings a stored record and a configuration differ.

    Args:
        settings: Dict, as `restore` takes it.
        config: A `Config`.
        parts: As of `identity`.

    Returns:
        A list of phrases, empty where they agree.
    """
    return describe_differences(identity(restore(settings), parts), identity(config, parts))
