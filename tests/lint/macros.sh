#!/bin/sh
# The set of macros after the include grows by TRACE_ and TRACEI_ names (and the two generic setters) only.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh

allowed='^(trace_(curl|sqlite)_[a-z0-9_]+|TRACEI?_[A-Z0-9_]+|trace_set|trace_span_set|TRACE_H_INCLUDED_[0-9A-F]+)$'
standard='#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>'
checked=0

names() { sed -n 's/^#define \([A-Za-z_0-9]*\).*/\1/p' | sort -u; }

leaks() { # header language compiler flags...
    header=$1 language=$2 compiler=$3
    shift 3
    extra=
    [ "$language" = c ] || extra='#include <exception>'
    [ -z "$(library_of "$header")" ] || extra="$extra
#include <$(library_of "$header")>"
    printf '%s\n%s\n' "$standard" "$extra" >"$scratch/before"
    printf '%s\n%s\n#include "%s"\n' "$standard" "$extra" "$(absolute "$header")" >"$scratch/after"
    $compiler -dM -E -x "$language" "$@" "$scratch/before" | names >"$scratch/names_before"
    $compiler -dM -E -x "$language" "$@" "$scratch/after" >"$scratch/all" 2>"$scratch/errors" || {
        complain "$header: does not preprocess ($compiler $*): $(grep -m 1 error "$scratch/errors")"
        return
    }
    names <"$scratch/all" >"$scratch/names_after"
    for name in $(comm -13 "$scratch/names_before" "$scratch/names_after" | grep -Ev "$allowed"); do
        complain "$header: leaks the macro $name ($compiler -x $language $*)"
    done
    checked=$((checked + 1))
}

for header in $(headers); do
    for compiler in $CC clang; do
        have "${compiler%% *}" || continue
        for mode in "" -DTRACE_CONFIG_OFF=1 -DTRACE_CONFIG_LIBRARY=1 -DTRACE_CONFIG_STATIC=1 -DTRACE_CONFIG_SINGLE_THREADED=1; do
            leaks "$header" c "$compiler" -std=c99 $mode
            leaks "$header" c++ "$compiler" -std=c++11 $mode
        done
    done
done
finish "$checked combinations"
