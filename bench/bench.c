/* What a span costs, beside what reading a clock twice costs in the same run.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       bench [--quick] [--no-bars] [section ...]

   prints one line a figure:  name value unit ratio-to-two-rdtsc  ("-" where a ratio says nothing), then, as comments, what became
   of each bar that is measured in time. Times wobble with the machine: compare ratios of one run, never times of two.

   W0 starts and ends a child span; W2 also sets an integer and a string of 10 bytes; W5 five attributes and one event.

   Method. Each section runs in a process of its own. Floors and works take turns in short blocks, a thousand spans each, so that
   whatever slows the machine slows all of them; `quiet` is the 10th percentile of the blocks, `median` the middle. A burst
   fits the ring and is drained between blocks, outside the measured time. In the sustained sections the worker runs and time
   counts until the last span is delivered. Spans are counted where they arrive: a figure of a burst that lost one is not printed
   and the program fails; of sustained runs that may drop, the delivered rate is printed. */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 1000                /* spans; at most 1 MiB / BLOCK bytes each */
#define WARM_UP 20                /* rounds that do not count */
#define ROUNDS_MAX 400
#define FIGURES_MAX 16
#define THREADS_MAX 2

static size_t rounds = ROUNDS_MAX;
static size_t sustained_spans = 2000000;

/* ---- clocks ---- */

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_ns(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static inline uint64_t ticks(void) {
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
#else
    return clock_ns();
#endif
}

static volatile uint64_t sink;

/* ---- works: each does `count` units ---- */

typedef void work_fn(size_t count);

static void two_rdtsc(size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t start = ticks();
        sum += ticks() - start;
    }
    sink = sum;
}

static void two_clock_gettime(size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t start = clock_ns();
        sum += clock_ns() - start;
    }
    sink = sum;
}

static void w0(size_t count) {
    for (size_t i = 0; i < count; i++) {
        const trace_span span = trace_span_start("GET /item");
        trace_span_end(span);
    }
}

static void w2(size_t count) {
    for (size_t i = 0; i < count; i++) {
        const trace_span span = trace_span_start("GET /item");
        trace_span_set_int(span, "http.response.status_code", 200);
        trace_span_set_string(span, "http.route", "/item/{id}");
        trace_span_end(span);
    }
}

