/* test_tail.c - tail sampling: what is kept, what is not, what comes late, and that nothing is lost count of
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include <math.h>
#include "ledger.h"

static uint64_t now_ns = 5000000000u;

static uint64_t fake_clock(void *user) {
    (void)user;
    return now_ns;
}

/* What each exporter heard: "name name;" a batch, "!" before it when it is late. */
typedef struct ear {
    char text[4096];
    size_t size;
    size_t spans;
} ear;

static ear plain, whole;

static void say(ear *self, const char *text, size_t size) {
    if (size > sizeof self->text - 1 - self->size) size = sizeof self->text - 1 - self->size;
    memcpy(self->text + self->size, text, size);
    self->size += size;
    self->text[self->size] = '\0';
}

static trace_result hear(void *user, const trace_batch *batch) {
    ear *const self = (ear *)user;
    if (batch->late) say(self, "!", 1);
    for (size_t i = 0; i < batch->span_count; i++) {
        if (i) say(self, " ", 1);
        say(self, batch->spans[i].name.data, batch->spans[i].name.size);
    }
    say(self, ";", 1);
    self->spans += batch->span_count;
    if (self == &plain) CHECK(!batch->root && batch->span_count);
    return TRACE_RESULT_OK;
}

static trace_exporter listener(ear *self, const char *name, bool whole_traces) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    memset(self, 0, sizeof *self);
    exporter.struct_size = sizeof exporter;
    exporter.name = name;
    exporter.export_fn = hear;
    exporter.user = self;
    exporter.whole_traces = whole_traces;
    return exporter;
}

/* Keeps traces with errors and what took 500 ms; time stands still. */
static trace_config tail_config(void) {
    trace_config config = ledger_config(listener(&plain, "one", false));
    config.exporters[1] = listener(&whole, "two", true);
    config.disable_thread = true;
    config.clock.monotonic_fn = fake_clock;
    config.clock.unix_fn = fake_clock;
    config.tail_sampling.enabled = true;
    config.tail_sampling.slower_than_ms = 500;
    return config;
}

static void begin(const trace_config *config) { CHECK_INT(trace_init(config), TRACE_RESULT_OK); }

static void pump(uint64_t later_ms) {
    now_ns += later_ms * 1000000;
    (void)trace_pump(0);
}

static trace_span start(const char *name, trace_context parent) {
    trace_span_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.parent = parent;
    options.detached = true;
    (void)__atomic_fetch_add(&now_ns, 1u, __ATOMIC_RELAXED); /* none starts with another */
    return trace_span_start_with(name, &options);
}

static trace_context new_root(void) {
    trace_context context;
    memset(&context, 0, sizeof context);
    context.is_explicit = true;
    return context;
}

static trace_context below(trace_span span) { return trace_span_context(span); }

static void finish(trace_span span, bool error) {
    if (error) trace_span_set_status(span, TRACE_STATUS_ERROR, NULL);
    trace_span_end(span);
}

/* A trace of two spans, over at once. */
static void trace_of(const char *root, const char *child, bool error) {
    trace_span outer = start(root, new_root()), inner = start(child, below(outer));
    finish(inner, error);
    finish(outer, false);
}

#define CHECK_HEARD(ear, wanted) CHECK_STR((ear).text, wanted)
#define CHECK_SAMPLED_OUT(wanted) CHECK_UINT(ledger_stats().sampled_out, wanted)

ISOLATED(an_error_in_a_child_keeps_all_of_its_trace) {
    trace_config config = tail_config();
    begin(&config);
    trace_of("good", "child", false);
    trace_of("bad", "failing", true);
    pump(0);
    CHECK_UINT(ledger_stats().pending, 4);
    CHECK_HEARD(plain, "");
    pump(100);
    CHECK_HEARD(plain, "bad failing;");
    CHECK_HEARD(whole, "bad failing;");
    CHECK_SAMPLED_OUT(2);
    CHECK_UINT(ledger_stats().exported, 2);
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_LEDGER();
}

ISOLATED(errors_may_be_no_reason) {
    trace_config config = tail_config();
    config.tail_sampling.disable_errors = true;
    begin(&config);
    trace_of("bad", "failing", true);
    pump(100);
    CHECK_HEARD(whole, "");
    CHECK_SAMPLED_OUT(2);
    CHECK_LEDGER();
}

