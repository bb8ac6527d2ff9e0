/* test_propagation.c - every wire format against vectors of its specification, the table behind contexts, hostile input
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"

#include <ctype.h>
#include <pthread.h>

static uint32_t test_refuse_memory;
static bool test_refuses(const char *what) { return test_refuse_memory && strcmp(what, "memory") == 0; }

#define TRACEI_FAIL(what) test_refuses(what)
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include "settled.h"

/* Sanitizers are slower here, that of threads a hundred times: fewer rounds of what only repeats. */
#ifdef __SANITIZE_THREAD__
#define SLOW 16
#elif defined(__SANITIZE_ADDRESS__)
#define SLOW 4
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLOW 16
#endif
#endif
#ifndef SLOW
#define SLOW 1
#endif

#define T "12345678901234567890123456789012"
#define P "1234567890123456"
#define PARENT "00-" T "-" P "-01"
#define PARENT_OFF "00-" T "-" P "-00"

static uint64_t memory_buffer[1 << 14];
static trace_exporter memory_exporter;
static char logged[8192];

static void keep_log(void *user, trace_log_level level, const char *message) {
    size_t used = strlen(logged);
    (void)user;
    (void)level;
    if (used + strlen(message) + 2 < sizeof logged) strcat(strcat(logged, message), "\n");
}

/* Every test begins with the default propagators and a library that prints nothing. */
static void start(void) {
    static bool started;
    trace_config config;
    if (!started) {
        memset(&config, 0, sizeof config);
        memory_exporter = trace_memory_exporter(memory_buffer, sizeof memory_buffer);
        config.exporters[0] = memory_exporter;
        config.disable_environment = true;
        config.disable_thread = true;
        config.logger.log_fn = keep_log;
        started = CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    }
    tracei_propagators_parse(NULL);
    trace_memory_clear(&memory_exporter);
    logged[0] = '\0';
}

static trace_string text_of(const char *text) {
    trace_string s;
    s.data = text;
    s.size = strlen(text);
    return s;
}

/* name, value, name, value, ..., NULL */
static trace_context extract_list(const char *const *list) {
    trace_header headers[40];
    size_t count = 0;
    for (; list[0] && count < 40; list += 2, count++) {
        headers[count].name = text_of(list[0]);
        headers[count].value = text_of(list[1]);
    }
    return trace_extract_headers(headers, count);
}

static trace_context extract_one(const char *name, const char *value) {
    const char *list[3];
    list[0] = name;
    list[1] = value;
    list[2] = NULL;
    return extract_list(list);
}

static const char *inject_text(trace_context context) {
    static char out[40000];
    CHECK(trace_inject_raw(context, out, sizeof out) < sizeof out);
    return out;
}

static const char *state_of(trace_context context) {
    static char out[20000];
    trace_state_get(context, out, sizeof out);
    return out;
}

static const char *baggage_of(trace_context context, const char *key) {
    static char out[20000];
    return trace_baggage_get(context, key, out, sizeof out) == SIZE_MAX ? NULL : out;
}

static const char *parent_of(trace_context context) {
    static char out[56];
    trace_context_format(context, out);
    return out;
}

static bool same_ids(trace_context a, trace_context b) {
    return memcmp(a.trace_id, b.trace_id, 16) == 0 && memcmp(a.span_id, b.span_id, 8) == 0;
}

static bool is_explicit_empty(trace_context context) {
    return context.is_explicit && !trace_context_is_valid(context) && !context.is_remote && !context.entry && !context.flags;
}

/* The value of a header in what inject wrote; counts how often it is there. */
static unsigned header_of(const char *raw, const char *name, char *value, size_t size) {
    unsigned found = 0;
    const size_t length = strlen(name);
    value[0] = '\0';
    for (; *raw; raw = strstr(raw, "\r\n") + 2) {
        const char *end = strstr(raw, "\r\n");
        if (strncmp(raw, name, length) != 0 || raw[length] != ':') continue;
        snprintf(value, size, "%.*s", (int)(end - raw - (ptrdiff_t)length - 2), raw + length + 2);
        found++;
    }
    return found;
}

/* ---- the public harness of W3C Trace Context (SPEC_LEVEL=2, STRICT_LEVEL=2), case by case --------------------------- */

enum { NEW, SAME };

typedef struct w3c_case {
    const char *test;             /* name in the harness */
    int expected;
    const char *state;            /* outgoing tracestate; "": none; NULL: any */
    const char *headers[12];
} w3c_case;

#define TP(value) "traceparent", value
#define TS(value) "tracestate", value
#define LONG10 "zzzzzzzzzz"
#define LONG50 LONG10 LONG10 LONG10 LONG10 LONG10
#define LONG250 LONG50 LONG50 LONG50 LONG50 LONG50
#define T10 "tttttttttt"
#define T240 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10 T10
#define KEY_PLAIN "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
#define KEY_AT KEY_PLAIN "@a-z0-9_-*/"
#define ALL_VALUE " !\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
#define B10(a, next) "bar" a "1=" a "1,bar" a "2=" a "2,bar" a "3=" a "3,bar" a "4=" a "4,bar" a "5=" a "5,bar" a "6=" a "6,bar" a "7=" a "7,bar" a "8=" a "8,bar" a "9=" a "9,bar" next "0=" next "0"

static const w3c_case w3c_cases[] = {
    {"both_traceparent_and_tracestate_missing", NEW, "", {NULL}},
    {"traceparent_included_tracestate_missing", SAME, "", {TP(PARENT), NULL}},
    {"traceparent_duplicated", NEW, "", {TP("00-12345678901234567890123456789011-" P "-01"), TP(PARENT), NULL}},
    {"traceparent_header_name", NEW, "", {"trace-parent", PARENT, NULL}},
    {"traceparent_header_name", NEW, "", {"trace.parent", PARENT, NULL}},
    {"traceparent_header_name_valid_casing", SAME, "", {"TraceParent", PARENT, NULL}},
    {"traceparent_header_name_valid_casing", SAME, "", {"TrAcEpArEnT", PARENT, NULL}},
    {"traceparent_header_name_valid_casing", SAME, "", {"TRACEPARENT", PARENT, NULL}},
    {"traceparent_version_0x00", NEW, "", {TP(PARENT "."), NULL}},
    {"traceparent_version_0x00", NEW, "", {TP(PARENT "-what-the-future-will-be-like"), NULL}},
    {"traceparent_version_0xcc", SAME, "", {TP("cc-" T "-" P "-01"), NULL}},
    {"traceparent_version_0xcc", SAME, "", {TP("cc-" T "-" P "-01-what-the-future-will-be-like"), NULL}},
    {"traceparent_version_0xcc", NEW, "", {TP("cc-" T "-" P "-01.what-the-future-will-be-like"), NULL}},
    {"traceparent_version_0xff", NEW, "", {TP("ff-" T "-" P "-01"), NULL}},
    {"traceparent_version_illegal_characters", NEW, "", {TP(".0-" T "-" P "-01"), NULL}},
    {"traceparent_version_illegal_characters", NEW, "", {TP("0.-" T "-" P "-01"), NULL}},
    {"traceparent_version_too_long", NEW, "", {TP("000-" T "-" P "-01"), NULL}},
    {"traceparent_version_too_long", NEW, "", {TP("0000-" T "-" P "-01"), NULL}},
    {"traceparent_version_too_short", NEW, "", {TP("0-" T "-" P "-01"), NULL}},
    {"traceparent_trace_id_all_zero", NEW, "", {TP("00-00000000000000000000000000000000-" P "-01"), NULL}},
    {"traceparent_trace_id_illegal_characters", NEW, "", {TP("00-.2345678901234567890123456789012-" P "-01"), NULL}},
    {"traceparent_trace_id_illegal_characters", NEW, "", {TP("00-1234567890123456789012345678901.-" P "-01"), NULL}},
    {"traceparent_trace_id_too_long", NEW, "", {TP("00-" T "3-" P "-01"), NULL}},
    {"traceparent_trace_id_too_short", NEW, "", {TP("00-1234567890123456789012345678901-" P "-01"), NULL}},
    {"traceparent_parent_id_all_zero", NEW, "", {TP("00-" T "-0000000000000000-01"), NULL}},
    {"traceparent_parent_id_illegal_characters", NEW, "", {TP("00-" T "-.234567890123456-01"), NULL}},
    {"traceparent_parent_id_illegal_characters", NEW, "", {TP("00-" T "-123456789012345.-01"), NULL}},
    {"traceparent_parent_id_too_long", NEW, "", {TP("00-" T "-12345678901234567-01"), NULL}},
    {"traceparent_parent_id_too_short", NEW, "", {TP("00-" T "-123456789012345-01"), NULL}},
    {"traceparent_trace_flags_illegal_characters", NEW, "", {TP("00-" T "-" P "-.0"), NULL}},
    {"traceparent_trace_flags_illegal_characters", NEW, "", {TP("00-" T "-" P "-0."), NULL}},
    {"traceparent_trace_flags_too_long", NEW, "", {TP("00-" T "-" P "-001"), NULL}},
    {"traceparent_trace_flags_too_short", NEW, "", {TP("00-" T "-" P "-1"), NULL}},
    {"traceparent_ows_handling", SAME, "", {TP(" " PARENT), NULL}},
    {"traceparent_ows_handling", SAME, "", {TP("\t" PARENT), NULL}},
    {"traceparent_ows_handling", SAME, "", {TP(PARENT " "), NULL}},
    {"traceparent_ows_handling", SAME, "", {TP(PARENT "\t"), NULL}},
    {"traceparent_ows_handling", SAME, "", {TP("\t " PARENT " \t"), NULL}},
    {"tracestate_included_traceparent_missing", NEW, "", {TS("foo=1"), NULL}},
    {"tracestate_included_traceparent_missing", NEW, "", {TS("foo=1,bar=2"), NULL}},
    {"tracestate_included_traceparent_included", SAME, "foo=1,bar=2", {TP(PARENT_OFF), TS("foo=1,bar=2"), NULL}},
    {"tracestate_header_name", SAME, "", {TP(PARENT_OFF), "trace-state", "foo=1", NULL}},
    {"tracestate_header_name", SAME, "", {TP(PARENT_OFF), "trace.state", "foo=1", NULL}},
    {"tracestate_header_name_valid_casing", SAME, "foo=1", {TP(PARENT_OFF), "TraceState", "foo=1", NULL}},
    {"tracestate_header_name_valid_casing", SAME, "foo=1", {TP(PARENT_OFF), "TrAcEsTaTe", "foo=1", NULL}},
    {"tracestate_header_name_valid_casing", SAME, "foo=1", {TP(PARENT_OFF), "TRACESTATE", "foo=1", NULL}},
    {"tracestate_empty_header", SAME, "", {TP(PARENT_OFF), TS(""), NULL}},
    {"tracestate_empty_header", SAME, "foo=1", {TP(PARENT_OFF), TS("foo=1"), TS(""), NULL}},
    {"tracestate_empty_header", SAME, "foo=1", {TP(PARENT_OFF), TS(""), TS("foo=1"), NULL}},
    {"tracestate_multiple_headers_different_keys", SAME, "foo=1,bar=2,rojo=1,congo=2,baz=3",
     {TP(PARENT_OFF), TS("foo=1,bar=2"), TS("rojo=1,congo=2"), TS("baz=3"), NULL}},
    {"tracestate_duplicated_keys", SAME, "foo=1", {TP(PARENT_OFF), TS("foo=1,foo=1"), NULL}},
    {"tracestate_duplicated_keys", SAME, "foo=1", {TP(PARENT_OFF), TS("foo=1,foo=2"), NULL}},
    {"tracestate_duplicated_keys", SAME, "foo=1", {TP(PARENT_OFF), TS("foo=1"), TS("foo=1"), NULL}},
    {"tracestate_duplicated_keys", SAME, "foo=1", {TP(PARENT_OFF), TS("foo=1"), TS("foo=2"), NULL}},
    {"tracestate_all_allowed_characters", SAME, KEY_PLAIN "=" ALL_VALUE, {TP(PARENT_OFF), TS(KEY_PLAIN "=" ALL_VALUE), NULL}},
    {"tracestate_all_allowed_characters", SAME, KEY_AT "=" ALL_VALUE, {TP(PARENT_OFF), TS(KEY_AT "=" ALL_VALUE), NULL}},
    {"tracestate_ows_handling", SAME, "foo=1,bar=2,baz=3", {TP(PARENT_OFF), TS("foo=1 \t , \t bar=2, \t baz=3"), NULL}},
    {"tracestate_ows_handling", SAME, "foo=1,bar=2,baz=3", {TP(PARENT_OFF), TS("foo=1\t \t,\t \tbar=2,\t \tbaz=3"), NULL}},
    {"tracestate_ows_handling", SAME, "foo=1", {TP(PARENT_OFF), TS(" foo=1"), NULL}},
    {"tracestate_ows_handling", SAME, "foo=1", {TP(PARENT_OFF), TS("\tfoo=1"), NULL}},
    {"tracestate_ows_handling", SAME, "foo=1", {TP(PARENT_OFF), TS("foo=1 "), NULL}},
    {"tracestate_ows_handling", SAME, "foo=1", {TP(PARENT_OFF), TS("foo=1\t"), NULL}},
    {"tracestate_ows_handling", SAME, "foo=1", {TP(PARENT_OFF), TS("\t foo=1 \t"), NULL}},
    {"tracestate_key_illegal_characters", SAME, "", {TP(PARENT_OFF), TS("foo =1"), NULL}},
    {"tracestate_key_illegal_characters", SAME, "", {TP(PARENT_OFF), TS("FOO=1"), NULL}},
    {"tracestate_key_illegal_characters", SAME, "", {TP(PARENT_OFF), TS("foo.bar=1"), NULL}},
    {"tracestate_key_illegal_vendor_format", SAME, "foo@=1,bar=2", {TP(PARENT_OFF), TS("foo@=1,bar=2"), NULL}},
    {"tracestate_key_illegal_vendor_format", SAME, "", {TP(PARENT_OFF), TS("@foo=1,bar=2"), NULL}},
    {"tracestate_key_illegal_vendor_format", SAME, "foo@@bar=1,bar=2", {TP(PARENT_OFF), TS("foo@@bar=1,bar=2"), NULL}},
    {"tracestate_key_illegal_vendor_format", SAME, "foo@bar@baz=1,bar=2", {TP(PARENT_OFF), TS("foo@bar@baz=1,bar=2"), NULL}},
    {"tracestate_member_count_limit", SAME, B10("0", "1") "," B10("1", "2") "," B10("2", "3") ",bar31=31,bar32=32",
     {TP(PARENT_OFF), TS(B10("0", "1")), TS(B10("1", "2")), TS(B10("2", "3")), TS("bar31=31,bar32=32"), NULL}},
    {"tracestate_member_count_limit", SAME, "",
     {TP(PARENT_OFF), TS(B10("0", "1")), TS(B10("1", "2")), TS(B10("2", "3")), TS("bar31=31,bar32=32,bar33=33"), NULL}},
    {"tracestate_key_length_limit", SAME, "foo=1," LONG250 "zzzzzz=1", {TP(PARENT_OFF), TS("foo=1"), TS(LONG250 "zzzzzz=1"), NULL}},
    {"tracestate_key_length_limit", SAME, "", {TP(PARENT_OFF), TS("foo=1"), TS(LONG250 "zzzzzzz=1"), NULL}},
    {"tracestate_key_length_limit", SAME, "foo=1," T240 "t@vvvvvvvvvvvvvv=1",
     {TP(PARENT_OFF), TS("foo=1"), TS(T240 "t@vvvvvvvvvvvvvv=1"), NULL}},
    {"tracestate_key_length_limit", SAME, "foo=1," T240 "tt@v=1", {TP(PARENT_OFF), TS("foo=1"), TS(T240 "tt@v=1"), NULL}},
    {"tracestate_key_length_limit", SAME, "foo=1,t@vvvvvvvvvvvvvvv=1", {TP(PARENT_OFF), TS("foo=1"), TS("t@vvvvvvvvvvvvvvv=1"), NULL}},
    {"tracestate_value_illegal_characters", SAME, "", {TP(PARENT_OFF), TS("foo=bar=baz"), NULL}},
    {"tracestate_value_illegal_characters", SAME, "", {TP(PARENT_OFF), TS("foo=,bar=3"), NULL}},
    {"multiple_requests_with_valid_traceparent", SAME, "", {TP(PARENT), NULL}},
    {"multiple_requests_without_traceparent", NEW, "", {NULL}},
    {"multiple_requests_with_illegal_traceparent", NEW, "", {TP("00-00000000000000000000000000000000-" P "-01"), NULL}},
    {"propagates_random_flag", SAME, "", {TP("00-" T "-" P "-02"), NULL}},
};
#define W3C_CASES (sizeof w3c_cases / sizeof w3c_cases[0])

