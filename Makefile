# The commands of this project. `make` alone lists them.

PYTHON ?= python3
TORCH ?= torch==2.13.0
WORKERS ?= auto
PYTEST ?=
BENCHMARK ?=
VENV := .venv
BIN := $(VENV)/bin
NATIVE := $(wildcard src/deltarule/engines/native/*.?pp src/deltarule/engines/native/CMakeLists.txt)
CPP := $(filter %pp,$(NATIVE)) $(wildcard tests/engines/*.cpp)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow sanitize lint format docs benchmark tables picture clean
.DELETE_ON_ERROR:

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Stamps: an installation is repeated only after pyproject.toml or the C++ sources changed. The package is compiled
# once: what comes after it asks for extras of the package that is there.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "deltarule needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.has-package: pyproject.toml $(NATIVE) | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.has-tools: $(VENV)/.has-package
	$(PIP) 'deltarule[test,lint]'
	@touch $@

$(VENV)/.has-docs: $(VENV)/.has-tools
	$(PIP) 'deltarule[docs]'
	@touch $@

$(VENV)/.has-torch: $(VENV)/.has-tools
	$(PIP) '$(TORCH)'
	@touch $@

$(VENV)/.has-peers: $(VENV)/.has-package
	$(PIP) '$(TORCH)' 'deltarule[bench]'
	@touch $@

demo: $(VENV)/.has-package ## Train on real data, show the result, leave model and picture in demo/
	@$(BIN)/python examples/demo.py

test: lint ## All checks and tests (warnings are errors), the README's commands included
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST)
	@$(BIN)/python scripts/import_time.py

test-slow: lint $(VENV)/.has-torch ## The same with the slow tests: PyTorch comparisons; then sanitize
	$(BIN)/python -m pytest -n $(WORKERS) -m 'slow or not slow' $(PYTEST)
	@$(MAKE) --no-print-directory sanitize

sanitize: $(VENV)/.has-tools ## The native engine's tests with AddressSanitizer and with ThreadSanitizer
	$(BIN)/python scripts/sanitize.py -n $(WORKERS) --quiet

lint: $(VENV)/.has-tools ## Formatter, linter, types, import contract, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/clang-format --dry-run -Werror $(CPP)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell

format: $(VENV)/.has-tools ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)
	$(BIN)/ruff check --fix .

docs: $(VENV)/.has-docs ## Build the documentation into site/ (strict)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html"

benchmark: $(VENV)/.has-peers ## Training speed beside PyTorch, JAX, Keras, scikit-learn (takes most of an hour)
	$(BIN)/python -m benchmarks.training --all $(BENCHMARK) --json benchmarks/results.json \
		--markdown README.md docs/benchmarks.md

tables: $(VENV)/.has-tools ## The scores on real tables beside scikit-learn's (needs DELTARULE_DATA)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.tables --markdown docs/real_tables.md

picture: demo ## Make the pictures of the README and of the gallery again
	cp demo/demo.png docs/images/demo.png
	$(BIN)/python scripts/gallery.py

clean: ## Remove everything that the other commands made
	rm -rf $(VENV) build dist site demo .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
