# The two commands: `make demo` and `make test`. Both set up what they need.
.PHONY: setup test test-fast coverage demo lint bench chaos
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

chaos: setup
	@CHAOS_S=$${CHAOS_S:-600} .venv/bin/pytest -q -s tests/e2e/test_chaos.py

bench: setup
	@.venv/bin/python -m bench

lint: setup
	@scripts/lint
