#!/bin/sh
# A program built with -finstrument-functions, its tracer built without, and once more with everything instrumented.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
set -e
out=${TEST_BUILD_DIR:-build}/functions
mkdir -p "$out"
flags="-std=gnu11 -Wall -Wextra -g -O1"
case ${TEST_ROW:-} in *tsan) flags="$flags -fsanitize=thread" ;; musl) flags="$flags -static" ;; esac
${CC:-cc} $flags -c tests/functions/tracer.c -o "$out/tracer.o"
${CC:-cc} $flags -finstrument-functions tests/functions/program.c "$out/tracer.o" -pthread -o "$out/program"
"$out/program"
case ${TEST_ROW:-} in *tsan) exit 0 ;; esac
# Instrumented itself, the library says so once, does not trace itself, and comes to the same results. clang leaves it out by itself.
${CC:-cc} $flags -finstrument-functions tests/functions/program.c tests/functions/tracer.c -pthread -o "$out/whole"
"$out/whole" 2>"$out/log" || { cat "$out/log"; exit 1; }
if ${CC:-cc} --version | grep -q clang; then wanted=0; else wanted=1; fi
[ "$(grep -c 'own functions are instrumented' "$out/log")" = $wanted ] || { cat "$out/log"; echo "0 passed, 1 failed: the log"; exit 1; }
