/* test_parallel.c - init, flush, shutdown and reading the statistics, from many threads at once, with an exporter to the network
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* not: windows: POSIX sockets */
#include "test.h"
#include "hostile_server.h"

#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"

#include "ledger.h"

static const hostile_step keep[] = {{HOSTILE_READ, NULL, 0}, {HOSTILE_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_AGAIN, NULL, 0}};
static const hostile_step fickle[] = {{HOSTILE_READ, NULL, 0}, {HOSTILE_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0},
                                      {HOSTILE_READ, NULL, 0}, {HOSTILE_SEND, "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", 0},
                                      {HOSTILE_END, NULL, 0}};

enum { RECORDERS = 3, CALLERS = 3 };

static hostile_server *server;
static trace_config configs[2];              /* the same exporter, everything else different */
static uint32_t logged[2];
static uint32_t over, wrong_answers, inits, shutdowns, flushes;
static uint64_t recorded;

static void count_line(void *user, trace_log_level level, const char *line) {
    (void)level, (void)line;
    __atomic_fetch_add((uint32_t *)user, 1u, __ATOMIC_RELAXED);
}

static void *recording(void *user) {
    static const trace_scope scope = {"parallel.library", "1", NULL};
    (void)user;
    while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
        TRACE_SPAN("outer") {
            char headers[1024];
            TRACE_SPAN("inner", .scope = &scope, .parent = trace_baggage_set(trace_context_current(), "tenant", "acme")) {
                trace_span_set_string(trace_span_current(), "key", "a value that is cut");
                (void)trace_inject_raw(trace_context_current(), headers, sizeof headers);
            }
        }
        __atomic_fetch_add(&recorded, 2u, __ATOMIC_ACQ_REL);
        ledger_nap(200);
    }
    return NULL;
}

/* What these may answer while others are at it; BUSY: a flush that takes longer than trace_init waits. */
static void *calling(void *user) {
    const unsigned calls = (unsigned)test_scaled(1000) / 8 * 8 + 8;
    unsigned i;
    for (i = 0; i < calls; i++) {
        const unsigned number = i * 5 + (unsigned)(uintptr_t)user;       /* each its own order, all of them equally often */
        trace_exporter_stats stats;
        trace_result result;
        switch (number & 7) {
        case 0:
        case 1:
            result = trace_init(&configs[i >> 3 & 1]);
            if (result != TRACE_RESULT_OK && result != TRACE_RESULT_BUSY) __atomic_fetch_add(&wrong_answers, 1u, __ATOMIC_ACQ_REL);
            __atomic_fetch_add(&inits, 1u, __ATOMIC_ACQ_REL);
            break;
        case 2:
            result = trace_shutdown(60000);
            if (result != TRACE_RESULT_OK && result != TRACE_RESULT_FAILED && result != TRACE_RESULT_SHUT_DOWN)
                __atomic_fetch_add(&wrong_answers, 1u, __ATOMIC_ACQ_REL);
            __atomic_fetch_add(&shutdowns, 1u, __ATOMIC_ACQ_REL);
            break;
        case 3:
        case 4:
            result = trace_flush(60000);
            if (result == TRACE_RESULT_TIMEOUT || result == TRACE_RESULT_INVALID) __atomic_fetch_add(&wrong_answers, 1u, __ATOMIC_ACQ_REL);
            __atomic_fetch_add(&flushes, 1u, __ATOMIC_ACQ_REL);
            break;
        case 5: (void)trace_flush(0); break;
        case 6: (void)trace_get_exporter_stats("otlp", &stats); break;
        default: ledger_nap(500);
        }
    }
    return NULL;
}

static uint64_t sum_of(const trace_exporter_stats *stats) {
    uint64_t sum = stats->sent + stats->queued;
    for (int i = 0; i < TRACE_FAILURE_COUNT; i++) sum += stats->failed[i];
    return sum;
}

