#!/bin/sh
# Tests that are long by nature, at full length: ledgers over 1e7 spans, SIGPROF over 1e8, a million threads, lifecycles by the
# ten thousand; the same ledgers under the thread sanitizer, and exits under the address sanitizer.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#   sh tests/tools/soak.sh [part of a line's name ...]      CC=gcc

set -u
cd "$(dirname "$0")/../.." || exit 2
: "${CC:=cc}"
out=build/soak
mkdir -p "$out"
wanted=$*
passed=0 failed=0 skipped=0

# soak NAME BUILD FACTOR SCALE PROGRAM TEST...: one line of the report
soak() {
    name=$1 build=$2 factor=$3 scale=$4 program=$5
    shift 5
    if [ -n "$wanted" ]; then
        found=
        for part in $wanted; do case $name in *"$part"*) found=1 ;; esac; done
        [ -n "$found" ] || return
    fi
    case $build in plain) flags="-O2 -g" ;; tsan) flags="-O1 -g -fsanitize=thread" ;; asan) flags="-O1 -g -fsanitize=address,undefined" ;; esac
    binary=$out/$program-$build
    if [ ! -f "$binary" ] || [ -n "$(find trace*.h tests/*.[ch] -newer "$binary" | head -n 1)" ]; then
        if ! $CC -std=gnu11 $flags -pthread "tests/$program.c" -o "$binary" -lm >"$binary.build" 2>&1; then
            case $build in
            ?san) echo "skipped $name: $CC has no such sanitizer here"; skipped=$((skipped + 1)); return ;;
            esac
            echo "$name does not build"; cat "$binary.build"; failed=$((failed + 1)); return
        fi
    fi
    started=$(date +%s)
    CC=$CC TEST_FACTOR=$factor TEST_SCALE=$scale TEST_BUILD_DIR=$PWD/$out "$binary" "$@" >"$out/$name.log" 2>&1
    status=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$out/$name.log" | tail -n 1)
    printf '%-34s %s, %s s\n' "$name" "${line:-no closing line}" "$(($(date +%s) - started))"
    grep -E '^[0-9]+ spans, ' "$out/$name.log" | sed 's/^/    /'
    if [ $status -eq 0 ] && [ -n "$line" ]; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    tail -n 20 "$out/$name.log" | cut -c 1-200 | sed 's/^/    /'
}

soak lossless-1e7 plain 10 1 test_ledger lossless_with lossless_in
soak lossless-1e6-tsan tsan 1 1 test_ledger lossless_with lossless_in
soak dropping-tsan tsan 1 1 test_ledger reading_while_dropping ring_full storm
soak sigprof-1e8 plain 100 1 test_signal sigprof
soak signals-at-thread-starts plain 20 1 test_signal threads_hit
soak short-threads-1e6 plain 50 1 test_threads short_threads
soak handles-between-threads-1e6 plain 20 1 test_threads a_queue_of_spans
soak init-and-shutdown-1e4 plain 10 1 test_life persistent_threads start_and_stop
soak fork-among-8-threads-1e3 plain 10 1 test_life fork_among
soak ids-64-children-1e6 plain 200 1 test_life ids_of_64
soak exit-2e3-asan asan 10 1 test_life exit_in_all_ways
soak dlopen-2e3 plain 10 1 test_unload dlclose unloadable

[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
