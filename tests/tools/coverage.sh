#!/bin/sh
# Lines and branches of the headers that the tests reach, all programs together. Lists what none of them reaches below build/.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#   sh tests/tools/coverage.sh [least percentage of branches]
set -u
cd "$(dirname "$0")/../.." || exit 2
for tool in gcc gcov python3; do
    command -v $tool >/dev/null 2>&1 || { echo "coverage: SKIPPED, no $tool"; exit 0; }
done
rm -rf build/rows/coverage
sh tests/tools/matrix.sh coverage
python3 tests/tools/coverage.py build/rows/coverage "${1:-0}"
