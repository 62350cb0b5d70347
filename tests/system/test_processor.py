"""What tells one processor from another, and the caps that are set on its kernels."""

import pandas
import pytest

from simclr_utils.system import processor, provenance

ZEN_4 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
flags\t\t: fpu avx avx2 avx512f avx512_bf16

processor\t: 1
flags\t\t: other
"""
ZEN_2 = ZEN_4.replace("25", "23").replace("17", "49").replace(" avx512f avx512_bf16", "")
SAPPHIRE_RAPIDS = ZEN_4.replace("AMD EPYC", "Xeon").replace("bf16", "bf16 amx_bf16")
ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"


@pytest.fixture
def listing(monkeypatch, tmp_path):
    """A function that makes a text the system's /proc/cpuinfo; no cap is set."""
    real_open = open

    def write(text):
        path = tmp_path / "cpuinfo"
        path.write_text(text)
        monkeypatch.setattr("builtins.open", lambda _, *args: real_open(path, *args))
        monkeypatch.setattr("sys.platform", "linux")
        monkeypatch.setattr("platform.processor", lambda: "")
        monkeypatch.setattr("platform.machine", lambda: "aarch64")

    for name in processor.CAPS:
        monkeypatch.delenv(name, raising=False)
    return write


@pytest.mark.parametrize(
    "text, name",
    [
        (ZEN_4, "AMD EPYC, family 25, model 17, AVX-512, bfloat16"),
        (ZEN_2, "AMD EPYC, family 23, model 49, AVX2"),
        (SAPPHIRE_RAPIDS, "Xeon, family 25, model 17, AVX-512, bfloat16, AMX"),
        (ARM, "aarch64, implementer 0x41, part 0xd40"),
        ("", "aarch64"),
    ],
)
def test_processors_of_one_name_are_told_apart(listing, text, name):
    listing(text)
    assert processor.processor_name() == name
    assert provenance.hardware()["processor"] == name
    assert provenance.hardware_string().startswith(name + " (")


def test_flags_are_those_of_the_first_processor(listing, monkeypatch):
    listing(ZEN_4)
    assert processor.processor_flags() == {"fpu", "avx", "avx2", "avx512f", "avx512_bf16"}

    def missing(path, *args):
        raise FileNotFoundError(path)

    monkeypatch.setattr("builtins.open", missing)
    assert processor.processor_flags() == set()


def test_macos_says_its_name(monkeypatch, tmp_path):
    command = tmp_path / "sysctl"
    command.write_text("#!/bin/sh\necho Apple M2\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.platform", "darwin")
    assert processor.processor_name() == "Apple M2"


CAPPED = [
    ({}, True),
    ({"ONEDNN_MAX_CPU_ISA": "avx2"}, False),
    ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, False),
    ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, True),
    ({"TF_ENABLE_ONEDNN_OPTS": "0"}, False),
    ({"TF_ENABLE_ONEDNN_OPTS": "1"}, True),
]


@pytest.mark.parametrize("settings, computes", CAPPED)
def test_a_cap_takes_bfloat16_away_as_it_would_be_emulated(
    listing, monkeypatch, settings, computes
):
    listing(ZEN_4)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert processor.bfloat16_features() == ({"avx512_bf16"} if computes else set())


def test_a_row_names_the_caps_and_not_the_defaults(listing, monkeypatch):
    listing(ZEN_4)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    assert provenance.hardware()["caps"] == []
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setenv("SIMCLR_PRECISION", "float32")
    said = "ONEDNN_MAX_CPU_ISA=AVX2, SIMCLR_PRECISION=float32"
    assert provenance.hardware_string().endswith(" cores), " + said)
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert provenance.hardware()["caps"][1] == "TF_ENABLE_ONEDNN_OPTS=0"


def test_a_row_without_family_and_model_says_so():
    explain = provenance.explain_hardware
    unknown = "family and model not recorded"
    assert explain("AMD EPYC (2 cores)", pandas.NA) == f"AMD EPYC (2 cores), {unknown}"
    in_bfloat16 = explain("AMD EPYC (2 cores)", "mixed_bfloat16")
    assert in_bfloat16 == f"AMD EPYC (2 cores), with bfloat16, {unknown}"
    for told in ("AMD EPYC, family 25, model 17, AVX2 (2 cores)", "Apple M2 (8 cores)"):
        assert explain(told, "float32") == told
