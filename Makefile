# Latchkey: `make run` for a demonstration, `make test` for the truth, `make bench` for figures.

SHELL := /bin/bash
export CGO_ENABLED ?= 0
# Go's runtime erases what digits leave behind, where it can: device/SECURITY.md.
export GOEXPERIMENT ?= $(if $(filter amd64 arm64,$(or $(GOARCH),$(shell go env GOARCH))),runtimesecret)
# What is built for the programs is compiled as what is tested, vetted and checked: once, wherever the clone is.
export GOFLAGS ?= -trimpath
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo devel)
BUILT := $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.built=$(BUILT)
BUILD := go build -trimpath -ldflags '$(LDFLAGS)'

.PHONY: build
build: ## both programs into bin/
	$(BUILD) -o bin/latchkeyd ./cmd/latchkeyd
	$(BUILD) -o bin/latchkey-controller ./cmd/latchkey-controller

.PHONY: firmware
firmware: ## the reader as a board runs it: arm64, static, no simulated board, no HTTP/2
	GOOS=linux GOARCH=arm64 $(BUILD) -tags firmware,nethttpomithttp2 -o bin/latchkeyd-arm64 ./cmd/latchkeyd

.PHONY: run
run: build ## a demonstration: a controller, a broker, simulated readers, a PIN and a card; ARGS="-console 127.0.0.1:9443" chooses another address
	go build -o bin/ ./cmd/latchkey-demo
	bin/latchkey-demo --bin bin --dir var $(ARGS)

.PHONY: run-cluster
run-cluster: build ## one to take apart: two controllers, PostgreSQL, two brokers, three readers, each to be killed
	go build -o bin/ ./cmd/latchkey-demo
	bin/latchkey-demo --cluster --bin bin --dir var/cluster $(ARGS)

# How many packages are tested at once, and how many tests of one.
PARALLEL := -p $$(n=$$(nproc); echo $$((n < 3 ? 3 : n))) -parallel $$(n=$$(nproc); echo $$((n < 4 ? 4 : n)))

.PHONY: test
test: setup build ## everything but the emulated boards
	@$(MAKE) --no-print-directory -j 3 lint go-test postgres-test

# The longest begin first, those that work beside those that wait: for a reader, a browser, a disk. lint and PostgreSQL
# run beside them.
CONTROLLER := ./cmd/latchkey-controller/internal/

.PHONY: go-test
go-test:
	go test -timeout 15m -vet off $(PARALLEL) $(CONTROLLER)console $(CONTROLLER)link ./cmd/latchkey-controller ./cmd/latchkey-demo ./cmd/latchkey-tests ./cmd/latchkeyd $(CONTROLLER)desk ./cmd/latchkey-bench/internal/cluster $(CONTROLLER)store ./...

# What go-test has tested on SQLite, and each act of the desk.
.PHONY: postgres-test
postgres-test:
	go test -timeout 15m -vet off -p 1 -parallel 4 $(addprefix $(CONTROLLER),store mail control homeassistant webhook) -skip 'BothEngines|NoListOfPostgreSQL' -postgres
	go test -timeout 15m -vet off -p 1 -parallel 4 $(CONTROLLER)desk -run CannotBeNoted -postgres

.PHONY: lint
lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-clean: $$unformatted"; exit 1; }
	go vet ./...
	go vet -tags firmware,nethttpomithttp2 ./cmd/latchkeyd ./board
	go tool staticcheck ./...

