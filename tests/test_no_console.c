/* test_no_console.c - TRACE_CONFIG_NO_CONSOLE: no exporter by default, and whoever asks for the console is told
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"

#define TRACE_CONFIG_NO_CONSOLE 1
#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "ledger.h"

static char said[512];
static void say(void *user, trace_log_level level, const char *message) {
    (void)user, (void)level;
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", message);
}

static trace_stats begin(trace_config *config) {
    trace_stats stats;
    said[0] = '\0';
    config->logger.log_fn = say;
    config->disable_thread = true;
    CHECK_INT(trace_init(config), TRACE_RESULT_OK);
    TRACE_SPAN("outer") { TRACE_SPAN("inner") {} }
    (void)trace_flush(1000);
    CHECK_LEDGER();
    trace_get_stats(&stats);
    return stats;
}

ISOLATED(nothing_is_exported_by_default_and_that_is_counted) {
    trace_config config = {0};
    trace_stats stats;
    unsetenv("OTEL_TRACES_EXPORTER");
    stats = begin(&config);
    CHECK_UINT(stats.dropped[TRACE_DROP_NO_EXPORTER], 2);
    CHECK_UINT(stats.exported, 0);
    CHECK_STR(said, "");
}

ISOLATED(who_asks_for_the_console_is_told) {
    trace_config config = {0};
    setenv("OTEL_TRACES_EXPORTER", "console", 1);
    CHECK_UINT(begin(&config).dropped[TRACE_DROP_NO_EXPORTER], 2);
    CHECK_STR(said, "there is no console exporter: this program was built with TRACE_CONFIG_NO_CONSOLE\n");
    unsetenv("OTEL_TRACES_EXPORTER");
    said[0] = '\0';
    CHECK(!trace_console_exporter(NULL).export_fn);
    CHECK_STR(said, "there is no console exporter: this program was built with TRACE_CONFIG_NO_CONSOLE\n");
}

ISOLATED(other_exporters_work) {
    trace_config config = {0};
    store *const spans = store_make(10);
    setenv("OTEL_TRACES_EXPORTER", "consoel", 1);
    config.exporters[0] = store_exporter(spans);
    CHECK_UINT(begin(&config).exported, 2);
    CHECK_UINT(store_count(spans, "inner", 0), 1);
    memset(&config, 0, sizeof config);
    (void)begin(&config);
    CHECK(strstr(said, "OTEL_TRACES_EXPORTER=consoel ignored: must be one of none; names of backends come with trace_otlp.h\n") != NULL);
}

TEST_MAIN()
