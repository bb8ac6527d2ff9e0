/* What does not wobble: mallocs, bytes and, run under callgrind or strace by counts.sh, instructions and system calls.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       counts mallocs          prints figures: name value unit
       counts bytes            likewise
       counts run W N          does N spans of work W (w0, w2, w5) in bursts, drained by trace_pump in between
       counts worker N         does N spans of w2 with the worker running and nothing draining by hand, between two marks:
                               calls of close() on descriptors no process has */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK 1000
#define MARK_BEGIN (-1001)
#define MARK_END (-1002)

/* ---- malloc, counted: ours is the one the whole process uses, the C library's included ---- */

static uint64_t malloc_calls;

#if defined(__GLIBC__)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
    __atomic_add_fetch(&malloc_calls, 1, __ATOMIC_RELAXED);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    __atomic_add_fetch(&malloc_calls, 1, __ATOMIC_RELAXED);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    __atomic_add_fetch(&malloc_calls, 1, __ATOMIC_RELAXED);
    return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    __atomic_add_fetch(&malloc_calls, 1, __ATOMIC_RELAXED);
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : 12;
}
#endif

static uint64_t malloc_count(void) {
    return __atomic_load_n(&malloc_calls, __ATOMIC_RELAXED);
}

/* The counter itself must see a malloc, or its zeros mean nothing. Volatile: compilers remove mallocs nobody uses. */
static bool mallocs_are_counted(void) {
    const uint64_t before = malloc_count();
    void *volatile memory = malloc(100);
    free(memory);
    return malloc_count() == before + 1;
}

/* ---- works: functions of their own, for callgrind to tell them from the pass ---- */

typedef void work_fn(size_t count);

__attribute__((noinline)) void record_w0(size_t count);
__attribute__((noinline)) void record_w2(size_t count);
__attribute__((noinline)) void record_w5(size_t count);

void record_w0(size_t count) {
    for (size_t i = 0; i < count; i++) {
        const trace_span span = trace_span_start("GET /item");
        trace_span_end(span);
    }
}

void record_w2(size_t count) {
    for (size_t i = 0; i < count; i++) {
        const trace_span span = trace_span_start("GET /item");
        trace_span_set_int(span, "http.response.status_code", 200);
        trace_span_set_string(span, "http.route", "/item/{id}");
        trace_span_end(span);
    }
}

void record_w5(size_t count) {
    for (size_t i = 0; i < count; i++) {
        const trace_span span = trace_span_start("GET /item");
        trace_span_set_int(span, "http.response.status_code", 200);
        trace_span_set_string(span, "http.route", "/item/{id}");
        trace_span_set_double(span, "cache.ratio", 0.75);
        trace_span_set_bool(span, "cache.hit", true);
        trace_span_set_int(span, "item.id", (int64_t)i);
        trace_span_add_event(span, "cache.read", NULL, 0);
        trace_span_end(span);
    }
}

static const struct {
    const char *name;
    work_fn *run;
} works[] = {{"w0", record_w0}, {"w2", record_w2}, {"w5", record_w5}};

#define WORKS (sizeof works / sizeof works[0])

/* ---- tracing ---- */

static uint64_t arrived;

static trace_result count_spans(void *user, const trace_batch *batch) {
    (void)user;
    arrived += batch->span_count;
    return TRACE_RESULT_OK;
}

static void start_tracing(bool with_worker) {
    trace_config config = {.service_name = "counts", .disable_environment = true, .disable_exit = true};
    config.exporters[0] = (trace_exporter){.struct_size = sizeof(trace_exporter), .name = "counting", .export_fn = count_spans};
    config.disable_thread = !with_worker;
    if (trace_init(&config) == TRACE_RESULT_OK) return;
    fprintf(stderr, "counts: trace_init failed\n");
    exit(1);
}

static void drain(void) {
    while (trace_pump(0)) {}
}

static void burst(work_fn *work, size_t count) {
    for (size_t done = 0; done < count; done += BLOCK) {
        work(count - done < BLOCK ? count - done : BLOCK);
        drain();
    }
}

static uint64_t dropped(void) {
    trace_stats stats;
    uint64_t sum = 0;
    trace_get_stats(&stats);
    for (int i = 0; i < TRACE_DROP_COUNT; i++) sum += stats.dropped[i];
    return sum + stats.refused;
}

static uint64_t bytes_mapped(void) {
    trace_stats stats;
    trace_get_stats(&stats);
    return stats.bytes_mapped;
}

