"""The grids of the ablations: what each of them varies, and its cells."""

import itertools
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """One variant of SimCLR, of fine-tuning, or of the supervised baseline.

    Attributes:
        at: String or number, its place on the horizontal axis.
        line: String, the line of a figure that it belongs to; in the grid of pairs, the row.
        settings: Dict from fields of `Config` to values.
        strengths: Dict from operations of the views to strengths. They replace those of the recipe,
            and the other operations of the recipe stay.
        times: Float, multiplies the update steps.
        equal: String, what all cells have in common: `"steps"` (updates), `"images"` (seen in all)
            or `"epochs"` (passes over the pool).
        pool: Integer, the number of images in the pool, or `None` for all.
        classifier: String, what is trained with the labels: `"probe"` on the encoder of SimCLR,
            `"fine_tuned"`, or `"supervised"`, the baseline without SimCLR.
        mixing: String, how the images of a classifier are mixed: `"none"`, `"mixup"` or `"cutmix"`.
    """

    at: str | float
    line: str = "SimCLR"
    settings: dict = field(default_factory=dict)
    strengths: dict = field(default_factory=dict)
    times: float = 1.0
    equal: str = "steps"
    pool: int | None = None
    classifier: str = "probe"
    mixing: str = "none"


@dataclass(frozen=True)
class Grid:
    """The cells of an ablation, and the words for its figure.

    Attributes:
        title: String, a few words.
        words: String, a sentence that says what is varied and what stays.
        axis: String below the horizontal axis of the figure.
        cells: Dict from a key, which never changes, to a `Cell`.
        settings: Dict from fields of `Config` to values, for every cell. They replace those of the
            preset.
        panels: Tuple with a tuple for each panel of the figure: the columns that it shows.
        log: Boolean, whether the horizontal axis is logarithmic.
        whole_pool: Boolean, whether the preset's limit of unlabeled images is lifted.
        x: String, the column of the horizontal axis.
    """

    title: str
    words: str
    axis: str
    cells: dict
    settings: dict = field(default_factory=dict)
    panels: tuple = (("accuracy",),)
    log: bool = False
    whole_pool: bool = False
    x: str = "at"


# The operations of the paper's figure 5. The smallest crop is a fifth of the area, as in the
# presets. Unlike the paper's crop, it does not mirror the image. Those that a recipe applies to a
# share of the images are applied to all of them here, but for the color operations.
OPERATIONS = {
    "crop": {"crop": 0.87},
    "cutout": {"cutout": 1.0},
    "color": {"color_jitter": 1.0, "grayscale": 1.0},
    "sobel": {"sobel": (1.0, 1.0)},
    "noise": {"noise": (1.0, 1.0)},
    "blur": {"blur": (1.0, 1.0)},
    "rotation": {"rotation": 1.0},
}
# Names of losses in `training/losses.py`, and the words for them.
LOSSES = {
    "nt_xent": "NT-Xent",
    "cross_view": "across views only",
    "decoupled": "decoupled (DCL)",
    "alignment": "no negatives",
}
UNNORMALIZED = "unnormalized"
# A cell that trains for equally many epochs has the steps of the preset at this size of the pool.
EPOCHS_AT = 10_000


def _pairs():
    """Returns a cell for each operation and for each two of them; the second view has none."""
    cells = {}
    for first, second in itertools.combinations_with_replacement(OPERATIONS, 2):
        both = {**OPERATIONS[first], **OPERATIONS[second]}
        key = first if first == second else f"{first}+{second}"
        cells[key] = Cell(second, first, {"operations": both, "second_operations": {}})
    return cells


def _heads():
    """Returns a cell for each depth of the projection head."""
    sizes = {"none": (), "linear": (128,), "1 hidden": (256, 128)}
    sizes |= {"2 hidden": (256, 256, 128), "3 hidden": (256, 256, 256, 128)}
    return {
        name.replace(" ", "-"): Cell(name, settings={"projection_dims": dims})
        for name, dims in sizes.items()
    }


def _head_widths():
    """Returns cells for the number of outputs of a linear head and of one with a hidden layer."""
    shapes = {"linear": (), "1 hidden": (256,)}
    return {
        f"{line.replace(' ', '-')}={size}": Cell(size, line, {"projection_dims": (*hidden, size)})
        for line, hidden in shapes.items()
        for size in (8, 32, 128, 512)
    }


def _color_strengths():
    """Returns the cells of the paper's table 1, for SimCLR and for the baseline."""
    jitters = {"1/8": 1 / 8, "1/4": 1 / 4, "1/2": 1 / 2, "1": 1.0}
    steps = {name: {"color_jitter": jitter} for name, jitter in jitters.items()}
    steps["1 + blur"] = {"color_jitter": 1.0, "blur": 1.0}
    return {
        f"{line.lower()}={name.replace(' ', '')}": Cell(
            name, line, strengths=strengths, classifier=classifier
        )
        for line, classifier in (("SimCLR", "probe"), ("Supervised", "supervised"))
        for name, strengths in steps.items()
    }


