/* trace_zipkin.h - Zipkin exporter for trace.h, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Spans as Zipkin v2 JSON to POST /api/v2/spans.

   WHY ONE STILL WANTS IT. OpenTelemetry calls its Zipkin exporter deprecated and plans to take it out of its specification in
   December 2026: new programs should speak OTLP (trace_otlp.h). But a Zipkin server takes no OTLP, and many things that are no
   Zipkin listen on its port (Jaeger, the Collector, proxies, vendors' agents), so this header remains for those who have one
   running.

   DO THIS
       #define TRACE_IMPLEMENTATION
       #include "trace_zipkin.h"          (brings trace_http.h and trace.h along; all three stand in one folder)
   in one file, and start the program with OTEL_TRACES_EXPORTER=zipkin. In code instead:
       trace_zipkin_options o = {0};
       o.endpoint = "http://zipkin.example:9411/api/v2/spans";
       trace_config c = {0};
       c.exporters[0] = trace_zipkin_exporter(&o);
       trace_init(&c);
   or let the environment choose: .available = { TRACE_EXPORTER_ZIPKIN }.

   CONTENTS (search for the tag)      >>options  >>values  >>endpoints  >>spans  >>exporter

   HOW SPANS ARE TOLD TO ZIPKIN (OpenTelemetry specification, "SDK exporters: Zipkin")
       ids                     traceId (32 digits), id, parentId (none for roots), lower-case hexadecimal
       kind                    SERVER, CLIENT, PRODUCER, CONSUMER; none for internal spans
       start, end              timestamp and duration in whole microseconds, rounded down; 0 becomes 1, the least Zipkin takes
       service.name            localEndpoint.serviceName; service.namespace becomes a tag
       peer.service, server.address, network.peer.address and .port, ... of CLIENT and PRODUCER spans: remoteEndpoint
       attributes              tags: text as it is, numbers and booleans as JSON writes them, bytes as base64, arrays as JSON
                               text, null as empty text
       events                  annotations: the name alone, or "name": {"key":value,...} when there are attributes
       status                  tag otel.status_code (OK, ERROR); with ERROR tag error = the description
       scope                   tags otel.scope.name, otel.scope.version, and their older names otel.library.name, .version
       dropped counts          tags otel.dropped_attributes_count, ...events_count, ...links_count
       links, tracestate, other resource attributes (unless resource_tags is set): not exported
   A Zipkin server takes a body for its old format when it finds the bytes yAnnotations" in it: texts that end so are written with
   an escape.

   ENVIRONMENT, read when the exporter is made
       OTEL_EXPORTER_ZIPKIN_ENDPOINT (or ZIPKIN_ENDPOINT)      default http://localhost:9411/api/v2/spans
       OTEL_EXPORTER_ZIPKIN_TIMEOUT                            ms, default 10000
       OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_EXPORT_TIMEOUT

   THREADS. trace_zipkin_exporter may be called by any thread, any number of times (one destination each). */
#ifndef TRACE_ZIPKIN_H_INCLUDED_51D0A9
#define TRACE_ZIPKIN_H_INCLUDED_51D0A9
#define TRACE_ZIPKIN_H_VERSION 100
#define TRACEI_ZIPKIN_NEEDS_TRACE_H 100
#endif

#if !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_zipkin.h: another trace.h was found first; include this library's trace.h by its path before trace_zipkin.h"
#elif TRACE_H_VERSION < TRACEI_ZIPKIN_NEEDS_TRACE_H
#error "trace_zipkin.h: this trace.h is too old; take both files from one version"
#endif
#include "trace_http.h"

/* >>options ------------------------------------------------------------------------------------------------------- */

#ifndef TRACEI_ZIPKIN_PUBLIC
#define TRACEI_ZIPKIN_PUBLIC 1

#ifdef TRACE_CONFIG_NAMESPACE
#define trace_zipkin_exporter TRACEI_NAME(trace_zipkin_exporter)
#define tracei_zipkin_choice TRACEI_NAME(tracei_zipkin_choice)
#endif

