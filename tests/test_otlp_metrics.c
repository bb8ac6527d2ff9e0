/* test_otlp_metrics.c - metrics of model calls as text, and all metrics as OTLP, read back by a decoder of its own
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* also: plain c++ */
/* not: windows: POSIX sockets */
#include "test.h"
#include <pthread.h>
#include "hostile_server.h"

#define TRACE_GENAI_METRICS 1
#define TRACE_IMPLEMENTATION
#include "../trace_genai.h"
#include "../trace_otlp_metrics.h"
#include "ledger.h"

/* --- a decoder: messages by a table of their fields --- */

typedef enum kind { MESSAGE, TEXT, HEX, NUMBER, UNSIGNED, TIME, DOUBLE, UNSIGNEDS, DOUBLES } kind;

static const struct field {
    const char *message;
    unsigned number;
    const char *name;
    kind how;
    const char *child;
} fields[] = {
    {"Request", 1, "resource_metrics", MESSAGE, "ResourceMetrics"},
    {"ResourceMetrics", 1, "resource", MESSAGE, "Resource"},
    {"ResourceMetrics", 2, "scope_metrics", MESSAGE, "ScopeMetrics"},
    {"Resource", 1, "attributes", MESSAGE, "KeyValue"},
    {"ScopeMetrics", 1, "scope", MESSAGE, "Scope"},
    {"ScopeMetrics", 2, "metrics", MESSAGE, "Metric"},
    {"Scope", 1, "name", TEXT, NULL},
    {"Scope", 2, "version", TEXT, NULL},
    {"Metric", 1, "name", TEXT, NULL},
    {"Metric", 2, "description", TEXT, NULL},
    {"Metric", 3, "unit", TEXT, NULL},
    {"Metric", 5, "gauge", MESSAGE, "Gauge"},
    {"Metric", 7, "sum", MESSAGE, "Sum"},
    {"Metric", 9, "histogram", MESSAGE, "Histogram"},
    {"Gauge", 1, "data_points", MESSAGE, "Number"},
    {"Sum", 1, "data_points", MESSAGE, "Number"},
    {"Sum", 2, "aggregation_temporality", NUMBER, NULL},
    {"Sum", 3, "is_monotonic", NUMBER, NULL},
    {"Histogram", 1, "data_points", MESSAGE, "HistogramPoint"},
    {"Histogram", 2, "aggregation_temporality", NUMBER, NULL},
    {"Number", 2, "start_time_unix_nano", TIME, NULL},
    {"Number", 3, "time_unix_nano", TIME, NULL},
    {"Number", 4, "as_double", DOUBLE, NULL},
    {"Number", 7, "attributes", MESSAGE, "KeyValue"},
    {"HistogramPoint", 2, "start_time_unix_nano", TIME, NULL},
    {"HistogramPoint", 3, "time_unix_nano", TIME, NULL},
    {"HistogramPoint", 4, "count", UNSIGNED, NULL},
    {"HistogramPoint", 5, "sum", DOUBLE, NULL},
    {"HistogramPoint", 6, "bucket_counts", UNSIGNEDS, NULL},
    {"HistogramPoint", 7, "explicit_bounds", DOUBLES, NULL},
    {"HistogramPoint", 8, "exemplars", MESSAGE, "Exemplar"},
    {"HistogramPoint", 9, "attributes", MESSAGE, "KeyValue"},
    {"Exemplar", 2, "time_unix_nano", TIME, NULL},
    {"Exemplar", 3, "as_double", DOUBLE, NULL},
    {"Exemplar", 4, "span_id", HEX, NULL},
    {"Exemplar", 5, "trace_id", HEX, NULL},
    {"KeyValue", 1, "key", TEXT, NULL},
    {"KeyValue", 2, "value", MESSAGE, "AnyValue"},
    {"AnyValue", 1, "string_value", TEXT, NULL},
    {"AnyValue", 2, "bool_value", NUMBER, NULL},
    {"AnyValue", 3, "int_value", NUMBER, NULL},
    {"AnyValue", 5, "array_value", HEX, NULL},
};

static char dumped[1 << 18];
static size_t dumped_size;