.PHONY: setup
setup: ## what the tests need besides Go, from Debian: a browser, curl, a broker, a Prometheus, a mail server, a PostgreSQL server and a pooler, systemd's own check, judges of cards, a TPM, an ACME server
	@$(call install,chromium-headless-shell:chromium-headless-shell curl:curl mosquitto:mosquitto mosquitto_sub:mosquitto-clients pgbouncer:pgbouncer prometheus:prometheus exim4:exim4-daemon-light systemd-analyze:systemd nfc-list:libnfc-bin swtpm:swtpm swtpm_setup:swtpm-tools certutil:libnss3-tools pebble:pebble mifare-desfire-info:libfreefare-bin \
		$(or $(wildcard /usr/lib/postgresql/*/bin/postgres),/usr/lib/postgresql):postgresql gcc:gcc /usr/include/stdio.h:libc6-dev /usr/include/nfc/nfc.h:libnfc-dev /usr/include/freefare.h:libfreefare-dev)

CLIENTS := cmd/latchkey-tests/testdata/clients

setup: setup-clients

.PHONY: setup-clients
setup-clients: ## Node, and clients of the API that are not ours, pinned, from npm
	@$(call install,node:nodejs npm:npm)
	@$(MAKE) -s $(CLIENTS)/node_modules/.package-lock.json

$(CLIENTS)/node_modules/.package-lock.json: $(CLIENTS)/package-lock.json $(wildcard $(CLIENTS)/n8n-workflow/*)
	cd $(CLIENTS) && npm ci --ignore-scripts --no-audit --no-fund --silent && touch node_modules/.package-lock.json

.PHONY: setup-hil
setup-hil:
	@$(call install,qemu-system-aarch64:qemu-system-arm aarch64-linux-gnu-gcc-12:gcc-aarch64-linux-gnu mkfs.ext4:e2fsprogs mosquitto:mosquitto swtpm:swtpm swtpm_setup:swtpm-tools)

.PHONY: setup-package
setup-package: setup
	@$(call install,debootstrap:debootstrap)

# install PROGRAM:PACKAGE... installs the packages whose programs, or files, are missing.
define install
missing=; for need in $(1); do [ -e $${need%:*} ] || PATH=$$PATH:/usr/sbin:/sbin command -v $${need%:*} >/dev/null || missing="$$missing $${need#*:}"; done; \
	[ -z "$$missing" ] || { apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }
endef

.PHONY: hil
hil: setup-hil ## the arm64 firmware on an emulated machine: a stock kernel, its own buses, power cuts
	go run ./board/hil

.PHONY: soak
soak: setup ## weeks of a reader's life in minutes, the real program for SOAK (10m), with counts; SEED chooses which; each page in every look; all on PostgreSQL
	go test -timeout 3h -count 1 -v -run TestAReaderGoesOnForWeeks ./cmd/latchkeyd -soak 336h $(if $(SEED),-soak-seed $(SEED))
	go test -timeout 3h -count 1 -v -run TestTheRealProgramGoesOn ./cmd/latchkey-tests -soak-real $(or $(SOAK),10m) $(if $(SEED),-soak-seed $(SEED))
	go test -timeout 60m -count 1 $(addprefix $(CONTROLLER),site desk link api) -postgres
	go test -timeout 60m -count 1 -skip 'NoBarrier|InTheBrowser|ABrowserKeeps|APasskeyOfABrowser' ./cmd/latchkey-controller/internal/console -postgres
	go test -timeout 60m -count 1 -run NoListOfPostgreSQL ./cmd/latchkey-controller/internal/store -crowd 100000 -v
	go test -timeout 60m -count 1 -run 'NoBarrier|InTheBrowser|ABrowserKeeps|APasskeyOfABrowser' ./cmd/latchkey-controller/internal/console -every-look

.PHONY: torture
torture: setup ## SIGKILL, failing disks, power cuts, torn writes, flipped bits, with counts; SEED chooses which
	go test -timeout 60m -count 1 -v -run 'NoMomentToKill|NoFaultOfADisk|ATornWrite|NoSingleFlippedBit' ./cmd/latchkey-tests -torture $(if $(SEED),-torture.seed $(SEED))
	go test -timeout 60m -count 1 -v -run NothingIsLostWhoeverIsKilled ./cmd/latchkey-demo -kills 204
	go test -timeout 60m -count 1 -v -run NothingIsLostWhicheverBroker ./cmd/latchkey-controller/internal/link -broker-kills 200
	go test -timeout 60m -count 1 -v -run 'AMoveKilledAtAnyMoment|ABackupOfPostgreSQLKilled' ./cmd/latchkey-controller -move-kills 300 -backup-kills 100
	go test -timeout 60m -count 1 -v -run 'WhicheverPartOf(ACluster|TwoCells)' ./cmd/latchkey-bench/internal/cluster -cluster-kills 200 $(if $(SEED),-cluster-seed $(SEED))
	go test -timeout 60m -count 1 -v -run ControllersThatAreCutOff ./cmd/latchkey-controller -partitions 20

.PHONY: bench
bench: ## figures against their targets
	go run ./cmd/latchkey-bench

.PHONY: clean
clean: ## what was built; var/ stays
	rm -rf bin

.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: package
package: ## .deb packages for arm64, amd64 and, of the reader alone, armhf, into bin/packages
	go run ./cmd/latchkey-package -out bin/packages -version '$(VERSION)' -built '$(BUILT)'

.PHONY: package-test
package-test: setup-package ## those packages compared, inspected, installed, upgraded, removed and purged (Debian, root, minutes)
	go test -timeout 30m -count=1 ./cmd/latchkey-package -packages
