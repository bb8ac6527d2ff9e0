#!/bin/sh
# What the header adds to a program, and what it costs to compile: name value unit. Sizes have ceilings; times are only printed.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#     bench/size.sh                         CC is respected
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
CC=${CC:-cc}
header="$(pwd)/../trace.h"

cat > "$out/empty.c" <<'C'
int main(void) { return 0; }
C
cat > "$out/hello.c" <<C
#define TRACE_IMPLEMENTATION
#include "$header"
int main(void) { TRACE_SPAN("hello") { trace_set("greeted", "world"); } return 0; }
C
cat > "$out/standard.c" <<'C'
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
C
cat > "$out/public.c" <<C
#include "$header"
C
cat > "$out/implementation.c" <<C
#define TRACE_IMPLEMENTATION
#include "$header"
C

# Sections in memory (text, data, bss) and bytes on disk of program $1, stripped, with the flags $2.
build() {
    $CC $2 "$out/$1.c" -pthread -o "$out/$1"
    strip -s "$out/$1"
    set -- "$1" $(size "$out/$1" | awk 'NR == 2 { print $1, $2, $3 }') $(wc -c < "$out/$1")
    text=$2 data=$3 bss=$4 file=$5
}

measure() {
    for level in O2 Os; do
        build empty -$level
        empty_text=$text empty_data=$data empty_bss=$bss empty_file=$file
        build hello -$level
        echo "size.$level.file_over_empty $((file - empty_file)) bytes"
        echo "size.$level.text_and_data_over_empty $((text + data - empty_text - empty_data)) bytes"
        echo "size.$level.bss_over_empty $((bss - empty_bss)) bytes"
        build hello "-$level -DTRACE_CONFIG_NO_CONSOLE=1"
        echo "size.$level.without_console.file_over_empty $((file - empty_file)) bytes"
    done
    # As small as flags make it: what the program does not call is left out, and so are the tables for unwinding.
    smallest="-Os -ffunction-sections -fdata-sections -Wl,--gc-sections -fno-asynchronous-unwind-tables"
    build empty "$smallest"
    empty_file=$file
    build hello "$smallest"
    echo "size.smallest.file_over_empty $((file - empty_file)) bytes"
    build hello "$smallest -DTRACE_CONFIG_NO_CONSOLE=1"
    echo "size.smallest.without_console.file_over_empty $((file - empty_file)) bytes"
    build hello "$smallest -DTRACE_CONFIG_NO_CONSOLE=1 -DTRACE_CONFIG_SINGLE_THREADED=1"
    echo "size.smallest.without_console_single_threaded.file_over_empty $((file - empty_file)) bytes"
    # Without threads: all its memory but the stack, the block of TRACE_CONFIG_STATIC_BYTES in it.
    $CC -O2 -DTRACE_CONFIG_SINGLE_THREADED=1 -c "$out/implementation.c" -o "$out/single.o"
    size "$out/single.o" | awk 'NR == 2 { print "static_memory.O2.single_threaded " $2 + $3 " bytes" }'
    $CC -O2 -c ../examples/embedded.c -o "$out/embedded.o"
    size "$out/embedded.o" | awk 'NR == 2 { print "static_memory.O2.embedded_example " $2 + $3 " bytes" }'
    $CC -O2 cputime.c -o "$out/cputime"
    standard=$("$out/cputime" 20 $CC -fsyntax-only "$out/standard.c")
    public=$("$out/cputime" 20 $CC -fsyntax-only "$out/public.c")
    implementation=$("$out/cputime" 3 $CC -O2 -c "$out/implementation.c" -o "$out/implementation.o")
    awk -v standard="$standard" -v public="$public" -v implementation="$implementation" 'BEGIN {
        printf "parse.public_half %.2f ms\n", public - standard
        printf "parse.public_half_with_standard_headers %.2f ms\n", public
        printf "compile.implementation_O2 %.0f ms\n", implementation }'
}

measure > "$out/figures"
cat "$out/figures"
awk '
    function judge(bar) { print "# " ($2 <= bar ? "met " : "MISS") " " $1 ": " $2 " ms, bar <= " bar }
    $1 == "parse.public_half" { judge(15) }
    $1 == "compile.implementation_O2" { judge(2000) }' "$out/figures"
case $($CC --version) in
*clang*) echo "# ceilings: skipped, they are gcc's" ;;
*) ./ceilings.sh "$out/figures" size static_memory ;;
esac
