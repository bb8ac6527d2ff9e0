#!/bin/sh
# The public half declares in fewer than 1,200 lines: from the include guard to the mark >>inline, manual and bodies not counted.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh

for header in $(headers); do
    lines=$(awk '/^#ifndef TRACE_.*INCLUDED/ { on = 1 } /^\/\* >>inline/ || /^#if defined\(TRACE_IMPLEMENTATION\) && .*IMPLEMENTED/ { on = 0 } on { n++ } END { print n + 0 }' "$header")
    [ "$lines" -gt 0 ] || complain "$header: no include guard named TRACE_..._INCLUDED"
    [ "$lines" -lt 1200 ] || complain "$header: $lines lines of declarations, 1,199 are allowed"
    [ "$(basename "$header")" != trace.h ] || report="trace.h declares in $lines lines, $(wc -l <"$header" | tr -d ' ') in all"
done
finish "${report:-}"
