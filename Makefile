# Works on a bare clone with Python 3.10 or newer: the environment is made in .venv on first use.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= runs/demo
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
# The pinned versions need Python 3.11.5; an older one takes the newest that it can run.
PINS := import sys; print("--constraint constraints.txt" * (sys.version_info >= (3, 11, 5)))
OLD := sys.exit("expected Python 3.10 or newer, found %d.%d; say: make PYTHON=python3.12 ..." % sys.version_info[:2])

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all check docs bench package clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

install: .venv/installed ## the environment, in .venv: about 7 GB

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or $(OLD)'
	@echo "installing into .venv: about 7 GB, most of it PyTorch; this takes some minutes"
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $$($(BIN)/python -c '$(PINS)') --editable ".[all,dev]"
	@touch $@

demo: .venv/installed ## from drawn pictures to an inspection, with every step between; some minutes
	$(BIN)/yolo-tl demo $(DEMO)

test: .venv/installed ## the fast tests
	$(PYTEST) -m "not slow"

test-all: .venv/installed ## every test, those that train included
	$(PYTEST)

check: .venv/installed ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --strict docs/hooks.py docs/reference

docs: .venv/installed ## the site, in build/site
	$(BIN)/mkdocs build --strict

bench: .venv/installed ## the benchmarks that need nothing but a CPU; see benchmarks/README.md
	set -e; for name in sample pipelining bootstrap replay; do $(BIN)/python benchmarks/$$name.py; done

package: .venv/installed ## sdist and wheel in dist/, installed and run in an empty environment
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	YOLO_TL_DIST=$(CURDIR)/dist $(BIN)/python -m pytest tests/test_wheel.py

clean: ## remove the environment and all that was made
	rm -rf .venv runs dist build