#ifdef __clang__                  /* bool in gnu89, NULL in C++ */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc99-extensions"
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* Where and how. All zero is the default for every field; a field beats the environment. Start from zero. Strings are copied. */
typedef struct trace_zipkin_options {
    uint32_t reserved_first;                /* 0; catches a structure that was not zeroed */
    const char *name;                       /* in stats and logs, static storage; default "zipkin" */
    const char *endpoint;                   /* URL; one without a path gets /api/v2/spans */
    const trace_header *headers;            /* added to each request. Never logged */
    size_t header_count;
    bool gzip;                              /* needs TRACE_HTTP_ZLIB */
    bool resource_tags;                     /* every resource attribute becomes a tag of every span */
    const char *ca_file;                    /* PEM */
    const char *client_certificate_file;
    const char *client_key_file;
    const char *proxy, *no_proxy;           /* NULL: http(s)_proxy, all_proxy, no_proxy; "": none. Needs TRACE_HTTP_CURL */
    uint32_t timeout_ms;                    /* one export with its retries; default 10,000 */
    uint32_t schedule_delay_ms;             /* default 1,000; UINT32_MAX: full batches and flush only */
    uint32_t max_queue_bytes;               /* of encoded spans waiting; default 16 MiB */
    uint32_t max_queue_spans;               /* default 65,536 */
    uint32_t max_batch_bytes;               /* default 1 MiB */
    uint32_t max_batch_spans;               /* default 512 */
    uint32_t max_request_bytes;             /* default 64 MiB, before compression */
    bool allow_insecure_auth;               /* credentials over plain http to another host */
    bool disable_environment;               /* read no variable */
    bool disable_thread;                    /* send in trace_flush and trace_shutdown only */
    const trace_http_transport *transport;  /* instead of the built-in one; see trace_http.h */
    uint32_t reserved_last;                 /* 0 */
} trace_zipkin_options;

/* An exporter that sends to Zipkin. NULL options: the environment alone. When it cannot be made (a bad URL, no memory), that is
   logged and the result has no export_fn. Any thread. */
TRACE_APP trace_exporter trace_zipkin_exporter(const trace_zipkin_options *options);

/* What OTEL_TRACES_EXPORTER calls "zipkin". */
TRACE_APP trace_exporter tracei_zipkin_choice(void);
#define TRACE_EXPORTER_ZIPKIN { "zipkin", tracei_zipkin_choice }

#if TRACE_CONFIG_OFF
TRACE_APP trace_exporter trace_zipkin_exporter(const trace_zipkin_options *options) {
    trace_exporter none;
    (void)options;
    memset(&none, 0, sizeof none);
    return none;
}
TRACE_APP trace_exporter tracei_zipkin_choice(void) { return trace_zipkin_exporter(NULL); }
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif
#ifdef __clang__
#pragma GCC diagnostic pop
#endif
#endif /* TRACEI_ZIPKIN_PUBLIC */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_ZIPKIN_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_ZIPKIN_IMPLEMENTED 1

#define TRACEI_ZIPKIN_PUT(at, literal) (memcpy((at), literal, sizeof(literal) - 1), (at) + (sizeof(literal) - 1))

/* >>values -------------------------------------------------------------------------------------------------------- */

/* Zipkin knows texts only. A value that is JSON itself (an array, an event's attributes) is first written as JSON where its text
   belongs and then made into a JSON string in place: the text is moved up by what quoting will add and quoted down from there.
   Quoting at most doubles JSON (each quote and backslash gets one more), so such a value needs at most three times its size. */

static char *tracei_zipkin_text(char *at, const char *text, size_t size) {
    at = tracei_put_json(at, text, size);
    if (size >= 12 && memcmp(at - 12, "yAnnotations", 12) == 0) at = TRACEI_ZIPKIN_PUT(at - 1, "\\u0073");
    return at;
}

/* JSON text from `start` to `end` becomes the content of a JSON string. */
static char *tracei_zipkin_quote(char *start, char *end) {
    size_t size = (size_t)(end - start), quoted = tracei_json_size(start, size);
    if (quoted == size) return end;
    memmove(start + quoted, start, size);
    return tracei_put_json(start, start + quoted, size);
}

