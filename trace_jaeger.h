/* trace_jaeger.h - Jaeger Thrift exporter for trace.h, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Spans as Jaeger's own Thrift: over HTTP to a collector (:14268/api/traces), over UDP to an agent (:6831, :6832).

   WHY ONE STILL WANTS IT. The Jaeger project has replaced this protocol by OTLP, and OpenTelemetry took its exporter out of its
   specification: new programs should speak OTLP (trace_otlp.h), which every Jaeger since 1.35 takes. This header remains for what
   is deployed: collectors and agents older than that, networks in which only 14268 or 6831 is open, and hosts with an agent
   beside each program, where one UDP packet without connection is all that tracing may cost.

   DO THIS
       #define TRACE_IMPLEMENTATION
       #include "trace_jaeger.h"          (brings trace_http.h and trace.h along; all three stand in one folder)
   in one file, and start the program with OTEL_TRACES_EXPORTER=jaeger and, for an agent, OTEL_EXPORTER_JAEGER_AGENT_HOST.
   In code:
       trace_jaeger_options o = {0};
       o.endpoint = "http://jaeger.example:14268/api/traces";      or o.agent_host = "localhost";
       trace_config c = {0};
       c.exporters[0] = trace_jaeger_exporter(&o);
       trace_init(&c);
   or let the environment choose: .available = { TRACE_EXPORTER_JAEGER }.

   CONTENTS (search for the tag)      >>options  >>thrift  >>spans  >>process  >>agent  >>exporter

   HOW SPANS ARE TOLD TO JAEGER (OpenTelemetry specification before 1.32, "SDK exporters: Jaeger")
       service.name            Process.serviceName; other resource attributes are its tags
       ids                     traceIdHigh, traceIdLow, spanId, parentSpanId (0: root): the big-endian bytes as signed numbers
       kind                    tag span.kind = server, client, producer, consumer; none for internal spans
       start, end              startTime and duration in whole microseconds, rounded down
       attributes              tags by type: text, double, bool, long, binary; arrays as JSON text, null as empty text
       events                  logs: fields `event` (the name; an attribute of that name wins) and the attributes
       links                   references FOLLOWS_FROM; their attributes have no place
       status                  tags otel.status_code (OK, ERROR), otel.status_description; with ERROR also error = true
       scope                   tags otel.scope.name, otel.scope.version, and their older names otel.library.name, .version
       dropped counts          tags otel.dropped_attributes_count, ...events_count, ...links_count
       tracestate              not exported

   UDP. Packets hold as many spans as fit in max_packet_bytes, which is what agents take. A span that would not fit alone has its
   texts cut, then its events and links, then its attributes left out, which the dropped counts tell; one line a minute says so.
   Nothing answers a packet: `sent` means handed to the network. When the system learns that nothing listens there, or has no
   room, the packet is tried again until timeout_ms, then its spans are failed[UNREACHABLE].

   ENVIRONMENT, read when the exporter is made
       OTEL_EXPORTER_JAEGER_PROTOCOL       http/thrift.binary, udp/thrift.compact, udp/thrift.binary. Unset: HTTP when there is an
                                           endpoint, UDP when there is an agent, else HTTP
       OTEL_EXPORTER_JAEGER_ENDPOINT (or JAEGER_ENDPOINT)      default http://localhost:14268/api/traces
       OTEL_EXPORTER_JAEGER_USER, OTEL_EXPORTER_JAEGER_PASSWORD        HTTP basic authentication
       OTEL_EXPORTER_JAEGER_AGENT_HOST, OTEL_EXPORTER_JAEGER_AGENT_PORT        default localhost, 6831 (compact) or 6832 (binary)
       OTEL_EXPORTER_JAEGER_TIMEOUT        ms, default 10000
       OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE

   THREADS. trace_jaeger_exporter may be called by any thread, any number of times (one destination each). */
#ifndef TRACE_JAEGER_H_INCLUDED_3E84B2
#define TRACE_JAEGER_H_INCLUDED_3E84B2
#define TRACE_JAEGER_H_VERSION 100
#define TRACEI_JAEGER_NEEDS_TRACE_H 100
#endif

#if !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_jaeger.h: another trace.h was found first; include this library's trace.h by its path before trace_jaeger.h"
#elif TRACE_H_VERSION < TRACEI_JAEGER_NEEDS_TRACE_H
#error "trace_jaeger.h: this trace.h is too old; take both files from one version"
#endif
#include "trace_http.h"

/* >>options ------------------------------------------------------------------------------------------------------- */

#ifndef TRACEI_JAEGER_PUBLIC
#define TRACEI_JAEGER_PUBLIC 1

#ifdef TRACE_CONFIG_NAMESPACE
#define trace_jaeger_exporter TRACEI_NAME(trace_jaeger_exporter)
#define tracei_jaeger_choice TRACEI_NAME(tracei_jaeger_choice)
#endif

