"""Encoder files that load in Keras 3.12 and later, and that describe their own use."""

import importlib
import inspect
import json
import zipfile
from pathlib import Path

import keras
from keras import ops

# Keras writes this member of the archive but never reads it.
RECORD_FILE = "metadata.json"
RECORD_KEY = "simclr_utils"

# An image whose largest value is above this has values in 0..255, otherwise in 0..1.
LARGEST_OF_UNIT_RANGE = 2.0

# How Pillow resizes a picture to the encoder's size, by the name of the rule.
RESIZE = {
    "crop": "PIL.ImageOps.fit(image, ({width}, {height}))",
    "pad": "PIL.ImageOps.pad(image, ({width}, {height}), color={background!r})",
    "squash": "image.resize(({width}, {height}))",
}


def take_any_range(encoder):
    """Returns an encoder that also takes images in 0..255.

    A first step divides an image by 255 if its largest value is above 2. It passes an image in
    0..1 on unchanged, so its features stay the same to the bit.

    Args:
        encoder: Functional or sequential `keras.Model`, images `[N, H, W, C]` in 0..1 -> features.

    Returns:
        A new `keras.Model` with the same name and the same weights, made of Keras' own layers:
        images in 0..1 or 0..255, float or uint8 -> features.
    """

    def scale(images):
        largest = ops.max(images, axis=(1, 2, 3), keepdims=True)
        divisor = ops.where(ops.greater(largest, LARGEST_OF_UNIT_RANGE), 255.0, 1.0)
        return ops.divide(images, divisor)

    return prepend(encoder, encoder.input_shape[1:], scale)


def without_range_step(encoder):
    """Returns an encoder without the first step that `take_any_range` gave it.

    Args:
        encoder: Functional `keras.Model`, images -> features.

    Returns:
        A `keras.Model` of images in 0..1 that shares the weights, or the encoder itself if it has
        no such step.
    """
    images = encoder.inputs[0]
    for operation in encoder.operations:
        if type(operation).__name__ == "Divide" and operation.input[0] is images:
            return keras.Model(operation.output, encoder.outputs[0], name=encoder.name)
    return encoder


def prepend(encoder, image_shape, change):
    """Returns a model that changes its images first, as one graph of layers.

    Args:
        encoder: Functional or sequential `keras.Model`, images -> features.
        image_shape: Tuple `(height, width, channels)` of the images before the change.
        change: Function of a symbolic tensor of images that returns what the encoder takes. It
            may use layers of Keras and functions of `keras.ops`.

    Returns:
        A new functional `keras.Model` with the same name and the same weights.
    """
    images = keras.Input(image_shape, name="images")
    functional = keras.Model(encoder.inputs[0], encoder.outputs[0], name=encoder.name)
    changed = change(images)

    def call(layer, *args, **kwargs):
        args, kwargs = keras.tree.map_structure(
            lambda value: changed if value is images else value, (args, kwargs)
        )
        return layer(*args, **kwargs)

    copy = keras.models.clone_model(
        functional,
        input_tensors=images,
        clone_function=lambda layer: type(layer).from_config(layer.get_config()),
        call_function=call,
    )
    copy.set_weights(functional.get_weights())
    return copy


def save_model(model, path, record):
    """Writes a model as a `.keras` file that older versions of Keras can read too.

    Settings that have their default value are left out. A newer Keras has settings that an older
    one refuses, and both fill in the defaults by themselves.

    Args:
        model: `keras.Model`.
        path: Path of the file to write. It ends in `.keras`.
        record: Dict that JSON can hold. It is stored in the file; `read_record` returns it.
    """
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = without_defaults(json.loads(members["config.json"]))
    metadata = {**json.loads(members[RECORD_FILE]), RECORD_KEY: record}
    members |= {"config.json": json.dumps(config), RECORD_FILE: json.dumps(metadata)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def without_defaults(node):
    """Removes settings that have their default value from a part of a model's configuration."""
    if isinstance(node, list):
        return [without_defaults(part) for part in node]
    if not isinstance(node, dict):
        return node
    node = {name: without_defaults(part) for name, part in node.items()}
    if str(node.get("module")).split(".")[0] == "keras" and isinstance(node.get("config"), dict):
        defaults = constructor_defaults(node["module"], node["class_name"])
        node["config"] = {
            name: value
            for name, value in node["config"].items()
            if name not in defaults or defaults[name] != value
        }
    return node


def constructor_defaults(module, class_name):
    """Returns the default values of a class's arguments, a dict, as JSON gives them back."""
    kind = getattr(importlib.import_module(module), class_name)
    defaults = {}
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        value = parameter.default
        if isinstance(value, (type(None), bool, int, float, str, tuple)):
            defaults[name] = list(value) if isinstance(value, tuple) else value
    return defaults


def describe_use(encoder, resize="crop", background="white", value_range=None):
    """Describes what an encoder takes and returns, and how to use it without this package.

    Args:
        encoder: `keras.Model`, images -> features.
        resize: String, as in `Reading`: how pictures were brought to the encoder's size.
        background: String, a color, as in `Reading`.
        value_range: Pair of numbers that became 0 and 1 in pictures of more than 8 bits, or
            `None` if there were no such pictures.

    Returns:
        A dict that JSON can hold. Its entry `use` is a list of lines of Python that turn a
        picture file into features.
    """
    height, width, channels = encoder.input_shape[1:]
    mode = "L" if channels == 1 else "RGB"
    sized = RESIZE[resize].format(width=width, height=height, background=background)
    pixels = f"numpy.asarray({sized})"
    pixels += f".reshape(1, {height}, {width}, {channels})"
    values = "0..1 or 0..255, uint8 or float; an image with a value above 2 is in 0..255"
    if value_range is not None:
        low, high = value_range
        values += (
            f"; pictures of more than 8 bits as (value - {low:g}) / ({high:g} - {low:g}), cut to "
            "0..1"
        )
    return {
        "values": values,
        "axes": f"[N, {height}, {width}, {channels}]: images, height, width, channels",
        "channels": "gray" if channels == 1 else "red, green, blue",
        "resize": resize,
        "feature_dim": encoder.output_shape[-1],
        "use": [
            "import keras, numpy, PIL.Image, PIL.ImageOps",
            f'image = PIL.ImageOps.exif_transpose(PIL.Image.open("picture.png")).convert("{mode}")',
            f"pixels = {pixels}",
            'features = keras.saving.load_model("encoder.keras", compile=False)(pixels)',
        ],
    }


def read_record(path):
    """Returns the record that is stored in an encoder file.

    Args:
        path: Path of a `.keras` file that `save_pretraining` wrote.

    Returns:
        A dict that says how the encoder was made. Its entry `input` says what the encoder takes
        and how to use it.

    Raises:
        ValueError: If the file has no such record.
    """
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read(RECORD_FILE))
    if RECORD_KEY not in metadata:
        raise ValueError(
            f"{Path(path).name} has no record of this package. Earlier versions of the package "
            "wrote the record into the file encoder.json in the same folder."
        )
    return metadata[RECORD_KEY]
