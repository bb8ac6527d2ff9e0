/* A chat with a model that may call a tool, streamed: OpenAI's wire format over libcurl, traced as agent, model calls and tool.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   OPENAI_BASE_URL (https://api.openai.com/v1), OPENAI_API_KEY and OPENAI_MODEL (gpt-4o-mini) say which server; any that speaks
   the format will do. What the model writes goes to standard output as it comes, the trace to standard error, or to a backend:

       cc -O2 examples/chat.c -pthread -lcurl -o chat && ./chat "How warm is it in Zurich?"
       OTEL_TRACES_EXPORTER=phoenix OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true ./chat "How warm is it in Zurich?"

   A model call (CHAT) is what the program asked for; each attempt to have it (PROVIDER) is a span below it: the one that was
   answered 429 and the one that went through. The stream is folded into the call: first token, chunks, their intervals. */
#define TRACE_HTTP_CURL 1
#define TRACE_IMPLEMENTATION
#include "../trace_genai.h"
#include "../trace_otlp.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- text that grows ---- */

typedef struct text {
    char *data;                   /* terminated; NULL while empty */
    size_t size;
} text;

static void text_add(text *to, const char *bytes, size_t size) {
    char *const longer = (char *)realloc(to->data, to->size + size + 1);
    if (!longer) abort();
    memcpy(longer + to->size, bytes, size);
    to->data = longer;
    to->size += size;
    to->data[to->size] = '\0';
}

static void text_put(text *to, const char *string) {
    text_add(to, string, strlen(string));
}

static const char *text_of(const text *from) {
    return from->data ? from->data : "";
}

static void text_free(text *old) {
    free(old->data);
    memset(old, 0, sizeof *old);
}

/* As a JSON string. */
static void text_quote(text *to, const char *string) {
    static const char hex[] = "0123456789abcdef";
    text_put(to, "\"");
    for (; *string; string++) {
        const unsigned char c = (unsigned char)*string;
        char escaped[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        if (c < 0x20) text_add(to, escaped, 6);
        else if (c == '"' || c == '\\') escaped[1] = (char)c, text_add(to, escaped, 2);
        else text_add(to, string, 1);
    }
    text_put(to, "\"");
}

/* ---- JSON that is read: a value is found by its path, nothing is built ---- */

static const char *json_space(const char *at) {
    return at + strspn(at, " \t\r\n");
}

/* Behind the value at `at`; NULL when it is cut short. The texts read here are small and ours to bound: 64 levels. */
static const char *json_skip(const char *at, int depth) {
    at = json_space(at);
    if (*at == '"') {
        for (at++; *at && *at != '"'; at++)
            if (*at == '\\' && at[1]) at++;
        return *at ? at + 1 : NULL;
    }
    if (*at == '{' || *at == '[') {
        const char close = *at == '{' ? '}' : ']';
        at = json_space(at + 1);
        while (at && *at && *at != close) {
            if (depth > 64) return NULL;
            at = json_skip(at, depth + 1);
            at = at ? json_space(at) : NULL;
            if (at && (*at == ',' || *at == ':')) at = json_space(at + 1);
        }
        return at && *at ? at + 1 : NULL;
    }
    return *at ? at + strcspn(at, ",:]} \t\r\n") + !strcspn(at, ",:]} \t\r\n") : NULL;
}

/* json_find(text, "choices", "0", "delta", NULL): the value's first character; NULL: not there. Array places are digits. */
static const char *json_step(const char *at, const char *key) {
    long place = strtol(key, NULL, 10);
    const size_t size = strlen(key);
    if (!at) return NULL;
    at = json_space(at);
    if (*at == '[') {
        for (at = json_space(at + 1); at && *at && *at != ']'; at = at && *at == ',' ? json_space(at + 1) : at) {
            if (place-- == 0) return at;
            at = json_skip(at, 0);
            at = at ? json_space(at) : NULL;
        }
        return NULL;
    }
    if (*at != '{') return NULL;
    for (at = json_space(at + 1); at && *at == '"';) {
        const char *const name = at + 1, *const end = json_skip(at, 0);
        const char *const value = end && *json_space(end) == ':' ? json_space(json_space(end) + 1) : NULL;
        if (!value) return NULL;
        if ((size_t)(end - 1 - name) == size && memcmp(name, key, size) == 0) return value;
        at = json_skip(value, 0);
        at = at ? json_space(at) : NULL;
        if (at && *at == ',') at = json_space(at + 1);
    }
    return NULL;
}

static const char *json_find(const char *json, const char *a, const char *b, const char *c, const char *d) {
    const char *const path[4] = {a, b, c, d};
    for (int i = 0; i < 4 && path[i] && json; i++) json = json_step(json, path[i]);
    return json && strncmp(json, "null", 4) != 0 ? json : NULL;
}

static unsigned json_hex4(const char *at) {
    char digits[5] = {0};
    for (int i = 0; i < 4 && at[i]; i++) digits[i] = at[i];
    return (unsigned)strtoul(digits, NULL, 16);
}

static void text_utf8(text *to, unsigned long point) {
    char bytes[4];
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; point >>= 6) bytes[i] = (char)(0x80 | (point & 0x3f));
    bytes[0] = (char)(size == 1 ? point : (0xf00UL >> size & 0xf0) | point);
    text_add(to, bytes, size);
}