/* Slow is the whole, from its first start to its last end, also when each span is fast. */
ISOLATED(slow_traces) {
    trace_config config = tail_config();
    trace_span root, child;
    begin(&config);
    root = start("just fast", new_root());
    now_ns += 499999998;
    finish(root, false);
    root = start("just slow", new_root());
    now_ns += 500000000;
    finish(root, false);
    root = start("together", new_root());
    now_ns += 300000000;
    child = start("second half", below(root));
    finish(root, false);
    now_ns += 200000000;
    finish(child, false);
    pump(0);
    pump(100);
    CHECK_HEARD(whole, "just slow;together second half;");
    CHECK_HEARD(plain, "just slow;together second half;");
    CHECK_SAMPLED_OUT(1);
    CHECK_LEDGER();
}

/* A share by the trace id: the same answer every time, about as many as asked for, whatever a ratio sampler took before. */
ISOLATED(a_share_of_the_rest) {
    static const double ratios[] = {0, 0.01, 0.25, 1};
    const uint32_t traces = 4000;
    uint32_t i, r, again;
    trace_config config = tail_config();
    config.tail_sampling.slower_than_ms = 0;
    config.ring_bytes = 4u << 20;
    for (r = 0; r < 4; r++) {
        const double ratio = ratios[r], deviation = sqrt(traces * ratio * (1 - ratio));
        const uint64_t before = ledger_stats().sampled_out;
        config.tail_sampling.ratio = ratio;
        config.sampler = trace_sampler_always_on();
        begin(&config);
        plain.spans = 0;
        for (i = 0; i < traces; i++) finish(start("trace", new_root()), false);
        pump(100);
        CHECK(fabs((double)plain.spans - traces * ratio) <= 5 * deviation);
        CHECK_UINT(ledger_stats().sampled_out - before, traces - plain.spans);
    }
    config.sampler = trace_sampler_ratio(0.25);
    config.tail_sampling.ratio = 0.25;
    begin(&config);
    plain.spans = 0;
    for (i = 0; i < traces; i++) finish(start("trace", new_root()), false);
    pump(100);
    CHECK(fabs((double)plain.spans - traces / 16.0) <= 5 * sqrt(traces / 16.0));
    config.sampler = trace_sampler_always_on();
    begin(&config);
    for (again = 0; again < 3; again++) { /* processes that share a trace agree */
        plain.spans = 0;
        for (i = 0; i < 200; i++) {
            trace_context remote = new_root();
            remote.trace_id[3] = (uint8_t)i;
            remote.trace_id[9] = 7;
            remote.span_id[7] = 1;
            remote.is_remote = true;
            remote.flags = TRACE_FLAG_SAMPLED;
            finish(start("trace", remote), false);
        }
        tracei_free(tracei_assembler.decisions, TRACEI_TAIL_DECISIONS * 8); /* as another process would begin */
        tracei_assembler.decisions = NULL;
        pump(100);
        CHECK(plain.spans > 20 && plain.spans < 80);
        if (again) CHECK_UINT(plain.spans, r);
        r = (uint32_t)plain.spans;
    }
    CHECK_LEDGER();
}

static uint32_t asked, asked_spans;
static bool keep_checkout(void *user, const trace_batch *trace) {
    asked++;
    asked_spans += (uint32_t)trace->span_count;
    CHECK_STR((const char *)user, "mine");
    CHECK(trace->resource != NULL && trace->root != NULL);
    for (size_t i = 0; i < trace->span_count; i++)
        for (size_t j = 0; j < trace->spans[i].attribute_count; j++) {
            const trace_string key = trace->spans[i].attributes[j].key;
            if (key.size == 4 && memcmp(key.data, "user", 4) == 0) return true;
        }
    return false;
}

ISOLATED(a_function_sees_whole_traces) {
    static char mine[] = "mine";
    trace_config config = tail_config();
    trace_span root, child;
    config.tail_sampling.keep_fn = keep_checkout;
    config.tail_sampling.user = mine;
    begin(&config);
    root = start("asked", new_root());
    child = start("user known", below(root));
    trace_span_set_int(child, "user", 42);
    finish(child, false);
    finish(root, false);
    trace_of("nobody", "child", false);
    trace_of("bad", "failing", true); /* kept without asking */
    pump(100);
    CHECK_HEARD(whole, "asked user known;bad failing;");
    CHECK_HEARD(plain, "asked user known;bad failing;");
    CHECK_UINT(asked, 2);
    CHECK_UINT(asked_spans, 4);
    CHECK_SAMPLED_OUT(2);
    CHECK_LEDGER();
}

