/* test_sampler.c - what samplers decide, by tables, by statistics, by the specification's vectors, and under many threads
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include "settled.h"

#include <math.h>
#include <pthread.h>

enum { DROP = TRACE_DECISION_DROP, RECORD = TRACE_DECISION_RECORD, SAMPLE = TRACE_DECISION_SAMPLE };

static char logged[8192];

static void keep_log(void *user, trace_log_level level, const char *message) {
    const size_t used = strlen(logged);
    (void)user, (void)level;
    snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

static void fresh_log(void) {
    logged[0] = '\0';
    tracei_logger.log_fn = keep_log;
    tracei_log_level_now = TRACE_LOG_LEVEL_DEBUG;
    tracei_ratio_warned = tracei_randomness_warned = 0;
}

/* ---- inputs -------------------------------------------------------------------------------------------------------- */

static void put_id(uint8_t *bytes, size_t count, uint64_t number) {
    for (size_t i = count; i-- > 0; number >>= 8) bytes[i] = (uint8_t)number;
}

static trace_sampler_input root_input(void) {
    trace_sampler_input input;
    memset(&input, 0, sizeof input);
    input.parent.is_explicit = true;
    put_id(input.trace_id, 8, test_random());
    put_id(input.trace_id + 8, 8, test_random());
    input.name = tracei_string("work");
    input.kind = TRACE_KIND_INTERNAL;
    return input;
}

static trace_sampler_input child_input(bool remote, bool sampled) {
    trace_sampler_input input = root_input();
    memcpy(input.parent.trace_id, input.trace_id, 16);
    input.parent.span_id[7] = 1;
    input.parent.is_remote = remote;
    input.parent.flags = (uint8_t)(TRACE_FLAG_RANDOM | (sampled ? TRACE_FLAG_SAMPLED : 0));
    return input;
}

static void give_state(trace_sampler_input *input, const char *state) {
    const trace_string baggage = {NULL, 0};
    if (state && *state) CHECK(tracei_entry_new(tracei_string(state), baggage, &input->parent.entry, &input->parent.entry_generation));
}

static void drop_state(const trace_sampler_input *input) {
    if (!input->parent.entry) return;
    CHECK_UINT(tracei_entry_at(input->parent.entry)->pins, 1);
    tracei_entry_unpin(input->parent.entry);
}

static trace_sampler_output last_output;

static int ask(trace_sampler sampler, const trace_sampler_input *input) {
    memset(&last_output, 0, sizeof last_output);
    return (int)tracei_sampler_ask(&sampler, input, &last_output);
}

/* ---- simple ones --------------------------------------------------------------------------------------------------- */

TEST(on_and_off_are_for_every_span) {
    for (int i = 0; i < 100; i++) {
        const trace_sampler_input root = root_input(), child = child_input(i & 1, i & 2);
        CHECK_INT(ask(trace_sampler_always_on(), &root), SAMPLE);
        CHECK_INT(ask(trace_sampler_always_on(), &child), SAMPLE);
        CHECK_INT(ask(trace_sampler_always_off(), &root), DROP);
        CHECK_INT(ask(trace_sampler_always_off(), &child), DROP);
        CHECK(last_output.trace_state.data == NULL);
    }
}

TEST(all_zero_is_parent_based_with_roots_on) {
    trace_sampler zero;
    const trace_sampler_input root = root_input();
    memset(&zero, 0, sizeof zero);
    CHECK_INT(ask(zero, &root), SAMPLE);
    for (int i = 0; i < 4; i++) {
        const trace_sampler_input child = child_input(i & 1, i & 2);
        CHECK_INT(ask(zero, &child), i & 2 ? SAMPLE : DROP);
    }
}

static trace_decision answer_99(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    (void)user, (void)input, (void)output;
    return (trace_decision)99;
}

TEST(an_answer_that_is_none_drops) {
    trace_sampler sampler = trace_sampler_always_on();
    const trace_sampler_input root = root_input();
    sampler.sample_fn = answer_99;
    CHECK_INT(ask(sampler, &root), DROP);
}

/* ---- ratio --------------------------------------------------------------------------------------------------------- */

TEST(ratio_at_its_ends) {
    for (int i = 0; i < 1000; i++) {
        trace_sampler_input input = root_input();
        if (i == 0) memset(input.trace_id + 8, 0xff, 8);
        if (i == 1) memset(input.trace_id + 8, 0, 8);
        CHECK_INT(ask(trace_sampler_ratio(1), &input), SAMPLE);
        CHECK_INT(ask(trace_sampler_ratio(0), &input), DROP);
    }
}

TEST(ratio_keeps_its_share) {
    static const double ratios[] = {0.5, 0.1, 0.01, 0.25, 0.9, 0.333};
    enum { N = 100000 };
    for (size_t r = 0; r < sizeof ratios / sizeof ratios[0]; r++) {
        const trace_sampler sampler = trace_sampler_ratio(ratios[r]);
        const double expected = N * ratios[r], sigma = sqrt(N * ratios[r] * (1 - ratios[r]));
        int kept = 0;
        for (int i = 0; i < N; i++) {
            const trace_sampler_input input = root_input();
            kept += ask(sampler, &input) == SAMPLE;
        }
        CHECK(fabs(kept - expected) < 6 * sigma);
    }
}

TEST(ratio_goes_by_the_trace_id_alone_and_higher_keeps_what_lower_keeps) {
    for (int i = 0; i < 20000; i++) {
        trace_sampler_input input = root_input();
        const double low = (double)test_random_below(1001) / 1000, high = low + (1 - low) * (double)test_random_below(1001) / 1000;
        const int kept = ask(trace_sampler_ratio(low), &input);
        CHECK(kept == DROP || ask(trace_sampler_ratio(high), &input) == SAMPLE);
        put_id(input.trace_id, 8, test_random());
        input.name = tracei_string("other");
        CHECK_INT(ask(trace_sampler_ratio(low), &input), kept);
    }
}

/* The bound Go's and Python's SDKs use: the lower half of the trace id against ratio * 2^64. */
TEST(ratio_agrees_with_other_sdks) {
    static const struct { double ratio; uint64_t id; int expected; } rows[] = {
        {0.5, UINT64_C(0x7fffffffffffffff), SAMPLE}, {0.5, UINT64_C(0x8000000000000000), DROP},
        {0.25, UINT64_C(0x3fffffffffffffff), SAMPLE}, {0.25, UINT64_C(0x4000000000000000), DROP},
        {0.1, UINT64_C(0x1999990000000000), SAMPLE}, {0.1, UINT64_C(0x19999a0000000000), DROP},
        {0.0001, UINT64_C(0x00068db800000000), SAMPLE}, {0.0001, UINT64_C(0x00068dbc00000000), DROP},
        {1e-9, UINT64_C(0x000000044b82f000), SAMPLE}, {1e-9, UINT64_C(0x000000044b830000), DROP},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trace_sampler_input input = root_input();
        put_id(input.trace_id + 8, 8, rows[i].id);
        CHECK_INT(ask(trace_sampler_ratio(rows[i].ratio), &input), rows[i].expected);
    }
}

