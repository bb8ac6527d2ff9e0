#!/bin/sh
# The public half declares in fewer than 1,200 lines: from the include guard to the mark >>inline, manual and bodies not counted;
# and no comment has a word alone on a line.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh

for header in $(headers); do
    lines=$(awk '/^#ifndef TRACE_.*INCLUDED/ { on = 1 } /^\/\* >>inline/ || /^#if defined\(TRACE_IMPLEMENTATION\) && .*IMPLEMENTED/ { on = 0 } on { n++ } END { print n + 0 }' "$header")
    [ "$lines" -gt 0 ] || complain "$header: no include guard named TRACE_..._INCLUDED"
    [ "$lines" -lt 1200 ] || complain "$header: $lines lines of declarations, 1,199 are allowed"
    [ "$(basename "$header")" != trace.h ] || report="trace.h declares in $lines lines, $(wc -l <"$header" | tr -d ' ') in all"
done
# A word alone on a line in the middle of a comment's paragraph is what reformatting leaves behind.
for header in $(headers); do
    lone=$(awk 'function indent(s) { match(s, /^ */); return RLENGTH }
        open && length(before) > 110 && word && indent(line) == indent($0) && $0 ~ /[^ ]/ { print NR - 1 ": " line }
        { before = line; line = $0; word = open && $0 ~ /^ *[a-z][a-z,;.:]*$/ && length($0) < 40 && indent(before) <= indent($0) + 3 }
        /\/\*/ { open = 1 } /\*\// { open = 0 }' "$header")
    [ -z "$lone" ] || complain "$header: a word alone on line $lone"
done
finish "${report:-}"