#ifdef __clang__                  /* bool in gnu89, NULL in C++ */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc99-extensions"
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif
#ifdef __cplusplus
extern "C" {
#endif

typedef enum trace_jaeger_protocol {
    TRACE_JAEGER_PROTOCOL_DEFAULT = 0,      /* HTTP when endpoint is set, UDP when agent_host or _port; else by environment */
    TRACE_JAEGER_PROTOCOL_HTTP,             /* http/thrift.binary */
    TRACE_JAEGER_PROTOCOL_UDP_COMPACT,      /* udp/thrift.compact */
    TRACE_JAEGER_PROTOCOL_UDP_BINARY        /* udp/thrift.binary */
} trace_jaeger_protocol;

/* Where and how. All zero is the default for every field; a field beats the environment. Start from zero. Strings are copied. */
typedef struct trace_jaeger_options {
    uint32_t reserved_first;                /* 0; catches a structure that was not zeroed */
    const char *name;                       /* in stats and logs, static storage; default "jaeger" */
    trace_jaeger_protocol protocol;
    const char *endpoint;                   /* HTTP: URL; one without a path gets /api/traces */
    const char *user, *password;            /* HTTP: basic authentication. Never logged */
    const trace_header *headers;            /* HTTP: added to each request. Never logged */
    size_t header_count;
    const char *ca_file;                    /* PEM */
    const char *client_certificate_file;
    const char *client_key_file;
    const char *proxy, *no_proxy;           /* NULL: http(s)_proxy, all_proxy, no_proxy; "": none. Needs TRACE_HTTP_CURL */
    bool allow_insecure_auth;               /* credentials over plain http to another host */
    const char *agent_host;                 /* UDP: name or address; default localhost */
    uint16_t agent_port;                    /* UDP: default 6831, binary 6832 */
    uint32_t max_packet_bytes;              /* UDP: 1,024 to 65,507; default 65,000 (Apple: 9,000, the system's own limit) */
    uint32_t timeout_ms;                    /* one export with its retries; default 10,000 */
    uint32_t schedule_delay_ms;             /* default 1,000; UINT32_MAX: full batches and flush only */
    uint32_t max_queue_bytes;               /* of encoded spans waiting; default 16 MiB */
    uint32_t max_queue_spans;               /* default 65,536 */
    uint32_t max_batch_bytes;               /* HTTP: default 1 MiB */
    uint32_t max_batch_spans;               /* default 512 */
    uint32_t max_request_bytes;             /* HTTP: default 64 MiB */
    bool disable_environment;               /* read no variable */
    bool disable_thread;                    /* send in trace_flush and trace_shutdown only */
    const trace_http_transport *transport;  /* HTTP: instead of the built-in one; see trace_http.h */
    uint32_t reserved_last;                 /* 0 */
} trace_jaeger_options;

/* An exporter that sends to Jaeger. NULL options: the environment alone. When it cannot be made (a bad URL, no memory), that is
   logged and the result has no export_fn. Any thread. */
TRACE_APP trace_exporter trace_jaeger_exporter(const trace_jaeger_options *options);

/* What OTEL_TRACES_EXPORTER calls "jaeger". */
TRACE_APP trace_exporter tracei_jaeger_choice(void);
#define TRACE_EXPORTER_JAEGER { "jaeger", tracei_jaeger_choice }

#if TRACE_CONFIG_OFF
TRACE_APP trace_exporter trace_jaeger_exporter(const trace_jaeger_options *options) {
    trace_exporter none;
    (void)options;
    memset(&none, 0, sizeof none);
    return none;
}
TRACE_APP trace_exporter tracei_jaeger_choice(void) { return trace_jaeger_exporter(NULL); }
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif
#ifdef __clang__
#pragma GCC diagnostic pop
#endif
#endif /* TRACEI_JAEGER_PUBLIC */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_JAEGER_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_JAEGER_IMPLEMENTED 1

/* >>thrift --------------------------------------------------------------------------------------------------------

   Both of Thrift's encodings by one writer. A structure is its fields in the order of their ids and a stop; a list is its length
   and its elements. Binary: a type byte and a 16-bit id before each field, big-endian numbers of full width. Compact: the
   distance from the id before in the upper half of the type byte (ours never exceeds 15), numbers as zigzag varints, doubles
   little-endian, booleans as one of two types. Nothing has a length in front that is known only afterwards, but for texts whose
   invalid bytes are replaced and for JSON: those are written five bytes ahead and moved back. */

typedef enum tracei_thrift_type { /* binary's numbers */
    TRACEI_THRIFT_BOOL = 2,
    TRACEI_THRIFT_DOUBLE = 4,
    TRACEI_THRIFT_I32 = 8,
    TRACEI_THRIFT_I64 = 10,
    TRACEI_THRIFT_STRING = 11,
    TRACEI_THRIFT_STRUCT = 12,
    TRACEI_THRIFT_LIST = 15
} tracei_thrift_type;

typedef struct tracei_thrift {
    char *at;
    bool compact;
    unsigned field;               /* the id before, in the structure that is being written */
} tracei_thrift;

static unsigned tracei_thrift_compact_type(tracei_thrift_type type) {
    static const uint8_t types[16] = {0, 0, 1, 0, 7, 0, 0, 0, 5, 0, 6, 8, 12, 0, 0, 9};
    return types[type];
}

static void tracei_thrift_byte(tracei_thrift *out, unsigned byte) { *out->at++ = (char)(uint8_t)byte; }

/* A store through a char pointer may be one to `out` itself: pointers of their own keep `at` in a register. */
static void tracei_thrift_varint(tracei_thrift *out, uint64_t value) {
    char *at = out->at;
    for (; value >= 0x80; value >>= 7) *at++ = (char)(uint8_t)(value | 0x80);
    *at++ = (char)(uint8_t)value;
    out->at = at;
}

/* The last 2, 4 or 8 bytes. */
static void tracei_thrift_big_endian(tracei_thrift *out, uint64_t value, unsigned bytes) {
    uint8_t all[8];
    tracei_id_bytes(all, value);
    memcpy(out->at, all + 8 - bytes, bytes);
    out->at += bytes;
}

static void tracei_thrift_field(tracei_thrift *out, unsigned id, tracei_thrift_type type) {
    if (out->compact) {
        tracei_thrift_byte(out, (id - out->field) << 4 | tracei_thrift_compact_type(type));
    } else {
        tracei_thrift_byte(out, type);
        tracei_thrift_big_endian(out, id, 2);
    }
    out->field = id;
}

static void tracei_thrift_stop(tracei_thrift *out) { tracei_thrift_byte(out, 0); }

static void tracei_thrift_zigzag(tracei_thrift *out, int64_t value) {
    tracei_thrift_varint(out, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static void tracei_thrift_i32(tracei_thrift *out, unsigned id, int32_t value) {
    tracei_thrift_field(out, id, TRACEI_THRIFT_I32);
    if (out->compact) tracei_thrift_zigzag(out, value);
    else tracei_thrift_big_endian(out, (uint32_t)value, 4);
}

static void tracei_thrift_i64(tracei_thrift *out, unsigned id, int64_t value) {
    tracei_thrift_field(out, id, TRACEI_THRIFT_I64);
    if (out->compact) tracei_thrift_zigzag(out, value);
    else tracei_thrift_big_endian(out, (uint64_t)value, 8);
}

static void tracei_thrift_bool(tracei_thrift *out, unsigned id, bool value) {
    tracei_thrift_field(out, id, TRACEI_THRIFT_BOOL);
    if (!out->compact) tracei_thrift_byte(out, value);
    else if (!value) out->at[-1]++;         /* the type of false is one above that of true */
}

static void tracei_thrift_double(tracei_thrift *out, unsigned id, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    tracei_thrift_field(out, id, TRACEI_THRIFT_DOUBLE);
    if (!out->compact) tracei_thrift_big_endian(out, bits, 8);
    for (unsigned i = 0; i < 8 && out->compact; i++) tracei_thrift_byte(out, (unsigned)(bits >> (8 * i)) & 0xff);
}

static void tracei_thrift_size(tracei_thrift *out, size_t size) {
    if (out->compact) tracei_thrift_varint(out, size);
    else tracei_thrift_big_endian(out, size, 4);
}

static void tracei_thrift_bytes(tracei_thrift *out, unsigned id, const char *bytes, size_t size) {
    tracei_thrift_field(out, id, TRACEI_THRIFT_STRING);
    tracei_thrift_size(out, size);
    if (size) memcpy(out->at, bytes, size);
    out->at += size;
}

enum { TRACEI_THRIFT_AHEAD = 5 }; /* the longest length */

/* What was written AHEAD bytes after out->at, up to `end`, becomes the content of the field. */
static void tracei_thrift_move_back(tracei_thrift *out, const char *end) {
    const char *const from = out->at + TRACEI_THRIFT_AHEAD;
    const size_t size = (size_t)(end - from);
    tracei_thrift_size(out, size);
    memmove(out->at, from, size);
    out->at += size;
}

/* Thrift itself takes any bytes, but what reads these (Go, Java, protobuf) does not. */
static void tracei_thrift_text(tracei_thrift *out, unsigned id, trace_string text, size_t limit) {
    if (text.size > limit) text.size = tracei_utf8_cut(text.data, text.size, limit);
    if (!text.size || tracei_utf8_valid(text.data, text.size) == text.size) {
        tracei_thrift_bytes(out, id, text.data, text.size);
        return;
    }
    tracei_thrift_field(out, id, TRACEI_THRIFT_STRING);
    tracei_thrift_move_back(out, tracei_put_utf8(out->at + TRACEI_THRIFT_AHEAD, text.data, text.size));
}

static void tracei_thrift_list(tracei_thrift *out, unsigned id, size_t count) { /* of structures */
    tracei_thrift_field(out, id, TRACEI_THRIFT_LIST);
    if (!out->compact) {
        tracei_thrift_byte(out, TRACEI_THRIFT_STRUCT);
        tracei_thrift_big_endian(out, count, 4);
    } else if (count < 15) {
        tracei_thrift_byte(out, (unsigned)count << 4 | 12);
    } else {
        tracei_thrift_byte(out, 0xfc);
        tracei_thrift_varint(out, count);
    }
}

/* >>spans ---------------------------------------------------------------------------------------------------------

   Structures and field ids of jaeger.thrift. Sizes are upper bounds, close when they are large: what does not fit a packet by its
   bound is cut in steps until it does. */

enum { TRACEI_JAEGER_STRING, TRACEI_JAEGER_DOUBLE, TRACEI_JAEGER_BOOL, TRACEI_JAEGER_LONG, TRACEI_JAEGER_BINARY };

/* How much of a span is told. */
typedef struct tracei_jaeger_cut {
    size_t text;                  /* bytes of each text; arrays above it are left out */
    bool no_lists;                /* no events, no links */
    bool no_attributes;
} tracei_jaeger_cut;

/* A scope's tags are most of a small span's. They are the same in all its spans: kept as written, for one export call. */
typedef struct tracei_jaeger_encoder {
    bool compact;
    const trace_scope *scope;     /* whose tags are kept; NULL: nobody's */
    size_t scope_limit;           /* of their texts, as tracei_jaeger_cut.text */
    size_t scope_size;
    char scope_tags[512];
} tracei_jaeger_encoder;

static size_t tracei_jaeger_text_size(trace_string text, size_t limit) {
    size_t size = text.size < limit ? text.size : limit;
    return 12 + (size > 512 && tracei_utf8_valid(text.data, text.size) == text.size ? size : 3 * size);
}

static size_t tracei_jaeger_array_size(const trace_value *value) {
    const size_t size = tracei_json_value_size(value, false, 0);
    return 12 + (size > 4096 ? tracei_json_value_size(value, true, 0) : size);
}

static size_t tracei_jaeger_tag_size(const trace_attribute *attribute, size_t limit) {
    const trace_value *const value = &attribute->value;
    size_t size = 16 + tracei_jaeger_text_size(attribute->key, limit);
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        return size + tracei_jaeger_text_size(value->as.string, limit);
    case TRACE_TYPE_BYTES:
        return size + 12 + (value->as.bytes.size < limit ? value->as.bytes.size : limit);
    case TRACE_TYPE_ARRAY:
        return size + tracei_jaeger_array_size(value);
    default:
        return size + 14;
    }
}

static void tracei_jaeger_tag(tracei_thrift *out, trace_string key, const trace_value *value, size_t limit) {
    static const uint8_t types[] = {TRACEI_JAEGER_STRING, TRACEI_JAEGER_STRING, TRACEI_JAEGER_LONG, TRACEI_JAEGER_DOUBLE,
                                    TRACEI_JAEGER_BOOL, TRACEI_JAEGER_BINARY, TRACEI_JAEGER_STRING, TRACEI_JAEGER_STRING};
    const unsigned outer = out->field;
    out->field = 0;
    tracei_thrift_text(out, 1, key, limit);
    tracei_thrift_i32(out, 2, (unsigned)value->type < sizeof types ? types[value->type] : (int32_t)TRACEI_JAEGER_STRING);
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        tracei_thrift_text(out, 3, value->as.string, limit);
        break;
    case TRACE_TYPE_DOUBLE:
        tracei_thrift_double(out, 4, value->as.number);
        break;
    case TRACE_TYPE_BOOL:
        tracei_thrift_bool(out, 5, value->as.boolean);
        break;
    case TRACE_TYPE_INT:
        tracei_thrift_i64(out, 6, value->as.integer);
        break;
    case TRACE_TYPE_BYTES:
        tracei_thrift_bytes(out, 7, value->as.bytes.data, value->as.bytes.size < limit ? value->as.bytes.size : limit);
        break;
    case TRACE_TYPE_ARRAY:
        tracei_thrift_field(out, 3, TRACEI_THRIFT_STRING);
        tracei_thrift_move_back(out, tracei_put_json_value(out->at + TRACEI_THRIFT_AHEAD, value, 0));
        break;
    default:
        tracei_thrift_bytes(out, 3, "", 0);
        break;
    }
    tracei_thrift_stop(out);
    out->field = outer;
}

static void tracei_jaeger_tag_text(tracei_thrift *out, const char *key, trace_string text, size_t limit) {
    trace_value value;
    value.type = TRACE_TYPE_STRING;
    value.as.string = text;
    tracei_jaeger_tag(out, tracei_http_string_of(key), &value, limit);
}

static void tracei_jaeger_tag_count(tracei_thrift *out, const char *key, uint64_t count) {
    trace_value value;
    if (!count) return;
    value.type = TRACE_TYPE_INT;
    value.as.integer = (int64_t)count;
    tracei_jaeger_tag(out, tracei_http_string_of(key), &value, SIZE_MAX);
}

/* An attribute is left out because a tag of ours takes its place, or by a cut, which counts it as dropped. */
typedef enum tracei_jaeger_kept { TRACEI_JAEGER_KEPT, TRACEI_JAEGER_OURS, TRACEI_JAEGER_CUT } tracei_jaeger_kept;

static bool tracei_jaeger_is_ours(trace_string key, const trace_span_data *span) {
    static const char *const scope_keys[] = {"otel.scope.name", "otel.scope.version", "otel.library.name",
                                             "otel.library.version"};
    if (span->status == TRACE_STATUS_ERROR && tracei_is(key, "error")) return true;
    if (span->kind > TRACE_KIND_INTERNAL && tracei_is(key, "span.kind")) return true;
    if (key.size < 5 || memcmp(key.data, "otel.", 5) != 0) return false;
    if (span->status != TRACE_STATUS_UNSET && tracei_is(key, "otel.status_code")) return true;
    if (span->status == TRACE_STATUS_ERROR && span->status_message.size && tracei_is(key, "otel.status_description"))
        return true;
    for (size_t i = 0; i < 4 && span->scope; i++) {
        const char *ours = i & 1 ? span->scope->version : span->scope->name;
        if (ours && *ours && tracei_is(key, scope_keys[i])) return true;
    }
    return tracei_is(key, "otel.dropped_attributes_count") || tracei_is(key, "otel.dropped_events_count") ||
           tracei_is(key, "otel.dropped_links_count");
}

static tracei_jaeger_kept tracei_jaeger_keeps(const trace_attribute *attribute, const trace_span_data *span,
                                              const tracei_jaeger_cut *cut) {
    if (cut->no_attributes) return TRACEI_JAEGER_CUT;
    if (tracei_jaeger_is_ours(attribute->key, span)) return TRACEI_JAEGER_OURS;
    if (cut->text == SIZE_MAX || attribute->value.type != TRACE_TYPE_ARRAY) return TRACEI_JAEGER_KEPT;
    return tracei_jaeger_array_size(&attribute->value) > cut->text ? TRACEI_JAEGER_CUT : TRACEI_JAEGER_KEPT;
}

static size_t tracei_jaeger_event_size(const trace_event_data *event, size_t limit) {
    size_t size = 128 + tracei_jaeger_text_size(event->name, limit);
    for (size_t i = 0; i < event->attribute_count; i++) size += tracei_jaeger_tag_size(&event->attributes[i], limit);
    return size;
}

static size_t tracei_jaeger_span_size(const trace_span_data *span, const tracei_jaeger_cut *cut) {
    size_t size = 832 + tracei_jaeger_text_size(span->name, cut->text) + tracei_jaeger_text_size(span->status_message, cut->text);
    if (span->scope)
        size += 2 * (tracei_jaeger_text_size(tracei_http_string_of(span->scope->name), cut->text) +
                     tracei_jaeger_text_size(tracei_http_string_of(span->scope->version), cut->text));
    for (size_t i = 0; i < span->attribute_count; i++)
        if (tracei_jaeger_keeps(&span->attributes[i], span, cut) == TRACEI_JAEGER_KEPT)
            size += tracei_jaeger_tag_size(&span->attributes[i], cut->text);
    for (size_t i = 0; i < span->event_count && !cut->no_lists; i++)
        size += tracei_jaeger_event_size(&span->events[i], cut->text);
    return cut->no_lists ? size : size + 56 * span->link_count;
}

/* Big-endian bytes as the number they are: the way there is the way back. */
static int64_t tracei_jaeger_id(const uint8_t *bytes) {
    uint64_t number;
    int64_t id;
    memcpy(&number, bytes, sizeof number);
    tracei_id_bytes((uint8_t *)&id, number);
    return id;
}

static int64_t tracei_jaeger_us(uint64_t ns) { return (int64_t)(ns / 1000); }

static void tracei_jaeger_links(tracei_thrift *out, const trace_span_data *span) {
    tracei_thrift_list(out, 6, span->link_count);
    for (size_t i = 0; i < span->link_count; i++) {
        const trace_context *const to = &span->links[i].context;
        out->field = 0;
        tracei_thrift_i32(out, 1, 1); /* FOLLOWS_FROM */
        tracei_thrift_i64(out, 2, tracei_jaeger_id(to->trace_id + 8));
        tracei_thrift_i64(out, 3, tracei_jaeger_id(to->trace_id));
        tracei_thrift_i64(out, 4, tracei_jaeger_id(to->span_id));
        tracei_thrift_stop(out);
    }
    out->field = 6;
}

static size_t tracei_jaeger_scope_count(const trace_scope *scope) {
    return !scope ? 0 : (scope->name && *scope->name ? 2u : 0u) + (scope->version && *scope->version ? 2u : 0u);
}

static void tracei_jaeger_scope_tags(tracei_jaeger_encoder *encoder, tracei_thrift *out, const trace_scope *scope, size_t limit) {
    static const char *const keys[] = {"otel.scope.name", "otel.library.name", "otel.scope.version", "otel.library.version"};
    char *const start = out->at;
    if (!scope) return;
    if (encoder->scope == scope && encoder->scope_limit == limit) {
        memcpy(out->at, encoder->scope_tags, encoder->scope_size);
        out->at += encoder->scope_size;
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        const trace_string text = tracei_http_string_of(i < 2 ? scope->name : scope->version);
        if (text.size) tracei_jaeger_tag_text(out, keys[i], text, limit);
    }
    encoder->scope_size = (size_t)(out->at - start);
    encoder->scope_limit = limit;
    encoder->scope = encoder->scope_size <= sizeof encoder->scope_tags ? scope : NULL;
    if (encoder->scope) memcpy(encoder->scope_tags, start, encoder->scope_size);
}

static void tracei_jaeger_tags(tracei_jaeger_encoder *encoder, tracei_thrift *out, const trace_span_data *span,
                               const tracei_jaeger_cut *cut) {
    static const char *const kinds[] = {"", "", "server", "client", "producer", "consumer"};
    const bool error = span->status == TRACE_STATUS_ERROR, kind = (unsigned)span->kind < 6 && *kinds[span->kind];
    const uint64_t events = span->dropped_event_count + (cut->no_lists ? (uint64_t)span->event_count : 0);
    const uint64_t links = span->dropped_link_count + (cut->no_lists ? (uint64_t)span->link_count : 0);
    uint64_t attributes = span->dropped_attribute_count;
    size_t count = tracei_jaeger_scope_count(span->scope) + kind + (span->status != TRACE_STATUS_UNSET) + error +
                   (error && span->status_message.size) + (events != 0) + (links != 0);
    for (size_t i = 0; i < span->attribute_count; i++) {
        const tracei_jaeger_kept kept = tracei_jaeger_keeps(&span->attributes[i], span, cut);
        count += kept == TRACEI_JAEGER_KEPT;
        attributes += kept == TRACEI_JAEGER_CUT;
    }
    count += attributes != 0;
    if (!count) return;
    tracei_thrift_list(out, 10, count);
    for (size_t i = 0; i < span->attribute_count; i++)
        if (tracei_jaeger_keeps(&span->attributes[i], span, cut) == TRACEI_JAEGER_KEPT)
            tracei_jaeger_tag(out, span->attributes[i].key, &span->attributes[i].value, cut->text);
    if (kind) tracei_jaeger_tag_text(out, "span.kind", tracei_http_string_of(kinds[span->kind]), SIZE_MAX);
    tracei_jaeger_scope_tags(encoder, out, span->scope, cut->text);
    if (span->status != TRACE_STATUS_UNSET)
        tracei_jaeger_tag_text(out, "otel.status_code", tracei_http_string_of(error ? "ERROR" : "OK"), SIZE_MAX);
    if (error) {
        trace_value yes;
        yes.type = TRACE_TYPE_BOOL;
        yes.as.boolean = true;
        tracei_jaeger_tag(out, tracei_http_string_of("error"), &yes, SIZE_MAX);
        if (span->status_message.size) tracei_jaeger_tag_text(out, "otel.status_description", span->status_message, cut->text);
    }
    tracei_jaeger_tag_count(out, "otel.dropped_attributes_count", attributes);
    tracei_jaeger_tag_count(out, "otel.dropped_events_count", events);
    tracei_jaeger_tag_count(out, "otel.dropped_links_count", links);
}

static void tracei_jaeger_log(tracei_thrift *out, const trace_event_data *event, size_t limit) {
    bool named = false;
    for (size_t i = 0; i < event->attribute_count; i++) named |= tracei_is(event->attributes[i].key, "event");
    out->field = 0;
    tracei_thrift_i64(out, 1, tracei_jaeger_us(event->unix_ns));
    tracei_thrift_list(out, 2, !named + event->attribute_count + (event->dropped_attribute_count != 0));
    if (!named)
        tracei_jaeger_tag_text(out, "event", event->name, limit);
    for (size_t i = 0; i < event->attribute_count; i++)
        tracei_jaeger_tag(out, event->attributes[i].key, &event->attributes[i].value, limit);
    tracei_jaeger_tag_count(out, "otel.dropped_attributes_count", event->dropped_attribute_count);
    tracei_thrift_stop(out);
}

/* One Span. Answers where it ends. */
static char *tracei_jaeger_span(tracei_jaeger_encoder *encoder, char *at, const trace_span_data *span,
                                const tracei_jaeger_cut *cut) {
    tracei_thrift out;
    out.at = at;
    out.compact = encoder->compact;
    out.field = 0;
    tracei_thrift_i64(&out, 1, tracei_jaeger_id(span->trace_id + 8));
    tracei_thrift_i64(&out, 2, tracei_jaeger_id(span->trace_id));
    tracei_thrift_i64(&out, 3, tracei_jaeger_id(span->span_id));
    tracei_thrift_i64(&out, 4, tracei_jaeger_id(span->parent_span_id));
    tracei_thrift_text(&out, 5, span->name, cut->text);
    if (span->link_count && !cut->no_lists) tracei_jaeger_links(&out, span);
    tracei_thrift_i32(&out, 7, span->flags & TRACE_FLAG_SAMPLED);
    tracei_thrift_i64(&out, 8, tracei_jaeger_us(span->start_unix_ns));
    tracei_thrift_i64(&out, 9, span->end_unix_ns > span->start_unix_ns
                                   ? tracei_jaeger_us(span->end_unix_ns - span->start_unix_ns) : 0);
    tracei_jaeger_tags(encoder, &out, span, cut);
    if (span->event_count && !cut->no_lists) {
        tracei_thrift_list(&out, 11, span->event_count);
        for (size_t i = 0; i < span->event_count; i++) tracei_jaeger_log(&out, &span->events[i], cut->text);
    }
    tracei_thrift_stop(&out);
    return out.at;
}

/* >>process -------------------------------------------------------------------------------------------------------

   What all spans of a batch have in common, encoded anew for each export call (it is short) and kept when it is a new one: spans
   in the queue refer to theirs by number. A batch that spans a change of resource is halved until it has one process. */

#define TRACEI_JAEGER_PROCESSES_MAX 16u
#define TRACEI_JAEGER_PROCESS_BYTES 65536u
#define TRACEI_JAEGER_PACKET_MIN 1024u
#define TRACEI_JAEGER_ENVELOPE 64u /* message header, list header, stops */
#if defined(__APPLE__)
#define TRACEI_JAEGER_PACKET 9000u
#else
#define TRACEI_JAEGER_PACKET 65000u
#endif

typedef struct tracei_jaeger_process {
    const char *data;
    size_t size;
} tracei_jaeger_process;

typedef struct tracei_jaeger {
    bool udp, warned_process, warned_count;
    tracei_jaeger_encoder encoder;
    size_t packet_bytes;          /* UDP */
    size_t process_bytes;         /* room for a process */
    size_t span_bytes;            /* room for a span; SIZE_MAX over HTTP */
    char *scratch;                /* of process_bytes */
    uint32_t process_count;
    tracei_jaeger_process processes[TRACEI_JAEGER_PROCESSES_MAX];
} tracei_jaeger;

/* The tags that fit; what does not is named once. Without `out` it counts them. */
static size_t tracei_jaeger_process_tags(tracei_jaeger *self, tracei_thrift *out, const trace_resource *resource, size_t room) {
    size_t count = 0;
    for (size_t i = 0; resource && i < resource->attribute_count; i++) {
        const trace_attribute *const attribute = &resource->attributes[i];
        size_t size;
        if (tracei_is(attribute->key, "service.name")) continue;
        size = tracei_jaeger_tag_size(attribute, SIZE_MAX);
        if (size > room) {
            if (!self->warned_process)
                tracei_log(TRACE_LOG_LEVEL_WARNING,
                           "jaeger: the resource is too large for a packet: %.*s and what else does not fit is left out",
                           (int)(attribute->key.size < 128 ? attribute->key.size : 128), attribute->key.data);
            self->warned_process = true;
            continue;
        }
        room -= size;
        count++;
        if (out) tracei_jaeger_tag(out, attribute->key, &attribute->value, SIZE_MAX);
    }
    return count;
}

static size_t tracei_jaeger_encode_process(tracei_jaeger *self, const trace_resource *resource) {
    tracei_thrift out;
    trace_string service = {"unknown_service", 15};
    const size_t service_limit = self->process_bytes / 8; /* each byte can become three */
    size_t room, count;
    for (size_t i = 0; resource && i < resource->attribute_count; i++) {
        const trace_attribute *const attribute = &resource->attributes[i];
        if (tracei_is(attribute->key, "service.name") && attribute->value.type == TRACE_TYPE_STRING &&
            attribute->value.as.string.size)
            service = attribute->value.as.string;
    }
    out.at = self->scratch;
    out.compact = self->encoder.compact;
    out.field = 0;
    tracei_thrift_text(&out, 1, service, service_limit);
    room = self->process_bytes - (size_t)(out.at - self->scratch) - 16;
    count = tracei_jaeger_process_tags(self, NULL, resource, room);
    if (count) {
        tracei_thrift_list(&out, 2, count);
        (void)tracei_jaeger_process_tags(self, &out, resource, room);
    }
    tracei_thrift_stop(&out);
    return (size_t)(out.at - self->scratch);
}

/* The number of the resource's process; PROCESSES_MAX when there is no memory. */
static uint32_t tracei_jaeger_process_number(tracei_jaeger *self, const trace_resource *resource) {
    const size_t size = tracei_jaeger_encode_process(self, resource);
    char *copy;
    for (uint32_t i = self->process_count; i-- > 0;)
        if (self->processes[i].size == size && memcmp(self->processes[i].data, self->scratch, size) == 0) return i;
    if (self->process_count == TRACEI_JAEGER_PROCESSES_MAX) {
        if (!self->warned_count)
            tracei_log(TRACE_LOG_LEVEL_WARNING,
                       "jaeger: more than %u different resources in one process: the last one stands for all further ones",
                       TRACEI_JAEGER_PROCESSES_MAX);
        self->warned_count = true;
        return TRACEI_JAEGER_PROCESSES_MAX - 1;
    }
    copy = (char *)tracei_alloc(size);
    if (!copy) return TRACEI_JAEGER_PROCESSES_MAX;
    memcpy(copy, self->scratch, size);
    self->processes[self->process_count].data = copy;
    self->processes[self->process_count].size = size;
    return self->process_count++;
}

/* HTTP: a bare Batch. UDP: the call emitBatch(1: Batch) of agent.thrift, oneway. */
static bool tracei_jaeger_assemble(void *user, const tracei_item *items, size_t count, tracei_body *body) {
    static const char compact_head[] = "\x82\x81\x00\x09" "emitBatch";
    static const char binary_head[] = "\x80\x01\x00\x04\x00\x00\x00\x09" "emitBatch\x00\x00\x00\x00";
    const tracei_jaeger *const self = (const tracei_jaeger *)user;
    const tracei_jaeger_process *const process = &self->processes[items[0].scope];
    tracei_thrift out;
    size_t size = process->size + TRACEI_JAEGER_ENVELOPE;
    for (size_t i = 0; i < count; i++) {
        if (items[i].scope != items[0].scope) return false;
        size += items[i].size;
    }
    out.at = (char *)tracei_body_room(body, size);
    if (!out.at) return false;
    out.compact = self->encoder.compact;
    out.field = 0;
    if (self->udp) {
        const size_t head = self->encoder.compact ? sizeof compact_head - 1 : sizeof binary_head - 1;
        memcpy(out.at, self->encoder.compact ? compact_head : binary_head, head);
        out.at += head;
        tracei_thrift_field(&out, 1, TRACEI_THRIFT_STRUCT);
        out.field = 0;
    }
    tracei_thrift_field(&out, 1, TRACEI_THRIFT_STRUCT);
    memcpy(out.at, process->data, process->size);
    out.at += process->size;
    tracei_thrift_list(&out, 2, count);
    for (size_t i = 0; i < count; i++) {
        memcpy(out.at, items[i].data, items[i].size);
        out.at += items[i].size;
    }
    tracei_thrift_stop(&out);
    if (self->udp) tracei_thrift_stop(&out);
    body->size = (size_t)((uint8_t *)out.at - body->data);
    return true;
}

/* >>agent ---------------------------------------------------------------------------------------------------------

   Packets over the sender's own socket, connected so that the system tells us when nobody listens: on this machine it knows
   before send returns, from another one the answer comes later and is met by the next packet, which then was not sent and is
   tried again. The address is looked up anew every minute, as agents move. */

#if TRACEI_HTTP_SOCKETS
static const char *tracei_jaeger_problem(void) {
#if TRACEI_PLATFORM_WINDOWS
    const bool room = WSAGetLastError() == WSAENOBUFS;
#else
    const bool room = errno == ENOBUFS || errno == ENOMEM;
#endif
    return room ? "the system has no room for packets now" : "the packet could not be sent: does an agent listen there?";
}

static bool tracei_jaeger_packet_too_large(void) {
#if TRACEI_PLATFORM_WINDOWS
    return WSAGetLastError() == WSAEMSGSIZE;
#else
    return errno == EMSGSIZE;
#endif
}

static bool tracei_jaeger_connect(tracei_run *run) {
    const tracei_address *const address = &run->addresses[0];
    run->wire.socket = tracei_socket_open(address->as.any.sa_family, SOCK_DGRAM, 0);
    if (run->wire.socket == TRACEI_NO_SOCKET) return false;
#if TRACEI_PLATFORM_WINDOWS
    return connect(run->wire.socket, &address->as.any, (int)address->size) == 0;
#else
    return connect(run->wire.socket, &address->as.any, (socklen_t)address->size) == 0;
#endif
}

/* OK: sent, or too large (status 413). END: this address is no good. */
static tracei_io tracei_jaeger_send_packet(tracei_exchange *exchange) {
    tracei_run *const run = exchange->run;
    int error = 0;
    socklen_t error_size = sizeof error;
    short happened;
    for (;;) {
        const long sent = TRACEI_FAIL("send") ? -2
                                              : (long)send(run->wire.socket, (const char *)exchange->request.body,
                                                           TRACEI_SEND_SIZE(exchange->request.body_size), TRACEI_SEND_FLAGS);
        if (sent >= 0) break;
        if (sent == -2) return TRACEI_IO_BROKEN;
        if (tracei_jaeger_packet_too_large()) {
            exchange->response->status = 413;
            return TRACEI_IO_OK;
        }
        if (!tracei_socket_again()) return TRACEI_IO_BROKEN;
        if (tracei_wire_wait(run, POLLOUT, &happened, UINT64_MAX) == TRACEI_IO_LATE) return TRACEI_IO_LATE;
    }
    if (getsockopt(run->wire.socket, SOL_SOCKET, SO_ERROR, (char *)&error, &error_size) == 0 && error != 0) {
#if !TRACEI_PLATFORM_WINDOWS
        errno = error;
#endif
        return TRACEI_IO_BROKEN;
    }
    exchange->response->status = 202;
    return TRACEI_IO_OK;
}

/* Each address once; the one that worked comes first next time. */
static trace_http_outcome tracei_jaeger_exchange(tracei_exchange *exchange) {
    tracei_run *const run = exchange->run;
    size_t tries = 0;
    exchange->response->problem = "the name of the agent's host was not found";
    if (run->wire.socket != TRACEI_NO_SOCKET && tracei_mono_ns() >= run->addresses_until_ns) tracei_wire_close(&run->wire);
    do {
        tracei_io io = run->wire.socket != TRACEI_NO_SOCKET ? TRACEI_IO_OK
                                                            : tracei_run_resolve(run, exchange->url->host, exchange->url->port);
        if (io == TRACEI_IO_OK && run->wire.socket == TRACEI_NO_SOCKET && !tracei_jaeger_connect(run)) io = TRACEI_IO_END;
        if (io == TRACEI_IO_OK) io = tracei_jaeger_send_packet(exchange);
        if (io == TRACEI_IO_OK) {
            run->wire.last_used_ns = tracei_mono_ns();
            return TRACE_HTTP_OUTCOME_ANSWERED;
        }
        if (io == TRACEI_IO_LATE) {
            exchange->response->problem = "no address of the agent, or no room for packets, in time";
            return TRACE_HTTP_OUTCOME_TIMEOUT;
        }
        if (run->address_count) {
            const tracei_address first = run->addresses[0];
            exchange->response->problem = tracei_jaeger_problem();
            memmove(run->addresses, run->addresses + 1, (run->address_count - 1) * sizeof first);
            run->addresses[run->address_count - 1] = first;
        }
        tracei_wire_close(&run->wire);
    } while (++tries < run->address_count);
    return TRACE_HTTP_OUTCOME_UNREACHABLE;
}
#else
static trace_http_outcome tracei_jaeger_exchange(tracei_exchange *exchange) {
    return tracei_http_broken(exchange, "this build has no sockets");
}
#endif

/* >>exporter ------------------------------------------------------------------------------------------------------ */

enum { TRACEI_JAEGER_REPORT_CUT = 2000 };   /* beside the sender's own kinds of complaints */

/* As little cut as will fit. False: even the least does not. */
static bool tracei_jaeger_cut_to(const trace_span_data *span, size_t room, tracei_jaeger_cut *cut, size_t *size) {
    static const size_t texts[] = {8192, 1024, 256, 64};
    memset(cut, 0, sizeof *cut);
    cut->text = SIZE_MAX;
    *size = tracei_jaeger_span_size(span, cut);
    for (unsigned step = 0; *size > room && step < 12; step++) {    /* texts, then texts without lists, then without attributes */
        cut->text = texts[step % 4];
        cut->no_lists = step >= 4;
        cut->no_attributes = step >= 8;
        *size = tracei_jaeger_span_size(span, cut);
    }
    return *size <= room;
}

static trace_result tracei_jaeger_export(void *user, const trace_batch *batch) {
    tracei_sender *const sender = (tracei_sender *)user;
    tracei_jaeger *const self = (tracei_jaeger *)tracei_sender_user(sender);
    const uint32_t process = tracei_jaeger_process_number(self, batch->resource);
    self->encoder.scope = NULL;
    for (size_t i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        tracei_jaeger_cut cut;
        size_t size;
        char *at;
        uint64_t cuts = 1;
        if (process == TRACEI_JAEGER_PROCESSES_MAX) {
            tracei_sender_drop(sender, TRACE_FAILURE_QUEUE_FULL);
            continue;
        }
        if (!tracei_jaeger_cut_to(span, self->span_bytes, &cut, &size)) {
            tracei_sender_drop(sender, TRACE_FAILURE_TOO_LARGE);
            continue;
        }
        if (cut.text != SIZE_MAX && tracei_report_due(sender, TRACEI_JAEGER_REPORT_CUT, &cuts))
            tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: %s: a span is too large for a packet: cut to fit; spans cut: %llu",
                       sender->options.owner, sender->shown, (unsigned long long)cuts);
        at = (char *)tracei_sender_reserve(sender, size);
        if (at) tracei_sender_commit(sender, (size_t)(tracei_jaeger_span(&self->encoder, at, span, &cut) - at), process);
    }
    return TRACE_RESULT_OK;
}

