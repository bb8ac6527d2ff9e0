/* test_queue.c - an exporter that blocks, behind a queue of its own: nobody else waits, nothing is lost uncounted
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* also: plain c++ */
/* not: windows: no fork */
#include "test.h"

static const char *refused;                  /* what the system does not give */
static bool refuse(const char *what) { return refused && strcmp(refused, what) == 0; }
#define TRACEI_FAIL(what) refuse(what)

#define TRACE_IMPLEMENTATION
#include "../trace_queue.h"

#include "ledger.h"

static char logged[4096];

static void keep_log(void *user, trace_log_level level, const char *line) {
    const size_t used = strlen(logged);
    (void)user, (void)level;
    snprintf(logged + used, sizeof logged - used, "%s\n", line);
}

static trace_config queue_config(trace_exporter first, trace_exporter second) {
    trace_config config = ledger_config(first);
    config.exporters[1] = second;
    config.logger.log_fn = keep_log;
    return config;
}

static void record(const char *name, unsigned count) {
    while (count--) trace_span_end(trace_span_start(name));
}

static uint32_t read_word(const uint32_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static void set_word(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

/* --- what it is for --- */

ISOLATED(others_go_on_while_one_blocks) {
    static doer one, two;
    const unsigned rounds = 20;
    unsigned i;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    one.block = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    REQUIRE(ledger_await(&one.inside, 1, 10000));
    for (i = 0; i < rounds; i++) {
        const uint32_t flushes = read_word(&two.flushes);
        const uint64_t started = test_now_ms();
        record("x", 500);
        do CHECK_INT(trace_flush(2), TRACE_RESULT_TIMEOUT);    /* by the one that blocks; the other has its turn, if not in every 2 ms */
        while (read_word(&two.flushes) == flushes && test_now_ms() - started < 10000);
    }
    CHECK(ledger_await(&two.spans, rounds * 500 + 1, 10000));
    CHECK(two.flushes >= rounds);
    CHECK_UINT(one.spans, 0);
    CHECK_UINT(ledger_of("one").received, rounds * 500 + 1);
    CHECK_UINT(ledger_of("one").queued, rounds * 500 + 1);
    CHECK_UINT(ledger_of("one").blocked_ns, 0);
    CHECK_UINT(ledger_stats().exported, rounds * 500 + 1);
    CHECK_LEDGER();
    set_word(&one.block, 0);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, rounds * 500 + 1);
    CHECK(one.flushes >= 1);
    CHECK_UINT(ledger_of("one").sent, rounds * 500 + 1);
    CHECK(ledger_of("one").last_success_unix_ns != 0);
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.shutdowns, 1);
    CHECK_STR(logged, "");
    CHECK_LEDGER();
}

/* --- what is queued is what was there --- */

typedef struct script { size_t size; char text[1 << 17]; } script;

static void put(script *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    out->size += (size_t)vsnprintf(out->text + out->size, sizeof out->text - out->size, format, arguments);
    va_end(arguments);
    if (out->size >= sizeof out->text) abort();
}

static void put_string(script *out, const char *label, trace_string string) {
    put(out, " %s=%.*s", label, (int)string.size, string.data ? string.data : "");
}

static void put_value(script *out, const trace_value *value) {
    size_t i;
    put(out, ":%d:", (int)value->type);
    switch (value->type) {
    case TRACE_TYPE_INT: put(out, "%" PRId64, value->as.integer); break;
    case TRACE_TYPE_DOUBLE: put(out, "%.17g", value->as.number); break;
    case TRACE_TYPE_BOOL: put(out, "%d", value->as.boolean); break;
    case TRACE_TYPE_ARRAY:
        for (i = 0; i < value->as.array.count; i++) put_value(out, &value->as.array.items[i]);
        break;
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
    case TRACE_TYPE_BYTES: put_string(out, "text", value->as.string); break;
    case TRACE_TYPE_NULL:
    default: break;
    }
}

static void put_attributes(script *out, const trace_attribute *attributes, size_t count, uint32_t dropped) {
    size_t i;
    put(out, " {");
    for (i = 0; i < count; i++) put_string(out, "key", attributes[i].key), put_value(out, &attributes[i].value);
    put(out, " }-%u", dropped);
}

