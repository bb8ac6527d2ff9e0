/* test_chat.c - examples/chat.c: its event stream cut at every byte, and a whole conversation with a scripted server
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* build: $(curl-config --libs 2>/dev/null) */
/* not: cross musl static: no libcurl there; msan: libcurl is not built with it; c++: the example is C */
#include "test.h"
#if defined(__has_include)
#if __has_include(<curl/curl.h>)
#define HAVE_CURL 1
#endif
#endif
#ifndef HAVE_CURL
TEST(chat) { SKIP("no headers of libcurl (libcurl4-openssl-dev)"); }
#else
#include <pthread.h>
#include "hostile_server.h"

#define main chat_main
#include "../examples/chat.c"
#undef main
#include "ledger.h"

#define CHUNK(rest) "data: {\"id\":\"chatcmpl-7\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini-2024\"," rest "}\n\n"
#define DELTA(delta, finish) CHUNK("\"choices\":[{\"index\":0,\"delta\":{" delta "},\"finish_reason\":" finish "}],\"usage\":null")

/* Asks for the tool, in pieces, with comments and both line ends. */
#define WANTS_TOOL \
    ": keep-alive\r\n\r\n" \
    DELTA("\"role\":\"assistant\",\"content\":\"Let me \"", "null") \
    DELTA("\"content\":\"lo\\u00f6k \\ud83c\\udf21\\n\"", "null") \
    DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"call_9\",\"type\":\"function\",\"function\":{\"name\":\"temperature\",\"arguments\":\"\"}}]", "null") \
    DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\":\\\"Z\"}}]", "null") \
    DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"ürich\\\"}\"}}]", "null") \
    DELTA("", "\"tool_calls\"") \
    CHUNK("\"choices\":[],\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":12,\"total_tokens\":43," \
          "\"prompt_tokens_details\":{\"cached_tokens\":16},\"completion_tokens_details\":{\"reasoning_tokens\":4}}") \
    "event: end\r\ndata:[DONE]\r\n\r\n"
#define ANSWERS \
    DELTA("\"content\":\"It is 21\"", "null") \
    DELTA("\"content\":\" degrees.\"", "\"stop\"") \
    CHUNK("\"choices\":[],\"usage\":{\"prompt_tokens\":60,\"completion_tokens\":6,\"total_tokens\":66}") "data: [DONE]\n\n"
#define STREAM "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

static void check_whole(const reply *got) {
    CHECK_STR(text_of(&got->content), "Let me lo\xc3\xb6k \xf0\x9f\x8c\xa1\n");
    CHECK_STR(text_of(&got->call_id), "call_9");
    CHECK_STR(text_of(&got->call_name), "temperature");
    CHECK_STR(text_of(&got->call_arguments), "{\"city\":\"Z\xc3\xbcrich\"}");
    CHECK_STR(got->id, "chatcmpl-7");
    CHECK_STR(got->model, "gpt-4o-mini-2024");
    CHECK_STR(got->finish, "tool_calls");
    CHECK(got->done && got->has_usage);
    CHECK_INT(got->usage.input_tokens, 31);
    CHECK_INT(got->usage.output_tokens, 12);
    CHECK_INT(got->usage.cache_read_tokens, 16);
    CHECK_INT(got->usage.reasoning_tokens, 4);
    CHECK_UINT(got->stream.chunk_count, 5);
}

TEST(a_stream_is_the_same_wherever_it_is_cut) {
    static const char stream[] = WANTS_TOOL;
    size_t cut;
    reply got;
    for (cut = 0; cut < sizeof stream; cut++) {
        memset(&got, 0, sizeof got);
        reply_feed(&got, stream, cut);
        reply_feed(&got, stream + cut, sizeof stream - 1 - cut);
        check_whole(&got);
        reply_free(&got);
    }
    memset(&got, 0, sizeof got);
    for (cut = 0; cut < sizeof stream - 1; cut++) reply_feed(&got, stream + cut, 1);
    check_whole(&got);
    reply_free(&got);
}

