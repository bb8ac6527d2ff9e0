/* test_jump.c - leaving blocks the wrong way: longjmp, return, goto, marks, detach out of order
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"

#include <setjmp.h>

#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "ledger.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wclobbered"
#endif

static jmp_buf landing;
static store *spans;

static void begin(void) {
    trace_config config;
    spans = store_make(200000);
    config = ledger_config(store_exporter(spans));
    config.lossless_timeout_ms = 5000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

static void finish(void) {
    trace_stats stats;
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    stats = ledger_stats();
    CHECK_UINT(stats.open, 0);
    CHECK_UINT(stats.misused, 0);
    CHECK_UINT(stats.exported, stats.ended);
    CHECK_UINT(spans->count, stats.ended);
    CHECK_UINT(store_duplicates(spans), 0);
    CHECK_LEDGER();
}

static uint64_t current_id(void) { return ledger_id(trace_context_current().span_id); }

/* Each with the parent of that name. */
static void parents(const char *name, const char *parent, bool abandoned) {
    uint32_t wrong = 0, i;
    for (i = 0; i < spans->count; i++) {
        const kept *const span = &spans->spans[i];
        uint32_t j;
        if (strcmp(span->name, name) != 0) continue;
        for (j = 0; j < spans->count && spans->spans[j].span_id != span->parent_id; j++) {}
        wrong += j == spans->count || strcmp(spans->spans[j].name, parent) != 0 || span->is_abandoned != abandoned;
    }
    CHECK_UINT(wrong, 0);
}

static void jump_from(unsigned depth) {
    TRACE_SPAN("jumped over") {
        trace_span_set_int(trace_span_current(), "depth", depth);
        if (depth == 0) longjmp(landing, 1);
        jump_from(depth - 1);
    }
}

/* The block around the landing ends what was jumped over; with a mark it is ended at once. */
ISOLATED(a_thousand_jumps) {
    static volatile unsigned round, over;
    static trace_mark mark;
    static uint64_t id;
    begin();
    TRACE_SPAN("all") {
        for (round = 0; round < 1000; round++) {
            TRACE_SPAN("landing") {
                id = current_id();
                mark = trace_mark_get();
                if (setjmp(landing) == 0) {
                    jump_from(round % 13);
                } else {
                    over = over + 1 + round % 13;
                    if (round % 2) {
                        trace_unwind(mark);
                        CHECK_UINT(current_id(), id);
                        TRACE_SPAN("after") {}
                    }
                }
            }
            TRACE_SPAN("next") {}
        }
    }
    finish();
    CHECK_UINT(ledger_stats().abandoned, over);
    CHECK_UINT(store_count(spans, "jumped over", 0), over);
    CHECK_UINT(store_count(spans, "after", 0), 500);
    parents("after", "landing", false);
    parents("next", "all", false);
    parents("landing", "all", false);
}

/* PostgreSQL's way: the error handler unwinds to the mark of the transaction; what is detached, or another's, stays. */
ISOLATED(unwind_leaves_what_is_detached) {
    trace_span_options options;
    trace_span detached, open;
    trace_mark outer, inner;
    unsigned i;
    begin();
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.detached = true;
    for (i = 0; i < 100; i++) {
        outer = trace_mark_get();
        open = trace_span_start("open");
        detached = trace_span_start_with("detached", &options);
        inner = trace_mark_get();
        (void)trace_span_start("left");
        (void)trace_attach_span(detached);
        (void)trace_span_start("left");
        (void)trace_attach(trace_context_current());
        (void)trace_span_start("left");
        trace_unwind(inner);
        CHECK_UINT(current_id(), open.id);
        trace_unwind(inner);                     /* nothing more to do */
        CHECK_UINT(current_id(), open.id);
        trace_unwind(outer);
        CHECK(!trace_context_is_valid(trace_context_current()));
        CHECK(trace_span_is_recording(detached));
        CHECK(!trace_span_is_recording(open));
        trace_span_end(detached);
        trace_unwind(inner);                     /* a mark above all there is */
    }
    finish();
    CHECK_UINT(ledger_stats().abandoned, 400);
    CHECK_UINT(store_count(spans, "left", 0), 300);
}

