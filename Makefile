# Two commands are all a user needs: "make up" and "make test".
# Everything is done by small Go programs in build/cmd, so that it works the same
# on every system; this file only gives them names.

.DEFAULT_GOAL := help
.PHONY: help build up shell smoke test bench dist generate fmt clean

# Built first and then run in place, so that a signal reaches the program itself.
SUITE := go build -o bin/tools/ ./build/cmd/suite && exec bin/tools/suite
DEMO  := go build -o bin/tools/ ./build/cmd/demo ./plugins/keyvault/fakevault/cmd/fakevault && exec bin/tools/demo

# Who keeps the secrets of the demo: DPAPI, or AzureKeyVault for a cloud that is
# played on this host (as root on Linux). With VAULT=yes the cloud is there too
# when DPAPI keeps them, to migrate them there.
PROVIDER ?= DPAPI
VAULT ?=

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build every program into bin/, and the lock file that pins the plugins
	@$(SUITE) build

up: build ## start everything with demo sources, and stay up until Ctrl-C; state lives in var/; PROVIDER=AzureKeyVault for a played cloud, VAULT=yes for both stores
	@$(DEMO) up --provider $(PROVIDER) $(if $(VAULT),--vault)

shell: ## a shell beside a running demo with a played cloud, from which the cloud can be found
	@$(DEMO) shell

smoke: build ## the demo on a temporary folder, with changes and failures, in under a minute
	@$(DEMO) smoke --provider $(PROVIDER)

test: ## run every check and every test; as root on Debian it installs what they need
	@$(SUITE) test

bench: build ## measure the figures; never part of the tests
	@go run ./build/cmd/bench

dist: ## archives and packages for every system into dist/; wixl and msitools make the Windows installers
	@go run ./build/cmd/dist

generate: ## make the Go code of the proto files and the types of the Admin UI's client
	@$(SUITE) generate

fmt: ## format all Go files
	@$(SUITE) fmt

clean: ## remove what was built; var/ stays
	@rm -rf bin dist
