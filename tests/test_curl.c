/* test_curl.c - transfers of a libcurl program, against a scripted server on loopback
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* build: $(curl-config --libs 2>/dev/null) */
/* also: plain c++ */
/* not: cross musl static: no libcurl there; msan: libcurl is not built with it */
#include "test.h"
#if defined(__has_include)
#if __has_include(<curl/curl.h>)
#define HAVE_CURL 1
#endif
#endif
#ifndef HAVE_CURL
TEST(curl) { SKIP("no headers of libcurl (libcurl4-openssl-dev)"); }
#else
#include <pthread.h>
#include "hostile_server.h"
#include "tls_servers.h"

#include <curl/curl.h>
static CURLcode perform_untraced(CURL *handle) { return curl_easy_perform(handle); }

#define TRACE_CONFIG_CURL_REDIRECT 1
#define TRACE_IMPLEMENTATION
#include "../trace_curl.h"
#include "ledger.h"

/* ---- tools ------------------------------------------------------------------------------------------------------ */

#define SPANS 256
static uint64_t memory_bytes[1 << 17];
static trace_exporter memory;
static trace_span_data spans[SPANS];
static size_t span_count;
static char console_text[1 << 20];
static size_t console_size;

static void console_write(void *user, const char *text, size_t size) {
    (void)user;
    if (size > sizeof console_text - 1 - console_size) size = sizeof console_text - 1 - console_size;
    memcpy(console_text + console_size, text, size);
    console_size += size;
}

