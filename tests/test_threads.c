/* test_threads.c - threads that come and go, and spans that go from one to another
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "ledger.h"

static void record(const char *name, unsigned count) {
    while (count--) trace_span_end(trace_span_start(name));
}

static void run(void *(*body)(void *), void *user) {
    pthread_t thread;
    if (CHECK_INT(pthread_create(&thread, NULL, body, user), 0)) pthread_join(thread, NULL);
}

static void *short_life(void *unused) {
    (void)unused;
    TRACE_SPAN("outer") { TRACE_SPAN("inner") { trace_span_set_string(trace_span_current(), "key", "value"); } }
    return NULL;
}

/* Twenty thousand threads: memory is that of the few that lived at once. */
ISOLATED(short_threads) {
    static doer one;
    const unsigned count = (unsigned)test_scaled(20000);
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    unsigned i, j;
    config.lossless_timeout_ms = 5000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < count / 4; i++) {
        pthread_t threads[4];
        for (j = 0; j < 4; j++) pthread_create(&threads[j], NULL, short_life, NULL);
        for (j = 0; j < 4; j++) pthread_join(threads[j], NULL);
    }
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, count / 4 * 8);
    CHECK(ledger_stats().bytes_mapped < 16u << 20);             /* how far behind the worker is, others decide */
    CHECK_LEDGER();
}

static void *fill(void *unused) {
    (void)unused;
    record("x", 2000);
    return NULL;
}

/* Nobody drains: the rings of ended threads stay full, and still memory has a bound. */
ISOLATED(short_threads_and_a_stuck_exporter) {
    static doer one;
    const unsigned more = (unsigned)test_scaled(500);
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    uint64_t mapped;
    unsigned i;
    config.ring_bytes = 65536;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 100; i++) run(fill, NULL);
    mapped = ledger_stats().bytes_mapped;
    for (i = 0; i < more; i++) run(fill, NULL);
    CHECK_UINT(ledger_stats().bytes_mapped, mapped);
    CHECK_UINT(ledger_stats().ended, (100u + more) * 2000u);
    CHECK_LEDGER();
    CHECK_INT(trace_flush(5000), TRACE_RESULT_FAILED);
    CHECK_UINT(ledger_stats().pending, 0);
    for (i = 0; i < 10; i++) {                   /* and the rings are good again */
        run(short_life, NULL);
        CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    }
    CHECK_LEDGER();
}

/* What thread a span is said to be of: also where the ring was full when the thread began. */
static uint64_t thread_seen, thread_is;
static char thread_name_seen[32];

static trace_result look_at_threads(void *user, const trace_batch *batch) {
    size_t i;
    (void)user;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        if (span->name.size != 5 || memcmp(span->name.data, "named", 5) != 0) continue;
        thread_seen = span->thread_id;
        memcpy(thread_name_seen, span->thread_name.data, span->thread_name.size + 1);
    }
    return TRACE_RESULT_OK;
}

static void *named(void *unused) {
    (void)unused;
    thread_is = tracei_thread_id();
#ifdef __linux__
    pthread_setname_np(pthread_self(), "somebody");
#endif
    record("first, dropped", 1);
    (void)trace_flush(1000);
    record("named", 1);
    (void)trace_flush(1000);
    return NULL;
}

ISOLATED(threads_are_named) {
    trace_exporter exporter;
    trace_config config;
    unsigned i;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "one";
    exporter.export_fn = look_at_threads;
    config = ledger_config(exporter);
    config.ring_bytes = 4096;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 60; i++) {
        unsigned j;
        for (j = 0; j < 40; j++) run(fill, NULL);      /* all rings full, of other threads' spans */
        thread_seen = 0;
        thread_name_seen[0] = '\0';
        run(named, NULL);
        if (!CHECK_UINT(thread_seen, thread_is)) break;
#ifdef __linux__
        CHECK_STR(thread_name_seen, "somebody");
#endif
        if (i == 3) break;
    }
    CHECK_LEDGER();
}

/* --- a span ended on another thread --- */

static trace_span_options detached_options(void) {
    trace_span_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.detached = true;
    return options;
}

static void *end_one(void *user) {
    const trace_span span = *(const trace_span *)user;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    trace_span_set_int(span, "there", 1);
    trace_span_set_string(span, "text", text);   /* outgrows its slot, away from home */
    CHECK(trace_span_is_recording(span));
    trace_span_end(span);
    CHECK(!trace_span_is_recording(span));
    return NULL;
}

