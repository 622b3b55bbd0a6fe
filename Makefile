# Every target works on a clean clone: it sets up what it needs first.
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
export AGENT_RUNTIME_TOOLCHAIN_DIR ?= $(CURDIR)/.toolchain
export PATH := $(CURDIR)/.venv/bin:$(AGENT_RUNTIME_TOOLCHAIN_DIR)/bin:$(PATH)

TESTS := tests/unit tests/orchestrator tests/contract tests/rpc tests/rest tests/line
SHELL_SCRIPTS := .ci/run $(filter-out bin/opencode,$(wildcard bin/*))
SCRIPTS = $(shell find config server -name node_modules -prune -o \( -name '*.js' -o -name '*.cjs' -o -name '*.mjs' \) -print)

.PHONY: help setup develop proto lint test e2e quality demo run bench lock clean

help: ## List the targets
	@sed -nE 's/^([a-z0-9]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

setup: ## Get everything that running needs: packages, browser, helpers
	@bin/bootstrap

develop: ## The same, with what checking and testing need
	@bin/bootstrap --dev

demo: setup ## Test a sample shop, from its address to a green suite; the last line is the result as JSON
	@bin/agent-runtime demo

run: setup ## Start the server
	@bin/agent-runtime serve

proto: develop ## Make the stubs from proto/ again
	bin/proto

lint: develop ## Formatting, types, imports, contract, scripts and deployment files
	ruff check
	ruff format --check
	mypy
	lint-imports
	cd proto && buf lint && buf format --diff --exit-code
	bin/breaking
	bin/proto --check
	@# There is no shellcheck package for Linux on ARM.
	[ "$$(uname -sm)" = "Linux aarch64" ] || shellcheck $(SHELL_SCRIPTS)
	hadolint Dockerfile
	docker-compose --file docker-compose.yml config --quiet
	for script in $(SCRIPTS); do node --check "$$script" || exit 1; done

test: lint ## Lint, then every test but the end-to-end ones, with coverage
	coverage erase
	@# A folder of its own: what other sessions have left is not this one's to clear away.
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
		coverage run -m pytest --basetemp "$$folder/t" --numprocesses 2 --dist loadfile $(TESTS)
	coverage combine --quiet
	coverage report

e2e: develop ## The long tests with a real browser; APPS=DIR adds web applications of your own
	APPS="$(APPS)" pytest tests/e2e

quality: develop ## Score the explorer's suites, of the sample shop and of each app that APPS=DIR can start
	@python -m tests.quality $(if $(APPS),--apps "$(APPS)") $(ARGS)

bench: develop ## Measure, beside the raw speed of the machine
	@python -m tests.benchmarks

lock: develop ## Renew the lock files
	bin/lock

clean: ## Remove what set-up and tests have made; workspaces and state are kept
	rm -rf .venv .toolchain .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info
