/* test_genai_backends.c - a model call as it leaves for each backend, by environment alone; and content that never leaves
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* build: $(curl-config --libs 2>/dev/null) */
/* not: cross musl static: no libcurl there; msan: libcurl is not built with it */
/* not: c++: written in C; gcc-tsan clang-tsan: it forks while servers have threads */
#include "test.h"
#include <pthread.h>
#include "hostile_server.h"

#if defined(__has_include)
#if __has_include(<curl/curl.h>)
#define TRACE_HTTP_CURL 1         /* gRPC, for vLLora */
#endif
#endif
#define TRACE_GENAI_METRICS 1
#define TRACE_IMPLEMENTATION
#include "../trace_genai.h"
#include "../trace_otlp_metrics.h"
#include "../trace_zipkin.h"
#include "../trace_jaeger.h"
#include "settled.h"

#define CHILD_MS 60000
#define CANARY "canary-5e1d"

static void set_variables(const char *const *variables) {
    for (; *variables; variables++) {
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*variables, "="), *variables);
        setenv(name, strchr(*variables, '=') + 1, 1);
    }
}

/* A run of an agent that calls a model, at the second attempt, and a tool, which fails. */
static void record_work(const char *content) {
    trace_genai_identity identity = {.run_id = "run-7", .thread_id = "thread-9", .label = "nightly", .user_id = "ada"};
    const trace_genai_request request = {.temperature = trace_genai_double(0.5), .max_tokens = 64, .stream = true};
    const trace_genai_response response = {.id = "chatcmpl-1", .model = "gpt-4o-2024", .finish_reasons = {"tool_calls"}};
    const trace_genai_usage usage = {.input_tokens = 120, .output_tokens = 45, .cache_read_tokens = 100, .reasoning_tokens = 5};
    const trace_genai_stream stream = {.first_ns = 250000000, .last_ns = 250000000, .chunk_count = 1};
    char arguments[128], result[128];
    snprintf(arguments, sizeof arguments, "{\"city\":\"%s\"}", content);
    snprintf(result, sizeof result, "{\"sky\":\"%s\"}", content);
    const trace_genai_part call = {TRACE_GENAI_PART_TOOL_CALL, arguments, 0, "call_1", "weather"};
    const trace_genai_message input = {.role = "user", .content = content};
    const trace_genai_message output = {.role = "assistant", .content = content, .parts = &call, .part_count = 1};
    const trace_genai_tool_call tool = {.id = "call_1", .type = "function", .arguments = arguments, .result = result};
    TRACE_WITH(trace_genai_identify(trace_context_current(), &identity)) TRACE_GENAI_RUN("report") TRACE_GENAI_AGENT("planner") {
        TRACE_GENAI_CHAT("openai", "gpt-4o") {
            const trace_span span = trace_span_current();
            trace_genai_set_request(span, &request);
            trace_genai_set_instructions(span, content, 0);
            trace_genai_set_tool_definitions(span, arguments, 0);
            trace_genai_set_input(span, &input, 1);
            TRACE_GENAI_PROVIDER("openai") trace_genai_set_retries_left(trace_span_current(), 2);
            trace_genai_set_output(span, &output, 1);
            trace_genai_set_response(span, &response);
            trace_genai_set_usage(span, &usage);
            trace_genai_set_cost(span, 0.25);
            trace_genai_set_stream(span, &stream);
        }
        TRACE_GENAI_TOOL("weather") {
            trace_genai_set_tool_call(trace_span_current(), &tool);
            trace_error("Timeout", "no window");
        }
        TRACE_GENAI_RETRIEVAL("docs") trace_genai_set_retrieval(trace_span_current(), content, arguments);
    }
}

/* ---- what is in a request: "name\n" and "\tkey=value\n" for each span, read by a decoder of its own --------------------- */

static char told[1 << 18];
static size_t told_size;

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    told_size += (size_t)vsnprintf(told + told_size, sizeof told - told_size, format, arguments);
    va_end(arguments);
}

typedef struct bytes {
    const uint8_t *at, *end;
} bytes;

