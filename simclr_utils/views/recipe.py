"""The recipe of a view: random operations by name, composed into one layer."""

from collections.abc import Mapping, Sequence

import keras

from simclr_utils.keras_settings import warn_of_overridden
from simclr_utils.views.color import RandomColorJitter, RandomGrayscale
from simclr_utils.views.crop import RandomResizedCrop
from simclr_utils.views.enhance import RandomSharpness
from simclr_utils.views.filters import RandomGaussianBlur, RandomGaussianNoise, RandomSobel
from simclr_utils.views.geometry import (
    RandomCutout,
    RandomFlip,
    RandomQuarterTurns,
    RandomVerticalFlip,
    build_tilt,
)
from simclr_utils.views.layers import RandomOperation, operation_seed
from simclr_utils.views.own import adopt
from simclr_utils.views.rand_augment import RandAugment
from simclr_utils.views.tones import RandomEqualization, RandomSolarization, build_posterization

warn_of_overridden()

# The meaning of strength s for each operation, in the order in which the operations are applied:
# place, tone, filters, noise, cutout. Strength 1 is the usual one. For crop, flip, color jitter,
# grayscale and blur it is that of the paper's recipe for ImageNet. A flip has no strength.
OPERATIONS = {
    "crop": lambda s, size, seed: RandomResizedCrop(size, (1 - 0.92 * min(s, 1), 1), seed=seed),
    "flip": lambda s, size, seed: RandomFlip(0.5, seed),
    "vertical_flip": lambda s, size, seed: RandomVerticalFlip(0.5, seed),
    "rotation": lambda s, size, seed: RandomQuarterTurns(0.75, seed),
    "tilt": lambda s, size, seed: build_tilt(min(30 * s, 180), 0.5, seed),
    "rand_augment": lambda s, size, seed: RandAugment(s, 2, 1.0, seed),
    "color_jitter": lambda s, size, seed: RandomColorJitter(
        0.8 * s, 0.8 * s, 0.8 * s, min(0.2 * s, 0.5), probability=0.8, seed=seed
    ),
    "grayscale": lambda s, size, seed: RandomGrayscale(min(s, 1), probability=0.2, seed=seed),
    "equalize": lambda s, size, seed: RandomEqualization(min(s, 1), 0.5, seed),
    "posterize": lambda s, size, seed: build_posterization(s, 0.5, seed),
    "solarize": lambda s, size, seed: RandomSolarization(1 - min(s, 2) / 2, 0.2, seed),
    "blur": lambda s, size, seed: RandomGaussianBlur((0.1, max(2 * s, 0.1)), 0.5, seed),
    "sharpness": lambda s, size, seed: RandomSharpness(0.9 * min(s, 1), 0.5, seed),
    "sobel": lambda s, size, seed: RandomSobel(min(s, 1), 0.5, seed),
    "noise": lambda s, size, seed: RandomGaussianNoise(0.1 * s, 0.5, seed),
    "cutout": lambda s, size, seed: RandomCutout(min(0.5 * s, 1), seed),
}
# There is no half of these: above strength 0 they are whole, and at 0 they are left out.
ALL_OR_NOTHING = ("vertical_flip", "rotation")
DEFAULT_OPERATIONS = ("crop", "flip", "color_jitter", "grayscale")


# A strength, or a layer of one's own; or a pair of one of these and a probability.
Amount = float | keras.Layer | tuple[float | keras.Layer, float]


def build_augmenter(
    image_size: int,
    strength: float = 1.0,
    operations: Sequence[str | keras.Layer] | Mapping[str, Amount] = DEFAULT_OPERATIONS,
    channels: int = 3,
    seed: int | None = None,
) -> keras.Sequential:
    """Builds the layer that turns a batch of images into one random view of each image.

    Call the layer twice for two views. The operations run in the order in which they are listed
    here, whatever the order in `operations`. Each draws new random numbers for every image and
    every call, even inside a `tf.function`, and in both training and inference mode.

    | Name | At strength 1 | Probability |
    |---|---|---|
    | `"crop"` | a box of 8 % to 100 % of the area, resized | 1 |
    | `"flip"` | mirrored left to right | 0.5 |
    | `"vertical_flip"` | mirrored top to bottom | 0.5 |
    | `"rotation"` | turned by 90, 180 or 270 degrees, as in the paper | 0.75 |
    | `"tilt"` | turned by up to 30 degrees | 0.5 |
    | `"rand_augment"` | two of 14 changes, chosen for each image | 1 |
    | `"color_jitter"` | brightness, contrast, saturation by up to 80 %, hue by 20 % | 0.8 |
    | `"grayscale"` | without color | 0.2 |
    | `"equalize"` | all values equally frequent | 0.5 |
    | `"posterize"` | without the last 1 to 4 of 8 bits | 0.5 |
    | `"solarize"` | values above 0.5 inverted | 0.2 |
    | `"blur"` | a Gaussian of 0.1 to 2 pixels | 0.5 |
    | `"sharpness"` | sharper or softer by up to 90 % | 0.5 |
    | `"sobel"` | edges | 0.5 |
    | `"noise"` | Gaussian noise of up to 0.1 | 0.5 |
    | `"cutout"` | a gray square, its side up to half of the image's | 1 |

    An operation of your own is any `keras.Layer` from float32 images in [0, 1] to images of the
    same shape in [0, 1]. Such layers run last, in the order given, in training mode. Keras' random
    layers for colors need `value_range=(0, 1)`. To write a new operation, derive it from
    `RandomOperation`.

    Args:
        image_size: Integer, the height and width of the views.
        strength: Float, at least 0. It multiplies the strength of every operation. 1 is the usual
            strength: for crop, flip, color jitter, grayscale and blur that of the paper's recipe
            for ImageNet. 0 leaves only `"flip"` and your own layers, which have no strength.
        operations: Sequence of names and layers; or mapping from names to strengths, or to pairs
            `(strength, probability)`, such as `{"crop": 1.0, "color_jitter": (0.5, 0.8)}`. At
            strength 0, an operation changes nothing. A vertical flip or a rotation is the same at
            every strength above 0. For a layer of your own, choose a name, and give the layer in
            place of the strength: `{"crop": 1.0, "zoom": keras.layers.RandomZoom(0.2)}`. A
            probability is in [0, 1]; the default is in the table, and 1 for your own layers.
        channels: Integer, 3 for color images or 1 for gray images. For gray images, `"grayscale"`
            is left out and `"color_jitter"` changes brightness and contrast only; a printed line
            says so.
        seed: Integer, at least 0, that makes the sequence of views repeatable, or `None`. Each
            operation has a random stream of its own that depends on the seed and on its name.
            Your own layers keep their seeds.

    Returns:
        A `keras.Sequential`: uint8 `[N, height, width, channels]` -> float32
        `[N, image_size, image_size, channels]` in [0, 1].

    Raises:
        ValueError: If a name is unknown or taken, a strength is negative, a probability is not in
            [0, 1], `channels` is neither 1 nor 3, or a layer of your own changes the shape of the
            images or returns values outside [0, 1].

    Example:

    >>> augmenter = build_augmenter(32, operations={"crop": 0.87, "flip": 1, "color_jitter": 0.5})
    >>> images = np.zeros([256, 32, 32, 3], dtype="uint8")
    >>> views_1, views_2 = augmenter(images), augmenter(images)
    >>> zooming = build_augmenter(32, operations=["crop", keras.layers.RandomZoom(0.2)])

    References:
        Chen et al. 2020, "A simple framework for contrastive learning of visual
        representations", section 3 and appendix A.
    """
    if not isinstance(operations, Mapping):
        own = {each.name: each for each in operations if isinstance(each, keras.Layer)}
        operations = {each: 1.0 for each in operations if not isinstance(each, keras.Layer)} | own
    if channels == 1 and {"color_jitter", "grayscale"} & set(operations):
        print("One-channel images: no grayscale, and color_jitter without saturation and hue.")
    return compose(build_operations(image_size, operations, strength, channels, seed))