static void w5(size_t count) {
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

/* The macro, current-span setters by type: what most programs write. */
static void w2_macro(size_t count) {
    for (size_t i = 0; i < count; i++) {
        TRACE_BLOCK("GET /item");
        trace_set("http.response.status_code", 200);
        trace_set("http.route", "/item/{id}");
    }
}

static void w0_root(size_t count) {
    const trace_span_options options = {.struct_size = sizeof options, .kind = TRACE_KIND_SERVER, .root = true};
    for (size_t i = 0; i < count; i++) {
        const trace_span span = trace_span_start_with("GET /item", &options);
        trace_span_end(span);
    }
}

/* Traces as a server makes them: a root and nine children. */
static void w2_traces(size_t count) {
    for (size_t i = 0; i < count; i += 10) {
        const trace_span_options options = {.struct_size = sizeof options, .kind = TRACE_KIND_SERVER, .root = true};
        const trace_span root = trace_span_start_with("GET /cart", &options);
        w2(9);
        trace_span_end(root);
    }
}

static void attach_detach(size_t count) {
    const trace_context context = trace_context_current();
    for (size_t i = 0; i < count; i++) trace_detach(trace_attach(context));
}

static void parse_format(size_t count) {
    char text[56] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (size_t i = 0; i < count; i++) {
        trace_context context;
        trace_context_parse(&context, text, NULL);
        trace_context_format(context, text);
    }
    sink = (uint64_t)text[3];
}

static trace_string string_of(const char *text) {
    const trace_string string = {text, strlen(text)};
    return string;
}

/* A request as servers see it: the headers we want among others. */
/* The same with a tracestate: its copy is kept in the table of contexts, and read back from there. */
static void parse_format_state(size_t count) {
    char text[56] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", state[64];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        trace_context context;
        trace_context_parse(&context, text, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
        trace_context_format(context, text);
        size += trace_state_get(context, state, sizeof state);
    }
    sink = size;
}

static void extract_inject_all(size_t count) {
    const trace_header headers[] = {
        {string_of("host"), string_of("shop.example")},
        {string_of("traceparent"), string_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
        {string_of("tracestate"), string_of("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")},
        {string_of("baggage"), string_of("user.id=42,tenant=blue")},
        {string_of("content-type"), string_of("application/json")},
    };
    char out[512];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const trace_context context = trace_extract_headers(headers, sizeof headers / sizeof headers[0]);
        size += trace_inject_raw(context, out, sizeof out);
    }
    sink = size;
}

static void extract_inject(size_t count) {
    const trace_header headers[] = {
        {string_of("host"), string_of("shop.example")},
        {string_of("user-agent"), string_of("curl/8.5.0")},
        {string_of("accept"), string_of("*/*")},
        {string_of("traceparent"), string_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
        {string_of("content-type"), string_of("application/json")},
        {string_of("content-length"), string_of("42")},
    };
    char out[256];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const trace_context context = trace_extract_headers(headers, sizeof headers / sizeof headers[0]);
        size += trace_inject_raw(context, out, sizeof out);
    }
    sink = size;
}

/* ---- where spans arrive ---- */

static uint64_t arrived;

static trace_result count_spans(void *user, const trace_batch *batch) {
    (void)user;
    arrived += batch->span_count;
    return TRACE_RESULT_OK;
}

static trace_exporter counting_exporter(void) {
    const trace_exporter exporter = {.struct_size = sizeof exporter, .name = "counting", .export_fn = count_spans};
    return exporter;
}

static trace_decision drop_all(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    (void)user, (void)input, (void)output;
    return TRACE_DECISION_DROP;
}

/* The first exporter is ours. */
static void start_tracing(trace_config config, bool with_worker) {
    config.service_name = "bench";
    config.exporters[0] = counting_exporter();
    config.disable_environment = true;
    config.disable_thread = !with_worker;
    config.disable_exit = true;
    if (trace_init(&config) == TRACE_RESULT_OK) return;
    fprintf(stderr, "bench: trace_init failed\n");
    exit(1);
}

static uint64_t lost_spans(const trace_stats *stats) {
    uint64_t lost = stats->refused;
    for (int i = 0; i < TRACE_DROP_COUNT; i++) lost += stats->dropped[i];
    return lost;
}

/* Ends the section when a span was lost, is missing where spans arrive, or was recorded when none should be. */
static void check_ledger(uint64_t expected) {
    trace_stats stats;
    trace_flush(10000);
    trace_get_stats(&stats);
    if (lost_spans(&stats) == 0 && arrived == expected) return;
    fprintf(stderr, "bench: of %llu spans %llu arrived, %llu were dropped or refused: no figures\n", (unsigned long long)expected,
            (unsigned long long)arrived, (unsigned long long)lost_spans(&stats));
    exit(1);
}

/* ---- blocks ---- */

typedef struct figure {
    const char *name;
    work_fn *work;
    bool records;                 /* its units are spans that must arrive */
    double ns[THREADS_MAX * ROUNDS_MAX];      /* a unit, one sample a block */
    size_t count;
} figure;

typedef struct section {
    const char *name;
    figure figures[FIGURES_MAX];  /* [0] is two_rdtsc, [1] two_clock_gettime */
    size_t figure_count;
    figure pass;                  /* draining, a span, after blocks of pass_work */
    work_fn *pass_work;
    size_t threads;
} section;

static section now_running;

static void add_figure(const char *name, work_fn *work, bool records) {
    figure *f = &now_running.figures[now_running.figure_count++];
    f->name = name;
    f->work = work;
    f->records = records;
}

static void begin_section(const char *name, size_t threads) {
    now_running.name = name;
    now_running.threads = threads;
    now_running.pass.name = "pass";
    now_running.pass_work = w2;
    add_figure("two_rdtsc", two_rdtsc, false);
    add_figure("two_clock_gettime", two_clock_gettime, false);
}

/* Threads meet here before and after each block. Spins: a futex would wake them one after the other. */
static void meet(void) {
    static uint32_t waiting, turn;
    const uint32_t mine = __atomic_load_n(&turn, __ATOMIC_ACQUIRE);
    if (now_running.threads == 1) return;
    if (__atomic_add_fetch(&waiting, 1, __ATOMIC_ACQ_REL) == now_running.threads) {
        __atomic_store_n(&waiting, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&turn, mine + 1, __ATOMIC_RELEASE);
    }
    for (unsigned spins = 1; __atomic_load_n(&turn, __ATOMIC_ACQUIRE) == mine; spins++)
        if (spins % 1024 == 0) sched_yield();
}

static void drain(bool counts) {
    const uint64_t before = arrived, start = clock_ns();
    uint64_t stop;
    figure *pass = &now_running.pass;
    while (trace_pump(0)) {}
    stop = clock_ns();
    if (counts && arrived - before >= BLOCK && pass->count < sizeof pass->ns / sizeof pass->ns[0])
        pass->ns[pass->count++] = (double)(stop - start) / (double)(arrived - before);
}

static void *run_blocks(void *argument) {
    const size_t thread = (size_t)(uintptr_t)argument;
    const trace_span root = trace_span_start_with("bench", &(trace_span_options){.struct_size = sizeof(trace_span_options)});
    for (size_t round = 0; round < rounds + WARM_UP; round++) {
        for (size_t i = 0; i < now_running.figure_count; i++) {
            figure *f = &now_running.figures[i];
            uint64_t start, stop;
            meet();
            start = clock_ns();
            f->work(BLOCK);
            stop = clock_ns();
            if (round >= WARM_UP) f->ns[thread * rounds + round - WARM_UP] = (double)(stop - start) / BLOCK;
            meet();
            if (thread == round % now_running.threads && f->records) drain(round >= WARM_UP && f->work == now_running.pass_work);
        }
    }
    trace_span_end(root);
    return NULL;
}

/* ---- output ---- */

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double percentile(figure *f, unsigned percent) {
    if (!f->count) return 0;
    qsort(f->ns, f->count, sizeof *f->ns, by_value);
    return f->ns[(f->count - 1) * percent / 100];
}

static void print_figure(figure *f) {
    figure *floor = &now_running.figures[0];
    const double quiet = percentile(f, 10), median = percentile(f, 50);
    printf("%s.%s.quiet %.2f ns %.3f\n", now_running.name, f->name, quiet, quiet / percentile(floor, 10));
    printf("%s.%s.median %.2f ns %.3f\n", now_running.name, f->name, median, median / percentile(floor, 50));
}

/* `kept`: the spans of this section are expected to arrive. */
static void run_section(bool kept) {
    pthread_t others[THREADS_MAX];
    uint64_t expected = 0;
    for (size_t i = 1; i < now_running.threads; i++)
        if (pthread_create(&others[i], NULL, run_blocks, (void *)(uintptr_t)i) != 0) exit(1);
    run_blocks(NULL);
    for (size_t i = 1; i < now_running.threads; i++) pthread_join(others[i], NULL);

    for (size_t i = 0; i < now_running.figure_count; i++) {
        now_running.figures[i].count = rounds * now_running.threads;
        if (now_running.figures[i].records) expected += (rounds + WARM_UP) * now_running.threads * BLOCK;
    }
    check_ledger(kept ? expected + now_running.threads : 0);
    for (size_t i = 0; i < now_running.figure_count; i++) print_figure(&now_running.figures[i]);
    if (now_running.pass.count) print_figure(&now_running.pass);
}

/* ---- sections of bursts ---- */

static void burst(const char *name, size_t threads, bool disable_tsc) {
    start_tracing((trace_config){.disable_tsc = disable_tsc}, false);
    begin_section(name, threads);
    add_figure("w0", w0, true);
    add_figure("w2", w2, true);
    add_figure("w5", w5, true);
    add_figure("w2_macro", w2_macro, true);
    add_figure("w0_root", w0_root, true);
    run_section(true);
}

static void section_tsc_1t(void) { burst("tsc.1t", 1, false); }
static void section_tsc_2t(void) { burst("tsc.2t", 2, false); }
static void section_clock_1t(void) { burst("clock.1t", 1, true); }
static void section_clock_2t(void) { burst("clock.2t", 2, true); }

/* The root is sampled out, its children follow it. */
static void section_sampled_out(void) {
    start_tracing((trace_config){.sampler = {.sample_fn = drop_all, .roots_only = true}}, false);
    begin_section("sampled_out", 1);
    add_figure("w0", w0, false);
    add_figure("w2", w2, false);
    run_section(false);
}

/* The sampler is asked for every child too. */
static void section_sampler_called(void) {
    start_tracing((trace_config){.sampler = {.sample_fn = drop_all}}, false);
    begin_section("sampler_called", 1);
    add_figure("w0", w0, false);
    add_figure("w2", w2, false);
    run_section(false);
}

static void section_disabled(void) {
    start_tracing((trace_config){.disabled = true}, false);
    begin_section("disabled", 1);
    add_figure("w0", w0, false);
    add_figure("w2", w2, false);
    run_section(false);
}

static void section_context(void) {
    start_tracing((trace_config){.disabled = false}, false);
    begin_section("context", 1);
    add_figure("parse_format", parse_format, false);
    add_figure("parse_format_state", parse_format_state, false);
    add_figure("extract_inject", extract_inject, false);
    add_figure("extract_inject_all", extract_inject_all, false);
    add_figure("attach_detach", attach_detach, false);
    run_section(true);
}

/* What people see costs the worker, not the program: `pass` is what a span costs it, from the ring to text thrown away. */

static void forget_text(void *user, const char *text, size_t size) {
    (void)user, (void)text;
    sink += size;
}

static void console(const char *name, trace_console_format format) {
    trace_config config = {.disabled = false};
    const trace_console_options options = {.format = format, .width = 120, .write_fn = forget_text};
    config.exporters[1] = trace_console_exporter(&options);
    start_tracing(config, false);
    begin_section(name, 1);
    add_figure("w2_traces", w2_traces, true);
    now_running.pass_work = w2_traces;
    run_section(true);
}

static void section_console_tree(void) { console("console_tree", TRACE_CONSOLE_FORMAT_TREE); }
static void section_console_all(void) { console("console_all", TRACE_CONSOLE_FORMAT_ALL); }
static void section_console_line(void) { console("console_line", TRACE_CONSOLE_FORMAT_LINE); }

/* ---- sections with the worker running ---- */

static double sustained_floor_ns(void) {
    static figure floor;
    for (floor.count = 0; floor.count < 100; floor.count++) {
        const uint64_t start = clock_ns();
        two_rdtsc(BLOCK);
        floor.ns[floor.count] = (double)(clock_ns() - start) / BLOCK;
    }
    return percentile(&floor, 50);
}

static void *produce(void *argument) {
    (void)argument;
    meet();
    w2(sustained_spans);
    return NULL;
}

static void sustained(const char *name, size_t threads, uint32_t lossless_timeout_ms) {
    const double floor_ns = sustained_floor_ns();
    const uint64_t produced = threads * sustained_spans;
    pthread_t others[THREADS_MAX];
    trace_stats stats;
    start_tracing((trace_config){.lossless_timeout_ms = lossless_timeout_ms}, true);
    now_running.threads = threads;
    for (size_t i = 1; i < threads; i++)
        if (pthread_create(&others[i], NULL, produce, NULL) != 0) exit(1);
    const uint64_t start = clock_ns(), cpu_start = cpu_ns();
    produce(NULL);
    for (size_t i = 1; i < threads; i++) pthread_join(others[i], NULL);
    const uint64_t made = clock_ns();
    trace_flush(60000);
    const uint64_t done = clock_ns(), cpu_done = cpu_ns();
    trace_get_stats(&stats);
    if (arrived + lost_spans(&stats) != produced || (lossless_timeout_ms && arrived != produced)) {
        fprintf(stderr, "bench: of %llu spans %llu arrived, %llu were counted as dropped: no figures\n",
                (unsigned long long)produced, (unsigned long long)arrived, (unsigned long long)lost_spans(&stats));
        exit(1);
    }
    const double each = (double)(done - start) / (double)arrived, producer = (double)(made - start) / (double)sustained_spans;
    const double cpu = (double)(cpu_done - cpu_start) / (double)arrived;
    printf("%s.delivered %.2f %% -\n", name, 100.0 * (double)arrived / (double)produced);
    printf("%s.rate %.3f Mspan/s -\n", name, 1e3 / each);
    printf("%s.delivered_span %.2f ns %.3f\n", name, each, each / floor_ns);
    printf("%s.cpu %.2f ns %.3f\n", name, cpu, cpu / floor_ns);      /* all threads; says more than time on a busy machine */
    if (arrived == produced) printf("%s.producer %.2f ns %.3f\n", name, producer, producer / floor_ns);
}

static void section_lossless_1t(void) { sustained("lossless.1t", 1, 10000); }
static void section_lossless_2t(void) { sustained("lossless.2t", 2, 10000); }
static void section_dropping_1t(void) { sustained("dropping.1t", 1, 0); }
static void section_dropping_2t(void) { sustained("dropping.2t", 2, 0); }

/* ---- running sections and collecting what they print ---- */

static const struct {
    const char *name;
    void (*run)(void);
} sections[] = {
    {"tsc.1t", section_tsc_1t},           {"tsc.2t", section_tsc_2t},
    {"clock.1t", section_clock_1t},       {"clock.2t", section_clock_2t},
    {"sampled_out", section_sampled_out}, {"sampler_called", section_sampler_called},
    {"disabled", section_disabled},       {"context", section_context},
    {"console_tree", section_console_tree}, {"console_all", section_console_all},
    {"console_line", section_console_line},
    {"lossless.1t", section_lossless_1t}, {"lossless.2t", section_lossless_2t},
    {"dropping.1t", section_dropping_1t}, {"dropping.2t", section_dropping_2t},
};

typedef struct result {
    char name[64];
    double value;
} result;

static result results[512];
static size_t result_count;

static bool find_result(const char *name, double *value) {
    for (size_t i = 0; i < result_count; i++)
        if (strcmp(results[i].name, name) == 0) return *value = results[i].value, true;
    return false;
}

/* A process of its own for each: what one leaves behind, the next one does not find. */
static bool run_in_process(void (*run)(void)) {
    int ends[2], status = 0;
    char line[256];
    pid_t child;
    FILE *in;
    if (pipe(ends) != 0) return false;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        run();
        fflush(stdout);
        _exit(0);
    }
    close(ends[1]);
    in = fdopen(ends[0], "r");
    while (in && fgets(line, sizeof line, in)) {
        result *r = &results[result_count];
        fputs(line, stdout);
        if (result_count + 1 < sizeof results / sizeof results[0] && sscanf(line, "%63s %lf", r->name, &r->value) == 2)
            result_count++;
    }
    if (in) fclose(in);
    if (child > 0) waitpid(child, &status, 0);
    return child > 0 && status == 0;
}

