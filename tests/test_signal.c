/* test_signal.c - spans in signal handlers: recorded, or counted where the library itself was interrupted; never a corruption
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* not: windows: no POSIX signals */
#include "test.h"

#include <sys/time.h>

#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "ledger.h"

static uint32_t handled;             /* calls of the handler on the main thread */
static uint32_t handler_recorded;    /* spans it could start */
static uint32_t handled_anywhere;

static void on_signal(int number) {
    const int saved = errno;
    (void)number;
    TRACE_SPAN("handler") {
        trace_span inner = trace_span_start("inside");
        trace_span_set_int(trace_span_current(), "number", number);
        trace_event("event");
        if (trace_span_is_recording(inner)) __atomic_fetch_add(&handler_recorded, 1u, __ATOMIC_RELAXED);
        trace_span_set_string(inner, "key", "value");
        trace_span_end(inner);
    }
    __atomic_fetch_add(&handled, 1u, __ATOMIC_RELAXED);
    __atomic_fetch_add(&handled_anywhere, 1u, __ATOMIC_RELAXED);
    errno = saved;
}

static void storm_begin(int number, int timer, unsigned first_us, unsigned us) {
    struct sigaction action;
    struct itimerval interval;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, NULL);
    interval.it_interval.tv_sec = interval.it_value.tv_sec = 0;
    interval.it_value.tv_usec = (long)first_us;
    interval.it_interval.tv_usec = (long)us;
    setitimer(timer, &interval, NULL);
}

static void storm_end(int timer) {
    struct itimerval interval;
    memset(&interval, 0, sizeof interval);
    setitimer(timer, &interval, NULL);
}

/* What every span of the main thread must look like, whatever interrupted it. */
typedef struct checker {
    uint32_t spans, wrong, handler, inside, main_spans, other;
} checker;

static bool attribute_is(const trace_span_data *span, size_t i, const char *key, int64_t value) {
    return i < span->attribute_count && span->attributes[i].key.size == strlen(key) &&
           memcmp(span->attributes[i].key.data, key, strlen(key)) == 0 && span->attributes[i].value.type == TRACE_TYPE_INT &&
           span->attributes[i].value.as.integer == value;
}

static bool name_is(const trace_span_data *span, const char *name) {
    return span->name.size == strlen(name) && memcmp(span->name.data, name, span->name.size) == 0;
}

static trace_result check_spans(void *user, const trace_batch *batch) {
    checker *const self = (checker *)user;
    size_t i;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        bool good = span->end_unix_ns >= span->start_unix_ns && !span->is_abandoned && span->dropped_attribute_count == 0;
        self->spans++;
        if (name_is(span, "handler")) {
            self->handler++;
            good = good && span->event_count <= 1;
        } else if (name_is(span, "inside")) {
            self->inside++;
            good = good && span->attribute_count <= 2;
        } else if (name_is(span, "main")) {
            self->main_spans++;
            good = good && attribute_is(span, 0, "first", 1) && attribute_is(span, 1, "second", 2);
        } else if (name_is(span, "outer")) {
            self->other++;
        } else {
            good = false;
        }
        self->wrong += !good;
    }
    return TRACE_RESULT_OK;
}

static trace_exporter checking(checker *self) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "one";
    exporter.export_fn = check_spans;
    exporter.user = self;
    return exporter;
}

static void main_span(void) {
    TRACE_SPAN("outer") {
        trace_context context = trace_context_current();
        TRACE_SPAN("main") {
            trace_span_set_int(trace_span_current(), "first", 1);
            TRACE_WITH(context) { trace_mark mark = trace_mark_get(); trace_unwind(mark); }
            trace_span_set_int(trace_span_current(), "second", 2);
        }
    }
}

static void storm(int number, int timer, bool lossless, uint32_t ring_bytes) {
    static checker seen;
    trace_config config = ledger_config(checking(&seen));
    const uint64_t until = ledger_ms() + (test_scaled(10) > 1 ? 1000 : 2000);
    uint64_t rounds = 0;
    trace_stats stats;
    config.ring_bytes = ring_bytes;
    config.lossless_timeout_ms = lossless ? 5000 : 0;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    main_span();
    storm_begin(number, timer, 1000, 1000);
    while (ledger_ms() < until || handled <= 50 || (test_factor() > 1 && rounds * 200 < test_factor() * 1000000u)) {
        unsigned i;
        for (i = 0; i < 100; i++) main_span();
        rounds++;
        if (rounds % 50 == 0) (void)trace_flush(100);
    }
    storm_end(timer);
    (void)trace_flush(5000);
    stats = ledger_stats();
    if (test_factor() > 1) fprintf(stderr, "%llu spans, %u signals\n", (unsigned long long)stats.ended, handled);
    CHECK(handled > 50);
    CHECK_UINT(seen.wrong, 0);
    CHECK_UINT(stats.open, 0);
    CHECK_UINT(stats.misused, 0);
    CHECK_UINT(stats.abandoned, 0);
    CHECK_UINT(stats.refused, 0);
    CHECK_UINT(stats.pending, 0);
    CHECK_UINT(seen.spans, stats.exported);
    /* those that were not recorded are counted, but for what a handler does while this thread delivers (it records nothing then) */
    CHECK(seen.handler + seen.inside + stats.dropped[TRACE_DROP_SIGNAL] <= 2u * handled);
    CHECK(seen.inside > 0);
    CHECK_UINT(stats.dropped[TRACE_DROP_RING_FULL] + seen.main_spans + seen.other + seen.handler + seen.inside,
               stats.ended - stats.dropped[TRACE_DROP_SIGNAL]);
    if (lossless) {
        CHECK_UINT(seen.main_spans, rounds * 100 + 1);
        CHECK_UINT(seen.other, rounds * 100 + 1);
        CHECK_UINT(stats.dropped[TRACE_DROP_RING_FULL], 0);
    }
    CHECK_LEDGER();
}