/* As the content of a tag. */
static char *tracei_zipkin_value(char *at, const trace_value *value) {
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        return tracei_zipkin_text(at, value->as.string.data, value->as.string.size);
    case TRACE_TYPE_BYTES:
        at = tracei_put_base64(at, (const uint8_t *)value->as.bytes.data, value->as.bytes.size);
        if (value->as.bytes.size >= 9 && memcmp(at - 12, "yAnnotations", 12) == 0) at = TRACEI_ZIPKIN_PUT(at - 1, "\\u0073");
        return at;
    case TRACE_TYPE_DOUBLE:
        return tracei_put_number(at, value->as.number);
    case TRACE_TYPE_ARRAY:
        return tracei_zipkin_quote(at, tracei_put_json_value(at, value, 0));
    case TRACE_TYPE_INT:
    case TRACE_TYPE_BOOL:
        return tracei_put_json_value(at, value, 0);
    default:
        return at;
    }
}

static size_t tracei_zipkin_text_size(trace_string text, bool exact) {
    return 8 + (exact ? tracei_json_size(text.data, text.size) : 6 * text.size);
}

static size_t tracei_zipkin_value_size(const trace_value *value, bool exact) {
    return tracei_json_value_size(value, exact, 0) * (value->type == TRACE_TYPE_ARRAY ? 3 : 1);
}

/* `"key":"value",` */
TRACE_INLINE char *tracei_zipkin_tag(char *at, const char *key, trace_string value) {
    *at++ = '"';
    at += tracei_copy_word(at, key);
    at = TRACEI_ZIPKIN_PUT(at, "\":\"");
    at = tracei_zipkin_text(at, value.data, value.size);
    return TRACEI_ZIPKIN_PUT(at, "\",");
}

static char *tracei_zipkin_count(char *at, const char *key, uint32_t count) {
    char digits[20];
    trace_string text;
    if (!count) return at;
    text.data = digits;
    text.size = (size_t)(tracei_put_u64(digits, count) - digits);
    return tracei_zipkin_tag(at, key, text);
}

static char *tracei_zipkin_attribute(char *at, const trace_attribute *attribute) {
    *at++ = '"';
    at = tracei_zipkin_text(at, attribute->key.data, attribute->key.size);
    at = TRACEI_ZIPKIN_PUT(at, "\":\"");
    at = tracei_zipkin_value(at, &attribute->value);
    return TRACEI_ZIPKIN_PUT(at, "\",");
}

static size_t tracei_zipkin_attribute_size(const trace_attribute *attribute, bool exact) {
    return 16 + tracei_zipkin_text_size(attribute->key, exact) + tracei_zipkin_value_size(&attribute->value, exact);
}

/* >>endpoints ----------------------------------------------------------------------------------------------------- */

static const trace_value *tracei_zipkin_find(const trace_span_data *span, const char *key) {
    for (size_t i = 0; i < span->attribute_count; i++)
        if (tracei_is(span->attributes[i].key, key)) return &span->attributes[i].value;
    return NULL;
}

/* Dotted, four numbers up to 255. */
static bool tracei_zipkin_is_ipv4(const char *text, size_t size) {
    unsigned dots = 0, number = 0, digits = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.') {
            if (!digits || ++dots > 3) return false;
            number = digits = 0;
        } else {
            if (text[i] < '0' || text[i] > '9' || ++digits > 3) return false;
            number = number * 10 + (unsigned)(text[i] - '0');
            if (number > 255) return false;
        }
    }
    return dots == 3 && digits;
}

