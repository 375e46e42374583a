# make serve: a first prediction.  make test: everything that guards a change.  make install: only the environment.
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: serve install test lint clean
serve: install
	$(BIN)/marserve serve --port $(PORT)

install: .venv/installed
test: .venv/tested lint
	$(BIN)/python -m pytest

lint: .venv/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/installed: pyproject.toml constraints.txt
	@echo "Installing marserve and its dependencies into .venv (a minute or two, once)."
	$(PYTHON) -m venv .venv
	$(PIP) --constraint constraints.txt torch
	$(PIP) --constraint constraints.txt --editable '.[torch]'
	@touch $@

.venv/tested: .venv/installed
	$(PIP) --constraint constraints.txt --editable '.[torch,vision,grpc,dev]'
	@touch $@

clean:
	rm -rf .venv build dist logs
