"""A user's keras.json and KERAS_BACKEND: results stay the same to the bit, or are refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEFAULTS = {"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow"}
DEFAULTS |= {"image_data_format": "channels_last"}

# A training of two steps, in a user's script; {start} is where a notebook calls `start`.
SCRIPT = """
import hashlib, sys
import numpy as np
{start}
from simclr_utils import SimCLR, build_augmenter, build_encoder, build_projection_head
import keras
keras.utils.set_random_seed(0)
images = np.random.default_rng(0).integers(0, 256, (16, 16, 20, 3), dtype=np.uint8)
augmenter = build_augmenter(16, operations=["crop", "color_jitter"], seed=0)
encoder = build_encoder((16, 16, 3), width=4)
head = build_projection_head(32, 8, 4)
model = SimCLR(augmenter, encoder, head)
model.compile(keras.optimizers.AdamW(1e-3))
model.fit(images[:, :, :16], batch_size=8, verbose=0, shuffle=False)
pool = keras.layers.MaxPooling2D()(images.astype("float32"))
weights = b"".join(w.tobytes() for w in encoder.get_weights() + head.get_weights())
print(hashlib.sha256(weights + np.asarray(pool).tobytes()).hexdigest(), pool.shape)
"""
START = "from simclr_utils.session import start; print(start(precision='float32'))"


def run(code, folder, settings=None, **variables):
    """Runs code where keras.json has these settings beside the defaults."""
    folder.mkdir()
    (folder / "keras.json").write_text(json.dumps({**DEFAULTS, **(settings or {})}))
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment |= {"KERAS_HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The last line of the script with and without `start`, on Keras' defaults."""
    folder = tmp_path_factory.mktemp("defaults")
    lines = {}
    for name, start in (("notebook", START), ("script", "")):
        done = run(SCRIPT.format(start=start), folder / name)
        assert done.returncode == 0, done.stderr
        assert "instead of" not in done.stdout and "simclr_utils" not in done.stderr
        lines[name] = done.stdout.splitlines()[-1]
    return lines


def test_a_users_settings_change_no_number_of_a_script(expected, tmp_path):
    settings = {"image_data_format": "channels_first", "floatx": "float16", "backend": "torch"}
    done = run(SCRIPT.format(start=""), tmp_path / "keras", settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == expected["script"]
    assert "channels_last instead of channels_first" in done.stderr
    assert "floatx float32 instead of float16" in done.stderr
    assert "set to the backend torch" in done.stderr


def test_nor_of_a_notebook_whose_first_cell_says_so(expected, tmp_path):
    settings = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 1e-3}
    done = run(SCRIPT.format(start=START), tmp_path / "keras", settings, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    sentence, result = done.stdout.splitlines()
    assert result == expected["notebook"]
    for name in ("floatx float32", "epsilon 1e-07", "image_data_format channels_last"):
        assert f"{name} instead of" in sentence
    assert "set to the backend jax" in done.stderr


def test_another_backend_that_runs_already_is_named_with_its_cure(tmp_path):
    code = "import sys, types; keras = sys.modules['keras'] = types.ModuleType('keras'); "
    code += "keras.config = types.SimpleNamespace(backend=lambda: 'torch'); import simclr_utils"
    done = run(code, tmp_path / "keras")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: simclr_utils needs Keras on TensorFlow")
    assert "on torch. Restart Python" in last and "KERAS_BACKEND=tensorflow" in last


@pytest.mark.parametrize("content", ["", "[]", "{", '{"floatx": "float32"}'])
def test_an_odd_keras_json_is_no_backend(content, tmp_path, monkeypatch):
    from simclr_utils.keras_settings import configured_backend

    (tmp_path / "keras.json").write_text(content)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert configured_backend() == "tensorflow"


def test_the_command_line_hands_its_backend_on(tmp_path):
    code = "import os, runpy, sys\nsys.argv = ['simclr_utils', '--help']\n"
    code += "try: runpy.run_module('simclr_utils', run_name='__main__')\n"
    code += "except SystemExit: print(os.environ['KERAS_BACKEND'])"
    done = run(code, tmp_path / "keras", {"backend": "torch"})
    assert done.stdout.splitlines()[-1] == "tensorflow", done.stderr
    assert "set to the backend torch" in done.stderr
