/* test_correlation.c - ids in log lines, environments of programs to be executed, baggage as attributes, samplers of one's own
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "ledger.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static uint64_t buffer[1 << 14];
static trace_exporter memory;
static trace_span_data spans[64];

static trace_config memory_config(void) {
    memory = trace_memory_exporter(buffer, sizeof buffer);
    return ledger_config(memory);
}

static trace_context remote(const char *state) {
    trace_context context;
    CHECK(trace_context_parse(&context, PARENT, state));
    return context;
}

/* --- log lines --- */

static const char *fields(trace_context context, trace_log_format format) {
    static char text[200];
    const size_t size = trace_log_fields(context, format, text, sizeof text);
    CHECK_UINT(size, strlen(text));
    return text;
}

ISOLATED(ids_for_a_log_line) {
    trace_config config = memory_config();
    const trace_context context = remote(NULL);
    trace_context zero, empty;
    char small[16], id[33];
    size_t size;
    memset(&zero, 0, sizeof zero);
    memset(&empty, 0, sizeof empty);
    empty.is_explicit = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_STR(fields(context, TRACE_LOG_FORMAT_JSON), "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"span_id\":"
                                                      "\"b7ad6b7169203331\",\"trace_flags\":\"01\"");
    CHECK_STR(fields(context, TRACE_LOG_FORMAT_LOGFMT),
              "trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331 trace_flags=01");
    CHECK_STR(fields(context, TRACE_LOG_FORMAT_SYSLOG), "[opentelemetry trace_id=\"0af7651916cd43dd8448eb211c80319c\" span_id="
                                                        "\"b7ad6b7169203331\" trace_flags=\"01\"]");
    CHECK_STR(fields(zero, TRACE_LOG_FORMAT_JSON), "");
    CHECK_STR(fields(zero, TRACE_LOG_FORMAT_LOGFMT), "");
    CHECK_STR(fields(zero, TRACE_LOG_FORMAT_SYSLOG), "-");
    TRACE_SPAN("current") {
        CHECK(strstr(fields(zero, TRACE_LOG_FORMAT_LOGFMT), trace_id_string(zero, id)) != NULL);
        CHECK(strstr(fields(zero, TRACE_LOG_FORMAT_LOGFMT), trace_span_id_string(zero, id)) != NULL);
        CHECK_STR(fields(empty, TRACE_LOG_FORMAT_JSON), "");
    }
    for (size = 0; size <= sizeof small; size++) {
        memset(small, 'x', sizeof small);
        CHECK_UINT(trace_log_fields(context, TRACE_LOG_FORMAT_LOGFMT, small, size), 81);
        CHECK(!size || (strlen(small) == size - 1 && memcmp(small, "trace_id=0af7651", size - 1) == 0));
        CHECK(size == sizeof small || small[size] == 'x');
    }
    CHECK_UINT(trace_log_fields(context, TRACE_LOG_FORMAT_SYSLOG, NULL, 0), 103);
}

/* --- environments --- */

static const char *variable(char *const *environment, const char *name) {
    const char *found = NULL;
    for (; *environment; environment++) {
        if (strncmp(*environment, name, strlen(name)) != 0 || (*environment)[strlen(name)] != '=') continue;
        CHECK(!found); /* once */
        found = *environment + strlen(name) + 1;
    }
    return found;
}

