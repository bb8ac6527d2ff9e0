#!/bin/sh
# Symbols: everything is static or hidden but for one weak versioned name; static mode defines nothing else; off defines nothing;
# a library needs nothing of us; a namespace renames everything else.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
. tests/lint/common.sh
have readelf && have nm || skip_all "no readelf, nm (binutils)"
printf 'int x;\n' >"$scratch/elf.c"
$CC -c "$scratch/elf.c" -o "$scratch/elf.o" && readelf -h "$scratch/elf.o" >/dev/null 2>&1 || skip_all "$CC does not make ELF files"

shared=trace_h_shared_1

object() { # header flags...: compiles to $scratch/x.o
    header=$1
    shift
    printf '%s\n#include "%s"\n' "${before:-}" "$(absolute "$header")" >"$scratch/x.c"
    [ -z "${use:-}" ] || echo "$use" >>"$scratch/x.c"
    $CC -w -fPIC -O0 "$@" -c "$scratch/x.c" -o "$scratch/x.o" 2>"$scratch/errors" && return
    complain "$header: does not compile ($*): $(grep -m 1 error "$scratch/errors")"
    $CC -c -xc /dev/null -o "$scratch/x.o"
}

globals() { # every defined global symbol of x.o: binding visibility name
    readelf -sW "$scratch/x.o" | awk '($5 == "GLOBAL" || $5 == "WEAK" || $5 == "UNIQUE") && $7 != "UND" { print $5, $6, $8 }'
}

for header in $(headers); do
    grep -q TRACE_IMPLEMENTATION "$header" || continue
    before='#define TRACE_IMPLEMENTATION' use=
    object "$header"
    globals >"$scratch/list"
    while read -r binding visibility name; do
        case $name in __cyg_profile_func_enter | __cyg_profile_func_exit) continue ;; esac     # what the compiler calls
        if [ "$name" = $shared ]; then
            [ "$binding $visibility" = "WEAK DEFAULT" ] || complain "$header: $name must be weak and visible, it is $binding $visibility"
            continue
        fi
        case $name in trace_* | tracei_*) ;; *) complain "$header: the global symbol $name lacks the prefix" ;; esac
        [ "$visibility" = HIDDEN ] || complain "$header: the symbol $name is visible from outside"
    done <"$scratch/list"
    if $CC -shared "$scratch/x.o" -pthread -o "$scratch/x.so" 2>"$scratch/link"; then
        for name in $(nm -D --defined-only "$scratch/x.so" | awk '{ print $NF }' | grep -v '^_' | grep -vx $shared); do
            complain "$header: a shared object that carries it exports $name"
        done
    else
        complain "$header: does not link into a shared object: $(head -n 2 "$scratch/link")"
    fi
    object "$header" -DTRACE_CONFIG_STATIC=1
    for name in $(globals | awk '{ print $3 }' | grep -vx $shared | grep -v '^__cyg_profile_func_'); do
        complain "$header: TRACE_CONFIG_STATIC leaves the global symbol $name"
    done
    object "$header" -DTRACE_CONFIG_NAMESPACE=lint_ -finstrument-functions
    for name in $(globals | awk '{ print $3 }' | grep -vx $shared | grep -v '^__cyg_profile_func_' | grep -v '^lint_'); do
        complain "$header: TRACE_CONFIG_NAMESPACE does not rename $name"
    done
    for name in $(sed -n 's/^#define [a-z0-9_]* TRACEI_NAME(\([a-z0-9_]*\)).*/\1/p' "$header" | grep -vx trace_config); do
        globals | awk '{ print $3 }' | grep -qx "lint_$name" || complain "$header: TRACE_CONFIG_NAMESPACE renames $name, which is no symbol"
    done
    before= use='void user(void); void user(void) { TRACE_SPAN("x") trace_span_set_int(trace_span_current(), "k", 1); }'
    object "$header" -DTRACE_CONFIG_OFF=1
    for name in $(globals | awk '{ print $3 }' | grep -vx user); do complain "$header: TRACE_CONFIG_OFF leaves the symbol $name"; done
    object "$header" -DTRACE_CONFIG_LIBRARY=1
    for name in $(globals | awk '{ print $3 }' | grep -vx user | grep -vx $shared); do
        complain "$header: TRACE_CONFIG_LIBRARY leaves the symbol $name"
    done
    for name in $(nm -u "$scratch/x.o" | awk '{ print $NF }' | grep '^trace'); do
        [ "$name" = $shared ] || complain "$header: a library needs $name from the application"
    done
done
finish