/* A collector that says no says why in plain text. */
static void tracei_jaeger_response(void *user, const trace_http_response *response, size_t count, tracei_verdict *verdict) {
    (void)user;
    (void)count;
    if (verdict->answer != TRACEI_ANSWER_OK) tracei_verdict_quote(verdict, response);
}

static const char *tracei_jaeger_setting(const trace_jaeger_options *o, const char *field, const char *variable) {
    if (field && *field) return field;
    return o->disable_environment ? NULL : tracei_environment_any(variable, NULL);
}

static trace_jaeger_protocol tracei_jaeger_choose(const trace_jaeger_options *o) {
    static const char *const words[] = {"http/thrift.binary", "udp/thrift.compact", "udp/thrift.binary", "grpc", NULL};
    int word;
    if (o->protocol) return o->protocol;
    if (o->endpoint && *o->endpoint) return TRACE_JAEGER_PROTOCOL_HTTP;
    if ((o->agent_host && *o->agent_host) || o->agent_port) return TRACE_JAEGER_PROTOCOL_UDP_COMPACT;
    if (o->disable_environment) return TRACE_JAEGER_PROTOCOL_HTTP;
    word = tracei_environment_enum("OTEL_EXPORTER_JAEGER_PROTOCOL", words);
    if (word == 3)
        tracei_log(TRACE_LOG_LEVEL_WARNING, "jaeger: OTEL_EXPORTER_JAEGER_PROTOCOL=grpc is not supported: use "
                                            "OTEL_TRACES_EXPORTER=otlp, or one of http/thrift.binary, udp/thrift.compact");
    if (word >= 0 && word < 3) return (trace_jaeger_protocol)(TRACE_JAEGER_PROTOCOL_HTTP + word);
    if (tracei_environment_any("OTEL_EXPORTER_JAEGER_ENDPOINT", NULL)) return TRACE_JAEGER_PROTOCOL_HTTP;
    if (tracei_environment("OTEL_EXPORTER_JAEGER_AGENT_HOST") || tracei_environment("OTEL_EXPORTER_JAEGER_AGENT_PORT"))
        return TRACE_JAEGER_PROTOCOL_UDP_COMPACT;
    return TRACE_JAEGER_PROTOCOL_HTTP;
}