static bool varint(bytes *from, uint64_t *out) {
    unsigned shift = 0;
    for (*out = 0; from->at < from->end && shift < 64; shift += 7) {
        *out |= (uint64_t)(*from->at & 0x7f) << shift;
        if (!(*from->at++ & 0x80)) return true;
    }
    return false;
}

/* One field: its number, and its bytes or its value. False: there is no more. */
static bool field(bytes *from, uint64_t *number, bytes *inside, uint64_t *value) {
    uint64_t tag, size;
    if (from->at >= from->end || !varint(from, &tag)) return false;
    *number = tag >> 3;
    inside->at = inside->end = NULL;
    if ((tag & 7) == 0) return varint(from, value);
    size = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : 0;
    if (!size && !varint(from, &size)) return false;
    if (!CHECK(size <= (uint64_t)(from->end - from->at))) return false;
    inside->at = from->at;
    from->at += size;
    inside->end = from->at;
    memcpy(value, inside->at, size < 8 ? (size_t)size : 8);
    return true;
}

static void tell_attribute(bytes pair) {
    uint64_t number, value = 0;
    bytes inside;
    double real;
    while (field(&pair, &number, &inside, &value)) {
        if (number == 1) {
            tell("\t%.*s=", (int)(inside.end - inside.at), (const char *)inside.at);
            continue;
        }
        pair = inside;                             /* AnyValue */
        if (!field(&pair, &number, &inside, &value)) break;
        memcpy(&real, &value, sizeof real);
        if (number == 1) tell("%.*s\n", (int)(inside.end - inside.at), (const char *)inside.at);
        else if (number == 4) tell("%.9g\n", real);
        else if (number == 5) tell("(array)\n");
        else tell("%" PRIu64 "\n", value);
        return;
    }
}

/* resource_spans (1), scope_spans (2), spans (2): their name (5), attributes (9), events' names (11, 2) */
static void tell_level(bytes message, int level) {
    static const uint64_t next[] = {1, 2, 2};
    uint64_t number, value = 0;
    bytes inside, event;
    while (field(&message, &number, &inside, &value)) {
        if (level < 3 && number == next[level]) tell_level(inside, level + 1);
        if (level == 3 && number == 5) tell("%.*s\n", (int)(inside.end - inside.at), (const char *)inside.at);
        if (level == 3 && number == 9) tell_attribute(inside);
        if (level == 3 && number == 11)
            for (event = inside; field(&event, &number, &inside, &value);)
                if (number == 2) tell("\t(event)=%.*s\n", (int)(inside.end - inside.at), (const char *)inside.at);
    }
}

/* ---- each backend is told in the names it documents ------------------------------------------------------------------- */

typedef struct said {
    const char *span, *key, *value;
} said;

/* docs.langchain.com, "Trace with OpenTelemetry": attribute and event mapping; an exception event marks the error */
static const said langsmith[] = {
    {"chat gpt-4o", "langsmith.span.kind", "llm"}, {"chat gpt-4o", "gen_ai.system", "openai"}, {"chat gpt-4o", "gen_ai.request.model", "gpt-4o"},
    {"chat gpt-4o", "gen_ai.operation.name", "chat"}, {"chat gpt-4o", "gen_ai.usage.input_tokens", "120"}, {"chat gpt-4o", "gen_ai.usage.output_tokens", "45"},
    {"chat gpt-4o", "gen_ai.usage.total_tokens", "165"}, {"chat gpt-4o", "gen_ai.prompt.0.role", "system"}, {"chat gpt-4o", "gen_ai.prompt.1.role", "user"},
    {"chat gpt-4o", "gen_ai.prompt.1.content", "sunny"}, {"chat gpt-4o", "gen_ai.completion.0.role", "assistant"},
    {"chat gpt-4o", "gen_ai.completion.0.content", "sunny"}, {"chat gpt-4o", "langsmith.metadata.thread_id", "thread-9"},
    {"chat gpt-4o", "langsmith.span.tags", "nightly"}, {"invoke_agent planner", "langsmith.span.kind", "chain"},
    {"execute_tool weather", "langsmith.span.kind", "tool"}, {"execute_tool weather", "input.value", "{\"city\":\"sunny\"}"},
    {"execute_tool weather", "output.value", "{\"sky\":\"sunny\"}"}, {"execute_tool weather", "(event)", "exception"},
    {"retrieval docs", "langsmith.span.kind", "retriever"}, {NULL, NULL, NULL}};