TEST(ratio_out_of_range_is_clamped_and_said) {
    const trace_sampler_input input = root_input();
    fresh_log();
    CHECK_INT(ask(trace_sampler_ratio(1.5), &input), SAMPLE);
    CHECK_STR(logged, "the ratio of trace_sampler_ratio is not between 0 and 1: taken as 1\n");
    fresh_log();
    CHECK_INT(ask(trace_sampler_ratio(-0.5), &input), DROP);
    CHECK_STR(logged, "the ratio of trace_sampler_ratio is not between 0 and 1: taken as 0\n");
    CHECK_INT(ask(trace_sampler_ratio(NAN), &input), SAMPLE);
    CHECK_INT(ask(trace_sampler_ratio(INFINITY), &input), SAMPLE);
}

TEST(ratio_on_children_is_warned_of_once) {
    const trace_sampler_input root = root_input(), child = child_input(true, true);
    fresh_log();
    (void)ask(trace_sampler_ratio(0.5), &root);
    CHECK_STR(logged, "");
    (void)ask(trace_sampler_roots_only(trace_sampler_ratio(0.5)), &child);
    CHECK_STR(logged, "");
    for (int i = 0; i < 10; i++) (void)ask(trace_sampler_ratio(0.5), &child);
    CHECK_STR(logged, "a ratio sampler decides about children: other SDKs may decide otherwise and traces be incomplete; "
                      "use trace_sampler_roots_only or parentbased_traceidratio\n");
}

/* ---- parent-based -------------------------------------------------------------------------------------------------- */

static int called;

static trace_decision tell_number(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    (void)input, (void)output;
    called = (int)(intptr_t)user;
    return TRACE_DECISION_RECORD;
}

static trace_sampler telling(int number) {
    trace_sampler sampler = trace_sampler_always_on();
    sampler.description = "telling";
    sampler.sample_fn = tell_number;
    sampler.user = (void *)(intptr_t)number;
    return sampler;
}

static trace_sampler_input input_of_case(int i) {
    return i == 0 ? root_input() : child_input(i == 1 || i == 2, i == 1 || i == 3);
}

TEST(every_branch_of_parent_based) {
    trace_sampler_branches branches;
    memset(&branches, 0, sizeof branches);
    branches.root = telling(1);
    branches.remote_sampled = telling(2);
    branches.remote_not_sampled = telling(3);
    branches.local_sampled = telling(4);
    branches.local_not_sampled = telling(5);
    for (int i = 0; i < 5; i++) {
        const trace_sampler_input input = input_of_case(i);
        called = 0;
        CHECK_INT(ask(trace_sampler_parent_based(&branches), &input), RECORD);
        CHECK_INT(called, i + 1);
    }
}

TEST(branches_left_out_follow_the_parent) {
    static const int expected[5] = {SAMPLE, SAMPLE, DROP, SAMPLE, DROP};
    for (int chosen = -1; chosen < 5; chosen++) {
        trace_sampler_branches branches;
        trace_sampler *const all[5] = {&branches.root, &branches.remote_sampled, &branches.remote_not_sampled, &branches.local_sampled,
                                       &branches.local_not_sampled};
        memset(&branches, 0, sizeof branches);
        if (chosen >= 0) *all[chosen] = telling(7);
        for (int i = 0; i < 5; i++) {
            const trace_sampler_input input = input_of_case(i);
            CHECK_INT(ask(trace_sampler_parent_based(&branches), &input), i == chosen ? RECORD : expected[i]);
            CHECK_INT(ask(trace_sampler_parent_based(NULL), &input), expected[i]);
        }
    }
}

TEST(half_an_id_is_no_parent) {
    trace_sampler_input input = child_input(true, false);
    memset(input.parent.span_id, 0, 8);
    CHECK_INT(ask(trace_sampler_parent_based(NULL), &input), SAMPLE);
}

TEST(roots_only_spares_calls_for_children) {
    const trace_sampler sampler = trace_sampler_roots_only(telling(1));
    CHECK(sampler.roots_only);
    for (int i = 0; i < 5; i++) {
        const trace_sampler_input input = input_of_case(i);
        called = 0;
        CHECK_INT(ask(sampler, &input), i == 0 ? RECORD : i == 1 || i == 3 ? SAMPLE : DROP);
        CHECK_INT(called, i == 0);
    }
    {
        trace_sampler_branches root_alone;
        memset(&root_alone, 0, sizeof root_alone);
        root_alone.root = telling(1);
        CHECK(trace_sampler_parent_based(&root_alone).roots_only);
    }
}

/* ---- consistent probability ----------------------------------------------------------------------------------------- */

static void threshold_text(double probability, char out[16]) {
    const uint64_t threshold = tracei_threshold_unpack(tracei_threshold_pack(probability));
    tracei_text text;
    memset(&text, 0, sizeof text);
    text.data = out;
    text.capacity = 15;
    tracei_threshold_text(&text, threshold);
    out[text.size] = '\0';
}

