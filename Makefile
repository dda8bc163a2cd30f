# make sweep        the main job: the search of conf/hydra/sweeper/ax_moo.yaml (more overrides in ARGS="...")
# make check        lint, types, layers, and the tests that start no process: under two minutes
# make test         every check and every test, under Hydra 1.3 and under Hydra 1.4
# make test-latest  those tests and the contract suites with the newest and with the lowest releases that we allow
# make benchmarks   measures the figures in README and docs/benchmarks.md, beside other tools: 40 quiet minutes
# make clean        removes the environments; results stay
#
# Each sets up .venv where it is missing or out of date. PYTHON=python3.12 chooses the interpreter,
# which is otherwise the system's.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules
.NOTPARALLEL:
.PHONY: sweep check test lint ruff mypy layers test-fast test-hydra-1.3 test-hydra-1.4 clean
.PHONY: test-latest test-newest test-lowest benchmarks

# Otherwise every process would compile our modules and the tests again.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile
# This writes the bytecode of what it imports. Compiling all that is installed takes as long as installing it.
COMPILE := $(PY) -W ignore -c 'import ax_moo.optimizer.bayes.ax_client, nas.train' || true
HYDRA_1_4 := hydra-core==1.4.0rc3 omegaconf==2.4.1rc1 hydra-submitit-launcher==1.4.0rc3
PYTEST := OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses 4 --no-loadscope-reorder --durations 25
# A file's own mark, alone or in a list of one line or of several.
ONE_HYDRA := ^(pytestmark = .*|    )pytest\.mark\.(hydra_free|one_hydra)\b
NEWEST := .venv/newest/bin/python
LOWEST := .venv/lowest/bin/python
LATEST := --numprocesses 4 -m "(not slow or contract) and not slurm"

sweep: .venv/installed-nas
	$(PY) train.py -m hydra/sweeper=ax_moo $(ARGS)

check: TESTS := test-fast
test: TESTS := test-hydra-1.3 test-hydra-1.4

# Everything is run, and the target fails if anything failed. Linting takes a minute of one core: beside the tests.
check test: .venv/installed-test
	@$(MAKE) --no-print-directory --keep-going lint & linting=$$!; \
	$(MAKE) --no-print-directory --keep-going $(TESTS) && tested=0 || tested=$$?; \
	wait $$linting && exit $$tested

lint: ruff mypy layers

ruff: .venv/installed-test
	$(PY) -m ruff check
	$(PY) -m ruff format --check

mypy: .venv/installed-test
	$(PY) -m mypy

layers: .venv/installed-test
	.venv/bin/lint-imports

# tests/slow.py says which are slow. Two processes, since a third core is rare and each imports Ax and Lightning.
test-fast: .venv/installed-test
	OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses 2 -m "not slow" $(ARGS)

test-hydra-1.3: .venv/installed-test
	$(PYTEST) $(ARGS)

# Tests that have nothing to do with the version of Hydra have been run already. Importing a file of such tests alone takes
# seconds of every process.
test-hydra-1.4: .venv/installed-test
	PYTHONPATH="$(CURDIR)/.venv/hydra-1.4" $(PYTEST) -m "not hydra_free and not one_hydra" \
	    $$(grep -lE '$(ONE_HYDRA)' tests/test_*.py | sed 's/^/--ignore=/') $(ARGS)

test-latest:
	@$(MAKE) --no-print-directory --keep-going test-newest test-lowest

# What is newest changes from day to day: asked for each time. torch stays as it is pinned, since another release may
# bring CUDA along; that holds for the lowest as well.
test-newest: .venv/installed-test
	$(PY) -m venv .venv/newest
	grep '^torch==' constraints.txt > .venv/newest/constraints.txt
	$(NEWEST) -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager \
	    -c .venv/newest/constraints.txt -e '.[test]'
	OMP_NUM_THREADS=1 $(NEWEST) -m pytest $(LATEST) $(ARGS)

test-lowest: .venv/lowest/installed
	OMP_NUM_THREADS=1 $(LOWEST) -m pytest $(LATEST) -W ignore::DeprecationWarning $(ARGS)

# What was measured of this commit is kept, so that an interrupted run goes on: ARGS=--again measures it again.
benchmarks: .venv/installed-test
	$(PY) benchmarks/run.py $(ARGS)

clean:
	rm -rf .venv

.venv/installed-nas: pyproject.toml constraints.txt | $(PY)
	$(INSTALL) -c constraints.txt -e '.[nas]'
	$(COMPILE)
	touch $@

.venv/installed-test: pyproject.toml constraints.txt | $(PY)
	$(INSTALL) -c constraints.txt -e '.[test]'
	rm -rf .venv/hydra-1.4
	{ $(COMPILE); } & $(INSTALL) --no-deps --target .venv/hydra-1.4 $(HYDRA_1_4) && installed=0 || installed=$$?; \
	wait; exit $$installed
	touch .venv/installed-nas $@

# Whatever else these need comes as new as it can be, and may have deprecated what an old release still uses.
.venv/lowest/installed: pyproject.toml constraints.txt tests/lowest_versions.py | .venv/installed-test
	rm -rf $(@D)
	$(PY) -m venv $(@D)
	$(PY) tests/lowest_versions.py > $(@D)/constraints.txt
	$(LOWEST) -m pip install --quiet --disable-pip-version-check -c $(@D)/constraints.txt -e '.[test]'
	touch $@

# The first Python of 3.11 or later that can make an environment. If there is none, we install Debian's where we may. The
# system's Python comes first, because pyenv builds Python without optimizations unless it is asked for them. The newest pip
# needs two thirds of the time of the one that comes with Python.
$(PY):
	@find_python() { \
	    for python in $(or $(PYTHON),/usr/bin/python3 python3.11 python3 python3.12 python3.13); do \
	        if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then return; fi; \
	    done; \
	    return 1; \
	}; \
	if ! find_python && [ -z "$(PYTHON)" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get -qq update || true; \
	    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends python3 python3-venv || true; \
	fi; \
	if ! find_python; then \
	    echo 'This needs Python 3.11 or later with its venv module: apt-get install python3 python3-venv on Debian 12,' >&2; \
	    echo 'or PYTHON=/path/to/python make ... for another one.' >&2; \
	    exit 1; \
	fi; \
	"$$python" -m venv --upgrade-deps .venv
