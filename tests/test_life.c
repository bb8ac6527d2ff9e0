/* test_life.c - fork, exec, exit, init and shutdown, in every order
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* not: windows: no fork */
#include "test.h"

/* Registered before the library's own constructor has run. */
static void early_fork_child(void);
#include <pthread.h>
__attribute__((constructor(102))) static void register_early(void) { pthread_atfork(NULL, NULL, early_fork_child); }

#include "hostile_server.h"

#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"

#include "ledger.h"

static void record(const char *name, unsigned count) {
    while (count--) trace_span_end(trace_span_start(name));
}

TEST_UNUSED static unsigned threads_of_this_process(void) {
    char *text = test_read_file("/proc/self/status", NULL);
    const char *at = text ? strstr(text, "Threads:") : NULL;
    const unsigned count = at ? (unsigned)strtoul(at + 8, NULL, 10) : 0;
    free(text);
    return count - test_in_old_qemu();           /* which has one of its own */
}

/* Runs until the process of that id has ended; its status as waitpid gives it, -1 after so many ms. */
static int await_process(pid_t pid, unsigned timeout_ms) {
    const uint64_t deadline = ledger_ms() + timeout_ms;
    int status;
    for (;;) {
        if (waitpid(pid, &status, WNOHANG) == pid) return status;
        if (ledger_ms() > deadline) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        ledger_nap(200);
    }
}

/* Of a thread that was joined the kernel may speak a moment longer. */
TEST_UNUSED static unsigned threads_in_the_end(unsigned count) {
    const uint64_t deadline = ledger_ms() + 5000;
    while (threads_of_this_process() > count && ledger_ms() < deadline) ledger_nap(500);
    return threads_of_this_process();
}

#define EXIT_SLACK_MS 60 /* fork and process */
/* Children of a program with threads, which start their own. */
#ifdef __SANITIZE_THREAD__
#define ISOLATED_WITH_HEIRS(name) ISOLATED_AFTER(name, SKIP("the thread sanitizer cannot follow threads into children");)
#else
#define ISOLATED_WITH_HEIRS(name) ISOLATED_FORKS(name)
#endif

#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return "die_after_fork=0:atexit_sleep_ms=0"; }
#define THREADS_ARE(count) true /* it has some of its own */
#define THREADS_REMAIN(count) true
#else
#define THREADS_ARE(count) CHECK_UINT(threads_of_this_process(), count)
#define THREADS_REMAIN(count) CHECK_UINT(threads_in_the_end(count), count)
#endif

static store *spans;              /* what all processes of the running test delivered */

/* --- fork --- */

static bool early_records;

static void early_fork_child(void) {
    if (early_records) record("early", 1);
}

static uint32_t tracing_over;
static uint32_t traced;

static void *trace_on(void *user) {
    const uint32_t *const limit = (const uint32_t *)user;
    uint32_t mine = 0;
    while (!__atomic_load_n(&tracing_over, __ATOMIC_ACQUIRE) && mine < *limit) {
        TRACE_SPAN("busy") { TRACE_SPAN("busy inside") { trace_span_set_string(trace_span_current(), "key", "value"); } }
        mine += 2;
        if (mine % 64 == 0) ledger_nap(100);
    }
    __atomic_fetch_add(&traced, mine, __ATOMIC_ACQ_REL);
    return NULL;
}

static void child_of_many(uint64_t current, trace_span inherited) {
    const trace_context context = trace_context_current();
    trace_stats stats;
    CHECK_UINT(ledger_id(context.span_id), current);
    CHECK(context.is_remote);
    TRACE_SPAN("child") {
        TRACE_SPAN("child inside") {}
        trace_span_set_int(inherited, "key", 1);
        trace_span_end(inherited);
    }
    record("child", 3);
    stats = ledger_stats();
    CHECK_UINT(stats.started, 5);
    CHECK_UINT(stats.pending + stats.exported, 5);
    CHECK_UINT(stats.misused, 0);
    CHECK_LEDGER();
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(ledger_stats().exported, 5);
    CHECK_LEDGER();
}

/* Eight threads record while the process forks and forks. Every span of every process is delivered, once. */
ISOLATED_WITH_HEIRS(fork_among_tracing_threads) {
    enum { THREADS = 8 };
    const unsigned forks = (unsigned)test_scaled(100);
    uint32_t limit = 20000;
    trace_config config;
    pthread_t threads[THREADS];
    unsigned i, j, children = 0;
    spans = store_make(THREADS * limit + 100000);
    config = ledger_config(store_exporter(spans));
    config.lossless_timeout_ms = 5000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, trace_on, &limit);
    for (i = 0; i < forks; i++) {
        trace_span span = trace_span_start("forking");
        const uint64_t current = ledger_id(trace_span_context(span).span_id);
        const pid_t pid = fork();
        if (pid == 0) {
            test_failures = 0;
            child_of_many(current, span);
            exit(test_failures ? 1 : 0);
        }
        CHECK_INT(await_process(pid, 20000), 0);
        children++;
        trace_span_end(span);
    }
    __atomic_store_n(&tracing_over, 1u, __ATOMIC_RELEASE);
    for (i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK_INT(trace_flush(20000), TRACE_RESULT_OK);
    CHECK(spans->count < spans->capacity);
    CHECK_UINT(store_duplicates(spans), 0);
    CHECK_UINT(store_count(spans, NULL, (uint32_t)getpid()), traced + children);
    CHECK_UINT(store_count(spans, "child", 0), 4 * children);
    CHECK_UINT(store_count(spans, "child inside", 0), children);
    for (i = 0, j = 0; i < spans->count; i++) {      /* the parent's current span is the remote parent */
        const kept *const span = &spans->spans[i];
        if (strcmp(span->name, "child") != 0) continue;
        CHECK(span->parent_is_remote && span->is_local_root && span->parent_id != 0);
        j++;
    }
    CHECK_UINT(j, 4 * children);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_LEDGER();
}

