/* test_embedded.c - without threads, without a system, in 32 KiB of static memory, on 64 and on 32 bits
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* also: plain c++ */
#include "test.h"
#define TRACE_IMPLEMENTATION
#define TRACE_CONFIG_SINGLE_THREADED 1
#include "../trace.h"
#include "settled.h"

static uint64_t timer_ns;
static uint64_t board_monotonic(void *user) {
    (void)user;
    return timer_ns += 1000;
}

static uint64_t board_unix(void *user) {
    (void)user;
    return UINT64_C(1767225600000000000) + timer_ns;
}

static void board_random(void *user, void *bytes, size_t size) {
    static uint32_t noise = 0x2545F491u;
    size_t i;
    (void)user;
    for (i = 0; i < size; i++) {
        noise = noise * 1664525u + 1013904223u;
        ((uint8_t *)bytes)[i] = (uint8_t)(noise >> 24);
    }
}

static char written[8192];
static size_t written_size;
static void board_write(void *user, const char *text, size_t size) {
    (void)user;
    if (size > sizeof written - 1 - written_size) size = sizeof written - 1 - written_size;
    memcpy(written + written_size, text, size);
    written_size += size;
    written[written_size] = '\0';
}

static uint32_t warnings;
static void board_log(void *user, trace_log_level level, const char *message) {
    (void)user, (void)level, (void)message;
    warnings++;
}

static uint32_t received, last_attributes;
static size_t last_value;
static uint64_t last_start;
static trace_result receive(void *user, const trace_batch *batch) {
    const trace_span_data *const last = &batch->spans[batch->span_count - 1];
    (void)user;
    received += (uint32_t)batch->span_count;
    last_attributes = (uint32_t)last->attribute_count;
    last_start = last->start_unix_ns;
    last_value = last_attributes ? last->attributes[0].value.as.string.size : 0;
    return TRACE_RESULT_OK;
}

/* As in examples/embedded.c. */
static trace_config board_config(void) {
    trace_config config;
    memset(&config, 0, sizeof config);
    config.service_name = "board";
    config.ring_bytes = 4096;
    config.max_open_spans = 16;
    config.max_pool_bytes = 4096;
    config.max_trace_bytes = 65536;
    config.disable_thread = true;
    config.disable_exit = true;
    config.disable_environment = true;
    config.clock.monotonic_fn = board_monotonic;
    config.clock.unix_fn = board_unix;
    config.random.fill_fn = board_random;
    config.logger.log_fn = board_log;
    return config;
}

