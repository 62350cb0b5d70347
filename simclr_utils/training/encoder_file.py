"""Encoders from elsewhere: a `.keras` file, or weights that Keras or KerasHub download."""

import contextlib
import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from simclr_utils.places import user_path
from simclr_utils.training.portable import prepend

APPLICATIONS, HUB = "keras.applications:", "hub:"
# Images are brought to this size for an encoder that takes any, unless they are larger.
USUAL_SIZE, LARGEST_SIZE = 96, 224
TRAINING_SHARE = 2 / 3  # of that size, in training: less than half of the work
FORMS = (
    "Give the path of a .keras file, a network of Keras such as "
    "keras.applications:EfficientNetV2B0, or a preset of KerasHub such as "
    "hub:efficientnet_b0_ra_imagenet."
)
NO_NETWORK = (
    "Keras downloads them once and keeps them. Connect to a network and repeat the command, or "
    "save the encoder as a .keras file elsewhere and give that file."
)


class EncoderFileError(ValueError):
    """An encoder cannot be used; the message names it and says what to do."""


def describe_encoder(name: str, input_size: int | None = None) -> dict:
    """Says which encoder a name stands for, without loading it.

    Args:
        name: String, as `open_encoder` takes it.
        input_size: Integer or `None`, as `open_encoder` takes it.

    Returns:
        A dict that JSON can hold. Equal dicts mean equal encoders: a file is known by its
        content, and may move.

    Raises:
        EncoderFileError: If there is no such file, or the name has none of the known forms.
    """
    if name.startswith((APPLICATIONS, HUB)):
        return {"encoder": name, "content": None, "input_size": input_size}
    path = user_path(name)
    if path.suffix != ".keras" or not path.is_file():
        raise EncoderFileError(f"There is no encoder file {name!r}. {FORMS}")
    content = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
    return {"encoder": path.name, "content": content, "input_size": input_size}


def open_encoder(
    name: str, image_shape: Sequence[int], input_size: int | None = None
) -> keras.Model:
    """Opens an encoder as a model of the images of a dataset.

    The model has everything inside that the encoder needs: one-channel images are repeated to
    three channels, images are resized, and their values are scaled. Feature maps are averaged
    over the image.

    Args:
        name: String: the path of a `.keras` file whose encoder takes images in 0..1, such as one
            of this course; `"keras.applications:"` and the name of a network, whose
            `preprocess_input` is used; or `"hub:"` and a preset of KerasHub.
        image_shape: Tuple `(height, width, channels)` of the dataset.
        input_size: Integer, the height and width that images are resized to. By default the
            size that the encoder was built for. An encoder that takes any size gets 96, or the
            height of the images if that is more, up to 224.

    Returns:
        A functional `keras.Model`: float images `[N, height, width, channels]` in 0..1 ->
        features `[N, D]`.

    Raises:
        EncoderFileError: If there is no such encoder, a library or a network is missing, or the
            encoder does not fit the images.

    Example:

    >>> encoder = open_encoder("encoder.keras", dataset.image_shape)
    >>> features = extract_features(encoder, dataset.train[0])
    """
    usual = input_size or usual_size(image_shape)
    if name.startswith(APPLICATIONS):
        encoder, scaling = _from_keras(name, usual)
    elif name.startswith(HUB):
        encoder, scaling = _from_hub(name)
    else:
        encoder, scaling = load_file(name), []
    encoder = pooled(encoder, name)
    size = own_size(encoder, name, usual, input_size)
    return prepend(encoder, image_shape, _adapter(encoder, name, image_shape, size, scaling))


def usual_size(image_shape):
    """Returns the size to which images are brought for an encoder that takes any size."""
    return min(max(USUAL_SIZE, *image_shape[:2]), LARGEST_SIZE)


def open_for_training(
    name: str, image_shape: Sequence[int], input_size: int | None = None
) -> keras.Model:
    """Opens an encoder to train it further: with smaller images, if it takes any size.

    Training takes ten times as long as computing features. So images are brought to two thirds of
    the size that `open_encoder` chooses, unless a size is given or the encoder has its own.

    Args:
        name: String, as in `open_encoder`.
        image_shape: Tuple `(height, width, channels)` of the dataset.
        input_size: Integer or `None`, as in `open_encoder`.

    Returns:
        A `keras.Model`, as in `open_encoder`.

    Raises:
        EncoderFileError: As in `open_encoder`.
    """
    if input_size is None:
        smaller = round(TRAINING_SHARE * usual_size(image_shape))
        with contextlib.suppress(EncoderFileError):  # the encoder has a size of its own
            return open_encoder(name, image_shape, smaller)
    return open_encoder(name, image_shape, input_size)


def pooled(encoder: keras.Model, name: str) -> keras.Model:
    """Returns an encoder that ends in a feature vector; feature maps are averaged.

    Args:
        encoder: `keras.Model` with one input and one output.
        name: String, for messages.

    Returns:
        A functional `keras.Model`.

    Raises:
        EncoderFileError: If it has several inputs or outputs, or an output of another kind.
    """
    inputs, outputs = getattr(encoder, "inputs", None), getattr(encoder, "outputs", None)
    if not inputs or not outputs:
        raise EncoderFileError(
            f"{name} is a {type(encoder).__name__} without a graph of layers. Build it as a "
            "functional or sequential Keras model, and save it again."
        )
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0].shape) != 4:
        raise EncoderFileError(
            f"{name} has inputs {[each.shape for each in inputs]} and outputs "
            f"{[each.shape for each in outputs]}. Expected one input [N, H, W, C] and one output."
        )
    (output,) = outputs
    if len(output.shape) == 4:
        output = layers.GlobalAveragePooling2D(data_format="channels_last", dtype="float32")(output)
    if len(output.shape) != 2 or output.shape[-1] is None:
        raise EncoderFileError(
            f"{name} ends in an output of shape {tuple(output.shape)}. Expected features [N, D], "
            "or feature maps [N, H, W, D], which are averaged. Save the model without the layers "
            "that follow."
        )
    return keras.Model(inputs[0], output, name="given_encoder")


