"""Tests run TensorFlow as the course does, and each of them in float32."""

import os
import sys

import pytest

from simclr_utils.session import set_environment
from simclr_utils.system.processor import BFLOAT16_FLAGS, CAPS_WITHOUT_BFLOAT16, processor_flags

set_environment()


def pytest_runtest_setup(item):
    """Skips what computes in bfloat16 where a cap takes that from a processor that has it."""
    capped = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in CAPS_WITHOUT_BFLOAT16
    if capped and BFLOAT16_FLAGS & processor_flags() and item.get_closest_marker("bfloat16"):
        pytest.skip("oneDNN refuses bfloat16 under the cap that is set")


@pytest.fixture(autouse=True)
def float32():
    """What `start` chose in one test, bfloat16 on some processors, must not reach the next."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].config.set_dtype_policy("float32")
