# Two commands set everything up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: help demo test lint check format bench lock clean

help:
	@echo "make demo          run Quietword on a small forum of our own (ONCE=1: once, then end)"
	@echo "make test          run the tests, on SQLite and PostgreSQL"
	@echo "make test-real-forum  run a real forum (Spirit) on loopback and read it"
	@echo "make check         lint, types, import rules, tests"
	@echo "make format        put code into the house format"
	@echo "make bench         measure matching and scoring"
	@echo "make acceptance    measure reading on recorded forums, where they are at hand"
	@echo "make acceptance-weather  the same forums while they fail in many ways"
	@echo "make bench-schedule  a day of scheduled crawling on a simulated clock"
	@echo "make bench-digest  measure the pages on a million posts (some minutes)"
	@echo "make bench-slack   measure the way from a stored post to its message on Slack"
	@echo "make lock          write constraints.txt anew from what is installed"

# Not compiled beforehand: most modules of torch and transformers are never asked for.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e .
	touch $@

$(VENV)/.speed: $(VENV)/.runtime
	-$(BIN)/quietword speed
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[dev]'
	touch $(VENV)/.runtime $@

demo: $(VENV)/.speed
	$(BIN)/quietword demo $(if $(ONCE),--once)

# The pages are tested in a real browser where there is one, or where it can be installed.
.PHONY: browser
browser:
ifeq ($(CHROMIUM),)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing chromium for the page tests"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| echo "chromium could not be installed: the page tests that need it are skipped"; \
	else \
		echo "No chromium here and no right to install it: the page tests that need it are skipped"; \
	fi
endif

# Three, on two cores too: tests wait for children, leases and pages.
test: $(VENV)/.dev browser
	$(BIN)/python -m pytest -q -n 3 --dist worksteal

# A forum that really runs, in an environment of its own.
FORUM := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/quietword-real-forum
$(FORUM)/.spirit:
	$(PYTHON) -m venv $(FORUM)
	$(FORUM)/bin/python -m pip install --quiet --disable-pip-version-check django-spirit
	touch $@

.PHONY: test-real-forum
test-real-forum: $(VENV)/.dev $(FORUM)/.spirit
	QUIETWORD_REAL_FORUM=$(FORUM)/bin/python $(BIN)/python -m pytest -q -n 0 tests/real_forum

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python tests/bench/bench_mentions.py
	$(BIN)/python tests/bench/bench_sentiment.py

# Recorded forums are not part of the project; where ../shared/forums is missing this says so.
.PHONY: acceptance acceptance-weather bench-schedule
acceptance: $(VENV)/.dev
	$(BIN)/python -m tests.acceptance

acceptance-weather: $(VENV)/.dev
	$(BIN)/python -m tests.acceptance.weather

bench-schedule: $(VENV)/.dev
	$(BIN)/python -m tests.bench.bench_schedule

.PHONY: bench-sentiment
bench-sentiment: $(VENV)/.dev
	$(BIN)/python tests/bench/bench_sentiment.py

.PHONY: bench-digest
bench-digest: $(VENV)/.dev
	PYTHONPATH=. $(BIN)/python tests/bench/bench_digest.py $(if $(URL),--url $(URL)) $(if $(POSTS),--posts $(POSTS))

.PHONY: bench-slack
bench-slack: $(VENV)/.dev
	$(BIN)/python -m tests.bench.bench_slack

lock: $(VENV)/.dev
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
