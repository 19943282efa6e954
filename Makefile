# The two commands: `make demo` and `make test`. Both set up what they need.
.PHONY: setup test test-fast demo lint bench
export PYTHONDONTWRITEBYTECODE :=

setup:
	@scripts/setup

test: setup
	@scripts/test

test-fast: setup
	@scripts/test -m "not e2e"

demo: setup
	@scripts/demo

bench: setup
	@.venv/bin/python -m bench

lint: setup
	@scripts/lint
