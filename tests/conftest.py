"""Tests run TensorFlow as the course does."""

from simclr_utils.startup import set_environment

set_environment()
