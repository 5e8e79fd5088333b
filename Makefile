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

# Most tests wait for servers, so three processes pay on two cores; a file stays in one of them, and so does its cluster.
PYTEST_ARGS ?= -n 3 --dist loadfile

# `make chaos CONVOY_CHAOS_GO_ON=1` leaves out what has passed already; `CONVOY_CHAOS_LEASES=default` plays every cell with
# the leases of a cluster of one's own, which takes hours more.
CHAOS_RESULTS ?= .cache/chaos/results.jsonl
CHAOS_KILLS ?= 1000

.PHONY: help setup demo migrate up test test-all test-fast apps apps-part apps-pins fuzz-api chaos upgrade-rehearsal locked-ledger live mutations lint audit types contracts check bench bench-full bench-words docs docs-serve reference pictures lock clean

help: ## Show this list.
	@echo "Usage: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

setup: $(SETUP_DONE) ## Make .venv with .venv/bin/migration-cli, from requirements.lock; again only when that changes.

$(SETUP_DONE): requirements.lock pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" sh scripts/setup.sh

demo: $(SETUP_DONE) $(DEMO_DATABASE) ## Migrate an educational database of 34 tables into an embedded PostgreSQL, and show the report.
	@$(CLI) migrate --source $(DEMO_DATABASE) --target-url embedded --workers 2 --if-exists replace --report $(DEMO_REPORT)
	@echo
	@echo "Look at the data:  $(CLI) psql -c 'SELECT display_name, email, last_login FROM users LIMIT 8'"
	@echo "Migrate your own:  make migrate SOURCE=my.db"