ISOLATED(an_environment_for_another_program) {
    static char home[] = "HOME=/root", old[] = "TRACEPARENT=old", state[] = "TRACESTATE=old=1", bag[] = "BAGGAGE=old=1",
                empty_name[] = "=x", alike[] = "TRACEPARENTS=kept", jaeger[] = "UBERCTX_USER=old", b3[] = "B3=old",
                no_value[] = "PLAIN";
    char *const environment[] = {home, old, state, bag, alike, empty_name, jaeger, b3, no_value, NULL};
    trace_config config = memory_config();
    trace_context context, nothing;
    char *block[64];
    size_t size, needed, before, i;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    context = trace_baggage_set(remote("a=1,b=2"), "user", "J\xc3\xb6rg, 42");
    memset(&nothing, 0, sizeof nothing);
    nothing.is_explicit = true;
    needed = trace_inject_environment(context, environment, NULL, 0);
    for (size = 0; size <= sizeof block; size += size < needed ? 1 : 61) {
        memset((void *)block, 0x5a, sizeof block);
        CHECK_UINT(trace_inject_environment(context, environment, block, size), needed);
        for (i = size < needed ? 0 : needed; i < sizeof block; i++) CHECK(((unsigned char *)block)[i] == 0x5a);
    }
    CHECK_UINT(trace_inject_environment(context, environment, block, sizeof block), needed);
    CHECK_STR(variable(block, "TRACEPARENT"), PARENT);
    CHECK_STR(variable(block, "TRACESTATE"), "a=1,b=2");
    CHECK_STR(variable(block, "BAGGAGE"), "user=J%C3%B6rg%2C%2042");
    CHECK_STR(variable(block, "TRACEPARENTS"), "kept");
    CHECK(block[0] == home && !variable(block, "UBERCTX_USER") && !variable(block, "B3"));
    for (i = 0; block[i]; i++) {}
    CHECK_UINT(i, 7);
    before = trace_inject_environment(nothing, environment, block, sizeof block); /* a new root: nothing old is handed on */
    CHECK(before < needed && !variable(block, "TRACEPARENT") && !variable(block, "BAGGAGE") && variable(block, "HOME"));
    CHECK(trace_inject_environment(context, NULL, block, sizeof block) < needed);
    CHECK_STR(variable(block, "TRACEPARENT"), PARENT);
    TRACE_SPAN("current") {
        trace_context zero;
        char id[17];
        memset(&zero, 0, sizeof zero);
        (void)trace_inject_environment(zero, environment, block, sizeof block);
        CHECK(strstr(variable(block, "TRACEPARENT"), trace_span_id_string(zero, id)) != NULL);
        CHECK(!variable(block, "TRACESTATE"));
    }
    CHECK(getenv("TRACEPARENT") == NULL);
    CHECK_UINT(trace_inject_environment(nothing, NULL, block, sizeof block), sizeof(char *));
    CHECK(block[0] == NULL);
}

ISOLATED(b3_in_an_environment) {
    char *block[64];
    trace_config config = memory_config();
    setenv("OTEL_PROPAGATORS", "b3multi", 1);
    config.disable_environment = false;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    (void)trace_inject_environment(remote(NULL), NULL, block, sizeof block);
    CHECK_STR(variable(block, "X_B3_TRACEID"), "0af7651916cd43dd8448eb211c80319c");
    CHECK_STR(variable(block, "X_B3_SPANID"), "b7ad6b7169203331");
}

/* --- baggage as attributes --- */

static const trace_attribute *attribute_of(const trace_span_data *span, const char *key) {
    for (size_t i = 0; i < span->attribute_count; i++)
        if (span->attributes[i].key.size == strlen(key) && memcmp(span->attributes[i].key.data, key, strlen(key)) == 0)
            return &span->attributes[i];
    return NULL;
}

static const char *text_of(const trace_span_data *span, const char *key) {
    const trace_attribute *const attribute = attribute_of(span, key);
    return attribute && attribute->value.type == TRACE_TYPE_STRING ? attribute->value.as.string.data : "(none)";
}

