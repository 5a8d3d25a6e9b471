# Wayside. `make` alone lists the targets. PYTHON=python3.x chooses the interpreter of a new environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests in as many processes as there are cores, but no more than four: each may start a broker and load models. A file's
# tests stay together, and the short ones come last, so that all processes end at the same time.
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup system kafka check test unit demo bench bench-incidents bench-gpu docs clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create the Python environment

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: Wayside needs Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(PYTHON) is Python " + sys.version.split()[0] + ": Wayside needs 3.11 or newer; make PYTHON=python3.x")'
	@test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv; }
	@echo "installing Wayside into $(VENV) (PyTorch is large; the first time takes a while)"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -e '.[dev]'
	@touch $@

system: ## Install what the tests need beside Python (as root, Debian)
	@sh deploy/system-deps.sh

kafka: setup ## Fetch Apache Kafka's jars for --kafka local and the tests
	@$(BIN)/python -m shared.embedded.kafka_jars

check: setup ## Lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One after the other, also with -j: the jars need Maven from `system`, and a lint error shows before the long tests.
# The tests start some hundred processes; where PYTHONDONTWRITEBYTECODE is set, each would compile our code anew.
test: ## All set-up, then every check and test
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory system
	@$(MAKE) --no-print-directory kafka
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m compileall -q services shared training tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

unit: setup ## The tests without I/O
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/unit

demo: setup ## A staged road scene, live in the browser; DEMO_SECONDS=n ends it
	@$(BIN)/python -m training.demo

bench: setup ## All benchmarks, as tables of ratios
	$(BIN)/python -m training.bench

bench-incidents: setup ## Alerts on staged scenes beside a baseline; writes docs/benchmarks.md
	$(BIN)/python -m training.bench.incidents

bench-gpu: setup ## What one NVIDIA GPU carries, as tables
	$(BIN)/python -m training.bench.gpu

docs: setup ## Write the generated parts of docs/ anew
	@$(BIN)/python -m shared.schemas

clean: ## Remove the environment, Kafka's jars and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache deploy/kafka/libs