/* OpenTelemetry, "TraceState: Probability Sampling": the table for precision 4. */
TEST(thresholds_are_the_specifications) {
    static const struct { double probability; const char *th; } rows[] = {
        {1, "0"}, {1.0 / 2, "8"}, {1.0 / 3, "aaab"}, {1.0 / 4, "c"}, {1.0 / 5, "cccd"}, {1.0 / 8, "e"}, {1.0 / 10, "e666"}, {1.0 / 16, "f"},
        {1.0 / 100, "fd70a"}, {1.0 / 1000, "ffbe77"}, {1.0 / 10000, "fff9724"}, {1.0 / 100000, "ffff583a"}, {1.0 / 1000000, "ffffef39"},
        {0x1p-56, "ffffffffffffff"}, {0x1p-55, "fffffffffffffe"}, {0x1p-52, "fffffffffffff"}, {0x1p-40, "ffffffffff"}, {0x3p-56, "fffffffffffffd"},
        {0.75, "4"}, {0.9, "199a"}, {0.999999, "0"}, {1 - 0x1p-16, "0001"}, {1.0 / 17, "f0f0f"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[16];
        threshold_text(rows[i].probability, text);
        CHECK_STR(text, rows[i].th);
    }
    CHECK_UINT(tracei_threshold_unpack(tracei_threshold_pack(0)), TRACEI_THRESHOLD_LIMIT);
    CHECK_UINT(tracei_threshold_unpack(tracei_threshold_pack(0x1p-58)), TRACEI_THRESHOLD_LIMIT);
}

TEST(thresholds_lie_within_four_digits_of_the_probability) {
    for (int i = 0; i < 50000; i++) {
        const double probability = pow(2, -55.0 * (double)test_random_below(1000000) / 1e6);
        const double kept = (double)(TRACEI_THRESHOLD_LIMIT - tracei_threshold_unpack(tracei_threshold_pack(probability))) / 0x1p56;
        CHECK(fabs(kept - probability) <= fmax(probability * 0x1p-12, 0x1p-56));
    }
}

#define R0 "00000000000000"
#define R8 "80000000000000"
#define RF "ffffffffffffff"

/* Decision and outgoing state; "=" stands for "the parent's, unchanged". */
typedef struct state_row {
    const char *state;
    uint64_t random;              /* the trace id's last 7 bytes */
    bool sampled;                 /* the parent */
    int decision;
    const char *expected;
} state_row;

static void check_states(const state_row *rows, size_t count, trace_sampler sampler) {
    for (size_t i = 0; i < count; i++) {
        trace_sampler_input input = child_input(i & 1, rows[i].sampled);
        put_id(input.trace_id + 9, 7, rows[i].random);
        give_state(&input, rows[i].state);
        if (!CHECK_INT(ask(sampler, &input), rows[i].decision)) FAIL(rows[i].state);
        if (strcmp(rows[i].expected, "=") == 0)
            CHECK(last_output.trace_state.data == NULL);
        else
            CHECK_TEXT(last_output.trace_state.data, last_output.trace_state.size, rows[i].expected);
        drop_state(&input);
    }
}

TEST(consistent_decides_by_randomness_and_writes_its_threshold) {
    static const state_row rows[] = {
        {"", UINT64_C(0x80000000000000), true, SAMPLE, "ot=th:8"},
        {"", UINT64_C(0x7fffffffffffff), true, DROP, "="},
        {"", UINT64_C(0xffffffffffffff), false, SAMPLE, "ot=th:8"},      /* whatever the parent was */
        {"a=1,b=2", UINT64_C(0xffffffffffffff), true, SAMPLE, "ot=th:8,a=1,b=2"},
        {"a=1,ot=th:8,b=2", UINT64_C(0xffffffffffffff), true, SAMPLE, "="},
        {"a=1,ot=th:80,b=2", UINT64_C(0xffffffffffffff), true, SAMPLE, "="},
        {"a=1,ot=th:c,b=2", UINT64_C(0xffffffffffffff), true, SAMPLE, "ot=th:8,a=1,b=2"},
        {"a=1,ot=th:c", 0, true, DROP, "a=1"},
        {"ot=th:c", 0, true, DROP, ""},
        {"ot=rv:" RF, 0, true, SAMPLE, "ot=th:8;rv:" RF},
        {"ot=rv:" R8, 0, true, SAMPLE, "ot=th:8;rv:" R8},
        {"ot=rv:7fffffffffffff", UINT64_C(0xffffffffffffff), true, DROP, "="},
        {"ot=rv:" R0 ";th:c", UINT64_C(0xffffffffffffff), true, DROP, "ot=rv:" R0},
        {"ot=x:1;th:c;y:2", UINT64_C(0xffffffffffffff), true, SAMPLE, "ot=th:8;x:1;y:2"},
        {"ot=rv:fffffffffffff", 0, true, DROP, "="},                     /* 13 digits: no rv */
        {"ot=rv:FFFFFFFFFFFFFF", 0, true, DROP, "="},
        {"ot=th:8ggg", UINT64_C(0xffffffffffffff), true, SAMPLE, "ot=th:8"},
        {"ot=th:;x:1;Bad:2;y", UINT64_C(0xffffffffffffff), true, SAMPLE, "ot=th:8;x:1"},
        {"ott=th:c,o=th:c", UINT64_C(0xffffffffffffff), true, SAMPLE, "ot=th:8,ott=th:c,o=th:c"},
        {" a=1 ,, ot=x:1 , b=2", UINT64_C(0xffffffffffffff), true, SAMPLE, "ot=th:8;x:1,a=1,b=2"},
    };
    check_states(rows, sizeof rows / sizeof rows[0], trace_sampler_consistent(0.5));
}

TEST(consistent_one_and_zero) {
    static const state_row one[] = {{"", 0, false, SAMPLE, "ot=th:0"}, {"ot=th:0", 0, true, SAMPLE, "="}};
    static const state_row zero[] = {{"", UINT64_C(0xffffffffffffff), true, DROP, "="}, {"ot=th:0,a=1", UINT64_C(0xffffffffffffff), true, DROP, "a=1"}};
    check_states(one, 2, trace_sampler_consistent(1));
    check_states(zero, 2, trace_sampler_consistent(0));
}

TEST(parent_threshold_keeps_erases_and_drops) {
    static const state_row rows[] = {
        {"ot=th:8,a=1", UINT64_C(0x80000000000000), true, SAMPLE, "="},
        {"ot=th:8,a=1", UINT64_C(0x7fffffffffffff), true, SAMPLE, "a=1"},             /* contradicts the flag */
        {"ot=th:8;rv:" R8, 0, true, SAMPLE, "="},
        {"ot=th:8;rv:" R0, UINT64_C(0xffffffffffffff), true, SAMPLE, "ot=rv:" R0},
        {"a=1", 0, true, SAMPLE, "="},                                                /* no threshold: none goes on */
        {"", 0, true, SAMPLE, "="},
        {"ot=th:8,a=1", UINT64_C(0xffffffffffffff), false, DROP, "a=1"},
        {"ot=th:8", UINT64_C(0xffffffffffffff), false, DROP, ""},
        {"ot=rv:" RF, 0, false, DROP, "="},
        {"", 0, false, DROP, "="},
    };
    const trace_sampler root = trace_sampler_consistent(0.5);
    trace_sampler_input input = root_input();
    check_states(rows, sizeof rows / sizeof rows[0], trace_sampler_parent_threshold(&root));
    put_id(input.trace_id + 9, 7, UINT64_C(0x80000000000000));
    CHECK_INT(ask(trace_sampler_parent_threshold(&root), &input), SAMPLE);
    CHECK_TEXT(last_output.trace_state.data, last_output.trace_state.size, "ot=th:8");
    put_id(input.trace_id + 9, 7, 1);
    CHECK_INT(ask(trace_sampler_parent_threshold(&root), &input), DROP);
    CHECK_INT(ask(trace_sampler_parent_threshold(NULL), &input), SAMPLE);
}

TEST(consistent_keeps_its_share_and_adjusted_counts_add_up) {
    static const double probabilities[] = {0.5, 0.1, 1.0 / 3, 0.01};
    enum { N = 100000 };
    for (size_t p = 0; p < sizeof probabilities / sizeof probabilities[0]; p++) {
        const trace_sampler sampler = trace_sampler_consistent(probabilities[p]);
        const double sigma = sqrt(N * probabilities[p] * (1 - probabilities[p]));
        double represented = 0;
        int kept = 0;
        for (int i = 0; i < N; i++) {
            const trace_sampler_input input = root_input();
            if (ask(sampler, &input) != SAMPLE) continue;
            kept++;
            represented += 0x1p56 / (double)(TRACEI_THRESHOLD_LIMIT - tracei_state_randomness(last_output.trace_state, input.trace_id).threshold);
        }
        CHECK(fabs(kept - N * probabilities[p]) < 6 * sigma);
        CHECK(fabs(represented - N) < 6 * sigma / probabilities[p]);
    }
}

TEST(an_ot_member_stays_within_256_characters) {
    char state[300] = "ot=aa:1;x:";
    trace_sampler_input child = child_input(true, true);
    memset(state + 10, 'v', 241);
    memcpy(state + 251, ";y:2,b=2", 9);
    put_id(child.trace_id + 9, 7, UINT64_C(0xffffffffffffff));
    give_state(&child, state);
    CHECK_INT(ask(trace_sampler_consistent(0.01), &child), SAMPLE);
    CHECK_TEXT(last_output.trace_state.data, last_output.trace_state.size, "ot=th:fd70a;aa:1;y:2,b=2");
    drop_state(&child);
}

TEST(presumed_randomness_is_warned_of_once) {
    trace_sampler_input child = child_input(true, true);
    fresh_log();
    (void)ask(trace_sampler_consistent(0.5), &child);
    CHECK_STR(logged, "");
    child.parent.flags = TRACE_FLAG_SAMPLED;
    for (int i = 0; i < 3; i++) (void)ask(trace_sampler_consistent(0.5), &child);
    CHECK_STR(logged, "a consistent sampler takes a trace id for random whose random flag is not set: "
                      "traces of that caller may be sampled unevenly\n");
    fresh_log();
    give_state(&child, "ot=rv:" RF);
    (void)ask(trace_sampler_consistent(0.5), &child);
    CHECK_STR(logged, "");
    drop_state(&child);
}

TEST(a_context_whose_state_was_evicted_is_sampled_without_it) {
    trace_sampler_input child = child_input(true, true);
    child.parent.entry = 3;
    child.parent.entry_generation = 12345;
    put_id(child.trace_id + 9, 7, UINT64_C(0xffffffffffffff));
    CHECK_INT(ask(trace_sampler_consistent(0.5), &child), SAMPLE);
    CHECK_TEXT(last_output.trace_state.data, last_output.trace_state.size, "ot=th:8");
}

TEST(long_states_are_cut_by_whole_members_and_512_bytes_survive) {
    char state[4096], *at = state;
    trace_sampler_input child = child_input(true, true);
    for (int i = 0; i < 64; i++) at += sprintf(at, "%skey%02d=%.*s", i ? "," : "", i, 40, "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv");
    put_id(child.trace_id + 9, 7, UINT64_C(0xffffffffffffff));
    give_state(&child, state);
    CHECK_INT(ask(trace_sampler_consistent(0.5), &child), SAMPLE);
    REQUIRE(last_output.trace_state.size > 8 + 512 && last_output.trace_state.size <= TRACEI_STATE_BYTES);
    CHECK_MEM(last_output.trace_state.data, "ot=th:8,", 8);
    CHECK_MEM(last_output.trace_state.data + 8, state, last_output.trace_state.size - 8);
    CHECK_INT(state[last_output.trace_state.size - 8], ',');
    drop_state(&child);
}

/* Whatever came in: what goes out is a valid ot of at most 256 characters, then the others in order. */
TEST(fields_of_an_ot_member) {
    static const struct { const char *field; bool valid; } rows[] = {
        {"th:8", true}, {"a1:", true}, {"z:azAZ09._-", true}, {"", false}, {"a", false}, {":8", false}, {"1a:8", false}, {"A:8", false},
        {"a/:8", false}, {"a::", false}, {"a;:8", false}, {"`:8", false}, {"{:8", false}, {"a:/", false}, {"a:,", false}, {"a:@", false},
        {"a:[", false}, {"a:`", false}, {"a:{", false}, {"a: ", false}, {"a:8 ", false}, {"a:\x80", false},
    };
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!CHECK_INT(tracei_ot_field_valid(tracei_string(rows[i].field)), rows[i].valid)) fprintf(stderr, "    %s\n", rows[i].field);
    CHECK(tracei_ot_number(tracei_string("thx:8;tx:1;xh:2;th:c"), "th", 1, &number));     /* keys are compared whole */
    CHECK_UINT(number, UINT64_C(0xc0000000000000));
}

