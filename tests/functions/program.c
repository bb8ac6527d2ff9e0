/* program.c - compiled with -finstrument-functions: what its calls leave, read back from the memory exporter
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#define _GNU_SOURCE 1
#include "../../trace_functions.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PLAIN __attribute__((no_instrument_function))
#define ALONE __attribute__((noinline))

static unsigned passed, failed;
static uint64_t store[1 << 20];
static trace_exporter memory;
static trace_span_data spans[32768];
static size_t span_count;

PLAIN static void check(int line, int held, const char *what) {
    if (held) passed++;
    else failed++, printf("program.c:%d: failed: %s\n", line, what);
}
#define CHECK(condition) check(__LINE__, (condition) ? 1 : 0, #condition)

PLAIN static void start(uint64_t min_ns, const char *include, const char *exclude, uint32_t depth) {
    trace_functions_options options;
    trace_config config;
    memset(&config, 0, sizeof config);
    memset(&options, 0, sizeof options);
    memory = trace_memory_exporter(store, sizeof store);
    config.exporters[0] = memory;
    config.disable_environment = true;
    CHECK(trace_init(&config) == TRACE_RESULT_OK);
    options.min_duration_ns = min_ns;
    options.all = min_ns == 0;
    options.include = include;
    options.exclude = exclude;
    options.max_depth = depth;
    options.disable_environment = true;
    CHECK(trace_functions_init(&options) == TRACE_RESULT_OK);
}

/* Reads back, and checks the ledger of the core. */
PLAIN static void stop(void) {
    trace_stats stats;
    uint64_t sum;
    CHECK(trace_flush(5000) == TRACE_RESULT_OK);
    span_count = trace_memory_get(&memory, spans, sizeof spans / sizeof spans[0]);
    trace_get_stats(&stats);
    sum = stats.exported + stats.sampled_out + stats.pending;
    for (int i = 0; i < TRACE_DROP_COUNT; i++) sum += stats.dropped[i];
    CHECK(stats.ended == sum && stats.misused == 0);
    if (sum != stats.exported) printf("program.c: %llu spans were dropped or wait\n", (unsigned long long)(sum - stats.exported));
    CHECK(sum == stats.exported);
}

PLAIN static const trace_span_data *find(const char *name, unsigned nth) {
    for (size_t i = 0; i < span_count; i++)
        if (spans[i].name.size == strlen(name) && !memcmp(spans[i].name.data, name, spans[i].name.size) && !nth--) return &spans[i];
    return NULL;
}

PLAIN static unsigned count(const char *name) {
    unsigned n = 0;
    while (find(name, n)) n++;
    return n;
}

/* Every span of that name is a child of one of the other name. */
PLAIN static int below(const char *child, const char *parent) {
    const trace_span_data *one, *other;
    for (unsigned i = 0; (one = find(child, i)) != NULL; i++) {
        int found = 0;
        for (unsigned j = 0; (other = find(parent, j)) != NULL; j++)
            found |= !memcmp(one->parent_span_id, other->span_id, 8) && !memcmp(one->trace_id, other->trace_id, 16) &&
                     one->start_unix_ns >= other->start_unix_ns && one->end_unix_ns <= other->end_unix_ns;
        if (!found) return 0;
    }
    return count(child) > 0;
}

PLAIN static void nap(long us) {
    struct timespec time = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&time, NULL);
}

static volatile int sink;
ALONE static int leaf_static(int x) { sink += x; return x + sink; }
ALONE static int fib(int n) { return n < 2 ? leaf_static(n) : fib(n - 1) + fib(n - 2); }
ALONE static void slow(void) { nap(20000); }
ALONE static void calls_slow(void) { for (int i = 0; i < 1000; i++) leaf_static(i); slow(); leaf_static(1); }
ALONE static void outer(void) { calls_slow(); leaf_static(2); }

