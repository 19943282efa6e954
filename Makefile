# The two commands: `make demo` and `make test`. Both set up what they need.
.PHONY: setup test test-fast demo lint
export PYTHONDONTWRITEBYTECODE :=

setup:
	@scripts/setup

test: setup
	@scripts/test

test-fast: setup
	@scripts/test -m "not e2e"

lint: setup
	@scripts/lint
