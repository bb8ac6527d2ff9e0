/* Raw ticks to monotonic to Unix time, against a simulated machine whose true time is known.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"
#define TRACE_IMPLEMENTATION
#ifdef TEST_TRACE_H
#include TEST_TRACE_H
#else
#include "../trace.h"
#endif
#include "settled.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define HOUR (3600 * SECOND)

static bool check_near(int line, uint64_t a, uint64_t b, uint64_t most) {
    if (tracei_distance(a, b) <= most) return true;
    if (test_fail(__FILE__, line))
        fprintf(stderr, "%s:%d: %s: %" PRIu64 " is not within %" PRIu64 " of %" PRIu64 "\n", __FILE__, line, test_name, a, most, b);
    return false;
}

#define CHECK_NEAR(a, b, most) check_near(__LINE__, (a), (b), (most))

/* ---- the machine ------------------------------------------------------------------------------------------------ */

#define OPEN_MAX 8
#define QUEUE_MAX 4096
#define SEEN_MAX 2048

typedef struct sim_span {
    uint64_t start, end;                  /* ticks */
    uint64_t true_start, true_end;
    uint64_t first_child_ns, last_child_ns;       /* as they were mapped */
    uint32_t parent;                      /* number of the span that was open below; 0: none */
    uint32_t number;
    uint32_t jumps;
    bool has_children;
} sim_span;

typedef struct sim_seen {
    uint64_t ticks, ns;
} sim_seen;

typedef struct sim {
    tracei_timeline timeline;
    uint64_t mono, wall_ahead, ticks, fraction;   /* wall clock = mono + wall_ahead, as unsigned */
    double rate;                          /* ticks per ns of the monotonic clock */
    double base_rate;
    uint32_t lift, jumps, spans, passes;
    unsigned preempted_per_mille;         /* of readings */
    uint64_t preempted_most;
    uint64_t reading_ns;                  /* that a reading takes at most, beyond the least */
    sim_span open[OPEN_MAX];
    unsigned depth;
    sim_span queue[QUEUE_MAX];            /* ended, waiting for a pass */
    unsigned queued;
    sim_seen seen[SEEN_MAX];              /* a sample of what was mapped */
    unsigned seen_count;
    uint64_t jump_mono;                   /* of the last one */
    uint64_t worst_error;                 /* of spans that ended while all was calm */
    uint64_t worst_duration_ppm;
    uint64_t calm_since;
    uint32_t knots_most, jumps_paired;
    bool undisturbed;
    bool durations_checked, is_calm_checked, order_checked, ahead_checked;
} sim;

static uint64_t sim_ticks(const sim *machine) { return machine->ticks + ((uint64_t)(1 + machine->lift) << 32); }

static void sim_run(sim *machine, uint64_t ns) {
    const uint64_t rate = (uint64_t)(machine->rate * 4294967296.0);
    machine->mono += ns;
    while (ns) {
        const uint64_t step = ns < (1u << 24) ? ns : (1u << 24);
        const uint64_t moved = step * rate + machine->fraction;
        machine->ticks += moved >> 32;
        machine->fraction = moved & 0xffffffffu;
        ns -= step;
    }
}

static void sim_start(sim *machine, double ghz, uint64_t mono, uint64_t ticks) {
    memset((void *)machine, 0, sizeof *machine);
    machine->rate = machine->base_rate = ghz;
    machine->mono = mono;
    machine->ticks = ticks;
    machine->wall_ahead = UINT64_C(1800000000) * SECOND;
    machine->preempted_most = 5 * MS;
    machine->preempted_per_mille = 30;
    machine->reading_ns = 20;
    machine->durations_checked = machine->is_calm_checked = machine->order_checked = true;
    machine->calm_since = UINT64_MAX;
    tracei_timeline_init(&machine->timeline, true);
}

static void sim_reading(sim *machine) {
    sim_run(machine, 15 + test_random_below(machine->reading_ns));
    if (test_random_below(1000) < machine->preempted_per_mille && !machine->undisturbed) sim_run(machine, US + test_random_below(machine->preempted_most));
}

/* Each reading takes its value in the middle of the time it takes, and may be preempted on either side. */
static tracei_pair sim_pair(sim *machine) {
    tracei_bracket brackets[5];
    size_t i;
    for (i = 0; i < 5; i++) {
        /* after a jump nothing but the pair tells the time: were it preempted in all five, once in 20,000, its error would stay */
        machine->undisturbed = i == 0 && machine->jumps != machine->jumps_paired;
        sim_reading(machine);
        brackets[i].before = sim_ticks(machine);
        sim_reading(machine);
        brackets[i].mono_ns = machine->mono;
        sim_reading(machine);
        brackets[i].middle = sim_ticks(machine);
        sim_reading(machine);
        brackets[i].unix_ns = machine->mono + machine->wall_ahead;
        sim_reading(machine);
        brackets[i].after = sim_ticks(machine);
    }
    machine->jumps_paired = machine->jumps;
    return tracei_bracket_narrowest(brackets, 5);
}

static bool sim_is_claimed(const sim *machine, uint64_t ticks) {
    uint32_t i;
    for (i = 0; i < machine->timeline.window_count; i++)
        if (ticks >= machine->timeline.windows[i].low && ticks <= machine->timeline.windows[i].high) return true;
    return false;
}

static uint64_t sim_map(sim *machine, uint64_t ticks) {
    const uint64_t ns = tracei_timeline_mono(&machine->timeline, ticks);
    sim_seen *at = &machine->seen[machine->seen_count < SEEN_MAX ? machine->seen_count++ : test_random_below(SEEN_MAX)];
    at->ticks = ticks;
    at->ns = ns;
    return ns;
}

static void sim_check_span(sim *machine, const sim_span *span) {
    const uint64_t start = sim_map(machine, span->start), end = sim_map(machine, span->end);
    const uint64_t duration = end - start, truth = span->true_end - span->true_start;
    /* a number that came up a second time while the span was open cannot be told from the first */
    const bool ordered = machine->order_checked && (span->jumps == machine->jumps || !sim_is_claimed(machine, span->start));
    unsigned i;
    if (ordered) CHECK(end >= start);
    if (ordered && span->has_children) {
        CHECK(span->first_child_ns >= start);
        CHECK(span->last_child_ns <= end);
    }
    for (i = 0; i < machine->depth; i++) {
        sim_span *const parent = &machine->open[i];
        if (parent->number != span->parent) continue;
        if (!parent->has_children || start < parent->first_child_ns) parent->first_child_ns = start;
        if (!parent->has_children || end > parent->last_child_ns) parent->last_child_ns = end;
        parent->has_children = true;
    }
    for (i = 0; i < machine->queued; i++) {
        sim_span *const parent = &machine->queue[i];
        if (parent->number != span->parent) continue;
        if (!parent->has_children || start < parent->first_child_ns) parent->first_child_ns = start;
        if (!parent->has_children || end > parent->last_child_ns) parent->last_child_ns = end;
        parent->has_children = true;
    }
    if (machine->durations_checked && span->jumps == machine->jumps && span->true_start > machine->jump_mono) {
        const uint64_t quantum = (uint64_t)(2 / machine->rate) + 1;
        CHECK_NEAR(duration, truth, truth / 1000 + 100 + 2 * machine->reading_ns + quantum);
    }
    if (machine->is_calm_checked && span->true_start > machine->calm_since) {
        const uint64_t error = tracei_distance(start, span->true_start);
        if (error > machine->worst_error) machine->worst_error = error;
    }
}