static int by_number(const void *one, const void *other) {
    const uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

/* Sixty-four children, forked one after another, all seeding the C library alike: no span id and no trace id twice. */
ISOLATED(ids_of_64_children) {
    enum { CHILDREN = 64, PARTS = 16 };
    const size_t each = test_scaled(5000), all = each * CHILDREN;
    uint64_t *const ids = (uint64_t *)mmap(NULL, 2 * all * sizeof *ids, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t *const part = (uint64_t *)malloc((all / PARTS * 2 + 1000) * sizeof *part);
    trace_config config;
    pid_t children[CHILDREN];
    size_t i, j, kind, twice = 0, seen = 0;
    if (!CHECK(ids != MAP_FAILED && part)) return;
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    config.disable_thread = true;                /* rings fill and drop: ids are drawn all the same */
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("before", 3);
    for (i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            srand(1);
            for (j = 0; j < each; j++) {
                const trace_span span = trace_span_start("id");
                const trace_context context = trace_span_context(span);
                ids[i * each + j] = ledger_id(context.span_id);
                ids[all + i * each + j] = ledger_id(context.trace_id) ^ ledger_id(context.trace_id + 8);
                trace_span_end(span);
            }
            _exit(0);
        }
    }
    for (i = 0; i < CHILDREN; i++) CHECK_INT(await_process(children[i], 60000), 0);
    for (kind = 0; kind < 2; kind++)
        for (i = 0; i < PARTS; i++) {            /* by their first digit, so that a quarter of a gigabyte is sorted in pieces */
            size_t count = 0;
            for (j = 0; j < all && count < all / PARTS * 2; j++)
                if (ids[kind * all + j] >> 60 == i) part[count++] = ids[kind * all + j];
            qsort(part, count, sizeof *part, by_number);
            for (j = 0; j < count; j++) twice += part[j] == 0 || (j && part[j] == part[j - 1]);
            seen += count;
        }
    CHECK_UINT(twice, 0);
    CHECK_UINT(seen, 2 * all);
    free(part);
    (void)munmap(ids, 2 * all * sizeof *ids);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(spans->count, 3);
    CHECK_LEDGER();
}

/* Many children at once, each with threads of its own; nothing waits for anything. */
ISOLATED_WITH_HEIRS(children_with_threads) {
    enum { CHILDREN = 16 };
    static const uint32_t limit = 500;
    trace_config config;
    pid_t children[CHILDREN];
    pthread_t threads[4];
    unsigned i;
    spans = store_make(200000);
    config = ledger_config(store_exporter(spans));
    config.lossless_timeout_ms = 5000;
    config.exit_timeout_ms = 20000;              /* 64 threads may have to share a slow processor */
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("parent", 10);
    test_let_threads_rest();                     /* the worker */
    for (i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            test_failures = 0;
            for (i = 0; i < 4; i++)
                pthread_create(&threads[i], NULL, trace_on, (void *)&limit); /* all begin the child's life at once */
            for (i = 0; i < 4; i++) pthread_join(threads[i], NULL);
            CHECK_UINT(ledger_stats().ended, 2000);
            CHECK_LEDGER();
            exit(test_failures ? 1 : 0);         /* delivered by exit */
        }
    }
    for (i = 0; i < CHILDREN; i++) CHECK_INT(await_process(children[i], 20000), 0);
    CHECK_INT(trace_flush(20000), TRACE_RESULT_OK);
    CHECK_UINT(spans->count, 10 + CHILDREN * 2000);
    CHECK_UINT(store_duplicates(spans), 0);
    CHECK_LEDGER();
}

ISOLATED_WITH_HEIRS(grandchildren) {
    trace_config config;
    unsigned depth;
    pid_t pid = 0;
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (depth = 0; depth < 20; depth++) {
        char name[16];
        snprintf(name, sizeof name, "depth %u", depth);
        record(name, 1);
        pid = fork();
        if (pid != 0) break;
    }
    if (pid) CHECK_INT(await_process(pid, 20000), 0);
    CHECK_LEDGER();
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    CHECK_LEDGER();
    if (depth) _exit(test_failures ? 1 : 0);
    CHECK_UINT(spans->count, 20);
    CHECK_UINT(store_duplicates(spans), 0);
}

/* The parent's ring is full of spans when it forks: the child does not deliver them, whether it records or not. */
ISOLATED(a_child_does_not_deliver_for_its_parent) {
    static doer one;
    trace_config config;
    unsigned i;
    spans = store_make(10000);
    config = ledger_config(store_exporter(spans));
    config.exporters[1] = doer_exporter(&one, "one");
    config.exporters[1].whole_traces = true;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("root") {
        record("parent", 50);
        (void)trace_pump(0);                     /* held for their root */
        record("parent", 50);
        for (i = 0; i < 3; i++) {
            const pid_t pid = fork();
            if (pid == 0) {
                test_failures = 0;
                if (i == 1) record("child", 1);
                if (i == 2) CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
                CHECK_UINT(one.forks, i == 1);
                exit(test_failures ? 1 : 0);
            }
            CHECK_INT(await_process(pid, 5000), 0);
        }
    }
    CHECK_UINT(spans->count, 51);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(spans->count, 102);
    CHECK_UINT(store_count(spans, "parent", (uint32_t)getpid()), 100);
    CHECK_UINT(store_duplicates(spans), 0);
    CHECK_LEDGER();
}