TEST(hostile_states) {
    static const char alphabet[] = "ot=th:rv;,ab01 f8=:;\tX";
    fresh_log();
    for (int round = 0; round < 50000; round++) {
        trace_sampler_input child = child_input(true, round & 1);
        char state[700];
        const size_t size = (size_t)test_random_below(round % 100 ? 60 : sizeof state);
        size_t used = 0;
        uint64_t threshold = 1;
        while (used < size)
            if (test_random_below(6) == 0) used += (size_t)snprintf(state + used, sizeof state - used, "%s", test_random_below(2) ? "ot=th:c;" : ",ot=rv:" R8 ";");
            else state[used++] = alphabet[test_random_below(sizeof alphabet - 1)];
        if (used >= sizeof state) used = sizeof state - 1;
        state[used] = '\0';
        give_state(&child, state);
        if (ask(trace_sampler_consistent(0.25), &child) == SAMPLE) {
            const trace_string now = last_output.trace_state.data ? last_output.trace_state : tracei_string(state);
            const trace_string ot = tracei_state_ot(now);
            CHECK(tracei_ot_number(ot, "th", 1, &threshold));
            CHECK_UINT(threshold, UINT64_C(0xc0000000000000));
        }
        if (last_output.trace_state.data) {
            trace_string rest = tracei_state_ot(last_output.trace_state), field;
            CHECK(last_output.trace_state.size <= TRACEI_STATE_BYTES);
            CHECK(rest.size <= TRACEI_OT_BYTES);
            while (tracei_state_part(&rest, ';', &field)) CHECK(tracei_ot_field_valid(field));
        }
        drop_state(&child);
    }
}

/* ---- rate limit ----------------------------------------------------------------------------------------------------- */

static uint64_t fake_now;
static uint64_t fake_clock(void *user) { (void)user; return __atomic_load_n(&fake_now, __ATOMIC_RELAXED); }
static uint64_t fake_unix(void *user) { (void)user; return 0; }

static void fake_start(uint64_t now) {
    __atomic_store_n(&fake_now, now, __ATOMIC_RELAXED);
    tracei_clock.monotonic_fn = fake_clock;
    tracei_clock.unix_fn = fake_unix;
}

static trace_sampler_limit limit_of(double per_second, uint32_t burst) {
    trace_sampler_limit limit;
    memset(&limit, 0, sizeof limit);
    limit.per_second = per_second;
    limit.burst = burst;
    return limit;
}

