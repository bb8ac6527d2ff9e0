#!/bin/sh
# The public half includes four standard headers and, in C++, <exception>; a companion also what it builds on.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh

direct() { # language header: what the header itself includes, base names
    printf '#include "%s"\n' "$(absolute "$2")" >"$scratch/x"
    $CC -H -E -x "$1" "$scratch/x" 2>&1 >/dev/null | sed -n 's/^\.\. .*\///p' | sort -u
}

for header in $(headers); do
    for language in c c++; do
        for name in $(direct $language "$header"); do
            case $name in
            stdbool.h | stddef.h | stdint.h | string.h) ;;
            exception) [ $language = c++ ] || complain "$header: includes $name" ;;
            trace.h | trace_*.h) [ "$(basename "$header")" != trace.h ] || complain "$header: includes a companion, $name" ;;
            *) [ "$(basename "$(library_of "$header")")" = "$name" ] || complain "$header: its public half includes <$name> ($language)" ;;
            esac
        done
    done
done
finish
