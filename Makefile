# Each target sets up what it needs: a virtual environment, made once and again when its inputs change.
# PYTHON=python3.13 and SDK=2 (azure-functions-durable 2.x) ask for another one; without them it stays as it is.
PYTHON ?=
SDK ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes \
	--custom-compile-command "make lock" $(LOCK_ARGS)
SCENARIOS ?= Steady Burst
READY := $(VENV)/.ready
DIST ?= dist

FORCE:

.PHONY: FORCE help load test test-host test-thorough test-wheel serve soak check coverage mutants bench docs docs-serve format lock wheel azure clean

help:
	@echo "make load   a load test of about a minute: summary in the terminal, JSON and HTML under build/"
	@echo "make test   the test suite, in parallel"
	@echo "make test-host  the tests of the host, of the plugin and of conformance alone"
	@echo "make test-thorough  the tests that take minutes: whole loads, comparisons, a scheduler killed again and again"
	@echo "make test-wheel  the built wheel, installed from the package index in a clean environment"
	@echo "make serve  the app on http://localhost:7071, with an embedded scheduler"
	@echo "make check  ruff, format, mypy and pyright"
	@echo "make coverage  which branches no test takes: a list, and pages under build/coverage/html"
	@echo "make mutants ROOM=gate/comparison  which faults in a room, or in a module of it, no test would notice"
	@echo "make docs   the documentation's site, under build/site; warnings and broken links are errors"
	@echo "make docs-serve  the same on http://localhost:8000, made again when a page changes"
	@echo "make wheel  the package to install beside your own app, under dist/"
	@echo "make azure  the files of a test in Azure Load Testing, under dist/azure/"
	@echo "make soak   half an hour of load with kills, clock steps, full disks and hostile clients (SOAK_ARGS=\"--minutes 5\")"
	@echo "make … PYTHON=python3.13 SDK=2  any of these with another Python, or with azure-functions-durable 2.x"
	@echo "make lock   pin again what is installed, with hashes (LOCK_ARGS=--upgrade for newer versions)"
	@echo "make bench  throughput and memory against durabletask's in-memory backend"

$(READY): FORCE
	@tools/make-venv.sh $(VENV) "$(PYTHON)" "$(SDK)"

load: $(READY)
	LOCUST_USER_CLASSES="$(SCENARIOS)" $(BIN)/locust -f loadtests --config loadtests/locust.conf --headless $(LOAD_ARGS)

test: $(READY)
	$(BIN)/python -m pytest -n auto $(TEST_ARGS)

serve: $(READY)
	$(BIN)/durable-harness serve $(SERVE_ARGS)

# What an app meets, for runs on other Pythons and with the other generation of the SDK.
HOST_TESTS := tests/conformance tests/plugin tests/triggers tests/indexing $(wildcard tests/integration/host/sdk/test_sdk*.py) \
	$(patsubst %,tests/integration/host/test_%.py,loop_is_shared sample_app surroundings traces) \
	$(patsubst %,tests/integration/%.py,host/http/test_bodies host/http/test_odd_requests cli/test_serve_cli docs/test_examples)
test-host: $(READY)
	$(BIN)/python -m pytest -n auto -m "not thorough" $(HOST_TESTS) $(TEST_ARGS)

test-thorough: $(READY)
	$(BIN)/python -m pytest -n auto -m thorough $(TEST_ARGS)

# The wheel as users install it; WHEEL names the folder of one that was built elsewhere.
test-wheel: $(READY)
	$(if $(WHEEL),WHEEL="$(abspath $(WHEEL))") $(BIN)/python -m pytest -m "" tests/packaging $(TEST_ARGS)

soak: $(READY)
	$(BIN)/python tests/soak/run.py $(SOAK_ARGS)

check: $(READY)
	$(PIP) check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin
	$(BIN)/basedpyright

# Tests that fail do not end it: what they ran is measured all the same. COVERAGE_ARGS leaves tests out or adds --thorough.
coverage: $(READY)
	rm -rf build/coverage
	-$(BIN)/coverage run -m pytest -n auto $(COVERAGE_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet
	$(BIN)/coverage report --sort=cover

# Each mutant is one small fault in a copy of the sources, under mutants/. The copy keeps its results until the code changes.
ROOM ?= gate/comparison
mutants: $(READY)
	$(BIN)/mutmut run $(MUTANTS_ARGS) "durable_harness.$(subst /,.,$(ROOM)).*"
	$(BIN)/mutmut results

SITE := --fail-on-warning --keep-going --nitpicky docs build/site

docs: $(READY)
	$(BIN)/sphinx-build $(SITE)

docs-serve: $(READY)
	$(BIN)/sphinx-autobuild --watch src --watch README.md --watch SECURITY.md --watch CONTRIBUTING.md --watch CHANGELOG.md $(DOCS_ARGS) $(SITE)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)
	$(BIN)/python benchmarks/way_of_an_operation.py
	$(BIN)/python benchmarks/scheduling.py
	$(BIN)/python benchmarks/replaying.py
	$(BIN)/python benchmarks/polling.py
	$(BIN)/python benchmarks/generators.py
	$(BIN)/python benchmarks/long_histories.py
	$(BIN)/python benchmarks/durability.py
	$(BIN)/python benchmarks/dashboard.py
	$(BIN)/python benchmarks/fakes.py
	$(BIN)/python benchmarks/isolation.py
	$(BIN)/python benchmarks/twice.py
	$(BIN)/python benchmarks/truth.py

# Not after $(READY): it makes what that installs.
lock:
	$(COMPILE) --python-version 3.11 --extra dev --extra sdk1 --output-file constraints.txt
	$(COMPILE) --python-version 3.13 --extra dev --extra sdk2 --output-file constraints-sdk2.txt
	$(COMPILE) --python-version 3.11 --extra build --extra sdk1 --output-file constraints-image.txt

wheel: $(READY)
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir $(DIST) .

azure: wheel
	mkdir -p $(DIST)/azure
	cp loadtests/*.py $(DIST)/*.whl $(DIST)/azure
	version=$$($(BIN)/python -c 'import durable_harness as us; print(us.__version__)') && cd loadtests/azure && \
	for file in *; do sed "s/-VERSION-/-$$version-/" $$file >"$(abspath $(DIST))/azure/$$file" || exit; done

clean:
	rm -rf build $(VENV)
