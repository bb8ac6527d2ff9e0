/* test_embedded_memory.c - without threads, with an allocator in place of the static block, and everything at its default
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* also: plain c++ */
#include "test.h"
#define TRACE_IMPLEMENTATION
#define TRACE_CONFIG_SINGLE_THREADED 1
#include "../trace.h"
#include "settled.h"

static uint64_t timer_ns;
static uint64_t board_clock(void *user) {
    (void)user;
    return timer_ns += 1000;
}

static void board_random(void *user, void *bytes, size_t size) {
    size_t i;
    (void)user;
    for (i = 0; i < size; i++) ((uint8_t *)bytes)[i] = (uint8_t)test_random_below(256);
}

static void board_log(void *user, trace_log_level level, const char *message) { (void)user, (void)level, (void)message; }

static void *heap_take(void *user, size_t size) {
    char *const memory = (char *)malloc(size + 128);
    char *aligned;
    (void)user;
    if (!memory) return NULL;
    aligned = memory + 64 + (64 - (uintptr_t)memory % 64) % 64;
    memcpy(aligned - sizeof(char *), &memory, sizeof memory);
    return aligned;
}

static void heap_give(void *user, void *aligned, size_t size) {
    char *memory;
    (void)user, (void)size;
    memcpy(&memory, (char *)aligned - sizeof(char *), sizeof memory);
    free(memory);
}

static uint32_t received;
static trace_result receive(void *user, const trace_batch *batch) {
    (void)user;
    received += (uint32_t)batch->span_count;
    return TRACE_RESULT_OK;
}

static trace_config heap_config(void) {
    trace_config config;
    memset(&config, 0, sizeof config);
    config.disable_thread = config.disable_exit = config.disable_environment = true;
    config.clock.monotonic_fn = config.clock.unix_fn = board_clock;
    config.random.fill_fn = board_random;
    config.logger.log_fn = board_log;
    config.allocator.allocate_fn = heap_take;
    config.allocator.release_fn = heap_give;
    config.exporters[0].struct_size = sizeof config.exporters[0];
    config.exporters[0].name = "receiver";
    config.exporters[0].export_fn = receive;
    return config;
}

/* However much memory there is, the tables end somewhere: 256 spans. */
TEST(more_open_spans_than_tables_have_room_for) {
    static trace_span open[2000];
    const trace_config config = heap_config();
    trace_stats stats;
    unsigned i;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 2000; i++) open[i] = trace_span_start("open");
    trace_get_stats(&stats);
    CHECK_UINT(stats.started, 256);
    CHECK_UINT(stats.refused, 2000 - 256);
    for (i = 2000; i-- > 0;) {
        trace_span_end(open[i]);
        (void)trace_pump(0);
    }
    trace_get_stats(&stats);
    CHECK_UINT(stats.open, 0);
    CHECK_UINT(received, 256);
}

TEST(more_open_spans_are_not_to_be_had) {
    trace_config config = heap_config();
    config.max_open_spans = 257;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.max_open_spans = 256;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

TEST_MAIN()
