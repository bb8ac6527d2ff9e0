/* bench_tail.c - whether the application notices that its collector is gone
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       bench_tail [--quick]                    prints "name value unit ratio"; the ratio is to the same with nothing to send to

   Each sample is one W2 span (an integer and a text of 10 bytes), clock to clock, in bursts of 500 with 2 ms between them. Three
   processes take turns: nothing (an exporter that does nothing), down (OTLP to a port where nobody listens) and silent (OTLP to a
   socket that accepts and never answers). Of each, the medians of the rounds' percentiles. */
#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define BURST 500
#define PLACES 4                  /* 50, 99, 99.9 and 99.99 % */

static uint32_t rounds = 9, samples = 100000;
static uint32_t took[100000];

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static trace_result nothing(void *user, const trace_batch *batch) {
    (void)user, (void)batch;
    return TRACE_RESULT_OK;
}

static void no_line(void *user, trace_log_level level, const char *message) { (void)user, (void)level, (void)message; }

static unsigned listener(void) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 64) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        exit(2);
    return ntohs(address.sin_port);
}

static int ascending(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* In a process of its own: writes its percentiles in ns. */
static void measure(int kind, int out) {
    static const double places[PLACES] = {0.5, 0.99, 0.999, 0.9999};
    const struct timespec pause = {0, 2000000};
    const trace_exporter idle = {sizeof idle, "nothing", nothing, NULL, NULL, NULL, NULL, NULL, false};
    uint32_t found[PLACES];
    char url[64];
    trace_config config;
    trace_otlp_options options;
    trace_stats stats;
    memset(&config, 0, sizeof config);
    memset(&options, 0, sizeof options);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", kind == 2 ? listener() : 1u);
    options.endpoint = url;
    config.disable_environment = true;
    config.logger.log_fn = no_line;
    config.exporters[0] = kind ? trace_otlp_exporter(&options) : idle;
    if (!config.exporters[0].export_fn || trace_init(&config) != TRACE_RESULT_OK) exit(2);
    for (uint32_t i = 0; i < samples; i++) {
        const uint64_t start = now_ns();
        trace_span span = trace_span_start("operation");
        trace_span_set_int(span, "rows", (int64_t)i);
        trace_span_set_string(span, "system.name", "0123456789");
        trace_span_end(span);
        took[i] = (uint32_t)(now_ns() - start);
        if (i % BURST == BURST - 1) nanosleep(&pause, NULL);
    }
    trace_get_stats(&stats);
    if (stats.ended != samples || stats.dropped[TRACE_DROP_RING_FULL] > samples / 100) {
        fprintf(stderr, "bench_tail: of %u spans %llu ended and %llu found no room in the ring: the machine is too busy\n", samples,
                (unsigned long long)stats.ended, (unsigned long long)stats.dropped[TRACE_DROP_RING_FULL]);
        _exit(2);
    }
    qsort(took, samples, sizeof *took, ascending);
    for (int i = 0; i < PLACES; i++) found[i] = took[(uint32_t)(places[i] * (samples - 1))];
    if (write(out, found, sizeof found) != (ssize_t)sizeof found) exit(2);
}

int main(int argc, char **argv) {
    static const char *const kinds[] = {"nothing", "down", "silent"}, *const places[] = {"p50", "p99", "p99.9", "p99.99"};
    static uint32_t all[3][PLACES][16];
    if (argc > 1 && strcmp(argv[1], "--quick") == 0) rounds = 3, samples = 20000;
    for (uint32_t round = 0; round < rounds; round++)
        for (int kind = 0; kind < 3; kind++) {
            uint32_t found[PLACES];
            int ends[2], status = 1;
            pid_t pid;
            if (pipe(ends) || (pid = fork()) < 0) return 2;
            if (pid == 0) {
                measure(kind, ends[1]);
                _exit(0);
            }
            close(ends[1]);
            waitpid(pid, &status, 0);
            if (status || read(ends[0], found, sizeof found) != (ssize_t)sizeof found) {
                fprintf(stderr, "bench_tail: %s: no figures\n", kinds[kind]);
                return 1;
            }
            close(ends[0]);
            for (int place = 0; place < PLACES; place++) all[kind][place][round] = found[place];
        }
    for (int kind = 0; kind < 3; kind++)
        for (int place = 0; place < PLACES; place++) {
            uint32_t *const row = all[kind][place];
            qsort(row, rounds, sizeof *row, ascending);
            printf("tail.%s.%s %u ns %.2f\n", kinds[kind], places[place], row[rounds / 2],
                   (double)row[rounds / 2] / (double)all[0][place][rounds / 2]);
        }
    return 0;
}
