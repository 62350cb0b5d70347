# All targets use one environment, .venv. It is made on first use, and updated when its inputs change.
# Nothing outside this folder is written, apart from the download caches of pip and Keras.

# The interpreter that makes .venv. Empty: the first one found that fits.
PYTHON ?=
# Arguments for the program that a target runs.
ARGS ?=
# The number of times that `make test-browser` runs.
RUNS ?= 1
# The notebooks for `make refresh`: 03, 01-03, or 01,04. Empty: all.
NB ?=
# What `make test` executes and compares with its stored outputs.
COMPARED ?= notebooks

venv := .venv
python := $(venv)/bin/python
# Records the folder of the editable install: a checkout that was copied or moved must not import
# the package from the old folder.
stamp := $(venv)/.installed

# Byte code is kept, also where the shell forbids it. The tests start Python often, and without byte
# code the import of TensorFlow takes 13 s of processor time instead of 5.
export PYTHONDONTWRITEBYTECODE :=
export IPYTHONDIR := $(CURDIR)/$(venv)/ipython
export JUPYTER_CONFIG_DIR := $(CURDIR)/$(venv)/jupyter/config
export JUPYTER_DATA_DIR := $(CURDIR)/$(venv)/jupyter/data
export JUPYTER_RUNTIME_DIR := $(CURDIR)/$(venv)/jupyter/runtime

.DEFAULT_GOAL := help
.PHONY: help run test test-processors test-browser test-versions test-book cases soak bench lab refresh reference book constraints environment clean-environment
.DELETE_ON_ERROR:

help:
	@echo 'make run                 execute notebooks 01-05 and print the results table'
	@echo 'make run ARGS="..."      ... with options: --source FOLDER --preset full --set name=value'
	@echo 'make test                ruff, unit tests, and every notebook against its stored outputs'
	@echo 'make test-processors     notebooks and numerical tests as other processors compute (ARGS="avx2")'
	@echo 'make test-browser        move every explorer in Chromium, which has to be installed'
	@echo 'make test-book           build the site, and open every page in Chromium'
	@echo 'make test-versions       try the oldest and newest Python found, and every supported Keras'
	@echo 'make cases               try files that users have brought: results/cases.md'
	@echo 'make soak                kill and sabotage runs and load damaged files, for half an hour'
	@echo 'make bench               measure speed and memory on an idle machine: results/benchmarks.md'
	@echo 'make lab                 open JupyterLab on the welcome page'
	@echo 'make refresh NB=03       execute notebook 03 and store its outputs (no NB: all notebooks)'
	@echo 'make reference           write docs/reference.md from the docstrings'
	@echo 'make book                build the course as a site: build/site/index.html'
	@echo 'make constraints         pin new dependencies of pyproject.toml (ARGS=--upgrade: pin all anew)'
	@echo 'make environment         only create .venv (PYTHON=/path/to/python3.12 to choose one)'
	@echo 'make clean-environment   remove .venv'
	@echo
	@echo 'Options of a run: $(python) -m simclr_utils run --help'

run: environment
	@$(python) -m simclr_utils run $(ARGS)

# Two workers share the cores. By default, a thread of OpenMP that waits for another keeps its core
# busy, which makes t-SNE take many times as long.
test test-processors test-browser: export OMP_WAIT_POLICY := PASSIVE

test: environment
	@$(python) -m ruff check --quiet .
	@$(python) -m ruff format --quiet --check .
	@$(python) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval --nbval-current-env --nbval-cell-timeout=900 --ignore tests/browser tests $(COMPARED)

# Each of the five combinations takes about as long as `make test`.
test-processors: environment
	@$(python) tools/processor_matrix.py $(ARGS)

# These tests measure durations: run nothing else meanwhile. RUNS=5 runs them five times, and
# ARGS="-n 2" two at a time.
test-browser: environment
	@$(python) -m pip install --quiet -c constraints.txt -e ".[dev,browser]"
	@for run in $$(seq $(RUNS)); do $(python) -m pytest -q $(ARGS) --ignore tests/browser/test_site.py tests/browser || exit 1; done

test-book: book
	@$(python) -m pip install --quiet -c constraints.txt -e ".[dev,browser]"
	@$(python) -m pytest -q tests/browser/test_site.py

# ARGS=--all tries every Python of 3.10 to 3.13 that PATH, pyenv and uv have.
test-versions: environment
	@$(python) tools/try_versions.py $(ARGS)

# Situations from public bug reports. Fails if one of them has a wrong outcome.
cases: environment
	@$(python) tools/cases.py --out results/cases.md $(ARGS)

# Fifty kills, every known bug, broken folders and 20,000 damaged files: results/reliability.md.
soak: environment
	@$(python) tools/soak.py $(ARGS)

# On an idle machine.
bench: environment
	@$(python) benchmarks/training_step.py
	@$(python) benchmarks/large_batches.py
	@$(python) benchmarks/cost_model.py
	@$(python) benchmarks/growth.py
	@$(python) benchmarks/against_peers.py
	@$(python) benchmarks/summarise.py
	@$(python) benchmarks/where_time_goes.py
	@$(python) benchmarks/summarise.py

# A setting in tools/jupyter opens Markdown rendered.
lab: export JUPYTER_CONFIG_PATH := $(CURDIR)/tools/jupyter
lab: environment
	@$(python) -m jupyter lab --ip=127.0.0.1 $(ARGS) notebooks/welcome.md

refresh: reference
	@$(python) tools/refresh_notebooks.py $(NB)

reference: environment
	@$(python) tools/make_reference.py

# The first build runs the notebooks up to their explorers; later ones take seconds.
book: environment
	@$(python) -m pip install --quiet -c constraints.txt -e ".[dev,book]"
	@$(python) tools/make_book.py

# --universal makes one file for every Python from 3.10 on and every system. Existing pins stay
# unless ARGS=--upgrade.
constraints: environment
	@$(python) -m pip install --quiet uv
	@$(python) -m uv pip compile --quiet --universal --python-version 3.10 $(ARGS) --no-annotate --no-header \
		--extra dev --extra stl10 --extra browser --extra book --extra heif --extra dicom --extra export --output-file constraints.txt pyproject.toml

environment: $(stamp)

ifneq ($(shell cat $(stamp) 2>/dev/null),$(CURDIR))
.PHONY: $(stamp)
endif

$(stamp): pyproject.toml constraints.txt
	@PYTHON='$(PYTHON)' sh tools/create_environment.sh $(venv)
	@printf '%s\n' '$(CURDIR)' > $(stamp)

clean-environment:
	rm -rf $(venv)
