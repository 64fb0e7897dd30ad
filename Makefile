# Needs Python 3.11 or newer, git and make; everything else is put into .venv.
PYTHON ?= python3
VENV ?= .venv
OPEN ?= --open
AIRFLOW_VENV ?= .venv-airflow
PUBLISHED := singer-delivery tap-moesif target-segment target-moesif
PACKAGES := $(PUBLISHED) sandbox
BIN := $(VENV)/bin
AIRFLOW := orchestrate/airflow
PIP_AUDIT := 2.10.1
ACTIONLINT := 1.7.12
ELASTICSEARCH := 6.8.23
LOWEST := .venv-lowest
PRERELEASE := .venv-prerelease
# Tests spend half of their time waiting for other processes.
ALL_CORES := --numprocesses=$(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN)) --dist=loadgroup
UNIT_TESTS := $(foreach package,$(PUBLISHED),tests/$(subst -,_,$(package)))

# The tests start hundreds of processes, which share compiled files.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install airflow demo test quick test-orchestration test-engine test-lowest test-prerelease test-readmes test-wheels sandbox picture lint actionlint audit bench format settings constraints airflow-constraints dist sbom clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 22

install: $(VENV)/installed  ## Create .venv with all packages, Meltano and the tools

$(VENV)/installed: constraints.txt pyproject.toml $(PACKAGES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: set PYTHON=..." if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV) (once; a minute or two) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group dev $(PACKAGES:%=--editable ./%)
	@touch $@

airflow: $(AIRFLOW_VENV)/installed  ## Create .venv-airflow with Airflow

$(AIRFLOW_VENV)/installed: $(AIRFLOW)/requirements.txt $(AIRFLOW)/constraints.txt | install
	@test -x $(AIRFLOW_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(AIRFLOW_VENV)
	@$(BIN)/uv pip install --quiet --python $(AIRFLOW_VENV)/bin/python --constraint $(AIRFLOW)/constraints.txt --requirement $(AIRFLOW)/requirements.txt
	@touch $@

demo: install  ## Sync the sandbox's users to its Segment, twice, and show the result
	@$(BIN)/python sandbox/demo.py

test: install  ## Run the tests on all cores, except those of the targets test-*
	@$(BIN)/python -m pytest $(ALL_CORES)

quick: install  ## Run the unit tests
	@$(BIN)/python -m pytest --numprocesses=auto --dist=loadgroup --hypothesis-profile=quick -m 'not (slow or fresh_process or orchestration or readmes or engine)' --ignore=tests/end_to_end

test-orchestration: install  ## Test Meltano's jobs on two machines, in containers and under schedulers
	@$(MAKE) --no-print-directory airflow || echo 'Airflow cannot be installed; its tests are skipped.' >&2
	@AIRFLOW_VENV=$(abspath $(AIRFLOW_VENV)) $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile -m orchestration

test-engine: install  ## Test the tap's queries with a real Elasticsearch; needs Java and Maven
	@mvn --quiet --batch-mode dependency:get -Dtransitive=false -Dartifact=org.elasticsearch.distribution.zip:elasticsearch:$(ELASTICSEARCH):zip || echo 'Elasticsearch cannot be downloaded.' >&2
	@$(BIN)/python -m pytest -m engine tests/engine

# Except click and typing-extensions, because Meltano itself needs newer versions.
test-lowest: install  ## Run the connectors' tests with the lowest supported versions
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	@echo '-e ./singer-delivery' | $(BIN)/uv pip compile --quiet --resolution lowest-direct --no-deps --python $(BIN)/python --no-header --no-annotate - $(PUBLISHED:%=%/pyproject.toml) | grep -v -e '^-e' -e '^click=' -e '^typing-extensions=' > $(LOWEST)/lowest.txt
	@awk -F '[= ;]+' 'NR == FNR { lowest[$$1]; next } !($$1 in lowest)' $(LOWEST)/lowest.txt constraints.txt > $(LOWEST)/others.txt
	@$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --constraint $(LOWEST)/lowest.txt --constraint $(LOWEST)/others.txt --group dev $(PACKAGES:%=--editable ./%)
	@$(LOWEST)/bin/python -m pytest $(ALL_CORES) $(UNIT_TESTS)

test-prerelease: install  ## Run the connectors' tests with the newest pre-release of singer-sdk
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PRERELEASE)
	@$(BIN)/uv pip install --quiet --python $(PRERELEASE)/bin/python --constraint constraints.txt --group dev $(PACKAGES:%=--editable ./%)
	@$(BIN)/uv pip install --python $(PRERELEASE)/bin/python --prerelease allow --upgrade-package singer-sdk singer-sdk
	@$(PRERELEASE)/bin/python -m pytest $(ALL_CORES) $(UNIT_TESTS)

test-readmes: install  ## Test the READMEs' commands, the demo, and the page in a browser
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadgroup -m readmes

test-wheels: install  ## Test installed connectors in empty environments (WHEELS=dist: from there)
	@WHEELS=$(WHEELS) $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile -m wheels

sandbox: install  ## Run the sandbox and open its page (OPEN=--no-open: do not open it)
	@$(BIN)/moesif-sandbox --port 8700 $(OPEN)

picture: install  ## Take the README's screenshot of the sandbox again
	@$(BIN)/python sandbox/picture.py docs/sandbox.png

lint: install  ## Check style, types and workflows
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy $(PACKAGES) tests benchmarks tools $(AIRFLOW)/dags
	@$(BIN)/zizmor --quiet --offline --persona pedantic .github

actionlint:  ## Check the workflows with actionlint; needs Go and its module proxy
	@go run github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT) -ignore '"\$$/' # the repository itself, not supported yet

