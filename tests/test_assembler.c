/* Whole traces: what an exporter that asks for them is handed, and when.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include "settled.h"
#include <pthread.h>

static uint64_t now_ns = 5000000000u, tick_ns; /* what a reading takes */

static uint64_t fake_clock(void *user) {
    (void)user;
    return __atomic_add_fetch(&now_ns, tick_ns, __ATOMIC_RELAXED);
}

/* One line a batch: "root[*][!] late: name name ..."; * the root is open, ! late. */
static char heard[65536];
static size_t heard_size, heard_spans;

static void say(const char *text, size_t size) {
    if (size > sizeof heard - 1 - heard_size) size = sizeof heard - 1 - heard_size;
    memcpy(heard + heard_size, text, size);
    heard_size += size;
    heard[heard_size] = '\0';
}

static trace_result hear(void *user, const trace_batch *batch) {
    size_t i;
    (void)user;
    if (batch->root) {
        say(batch->root->name.data, batch->root->name.size);
        if (!batch->root->end_unix_ns) say("*", 1);
    } else {
        say("-", 1);
    }
    if (batch->late) say("!", 1);
    say(":", 1);
    for (i = 0; i < batch->span_count; i++) {
        say(" ", 1);
        say(batch->spans[i].name.data, batch->spans[i].name.size);
        if (i) CHECK(batch->spans[i].start_unix_ns >= batch->spans[i - 1].start_unix_ns);
    }
    heard_spans += batch->span_count;
    say("\n", 1);
    return TRACE_RESULT_OK;
}

static void begin_with(uint32_t max_trace_bytes) {
    trace_config config;
    memset((void *)&config, 0, sizeof config);
    config.exporters[0].struct_size = sizeof(trace_exporter);
    config.exporters[0].name = "listener";
    config.exporters[0].export_fn = hear;
    config.exporters[0].whole_traces = true;
    config.disable_thread = true;
    config.disable_environment = true;
    config.max_trace_bytes = max_trace_bytes;
    config.clock.monotonic_fn = fake_clock;
    config.clock.unix_fn = fake_clock;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    heard_size = heard_spans = 0;
    heard[0] = '\0';
}

static void begin(void) {
    begin_with(0);
}

static void pump(uint64_t later_ns) {
    (void)__atomic_add_fetch(&now_ns, later_ns, __ATOMIC_RELAXED);
    (void)trace_pump(0);
}

static void ledger(void) {
    trace_stats stats;
    uint64_t dropped = 0;
    size_t i;
    trace_get_stats(&stats);
    for (i = 0; i < TRACE_DROP_COUNT; i++) dropped += stats.dropped[i];
    CHECK_UINT(stats.ended, stats.exported + stats.sampled_out + dropped + stats.pending);
}

static trace_span start(const char *name) {
    (void)__atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);
    return trace_span_start(name);
}

TEST(nothing_before_the_root_has_ended) {
    trace_span root, child;
    begin();
    root = start("root");
    child = start("child");
    trace_span_end(child);
    pump(1000);
    CHECK_STR(heard, "");
    ledger();
    trace_span_end(root);
    pump(1000);
    CHECK_STR(heard, "root: root child\n");
    ledger();
}

TEST(a_forced_flush_hands_on_what_waits_and_marks_the_open_root) {
    trace_span root, child;
    begin();
    root = start("root");
    child = start("child");
    trace_span_end(child);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_STR(heard, "root*:\nroot*: child\n");
    child = start("second");
    trace_span_end(child);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_STR(heard, "root*:\nroot*: child\nroot*: second\n"); /* announced once */
    trace_span_end(root);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_STR(heard, "root*:\nroot*: child\nroot*: second\nroot: root\n");
    ledger();
}

