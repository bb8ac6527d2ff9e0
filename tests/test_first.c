/* test_first.c - the first spans of a process, which nothing prepared: no trace_init, no span on the main thread before
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* not: windows: no fork */
#include "test.h"

#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "settled.h"

#include <pthread.h>

static void *record(void *unused) {
    TRACE_SPAN("thread") {}
    return unused;
}

static void on_two_threads(void *unused) {
    pthread_t thread;
    trace_stats stats;
    (void)unused;
    REQUIRE(pthread_create(&thread, NULL, record, NULL) == 0);
    TRACE_SPAN("main") {}
    pthread_join(thread, NULL);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    trace_get_stats(&stats);
    CHECK_UINT(stats.exported, 2);
}

/* In children of a process that never traces. The thread sanitizer once saw a race here: the page of the epoch was read by one
   thread while another had just mapped it. */
TEST(two_threads_begin_at_once) {
    int i;
    for (i = 0; i < 10; i++) {
        test_child child = test_fork(on_two_threads, NULL, 60000);
        CHECK_CHILD(&child, 0);
        CHECK_HAS(child.err, "main");
        CHECK_HAS(child.err, "thread");
        test_child_free(&child);
    }
}

TEST_MAIN()
