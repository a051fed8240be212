# `make demo` and `make test` are all that a fresh clone needs; each makes .venv when it is missing.
PYTHON ?= python3
BIN := .venv/bin

# Does nothing if the page is newer than its sources, and says in one line what is left out if there is no Node or no
# network.
PAGE := $(BIN)/python explorer/build_page.py --if-possible

.PHONY: demo test lint explorer docs bench contract oldest mutants campaign clean

demo: .venv/installed
	$(PAGE)
	$(BIN)/vaelab study paper --recipe speedrun --data auto --processes 2 --out runs/demo

test: .venv/installed-dev lint
	$(PAGE) test
	$(BIN)/pytest -n 2 --dist worksteal

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PAGE) check

# The page of `vaelab explore`, with the system's Node, otherwise with one from PyPI in .venv.
explorer: | $(BIN)/python
	$(BIN)/python explorer/build_page.py

# The site in build/docs, which opens from disk. Its front page has the models of RUNS, by default two small ones that are
# trained here. One thread for each small training: more are slower.
RUNS ?= build/runs/vae build/runs/cvae
docs: export OMP_NUM_THREADS = 1
docs: .venv/installed-docs $(RUNS)
	$(PAGE)
	$(BIN)/vaelab explore $(RUNS) --out build/models.html --quiet || rm -f build/models.html
	VAELAB_RUNS="$(abspath $(RUNS))" VAELAB_EXPLORER=build/models.html \
	    $(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs
	@echo build/docs/index.html

build/runs/%: | .venv/installed-docs
	$(BIN)/vaelab train $* --data digits --epochs 15 --batch-size 32 --learning-rate 2e-3 --out $@ --quiet

bench: .venv/installed
	$(BIN)/python benchmarks/throughput.py

$(BIN)/python:
	$(PYTHON) -m venv .venv

# The pin keeps every requirement from choosing a build of torch with gigabytes of CUDA.
# For the demo, modules are compiled when they are first used: compiling all of them takes twenty of its seconds.
.venv/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt -e '.[export]'
	touch $@

.venv/installed-docs: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[docs]'
	touch $@

.venv/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@ .venv/installed .venv/installed-docs

# The contract test over all compositions of parts, some 32,000. PART=3/8 takes the third of eight parts, which add up
# to all and can be spread over days and machines. COMPOSITIONS=500 takes as many, drawn at random, others with each
# SEED. `make test` takes each pair of parts once.
COMPOSITIONS ?= full
PART ?= 1/1
SEED ?= 0
contract: .venv/installed-dev
	VAELAB_CONTRACT=$(COMPOSITIONS) VAELAB_CONTRACT_PART=$(PART) VAELAB_CONTRACT_SEED=$(SEED) \
	    $(BIN)/pytest -n 2 --dist worksteal tests/test_contract.py

# The tests with the oldest versions that pyproject.toml allows, which tests/oldest.py reads from it. The extra `export`
# is left out, since its torch is newer than training needs; its own bounds are those of the usual environment.
oldest: .venv-oldest/installed
	.venv-oldest/bin/pytest -n 2 --dist worksteal

.venv-oldest/installed: pyproject.toml tests/oldest.py
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python tests/oldest.py hdf5 hub maps sweep tables track > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install -q -c .venv-oldest/constraints.txt -e '.[hdf5,hub,maps,sweep,tables,track,test]'
	touch $@

# Each mistake of docs/mistakes.md put into a copy of the project, to see a test fail.
mutants: .venv/installed-dev
	$(BIN)/python tests/mutants.py

# Attacks on files, processes and input, each tried many times; the table stands in docs/reliability.md.
campaign: .venv/installed-dev
	$(BIN)/python -m tests.campaign

clean:
	rm -rf .venv .venv-oldest runs build docs/generated
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf explorer/node_modules src/vaelab/explorer/built
