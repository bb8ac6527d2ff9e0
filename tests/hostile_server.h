/* hostile_server.h - a scripted server on loopback, for tests of HTTP clients
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   A script is what the server does on one connection, step by step. The n-th connection plays the n-th script, later ones the last. Each
   connection has its own thread; hostile_stop ends them all and waits for them, so descriptors can be counted afterwards.

       static const hostile_step ok[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_AGAIN, 0, 0}};
       hostile_server *server = hostile_start(NULL);
       hostile_script(server, ok);
       ... http://127.0.0.1:%u, server->port ...
       hostile_stop(server); */
#ifndef TRACE_HOSTILE_SERVER_H
#define TRACE_HOSTILE_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef enum hostile_op {
    HOSTILE_END = 0,   /* close; also what follows the last step */
    HOSTILE_READ,      /* a whole request: head and Content-Length */
    HOSTILE_READ_SOME, /* number bytes of it */
    HOSTILE_SEND,      /* text */
    HOSTILE_SEND_PART, /* the first `number` bytes of text */
    HOSTILE_SLOW,      /* text, byte by byte, `number` ms between */
    HOSTILE_ENDLESS,   /* text again and again, until the client leaves */
    HOSTILE_PAUSE,     /* number ms */
    HOSTILE_HANG,      /* until the client leaves or the server is stopped */
    HOSTILE_RESET,     /* a TCP reset */
    HOSTILE_ECHO,      /* status `number`, with the request as text */
    HOSTILE_LIMIT,     /* 200, or 413 when the request's body is larger than number */
    HOSTILE_TLS_ALERT, /* what a TLS server answers to plain text */
    HOSTILE_SETTINGS,  /* what an HTTP/2 server says first */
    HOSTILE_GRPC,      /* HTTP/2: reads one request, answers 200 with grpc-status `number` in the trailers, grpc-message text */
    HOSTILE_AGAIN      /* back to the first step: kept alive */
} hostile_op;

typedef struct hostile_step {
    hostile_op op;
    const char *text;
    long number;
} hostile_step;

enum { HOSTILE_STEPS = 8, HOSTILE_SCRIPTS = 4, HOSTILE_CONNECTIONS = 4096 };

typedef struct hostile_server {
    uint16_t port;
    char path[108];                /* of a unix socket; "": TCP */
    int listener;
    hostile_step scripts[HOSTILE_SCRIPTS][HOSTILE_STEPS];
    unsigned script_count;
    pthread_t acceptor;
    pthread_attr_t thread_shape;   /* a small stack: they are joined at the end only, and 1,000 large ones are too much for 32 bits */
    pthread_t threads[HOSTILE_CONNECTIONS];
    unsigned connections;          /* made so far */
    unsigned requests;             /* read so far */
    uint64_t lines;                /* '\n' in the bodies of requests read */
    const char *mark;              /* set before it runs: a text to be counted there too */
    uint64_t marks;
    bool stop;
    pthread_mutex_t mutex;
    char head[16384];              /* of the last request, terminated */
    unsigned char *body;
    size_t body_size;
} hostile_server;

typedef struct hostile_connection {
    hostile_server *server;
    int socket;
    unsigned index;
    char head[16384];
    unsigned char *body;
    size_t body_size;
} hostile_connection;

#define HOSTILE_UNUSED __attribute__((unused))

static bool hostile_stopped(hostile_server *server) {
    return __atomic_load_n(&server->stop, __ATOMIC_ACQUIRE);
}

/* 1: ready; 0: the server was stopped; -1: the client left. */
static int hostile_wait(hostile_connection *c, short events) {
    while (!hostile_stopped(c->server)) {
        struct pollfd p;
        p.fd = c->socket, p.events = events, p.revents = 0;
        if (poll(&p, 1, 5) > 0) return (p.revents & events) ? 1 : -1;
    }
    return 0;
}

