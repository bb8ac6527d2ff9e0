/* bench_encode.c - what encoding a span costs: ns and bytes, envelope included
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Prints "name value unit ratio", the ratio to two clock readings of the same run ("-" for sizes): quiet (10th percentile) and median of 41 rounds of 512 spans each. W0: no attributes. W2: an integer and a 10-byte text.
   W5: five attributes and an event. "encode" is span by span into a queue, "whole" adds the request made of them. */
#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"
#include "../trace_zipkin.h"
#include "../trace_jaeger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SPANS 512
#define ROUNDS 41
#define REPEATS 8

static trace_span_data spans[SPANS];
static trace_attribute attributes[5], event_attributes[1];
static trace_event_data event;
static tracei_item items[SPANS];
static char queue[SPANS * 16384], request[SPANS * 2048];

static double clock_pair;

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static trace_string text(const char *literal) {
    trace_string string;
    string.data = literal;
    string.size = strlen(literal);
    return string;
}

static void prepare(int work) {
    static const trace_scope scope = {"bench", "1.0", NULL};
    uint64_t random = 42;
    memset(attributes, 0, sizeof attributes);
    attributes[0] = TRACE_ATTR_INT("user.id", 4711);
    attributes[1] = TRACE_ATTR_STRING("item.name", "0123456789");
    attributes[2] = TRACE_ATTR_DOUBLE("ratio", 0.25);
    attributes[3] = TRACE_ATTR_BOOL("cache.hit", true);
    attributes[4] = TRACE_ATTR_STRING("http.route", "/item/{id}");
    event_attributes[0] = TRACE_ATTR_INT("attempt", 2);
    event.name = text("retry");
    event.unix_ns = UINT64_C(1700000000123456789);
    event.attributes = event_attributes;
    event.attribute_count = 1;
    for (int i = 0; i < SPANS; i++) {
        trace_span_data *span = &spans[i];
        memset(span, 0, sizeof *span);
        for (int j = 0; j < 32; j++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            *(j < 16 ? &span->trace_id[j] : j < 24 ? &span->span_id[j - 16] : &span->parent_span_id[j - 24]) = (uint8_t)(random >> 40);
        }
        span->flags = TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM;
        span->kind = TRACE_KIND_INTERNAL;
        span->name = text("operation");
        span->start_unix_ns = UINT64_C(1700000000000000000) + (random >> 30);
        span->end_unix_ns = span->start_unix_ns + 41234;
        span->attributes = attributes;
        span->attribute_count = (size_t)work;
        span->events = &event;
        span->event_count = work == 5;
        span->scope = &scope;
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void report(const char *format, int work, const char *what, double *rounds) {
    qsort(rounds, ROUNDS, sizeof *rounds, compare);
    printf("encode_%s_w%d_%s_quiet %.1f ns %.3f\n", format, work, what, rounds[ROUNDS / 10], rounds[ROUNDS / 10] / clock_pair);
    printf("encode_%s_w%d_%s_median %.1f ns %.3f\n", format, work, what, rounds[ROUNDS / 2], rounds[ROUNDS / 2] / clock_pair);
}

static void bench_otlp(tracei_otlp_encoder *encoder, const char *format, int work, const trace_resource *resource) {
    double encode[ROUNDS], whole[ROUNDS];
    size_t bytes = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns(), middle, end;
        for (int repeat = 0; repeat < REPEATS; repeat++) {
            char *at = queue;
            uint32_t number = tracei_otlp_resource(encoder, resource), group = 0;
            for (int i = 0; i < SPANS; i++) {
                        size_t size = tracei_otlp_span_size(&spans[i]);
                if (size > 16384) abort();
                if (i == 0 || spans[i].scope != spans[i - 1].scope) group = tracei_otlp_group(encoder, number, spans[i].scope);
                items[i].data = (const uint8_t *)at;
                items[i].scope = group;
                at = tracei_otlp_span(encoder, at, &spans[i]);
                items[i].size = (uint32_t)(at - (const char *)items[i].data);
            }
        }
        middle = now_ns();
        for (int repeat = 0; repeat < REPEATS; repeat++) {
            if (tracei_otlp_request_size(encoder, items, SPANS) > sizeof request) abort();
            bytes = (size_t)(tracei_otlp_request(encoder, request, items, SPANS) - request);
        }
        end = now_ns();
        encode[round] = (middle - start) / SPANS / REPEATS;
        whole[round] = (end - start) / SPANS / REPEATS;
    }
    report(format, work, "encode", encode);
    report(format, work, "whole", whole);
    printf("encode_%s_w%d_size %.1f bytes -\n", format, work, (double)bytes / SPANS);
}

static void bench_zipkin(int work, const trace_resource *resource) {
    static tracei_zipkin_origin origin;
    double encode[ROUNDS];
    size_t bytes = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int repeat = 0; repeat < REPEATS; repeat++) {
            char *at = queue;
            tracei_zipkin_set_origin(&origin, resource, false);
            for (int i = 0; i < SPANS; i++) {
                if (tracei_zipkin_span_size(&spans[i], &origin) > 16384) abort();
                at = tracei_zipkin_span(at, &spans[i], &origin);
            }
            bytes = (size_t)(at - queue);
        }
        encode[round] = (now_ns() - start) / SPANS / REPEATS;
    }
    report("zipkin", work, "encode", encode);
    printf("encode_zipkin_w%d_size %.1f bytes -\n", work, (double)bytes / SPANS);
}

