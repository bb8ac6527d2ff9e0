/* test_failures.c - every system call refused, every argument wrong, every clock mad: no crash, no leak, the ledgers exact
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"

/* The Nth thing asked of the system is refused, and all after it when `from_then_on`. */
static uint32_t fail_calls, fail_at, fail_from_then_on;
static const char *fail_what;
static bool fail_now(const char *what) {
    const uint32_t call = __atomic_add_fetch(&fail_calls, 1u, __ATOMIC_ACQ_REL);
    const bool now = fail_at && (fail_from_then_on ? call >= fail_at : call == fail_at);
    if (call == fail_at) fail_what = what;
    return now;
}
#define TRACEI_FAIL(what) fail_now(what)

#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "report_thread_leaks=0"; }     /* by a mad clock, joining takes too long */
#endif

#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "ledger.h"

static void record(const char *name, unsigned count) {
    while (count--) trace_span_end(trace_span_start(name));
}

static unsigned descriptors_open(void) {
#ifdef _WIN32
    DWORD handles = 0;
    return GetProcessHandleCount(GetCurrentProcess(), &handles) ? (unsigned)handles : 0;
#else
    unsigned count = 0;
    int i;
    for (i = 0; i < 200; i++) count += fcntl(i, F_GETFD) != -1;
    return count;
#endif
}

/* --- what the log said --- */

static char logged[4096];
static uint32_t log_lines;

/* The worker's lines come beside the program's. */
static void keep_log(void *user, trace_log_level level, const char *message) {
    static char taken;
    size_t used;
    (void)user, (void)level;
    while (__atomic_test_and_set(&taken, __ATOMIC_ACQUIRE)) {}
    used = strlen(logged);
    snprintf(logged + used, sizeof logged - used, "%s\n", message);
    log_lines++;
    __atomic_clear(&taken, __ATOMIC_RELEASE);
}

static void log_forget(void) {
    logged[0] = '\0';
    log_lines = 0;
}

/* --- what is too much --- */

/* What is longer than the program allowed is cut without a word; beyond what there is room for, the limits are named once. */
ISOLATED(what_does_not_fit_is_told_once) {
    static doer one;
    static char big[300001];
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    unsigned i;
    config.logger.log_fn = keep_log;
    config.disable_thread = true;
    config.attribute_value_length_limit = 100;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    memset(big, 'x', sizeof big - 1);
    TRACE_SPAN("long") { trace_span_set_string(trace_span_current(), "key", big); }
    CHECK_UINT(ledger_stats().truncated, 1);
    CHECK_STR(logged, "");
    config.attribute_value_length_limit = 0;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 3; i++) TRACE_SPAN("longer") { trace_span_set_string(trace_span_current(), "key", big); }
    TRACE_SPAN(big) {}
    CHECK_UINT(ledger_stats().truncated, 5);
    CHECK_UINT(log_lines, 1);
    CHECK_HAS(logged, "A span takes a quarter of ring_bytes, a value half of that, a name 4096 bytes;");
}

/* --- what comes too late --- */

static uint64_t late_clock(void *user) { (void)user; return 1; }
static void late_random(void *user, void *bytes, size_t size) { (void)user; memset(bytes, 1, size); }
static void *late_memory(void *user, size_t size) { (void)user; return ledger_allocate(size); }
static void late_release(void *user, void *memory, size_t size) { (void)user, (void)size; ledger_release(memory); }

/* Each field is named that is not taken over any more; what is given once more is no change. */
ISOLATED(hooks_that_come_after_a_span) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.logger.log_fn = keep_log;
    config.disable_thread = true;
    record("before", 1);
    log_forget();
    config.clock.monotonic_fn = config.clock.unix_fn = late_clock;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_STR(logged, "trace_config.clock ignored: it counts in the first trace_init only, which no span may come before\n");
    config.random.fill_fn = late_random;
    config.allocator.allocate_fn = late_memory;
    config.allocator.release_fn = late_release;
    memset(&config.clock, 0, sizeof config.clock);
    log_forget();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_HAS(logged, "trace_config.random ignored");
    CHECK_HAS(logged, "trace_config.allocator ignored");
    CHECK_UINT(log_lines, 2);
}

