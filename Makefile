# Two commands: `make demo` runs the road, `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test dev lint bench bench-door bench-features bench-training bench-ledger bench-cascade simulate-drift fuzz lock clean

demo: $(INSTALLED)
	$(BIN)/nightshift demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

dev: $(INSTALLED)
	$(BIN)/nightshift dev

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.night

# Five million rows through the door against a bare copy of them.
bench-door: $(INSTALLED)
	$(BIN)/python -m benchmarks.door

# A million cases joined with three views, against DuckDB alone.
bench-features: $(INSTALLED)
	$(BIN)/python -m benchmarks.features

# A million rows scored, against predict_proba alone.
bench-training: $(INSTALLED)
	$(BIN)/python -m benchmarks.training

# A million decisions verified, against SHA-256 of the same bytes.
bench-ledger: $(INSTALLED)
	$(BIN)/python -m benchmarks.ledger

# A cheap model before an expensive one, against the expensive one alone.
bench-cascade: $(INSTALLED)
	$(BIN)/python -m benchmarks.cascade

# How often drift cries wolf on quiet nights, and how soon it sees a shift; some four minutes.
simulate-drift: $(INSTALLED)
	nice -n 10 $(BIN)/python -m benchmarks.drift

# The reader on scrawl, for some ten minutes; `make test` does the same for some seconds.
fuzz: $(INSTALLED)
	NIGHTSHIFT_FUZZ_EXAMPLES=10000 $(BIN)/python -m pytest tests/property/test_door_fuzz.py --timeout 1200

# Exact versions and hashes, no index addresses; the same for Linux and macOS.
lock: $(INSTALLED)
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet \
	  --output-file requirements.lock

# The lock is complete, so nothing is resolved (--no-deps): what the lock leaves out on purpose
# (see tool.uv in pyproject.toml) stays out. pip compiles bytecode as it installs.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	  { echo "Nightshift needs CPython 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into .venv (about 2 GB, a few minutes the first time)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

clean:
	rm -rf .venv .nightshift
