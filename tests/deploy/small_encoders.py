"""Small encoders in files, for the tests of what is taken away."""

import numpy as np

from simclr_utils.training import networks
from simclr_utils.training.pretraining import Pretraining, save_pretraining


def save_encoder(folder, name="small_cnn", shape=(16, 16, 3), decoding=None):
    """Saves a network whose statistics are not those of the start, with a record."""
    encoder = networks.build_encoder(shape, name, width=4)
    encoder(np.random.default_rng(0).uniform(size=(8, *shape)), training=True)
    encoder = networks.as_float32(encoder)
    head = networks.as_float32(networks.build_projection_head(encoder.output_shape[-1], 8, 4))
    details = {"dataset": "pets", "class_names": [], "image_shape": shape}
    details["decoding"] = decoding or {}
    save_pretraining(folder, Pretraining(encoder, head, {"loss": [1.0]}, details))
    return folder
