#!/bin/sh
# Every push of warnings has its pop, extern "C" its end, and the manual's marks (>>tag) are each defined once.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh

for header in $(headers); do
    awk -v name="$header" '
        function bad(text) { print name ":" NR ": " text; failed = 1 }
        /^[ \t]*#[ \t]*pragma[ \t].*diagnostic[ \t]+push/ || /__pragma\(warning\(push/ || /#pragma warning\(push/ { depth++ }
        /^[ \t]*#[ \t]*pragma[ \t].*diagnostic[ \t]+pop/ || /__pragma\(warning\(pop/ || /#pragma warning\(pop/ { if (--depth < 0) { bad("pops warnings that were never pushed"); depth = 0 } }
        /^[ \t]*#[ \t]*pragma[ \t].*diagnostic[ \t]+ignored/ && depth == 0 { bad("ignores a warning outside push and pop, for the includer too") }
        /^extern "C" \{/ { braces++ }
        /^\}/ && before ~ /^#if.*__cplusplus/ { braces-- }
        { before = $0 }
        END {
            if (depth) bad(depth " pushed warnings are never popped")
            if (braces) bad("extern \"C\" is not closed")
            exit failed
        }' "$header" || found=1
    sed '/^#if defined(TRACE_IMPLEMENTATION) &&.*IMPLEMENTED/,$d' "$header" | grep -o '^/\* >>[a-z_]*' | sort | uniq -d | while read -r tag; do echo "$header: the mark $tag is there twice"; done >"$scratch/twice"
    if [ -s "$scratch/twice" ]; then cat "$scratch/twice"; found=1; fi
done
finish
