#!/bin/sh
# What a compiler must refuse, as it could only do harm: each piece below builds without its last line and does not with it.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh
checked=0

refused() { # what language body the line that must not build
    for compiler in $CC clang; do
        have "${compiler%% *}" || continue
        for line in "" "$4"; do
            printf '#include "%s"\nvoid f(int n); void f(int n) { int items[2] = {0, 1}; struct { int x; } pair = {1}; (void)items, (void)pair; %s %s }\n' \
                "$(absolute "$root/trace.h")" "$3" "$line" >"$scratch/x.c"
            if $compiler -x $2 -w -fsyntax-only "$scratch/x.c" 2>"$scratch/errors"; then
                [ -z "$line" ] || complain "trace.h: $compiler -x $2 accepts $1"
            elif [ -z "$line" ]; then complain "trace.h: $compiler -x $2 does not build what comes before $1: $(head -n 1 "$scratch/errors")"; fi
        done
        checked=$((checked + 1))
    done
}

for language in c c++; do
    refused "a jump over TRACE_BLOCK by case" $language 'switch (n) { case 1: ; TRACE_BLOCK("one"); break; } ' 'switch (n) { case 1: ; TRACE_BLOCK("one"); break; case 2: break; }'
    refused "a jump over TRACE_BLOCK by goto" $language 'TRACE_BLOCK("one");' 'if (n) goto past; TRACE_BLOCK("two"); past: ;'
    refused "a pointer that is no text" $language 'trace_set("items", "text");' 'trace_set("items", items);'
    refused "a structure" $language 'trace_set("pair", pair.x);' 'trace_set("pair", pair);'
done
finish "$checked pieces"