ISOLATED(hooks_given_twice) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.logger.log_fn = keep_log;
    config.random.fill_fn = late_random;
    config.allocator.allocate_fn = late_memory;
    config.allocator.release_fn = late_release;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_STR(logged, "");
}

/* --- refusals --- */

static void *other_thread(void *unused) {
    (void)unused;
    record("other", 20);
    return NULL;
}

/* A bit of everything that asks the system for something. */
static void a_whole_life(void) {
    static char text[100000];
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_span open[100];
    trace_context context;
    pthread_t thread;
    unsigned i;
    config.exporters[1] = trace_console_exporter(NULL);
    config.exporters[0].whole_traces = true;
    config.logger.log_fn = keep_log;
    config.disable_environment = false;
    config.service_name = "failing";
    if (!config.exporters[1].export_fn) memset(&config.exporters[1], 0, sizeof config.exporters[1]);
    record("before", 3);
    (void)trace_init(&config);
    memset(text, 'x', sizeof text - 1);
    TRACE_SPAN("root") {
        for (i = 0; i < 100; i++) {
            open[i] = trace_span_start("open");
            if (i % 20 == 0) trace_span_set_string(open[i], "text", text);
        }
        while (i-- > 0) trace_span_end(open[i]);
    }
    if (trace_context_parse(&context, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=value")) {
        context = trace_baggage_set(context, "key", "value");
        TRACE_WITH(context) { TRACE_SPAN("with", .scope = &(trace_scope){"scope", "1", NULL}) {} }
    }
    if (pthread_create(&thread, NULL, other_thread, NULL) == 0) pthread_join(thread, NULL);
    (void)trace_flush(1000);
    (void)trace_init(&config);
    record("again", 10);
    (void)trace_flush(1000);
    CHECK_LEDGER();
    (void)trace_shutdown(1000);
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_LEDGER();
}

static uint32_t read_calls(void) { return __atomic_load_n(&fail_calls, __ATOMIC_ACQUIRE); }

static void refuse(void *unused) {
    const unsigned before = descriptors_open();
    trace_stats stats;
    (void)unused;
    a_whole_life();
    printf("%u calls", (unsigned)read_calls());
    fail_at = 0;
    stats = ledger_stats();
    CHECK_UINT(descriptors_open(), before);
    CHECK(stats.started + stats.refused + stats.sampled_out >= stats.ended);
    CHECK(stats.misused == 0);
}

/* Each of them, until none is left; how many there are differs with how many threads find work. */
TEST(every_call_refused) {
    unsigned mode;
    for (mode = 0; mode < 2; mode++) {
        unsigned n, calls = 0u - 1;
        for (n = 1; n <= calls; n++) {
            test_child child;
            uint64_t since = ledger_ms();
            fail_calls = 0;
            fail_at = n;
            fail_from_then_on = mode;
            child = test_fork(refuse, NULL, 20000);
            if (!CHECK_CHILD(&child, 0)) fprintf(stderr, "    (call %u refused%s)\n", n, mode ? ", and all after it" : "");
            if (*child.out) calls = (unsigned)strtoul(child.out, NULL, 10);
            CHECK(ledger_ms() - since < 6000);
            test_child_free(&child);
        }
        CHECK(n > 20);
    }
    fail_at = 0;
}

/* The user's allocator, with a budget. */
static size_t allocator_left;
static uint32_t allocations, releases;

static void *allocate(void *user, size_t size) {
    void *memory;
    (void)user;
    if (size > allocator_left) return NULL;
    allocator_left -= size;
    memory = ledger_allocate(size);
    if (!memory) return NULL;
    memset(memory, 0xa5, size);                  /* not zeroed */
    allocations++;
    return memory;
}

static void release(void *user, void *memory, size_t size) {
    (void)user;
    allocator_left += size;
    releases++;
    ledger_release(memory);
}

static void with_budget(void *user) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    unsigned i;
    allocator_left = *(const size_t *)user;
    config.allocator.allocate_fn = allocate;
    config.allocator.release_fn = release;
    config.logger.log_fn = keep_log;
    config.ring_bytes = 4096;
    config.disable_thread = true;
    (void)trace_init(&config);
    for (i = 0; i < 10; i++) {
        TRACE_SPAN("root") {
            TRACE_SPAN ("child") {
                trace_span_set_string(trace_span_current(), "key",
                                      "a value of some length, that does not fit and does not fit and does not fit");
            }
        }
        (void)trace_flush(1000);
    }
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_LEDGER();
    CHECK_UINT(one.spans, ledger_stats().exported);
    CHECK(allocator_left + ledger_stats().bytes_mapped >= *(const size_t *)user);
    (void)trace_shutdown(1000);
}

