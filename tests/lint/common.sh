# What the checks in shell share; to be sourced. $1 is the directory to check.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

root=${1:?directory}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
found=0
: "${CC:=cc}"

complain() { echo "$@"; found=1; }

have() { command -v "$1" >/dev/null 2>&1; }

skip_all() { echo "SKIPPED $*"; exit 77; }

# What a header instruments and therefore includes, in its public half too.
library_of() { case $(basename "$1") in trace_curl.h) echo curl/curl.h ;; trace_sqlite.h) echo sqlite3.h ;; esac; }

# Those whose library is there; for the others run.sh needs a line.
headers() {
    for candidate in "$root"/trace*.h; do
        [ -f "$candidate" ] || continue
        if [ -n "$(library_of "$candidate")" ] && ! echo "#include <$(library_of "$candidate")>" | $CC -E -xc - >/dev/null 2>&1; then
            echo "SKIPPED $candidate: no $(library_of "$candidate")" >&2
        else echo "$candidate"; fi
    done
}

# include HEADER [lines before]: a translation unit
absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

finish() { [ -z "${1:-}" ] || [ $found -ne 0 ] || echo "$1"; exit $found; }
