# Everything runs in .venv, made from requirements.lock. Paths are relative and quoted: the folder's name may have spaces.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

PY := .venv/bin/python
STAMP := .venv/stamp
SPARK := .venv/spark
# Half as many again as there are processors: a third of a test's time is waiting for a server.
WORKERS ?= $(shell python3 -c 'import os; print(max(2, (os.cpu_count() or 1) * 3 // 2))' 2>/dev/null || echo auto)
MINUTES ?= 480
# The longest first: who has nothing left takes over half of what the others still have.
TESTS ?= tests/chaos tests/acceptance tests/integration tests/unit

# The stamp holds the folder's name: a venv does not survive being moved.
MOVED := $(shell [ ! -f $(STAMP) ] || [ "$$(cat $(STAMP))" = "$$(pwd)" ] || echo moved)

.PHONY: help setup demo test test-long test-servers test-spark mutants soak soak-runs soak-lake bench bench-writes bench-peers lint types contracts check docs format lock clean moved

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | while IFS=$$'\t' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

setup: $(STAMP) ## make .venv with the neaptide command in it
	@:

$(STAMP): requirements.lock pyproject.toml $(MOVED)
	@rm -f $(STAMP)
	@[ -z "$(MOVED)" ] && $(PY) -c '' 2>/dev/null || { rm -rf .venv; \
	for python in python3 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making .venv with $$("$$python" --version)"; exec "$$python" -m venv .venv; fi; \
	done; echo "Python 3.11 or later with venv is needed, as python3 on the PATH (Debian: apt install python3-venv)" >&2; exit 1; }
	$(PY) -m pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
	$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@pwd > $(STAMP)

demo: setup ## embedded PostgreSQL, generated orders, a sync and three reports
	@.venv/bin/neaptide demo

test: setup ## all tests but the long ones, the soak and the benchmarks
	@$(PY) -m pytest -n "$(WORKERS)" --dist worksteal -m "not long and not soak and not bench" $(TESTS)

test-long: setup ## the tests that take longer
	@$(PY) -m pytest -n "$(WORKERS)" --dist worksteal -m "long" $(TESTS)

test-servers: setup ## the tests of exactness on PostgreSQL 14 to 18; OPTIONS="--only 14"
	@$(PY) -m tests.servers --workers "$(WORKERS)" $(OPTIONS)

test-spark: $(SPARK) ## the tests on a Spark cluster of this machine; needs Java 17, and fetches 400 MB first
	@$(PY) -m pytest -p no:xdist -m spark tests/spark

# Spark comes as source alone, and is built by what the same lock file has, so that goes in before it.
$(SPARK): requirements-spark.lock $(STAMP)
	@awk '/^[a-z]/ { kept = !/^pyspark/ } kept' requirements-spark.lock > $(SPARK).txt
	$(PY) -m pip install --quiet --require-hashes --only-binary :all: -r $(SPARK).txt
	$(PY) -m pip install --quiet --require-hashes --no-build-isolation -r requirements-spark.lock
	@touch $(SPARK)

mutants: setup ## open each trap by a change of one line, and see the test that then fails
	@$(PY) -m tests.mutants $(OPTIONS)

soak: setup ## eight writers, three readers, a sync a second, kills, then verify; MINUTES=480
	@$(PY) -m tests.soak --minutes "$(MINUTES)" $(OPTIONS)

soak-runs: setup ## ten thousand runs in one process: memory, descriptors, threads, sessions and files stay flat
	@$(PY) -m tests.soak.runs $(OPTIONS)

soak-lake: setup ## a lake with one writer and four readers for five minutes: no error, no torn read
	@$(PY) -m tests.soak.lake $(OPTIONS)

bench: setup ## measure; OPTIONS="--quick" to try it out, see tests/bench/README.md
	@$(PY) -m tests.bench $(OPTIONS)

bench-writes: setup ## what tracking costs those who write, with pgbench
	@$(PY) -m tests.bench.write_cost $(OPTIONS)

bench-peers: setup ## the same work with dlt, Sling and ingestr
	@$(PY) -m tests.bench.peers $(OPTIONS)

lint: setup ## ruff, rules and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@.venv/bin/hadolint Dockerfile
	@.venv/bin/yamllint --strict compose.yaml
	@.venv/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml

types: setup ## mypy --strict
	@$(PY) -m mypy

contracts: setup ## which package may import which
	@.venv/bin/lint-imports

check: lint types contracts test ## what CI runs

# Strict: a link that leads nowhere ends it. What a page needs lies in the site, so that no reader asks another server.
docs: setup ## the pages of docs/ as a site in site/, links checked
	@$(PY) -m tests.support.pythonpage
	@.venv/bin/zensical build --clean --strict

format: setup ## put the code in its format
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

# One lock for every platform and Python >= 3.11, from the index that pip is set up with. hatchling and editables are what
# the editable install needs to build, so that it needs no network of its own.
lock: setup ## make the lock files anew; OPTIONS="--upgrade" takes newer versions
	@index="$$($(PY) -m pip config get global.index-url 2>/dev/null || true)"; \
	printf '%s\n' 'hatchling>=1.27' 'editables>=0.5' | .venv/bin/uv pip compile --universal --python-version 3.11 \
	  --generate-hashes --extra dev $${index:+--default-index "$$index"} --no-emit-index-url --no-config \
	  --no-emit-package neaptide --custom-compile-command 'make lock' --no-header --quiet $(OPTIONS) \
	  --output-file requirements.lock pyproject.toml -; \
	sed -nE 's/^spark = .*"(pyspark[^"]*)".*/\1/p' pyproject.toml | cat - <(printf '%s\n' 'setuptools>=77' 'wheel>=0.45') | \
	.venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes $${index:+--default-index "$$index"} \
	  --no-emit-index-url --no-config --constraint requirements.lock --custom-compile-command 'make lock' --no-header \
	  --quiet $(OPTIONS) --output-file requirements-spark.lock -

clean: ## remove .venv and caches; the data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache \
	  .hypothesis .cache site *.egg-info dist
