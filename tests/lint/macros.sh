#!/bin/sh
# The set of macros after the include grows by TRACE_ and TRACEI_ names (and the two generic setters) only. Of the private ones of
# a public half those stay that a public macro expands to, or that the implementation or another header uses; of an
# implementation's those that other headers and preload/ use. Both with what these are made of.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh

allowed='^(trace_(curl|sqlite)_[a-z0-9_]+|TRACEI?_[A-Z0-9_]+|trace_set|trace_span_set|TRACE_H_INCLUDED_[0-9A-F]+)$'
standard='#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>'
marks='^TRACEI_([A-Z_]*_(PUBLIC|IMPLEMENTED|NEEDS_TRACE_H)|IMPLEMENTED|GENAI_RECORDING)$'
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
    for other in "$root"/trace*.h; do # what is used later, here or elsewhere
        [ "$other" = "$header" ] && sed -n '/^#if defined(TRACE_IMPLEMENTATION)/,$p' "$header" || cat "$other"
    done | grep -v '^#undef' | grep -oE 'TRACEI_[A-Z0-9_]+' >"$scratch/used"
    sed -n 's/^#define \([A-Za-z_0-9]*\)/\1 /p' "$scratch/all" | awk '
        NR == FNR { reached[$1]; next }
        { body[$1] = $0; if ($1 ~ /^(TRACE_|trace_)/) reached[$1] }
        END {
            do {
                more = 0
                for (name in reached) if (name in body) {
                    text = substr(body[name], length(name) + 1)
                    delete body[name]
                    while (match(text, /TRACEI_[A-Z0-9_]+/)) {
                        inner = substr(text, RSTART, RLENGTH)
                        if (!(inner in reached)) { reached[inner]; more = 1 }
                        text = substr(text, RSTART + RLENGTH)
                    }
                }
            } while (more)
            for (name in body) if (name ~ /^TRACEI_/ && !(name in reached)) print name
        }' "$scratch/used" - | sort >"$scratch/unused"
    for name in $(comm -13 "$scratch/names_before" "$scratch/unused" | grep -Ev "$marks"); do
        complain "$header: leaves the macro $name, which no public macro expands to ($compiler -x $language $*): #undef it"
    done
    checked=$((checked + 1))
}

leavings() { # header compiler: what its implementation leaves defined for nobody
    header=$1 compiler=$2
    library=$(library_of "$header")
    printf '#include <%s>\n' ${library:+"$library"} stddef.h >"$scratch/before"
    { echo '#define TRACE_IMPLEMENTATION'; cat "$scratch/before"; printf '#include "%s"\n' "$(absolute "$header")"; } >"$scratch/after"
    printf '#include "%s"\n' "$(absolute "$header")" >>"$scratch/before"
    $compiler -dM -E -x c -finstrument-functions "$scratch/before" | names >"$scratch/names_before"
    $compiler -dM -E -x c -finstrument-functions "$scratch/after" >"$scratch/all" 2>"$scratch/errors" || {
        complain "$header: the implementation does not preprocess ($compiler): $(grep -m 1 error "$scratch/errors")"
        return
    }
    names <"$scratch/all" | comm -13 "$scratch/names_before" - | grep '^TRACEI_' >"$scratch/new"
    : >"$scratch/wanted"
    for other in "$root"/trace*.h "$root"/preload/*.[ch]; do
        [ ! -f "$other" ] || grep -hoE 'TRACEI_[A-Z0-9_]+' "$other" | sort -u >>"$scratch/wanted"
    done
    sort "$scratch/wanted" | uniq -d >"$scratch/shared"
    for round in 1 2 3; do # and what those expand to
        sed -n 's/^#define \([A-Za-z_0-9]*\)[( ].*/\1 &/p' "$scratch/all" | awk 'NR == FNR { want[$1]; next } $1 in want' "$scratch/shared" - |
            grep -oE 'TRACEI_[A-Z0-9_]+' >>"$scratch/shared" || :
    done
    for name in $(sort -u "$scratch/shared" | comm -23 "$scratch/new" - | grep -Ev "$marks"); do
        complain "$header: the implementation leaves the macro $name, which nobody else uses: #undef it at the end"
    done
    checked=$((checked + 1))
}

for header in $(headers); do
    leavings "$header" "$CC"
    for compiler in $CC clang; do
        have "${compiler%% *}" || continue
        for mode in "" -DTRACE_CONFIG_OFF=1 -DTRACE_CONFIG_LIBRARY=1 -DTRACE_CONFIG_STATIC=1 -DTRACE_CONFIG_SINGLE_THREADED=1; do
            leaks "$header" c "$compiler" -std=c99 $mode
            leaks "$header" c++ "$compiler" -std=c++11 $mode
        done
    done
done
finish "$checked combinations"