static int take_all(trace_sampler_limit *limit, int most) {
    const trace_sampler sampler = trace_sampler_rate_limit(limit);
    const trace_sampler_input input = root_input();
    int taken = 0;
    while (taken < most && ask(sampler, &input) == SAMPLE) taken++;
    return taken;
}

TEST(a_burst_then_the_rate) {
    trace_sampler_limit limit = limit_of(10, 5);
    for (uint64_t start = 0; start < 3; start++) {
        fake_start(start * UINT64_C(1000000000000) + start);
        limit = limit_of(10, 5);
        CHECK_INT(take_all(&limit, 100), 5);
        fake_now += 99000000;
        CHECK_INT(take_all(&limit, 100), 0);
        fake_now += 2000000;
        CHECK_INT(take_all(&limit, 100), 1);
        fake_now += 250000000;
        CHECK_INT(take_all(&limit, 100), 2);
        fake_now += 3600u * UINT64_C(1000000000);
        CHECK_INT(take_all(&limit, 100), 5);
    }
    tracei_clock.monotonic_fn = NULL, tracei_clock.unix_fn = NULL;
}

TEST(bursts_by_default) {
    static const struct { double per_second; int expected; } rows[] = {{0.01, 1}, {0.5, 1}, {1, 1}, {1.5, 1}, {2, 2}, {100, 100}, {1e5, 100000}, {3e6, 1048576}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trace_sampler_limit limit = limit_of(rows[i].per_second, 0);
        fresh_log();
        fake_start(UINT64_C(5000000000000));
        CHECK_INT(take_all(&limit, 2000000), rows[i].expected);
        CHECK_STR(logged, "");
    }
    tracei_clock.monotonic_fn = NULL, tracei_clock.unix_fn = NULL;
}

/* After any silence the bucket holds what time put into it: also where 32 bits of time have wrapped. */
TEST(silence_of_any_length) {
    static const double rates[] = {0.01, 1, 7, 1000, 100000};
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        const uint32_t burst = 10;
        const double bucket_ns = burst / rates[r] * 1e9;
        for (double buckets = 0.05; buckets < 1e7; buckets *= 1.07) {
            trace_sampler_limit limit = limit_of(rates[r], burst);
            const double silence = floor(buckets) + (buckets < 20 ? buckets - floor(buckets) : 0.05 + fmod(buckets, 0.9));
            int expected = silence >= 1 ? 10 : (int)(silence * burst), taken;
            if (silence * bucket_ns > 1e18) break;
            fake_start(UINT64_C(123456789012345678));
            CHECK_INT(take_all(&limit, 100), 10);
            fake_now += (uint64_t)(silence * bucket_ns);
            taken = take_all(&limit, 100);
            CHECK(taken == expected || (silence < 1.01 && taken + 1 == expected));
        }
    }
    tracei_clock.monotonic_fn = NULL, tracei_clock.unix_fn = NULL;
}

/* Against a bucket in doubles, over random arrivals. */
TEST(a_model_bucket_agrees) {
    for (int round = 0; round < 200; round++) {
        const double rate = pow(10, -1 + 6.0 * (double)test_random_below(1000) / 1000);
        const uint32_t burst = 1 + (uint32_t)test_random_below(round & 1 ? 3 : 1000);
        trace_sampler_limit limit = limit_of(rate, burst);
        const trace_sampler sampler = trace_sampler_rate_limit(&limit);
        const trace_sampler_input input = root_input();
        double tokens = burst;
        int ours = 0, model = 0;
        fake_start(test_random() >> 4);
        for (int i = 0; i < 3000; i++) {
            const uint64_t step = (uint64_t)(-log(((double)test_random_below(1000000) + 1) / 1e6) / rate * 1e9 * (i % 500 < 250 ? 0.5 : 1.5));
            fake_now += step;
            tokens = fmin(burst, tokens + (double)step / 1e9 * rate);
            if (tokens >= 1) tokens -= 1, model++;
            ours += ask(sampler, &input) == SAMPLE;
        }
        CHECK(abs(ours - model) <= 3 + model / 500);
    }
    tracei_clock.monotonic_fn = NULL, tracei_clock.unix_fn = NULL;
}

enum { THREADS = 8 };
static trace_sampler_limit shared_limit;
static uint32_t go, running;

static void *take_in_a_loop(void *argument) {
    const trace_sampler sampler = trace_sampler_rate_limit(&shared_limit);
    trace_sampler_input input;
    trace_sampler_output output;
    intptr_t taken = 0;
    (void)argument;
    memset(&input, 0, sizeof input);
    input.trace_id[0] = 1;
    memset(&output, 0, sizeof output);
    while (!TRACEI_LOAD_ACQUIRE(&go)) sched_yield();
    while (TRACEI_LOAD_ACQUIRE(&running)) {
        taken += sampler.sample_fn(sampler.user, &input, &output) == TRACE_DECISION_SAMPLE;
    }
    return (void *)taken;
}

/* Eight threads never get a token more than one would, and waste next to none: with the clock standing, creeping and leaping. */
static void race(double per_second, uint32_t burst, const uint64_t *steps_ns, size_t step_count) {
    pthread_t threads[THREADS];
    double most = burst, elapsed = 0;
    intptr_t total = 0;
    shared_limit = limit_of(per_second, burst);
    fake_start(UINT64_C(77777777777777));
    go = 0, running = 1;
    for (int i = 0; i < THREADS; i++) CHECK_INT(pthread_create(&threads[i], NULL, take_in_a_loop, NULL), 0);
    TRACEI_STORE_RELEASE(&go, 1u);
    for (size_t i = 0; i < step_count; i++) {
        struct timespec nap = {0, 300000};
        nanosleep(&nap, NULL);
        __atomic_store_n(&fake_now, fake_now + steps_ns[i], __ATOMIC_RELAXED);
        elapsed = (double)steps_ns[i] / 1e9 * per_second;
        most += elapsed < burst ? elapsed : burst;
    }
    {
        struct timespec nap = {0, 20000000};
        nanosleep(&nap, NULL);
    }
    TRACEI_STORE_RELEASE(&running, 0u);
    for (int i = 0; i < THREADS; i++) {
        void *taken = NULL;
        pthread_join(threads[i], &taken);
        total += (intptr_t)taken;
    }
    CHECK((double)total <= most * 1.0001 + 1);
    CHECK((double)total >= burst);
    tracei_clock.monotonic_fn = NULL, tracei_clock.unix_fn = NULL;
}

