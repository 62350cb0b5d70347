"""What SECURITY.md promises."""

import ast
import re
import socket
import subprocess
from pathlib import Path

import keras
import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from simclr_utils import files
from simclr_utils.cli import report
from simclr_utils.config import get_config
from simclr_utils.data.dataset import load_dataset
from simclr_utils.training.pretraining import load_encoder, pretrain

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*(ROOT / "simclr_utils").rglob("*.py"), *(ROOT / "tools").glob("*.py")]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DANGEROUS = {"eval", "exec", "system", "popen", "extractall", "extract", "unsafe_load"}
IMPORTS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def dangers(source):
    """Calls and imports that run code which came as data, or unpack it to disk."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in DANGEROUS:
                yield name
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                if (keyword.arg, value) in (
                    *(("allow_pickle", True), ("safe_mode", False), ("shell", True)),
                ):
                    yield f"{keyword.arg}={value}"
        names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
        names += [getattr(node, "module", None) or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name for name in names if name.split(".")[0] in IMPORTS)


def code_of(path):
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return re.sub(r"^\s*[!%].*$", "", code, flags=re.MULTILINE)


@pytest.mark.parametrize("path", [*SOURCES, *NOTEBOOKS], ids=lambda path: path.name)
def test_no_data_is_run_as_code(path):
    assert list(dangers(code_of(path))) == []


@pytest.mark.parametrize(
    "source",
    [
        *("import pickle", "from pickle import load", "eval(x)", "os.system(x)"),
        *("np.load(p, allow_pickle=True)", "load_model(p, safe_mode=False)"),
        *("archive.extractall()", "subprocess.run(c, shell=True)"),
    ],
)
def test_a_danger_is_found(source):
    assert list(dangers(source))


def test_an_encoder_that_carries_code_is_refused(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs))
    model.save(tmp_path / "encoder.keras")
    files.save_json(tmp_path / "encoder.json", {"dataset": "x", "fingerprint": "x"})
    with pytest.raises((ValueError, TypeError), match="[Ll]ambda"):
        load_encoder(tmp_path)


def test_the_network_is_left_alone(monkeypatch, tmp_path):
    asked = []  # an error alone might be taken for a network that is down

    def refuse(self, address):
        asked.append(address)
        raise OSError(f"connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: refuse(None, address))
    dataset = load_dataset("shapes", 16, limits={"unlabeled": 40, "train": 30, "test": 20})
    made = pretrain(dataset, get_config("tiny", pretraining_steps=2), checkpoint_folder=tmp_path)
    assert len(made.history["loss"]) >= 1
    assert asked == []


def test_jupyterlab_keeps_to_this_machine_and_its_token():
    command = subprocess.run(
        ["make", "--dry-run", "lab"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "--ip=127.0.0.1" in command
    settings = [path.read_text() for path in (ROOT / "tools/jupyter").rglob("*.json")]
    for text in (command, *settings):
        assert not re.search("token|password|allow_origin|disable_check_xsrf", text)


def test_pages_load_nothing_and_escape_names(tmp_path):
    hostile = "<script>alert(1)</script>"
    files.save_json(tmp_path / "data.json", {"summary": f"{hostile}: 3 images"})
    record = {"source": f"/x/{hostile}", "preset": "tiny", "settings": {"run_dir": hostile}}
    record |= {"command": hostile, "notebooks": {}, "provenance": {"dataset": hostile}}
    report.write_report(tmp_path, record)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page and "http" not in page
    for text, loads in (("plain", False), ("a formula $x$", True)):
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        nbformat.write(
            new_notebook(cells=[new_markdown_cell(text)]), tmp_path / "notebooks/a.ipynb"
        )
        report.export_notebook(tmp_path, "a.ipynb")
        page = (tmp_path / "html" / "a.html").read_text(encoding="utf-8")
        assert bool(re.search(r'<(script|link|img)[^>]*(src|href)="http', page)) == loads