/* What was made current by TRACE_WITH is current in the child, tracestate and baggage included. */
ISOLATED(contexts_go_through_fork) {
    trace_config config;
    trace_context context;
    char value[64];
    pid_t pid;
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK(trace_context_parse(&context, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=value"));
    context = trace_baggage_set(context, "user", "42");
    TRACE_WITH(context) {
        TRACE_SPAN("parent") {
            pid = fork();
            if (pid == 0) {
                test_failures = 0;
                (void)trace_state_get(trace_context_current(), value, sizeof value);
                CHECK_STR(value, "vendor=value");
                TRACE_SPAN("child") {
                    (void)trace_baggage_get(trace_context_current(), "user", value, sizeof value);
                    CHECK_STR(value, "42");
                    CHECK_UINT(ledger_id(trace_context_current().trace_id), 0x4bf92f3577b34da6u);
                }
                CHECK_LEDGER();
                exit(test_failures ? 1 : 0);
            }
            CHECK_INT(await_process(pid, 5000), 0);
        }
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK(store_find(spans, "child") && store_find(spans, "child")->parent_id == store_find(spans, "parent")->span_id);
    CHECK_LEDGER();
}

/* A child leaves the blocks it was forked in, and ends what it was handed: none of this is a mistake of the program. */
static void check_inherited(trace_span detached, trace_span ended, trace_attachment attachment, trace_mark mark) {
    const trace_span own = trace_span_start("own");
    trace_span invented = own;
    invented.generation += 2;
    trace_span_set_int(detached, "key", 1);
    (void)trace_attach_span(detached);
    (void)trace_span_context(detached);
    trace_detach(attachment);
    trace_unwind(mark);
    trace_span_end(detached);
    CHECK_UINT(ledger_stats().misused, 0);
    trace_span_end(own);
    trace_span_end(own);
    trace_span_end(invented);
    trace_span_end(ended);                       /* before the fork */
    CHECK_UINT(ledger_stats().misused, 3);
}

ISOLATED_WITH_HEIRS(a_child_leaves_the_blocks_it_was_forked_in) {
    trace_config config;
    trace_span_options options;
    trace_context context;
    trace_span detached, ended;
    trace_attachment attachment;
    trace_mark mark;
    unsigned depth, i;
    pid_t pid = 0;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.detached = true;
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK(trace_context_parse(&context, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", NULL));
    detached = trace_span_start_with("detached", &options);
    ended = trace_span_start("ended");
    attachment = trace_attach(context);
    mark = trace_mark_get();
    for (i = 0; i < 40; i++) (void)trace_span_start_with("open", &options);
    trace_detach(attachment);
    trace_span_end(ended);
    attachment = trace_attach(context);
    for (depth = 0; depth < 3 && !pid; depth++) {
        TRACE_SPAN("parent") {
            TRACE_WITH(context) {
                TRACE_SPAN("inner") {
                    pid = fork();
                    if (!pid) {
                        test_failures = 0;
                        TRACE_SPAN("child") {}
                    }
                }
            }
        }
        CHECK_UINT(ledger_stats().misused, 0);
    }
    if (pid) {
        CHECK_INT(await_process(pid, 5000), 0);
        if (depth == 1) trace_span_end(detached), trace_detach(attachment);
    } else {
        check_inherited(detached, ended, attachment, mark);
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_LEDGER();
    if (depth > 1 || !pid) _exit(test_failures ? 1 : 0);
    CHECK_UINT(store_count(spans, "child", 0), 3);
    CHECK_UINT(store_count(spans, "parent", 0), 3);
    CHECK_UINT(store_count(spans, "detached", 0), 1);
    CHECK_UINT(store_duplicates(spans), 0);
}

/* Numbers of slots go round when so many generations had theirs; a child has room for as many spans as its parent. */
ISOLATED(slots_of_many_generations) {
    static trace_span open[64];
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    trace_span_options options;
    unsigned depth, i;
    pid_t pid = 0;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.detached = true;
    config.max_open_spans = 64;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (depth = 0; depth < 30 && !pid; depth++) {
        if (depth == 20) tracei_chunk_first = TRACEI_CHUNKS_MAX - 6;
        for (i = 0; i < 64; i++) open[i] = trace_span_start_with("open", &options);
        for (i = 0; i < 64; i++) CHECK(trace_span_is_recording(open[i]));
        CHECK_UINT(ledger_stats().refused, 0);
        CHECK_UINT(ledger_stats().open, 64);
        CHECK(!trace_span_is_recording(trace_span_start("one more")));
        CHECK_UINT(ledger_stats().refused, 1);
        pid = fork();
        if (!pid) {
            test_failures = 0;
            for (i = 0; i < 64; i++) trace_span_end(open[i]);
            CHECK_UINT(ledger_stats().misused, 0);
        }
    }
    if (pid) {
        CHECK_INT(await_process(pid, 20000), 0);
        for (i = 0; i < 64; i++) trace_span_end(open[i]);
        CHECK_UINT(ledger_stats().misused, 0);
        CHECK_UINT(ledger_stats().open, 0);
    }
    CHECK_LEDGER();
    if (depth > 1 || !pid) _exit(test_failures ? 1 : 0);
}

ISOLATED_WITH_HEIRS(fork_in_an_early_atfork_handler) {
    trace_config config;
    pid_t pid;
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("parent", 5);
    early_records = true;
    pid = fork();
    if (pid == 0) {
        test_failures = 0;
        CHECK_UINT(ledger_stats().ended, 1);
        record("child", 1);
        CHECK_UINT(ledger_stats().ended, 2);
        CHECK_LEDGER();
        exit(test_failures ? 1 : 0);
    }
    CHECK_INT(await_process(pid, 5000), 0);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(store_count(spans, "early", (uint32_t)pid), 1);
    CHECK_UINT(spans->count, 7);
    CHECK_UINT(store_duplicates(spans), 0);
    CHECK_LEDGER();
}

/* _Fork runs no atfork handlers at all. */
ISOLATED(fork_without_handlers) {
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ) && !defined(__SANITIZE_THREAD__)
#if __GLIBC_PREREQ(2, 34)
    trace_config config;
    unsigned i;
    spans = store_make(10000);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 50; i++) {
        pid_t pid;
        record("parent", 3);
        pid = _Fork();
        if (pid == 0) {
            record("child", 2);
            (void)trace_shutdown(1000);
            _exit(0);
        }
        CHECK_INT(await_process(pid, 5000), 0);
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(spans->count, 250);
    CHECK_UINT(store_duplicates(spans), 0);
    CHECK_LEDGER();
#endif
#endif
}

ISOLATED(vfork_and_exec) {
    static char *arguments[] = {(char *)"true", NULL};
    static unsigned i;
    trace_config config;
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("outer") {
        for (i = 0; i < 20; i++) {
            pid_t pid;
            record("before", 1);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
            pid = vfork();
#pragma GCC diagnostic pop
            if (pid == 0) {
                execvp("true", arguments);
                _exit(127);
            }
            CHECK_INT(await_process(pid, 5000), 0);
            record("after", 1);
        }
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(spans->count, 41);
    CHECK_LEDGER();
}

/* Those that a program executed now would inherit. */
static void descriptors(char *out, size_t size) {
    size_t at = 0;
    int i;
    out[0] = '\0';
    for (i = 0; i < 100 && at + 4 < size; i++) {
        const int flags = fcntl(i, F_GETFD);
        if (flags != -1 && !(flags & FD_CLOEXEC)) at += (size_t)snprintf(out + at, size - at, "%d ", i);
    }
}

/* A child that records a little and then executes something else starts no thread and opens no descriptor. */
ISOLATED_FORKS(fork_and_exec) {
    trace_config config;
    char before[200];
    pid_t pid;
    spans = store_make(1000);
    descriptors(before, sizeof before);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("parent", 1);
    CHECK(ledger_await(&spans->count, 1, 5000));  /* so the parent has its worker */
    pid = fork();
    if (pid == 0) {
        char after[200];
        test_failures = 0;
        record("child", 10);
        (void)THREADS_ARE(1);
        descriptors(after, sizeof after);
        CHECK_STR(after, before);
        if (test_failures) _exit(1);
        execlp("true", "true", (char *)NULL);
        _exit(127);
    }
    CHECK_INT(await_process(pid, 5000), 0);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(spans->count, 1);
    CHECK_LEDGER();
}

/* A child that goes on gets a worker of its own. */
ISOLATED_WITH_HEIRS(a_child_that_lives) {
    trace_config config;
    pid_t pid;
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("parent", 1);
    pid = fork();
    if (pid == 0) {
        test_failures = 0;
        record("child", 1);
        ledger_nap(60000);
        record("child", 1);
        CHECK(ledger_await(&spans->count, 3, 5000));
        CHECK_LEDGER();
        exit(test_failures ? 1 : 0);
    }
    CHECK_INT(await_process(pid, 10000), 0);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(spans->count, 3);
    CHECK_LEDGER();
}

/* Forked while another thread is in trace_init, in a flush, in an exporter: locks whose holders are gone hold up nobody. */
static void *busy_with_the_pipeline(void *user) {
    const trace_config *const config = (const trace_config *)user;
    while (!__atomic_load_n(&tracing_over, __ATOMIC_ACQUIRE)) {
        (void)trace_init(config);
        record("busy", 100);
        (void)trace_flush(1000);
        (void)ledger_stats();
    }
    return NULL;
}

ISOLATED_WITH_HEIRS(fork_while_locks_are_held) {
    const unsigned forks = (unsigned)test_scaled(200);
    trace_config config;
    pthread_t threads[2];
    unsigned i;
    spans = store_make(4000000);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 2; i++) pthread_create(&threads[i], NULL, busy_with_the_pipeline, &config);
    for (i = 0; i < forks; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            test_failures = 0;
            record("child", 5);
            if (i % 2) CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
            record("child", 5);
            CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
            CHECK_UINT(ledger_stats().exported, 10);
            CHECK_LEDGER();
            exit(test_failures ? 1 : 0);
        }
        if (!CHECK_INT(await_process(pid, 10000), 0)) break;
        ledger_nap((unsigned)test_random_below(300));
    }
    __atomic_store_n(&tracing_over, 1u, __ATOMIC_RELEASE);
    for (i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK_UINT(store_count(spans, "child", 0), 10 * forks);
    CHECK_LEDGER();
}

/* A process forks before anything was recorded, while another thread begins the process. */
static void *begin(void *unused) {
    (void)unused;
    record("begin", 1);
    return NULL;
}

/* Once in some thousands a child hangs: forked while the other thread was within atexit(), whose lock glibc does not give back
   there. More than one here is ours. */
TEST(fork_during_the_beginning) {
    SKIP_IN_OLD_QEMU();
    unsigned unlucky = 0, i;
    spans = store_make(10000);
    for (i = 0; i < test_scaled(50); i++) {
        const pid_t pid = fork();                /* each its own beginning */
        if (pid == 0) {
            pthread_t thread;
            pid_t inner;
            int status;
            test_failures = 0;
            dup2(open("/dev/null", O_WRONLY), 2); /* the console is the default */
            pthread_create(&thread, NULL, begin, NULL);
            if (i % 2) ledger_nap((unsigned)(i * 10));
            inner = fork();
            if (inner == 0) {
                record("child", 1);
                _exit(ledger_stats().ended == 1 ? 0 : 1);
            }
            status = await_process(inner, 5000);
            pthread_join(thread, NULL);
            _exit(status == 0 && !test_failures ? 0 : 1);
        }
        unlucky += await_process(pid, 10000) != 0;
        if (!CHECK(unlucky <= 1)) break;
    }
}

/* --- the worker --- */

ISOLATED(no_thread_before_the_first_span_has_ended) {
    trace_config config;
    trace_span span;
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    config.exporters[0].whole_traces = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    (void)THREADS_ARE(1);
    (void)trace_context_current();
    (void)THREADS_ARE(1);
    span = trace_span_start("x");
    trace_span_set_int(span, "key", 1);
    (void)THREADS_ARE(1);
    trace_span_end(span);
    (void)THREADS_ARE(2);
    CHECK(ledger_await(&spans->count, 1, 5000));
    config.disable_thread = true;                /* and it ends when it is not wanted any more */
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    (void)THREADS_REMAIN(1);
    record("x", 1);
    (void)THREADS_ARE(1);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(spans->count, 2);
    CHECK_LEDGER();
}

/* It sleeps deeply, and wakes up for one span. */
ISOLATED(the_worker_wakes_up) {
    trace_config config;
    unsigned i;
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 1; i <= 4; i++) {
        record("x", 1);
        CHECK(ledger_await(&spans->count, i, 5000));
        ledger_nap(i == 3 ? 1500000 : 500000);
    }
    CHECK_LEDGER();
}

/* Started, stopped, started: the order to stop is never slept over. */
ISOLATED(start_and_stop) {
    const unsigned cycles = (unsigned)test_scaled(3000);
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    unsigned i;
    for (i = 0; i < cycles; i++) {
        uint64_t since;
        CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
        record("x", 1);
        if (i % 50 == 0) ledger_nap((unsigned)test_random_below(5000));
        if (i == 1) ledger_nap(500000);          /* the worker sleeps deeply */
        since = ledger_ms();
        if (!CHECK_INT(trace_shutdown(2000), TRACE_RESULT_OK) || !CHECK(ledger_ms() - since < 1000)) break;
    }
    CHECK_UINT(one.spans, cycles);
    CHECK_UINT(one.shutdowns, cycles);
    (void)THREADS_REMAIN(1);
    CHECK_LEDGER();
}

static void *persist(void *user) {
    uint32_t *const recorded = (uint32_t *)user;
    while (!__atomic_load_n(&tracing_over, __ATOMIC_ACQUIRE)) {
        TRACE_SPAN("outer") { record("inner", 5); }
        __atomic_fetch_add(recorded, 1u, __ATOMIC_ACQ_REL);
        ledger_nap(10);
    }
    return NULL;
}

/* Threads live on through shutdown and init, a thousand times. */
ISOLATED(persistent_threads) {
    const unsigned cycles = (unsigned)test_scaled(1000);
    static doer one;
    static uint32_t recorded;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    pthread_t threads[4];
    uint64_t mapped = 0;
    unsigned i;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 4; i++) pthread_create(&threads[i], NULL, persist, &recorded);
    for (i = 0; i < cycles; i++) {
        if (!CHECK_INT(trace_init(&config), TRACE_RESULT_OK)) break;
        ledger_nap(200);
        if (!CHECK(trace_shutdown(5000) != TRACE_RESULT_TIMEOUT)) break;
        if (i == cycles / 2) mapped = ledger_stats().bytes_mapped;
    }
    CHECK(ledger_stats().bytes_mapped <= mapped + (2u << 20));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    __atomic_store_n(&tracing_over, 1u, __ATOMIC_RELEASE);
    for (i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    CHECK(trace_flush(5000) != TRACE_RESULT_TIMEOUT);
    CHECK_UINT(ledger_stats().exported, one.spans);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_LEDGER();
}

/* --- exit --- */

static const char *exit_way;

/* Of thread-local data: by a key, in a thread that ends amid the exit; and as C++ registers it, in the main thread, where there is
   such a thing. */
static pthread_key_t exit_key;

static void record_in_key_destructor(void *unused) {
    (void)unused;
    record("key", 1);
}

static void *end_with_key(void *unused) {
    (void)unused;
    CHECK_INT(pthread_setspecific(exit_key, &exit_key), 0);
    return NULL;
}

#ifdef __GLIBC__
#ifdef __cplusplus
extern "C"
#endif
int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library) __attribute__((weak));

static void record_in_thread_local_destructor(void *unused) {
    (void)unused;
    record("thread_local", 1);
}
#endif

/* How many of those run at exit; `make`: makes them. */
static unsigned thread_local_destructors(bool make) {
#ifdef __GLIBC__
    extern void *__dso_handle;
    if (!__cxa_thread_atexit_impl) return 0;
    return !make || __cxa_thread_atexit_impl(record_in_thread_local_destructor, NULL, &__dso_handle) == 0;
#else
    (void)make;
    return 0;
#endif
}

static void record_in_exit_handler(void) {
    pthread_t thread;
    record("exit handler", 1);
    if (!exit_way || !strstr(exit_way, "tls")) return;
    CHECK_INT(pthread_create(&thread, NULL, end_with_key, NULL), 0);
    pthread_join(thread, NULL);
}

static void exit_destructor(void) __attribute__((destructor));
static bool destructor_records;
static void exit_destructor(void) {
    if (destructor_records) record("destructor", 1);
}

static void *trace_for_ever(void *unused) {
    (void)unused;
    for (;;) {
        TRACE_SPAN("thread") { TRACE_SPAN("inside") {} }
        ledger_nap(20);
    }
    return NULL;
}

static void note_shutdown(void *user, uint64_t deadline_ns) {
    (void)deadline_ns;
    ((store *)user)->shutdowns++;
}

static void leave_somehow(void *unused) {
    trace_config config = ledger_config(store_exporter(spans));
    pthread_t thread;
    unsigned i;
    (void)unused;
    config.exporters[0].shutdown_fn = note_shutdown;
    config.exit_timeout_ms = 8000;               /* a machine that has other things to do may stop the worker for a second */
    atexit(record_in_exit_handler);              /* runs after the library's */
#if defined(__GLIBC__)
    at_quick_exit(record_in_exit_handler);
#endif
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    atexit(record_in_exit_handler);              /* runs before it */
    destructor_records = true;
    if (strstr(exit_way, "tls")) {
        CHECK_INT(pthread_key_create(&exit_key, record_in_key_destructor), 0);
        (void)thread_local_destructors(true);
    }
    if (strstr(exit_way, "threads"))
        for (i = 0; i < 4; i++) pthread_create(&thread, NULL, trace_for_ever, NULL);
    record("main", 5);
    if (strstr(exit_way, "nap")) ledger_nap(20000);
    if (strstr(exit_way, "shutdown")) (void)trace_shutdown(1000);
#if defined(__GLIBC__)
    if (strstr(exit_way, "quick")) quick_exit(0);
#endif
    if (strstr(exit_way, "pthread_exit")) pthread_exit(NULL);
}

static unsigned left_late, left_at_all;          /* the machine has other things to do: once in a while it may take long */

static void leave(const char *way, unsigned handlers, unsigned destructors) {
    uint64_t since = ledger_ms();
    test_child child;
    spans = store_make(1000000);
    exit_way = way;
    child = test_fork(leave_somehow, NULL, 10000);
    if (!CHECK_CHILD(&child, 0)) fprintf(stderr, "    (%s)\n", way);
    left_at_all++;
    if (ledger_ms() - since >= 1500 + EXIT_SLACK_MS) left_late++;
    if (strstr(way, "threads") && strstr(child.err, "spans ended faster than they were taken")) {
        /* theirs, on a machine with other things to do, once nobody reads any more */
        CHECK_UINT(strcspn(child.err, "\n") + 1, child.err_size);
    } else {
        CHECK_STR(child.err, "");
    }
    test_child_free(&child);
    CHECK_UINT(spans->shutdowns, 1);
    CHECK_UINT(store_count(spans, "main", 0), 5);
    CHECK_UINT(store_count(spans, "exit handler", 0), handlers);
    CHECK_UINT(store_count(spans, "destructor", 0), destructors);
    CHECK_UINT(store_count(spans, "key", 0), strstr(way, "tls") ? handlers : 0);
    CHECK_UINT(store_count(spans, "thread_local", 0), strstr(way, "tls") && handlers ? thread_local_destructors(false) : 0);
    CHECK_UINT(store_duplicates(spans), 0);
    munmap(spans, sizeof *spans + spans->capacity * sizeof *spans->spans);
}

TEST(exit_in_all_ways) {
    unsigned i;
    for (i = 0; i < test_scaled(20); i++) {
        leave("exit", 2, 1);
        leave("exit, nap", 2, 1);
        leave("exit, threads", 2, 1);
        leave("exit, threads, nap", 2, 1);
        leave("exit, shutdown", 0, 0);
        leave("exit, threads, shutdown", 0, 0);
#ifndef __SANITIZE_THREAD__                      /* it falls over spans in destructors of threads, and misses quick_exit */
        leave("exit, tls", 2, 1);
        leave("exit, tls, nap", 2, 1);
        leave("exit, tls, shutdown", 0, 0);
#endif
#if defined(__GLIBC__) && !defined(__SANITIZE_THREAD__)
        leave("quick", 0, 0);                    /* its handler was registered first, so it runs last, after the end */
        leave("quick, threads", 0, 0);
#endif
    }
    CHECK(left_late <= left_at_all / 8);
}

/* The main thread ends; the last thread of the program to end ends the process, whatever threads of ours there are. */
static hostile_server *collector;

static trace_exporter to_collector(void) {
    static char url[64];
    trace_otlp_options options;
    memset(&options, 0, sizeof options);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)collector->port);
    options.endpoint = url;
    options.protocol = TRACE_OTLP_PROTOCOL_HTTP_JSON;
    options.disable_environment = true;
    return trace_otlp_exporter(&options);
}

static void *end_later(void *unused) {
    (void)unused;
    ledger_nap(400000);
    return NULL;
}

static void *trace_a_hundred(void *way) {
    static uint32_t limit = 100;
    trace_config config = ledger_config(store_exporter(spans));
    config.disable_thread = strstr((const char *)way, "no worker") != NULL;
    if (strstr((const char *)way, "sender")) config.exporters[1] = to_collector();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    atexit(record_in_exit_handler);              /* runs before the library's */
    return trace_on(&limit);
}

static void main_thread_leaves(void *user) {
    const char *const way = (const char *)user;
    pthread_t thread;
    pthread_create(&thread, NULL, trace_a_hundred, user);
    if (strstr(way, "join"))
        pthread_join(thread, NULL);
    else
        pthread_detach(thread);
    if (strstr(way, "nap")) ledger_nap(700000);  /* the worker sleeps deeply */
    if (strstr(way, "silent last")) {
        pthread_create(&thread, NULL, end_later, NULL);
        pthread_detach(thread);
    }
    if (strstr(way, "record")) record("main", 5);
    pthread_exit(NULL);
}

static void *fork_and_leave(void *user) {
    pid_t pid;
    trace_a_hundred(user);
    pid = fork();
    if (pid == 0) {
        record("main", 1);                       /* by which the child's main thread is known */
        ledger_nap(60000);
        record("main", 4);                       /* now it has a worker */
        pthread_exit(NULL);
    }
    CHECK_INT(await_process(pid, 10000), 0);
    return NULL;
}

static void a_thread_forks(void *user) {
    pthread_t thread;
    pthread_create(&thread, NULL, fork_and_leave, user);
    pthread_join(thread, NULL);
}

static void check_that_it_ends(void (*fn)(void *), const char *way) {
    test_child child = test_fork(fn, (void *)(uintptr_t)way, 10000);
    if (!CHECK_CHILD(&child, 0)) fprintf(stderr, "    (%s)\n", way);
    CHECK_STR(child.err, "");
    test_child_free(&child);
}

static void leave_main(const char *way, unsigned handlers) {
    spans = store_make(1000);
    check_that_it_ends(main_thread_leaves, way);
    CHECK_UINT(store_count(spans, "main", 0), strstr(way, "record") ? 5 : 0);
    CHECK_UINT(store_count(spans, "busy", 0), 50);
    CHECK_UINT(store_count(spans, "exit handler", 0), handlers);
    CHECK_UINT(store_duplicates(spans), 0);
    munmap(spans, sizeof *spans + spans->capacity * sizeof *spans->spans);
}

/* What the tests below need, without the library: the system shows that the main thread has ended, as emulators may not, and a
   forked child then ends with its last thread, as musl's cannot: the lock of its list of threads stays with the one that left. */
static void *await_a_zombie(void *unused) {
    unsigned i;
    (void)unused;
    for (i = 0; i < 2000; i++) {
        char *const text = test_read_file("/proc/self/stat", NULL);
        const char *const at = text ? strrchr(text, ')') : NULL;
        const bool shown = at && at[1] && at[2] == 'Z';
        free(text);
        if (shown) return NULL;
        ledger_nap(1000);
    }
    _exit(1);
}

TEST_UNUSED static bool main_can_leave(void) {
    const pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, await_a_zombie, NULL);
        pthread_detach(thread);
        pthread_exit(NULL);
    }
    return await_process(pid, 5000) == 0;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REQUIRE_THAT_MAIN_CAN_LEAVE() SKIP("sanitizers mind a main thread that ends")
