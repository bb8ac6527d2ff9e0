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

build() { # name, command to compile: up to JOBS at once
    name=$1
    shift
    read -r turn <&9
    {
        "$@" -O0 -g $warnings -pthread -o "$TEST_BUILD_DIR/$name" >"$TEST_BUILD_DIR/$name.build" 2>&1 || rm -f "$TEST_BUILD_DIR/$name"
        echo >&9
    } &
}

example() { # name, what its output must have
    name=$1 wanted=$2
    if [ ! -x "$TEST_BUILD_DIR/$name" ]; then
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
mkfifo "$TEST_BUILD_DIR/turns" && exec 9<>"$TEST_BUILD_DIR/turns" && rm "$TEST_BUILD_DIR/turns" || exit 2
for turn in $(seq "${JOBS:-2}"); do echo; done >&9
with_curl=
if echo '#include <curl/curl.h>' | $CC -E - >/dev/null 2>&1; then with_curl=1; fi
with_cpp=
if command -v "${CXX%% *}" >/dev/null 2>&1; then with_cpp=1; fi
for file in examples/*.c; do
    name=$(basename "$file" .c)
    case $name in
    curl_* | chat) [ -z "$with_curl" ] || build "$name" $CC "$file" -lcurl ;;
    *) build "$name" $CC "$file" ;;
    esac
done
for folder in examples/*/; do
    name=$(basename "$folder")
    build "$name" $CC "$folder"*.c
    build "${name}_silent" $CC -DAPP_WITHOUT_TRACING -Wno-maybe-uninitialized "$folder"*.c
done
for file in examples/*.cpp; do [ -z "$with_cpp" ] || build "$(basename "$file" .cpp)" $CXX "$file"; done
wait
exec 9>&-

for file in examples/*.c; do
    name=$(basename "$file" .c)
    case $name in
    curl_* | chat)
        if [ -n "$with_curl" ]; then example "$name" usage; else skipped=$((skipped + 1)); fi
        continue ;;
    hello) wanted=greet ;;
    my_exporter) wanted=bytes ;;
    *_service | *_server) wanted="(a server)" ;;       # waits for requests: built only
    *) wanted= ;;
    esac
    example "$name" "$wanted"
done
for folder in examples/*/; do
    name=$(basename "$folder")
    example "$name" "fit polynomial"
    example "${name}_silent" ""
done
for file in examples/*.cpp; do
    if [ -n "$with_cpp" ]; then example "$(basename "$file" .cpp)" ""; else skipped=$((skipped + 1)); fi
done

# The server and its clients: one trace over two processes, each server span the child of the client span that called it.
spans() { # file, name: ids of the spans of that name, "trace span parent" a line
    grep -o '"traceId":"[0-9a-f]*","spanId":"[0-9a-f]*"[^{}]*"name":"[^"]*"' "$1" | grep -F "\"name\":\"$2\"" |
        sed 's/"traceId":"\([0-9a-f]*\)","spanId":"\([0-9a-f]*\)"/\1 \2 /; s/,"parentSpanId":"\([0-9a-f]*\)".*/\1/; s/,.*//'
}

over_two_processes() { # client
    name=$1 out=$TEST_BUILD_DIR
    rm -f "$out/$name.said"       # of an earlier run: it names another port
    OTEL_TRACES_EXPORTER=otlp/stdout "$out/http_server" 0 >"$out/$name.server" 2>"$out/$name.said" &
    server=$!
    tries=0
    until grep -q listening "$out/$name.said" 2>/dev/null || [ $tries -gt 100 ]; do tries=$((tries + 1)); sleep 0.05; done
    at=$(sed -n 's/^listening on //p' "$out/$name.said")
    OTEL_TRACES_EXPORTER=otlp/stdout limited "$out/$name" "$at/item/7" "$at/item/0" "$at/else" >"$out/$name.client" 2>"$out/$name.answers"
    kill -TERM $server
    wait $server || fail "$name" "the server ended with $?" "$out/$name.said"
    spans "$out/$name.client" GET | cut -d' ' -f 1,2 | sort >"$out/$name.calls"
    { spans "$out/$name.server" 'GET /item/{id}'; spans "$out/$name.server" GET; } | cut -d' ' -f 1,3 | sort >"$out/$name.served"
    root=$(spans "$out/$name.client" order)
    if [ "$(wc -l <"$out/$name.calls")" -ne 3 ]; then fail "$name" "does not trace three calls" "$out/$name.client"
    elif ! cmp -s "$out/$name.calls" "$out/$name.served"; then fail "$name" "the server's spans are no children of the client's" "$out/$name.served"
    elif [ "$(cut -d' ' -f 1 "$out/$name.served" | sort -u)" != "${root%% *}" ]; then fail "$name" "more than one trace" "$out/$name.served"
    elif ! grep -q '"price":142' "$out/$name.answers"; then fail "$name" "no answer" "$out/$name.answers"
    else passed=$((passed + 1)); fi
}

over_two_processes http_client
[ ! -x "$TEST_BUILD_DIR/curl_client" ] || over_two_processes curl_client

rm -f "$top/spans.log"
if [ $skipped -eq 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
[ $failed -eq 0 ]