/* ---- bars ---- */

static const struct {
    const char *value, *of;       /* of: NULL means the value itself */
    double limit;
    bool at_least;
} bars[] = {
    {"tsc.1t.w0.quiet", "tsc.1t.two_rdtsc.quiet", 1.5, false},
    {"tsc.1t.w2.quiet", "tsc.1t.two_rdtsc.quiet", 1.9, false},
    {"tsc.1t.w5.quiet", "tsc.1t.two_rdtsc.quiet", 3.5, false},
    {"clock.1t.w0.quiet", "clock.1t.two_clock_gettime.quiet", 1.35, false},
    {"clock.1t.w2.quiet", "clock.1t.two_clock_gettime.quiet", 1.55, false},
    {"clock.1t.w5.quiet", "clock.1t.two_clock_gettime.quiet", 2.4, false},
    {"tsc.2t.w0.quiet", "tsc.1t.w0.quiet", 1.1, false},
    {"tsc.2t.w2.quiet", "tsc.1t.w2.quiet", 1.1, false},
    {"tsc.2t.w5.quiet", "tsc.1t.w5.quiet", 1.1, false},
    {"sampled_out.w0.quiet", "sampled_out.two_clock_gettime.quiet", 0.20, false},
    {"disabled.w0.quiet", "disabled.two_clock_gettime.quiet", 0.03, false},
    {"lossless.1t.rate", NULL, 3.0, true},
};

