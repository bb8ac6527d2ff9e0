# trace.h needs no build: this is for working on it.  SPDX-License-Identifier: MIT OR Unlicense
# Copyright (c) 2026 trace.h contributors

CC ?= cc
CXX ?= c++
CFLAGS ?= -g
JOBS ?= 2
FUZZ_SECONDS ?= 60

WARNINGS = -Wall -Wextra -Wpedantic
HEADERS := $(wildcard trace*.h)
MATRIX = CC="$(CC)" CXX="$(CXX)" JOBS=$(JOBS) sh tests/tools/matrix.sh
EXAMPLES := $(patsubst examples/%.c,build/examples/%,$(wildcard examples/*.c)) \
            $(patsubst examples/%.cpp,build/examples/%,$(wildcard examples/*.cpp)) \
            $(patsubst examples/%/app.c,build/examples/%_app,$(wildcard examples/*/app.c))
PRELOADS := build/libtrace_preload_curl.so build/libtrace_preload_sqlite.so build/trace_sqlite.so
HEADER_curl = curl/curl.h
HEADER_sqlite = sqlite3.h
HEADER_sqlite_extension = sqlite3ext.h
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: help run examples preload test test-all test-system soak mutants rows lint bench bench-peers bench-counts size fuzz integration integration-all oracle w3c-harness coverage golden picture cross-tools cross-kernels clean
.DELETE_ON_ERROR:

.DEFAULT_GOAL := help
help:           ## this list
	@echo "trace.h - distributed tracing for C in one header. There is nothing to build: copy trace.h. Targets:"
	@sed -n 's/^\([a-z][a-z0-9-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo "Variables: CC CXX JOBS; ONLY=\"part ...\" picks test programs; ROWS=\"row ...\" picks rows for test-all; FUZZ_SECONDS"

run:            ## build the examples, run the word counter on files of this repository and show its trace
run:
	@$(MAKE) --no-print-directory -j$(JOBS) examples
	@echo "$$ build/examples/wordcount"
	@build/examples/wordcount

examples:       ## build all examples below build/examples
examples: $(EXAMPLES)

build/examples/curl_client build/examples/chat: build/examples/%: examples/%.c $(HEADERS)
	@mkdir -p $(@D)
	@if echo '#include <curl/curl.h>' | $(CC) -E - >/dev/null 2>&1; then $(CC) $(WARNINGS) $(CFLAGS) $< -pthread -lcurl -o $@; \
	else echo "$@: skipped, there is no libcurl"; fi

build/examples/%: examples/%.c $(HEADERS)
	@mkdir -p $(@D)
	@$(CC) $(WARNINGS) $(CFLAGS) $< -pthread -o $@

build/examples/%: examples/%.cpp $(HEADERS)
	@mkdir -p $(@D)
	@if command -v $(firstword $(CXX)) >/dev/null; then $(CXX) $(WARNINGS) $(CFLAGS) $< -pthread -o $@; \
	else echo "$@: skipped, there is no C++ compiler"; fi

build/examples/%_app: examples/%/*.c examples/%/*.h $(HEADERS)
	@mkdir -p $(@D)
	@$(CC) $(WARNINGS) $(CFLAGS) $(wildcard examples/$*/*.c) -pthread -o $@

preload:        ## build/libtrace_preload_*.so and build/trace_sqlite.so, which trace programs nobody rebuilds (where the headers are)
preload: $(PRELOADS)

build/libtrace_preload_%.so: preload/%.c preload/next.h $(HEADERS)
	@$(call shared,$*)

build/trace_sqlite.so: preload/sqlite_extension.c $(HEADERS)
	@$(call shared,sqlite_extension)

define shared
mkdir -p $(@D)
if echo '#include <$(HEADER_$(1))>' | $(CC) -fsyntax-only -xc - 2>/dev/null; then \
    $(CC) $(WARNINGS) -O2 $(CFLAGS) -fPIC -shared $< -pthread -ldl -o $@; \
else echo "$@: skipped, there is no $(HEADER_$(1))"; fi
endef

test:           ## the tests, with address and undefined-behaviour sanitizers where the compiler has them
	@PLAIN_MARKED=1 $(MATRIX) -v asan plain

test-all:       ## every compiler, standard, sanitizer and system there are tools for (ROWS="row ..." for some; "make rows" lists them)
	@$(MATRIX) $(or $(ROWS),all)