/* A child that ends after its root counts while the trace waits, and follows the decision after that. */
ISOLATED(children_that_end_after_their_root) {
    trace_config config = tail_config();
    trace_span root, child, later, dropped, dropped_child;
    begin(&config);
    root = start("root", new_root());
    child = start("late error", below(root));
    later = start("later still", below(root));
    dropped = start("dropped", new_root());
    dropped_child = start("error too late", below(dropped));
    finish(root, false);
    finish(dropped, false);
    pump(50);
    CHECK_HEARD(whole, "");
    finish(child, true);
    pump(50);
    CHECK_HEARD(whole, "root late error;");
    CHECK_SAMPLED_OUT(1);
    pump(1000);
    finish(later, false);
    finish(dropped_child, true);
    pump(0);
    pump(0);
    CHECK_HEARD(whole, "root late error;!later still;");
    CHECK_HEARD(plain, "root late error;later still;");
    CHECK_SAMPLED_OUT(2);
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_LEDGER();
}

ISOLATED(no_wait_when_none_is_wanted) {
    trace_config config = tail_config();
    config.tail_sampling.wait_ms = UINT32_MAX;
    begin(&config);
    trace_of("bad", "failing", true);
    pump(0);
    CHECK_HEARD(whole, "bad failing;");
    CHECK_LEDGER();
}

/* Two requests of one trace in this process: one decision when they overlap, else each its own, and once kept is kept. */
ISOLATED(several_local_roots) {
    trace_config config = tail_config();
    trace_context remote = new_root();
    trace_span first, second;
    begin(&config);
    remote.trace_id[0] = remote.span_id[0] = 1;
    remote.is_remote = true;
    remote.flags = TRACE_FLAG_SAMPLED;
    first = start("first", remote);
    second = start("second", remote);
    finish(first, false);
    pump(150);
    pump(150);
    CHECK_HEARD(whole, "");
    CHECK_UINT(ledger_stats().pending, 1);
    finish(second, true);
    pump(100);
    CHECK_HEARD(whole, "first second;");
    pump(1000);
    finish(start("third", remote), false);
    pump(100);
    CHECK_HEARD(whole, "first second;third;");
    remote.trace_id[0] = 2;
    finish(start("dropped", remote), false);
    pump(100);
    CHECK_SAMPLED_OUT(1);
    finish(start("failed", remote), true);
    pump(100);
    CHECK_HEARD(whole, "first second;third;failed;");
    CHECK_LEDGER();
}

/* A root that stays open: its trace is judged when it is too old, by how slow it is so far too; the rest follows. */
ISOLATED(a_trace_that_grows_old) {
    trace_config config = tail_config();
    trace_span slow, fast, child;
    config.tail_sampling.max_age_ms = 3000;
    config.tail_sampling.slower_than_ms = 10000;
    begin(&config);
    slow = start("open with error", new_root());
    fast = start("open", new_root());
    finish(start("error", below(slow)), true);
    finish(start("child", below(fast)), false);
    pump(2900);
    CHECK_UINT(ledger_stats().pending, 2);
    CHECK_HEARD(whole, "");
    pump(200);
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_HEARD(whole, "error;");
    CHECK_SAMPLED_OUT(1);
    child = start("more", below(slow));
    finish(child, false);
    finish(start("less", below(fast)), false);
    pump(0);
    pump(0);
    CHECK_HEARD(whole, "error;!more;");
    CHECK_HEARD(plain, "error;more;");
    CHECK_SAMPLED_OUT(2);
    finish(slow, false);
    finish(fast, false);
    pump(100);
    CHECK_HEARD(plain, "error;more;open with error;");
    CHECK_SAMPLED_OUT(3);
    CHECK_LEDGER();
}

/* More is open than fits: the oldest are judged early, memory stays below its bound, nothing is lost count of. */
ISOLATED(memory_is_bounded) {
    enum { TRACES = 200 };
    static trace_span roots[TRACES];
    trace_config config = tail_config();
    char value[1000];
    uint32_t i, j;
    config.max_trace_bytes = 65536;
    begin(&config);
    memset(value, 'v', sizeof value);
    for (i = 0; i < TRACES; i++) {
        roots[i] = start("root", new_root());
        for (j = 0; j < 3; j++) {
            trace_span child = start("child", below(roots[i]));
            trace_span_set_string_n(child, "value", value, sizeof value);
            finish(child, i % 2 == 0 && j == 2);
        }
        pump(1);
        CHECK(tracei_assembler.bytes <= 65536);
    }
    CHECK(ledger_stats().pending < TRACES);
    for (i = 0; i < TRACES; i++) finish(roots[i], false);
    pump(100);
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_UINT(plain.spans, whole.spans);
    CHECK_UINT(plain.spans, ledger_stats().exported);
    CHECK_UINT(ledger_stats().exported, TRACES / 2 * 4); /* the root of a kept trace is kept, however late */
    CHECK_UINT(ledger_stats().sampled_out, TRACES / 2 * 4);
    CHECK_LEDGER();
}

