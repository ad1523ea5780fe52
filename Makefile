# What one types here. Everything is installed into .venv from the hashed lock files in tests/lock.
PYTHON ?= python3
BIN := .venv/bin
LOCKED := $(BIN)/python -m pip install --quiet --require-hashes -r
OURS := $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation

.PHONY: help demo test check lint types documents pages wheel bench model lock clean

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

.venv/runtime: tests/lock/runtime.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(LOCKED) tests/lock/runtime.txt
	$(OURS) -e .
	$(BIN)/python -m compileall -q migrate audits
	@touch $@

.venv/dev: .venv/runtime tests/lock/dev.txt
	$(LOCKED) tests/lock/dev.txt
	@touch $@

.venv/npm: .venv/dev tests/runtime/package-lock.json
	$(BIN)/python tests/runtime/install.py
	@touch $@

demo: .venv/runtime ## install, and show on a sample Worker and sample sessions what kvferry does
	@$(BIN)/kvferry demo

.venv/browser: .venv/npm tests/browser/install.py tests/commands/shells.py
	$(BIN)/python tests/browser/install.py
	$(BIN)/python -m tests.commands.shells
	@touch $@

test: .venv/browser ## install what the tests need (a local Cloudflare runtime, a browser, shells) and run them all
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: test lint types documents wheel ## everything CI checks

lint: .venv/dev ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev ## types, strictly
	$(BIN)/mypy

documents: .venv/dev ## README, help texts, exit codes and links against the code
	$(BIN)/python -m pytest -q tests/documents

pages: .venv/runtime ## write the pages of the audits' rules and of the commands anew, from their own texts
	$(BIN)/python -m tests.documents.pages

wheel: .venv/dev ## build the wheel and test it installed, away from the sources
	$(BIN)/python tests/wheel/check.py

bench: .venv/dev ## speed and memory against what people use today, as ratios
	$(BIN)/python -m tests.bench

model: .venv/dev ## search the staged protocol wider than the tests do
	$(BIN)/python -m tests.model

lock: ## resolve the lock files anew (needs pip-tools)
	$(PYTHON) tests/lock/make.py

clean: ## remove what was made
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/runtime/node_modules tests/browser/debian tests/commands/debian
