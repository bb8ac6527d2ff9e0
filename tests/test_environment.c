/* test_environment.c - which variables count, how they are read, and what is said of bad ones
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace_http.h"
#include "settled.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>

static char logged[16384];

static void keep_log(void *user, trace_log_level level, const char *message) {
    static const char *const names[] = {"default", "none", "error", "warning", "info", "debug"};
    const size_t used = strlen(logged);
    (void)user;
    snprintf(logged + used, sizeof logged - used, "%s: %s\n", names[level], message);
}

/* No variable but those given: "NAME=value", ..., NULL; and an empty log. */
static void with(const char *first, ...) {
    static char texts[120000], *entries[8];
    size_t used = 0, count = 0;
    va_list list;
    const char *entry = first;
    va_start(list, first);
    for (; entry && count < 7; entry = va_arg(list, const char *)) {
        entries[count++] = texts + used;
        used += (size_t)snprintf(texts + used, sizeof texts - used, "%s", entry) + 1;
    }
    va_end(list);
    entries[count] = NULL;
    test_set_environment(entries);
    logged[0] = '\0';
    tracei_logger.log_fn = keep_log;
    tracei_log_level_now = TRACE_LOG_LEVEL_DEBUG;
    tracei_environment_snapshot();
}
#define NO_ENTRY (const char *)NULL

/* The same for one name and one value. */
static void with_value(const char *name, const char *value) {
    char entry[1024];
    snprintf(entry, sizeof entry, "%s=%s", name, value);
    with(entry, NO_ENTRY);
}

/* ---- what it says ------------------------------------------------------------------------------------------------ */