#else
#define REQUIRE_THAT_MAIN_CAN_LEAVE() \
    do { \
        if (!main_can_leave()) SKIP("without the library it goes wrong as well: musl in forked children, or qemu-user"); \
    } while (0)
#endif

TEST(pthread_exit_from_main_without_a_worker) {
    REQUIRE_THAT_MAIN_CAN_LEAVE();
    leave_main("no worker, record", 0);          /* the thread that runs the handler has ended as far as its spans go */
}

TEST(pthread_exit_from_main) {
    REQUIRE_THAT_MAIN_CAN_LEAVE();
    leave_main("record", 1);
    leave_main("never calls the library", 1);
    leave_main("join, nap", 1);
    leave_main("join, nap, record, silent last", 1);
    leave_main("nap, silent last", 1);
    spans = store_make(1000);
    check_that_it_ends(a_thread_forks, "in a child");
    CHECK_UINT(store_count(spans, "main", 0), 5);
    CHECK_UINT(store_count(spans, "busy", 0), 50);
}

static const hostile_step take_all[] = {
    {HOSTILE_READ, NULL, 0}, {HOSTILE_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_AGAIN, NULL, 0}};

TEST(pthread_exit_from_main_with_a_sender) {
    REQUIRE_THAT_MAIN_CAN_LEAVE();
    collector = hostile_start(NULL);
    collector->mark = "\"traceId\"";
    hostile_script(collector, take_all);
    hostile_run(collector);
    leave_main("sender, record", 1);
    CHECK_UINT(collector->marks, 106);
    leave_main("sender, join, nap, silent last", 1);
    CHECK_UINT(collector->marks, 106 + 101);
    hostile_stop(collector);
}

