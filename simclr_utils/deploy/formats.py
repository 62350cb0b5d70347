"""The formats that an encoder is exported to: how each is written, and how it runs."""

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from simclr_utils.session import quiet_stderr

Run = Callable[[np.ndarray], np.ndarray]


class ExportError(ValueError):
    """An encoder cannot be exported; the message says why, and what to do."""


class Format(NamedTuple):
    """A format that an encoder is exported to.

    Attributes:
        file: String, the name of the file or folder that is written.
        write: Function `(model, path, images)` that writes the file. `images` is a uint8 array
            that only formats with integers use, to find the range of the values.
        open: Function from a path to a function from uint8 images `[N, H, W, C]` to features.
        modules: Strings, what has to be installed.
        exact: Boolean, whether the features are those of Keras up to rounding in float32.
    """

    file: str
    write: Callable[[keras.Model, Path, np.ndarray], None]
    open: Callable[[Path], Run]
    modules: tuple[str, ...] = ()
    exact: bool = True


def require(names: Iterable[str]) -> None:
    """Checks that libraries are installed.

    Args:
        names: Strings, the names of modules.

    Raises:
        ExportError: With the command that installs what is missing.
    """
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name.split(".")[0].replace("_", "-"))
    if missing:
        raise ExportError(
            f"This needs {', '.join(missing)}, which is not installed. Install what all formats "
            f'need with pip install -e ".[export]", or this alone with pip install '
            f"{' '.join(missing)}."
        )


def write_saved_model(model: keras.Model, path: Path, images: np.ndarray | None = None) -> None:
    """Writes a model as a SavedModel of TensorFlow, with the endpoint `serve`.

    Args:
        model: `keras.Model`, uint8 images -> features.
        path: `Path` of the folder to write.
        images: Not used.
    """
    model.export(path, format="tf_saved_model", verbose=False)


def open_saved_model(path: Path) -> Run:
    """Returns a function that runs a SavedModel.

    Args:
        path: `Path` of the folder.
    """
    loaded = tf.saved_model.load(str(path))
    # The function refers to the loaded variables, which would go otherwise.
    return lambda images: np.asarray(loaded.serve(tf.constant(images)))


def write_onnx(model: keras.Model, path: Path, images: np.ndarray | None = None) -> None:
    """Writes a model as ONNX.

    Args:
        model: `keras.Model`, uint8 images -> features.
        path: `Path` of the file to write.
        images: Not used.
    """
    with _calm():
        model.export(path, format="onnx", verbose=False)


def open_onnx(path: Path) -> Run:
    """Returns a function that runs an ONNX file on the processor with ONNX Runtime.

    Args:
        path: `Path` of the file.
    """
    onnxruntime = importlib.import_module("onnxruntime")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


def write_litert(model: keras.Model, path: Path, images: np.ndarray | None = None) -> None:
    """Writes a model in float32 for LiteRT, which was TensorFlow Lite.

    Args:
        model: `keras.Model`, uint8 images -> features.
        path: `Path` of the file to write.
        images: Not used.
    """
    _convert(model, path)


def write_litert_int8(model: keras.Model, path: Path, images: np.ndarray) -> None:
    """Writes a model for LiteRT whose weights and activations are integers of 8 bits.

    Features are float32. The ranges of all activations are found on images.

    Args:
        model: `keras.Model`, uint8 images -> features.
        path: `Path` of the file to write.
        images: Uint8 array `[N, H, W, C]`, images like those that the encoder will see.
    """

    def change(converter):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]

    _convert(model, path, change)


def _convert(model, path, change=lambda converter: None):
    """Writes a LiteRT file from a SavedModel: Keras 3.12 has no format of that name."""
    folder = path.with_name(f"{path.name}-saved-model")
    write_saved_model(model, folder)
    with _calm():
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
        change(converter)
        path.write_bytes(converter.convert())


def open_litert(path: Path) -> Run:
    """Returns a function that runs a LiteRT file.

    Args:
        path: `Path` of the file.
    """
    module = importlib.import_module("ai_edge_litert.interpreter")
    with quiet_stderr():
        interpreter = module.Interpreter(model_content=path.read_bytes())
    (given,), (returned,) = interpreter.get_input_details(), interpreter.get_output_details()

    shape = None

    def run(images):
        nonlocal shape
        if images.shape != shape:
            shape = images.shape
            with quiet_stderr():
                interpreter.resize_tensor_input(given["index"], shape)
                interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(returned["index"])

    return run


@contextlib.contextmanager
def _calm():
    """Silences what converters print and warn of, which is for their programmers."""
    with warnings.catch_warnings(), quiet_stderr():
        warnings.simplefilter("ignore")
        yield


LITERT = ("ai_edge_litert.interpreter",)
FORMATS = {
    "savedmodel": Format("encoder_savedmodel", write_saved_model, open_saved_model),
    "onnx": Format(
        "encoder.onnx", write_onnx, open_onnx, modules=("tf2onnx", "onnx", "onnxruntime")
    ),
    "litert": Format("encoder.tflite", write_litert, open_litert, modules=LITERT),
    "litert-int8": Format(
        "encoder_int8.tflite", write_litert_int8, open_litert, modules=LITERT, exact=False
    ),
}
