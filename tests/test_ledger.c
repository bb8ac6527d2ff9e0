/* test_ledger.c - the ledgers: every span is somewhere, and flush tells the truth
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"
#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
static __thread uint32_t system_calls;           /* the library's, of this thread */
#define syscall(...) (system_calls++, syscall(__VA_ARGS__))
#endif

static uint32_t environment_reads;
static char *counted_getenv(const char *name) {
    __atomic_fetch_add(&environment_reads, 1u, __ATOMIC_RELAXED);
    return getenv(name);
}
#define getenv counted_getenv

#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "ledger.h"

static void record(const char *name, unsigned count) {
    while (count--) trace_span_end(trace_span_start(name));
}

/* --- exporters --- */

ISOLATED(two_exporters_one_failing) {
    static doer one, two;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_exporter_stats stats;
    two.fail = 1;
    config.exporters[1] = doer_exporter(&two, "two");
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1000);
    CHECK_UINT(ledger_stats().pending, 1000);
    CHECK_LEDGER();
    CHECK_INT(trace_flush(1000), TRACE_RESULT_FAILED);
    CHECK_UINT(one.spans, 1000);
    CHECK_UINT(two.spans, 1000);
    stats = ledger_of("one");
    CHECK_UINT(stats.received, 1000);
    CHECK_UINT(stats.sent, 1000);
    CHECK(stats.last_success_unix_ns != 0 && stats.last_failure_unix_ns == 0);
    stats = ledger_of("two");
    CHECK_UINT(stats.received, 1000);
    CHECK_UINT(stats.sent, 0);
    CHECK_UINT(stats.failed[TRACE_FAILURE_REJECTED], 1000);
    CHECK(stats.last_success_unix_ns == 0 && stats.last_failure_unix_ns != 0);
    CHECK_UINT(ledger_stats().exported, 1000);
    CHECK_LEDGER();
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);   /* what was lost is told once */
    two.fail = 0;
    record("y", 1);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(ledger_of("two").sent, 1);
    CHECK_LEDGER();
}

/* Nobody needs to ask for the stats to hear of it: one line an exporter, unless it keeps its ledger and speaks for itself. */
static char logged[2000];

static void keep_log(void *unused, trace_log_level level, const char *message) {
    const size_t size = strlen(logged);
    (void)unused, (void)level;
    snprintf(logged + size, sizeof logged - size, "%s\n", message);
}

static void stats_of_its_own(void *user, trace_exporter_stats *stats) {
    stats->received = stats->failed[TRACE_FAILURE_REJECTED] = ((doer *)user)->spans;
}

ISOLATED(what_an_exporter_refuses_is_said_once) {
    static doer one, two;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    unsigned i;
    one.fail = two.fail = 1;
    config.exporters[1] = doer_exporter(&two, "two");
    config.exporters[1].stats_fn = stats_of_its_own;
    config.disable_thread = true;
    config.logger.log_fn = keep_log;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 3; i++) {
        record("x", 3);
        CHECK_INT(trace_flush(1000), TRACE_RESULT_FAILED);
    }
    CHECK_STR(logged, "exporter one: export_fn did not answer OK (spans were lost): 3 spans are lost for it, more are only counted\n");
    CHECK_LEDGER();
}

static trace_decision decides_nothing(void *unused, const trace_sampler_input *input, trace_sampler_output *output) {
    (void)unused, (void)input, (void)output;
    return (trace_decision)9;
}

static void odd_constants(trace_config *config, int which) {
    trace_span_options options;
    trace_span span;
    config->disable_thread = true;
    config->logger.log_fn = keep_log;
    if (which == 2) config->sampler.sample_fn = decides_nothing;
    CHECK_INT(trace_init(config), TRACE_RESULT_OK);
    memset((void *)&options, 0, sizeof options);
    options.struct_size = sizeof options;
    if (which == 0) options.kind = (trace_kind)99;
    span = trace_span_start_with("odd", &options);
    if (which == 1) trace_span_set_status(span, (trace_status)77, "what");
    trace_span_end(span);
    TRACE_SPAN("even") { trace_span_set_status(trace_span_current(), TRACE_STATUS_ERROR, "known"); }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_LEDGER();
}

/* Numbers that no constant has: a defined result, and a line that names what to change. */
ISOLATED(a_kind_that_does_not_exist) {
    trace_config config = ledger_config(store_exporter(store_make(10)));
    odd_constants(&config, 0);
    CHECK_STR(logged, "trace_span_options.kind 99 is none of its constants: TRACE_KIND_INTERNAL is used; said once\n");
    CHECK_UINT(ledger_stats().exported, 2);
}

ISOLATED(a_status_that_does_not_exist) {
    trace_config config = ledger_config(store_exporter(store_make(10)));
    odd_constants(&config, 1);
    CHECK_STR(logged, "the status 77 is none of its constants: the span keeps the one it has; said once\n");
    CHECK_UINT(ledger_stats().exported, 2);
}

ISOLATED(a_decision_that_does_not_exist) {
    trace_config config = ledger_config(store_exporter(store_make(10)));
    odd_constants(&config, 2);
    CHECK_STR(logged, "the sampler's decision 9 is none of its constants: the span is dropped; said once\n");
    CHECK_UINT(ledger_stats().sampled_out, 2);
}

/* One whose size leaves out what every release has would be called through NULL. */
static trace_exporter cut_exporter(void) {
    static doer one;
    trace_exporter exporter = doer_exporter(&one, "cut");
    exporter.struct_size = 3;
    return exporter;
}

