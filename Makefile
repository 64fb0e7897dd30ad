# Needs Python 3.11 or newer, git and make; everything else is put into .venv.
PYTHON ?= python3
VENV ?= .venv
OPEN ?= --open
AIRFLOW_VENV ?= .venv-airflow
PACKAGES := singer-delivery tap-moesif target-segment target-moesif sandbox
BIN := $(VENV)/bin
AIRFLOW := orchestrate/airflow
PIP_AUDIT := 2.10.1

.DEFAULT_GOAL := help
.PHONY: help install airflow demo test test-orchestration sandbox picture lint audit bench format settings constraints airflow-constraints clean

help:  ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 22

install: $(VENV)/installed  ## Make .venv with all packages, Meltano and the tools

$(VENV)/installed: constraints.txt pyproject.toml $(PACKAGES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: set PYTHON=..." if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV) (once; a minute or two) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group dev $(PACKAGES:%=--editable ./%)
	@touch $@

airflow: $(AIRFLOW_VENV)/installed  ## Make .venv-airflow with Airflow

$(AIRFLOW_VENV)/installed: $(AIRFLOW)/requirements.txt $(AIRFLOW)/constraints.txt | install
	@test -x $(AIRFLOW_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(AIRFLOW_VENV)
	@$(BIN)/uv pip install --quiet --python $(AIRFLOW_VENV)/bin/python --constraint $(AIRFLOW)/constraints.txt --requirement $(AIRFLOW)/requirements.txt
	@touch $@

demo: install  ## Sync the sandbox's users to its Segment, twice, and show what arrived
	@$(BIN)/python sandbox/demo.py

test: install  ## Run all tests
	@$(BIN)/python -m pytest

test-orchestration: install  ## Run Meltano's jobs under a real Airflow, on two machines
	@$(MAKE) --no-print-directory airflow || echo 'Airflow cannot be installed; its tests are skipped.' >&2
	@AIRFLOW_VENV=$(abspath $(AIRFLOW_VENV)) $(BIN)/python -m pytest -m orchestration tests/orchestration

sandbox: install  ## Serve Moesif and Segment, and open their page (OPEN=--no-open: don't)
	@$(BIN)/moesif-sandbox --port 8700 $(OPEN)

picture: install  ## Make the README's picture of the sandbox's page anew
	@$(BIN)/python sandbox/picture.py docs/sandbox.png

lint: install  ## Check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy $(PACKAGES) tests benchmarks tools $(AIRFLOW)/dags

audit: install  ## Ask osv.dev for known vulnerabilities in the pinned versions
	@$(BIN)/uv tool run --quiet pip-audit@$(PIP_AUDIT) --vulnerability-service osv --timeout 5 \
		--requirement constraints.txt --no-deps --disable-pip --progress-spinner off

bench: install  ## Measure speed side by side with others
	@$(BIN)/python -m benchmarks.run

format: install  ## Bring the code into the formatter's shape
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

settings: install  ## Write the connectors' settings wherever they are listed
	@$(BIN)/python tools/settings.py

constraints: install  ## Pin today's versions, for Python 3.11 and newer
	@printf -- '-e ./%s\n' $(PACKAGES) | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-header --no-annotate --group dev --group release - | grep -v '^-e' > constraints.new
	@mv constraints.new constraints.txt

airflow-constraints: install  ## Pin today's Airflow, likewise
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-header --no-annotate $(AIRFLOW)/requirements.txt > constraints.new
	@mv constraints.new $(AIRFLOW)/constraints.txt

clean:  ## Remove what install and Meltano made
	rm -rf $(VENV) $(AIRFLOW_VENV) .meltano output