test-system:    ## the tests on Linux kernels of other architectures, emulated whole (needs cross-tools, cross-kernels, qemu-system)
	@$(MATRIX) -v $(or $(ROWS),system)

soak:           ## tests that are long by nature, at full length: 1e7 spans, 1e8 under signals, 1e6 threads (some 5 minutes)
	@CC="$(CC)" sh tests/tools/soak.sh $(ONLY)

mutants:        ## breaks the header in one place at a time: a test must fail each time (some 5 minutes); ONLY="ring sleep" for some
	@CC="$(CC)" sh tests/tools/mutants.sh $(ONLY)

rows:           ## list the rows of test-all
	@sh tests/tools/matrix.sh -l | tr '\n' ' '; echo

lint:           ## names, macros, symbols, warnings, neighbours, README; first proves that each check can fail
	@CC="$(CC)" sh tests/lint/run.sh

bench:          ## what a span costs to record, encode and send, beside what two clock readings cost in the same run
	@mkdir -p build && for name in bench bench_encode bench_sink bench_genai bench_tail; do \
	$(CC) -O2 bench/$$name.c -pthread -o build/$$name && build/$$name || exit 1; done
	@if $(CC) -O2 bench/bench_programs.c -lcurl -lsqlite3 -pthread -o build/bench_programs 2>/dev/null; then build/bench_programs; \
	else echo "# libcurl and SQLite: skipped, they are not both there"; fi
	@CC="$(CC)" sh bench/functions.sh

bench-peers:    ## recording and encoding, then the same in Rust's fastrace and opentelemetry, one after the other (cargo; about 2 minutes)
	@mkdir -p build && for name in bench bench_encode; do \
	$(CC) -O2 bench/$$name.c -pthread -o build/$$name && build/$$name || exit 1; done
	@cargo run --quiet --release --locked --target-dir build/peers --manifest-path bench/peers/rust/Cargo.toml

bench-counts:   ## instructions, mallocs, system calls and bytes per span, against their ceilings
	@CC="$(CC)" sh bench/counts.sh

size:           ## what the header adds to a program and to its compile time, against their ceilings
	@CC="$(CC)" sh bench/size.sh && CC="$(CC)" sh bench/off.sh

fuzz:           ## every fuzzer for FUZZ_SECONDS (clang); without clang their corpora only
	@CC="$(CC)" FUZZ_SECONDS=$(FUZZ_SECONDS) sh tests/tools/fuzz.sh

integration:    ## a corpus through a real OpenTelemetry Collector and Zipkin, read back and compared (go, java, mvn, python3)
	@CC="$(CC)" python3 -B tests/integration/run.py

integration-all: ## the same with Jaeger, Phoenix and Agent Lightning, and bzip2's functions by gprof; installs about 2 GB below build/
	@CC="$(CC)" python3 -B tests/integration/run.py all && CC="$(CC)" python3 -B tests/integration/genai.py
	@CC="$(CC)" python3 -B tests/integration/functions.py

oracle:         ## a random corpus through the encoders, judged by the published .proto (python3)
	@CC="$(CC)" sh tests/oracle/run

coverage:       ## lines and branches of the headers that the tests reach
	@JOBS=$(JOBS) sh tests/tools/coverage.sh

golden:         ## rewrite the golden files; look at the diff
	@UPDATE_GOLDEN=1 ONLY="$(ONLY)" $(MATRIX) -v plain

picture:        ## redraw the pictures of the README, docs/*.svg, from what its programs really print
	@CC="$(CC)" sh tests/tools/picture.sh

w3c-harness:    ## the public harness of W3C Trace Context; W3C_HARNESS names a checkout of it
	@CC="$(CC)" sh tests/tools/w3c_harness.sh

cross-tools:    ## install the pinned cross compiler below build/venv (python3, about 100 MB)
	@python3 -m venv build/venv && build/venv/bin/pip install --quiet ziglang==0.17.0 && build/venv/bin/python3 -m ziglang version

cross-kernels:  ## bring Debian's kernels for test-system below build/kernels (apt-get and dpkg-deb, about 130 MB; installs nothing)
	@sh tests/tools/system.sh -k s390x aarch64 arm

clean:          ## remove build/
	rm -rf build