TEST(budgets) {
    size_t budget;
    for (budget = 0; budget < 400000; budget += budget < 100000 ? 4096 : 65536) {
        test_child child = test_fork(with_budget, &budget, 10000);
        CHECK_CHILD(&child, 0);
        test_child_free(&child);
    }
}

ISOLATED(max_open_spans) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_span open[100];
    unsigned i;
    config.max_open_spans = 32;
    config.logger.log_fn = keep_log;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 100; i++) open[i] = trace_span_start("open");
    CHECK_UINT(ledger_stats().open, 32);
    CHECK_UINT(ledger_stats().refused, 68);
    CHECK_UINT(log_lines, 1);
    for (i = 0; i < 100; i++) trace_span_end(open[i]);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 32);
    CHECK_LEDGER();
}

/* --- misuse --- */

ISOLATED(handles) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_attribute attribute = TRACE_ATTR_INT("key", 1);
    trace_span span, zero, other;
    uint64_t misused;
    unsigned i;
    config.logger.log_fn = keep_log;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    span = trace_span_start("x");
    trace_span_end(span);
    trace_span_end(span);                        /* double end */
    CHECK_UINT(ledger_stats().misused, 1);
    CHECK_UINT(log_lines, 1);
    other = trace_span_start("y");               /* has its slot now */
    trace_span_end(span);
    trace_span_end_at(span, 1);
    trace_span_set_int(span, "key", 1);
    trace_span_set_string(span, "key", "value");
    trace_span_set_attribute(span, attribute);
    trace_span_set_ints(span, "key", NULL, 0);
    trace_span_set_name(span, "name");
    trace_span_set_status(span, TRACE_STATUS_ERROR, "no");
    trace_span_add_event(span, "event", &attribute, 1);
    trace_span_add_link(span, trace_context_current(), NULL, 0);
    trace_span_record_error(span, "Type", "message");
    trace_span_record_errno(span, ENOENT);
    CHECK(!trace_span_is_recording(span));
    CHECK(!trace_context_is_valid(trace_span_context(span)) && trace_span_context(span).is_explicit);
    TRACE_WITH_SPAN(span) {}
    misused = ledger_stats().misused;
    CHECK(misused >= 14);
    CHECK_UINT(log_lines, 1);                    /* said once */
    CHECK(trace_span_is_recording(other));
    trace_span_end(other);
    memset(&zero, 0, sizeof zero);
    trace_span_end(zero);
    trace_span_set_int(zero, "key", 1);
    CHECK_UINT(ledger_stats().misused, misused + 2);
    for (i = 0; i < 100000; i++) {               /* invented */
        trace_span invented;
        test_random_bytes(&invented, sizeof invented);
        if (i % 3) invented.slot %= 64;
        if (i % 3 == 2) invented.generation %= 8;
        if (i % 7 == 0) invented.id = 0;
        switch (i % 5) {
        case 0: trace_span_end(invented); break;
        case 1: trace_span_set_int(invented, "key", 1); break;
        case 2: trace_span_add_event(invented, "event", NULL, 0); break;
        case 3: CHECK(!trace_span_is_recording(invented)); break;
        default: trace_detach(trace_attach_span(invented)); break;
        }
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 2);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_LEDGER();
}

static uint32_t seen_spans;
static size_t seen_attributes, seen_largest;

static trace_result read_all(void *user, const trace_batch *batch) {
    size_t i, j;
    (void)user;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        seen_spans++;
        CHECK(span->end_unix_ns >= span->start_unix_ns);
        for (j = 0; j < span->attribute_count; j++) {
            const trace_attribute *const attribute = &span->attributes[j];
            const trace_string text = attribute->value.as.string;
            CHECK(attribute->key.size > 0);
            if (attribute->value.type == TRACE_TYPE_STRING && text.size) {
                volatile char sum = (char)(text.data[0] + text.data[text.size - 1]);
                (void)sum;
                if (text.size > seen_largest) seen_largest = text.size;
            }
        }
        seen_attributes += span->attribute_count;
    }
    return TRACE_RESULT_OK;
}