ISOLATED(sigalrm) { storm(SIGALRM, ITIMER_REAL, true, 1u << 20); }
ISOLATED(sigprof) { storm(SIGPROF, ITIMER_PROF, true, 1u << 20); }
ISOLATED(sigalrm_with_drops) { storm(SIGALRM, ITIMER_REAL, false, 4096); }

/* The first span that is dropped for this is told, not by the handler but by the next pass. */
static uint32_t told, told_in_handler;

static void hear(void *user, trace_log_level level, const char *message) {
    (void)user;
    (void)level;
    told += strstr(message, "signal handlers interrupted the library: 2 of their spans dropped") != NULL;
}

ISOLATED(the_first_drop_is_told) {
    static doer one;
    trace_config config = ledger_config(doer_exporter(&one, "one"));
    tracei_unit *unit;
    unsigned i;
    config.logger.log_fn = hear;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    main_span();
    signal(SIGUSR1, on_signal);
    for (i = 0; i < 3; i++) {
        unit = tracei_enter();                   /* the library is interrupted */
        if (!CHECK(unit != NULL)) return;
        raise(SIGUSR1);
        told_in_handler += told != (i ? 1u : 0u);
        tracei_leave_unit(unit);
        CHECK_UINT(ledger_stats().dropped[TRACE_DROP_SIGNAL], 2 * i + 2);
        (void)trace_pump(UINT32_MAX);
        CHECK_UINT(told, 1);
    }
    CHECK_UINT(told_in_handler, 0);
    CHECK_UINT(handler_recorded, 0);
    CHECK_UINT(one.spans, 2);
    CHECK_LEDGER();
}

/* All threads are hit, many of them at their very first or last span. */
static uint32_t storm_over;

static void *short_life(void *unused) {
    (void)unused;
    main_span();
    return NULL;
}

static void *pester(void *user) {
    const pthread_t *const victim = (const pthread_t *)user;
    while (!__atomic_load_n(&storm_over, __ATOMIC_ACQUIRE)) {
        pthread_kill(*victim, SIGUSR1);
        ledger_nap(100);
    }
    return NULL;
}

static void *make_threads(void *unused) {
    unsigned i;
    (void)unused;
    for (i = 0; i < test_scaled(2000); i++) {
        pthread_t thread;
        unsigned j;
        pthread_create(&thread, NULL, short_life, NULL);
        for (j = 0; j < 3; j++) pthread_kill(thread, SIGUSR1);     /* not joined yet: the id is good */
        pthread_join(thread, NULL);
        main_span();
    }
    __atomic_store_n(&storm_over, 1u, __ATOMIC_RELEASE);
    return NULL;
}

ISOLATED(threads_hit_at_their_first_span) {
    static checker seen;
    static pthread_t victim;
    trace_config config = ledger_config(checking(&seen));
    struct sigaction action;
    pthread_t pesterer;
    trace_stats stats;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, NULL);
    config.lossless_timeout_ms = 5000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    main_span();        /* starts the worker: a handler that interrupts malloc must not be the one to do it */
    pthread_create(&victim, NULL, make_threads, NULL);
    pthread_create(&pesterer, NULL, pester, &victim);
    pthread_join(pesterer, NULL);
    pthread_join(victim, NULL);
    CHECK_INT(trace_flush(5000), ledger_stats().dropped[TRACE_DROP_SIGNAL] + ledger_stats().dropped[TRACE_DROP_SHUTDOWN]
                                     ? TRACE_RESULT_FAILED
                                     : TRACE_RESULT_OK);
    stats = ledger_stats();
    CHECK_UINT(seen.wrong, 0);
    CHECK_UINT(stats.open, 0);
    CHECK_UINT(stats.misused, 0);
    CHECK_UINT(seen.handler + seen.inside + stats.dropped[TRACE_DROP_SIGNAL] + stats.dropped[TRACE_DROP_SHUTDOWN],
               2u * handled_anywhere);
    CHECK(stats.bytes_mapped < 64u << 20);        /* no unit was lost on the way */
    CHECK_LEDGER();
}

/* A handler in the middle of the first call of the process: it must come back. What it must not be is the one that ends the first
   span where the program is in malloc: the worker is started there. So the other thread is made before. */
static uint32_t arrived, go;