/* AgentOps-AI/agentops, agentops/semconv/: span_attributes.py, span_kinds.py, tool.py, agent.py */
static const said agentops[] = {
    {"chat gpt-4o", "agentops.span.kind", "llm"}, {"chat gpt-4o", "gen_ai.system", "openai"}, {"chat gpt-4o", "gen_ai.usage.prompt_tokens", "120"},
    {"chat gpt-4o", "gen_ai.usage.completion_tokens", "45"}, {"chat gpt-4o", "gen_ai.usage.total_tokens", "165"},
    {"chat gpt-4o", "gen_ai.usage.cache_read_input_tokens", "100"}, {"chat gpt-4o", "gen_ai.usage.reasoning_tokens", "5"},
    {"chat gpt-4o", "gen_ai.response.model", "gpt-4o-2024"}, {"chat gpt-4o", "gen_ai.response.finish_reason", "tool_calls"},
    {"chat gpt-4o", "gen_ai.prompt.1.content", "sunny"}, {"chat gpt-4o", "gen_ai.completion.0.tool_calls.0.name", "weather"},
    {"invoke_workflow report", "agentops.span.kind", "workflow"}, {"invoke_agent planner", "agentops.span.kind", "agent"},
    {"invoke_agent planner", "agentops.entity.name", "planner"}, {"invoke_agent planner", "agent.name", "planner"},
    {"execute_tool weather", "agentops.span.kind", "tool"}, {"execute_tool weather", "tool.name", "weather"},
    {"execute_tool weather", "tool.parameters", "{\"city\":\"sunny\"}"}, {"execute_tool weather", "tool.result", "{\"sky\":\"sunny\"}"},
    {"execute_tool weather", "error.message", "no window"}, {NULL, NULL, NULL}};

/* vllora/vllora, telemetry/src/events/ and lib.rs: span names, JSON as text, what baggage brought */
static const said vllora[] = {
    {"model_call", "model", "{\"name\":\"gpt-4o\",\"provider_name\":\"openai\"}"}, {"model_call", "provider_name", "openai"},
    {"model_call", "usage",
     "{\"input_tokens\":120,\"output_tokens\":45,\"total_tokens\":165,\"prompt_tokens_details\":{\"cached_tokens\":100,"
     "\"cache_creation_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":5}}"},
    {"model_call", "cost", "{\"cost\":0.25}"}, {"model_call", "ttft", "250000"},
    {"model_call", "input", "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"sunny\"}]}]"},
    {"model_call", "vllora.run_id", "run-7"}, {"model_call", "vllora.thread_id", "thread-9"}, {"model_call", "vllora.label", "nightly"},
    {"model_call", "vllora.tenant", "default"}, {"run", "vllora.run_id", "run-7"}, {"agent", "vllora.agent_name", "planner"},
    {"openai", "retries_left", "2"}, {"openai", "vllora.run_id", "run-7"}, {"tool", "vllora.tool_name", "weather"},
    {"tool", "input", "{\"city\":\"sunny\"}"}, {"tool", "output", "{\"sky\":\"sunny\"}"}, {"tool", "error", "no window"}, {NULL, NULL, NULL}};