static trace_exporter reader(void) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "one";
    exporter.export_fn = read_all;
    return exporter;
}

ISOLATED(arguments) {
    const size_t huge = 100u << 20;
    char *const text = (char *)malloc(huge + 1);
    trace_config config = ledger_config(reader());
    trace_attribute bad[4];
    trace_span_options options;
    const char *strings[3];
    trace_span span;
    size_t i;
    if (!text) return;
    memset(text, 'x', huge);
    text[huge] = '\0';
    config.logger.log_fn = keep_log;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    trace_span_end(trace_span_start(NULL));
    trace_span_end(trace_span_start(""));
    trace_span_end(trace_span_start(text));
    trace_span_end(trace_span_start_with(NULL, NULL));
    span = trace_span_start("x");
    trace_span_set_string(span, NULL, "value");
    trace_span_set_string(span, "", "value");
    trace_span_set_string(span, text, "value");
    CHECK_UINT(log_lines, 2);                    /* of the name, and of keys */
    trace_span_set_string(span, "null", NULL);
    trace_span_set_string_n(span, "null too", NULL, 100);
    trace_span_set_string_n(span, "empty", "", 0);
    trace_span_set_bytes(span, "no bytes", NULL, 100);
    trace_span_set_json(span, "no json", NULL);
    trace_span_set_strings(span, "no strings", NULL, 3);
    strings[0] = NULL;
    strings[1] = "";
    strings[2] = text;
    trace_span_set_strings(span, "strings", strings, 3);
    trace_span_set_string(span, "huge", text);
    trace_span_set_bytes(span, "huge bytes", text, huge);
    trace_span_set_name(span, NULL);
    trace_span_set_name(span, "");
    trace_span_set_name(span, text);
    trace_span_set_status(span, (trace_status)77, "no");
    trace_span_set_status(span, TRACE_STATUS_ERROR, NULL);
    trace_span_set_status(span, TRACE_STATUS_ERROR, text);
    trace_span_add_event(span, NULL, NULL, 3);
    trace_span_add_event(span, text, NULL, 0);
    trace_span_add_event_at(span, "", NULL, 0, UINT64_MAX);
    memset(bad, 0, sizeof bad);
    bad[0].value.type = (trace_type)99;
    bad[1] = TRACE_ATTR_STRING("key", NULL);
    bad[1].value.type = TRACE_TYPE_STRING;
    bad[2] = TRACE_ATTR_INT("key", 3);
    bad[2].value.type = TRACE_TYPE_ARRAY;        /* of no items */
    bad[2].value.as.array.items = NULL;
    bad[2].value.as.array.count = 1000;
    bad[3] = TRACE_ATTR_STRING("huge", text);
    for (i = 0; i < 4; i++) trace_span_set_attribute(span, bad[i]);
    trace_span_add_event(span, "event", bad, 4);
    trace_span_add_link(span, trace_context_current(), bad, 4);
    trace_span_record_error(span, NULL, NULL);
    trace_span_record_error(span, text, text);
    trace_span_record_errno(span, -12345);
    memset(&options, 0, sizeof options);
    options.struct_size = 3;
    trace_span_end(trace_span_start_with("old caller", &options));
    options.struct_size = SIZE_MAX;
    options.kind = (trace_kind)1000;
    options.attributes = bad;
    options.attribute_count = 4;
    options.start_unix_ns = UINT64_MAX;
    trace_span_end_at(trace_span_start_with("odd", &options), 1);
    trace_get_stats(NULL);
    CHECK(!trace_get_exporter_stats(NULL, NULL));
    trace_span_end(span);
    CHECK(trace_memory_get(NULL, NULL, 0) == 0);
    trace_memory_clear(NULL);
    CHECK(trace_memory_exporter(NULL, 100000).export_fn == NULL);
    CHECK(trace_memory_exporter(text, 10).export_fn == NULL);
    CHECK_STR(trace_result_string((trace_result)1234), "unknown result");
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(seen_spans, 7);
    CHECK(seen_largest > 1000 && seen_largest < 1u << 20);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_LEDGER();
    free(text);
}

