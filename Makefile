# The two commands: `make demo` and `make test`. Both set up what they need.
.PHONY: setup test test-fast coverage demo lint bench
export PYTHONDONTWRITEBYTECODE :=

setup:
	@scripts/setup

test:
	@scripts/setup tests
	@scripts/test

test-fast: setup
	@scripts/test -m "not e2e"

coverage: setup
	@.venv/bin/coverage run -m pytest -q -m "not e2e"
	@.venv/bin/coverage report --sort=cover

demo: setup
	@scripts/demo

bench: setup
	@.venv/bin/python -m bench

lint: setup
	@scripts/lint
