#!/bin/sh
# Compiled out: the same object code as without the header. Prints one line a compiler and level, fails on a difference.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#     bench/off.sh [compiler ...]           default: those of gcc and clang that are there
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0

# What the linker would put into memory, by section: code, constants, data.
contents() {
    for section in .text .rodata .rodata.str1.1 .data .bss .text.unlikely .init_array; do
        objcopy -O binary --only-section=$section "$1" "$out/section" 2>/dev/null || : > "$out/section"
        printf '%s ' "$section"
        cksum < "$out/section"
    done
    nm "$1" | sed 's/^[0-9a-f ]*//' | sort
}

same_code() { # compiler level flags...
    compiler=$1 level=$2
    shift 2
    "$compiler" $language "$level" "$@" -c off.c -o "$out/with.o"
    "$compiler" $language "$level" -DOFF_WITHOUT_HEADER -c off.c -o "$out/without.o"
    contents "$out/with.o" > "$out/with"
    contents "$out/without.o" > "$out/without"
    cmp -s "$out/with" "$out/without"
}

[ $# -gt 0 ] || for compiler in gcc clang; do
    if command -v $compiler > /dev/null; then set -- "$@" $compiler; fi
done
for compiler in "$@"; do
    for language in "-x c" "-x c++ -std=c++20"; do
        name=$compiler
        case $language in *c++*)
            name=$compiler++
            echo 'int main() {}' | $compiler $language -fsyntax-only - 2> /dev/null || { echo "# $name: skipped, no C++20"; continue; } ;;
        esac
        for level in -O2 -O3 -Os; do
            if same_code "$compiler" $level -DTRACE_CONFIG_OFF=1; then
                echo "compiled_out.$name$level same object_code -"
            else
                echo "compiled_out.$name$level differs object_code -"
                diff "$out/without" "$out/with" | sed 's/^/#   /' || :
                failed=1
            fi
        done
        # The comparison itself: with tracing left in it must see a difference.
        if same_code "$compiler" -O2; then
            echo "off.sh cannot tell code from no code" >&2
            failed=1
        fi
    done
done
exit $failed
