#!/bin/sh
# Draws docs/hello.svg and docs/wordcount.svg from what the programs really print.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
set -eu
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || { echo "picture.sh: needs python3" >&2; exit 2; }
mkdir -p build/picture docs
: "${CC:=cc}"

draw() { # name shown-command program
    env -i PATH="$PATH" LC_ALL=C.UTF-8 TERM=xterm-256color python3 tests/tools/on_terminal.py 110 "$3" >build/picture/out
    python3 tests/tools/ansi2svg.py "$2" <build/picture/out >"docs/$1.svg"
    echo "docs/$1.svg: $(wc -l <build/picture/out | tr -d ' ') lines, $(wc -c <"docs/$1.svg" | tr -d ' ') bytes"
}

$CC -O2 examples/hello.c -pthread -o build/picture/hello
$CC -O2 examples/wordcount.c -pthread -o build/picture/wordcount
draw hello "cc hello.c -pthread && ./a.out" build/picture/hello
draw wordcount "build/examples/wordcount" build/picture/wordcount