TEST(a_root_open_for_two_seconds_is_announced_and_its_children_go_out_alone) {
    trace_span root, child, grandchild;
    begin();
    root = start("serve");
    child = start("early");
    trace_span_end(child);
    pump(1000000000u);
    CHECK_STR(heard, "");
    pump(1500000000u);
    pump(1000);
    CHECK_STR(heard, "serve*:\nserve*: early\n");
    child = start("request");
    grandchild = start("query");
    trace_span_end(grandchild);
    pump(1000);
    CHECK_STR(heard, "serve*:\nserve*: early\n"); /* the request is still open */
    trace_span_end(child);
    pump(1000);
    CHECK_STR(heard, "serve*:\nserve*: early\nserve*: request query\n");
    trace_span_end(root);
    pump(1000);
    CHECK_STR(heard, "serve*:\nserve*: early\nserve*: request query\nserve: serve\n");
    CHECK_UINT(heard_spans, 4);
    ledger();
}

TEST(children_of_an_open_root_go_out_in_the_order_they_began) {
    char name[8], expected[512] = "serve*:\n";
    trace_span root;
    size_t i;
    begin();
    root = start("serve");
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "r%u", (unsigned)i);
        trace_span_end(start(name));
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "serve*: %s\n", name);
    }
    pump(2500000000u);
    pump(1000);
    CHECK_STR(heard, expected);
    trace_span_end(root);
    pump(1000);
    ledger();
}

/* Processor time for a phase of so many requests below a root that stays open; below a second span when `nested`. */
static clock_t cost_below_open_root(unsigned long requests, bool announced, bool nested) {
    trace_span root, phase;
    clock_t before;
    unsigned long i;
    begin();
    root = start("serve");
    pump(announced ? 2500000000u : 1000);
    before = clock();
    phase = nested ? start("phase") : root;
    for (i = 0; i < requests; i++) {
        const trace_span request = start("request");
        trace_span_end(start("query"));
        trace_span_end(request);
        if (i % 512 == 0) pump(1000);
    }
    if (nested) trace_span_end(phase);
    if (!announced) pump(2500000000u);
    pump(1000);
    CHECK_UINT(heard_spans, 2 * requests + nested);
    before = clock() - before;
    trace_span_end(root);
    pump(1000);
    ledger();
    return before;
}

TEST(a_busy_root_that_stays_open_costs_what_its_spans_cost) {
    const unsigned long requests = test_scaled(16000), few = requests / 16;
    int i;
    if (few < 100) SKIP("too few to tell");
    for (i = 0; i < 4; i++) { /* quadratic would be 256; and a margin for a clock that is coarse */
        const bool announced = i / 2 != 0, nested = i % 2 != 0;
        const clock_t part = cost_below_open_root(few, announced, nested);
        CHECK(cost_below_open_root(requests, announced, nested) <= 4 * 16 * part + CLOCKS_PER_SEC / 2);
    }
}

TEST(what_comes_after_its_tree_is_late) {
    trace_span root, straggler;
    trace_span_options options;
    begin();
    memset((void *)&options, 0, sizeof options);
    root = start("root");
    options.detached = true;
    straggler = trace_span_start_with("straggler", &options);
    trace_span_end(root);
    pump(1000);
    trace_span_end(straggler);
    pump(1000);
    pump(1000);
    CHECK_HAS(heard, "root: root\n");
    CHECK_HAS(heard, "-!: straggler\n");
    ledger();
}

TEST(two_local_roots_of_one_trace) {
    trace_context remote;
    trace_span_options options;
    trace_span one, two, below_one, below_two;
    begin();
    REQUIRE(trace_context_parse(&remote, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
    memset((void *)&options, 0, sizeof options);
    options.parent = remote;
    options.detached = true;
    (void)__atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);
    one = trace_span_start_with("one", &options);
    (void)__atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);
    two = trace_span_start_with("two", &options);
    options.parent = trace_span_context(one);
    (void)__atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);
    below_one = trace_span_start_with("below one", &options);
    options.parent = trace_span_context(two);
    (void)__atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);
    below_two = trace_span_start_with("below two", &options);
    trace_span_end(below_two);
    trace_span_end(below_one);
    trace_span_end(one);
    pump(1000);
    CHECK_STR(heard, "one: one below one\n");
    trace_span_end(two);
    pump(1000);
    CHECK_STR(heard, "one: one below one\ntwo: two below two\n");
    ledger();
}

