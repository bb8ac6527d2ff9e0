/* functions_tracer.c - the tracer of bench_functions.c: spans are counted and thrown away
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#define TRACE_IMPLEMENTATION
#include "../trace_functions.h"

static trace_result throw_away(void *user, const trace_batch *batch) {
    (void)user, (void)batch;
    return TRACE_RESULT_OK;
}

__attribute__((constructor)) static void begin(void) {
    trace_config config;
    memset(&config, 0, sizeof config);
    config.exporters[0].struct_size = sizeof config.exporters[0];
    config.exporters[0].name = "none";
    config.exporters[0].export_fn = throw_away;
    (void)trace_init(&config);
}