/* Groups of up to four digits, at most one ::, the last two groups may be an IPv4 address. */
static bool tracei_zipkin_is_ipv6(const char *text, size_t size) {
    unsigned groups = 0, digits = 0;
    bool gap = false;
    size_t start = 0, i = 0;
    if (size < 2 || size > 45 || (text[0] == ':' && text[1] != ':')) return false;
    for (; i < size; i++) {
        char c = text[i];
        if (c == ':') {
            if (digits) groups++;
            if (i + 1 < size && text[i + 1] == ':') {
                if (gap) return false;
                gap = true;
                i++;
            } else if (!digits || i + 1 == size) {
                return false;
            }
            digits = 0;
            start = i + 1;
        } else if (c == '.') {
            if (!tracei_zipkin_is_ipv4(text + start, size - start)) return false;
            groups += 2;
            digits = 0;
            break;
        } else if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) || ++digits > 4) {
            return false;
        }
    }
    if (digits) groups++;
    return gap ? groups < 8 : groups == 8;
}

/* One way to tell who was called, in order of preference. */
typedef struct tracei_zipkin_peer {
    const char *key;
    const char *port;             /* the first is an address then, the second its port */
} tracei_zipkin_peer;

static char *tracei_zipkin_remote_address(char *at, const trace_span_data *span, const trace_string *address,
                                          const char *port_key) {
    const trace_value *port = tracei_zipkin_find(span, port_key);
    if (tracei_zipkin_is_ipv4(address->data, address->size)) at = TRACEI_ZIPKIN_PUT(at, ",\"remoteEndpoint\":{\"ipv4\":\"");
    else at = TRACEI_ZIPKIN_PUT(at, ",\"remoteEndpoint\":{\"ipv6\":\"");
    memcpy(at, address->data, address->size);
    at += address->size;
    *at++ = '"';
    if (port && port->type == TRACE_TYPE_INT && port->as.integer > 0 && port->as.integer < 65536) {
        at = TRACEI_ZIPKIN_PUT(at, ",\"port\":");
        at = tracei_put_i64(at, port->as.integer);
    }
    *at++ = '}';
    return at;
}

static char *tracei_zipkin_remote(char *at, const trace_span_data *span) {
    static const tracei_zipkin_peer peers[] = {
        {"peer.service", NULL}, {"server.address", NULL}, {"net.peer.name", NULL}, {"network.peer.address", "network.peer.port"},
        {"server.socket.domain", NULL}, {"server.socket.address", "server.socket.port"}, {"net.sock.peer.name", NULL},
        {"net.sock.peer.addr", "net.sock.peer.port"}, {"peer.hostname", NULL}, {"peer.address", NULL}, {"db.name", NULL}};
    if (span->kind != TRACE_KIND_CLIENT && span->kind != TRACE_KIND_PRODUCER) return at;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        const trace_value *value = tracei_zipkin_find(span, peers[i].key);
        if (!value || value->type != TRACE_TYPE_STRING || !value->as.string.size) continue;
        if (!peers[i].port) {
            at = TRACEI_ZIPKIN_PUT(at, ",\"remoteEndpoint\":{\"serviceName\":\"");
            at = tracei_zipkin_text(at, value->as.string.data, value->as.string.size);
            return TRACEI_ZIPKIN_PUT(at, "\"}");
        }
        if (tracei_zipkin_is_ipv4(value->as.string.data, value->as.string.size) ||
            tracei_zipkin_is_ipv6(value->as.string.data, value->as.string.size))
            return tracei_zipkin_remote_address(at, span, &value->as.string, peers[i].port);
    }
    return at;
}

/* >>spans --------------------------------------------------------------------------------------------------------- */

/* What all spans of a process have in common, encoded once for each batch. */
#define TRACEI_ZIPKIN_ORIGIN_BYTES 16384u
typedef struct tracei_zipkin_origin {
    size_t endpoint_size, tags_size;
    char endpoint[2048 * 6 + 64];       /* `"localEndpoint":{...}` */
    char tags[TRACEI_ZIPKIN_ORIGIN_BYTES];      /* `"key":"value",` ... */
} tracei_zipkin_origin;