static void begin_with(bool environment) {
    trace_config config;
    trace_console_options console;
    memset(&console, 0, sizeof console);
    console.format = TRACE_CONSOLE_FORMAT_ALL;
    console.width = 4000;
    console.write_fn = console_write;
    memory = trace_memory_exporter(memory_bytes, sizeof memory_bytes);
    config = ledger_config(memory);
    config.exporters[1] = trace_console_exporter(&console);
    config.disable_environment = !environment;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void begin(void) { begin_with(false); }

static void finish(void) {
    trace_stats stats;
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    span_count = trace_memory_get(&memory, spans, SPANS);
    trace_get_stats(&stats);
    CHECK_UINT(stats.open, 0);
    CHECK_UINT(stats.misused, 0);
    CHECK_UINT(stats.abandoned, 0);
    CHECK_UINT(stats.ended, stats.exported);
    CHECK_UINT(stats.ended, span_count);
}

static const trace_value *find(const trace_span_data *span, const char *key) {
    for (size_t i = 0; i < span->attribute_count; i++)
        if (span->attributes[i].key.size == strlen(key) && memcmp(span->attributes[i].key.data, key, strlen(key)) == 0)
            return &span->attributes[i].value;
    return NULL;
}

static const char *text_of(const trace_span_data *span, const char *key) {
    static char out[4][8192];
    static unsigned turn;
    char *const text = out[turn++ % 4];
    const trace_value *const value = find(span, key);
    if (!value) return "(none)";
    if (value->type == TRACE_TYPE_INT) snprintf(text, sizeof out[0], "%" PRId64, value->as.integer);
    else snprintf(text, sizeof out[0], "%.*s", (int)value->as.string.size, value->as.string.data);
    return text;
}

static const char *name_of(const trace_span_data *span) {
    static char out[256];
    snprintf(out, sizeof out, "%.*s", (int)span->name.size, span->name.data);
    return out;
}

static bool has_event(const trace_span_data *span, const char *name) {
    for (size_t i = 0; i < span->event_count; i++) {
        const trace_event_data *const event = &span->events[i];
        if (event->name.size != strlen(name) || memcmp(event->name.data, name, event->name.size) != 0) continue;
        CHECK(event->unix_ns >= span->start_unix_ns && event->unix_ns <= span->end_unix_ns);
        return true;
    }
    return false;
}

static char body[1 << 16];
static size_t body_size;

static size_t take_body(char *bytes, size_t size, size_t count, void *user) {
    (void)user;
    if (body_size + size * count < sizeof body) {
        memcpy(body + body_size, bytes, size * count);
        body_size += size * count;
        body[body_size] = '\0';
    }
    return size * count;
}

static CURL *easy(const hostile_server *server, const char *path) {
    char url[2048];
    CURL *const handle = curl_easy_init();
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", server->port, path);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    body_size = 0;
    body[0] = '\0';
    return handle;
}

static const hostile_step echo[] = {{HOSTILE_READ, NULL, 0}, {HOSTILE_ECHO, NULL, 200}, {HOSTILE_AGAIN, NULL, 0}};
static const hostile_step teapot[] = {{HOSTILE_READ, NULL, 0}, {HOSTILE_ECHO, NULL, 418}, {HOSTILE_AGAIN, NULL, 0}};
static const hostile_step redirect[] = {
    {HOSTILE_READ, NULL, 0},
    {HOSTILE_PAUSE, NULL, 20},
    {HOSTILE_SEND, "HTTP/1.1 302 X\r\nLocation: /there?token=canary-location\r\nContent-Length: 0\r\n\r\n", 0},
    {HOSTILE_READ, NULL, 0},
    {HOSTILE_ECHO, NULL, 200},
    {HOSTILE_END, NULL, 0}};
static const hostile_step hang[] = {{HOSTILE_READ, NULL, 0}, {HOSTILE_HANG, NULL, 0}};

static hostile_server *serve(const hostile_step *steps) {
    hostile_server *const server = hostile_start(NULL);
    hostile_script(server, steps);
    hostile_run(server);
    return server;
}

static void stop(hostile_server *server) {
    hostile_stop(server);
    hostile_free(server);
}

/* The span's ids as they must have come along. */
static const char *traceparent_of(const trace_span_data *span) {
    static char out[80];
    trace_context context;
    char text[56];
    memset(&context, 0, sizeof context);
    memcpy(context.trace_id, span->trace_id, 16);
    memcpy(context.span_id, span->span_id, 8);
    context.flags = span->flags;
    context.is_explicit = true;
    trace_context_format(context, text);
    snprintf(out, sizeof out, "traceparent: %s\r\n", text);
    return out;
}

static unsigned occurrences(const char *text, const char *part) {
    unsigned count = 0;
    for (; (text = strstr(text, part)) != NULL; text++) count++;
    return count;
}

/* ---- one request ------------------------------------------------------------------------------------------------- */

ISOLATED(request_is_a_client_span) {
    hostile_server *const server = serve(echo);
    char url[80], port[16];
    CURL *handle;
    begin();
    TRACE_SPAN("work") {
        handle = easy(server, "/item/3?color=red&sig=canary#part");
        CHECK_INT(curl_easy_perform(handle), CURLE_OK);
        curl_easy_cleanup(handle);
    }
    finish();
    snprintf(url, sizeof url, "http://127.0.0.1:%u/item/3?color=red&sig=REDACTED", server->port);
    snprintf(port, sizeof port, "%u", server->port);
    REQUIRE(span_count == 2);
    CHECK_STR(name_of(&spans[0]), "GET");
    CHECK_INT(spans[0].kind, TRACE_KIND_CLIENT);
    CHECK_INT(spans[0].status, TRACE_STATUS_UNSET);
    CHECK_MEM(spans[0].parent_span_id, spans[1].span_id, 8);
    CHECK_STR(text_of(&spans[0], "http.request.method"), "GET");
    CHECK_STR(text_of(&spans[0], "url.full"), url);
    CHECK_STR(text_of(&spans[0], "server.address"), "127.0.0.1");
    CHECK_STR(text_of(&spans[0], "server.port"), port);
    CHECK_STR(text_of(&spans[0], "network.peer.address"), "127.0.0.1");
    CHECK_STR(text_of(&spans[0], "network.peer.port"), port);
    CHECK_STR(text_of(&spans[0], "network.protocol.version"), "1.1");
    CHECK_STR(text_of(&spans[0], "http.response.status_code"), "200");
    CHECK_STR(text_of(&spans[0], "error.type"), "(none)");
    CHECK_STR(text_of(&spans[0], "http.request.resend_count"), "(none)");
    CHECK(has_event(&spans[0], "connect") && has_event(&spans[0], "first_byte") && !has_event(&spans[0], "tls_handshake"));
    CHECK_HAS(body, traceparent_of(&spans[0]));
    CHECK_UINT(occurrences(body, "traceparent:"), 1);
    stop(server);
}

/* The second request on a kept connection has no connection events. */
ISOLATED(kept_connections_have_no_connect_event) {
    hostile_server *const server = serve(echo);
    CURL *handle;
    begin();
    handle = easy(server, "/");
    CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    curl_easy_cleanup(handle);
    finish();
    REQUIRE(span_count == 2);
    CHECK(has_event(&spans[0], "connect") && has_event(&spans[0], "first_byte"));
    CHECK(!has_event(&spans[1], "connect") && !has_event(&spans[1], "name_lookup") && has_event(&spans[1], "first_byte"));
    CHECK_STR(text_of(&spans[1], "http.request.resend_count"), "(none)");
    stop(server);
}

ISOLATED(known_methods_are_what_the_environment_says) {
    static const char *const sent[] = {"BREW", "GET"};
    hostile_server *server;
    setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "PROPFIND, BREW", 1);
    server = serve(echo);
    begin_with(true);
    for (size_t i = 0; i < 2; i++) {
        CURL *const handle = easy(server, "/");
        curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, sent[i]);
        CHECK_INT(curl_easy_perform(handle), CURLE_OK);
        curl_easy_cleanup(handle);
    }
    finish();
    REQUIRE(span_count == 2);
    CHECK_STR(name_of(&spans[0]), "BREW");
    CHECK_STR(text_of(&spans[0], "http.request.method"), "BREW");
    CHECK_STR(name_of(&spans[1]), "HTTP");          /* the list stands for the usual one */
    CHECK_STR(text_of(&spans[1], "http.request.method_original"), "GET");
    stop(server);
}

