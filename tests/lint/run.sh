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
mkdir -p $out
passed=0 failed=0 skipped=0

say() { printf '%-12s %-26s %s\n' "$@"; }

check() { # script directory: runs it, output in $out/log, exit status
    case $1 in
    *.py) command -v python3 >/dev/null 2>&1 || { echo "SKIPPED no python3" >$out/log; return 77; }
        PYTHONDONTWRITEBYTECODE=1 python3 "$1" "$2" >$out/log 2>&1 ;;
    *) sh "$1" "$2" >$out/log 2>&1 ;;
    esac
}

show() { cut -c 1-220 $out/log | head -n 25 | sed 's/^/    /'; }

on_fixture() { # script name directory
    label=$(basename "$3")
    rm -rf "$out/fixture" && cp -R "$3" $out/fixture
    [ ! -f $out/fixture/make.sh ] || (cd $out/fixture && sh make.sh && rm make.sh)
    check "$1" $out/fixture
    status=$?
    case $status in
    1)
        while read -r wanted; do
            grep -qF -- "$wanted" $out/log && continue
            say "$2" "$label" "FAILED: it fails, but does not say: $wanted"
            show
            failed=$((failed + 1))
            return
        done <"$3/expect"
        passed=$((passed + 1)) proofs=$((proofs + 1)) ;;
    77) skipped=$((skipped + 1)); say "$2" "$label" "SKIPPED: $(sed -n 's/^SKIPPED //p' $out/log | head -n 1)" ;;
    0) failed=$((failed + 1)); say "$2" "$label" "FAILED: the check finds nothing wrong with its fixture" ;;
    *) failed=$((failed + 1)); say "$2" "$label" "FAILED: exit status $status"; show ;;
    esac
}

on_repository() { # script name
    check "$1" .
    status=$?
    case $status in
    0) passed=$((passed + 1)); say "$2" "$proofs fixtures caught" "ok$(grep -v '^SKIPPED' $out/log | tail -n 1 | sed 's/^/: /')" ;;
    77) skipped=$((skipped + 1)); say "$2" "$proofs fixtures caught" "SKIPPED: $(sed -n 's/^SKIPPED //p' $out/log | head -n 1)"; return ;;
    1) failed=$((failed + 1)); say "$2" "$proofs fixtures caught" FAILED; show ;;
    *) failed=$((failed + 1)); say "$2" "$proofs fixtures caught" "FAILED: exit status $status"; show ;;
    esac
    parts=$(grep -c '^SKIPPED' $out/log)
    [ "$parts" -eq 0 ] || { skipped=$((skipped + parts)); grep '^SKIPPED' $out/log | sed 's/^/    /'; }
}

for script in tests/lint/*.sh tests/lint/*.py; do
    [ -f "$script" ] || continue
    name=$(basename "${script%.*}")
    case $name in run | common) continue ;; esac
    if [ $# -gt 0 ]; then
        case " $* " in *" $name "*) ;; *) continue ;; esac
    fi
    proofs=0 any=
    for fixture in tests/lint/fixtures/"$name" tests/lint/fixtures/"$name"-*; do
        [ -d "$fixture" ] || continue
        any=1
        on_fixture "$script" "$name" "$fixture"
    done
    [ -n "$any" ] || { failed=$((failed + 1)); say "$name" "" "FAILED: it has no fixture that makes it fail"; }
    on_repository "$script" "$name"
done
[ $skipped -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