ISOLATED(an_exporter_whose_size_is_wrong) {
    trace_config config = ledger_config(store_exporter(store_make(10)));
    config.logger.log_fn = keep_log;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    config.exporters[0] = cut_exporter();
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    CHECK_STR(logged, "trace_init: trace_config.exporters holds one whose struct_size is not sizeof(trace_exporter); "
                      "nothing was changed\n");
    memset((void *)&config.exporters, 0, sizeof config.exporters);
    logged[0] = 0;
    setenv("OTEL_TRACES_EXPORTER", "cut", 1);
    config.available[0].name = "cut";
    config.available[0].make_fn = cut_exporter;
    config.disable_environment = false;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    (void)trace_flush(1000);
    CHECK_STR(logged, "OTEL_TRACES_EXPORTER=cut: its struct_size is not sizeof(trace_exporter)\n");
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_NO_EXPORTER], 1);
    CHECK_LEDGER();
}

/* The second fails from some point on, at every point. */
ISOLATED(an_exporter_that_fails_late) {
    static doer one, two;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    unsigned i, failed = 0;
    config.exporters[1] = doer_exporter(&two, "two");
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 300; i++) {
        record("x", 1 + i % 7);
        two.fail = i % 3 == 2;
        if (two.fail) failed += 1 + i % 7;
        CHECK_INT(trace_flush(1000), two.fail ? TRACE_RESULT_FAILED : TRACE_RESULT_OK);
        CHECK_UINT(ledger_stats().pending, 0);
    }
    CHECK_UINT(ledger_of("two").failed[TRACE_FAILURE_REJECTED], failed);
    CHECK_UINT(ledger_of("one").sent, ledger_stats().exported);
    CHECK_LEDGER();
}

ISOLATED(no_exporter) {
    trace_config config;
    memset(&config, 0, sizeof config);
    config.disable_environment = true;
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    config.disable_environment = false;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK(!trace_is_enabled(NULL));
    record("x", 100);
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_NO_EXPORTER], 100);
    CHECK_UINT(ledger_stats().ended, 100);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);   /* nobody wanted them: not a loss */
    CHECK_LEDGER();
}

/* What is in the rings when the last exporter goes was recorded for nobody. */
ISOLATED(no_exporter_any_more) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 10);
    memset(&config, 0, sizeof config);
    config.disable_thread = true;
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    (void)trace_flush(1000);
    CHECK_UINT(one.spans, 0);
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_NO_EXPORTER], 10);
    CHECK_UINT(ledger_stats().exported, 0);
    CHECK_LEDGER();
}

/* --- drops --- */

/* A ring of 4 KiB that nobody drains holds a number of spans that can be told in advance. */
ISOLATED(ring_full) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    const uint32_t record_size = (uint32_t)sizeof(tracei_record) + 8, thread_record = (uint32_t)sizeof(tracei_record) + 32;
    uint32_t fit = (4096 - thread_record) / record_size, round;
    config.disable_thread = true;
    config.ring_bytes = 4096;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1000);
    CHECK_UINT(ledger_stats().ended, 1000);
    CHECK_UINT(ledger_stats().pending, fit);
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_RING_FULL], 1000 - fit);
    CHECK_LEDGER();
    CHECK_INT(trace_flush(1000), TRACE_RESULT_FAILED);
    CHECK_UINT(one.spans, fit);
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_LEDGER();
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    for (round = 0; round < 2000; round++) {     /* all positions of the wrap */
        const uint64_t dropped = ledger_stats().dropped[TRACE_DROP_RING_FULL];
        const uint32_t count = 1 + round % 60;
        record(round % 3 ? "x" : "a longer name of a span", count);
        CHECK_UINT(trace_pump(0), count - (ledger_stats().dropped[TRACE_DROP_RING_FULL] - dropped));
        CHECK_UINT(ledger_stats().pending, 0);
    }
    CHECK_UINT(ledger_stats().exported, one.spans);
    CHECK_LEDGER();
}

static char told[4096];
static void keep_told(void *user, trace_log_level level, const char *message) {
    (void)user;
    CHECK_INT(level, TRACE_LOG_LEVEL_WARNING);
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", message);
}

/* Whoever looks at traces with holes is told: when it begins, with what helps, and at the end how many. */
ISOLATED(drops_are_told) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    char expected[128];
    config.disable_thread = true;
    config.ring_bytes = 4096;
    config.logger.log_fn = keep_told;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 10);
    (void)trace_pump(0);
    CHECK_STR(told, "");
    record("x", 1000);
    (void)trace_pump(0);
    snprintf(expected, sizeof expected, "spans ended faster than they were taken: %u dropped so far; ",
             (unsigned)ledger_stats().dropped[TRACE_DROP_RING_FULL]);
    CHECK_HAS(told, expected);
    CHECK_HAS(told, "trace_config.ring_bytes");
    told[0] = '\0';
    record("x", 1000);
    (void)trace_pump(0);
    CHECK_STR(told, "");
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_FAILED);
    snprintf(expected, sizeof expected, "%u of 2010 spans were dropped\n", (unsigned)ledger_stats().dropped[TRACE_DROP_RING_FULL]);
    CHECK_STR(told, expected);
    told[0] = '\0';
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACEI_ADD(&tracei_signal_spans, 3u);        /* as handlers that interrupted the library */
    (void)trace_pump(0);
    CHECK_HAS(told, "3 of their spans dropped so far");
    told[0] = '\0';
    TRACEI_ADD(&tracei_signal_spans, 2u);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_FAILED);
    snprintf(expected, sizeof expected, "%u of 2015 spans were dropped\n", (unsigned)ledger_stats().dropped[TRACE_DROP_RING_FULL] + 5);
    CHECK_STR(told, expected);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    CHECK_STR(told, expected);                   /* said once: nothing was dropped since */
    CHECK_LEDGER();
}

