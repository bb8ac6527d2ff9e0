#!/bin/sh
# Every example compiles without a warning and runs: exit status 0, no complaint of the library, a trace where one is due.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
set -u
cd "$(dirname "$0")/.." || exit 2
top=$PWD
: "${CC:=cc}" "${CXX:=c++}" "${TEST_BUILD_DIR:=build/examples_test}"
mkdir -p "$TEST_BUILD_DIR"
passed=0 failed=0 skipped=0
warnings="-Wall -Wextra -Wpedantic -Werror"

limited() { if command -v timeout >/dev/null 2>&1; then timeout -k 5 60 "$@"; else "$@"; fi; }

fail() {
    failed=$((failed + 1))
    echo "FAILED $1: $2"
    head -n 15 "$3" | cut -c 1-200 | sed 's/^/    /'
}

example() { # name, what its output must have, command to compile
    name=$1 wanted=$2
    shift 2
    if ! "$@" -O1 -g $warnings -pthread -o "$TEST_BUILD_DIR/$name" >"$TEST_BUILD_DIR/$name.build" 2>&1; then
        fail "$name" "does not build" "$TEST_BUILD_DIR/$name.build"
        return
    fi
    if [ "$wanted" = "(a server)" ]; then passed=$((passed + 1)); return; fi
    (cd "$top" && limited "$TEST_BUILD_DIR/$name") >"$TEST_BUILD_DIR/$name.out" 2>&1 </dev/null
    status=$?
    if [ $status -ne 0 ]; then fail "$name" "exit status $status" "$TEST_BUILD_DIR/$name.out"
    elif grep -q '^trace\.h: [a-z]*: ' "$TEST_BUILD_DIR/$name.out"; then fail "$name" "the library complains" "$TEST_BUILD_DIR/$name.out"
    elif ! grep -qF -- "$wanted" "$TEST_BUILD_DIR/$name.out"; then fail "$name" "does not print: $wanted" "$TEST_BUILD_DIR/$name.out"
    else passed=$((passed + 1)); fi
}

unset OTEL_TRACES_EXPORTER OTEL_SDK_DISABLED TRACE_CONSOLE
LC_ALL=C.UTF-8
export LC_ALL
for file in examples/*.c; do
    name=$(basename "$file" .c)
    case $name in
    hello) wanted=greet ;;
    my_exporter) wanted=bytes ;;
    *_service | *_server) wanted="(a server)" ;;       # waits for requests: built only
    *) wanted= ;;
    esac
    example "$name" "$wanted" $CC "$file"
done
for folder in examples/*/; do
    name=$(basename "$folder")
    example "$name" "fit polynomial" $CC "$folder"*.c
    example "${name}_silent" "" $CC -DAPP_WITHOUT_TRACING -Wno-maybe-uninitialized "$folder"*.c
done
for file in examples/*.cpp; do
    if command -v "${CXX%% *}" >/dev/null 2>&1; then example "$(basename "$file" .cpp)" "" $CXX "$file"
    else skipped=$((skipped + 1)); fi
done
rm -f "$top/spans.log"
if [ $skipped -eq 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
[ $failed -eq 0 ]
