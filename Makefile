# Every target sets up what it needs. `make` alone lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTENSION_PROFILE ?= dev

.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-rust test-python test-wheel fuzz fuzz-smoke lint format bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/dev.ready: requirements/dev.txt
	@echo "setting up $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@touch $@

$(VENV)/bench.ready: requirements/bench.txt $(VENV)/dev.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	@touch $@

setup: $(VENV)/dev.ready ## Make the virtual environment with all tools

build: $(VENV)/dev.ready ## Build the extension module into the virtual environment
	@said=$$(PIP_QUIET=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) \
		$(BIN)/maturin develop --quiet --locked --profile $(EXTENSION_PROFILE) 2>&1) || { echo "$$said"; exit 1; }

demo: build ## Run the quickstart in Python and in Rust; run it twice to see sessions survive
	@JAM_REDIS_SERVER=$$(tools/find-redis-server) $(BIN)/python examples/quickstart.py
	@cargo run --quiet --locked --package jam-auth --example quickstart

test: test-rust test-python ## Run all Rust and Python tests

test-rust: ## Run the Rust tests, documentation examples and exchange with other libraries included
	@JAM_REDIS_SERVER=$$(tools/find-redis-server) JAM_POSTGRES_SERVER=$$(tools/find-postgres-server) \
		cargo test --locked --package jam-auth
	@cargo test --locked --package jam-auth --features ml-dsa --lib --test jose --test jose_keys --test key_confusion
	@features=$$(tools/interop-features) && cargo test --locked --package jam-interop $$features

test-python: build ## Run the Python tests
	@JAM_REDIS_SERVER=$$(tools/find-redis-server) JAM_POSTGRES_SERVER=$$(tools/find-postgres-server) \
		$(BIN)/python -m pytest python/tests

test-wheel: ## Install the package with pip alone into an empty environment, and use it
	@tools/test-wheel $(PYTHON)

fuzz: ## Let libFuzzer look for inputs that break a parser, ten minutes for each
	@tools/fuzz

fuzz-smoke: ## The same, a minute in all
	@tools/fuzz --seconds 12

lint: build ## Check format, lints, documentation, types and stubs
	cargo fmt --all --check
	features=$$(tools/interop-features) && cargo clippy --locked --workspace --all-targets $$features -- -D warnings
	cargo clippy --locked --package jam-auth --package jam-python --features ml-dsa --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --no-deps --workspace
	$(BIN)/ruff format --check python examples
	$(BIN)/ruff check python examples
	$(BIN)/pyright
	cd $(VENV) && bin/python -m mypy.stubtest jam._jam --ignore-disjoint-bases

format: $(VENV)/dev.ready ## Format all code
	cargo fmt --all
	$(BIN)/ruff format python examples
	$(BIN)/ruff check --fix python examples

bench: $(VENV)/bench.ready ## Measure Jam against its peers and write docs/benchmarks.md; ONLY=jwt,sessions prints those parts
	@$(MAKE) --no-print-directory build EXTENSION_PROFILE=release
	@mkdir -p target/benches
	@features=$$(tools/interop-features) && export JAM_REDIS_SERVER=$$(tools/find-redis-server) && \
		cargo bench --quiet --locked --package jam-interop --bench peers $$features -- \
			--only "$(ONLY)" $(CURDIR)/target/benches/rust.json && \
		$(BIN)/python python/benches/run.py --only "$(ONLY)"

clean: ## Remove everything that was built
	rm -rf $(VENV) target .demo