static void put_id(script *out, const uint8_t *id, size_t size) {
    put(out, " ");
    while (size--) put(out, "%02x", *id++);
}

static void put_span(script *out, const trace_span_data *span) {
    size_t i;
    put_id(out, span->trace_id, 16), put_id(out, span->span_id, 8), put_id(out, span->parent_span_id, 8);
    put(out, " %u %d %d %d %d %d %" PRIu64 " %" PRIu64 " %" PRIu64, span->flags, span->parent_is_remote, span->is_local_root,
        span->is_abandoned, (int)span->kind, (int)span->status, span->start_unix_ns, span->end_unix_ns, span->thread_id);
    put_string(out, "name", span->name), put_string(out, "message", span->status_message);
    put_string(out, "state", span->trace_state), put_string(out, "thread", span->thread_name);
    put(out, " scope=%s", span->scope ? span->scope->name : "none");
    put_attributes(out, span->attributes, span->attribute_count, span->dropped_attribute_count);
    for (i = 0; i < span->event_count; i++) {
        const trace_event_data *const event = &span->events[i];
        put(out, " event %" PRIu64, event->unix_ns), put_string(out, "name", event->name);
        put_attributes(out, event->attributes, event->attribute_count, event->dropped_attribute_count);
    }
    for (i = 0; i < span->link_count; i++) {
        const trace_link_data *const link = &span->links[i];
        put(out, " link"), put_id(out, link->context.trace_id, 16), put_id(out, link->context.span_id, 8);
        put_string(out, "state", link->trace_state);
        put_attributes(out, link->attributes, link->attribute_count, link->dropped_attribute_count);
    }
    put(out, " -%u -%u\n", span->dropped_event_count, span->dropped_link_count);
}

static trace_result script_export(void *user, const trace_batch *batch) {
    script *const out = (script *)user;
    size_t i;
    put(out, "batch late=%d", batch->late);
    put_attributes(out, batch->resource->attributes, batch->resource->attribute_count, 0);
    put_string(out, "schema", batch->resource->schema_url);
    put(out, "\n");
    if (batch->root) put(out, "root"), put_span(out, batch->root);
    for (i = 0; i < batch->span_count; i++) {
        if (batch->root == &batch->spans[i]) put(out, "the root");
        put_span(out, &batch->spans[i]);
    }
    return TRACE_RESULT_OK;
}

static trace_exporter script_exporter(script *out, const char *name, bool whole_traces) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = name;
    exporter.export_fn = script_export;
    exporter.user = out;
    exporter.whole_traces = whole_traces;
    return exporter;
}