/* Everything at once for a while; then what is left must be one state, whole: either it is shut down, or spans arrive. */
static void all_at_once(const hostile_step *script) {
    pthread_t threads[RECORDERS + CALLERS];
    trace_exporter_stats stats;
    trace_stats core;
    uint64_t exported = 0;
    trace_result result;
    uint32_t i;
    hostile_script(server, script);
    server->mark = "\"traceId\"";
    hostile_run(server);
    CHECK_INT(trace_init(&configs[0]), TRACE_RESULT_OK);
    for (i = 0; i < RECORDERS; i++) pthread_create(&threads[i], NULL, recording, NULL);
    for (; i < RECORDERS + CALLERS; i++) pthread_create(&threads[i], NULL, calling, (void *)(uintptr_t)(i * 3));
    for (i = RECORDERS; i < RECORDERS + CALLERS; i++) pthread_join(threads[i], NULL);
    __atomic_store_n(&over, 1u, __ATOMIC_RELEASE);
    for (i = 0; i < RECORDERS; i++) pthread_join(threads[i], NULL);
    CHECK_UINT(wrong_answers, 0);

    result = trace_flush(60000);
    trace_get_stats(&core);
    exported = core.exported;
    TRACE_SPAN("afterwards") {}
    recorded++;
    if (result == TRACE_RESULT_SHUT_DOWN) {
        trace_get_stats(&core);
        CHECK_UINT(core.exported, exported);
    } else {
        CHECK_INT(script == keep ? trace_flush(60000) : (trace_flush(60000), 0), TRACE_RESULT_OK);
        trace_get_stats(&core);
        CHECK_UINT(core.exported, exported + 1);
    }
    CHECK_INT(trace_init(&configs[0]), TRACE_RESULT_OK);        /* and whatever it was, it can begin again */
    TRACE_SPAN("begun again") {}
    recorded++;
    result = trace_shutdown(60000);
    if (script == keep) CHECK_INT(result, TRACE_RESULT_OK);

    trace_get_stats(&core);
    CHECK(trace_get_exporter_stats("otlp", &stats));
    CHECK(core.exported > exported);
    CHECK(core.ended <= recorded);                              /* between shutdown and init nothing is */
    CHECK_UINT(core.open, 0);
    CHECK_UINT(core.pending, 0);
    CHECK_UINT(core.misused, 0);
    CHECK_UINT(core.exported + core.sampled_out + core.dropped[TRACE_DROP_SHUTDOWN] + core.dropped[TRACE_DROP_RING_FULL], core.ended);
    CHECK_UINT(stats.received, core.exported);
    CHECK_UINT(stats.queued, 0);
    CHECK_UINT(sum_of(&stats), stats.received);
    hostile_stop(server);
    CHECK(inits && shutdowns && flushes);
    printf("%u inits, %u shutdowns, %u flushes; %llu spans sent, %llu lost by the exporter, %llu mapped\n", inits, shutdowns, flushes,
           (unsigned long long)stats.sent, (unsigned long long)(stats.received - stats.sent), (unsigned long long)core.bytes_mapped);
    CHECK_UINT(server->marks, stats.received);                  /* shutdown delivers: nothing was lost on the way, or came twice */
    CHECK_UINT(stats.sent + stats.failed[TRACE_FAILURE_REJECTED], stats.received);
    CHECK(script == keep ? stats.sent == stats.received : stats.sent < stats.received);
}

static void forget(void *user, const char *text, size_t size) { (void)user, (void)text, (void)size; }

