# `make demo`, `make test` and `make bench-quick` need Python 3.11 or newer and nothing else: each
# sets up .venv itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test bench-quick lint format clean

demo: $(VENV)/demo.installed
	$(BIN)/hybridrec demo

# Ours and its peers on The Complete Journey: a table and a plot in build/.
bench-quick: $(VENV)/benchmarks.installed
	$(BIN)/python -m benchmarks.accuracy --dataset complete-journey-all complete-journey-new \
		--rows popularity counts item-knn ease als fusion --config configs/quick.yaml \
		--save-results build/bench-quick.jsonl
	$(BIN)/python -m benchmarks.tables build/bench-quick.jsonl \
		--save build/bench-quick.md --plots build

test: lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/%.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hybridrec needs Python 3.11 or newer; say which with: make PYTHON=python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt torch
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
