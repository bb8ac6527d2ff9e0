/* fuzz_jaeger.c - the uber-trace-id header
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "fuzz_context.h"

static void fuzz(const char *bytes, size_t size) {
    tracei_propagators_parse("jaeger,tracecontext");
    fuzz_check_value("uber-trace-id", bytes, size);
}