/* What the system says this process has mapped; 0 where it does not say. */
static uint64_t process_bytes(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%lu", &pages) != 1) pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- figures ---- */

/* In and out again, with tracestate and baggage. */
static void propagate(size_t count) {
    static const char head[] = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
                               "tracestate: rojo=00f067aa0ba902b7\r\nbaggage: user.id=42\r\n\r\n";
    char out[512];
    for (size_t i = 0; i < count; i++) {
        const trace_context context = trace_extract_raw(head, sizeof head - 1);
        if (trace_inject_raw(context, out, sizeof out) < 120) exit(1);
    }
}

static void print_mallocs(void) {
    if (!mallocs_are_counted()) {
        fprintf(stderr, "counts: malloc cannot be counted with this C library\n");
        exit(1);
    }
    start_tracing(false);
    const trace_span root = trace_span_start("counts");
    for (size_t i = 0; i < WORKS; i++) {
        const size_t spans = 100000;
        burst(works[i].run, BLOCK);
        const uint64_t before = malloc_count();
        burst(works[i].run, spans);
        printf("mallocs.%s %.6f calls/span\n", works[i].name, (double)(malloc_count() - before) / (double)spans);
    }
    {
        const size_t contexts = 100000;
        uint64_t before;
        propagate(BLOCK);
        before = malloc_count();
        propagate(contexts);
        printf("mallocs.context %.6f calls/context\n", (double)(malloc_count() - before) / (double)contexts);
    }
    trace_span_end(root);
}

static void *one_span(void *argument) {
    (void)argument;
    record_w0(1);
    return NULL;
}

typedef struct growth {
    uint64_t reported, measured;
} growth;

/* What a thread adds with its first span. Its stack is ours, so that what appears belongs to the library. */
static growth thread_growth(void) {
    static _Alignas(4096) char stack[262144];
    const growth before = {bytes_mapped(), process_bytes()};
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, sizeof stack);
    if (pthread_create(&thread, &attributes, one_span, NULL) != 0) exit(1);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    const growth after = {bytes_mapped() - before.reported, process_bytes() - before.measured};
    return after;
}

static void print_thread_bytes(void) {
    const growth first = thread_growth(), next = thread_growth();
    printf("bytes.thread %llu bytes\n", (unsigned long long)first.reported);
    printf("bytes.thread.measured %llu bytes\n", (unsigned long long)first.measured);
    printf("bytes.thread.adopted %llu bytes\n", (unsigned long long)next.measured);     /* takes over what the first left */
}

static void print_ring_bytes(void) {
    for (size_t i = 0; i < WORKS; i++) {
        const uint64_t lost = dropped();
        size_t fitted = 0;
        drain();
        while (works[i].run(1), dropped() == lost) fitted++;
        drain();
        printf("bytes.ring.%s %.1f bytes/span\n", works[i].name, 1048576.0 / (double)fitted);
    }
}

static void print_bytes(void) {
    enum { OPEN = 10000 };
    static trace_span open_spans[OPEN];
    const trace_span_options detached = {.struct_size = sizeof detached, .detached = true};
    process_bytes();
    const uint64_t all_before = process_bytes();
    start_tracing(false);
    printf("bytes.before_first_span %llu bytes\n", (unsigned long long)bytes_mapped());
    printf("bytes.before_first_span.measured %llu bytes\n", (unsigned long long)(process_bytes() - all_before));
    record_w0(1);
    print_thread_bytes();
    print_ring_bytes();

    burst(record_w5, 10 * BLOCK);
    const uint64_t before_open = bytes_mapped();
    for (size_t i = 0; i < OPEN; i++) open_spans[i] = trace_span_start_with("open", &detached);
    printf("bytes.open_span %.1f bytes/span\n", (double)(bytes_mapped() - before_open) / OPEN);
    for (size_t i = 0; i < OPEN; i++) trace_span_end(open_spans[i]);
    drain();

    const uint64_t before_run = bytes_mapped(), all_before_run = process_bytes();
    burst(record_w5, 1000 * BLOCK);
    printf("bytes.growth %llu bytes/million_spans\n", (unsigned long long)(bytes_mapped() - before_run));
    printf("bytes.growth.measured %llu bytes/million_spans\n", (unsigned long long)(process_bytes() - all_before_run));
}

static int run(const char *work, size_t count) {
    for (size_t i = 0; i < WORKS; i++) {
        if (strcmp(works[i].name, work) != 0) continue;
        start_tracing(false);
        const trace_span root = trace_span_start("counts");
        close(MARK_BEGIN);
        burst(works[i].run, count);
        close(MARK_END);
        trace_span_end(root);
        drain();
        return dropped() == 0 && arrived == count + 1 ? 0 : 1;
    }
    fprintf(stderr, "counts: no work named %s\n", work);
    return 2;
}

static int run_with_worker(size_t count) {
    start_tracing(true);
    record_w2(1);                 /* the thread's ring, the worker */
    close(MARK_BEGIN);
    record_w2(count);
    close(MARK_END);
    trace_flush(10000);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "mallocs") == 0) return print_mallocs(), 0;
    if (argc == 2 && strcmp(argv[1], "bytes") == 0) return print_bytes(), 0;
    if (argc == 4 && strcmp(argv[1], "run") == 0) return run(argv[2], (size_t)strtoul(argv[3], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "worker") == 0) return run_with_worker((size_t)strtoul(argv[2], NULL, 10));
    fprintf(stderr, "usage: counts mallocs | bytes | run w0|w2|w5 spans | worker spans\n");
    return 2;
}
