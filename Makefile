# Everything that is done with this checkout. The virtual environment follows requirements.lock by itself.
.DEFAULT_GOAL := help
.PHONY: help run start stop status doctor rights rotate clean test test-brokers test-engines test-operations test-containers chaos bench
.PHONY: bench-national lint lock migrate backup restore up down down-forget image sbom licences audit lock-supply

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-lock
SUPPLY := .venv-supply
SUPPLY_STAMP := $(SUPPLY)/.made-from-lock

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-15s %s\n' "$$name" "$$text"; done

run: $(STAMP)  ## Do the main job: three weeks of synthetic screening, from the extracts to acknowledged letters; again: the next week
	@$(BIN)/python -m deploy demo

start: $(STAMP)  ## Start everything in the background and print the addresses
	@$(BIN)/python -m deploy start

stop: $(STAMP)  ## Stop everything; the data stay
	@$(BIN)/python -m deploy stop

status: $(STAMP)  ## Say what runs
	@$(BIN)/python -m deploy status

doctor: $(STAMP)  ## Say how everything is, and what mends what is not well
	@$(BIN)/python -m deploy doctor

clean: $(STAMP)  ## Stop everything and remove all state (downloads stay)
	@$(BIN)/python -m deploy clean

rights: $(STAMP)  ## Print who may do what with which topic, group, schema and table, as the running engines say it is
	@$(BIN)/python -m deploy rights

rotate: $(STAMP)  ## Replace secrets while the system runs: SECRET=kafka-intake make rotate; all of them unless named
	@$(BIN)/python -m deploy rotate $(or $(SECRET),all)

test: $(STAMP) $(SUPPLY_STAMP)  ## Run all tests against real engines
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-brokers: $(STAMP)  ## Run a week on three brokers of which one dies after the other (75 s, 1.5 GB)
	@$(BIN)/python -m pytest -m brokers tests/system/test_three_brokers.py

test-engines: $(STAMP)  ## Kill, pause, fill and cut off Kafka and PostgreSQL under a service at work (4 min)
	@$(BIN)/python -m pytest -m engines tests/chaos

test-operations: $(STAMP)  ## Rotate every secret while weeks run, and restore from a backup (three minutes)
	@$(BIN)/python -m pytest -m operations tests/system

chaos: $(STAMP)  ## Run weeks while everything is struck at random, and prove that nothing is lost or doubled (docs/chaos.md)
	@$(BIN)/python -m tests.chaos $(CHAOS)

migrate: $(STAMP)  ## Bring tables, topics and rights to this version, while the version before may still serve
	@$(BIN)/python -m deploy migrate

backup: $(STAMP)  ## Write the whole database of the embedded form at this moment to FILE=…
	@$(BIN)/python -m deploy backup "$(FILE)"

restore: $(STAMP)  ## Put the database back to the moment of FILE=…, beside an empty Kafka
	@$(BIN)/python -m deploy restore "$(FILE)"

bench: $(STAMP)  ## Measure speed and memory at a hundredth of the country's size beside plain Kafka, COPY and SQL (two minutes)
	@$(BIN)/python -m tests.benchmarks --size hundredth

bench-national: $(STAMP)  ## The same with 5.9 million persons and 6 million records (forty minutes, 40 GB); WORLD=folder keeps the world
	@$(BIN)/python -m tests.benchmarks --size full $(if $(WORLD),--world $(WORLD))

lint: $(STAMP)  ## Check style, types and the rules of who imports whom
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: $(STAMP)  ## Lock dependencies (needs uv) and jars anew, with their hashes
	uv pip compile pyproject.toml --extra dev --extra embedded --universal --python-version 3.11 --generate-hashes --no-header -o requirements.lock
	uv pip compile pyproject.toml -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-header -o deploy/images/requirements.lock
	$(BIN)/python -m deploy.embedded.java

sbom: $(STAMP) $(SUPPLY_STAMP)  ## Write the software bill of materials to dist/sbom.cdx.json
	@mkdir -p dist && $(BIN)/python -m deploy.supply.inventory > dist/inventory.json
	@$(SUPPLY)/bin/python deploy/supply/sbom.py < dist/inventory.json > dist/sbom.cdx.json && echo "dist/sbom.cdx.json"

licences: $(STAMP)  ## List the licences of all that is locked in docs/licences.md
	@$(BIN)/python -m deploy.supply.licences

audit: $(STAMP) $(SUPPLY_STAMP)  ## Look for known vulnerabilities of all that is locked (exit: 1 found, 69 nobody answers; make says 2 for both)
	@$(BIN)/python -m deploy.supply.audit

lock-supply: $(STAMP)  ## Lock the tools of sbom and audit anew (needs uv)
	uv pip compile deploy/supply/requirements.in --universal --python-version 3.11 --generate-hashes --no-header -o deploy/supply/requirements.lock

$(SUPPLY_STAMP): deploy/supply/requirements.lock | $(STAMP)
	@echo "Setting up $(SUPPLY): the supply tools"
	@$(BIN)/python -m venv $(SUPPLY)
	@$(SUPPLY)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

up: $(STAMP)  ## Start everything as containers (Docker with compose) and print the addresses; SCALE="screening=3" for more copies
	@$(BIN)/python -m deploy.compose up $(addprefix --scale ,$(SCALE))

down: $(STAMP)  ## Stop the containers; the data stay
	@$(BIN)/python -m deploy.compose down

down-forget: $(STAMP)  ## Stop the containers and remove what Kafka and PostgreSQL stored; the dispatch journal stays
	@$(BIN)/python -m deploy.compose forget

image: $(STAMP)  ## Build the one image of all services
	@$(BIN)/python -m deploy.compose image

test-containers: $(STAMP)  ## Test the system as containers, then the engines' tests on containers; needs Docker with compose
	@$(BIN)/python -m deploy.compose public-images
	@$(BIN)/python -m deploy.compose image
	@SOCIALSOG_TESTS_ON=compose $(BIN)/python -m pytest tests/containers tests/system/test_three_weeks.py
	@SOCIALSOG_TESTS_ON=containers $(BIN)/python -m pytest tests/integration/test_runtime.py tests/integration/test_deploy.py

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