TEST(a_stream_that_ends_anywhere_is_no_whole_answer) {
    static const char stream[] = WANTS_TOOL;
    size_t cut;
    for (cut = 0; cut < sizeof stream - 2; cut++) {
        reply got;
        memset(&got, 0, sizeof got);
        reply_feed(&got, stream, cut);
        CHECK(!got.done);
        CHECK(strncmp(text_of(&got.call_arguments), "{\"city\":\"Z\xc3\xbcrich\"}", got.call_arguments.size) == 0);
        reply_free(&got);
    }
}

TEST(events_of_any_bytes_do_no_harm) {
    unsigned long round;
    for (round = 0; round < test_scaled(20000); round++) {
        static const char alphabet[] = "{}[]\":,\\u0 data:\n\r1nulltchoices";
        char text[200];
        size_t size = test_random_below(sizeof text), i;
        reply got;
        memset(&got, 0, sizeof got);
        for (i = 0; i < size; i++) text[i] = alphabet[test_random_below(sizeof alphabet - 1)];
        reply_feed(&got, "data: {\"choices\":[{\"delta\":{", 28);
        reply_feed(&got, text, size);
        reply_feed(&got, "\n\n", 2);
        reply_free(&got);
    }
}

/* --- conversations --- */

static uint64_t memory[1 << 16];
static trace_exporter keeper;
static trace_span_data spans[64];
static size_t span_count;
static FILE *said;

static bool converse_with(const hostile_step *const *scripts, size_t count, const char *question) {
    hostile_server *const server = hostile_start(NULL);
    trace_genai_options options;
    trace_config config;
    client with;
    bool ok;
    memset(&options, 0, sizeof options);
    memset(&with, 0, sizeof with);
    options.capture_content = TRACE_CHOICE_YES;
    options.prices = "openai gpt-4o-mini* 1 10";
    keeper = trace_memory_exporter(memory, sizeof memory);
    config = ledger_config(keeper);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
    for (size_t i = 0; i < count; i++) hostile_script(server, scripts[i]);
    hostile_run(server);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    with.curl = curl_easy_init();
    with.model = "gpt-4o-mini";
    snprintf(with.url, sizeof with.url, "http://127.0.0.1:%u/v1/chat/completions", server->port);
    snprintf(with.authorization, sizeof with.authorization, "Authorization: Bearer secret-canary");
    said = tmpfile();
    ok = converse(&with, question, said);
    curl_easy_cleanup(with.curl);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    span_count = trace_memory_get(&keeper, spans, 64);
    hostile_stop(server);
    hostile_free(server);
    CHECK_LEDGER();
    return ok;
}

/* The nth span of that name. */
static const trace_span_data *span_of(const char *name, unsigned nth) {
    for (size_t i = 0; i < span_count; i++)
        if (spans[i].name.size == strlen(name) && memcmp(spans[i].name.data, name, spans[i].name.size) == 0 && nth-- == 0) return &spans[i];
    CHECK(!"found");
    return &spans[0];
}

static const char *value_of(const trace_span_data *span, const char *key) {
    static char out[4096];
    for (size_t i = 0; i < span->attribute_count; i++) {
        const trace_attribute *const a = &span->attributes[i];
        if (a->key.size != strlen(key) || memcmp(a->key.data, key, a->key.size) != 0) continue;
        if (a->value.type == TRACE_TYPE_INT) snprintf(out, sizeof out, "%" PRId64, a->value.as.integer);
        else if (a->value.type == TRACE_TYPE_DOUBLE) snprintf(out, sizeof out, "%g", a->value.as.number);
        else snprintf(out, sizeof out, "%.*s", (int)a->value.as.string.size, a->value.as.string.data);
        return out;
    }
    return "(none)";
}

