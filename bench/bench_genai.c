/* bench_genai.c - what a model call with everything on costs who records it, and the worker
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   Prints "name value unit ratio-to-two-rdtsc", quiet (10th percentile) and median of 200 blocks of 200 spans; floor and work
   take turns. `bare` is the span with provider, model and usage; `everything` adds eight request parameters, the response, a
   stream of 50 chunks, cost, instructions, two messages in and one out (about 700 bytes of text), tool definitions. `pass` is the
   worker's side of the latter with an exporter that counts, without and with the names of a backend added. Bytes are those in
   the ring. */
#define TRACE_IMPLEMENTATION
#include "../trace_genai.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCK 200
#define ROUNDS 200

static uint64_t arrived;

static trace_result count_spans(void *user, const trace_batch *batch) {
    (void)user;
    arrived += batch->span_count;
    return TRACE_RESULT_OK;
}

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint64_t two_rdtsc(void) {
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc() ^ __builtin_ia32_rdtsc();
#else
    return (uint64_t)now_ns() ^ (uint64_t)now_ns();
#endif
}

static void bare(void) {
    const trace_span span = trace_genai_start_chat("openai", "gpt-4o", NULL);
    const trace_genai_usage usage = {.input_tokens = 1200, .output_tokens = 300};
    trace_genai_set_usage(span, &usage);
    trace_span_end(span);
}

static void everything(void) {
    static const char prompt[] =
        "Summarise the following report for a reader who has two minutes: what happened, to whom, why it matters, what is not "
        "yet known. Keep names and numbers as they are, say where they come from, do not add anything. \"Quotes\" stay quotes.\n";
    static const char answer[] =
        "The dam held. Of the 1,200 households asked to leave on Tuesday, all but 40 were back by Friday; nobody was hurt. Why "
        "the gauge at the north gate read two metres low is not known; the operator says a float stuck, the union nobody looked.";
    static const char tools[] =
        "[{\"type\":\"function\",\"function\":{\"name\":\"search\",\"parameters\":{\"type\":\"object\"}}}]";
    const trace_span span = trace_genai_start_chat("openai", "gpt-4o", NULL);
    const trace_genai_request request = {.temperature = trace_genai_double(0.2), .top_p = trace_genai_double(1),
                                         .seed = trace_genai_int(7), .max_tokens = 512, .stream = true,
                                         .conversation_id = "conversation-1234", .server_address = "api.example.com",
                                         .server_port = 443};
    const trace_genai_response response = {
        .id = "chatcmpl-1234567890", .model = "gpt-4o-2024-08-06", .finish_reasons = {"stop"}};
    const trace_genai_usage usage = {
        .input_tokens = 1200, .output_tokens = 300, .cache_read_tokens = 1000, .reasoning_tokens = 20};
    const trace_genai_stream stream = {
        .first_ns = 210000000, .last_ns = 1300000000, .shortest_ns = 1, .longest_ns = 90000000, .chunk_count = 50};
    const trace_genai_message input[] = {{.role = "system", .content = "You are brief."}, {.role = "user", .content = prompt}};
    const trace_genai_message output = {.role = "assistant", .content = answer, .finish_reason = "stop"};
    trace_genai_set_request(span, &request);
    trace_genai_set_instructions(span, "Answer in English.", 0);
    trace_genai_set_input(span, input, 2);
    trace_genai_set_tool_definitions(span, tools, 0);
    trace_genai_set_output(span, &output, 1);
    trace_genai_set_response(span, &response);
    trace_genai_set_usage(span, &usage);
    trace_genai_set_cost(span, 0.0125);
    trace_genai_set_stream(span, &stream);
    trace_span_end(span);
}

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void print_figure(const char *name, double *samples, const double *floor) {
    qsort(samples, ROUNDS, sizeof *samples, by_value);
    printf("genai.%s.quiet %.1f ns %.3f\n", name, samples[ROUNDS / 10], samples[ROUNDS / 10] / floor[ROUNDS / 10]);
    printf("genai.%s.median %.1f ns %.3f\n", name, samples[ROUNDS / 2], samples[ROUNDS / 2] / floor[ROUNDS / 2]);
}

/* Bytes of a record in the ring of this thread. */
static double ring_bytes(void (*work)(void)) {
    uint32_t head;
    work();                       /* the first record names the thread */
    head = tracei_tls->head;
    work();
    head = tracei_tls->head - head;
    while (trace_pump(0)) {}
    return (double)head;
}

static void measure(const char *suffix, uint32_t dialects, bool record) {
    static double floor[ROUNDS], small[ROUNDS], large[ROUNDS], pass[ROUNDS];
    trace_genai_options options = {0};
    const trace_span parent = trace_span_start("bench");
    uint64_t sink = 0, before;
    char name[64];
    options.capture_content = TRACE_CHOICE_YES;
    options.dialects = dialects;
    if (trace_genai_init(&options) != TRACE_RESULT_OK) exit(1);
    before = arrived;
    for (int round = -10; round < ROUNDS; round++) {
        const int at = round < 0 ? 0 : round;
        double start = now_ns();
        for (int i = 0; i < BLOCK; i++) sink += two_rdtsc();
        floor[at] = (now_ns() - start) / BLOCK;
        start = now_ns();
        for (int i = 0; i < BLOCK; i++) bare();
        small[at] = (now_ns() - start) / BLOCK;
        while (trace_pump(0)) {}
        start = now_ns();
        for (int i = 0; i < BLOCK; i++) everything();
        large[at] = (now_ns() - start) / BLOCK;
        start = now_ns();
        while (trace_pump(0)) {}
        pass[at] = (now_ns() - start) / BLOCK;
    }
    if (arrived - before != 2ull * BLOCK * (ROUNDS + 10)) {
        fprintf(stderr, "bench_genai: %llu spans arrived of %d: no figures\n", (unsigned long long)(arrived - before),
                2 * BLOCK * (ROUNDS + 10));
        exit(1);
    }
    trace_span_end(parent);
    while (trace_pump(0)) {}
    qsort(floor, ROUNDS, sizeof *floor, by_value);
    if (record) {
        printf("genai.two_rdtsc.quiet %.2f ns 1.000\n", floor[ROUNDS / 10] + (double)(sink & 0));
        print_figure("bare", small, floor);
        print_figure("everything", large, floor);
    }
    snprintf(name, sizeof name, "pass_%s", suffix);
    print_figure(name, pass, floor);
}

int main(void) {
    trace_config config = {0};
    config.exporters[0].struct_size = sizeof(trace_exporter);
    config.exporters[0].name = "counting";
    config.exporters[0].export_fn = count_spans;
    config.disable_environment = config.disable_thread = config.disable_exit = true;
    config.ring_bytes = 16u << 20;
    if (trace_init(&config) != TRACE_RESULT_OK) return 1;
    measure("plain", 0, true);
    printf("genai.bare.bytes %.0f bytes -\n", ring_bytes(bare));
    printf("genai.everything.bytes %.0f bytes -\n", ring_bytes(everything));
    measure("openinference", TRACE_GENAI_DIALECT_OPENINFERENCE, false);
    measure("langfuse", TRACE_GENAI_DIALECT_LANGFUSE, false);
    return 0;
}
