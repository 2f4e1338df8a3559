# Everything a person or CI runs here. `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help up down test check fuzz faults bench soak format proto lock sbom audit envoy-config dashboards pictures page-pictures install link clean uninstall

# The newest Python from 3.11 on; override with PYTHON=...
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
LINK_DIR ?= $(HOME)/.local/bin
# Said last, below what `clauditor up` prints, or nobody sees it.
path_hint = case ":$$PATH:" in *":$(LINK_DIR):"*) ;; *) echo; \
	echo "$(LINK_DIR) is not on your PATH, so the shell does not find clauditor yet; put it there:"; \
	echo "  export PATH=\"$(LINK_DIR):\$$PATH\""; echo "or run it from here: $(BIN)/clauditor top";; esac
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: link  ## install the command for you and start Clauditor
	@$(BIN)/clauditor up
	@$(path_hint)

down:  ## stop what `make up` started
	@$(BIN)/clauditor down

test: $(VENV)/.dev  ## run every test
	$(BIN)/python -m pytest $(TESTS)

check: $(VENV)/.dev  ## what CI runs: format, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(TESTS)

fuzz: $(VENV)/.fuzz  ## ten minutes of coverage-guided fuzzing of the wire layer (Linux on x86-64)
	$(BIN)/python fuzz/run.py --seconds 600 --results fuzz/RESULTS.md

faults: $(VENV)/.dev  ## half an hour of faults; writes docs/reliability.md (Linux)
	PYTHONPATH=tests $(BIN)/python -m faults

bench: $(VENV)/.dev  ## half an hour of measuring; writes docs/performance.md (Linux)
	$(BIN)/python bench/all.py

soak: $(VENV)/.dev  ## MINUTES=20 of steady traffic: does anything grow? (Linux)
	$(BIN)/python bench/soak.py --minutes $(or $(MINUTES),20)

format: $(VENV)/.dev  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

proto: $(VENV)/.dev  ## compile proto/ into clauditor/pb/
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=clauditor/pb --pyi_out=clauditor/pb proto/ext_proc.proto

envoy-config: $(VENV)/.dev  ## write envoy/envoy.yaml from the code
	$(BIN)/python -m clauditor.proxy.bootstrap > envoy/envoy.yaml.new && mv envoy/envoy.yaml.new envoy/envoy.yaml

dashboards: $(VENV)/.dev  ## write grafana/dashboards from the code in grafana/boards
	$(BIN)/python -m grafana.boards

pictures: $(VENV)/.dev  ## draw docs/top.svg and docs/img from some minutes of demo
	$(BIN)/python -m clauditor.demo.picture docs

page-pictures: $(VENV)/.dev  ## draw the pictures of the web page in docs/img (needs Chromium)
	PYTHONPATH=tests $(BIN)/python -m page.pictures docs/img

# Nothing younger than a week: a poisoned release is mostly found and withdrawn within days.
LOCKED := runtime:pyproject.toml,build dev:pyproject.toml,dev audit:,audit
lock:  ## refresh the lock files in requirements/, from releases older than a week (needs uv)
	@day=$$($(PYTHON) -c 'import datetime as d; print(d.datetime.now(d.timezone.utc).date() - d.timedelta(days=8))'); \
	for each in $(LOCKED); do \
		file=requirements/$${each%%:*}.txt; from=$${each#*:}; \
		uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
			--exclude-newer $$day $${from%,*} --group $${from#*,} -o $$file && \
		{ echo "# Nothing published after $$day: make lock"; cat $$file; } >$$file.new && mv $$file.new $$file || exit 1; \
	done
	@$(MAKE) --no-print-directory sbom

sbom: $(VENV)/.dev  ## write sbom.cdx.json, the list of all that Clauditor runs with, from the lock file
	@$(BIN)/python .ci/sbom.py

audit: $(VENV)/.audit  ## ask whether anything that is locked has a known hole (needs a network)
	@$(BIN)/python .ci/audit.py $(VENV)/audit/bin/pip-audit requirements/runtime.txt requirements/dev.txt

install: $(VENV)/.runtime  ## create .venv with what Clauditor needs to run

link: $(VENV)/.runtime
	@mkdir -p "$(LINK_DIR)"
	@target="$(CURDIR)/$(BIN)/clauditor"; link="$(LINK_DIR)/clauditor"; \
	if [ -e "$$link" ] && [ "$$(readlink "$$link")" != "$$target" ] && ! [ -L "$$link" ]; then \
		echo "$$link exists and is not ours: left alone. Run $$target, or set LINK_DIR."; \
	else \
		[ "$$(readlink "$$link" 2>/dev/null)" = "$$target" ] || echo "Linked $$link -> $$target"; \
		ln -sfn "$$target" "$$link"; \
	fi

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Clauditor needs Python 3.11 or newer: install it, or name it with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c '' 2>/dev/null || { echo "The Python $(PYTHON) cannot be run: name another one with make PYTHON=..., or leave it out."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "The Python $(PYTHON) is older than 3.11: name another one with make PYTHON=..., or leave it out."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing: install it (Debian: apt install python3-venv)."; exit 1; }

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(PIP) uninstall --yes setuptools  # it has built; its .pth would run in every Python that starts
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing into $(VENV), with the test tools ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime

$(VENV)/.fuzz: fuzz/requirements.txt | $(VENV)/.dev
	@$(PIP) install --require-hashes -r fuzz/requirements.txt
	@touch $@

# Apart from what it looks at.
$(VENV)/.audit: requirements/audit.txt | $(VENV)/bin/python
	@$(BIN)/python -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/audit.txt
	@touch $@

uninstall:  ## leave Claude Code's settings, stop it and remove the link (your data stays, see README)
	@[ ! -x $(BIN)/clauditor ] || $(BIN)/clauditor uninstall --yes
	@$(MAKE) --no-print-directory down
	@[ "$$(readlink "$(LINK_DIR)/clauditor")" != "$(CURDIR)/$(BIN)/clauditor" ] || rm "$(LINK_DIR)/clauditor"

clean:  ## remove what was built here
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
