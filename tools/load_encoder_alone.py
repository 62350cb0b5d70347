"""Loads an encoder in Keras alone and compares its features with stored ones.

    python tools/load_encoder_alone.py ENCODER.keras FEATURES.npz

It needs Keras, TensorFlow and NumPy, and not this package. `FEATURES.npz` holds uint8 `images` and
the `features` that another environment computed from them. If the file does not exist, it is
written.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main(file, stored):
    import keras
    import numpy as np

    encoder = keras.saving.load_model(file, compile=False)
    if not Path(stored).exists():
        images = np.random.default_rng(0).integers(
            0, 256, (8, *encoder.input_shape[1:]), dtype=np.uint8
        )
        np.savez(stored, images=images, features=np.asarray(encoder(images / 255)))
    with np.load(stored) as expected:
        images, features = expected["images"], expected["features"]
    for kind, given in {
        "uint8": images,
        "0..255": images.astype("float32"),
        "0..1": images / 255,
    }.items():
        found = np.asarray(encoder.predict(given, verbose=0))
        if not np.allclose(found, features, rtol=1e-4, atol=1e-4):
            sys.exit(f"Keras {keras.__version__}: the features of {kind} images differ")
    if "simclr_utils" in sys.modules:
        sys.exit("loading the file imported simclr_utils")
    print(f"Keras {keras.__version__}: {Path(file).name} loads, its features are the same")


if __name__ == "__main__":
    main(*sys.argv[1:])
