PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AWS_DEFAULT_REGION ?= us-east-1

.PHONY: help demo up down test oracle fuzz chaos faults races bench life mutation check package deploy destroy backup restore redrive
.DEFAULT_GOAL := help

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(VENV)/.installed  ## play a small shop on a local cloud, from nothing to verified books
	$(BIN)/python -m local.demo

up: $(VENV)/.installed  ## start the local cloud and print how to reach it
	$(BIN)/python -m local.cloud up

down: $(VENV)/.installed  ## stop the local cloud; its data stays for the next up
	$(BIN)/python -m local.cloud down

test: $(VENV)/.installed  ## run the tests
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

oracle: $(VENV)/.installed  ## compare 100,000 random orders with the second calculation
	ORACLE_HISTORIES=100000 $(BIN)/python -m pytest -q -n 2 tests/oracle

fuzz: $(VENV)/.installed  ## send each provider's webhook 200,000 requests and payloads that nobody sends
	FUZZ_EXAMPLES=100000 $(BIN)/python -m pytest -q -n 2 tests/webhooks/test_fuzz.py

chaos: $(VENV)/.installed  ## pay 10,000 payouts through rails that fail at random (SEED=1 PAYOUTS=10000)
	$(BIN)/python -m tests.rails.chaos $(or $(SEED),1) $(or $(PAYOUTS),10000)

races: $(VENV)/.installed  ## let 32 threads of four processes meet 10,000 times over the same money (ONLY=settle)
	$(BIN)/python -m tests.races $(ONLY)

life: $(VENV)/.installed  ## live two years ten times over, all faults on, every promise checked daily (SEEDS=10 EVENTS=200000, or SEED=7)
	$(BIN)/python -m tests.life.seeds

bench: $(VENV)/.installed  ## measure what an order costs, against floors and list prices, and write bench/RESULTS.md
	$(BIN)/python -m bench

faults: $(VENV)/.installed  ## let every call of every flow fail in every way, and compare what is left (ONLY=settlement)
	$(BIN)/python -m tests.faults $(ONLY)

mutation: $(VENV)/.installed  ## break the domain in 4,000 ways and count which the tests notice
	rm -rf mutants
	EXAMPLES=mutation $(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/python -m tests.domain.mutation_score

check: $(VENV)/.installed  ## style, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

package: $(VENV)/.installed  ## build out/sam.yaml and out/deployment.zip for AWS
	AWS_DEFAULT_REGION=$(AWS_DEFAULT_REGION) $(BIN)/chalice package \
		--merge-template .chalice/resources.yaml out
	$(BIN)/cfn-lint out/sam.yaml

deploy: $(VENV)/.installed  ## create or update a stage on AWS: STAGE=prod [REGION= TIME_ZONE= SHOP_URL= ALARM_EMAIL=]
	@$(BIN)/python -m local.deploy

destroy: $(VENV)/.installed  ## delete a stage, and keep what it knows: STAGE=prod CONFIRM=prod [REGION=]
	@$(BIN)/python -m local.destroy

backup: $(VENV)/.installed  ## copy everything a stage knows into a folder: STAGE=prod TO=folder [PASSPHRASE= REGION=]
	@$(BIN)/python -m local.backup

restore: $(VENV)/.installed  ## fill a new stage from such a folder: STAGE=prod FROM=folder [PASSPHRASE= REGION=]
	@$(BIN)/python -m local.restore

redrive: $(VENV)/.installed  ## send again what a stage gave up on: STAGE=prod [REGION=]
	@$(BIN)/python -m local.redrive

$(VENV)/.installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Fenrun needs Python 3.11 or newer; try PYTHON=python3.12 make")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