def own_size(encoder, name, usual, asked):
    """Returns the pair (height, width) of the images that an encoder gets."""
    size = encoder.input_shape[1:3]
    if None in size:
        return (usual, usual)
    if asked not in (None, *size):
        raise EncoderFileError(
            f"{name} was built for images of {size[0]}x{size[1]} pixels, and input_size is {asked}."
            " Leave input_size out."
        )
    return tuple(size)


def _adapter(encoder, name, image_shape, size, scaling):
    """Returns a function that turns images of a dataset into what an encoder takes."""
    channels = encoder.input_shape[-1]
    if channels not in (image_shape[-1], 3, None):
        raise EncoderFileError(
            f"{name} takes images with {channels} channels, and these have {image_shape[-1]}. "
            "Choose an encoder for color images."
        )

    def adapt(images):
        if (image_shape[-1], channels) == (1, 3):
            images = layers.Concatenate(dtype="float32")([images] * 3)
        if tuple(image_shape[:2]) != size:
            smaller = size[0] < image_shape[0]
            images = ops.image.resize(images, size, antialias=smaller, data_format="channels_last")
        for step in scaling:
            images = step(images)
        return images

    return adapt


def load_file(name):
    """Returns the model in a `.keras` file as it was stored.

    Args:
        name: String or `Path`, the path of the file.

    Raises:
        EncoderFileError: If there is no such file, or Keras cannot load it.
    """
    name = str(name)
    describe_encoder(name)  # is it there?
    try:
        return keras.saving.load_model(user_path(name), compile=False)
    except Exception as error:  # Keras raises many kinds
        raise EncoderFileError(
            f"{Path(name).name} cannot be loaded: {_first_line(error)} If it has layers of your "
            "own, register them with keras.saving.register_keras_serializable and import their "
            "module first; or save the encoder with layers of Keras only."
        ) from error


def _from_keras(name, size):
    """Returns a network of `keras.applications` with ImageNet weights, and its scaling."""
    wanted = name.removeprefix(APPLICATIONS)
    build = getattr(keras.applications, wanted, None)
    if not callable(build):
        known = [each for each in dir(keras.applications) if each[0].isupper()]
        raise EncoderFileError(f"Keras has no network {wanted!r}. It has {', '.join(known)}.")
    try:
        encoder = build(include_top=False, weights="imagenet", input_shape=(size, size, 3))
    except ValueError as error:
        raise EncoderFileError(f"{name} at input_size={size}: {_first_line(error)}") from error
    except Exception as error:  # no network, or a file that is cut off
        raise EncoderFileError(
            f"The weights of {name} could not be downloaded: {_first_line(error)} {NO_NETWORK}"
        ) from error
    modules = [getattr(keras.applications, each) for each in dir(keras.applications)]
    modules = [each for each in modules if hasattr(each, "preprocess_input")]
    own = next(each for each in modules if getattr(each, wanted, None) is build)
    return encoder, scaling_of(own.preprocess_input)


def scaling_of(preprocess_input):
    """Returns the layers that do to images in 0..1 what a function does to images in 0..255.

    Args:
        preprocess_input: Function of float images `[N, H, W, 3]` that scales and shifts each
            channel, and may reverse their order, as those of `keras.applications` do.

    Returns:
        A list of layers and functions.
    """
    basis = np.concatenate([np.zeros((1, 3)), np.eye(3)]).astype("float32").reshape(4, 1, 1, 3)
    black, *single = np.asarray(preprocess_input(255 * basis.copy())).reshape(4, 3)
    matrix = np.array(single) - black  # row: the channel that goes in
    if np.allclose(matrix, np.diag(np.diag(matrix)), atol=1e-4):
        steps = []
    else:
        steps, matrix = [lambda images: ops.flip(images, axis=-1)], matrix[::-1]
    # Each channel's own shift, after a reversal at its new place.
    scale, offset = np.diag(matrix).tolist(), black.tolist()
    return [*steps, layers.Rescaling(scale, offset, dtype="float32")]


def _from_hub(name):
    """Returns a backbone of KerasHub, and its scaling."""
    preset = name.removeprefix(HUB)
    try:
        hub = importlib.import_module("keras_hub")
    except ImportError as error:
        raise EncoderFileError(
            f"{name} needs the library KerasHub, which is not installed: pip install keras-hub."
        ) from error
    try:
        encoder = hub.models.Backbone.from_preset(preset)
        converter = hub.layers.ImageConverter.from_preset(preset)
    except Exception as error:  # KerasHub raises many kinds
        raise EncoderFileError(
            f"{name} could not be opened: {_first_line(error)} If the weights could not be "
            f"downloaded: {NO_NETWORK}"
        ) from error
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    scale = (255 * np.asarray(scale, "float32")).tolist()
    offset = np.asarray(offset, "float32").tolist()
    return encoder, [layers.Rescaling(scale, offset, dtype="float32")]


def _first_line(error):
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".") + "."