typedef struct racer {
    uint32_t stop;
    unsigned spans;
} racer;

static void *race_stats(void *user) {
    racer *const self = (racer *)user;
    uint64_t before = 0;
    while (!__atomic_load_n(&self->stop, __ATOMIC_ACQUIRE)) {
        const trace_stats stats = ledger_stats();
        uint64_t sum = stats.exported + stats.sampled_out + stats.pending, i;
        for (i = 0; i < TRACE_DROP_COUNT; i++) sum += stats.dropped[i];
        CHECK(sum <= stats.ended);                /* never over, at any moment */
        CHECK(stats.ended - sum < 1000000);
        CHECK(stats.ended >= before && stats.ended < (UINT64_C(1) << 31));
        before = stats.ended;
        ledger_nap(10);
    }
    return NULL;
}

/* Somebody reads the ledger all the time while spans are dropped because the ring is full. */
ISOLATED(reading_while_dropping) {
    static doer one;
    static racer racing;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    const uint64_t until = ledger_ms() + (test_scaled(10) > 1 ? 400 : 1000);
    pthread_t reader;
    unsigned rounds = 0;
    config.disable_thread = true;
    config.ring_bytes = 4096;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    pthread_create(&reader, NULL, race_stats, &racing);
    while (ledger_ms() < until) {
        record("x", 1000);
        if (++rounds % 10 == 0) (void)trace_pump(0);
    }
    __atomic_store_n(&racing.stop, 1u, __ATOMIC_RELEASE);
    pthread_join(reader, NULL);
    CHECK_UINT(ledger_stats().ended, (uint64_t)rounds * 1000);
    CHECK_LEDGER();
    (void)trace_flush(1000);
    CHECK_LEDGER();
}

static trace_span handed_over;

static void *end_it(void *unused) {
    (void)unused;
    record("first", 1);
    trace_span_end(handed_over);
    return NULL;
}

/* Built where rings are large, ended where they are small. */
ISOLATED(too_large) {
    static doer one;
    static char text[100000];
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_span_options options;
    pthread_t thread;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    memset(text, 'x', sizeof text);
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.detached = true;
    handed_over = trace_span_start_with("large", &options);
    trace_span_set_string_n(handed_over, "text", text, sizeof text);
    config.ring_bytes = 4096;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    pthread_create(&thread, NULL, end_it, NULL);
    pthread_join(thread, NULL);
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_TOO_LARGE], 1);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_FAILED);
    CHECK_UINT(one.spans, 1);
    CHECK_LEDGER();
    trace_span_end(handed_over);                 /* dead by now */
    CHECK_UINT(ledger_stats().misused, 1);
    CHECK_LEDGER();
}

/* The length of the longest value an exporter was given. */
static trace_result longest_value(void *user, const trace_batch *batch) {
    size_t *const longest = (size_t *)user, i, j;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        for (j = 0; j < span->attribute_count; j++)
            if (span->attributes[j].value.as.string.size > *longest) *longest = span->attributes[j].value.as.string.size;
    }
    return TRACE_RESULT_OK;
}

/* What would be more than a quarter of the ring is cut: no span can fill the ring for all others. */
ISOLATED(a_quarter_of_a_ring) {
    static char text[100000];
    size_t longest = 0;
    trace_config config;
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "longest";
    exporter.export_fn = longest_value;
    exporter.user = &longest;
    config = ledger_config(exporter);
    config.disable_thread = true;
    config.ring_bytes = 65536;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    memset(text, 'x', sizeof text - 1);
    TRACE_SPAN("long") { trace_span_set_string(trace_span_current(), "text", text); }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK(longest > 4096 && longest < 65536 / 4);
    CHECK_UINT(ledger_stats().truncated, 1);
    CHECK_LEDGER();
}

static size_t refused_from = SIZE_MAX;
static void *allocate_small(void *user, size_t size) {
    (void)user;
    return size < refused_from ? ledger_allocate(size) : NULL;
}

static void give_back(void *user, void *memory, size_t size) {
    (void)user, (void)size;
    ledger_release(memory);
}

/* A span that is in its ring and cannot be read, or held for its root, for want of memory is lost, counted, and the last one. */
static void no_memory(bool whole_traces) {
    static doer one;
    static char text[200000];
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.exporters[0].whole_traces = whole_traces;
    config.disable_thread = true;
    config.allocator.allocate_fn = allocate_small;
    config.allocator.release_fn = give_back;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("small", 1);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    memset(text, 'x', sizeof text - 1);
    TRACE_SPAN("large") { trace_span_set_string(trace_span_current(), "text", text); }
    refused_from = 1;
    CHECK_INT(trace_flush(1000), TRACE_RESULT_FAILED);
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_NO_MEMORY], 1);
    CHECK_LEDGER();
    record("small", 1);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 2);
    CHECK_LEDGER();
}

ISOLATED(no_memory_to_read_a_span) { no_memory(false); }
ISOLATED(no_memory_to_hold_a_span) { no_memory(true); }

static trace_decision every_third(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    static unsigned asked;
    (void)user, (void)input, (void)output;
    asked++;
    return asked % 3 == 0 ? TRACE_DECISION_SAMPLE : asked % 3 == 1 ? TRACE_DECISION_DROP : TRACE_DECISION_RECORD;
}