static void *begin_again(void *unused) {
    (void)unused;
    __atomic_store_n(&arrived, 1u, __ATOMIC_RELEASE);     /* what the C library does to start a thread is behind it */
    while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE)) sched_yield();
    main_span();
    return NULL;
}

TEST(the_first_span_of_a_process_is_interrupted) {
    unsigned i;
#ifdef __SANITIZE_THREAD__
    SKIP("it starts threads of its own and puts signals off");
#endif
    for (i = 0; i < test_scaled(100); i++) {
        int status = 0;
        const pid_t pid = fork();
        if (pid == 0) {
            pthread_t thread;
            dup2(open("/dev/null", O_WRONLY), 2);
            if (i % 2) {
                pthread_create(&thread, NULL, begin_again, NULL);
                while (!__atomic_load_n(&arrived, __ATOMIC_ACQUIRE)) sched_yield();
            }
            storm_begin(SIGALRM, ITIMER_REAL, 10 + i * 7, 500);
            __atomic_store_n(&go, 1u, __ATOMIC_RELEASE);
            main_span();
            if (i % 2) pthread_join(thread, NULL);
            storm_end(ITIMER_REAL);
            (void)trace_flush(1000);
            _exit(ledger_stats().open != 0);
        } else {
            const uint64_t deadline = ledger_ms() + 10000;
            while (waitpid(pid, &status, WNOHANG) != pid) {
                if (ledger_ms() > deadline) {
                    kill(pid, SIGKILL);
                    waitpid(pid, &status, 0);
                    break;
                }
                ledger_nap(200);
            }
            if (!CHECK_INT(status, 0)) break;
        }
    }
}

/* A handler that forks, and one whose child goes on recording. */
static void fork_on_signal(int number) {
    (void)number;
    if (fork() == 0) {
        main_span();
        _exit(ledger_stats().ended == 2 ? 0 : 1);
    }
}

ISOLATED(fork_in_a_handler) {
    static checker seen;
    trace_config config = ledger_config(checking(&seen));
    const uint64_t until = ledger_ms() + 1000;
    struct sigaction action;
    struct itimerval interval;
    uint64_t rounds = 0;
    int status;
    unsigned children = 0;
    memset(&action, 0, sizeof action);
    action.sa_handler = fork_on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    memset(&interval, 0, sizeof interval);
    interval.it_interval.tv_usec = interval.it_value.tv_usec = 20000;
    config.lossless_timeout_ms = 5000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    setitimer(ITIMER_REAL, &interval, NULL);
    while (ledger_ms() < until) {
        main_span();
        rounds++;
    }
    storm_end(ITIMER_REAL);
    while (wait(&status) > 0) {
        CHECK_INT(status, 0);
        children++;
    }
    CHECK(children > 5);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(seen.spans, 2 * rounds);
    CHECK_UINT(seen.wrong, 0);
    CHECK_LEDGER();
}

/* The same where it interrupts the first call of a thread, which has no ring yet. One child ends in the handler; the other goes back
   to where the library was, and both record. */
static __thread volatile bool armed;
static pid_t first_process;
static bool comes_back;

static void *pages_with_a_signal(void *unused, size_t size) {
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)unused;
    if (armed) {
        armed = false;
        raise(SIGALRM);
    }
    return memory == MAP_FAILED ? NULL : memory;
}

static void pages_back(void *unused, void *memory, size_t size) {
    (void)unused;
    munmap(memory, size);
}

static void fork_and_record(int number) {
    (void)number;
    if (fork() != 0) return;
    main_span();
    if (comes_back) return;
    _exit(ledger_stats().ended == 2 && trace_flush(5000) == TRACE_RESULT_OK ? 0 : 1);
}

static void *first_call(void *unused) {
    (void)unused;
    armed = true;
    main_span();
    if (getpid() != first_process) {
        main_span();
        _exit(ledger_stats().ended == 6 && trace_flush(5000) == TRACE_RESULT_OK ? 0 : 1);
    }
    return NULL;
}

static void fork_in_the_first_call(bool back) {
    static checker seen;
    trace_config config = ledger_config(checking(&seen));
    pthread_t thread;
    int status = -1;
    config.allocator.allocate_fn = pages_with_a_signal;
    config.allocator.release_fn = pages_back;
    first_process = getpid();
    comes_back = back;
    signal(SIGALRM, fork_and_record);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    main_span();
    pthread_create(&thread, NULL, first_call, NULL);
    pthread_join(thread, NULL);
    CHECK(wait(&status) > 0);
    CHECK_INT(status, 0);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(seen.spans, 4);
    CHECK_LEDGER();
}

#ifdef __SANITIZE_THREAD__
#define SKIP_IF_THREADS_STAY SKIP("in a forked child the sanitizer keeps the parent's threads, and dies of the worker, which takes the place of one");
#else
#define SKIP_IF_THREADS_STAY
#endif

ISOLATED_AFTER(fork_in_a_handler_in_the_first_call_of_a_thread, SKIP_IF_THREADS_STAY) { fork_in_the_first_call(false); }
ISOLATED_AFTER(fork_in_a_handler_that_returns_to_the_first_call, SKIP_IF_THREADS_STAY) { fork_in_the_first_call(true); }

TEST_MAIN()
