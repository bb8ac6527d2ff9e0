#!/bin/sh
# Builds and runs the test programs in one or more rows of the matrix of compilers, standards, sanitizers and systems.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#   sh tests/tools/matrix.sh [-v] ROW ...      -v: a line for each program instead of a line for each row
#   sh tests/tools/matrix.sh -l                the names of all rows
#   ONLY="ring fork"                           only programs whose names contain one of these
#   JOBS=2  TEST_TIMEOUT=300  CC=gcc  TEST_CFLAGS=-D...
#
# Programs are tests/test_*.c, test_*.cpp and test_*.sh. A program may say in its first twelve lines
#   /* build: flags */      further flags for the compiler, in every row
#   /* also: plain c++ */   it also runs in `make test` at -O2 without sanitizers; it is C++ as well as C
#   /* not: cross musl: no libcurl there; tsan: ... */   rows or kinds of row it cannot run in, and why: without a reason it runs
#   /* beside: it waits */   with JOBS over 1 it runs beside the others, one such at a time
# and ends its output with "N passed, N failed", perhaps ", N skipped". The environment of a program has CC, TEST_ROW,
# TEST_BUILD_DIR (a directory of its own) and TEST_SCALE (divide long loops by it).

set -u
cd "$(dirname "$0")/../.." || exit 2

NATIVE_ROWS="asan plain gcc-c99-O0 gcc-c11-O2 gcc-c17-O3-lto gcc-c2x gcc-static gcc-c++11 gcc-c++14 gcc-c++17 gcc-c++20
clang-c99-O0 clang-c11-O2 clang-c17-O3-lto clang-c2x clang-c++11 clang-c++14 clang-c++17 clang-c++20
clang-asan gcc-tsan clang-tsan clang-msan musl"
CROSS_ROWS="s390x-gcc glibc-2.17 s390x armhf i386 aarch64 riscv64 windows windows-gcc"
SYSTEM_ROWS="s390x-system s390x-gcc-system aarch64-system armhf-system"
BUILD_ROWS="macos-x86_64 macos-aarch64 freebsd"

all_rows() { echo $NATIVE_ROWS $CROSS_ROWS $SYSTEM_ROWS $BUILD_ROWS; }

verbose=0
case "${1:-}" in
-l) all_rows | tr ' ' '\n'; exit 0 ;;
-v) verbose=1; shift ;;
esac
[ $# -gt 0 ] || { sed -n '2,19p' "$0" | sed 's/^# \{0,1\}//'; exit 2; }
case "$1" in
all) set -- $(all_rows) ;;
native) set -- $NATIVE_ROWS ;;
cross) set -- $CROSS_ROWS $BUILD_ROWS ;;
system) set -- $SYSTEM_ROWS ;;
esac

: "${CC:=cc}" "${JOBS:=2}" "${ONLY:=}" "${TEST_TIMEOUT:=300}"
# What the compilers must not say a word about; "all warnings" is the business of make lint.
WARN="-Wall -Wextra"
SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
ZIG="build/venv/bin/python3 -m ziglang"

