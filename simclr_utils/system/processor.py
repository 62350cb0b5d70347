"""The processor: its cores, its name, its features, and the settings that limit its kernels."""

import contextlib
import os
import platform
import subprocess
import sys

# A processor with one of these features computes in bfloat16.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
# Values of oneDNN's `ONEDNN_MAX_CPU_ISA` under which bfloat16 is emulated, which is slow.
CAPS_WITHOUT_BFLOAT16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"}
PRECISION_VARIABLE = "SIMCLR_PRECISION"
# The features that decide which kernels TensorFlow chooses. AVX-512 includes AVX2.
FEATURES = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "bfloat16", "amx_bf16": "AMX"}
# Environment variables that change the kernels, and with them the rounding; and their defaults.
CAPS = {"ONEDNN_MAX_CPU_ISA": "", "TF_ENABLE_ONEDNN_OPTS": "1", PRECISION_VARIABLE: ""}


def available_cores():
    """Returns the number of cores that this process may use, or of all cores if that is unknown."""
    if hasattr(os, "sched_getaffinity"):  # missing on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_flags():
    """Returns the set of the processor's features that Linux lists; elsewhere an empty set."""
    return set(_cpuinfo().get("flags", "").split())


def bfloat16_features():
    """Returns the set of the features that compute in bfloat16 and that no setting turns off."""
    capped = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in CAPS_WITHOUT_BFLOAT16
    if capped or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0":
        return set()
    return BFLOAT16_FLAGS & processor_flags()


def processor_name():
    """Returns a name that identifies the processor.

    It is a string such as "AMD EPYC, family 25, model 17, AVX-512, bfloat16". Linux reports
    all of it, and macOS only the name. On other systems, it is what Python reports.
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
    # ARM processors have these instead.
    numbers |= {"implementer": "CPU implementer", "part": "CPU part"}
    parts += [f"{word} {fields[name]}" for word, name in numbers.items() if name in fields]
    flags = set(fields.get("flags", "").split())
    words = [word for flag, word in FEATURES.items() if flag in flags]
    return ", ".join([*parts, *words[1 if "AVX-512" in words else 0 :]])


def caps():
    """Returns the settings of `CAPS` that differ from their default.

    Returns:
        A list of strings such as "ONEDNN_MAX_CPU_ISA=AVX2".
    """
    values = {name: os.environ.get(name, default) for name, default in CAPS.items()}
    return [f"{name}={value}" for name, value in values.items() if value != CAPS[name]]


def _cpuinfo():
    """Returns a dict of the fields of the first processor in /proc/cpuinfo."""
    fields = {}
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            if not line.strip():
                break
            fields[name.strip()] = value.strip()
    return fields