ISOLATED(a_conversation_with_a_tool_and_a_retry) {
    static const hostile_step busy[] = {
        {HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy", 0}, {HOSTILE_END, 0, 0}};
    static const hostile_step tool[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_SEND, STREAM WANTS_TOOL, 0}, {HOSTILE_END, 0, 0}};
    static const hostile_step last[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_SLOW, STREAM ANSWERS, 0}, {HOSTILE_END, 0, 0}};
    static const hostile_step *const scripts[] = {busy, tool, last};
    char text[200] = "";
    const trace_span_data *agent, *first, *second, *looked;
    CHECK(converse_with(scripts, 3, "How \"warm\" is it?"));
    rewind(said);
    text[fread(text, 1, sizeof text - 1, said)] = '\0';
    CHECK_STR(text, "Let me lo\xc3\xb6k \xf0\x9f\x8c\xa1\nIt is 21 degrees.\n");
    if (!CHECK_UINT(span_count, 7)) return;
    agent = span_of("invoke_agent thermometer", 0);
    first = span_of("chat gpt-4o-mini", 0);
    second = span_of("chat gpt-4o-mini", 1);
    looked = span_of("execute_tool temperature", 0);
    CHECK_MEM(first->parent_span_id, agent->span_id, 8);
    CHECK_MEM(second->parent_span_id, agent->span_id, 8);
    CHECK_MEM(looked->parent_span_id, agent->span_id, 8);
    CHECK_MEM(span_of("provider openai", 0)->parent_span_id, first->span_id, 8);
    CHECK_MEM(span_of("provider openai", 1)->parent_span_id, first->span_id, 8);
    CHECK_MEM(span_of("provider openai", 2)->parent_span_id, second->span_id, 8);
    CHECK_INT(span_of("provider openai", 0)->status, TRACE_STATUS_ERROR);
    CHECK_STR(value_of(span_of("provider openai", 0), "error.type"), "429");
    CHECK_STR(value_of(span_of("provider openai", 0), "trace_h.retries_left"), "3");
    CHECK_STR(value_of(span_of("provider openai", 1), "trace_h.retries_left"), "2");
    CHECK_INT(first->status, TRACE_STATUS_UNSET);
    CHECK_STR(value_of(first, "gen_ai.request.temperature"), "0");
    CHECK_STR(value_of(first, "gen_ai.response.id"), "chatcmpl-7");
    CHECK_STR(value_of(first, "gen_ai.usage.input_tokens"), "31");
    CHECK_STR(value_of(first, "gen_ai.usage.cost"), "0.000151");
    CHECK_STR(value_of(first, "trace_h.stream.chunk_count"), "5");
    CHECK_STR(value_of(first, "gen_ai.input.messages"), "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"How \\\"warm\\\" is it?\"}]}]");
    CHECK_HAS(value_of(first, "gen_ai.output.messages"), "\"arguments\":{\"city\":\"Z\xc3\xbcrich\"}");
    CHECK_HAS(value_of(second, "gen_ai.input.messages"), "{\"type\":\"tool_call_response\",\"id\":\"call_9\",\"response\":{\"celsius\":21}}");
    CHECK_STR(value_of(second, "gen_ai.usage.output_tokens"), "6");
    CHECK_STR(value_of(looked, "gen_ai.tool.call.arguments"), "{\"city\":\"Z\xc3\xbcrich\"}");
    CHECK_STR(value_of(looked, "gen_ai.tool.call.result"), "{\"celsius\":21}");
    for (size_t i = 0; i < span_count; i++)
        for (size_t j = 0; j < spans[i].attribute_count; j++)
            if (spans[i].attributes[j].value.type == TRACE_TYPE_STRING)
                CHECK(!memmem(spans[i].attributes[j].value.as.string.data, spans[i].attributes[j].value.as.string.size, "canary", 6));
}

