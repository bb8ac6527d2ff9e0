/* test_presets.c - the table of backends in trace_otlp.h: what each one's variables make of a request
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* not: windows: POSIX sockets; gcc-tsan clang-tsan: it forks while servers have threads */
#include "test.h"
#include <pthread.h>
#include "hostile_server.h"

#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"
#include "../trace_zipkin.h"
#include "settled.h"

#define READ {HOSTILE_READ, NULL, 0}
#define SEND(text) {HOSTILE_SEND, text, 0}
#define AGAIN {HOSTILE_AGAIN, NULL, 0}
#define END {HOSTILE_END, NULL, 0}
#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

enum { VARIABLES = 6, CHILD_MS = 20000 };

/* Every secret holds the word canary, which must never be logged. */
typedef struct backend {
    const char *name;
    const char *variables[VARIABLES];       /* enough to use it */
    const char *endpoint;                   /* of a local server: "NAME=...%u..." */
    const char *needed;                     /* the variable complained of when nothing is set; NULL: nothing is needed */
    bool only_by_curl;
} backend;

static const backend backends[] = {
    {"jaeger", {NULL}, "JAEGER_ENDPOINT=http://127.0.0.1:%u", NULL, false},
    {"tempo", {NULL}, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%u", NULL, false},
    {"langsmith", {"LANGSMITH_API_KEY=lsv2_canary", "LANGSMITH_PROJECT=shop"}, "LANGSMITH_ENDPOINT=http://127.0.0.1:%u", "LANGSMITH_API_KEY", false},
    {"langfuse",
     {"LANGFUSE_PUBLIC_KEY=pk-lf-canary", "LANGFUSE_SECRET_KEY=sk-lf-canary"},
     "LANGFUSE_HOST=http://127.0.0.1:%u/",
     "LANGFUSE_PUBLIC_KEY",
     false},
    {"phoenix", {"PHOENIX_API_KEY=canary", "PHOENIX_PROJECT_NAME=the shop"}, "PHOENIX_COLLECTOR_ENDPOINT=http://127.0.0.1:%u", NULL, false},
    {"honeycomb", {"HONEYCOMB_API_KEY=hcaik_canary"}, "HONEYCOMB_API_ENDPOINT=http://127.0.0.1:%u", "HONEYCOMB_API_KEY", false},
    {"newrelic", {"NEW_RELIC_LICENSE_KEY=canaryNRAL"}, "NEW_RELIC_OTLP_ENDPOINT=http://127.0.0.1:%u", "NEW_RELIC_LICENSE_KEY", false},
    {"dynatrace",
     {"DT_ENDPOINT=https://abc.live.dynatrace.example/api/v2/otlp", "DT_API_TOKEN=dt0c01.canary"},
     "DT_ENDPOINT=http://127.0.0.1:%u",
     "DT_API_TOKEN",
     false},
    {"grafana-cloud",
     {"GRAFANA_CLOUD_OTLP_ENDPOINT=https://otlp-gateway.grafana.example/otlp", "GRAFANA_CLOUD_INSTANCE_ID=123456", "GRAFANA_CLOUD_API_TOKEN=glc_canary"},
     "GRAFANA_CLOUD_OTLP_ENDPOINT=http://127.0.0.1:%u/otlp",
     "GRAFANA_CLOUD_INSTANCE_ID",
     false},
    {"datadog", {"DD_API_KEY=canary", "DD_SITE=datadoghq.eu"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:%u/v1/traces", "DD_API_KEY", false},
    {"agentops", {"AGENTOPS_API_KEY=canary"}, "AGENTOPS_EXPORTER_ENDPOINT=http://127.0.0.1:%u", "AGENTOPS_API_KEY", false},
    {"vllora", {"VLLORA_PROJECT_ID=shop", "VLLORA_API_KEY=canary"}, "VLLORA_TRACING_BASE_URL=http://127.0.0.1:%u", NULL, true},
    {"xray",
     {"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret/canary", "AWS_SESSION_TOKEN=session-canary"},
     "AWS_ENDPOINT_URL_XRAY=http://127.0.0.1:%u",
     "AWS_REGION",
     true},
};
enum { BACKENDS = sizeof backends / sizeof backends[0] };

static void set_variable(const char *assignment) {
    char name[64];
    const size_t size = strcspn(assignment, "=");
    snprintf(name, sizeof name, "%.*s", (int)size, assignment);
    setenv(name, assignment + size + 1, 1);
}

static void set_variables(const backend *b) {
    for (int i = 0; i < VARIABLES && b->variables[i]; i++) set_variable(b->variables[i]);
}

/* ---- golden requests --------------------------------------------------------------------------------------------- */

typedef struct sheet {
    char text[16384];
    size_t size;
} sheet;

static void write_line(sheet *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void write_line(sheet *s, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    s->size += (size_t)vsnprintf(s->text + s->size, sizeof s->text - s->size, format, arguments);
    va_end(arguments);
}

/* A version, a port or a length is not what these tests are about. */
static void write_header(sheet *s, const char *line, size_t size) {
    static const char *const varying[] = {"Host: 127.0.0.1:", "Content-Length: ", "User-Agent: OTel-OTLP-Exporter-C/", "X-Amz-Date: "};
    for (size_t i = 0; i < sizeof varying / sizeof varying[0]; i++)
        if (size > strlen(varying[i]) && strncasecmp(line, varying[i], strlen(varying[i])) == 0) {
            write_line(s, "%s*\n", varying[i]);
            return;
        }
    write_line(s, "%.*s\n", (int)size, line);
}

static trace_http_outcome record(void *user, const trace_http_request *request, trace_http_response *response) {
    sheet *const s = (sheet *)user;
    char line[1024];
    write_line(s, "POST %s\n", request->url);
    for (size_t i = 0; i < request->header_count; i++) {
        const trace_header *const h = &request->headers[i];
        const int size = snprintf(line, sizeof line, "%.*s: %.*s", (int)h->name.size, h->name.data, (int)h->value.size, h->value.data);
        write_header(s, line, (size_t)size);
    }
    if (strstr(request->url, "/v3/auth/token")) {
        write_line(s, "\n%.*s\n\n", (int)request->body_size, (const char *)request->body);
        response->body = "{\"token\":\"token-canary\",\"project_id\":\"p\"}";
        response->body_size = strlen(response->body);
    }
    response->status = 200;
    response->grpc_status = 0;
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

static char kept_log[4096];
static void keep_log(void *user, trace_log_level level, const char *line) {
    const size_t size = strlen(kept_log);
    (void)user, (void)level;
    snprintf(kept_log + size, sizeof kept_log - size, "%s\n", line);
}

static trace_span_data plain_span(void) {
    trace_span_data span;
    memset(&span, 0, sizeof span);
    memset(span.trace_id, 0x5a, 16);
    memset(span.span_id, 0xa5, 8);
    span.name.data = "work", span.name.size = 4;
    span.start_unix_ns = UINT64_C(1700000000000000000), span.end_unix_ns = span.start_unix_ns + 1000;
    return span;
}

static void export_one(trace_exporter *exporter) {
    static const trace_resource resource = {NULL, 0, {"", 0}};
    trace_span_data span = plain_span();
    trace_exporter_stats stats;
    trace_batch batch;
    memset(&batch, 0, sizeof batch);
    batch.resource = &resource, batch.spans = &span, batch.span_count = 1;
    CHECK_INT(exporter->export_fn(exporter->user, &batch), TRACE_RESULT_OK);
    CHECK_INT(exporter->flush_fn(exporter->user, trace_clock_ns() + UINT64_C(5000000000)), TRACE_RESULT_OK);
    exporter->stats_fn(exporter->user, &stats);
    CHECK_UINT(stats.sent, 1);
    exporter->shutdown_fn(exporter->user, trace_clock_ns() + UINT64_C(1000000000));
}

/* The requests that go to the backend itself, taken before they are sent. */
static void default_requests(void *user) {
    const backend *const b = (const backend *)user;
    static sheet s;
    trace_http_transport transport;
    trace_otlp_options options;
    trace_exporter exporter;
    char path[64];
    set_variables(b);
    memset(&transport, 0, sizeof transport);
    memset(&options, 0, sizeof options);
    transport.send_fn = record, transport.user = &s;
    options.preset = b->name;
    options.transport = &transport;
    options.disable_thread = true;
    exporter = trace_otlp_exporter(&options);
    REQUIRE(exporter.export_fn != NULL);
    CHECK_STR(exporter.name, b->name);
    export_one(&exporter);
    snprintf(path, sizeof path, "presets/%s.txt", b->name);
    TEST_GOLDEN(path, s.text, s.size);
}

TEST(requests_to_the_backends) {
    for (int i = 0; i < BACKENDS; i++) {
        backend b = backends[i];
        test_child child = test_fork(default_requests, &b, CHILD_MS);
        CHECK_CHILD(&child, 0);
        CHECK_HAS_NOT(child.err, "canary");
        test_child_free(&child);
    }
}

/* ---- by environment alone ---------------------------------------------------------------------------------------- */

typedef struct errand {
    const backend *b;
    const char *more[VARIABLES];
    unsigned spans;
    bool expect_loss;
} errand;

/* What a program does that was told nothing but its environment. */
static void run_program(void *user) {
    const errand *const e = (const errand *)user;
    set_variable("OTEL_LOG_LEVEL=debug");
    set_variable("OTEL_SERVICE_NAME=shop");
    if (e->b) {
        setenv("OTEL_TRACES_EXPORTER", e->b->name, 1);
        set_variables(e->b);
    }
    for (int i = 0; i < VARIABLES && e->more[i]; i++) set_variable(e->more[i]);
    CHECK_INT(trace_init(NULL), TRACE_RESULT_OK);
    for (unsigned i = 0; i < e->spans; i++) {
        trace_span_end(trace_span_start("work"));
        CHECK_INT(trace_flush(8000), e->expect_loss ? TRACE_RESULT_FAILED : TRACE_RESULT_OK);
    }
    for (uint32_t i = 0; i < tracei_exporter_count; i++) {
        const trace_exporter *const x = &tracei_exporters[i].exporter;
        trace_exporter_stats stats;
        uint64_t failed = 0;
        x->stats_fn(x->user, &stats);
        for (int k = 0; k < TRACE_FAILURE_COUNT; k++) failed += stats.failed[k];
        printf("%s sent %u of %u\n", x->name, (unsigned)stats.sent, (unsigned)stats.received);
        CHECK_UINT(stats.received, stats.sent + failed + stats.queued);
    }
    CHECK_INT(trace_shutdown(2000), TRACE_RESULT_OK);
}

static test_child run_errand(errand *e) {
    test_child child;
    if (!e->spans) e->spans = 1;
    child = test_fork(run_program, e, CHILD_MS);
    CHECK_CHILD(&child, 0);
    CHECK_HAS_NOT(child.err, "canary");
    return child;
}

/* The head as it came over the wire. */
static void write_head(sheet *s, const char *head) {
    for (const char *line = head; *line && strncmp(line, "\r\n", 2) != 0; line = strchr(line, '\n') + 1)
        write_header(s, line, strcspn(line, "\r\n"));
}

TEST(by_environment_alone) {
    SKIP_IN_OLD_QEMU();
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    for (int i = 0; i < BACKENDS; i++) {
        const backend *const b = &backends[i];
        hostile_server *const server = hostile_start(NULL);
        static sheet s;
        char endpoint[128], path[64], expected[64];
        errand e = {b, {endpoint}, 1, false};
        test_child child;
        hostile_script(server, keep);
        hostile_run(server);
        snprintf(endpoint, sizeof endpoint, "%s", b->endpoint);
        snprintf(strchr(endpoint, '%'), 16, "%u%s", server->port, strchr(b->endpoint, '%') + 2);
        if (!b->only_by_curl && strcmp(b->name, "agentops") != 0) {
            memset(&s, 0, sizeof s);
            child = run_errand(&e);
            snprintf(expected, sizeof expected, "%s sent 1 of 1\n", b->name);
            CHECK_STR(child.out, expected);
            if (strstr(endpoint, "OTLP_TRACES")) CHECK_HAS(child.err, "datadog: sent to what OTEL_EXPORTER_OTLP_TRACES_ENDPOINT says\n");
            test_child_free(&child);
            hostile_stop(server);
            write_head(&s, server->head);
            snprintf(path, sizeof path, "presets/%s_local.txt", b->name);
            TEST_GOLDEN(path, s.text, s.size);
            CHECK(server->body_size > 20 && server->body[0] == 0x0a);
        } else {
            hostile_stop(server);
        }
        hostile_free(server);
    }
}

static void name_an_endpoint_only(void *code) {
    trace_config config;
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", 1);
    memset(&config, 0, sizeof config);
    if (code) config.exporters[0] = trace_console_exporter(NULL);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
}

TEST(an_endpoint_without_its_exporter_is_told) {
    static char yes;
    test_child child = test_fork(name_an_endpoint_only, NULL, CHILD_MS);
    CHECK_CHILD(&child, 0);
    CHECK_STR(child.err, "trace.h: warning: OTEL_EXPORTER_OTLP_ENDPOINT is set, but spans go to the console: OTEL_TRACES_EXPORTER=otlp sends "
                         "them\n");
    test_child_free(&child);
    child = test_fork(name_an_endpoint_only, &yes, CHILD_MS);   /* the program chose */
    CHECK_CHILD(&child, 0);
    CHECK_STR(child.err, "");
    test_child_free(&child);
}

static void two_of_a_name(void *unused) {
    trace_otlp_options options;
    trace_config config;
    (void)unused;
    memset(&options, 0, sizeof options);
    memset(&config, 0, sizeof config);
    config.exporters[0] = trace_otlp_exporter(&options);
    config.exporters[1] = trace_otlp_exporter(&options);
    options.name = "second";
    config.exporters[2] = trace_otlp_exporter(&options);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
}

TEST(two_exporters_of_one_name_are_told) {
    test_child child = test_fork(two_of_a_name, NULL, CHILD_MS);
    CHECK_CHILD(&child, 0);
    CHECK_STR(child.err, "trace.h: warning: two exporters are named otlp: trace_get_exporter_stats finds the first only; give one another "
                         ".name\n");
    test_child_free(&child);
}

/* What turns LangSmith's own clients on does so here, unless an exporter is named. */
TEST(langsmith_by_its_own_variables) {
    SKIP_IN_OLD_QEMU();
    static const struct { const char *variables[3]; const char *out; } rows[] = {
        {{"LANGCHAIN_TRACING_V2=true"}, "langsmith sent 1 of 1\n"},
        {{"LANGSMITH_TRACING=TRUE"}, "langsmith sent 1 of 1\n"},
        {{"LANGCHAIN_TRACING_V2=true", "OTEL_TRACES_EXPORTER=none"}, ""},
        {{"LANGCHAIN_TRACING_V2=true", "TRACER_TYPE=none"}, ""},
        {{"LANGCHAIN_TRACING_V2=true", "OTEL_SDK_DISABLED=true"}, ""},
        {{"LANGCHAIN_TRACING_V2=false"}, "console sent 1 of 1\n"},
        {{"LANGCHAIN_API_KEY=canary"}, "console sent 1 of 1\n"},
    };
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hostile_server *const server = hostile_start(NULL);
        char endpoint[128];
        errand e = {NULL, {"LANGCHAIN_API_KEY=canary", endpoint, rows[i].variables[0], rows[i].variables[1]}, 1, false};
        test_child child;
        hostile_script(server, keep);
        hostile_run(server);
        snprintf(endpoint, sizeof endpoint, "LANGCHAIN_ENDPOINT=http://127.0.0.1:%u", server->port);
        child = run_errand(&e);
        CHECK_STR(child.out, rows[i].out);
        test_child_free(&child);
        hostile_stop(server);
        hostile_free(server);
    }
}

TEST(a_missing_variable_is_named_once) {
    for (int i = 0; i < BACKENDS; i++) {
        backend b = backends[i];
        char expected[160];
        errand e = {&b, {NULL}, 1, false};
        test_child child;
        const char *line;
        if (!b.needed) continue;
        memset(b.variables, 0, sizeof b.variables);
        child = run_errand(&e);
        snprintf(expected, sizeof expected, "%s: %s is not set; nothing will be sent there\n", b.name, b.needed);
        CHECK_HAS(child.err, expected);
        line = strstr(child.err, "is not set");
        CHECK(line && !strstr(line + 1, "is not set"));
        CHECK_STR(child.out, "");
        test_child_free(&child);
    }
    {
        backend b = {"xray", {"AWS_REGION=eu-west-1"}, NULL, NULL, true};
        errand e = {&b, {NULL}, 1, false};
        test_child child = run_errand(&e);
        CHECK_HAS(child.err, "xray: AWS_ACCESS_KEY_ID is not set; nothing will be sent there\n");
        CHECK_HAS_NOT(child.err, "AWS_SECRET_ACCESS_KEY");
        test_child_free(&child);
    }
}

TEST(a_misspelled_variable_is_reported) {
    SKIP_IN_OLD_QEMU();
    errand e = {&backends[2], {"LANGSMITH_PROJCT=x", "HONEYCOMB_APIKEY=x", "LANGSMITH_TRACING=true", "PHOENIX_PORT=6006"}, 1, false};
    hostile_server *const server = hostile_start(NULL);
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    char endpoint[128];
    test_child child;
    hostile_script(server, keep);
    hostile_run(server);
    snprintf(endpoint, sizeof endpoint, "LANGSMITH_ENDPOINT=http://127.0.0.1:%u", server->port);
    e.more[4] = endpoint;
    child = run_errand(&e);
    CHECK_HAS(child.err, "LANGSMITH_PROJCT is not a known variable: did you mean LANGSMITH_PROJECT?");
    CHECK_HAS(child.err, "HONEYCOMB_APIKEY is not a known variable: did you mean HONEYCOMB_API_KEY?");
    CHECK_HAS_NOT(child.err, "LANGSMITH_TRACING ");
    CHECK_HAS_NOT(child.err, "PHOENIX_PORT");
    test_child_free(&child);
    hostile_stop(server);
    hostile_free(server);
}

TEST(a_misspelled_preset_is_reported) {
    errand e = {NULL, {"OTEL_TRACES_EXPORTER=langsmit"}, 1, false};
    test_child child = run_errand(&e);
    CHECK_HAS(child.err, "OTEL_TRACES_EXPORTER=langsmit ignored: must be one of otlp, otlp/stdout, zipkin, console, none, jaeger, tempo, langsmith");
    CHECK_HAS(child.err, "did you mean langsmith?");
    test_child_free(&child);
}

static void without_companion(void *unused) {
    (void)unused;
    tracei_preset_names = NULL;
    set_variable("OTEL_TRACES_EXPORTER=langsmith");
    CHECK_INT(trace_init(NULL), TRACE_RESULT_OK);
}

TEST(without_the_companion_its_name_is_told) {
    test_child child = test_fork(without_companion, NULL, CHILD_MS);
    CHECK_CHILD(&child, 0);
    CHECK_HAS(child.err, "OTEL_TRACES_EXPORTER=langsmith ignored: must be one of ");
    CHECK_HAS(child.err, "none; names of backends come with trace_otlp.h\n");
    test_child_free(&child);
}

static trace_exporter no_exporter(size_t index) {
    trace_exporter none;
    (void)index;
    memset(&none, 0, sizeof none);
    return none;
}

/* An exporter of that very name, of the program or of another companion, comes before the preset. */
static void own_name_wins(void *unused) {
    trace_config config;
    trace_exporter made;
    trace_string name;
    (void)unused;
    tracei_preset_fn = no_exporter;
    memset(&config, 0, sizeof config);
    name.data = "jaeger", name.size = 6;
    memset(&made, 0xff, sizeof made);
    CHECK(tracei_choose(&config, name, &made));
    CHECK(made.export_fn == NULL);
    config.available[0].name = "jaeger";
    config.available[0].make_fn = tracei_otlp_stdout_choice;
    CHECK(tracei_choose(&config, name, &made));
    CHECK_STR(made.name, "otlp/stdout");
    memset(&config, 0, sizeof config);
    {
        const trace_exporter_choice other = {"Jaeger", tracei_otlp_stdout_choice};
        tracei_register_exporter(other);
    }
    CHECK(tracei_choose(&config, name, &made));
    CHECK_STR(made.name, "otlp/stdout");
    name.data = "jeager";
    tracei_logger.log_fn = keep_log;
    tracei_say_unknown_exporter(&config, name);
    CHECK_HAS(kept_log, "Jaeger, console, none, tempo, langsmith");
    CHECK_HAS_NOT(kept_log, "jaeger");
}

TEST(an_exporter_of_that_name_comes_before_the_preset) {
    test_child child = test_fork(own_name_wins, NULL, CHILD_MS);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

/* ---- what beats what --------------------------------------------------------------------------------------------- */

static tracei_otlp_settings settings;
static const char *url_of_preset(const char *preset, const char *endpoint) {
    memset(&settings, 0, sizeof settings);
    tracei_environment_snapshot();
    settings.preset = tracei_otlp_find_preset(preset);
    settings.options.endpoint = endpoint;
    tracei_otlp_read_choices(&settings.options, settings.preset->protocol ? settings.preset->protocol : TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF);
    return tracei_otlp_make_url(&settings) ? settings.url : "none";
}

static void endpoints_in_order(void *unused) {
    static const char *const grpc = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    char expected[128];
    (void)unused;
    CHECK_STR(url_of_preset("langsmith", NULL), "https://api.smith.langchain.com/otel/v1/traces");
    set_variable("OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318");
    CHECK_STR(url_of_preset("langsmith", NULL), "http://c:4318/v1/traces");
    CHECK_STR(url_of_preset("datadog", NULL), "http://c:4318/v1/traces");
    set_variable("LANGSMITH_ENDPOINT=https://eu.api.smith.langchain.com/");
    CHECK_STR(url_of_preset("langsmith", NULL), "https://eu.api.smith.langchain.com/otel/v1/traces");
    set_variable("LANGSMITH_ENDPOINT=https://s/api/v1");
    CHECK_STR(url_of_preset("langsmith", NULL), "https://s/api/v1/otel/v1/traces");
    set_variable("LANGSMITH_ENDPOINT=https://s/otel");
    CHECK_STR(url_of_preset("langsmith", NULL), "https://s/otel/v1/traces");
    set_variable("LANGSMITH_ENDPOINT=https://s/otel/v1/traces");
    CHECK_STR(url_of_preset("langsmith", NULL), "https://s/otel/v1/traces");
    set_variable("LANGSMITH_ENDPOINT=unix:///run/s");
    CHECK_STR(url_of_preset("langsmith", NULL), "unix:///run/s:/otel/v1/traces");
    CHECK_STR(url_of_preset("langsmith", "http://code:1"), "http://code:1/v1/traces");
    CHECK_STR(url_of_preset("phoenix", NULL), "http://c:4318/v1/traces");
    set_variable("PHOENIX_COLLECTOR_ENDPOINT=http://p:6006/v1/traces");
    CHECK_STR(url_of_preset("phoenix", NULL), "http://p:6006/v1/traces");
    unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    CHECK_STR(url_of_preset("datadog", NULL), "https://otlp.datadoghq.com/v1/traces");
    CHECK_STR(url_of_preset("xray", NULL), "none");
    set_variable("AWS_DEFAULT_REGION=us-east-2");
    CHECK_STR(url_of_preset("xray", NULL), "https://xray.us-east-2.amazonaws.com/v1/traces");
    CHECK_STR(url_of_preset("jaeger", NULL), "http://localhost:4318/v1/traces");
    set_variable("JAEGER_ENDPOINT=http://j:14268/api/traces");
    CHECK_STR(url_of_preset("jaeger", NULL), "http://j:4318/v1/traces");
    CHECK_STR(url_of_preset("tempo", NULL), "http://localhost:4318/v1/traces");
    snprintf(expected, sizeof expected, "http://localhost:4317%s", grpc);
    CHECK_STR(url_of_preset("vllora", NULL), expected);
    set_variable("OTEL_EXPORTER_OTLP_PROTOCOL=grpc");
    CHECK_STR(url_of_preset("tempo", NULL), expected);
    snprintf(expected, sizeof expected, "https://api.honeycomb.io%s", grpc);
    CHECK_STR(url_of_preset("honeycomb", NULL), expected);
    snprintf(expected, sizeof expected, "unix:///run/s:%s", grpc);
    CHECK_STR(url_of_preset("tempo", "unix:///run/s"), expected);
    CHECK_STR(url_of_preset("tempo", "unix:///run/s:/v1/traces"), expected); /* what gRPC calls has one name */
    set_variable("OTEL_EXPORTER_OTLP_PROTOCOL=http/json");
    CHECK_STR(url_of_preset("vllora", NULL), "http://localhost:4317/v1/traces");
}

TEST(the_most_specific_endpoint_wins) {
    test_child child = test_fork(endpoints_in_order, NULL, CHILD_MS);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

static void headers_in_order(void *unused) {
    (void)unused;
    memset(&settings, 0, sizeof settings);
    set_variable("OTEL_EXPORTER_OTLP_HEADERS=X-API-KEY=mine,other=1");
    set_variable("LANGCHAIN_PROJECT=old name");
    tracei_environment_snapshot();
    settings.preset = tracei_otlp_find_preset("langsmith");
    tracei_otlp_read_headers(&settings);
    CHECK(tracei_otlp_read_preset_headers(&settings));       /* though LANGSMITH_API_KEY is not set */
    REQUIRE(settings.header_count == 3);
    CHECK_TEXT(settings.headers[0].value.data, settings.headers[0].value.size, "mine");
    CHECK_TEXT(settings.headers[2].name.data, settings.headers[2].name.size, "Langsmith-Project");
    CHECK_TEXT(settings.headers[2].value.data, settings.headers[2].value.size, "old name");
    tracei_pairs_free(&settings.pairs);
}

TEST(headers_of_the_environment_beat_the_preset) {
    test_child child = test_fork(headers_in_order, NULL, CHILD_MS);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

static void presets_without_environment(void *unused) {
    trace_otlp_options options;
    trace_header key;
    trace_exporter exporter;
    (void)unused;
    memset(&options, 0, sizeof options);
    set_variables(&backends[2]);
    tracei_environment_snapshot();
    options.preset = "langsmith";
    options.disable_environment = options.disable_thread = true;
    exporter = trace_otlp_exporter(&options);
    CHECK(exporter.export_fn == NULL);                        /* the key of the environment does not count */
    key.name.data = "x-api-key", key.name.size = 9;
    key.value.data = "k", key.value.size = 1;
    options.headers = &key, options.header_count = 1;
    options.endpoint = "http://127.0.0.1:1";
    exporter = trace_otlp_exporter(&options);
    CHECK(exporter.export_fn != NULL);
    options.preset = "langsmit";
    exporter = trace_otlp_exporter(&options);
    CHECK(exporter.export_fn == NULL);
}

TEST(presets_in_code) {
    test_child child = test_fork(presets_without_environment, NULL, CHILD_MS);
    CHECK_CHILD(&child, 0);
    CHECK_HAS(child.err, "langsmith: LANGSMITH_API_KEY is not set");
    CHECK_HAS(child.err, "otlp: there is no preset langsmit, nothing will be sent: must be one of jaeger, tempo, langsmith,");
    CHECK_HAS(child.err, "xray; did you mean langsmith?");
    test_child_free(&child);
}

TEST(credentials_with_control_characters_are_refused) {
    errand e = {&backends[2], {"LANGSMITH_API_KEY=canary\r\nHost: evil"}, 1, false};
    test_child child = run_errand(&e);
    CHECK_HAS(child.err, "langsmith: headers: the value of the header x-api-key has control characters, which are not allowed (not shown here); nothing will be "
                         "sent");
    CHECK_HAS_NOT(child.err, "evil");
    test_child_free(&child);
}

TEST(credentials_do_not_leave_the_machine_in_the_clear) {
    errand e = {&backends[2], {"LANGSMITH_ENDPOINT=http://192.0.2.1"}, 1, false};
    test_child child = run_errand(&e);
    CHECK_HAS(child.err, "langsmith: credentials would go over plain http to another machine");
    test_child_free(&child);
}

TEST(phoenix_gets_its_project_as_a_resource_attribute) {
    SKIP_IN_OLD_QEMU();
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    static const char *const given[] = {NULL, "OTEL_RESOURCE_ATTRIBUTES=openinference.project.name=mine"};
    for (int i = 0; i < 2; i++) {
        hostile_server *const server = hostile_start(NULL);
        char endpoint[128], body[8192];
        errand e = {&backends[4], {endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL=http/json", given[i]}, 1, false};
        test_child child;
        hostile_script(server, keep);
        hostile_run(server);
        snprintf(endpoint, sizeof endpoint, "PHOENIX_COLLECTOR_ENDPOINT=http://127.0.0.1:%u", server->port);
        child = run_errand(&e);
        test_child_free(&child);
        hostile_stop(server);
        snprintf(body, sizeof body, "%.*s", (int)server->body_size, (const char *)server->body);
        CHECK_HAS(body, i ? "{\"key\":\"openinference.project.name\",\"value\":{\"stringValue\":\"mine\"}}"
                          : "{\"key\":\"openinference.project.name\",\"value\":{\"stringValue\":\"the shop\"}}");
        if (i) CHECK_HAS_NOT(body, "the shop");
        hostile_free(server);
    }
}

/* ---- the rest of the environment ----------------------------------------------------------------------------------- */

TEST(timeouts_of_the_environment) {
    static const struct { const char *traces, *general, *batch; uint32_t given, expected; } rows[] = {
        {"", "", "", 0, 0},       {"70", "80", "", 0, 70}, {"", "80", "", 0, 80},      {"", "0", "", 0, UINT32_MAX}, {"", "80", "", 5, 5},
        {"", "", "60", 0, 60},    {"", "", "0", 0, 0},     {"", "", "30000", 0, 0},    {"", "80", "60", 0, 60},      {"", "50", "60", 0, 50},
        {"", "0", "60", 0, 60},   {"", "", "60", 500, 500}, {"x", "80", "", 0, 80},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tracei_http_options o, z;
        memset(&o, 0, sizeof o);
        memset(&z, 0, sizeof z);
        o.timeout_ms = z.timeout_ms = rows[i].given;
        setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", rows[i].traces, 1);
        setenv("OTEL_EXPORTER_OTLP_TIMEOUT", rows[i].general, 1);
        setenv("OTEL_BSP_EXPORT_TIMEOUT", rows[i].batch, 1);
        setenv("OTEL_EXPORTER_ZIPKIN_TIMEOUT", *rows[i].traces == '7' ? rows[i].traces : rows[i].general, 1);
        tracei_environment_snapshot();
        tracei_log_level_now = TRACE_LOG_LEVEL_NONE;
        tracei_http_read_numbers(&o, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
        tracei_http_read_numbers(&z, "OTEL_EXPORTER_ZIPKIN_TIMEOUT", NULL);
        tracei_log_level_now = TRACE_LOG_LEVEL_WARNING;
        CHECK_UINT(o.timeout_ms, rows[i].expected);
        CHECK_UINT(z.timeout_ms, rows[i].expected);
    }
    unsetenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"), unsetenv("OTEL_EXPORTER_OTLP_TIMEOUT");
    unsetenv("OTEL_BSP_EXPORT_TIMEOUT"), unsetenv("OTEL_EXPORTER_ZIPKIN_TIMEOUT");
}

/* Each has a general name and one for traces, which wins. */
static void names_for_traces(void *unused) {
    trace_otlp_options o;
    (void)unused;
    set_variable("OTEL_EXPORTER_OTLP_CERTIFICATE=/general/ca"), set_variable("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE=/traces/ca");
    set_variable("OTEL_EXPORTER_OTLP_CLIENT_KEY=/general/key"), set_variable("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY=/traces/key");
    set_variable("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=/general/cert");
    set_variable("OTEL_EXPORTER_OTLP_INSECURE=true"), set_variable("OTEL_EXPORTER_OTLP_SPAN_INSECURE=false");
    set_variable("OTEL_EXPORTER_OTLP_COMPRESSION=gzip"), set_variable("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none");
    set_variable("OTEL_EXPORTER_OTLP_HEADERS=a=general,b=2"), set_variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS=a=traces");
    tracei_environment_snapshot();
    memset(&o, 0, sizeof o);
    tracei_otlp_read_choices(&o, TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF);
    CHECK_STR(o.ca_file, "/traces/ca");
    CHECK_STR(o.client_key_file, "/traces/key");
    CHECK_STR(o.client_certificate_file, "/general/cert");
    CHECK(!o.insecure);
    CHECK_INT(o.compression, TRACE_OTLP_COMPRESSION_NONE);
    memset(&settings, 0, sizeof settings);
    tracei_otlp_read_headers(&settings);
    REQUIRE(settings.header_count == 1);
    CHECK_TEXT(settings.headers[0].value.data, settings.headers[0].value.size, "traces");
    tracei_pairs_free(&settings.pairs);
    unsetenv("OTEL_EXPORTER_OTLP_SPAN_INSECURE"), unsetenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION");
    tracei_environment_snapshot();
    memset(&o, 0, sizeof o);
    tracei_otlp_read_choices(&o, TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF);
    CHECK(o.insecure);
    CHECK_INT(o.compression, TRACE_OTLP_COMPRESSION_GZIP);
}

TEST(names_for_traces_win) {
    test_child child = test_fork(names_for_traces, NULL, CHILD_MS);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

TEST(ports_of_other_protocols_are_explained_once) {
    static const struct { const char *endpoint, *said; } rows[] = {
        {"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317",
         "otlp: port 4317 is OTLP's gRPC port; http/protobuf and http/json usually go to 4318"},
        {"JAEGER_ENDPOINT=http://127.0.0.1:14268/api/traces",
         "otlp: port 14268 and /api/traces are Jaeger's Thrift; port 4318 and /v1/traces are used instead"},
    };
    for (int i = 0; i < 2; i++) {
        static const char *const quick = "OTEL_EXPORTER_OTLP_TIMEOUT=1";
        errand e = {NULL, {rows[i].endpoint, "OTEL_TRACES_EXPORTER=otlp", quick}, 2, true};
        test_child child = run_errand(&e);
        const char *line = strstr(child.err, rows[i].said);
        CHECK_HAS(child.err, rows[i].said);
        CHECK(line && !strstr(line + 1, rows[i].said));
        test_child_free(&child);
    }
}

TEST(grpc_to_the_port_of_http_is_explained) {
    trace_http_transport transport;
    trace_otlp_options options;
    memset(&transport, 0, sizeof transport);
    memset(&options, 0, sizeof options);
    transport.send_fn = record;
    options.transport = &transport;
    options.protocol = TRACE_OTLP_PROTOCOL_GRPC;
    options.endpoint = "http://localhost:4318";
    tracei_logger.log_fn = keep_log, kept_log[0] = '\0';
    CHECK(trace_otlp_exporter(&options).export_fn != NULL);
    tracei_logger.log_fn = NULL;
    CHECK_STR(kept_log, "otlp: port 4318 is OTLP's HTTP port; grpc usually goes to 4317\n");
}

#ifndef TRACE_HTTP_ZLIB
TEST(gzip_without_zlib_is_reported_for_each_protocol) {
    static const char *const protocols[] = {"http/json", "http/protobuf", "grpc"};
    for (int i = 0; i < 3; i++) {
        static sheet s;
        trace_http_transport transport;
        trace_otlp_options options;
        trace_exporter exporter;
        memset(&transport, 0, sizeof transport);
        memset(&options, 0, sizeof options);
        memset(&s, 0, sizeof s);
        transport.send_fn = record, transport.user = &s;
        options.transport = &transport;
        options.disable_thread = true;
        setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocols[i], 1);
        setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", 1);
        tracei_logger.log_fn = keep_log, kept_log[0] = '\0';
        exporter = trace_otlp_exporter(&options);
        tracei_logger.log_fn = NULL;
        unsetenv("OTEL_EXPORTER_OTLP_PROTOCOL"), unsetenv("OTEL_EXPORTER_OTLP_COMPRESSION");
        CHECK_STR(kept_log, "otlp: gzip needs TRACE_HTTP_ZLIB (and -lz); sending uncompressed\n");
        REQUIRE(exporter.export_fn != NULL);
        export_one(&exporter);
        CHECK_HAS_NOT(s.text, "gzip");
    }
}
#endif

/* ---- console and a backend from one program ------------------------------------------------------------------------ */

/* What a program offers itself, where no constructor has announced the companions. */
static void offer(void *user) {
    trace_config config;
    const trace_exporter_choice otlp = TRACE_EXPORTER_OTLP, zipkin = TRACE_EXPORTER_ZIPKIN;
    const char *const *const variables = (const char *const *)user;
    for (int i = 0; variables[i]; i++) set_variable(variables[i]);
    tracei_registered_count = 0;
    tracei_preset_names = NULL;
    memset(&config, 0, sizeof config);
    config.available[0] = otlp, config.available[1] = zipkin;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    trace_span_end(trace_span_start("offered"));
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
}

/* Calls nothing: the companions stand beside the implementation, and the first span reads the environment. */
static void call_nothing(void *user) {
    const char *const *const variables = (const char *const *)user;
    for (int i = 0; variables[i]; i++) set_variable(variables[i]);
    tracei_constructor();         /* what the loader does in a program that was started like this */
    trace_span_end(trace_span_start("offered"));
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
}

TEST(console_and_a_backend_from_one_program) {
    SKIP_IN_OLD_QEMU();
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    for (int way = 0; way < 4; way++) {
        hostile_server *const server = hostile_start(NULL);
        char endpoint[128];
        const char *variables[] = {way & 1 ? "OTEL_TRACES_EXPORTER=console,zipkin" : "OTEL_TRACES_EXPORTER=console,otlp", endpoint, NULL};
        test_child child;
        hostile_script(server, keep);
        hostile_run(server);
        snprintf(endpoint, sizeof endpoint, way & 1 ? "ZIPKIN_ENDPOINT=http://127.0.0.1:%u" : "OTLP_ENDPOINT=http://127.0.0.1:%u", server->port);
        child = test_fork(way & 2 ? call_nothing : offer, variables, CHILD_MS);
        CHECK_CHILD(&child, 0);
        CHECK_HAS(child.err, "offered");
        test_child_free(&child);
        hostile_stop(server);
        CHECK_UINT(server->requests, 1);
        CHECK_HAS(server->head, way & 1 ? "POST /api/v2/spans HTTP/1.1" : "POST /v1/traces HTTP/1.1");
        hostile_free(server);
    }
}

TEST(unix_sockets_and_ipv6_by_environment) {
    SKIP_IN_OLD_QEMU();
    static const hostile_step keep[] = {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), AGAIN};
    for (int i = 0; i < 2; i++) {
        char path[64], endpoint[128];
        hostile_server *server;
        errand e = {NULL, {"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=http/json", endpoint}, 2, false};
        test_child child;
        snprintf(path, sizeof path, "/tmp/presets-%d.sock", (int)getpid());
        server = hostile_start(i ? "::1" : path);
        if (!server) continue;                                /* a machine without IPv6 */
        hostile_script(server, keep);
        hostile_run(server);
        if (i) snprintf(endpoint, sizeof endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT=http://[::1]:%u", server->port);
        else snprintf(endpoint, sizeof endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT=unix://%s", path);
        child = run_errand(&e);
        CHECK_STR(child.out, "otlp sent 2 of 2\n");
        test_child_free(&child);
        hostile_stop(server);
        CHECK_UINT(server->requests, 2);
        CHECK_HAS(server->head, "POST /v1/traces HTTP/1.1\r\n");
        hostile_free(server);
    }
}

/* With libcurl it works as HTTP does; without, it is said what is missing. */
TEST(grpc_over_a_unix_socket) {
    static const hostile_step grpc[] = {{HOSTILE_GRPC, NULL, 0}};
    char path[64], endpoint[128];
    errand e = {NULL, {"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", endpoint}, 2, false};
    hostile_server *server;
    test_child child;
    snprintf(path, sizeof path, "/tmp/presets-%d.sock", (int)getpid());
    snprintf(endpoint, sizeof endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT=unix://%s", path);
    server = hostile_start(path);
    REQUIRE(server != NULL);
    hostile_script(server, grpc);
    hostile_run(server);
    child = run_errand(&e);
#ifdef TRACE_HTTP_CURL
    CHECK_STR(child.out, "otlp sent 2 of 2\n");
    CHECK(strstr(child.err, "warning") == NULL && strstr(child.err, "error") == NULL);     /* what runs it says */
#else
    CHECK_STR(child.out, "");
    CHECK_HAS(child.err, "otlp: gRPC needs libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl\n");
#endif
    test_child_free(&child);
    hostile_stop(server);
#ifdef TRACE_HTTP_CURL
    CHECK(server->requests >= 1 && server->body_size > 5 && server->body[0] == 0 && server->body[5] == 0x0a);
#endif
    hostile_free(server);
}

/* ---- AgentOps: a key is exchanged for a token --------------------------------------------------------------------- */

static char tokens_text[3][512];

/* A JSON Web Token that expires so many seconds from now, in an answer. */
static const char *token_answer(int i, const char *subject, long seconds) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char claims[128], coded[256], body[400];
    size_t used = 0, bits = 0, held = 0;
    snprintf(claims, sizeof claims, "{\"sub\":\"%s\",\"exp\":%ld}", subject, (long)time(NULL) + seconds);
    for (const char *at = claims; *at; at++) {
        bits = bits << 8 | (unsigned char)*at, held += 8;
        for (; held >= 6; held -= 6) coded[used++] = digits[bits >> (held - 6) & 63];
    }
    if (held) coded[used++] = digits[bits << (6 - held) & 63];
    coded[used] = '\0';
    snprintf(body, sizeof body, "{\"project_id\":\"p\",\"token\":\"%s-canary.%s.sig\"}", subject, coded);
    snprintf(tokens_text[i], sizeof tokens_text[i], "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    return tokens_text[i];
}

static trace_http_outcome answer_token(void *user, const trace_http_request *request, trace_http_response *response) {
    (void)user, (void)request;
    response->status = 200;
    response->body = strstr(tokens_text[0], "\r\n\r\n") + 4;
    response->body_size = strlen(response->body);
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

typedef struct agentops {
    hostile_server *tokens, *server;
    char token_url[128], endpoint[128];
} agentops;

static void agentops_start(agentops *a) {
    a->tokens = hostile_start(NULL), a->server = hostile_start(NULL);
    snprintf(a->token_url, sizeof a->token_url, "AGENTOPS_API_ENDPOINT=http://127.0.0.1:%u", a->tokens->port);
    snprintf(a->endpoint, sizeof a->endpoint, "AGENTOPS_EXPORTER_ENDPOINT=http://127.0.0.1:%u/v1/traces", a->server->port);
}

static void agentops_stop(agentops *a) {
    hostile_stop(a->tokens), hostile_stop(a->server);
}

static void agentops_free(agentops *a) {
    hostile_free(a->tokens), hostile_free(a->server);
}

TEST(agentops_exchanges_its_key) {
    SKIP_IN_OLD_QEMU();
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    const hostile_step token[] = {READ, SEND(token_answer(0, "first", 3600)), AGAIN};
    static sheet s;
    agentops a;
    errand e = {&backends[10], {a.token_url, a.endpoint}, 3, false};
    test_child child;
    agentops_start(&a);
    hostile_script(a.tokens, token), hostile_script(a.server, keep);
    hostile_run(a.tokens), hostile_run(a.server);
    child = run_errand(&e);
    CHECK_STR(child.out, "agentops sent 3 of 3\n");
    test_child_free(&child);
    agentops_stop(&a);
    CHECK_UINT(a.tokens->requests, 1);
    CHECK_UINT(a.server->requests, 3);
    write_head(&s, a.tokens->head);
    write_line(&s, "\n%.*s\n", (int)a.tokens->body_size, (const char *)a.tokens->body);
    TEST_GOLDEN("presets/agentops_token.txt", s.text, s.size);
    CHECK_HAS(a.server->head, "POST /v1/traces HTTP/1.1\r\n");
    CHECK_HAS(a.server->head, "Authorization: Bearer first-canary.");
    agentops_free(&a);
}

TEST(agentops_renews_after_a_401) {
    SKIP_IN_OLD_QEMU();
    static const hostile_step refuse[] = {READ, SEND("HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n"), END}, keep[] = {READ, SEND(OK_HEAD), AGAIN};
    const hostile_step first[] = {READ, SEND(token_answer(0, "first", 3600)), END}, second[] = {READ, SEND(token_answer(1, "second", 3600)), AGAIN};
    agentops a;
    errand e = {&backends[10], {a.token_url, a.endpoint}, 1, false};
    test_child child;
    agentops_start(&a);
    hostile_script(a.tokens, first), hostile_script(a.tokens, second);
    hostile_script(a.server, refuse), hostile_script(a.server, keep);
    hostile_run(a.tokens), hostile_run(a.server);
    child = run_errand(&e);
    CHECK_STR(child.out, "agentops sent 1 of 1\n");
    test_child_free(&child);
    agentops_stop(&a);
    CHECK_UINT(a.tokens->requests, 2);
    CHECK_HAS(a.server->head, "Authorization: Bearer second-canary.");
    agentops_free(&a);
}

/* Nine tenths of the time a token says it holds; when that is over is for test_http.c, which has a clock of its own. */
static void renewal_is_planned(void *unused) {
    static tracei_otlp self;
    static sheet s;
    trace_http_transport transport;
    tracei_http_options o;
    tracei_sender *sender;
    uint64_t now;
    (void)unused;
    memset(&transport, 0, sizeof transport);
    memset(&o, 0, sizeof o);
    transport.send_fn = answer_token, transport.user = &s;
    self.token_body = "{}";
    o.url = "http://a/v1/traces", o.authorize_url = "http://b/v3/auth/token", o.authorize_fn = tracei_otlp_authorize, o.user = &self;
    o.assemble_fn = tracei_otlp_assemble, o.transport = &transport, o.disable_thread = true;
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    CHECK(tracei_sender_add(sender, "x", 1, 0));              /* begins a run */
    now = tracei_mono_ns();
    CHECK_INT(tracei_otlp_authorize(&self, sender, now + TRACEI_SECOND), TRACEI_ANSWER_OK);
    CHECK(sender->renew_ns > now + 3000 * TRACEI_SECOND && sender->renew_ns < now + 3300 * TRACEI_SECOND);
}

TEST(agentops_plans_its_renewal) {
    test_child child;
    (void)token_answer(0, "first", 3600);
    child = test_fork(renewal_is_planned, NULL, CHILD_MS);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

TEST(agentops_with_a_wrong_key) {
    SKIP_IN_OLD_QEMU();
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    static const hostile_step refuse[] = {READ, SEND("HTTP/1.1 401 X\r\nContent-Length: 22\r\n\r\n{\"error\":\"bad canary\"}"), AGAIN};
    agentops a;
    errand e = {&backends[10], {a.token_url, a.endpoint}, 2, true};
    test_child child;
    agentops_start(&a);
    hostile_script(a.tokens, refuse), hostile_script(a.server, keep);
    hostile_run(a.tokens), hostile_run(a.server);
    child = run_errand(&e);
    CHECK_STR(child.out, "agentops sent 0 of 2\n");
    CHECK_HAS(child.err, "agentops: the request for an access token was answered with 401: check the key it is made with\n");
    CHECK_HAS(child.err, "no access token was given; spans lost: 1\n");
    test_child_free(&child);
    agentops_stop(&a);
    CHECK_UINT(a.server->requests, 0);
    agentops_free(&a);
}

/* A token server that hangs or talks nonsense costs the export's own deadline, no more. */
TEST(agentops_with_a_hostile_token_server) {
    SKIP_IN_OLD_QEMU();
    static const hostile_step hang[HOSTILE_STEPS] = {READ, {HOSTILE_HANG, NULL, 0}};
    static const hostile_step nonsense[HOSTILE_STEPS] = {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"token\":\"a\r\n\""), AGAIN};
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    for (int i = 0; i < 2; i++) {
        agentops a;
        errand e = {&backends[10], {a.token_url, a.endpoint, "OTEL_EXPORTER_OTLP_TIMEOUT=300"}, 1, true};
        uint64_t start = test_now_ms();
        test_child child;
        agentops_start(&a);
        hostile_script(a.tokens, i ? nonsense : hang), hostile_script(a.server, keep);
        hostile_run(a.tokens), hostile_run(a.server);
        child = run_errand(&e);
        CHECK(test_now_ms() - start < 5000);
        CHECK_STR(child.out, "agentops sent 0 of 1\n");
        test_child_free(&child);
        agentops_stop(&a);
        CHECK_UINT(a.server->requests, 0);
        agentops_free(&a);
    }
}

TEST(the_key_does_not_leave_the_machine_in_the_clear) {
    errand e = {&backends[10], {"AGENTOPS_API_ENDPOINT=http://192.0.2.1", "AGENTOPS_EXPORTER_ENDPOINT=http://127.0.0.1:1"}, 1, false};
    test_child child = run_errand(&e);
    CHECK_HAS(child.err, "agentops: the URL for access tokens cannot be used: the key would go over plain http to another machine");
    test_child_free(&child);
}

TEST(how_long_tokens_hold) {
    static const struct { const char *token; bool holds; } rows[] = {
        {"", false}, {"a", false}, {"a.", false}, {"..", false}, {"a.!!!.c", false}, {"a.e30.c", false},
        {"a.eyJleHAiOjF9.c", false},                          /* {"exp":1} */
        {"a.eyJleHAiOiJ4In0.c", false},                       /* {"exp":"x"} */
        {"a.eyJleHAiOjk5OTk5OTk5OTk5fQ.c", true},             /* {"exp":99999999999} */
        {"a.eyJleHAiOjk5OTk5OTk5OTk5fQ", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *const copy = strdup(rows[i].token);             /* of its own size, for the sanitizer */
        trace_string token;
        token.data = copy, token.size = strlen(copy);
        CHECK_INT(tracei_otlp_token_seconds(token) > 0, rows[i].holds);
        free(copy);
    }
}

/* ---- what needs libcurl ------------------------------------------------------------------------------------------- */

#ifndef TRACE_HTTP_CURL
TEST(without_libcurl_that_is_said) {
    errand xray = {&backends[12], {"AWS_ENDPOINT_URL_XRAY=http://127.0.0.1:1"}, 1, false};
    errand vllora = {&backends[11], {NULL}, 1, false}, langsmith = {&backends[2], {NULL}, 1, false};
    test_child child = run_errand(&xray);
    CHECK_HAS(child.err, "xray: SigV4 needs libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl");
    test_child_free(&child);
    child = run_errand(&vllora);
    CHECK_HAS(child.err, "vllora: gRPC needs libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl");
    test_child_free(&child);
    child = run_errand(&langsmith);
    CHECK_HAS(child.err, "langsmith: https:// needs libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl");
    test_child_free(&child);
}
#else
TEST(xray_is_signed) {
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    hostile_server *const server = hostile_start(NULL);
    char endpoint[128];
    const char *captured = getenv("SIGV4_CAPTURE");
    errand e = {&backends[12], {endpoint}, 1, false};
    test_child child;
    hostile_script(server, keep);
    hostile_run(server);
    snprintf(endpoint, sizeof endpoint, "AWS_ENDPOINT_URL_XRAY=http://127.0.0.1:%u", server->port);
    child = run_errand(&e);
    CHECK_STR(child.out, "xray sent 1 of 1\n");
    CHECK_HAS_NOT(child.err, "AKIDEXAMPLE");
    test_child_free(&child);
    hostile_stop(server);
    CHECK_HAS(server->head, "POST /v1/traces HTTP/1.1\r\n");
    CHECK_HAS(server->head, "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/");
    CHECK_HAS(server->head, "/eu-west-1/xray/aws4_request, SignedHeaders=");
    CHECK_HAS(server->head, "X-Amz-Security-Token: session-canary\r\n");
    CHECK_HAS_NOT(server->head, "secret/canary");
    if (captured) {                                           /* for a second implementation to check the signature */
        char path[512];
        CHECK(test_write_file(captured, server->head, strlen(server->head)));
        snprintf(path, sizeof path, "%s.body", captured);
        CHECK(test_write_file(path, server->body, server->body_size));
    }
    hostile_free(server);
}

TEST(vllora_is_grpc) {
    static const hostile_step grpc[] = {{HOSTILE_GRPC, NULL, 0}};
    hostile_server *const server = hostile_start(NULL);
    char endpoint[128];
    errand e = {&backends[11], {endpoint}, 1, false};
    test_child child;
    hostile_script(server, grpc);
    hostile_run(server);
    snprintf(endpoint, sizeof endpoint, "VLLORA_TRACING_BASE_URL=http://127.0.0.1:%u", server->port);
    child = run_errand(&e);
    CHECK_STR(child.out, "vllora sent 1 of 1\n");
    test_child_free(&child);
    hostile_stop(server);
    CHECK(server->requests == 1 && server->body_size > 5 && server->body[0] == 0 && server->body[5] == 0x0a);
    hostile_free(server);
}
#endif

TEST_MAIN()
