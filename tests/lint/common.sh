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

headers() { ls "$root"/trace*.h 2>/dev/null; }

# include HEADER [lines before]: a translation unit
absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

finish() { [ -z "${1:-}" ] || [ $found -ne 0 ] || echo "$1"; exit $found; }
