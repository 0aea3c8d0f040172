# The two that matter: `make run` starts the product, `make test` proves it. Everything generated lies in var/ and .venv/.
PYTHON ?= python3
BIN := .venv/bin
# Many tests wait for real processes, so two cores serve four of them at a time; those that use a whole product run one by one.
WORKERS ?= 4
# Each file of tests is done by one worker, which starts what its tests share once; the files that take longest begin first.
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# Python keeps what it has compiled, also where the surroundings would rather not: every test starts processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run setup test lint bench soak down clean

run:
	@exec $(PYTHON) -m seeops.bootstrap run

setup:
	@$(PYTHON) -m seeops.bootstrap setup

test:
	@$(PYTHON) -m seeops.bootstrap setup --tests
	@$(MAKE) --no-print-directory check-style
	$(BIN)/python -m pytest $(SPREAD) -m "not product and not bench and not soak"
	$(BIN)/python -m pytest -m "product and not bench and not soak"

.PHONY: check-style
check-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	SEEOPS_DB_POOL=0 $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

lint:
	@$(PYTHON) -m seeops.bootstrap setup --tests
	@$(MAKE) --no-print-directory check-style

bench:
	@$(PYTHON) -m seeops.bootstrap setup --tests
	$(BIN)/python -m pytest -m bench -s tests/bench

soak:
	@$(PYTHON) -m seeops.bootstrap setup --tests --soak
	$(BIN)/python -m pytest -m soak -s --timeout 7200 tests

down:
	@$(PYTHON) -m seeops.bootstrap down

clean:
	@$(PYTHON) -m seeops.bootstrap clean
