# make run    start the whole of Pingfold on this machine; Ctrl-C stops it
# make test   lint, types and every test, on the real Kafka and the embedded ClickHouse
# make check  lint and types only
# make unit   the quick tests: neither Java nor Kafka is needed, and less than a minute
# make fmt    lint that mends, and the format
# make docs   write the generated pages

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check unit fmt docs install
.DEFAULT_GOAL := run

# Installed when the files that say what to install have changed since.
install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Pingfold needs Python 3.11 or newer: install the Debian package python3.11, or say make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python cannot make a virtual environment: install the Debian package python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@# Or five processes would each do it for themselves at the first start.
	@$(BIN)/python -m compileall -q schemas infra ingest processors query_api pingfold
	@touch $@

run: install
	@exec $(BIN)/python -m pingfold up

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Most tests wait for other processes: two at a time keep two cores busy. tests/grouping.py says which stay together.
TEST_PROCESSES ?= 2

test: check
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder

unit: install
	$(BIN)/python -m pytest -q -n auto -m 'not slow' tests/unit

fmt: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	$(BIN)/python -m infra.schema_files
	$(BIN)/python -m tests.events_page