ISOLATED(sampled_out) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.sampler.sample_fn = every_third;
    config.sampler.roots_only = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 300);
    CHECK_UINT(ledger_stats().sampled_out, 200);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 100);
    TRACE_SPAN("dropped, with all below it") { record("x", 10); }
    CHECK_UINT(ledger_stats().sampled_out, 211);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(ledger_stats().exported, 100);
    CHECK_LEDGER();
}

ISOLATED(ended_after_shutdown) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_span span;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 10);
    span = trace_span_start("open");
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 10);
    CHECK_UINT(one.shutdowns, 1);
    trace_span_end(span);
    record("late", 5);                           /* not even started */
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_SHUTDOWN], 1);
    CHECK_UINT(ledger_stats().started, 11);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_SHUT_DOWN);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_SHUT_DOWN);
    CHECK_UINT(trace_pump(0), 0);
    CHECK_LEDGER();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("y", 3);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 13);
    CHECK_LEDGER();
}

/* --- what flush answers --- */

ISOLATED(flush_before_anything) {
    CHECK_INT(trace_flush(0), TRACE_RESULT_OK);
    CHECK_UINT(trace_pump(0), 0);
    CHECK_UINT(ledger_stats().bytes_mapped, 0);  /* and it began nothing */
    CHECK_LEDGER();
}

ISOLATED(calls_from_inside_an_exporter) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    one.call_back = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_INT(one.nested_flush, TRACE_RESULT_BUSY);
    CHECK_INT(one.nested_shutdown, TRACE_RESULT_BUSY);
    CHECK_INT(one.nested_init, TRACE_RESULT_BUSY);
    CHECK_UINT(one.spans, 1);
    CHECK_UINT(ledger_stats().started, 1);       /* an exporter does not feed itself */
    CHECK_LEDGER();
}

ISOLATED(flush_answers_what_exporters_answer) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    uint64_t since;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    one.flush_result = TRACE_RESULT_FAILED;
    CHECK_INT(trace_flush(1000), TRACE_RESULT_FAILED);
    one.flush_result = TRACE_RESULT_TIMEOUT;
    since = ledger_ms();
    CHECK_INT(trace_flush(100), TRACE_RESULT_TIMEOUT);
    CHECK(ledger_ms() - since < 5000);           /* and does not ask for ever */
    one.flush_result = TRACE_RESULT_OK;
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_LEDGER();
}

/* Two exporters: the first never gets rid of its spans and takes all the time it is given. */
static uint32_t slow_flushes, slow_flushes_before, begun_before_shutdown;
static doer *beside;

static trace_result flush_until_deadline(void *user, uint64_t deadline_ns) {
    (void)user;
    slow_flushes++;
    while (trace_clock_ns() < deadline_ns) ledger_nap(500);
    return TRACE_RESULT_TIMEOUT;
}

static void shut_slowly(void *user, uint64_t deadline_ns) {
    (void)user, (void)deadline_ns;
    begun_before_shutdown = beside->flushes;
}

static trace_result flush_and_see(void *user, uint64_t deadline_ns) {
    if (!beside->flushes) slow_flushes_before = slow_flushes;
    return doer_flush(user, deadline_ns);
}

ISOLATED(a_slow_flush_keeps_no_other_from_it) {
    static doer one, two;
    trace_config config = ledger_config(doer_exporter(&one, "slow"));
    config.exporters[1] = doer_exporter(&two, "two");
    config.exporters[0].flush_fn = flush_until_deadline, config.exporters[0].shutdown_fn = shut_slowly;
    config.exporters[1].flush_fn = flush_and_see;
    beside = &two;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    CHECK_INT(trace_flush(200), TRACE_RESULT_TIMEOUT);
    CHECK_UINT(two.flushes, 1);                  /* done, and not asked again */
    CHECK_UINT(slow_flushes_before, 1);          /* it did not wait for its turn until the time was over */
    CHECK(slow_flushes > 2);
    two.flushes = 0;
    CHECK_INT(trace_shutdown(200), TRACE_RESULT_OK);
    CHECK_UINT(begun_before_shutdown, 1);        /* the other began before the first took its time */
    CHECK_UINT(two.shutdowns, 1);
    CHECK_LEDGER();
}

/* The worker is stuck in an exporter: flush and shutdown come back in time, and what was stuck is not lost. */
ISOLATED(blocked_exporter) {
    static doer one, two;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    uint64_t since;
    config.exporters[1] = doer_exporter(&two, "two");
    one.block = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 10);
    REQUIRE(ledger_await(&one.inside, 1, 5000));
    CHECK_INT(trace_flush(0), TRACE_RESULT_BUSY);
    since = ledger_ms();
    CHECK_INT(trace_flush(100), TRACE_RESULT_TIMEOUT);
    CHECK(ledger_ms() - since >= 99 && ledger_ms() - since < 150);
    CHECK_UINT(ledger_stats().pending, 10);
    record("y", 5);
    since = ledger_ms();
    CHECK_INT(trace_shutdown(100), TRACE_RESULT_TIMEOUT);
    CHECK(ledger_ms() - since >= 99 && ledger_ms() - since < 150);
    CHECK_UINT(ledger_stats().pending, 15);
    CHECK_LEDGER();
    since = ledger_ms();
    CHECK_INT(trace_init(&config), TRACE_RESULT_BUSY);
    CHECK(ledger_ms() - since < 2100);
    __atomic_store_n(&one.block, 0u, __ATOMIC_RELEASE);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("z", 1);
    CHECK(ledger_await(&one.spans, 16, 5000));   /* there is a worker again */
    CHECK(ledger_await(&two.spans, 16, 5000));
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(ledger_stats().exported, 16);
    CHECK_LEDGER();
}