TEST(eight_threads_share_one_bucket) {
    static uint64_t none[1] = {0}, creep[200], leap[200];
    for (size_t i = 0; i < 200; i++) {
        creep[i] = 1000000 + i * 1000;
        leap[i] = i % 3 ? 5000000 : UINT64_C(1000000000) * (1 + i * 37);
    }
    race(1000, 1000, none, 1);
    race(1000, 1, none, 1);
    race(10000, 50, creep, 200);
    race(200000, 1000, creep, 200);
    race(1000, 100, leap, 200);
    race(0.5, 3, leap, 200);
}

/* The same with one step at a time, waited for: not a token less either. */
TEST(eight_threads_waste_nothing) {
    pthread_t threads[THREADS];
    intptr_t total = 0;
    shared_limit = limit_of(1000, 10);
    fake_start(1);
    go = 0, running = 1;
    for (int i = 0; i < THREADS; i++) CHECK_INT(pthread_create(&threads[i], NULL, take_in_a_loop, NULL), 0);
    TRACEI_STORE_RELEASE(&go, 1u);
    for (int i = 0; i < 50; i++) {
        struct timespec nap = {0, 10000000};
        nanosleep(&nap, NULL);
        __atomic_store_n(&fake_now, fake_now + 5000000, __ATOMIC_RELAXED);      /* 5 tokens */
    }
    {
        struct timespec nap = {0, 50000000};
        nanosleep(&nap, NULL);
    }
    TRACEI_STORE_RELEASE(&running, 0u);
    for (int i = 0; i < THREADS; i++) {
        void *taken = NULL;
        pthread_join(threads[i], &taken);
        total += (intptr_t)taken;
    }
    CHECK(total <= 10 + 250);
    CHECK(total >= 10 + 225);
    tracei_clock.monotonic_fn = NULL, tracei_clock.unix_fn = NULL;
}

TEST(only_what_would_be_sampled_takes_a_token) {
    trace_sampler_limit limit = limit_of(1, 3);
    const trace_sampler_input input = root_input();
    limit.sampler = trace_sampler_always_off();
    fake_start(1000);
    for (int i = 0; i < 10; i++) CHECK_INT(ask(trace_sampler_rate_limit(&limit), &input), DROP);
    limit.sampler = telling(1);
    for (int i = 0; i < 10; i++) CHECK_INT(ask(trace_sampler_rate_limit(&limit), &input), RECORD);
    limit.sampler = trace_sampler_always_on();
    CHECK_INT(take_all(&limit, 10), 3);
    tracei_clock.monotonic_fn = NULL, tracei_clock.unix_fn = NULL;
}

TEST(a_limit_is_for_roots_and_erases_thresholds) {
    trace_sampler_limit limit = limit_of(1000, 1000);
    trace_sampler sampler;
    trace_sampler_input child = child_input(true, false), root = root_input();
    limit.sampler = trace_sampler_consistent(1);
    fake_start(1000);
    sampler = trace_sampler_rate_limit(&limit);
    CHECK(sampler.roots_only);
    CHECK_INT(ask(sampler, &child), DROP);
    CHECK_INT(ask(sampler, &root), SAMPLE);
    CHECK_TEXT(last_output.trace_state.data, last_output.trace_state.size, "");
    sampler.roots_only = false;
    give_state(&child, "a=1,ot=th:8;rv:" RF ",b=2");
    CHECK_INT(ask(sampler, &child), SAMPLE);
    CHECK_TEXT(last_output.trace_state.data, last_output.trace_state.size, "ot=rv:" RF ",a=1,b=2");
    drop_state(&child);
    tracei_clock.monotonic_fn = NULL, tracei_clock.unix_fn = NULL;
}

TEST(limits_that_let_nothing_through) {
    static const double rates[] = {0, -1, NAN};
    const trace_sampler_input input = root_input();
    for (size_t i = 0; i < 3; i++) {
        trace_sampler_limit limit = limit_of(rates[i], 5);
        fresh_log();
        CHECK_INT(ask(trace_sampler_rate_limit(&limit), &input), DROP);
        CHECK_STR(logged, "trace_sampler_limit.per_second is not above 0: nothing is sampled\n");
    }
    CHECK_INT(ask(trace_sampler_rate_limit(NULL), &input), DROP);
}

/* ---- rules, composition, custom -------------------------------------------------------------------------------------- */

static trace_sampler_rule rule_of(const char *name, const char *scope, trace_kind kind, const char *attribute, const char *value) {
    trace_sampler_rule rule;
    memset(&rule, 0, sizeof rule);
    rule.name_prefix = name;
    rule.scope_prefix = scope;
    rule.kind = kind;
    rule.attribute = attribute;
    rule.value_prefix = value;
    rule.sampler = telling(1);
    return rule;
}

TEST(rules_match_by_name_scope_kind_and_attribute) {
    const trace_attribute attributes[] = {
        TRACE_ATTR_STRING("url.path", "/old"), TRACE_ATTR_INT("port", 8080), TRACE_ATTR_BOOL("cached", true), TRACE_ATTR_DOUBLE("load", 0.5),
        TRACE_ATTR_UINT("big", UINT64_MAX), TRACE_ATTR_STRING("none", NULL), TRACE_ATTR_STRING("url.path", "/health/live"),
        TRACE_ATTR_INT("delta", -5),
    };
    const trace_scope scope = {"lib.db", NULL, NULL};
    const struct { trace_sampler_rule rule; bool matches; } rows[] = {
        {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL), true}, {rule_of("GET /", NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL), true},
        {rule_of("", NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL), true}, {rule_of("GET /health", NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL), true},
        {rule_of("GET /healthy", NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL), false}, {rule_of("POST", NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL), false},
        {rule_of(NULL, "lib.", TRACE_KIND_UNSPECIFIED, NULL, NULL), true}, {rule_of(NULL, "lib.dbx", TRACE_KIND_UNSPECIFIED, NULL, NULL), false},
        {rule_of(NULL, NULL, TRACE_KIND_SERVER, NULL, NULL), true}, {rule_of(NULL, NULL, TRACE_KIND_CLIENT, NULL, NULL), false},
        {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "port", NULL), true}, {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "por", NULL), false},
        {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "none", NULL), true}, {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "none", ""), false},
        {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "url.path", "/health"), true}, {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "url.path", "/old"), false},
        {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "port", "8080"), true}, {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "port", "808"), false},
        {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "cached", "true"), true}, {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "cached", "tru"), false},
        {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "load", "0.5"), true},
        {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "big", "18446744073709551615"), true},
        {rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, "delta", "-5"), true},
        {rule_of("GET", "lib", TRACE_KIND_SERVER, "url.path", "/health"), true}, {rule_of("GET", "lib", TRACE_KIND_SERVER, "url.path", "/x"), false},
        {rule_of("GET", "lib", TRACE_KIND_CLIENT, "url.path", "/health"), false}, {rule_of("GET", "x", TRACE_KIND_SERVER, "url.path", "/health"), false},
    };
    trace_sampler_input input = root_input();
    input.name = tracei_string("GET /health");
    input.kind = TRACE_KIND_SERVER;
    input.scope = &scope;
    input.attributes = attributes;
    input.attribute_count = sizeof attributes / sizeof attributes[0];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trace_sampler_rule_table table;
        memset(&table, 0, sizeof table);
        table.rules = &rows[i].rule;
        table.count = 1;
        table.otherwise = trace_sampler_always_off();
        if (!CHECK_INT(ask(trace_sampler_rules(&table), &input), rows[i].matches ? RECORD : DROP)) fprintf(stderr, "in row %zu\n", i);
    }
}

