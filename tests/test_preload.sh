#!/bin/sh
# curl(1) and sqlite3(1) under the preloaded libraries, and sqlite3(1) with the loadable extension: what becomes of their transfers
# and statements, what servers are sent, and what must not get out.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
set -u
cd "$(dirname "$0")/.." || exit 2
: "${CC:=cc}" "${TEST_BUILD_DIR:=build/preload_test}"
mkdir -p "$TEST_BUILD_DIR"
unset OTEL_TRACES_EXPORTER OTEL_SDK_DISABLED TRACE_CONSOLE TRACEPARENT
passed=0 failed=0 skipped=0

limited() { if command -v timeout >/dev/null 2>&1; then timeout -k 5 60 "$@"; else "$@"; fi; }
skip() { skipped=$((skipped + 1)); echo "skipped $1: $2"; }
end() {
    if [ $skipped -eq 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
    [ $failed -eq 0 ]
    exit
}

make -s CC="$CC" preload >"$TEST_BUILD_DIR/build.log" 2>&1 || { cat "$TEST_BUILD_DIR/build.log"; echo "0 passed, 1 failed"; exit 1; }
command -v python3 >/dev/null 2>&1 || { skip preload "no python3 for the server and for reading what was exported"; end; }

run() { # name python-check library command...: the check reads the exported spans, and the server's log of requests
    name=$1 check=$2 library=
    [ "$3" = none ] || library=$PWD/build/libtrace_preload_$3.so
    shift 3
    : >"$TEST_BUILD_DIR/requests"
    limited env LD_PRELOAD="$library" OTEL_TRACES_EXPORTER=otlp/stdout "$@" >"$TEST_BUILD_DIR/$name.out" 2>"$TEST_BUILD_DIR/$name.err" </dev/null
    echo $? >"$TEST_BUILD_DIR/status"
    if python3 tests/tools/preload_check.py "$TEST_BUILD_DIR" "$name" "$check" >"$TEST_BUILD_DIR/$name.log" 2>&1; then passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name: $check"
        head -n 20 "$TEST_BUILD_DIR/$name.log" | cut -c 1-400 | sed 's/^/    /'
    fi
}

with_curl() {
    [ -f build/libtrace_preload_curl.so ] || { skip curl "no headers of libcurl"; return; }
    command -v curl >/dev/null 2>&1 || { skip curl "no curl(1)"; return; }
    if command -v ldd >/dev/null 2>&1 && ! ldd "$(command -v curl)" | grep -q libcurl; then skip curl "curl(1) is linked statically"; return; fi
    rm -f "$TEST_BUILD_DIR/port"
    python3 tests/tools/preload_server.py "$TEST_BUILD_DIR" >"$TEST_BUILD_DIR/server.log" 2>&1 &
    server=$!
    trap 'kill $server 2>/dev/null' EXIT
    tries=0
    until [ -s "$TEST_BUILD_DIR/port" ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { failed=$((failed + 1)); echo "FAILED server: it does not start"; cat "$TEST_BUILD_DIR/server.log"; return; }
        sleep 0.05
    done
    url=http://127.0.0.1:$(cat "$TEST_BUILD_DIR/port")

    run get 'one(200) and sent(0).startswith("GET /item") and parents_match()' curl curl -s "$url/item"
    run post 'one(200) and spans[0]["name"] == "POST"' curl curl -s -d a=b "$url/item"
    run parent 'one(200) and spans[0]["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736" and spans[0]["parentSpanId"] == "00f067aa0ba902b7" and parents_match()' \
        curl env TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 curl -s "$url/item"
    run redirect 'codes() == [302, 200] and len(traces()) == 1 and parents_match() and at(1)["http.request.resend_count"] == 1' \
        curl curl -s -L "$url/redirect"
    run several 'codes() == [200, 404, 200] and status == 0 and parents_match() and at(1)["error.type"] == "404"' \
        curl curl -s "$url/a" "$url/status/404" "$url/b"
    run parallel 'sorted(codes()) == [200, 200, 200, 302] and parents_match()' curl curl -s -Z "$url/a" "$url/b" -L "$url/redirect"
    run retry 'codes() == [503, 503, 200] and [at(i).get("http.request.resend_count") for i in range(3)] == [None, 1, 2] and status == 0' \
        curl curl -s --retry 3 --retry-delay 1 "$url/flaky/2"
    run refused 'status == 7 and at(0)["error.type"] == "CURLE_COULDNT_CONNECT" and spans[0]["status"]["code"] == 2' curl curl -s http://127.0.0.1:1/
    run fail 'status == 22 and at(0)["error.type"] == "500"' curl curl -s -f "$url/status/500"
    run headers 'one(200) and "X-Mine: kept" in sent(0) and parents_match()' curl curl -s -H 'X-Mine: kept' "$url/item"
    run digest 'codes() == [401, 200] and not leaks()' curl curl -s --digest -u 'canary:canary' "$url/digest"
    run secrets 'codes() == [302, 200] and not leaks() and at(0)["url.full"].count("REDACTED") == 3' curl curl -s -L -u canary:canary \
        -H 'Authorization: Bearer canary' -H 'X-Api-Key: canary' -b 'session=canary' -d 'password=canary' "http://canary:canary@${url#http://}/redirect?token=canary#canary"
    run console 'not leaks() and "GET" in err and "first_byte" in err' curl env OTEL_TRACES_EXPORTER=console TRACE_CONSOLE=all curl -s "$url/item?sig=canary"
    run disabled 'status == 0 and not spans and "traceparent" not in sent(0)' curl env OTEL_SDK_DISABLED=true curl -s "$url/item"
    run output 'out == "ok\n" and not err and len(requests) == 1' curl env OTEL_TRACES_EXPORTER=none curl -s "$url/item"
    kill $server
    trap - EXIT
    wait $server 2>/dev/null
}

# Not "canary" but in what sqlite3(1) prints itself, which is not looked at here.
with_sqlite() {
    [ -f build/libtrace_preload_sqlite.so ] && [ -f build/trace_sqlite.so ] || { skip sqlite "no headers of SQLite"; return; }
    command -v sqlite3 >/dev/null 2>&1 || { skip sqlite "no sqlite3(1)"; return; }
    if ! ldd "$(command -v sqlite3)" 2>/dev/null | grep -q libsqlite3; then skip sqlite "sqlite3(1) is linked statically"; return; fi
    db=$TEST_BUILD_DIR/shop.db
    rm -f "$db"
    made="CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES ('canary'); SELECT a = 'canary' FROM t;"
    wanted='["CREATE TABLE t", "INSERT t", "SELECT t"]'
    run statements "names()[-3:] == $wanted and not leaks() and at(-1)['db.namespace'] == 'shop.db' and at(-1)['db.response.returned_rows'] == 1" \
        sqlite sqlite3 "$db" "$made"
    run busy_time 'at(-1)["sqlite.busy_time"] > 0 and at(-1)["db.query.text"] == "SELECT ?"' sqlite sqlite3 "$db" "SELECT 1"
    run constraint 'status != 0 and at(-1)["error.type"] == "SQLITE_CONSTRAINT" and at(-1)["db.response.status_code"] == "2067"' \
        sqlite sqlite3 "$db" "INSERT INTO t VALUES ('canary')"
    run syntax 'status != 0 and at(-1)["error.type"] == "SQLITE_ERROR" and at(-1).get("db.query.text") is None' sqlite sqlite3 "$db" "SELECT 'canary' FRO t"
    run sqlite_parent 'all(span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736" for span in spans) and spans' \
        sqlite env TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 sqlite3 "$db" "SELECT 1"
    run traced_by_itself 'names()[-1] == "SELECT t" and out.count("SELECT count(*) FROM t") == 2' sqlite sqlite3 "$db" ".trace stdout" "SELECT count(*) FROM t"
    run virtual '"SELECT f" in names() and len([1 for span in spans if span.get("parentSpanId")]) > 0' \
        sqlite sqlite3 ":memory:" "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES ('canary'); SELECT count(*) FROM f WHERE f MATCH 'canary'"
    rm -f "$db"
    run extension "names()[-3:] == $wanted and not leaks() and at(-1)['db.response.returned_rows'] == 1" none sqlite3 -cmd ".load ./build/trace_sqlite" "$db" "$made"
    run extension_later 'names()[-1] == "SELECT" and at(-1)["db.namespace"] == ":memory:"' none sqlite3 -cmd ".load ./build/trace_sqlite" "$db" ".open :memory:" "SELECT 1"
    rm -f "$db"
}

# A SQLite built without threads has no functions for mutexes: a program that says so must not ask for them.
without_threads() {
    [ -f build/trace_sqlite.so ] || { skip without_threads "no headers of SQLite"; return; }
    command -v nm >/dev/null 2>&1 || { skip without_threads "no nm"; return; }
    printf '#define TRACE_IMPLEMENTATION\n#include "%s/trace_sqlite.h"\n' "$PWD" >"$TEST_BUILD_DIR/without.c"
    for threads in 0 1; do
        $CC -DSQLITE_THREADSAFE=$threads -c "$TEST_BUILD_DIR/without.c" -o "$TEST_BUILD_DIR/without.o"
        count=$(nm -u "$TEST_BUILD_DIR/without.o" | grep -c 'sqlite3_.*mutex')
        if [ $((count > 0)) -eq $threads ] && nm -u "$TEST_BUILD_DIR/without.o" | grep -q sqlite3_step; then passed=$((passed + 1))
        else failed=$((failed + 1)); echo "FAILED without_threads: $count functions of mutexes with SQLITE_THREADSAFE=$threads"; fi
    done
}

with_curl
with_sqlite
without_threads
end