static void print_bars(void) {
    for (size_t i = 0; i < sizeof bars / sizeof bars[0]; i++) {
        double value = 0, of = 1;
        if (!find_result(bars[i].value, &value) || (bars[i].of && !find_result(bars[i].of, &of))) continue;
        const double reached = value / of;
        const bool met = bars[i].at_least ? reached >= bars[i].limit : reached <= bars[i].limit;
        printf("# %-4s %s%s%s: %.3f, bar %s %.2f\n", met ? "met" : "MISS", bars[i].value, bars[i].of ? " of " : "",
               bars[i].of ? bars[i].of : "", reached, bars[i].at_least ? ">=" : "<=", bars[i].limit);
    }
}

int main(int argc, char **argv) {
    bool with_bars = true, fine = true;
    size_t chosen = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) rounds = 60, sustained_spans = 200000;
        else if (strcmp(argv[i], "--no-bars") == 0) with_bars = false;
        else if (argv[i][0] != '-') argv[1 + chosen++] = argv[i];
        else return fprintf(stderr, "usage: bench [--quick] [--no-bars] [section ...]\n"), 2;
    }
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        bool wanted = chosen == 0;
        for (size_t j = 0; j < chosen; j++)
            if (strncmp(sections[i].name, argv[1 + j], strlen(argv[1 + j])) == 0) wanted = true;
        if (wanted && !run_in_process(sections[i].run)) {
            fprintf(stderr, "bench: section %s failed\n", sections[i].name);
            fine = false;
        }
    }
    if (with_bars) print_bars();
    return fine ? 0 : 1;
}