/* A flush_fn or shutdown_fn that never comes back: who calls comes back all the same. */
static uint32_t stuck_gate;

static trace_result flush_never(void *user, uint64_t deadline_ns) {
    while (!__atomic_load_n(&stuck_gate, __ATOMIC_ACQUIRE)) ledger_nap(500);
    return doer_flush(user, deadline_ns);
}

static void shut_never(void *user, uint64_t deadline_ns) {
    while (!__atomic_load_n(&stuck_gate, __ATOMIC_ACQUIRE)) ledger_nap(500);
    doer_shutdown(user, deadline_ns);
}

ISOLATED(a_flush_that_never_comes_back) {
    static doer one, two;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.exporters[0].flush_fn = flush_never;
    config.exporters[1] = doer_exporter(&two, "two");
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 3);
    CHECK_INT(trace_flush(50), TRACE_RESULT_TIMEOUT);
    CHECK_INT(trace_flush(50), TRACE_RESULT_TIMEOUT);
    record("y", 3);
    CHECK_INT(trace_shutdown(50), TRACE_RESULT_TIMEOUT);
    CHECK_LEDGER();
    __atomic_store_n(&stuck_gate, 1u, __ATOMIC_RELEASE);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);            /* nothing was lost of what went on being held */
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 6);
    CHECK_UINT(two.spans, 6);
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    CHECK_LEDGER();
}

ISOLATED(a_shutdown_that_never_comes_back) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.exporters[0].shutdown_fn = shut_never;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 3);
    CHECK_INT(trace_shutdown(50), TRACE_RESULT_TIMEOUT);
    CHECK_UINT(one.spans, 3);
    __atomic_store_n(&stuck_gate, 1u, __ATOMIC_RELEASE);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 4);
    CHECK_UINT(one.shutdowns, 2);
    CHECK_LEDGER();
}

static char blocking_log[2048];

static void keep_blocking_log(void *user, trace_log_level level, const char *line) {
    const size_t used = strlen(blocking_log);
    (void)user, (void)level;
    snprintf(blocking_log + used, sizeof blocking_log - used, "%s\n", line);
}

static uint64_t fake_ns = UINT64_C(5000000000);
static uint64_t fake_clock(void *user) { return (void)user, __atomic_load_n(&fake_ns, __ATOMIC_RELAXED); }

static trace_result take_ten_seconds(void *user, const trace_batch *batch) {
    (void)user, (void)batch;
    fake_ns += UINT64_C(10000000000);
    return TRACE_RESULT_OK;
}

/* One that takes its time is counted and named, once; the other gets everything, late. */
ISOLATED(an_exporter_that_took_long_is_named) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.exporters[1] = config.exporters[0], config.exporters[0].export_fn = take_ten_seconds, config.exporters[0].name = "two";
    config.clock.monotonic_fn = config.clock.unix_fn = fake_clock;
    config.logger.log_fn = keep_blocking_log;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 3);
    CHECK_UINT(trace_pump(0), 3);
    record("y", 1);
    CHECK_UINT(trace_pump(0), 1);
    CHECK_UINT(one.spans, 4);
    CHECK_UINT(ledger_of("two").blocked_ns, UINT64_C(20000000000));
    CHECK_UINT(ledger_of("one").blocked_ns, 0);
    CHECK_STR(blocking_log, "exporter two: export_fn took 10000 ms and all exporters waited for it; give it a thread: "
                            "trace_queue_exporter\n");
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_LEDGER();
}

/* --- time --- */

static uint64_t span_takes_ns;
static trace_result take_time(void *user, const trace_batch *batch) {
    fake_ns += batch->span_count * span_takes_ns;
    return store_export(user, batch);
}

static trace_config slow_config(store *kept) {
    trace_config config = ledger_config(store_exporter(kept));
    config.exporters[0].export_fn = take_time;
    config.clock.monotonic_fn = config.clock.unix_fn = fake_clock;
    config.disable_thread = true;
    config.exit_timeout_ms = 50;
    config.logger.log_fn = keep_blocking_log;
    return config;
}

static void *record_300(void *unused) { return record("busy", 300), unused; }

/* What a shutdown had no time for stays pending: after the last call of an exporter nothing more is handed to it. */
ISOLATED(a_pump_after_shutdown_delivers_nothing) {
    store *const kept = store_make(10000);
    trace_config config = slow_config(kept);
    span_takes_ns = 1000000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1000);
    CHECK_INT(trace_shutdown(100), TRACE_RESULT_TIMEOUT);
    CHECK_UINT(kept->count, TRACEI_BATCH_SPANS);
    CHECK_UINT(trace_pump(0), 0);
    CHECK_UINT(kept->count, TRACEI_BATCH_SPANS);
    CHECK_UINT(ledger_stats().pending, 1000 - TRACEI_BATCH_SPANS);
    CHECK_LEDGER();
}