ISOLATED(ended_elsewhere) {
    static doer one;
    const trace_span_options options = detached_options();
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    uint64_t mapped = 0;
    unsigned i;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 1000; i++) {
        trace_span span = trace_span_start_with("handed over", &options);
        TRACE_SPAN("current") {
            trace_span current = trace_span_current();
            run(end_one, &span);
            TRACE_SPAN("child") {}
            if (i % 2) { /* the current one too: its block then ends what is no more, silently or counted */
                run(end_one, &current);
                TRACE_SPAN("after") { CHECK(trace_span_is_recording(trace_span_current())); }
            }
        }
        if (i == 500) mapped = ledger_stats().bytes_mapped;
    }
    CHECK(ledger_stats().bytes_mapped <= mapped);  /* slots and buffers came back */
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 3500);
    CHECK_UINT(ledger_stats().misused, 500);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_LEDGER();
}

/* The innermost span, ended by another thread: what comes next is a child of the one around it, as if its own thread had
   ended it. */
ISOLATED(current_ended_elsewhere) {
    store *const kept_spans = store_make(10000);
    trace_config config = ledger_config(store_exporter(kept_spans));
    uint32_t i, right = 0;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 100; i++) {
        const trace_span outer = trace_span_start("outer");
        trace_span inner = trace_span_start("inner");
        run(end_one, &inner);
        TRACE_SPAN("next") { TRACE_SPAN("below") {} }
        CHECK_UINT(trace_span_current().id, outer.id);
        trace_span_end(outer);
        CHECK_UINT(trace_span_current().id, 0);
    }
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(kept_spans->count, 400);
    for (i = 0; i + 2 < kept_spans->count; i++) {
        const kept *const below = &kept_spans->spans[i];
        if (strcmp(below[0].name, "below") == 0)
            right += below[0].parent_id == below[1].span_id && below[1].parent_id == below[2].span_id && below[2].parent_id == 0;
    }
    CHECK_UINT(right, 100);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_LEDGER();
}

/* The same before the next span: events, attributes and errors of the current span go to the one around it. */
ISOLATED(noted_after_the_current_ended_elsewhere) {
    static uint64_t memory[8192];
    trace_config config = ledger_config(trace_memory_exporter(memory, sizeof memory));
    trace_span_data spans[4];
    trace_span outer, inner;
    unsigned i;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    outer = trace_span_start("outer");
    inner = trace_span_start("inner");
    run(end_one, &inner);
    trace_event("plain");
    inner = trace_span_start("inner");
    run(end_one, &inner);
    trace_error("Timeout", "no answer");
    inner = trace_span_start("inner");
    run(end_one, &inner);
    trace_span_set_int(tracei_handle(TRACEI_SLOT_CURRENT), "key", 1);
    trace_span_end(outer);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    REQUIRE(trace_memory_get(&config.exporters[0], spans, 4) == 4);
    for (i = 0; i < 3 && !tracei_is(spans[i].name, "outer"); i++) {}
    CHECK_UINT(spans[i].event_count, 2);
    CHECK_UINT(spans[i].attribute_count, 2);         /* error.type, key */
    CHECK_INT(spans[i].status, TRACE_STATUS_ERROR);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_LEDGER();
}

static void *end_as_it_is(void *user) {
    trace_span_end(*(const trace_span *)user);
    return NULL;
}

/* Nor is it ended twice by a handle that was never given out, the next generation's. */
ISOLATED(ended_elsewhere_and_by_an_invented_handle) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_span outer, inner, invented;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    outer = trace_span_start("outer");
    invented = inner = trace_span_start("inner");
    invented.generation++;
    run(end_as_it_is, &inner);
    trace_span_set_int(invented, "key", 1);
    trace_span_end(invented);
    CHECK_UINT(ledger_stats().misused, 2);
    CHECK_UINT(ledger_stats().ended, 1);
    trace_span_end(outer);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 2);
    CHECK_LEDGER();
}

/* A producer starts, a consumer ends: a queue between them, all slots return. */
enum { QUEUE = 64 };
static trace_span queue[QUEUE];
static uint32_t queue_in, queue_out;