# row NAME: sets cc cxx flags libs run tags scale build_only missing
row() {
    cc=$CC cxx=${CXX:-c++} flags= libs=-lm run= tags=$1 scale=1 build_only= missing= exe= emulator=
    case $1 in gcc-*) cc=gcc cxx=g++ ;; clang-*) cc=clang cxx=clang++ ;; esac
    case $1 in gcc-* | clang-*) tags="$tags ${1%%-*}" ;; esac
    case $1 in
    asan) flags="-std=gnu11 -O0 -g1 $SAN" tags="$tags sanitizer" ;;
    plain) flags="-std=gnu11 -O2" ;;
    clang-asan) flags="-std=gnu11 -O1 -g $SAN" tags="$tags asan sanitizer" ;;
    *-tsan) flags="-std=gnu11 -O1 -g -fsanitize=thread" tags="$tags tsan sanitizer" scale=10 ;;
    clang-msan) flags="-std=gnu11 -O1 -g -fsanitize=memory -fno-sanitize-recover=all" tags="$tags msan sanitizer" scale=10 ;;
    coverage) cc=gcc cxx=g++ flags="-std=gnu11 -O0 --coverage -fprofile-update=atomic" scale=4 ;;
    gcc-static) flags="-std=c11 -O2 -DTRACE_CONFIG_STATIC=1" ;;
    *-c++*) flags="-std=${1#*-} -O1" tags="$tags c++" ;;
    *-c2x) flags="-std=c2x -O2" ;;
    *-O3-lto) flags="-std=c17 -O3 -flto=auto" ; [ "$cc" = clang ] && flags="-std=c17 -O3 -flto -fuse-ld=lld" ;;
    gcc-c* | clang-c*) flags="-std=$(echo "$1" | cut -d- -f2) -$(echo "$1" | cut -d- -f3)" ;;
    musl) cc=musl-gcc flags="-std=c99 -O2 -static" tags="$tags static" ;;
    glibc-2.17) zig x86_64-linux-gnu.2.17 ;;
    s390x-gcc | s390x-gcc-system) cc=s390x-linux-gnu-gcc cxx=s390x-linux-gnu-g++ flags="-std=c11 -O2 -static" tags="$tags cross static big-endian" scale=20
        qemu s390x ;;
    s390x | s390x-system) zig s390x-linux-musl -static; qemu s390x; tags="$tags big-endian" ;;
    armhf | armhf-system) zig arm-linux-musleabihf -static; qemu arm; tags="$tags 32-bit" ;;
    i386) zig x86-linux-musl -static; qemu i386; emulator=$run run=; tags="$tags 32-bit" ;;      # by the kernel, where it does that
    aarch64 | aarch64-system) zig aarch64-linux-musl -static; qemu aarch64 ;;
    riscv64) zig riscv64-linux-musl -static; qemu riscv64 ;;
    windows) zig x86_64-windows-gnu; libs="-lm -lws2_32"; exe=.exe; wine ;;
    windows-gcc) cc=x86_64-w64-mingw32-gcc cxx=x86_64-w64-mingw32-g++ flags="-std=c11 -O2 -static"; libs="-lm -lws2_32"; exe=.exe
        tags="$tags windows cross" scale=20; wine ;;
    macos-x86_64) zig x86_64-macos; build_only=1 tags="$tags macos" ;;
    macos-aarch64) zig aarch64-macos; build_only=1 tags="$tags macos" ;;
    freebsd) zig x86_64-freebsd; build_only=1 ;;
    *) echo "matrix.sh: no row named $1; -l lists them" >&2; exit 2 ;;
    esac
    flags="$flags $WARN -pthread ${TEST_CFLAGS:-}"
    [ -n "$missing" ] || have_compiler || missing="$cc cannot build this row here"
}

zig() {
    cc="$ZIG cc -target $1" cxx="$ZIG c++ -target $1" flags="-std=c11 -O2 ${2:-} -fno-sanitize=undefined"
    tags="$tags cross" scale=20
    [ "${2:-}" = -static ] && tags="$tags static musl"
    ZIG_GLOBAL_CACHE_DIR=$PWD/build/zig ZIG_LOCAL_CACHE_DIR=$PWD/build/zig
    export ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
    [ -x build/venv/bin/python3 ] && build/venv/bin/python3 -c 'import ziglang' 2>/dev/null && return
    missing="zig is not installed: make cross-tools"
}

# The rows *-system have a kernel of their own (tests/tools/system.sh); the others borrow this one's, by qemu-user.
qemu() {
    case $name in *-system)
        tags="$tags system" run="sh tests/tools/system.sh $1" SYSTEM_CC="$cc $flags"
        export SYSTEM_CC
        missing=${missing:-$(sh tests/tools/system.sh -m "$1")}
        return ;;
    esac
    tags="$tags qemu"
    if command -v "qemu-$1" >/dev/null 2>&1; then run="qemu-$1"
    elif command -v "qemu-$1-static" >/dev/null 2>&1; then run="qemu-$1-static"
    else missing="${missing:-no qemu-$1 (qemu-user)}"; fi
}

wine() {
    WINEDEBUG=-all WINEPREFIX=$PWD/build/wine
    export WINEDEBUG WINEPREFIX
    if command -v wine64 >/dev/null 2>&1; then run=wine64
    elif [ -x /usr/lib/wine/wine64 ]; then run=/usr/lib/wine/wine64
    elif command -v wine >/dev/null 2>&1; then run=wine
    else build_only=1; fi
}

