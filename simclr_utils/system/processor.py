"""The processor that computes: its name, what it computes in, and the caps set on its kernels."""

import contextlib
import os
import platform
import subprocess
import sys

# A processor with one of these computes in bfloat16.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
# Caps of oneDNN, `ONEDNN_MAX_CPU_ISA`, under which bfloat16 is emulated, which is slow.
CAPS_WITHOUT_BFLOAT16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"}
PRECISION_VARIABLE = "SIMCLR_PRECISION"
# What matters to the kernels that TensorFlow chooses; the wider registers stand for the narrower.
FEATURES = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "bfloat16", "amx_bf16": "AMX"}
# Settings that change the kernels, and with them the roundings; and what they are by default.
CAPS = {"ONEDNN_MAX_CPU_ISA": "", "TF_ENABLE_ONEDNN_OPTS": "1", PRECISION_VARIABLE: ""}


def processor_flags():
    """Returns the processor's feature names as Linux lists them; elsewhere an empty set."""
    return set(_cpuinfo().get("flags", "").split())


def bfloat16_features():
    """Returns the features that compute in bfloat16, those that no cap turns off, a set."""
    capped = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in CAPS_WITHOUT_BFLOAT16
    if capped or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return set()
    return BFLOAT16_FLAGS & processor_flags()


def processor_name():
    """Returns what tells the processor from others, a string such as
    "AMD EPYC, family 25, model 17, AVX-512, bfloat16".

    Linux says all of it, macOS the name alone. Elsewhere it is what Python knows.
    """
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            found = subprocess.run(command, capture_output=True, text=True).stdout.strip()
            if found:
                return found
    fields = _cpuinfo()
    parts = [fields.get("model name") or platform.processor() or platform.machine()]
    numbers = {"family": "cpu family", "model": "model"}
    # An ARM processor has these in their place.
    numbers |= {"implementer": "CPU implementer", "part": "CPU part"}
    parts += [f"{word} {fields[name]}" for word, name in numbers.items() if name in fields]
    flags = set(fields.get("flags", "").split())
    words = [word for flag, word in FEATURES.items() if flag in flags]
    return ", ".join([*parts, *words[1 if "AVX-512" in words else 0 :]])


def caps():
    """Returns the settings that change the kernels, where they are not the default.

    A list of strings such as "ONEDNN_MAX_CPU_ISA=AVX2".
    """
    values = {name: os.environ.get(name, default) for name, default in CAPS.items()}
    return [f"{name}={value}" for name, value in values.items() if value != CAPS[name]]


def _cpuinfo():
    """Returns the fields of the first processor in /proc/cpuinfo, a dict of strings."""
    fields = {}
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if not line.strip():
                break
            fields[name.strip()] = value.strip()
    return fields


def available_cores():
    """Processor cores this process may use, where the system tells; otherwise all."""
    if hasattr(os, "sched_getaffinity"):  # macOS and Windows have no such thing
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
