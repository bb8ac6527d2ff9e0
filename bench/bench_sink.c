/* bench_sink.c - how many spans a second get through, from trace_span_end to the other side, with nothing lost
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       bench_sink [--quick] [section ...]      prints "name value unit ratio"; the ratio is to two clock readings of the same run

   One thread records W2 (an integer and a text of 10 bytes) with everything at its default but lossless rings. Sections:
   null.FORMAT: encoded, put into requests, and handed to a transport that throws them away; sink.FORMAT: sent over loopback to an
   HTTP server in a process of its own, which counts the spans of each request before it answers. The recording thread looks at the
   exporter's ledger once every 1,000 spans and pauses while more than half of its queue is taken: an exporter never waits for
   its other side, so nobody else would. Time counts until the last span is acknowledged. A run whose ledger is not exact, or that
   lost a span, fails instead of printing a figure. */
#define _GNU_SOURCE 1             /* memmem */
#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"
#include "../trace_zipkin.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#define RUNS 5
#define QUEUED_MOST 32768         /* of 65,536 */

static uint64_t spans_a_run = 2000000;

static uint64_t now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- the other side ---- */

static uint64_t thrown_away;

static trace_http_outcome throw_away(void *user, const trace_http_request *request, trace_http_response *response) {
    (void)user;
    thrown_away += request->body_size;
    response->status = 200;
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

typedef struct tally {            /* shared with the sink's process */
    uint64_t spans, bytes, requests;
} tally;

/* How many spans a body has: JSON by the key that each begins with, protobuf by a walk over the fields. */
static uint64_t count_text(const char *body, size_t size, const char *key) {
    const size_t key_size = strlen(key);
    const char *at = body, *const end = body + size;
    uint64_t found = 0;
    while ((at = (const char *)memmem(at, (size_t)(end - at), key, key_size)) != NULL) found++, at += key_size;
    return found;
}

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        *value |= (uint64_t)(**at & 127) << shift;
        if (*(*at)++ < 128) return true;
    }
    return false;
}

/* request.resource_spans = 1, .scope_spans = 2, .spans = 2: all messages; other fields are skipped. */
static uint64_t count_protobuf(const uint8_t *at, size_t size, unsigned level) {
    static const uint64_t wanted[] = {1, 2, 2};
    const uint8_t *const end = at + size;
    uint64_t found = 0, tag, length;
    while (at < end) {
        if (!read_varint(&at, end, &tag) || (tag & 7) != 2 || !read_varint(&at, end, &length) || length > (uint64_t)(end - at)) return 0;
        if (tag >> 3 == wanted[level]) found += level == 2 ? 1 : count_protobuf(at, (size_t)length, level + 1);
        at += length;
    }
    return found;
}

static bool take(int client, char *buffer, size_t *have, size_t capacity) {
    const ssize_t got = *have < capacity ? recv(client, buffer + *have, capacity - *have, 0) : 0;
    if (got > 0) *have += (size_t)got;
    return got > 0;
}

static void serve(int client, tally *seen) {
    static char buffer[8 << 20];
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    size_t have = 0;
    for (;;) {
        char *body, *length;
        size_t whole;
        while ((body = (char *)memmem(buffer, have < 8192 ? have : 8192, "\r\n\r\n", 4)) == NULL)
            if (!take(client, buffer, &have, sizeof buffer)) return;
        body += 4;
        length = (char *)memmem(buffer, (size_t)(body - buffer), "Content-Length:", 15);
        whole = (size_t)(body - buffer) + (length ? strtoul(length + 15, NULL, 10) : 0);
        while (have < whole)
            if (!take(client, buffer, &have, sizeof buffer)) return;
        seen->bytes += whole;
        seen->requests++;
        if (*body == '{' || *body == '[') seen->spans += count_text(body, whole - (size_t)(body - buffer), "{\"traceId\":\"");
        else seen->spans += count_protobuf((const uint8_t *)body, whole - (size_t)(body - buffer), 0);
        if (send(client, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) return;
        memmove(buffer, buffer + whole, have - whole);
        have -= whole;
    }
}

static pid_t start_sink(tally *seen, unsigned *port) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    pid_t pid;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        exit(2);
    *port = ntohs(address.sin_port);
    pid = fork();
    if (pid == 0) {
        for (;;) {
            const int client = accept(listener, NULL, NULL);
            if (client < 0) _exit(1);
            serve(client, seen);
            close(client);
        }
    }
    close(listener);
    return pid;
}

/* ---- this side ---- */

static void breathe(const char *name) {
    const struct timespec pause = {0, 50000};
    trace_exporter_stats stats;
    while (trace_get_exporter_stats(name, &stats) && stats.queued > QUEUED_MOST) nanosleep(&pause, NULL);
}

static void record(const char *name, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        trace_span span = trace_span_start("operation");
        trace_span_set_int(span, "rows", (int64_t)i);
        trace_span_set_string(span, "system.name", "0123456789");
        trace_span_end(span);
        if (i % 1000 == 0) breathe(name);
    }
}

