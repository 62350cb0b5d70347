# One environment in .venv, made on first use and again only when its inputs change.
# Nothing outside this folder is written to, apart from pip's and Keras' download caches.

# The interpreter that makes .venv; found by itself when empty.
PYTHON ?=
# Passed on to `python -m simclr_utils run`, or to JupyterLab.
ARGS ?=
# How often `make test-browser` runs.
RUNS ?= 1
# The notebooks that `make refresh` works on: 03, 01-03, 01,04; all of them when empty.
NB ?=

venv := .venv
python := $(venv)/bin/python
# Records the folder that the editable install points to: a checkout that was copied or moved
# must not import the package of the old one.
stamp := $(venv)/.installed

export IPYTHONDIR := $(CURDIR)/$(venv)/ipython
export JUPYTER_CONFIG_DIR := $(CURDIR)/$(venv)/jupyter/config
export JUPYTER_DATA_DIR := $(CURDIR)/$(venv)/jupyter/data
export JUPYTER_RUNTIME_DIR := $(CURDIR)/$(venv)/jupyter/runtime

.DEFAULT_GOAL := help
.PHONY: help run test test-processors test-browser test-versions cases soak bench lab refresh constraints environment clean-environment
.DELETE_ON_ERROR:

help:
	@echo 'make run                 execute notebooks 01-05 and print the results table'
	@echo 'make run ARGS="..."      ... with options: --source FOLDER --preset full --set name=value'
	@echo 'make test                ruff, unit tests, and every notebook against its stored outputs'
	@echo 'make test-processors     notebooks and numbers as other processors compute them (ARGS="avx2")'
	@echo 'make test-browser        move every explorer in a real Chromium, which has to be installed'
	@echo 'make test-versions       install and run under the oldest and newest Python found, load in every Keras'
	@echo 'make cases               try what users come with, row by row: results/cases.md'
	@echo 'make soak                kill and sabotage runs and load rubbish, for about half an hour'
	@echo 'make bench               measure speed and memory, on quiet cores: results/benchmarks.md'
	@echo 'make lab                 open JupyterLab on a page of welcome'
	@echo 'make refresh NB=03       execute notebook 03 afresh and store its outputs (all: no NB)'
	@echo 'make constraints         pin what pyproject.toml newly asks for; all anew with ARGS=--upgrade'
	@echo 'make environment         only create .venv (PYTHON=/path/to/python3.12 to choose one)'
	@echo 'make clean-environment   remove .venv'
	@echo
	@echo 'Options of a run: $(python) -m simclr_utils run --help'

run: environment
	@$(python) -m simclr_utils run $(ARGS)

test: environment
	@$(python) -m ruff check --quiet .
	@$(python) -m ruff format --quiet --check .
	@$(python) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore tests/browser tests
	@$(python) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval --nbval-current-env --nbval-cell-timeout=900 notebooks

# About as long as `make test` for each of the five combinations.
test-processors: environment
	@$(python) tools/processor_matrix.py $(ARGS)

# Not beside other tests, as they measure. RUNS=5 for five in a row.
test-browser: environment
	@$(python) -m pip install --quiet -c constraints.txt -e ".[dev,browser]"
	@for run in $$(seq $(RUNS)); do $(python) -m pytest -q tests/browser || exit 1; done

# ARGS=--all for every Python of 3.10 to 3.13 that PATH, pyenv and uv have.
test-versions: environment
	@$(python) tools/try_versions.py $(ARGS)

# Situations from public bug reports, each as its user meets it; fails if one ends wrong.
cases: environment
	@$(python) tools/cases.py --out results/cases.md $(ARGS)

# Fifty kills, every bug that we know of, broken folders, 20,000 damaged files: results/reliability.md.
soak: environment
	@$(python) tools/soak.py $(ARGS)

# On quiet cores. float32 only: bfloat16 is worth a run where a processor computes in it.
bench: environment
	@$(python) benchmarks/training_step.py
	@$(python) benchmarks/large_batches.py
	@$(python) benchmarks/cost_model.py
	@$(python) benchmarks/growth.py
	@$(python) benchmarks/against_peers.py
	@$(python) benchmarks/summarise.py
	@$(python) benchmarks/where_time_goes.py
	@$(python) benchmarks/summarise.py

# Markdown opens rendered, by a setting in tools/jupyter.
lab: export JUPYTER_CONFIG_PATH := $(CURDIR)/tools/jupyter
lab: environment
	@$(python) -m jupyter lab --ip=127.0.0.1 $(ARGS) notebooks/welcome.md

refresh: environment
	@$(python) tools/refresh_notebooks.py $(NB)

# --universal from 3.10 on: one file for every Python and system that pyproject.toml allows. Pins
# stay as they are unless ARGS=--upgrade: nobody has to add one by hand.
constraints: environment
	@$(python) -m pip install --quiet uv
	@$(python) -m uv pip compile --quiet --universal --python-version 3.10 $(ARGS) --no-annotate --no-header \
		--extra dev --extra stl10 --extra browser --extra heif --output-file constraints.txt pyproject.toml

environment: $(stamp)

ifneq ($(shell cat $(stamp) 2>/dev/null),$(CURDIR))
.PHONY: $(stamp)
endif

$(stamp): pyproject.toml constraints.txt
	@PYTHON='$(PYTHON)' sh tools/create_environment.sh $(venv)
	@printf '%s\n' '$(CURDIR)' > $(stamp)

clean-environment:
	rm -rf $(venv)