TEST(the_first_rule_that_matches_decides_and_children_stay_with_their_parents) {
    trace_sampler_rule rules[3];
    trace_sampler_rule_table table;
    trace_sampler_input input = root_input(), child = child_input(false, false);
    rules[0] = rule_of("a", NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL);
    rules[0].sampler = telling(1);
    rules[1] = rule_of("ab", NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL);
    rules[1].sampler = telling(2);
    rules[2] = rule_of("w", NULL, TRACE_KIND_INTERNAL, NULL, NULL);
    rules[2].sampler = telling(3);
    memset(&table, 0, sizeof table);
    table.rules = rules;
    table.count = 3;
    input.name = tracei_string("abc");
    (void)ask(trace_sampler_rules(&table), &input);
    CHECK_INT(called, 1);
    input.name = tracei_string("work");
    input.kind = TRACE_KIND_UNSPECIFIED;
    (void)ask(trace_sampler_rules(&table), &input);
    CHECK_INT(called, 3);
    child.name = tracei_string("x");
    CHECK_INT(ask(trace_sampler_rules(&table), &child), DROP);
    input.name = tracei_string("x");
    CHECK_INT(ask(trace_sampler_rules(&table), &input), SAMPLE);
    CHECK_INT(ask(trace_sampler_rules(NULL), &input), SAMPLE);
    table.rules = NULL;
    CHECK_INT(ask(trace_sampler_rules(&table), &input), SAMPLE);
}

static trace_decision add_attribute(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    (void)input;
    output->attributes = (const trace_attribute *)user;
    output->attribute_count = 1;
    output->trace_state = tracei_string("mine=1,ot=th:8");
    return TRACE_DECISION_SAMPLE;
}

TEST(a_custom_samplers_attributes_and_state_pass_through_compositions) {
    trace_attribute attribute = TRACE_ATTR_INT("priority", 3);
    trace_sampler_rule rule = rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL);
    trace_sampler_rule_table table;
    trace_sampler_branches branches;
    trace_sampler_limit limit = limit_of(10, 10);
    trace_sampler custom, inner;
    const trace_sampler_input input = root_input();
    memset(&custom, 0, sizeof custom);
    custom.description = "Priority";
    custom.sample_fn = add_attribute;
    custom.user = &attribute;
    limit.sampler = custom;
    rule.sampler = trace_sampler_rate_limit(&limit);
    memset(&table, 0, sizeof table);
    table.rules = &rule;
    table.count = 1;
    memset(&branches, 0, sizeof branches);
    branches.root = trace_sampler_rules(&table);
    branches.local_not_sampled = trace_sampler_always_off();
    inner = trace_sampler_parent_based(&branches);
    CHECK_INT(ask(trace_sampler_always_record(&inner), &input), SAMPLE);
    CHECK(last_output.attributes == &attribute);
    CHECK_UINT(last_output.attribute_count, 1);
    CHECK_TEXT(last_output.trace_state.data, last_output.trace_state.size, "mine=1");
}

static trace_decision forge(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    (void)input;
    output->trace_state = tracei_string((const char *)user);
    return TRACE_DECISION_SAMPLE;
}

/* On the wire it is as valid as what was extracted; what is not leaves the parent's. */
static void run_forger(void *unused) {
    static char texts[][64] = {"mine=1", "x=1\r\nEvil: 1", "novalue", "UPPER=1", "a=1,,b=2", ""};
    unsigned i;
    (void)unused;
    for (i = 0; i < sizeof texts / sizeof *texts; i++) {
        const bool bad = i >= 1 && i <= 3;
        trace_config config;
        trace_context caller;
        char raw[600], expected[600];
        memset(&config, 0, sizeof config);
        config.disable_environment = config.disable_thread = true;
        config.sampler.description = "forger";
        config.sampler.sample_fn = forge;
        config.sampler.user = texts[i];
        CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
        CHECK(trace_context_parse(&caller, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "theirs=2"));
        TRACE_SPAN("x", .parent = caller) {
            (void)trace_inject_raw(trace_context_current(), raw, sizeof raw);
            snprintf(expected, sizeof expected, "tracestate: %s\r\n", bad ? "theirs=2" : texts[i]);
            CHECK_INT(strstr(raw, "Evil") == NULL, true);
            if (*texts[i]) CHECK_HAS(raw, expected);
            else CHECK(strstr(raw, "tracestate") == NULL);
        }
    }
}

TEST(a_custom_samplers_state_is_checked) {
    test_child child = test_fork(run_forger, NULL, 10000);
    const char *told;
    CHECK_CHILD(&child, 0);
    told = strstr(child.err, "trace_sampler_output.trace_state is not a tracestate");
    CHECK(told && !strstr(told + 1, "trace_sampler_output.trace_state"));
    test_child_free(&child);
}

TEST(always_record_turns_drops_into_records) {
    const trace_sampler off = trace_sampler_always_off(), on = trace_sampler_always_on(), record = telling(1);
    const trace_sampler_input root = root_input(), child = child_input(true, false);
    CHECK_INT(ask(trace_sampler_always_record(&off), &root), RECORD);
    CHECK_INT(ask(trace_sampler_always_record(&on), &root), SAMPLE);
    CHECK_INT(ask(trace_sampler_always_record(&record), &root), RECORD);
    CHECK_INT(ask(trace_sampler_always_record(NULL), &root), SAMPLE);
    CHECK_INT(ask(trace_sampler_always_record(NULL), &child), RECORD);
}