def _mixtures():
    """Returns cells with and without mixtures of images: in pretraining, and with labels."""
    mixes = {"none": "none", "mixup": "MixUp", "cutmix": "CutMix"}
    cells = {
        f"{line.lower()}={mixing}": Cell(words, line, classifier=classifier, mixing=mixing)
        for line, classifier in (("Supervised", "supervised"), ("Fine-tuned", "fine_tuned"))
        for mixing, words in mixes.items()
    }
    cells["pretraining=none"] = Cell("none", "Pretraining")
    cells["pretraining=mixed"] = Cell("MixUp", "Pretraining", {"mix_alpha": 1.0})
    return cells


def _normalizations():
    """Returns the cells of the paper's table 5."""
    cells = {
        f"normalized={value:g}": Cell(value, "normalized", {"temperature": value})
        for value in (0.05, 0.1, 0.5, 1.0)
    }
    for value in (1.0, 10.0, 100.0):
        settings = {"temperature": value, "loss": UNNORMALIZED}
        cells[f"unnormalized={value:g}"] = Cell(value, "unnormalized", settings)
    return cells


def _pool_sizes():
    """Returns cells for the size of the pool, with equal updates and with equal epochs."""
    sizes = (1_000, 2_000, 5_000, 10_000, 20_000, 49_000)
    return {
        f"{equal}={size}": Cell(size, f"equal {words}", equal=equal, pool=size)
        for equal, words in (("steps", "updates"), ("epochs", "epochs"))
        for size in sizes
    }


def _sweep(name, setting, values, **options):
    """Returns a cell for each value of a setting."""
    return {f"{name}={v:g}": Cell(v, settings={setting: v}, **options) for v in values}


GRIDS = {
    "augmentation-pairs": Grid(
        "Pairs of operations",
        "One view of each image passes one operation or two, and the other view is the image "
        "itself, as in the paper's figure 5. All images have one size, so none is cropped first.",
        "second operation",
        _pairs(),
        # A short schedule: the grid has many cells.
        {"pretraining_steps": 400, "label_counts": (100,)},
    ),
    "temperature": Grid(
        "Temperature",
        "The temperature of the loss.",
        "temperature",
        _sweep("temperature", "temperature", (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)),
        panels=(("accuracy",), ("contrastive_accuracy",)),
        log=True,
    ),
    "batch-size": Grid(
        "Batch size",
        "The images of a step. The learning rate grows with the square root of the batch size, and "
        "every cell sees equally many images.",
        "batch size",
        _sweep("batch", "batch_size", (32, 64, 128, 256, 512), equal="images"),
        log=True,
    ),
    "head": Grid(
        "Projection head",
        "The hidden layers of the projection head. With no head, the loss sees the features.",
        "projection head",
        _heads(),
        panels=(("accuracy", "projections_accuracy"),),
    ),
    "head-width": Grid(
        "Size of the projections",
        "The number of outputs of the projection head, linear or with a hidden layer.",
        "outputs of the head",
        _head_widths(),
        panels=(("accuracy",), ("projections_accuracy",)),
        log=True,
    ),
    "color-strength": Grid(
        "Strength of the color jitter",
        "The color jitter of the views, for SimCLR and for the supervised baseline with equally "
        "many steps at every strength, as in the paper's table 1. All else in the views stays.",
        "strength of the color jitter",
        _color_strengths(),
    ),
    "length": Grid(
        "Training length",
        "The update steps. Each length has a warm-up and a cosine decay of its own.",
        "update steps",
        {f"times={t:g}": Cell(t, times=t) for t in (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)},
        log=True,
        x="steps",
    ),
    "width": Grid(
        "Encoder width",
        "The channels of the encoder's first stage; each later stage has twice as many.",
        "channels of the first stage",
        _sweep("width", "width", (8, 16, 32, 64)),
        log=True,
    ),
    "loss": Grid(
        "Loss",
        "The loss: NT-Xent, only the candidates of the other view, DCL, and NT-Xent without its "
        "negatives.",
        "loss",
        {name: Cell(words, settings={"loss": name}) for name, words in LOSSES.items()},
        panels=(("accuracy",), ("contrastive_accuracy",)),
    ),
    "normalization": Grid(
        "Normalization of the projections",
        "NT-Xent on normalized projections and on projections of any length, each at several "
        "temperatures, as in the paper's table 5.",
        "temperature",
        _normalizations(),
        panels=(("accuracy",), ("contrastive_accuracy",)),
        log=True,
    ),
    "mixing": Grid(
        "MixUp and CutMix",
        "Mixtures of images: in the baseline and in fine-tuning, with default settings and equally "
        "many steps, and in pretraining, with a probe.",
        "images of a batch",
        _mixtures(),
        {"label_counts": (100, 500, 1000)},
    ),
    "pool-size": Grid(
        "Unlabeled images",
        "The images of the pool, with equally many updates and with equally many epochs.",
        "images in the pool",
        _pool_sizes(),
        log=True,
        whole_pool=True,
    ),
}


def describe_grids() -> str:
    """Returns a line for each grid: its name, the number of its cells, and what it varies."""
    width = max(map(len, GRIDS))
    return "\n".join(
        f"{name:<{width}}  {len(grid.cells):>2} cells. {grid.words}" for name, grid in GRIDS.items()
    )