/* Flush does not wait: what is held is judged as it stands, and the decision holds for what follows. */
ISOLATED(flush_judges_what_is_held) {
    trace_config config = tail_config();
    trace_span bad, good;
    begin(&config);
    bad = start("bad", new_root());
    good = start("good", new_root());
    finish(start("error", below(bad)), true);
    finish(start("child", below(good)), false);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_HEARD(whole, "error;");
    finish(bad, false);
    finish(good, false);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_HEARD(whole, "error;bad;");
    CHECK_HEARD(plain, "error;bad;");
    CHECK_SAMPLED_OUT(2);
    finish(start("again", new_root()), true);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    CHECK_HEARD(whole, "error;bad;again;");
    CHECK_LEDGER();
}

/* Without memory for decisions each part of a trace is judged by itself. */
static void *no_memory_for_decisions(void *user, size_t size) {
    (void)user;
    return size == TRACEI_TAIL_DECISIONS * sizeof *tracei_assembler.decisions ? NULL : ledger_allocate(size);
}
static void release_memory(void *user, void *memory, size_t size) { (void)user, (void)size; ledger_release(memory); }

ISOLATED(decisions_that_there_is_no_memory_for) {
    trace_config config = tail_config();
    config.allocator.allocate_fn = no_memory_for_decisions;
    config.allocator.release_fn = release_memory;
    begin(&config);
    trace_of("good", "child", false);
    trace_of("bad", "failing", true);
    pump(100);
    CHECK_HEARD(plain, "bad failing;");
    CHECK_HEARD(whole, "bad failing;");
    CHECK(tracei_assembler.decisions == NULL);
    CHECK_SAMPLED_OUT(2);
    CHECK_LEDGER();
}

/* Decisions are remembered in bounded memory; a forgotten one is made again by the same rules. */
ISOLATED(decisions_are_forgotten) {
    trace_config config = tail_config();
    trace_span root, child;
    uint32_t i;
    config.ring_bytes = 16u << 20;
    begin(&config);
    root = start("old", new_root());
    child = start("child of old", below(root));
    finish(root, false);
    pump(100);
    CHECK_SAMPLED_OUT(1);
    for (i = 0; i < 200000; i++) {
        finish(start("other", new_root()), false);
        if (i % 4096 == 0) pump(100);
    }
    pump(100);
    finish(child, true);
    pump(0);
    CHECK_UINT(ledger_stats().pending, 1); /* unknown: held until it is old */
    pump(31000);
    CHECK_HEARD(whole, "child of old;");
    CHECK_SAMPLED_OUT(200001);
    CHECK_LEDGER();
}

/* New rules: what is held goes by the old ones, and nothing is handed on twice. */
ISOLATED(init_in_the_middle) {
    trace_config config = tail_config();
    begin(&config);
    trace_of("bad", "failing", true);
    trace_of("good", "child", false);
    pump(0);
    config.tail_sampling.enabled = false;
    begin(&config);
    CHECK_HEARD(whole, "bad failing;");
    CHECK_HEARD(plain, "bad failing;");
    CHECK_SAMPLED_OUT(2);
    trace_of("all", "of it", false);
    pump(0);
    CHECK_UINT(plain.spans, 4);
    trace_of("held", "by the console", false);
    config.tail_sampling.enabled = true;
    begin(&config);
    pump(100);
    CHECK_SAMPLED_OUT(4);
    config.exporters[0] = config.exporters[1];
    memset(&config.exporters[1], 0, sizeof config.exporters[1]);
    trace_of("held", "when there was one", true);
    pump(0);
    begin(&config);
    CHECK_LEDGER();
}

static char said[1000];

static void note_line(void *user, trace_log_level level, const char *message) {
    (void)user, (void)level;
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", message);
}

ISOLATED(wrong_settings) {
    trace_config config = tail_config();
    config.tail_sampling.ratio = 1.5;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.tail_sampling.ratio = -0.1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.tail_sampling.ratio = strtod("nan", NULL);
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.tail_sampling.ratio = 0;
    config.logger.log_fn = note_line;
    said[0] = '\0';
    begin(&config);
    CHECK_STR(said, "");
    config.tail_sampling.enabled = false;
    begin(&config);
    CHECK_STR(said, "trace_config.tail_sampling ignored: .enabled is false\n");
}

/* --- threads: children in other rings, some of them after their root, and a worker that decides meanwhile --- */

