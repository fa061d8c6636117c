# `make run` shows the product, `make test` tests it. Both set up .venv first, and only when something has changed.
# Settings of the tools are in pyproject.toml; the logic of set-up is in tools/setup.sh.

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-full check bench sim docs

help: ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: ## make .venv, install the dependencies, compile the kernel
	@sh tools/setup.sh

run: setup ## the same trade in both margin modes, then a venue on this machine minutes before a crash
	@$(BIN)/isocross compare
	@echo
	@$(BIN)/isocross serve --data .venue --market crash --speed 0

demo: setup ## the same trade in cross and isolated margin, on data that is in the package
	@$(BIN)/isocross compare

test: setup ## every test that is not long
	@$(PYTEST) -m "not full" -n $(WORKERS)

test-full: setup ## the long tests
	@$(PYTEST) -m full -n $(WORKERS) --dist worksteal

check: setup ## lint, types and tests: what has to pass before a change goes in
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy
	@$(MAKE) --no-print-directory test

bench: setup ## the measurements, each with its answer checked first
	@$(BIN)/python -m bench

sim: setup ## seeded traders against the exchange
	@$(BIN)/python -m tests.sim

docs: setup ## the examples and links of the documentation
	@$(PYTEST) tests/docs
