/* bench_functions.c - what a call costs that its compiler reports to trace_functions.h
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   Built several times over by functions.sh, this file with the compiler's flag and functions_tracer.c without: prints "name value
   unit ratio", the ratio to two clock readings of the same run. A round is 1000 calls of a function that does next to nothing;
   quiet (10th percentile) and median of 500 rounds. BENCH_TRACED: flushed between rounds, and nothing may be dropped. */
#include "../trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CALLS 1000
#define ROUNDS 500
#define PLAIN __attribute__((no_instrument_function))

static volatile unsigned sink;
__attribute__((noinline)) static void work(unsigned i) { sink = i; }

PLAIN static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

PLAIN static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

PLAIN static double two_clocks(void) {
    double rounds[100];
    for (int round = 0; round < 100; round++) {
        const double start = now_ns();
        for (int i = 0; i < CALLS; i++) (void)now_ns();
        rounds[round] = (now_ns() - start) / CALLS * 2;
    }
    qsort(rounds, 100, sizeof rounds[0], by_value);
    return rounds[10];
}

PLAIN int main(int argc, char **argv) {
    static double rounds[ROUNDS];
    const char *const name = argc > 1 ? argv[1] : "call";
    const double floor_ns = two_clocks();
    for (int round = -10; round < ROUNDS; round++) {
        const double start = now_ns();
        for (unsigned i = 0; i < CALLS; i++) work(i);
        if (round >= 0) rounds[round] = (now_ns() - start) / CALLS;
#ifdef BENCH_TRACED
        trace_flush(10000);
#endif
    }
    qsort(rounds, ROUNDS, sizeof rounds[0], by_value);
    printf("functions.%s.quiet %.1f ns %.3f\n", name, rounds[ROUNDS / 10], rounds[ROUNDS / 10] / floor_ns);
    printf("functions.%s.median %.1f ns %.3f\n", name, rounds[ROUNDS / 2], rounds[ROUNDS / 2] / floor_ns);
#ifdef BENCH_TRACED
    {
        trace_stats stats;
        trace_get_stats(&stats);
        if (stats.ended != stats.exported || stats.ended != (argc > 2 ? (uint64_t)CALLS * (ROUNDS + 10) : 0)) {
            fprintf(stderr, "bench_functions: %s: %llu spans, %llu arrived\n", name, (unsigned long long)stats.ended, (unsigned long long)stats.exported);
            return 1;
        }
    }
#else
    printf("functions.two_clock_readings %.1f ns 1.000\n", floor_ns);
#endif
    return 0;
}
