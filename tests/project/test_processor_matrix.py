"""Every combination runs, failures are reported, and pointless ones are skipped."""

import os
from pathlib import Path

import processor_matrix
import pytest
from processor_matrix import COMBINATIONS, Outcome, main, run, table, why_skipped

ZEN_4 = {"avx2", "avx512f", "avx512_bf16"}


@pytest.mark.parametrize(
    "flags, makes_sense",
    [
        (ZEN_4, {"default", "float32", "avx512", "avx2", "eigen"}),
        ({"avx2", "avx512f"}, {"default", "avx512", "avx2", "eigen"}),
        ({"avx2"}, {"default", "eigen"}),
        (set(), {"default"}),
    ],
)
def test_what_makes_no_sense_on_a_processor_is_skipped(flags, makes_sense):
    assert {name for name in COMBINATIONS if not why_skipped(name, flags)} == makes_sense


def test_bfloat16_is_never_combined_with_a_cap():
    for name, settings in COMBINATIONS.items():
        assert name == "default" or settings["SIMCLR_PRECISION"] == "float32"


def test_a_red_combination_does_not_stop_the_others(monkeypatch, capsys):
    asked = []

    def pretended(settings, suites):
        asked.append((settings, suites))
        return Outcome(passed=5, failed=int(settings == {}), minutes=1.25)

    monkeypatch.setattr(processor_matrix, "run", pretended)
    monkeypatch.setattr(processor_matrix, "processor_flags", lambda: ZEN_4)
    assert main([]) == 1
    assert [settings for settings, _ in asked] == list(COMBINATIONS.values())
    assert (
        "default            5       1      1.2\nfloat32            5       0"
        in capsys.readouterr().out
    )
    assert main(["avx2", "--only", "notebooks"]) == 0
    settings, suites = asked[-1]
    assert settings == COMBINATIONS["avx2"] and list(suites) == ["notebooks"]
    assert sum(argument.endswith(".ipynb") for argument in suites["notebooks"]) >= 8
    assert main(["avx2", "--only", "notebooks", "--notebooks", "03,05"]) == 0
    chosen = asked[-1][1]["notebooks"]
    assert [Path(a).name[:2] for a in chosen if a.endswith(".ipynb")] == ["03", "05"]
    with pytest.raises(SystemExit):
        main(["--notebooks", "77"])
    monkeypatch.setattr(processor_matrix, "processor_flags", set)
    assert main(["avx2"]) == 0 and "skipped: this processor" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["avx3"])
    assert "no combination ['avx3']" in capsys.readouterr().err


SMALL = """import os


def test_settings():
    assert os.environ.get("SIMCLR_PRECISION") == "float32"
    assert "ONEDNN_MAX_CPU_ISA" not in os.environ


def test_red():
    assert False
"""


def test_a_run_counts_the_tests_under_its_settings_alone(tmp_path, monkeypatch):
    (tmp_path / "test_small.py").write_text(SMALL)
    (tmp_path / "test_broken.py").write_text("import nothing_like_this")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    asked = {name: ["-p", "no:cacheprovider", f"test_{name}.py"] for name in ("small", "broken")}
    monkeypatch.setattr(processor_matrix, "ROOT", tmp_path)
    asked["none"] = ["--no-such-option"]
    float32 = {"SIMCLR_PRECISION": "float32"}
    found = {suite: run(float32, {suite: arguments}) for suite, arguments in asked.items()}
    assert [(o.passed, o.failed) for o in found.values()] == [(1, 1), (0, 1), (0, 1)]
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "SSE41"


def test_the_table_names_what_was_skipped():
    lines = table({"default": Outcome(10, 0, 2.0), "avx2": Outcome(skipped="no AVX2")})
    assert lines.splitlines()[1:] == [
        "default           10       0      2.0",
        "avx2        skipped: no AVX2",
    ]
