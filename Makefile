# Everything a newcomer needs: `make run` and `make test`. Needs Python 3.11 or later, and make.

PORT ?= 8000
PROCESSES ?= 1
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
UV_VERSION := 0.13.8
READY := .venv/.ready
PLOTTING := .venv/.plotting

.PHONY: run test check simulate faults faults-long bugs bench bench-fanout bench-peers bench-edge pictures urls psql browser

## Everything on one machine, with demo data and live trade: http://127.0.0.1:8000/
run: $(READY)
	@exec $(BIN)/python -m core.demo.run --port $(PORT) --processes $(PROCESSES) --with-parent

## All checks and all tests, with all that they need; ARGS chooses some, WORKERS=2 shares them out.
test: browser
	@failed=0; $(MAKE) --no-print-directory check || failed=1; \
	  $(BIN)/python -m pytest $(if $(WORKERS),-n $(WORKERS)) $(ARGS) || failed=1; exit $$failed

## Lint, format, types, floors, containers, migrations, system checks.
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(BIN)/python -m tests.support.checking

## Schedules of the simulator, on all cores: 40,000, or SCHEDULES=n of them, SEED=n the first; a failing one is shrunk.
simulate: $(READY)
	@$(BIN)/python -m tests.simulation --schedules $(or $(SCHEDULES),40000) --seed $(or $(SEED),0)

## Every fault on real servers, and the table of docs/GUARANTEES.md; ARGS chooses faults, SHORT=1 is brief; SEED=n, OUT=file.json.
faults: $(READY)
	@OUT=$(OUT) SEED=$(SEED) SHORT=$(SHORT) $(BIN)/python -m tests.faults $(ARGS)

## Faults at random, several at once, for MINUTES (an hour).
faults-long: $(READY)
	@OUT=$(OUT) SEED=$(SEED) MINUTES=$(or $(MINUTES),60) $(BIN)/python -m tests.faults

## Bugs that were seeded into the product, and how soon the simulator and the model of the database find each.
bugs: $(READY)
	@$(BIN)/python -m tests.simulation bugs && $(BIN)/python -m tests.stateful bugs

## What it measures, beside the naive way; OUT=file.json keeps the rows.
bench: $(READY)
	@OUT=$(OUT) $(BIN)/python -m bench $(ARGS)

## What a delivery costs, beside the naive way and a limit in C, about 2 minutes; OUT=file.json keeps it all.
bench-fanout: $(PLOTTING)
	@OUT=$(OUT) PLOT=$(or $(PLOT),docs/pictures/fan-out.svg) $(BIN)/python -m bench.fanout $(ARGS)

## The same beside other servers too, which it installs as far as they can be had.
bench-peers: $(PLOTTING)
	@OUT=$(OUT) PEERS=1 PLOT=$(or $(PLOT),docs/pictures/fan-out-peers.svg) $(BIN)/python -m bench.fanout $(ARGS)

## What a connection costs: latency, memory, processor, slow clients, storms; about 5 minutes, QUICK=1 for a short look.
bench-edge: $(READY)
	@OUT=$(OUT) QUICK=$(QUICK) $(BIN)/python -m bench.edge $(ARGS)

## Pictures of every page in its main states, to docs/pictures/.
pictures: browser
	@$(BIN)/python -m tests.browser.pictures $(ARGS)

## DATABASE_URL and REDIS_URL of what is running.
urls: $(READY)
	@$(BIN)/python -m core.demo.addresses urls

## A prompt on the running database.
psql: $(READY)
	@$(BIN)/python -m core.demo.addresses psql

browser: $(READY)
	@$(BIN)/python -m tests.support.chromium
	@$(BIN)/python -m tests.support.nginx

$(READY): uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "tideline: Python 3.11 or later is needed: install it, or name it with PYTHON=…" >&2; exit 1; }
	@echo "tideline: making the environment in .venv (about half a minute) …" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "tideline: Python's venv module does not work here: on Debian install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --frozen --inexact --quiet --compile-bytecode --python $(BIN)/python
	@touch $@
	@echo "tideline: the environment is ready" >&2

$(PLOTTING): $(READY)
	@UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --frozen --inexact --quiet --group bench --python $(BIN)/python
	@touch $@