/* Arize-ai/openinference, spec/semantic_conventions.md */
static const said phoenix[] = {
    {"chat gpt-4o", "openinference.span.kind", "LLM"}, {"chat gpt-4o", "llm.model_name", "gpt-4o"}, {"chat gpt-4o", "llm.provider", "openai"},
    {"chat gpt-4o", "llm.system", "openai"}, {"chat gpt-4o", "llm.token_count.prompt", "120"}, {"chat gpt-4o", "llm.token_count.completion", "45"},
    {"chat gpt-4o", "llm.token_count.total", "165"}, {"chat gpt-4o", "llm.token_count.prompt_details.cache_read", "100"},
    {"chat gpt-4o", "llm.token_count.completion_details.reasoning", "5"}, {"chat gpt-4o", "llm.cost.total", "0.25"},
    {"chat gpt-4o", "llm.invocation_parameters", "{\"model\":\"gpt-4o\",\"temperature\":0.5,\"max_tokens\":64,\"stream\":true}"},
    {"chat gpt-4o", "llm.input_messages.1.message.role", "user"}, {"chat gpt-4o", "llm.input_messages.1.message.content", "sunny"},
    {"chat gpt-4o", "llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "weather"},
    {"chat gpt-4o", "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", "{\"city\":\"sunny\"}"},
    {"chat gpt-4o", "input.mime_type", "application/json"}, {"chat gpt-4o", "session.id", "thread-9"}, {"chat gpt-4o", "user.id", "ada"},
    {"invoke_agent planner", "openinference.span.kind", "AGENT"}, {"execute_tool weather", "openinference.span.kind", "TOOL"},
    {"execute_tool weather", "tool.name", "weather"}, {"execute_tool weather", "output.value", "{\"sky\":\"sunny\"}"},
    {"retrieval docs", "openinference.span.kind", "RETRIEVER"}, {"retrieval docs", "input.value", "sunny"}, {NULL, NULL, NULL}};

/* langfuse.com, "OpenTelemetry": property mapping */
static const said langfuse[] = {
    {"chat gpt-4o", "langfuse.observation.type", "generation"}, {"chat gpt-4o", "langfuse.observation.model.name", "gpt-4o"},
    {"chat gpt-4o", "langfuse.observation.usage_details",
     "{\"input\":20,\"output\":40,\"input_cached_tokens\":100,\"output_reasoning_tokens\":5,\"total\":165}"},
    {"chat gpt-4o", "langfuse.observation.cost_details", "{\"total\":0.25}"},
    {"chat gpt-4o", "langfuse.observation.model.parameters", "{\"model\":\"gpt-4o\",\"temperature\":0.5,\"max_tokens\":64,\"stream\":true}"},
    {"chat gpt-4o", "langfuse.observation.input", "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"sunny\"}]}]"},
    {"chat gpt-4o", "session.id", "thread-9"}, {"chat gpt-4o", "user.id", "ada"}, {"invoke_agent planner", "langfuse.observation.type", "agent"},
    {"execute_tool weather", "langfuse.observation.type", "tool"}, {"execute_tool weather", "langfuse.observation.level", "ERROR"},
    {"execute_tool weather", "langfuse.observation.status_message", "no window"},
    {"execute_tool weather", "langfuse.observation.output", "{\"sky\":\"sunny\"}"},
    {"retrieval docs", "langfuse.observation.type", "retriever"}, {NULL, NULL, NULL}};

static const struct backend {
    const char *name;
    const char *variables[3];
    const char *endpoint, *path;
    const said *names;
    bool grpc, whole_url;
} backends[] = {
    {"langsmith", {"LANGSMITH_API_KEY=k", NULL, NULL}, "LANGSMITH_ENDPOINT", "/otel/v1/traces", langsmith, false, false},
    {"agentops", {"AGENTOPS_API_KEY=k", NULL, NULL}, "AGENTOPS_EXPORTER_ENDPOINT", "/v1/traces", agentops, false, true},
    {"vllora", {"VLLORA_PROJECT_ID=shop", NULL, NULL}, "VLLORA_TRACING_BASE_URL",
     "/opentelemetry.proto.collector.trace.v1.TraceService/Export", vllora, true, false},
    {"phoenix", {NULL, NULL, NULL}, "PHOENIX_COLLECTOR_ENDPOINT", "/v1/traces", phoenix, false, false},
    {"langfuse", {"LANGFUSE_PUBLIC_KEY=p", "LANGFUSE_SECRET_KEY=s", NULL}, "LANGFUSE_HOST", "/api/public/otel/v1/traces", langfuse, false, false},
};

static const hostile_step takes_all[] = {
    {HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_AGAIN, 0, 0}};
static const hostile_step takes_grpc[] = {{HOSTILE_GRPC, NULL, 0}};
static const hostile_step gives_token[] = {
    {HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 34\r\n\r\n{\"project_id\":\"p\",\"token\":\"a.b.c\"}", 0}, {HOSTILE_AGAIN, 0, 0}};

static hostile_server *serve(const hostile_step *script) {
    hostile_server *const server = hostile_start(NULL);
    hostile_script(server, script);
    hostile_run(server);
    return server;
}

typedef struct errand {
    const struct backend *backend;
    unsigned port, token_port;
} errand;

static void send_work(void *user) {
    const errand *const e = (const errand *)user;
    static const char *const common[] = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true", "OTEL_BSP_SCHEDULE_DELAY=50000", NULL};
    char url[64];
    set_variables(common);
    set_variables(e->backend->variables);
    setenv("OTEL_TRACES_EXPORTER", e->backend->name, 1);
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", e->port, e->backend->whole_url ? e->backend->path : "");
    setenv(e->backend->endpoint, url, 1);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", e->token_port);
    setenv("AGENTOPS_API_ENDPOINT", url, 1);
    CHECK_INT(trace_init(NULL), TRACE_RESULT_OK);
    record_work("sunny");
    CHECK_INT(trace_flush(20000), TRACE_RESULT_OK);
    CHECK_INT(trace_shutdown(5000), TRACE_RESULT_OK);
}

/* The lines of one span, in a buffer of their own; "": there is none. */
static const char *span_told(const char *name) {
    static char lines[sizeof told];
    char first[128];
    const char *at = told, *end;
    snprintf(first, sizeof first, "%s\n", name);
    while (strncmp(at, first, strlen(first)) != 0) {
        at = strchr(at, '\n');
        while (at && at[1] == '\t') at = strchr(at + 1, '\n');
        if (!at || !at[1]) return "";
        at++;
    }
    for (end = strchr(at, '\n'); end && end[1] == '\t';) end = strchr(end + 1, '\n');
    snprintf(lines, sizeof lines, "%.*s", (int)(end ? end + 1 - at : 0), at);
    return lines;
}

static void check_backend(const struct backend *backend) {
    hostile_server *const server = serve(backend->grpc ? takes_grpc : takes_all), *const tokens = serve(gives_token);
    errand e = {backend, server->port, tokens->port};
    test_child child = test_fork(send_work, &e, CHILD_MS);
    const said *row;
    CHECK_CHILD(&child, 0);
    CHECK_HAS_NOT(child.err, "trace.h: ");                     /* nothing to complain of */
    test_child_free(&child);
    hostile_stop(server), hostile_stop(tokens);
    told_size = 0, told[0] = '\0';
    if (CHECK_UINT(server->requests, 1)) {
        const size_t frame = backend->grpc ? 5 : 0;
        const bytes body = {server->body + frame, server->body + server->body_size};
        if (!backend->grpc) CHECK_HAS(server->head, backend->path);
        CHECK(server->body_size > frame);
        tell_level(body, 0);
        for (row = backend->names; row->span; row++) {
            char line[512];
            snprintf(line, sizeof line, "\n\t%s=%s\n", row->key, row->value);
            if (!CHECK(strstr(span_told(row->span), line) != NULL))
                fprintf(stderr, "    %s: %s has no%s%s", backend->name, row->span, line, span_told(row->span));
        }
    }
    hostile_free(server), hostile_free(tokens);
}

TEST(langsmith_is_told_in_its_names) { check_backend(&backends[0]); }
TEST(agentops_is_told_in_its_names) { check_backend(&backends[1]); }
TEST(phoenix_is_told_in_its_names) { check_backend(&backends[3]); }
TEST(langfuse_is_told_in_its_names) { check_backend(&backends[4]); }
#ifdef TRACE_HTTP_CURL
TEST(vllora_is_told_in_its_names_over_grpc) { check_backend(&backends[2]); }
#else
TEST(vllora_is_told_in_its_names_over_grpc) { SKIP("no headers of libcurl (libcurl4-openssl-dev)"); }
#endif

/* ---- content: off, redacted, allowed ---------------------------------------------------------------------------------- */

enum { OTLP, ZIPKIN, JAEGER, METRICS, SERVERS };

typedef struct secrecy {
    unsigned ports[SERVERS];
    trace_choice capture;
    bool redact;
} secrecy;

static size_t redact_all(void *user, const char *key, trace_string text, char *out, size_t capacity) {
    (void)user, (void)key, (void)text;
    memcpy(out, "[redacted]", capacity < 10 ? capacity : 10);
    return 10;
}

static void send_everywhere(void *user) {
    static const char *const common[] = {"OTEL_TRACES_EXPORTER=console,otlp,zipkin,jaeger,metrics", "OTEL_LOG_LEVEL=debug",
                                         "OTEL_BSP_SCHEDULE_DELAY=50000", "TRACE_CONSOLE=all", NULL};
    static const char *const names[] = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
                                        "OTEL_EXPORTER_JAEGER_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"};
    static char text[1 << 18];
    const secrecy *const s = (const secrecy *)user;
    trace_genai_options options = {.capture_content = s->capture, .dialects = 63, .prices = "openai gpt-4o* 1 1\n"};
    char url[64];
    if (s->redact) options.redact_fn = redact_all;
    set_variables(common);
    for (int i = 0; i < SERVERS; i++) {
        snprintf(url, sizeof url, "http://127.0.0.1:%u/in", s->ports[i]);
        setenv(names[i], url, 1);
    }
    CHECK_INT(trace_init(NULL), TRACE_RESULT_OK);
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
    record_work(CANARY);
    CHECK_INT(trace_flush(20000), TRACE_RESULT_OK);
    CHECK(trace_metrics_render(TRACE_METRICS_FORMAT_OPENMETRICS, text, sizeof text) < sizeof text);
    fputs(text, stdout);
    CHECK_INT(trace_shutdown(5000), TRACE_RESULT_OK);
}

/* Sends to all of them and says where the canary was found; bit 8 is the console and the log, bit 9 the metrics as text. */
static unsigned canary_found(trace_choice capture, bool redact) {
    hostile_server *servers[SERVERS];
    secrecy s = {.capture = capture, .redact = redact};
    test_child child;
    unsigned found = 0;
    for (int i = 0; i < SERVERS; i++) servers[i] = serve(takes_all), s.ports[i] = servers[i]->port;
    child = test_fork(send_everywhere, &s, CHILD_MS);
    CHECK_CHILD(&child, 0);
    CHECK_HAS(child.err, "chat gpt-4o");
    CHECK_HAS(child.out, "ai_llm_requests_total{provider=\"openai\",model=\"gpt-4o\",status=\"ok\"} 1");
    if (strstr(child.err, CANARY)) found |= 1u << 8;
    if (strstr(child.out, CANARY)) found |= 1u << 9;
    for (int i = 0; i < SERVERS; i++) {
        hostile_stop(servers[i]);
        if (i != METRICS) CHECK_UINT(servers[i]->requests, 1);
        CHECK(servers[i]->body_size > 200);
        if (servers[i]->body && memmem(servers[i]->body, servers[i]->body_size, CANARY, strlen(CANARY))) found |= 1u << i;
        if (strstr(servers[i]->head, CANARY)) found |= 1u << 10;
        hostile_free(servers[i]);
    }
    test_child_free(&child);
    return found;
}

TEST(content_that_is_not_allowed_is_in_no_output) {
    CHECK_UINT(canary_found(TRACE_CHOICE_AUTO, false), 0);
    CHECK_UINT(canary_found(TRACE_CHOICE_NO, false), 0);
}

TEST(content_that_is_redacted_is_in_no_output) {
    CHECK_UINT(canary_found(TRACE_CHOICE_YES, true), 0);
}

TEST(content_that_is_allowed_is_found_by_the_same_search) {
    CHECK_UINT(canary_found(TRACE_CHOICE_YES, false), 1u << OTLP | 1u << ZIPKIN | 1u << JAEGER | 1u << 8);
}

TEST_MAIN()
