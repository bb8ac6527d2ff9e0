/* An HTTP/1.1 client in plain sockets whose trace goes on in the server. http_server.c is the other half.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   What tracing takes is in get(): a span of kind client around the call, and trace_inject_raw puts its context into the head of
   the request, behind whatever else stands there. See http_server.c for how to run both. */
#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { SECONDS = 10 };

typedef struct url {
    char host[128], port[8], path[256];
} url;

static bool parse_url(const char *text, url *u) {
    strcpy(u->port, "80");
    strcpy(u->path, "/");
    return sscanf(text, "http://%127[^:/]:%7[0-9]%255s", u->host, u->port, u->path) >= 2 ||
           sscanf(text, "http://%127[^:/]%255s", u->host, u->path) >= 1;
}

static int connect_to(const url *u) {
    const struct timeval patience = {SECONDS, 0};
    struct addrinfo hints = {0}, *list, *at;
    int socket_fd = -1;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(u->host, u->port, &hints, &list) != 0) return -1;
    for (at = list; at && socket_fd < 0; at = at->ai_next) {
        socket_fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (socket_fd < 0) continue;
        setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(socket_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(socket_fd, at->ai_addr, at->ai_addrlen) == 0) break;
        close(socket_fd);
        socket_fd = -1;
    }
    freeaddrinfo(list);
    return socket_fd;
}

/* The status; 0: no answer. `Connection: close` is asked for, so the answer ends with the connection. */
static int exchange(int socket, const char *request, size_t size, char *answer, size_t capacity) {
    size_t used = 0;
    int status = 0;
    if (send(socket, request, size, MSG_NOSIGNAL) != (ssize_t)size) return 0;
    shutdown(socket, SHUT_WR);
    while (used < capacity - 1) {
        const ssize_t got = recv(socket, answer + used, capacity - 1 - used, 0);
        if (got <= 0) break;
        used += (size_t)got;
    }
    answer[used] = '\0';
    return sscanf(answer, "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

static int get(const char *text) {
    char head[4096], answer[8192];
    int status = 0;
    url u;
    if (!parse_url(text, &u)) {
        fprintf(stderr, "not a URL of http: %s\n", text);
        return 0;
    }
    TRACE_SPAN("GET", .kind = TRACE_KIND_CLIENT) {
        trace_set("http.request.method", "GET");
        trace_set("url.full", text);
        trace_set("server.address", u.host);
        trace_set("server.port", atoi(u.port));
        size_t size = (size_t)snprintf(head, sizeof head,
                                       "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: http_client/1\r\nConnection: close\r\n",
                                       u.path, u.host, u.port);
        const size_t left = sizeof head - size - 2;
        const size_t injected = trace_inject_raw((trace_context){0}, head + size, left);      /* of the current span: this one */
        if (injected < left) size += injected;
        memcpy(head + size, "\r\n", 2);
        const int socket = connect_to(&u);
        if (socket < 0) {
            trace_error("ConnectError", "nobody is listening");
            break;
        }
        status = exchange(socket, head, size + 2, answer, sizeof answer);
        close(socket);
        if (!status) {
            trace_error("BadAnswer", "the connection ended before an answer came");
            break;
        }
        trace_set("http.response.status_code", status);
        if (status >= 400) {                          /* for a caller 4xx is an error too */
            char type[16];
            snprintf(type, sizeof type, "%d", status);
            trace_set("error.type", type);
            trace_span_set_status(trace_span_current(), TRACE_STATUS_ERROR, "");
        }
        const char *const body = strstr(answer, "\r\n\r\n");
        fprintf(stderr, "%d %s", status, body ? body + 4 : "\n");
    }
    return status;
}

int main(int count, char **arguments) {
    int answered = 0;
    if (count < 2) {
        fprintf(stderr, "usage: %s http://host:port/path ...\n", arguments[0]);
        return 0;
    }
    TRACE_SPAN("order") {
        for (int i = 1; i < count; i++) answered += get(arguments[i]) != 0;
        trace_set("answered", answered);
    }
    return answered == count - 1 ? 0 : 1;
}