ISOLATED(https_has_a_handshake) {
    tls_servers servers;
    char url[80], ca[300], port[16];
    CURL *handle;
    if (!tls_start(&servers)) {
        tls_stop(&servers);
        SKIP("python3 or openssl is missing");
    }
    begin();
    snprintf(url, sizeof url, "https://localhost:%u/secret?token=canary", servers.good);
    snprintf(port, sizeof port, "%u", servers.good);
    snprintf(ca, sizeof ca, "%s/ca.pem", servers.folder);
    handle = curl_easy_init();
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, 20L);
    CHECK_INT(curl_easy_perform(handle), CURLE_PEER_FAILED_VERIFICATION);      /* of an authority it does not know */
    curl_easy_setopt(handle, CURLOPT_CAINFO, ca);
    for (int i = 0; i < 2; i++) CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    curl_easy_cleanup(handle);
    finish();
    tls_stop(&servers);
    REQUIRE(span_count == 3);
    CHECK_STR(text_of(&spans[0], "error.type"), "CURLE_PEER_FAILED_VERIFICATION");
    CHECK(!has_event(&spans[0], "tls_handshake") && !has_event(&spans[0], "first_byte"));
    CHECK(has_event(&spans[1], "connect") && has_event(&spans[1], "tls_handshake") && has_event(&spans[1], "first_byte"));
    CHECK(!has_event(&spans[2], "connect") && !has_event(&spans[2], "tls_handshake") && has_event(&spans[2], "first_byte"));
    CHECK_INT((int)spans[1].status, TRACE_STATUS_UNSET);
    CHECK_STR(text_of(&spans[1], "http.response.status_code"), "200");
    CHECK_STR(text_of(&spans[1], "server.port"), port);
    CHECK(strncmp(text_of(&spans[1], "url.full"), "https://localhost:", 18) == 0);
    CHECK(strstr(console_text, "canary") == NULL);
}

ISOLATED(methods) {
    static const struct { const char *custom; long post, nobody; const char *name, *method, *original; } cases[] = {
        {NULL, 1, 0, "POST", "POST", "(none)"},   {NULL, 0, 1, "HEAD", "HEAD", "(none)"},     {"PATCH", 1, 0, "PATCH", "PATCH", "(none)"},
        {"BREW", 1, 0, "HTTP", "_OTHER", "BREW"}, {"get", 0, 0, "HTTP", "_OTHER", "get"},
    };
    hostile_server *const server = serve(echo);
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CURL *const handle = easy(server, "/");
        if (cases[i].post) curl_easy_setopt(handle, CURLOPT_POSTFIELDS, "a=canary-body");
        if (cases[i].nobody) curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
        if (cases[i].custom) curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, cases[i].custom);
        if (!cases[i].nobody) CHECK_INT(curl_easy_perform(handle), CURLE_OK);
        else curl_easy_perform(handle);
        curl_easy_cleanup(handle);
    }
    finish();
    REQUIRE(span_count == sizeof cases / sizeof cases[0]);
    for (size_t i = 0; i < span_count; i++) {
        CHECK_STR(name_of(&spans[i]), cases[i].name);
        CHECK_STR(text_of(&spans[i], "http.request.method"), cases[i].method);
        CHECK_STR(text_of(&spans[i], "http.request.method_original"), cases[i].original);
    }
    stop(server);
}

