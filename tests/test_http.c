/* test_http.c - trace_http.h against scripts, clocks and refusals
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   Built twice: as it is, and with TRACE_HTTP_CURL and TRACE_HTTP_ZLIB (test_http_curl.c). TEST_SLACK_MS: how late a deadline may be
   kept; default 50. With the thread sanitizer: TSAN_OPTIONS=report_thread_leaks=0 (abandoned threads). */
/* beside: it waits for servers most of its time */
/* not: windows: POSIX sockets */
#include "test.h"
#include <signal.h>
#include <pthread.h>
#include "hostile_server.h"
#ifdef __APPLE__
extern char **environ;
#endif

static bool refuse(const char *what);
#define TRACEI_FAIL(what) refuse(what)
#define TRACE_IMPLEMENTATION
#include "../trace_http.h"
#include "settled.h"

/* ---- tools ------------------------------------------------------------------------------------------------------ */

static unsigned refuse_at, refuse_count;       /* refuse the n-th call; 0: none */
static unsigned lookup_delay_ms;              /* how long a name server takes */
static bool no_such_name;                     /* and what it says then: the real one may be slow, or there is none */
static bool refuse(const char *what) {
    if (strcmp(what, "getaddrinfo") == 0) {
        poll(NULL, 0, (int)__atomic_load_n(&lookup_delay_ms, __ATOMIC_RELAXED));
        if (__atomic_load_n(&no_such_name, __ATOMIC_RELAXED)) return true;
    }
    return __atomic_load_n(&refuse_at, __ATOMIC_RELAXED) && __atomic_add_fetch(&refuse_count, 1u, __ATOMIC_RELAXED) == __atomic_load_n(&refuse_at, __ATOMIC_RELAXED);
}

static char *logged;
static size_t logged_size;
static unsigned logged_lines;
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;

static void take_log(void *user, trace_log_level level, const char *line) {
    const size_t size = strlen(line);
    (void)user, (void)level;
    pthread_mutex_lock(&log_mutex);
    logged = (char *)realloc(logged, logged_size + size + 2);
    memcpy(logged + logged_size, line, size);
    logged_size += size;
    logged[logged_size++] = '\n';
    logged[logged_size] = '\0';
    logged_lines++;
    pthread_mutex_unlock(&log_mutex);
}

static const char *log_text(void) { return logged ? logged : ""; }

static unsigned log_lines(void) {
    unsigned lines;
    pthread_mutex_lock(&log_mutex);
    lines = logged_lines;
    pthread_mutex_unlock(&log_mutex);
    return lines;
}

static void log_clear(void) {
    pthread_mutex_lock(&log_mutex);
    logged_size = 0, logged_lines = 0;
    if (logged) logged[0] = '\0';
    pthread_mutex_unlock(&log_mutex);
}

static volatile sig_atomic_t pipes;
static void on_pipe(int number) { (void)number, pipes++; }

static void begin(void) {
    signal(SIGPIPE, on_pipe);
    pipes = 0;
    refuse_at = refuse_count = 0;
    tracei_logger.log_fn = take_log;
    tracei_log_level_now = TRACE_LOG_LEVEL_INFO;
    TRACEI_STORE(&tracei_use_worker, 1u);
    log_clear();
}

static uint64_t slack_ns(void) {
    const char *const text = getenv("TEST_SLACK_MS");
    return (text ? (uint64_t)atoi(text) : 50) * TRACEI_MS;
}

/* A deadline before which whatever can be sent is sent. */
static unsigned ample_ms(void) { return 350 + (unsigned)(slack_ns() / TRACEI_MS); }

static bool assemble(void *user, const tracei_item *items, size_t count, tracei_body *body) {
    size_t i;
    (void)user;
    for (i = 0; i < count; i++)
        if (!tracei_body_add(body, items[i].data, items[i].size)) return false;
    return true;
}

static tracei_http_options options_for(const char *url) {
    tracei_http_options options;
    memset(&options, 0, sizeof options);
    options.owner = "test";
    options.url = url;
    options.content_type = "application/json";
    options.user_agent = "test/1";
    options.assemble_fn = assemble;
    options.schedule_delay_ms = 1;
    return options;
}

static const char *url_of(const hostile_server *server, char *text, size_t size) {
    if (server->path[0]) snprintf(text, size, "unix://%s:/v1/traces", server->path);
    else snprintf(text, size, "http://127.0.0.1:%u/v1/traces", server->port);
    return text;
}

static uint64_t add_spans(tracei_sender *sender, unsigned count) {
    uint64_t worst = 0;
    unsigned i;
    for (i = 0; i < count; i++) {
        const uint64_t before = tracei_mono_ns();
        tracei_sender_add(sender, "0123456789abcdef0123456789abcdef0123456789abcdef\n", 49, i);
        if (tracei_mono_ns() - before > worst) worst = tracei_mono_ns() - before;
    }
    return worst;
}

static trace_exporter_stats stats_of(tracei_sender *sender) {
    trace_exporter_stats stats;
    tracei_sender_stats(sender, &stats);
    return stats;
}

/* Adds up; and whoever lost spans says when and why. */
static bool ledger_exact(const trace_exporter_stats *s, uint64_t received) {
    const uint64_t lost = tracei_http_failed_sum(s);
    return s->received == received && s->received == s->sent + s->queued + lost && (!lost || (s->last_failure_unix_ns && s->last_error[0]));
}

static uint64_t in_ms(uint64_t ms) { return tracei_mono_ns() + ms * TRACEI_MS; }

/* ---- parts ------------------------------------------------------------------------------------------------------ */

TEST(urls) {
    tracei_url url;
    static const struct { const char *text, *host, *target; unsigned port; bool loopback; } good[] = {
        {"http://localhost:4318/v1/traces", "localhost", "/v1/traces", 4318, true},
        {"http://example.com", "example.com", "/", 80, false},
        {"HTTPS://example.com?x=1", "example.com", "/?x=1", 443, false},
        {"http://[::1]:4318/a#b", "::1", "/a", 4318, true},
        {"http://[fe80::1%25eth0]/", "fe80::1%eth0", "/", 80, false},
        {"http://127.0.0.1:/x", "127.0.0.1", "/x", 80, true},
        {"http://127.evil.example.com/", "127.evil.example.com", "/", 80, false},
        {"http://user:p%40ss@h:1/", "h", "/", 1, false},
        {"unix:///run/x.sock:/v1/traces", "localhost", "/v1/traces", 0, true},
        {"unix:/run/x.sock", "localhost", "/", 0, true},
        {"http+unix://%2Frun%2Fx.sock/v1/traces?a", "localhost", "/v1/traces?a", 0, true}};
    static const char *const bad[] = {"", "localhost:4318", "ftp://x/", "http://", "http:///x", "http://h:0/", "http://h:65536/", "http://h:99999999999/",
                                      "http://h:4x/", "http://a b/", "http://h/\r\nX: y", "http://h/\xc3\xa9", "http://[::1/", "http://[::1]x/", "http://h%00/",
                                      "http://[]/", "http://[abc]/", "unix://relative", "http+unix://relative/", "http://u:%zz@h/", "http://h<>/"};
    size_t i;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) {
        const char *const problem = tracei_url_parse(good[i].text, &url);
        if (!CHECK(problem == NULL)) continue;
        CHECK_STR(url.host, good[i].host);
        CHECK_STR(url.target, good[i].target);
        CHECK_INT(url.port, good[i].port);
        CHECK_INT(url.loopback, good[i].loopback);
    }
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!CHECK(tracei_url_parse(bad[i], &url) != NULL)) printf("accepted: %s\n", bad[i]);
    CHECK(tracei_url_parse("http://user:p%40ss@h:1/", &url) == NULL);
    CHECK_STR(url.user_info, "user:p@ss");
    {
        char text[5000];
        memset(text, 'a', sizeof text);
        memcpy(text, "http://h/", 9);
        text[4999] = '\0';
        CHECK(tracei_url_parse(text, &url) != NULL);
        memcpy(text, "http://h", 8), text[8] = 'a';
        CHECK(tracei_url_parse(text, &url) != NULL);
        memcpy(text, "unix:///", 8);
        CHECK(tracei_url_parse(text, &url) != NULL);
    }
}

static trace_string string_of(const char *text) { return tracei_http_string_of(text); }

TEST(retry_after) {
    const uint64_t now = UINT64_C(784111777) * TRACEI_SECOND; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct { const char *text; uint64_t seconds; } cases[] = {
        {"0", 0}, {"1", 1}, {" 120 ", 120}, {"300", 300}, {"301", 300}, {"99999999999999999999999999", 300}, {"-1", 0}, {"1.5", 0}, {"", 0}, {"soon", 0},
        {"Sun, 06 Nov 1994 08:49:47 GMT", 10}, {"Sunday, 06-Nov-94 08:49:47 GMT", 10}, {"Sun Nov  6 08:49:47 1994", 10},
        {"Sun, 06 Nov 1994 08:49:27 GMT", 0}, {"Sun, 06 Nov 2094 08:49:37 GMT", 300}, {"Sun, 06 Nov 1994 25:49:37 GMT", 0},
        {"Sun, 99 Nov 1994 08:49:37 GMT", 0}, {"Sun, 06 Foo 1994 08:49:37 GMT", 0}, {"06 Nov 1994", 0}, {"99999 Nov 1 1 1 1 1", 0}};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (!CHECK_UINT(tracei_parse_retry_after(string_of(cases[i].text), string_of(""), now), cases[i].seconds * TRACEI_SECOND)) puts(cases[i].text);
    /* our clock is an hour off: the server's Date counts */
    CHECK_UINT(tracei_parse_retry_after(string_of("Sun, 06 Nov 1994 09:49:47 GMT"), string_of("Sun, 06 Nov 1994 09:49:40 GMT"), now), 7 * TRACEI_SECOND);
}

TEST(dates_by_libc) {
    unsigned i;
    for (i = 0; i < 2000; i++) {
        const time_t when = (time_t)(test_random_below(UINT64_C(4000000000)));
        char text[64];
        struct tm tm;
        int64_t got = -1;
        gmtime_r(&when, &tm);
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        if (!CHECK(tracei_parse_http_date(string_of(text), &got)) || !CHECK_INT(got, when)) break;
        strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
        if (!CHECK(tracei_parse_http_date(string_of(text), &got)) || !CHECK_INT(got, when)) break;
    }
}

TEST(what_open_refuses) {
    tracei_http_options o;
    trace_header header;
    begin();
    memset(&header, 0, sizeof header);
    o = options_for("http://collector.example.com:4318/v1/traces");
    o.headers = &header, o.header_count = 1;
    header.name = string_of("Authorization"), header.value = string_of("Bearer canary-1");
    CHECK(tracei_sender_open(&o) == NULL);
    CHECK_HAS(log_text(), "credentials would go over plain http");
    o.allow_insecure_auth = true;
    CHECK(tracei_sender_open(&o) != NULL);
    o.allow_insecure_auth = false;
    header.name = string_of("X-Scope-OrgID");
    CHECK(tracei_sender_open(&o) != NULL);
    o.url = "http://u:canary-1@collector.example.com/";
    CHECK(tracei_sender_open(&o) == NULL);
    o.url = "http://u:canary-1@localhost/";
    CHECK(tracei_sender_open(&o) != NULL);
    header.value = string_of("canary-1\r\nX: y");
    log_clear();
    CHECK(tracei_sender_open(&o) != NULL);
    CHECK_STR(log_text(), "test: headers: the value of the header X-Scope-OrgID has control characters, which are not allowed (not shown "
                          "here); it is left out\n");
    header.value = string_of("canary-1"), header.name = string_of("Authorization: Bearer canary-1");
    CHECK(tracei_sender_open(&o) == NULL);
    header.name = string_of("a b");
    log_clear();
    CHECK(tracei_sender_open(&o) != NULL);
    CHECK_STR(log_text(), "test: headers: the name of the header a... must be letters, digits, - and _ only, and \"=\" ends it in a "
                          "variable; it is left out\n");
    header.name = string_of("Content-Length");
    log_clear();
    CHECK(tracei_sender_open(&o) != NULL);
    CHECK_HAS(log_text(), "Content-Length is ignored");
    o.url = "http://h:x?canary-1";
    CHECK(tracei_sender_open(&o) == NULL);
    CHECK_HAS(log_text(), "test: endpoint=http://h:x is not a URL that can be used: its port is not a number from 1 to 65535; nothing will "
                          "be sent\n");
    o.url_from = "OTEL_EXPORTER_OTLP_ENDPOINT", o.url_given = "http://u:canary-1?@:99";
    CHECK(tracei_sender_open(&o) == NULL);
    CHECK_HAS(log_text(), "test: OTEL_EXPORTER_OTLP_ENDPOINT=***@:99 is not a URL");
    o.url_from = o.url_given = NULL;
    o.url = NULL;
    CHECK(tracei_sender_open(&o) == NULL);
#ifdef TRACE_HTTP_CURL
    o.url = "https://localhost/", o.ca_file = "/nope.pem";
    CHECK(tracei_sender_open(&o) != NULL);
    CHECK_HAS(log_text(), "test: ca_file=/nope.pem cannot be read: must be the path of a PEM file; nothing can be sent until it is\n");
    o.ca_file = NULL;
#endif
#ifndef TRACE_HTTP_CURL
    log_clear();
    o.url = "https://collector.example.com/";
    CHECK(tracei_sender_open(&o) == NULL);
    CHECK_STR(log_text(), "test: the header Content-Length is ignored: it belongs to the exporter\n"
                          "test: https:// needs libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl\n");
    o.url = "http://localhost/", o.http2 = true;
    CHECK(tracei_sender_open(&o) == NULL);
#endif
#ifndef TRACE_HTTP_ZLIB
    o = options_for("http://localhost/");
    o.gzip = true;
    log_clear();
    CHECK(tracei_sender_open(&o) != NULL);
    CHECK_HAS(log_text(), "sending uncompressed");
#endif
    CHECK_HAS_NOT(log_text(), "canary-1");
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

typedef struct fake {
    uint64_t now;
    uint32_t random, status;
    uint64_t retry_after_ns;
    unsigned sends;
    trace_http_outcome outcome;
    const char *body;
} fake;

static uint64_t fake_now(void *user) { return ((fake *)user)->now; }
static uint64_t fake_unix(void *user) { return ((fake *)user)->now; }
static uint32_t fake_random(void *user) {
    fake *const f = (fake *)user;
    f->random ^= f->random << 13, f->random ^= f->random >> 17, f->random ^= f->random << 5;
    return f->random;
}

static trace_http_outcome fake_send(void *user, const trace_http_request *request, trace_http_response *response) {
    fake *const f = (fake *)user;
    (void)request;
    f->sends++;
    response->status = f->status;
    response->retry_after_ns = f->retry_after_ns;
    response->body = f->body;
    response->body_size = f->body ? strlen(f->body) : 0;
    return f->outcome;
}

static tracei_sender *fake_open(fake *f) {
    tracei_http_options o = options_for("http://fake:4318/");
    trace_http_transport transport;
    tracei_http_seam seam;
    memset(&transport, 0, sizeof transport);
    transport.send_fn = fake_send, transport.user = f;
    seam.now_fn = fake_now, seam.unix_fn = fake_unix, seam.random_fn = fake_random, seam.user = f;
    o.transport = &transport, o.seam = &seam, o.disable_thread = true;
    o.max_queue_bytes = 65536, o.max_batch_spans = 8;
    return tracei_sender_open(&o);
}

static void fake_init(fake *f, uint32_t seed) {
    memset(f, 0, sizeof *f);
    f->now = TRACEI_SECOND, f->random = seed * 2654435761u + 1;
}

/* Steps until nothing is due before `until`. */
static void fake_drive(tracei_sender *sender, fake *f, uint64_t until) {
    while (f->now < until) {
        const uint64_t next = tracei_run_step(sender->run, f->now);
        if (next >= until) break;
        if (next > f->now) f->now = next;
    }
    f->now = until;
}

/* What is asked for a proxy's address, in this order; the first counts, and an empty one is none. */
TEST(proxy_variables) {
    static const struct { const char *variables[3], *url, *proxy, *no_proxy; } cases[] = {
        {{"http_proxy=http://a:1", "all_proxy=http://b:1"}, "http://c.example", "http://a:1", NULL},
        {{"HTTP_PROXY=http://a:1"}, "http://c.example", NULL, NULL},       /* a request's Proxy header, in a CGI program */
        {{"all_proxy=http://b:1", "ALL_PROXY=http://c:1"}, "http://c.example", "http://b:1", NULL},
        {{"ALL_PROXY=http://c:1"}, "https://c.example", "http://c:1", NULL},
        {{"HTTPS_PROXY=http://a:1", "http_proxy=http://b:1"}, "https://c.example", "http://a:1", NULL},
        {{"https_proxy=http://a:1", "HTTPS_PROXY=http://b:1"}, "https://c.example", "http://a:1", NULL},
        {{"http_proxy=", "all_proxy=http://b:1"}, "http://c.example", NULL, NULL},
        {{"http_proxy=http://a:1", "no_proxy=x", "NO_PROXY=y"}, "http://c.example", "http://a:1", "x"},
        {{"http_proxy=http://a:1", "NO_PROXY=y"}, "http://c.example", "http://a:1", "y"},
        {{"http_proxy=http://a:1"}, "http://localhost:4318", NULL, NULL},
        {{"http_proxy=http://a:1"}, "unix:///tmp/socket:/v1/traces", NULL, NULL},
    };
    char **const before = environ;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tracei_http_options o = options_for(cases[i].url);
        char *entries[4] = {NULL, NULL, NULL, NULL};
        tracei_url url;
        begin();
        CHECK_STR(tracei_url_parse(cases[i].url, &url), NULL);
        for (size_t k = 0; k < 3 && cases[i].variables[k]; k++) entries[k] = strdup(cases[i].variables[k]);
        environ = entries;
        tracei_environment_snapshot();
        tracei_open_environment(&o, &url);
#if TRACEI_HTTP_CURL
        CHECK_STR(o.proxy, cases[i].proxy);
        CHECK_STR(log_text(), "");
#else
        CHECK_STR(o.proxy, NULL);
        if (cases[i].proxy) CHECK_HAS(log_text(), "proxies need TRACE_HTTP_CURL");
        else CHECK_STR(log_text(), "");
#endif
        CHECK_STR(o.no_proxy, cases[i].no_proxy);
        environ = before;
        for (size_t k = 0; k < 3; k++) free(entries[k]);
    }
    tracei_environment_snapshot();
}