static void begin(void) {
    trace_config config = board_config();
    config.exporters[0].struct_size = sizeof config.exporters[0];
    config.exporters[0].name = "receiver";
    config.exporters[0].export_fn = receive;
    received = 0;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

/* All that is ever asked for comes from the block, and the ledger is exact. */
static trace_stats settled(void) {
    trace_stats stats;
    uint64_t sum;
    int i;
    trace_get_stats(&stats);
    sum = stats.exported + stats.sampled_out + stats.pending;
    for (i = 0; i < TRACE_DROP_COUNT; i++) sum += stats.dropped[i];
    CHECK_UINT(stats.ended, sum);
    CHECK_UINT(stats.open, stats.started - stats.ended);
    CHECK_UINT(sizeof tracei_arena.bytes, 32768);
    CHECK(stats.bytes_mapped <= 32768);
    CHECK(tracei_arena_used <= 32768);
    return stats;
}

static char refused[256];
static void keep_refused(void *user, trace_log_level level, const char *message) {
    (void)user, (void)level;
    snprintf(refused, sizeof refused, "%s", message);
}

/* What no system gives is missed at once, not by traces of zeros that nobody sees. */
TEST(what_must_be_given) {
    trace_config config;
    int i;
    for (i = 0; i < 3; i++) {
        config = board_config();
        config.exporters[0].struct_size = sizeof config.exporters[0];
        config.exporters[0].export_fn = receive;
        config.logger.log_fn = keep_refused;
        if (i == 0) memset(&config.exporters[0], 0, sizeof config.exporters[0]);
        if (i == 1) config.clock.monotonic_fn = config.clock.unix_fn = NULL;
        if (i == 2) config.random.fill_fn = NULL;
        refused[0] = '\0';
        CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
        CHECK_HAS(refused, i == 0 ? "trace_config.exporters is empty" : i == 1 ? "trace_config.clock has" : "trace_config.random has");
    }
}

/* First, while memory is as in a program that has nothing else: blocks are cut off once and for all. */
static uint64_t refused_so_far(void) {
    trace_stats stats;
    trace_get_stats(&stats);
    return stats.refused;
}

/* There is no clock yet, and nowhere to complain. */
TEST(a_span_before_trace_init) {
    trace_span span = trace_span_start("early");
    TRACE_SPAN("early") { CHECK(!trace_span_is_recording(trace_span_current())); }
    trace_span_end(span);
    begin();                                     /* whose clock counts */
    CHECK_UINT(refused_so_far(), 2);
    TRACE_SPAN("later") {}
    (void)trace_pump(0);
    CHECK(last_start > UINT64_C(1767225600000000000));
}

TEST(a_console_in_it) {
    trace_console_options lines;
    trace_config config = board_config();
    memset(&lines, 0, sizeof lines);
    lines.format = TRACE_CONSOLE_FORMAT_LINE;
    lines.write_fn = board_write;
    config.exporters[0] = trace_console_exporter(&lines);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    written_size = 0;
    TRACE_SPAN("outer") { TRACE_SPAN("inner") { trace_span_set_int(trace_span_current(), "key", 5); } }
    (void)trace_pump(0);
    CHECK_INT(trace_shutdown(0), TRACE_RESULT_OK);
    CHECK_HAS(written, "outer");
    CHECK_HAS(written, "inner");
    CHECK_HAS(written, "key");
    (void)settled();
}

TEST(spans_go_on_and_on) {
    const unsigned count = (unsigned)test_scaled(10000);
    uint64_t before;
    unsigned i;
    begin();
    before = settled().exported;
    for (i = 0; i < count; i++) {
        TRACE_SPAN("frame") {
            TRACE_SPAN("receive") {}
            trace_span_set_int(trace_span_current(), "modbus.device", 17);
            if (i % 8 == 0) trace_error("ChecksumMismatch", "the frame was damaged");
        }
        (void)trace_pump(1000);
    }
    CHECK_UINT(received, 2 * count);
    CHECK_UINT(settled().exported - before, 2 * count);
}

/* A tree needs pieces of memory of many sizes: what others have given back must do for them. */
TEST(a_console_after_another_exporter) {
    trace_console_options tree;
    trace_config config = board_config();
    trace_stats before;
    unsigned children, i;
    memset(&tree, 0, sizeof tree);
    tree.write_fn = board_write;
    tree.unicode = TRACE_CHOICE_NO;
    config.exporters[0] = trace_console_exporter(&tree);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    before = settled();
    for (children = 1; children <= 16; children++) {
        char footer[32];
        written_size = 0;
        TRACE_SPAN("outer") {
            for (i = 0; i < children; i++) TRACE_SPAN("inner") trace_span_set_int(trace_span_current(), "key", i);
        }
        (void)trace_pump(0);
        snprintf(footer, sizeof footer, " - %u spans ", children + 1);
        CHECK_HAS(written, footer);
        CHECK_HAS(written, "outer");
        CHECK_HAS_NOT(written, "no memory");
    }
    CHECK_UINT(settled().dropped[TRACE_DROP_NO_MEMORY], before.dropped[TRACE_DROP_NO_MEMORY]);
    /* more than there is memory for: its root is shown, and that some is missing is said once */
    warnings = 0;
    for (i = 0; i < 3; i++) {
        written_size = 0;
        TRACE_SPAN("outer") {
            for (children = 0; children < 40; children++) {
                TRACE_SPAN("inner") trace_span_set_int(trace_span_current(), "key", children);
                if (children % 8 == 0) (void)trace_pump(0);
            }
        }
        (void)trace_pump(0);
        CHECK_HAS(written, "outer");
        (void)settled();
    }
    CHECK(settled().dropped[TRACE_DROP_NO_MEMORY] > before.dropped[TRACE_DROP_NO_MEMORY]);
    CHECK_UINT(warnings, 1);
}

/* Nobody pumps: what does not fit is dropped and counted, and afterwards all is as before. */
TEST(a_ring_that_is_full) {
    trace_stats before, after;
    unsigned i;
    begin();
    before = settled();
    for (i = 0; i < 1000; i++) trace_span_end(trace_span_start("x"));
    after = settled();
    CHECK(after.dropped[TRACE_DROP_RING_FULL] - before.dropped[TRACE_DROP_RING_FULL] > 900);
    CHECK_INT(trace_flush(0) == TRACE_RESULT_TIMEOUT, 0);
    trace_span_end(trace_span_start("x"));
    (void)trace_pump(0);
    CHECK_UINT(settled().pending, 0);
    CHECK_UINT(settled().exported - before.exported, received);
}

TEST(more_open_spans_than_allowed) {
    trace_span open[100];
    trace_stats before, after;
    unsigned i;
    begin();
    before = settled();
    for (i = 0; i < 100; i++) open[i] = trace_span_start("open");
    after = settled();
    CHECK(after.refused - before.refused == 100 - 16);
    for (i = 100; i-- > 0;) {
        trace_span_end(open[i]);
        (void)trace_pump(0);
    }
    CHECK_UINT(settled().open, 0);
}

/* Cut, also when all spans that may be open were open before: the block has room for every limit at once. */
TEST(long_values) {
    static char text[20000];
    trace_stats before, after;
    memset(text, 'x', sizeof text - 1);
    begin();
    before = settled();
    TRACE_SPAN("long") {
        trace_span_set_string(trace_span_current(), "text", text);
        trace_event(text);
    }
    (void)trace_pump(0);
    after = settled();
    CHECK_UINT(after.pending, 0);
    CHECK_UINT(after.exported - before.exported, 1);
    CHECK_UINT(received, 1);
    CHECK_UINT(last_attributes, 1);
    CHECK(last_value > 400 && last_value < 512);
    CHECK(after.truncated > before.truncated);
}

TEST_MAIN()