/* Ids that agree in one half only: a root takes nothing with it that is not its own. */
TEST(traces_are_told_apart_by_all_of_their_ids) {
    size_t half;
    for (half = 0; half < 2; half++) {
        trace_span_options options;
        trace_span root, child;
        begin();
        memset((void *)&options, 0, sizeof options);
        REQUIRE(trace_context_parse(&options.parent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
        options.detached = true;
        root = trace_span_start_with("root", &options);
        options.parent = trace_span_context(root);
        (void)__atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);
        child = trace_span_start_with("child", &options);
        options.parent.trace_id[half ? 8 : 0] ^= 1;      /* the other half is what traces are first looked up by */
        if (half) options.parent.trace_id[12] ^= 1;
        trace_span_end(trace_span_start_with("stranger", &options));
        trace_span_end(child);
        trace_span_end(root);
        pump(1000);
        CHECK_STR(heard, "root: root child\n");
        pump(11000000000u);
        CHECK_STR(heard, "root: root child\n-: stranger\n");
        ledger();
        CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    }
}

/* Of two open roots the one that has ended is open no more. */
TEST(the_root_that_stays_open_is_announced) {
    trace_span_options options;
    trace_span one, two;
    begin();
    memset((void *)&options, 0, sizeof options);
    REQUIRE(trace_context_parse(&options.parent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
    options.detached = true;
    one = trace_span_start_with("one", &options);
    (void)__atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);
    two = trace_span_start_with("two", &options);
    pump(1000);
    trace_span_end(two);
    pump(1000);
    CHECK_STR(heard, "two: two\n");
    pump(3000000000u);
    CHECK_STR(heard, "two: two\none*:\n");
    trace_span_end(one);
    pump(1000);
    CHECK_STR(heard, "two: two\none*:\none: one\n");
    ledger();
}

TEST(spans_whose_root_is_never_seen_go_out_after_ten_seconds) {
    trace_context elsewhere;
    trace_span_options options;
    begin();
    memset((void *)&elsewhere, 0, sizeof elsewhere);
    elsewhere.trace_id[0] = elsewhere.span_id[0] = 9;
    elsewhere.flags = TRACE_FLAG_SAMPLED;
    elsewhere.is_explicit = true; /* not remote: as if its root were in this process */
    memset((void *)&options, 0, sizeof options);
    options.parent = elsewhere;
    trace_span_end(trace_span_start_with("orphan", &options));
    pump(1000);
    pump(9000000000u);
    CHECK_STR(heard, "");
    pump(2000000000u);
    CHECK_STR(heard, "-: orphan\n");
    ledger();
}

TEST(memory_is_bounded_and_the_oldest_goes_first) {
    trace_span_options options;
    trace_span roots[64];
    size_t i, j;
    begin_with(65536);
    memset((void *)&options, 0, sizeof options);
    options.detached = true;
    options.root = true;
    for (i = 0; i < 64; i++) {
        (void)__atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);
        roots[i] = trace_span_start_with("root", &options);
        for (j = 0; j < 10; j++) {
            trace_span_options child;
            trace_span span;
            memset((void *)&child, 0, sizeof child);
            child.parent = trace_span_context(roots[i]);
            span = trace_span_start_with("child", &child);
            trace_span_set_string(span, "padding", "................................................................................");
            trace_span_end(span);
        }
        pump(1000);
        CHECK(tracei_assembler.bytes <= 65536);
    }
    CHECK(heard_spans > 0);
    ledger();
    for (i = 0; i < 64; i++) trace_span_end(roots[i]);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(heard_spans, 64 * 11);
    ledger();
}

/* What a span brings along is asked for before it is taken in. */
TEST(a_large_span_is_held_within_the_bound_too) {
    static char padding[12001];
    trace_span_options options;
    trace_span roots[64];
    size_t i;
    begin_with(65536);
    memset(padding, 'x', sizeof padding - 1);
    memset((void *)&options, 0, sizeof options);
    options.detached = options.root = true;
    for (i = 0; i < 64; i++) {
        trace_span_options child;
        trace_span span;
        roots[i] = trace_span_start_with("root", &options);
        memset((void *)&child, 0, sizeof child);
        child.parent = trace_span_context(roots[i]);
        span = trace_span_start_with("child", &child);
        padding[sizeof padding - 1 - i * 100] = '\0';
        trace_span_set_string(span, "padding", padding);
        trace_span_end(span);
        pump(1000);
        CHECK(tracei_assembler.bytes <= 65536);
    }
    for (i = 0; i < 64; i++) trace_span_end(roots[i]);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(heard_spans, 64 * 2);
    ledger();
}

/* What an exporter of spans is handed, and in how many batches. */
static size_t plain_spans, plain_batches;

static trace_result hear_plain(void *user, const trace_batch *batch) {
    size_t i;
    (void)user;
    CHECK(!batch->root);
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        char text[32];
        const char *const name = text;
        snprintf(text, sizeof text, "item %u", (unsigned)plain_spans++);
        if (plain_spans > 1000) {
            CHECK_TEXT(span->name.data, span->name.size, "import");
            continue;
        }
        CHECK_TEXT(span->name.data, span->name.size, name);
        CHECK_UINT(span->attribute_count, 1);
        CHECK_TEXT(span->attributes[0].value.as.string.data, span->attributes[0].value.as.string.size, name);
    }
    plain_batches++;
    return TRACE_RESULT_OK;
}