static void record_everything(void) {
    static const trace_scope scope = {"a.scope", "2", NULL};
    static const int64_t numbers[] = {1, -2, INT64_MAX};
    static const char *const words[] = {"a", NULL, "ccc"};
    trace_attribute attributes[2];
    static trace_span_options options;           /* zero, in C++ too */
    trace_context remote;
    trace_span outer, inner;
    attributes[0] = TRACE_ATTR_STRING("at", "the event");
    attributes[1] = TRACE_ATTR_DOUBLE("ratio", 0.25);
    CHECK(trace_context_parse(&remote, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1,other=2"));
    options.kind = TRACE_KIND_SERVER;
    options.scope = &scope;
    options.parent = remote;
    outer = trace_span_start_with("outer", &options);
    trace_span_set_string(outer, "text", "a text that is not short at all");
    trace_span_set_ints(outer, "numbers", numbers, 3);
    trace_span_set_strings(outer, "words", words, 3);
    trace_span_set_bytes(outer, "bytes", "\1\2\3", 3);
    trace_span_set_json(outer, "json", "{\"a\":[1,2]}");
    trace_span_set_double(outer, "double", 1.5);
    trace_span_set_bool(outer, "bool", true);
    trace_span_set_uint(outer, "uint", UINT64_MAX);
    trace_span_add_event(outer, "event", attributes, 2);
    trace_span_add_link(outer, remote, attributes, 1);
    inner = trace_span_start("inner");
    trace_span_record_error(inner, "Timeout", "no answer");
    trace_span_end(inner);
    trace_span_end(outer);
}

static void compare_copies(bool whole_traces) {
    static script direct, queued;
    trace_config config = queue_config(trace_queue_exporter(script_exporter(&queued, "one", whole_traces), 0),
                                       script_exporter(&direct, "two", whole_traces));
    trace_span root;
    config.service_name = "a service";
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    root = trace_span_start("open for long");
    trace_span_end(trace_span_start("below it"));
    record_everything();
    trace_pump(1000);
    if (whole_traces) (void)tracei_assembler_decide(true);           /* now the open root is announced */
    record_everything();
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    trace_span_end(root);
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    CHECK(direct.size > 3000);
    CHECK_HAS(direct.text, "key=json:7: text={\"a\":[1,2]}");
    CHECK_HAS(direct.text, "state=vendor=1,other=2");
    CHECK_INT(strstr(direct.text, "the root") != NULL, whole_traces);
    CHECK_STR(queued.text, direct.text);
    CHECK_LEDGER();
}

ISOLATED(batches_arrive_whole) { compare_copies(false); }
ISOLATED(traces_arrive_whole) { compare_copies(true); }

/* --- a queue has an end --- */

ISOLATED(a_full_queue_drops_and_says_so) {
    static doer one, two;
    trace_exporter_stats stats;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 65536), doer_exporter(&two, "two"));
    one.block = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 2000);
    CHECK(ledger_await(&two.spans, 2000, 10000));
    CHECK_INT(trace_flush(1), TRACE_RESULT_TIMEOUT);
    stats = ledger_of("one");
    CHECK_UINT(stats.received, 2000);
    CHECK(stats.queued > 100 && stats.queued < 500);           /* filled to the last: spans go one by one when they must */
    CHECK_UINT(stats.failed[TRACE_FAILURE_QUEUE_FULL], 2000 - stats.queued);
    CHECK_HAS(stats.last_error, "the queue is full");
    CHECK_STR(logged, "exporter one: the queue is full (queue_bytes of trace_queue_exporter, or it is too slow); "
                      "spans are dropped and counted\n");
    set_word(&one.block, 0);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);        /* some were lost */
    CHECK_UINT(one.spans, stats.queued);
    record("x", 50);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, stats.queued + 50);
    CHECK_UINT(two.spans, 2050);
    CHECK_LEDGER();
}

ISOLATED(what_is_larger_than_the_queue_is_told) {
    static doer one, two;
    static char large[70000];
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 1), doer_exporter(&two, "two"));
    memset(large, 'x', sizeof large - 1);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    TRACE_SPAN("large") { trace_span_set_string(trace_span_current(), "text", large); }
    record("x", 1);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    CHECK_UINT(ledger_of("one").failed[TRACE_FAILURE_TOO_LARGE] + ledger_of("one").failed[TRACE_FAILURE_QUEUE_FULL], 1);
    TRACE_SPAN("large") { trace_span_set_string(trace_span_current(), "text", large); }
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    CHECK(ledger_of("one").failed[TRACE_FAILURE_TOO_LARGE] >= 1);       /* by itself, in an empty queue */
    CHECK_HAS(ledger_of("one").last_error, "larger than the queue");
    CHECK_UINT(one.spans, 2);
    CHECK_UINT(two.spans, 4);
    CHECK_LEDGER();
}

ISOLATED(a_queue_that_is_too_small_is_raised) {
    static doer one;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&one, "two"));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    (void)trace_queue_exporter(doer_exporter(&one, "one"), 1000);
    CHECK_STR(logged, "trace_queue_exporter: queue_bytes is raised to 65,536\n");
}

ISOLATED(without_memory) {
    static doer one, two;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    trace_exporter bare;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);         /* the queue's memory was given back */
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    refused = "memory";
    bare = trace_queue_exporter(doer_exporter(&one, "one"), 0);
    CHECK(bare.export_fn == doer_export && bare.user == &one);
    CHECK_STR(logged, "trace_queue_exporter: no memory; exporter one is used without a queue\n");
    record("x", 3);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    CHECK_UINT(ledger_of("one").failed[TRACE_FAILURE_QUEUE_FULL], 3);
    CHECK_HAS(ledger_of("one").last_error, "no memory");
    CHECK_UINT(two.spans, 4);
    refused = NULL;
    record("x", 1);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 2);
    bare.export_fn = NULL;                                      /* one that could not be made stays one that could not be made */
    CHECK(trace_queue_exporter(bare, 0).export_fn == NULL);
    CHECK_LEDGER();
}