static int leave_by(int how) {
    int i;
    TRACE_SPAN("function") {
        if (how == 0) return 1;
        for (i = 0; i < 3; i++) {
            TRACE_SPAN("loop") {
                if (how == 1) break;             /* leaves the block, not the loop */
                if (how == 2) goto out;
                if (how == 3) return 3;
                if (how == 4) continue;
            }
        }
    }
out:
#ifdef TRACE_BLOCK
    for (i = 0; i < 3; i++) {
        TRACE_BLOCK("block");
        if (how == 5 && i == 1) break;
        if (how == 6) continue;
        if (how == 7) return 7;
    }
#endif
    return how;
}

ISOLATED(early_returns) {
    unsigned i;
    int how;
    begin();
    TRACE_SPAN("all") {
        for (i = 0; i < 100; i++) {
            for (how = 0; how < 8; how++) {
                const uint64_t before = current_id();
                (void)leave_by(how);
                CHECK_UINT(current_id(), before);
            }
        }
    }
    finish();
#if defined(__GNUC__)
    CHECK_UINT(ledger_stats().abandoned, 0);
#endif
    parents("function", "all", false);
    parents("loop", "function", false);
}

/* Spans left open inside a block end with it; those of the block around it do not. */
ISOLATED(forgotten_ends) {
    unsigned i;
    begin();
    for (i = 0; i < 100; i++) {
        TRACE_SPAN("outer") {
            const uint64_t id = current_id();
            TRACE_SPAN("inner") {
                (void)trace_span_start("forgotten");
                (void)trace_span_start("forgotten too");
            }
            CHECK_UINT(current_id(), id);
            TRACE_SPAN("sibling") {}
        }
    }
    finish();
    CHECK_UINT(ledger_stats().abandoned, 200);
    parents("forgotten", "inner", true);
    parents("forgotten too", "forgotten", true);
    parents("sibling", "outer", false);
}

/* Ended in any order, a span takes only itself away. */
ISOLATED(any_order) {
    trace_span open[20];
    unsigned round, i;
    begin();
    for (round = 0; round < 200; round++) {
        unsigned left = 20;
        for (i = 0; i < 20; i++) open[i] = trace_span_start("open");
        while (left) {
            const unsigned chosen = (unsigned)test_random_below(left);
            trace_span_end(open[chosen]);
            memmove(&open[chosen], &open[chosen + 1], (--left - chosen) * sizeof *open);
            CHECK_UINT(current_id(), left ? open[left - 1].id : 0);
        }
    }
    finish();
    CHECK_UINT(ledger_stats().abandoned, 0);
}

ISOLATED(detach_unwinds) {
    trace_context context;
    unsigned i;
    begin();
    CHECK(trace_context_parse(&context, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=value"));
    for (i = 0; i < 200; i++) {
        TRACE_SPAN("outer") {
            const uint64_t id = current_id();
            const trace_attachment first = trace_attach(context);
            (void)trace_span_start("left");
            (void)trace_attach(context);
            (void)trace_span_start("left");
            trace_detach(first);
            CHECK_UINT(current_id(), id);
        }
        TRACE_WITH(context) { (void)trace_span_start("left"); }
        CHECK(!trace_context_is_valid(trace_context_current()));
    }
    finish();
    CHECK_UINT(ledger_stats().abandoned, 600);
}

/* Jumps out of TRACE_WITH and across attachments, a signal-safe kind of jump too. */
ISOLATED(jumps_out_of_with) {
    static volatile unsigned round;
    static trace_mark mark;
    static trace_context context;
    begin();
    CHECK(trace_context_parse(&context, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", NULL));
    for (round = 0; round < 1000; round++) {
        mark = trace_mark_get();
        if (setjmp(landing) == 0) {
            TRACE_WITH(context) { jump_from(round % 3); }
        }
        trace_unwind(mark);
        CHECK(!trace_context_is_valid(trace_context_current()));
    }
    finish();
    CHECK(ledger_stats().bytes_mapped < 16u << 20);
}

TEST_MAIN()
