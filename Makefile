# Needs Python 3.11+ and make; works with GNU make 3.81 (macOS) and newer. `make help` explains every target.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON_IN_VENV := .venv/bin/python
CLI := .venv/bin/migration-cli
SETUP_DONE := .venv/.setup-done
DEMO_DATABASE := .cache/demo/educational.db
DEMO_REPORT := .convoy/reports/demo

# The user's own file and server; TARGET is a PostgreSQL URL, or `embedded`.
SOURCE ?=
TARGET ?= embedded
ARGS ?=

# The embedded server keeps a database for each file, and lets a second try replace the first (kept for rollback).
EMBEDDED_FLAGS = $(if $(filter embedded,$(TARGET)),--if-exists replace --target-db "$(basename $(notdir $(SOURCE)))")

# Say "-n 2" to spread the tests over two processes.
PYTEST_ARGS ?=

.PHONY: help setup demo migrate up test test-fast lint types contracts check bench lock clean

help: ## Show this list.
	@echo "Usage: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

setup: $(SETUP_DONE) ## Run a local cluster (servers, producer, workers) in the foreground until Ctrl-C.
	@$(CLI) up

test: $(SETUP_DONE) ## Run all tests, on real servers of their own.
	@$(PYTHON_IN_VENV) -m pytest --durations=10 $(PYTEST_ARGS)

test-fast: $(SETUP_DONE) ## Run the unit tests only.
	@$(PYTHON_IN_VENV) -m pytest tests/unit $(PYTEST_ARGS)

lint: $(SETUP_DONE) ## Check style and formatting with ruff.
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: $(SETUP_DONE) ## Check types with mypy --strict.
	@.venv/bin/mypy

contracts: $(SETUP_DONE) ## Check that imports go one way only (import-linter).
	@.venv/bin/lint-imports

check: lint types contracts test ## Everything that has to be green before a change goes in.

bench: $(SETUP_DONE) ## Measure the copy phase beside psql's \copy of a ready-made file; writes bench/results.json.
	@$(PYTHON_IN_VENV) -m bench.copy

lock: ## Resolve pyproject.toml anew into requirements.lock: versions and hashes only.
	@sh scripts/lock.sh

clean: ## Remove everything that was made here: .venv, caches, the embedded server's data, reports.
	@rm -rf .venv .cache .convoy .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
