/* fuzz_xray.c - the X-Amzn-Trace-Id header
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "fuzz_context.h"

static void fuzz(const char *bytes, size_t size) {
    tracei_propagators_parse("xray");
    fuzz_check_value("X-Amzn-Trace-Id", bytes, size);
}
