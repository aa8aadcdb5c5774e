# Everything a fresh Debian or Ubuntu machine with Python 3.11+ needs. Each step leaves a stamp, so a second call is instant.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# A process for each core, up to four: most tests wait for servers, and each process has an InfluxDB of its own.
WORKERS ?= $(shell nproc | awk '{print ($$1 < 4) ? $$1 : 4}')
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadgroup
PYTEST_ARGS ?=
CHAOS_ARGS ?=
HOSTILE_ARGS ?=
FUZZ_ARGS ?=
LANGUAGE ?=
# What marks a text in the code, besides gettext and ngettext.
KEYWORDS := --keyword=_ --keyword=N_ --keyword=plural:2,3

.PHONY: help install run test lint coverage hours seeds campaigns chaos hostile endurance fuzz texts bench pictures clean

help: ## list these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

install: $(VENV)/.installed ## build .venv with everything; .venv/bin/hubpulse is then the command
	@:

run: install ## set everything up and run `hubpulse demo`: simulated estate, board on 127.0.0.1:8080
	@exec $(BIN)/hubpulse demo

test: install lint ## set everything up and run every check and test (PYTEST_ARGS="-k buffer" picks some)
	@.ci/real-parts
	$(PYTEST) $(PYTEST_ARGS)

lint: install ## the checks without the tests: ruff, format, mypy
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

coverage: install ## run the tests and print how much of the code they ran
	@$(BIN)/coverage erase
	# The measuring imports modules of its own, which that one test counts.
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST_ARGS) \
	    --deselect tests/cli/test_help.py::test_help_imports_nothing_that_only_commands_use
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

hours: install ## run the tests that read the clock at other hours: midnight, clock changes, 29 February
	@.ci/at-hours $(PYTEST_ARGS)

seeds: install ## run every property test with twenty seeds
	@.ci/with-seeds $(PYTEST_ARGS)

campaigns: install ## run the long form of the tests of figures: walks of a counter, every two faults, an estate in chaos; walks of a year
	@CAMPAIGN=1 $(BIN)/pytest -q -s --timeout=3600 tests/usage/test_fault_pairs.py tests/usage/test_lost_people.py tests/usage/test_release.py \
	    tests/usage/test_random_walks.py tests/usage/test_sequences.py tests/dashboards/test_walk.py tests/dashboards/test_three_users.py $(PYTEST_ARGS)

chaos: install ## 300 rounds of faults on real parts, on each store (CHAOS_ARGS="--rounds 20 --seed 5 --sabotage NAME")
	@.ci/real-parts
	$(BIN)/python -m tests.chaos --store influxdb $(CHAOS_ARGS)
	$(BIN)/python -m tests.chaos --store sqlite $(CHAOS_ARGS)

fuzz: install ## 200,000 inputs of strangers to each part that reads them (FUZZ_ARGS="message --examples 5000")
	@$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[fuzz]' \
	    || echo "atheris can't be installed here: without it" >&2
	$(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

endurance: install ## a day of 22 hubs at speed, 12.6 million readings: memory flat, files bounded, counts exact
	@.ci/real-parts
	$(BIN)/python -m tests.chaos.endurance

hostile: install ## one hub's password against the shipped broker for 5 minutes (HOSTILE_ARGS="--seconds 60 --rate 2000")
	@.ci/real-parts
	$(BIN)/python -m tests.hostile $(HOSTILE_ARGS)

texts: install ## write every text that people read to messages.pot, and bring LANGUAGE.po up to date (make texts LANGUAGE=de)
	@$(BIN)/pybabel --quiet extract --mapping-file pyproject.toml $(KEYWORDS) --no-location --sort-output \
	    --project hubpulse --output-file messages.pot schemas usage dashboards
	[ -z "$(LANGUAGE)" ] || [ -e "$(LANGUAGE).po" ] \
	    || $(BIN)/pybabel --quiet init --input-file messages.pot --locale "$(LANGUAGE)" --output-file "$(LANGUAGE).po"
	[ -z "$(LANGUAGE)" ] || $(BIN)/pybabel --quiet update --input-file messages.pot --locale "$(LANGUAGE)" \
	    --output-file "$(LANGUAGE).po" --ignore-pot-creation-date

bench: install ## measure this machine, each benchmark in turn (ONLY="pages latency" picks some)
	@$(BIN)/python -m benchmarks $(ONLY)

pictures: install ## take the README's pictures anew, of a year of a simulated estate: 3 minutes
	@CAMPAIGN=1 $(BIN)/python -m tests.pictures

clean: ## remove what these commands made (never the data folder)
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@.ci/make-venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing Hubpulse and its dependencies into $(VENV) ..."
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[broker,codecs,dev]' | .ci/show-progress
	touch $@