TEST(which_statuses_are_retried) {
    uint32_t status;
    begin();
    for (status = 200; status < 600; status++) {
        fake f;
        trace_exporter_stats s;
        tracei_sender *sender;
        const bool retried = status == 429 || status == 502 || status == 503 || status == 504;
        fake_init(&f, status);
        f.status = status;
        sender = fake_open(&f);
        REQUIRE(sender != NULL);
        add_spans(sender, 3);
        fake_drive(sender, &f, 60 * TRACEI_SECOND);
        s = stats_of(sender);
        CHECK(ledger_exact(&s, 3));
        CHECK_UINT(s.queued, 0);
        CHECK_UINT(s.sent, status < 300 ? 3 : 0);
        CHECK_UINT(s.failed[status == 413 ? TRACE_FAILURE_TOO_LARGE : TRACE_FAILURE_REJECTED], status < 300 ? 0 : 3);
        if (retried) CHECK(f.sends >= 3 && f.sends <= 30);
        else CHECK_UINT(f.sends, status == 413 ? 5 - 1 : 1); /* 3, 1, then single spans */
    }
}

TEST(pauses_are_bounded_and_the_deadline_holds) {
    unsigned seed;
    begin();
    for (seed = 1; seed < 300; seed++) {
        fake f;
        tracei_sender *sender;
        trace_exporter_stats s;
        uint64_t start, last, next, limit = 2 * TRACEI_SECOND;
        fake_init(&f, seed);
        f.outcome = TRACE_HTTP_OUTCOME_UNREACHABLE;
        sender = fake_open(&f);
        REQUIRE(sender != NULL);
        add_spans(sender, 8);
        start = last = f.now;
        while ((next = tracei_run_step(sender->run, f.now)) != UINT64_MAX) {
            if (next <= f.now) continue;
            CHECK(next - last <= limit);
            limit = limit * 2 > 5 * TRACEI_SECOND ? 5 * TRACEI_SECOND : limit * 2;
            f.now = last = next;
        }
        CHECK(f.now - start < 10 * TRACEI_SECOND);
        s = stats_of(sender);
        CHECK_UINT(s.failed[TRACE_FAILURE_UNREACHABLE], 8);
        /* the pace goes on with the next batch: it does not start with a request at once */
        add_spans(sender, 8);
        CHECK(tracei_run_step(sender->run, f.now) > f.now || sender->run->not_before_ns <= f.now);
    }
}

TEST(retry_after_is_kept) {
    fake f;
    tracei_sender *sender;
    trace_exporter_stats s;
    uint64_t next, first;
    begin();
    fake_init(&f, 7);
    f.status = 503, f.retry_after_ns = 4 * TRACEI_SECOND;
    sender = fake_open(&f);
    REQUIRE(sender != NULL);
    add_spans(sender, 8);
    first = f.now;
    while ((next = tracei_run_step(sender->run, f.now)) <= f.now) {}
    CHECK(next >= first + 4 * TRACEI_SECOND && next <= first + 8 * TRACEI_SECOND);
    CHECK_UINT(f.sends, 1);
    f.now = next, f.status = 200;
    while ((next = tracei_run_step(sender->run, f.now)) <= f.now) {}
    s = stats_of(sender);
    CHECK_UINT(s.sent, 8);
    /* longer than the deadline: this batch is lost at once, the next waits */
    f.status = 429, f.retry_after_ns = 60 * TRACEI_SECOND;
    add_spans(sender, 16);
    first = f.now;
    while ((next = tracei_run_step(sender->run, f.now)) <= f.now) {}
    s = stats_of(sender);
    CHECK_UINT(s.failed[TRACE_FAILURE_REJECTED], 8);
    CHECK_UINT(s.queued, 8);
    CHECK(next >= first + 60 * TRACEI_SECOND && next <= first + 65 * TRACEI_SECOND);
    CHECK_UINT(f.sends, 3);
}

/* Before an end there is always time for one more attempt, but in its last moments; and nobody is asked earlier than he said. */
TEST(pauses_leave_time_for_an_attempt_before_the_end) {
    fake f;
    tracei_sender *sender;
    unsigned i;
    begin();
    fake_init(&f, 8);
    sender = fake_open(&f);
    REQUIRE(sender != NULL);
    add_spans(sender, 1);
    for (i = 0; i < 20000; i++) {
        const uint64_t left = test_random_below(20 * TRACEI_SECOND), after = i % 3 ? 0 : test_random_below(20 * TRACEI_SECOND) + 1;
        const uint64_t pause = tracei_retry_delay(sender->run, 1 + i % 5, after, left);
        if (after ? after >= left : left < 100 * TRACEI_MS) CHECK(pause >= left);
        else CHECK(pause < left && pause >= after && pause <= after + 5 * TRACEI_SECOND && pause <= after + (left - after) / 3 * 2);
        if (left < 6 * TRACEI_SECOND / 10 && !after) CHECK(pause >= left / 3); /* not one after the other */
        CHECK(tracei_retry_delay(sender->run, 1 + i % 5, after, UINT64_MAX) <= after + 5 * TRACEI_SECOND);
    }
    tracei_sender_shutdown(sender, 0);
    fake_init(&f, 9);
    f.status = 503, f.retry_after_ns = 2 * TRACEI_SECOND;
    sender = fake_open(&f);
    REQUIRE(sender != NULL);
    for (i = 0; i < 2; i++) { /* a pause that runs when the end comes: kept, for it ends in time; cut short, for it does not */
        uint64_t next, said;
        f.now += 60 * TRACEI_SECOND, f.sends = 0;
        add_spans(sender, 8);
        said = f.now + 2 * TRACEI_SECOND;
        fake_drive(sender, &f, f.now + TRACEI_SECOND / 2);
        CHECK_UINT(f.sends, 1);
        sender->ending = true, sender->end_ns = i ? f.now + TRACEI_SECOND : said + TRACEI_SECOND / 10;
        next = tracei_run_step(sender->run, f.now);
        CHECK_UINT(f.sends, 1 + i);
        if (i == 0) CHECK(next >= said && next < sender->end_ns);
        else CHECK_UINT(stats_of(sender).queued, 0);   /* and it said so again: lost */
        tracei_sender_shutdown(sender, 0);
    }
}

enum { CLIENTS = 200 };

/* Drives CLIENTS senders through `seconds` and counts requests per tenth of a second. */
static void storm(uint32_t status, trace_http_outcome outcome, uint64_t retry_after_ns, unsigned seconds, unsigned *bins) {
    static fake fakes[CLIENTS];
    static tracei_sender *senders[CLIENTS];
    static uint64_t due[CLIENTS];
    const uint64_t start = 1000 * TRACEI_SECOND;
    uint64_t now = start;
    unsigned i;
    for (i = 0; i < CLIENTS; i++) {
        fake_init(&fakes[i], i + 1);
        fakes[i].now = start, fakes[i].status = status, fakes[i].outcome = outcome, fakes[i].retry_after_ns = retry_after_ns;
        senders[i] = fake_open(&fakes[i]);
        if (!senders[i]) abort();
        due[i] = start;
    }
    memset(bins, 0, seconds * 10 * sizeof *bins);
    while (now < start + seconds * TRACEI_SECOND) {
        uint64_t soonest = UINT64_MAX;
        for (i = 0; i < CLIENTS; i++) {
            const unsigned before = fakes[i].sends;
            if (due[i] <= now) {
                fakes[i].now = now;
                if (stats_of(senders[i]).queued < 8) add_spans(senders[i], 8);
                due[i] = tracei_run_step(senders[i]->run, now);
                bins[(now - start) / (TRACEI_SECOND / 10)] += fakes[i].sends - before;
                if (due[i] <= now) due[i] = now + 1;
            }
            if (due[i] < soonest) soonest = due[i];
        }
        now = soonest;
    }
    for (i = 0; i < CLIENTS; i++) {
        tracei_sender_shutdown(senders[i], 0);
        tracei_free(senders[i]->run->ring, senders[i]->run->capacity);
    }
}

static unsigned bin_sum(const unsigned *bins, unsigned from, unsigned count) {
    unsigned sum = 0, i;
    for (i = 0; i < count; i++) sum += bins[from + i];
    return sum;
}

/* Highest of the windows of `width` bins, against the mean of them. */
static void check_peak(const char *what, const unsigned *bins, unsigned from, unsigned to, unsigned width) {
    unsigned peak = 0, at;
    const double mean = (double)bin_sum(bins, from, to - from) * width / (to - from);
    for (at = from; at + width <= to; at += width)
        if (bin_sum(bins, at, width) > peak) peak = bin_sum(bins, at, width);
    printf("%s: peak %u, mean %.1f requests in %.1f s, ratio %.2f\n", what, peak, mean, width / 10.0, peak / mean);
    CHECK(peak <= 2 * mean);
}

/* All clients fail at the same moment, and go on producing. The first request is theirs; what counts is how they come back. */
TEST(two_hundred_clients_do_not_come_back_together) {
    static unsigned bins[6000];
    begin();
    tracei_log_level_now = TRACE_LOG_LEVEL_NONE;
    storm(0, TRACE_HTTP_OUTCOME_UNREACHABLE, 0, 600, bins);
    CHECK_INT(bins[0] >= CLIENTS, 1);
    bins[0] -= CLIENTS;
    check_peak("refused, the first 10 s", bins, 0, 100, 10);
    check_peak("refused, 10 minutes", bins, 0, 6000, 10);
    storm(503, TRACE_HTTP_OUTCOME_ANSWERED, 4 * TRACEI_SECOND, 600, bins);
    check_peak("503, Retry-After 4: the first return", bins, 40, 80, 10);
    check_peak("503, Retry-After 4: 10 minutes", bins, 40, 6000, 10);
    storm(429, TRACE_HTTP_OUTCOME_ANSWERED, 60 * TRACEI_SECOND, 600, bins);
    check_peak("429, Retry-After 60: the first return", bins, 600, 650, 10);
    storm(503, TRACE_HTTP_OUTCOME_ANSWERED, 0, 600, bins);
    bins[0] -= CLIENTS;
    check_peak("503, 10 minutes", bins, 0, 6000, 10);
}

/* ---- the queue -------------------------------------------------------------------------------------------------- */

typedef struct echo {
    uint64_t next_sent, next_added, lost_after;
    unsigned in_request, limit_bytes;
    bool wrong;
} echo;

/* Spans are {number, filler}; they arrive in order, whole, each once. */
static bool echo_assemble(void *user, const tracei_item *items, size_t count, tracei_body *body) {
    echo *const e = (echo *)user;
    size_t i, k;
    for (i = 0; i < count; i++) {
        uint64_t number;
        memcpy(&number, items[i].data, 8);
        if (items[i].scope != (uint32_t)(number * 7) || number != e->next_sent + i) e->wrong = true;
        for (k = 8; k < items[i].size; k++)
            if (items[i].data[k] != (uint8_t)(number + k)) e->wrong = true;
        tracei_body_add(body, items[i].data, items[i].size);
    }
    e->in_request = (unsigned)count;
    return true;
}