ALONE static void recursion(void) { fib(5); }
ALONE static void with_a_span(void) { TRACE_SPAN("inside") leaf_static(3); }
ALONE static void without_one(void) { leaf_static(4); }
ALONE static void spans_of_its_own(void) { without_one(); with_a_span(); without_one(); }
ALONE static void with_options(void) {
    trace_span_options options;
    memset((void *)&options, 0, sizeof options);
    options.struct_size = sizeof options;
    trace_span_end(trace_span_start_with("configured", &options));
}
ALONE static void with_a_root(void) {
    trace_span_options options;
    memset((void *)&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.root = true;
    trace_span_end(trace_span_start_with("another trace", &options));
}
ALONE static void annotated(void) { trace_span_set(trace_span_current(), "n", 7); }
ALONE static void deep(int n) { leaf_static(n); if (n) deep(n - 1); sink++; }
ALONE static void returning(int n) { if (n) returning(n - 1); leaf_static(n); sink++; }

static jmp_buf back;
ALONE static void jumps(int n) {
    if (n) jumps(n - 1);
    else if (sink != -1) longjmp(back, 1);
    sink++;
}
ALONE static void after_jump(void) { leaf_static(5); }
ALONE static void lands(void) {
    TRACE_SPAN("around") if (!setjmp(back)) jumps(3);
}
ALONE static void jumping(void) { lands(); after_jump(); }

ALONE static void *thread_main(void *user) { fib(3); return user; }

ALONE static void handled(void) { sink++; }
static void on_signal(int number) { (void)number; handled(); }

/* What was open when it forked is the parent's: the child ends it without a word, and begins anew. */
ALONE static void in_child(void) { leaf_static(6); }
ALONE static pid_t fork_within(void) {
    const pid_t child = fork();
    if (child == 0) in_child();
    return child;
}
ALONE static int forks(void) {
    int status = -1;
    const pid_t child = fork_within();
    if (child == 0) {
        passed = failed = 0;
        in_child();
        stop();
        CHECK(count("in_child") == 2 && count("fork_within") == 0 && count("forks") == 0 && below("leaf_static", "in_child"));
        _exit(failed != 0);
    }
    waitpid(child, &status, 0);
    return status;
}
ALONE static int forks_in_a_span(void) {
    int status = -1;
    TRACE_SPAN("around the fork") status = forks();
    return status;
}

/* A handler after every single instruction: nowhere may its calls harm those of the code it interrupts. */
#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_THREAD__)
#define STEPS 1
static volatile sig_atomic_t stepping;
PLAIN static void on_step(int number, siginfo_t *information, void *context) {
    (void)number, (void)information;
    handled();
    if (!stepping) ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}
ALONE static void deep_stack(void) { volatile char room[50000]; room[0] = room[49999] = 1; leaf_static(room[0]); }
ALONE static void stepped(void) { leaf_static(1); }
ALONE static void stepped_spans(void) { leaf_static(1); with_a_span(); leaf_static(1); }
PLAIN static void step(void (*run)(void)) {
    stepping = 1;
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
    run();
    stepping = 0;
    __asm__ volatile("nop; nop");
}
#endif

PLAIN int main(void) {
    pthread_t threads[4];
    struct sigaction action;
    struct itimerval timer;
    const trace_span_data *span;
    int status;

    start(0, NULL, NULL, 0);
    recursion();
    stop();
    CHECK(count("fib") == 15 && count("leaf_static") == 8 && count("recursion") == 1);
    CHECK(below("leaf_static", "fib"));
    span = find("fib", 0);
    CHECK(span && span->end_unix_ns >= span->start_unix_ns);

    start(5000000, NULL, NULL, 0);                    /* what is short leaves nothing, whatever is long has its parents */
    outer();
    recursion();
    stop();
    CHECK(span_count == 3 && below("slow", "calls_slow") && below("calls_slow", "outer"));

    start(UINT64_C(3600000000000), NULL, NULL, 0);    /* the program's own spans keep the calls they are in */
    spans_of_its_own();
    annotated();
    with_options();
    with_a_root();
    stop();
    CHECK(span_count == 8 && below("inside", "with_a_span") && below("with_a_span", "spans_of_its_own"));
    CHECK(below("configured", "with_options") && count("with_a_root") == 1 && !below("another trace", "with_a_root"));
    span = find("annotated", 0);
    CHECK(span && span->attribute_count == 1 && span->attributes[0].value.as.integer == 7);

    start(0, NULL, "fi*,nothing", 0);
    recursion();
    stop();
    CHECK(count("fib") == 0 && count("leaf_static") == 8 && below("leaf_static", "recursion"));
    start(0, "recursion,leaf_*", "leaf_other", 0);
    recursion();
    outer();
    stop();
    CHECK(count("recursion") == 1 && count("fib") == 0 && count("outer") == 0 && count("leaf_static") == 8 + 1002);

    start(0, NULL, NULL, 0);
    for (int i = 0; i < 4; i++) if (pthread_create(&threads[i], NULL, thread_main, NULL)) return 2;
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    stop();
    CHECK(count("thread_main") == 4 && count("fib") == 4 * 5);
    CHECK(find("thread_main", 1) && memcmp(find("thread_main", 0)->trace_id, find("thread_main", 1)->trace_id, 16) != 0);

    start(0, NULL, NULL, 0);
    jumping();
    stop();
    CHECK(count("jumps") == 0 || find("jumps", 0)->is_abandoned);
    CHECK(below("after_jump", "jumping") && below("around", "lands") && below("lands", "jumping"));

    start(0, NULL, NULL, 0);
    deep(1000);
    stop();
    CHECK(count("deep") == 256 && count("leaf_static") == 255);
    start(0, NULL, NULL, 0);
    returning(1000);                                  /* who is below the limit again has the right parent */
    stop();
    CHECK(count("returning") == 256 && count("leaf_static") == 255 && below("leaf_static", "returning"));

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGALRM, &action, NULL);
    timer.it_interval.tv_sec = timer.it_value.tv_sec = 0;
    timer.it_interval.tv_usec = timer.it_value.tv_usec = 300;
    start(5000000, NULL, NULL, 0);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int i = 0; i < 300; i++) fib(12);
    memset(&timer, 0, sizeof timer);
    setitimer(ITIMER_REAL, &timer, NULL);
    stop();
    start(0, NULL, NULL, 0);
    recursion();                                      /* nothing is left on the stack of calls */
    stop();
    CHECK(count("recursion") == 1 && !memcmp(find("recursion", 0)->parent_span_id, "\0\0\0\0\0\0\0", 8));

#ifdef STEPS
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = on_step;
    sigaction(SIGTRAP, &action, NULL);
    start(0, NULL, NULL, 0);
    deep_stack();                                     /* what the next call's frame held before is no guide */
    step(stepped);
    stop();
    CHECK(count("stepped") == 1 && count("leaf_static") == 2 && count("handled") > 10);
    CHECK(find("leaf_static", 1) && !memcmp(find("leaf_static", 1)->parent_span_id, find("stepped", 0)->span_id, 8));
    start(UINT64_C(3600000000000), NULL, NULL, 0);
    step(stepped_spans);
    stop();
    CHECK(span_count == 3 && below("inside", "with_a_span") && below("with_a_span", "stepped_spans"));
#endif

    start(0, NULL, NULL, 0);
    status = forks();
    stop();
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0 && count("in_child") == 0 && count("forks") == 1);
    start(0, NULL, NULL, 0);
    status = forks_in_a_span();
    stop();
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0 && below("fork_within", "forks") && below("forks", "around the fork"));
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