/* Both are told in the same pass, from one arena: what was read for the one is handed to it before the other's parts are made. */
TEST(a_full_assembler_beside_an_exporter_of_spans) {
    trace_config config;
    trace_span root;
    size_t i;
    memset((void *)&config, 0, sizeof config);
    config.exporters[0].struct_size = config.exporters[1].struct_size = sizeof(trace_exporter);
    config.exporters[0].name = "plain";
    config.exporters[0].export_fn = hear_plain;
    config.exporters[1].name = "listener";
    config.exporters[1].export_fn = hear;
    config.exporters[1].whole_traces = true;
    config.disable_thread = true;
    config.disable_environment = true;
    config.max_trace_bytes = 65536;
    config.clock.monotonic_fn = config.clock.unix_fn = fake_clock;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    heard_size = heard_spans = plain_spans = plain_batches = 0;
    root = start("import");
    for (i = 0; i < 1000; i++) {
        char name[32];
        const trace_span item = start("item");
        snprintf(name, sizeof name, "item %u", (unsigned)i);
        trace_span_set_name(item, name);
        trace_span_set_string(item, "name", name);
        trace_span_end(item);
    }
    trace_span_end(root);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(plain_spans, 1001);
    CHECK(plain_batches < 50);
    CHECK_UINT(heard_spans, 1001);
    ledger();
}

/* Returns how many batches of it were heard as late, below no root. */
static size_t hear_large_trace(const char *between) {
    size_t i, late = 0;
    const char *at;
    trace_span root, phase;
    begin_with(65536);
    root = start("import");
    phase = between ? start(between) : root;
    for (i = 0; i < 1000; i++) {
        const trace_span item = start("item");
        trace_span_end(item);
        if (i % 50 == 0) pump(1000);
        CHECK(tracei_assembler.bytes <= 65536);
    }
    if (between) trace_span_end(phase);
    trace_span_end(root);
    pump(1000);
    CHECK_UINT(heard_spans, 1001u + (between != NULL));
    CHECK_HAS(heard, "import*:\nimport*: item item");
    for (at = heard; (at = strstr(at, "-!:")) != NULL; at++) late++;
    ledger();
    return late;
}

TEST(a_trace_beyond_the_bound_goes_out_in_parts_of_its_root) {
    CHECK_UINT(hear_large_trace(NULL), 0);
    CHECK_UINT(hear_large_trace("phase"), 0);
}

/* Small traces that wait for their judgement fill the memory again and again: the one whose root is open goes out in parts, and is
   neither forgotten nor taken for late. */
