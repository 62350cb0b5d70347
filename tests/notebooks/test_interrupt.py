"""Interrupt Kernel in notebook 03: the training ends, the cells after it run, all is kept."""

import os
import signal
import threading
import time
from pathlib import Path

import keras
import nbformat
import pytest
from nbclient import NotebookClient

from simclr_utils.files import load_json

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "03_contrastive_pretraining.ipynb"
STEPS = 2000  # far more than are done before the interrupt
STEPS_PER_EPOCH = 24  # of the preset `tiny`


def interrupt_once_it_trains(client, cell):
    """Sends what Interrupt Kernel sends, once an epoch has been reported."""
    for _ in range(1200):
        if any("epoch   1/" in output.get("text", "") for output in cell.outputs):
            time.sleep(0.3)  # into the next epoch
            os.kill(client.km.provisioner.pid, signal.SIGINT)
            return
        time.sleep(0.1)


@pytest.mark.skipif(os.name == "nt", reason="Windows interrupts kernels by other means")
def test_an_interrupted_notebook_goes_on_with_what_it_has(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs = []  # those that are stored say "epoch 1", too
    parameters = next(cell for cell in code if "parameters" in cell.metadata.get("tags", []))
    values = {"preset": "tiny", "run_dir": str(tmp_path / "run")}
    values["settings"] = {"pretraining_steps": STEPS, "cache_dir": str(tmp_path / "cache")}
    parameters.source += "".join(f"\n{name} = {value!r}" for name, value in values.items())
    client = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    )
    client.reset_execution_trackers()
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if "yours, theirs = build(" in cell.source:
                break  # from here on, the notebook trains other models
            if "lesson.watch(" in cell.source:
                training = cell
                arguments = (client, cell)
                threading.Thread(target=interrupt_once_it_trains, args=arguments).start()
            client.execute_cell(cell, index)
    said = "".join(output.get("text", "") for output in training.outputs)
    made = load_json(tmp_path / "run/encoders/0/encoder.json")
    assert f"Stopped after {made['steps']} steps" in said
    assert STEPS_PER_EPOCH <= made["steps"] < STEPS
    encoder = keras.saving.load_model(tmp_path / "run/encoders/0/encoder.keras", compile=False)
    assert encoder.count_params() > 0
    lines = (tmp_path / "run/encoders/0/pretraining.csv").read_text().splitlines()
    whole = made["steps"] // STEPS_PER_EPOCH
    assert len(lines) - 1 in (whole, whole + 1)  # the last may be a part
