# Everything runs from .venv, which is filled once from the lock, with hashes. After that no target needs a network.
.DEFAULT_GOAL := help
.PHONY: help run test test-pythons bench lint contracts fuzz faults mutants audit pin docs lock vendor image clean
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
UV ?= uv
ARGS ?=
PYTEST_ARGS ?=
VENV ?= .venv
PY := $(VENV)/bin/python
# Every Python from 3.11 on that this machine has.
PYTHONS ?= $(shell for minor in $$(seq 11 40); do command -v python3.$$minor; done)
# pip reads settings of the machine; these two keep it quiet and out of the way of the answer.
PIP := $(PY) -m pip --disable-pip-version-check --no-input

LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header

# The stamp's name says what is installed: another lock, folder or libvirt means another stamp.
LIBVIRT := $(shell pkg-config --exists libvirt 2>/dev/null && command -v cc)
STAMP := $(VENV)/.installed-$(shell { pwd; echo "$(LIBVIRT)"; cat pyproject.toml requirements.lock requirements-vm.lock; } 2>&1 \
	| cksum | tr ' ' '-')

help:  ## this list
	@echo "Tenure lends computers. 'make run' starts it; nothing else is needed."
	@echo
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 21
	@echo
	@echo "ARGS='…' goes to tenure, benchmarks and contracts; PYTEST_ARGS='…' to pytest; PYTHON=… is for the first run."

run: $(STAMP)  ## start Tenure, with its own database, on http://127.0.0.1:3000
	@exec $(VENV)/bin/tenure up $(ARGS)

# Tests wait for engines and databases more than they compute.
WORKERS ?= $(shell echo $$(( ($$(nproc 2>/dev/null || echo 2) * 3 + 1) / 2 )))

test: $(STAMP)  ## the tests, in three processes for every two cores
	@exec $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-pythons: $(STAMP)  ## the tests on each Python from 3.11 on that is here, in a .venv-python3.… of its own
	@test -n "$(PYTHONS)" || { echo "There is no Python from 3.11 on in PATH; name some: make $@ PYTHONS=…" >&2; exit 1; }
	@failed=; for python in $(PYTHONS); do \
		echo "== $$($$python -V)"; \
		$(MAKE) test PYTHON=$$python VENV=.venv-$${python##*/} || failed="$$failed $${python##*/}"; \
	done; test -z "$$failed" || { echo "Tests failed with:$$failed" >&2; exit 1; }

bench: $(STAMP)  ## measure, and compare
	@exec $(PY) -m benchmarks $(ARGS)

lint: $(STAMP)  ## ruff, mypy, the dependency rule, and a report of long files
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-cache
	$(PY) -m tests.support.long_files

contracts: $(STAMP)  ## what the contracts promise, line by line, and the tests that show it
	@exec $(PY) -m tests.contracts $(ARGS)

fuzz: $(STAMP)  ## an hour of requests made from the published schema; ARGS='--minutes 5 --seed 2'
	@exec $(PY) -m tests.contracts.fuzz $(ARGS)

faults: $(STAMP)  ## what was wrong in 0.1 and holds now, with the tests that show it
	@exec $(PY) -m tests.support.faults $(ARGS)

mutants: $(STAMP)  ## change a line at a time, and see whether a test notices
	@exec $(PY) -m tests.support.mutation $(ARGS)

audit: $(STAMP)  ## look up the locks' versions among known vulnerabilities (needs a network)
	@exec $(PY) -m tests.support.audit $(ARGS)

pin: $(STAMP)  ## pin the images of docker-compose.yml and the Dockerfile by digest (needs Docker and a network)
	@exec $(PY) -m tests.support.pin_images

docs: $(STAMP)  ## write the reference pages anew, and build all pages in build/docs
	@$(PY) -m docs.generate
	@$(PY) -m sphinx -q -W --keep-going -d build/doctrees -b html docs build/docs
	@echo "file://$(CURDIR)/build/docs/index.html"

image: $(STAMP)  ## build the workspace image, without a registry
	@exec bash infra/images/workspace.sh $(ARGS)

lock:  ## choose every version anew (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or UV=/path/to/uv" >&2; exit 1; }
	$(LOCK) --upgrade --extra build --extra test pyproject.toml --output-file requirements.lock
	$(LOCK) --upgrade --extra build --constraint requirements.lock pyproject.toml --output-file requirements-runtime.lock
	@grep -o 'libvirt-python==[0-9.]*' pyproject.toml | $(LOCK) --no-deps --no-annotate - --output-file requirements-vm.lock

# The lock names one package and its version; VENDORED is what of it is kept. Another version: edit the lock's first line,
# then VENDOR_NEW=1 writes the hashes anew.
VENDORED := interfaces/vendor
vendor:  ## fetch the files of others that pages load (needs npm), and compare them with vendor.lock
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	package=$$(sed -n '1s/^# \([^ ]*\) .*/\1/p' vendor.lock); \
	npm pack --silent --pack-destination "$$dir" "$$package" >/dev/null; tar -xzf "$$dir"/*.tgz -C "$$dir"; \
	cp "$$dir"/package/swagger-ui.css "$$dir"/package/swagger-ui-bundle.js "$$dir"/package/*-bundle.js.LICENSE.txt $(VENDORED)/; \
	cp "$$dir"/package/LICENSE $(VENDORED)/swagger-ui.LICENSE.txt; cp "$$dir"/package/NOTICE $(VENDORED)/swagger-ui.NOTICE.txt; \
	rm -f $(VENDORED)/swagger-ui-es-*; \
	if [ -n "$(VENDOR_NEW)" ]; then head -1 vendor.lock >"$$dir/lock"; \
	sha256sum $(VENDORED)/*.css $(VENDORED)/*.js $(VENDORED)/*.txt >>"$$dir/lock"; cp "$$dir/lock" vendor.lock; fi; \
	sha256sum --quiet -c vendor.lock; echo "$$package is as vendor.lock says."

clean:  ## remove .venv and caches; ~/.tenure is yours and stays
	rm -rf .venv .venv-python3* build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP):
	@command -v $(PYTHON) >/dev/null || { echo "Tenure needs Python 3.11 or newer; $(PYTHON) is not there." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Tenure needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; \
		echo "Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Preparing $(VENV) from requirements.lock, once. This takes a minute or two."
	@$(PYTHON) -m venv $(VENV)
	@rm -f $(VENV)/.installed-*
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@if [ -n "$(LIBVIRT)" ]; then \
		$(PIP) install --require-hashes --no-deps --no-build-isolation -r requirements-vm.lock >$(VENV)/libvirt.log 2>&1 || \
		echo "note: no virtual machines, as libvirt-python could not be built ($(VENV)/libvirt.log); all else works."; fi
	@touch $@