static void with_exporter(const hostile_step *script) {
    trace_console_options console;
    static const char *const tenant[] = {"tenant"};
    static const trace_scope_rule rule = {"parallel.", false, "otlp"};
    trace_otlp_options options;
    char url[64];
    unsigned before;
    server = hostile_start(NULL);
    before = test_descriptors();
    memset(&options, 0, sizeof options);
    memset(configs, 0, sizeof configs);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", server->port);
    options.endpoint = url, options.protocol = TRACE_OTLP_PROTOCOL_HTTP_JSON, options.disable_environment = true;
    options.schedule_delay_ms = 5;
    configs[0].disable_environment = configs[1].disable_environment = true;
    configs[0].exporters[0] = configs[1].exporters[0] = trace_otlp_exporter(&options);
    REQUIRE(configs[0].exporters[0].export_fn != NULL);
    configs[0].logger.log_fn = configs[1].logger.log_fn = count_line;
    configs[0].logger.user = &logged[0], configs[1].logger.user = &logged[1];
    configs[0].service_name = "one", configs[1].service_name = "two";
    configs[1].sampler = trace_sampler_always_on();
    memset(&console, 0, sizeof console);
    console.write_fn = forget;
    configs[1].exporters[1] = trace_console_exporter(&console);
    configs[1].tail_sampling.enabled = true, configs[1].tail_sampling.ratio = 1, configs[1].tail_sampling.wait_ms = 1;
    configs[1].attribute_value_length_limit = 4;
    configs[1].ring_bytes = 1u << 16;
    configs[1].baggage_attributes = tenant, configs[1].baggage_attribute_count = 1;
    configs[1].scope_rules = &rule, configs[1].scope_rule_count = 1;
    all_at_once(script);
    CHECK_UINT(test_descriptors() + 1, before);                       /* the server's own is closed, too */
    hostile_free(server);
}

static void *shutting_down(void *user) {
    *(trace_result *)user = trace_shutdown(60000);
    return NULL;
}

/* Init and shutdown at once have an order: an exporter that was told that it is over gets nothing, one that was not gets what comes. */
ISOLATED(init_against_shutdown) {
    const unsigned rounds = (unsigned)test_scaled(2000);
    static doer one, two;
    trace_config before = ledger_config(doer_exporter(&one, "one")), after = ledger_config(doer_exporter(&two, "two"));
    unsigned stopped = 0, i;
    for (i = 0; i < rounds; i++) {
        trace_result ended = TRACE_RESULT_INVALID, flushed;
        uint32_t spans;
        pthread_t thread;
        bool fine;
        CHECK_INT(trace_init(&before), TRACE_RESULT_OK);
        one.shutdowns = two.shutdowns = 0;
        TRACE_SPAN("before") {}
        pthread_create(&thread, NULL, shutting_down, &ended);
        ledger_nap((unsigned)test_random_below(300));
        fine = CHECK_INT(trace_init(&after), TRACE_RESULT_OK);
        pthread_join(thread, NULL);
        flushed = trace_flush(60000);
        spans = __atomic_load_n(&two.spans, __ATOMIC_ACQUIRE);
        TRACE_SPAN("after") {}
        if (flushed != TRACE_RESULT_SHUT_DOWN) (void)trace_flush(60000);
        fine &= CHECK_INT(ended, TRACE_RESULT_OK);
        fine &= CHECK_UINT(one.shutdowns, 1);
        fine &= CHECK_UINT(two.shutdowns, flushed == TRACE_RESULT_SHUT_DOWN ? 1 : 0);
        fine &= CHECK_UINT(two.spans - spans, flushed == TRACE_RESULT_SHUT_DOWN ? 0 : 1);
        fine &= CHECK_UINT(TRACEI_LOAD(&tracei_use_worker), flushed == TRACE_RESULT_SHUT_DOWN ? 0 : 1);
        stopped += flushed == TRACE_RESULT_SHUT_DOWN;
        if (!fine) break;
    }
    printf("%u rounds, %u ended shut down\n", i, stopped);
    (void)trace_shutdown(60000);
    CHECK_LEDGER();
}

ISOLATED(one_exporter_through_many_lives) { with_exporter(keep); }
ISOLATED(a_server_that_is_not_always_there) { with_exporter(fickle); }

static void *recording_slowly(void *user) {
    uint32_t *const count = (uint32_t *)user;
    while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
        TRACE_SPAN("another") {}
        __atomic_fetch_add(count, 1u, __ATOMIC_ACQ_REL);
        ledger_nap(2000);
    }
    return NULL;
}

