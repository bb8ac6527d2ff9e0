#!/bin/sh
# Runs every check of this folder: first on its fixtures, where it must find what is wrong there, then on the repository.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#   sh tests/lint/run.sh [name ...]
#
# A check is NAME.sh or NAME.py, called with a directory that is laid out as this repository is. It prints what it found, exits
# 0 (fine), 1 (found something) or 77 (cannot say: a tool is missing) and may print lines beginning with "SKIPPED".
# A fixture is fixtures/NAME or fixtures/NAME-case; each line of its file `expect` must be in what the check prints.
# No check may be without a fixture. A script make.sh in a fixture is run in a copy of it, to make what should not lie about.

set -u
cd "$(dirname "$0")/../.." || exit 2
out=build/lint
rm -rf $out && mkdir -p $out
: "${JOBS:=2}"

say() { printf '%-12s %-26s %s\n' "$@"; }

check() { # script directory: runs it, output in $log, exit status
    case $1 in
    *.py) command -v python3 >/dev/null 2>&1 || { echo "SKIPPED no python3" >"$log"; return 77; }
        PYTHONDONTWRITEBYTECODE=1 python3 "$1" "$2" >"$log" 2>&1 ;;
    *) sh "$1" "$2" >"$log" 2>&1 ;;
    esac
}

show() { cut -c 1-220 "$log" | head -n 25 | sed 's/^/    /'; }

on_fixture() { # script name directory
    label=$(basename "$3")
    copy=$out/$2.fixture
    rm -rf "$copy" && cp -R "$3" "$copy"
    [ ! -f "$copy/make.sh" ] || (cd "$copy" && sh make.sh && rm make.sh)
    check "$1" "$copy"
    status=$?
    case $status in
    1)
        while read -r wanted; do
            grep -qF -- "$wanted" "$log" && continue
            say "$2" "$label" "FAILED: it fails, but does not say: $wanted"
            show
            failed=$((failed + 1))
            return
        done <"$3/expect"
        passed=$((passed + 1)) proofs=$((proofs + 1)) ;;
    77) skipped=$((skipped + 1)); say "$2" "$label" "SKIPPED: $(sed -n 's/^SKIPPED //p' "$log" | head -n 1)" ;;
    0) failed=$((failed + 1)); say "$2" "$label" "FAILED: the check finds nothing wrong with its fixture" ;;
    *) failed=$((failed + 1)); say "$2" "$label" "FAILED: exit status $status"; show ;;
    esac
}

on_repository() { # script name
    check "$1" .
    status=$?
    case $status in
    0) passed=$((passed + 1)); say "$2" "$proofs fixtures caught" "ok$(grep -v '^SKIPPED' "$log" | tail -n 1 | sed 's/^/: /')" ;;
    77) skipped=$((skipped + 1)); say "$2" "$proofs fixtures caught" "SKIPPED: $(sed -n 's/^SKIPPED //p' "$log" | head -n 1)"; return ;;
    1) failed=$((failed + 1)); say "$2" "$proofs fixtures caught" FAILED; show ;;
    *) failed=$((failed + 1)); say "$2" "$proofs fixtures caught" "FAILED: exit status $status"; show ;;
    esac
    parts=$(grep -c '^SKIPPED' "$log")
    [ "$parts" -eq 0 ] || { skipped=$((skipped + parts)); grep '^SKIPPED' "$log" | sed 's/^/    /'; }
}

whole() { # script: says how it went, all at once, and leaves its counts
    passed=0 failed=0 skipped=0 proofs=0 any=
    name=$(basename "${1%.*}")
    log=$out/$name.log
    for fixture in tests/lint/fixtures/"$name" tests/lint/fixtures/"$name"-*; do
        [ -d "$fixture" ] || continue
        any=1
        on_fixture "$1" "$name" "$fixture"
    done
    [ -n "$any" ] || { failed=$((failed + 1)); say "$name" "" "FAILED: it has no fixture that makes it fail"; }
    on_repository "$1" "$name"
    echo "$passed $failed $skipped" >"$out/$name.counts"
}

scripts=
for name in warnings names symbols neighbours readme macros; do                 # what takes longest begins first
    for script in tests/lint/$name.sh tests/lint/$name.py; do [ ! -f "$script" ] || scripts="$scripts $script"; done
done
for script in tests/lint/*.sh tests/lint/*.py; do
    case " $scripts tests/lint/run.sh tests/lint/common.sh " in *" $script "*) ;; *) scripts="$scripts $script" ;; esac
done

mkfifo $out/turns && exec 9<>$out/turns && rm $out/turns || exit 2
for job in $(seq "$JOBS"); do echo; done >&9
begun=
for script in $scripts; do
    name=$(basename "${script%.*}")
    if [ $# -gt 0 ]; then
        case " $* " in *" $name "*) ;; *) continue ;; esac
    fi
    begun="$begun $name"
    read -r job <&9
    { JOBS=1 whole "$script" >"$out/$name.said"; cat "$out/$name.said"; echo >&9; } &
done
wait
passed=0 failed=0 skipped=0
for name in $begun; do
    read -r p f s <"$out/$name.counts" || p=0 f=1 s=0
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