/* What then remains takes signals as the program would. */
static uint32_t *exiting;

static void exit_for_ever(void) {
    __atomic_store_n(exiting, 1u, __ATOMIC_RELEASE);
    for (;;) ledger_nap(100000);
}

TEST(sigterm_after_pthread_exit_from_main) {
    pid_t pid;
    REQUIRE_THAT_MAIN_CAN_LEAVE();
    spans = store_make(1000);
    exiting = (uint32_t *)mmap(NULL, sizeof *exiting, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(exiting != MAP_FAILED);
    pid = fork();
    if (pid == 0) {
        atexit(exit_for_ever);
        main_thread_leaves((void *)(uintptr_t)"record");
    }
    CHECK(ledger_await(exiting, 1, 10000));
    kill(pid, SIGTERM);
    {
        const int status = await_process(pid, 10000);
        CHECK(status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    }
    CHECK_UINT(store_count(spans, "busy", 0), 50);
}

/* While the program has threads, signals are for those. */
static uint64_t blocked_by(const char *name) {
    DIR *const folder = opendir("/proc/self/task");
    const struct dirent *task;
    uint64_t blocked = 0;
    while (folder && (task = readdir(folder)) != NULL) {
        char path[300], *text;
        const char *at;
        size_t size = strlen(name);
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        text = test_read_file(path, NULL);
        if (!text || strncmp(text, name, size) != 0 || text[size] != '\n') {
            free(text);
            continue;
        }
        free(text);
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        text = test_read_file(path, NULL);
        at = text ? strstr(text, "SigBlk:") : NULL;
        if (at) blocked = strtoull(at + 7, NULL, 16);
        free(text);
    }
    if (folder) closedir(folder);
    return blocked;
}

ISOLATED(our_threads_block_signals) {
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGCHLD, SIGCONT, SIGTSTP,
                                  SIGTTIN, SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGSYS};
    trace_config config;
    const uint64_t deadline = ledger_ms() + 10000;
    uint64_t worker, sender;
    size_t i;
#ifndef __linux__
    return;
#endif
    collector = hostile_start(NULL);
    hostile_script(collector, take_all);
    hostile_run(collector);
    spans = store_make(1000);
    config = ledger_config(store_exporter(spans));
    config.exporters[1] = to_collector();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    do worker = blocked_by("trace-worker"), sender = blocked_by("trace-otlp");
    while ((!worker || !sender) && ledger_ms() < deadline);     /* one may not have had its first turn: then it has no name */
    for (i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (!CHECK(worker >> (signals[i] - 1) & 1) || !CHECK(sender >> (signals[i] - 1) & 1))
            fprintf(stderr, "    signal %d\n", signals[i]);
    }
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    hostile_stop(collector);
}

/* exit called by an exporter, on the worker and in a flush, in each of its functions: no other exporter gets more than it has, and
   that is said. */
static bool exit_in_flush;
static int exit_function;            /* 0: export_fn, 1: flush_fn, 2: shutdown_fn */

static trace_result export_and_exit(void *user, const trace_batch *batch) {
    (void)user, (void)batch;
    if (exit_function == 0) exit(7);
    return TRACE_RESULT_OK;
}

static trace_result flush_and_exit(void *user, uint64_t deadline_ns) {
    (void)user, (void)deadline_ns;
    if (exit_function == 1) exit(7);
    return TRACE_RESULT_OK;
}

static void shutdown_and_exit(void *user, uint64_t deadline_ns) {
    (void)user, (void)deadline_ns;
    if (exit_function == 2) exit(7);
}

static void exit_inside(void *unused) {
    trace_exporter exporter;
    trace_config config;
    (void)unused;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "one";
    exporter.export_fn = export_and_exit;
    exporter.flush_fn = flush_and_exit;
    exporter.shutdown_fn = shutdown_and_exit;
    config = ledger_config(exporter);
    config.exporters[1] = store_exporter(spans);
    config.disable_thread = exit_in_flush;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    atexit(record_in_exit_handler);
    record("x", 1);
    if (exit_function == 2) (void)trace_shutdown(1000);
    else if (exit_in_flush) (void)trace_flush(1000);
    ledger_nap(5000000);
}

TEST(exit_inside_an_exporter) {
    static const char said[] = "exit was called inside of exporter one: the last spans are lost, for every exporter\n";
    int i;
    for (i = 0; i < 4; i++) {
        const uint64_t since = ledger_ms();
        test_child child;
        spans = store_make(1000);
        exit_in_flush = i > 0;
        exit_function = i > 1 ? i - 1 : 0;
        child = test_fork(exit_inside, NULL, 10000);
        CHECK_CHILD(&child, 7);
        CHECK(ledger_ms() - since < 1500 + EXIT_SLACK_MS);
        CHECK_UINT(spans->count, exit_function > 0);
        if (CHECK_HAS(child.err, said)) CHECK(strstr(strstr(child.err, said) + 1, "exit was called") == NULL);
        test_child_free(&child);
    }
}

/* An exporter that blocks for ever, from its first, its second or its last batch on: the program ends all the same. */
static unsigned blocks_at, block_in_flush, block_exit_ms;

static trace_result export_or_block(void *user, const trace_batch *batch) {
    static unsigned calls;
    (void)user, (void)batch;
    if (++calls >= blocks_at)
        for (;;) ledger_nap(100000);
    return TRACE_RESULT_OK;
}

static trace_result flush_or_wait(void *user, uint64_t deadline_ns) {
    (void)user;
    if (block_in_flush)
        while (trace_clock_ns() < deadline_ns) ledger_nap(1000);
    return block_in_flush ? TRACE_RESULT_TIMEOUT : TRACE_RESULT_OK;
}

static void *flush_for_ever(void *unused) {
    (void)unused;
    (void)trace_flush(UINT32_MAX);
    return NULL;
}

static bool flusher;

static void exit_blocked(void *unused) {
    trace_exporter exporter;
    trace_config config;
    pthread_t thread;
    (void)unused;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "one";
    exporter.export_fn = export_or_block;
    exporter.flush_fn = flush_or_wait;
    config = ledger_config(exporter);
    config.exit_timeout_ms = block_exit_ms;
    config.disable_thread = flusher;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
    if (flusher) pthread_create(&thread, NULL, flush_for_ever, NULL);
    ledger_nap(150000);
    record("x", 1);
    if (blocks_at > 2) ledger_nap(150000);
    record("x", 1);
}

/* How long the program took; the shortest of three, because the machine has other things to do. */
static uint64_t exit_blocked_ms(uint64_t enough) {
    uint64_t shortest = UINT64_MAX;
    int tries;
    for (tries = 0; tries < 3 && shortest >= enough; tries++) {
        const uint64_t since = ledger_ms();
        test_child child = test_fork(exit_blocked, NULL, 10000);
        if (ledger_ms() - since < shortest) shortest = ledger_ms() - since;
        CHECK_CHILD(&child, 0);
        if (!block_in_flush) CHECK_HAS(child.err, "exit gave up after exit_timeout_ms");     /* nothing is lost silently */
        test_child_free(&child);
    }
    return shortest;
}

TEST(exit_with_a_blocked_exporter) {
    int i;
    for (i = 0; i < 6; i++) {
        uint64_t took, allowed;
        block_exit_ms = i == 3 ? 1 : 200;
        blocks_at = i == 1 ? 2 : i == 2 ? 3 : i == 4 ? 100 : 1;
        block_in_flush = i == 4;
        flusher = i == 5;
        allowed = (blocks_at > 2 ? 300 : 150) + block_exit_ms + 50 + EXIT_SLACK_MS;
        took = exit_blocked_ms(allowed);
        if (!CHECK(took < allowed)) fprintf(stderr, "    case %d took %u ms\n", i, (unsigned)took);
    }
}

/* Each function of an exporter that never comes back, at exit, in a program too short for the worker to have been there. */
static int stuck_function;
static uint32_t never;

static void wait_for_ever(void) {
    while (!__atomic_load_n(&never, __ATOMIC_ACQUIRE)) ledger_nap(10000);
}

static trace_result stuck_export(void *user, const trace_batch *batch) {
    (void)user, (void)batch;
    if (stuck_function == 0) wait_for_ever();
    return TRACE_RESULT_OK;
}

static trace_result stuck_flush(void *user, uint64_t deadline_ns) {
    (void)user, (void)deadline_ns;
    wait_for_ever();
    return TRACE_RESULT_OK;
}

static void stuck_shutdown(void *user, uint64_t deadline_ns) {
    (void)user, (void)deadline_ns;
    wait_for_ever();
}

static void exit_at_once(void *unused) {
    trace_exporter exporter;
    trace_config config;
    (void)unused;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "one";
    exporter.export_fn = stuck_export;
    if (stuck_function == 1) exporter.flush_fn = stuck_flush;
    if (stuck_function == 2) exporter.shutdown_fn = stuck_shutdown;
    config = ledger_config(exporter);
    config.exit_timeout_ms = 100;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    record("x", 1);
}

TEST(exit_of_a_short_program_with_a_stuck_exporter) {
    for (stuck_function = 0; stuck_function < 3; stuck_function++) {
        test_child child = test_fork(exit_at_once, NULL, 20000);
        if (!CHECK_CHILD(&child, 0)) fprintf(stderr, "    case %d\n", stuck_function);
        CHECK_HAS(child.err, "exit gave up after exit_timeout_ms");
        test_child_free(&child);
    }
}

/* --- before init and after shutdown --- */

static void call_everything(void) {
    trace_span span = trace_span_start("x");
    trace_attachment attachment;
    trace_mark mark = trace_mark_get();
    char text[56];
    trace_attribute attribute = TRACE_ATTR_INT("key", 1);
    trace_stats stats;
    attachment = trace_attach(trace_span_context(span));
    trace_span_set_string(span, "key", "value");
    trace_span_set_attribute(span, attribute);
    trace_span_set_name(span, "y");
    trace_span_set_status(span, TRACE_STATUS_ERROR, "why");
    trace_span_add_event(span, "event", &attribute, 1);
    trace_span_add_link(span, trace_context_current(), &attribute, 1);
    trace_span_record_error(span, "Type", "message");
    trace_event("event");
    (void)trace_span_is_recording(span);
    (void)trace_is_enabled(NULL);
    (void)trace_span_current();
    trace_context_format(trace_context_current(), text);
    trace_detach(attachment);
    trace_unwind(mark);
    trace_span_end(span);
    TRACE_SPAN("block") { trace_span_set_int(trace_span_current(), "key", 1); }
    trace_get_stats(&stats);
    (void)trace_pump(0);
}

ISOLATED(calls_before_init) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    call_everything();
    CHECK_LEDGER();
    (void)trace_flush(1000);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    call_everything();
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 2);
    CHECK_LEDGER();
}

ISOLATED(shutdown_before_init) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    call_everything();
    CHECK_UINT(ledger_stats().started, 0);
    CHECK_LEDGER();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    call_everything();
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    CHECK_UINT(one.spans, 2);
    call_everything();
    CHECK_UINT(one.spans, 2);
    CHECK_LEDGER();
}

/* Recording leaves errno alone, also where it begins the process, a thread, or the worker. */
ISOLATED(errno_stays) {
    trace_config config;
    trace_span span;
    unsigned i;
    spans = store_make(100000);
    errno = 77;
    span = trace_span_start("first");
    CHECK_INT(errno, 77);
    trace_span_end(span);
    CHECK_INT(errno, 77);
    trace_span_end(span);                        /* complains */
    CHECK_INT(errno, 77);
    config = ledger_config(store_exporter(spans));
    config.ring_bytes = 4096;
    config.lossless_timeout_ms = 1000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 1000; i++) {
        errno = 78;
        record("x", 1);
        if (!CHECK_INT(errno, 78)) break;
    }
    CHECK(trace_flush(1000) != TRACE_RESULT_TIMEOUT);
    CHECK_LEDGER();
}

TEST_MAIN()