TEST(lines_of_the_log) {
    char endless[1000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    with(NO_ENTRY);
    tracei_log(TRACE_LOG_LEVEL_ERROR, "%s %.*s %d %d %u %lu %llu.", "a", 2, "bcd", -7, (int)INT32_MIN, 4294967295u, 4294967295ul,
               18446744073709551615ull);
    CHECK_STR(logged, "error: a bc -7 -2147483648 4294967295 4294967295 18446744073709551615.\n");
    logged[0] = '\0';
    tracei_log(TRACE_LOG_LEVEL_ERROR, "%s%u", endless, 1u);       /* cut at 512 bytes, which a newline and a terminator are of */
    CHECK_UINT(strlen(logged), strlen("error: ") + 510 + 1);
    CHECK_STR(strchr(logged, 'x') ? logged + strlen(logged) - 2 : "", "x\n");
}

/* ---- the snapshot ------------------------------------------------------------------------------------------------ */

TEST(values_are_found_by_their_whole_name) {
    with("OTEL_SERVICE_NAME=shop", "OTEL_SERVICE_NAMES=no", "OTEL_SERVICE=no", "PATH=/bin", "TRACER_TYPE=otlp", NO_ENTRY);
    CHECK_STR(tracei_environment("OTEL_SERVICE_NAME"), "shop");
    CHECK_STR(tracei_environment("TRACER_TYPE"), "otlp");
    CHECK_STR(tracei_environment("OTEL_SERVICE_NAM"), NULL);
    CHECK_STR(tracei_environment("OTEL_LOG_LEVEL"), NULL);
    CHECK_STR(tracei_environment("otel_service_name"), NULL);
}

TEST(empty_is_unset) {
    with("OTEL_SERVICE_NAME=", "OTEL_PROPAGATORS=x", NO_ENTRY);
    CHECK_STR(tracei_environment("OTEL_SERVICE_NAME"), NULL);
    CHECK_STR(tracei_environment("OTEL_PROPAGATORS"), "x");
}

TEST(what_does_not_concern_tracing_is_not_copied) {
    with("PATH=/bin", "SECRET=canary", "OTELX=1", "XOTEL_SERVICE_NAME=1", "=x", "NOEQUALS", NO_ENTRY);
    CHECK_STR(tracei_environment("PATH"), NULL);
    CHECK_STR(tracei_environment("SECRET"), NULL);
    CHECK_STR(tracei_environment("XOTEL_SERVICE_NAME"), NULL);
    CHECK_INT(tracei_environment_size(tracei_environment_block), 1);
}

#ifndef _WIN32                                   /* there are no two there */
TEST(the_first_of_two_entries_counts_as_in_getenv) {
    static char one[] = "OTEL_LOG_LEVEL=error", two[] = "OTEL_LOG_LEVEL=debug";
    static char *twice[] = {one, two, NULL};
    with(NO_ENTRY);
    test_set_environment(twice);
    tracei_environment_snapshot();
    CHECK_STR(tracei_environment("OTEL_LOG_LEVEL"), "error");
}
#endif

TEST(the_environment_is_read_by_the_snapshot_only) {
    with("OTEL_SERVICE_NAME=before", NO_ENTRY);
    setenv("OTEL_SERVICE_NAME", "after", 1);
    setenv("OTEL_LOG_LEVEL", "debug", 1);
    CHECK_STR(tracei_environment("OTEL_SERVICE_NAME"), "before");
    CHECK_STR(tracei_environment("OTEL_LOG_LEVEL"), NULL);
    tracei_environment_snapshot();
    CHECK_STR(tracei_environment("OTEL_SERVICE_NAME"), "after");
    CHECK_STR(tracei_environment("OTEL_LOG_LEVEL"), "debug");
}

TEST(values_outlive_later_snapshots) {
    const char *value;
    with("OTEL_SERVICE_NAME=first", NO_ENTRY);
    value = tracei_environment("OTEL_SERVICE_NAME");
    with("OTEL_SERVICE_NAME=second", NO_ENTRY);
    with(NO_ENTRY);
    CHECK_STR(tracei_environment("OTEL_SERVICE_NAME"), NULL);
    CHECK_STR(value, "first");
}

TEST(a_snapshot_that_says_the_same_costs_no_memory) {
    const char *block;
    size_t bytes;
    with("OTEL_SERVICE_NAME=same", "OTEL_LOG_LEVEL=info", NO_ENTRY);
    block = tracei_environment_block;
    bytes = tracei_bytes_mapped;
    for (int i = 0; i < 10000; i++) tracei_environment_snapshot();
    CHECK(tracei_environment_block == block);
    CHECK_UINT(tracei_bytes_mapped, bytes);
}

TEST(forgotten_is_unset) {
    with("OTEL_SERVICE_NAME=x", NO_ENTRY);
    tracei_environment_forget();
    CHECK_STR(tracei_environment("OTEL_SERVICE_NAME"), NULL);
}

TEST(a_value_of_any_length_is_kept_whole) {
#ifdef _WIN32
    static char entry[32000];                    /* what there can be */
#else
    static char entry[100100];
#endif
    memset(entry, 'a', sizeof entry - 1);
    memcpy(entry, "OTEL_SERVICE_NAME=", 18);
    with("OTEL_LOG_LEVEL=info", entry, "OTEL_PROPAGATORS=b3", NO_ENTRY);
    CHECK_STR(tracei_environment("OTEL_SERVICE_NAME"), entry + 18);
    CHECK_STR(tracei_environment("OTEL_PROPAGATORS"), "b3");
}

/* ---- typed readers ------------------------------------------------------------------------------------------------ */

TEST(booleans) {
    static const struct { const char *value; bool expected; const char *log; } rows[] = {
        {"true", true, ""}, {"TRUE", true, ""}, {"tRuE", true, ""}, {" true\t", true, ""},
        {"false", false, ""}, {"False", false, ""}, {"", false, ""}, {"  ", false, ""},
        {"1", false, "warning: OTEL_SDK_DISABLED=1 taken as false: must be true or false\n"},
        {"yes", false, "warning: OTEL_SDK_DISABLED=yes taken as false: must be true or false\n"},
        {"truee", false, "warning: OTEL_SDK_DISABLED=truee taken as false: must be true or false\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        with_value("OTEL_SDK_DISABLED", rows[i].value);
        CHECK_INT(tracei_environment_bool("OTEL_SDK_DISABLED"), rows[i].expected);
        CHECK_STR(logged, rows[i].log);
    }
    with(NO_ENTRY);
    CHECK(!tracei_environment_bool("OTEL_SDK_DISABLED"));
    CHECK_STR(logged, "");
}

TEST(whole_numbers) {
    static const struct { const char *value; uint32_t low, high; int64_t expected; } rows[] = {
        {"0", 0, 10, 0}, {"10", 0, 10, 10}, {"11", 0, 10, -1}, {"0", 1, 10, -1}, {"1", 1, 10, 1}, {"007", 0, 10, 7}, {" 5 ", 0, 10, 5},
        {"4294967295", 0, UINT32_MAX, 4294967295}, {"4294967296", 0, UINT32_MAX, -1}, {"18446744073709551617", 0, UINT32_MAX, -1},
        {"99999999999999999999999999999999999999999999999999", 0, UINT32_MAX, -1},
        {"-1", 0, 10, -1}, {"+1", 0, 10, -1}, {"1.0", 0, 10, -1}, {"1e1", 0, 10, -1}, {"0x1", 0, 10, -1}, {"1 2", 0, 20, -1},
        {"ten", 0, 10, -1}, {"5s", 0, 10, -1}, {"\xd9\xa1", 0, 10, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t out = 77;
        bool set;
        with_value("OTEL_BSP_SCHEDULE_DELAY", rows[i].value);
        set = tracei_environment_u32("OTEL_BSP_SCHEDULE_DELAY", rows[i].low, rows[i].high, &out);
        CHECK_INT(set ? (int64_t)out : -1, rows[i].expected);
        CHECK_INT(set || out == 77, true);
        CHECK_INT(logged[0] == '\0', set);
    }
}

TEST(whole_numbers_are_reported_with_their_range) {
    uint32_t out;
    with_value("OTEL_BSP_MAX_QUEUE_SIZE", "many");
    CHECK(!tracei_environment_u32("OTEL_BSP_MAX_QUEUE_SIZE", 1, UINT32_MAX, &out));
    CHECK_STR(logged, "warning: OTEL_BSP_MAX_QUEUE_SIZE=many ignored: must be a whole number from 1 to 4294967295\n");
    with_value("OTEL_BSP_MAX_QUEUE_SIZE", "");
    CHECK(!tracei_environment_u32("OTEL_BSP_MAX_QUEUE_SIZE", 1, UINT32_MAX, &out));
    CHECK_STR(logged, "");
    with_value("OTEL_BSP_MAX_QUEUE_SIZE", "a\nforged: line\x1b[2J");
    CHECK(!tracei_environment_u32("OTEL_BSP_MAX_QUEUE_SIZE", 1, 9, &out));
    CHECK_STR(logged, "warning: OTEL_BSP_MAX_QUEUE_SIZE=a?forged: line?[2J ignored: must be a whole number from 1 to 9\n");
}

TEST(long_values_are_cut_in_reports) {
    char value[301];
    uint32_t out;
    memset(value, 'x', sizeof value - 1);
    value[300] = '\0';
    with_value("OTEL_BSP_MAX_QUEUE_SIZE", value);
    CHECK(!tracei_environment_u32("OTEL_BSP_MAX_QUEUE_SIZE", 1, 9, &out));
    CHECK(strlen(logged) < 200);
    CHECK_HAS(logged, "must be a whole number from 1 to 9");
}

TEST(decimals) {
    static const struct { const char *text; double expected; } good[] = {
        {"0", 0}, {"1", 1}, {"0.1", 0.1}, {".5", 0.5}, {"5.", 5}, {"0.25", 0.25}, {"1e-3", 0.001}, {"1E+2", 100}, {"1e0", 1}, {"-0.5", -0.5},
        {"+0.5", 0.5}, {"0.0001", 0.0001}, {"0.333333333333", 0.333333333333}, {"000.1", 0.1}, {"1e-400", 0}, {"0e999999999", 0},
        {"0.1000000000000000000000000000000000000000000", 0.1}, {"123456789012345678901234567890", 123456789012345678901234567890.0},
    };
    static const char *const bad[] = {"", ".", "e1", "1e", "1e+", "1.2.3", "0,5", "0x1p-1", "nan", "inf", "infinity", "1 ", "--1", "1f", "½"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double out = -7;
        CHECK(tracei_environment_decimal(tracei_string(good[i].text), &out));
        CHECK(fabs(out - good[i].expected) <= fabs(good[i].expected) * 4e-16);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double out = -7;
        if (tracei_environment_decimal(tracei_string(bad[i]), &out)) FAIL(bad[i]);
    }
}

TEST(decimals_are_what_strtod_reads) {
    for (int i = 0; i < 20000; i++) {
        char text[40];
        double out = -1;
        snprintf(text, sizeof text, i & 1 ? "%.*f" : "%.*e", 1 + (int)test_random_below(12), (double)test_random_below(1000000) / 1000000.0);
        CHECK(tracei_environment_decimal(tracei_string(text), &out));
        CHECK_DOUBLE(out, strtod(text, NULL));
    }
}

TEST(ratios) {
    static const struct { const char *value; double expected; } rows[] = {
        {"0", 0}, {"1", 1}, {"1.0", 1}, {"0.25", 0.25}, {" .5 ", 0.5}, {"1.0000001", -1}, {"-0.1", -1}, {"50%", -1}, {"0,5", -1}, {"nan", -1},
        {"inf", -1}, {"half", -1}, {"1e309", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double out = -7;
        bool set;
        with_value("OTEL_TRACES_SAMPLER_ARG", rows[i].value);
        set = tracei_environment_ratio("OTEL_TRACES_SAMPLER_ARG", &out);
        CHECK_DOUBLE(set ? out : -1, rows[i].expected);
        CHECK_INT(set || out < -6, true);
        CHECK_INT(logged[0] == '\0', set);
    }
    with_value("OTEL_TRACES_SAMPLER_ARG", "1.5");
    CHECK(!tracei_environment_ratio("OTEL_TRACES_SAMPLER_ARG", &(double){0}));
    CHECK_STR(logged, "warning: OTEL_TRACES_SAMPLER_ARG=1.5 ignored: must be a number from 0 to 1\n");
}

TEST(ratios_do_not_depend_on_the_locale) {
    double out = 0;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8")) SKIP("no locale with a decimal comma");
    with_value("OTEL_TRACES_SAMPLER_ARG", "0.25");
    CHECK(tracei_environment_ratio("OTEL_TRACES_SAMPLER_ARG", &out));
    setlocale(LC_NUMERIC, "C");
    CHECK_DOUBLE(out, 0.25);
}

static const char *const protocols[] = {"grpc", "http/protobuf", "http/json", NULL};

TEST(words) {
    static const struct { const char *value; int expected; const char *log; } rows[] = {
        {"grpc", 0, ""}, {"GRPC", 0, ""}, {" http/Json ", 2, ""}, {"", -1, ""}, {" ", -1, ""},
        {"http/jsom", -1, "warning: OTEL_EXPORTER_OTLP_PROTOCOL=http/jsom ignored: must be one of grpc, http/protobuf, http/json; did you mean http/json?\n"},
        {"rgpc", -1, "warning: OTEL_EXPORTER_OTLP_PROTOCOL=rgpc ignored: must be one of grpc, http/protobuf, http/json; did you mean grpc?\n"},
        {"thrift", -1, "warning: OTEL_EXPORTER_OTLP_PROTOCOL=thrift ignored: must be one of grpc, http/protobuf, http/json\n"},
        {"grpc,http/json", -1, "warning: OTEL_EXPORTER_OTLP_PROTOCOL=grpc,http/json ignored: must be one of grpc, http/protobuf, http/json\n"},
    };
    const trace_string edges = {"@AZ[`az{", 8};
    CHECK(tracei_environment_same_word(edges, "@az[`AZ{"));      /* letters only */
    CHECK(!tracei_environment_same_word(edges, "`AZ[`az{") && !tracei_environment_same_word(edges, "@AZ{`az{"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        with_value("OTEL_EXPORTER_OTLP_PROTOCOL", rows[i].value);
        CHECK_INT(tracei_environment_enum("OTEL_EXPORTER_OTLP_PROTOCOL", protocols), rows[i].expected);
        CHECK_STR(logged, rows[i].log);
    }
}

TEST(log_levels) {
    static const struct { const char *value; trace_log_level expected; } rows[] = {
        {"none", TRACE_LOG_LEVEL_NONE}, {"off", TRACE_LOG_LEVEL_NONE}, {"error", TRACE_LOG_LEVEL_ERROR}, {"warn", TRACE_LOG_LEVEL_WARNING},
        {"WARNING", TRACE_LOG_LEVEL_WARNING}, {"Info", TRACE_LOG_LEVEL_INFO}, {"debug", TRACE_LOG_LEVEL_DEBUG},
        {"trace", TRACE_LOG_LEVEL_DEBUG}, {"", TRACE_LOG_LEVEL_DEFAULT}, {"loud", TRACE_LOG_LEVEL_DEFAULT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        with_value("OTEL_LOG_LEVEL", rows[i].value);
        CHECK_INT(tracei_environment_log_level(), rows[i].expected);
    }
    CHECK_HAS(logged, "OTEL_LOG_LEVEL=loud ignored: must be one of none, error, warn, info, debug");
}

TEST(lists) {
    static const struct { const char *text, *expected; } rows[] = {
        {"a", "a|"}, {"a,b", "a|b|"}, {" a , b\t,c", "a|b|c|"}, {",,a,,", "a|"}, {"", ""}, {" , ,", ""}, {"a b,c", "a b|c|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *rest = rows[i].text;
        trace_string item;
        char joined[64] = "";
        while (tracei_environment_item(&rest, &item)) snprintf(joined + strlen(joined), 32, "%.*s|", (int)item.size, item.data);
        CHECK_STR(joined, rows[i].expected);
    }
}

static void join_pairs(const tracei_pairs *pairs, char *out, size_t size) {
    out[0] = '\0';
    for (size_t i = 0; i < pairs->count; i++)
        snprintf(out + strlen(out), size - strlen(out), "%.*s~%.*s|", (int)pairs->items[i].name.size, pairs->items[i].name.data,
                 (int)pairs->items[i].value.size, pairs->items[i].value.data);
}

TEST(pairs) {
    static const struct { const char *text, *expected; } rows[] = {
        {"a=b", "a~b|"}, {"a=b,c=d", "a~b|c~d|"}, {" a = b , c\t=\td ", "a~b|c~d|"}, {"a=", "a~|"}, {"a=b=c", "a~b=c|"}, {"a=b,,c=d,", "a~b|c~d|"},
        {"a=%2C%3d%20x", "a~,= x|"}, {"%61%2Cb=1", "a,b~1|"}, {"a=%C3%A9", "a~\xc3\xa9|"}, {"a=\xc3\xa9", "a~\xc3\xa9|"}, {"a=%0A", "a~\n|"},
        {"a=1,a=2", "a~1|a~2|"}, {"a=b;c", "a~b;c|"}, {"a=+", "a~+|"}, {"a=%25", "a~%|"}, {",", ""}, {"a=%22%33%01%10", "a~\"3\001\020|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tracei_pairs found;
        char joined[128];
        with_value("OTEL_RESOURCE_ATTRIBUTES", rows[i].text);
        CHECK(tracei_environment_pairs("OTEL_RESOURCE_ATTRIBUTES", &found));
        join_pairs(&found, joined, sizeof joined);
        CHECK_STR(joined, rows[i].expected);
        CHECK_STR(logged, "");
        tracei_pairs_free(&found);
    }
}

TEST(one_bad_pair_discards_all_and_nothing_is_quoted) {
    static const struct { const char *text, *why; } rows[] = {
        {"canary", "item 1 has no \"=\""}, {"a=b,canary,c=d", "item 2 has no \"=\""}, {"=canary", "item 1 has no key"},
        {"a=1, =canary", "item 2 has no key"}, {"a=canary%2", "item 1 is not valid percent-encoded UTF-8"},
        {"a=canary%", "item 1 is not valid percent-encoded UTF-8"}, {"a=canary%zz", "item 1 is not valid percent-encoded UTF-8"},
        {"canary%g0=1", "item 1 is not valid percent-encoded UTF-8"}, {"a=canary%00", "item 1 is not valid percent-encoded UTF-8"},
        {"a=canary%ff", "item 1 is not valid percent-encoded UTF-8"}, {"a=canary\xff", "item 1 is not valid percent-encoded UTF-8"},
        {"a=canary%ED%A0%80", "item 1 is not valid percent-encoded UTF-8"}, {"a=b,,canary", "item 2 has no \"=\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t bytes = tracei_bytes_mapped;
        char expected[256];
        tracei_pairs found;
        with(NO_ENTRY);
        CHECK(!tracei_pairs_parse(&found, "OTEL_EXPORTER_OTLP_HEADERS", rows[i].text));
        CHECK_UINT(found.count, 0);
        CHECK(found.items == NULL);
        snprintf(expected, sizeof expected,
                 "warning: OTEL_EXPORTER_OTLP_HEADERS ignored as a whole: %s; must be key=value,key=value, percent-encoded\n", rows[i].why);
        CHECK_STR(logged, expected);
        CHECK_HAS_NOT(logged, "canary");
        CHECK_UINT(tracei_bytes_mapped, bytes);
    }
}

TEST(unset_pairs_are_none) {
    tracei_pairs found;
    with_value("OTEL_RESOURCE_ATTRIBUTES", "");
    CHECK(!tracei_environment_pairs("OTEL_RESOURCE_ATTRIBUTES", &found));
    CHECK(found.items == NULL);
    tracei_pairs_free(&found);
    CHECK_STR(logged, "");
}

/* Whatever the text: no read past its end (sanitizers), decoded text valid, and never longer than what came in. */
TEST(hostile_lists_do_no_harm) {
    static const char alphabet[] = "a=,% \t%2C%zz;\xff\xc3\xa9z0123456789ABCDEF";
    with("X=1", NO_ENTRY);
    for (int round = 0; round < 20000; round++) {
        const size_t size = (size_t)test_random_below(40);
        char *const text = (char *)malloc(size + 1);
        tracei_pairs found;
        if (!text) abort();
        for (size_t i = 0; i < size; i++) text[i] = alphabet[test_random_below(sizeof alphabet - 1)];
        text[size] = '\0';
        logged[0] = '\0';
        if (tracei_pairs_parse(&found, "X", text)) {
            size_t total = 0;
            for (size_t i = 0; i < found.count; i++) {
                total += found.items[i].name.size + found.items[i].value.size;
                CHECK(found.items[i].name.size > 0);
                CHECK_UINT(tracei_utf8_valid(found.items[i].value.data, found.items[i].value.size), found.items[i].value.size);
                CHECK(memchr(found.items[i].value.data, '\0', found.items[i].value.size) == NULL);
            }
            CHECK(total <= size);
            tracei_pairs_free(&found);
        } else {
            CHECK(logged[0] != '\0');
        }
        free(text);
    }
}

static clock_t parse_time(char *text, size_t size, const char *unit) {
    const size_t unit_size = strlen(unit);
    const clock_t start = clock();
    tracei_pairs found;
    for (size_t i = 0; i < size; i++) text[i] = unit[i % unit_size];
    text[size] = '\0';
    if (tracei_pairs_parse(&found, "X", text)) tracei_pairs_free(&found);
    return clock() - start;
}

/* Eight times the size takes about eight times as long, not sixty-four. */
TEST(a_list_of_16_mib_takes_linear_time) {
    const size_t size = test_scaled((size_t)16 << 20);
    static const char *const units[] = {",", "a=b,", "=", "%", "a", " ", "a=%2C,"};
    char *const text = (char *)malloc(size + 1);
    if (!text) abort();
    with("X=1", NO_ENTRY);
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        const clock_t eighth = parse_time(text, size / 8, units[u]), whole = parse_time(text, size, units[u]);
        CHECK(whole < 32 * eighth + CLOCKS_PER_SEC / 10);
    }
    free(text);
}

/* ---- aliases, and what is said of names ---------------------------------------------------------------------------- */

TEST(an_alias_counts_when_the_name_is_unset_or_bad) {
    double ratio = -1;
    const char *found = NULL;
    with("TRACER_SERVICE_NAME=a", "AI_INFRA_SERVICE_NAME=b", NO_ENTRY);
    CHECK_STR(tracei_environment_any("OTEL_SERVICE_NAME", &found), "a");
    CHECK_STR(found, "TRACER_SERVICE_NAME");
    with("OTEL_SERVICE_NAME=o", "TRACER_SERVICE_NAME=a", NO_ENTRY);
    CHECK_STR(tracei_environment_any("OTEL_SERVICE_NAME", &found), "o");
    with("OTEL_SERVICE_NAME=", "AI_INFRA_SERVICE_NAME=b", NO_ENTRY);
    CHECK_STR(tracei_environment_any("OTEL_SERVICE_NAME", &found), "b");
    CHECK_STR(found, "AI_INFRA_SERVICE_NAME");
    with("TRACER_SAMPLING_RATE=lots", "AI_INFRA_TRACING_SAMPLE_RATE=0.5", NO_ENTRY);
    CHECK(tracei_environment_ratio("TRACER_SAMPLING_RATE", &ratio));
    CHECK_DOUBLE(ratio, 0.5);
    CHECK_STR(logged, "warning: TRACER_SAMPLING_RATE=lots ignored: must be a number from 0 to 1\n");
    CHECK_STR(tracei_environment_any("OTEL_PROPAGATORS", NULL), NULL);
}

TEST(every_alias_leads_to_its_name) {
    static const char *const rows[][2] = {
        {"TRACER_TYPE", "OTEL_TRACES_EXPORTER"}, {"TRACER_SERVICE_NAME", "OTEL_SERVICE_NAME"}, {"AI_INFRA_SERVICE_NAME", "OTEL_SERVICE_NAME"},
        {"OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"}, {"AI_INFRA_TRACING_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_ENDPOINT"}, {"JAEGER_ENDPOINT", "OTEL_EXPORTER_JAEGER_ENDPOINT"},
        {"AI_INFRA_SERVICE_VERSION", "TRACER_SERVICE_VERSION"}, {"AI_INFRA_ENVIRONMENT", "TRACER_ENVIRONMENT"},
        {"AI_INFRA_TRACING_SAMPLE_RATE", "TRACER_SAMPLING_RATE"}, {"LANGCHAIN_API_KEY", "LANGSMITH_API_KEY"},
        {"LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING"}, {"LANGSMITH_TRACING_V2", "LANGSMITH_TRACING"},
        {"LANGCHAIN_PROJECT", "LANGSMITH_PROJECT"}, {"LANGCHAIN_ENDPOINT", "LANGSMITH_ENDPOINT"}, {"LANGFUSE_HOST", "LANGFUSE_BASE_URL"},
        {"LANGFUSE_OTEL_HOST", "LANGFUSE_BASE_URL"}, {"PHOENIX_ENDPOINT", "PHOENIX_COLLECTOR_ENDPOINT"}, {"NEW_RELIC_API_KEY", "NEW_RELIC_LICENSE_KEY"},
        {"GRAFANA_CLOUD_API_TOKEN", "GRAFANA_CLOUD_API_KEY"}, {"DYNATRACE_ENDPOINT", "DT_ENDPOINT"}, {"DYNATRACE_ENV_URL", "DT_ENDPOINT"},
        {"DYNATRACE_API_TOKEN", "DT_API_TOKEN"}, {"DATADOG_API_KEY", "DD_API_KEY"}, {"AWS_DEFAULT_REGION", "AWS_REGION"},
    };
    static const char *const alone[] = {"AI_INFRA_TRACING_ENABLED", "AGENTOPS_API_KEY", "TRACER_SERVICE_VERSION",
                                        "TRACER_ENVIRONMENT", "TRACER_SAMPLING_RATE", "LANGSMITH_API_KEY", "LANGSMITH_PROJECT", "TRACEPARENT",
                                        "TRACESTATE", "BAGGAGE"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        with_value(rows[i][0], "value");
        CHECK_STR(tracei_environment_any(rows[i][1], NULL), "value");
    }
    for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++) {
        with_value(alone[i], "value");
        CHECK_STR(tracei_environment(alone[i]), "value");
    }
}

TEST(disabled_by_either_name) {
    static const struct { const char *otel, *alias; bool expected; } rows[] = {
        {"true", "true", true}, {"false", "false", false}, {"", "false", true}, {"", "0", true}, {"", "No", true}, {"", "off", true},
        {"", "true", false}, {"", "1", false}, {"", "", false}, {"", "maybe", false}, {"true", "", true}, {"maybe", "false", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char a[64], b[64];
        snprintf(a, sizeof a, "OTEL_SDK_DISABLED=%s", rows[i].otel);
        snprintf(b, sizeof b, "AI_INFRA_TRACING_ENABLED=%s", rows[i].alias);
        with(a, b, NO_ENTRY);
        CHECK_INT(tracei_environment_disabled(), rows[i].expected);
    }
}

/* The program's own number, then the name for spans, then the general one, then the default. */
TEST(limits_of_the_environment) {
    static const struct { const char *special, *general; size_t at; uint32_t otherwise; } rows[] = {
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", offsetof(tracei_limits, attributes), 128},
        {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", offsetof(tracei_limits, value_length), UINT32_MAX},
        {"OTEL_SPAN_EVENT_COUNT_LIMIT", NULL, offsetof(tracei_limits, events), 128},
        {"OTEL_SPAN_LINK_COUNT_LIMIT", NULL, offsetof(tracei_limits, links), 128},
        {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", NULL, offsetof(tracei_limits, event_attributes), 128},
        {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", NULL, offsetof(tracei_limits, link_attributes), 128},
    };
    static const struct { const char *special, *general; int64_t expected; } values[] = {
        {"7", "9", 7}, {"", "9", 9}, {"0", "9", 0}, {"-1", "9", 9}, {"many", "9", 9}, {"4294967296", "", -1}, {"", "", -1}, {"", "x", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t j = 0; j < sizeof values / sizeof values[0]; j++) {
            char special[96], general[96];
            trace_config config;
            tracei_limits limits;
            uint32_t got;
            int64_t expected = values[j].expected;
            if (!rows[i].general && strcmp(values[j].general, "9") == 0 && expected == 9) expected = -1;
            snprintf(special, sizeof special, "%s=%s", rows[i].special, values[j].special);
            snprintf(general, sizeof general, "%s=%s", rows[i].general ? rows[i].general : "X", values[j].general);
            with(special, general, NO_ENTRY);
            memset(&config, 0, sizeof config);
            memset(&limits, 0, sizeof limits);
            tracei_setup_limits(&limits, &config);
            memcpy(&got, (const char *)&limits + rows[i].at, sizeof got);
            CHECK_UINT(got, expected < 0 ? rows[i].otherwise : (uint32_t)expected);
            config.attribute_count_limit = config.attribute_value_length_limit = config.event_count_limit = config.link_count_limit =
                config.event_attribute_count_limit = config.link_attribute_count_limit = 3;
            tracei_setup_limits(&limits, &config);
            memcpy(&got, (const char *)&limits + rows[i].at, sizeof got);
            CHECK_UINT(got, 3);
        }
}

static trace_result count_batch(void *user, const trace_batch *batch) {
    *(size_t *)user += batch->span_count;
    return TRACE_RESULT_OK;
}

/* Each mistake one line that says what to change, and as many exporters as were understood. */
TEST(exporters_that_cannot_be_chosen) {
    static const struct { const char *value; unsigned count; const char *log; } rows[] = {
        {"console", 1, ""}, {"none", 0, ""}, {"none,none", 0, ""}, {" ,CONSOLE,", 1, ""},
        {"consol", 1, "OTEL_TRACES_EXPORTER=consol ignored: must be one of console, none; did you mean console?"},
        {"console,nome", 1, "OTEL_TRACES_EXPORTER=nome ignored: must be one of console, none; did you mean none?"},
        {"otlp", 1, "OTEL_TRACES_EXPORTER=otlp ignored: otlp needs trace_otlp.h, included in the file that defines TRACE_IMPLEMENTATION"},
        {"Zipkn", 1, "OTEL_TRACES_EXPORTER=Zipkn ignored: zipkin needs trace_zipkin.h, included in the file that defines TRACE_IMPLEMENTATION"},
        {"honeycomb", 1, "OTEL_TRACES_EXPORTER=honeycomb ignored: must be one of console, none; names of backends come with trace_otlp.h"},
        {"console,Console", 1, "OTEL_TRACES_EXPORTER names console twice: once counts"},
        {"none,console", 1, "OTEL_TRACES_EXPORTER: none beside other names ignored"},
        {"console,none", 1, "OTEL_TRACES_EXPORTER: none beside other names ignored"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[256];
        tracei_setup setup;
        trace_config config;
        memset((void *)&config, 0, sizeof config);
        memset((void *)&setup, 0, sizeof setup);
        with_value("OTEL_TRACES_EXPORTER", rows[i].value);
        tracei_setup_exporters(&setup, &config);
        CHECK_UINT(setup.count, rows[i].count);
        snprintf(expected, sizeof expected, "warning: %s\n", rows[i].log);
        CHECK_STR(logged, *rows[i].log ? expected : "");
    }
}

/* Whatever the program configured: nothing is recorded, and contexts go on. */
static void run_disabled(void *unused) {
    static size_t seen;
    trace_config config;
    trace_context context;
    char parent[56], raw[100];
    (void)unused;
    setenv("OTEL_SDK_DISABLED", "true", 1);
    memset(&config, 0, sizeof config);
    config.exporters[0].struct_size = sizeof config.exporters[0];
    config.exporters[0].name = "one";
    config.exporters[0].export_fn = count_batch;
    config.exporters[0].user = &seen;
    config.sampler = trace_sampler_always_on();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK(trace_context_parse(&context, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
    TRACE_WITH(context) {
        TRACE_SPAN("not recorded") {
            trace_context_format(trace_context_current(), parent);
            CHECK(trace_inject_raw(trace_context_current(), raw, sizeof raw) > 0);
        }
    }
    CHECK_STR(parent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    (void)trace_flush(1000);
    CHECK_UINT(seen, 0);
}

TEST(disabled_beats_the_program) {
    test_child child = test_fork(run_disabled, NULL, 20000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

static void inject_current(char *raw, size_t size) {
    trace_context none;
    memset(&none, 0, sizeof none);
    raw[0] = '\0';
    (void)trace_inject_raw(none, raw, size);
}

#define CALLER "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* Nothing is recorded, and what others sent goes on: by a block's parent, a detached span's, an attachment. */
static void check_passes_on(void) {
    trace_span_options options;
    trace_context caller;
    trace_span span;
    char raw[200];
    CHECK(trace_context_parse(&caller, CALLER, "vendor=value"));
    TRACE_SPAN("block", .parent = caller, .kind = TRACE_KIND_SERVER) {
        CHECK(!trace_span_is_recording(trace_span_current()));
        trace_span_set_int(trace_span_current(), "key", 1);
        TRACE_SPAN("inside") { inject_current(raw, sizeof raw); }
        CHECK_STR(raw, "traceparent: " CALLER "\r\ntracestate: vendor=value\r\n");
    }
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.parent = caller;
    options.detached = true;
    span = trace_span_start_with("detached", &options);
    (void)trace_inject_raw(trace_span_context(span), raw, sizeof raw);
    CHECK_STR(raw, "traceparent: " CALLER "\r\ntracestate: vendor=value\r\n");
    trace_span_end(span);
    inject_current(raw, sizeof raw);
    CHECK_STR(raw, "");
}

static void run_disabled_from_the_first_span(void *unused) {
    trace_stats stats;
    char raw[200];
    (void)unused;
    setenv("OTEL_SDK_DISABLED", "true", 1);
    tracei_environment_snapshot();               /* as at the program's start */
    TRACE_SPAN("main") {                         /* no call came before it that has read the variable */
        TRACE_SPAN("request") { inject_current(raw, sizeof raw); }
        CHECK_STR(raw, "");
    }
    trace_get_stats(&stats);
    CHECK_UINT(stats.started, 0);
    CHECK_UINT(stats.dropped[TRACE_DROP_SHUTDOWN], 0);
    check_passes_on();
    trace_get_stats(&stats);
    CHECK_UINT(stats.started, stats.sampled_out);
    CHECK_UINT(stats.misused, 0);
    CHECK_UINT(stats.open, 0);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
}

static void run_shut_down(void *unused) {
    trace_config config;
    (void)unused;
    memset(&config, 0, sizeof config);
    config.disable_environment = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    (void)trace_shutdown(1000);
    check_passes_on();
}

TEST(nothing_is_recorded_and_contexts_go_on) {
    test_child child = test_fork(run_disabled_from_the_first_span, NULL, 20000);
    CHECK_CHILD(&child, 0);
    CHECK_STR(child.err, "");
    test_child_free(&child);
    child = test_fork(run_shut_down, NULL, 20000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

static void run_and_say(void *disabled) {
    trace_config config;
    setenv("OTEL_LOG_LEVEL", "info", 1);
    setenv("OTEL_TRACES_EXPORTER", "console", 1);
    setenv("OTEL_SDK_DISABLED", disabled ? "true" : "false", 1);
    memset(&config, 0, sizeof config);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

TEST(what_runs_is_said_to_who_asks) {
    static char yes[] = "disabled";
    test_child child = test_fork(run_and_say, NULL, 20000);
    CHECK_CHILD(&child, 0);
    CHECK_STR(child.err, "trace.h: info: recording; exporters: console\n");
    test_child_free(&child);
    child = test_fork(run_and_say, yes, 20000);
    CHECK_CHILD(&child, 0);
    CHECK_HAS(child.err, "trace.h: info: disabled, nothing is recorded (OTEL_SDK_DISABLED or trace_config.disabled); exporters: ");
    test_child_free(&child);
}

TEST(misspelled_names_are_reported_with_the_nearest) {
    static const char *const rows[][2] = {
        {"TRACE_CONSOL", "TRACE_CONSOLE"}, {"TRACE_METRIC_FILE", "TRACE_METRICS_FILE"},
        {"OTEL_SERVICENAME", "OTEL_SERVICE_NAME"}, {"OTEL_SERVICE_NAMES", "OTEL_SERVICE_NAME"}, {"OTEL_SREVICE_NAME", "OTEL_SERVICE_NAME"},
        {"OTEL_RESOURCE_ATTRIBUTE", "OTEL_RESOURCE_ATTRIBUTES"}, {"OTEL_TRACE_SAMPLER", "OTEL_TRACES_SAMPLER"},
        {"OTEL_TRACES_SAMPLER_ARGS", "OTEL_TRACES_SAMPLER_ARG"}, {"OTEL_TRACE_EXPORTER", "OTEL_TRACES_EXPORTER"},
        {"OTEL_TRACES_EXPORTERS", "OTEL_TRACES_EXPORTER"}, {"OTEL_PROPAGATOR", "OTEL_PROPAGATORS"}, {"OTEL_SDK_DISABLE", "OTEL_SDK_DISABLED"},
        {"OTEL_EXPORTER_OTLP_TRACE_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}, {"OTEL_EXPORTER_OLTP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"},
        {"OTEL_EXPORTER_OTLP_HEADER", "OTEL_EXPORTER_OTLP_HEADERS"}, {"OTEL_BSP_SCHEDULED_DELAY", "OTEL_BSP_SCHEDULE_DELAY"},
        {"OTEL_Service_Name", "OTEL_SERVICE_NAME"}, {"OTEL_LOGLEVEL", "OTEL_LOG_LEVEL"},
        {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGES_CONTENT", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"},
        {"OTEL_INSTRUMENTATION_GEN_AI_CAPTURE_MESSAGE_CONTENT", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"},
        {"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHOD", "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[256];
        with_value(rows[i][0], "canary");
        tracei_environment_check();
        snprintf(expected, sizeof expected, "warning: %s is not a known variable: did you mean %s?\n", rows[i][0], rows[i][1]);
        CHECK_STR(logged, expected);
    }
}

/* Variables in real use: the specification's for every signal, and those of other languages' SDKs and agents. */
TEST(no_false_alarms) {
    static const char *const names[] = {
        "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_BLRP_EXPORT_TIMEOUT", "OTEL_BLRP_MAX_QUEUE_SIZE", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        "OTEL_LOGS_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_METRICS_EXEMPLAR_FILTER", "OTEL_METRIC_EXPORT_INTERVAL",
        "OTEL_METRIC_EXPORT_TIMEOUT", "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_METRICS_INSECURE",
        "OTEL_EXPORTER_OTLP_LOGS_INSECURE", "OTEL_EXPORTER_OTLP_METRIC_INSECURE", "OTEL_EXPORTER_OTLP_SPAN_INSECURE",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "OTEL_EXPORTER_PROMETHEUS_HOST", "OTEL_EXPORTER_PROMETHEUS_PORT", "OTEL_EXPORTER_JAEGER_AGENT_HOST",
        "OTEL_EXPORTER_JAEGER_AGENT_PORT", "OTEL_EXPORTER_JAEGER_ENDPOINT", "OTEL_EXPORTER_JAEGER_TIMEOUT", "OTEL_EXPORTER_JAEGER_USER",
        "OTEL_EXPORTER_JAEGER_PASSWORD", "OTEL_EXPORTER_JAEGER_PROTOCOL", "OTEL_SEMCONV_STABILITY_OPT_IN",
        "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "OTEL_INSTRUMENTATION_GENAI_UPLOAD_FORMAT", "OTEL_INSTRUMENTATION_COMMON_DEFAULT_ENABLED",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", "OTEL_INSTRUMENTATION_KAFKA_ENABLED", "OTEL_SERVICE_VERSION", "OTEL_SERVICE_INSTANCE_ID", "OTEL_ENTITIES", "OTEL_EXPORTER", "OTEL_ENABLED", "OTEL_TRACES_ENABLED",
        "OTEL_JAVAAGENT_ENABLED", "OTEL_JAVAAGENT_DEBUG", "OTEL_JAVA_ENABLED_RESOURCE_PROVIDERS", "OTEL_JAVA_GLOBAL_AUTOCONFIGURE_ENABLED",
        "OTEL_PYTHON_LOG_CORRELATION", "OTEL_PYTHON_ID_GENERATOR", "OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_CONTEXT",
        "OTEL_PYTHON_EXCLUDED_URLS", "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "OTEL_NODE_RESOURCE_DETECTORS",
        "OTEL_NODE_ENABLED_INSTRUMENTATIONS", "OTEL_NODE_EXPERIMENTAL_SDK_METRICS", "OTEL_GO_X_EXEMPLAR", "OTEL_GO_X_RESOURCE",
        "OTEL_GO_AUTO_TARGET_EXE", "OTEL_DOTNET_AUTO_HOME", "OTEL_DOTNET_AUTO_TRACES_ADDITIONAL_SOURCES", "OTEL_DOTNET_AUTO_LOG_DIRECTORY",
        "OTEL_PHP_AUTOLOAD_ENABLED", "OTEL_PHP_TRACES_PROCESSOR", "OTEL_PHP_DETECTORS", "OTEL_RUBY_INSTRUMENTATION_RACK_ENABLED",
        "OTEL_RUBY_BSP_START_THREAD_ON_BOOT", "OTEL_RUST_LOG", "OTEL_BSP_MAX_CONCURRENT_EXPORTS", "OTEL_AGENT_COLLECTOR_HOST",
        "OTEL_OPERATOR_X", "OTEL_COLLECTOR_NAME", "OTEL_CPP_X", "OTEL_EBPF_OPEN_PORT", "OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT",
        "OTEL_LAMBDA_DISABLE_AWS_CONTEXT_PROPAGATION", "OTEL_K8S_NODE_NAME", "OTEL_RESOURCE_ATTRIBUTES_POD_NAME",
        "OTEL_RESOURCE_ATTRIBUTES_NODE_NAME", "OTEL_RESOURCE_DETECTORS", "OTEL_SPAN_PROCESSOR", "OTEL_INJECTOR_CONFIG_FILE",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        with_value(names[i], "x");
        tracei_environment_check();
        CHECK_STR(logged, "");
    }
    const char *variable = NULL;
    size_t group = 0;
    while ((variable = tracei_variable_next(variable, &group)) != NULL) {
        if (strstr(variable, "CONFIG_FILE")) continue;
        with_value(variable, "x");
        tracei_environment_check();
        CHECK_STR(logged, "");
    }
}

TEST(a_configuration_file_is_not_silently_ignored) {
    with("OTEL_CONFIG_FILE=/etc/otel.yaml", NO_ENTRY);
    tracei_environment_check();
    CHECK_STR(logged, "warning: OTEL_CONFIG_FILE ignored: configuration files are not supported; other variables apply\n");
}

TEST(distances_are_levenshtein_up_to_two) {
    for (int round = 0; round < 20000; round++) {
        char a[12], b[12];
        unsigned whole[12][12];
        const size_t m = (size_t)test_random_below(11), n = (size_t)test_random_below(11);
        for (size_t i = 0; i < m; i++) a[i] = (char)('a' + test_random_below(3));
        for (size_t i = 0; i < n; i++) b[i] = (char)('A' + test_random_below(3));
        a[m] = b[n] = '\0';
        for (size_t i = 0; i <= m; i++)
            for (size_t j = 0; j <= n; j++) {
                unsigned cost = i && j ? whole[i - 1][j - 1] + (tracei_environment_lower(a[i - 1]) != tracei_environment_lower(b[j - 1])) : 99;
                if (i && whole[i - 1][j] + 1 < cost) cost = whole[i - 1][j] + 1;
                if (j && whole[i][j - 1] + 1 < cost) cost = whole[i][j - 1] + 1;
                whole[i][j] = i || j ? cost : 0;
            }
        CHECK_UINT(tracei_environment_distance(tracei_string(a), b), whole[m][n] > 2 ? 3 : whole[m][n]);
    }
}

/* ---- threads, privileges, memory ------------------------------------------------------------------------------------ */

static uint32_t stop_setting;

static void *set_in_a_loop(void *argument) {
    char value[32];
    (void)argument;
    for (unsigned i = 0; !TRACEI_LOAD(&stop_setting); i++) {
        snprintf(value, sizeof value, "%u", i);
        setenv("OTEL_SERVICE_NAME", value, 1);
        setenv(i & 1 ? "OTEL_A" : "OTEL_B", value, 1);
    }
    return NULL;
}

/* Under the thread sanitizer any getenv on this side would be a race. */
TEST(readers_do_not_mind_setenv_on_another_thread) {
    pthread_t thread;
    with("OTEL_SERVICE_NAME=steady", "OTEL_BSP_SCHEDULE_DELAY=5", NO_ENTRY);
    stop_setting = 0;
    REQUIRE(pthread_create(&thread, NULL, set_in_a_loop, NULL) == 0);
    for (int i = 0; i < 20000; i++) {
        uint32_t out = 0;
        if (!CHECK_STR(tracei_environment("OTEL_SERVICE_NAME"), "steady")) break;
        if (!CHECK(tracei_environment_u32("OTEL_BSP_SCHEDULE_DELAY", 0, 9, &out) && out == 5)) break;
    }
    TRACEI_STORE(&stop_setting, 1u);
    pthread_join(thread, NULL);
}

static void *refuse(void *user, size_t size) {
    (void)user, (void)size;
    return NULL;
}

TEST(without_memory_nothing_is_read_and_that_is_said) {
    tracei_pairs found;
    with("OTEL_SERVICE_NAME=x", NO_ENTRY);
    tracei_allocator.allocate_fn = refuse;
    CHECK(!tracei_pairs_parse(&found, "OTEL_RESOURCE_ATTRIBUTES", "a=b"));
    CHECK_STR(logged, "error: OTEL_RESOURCE_ATTRIBUTES ignored: no memory\n");
    logged[0] = '\0';
    tracei_environment_snapshot();
    tracei_allocator.allocate_fn = NULL;
    CHECK_STR(logged, "error: no memory for the environment: its variables are not read\n");
    CHECK_STR(tracei_environment("OTEL_SERVICE_NAME"), NULL);
}

/* Whether an exporter to that address would be given a proxy, or told that it could not use it; or a list of exceptions. */
static const char *proxy_for(const char *address) {
    tracei_http_options options;
    tracei_url url;
    memset(&options, 0, sizeof options);
    options.owner = "test";
    if (tracei_url_parse(address, &url)) return "no address";
    logged[0] = '\0';
    tracei_logger.log_fn = keep_log;
    tracei_open_environment(&options, &url);
    return options.proxy || options.no_proxy || logged[0] ? "a proxy" : "no proxy";
}

TEST(proxies_are_read) {
    with("http_proxy=http://proxy.example:1", NO_ENTRY);
    CHECK_STR(proxy_for("http://collector.example:4318"), "a proxy");
    CHECK_STR(proxy_for("https://collector.example:4318"), "no proxy");
    CHECK_STR(proxy_for("http://127.0.0.1:4318"), "no proxy");
    with("no_proxy=collector.example", NO_ENTRY);
    CHECK_STR(proxy_for("http://collector.example:4318"), "a proxy");
}

#ifndef _WIN32
static char copied_program[64];

static void as_nobody(void *user) {
    (void)user;
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(77);
    setenv("OTEL_SERVICE_NAME", "canary", 1);
    setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 1);
    setenv("BAGGAGE", "a=canary", 1);
    setenv("http_proxy", "http://canary.example:1", 1);
    setenv("HTTPS_PROXY", "http://canary.example:1", 1);
    setenv("all_proxy", "http://canary.example:1", 1);
    setenv("no_proxy", "canary", 1);
    execl(copied_program, copied_program, "--privileged", (char *)NULL);
    _exit(77);
}

TEST(a_privileged_program_reads_no_environment) {
    char *program;
    size_t size = 0;
    test_child child;
    if (getuid() != 0) SKIP("needs root, to make a set-user-id program");
    snprintf(copied_program, sizeof copied_program, "/tmp/test_environment_%ld", (long)getpid());
    program = test_read_file("/proc/self/exe", &size);
    REQUIRE(program != NULL);
    CHECK(test_write_file(copied_program, program, size));
    CHECK_INT(chmod(copied_program, 04755), 0);
    free(program);
    child = test_fork(as_nobody, NULL, 20000);
    unlink(copied_program);
    if (child.status == 78) SKIP("the file system gives no privileges");
    if (child.status != 77) {
        CHECK_CHILD(&child, 0);
        CHECK_STR(child.out, "none\nnone\nno proxy\nno proxy\n");
    }
    test_child_free(&child);
}

/* What the privileged copy does. */
static int privileged(void) {
    trace_context context;
    size_t baggage;
    if (geteuid() == getuid()) return 78;
    tracei_environment_snapshot();
    printf("%s\n", tracei_environment("OTEL_SERVICE_NAME") ? tracei_environment("OTEL_SERVICE_NAME") : "none");
    context = trace_extract_environment();
    baggage = trace_baggage_get(context, "a", NULL, 0);
    printf("%s\n", trace_context_is_valid(context) || baggage != SIZE_MAX ? "the carrier was read" : "none");
    printf("%s\n%s\n", proxy_for("http://collector.example:4318"), proxy_for("https://collector.example:4318"));
    return getenv("OTEL_SERVICE_NAME") && getenv("http_proxy") ? 0 : 77;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--privileged") == 0) return privileged();
    return test_main(argc, argv);
}
#else
TEST_MAIN()
#endif