static bool hostile_write(hostile_connection *c, const void *bytes, size_t size) {
    const char *at = (const char *)bytes;
    while (size) {
        ssize_t sent;
        if (hostile_wait(c, POLLOUT) != 1) return false;
        sent = send(c->socket, at, size, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (sent <= 0) return false;
        at += sent, size -= (size_t)sent;
    }
    return true;
}

/* 0 at the end of the connection. */
static size_t hostile_read(hostile_connection *c, void *bytes, size_t size) {
    for (;;) {
        ssize_t got;
        if (hostile_wait(c, POLLIN) != 1) return 0;
        got = recv(c->socket, bytes, size, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        return got <= 0 ? 0 : (size_t)got;
    }
}

static bool hostile_read_all(hostile_connection *c, void *bytes, size_t size) {
    size_t at = 0;
    while (at < size) {
        const size_t got = hostile_read(c, (char *)bytes + at, size - at);
        if (!got) return false;
        at += got;
    }
    return true;
}

static void hostile_keep(hostile_connection *c) {
    hostile_server *const s = c->server;
    size_t i;
    pthread_mutex_lock(&s->mutex);
    s->requests++;
    for (i = 0; i < c->body_size; i++) s->lines += c->body[i] == '\n';
    if (s->mark) {
        const size_t size = strlen(s->mark);
        for (i = 0; i + size <= c->body_size; i++) s->marks += c->body[i] == (unsigned char)s->mark[0] && memcmp(c->body + i, s->mark, size) == 0;
    }
    memcpy(s->head, c->head, sizeof s->head);
    s->body = (unsigned char *)realloc(s->body, c->body_size + 1);
    if (c->body_size) memcpy(s->body, c->body, c->body_size);
    s->body_size = c->body_size;
    pthread_mutex_unlock(&s->mutex);
}

static bool hostile_read_request(hostile_connection *c) {
    size_t size = 0, length = 0;
    const char *at;
    while (size < 4 || memcmp(c->head + size - 4, "\r\n\r\n", 4) != 0) {
        if (size + 1 >= sizeof c->head || !hostile_read_all(c, c->head + size, 1)) return false;
        size++;
    }
    c->head[size] = '\0';
    for (at = c->head; (at = strchr(at, '\n')) != NULL; at++)
        if (strncasecmp(at + 1, "content-length:", 15) == 0) length = (size_t)strtoul(at + 16, NULL, 10);
    c->body = (unsigned char *)realloc(c->body, length + 1);
    c->body_size = length;
    if (length && !hostile_read_all(c, c->body, length)) return false;
    hostile_keep(c);
    return true;
}

static void hostile_answer(hostile_connection *c, unsigned status, const void *body, size_t size) {
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 %u X\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", status, size);
    if (hostile_write(c, head, strlen(head))) hostile_write(c, body, size);
}

static bool hostile_frame(hostile_connection *c, unsigned type, unsigned flags, unsigned stream, const void *bytes, size_t size) {
    unsigned char head[9];
    head[0] = (unsigned char)(size >> 16), head[1] = (unsigned char)(size >> 8), head[2] = (unsigned char)size;
    head[3] = (unsigned char)type, head[4] = (unsigned char)flags;
    head[5] = 0, head[6] = 0, head[7] = 0, head[8] = (unsigned char)stream;
    return hostile_write(c, head, 9) && (!size || hostile_write(c, bytes, size));
}

/* HTTP/2 with nothing but what a client sending one request at a time needs. Ends when the client leaves. */
static void hostile_grpc(hostile_connection *c, long status, const char *message) {
    unsigned char head[9], text[512];
    char preface[24];
    if (!hostile_read_all(c, preface, 24) || !hostile_frame(c, 4, 0, 0, NULL, 0)) return;
    c->body_size = 0;
    while (hostile_read_all(c, head, 9)) {
        const size_t size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        const unsigned stream = head[8];
        size_t at = 0;
        unsigned char *const payload = (unsigned char *)malloc(size + 1);
        if (!payload || !hostile_read_all(c, payload, size)) {
            free(payload);
            return;
        }
        if (head[3] == 4 && !(head[4] & 1)) hostile_frame(c, 4, 1, 0, NULL, 0);
        if (head[3] == 6 && !(head[4] & 1)) hostile_frame(c, 6, 1, 0, payload, size);
        if (head[3] == 0 && size) { /* give the window back */
            unsigned char grown[4];
            grown[0] = 0, grown[1] = (unsigned char)(size >> 16), grown[2] = (unsigned char)(size >> 8), grown[3] = (unsigned char)size;
            hostile_frame(c, 8, 0, 0, grown, 4);
            hostile_frame(c, 8, 0, stream, grown, 4);
            c->body = (unsigned char *)realloc(c->body, c->body_size + size + 1);
            memcpy(c->body + c->body_size, payload, size);
            c->body_size += size;
        }
        free(payload);
        if (!((head[3] == 0 || head[3] == 1) && (head[4] & 1))) continue;
        hostile_keep(c);
        c->body_size = 0;
        text[at++] = 0x88; /* :status 200 */
        at += (size_t)snprintf((char *)text + at, sizeof text - at, "%c\x0c%s\x10%s", 0x40, "content-type", "application/grpc");
        hostile_frame(c, 1, 4, stream, text, at);
        hostile_frame(c, 0, 0, stream, "\0\0\0\0\0", 5);
        at = 0;
        {
            char number[16];
            snprintf(number, sizeof number, "%ld", status);
            at += (size_t)snprintf((char *)text + at, sizeof text - at, "%c\x0bgrpc-status%c%s", 0x40, (char)strlen(number), number);
            if (message) at += (size_t)snprintf((char *)text + at, sizeof text - at, "%c\x0cgrpc-message%c%s", 0x40, (char)strlen(message), message);
        }
        hostile_frame(c, 1, 5, stream, text, at);
    }
}

static void hostile_reset(hostile_connection *c) {
    struct linger now;
    now.l_onoff = 1, now.l_linger = 0;
    setsockopt(c->socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* False: the connection is over. */
static bool hostile_play(hostile_connection *c, const hostile_step *step) {
    char bytes[4096];
    size_t i, size = step->text ? strlen(step->text) : 0;
    switch (step->op) {
    case HOSTILE_READ: return hostile_read_request(c);
    case HOSTILE_READ_SOME: return step->number <= (long)sizeof bytes && hostile_read_all(c, bytes, (size_t)step->number);
    case HOSTILE_SEND: return hostile_write(c, step->text, size);
    case HOSTILE_SEND_PART: return hostile_write(c, step->text, (size_t)step->number < size ? (size_t)step->number : size);
    case HOSTILE_SLOW:
        for (i = 0; i < size; i++) {
            if (!hostile_write(c, step->text + i, 1)) return false;
            poll(NULL, 0, (int)step->number);
        }
        return true;
    case HOSTILE_ENDLESS:
        while (hostile_write(c, step->text, size)) {}
        return false;
    case HOSTILE_PAUSE: poll(NULL, 0, (int)step->number); return true;
    case HOSTILE_HANG:
        while (hostile_read(c, bytes, sizeof bytes)) {}
        return false;
    case HOSTILE_RESET: hostile_reset(c); return false;
    case HOSTILE_ECHO:
        memcpy(bytes, c->head, strlen(c->head) < sizeof bytes ? strlen(c->head) : sizeof bytes);
        hostile_answer(c, (unsigned)step->number, bytes, strlen(c->head) < sizeof bytes ? strlen(c->head) : sizeof bytes);
        return true;
    case HOSTILE_LIMIT:
        hostile_answer(c, c->body_size > (size_t)step->number ? 413 : 200, "", 0);
        return true;
    case HOSTILE_TLS_ALERT: return hostile_write(c, "\x15\x03\x01\x00\x02\x02\x0a", 7) && false;
    case HOSTILE_SETTINGS: return hostile_frame(c, 4, 0, 0, NULL, 0);
    case HOSTILE_GRPC: hostile_grpc(c, step->number, step->text); return false;
    case HOSTILE_AGAIN:
    case HOSTILE_END:
    default: return false;
    }
}

static void *hostile_serve(void *user) {
    hostile_connection *const c = (hostile_connection *)user;
    hostile_server *const s = c->server;
    const hostile_step *const script = s->scripts[c->index < s->script_count ? c->index : s->script_count - 1];
    unsigned at = 0;
    while (at < HOSTILE_STEPS && script[at].op != HOSTILE_END && !hostile_stopped(s)) {
        if (script[at].op == HOSTILE_AGAIN) {
            at = 0;
            continue;
        }
        if (!hostile_play(c, &script[at])) break;
        at++;
    }
    close(c->socket);
    free(c->body);
    free(c);
    return NULL;
}

/* Whoever forks meanwhile must not take it along; where accept4 is not (macOS), there is a moment in which that can happen. */
static int hostile_accept_one(int listener) {
#ifdef SOCK_CLOEXEC
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    const int made = accept(listener, NULL, NULL);
    if (made >= 0) (void)fcntl(made, F_SETFD, FD_CLOEXEC), (void)fcntl(made, F_SETFL, O_NONBLOCK);
    return made;
#endif
}

static int hostile_socket(int family, int type) {
#ifdef SOCK_CLOEXEC
    return socket(family, type | SOCK_CLOEXEC, 0);
#else
    const int made = socket(family, type, 0);
    if (made >= 0) (void)fcntl(made, F_SETFD, FD_CLOEXEC);
    return made;
#endif
}

static void *hostile_accept(void *user) {
    hostile_server *const s = (hostile_server *)user;
    while (!hostile_stopped(s)) {
        struct pollfd p;
        hostile_connection *c;
        int made;
        p.fd = s->listener, p.events = POLLIN, p.revents = 0;
        if (poll(&p, 1, 5) <= 0) continue;
        made = hostile_accept_one(s->listener);
        if (made < 0) continue;
        if (!s->path[0]) {
            const int yes = 1;
            setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        }
        c = s->connections < HOSTILE_CONNECTIONS ? (hostile_connection *)calloc(1, sizeof *c) : NULL;
        if (!c) {
            close(made);
            continue;
        }
        c->server = s, c->socket = made, c->index = s->connections;
        if (pthread_create(&s->threads[s->connections], &s->thread_shape, hostile_serve, c) != 0) {
            close(made);
            free(c);
            continue;
        }
        __atomic_fetch_add(&s->connections, 1u, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* NULL: a free TCP port; else a unix socket at this path; "::1": TCP over IPv6. */
HOSTILE_UNUSED static hostile_server *hostile_start(const char *path) {
    hostile_server *const s = (hostile_server *)calloc(1, sizeof *s);
    socklen_t size;
    if (!s) abort();
    pthread_mutex_init(&s->mutex, NULL);
    pthread_attr_init(&s->thread_shape);
    pthread_attr_setstacksize(&s->thread_shape, 512 * 1024);
    if (path && strcmp(path, "::1") == 0) {
        struct sockaddr_in6 at;
        memset(&at, 0, sizeof at);
        size = sizeof at;
        at.sin6_family = AF_INET6, at.sin6_addr = in6addr_loopback;
        s->listener = hostile_socket(AF_INET6, SOCK_STREAM);
        if (bind(s->listener, (struct sockaddr *)&at, size) != 0 || getsockname(s->listener, (struct sockaddr *)&at, &size) != 0) {
            close(s->listener);
            free(s);
            return NULL;
        }
        s->port = ntohs(at.sin6_port);
    } else if (path) {
        struct sockaddr_un at;
        memset(&at, 0, sizeof at);
        at.sun_family = AF_UNIX;
        snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
        snprintf(s->path, sizeof s->path, "%s", path);
        unlink(path);
        s->listener = hostile_socket(AF_UNIX, SOCK_STREAM);
        if (bind(s->listener, (struct sockaddr *)&at, sizeof at) != 0) abort();
    } else {
        struct sockaddr_in at;
        memset(&at, 0, sizeof at);
        size = sizeof at;
        at.sin_family = AF_INET, at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        s->listener = hostile_socket(AF_INET, SOCK_STREAM);
        if (bind(s->listener, (struct sockaddr *)&at, size) != 0 || getsockname(s->listener, (struct sockaddr *)&at, &size) != 0) abort();
        s->port = ntohs(at.sin_port);
    }
    return s;
}

static bool hostile_is_last(hostile_op op) {
    return op == HOSTILE_END || op == HOSTILE_AGAIN || op == HOSTILE_RESET || op == HOSTILE_HANG || op == HOSTILE_ENDLESS || op == HOSTILE_GRPC;
}

/* Adds what the next connection plays; `steps` ends with a step after which nothing can follow, or has HOSTILE_STEPS. */
HOSTILE_UNUSED static void hostile_script(hostile_server *s, const hostile_step *steps) {
    unsigned i;
    if (s->script_count == HOSTILE_SCRIPTS) abort();
    for (i = 0; i < HOSTILE_STEPS; i++) {
        s->scripts[s->script_count][i] = steps[i];
        if (hostile_is_last(steps[i].op)) break;
    }
    s->script_count++;
}

/* After the scripts. A server that is never run refuses connections, on a port that is surely not somebody else's. */
HOSTILE_UNUSED static void hostile_run(hostile_server *s) {
    if (listen(s->listener, 128) != 0 || pthread_create(&s->acceptor, NULL, hostile_accept, s) != 0) abort();
}

/* Ends every connection and waits for it. What was received can be read until hostile_free. */
HOSTILE_UNUSED static void hostile_stop(hostile_server *s) {
    unsigned i;
    __atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
    if (s->acceptor) pthread_join(s->acceptor, NULL);
    for (i = 0; i < s->connections; i++) pthread_join(s->threads[i], NULL);
    close(s->listener);
    if (s->path[0]) unlink(s->path);
}

HOSTILE_UNUSED static void hostile_free(hostile_server *s) {
    pthread_mutex_destroy(&s->mutex);
    pthread_attr_destroy(&s->thread_shape);
    free(s->body);
    free(s);
}

#endif