/* Batches of all sizes, a slow reader, a small ring that wraps all the time: what arrives is in order, the rest is counted. */
typedef struct sequence { uint64_t last; uint32_t spans, out_of_order, nap; } sequence;

static trace_result sequence_export(void *user, const trace_batch *batch) {
    sequence *const self = (sequence *)user;
    size_t i;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        size_t j;
        self->out_of_order += span->attribute_count != 2 || (uint64_t)span->attributes[0].value.as.integer <= self->last;
        self->last = (uint64_t)span->attributes[0].value.as.integer;
        for (j = 0; j < span->attributes[1].value.as.string.size; j++)
            self->out_of_order += span->attributes[1].value.as.string.data[j] != (char)('a' + self->last % 26);
    }
    self->spans += (uint32_t)batch->span_count;
    self->nap = self->nap * 1103515245u + 12345u;              /* the test's own dice are another thread's */
    if (self->nap >> 30 == 0) ledger_nap(self->nap >> 16 & 2047u);
    return TRACE_RESULT_OK;
}

ISOLATED(a_ring_that_wraps) {
    static sequence received;
    static doer two;
    trace_exporter exporter = doer_exporter(&two, "one");
    trace_exporter_stats stats;
    trace_config config;
    uint64_t number = 0;
    unsigned i, spans = 0;
    exporter.export_fn = sequence_export, exporter.user = &received;
    exporter.flush_fn = NULL, exporter.shutdown_fn = NULL, exporter.fork_fn = NULL;
    config = queue_config(trace_queue_exporter(exporter, 0), doer_exporter(&two, "two"));
    config.exporters[0] = trace_queue_exporter(exporter, 65536);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < test_scaled(1000); i++) {
        unsigned left = (unsigned)test_random_below(40);
        for (spans += left; left; left--) {
            char text[3000];
            const size_t size = (size_t)test_random_below(left % 8 ? 100 : sizeof text);
            memset(text, (int)('a' + ++number % 26), size);
            TRACE_SPAN("x") {
                trace_span_set_int(trace_span_current(), "number", (int64_t)number);
                trace_span_set_string_n(trace_span_current(), "text", text, size);
            }
        }
        (void)trace_flush(test_random_below(8) == 0 ? 10000 : 0);
    }
    (void)trace_flush(10000);
    stats = ledger_of("one");
    CHECK_UINT(received.out_of_order, 0);
    CHECK_UINT(received.spans, stats.sent);
    CHECK_UINT(stats.received, spans);
    CHECK_UINT(stats.queued, 0);
    CHECK(stats.sent > spans / 10);
    CHECK_UINT(two.spans, spans);
    CHECK_LEDGER();
}

/* --- flush --- */

ISOLATED(flush_answers_what_the_exporter_answers) {
    static doer one, two;
    trace_result fine = TRACE_RESULT_OK;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 5);
    one.flush_result = TRACE_RESULT_FAILED;
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    CHECK_UINT(one.spans, 5);                    /* flushed after they were handed over */
    one.flush_result = TRACE_RESULT_TIMEOUT;
    CHECK_INT(trace_flush(100), TRACE_RESULT_TIMEOUT);
    __atomic_store(&one.flush_result, &fine, __ATOMIC_RELAXED);         /* its thread may be asking still */
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    one.fail = 1;
    record("x", 2);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    CHECK_UINT(ledger_of("one").failed[TRACE_FAILURE_REJECTED], 2);
    CHECK_LEDGER();
}

ISOLATED(calls_from_inside_it) {
    static doer one, two;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    one.call_back = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_INT(one.nested_flush, TRACE_RESULT_BUSY);
    CHECK_INT(one.nested_shutdown, TRACE_RESULT_BUSY);
    CHECK_INT(one.nested_init, TRACE_RESULT_BUSY);
    CHECK_UINT(ledger_stats().started, 1);       /* it does not feed itself */
    CHECK_LEDGER();
}

/* --- the end, and after it --- */

