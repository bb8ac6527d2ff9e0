/* An event loop: an echo server and its clients in one thread, on real descriptors.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   A request lives through many callbacks, and between two of its callbacks run those of others. So its span is detached: it
   never becomes current by itself; each callback resumes it with TRACE_WITH_SPAN for as long as it runs, and the last one ends
   it. The client's context travels in the request's headers; a request without headers starts a trace of its own, whatever
   else the loop is doing.

       cc examples/event_loop.c -pthread -o event_loop && ./event_loop */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the loop ---- */

#define WATCHERS_MAX 32

typedef struct watcher {
    int descriptor;
    short events;                 /* POLLIN or POLLOUT */
    uint64_t deadline_ns;         /* UINT64_MAX: none */
    void (*ready)(struct watcher *self);
    void (*expired)(struct watcher *self);
} watcher;

static watcher *watchers[WATCHERS_MAX];
static size_t watcher_count;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void loop_add(watcher *self) {
    fcntl(self->descriptor, F_SETFL, fcntl(self->descriptor, F_GETFL) | O_NONBLOCK);
    watchers[watcher_count++] = self;
}

static void loop_remove(watcher *self) {
    size_t i = 0;
    while (watchers[i] != self) i++;
    memmove(watchers + i, watchers + i + 1, (--watcher_count - i) * sizeof *watchers);
    close(self->descriptor);
}

static int loop_timeout_ms(void) {
    uint64_t nearest = UINT64_MAX;
    for (size_t i = 0; i < watcher_count; i++)
        if (watchers[i]->deadline_ns < nearest) nearest = watchers[i]->deadline_ns;
    if (nearest == UINT64_MAX) return -1;
    const uint64_t now = now_ns();
    return nearest <= now ? 0 : (int)((nearest - now) / 1000000) + 1;
}

static void loop_run(void) {
    while (watcher_count) {
        struct pollfd polled[WATCHERS_MAX];
        watcher *self[WATCHERS_MAX];
        const size_t count = watcher_count;
        for (size_t i = 0; i < count; i++) {
            self[i] = watchers[i];
            polled[i] = (struct pollfd){self[i]->descriptor, self[i]->events, 0};
        }
        if (poll(polled, (nfds_t)count, loop_timeout_ms()) < 0 && errno != EINTR) return;
        for (size_t i = 0; i < count; i++) {          /* a callback removes nobody but itself */
            if (polled[i].revents) self[i]->ready(self[i]);
            else if (now_ns() >= self[i]->deadline_ns) self[i]->expired(self[i]);
        }
    }
}

/* ---- a message on its way through a descriptor, in as many pieces as the kernel likes ---- */

typedef struct message {
    char *bytes;
    size_t size, done, capacity;
} message;

static bool message_reserve(message *m, size_t capacity) {
    m->bytes = (char *)malloc(capacity);
    m->capacity = m->bytes ? capacity : 0;
    return m->bytes != NULL;
}

/* Both return what they moved, 0 when the other side is gone, -1 for "not now" or an error. */
static ssize_t message_send(message *m, int descriptor) {
    const ssize_t moved = write(descriptor, m->bytes + m->done, m->size - m->done);
    if (moved > 0) m->done += (size_t)moved;
    return moved;
}

static ssize_t message_receive(message *m, int descriptor) {
    const ssize_t moved = read(descriptor, m->bytes + m->size, m->capacity - m->size);
    if (moved > 0) m->size += (size_t)moved;
    return moved;
}