$(DEMO_DATABASE): $(wildcard examples/*.py examples/demo/*.py migration/catalog/*.toml migration/catalog/*.py) | $(SETUP_DONE)
	@$(PYTHON_IN_VENV) -m examples.build_demo --out $@

migrate: $(SETUP_DONE) ## Migrate your own file: make migrate SOURCE=my.db [TARGET=postgresql://...] [ARGS="--tables a,b"].
	@if [ -z "$(SOURCE)" ]; then echo 'Name the database: make migrate SOURCE=my.db [TARGET=postgresql://user@host/db]' >&2; exit 2; fi
	@$(CLI) migrate --source "$(SOURCE)" --target-url "$(TARGET)" $(EMBEDDED_FLAGS) $(ARGS)

up: $(SETUP_DONE) ## Run a local cluster (servers, producer, workers) in the foreground until Ctrl-C.
	@$(CLI) up

test: $(SETUP_DONE) ## Run the tests but for the long suites, on real servers of their own: some ten minutes.
	@$(PYTHON_IN_VENV) -m pytest --durations=10 -m "not long" $(PYTEST_ARGS)

test-all: $(SETUP_DONE) ## Run all tests, as CI does: half an hour.
	@$(PYTHON_IN_VENV) -m pytest --durations=10 $(PYTEST_ARGS)

test-fast: $(SETUP_DONE) ## Run the unit tests only.
	@$(PYTHON_IN_VENV) -m pytest tests/unit $(PYTEST_ARGS)

apps: $(SETUP_DONE) ## Migrate real applications and let them go on in PostgreSQL; builds their environments first, some minutes.
	@$(PYTHON_IN_VENV) -m pytest tests/applications $(PYTEST_ARGS)

apps-part: $(SETUP_DONE) ## The same with the applications whose turn it is today: at most six minutes.
	@$(PYTHON_IN_VENV) -m pytest $$($(PYTHON_IN_VENV) -m tests.applications.rotating_part) $(PYTEST_ARGS)

apps-pins: $(SETUP_DONE) ## Resolve the packages of applications anew: make apps-pins NAMES="django mlflow".
	@$(PYTHON_IN_VENV) -m tests.applications.application_environments $(NAMES)

fuzz-api: $(SETUP_DONE) ## Fuzz the HTTP API with every check of Schemathesis, in the long form: ten minutes.
	@CONVOY_FUZZ_EXAMPLES=300 $(PYTHON_IN_VENV) -m pytest tests/integration/api/test_fuzzed_api.py -n 0 -s

chaos: $(SETUP_DONE) ## Run the fault tests in their long form and write docs/reliability.md: some hours.
	@test -n "$$CONVOY_CHAOS_GO_ON" || rm -f $(CHAOS_RESULTS)
	@CONVOY_CHAOS=1 CONVOY_CHAOS_RESULTS=$(CHAOS_RESULTS) $(PYTHON_IN_VENV) -m pytest tests/chaos --timeout 1800 $(PYTEST_ARGS); failed=$$?; \
	  $(PYTHON_IN_VENV) -m tests.chaos.random_kills --kills $(CHAOS_KILLS) --results $(CHAOS_RESULTS) && \
	  $(PYTHON_IN_VENV) -m tests.chaos.reliability_page $(CHAOS_RESULTS) && exit $$failed

upgrade-rehearsal: $(SETUP_DONE) ## Finish with this version what an earlier one has begun, with wheels and real servers: make upgrade-rehearsal [ARGS="--from COMMIT"]; five minutes.
	@$(PYTHON_IN_VENV) -m tests.acceptance.upgrade.upgrade_rehearsal $(ARGS)

locked-ledger: $(SETUP_DONE) ## Lock each table of the ledger against each command, before it begins, while it works and as it ends: an hour of one process.
	@CONVOY_SLOW_TESTS=1 $(PYTHON_IN_VENV) -m pytest tests/acceptance/test_cli_locked_ledger.py $(PYTEST_ARGS)

live: $(SETUP_DONE) ## Take databases of 300 MB ten times each while an application commits 200 times a second: some minutes.
	@CONVOY_LIVE=1 $(PYTHON_IN_VENV) -m pytest tests/integration/source/test_live_database.py -v -s

mutations: $(SETUP_DONE) ## Plant every difference in a table for itself, judge it in every way, write docs/fidelity.md: half an hour.
	@$(PYTHON_IN_VENV) -m tests.acceptance.mutations.fidelity_section $(ARGS)

lint: $(SETUP_DONE) ## Check style and formatting with ruff, and what bandit knows of security.
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/bandit -q -c pyproject.toml -r migration producer worker api

audit: $(SETUP_DONE) ## Ask whether packages of the lock have known vulnerabilities; fails only where some have.
	@sh scripts/audit.sh

types: $(SETUP_DONE) ## Check types with mypy --strict.
	@.venv/bin/mypy

contracts: $(SETUP_DONE) ## Check that imports go one way only (import-linter).
	@.venv/bin/lint-imports

check: lint types contracts test-all ## Everything that has to be green before a change goes in.

bench: $(SETUP_DONE) ## Measure Convoy beside pgloader, DuckDB, psycopg and psql; small sizes, minutes; writes bench/results.json.
	@$(PYTHON_IN_VENV) -m bench.suite $(ARGS)

bench-full: $(SETUP_DONE) ## The same with up to 20 million rows: 45 minutes; in portions with ARGS="--add --only orders,kind-".
	@$(PYTHON_IN_VENV) -m bench.suite --full $(ARGS)

bench-words: $(SETUP_DONE) ## Write the figures of README.md and docs/scaling.md, and the picture, from bench/results.json.
	@$(PYTHON_IN_VENV) -m bench.result_words $(ARGS)

docs: $(SETUP_DONE) ## Build docs/ as a site in build/site, and check every link and anchor of it.
	@$(PYTHON_IN_VENV) -m documentation.site_build

docs-serve: $(SETUP_DONE) ## Show the site at http://127.0.0.1:8700, and again after each change of a page, until Ctrl-C.
	@.venv/bin/zensical serve --dev-addr 127.0.0.1:8700

pictures: $(SETUP_DONE) ## Take the pictures of the dashboard that README and docs/ show: on a cluster of its own, in Chromium.
	@sh scripts/browser.sh
	@$(PYTHON_IN_VENV) -m tests.acceptance.dashboard.dashboard_pictures

reference: $(SETUP_DONE) ## Write what docs/ has from the code: command line, HTTP, settings, errors.json, metrics, report.json.
	@$(PYTHON_IN_VENV) -m documentation.reference_pages

lock: ## Resolve pyproject.toml anew into requirements.lock: versions and hashes only.
	@sh scripts/lock.sh

clean: ## Remove everything that was made here: .venv, caches, the embedded server's data, reports.
	@rm -rf .venv .cache .applications .convoy .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