/* Adds a string's content without its escapes. */
static void json_text(text *to, const char *at) {
    if (!at || *at != '"') return;
    for (at++; *at && *at != '"'; at++) {
        static const char from[] = "nrtbf", into[] = "\n\r\t\b\f";
        if (*at != '\\') {
            text_add(to, at, 1);
            continue;
        }
        at++;
        if (*at == 'u' && strlen(at) > 4) {
            unsigned long point = json_hex4(at + 1);
            at += 4;
            if (point >= 0xd800 && point < 0xdc00 && at[1] == '\\' && at[2] == 'u' && strlen(at) > 6) {
                point = 0x10000 + ((point - 0xd800) << 10) + (json_hex4(at + 3) - 0xdc00);
                at += 6;
            }
            text_utf8(to, point);
        } else if (*at) {
            const char *const found = strchr(from, *at);
            text_add(to, found ? &into[found - from] : at, 1);
        }
    }
}

/* ---- a reply, as its stream comes in ---- */

typedef struct reply {
    text line;                    /* of the event stream, as far as it came */
    text data;                    /* of the event */
    text content;                 /* what the model wrote */
    text call_id, call_name, call_arguments;    /* the tool it wants, if any; one is enough for an example */
    char id[128], model[128], finish[32];
    trace_genai_usage usage;
    bool has_usage, done;
    trace_genai_stream stream;
    text error;                   /* the body of an answer that is no stream */
    CURL *curl;                   /* NULL: in tests */
    FILE *echo;
} reply;

static void reply_free(reply *old) {
    text *const texts[] = {&old->line,      &old->data,           &old->content, &old->call_id,
                           &old->call_name, &old->call_arguments, &old->error};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) text_free(texts[i]);
}

static void copy_text(char *to, size_t capacity, const char *json) {
    text copy = {NULL, 0};
    json_text(&copy, json);
    if (copy.size) snprintf(to, capacity, "%s", copy.data);
    text_free(&copy);
}

static int64_t json_int(const char *json, const char *a, const char *b, const char *c) {
    const char *const at = json_find(json, a, b, c, NULL);
    return at ? strtoll(at, NULL, 10) : 0;
}