/* What belongs to the program stays as it was: its list, its callback, its copies. */
ISOLATED(the_programs_header_list_is_untouched) {
    hostile_server *const server = serve(echo);
    struct curl_slist *const list = curl_slist_append(curl_slist_append(NULL, "X-One: 1"), "X-Two: 2"), *const second = list->next;
    CURL *handle, *copy;
    begin();
    handle = easy(server, "/");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
    for (int i = 0; i < 3; i++) {
        body_size = 0;
        CHECK_INT(curl_easy_perform(handle), CURLE_OK);
        CHECK_HAS(body, "X-One: 1\r\n");
        CHECK_HAS(body, "X-Two: 2\r\n");
        CHECK_UINT(occurrences(body, "traceparent:"), 1);
    }
    CHECK_STR(list->data, "X-One: 1");
    CHECK(list->next == second && second->next == NULL);
    body_size = 0;
    CHECK_INT(perform_untraced(handle), CURLE_OK);
    CHECK_HAS(body, "X-One: 1\r\n");
    CHECK_HAS_NOT(body, "traceparent:");
    copy = curl_easy_duphandle(handle);
    curl_easy_cleanup(handle);
    body_size = 0;
    CHECK_INT(curl_easy_perform(copy), CURLE_OK);
    CHECK_HAS(body, "X-Two: 2\r\n");
    CHECK_UINT(occurrences(body, "traceparent:"), 1);
    curl_easy_setopt(copy, CURLOPT_HTTPHEADER, (struct curl_slist *)NULL);
    body_size = 0;
    CHECK_INT(curl_easy_perform(copy), CURLE_OK);
    CHECK_HAS_NOT(body, "X-One");
    curl_easy_setopt(copy, CURLOPT_HTTPHEADER, list);
    curl_easy_reset(copy);
    curl_easy_setopt(copy, CURLOPT_WRITEFUNCTION, take_body);
    {
        char url[80];
        snprintf(url, sizeof url, "http://127.0.0.1:%u/", server->port);
        curl_easy_setopt(copy, CURLOPT_URL, url);
    }
    body_size = 0;
    CHECK_INT(curl_easy_perform(copy), CURLE_OK);
    CHECK_HAS_NOT(body, "X-One");
    curl_easy_cleanup(copy);
    curl_slist_free_all(list);
    finish();
    stop(server);
}

ISOLATED(a_program_that_propagates_itself_is_left_alone) {
    static const char *const mine[] = {"TraceParent: mine", "traceparent;", "traceparent:"};
    hostile_server *const server = serve(echo);
    begin();
    for (size_t i = 0; i < 3; i++) {
        struct curl_slist *const list = curl_slist_append(NULL, mine[i]);
        CURL *const handle = easy(server, "/");
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
        CHECK_INT(curl_easy_perform(handle), CURLE_OK);
        CHECK_HAS_NOT(body, "traceparent: 00");
        curl_easy_cleanup(handle);
        curl_slist_free_all(list);
    }
    finish();
    CHECK_UINT(span_count, 3);
    stop(server);
}

ISOLATED(tracestate_and_long_baggage_come_along) {
    hostile_server *const server = serve(echo);
    char value[3001];
    trace_context context;
    CURL *handle;
    begin();
    memset(value, 'v', 3000);
    value[3000] = '\0';
    trace_context_parse(&context, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=x");
    context = trace_baggage_set(context, "tenant", value);
    TRACE_WITH(context) {
        handle = easy(server, "/");
        CHECK_INT(curl_easy_perform(handle), CURLE_OK);
        curl_easy_cleanup(handle);
    }
    finish();
    REQUIRE(span_count == 1);
    CHECK_HAS(body, "tracestate: vendor=x\r\n");
    CHECK_HAS(body, "baggage: tenant=vvv");
    CHECK_HAS(body, "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-");
    CHECK(spans[0].parent_is_remote);
    stop(server);
}

static void *inner_names[2];
static size_t traced_body(char *bytes, size_t size, size_t count, void *user) {
    (void)bytes, (void)user;
    TRACE_SPAN("parse") inner_names[0] = bytes;
    return size * count;
}

ISOLATED(spans_in_callbacks_are_children) {
    hostile_server *const server = serve(echo);
    CURL *handle;
    begin();
    handle = easy(server, "/");
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, traced_body);
    CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    curl_easy_cleanup(handle);
    CHECK(!trace_context_is_valid(trace_context_current()));
    finish();
    REQUIRE(span_count == 2);
    CHECK_STR(name_of(&spans[0]), "parse");
    CHECK_MEM(spans[0].parent_span_id, spans[1].span_id, 8);
    stop(server);
}

/* ---- several requests of a transfer -------------------------------------------------------------------------------- */

ISOLATED(a_redirect_is_two_spans) {
    hostile_server *const server = serve(redirect);
    CURL *handle;
    begin();
    TRACE_SPAN("work") {
        handle = easy(server, "/here");
        CHECK_INT(curl_easy_perform(handle), CURLE_OK);
        curl_easy_cleanup(handle);
    }
    finish();
    REQUIRE(span_count == 3);
    CHECK_STR(text_of(&spans[0], "http.response.status_code"), "302");
    CHECK_STR(text_of(&spans[1], "http.response.status_code"), "200");
    CHECK_HAS(text_of(&spans[0], "url.full"), "/here");
    CHECK_HAS(text_of(&spans[1], "url.full"), "/there?token=REDACTED");
    CHECK_STR(text_of(&spans[0], "http.request.resend_count"), "(none)");
    CHECK_STR(text_of(&spans[1], "http.request.resend_count"), "1");
    CHECK_MEM(spans[0].parent_span_id, spans[2].span_id, 8);
    CHECK_MEM(spans[1].parent_span_id, spans[2].span_id, 8);
    CHECK(spans[0].end_unix_ns <= spans[1].start_unix_ns);
    CHECK(spans[0].end_unix_ns - spans[0].start_unix_ns >= 19000000u);      /* the server's pause */
    CHECK(has_event(&spans[0], "first_byte") && has_event(&spans[1], "first_byte"));
    CHECK(has_event(&spans[0], "connect") && !has_event(&spans[1], "connect"));
    CHECK_HAS(body, traceparent_of(&spans[1]));
    stop(server);
}

