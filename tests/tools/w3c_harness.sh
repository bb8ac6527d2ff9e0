#!/bin/sh
# The public harness of W3C Trace Context against examples/w3c_service.c: 41 tests, SPEC_LEVEL 2, STRICT_LEVEL 2.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#   W3C_HARNESS=/path/to/trace-context sh tests/tools/w3c_harness.sh     a checkout or a bare repository of w3c/trace-context
#
# Pinned, because later versions change what they expect; nothing of it is kept in this repository. Needs python3 and aiohttp
# (installed below build/). Says SKIPPED when one of them is not to be had.
set -u
cd "$(dirname "$0")/../.." || exit 2
: "${CC:=cc}" "${W3C_HARNESS:=}" "${W3C_COMMIT:=acab820}"
out=build/w3c venv=build/w3c/venv
mkdir -p $out
skip() { echo "SKIPPED $1"; echo "0 passed, 0 failed, 1 skipped"; exit 0; }

[ -n "$W3C_HARNESS" ] || skip "W3C_HARNESS does not name a checkout of w3c/trace-context"
if [ -f "$W3C_HARNESS/test/test.py" ]; then
    test=$W3C_HARNESS/test
else
    git --git-dir="$W3C_HARNESS" rev-parse -q --verify "$W3C_COMMIT^{commit}" >/dev/null 2>&1 || W3C_COMMIT=HEAD
    rm -rf $out/source && mkdir -p $out/source
    git --git-dir="$W3C_HARNESS" archive "$W3C_COMMIT" test | tar -x -C $out/source || skip "no test/ in $W3C_HARNESS"
    test=$out/source/test
fi
if ! [ -x $venv/bin/python ] || ! $venv/bin/python -c 'import aiohttp' 2>/dev/null; then
    python3 -m venv $venv >/dev/null 2>&1 && $venv/bin/pip -q --disable-pip-version-check install aiohttp==3.12.15 >/dev/null 2>&1 ||
        skip "aiohttp is not to be had"
fi
$CC -O1 -Wall -Wextra examples/w3c_service.c -pthread -o $out/service || exit 1
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port) harness=$(free_port)
OTEL_TRACES_EXPORTER=none $out/service "$port" >$out/service.log 2>&1 &
service=$!
trap 'kill $service 2>/dev/null' EXIT
python3 - "$port" <<'END' || exit 1
import socket, sys, time
for _ in range(200):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
        sys.exit(0)
    except OSError:
        time.sleep(0.02)
sys.exit("the service does not listen")
END
PYTHONDONTWRITEBYTECODE=1 HARNESS_HOST=127.0.0.1 HARNESS_PORT="$harness" HARNESS_TIMEOUT=5 SPEC_LEVEL=2 STRICT_LEVEL=2 \
    $venv/bin/python "$test/test.py" "http://127.0.0.1:$port/test" >$out/harness.log 2>&1
status=$?
ran=$(sed -n 's/^Ran \([0-9]*\) tests.*/\1/p' $out/harness.log)
[ $status -eq 0 ] || grep -E '^(FAIL|ERROR):' $out/harness.log
if [ $status -eq 0 ] && [ "${ran:-0}" -ge 41 ]; then echo "$ran passed, 0 failed"; exit 0; fi
tail -n 5 $out/harness.log
echo "$((${ran:-0} - status)) passed, $status failed"
exit 1