/* What is sent to a port of another protocol is lost in silence, or with an answer nobody understands. */
static void tracei_jaeger_check_port(const char *endpoint) {
    static const char *const ports[] = {":4317", ":4318", ":14250"};
    const char *const authority = strstr(endpoint, "://") ? strstr(endpoint, "://") + 3 : endpoint;
    const size_t length = strcspn(authority, "/?#");
    for (size_t i = 0; i < 3; i++) {
        const size_t size = strlen(ports[i]);
        if (length > size && memcmp(authority + length - size, ports[i], size) == 0)
            tracei_log(TRACE_LOG_LEVEL_WARNING, i < 2 ? "jaeger: port %s is OTLP's: use OTEL_TRACES_EXPORTER=otlp, or port 14268"
                                                      : "jaeger: port %s is Jaeger's gRPC port; Thrift over HTTP has 14268",
                       ports[i] + 1);
    }
}

static void tracei_jaeger_add_escaped(tracei_text *to, const char *text) {
    for (; text && *text; text++) {
        if ((*text >= '0' && *text <= '9') || (*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z')) {
            tracei_text_char(to, *text);
        } else {
            tracei_text_char(to, '%');
            tracei_text_hex(to, (const uint8_t *)text, 1);
        }
    }
}

/* User and password go into the URL, where the sender expects secrets: it makes the header of them and keeps them out of logs. */
static bool tracei_jaeger_make_url(const trace_jaeger_options *o, tracei_http_options *http, char *out, size_t capacity) {
    const char *const user = tracei_jaeger_setting(o, o->user, "OTEL_EXPORTER_JAEGER_USER");
    const char *const password = tracei_jaeger_setting(o, o->password, "OTEL_EXPORTER_JAEGER_PASSWORD");
    const char *given = o->endpoint && *o->endpoint ? o->endpoint : NULL;
    char credentials[2048];
    tracei_text text;
    memset(&text, 0, sizeof text);
    text.data = credentials;
    text.capacity = sizeof credentials - 1;
    tracei_jaeger_add_escaped(&text, user);
    tracei_text_char(&text, ':');
    tracei_jaeger_add_escaped(&text, password);
    tracei_text_char(&text, '@');
    credentials[text.size] = '\0';
    if (!given && !o->disable_environment) given = tracei_environment_any("OTEL_EXPORTER_JAEGER_ENDPOINT", &http->url_from);
    http->url_given = given ? given : "http://localhost:14268";
    tracei_jaeger_check_port(http->url_given);
    return tracei_http_endpoint(http, "api/traces", user || password ? credentials : NULL, out, capacity);
}

/* As a URL, because that is what a sender knows. */
static bool tracei_jaeger_make_agent(const trace_jaeger_options *o, bool compact, char *out, size_t capacity) {
    const char *const host = tracei_jaeger_setting(o, o->agent_host, "OTEL_EXPORTER_JAEGER_AGENT_HOST");
    const bool is_ipv6 = host && strchr(host, ':') && *host != '[';
    uint32_t port = o->agent_port;
    tracei_text url;
    if (!port && !o->disable_environment) (void)tracei_environment_u32("OTEL_EXPORTER_JAEGER_AGENT_PORT", 1, 65535, &port);
    if (!port) port = compact ? 6831 : 6832;
    memset(&url, 0, sizeof url);
    url.data = out;
    url.capacity = capacity - 1;
    tracei_text_cstr(&url, is_ipv6 ? "http://[" : "http://");
    tracei_text_cstr(&url, host ? host : "localhost");
    tracei_text_cstr(&url, is_ipv6 ? "]:" : ":");
    tracei_text_u64(&url, port);
    out[url.size] = '\0';
    if (host && (url.full || strcspn(host, "/?#@ ") != strlen(host))) {
        tracei_log(TRACE_LOG_LEVEL_ERROR, "jaeger: OTEL_EXPORTER_JAEGER_AGENT_HOST (agent_host) is a name or an address, without "
                                          "scheme, port and path; nothing will be sent");
        return false;
    }
    return true;
}

static void tracei_jaeger_fill(const trace_jaeger_options *o, tracei_jaeger *self, tracei_http_options *http) {
    TRACEI_HTTP_TAKE(http, o);
    http->owner = o->name ? o->name : "jaeger";
    http->assemble_fn = tracei_jaeger_assemble;
    http->user = self;
    tracei_http_read_numbers(http, "OTEL_EXPORTER_JAEGER_TIMEOUT", NULL);
    if (self->udp) {
        http->max_batch_bytes = (uint32_t)self->span_bytes;
        http->max_request_bytes = (uint32_t)self->packet_bytes;
        http->exchange_fn = tracei_jaeger_exchange;
        http->disable_environment = true; /* of proxies */
        http->proxy = NULL;
        http->transport = NULL;
        return;
    }
    http->content_type = "application/vnd.apache.thrift.binary";
    http->user_agent = "trace.h-jaeger/" TRACE_H_VERSION_STRING;
    http->headers = o->headers;
    http->header_count = o->header_count;
    http->response_fn = tracei_jaeger_response;
}

static tracei_sender *tracei_jaeger_open(const trace_jaeger_options *options, tracei_jaeger *self) {
    char url[2048];
    tracei_http_options http;
    tracei_sender *sender;
    tracei_jaeger_fill(options, self, &http);
    http.url = url;
    if (self->udp) {
        http.url_from = "agent_host (or OTEL_EXPORTER_JAEGER_AGENT_HOST)";
        if (!tracei_jaeger_make_agent(options, self->encoder.compact, url, sizeof url)) return NULL;
        sender = tracei_sender_open(&http);
        if (sender) memcpy(++sender->shown, "udp", 3); /* over "ttp", in logs */
        return sender;
    }
    if (!tracei_jaeger_make_url(options, &http, url, sizeof url)) return NULL;
    return tracei_sender_open(&http);
}

static void tracei_jaeger_set_sizes(const trace_jaeger_options *options, tracei_jaeger *self) {
    const uint32_t given = options->max_packet_bytes;
    self->process_bytes = TRACEI_JAEGER_PROCESS_BYTES;
    self->span_bytes = SIZE_MAX;
    if (!self->udp) return;
    self->packet_bytes = !given ? TRACEI_JAEGER_PACKET : given < TRACEI_JAEGER_PACKET_MIN ? TRACEI_JAEGER_PACKET_MIN
                         : given > 65507                                                ? 65507
                                                                                        : given;
    if (given && given != self->packet_bytes)
        tracei_log(TRACE_LOG_LEVEL_WARNING, "jaeger: max_packet_bytes must be from 1,024 to 65,507: %u is used",
                   (unsigned)self->packet_bytes);
    self->process_bytes = self->packet_bytes < 32768 ? self->packet_bytes / 4 : 8192;
    self->span_bytes = self->packet_bytes - self->process_bytes - TRACEI_JAEGER_ENVELOPE;
}

static trace_exporter tracei_jaeger_make(const trace_jaeger_options *options) {
    tracei_jaeger *const self = (tracei_jaeger *)tracei_alloc(sizeof(tracei_jaeger));
    tracei_sender *sender = NULL;
    trace_jaeger_protocol protocol;
    trace_jaeger_options copy;
    memset(&copy, 0, sizeof copy);
    if (options) copy = *options;
    if (self) {
        protocol = tracei_jaeger_choose(&copy);
        self->udp = protocol != TRACE_JAEGER_PROTOCOL_HTTP;
        self->encoder.compact = protocol == TRACE_JAEGER_PROTOCOL_UDP_COMPACT;
        tracei_jaeger_set_sizes(&copy, self);
        self->scratch = (char *)tracei_alloc(self->process_bytes);
        if (self->scratch) sender = tracei_jaeger_open(&copy, self);
        if (!sender) {
            tracei_free(self->scratch, self->process_bytes);
            tracei_free(self, sizeof *self);
        }
    }
    return tracei_sender_exporter(copy.name ? copy.name : "jaeger", sender, tracei_jaeger_export);
}

TRACE_APP trace_exporter trace_jaeger_exporter(const trace_jaeger_options *options) {
    if (options && (options->reserved_first || options->reserved_last)) return tracei_http_not_zeroed("jaeger");
    if (!options || !options->disable_environment) tracei_environment_snapshot();
    return tracei_jaeger_make(options);
}

TRACE_APP trace_exporter tracei_jaeger_choice(void) {
    static tracei_kept kept;
    return tracei_kept_good(&kept) ? kept.exporter : tracei_keep(&kept, tracei_jaeger_make(NULL));
}

#if TRACEI_GNU && !TRACE_CONFIG_SINGLE_THREADED
/* Beside the implementation, OTEL_TRACES_EXPORTER=jaeger works without a call. */
__attribute__((constructor)) static void tracei_jaeger_register(void) {
    static const trace_exporter_choice jaeger = TRACE_EXPORTER_JAEGER;
    tracei_register_exporter(jaeger);
}
#endif

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_JAEGER_PROCESSES_MAX
#undef TRACEI_JAEGER_PROCESS_BYTES
#undef TRACEI_JAEGER_PACKET_MIN
#undef TRACEI_JAEGER_ENVELOPE
#undef TRACEI_JAEGER_PACKET
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