/* Without a current span they are one trace all the same. */
ISOLATED(a_redirect_without_parent_is_one_trace) {
    hostile_server *const server = serve(redirect);
    CURL *handle;
    begin();
    handle = easy(server, "/here");
    CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    curl_easy_cleanup(handle);
    finish();
    REQUIRE(span_count == 2);
    CHECK_HAS(text_of(&spans[1], "url.full"), "/here");
    CHECK(spans[1].is_local_root);
    CHECK_MEM(spans[0].parent_span_id, spans[1].span_id, 8);
    CHECK(spans[1].end_unix_ns <= spans[0].start_unix_ns);
    stop(server);
}

static unsigned asked;
static int ask(void *user, char *peer, char *local, int peer_port, int local_port) {
    (void)local, (void)local_port;
    asked++;
    CHECK_STR(peer, "127.0.0.1");
    CHECK_INT(peer_port, *(int *)user);
    return asked > 2 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

ISOLATED(the_programs_prerequest_callback_is_called) {
    hostile_server *const server = serve(redirect);
    int port = server->port;
    CURL *handle;
    begin();
    handle = easy(server, "/here");
    curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, ask);
    curl_easy_setopt(handle, CURLOPT_PREREQDATA, &port);
    CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    CHECK_UINT(asked, 2);
    CHECK_INT(curl_easy_perform(handle), CURLE_ABORTED_BY_CALLBACK);
    CHECK_UINT(asked, 3);
    CHECK_INT(perform_untraced(handle), CURLE_ABORTED_BY_CALLBACK);
    CHECK_UINT(asked, 4);
    curl_easy_cleanup(handle);
    finish();
    REQUIRE(span_count == 3);
    CHECK_INT(spans[2].status, TRACE_STATUS_UNSET);
    CHECK(has_event(&spans[2], "cancelled"));
    stop(server);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

ISOLATED(statuses_of_400_and_above_are_errors) {
    hostile_server *const server = serve(teapot);
    CURL *handle;
    begin();
    for (long strict = 0; strict < 2; strict++) {
        handle = easy(server, "/");
        curl_easy_setopt(handle, CURLOPT_FAILONERROR, strict);
        CHECK_INT(curl_easy_perform(handle), strict ? CURLE_HTTP_RETURNED_ERROR : CURLE_OK);
        curl_easy_cleanup(handle);
    }
    finish();
    REQUIRE(span_count == 2);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(spans[i].status, TRACE_STATUS_ERROR);
        CHECK_STR(text_of(&spans[i], "error.type"), "418");
        CHECK_STR(text_of(&spans[i], "http.response.status_code"), "418");
    }
    CHECK_UINT(spans[0].status_message.size, 0);
    stop(server);
}

ISOLATED(libcurls_failures_have_its_names) {
    hostile_server *const closed = hostile_start(NULL);
    CURL *handle;
    begin();
    handle = easy(closed, "/");
    for (int i = 0; i < 3; i++) CHECK_INT(curl_easy_perform(handle), CURLE_COULDNT_CONNECT);
    curl_easy_setopt(handle, CURLOPT_URL, "ht!p://user:canary@127.0.0.1:1/");
    CHECK(curl_easy_perform(handle) != CURLE_OK);
    curl_easy_setopt(handle, CURLOPT_URL, "http://user:canary/x@127.0.0.1:1/");
    CHECK_INT(curl_easy_perform(handle), CURLE_URL_MALFORMAT);
    curl_easy_setopt(handle, CURLOPT_URL, "nosuch://user:canary@127.0.0.1/");
    CHECK_INT(curl_easy_perform(handle), CURLE_UNSUPPORTED_PROTOCOL);
    curl_easy_setopt(handle, CURLOPT_URL, (char *)NULL);
    CHECK_INT(curl_easy_perform(handle), CURLE_URL_MALFORMAT);
    curl_easy_cleanup(handle);
    finish();
    REQUIRE(span_count == 7);
    CHECK_STR(text_of(&spans[0], "error.type"), "CURLE_COULDNT_CONNECT");
    CHECK_STR(text_of(&spans[0], "http.response.status_code"), "(none)");
    CHECK_INT(spans[0].status, TRACE_STATUS_ERROR);
    CHECK_STR(text_of(&spans[0], "http.request.resend_count"), "(none)");
    CHECK_STR(text_of(&spans[1], "http.request.resend_count"), "1");
    CHECK_STR(text_of(&spans[2], "http.request.resend_count"), "2");
    CHECK_STR(text_of(&spans[4], "error.type"), "CURLE_URL_MALFORMAT");
    CHECK_STR(text_of(&spans[4], "url.full"), "(none)");
    CHECK_STR(text_of(&spans[5], "error.type"), "CURLE_UNSUPPORTED_PROTOCOL");
    CHECK_HAS_NOT(console_text, "canary");
    stop(closed);
}