static void sim_pass(sim *machine) {
    const unsigned heads = machine->queued;
    const tracei_pair pair = sim_pair(machine);
    unsigned i;
    tracei_timeline_pair(&machine->timeline, pair);
    machine->lift = machine->timeline.lift;
    machine->passes++;
    for (i = 0; i < heads; i++) sim_check_span(machine, &machine->queue[i]);
    machine->queued = 0;
    if (machine->ahead_checked && machine->passes > 2 && test_random_below(8) == 0) { /* younger than the pair, against the rule */
        sim_run(machine, test_random_below(MS));
        (void)sim_map(machine, sim_ticks(machine));
    }
    for (i = 0; i < machine->seen_count; i++) {
        const sim_seen *const seen = &machine->seen[i];
        if (sim_is_claimed(machine, seen->ticks)) continue;
        if (machine->timeline.knot_count && seen->ticks < machine->timeline.knots[0].ticks) continue;
        if (!CHECK_UINT(tracei_timeline_at(&machine->timeline, seen->ticks), seen->ns)) return;
    }
    if (machine->timeline.knot_count > machine->knots_most) machine->knots_most = machine->timeline.knot_count;
}

static void sim_open(sim *machine) {
    sim_span *const span = &machine->open[machine->depth];
    memset(span, 0, sizeof *span);
    span->number = ++machine->spans;
    span->parent = machine->depth ? machine->open[machine->depth - 1].number : 0;
    span->jumps = machine->jumps;
    span->start = sim_ticks(machine);
    span->true_start = machine->mono;
    machine->depth++;
}

static void sim_close(sim *machine) {
    sim_span *const span = &machine->open[--machine->depth];
    span->end = sim_ticks(machine);
    span->true_end = machine->mono;
    machine->queue[machine->queued++] = *span;
    if (machine->queued == QUEUE_MAX) sim_pass(machine);
}

/* Something to trace: mostly short, sometimes exactly 2 ms. */
static void sim_work(sim *machine, unsigned steps) {
    while (steps--) {
        switch (test_random_below(8)) {
        case 0:
        case 1:
        case 2:
            if (machine->depth < OPEN_MAX) sim_open(machine);
            break;
        case 3:
        case 4:
        case 5:
            if (machine->depth > 1) sim_close(machine);
            break;
        case 6:
            if (machine->depth < OPEN_MAX) {
                sim_open(machine);
                sim_run(machine, 2 * MS);
                sim_close(machine);
            }
            break;
        default:
            break;
        }
        sim_run(machine, test_random_below(4) ? test_random_below(2000) : test_random_below(2 * MS));
    }
}

static void sim_close_all(sim *machine) {
    while (machine->depth) {
        sim_run(machine, test_random_below(5000));
        sim_close(machine);
    }
    sim_pass(machine);
}

static void sim_jump(sim *machine) {
    machine->jumps++;
    machine->jump_mono = machine->mono + 1;
}

static sim machine;

static double random_ghz(void) {
    static const double all[] = {0.001, 0.0192, 0.024, 0.0625, 1.0, 2.3, 2.9, 3.0, 4.7};
    return all[test_random_below(sizeof all / sizeof *all)] * (1.0 + ((double)test_random_below(2001) - 1000.0) * 1e-7);
}

static double random_ppm(double most) { return ((double)test_random_below(2001) - 1000.0) / 1000.0 * most * 1e-6; }

/* ---- the row of knots -------------------------------------------------------------------------------------------- */

