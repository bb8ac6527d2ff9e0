#!/bin/sh
# The presets once more with libcurl, which signs for X-Ray and speaks gRPC; the signature is checked by a second implementation.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
set -u
cd "$(dirname "$0")/.." || exit 2
: "${CC:=cc}" "${TEST_BUILD_DIR:=build/presets_curl}"
mkdir -p "$TEST_BUILD_DIR"
printf '#include <curl/curl.h>\n#include <zlib.h>\nint main(void) { return curl_version() && zlibVersion() ? 0 : 1; }\n' >"$TEST_BUILD_DIR/probe.c"
if ! $CC "$TEST_BUILD_DIR/probe.c" -lcurl -lz -o "$TEST_BUILD_DIR/probe" 2>/dev/null; then
    echo "skipped: no libcurl or no zlib"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
if ! $CC -std=gnu11 -O0 -g -Wall -Wextra -DTRACE_HTTP_CURL -DTRACE_HTTP_ZLIB tests/test_presets.c -pthread -lcurl -lz -o "$TEST_BUILD_DIR/presets"; then
    echo "0 passed, 1 failed"
    exit 1
fi
SIGV4_CAPTURE=$TEST_BUILD_DIR/xray "$TEST_BUILD_DIR/presets" "$@" || exit 1
if command -v python3 >/dev/null 2>&1; then
    python3 tests/oracle/sigv4.py "$TEST_BUILD_DIR/xray" || { echo "0 passed, 1 failed"; exit 1; }
else
    echo "skipped: no python3 to check the signature with"
    echo "0 passed, 0 failed, 1 skipped"
fi
