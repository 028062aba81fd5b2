# make run    start the whole of Pingfold on this machine; Ctrl-C stops it
# make test   lint, types and every test, on the real Kafka and the embedded ClickHouse
# make check  lint and types only
# make unit   the quick tests: neither Java nor Kafka is needed; a few minutes on two cores
# make fmt    lint that mends, and the format
# make docs   write the generated pages
# make screenshots   take the pictures of docs/screenshots anew, in Chromium
# make lock   pin again what is installed, after a change of pyproject.toml; make lock UPGRADE=1: the newest of all

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest
LOCKED := --require-hashes --no-deps

.PHONY: run test failed check jars compiled unit fmt docs screenshots install lock
.DEFAULT_GOAL := run

# Everything, what tests need too.
install: .venv/.dev

# What running needs: installed when the files that say what that is have changed since.
.venv/.run: pyproject.toml requirements/build.txt requirements/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Pingfold needs Python 3.11 or newer: install the Debian package python3.11, or say make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python cannot make a virtual environment: install the Debian package python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install $(LOCKED) -r requirements/build.txt
	$(PIP) install $(LOCKED) --no-build-isolation -r requirements/run.txt
	$(PIP) install --no-index --no-deps --no-build-isolation -e .
	@# That of pip names this folder, and a shell reads the name: a quotation mark in it would end it.
	@printf '%s\n' '#!/bin/sh' 'exec "$$(dirname "$$(readlink -f "$$0")")/python" -P -m pingfold "$$@"' > $(BIN)/pingfold
	@# Or five processes would each do it for themselves at the first start.
	@$(BIN)/python -m compileall -q schemas infra ingest processors query_api pingfold
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	$(PIP) install $(LOCKED) --no-build-isolation -r requirements/dev.txt
	@touch $@

run: .venv/.run
	@exec $(BIN)/python -m pingfold up

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

# Two processes for what needs a whole Pingfold, one for what needs servers, and a helper for the rest; all of them wait
# for most of their time. tests/grouping.py says which tests stay together.
TEST_PROCESSES ?= 4

# What the tests on the real Kafka need is fetched once; and the public clients, whose tests say so when there are none.
jars: install
	$(BIN)/python -c "from infra.embedded import kafka; kafka.install(kafka.default_cache())"
	-$(BIN)/python -c "from tests.public_clients import installed; installed()"

# Every module and test is compiled once, or each process of the tests, and each that they start, would do it for itself.
compiled: install
	@$(BIN)/python -m compileall -q schemas infra ingest processors query_api pingfold
	@mkdir -p .cache
	@$(PYTEST) -q --collect-only >.cache/collected.txt || { cat .cache/collected.txt; exit 1; }

test: export PYTHONDONTWRITEBYTECODE =
test: install
	$(MAKE) --no-print-directory --jobs=2 --output-sync check jars compiled
	@$(PYTEST) -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder || { test $$? = 1 && $(MAKE) --no-print-directory failed; }

# The tests that failed, once more and alone: docs/decisions/0107-failed-tests-run-once-more.md.
failed:
	@echo "== What failed is run once more, alone =="
	@$(PYTEST) --last-failed --last-failed-no-failures none --maxfail 1
	@echo "== Each test that was run again failed beside others and passed alone: that is a defect, mend it =="

unit: install
	$(BIN)/python -m pytest -q -n auto -m 'not slow' tests/unit

fmt: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	$(BIN)/python -m infra.schema_files
	$(BIN)/python -m tests.events_page
	$(BIN)/python -m tests.apprise_services
	$(BIN)/python -m tests.channels_page
	$(BIN)/python -m tests.monitor_types_page
	$(BIN)/pingfold schema > docs/declarations.schema.json

screenshots: install
	$(BIN)/python -m tests.screenshots

# The lock files hold every file of each release, for any platform. No address of an index gets into them.
UV := .cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
UV += $(if $(UPGRADE),--upgrade) --overrides requirements/overrides.txt
# What the overrides leave out.
UV += --no-emit-package pandas --no-emit-package pyarrow --no-emit-package numpy

lock:
	@test -x .cache/lock/bin/uv || { $(PYTHON) -m venv .cache/lock && .cache/lock/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt; }
	$(UV) -o requirements/run.txt pyproject.toml
	$(UV) -c requirements/run.txt -o requirements/build.txt requirements/build.in
	$(UV) -c requirements/run.txt -o requirements/dev.txt --extra dev pyproject.toml $$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements/run.txt)
