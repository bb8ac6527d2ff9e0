#!/bin/sh
# Counts that do not wobble: instructions, mallocs, system calls and bytes per span, against ceilings.txt.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#     bench/counts.sh                       needs valgrind and strace; CC and CFLAGS are respected
#     bench/counts.sh --without TOOL ...    goes without, and says so
set -eu
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
groups="mallocs bytes"
without=

if [ "${1-}" = --without ]; then shift; without=" $* "; fi
uses() { # tool: is it to be used?
    case $without in *" $1 "*) echo "# without $1"; return 1;; esac
    command -v "$1" > /dev/null || { echo "counts.sh: $1 is missing (--without $1 goes on)" >&2; exit 2; }
}

# Instructions of a run of $2 spans of work $1; $3... are more options of callgrind.
instructions() {
    work=$1 count=$2
    shift 2
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" "$out/counts" run "$work" "$count" 2>&1 |
        awk '/Collected :/ { print $4 }'
}

# What N more spans cost: start-up and the first span's page faults cancel out.
per_span() { # name work options...
    name=$1 work=$2 count=20000
    shift 2
    once=$(instructions "$work" $count "$@")
    twice=$(instructions "$work" $((2 * count)) "$@")
    awk -v name="$name" -v once="$once" -v twice="$twice" -v count=$count 'BEGIN {
        if (once == "" || twice == "") exit 1
        printf "%s %.2f instructions/span\n", name, (twice - once) / count }'
}

# System calls between the two marks: all of the process, or those of the thread that made the marks.
system_calls() { # name whose spans command...
    name=$1 whose=$2 spans=$3
    shift 3
    strace -f -o "$out/strace" "$out/counts" "$@"
    awk -v name="$name" -v whose="$whose" -v spans="$spans" '
        /close\(-1001\)/ { inside = 1; marker = $1; next }
        /close\(-1002\)/ { inside = 0; ended = 1; next }
        inside && (whose == "all" || $1 == marker) && !/resumed>/ { calls++ }
        END { if (!ended) exit 1; printf "%s %.6f calls/span\n", name, calls / spans }' "$out/strace"
}

${CC:-cc} ${CFLAGS--O2} -g counts.c -pthread -o "$out/counts"

measure() {
    "$out/counts" mallocs
    "$out/counts" bytes
    if uses valgrind; then
        for work in w0 w2 w5; do
            per_span instructions.record.$work $work --toggle-collect=record_$work
            per_span instructions.all.$work $work          # recording, the pass, and an exporter that counts
        done
    fi
    if uses strace; then
        system_calls syscalls.pumped all 1000000 run w2 1000000
        system_calls syscalls.recording one 1000000 worker 1000000
    fi
}

measure > "$out/figures"
cat "$out/figures"
case $without in *" valgrind "*) ;; *) groups="$groups instructions";; esac
case $without in *" strace "*) ;; *) groups="$groups syscalls";; esac
./ceilings.sh "$out/figures" $groups
