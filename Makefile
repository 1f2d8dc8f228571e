# `make` alone explains the verbs.

PYTHON ?= python3
PORT ?= 8000
PY = .venv/bin/python
DEMO_ENV = PAYSETTLE_DEMO=1 PAYSETTLE_VAR=var/demo PUBLIC_URL=http://127.0.0.1:$(PORT)
# Each database is a worker of its own; every test that is for it runs on it.
DATABASES = --dist=each --tx popen//env:TEST_DB=sqlite --tx popen//env:TEST_DB=mariadb --tx popen//env:TEST_DB=mysql
SUITE = env TEST_BESIDE="mariadb mysql" $(PY) -m pytest $(DATABASES) $(ARGS)

.PHONY: help demo demo-reset run test test-long check fix lock docs bench bench-full

help:
	@echo "make demo        a story told through the real API, on SQLite, no servers needed (PORT=8000, KAFKA=1)"
	@echo "make demo-reset  forget the demo's data"
	@echo "make run         server and worker for development, on SQLite"
	@echo "make test        the whole suite on SQLite, MariaDB, MySQL, Kafka, Redis and Chromium; finds or fetches them itself"
	@echo "make test-long   the same with every number at its full size, on every Python that is here"
	@echo "make bench       how fast it is, against raw SQL in the same run (10 minutes); docs/performance.md"
	@echo "make bench-full  the same with five million entries, and with little memory (an hour)"
	@echo "make check       format, lint, types, import contracts, migrations, documents up to date"
	@echo "make fix         format, and mend what the linter can mend"
	@echo "make lock        resolve the dependencies anew"
	@echo "make docs        write the generated documents again"

demo: .venv/runtime
	@[ "$(PORT)" -ge 1 ] 2>/dev/null && [ "$(PORT)" -le 65535 ] || \
		{ echo "PORT must be a number from 1 to 65535, not '$(PORT)'."; exit 2; }
ifdef KAFKA
	@exec env $(DEMO_ENV) $(PY) -m devservers run --require --as-setting kafka -- $(PY) manage.py demo --port $(PORT)
else
	@exec env $(DEMO_ENV) $(PY) manage.py demo --port $(PORT)
endif

demo-reset: .venv/runtime
	@$(DEMO_ENV) $(PY) manage.py demo --reset

run: .venv/runtime
	@DEBUG=1 $(PY) manage.py migrate --verbosity 0
	@export DEBUG=1; $(PY) manage.py worker & worker=$$!; $(PY) manage.py serve --port $(PORT) & serve=$$!; \
		trap "kill $$worker $$serve 2>/dev/null; wait" EXIT; trap "exit 143" TERM HUP INT; wait $$serve

test: .venv/dev
	@$(PY) -m devservers run mariadb mysql kafka redis chromium -- $(SUITE)

test-long: .venv/dev
	@TEST_LONG=1 $(PY) -m devservers run mariadb mysql kafka redis chromium -- $(SUITE)
	@$(PY) scripts/other_pythons.py

check: .venv/dev
	@$(PY) scripts/check.py

fix: .venv/dev
	@.venv/bin/ruff check --fix --quiet .; .venv/bin/ruff format --quiet .

docs: .venv/dev
	@DEBUG=1 $(PY) manage.py docs

bench: .venv/dev
	@$(PY) -m bench $(ARGS)

bench-full: .venv/dev
	@$(PY) -m bench --full $(ARGS)

LOCK = UV_PYTHON_DOWNLOADS=never .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-strip-extras --custom-compile-command "make lock" pyproject.toml
lock: .venv/dev
	@$(LOCK) -o requirements.lock
	@$(LOCK) --group dev -c requirements.lock -o requirements-dev.lock
	@$(LOCK) --extra mysqlclient --extra redis -c requirements.lock -o requirements-image.lock

# The environment is brought up to date by the script; these two are names for its two states.
.PHONY: .venv/runtime .venv/dev
.venv/runtime:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer."; exit 1; }
	@$(PYTHON) scripts/environment.py requirements.lock

.venv/dev:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer."; exit 1; }
	@$(PYTHON) scripts/environment.py requirements-dev.lock