TEST(every_code_has_its_name) {
    CHECK_STR(tracei_curl_codes[CURLE_OK], "OK");
    CHECK_STR(tracei_curl_codes[CURLE_COULDNT_CONNECT], "COULDNT_CONNECT");
    CHECK_STR(tracei_curl_codes[CURLE_OPERATION_TIMEDOUT], "OPERATION_TIMEDOUT");
    CHECK_STR(tracei_curl_codes[CURLE_GOT_NOTHING], "GOT_NOTHING");
    CHECK_STR(tracei_curl_codes[CURLE_PEER_FAILED_VERIFICATION], "PEER_FAILED_VERIFICATION");
    CHECK_STR(tracei_curl_codes[CURLE_HTTP2_STREAM], "HTTP2_STREAM");
    CHECK_STR(tracei_curl_codes[CURLE_SSL_CLIENTCERT], "SSL_CLIENTCERT");
    for (int code = 0; code < (int)(sizeof tracei_curl_codes / sizeof tracei_curl_codes[0]); code++) CHECK(tracei_curl_codes[code] != NULL);
}

/* ---- multi ------------------------------------------------------------------------------------------------------- */

static unsigned drive(CURLM *multi, unsigned wanted) {
    unsigned done = 0;
    const uint64_t deadline = test_now_ms() + 20000;
    while (done < wanted && test_now_ms() < deadline) {
        int running, left;
        CURLMsg *message;
        CHECK_INT(curl_multi_perform(multi, &running), CURLM_OK);
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            CURL *const handle = message->easy_handle;
            if (message->msg != CURLMSG_DONE) continue;
            done++;
            curl_multi_remove_handle(multi, handle);
            curl_easy_cleanup(handle);
        }
        if (done < wanted) curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    return done;
}

ISOLATED(multi_transfers) {
    hostile_server *const server = serve(echo), *const slow = serve(redirect);
    CURLM *const multi = curl_multi_init();
    begin();
    TRACE_SPAN("work") {
        for (int i = 0; i < 4; i++) CHECK_INT(curl_multi_add_handle(multi, easy(i ? server : slow, "/x")), CURLM_OK);
    }
    CHECK_UINT(drive(multi, 4), 4);
    curl_multi_cleanup(multi);
    finish();
    REQUIRE(span_count == 6);
    CHECK_STR(name_of(&spans[0]), "work");
    for (int i = 1; i < 6; i++) {
        CHECK_STR(name_of(&spans[i]), "GET");
        CHECK_MEM(spans[i].parent_span_id, spans[0].span_id, 8);
        CHECK(has_event(&spans[i], "first_byte"));
        CHECK_HAS(body, traceparent_of(&spans[i]) + (strcmp(text_of(&spans[i], "http.response.status_code"), "302") ? 0 : 79));
    }
    stop(server);
    stop(slow);
}

ISOLATED(removed_and_forgotten_transfers_are_cancelled) {
    hostile_server *const server = serve(hang);
    CURLM *const multi = curl_multi_init();
    CURL *first, *second;
    int running;
    begin();
    first = easy(server, "/"), second = easy(server, "/");
    CHECK_INT(curl_multi_add_handle(multi, first), CURLM_OK);
    CHECK_INT(curl_multi_add_handle(multi, second), CURLM_OK);
    CHECK_INT(curl_multi_perform(multi, &running), CURLM_OK);
    CHECK_INT(curl_multi_remove_handle(multi, first), CURLM_OK);
    curl_easy_cleanup(first);
    curl_easy_cleanup(second);
    curl_multi_cleanup(multi);
    finish();
    REQUIRE(span_count == 2);
    for (int i = 0; i < 2; i++) {
        CHECK(has_event(&spans[i], "cancelled"));
        CHECK_INT(spans[i].status, TRACE_STATUS_UNSET);
        CHECK_STR(text_of(&spans[i], "error.type"), "(none)");
    }
    stop(server);
}

/* ---- what must not get out ---------------------------------------------------------------------------------------- */

static void search_value(const trace_value *value) {
    if (value->type == TRACE_TYPE_STRING) CHECK(memmem(value->as.string.data, value->as.string.size, "canary", 6) == NULL);
}