TEST(slopes_are_exact) {
    unsigned i;
    CHECK_UINT(tracei_slope_ns(0, 0), 0);
    CHECK_UINT(tracei_slope_ns(UINT64_MAX, 0), 0);
    CHECK_UINT(tracei_slope_ns(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    CHECK_UINT(tracei_slope_ns(UINT64_MAX, UINT64_C(1) << 48), UINT64_MAX);
    CHECK_UINT(tracei_slope_ns(UINT64_MAX, UINT64_C(1) << 47), UINT64_MAX / 2);
    CHECK_UINT(tracei_slope_ns(UINT64_C(0x123456789abcdef0), UINT64_C(3) << 46), UINT64_C(0x123456789abcdef0) / 4 * 3);
    CHECK_UINT(tracei_slope_of(1, 0), 0);
    CHECK_UINT(tracei_slope_of(UINT64_MAX, 1), UINT64_MAX);
    CHECK_UINT(tracei_slope_of(5, 5), UINT64_C(1) << 48);
    CHECK_UINT(tracei_slope_ticks(UINT64_MAX, 1), UINT64_MAX);
    CHECK_UINT(tracei_slope_ticks(7, 0), 0);
    for (i = 0; i < 100000; i++) {
        const uint64_t ticks = test_random() >> test_random_below(64), slope = test_random() >> test_random_below(64);
        const double about = (double)ticks * (double)slope / 281474976710656.0;
        const uint64_t ns = tracei_slope_ns(ticks, slope);
        if (about > 1.8446744e19) continue;
        if (!CHECK((double)ns <= about * 1.000000000001 + 1 && (double)ns >= about * 0.999999999999 - 1)) return;
        if (ticks != UINT64_MAX && !CHECK(tracei_slope_ns(ticks + 1, slope) >= ns)) return;
    }
}

/* Lines drawn by hand, then looked up everywhere around their ends. */
TEST(knots_are_found) {
    tracei_timeline timeline;
    unsigned i;
    memset((void *)&timeline, 0, sizeof timeline);
    tracei_timeline_init(&timeline, true);
    for (i = 0; i < 1000; i++) tracei_knot_add(&timeline, 1000 + i * 10, i * 100, (uint64_t)(1 + i % 9) << 48);
    CHECK_UINT(timeline.knot_count, 1000);
    for (i = 0; i < 10000; i++) {
        const unsigned knot = i / 10;
        if (!CHECK_UINT(tracei_timeline_at(&timeline, 1000 + i), knot * 100 + i % 10 * (1 + knot % 9))) break;
    }
    CHECK_UINT(tracei_timeline_at(&timeline, 999), 0);
    CHECK_UINT(tracei_timeline_at(&timeline, 1000 + 10000), 99900 + 10 * (1 + 999 % 9));
    tracei_free(timeline.knots, timeline.knot_capacity * sizeof *timeline.knots);
}

/* A full row merges its older half, never to a later time, and goes on. */
static void run_bounded_knots(uint64_t longest, uint64_t moved_most) {
    tracei_timeline timeline;
    uint64_t sample_ticks[500], sample_ns[500];
    uint64_t ticks = 1000, ns = 1000, moved = 0;
    unsigned i, j;
    memset((void *)&timeline, 0, sizeof timeline);
    tracei_timeline_init(&timeline, true);
    for (i = 0; i < 30000; i++) {
        const uint64_t slope = ((UINT64_C(1) << 48) / 1000) * (999 + test_random_below(3)), step = 1000 + test_random_below(longest);
        tracei_knot_add(&timeline, ticks, ns, slope);
        if (i >= 2000 && i < 2500) {
            sample_ticks[i - 2000] = ticks + (i & 1 ? step - 1 : step / 3);
            sample_ns[i - 2000] = tracei_timeline_at(&timeline, sample_ticks[i - 2000]);
        }
        ns = tracei_timeline_at(&timeline, ticks + step) + (i % 500 == 499 ? 5000000 : 0);
        ticks += step;
        if (!CHECK(timeline.knot_count <= 4096)) return;
        if (i % 1000 == 0 && i > 2500) {
            uint64_t before = 0;
            for (j = 0; j < 500; j++) {
                const uint64_t now = tracei_timeline_at(&timeline, sample_ticks[j]);
                if (!CHECK(now <= sample_ns[j]) || !CHECK(now >= before)) return;
                if (sample_ns[j] - now > moved) moved = sample_ns[j] - now;
                before = now;
            }
        }
    }
    CHECK_NEAR(moved, 0, moved_most);
    tracei_free(timeline.knots, timeline.knot_capacity * sizeof *timeline.knots);
}

/* 30,000 knots in 4,096: the past is off by less than the steps in it. Long pieces show what rounding up would do. */
TEST(knots_are_bounded) {
    run_bounded_knots(1000000, 500 * MS);
    run_bounded_knots(UINT64_C(1) << 47, UINT64_MAX);
}

/* ---- the simulated machine ---------------------------------------------------------------------------------------- */

/* Frequency error, drift, slewing, preempted brackets; passes at every distance from 10 us to minutes. */
TEST(steady) {
    unsigned round, i;
    uint64_t worst = 0;
    uint32_t knots = 0;
    for (round = 0; round < 8; round++) {
        sim_start(&machine, random_ghz(), test_random_below(HOUR), test_random_below(UINT64_C(1) << 50));
        machine.base_rate *= 1 + random_ppm(100);
        machine.rate = machine.base_rate;
        sim_pass(&machine);
        sim_open(&machine);
        for (i = 0; i < 1500; i++) {
            const uint64_t kind = test_random_below(100);
            sim_work(&machine, 1 + (unsigned)test_random_below(20));
            if (kind < 60) sim_run(&machine, test_random_below(100 * MS));
            else if (kind < 62) sim_run(&machine, test_random_below(60 * SECOND));
            if (kind % 10 == 3 && machine.mono > 0) machine.rate = machine.base_rate * (1 + random_ppm(0.05));
            if (i == 50) machine.calm_since = machine.mono;
            sim_pass(&machine);
        }
        sim_close_all(&machine);
        if (machine.worst_error > worst) worst = machine.worst_error;
        if (machine.knots_most > knots) knots = machine.knots_most;
    }
    CHECK_NEAR(worst, 0, 5 * US);
    CHECK(knots < 1500);
    if (getenv("TEST_PRINT")) fprintf(stderr, "    steady: worst error %" PRIu64 " ns, knots %u\n", worst, knots);
}

/* adjtime, ntpd and chrony: rates change by up to 500 ppm, at any moment. */
TEST(slewing) {
    unsigned round, i;
    uint64_t worst = 0;
    for (round = 0; round < 8; round++) {
        sim_start(&machine, random_ghz(), test_random_below(HOUR), test_random_below(UINT64_C(1) << 50));
        machine.ahead_checked = round & 1;
        sim_pass(&machine);
        sim_open(&machine);
        for (i = 0; i < 1500; i++) {
            sim_work(&machine, 1 + (unsigned)test_random_below(20));
            if (test_random_below(4)) sim_run(&machine, test_random_below(100 * MS));
            if (test_random_below(40) == 0) machine.rate = machine.base_rate * (1 + random_ppm(250));
            if (i == 50) machine.calm_since = machine.mono;
            sim_pass(&machine);
        }
        sim_close_all(&machine);
        if (machine.worst_error > worst) worst = machine.worst_error;
        CHECK(machine.knots_most <= 4096);
    }
    CHECK_NEAR(worst, 0, 150 * US); /* one pass of 100 ms at 500 ppm, and the way back */
    if (getenv("TEST_PRINT")) fprintf(stderr, "    slewing: worst error %" PRIu64 " ns, knots %u\n", worst, machine.knots_most);
}

/* A program that ends after microseconds, and passes that follow one another without a pause. */
TEST(short_baselines) {
    unsigned round, i, settled;
    for (round = 0; round < 20; round++) {
        sim_start(&machine, random_ghz(), test_random_below(HOUR), test_random_below(UINT64_C(1) << 50));
        machine.is_calm_checked = false;
        machine.preempted_per_mille = 0;
        machine.reading_ns = round % 2 ? 20 : 300;
        if (machine.base_rate < 0.5) machine.durations_checked = false; /* a tick is longer than what is allowed */
        sim_pass(&machine);
        sim_open(&machine);
        for (i = 0; i < 500; i++) {
            const uint64_t until = machine.mono + 10 * US;
            if (machine.depth < 2) sim_open(&machine);
            sim_run(&machine, test_random_below(10 * US));
            if (machine.depth > 1 && test_random_below(3) == 0) sim_close(&machine);
            if (machine.mono < until) sim_run(&machine, until - machine.mono);
            sim_pass(&machine);
        }
        CHECK(machine.knots_most < 700);            /* one for each pass until the slope is known */
        settled = machine.timeline.knot_count;
        for (i = 0; i < 2000; i++) {                /* a microsecond off is not put right within 10 */
            if (i == 500) machine.rate = machine.base_rate * 1.0004;
            sim_open(&machine);
            sim_run(&machine, 5 * US);
            sim_close(&machine);
            sim_run(&machine, 5 * US);
            sim_pass(&machine);
        }
        sim_close_all(&machine);
        if (machine.base_rate > 0.01) CHECK(machine.knots_most < settled + 60);
    }
}

/* Ten million ticks apart and hours apart; a span is open all the time. */
TEST(hours) {
    unsigned round, i;
    for (round = 0; round < 5; round++) {
        sim_start(&machine, 2.4 * (1 + random_ppm(200)), test_random_below(HOUR), 0);
        sim_pass(&machine);
        sim_open(&machine);
        sim_run(&machine, 200 * MS);
        sim_pass(&machine);
        for (i = 0; i < 40; i++) {
            sim_run(&machine, test_random_below(2 * HOUR));
            if (i == 3) machine.calm_since = machine.mono;
            machine.rate = machine.base_rate * (1 + random_ppm(0.001));
            sim_work(&machine, 20);
            sim_pass(&machine);
        }
        sim_close_all(&machine);
        CHECK_NEAR(machine.worst_error, 0, 20 * US); /* of hours at 1e-9 */
        CHECK(machine.knots_most < 200);
        if (getenv("TEST_PRINT")) fprintf(stderr, "    hours: worst error %" PRIu64 " ns, knots %u\n", machine.worst_error, machine.knots_most);
    }
}

/* The counter goes on while the monotonic clock stands still (suspend to idle), is reset, or belongs to another machine. */
static void run_jumps(unsigned kinds) {
    unsigned round, i;
    for (round = 0; round < 10; round++) {
        sim_start(&machine, kinds == 8 ? 3.0 : random_ghz(), 5 * SECOND + test_random_below(HOUR), test_random_below(UINT64_C(1) << 52));
        machine.is_calm_checked = false;
        sim_pass(&machine);
        sim_open(&machine);
        for (i = 0; i < 600; i++) {
            /* no slope is known at first; only so many windows are kept */
            const uint64_t kind = i < 20 || machine.timeline.window_count == TRACEI_TIME_WINDOWS ? 99 : test_random_below(60);
            sim_work(&machine, 1 + (unsigned)test_random_below(20));
            sim_run(&machine, test_random_below(100 * MS));
            if (kind == 0 && (kinds & 1)) {
                machine.ticks += (uint64_t)((double)(10 * SECOND + test_random_below(HOUR)) * machine.rate);
                sim_jump(&machine);
            } else if (kind == 1 && (kinds & 2) && machine.ticks > (uint64_t)(machine.rate * 5e9)) {
                machine.ticks = test_random_below((uint64_t)(machine.rate * 1e9));
                sim_jump(&machine);
            } else if (kind == 2 && (kinds & 4) && machine.ticks > (UINT64_C(1) << 40)) {
                machine.ticks -= (uint64_t)((double)(SECOND + test_random_below(100 * SECOND)) * machine.rate);
                sim_jump(&machine);
            } else if (kind == 3 && (kinds & 8)) {
                const uint64_t size = test_random_below(80 * MS);
                if (test_random() & 1) machine.ticks += (uint64_t)((double)size * machine.rate);
                else machine.ticks -= (uint64_t)((double)size * machine.rate);
                sim_jump(&machine);
            }
            sim_work(&machine, 1 + (unsigned)test_random_below(5));
            sim_pass(&machine);
        }
        sim_close_all(&machine);
    }
}

TEST(suspend) { run_jumps(1); }
TEST(counter_is_reset) { run_jumps(2); }
TEST(machine_moves) { run_jumps(4); }
TEST(suspend_reset_and_moves) { run_jumps(7); }

/* Counter and clock go apart by less than what passed since the last pass: nobody can tell when, but what is mapped stays, in
   order, and all is well again afterwards. */
TEST(small_jumps) {
    unsigned round, i, kind;
    for (round = 0; round < 15; round++) {
        kind = round % 3;
        sim_start(&machine, 2.0 * (1 + random_ppm(500)), 5 * SECOND + test_random_below(HOUR), UINT64_C(1) << 50);
        machine.durations_checked = false;
        machine.order_checked = kind != 2;          /* numbers used twice, both times by spans that are still open */
        sim_pass(&machine);
        sim_open(&machine);
        for (i = 0; i < 300; i++) {
            const uint64_t size = test_random_below(80 * MS) + MS;
            sim_work(&machine, 3);
            sim_run(&machine, 100 * MS);
            if (i >= 20 && i % 20 == 0) {
                machine.calm_since = UINT64_MAX;
                if (kind == 0) machine.ticks += (uint64_t)((double)size * machine.rate);
                if (kind == 1) machine.ticks -= (uint64_t)((double)size * machine.rate);
                if (kind == 2) machine.ticks -= (uint64_t)((double)(size + 150 * MS) * machine.rate);
                sim_jump(&machine);
            }
            if (i % 20 == 8) machine.calm_since = machine.mono;
            sim_work(&machine, 3);
            sim_pass(&machine);
        }
        sim_close_all(&machine);
        CHECK_NEAR(machine.worst_error, 0, 5 * US);
    }
}

/* chrony may slew by 8 %: found out within three passes, and durations follow the clock again. */
TEST(fast_slewing) {
    unsigned round, i;
    for (round = 0; round < 30; round++) {
        sim_start(&machine, random_ghz(), test_random_below(HOUR), test_random_below(UINT64_C(1) << 50));
        machine.durations_checked = false;
        machine.preempted_per_mille = 0;
        sim_pass(&machine);
        sim_open(&machine);
        for (i = 0; i < 300; i++) {
            sim_work(&machine, 10);
            if (i % 20 == 10) {
                machine.calm_since = UINT64_MAX;
                machine.rate = machine.base_rate * (1 + random_ppm(83333));
                sim_jump(&machine);
            }
            if (i % 20 == 16) machine.calm_since = machine.mono;
            machine.durations_checked = i % 20 > 16;
            sim_run(&machine, 10 * MS);
            if (i % 20 == 15) machine.jump_mono = machine.mono;
            sim_pass(&machine);
        }
        machine.durations_checked = false;
        sim_close_all(&machine);
        CHECK_NEAR(machine.worst_error, 0, 20 * US);
    }
}

/* A month of a server whose NTP daemon turns the rate every minute; one span is open all the time. */
TEST(a_month) {
    uint64_t start, before = UINT64_MAX;
    unsigned i;
    sim_start(&machine, 2.5, HOUR, HOUR);
    machine.preempted_per_mille = 0;
    sim_pass(&machine);
    sim_run(&machine, 50 * MS);
    start = sim_ticks(&machine);
    sim_run(&machine, 50 * MS);
    for (i = 0; i < 40000; i++) {
        uint64_t now;
        machine.mono += 30 * SECOND;                /* as sim_run, in one step */
        machine.ticks += (uint64_t)(30e9 * machine.rate);
        sim_run(&machine, test_random_below(60 * SECOND));
        machine.rate = machine.base_rate * (1 + random_ppm(20));
        tracei_timeline_pair(&machine.timeline, sim_pair(&machine));
        now = tracei_timeline_mono(&machine.timeline, start);
        if (!CHECK(now <= before)) break;           /* never later than before */
        before = now;
        if (!CHECK(machine.timeline.knot_count <= 4096)) break;
        if (!CHECK_NEAR(tracei_timeline_mono(&machine.timeline, sim_ticks(&machine)), machine.mono, 5 * US)) break;
    }
    CHECK_NEAR(before, HOUR + 50 * MS, 500 * MS);
    tracei_free(machine.timeline.knots, machine.timeline.knot_capacity * sizeof(tracei_knot));
}

static tracei_pair pair_of(uint64_t ticks, uint64_t mono_ns, uint64_t unix_ns) {
    tracei_pair pair;
    pair.ticks = ticks;
    pair.mono_ns = mono_ns;
    pair.unix_ns = unix_ns;
    pair.doubt = pair.width = 1;
    return pair;
}

/* A timeline whose tick is a nanosecond, at one second. */
static void start_plainly(tracei_timeline *timeline) {
    uint64_t i;
    tracei_timeline_init(timeline, true);
    for (i = 0; i <= 10; i++) tracei_timeline_pair(timeline, pair_of(i * 100 * MS, i * 100 * MS, 0));
}

/* The halt in the middle of a gap begins and ends at the same time, even when the line leads too high. */
TEST(a_halt_does_not_fall) {
    tracei_timeline timeline;
    uint64_t ticks, before = 0;
    start_plainly(&timeline);
    tracei_knot_bend(&timeline, SECOND, (UINT64_C(1) << 48) + (UINT64_C(1) << 38));
    tracei_timeline_pair(&timeline, pair_of(1150 * MS, 1100 * MS, 0));
    for (ticks = SECOND; ticks <= 1200 * MS; ticks += MS / 4) {
        const uint64_t ns = tracei_timeline_at(&timeline, ticks);
        if (!CHECK(ns >= before)) break;
        before = ns;
    }
}

/* After a gap nothing is known but the slope from before it; 20 us and a microsecond of noise do not replace it. */
TEST(noise_is_no_slope) {
    tracei_timeline timeline;
    start_plainly(&timeline);
    tracei_timeline_pair(&timeline, pair_of(20 * SECOND, 1100 * MS, 0));
    tracei_timeline_pair(&timeline, pair_of(20 * SECOND + 20 * US, 1100 * MS + 22 * US, 0));
    CHECK_NEAR(timeline.slope, UINT64_C(1) << 48, UINT64_C(1) << 38);
    tracei_timeline_pair(&timeline, pair_of(20 * SECOND + 2 * MS, 1100 * MS + 2 * MS, 0));
    CHECK_NEAR(tracei_timeline_mono(&timeline, 20 * SECOND + MS), 1100 * MS + MS, 3 * US);
}

/* The counter goes backward again and again: only the last windows are kept, and the new numbers stay right. */
TEST(many_moves) {
    tracei_timeline timeline;
    uint64_t mono = SECOND, ticks = SECOND;
    unsigned i;
    start_plainly(&timeline);
    for (i = 0; i < 100; i++) {
        const uint32_t lift = timeline.lift;
        mono += 100 * MS;
        ticks -= 500 * MS;                          /* in a window: 50 ms ago, after the move */
        tracei_timeline_pair(&timeline, pair_of(ticks, mono, 0));
        CHECK(timeline.lift > lift);
        CHECK(timeline.window_count <= 16);
        CHECK_NEAR(tracei_timeline_mono(&timeline, ticks - 50 * MS), mono - 50 * MS, 10);
        ticks += (uint64_t)(timeline.lift - lift) << 32;
        CHECK_NEAR(tracei_timeline_mono(&timeline, ticks), mono, 10);
        mono += 100 * MS;
        ticks += 100 * MS;
        tracei_timeline_pair(&timeline, pair_of(ticks, mono, 0));
        CHECK_NEAR(tracei_timeline_mono(&timeline, ticks - 50 * MS), mono - 50 * MS, 10);
    }
}

/* Pairs for the estimate are taken a millisecond apart, and afresh once counter and clock went apart. */
TEST(pairs_are_remembered_a_baseline_apart) {
    tracei_timeline timeline;
    uint64_t ticks = 1000 * MS;
    uint32_t i, remembered, knots;
    tracei_timeline_init(&timeline, true);
    for (i = 0; i < 20; i++, ticks += 10 * MS) tracei_timeline_pair(&timeline, pair_of(ticks, ticks, 0));
    CHECK(timeline.settled);
    remembered = timeline.remembered;
    for (i = 0; i < 50; i++) tracei_timeline_pair(&timeline, pair_of(ticks + i * 100 * US, ticks + i * 100 * US, 0));
    CHECK_UINT(timeline.remembered, remembered + 5);     /* the first, and each that is 1 ms after one */
    ticks += 49 * 100 * US;
    knots = timeline.knot_count;
    tracei_timeline_pair(&timeline, pair_of(ticks, ticks + 5 * SECOND, 0));      /* no later tick: nothing to draw */
    CHECK_UINT(timeline.knot_count, knots);
    CHECK_UINT(tracei_timeline_mono(&timeline, ticks + 10 * MS), ticks + 10 * MS);
    ticks += 20 * MS;
    tracei_timeline_pair(&timeline, pair_of(ticks, ticks + SECOND, 0));
    CHECK_UINT(timeline.remembered, 1);
    tracei_free(timeline.knots == timeline.own_knots ? NULL : timeline.knots, timeline.knot_capacity * sizeof(tracei_knot));
}

/* ---- brackets ------------------------------------------------------------------------------------------------------ */

TEST(narrowest_bracket_wins) {
    tracei_bracket brackets[3] = {{1000, 7, 5000, 8, 5100}, {6000, 9, 6020, 10, 6060}, {7000, 11, 7010, 12, 9000}};
    tracei_pair pair = tracei_bracket_narrowest(brackets, 3);
    CHECK_UINT(pair.ticks, 6010);
    CHECK_UINT(pair.mono_ns, 9);
    CHECK_UINT(pair.unix_ns, 10);
    CHECK_UINT(pair.doubt, 11);
    CHECK_UINT(pair.width, 60);
    brackets[1].after = 5000;                       /* the counter went backward in it */
    pair = tracei_bracket_narrowest(brackets, 3);
    CHECK_UINT(pair.mono_ns, 11);
    CHECK_UINT(pair.width, 2000);
    pair = tracei_bracket_narrowest(brackets + 1, 1);
    CHECK_UINT(pair.width, UINT64_MAX);
}

/* ---- ends of the numbers -------------------------------------------------------------------------------------------- */

TEST(zero_and_the_largest_numbers) {
    static const uint64_t ends[] = {0, 1, 2, 1000, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_MAX - 1000, UINT64_MAX - 1, UINT64_MAX};
    const size_t count = sizeof ends / sizeof *ends;
    size_t a, b, c, d, i;
    tracei_timeline timeline;
    for (a = 0; a < count; a++)
        for (b = 0; b < count; b++)
            for (c = 0; c < count; c++)
                for (d = 0; d < count; d++) {
                    tracei_timeline_init(&timeline, true);
                    CHECK_UINT(tracei_timeline_mono(&timeline, ends[a]), 0);
                    tracei_timeline_pair(&timeline, pair_of(ends[a], ends[b], ends[c]));
                    tracei_timeline_pair(&timeline, pair_of(ends[c], ends[d], ends[b]));
                    for (i = 0; i < count; i++) (void)tracei_timeline_mono(&timeline, ends[i]);
                    tracei_timeline_pair(&timeline, pair_of(ends[b], ends[a], ends[d]));
                    tracei_timeline_pair(&timeline, pair_of(ends[d], ends[c], ends[a]));
                    for (i = 0; i < count; i++) (void)tracei_timeline_unix(&timeline, tracei_timeline_mono(&timeline, ends[i]));
                    tracei_free(timeline.knots == timeline.own_knots ? NULL : timeline.knots, timeline.knot_capacity * sizeof(tracei_knot));
                }
    /* a clock that reaches its end stays there */
    tracei_timeline_init(&timeline, true);
    for (i = 0; i < 20; i++) tracei_timeline_pair(&timeline, pair_of(1000 + i * 10 * MS, UINT64_MAX - (20 - i) * 10 * MS, 0));
    CHECK_NEAR(tracei_timeline_mono(&timeline, 1000 + 5 * 10 * MS), UINT64_MAX - 15 * 10 * MS, 10);
    CHECK_UINT(tracei_timeline_mono(&timeline, 1000 + 30 * 10 * MS), UINT64_MAX);
    /* and so does a counter */
    tracei_timeline_init(&timeline, true);
    for (i = 0; i < 20; i++) tracei_timeline_pair(&timeline, pair_of(UINT64_MAX - (20 - i) * 20 * MS, 1000 + i * 10 * MS, 0));
    CHECK_NEAR(tracei_timeline_mono(&timeline, UINT64_MAX - 15 * 20 * MS), 1000 + 5 * 10 * MS, 10);
    for (i = 0; i < 20; i++) {
        tracei_timeline_pair(&timeline, pair_of(1000 + i * 20 * MS, 1000 + (20 + i) * 10 * MS, 0));
        CHECK_NEAR(tracei_timeline_mono(&timeline, 1000 + i * 20 * MS), 1000 + (20 + i) * 10 * MS, 10);
    }
}

/* A tick from nowhere gets a time, and disturbs nobody. */
TEST(rubbish_ticks) {
    unsigned i;
    sim_start(&machine, 3.0, HOUR, UINT64_C(1) << 50);
    machine.calm_since = machine.mono;
    sim_pass(&machine);
    sim_open(&machine);
    for (i = 0; i < 200; i++) {
        sim_work(&machine, 10);
        sim_run(&machine, 20 * MS);
        sim_pass(&machine);
        CHECK(tracei_timeline_mono(&machine.timeline, UINT64_MAX - i) <= machine.mono + 2 * SECOND);
        (void)tracei_timeline_mono(&machine.timeline, 0);
        (void)tracei_timeline_mono(&machine.timeline, test_random());
    }
    sim_close_all(&machine);
    CHECK_NEAR(machine.worst_error, 0, 5 * US);
}

static void *refuse(void *user, size_t size) {
    (void)user;
    (void)size;
    return NULL;
}

TEST(without_memory) {
    unsigned i;
    tracei_allocator.allocate_fn = refuse;
    sim_start(&machine, 3.0, HOUR, UINT64_C(1) << 50);
    machine.durations_checked = false;
    machine.seen_count = 0;
    for (i = 0; i < 2000; i++) {
        sim_run(&machine, 100 * MS);
        machine.rate = machine.base_rate * (1 + random_ppm(200));
        tracei_timeline_pair(&machine.timeline, sim_pair(&machine));
        if (i > 1 && !CHECK_NEAR(tracei_timeline_mono(&machine.timeline, sim_ticks(&machine)), machine.mono, 100 * US)) break;
        if (!CHECK(machine.timeline.knot_count <= TRACEI_KNOTS_OWN)) break;
    }
    tracei_allocator.allocate_fn = NULL;
}

/* ---- Unix time ------------------------------------------------------------------------------------------------------ */

TEST(wall_clock_steps) {
    static const uint64_t walls[] = {5000 * HOUR, 5001 * HOUR, 4999 * HOUR, 0, 5000 * HOUR, 9000 * HOUR};
    uint64_t starts[6], ends[6], wall;
    uint32_t numbers[6];
    unsigned counter, i, j;
    for (counter = 0; counter < 2; counter++) {
        sim_start(&machine, counter ? 2.5 : 1.0, 5 * SECOND, counter ? UINT64_C(1) << 40 : 5 * SECOND - (UINT64_C(1) << 32));
        tracei_timeline_init(&machine.timeline, counter != 0);
        machine.preempted_per_mille = 0;
        machine.durations_checked = false;
        machine.wall_ahead = walls[0];
        sim_pass(&machine);
        for (i = 0; i < 6; i++) {
            uint64_t start, end;
            machine.wall_ahead = walls[i];
            sim_run(&machine, 10 * MS);
            start = sim_ticks(&machine);
            wall = machine.mono + machine.wall_ahead;
            sim_run(&machine, 2 * MS);
            end = sim_ticks(&machine);
            sim_pass(&machine);
            numbers[i] = machine.timeline.anchor_number;
            starts[i] = tracei_timeline_mono(&machine.timeline, start);
            ends[i] = tracei_timeline_mono(&machine.timeline, end);
            CHECK_NEAR(tracei_timeline_unix(&machine.timeline, starts[i]), wall, 5 * US);
            for (j = 0; j <= i; j++) { /* those that end now, whatever happened to the wall clock since they started */
                CHECK_NEAR(tracei_timeline_unix(&machine.timeline, starts[j]), starts[j] + walls[j], US);
                CHECK_UINT(tracei_timeline_unix_by(&machine.timeline, ends[i], numbers[j]) -
                               tracei_timeline_unix_by(&machine.timeline, starts[j], numbers[j]),
                           ends[i] - starts[j]);
                CHECK_NEAR(ends[j] - starts[j], 2 * MS, 2 * US);
            }
        }
    }
    /* less than a millisecond is no step; what creeps is followed in steps of one */
    sim_start(&machine, 2.5, 5 * SECOND, 0);
    for (i = 0; i < 200; i++) {
        uint64_t start;
        machine.wall_ahead += 50 * US;
        sim_run(&machine, 10 * MS);
        start = sim_ticks(&machine);
        wall = machine.mono + machine.wall_ahead;
        sim_pass(&machine);
        if (i > 2) CHECK_NEAR(tracei_timeline_unix(&machine.timeline, tracei_timeline_mono(&machine.timeline, start)), wall, 1100 * US);
    }
    CHECK(machine.timeline.anchor_count > 8 && machine.timeline.anchor_count < 12);
    for (i = 0; i < 1000; i++) {
        machine.wall_ahead ^= UINT64_C(1) << 40;
        sim_run(&machine, 10 * MS);
        sim_pass(&machine);
        CHECK(machine.timeline.anchor_count <= TRACEI_TIME_ANCHORS);
    }
    for (i = 1; i < TRACEI_TIME_ANCHORS; i++)    /* the last ones, none of them left out */
        CHECK_UINT(machine.timeline.anchors[i].number, machine.timeline.anchors[i - 1].number % TRACEI_WALL_NUMBERS + 1);
}

/* What was mapped stays, also where the next pair lies before it. */
TEST(a_pair_behind_what_was_mapped_moves_nothing) {
    tracei_timeline timeline;
    uint64_t unix_ns;
    tracei_timeline_init(&timeline, false);
    tracei_timeline_pair(&timeline, pair_of(10 * SECOND, 10 * SECOND, 1000 * HOUR));
    unix_ns = tracei_timeline_unix(&timeline, tracei_timeline_mono(&timeline, 10 * SECOND + 500 * MS));
    tracei_timeline_pair(&timeline, pair_of(10 * SECOND + 200 * MS, 10 * SECOND + 200 * MS, 999 * HOUR));
    CHECK_UINT(tracei_timeline_unix(&timeline, 10 * SECOND + 500 * MS), unix_ns);
    tracei_timeline_pair(&timeline, pair_of(5 * SECOND, 5 * SECOND, 999 * HOUR));
    CHECK_UINT(timeline.last.ticks, 10 * SECOND + 200 * MS);
}

/* A board without a clock: its Unix time is less than its uptime. */
TEST(wall_clock_behind_uptime) {
    tracei_timeline timeline;
    tracei_timeline_init(&timeline, false);
    tracei_timeline_pair(&timeline, pair_of(100 * SECOND, 100 * SECOND, 5 * SECOND));
    CHECK_UINT(tracei_timeline_unix(&timeline, 101 * SECOND), 6 * SECOND);
    CHECK_UINT(tracei_timeline_unix(&timeline, 94 * SECOND), 0);
    tracei_timeline_pair(&timeline, pair_of(102 * SECOND, 102 * SECOND, 1000 * HOUR));
    CHECK_UINT(tracei_timeline_unix(&timeline, 99 * SECOND), 4 * SECOND);
    CHECK_UINT(tracei_timeline_unix(&timeline, 103 * SECOND), 1000 * HOUR + SECOND);
    tracei_timeline_pair(&timeline, pair_of(UINT64_MAX, UINT64_MAX, 3));
    CHECK_UINT(tracei_timeline_unix(&timeline, UINT64_MAX), 3);
}

/* A trace that takes its offset from its root stays whole. */
TEST(wall_clock_steps_within_a_trace) {
    uint64_t root_start, root_end, child_start, child_end;
    uint32_t number, i;
    tracei_timeline timeline;
    tracei_timeline_init(&timeline, false);
    tracei_timeline_pair(&timeline, pair_of(SECOND, SECOND, 1000 * HOUR));
    tracei_timeline_pair(&timeline, pair_of(2 * SECOND, 2 * SECOND, 1000 * HOUR + SECOND));
    number = timeline.anchor_number;
    root_start = tracei_timeline_mono(&timeline, 2 * SECOND - 1);
    tracei_timeline_pair(&timeline, pair_of(4 * SECOND, 4 * SECOND, 999 * HOUR));
    CHECK(timeline.anchor_number != number);
    child_start = tracei_timeline_mono(&timeline, 3 * SECOND);
    child_end = tracei_timeline_mono(&timeline, 3 * SECOND + 5);
    root_end = tracei_timeline_mono(&timeline, 4 * SECOND);
    CHECK(tracei_timeline_unix(&timeline, child_start) < tracei_timeline_unix(&timeline, root_start));
    CHECK(tracei_timeline_unix_by(&timeline, child_start, number) > tracei_timeline_unix(&timeline, root_start));
    CHECK(tracei_timeline_unix_by(&timeline, child_end, number) < tracei_timeline_unix_by(&timeline, root_end, number));
    CHECK_UINT(tracei_timeline_unix(&timeline, root_start), 1000 * HOUR + SECOND - 1);
    for (i = 0; i < 1000; i++) {                 /* numbers come again, but never two alike at a time; 0 is none */
        const uint32_t last = timeline.anchor_number;
        uint64_t now = (5 + i) * SECOND;
        tracei_timeline_pair(&timeline, pair_of(now, now, (i % 2 ? 1000 : 999) * HOUR));
        (void)tracei_timeline_mono(&timeline, now);
        if (!CHECK(timeline.anchor_number != last && timeline.anchor_number >= 1 && timeline.anchor_number <= TRACEI_WALL_NUMBERS)) break;
        CHECK_UINT(tracei_timeline_unix_by(&timeline, now, timeline.anchor_number), (i % 2 ? 1000 : 999) * HOUR);
    }
}

/* ---- this machine --------------------------------------------------------------------------------------------------- */

static uint64_t fake_now;
static uint64_t fake_mono(void *user) { return fake_now + *(const uint64_t *)user * 0; }
static uint64_t fake_unix(void *user) { return fake_now + *(const uint64_t *)user; }

static uint64_t looked;
static uint64_t look_mono(void *user) { return (void)user, looked++, 5 * SECOND; }
static uint64_t look_unix(void *user) { return 5 * SECOND + *(const uint64_t *)user; }

/* A root that nobody looked for: an offset less than three units (of a millisecond) away is the same, and stays what later ones are
   compared with, so that what creeps is noticed. */
TEST(roots_look_at_the_clocks_themselves) {
    static uint64_t ahead;
    uint32_t number;
    int moved;
    tracei_clock.monotonic_fn = look_mono;
    tracei_clock.unix_fn = look_unix;
    tracei_clock.user = &ahead;
    for (number = 1; number <= TRACEI_WALL_NUMBERS; number += 31)
        for (moved = -5; moved <= 5; moved++) {
            const bool is_step = moved < -2 || moved > 2;
            const uint32_t expected = is_step ? number % TRACEI_WALL_NUMBERS + 1 : number;
            ahead = (uint64_t)(1000 + moved) << 20;
            TRACEI_STORE(&tracei_wall, tracei_wall_word(0, number));
            TRACEI_STORE(&tracei_wall_offset, 1000u);
            looked = 0;
            CHECK_UINT(tracei_wall_of_root(UINT64_C(16) << 24), number << TRACEI_WALL_SHIFT);
            CHECK_UINT(looked, 0);
            CHECK_UINT(tracei_wall_of_root(UINT64_C(17) << 24), expected << TRACEI_WALL_SHIFT);
            CHECK_UINT(looked, 1);
            CHECK_UINT(tracei_wall, tracei_wall_word(UINT64_C(17) << 24, expected));
            CHECK_UINT(tracei_wall_offset, is_step ? (uint32_t)(1000 + moved) : 1000u);
            CHECK_UINT(tracei_wall_of_root(UINT64_C(17) << 24), expected << TRACEI_WALL_SHIFT);
            CHECK_UINT(looked, 1);
        }
    memset((void *)&tracei_clock, 0, sizeof tracei_clock);
    TRACEI_STORE(&tracei_wall, 0u);
}

/* Whole traces through the public interface while the wall clock steps at random, seen by one exporter at once and by one that
   waits for their roots: no child before its parent or beyond its end, every duration to the nanosecond, and traces that do not
   begin within moments of a step begin at the wall clock's time. */
enum { STORM_SPANS = 4000 };
typedef struct storm_span {
    uint64_t id, parent, mono, wall, duration, start_unix;
    bool seen, steady;
} storm_span;
static storm_span storm_spans[STORM_SPANS];
static unsigned storm_passed;       /* no pass has come after those from here on */
static uint64_t storm_stepped, storm_ahead;
static bool storm_quiet;            /* passes are rare */
static unsigned storm_made, storm_wrong, storm_seen;

static uint64_t storm_number(const uint8_t *id) {
    uint64_t number = 0;
    int i;
    for (i = 0; i < 8; i++) number = number << 8 | id[i];
    return number;
}

static storm_span *storm_find(uint64_t id) {
    unsigned i;
    for (i = storm_made; i-- > 0;)
        if (storm_spans[i].id == id) return &storm_spans[i];
    return NULL;
}

static trace_result storm_export(void *user, const trace_batch *batch) {
    size_t i, j;
    (void)user;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const data = &batch->spans[i];
        storm_span *const span = storm_find(storm_number(data->span_id));
        if (!span) {
            storm_wrong++;
            continue;
        }
        storm_seen++;
        span->seen = true;
        span->start_unix = data->start_unix_ns;
        if (data->end_unix_ns - data->start_unix_ns != span->duration) storm_wrong++;
        for (j = 0; j < data->event_count; j++)
            if (data->events[j].unix_ns < data->start_unix_ns || data->events[j].unix_ns > data->end_unix_ns) storm_wrong++;
    }
    return TRACE_RESULT_OK;
}

static storm_span *storm_note(trace_span span) {
    const trace_context context = trace_span_context(span);
    storm_span *const note = &storm_spans[storm_made++];
    note->id = storm_number(context.span_id);
    note->mono = fake_now;
    return note;
}

static void storm_moment(uint64_t *ahead) {
    fake_now += 1 + test_random_below(40 * MS);
    if (test_random_below(32) == 0) {
        const uint64_t next = test_random_below(2) ? storm_ahead : 1000 * HOUR + test_random_below(2000) * HOUR;
        storm_ahead = *ahead;                    /* half of all steps are taken back */
        *ahead = next;
        storm_stepped = fake_now;
        for (; storm_passed < storm_made; storm_passed++) storm_spans[storm_passed].steady = false;
    }
    if (test_random_below(storm_quiet ? 100 : 3) == 0) {
        (void)trace_pump(0);
        storm_passed = storm_made;
    }
}

static void storm_tree(uint64_t *ahead, uint64_t parent, trace_context above, unsigned depth, bool by_context) {
    const trace_span_options options = {sizeof options, TRACE_KIND_INTERNAL, above, false, true, 0, NULL, 0, NULL, 0, NULL};
    const trace_span span = by_context ? trace_span_start_with("detached", &options) : trace_span_start("child");
    storm_span *const note = storm_note(span);
    unsigned i;
    note->parent = parent;
    storm_moment(ahead);
    trace_span_add_event(span, "event", NULL, 0);
    for (i = 0; depth && i < test_random_below(4); i++) {
        const trace_context here = trace_span_context(span);
        const bool detached = by_context || test_random_below(3) == 0;
        if (detached && test_random_below(2)) {
            TRACE_WITH(here) { storm_tree(ahead, note->id, here, depth - 1, false); }
        } else {
            storm_tree(ahead, note->id, here, depth - 1, detached);
        }
    }
    storm_moment(ahead);
    note->duration = fake_now - note->mono;
    trace_span_end(span);
}

static void run_storm(bool whole) {
    static uint64_t ahead;
    trace_config config;
    trace_stats stats;
    unsigned i;
    storm_made = storm_wrong = storm_seen = storm_passed = 0;
    memset((void *)storm_spans, 0, sizeof storm_spans);
    memset((void *)&config, 0, sizeof config);
    fake_now += 5000 * SECOND;                   /* monotonic, over both */
    ahead = 1000 * HOUR;
    config.disable_environment = config.disable_thread = config.disable_exit = true;
    config.clock.monotonic_fn = fake_mono;
    config.clock.unix_fn = fake_unix;
    config.clock.user = &ahead;
    config.exporters[0].struct_size = sizeof config.exporters[0];
    config.exporters[0].name = "storm";
    config.exporters[0].export_fn = storm_export;
    config.exporters[0].whole_traces = whole;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    while (storm_made < STORM_SPANS - 500) {
        storm_span *const root = &storm_spans[storm_made];
        root->wall = fake_now + ahead;
        root->steady = fake_now - storm_stepped > 400 * MS;
        storm_tree(&ahead, 0, trace_context_current(), 4, false);
        if (test_random_below(4) == 0) fake_now += test_random_below(2000 * SECOND); /* nothing happens, no pass */
        storm_quiet = test_random_below(2) == 0;
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(storm_seen, storm_made);
    CHECK_UINT(storm_wrong, 0);
    for (i = 0; i < storm_made; i++) {
        const storm_span *const span = &storm_spans[i], *const parent = span->parent ? storm_find(span->parent) : NULL;
        CHECK(span->seen);
        if (!parent && span->steady) CHECK_NEAR(span->start_unix, span->wall, 3 * MS);
        if (!parent) continue;
        CHECK_UINT(span->start_unix - parent->start_unix, span->mono - parent->mono);
        CHECK(span->start_unix + span->duration <= parent->start_unix + parent->duration);
    }
    trace_get_stats(&stats);
    CHECK_UINT(stats.ended, stats.exported);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
}

TEST(wall_clock_storm) { run_storm(false); }
TEST(wall_clock_storm_in_whole_traces) { run_storm(true); }

TEST(user_clock_is_used_as_it_is) {
    uint64_t ahead = 1000 * HOUR, i;
    tracei_timeline timeline;
    tracei_clock.monotonic_fn = fake_mono;
    tracei_clock.unix_fn = fake_unix;
    tracei_clock.user = &ahead;
    tracei_ticks_choose(false);
    tracei_timeline_start(&timeline);
    CHECK_UINT(tracei_tick_source, 0);
    for (i = 0; i < 100; i++) {
        const uint64_t tick = tracei_ticks();
        fake_now += test_random_below(SECOND);
        tracei_timeline_advance(&timeline);
        CHECK_UINT(tracei_timeline_mono(&timeline, tick), tick);
        CHECK_UINT(tracei_timeline_unix(&timeline, tick), tick + ahead);
    }
    fake_now = UINT64_MAX;
    tracei_timeline_advance(&timeline);
    CHECK_UINT(tracei_timeline_mono(&timeline, UINT64_MAX), UINT64_MAX);
    fake_now = 0;
    memset((void *)&tracei_clock, 0, sizeof tracei_clock);
}

static void run_here(bool allow_counter) {
    tracei_timeline timeline;
    unsigned i;
    tracei_ticks_choose(allow_counter);
    tracei_timeline_start(&timeline);
    if (getenv("TEST_PRINT")) fprintf(stderr, "    source %u\n", tracei_tick_source);
    for (i = 0; i < 50; i++) {
        const uint64_t before = tracei_mono_ns(), tick = tracei_ticks(), after = tracei_mono_ns();
        const struct timespec pause = {0, 1000000};
        uint64_t mono;
        (void)nanosleep(&pause, NULL);
        tracei_timeline_advance(&timeline);
        mono = tracei_timeline_mono(&timeline, tick);
        CHECK_UINT(tracei_timeline_mono(&timeline, tick), mono);
        CHECK(mono + 20 * US >= before && mono <= after + 20 * US);
        CHECK_NEAR(tracei_timeline_unix(&timeline, mono), tracei_unix_ns() - (tracei_mono_ns() - mono), 20 * MS);
    }
}

TEST(here_by_counter) { run_here(true); }
TEST(here_by_clock) { run_here(false); }

/* A forked child measures from the process's first pair. */
TEST(started_again) {
    tracei_timeline timeline;
    uint64_t tick, before, after, mono;
    const struct timespec pause = {0, 20000000};
    tracei_ticks_choose(true);
    (void)nanosleep(&pause, NULL);
    before = tracei_mono_ns();
    tick = tracei_ticks();
    after = tracei_mono_ns();
    (void)nanosleep(&pause, NULL);
    tracei_timeline_start(&timeline);
    tracei_timeline_advance(&timeline);
    mono = tracei_timeline_mono(&timeline, tick);
    CHECK(mono + 20 * US >= before && mono <= after + 20 * US);
}

#if TRACEI_HAVE_COUNTER && defined(__linux__)
TEST(the_clock_source_is_what_the_kernel_says) {
    char name[64] = "", *end;
    FILE *const file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r");
    if (!file || !fgets(name, sizeof name, file)) SKIP("the kernel does not say");
    fclose(file);
    end = strchr(name, '\n');
    REQUIRE(end != NULL && end - name > 1 && end - name < 31);
    *end = '\0';
    CHECK(tracei_clocksource_is(name));
    end[-1] ^= 1;
    CHECK(!tracei_clocksource_is(name));
    end[-1] = '\0';
    CHECK(!tracei_clocksource_is(name));
}
#endif

#if TRACEI_HAVE_COUNTER
TEST(the_source_is_added_to_the_upper_half) {
    uint64_t before = tracei_ticks_by(0), lifted = tracei_ticks_by(1000), after = tracei_ticks_by(0);
    CHECK(lifted - (UINT64_C(1000) << 32) >= before && lifted - (UINT64_C(1000) << 32) <= after);
}

/* The counter of this machine is made to go backward under a running program. */
TEST(lifted_while_running) {
    tracei_timeline timeline;
    uint64_t last = 0, tick, mono;
    unsigned i;
    tracei_ticks_choose(true);
    if (!tracei_tick_source) SKIP("no counter here");
    TRACEI_STORE(&tracei_tick_source, 1000u);
    tracei_tick_origin = tracei_timeline_read();
    tracei_timeline_start(&timeline);
    CHECK_UINT(timeline.lift, 999);
    for (i = 0; i < 30; i++) {
        const struct timespec pause = {0, 2000000};
        uint64_t before, after;
        (void)nanosleep(&pause, NULL);
        if (i == 20) TRACEI_STORE(&tracei_tick_source, tracei_tick_source - 10);
        before = tracei_mono_ns();
        tick = tracei_ticks();
        after = tracei_mono_ns();
        tracei_timeline_advance(&timeline);
        mono = tracei_timeline_mono(&timeline, tick);
        CHECK(mono >= last);
        CHECK(mono + 20 * US >= before && mono <= after + 20 * US);
        last = mono;
    }
    CHECK(tracei_tick_source >= 1000);
    CHECK_UINT(tracei_tick_source, timeline.lift + 1);
    tracei_ticks_choose(true);
}
#endif

TEST_MAIN()