/* A slow exporter exceeds the budget by one batch, and what is left comes next, in order and once. */
ISOLATED(a_pump_keeps_to_its_budget) {
    store *const kept = store_make(10000);
    trace_config config = slow_config(kept);
    pthread_t busy;
    unsigned pumps = 0;
    span_takes_ns = 1000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1000);
    CHECK_UINT(trace_pump(100), TRACEI_BATCH_SPANS);
    CHECK_UINT(kept->count, TRACEI_BATCH_SPANS);
    CHECK_UINT(ledger_stats().pending, 1000 - TRACEI_BATCH_SPANS);
    CHECK_LEDGER();
    CHECK_UINT(trace_pump(300), 2 * TRACEI_BATCH_SPANS);
    record("y", 1);                              /* a later round's */
    CHECK_UINT(trace_pump(1), 1000 - 3 * TRACEI_BATCH_SPANS);
    CHECK_UINT(trace_pump(1), 1);
    CHECK_UINT(trace_pump(1), 0);
    CHECK_LEDGER();
    record("other", 300);
    for (; store_count(kept, "other", 0) < 300 && pumps < 20; pumps++) { /* in the ring that is drained last, behind a busy one */
        REQUIRE(pthread_create(&busy, NULL, record_300, NULL) == 0);
        pthread_join(busy, NULL);
        CHECK(trace_pump(1) <= TRACEI_BATCH_SPANS);
    }
    CHECK(pumps < 10);
    while (trace_pump(1)) {}
    CHECK_UINT(store_count(kept, "other", 0), 300);
    CHECK_UINT(kept->count, ledger_stats().ended);
    CHECK_UINT(store_duplicates(kept), 0);
    record("x", 1000);
    CHECK_UINT(trace_pump(0), 1000);             /* none: all there is */
    CHECK_LEDGER();
}

/* So with the time of a flush, of a shutdown and of the exit. */
ISOLATED(flush_and_shutdown_keep_to_their_time) {
    store *const kept = store_make(10000);
    trace_config config = slow_config(kept);
    span_takes_ns = 1000000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 2000);
    CHECK_INT(trace_flush(50), TRACE_RESULT_TIMEOUT);
    CHECK_UINT(kept->count, TRACEI_BATCH_SPANS);
    record("y", 1);                              /* while the round that was cut goes on: this flush's too */
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(kept->count, 2001);
    record("x", 2000);
    CHECK_INT(trace_flush(0), TRACE_RESULT_OK);  /* nobody waits: all there is */
    CHECK_UINT(kept->count, 4001);
    record("x", 2000);
    tracei_at_exit();
    CHECK_UINT(kept->count, 4001 + TRACEI_BATCH_SPANS);
    CHECK_STR(blocking_log, "exit gave up after exit_timeout_ms (50 ms): an exporter is still busy, the last spans are lost\n");
    tracei_at_last();
    CHECK_UINT(kept->count, 4001 + 2 * TRACEI_BATCH_SPANS);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_INT(trace_shutdown(50), TRACE_RESULT_TIMEOUT);
    CHECK_UINT(kept->count, 4001 + 3 * TRACEI_BATCH_SPANS);
    CHECK_UINT(ledger_stats().pending, 2000 - 3 * TRACEI_BATCH_SPANS);
    CHECK_LEDGER();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_INT(trace_shutdown(5000), TRACE_RESULT_OK);
    CHECK_UINT(kept->count, 6001);
    CHECK_UINT(store_duplicates(kept), 0);
    CHECK_LEDGER();
}

/* A thread that waits for room waits no longer than it may, whose exporter ever it runs meanwhile. */
ISOLATED(waiting_for_room_keeps_to_its_time) {
    store *const kept = store_make(100000);
    trace_config config = slow_config(kept);
    uint64_t since = 0;
    span_takes_ns = 1000000;
    config.lossless_timeout_ms = 50;
    config.ring_bytes = 1 << 18;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    while (!kept->count) {
        since = fake_ns;
        record("x", 1);
    }
    CHECK_UINT(kept->count, TRACEI_BATCH_SPANS);
    CHECK_UINT(fake_ns - since, TRACEI_BATCH_SPANS * span_takes_ns);
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_RING_FULL], 0);     /* there is room now */
    CHECK_LEDGER();
}

static const char *const not_back = "exporter one: export_fn does not come back and all exporters wait for it; give it a thread: "
                                    "trace_queue_exporter\n";

/* One that does not come back is named by who waits for it. */
ISOLATED(an_exporter_that_does_not_come_back_is_named) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    one.block = 1;
    config.logger.log_fn = keep_blocking_log;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    REQUIRE(ledger_await(&one.inside, 1, 5000));
    CHECK_INT(trace_flush(10), TRACE_RESULT_TIMEOUT);
    CHECK_STR(blocking_log, "");
    CHECK_INT(trace_flush(1100), TRACE_RESULT_TIMEOUT);
    CHECK_STR(blocking_log, not_back);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_TIMEOUT);
    CHECK_STR(blocking_log, not_back);
    __atomic_store_n(&one.block, 0u, __ATOMIC_RELEASE);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);            /* the worker that was left behind is joined */
    CHECK_INT(trace_shutdown(5000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 1);
    CHECK_LEDGER();
}

/* --- pending --- */