ISOLATED(baggage_becomes_attributes) {
    static const char *const keys[] = {"user", "tenant.*"};
    static char long_value[1300];
    trace_config config = memory_config();
    trace_context context;
    trace_span_options options;
    trace_attribute own;
    config.baggage_attributes = keys;
    config.baggage_attribute_count = 2;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (size_t i = 0; i + 2 < sizeof long_value; i += 2) memcpy(long_value + i, "\xc3\xb6", 2);
    context = trace_baggage_set(remote(NULL), "user", "J\xc3\xb6rg, 42");
    context = trace_baggage_set(context, "tenant.id", "7");
    context = trace_baggage_set(context, "tenant.", "bare");
    context = trace_baggage_set(context, "tenant", "no");
    context = trace_baggage_set(context, "users", "no");
    context = trace_baggage_set(context, "tenant.long", long_value);
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.parent = context;
    trace_span_end(trace_span_start_with("server", &options));
    own = TRACE_ATTR_STRING("user", "given at start");
    options.attributes = &own;
    options.attribute_count = 1;
    trace_span_end(trace_span_start_with("own", &options));
    TRACE_WITH(context) {
        TRACE_SPAN("outer") {
            TRACE_SPAN("inner") {}
        }
    }
    TRACE_SPAN("without baggage") {
        TRACE_SPAN("its child") {}
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(trace_memory_get(&memory, spans, 64), 6);
    for (size_t i = 0; i < 4; i++) {
        CHECK_STR(text_of(&spans[i], "user"), i == 1 ? "given at start" : "J\xc3\xb6rg, 42");
        CHECK_STR(text_of(&spans[i], "tenant.id"), "7");
        CHECK_STR(text_of(&spans[i], "tenant."), "bare");
        CHECK_UINT(spans[i].attribute_count, 4);
        CHECK_UINT(strlen(text_of(&spans[i], "tenant.long")), 1020);
        CHECK(memcmp(text_of(&spans[i], "tenant.long"), long_value, 1020) == 0);
    }
    CHECK_UINT(spans[4].attribute_count + spans[5].attribute_count, 0);
    CHECK_LEDGER();
}

ISOLATED(wrong_keys_of_baggage) {
    static const char *const bad[] = {"user", ""},
                      *const long_key[] = {"0123456789012345678901234567890123456789012345678901234567890123"}; /* 64 */
    const char *const longest_key[] = {long_key[0] + 1};
    trace_config config = memory_config();
    config.baggage_attributes = bad;
    config.baggage_attribute_count = 2;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.baggage_attributes = long_key;
    config.baggage_attribute_count = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.baggage_attribute_count = 17;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.baggage_attributes = NULL;
    config.baggage_attribute_count = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.baggage_attributes = longest_key;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

/* --- samplers of one's own --- */

static char seen_state[200];

static trace_decision look_and_add(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    snprintf(seen_state, sizeof seen_state, "%.*s", (int)input->trace_state.size, input->trace_state.data);
    output->attributes = (const trace_attribute *)user;
    output->attribute_count = 2;
    if (input->name.size == 5) {
        output->trace_state.data = "mine=1";
        output->trace_state.size = 6;
    }
    return TRACE_DECISION_SAMPLE;
}

ISOLATED(a_sampler_sees_tracestate_and_adds_attributes) {
    trace_config config = memory_config();
    trace_attribute added[2];
    trace_span_options options;
    added[0] = TRACE_ATTR_INT("priority", 3);
    added[1] = TRACE_ATTR_STRING("route", "added");
    config.sampler.description = "Look";
    config.sampler.sample_fn = look_and_add;
    config.sampler.user = added;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.parent = remote("a=1,ot=th:8");
    (void)trace_span_start_with("state", &options);
    CHECK_STR(seen_state, "a=1,ot=th:8");
    trace_span_end(trace_span_start("inner span"));
    CHECK_STR(seen_state, "mine=1");
    trace_span_end(trace_span_current());
    trace_span_end(trace_span_start("root span"));
    CHECK_STR(seen_state, "");
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(trace_memory_get(&memory, spans, 64), 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_STR(text_of(&spans[i], "route"), "added");
        CHECK(attribute_of(&spans[i], "priority") && attribute_of(&spans[i], "priority")->value.as.integer == 3);
    }
    CHECK_TEXT(spans[0].trace_state.data, spans[0].trace_state.size, "mine=1");
    CHECK_LEDGER();
}

/* --- health --- */

ISOLATED(the_last_error_in_words) {
    static doer bad;
    static uint64_t small[64];
    trace_config config = ledger_config(doer_exporter(&bad, "one"));
    memory = trace_memory_exporter(small, sizeof small);
    config.exporters[1] = memory;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    trace_span_end(trace_span_start("first"));
    (void)trace_flush(1000);
    CHECK_STR(ledger_of("one").last_error, "");
    CHECK(ledger_of("one").last_success_unix_ns && !ledger_of("one").last_failure_unix_ns);
    bad.fail = 1;
    trace_span_end(trace_span_start("second"));
    (void)trace_flush(1000);
    CHECK_STR(ledger_of("one").last_error, "spans were lost");
    CHECK_STR(ledger_of("memory").last_error, "the buffer is full");
    CHECK(ledger_of("one").last_failure_unix_ns >= ledger_of("one").last_success_unix_ns);
    CHECK_LEDGER();
}

TEST_MAIN()