# Whether this row's compiler builds a program here, and the program runs when it is one of ours to run.
have_compiler() {
    mkdir -p "build/rows/$name"
    printf 'int main(void) { return 0; }\n' >"build/rows/$name/probe.c"
    case $flags in *-std=c++*) probe="$cxx -x c++" ;; *) probe=$cc ;; esac
    $probe $flags "build/rows/$name/probe.c" -o "build/rows/$name/probe$exe" >"build/rows/$name/probe.log" 2>&1 || return 1
    case " $tags " in *" system "*) return 0 ;; esac      # a machine that does not start is a failure
    [ -n "$build_only" ] || $run "build/rows/$name/probe$exe" >>"build/rows/$name/probe.log" 2>&1 && return
    [ -n "$emulator" ] && run=$emulator && $run "build/rows/$name/probe$exe" >>"build/rows/$name/probe.log" 2>&1
}

# note FILE WORD: what the program says after that word in its first lines; of "not" there may be several
note() { sed -n "1,12s|^/\* $2: \(.*\) \*/.*|\1|p; 1,12s|^# $2: \(.*\)|\1|p" "$1"; }

# programs: those that belong to the row
programs() {
    for file in tests/test_*.c tests/test_*.cpp tests/test_*.sh; do
        [ -f "$file" ] || continue
        base=${file#tests/}
        if [ -n "$ONLY" ]; then
            wanted=
            for part in $ONLY; do case $base in *"$part"*) wanted=1 ;; esac; done
            [ -n "$wanted" ] || continue
        fi
        case $file in *.c) also=$(note "$file" also) ;; *) also=c++ ;; esac
        case " $tags " in
        *" c++ "*) case " $also " in *" c++ "*) ;; *) continue ;; esac; case $file in *.sh) continue ;; esac ;;
        *" asan "* | *" plain "*) ;;
        *) case $file in *.sh) continue ;; esac ;;
        esac
        case $name in plain) [ -z "${PLAIN_MARKED:-}" ] || case " $also " in *" plain "*) ;; *) continue ;; esac ;; esac
        echo "$file"
    done
}

# Whether a program cannot run in this row; sets why.
excluded() {
    why=$(note "$1" not | tr ';' '\n' | while IFS=: read -r words reason; do
        for word in $words; do
            case " $tags " in *" $word "*) echo "${reason# }" && exit ;; esac
        done
    done)
    [ -n "$why" ]
}

binary() { echo "build/rows/$name/$(basename "${1%.*}")$exe"; }

build() {
    file=$1 out=$(binary "$1")
    case $file in *.sh) return ;; esac
    if [ -f "$out" ] && [ -z "$(find trace*.h tests examples bench \( -name '*.h' -o -path "$file" \) -newer "$out" 2>/dev/null | head -n 1)" ] &&
        [ "$(cat "$out.flags" 2>/dev/null)" = "$cc $flags $(note "$file" build)" ]; then
        return
    fi
    rm -f "$out"
    std=$flags
    case $file in
    *.cpp) case $flags in *c++*) compiler=$cxx ;; *) compiler=$cxx std=$(echo "$flags" | sed 's/-std=[^ ]*/-std=c++17/') ;; esac ;;
    *.c) case " $tags " in *" c++ "*) compiler="$cxx -x c++" ;; *) compiler=$cc ;; esac ;;
    esac
    echo "$cc $flags $(note "$file" build)" >"$out.flags"
    eval "$compiler $std \$file -o \$out $(note "$file" build) $libs" >"$out.build" 2>&1 || rm -f "$out"
}

limited() {
    if command -v timeout >/dev/null 2>&1; then timeout -k 5 "$((TEST_TIMEOUT * (scale > 1 ? 2 : 1)))" "$@"; else "$@"; fi
}

# count LOG STATUS: reads the closing line, sets p f s
count() {
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?.?$' "$1" | tail -n 1 | tr -d '\r')
    p=0 f=0 s=0
    if [ -n "$line" ]; then
        p=${line%% passed*} f=${line#*, } f=${f%% failed*}
        case $line in *skipped*) s=${line##*, } s=${s%% *} ;; esac
    fi
    if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ "$2" -eq 0 ] && [ -z "$line" ]; then f=1; echo "(no closing line \"N passed, N failed\")" >>"$1"; fi
}

say() { printf '%-18s %-26s %s\n' "$@"; }

result() { if [ "$3" -gt 0 ]; then echo "$1 passed, $2 failed, $3 skipped"; else echo "$1 passed, $2 failed"; fi; }

shown_build() { grep -E 'error|warning|undefined' "$1" | head -n 12 | sed 's/^/    /'; }

