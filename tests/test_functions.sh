#!/bin/sh
# A program built with -finstrument-functions, and its tracer built without.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
# not: cross windows musl c++ tsan msan clang-c99-O0 gcc-c99-O0
set -e
out=${TEST_BUILD_DIR:-build}/functions
mkdir -p "$out"
flags="-std=gnu11 -Wall -Wextra -g -O1"
${CC:-cc} $flags -c tests/functions/tracer.c -o "$out/tracer.o"
${CC:-cc} $flags -finstrument-functions tests/functions/program.c "$out/tracer.o" -pthread -o "$out/program"
"$out/program"