/* What the harness's service does: a server span, and three calls from below it. */
static void w3c_check(const w3c_case *c) {
    trace_context parent = extract_list(c->headers);
    char seen[3][64], value[4096];
    CHECK(parent.is_explicit);
    CHECK(parent.is_remote == (c->expected == SAME));
    TRACE_SPAN("POST /test", .kind = TRACE_KIND_SERVER, .parent = parent) {
        for (int i = 0; i < 3; i++) {
            TRACE_SPAN("callback", .kind = TRACE_KIND_CLIENT) {
                trace_context current, check;
                const char *raw;
                memset(&current, 0, sizeof current);
                raw = inject_text(current);
                CHECK_INT(header_of(raw, "traceparent", seen[i], sizeof seen[i]), 1);
                if (!CHECK(trace_context_parse(&check, seen[i], NULL))) fprintf(stderr, "    %s: %s\n", c->test, seen[i]);
                CHECK_INT(header_of(raw, "tracestate", value, sizeof value), c->state[0] != '\0');
                if (!CHECK_STR(value, c->state)) fprintf(stderr, "    %s\n", c->test);
                if (!CHECK_INT(strncmp(seen[i] + 3, T, 32) == 0, c->expected == SAME)) fprintf(stderr, "    %s\n", c->test);
                CHECK(strncmp(seen[i] + 36, P, 16) != 0);
                CHECK(check.flags & TRACE_FLAG_RANDOM || c->expected == SAME);
                if (strcmp(c->test, "propagates_random_flag") == 0) CHECK(check.flags & TRACE_FLAG_RANDOM);
            }
        }
    }
    CHECK(strncmp(seen[0] + 36, seen[1] + 36, 16) != 0 && strncmp(seen[1] + 36, seen[2] + 36, 16) != 0);
    CHECK(strncmp(seen[0], seen[1], 35) == 0 && strncmp(seen[1], seen[2], 35) == 0);
}

TEST(w3c_harness) {
    unsigned tests = 0;
    start();
    for (size_t i = 0; i < W3C_CASES; i++) {
        if (!i || strcmp(w3c_cases[i].test, w3c_cases[i - 1].test) != 0) tests++;
        w3c_check(&w3c_cases[i]);
    }
    CHECK_INT(tests, 41);
}

/* The same requests through the other ways in. */
static size_t list_get_all(void *user, trace_string name, trace_string *values, size_t capacity) {
    const char *const *list = (const char *const *)user;
    size_t found = 0;
    for (; list[0]; list += 2) {
        if (strlen(list[0]) != name.size || strncasecmp(list[0], name.data, name.size) != 0) continue;
        if (found < capacity) values[found] = text_of(list[1]);
        found++;
    }
    return found;
}

static size_t list_keys(void *user, trace_string *keys, size_t capacity) {
    const char *const *list = (const char *const *)user;
    size_t found = 0;
    for (; list[0]; list += 2, found++)
        if (found < capacity) keys[found] = text_of(list[0]);
    return found;
}

static trace_carrier list_carrier(const char *const *list) {
    trace_carrier carrier;
    memset(&carrier, 0, sizeof carrier);
    carrier.get_all = list_get_all;
    carrier.keys = list_keys;
    carrier.user = (void *)(uintptr_t)list;
    return carrier;
}

TEST(every_way_in_agrees) {
    start();
    for (size_t i = 0; i < W3C_CASES; i++) {
        const char *const *list = w3c_cases[i].headers;
        trace_context want = extract_list(list), got;
        trace_carrier carrier = list_carrier(list);
        char raw[8192] = "POST http://127.0.0.1:5000/test HTTP/1.1\r\nHost: x\r\n", state[4096];
        strcpy(state, state_of(want));
        got = trace_extract(&carrier);
        CHECK(same_ids(got, want) && got.flags == want.flags && got.is_remote == want.is_remote);
        CHECK_STR(state_of(got), state);
        for (; list[0]; list += 2) strcat(strcat(strcat(strcat(raw, list[0]), ": "), list[1]), i % 2 ? "\r\n" : "\n");
        strcat(raw, "\r\ntraceparent: " PARENT "\r\n");
        got = trace_extract_raw(raw, strlen(raw));
        CHECK(same_ids(got, want) && got.flags == want.flags && got.is_remote == want.is_remote);
        CHECK_STR(state_of(got), state);
    }
}