static void tracei_zipkin_set_origin(tracei_zipkin_origin *origin, const trace_resource *resource, bool all) {
    trace_string service = {"unknown_service", 15};
    char *at = origin->tags;
    for (size_t i = 0; resource && i < resource->attribute_count; i++) {
        const trace_attribute *attribute = &resource->attributes[i];
        if (tracei_is(attribute->key, "service.name") && attribute->value.type == TRACE_TYPE_STRING &&
            attribute->value.as.string.size) {
            service = attribute->value.as.string;
        } else if ((all || tracei_is(attribute->key, "service.namespace")) && attribute->key.size < 1024 &&
                   tracei_zipkin_attribute_size(attribute, true) <= TRACEI_ZIPKIN_ORIGIN_BYTES - (size_t)(at - origin->tags)) {
            at = tracei_zipkin_attribute(at, attribute);
        }
    }
    origin->tags_size = (size_t)(at - origin->tags);
    at = TRACEI_ZIPKIN_PUT(origin->endpoint, "\"localEndpoint\":{\"serviceName\":\"");
    at = tracei_zipkin_text(at, service.data, tracei_utf8_cut(service.data, service.size, 2048));
    at = TRACEI_ZIPKIN_PUT(at, "\"}");
    origin->endpoint_size = (size_t)(at - origin->endpoint);
}

static size_t tracei_zipkin_event_size(const trace_event_data *event, bool exact) {
    size_t size = 32 + tracei_zipkin_text_size(event->name, exact);
    for (size_t i = 0; i < event->attribute_count; i++)
        size += 8 + tracei_zipkin_text_size(event->attributes[i].key, exact) +
                tracei_json_value_size(&event->attributes[i].value, exact, 0);
    return 64 + 3 * size;
}

static size_t tracei_zipkin_bound(const trace_span_data *span, const tracei_zipkin_origin *origin, bool exact) {
    const trace_scope *scope = span->scope;
    size_t size = 768 + origin->endpoint_size + origin->tags_size + tracei_zipkin_text_size(span->name, exact) +
                  tracei_zipkin_text_size(span->status_message, exact);
    if (scope)
        size += 2 * (tracei_zipkin_text_size(tracei_http_string_of(scope->name), exact) +
                     tracei_zipkin_text_size(tracei_http_string_of(scope->version), exact));
    for (size_t i = 0; i < span->attribute_count; i++) {
        size_t one = tracei_zipkin_attribute_size(&span->attributes[i], exact);
        size += tracei_is(span->attributes[i].key, "peer.service") || span->kind == TRACE_KIND_CLIENT ||
                        span->kind == TRACE_KIND_PRODUCER
                    ? 2 * one
                    : one;
    }
    for (size_t i = 0; i < span->event_count; i++) size += tracei_zipkin_event_size(&span->events[i], exact);
    return size;
}

/* An upper bound, close when it is large. */
static size_t tracei_zipkin_span_size(const trace_span_data *span, const tracei_zipkin_origin *origin) {
    size_t size = tracei_zipkin_bound(span, origin, false);
    return size <= 65536 ? size : tracei_zipkin_bound(span, origin, true);
}

/* Tags of ours take the place of attributes of that name. */
static bool tracei_zipkin_is_ours(const trace_attribute *attribute, const trace_span_data *span) {
    static const char *const scope_keys[] = {"otel.scope.name", "otel.scope.version", "otel.library.name",
                                             "otel.library.version"};
    const trace_value *value = &attribute->value;
    if (tracei_is(attribute->key, "error")) {
        if (span->status == TRACE_STATUS_ERROR) return true;
        return (value->type == TRACE_TYPE_BOOL && !value->as.boolean) ||
               (value->type == TRACE_TYPE_STRING && tracei_is(value->as.string, "false"));
    }
    if (attribute->key.size < 5 || memcmp(attribute->key.data, "otel.", 5) != 0) return false;
    if (span->status != TRACE_STATUS_UNSET && tracei_is(attribute->key, "otel.status_code")) return true;
    for (size_t i = 0; i < 4 && span->scope; i++) {
        const char *ours = i & 1 ? span->scope->version : span->scope->name;
        if (ours && *ours && tracei_is(attribute->key, scope_keys[i])) return true;
    }
    return (span->dropped_attribute_count && tracei_is(attribute->key, "otel.dropped_attributes_count")) ||
           (span->dropped_event_count && tracei_is(attribute->key, "otel.dropped_events_count")) ||
           (span->dropped_link_count && tracei_is(attribute->key, "otel.dropped_links_count"));
}