typedef struct job {
    trace_context parent;
    bool error;
    uint32_t nap_us;
} job;

static void *work(void *user) {
    const job *const mine = (const job *)user;
    trace_span span = start(mine->error ? "error" : "child", mine->parent);
    if (mine->nap_us) ledger_nap(mine->nap_us);
    finish(span, mine->error);
    return NULL;
}

ISOLATED(children_of_several_rings) {
    enum { TRACES = 60, CHILDREN = 4 };
    static doer counter;
    trace_config config = ledger_config(doer_exporter(&counter, "one"));
    uint32_t i, j, wanted = 0;
    config.tail_sampling.enabled = true;
    config.tail_sampling.wait_ms = 2000; /* longer than any child naps */
    begin(&config);
    for (i = 0; i < TRACES; i++) {
        pthread_t threads[CHILDREN];
        job jobs[CHILDREN];
        trace_span root = start("root", new_root());
        for (j = 0; j < CHILDREN; j++) {
            jobs[j].parent = below(root);
            jobs[j].error = i % 3 == 0 && j == i % CHILDREN;
            jobs[j].nap_us = j == i % CHILDREN ? 3000 : 0;
            pthread_create(&threads[j], NULL, work, &jobs[j]);
        }
        trace_span_end(root); /* before the napping child, which may be the one with the error */
        for (j = 0; j < CHILDREN; j++) pthread_join(threads[j], NULL);
        wanted += i % 3 == 0 ? CHILDREN + 1 : 0;
    }
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(counter.spans, wanted);
    CHECK_UINT(ledger_stats().exported, wanted);
    CHECK_SAMPLED_OUT(TRACES * (CHILDREN + 1) - wanted);
    CHECK_LEDGER();
}

/* --- fork: the child holds nothing of the parent's and judges its own spans --- */

#ifndef _WIN32
ISOLATED(a_forked_child) {
    trace_config config = tail_config();
    trace_span root;
    int status = -1;
    pid_t child;
    config.disable_exit = true;
    begin(&config);
    root = start("parent", new_root());
    finish(start("held", below(root)), false);
    pump(0);
    CHECK_UINT(ledger_stats().pending, 1);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        trace_of("of the child", "failing", true);
        trace_of("of the child", "good", false);
        CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
        CHECK_HEARD(plain, "of the child failing;");
        CHECK_UINT(ledger_stats().sampled_out, 2);
        CHECK_UINT(ledger_stats().ended, 4);
        CHECK_LEDGER();
        _exit(test_failures != 0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    finish(root, true);
    pump(100);
    CHECK_HEARD(plain, "parent held;");
    CHECK_LEDGER();
}
#endif

/* A trace that waits on keeps its place in the line: those that come after it are not lost behind one that has gone. */
ISOLATED(one_that_waits_on_does_not_hide_those_behind_it) {
    trace_config config = tail_config();
    trace_context remote = new_root();
    trace_span first, second;
    begin(&config);
    REQUIRE(trace_context_parse(&remote, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
    first = start("first", remote);
    second = start("second", remote);
    finish(first, true);
    trace_of("other", "child", true);
    pump(60);
    finish(second, false);
    pump(0);
    CHECK_HEARD(whole, "");
    pump(60);
    CHECK_HEARD(whole, "other child;");
    trace_of("late comer", "child", true);
    pump(60);
    CHECK_HEARD(whole, "other child;first second;");
    pump(60);
    CHECK_HEARD(whole, "other child;first second;late comer child;");
    CHECK_UINT(ledger_stats().pending, 0);
    CHECK_LEDGER();
}

/* Decided again is not decided twice: the four of a place are four traces. */
ISOLATED(a_decision_made_again_takes_no_second_place) {
    trace_config config = tail_config();
    uint64_t places[4], low = 1, count = 0;
    bool kept = false;
    begin(&config);
    places[count++] = low++;
    tracei_tail_remember(0, places[0], true);
    for (; count < 4; low++)
        if (tracei_tail_place(tracei_tail_hash(0, low)) == tracei_tail_place(tracei_tail_hash(0, places[0]))) places[count++] = low;
    tracei_tail_remember(0, places[1], false);
    for (int i = 0; i < 8; i++) tracei_tail_remember(0, places[2], i % 2 == 1);
    tracei_tail_remember(0, places[3], false);
    for (int i = 0; i < 4; i++) {
        CHECK(tracei_tail_recall(0, places[i], &kept));
        CHECK_INT(kept, i == 0 || i == 2);
    }
    CHECK(!tracei_tail_recall(0, low, &kept) && !kept);
}

TEST_MAIN()
