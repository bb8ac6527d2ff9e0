#!/bin/sh
# What examples print is true: three programs form one trace, and log lines carry the ids of their spans.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
set -u
cd "$(dirname "$0")/.." || exit 2
: "${CC:=cc}" "${TEST_BUILD_DIR:=build/chain_test}"
mkdir -p "$TEST_BUILD_DIR"
passed=0 failed=0
unset OTEL_TRACES_EXPORTER OTEL_SDK_DISABLED OTEL_PROPAGATORS TRACE_CONSOLE TRACEPARENT TRACESTATE BAGGAGE

check() { # what, and a command that must hold
    what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED $what"; fi
}

if [ -e /proc/self/exe ]; then
    $CC -Wall -Wextra -Wpedantic -Werror -O0 examples/chain.c -pthread -o "$TEST_BUILD_DIR/chain" || exit 1
    "$TEST_BUILD_DIR/chain" >"$TEST_BUILD_DIR/chain.out" 2>"$TEST_BUILD_DIR/chain.err"
    check "the chain ends well" [ $? -eq 0 ]
    check "three programs in three processes, one trace, each below the one before" awk '
        { role[NR] = $1; process[$3]; trace[$5]; span[NR] = $7; parent[NR] = $9 }
        END {
            for (p in process) processes++
            for (t in trace) traces++
            exit !(NR == 3 && processes == 3 && traces == 1 && role[1] == "first" && role[2] == "second" && role[3] == "third" &&
                   parent[1] == "none" && parent[2] == span[1] && parent[3] == span[2])
        }' "$TEST_BUILD_DIR/chain.out"
    trace=$(awk 'NR == 1 { print $5 }' "$TEST_BUILD_DIR/chain.out")
    check "each process printed its part of that trace" [ "$(grep -c "$trace" "$TEST_BUILD_DIR/chain.err")" -eq 3 ]
    TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 "$TEST_BUILD_DIR/chain" \
        >"$TEST_BUILD_DIR/chain.out" 2>/dev/null
    check "and all of it goes on with the caller's trace" \
        [ "$(grep -c 'trace 0af7651916cd43dd8448eb211c80319c' "$TEST_BUILD_DIR/chain.out")" -eq 3 ]
fi

$CC -Wall -Wextra -Wpedantic -Werror -O0 examples/logging.c -pthread -o "$TEST_BUILD_DIR/logging" || exit 1
"$TEST_BUILD_DIR/logging" >"$TEST_BUILD_DIR/logging.out" 2>"$TEST_BUILD_DIR/logging.err"
id='[0-9a-f]\{32\}' span='[0-9a-f]\{16\}'
line() { sed -n "$1p" "$TEST_BUILD_DIR/logging.out" | grep -qx "$2"; }
check "JSON without a span" line 1 '{"level":"info","message":"starting"}'
check "JSON" line 2 \
    "{\"level\":\"info\",\"message\":\"looking\",\"trace_id\":\"$id\",\"span_id\":\"$span\",\"trace_flags\":\"03\"}"
check "logfmt" line 3 "level=warn msg=\"slow\" trace_id=$id span_id=$span trace_flags=03"
check "syslog" line 4 "<134>1 - - shop 42 - \[opentelemetry trace_id=\"$id\" span_id=\"$span\" trace_flags=\"03\"\] done"
check "syslog without a span" line 5 "<134>1 - - shop 42 - - leaving"
check "one trace in lines and console" \
    [ "$(grep -oh "$id" "$TEST_BUILD_DIR/logging.out" "$TEST_BUILD_DIR/logging.err" | sort -u | wc -l)" -eq 1 ]
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
