/* settled.h - the check that ends every test of a program that holds the tracer: nothing is lost uncounted
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   Include after test.h and trace.h, in every such program. Threads of a test that still end a span are waited for. */
#ifndef TRACE_TEST_SETTLED_H
#define TRACE_TEST_SETTLED_H

#define SETTLED_MS 5000u

static void settled_check(void) {
    const uint64_t deadline = test_now_ms() + SETTLED_MS * test_factor();
    trace_stats stats;
    uint64_t sum;
    int i;
    for (;;) {
        trace_get_stats(&stats);        /* a process that never traced answers zeros */
        sum = stats.exported + stats.sampled_out + stats.pending;
        for (i = 0; i < TRACE_DROP_COUNT; i++) sum += stats.dropped[i];
        if (sum >= stats.ended || test_now_ms() >= deadline) break;
    }
    if (!test_check_uint(__FILE__, __LINE__, "after the test: ended = exported + sampled_out + dropped + pending", stats.ended, sum))
        fprintf(stderr, "    exported %" PRIu64 " sampled out %" PRIu64 " pending %" PRIu64 " ring_full %" PRIu64 " too_large %" PRIu64
                " shutdown %" PRIu64 " signal %" PRIu64 " no_memory %" PRIu64 " no_exporter %" PRIu64 "\n", stats.exported,
                stats.sampled_out, stats.pending, stats.dropped[0], stats.dropped[1], stats.dropped[2], stats.dropped[3],
                stats.dropped[4], stats.dropped[5]);
}

__attribute__((constructor)) static void settled_register(void) { test_after_each = settled_check; }

#endif /* TRACE_TEST_SETTLED_H */