TEST(a_flood_does_not_cost_an_open_root) {
    trace_span_options options;
    trace_span busy, idle;
    size_t i, j, parts = 0, ends = 0;
    const char *at;
    begin_with(65536);
    memset((void *)&options, 0, sizeof options);
    options.detached = true;
    options.root = true;
    idle = trace_span_start_with("idle", &options);
    busy = start("busy");
    for (i = 0; i < 40; i++) {
        for (j = 0; j < 100; j++) trace_span_end(trace_span_start_with("small", &options));
        trace_span_end(start("loop"));
        pump(1000);
        CHECK(tracei_assembler.bytes <= 65536);
    }
    CHECK_HAS_NOT(heard, "!:");
    CHECK_HAS_NOT(heard, "\n-:");
    for (at = heard; (at = strstr(at, "busy*: loop")) != NULL; at++) parts++;
    CHECK(parts > 1);
    heard_size = 0;
    heard[0] = '\0';
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    for (at = heard; (at = strstr(at, "*:\n")) != NULL; at++) ends++;
    CHECK_UINT(ends, 2);                     /* each once more */
    CHECK_HAS(heard, "busy*:\n");
    CHECK_HAS(heard, "idle*:\n");
    ledger();
    trace_span_end(busy);
    trace_span_end(idle);
}

/* A child ended on another thread before its root: in another ring, and yet in the tree. */
static void *end_it(void *user) {
    trace_span_end(*(trace_span *)user);
    return NULL;
}

/* Its end stands in a ring that is drained before the one with its beginning: it is over all the same. */
TEST(a_root_that_another_thread_ended_is_not_open) {
    trace_span_options options;
    trace_span root;
    pthread_t thread;
    begin();
    memset((void *)&options, 0, sizeof options);
    options.detached = true;
    root = trace_span_start_with("root", &options);
    REQUIRE(pthread_create(&thread, NULL, end_it, &root) == 0);
    pthread_join(thread, NULL);
    pump(1000);
    CHECK_STR(heard, "root: root\n");
    pump(3000000000u);
    pump(1000);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_STR(heard, "root: root\n");           /* not announced as open */
    ledger();
}

TEST(children_in_other_rings_are_there_when_their_root_is_judged) {
    const size_t rounds = test_scaled(200) + 20;
    size_t i;
    begin_with(0);
    for (i = 0; i < rounds; i++) {
        trace_span_options options;
        trace_span root = trace_span_start("root"), child;
        pthread_t thread;
        memset((void *)&options, 0, sizeof options);
        options.detached = true;
        child = trace_span_start_with("child", &options);
        REQUIRE(pthread_create(&thread, NULL, end_it, &child) == 0);
        pthread_join(thread, NULL);
        trace_span_end(root);
        heard_size = 0;
        (void)trace_pump(0);
        CHECK_STR(heard, "root: root child\n");
    }
    ledger();
}

/* --- a pass that has not the time for all --- */

static trace_result hear_slowly(void *user, const trace_batch *batch) {
    (void)__atomic_add_fetch(&now_ns, 1000000, __ATOMIC_RELAXED);
    return hear(user, batch);
}

static void begin_slowly(void) {
    trace_config config;
    memset((void *)&config, 0, sizeof config);
    config.exporters[0].struct_size = sizeof(trace_exporter);
    config.exporters[0].name = "listener";
    config.exporters[0].export_fn = hear_slowly;
    config.exporters[0].whole_traces = true;
    config.disable_thread = config.disable_environment = true;
    config.clock.monotonic_fn = config.clock.unix_fn = fake_clock;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    heard_size = heard_spans = 0;
    heard[0] = '\0';
}

static void heard_next(uint32_t budget_us, const char *expected) {
    heard_size = 0;
    heard[0] = '\0';
    (void)trace_pump(budget_us);
    CHECK_STR(heard, expected);
}

/* One trace at a time; what ends meanwhile comes after what was due before. */
TEST(traces_there_was_no_time_for_come_next) {
    begin_slowly();
    trace_span_end(start("a"));
    trace_span_end(start("b"));
    trace_span_end(start("c"));
    heard_next(100, "a: a\n");
    trace_span_end(start("d"));
    heard_next(100, "b: b\n");
    heard_next(1500, "c: c\nd: d\n");
    heard_next(100, "");
    trace_span_end(start("e"));
    trace_span_end(start("f"));
    heard_size = 0;
    CHECK_INT(trace_flush(1), TRACE_RESULT_TIMEOUT);
    CHECK_STR(heard, "e: e\n");
    CHECK_INT(trace_flush(10), TRACE_RESULT_OK);
    CHECK_STR(heard, "e: e\nf: f\n");
    ledger();
}

