"""A quiet start, seeds, and the choice of precision."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from simclr_utils import session
from simclr_utils.__main__ import main
from simclr_utils.system import processor


def test_quiet_stderr_swallows_native_output_and_gives_it_back(capfd):
    with session.quiet_stderr():
        os.write(2, b"noise of native code\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_exceptions_surface_and_the_descriptor_is_given_back(capfd):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    with pytest.raises(KeyError, match="wrong"), session.quiet_stderr():
        os.write(2, b"noise\n")
        raise KeyError("wrong")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before  # nothing is left open


def fake_tensorflow(capability=None, gpus=0):
    details = {} if capability is None else {"compute_capability": capability}
    experimental = SimpleNamespace(get_device_details=lambda gpu: details)
    devices = SimpleNamespace(
        list_physical_devices=lambda kind: [kind] * gpus, experimental=experimental
    )
    return SimpleNamespace(config=devices)


@pytest.mark.parametrize(
    "capability, precision, reason",
    [
        ((8, 0), "mixed_bfloat16", "GPU of compute capability 8.0"),
        ((9, 0), "mixed_bfloat16", "GPU of compute capability 9.0"),
        ((7, 5), "float32", "this GPU has no bfloat16 units"),
        (None, "float32", "this GPU has no bfloat16 units"),
    ],
)
def test_precision_on_a_gpu(capability, precision, reason, monkeypatch):
    monkeypatch.setattr(processor, "processor_flags", lambda: {"avx512_bf16"})  # does not count
    assert session.choose_precision(fake_tensorflow(capability, gpus=1)) == (precision, reason)


@pytest.mark.parametrize(
    "flags, precision, reason",
    [
        ({"sse", "avx512_bf16"}, "mixed_bfloat16", "this processor has avx512_bf16"),
        ({"amx_bf16", "avx512_bf16"}, "mixed_bfloat16", "this processor has amx_bf16, avx512_bf16"),
        ({"avx512f", "avx2"}, "float32", "this processor does not compute in bfloat16"),
        (set(), "float32", "this processor does not compute in bfloat16"),
    ],
)
def test_precision_on_a_processor(flags, precision, reason, monkeypatch):
    monkeypatch.setattr(processor, "processor_flags", lambda: flags)
    for name in processor.CAPS:
        monkeypatch.delenv(name, raising=False)
    assert session.choose_precision(fake_tensorflow()) == (precision, reason)


def test_cores_are_those_this_process_may_use(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        assert session.available_cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert session.available_cores() == os.cpu_count()


SESSION = """
import os
from simclr_utils.session import start
print(start(seed=7, precision="mixed_bfloat16"))
import keras, numpy, tensorflow as tf
from tensorflow.python.framework import config
print(keras.config.dtype_policy().name, config.is_op_determinism_enabled())
print(os.environ.get("TF_ENABLE_ONEDNN_OPTS"))
draws = [(numpy.random.rand(), float(keras.random.uniform([]))) for _ in range(1)]
print(start(seed=7, precision="float32") != "", keras.config.dtype_policy().name)
print(draws == [(numpy.random.rand(), float(keras.random.uniform([]))) for _ in range(1)])
try:
    start(precision="float7")
except ValueError as error:
    print("refused", "float7" in str(error))
import pandas
print(pandas.get_option("mode.string_storage"))
"""


def test_the_reason_names_a_cap(monkeypatch):
    monkeypatch.setattr(processor, "processor_flags", lambda: {"avx512_bf16"})
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    chosen, reason = session.choose_precision(fake_tensorflow())
    assert chosen == "float32" and "under ONEDNN_MAX_CPU_ISA=AVX2" in reason


@pytest.mark.parametrize("command", ["run", "study"])
def test_the_command_line_refuses_a_wrong_precision_before_it_writes(
    command, monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("SIMCLR_PRECISION", "bfloat")
    assert main([command, "--out", str(tmp_path / "run")]) == 2
    assert "error: The environment variable SIMCLR_PRECISION is" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


PRECISION = """
import os
from simclr_utils.session import start
for said, arguments in {cases}:
    os.environ["SIMCLR_PRECISION"] = said
    print(start(*arguments))
"""
CASES = {
    ("float32", ()): "precision float32 (set by SIMCLR_PRECISION)",
    ("mixed_bfloat16", ()): "precision mixed_bfloat16 (set by SIMCLR_PRECISION)",
    ("mixed_bfloat16", (0, "float32")): "precision float32 (as requested)",
    ("auto", ()): "processor",
    ("", ()): "processor",
}


def test_a_variable_chooses_the_precision_that_nobody_asked_for():
    command = [sys.executable, "-c", PRECISION.format(cases=list(CASES))]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(CASES), done.stderr
    for line, expected in zip(lines, CASES.values(), strict=True):
        assert expected in line


def test_a_precision_that_there_is_not_is_refused_by_the_variable_s_name(monkeypatch):
    monkeypatch.setenv("SIMCLR_PRECISION", "bfloat")
    with pytest.raises(ValueError, match="SIMCLR_PRECISION is 'bfloat'; expected one of auto, fl"):
        session.start()


def test_what_a_user_set_stays(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    session.set_environment()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_a_session_starts_quietly_and_says_what_it_runs_on(monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    expected = "1" if "avx2" in session.processor_flags() else None
    done = subprocess.run([sys.executable, "-c", SESSION], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    sentence, *rest = done.stdout.splitlines()
    for part in ("TensorFlow 2.", "Keras 3.", "seed 7", "precision mixed_bfloat16 (as requested)"):
        assert part in sentence
    assert rest == [
        "mixed_bfloat16 True",
        str(expected),
        "True float32",
        "True",
        "refused True",
        "python",
    ]