/* One event's data: a chunk of the completion, or the end. */
static void on_event(reply *to, const char *json) {
    const char *delta, *call;
    const size_t before = to->content.size;
    if (strcmp(json, "[DONE]") == 0) {
        to->done = true;
        return;
    }
    if (!to->id[0]) copy_text(to->id, sizeof to->id, json_find(json, "id", NULL, NULL, NULL));
    if (!to->model[0]) copy_text(to->model, sizeof to->model, json_find(json, "model", NULL, NULL, NULL));
    copy_text(to->finish, sizeof to->finish, json_find(json, "choices", "0", "finish_reason", NULL));
    if (json_find(json, "usage", NULL, NULL, NULL)) {
        to->has_usage = true;
        to->usage.input_tokens = json_int(json, "usage", "prompt_tokens", NULL);
        to->usage.output_tokens = json_int(json, "usage", "completion_tokens", NULL);
        to->usage.total_tokens = json_int(json, "usage", "total_tokens", NULL);
        to->usage.cache_read_tokens = json_int(json, "usage", "prompt_tokens_details", "cached_tokens");
        to->usage.reasoning_tokens = json_int(json, "usage", "completion_tokens_details", "reasoning_tokens");
    }
    delta = json_find(json, "choices", "0", "delta", NULL);
    if (!delta) return;
    json_text(&to->content, json_find(delta, "content", NULL, NULL, NULL));
    call = json_find(delta, "tool_calls", "0", NULL, NULL);
    if (call && !to->call_id.size) json_text(&to->call_id, json_find(call, "id", NULL, NULL, NULL));
    if (call && !to->call_name.size) json_text(&to->call_name, json_find(call, "function", "name", NULL, NULL));
    json_text(&to->call_arguments, json_find(call ? call : "", "function", "arguments", NULL, NULL));
    if (to->content.size == before && !call) return;       /* says who speaks, or how it ended */
    trace_genai_stream_chunk(&to->stream);
    if (!to->echo || to->content.size == before) return;
    fwrite(to->content.data + before, 1, to->content.size - before, to->echo);
    fflush(to->echo);
}

/* A line of the stream without its end (HTML Living Standard, 9.2.6): data gathers, an empty line is the event's end. */
static void on_line(reply *to, const char *line, size_t size) {
    if (size == 0) {
        if (to->data.size) on_event(to, to->data.data);
        text_free(&to->data);
    } else if (size >= 5 && memcmp(line, "data:", 5) == 0) {
        const size_t skip = size > 5 && line[5] == ' ' ? 6 : 5;
        if (to->data.size) text_put(&to->data, "\n");
        text_add(&to->data, line + skip, size - skip);
    }
}

/* Bytes as they come, cut anywhere. */
static void reply_feed(reply *to, const char *bytes, size_t size) {
    for (; size; bytes++, size--) {
        if (*bytes != '\n') {
            text_add(&to->line, bytes, 1);
            continue;
        }
        if (to->line.size && to->line.data[to->line.size - 1] == '\r') to->line.size--;
        on_line(to, text_of(&to->line), to->line.size);
        to->line.size = 0;
    }
}

static size_t on_bytes(char *bytes, size_t one, size_t size, void *user) {
    reply *const to = (reply *)user;
    long status = 0;
    (void)one;
    curl_easy_getinfo(to->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) reply_feed(to, bytes, size);
    else if (to->error.size < 4096) text_add(&to->error, bytes, size);
    return size;
}

/* ---- the call ---- */

typedef struct client {
    CURL *curl;
    const char *base_url, *key, *model;
    char url[1024], authorization[512];
} client;

enum { RETRIES = 3 };

static void add_header(void *user, trace_string name, trace_string value) {
    struct curl_slist **const list = (struct curl_slist **)user;
    char line[8448];
    snprintf(line, sizeof line, "%.*s: %.*s", (int)name.size, name.data, (int)value.size, value.data);
    struct curl_slist *const longer = curl_slist_append(*list, line);
    if (longer) *list = longer;
}

