# Thin on purpose: it makes the Python environment and hands over to the command line in ops/.
STACK ?= dev

PYTHON := .venv/bin/python
OPS := $(PYTHON) -m ops
# The stamp's name carries a checksum of all requirements files, so a change in any makes the environment again.
STAMP := .venv/.made-$(shell cat requirements.txt requirements-dev.txt docker/backend/requirements*.txt | cksum | cut -d' ' -f1)
# After an upgrade of the system's Python its link is broken, or leads to a version that looks for packages elsewhere.
ifeq ($(shell { $(PYTHON) -c 'import pip; print(pip)'; } 2>/dev/null),)
.PHONY: $(STAMP)
endif
# The step table of `make up` counts the environment too; this is when it began (in seconds: date on macOS has no fractions).
export OPS_STARTED := $(shell date +%s)

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's|^\([a-z-]*\):.*##.*|\1|p' $(MAKEFILE_LIST))

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nAll but validate, pr-report, the tests, check, fmt and tools take STACK=name (default: dev). More: .venv/bin/python -m ops --help\n'

up: $(STAMP) ## Bring TaskFlow up: tools, cluster, images, pulumi up, smoke check (ATOMIC=1: or back; REFRESH=1: revert drift)
	@$(OPS) up --stack $(STACK)

dev: $(STAMP) ## Serve the working tree with hot reload on the stack's database, until Ctrl-C (PORT=3000)
	@$(OPS) dev --stack $(STACK)

status: $(STAMP) ## Show the release on one screen: revision, images, pods and why they are not ready
	@$(OPS) status --stack $(STACK)

open: $(STAMP) ## Open TaskFlow in the browser; forwards a port where there is no other way
	@$(OPS) open --stack $(STACK)

logs: $(STAMP) ## Follow the logs of all pods (COMPONENT=backend: of its pods)
	@$(OPS) logs --stack $(STACK)

history: $(STAMP) ## List the revisions: every successful `make up`
	@$(OPS) history --stack $(STACK)

rollback: $(STAMP) ## Bring images and configuration of a revision back: make rollback TO=3
	@$(OPS) rollback --stack $(STACK)

rotate: $(STAMP) ## Replace a secret without a failed request: make rotate SECRET=betterAuthSecret
	@$(OPS) rotate --stack $(STACK)

backup: $(STAMP) ## Write an encrypted backup of the database, restored once and compared (TO=file or s3://bucket/name)
	@$(OPS) backup --stack $(STACK)

restore: $(STAMP) ## Replace the database's content with a backup: make restore FROM=file
	@$(OPS) restore --stack $(STACK)

upgrade-postgres: $(STAMP) ## Upgrade the embedded database to another major version
	@$(OPS) upgrade-postgres --stack $(STACK)

diff: $(STAMP) ## Show the steps of `make up`, each with its risk, from none to data loss
	@$(OPS) diff --stack $(STACK)

drift: $(STAMP) ## Show what somebody changed in the cluster since the last `make up`
	@$(OPS) drift --stack $(STACK)

pr-report: $(STAMP) ## Write as Markdown what the checkout changes on every stack (AGAINST=commit, default: main)
	@$(OPS) pr-report --against "$(AGAINST)"

preview: $(STAMP) ## Show what `make up` would change in the engine's words, then the risks
	@$(OPS) preview --stack $(STACK)

down: $(STAMP) ## Destroy the stack's objects; the cluster stays
	@$(OPS) down --stack $(STACK)

smoke: $(STAMP) ## Ask the deployed stack over HTTP whether it works, from sign-up to a task and back
	@$(OPS) smoke --stack $(STACK)

secret: $(STAMP) ## Set a secret of a stack, asking for its value: make secret STACK=prod KEY=databaseUrl
	@$(OPS) secret --stack $(STACK)

validate: $(STAMP) ## Check every Pulumi.<stack>.yaml; no engine, under 1 s
	@$(OPS) validate

render: $(STAMP) ## Write the stack's Kubernetes YAML to stdout, secrets masked (use make -s)
	@$(OPS) render --stack $(STACK)

footprint: $(STAMP) ## Show CPU, memory, storage and pods of the stack (AGAINST=commit: and the change)
	@$(OPS) footprint --stack $(STACK) --against "$(AGAINST)"

test: $(STAMP) ## Set up what the tests need and run all suites but test-edits and the long reliability runs
	@$(OPS) test

test-edits: $(STAMP) ## Edit every key of a running release: what `make diff` says must happen (half an hour)
	@$(OPS) test-edits

test-reliability: $(STAMP) ## Break the release in every way that a promise covers, and measure (an hour)
	@$(OPS) test-reliability

bench: $(STAMP) ## Measure everything in docs/performance.md, and write it (a quarter of an hour)
	@$(OPS) bench --stack $(STACK)

check: $(STAMP) ## Format, lint, types and unit tests; no engine, no cluster
	@$(OPS) check

fmt: $(STAMP) ## Format the Python code and fix what the linter can fix
	@$(OPS) fmt

tools: $(STAMP) ## Show which tools are used, and where they come from
	@$(OPS) tools

cluster-delete: $(STAMP) ## Delete the Minikube cluster with everything on it
	@$(OPS) cluster-delete

$(STAMP):
	@./ops/environment.sh $@
