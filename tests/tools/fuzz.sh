#!/bin/sh
# Runs every fuzzer: with clang's libFuzzer for FUZZ_SECONDS each, without it (libclang-rt-*-dev) over the files of its corpus.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
# A fuzzer is tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput; its corpus is tests/fuzz/corpus/NAME. What a run finds to be
# new is kept below build/fuzz; inputs that crash are kept there too and printed.
set -u
cd "$(dirname "$0")/../.." || exit 2
: "${FUZZ_SECONDS:=60}" "${CC:=cc}" "${ONLY:=}"
mkdir -p build/fuzz
passed=0 failed=0 skipped=0
san="-g -O1 -fno-sanitize-recover=undefined -fsanitize=address,undefined"    # last: ",fuzzer" is appended
mode=replay why="no clang"
if command -v clang >/dev/null 2>&1; then
    why="this clang has no libFuzzer"
    echo 'int LLVMFuzzerTestOneInput(const char *data, unsigned long size) { return data && size == 77; }' >build/fuzz/probe.c
    clang $san,fuzzer build/fuzz/probe.c -o build/fuzz/probe >/dev/null 2>&1 && mode=clang
fi

verdict() { # name status text log
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
        printf '%-24s %s\n' "$1" "$3"
    else
        failed=$((failed + 1))
        printf '%-24s %s\n' "$1" "FAILED (exit status $2)"
        tail -n 30 "$4" | cut -c 1-200 | sed 's/^/    /'
    fi
}

for file in tests/fuzz/fuzz_*.c; do
    [ -f "$file" ] || { echo "no fuzzers"; break; }
    name=$(basename "$file" .c) name=${name#fuzz_}
    [ -z "$ONLY" ] || case " $ONLY " in *" $name "*) ;; *) continue ;; esac
    corpus=tests/fuzz/corpus/$name log=build/fuzz/$name.log
    extra=$(sed -n '1,12s|^/\* build: \(.*\) \*/.*|\1|p' "$file")
    mkdir -p "build/fuzz/$name"
    if [ $mode = clang ]; then
        if ! clang $san,fuzzer "$file" -pthread $extra -lm -o "build/fuzz/fuzz_$name" >"$log" 2>&1; then
            verdict "$name" 1 "" "$log"
            continue
        fi
        [ -d "$corpus" ] || corpus=
        "build/fuzz/fuzz_$name" -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
            -artifact_prefix="build/fuzz/crash_${name}_" "build/fuzz/$name" $corpus >"$log" 2>&1
        status=$?
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        [ "${runs:-0}" -gt 0 ] || { echo "nothing was tried: libFuzzer is not in it" >>"$log"; status=1; }
        verdict "$name" $status "${runs:-0} inputs in $FUZZ_SECONDS s" "$log"
    else
        if ! $CC $san "$file" tests/fuzz/replay.c -pthread $extra -lm -o "build/fuzz/fuzz_$name" >"$log" 2>&1; then
            verdict "$name" 1 "" "$log"
            continue
        fi
        if [ -d "$corpus" ]; then
            "build/fuzz/fuzz_$name" "$corpus"/* >"$log" 2>&1
            verdict "$name" $? "$(ls "$corpus" | wc -l | tr -d ' ') files of its corpus ($why: nothing new is tried)" "$log"
        else
            skipped=$((skipped + 1))
            printf '%-24s %s\n' "$name" "SKIPPED: $why and no corpus"
        fi
    fi
done
[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
