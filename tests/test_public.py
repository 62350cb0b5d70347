"""The public door: every name is there, says what it does, and costs nothing until it is used."""

import importlib
import inspect
import subprocess
import sys

import pytest

import simclr_utils


@pytest.mark.parametrize("name", simclr_utils.MODULES)
def test_a_name_leads_to_its_definition(name):
    found = getattr(simclr_utils, name)
    assert found.__module__ == f"simclr_utils.{simclr_utils.MODULES[name]}"
    assert found.__name__ == name and inspect.getdoc(found)


def test_names_can_be_listed_and_imported_together():
    assert set(simclr_utils.MODULES) <= set(dir(simclr_utils))
    names = {}
    exec("from simclr_utils import *", names)
    assert set(simclr_utils.MODULES) <= set(names)


def test_an_unknown_name_is_told_what_there_is():
    with pytest.raises(AttributeError, match="no name 'SimCRL'; it has .*SimCLR"):
        simclr_utils.SimCRL  # noqa: B018


def test_the_door_alone_loads_neither_tensorflow_nor_numpy():
    code = "import sys, simclr_utils; print([m for m in ('tensorflow', 'keras', 'numpy', 'PIL')"
    code += " if m in sys.modules], bool(simclr_utils.__version__))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] True\n"


PARTS = ("data", "views", "training", "evaluation", "study", "cli", "plotting", "course")


@pytest.mark.parametrize("part", PARTS)
def test_each_part_hands_on_its_public_names(part):
    package = importlib.import_module(f"simclr_utils.{part}")
    for module, names in package.PUBLIC.items():
        for name in names:
            expected = getattr(importlib.import_module(f"simclr_utils.{part}.{module}"), name)
            assert getattr(package, name) is expected


@pytest.mark.parametrize("part", PARTS)
def test_a_part_and_a_name_that_it_lacks(part):
    with pytest.raises(AttributeError, match=f"simclr_utils.{part} has no name 'nothing'; it has"):
        importlib.import_module(f"simclr_utils.{part}").nothing  # noqa: B018