ISOLATED(no_secret_in_any_output) {
    hostile_server *const server = serve(redirect);
    struct curl_slist *const list = curl_slist_append(curl_slist_append(NULL, "Authorization: Bearer canary1"), "X-Api-Key: canary2");
    char url[256], error[CURL_ERROR_SIZE];
    CURL *handle;
    begin();
    handle = easy(server, "/");
    snprintf(url, sizeof url, "http://canary3:canary4@127.0.0.1:%u/?Access_Token=canary5;x=1&X-Amz-Signature=canary6&api%%5Fkey=canary7#canary8",
             server->port);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(handle, CURLOPT_COOKIE, "session=canary9");
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, "password=canary10");
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error);
    CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    curl_easy_cleanup(handle);
    handle = easy(server, "/");
    curl_easy_setopt(handle, CURLOPT_URL, "http://canary.invalid:1/");
    curl_easy_setopt(handle, CURLOPT_USERPWD, "canary11:canary12");
    curl_easy_setopt(handle, CURLOPT_URL, "http://127.0.0.1:1/");
    curl_easy_perform(handle);
    curl_easy_cleanup(handle);
    curl_slist_free_all(list);
    finish();
    CHECK_UINT(span_count, 3);
    for (size_t i = 0; i < span_count; i++) {
        CHECK(memmem(spans[i].status_message.data, spans[i].status_message.size, "canary", 6) == NULL);
        for (size_t j = 0; j < spans[i].attribute_count; j++) search_value(&spans[i].attributes[j].value);
    }
    CHECK(console_size > 500);
    CHECK_HAS(console_text, "Access_Token=REDACTED;x=1&X-Amz-Signature=REDACTED&api%5Fkey=REDACTED");
    CHECK_HAS_NOT(console_text, "canary");
    stop(server);
}

static const char *redacted(const char *address) {
    static char out[256];
    tracei_text text;
    tracei_curl_url url;
    if (!tracei_curl_parse(&url, address)) return NULL;
    memset(&text, 0, sizeof text);
    text.data = out;
    text.capacity = sizeof out - 1;
    tracei_curl_redact(&text, &url);
    out[text.size] = '\0';
    return out;
}

