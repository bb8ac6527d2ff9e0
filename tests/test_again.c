/* test_again.c - init, shutdown and init again: what the environment chose is taken up again, and memory does not grow
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* not: windows: no fork */
#include "test.h"

#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"
#include "../trace_zipkin.h"
#include "../trace_jaeger.h"
#include "../trace_otlp_metrics.h"

#include "ledger.h"

/* Nobody listens there, so that each life ends with one attempt that is refused at once. */
#define NOBODY "http://127.0.0.1:1"

static size_t held;               /* of the allocator; atomic, as senders allocate too */

static void *take(void *user, size_t size) {
    void *memory = NULL;
    (void)user;
    if (posix_memalign(&memory, 4096, size) != 0) return NULL;
    __atomic_fetch_add(&held, size, __ATOMIC_ACQ_REL);
    return memory;
}

static void give(void *user, void *memory, size_t size) {
    (void)user;
    __atomic_fetch_sub(&held, size, __ATOMIC_ACQ_REL);
    free(memory);
}

static void keep_quiet(void *user, trace_log_level level, const char *line) { (void)user, (void)level, (void)line; }

static trace_config quiet(void) {
    trace_config config;
    memset((void *)&config, 0, sizeof config);
    config.logger.log_fn = keep_quiet;
    return config;
}

static void one_life(const trace_config *config) {
    CHECK_INT(trace_init(config), TRACE_RESULT_OK);
    TRACE_SPAN("life") {}
    (void)trace_shutdown(10000);
}

typedef struct choice {
    const char *exporters;
    const char *variables[3][2];
} choice;

static void lives(void *user) {
    const choice *const chosen = (const choice *)user;
    const unsigned rounds = (unsigned)test_scaled(90) + 10;
    trace_config config = quiet();
    size_t at_first = 0;
    unsigned i;
    config.allocator.allocate_fn = take;
    config.allocator.release_fn = give;
    setenv("OTEL_TRACES_EXPORTER", chosen->exporters, 1);
    for (i = 0; i < 3 && chosen->variables[i][0]; i++) setenv(chosen->variables[i][0], chosen->variables[i][1], 1);
    for (i = 0; i < rounds; i++) {
        one_life(&config);
        if (i == 2) at_first = __atomic_load_n(&held, __ATOMIC_ACQUIRE);
    }
    CHECK_UINT(__atomic_load_n(&held, __ATOMIC_ACQUIRE), at_first);
}

TEST(memory_is_the_same_after_a_hundred_lives) {
    static const choice choices[] = {
        {"console", {{NULL, NULL}}},
        {"none", {{NULL, NULL}}},
        {"otlp", {{"OTEL_EXPORTER_OTLP_ENDPOINT", NOBODY}}},
        {"otlp", {{"OTEL_EXPORTER_OTLP_ENDPOINT", NOBODY}, {"OTEL_EXPORTER_OTLP_HEADERS", "a=b,c=d"}}},
        {"otlp/stdout", {{NULL, NULL}}},
        {"honeycomb", {{"HONEYCOMB_API_ENDPOINT", NOBODY}, {"HONEYCOMB_API_KEY", "key"}}},
        {"zipkin", {{"OTEL_EXPORTER_ZIPKIN_ENDPOINT", NOBODY}}},
        {"jaeger", {{"OTEL_EXPORTER_JAEGER_PROTOCOL", "udp"}}},
        {"jaeger", {{"OTEL_EXPORTER_JAEGER_ENDPOINT", NOBODY}}},
        {"metrics", {{"TRACE_METRICS_FILE", "/dev/null"}}},
        {"metrics", {{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", NOBODY "/v1/metrics"}}},
        {"console,otlp,zipkin", {{"OTEL_EXPORTER_OTLP_ENDPOINT", NOBODY}, {"OTEL_EXPORTER_ZIPKIN_ENDPOINT", NOBODY}}},
    };
    size_t i;
    for (i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        test_child child = test_fork(lives, (void *)(uintptr_t)&choices[i], LEDGER_TEST_MS);
        if (!CHECK_CHILD(&child, 0)) printf("%s with %s\n", choices[i].exporters, choices[i].variables[0][0]);
        test_child_free(&child);
    }
}

static void *in_force(const trace_config *config) {
    CHECK_INT(trace_init(config), TRACE_RESULT_OK);
    return tracei_exporter_count == 1 ? tracei_exporters[0].exporter.user : NULL;
}

/* With another environment it is another one: that is how a program is pointed elsewhere. */
ISOLATED(another_environment_makes_another_exporter) {
    const trace_config config = quiet();
    void *first, *second;
    setenv("OTEL_TRACES_EXPORTER", "otlp", 1);
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", NOBODY, 1);
    first = in_force(&config);
    CHECK(first != NULL);
    CHECK(in_force(&config) == first); /* goes on: no shutdown in between */
    setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=b", 1);
    second = in_force(&config);
    CHECK(second && second != first);
    setenv("HTTP_PROXY", "http://127.0.0.1:2", 1); /* not ours to read */
    CHECK(in_force(&config) == second);
    setenv("http_proxy", "http://127.0.0.1:2", 1);
    CHECK(in_force(&config) != second);
    unsetenv("http_proxy");
    (void)trace_shutdown(1000);
}

static void in_a_child(void *parents) {
    const trace_config config = quiet();
    void *const mine = in_force(&config);
    CHECK(mine && mine != parents);
    CHECK(in_force(&config) == mine);
    (void)trace_shutdown(1000);
}

/* Where it was not in use when the process forked, nobody told it of the fork. */
ISOLATED(a_child_makes_its_own) {
    static uint64_t room[8192];
    trace_config config = quiet(), other = config;
    void *mine;
    test_child child;
    setenv("OTEL_TRACES_EXPORTER", "zipkin", 1);
    setenv("OTEL_EXPORTER_ZIPKIN_ENDPOINT", NOBODY, 1);
    mine = in_force(&config);
    other.exporters[0] = trace_memory_exporter(room, sizeof room);
    CHECK(in_force(&other) == (void *)room);
    child = test_fork(in_a_child, mine, LEDGER_TEST_MS);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    CHECK(in_force(&config) == mine);
    (void)trace_shutdown(1000);
}

TEST_MAIN()
