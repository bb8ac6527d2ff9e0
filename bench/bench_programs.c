/* What tracing adds to a libcurl request to a server on loopback and to an SQLite statement on a database in memory.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       cc -O2 bench/bench_programs.c -lcurl -lsqlite3 -pthread && ./a.out

   prints, for a thousand calls each, traced and not in turns:  name value unit ratio-to-untraced. The median of the rounds; the
   spans are counted where they arrive. */
#define _GNU_SOURCE 1
#include <curl/curl.h>
#include <sqlite3.h>
static CURLcode plain_perform(CURL *handle) { return curl_easy_perform(handle); }
static int plain_step(sqlite3_stmt *statement) { return sqlite3_step(statement); }

#define TRACE_IMPLEMENTATION
#include "../trace_curl.h"
#include "../trace_sqlite.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CALLS 1000
#define ROUNDS 11

static uint64_t arrived;

static trace_result count_spans(void *user, const trace_batch *batch) {
    (void)user;
    arrived += batch->span_count;
    return TRACE_RESULT_OK;
}

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static CURL *handle;
static sqlite3 *plain_db, *traced_db;
static sqlite3_stmt *plain_statement, *traced_statement;

static bool run_curl(bool traced) { return (traced ? trace_curl_easy_perform(handle) : plain_perform(handle)) == CURLE_OK; }

static bool run_sqlite(bool traced) {
    sqlite3_stmt *const statement = traced ? traced_statement : plain_statement;
    int code;
    do code = traced ? trace_sqlite_step(statement) : plain_step(statement);
    while (code == SQLITE_ROW);
    sqlite3_reset(statement);
    return code == SQLITE_DONE;
}

static bool measure(const char *name, bool (*run)(bool traced)) {
    double us[2][ROUNDS];
    for (int round = -1; round < ROUNDS; round++) {
        for (int traced = 0; traced < 2; traced++) {
            const double start = now_us();
            for (int i = 0; i < CALLS; i++)
                if (!run(traced)) return false;
            if (round >= 0) us[traced][round] = (now_us() - start) / CALLS;
            if (traced) trace_flush(10000);
        }
    }
    for (int traced = 0; traced < 2; traced++) qsort(us[traced], ROUNDS, sizeof us[traced][0], by_value);
    printf("%s.untraced %.2f us 1.000\n", name, us[0][ROUNDS / 2]);
    printf("%s.traced %.2f us %.3f\n", name, us[1][ROUNDS / 2], us[1][ROUNDS / 2] / us[0][ROUNDS / 2]);
    return true;
}

/* Answers whatever comes on one connection; ends with it. */
static void *serve(void *listener) {
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const int connection = accept(*(int *)listener, NULL, NULL), on = 1;
    char request[8192];
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (;;) {
        size_t size = 0;
        while (size < 4 || memcmp(request + size - 4, "\r\n\r\n", 4) != 0) {
            const ssize_t got = recv(connection, request + size, sizeof request - size, 0);
            if (got <= 0) return close(connection), NULL;
            size += (size_t)got;
        }
        if (send(connection, ok, sizeof ok - 1, MSG_NOSIGNAL) < 0) return NULL;
    }
}

static size_t drop(char *bytes, size_t size, size_t count, void *user) { return (void)bytes, (void)user, size * count; }

static sqlite3 *fill(sqlite3_stmt **statement) {
    sqlite3 *db = NULL;
    sqlite3_open(":memory:", &db);
    sqlite3_exec(db, "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, mail TEXT);"
                     "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000)"
                     "INSERT INTO users SELECT x, 'name' || x, 'mail' || x FROM n", NULL, NULL, NULL);
    sqlite3_prepare_v2(db, "SELECT id, name, mail FROM users WHERE id BETWEEN 100 AND 109 ORDER BY name", -1, statement, NULL);
    return db;
}

int main(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t server;
    trace_config config = {0};
    char url[80];
    bool fine;
    config.service_name = "bench";
    config.disable_environment = true;
    config.exporters[0].struct_size = sizeof config.exporters[0];
    config.exporters[0].name = "counting";
    config.exporters[0].export_fn = count_spans;
    if (trace_init(&config) != TRACE_RESULT_OK) return 1;
    if (bind(listener, (struct sockaddr *)&at, size) != 0 || getsockname(listener, (struct sockaddr *)&at, &size) != 0 ||
        listen(listener, 1) != 0 || pthread_create(&server, NULL, serve, &listener) != 0)
        return 1;
    handle = trace_curl_easy_init();
    snprintf(url, sizeof url, "http://127.0.0.1:%u/item", ntohs(at.sin_port));
    trace_curl_easy_setopt(handle, CURLOPT_URL, url);
    trace_curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, drop);
    trace_curl_easy_setopt(handle, CURLOPT_PROXY, "");
    plain_db = fill(&plain_statement);
    traced_db = fill(&traced_statement);
    trace_sqlite_attach(traced_db);
    fine = measure("curl.get", run_curl) && measure("sqlite.select_10_rows", run_sqlite);
    trace_flush(10000);
    if (!fine || arrived != 2u * (ROUNDS + 1) * CALLS) {
        fprintf(stderr, "bench_programs: a call failed, or spans are missing: %llu arrived\n", (unsigned long long)arrived);
        return 1;
    }
    trace_curl_easy_cleanup(handle);
    pthread_join(server, NULL);
    return 0;
}