shown_log() { tail -n "${SHOW:-25}" "$1" | cut -c 1-250 | sed 's/^/    /'; }

is_beside() { [ -n "$(note "$1" beside)" ]; }

program() { basename "${1%.*}"; }

# run_program FILE: if it was built; what it says and its exit status are left beside the binary
run_program() (
    out=$(binary "$1") TEST_BUILD_DIR=$PWD/${out%.exe}.dir
    rm -f "$out.status"
    case $1 in *.sh) command="sh $1" ;; *) [ -f "$out" ] || exit 0; command="$run $out" ;; esac
    mkdir -p "$TEST_BUILD_DIR"
    CC=$cc TEST_ROW=$name TEST_SCALE=${TEST_SCALE:-$scale} TEST_BUILD_DIR=$TEST_BUILD_DIR limited $command >"$out.log" 2>&1 </dev/null 9>&-
    echo $? >"$out.status"
)

# report FILE: what it said, into the sums of the row
report() {
    out=$(binary "$1") log=$(binary "$1").log
    case $1 in
    *.sh) ;;
    *)
        if [ ! -f "$out" ]; then
            row_f=$((row_f + 1))
            say "$name" "$(program "$1")" "0 passed, 1 failed: does not build"
            shown_build "$out.build"
            return
        fi
        # What a static glibc says of getaddrinfo is the linker's, and nothing can be done about it.
        if [ -s "$out.build" ] && grep 'warning:' "$out.build" | grep -qv 'in statically linked applications'; then
            row_f=$((row_f + 1))
            say "$name" "$(program "$1")" "0 passed, 1 failed: builds with warnings"
            shown_build "$out.build"
        fi
        ;;
    esac
    if [ -n "$build_only" ]; then
        row_p=$((row_p + 1))
        return
    fi
    status=$(cat "$out.status")
    count "$log" "$status"
    row_p=$((row_p + p)) row_f=$((row_f + f)) row_s=$((row_s + s))
    if [ "$f" -gt 0 ]; then
        [ "$status" -ne 124 ] || echo "(stopped after $TEST_TIMEOUT s)" >>"$log"
        say "$name" "$(program "$1")" "$(result "$p" "$f" "$s") (exit status $status)"
        shown_log "$log"
    elif [ $verbose -eq 1 ]; then
        say "$name" "$(program "$1")" "$(result "$p" "$f" "$s")"
        [ "$s" -eq 0 ] || grep '^skipped ' "$log" | sed 's/^/    /'
    fi
}

mkdir -p build/rows
turns=build/rows/turns.$$
mkfifo "$turns" && exec 9<>"$turns" && rm -f "$turns" || exit 2
passed=0 failed=0 skipped=0
for name; do
    mkdir -p "build/rows/$name"
    row "$name"
    if [ -n "$missing" ]; then
        say "$name" SKIPPED "$missing"
        skipped=$((skipped + 1))
        [ "$name" != asan ] || PLAIN_MARKED=          # no sanitizers here: then everything without them
        continue
    fi
    list=$(programs)
    started=$(date +%s)
    for job in $(seq "$JOBS"); do echo; done >&9        # a line in the pipe for each compiler that may run
    for file in $list; do
        excluded "$file" && continue
        read -r job <&9
        { build "$file"; echo >&9; } &
    done
    wait
    for job in $(seq "$JOBS"); do read -r job <&9; done
    row_p=0 row_f=0 row_s=0 number=0 later=
    if [ "$JOBS" -gt 1 ] && [ -z "$build_only" ]; then
        for file in $list; do
            ! is_beside "$file" || excluded "$file" || later="$later $file"
        done
        for file in $later; do run_program "$file"; done &
    fi
    for file in $list; do
        number=$((number + 1))
        case " $later " in *" $file "*) continue ;; esac
        if excluded "$file"; then
            row_s=$((row_s + 1))
            [ $verbose -eq 0 ] || say "$name" "$(program "$file")" "skipped: $why"
            continue
        fi
        [ -n "$build_only" ] || run_program "$file"
        report "$file"
    done
    wait
    for file in $later; do report "$file"; done
    if [ $verbose -eq 0 ]; then
        say "$name" "$number programs${build_only:+, built only}" "$(result $row_p $row_f $row_s), $(($(date +%s) - started)) s"
    fi
    passed=$((passed + row_p)) failed=$((failed + row_f)) skipped=$((skipped + row_s))
done
[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