ISOLATED(held_for_their_root) {
    static doer one, two;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.exporters[0].whole_traces = true;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("root") {
        record("child", 10);
        CHECK_UINT(trace_pump(0), 10);
        CHECK_UINT(ledger_stats().pending, 10);
        CHECK_UINT(one.spans, 0);
        CHECK_LEDGER();
        config.exporters[0] = doer_exporter(&two, "two");   /* spans not delivered yet go to the new exporters */
        CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
        CHECK_UINT(one.spans, 0);
        CHECK_UINT(two.spans, 10);
        CHECK_UINT(ledger_stats().pending, 0);
        config.exporters[0].whole_traces = true;
        CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
        record("child", 5);
        CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);     /* without their root, if need be */
        CHECK_UINT(ledger_stats().pending, 0);
        CHECK_UINT(two.spans, 15);
        CHECK_LEDGER();
        setenv("OTEL_TRACES_EXPORTER", "none", 1);
        record("child", 5);
        memset(&config.exporters[0], 0, sizeof config.exporters[0]);
        config.disable_environment = false;
        CHECK_INT(trace_init(&config), TRACE_RESULT_OK);    /* nobody takes these */
        CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
        CHECK_UINT(ledger_stats().dropped[TRACE_DROP_NO_EXPORTER], 5);
        CHECK_UINT(ledger_stats().pending, 0);
        CHECK_LEDGER();
    }
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_NO_EXPORTER], 6);
    CHECK_UINT(two.spans, 15);
    CHECK_LEDGER();
}

/* One exporter takes spans, the other traces; then the traces' one goes away, then all. Nobody is handed a span twice. */
ISOLATED(held_while_exporters_change) {
    static doer two;
    store *const kept = store_make(1000);
    trace_config config = ledger_config(store_exporter(kept));
    config.exporters[1] = doer_exporter(&two, "two");
    config.exporters[1].whole_traces = true;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("root") {
        record("child", 10);
        CHECK_UINT(trace_pump(0), 10);
        CHECK_UINT(kept->count, 10);
        CHECK_UINT(ledger_stats().pending, 10);
        memset(&config.exporters[1], 0, sizeof config.exporters[1]);
        CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
        CHECK_UINT(ledger_stats().pending, 0);
        CHECK_LEDGER();
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(kept->count, 11);
    CHECK_UINT(store_duplicates(kept), 0);
    CHECK_LEDGER();
}

/* More is held than may be: whole traces go out early, while single spans are on their way to the other exporter. */
ISOLATED(held_beyond_the_limit) {
    static doer two;
    static char text[1000];
    store *const kept = store_make(100000);
    trace_config config = ledger_config(store_exporter(kept));
    unsigned i, j;
    config.exporters[1] = doer_exporter(&two, "two");
    config.exporters[1].whole_traces = true;
    config.disable_thread = true;
    config.max_trace_bytes = 65536;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    memset(text, 'x', sizeof text - 1);
    for (i = 0; i < 50; i++) {
        TRACE_SPAN("root") {
            for (j = 0; j < 100; j++) {
                TRACE_SPAN("child") { trace_span_set_string(trace_span_current(), "text", text); }
            }
            if (i % 2) (void)trace_pump(0);
        }
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(kept->count, 5050);
    CHECK_UINT(two.spans, 5050);
    CHECK_UINT(store_count(kept, "child", 0), 5000);       /* nothing was overwritten in between */
    CHECK_UINT(store_count(kept, "root", 0), 50);
    CHECK_UINT(store_duplicates(kept), 0);
    CHECK_UINT(ledger_stats().exported, 5050);
    CHECK_LEDGER();
}

/* A span larger than all that may be held, below a root that stays open: once an endless loop. */
ISOLATED(a_giant_below_an_open_root) {
    static doer one;
    static char text[200000];
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    config.exporters[0].whole_traces = true;
    config.disable_thread = true;
    config.max_trace_bytes = 65536;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    memset(text, 'x', sizeof text - 1);
    TRACE_SPAN("root") {
        record("child", 1);
        (void)trace_pump(0);
        TRACE_SPAN("giant") { trace_span_set_string(trace_span_current(), "text", text); }
        CHECK_UINT(trace_pump(0), 1);
        record("child", 1);
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 4);
    CHECK_LEDGER();
}

/* --- lossless --- */

static void *half_a_million(void *user) {
    record((const char *)user, (unsigned)test_scaled(500000));
    return NULL;
}

static void lossless(bool with_worker, uint32_t ring_bytes) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    const uint64_t total = 2 * (uint64_t)test_scaled(500000);
    pthread_t threads[2];
    unsigned i;
    config.lossless_timeout_ms = 20000;
    config.ring_bytes = ring_bytes;
    config.disable_thread = !with_worker;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 2; i++) pthread_create(&threads[i], NULL, half_a_million, (void *)(i ? "a" : "bcdefghijklmno"));
    for (i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, total);
    CHECK_UINT(ledger_stats().exported, total);
    CHECK_UINT(ledger_stats().dropped[TRACE_DROP_RING_FULL], 0);
    CHECK_LEDGER();
}

ISOLATED(lossless_with_the_worker) { lossless(true, 1u << 16); }
ISOLATED(lossless_in_small_rings) { lossless(true, 4096); }
ISOLATED(lossless_without_a_worker) { lossless(false, 1u << 14); }

/* Waiting has an end: the exporter is stuck, the ring full. */
ISOLATED(lossless_gives_up) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    uint64_t since;
    config.lossless_timeout_ms = 50;
    config.ring_bytes = 4096;
    one.block = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    REQUIRE(ledger_await(&one.inside, 1, 5000));
    since = ledger_ms();
    record("x", 52);
    CHECK(ledger_ms() - since < 1000);
    CHECK(ledger_stats().dropped[TRACE_DROP_RING_FULL] > 0);
    __atomic_store_n(&one.block, 0u, __ATOMIC_RELEASE);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_FAILED);
    CHECK_LEDGER();
}

/* --- everything at once: threads record and drop, one flushes, one changes the exporters --- */

static uint32_t storm_over;

