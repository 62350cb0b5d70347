"""Tests run TensorFlow as the course does, and each of them in float32."""

import sys

import pytest

from simclr_utils.startup import set_environment

set_environment()


@pytest.fixture(autouse=True)
def float32():
    """What `start` chose in one test, bfloat16 on some processors, must not reach the next."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].config.set_dtype_policy("float32")