static void *consume(void *user) {
    const uint32_t count = *(const uint32_t *)user;
    uint32_t at;
    for (at = 0; at < count; at++) {
        while (__atomic_load_n(&queue_in, __ATOMIC_ACQUIRE) == at) sched_yield();
        TRACE_WITH_SPAN(queue[at % QUEUE]) {
            TRACE_SPAN("job") { trace_event("done"); }
            trace_span_set_string(trace_span_current(), "where", "there");
        }
        trace_span_end(queue[at % QUEUE]);
        __atomic_store_n(&queue_out, at + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

ISOLATED(a_queue_of_spans) {
    const trace_span_options options = detached_options();
    uint32_t count = (uint32_t)test_scaled(50000), i;
    store *const kept = store_make(2 * count + 10);
    trace_config config = ledger_config(store_exporter(kept));
    uint64_t mapped = 0;
    pthread_t thread;
    config.lossless_timeout_ms = 5000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    pthread_create(&thread, NULL, consume, &count);
    for (i = 0; i < count; i++) {
        while (i - __atomic_load_n(&queue_out, __ATOMIC_ACQUIRE) >= QUEUE) sched_yield();
        queue[i % QUEUE] = trace_span_start_with("request", &options);
        trace_span_set_int(queue[i % QUEUE], "number", (int64_t)i);
        __atomic_store_n(&queue_in, i + 1, __ATOMIC_RELEASE);
        if (i == count / 2) mapped = ledger_stats().bytes_mapped;
    }
    pthread_join(thread, NULL);
    CHECK(ledger_stats().bytes_mapped <= mapped + 65536);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(store_count(kept, "request", 0), count);
    CHECK_UINT(store_count(kept, "job", 0), count);
    CHECK_UINT(store_duplicates(kept), 0);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_LEDGER();
}

/* --- left open when its thread ended --- */

static trace_span left[8];

static void *leave_open(void *unused) {
    const trace_span_options options = detached_options();
    trace_context context;
    unsigned i;
    (void)unused;
    for (i = 0; i < 4; i++) left[i] = trace_span_start("left");
    for (; i < 8; i++) left[i] = trace_span_start_with("left detached", &options);
    CHECK(trace_context_parse(&context, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=value"));
    (void)trace_attach(context);
    return NULL;
}

static void *claim_unit(void *unused) {
    (void)unused;
    CHECK(!trace_context_is_valid(trace_context_current()));     /* the last thread's spans are not this one's */
    record("next", 10);
    return NULL;
}

static void *end_half(void *unused) {
    unsigned i;
    (void)unused;
    for (i = 0; i < 8; i += 2) {
        trace_span_set_int(left[i], "late", 1);
        trace_span_end(left[i]);
    }
    return NULL;
}

ISOLATED(left_open_at_thread_exit) {
    store *const kept = store_make(10000);
    trace_config config = ledger_config(store_exporter(kept));
    uint64_t mapped = 0;
    unsigned i, j;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 100; i++) {
        run(leave_open, NULL);
        CHECK_UINT(ledger_stats().open, 8);
        if (i % 2) run(claim_unit, NULL);
        run(end_half, NULL);                     /* by the thread that has the unit now */
        for (j = 1; j < 8; j += 2) trace_span_end(left[j]);      /* by another */
        CHECK_UINT(ledger_stats().open, 0);
        for (j = 0; j < 8; j++) trace_span_end(left[j]);         /* dead */
        if (i == 20) mapped = ledger_stats().bytes_mapped;
    }
    CHECK_UINT(ledger_stats().bytes_mapped, mapped);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(store_count(kept, "left", 0), 400);
    CHECK_UINT(store_count(kept, "left detached", 0), 400);
    CHECK_UINT(store_duplicates(kept), 0);
    CHECK_UINT(ledger_stats().misused, 800);
    CHECK_LEDGER();
}

/* C has no cleanup for this: the end of the thread ends its blocks, and what was left open in them. */
static uint32_t in_block;

__attribute__((no_sanitize_address)) static void *exit_in_blocks(void *how) { /* which believes that stacks are left empty */
    trace_context context;
    left[0] = trace_span_start("left");
    CHECK(trace_context_parse(&context, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=value"));
    TRACE_SPAN("block", .kind = TRACE_KIND_SERVER) {
        TRACE_WITH(context) {
            (void)trace_span_start("left in block");
            TRACE_SPAN("inner block") {
                trace_span_set_int(trace_span_current(), "key", 1);
                if (!how) pthread_exit(NULL);
                __atomic_store_n(&in_block, 1u, __ATOMIC_RELEASE);
                for (;;) ledger_nap(100000), pthread_testcancel();           /* is cancelled here */
            }
        }
    }
    return NULL;
}

ISOLATED(blocks_left_by_the_end_of_a_thread) {
    store *const kept = store_make(10000);
    trace_config config = ledger_config(store_exporter(kept));
    uint64_t mapped = 0;
    unsigned i, j;
    config.max_open_spans = 64;                  /* of which none is lost */
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 100; i++) {
        pthread_t thread;
        in_block = 0;
        pthread_create(&thread, NULL, exit_in_blocks, i % 2 ? &in_block : NULL);
        if (i % 2) {
            CHECK(ledger_await(&in_block, 1, 5000));
            pthread_cancel(thread);
        }
        pthread_join(thread, NULL);
        CHECK_UINT(ledger_stats().open, 1);
        trace_span_end(left[0]);                 /* is still good */
        if (i % 10 == 0) run(claim_unit, NULL);
        if (i == 20) mapped = ledger_stats().bytes_mapped;
    }
    CHECK_UINT(ledger_stats().bytes_mapped, mapped);
    CHECK_UINT(ledger_stats().abandoned, 300);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_UINT(ledger_stats().refused, 0);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(store_count(kept, "left", 0), 100);
    CHECK_UINT(store_count(kept, "left in block", 0), 100);
    for (i = 0; i < kept->count; i++)
        CHECK_UINT(kept->spans[i].is_abandoned, strstr(kept->spans[i].name, "block") != NULL);
    for (i = 0; i < kept->count; i++) {          /* "left in block" is inside "block", and so on */
        if (strcmp(kept->spans[i].name, "inner block") != 0) continue;
        for (j = 0; j < kept->count && kept->spans[j].span_id != kept->spans[i].parent_id; j++) {}
        CHECK(j < kept->count && strcmp(kept->spans[j].name, "left in block") == 0);
    }
    CHECK_LEDGER();
}

#ifndef _WIN32                                   /* where it is none of the system's */
/* --- pthread_cancel --- */

static const char *cancel_when;
static store *cancel_kept;
static char cancel_said[512];
static uint32_t calls_finished;

static void cancel_log(void *user, trace_log_level level, const char *line) {
    (void)user, (void)level;
    pthread_testcancel();                        /* as what writes it somewhere is a cancellation point */
    snprintf(cancel_said, sizeof cancel_said, "%s", line);
}

static trace_config cancel_config(void) {
    trace_config config = ledger_config(store_exporter(cancel_kept));
    config.logger.log_fn = cancel_log;
    config.ring_bytes = 4096;
    config.lossless_timeout_ms = 5000;
    return config;
}

__attribute__((no_sanitize_address)) static void *cancelled(void *begun) { /* see above */
    trace_config config = cancel_config();
    const trace_span span = begun ? trace_span_start("old") : tracei_handle(0);
    unsigned i;
    pthread_cancel(pthread_self());              /* takes effect at the next cancellation point */
    if (strstr(cancel_when, "span")) record("cancelled", 1);
    if (strstr(cancel_when, "wait"))
        for (i = 0; i < 1000; i++) record("cancelled", 1);
    if (begun) trace_span_end(span);
    if (strstr(cancel_when, "log")) trace_span_end(span);
    if (strstr(cancel_when, "extract")) (void)trace_context_current();
    if (strstr(cancel_when, "flush")) (void)trace_flush(5000);
    if (strstr(cancel_when, "pump")) (void)trace_pump(0);
    if (strstr(cancel_when, "init")) CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    if (strstr(cancel_when, "shutdown")) (void)trace_shutdown(5000);
    __atomic_store_n(&calls_finished, 1u, __ATOMIC_RELEASE);
    pthread_testcancel();
    CHECK(false);
    return NULL;
}

static void cancel_one(void *begun) {
    const bool wait = strstr(cancel_when, "wait") != NULL, shut = strstr(cancel_when, "shutdown") != NULL;
    trace_config config = cancel_config();
    config.disable_thread = wait;                /* then who waits for room delivers */
    if (begun) CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    if (begun) record("before", 1);
    run(cancelled, begun);
    CHECK_UINT(calls_finished, 1);
    if (shut) return;
    record("after", 1);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_LEDGER();
    if (!begun) return;
    CHECK_UINT(store_count(cancel_kept, "after", 0), 1);
    CHECK_UINT(store_count(cancel_kept, "old", 0), 1);
    CHECK_UINT(store_count(cancel_kept, "cancelled", 0), wait ? 1000 : strstr(cancel_when, "span") ? 1 : 0);
    CHECK(strstr(cancel_when, "log") ? strstr(cancel_said, "stale") != NULL : !cancel_said[0]);
}

/* No call is a cancellation point: one that was would leave its locks to nobody. */
TEST(a_thread_is_cancelled_outside_of_the_library) {
    static const char *const whens[] = {"span", "wait", "log", "extract", "flush", "pump", "init", "shutdown"};
    static char yes[] = "begun";
    unsigned i;
    for (i = 0; i < 2 * sizeof whens / sizeof *whens; i++) {
        test_child child;
        cancel_when = whens[i / 2];
        if (i % 2 == 0 && (!strcmp(cancel_when, "wait") || !strcmp(cancel_when, "log"))) continue;  /* needs a configuration */
        cancel_kept = store_make(10000);
        calls_finished = 0;
        child = test_fork(cancel_one, i % 2 ? yes : NULL, 20000);
        if (!CHECK_CHILD(&child, 0)) fprintf(stderr, "    (%s, %s)\n", cancel_when, i % 2 ? yes : "first call");
        test_child_free(&child);
    }
}
#endif

/* --- thread-specific destructors --- */

static pthread_key_t before_key, after_key;
static uint32_t destroyed;

static void record_in_destructor(void *value) {
    (void)value;
    record("destructor", 1);
    __atomic_fetch_add(&destroyed, 1u, __ATOMIC_ACQ_REL);
}

static void come_back(void *value) {
    const uintptr_t rounds = (uintptr_t)value;
    record("destructor", 1);
    __atomic_fetch_add(&destroyed, 1u, __ATOMIC_ACQ_REL);
    if (rounds > 1) pthread_setspecific(after_key, (void *)(rounds - 1));
}

static void *with_destructors(void *user) {
    pthread_setspecific(before_key, user);
    pthread_setspecific(after_key, (void *)(uintptr_t)4);        /* as many rounds as there are */
    record("body", 1);
    return NULL;
}

static void *only_in_destructors(void *user) {
    pthread_setspecific(before_key, user);
    return NULL;
}

#ifdef __SANITIZE_THREAD__
#define SKIP_IF_DEAD_TOO_SOON SKIP("the sanitizer takes a thread for ended before the last round of destructors");
#else
#define SKIP_IF_DEAD_TOO_SOON
#endif

ISOLATED_AFTER(spans_in_destructors_of_threads, SKIP_IF_DEAD_TOO_SOON) {
    store *const kept = store_make(100000);
    trace_config config = ledger_config(store_exporter(kept));
    trace_stats stats;
    unsigned i;
    pthread_key_create(&before_key, record_in_destructor);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    pthread_key_create(&after_key, come_back);
    for (i = 0; i < 500; i++) run(i % 2 ? with_destructors : only_in_destructors, &destroyed);
    (void)trace_flush(5000);
    stats = ledger_stats();
    CHECK_UINT(store_count(kept, "body", 0), 250);
    CHECK_UINT(destroyed, 250 + 250 * 5);
    CHECK_UINT(store_count(kept, "destructor", 0) + stats.dropped[TRACE_DROP_SHUTDOWN], destroyed);
    CHECK(store_count(kept, "destructor", 0) >= destroyed - 250);        /* only the very last round comes too late */
    CHECK_UINT(stats.open, 0);
    CHECK(stats.bytes_mapped < 32u << 20);
    CHECK_LEDGER();
}

/* --- many at once --- */

static uint32_t limit_each;

static void *nest(void *user) {
    const unsigned depth = *(const unsigned *)user;
    uint32_t i;
    for (i = 0; i < limit_each; i++) {
        trace_span open[64];
        unsigned d;
        for (d = 0; d < depth; d++) {
            open[d] = trace_span_start("nested");
            trace_span_set_int(open[d], "depth", (int64_t)d);
        }
        for (d = depth; d-- > 0;) trace_span_end(open[i % 2 ? d : depth - 1 - d]);     /* inside out, and the wrong way round */
    }
    return NULL;
}

ISOLATED(many_threads_nested) {
    enum { THREADS = 16 };
    static unsigned depths[THREADS];
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    pthread_t threads[THREADS];
    uint64_t total = 0;
    unsigned i;
    limit_each = (uint32_t)test_scaled(500);
    config.lossless_timeout_ms = 10000;
    config.ring_bytes = 65536;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < THREADS; i++) {
        depths[i] = 1 + i * 4;
        total += (uint64_t)limit_each * depths[i];
        pthread_create(&threads[i], NULL, nest, &depths[i]);
    }
    for (i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, total);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_UINT(ledger_stats().abandoned, 0);
    CHECK_LEDGER();
}

/* Children on many threads of one span, whose own thread goes on below it at the same time. */
static trace_span shared_span;

static void *child_of_shared(void *unused) {
    uint32_t i;
    (void)unused;
    for (i = 0; i < limit_each; i++) {
        TRACE_WITH_SPAN(shared_span) { TRACE_SPAN("elsewhere") {} }
        TRACE_WITH(trace_span_context(shared_span)) { TRACE_SPAN("elsewhere") {} }
    }
    return NULL;
}

ISOLATED(one_parent_many_threads) {
    enum { THREADS = 4 };
    store *const kept = store_make(200000);
    trace_config config = ledger_config(store_exporter(kept));
    pthread_t threads[THREADS];
    uint32_t i, wrong = 0;
    limit_each = (uint32_t)test_scaled(2000);
    config.lossless_timeout_ms = 10000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("parent") {
        shared_span = trace_span_current();
        for (i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, child_of_shared, NULL);
        record("here", limit_each);
        for (i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    }
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(store_count(kept, "elsewhere", 0), 2 * THREADS * limit_each);
    for (i = 0; i < kept->count; i++)
        wrong += kept->spans[i].parent_id != (strcmp(kept->spans[i].name, "parent") ? store_find(kept, "parent")->span_id : 0);
    CHECK_UINT(wrong, 0);
    CHECK_UINT(store_duplicates(kept), 0);
    CHECK_LEDGER();
}

/* --- what belongs to one thread --- */

static trace_mark foreign_mark;
static trace_attachment foreign_attachment;

static void *use_foreign(void *unused) {
    (void)unused;
    TRACE_SPAN("mine") {
        const trace_context before = trace_context_current();
        trace_context after;
        trace_unwind(foreign_mark);
        trace_detach(foreign_attachment);
        after = trace_context_current();
        CHECK_MEM(before.span_id, after.span_id, 8);
    }
    return NULL;
}

ISOLATED(marks_and_attachments_of_other_threads) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_context context;
    trace_mark mark;
    trace_attachment attachment;
    unsigned i;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK(trace_context_parse(&context, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", NULL));
    TRACE_SPAN("outer") {
        foreign_mark = trace_mark_get();
        foreign_attachment = trace_attach(context);
        TRACE_SPAN("inner") {
            for (i = 0; i < 10; i++) run(use_foreign, NULL);
            CHECK_UINT(ledger_stats().misused, 20);
            CHECK(trace_span_is_recording(trace_span_current()));
        }
        trace_detach(foreign_attachment);
        trace_detach(foreign_attachment);        /* twice */
        foreign_attachment.generation++;         /* its slot as it is now: free */
        trace_detach(foreign_attachment);
        CHECK_UINT(ledger_stats().misused, 22);
        CHECK(trace_span_is_recording(trace_span_current()));
    }
    for (i = 0; i < 1000; i++) {                 /* invented ones */
        test_random_bytes(&mark, sizeof mark);
        test_random_bytes(&attachment, sizeof attachment);
        trace_unwind(mark);
        trace_detach(attachment);
    }
    memset(&mark, 0, sizeof mark);
    memset(&attachment, 0, sizeof attachment);
    trace_unwind(mark);
    trace_detach(attachment);
    CHECK_UINT(ledger_stats().misused, 2022);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_LEDGER();
}

/* Unit and mark of a thread that ended; its successor has the same unit. */
static void *take_mark(void *unused) {
    (void)unused;
    foreign_mark = trace_mark_get();
    return NULL;
}

ISOLATED(marks_of_a_predecessor) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    run(take_mark, NULL);
    foreign_attachment = (trace_attachment){foreign_mark.thread, 0, 1};
    run(use_foreign, NULL);
    CHECK_UINT(ledger_stats().misused, 2);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 1);
    CHECK_LEDGER();
}

TEST_MAIN()
