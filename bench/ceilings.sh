#!/bin/sh
# Compares figures ("name value unit ...") with ceilings.txt. Fails when one is crossed, or when a figure that has a ceiling is
# not among them: a count that stopped being made is not a count that is low.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#     bench/ceilings.sh figures group ...             groups are first words of names: instructions, mallocs, size, ...
#     bench/ceilings.sh --self-test                   proves that it fails when it should
set -eu
here=$(cd "$(dirname "$0")" && pwd)

compare() { # ceilings figures group...
    ceilings=$1 figures=$2
    shift 2
    awk -v groups=" $* " '
        FNR == 1 { file++ }
        /^#/ || NF == 0 { next }
        file == 1 {
            split($1, part, ".")
            if (NF != 2 || $2 !~ /^[0-9.]+$/) { print "bad line: " $0; bad = 1 }
            else if (index(groups, " " part[1] " ")) ceiling[$1] = $2
            next
        }
        $1 in ceiling {
            seen[$1] = 1
            if ($2 ~ /^[0-9.]+$/ && $2 + 0 <= ceiling[$1] + 0) next
            print "over the ceiling: " $1 " is " $2 ", allowed " ceiling[$1]
            bad = 1
        }
        END {
            for (name in ceiling) if (!(name in seen)) { print "no figure for " name; bad = 1 }
            exit bad
        }' "$ceilings" "$figures" >&2
}

self_test() {
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
    printf '# figures\nsize.a 10 bytes\nsize.b 5 bytes -\nother.c 99 bytes\n' > "$out/figures"
    expect() { # fine|fails ceilings...
        wanted=$1
        shift
        printf '%s\n' "$@" > "$out/ceilings"
        got=fine
        compare "$out/ceilings" "$out/figures" size 2> /dev/null || got=fails
        if [ $got != "$wanted" ]; then echo "ceilings.sh: expected '$wanted' of: $*" >&2; exit 1; fi
    }
    expect fine '# none' 'size.a 10' 'size.b 5.5'
    expect fine 'other.c 1'                    # not in the group asked for
    expect fails 'size.a 9'
    expect fails 'size.a 10' 'size.b 4.9'
    expect fails 'size.missing 1000'
    expect fails 'size.a ten'
    echo "ceilings.sh: 6 of 6 fixtures judged right"
}

if [ "${1-}" = --self-test ]; then
    self_test
elif [ $# -lt 2 ]; then
    echo "usage: ceilings.sh figures group ... | --self-test" >&2
    exit 2
else
    figures=$1
    shift
    compare "$here/ceilings.txt" "$figures" "$@"
fi
