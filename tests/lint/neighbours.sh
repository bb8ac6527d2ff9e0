#!/bin/sh
# The headers live beside others that own names with TRACE in them, included before and after them.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh
CXX=${CXX:-c++}
checked=0

compiles() { # compiler: "$scratch/x"
    case $1 in
    *ziglang*) $1 -c -o "$scratch/x.o" "$scratch/x.$2" ;;
    *) $1 -fsyntax-only "$scratch/x.$2" ;;
    esac 2>"$scratch/errors"
}

beside() { # package compiler extension lines
    package=$1 compiler=$2 extension=$3 neighbour=$4
    have "${compiler%% *}" || { echo "SKIPPED no ${compiler%% *} for $package"; return; }
    printf '%s\n' "$neighbour" >"$scratch/x.$extension"
    compiles "$compiler" "$extension" || { echo "SKIPPED $extension: no headers of $package"; return; }
    for header in $(CC=$compiler headers); do
        case $header in */trace.h) all=1 ;; *) all= ;; esac
        for mode in "" "#define TRACE_IMPLEMENTATION" "#define TRACE_CONFIG_LIBRARY 1" "#define TRACE_CONFIG_OFF 1"; do
            [ -n "$all" ] || [ "$mode" = "#define TRACE_IMPLEMENTATION" ] || continue
            printf '%s\n%s\n#include "%s"\n' "$neighbour" "$mode" "$(absolute "$header")" >"$scratch/x.$extension"
            compiles "$compiler -Werror" "$extension" || complain "$header: after $package ($compiler) $mode: $(grep -m 1 error "$scratch/errors")"
            printf '%s\n#include "%s"\n%s\n' "$mode" "$(absolute "$header")" "$neighbour" >"$scratch/x.$extension"
            compiles "$compiler -Werror" "$extension" || complain "$header: before $package ($compiler) $mode: $(grep -m 1 error "$scratch/errors")"
            checked=$((checked + 2))
        done
    done
}

both() {
    beside "$1" "$CC" c "$2"
    beside "$1" "$CXX" cpp "$2"
}

both curses '#include <curses.h>'
both lttng-ust '#include <lttng/tracepoint.h>
#include <lttng/tracef.h>
#include <lttng/tracelog.h>'
both openssl '#include <openssl/ssl.h>
#include <openssl/trace.h>'
both unixodbc '#include <sql.h>
#include <sqlext.h>'
if [ -x build/venv/bin/python3 ] && build/venv/bin/python3 -c 'import ziglang' 2>/dev/null; then
    ZIG_GLOBAL_CACHE_DIR=$PWD/build/zig ZIG_LOCAL_CACHE_DIR=$PWD/build/zig
    export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
    beside windows "build/venv/bin/python3 -m ziglang cc -target x86_64-windows-gnu -Wno-#warnings" c '#include <windows.h>
#include <evntrace.h>
#include <evntprov.h>'
else
    echo "SKIPPED no zig for windows.h: make cross-tools"
fi
[ $checked -gt 0 ] || skip_all "none of the neighbours is installed"
finish "$checked orders"
