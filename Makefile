# Wayside. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup system kafka check test unit demo bench docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create the Python environment

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Wayside needs Python 3.11 or newer; set PYTHON=python3.x")'
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv; }
	@echo "installing Wayside into $(VENV) (torch and ultralytics are large; the first time takes a while)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[dev]'
	@touch $@

system: ## Install what the tests need beside Python (as root, Debian)
	@sh deploy/system-deps.sh

kafka: setup ## Fetch Apache Kafka's jars for --kafka local and the tests
	@$(BIN)/python -m shared.embedded.kafka

check: setup ## Lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup system kafka check ## All set-up, then every check and test
	$(BIN)/python -m pytest

unit: setup ## The tests without I/O
	$(BIN)/python -m pytest tests/unit

demo: setup ## A staged road scene, live in the browser; DEMO_SECONDS=n ends it
	@$(BIN)/python -m training.demo

bench: setup ## All benchmarks, as tables of ratios
	$(BIN)/python -m training.bench

docs: setup ## Write the generated parts of docs/ anew
	$(BIN)/python -m shared.schemas

clean: ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache deploy/kafka/libs
