#!/bin/sh
# What an instrumented call costs: below the minimum duration and above it, beside gprof's and uftrace's, and the bare call.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
set -e
out=build/bench_functions
cc="${CC:-cc} -O2"
mkdir -p "$out"
if ! echo 'int main(void) { return 0; }' | $cc -finstrument-functions -x c - -c -o "$out/probe.o" 2>/dev/null; then
    echo "# instrumented calls: skipped, $CC has no -finstrument-functions"
    exit 0
fi
$cc bench/bench_functions.c -o "$out/plain"
$cc -c bench/functions_tracer.c -o "$out/tracer.o"
$cc -DBENCH_TRACED -finstrument-functions bench/bench_functions.c "$out/tracer.o" -pthread -o "$out/traced"
$cc -pg bench/bench_functions.c -o "$out/gprof"
"$out/plain" bare_call
TRACE_FUNCTIONS_MIN_US=1000000 "$out/traced" below_minimum
TRACE_FUNCTIONS_MIN_US=0 "$out/traced" a_span_each all
(cd "$out" && ./gprof gprof) | grep -v two_clock
if command -v uftrace >/dev/null; then uftrace record --no-event --no-libcall -d "$out/uftrace" "$out/gprof" uftrace | grep -v two_clock
else echo "# uftrace: not installed"; fi
