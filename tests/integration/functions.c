/* functions.c - the tracer for a program built with -finstrument-functions: OTLP on standard output, ledgers at the end on standard error
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#define TRACE_IMPLEMENTATION
#include "../../trace_functions.h"
#include "../../trace_otlp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void ledger(void) {
    trace_stats stats;
    uint64_t dropped = 0;
    const trace_result flushed = trace_flush(60000);
    trace_get_stats(&stats);
    for (int i = 0; i < TRACE_DROP_COUNT; i++) dropped += stats.dropped[i];
    fprintf(stderr, "{\"flush\":\"%s\",\"ended\":%" PRIu64 ",\"exported\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"open\":%" PRIu64 ",\"misused\":%" PRIu64
                    ",\"abandoned\":%" PRIu64 "}\n",
            trace_result_string(flushed), stats.ended, stats.exported, dropped, (uint64_t)stats.open, stats.misused, stats.abandoned);
}

__attribute__((constructor)) static void begin(void) {
    trace_config config;
    memset(&config, 0, sizeof config);
    config.lossless_timeout_ms = 60000;
    if (trace_init(&config) != TRACE_RESULT_OK) abort();
    atexit(ledger);
}