def compose(layers):
    """Returns layers for images in [0, 1] as one layer for uint8 images, a `keras.Sequential`."""
    first = keras.layers.Rescaling(1 / 255, dtype="float32")
    return keras.Sequential([first, *layers], name="augmenter")


def build_operations(image_size, operations, strength=1.0, channels=3, seed=None):
    """Builds the layers of a recipe, in the order in which they are applied.

    Args:
        image_size: Integer, as in `build_augmenter`.
        operations: Mapping, as in `build_augmenter`.
        strength: Float, as in `build_augmenter`.
        channels: Integer, as in `build_augmenter`.
        seed: Integer or `None`, as in `build_augmenter`.

    Returns:
        A list of layers that take and return float32 images in [0, 1].

    Raises:
        ValueError: As in `build_augmenter`.
    """
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: {channels}")
    amounts, chances = read_recipe(operations)
    layers = []
    for name, build in OPERATIONS.items():
        if name not in amounts or (name == "grayscale" and channels == 1):
            continue
        amount = amounts[name] * strength
        if amount < 0:
            raise ValueError(f"Strengths must not be negative. Received: {name} {amount}")
        if amount == 0 and name in ALL_OR_NOTHING:
            continue
        layer = build(amount, image_size, operation_seed(seed, name))
        layer.probability = chances.get(name, layer.probability)
        layers.append(layer)
    for name, layer in amounts.items():
        if name not in OPERATIONS:
            shape = (image_size, image_size, channels)
            own = adopt(layer, name, shape, operation_seed(seed, name))
            own.probability = chances.get(name, own.probability)
            layers.append(own)
    return layers


def read_recipe(operations):
    """Separates the strengths or layers of a recipe from its probabilities.

    Args:
        operations: Mapping, as in `build_augmenter`.

    Returns:
        A pair of dicts: from each name to a strength or a layer, and from the names that have one
        to a probability.

    Raises:
        ValueError: If a name is unknown or taken, or a probability is not in [0, 1].
    """
    pairs = {n: v if isinstance(v, Sequence) else (v,) for n, v in operations.items()}
    amounts = {name: pair[0] for name, pair in pairs.items()}
    chances = {name: pair[1] for name, pair in pairs.items() if len(pair) > 1}
    own = [name for name, amount in amounts.items() if isinstance(amount, keras.Layer)]
    unknown = [name for name in amounts if name not in (*OPERATIONS, *own)]
    if unknown:
        raise ValueError(
            f"Unknown operations {unknown}. Choose from {list(OPERATIONS)}, or give a "
            "`keras.Layer` of your own in place of the strength."
        )
    taken = [name for name in own if name in OPERATIONS]
    if taken:
        raise ValueError(f"The names {taken} are taken. Choose other names for your own layers.")
    for name, chance in chances.items():
        if not 0 <= chance <= 1:
            raise ValueError(f"Probabilities must be in 0 to 1. Received: {name} {chance}")
    return amounts, chances


def on_every_image(augmenter: keras.Sequential) -> keras.Sequential:
    """Makes each operation of an augmenter change every image, not just a random share.

    Flips stay at one half: if all images were mirrored, nothing about a flip would be random.

    Args:
        augmenter: Result of `build_augmenter`. It is changed in place, so call this function
            before the augmenter is first used.

    Returns:
        The same augmenter.
    """
    for layer in augmenter.layers:
        if isinstance(layer, RandomOperation) and not isinstance(layer, RandomFlip):
            layer.probability = 1.0
    return augmenter
