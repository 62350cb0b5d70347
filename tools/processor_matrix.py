"""Runs the notebooks and the numerical tests as other processors would compute them.

    python tools/processor_matrix.py                  # all combinations
    python tools/processor_matrix.py avx2 eigen       # these two
    python tools/processor_matrix.py --only notebooks avx2
    python tools/processor_matrix.py --notebooks 03,05 avx2

A processor can run the kernels of an older one: `ONEDNN_MAX_CPU_ISA` limits the instructions that
oneDNN uses, `TF_ENABLE_ONEDNN_OPTS=0` selects TensorFlow's own kernels, and `SIMCLR_PRECISION`
sets the precision. If one combination fails, the others still run. A table at the end counts the
tests of each combination. The exit code is 1 if any test failed.

bfloat16 is never combined with a limit on the instructions: oneDNN then refuses or emulates it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

from simclr_utils.cli.arguments import select_notebooks
from simclr_utils.cli.run_folder import RunError
from simclr_utils.system.processor import BFLOAT16_FLAGS, CAPS, processor_flags

ROOT = Path(__file__).resolve().parent.parent
FLOAT32 = {"SIMCLR_PRECISION": "float32"}
COMBINATIONS = {
    "default": {},
    "float32": FLOAT32,
    "avx512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"} | FLOAT32,
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"} | FLOAT32,
    "eigen": {"TF_ENABLE_ONEDNN_OPTS": "0"} | FLOAT32,
}
WORKERS = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=1800"]
SUITES = {
    "tests": [*WORKERS, "-m", "numbers", "tests"],
    "notebooks": [*WORKERS, *NBVAL],
}


class Outcome(NamedTuple):
    """The result of a combination. `skipped` is empty, or the reason why it was not run."""

    passed: int = 0
    failed: int = 0
    minutes: float = 0.0
    skipped: str = ""


def why_skipped(name, flags):
    """Returns the reason to skip a combination on a processor, or an empty string.

    Args:
        name: String, a key of `COMBINATIONS`.
        flags: Set of the processor's features, as Linux names them.
    """
    if name != "default" and "avx2" not in flags:
        return "this processor has no AVX2: the default is float32 without these kernels"
    if name == "float32" and not BFLOAT16_FLAGS & flags:
        return "the default is float32 on this processor"
    if name == "avx512" and "avx512f" not in flags:
        return "this processor has no AVX-512"
    if name == "avx2" and "avx512f" not in flags:
        return "the default is AVX2 on this processor"
    return ""


def count_tests(report):
    """Returns how many tests passed and how many failed, from a JUnit report."""
    suites = list(ElementTree.parse(report).iter("testsuite"))
    total, failures, errors, skipped = (
        sum(int(suite.get(name)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors


def run(settings, suites):
    """Runs suites of tests under the settings of a combination.

    Args:
        settings: Dict of environment variables.
        suites: Dict from the name of a suite to the arguments of pytest.

    Returns:
        An `Outcome`. A suite counts as one failure if it ends without a report, or with an error
        although no test failed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in CAPS}
    passed = failed = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for suite, arguments in suites.items():
            report = Path(folder) / f"{suite}.xml"
            command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}"]
            ended = subprocess.run(
                [*command, *arguments], cwd=ROOT, env=environment | settings
            ).returncode
            right, wrong = count_tests(report) if report.exists() else (0, 0)
            passed, failed = passed + right, failed + (wrong or int(ended != 0))
    return Outcome(passed, failed, (time.monotonic() - started) / 60)


def table(outcomes):
    """Returns the outcomes as text, one line for each combination."""
    lines = [f"{'combination':<12}{'passed':>8}{'failed':>8}{'minutes':>9}"]
    for name, outcome in outcomes.items():
        if outcome.skipped:
            lines.append(f"{name:<12}skipped: {outcome.skipped}")
        else:
            counts = f"{outcome.passed:>8}{outcome.failed:>8}{outcome.minutes:>9.1f}"
            lines.append(f"{name:<12}{counts}")
    return "\n".join(lines)


def chosen_suites(only, numbers):
    """Returns the suites to run, with the notebooks that `numbers` names, such as `"03,05-06"`."""
    notebooks = [str(path) for path in select_notebooks(ROOT / "notebooks", numbers)]
    suites = {**SUITES, "notebooks": [*SUITES["notebooks"], *notebooks]}
    return {only: suites[only]} if only else suites


def main(arguments=None):
    """Runs the combinations that the arguments name and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="combination", help=", ".join(COMBINATIONS))
    parser.add_argument("--only", choices=SUITES, help="run one suite only")
    parser.add_argument("--notebooks", metavar="NUMBERS", default="", help="such as 03,05-06")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(COMBINATIONS)
    if unknown:
        parser.error(f"no combination {sorted(unknown)}; expected some of {list(COMBINATIONS)}")
    try:
        suites = chosen_suites(options.only, options.notebooks)
    except RunError as error:
        parser.error(str(error))
    outcomes, flags = {}, processor_flags()
    for name in options.names or COMBINATIONS:
        settings, reason = COMBINATIONS[name], why_skipped(name, flags)
        said = " ".join(f"{key}={value}" for key, value in settings.items()) or "nothing set"
        print(f"\n== {name}: {reason or said}", flush=True)
        outcomes[name] = Outcome(skipped=reason) if reason else run(settings, suites)
    print("\n" + table(outcomes))
    return int(any(outcome.failed for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