static void dump(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void dump(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    dumped_size += (size_t)vsnprintf(dumped + dumped_size, sizeof dumped - dumped_size, format, arguments);
    va_end(arguments);
}

static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *out) {
    unsigned shift = 0;
    *out = 0;
    while (*at < end && shift < 64) {
        *out |= (uint64_t)(**at & 0x7f) << shift;
        if (!(*(*at)++ & 0x80)) return true;
        shift += 7;
    }
    return false;
}

static uint64_t fixed64(const uint8_t *at) {
    uint64_t value = 0;
    int i;
    for (i = 7; i >= 0; i--) value = value << 8 | at[i];
    return value;
}

static double as_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool dump_message(const char *message, const uint8_t *at, const uint8_t *end, int depth);

static bool dump_field(const struct field *field, const uint8_t *at, uint64_t size, uint64_t value, int depth) {
    uint64_t i;
    switch (field->how) {
    case MESSAGE:
        dump("%s {\n", field->name);
        if (!dump_message(field->child, at, at + size, depth + 1)) return false;
        dump("%*s}\n", 2 * depth, "");
        return true;
    case TEXT: dump("%s \"%.*s\"\n", field->name, (int)size, (const char *)at); return true;
    case HEX: dump("%s <%u bytes>\n", field->name, (unsigned)size); return true;
    case NUMBER: dump("%s %" PRIu64 "\n", field->name, value); return true;
    case UNSIGNED: dump("%s %" PRIu64 "\n", field->name, fixed64(at)); return true;
    case TIME: dump("%s %s\n", field->name, fixed64(at) > 1700000000000000000u ? "then" : "never"); return true;
    case DOUBLE: dump("%s %.9g\n", field->name, as_double(fixed64(at))); return true;
    case UNSIGNEDS:
    case DOUBLES:
        dump("%s", field->name);
        for (i = 0; i < size; i += 8)
            if (field->how == DOUBLES) dump(" %g", as_double(fixed64(at + i)));
            else dump(" %" PRIu64, fixed64(at + i));
        dump("\n");
        return size % 8 == 0;
    }
    return false;
}

static bool dump_message(const char *message, const uint8_t *at, const uint8_t *end, int depth) {
    while (at < end) {
        uint64_t tag, size = 8, value = 0;
        const struct field *field = NULL;
        size_t i;
        if (!varint(&at, end, &tag)) return CHECK(!"a tag");
        if ((tag & 7) == 0 && !varint(&at, end, &value)) return CHECK(!"a number");
        if ((tag & 7) == 2 && !varint(&at, end, &size)) return CHECK(!"a length");
        if ((tag & 7) != 0 && size > (uint64_t)(end - at)) return CHECK(!"what the length says");
        for (i = 0; i < sizeof fields / sizeof fields[0]; i++)
            if (strcmp(fields[i].message, message) == 0 && fields[i].number == tag >> 3) field = &fields[i];
        if (!field) {
            fprintf(stderr, "    %s has no field %u\n", message, (unsigned)(tag >> 3));
            return CHECK(!"a field of the message");
        }
        dump("%*s", 2 * depth, "");
        if (!dump_field(field, at, size, value, depth)) return false;
        if ((tag & 7) != 0) at += size;
    }
    return true;
}

/* --- model calls, at times of our own --- */

static uint64_t fake_now = 1000000000;
static uint64_t fake_mono(void *user) { (void)user; return __atomic_load_n(&fake_now, __ATOMIC_RELAXED); }
static uint64_t fake_unix(void *user) { return 1700000000000000000u + fake_mono(user); }
static void pass_ms(uint64_t ms) { __atomic_fetch_add(&fake_now, ms * 1000000, __ATOMIC_RELAXED); }

