/* test_failures_condition.c - test_failures.c once more, waiting as systems without futexes do
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* not: windows macos freebsd: as it is, test_failures.c waits like this there */
#include <sys/syscall.h>
#undef SYS_futex
#include "test_failures.c"
