# Everything that is done with this checkout. The virtual environment follows requirements.lock by itself.
.DEFAULT_GOAL := help
.PHONY: help run start stop status clean test test-brokers test-engines chaos lint lock rights rotate

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-lock

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

run: $(STAMP)  ## Do the main job: three weeks of synthetic screening, from the extracts to acknowledged letters; again: the next week
	@$(BIN)/python -m deploy demo

start: $(STAMP)  ## Start everything in the background and print the addresses
	@$(BIN)/python -m deploy start

stop: $(STAMP)  ## Stop everything; the data stay
	@$(BIN)/python -m deploy stop

status: $(STAMP)  ## Say what runs
	@$(BIN)/python -m deploy status

clean: $(STAMP)  ## Stop everything and remove all state (downloads stay)
	@$(BIN)/python -m deploy clean

rights: $(STAMP)  ## Print who may do what with which topic, group, schema and table, as the running engines say it is
	@$(BIN)/python -m deploy rights

rotate: $(STAMP)  ## Replace secrets while the system runs: SECRET=kafka-intake make rotate; all of them unless named
	@$(BIN)/python -m deploy rotate $(or $(SECRET),all)

test: $(STAMP)  ## Run all tests against real engines
	@$(BIN)/python -m pytest

chaos: $(STAMP)  ## Run weeks while everything is struck at random, and prove that nothing is lost or doubled (docs/chaos.md)
	@$(BIN)/python -m tests.chaos $(CHAOS)

test-brokers: $(STAMP)  ## Run a week on three brokers of which one dies after the other (75 s, 1.5 GB)
	@$(BIN)/python -m pytest -m brokers tests/system/test_three_brokers.py

test-engines: $(STAMP)  ## Kill, pause, fill and cut off Kafka and PostgreSQL under a service at work (3 min)
	@$(BIN)/python -m pytest -m engines tests/chaos

lint: $(STAMP)  ## Check style, types and the rules of who imports whom
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: $(STAMP)  ## Lock dependencies (needs uv) and jars anew, with their hashes
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-header -o requirements.lock
	$(BIN)/python -m deploy.embedded.java

$(STAMP): requirements.lock
	@python=""; for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if command -v $$each >/dev/null 2>&1 && $$each -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then python=$$each; break; fi; done; \
	if [ -z "$$python" ]; then echo "No Python 3.11 or newer with venv found (looked for python3, python3.14 to python3.11): install one, e.g. python3 and python3-venv." >&2; exit 1; fi; \
	echo "Setting up $(VENV) with $$($$python --version): the locked packages, about a minute the first time"; \
	$$python -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