static char *tracei_zipkin_scope_tags(char *at, const trace_scope *scope) {
    trace_string name = tracei_http_string_of(scope->name), version = tracei_http_string_of(scope->version);
    if (name.size) {
        at = tracei_zipkin_tag(at, "otel.scope.name", name);
        at = tracei_zipkin_tag(at, "otel.library.name", name);
    }
    if (version.size) {
        at = tracei_zipkin_tag(at, "otel.scope.version", version);
        at = tracei_zipkin_tag(at, "otel.library.version", version);
    }
    return at;
}

static char *tracei_zipkin_tags(char *at, const trace_span_data *span, const tracei_zipkin_origin *origin) {
    char *start = TRACEI_ZIPKIN_PUT(at, ",\"tags\":{"), *first = start;
    memcpy(start, origin->tags, origin->tags_size);
    start += origin->tags_size;
    for (size_t i = 0; i < span->attribute_count; i++)
        if (!tracei_zipkin_is_ours(&span->attributes[i], span)) start = tracei_zipkin_attribute(start, &span->attributes[i]);
    if (span->scope) start = tracei_zipkin_scope_tags(start, span->scope);
    if (span->status == TRACE_STATUS_OK) start = TRACEI_ZIPKIN_PUT(start, "\"otel.status_code\":\"OK\",");
    if (span->status == TRACE_STATUS_ERROR) {
        start = TRACEI_ZIPKIN_PUT(start, "\"otel.status_code\":\"ERROR\",");
        start = tracei_zipkin_tag(start, "error", span->status_message);
    }
    start = tracei_zipkin_count(start, "otel.dropped_attributes_count", span->dropped_attribute_count);
    start = tracei_zipkin_count(start, "otel.dropped_events_count", span->dropped_event_count);
    start = tracei_zipkin_count(start, "otel.dropped_links_count", span->dropped_link_count);
    if (start == first) return at;
    start[-1] = '}';
    return start;
}

static char *tracei_zipkin_event(char *at, const trace_event_data *event) {
    char *start;
    at = TRACEI_ZIPKIN_PUT(at, "{\"timestamp\":");
    at = tracei_put_u64(at, event->unix_ns / 1000);
    at = TRACEI_ZIPKIN_PUT(at, ",\"value\":\"");
    if (event->attribute_count) {
        start = at;
        at = tracei_put_json_quoted(at, event->name.data, event->name.size);
        at = TRACEI_ZIPKIN_PUT(at, ": {");
        for (size_t i = 0; i < event->attribute_count; i++) {
            if (i) *at++ = ',';
            at = tracei_put_json_quoted(at, event->attributes[i].key.data, event->attributes[i].key.size);
            *at++ = ':';
            at = tracei_put_json_value(at, &event->attributes[i].value, 0);
        }
        *at++ = '}';
        at = tracei_zipkin_quote(start, at);
    } else {
        at = tracei_zipkin_text(at, event->name.data, event->name.size);
    }
    return TRACEI_ZIPKIN_PUT(at, "\"},");
}