/* Attributes without end: the span keeps to its bounds, and is delivered. */
ISOLATED(too_much_of_everything) {
    trace_config config = ledger_config(reader());
    char key[32];
    unsigned i, j;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (j = 0; j < 3; j++) {
        TRACE_SPAN("full") {
            for (i = 0; i < 100000; i++) {
                snprintf(key, sizeof key, "key %u", j == 0 ? i : i % 10);
                trace_span_set_string(trace_span_current(), key, "a value");
                if (j == 2) trace_event("event");
            }
        }
    }
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(seen_spans, 3);
    CHECK_UINT(seen_attributes, 128 + 10 + 10);
    CHECK(ledger_stats().bytes_mapped < 32u << 20);
    CHECK_LEDGER();
}

/* --- configurations --- */

typedef struct wrong_field {
    const char *field;
    void (*spoil)(trace_config *config);
} wrong_field;

static void spoil_first(trace_config *c) { c->reserved_first = 0xa5a5a5a5u; }
static void spoil_last(trace_config *c) { c->reserved_last = 1; }
static void spoil_ring(trace_config *c) { c->ring_bytes = 5000; }
static void spoil_ring_small(trace_config *c) { c->ring_bytes = 2048; }
static void spoil_ring_large(trace_config *c) { c->ring_bytes = 1u << 31; }
static void spoil_open(trace_config *c) { c->max_open_spans = 15; }
static void spoil_open_many(trace_config *c) { c->max_open_spans = 262145; }
static void spoil_trace_bytes(trace_config *c) { c->max_trace_bytes = 65535; }
static void spoil_clock(trace_config *c) { c->clock.unix_fn = (uint64_t (*)(void *))(uintptr_t)&spoil_clock; }
static void spoil_allocator(trace_config *c) { c->allocator.release_fn = release; }
static void spoil_level(trace_config *c) { c->log_level = (trace_log_level)77; }
static void spoil_resource(trace_config *c) { c->resource_attribute_count = 3; }
static void spoil_exporter(trace_config *c) { c->exporters[1].struct_size = sizeof(trace_exporter); }
static void spoil_exporter_behind(trace_config *c) {
    c->exporters[2] = c->exporters[0];
    memset((void *)&c->exporters[0], 0, sizeof c->exporters[0]);
}
static void spoil_exporter_gap(trace_config *c) { c->exporters[TRACE_EXPORTERS_MAX - 1] = c->exporters[0]; }
static void spoil_exporter_size(trace_config *c) { c->exporters[0].struct_size = 100000; }
static void spoil_exporter_zero(trace_config *c) { c->exporters[0].struct_size = 0; }

static void spoil_exporter_named(trace_config *c) {
    memset((void *)&c->exporters[0], 0, sizeof c->exporters[0]);
    c->exporters[0].name = "forgotten";
}

/* Made with an error is not as if it were not there, which would mean the default. */
static void spoil_console(trace_config *c) {
    trace_console_options options;
    memset((void *)&options, 0, sizeof options);
    options.color = (trace_choice)3;
    c->exporters[0] = trace_console_exporter(&options);
}

static void spoil_memory(trace_config *c) { c->exporters[0] = trace_memory_exporter(NULL, 100000); }

