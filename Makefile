# Everything that is done to PayCow by hand or by CI. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# What stands alone: everything without the development stack. Quick to build and to test.
ALONE = $(shell go list ./... | grep -Ev '^paycow/(devstack|cmd|bench)(/|$$)')

.PHONY: help
help: ## list every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## run everything for development: go run ./cmd/paycow dev (ARGS="--fresh" adds flags)
	go run ./cmd/paycow dev $(ARGS)

.PHONY: build
build: ## build bin/paycow with the development stack, and bin/paycow-slim as the image has it
	go build -trimpath -ldflags='-s -w' -o bin/paycow ./cmd/paycow
	CGO_ENABLED=0 go build -tags slim -trimpath -ldflags='-s -w' -o bin/paycow-slim ./cmd/paycow
	@ls -l bin/paycow bin/paycow-slim

.PHONY: test
test: test-deps ## what CI runs: the checks, then all tests with the race detector, including end-to-end tests
	@scripts/checks
	@scripts/test all

.PHONY: checks
checks: ## the checks of `make test`: format-check, workflowcheck, verify, vet, lint
	@scripts/checks

.PHONY: unit
unit: ## the tests for everyday use: the packages that stand alone, without the race detector
	@RACE=0 scripts/test unit

.PHONY: test-race
test-race: test-deps ## the unit tests with the race detector, each three times in random order
	CGO_ENABLED=1 go test $$(scripts/race-flags) -count=3 -shuffle=on -timeout 60m $(ALONE)

.PHONY: e2e
e2e: test-deps ## the tests of the development stack and of the whole program on real parts
	@scripts/test e2e

.PHONY: test-deps
test-deps: ## install what the tests need besides Go (as root on Debian), or say what is missing
	@scripts/test-deps

.PHONY: vet
vet: ## go vet, for both builds of the program
	go vet ./...
	go vet -tags slim ./cmd/paycow

.PHONY: lint
lint: ## golangci-lint with the rules of .golangci.yml, the arrows between the packages among them
	@lint=$$(scripts/tool golangci-lint) && GOMEMLIMIT=$${GOMEMLIMIT:-4GiB} "$$lint" run --allow-parallel-runners

.PHONY: format
format: ## format the sources
	@lint=$$(scripts/tool golangci-lint) && "$$lint" fmt

.PHONY: format-check
format-check: ## show what `make format` would change, and fail if it would change anything
	@lint=$$(scripts/tool golangci-lint) && "$$lint" fmt --diff

.PHONY: workflowcheck
workflowcheck: ## Temporal's check that workflows run the same when their history is replayed
	@check=$$(scripts/tool workflowcheck) && "$$check" -test=false ./workflows/...

SEEDS ?= 10000
.PHONY: simulate
simulate: ## the simulator over many seeds (SEEDS=10000), or one of them again (SEED=n)
	go test ./simulate -run TestSimulation -timeout 0 -args -seeds $(SEEDS) $(if $(SEED),-seed $(SEED))

ONLY ?=
.PHONY: mutants
mutants: ## break each guard on purpose and run the tests that should notice (ONLY=regexp for some)
	go run ./internal/mutants $(if $(ONLY),-only '$(ONLY)')

FUZZTIME ?= 30s
.PHONY: fuzz
fuzz: ## each fuzz target for a while (FUZZTIME=30s)
	@set -e; for package in $$(go list ./... | grep -Ev '^paycow/(devstack|cmd|bench)(/|$$)'); do \
		for target in $$(go test -run '^$$' -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

REQUESTS ?= 100000
.PHONY: fuzz-requests
fuzz-requests: ## fuzzed requests for every call of the OpenAPI document (REQUESTS=100000)
	go test ./api -run TestFuzzedRequests -count=1 -timeout 0 -args -requests $(REQUESTS)

RUNS ?= 50
EVENTS ?= 10000
PAYMENTS ?= 200
ROWS ?=
FIGURES = go test ./bench -run TestFigures -count=1 -timeout 0 -v -args -rows '$(ROWS)' -figures
.PHONY: bench
bench: ## all figures against their floors, or some groups of them (ROWS=memory,paid), written to docs/performance.md
	$(FIGURES) full

.PHONY: bench-quick
bench-quick: ## the figures against their floors, with shorter measurements (ROWS=...); they are written to bin/bench-quick.out only
	@mkdir -p bin && set -o pipefail && $(FIGURES) quick | tee bin/bench-quick.out

.PHONY: bench-parts
bench-parts: ## the benchmarks of single parts, payments beside each misbehaving node (RUNS=50 of each), webhooks in a burst (EVENTS=10000) and beside bad endpoints (PAYMENTS=200)
	go test -run '^$$' -bench . -benchmem $(ALONE)
	go test -run '^$$' -bench AWildNodeBesideOthers -benchtime $(RUNS)x -timeout 0 ./devstack/realnode
	go test -run '^$$' -bench WebhookBurst -benchtime $(EVENTS)x -timeout 0 ./cmd/paycow
	go test -run '^$$' -bench EndpointsBesideBadOnes -benchtime $(PAYMENTS)x -timeout 0 ./cmd/paycow

.PHONY: screenshots
screenshots: test-deps ## take the pictures of docs/screenshots again, from the tests in the browser; all of them stay in bin/screenshots
	PAYCOW_SCREENSHOTS=$(CURDIR)/bin/screenshots go test ./cmd/paycow -run TestPagesInABrowser -count=1
	for picture in docs/screenshots/*.png; do cp "bin/screenshots/$${picture##*/}" "$$picture"; done

.PHONY: looks
looks: test-deps ## check the accessibility of every page in every language, at two widths, in light and dark
	PAYCOW_EVERY_LOOK=1 go test ./cmd/paycow -run TestPagesInABrowser -count=1 -timeout 60m

.PHONY: lighthouse
lighthouse: ## run Lighthouse on the pages that people see first; on a machine that does nothing else
	@scripts/test-deps cmd/paycow/testdata/lighthouse
	PAYCOW_LIGHTHOUSE=1 go test ./cmd/paycow -run TestPagesInABrowser/lighthouse -count=1 -v

.PHONY: verify
verify: ## what is generated or downloaded is what it should be, and the slim build without C works
	go mod verify
	go test -run 'Artefacts|Compiler' ./contracts/... ./devstack/token
	go test -run Compose ./internal/deploy
	@mkdir -p bin && tool=$$(scripts/tool oapi-codegen) && cd client && "$$tool" -config generate.yaml -o ../bin/client.out ../api/openapi.json
	@cmp bin/client.out client/client.gen.go || { echo 'client/client.gen.go is out of date: make client' >&2; exit 1; }
	CGO_ENABLED=0 go build -tags slim -trimpath -o bin/paycow-slim ./cmd/paycow

.PHONY: generate
generate: ## compile the contracts and the test token and make their Go bindings again (needs node and npm)
	for folder in contracts contracts/contracttest devstack/token; do internal/solidity/generate.sh $$folder || exit 1; done

.PHONY: client
client: ## make the Go client (client/client.gen.go) again from api/openapi.json
	go generate ./client

.PHONY: image
image: ## build the container image (needs a container engine)
	docker build -t paycow .

.PHONY: secrets
secrets: ## make the secrets that docker-compose.yml reads, if they are missing
	@scripts/make-secrets

.PHONY: clean
clean: ## delete what building and testing left here; the development stack's data in .paycow stays
	rm -rf bin devstack/token/node_modules api/testdata/spectral/node_modules cmd/paycow/testdata/clients/node_modules cmd/paycow/testdata/browser/node_modules cmd/paycow/testdata/lighthouse/node_modules