/* One span as a JSON object. */
static char *tracei_zipkin_span(char *at, const trace_span_data *span, const tracei_zipkin_origin *origin) {
    static const char *const kinds[] = {
        "", "", ",\"kind\":\"SERVER\"", ",\"kind\":\"CLIENT\"", ",\"kind\":\"PRODUCER\"", ",\"kind\":\"CONSUMER\""};
    static const uint8_t none[8] = {0};
    uint64_t start_us = span->start_unix_ns / 1000;
    uint64_t duration_us = span->end_unix_ns > span->start_unix_ns ? (span->end_unix_ns - span->start_unix_ns) / 1000 : 0;
    at = TRACEI_ZIPKIN_PUT(at, "{\"traceId\":\"");
    at = tracei_put_hex(at, span->trace_id, 16);
    at = TRACEI_ZIPKIN_PUT(at, "\",\"id\":\"");
    at = tracei_put_hex(at, span->span_id, 8);
    if (memcmp(span->parent_span_id, none, 8) != 0) {
        at = TRACEI_ZIPKIN_PUT(at, "\",\"parentId\":\"");
        at = tracei_put_hex(at, span->parent_span_id, 8);
    }
    *at++ = '"';
    if ((unsigned)span->kind < 6) at += tracei_copy_word(at, kinds[span->kind]);
    if (span->name.size) {
        at = TRACEI_ZIPKIN_PUT(at, ",\"name\":\"");
        at = tracei_zipkin_text(at, span->name.data, span->name.size);
        *at++ = '"';
    }
    if (start_us) {
        at = TRACEI_ZIPKIN_PUT(at, ",\"timestamp\":");
        at = tracei_put_u64(at, start_us);
    }
    at = TRACEI_ZIPKIN_PUT(at, ",\"duration\":");
    at = tracei_put_u64(at, duration_us ? duration_us : 1);
    *at++ = ',';
    memcpy(at, origin->endpoint, origin->endpoint_size);
    at = tracei_zipkin_remote(at + origin->endpoint_size, span);
    if (span->event_count) {
        at = TRACEI_ZIPKIN_PUT(at, ",\"annotations\":[");
        for (size_t i = 0; i < span->event_count; i++) at = tracei_zipkin_event(at, &span->events[i]);
        at[-1] = ']';
    }
    at = tracei_zipkin_tags(at, span, origin);
    *at++ = '}';
    return at;
}

/* >>exporter ------------------------------------------------------------------------------------------------------ */

typedef struct tracei_zipkin {
    bool resource_tags;
    tracei_zipkin_origin origin;
} tracei_zipkin;

static trace_result tracei_zipkin_export(void *sender, const trace_batch *batch) {
    tracei_zipkin *self = (tracei_zipkin *)tracei_sender_user(sender);
    tracei_zipkin_set_origin(&self->origin, batch->resource, self->resource_tags);
    for (size_t i = 0; i < batch->span_count; i++) {
        const trace_span_data *span = &batch->spans[i];
        char *at = (char *)tracei_sender_reserve((tracei_sender *)sender, tracei_zipkin_span_size(span, &self->origin));
        if (at) tracei_sender_commit((tracei_sender *)sender, (size_t)(tracei_zipkin_span(at, span, &self->origin) - at), 0);
    }
    return TRACE_RESULT_OK;
}

static bool tracei_zipkin_assemble(void *user, const tracei_item *items, size_t count, tracei_body *body) {
    size_t size = 2 + count;
    uint8_t *at;
    (void)user;
    for (size_t i = 0; i < count; i++) size += items[i].size;
    at = tracei_body_room(body, size);
    if (!at) return false;
    for (size_t i = 0; i < count; i++) {
        *at++ = i ? ',' : '[';
        memcpy(at, items[i].data, items[i].size);
        at += items[i].size;
    }
    *at++ = ']';
    body->size = (size_t)(at - body->data);
    return true;
}

/* A server that says no says why in plain text. */
static void tracei_zipkin_response(void *user, const trace_http_response *response, size_t count, tracei_verdict *verdict) {
    (void)user;
    (void)count;
    if (verdict->answer != TRACEI_ANSWER_OK) tracei_verdict_quote(verdict, response);
}

static bool tracei_zipkin_make_url(const trace_zipkin_options *options, tracei_http_options *http, char *out, size_t capacity) {
    http->url_given = options->endpoint && *options->endpoint ? options->endpoint : NULL;
    if (!http->url_given && !options->disable_environment)
        http->url_given = tracei_environment_any("OTEL_EXPORTER_ZIPKIN_ENDPOINT", &http->url_from);
    if (!http->url_given) http->url_given = "http://localhost:9411";
    return tracei_http_endpoint(http, "api/v2/spans", NULL, out, capacity);
}