TEST(traceparent_details) {
    trace_context c;
    char out[56];
    start();
    CHECK(trace_context_parse(&c, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
    CHECK(c.is_remote && c.is_explicit && c.flags == 1 && !c.entry);
    trace_context_format(c, out);
    CHECK_STR(out, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    CHECK(trace_context_parse(&c, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", NULL));
    CHECK_UINT(c.flags, TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM); /* what the others will mean is unknown */
    CHECK_STR(parent_of(c), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03");
    CHECK(trace_context_parse(&c, "fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02-", NULL));
    CHECK_STR(parent_of(c), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02");
    CHECK(!trace_context_parse(&c, "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", NULL));
    CHECK(is_explicit_empty(c));
    CHECK(!trace_context_parse(&c, "FE-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
    CHECK(!trace_context_parse(&c, NULL, "foo=1"));
    CHECK(is_explicit_empty(c));
    CHECK(!trace_context_parse(&c, "", NULL));
    CHECK(!trace_context_parse(NULL, "x", "y"));
    CHECK(trace_context_parse(NULL, PARENT, NULL));
    CHECK(trace_context_parse(&c, PARENT, "not a list"));
    CHECK_STR(state_of(c), "");
    CHECK(trace_context_parse(&c, PARENT, "a= leading"));
    CHECK_STR(state_of(c), "a= leading");
    CHECK(trace_context_parse(&c, PARENT, "1a=x"));
    CHECK_STR(state_of(c), "1a=x");
    CHECK(trace_context_parse(&c, PARENT, "a= "));          /* trailing white space is not the value's, so there is none */
    CHECK_STR(state_of(c), "");
    CHECK(trace_context_parse(&c, PARENT, "a=\tb"));
    CHECK_STR(state_of(c), "");
    CHECK(trace_context_parse(&c, PARENT, ",,a=b, ,c=d,"));
    CHECK_STR(state_of(c), "a=b,c=d");
    CHECK(trace_context_parse(&c, PARENT, "a=" LONG250 "zzzzzz"));
    CHECK_STR(state_of(c), "a=" LONG250 "zzzzzz");
    CHECK(trace_context_parse(&c, PARENT, "a=" LONG250 "zzzzzzz"));
    CHECK_STR(state_of(c), "");
}

TEST(ids_as_text) {
    trace_context c;
    char trace[33], span[17];
    start();
    CHECK(trace_context_parse(&c, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
    CHECK(trace_id_string(c, trace) == trace && trace_span_id_string(c, span) == span);
    CHECK_STR(trace, "0af7651916cd43dd8448eb211c80319c");
    CHECK_STR(span, "b7ad6b7169203331");
    memset(&c, 0, sizeof c);
    CHECK_STR(trace_id_string(c, trace), "00000000000000000000000000000000");
    TRACE_SPAN("x") {
        const trace_context current = trace_context_current();
        char again[33];
        CHECK_STR(trace_id_string(c, trace), trace_id_string(current, again));
        CHECK(strcmp(trace, "00000000000000000000000000000000") != 0);
    }
}

/* The table of characters against the grammars as they are written down. */
TEST(character_classes) {
    for (int i = 0; i < 256; i++) {
        const char c = (char)i;
        const bool print = i >= 0x20 && i <= 0x7e, alnum = print && isalnum(i);
        uint32_t want = 0;
        if (alnum || (i && strchr("!#$%&'*+-.^_`|~", i))) want |= TRACEI_CHAR_TOKEN;                /* RFC 7230, 3.2.6 */
        if (i == 0x21 || (i >= 0x23 && i <= 0x2b) || (i >= 0x2d && i <= 0x3a) || (i >= 0x3c && i <= 0x5b) || (i >= 0x5d && i <= 0x7e))
            want |= TRACEI_CHAR_OCTET;                                                              /* W3C Baggage, 3.2 */
        if ((alnum && !isupper(i)) || (i && strchr("_-*/@", i))) want |= TRACEI_CHAR_STATE_KEY;     /* Trace Context 2, 3.3.1.3.1 */
        if (print && i != ',' && i != '=') want |= TRACEI_CHAR_STATE_VALUE;                         /* 3.3.1.3.2 */
        if (!CHECK_UINT(tracei_char_class(c), want)) fprintf(stderr, "    of %d\n", i);
    }
}

/* ---- W3C baggage ---------------------------------------------------------------------------------------------------- */

static const char *baggage_line(trace_context context) {
    static char value[20000];
    header_of(inject_text(context), "baggage", value, sizeof value);
    return value;
}

TEST(baggage_vectors) {
    /* in, out; most are from the tests of the W3C baggage repository */
    static const char *const cases[][2] = {
        {"SomeKey=SomeValue", "SomeKey=SomeValue"},
        {"SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal", "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal"},
        {"SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2 \t ; \t ValueProp \t = \t PropVal",
         "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal"},
        {"SomeKey=SomeValue=equals", "SomeKey=SomeValue=equals"},
        {"SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue",
         "SomeKey=SomeValue;SomeProp;SomeProp=PropValue;SomeProp=AnotherPropValue"},
        {"SomeKey=SomeValue;ValueProp%20%09%20%3D%20%09%20PropVal", "SomeKey=SomeValue;ValueProp%20%09%20%3D%20%09%20PropVal"},
        {"SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29", "SomeKey=%09%20%22'%3B=asdf!@#$%25^&*()"},
        {"userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false", "userId=Am%C3%A9lie,serverNode=DF%2028,isProduction=false"},
        {"key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue",
         "key1=value1;property1;property2,key2=value2,key3=value3;propertyKey=propertyValue"},
        {"a=", "a="},
        {"a=1,a=2,A=3", "a=2,A=3"},                         /* one value a name, case-sensitive, the newer wins */
        {"a=1;x,a=2", "a=2"},
        {"%61=1", "%61=1"},                                 /* keys are not decoded */
        {"a=%zz%4", "a=%25zz%254"},
        {"a=%2g%g2", "a=%252g%25g2"},
        {"a=%41%7e", "a=A~"},
        {"a=%FF%E2%82x", "a=%EF%BF%BD%EF%BF%BDx"},          /* not UTF-8: one U+FFFD for each maximal part */
        {"a=b c", "a=b%20c"},
        {"a=\"\\", "a=%22%5C"},
        {"a=\xc3\xa9", "a=%C3%A9"},
        {"a=1;;x;;", "a=1;x"},
        {"a=1;x=\"q\"", "a=1;x=%22q%22"},
        {"a=1;b c;d", "a=1;d"},
        {"noequals,=novalue,a=1, ,,b=2", "a=1,b=2"},
        {"bad key=1,b=2", "b=2"},
        {"a=x%0d%0aSet-Cookie:1,b=2", "b=2"},
        {"a=x%00,b=2", "b=2"},
        {"a=x;p=%0A,b=2", "b=2"},
        {"a=x\x01,b=2", "b=2"},
        {"a=x%7F,b=2", "b=2"},
        {"a=x%250A,b=2", "a=x%250A,b=2"},
        {"", ""},
        {",,,", ""},
    };
    start();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trace_context c = extract_one("Baggage", cases[i][0]);
        if (!CHECK_STR(baggage_line(c), cases[i][1])) fprintf(stderr, "    of %s\n", cases[i][0]);
        CHECK(c.is_explicit && !c.is_remote && !trace_context_is_valid(c));
        if (cases[i][1][0]) {                               /* stable: what goes out comes in as it is */
            c = extract_one("baggage", cases[i][1]);
            CHECK_STR(baggage_line(c), cases[i][1]);
        }
    }
    CHECK_STR(baggage_of(extract_one("baggage", "SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29"), "SomeKey"),
              "\t \"';=asdf!@#$%^&*()");
    CHECK_STR(baggage_of(extract_one("baggage", "userId=Am%C3%A9lie"), "userId"), "Am\xc3\xa9lie");
    CHECK_STR(baggage_of(extract_one("baggage", "a=1;meta=x"), "a"), "1");
    CHECK_STR(baggage_of(extract_one("baggage", "a=1"), "b"), NULL);
    {
        const trace_context c = extract_one("baggage", "a=%31234");
        size_t size;
        CHECK_UINT(trace_baggage_get(c, "a", NULL, 10), 4);
        for (size = 1; size < 8; size++) {                  /* cut, terminated, and nothing behind it */
            char buffer[8];
            memset(buffer, '#', sizeof buffer);
            CHECK_UINT(trace_baggage_get(c, "a", buffer, size), 4);
            CHECK_UINT(strlen(buffer), size > 4 ? 4 : size - 1);
            CHECK(memcmp(buffer, "1234", strlen(buffer)) == 0);
            CHECK_INT(buffer[size], '#');
        }
    }
}

TEST(baggage_over_several_headers) {
    static const char *const list[] = {"baggage", "a=1,b=2", "traceparent", PARENT, "BAGGAGE", "c=3,a=4", NULL};
    trace_context c;
    start();
    c = extract_list(list);
    CHECK_STR(baggage_line(c), "a=4,b=2,c=3");
    CHECK(trace_context_is_valid(c) && c.is_remote);
}

TEST(baggage_limits) {
    char text[20000], value[9000], *at = text;
    trace_context c;
    unsigned i;
    start();
    for (i = 0; i < 70; i++) at += sprintf(at, "%sk%02u=v", i ? "," : "", i);
    c = extract_one("baggage", text);                       /* 64 members and not one more */
    CHECK_STR(baggage_of(c, "k63"), "v");
    CHECK_STR(baggage_of(c, "k64"), NULL);
    memset(value, 'x', sizeof value);
    value[8190] = '\0';
    sprintf(text, "a=%s", value);
    CHECK_INT(strlen(text), 8192);
    CHECK_STR(baggage_line(extract_one("baggage", text)), text);
    sprintf(text, "a=%sx", value);
    CHECK_STR(baggage_line(extract_one("baggage", text)), "");
    sprintf(text, "a=%sx,b=1", value);                      /* whole members: the one that fits stays */
    CHECK_STR(baggage_line(extract_one("baggage", text)), "b=1");
    value[8186] = '\0';
    sprintf(text, "a=%s,b=2", value);                       /* 8,192 with the comma */
    CHECK_STR(baggage_line(extract_one("baggage", text)), text);
    sprintf(text, "a=%sx,b=2", value);
    value[8187] = '\0';
    c = extract_one("baggage", text);
    CHECK_STR(baggage_of(c, "b"), NULL);
    CHECK_INT(strlen(baggage_line(c)), 8189);
    {                                                       /* one budget over all headers */
        trace_header headers[20];
        value[1020] = '\0';
        for (i = 0, at = text; i < 16; i++) {
            headers[i].name = text_of("baggage");
            headers[i].value.data = at;
            headers[i].value.size = (size_t)sprintf(at, "%c=%s", 'a' + (int)i, value);
            at += headers[i].value.size + 1;
        }
        c = trace_extract_headers(headers, 16);
        CHECK_INT(strlen(baggage_line(c)), 8 * 1022 + 7);
        CHECK_STR(baggage_of(c, "i"), NULL);
    }
    memset(value, 0xff, 2000);                              /* repaired text is nine times as long: bounded too */
    value[2000] = '\0';
    sprintf(text, "a=%s,b=2", value);
    CHECK_STR(baggage_line(extract_one("baggage", text)), "b=2");
}

TEST(baggage_set_get_remove) {
    trace_context c, d, none;
    char small[4];
    start();
    memset(&none, 0, sizeof none);
    CHECK(trace_context_parse(&c, PARENT, "foo=1"));
    d = trace_baggage_set(c, "user.id", "caf\xc3\xa9, 100%");
    CHECK(same_ids(c, d) && d.is_remote);
    CHECK_STR(baggage_of(d, "user.id"), "caf\xc3\xa9, 100%");
    CHECK_STR(state_of(d), "foo=1");
    CHECK_STR(baggage_line(d), "user.id=caf%C3%A9%2C%20100%25");
    CHECK_STR(baggage_of(c, "user.id"), NULL);              /* values: the first context is what it was */
    CHECK_INT(trace_baggage_get(d, "user.id", small, sizeof small), 11);
    CHECK_STR(small, "caf");
    CHECK_INT(trace_baggage_get(d, "user.id", NULL, 0), 11);
    d = trace_baggage_set(d, "b", "2");
    d = trace_baggage_set(d, "user.id", "7");
    CHECK_STR(baggage_line(d), "b=2,user.id=7");
    d = trace_baggage_remove(d, "nothing");
    d = trace_baggage_remove(d, "b");
    CHECK_STR(baggage_line(d), "user.id=7");
    CHECK_STR(state_of(d), "foo=1");
    d = trace_baggage_remove(d, "user.id");
    CHECK_STR(baggage_line(d), "");
    CHECK_STR(state_of(d), "foo=1");
    /* refused, and nothing changes */
    d = trace_baggage_set(c, "a", "1");
    CHECK_STR(baggage_line(trace_baggage_set(d, "not a token", "1")), "a=1");
    CHECK_STR(baggage_line(trace_baggage_set(d, "", "1")), "a=1");
    CHECK_STR(baggage_line(trace_baggage_set(d, NULL, "1")), "a=1");
    CHECK_STR(baggage_line(trace_baggage_set(d, "b", NULL)), "a=1");
    CHECK_HAS(logged, "token");
    /* any text is a value; what could break a header is cleaned on its way out */
    d = trace_baggage_set(c, "a", "x\r\nSet-Cookie: y");
    CHECK_STR(baggage_of(d, "a"), "x\r\nSet-Cookie: y");
    CHECK_STR(baggage_line(d), "a=x%20%20Set-Cookie:%20y");
    /* without ids: roots inherit it */
    d = trace_baggage_set(none, "tenant", "acme");
    CHECK(d.is_explicit && !trace_context_is_valid(d));
    CHECK_STR(baggage_of(d, "tenant"), "acme");
    TRACE_SPAN("root", .parent = d) {
        CHECK_STR(baggage_of(none, "tenant"), "acme");
        TRACE_SPAN("child") {
            trace_context changed = trace_baggage_set(none, "more", "1");
            CHECK_STR(baggage_line(none), "tenant=acme");
            TRACE_WITH(changed) {
                CHECK_STR(baggage_line(none), "tenant=acme,more=1");
                TRACE_SPAN("grandchild") CHECK_STR(baggage_line(none), "tenant=acme,more=1");
            }
        }
    }
    CHECK_STR(baggage_of(none, "tenant"), NULL);
}

TEST(baggage_set_limits) {
    trace_context c;
    char key[16], *big = (char *)malloc(9000);
    start();
    CHECK(trace_context_parse(&c, PARENT, NULL));
    for (unsigned i = 0; i < 64; i++) {
        sprintf(key, "k%u", i);
        c = trace_baggage_set(c, key, "v");
    }
    CHECK_STR(baggage_of(c, "k63"), "v");
    c = trace_baggage_set(c, "one-more", "v");
    CHECK_STR(baggage_of(c, "one-more"), NULL);
    CHECK_HAS(logged, "refused");
    c = trace_baggage_set(c, "k0", "again");
    CHECK_STR(baggage_of(c, "k0"), "again");
    CHECK(trace_context_parse(&c, PARENT, NULL));
    memset(big, 'x', 9000);
    big[8190] = '\0';
    c = trace_baggage_set(c, "a", big);
    CHECK_STR(baggage_of(c, "a"), big);
    big[8190] = 'x';
    big[8191] = '\0';
    c = trace_baggage_set(c, "a", big);
    CHECK_INT(trace_baggage_get(c, "a", NULL, 0), 8190);
    free(big);
}

/* ---- B3, Jaeger, X-Ray ---------------------------------------------------------------------------------------------- */

typedef struct vector {
    const char *headers[10];
    const char *traceparent;      /* NULL: nothing valid */
    char decision;                /* '0', '1', 'd', or '?' for deferred */
} vector;

static char decision_of(trace_context context) {
    if (tracei_entry_debug(context.entry)) return 'd';
    if (context.reserved & TRACEI_CONTEXT_DEFERRED) return '?';
    return context.flags & TRACE_FLAG_SAMPLED ? '1' : '0';
}

static void check_vectors(const vector *vectors, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const trace_context c = extract_list(vectors[i].headers);
        CHECK(c.is_explicit);
        if (!CHECK_INT(trace_context_is_valid(c), vectors[i].traceparent != NULL)) fprintf(stderr, "    vector %u\n", (unsigned)i);
        CHECK_INT(c.is_remote, vectors[i].traceparent != NULL);
        if (!vectors[i].traceparent) continue;
        CHECK_STR(parent_of(c), vectors[i].traceparent);
        if (!CHECK_INT(decision_of(c), vectors[i].decision)) fprintf(stderr, "    vector %u\n", (unsigned)i);
    }
}

#define ZT "80f198ee56343ba864fe8b2a57d3eff7"
#define ZS "e457b5a2e4d86bd1"
#define ZP "00-" ZT "-" ZS "-"
#define MT "463ac35c9f6413ad48485a3953bb6124"
#define MS "a2fb4a1d1a96d312"
#define MULTI "X-B3-TraceId", MT, "X-B3-SpanId", MS

TEST(b3_vectors) {
    static const vector vectors[] = {       /* ids are those of the B3 specification's README */
        {{"b3", ZT "-" ZS "-1-05e3ac9a4f6e3b90", NULL}, ZP "01", '1'},
        {{"b3", ZT "-" ZS "-1", NULL}, ZP "01", '1'},
        {{"B3", ZT "-" ZS "-0", NULL}, ZP "00", '0'},
        {{"b3", ZT "-" ZS "-d", NULL}, ZP "01", 'd'},
        {{"b3", ZT "-" ZS "-d-05e3ac9a4f6e3b90", NULL}, ZP "01", 'd'},
        {{"b3", ZT "-" ZS, NULL}, ZP "00", '?'},
        {{"b3", "64fe8b2a57d3eff7-" ZS "-1", NULL}, "00-000000000000000064fe8b2a57d3eff7-" ZS "-01", '1'},
        {{"b3", " " ZT "-" ZS "-1 ", NULL}, ZP "01", '1'},
        {{"b3", "0", NULL}, NULL, 0},
        {{"b3", "1", NULL}, NULL, 0},
        {{"b3", "", NULL}, NULL, 0},
        {{"b3", "-", NULL}, NULL, 0},
        {{"b3", ZT "-" ZS "-2", NULL}, NULL, 0},
        {{"b3", ZT "-" ZS "-1-05e3ac9a4f6e3b9", NULL}, NULL, 0},
        {{"b3", ZT "-" ZS "-1-05e3ac9a4f6e3b9g", NULL}, NULL, 0},
        {{"b3", ZT "-" ZS "-1-05e3ac9a4f6e3b90-x", NULL}, NULL, 0},
        {{"b3", ZT "-" ZS "-", NULL}, NULL, 0},
        {{"b3", ZT "-e457b5a2e4d86bd-1", NULL}, NULL, 0},
        {{"b3", ZT "0-" ZS "-1", NULL}, NULL, 0},
        {{"b3", "80F198EE56343BA864FE8B2A57D3EFF7-" ZS "-1", NULL}, NULL, 0},
        {{"b3", "00000000000000000000000000000000-" ZS "-1", NULL}, NULL, 0},
        {{"b3", ZT "-0000000000000000-1", NULL}, NULL, 0},
        {{MULTI, "X-B3-ParentSpanId", "0020000000000001", "X-B3-Sampled", "1", NULL}, "00-" MT "-" MS "-01", '1'},
        {{"x-b3-traceid", MT, "x-b3-spanid", MS, "x-b3-sampled", "0", NULL}, "00-" MT "-" MS "-00", '0'},
        {{MULTI, "X-B3-Sampled", "true", NULL}, "00-" MT "-" MS "-01", '1'},
        {{MULTI, "X-B3-Sampled", "false", NULL}, "00-" MT "-" MS "-00", '0'},
        {{MULTI, "X-B3-Flags", "1", NULL}, "00-" MT "-" MS "-01", 'd'},
        {{MULTI, "X-B3-Flags", "1", "X-B3-Sampled", "0", NULL}, "00-" MT "-" MS "-01", 'd'},
        {{MULTI, "X-B3-Flags", "0", "X-B3-Sampled", "1", NULL}, "00-" MT "-" MS "-01", '1'},
        {{MULTI, NULL}, "00-" MT "-" MS "-00", '?'},
        {{"X-B3-TraceId", "48485a3953bb6124", "X-B3-SpanId", MS, "X-B3-Sampled", "1", NULL},
         "00-000000000000000048485a3953bb6124-" MS "-01", '1'},
        {{"X-B3-TraceId", MT, NULL}, NULL, 0},
        {{"X-B3-SpanId", MS, NULL}, NULL, 0},
        {{"b3", ZT "-" ZS "-1", MULTI, "X-B3-Sampled", "0", NULL}, ZP "01", '1'},      /* single first */
        {{"b3", "garbage", MULTI, "X-B3-Sampled", "1", NULL}, "00-" MT "-" MS "-01", '1'},
    };
    start();
    CHECK(tracei_propagators_parse("b3"));
    check_vectors(vectors, sizeof vectors / sizeof vectors[0]);
    CHECK(tracei_propagators_parse("b3multi"));
    check_vectors(vectors, sizeof vectors / sizeof vectors[0]);
}

TEST(b3_out) {
    trace_context c, none;
    char value[100];
    start();
    memset(&none, 0, sizeof none);
    tracei_propagators_parse("b3");
    CHECK_STR(inject_text(extract_one("b3", ZT "-" ZS "-1-05e3ac9a4f6e3b90")), "b3: " ZT "-" ZS "-1\r\n");
    CHECK_STR(inject_text(extract_one("b3", ZT "-" ZS "-0")), "b3: " ZT "-" ZS "-0\r\n");
    CHECK_STR(inject_text(extract_one("b3", ZT "-" ZS)), "b3: " ZT "-" ZS "\r\n");
    c = extract_one("b3", ZT "-" ZS "-d");
    CHECK_STR(inject_text(c), "b3: " ZT "-" ZS "-d\r\n");
    TRACE_SPAN("server", .parent = c) {                     /* debug goes on to every callee, under a span id of our own */
        TRACE_SPAN("client") CHECK_INT(header_of(inject_text(none), "b3", value, sizeof value), 1);
        CHECK(strncmp(value, ZT "-", 33) == 0 && strncmp(value + 33, ZS, 16) != 0);
        CHECK_STR(value + 49, "-d");
    }
    c = trace_baggage_set(c, "a", "1");
    CHECK_STR(inject_text(c), "b3: " ZT "-" ZS "-d\r\n");
    tracei_propagators_parse("b3multi");
    CHECK_STR(inject_text(c), "X-B3-TraceId: " ZT "\r\nX-B3-SpanId: " ZS "\r\nX-B3-Flags: 1\r\n");
    CHECK_STR(inject_text(extract_one("b3", ZT "-" ZS "-1")), "X-B3-TraceId: " ZT "\r\nX-B3-SpanId: " ZS "\r\nX-B3-Sampled: 1\r\n");
    CHECK_STR(inject_text(extract_one("b3", ZT "-" ZS)), "X-B3-TraceId: " ZT "\r\nX-B3-SpanId: " ZS "\r\n");
    CHECK_HAS_NOT(inject_text(extract_one("b3", ZT "-" ZS "-1-05e3ac9a4f6e3b90")), "Parent");
    c = extract_one("b3", "d");                             /* debug without ids: the root we start is the debugged one */
    CHECK(!trace_context_is_valid(c));
    TRACE_SPAN("root", .parent = c) CHECK_HAS(inject_text(none), "X-B3-Flags: 1\r\n");
}

TEST(jaeger_vectors) {
    static const vector vectors[] = {
        {{"uber-trace-id", "000000000000004d0000000000000016:0000000000000017:0:1", NULL},
         "00-000000000000004d0000000000000016-0000000000000017-01", '1'},
        {{"Uber-Trace-Id", "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:00", NULL},
         "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", '0'},
        {{"uber-trace-id", "16:17:0:1", NULL}, "00-00000000000000000000000000000016-0000000000000017-01", '1'},
        {{"uber-trace-id", "4d0000000000000016:17:99:0", NULL}, "00-000000000000004d0000000000000016-0000000000000017-00", '0'},
        {{"uber-trace-id", "123:45::1", NULL}, "00-00000000000000000000000000000123-0000000000000045-01", '1'},
        {{"uber-trace-id", "16:17:0:3", NULL}, "00-00000000000000000000000000000016-0000000000000017-01", 'd'},
        {{"uber-trace-id", "16:17:0:2", NULL}, "00-00000000000000000000000000000016-0000000000000017-01", 'd'},
        {{"uber-trace-id", "16:17:0:8", NULL}, "00-00000000000000000000000000000016-0000000000000017-00", '0'},
        {{"uber-trace-id", "16:17:0:9", NULL}, "00-00000000000000000000000000000016-0000000000000017-01", '1'},
        {{"uber-trace-id", "AB:CD:0:01", NULL}, "00-000000000000000000000000000000ab-00000000000000cd-01", '1'},
        {{"uber-trace-id", "16%3A17%3a0%3A1", NULL}, "00-00000000000000000000000000000016-0000000000000017-01", '1'},
        {{"uber-trace-id", "0:17:0:1", NULL}, NULL, 0},
        {{"uber-trace-id", "16:0:0:1", NULL}, NULL, 0},
        {{"uber-trace-id", "16:17:0", NULL}, NULL, 0},
        {{"uber-trace-id", "16:17:0:1:1", NULL}, NULL, 0},
        {{"uber-trace-id", "16:17:0:", NULL}, NULL, 0},
        {{"uber-trace-id", "16:17:0:100", NULL}, NULL, 0},
        {{"uber-trace-id", "16:17:0:x", NULL}, NULL, 0},
        {{"uber-trace-id", "16:x:0:1", NULL}, NULL, 0},
        {{"uber-trace-id", "x6:17:0:1", NULL}, NULL, 0},
        {{"uber-trace-id", "000000000000004d00000000000000160:17:0:1", NULL}, NULL, 0},
        {{"uber-trace-id", "16:00000000000000017:0:1", NULL}, NULL, 0},
        {{"uber-trace-id", "", NULL}, NULL, 0},
    };
    static const char *const with_baggage[] = {"uber-trace-id", "16:17:0:1", "uberctx-key1", "value1", "UberCtx-key2", "a%20b%2Cc",
                                               "uberctx-", "x", "uberctx-bad key", "x", "uberctx-inject", "x%0d%0ay", NULL};
    trace_context c;
    trace_carrier carrier;
    start();
    CHECK(tracei_propagators_parse("jaeger"));
    check_vectors(vectors, sizeof vectors / sizeof vectors[0]);
    c = extract_list(with_baggage);
    CHECK_STR(baggage_of(c, "key1"), "value1");
    CHECK_STR(baggage_of(c, "key2"), "a b,c");
    CHECK_STR(inject_text(c), "uber-trace-id: 00000000000000000000000000000016:0000000000000017:0:01\r\n"
                              "uberctx-key1: value1\r\nuberctx-key2: a%20b%2Cc\r\n");
    carrier = list_carrier(with_baggage);
    c = trace_extract(&carrier);
    CHECK_STR(baggage_of(c, "key2"), "a b,c");
    CHECK_STR(baggage_of(c, "inject"), NULL);
    c = extract_one("uber-trace-id", "16:17:0:3");
    CHECK_STR(inject_text(c), "uber-trace-id: 00000000000000000000000000000016:0000000000000017:0:03\r\n");
}

/* Made harmless on the way out, they would be the same key twice. */
TEST(baggage_keys_with_encoded_control_characters) {
    static const char *const headers[] = {"uber-trace-id", "16:17:0:1", "uberctx-k%1fey", "1", "uberctx-k%0fey", "2", "uberctx-k%20ey", "3",
                                          "baggage", "b%0day=4,b%0Aay=5,b%ay=6", NULL};
    trace_context c;
    start();
    CHECK(tracei_propagators_parse("jaeger,baggage"));
    c = extract_list(headers);
    CHECK_HAS(inject_text(c), "\r\nbaggage: k%20ey=3,b%ay=6\r\n");
    CHECK_STR(baggage_of(trace_baggage_set(c, "n%0aew", "7"), "n%0aew"), NULL);
}

#define XT "00-8a3c60f7d188f8fa79d48a391a778fa6-53995c3f42cd8ad8-"
#define XROOT "Root=1-8a3c60f7-d188f8fa79d48a391a778fa6"

TEST(xray_vectors) {
    static const vector vectors[] = {
        {{"X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1", NULL},
         "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01", '1'},
        {{"x-amzn-trace-id", XROOT ";Parent=53995c3f42cd8ad8;Sampled=1", NULL}, XT "01", '1'},
        {{"X-Amzn-Trace-Id", XROOT ";Parent=53995c3f42cd8ad8;Sampled=0", NULL}, XT "00", '0'},
        {{"X-Amzn-Trace-Id", XROOT ";Parent=53995c3f42cd8ad8;Sampled=?", NULL}, XT "00", '?'},
        {{"X-Amzn-Trace-Id", XROOT ";Parent=53995c3f42cd8ad8", NULL}, XT "00", '?'},
        {{"X-Amzn-Trace-Id", "Parent=53995c3f42cd8ad8;Sampled=1;" XROOT, NULL}, XT "01", '1'},
        {{"X-Amzn-Trace-Id", " " XROOT " ; Parent=53995c3f42cd8ad8 ; Sampled=1 ", NULL}, XT "01", '1'},
        {{"X-Amzn-Trace-Id", "Self=1-67891234-12456789abcdef012345678;" XROOT ";Parent=53995c3f42cd8ad8;Sampled=1;Foo=Bar;Lineage=a:1", NULL},
         XT "01", '1'},
        {{"X-Amzn-Trace-Id", XROOT, NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", XROOT ";Sampled=1", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", "Parent=53995c3f42cd8ad8;Sampled=1", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", XROOT ";Parent=53995c3f42cd8ad8;Sampled=2", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", XROOT ";Parent=53995c3f42cd8ad8;Sampled=10220", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", XROOT ";Parent=53995c3f42cd8ad;Sampled=1", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", XROOT ";Parent=0000000000000000;Sampled=1", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", "Root=2-8a3c60f7-d188f8fa79d48a391a778fa6;Parent=53995c3f42cd8ad8;Sampled=1", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", "Root=1-8a3c60f7-d188f8fa79d48a391a778fa;Parent=53995c3f42cd8ad8;Sampled=1", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", "Root=1-8a3c60f7-d188f8fa79d48a391a778faz;Parent=53995c3f42cd8ad8;Sampled=1", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8;Sampled=1", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", "", NULL}, NULL, 0},
        {{"X-Amzn-Trace-Id", ";;;", NULL}, NULL, 0},
    };
    start();
    CHECK(tracei_propagators_parse("xray"));
    check_vectors(vectors, sizeof vectors / sizeof vectors[0]);
    CHECK_STR(inject_text(extract_list(vectors[1].headers)), "X-Amzn-Trace-Id: " XROOT ";Parent=53995c3f42cd8ad8;Sampled=1\r\n");
    CHECK_STR(inject_text(extract_list(vectors[2].headers)), "X-Amzn-Trace-Id: " XROOT ";Parent=53995c3f42cd8ad8;Sampled=0\r\n");
    CHECK_STR(inject_text(extract_list(vectors[3].headers)), "X-Amzn-Trace-Id: " XROOT ";Parent=53995c3f42cd8ad8;Sampled=?\r\n");
}

/* ---- choosing ------------------------------------------------------------------------------------------------------- */

TEST(otel_propagators) {
    static const char *const both[] = {"b3", ZT "-" ZS "-1", "traceparent", PARENT, "tracestate", "foo=1", "baggage", "k=v", NULL};
    trace_context c;
    start();
    CHECK(tracei_propagators_parse("tracecontext, b3 ,baggage,b3"));
    c = extract_list(both);                                 /* the last one that finds ids */
    CHECK_STR(parent_of(c), ZP "01");
    CHECK_STR(state_of(c), "");
    CHECK_STR(inject_text(c), "traceparent: " ZP "01\r\nb3: " ZT "-" ZS "-1\r\nbaggage: k=v\r\n");
    CHECK(tracei_propagators_parse("B3,TraceContext"));
    c = extract_list(both);
    CHECK_STR(parent_of(c), PARENT);
    CHECK_STR(state_of(c), "foo=1");
    CHECK_STR(inject_text(c), "b3: " T "-" P "-1\r\ntraceparent: " PARENT "\r\ntracestate: foo=1\r\n");
    c = extract_one("b3", ZT "-" ZS "-1");                  /* one that finds nothing changes nothing */
    CHECK_STR(parent_of(c), ZP "01");
    CHECK(tracei_propagators_parse("none"));
    CHECK(is_explicit_empty(extract_list(both)));
    CHECK_STR(inject_text(c), "");
    CHECK_STR(logged, "");
    CHECK(!tracei_propagators_parse("tracecontxt,xray"));
    CHECK_STR(logged, "OTEL_PROPAGATORS=tracecontxt ignored: must be one of none, tracecontext, baggage, b3, b3multi, jaeger, xray; did "
                      "you mean tracecontext?\n");
    CHECK_UINT(tracei_propagators, TRACEI_PROPAGATOR_XRAY);
    logged[0] = '\0';
    CHECK(!tracei_propagators_parse("ottrace"));
    CHECK_STR(logged, "OTEL_PROPAGATORS=ottrace ignored: must be one of none, tracecontext, baggage, b3, b3multi, jaeger, xray\n");
    CHECK_UINT(tracei_propagators, TRACEI_PROPAGATORS_DEFAULT);
    CHECK(!tracei_propagators_parse("bb3"));
    CHECK_HAS(logged, "did you mean b3?");
    logged[0] = '\0';
    CHECK(!tracei_propagators_parse("w3c"));                /* two letters of three are nobody's typing error */
    CHECK_HAS_NOT(logged, "did you mean");
    logged[0] = '\0';
    CHECK(tracei_propagators_parse("none,b3"));
    CHECK_STR(logged, "OTEL_PROPAGATORS: none ignored: it has a meaning only when alone\n");
    CHECK_UINT(tracei_propagators, TRACEI_PROPAGATOR_B3);
    CHECK(tracei_propagators_parse("tracecontext,baggage,b3,b3multi,jaeger,xray"));
    CHECK_UINT(tracei_propagators, 0x654321);
    CHECK(tracei_propagators_parse(" , ,"));
    CHECK_UINT(tracei_propagators, TRACEI_PROPAGATORS_DEFAULT);
    {
        char list[4000];
        memset(list, 'x', sizeof list - 1);
        list[sizeof list - 1] = '\0';
        logged[0] = '\0';
        CHECK(!tracei_propagators_parse(list));
        CHECK(strlen(logged) < 400);
    }
}

TEST(environment_carrier) {
    trace_context c;
    start();
    setenv("TRACEPARENT", PARENT, 1);
    setenv("TRACESTATE", "foo=1", 1);
    setenv("BAGGAGE", "k=v", 1);
    setenv("X_B3_TRACEID", MT, 1);
    setenv("X_B3_SPANID", MS, 1);
    setenv("X_AMZN_TRACE_ID", XROOT ";Parent=53995c3f42cd8ad8;Sampled=1", 1);
    c = trace_extract_environment();
    CHECK_STR(parent_of(c), PARENT);
    CHECK_STR(state_of(c), "foo=1");
    CHECK_STR(baggage_of(c, "k"), "v");
    tracei_propagators_parse("b3");
    CHECK_STR(parent_of(trace_extract_environment()), "00-" MT "-" MS "-00");
    tracei_propagators_parse("xray");
    CHECK_STR(parent_of(trace_extract_environment()), XT "01");
    tracei_propagators_parse(NULL);
    unsetenv("TRACEPARENT");
    c = trace_extract_environment();
    CHECK(!trace_context_is_valid(c) && c.is_explicit);
    CHECK_STR(state_of(c), "");
    CHECK_STR(baggage_of(c, "k"), "v");
    unsetenv("BAGGAGE");
    CHECK(is_explicit_empty(trace_extract_environment()));
#ifndef _WIN32 /* where names know no case */
    setenv("traceparent", PARENT, 1);                       /* only normalised names */
    CHECK(is_explicit_empty(trace_extract_environment()));
#endif
}

/* ---- carriers ------------------------------------------------------------------------------------------------------- */

static size_t liar_get_all(void *user, trace_string name, trace_string *values, size_t capacity) {
    (void)name;
    for (size_t i = 0; i < capacity; i++) values[i] = text_of("a=1");
    (*(unsigned *)user)++;
    return SIZE_MAX;
}

static size_t null_get_all(void *user, trace_string name, trace_string *values, size_t capacity) {
    (void)user;
    (void)name;
    for (size_t i = 0; i < capacity; i++) values[i].data = NULL, values[i].size = 7;
    return 1;
}

static void count_set(void *user, trace_string name, trace_string value) {
    (void)name;
    (void)value;
    (*(unsigned *)user)++;
}

TEST(odd_carriers) {
    trace_carrier carrier;
    trace_header header;
    trace_context none, c;
    unsigned calls = 0;
    start();
    memset(&carrier, 0, sizeof carrier);
    memset(&none, 0, sizeof none);
    CHECK(is_explicit_empty(trace_extract(NULL)));
    CHECK(is_explicit_empty(trace_extract(&carrier)));
    CHECK(is_explicit_empty(trace_extract_headers(NULL, 3)));
    CHECK(is_explicit_empty(trace_extract_raw(NULL, 3)));
    CHECK(is_explicit_empty(trace_extract_raw("", 0)));
    memset(&header, 0, sizeof header);
    header.value.size = 3;
    CHECK(is_explicit_empty(trace_extract_headers(&header, 1)));
    header.name = text_of("baggage");
    CHECK(is_explicit_empty(trace_extract_headers(&header, 1)));
    tracei_propagators_parse("tracecontext,baggage,b3,jaeger,xray");
    carrier.get_all = null_get_all;
    CHECK(is_explicit_empty(trace_extract(&carrier)));
    carrier.get_all = liar_get_all;
    carrier.user = &calls;
    c = trace_extract(&carrier);
    CHECK_STR(baggage_of(c, "a"), "1");
    CHECK(!trace_context_is_valid(c));
    CHECK_INT(calls, 10);
    trace_inject(c, NULL);
    carrier.set = NULL;
    trace_inject(c, &carrier);
    carrier.set = count_set;
    calls = 0;
    trace_inject(none, &carrier);                           /* nothing is current */
    CHECK_INT(calls, 0);
    trace_context_parse(&c, PARENT, "a=b");
    tracei_propagators_parse(NULL);
    trace_inject(c, &carrier);
    CHECK_INT(calls, 2);
    CHECK_INT(trace_inject_raw(none, NULL, 0), 0);
}

TEST(raw_lines) {
    static const struct { const char *raw; bool found; } cases[] = {
        {"traceparent: " PARENT "\r\n", true},
        {"traceparent: " PARENT, true},
        {"traceparent:" PARENT "\n", true},
        {"TRACEPARENT:\t" PARENT " \r\n", true},
        {"GET / HTTP/1.1\r\nHost: a:80\r\ntraceparent: " PARENT "\r\n\r\n", true},
        {"GET / HTTP/1.1\r\n\r\ntraceparent: " PARENT "\r\n", false},
        {"\r\ntraceparent: " PARENT "\r\n", false},
        {"traceparent : " PARENT "\r\n", false},
        {" traceparent: " PARENT "\r\n", false},
        {"x: y\r\n traceparent: " PARENT "\r\n", false},
        {"traceparent: " PARENT "\r\n folded\r\n", false},
        {"traceparent: \r\n " PARENT "\r\n", false},
        {"traceparent: " PARENT "\r\ntraceparent: " PARENT "\r\n", false},
        {"traceparent " PARENT "\r\n", false},
        {"traceparent: " PARENT "\r", true},
        {":\r\n:x\r\ntraceparent: " PARENT "\r\n", true},
        {"x: y\n\n folded onto nothing\ntraceparent: " PARENT "\n", false},     /* the header is over */
    };
    start();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t size = strlen(cases[i].raw);
        char *exact = (char *)malloc(size);                 /* no terminator: reading on is an error the sanitizer sees */
        memcpy(exact, cases[i].raw, size);
        if (!CHECK_INT(trace_context_is_valid(trace_extract_raw(exact, size)), cases[i].found)) fprintf(stderr, "    case %u\n", (unsigned)i);
        free(exact);
    }
}

TEST(inject_into_every_size) {
    trace_context c;
    char whole[512], part[512];
    size_t needed;
    start();
    CHECK(trace_context_parse(&c, PARENT, "foo=1"));
    c = trace_baggage_set(c, "k", "v");
    needed = trace_inject_raw(c, whole, sizeof whole);
    CHECK_INT(needed, strlen(whole));
    CHECK_STR(whole, "traceparent: " PARENT "\r\ntracestate: foo=1\r\nbaggage: k=v\r\n");
    CHECK_INT(trace_inject_raw(c, NULL, 0), needed);
    for (size_t size = 0; size <= needed + 1; size++) {
        size_t length;
        memset(part, '#', sizeof part);
        CHECK_INT(trace_inject_raw(c, part, size), needed);
        CHECK_INT(part[size], '#');
        if (!size) continue;
        length = strlen(part);                              /* whole lines, as many as fit */
        CHECK(length < size && memcmp(part, whole, length) == 0);
        CHECK(length == 0 || part[length - 1] == '\n');
        CHECK_INT(length, size > needed ? needed : size > needed - 14 ? needed - 14 : size > 70 ? 70 : 0);
    }
    CHECK_INT(trace_state_get(c, part, 4), 5);
    CHECK_STR(part, "foo");
    CHECK_INT(trace_state_get(c, NULL, 0), 5);
}

/* ---- what goes out comes in as it was ------------------------------------------------------------------------------- */

static trace_context random_context(void) {
    static const char tokens[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    trace_context c;
    char state[600] = "", *at = state;
    char line[56];
    memset(&c, 0, sizeof c);
    c.is_explicit = true;
    test_random_bytes(c.trace_id, 16);
    test_random_bytes(c.span_id, 8);
    c.span_id[0] |= 1;
    c.trace_id[0] |= 1;
    c.flags = (uint8_t)test_random_below(4);
    trace_context_format(c, line);
    for (uint64_t i = test_random_below(6); i; i--) {
        if (at != state) *at++ = ',';
        *at++ = tokens[i];
        *at++ = '=';
        for (uint64_t n = 1 + test_random_below(40); n; n--) *at++ = tokens[test_random_below(36)];
    }
    *at = '\0';
    CHECK(trace_context_parse(&c, line, state));
    for (uint64_t i = test_random_below(6); i; i--) {
        char key[4] = "k0", value[40];
        uint64_t size = test_random_below(sizeof value - 1), at_byte;
        key[1] = tokens[test_random_below(36)];
        for (at_byte = 0; at_byte < size; at_byte++) value[at_byte] = (char)(0x20 + test_random_below(0x5f));
        value[size] = '\0';
        c = trace_baggage_set(c, key, value);
    }
    return c;
}

TEST(there_and_back) {
    static const char *const lists[] = {"tracecontext,baggage", "b3,baggage", "b3multi,baggage", "jaeger", "xray,baggage",
                                        "tracecontext,baggage,b3,b3multi,jaeger,xray"};
    start();
    for (unsigned i = 0; i < 3000 / SLOW; i++) {
        const char *list = lists[i % 6];
        char first[20000], state[1000];
        trace_context c, back;
        tracei_propagators_parse(NULL);
        c = random_context();
        strcpy(state, state_of(c));
        tracei_propagators_parse(list);
        strcpy(first, inject_text(c));
        back = trace_extract_raw(first, strlen(first));
        if (!CHECK(same_ids(c, back))) fprintf(stderr, "    %s: %s\n", list, first);
        CHECK_INT(back.flags & TRACE_FLAG_SAMPLED, c.flags & TRACE_FLAG_SAMPLED);
        CHECK_STR(inject_text(back), first);
        if (i % 6 == 0) CHECK(back.flags == c.flags);
        if (i % 6 == 0) CHECK_STR(state_of(back), state);
    }
}

/* ---- hostile peers -------------------------------------------------------------------------------------------------- */

static void fill(char *bytes, size_t size, const char *pattern) {
    const size_t length = strlen(pattern);
    for (size_t i = 0; i < size; i++) bytes[i] = pattern[i % length];
}

/* Of this thread: how busy the machine is does not matter. */
#ifdef _WIN32
static uint64_t cpu_ns(void) { return 0; } /* its steps are as long as the margin below */
#else
static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
#endif

/* Linear: a length of 16 MiB costs about eight times what an eighth of it costs, by the processor's time. */
TEST(sixteen_mebibytes) {
    static const char *const patterns[] = {",", " ", "a", "a=1,", "a=%", "a=1;", "a=1;b=2,c=3,", ";", "\t,", "%", "%41", "=", "a=b=c=",
        "\xff", "baggage: a=1\r\n", "tracestate: a=1\r\n", "tracestate: ,\r\n", "traceparent: " PARENT "\r\n", "a:\r\n", "b3: 1\r\n",
        "uberctx-a: 1\r\n", "\r\n ", "x: y\r\n ", ":", "baggage:a=1,b=2;c=%0A,=,\n", "X-B3-Flags: 1\n", "-", "0:", "Root=;"};
    static const char *const names[] = {"traceparent", "tracestate", "baggage", "b3", "uber-trace-id", "uberctx-a", "X-Amzn-Trace-Id"};
    const size_t size = (16u << 20) / SLOW;
    char *bytes = (char *)malloc(size);
    trace_stats before, after;
    start();
    REQUIRE(bytes);
    tracei_propagators_parse("tracecontext,baggage,b3,jaeger,xray");
    trace_get_stats(&before);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        trace_header headers[2];
        fill(bytes, size, patterns[i]);
        for (size_t j = 0; j <= sizeof names / sizeof names[0]; j++) {
            trace_context c;
            uint64_t whole, part;
            unsigned tries = 0;
            headers[0].name = text_of("traceparent");
            headers[0].value = text_of(PARENT);
            headers[1].name = text_of(j < sizeof names / sizeof names[0] ? names[j] : "");
            headers[1].value.data = bytes;
            do {                                 /* an emulator's clock counts what it was kept waiting, too: not three times */
                uint64_t from = cpu_ns();
                headers[1].value.size = size;
                c = headers[1].name.size ? trace_extract_headers(headers, 2) : trace_extract_raw(bytes, size);
                whole = cpu_ns() - from;
                from = cpu_ns();
                headers[1].value.size = size / 8;
                (void)(headers[1].name.size ? trace_extract_headers(headers, 2) : trace_extract_raw(bytes, size / 8));
                part = cpu_ns() - from;
            } while (whole > 8 * 4 * part + 50000000 && ++tries < 3);
            if (!CHECK(tries < 3))               /* linear, and a margin for cold caches; quadratic would be 64 */
                fprintf(stderr, "    %s %u: %u us, an eighth of it %u us\n", patterns[i], (unsigned)j, (unsigned)(whole / 1000),
                        (unsigned)(part / 1000));
            CHECK(strlen(inject_text(c)) < 30000);
        }
    }
    trace_get_stats(&after);
    CHECK(after.bytes_mapped - before.bytes_mapped < 2u << 20);
    free(bytes);
}

TEST(many_headers) {
    enum { COUNT = 100000 };
    trace_header *headers = (trace_header *)malloc(COUNT * sizeof *headers);
    char (*values)[16] = (char (*)[16])malloc(COUNT * 16);
    trace_context c;
    start();
    REQUIRE(headers && values);
    tracei_propagators_parse("tracecontext,baggage,jaeger");
    for (unsigned i = 0; i < COUNT; i++) {
        headers[i].name = text_of(i % 3 == 0 ? "baggage" : i % 3 == 1 ? "tracestate" : "uberctx-x");
        sprintf(values[i], "k%u=1", i);
        headers[i].value = text_of(values[i]);
    }
    headers[0].name = text_of("traceparent");
    headers[0].value = text_of(PARENT);
    c = trace_extract_headers(headers, COUNT);
    CHECK_STR(parent_of(c), PARENT);
    CHECK_STR(state_of(c), "");
    CHECK(strlen(baggage_line(c)) <= 8192);
    CHECK_INT(tracei_entry_at(c.entry) != NULL, 1);
    free(headers);
    free(values);
}

TEST(random_bytes_never_break_the_output) {
    static const char pool[] = "\r\n\0\t ,;=%:-.0123456789abcdefABCDEF\xff\xc3\xa9traceparentbaggage";
    char bytes[400];
    start();
    for (unsigned i = 0; i < 30000 / SLOW; i++) {
        static const char *const names[] = {"traceparent", "tracestate", "baggage", "b3", "uber-trace-id", "uberctx-a", "X-Amzn-Trace-Id"};
        trace_header headers[2];
        const char *raw, *at;
        const size_t size = (size_t)test_random_below(sizeof bytes);
        char *exact = (char *)malloc(size ? size : 1);
        tracei_propagators_parse("tracecontext,baggage,b3,b3multi,jaeger,xray");
        for (size_t j = 0; j < size; j++) exact[j] = pool[test_random_below(sizeof pool - 1)];
        headers[0].name = text_of("traceparent");
        headers[0].value = text_of(PARENT);
        headers[1].name = text_of(names[i % 7]);
        headers[1].value.data = exact;
        headers[1].value.size = size;
        raw = inject_text(trace_extract_headers(headers, 2));
        for (at = raw; *at; at++) {
            if (*at == '\r') CHECK_INT(*++at, '\n');
            else if (!CHECK(*at >= 0x20 && *at < 0x7f)) break;
        }
        (void)trace_extract_raw(exact, size);
        free(exact);
    }
}

/* ---- a request without headers ---------------------------------------------------------------------------------------- */

static int by_trace_id(const void *a, const void *b) { return memcmp(a, b, 16); }

TEST(no_headers_means_a_new_root) {
    enum { REQUESTS = 100000 / SLOW, OPEN = 16 };
    uint8_t (*ids)[16] = (uint8_t (*)[16])malloc(REQUESTS * 16);
    trace_span open[OPEN];
    uint8_t outer[16];
    start();
    REQUIRE(ids);
    TRACE_SPAN("event loop") {
        memcpy(outer, trace_context_current().trace_id, 16);
        for (unsigned i = 0; i < REQUESTS; i++) {           /* requests overlap, nothing is attached, one span is current */
            trace_span_options options;
            memset(&options, 0, sizeof options);
            options.struct_size = sizeof options;
            options.detached = true;
            options.parent = i % 2 ? trace_extract_headers(NULL, 0) : trace_extract_raw("Host: x\r\n\r\n", 11);
            if (i >= OPEN) trace_span_end(open[i % OPEN]);
            open[i % OPEN] = trace_span_start_with("request", &options);
            memcpy(ids[i], trace_span_context(open[i % OPEN]).trace_id, 16);
            if (i % 64 == 0) trace_pump(0);
        }
        for (unsigned i = 0; i < OPEN; i++) trace_span_end(open[i]);
        TRACE_WITH(trace_extract_headers(NULL, 0)) {
            TRACE_SPAN("inside") CHECK(memcmp(trace_context_current().trace_id, outer, 16) != 0);
        }
    }
    qsort(ids, REQUESTS, 16, by_trace_id);
    for (unsigned i = 1; i < REQUESTS; i++)
        if (!CHECK(memcmp(ids[i], ids[i - 1], 16) != 0)) break;
    CHECK(!bsearch(outer, ids, REQUESTS, 16, by_trace_id));
    free(ids);
}

/* ---- the table -------------------------------------------------------------------------------------------------------- */

static trace_context numbered(unsigned number, const char *padding) {
    trace_context c;
    char state[700];
    sprintf(state, "n=%u%s", number, padding);
    trace_context_parse(&c, PARENT, state);
    return c;
}

static bool is_numbered(trace_context context, unsigned number, const char *padding) {
    char state[700], want[700];
    sprintf(want, "n=%u%s", number, padding);
    return trace_state_get(context, state, sizeof state) == strlen(want) && strcmp(state, want) == 0;
}

TEST(fifty_thousand_held) {
    enum { HELD = 50000, MORE = 100000 };
    trace_context *held = (trace_context *)malloc(HELD * sizeof *held), *more = (trace_context *)malloc(MORE * sizeof *more);
    char padding[600];
    trace_stats before, after;
    unsigned alive = 0;
    start();
    REQUIRE(held && more);
    padding[0] = ',';
    padding[1] = 'p';
    padding[2] = '=';
    memset(padding + 3, 'x', 90);
    padding[93] = '\0';
    trace_get_stats(&before);
    for (unsigned i = 0; i < HELD; i++) {
        held[i] = numbered(i, padding);
        trace_context_hold(held[i]);
    }
    for (unsigned i = 0; i < HELD; i++)
        if (!CHECK(is_numbered(held[i], i, padding))) break;
    for (unsigned i = 0; i < MORE; i++) more[i] = numbered(i, padding);
    trace_get_stats(&after);
    CHECK(after.contexts_evicted - before.contexts_evicted >= MORE + HELD - TRACEI_ENTRIES_MAX);
    CHECK(after.bytes_mapped < 40u << 20);
    for (unsigned i = 0; i < HELD; i++)
        if (!CHECK(is_numbered(held[i], i, padding))) break;
    for (unsigned i = 0; i < MORE; i++) {                   /* whole or gone, never another's; ids stay */
        if (is_numbered(more[i], i, padding)) alive++;
        else if (!CHECK_INT(trace_state_get(more[i], NULL, 0), 0)) break;
        if (!CHECK(trace_context_is_valid(more[i]))) break;
    }
    CHECK(alive > 10000 && alive < MORE);
    CHECK(is_numbered(more[MORE - 1], MORE - 1, padding));  /* the oldest went first */
    CHECK(is_numbered(more[MORE - 5000], MORE - 5000, padding));
    CHECK(!is_numbered(more[0], 0, padding));
    TRACE_SPAN("of a stale context", .parent = more[0]) {
        trace_context current = trace_context_current();
        CHECK(memcmp(current.trace_id, more[0].trace_id, 16) == 0);
        CHECK_INT(trace_state_get(current, NULL, 0), 0);
    }
    CHECK_STR(baggage_of(trace_baggage_set(more[0], "a", "1"), "a"), "1");
    for (unsigned i = 0; i < HELD; i++) trace_context_release(held[i]);
    for (unsigned i = 0; i < MORE; i++) more[i] = numbered(i, padding);
    CHECK(!is_numbered(held[0], 0, padding));
    free(held);
    free(more);
}

TEST(half_a_kilobyte_each_held) {
    enum { HELD = 50000 };
    trace_context *held = (trace_context *)malloc(HELD * sizeof *held);
    char padding[600];
    trace_stats stats;
    start();
    REQUIRE(held);
    strcpy(padding, ",p=");
    memset(padding + 3, 'x', 245);
    strcpy(padding + 248, ",q=");
    memset(padding + 251, 'x', 245);
    padding[496] = '\0';
    for (unsigned i = 0; i < HELD; i++) {
        held[i] = numbered(i, padding);
        trace_context_hold(held[i]);
    }
    for (unsigned i = 0; i < HELD; i++)
        if (!CHECK(is_numbered(held[i], i, padding))) break;
    trace_get_stats(&stats);
    CHECK(stats.bytes_mapped < 48u << 20);
    for (unsigned i = 0; i < HELD; i++) trace_context_release(held[i]);
    free(held);
}

TEST(everything_pinned) {
    trace_context *held = (trace_context *)malloc(TRACEI_ENTRIES_MAX * sizeof *held), c;
    uint32_t count = 0, evicted;
    start();
    REQUIRE(held);
    for (; count < TRACEI_ENTRIES_MAX; count++) {
        held[count] = numbered(count, "");
        REQUIRE(held[count].entry);
        trace_context_hold(held[count]);
    }
    evicted = tracei_entries_evicted();
    for (unsigned i = 0; i < 1000; i++) c = numbered(1, "");
    CHECK(!c.entry && trace_context_is_valid(c));           /* refused: ids alone, counted */
    CHECK_INT(tracei_entries_evicted() - evicted, 1000);
    trace_context_release(held[777]);
    for (unsigned i = 0; i < 64; i++) {                     /* the starved hand comes by */
        c = numbered(2, "");
        if (c.entry) break;
    }
    CHECK(is_numbered(c, 2, ""));
    CHECK(!is_numbered(held[777], 777, ""));
    for (uint32_t i = 0; i < count; i++) trace_context_release(held[i]);
    free(held);
}

TEST(holds_and_releases) {
    trace_context c, invented;
    start();
    c = numbered(5, "");
    trace_context_release(c);                               /* never held: ignored */
    CHECK_INT(tracei_entry_at(c.entry)->pins, 0);
    trace_context_hold(c);
    trace_context_hold(c);
    CHECK_INT(tracei_entry_at(c.entry)->pins, 2);
    TRACE_SPAN("pins", .parent = c) {
        CHECK_INT(tracei_entry_at(c.entry)->pins, 3);
        for (int i = 0; i < 5; i++) trace_context_release(c);
        CHECK_INT(tracei_entry_at(c.entry)->pins, 1);       /* the span's own is not taken away */
    }
    CHECK_INT(tracei_entry_at(c.entry)->pins, 0);
    CHECK(is_numbered(c, 5, ""));
    invented = c;
    for (uint32_t entry = 0; entry < 70000; entry += 7) {
        invented.entry = entry;
        invented.entry_generation = c.entry_generation + 12345;
        trace_context_hold(invented);
        CHECK_INT(trace_state_get(invented, NULL, 0), 0);
        trace_context_release(invented);
    }
    invented.entry = UINT32_MAX;
    invented.entry_generation = 0;
    CHECK_INT(trace_state_get(invented, NULL, 0), 0);
    invented.entry = TRACEI_ENTRIES_MAX;                    /* never used, never published */
    CHECK_INT(trace_state_get(invented, NULL, 0), 0);
    CHECK(is_numbered(c, 5, ""));
}

TEST(big_contents_after_small_ones) {
    char big[9000];
    trace_context c, last;
    start();
    CHECK(trace_context_parse(&c, PARENT, NULL));
    for (unsigned i = 0; i < 70000; i++) last = numbered(i, "");
    memset(big, 'y', 8190);
    big[8190] = '\0';
    for (unsigned i = 0; i < 20000 / SLOW; i++) {
        big[i % 8190] = (char)('a' + i % 26);
        last = trace_baggage_set(c, "a", big);
        if (!CHECK(last.entry != 0)) break;
        if (i % 97 == 0) CHECK_STR(baggage_of(last, "a"), big);
    }
    for (unsigned i = 0; i < 70000; i++) last = numbered(i, "");
    CHECK(is_numbered(last, 69999, ""));
    CHECK(tracei_entries.arena_count <= TRACEI_ARENAS_MAX);
}

/* Every free byte is found again, and buddies are whole. */
TEST(blocks_are_all_there) {
    enum { COUNT = 3000 };
    uint32_t unit[COUNT], order[COUNT], units = 0, arenas;
    start();
    (void)numbered(1, "");
    tracei_lock(&tracei_entries.lock);
    while (tracei_entry_evict_oldest()) {}
    arenas = tracei_entries.arena_count;
    for (unsigned round = 0; round < 20; round++) {
        unsigned taken = 0;
        for (; taken < COUNT; taken++) {
            order[taken] = (uint32_t)test_random_below(round % 2 ? 4 : 10);
            unit[taken] = tracei_block_take(order[taken]);
            if (unit[taken] == TRACEI_UNIT_NONE) break;
            if (!CHECK((unit[taken] & ((1u << order[taken]) - 1)) == 0)) break;
            memset(tracei_unit_at(unit[taken]), (int)taken, (size_t)64 << order[taken]);
        }
        for (unsigned i = 0; i < taken; i++) {
            const unsigned char *at = (const unsigned char *)tracei_unit_at(unit[i]);
            if (!CHECK(at[0] == (unsigned char)i && at[((size_t)64 << order[i]) - 1] == (unsigned char)i)) break;
        }
        while (taken) {
            const unsigned pick = (unsigned)test_random_below(taken);
            tracei_block_give(unit[pick], order[pick]);
            taken--;
            unit[pick] = unit[taken];
            order[pick] = order[taken];
        }
    }
    for (uint32_t at = tracei_entries.free_block[TRACEI_ARENA_ORDER]; at != TRACEI_UNIT_NONE; at = tracei_free_block_at(at)->next) units++;
    CHECK_INT(units, arenas);
    tracei_unlock(&tracei_entries.lock);
}

TEST(refused_memory) {
    trace_context c = numbered(1, "");
    char padding[600];
    start();
    strcpy(padding, ",p=");
    memset(padding + 3, 'x', 240);
    padding[243] = '\0';
    test_refuse_memory = 1;
    for (unsigned i = 0; i < 100000; i++) c = numbered(i, padding);     /* goes round in what there is */
    CHECK(is_numbered(c, 99999, padding) || !c.entry);
    CHECK(trace_context_is_valid(c));
    test_refuse_memory = 0;
}

/* ---- threads and fork ------------------------------------------------------------------------------------------------- */

enum { SHARED = 4096, THREADS = 8 };
static trace_context shared[SHARED];
static uint32_t shared_lock[SHARED];
static uint32_t shared_number = 1;

/* Contexts pass from thread to thread, while the table is far too small for all; contents are whole or gone. */
static void *table_thread(void *user) {
    uint64_t state = (uint64_t)(uintptr_t)user * 7919;
    for (unsigned i = 0; i < 20000; i++) {
        const size_t at = test_random_from(&state) % SHARED;
        trace_context c;
        char text[64], want[64];
        tracei_lock(&shared_lock[at]);
        c = shared[at];
        if (i % 3 == 0) {
            const unsigned number = TRACEI_ADD(&shared_number, 1u);
            char parent[56], tracestate[64];
            sprintf(parent, "00-%032x-" P "-01", number);
            sprintf(tracestate, "n=%08x", number);
            trace_context_parse(&c, parent, tracestate);
            shared[at] = c;
        }
        tracei_unlock(&shared_lock[at]);
        if (!trace_context_is_valid(c)) continue;
        trace_context_hold(c);
        snprintf(want, sizeof want, "n=%02x%02x%02x%02x", c.trace_id[12], c.trace_id[13], c.trace_id[14], c.trace_id[15]);
        if (trace_state_get(c, text, sizeof text) && !CHECK_STR(text, want)) break;
        if (i % 5 == 0) {
            trace_context d = trace_baggage_set(c, "k", want);
            char baggage[64];
            if (trace_baggage_get(d, "k", baggage, sizeof baggage) != SIZE_MAX) CHECK_STR(baggage, want);
        }
        if (i % 7 == 0) {
            TRACE_SPAN("work", .parent = c) {
                trace_context none;
                memset(&none, 0, sizeof none);
                if (trace_state_get(none, text, sizeof text)) CHECK_STR(text, want);
            }
        }
        trace_context_release(c);
    }
    return NULL;
}

TEST(threads_share_the_table) {
    pthread_t threads[THREADS];
    uint32_t pinned = 0;
    start();
    memset(shared, 0, sizeof shared);
    /* A small table, so that entries are evicted all the time. */
    tracei_lock(&tracei_entries.lock);
    while (tracei_entry_evict_oldest()) {}
    tracei_unlock(&tracei_entries.lock);
    for (uintptr_t i = 0; i < THREADS; i++) REQUIRE(pthread_create(&threads[i], NULL, table_thread, (void *)(i + 1)) == 0);
    for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (uint32_t entry = 1; entry <= tracei_entries.count; entry++)
        if (tracei_entry_at(entry)->pins & ~TRACEI_ENTRY_EVICTING) pinned++;
    CHECK_INT(pinned, 0);
}

/* The same few entries over and over: pins, evictions and new contents meet on them. */
static uint32_t storm_entry, storm_stop;
static uint32_t storm_generation;

static void *storm_reader(void *user) {
    uint32_t *const got = (uint32_t *)user;
    while (!TRACEI_LOAD_ACQUIRE(&storm_stop)) {
        const uint32_t generation = TRACEI_LOAD_ACQUIRE(&storm_generation), entry = TRACEI_LOAD_ACQUIRE(&storm_entry);
        trace_string state;
        uint32_t number = 0;
        if (!entry || !tracei_entry_pin(entry, generation)) continue;
        state = tracei_entry_state(entry);
        for (size_t i = 0; i < state.size; i++) number = number * 10 + (uint32_t)(state.data[i] - '0');
        if (state.size) CHECK_UINT(number, generation);
        tracei_entry_unpin(entry);
        ++*got;
    }
    return NULL;
}

TEST(pins_against_evictions) {
    pthread_t threads[3];
    uint32_t got[3] = {0, 0, 0}, entry = 0, generation;
    start();
    TRACEI_STORE(&storm_stop, 0u);
    for (unsigned i = 0; i < 3; i++) REQUIRE(pthread_create(&threads[i], NULL, storm_reader, &got[i]) == 0);
    for (unsigned i = 0; i < 200000 / SLOW; i++) {
        char text[16], *data;
        size_t size;
        tracei_lock(&tracei_entries.lock);                  /* evict at once: the entry just made, if nobody pins it */
        tracei_entries.hand = entry ? entry - 1 : 0;
        (void)tracei_entry_evict_oldest();
        tracei_unlock(&tracei_entries.lock);
        data = tracei_entry_reserve(10, &entry);
        if (!data) continue;
        size = (size_t)sprintf(text, "%u", tracei_entry_at(entry)->generation + 1);
        memcpy(data, text, size);
        generation = tracei_entry_publish(entry, size, 0, false);
        tracei_entry_unpin(entry);
        TRACEI_STORE_RELEASE(&storm_entry, entry);
        TRACEI_STORE_RELEASE(&storm_generation, generation);
        if (i % 16 == 0) sched_yield();                     /* let readers find it alive */
    }
    TRACEI_STORE_RELEASE(&storm_stop, 1u);
    for (unsigned i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    CHECK(got[0] + got[1] + got[2] > 0);
}

#ifndef _WIN32 /* no fork */
static trace_context inherited, inherited_held;

static void child_goes_on(void *user) {
    trace_context c;
    (void)user;
    CHECK(is_numbered(inherited, 41, ""));
    CHECK(is_numbered(inherited_held, 42, ""));
    CHECK_INT(tracei_entry_at(inherited_held.entry)->pins, 1);
    for (unsigned i = 0; i < 140000; i++) c = numbered(i, "");
    CHECK(is_numbered(c, 139999, ""));
    CHECK(is_numbered(inherited_held, 42, ""));
    CHECK(!is_numbered(inherited, 41, ""));
}

/* Units in the lists of free blocks. */
static size_t units_free(void) {
    size_t units = 0;
    for (uint32_t order = 0; order <= TRACEI_ARENA_ORDER; order++)
        for (uint32_t at = tracei_entries.free_block[order]; at != TRACEI_UNIT_NONE; at = tracei_free_block_at(at)->next)
            units += (size_t)1 << order;
    return units;
}

static void child_of_a_torn_table(void *user) {
    trace_context c;
    (void)user;
    tracei_entries.free_entry = 0x7fffffff;                 /* whatever the thread with the lock was about to do */
    tracei_entries.hand = 1;
    tracei_entries.evicted = 5;
    tracei_entries.starved = true;
    (void)tracei_block_take(0);
    TRACEI_STORE(&tracei_entries.lock, 1u);
    TRACEI_STORE_RELEASE(tracei_epoch, 0u);
    c = numbered(7, "");
    CHECK(is_numbered(c, 7, ""));
    CHECK_UINT(c.entry, 1);
    CHECK_UINT(tracei_entries.count, 1);
    CHECK_UINT(tracei_entries.hand, 0);
    CHECK_UINT(tracei_entries.evicted, 0);
    CHECK(!tracei_entries.starved);
    CHECK_UINT(units_free(), (size_t)tracei_entries.arena_count * TRACEI_ARENA_UNITS - 1);
    CHECK_UINT(tracei_entry_at(inherited_held.entry)->pins, 0);
    CHECK_UINT(tracei_entry_at(inherited_held.entry)->holds, 0);
    CHECK_INT(trace_state_get(inherited, NULL, 0), 0);
    CHECK(trace_context_is_valid(inherited));
    for (unsigned i = 0; i < 140000; i++) c = numbered(i, "");
    CHECK(is_numbered(c, 139999, ""));
}

static uint32_t filled, freed;      /* entries that a thread of the parent was about to fill, and to look at */

static void child_amid_filling(void *user) {
    const size_t units = units_free();
    (void)user;
    CHECK(is_numbered(inherited, 41, ""));
    CHECK_UINT(units_free(), units + 1);
    CHECK_UINT(tracei_entries.free_entry, filled);
    CHECK_UINT(tracei_entry_at(filled)->pins, TRACEI_ENTRY_EVICTING);
    CHECK_UINT(tracei_entry_at(filled)->block, freed);
    CHECK_UINT(tracei_entry_at(freed)->pins, TRACEI_ENTRY_EVICTING);
}

/* Forked while one thread fills an entry, and another takes its pin of an evicted one back. */
TEST(a_child_takes_back_what_was_being_filled) {
    test_child child;
    start();
    inherited = numbered(41, "");
    REQUIRE(tracei_entry_reserve(10, &freed) && tracei_entry_reserve(10, &filled));
    (void)tracei_entry_publish(freed, 10, 0, false);
    tracei_entry_unpin(freed);
    tracei_entries.hand = freed - 1;
    REQUIRE(tracei_entry_evict_oldest() && tracei_entries.free_entry == freed);
    tracei_entry_at(freed)->pins++;
    tracei_entry_at(filled)->pins++;
    child = test_fork(child_amid_filling, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    tracei_entry_unpin(freed);
    tracei_entry_unpin(filled);
    (void)tracei_entry_publish(filled, 10, 0, false);
    tracei_entry_unpin(filled);
}

TEST(a_child_keeps_what_it_copied) {
    test_child child;
    start();
    inherited = numbered(41, "");
    inherited_held = numbered(42, "");
    trace_context_hold(inherited_held);
    TRACE_SPAN("open in the parent", .parent = inherited) {
        const trace_span another = trace_span_start_with("another", &(trace_span_options){.parent = inherited_held});
        child = test_fork(child_goes_on, NULL, 60000);
        CHECK_CHILD(&child, 0);
        test_child_free(&child);
        child = test_fork(child_of_a_torn_table, NULL, 60000);
        CHECK_CHILD(&child, 0);
        test_child_free(&child);
        trace_span_end(another);
    }
    CHECK(is_numbered(inherited, 41, ""));
    trace_context_release(inherited_held);
}
#endif

TEST_MAIN()