/* The same for the parts of one trace: children of an announced root, and several local roots. */
TEST(parts_there_was_no_time_for_come_next) {
    trace_span_options options;
    trace_span root, one, two, remote;
    trace_context above;
    size_t i;
    begin_slowly();
    root = start("root");
    (void)__atomic_add_fetch(&now_ns, 3000000000u, __ATOMIC_RELAXED);
    heard_next(100, "root*:\n");
    for (i = 0; i < 3; i++) {
        one = start("outer");
        two = start("inner");
        trace_span_end(two);
        trace_span_end(one);
    }
    heard_next(100, "root*: outer inner\n");
    heard_next(1500, "root*: outer inner\nroot*: outer inner\n");
    trace_span_end(root);
    heard_next(0, "root: root\n");
    memset((void *)&options, 0, sizeof options);
    remote = start("elsewhere");
    above = trace_span_context(remote);
    above.is_remote = true;
    options.parent = above;
    for (i = 0; i < 3; i++) {
        (void)__atomic_add_fetch(&now_ns, 1000, __ATOMIC_RELAXED);
        one = trace_span_start_with(i == 0 ? "first" : i == 1 ? "second" : "third", &options);
        trace_span_end(start("child"));
        trace_span_end(one);
    }
    trace_span_end(remote);
    heard_next(100, "elsewhere: elsewhere\n");
    heard_next(100, "first: first child\n");
    heard_next(100, "second: second child\n");
    heard_next(100, "third: third child\n");
    heard_next(100, "");
    ledger();
}

/* The root is in the ring that is drained first, and the round is cut behind it, again and again: its child is waited for. */
static void *end_it_before_many(void *user) {
    size_t i;
    trace_span_end(*(trace_span *)user);
    for (i = 0; i < 3 * TRACEI_BATCH_SPANS; i++) trace_span_end(trace_span_start("f"));
    return NULL;
}

TEST(a_round_that_was_cut_is_not_yet_one) {
    trace_span_options options;
    trace_span root, child;
    pthread_t thread;
    size_t pumps, i;
    begin_slowly();
    tick_ns = 1000;
    memset((void *)&options, 0, sizeof options);
    options.detached = true;
    root = trace_span_start_with("root", &options);
    options.parent = trace_span_context(root);
    child = trace_span_start_with("child", &options);
    for (i = 0; i < 2; i++) trace_span_end(trace_span_start("g"));
    trace_span_end(child);
    REQUIRE(pthread_create(&thread, NULL, end_it_before_many, &root) == 0);
    pthread_join(thread, NULL);
    for (pumps = 0; !heard_size && pumps < 20; pumps++) (void)trace_pump(1);
    CHECK_STR(heard, "root: root child\n");
    CHECK_UINT(pumps, 6);
    tick_ns = 0;
    CHECK_INT(trace_flush(0), TRACE_RESULT_OK);
    CHECK_UINT(heard_spans, 2 + 2 + 3 * TRACEI_BATCH_SPANS);
    ledger();
}

#define CHURNED (test_scaled(20000) + 200)

static void *churn(void *user) {
    size_t i;
    for (i = 0; i < CHURNED; i++) {
        trace_span root = trace_span_start("r");
        trace_span_end(trace_span_start("a"));
        trace_span_end(trace_span_start("b"));
        trace_span_end(root);
        sched_yield();
    }
    (void)TRACEI_ADD((uint32_t *)user, 1u);
    return NULL;
}

static size_t complete, incomplete;
static trace_result count_complete(void *user, const trace_batch *batch) {
    (void)user;
    if (batch->span_count == 3 && batch->root && !batch->late)
        complete++;
    else
        incomplete++;
    return TRACE_RESULT_OK;
}