ISOLATED(shutdown_leaves_one_that_blocks) {
    static doer one, two;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    one.block = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    REQUIRE(ledger_await(&one.inside, 1, 10000));
    record("y", 9);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_FAILED);      /* spans were lost */
    CHECK_UINT(two.spans, 10);
    CHECK_UINT(two.shutdowns, 1);
    CHECK_UINT(ledger_of("one").failed[TRACE_FAILURE_SHUTDOWN], 9);
    CHECK_UINT(ledger_of("one").queued, 1);                    /* still in its hands */
    CHECK_HAS(logged, "exporter one: shut down before 10 spans in its queue were exported\n");
    CHECK_LEDGER();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);           /* it goes on, with what comes now */
    record("z", 2);
    CHECK(ledger_await(&two.spans, 12, 10000));
    set_word(&one.block, 0);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 3);
    CHECK_UINT(one.shutdowns, 0);
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.shutdowns, 1);
    CHECK_LEDGER();
}

ISOLATED(one_that_comes_back_after_shutdown_ends) {
    static doer one, two;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    one.block = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    REQUIRE(ledger_await(&one.inside, 1, 10000));
    record("y", 9);
    (void)trace_shutdown(50);
    set_word(&one.block, 0);
    CHECK(ledger_await(&one.shutdowns, 1, 10000));             /* its last call, late */
    CHECK_UINT(one.spans, 1);                                  /* what was given up stays so */
    CHECK_UINT(ledger_of("one").sent, 1);
    CHECK_UINT(ledger_of("one").queued, 0);
    CHECK_LEDGER();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);           /* and then it begins anew */
    record("z", 2);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 3);
    CHECK_LEDGER();
}

static uint32_t shut_gate, shut_inside;

static void shut_slowly(void *user, uint64_t deadline_ns) {
    set_word(&shut_inside, 1);
    while (!read_word(&shut_gate)) ledger_nap(500);
    doer_shutdown(user, deadline_ns);
}

ISOLATED(spans_while_it_is_shut_down) {
    static doer one, two;
    trace_exporter exporter = doer_exporter(&one, "one");
    trace_config config;
    exporter.shutdown_fn = shut_slowly;
    config = queue_config(trace_queue_exporter(exporter, 0), doer_exporter(&two, "two"));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 3);
    (void)trace_shutdown(50);
    REQUIRE(ledger_await(&shut_inside, 1, 10000));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("y", 2);
    (void)trace_flush(100);
    CHECK_UINT(ledger_of("one").failed[TRACE_FAILURE_SHUTDOWN], 2);
    CHECK_HAS(logged, "exporter one: it is still being shut down");
    set_word(&shut_gate, 1);
    REQUIRE(ledger_await(&one.shutdowns, 1, 10000));
    do record("z", 1), (void)trace_flush(10000);
    while (!ledger_of("one").sent);
    CHECK(one.spans >= 4);
    CHECK_LEDGER();
}

ISOLATED(shutdown_and_init_again_and_again) {
    static doer one, two;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    const unsigned rounds = (unsigned)test_scaled(200);
    size_t mapped = 0;
    unsigned i;
    for (i = 0; i < rounds; i++) {
        CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
        record("x", 3);
        CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
        if (i == 1) mapped = ledger_stats().bytes_mapped;
    }
    CHECK_UINT(one.spans, 3 * rounds);
    CHECK_UINT(one.shutdowns, rounds);
    CHECK_UINT(ledger_stats().bytes_mapped, mapped);
    CHECK_LEDGER();
}

static store *shared;

static trace_result never_back(void *user, const trace_batch *batch) {
    (void)batch;
    while (!read_word((const uint32_t *)user)) ledger_nap(100000);
    return TRACE_RESULT_OK;
}

static void exit_with_it_stuck(void *unused) {
    static uint32_t never;
    trace_exporter exporter = doer_exporter(NULL, "one");
    trace_config config;
    (void)unused;
    exporter.export_fn = never_back, exporter.user = &never;
    exporter.flush_fn = NULL, exporter.shutdown_fn = NULL, exporter.fork_fn = NULL;
    config = queue_config(trace_queue_exporter(exporter, 0), store_exporter(shared));
    config.logger.log_fn = NULL;
    config.exit_timeout_ms = 300;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 100);
}