/* A server that takes fewer spans than there are: who flushes waits for what was there, not for what comes meanwhile. */
ISOLATED(a_flush_ends_though_spans_keep_coming) {
    static const hostile_step slow[] = {{HOSTILE_READ, NULL, 0}, {HOSTILE_PAUSE, NULL, 10}, {HOSTILE_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_AGAIN, NULL, 0}};
    trace_otlp_options options;
    trace_config config;
    trace_exporter_stats stats;
    char url[64];
    uint32_t count = 0;
    pthread_t thread;
    server = hostile_start(NULL);
    hostile_script(server, slow);
    hostile_run(server);
    memset(&options, 0, sizeof options);
    memset(&config, 0, sizeof config);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", server->port);
    options.endpoint = url, options.max_batch_spans = 1, options.disable_environment = true;
    config.disable_environment = true;
    config.exporters[0] = trace_otlp_exporter(&options);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    pthread_create(&thread, NULL, recording_slowly, &count);
    while (__atomic_load_n(&count, __ATOMIC_ACQUIRE) < 20) ledger_nap(1000);
    CHECK_INT(trace_flush(30000), TRACE_RESULT_OK);
    CHECK(trace_get_exporter_stats("otlp", &stats));
    CHECK(stats.sent >= 20 && stats.queued > 0);                 /* more came meanwhile, and waits */
    __atomic_store_n(&over, 1u, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    CHECK_INT(trace_shutdown(60000), TRACE_RESULT_OK);
    CHECK(trace_get_exporter_stats("otlp", &stats));
    CHECK_UINT(stats.sent, count);
    hostile_stop(server);
    hostile_free(server);
}

/* What was handed to an exporter with a queue is sent, whoever blocks behind it. */
ISOLATED(a_queue_goes_on_while_another_exporter_blocks) {
    static doer one;
    trace_otlp_options options;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_exporter_stats stats;
    char url[64];
    uint64_t deadline = ledger_ms() + 30000;
    server = hostile_start(NULL);
    hostile_script(server, keep);
    hostile_run(server);
    memset(&options, 0, sizeof options);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", server->port);
    options.endpoint = url, options.disable_environment = true, options.schedule_delay_ms = 1;
    config.exporters[1] = config.exporters[0];
    config.exporters[0] = trace_otlp_exporter(&options);
    one.block = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (int i = 0; i < 10; i++) trace_span_end(trace_span_start("x"));
    REQUIRE(ledger_await(&one.inside, 1, 30000));
    do {
        ledger_nap(1000);
        CHECK(trace_get_exporter_stats("otlp", &stats));
    } while ((stats.queued || !stats.sent) && ledger_ms() < deadline);
    CHECK(stats.sent > 0 && stats.queued == 0);
    CHECK_UINT(one.spans, 0);
    __atomic_store_n(&one.block, 0u, __ATOMIC_RELEASE);
    CHECK_INT(trace_flush(30000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 10);
    CHECK(trace_get_exporter_stats("otlp", &stats));
    CHECK_UINT(stats.sent, 10);
    CHECK_INT(trace_shutdown(5000), TRACE_RESULT_OK);
    hostile_stop(server);
    hostile_free(server);
}

/* Each life has an exporter of its own, made by name: its queue is given back at its end. */
ISOLATED(lives_by_environment_cost_little) {
    uint64_t mapped = 0;
    unsigned i;
    setenv("OTEL_TRACES_EXPORTER", "otlp", 1);
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", 1);
    setenv("OTEL_LOG_LEVEL", "none", 1);
    for (i = 0; i < 21; i++) {
        if (!CHECK_INT(trace_init(NULL), TRACE_RESULT_OK)) break;
        TRACE_SPAN("x") {}
        (void)trace_shutdown(5000);
        if (i == 0) mapped = ledger_stats().bytes_mapped;
    }
    CHECK(ledger_stats().bytes_mapped - mapped < 20 * 200000);
}

TEST_MAIN()