static void bench_jaeger(bool compact, int work) {
    const char *format = compact ? "jaeger_compact" : "jaeger_binary";
    static tracei_jaeger_encoder encoder;
    tracei_jaeger_cut cut;
    double encode[ROUNDS];
    size_t bytes = 0, size;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int repeat = 0; repeat < REPEATS; repeat++) {
            char *at = queue;
            encoder.compact = compact;
            encoder.scope = NULL;
            for (int i = 0; i < SPANS; i++) {
                if (!tracei_jaeger_cut_to(&spans[i], 16384, &cut, &size)) abort();
                at = tracei_jaeger_span(&encoder, at, &spans[i], &cut);
            }
            bytes = (size_t)(at - queue);
        }
        encode[round] = (now_ns() - start) / SPANS / REPEATS;
    }
    report(format, work, "encode", encode);
    printf("encode_%s_w%d_size %.1f bytes -\n", format, work, (double)bytes / SPANS);
}

/* The machine's own measure: everything else is to be read beside it. */
static void bench_clock(void) {
    clock_pair = 1e9;
    for (int round = 0; round < 200; round++) {
        double start = now_ns();
        for (int i = 0; i < 100; i++) (void)now_ns();
        start = (now_ns() - start) / 50;
        if (start < clock_pair) clock_pair = start;
    }
    printf("clock_pair %.1f ns 1.000\n", clock_pair);
}

int main(void) {
    static tracei_otlp_encoder json, protobuf;
    static const int works[] = {0, 2, 5};
    trace_attribute service[3];
    trace_resource resource;
    json.json = true;
    bench_clock();
    memset(&resource, 0, sizeof resource);
    service[0] = TRACE_ATTR_STRING("service.name", "bench");
    service[1] = TRACE_ATTR_STRING("telemetry.sdk.language", "c");
    service[2] = TRACE_ATTR_INT("process.pid", 1234);
    resource.attributes = service;
    resource.attribute_count = 3;
    resource.schema_url = text("");
    for (int i = 0; i < 3; i++) {
        prepare(works[i]);
        bench_otlp(&json, "json", works[i], &resource);
        bench_otlp(&protobuf, "protobuf", works[i], &resource);
        bench_zipkin(works[i], &resource);
        bench_jaeger(false, works[i]);
        bench_jaeger(true, works[i]);
    }
    return 0;
}