audit: install  ## Check the pinned versions for known vulnerabilities, at osv.dev
	@$(BIN)/uv tool run --quiet pip-audit@$(PIP_AUDIT) --vulnerability-service osv --timeout 5 \
		--requirement constraints.txt --no-deps --disable-pip --progress-spinner off

bench: install  ## Run the benchmarks
	@$(BIN)/python -m benchmarks.run

format: install  ## Format the code
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format --quiet

settings: install  ## Update the generated lists: settings, streams, errors, capabilities, addresses
	@$(BIN)/python tools/settings.py

constraints: install  ## Pin the latest versions, for Python 3.11 and newer
	@printf -- '-e ./%s\n' $(PACKAGES) | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-header --no-annotate --group dev --group release - | grep -v '^-e' > constraints.new
	@mv constraints.new constraints.txt

airflow-constraints: install  ## Pin the latest versions of Airflow
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-header --no-annotate $(AIRFLOW)/requirements.txt > constraints.new
	@mv constraints.new $(AIRFLOW)/constraints.txt

dist: install  ## Build the published packages into dist
	@rm -rf dist
	@for package in $(PUBLISHED); do $(BIN)/uv build --quiet --build-constraint constraints.txt --no-create-gitignore --out-dir dist $$package || exit; done

sbom: dist  ## Write an SBOM for each wheel into sbom
	@rm -rf sbom && mkdir -p build sbom
	@ls dist/*.whl | sed -E 's|dist/([^-]+)-([^-]+)-.*|\1==\2|' > build/versions.txt
	@for package in $(PUBLISHED); do \
		$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/sbom && \
		$(BIN)/uv pip install --quiet --python build/sbom/bin/python --constraint constraints.txt --constraint build/versions.txt --find-links dist $$package && \
		$(BIN)/uv tool run --quiet --constraints constraints.txt --from cyclonedx-bom cyclonedx-py environment --pyproject $$package/pyproject.toml --mc-type library --output-reproducible --output-file sbom/$$package.cdx.json build/sbom/bin/python || exit; \
	done

clean:  ## Remove environments, builds and Meltano's files
	rm -rf $(VENV) $(AIRFLOW_VENV) $(LOWEST) $(PRERELEASE) .meltano output build dist sbom