TEST(descriptions) {
    trace_sampler zero, ratio = trace_sampler_ratio(0.0001), custom;
    trace_sampler_branches branches;
    trace_sampler_limit limit = limit_of(2.5, 0);
    trace_sampler_rule rule = rule_of(NULL, NULL, TRACE_KIND_UNSPECIFIED, NULL, NULL);
    trace_sampler_rule_table table;
    char text[512];
    memset(&zero, 0, sizeof zero);
    memset(&branches, 0, sizeof branches);
    memset(&table, 0, sizeof table);
    custom = telling(1);
    custom.description = NULL;
    branches.root = ratio;
    branches.remote_not_sampled = trace_sampler_always_on();
    table.rules = &rule;
    table.count = 1;
    {
        const trace_sampler consistent = trace_sampler_consistent(0.1);
        const struct { trace_sampler sampler; const char *expected; } rows[] = {
            {zero, "ParentBased{root:AlwaysOnSampler}"},
            {trace_sampler_always_on(), "AlwaysOnSampler"},
            {trace_sampler_always_off(), "AlwaysOffSampler"},
            {ratio, "TraceIdRatioBased{0.000100}"},
            {trace_sampler_ratio(1), "TraceIdRatioBased{1.000000}"},
            {trace_sampler_roots_only(trace_sampler_ratio(0.25)), "ParentBased{root:TraceIdRatioBased{0.250000}}"},
            {trace_sampler_parent_based(&branches),
             "ParentBased{root:TraceIdRatioBased{0.000100},remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOnSampler,"
             "localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}"},
            {consistent, "ProbabilitySampler{th:e666}"},
            {trace_sampler_consistent(0), "ProbabilitySampler{never}"},
            {trace_sampler_parent_threshold(&consistent), "ParentThreshold{root:ProbabilitySampler{th:e666}}"},
            {trace_sampler_rate_limit(&limit), "ParentBased{root:RateLimit{2.5/s,burst:2,sampler:AlwaysOnSampler}}"},
            {trace_sampler_rules(&table), "Rules{telling,otherwise:ParentBased{root:AlwaysOnSampler}}"},
            {trace_sampler_always_record(&ratio), "AlwaysRecord{TraceIdRatioBased{0.000100}}"},
            {custom, "custom"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            CHECK_UINT(trace_sampler_describe(&rows[i].sampler, text, sizeof text), strlen(rows[i].expected));
            CHECK_STR(text, rows[i].expected);
        }
    }
    CHECK_UINT(trace_sampler_describe(NULL, text, sizeof text), 33);
    CHECK_UINT(trace_sampler_describe(&ratio, text, 9), 27);
    CHECK_STR(text, "TraceIdR");
    CHECK_UINT(trace_sampler_describe(&ratio, NULL, 0), 27);
}

TEST(a_composition_that_contains_itself_is_described_all_the_same) {
    static trace_sampler self;
    char text[64];
    self = trace_sampler_always_record(&self);
    CHECK(trace_sampler_describe(&self, text, sizeof text) > 0);
    CHECK_HAS(text, "AlwaysRecord{AlwaysRecord{");
}

/* ---- environment ------------------------------------------------------------------------------------------------------ */

#ifndef _WIN32
extern char **environ;
#endif

TEST(samplers_from_the_environment) {
    static const struct { const char *entries[3]; const char *expected, *log; } rows[] = {
        {{NULL}, "", ""},
        {{"OTEL_TRACES_SAMPLER="}, "", ""},
        {{"OTEL_TRACES_SAMPLER=always_on"}, "AlwaysOnSampler", ""},
        {{"OTEL_TRACES_SAMPLER=Always_Off"}, "AlwaysOffSampler", ""},
        {{"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.25"}, "TraceIdRatioBased{0.250000}", ""},
        {{"OTEL_TRACES_SAMPLER=traceidratio"}, "TraceIdRatioBased{1.000000}", ""},
        {{"OTEL_TRACES_SAMPLER=parentbased_always_on"}, "ParentBased{root:AlwaysOnSampler}", ""},
        {{"OTEL_TRACES_SAMPLER=parentbased_always_off"}, "ParentBased{root:AlwaysOffSampler}", ""},
        {{"OTEL_TRACES_SAMPLER=PARENTBASED_TRACEIDRATIO", "OTEL_TRACES_SAMPLER_ARG=.5"}, "ParentBased{root:TraceIdRatioBased{0.500000}}", ""},
        {{"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=2"}, "ParentBased{root:TraceIdRatioBased{1.000000}}",
         "OTEL_TRACES_SAMPLER_ARG=2 ignored: must be a number from 0 to 1\n"},
        {{"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=x", "TRACER_SAMPLING_RATE=0.1"}, "TraceIdRatioBased{1.000000}",
         "OTEL_TRACES_SAMPLER_ARG=x ignored: must be a number from 0 to 1\n"},
        {{"OTEL_TRACES_SAMPLER=always_no"}, "",
         "OTEL_TRACES_SAMPLER=always_no ignored: must be one of always_on, always_off, traceidratio, parentbased_always_on, "
         "parentbased_always_off, parentbased_traceidratio; did you mean always_on?\n"},
        {{"OTEL_TRACES_SAMPLER=jaeger_remote"}, "", "OTEL_TRACES_SAMPLER=jaeger_remote ignored: remote samplers are not supported\n"},
        {{"OTEL_TRACES_SAMPLER=xray"}, "", "OTEL_TRACES_SAMPLER=xray ignored: remote samplers are not supported\n"},
        {{"OTEL_TRACES_SAMPLER_ARG=0.5"}, "", "OTEL_TRACES_SAMPLER_ARG ignored: it counts together with OTEL_TRACES_SAMPLER only\n"},
        {{"TRACER_SAMPLING_RATE=0.5"}, "ParentBased{root:TraceIdRatioBased{0.500000}}", ""},
        {{"AI_INFRA_TRACING_SAMPLE_RATE=0.25"}, "ParentBased{root:TraceIdRatioBased{0.250000}}", ""},
        {{"TRACER_SAMPLING_RATE=0.5", "AI_INFRA_TRACING_SAMPLE_RATE=0.25"}, "ParentBased{root:TraceIdRatioBased{0.500000}}", ""},
        {{"TRACER_SAMPLING_RATE=0.5", "OTEL_TRACES_SAMPLER=always_off"}, "AlwaysOffSampler", ""},
        {{"TRACER_SAMPLING_RATE=50%"}, "", "TRACER_SAMPLING_RATE=50% ignored: must be a number from 0 to 1\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char copies[3][64], *entries[4] = {NULL, NULL, NULL, NULL}, text[128] = "";
        trace_sampler sampler;
        for (int j = 0; j < 3 && rows[i].entries[j]; j++) {
            snprintf(copies[j], sizeof copies[j], "%s", rows[i].entries[j]);
            entries[j] = copies[j];
        }
#ifdef _WIN32
        _putenv("OTEL_TRACES_SAMPLER=");
        _putenv("OTEL_TRACES_SAMPLER_ARG=");
        _putenv("TRACER_SAMPLING_RATE=");
        _putenv("AI_INFRA_TRACING_SAMPLE_RATE=");
        for (int j = 0; entries[j]; j++) _putenv(entries[j]);
        tracei_environment_snapshot();
#else
        char **const before = environ;
        environ = entries;
        tracei_environment_snapshot();
        environ = before;
#endif
        fresh_log();
        if (tracei_sampler_from_environment(&sampler)) (void)trace_sampler_describe(&sampler, text, sizeof text);
        CHECK_STR(text, rows[i].expected);
        CHECK_STR(logged, rows[i].log);
    }
}

TEST_MAIN()
