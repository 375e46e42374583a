# make serve: a first prediction.  make triton: models of Triton.  make test: everything that guards a change.
# PORT=9000 and PYTHON=python3.12 choose other ones; JOBS=1 runs the parts of the tests one after the other.
IS_NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name $(IS_NEW_ENOUGH) 2>/dev/null && echo $$name && break; done)
PORT ?= 8080
JOBS ?= 3
BIN := .venv/bin
# Modules are compiled when they are first imported: most of torch's never are.
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-compile --constraint constraints.txt

define NO_PYTHON
marserve needs Python 3.11 or later; install one, or name the one that you have: make PYTHON=/path/to/python3.12
endef
define NO_VENV
$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv
endef
define NO_PACKAGES
The packages could not be installed. Without a network nothing can be downloaded; behind a proxy set HTTPS_PROXY, with a
mirror PIP_INDEX_URL; then run make again.
endef
export NO_PYTHON NO_VENV NO_PACKAGES

.PHONY: serve triton install test test-long lint clean
serve: install
	$(BIN)/marserve serve --port $(PORT)

# An example repository of Triton, made anew; clients of gRPC find it at port 8001.
triton: .venv/tested
	@$(BIN)/python deploy/triton/build.py build/triton
	$(BIN)/marserve serve --model-repository build/triton --port $(PORT) --grpc-port 8001

install: .venv/installed
test: .venv/tested
	@$(BIN)/python -m tests.run --jobs $(JOBS)

# The tests that take longest, of things that shorter ones in `make test` try, too.
test-long: .venv/tested
	$(BIN)/python -m pytest -q -m long tests

lint: .venv/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/installed: pyproject.toml constraints.txt
	@$(or $(PYTHON),false) $(IS_NEW_ENOUGH) 2>/dev/null || { echo "$$NO_PYTHON"; exit 1; }
	@echo "Installing marserve and its dependencies into .venv (a minute or two, once)."
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$$NO_VENV"; exit 1; }
	@{ $(PIP) torch && $(PIP) --editable '.[torch]'; } || { echo "$$NO_PACKAGES"; exit 1; }
	@touch $@

.venv/tested: .venv/installed
	@$(PIP) --quiet --editable '.[torch,vision,grpc,triton,dev]' || { echo "$$NO_PACKAGES"; exit 1; }
	@touch $@

clean:
	rm -rf .venv build dist logs
