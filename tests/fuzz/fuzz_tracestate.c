/* fuzz_tracestate.c - the tracestate header
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "fuzz_context.h"

static void fuzz(const char *bytes, size_t size) {
    tracei_propagators_parse("tracecontext");
    fuzz_check_value("tracestate", bytes, size);
}