/* The program itself, told by its environment alone. */
static void run_program(void *unused) {
    static const hostile_step busy[] = {
        {HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy", 0}, {HOSTILE_END, 0, 0}};
    static const hostile_step tool[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_SEND, STREAM WANTS_TOOL, 0}, {HOSTILE_END, 0, 0}};
    static const hostile_step last[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_SEND, STREAM ANSWERS, 0}, {HOSTILE_END, 0, 0}};
    static const char *const asked[] = {"\"model\":\"tiny\"", "\"stream\":true", "{\"role\":\"user\",\"content\":\"How warm is it?\"}",
                                        "\"role\":\"tool\",\"tool_call_id\":\"call_9\",\"content\":\"{\\\"celsius\\\":21}\""};
    hostile_server *const server = hostile_start(NULL);
    char name[] = "chat", question[] = "How warm is it?", url[64];
    char *arguments[] = {name, question, NULL};
    (void)unused;
    hostile_script(server, busy), hostile_script(server, tool), hostile_script(server, last);
    hostile_run(server);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/v1", server->port);
    setenv("OPENAI_BASE_URL", url, 1);
    setenv("OPENAI_API_KEY", "secret-canary", 1);
    setenv("OPENAI_MODEL", "tiny", 1);
    setenv("OTEL_TRACES_EXPORTER", "console", 1);
    CHECK_INT(trace_init(NULL), TRACE_RESULT_OK);
    CHECK_INT(chat_main(2, arguments), 0);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    hostile_stop(server);
    CHECK_UINT(server->requests, 3);
    CHECK_HAS(server->head, "POST /v1/chat/completions HTTP/1.1\r\n");
    CHECK_HAS(server->head, "Authorization: Bearer secret-canary\r\n");
    CHECK_HAS(server->head, "traceparent: 00-");
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) CHECK(memmem(server->body, server->body_size, asked[i], strlen(asked[i])));
    hostile_free(server);
    fflush(stdout);
}

TEST(the_program_asks_the_server_of_its_environment) {
    test_child child = test_fork(run_program, NULL, LEDGER_TEST_MS);
    CHECK_CHILD(&child, 0);
    CHECK_STR(child.out, "Let me lo\xc3\xb6k \xf0\x9f\x8c\xa1\nIt is 21 degrees.\n");
    CHECK_HAS(child.err, "invoke_agent thermometer");
    CHECK_HAS(child.err, "chat tiny");
    CHECK_HAS_NOT(child.err, "secret-canary");
    CHECK_HAS_NOT(child.err, "How warm is it?");               /* content is off */
    test_child_free(&child);
}

ISOLATED(a_tool_that_fails_and_a_stream_that_is_cut) {
    static const hostile_step tool[] = {
        {HOSTILE_READ, 0, 0},
        {HOSTILE_SEND, STREAM DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"explode\",\"arguments\":\"{\\\"ci\"}}]", "\"tool_calls\"") "data: [DONE]\n\n", 0},
        {HOSTILE_END, 0, 0}};
    static const hostile_step cut[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_SEND, STREAM DELTA("\"content\":\"It is\"", "null"), 0}, {HOSTILE_END, 0, 0}};
    static const hostile_step *const scripts[] = {tool, cut};
    const trace_span_data *second;
    CHECK(!converse_with(scripts, 2, "?"));
    if (!CHECK_UINT(span_count, 6)) return;
    CHECK_INT(span_of("execute_tool explode", 0)->status, TRACE_STATUS_ERROR);
    CHECK_STR(value_of(span_of("execute_tool explode", 0), "error.type"), "BadToolCall");
    CHECK_STR(value_of(span_of("execute_tool explode", 0), "gen_ai.tool.call.arguments"), "{\"ci");
    second = span_of("chat gpt-4o-mini", 1);
    CHECK_INT(second->status, TRACE_STATUS_ERROR);
    CHECK_STR(value_of(second, "error.type"), "stream");
    CHECK_STR(value_of(second, "gen_ai.usage.input_tokens"), "(none)");     /* nobody said */
    CHECK_STR(value_of(second, "gen_ai.usage.cost"), "(none)");
    CHECK_STR(value_of(second, "trace_h.stream.chunk_count"), "1");
    CHECK_HAS(value_of(second, "gen_ai.output.messages"), "\"content\":\"It is\"");
}

ISOLATED(a_server_that_says_no) {
    static const hostile_step no[] = {
        {HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 7\r\nConnection: close\r\n\r\nbad key", 0}, {HOSTILE_END, 0, 0}};
    static const hostile_step *const scripts[] = {no};
    CHECK(!converse_with(scripts, 1, "?"));
    if (!CHECK_UINT(span_count, 3)) return;
    CHECK_TEXT(span_of("provider openai", 0)->status_message.data, span_of("provider openai", 0)->status_message.size, "bad key");
    CHECK_STR(value_of(span_of("chat gpt-4o-mini", 0), "trace_h.stream.chunk_count"), "0");
}
#endif

TEST_MAIN()