static void *storm_thread(void *unused) {
    (void)unused;
    while (!__atomic_load_n(&storm_over, __ATOMIC_ACQUIRE)) {
        TRACE_SPAN("outer") {
            TRACE_SPAN("inner") { trace_span_set_int(trace_span_current(), "k", 1); }
        }
    }
    return NULL;
}

ISOLATED(storm) {
    static doer one, two;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    pthread_t threads[4];
    unsigned i;
    config.ring_bytes = 16384;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 4; i++) pthread_create(&threads[i], NULL, storm_thread, NULL);
    for (i = 0; i < 30; i++) {
        config.exporters[0] = doer_exporter(i % 2 ? &one : &two, i % 2 ? "one" : "two");
        config.exporters[0].whole_traces = i % 3 == 0;
        config.disable_thread = i % 5 == 0;
        config.attribute_value_length_limit = 1 + i;
        if (i % 7 == 6) CHECK_INT(trace_shutdown(5000) == TRACE_RESULT_TIMEOUT, 0);
        CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
        ledger_nap(10000);
        CHECK(trace_flush(5000) != TRACE_RESULT_TIMEOUT);
    }
    __atomic_store_n(&storm_over, 1u, __ATOMIC_RELEASE);
    for (i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    CHECK(trace_flush(5000) != TRACE_RESULT_TIMEOUT);
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_UINT(ledger_stats().exported, (uint64_t)one.spans + two.spans);
    CHECK_LEDGER();
}

/* The worker under load takes the pass again as soon as it has let go of it: others get it nevertheless. */
ISOLATED(flush_and_init_amid_rings_that_never_empty) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    pthread_t threads[2];
    unsigned i;
    config.ring_bytes = 4096;
    one.nap_us = 3000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 2; i++) pthread_create(&threads[i], NULL, storm_thread, NULL);
    for (i = 0; i < 3; i++) {
        ledger_nap(20000);
        CHECK(trace_flush(10000) != TRACE_RESULT_TIMEOUT);
        CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    }
    __atomic_store_n(&storm_over, 1u, __ATOMIC_RELEASE);
    for (i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK(trace_flush(10000) != TRACE_RESULT_TIMEOUT);
    CHECK_LEDGER();
}

/* --- the application never waits --- */

#if defined(__linux__) && defined(RUSAGE_THREAD)
static long times_waited(void) {
    struct rusage usage;
    CHECK_INT(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

/* No clock judges this: how often the thread gave up the processor, and how often it asked the system for anything. With the
   exporter stuck, which is what a collector that is down can do at worst, it is less of both, not more. */
ISOLATED(ending_a_span_never_waits) {
    static doer one;
    const unsigned count = (unsigned)test_scaled(200000), halves = count / (32768 / ((unsigned)sizeof(tracei_record) + 8));
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    unsigned stuck;
    config.ring_bytes = 65536;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("first", 10);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    for (stuck = 0; stuck < 2; stuck++) {
        long waited;
        if (stuck) {
            __atomic_store_n(&one.block, 1u, __ATOMIC_RELEASE);
            record("stuck", 1);
            CHECK(ledger_await(&one.inside, 1, 5000));
        }
        waited = times_waited();
        system_calls = 0;
        record("x", count);
        CHECK(times_waited() - waited <= 10);     /* for pages, and for whom the kernel lets wait there */
        if (!CHECK(system_calls <= (stuck ? 2 : 2 * halves + 10)))
            fprintf(stderr, "    %u spans, stuck %u: %u system calls\n", count, stuck, system_calls);
    }
    CHECK(ledger_stats().dropped[TRACE_DROP_RING_FULL] >= count - 2000);
    __atomic_store_n(&one.block, 0u, __ATOMIC_RELEASE);
    CHECK(trace_flush(5000) != TRACE_RESULT_TIMEOUT);
    CHECK_LEDGER();
}
#endif

/* --- the environment, once begun, is the program's --- */

#ifdef __APPLE__
extern char **environ;                           /* declared nowhere else there */
#endif
static uint32_t environment_stays;

/* The thread sanitizer does not look into setenv: so the pointer itself is written too. */
static void *move_environment(void *unused) {
    static char other_name[] = "OTEL_SERVICE_NAME=other";
    static char *other[] = {other_name, NULL};
    char value[4000];
    unsigned i;
    (void)unused;
    for (i = 0; !__atomic_load_n(&environment_stays, __ATOMIC_ACQUIRE); i++) {
        char **kept;
        memset(value, 'a' + (int)(i % 26), sizeof value);
        value[i % (sizeof value - 1)] = '\0';
        setenv(i & 1 ? "OTEL_RESOURCE_ATTRIBUTES" : "OTEL_EXPORTER_OTLP_ENDPOINT", value, 1);
        kept = environ;
        environ = other;
        environ = kept;
        if (i % 16 == 0) ledger_nap(50);
    }
    return NULL;
}

ISOLATED(nothing_reads_the_environment_once_begun) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    pthread_t thread;
    unsigned i;
    config.disable_environment = false;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    environment_reads = 0;
    pthread_create(&thread, NULL, move_environment, NULL);
    for (i = 0; i < 40; i++) {
        char header[200];
        record("x", 50);
        (void)trace_inject_raw(trace_context_current(), header, sizeof header);
        (void)trace_extract_raw(header, 0);
        CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
        (void)ledger_stats();
    }
    CHECK_INT(trace_shutdown(5000), TRACE_RESULT_OK);
    record("late", 1);
    __atomic_store_n(&environment_stays, 1u, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    CHECK_UINT(environment_reads, 0);
    CHECK_UINT(one.spans, 40 * 50);
    CHECK_LEDGER();
}

TEST_MAIN()