static bool not_now(ssize_t moved) {
    return moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* ---- the server: "ECHO <size>", headers, an empty line, the body; answers with the body ---- */

#define REQUEST_MAX (512u * 1024)
#define REQUEST_TIMEOUT_NS 50000000u

typedef struct request {
    watcher watch;                /* first: a watcher is its request */
    message m;
    size_t head_size;             /* 0 until the empty line came */
    size_t body_size;
    trace_span span;              /* once the head came */
} request;

static void request_finish(request *r, const char *error_type, const char *error) {
    if (r->head_size) {
        if (error) trace_span_record_error(r->span, error_type, error);
        trace_span_end(r->span);
    }
    loop_remove(&r->watch);
    free(r->m.bytes);
    free(r);
}

static void request_expired(watcher *self) {
    request_finish((request *)self, "Timeout", "the request did not come to its end in time");
}

static void request_write(watcher *self) {
    request *r = (request *)self;
    bool gone = false;
    TRACE_WITH_SPAN(r->span) {
        TRACE_SPAN("reply") {
            const ssize_t moved = message_send(&r->m, self->descriptor);
            trace_set("bytes", moved);
            gone = moved <= 0 && !not_now(moved);
        }
    }
    if (gone) request_finish(r, "ConnectionLost", "the client left before the whole reply was written");
    else if (r->m.done == r->m.size) request_finish(r, NULL, NULL);
}

/* The whole request is here, or will never be. */
static void request_received(request *r, ssize_t moved) {
    if (moved == 0 || (moved < 0 && !not_now(moved))) {
        request_finish(r, "ConnectionLost", "the client left before the whole request came");
    } else if (r->body_size > r->m.capacity - r->head_size) {
        request_finish(r, "TooLarge", "the request is larger than this server takes");
    } else if (r->m.size >= r->head_size + r->body_size) {
        r->m.done = r->head_size;
        r->m.size = r->head_size + r->body_size;
        r->watch.events = POLLOUT;
        r->watch.ready = request_write;
    }
}

static void request_read_body(watcher *self) {
    request *r = (request *)self;
    ssize_t moved = 0;
    TRACE_WITH_SPAN(r->span) {
        TRACE_SPAN("receive") {
            moved = message_receive(&r->m, self->descriptor);
            trace_set("bytes", moved);
        }
    }
    request_received(r, moved);
}

/* The head is complete: now it is known whose request this is. */
static void request_begin(request *r, size_t head_size) {
    const char *headers = (const char *)memchr(r->m.bytes, '\n', head_size) + 1;
    const size_t headers_size = head_size - (size_t)(headers - r->m.bytes);
    r->span = trace_span_start_with("ECHO", &(trace_span_options){
        .struct_size = sizeof(trace_span_options),
        .kind = TRACE_KIND_SERVER,
        .parent = trace_extract_raw(headers, headers_size),           /* nothing there: the explicit empty context, a new root */
        .detached = true,
    });
    r->head_size = head_size;
    r->body_size = (size_t)strtoul(r->m.bytes + 5, NULL, 10);
    r->watch.ready = request_read_body;
    trace_span_set(r->span, "body.size", r->body_size);
}

static void request_read_head(watcher *self) {
    request *r = (request *)self;
    const ssize_t moved = message_receive(&r->m, self->descriptor);
    for (size_t i = 5; i + 4 <= r->m.size && !r->head_size; i++)
        if (memcmp(r->m.bytes + i, "\r\n\r\n", 4) == 0) request_begin(r, i + 4);
    if (r->head_size) request_received(r, moved);
    else if (!not_now(moved) && (moved <= 0 || r->m.size == r->m.capacity)) request_finish(r, NULL, NULL);
}

static void server_accept(int descriptor) {
    request *r = (request *)calloc(1, sizeof *r);
    if (!r || !message_reserve(&r->m, REQUEST_MAX)) {
        free(r);
        close(descriptor);
        return;
    }
    r->watch = (watcher){descriptor, POLLIN, now_ns() + REQUEST_TIMEOUT_NS, request_read_head, request_expired};
    loop_add(&r->watch);
}

/* ---- clients ---- */

typedef enum client_kind {
    POLITE,
    UNTRACED,                     /* sends no headers and has no span */
    STALLING                      /* never sends the end of its body */
} client_kind;

typedef struct client {
    watcher watch;
    const char *name;
    message out, in;
    size_t body_size;
    trace_span span;
} client;

static void client_finish(client *c, const char *error) {
    printf("%-8s %7lu bytes  %s\n", c->name, (unsigned long)c->in.size, error ? error : "echoed");
    if (error) trace_span_record_error(c->span, "EchoFailed", error);
    trace_span_end(c->span);
    loop_remove(&c->watch);
    free(c->out.bytes);
    free(c->in.bytes);
    free(c);
}

static void client_read(watcher *self) {
    client *c = (client *)self;
    ssize_t moved = 0;
    TRACE_WITH_SPAN(c->span) moved = message_receive(&c->in, self->descriptor);
    if (moved > 0 || not_now(moved)) return;
    /* The end of the stream: the server closes when it is done. */
    const char *sent = c->out.bytes + c->out.size - c->body_size;
    if (c->in.size != c->body_size) client_finish(c, "the server closed the connection early");
    else client_finish(c, memcmp(c->in.bytes, sent, c->body_size) == 0 ? NULL : "the echo differs");
}

static void client_write(watcher *self) {
    client *c = (client *)self;
    ssize_t moved = 0;
    TRACE_WITH_SPAN(c->span) {
        moved = message_send(&c->out, self->descriptor);
        if (c->out.done == c->out.size && moved > 0) trace_event("request sent");
    }
    if (moved <= 0 && !not_now(moved)) {
        client_finish(c, "the server closed the connection early");
    } else if (c->out.done == c->out.size) {
        self->events = POLLIN;
        self->ready = client_read;
    }
}

static void client_start(const char *name, client_kind kind, size_t body_size) {
    int pair[2];
    const int small = 16384;      /* socket buffers, so that a large body needs many turns of the loop */
    client *c = (client *)calloc(1, sizeof *c);
    if (!c || !message_reserve(&c->out, body_size + 1024) || !message_reserve(&c->in, body_size + 1) ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        perror(name);
        exit(1);
    }
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    c->name = name;
    c->body_size = body_size;
    c->watch = (watcher){pair[0], POLLOUT, UINT64_MAX, client_write, NULL};

    c->out.size = (size_t)snprintf(c->out.bytes, c->out.capacity, "ECHO %lu\r\n", (unsigned long)body_size);
    c->span = trace_span_current();           /* there is none: a handle on which every call is a silent no-op */
    if (kind != UNTRACED) {
        c->span = trace_span_start_with("ECHO", &(trace_span_options){
            .struct_size = sizeof(trace_span_options), .kind = TRACE_KIND_CLIENT, .detached = true});
        trace_span_set(c->span, "client", name);
        c->out.size += trace_inject_raw(trace_span_context(c->span), c->out.bytes + c->out.size, c->out.capacity - c->out.size);
    }
    c->out.size += (size_t)snprintf(c->out.bytes + c->out.size, c->out.capacity - c->out.size, "\r\n");
    for (size_t i = 0; i < body_size; i++) c->out.bytes[c->out.size + i] = (char)('a' + i % 26);
    c->out.size += body_size;
    if (kind == STALLING) c->out.size -= body_size / 2;

    loop_add(&c->watch);
    server_accept(pair[1]);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    client_start("small", POLITE, 100);
    client_start("large", POLITE, 200000);
    client_start("untraced", UNTRACED, 3000);
    client_start("stalling", STALLING, 5000);
    loop_run();
    return 0;
}
