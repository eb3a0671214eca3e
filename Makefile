# The two commands of the README are `make run` and `make test`. `make` alone lists all.
SHELL := /bin/bash
VENV ?= .venv
export VENV
.DEFAULT_GOAL := help
.PHONY: help run test check soak bench docs lock clean

help:           ## list these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

run:            ## set up what Hashwright needs and start the demo (no root, no network once set up)
	@scripts/environment run
	@"$(VENV)/bin/hw" demo

test:           ## run every check and every test, the ones on real coin nodes last
	@scripts/environment test
	@scripts/judges
	@scripts/check
	@scripts/test

check:          ## run the checks only: format, lint, types, layers, caps, guards, docs
	@scripts/environment test
	@scripts/check

soak:           ## run the long tests
	@scripts/environment test
	@scripts/judges
	@"$(VENV)/bin/python" -m pytest -m soak -n 0 -s --timeout 0

bench:          ## measure speed and memory; prints figures, judges nothing
	@scripts/environment test
	@"$(VENV)/bin/python" bench/stratum.py
	@"$(VENV)/bin/python" bench/route.py
	@scripts/judges
	@"$(VENV)/bin/python" bench/ledger.py

docs:           ## write the generated pages of docs/reference
	@scripts/environment test
	@"$(VENV)/bin/python" scripts/docs.py

lock:           ## write requirements/*.txt anew from pyproject.toml and requirements/*.in
	@scripts/lock

clean:          ## remove the environment, the unpacked judges and all caches
	rm -rf "$(VENV)" .judges .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage build dist
	find src tests scripts bench fuzz -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
