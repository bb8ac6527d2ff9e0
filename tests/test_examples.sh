#!/bin/sh
# Every example compiles without a warning and runs: exit status 0, no complaint of the library, and the spans that only its right
# behaviour makes.
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

example() { # name, how many traces it makes, then what its output must have: a line that matches each (grep -E)
    name=$1 traces=$2
    if [ ! -x "$TEST_BUILD_DIR/$name" ]; then
        fail "$name" "does not build" "$TEST_BUILD_DIR/$name.build"
        return
    fi
    if [ $# -lt 3 ]; then fail "$name" "nobody says what it must print" /dev/null; return; fi
    shift 2
    (cd "$top" && limited "$TEST_BUILD_DIR/$name") >"$TEST_BUILD_DIR/$name.out" 2>&1 </dev/null
    status=$?
    if [ $status -ne 0 ]; then fail "$name" "exit status $status" "$TEST_BUILD_DIR/$name.out"; return; fi
    if grep -q '^trace\.h: [a-z]*: ' "$TEST_BUILD_DIR/$name.out"; then fail "$name" "the library complains" "$TEST_BUILD_DIR/$name.out"; return; fi
    if [ "$(grep -oE '(· |trace_id=)[0-9a-f]{32}( |$)' "$TEST_BUILD_DIR/$name.out" | grep -oE '[0-9a-f]{32}' | sort -u | wc -l)" -ne "$traces" ]; then
        fail "$name" "does not make $traces traces" "$TEST_BUILD_DIR/$name.out"
        return
    fi
    sed 's/  self [0-9.]* [^ ]*//' "$TEST_BUILD_DIR/$name.out" >"$TEST_BUILD_DIR/$name.plain"       # how fast it was decides
    for wanted; do
        [ -n "$wanted" ] && grep -qE -- "$wanted" "$TEST_BUILD_DIR/$name.plain" && continue
        fail "$name" "does not print: ${wanted:-(nobody says what)}" "$TEST_BUILD_DIR/$name.out"
        return
    done
    passed=$((passed + 1))
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
    my_exporter)
        sed -e 's/ = fork();/ = (trace_pump(0), fork());/' -e 's/fprintf(stderr, "some spans were lost.n");/&\n    _exit(0);/' \
            -e 's/^\( *\)exporter\.\(flush\|fork\)_fn = /\1if (!getenv("LINES_WITHOUT") || strcmp(getenv("LINES_WITHOUT"), "\2") != 0) &/' \
            "$file" >"$TEST_BUILD_DIR/$name.c"
        build "$name" $CC -Iexamples "$TEST_BUILD_DIR/$name.c"
        build my_exporter_as_it_is $CC "$file" ;;
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

# A server waits for requests: whether http_server is right, its clients tell below; w3c_service: make w3c-harness.
only_built() {
    if [ -x "$TEST_BUILD_DIR/$1" ]; then passed=$((passed + 1)); else fail "$1" "does not build" "$TEST_BUILD_DIR/$1.build"; fi
}

for file in examples/*.c; do
    name=$(basename "$file" .c)
    case $name in
    chain) example "$name" 1 ' third · chain' ' second · chain' ' first · chain' '^third process .* parent [0-9a-f]{16}$' ;;
    chat | curl_client) if [ -n "$with_curl" ]; then example "$name" 0 '^usage: '; else skipped=$((skipped + 1)); fi ;;
    embedded) example "$name" 3 'level=info .* span=answer ' 'level=error .* span=frame .* error.type=ChecksumMismatch ' '^8 spans, ' ;;
    event_loop)
        example "$name" 4 ' ECHO  client  client=small$' '└─ reply  bytes=100$' '├─ receive ×[0-9]+ ' '└─ reply ×[0-9]+ ' \
            'ECHO  client  ERROR EchoFailed' 'ECHO  server  ERROR Timeout' ;;
    fork)
        example "$name" 1 ' checksum  file.path=examples/fork.c ' ' checksum  ERROR ENOENT: .*no_such_file' ' program$' \
            '^ .* └─ checksum  file.path=trace.h ' ' fork  children=3  failures=1$' '├─ wait$' '└─ run a program  client$' ;;
    hello) example "$name" 1 ' hello .* greeted=world$' '└─ greet$' ;;
    http_client) only_built "$name" ;;
    logging) example "$name" 1 ' GET /item$' '└─ query$' '"message":"looking","trace_id":"[0-9a-f]{32}","span_id":"' ;;
    longjmp)
        example "$name" 1 '├─ evaluate  expression="1 \+ 2 \* 3"  value=7$' '│  └─ parenthesis  value=21$' \
            '│     └─ parenthesis  abandoned$' '│        └─ parenthesis  abandoned$' 'evaluate  ERROR SyntaxError: division by zero ' ;;
    my_exporter) only_built my_exporter_as_it_is ;;       # below
    thread_pool) example "$name" 1 ' mandelbrot  width=72 ' '├─ draw$' '│  └─ stripe ×24 ' '└─ print_picture$' ;;
    threads) example "$name" 1 '├─ fill$' '├─ sort ' '│  └─ sort part ×4 ' '└─ merge$' ;;
    wordcount) example "$name" 1 '├─ count file ×5 ' '├─ count file  ERROR ENOENT: ' '│  (│  )?└─ merge ' '└─ print_top$' ;;
    *_service | *_server) only_built "$name" ;;
    *) example "$name" ;;
    esac
done
for folder in examples/*/; do
    name=$(basename "$folder")
    example "$name" 3 ' fit polynomial .* points=3$' '└─ solve .* size=4$' '     ├─ eliminate  swaps=1$' '     └─ substitute$' 'ERROR SingularMatrix: '
    example "${name}_silent" 0 '^no polynomial goes through these 4 points$'
done
for file in examples/*.cpp; do
    name=$(basename "$file" .cpp)
    if [ -z "$with_cpp" ]; then skipped=$((skipped + 1)); continue; fi
    case $name in
    cpp) example "$name" 1 '─ measure  consumer  ERROR std::runtime_error: ' \
            '(│| )  └─ read_file  ERROR left by an exception ' '(│| )  └─ entropy  bytes.distinct=' ;;
    *) example "$name" ;;
    esac
done

# The exporter of one's own: in a copy that has lines held back when it forks, and after its flush ends without a word, spans.log has the
# spans of parent and child once each. Then without its fork_fn, and without its flush_fn: that is noticed, or this test would see nothing.
lines() { # "each span once", or what else spans.log has
    rm -f "$lines/spans.log"
    (cd "$lines" && limited "$TEST_BUILD_DIR/my_exporter" two three) >"$TEST_BUILD_DIR/my_exporter.out" 2>&1 </dev/null || { echo "exit status $?"; return; }
    awk '{ spans[$1]++; if (/ fine  add up$/) roots[$1]++; else if (!/ fine  stat$/) odd++ }
        END { for (id in spans) { traces++; if (roots[id] != 1) odd++; if (spans[id] == 5) parent++; if (spans[id] == 6) child++ }
              if (traces == 2 && parent == 1 && child == 1 && !odd) print "each span once"
              else print traces + 0 " traces, " NR " spans" }' "$lines/spans.log"
}

lines=$TEST_BUILD_DIR/lines
mkdir -p "$lines/two" "$lines/three"
touch "$lines/two/1" "$lines/two/2" "$lines/three/1" "$lines/three/2" "$lines/three/3"
if [ ! -x "$TEST_BUILD_DIR/my_exporter" ]; then fail my_exporter "does not build" "$TEST_BUILD_DIR/my_exporter.build"
elif [ "$(lines)" != "each span once" ]; then fail my_exporter "not each span once" "$lines/spans.log"
elif ! grep -q 'bytes in three$' "$TEST_BUILD_DIR/my_exporter.out"; then fail my_exporter "does not add up" "$TEST_BUILD_DIR/my_exporter.out"
elif said=$(LINES_WITHOUT=fork lines) && [ "$said" = "each span once" ]; then fail my_exporter "without fork_fn: $said" "$lines/spans.log"
elif said=$(LINES_WITHOUT=flush lines) && [ "$said" = "each span once" ]; then fail my_exporter "without flush_fn: $said" "$lines/spans.log"
else passed=$((passed + 1)); fi

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

if [ $skipped -eq 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
[ $failed -eq 0 ]