/* One attempt. The answer's status; 0: there was none. */
static long attempt(client *from, const char *body, reply *to, int retries_left) {
    long status = 0;
    TRACE_GENAI_PROVIDER("openai") {
        struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
        const trace_carrier carrier = {.set = add_header, .user = &headers};
        headers = curl_slist_append(headers, from->authorization);
        trace_inject((trace_context){0}, &carrier);       /* a gateway's spans become children of this one */
        trace_set("http.request.method", "POST");
        trace_genai_set_retries_left(trace_span_current(), (uint32_t)retries_left);
        curl_easy_setopt(from->curl, CURLOPT_URL, from->url);
        curl_easy_setopt(from->curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(from->curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(from->curl, CURLOPT_WRITEFUNCTION, on_bytes);
        curl_easy_setopt(from->curl, CURLOPT_WRITEDATA, to);
        curl_easy_setopt(from->curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(from->curl, CURLOPT_TIMEOUT, 300L);
        to->curl = from->curl;
        text_free(&to->error);
        const CURLcode result = curl_easy_perform(from->curl);
        curl_easy_setopt(from->curl, CURLOPT_HTTPHEADER, NULL);
        curl_slist_free_all(headers);
        curl_easy_getinfo(from->curl, CURLINFO_RESPONSE_CODE, &status);
        if (status) trace_set("http.response.status_code", status);
        if (result != CURLE_OK) trace_error("CURLcode", curl_easy_strerror(result)), status = 0;
        else if (status >= 400) {
            char code[24];
            snprintf(code, sizeof code, "%ld", status);
            trace_error(code, text_of(&to->error));
        }
    }
    return status;
}

/* As the server asks, within reason; else a second, two, four. */
static void wait_before(client *from, int tries) {
    curl_off_t seconds = 0;
    struct timespec nap = {1L << tries, 0};
    curl_easy_getinfo(from->curl, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) nap.tv_sec = seconds > 30 ? 30 : (time_t)seconds;
    nanosleep(&nap, NULL);
}

static const char tools[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"temperature\",\"description\":\"Degrees Celsius in a city, now\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}}}]";

/* Asks with all messages so far (JSON, without brackets), and adds the reply to them. */
static bool ask(client *from, const text *messages, const trace_genai_message *input, size_t input_count, reply *to) {
    text body = {NULL, 0};
    long status = 0;
    bool ok = false;
    text_put(&body, "{\"model\":");
    text_quote(&body, from->model);
    text_put(&body, ",\"temperature\":0,\"stream\":true,\"stream_options\":{\"include_usage\":true},\"tools\":");
    text_put(&body, tools);
    text_put(&body, ",\"messages\":[");
    text_put(&body, text_of(messages));
    text_put(&body, "]}");
    TRACE_GENAI_CHAT("openai", from->model) {
        const trace_span span = trace_span_current();
        const trace_genai_request request = {.temperature = trace_genai_double(0.0), .stream = true};
        trace_genai_response response = {.id = to->id, .model = to->model};
        trace_genai_part call = {.type = TRACE_GENAI_PART_TOOL_CALL};
        trace_genai_message output = {.role = "assistant", .parts = &call};
        trace_genai_set_request(span, &request);
        trace_genai_set_tool_definitions(span, tools, 0);
        trace_genai_set_input(span, input, input_count);
        to->stream = trace_genai_stream_start();
        for (int tries = 0; tries <= RETRIES; tries++) {
            if (tries) wait_before(from, tries - 1);
            status = attempt(from, text_of(&body), to, RETRIES - tries);
            if (status != 0 && status != 429 && status < 500) break;
            if (to->stream.chunk_count) break;             /* half an answer cannot be asked for again */
        }
        trace_genai_set_stream(span, &to->stream);
        if (to->finish[0]) response.finish_reasons[0] = to->finish;
        trace_genai_set_response(span, &response);
        if (to->has_usage) trace_genai_set_usage(span, &to->usage);
        output.content = to->content.size ? to->content.data : NULL;
        output.finish_reason = to->finish;
        call.id = text_of(&to->call_id);
        call.name = text_of(&to->call_name);
        call.text = text_of(&to->call_arguments);
        output.part_count = to->call_name.size ? 1 : 0;
        trace_genai_set_output(span, &output, 1);
        ok = status == 200 && to->done;
        if (!ok) trace_error(status == 200 ? "stream" : "http", status == 200 ? "the stream was cut" : "no answer");
    }
    text_free(&body);
    return ok;
}

/* The one tool there is. False: the model asked for what it cannot do. */
static bool use_tool(const reply *from, text *result) {
    bool ok = true;
    TRACE_GENAI_TOOL(text_of(&from->call_name)) {
        const char *const arguments = text_of(&from->call_arguments);
        trace_genai_tool_call call = {.id = text_of(&from->call_id), .type = "function", .arguments = arguments};
        text city = {NULL, 0};
        json_text(&city, json_find(arguments, "city", NULL, NULL, NULL));
        ok = strcmp(text_of(&from->call_name), "temperature") == 0 && city.size;
        if (ok) {
            char degrees[32];
            snprintf(degrees, sizeof degrees, "{\"celsius\":%u}", (unsigned)(city.size * 3));     /* a thermometer of sorts */
            text_put(result, degrees);
        } else {
            text_put(result, "{\"error\":\"there is no such tool, or the city is missing\"}");
            trace_error("BadToolCall", "no such tool, or no city");
        }
        call.result = text_of(result);
        trace_genai_set_tool_call(trace_span_current(), &call);
        text_free(&city);
    }
    return ok;
}

/* Until the model has nothing more to ask, at most four turns. */
static bool converse(client *with, const char *question, FILE *out) {
    bool ok = false;
    TRACE_GENAI_AGENT("thermometer") {
        text messages = {NULL, 0}, results[4];
        reply replies[4];
        trace_genai_message input[9];
        trace_genai_part parts[8];
        size_t count = 0, turns = 0;
        memset(results, 0, sizeof results);
        memset(replies, 0, sizeof replies);
        memset(input, 0, sizeof input);
        memset(parts, 0, sizeof parts);
        input[count].role = "user";
        input[count++].content = question;
        text_put(&messages, "{\"role\":\"user\",\"content\":");
        text_quote(&messages, question);
        text_put(&messages, "}");
        while (turns < 4) {
            reply *const now = &replies[turns];
            text *const result = &results[turns];
            now->echo = out;
            ok = ask(with, &messages, input, count, now);
            turns++;
            if (!ok || !now->call_name.size) break;
            (void)use_tool(now, result);
            text_put(&messages, ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"type\":\"function\",\"id\":");
            text_quote(&messages, text_of(&now->call_id));
            text_put(&messages, ",\"function\":{\"name\":");
            text_quote(&messages, text_of(&now->call_name));
            text_put(&messages, ",\"arguments\":");
            text_quote(&messages, text_of(&now->call_arguments));
            text_put(&messages, "}}]},{\"role\":\"tool\",\"tool_call_id\":");
            text_quote(&messages, text_of(&now->call_id));
            text_put(&messages, ",\"content\":");
            text_quote(&messages, text_of(result));
            text_put(&messages, "}");
            parts[count - 1].type = TRACE_GENAI_PART_TOOL_CALL;
            parts[count - 1].text = text_of(&now->call_arguments);
            parts[count - 1].id = text_of(&now->call_id);
            parts[count - 1].name = text_of(&now->call_name);
            input[count] = (trace_genai_message){.role = "assistant", .parts = &parts[count - 1], .part_count = 1};
            count++;
            parts[count - 1].type = TRACE_GENAI_PART_TOOL_CALL_RESPONSE;
            parts[count - 1].text = text_of(result);
            parts[count - 1].id = text_of(&now->call_id);
            input[count] = (trace_genai_message){.role = "tool", .parts = &parts[count - 1], .part_count = 1};
            count++;
        }
        if (ok && out) fputs("\n", out);
        if (!ok) trace_error("chat", "the model did not answer");
        for (size_t i = 0; i < turns; i++) reply_free(&replies[i]), text_free(&results[i]);
        text_free(&messages);
    }
    return ok;
}

static const char *setting(const char *name, const char *otherwise) {
    const char *const value = getenv(name);
    return value && *value ? value : otherwise;
}

int main(int count, char **arguments) {
    client with = {0};
    bool ok;
    if (count != 2) {
        fprintf(stderr, "usage: %s QUESTION    (OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL)\n", arguments[0]);
        return 0;
    }
    with.base_url = setting("OPENAI_BASE_URL", "https://api.openai.com/v1");
    with.model = setting("OPENAI_MODEL", "gpt-4o-mini");
    snprintf(with.url, sizeof with.url, "%s/chat/completions", with.base_url);
    snprintf(with.authorization, sizeof with.authorization, "Authorization: Bearer %s", setting("OPENAI_API_KEY", ""));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    with.curl = curl_easy_init();
    ok = with.curl && converse(&with, arguments[1], stdout);
    if (!ok) fprintf(stderr, "%s: no answer from %s\n", arguments[0], with.base_url);
    curl_easy_cleanup(with.curl);
    curl_global_cleanup();
    return ok ? 0 : 1;
}