/* ns a span; the process ends when one is missing. */
static double run_once(const char *name, uint64_t *cpu, const tally *seen) {
    trace_stats stats;
    trace_exporter_stats before, after;
    const uint64_t seen_before = seen ? __atomic_load_n(&seen->spans, __ATOMIC_ACQUIRE) : 0;
    uint64_t start, cpu_start, lost = 0, arrived;
    trace_result flushed;
    double each;
    (void)trace_get_exporter_stats(name, &before);
    start = now_ns(CLOCK_MONOTONIC), cpu_start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    TRACE_SPAN("run") record(name, spans_a_run - 1);
    flushed = trace_flush(60000);
    each = (double)(now_ns(CLOCK_MONOTONIC) - start) / (double)spans_a_run;
    *cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    trace_get_stats(&stats);
    (void)trace_get_exporter_stats(name, &after);
    for (int i = 0; i < TRACE_DROP_COUNT; i++) lost += stats.dropped[i];
    for (int i = 0; i < TRACE_FAILURE_COUNT; i++) lost += after.failed[i];
    arrived = seen ? __atomic_load_n(&seen->spans, __ATOMIC_ACQUIRE) - seen_before : after.sent - before.sent;
    if (flushed != TRACE_RESULT_OK || lost || after.queued || after.received != after.sent || after.sent - before.sent != spans_a_run ||
        arrived != spans_a_run) {
        fprintf(stderr, "bench_sink: %s: of %llu spans %llu arrived, %llu lost, %llu queued: no figures\n", name, (unsigned long long)spans_a_run,
                (unsigned long long)arrived, (unsigned long long)lost, (unsigned long long)after.queued);
        exit(1);
    }
    return each;
}

static double clock_pair(void) {
    double best = 1e9;
    for (int round = 0; round < 200; round++) {
        const uint64_t start = now_ns(CLOCK_MONOTONIC);
        double each;
        for (int i = 0; i < 100; i++) (void)now_ns(CLOCK_MONOTONIC);
        each = (double)(now_ns(CLOCK_MONOTONIC) - start) / 50;
        if (each < best) best = each;
    }
    return best;
}

static void section(const char *name, bool to_sink, const char *format) {
    static const trace_http_transport nowhere = {throw_away, NULL, NULL};
    const double floor = clock_pair();
    const bool zipkin = strcmp(format, "zipkin") == 0;
    char url[64];
    trace_config config;
    tally *seen = NULL;
    pid_t sink = -1;
    unsigned port = 9;
    double best = 1e9;
    uint64_t best_cpu = 0;
    if (to_sink) {
        seen = (tally *)mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (seen == MAP_FAILED) exit(2);
        sink = start_sink(seen, &port);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, zipkin ? "/api/v2/spans" : "/v1/traces");
    memset(&config, 0, sizeof config);
    config.disable_environment = true;
    config.service_name = "bench";
    config.lossless_timeout_ms = 60000;
    if (zipkin) {
        trace_zipkin_options options;
        memset(&options, 0, sizeof options);
        options.endpoint = url;
        options.transport = to_sink ? NULL : &nowhere;
        config.exporters[0] = trace_zipkin_exporter(&options);
    } else {
        trace_otlp_options options;
        memset(&options, 0, sizeof options);
        options.endpoint = url;
        options.transport = to_sink ? NULL : &nowhere;
        options.protocol = strcmp(format, "json") == 0 ? TRACE_OTLP_PROTOCOL_HTTP_JSON : TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF;
        config.exporters[0] = trace_otlp_exporter(&options);
    }
    if (!config.exporters[0].export_fn || trace_init(&config) != TRACE_RESULT_OK) exit(2);
    for (int run = 0; run < RUNS; run++) {
        uint64_t cpu;
        const double each = run_once(config.exporters[0].name, &cpu, seen);
        if (each < best) best = each, best_cpu = cpu;
    }
    printf("%s.rate %.3f Mspan/s -\n", name, 1e3 / best);
    printf("%s.delivered_span %.2f ns %.3f\n", name, best, best / floor);
    printf("%s.cpu %.2f ns %.3f\n", name, (double)best_cpu / (double)spans_a_run, (double)best_cpu / (double)spans_a_run / floor);
    if (seen) printf("%s.request %.0f bytes -\n", name, (double)seen->bytes / (double)seen->requests);
    if (strcmp(format, "json") == 0)
        printf("# %-4s %s.rate: %.3f, bar >= %.2f\n", 1e3 / best >= (to_sink ? 1 : 3) ? "met" : "MISS", name, 1e3 / best, to_sink ? 1.0 : 3.0);
    fflush(stdout);
    if (sink > 0) kill(sink, SIGKILL), waitpid(sink, NULL, 0);
}

int main(int argc, char **argv) {
    static const char *const formats[] = {"json", "protobuf", "zipkin"};
    bool fine = true;
    int chosen = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) spans_a_run = 200000;
        else argv[1 + chosen++] = argv[i];
    }
    for (int i = 0; i < 6; i++) {
        const bool to_sink = i >= 3;
        char name[32];
        bool wanted = chosen == 0;
        pid_t pid;
        int status = 1;
        snprintf(name, sizeof name, "%s.%s", to_sink ? "sink" : "null", formats[i % 3]);
        for (int j = 0; j < chosen; j++) wanted |= strncmp(name, argv[1 + j], strlen(argv[1 + j])) == 0;
        if (!wanted) continue;
        fflush(stdout);
        pid = fork();             /* what one leaves behind, the next one does not find */
        if (pid == 0) {
            section(name, to_sink, formats[i % 3]);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        fine &= status == 0;
    }
    return fine ? 0 : 1;
}