TEST(a_program_ends_though_it_blocks) {
    test_child child;
    shared = store_make(200);
    child = test_fork(exit_with_it_stuck, NULL, 30000);
    CHECK_CHILD(&child, 0);
    CHECK_UINT(store_count(shared, "x", 0), 100);
    CHECK_HAS(child.err, "exporter one: shut down before 100 spans in its queue were exported");
    test_child_free(&child);
}

static void record_and_exit(void *unused) {
    trace_config config = ledger_config(trace_queue_exporter(store_exporter(shared), 0));
    (void)unused;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 100);
}

/* The worker never saw them: the thread begins at exit. */
TEST(a_short_program_loses_nothing) {
    test_child child;
    shared = store_make(200);
    child = test_fork(record_and_exit, NULL, 30000);
    CHECK_CHILD(&child, 0);
    CHECK_UINT(store_count(shared, "x", 0), 100);
    test_child_free(&child);
}

/* --- fork --- */

#ifdef __SANITIZE_THREAD__
TEST(a_fork_while_it_blocks) { SKIP("the thread sanitizer lets a child of a program with threads start none"); }
#else
static doer *forked;

static void in_the_child(void *unused) {
    (void)unused;
    set_word(&forked->block, 0);
    record("child", 4);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(forked->forks, 1);
    CHECK_UINT(forked->spans, 4);                /* nothing of the parent's */
    CHECK_UINT(ledger_of("one").received, 4);
    CHECK_LEDGER();
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
}

ISOLATED_FORKS(a_fork_while_it_blocks) {
    static doer one, two;
    test_child child;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    forked = &one;
    one.block = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    REQUIRE(ledger_await(&one.inside, 1, 10000));
    record("y", 9);
    CHECK(ledger_await(&two.spans, 10, 10000));
    child = test_fork(in_the_child, NULL, 30000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    set_word(&one.block, 0);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 10);
    CHECK_LEDGER();
}
#endif

/* --- without threads --- */

ISOLATED(without_threads_the_caller_waits) {
    static doer one, two;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 3);
    CHECK_UINT(trace_pump(1000), 3);
    CHECK_UINT(two.spans, 3);
    CHECK_UINT(one.spans, 0);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 3);
    CHECK_UINT(one.flushes, 1);
    record("x", 3);
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 6);
    CHECK_UINT(one.shutdowns, 1);
    CHECK_UINT(tracei_threads_started, 0);
    CHECK_LEDGER();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 2);
    CHECK_INT(trace_shutdown(0), TRACE_RESULT_FAILED);         /* no time at all: counted, and said */
    CHECK_UINT(ledger_of("one").failed[TRACE_FAILURE_SHUTDOWN], 2);
    CHECK_UINT(one.spans, 6);
    CHECK_UINT(one.shutdowns, 2);
    CHECK_LEDGER();
}

ISOLATED(a_thread_that_is_refused) {
    static doer one, two;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    refused = "thread";
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 3);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 3);
    refused = NULL;
    record("x", 3);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 6);
    CHECK(tracei_threads_started > 0);
    CHECK_LEDGER();
}

/* A whole trace that does not fit is dropped whole: half a trace would be a wrong one. */
typedef struct wholes { uint32_t traces, partial; } wholes;

static trace_result wholes_export(void *user, const trace_batch *batch) {
    wholes *const self = (wholes *)user;
    self->traces++;
    self->partial += batch->span_count != 41;
    return TRACE_RESULT_OK;
}

ISOLATED(whole_traces_stay_whole) {
    static wholes seen;
    static doer two;
    trace_exporter exporter = doer_exporter(&two, "one");
    trace_exporter_stats stats;
    trace_config config;
    unsigned i;
    exporter.export_fn = wholes_export, exporter.user = &seen, exporter.whole_traces = true;
    exporter.flush_fn = NULL, exporter.shutdown_fn = NULL, exporter.fork_fn = NULL;
    config = queue_config(trace_queue_exporter(exporter, 65536), doer_exporter(&two, "two"));
    config.disable_thread = true;                /* so that the queue fills up for certain */
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 20; i++)
        TRACE_SPAN("root") { record("x", 40); }
    while (trace_pump(1000)) {}
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    stats = ledger_of("one");
    CHECK(seen.traces >= 2 && seen.traces < 10);
    CHECK_UINT(seen.partial, 0);
    CHECK_UINT(stats.sent, 41 * seen.traces);
    CHECK_UINT(stats.failed[TRACE_FAILURE_QUEUE_FULL], 41 * (20 - seen.traces));
    CHECK_LEDGER();
}