static trace_http_outcome echo_send(void *user, const trace_http_request *request, trace_http_response *response) {
    echo *const e = (echo *)user;
    response->status = request->body_size > e->limit_bytes ? 413 : 200;
    if (response->status == 200 || e->in_request == 1) e->next_sent += e->in_request;
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

TEST(queue_keeps_order_and_bytes) {
    unsigned round;
    begin();
    for (round = 0; round < 60; round++) {
        static uint8_t span[5000];
        echo e;
        tracei_http_options o = options_for("http://fake/");
        trace_http_transport transport;
        tracei_sender *sender;
        trace_exporter_stats s;
        unsigned i;
        memset(&e, 0, sizeof e);
        memset(&transport, 0, sizeof transport);
        transport.send_fn = echo_send, transport.user = &e;
        o.transport = &transport, o.assemble_fn = echo_assemble, o.user = &e, o.disable_thread = true;
        o.max_queue_bytes = 4096 + (uint32_t)test_random_below(20000), o.max_batch_spans = 1 + (uint32_t)test_random_below(20);
        o.max_batch_bytes = 1 + (uint32_t)test_random_below(6000), o.max_queue_spans = 5 + (uint32_t)test_random_below(300);
        e.limit_bytes = 300 + (unsigned)test_random_below(9000);
        sender = tracei_sender_open(&o);
        REQUIRE(sender != NULL);
        for (i = 0; i < 2000; i++) {
            const size_t most = test_random_below(50) ? 200 : sizeof span;
            const size_t size = 8 + test_random_below(most - 8), room = size + test_random_below(64);
            uint8_t *const at = tracei_sender_reserve(sender, room);
            if (at) {
                size_t k;
                CHECK_UINT((uintptr_t)at % 8, 0);
                if (test_random_below(20) == 0) {
                    tracei_sender_drop(sender, TRACE_FAILURE_TOO_LARGE);
                    continue;
                }
                memcpy(at, &e.next_added, 8);
                for (k = 8; k < size; k++) at[k] = (uint8_t)(e.next_added + k);
                tracei_sender_commit(sender, size, (uint32_t)(e.next_added++ * 7));
            }
            if (test_random_below(12) == 0) (void)tracei_run_step(sender->run, tracei_mono_ns() + TRACEI_SECOND);
            if (test_random_below(200) == 0) (void)tracei_sender_flush(sender, in_ms(10000));
            s = stats_of(sender);
            if (!CHECK(ledger_exact(&s, i + 1))) break;
        }
        CHECK(tracei_sender_flush(sender, in_ms(10000)) != TRACE_RESULT_TIMEOUT);
        s = stats_of(sender);
        CHECK(ledger_exact(&s, 2000));
        CHECK_UINT(s.queued, 0);
        CHECK(!e.wrong);
        CHECK_UINT(e.next_sent, e.next_added);
        CHECK_UINT(sender->run->used, 0);
    }
}

/* ---- hostile scripts -------------------------------------------------------------------------------------------- */

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define READ {HOSTILE_READ, 0, 0}
#define SEND(text) {HOSTILE_SEND, text, 0}
#define AGAIN {HOSTILE_AGAIN, 0, 0}
#define HANG {HOSTILE_HANG, 0, 0}
#define END {HOSTILE_END, 0, 0}
#define PAUSE(ms) {HOSTILE_PAUSE, 0, ms}
#define STATUS(n) {READ, SEND("HTTP/1.1 " #n " X\r\nContent-Length: 2\r\n\r\nno"), AGAIN}
#define RETRY_AFTER(n, text) {READ, SEND("HTTP/1.1 " #n " X\r\nRetry-After: " text "\r\nContent-Length: 0\r\n\r\n"), AGAIN}

typedef enum fate { SENT, REJECTED, LOST, ANY, OWN_SENT, OWN_LOST } fate; /* OWN_: libcurl sees it another way */

typedef struct hostile_case {
    const char *name;
    fate expected;                 /* after shutdown */
    hostile_step first[HOSTILE_STEPS];
    hostile_step later[HOSTILE_STEPS];       /* END: the same */
} hostile_case;

static const hostile_case cases[] = {
    {"200", SENT, {READ, SEND(OK_HEAD), AGAIN}, {END}},
    {"200 sized", SENT, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), AGAIN}, {END}},
    {"202 without reason", SENT, {READ, SEND("HTTP/1.1 202\r\nContent-Length: 0\r\n\r\n"), AGAIN}, {END}},
    {"204 without length", SENT, {READ, SEND("HTTP/1.1 204 No\r\n\r\n"), AGAIN}, {END}},
    {"1.0 until close", SENT, {READ, SEND("HTTP/1.0 200 OK\r\n\r\nbody"), END}, {END}},
    {"1.1 until close", SENT, {READ, SEND("HTTP/1.1 200 OK\r\n\r\nbody"), END}, {END}},
    {"chunked", SENT, {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n"), AGAIN}, {END}},
    {"bare newlines", SENT, {READ, SEND("HTTP/1.1 200 OK\nContent-Length: 0\n\n"), AGAIN}, {END}},
    {"same length twice", ANY, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"), AGAIN}, {END}},
    {"100 first", SENT, {READ, SEND("HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD), AGAIN}, {END}},
    {"103 and 102 first", SENT, {READ, SEND("HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" OK_HEAD), AGAIN}, {END}},
    {"100 for ever", LOST, {READ, {HOSTILE_ENDLESS, "HTTP/1.1 100 Continue\r\n\r\n", 0}}, {END}},
    {"101", LOST, {READ, SEND("HTTP/1.1 101 Switching\r\n\r\n"), HANG}, {END}},
    {"slow by the byte", SENT, {READ, {HOSTILE_SLOW, OK_HEAD, 1}, AGAIN}, {END}},
    {"too slow by the byte", LOST, {READ, {HOSTILE_SLOW, OK_HEAD, 100}, AGAIN}, {END}},
    {"connection: close", SENT, {READ, SEND("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), END}, {END}},
    {"301", REJECTED, {READ, SEND("HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), AGAIN}, {END}},
    {"302", REJECTED, STATUS(302), {END}},
    {"304", REJECTED, {READ, SEND("HTTP/1.1 304 Same\r\nContent-Length: 99\r\n\r\n"), AGAIN}, {END}},
    {"307", REJECTED, STATUS(307), {END}},
    {"308", REJECTED, STATUS(308), {END}},
    {"400", REJECTED, STATUS(400), {END}},
    {"401", REJECTED, STATUS(401), {END}},
    {"403", REJECTED, STATUS(403), {END}},
    {"404", REJECTED, STATUS(404), {END}},
    {"405", REJECTED, STATUS(405), {END}},
    {"408", REJECTED, STATUS(408), {END}},
    {"413", LOST, STATUS(413), {END}},
    {"415", REJECTED, STATUS(415), {END}},
    {"429", LOST, STATUS(429), {END}},
    {"500", REJECTED, STATUS(500), {END}},
    {"501", REJECTED, STATUS(501), {END}},
    {"502", LOST, STATUS(502), {END}},
    {"503", LOST, STATUS(503), {END}},
    {"504", LOST, STATUS(504), {END}},
    {"599", REJECTED, STATUS(599), {END}},
    {"600", LOST, STATUS(600), {END}},
    {"099", LOST, STATUS(099), {END}},
    {"Retry-After 0", LOST, RETRY_AFTER(503, "0"), {END}},
    {"Retry-After 1", LOST, RETRY_AFTER(503, "1"), {END}},
    {"Retry-After huge", LOST, RETRY_AFTER(429, "99999999999999999999999"), {END}},
    {"Retry-After negative", LOST, RETRY_AFTER(503, "-5"), {END}},
    {"Retry-After date", LOST, RETRY_AFTER(503, "Sun, 06 Nov 2094 08:49:37 GMT"), {END}},
    {"Retry-After past", LOST, RETRY_AFTER(503, "Sun, 06 Nov 1994 08:49:37 GMT"), {END}},
    {"Retry-After rubbish", LOST, RETRY_AFTER(503, "\x01\xff whenever"), {END}},
    {"hangs after accept", LOST, {HANG}, {END}},
    {"hangs in the request", LOST, {{HOSTILE_READ_SOME, 0, 40}, PAUSE(700), END}, {END}},
    {"hangs after the request", LOST, {READ, HANG}, {END}},
    {"hangs in the status", LOST, {READ, SEND("HTTP/1.1 2"), HANG}, {END}},
    {"hangs in the head", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Len"), HANG}, {END}},
    {"hangs before the body", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), HANG}, {END}},
    {"hangs in the body", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"), HANG}, {END}},
    {"hangs in a chunk", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"), HANG}, {END}},
    {"hangs in the trailers", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX"), HANG}, {END}},
    {"closes after accept", LOST, {END}, {END}},
    {"closes after the request", LOST, {READ, END}, {END}},
    {"closes in the head", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nCon"), END}, {END}},
    {"length too long", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), END}, {END}},
    {"length too short", SENT, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello"), AGAIN}, {END}},
    {"two lengths", OWN_LOST, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhello"), END}, {END}},
    {"length of letters", ANY, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhello"), END}, {END}},
    {"length negative", ANY, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello"), END}, {END}},
    {"length enormous", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"), HANG}, {END}},
    {"length 5 MiB", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 5242880\r\n\r\n"), {HOSTILE_ENDLESS, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0}}, {END}},
    {"chunk size rubbish", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"), END}, {END}},
    {"chunk size enormous", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello"), HANG}, {END}},
    {"chunk without end", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n"), END}, {END}},
    {"chunks stop", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), END}, {END}},
    {"unknown coding", ANY, {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: zip\r\n\r\nhello"), END}, {END}},
    {"endless body", LOST, {READ, SEND("HTTP/1.1 200 OK\r\n\r\n"), {HOSTILE_ENDLESS, "spam spam spam spam spam spam spam spam ", 0}}, {END}},
    {"endless chunks", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), {HOSTILE_ENDLESS, "5\r\nhello\r\n", 0}}, {END}},
    {"endless head", LOST, {READ, SEND("HTTP/1.1 200 OK\r\n"), {HOSTILE_ENDLESS, "X-Spam: spam spam spam spam\r\n", 0}}, {END}},
    {"endless line", LOST, {READ, SEND("HTTP/1.1 200 OK\r\nX-Spam: "), {HOSTILE_ENDLESS, "spam spam spam spam ", 0}}, {END}},
    {"garbage", LOST, {READ, SEND("\x80\x01 this is no HTTP\r\n\r\n"), END}, {END}},
    {"garbage after H", LOST, {READ, SEND("HTTPS? no\r\n\r\n"), END}, {END}},
    {"HTTP/2 settings", LOST, {READ, {HOSTILE_SETTINGS, 0, 0}, END}, {END}},
    {"TLS alert", LOST, {READ, {HOSTILE_TLS_ALERT, 0, 0}, END}, {END}},
    {"answers before the request", ANY, {SEND("HTTP/1.1 400 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), PAUSE(20), END}, {END}},
    {"header without colon", OWN_SENT, {READ, SEND("HTTP/1.1 200 OK\r\nrubbish\r\nContent-Length: 0\r\n\r\n"), AGAIN}, {END}},
    {"resets at once", LOST, {{HOSTILE_RESET, 0, 0}}, {END}},
    {"resets after the request", LOST, {READ, {HOSTILE_RESET, 0, 0}}, {END}},
    {"once reset, then fine", ANY, {READ, {HOSTILE_RESET, 0, 0}}, {READ, SEND(OK_HEAD), AGAIN}},
    {"once 503, then fine", ANY, {READ, SEND("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n"), END}, {READ, SEND(OK_HEAD), AGAIN}},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* The last two expect another protocol than any script speaks: nothing is ever sent, however the handshake fails. */
typedef enum way { OWN, OWN_PUMPED, OWN_UNIX, BY_CURL, BY_CURL_PUMPED, BY_TLS, BY_HTTP2, WAYS } way;
static const char *const way_names[] = {"own", "own, pumped", "unix socket", "curl", "curl, pumped", "TLS", "HTTP/2"};

typedef struct trial {
    const hostile_case *hostile;
    way how;
    unsigned deadline_ms, index;
    bool refused;                  /* nobody listens */
    bool bad;
    uint64_t flush_over_ns, shutdown_over_ns, worst_add_ns;
    trace_result flushed;
    trace_exporter_stats stats, after_flush;
} trial;

static char trial_ca[300];        /* of BY_TLS: one certificate, since to load a system's hundreds takes longer than a deadline */

static void *run_trial(void *user) {
    trial *const t = (trial *)user;
    char path[64], url[160];
    hostile_server *server;
    tracei_http_options o;
    tracei_sender *sender;
    uint64_t deadline, now;
    snprintf(path, sizeof path, "/tmp/trace-http-%d-%u.sock", (int)getpid(), t->index);
    server = hostile_start(t->how == OWN_UNIX ? path : NULL);
    if (!t->refused) {
        hostile_script(server, t->hostile->first);
        if (t->hostile->later[0].op != HOSTILE_END) hostile_script(server, t->hostile->later);
        hostile_run(server);
    }
    o = options_for(url_of(server, url, sizeof url));
    if (t->how == BY_TLS) snprintf(url, sizeof url, "https://127.0.0.1:%u/v1/traces", server->port), o.ca_file = trial_ca;
    o.http2 = t->how == BY_HTTP2;
    o.disable_thread = t->how == OWN_PUMPED || t->how == BY_CURL_PUMPED;
    sender = tracei_sender_open(&o);
    if (!sender) abort();
#ifdef TRACE_HTTP_CURL
    if (t->how >= BY_CURL && !tracei_curl_start()) abort();
    sender->by_curl = t->how >= BY_CURL;
#endif
    t->worst_add_ns = add_spans(sender, 10);
    deadline = in_ms(t->deadline_ms);
    t->flushed = tracei_sender_flush(sender, deadline);
    now = tracei_mono_ns();
    t->flush_over_ns = now > deadline ? now - deadline : 0;
    tracei_sender_stats(sender, &t->after_flush);
    deadline = in_ms(t->deadline_ms);
    tracei_sender_shutdown(sender, deadline);
    now = tracei_mono_ns();
    t->shutdown_over_ns = now > deadline ? now - deadline : 0;
    tracei_sender_stats(sender, &t->stats);
    if (!sender->run && !getenv("TEST_SLACK_MS")) t->bad = true; /* abandoned: it need not be with these */
    if (sender->run) {
        tracei_free(sender->run->ring, sender->run->capacity);
        sender->run->ring = NULL;
    }
    hostile_stop(server);
    hostile_free(server);
    return NULL;
}

static void check_trial(const trial *t) {
    const trace_exporter_stats *const s = &t->stats;
    const fate expected = t->how >= BY_TLS ? LOST : t->hostile->expected;
    bool fine = !t->bad && t->flush_over_ns <= slack_ns() && t->shutdown_over_ns <= slack_ns();
    fine = fine && ledger_exact(s, 10) && ledger_exact(&t->after_flush, 10) && s->queued == 0;
    fine = fine && (t->flushed == TRACE_RESULT_TIMEOUT) == (t->after_flush.queued != 0);
    fine = fine && (t->flushed == TRACE_RESULT_OK) == (t->after_flush.sent == 10);
    if (t->how < BY_CURL && expected == OWN_LOST) fine = fine && s->sent == 0;
    if (t->how < BY_CURL && expected == OWN_SENT && t->deadline_ms >= ample_ms()) fine = fine && s->sent == 10;
    if (expected == LOST) fine = fine && s->sent == 0;
    if (expected == SENT && t->deadline_ms >= ample_ms()) fine = fine && s->sent == 10;
    if (expected == REJECTED && t->deadline_ms >= ample_ms()) fine = fine && s->failed[TRACE_FAILURE_REJECTED] == 10;
    if (!CHECK(fine))
        printf("  %s, %s, %u ms: flush %s +%.1f ms, shutdown +%.1f ms, sent %llu, rejected %llu, unreachable %llu, timeout %llu, shutdown %llu, too large %llu, queued %llu%s\n",
               t->hostile->name, way_names[t->how], t->deadline_ms, trace_result_string(t->flushed), (double)t->flush_over_ns / 1e6,
               (double)t->shutdown_over_ns / 1e6, (unsigned long long)s->sent, (unsigned long long)s->failed[TRACE_FAILURE_REJECTED],
               (unsigned long long)s->failed[TRACE_FAILURE_UNREACHABLE], (unsigned long long)s->failed[TRACE_FAILURE_TIMEOUT],
               (unsigned long long)s->failed[TRACE_FAILURE_SHUTDOWN], (unsigned long long)s->failed[TRACE_FAILURE_TOO_LARGE],
               (unsigned long long)s->queued, t->bad ? ", abandoned" : "");
}

enum { ABREAST = 8 };

/* Every script, eight at a time. */
static void run_trials(way how, unsigned deadline_ms) {
    static trial trials[CASES + 1];
    static const hostile_case refused = {"refuses", LOST, {END}, {END}};
    uint64_t worst_flush = 0, worst_shutdown = 0, worst_add = 0;
    unsigned at, i;
    const unsigned before = test_descriptors();
    for (at = 0; at <= CASES; at += ABREAST) {
        pthread_t threads[ABREAST];
        const unsigned count = CASES + 1 - at < ABREAST ? CASES + 1 - at : ABREAST;
        for (i = 0; i < count; i++) {
            trial *const t = &trials[at + i];
            memset(t, 0, sizeof *t);
            t->refused = at + i == CASES;
            t->hostile = t->refused ? &refused : &cases[at + i];
            t->how = how, t->deadline_ms = deadline_ms, t->index = at + i;
            if (pthread_create(&threads[i], NULL, run_trial, t) != 0) abort();
        }
        for (i = 0; i < count; i++) pthread_join(threads[i], NULL);
    }
    for (i = 0; i <= CASES; i++) {
        check_trial(&trials[i]);
        if (trials[i].flush_over_ns > worst_flush) worst_flush = trials[i].flush_over_ns;
        if (trials[i].shutdown_over_ns > worst_shutdown) worst_shutdown = trials[i].shutdown_over_ns;
        if (trials[i].worst_add_ns > worst_add) worst_add = trials[i].worst_add_ns;
    }
    CHECK_UINT(test_descriptors(), before);
    printf("%s, %u ms: %d scripts, worst overrun: flush %.1f ms, shutdown %.1f ms; slowest add %.2f ms\n", way_names[how], deadline_ms, CASES + 1,
           (double)worst_flush / 1e6, (double)worst_shutdown / 1e6, (double)worst_add / 1e6);
}

static void run_way(way how) {
    begin();
    run_trials(how, how == BY_TLS ? 200 : 30);     /* a handshake computes for longer than 30 ms where eight do and a sanitizer looks on */
    run_trials(how, how == BY_TLS ? 1000 : 120);
    if (how != BY_TLS) run_trials(how, ample_ms());      /* there everything is lost, whatever the time */
    CHECK_INT(pipes, 0);
}

#ifndef TRACE_HTTP_CURL      /* each way once: the program without libcurl runs these */
TEST(hostile_own) { run_way(OWN); }
TEST(hostile_own_pumped) { run_way(OWN_PUMPED); }
TEST(hostile_unix) { run_way(OWN_UNIX); }
#else
TEST(hostile_curl) { run_way(BY_CURL); }
TEST(hostile_curl_pumped) { run_way(BY_CURL_PUMPED); }
TEST(hostile_to_http2) { run_way(BY_HTTP2); }

#include "tls_servers.h"

TEST(hostile_to_tls) {
    tls_servers t;
    if (!tls_start(&t)) {
        tls_stop(&t);
        SKIP("no python3 with ssl, or no openssl; run from the project's folder");
    }
    snprintf(trial_ca, sizeof trial_ca, "%s/ca.pem", t.folder);
    run_way(BY_TLS);
    tls_stop(&t);
}
#endif

/* How many bytes a request of three spans has on the wire. */
static unsigned request_size(bool by_curl) {
    static const hostile_step good[] = {READ, SEND(OK_HEAD), AGAIN};
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    tracei_http_options o = options_for(url_of(server, url, sizeof url));
    tracei_sender *sender;
    unsigned size;
    o.schedule_delay_ms = UINT32_MAX;
    hostile_script(server, good);
    hostile_run(server);
    sender = tracei_sender_open(&o);
    if (!sender) abort();
    sender->by_curl = by_curl;
    add_spans(sender, 3);
    CHECK_INT(tracei_sender_flush(sender, in_ms(5000)), TRACE_RESULT_OK);
    tracei_sender_shutdown(sender, in_ms(2000));
    hostile_stop(server);
    size = (unsigned)(strlen(server->head) + server->body_size);
    hostile_free(server);
    return size;
}

/* A reset after every byte of the answer, and of the request; then the server behaves, and the spans arrive. */
static void resets(bool by_curl, bool in_request) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello";
    const unsigned before = test_descriptors(), most = in_request ? request_size(by_curl) : sizeof answer - 1;
    unsigned at;
    if (in_request) CHECK(most > 200);
    for (at = 0; at < most; at++) {
        const hostile_step first_answer[] = {READ, {HOSTILE_SEND_PART, answer, (long)at}, {HOSTILE_RESET, 0, 0}};
        const hostile_step first_request[] = {{HOSTILE_READ_SOME, 0, (long)at}, {HOSTILE_RESET, 0, 0}};
        static const hostile_step later[] = {READ, SEND(answer), AGAIN};
        hostile_server *const server = hostile_start(NULL);
        char url[128];
        tracei_http_options o = options_for(url_of(server, url, sizeof url));
        tracei_sender *sender;
        trace_exporter_stats s;
        o.schedule_delay_ms = UINT32_MAX; /* all three in one request, sent by the flush */
        hostile_script(server, in_request ? first_request : first_answer);
        hostile_script(server, later);
        hostile_run(server);
        sender = tracei_sender_open(&o);
        REQUIRE(sender != NULL);
        sender->by_curl = by_curl;
        log_clear();
        add_spans(sender, 3);
        do CHECK_INT(tracei_sender_flush(sender, in_ms(10)) != TRACE_RESULT_FAILED, 1);
        while (!log_lines() && stats_of(sender).sent != 3); /* until the first attempt is over */
        tracei_sender_shutdown(sender, in_ms(2000)); /* cuts the pause short: one more attempt */
        s = stats_of(sender);
        if (!CHECK(ledger_exact(&s, 3)) || !CHECK_UINT(s.sent, 3)) printf("  reset at byte %u\n%s", at, log_text());
        hostile_stop(server);
        hostile_free(server);
    }
    CHECK_UINT(test_descriptors(), before);
    CHECK_INT(pipes, 0);
}

TEST(resets_in_the_answer) { begin(), resets(false, false); }
TEST(resets_in_the_request) { begin(), resets(false, true); }
#ifdef TRACE_HTTP_CURL
TEST(resets_with_curl) {
    begin();
#ifdef TRACE_HTTP_CURL
    REQUIRE(tracei_curl_start());
#endif
    resets(true, false);
    resets(true, true);
}
#endif

TEST(kept_connections) {
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    static const hostile_step close_quietly[] = {READ, SEND(OK_HEAD), END};
    static const hostile_step reset_second[] = {READ, SEND(OK_HEAD), {HOSTILE_READ_SOME, 0, 20}, {HOSTILE_RESET, 0, 0}};
    const hostile_step *const scripts[] = {keep, close_quietly, reset_second};
    unsigned which, i;
    begin();
    for (which = 0; which < 3; which++) {
        hostile_server *const server = hostile_start(NULL);
        char url[128];
        tracei_http_options o = options_for(url_of(server, url, sizeof url));
        tracei_sender *sender;
        trace_exporter_stats s;
        uint64_t start;
        hostile_script(server, scripts[which]);
        hostile_run(server);
        sender = tracei_sender_open(&o);
        REQUIRE(sender != NULL);
        start = tracei_mono_ns();
        for (i = 0; i < 6; i++) {
            add_spans(sender, 2);
            CHECK_INT(tracei_sender_flush(sender, in_ms(3000)), TRACE_RESULT_OK);
            if (which == 1 && i % 2) poll(NULL, 0, 10);
        }
        CHECK(tracei_mono_ns() - start < 500 * TRACEI_MS + slack_ns()); /* no backoff */
        tracei_sender_shutdown(sender, in_ms(1000));
        s = stats_of(sender);
        CHECK_UINT(s.sent, 12);
        hostile_stop(server);
        if (which == 0) CHECK_UINT(server->connections, 1);
        if (which == 0) CHECK_UINT(server->lines, 12);
        hostile_free(server);
    }
    CHECK_STR(log_text(), "");
}

TEST(what_is_sent) {
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    trace_header headers[2];
    tracei_http_options o;
    tracei_sender *sender;
    begin();
    hostile_script(server, keep);
    hostile_run(server);
    snprintf(url, sizeof url, "http://us%%20er:pass@localhost:%u/a/b?c=d#e", server->port);
    o = options_for(url);
    headers[0].name = string_of("X-Scope-OrgID"), headers[0].value = string_of("7");
    headers[1].name = string_of("api-key"), headers[1].value = string_of("k");
    o.headers = headers, o.header_count = 2;
    o.schedule_delay_ms = 10000;                 /* both in one request: not before the flush */
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    tracei_sender_add(sender, "one\n", 4, 0);
    tracei_sender_add(sender, "two\n", 4, 0);
    CHECK_INT(tracei_sender_flush(sender, in_ms(3000)), TRACE_RESULT_OK);
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    snprintf(url, sizeof url, "POST /a/b?c=d HTTP/1.1\r\nHost: localhost:%u\r\n", server->port);
    CHECK_HAS(server->head, url);
    CHECK_HAS(server->head, "\r\nUser-Agent: test/1\r\n");
    CHECK_HAS(server->head, "\r\nContent-Type: application/json\r\n");
    CHECK_HAS(server->head, "\r\nb3: 0\r\n");
    CHECK_HAS(server->head, "\r\nX-Scope-OrgID: 7\r\n");
    CHECK_HAS(server->head, "\r\napi-key: k\r\n");
    CHECK_HAS(server->head, "\r\nAuthorization: Basic dXMgZXI6cGFzcw==\r\n");
    CHECK_HAS(server->head, "\r\nContent-Length: 8\r\n");
    CHECK_HAS_NOT(server->head, "ccept-Encoding"); /* so nothing is to be unpacked, and no answer can swell */
    CHECK_TEXT((const char *)server->body, server->body_size, "one\ntwo\n");
    hostile_free(server);
}

/* Who waits in a flush may read the log when it answers: a loss is told before it is counted. */
static void take_log_slowly(void *user, trace_log_level level, const char *line) {
    usleep(50000);
    take_log(user, level, line);
}

TEST(a_loss_is_told_before_the_flush_answers) {
    static const hostile_step no[] = {READ, SEND("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), END};
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    tracei_http_options o;
    tracei_sender *sender;
    begin();
    tracei_logger.log_fn = take_log_slowly;
    hostile_script(server, no);
    hostile_run(server);
    o = options_for(url_of(server, url, sizeof url));
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    tracei_sender_add(sender, "one\n", 4, 0);
    CHECK_INT(tracei_sender_flush(sender, in_ms(10000)), TRACE_RESULT_FAILED);
    CHECK_UINT(log_lines(), 1);
    CHECK_HAS(log_text(), "answered 404");
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    hostile_free(server);
}

TEST(ipv6) {
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    hostile_server *const server = hostile_start("::1");
    char url[128];
    tracei_http_options o;
    tracei_sender *sender;
    begin();
    if (!server) SKIP("no IPv6 here");
    hostile_script(server, keep);
    hostile_run(server);
    snprintf(url, sizeof url, "http://[::1]:%u/x", server->port);
    o = options_for(url);
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    add_spans(sender, 2);
    CHECK_INT(tracei_sender_flush(sender, in_ms(3000)), TRACE_RESULT_OK);
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    snprintf(url, sizeof url, "Host: [::1]:%u\r\n", server->port);
    CHECK_HAS(server->head, url);
    hostile_free(server);
}

TEST(endless_heads_are_cut) {
    static char spam[4096];
    const hostile_step endless[] = {READ, SEND("HTTP/1.1 200 OK\r\nX: "), {HOSTILE_ENDLESS, spam, 0}};
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    tracei_http_options o = options_for(url_of(server, url, sizeof url));
    tracei_sender *sender;
    begin();
    memset(spam, 's', sizeof spam - 1);
    hostile_script(server, endless);
    hostile_run(server);
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    add_spans(sender, 2);
    tracei_sender_shutdown(sender, in_ms(5000));
    CHECK_HAS(log_text(), "the head of the answer does not end");
    hostile_stop(server);
    hostile_free(server);
}

/* Nobody waits at exit for a server that is down: one attempt, then the rest is counted. */
TEST(shutdown_does_not_retry) {
    unsigned pumped;
    begin();
    for (pumped = 0; pumped < 2; pumped++) {
        hostile_server *const server = hostile_start(NULL); /* refuses */
        char url[128];
        tracei_http_options o = options_for(url_of(server, url, sizeof url));
        tracei_sender *sender;
        trace_exporter_stats s;
        uint64_t start;
        o.disable_thread = pumped != 0, o.schedule_delay_ms = 10000, o.max_batch_spans = 10;
        sender = tracei_sender_open(&o);
        REQUIRE(sender != NULL);
        add_spans(sender, 5);
        start = tracei_mono_ns();
        tracei_sender_shutdown(sender, in_ms(5000));
        CHECK(tracei_mono_ns() - start < 100 * TRACEI_MS + slack_ns());
        s = stats_of(sender);
        CHECK_UINT(s.failed[TRACE_FAILURE_UNREACHABLE], 5);
        add_spans(sender, 25);
        start = tracei_mono_ns();
        tracei_sender_shutdown(sender, in_ms(5000));
        CHECK(tracei_mono_ns() - start < 100 * TRACEI_MS + slack_ns());
        s = stats_of(sender);
        CHECK(ledger_exact(&s, 30));
        CHECK_UINT(s.queued, 0);
        CHECK_HAS(log_text(), "shut down before everything was sent (no connection: is anything listening there?); spans lost: 15");
        hostile_stop(server);
        hostile_free(server);
        log_clear();
    }
}

/* More than 4 MiB of answer: given up at once, and not asked for again. */
static void oversize(bool by_curl) {
    static char spam[65536], chunk[65536 + 16];
    const hostile_step until_close[] = {READ, SEND("HTTP/1.1 200 OK\r\n\r\n"), {HOSTILE_ENDLESS, spam, 0}};
    const hostile_step chunked[] = {READ, SEND("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), {HOSTILE_ENDLESS, chunk, 0}};
    const hostile_step sized[] = {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"), {HOSTILE_ENDLESS, spam, 0}};
    const hostile_step *const scripts[] = {until_close, chunked, sized};
    unsigned i;
    memset(spam, 's', sizeof spam - 1);
    snprintf(chunk, sizeof chunk, "ffff\r\n%s\r\n", spam);
    for (i = 0; i < 3; i++) {
        hostile_server *const server = hostile_start(NULL);
        char url[128];
        tracei_http_options o = options_for(url_of(server, url, sizeof url));
        tracei_sender *sender;
        trace_exporter_stats s;
        hostile_script(server, scripts[i]);
        hostile_run(server);
        o.schedule_delay_ms = 10000;             /* one request: not before the flush */
        sender = tracei_sender_open(&o);
        REQUIRE(sender != NULL);
        sender->by_curl = by_curl;
        log_clear();
        add_spans(sender, 2);
        CHECK_INT(tracei_sender_flush(sender, in_ms(8000)), TRACE_RESULT_FAILED);
        tracei_sender_shutdown(sender, in_ms(1000));
        s = stats_of(sender);
        CHECK_UINT(s.failed[TRACE_FAILURE_REJECTED], 2);
        CHECK_HAS(log_text(), "larger than 4 MiB");
        hostile_stop(server);
        CHECK_UINT(server->requests, 1);
        hostile_free(server);
    }
}

TEST(oversize_is_final) { begin(), oversize(false); }
#ifdef TRACE_HTTP_CURL
TEST(oversize_is_final_with_curl) {
    begin();
    REQUIRE(tracei_curl_start());
    oversize(true);
}
#endif

/* A name server that does not answer: the deadlines hold all the same, and one thread at a time waits for it. */
static void slow_lookups(bool by_curl) {
    tracei_http_options o = options_for("http://collector.invalid:4318/v1/traces");
    tracei_sender *sender;
    trace_exporter_stats s;
    uint64_t start;
    unsigned i;
    const unsigned before = test_descriptors();
    __atomic_store_n(&lookup_delay_ms, 500u, __ATOMIC_RELAXED);
    __atomic_store_n(&no_such_name, true, __ATOMIC_RELAXED);
    o.timeout_ms = 100;
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    sender->by_curl = by_curl;
    for (i = 0; i < 3; i++) {
        add_spans(sender, 2);
        start = tracei_mono_ns();
        (void)tracei_sender_flush(sender, in_ms(60));
        CHECK(tracei_mono_ns() - start < 60 * TRACEI_MS + slack_ns());
    }
    start = tracei_mono_ns();
    tracei_sender_shutdown(sender, in_ms(60));
    CHECK(tracei_mono_ns() - start < 60 * TRACEI_MS + slack_ns());
    CHECK(sender->run != NULL); /* the thread ended in time, only the lookup is left behind */
    s = stats_of(sender);
    CHECK(ledger_exact(&s, 6));
    CHECK_UINT(s.queued, 0);
    CHECK_HAS(log_text(), "the name of the host was not found in time");
    poll(NULL, 0, 600);
    __atomic_store_n(&lookup_delay_ms, 0u, __ATOMIC_RELAXED);
    add_spans(sender, 2);
    (void)tracei_sender_flush(sender, in_ms(1000));
    tracei_sender_shutdown(sender, in_ms(1000));
    s = stats_of(sender);
    CHECK_UINT(s.failed[TRACE_FAILURE_UNREACHABLE] >= 2, 1);
    CHECK_UINT(test_descriptors(), before);
    __atomic_store_n(&no_such_name, false, __ATOMIC_RELAXED);
}

TEST(slow_name_server) { begin(), slow_lookups(false); }
#ifdef TRACE_HTTP_CURL
TEST(slow_name_server_with_curl) {
    begin();
    REQUIRE(tracei_curl_start());
    slow_lookups(true);
}
#endif

TEST(too_large_is_split) {
    static const hostile_step limit[] = {READ, {HOSTILE_LIMIT, 0, 1024}, AGAIN};
    static uint8_t giant[5000];
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    tracei_http_options o;
    tracei_sender *sender;
    trace_exporter_stats s;
    begin();
    memset(giant, 'x', sizeof giant);
    hostile_script(server, limit);
    hostile_run(server);
    o = options_for(url_of(server, url, sizeof url));
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    add_spans(sender, 50);
    tracei_sender_add(sender, giant, sizeof giant, 0);
    add_spans(sender, 50);
    CHECK_INT(tracei_sender_flush(sender, in_ms(5000)), TRACE_RESULT_FAILED);
    CHECK_INT(tracei_sender_flush(sender, in_ms(5000)), TRACE_RESULT_OK);
    s = stats_of(sender);
    CHECK_UINT(s.sent, 100);
    CHECK_UINT(s.failed[TRACE_FAILURE_TOO_LARGE], 1);
    CHECK(ledger_exact(&s, 101));
    CHECK_UINT(logged_lines, 1);
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    CHECK(server->requests < 60);
    hostile_free(server);
}

/* A request's own limit: no server is asked. */
TEST(too_large_for_us) {
    fake f;
    tracei_sender *sender;
    trace_exporter_stats s;
    static uint8_t span[3000];
    begin();
    fake_init(&f, 3);
    f.status = 200;
    sender = fake_open(&f);
    REQUIRE(sender != NULL);
    sender->options.max_request_bytes = 2000;
    tracei_sender_add(sender, span, 1500, 0);
    tracei_sender_add(sender, span, 1500, 0);
    CHECK(!tracei_sender_add(sender, span, 2001, 0));
    fake_drive(sender, &f, 30 * TRACEI_SECOND);
    s = stats_of(sender);
    CHECK_UINT(s.sent, 2);
    CHECK_UINT(s.failed[TRACE_FAILURE_TOO_LARGE], 1);
    CHECK_UINT(f.sends, 2);
}

/* ---- what is said ----------------------------------------------------------------------------------------------- */

static void words(void *user, const trace_http_response *response, size_t count, tracei_verdict *verdict) {
    (void)user, (void)count;
    verdict->message.data = response->body;
    verdict->message.size = response->body_size;
}

static void partial(void *user, const trace_http_response *response, size_t count, tracei_verdict *verdict) {
    words(user, response, count, verdict);
    if (verdict->answer == TRACEI_ANSWER_OK) verdict->rejected = 3;
}

TEST(complaints) {
    static const uint32_t statuses[] = {301, 400, 401, 403, 404, 405, 413, 415, 429, 500, 503};
    char text[16384] = "", words[40];
    size_t i;
    begin();
    tracei_log_level_now = TRACE_LOG_LEVEL_WARNING;
    for (i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        fake f;
        tracei_sender *sender;
        fake_init(&f, (uint32_t)i + 1);
        f.status = statuses[i];
        sender = fake_open(&f);
        REQUIRE(sender != NULL);
        log_clear();
        add_spans(sender, 1);
        fake_drive(sender, &f, f.now + 20 * TRACEI_SECOND);
        CHECK_UINT(logged_lines, 1);
        strcat(text, log_text());
        add_spans(sender, 2);
        fake_drive(sender, &f, f.now + 20 * TRACEI_SECOND);
        CHECK_UINT(logged_lines, 1); /* once a minute */
        f.now += 60 * TRACEI_SECOND;
        add_spans(sender, 1);
        fake_drive(sender, &f, f.now + 20 * TRACEI_SECOND);
        CHECK_UINT(logged_lines, 2);
        CHECK_HAS(log_text(), "spans lost: 3");
        snprintf(words, sizeof words, "the server answered %u", (unsigned)statuses[i]);
        CHECK_STR(stats_of(sender).last_error, words);
    }
    TEST_GOLDEN("http_complaints.txt", text, strlen(text));
}

TEST(partial_success) {
    fake f;
    tracei_sender *sender;
    trace_exporter_stats s;
    begin();
    fake_init(&f, 1);
    f.status = 200, f.body = "bad \x1b[31mids\r\n";
    sender = fake_open(&f);
    REQUIRE(sender != NULL);
    sender->options.response_fn = partial;
    add_spans(sender, 8);
    fake_drive(sender, &f, 30 * TRACEI_SECOND);
    s = stats_of(sender);
    CHECK_UINT(s.sent, 5);
    CHECK_UINT(s.failed[TRACE_FAILURE_REJECTED], 3);
    CHECK_STR(s.last_error, "the server took a part of the spans only");
    CHECK_STR(log_text(), "test: http://fake:4318/ took the request but not 3 of its spans: bad  [31mids  \n");
}

/* Header values, user info and query, against servers that send the request back in their answers. */
static void no_secret_in_logs(bool by_curl) {
    static const long statuses[] = {200, 202, 301, 400, 401, 403, 404, 413, 415, 429, 500, 502, 503, 504};
    const uint32_t patience_ms = (uint32_t)(slack_ns() / TRACEI_MS);
    size_t i;
    tracei_log_level_now = TRACE_LOG_LEVEL_DEBUG;
    for (i = 0; i < sizeof statuses / sizeof statuses[0] + 3; i++) {
        hostile_step echo_step[] = {READ, {HOSTILE_ECHO, 0, 0}, AGAIN};
        static const hostile_step garbage[] = {READ, SEND("canary-garbage\r\n\r\n"), END};
        static const hostile_step location[] = {READ, SEND("HTTP/1.1 302 canary-reason\r\nLocation: http://canary-location/\r\nContent-Length: 0\r\n\r\n"), AGAIN};
        hostile_server *const server = hostile_start(NULL);
        char url[200];
        trace_header headers[3];
        tracei_http_options o;
        tracei_sender *sender;
        if (i < sizeof statuses / sizeof statuses[0]) {
            echo_step[1].number = statuses[i];
            hostile_script(server, echo_step);
            hostile_run(server);
        } else if (i % 3) {
            hostile_script(server, i % 3 == 1 ? garbage : location);
            hostile_run(server);
        }
        snprintf(url, sizeof url, "http://canary-user:canary-pass@127.0.0.1:%u/v1/traces?key=canary-query", server->port);
        o = options_for(url);
        headers[0].name = string_of("Authorization"), headers[0].value = string_of("Bearer canary-bearer");
        headers[1].name = string_of("x-other"), headers[1].value = string_of("canary-other, canary-two");
        headers[2].name = string_of("X-Api-Key"), headers[2].value = string_of("canary-key");
        o.headers = headers, o.header_count = 3, o.response_fn = words, o.timeout_ms = patience_ms;
        sender = tracei_sender_open(&o);
        REQUIRE(sender != NULL);
        sender->by_curl = by_curl;
        add_spans(sender, 2);
        (void)tracei_sender_flush(sender, in_ms(2 * patience_ms));
        tracei_sender_shutdown(sender, in_ms(2 * patience_ms));
        hostile_stop(server);
        hostile_free(server);
    }
    CHECK(logged_lines > 20);
    CHECK_HAS_NOT(log_text(), "canary");
    CHECK_HAS_NOT(log_text(), "Y2FuYXJ5"); /* "canary" in base64 */
    CHECK_HAS(log_text(), "***");
}

TEST(secrets_are_never_logged) { begin(), no_secret_in_logs(false); }
#ifdef TRACE_HTTP_CURL
TEST(secrets_are_never_logged_with_curl) {
    begin();
    REQUIRE(tracei_curl_start());
    no_secret_in_logs(true);
}
#endif

TEST(hints_about_ports) {
    static const hostile_step settings[] = {READ, {HOSTILE_SETTINGS, 0, 0}, END};
    static const hostile_step alert[] = {READ, {HOSTILE_TLS_ALERT, 0, 0}, END};
    const hostile_step *const scripts[] = {settings, alert};
    static const char *const expected[] = {"gRPC", "https://"};
    unsigned i;
    begin();
    for (i = 0; i < 2; i++) {
        hostile_server *const server = hostile_start(NULL);
        char url[128];
        tracei_http_options o = options_for(url_of(server, url, sizeof url));
        tracei_sender *sender;
        hostile_script(server, scripts[i]);
        hostile_run(server);
        sender = tracei_sender_open(&o);
        REQUIRE(sender != NULL);
        log_clear();
        add_spans(sender, 2);
        tracei_sender_shutdown(sender, in_ms(1000));
        CHECK_HAS(log_text(), expected[i]);
        hostile_stop(server);
        hostile_free(server);
    }
}

/* What was left out of the lines of a minute is made up for at the end: all losses, as the ledger has them, and what to change. */
TEST(losses_are_added_up_at_the_end) {
    fake f;
    tracei_sender *sender;
    trace_exporter_stats s;
    char words[300];
    begin();
    fake_init(&f, 3);
    f.status = 200;
    sender = fake_open(&f);
    REQUIRE(sender != NULL);
    add_spans(sender, 8);
    fake_drive(sender, &f, 3 * TRACEI_SECOND);
    tracei_sender_shutdown(sender, 0);
    CHECK_STR(log_text(), "");         /* nothing was lost */
    add_spans(sender, 3000);
    CHECK_UINT(log_lines(), 1);
    CHECK_STR(log_text(), "test: http://fake:4318/: the queue is full (max_queue_spans, max_queue_bytes); spans lost: 1\n");
    log_clear();
    tracei_sender_shutdown(sender, 0);
    s = stats_of(sender);
    CHECK(ledger_exact(&s, 3008));
    snprintf(words, sizeof words, "test: of 3008 spans 3000 were lost (queue_full %u, shutdown %u): raise OTEL_BSP_MAX_QUEUE_SIZE (max_queue_spans), "
             "max_queue_bytes, or see why the server takes so little\n", (unsigned)s.failed[TRACE_FAILURE_QUEUE_FULL],
             (unsigned)s.failed[TRACE_FAILURE_SHUTDOWN]);
    CHECK_HAS(log_text(), words);
    CHECK_UINT(log_lines(), 2);        /* the other: what was lost just now */
    log_clear();
    tracei_sender_shutdown(sender, 0);
    CHECK_STR(log_text(), "");         /* said once */
    fake_init(&f, 4);
    sender = fake_open(&f);            /* nothing was ever sent: it is not the queue's fault */
    REQUIRE(sender != NULL);
    f.status = 404;
    add_spans(sender, 24);
    fake_drive(sender, &f, 3 * TRACEI_SECOND);
    log_clear();
    tracei_sender_shutdown(sender, 0);
    CHECK_STR(log_text(), "test: of 24 spans 24 were lost (rejected 24): not one was sent: check the endpoint, and that something listens there\n");
    f.now += 120 * TRACEI_SECOND;
    add_spans(sender, 8);
    log_clear();
    fake_drive(sender, &f, f.now + 3 * TRACEI_SECOND);
    CHECK_HAS(log_text(), "spans lost: 8");
    log_clear();
    tracei_sender_shutdown(sender, 0);
    CHECK_STR(log_text(), "");         /* a line has told them */
}

/* What is tried again has not failed yet, but why it had to be is known; and it is what a loss at the end is put down to. */
TEST(the_last_cause_is_told) {
    static const hostile_step silent_now[] = {READ, HANG};
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    tracei_http_options o = options_for(url_of(server, url, sizeof url));
    fake f;
    tracei_sender *sender;
    begin();
    tracei_log_level_now = TRACE_LOG_LEVEL_WARNING;
    fake_init(&f, 5);
    f.status = 503;
    sender = fake_open(&f);
    REQUIRE(sender != NULL);
    add_spans(sender, 8);
    fake_drive(sender, &f, f.now + TRACEI_MS);
    CHECK_UINT(stats_of(sender).queued, 8);
    CHECK_STR(stats_of(sender).last_error, "the server answered 503");
    CHECK_STR(log_text(), "");
    tracei_sender_shutdown(sender, 0);
    CHECK_STR(log_text(), "test: http://fake:4318/: shut down before everything was sent (the server answered 503); spans lost: 8\n");
    CHECK_STR(stats_of(sender).last_error, "shut down before everything was sent (the server answered 503)");
    f.status = 200;
    add_spans(sender, 8);
    fake_drive(sender, &f, f.now + 30 * TRACEI_SECOND);
    add_spans(sender, 1);
    log_clear();
    f.now += 100 * TRACEI_SECOND;
    tracei_sender_shutdown(sender, 0);
    CHECK_STR(log_text(), "test: http://fake:4318/: shut down before everything was sent; spans lost: 1\n"); /* it took the others */
    hostile_script(server, silent_now);
    hostile_run(server);
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    log_clear();
    add_spans(sender, 2);
    tracei_sender_shutdown(sender, in_ms(100));
    CHECK_HAS(log_text(), ": shut down before everything was sent (no answer in time, ");
    CHECK_HAS(log_text(), " ms); spans lost: 2");
    hostile_stop(server);
    hostile_free(server);
}

/* A server that is not there is told at once, not when the first spans are lost; once an outage, and once a minute. */
TEST(an_outage_is_told_when_it_begins) {
    static const hostile_step once[] = {READ, {HOSTILE_RESET, 0, 0}};
    static const hostile_step then[] = {READ, SEND(OK_HEAD), AGAIN};
    static const char line[] = "test: http://fake:4318/: no connection; trying again for 10000 ms (timeout_ms)\n";
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    tracei_http_options o = options_for(url_of(server, url, sizeof url));
    fake f;
    tracei_sender *sender;
    unsigned i;
    begin();
    tracei_log_level_now = TRACE_LOG_LEVEL_WARNING;
    fake_init(&f, 6);
    sender = fake_open(&f);
    REQUIRE(sender != NULL);
    for (i = 0; i < 3; i++) { /* it begins, comes back within the minute, and later */
        if (i == 2) f.now += 60 * TRACEI_SECOND;
        log_clear();
        f.status = 0, f.outcome = TRACE_HTTP_OUTCOME_UNREACHABLE;
        add_spans(sender, 8);
        fake_drive(sender, &f, f.now + TRACEI_MS);
        CHECK_STR(log_text(), i == 1 ? "" : line);
        fake_drive(sender, &f, f.now + 4 * TRACEI_SECOND);
        CHECK_UINT(log_lines(), i != 1);
        f.status = 200, f.outcome = TRACE_HTTP_OUTCOME_ANSWERED;
        fake_drive(sender, &f, f.now + 10 * TRACEI_SECOND);
        CHECK_UINT(stats_of(sender).sent, 8 * (i + 1));
    }
    log_clear();
    hostile_script(server, once);
    hostile_script(server, then);
    hostile_run(server);
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    add_spans(sender, 2);
    CHECK_INT(tracei_sender_flush(sender, in_ms(20000)), TRACE_RESULT_OK);
    CHECK_STR(log_text(), "");         /* a mere hiccup */
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    hostile_free(server);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

/* An exporter of the core over a sender: a line a span. */
static trace_result export_lines(void *user, const trace_batch *batch) {
    add_spans((tracei_sender *)user, (unsigned)batch->span_count);
    return TRACE_RESULT_OK;
}

typedef struct life {            /* of a child that traces to servers */
    const char *urls[2];
    bool disable_thread, by_curl;
    uint32_t exit_timeout_ms, shutdown_ms;
    unsigned spans;
    trace_result expected;
    tracei_sender *senders[2];
} life;

static void life_begin(life *l) {
    trace_config config;
    unsigned i;
    memset(&config, 0, sizeof config);
    config.disable_environment = true;
    config.disable_thread = l->disable_thread;
    config.exit_timeout_ms = l->exit_timeout_ms;
    for (i = 0; i < 2 && l->urls[i]; i++) {
        tracei_http_options o = options_for(l->urls[i]);
        o.max_batch_spans = 4, o.schedule_delay_ms = 10000, o.timeout_ms = 600000;
        if (l->by_curl) o.url = "http://collector.invalid/v1/traces", o.proxy = l->urls[i];
        l->senders[i] = tracei_sender_open(&o);
        REQUIRE(l->senders[i] != NULL);
        config.exporters[i] = tracei_sender_exporter(i ? "second" : "first", l->senders[i], export_lines);
    }
    REQUIRE(trace_init(&config) == TRACE_RESULT_OK);
    for (i = 0; i < l->spans; i++) trace_span_end(trace_span_start("x"));
}

static void life_to_flush(void *user) {
    life_begin((life *)user);
    CHECK_INT(trace_flush(20000), TRACE_RESULT_OK);
}

static TEST_UNUSED void life_to_shutdown(void *user) {
    life *const l = (life *)user;
    life_begin(l);
    CHECK_INT(trace_shutdown(l->shutdown_ms), l->expected);
    CHECK_UINT(stats_of(l->senders[0]).queued, 0);
}

/* And to the end of a second life. */
static TEST_UNUSED void life_to_shutdown_and_exit(void *user) {
    life_to_shutdown(user);
    life_begin((life *)user);
}

static TEST_UNUSED void life_to_exit(void *user) { life_begin((life *)user); }

/* To an exit during a pause: a batch of four was put off, the others wait. */
static TEST_UNUSED void life_to_exit_in_a_pause(void *user) {
    life *const l = (life *)user;
    life_begin(l);
    (void)trace_flush(0);
    while (!stats_of(l->senders[0]).last_error[0]) poll(NULL, 0, 2);
}

/* A flush goes round in slices of some milliseconds; a request is not broken off for that, nor sent once more. */
TEST(a_flush_without_threads_lets_an_answer_come) {
    static const hostile_step late[] = {READ, PAUSE(150), SEND(OK_HEAD), AGAIN};
    hostile_server *const servers[2] = {hostile_start(NULL), hostile_start(NULL)};
    char urls[2][128];
    life l;
    test_child child;
    unsigned i;
    memset(&l, 0, sizeof l);
    l.disable_thread = true, l.spans = 3, l.exit_timeout_ms = 5000;
    for (i = 0; i < 2; i++) {
        hostile_script(servers[i], late);
        hostile_run(servers[i]);
        l.urls[i] = url_of(servers[i], urls[i], sizeof urls[i]);
    }
    child = test_fork(life_to_flush, &l, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    for (i = 0; i < 2; i++) {
        hostile_stop(servers[i]);
        CHECK_UINT(servers[i]->requests, 1);
        CHECK_UINT(servers[i]->lines, 3);
        hostile_free(servers[i]);
    }
}

#ifndef __SANITIZE_THREAD__ /* which cannot follow threads into a child */

/* Runs a child against servers that play these scripts (NULL: it refuses; the same again: as before), and stops them. */
static void live(void (*fn)(void *), life *l, hostile_server **servers, const hostile_step *const scripts[2][2]) {
    char urls[2][128];
    test_child child;
    unsigned i, k;
    for (i = 0; i < 2 && (i == 0 || scripts[i][0]); i++) {
        servers[i] = hostile_start(NULL);
        for (k = 0; k < 2 && scripts[i][k]; k++) hostile_script(servers[i], scripts[i][k]);
        if (scripts[i][0]) hostile_run(servers[i]);
        l->urls[i] = url_of(servers[i], urls[i], sizeof urls[i]);
    }
    child = test_fork(fn, l, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    for (i = 0; i < 2 && servers[i]; i++) hostile_stop(servers[i]);
}

static void live_free(hostile_server **servers) {
    unsigned i;
    for (i = 0; i < 2 && servers[i]; i++) hostile_free(servers[i]);
}

static const hostile_step fine[] = {READ, SEND(OK_HEAD), AGAIN};
static const hostile_step busy[] = {READ, SEND("HTTP/1.1 503 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), END};
static const hostile_step busy_for_1_s[] = {READ, SEND("HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), END};
static const hostile_step busy_for_long[] = {READ, SEND("HTTP/1.1 503 X\r\nRetry-After: 200\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), END};
static const hostile_step breaks[] = {READ, {HOSTILE_RESET, 0, 0}};
static const hostile_step silent[] = {READ, HANG};

/* A server that is there but not now gets the spans later, at shutdown and at exit alike; once each. */
TEST(the_end_retries_as_long_as_it_has_time) {
    static const hostile_step *const first[] = {busy_for_1_s, busy, breaks};
    unsigned i, how;
    SKIP_IN_OLD_QEMU();
    begin();
    for (i = 0; i < sizeof first / sizeof *first; i++)
        for (how = 0; how < (TRACEI_HTTP_CURL ? 8 : 4); how++) {
            const hostile_step *const scripts[2][2] = {{first[i], fine}, {NULL, NULL}};
            hostile_server *servers[2] = {NULL, NULL};
            life l;
            memset(&l, 0, sizeof l);
            l.disable_thread = how & 1, l.by_curl = how & 4, l.exit_timeout_ms = l.shutdown_ms = 20000, l.spans = 3;
            live((how & 2) == 0 ? life_to_shutdown : life_to_exit, &l, servers, scripts);
            CHECK_UINT(servers[0]->requests, 2);
            CHECK_UINT(servers[0]->lines, 6);
            live_free(servers);
        }
}

/* Neither waits for a server that is not there, whatever time it has; trace_flush is for that. */
TEST(the_end_does_not_wait_for_what_is_not_there) {
    hostile_server *servers[2] = {NULL, NULL};
    static const hostile_step *const nobody[2][2] = {{NULL, NULL}, {NULL, NULL}};
    unsigned i;
    life l;
    SKIP_IN_OLD_QEMU();
    begin();
    memset(&l, 0, sizeof l);
    l.exit_timeout_ms = l.shutdown_ms = UINT32_MAX, l.spans = 9;        /* for ever, if it waited */
    l.expected = TRACE_RESULT_FAILED;
    for (i = 0; i < (TRACEI_HTTP_CURL ? 4 : 2); i++) {
        l.by_curl = i & 2;
        live(i & 1 ? life_to_exit : life_to_shutdown, &l, servers, nobody);
        live_free(servers);
    }
    l.by_curl = false, l.shutdown_ms = 0;
    live(life_to_shutdown_and_exit, &l, servers, nobody);
    live_free(servers);
}

/* A server that said when it wants to hear of us again, later than the exit may take: it is asked once more, and takes the rest. */
TEST(an_exit_cuts_a_pause_short) {
    static const hostile_step *const scripts[2][2] = {{busy_for_long, fine}, {NULL, NULL}};
    static const hostile_step *const again[2][2] = {{busy_for_long, busy_for_long}, {NULL, NULL}};
    hostile_server *servers[2] = {NULL, NULL};
    life l;
    SKIP_IN_OLD_QEMU();
    begin();
    memset(&l, 0, sizeof l);
    l.exit_timeout_ms = 20000, l.spans = 15;           /* in batches of four */
    live(life_to_exit_in_a_pause, &l, servers, scripts);
    CHECK_UINT(servers[0]->requests, 1 + 4);
    CHECK_UINT(servers[0]->lines, 4 + 15);
    live_free(servers);
    live(life_to_exit_in_a_pause, &l, servers, again); /* and if it says so again it is left alone */
    CHECK_UINT(servers[0]->requests, 2);
    live_free(servers);
    l.shutdown_ms = 150000, l.expected = TRACE_RESULT_FAILED;  /* of which nothing is waited for: it would be in vain */
    live(life_to_shutdown, &l, servers, again);
    CHECK_UINT(servers[0]->requests, 1);
    live_free(servers);
}

/* A server that says nothing has not all the time of an exit, not even where no thread of ours runs any more. */
TEST(a_silent_server_leaves_time_for_the_other) {
    static const hostile_step *const scripts[2][2] = {{silent, NULL}, {fine, NULL}};
    unsigned how;
    SKIP_IN_OLD_QEMU();
    begin();
    for (how = 0; how < (TRACEI_HTTP_CURL ? 4 : 2); how++) {
        hostile_server *servers[2] = {NULL, NULL};
        life l;
        memset(&l, 0, sizeof l);
        l.disable_thread = !(how & 1), l.by_curl = how & 2, l.exit_timeout_ms = 6000, l.spans = 3;
        live(life_to_exit, &l, servers, scripts);
        CHECK_UINT(servers[1]->lines, 3);
        live_free(servers);
    }
}
#endif

static trace_http_outcome slow_send(void *user, const trace_http_request *request, trace_http_response *response) {
    (void)request;
    poll(NULL, 0, __atomic_load_n((int *)user, __ATOMIC_RELAXED));
    response->status = 200;
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

/* A transport that overruns: shutdown leaves it, the ledger closes, and a new life begins beside it. */
TEST(a_stuck_thread_is_abandoned) {
    static int delay = 400;
    tracei_http_options o = options_for("http://fake/");
    trace_http_transport transport;
    tracei_sender *sender;
    tracei_run *stuck;
    trace_exporter_stats s;
    uint64_t start;
    begin();
    memset(&transport, 0, sizeof transport);
    transport.send_fn = slow_send, transport.user = &delay;
    o.transport = &transport;
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    add_spans(sender, 5);
    poll(NULL, 0, 30);
    add_spans(sender, 5);
    start = tracei_mono_ns();
    stuck = sender->run;
    CHECK_INT(tracei_sender_flush(sender, in_ms(20)), TRACE_RESULT_TIMEOUT);
    tracei_sender_shutdown(sender, in_ms(30));
    CHECK(tracei_mono_ns() - start < 100 * TRACEI_MS + slack_ns());
    s = stats_of(sender);
    CHECK(ledger_exact(&s, 10));
    CHECK_UINT(s.failed[TRACE_FAILURE_SHUTDOWN], 10);
    __atomic_store_n(&delay, 0, __ATOMIC_RELAXED);
    add_spans(sender, 5);
    CHECK_INT(tracei_sender_flush(sender, in_ms(3000)), TRACE_RESULT_FAILED);
    s = stats_of(sender);
    CHECK(ledger_exact(&s, 15));
    CHECK_UINT(s.sent, 5);
    poll(NULL, 0, 600);
    CHECK_INT(TRACEI_LOAD_ACQUIRE(&stuck->thread.state), TRACEI_THREAD_DONE); /* ends when it can */
    s = stats_of(sender);
    CHECK(ledger_exact(&s, 15));
    CHECK_UINT(s.sent, 5);
    tracei_sender_shutdown(sender, in_ms(1000));
}

static tracei_sender *nested_sender;
static trace_result nested_result;
static trace_http_outcome nested_send(void *user, const trace_http_request *request, trace_http_response *response) {
    (void)user, (void)request;
    nested_result = tracei_sender_flush(nested_sender, in_ms(1000));
    tracei_sender_shutdown(nested_sender, in_ms(1000));
    response->status = 200;
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

TEST(called_from_inside) {
    unsigned pumped;
    begin();
    for (pumped = 0; pumped < 2; pumped++) {
        tracei_http_options o = options_for("http://fake/");
        trace_http_transport transport;
        trace_exporter_stats s;
        memset(&transport, 0, sizeof transport);
        transport.send_fn = nested_send;
        o.transport = &transport, o.disable_thread = pumped != 0;
        nested_result = TRACE_RESULT_OK;
        nested_sender = tracei_sender_open(&o);
        REQUIRE(nested_sender != NULL);
        add_spans(nested_sender, 3);
        CHECK(tracei_sender_flush(nested_sender, in_ms(2000)) != TRACE_RESULT_TIMEOUT);
        CHECK_INT(nested_result, TRACE_RESULT_BUSY);
        tracei_sender_shutdown(nested_sender, in_ms(1000));
        s = stats_of(nested_sender);
        CHECK(ledger_exact(&s, 3));
        CHECK_UINT(s.sent, 3);
    }
}

TEST(thousand_lives) {
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    tracei_http_options o;
    tracei_sender *sender;
    trace_exporter_stats s;
    unsigned i, before;
    size_t mapped;
    begin();
    hostile_script(server, keep);
    hostile_run(server);
    o = options_for(url_of(server, url, sizeof url));
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    before = test_descriptors();
    add_spans(sender, 1);
    tracei_sender_shutdown(sender, in_ms(2000));
    mapped = TRACEI_LOAD(&tracei_bytes_mapped);
    for (i = 1; i < 1000; i++) {
        add_spans(sender, 1);
        if (i % 3 == 0) CHECK_INT(tracei_sender_flush(sender, in_ms(2000)), TRACE_RESULT_OK);
        tracei_sender_shutdown(sender, in_ms(2000));
    }
    s = stats_of(sender);
    CHECK(ledger_exact(&s, 1000));
    CHECK_UINT(s.sent, 1000);
    CHECK_UINT(TRACEI_LOAD(&tracei_bytes_mapped), mapped);
    hostile_stop(server);
    CHECK_UINT(server->lines, 1000);
    CHECK_UINT(test_descriptors(), before - 1);
    hostile_free(server);
}

/* A dead server, a small queue: memory stays as it is, everything is counted, nobody waits. */
TEST(a_long_outage) {
    hostile_server *const server = hostile_start(NULL); /* refuses */
    char url[128];
    tracei_http_options o = options_for(url_of(server, url, sizeof url));
    tracei_sender *sender;
    trace_exporter_stats s;
    uint64_t worst;
    size_t mapped;
    begin();
    o.max_queue_bytes = 65536;
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    add_spans(sender, 2000);
    poll(NULL, 0, 20);
    mapped = TRACEI_LOAD(&tracei_bytes_mapped);
    worst = add_spans(sender, 200000);
    printf("slowest of 200000: %.3f ms\n", (double)worst / 1e6);
    CHECK_UINT(TRACEI_LOAD(&tracei_bytes_mapped), mapped);
    s = stats_of(sender);
    CHECK(ledger_exact(&s, 202000));
    CHECK(s.failed[TRACE_FAILURE_QUEUE_FULL] > 190000);
    CHECK(logged_lines < 10);
    tracei_sender_shutdown(sender, in_ms(200));
    s = stats_of(sender);
    CHECK(ledger_exact(&s, 202000));
    CHECK_UINT(s.queued, 0);
    hostile_stop(server);
    hostile_free(server);
}

typedef struct fork_try { tracei_sender *sender; hostile_server *server; int parent_socket; } fork_try;

static TEST_UNUSED void forked(void *user) {
    fork_try *const t = (fork_try *)user;
    trace_exporter_stats s;
    tracei_sender_fork(t->sender);
    CHECK(fcntl(t->parent_socket, F_GETFD) == -1); /* closed here, not shut down */
    s = stats_of(t->sender);
    CHECK(ledger_exact(&s, 0));
    add_spans(t->sender, 4);
    CHECK_INT(tracei_sender_flush(t->sender, in_ms(3000)), TRACE_RESULT_OK);
    s = stats_of(t->sender);
    CHECK(ledger_exact(&s, 4));
    tracei_sender_shutdown(t->sender, in_ms(1000));
    if (t->sender->by_curl) _exit(test_failures ? TEST_CHILD_FAILED : 0); /* the parent's libcurl handle is forgotten on purpose: no leak report */
}

static TEST_UNUSED int first_socket(const tracei_run *run) {
#ifdef TRACE_HTTP_CURL
    if (run->sender->by_curl) return run->curl_sockets[0];
#endif
    return run->wire.socket;
}

#ifndef __SANITIZE_THREAD__ /* which cannot follow threads into a child */
static void forks_by(bool by_curl) {
    static const hostile_step keep[] = {READ, PAUSE(30), SEND(OK_HEAD), AGAIN};
    fork_try t;
    char url[128];
    tracei_http_options o;
    trace_exporter_stats s;
    test_child child;
    unsigned i;
    t.server = hostile_start(NULL);
    hostile_script(t.server, keep);
    hostile_run(t.server);
    o = options_for(url_of(t.server, url, sizeof url));
    o.schedule_delay_ms = 10000;
    t.sender = tracei_sender_open(&o);
    REQUIRE(t.sender != NULL);
    t.sender->by_curl = by_curl;
    add_spans(t.sender, 3);
    CHECK_INT(tracei_sender_flush(t.sender, in_ms(3000)), TRACE_RESULT_OK);
    for (i = 0; i < 10; i++) {
        add_spans(t.sender, 3);
        t.parent_socket = first_socket(t.sender->run);
        CHECK(t.parent_socket >= 0);
        child = test_fork(forked, &t, 10000);
        CHECK_CHILD(&child, 0);
        test_child_free(&child);
        CHECK_INT(tracei_sender_flush(t.sender, in_ms(3000)), TRACE_RESULT_OK);
    }
    tracei_sender_shutdown(t.sender, in_ms(1000));
    s = stats_of(t.sender);
    CHECK(ledger_exact(&s, 33));
    CHECK_UINT(s.sent, 33);
    hostile_stop(t.server);
    CHECK_UINT(t.server->lines, 33 + 40);
    CHECK_UINT(t.server->connections, 11); /* the parent's own was not disturbed */
    hostile_free(t.server);
}

TEST(forks) {
    SKIP_IN_OLD_QEMU();
    begin(), forks_by(false);
}
#ifdef TRACE_HTTP_CURL
TEST(forks_with_curl) {
    begin();
    REQUIRE(tracei_curl_start());
    forks_by(true);
}
#endif
#endif

static bool stop_exec_watch;
static void *watch_cloexec(void *user) {
    unsigned *const leaks = (unsigned *)user;
    while (!__atomic_load_n(&stop_exec_watch, __ATOMIC_RELAXED)) {
        int fd;
        for (fd = 3; fd < 64; fd++) {
            const int flags = fcntl(fd, F_GETFD);
            if (flags >= 0 && !(flags & FD_CLOEXEC)) {
                struct sockaddr_storage own; /* libcurl's own wake-up pair is no connection */
                socklen_t size = sizeof own;
                if (getsockname(fd, (struct sockaddr *)&own, &size) == 0 && own.ss_family != AF_UNIX) (*leaks)++;
            }
        }
    }
    return NULL;
}

static void close_on_exec(bool by_curl) {
    static const hostile_step once[] = {READ, SEND(OK_HEAD), END};
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    unsigned leaks = 0, i;
    pthread_t watcher;
    tracei_http_options o = options_for(url_of(server, url, sizeof url));
    tracei_sender *sender;
    hostile_script(server, once);
    hostile_run(server);
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    sender->by_curl = by_curl;
    stop_exec_watch = false;
    pthread_create(&watcher, NULL, watch_cloexec, &leaks);
    for (i = 0; i < 200; i++) {
        add_spans(sender, 1);
        CHECK_INT(tracei_sender_flush(sender, in_ms(3000)), TRACE_RESULT_OK);
    }
    __atomic_store_n(&stop_exec_watch, true, __ATOMIC_RELAXED);
    pthread_join(watcher, NULL);
    CHECK_UINT(leaks, 0);
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    hostile_free(server);
}

TEST(close_on_exec_from_the_start) { begin(), close_on_exec(false); }
#ifdef TRACE_HTTP_CURL
TEST(close_on_exec_with_curl) {
    begin();
    REQUIRE(tracei_curl_start());
    close_on_exec(true);
}
#endif

/* Each call the system may refuse, refused once. */
TEST(refusals) {
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    unsigned n, before;
    begin();
    before = test_descriptors();
    for (n = 1; n < 60; n++) {
        hostile_server *const server = hostile_start(NULL);
        char url[128];
        tracei_http_options o = options_for(url_of(server, url, sizeof url));
        tracei_sender *sender;
        trace_exporter_stats s;
        hostile_script(server, keep);
        hostile_run(server);
        refuse_count = 0;
        refuse_at = n;
        sender = tracei_sender_open(&o);
        if (sender) {
            add_spans(sender, 4);
            (void)tracei_sender_flush(sender, in_ms(40));
            add_spans(sender, 4);
            (void)tracei_sender_flush(sender, in_ms(40));
            tracei_sender_shutdown(sender, in_ms(1000));
            s = stats_of(sender);
            if (!CHECK(ledger_exact(&s, 8)) || !CHECK_UINT(s.queued, 0)) printf("  refusal %u\n", n);
            if (sender->run) tracei_free(sender->run->ring, sender->run->capacity);
        } else {
            CHECK_HAS(log_text(), "no memory");
        }
        refuse_at = 0;
        hostile_stop(server);
        hostile_free(server);
    }
    CHECK_UINT(test_descriptors(), before);
}

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

static unsigned tokens_given;
static tracei_answer authorize(void *user, tracei_sender *sender, uint64_t deadline_ns) {
    trace_http_response response;
    char value[64];
    (void)user;
    if (!tracei_sender_request(sender, "application/json", "{\"api_key\":\"canary\"}", 20, deadline_ns, &response)) return TRACEI_ANSWER_RETRY;
    if (response.status != 200) return TRACEI_ANSWER_REJECTED;
    snprintf(value, sizeof value, "Bearer canary-%u-%.*s", ++tokens_given, (int)response.body_size, response.body);
    return tracei_sender_set_header(sender, "Authorization", value) ? TRACEI_ANSWER_OK : TRACEI_ANSWER_REJECTED;
}

TEST(tokens) {
    static const hostile_step token[] = {READ, SEND("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), AGAIN};
    static const hostile_step once[] = {READ, SEND("HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n"), READ, SEND(OK_HEAD), AGAIN};
    static const hostile_step expired[] = {READ, SEND("HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n"), END};
    static const hostile_step fine[] = {READ, SEND(OK_HEAD), AGAIN};
    hostile_server *const tokens = hostile_start(NULL), *const server = hostile_start(NULL);
    char url[128], token_url[128];
    tracei_http_options o = options_for(url_of(server, url, sizeof url));
    tracei_sender *sender;
    (void)once;
    begin();
    tokens_given = 0;
    hostile_script(tokens, token);
    hostile_run(tokens);
    hostile_script(server, expired);
    hostile_script(server, fine);
    hostile_run(server);
    o.authorize_fn = authorize, o.authorize_url = token_url;
    url_of(tokens, token_url, sizeof token_url);
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    add_spans(sender, 3);
    CHECK_INT(tracei_sender_flush(sender, in_ms(3000)), TRACE_RESULT_OK);
    CHECK_UINT(tokens_given, 2);
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server), hostile_stop(tokens);
    CHECK_HAS(server->head, "Authorization: Bearer canary-2-abc\r\n");
    CHECK_HAS_NOT(log_text(), "canary");
    hostile_free(server), hostile_free(tokens);
}

/* With a clock of its own: the token says it holds 100 s. */
static tracei_answer token_given;
static unsigned tokens_asked;
static tracei_answer authorize_by_clock(void *user, tracei_sender *sender, uint64_t deadline_ns) {
    fake *const f = (fake *)user;
    CHECK(deadline_ns > f->now);
    tokens_asked++;
    if (token_given != TRACEI_ANSWER_OK) return token_given;
    tracei_sender_renew_in(sender, 100 * TRACEI_SECOND);
    return tracei_sender_set_header(sender, "Authorization", "Bearer canary") ? TRACEI_ANSWER_OK : TRACEI_ANSWER_REJECTED;
}

static void send_one(tracei_sender *sender, fake *f) {
    add_spans(sender, 1);
    f->now += 2 * TRACEI_SECOND;
    fake_drive(sender, f, f->now + TRACEI_MS);
}

TEST(tokens_are_renewed_before_they_expire) {
    tracei_http_options o = options_for("http://fake:4318/");
    trace_http_transport transport;
    tracei_http_seam seam;
    fake f;
    tracei_sender *sender;
    trace_exporter_stats s;
    begin();
    fake_init(&f, 1);
    f.status = 200;
    memset(&transport, 0, sizeof transport);
    transport.send_fn = fake_send, transport.user = &f;
    seam.now_fn = fake_now, seam.unix_fn = fake_unix, seam.random_fn = fake_random, seam.user = &f;
    o.transport = &transport, o.seam = &seam, o.disable_thread = true;
    o.authorize_fn = authorize_by_clock, o.authorize_url = "http://fake/", o.user = &f;
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    tokens_asked = 0, token_given = TRACEI_ANSWER_OK;
    send_one(sender, &f), send_one(sender, &f);
    CHECK_UINT(tokens_asked, 1);
    CHECK_UINT(f.sends, 2);
    f.now += 98 * TRACEI_SECOND;                              /* over, so it is replaced without having been refused */
    send_one(sender, &f), send_one(sender, &f);
    CHECK_UINT(tokens_asked, 2);
    CHECK_UINT(f.sends, 4);
    f.now += 98 * TRACEI_SECOND;
    token_given = TRACEI_ANSWER_RETRY;                        /* the token server is down: the old one is used, and asked for later */
    send_one(sender, &f), send_one(sender, &f);
    CHECK_UINT(tokens_asked, 3);
    CHECK_UINT(f.sends, 6);
    f.now += 60 * TRACEI_SECOND;
    token_given = TRACEI_ANSWER_OK;
    send_one(sender, &f);
    CHECK_UINT(tokens_asked, 4);
    s = stats_of(sender);
    CHECK(ledger_exact(&s, 7));
    CHECK_UINT(s.sent, 7);
    CHECK_HAS_NOT(log_text(), "canary");
}

TEST(without_a_token_nothing_is_sent) {
    static const tracei_answer answers[] = {TRACEI_ANSWER_RETRY, TRACEI_ANSWER_REJECTED};
    for (int i = 0; i < 2; i++) {
        tracei_http_options o = options_for("http://fake:4318/");
        trace_http_transport transport;
        tracei_http_seam seam;
        fake f;
        tracei_sender *sender;
        trace_exporter_stats s;
        begin();
        fake_init(&f, 1);
        f.status = 200;
        memset(&transport, 0, sizeof transport);
        transport.send_fn = fake_send, transport.user = &f;
        seam.now_fn = fake_now, seam.unix_fn = fake_unix, seam.random_fn = fake_random, seam.user = &f;
        o.transport = &transport, o.seam = &seam, o.disable_thread = true;
        o.authorize_fn = authorize_by_clock, o.authorize_url = "http://fake/", o.user = &f;
        sender = tracei_sender_open(&o);
        REQUIRE(sender != NULL);
        tokens_asked = 0, token_given = answers[i];
        add_spans(sender, 3);
        fake_drive(sender, &f, f.now + 60 * TRACEI_SECOND);
        s = stats_of(sender);
        CHECK(ledger_exact(&s, 3));
        CHECK_UINT(s.failed[TRACE_FAILURE_REJECTED], 3);
        CHECK_UINT(f.sends, 0);
        if (i) CHECK_UINT(tokens_asked, 1);
        else CHECK(tokens_asked > 2);
        CHECK_HAS(log_text(), "no access token was given; spans lost: 3");
    }
}

#ifdef TRACE_HTTP_ZLIB
TEST(gzips) {
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    static char expected[49 * 400 + 1], got[49 * 400 + 100];
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    tracei_http_options o = options_for(url_of(server, url, sizeof url));
    tracei_sender *sender;
    z_stream stream;
    unsigned i;
    begin();
    hostile_script(server, keep);
    hostile_run(server);
    o.gzip = true, o.schedule_delay_ms = 10000;
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    add_spans(sender, 400);
    CHECK_INT(tracei_sender_flush(sender, in_ms(3000)), TRACE_RESULT_OK);
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    CHECK_HAS(server->head, "\r\nContent-Encoding: gzip\r\n");
    for (i = 0; i < 400; i++) memcpy(expected + i * 49, "0123456789abcdef0123456789abcdef0123456789abcdef\n", 49);
    memset(&stream, 0, sizeof stream);
    REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
    stream.next_in = server->body, stream.avail_in = (uInt)server->body_size;
    stream.next_out = (Bytef *)got, stream.avail_out = sizeof got;
    CHECK_INT(inflate(&stream, Z_FINISH), Z_STREAM_END);
    CHECK_MEM(got, expected, sizeof expected - 1);
    CHECK_UINT(stream.total_out, sizeof expected - 1);
    inflateEnd(&stream);
    CHECK(server->body_size < 400);
    hostile_free(server);
}
#endif

#ifdef TRACE_HTTP_CURL
static trace_http_response seen;
static char seen_message[256];
static void see(void *user, const trace_http_response *response, size_t count, tracei_verdict *verdict) {
    (void)user, (void)count;
    seen = *response;
    snprintf(seen_message, sizeof seen_message, "%s", response->grpc_message);
    if (response->grpc_status == 14) verdict->answer = TRACEI_ANSWER_RETRY;
}

static void http2_and_trailers_over(bool a_unix_socket) {
    static const struct { long status; const char *message; uint64_t sent; } tries[] = {{0, NULL, 3}, {3, "bad%20span", 0}, {14, "later", 0}};
    size_t i;
    begin();
    for (i = 0; i < 3; i++) {
        hostile_step grpc[] = {{HOSTILE_GRPC, 0, 0}};
        char url[128], path[64];
        hostile_server *server;
        tracei_http_options o;
        tracei_sender *sender;
        trace_exporter_stats s;
        snprintf(path, sizeof path, "/tmp/test-http-%d.sock", (int)getpid());
        server = hostile_start(a_unix_socket ? path : NULL);
        REQUIRE(server != NULL);
        o = options_for(url_of(server, url, sizeof url));
        grpc[0].number = tries[i].status, grpc[0].text = tries[i].message;
        hostile_script(server, grpc);
        hostile_run(server);
        o.http2 = true, o.content_type = "application/grpc", o.response_fn = see;
        o.schedule_delay_ms = UINT32_MAX;                 /* one request a flush */
        sender = tracei_sender_open(&o);
        REQUIRE(sender != NULL);
        add_spans(sender, 3);
        CHECK_INT(tracei_sender_flush(sender, in_ms(300)), i == 0 ? TRACE_RESULT_OK : i == 1 ? TRACE_RESULT_FAILED : TRACE_RESULT_TIMEOUT);
        if (i == 0) {
            add_spans(sender, 3);
            CHECK_INT(tracei_sender_flush(sender, in_ms(300)), TRACE_RESULT_OK);
            CHECK_STR(log_text(), "");
        }
        tracei_sender_shutdown(sender, in_ms(1000));
        s = stats_of(sender);
        CHECK_UINT(s.sent, i == 0 ? 6 : 0);
        CHECK_INT(seen.status, 200);
        CHECK_INT(seen.grpc_status, tries[i].status);
        if (i == 1) CHECK_STR(seen_message, "bad span");
        hostile_stop(server);
        if (i == 0) CHECK(server->connections <= 2); /* libcurl 7.88 cannot keep these */
        CHECK(server->requests >= 1);
        hostile_free(server);
    }
}

TEST(http2_and_trailers) { http2_and_trailers_over(false); }
TEST(http2_over_a_unix_socket) { http2_and_trailers_over(true); }

static trace_exporter_stats tls_try(const tls_servers *t, unsigned port, bool with_ca, bool with_client) {
    char url[128], ca[300], certificate[300], key[300];
    tracei_http_options o;
    tracei_sender *sender;
    trace_exporter_stats s;
    snprintf(url, sizeof url, "https://localhost:%u/v1/traces", port);
    snprintf(ca, sizeof ca, "%s/ca.pem", t->folder);
    snprintf(certificate, sizeof certificate, "%s/client.pem", t->folder);
    snprintf(key, sizeof key, "%s/client.key", t->folder);
    o = options_for(url);
    o.timeout_ms = 3000;
    if (with_ca) o.ca_file = ca;
    if (with_client) o.client_certificate_file = certificate, o.client_key_file = key;
    memset(&s, 0, sizeof s);
    sender = tracei_sender_open(&o);
    if (!CHECK(sender != NULL)) return s;
    add_spans(sender, 2);
    (void)tracei_sender_flush(sender, in_ms(5000));
    tracei_sender_shutdown(sender, in_ms(1000));
    return stats_of(sender);
}

TEST(tls) {
    tls_servers t;
    trace_exporter_stats s;
    const unsigned before = test_descriptors();
    begin();
    if (!tls_start(&t)) {
        tls_stop(&t);
        SKIP("no python3 with ssl, or no openssl; run from the project's folder");
    }
    s = tls_try(&t, t.good, true, false);
    CHECK_UINT(s.sent, 2);
    CHECK_STR(log_text(), "");
    s = tls_try(&t, t.good, false, false);
    CHECK_UINT(s.failed[TRACE_FAILURE_REJECTED], 2);
    CHECK_HAS(log_text(), "certificate is not valid");
    s = tls_try(&t, t.expired, true, false);
    CHECK_UINT(s.failed[TRACE_FAILURE_REJECTED], 2);
    s = tls_try(&t, t.wrong_host, true, false);
    CHECK_UINT(s.failed[TRACE_FAILURE_REJECTED], 2);
    s = tls_try(&t, t.self_signed, true, false);
    CHECK_UINT(s.failed[TRACE_FAILURE_REJECTED], 2);
    s = tls_try(&t, t.old, true, false); /* TLS 1.1 at most */
    CHECK_UINT(s.sent, 0);
    CHECK_UINT(s.failed[TRACE_FAILURE_UNREACHABLE] + s.failed[TRACE_FAILURE_REJECTED], 2);
    s = tls_try(&t, t.client, true, false);
    CHECK_UINT(s.sent, 0);
    s = tls_try(&t, t.client, true, true);
    CHECK_UINT(s.sent, 2);
    for (int i = 0; i < 3; i++) {         /* one that is empty, holds rubbish, or is not there: each fails closed */
        static const char *const contents[] = {"", "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n", NULL};
        char path[] = "/tmp/trace_ca_XXXXXX", ca[64];
        FILE *file;
        REQUIRE(mkdtemp(path) != NULL);
        snprintf(t.folder, sizeof t.folder, "%s", path);
        snprintf(ca, sizeof ca, "%s/ca.pem", path);
        if (contents[i]) {
            file = fopen(ca, "w");
            REQUIRE(file != NULL);
            fputs(contents[i], file);
            fclose(file);
        }
        s = tls_try(&t, t.good, true, false);
        CHECK_UINT(s.failed[TRACE_FAILURE_REJECTED] + s.failed[TRACE_FAILURE_UNREACHABLE], 2);
        CHECK_UINT(s.sent, 0);
        remove(ca), remove(path);
    }
    tls_stop(&t);
    CHECK_UINT(test_descriptors(), before);
}

static bool stop_setenv;
static void *set_environment(void *user) {
    unsigned i = 0;
    (void)user;
    while (!__atomic_load_n(&stop_setenv, __ATOMIC_RELAXED)) {
        char name[32];
        snprintf(name, sizeof name, "TEST_%u", i++ % 500);
        setenv(name, "http://127.0.0.1:1", 1);
        setenv("http_proxy", "http://127.0.0.1:1", 1);
        setenv("no_proxy", "", 1);
    }
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    return NULL;
}

/* For the thread sanitizer: nothing reads the environment while exporting; and a proxy set too late is not used. */
TEST(the_environment_is_not_read_later) {
    static const hostile_step once[] = {READ, SEND(OK_HEAD), END};
    hostile_server *const server = hostile_start(NULL);
    char url[128];
    unsigned i;
    pthread_t setter;
    tracei_http_options o = options_for(url_of(server, url, sizeof url));
    tracei_sender *sender;
    begin();
    hostile_script(server, once);
    hostile_run(server);
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL && tracei_curl_start());
    sender->by_curl = true;
    stop_setenv = false;
    pthread_create(&setter, NULL, set_environment, NULL);
    for (i = 0; i < 100; i++) {
        add_spans(sender, 1);
        CHECK_INT(tracei_sender_flush(sender, in_ms(5000)), TRACE_RESULT_OK);
    }
    __atomic_store_n(&stop_setenv, true, __ATOMIC_RELAXED);
    pthread_join(setter, NULL);
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    hostile_free(server);
}

/* A proxy is handed over, and asked for the whole address. */
TEST(proxy) {
    static const hostile_step keep[] = {READ, SEND(OK_HEAD), AGAIN};
    static const hostile_step echo[] = {
        READ, SEND("HTTP/1.1 400 No\r\nContent-Length: 32\r\n\r\nno canary-user with canary-pass  "), END};
    hostile_server *server = hostile_start(NULL);
    char proxy[128];
    tracei_http_options o = options_for("http://collector.invalid:4318/v1/traces");
    tracei_sender *sender;
    begin();
    hostile_script(server, keep);
    hostile_run(server);
    snprintf(proxy, sizeof proxy, "http://canary-user:canary-pass@127.0.0.1:%u", server->port);
    o.proxy = proxy;
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    add_spans(sender, 3);
    CHECK_INT(tracei_sender_flush(sender, in_ms(3000)), TRACE_RESULT_OK);
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    CHECK_HAS(server->head, "POST http://collector.invalid:4318/v1/traces HTTP/1.1\r\n");
    CHECK_HAS(server->head, "Proxy-Authorization: Basic ");
    CHECK_HAS_NOT(log_text(), "canary");
    hostile_free(server);
    log_clear();
    server = hostile_start(NULL);                               /* and one that repeats what it was told */
    o.response_fn = words;
    hostile_script(server, echo);
    hostile_run(server);
    snprintf(proxy, sizeof proxy, "http://canary-user:canary-pass@127.0.0.1:%u", server->port);
    sender = tracei_sender_open(&o);
    REQUIRE(sender != NULL);
    tracei_sender_add(sender, "one\n", 4, 0);
    CHECK_INT(tracei_sender_flush(sender, in_ms(3000)), TRACE_RESULT_FAILED);
    tracei_sender_shutdown(sender, in_ms(1000));
    hostile_stop(server);
    CHECK_HAS(log_text(), "says: no *** with ***");
    CHECK_HAS_NOT(log_text(), "canary");
    hostile_free(server);
}
#endif

TEST_MAIN()