TEST(urls) {
    static const char *const cases[][2] = {
        {"http://a/", "http://a/"},
        {"HTTPS://a.example:8443/p?q=1#f", "HTTPS://a.example:8443/p?q=1"},
        {"http://u@h/", "http://REDACTED@h/"},
        {"http://u:p@h/", "http://REDACTED:REDACTED@h/"},
        {"http://u:p@w@h/", "http://REDACTED:REDACTED@h/"},
        {"http://u:p@[::1%25eth0]:80/", "http://REDACTED:REDACTED@[::1%25eth0]:80/"},
        {"http://h?token", "http://h?token"},
        {"http://h/?token=&a=b", "http://h/?token=REDACTED&a=b"},
        {"http://h/?a=b=c&SIG=x=y&d", "http://h/?a=b=c&SIG=REDACTED&d"},
        {"http://h/?%74oken=x", "http://h/?%74oken=REDACTED"},
        {"http://h/?client-secret=x&design=1", "http://h/?client-secret=REDACTED&design=1"},
        {"http://h/?q=1&&=2&", "http://h/?q=1&&=2&"},
        {"file:///etc/x", "file:///etc/x"},
        {"http://h/@a:b@c", "http://h/@a:b@c"},
        {"h/", NULL}, {"://h/", NULL}, {"ht p://h/", NULL}, {"http://h:x/", NULL}, {"http://h:99999/", NULL}, {"http://[::1/", NULL},
        {"user:pass@h/?u=http://x/", NULL}, {"http://u:pa/ss@h/", NULL}, {"", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) CHECK_STR(redacted(cases[i][0]), cases[i][1]);
    CHECK(redacted(NULL) == NULL);
}

/* Whatever stands around it, what stands where a secret does is not told. */
TEST(random_urls_keep_their_secrets) {
    static const char *const pieces[] = {"a", "/", "?", "#", "&", ";", "=", "@", ":", "[", "]", "%", "%40", "%3d", ".", "\\", "key", "x", "1", "\xff", " "};
    for (unsigned long i = 0; i < test_scaled(200000); i++) {
        char url[512] = "http://u:canary@";
        unsigned count = (unsigned)test_random_below(24);
        const char *out;
        if (test_random_below(2)) snprintf(url, sizeof url, "http://h/");
        while (count--) strcat(url, pieces[test_random_below(sizeof pieces / sizeof pieces[0])]);
        if (strstr(url, "h/") == url + 7) strcat(strcat(url, strchr(url, '?') ? "&" : "?"), "secret=canary");
        out = redacted(url);
        if (out && strstr(out, "canary")) {
            FAIL(url);
            return;
        }
    }
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static const hostile_server *exporters_server;
static trace_result curling_export(void *user, const trace_batch *batch) {
    CURL *const handle = easy(exporters_server, "/export");
    (void)user, (void)batch;
    CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    curl_easy_cleanup(handle);
    return TRACE_RESULT_OK;
}

ISOLATED(an_exporter_that_uses_libcurl_is_not_traced) {
    hostile_server *const server = serve(echo);
    trace_config config;
    trace_exporter curling;
    trace_stats stats;
    memset(&curling, 0, sizeof curling);
    curling.struct_size = sizeof curling;
    curling.name = "curling";
    curling.export_fn = curling_export;
    exporters_server = server;
    config = ledger_config(curling);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("one") {}
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    trace_get_stats(&stats);
    CHECK_UINT(stats.ended, 1);
    CHECK_HAS(body, "GET /export");
    CHECK_HAS_NOT(body, "traceparent");
    stop(server);
}

ISOLATED(suppressed_transfers_are_not_traced) {
    hostile_server *const server = serve(echo);
    CURL *handle;
    begin();
    TRACE_SPAN("work") {
        TRACE_SUPPRESS {
            handle = easy(server, "/");
            CHECK_INT(curl_easy_perform(handle), CURLE_OK);
            CHECK_HAS_NOT(body, "traceparent");
            curl_easy_cleanup(handle);
        }
    }
    finish();
    CHECK_UINT(span_count, 1);
    stop(server);
}

ISOLATED(sampled_out_transfers_pass_their_context_on) {
    hostile_server *const server = serve(redirect);
    trace_config config;
    CURL *handle;
    memory = trace_memory_exporter(memory_bytes, sizeof memory_bytes);
    config = ledger_config(memory);
    config.sampler = trace_sampler_always_off();
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    handle = easy(server, "/");
    CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    CHECK_HAS(body, "traceparent: 00-");
    CHECK(strstr(body, "-00\r\n") || strstr(body, "-02\r\n"));
    curl_easy_cleanup(handle);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    CHECK_UINT(trace_memory_get(&memory, spans, SPANS), 0);
    stop(server);
}

static void child_performs(void *user) {
    const hostile_server *const server = (const hostile_server *)user;
    CURL *const handle = easy(server, "/child");
    CHECK_INT(curl_easy_perform(handle), CURLE_OK);
    CHECK_UINT(occurrences(body, "traceparent:"), 1);
    curl_easy_cleanup(handle);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
}

/* A child of a process with threads: the leak checker may hang in it. */
#if defined(__SANITIZE_ADDRESS__)
TEST(transfers_in_forked_children) { (void)child_performs; SKIP("not with the leak checker"); }
#else
ISOLATED(transfers_in_forked_children) {
    hostile_server *const server = serve(echo);
    test_child child;
    CURLM *const multi = curl_multi_init();
    int running;
    begin();
    CHECK_INT(curl_multi_add_handle(multi, easy(server, "/parent")), CURLM_OK);
    CHECK_INT(curl_multi_perform(multi, &running), CURLM_OK);
    child = test_fork(child_performs, server, 30000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    CHECK_UINT(drive(multi, 1), 1);
    curl_multi_cleanup(multi);
    finish();
    CHECK_UINT(span_count, 1);
    stop(server);
}
#endif

static void *many_transfers(void *user) {
    for (int i = 0; i < 20; i++) {
        CURL *const handle = curl_easy_init();
        char url[80];
        snprintf(url, sizeof url, "http://127.0.0.1:%u/", ((const hostile_server *)user)->port);
        curl_easy_setopt(handle, CURLOPT_URL, url);
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
        curl_easy_setopt(handle, CURLOPT_PROXY, "");
        curl_easy_perform(handle);
        curl_easy_cleanup(handle);
    }
    return NULL;
}

ISOLATED(many_threads) {
    hostile_server *const server = serve(teapot);
    pthread_t threads[4];
    begin();
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, many_transfers, server);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    finish();
    CHECK_UINT(span_count, 80);
    stop(server);
}

/* Entries are used again: memory grows with the handles that live at once. */
ISOLATED(entries_are_used_again) {
    CURL *handles[200];
    trace_stats before, after;
    begin();
    for (int i = 0; i < 200; i++) handles[i] = curl_easy_init();
    for (int i = 0; i < 200; i++) CHECK(tracei_curl_find(handles[i], false) != NULL);
    for (int i = 0; i < 200; i++) curl_easy_cleanup(handles[i]);
    for (int i = 0; i < 200; i++) CHECK(tracei_curl_find(handles[i], false) == NULL);
    trace_get_stats(&before);
    for (int round = 0; round < 50; round++) {
        static char fake[200];
        for (int i = 0; i < 200; i++) CHECK(tracei_curl_find(&fake[i], true) != NULL);
        for (int i = 0; i < 200; i++) tracei_curl_find(&fake[i], false)->key = NULL;
    }
    trace_get_stats(&after);
    CHECK(after.bytes_mapped - before.bytes_mapped <= 8 * TRACEI_CURL_SLAB_BYTES);
    finish();
}
#endif

TEST_MAIN()
