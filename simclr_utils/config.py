"""What a run is made of: one frozen dataclass, and four presets of it."""

from dataclasses import dataclass, fields, replace

from simclr_utils.parameters import check


@dataclass(frozen=True)
class Config:
    """All that a reader might set. It is passed in: what computes imports it nowhere.

    The defaults are the preset `full`, from which results come.
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
    label_counts: tuple = (100, 250, 500, 1000, 10_000)
    num_subsets: int = 3  # label subsets at each count
    supervised_steps_factor: float = 40.0  # update steps are factor * sqrt(labels)
    limits: dict | None = None  # images of each split, as `load_dataset` takes it; None: all


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
