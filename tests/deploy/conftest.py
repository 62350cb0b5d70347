"""An encoder that all tests of what is taken away share."""

import pytest
from small_encoders import save_encoder

from simclr_utils.deploy.ready import open_ready


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory):
    """A folder with an encoder of images of 16x16 pixels, padded with black."""
    decoding = {"resize": "pad", "background": "black", "value_range": None}
    return save_encoder(tmp_path_factory.mktemp("encoder"), decoding=decoding)


@pytest.fixture(scope="session")
def ready(encoder_folder):
    return open_ready(encoder_folder)
