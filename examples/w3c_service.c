/* w3c_service.c - the service that the public W3C trace-context harness tests, in plain sockets
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   cc w3c_service.c -o w3c_service -pthread && ./w3c_service 5000
   SPEC_LEVEL=2 STRICT_LEVEL=2 python3 test.py http://127.0.0.1:5000/test      (in a clone of github.com/w3c/trace-context, folder
   test)

   POST /test with [{"url": U, "arguments": A}, ...]: posts each A to its U in order, then answers 200. What an instrumented
   service does is in serve() and call(): extract from the raw header bytes, one server span, one client span a call, inject
   into the raw header bytes. The rest is HTTP/1.1 and a little JSON. */
#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { HEAD_MAX = 64 * 1024, BODY_MAX = 1024 * 1024, DEPTH_MAX = 64, SECONDS = 5 };

/* ---- HTTP/1.1 ---------------------------------------------------------------------------------------------------- */

/* One message: head and body in one buffer; what was read beyond stays for the next. */
typedef struct message {
    char *bytes;
    size_t size;                  /* read so far */
    size_t head;                  /* with the empty line */
    size_t body;
} message;

static bool send_all(int socket, const char *bytes, size_t size) {
    while (size) {
        const ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool receive_some(int socket, message *m, size_t limit) {
    ssize_t got;
    if (m->size >= limit) return false;
    got = recv(socket, m->bytes + m->size, limit - m->size, 0);
    if (got <= 0) return false;
    m->size += (size_t)got;
    return true;
}

/* The value of a header, or NULL; `size` gets its length. */
static const char *header(const message *m, const char *name, size_t *size) {
    const size_t length = strlen(name);
    const char *at = m->bytes, *const end = m->bytes + m->head;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) break;
        if ((size_t)(stop - at) > length && at[length] == ':' && strncasecmp(at, name, length) == 0) {
            at += length + 1;
            while (at < stop && (*at == ' ' || *at == '\t')) at++;
            while (stop > at && (unsigned char)stop[-1] <= ' ') stop--;
            *size = (size_t)(stop - at);
            return at;
        }
        at = stop + 1;
    }
    return NULL;
}

/* 0: a whole message is there; else the status to answer with, or -1 when the other side is gone. */
static int receive(int socket, message *m) {
    const char *value;
    size_t size, i;
    for (m->head = 0; !m->head;) {
        for (i = 0; i + 4 <= m->size && !m->head; i++)
            if (memcmp(m->bytes + i, "\r\n\r\n", 4) == 0) m->head = i + 4;
        if (m->head) break;
        if (m->size >= HEAD_MAX) return 431;
        if (!receive_some(socket, m, HEAD_MAX)) return -1;
    }
    m->body = 0;
    if (header(m, "transfer-encoding", &size)) return 411;
    value = header(m, "content-length", &size);
    for (i = 0; value && i < size; i++) {
        if (value[i] < '0' || value[i] > '9') return 400;
        m->body = m->body * 10 + (size_t)(value[i] - '0');
        if (m->body > BODY_MAX) return 413;
    }
    while (m->size < m->head + m->body)
        if (!receive_some(socket, m, m->head + m->body)) return -1;
    return 0;
}