ISOLATED(configurations) {
    static const wrong_field wrong[] = {{"reserved_first", spoil_first},
                                        {"reserved_last", spoil_last},
                                        {"ring_bytes", spoil_ring},
                                        {"ring_bytes", spoil_ring_small},
                                        {"ring_bytes", spoil_ring_large},
                                        {"max_open_spans", spoil_open},
                                        {"max_open_spans", spoil_open_many},
                                        {"max_trace_bytes", spoil_trace_bytes},
                                        {"clock", spoil_clock},
                                        {"allocator", spoil_allocator},
                                        {"log_level", spoil_level},
                                        {"resource_attributes", spoil_resource},
                                        {"exporters", spoil_exporter},
                                        {"exporters holds one behind a zeroed one", spoil_exporter_behind},
                                        {"exporters holds one behind a zeroed one", spoil_exporter_gap},
                                        {"exporters", spoil_exporter_size},
                                        {"exporters", spoil_exporter_zero},
                                        {"exporters", spoil_exporter_named},
                                        {"exporters", spoil_console},
                                        {"exporters", spoil_memory}};
    static doer one;
    trace_config good = ledger_config(doer_exporter(&one, "one")), config;
    size_t i;
    good.logger.log_fn = keep_log;
    CHECK_INT(trace_init(&good), TRACE_RESULT_OK);
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        config = good;
        wrong[i].spoil(&config);
        log_forget();
        CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
        CHECK_UINT(log_lines, 1);
        CHECK_HAS(logged, wrong[i].field);
    }
    for (i = 0; i < 300; i++) {                  /* not zeroed at all */
        test_random_bytes(&config, sizeof config);
        config.reserved_first |= 1;
        CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    }
    record("x", 1);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 1);
    CHECK_LEDGER();
}

/* --- clocks --- */

static uint64_t mad_now;
static int mad_how;

static uint64_t mad_step(int64_t by) {
    return __atomic_add_fetch(&mad_now, (uint64_t)by, __ATOMIC_RELAXED);
}

static uint64_t mad_random(void *user) {
    return test_mix(__atomic_fetch_add((uint32_t *)user, 1u, __ATOMIC_RELAXED));
}

static uint64_t mad_clock(void *user) {
    switch (mad_how) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return mad_step(-1000000);           /* backward */
    case 3: return mad_random(user);
    case 4: return UINT64_MAX - mad_step(1000);
    default: return mad_random(user) % 3 ? mad_step(1000) : 0;
    }
}

static uint64_t mad_unix(void *user) { return mad_clock(user); }

static void live_with_it(void *unused) {
    static doer one, two;
    static uint32_t state = 1;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    pthread_t thread;
    uint64_t since;
    (void)unused;
    mad_now = mad_how == 2 ? UINT64_C(1) << 60 : 0;
    config.exporters[1] = doer_exporter(&two, "two");
    config.exporters[1].whole_traces = true;
    config.clock.monotonic_fn = mad_clock;
    config.clock.unix_fn = mad_unix;
    config.clock.user = &state;
    config.logger.log_fn = keep_log;
    config.ring_bytes = 4096;
    config.lossless_timeout_ms = 20;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    pthread_create(&thread, NULL, other_thread, NULL);
    TRACE_SPAN("root") { record("x", 100); trace_event("event"); }
    pthread_join(thread, NULL);
    ledger_nap(20000);
    since = ledger_ms();
    (void)trace_flush(1000);
    (void)trace_flush(UINT32_MAX);
    CHECK(ledger_ms() - since < 3000);
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_LEDGER();
    CHECK(trace_init(&config) == TRACE_RESULT_OK);
    record("y", 3);
    (void)trace_shutdown(1000);
    CHECK_LEDGER();
}

TEST(mad_clocks) {
    int round;
    for (round = 0; round < 6; round++) {
        test_child child;
        mad_how = round;
        child = test_fork(live_with_it, NULL, 20000);
        if (!CHECK_CHILD(&child, 0)) fprintf(stderr, "    (clock %d)\n", round);
        test_child_free(&child);
    }
}

/* The worker does not spin because a clock is stuck. */
static void stuck_clock(void *unused) {
    static doer one;
    static uint32_t state = 1;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    struct timespec before, after;
    (void)unused;
    config.clock.monotonic_fn = mad_clock;
    config.clock.unix_fn = mad_unix;
    config.clock.user = &state;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 10);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    ledger_nap(500000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 100);
    (void)trace_flush(1000);
    CHECK_UINT(one.spans, 10);
    CHECK_LEDGER();
}

TEST(stuck_clocks_burn_nothing) {
    for (mad_how = 0; mad_how < 2; mad_how++) {
        test_child child = test_fork(stuck_clock, NULL, 20000);
        if (!CHECK_CHILD(&child, 0)) fprintf(stderr, "    (clock %d)\n", mad_how);
        test_child_free(&child);
    }
}

TEST_MAIN()
