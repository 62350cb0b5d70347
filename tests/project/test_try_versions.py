"""`make test-versions` finds interpreters, tries every Keras once, and can fail."""

import os
import subprocess
import sys
from pathlib import Path

import load_encoder_alone
import numpy as np
import pytest
import try_versions

ROOT = Path(__file__).resolve().parents[2]
ENCODER = ROOT / "data" / "pretrained" / "encoder.keras"


def fake(path, answer):
    """Writes a program that prints an answer, or fails where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {answer}\n" if answer else "#!/bin/sh\nexit 127\n")
    path.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="the fake interpreters are shell scripts")
def test_interpreters_are_found_on_the_path_and_in_pyenv(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(try_versions.sys, "executable", str(tmp_path / "none"))
    assert try_versions.find_python("3.10") is None
    fake(tmp_path / "python3.10", "3.10")
    fake(tmp_path / "python3.13", None)  # a shim of pyenv that is not switched on
    fake(tmp_path / "pyenv", tmp_path / "root")
    fake(tmp_path / "root/versions/3.13.0/bin/python", "3.13")
    fake(tmp_path / "root/versions/3.12.1/bin/python", "3.11")  # not what it is called
    fake(tmp_path / "uv", tmp_path / "python3.11")
    fake(tmp_path / "python3.11", "3.11")
    assert try_versions.find_python("3.10") == str(tmp_path / "python3.10")
    assert try_versions.find_python("3.13") == str(tmp_path / "root/versions/3.13.0/bin/python")
    assert try_versions.find_python("3.12") is None
    assert try_versions.find_python("3.11") == str(tmp_path / "python3.11")


def test_every_keras_that_is_allowed_is_tried():
    versions = try_versions.keras_versions()
    assert versions[0] == "3.12" and len(versions) >= 4


def test_a_keras_that_an_environment_has_is_not_tried_again(tmp_path, monkeypatch):
    versions = try_versions.keras_versions()
    has = {"3.10": versions[0], "3.13": versions[-1]}
    tried, loaded = [], []
    monkeypatch.setattr(try_versions, "load_alone", lambda name, *rest: loaded.append(name))
    monkeypatch.setattr(
        try_versions, "try_python", lambda version, path, folder: (path, has[version])
    )
    monkeypatch.setattr(try_versions, "try_keras", lambda *given: tried.append(given))
    try_versions.try_all({"3.10": "old", "3.13": "new"}, tmp_path)
    assert loaded == ["here"]
    assert sorted(tried) == [(version, "new", tmp_path) for version in versions[1:-1]]


def test_an_encoder_that_loads_alone_is_found_the_same(tmp_path):
    script = ROOT / "tools" / "load_encoder_alone.py"
    command = [sys.executable, str(script), str(ENCODER), str(tmp_path / "features.npz")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "its features are the same" in done.stdout


def test_other_features_are_found(tmp_path):
    images, stored = np.zeros((2, 32, 32, 3), np.uint8), tmp_path / "features.npz"
    np.savez(stored, images=images, features=np.full((2, 128), 1))
    with pytest.raises(SystemExit, match="features of uint8 images differ"):
        load_encoder_alone.main(ENCODER, stored)