static int connect_to(const char *host, const char *port) {
    struct addrinfo hints, *found = NULL, *at;
    const struct timeval limit = {SECONDS, 0};
    int to = -1;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
    for (at = found; at && to < 0; at = at->ai_next) {
        to = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (to < 0) continue;
        setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(to, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (connect(to, at->ai_addr, at->ai_addrlen) == 0) break;
        close(to);
        to = -1;
    }
    freeaddrinfo(found);
    return to;
}

/* http://host[:port]/path */
static bool split_url(const char *url, char host[256], char port[8], const char **path) {
    const char *const start = url + 7, *slash, *colon;
    if (strncmp(url, "http://", 7) != 0) return false;
    slash = start + strcspn(start, "/");
    colon = start + strcspn(start, ":/");
    *path = *slash ? slash : "/";
    if (colon == start || colon - start > 255 || (colon < slash && (slash - colon < 2 || slash - colon > 6))) return false;
    snprintf(host, 256, "%.*s", (int)(colon - start), start);
    snprintf(port, 8, "%.*s", (int)(colon < slash ? slash - colon - 1 : 2), colon < slash ? colon + 1 : "80");
    return true;
}

/* ---- a little JSON ------------------------------------------------------------------------------------------------ */

typedef struct json { const char *at, *end; } json;

static bool json_skip(json *j, char wanted) {
    while (j->at < j->end && strchr(" \t\r\n", *j->at) && *j->at) j->at++;
    if (j->at == j->end || *j->at != wanted) return false;
    j->at++;
    return true;
}

static bool json_is(json *j, char wanted) {
    json copy = *j;
    return json_skip(&copy, wanted);
}

/* Over a string; its content, escapes untouched. */
static bool json_string(json *j, json *content) {
    if (!json_skip(j, '"')) return false;
    content->at = j->at;
    while (j->at < j->end && *j->at != '"') j->at += *j->at == '\\' ? 2 : 1;
    if (j->at >= j->end) return false;
    content->end = j->at++;
    return true;
}

/* Over any value, without recursion: brackets are counted, strings stepped over. */
static bool json_value(json *j, json *content) {
    char open[DEPTH_MAX];
    unsigned depth = 0;
    json ignored;
    while (j->at < j->end && strchr(" \t\r\n", *j->at)) j->at++;
    content->at = j->at;
    do {
        if (j->at >= j->end) return false;
        if (*j->at == '"') {
            if (!json_string(j, &ignored)) return false;
        } else if (*j->at == '[' || *j->at == '{') {
            if (depth == DEPTH_MAX) return false;
            open[depth++] = *j->at++ == '[' ? ']' : '}';
        } else if (depth && *j->at == open[depth - 1]) {
            depth--, j->at++;
        } else if (*j->at == ']' || *j->at == '}' || (!depth && *j->at == ',')) {
            return depth == 0 && j->at > content->at && (content->end = j->at) != NULL;
        } else {
            j->at++;
        }
    } while (depth || (j->at < j->end && !strchr(",]} \t\r\n", *j->at)));
    content->end = j->at;
    return true;
}

static void json_text(const json *content, char *out, size_t size) {
    const char *at = content->at;
    size_t i = 0;
    for (; at < content->end && i + 1 < size; at++) {
        if (*at == '\\' && at + 1 < content->end) at++;      /* \/ and \" are all that a URL needs */
        out[i++] = *at;
    }
    out[i] = '\0';
}

/* ---- the service --------------------------------------------------------------------------------------------------- */

/* One call to another service: a client span, its context in the request. Returns the status, 0 when there was none. */
static int call(const char *url, const char *body, size_t body_size) {
    char host[256], port[8], head[20000];
    const char *path;
    message answer = {NULL, 0, 0, 0};
    int to = -1, status = 0;
    TRACE_SPAN("POST", .kind = TRACE_KIND_CLIENT) {
        size_t used;
        trace_set("http.request.method", "POST");
        trace_set("url.full", url);
        if (!split_url(url, host, port, &path) || strlen(path) > 2000) {
            trace_error("invalid_url", url);
            break;
        }
        used = (size_t)snprintf(
            head, sizeof head,
            "POST %s HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n",
            path, host, port, body_size);
        trace_inject_raw(trace_context_current(), head + used, sizeof head - used - 2);
        used += strlen(head + used);                         /* whole lines, as many as fit */
        memcpy(head + used, "\r\n", 2);
        to = connect_to(host, port);
        answer.bytes = malloc(HEAD_MAX + BODY_MAX);
        if (to < 0 || !answer.bytes || !send_all(to, head, used + 2) || !send_all(to, body, body_size)) {
            trace_error("connection", "no connection");
            break;
        }
        if (receive(to, &answer) != -1 && answer.head > 12) status = atoi(answer.bytes + 9);
        trace_set("http.response.status_code", status);
        if (status < 200 || status >= 400) trace_error("http", "the call failed");
    }
    if (to >= 0) close(to);
    free(answer.bytes);
    return status;
}

/* Calls in order; false: not an array of objects. */
static bool call_all(const char *body, size_t size) {
    json j, key, value, url, arguments;
    j.at = body;
    j.end = body + size;
    if (!json_skip(&j, '[')) return false;
    while (!json_is(&j, ']')) {
        char text[2048];
        url.at = url.end = NULL;
        arguments.at = "null", arguments.end = arguments.at + 4;
        if (!json_skip(&j, '{')) return false;
        while (!json_is(&j, '}')) {
            if (!json_string(&j, &key) || !json_skip(&j, ':') || !json_value(&j, &value)) return false;
            if (key.end - key.at == 3 && memcmp(key.at, "url", 3) == 0) url = value;
            if (key.end - key.at == 9 && memcmp(key.at, "arguments", 9) == 0) arguments = value;
            if (!json_skip(&j, ',') && !json_is(&j, '}')) return false;
        }
        json_skip(&j, '}');
        if (!url.at || url.end - url.at < 2 || *url.at != '"') return false;
        url.at++, url.end--;
        json_text(&url, text, sizeof text);
        (void)call(text, arguments.at, (size_t)(arguments.end - arguments.at));
        if (!json_skip(&j, ',') && !json_is(&j, ']')) return false;
    }
    return true;
}

/* One request: a server span whose parent is what the headers say, or a new root when they say nothing valid. */
static int serve(const message *request) {
    const trace_context parent = trace_extract_raw(request->bytes, request->head);
    int status = 200;
    TRACE_SPAN("POST /test", .kind = TRACE_KIND_SERVER, .parent = parent) {
        trace_set("http.request.method", "POST");
        trace_set("url.path", "/test");
        if (strncmp(request->bytes, "POST /test ", 11) != 0) status = 404;
        else if (!call_all(request->bytes + request->head, request->body)) status = 400;
        trace_set("http.response.status_code", status);
    }
    return status;
}

static bool answer(int socket, int status, bool keep) {
    char text[256];
    const int size = snprintf(text, sizeof text,
                              "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: %s\r\n\r\n[]",
                              status, status == 200 ? "OK" : "Error", keep ? "keep-alive" : "close");
    return send_all(socket, text, (size_t)size) && keep;
}

static void *connection(void *user) {
    const int socket = (int)(intptr_t)user;
    message m = {NULL, 0, 0, 0};
    bool open = true;
    m.bytes = malloc(HEAD_MAX + BODY_MAX);
    while (m.bytes && open) {
        size_t size;
        const char *how;
        int status = receive(socket, &m);
        if (status < 0) break;
        how = header(&m, "connection", &size);
        open = status == 0 && !(how && size == 5 && strncasecmp(how, "close", 5) == 0);
        open = answer(socket, status ? status : serve(&m), open);
        m.size -= m.head + m.body;
        memmove(m.bytes, m.bytes + m.head + m.body, m.size);
    }
    free(m.bytes);
    close(socket);
    return NULL;
}

int main(int argc, char **argv) {
    const struct timeval limit = {60, 0};
    const int port = argc > 1 ? atoi(argv[1]) : 5000, yes = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) {
        perror("w3c_service");
        return 1;
    }
    printf("listening on http://127.0.0.1:%d/test\n", port);
    fflush(stdout);
    for (;;) {
        pthread_t thread;
        const int socket = accept(listener, NULL, NULL);
        if (socket < 0) continue;
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (pthread_create(&thread, NULL, connection, (void *)(intptr_t)socket) == 0) pthread_detach(thread);
        else close(socket);
    }
}
