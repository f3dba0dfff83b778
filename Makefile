# Two commands do all set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# Address of PyTorch's own index of CPU wheels, for a smaller torch (see README).
TORCH_INDEX ?=
PIP    := $(BIN)/python -m pip install --quiet --constraint constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
PHOTOS ?=

.PHONY: demo test check format clean

demo: $(VENV)/demo-installed
	$(BIN)/eidetic --data-dir demo demo $(if $(PHOTOS),"$(PHOTOS)")

test: $(VENV)/dev-installed
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: $(VENV)/dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_wheel.py

format: $(VENV)/dev-installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[demo]'
	touch $@

$(VENV)/dev-installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[demo,dev]'
	touch $@ $(VENV)/demo-installed

clean:
	rm -rf $(VENV) demo dist build