/* One without shutdown_fn is flushed at the end. */
ISOLATED(the_last_flush) {
    static doer one, two;
    trace_exporter exporter = doer_exporter(&one, "one");
    trace_config config;
    exporter.shutdown_fn = NULL;
    config = queue_config(trace_queue_exporter(exporter, 0), doer_exporter(&two, "two"));
    config.exporters[1].name = NULL, config.exporters[1].export_fn = NULL, config.exporters[1].struct_size = 0;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 3);
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 3);
    CHECK_UINT(one.flushes, 2);                                  /* by the shutdown, and by the queue when it ends */
    CHECK_LEDGER();
}

/* --- an exporter with a ledger of its own --- */

static trace_exporter_stats refusing;

static trace_result refuse_all(void *user, const trace_batch *batch) {
    (void)user;
    refusing.received += batch->span_count;
    refusing.failed[TRACE_FAILURE_REJECTED] += batch->span_count;
    return TRACE_RESULT_FAILED;
}

static void refusing_stats(void *user, trace_exporter_stats *stats) { (void)user, *stats = refusing; }

ISOLATED(what_it_refuses_is_counted_once) {
    static doer one, two;
    trace_exporter exporter = doer_exporter(&one, "one");
    trace_config config;
    exporter.export_fn = refuse_all, exporter.stats_fn = refusing_stats;
    config = queue_config(trace_queue_exporter(exporter, 0), doer_exporter(&two, "two"));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 3);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    CHECK_UINT(ledger_of("one").failed[TRACE_FAILURE_REJECTED], 3);
    CHECK_LEDGER();
}

ISOLATED(what_it_refuses_is_said_once) {
    static doer one, two;
    trace_config config = queue_config(trace_queue_exporter(doer_exporter(&one, "one"), 0), doer_exporter(&two, "two"));
    unsigned i;
    one.fail = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 3; i++) {
        record("x", 3);
        CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    }
    CHECK_UINT(ledger_of("one").failed[TRACE_FAILURE_REJECTED], 9);
    CHECK_HAS(logged, "exporter one: export_fn did not answer OK (spans were lost): ");
    CHECK(strchr(logged, '\n') == strrchr(logged, '\n'));
    CHECK_LEDGER();
}

static trace_result export_and_exit(void *user, const trace_batch *batch) {
    (void)user, (void)batch;
    exit(7);
}

static void exit_inside(void *unused) {
    static doer one, two;
    trace_exporter exporter = doer_exporter(&one, "one");
    trace_config config;
    (void)unused;
    exporter.export_fn = export_and_exit;
    config = queue_config(trace_queue_exporter(exporter, 0), doer_exporter(&two, "two"));
    config.logger.log_fn = NULL;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 3);
    (void)trace_flush(5000);
    ledger_nap(5000000);
}

TEST(exit_on_its_thread_is_said) {
    test_child child = test_fork(exit_inside, NULL, 10000);
    CHECK_CHILD(&child, 7);
    CHECK_HAS(child.err, "exit was called inside of ");
    test_child_free(&child);
}

ISOLATED(its_own_ledger_counts) {
    static uint64_t bytes[4096];
    static doer two;
    const trace_exporter memory = trace_memory_exporter(bytes, sizeof bytes);
    trace_config config = queue_config(trace_queue_exporter(memory, 0), doer_exporter(&two, "two"));
    trace_exporter_stats stats, its;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 500);                            /* more than fit there */
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    memory.stats_fn(memory.user, &its);
    stats = ledger_of("memory");
    CHECK_UINT(stats.received, 500);
    CHECK_UINT(stats.sent, its.sent);
    CHECK(its.sent > 10 && its.sent < 400);
    CHECK_UINT(stats.failed[TRACE_FAILURE_QUEUE_FULL], its.failed[TRACE_FAILURE_QUEUE_FULL]);
    CHECK_STR(stats.last_error, its.last_error);
    CHECK_UINT(trace_memory_get(&memory, NULL, 0), its.sent);
    CHECK_LEDGER();
}

TEST_MAIN()
