/* An HTTP/1.1 server in plain sockets whose requests continue their callers' traces. http_client.c is the other half.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   What tracing takes is in serve(): the raw bytes of the head go to trace_extract_raw, and the server's span is a child of what
   comes back; a request without headers, or with bad ones, begins a trace of its own. Attributes and the span's name (the route,
   not the path: names are for grouping) are those of OpenTelemetry's conventions for HTTP.

       cc -O2 examples/http_server.c -pthread -o http_server && ./http_server 8080        (0: a free port, which is printed)
       cc -O2 examples/http_client.c -pthread -o http_client
       ./http_client http://localhost:8080/item/7 http://localhost:8080/item/0

   Both print their part of the trace. With OTEL_TRACES_EXPORTER=otlp both send it, and a backend shows one trace of two services.
   Ctrl-C ends the server; what it has recorded is delivered on the way out. */
#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { HEAD_MAX = 16384, SECONDS = 10, ITEMS = 100 };

typedef struct request {
    char head[HEAD_MAX];
    size_t size;                  /* read so far; what follows the head belongs to the next request */
    size_t head_size;             /* with its empty line */
    char method[16], path[256], agent[128];
    char body[256];               /* of the answer */
    int status;
} request;

/* ---- the shop ---- */

static void find_item(request *r, int id) {
    TRACE_SPAN("SELECT item", .kind = TRACE_KIND_CLIENT) {
        trace_set("db.system.name", "none");
        trace_set("db.operation.name", "SELECT");
        trace_set("item.id", id);
        usleep(500);              /* as if it were looked up somewhere */
        r->status = id > 0 && id <= ITEMS ? 200 : id == 0 ? 500 : 404;
        if (r->status == 500) {
            trace_error("DivisionByZero", "there is no price for item 0");
            snprintf(r->body, sizeof r->body, "{\"error\":\"internal\"}\n");
        } else if (r->status == 200) snprintf(r->body, sizeof r->body, "{\"item\":%d,\"price\":%d}\n", id, 1000 / id);
    }
}

/* ---- HTTP ---- */

/* The value of a header in the head, cut to fit; "" when it is not there. */
static void header(const request *r, const char *name, char *out, size_t capacity) {
    const size_t length = strlen(name);
    const char *line = r->head, *const end = r->head + r->head_size;
    out[0] = '\0';
    while ((line = (const char *)memchr(line, '\n', (size_t)(end - line))) != NULL) {
        size_t i = 0;
        if (++line == end) return;
        while (i < length && (line[i] | 32) == name[i]) i++;             /* names are given in lower case */
        if (i < length || line[i] != ':') continue;
        for (line += length + 1; *line == ' '; line++) {}
        snprintf(out, capacity, "%.*s", (int)strcspn(line, "\r\n"), line);
        return;
    }
}

/* False: the connection is over, or what came is no request. */
static bool read_request(int socket, request *r) {
    for (;;) {
        const char *const stop = strstr(r->head, "\r\n\r\n");
        ssize_t got;
        if (stop) {
            r->head_size = (size_t)(stop - r->head) + 4;
            header(r, "user-agent", r->agent, sizeof r->agent);
            return sscanf(r->head, "%15[A-Z] %255[^ ] HTTP/1.", r->method, r->path) == 2;
        }
        if (r->size == sizeof r->head - 1) return false;
        got = recv(socket, r->head + r->size, sizeof r->head - 1 - r->size, 0);
        if (got <= 0) return false;
        r->size += (size_t)got;
        r->head[r->size] = '\0';
    }
}

static bool write_answer(int socket, const request *r) {
    char head[512];
    const char *const reason = r->status == 200 ? "OK" : r->status == 404 ? "Not Found" : "Internal Server Error";
    const int size = snprintf(head, sizeof head,
                              "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", r->status,
                              reason, strlen(r->body), r->body);
    return send(socket, head, (size_t)size, MSG_NOSIGNAL) == size;
}

static void serve(int socket, request *r) {
    static const char prefix[] = "/item/";
    const trace_context caller = trace_extract_raw(r->head, r->head_size);
    const bool found = strcmp(r->method, "GET") == 0 && strncmp(r->path, prefix, sizeof prefix - 1) == 0;
    TRACE_SPAN(found ? "GET /item/{id}" : r->method, .kind = TRACE_KIND_SERVER, .parent = caller) {
        trace_set("http.request.method", r->method);
        trace_set("url.scheme", "http");
        trace_set("url.path", r->path);
        if (found) trace_set("http.route", "/item/{id}");
        if (r->agent[0]) trace_set("user_agent.original", r->agent);
        snprintf(r->body, sizeof r->body, "{\"error\":\"not found\"}\n");
        r->status = 404;
        if (found) find_item(r, atoi(r->path + sizeof prefix - 1));
        trace_set("http.response.status_code", r->status);
        if (r->status >= 500) {                       /* the caller's mistakes (4xx) are no errors of ours */
            trace_set("error.type", "500");
            trace_span_set_status(trace_span_current(), TRACE_STATUS_ERROR, "");
        }
        if (!write_answer(socket, r)) trace_event("the caller went away");
    }
}

static void *connection_main(void *argument) {
    const int socket = (int)(intptr_t)argument;
    const struct timeval patience = {SECONDS, 0};
    request *const r = (request *)calloc(1, sizeof *r);
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    while (r && read_request(socket, r)) {
        serve(socket, r);
        r->size -= r->head_size;                      /* GET has no body; what is left is the next request */
        memmove(r->head, r->head + r->head_size, r->size + 1);
    }
    close(socket);
    free(r);
    return NULL;
}

/* ---- the process ---- */

static volatile sig_atomic_t stopped;
static void stop(int number) {
    (void)number;
    stopped = 1;
}

int main(int count, char **arguments) {
    struct sockaddr_in at = {0};
    struct sigaction action = {0};
    sigset_t blocked, otherwise;
    socklen_t size = sizeof at;
    const int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((uint16_t)atoi(count > 1 ? arguments[1] : "8080"));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) != 0) {
        perror("http_server");
        return 1;
    }
    /* The signals arrive in pselect and nowhere else, so none is missed between looking at `stopped` and waiting. */
    action.sa_handler = stop;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &otherwise);
    fprintf(stderr, "listening on http://localhost:%u\n", (unsigned)ntohs(at.sin_port));
    while (!stopped) {
        pthread_t thread;
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(listener, &readable);
        if (pselect(listener + 1, &readable, NULL, NULL, NULL, &otherwise) <= 0) continue;
        const int socket = accept(listener, NULL, NULL);
        if (socket < 0) continue;
        if (pthread_create(&thread, NULL, connection_main, (void *)(intptr_t)socket) == 0) pthread_detach(thread);
        else close(socket);
    }
    close(listener);
    return 0;                     /* exit delivers what is recorded: see exit_timeout_ms in trace_config */
}
