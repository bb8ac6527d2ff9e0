#!/bin/sh
# No warning in any standard, mode or compiler, under the strictest flags: for the includer and for the implementation.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh

common="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual -Wvla -Wformat=2 -Wwrite-strings -Wunused -Werror"
only_c="-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition"
modes="-DLINT_PLAIN -DTRACE_CONFIG_OFF=1 -DTRACE_CONFIG_LIBRARY=1 -DTRACE_CONFIG_SCOPE=(&lint_scope)"
implementation_modes="-DLINT_PLAIN -DTRACE_CONFIG_STATIC=1 -DTRACE_CONFIG_NAMESPACE=lint_ -DTRACE_CONFIG_SINGLE_THREADED=1 -DTRACE_CONFIG_UNLOADABLE=1 -DTRACE_CONFIG_NO_CONSOLE=1 -DTRACE_CONFIG_OFF=1 -DNDEBUG"
checked=0 user=$PWD/tests/lint/user.c

# Up to JOBS compilations at once; what they complain about is gathered at the end, in order.
try() { # what command...
    what=$1
    shift
    checked=$((checked + 1))
    (
        "$@" 2>"$scratch/errors.$checked" && rm -f "$scratch/errors.$checked" && exit
        echo "$what: $(grep -E 'error|warning' "$scratch/errors.$checked" | head -n 4)" >"$scratch/found.$checked"
    ) &
    [ $((checked % ${JOBS:-2})) -ne 0 ] || wait
}

includer() { # header
    for compiler in gcc clang; do
        have $compiler || { [ $compiler = "$CC" ] || echo "SKIPPED no $compiler"; continue; }
        for standard in gnu89 c99 c11 c17 c2x c++11 c++14 c++17 c++20 c++2b; do
            case $standard in
            c++*) flags="$common -x c++ -Wold-style-cast -Wzero-as-null-pointer-constant" ;;
            gnu89) flags="$common $only_c -Wno-long-long -Wno-overlength-strings" ;;
            *) flags="$common $only_c" ;;
            esac
            echo 'int lint_nothing; ' | sed 's/^/extern /' >"$scratch/nothing.c"
            case $standard in c++*) $compiler -std=$standard -x c++ -fsyntax-only "$scratch/nothing.c" 2>/dev/null ;;
            *) $compiler -std=$standard -fsyntax-only "$scratch/nothing.c" 2>/dev/null ;; esac || continue
            case $1:$standard in */trace.h:* | *:c99 | *:c++11 | *:c++2b) some_modes=$modes ;; *) some_modes=-DLINT_PLAIN ;; esac
            for mode in $some_modes; do
                printf '#include "%s"\nextern const trace_scope lint_scope;\n#include "%s"\n' "$(absolute "$1")" "$user" >"$scratch/user.$checked.c"
                try "$1: included, $compiler -std=$standard $mode" \
                    $compiler -std=$standard $flags $mode -DLINT_HEADER="\"$(absolute "$1")\"" -fsyntax-only "$scratch/user.$checked.c"
            done
        done
    done
}

implementation() { # header
    printf '#define TRACE_IMPLEMENTATION\n#include "%s"\n' "$(absolute "$1")" >"$scratch/implementation.c"
    for compiler in gcc clang; do
        have $compiler || continue
        standards="c99 c11 c17 c2x c++11 c++14 c++17 c++20" some_modes=$implementation_modes
        case $1 in */trace.h) ;; *) standards="c99 c++11 c++20" some_modes= ;; esac       # the core has all of it
        for standard in $standards; do
            case $standard in c++*) flags="$common -x c++" ;; *) flags="$common $only_c" ;; esac
            try "$1: implementation, $compiler -std=$standard" $compiler -std=$standard $flags -fsyntax-only "$scratch/implementation.c"
        done
        for mode in $some_modes; do
            try "$1: implementation, $compiler -std=c99 $mode" $compiler -std=c99 $common $only_c $mode -fsyntax-only "$scratch/implementation.c"
        done
    done
}

optimised() { # header...: all of them in one file, for what only the optimiser sees
    { echo '#define TRACE_IMPLEMENTATION'; for one; do echo "#include \"$(absolute "$one")\""; done; } >"$scratch/together.c"
    for compiler in gcc clang; do
        have $compiler || continue
        for level in -O0 -O2 -O3; do
            try "$*: implementation, $compiler $level" $compiler -std=c11 $common $only_c $level -c "$scratch/together.c" -o "$scratch/x.$checked.o"
        done
    done
}

compiled_out() { # file.cpp: what a program has for tracing alone warns neither when that is compiled out
    for compiler in g++ clang++; do
        have $compiler || { echo "SKIPPED no $compiler"; continue; }
        for standard in c++17 c++20; do
            try "$1: compiled out, $compiler -std=$standard" $compiler -std=$standard -Wall -Wextra -Wpedantic -Werror -DTRACE_CONFIG_OFF=1 -fsyntax-only "$1"
        done
    done
}

have gcc || have clang || skip_all "neither gcc nor clang"
all=$(headers)
optimised $all
for header in $all; do
    includer "$header"
    if grep -q TRACE_IMPLEMENTATION "$header"; then implementation "$header"; fi
done
for example in "$root"/examples/*.cpp; do [ ! -f "$example" ] || compiled_out "$example"; done
wait
number=0
while [ $number -lt $checked ]; do
    number=$((number + 1))
    [ ! -f "$scratch/found.$number" ] || complain "$(cat "$scratch/found.$number")"
done
finish "$checked compilations"