static char logged[4096];
static void keep_log(void *user, trace_log_level level, const char *message) {
    const size_t used = strlen(logged);
    (void)user, (void)level;
    snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

extern char **environ;
static char environment_bytes[4][256];
static char *environment[5];

static void set_environment(const char *endpoint, const char *more) {
    int count = 1;
    snprintf(environment_bytes[0], 256, "OTEL_TRACES_EXPORTER=metrics");
    if (endpoint) snprintf(environment_bytes[count], 256, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=%s", endpoint), count++;
    if (more) snprintf(environment_bytes[count], 256, "%s", more), count++;
    environment[0] = environment_bytes[0];
    environment[1] = count > 1 ? environment_bytes[1] : NULL;
    environment[2] = count > 2 ? environment_bytes[2] : NULL;
    environ = environment;
}

static bool begin(bool fake_clock) {
    trace_genai_options options;
    trace_config config;
    memset(&options, 0, sizeof options);
    memset(&config, 0, sizeof config);
    config.service_name = "shop";
    config.logger.log_fn = keep_log;
    if (fake_clock) {
        config.clock.monotonic_fn = fake_mono;
        config.clock.unix_fn = fake_unix;
    }
    options.prices = "openai gpt-4o 2.5 10\n";
    return CHECK_INT(trace_init(&config), TRACE_RESULT_OK) && CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
}

static void call_model(const char *provider, const char *model, uint64_t ms, int64_t input, int64_t output, const char *error) {
    const trace_span span = trace_genai_start_chat(provider, model, NULL);
    trace_genai_usage usage;
    memset(&usage, 0, sizeof usage);
    usage.input_tokens = input;
    usage.output_tokens = output;
    usage.cache_read_tokens = input / 2;
    pass_ms(ms);
    if (input) trace_genai_set_usage(span, &usage);
    if (error) trace_span_record_error(span, error, NULL);
    trace_span_end(span);
}

static void call_models(void) {
    call_model("openai", "gpt-4o", 100, 200, 50, NULL);
    call_model("openai", "gpt-4o", 3000, 20000, 500, NULL);
    call_model("openai", "gpt-4o", 5, 0, 0, "Timeout");
    call_model("cohere", "command", 40, 10, 1, NULL);
    TRACE_GENAI_TOOL("weather") pass_ms(7);
}

ISOLATED(model_calls_as_prometheus_text) {
    static char text[1 << 17];
    const char *from;
    set_environment(NULL, NULL);
    if (!begin(true)) return;
    call_models();
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK(trace_metrics_render(TRACE_METRICS_FORMAT_PROMETHEUS, text, sizeof text) < sizeof text);
    from = strstr(text, "# HELP ai_llm_requests_total");
    if (!CHECK(from != NULL)) return;
    CHECK_HAS(from, "ai_llm_requests_total{provider=\"openai\",model=\"gpt-4o\",status=\"ok\"} 2\n");
    CHECK_HAS(from, "ai_llm_requests_total{provider=\"openai\",model=\"gpt-4o\",status=\"error\"} 1\n");
    CHECK_HAS(from, "ai_llm_tokens_total{provider=\"openai\",model=\"gpt-4o\",type=\"input\"} 20200\n");
    CHECK_HAS(from, "ai_llm_tokens_total{provider=\"openai\",model=\"gpt-4o\",type=\"cache_read\"} 10100\n");
    CHECK_HAS(from, "ai_llm_duration_seconds_count{provider=\"openai\",model=\"gpt-4o\"} 3\n");
    CHECK_HAS(from, "ai_llm_duration_seconds_sum{provider=\"openai\",model=\"gpt-4o\"} 3.105\n");
    CHECK_HAS(from, "# TYPE ai_llm_cost_dollars histogram\n");
    CHECK_HAS(from, "ai_llm_cost_dollars_sum{provider=\"openai\",model=\"gpt-4o\"} 0.056\n");
    CHECK_HAS_NOT(from, "ai_llm_cost_dollars_sum{provider=\"cohere\"");
    CHECK_HAS(from, "gen_ai_client_operation_duration_seconds_bucket{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"openai\","
                    "gen_ai_request_model=\"gpt-4o\",error_type=\"Timeout\",le=\"0.01\"} 1\n");
    CHECK_HAS(from, "gen_ai_client_token_usage_sum{gen_ai_operation_name=\"chat\",gen_ai_provider_name=\"cohere\","
                    "gen_ai_request_model=\"command\",gen_ai_token_type=\"output\"} 1\n");
    CHECK_HAS_NOT(from, "weather");
    CHECK_LEDGER();
}

static const hostile_step takes_all[] = {
    {HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_AGAIN, 0, 0}};

static const hostile_step takes_its_time[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_PAUSE, 0, 150},
                                              {HOSTILE_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_AGAIN, 0, 0}};

/* A flush waits in slices, and a shutdown begins before it waits: neither sends the numbers twice. */
ISOLATED(a_slow_server_is_sent_the_numbers_once) {
    hostile_server *const server = hostile_start(NULL);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/metrics", server->port);
    set_environment(url, NULL);
    hostile_script(server, takes_its_time);
    hostile_run(server);
    if (!begin(false)) return;
    call_models();
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(server->requests, 1);
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    CHECK_UINT(server->requests, 2);
    hostile_stop(server);
    hostile_free(server);
}

ISOLATED(all_metrics_as_otlp) {
    hostile_server *const server = hostile_start(NULL);
    char url[64];
    const char *folder = getenv("TEST_BUILD_DIR"), *from;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/metrics", server->port);
    set_environment(url, "OTEL_EXPORTER_OTLP_METRICS_HEADERS=x-tenant=a%20b");
    hostile_script(server, takes_all);
    hostile_run(server);
    if (!begin(false)) return;
    call_models();
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_STR(logged, "");
    CHECK_UINT(server->requests, 1);
    CHECK_HAS(server->head, "POST /v1/metrics HTTP/1.1");
    CHECK_HAS(server->head, "application/x-protobuf");
    CHECK_HAS(server->head, "x-tenant: a b\r\n");
    CHECK(dump_message("Request", server->body, server->body + server->body_size, 0));
    CHECK_HAS(dumped, "string_value \"shop\"");
    from = strstr(dumped, "metrics {\n      name \"ai.llm.requests\"");
    if (CHECK(from != NULL)) {
        CHECK_HAS(from, "unit \"{request}\"\n      sum {\n        data_points {\n          start_time_unix_nano then\n"
                        "          time_unix_nano then\n          as_double 2\n          attributes {\n            key \"provider\"\n            value {\n"
                        "              string_value \"openai\"\n");
        CHECK_HAS(from, "        aggregation_temporality 2\n        is_monotonic 1\n");
        CHECK_HAS(from, "explicit_bounds 0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92\n");
        CHECK_HAS(from, "explicit_bounds 1 4 16 64 256 1024 4096 16384 65536 262144 1.04858e+06 4.1943e+06 1.67772e+07 "
                        "6.71089e+07\n");
        CHECK_HAS(from, "count 2\n          sum 20200\n          bucket_counts 0 0 0 0 1 0 0 0 1 0 0 0 0 0 0\n");
        CHECK_HAS(from, "span_id <8 bytes>\n            trace_id <16 bytes>\n");
    }
    CHECK_HAS(dumped, "name \"traces.span.metrics.calls\"");
    if (folder) {                 /* for the published schema: tests/oracle/metrics_oracle.py */
        char path[512];
        FILE *file;
        snprintf(path, sizeof path, "%s/metrics.bin", folder);
        file = fopen(path, "wb");
        if (CHECK(file != NULL)) {
            fwrite(server->body, 1, server->body_size, file);
            fclose(file);
        }
    }
    call_model("openai", "gpt-4o", 0, 1, 1, NULL);             /* cumulative: the next push has all of it */
    CHECK_INT(trace_shutdown(10000), TRACE_RESULT_OK);
    CHECK_UINT(server->requests, 2);
    dumped_size = 0;
    CHECK(dump_message("Request", server->body, server->body + server->body_size, 0));
    CHECK_HAS(strstr(dumped, "name \"ai.llm.requests\""), "as_double 3\n");
    hostile_stop(server);
    hostile_free(server);
}

ISOLATED(a_server_that_does_not_take_them) {
    static const hostile_step no[] = {
        {HOSTILE_READ, 0, 0},
        {HOSTILE_SEND, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 0},
        {HOSTILE_END, 0, 0}};
    hostile_server *const server = hostile_start(NULL);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/secret-canary", server->port);
    set_environment(url, "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc");
    hostile_script(server, no);
    hostile_run(server);
    if (!begin(false)) return;
    CHECK_HAS(logged, "otlp metrics: sent as http/protobuf");
    call_models();
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    CHECK_HAS(logged, "otlp metrics: ");
    CHECK_HAS(logged, "404");
    hostile_stop(server);
    hostile_free(server);
}

ISOLATED(nothing_is_pushed_without_an_endpoint_or_to_a_bad_one) {
    set_environment(NULL, NULL);
    if (!begin(false)) return;
    call_models();
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK(tracei_push_sender == NULL);
    CHECK_STR(logged, "");
    set_environment("ftp://nowhere", NULL);
    if (!begin(false)) return;
    CHECK(tracei_push_sender == NULL);
    CHECK_HAS(logged, "otlp metrics: ");
    call_models();
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
}

TEST_MAIN()