static void tracei_zipkin_fill_http(const trace_zipkin_options *o, tracei_zipkin *self, tracei_http_options *http) {
    TRACEI_HTTP_TAKE(http, o);
    http->owner = o->name ? o->name : "zipkin";
    http->content_type = "application/json";
    http->user_agent = "trace.h-zipkin/" TRACE_H_VERSION_STRING;
    http->gzip = o->gzip;
    http->assemble_fn = tracei_zipkin_assemble;
    http->response_fn = tracei_zipkin_response;
    http->user = self;
    tracei_http_read_numbers(http, "OTEL_EXPORTER_ZIPKIN_TIMEOUT", NULL);
}

static tracei_sender *tracei_zipkin_open(const trace_zipkin_options *options, tracei_zipkin *self) {
    char url[2048];
    tracei_http_options http;
    tracei_zipkin_fill_http(options, self, &http);
    if (!tracei_zipkin_make_url(options, &http, url, sizeof url)) return NULL;
    http.url = url;
    http.headers = options->headers;
    http.header_count = options->header_count;
    return tracei_sender_open(&http);
}

static trace_exporter tracei_zipkin_make(const trace_zipkin_options *options) {
    tracei_zipkin *const self = (tracei_zipkin *)tracei_alloc(sizeof(tracei_zipkin));
    tracei_sender *sender = NULL;
    trace_zipkin_options copy;
    memset(&copy, 0, sizeof copy);
    if (options) copy = *options;
    if (self) {
        self->resource_tags = copy.resource_tags;
        sender = tracei_zipkin_open(&copy, self);
        if (!sender) tracei_free(self, sizeof *self);
    }
    return tracei_sender_exporter(copy.name ? copy.name : "zipkin", sender, tracei_zipkin_export);
}

TRACE_APP trace_exporter trace_zipkin_exporter(const trace_zipkin_options *options) {
    if (options && (options->reserved_first || options->reserved_last)) return tracei_http_not_zeroed("zipkin");
    if (!options || !options->disable_environment) tracei_environment_snapshot();
    return tracei_zipkin_make(options);
}

TRACE_APP trace_exporter tracei_zipkin_choice(void) {
    static tracei_kept kept;
    return tracei_kept_good(&kept) ? kept.exporter : tracei_keep(&kept, tracei_zipkin_make(NULL));
}

#if TRACEI_GNU && !TRACE_CONFIG_SINGLE_THREADED
/* Beside the implementation, OTEL_TRACES_EXPORTER=zipkin works without a call. */
__attribute__((constructor)) static void tracei_zipkin_register(void) {
    static const trace_exporter_choice zipkin = TRACE_EXPORTER_ZIPKIN;
    tracei_register_exporter(zipkin);
}
#endif

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_ZIPKIN_PUT
#undef TRACEI_ZIPKIN_ORIGIN_BYTES
#endif
#endif /* TRACE_IMPLEMENTATION */

/*
   trace.h is available under either of two licences; choose the one you prefer.

   SPDX-License-Identifier: MIT OR Unlicense

   ------------------------------------------------------------------------------
   ALTERNATIVE A - MIT License

   Copyright (c) 2026 trace.h contributors

   Permission is hereby granted, free of charge, to any person obtaining a copy of
   this software and associated documentation files (the "Software"), to deal in
   the Software without restriction, including without limitation the rights to
   use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies
   of the Software, and to permit persons to whom the Software is furnished to do
   so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all
   copies or substantial portions of the Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
   IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
   FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
   AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
   LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
   OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
   SOFTWARE.

   ------------------------------------------------------------------------------
   ALTERNATIVE B - Public Domain (www.unlicense.org)

   This is free and unencumbered software released into the public domain.

   Anyone is free to copy, modify, publish, use, compile, sell, or distribute this
   software, either in source code form or as a compiled binary, for any purpose,
   commercial or non-commercial, and by any means.

   In jurisdictions that recognize copyright laws, the author or authors of this
   software dedicate any and all copyright interest in the software to the public
   domain. We make this dedication for the benefit of the public at large and to
   the detriment of our heirs and successors. We intend this dedication to be an
   overt act of relinquishment in perpetuity of all present and future rights to
   this software under copyright law.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
   IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
   FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
   AUTHORS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN
   ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
   WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