/* Time stands still: after a pause of the machine, a root open for two seconds would rightly be announced. */
TEST(a_consumer_that_never_rests_sees_whole_traces_only) {
    trace_config config;
    pthread_t threads[2];
    uint32_t done = 0;
    size_t i;
    memset((void *)&config, 0, sizeof config);
    config.exporters[0].struct_size = sizeof(trace_exporter);
    config.exporters[0].export_fn = count_complete;
    config.exporters[0].whole_traces = true;
    config.disable_thread = config.disable_environment = true;
    config.lossless_timeout_ms = 10000;
    config.clock.monotonic_fn = config.clock.unix_fn = fake_clock;
    REQUIRE(trace_init(&config) == TRACE_RESULT_OK);
    for (i = 0; i < 2; i++) REQUIRE(pthread_create(&threads[i], NULL, churn, &done) == 0);
    while (TRACEI_LOAD_ACQUIRE(&done) < 2) (void)trace_pump(0);
    for (i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(complete, 2 * CHURNED);
    CHECK_UINT(incomplete, 0);
    ledger();
}

static void hold_more_than_64_kib(bool expected_early) {
    trace_span_options options;
    trace_span root;
    size_t i;
    memset((void *)&options, 0, sizeof options);
    options.root = true;
    root = trace_span_start_with("held", &options);
    for (i = 0; i < 1000; i++) trace_span_end(trace_span_start("child"));
    (void)trace_pump(0);
    CHECK((heard_spans > 0) == expected_early);
    trace_span_end(root);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
}

TEST(a_bound_of_an_earlier_configuration_is_gone_with_it) {
    begin_with(65536);
    hold_more_than_64_kib(true);
    CHECK(heard_spans == 1001);
    begin();
    hold_more_than_64_kib(false);
    CHECK(heard_spans == 1001);
    ledger();
}

/* Entries as small as they can be, in as many views as they can make; nothing is written beyond what was reserved for them. */
static unsigned char *put_entry(unsigned char *at, int type, size_t key, const unsigned char *value, size_t size) {
    tracei_entry_header head;
    memset(&head, 0, sizeof head);
    head.type = (uint8_t)type;
    head.key_size = (uint16_t)key;
    head.size = (uint32_t)size;
    memcpy(at, &head, sizeof head);
    memset(at + sizeof head, 'k', tracei_padded((uint32_t)key));
    at += sizeof head + tracei_padded((uint32_t)key);
    if (size) memmove(at, value, size);
    return at + tracei_padded((uint32_t)size);
}

static size_t random_items(unsigned char *into, int depth) {
    unsigned char inner[4096], *at = into;
    uint32_t left = test_random_below(4);
    for (; left; left--) {
        const size_t size = depth < 3 && test_random_below(2) ? random_items(inner, depth + 1) : 0;
        at = put_entry(at, size ? TRACE_TYPE_ARRAY : TRACE_TYPE_STRING, 0, inner, size);
    }
    return (size_t)(at - into);
}

static unsigned char *random_attributes(unsigned char *at, uint32_t count) {
    unsigned char items[4096];
    for (; count; count--) {
        const size_t size = random_items(items, 0);
        at = put_entry(at, test_random_below(2) ? TRACE_TYPE_ARRAY : TRACE_TYPE_NULL, 1 + test_random_below(9), items, size);
    }
    return at;
}

TEST(views_fit_where_they_are_put) {
    static unsigned char payload[1 << 20], value[1 << 16];
    const unsigned long rounds = test_scaled(20000);
    unsigned long round;
    begin();
    for (round = 0; round < rounds; round++) {
        unsigned char *at = payload;
        tracei_record record;
        const tracei_interval interval = {1, 2, 0};
        trace_span_data view;
        uint32_t left = test_random_below(4);
        memset(value, 0, 64);
        for (; left; left--) {
            const uint32_t what = test_random_below(3), head = what == 1 ? sizeof(tracei_event_head) : sizeof(tracei_link_head);
            unsigned char *const end = random_attributes(value + head, test_random_below(3));
            if (!what)
                at = random_attributes(at, 1 + test_random_below(3));
            else
                at = put_entry(at, what == 1 ? TRACEI_ENTRY_EVENT : TRACEI_ENTRY_LINK, 0, value, (size_t)(end - value));
        }
        memset(&record, 0, sizeof record);
        record.payload = (uint32_t)(at - payload);
        CHECK(tracei_views_reserve(tracei_views_needed(record.payload)));
        tracei_decode(&view, &record, payload, &interval, 1, "");
        CHECK(tracei_views.used <= tracei_views_needed(record.payload));
        tracei_views_reset();
    }
}

TEST_MAIN()
