# The commands of this project; `make help` lists them. All they need is make and a Python from 3.11 on.
# Written for GNU make 3.81, which is what macOS has.

.DEFAULT_GOAL := verify
.PHONY: verify test bench bench-optim bench-sparse lint types layers wheel install clean help

# Arguments for the program behind verify, test or bench: make verify ARGS="--effort quick".
ARGS ?=
# What test, lint, types, layers and wheel install beside the core, comma-separated: dev, torch, certificates, cluster.
MLBREG_EXTRAS ?= dev

VENV := .venv
BIN := $(VENV)/bin
# Where `make types` installs the wheel.
INSTALLED ?= build/installed

# Errors only: pip's progress and advice would bury the one line that matters.
PIP := -m pip install -qq --disable-pip-version-check -c constraints.txt
comma := ,
space := $(subst ,, )

# A stamp is newer than the files that decide what is installed, or pip runs again.
CORE := $(VENV)/installed-core
EXTRAS := $(VENV)/installed-$(subst $(comma),-,$(subst $(space),,$(MLBREG_EXTRAS)))

# An environment that is half made, or whose Python is gone or too old, is made anew.
usable := $(shell $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo yes)
ifneq ($(usable),yes)
.PHONY: $(BIN)/python
endif

verify: $(CORE)  ## judge every claim of the papers (the default; installs the core alone)
	@$(BIN)/mlbreg verify $(ARGS)

# One BLAS thread for each of the test processes: there are as many of these as cores.
test: $(EXTRAS)  ## run the tests, in one process per core
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

bench: $(CORE)  ## measure how long the checks take
	@$(BIN)/python -m mlbreg.paper_checks.benchmark $(ARGS)

bench-optim:  ## measure the optimizers' steps against torch's (installs the extra torch)
	@$(MAKE) --no-print-directory install MLBREG_EXTRAS=torch
	@$(BIN)/python -m mlbreg.solvers.optim.benchmark $(ARGS)

bench-sparse:  ## measure the sparse layers on the CPU against torch and SparseProp (installs the extra torch)
	@$(MAKE) --no-print-directory install MLBREG_EXTRAS=torch
	@$(BIN)/python -m mlbreg.experiments.sparse_benchmark $(ARGS)

lint: $(EXTRAS)  ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# mypy does not follow an editable install, so it reads the wheel, installed as a user's would be.
# The optimizers are subclasses of torch's, so without torch's types there is nothing to hold solvers against.
typed := $(if $(findstring torch,$(MLBREG_EXTRAS)),mlbreg.solvers mlbreg.experiments)
types: wheel  ## mypy --strict on the installed wheel
	@test -x $(INSTALLED)/bin/python || $(BIN)/python -m virtualenv -q $(INSTALLED)
	@$(INSTALLED)/bin/python $(PIP) --force-reinstall --no-deps dist/*.whl
	@$(INSTALLED)/bin/python $(PIP) "$$(ls dist/*.whl)$(if $(typed),[torch])" scipy-stubs
	@$(if $(typed),:,echo "mlbreg.solvers and mlbreg.experiments are left out: they need torch's types (MLBREG_EXTRAS=dev,torch)")
	@status=0; for package in mlbreg.theory $(typed) mlbreg.paper_checks; do \
	    echo "mypy --strict: $$package"; \
	    $(BIN)/mypy --strict --python-executable $(INSTALLED)/bin/python -p $$package || status=1; \
	done; exit $$status

layers: $(EXTRAS)  ## who may import whom
	@$(BIN)/lint-imports

# setuptools ships whatever an earlier build left in build/lib, deleted modules included.
wheel: $(EXTRAS)  ## build the wheel into dist/
	@rm -rf build/lib build/bdist.* dist
	@mkdir -p build
	@$(BIN)/python -m build --wheel . > build/log 2>&1 || { cat build/log; exit 1; }
	@ls dist/*.whl

install: $(EXTRAS)  ## install this checkout and its MLBREG_EXTRAS into .venv

clean:  ## remove what the other commands made, .venv included
	rm -rf $(VENV) build dist report report.partial *.egg-info .cache .hypothesis \
	    .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find theory solvers paper_checks experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1 - \2/p' Makefile | awk -F ' - ' '{ printf "%-14s %s\n", $$1, $$2 }'

$(CORE): $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing mlbreg into $(VENV) (about a minute the first time)"
	@$(BIN)/python $(PIP) -e .
	@touch $@

$(EXTRAS): $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing mlbreg[$(MLBREG_EXTRAS)] into $(VENV) (a minute or more the first time)"
	@$(BIN)/python $(PIP) -e '.[$(MLBREG_EXTRAS)]'
	@touch $@ $(CORE)

# Each candidate has to run: a version manager's shim may exist and only say that no version is chosen.
# Debian's python3 comes without ensurepip, so that its venv module fails, half way.
$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	    echo "Making $(VENV) with $$("$$python" --version) ($$python)"; \
	    rm -rf $(VENV); \
	    "$$python" -m venv $(VENV) >/dev/null 2>&1 && exit; \
	    rm -rf $(VENV); \
	    "$$python" -m virtualenv -q $(VENV) >/dev/null 2>&1 && exit; \
	    found=$$(command -v "$$python"); \
	    virtualenv -q -p "$$found" $(VENV) >/dev/null 2>&1 && exit; \
	    uv venv -q --seed --python "$$found" $(VENV) >/dev/null 2>&1 && exit; \
	    rm -rf $(VENV); \
	    echo "$$python cannot make virtual environments. On Debian and Ubuntu:" >&2; \
	    echo "    sudo apt install python3-venv" >&2; \
	    echo "then run make again. (virtualenv or uv, if installed, would do as well.)" >&2; \
	    exit 1; \
	done; \
	echo "No Python from 3.11 on was found. Install one, or name it: make PYTHON=path-of-python" >&2; \
	exit 1
