/* trace_otlp.h - OTLP exporter for trace.h, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Spans to any OpenTelemetry backend: JSON or protobuf over HTTP, gRPC, or JSON Lines in a file; no protobuf library.

   DO THIS
       #define TRACE_IMPLEMENTATION
       #include "trace_otlp.h"            (brings trace_http.h and trace.h along; all three stand in one folder)
   in one file, and start the program with OTEL_TRACES_EXPORTER=otlp. Nothing else is needed: the spans go to
   http://localhost:4318/v1/traces, or wherever OTEL_EXPORTER_OTLP_ENDPOINT says. In code instead:
       trace_otlp_options o = {0};
       o.endpoint = "https://collector.example:4318";
       trace_config c = {0};
       c.service_name = "checkout";
       c.exporters[0] = trace_otlp_exporter(&o);
       trace_init(&c);
   or let the environment choose: c.available[0] = TRACE_EXPORTER_OTLP (initialisers: .available = { TRACE_EXPORTER_OTLP }).

   CONTENTS (search for the tag)
       >>options  >>values  >>json  >>protobuf  >>groups  >>request  >>answers  >>file  >>presets  >>environment  >>exporter

   WHAT IT DOES
   - http/protobuf (the default), http/json, grpc, and files: one TracesData object a line, to standard output or a path.
   - Spans are encoded when they arrive, on the thread that hands them over, into a bounded queue; the sender thread of
     trace_http.h puts them into requests. Requests are bounded in bytes before they are built; an answer of 413 halves
     them; a span too large for any request is dropped alone and counted (failed[TOO_LARGE]).
   - Invalid UTF-8 in names, keys and texts becomes U+FFFD, so one bad string never costs a batch.
   - Partial success, gRPC statuses and error bodies (JSON or protobuf, whatever the request was) are read and logged once.
   WHAT IT DOES NOT
   - https, HTTP/2 (so: grpc) and proxies need TRACE_HTTP_CURL and -lcurl; gzip needs TRACE_HTTP_ZLIB and -lz.
   - Metrics and logs; files are not rotated (they are opened for appending: copy and truncate).
   - More than 512 different scopes a process: further ones are exported without their name.
   - Arrays nested deeper than 32 levels: exported as empty values (decoders would refuse the whole request).

   WHAT GOES ON THE WIRE
       trace_value             JSON                                   protobuf AnyValue
       TRACE_TYPE_STRING       {"stringValue":"..."}                  string_value
       TRACE_TYPE_JSON         {"stringValue":"..."} (the text)       string_value
       TRACE_TYPE_INT          {"intValue":"7"}                       int_value
       TRACE_TYPE_DOUBLE       {"doubleValue":1.5}, "NaN", "Infinity" double_value
       TRACE_TYPE_BOOL         {"boolValue":true}                     bool_value
       TRACE_TYPE_BYTES        {"bytesValue":"base64"}                bytes_value
       TRACE_TYPE_ARRAY        {"arrayValue":{"values":[...]}}        array_value
       TRACE_TYPE_NULL         {}                                     empty message
   Ids are hexadecimal in JSON, enumerations are numbers, 64-bit numbers are strings. Flags carry the W3C flags and whether the
   parent (or the linked span) is remote.

   ENVIRONMENT, read when the exporter is made; each _OTLP_ name also as _OTLP_TRACES_, which wins
       OTEL_EXPORTER_OTLP_ENDPOINT      base URL; v1/traces is appended. The _TRACES_ one is used as it is
       OTEL_EXPORTER_OTLP_PROTOCOL      http/protobuf, http/json, grpc
       OTEL_EXPORTER_OTLP_HEADERS       key=value,key=value; percent-decoded
       OTEL_EXPORTER_OTLP_COMPRESSION   gzip, none
       OTEL_EXPORTER_OTLP_TIMEOUT       ms
       OTEL_EXPORTER_OTLP_INSECURE      true: grpc without TLS, when the endpoint has no scheme
       OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_KEY, _CLIENT_CERTIFICATE   PEM files
       OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_EXPORT_TIMEOUT
       OTLP_ENDPOINT, AI_INFRA_TRACING_ENDPOINT, JAEGER_ENDPOINT          when none of the above names an endpoint

   PRESETS: a name in OTEL_TRACES_EXPORTER (or in trace_otlp_options.preset) that knows where to, and which variables are needed;
   in brackets those that may be set. An exporter of that very name, as of another companion, comes before the preset.
       jaeger, tempo     [JAEGER_ENDPOINT] http://localhost:4318
       langsmith         LANGSMITH_API_KEY [LANGSMITH_PROJECT, LANGSMITH_ENDPOINT; LANGCHAIN_...]
       langfuse          LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY [LANGFUSE_BASE_URL, LANGFUSE_HOST]
       phoenix           [PHOENIX_COLLECTOR_ENDPOINT, PHOENIX_API_KEY, PHOENIX_PROJECT_NAME] http://localhost:6006
       honeycomb         HONEYCOMB_API_KEY [HONEYCOMB_API_ENDPOINT, HONEYCOMB_DATASET]
       newrelic          NEW_RELIC_LICENSE_KEY [NEW_RELIC_OTLP_ENDPOINT]
       dynatrace         DT_ENDPOINT, DT_API_TOKEN
       grafana-cloud     GRAFANA_CLOUD_OTLP_ENDPOINT, GRAFANA_CLOUD_INSTANCE_ID, GRAFANA_CLOUD_API_KEY
       datadog           DD_API_KEY [DD_SITE]
       agentops          AGENTOPS_API_KEY [AGENTOPS_EXPORTER_ENDPOINT, AGENTOPS_API_ENDPOINT]; exchanged for a token
       vllora            [VLLORA_TRACING_BASE_URL, VLLORA_PROJECT_ID, VLLORA_API_KEY] http://localhost:4317, gRPC
       xray              AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY [AWS_SESSION_TOKEN, AWS_ENDPOINT_URL_XRAY]; signed
   A preset's own endpoint variable beats OTEL_EXPORTER_OTLP_ENDPOINT, which beats the preset's default; headers and protocol from
   OTEL_* beat the preset's. So OTEL_TRACES_EXPORTER=otlp,langsmith with OTEL_EXPORTER_OTLP_ENDPOINT set wants LANGSMITH_ENDPOINT
   too, and OTEL_EXPORTER_OTLP_HEADERS are sent to both.

   FILES. The file exporter writes from the thread that hands spans over. Regular files are written at once; a pipe or terminal
   that takes nothing is left alone and tried again, up to max_queue_bytes are kept meanwhile. Processes that share a regular file
   or a pipe do not cut each other's lines: a line for a pipe or socket holds no more spans than fit PIPE_BUF (4,096 bytes with
   Linux). One span that is larger may be cut there by another process; give each a file where spans are that large.

   THREADS. trace_otlp_exporter may be called by any thread, any number of times (one destination each). */
#ifndef TRACE_OTLP_H_INCLUDED_8B2E47
#define TRACE_OTLP_H_INCLUDED_8B2E47
#define TRACE_OTLP_H_VERSION 100
#define TRACEI_OTLP_NEEDS_TRACE_H 100
#endif

#if !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_otlp.h: another trace.h was found first; include this library's trace.h by its path before trace_otlp.h"
#elif TRACE_H_VERSION < TRACEI_OTLP_NEEDS_TRACE_H
#error "trace_otlp.h: this trace.h is too old; take both files from one version"
#endif
#include "trace_http.h"

/* >>options ------------------------------------------------------------------------------------------------------- */

#ifndef TRACEI_OTLP_PUBLIC
#define TRACEI_OTLP_PUBLIC 1

#ifdef TRACE_CONFIG_NAMESPACE
#define trace_otlp_exporter TRACEI_NAME(trace_otlp_exporter)
#define tracei_otlp_choice TRACEI_NAME(tracei_otlp_choice)
#define tracei_otlp_stdout_choice TRACEI_NAME(tracei_otlp_stdout_choice)
#endif

#ifdef __clang__                  /* bool in gnu89, NULL in C++ */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc99-extensions"
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif
#ifdef __cplusplus
extern "C" {
#endif

typedef enum trace_otlp_protocol {
    TRACE_OTLP_PROTOCOL_DEFAULT = 0,        /* the environment, else HTTP_PROTOBUF */
    TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF,
    TRACE_OTLP_PROTOCOL_HTTP_JSON,
    TRACE_OTLP_PROTOCOL_GRPC,               /* needs TRACE_HTTP_CURL */
    TRACE_OTLP_PROTOCOL_FILE                /* JSON Lines */
} trace_otlp_protocol;

typedef enum trace_otlp_compression {
    TRACE_OTLP_COMPRESSION_DEFAULT = 0,     /* the environment, else NONE */
    TRACE_OTLP_COMPRESSION_NONE,
    TRACE_OTLP_COMPRESSION_GZIP             /* needs TRACE_HTTP_ZLIB */
} trace_otlp_compression;

/* Where and how. All zero is the default for every field; a field beats the environment. Start from zero. Strings are copied. */
typedef struct trace_otlp_options {
    uint32_t reserved_first;                /* 0; catches a structure that was not zeroed */
    const char *name;                       /* in stats and logs, static storage; default the preset's, "otlp", "otlp/stdout" */
    const char *preset;                     /* a name of the table under PRESETS; what is given here and in OTEL_* beats it */
    /* URL, or unix:///path/of/a/socket; one without a path gets /v1/traces. Default http://localhost:4318, grpc 4317. */
    const char *endpoint;
    trace_otlp_protocol protocol;
    const char *file;                       /* FILE: the path, appended to; NULL or "-": standard output */
    const trace_header *headers;            /* added to each request; these win over the environment's. Never logged */
    size_t header_count;
    trace_otlp_compression compression;
    const char *ca_file;                    /* PEM */
    const char *client_certificate_file;
    const char *client_key_file;
    const char *proxy, *no_proxy;           /* NULL: http(s)_proxy, all_proxy, no_proxy; "": none. Needs TRACE_HTTP_CURL */
    const char *sigv4;                      /* "aws:amz:REGION:xray"; needs TRACE_HTTP_CURL */
    const char *sigv4_key, *sigv4_secret, *sigv4_token;
    const char *user_agent;                 /* product put before ours: "checkout/1.2" */
    uint32_t timeout_ms;                    /* one export with its retries; default 10,000 */
    uint32_t schedule_delay_ms;             /* default 1,000; UINT32_MAX: full batches and flush only */
    uint32_t max_queue_bytes;               /* of encoded spans waiting; default 16 MiB */
    uint32_t max_queue_spans;               /* default 65,536 */
    uint32_t max_batch_bytes;               /* default 1 MiB */
    uint32_t max_batch_spans;               /* default 512 */
    uint32_t max_request_bytes;             /* default 64 MiB, before compression */
    bool insecure;                          /* grpc: no TLS when the endpoint names no scheme */
    bool allow_insecure_auth;               /* credentials over plain http to another host */
    bool disable_environment;               /* read no variable */
    bool disable_thread;                    /* send in trace_flush and trace_shutdown only */
    const trace_http_transport *transport;  /* instead of the built-in one; see trace_http.h */
    uint32_t reserved_last;                 /* 0 */
} trace_otlp_options;

/* An exporter that sends over OTLP. NULL options: the environment alone. When it cannot be made (a bad URL, no memory), that is
   logged and the result has no export_fn. Any thread. */
TRACE_APP trace_exporter trace_otlp_exporter(const trace_otlp_options *options);

/* What OTEL_TRACES_EXPORTER calls "otlp" and "otlp/stdout". */
TRACE_APP trace_exporter tracei_otlp_choice(void);
TRACE_APP trace_exporter tracei_otlp_stdout_choice(void);
#define TRACE_EXPORTER_OTLP { "otlp", tracei_otlp_choice }
#define TRACE_EXPORTER_OTLP_STDOUT { "otlp/stdout", tracei_otlp_stdout_choice }

#if TRACE_CONFIG_OFF
TRACE_APP trace_exporter trace_otlp_exporter(const trace_otlp_options *options) {
    trace_exporter none;
    (void)options;
    memset(&none, 0, sizeof none);
    return none;
}
TRACE_APP trace_exporter tracei_otlp_choice(void) { return trace_otlp_exporter(NULL); }
TRACE_APP trace_exporter tracei_otlp_stdout_choice(void) { return trace_otlp_exporter(NULL); }
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif
#ifdef __clang__
#pragma GCC diagnostic pop
#endif
#endif /* TRACEI_OTLP_PUBLIC */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_OTLP_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_OTLP_IMPLEMENTED 1

#include <stdlib.h>
#if defined(_WIN32)
#define TRACEI_OTLP_FILES 1
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>
#elif (defined(__unix__) || defined(__APPLE__)) && !TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_OTLP_FILES 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#define TRACEI_OTLP_FILES 0
#endif

#define TRACEI_OTLP_DEPTH_MAX 32           /* decoders refuse messages nested deeper than 100; an array costs two */
#define TRACEI_OTLP_PUT(at, literal) (memcpy((at), literal, sizeof(literal) - 1), (at) + (sizeof(literal) - 1))

/* >>values -------------------------------------------------------------------------------------------------------- */

/* One function bounds the size of a span in either encoding, the encoders write into room the caller has made, with no test
   for room and no allocation. The bound is six bytes for each byte of text until it grows large; then texts are measured, so
   that a giant span is not refused for a worst case that it is not. Protobuf never needs more than JSON.

   Protobuf's lengths precede contents and are computed from sizes: an attribute's while its texts are looked at anyway, an
   event's or link's by functions that mirror the writing ones. The length of the span itself is left to the request, which
   knows how long each queued item is. (Reserving bytes for lengths and patching them was tried: moving what was written behind
   a length that grew costs more than adding up.) Texts must be valid UTF-8; most are ASCII, which or-ing their words shows. */

static uint32_t tracei_otlp_flags(uint8_t w3c, bool is_remote) {
    return (uint32_t)w3c | 0x100u | (is_remote ? 0x200u : 0u);
}

static bool tracei_otlp_has_parent(const trace_span_data *span) {
    uint64_t id;
    memcpy(&id, span->parent_span_id, 8);
    return id != 0;
}

static uint64_t tracei_otlp_bits(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* >>json ---------------------------------------------------------------------------------------------------------- */

static size_t tracei_otlp_json_value_size(const trace_value *value, bool exact, unsigned depth) {
    size_t size = 0;
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        return exact ? tracei_json_size(value->as.string.data, value->as.string.size) : 6 * value->as.string.size;
    case TRACE_TYPE_BYTES:
        return (value->as.bytes.size + 2) / 3 * 4;
    case TRACE_TYPE_ARRAY:
        if (depth >= TRACEI_OTLP_DEPTH_MAX) return 0;
        for (size_t i = 0; i < value->as.array.count; i++)
            size += 64 + tracei_otlp_json_value_size(&value->as.array.items[i], exact, depth + 1);
        return size;
    default:
        return 0;
    }
}

static size_t tracei_otlp_json_attributes_size(const trace_attribute *attributes, size_t count, bool exact) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        const trace_string *key = &attributes[i].key;
        const trace_value *value = &attributes[i].value;
        size += 96 + (exact ? tracei_json_size(key->data, key->size) : 6 * key->size);
        if (value->type == TRACE_TYPE_STRING && !exact) size += 6 * value->as.string.size;
        else if (value->type != TRACE_TYPE_INT) size += tracei_otlp_json_value_size(value, exact, 0);
    }
    return size;
}

static size_t tracei_otlp_json_text_size(trace_string text, bool exact) {
    return exact ? tracei_json_size(text.data, text.size) : 6 * text.size;
}

static size_t tracei_otlp_bound(const trace_span_data *span, bool exact) {
    size_t size = 640 + tracei_otlp_json_text_size(span->name, exact) + tracei_otlp_json_text_size(span->trace_state, exact) +
                  tracei_otlp_json_text_size(span->status_message, exact) +
                  tracei_otlp_json_attributes_size(span->attributes, span->attribute_count, exact);
    for (size_t i = 0; i < span->event_count; i++)
        size += 192 + tracei_otlp_json_text_size(span->events[i].name, exact) +
                tracei_otlp_json_attributes_size(span->events[i].attributes, span->events[i].attribute_count, exact);
    for (size_t i = 0; i < span->link_count; i++)
        size += 256 + tracei_otlp_json_text_size(span->links[i].trace_state, exact) +
                tracei_otlp_json_attributes_size(span->links[i].attributes, span->links[i].attribute_count, exact);
    return size;
}

#define TRACEI_OTLP_GENEROUS 65536u

/* An upper bound in either encoding, close when it is large. */
static size_t tracei_otlp_span_size(const trace_span_data *span) {
    size_t size = tracei_otlp_bound(span, false);
    return size <= TRACEI_OTLP_GENEROUS ? size : tracei_otlp_bound(span, true);
}

static char *tracei_otlp_json_array(char *at, const trace_value *value, unsigned depth);

/* The object without its braces, so that callers may join them with what stands before and after. */
static char *tracei_otlp_json_value(char *at, const trace_value *value, unsigned depth) {
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        at = TRACEI_OTLP_PUT(at, "\"stringValue\":\"");
        at = tracei_put_json(at, value->as.string.data, value->as.string.size);
        *at++ = '"';
        return at;
    case TRACE_TYPE_INT:
        at = TRACEI_OTLP_PUT(at, "\"intValue\":\"");
        at = tracei_put_i64(at, value->as.integer);
        *at++ = '"';
        return at;
    case TRACE_TYPE_BOOL:
        if (value->as.boolean) return TRACEI_OTLP_PUT(at, "\"boolValue\":true");
        return TRACEI_OTLP_PUT(at, "\"boolValue\":false");
    case TRACE_TYPE_DOUBLE:
        at = TRACEI_OTLP_PUT(at, "\"doubleValue\":");
        if ((tracei_otlp_bits(value->as.number) >> 52 & 0x7ff) != 0x7ff) return tracei_put_number(at, value->as.number);
        *at++ = '"';
        at = tracei_put_number(at, value->as.number);
        *at++ = '"';
        return at;
    case TRACE_TYPE_BYTES:
        at = TRACEI_OTLP_PUT(at, "\"bytesValue\":\"");
        at = tracei_put_base64(at, (const uint8_t *)value->as.bytes.data, value->as.bytes.size);
        *at++ = '"';
        return at;
    case TRACE_TYPE_ARRAY:
        return tracei_otlp_json_array(at, value, depth);
    default:
        return at;
    }
}

static char *tracei_otlp_json_array(char *at, const trace_value *value, unsigned depth) {
    if (depth >= TRACEI_OTLP_DEPTH_MAX) return at;
    at = TRACEI_OTLP_PUT(at, "\"arrayValue\":{\"values\":[");
    for (size_t i = 0; i < value->as.array.count; i++) {
        if (i) *at++ = ',';
        *at++ = '{';
        at = tracei_otlp_json_value(at, &value->as.array.items[i], depth + 1);
        *at++ = '}';
    }
    return TRACEI_OTLP_PUT(at, "]}");
}

/* `,"attributes":[...]`, or nothing when there are none. */
static char *tracei_otlp_json_attributes(char *at, const trace_attribute *attributes, size_t count) {
    if (!count) return at;
    at = TRACEI_OTLP_PUT(at, ",\"attributes\":[");
    for (size_t i = 0; i < count; i++) {
        const trace_attribute *attribute = &attributes[i];
        at = TRACEI_OTLP_PUT(at, "{\"key\":\"");
        at = tracei_put_json(at, attribute->key.data, attribute->key.size);
        at = TRACEI_OTLP_PUT(at, "\",\"value\":{");
        at = tracei_otlp_json_value(at, &attribute->value, 0);
        at = TRACEI_OTLP_PUT(at, "}},");
    }
    at[-1] = ']';
    return at;
}

static char *tracei_otlp_json_dropped(char *at, const char *what, uint32_t count) {
    if (!count) return at;
    at += tracei_copy_word(at, what);
    return tracei_put_u64(at, count);
}

static char *tracei_otlp_json_events(char *at, const trace_span_data *span) {
    if (!span->event_count) return at;
    at = TRACEI_OTLP_PUT(at, ",\"events\":[");
    for (size_t i = 0; i < span->event_count; i++) {
        const trace_event_data *event = &span->events[i];
        at = TRACEI_OTLP_PUT(at, "{\"timeUnixNano\":\"");
        at = tracei_put_u64(at, event->unix_ns);
        at = TRACEI_OTLP_PUT(at, "\",\"name\":\"");
        at = tracei_put_json(at, event->name.data, event->name.size);
        *at++ = '"';
        at = tracei_otlp_json_attributes(at, event->attributes, event->attribute_count);
        at = tracei_otlp_json_dropped(at, ",\"droppedAttributesCount\":", event->dropped_attribute_count);
        at = TRACEI_OTLP_PUT(at, "},");
    }
    at[-1] = ']';
    return at;
}

static char *tracei_otlp_json_links(char *at, const trace_span_data *span) {
    if (!span->link_count) return at;
    at = TRACEI_OTLP_PUT(at, ",\"links\":[");
    for (size_t i = 0; i < span->link_count; i++) {
        const trace_link_data *link = &span->links[i];
        at = TRACEI_OTLP_PUT(at, "{\"traceId\":\"");
        at = tracei_put_hex(at, link->context.trace_id, 16);
        at = TRACEI_OTLP_PUT(at, "\",\"spanId\":\"");
        at = tracei_put_hex(at, link->context.span_id, 8);
        if (link->trace_state.size) {
            at = TRACEI_OTLP_PUT(at, "\",\"traceState\":\"");
            at = tracei_put_json(at, link->trace_state.data, link->trace_state.size);
        }
        at = TRACEI_OTLP_PUT(at, "\",\"flags\":");
        at = tracei_put_u64(at, tracei_otlp_flags(link->context.flags, link->context.is_remote));
        at = tracei_otlp_json_attributes(at, link->attributes, link->attribute_count);
        at = tracei_otlp_json_dropped(at, ",\"droppedAttributesCount\":", link->dropped_attribute_count);
        at = TRACEI_OTLP_PUT(at, "},");
    }
    at[-1] = ']';
    return at;
}

static char *tracei_otlp_json_status(char *at, const trace_span_data *span) {
    if (span->status == TRACE_STATUS_UNSET && !span->status_message.size) return at;
    at = TRACEI_OTLP_PUT(at, ",\"status\":{\"code\":");
    *at++ = (char)('0' + (unsigned)span->status % 10);
    if (span->status_message.size) {
        at = TRACEI_OTLP_PUT(at, ",\"message\":\"");
        at = tracei_put_json(at, span->status_message.data, span->status_message.size);
        *at++ = '"';
    }
    *at++ = '}';
    return at;
}

/* One span as a JSON object. */
static char *tracei_otlp_json_span(char *at, const trace_span_data *span) {
    at = TRACEI_OTLP_PUT(at, "{\"traceId\":\"");
    at = tracei_put_hex(at, span->trace_id, 16);
    at = TRACEI_OTLP_PUT(at, "\",\"spanId\":\"");
    at = tracei_put_hex(at, span->span_id, 8);
    if (tracei_otlp_has_parent(span)) {
        at = TRACEI_OTLP_PUT(at, "\",\"parentSpanId\":\"");
        at = tracei_put_hex(at, span->parent_span_id, 8);
    }
    if (span->trace_state.size) {
        at = TRACEI_OTLP_PUT(at, "\",\"traceState\":\"");
        at = tracei_put_json(at, span->trace_state.data, span->trace_state.size);
    }
    at = TRACEI_OTLP_PUT(at, "\",\"flags\":");
    at = tracei_put_u64(at, tracei_otlp_flags(span->flags, span->parent_is_remote));
    at = TRACEI_OTLP_PUT(at, ",\"name\":\"");
    at = tracei_put_json(at, span->name.data, span->name.size);
    at = TRACEI_OTLP_PUT(at, "\",\"kind\":");
    *at++ = (char)('0' + (unsigned)span->kind % 10);
    at = TRACEI_OTLP_PUT(at, ",\"startTimeUnixNano\":\"");
    at = tracei_put_u64(at, span->start_unix_ns);
    at = TRACEI_OTLP_PUT(at, "\",\"endTimeUnixNano\":\"");
    at = tracei_put_u64(at, span->end_unix_ns);
    *at++ = '"';
    at = tracei_otlp_json_attributes(at, span->attributes, span->attribute_count);
    if (span->dropped_attribute_count | span->dropped_event_count | span->dropped_link_count) {
        at = tracei_otlp_json_dropped(at, ",\"droppedAttributesCount\":", span->dropped_attribute_count);
        at = tracei_otlp_json_dropped(at, ",\"droppedEventsCount\":", span->dropped_event_count);
        at = tracei_otlp_json_dropped(at, ",\"droppedLinksCount\":", span->dropped_link_count);
    }
    at = tracei_otlp_json_events(at, span);
    at = tracei_otlp_json_links(at, span);
    at = tracei_otlp_json_status(at, span);
    *at++ = '}';
    return at;
}

/* >>protobuf ------------------------------------------------------------------------------------------------------ */

static size_t tracei_otlp_varint_size(uint64_t value) {
    size_t size = 1;
    for (; value >= 128; value >>= 7) size++;
    return size;
}

TRACE_INLINE char *tracei_otlp_varint(char *at, uint64_t value) {
    for (; value >= 128; value >>= 7) *at++ = (char)(uint8_t)(value | 128);
    *at++ = (char)(uint8_t)value;
    return at;
}

TRACE_INLINE char *tracei_otlp_fixed32(char *at, uint32_t value) {
    uint8_t bytes[4];
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
    bytes[2] = (uint8_t)(value >> 16);
    bytes[3] = (uint8_t)(value >> 24);
    memcpy(at, bytes, 4);
    return at + 4;
}

TRACE_INLINE char *tracei_otlp_fixed64(char *at, uint64_t value) {
    return tracei_otlp_fixed32(tracei_otlp_fixed32(at, (uint32_t)value), (uint32_t)(value >> 32));
}

TRACE_INLINE char *tracei_otlp_copy(char *at, const char *from, size_t size) {
    if (size < 8) return tracei_copy_short(at, from, size);
    if (size <= 16) {
        uint64_t first = tracei_load_8(from), last = tracei_load_8(from + size - 8);
        memcpy(at, &first, 8);
        memcpy(at + size - 8, &last, 8);
    } else {
        memcpy(at, from, size);
    }
    return at + size;
}

TRACE_INLINE bool tracei_otlp_is_ascii(const trace_string *text) {
    const char *data = text->data;
    size_t size = text->size;
    uint64_t high = 0;
    if (size >= 8) {
        for (size_t at = 0; at < size - 8; at += 8) high |= tracei_load_8(data + at);
        high |= tracei_load_8(data + size - 8);
    } else if (size >= 4) {
        high = tracei_load_4_to_7(data, size);
    } else if (size) {
        high = (uint64_t)((unsigned char)data[0] | (unsigned char)data[size >> 1] | (unsigned char)data[size - 1]);
    }
    return !(high & UINT64_C(0x8080808080808080));
}

static size_t tracei_otlp_repaired_size(const char *text, size_t size) {
    size_t total = 0;
    for (;;) {
        size_t good = tracei_utf8_valid(text, size);
        total += good;
        if (good == size) return total;
        text += good;
        size -= good;
        good = (size_t)-tracei_utf8_step(text, size);
        total += 3;
        text += good;
        size -= good;
    }
}

static size_t tracei_otlp_text_size(const trace_string *text) {
    return tracei_otlp_is_ascii(text) ? text->size : tracei_otlp_repaired_size(text->data, text->size);
}

/* A field whose content has this size. */
static size_t tracei_otlp_field_size(size_t size) { return 1 + tracei_otlp_varint_size(size) + size; }

TRACE_INLINE char *tracei_otlp_tag_length(char *at, unsigned field, size_t size) {
    *at++ = (char)(uint8_t)(field << 3 | 2);
    return tracei_otlp_varint(at, size);
}

/* The text that repaired has this size. */
static char *tracei_otlp_put_text(char *at, unsigned field, const trace_string *text, bool ascii, size_t size) {
    at = tracei_otlp_tag_length(at, field, size);
    return ascii ? tracei_otlp_copy(at, text->data, size) : tracei_put_utf8(at, text->data, text->size);
}

static char *tracei_otlp_text_field(char *at, unsigned field, const trace_string *text) {
    bool ascii = tracei_otlp_is_ascii(text);
    return tracei_otlp_put_text(at, field, text, ascii, ascii ? text->size : tracei_otlp_repaired_size(text->data, text->size));
}

static size_t tracei_otlp_array_size(const trace_value *value, unsigned depth);

/* Of an AnyValue's content. */
static size_t tracei_otlp_value_size(const trace_value *value, unsigned depth) {
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        return tracei_otlp_field_size(tracei_otlp_text_size(&value->as.string));
    case TRACE_TYPE_INT:
        return 1 + tracei_otlp_varint_size((uint64_t)value->as.integer);
    case TRACE_TYPE_BOOL:
        return 2;
    case TRACE_TYPE_DOUBLE:
        return 9;
    case TRACE_TYPE_BYTES:
        return tracei_otlp_field_size(value->as.bytes.size);
    case TRACE_TYPE_ARRAY:
        return depth < TRACEI_OTLP_DEPTH_MAX ? tracei_otlp_field_size(tracei_otlp_array_size(value, depth)) : 0;
    default:
        return 0;
    }
}

static size_t tracei_otlp_array_size(const trace_value *value, unsigned depth) {
    size_t size = 0;
    for (size_t i = 0; i < value->as.array.count; i++)
        size += tracei_otlp_field_size(tracei_otlp_value_size(&value->as.array.items[i], depth + 1));
    return size;
}

static char *tracei_otlp_value(char *at, const trace_value *value, unsigned depth) {
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        return tracei_otlp_text_field(at, 1, &value->as.string);
    case TRACE_TYPE_BOOL:
        *at++ = 2 << 3;
        *at++ = value->as.boolean ? 1 : 0;
        return at;
    case TRACE_TYPE_INT:
        *at++ = 3 << 3;
        return tracei_otlp_varint(at, (uint64_t)value->as.integer);
    case TRACE_TYPE_DOUBLE:
        *at++ = 4 << 3 | 1;
        return tracei_otlp_fixed64(at, tracei_otlp_bits(value->as.number));
    case TRACE_TYPE_BYTES:
        at = tracei_otlp_tag_length(at, 7, value->as.bytes.size);
        return tracei_otlp_copy(at, value->as.bytes.data, value->as.bytes.size);
    case TRACE_TYPE_ARRAY:
        if (depth >= TRACEI_OTLP_DEPTH_MAX) return at;
        at = tracei_otlp_tag_length(at, 5, tracei_otlp_array_size(value, depth));
        for (size_t i = 0; i < value->as.array.count; i++) {
            const trace_value *item = &value->as.array.items[i];
            at = tracei_otlp_tag_length(at, 1, tracei_otlp_value_size(item, depth + 1));
            at = tracei_otlp_value(at, item, depth + 1);
        }
        return at;
    default:
        return at;
    }
}

static size_t tracei_otlp_attributes_size(const trace_attribute *attributes, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += tracei_otlp_field_size(tracei_otlp_field_size(tracei_otlp_text_size(&attributes[i].key)) +
                                       tracei_otlp_field_size(tracei_otlp_value_size(&attributes[i].value, 0)));
    return size;
}

/* Nearly all attributes: lengths of one byte each, known once the contents are written. NULL: not one of them. */
TRACE_INLINE char *tracei_otlp_short_attribute(char *at, unsigned field, const trace_attribute *attribute) {
    const trace_value *value = &attribute->value;
    char *content;
    size_t size = attribute->key.size;
    bool is_text = value->type == TRACE_TYPE_STRING;
    if (is_text) size += value->as.string.size;
    else if (value->type != TRACE_TYPE_INT && value->type != TRACE_TYPE_BOOL && value->type != TRACE_TYPE_DOUBLE) return NULL;
    if (size > 100 || !tracei_otlp_is_ascii(&attribute->key) || (is_text && !tracei_otlp_is_ascii(&value->as.string)))
        return NULL;
    at[0] = (char)(uint8_t)(field << 3 | 2);
    at[2] = 1 << 3 | 2;
    at[3] = (char)attribute->key.size;
    content = tracei_otlp_copy(at + 4, attribute->key.data, attribute->key.size);
    content[0] = 2 << 3 | 2;
    if (is_text) {
        content[1] = (char)(value->as.string.size + 2);
        content[2] = 1 << 3 | 2;
        content[3] = (char)value->as.string.size;
        content = tracei_otlp_copy(content + 4, value->as.string.data, value->as.string.size);
    } else {
        char *end = tracei_otlp_value(content + 2, value, 0);
        content[1] = (char)(end - content - 2);
        content = end;
    }
    at[1] = (char)(content - at - 2);
    return content;
}

static char *tracei_otlp_attribute(char *at, unsigned field, const trace_attribute *attribute) {
    bool ascii = tracei_otlp_is_ascii(&attribute->key);
    size_t key_size = ascii ? attribute->key.size : tracei_otlp_repaired_size(attribute->key.data, attribute->key.size);
    size_t value_size = tracei_otlp_value_size(&attribute->value, 0);
    at = tracei_otlp_tag_length(at, field, tracei_otlp_field_size(key_size) + tracei_otlp_field_size(value_size));
    at = tracei_otlp_put_text(at, 1, &attribute->key, ascii, key_size);
    at = tracei_otlp_tag_length(at, 2, value_size);
    return tracei_otlp_value(at, &attribute->value, 0);
}

static char *tracei_otlp_attributes(char *at, unsigned field, const trace_attribute *attributes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const trace_attribute *attribute = &attributes[i];
        char *after = tracei_otlp_short_attribute(at, field, attribute);
        at = after ? after : tracei_otlp_attribute(at, field, attribute);
    }
    return at;
}

static size_t tracei_otlp_number_size(uint32_t number) { return number ? 1 + tracei_otlp_varint_size(number) : 0; }

static char *tracei_otlp_number(char *at, unsigned field, uint32_t number) {
    if (!number) return at;
    *at++ = (char)(uint8_t)(field << 3);
    return tracei_otlp_varint(at, number);
}

static size_t tracei_otlp_optional_size(const trace_string *text) {
    return text->size ? tracei_otlp_field_size(tracei_otlp_text_size(text)) : 0;
}

static char *tracei_otlp_optional(char *at, unsigned field, const trace_string *text) {
    return text->size ? tracei_otlp_text_field(at, field, text) : at;
}

static size_t tracei_otlp_event_size(const trace_event_data *event) {
    return 9 + tracei_otlp_optional_size(&event->name) + tracei_otlp_attributes_size(event->attributes, event->attribute_count) +
           tracei_otlp_number_size(event->dropped_attribute_count);
}

static char *tracei_otlp_event(char *at, const trace_event_data *event) {
    *at++ = 1 << 3 | 1;
    at = tracei_otlp_fixed64(at, event->unix_ns);
    at = tracei_otlp_optional(at, 2, &event->name);
    at = tracei_otlp_attributes(at, 3, event->attributes, event->attribute_count);
    return tracei_otlp_number(at, 4, event->dropped_attribute_count);
}

static size_t tracei_otlp_link_size(const trace_link_data *link) {
    return 18 + 10 + 5 + tracei_otlp_optional_size(&link->trace_state) +
           tracei_otlp_attributes_size(link->attributes, link->attribute_count) +
           tracei_otlp_number_size(link->dropped_attribute_count);
}

static char *tracei_otlp_link(char *at, const trace_link_data *link) {
    at = TRACEI_OTLP_PUT(at, "\x0a\x10");
    memcpy(at, link->context.trace_id, 16);
    at = TRACEI_OTLP_PUT(at + 16, "\x12\x08");
    memcpy(at, link->context.span_id, 8);
    at = tracei_otlp_optional(at + 8, 3, &link->trace_state);
    at = tracei_otlp_attributes(at, 4, link->attributes, link->attribute_count);
    at = tracei_otlp_number(at, 5, link->dropped_attribute_count);
    *at++ = 6 << 3 | 5;
    return tracei_otlp_fixed32(at, tracei_otlp_flags(link->context.flags, link->context.is_remote));
}

static char *tracei_otlp_events_and_links(char *at, const trace_span_data *span) {
    at = tracei_otlp_number(at, 10, span->dropped_attribute_count);
    for (size_t i = 0; i < span->event_count; i++) {
        at = tracei_otlp_tag_length(at, 11, tracei_otlp_event_size(&span->events[i]));
        at = tracei_otlp_event(at, &span->events[i]);
    }
    at = tracei_otlp_number(at, 12, span->dropped_event_count);
    for (size_t i = 0; i < span->link_count; i++) {
        at = tracei_otlp_tag_length(at, 13, tracei_otlp_link_size(&span->links[i]));
        at = tracei_otlp_link(at, &span->links[i]);
    }
    return tracei_otlp_number(at, 14, span->dropped_link_count);
}

static char *tracei_otlp_status(char *at, const trace_span_data *span) {
    size_t size = tracei_otlp_optional_size(&span->status_message) + (span->status != TRACE_STATUS_UNSET ? 2u : 0u);
    if (!size) return at;
    at = tracei_otlp_tag_length(at, 15, size);
    at = tracei_otlp_optional(at, 2, &span->status_message);
    return tracei_otlp_number(at, 3, (uint32_t)span->status % 10);
}

/* One span as the content of a Span message. */
static char *tracei_otlp_protobuf_span(char *at, const trace_span_data *span) {
    at = TRACEI_OTLP_PUT(at, "\x0a\x10");
    memcpy(at, span->trace_id, 16);
    at = TRACEI_OTLP_PUT(at + 16, "\x12\x08");
    memcpy(at, span->span_id, 8);
    at = tracei_otlp_optional(at + 8, 3, &span->trace_state);
    if (tracei_otlp_has_parent(span)) {
        at = TRACEI_OTLP_PUT(at, "\x22\x08");
        memcpy(at, span->parent_span_id, 8);
        at += 8;
    }
    at = tracei_otlp_optional(at, 5, &span->name);
    *at++ = 6 << 3;
    *at++ = (char)((unsigned)span->kind % 10);
    *at++ = 7 << 3 | 1;
    at = tracei_otlp_fixed64(at, span->start_unix_ns);
    *at++ = 8 << 3 | 1;
    at = tracei_otlp_fixed64(at, span->end_unix_ns);
    at = tracei_otlp_attributes(at, 9, span->attributes, span->attribute_count);
    if (span->event_count | span->link_count | span->dropped_attribute_count | span->dropped_event_count |
        span->dropped_link_count)
        at = tracei_otlp_events_and_links(at, span);
    at = tracei_otlp_status(at, span);
    at = TRACEI_OTLP_PUT(at, "\x85\x01");
    return tracei_otlp_fixed32(at, tracei_otlp_flags(span->flags, span->parent_is_remote));
}

/* >>groups -------------------------------------------------------------------------------------------------------- */

/* A group is a scope of a resource: what a ScopeSpans stands for. Resource and scope are encoded once, when first seen, as the
   bytes before and after what they contain; a queued span carries its group's number. Entries never change and never go away,
   so the sender reads them without a lock: the queue's own commit publishes them. Entries are told apart by a hash of their
   content, within one batch by pointer. The fields under "of the request being built" belong to whoever assembles, one at a
   time. */

#define TRACEI_OTLP_GROUPS_MAX 512u
#define TRACEI_OTLP_RESOURCES_MAX 32u
#define TRACEI_OTLP_NONE 0xffffffffu

typedef struct tracei_otlp_part {
    const char *head, *tail;
    size_t head_size, tail_size;
    uint64_t hash;
    uint32_t resource;            /* of a group */
    uint32_t serial;              /* of the request being built: the one it was last part of */
    size_t total;                 /* of the request being built: bytes with everything in it */
} tracei_otlp_part;

typedef struct tracei_otlp_encoder {
    bool json;
    bool warned_scopes, warned_resources;
    uint32_t group_count, resource_count;
    uint32_t serial;
    uint32_t used_group_count, used_resource_count;            /* of the request being built, in order of appearance */
    uint32_t last_group;
    trace_attribute extra;        /* of every resource that has no such key; none when its key is empty */
    char *block;                  /* where heads and tails are kept */
    size_t block_left;
    uint32_t used_groups[TRACEI_OTLP_GROUPS_MAX];
    uint32_t used_resources[TRACEI_OTLP_RESOURCES_MAX];
    tracei_otlp_part resources[TRACEI_OTLP_RESOURCES_MAX];
    tracei_otlp_part groups[TRACEI_OTLP_GROUPS_MAX];
} tracei_otlp_encoder;

static uint64_t tracei_otlp_hash_word(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t tracei_otlp_hash(uint64_t hash, const char *bytes, size_t size) {
    uint64_t last = 0;
    hash = tracei_otlp_hash_word(hash, size);
    for (; size >= 8; bytes += 8, size -= 8) hash = tracei_otlp_hash_word(hash, tracei_load_8(bytes));
    if (size) memcpy(&last, bytes, size);
    return tracei_otlp_hash_word(hash, last);
}

static uint64_t tracei_otlp_hash_value(uint64_t hash, const trace_value *value, unsigned depth) {
    hash = tracei_otlp_hash_word(hash, (uint64_t)value->type);
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
    case TRACE_TYPE_BYTES:
        return tracei_otlp_hash(hash, value->as.string.data, value->as.string.size);
    case TRACE_TYPE_INT:
        return tracei_otlp_hash_word(hash, (uint64_t)value->as.integer);
    case TRACE_TYPE_BOOL:
        return tracei_otlp_hash_word(hash, value->as.boolean ? 1u : 0u);
    case TRACE_TYPE_DOUBLE:
        return tracei_otlp_hash_word(hash, tracei_otlp_bits(value->as.number));
    case TRACE_TYPE_ARRAY:
        for (size_t i = 0; i < value->as.array.count && depth < TRACEI_OTLP_DEPTH_MAX; i++)
            hash = tracei_otlp_hash_value(hash, &value->as.array.items[i], depth + 1);
        return hash;
    default:
        return hash;
    }
}

static uint64_t tracei_otlp_hash_resource(const trace_resource *resource) {
    uint64_t hash = tracei_otlp_hash(1, resource->schema_url.data, resource->schema_url.size);
    for (size_t i = 0; i < resource->attribute_count; i++) {
        hash = tracei_otlp_hash(hash, resource->attributes[i].key.data, resource->attributes[i].key.size);
        hash = tracei_otlp_hash_value(hash, &resource->attributes[i].value, 0);
    }
    return hash;
}

static char *tracei_otlp_keep(tracei_otlp_encoder *encoder, size_t size) {
    char *kept;
    if (size > 4096) return (char *)tracei_alloc(size);
    if (size > encoder->block_left) {
        kept = (char *)tracei_alloc(16384);
        if (!kept) return NULL;
        encoder->block = kept;
        encoder->block_left = 16384;
    }
    kept = encoder->block;
    encoder->block += size;
    encoder->block_left -= size;
    return kept;
}

static char *tracei_otlp_json_schema(char *at, trace_string url) {
    *at++ = ']';
    if (url.size) {
        at = TRACEI_OTLP_PUT(at, ",\"schemaUrl\":\"");
        at = tracei_put_json(at, url.data, url.size);
        *at++ = '"';
    }
    *at++ = '}';
    return at;
}

/* With the extra attribute, in memory to be freed; NULL: it is not wanted, or there is no memory. */
static trace_attribute *tracei_otlp_extended(const tracei_otlp_encoder *encoder, const trace_resource *resource) {
    const trace_string *const key = &encoder->extra.key;
    trace_attribute *all;
    if (!key->size) return NULL;
    for (size_t i = 0; i < resource->attribute_count; i++)
        if (resource->attributes[i].key.size == key->size && !memcmp(resource->attributes[i].key.data, key->data, key->size))
            return NULL;
    all = (trace_attribute *)tracei_alloc((resource->attribute_count + 1) * sizeof *all);
    if (!all) return NULL;
    if (resource->attribute_count) memcpy(all, resource->attributes, resource->attribute_count * sizeof *all);
    all[resource->attribute_count] = encoder->extra;
    return all;
}

static bool tracei_otlp_encode_resource(tracei_otlp_encoder *encoder, const trace_resource *resource, tracei_otlp_part *part) {
    size_t attributes;
    char *at, *tail;
    if (encoder->json) {
        at = tracei_otlp_keep(encoder,
                              80 + tracei_otlp_json_attributes_size(resource->attributes, resource->attribute_count, true) +
                                  tracei_json_size(resource->schema_url.data, resource->schema_url.size));
        if (!at) return false;
        part->head = at;
        at = TRACEI_OTLP_PUT(at, "{\"resource\":{");
        if (resource->attribute_count) {
            char *brace = at - 1;
            at = tracei_otlp_json_attributes(brace, resource->attributes, resource->attribute_count);
            *brace = '{';
        }
        tail = TRACEI_OTLP_PUT(at, "},\"scopeSpans\":[");
        at = tracei_otlp_json_schema(tail, resource->schema_url);
    } else {
        attributes = tracei_otlp_attributes_size(resource->attributes, resource->attribute_count);
        at = tracei_otlp_keep(encoder, tracei_otlp_field_size(attributes) + tracei_otlp_optional_size(&resource->schema_url));
        if (!at) return false;
        part->head = at;
        at = tracei_otlp_tag_length(at, 1, attributes);
        tail = tracei_otlp_attributes(at, 1, resource->attributes, resource->attribute_count);
        at = tracei_otlp_optional(tail, 3, &resource->schema_url);
    }
    part->head_size = (size_t)(tail - part->head);
    part->tail = tail;
    part->tail_size = (size_t)(at - tail);
    return true;
}

static bool tracei_otlp_encode_scope(tracei_otlp_encoder *encoder, const trace_scope *scope, tracei_otlp_part *part) {
    trace_string name = tracei_http_string_of(scope ? scope->name : NULL);
    trace_string version = tracei_http_string_of(scope ? scope->version : NULL);
    trace_string url = tracei_http_string_of(scope ? scope->schema_url : NULL);
    size_t size;
    char *at, *tail;
    if (encoder->json) {
        at = tracei_otlp_keep(encoder, 96 + tracei_otlp_json_text_size(name, true) + tracei_otlp_json_text_size(version, true) +
                                           tracei_otlp_json_text_size(url, true));
        if (!at) return false;
        part->head = at;
        at = TRACEI_OTLP_PUT(at, "{\"scope\":{");
        if (name.size) {
            at = TRACEI_OTLP_PUT(at, "\"name\":\"");
            at = tracei_put_json(at, name.data, name.size);
            *at++ = '"';
        }
        if (version.size) {
            if (name.size) *at++ = ',';
            at = TRACEI_OTLP_PUT(at, "\"version\":\"");
            at = tracei_put_json(at, version.data, version.size);
            *at++ = '"';
        }
        tail = TRACEI_OTLP_PUT(at, "},\"spans\":[");
        at = tracei_otlp_json_schema(tail, url);
    } else {
        size = tracei_otlp_optional_size(&name) + tracei_otlp_optional_size(&version);
        at = tracei_otlp_keep(encoder, tracei_otlp_field_size(size) + tracei_otlp_optional_size(&url));
        if (!at) return false;
        part->head = at;
        at = tracei_otlp_tag_length(at, 1, size);
        at = tracei_otlp_optional(at, 1, &name);
        tail = tracei_otlp_optional(at, 2, &version);
        at = tracei_otlp_optional(tail, 3, &url);
    }
    part->head_size = (size_t)(tail - part->head);
    part->tail = tail;
    part->tail_size = (size_t)(at - tail);
    return true;
}

/* The resource's number; NONE when there is no memory. */
static uint32_t tracei_otlp_resource(tracei_otlp_encoder *encoder, const trace_resource *resource) {
    static const trace_resource empty = {NULL, 0, {"", 0}};
    uint64_t hash;
    tracei_otlp_part *part;
    trace_resource extended;
    trace_attribute *all;
    bool encoded;
    if (!resource) resource = &empty;
    hash = tracei_otlp_hash_resource(resource);
    for (uint32_t i = encoder->resource_count; i-- > 0;)
        if (encoder->resources[i].hash == hash) return i;
    if (encoder->resource_count == TRACEI_OTLP_RESOURCES_MAX) {
        if (!encoder->warned_resources)
            tracei_log(TRACE_LOG_LEVEL_WARNING,
                       "otlp: more than %u different resources in one process: the last one stands for all further ones",
                       TRACEI_OTLP_RESOURCES_MAX);
        encoder->warned_resources = true;
        return TRACEI_OTLP_RESOURCES_MAX - 1;
    }
    part = &encoder->resources[encoder->resource_count];
    extended = *resource;
    all = tracei_otlp_extended(encoder, resource);
    if (all) extended.attributes = all, extended.attribute_count++;
    encoded = tracei_otlp_encode_resource(encoder, &extended, part);
    tracei_free(all, extended.attribute_count * sizeof *all);
    if (!encoded) return TRACEI_OTLP_NONE;
    part->hash = hash;
    return encoder->resource_count++;
}

/* The group's number; NONE when there is no memory or no place. The nameless scope takes what other scopes find no place for. */
static uint32_t tracei_otlp_group(tracei_otlp_encoder *encoder, uint32_t resource, const trace_scope *scope) {
    trace_string name = tracei_http_string_of(scope ? scope->name : NULL);
    trace_string version = tracei_http_string_of(scope ? scope->version : NULL);
    trace_string url = tracei_http_string_of(scope ? scope->schema_url : NULL);
    uint64_t hash = tracei_otlp_hash_word(2, resource);
    tracei_otlp_part *part;
    hash = tracei_otlp_hash(hash, name.data, name.size);
    hash = tracei_otlp_hash(tracei_otlp_hash(hash, version.data, version.size), url.data, url.size);
    if (encoder->last_group < encoder->group_count && encoder->groups[encoder->last_group].hash == hash)
        return encoder->last_group;
    for (uint32_t i = 0; i < encoder->group_count; i++)
        if (encoder->groups[i].hash == hash) return encoder->last_group = i;
    if (encoder->group_count >= TRACEI_OTLP_GROUPS_MAX - (scope ? TRACEI_OTLP_RESOURCES_MAX : 0)) {
        if (!scope) return TRACEI_OTLP_NONE;
        if (!encoder->warned_scopes)
            tracei_log(TRACE_LOG_LEVEL_WARNING,
                       "otlp: more than %u different scopes: spans of further ones are exported without it",
                       TRACEI_OTLP_GROUPS_MAX - TRACEI_OTLP_RESOURCES_MAX);
        encoder->warned_scopes = true;
        return tracei_otlp_group(encoder, resource, NULL);
    }
    part = &encoder->groups[encoder->group_count];
    if (!tracei_otlp_encode_scope(encoder, scope, part)) return TRACEI_OTLP_NONE;
    part->hash = hash;
    part->resource = resource;
    encoder->last_group = encoder->group_count;
    return encoder->group_count++;
}

/* >>request ------------------------------------------------------------------------------------------------------- */

/* Encoded spans become one ExportTraceServiceRequest (TracesData is the same message): its size first, exact for protobuf and at
   most a few commas too large for JSON, then its bytes. Spans stay in order within their group. */

static void tracei_otlp_use_group(tracei_otlp_encoder *encoder, uint32_t number) {
    tracei_otlp_part *group = &encoder->groups[number], *resource = &encoder->resources[group->resource];
    if (group->serial == encoder->serial) return;
    group->serial = encoder->serial;
    group->total = group->head_size + group->tail_size;
    encoder->used_groups[encoder->used_group_count++] = number;
    if (resource->serial == encoder->serial) return;
    resource->serial = encoder->serial;
    resource->total = resource->head_size + resource->tail_size;
    encoder->used_resources[encoder->used_resource_count++] = group->resource;
}

static size_t tracei_otlp_request_size(tracei_otlp_encoder *encoder, const tracei_item *items, size_t count) {
    const size_t comma = 1;
    size_t total = encoder->json ? 32 : 0;
    if (!++encoder->serial) encoder->serial = 1;
    encoder->used_group_count = encoder->used_resource_count = 0;
    for (size_t i = 0; i < count; i++) {
        tracei_otlp_use_group(encoder, items[i].scope);
        encoder->groups[items[i].scope].total += encoder->json ? items[i].size + comma : tracei_otlp_field_size(items[i].size);
    }
    for (uint32_t i = 0; i < encoder->used_group_count; i++) {
        const tracei_otlp_part *group = &encoder->groups[encoder->used_groups[i]];
        encoder->resources[group->resource].total += encoder->json ? group->total + comma : tracei_otlp_field_size(group->total);
    }
    for (uint32_t i = 0; i < encoder->used_resource_count; i++) {
        size_t size = encoder->resources[encoder->used_resources[i]].total;
        total += encoder->json ? size + comma : tracei_otlp_field_size(size);
    }
    return total;
}

static char *tracei_otlp_add(char *at, const void *bytes, size_t size) {
    memcpy(at, bytes, size);
    return at + size;
}

static char *tracei_otlp_request_group(const tracei_otlp_encoder *encoder, char *at, uint32_t number, const tracei_item *items,
                                       size_t count) {
    const tracei_otlp_part *group = &encoder->groups[number];
    if (!encoder->json) at = tracei_otlp_tag_length(at, 2, group->total);
    at = tracei_otlp_add(at, group->head, group->head_size);
    for (size_t i = 0; i < count; i++) {
        if (items[i].scope != number) continue;
        if (!encoder->json) at = tracei_otlp_tag_length(at, 2, items[i].size);
        at = tracei_otlp_add(at, items[i].data, items[i].size);
        if (encoder->json) *at++ = ',';
    }
    if (encoder->json) at--;
    return tracei_otlp_add(at, group->tail, group->tail_size);
}

/* After tracei_otlp_request_size of the same items. count > 0. */
static char *tracei_otlp_request(const tracei_otlp_encoder *encoder, char *at, const tracei_item *items, size_t count) {
    if (encoder->json) at = TRACEI_OTLP_PUT(at, "{\"resourceSpans\":[");
    for (uint32_t i = 0; i < encoder->used_resource_count; i++) {
        const tracei_otlp_part *resource = &encoder->resources[encoder->used_resources[i]];
        if (!encoder->json) at = tracei_otlp_tag_length(at, 1, resource->total);
        at = tracei_otlp_add(at, resource->head, resource->head_size);
        for (uint32_t j = 0; j < encoder->used_group_count; j++) {
            if (encoder->groups[encoder->used_groups[j]].resource != encoder->used_resources[i]) continue;
            at = tracei_otlp_request_group(encoder, at, encoder->used_groups[j], items, count);
            if (encoder->json) *at++ = ',';
        }
        if (encoder->json) at--;
        at = tracei_otlp_add(at, resource->tail, resource->tail_size);
        if (encoder->json) *at++ = ',';
    }
    return encoder->json ? TRACEI_OTLP_PUT(at - 1, "]}") : at;
}

static char *tracei_otlp_span(const tracei_otlp_encoder *encoder, char *at, const trace_span_data *span) {
    return encoder->json ? tracei_otlp_json_span(at, span) : tracei_otlp_protobuf_span(at, span);
}

/* >>answers ------------------------------------------------------------------------------------------------------- */

/* What a server says: ExportTraceServiceResponse after success, google.rpc.Status otherwise, as protobuf or JSON by what the
   bytes look like, since some answer protobuf with JSON. Read leniently: what does not parse says nothing. */

typedef struct tracei_otlp_answer {
    uint64_t rejected;
    trace_string message;
} tracei_otlp_answer;

static const char *tracei_otlp_skip_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) at++;
    return at;
}

/* Past the string that begins at `at`; `end` when it does not end. */
static const char *tracei_otlp_skip_string(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end) at++;
    return at < end ? at + 1 : end;
}

static const char *tracei_otlp_skip_value(const char *at, const char *end) {
    unsigned depth = 0;
    do {
        at = tracei_otlp_skip_space(at, end);
        if (at == end) return end;
        if (*at == '"') {
            at = tracei_otlp_skip_string(at, end);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            if (!depth) return at;
            depth--;
            at++;
        } else if (*at == ',' || *at == ':') {
            if (!depth) return at;
            at++;
        } else {
            for (at++; at < end && !memchr(" \t\r\n,:{}[]\"", *at, 11);) at++;
        }
    } while (depth);
    return at;
}

/* The value of a member of the object that begins at `at`; NULL when there is none. */
static const char *tracei_otlp_member(const char *at, const char *end, const char *name) {
    const size_t size = strlen(name);
    at = tracei_otlp_skip_space(at, end);
    if (at == end || *at != '{') return NULL;
    for (at++;;) {
        const char *key;
        bool found;
        at = tracei_otlp_skip_space(at, end);
        if (at == end || *at != '"') return NULL;
        key = at + 1;
        at = tracei_otlp_skip_string(at, end);
        found = (size_t)(at - key) == size + 1 && memcmp(key, name, size) == 0;
        at = tracei_otlp_skip_space(at, end);
        if (at == end || *at++ != ':') return NULL;
        at = tracei_otlp_skip_space(at, end);
        if (found) return at;
        at = tracei_otlp_skip_space(tracei_otlp_skip_value(at, end), end);
        if (at == end || *at++ != ',') return NULL;
    }
}

static trace_string tracei_otlp_json_string(const char *at, const char *end) {
    trace_string text = {"", 0};
    const char *after;
    if (!at || at == end || *at != '"') return text;
    after = tracei_otlp_skip_string(at, end);
    if (after[-1] != '"' || after == at + 1) return text;
    text.data = at + 1;
    text.size = (size_t)(after - at) - 2;
    return text;
}

static void tracei_otlp_json_answer(const char *at, const char *end, tracei_otlp_answer *answer) {
    const char *partial = tracei_otlp_member(at, end, "partialSuccess"), *count;
    if (!partial) {
        answer->message = tracei_otlp_json_string(tracei_otlp_member(at, end, "message"), end);
        return;
    }
    answer->message = tracei_otlp_json_string(tracei_otlp_member(partial, end, "errorMessage"), end);
    count = tracei_otlp_member(partial, end, "rejectedSpans");
    if (count && count < end && *count == '"') count++;
    for (; count && count < end && *count >= '0' && *count <= '9' && answer->rejected < UINT32_MAX; count++)
        answer->rejected = answer->rejected * 10 + (uint64_t)(*count - '0');
}

/* The next field; false at the end or where the bytes make no sense. Numbers in *number, contents in *content. */
static bool tracei_otlp_field(const char **at, const char *end, unsigned *field, uint64_t *number, trace_string *content) {
    uint64_t values[2] = {0, 0};
    unsigned type = 0;
    for (unsigned i = 0; i < 2; i++) {
        unsigned shift = 0;
        if (i == 1 && type != 0 && type != 2) break;
        for (;; shift += 7) {
            uint8_t byte;
            if (*at == end || shift > 63) return false;
            byte = (uint8_t) * (*at)++;
            values[i] |= (uint64_t)(byte & 127) << shift;
            if (byte < 128) break;
        }
        type = (unsigned)(values[0] & 7);
    }
    *field = (unsigned)(values[0] >> 3);
    *number = type == 0 ? values[1] : 0;
    content->data = *at;
    content->size = type == 2 ? (size_t)values[1] : type == 1 ? 8 : type == 5 ? 4 : 0;
    if (type == 3 || type == 4 || type > 5 || (type == 2 && values[1] > (uint64_t)(end - *at)) ||
        content->size > (size_t)(end - *at))
        return false;
    *at += content->size;
    if (type != 2) content->size = 0;
    return true;
}

static void tracei_otlp_protobuf_answer(const char *at, const char *end, bool is_status, tracei_otlp_answer *answer) {
    unsigned field;
    uint64_t number;
    trace_string content;
    while (tracei_otlp_field(&at, end, &field, &number, &content)) {
        if (is_status) {
            if (field == 2) answer->message = content;
        } else if (field == 1) {
            const char *inner = content.data, *inner_end = inner + content.size;
            while (tracei_otlp_field(&inner, inner_end, &field, &number, &content)) {
                if (field == 1) answer->rejected = number;
                if (field == 2) answer->message = content;
            }
        }
    }
}

static tracei_otlp_answer tracei_otlp_read_answer(const char *body, size_t size, bool is_status) {
    tracei_otlp_answer answer = {0, {"", 0}};
    const char *end, *start;
    if (!size) return answer;
    end = body + size;
    start = tracei_otlp_skip_space(body, end);
    if (start < end && *start == '{') tracei_otlp_json_answer(start, end, &answer);
    else tracei_otlp_protobuf_answer(body, end, is_status, &answer);
    return answer;
}

/* >>file ---------------------------------------------------------------------------------------------------------- */

#if TRACEI_OTLP_FILES

/* One pass thread calls; nothing here waits but flush. Spans are encoded side by side into `spans`, then put into one line of
   `lines`. What a pipe does not take stays there. A regular file takes everything. A pipe that polls as writable takes PIPE_BUF
   bytes without blocking and as a whole, whoever else writes to it (POSIX): lines for it are no longer, as far as one span fits,
   and each write ends with a line. Only the ledger has a lock: it is read by any thread. */

#define TRACEI_OTLP_FILE_ITEMS 256u
#if defined(PIPE_BUF)
#define TRACEI_OTLP_PIECE ((size_t)PIPE_BUF)
#else
#define TRACEI_OTLP_PIECE ((size_t)512)     /* the smallest there is */
#endif

typedef struct tracei_otlp_file {
    tracei_otlp_encoder encoder;
    int descriptor;
    bool is_regular;
    bool is_broken;               /* the last line was not finished */
    bool warned;
    uint64_t told;                /* losses, by a shutdown */
    uint32_t max_batch_bytes;
    char *spans, *lines;
    size_t capacity;              /* of each */
    size_t spans_size, lines_size, lines_sent;
    size_t item_count;
    tracei_item items[TRACEI_OTLP_FILE_ITEMS];
    uint32_t lock;
    trace_exporter_stats ledger;
} tracei_otlp_file;

static void tracei_otlp_file_count(tracei_otlp_file *file, size_t received, size_t queued) {
    tracei_lock(&file->lock);
    file->ledger.received += received;
    file->ledger.queued += queued;
    tracei_unlock(&file->lock);
}

static void tracei_otlp_file_fail(tracei_otlp_file *file, trace_failure why, size_t spans) {
    tracei_lock(&file->lock);
    file->ledger.failed[why] += spans;
    file->ledger.last_failure_unix_ns = tracei_unix_ns();
    tracei_stats_say(&file->ledger, "the file could not be written");
    tracei_unlock(&file->lock);
}

/* Everything in `lines` has met its fate. */
static void tracei_otlp_file_settle(tracei_otlp_file *file, bool written, trace_failure why) {
    file->lines_size = file->lines_sent = 0;
    tracei_lock(&file->lock);
    if (!file->ledger.queued) {
    } else if (written) {
        file->ledger.sent += file->ledger.queued;
        file->ledger.last_success_unix_ns = tracei_unix_ns();
    } else {
        file->ledger.failed[why] += file->ledger.queued;
        file->ledger.last_failure_unix_ns = tracei_unix_ns();
        tracei_stats_say(&file->ledger, "the file could not be written");
    }
    file->ledger.queued = 0;
    tracei_unlock(&file->lock);
}

#if defined(_WIN32)
static bool tracei_otlp_file_ready(const tracei_otlp_file *file, uint64_t deadline_ns) {
    (void)file;
    (void)deadline_ns;
    return true;
}

static int tracei_otlp_file_write(tracei_otlp_file *file, const char *bytes, size_t size) {
    return _write(file->descriptor, bytes, (unsigned)(size < 1u << 20 ? size : 1u << 20));
}

static bool tracei_otlp_file_again(void) { return false; }

static int tracei_otlp_file_open(const char *path) {
    return _open(path, _O_WRONLY | _O_CREAT | _O_APPEND | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
}

static bool tracei_otlp_file_is_regular(int descriptor) { return descriptor != 1; }
#else
/* Sleeps no longer than to the deadline; 0: not at all. */
static bool tracei_otlp_file_ready(const tracei_otlp_file *file, uint64_t deadline_ns) {
    if (file->is_regular) return true;
    for (;;) {
        struct pollfd polled;
        uint64_t now = deadline_ns ? tracei_mono_ns() : 0;
        uint64_t left_ms = deadline_ns > now ? (deadline_ns - now) / 1000000 + 1 : 0;
        int result;
        polled.fd = file->descriptor;
        polled.events = POLLOUT;
        polled.revents = 0;
        result = poll(&polled, 1, left_ms > 1000 ? 1000 : (int)left_ms);
        if (result > 0) return true;
        if ((result == 0 && left_ms <= 1000) || (result < 0 && errno != EINTR)) return false;
    }
}

static ssize_t tracei_otlp_file_write(tracei_otlp_file *file, const char *bytes, size_t size) {
    tracei_quiet quiet;
    ssize_t wrote;
    if (!file->is_regular && size > TRACEI_OTLP_PIECE) {
        size = TRACEI_OTLP_PIECE;
        while (size && bytes[size - 1] != '\n') size--;
        if (!size) size = TRACEI_OTLP_PIECE; /* a line of one span that is longer */
    }
    tracei_quiet_begin(&quiet);
    wrote = write(file->descriptor, bytes, size);
    tracei_quiet_end(&quiet, wrote < 0 ? errno : 0);
    return wrote;
}

static bool tracei_otlp_file_again(void) { return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK; }

static int tracei_otlp_file_open(const char *path) {
#ifdef O_CLOEXEC
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
#else
    return open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
#endif
}

static bool tracei_otlp_file_is_regular(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}
#endif

/* Writes what is waiting, until the deadline (0: what goes without waiting). True when nothing is left. */
static bool tracei_otlp_file_push(tracei_otlp_file *file, uint64_t deadline_ns) {
    while (file->lines_sent < file->lines_size) {
        int64_t wrote;
        if (!tracei_otlp_file_ready(file, deadline_ns)) return false;
        wrote = (int64_t)tracei_otlp_file_write(file, file->lines + file->lines_sent, file->lines_size - file->lines_sent);
        if (wrote >= 0) {
            file->lines_sent += (size_t)wrote;
        } else if (!tracei_otlp_file_again()) {
            if (!file->warned)
                tracei_log(TRACE_LOG_LEVEL_ERROR, "otlp: cannot write spans to the file; is the disk full or the reader gone?");
            file->warned = true;
            file->is_broken = file->lines_sent && file->lines[file->lines_sent - 1] != '\n';
            tracei_otlp_file_settle(file, false, TRACE_FAILURE_REJECTED);
            return true;
        } else if (!deadline_ns) {
            return false;
        }
    }
    tracei_otlp_file_settle(file, true, TRACE_FAILURE_REJECTED);
    return true;
}

static void tracei_otlp_file_line(tracei_otlp_file *file, const tracei_item *items, size_t count) {
    size_t size = tracei_otlp_request_size(&file->encoder, items, count) + 2;
    char *at;
    if (size > file->capacity - file->lines_size) tracei_otlp_file_push(file, 0);
    if (size > file->capacity - file->lines_size && file->lines_sent) {
        memmove(file->lines, file->lines + file->lines_sent, file->lines_size - file->lines_sent);
        file->lines_size -= file->lines_sent;
        file->lines_sent = 0;
    }
    if (size > file->capacity - file->lines_size) {
        tracei_otlp_file_fail(file, file->lines_size ? TRACE_FAILURE_QUEUE_FULL : TRACE_FAILURE_TOO_LARGE, count);
        return;
    }
    at = file->lines + file->lines_size;
    if (file->is_broken) *at++ = '\n';
    file->is_broken = false;
    at = tracei_otlp_request(&file->encoder, at, items, count);
    *at++ = '\n';
    file->lines_size = (size_t)(at - file->lines);
    tracei_otlp_file_count(file, 0, count);
}

/* The spans encoded so far become a line, or several that fit a pipe. */
static void tracei_otlp_file_lines(tracei_otlp_file *file) {
    const tracei_item *items = file->items;
    size_t left = file->item_count, count;
    file->item_count = file->spans_size = 0;
    for (; left; items += count, left -= count) {
        count = file->is_regular ? left : 1;
        while (count < left && tracei_otlp_request_size(&file->encoder, items, count + 1) < TRACEI_OTLP_PIECE) count++;
        tracei_otlp_file_line(file, items, count);
    }
}

static trace_result tracei_otlp_file_export(void *user, const trace_batch *batch) {
    tracei_otlp_file *file = (tracei_otlp_file *)user;
    uint32_t resource = tracei_otlp_resource(&file->encoder, batch->resource), group = TRACEI_OTLP_NONE;
    tracei_otlp_file_count(file, batch->span_count, 0);
    for (size_t i = 0; i < batch->span_count; i++) {
        const trace_span_data *span = &batch->spans[i];
        tracei_item *item;
        size_t size = tracei_otlp_span_size(span);
        if (i == 0 || span->scope != span[-1].scope)
            group = resource == TRACEI_OTLP_NONE ? TRACEI_OTLP_NONE : tracei_otlp_group(&file->encoder, resource, span->scope);
        if (group == TRACEI_OTLP_NONE || size > file->capacity) {
            tracei_otlp_file_fail(file, group == TRACEI_OTLP_NONE ? TRACE_FAILURE_QUEUE_FULL : TRACE_FAILURE_TOO_LARGE, 1);
            continue;
        }
        if (file->item_count == TRACEI_OTLP_FILE_ITEMS || size > file->capacity - file->spans_size ||
            (file->spans_size && file->spans_size + size > file->max_batch_bytes))
            tracei_otlp_file_lines(file);
        item = &file->items[file->item_count++];
        item->data = (const uint8_t *)file->spans + file->spans_size;
        item->size = (uint32_t)(tracei_otlp_json_span(file->spans + file->spans_size, span) - (file->spans + file->spans_size));
        item->scope = group;
        file->spans_size += item->size;
    }
    tracei_otlp_file_lines(file);
    tracei_otlp_file_push(file, 0);
    return TRACE_RESULT_OK;
}

static trace_result tracei_otlp_file_flush(void *user, uint64_t deadline_ns) {
    return tracei_otlp_file_push((tracei_otlp_file *)user, deadline_ns ? deadline_ns : 1) ? TRACE_RESULT_OK
                                                                                          : TRACE_RESULT_TIMEOUT;
}

static void tracei_otlp_file_shutdown(void *user, uint64_t deadline_ns) {
    tracei_otlp_file *file = (tracei_otlp_file *)user;
    uint64_t lost = 0;
    if (!tracei_otlp_file_push(file, deadline_ns ? deadline_ns : 1)) {
        file->is_broken = file->lines_sent && file->lines[file->lines_sent - 1] != '\n';
        tracei_otlp_file_settle(file, false, TRACE_FAILURE_SHUTDOWN);
    }
    for (size_t i = 0; i < TRACE_FAILURE_COUNT; i++) lost += file->ledger.failed[i]; /* this thread alone writes it */
    if (lost > file->told) tracei_report_losses("otlp file", &file->ledger, "is the disk full, or the reader slow or gone?");
    file->told = lost;
}

static void tracei_otlp_file_stats(void *user, trace_exporter_stats *stats) {
    tracei_otlp_file *file = (tracei_otlp_file *)user;
    tracei_lock(&file->lock);
    *stats = file->ledger;
    tracei_unlock(&file->lock);
}

/* The parent writes what it had waiting. */
static void tracei_otlp_file_fork(void *user) {
    tracei_otlp_file *file = (tracei_otlp_file *)user;
    file->lock = 0;
    memset(&file->ledger, 0, sizeof file->ledger);
    file->told = 0;
    file->item_count = file->spans_size = file->lines_size = file->lines_sent = 0;
    file->is_broken = false;
}

static uint32_t tracei_otlp_or(uint32_t value, uint32_t otherwise) { return value ? value : otherwise; }

static trace_exporter tracei_otlp_file_exporter(const trace_otlp_options *options) {
    trace_exporter exporter;
    bool is_standard = !options->file || !strcmp(options->file, "-");
    tracei_otlp_file *file = (tracei_otlp_file *)tracei_alloc(sizeof(tracei_otlp_file));
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = options->name ? options->name : "otlp/stdout";
    if (!file) return exporter;
    file->encoder.json = true;
    file->max_batch_bytes = tracei_otlp_or(options->max_batch_bytes, 1u << 20);
    file->capacity = tracei_otlp_or(options->max_queue_bytes, 16u << 20);
    file->descriptor = is_standard ? 1 : tracei_otlp_file_open(options->file);
    if (file->descriptor < 0) tracei_log(TRACE_LOG_LEVEL_ERROR, "otlp: cannot open %s for appending", options->file);
    else {
        file->is_regular = tracei_otlp_file_is_regular(file->descriptor);
        file->spans = (char *)tracei_alloc(file->capacity);
        file->lines = (char *)tracei_alloc(file->capacity);
    }
    if (file->descriptor < 0 || !file->spans || !file->lines) return exporter;
    exporter.export_fn = tracei_otlp_file_export;
    tracei_name_punctual(exporter.export_fn);
    exporter.flush_fn = tracei_otlp_file_flush;
    exporter.shutdown_fn = tracei_otlp_file_shutdown;
    exporter.stats_fn = tracei_otlp_file_stats;
    exporter.fork_fn = tracei_otlp_file_fork;
    exporter.user = file;
    return exporter;
}

#else

static trace_exporter tracei_otlp_file_exporter(const trace_otlp_options *options) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = options->name ? options->name : "otlp/stdout";
    tracei_log(TRACE_LOG_LEVEL_ERROR, "otlp: this platform has no files");
    return exporter;
}

#endif

/* >>presets ------------------------------------------------------------------------------------------------------- */

/* A backend is a row: what its own documents tell people to type. Texts are patterns: <NAME> stands for a variable (or one of its
   aliases) without which the preset cannot be used, <NAME?> for one without which the whole text says nothing, <NAME:text> for
   one that has a default, which may be a pattern. What follows "Basic " is encoded as base64. No row has code of its own: what
   AgentOps needs (it exchanges its key for a token) and AWS (signatures) are columns that others could use. */

typedef struct tracei_otlp_preset {
    const char *name;
    trace_otlp_protocol protocol; /* DEFAULT: http/protobuf */
    const char *endpoint;         /* "": the exporter's own default */
    const char *path;             /* appended, as far as it does not stand there; NULL: v1/traces when there is no path */
    const char *headers[3];       /* "name: value" */
    const char *resource;         /* "key: value", added to the resource unless it has the key; NULL: nothing */
    const char *sigv4;            /* what CURLOPT_AWS_SIGV4 takes, with the keys from AWS_*; NULL: not signed */
    const char *token_url;        /* answers a POST of token_body with {"token":"..."}; NULL: no exchange */
    const char *token_body;       /* JSON; values are escaped */
} tracei_otlp_preset;

static const tracei_otlp_preset tracei_otlp_presets[] = {
    /* jaegertracing.io/docs, APIs: OTLP on 4317 and 4318, nothing to authenticate with */
    {"jaeger", TRACE_OTLP_PROTOCOL_DEFAULT, "<OTEL_EXPORTER_JAEGER_ENDPOINT?>", NULL, {NULL, NULL, NULL}, NULL, NULL, NULL, NULL},
    /* grafana.com/docs/tempo, configuration of the distributor's otlp receiver; a tenant is a header X-Scope-OrgID */
    {"tempo", TRACE_OTLP_PROTOCOL_DEFAULT, "", NULL, {NULL, NULL, NULL}, NULL, NULL, NULL, NULL},
    /* docs.smith.langchain.com, "Trace with OpenTelemetry"; the European region is LANGSMITH_ENDPOINT */
    {"langsmith",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "<LANGSMITH_ENDPOINT:https://api.smith.langchain.com>",
     "/otel/v1/traces",
     {"x-api-key: <LANGSMITH_API_KEY>", "Langsmith-Project: <LANGSMITH_PROJECT?>", NULL},
     NULL, NULL, NULL, NULL},
    /* langfuse.com/integrations/native/opentelemetry; the version asks for ingestion without delay */
    {"langfuse",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "<LANGFUSE_BASE_URL:https://cloud.langfuse.com>",
     "/api/public/otel/v1/traces",
     {"Authorization: Basic <LANGFUSE_PUBLIC_KEY>:<LANGFUSE_SECRET_KEY>", "x-langfuse-ingestion-version: 4", NULL},
     NULL, NULL, NULL, NULL},
    /* arize.com/docs/phoenix, "Setup OTEL"; JSON is refused */
    {"phoenix",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "<PHOENIX_COLLECTOR_ENDPOINT:http://localhost:6006>",
     NULL,
     {"Authorization: Bearer <PHOENIX_API_KEY?>", NULL, NULL},
     "openinference.project.name: <PHOENIX_PROJECT_NAME?>",
     NULL, NULL, NULL},
    /* docs.honeycomb.io/send-data/opentelemetry; the European region is HONEYCOMB_API_ENDPOINT, datasets are for Classic keys */
    {"honeycomb",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "<HONEYCOMB_API_ENDPOINT:https://api.honeycomb.io>",
     NULL,
     {"x-honeycomb-team: <HONEYCOMB_API_KEY>", "x-honeycomb-dataset: <HONEYCOMB_DATASET?>", NULL},
     NULL, NULL, NULL, NULL},
    /* docs.newrelic.com, "New Relic OTLP endpoint"; the European region is NEW_RELIC_OTLP_ENDPOINT */
    {"newrelic",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "<NEW_RELIC_OTLP_ENDPOINT:https://otlp.nr-data.net>",
     NULL,
     {"api-key: <NEW_RELIC_LICENSE_KEY>", NULL, NULL},
     NULL, NULL, NULL, NULL},
    /* docs.dynatrace.com, "Export with OTLP"; JSON is refused */
    {"dynatrace",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "<DT_ENDPOINT>",
     "/api/v2/otlp/v1/traces",
     {"Authorization: Api-Token <DT_API_TOKEN>", NULL, NULL},
     NULL, NULL, NULL, NULL},
    /* grafana.com/docs/grafana-cloud, "Send data to the Grafana Cloud OTLP endpoint" */
    {"grafana-cloud",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "<GRAFANA_CLOUD_OTLP_ENDPOINT>",
     "/otlp/v1/traces",
     {"Authorization: Basic <GRAFANA_CLOUD_INSTANCE_ID>:<GRAFANA_CLOUD_API_KEY>", NULL, NULL},
     NULL, NULL, NULL, NULL},
    /* docs.datadoghq.com, "Datadog OTLP Traces Intake Endpoint"; the second header asks for trace metrics as well */
    {"datadog",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "https://otlp.<DD_SITE:datadoghq.com>",
     NULL,
     {"dd-api-key: <DD_API_KEY>", "compute_stats: true", NULL},
     NULL, NULL, NULL, NULL},
    /* AgentOps-AI/agentops, agentops/client/api/versions/v3.py and agentops/sdk/exporters.py */
    {"agentops",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "<AGENTOPS_EXPORTER_ENDPOINT:https://otlp.agentops.ai/v1/traces>",
     NULL,
     {NULL, NULL, NULL},
     NULL, NULL,
     "<AGENTOPS_API_ENDPOINT:https://api.agentops.ai>/v3/auth/token",
     "{\"api_key\":\"<AGENTOPS_API_KEY>\"}"},
    /* vllora/vllora, its OTLP receiver and its Python client; gRPC only */
    {"vllora",
     TRACE_OTLP_PROTOCOL_GRPC,
     "<VLLORA_TRACING_BASE_URL:http://localhost:4317>",
     NULL,
     {"x-project-id: <VLLORA_PROJECT_ID?>", "x-api-key: <VLLORA_API_KEY?>", NULL},
     NULL, NULL, NULL, NULL},
    /* docs.aws.amazon.com, CloudWatch, "OTLP Endpoint"; wants Transaction Search to be on */
    {"xray",
     TRACE_OTLP_PROTOCOL_DEFAULT,
     "<AWS_ENDPOINT_URL_XRAY:https://xray.<AWS_REGION>.amazonaws.com>",
     NULL,
     {NULL, NULL, NULL},
     NULL,
     "aws:amz:<AWS_REGION>:xray",
     NULL, NULL},
};
enum { TRACEI_OTLP_PRESET_COUNT = sizeof tracei_otlp_presets / sizeof tracei_otlp_presets[0] };

/* What a pattern came to. */
typedef enum tracei_otlp_pattern {
    TRACEI_OTLP_PATTERN_TEXT,
    TRACEI_OTLP_PATTERN_NOTHING,  /* an optional variable is unset */
    TRACEI_OTLP_PATTERN_UNSET,    /* a variable is unset that has to be set */
    TRACEI_OTLP_PATTERN_TOO_LONG
} tracei_otlp_pattern;

static const tracei_otlp_preset *tracei_otlp_find_preset(const char *name) {
    for (size_t i = 0; i < TRACEI_OTLP_PRESET_COUNT; i++)
        if (!strcmp(tracei_otlp_presets[i].name, name)) return &tracei_otlp_presets[i];
    return NULL;
}

/* The name of the variable that begins at `at`, terminated, and what follows it. */
static const char *tracei_otlp_pattern_name(const char *at, char name[64]) {
    const size_t size = strcspn(at, ">?:");
    memcpy(name, at, size);       /* the table's own names are shorter */
    name[size] = '\0';
    return at + size;
}

/* Past the '>' that closes a default. */
static const char *tracei_otlp_pattern_end(const char *at) {
    for (unsigned depth = 1; depth; at++) depth += (*at == '<') - (unsigned)(*at == '>');
    return at;
}

/* Appends what the first `size` bytes of a pattern stand for; `unset` becomes the name of a variable that has to be set. */
static tracei_otlp_pattern tracei_otlp_expand(tracei_text *to, const char *pattern, size_t size, bool environment,
                                              char unset[64]) {
    const char *const end = pattern + size;
    const bool json = size && *pattern == '{';
    while (pattern < end) {
        const size_t plain = strcspn(pattern, "<") < (size_t)(end - pattern) ? strcspn(pattern, "<") : (size_t)(end - pattern);
        const char *value, *rest, *past;
        tracei_text_add(to, pattern, plain);
        pattern += plain;
        if (pattern == end) break;
        rest = tracei_otlp_pattern_name(pattern + 1, unset);
        past = tracei_otlp_pattern_end(rest);
        value = environment ? tracei_environment_any(unset, NULL) : NULL;
        if (value && json) tracei_text_json(to, value, strlen(value));
        else if (value) tracei_text_cstr(to, value);
        else if (*rest == '?') return TRACEI_OTLP_PATTERN_NOTHING;
        else if (*rest == '>') return TRACEI_OTLP_PATTERN_UNSET;
        else {
            const tracei_otlp_pattern inner = tracei_otlp_expand(to, rest + 1, (size_t)(past - rest) - 2, environment, unset);
            if (inner != TRACEI_OTLP_PATTERN_TEXT) return inner;
        }
        pattern = past;
    }
    return to->full ? TRACEI_OTLP_PATTERN_TOO_LONG : TRACEI_OTLP_PATTERN_TEXT;
}

/* >>environment --------------------------------------------------------------------------------------------------- */

/* Options that are zero are filled in from the environment: from the core's snapshot of it, which trace_otlp_exporter renews
   on its caller's thread. Choices made by OTEL_TRACES_EXPORTER may come on any thread and take the snapshot as it is. */

#define TRACEI_OTLP_HEADERS_MAX 64u
#define TRACEI_OTLP_ROOM 32768u

/* What a set of options comes to. */
typedef struct tracei_otlp_settings {
    trace_otlp_options options;
    char url[2048];
    char user_agent[192];
    trace_header headers[TRACEI_OTLP_HEADERS_MAX];
    size_t header_count;
    tracei_pairs pairs;           /* holds the text of headers from the environment */
    const tracei_otlp_preset *preset;       /* NULL: none */
    const char *url_given, *url_from;       /* the endpoint, and the variable (NULL: the field) where it stands */
    char room[TRACEI_OTLP_ROOM];  /* holds what the patterns of the preset came to */
    size_t room_used;
} tracei_otlp_settings;

/* What a pattern of the preset stands for, with all of `tail` that it does not end with; NULL: nothing, or (*fine becomes false)
   it cannot be said, which is logged. */
static const char *tracei_otlp_preset_text(tracei_otlp_settings *settings, const char *pattern, const char *tail, bool *fine) {
    const size_t tail_size = tail ? strlen(tail) : 0;
    char *const at = settings->room + settings->room_used, unset[64];
    tracei_text text;
    tracei_otlp_pattern came_to;
    size_t there = tail_size;
    if (!*fine) return NULL;      /* one complaint is enough */
    memset(&text, 0, sizeof text);
    text.data = at;
    text.capacity = sizeof settings->room - settings->room_used - 1;
    came_to = tracei_otlp_expand(&text, pattern, strlen(pattern), !settings->options.disable_environment, unset);
    if (came_to == TRACEI_OTLP_PATTERN_TEXT && tail) {
        while (text.size && text.data[text.size - 1] == '/') text.size--;
        while (there && (there > text.size || memcmp(text.data + text.size - there, tail, there) != 0)) there--;
        if (there == 0 && !strncmp(at, "unix:", 5)) tracei_text_char(&text, ':');
        tracei_text_add(&text, tail + there, tail_size - there);
        if (text.full) came_to = TRACEI_OTLP_PATTERN_TOO_LONG;
    }
    if (came_to == TRACEI_OTLP_PATTERN_UNSET)
        tracei_log(TRACE_LOG_LEVEL_ERROR, "%s: %s is not set; nothing will be sent there", settings->preset->name, unset);
    if (came_to == TRACEI_OTLP_PATTERN_TOO_LONG)
        tracei_log(TRACE_LOG_LEVEL_ERROR, "%s: its variables are longer than %u bytes; nothing will be sent there",
                   settings->preset->name, TRACEI_OTLP_ROOM);
    *fine &= came_to == TRACEI_OTLP_PATTERN_TEXT || came_to == TRACEI_OTLP_PATTERN_NOTHING;
    if (came_to != TRACEI_OTLP_PATTERN_TEXT || !text.size) return NULL;
    at[text.size] = '\0';
    settings->room_used += text.size + 1;
    return at;
}

static const char *tracei_otlp_variable(const char *signal_name, const char *name) {
    const char *value = tracei_environment_any(signal_name, NULL);
    return value ? value : tracei_environment_any(name, NULL);
}

static int tracei_otlp_word(const char *signal_name, const char *name, const char *const *words) {
    int at = tracei_environment_enum(signal_name, words);
    return at >= 0 ? at : tracei_environment_enum(name, words);
}

static void tracei_otlp_read_choices(trace_otlp_options *o, trace_otlp_protocol otherwise) {
    static const char *const protocols[] = {"http/protobuf", "http/json", "grpc", NULL}, *const compressions[] = {"none", "gzip",
                                                                                                                  NULL};
    int at;
    if (o->protocol == TRACE_OTLP_PROTOCOL_DEFAULT) {
        at = tracei_otlp_word("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL", protocols);
        o->protocol = at == 0   ? TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF
                      : at == 1 ? TRACE_OTLP_PROTOCOL_HTTP_JSON
                      : at == 2 ? TRACE_OTLP_PROTOCOL_GRPC
                                : otherwise;
    }
    if (o->compression == TRACE_OTLP_COMPRESSION_DEFAULT) {
        at = tracei_otlp_word("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION", compressions);
        o->compression = at == 1 ? TRACE_OTLP_COMPRESSION_GZIP : TRACE_OTLP_COMPRESSION_NONE;
    }
    if (tracei_environment_any("OTEL_EXPORTER_OTLP_TRACES_INSECURE", NULL))
        o->insecure |= tracei_environment_bool("OTEL_EXPORTER_OTLP_TRACES_INSECURE");
    else o->insecure |= tracei_environment_bool("OTEL_EXPORTER_OTLP_INSECURE");
    if (!o->ca_file) o->ca_file = tracei_otlp_variable("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE");
    if (!o->client_key_file)
        o->client_key_file = tracei_otlp_variable("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY");
    if (!o->client_certificate_file)
        o->client_certificate_file =
            tracei_otlp_variable("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE");
}

static bool tracei_otlp_same_name(trace_string a, trace_string b) {
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++)
        if ((a.data[i] >= 'A' && a.data[i] <= 'Z' ? a.data[i] + 32 : a.data[i]) !=
            (b.data[i] >= 'A' && b.data[i] <= 'Z' ? b.data[i] + 32 : b.data[i]))
            return false;
    return true;
}

/* The header's place; header_count: there is none of that name. */
static size_t tracei_otlp_header_at(const tracei_otlp_settings *settings, trace_string name) {
    size_t i = 0;
    while (i < settings->header_count && !tracei_otlp_same_name(settings->headers[i].name, name)) i++;
    return i;
}

static bool tracei_otlp_has_header(const tracei_otlp_settings *settings, trace_string name) {
    return tracei_otlp_header_at(settings, name) < settings->header_count;
}

/* The last one given wins. */
static bool tracei_otlp_add_header(tracei_otlp_settings *settings, trace_header header) {
    const size_t i = tracei_otlp_header_at(settings, header.name);
    if (i == TRACEI_OTLP_HEADERS_MAX) return false;
    settings->headers[i] = header;
    if (i == settings->header_count) settings->header_count++;
    return true;
}

/* False: one that is needed cannot be sent, which is logged. */
static bool tracei_otlp_read_headers(tracei_otlp_settings *settings) {
    const char *from = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
    bool fine = true, sendable = true;
    if (!settings->options.disable_environment && !tracei_environment_pairs(from, &settings->pairs))
        tracei_environment_pairs(from = "OTEL_EXPORTER_OTLP_HEADERS", &settings->pairs);
    for (size_t i = 0; i < settings->pairs.count; i++)
        if (tracei_header_usable(settings->options.name, from, &settings->pairs.items[i], &sendable))
            fine &= tracei_otlp_add_header(settings, settings->pairs.items[i]);
    for (size_t i = 0; i < settings->options.header_count; i++)
        fine &= tracei_otlp_add_header(settings, settings->options.headers[i]);
    if (!fine)
        tracei_log(TRACE_LOG_LEVEL_WARNING, "otlp: more than %u headers; the others are left out", TRACEI_OTLP_HEADERS_MAX);
    return sendable;
}

/* "name: value" as what it says. */
static trace_header tracei_otlp_split(const char *text, size_t name_size) {
    trace_header header;
    header.name.data = text;
    header.name.size = name_size;
    header.value = tracei_http_string_of(text + name_size + 2);
    return header;
}

/* "Authorization: Basic user:password" with what a server wants to see in its place. */
static bool tracei_otlp_basic(tracei_otlp_settings *settings, trace_header *header) {
    char *const at = settings->room + settings->room_used;
    const char *const plain = header->value.data + 6;
    const size_t size = header->value.size - 6, needed = 6 + (size + 2) / 3 * 4 + 1;
    if (needed > sizeof settings->room - settings->room_used) return false;
    memcpy(at, "Basic ", 6);
    *tracei_put_base64(at + 6, (const uint8_t *)plain, size) = '\0';
    settings->room_used += needed;
    header->value = tracei_http_string_of(at);
    return true;
}

/* The preset's headers, but for those that code or environment gave already. False: one cannot be made, which is logged. */
static bool tracei_otlp_read_preset_headers(tracei_otlp_settings *settings) {
    bool fine = true;
    for (size_t i = 0; settings->preset && i < 3 && settings->preset->headers[i]; i++) {
        const char *const pattern = settings->preset->headers[i], *text;
        const size_t name_size = strcspn(pattern, ":");
        trace_header header = tracei_otlp_split(pattern, name_size);
        if (tracei_otlp_has_header(settings, header.name)) continue;
        text = tracei_otlp_preset_text(settings, pattern, NULL, &fine);
        if (!text) continue;
        header = tracei_otlp_split(text, name_size);
        if (!strncmp(header.value.data, "Basic ", 6)) fine &= tracei_otlp_basic(settings, &header);
        fine &= tracei_otlp_add_header(settings, header);
    }
    return fine;
}

/* How much of an endpoint is as given. */
typedef enum tracei_otlp_endpoint {
    TRACEI_OTLP_ENDPOINT_BASE,    /* v1/traces is appended */
    TRACEI_OTLP_ENDPOINT_WHOLE,   /* as it is */
    TRACEI_OTLP_ENDPOINT_EITHER   /* as it is when it has a path, else appended */
} tracei_otlp_endpoint;

/* From the most specific to the least: the code, the preset's own variable, OTEL_*, the preset's default, ours. NULL: the preset
   has none, which is logged. */
static const char *tracei_otlp_find_endpoint(tracei_otlp_settings *settings, tracei_otlp_endpoint *how) {
    static const char *const names[] = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT",
                                        "OTEL_EXPORTER_JAEGER_ENDPOINT"};
    static const tracei_otlp_endpoint hows[] = {TRACEI_OTLP_ENDPOINT_WHOLE, TRACEI_OTLP_ENDPOINT_BASE,
                                                TRACEI_OTLP_ENDPOINT_EITHER};
    const trace_otlp_options *const options = &settings->options;
    const char *const pattern = settings->preset ? settings->preset->endpoint : "", *given = NULL;
    const bool environment = !options->disable_environment;
    char own[64] = "";
    bool fine = true;
    *how = TRACEI_OTLP_ENDPOINT_EITHER;
    if (options->endpoint && *options->endpoint) return options->endpoint;
    if (*pattern == '<') (void)tracei_otlp_pattern_name(pattern + 1, own);
    for (size_t i = 0; i < (settings->preset ? 2 : 3) && environment && !(*own && tracei_environment_any(own, NULL)); i++) {
        const char *found, *value = tracei_environment_any(names[i], &found);
        if (!value) continue;
        *how = found == names[i] ? hows[i] : TRACEI_OTLP_ENDPOINT_EITHER;
        settings->url_from = found;
        if (*pattern) tracei_log(TRACE_LOG_LEVEL_INFO, "%s: sent to what %s says", settings->preset->name, found);
        return value;
    }
    if (*own && environment) (void)tracei_environment_any(own, &settings->url_from);
    if (*pattern) given = tracei_otlp_preset_text(settings, pattern, settings->preset->path, &fine);
    if (given || !fine) return given;
    *how = TRACEI_OTLP_ENDPOINT_BASE;
    return options->protocol == TRACE_OTLP_PROTOCOL_GRPC ? "http://localhost:4317" : "http://localhost:4318";
}

static bool tracei_otlp_finish_url(tracei_otlp_settings *settings, const tracei_text *url) {
    settings->url[url->size] = '\0';
    if (url->full)
        tracei_log(TRACE_LOG_LEVEL_ERROR, "otlp: %s is longer than 2,000 characters; nothing will be sent",
                   settings->url_from ? settings->url_from : "endpoint");
    return !url->full;
}

static bool tracei_otlp_ends_with(const char *text, size_t size, const char *end) {
    size_t n = strlen(end);
    return size >= n && memcmp(text + size - n, end, n) == 0;
}

/* The request's URL from what was given. Ports that belong to other protocols are recognised, because that is how first attempts
   fail. False: there is none, which is logged. */
static bool tracei_otlp_make_url(tracei_otlp_settings *settings) {
    static const char grpc_path[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    const trace_otlp_options *o = &settings->options;
    bool grpc = o->protocol == TRACE_OTLP_PROTOCOL_GRPC;
    tracei_otlp_endpoint how;
    const char *given = tracei_otlp_find_endpoint(settings, &how), *scheme_end, *authority, *path, *query;
    size_t authority_size, path_size;
    tracei_text url;
    memset(&url, 0, sizeof url);
    url.data = settings->url;
    url.capacity = sizeof settings->url - 1;
    if (!given) return false;
    settings->url_given = given;
    scheme_end = strstr(given, "://");
    if (!strncmp(given, "unix:", 5)) {
        const char *const socket_end = strchr(given + 5, ':');
        tracei_text_add(&url, given, grpc && socket_end ? (size_t)(socket_end - given) : strlen(given));
        if (grpc) tracei_text_char(&url, ':');
        if (grpc || !socket_end) tracei_text_cstr(&url, grpc ? grpc_path : ":/v1/traces");
        return tracei_otlp_finish_url(settings, &url);
    }
    authority = scheme_end ? scheme_end + 3 : given;
    path = authority + strcspn(authority, "/?#");
    query = path + strcspn(path, "?#");
    authority_size = (size_t)(path - authority);
    path_size = (size_t)(query - path);
    if (scheme_end) tracei_text_add(&url, given, (size_t)(authority - given));
    else tracei_text_cstr(&url, grpc && !o->insecure ? "https://" : "http://");
    if (!grpc && tracei_otlp_ends_with(authority, authority_size, ":14268") &&
        tracei_otlp_ends_with(path, path_size, "/api/traces")) {
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "otlp: port 14268 and /api/traces are Jaeger's Thrift; port 4318 and /v1/traces are used instead");
        tracei_text_add(&url, authority, authority_size - 6);
        tracei_text_cstr(&url, ":4318/v1/traces");
        return tracei_otlp_finish_url(settings, &url);
    }
    if (!grpc && tracei_otlp_ends_with(authority, authority_size, ":4317"))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "otlp: port 4317 is OTLP's gRPC port; http/protobuf and http/json usually go to 4318");
    if (grpc && tracei_otlp_ends_with(authority, authority_size, ":4318"))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "otlp: port 4318 is OTLP's HTTP port; grpc usually goes to 4317");
    tracei_text_add(&url, authority, authority_size);
    if (grpc) {
        tracei_text_cstr(&url, grpc_path);
    } else {
        bool has_path = path_size > 1;
        tracei_text_add(&url, path, path_size);
        if (how == TRACEI_OTLP_ENDPOINT_BASE || (how == TRACEI_OTLP_ENDPOINT_EITHER && !has_path)) {
            if (!path_size || path[path_size - 1] != '/') tracei_text_char(&url, '/');
            tracei_text_cstr(&url, "v1/traces");
        } else if (!path_size) {
            tracei_text_char(&url, '/');
        }
        tracei_text_cstr(&url, query);
    }
    return tracei_otlp_finish_url(settings, &url);
}

static void tracei_otlp_make_user_agent(tracei_otlp_settings *settings) {
    tracei_text text;
    memset(&text, 0, sizeof text);
    text.data = settings->user_agent;
    text.capacity = sizeof settings->user_agent - 1;
    if (settings->options.user_agent && *settings->options.user_agent) {
        tracei_text_cstr(&text, settings->options.user_agent);
        tracei_text_char(&text, ' ');
    }
    tracei_text_cstr(&text, "OTel-OTLP-Exporter-C/" TRACE_H_VERSION_STRING);
    settings->user_agent[text.size] = '\0';
}

/* >>exporter ------------------------------------------------------------------------------------------------------ */

typedef struct tracei_otlp {
    tracei_otlp_encoder encoder;
    bool grpc;
    bool gzip;                    /* grpc compresses each message itself */
    const char *token_body;       /* NULL: no token is exchanged */
    size_t kept_size;
    char kept[4096];              /* what of the preset is needed later */
} tracei_otlp;

/* How long a JSON Web Token holds from now on, in seconds; 0: it does not say, or it is no such token (RFC 7519, 4.1.4). */
static uint64_t tracei_otlp_token_seconds(trace_string token) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = (const char *)memchr(token.data, '.', token.size), *const end = token.data + token.size, *found;
    char claims[2048];
    size_t used = 0;
    uint64_t expires = 0, now = tracei_unix_ns() / TRACEI_SECOND;
    uint32_t bits = 0;
    unsigned held = 0;
    if (!at) return 0;
    for (at++; at < end && *at && (found = strchr(digits, *at)) != NULL && used < sizeof claims; at++) {
        bits = bits << 6 | (uint32_t)(found - digits);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        claims[used++] = (char)(uint8_t)(bits >> held & 255);
    }
    found = tracei_otlp_member(claims, claims + used, "exp");
    for (; found && found < claims + used && *found >= '0' && *found <= '9' && expires < UINT64_C(1) << 40; found++)
        expires = expires * 10 + (uint64_t)(*found - '0');
    return expires > now ? expires - now : 0;
}

/* Exchanges the key for a token. The next one is fetched when nine tenths of its time are over. */
static tracei_answer tracei_otlp_authorize(void *user, tracei_sender *sender, uint64_t deadline_ns) {
    const tracei_otlp *const self = (const tracei_otlp *)user;
    trace_http_response response;
    trace_string token;
    tracei_text value;
    char room[8192];
    uint64_t seconds;
    if (!tracei_sender_request(sender, "application/json", self->token_body, strlen(self->token_body), deadline_ns, &response))
        return TRACEI_ANSWER_RETRY;
    if (response.status == 408 || response.status == 429 || response.status >= 500) return TRACEI_ANSWER_RETRY;
    token = tracei_otlp_json_string(tracei_otlp_member(response.body, response.body + response.body_size, "token"),
                                    response.body + response.body_size);
    if (response.status >= 300 || !token.size) return TRACEI_ANSWER_REJECTED;
    memset(&value, 0, sizeof value);
    value.data = room;
    value.capacity = sizeof room - 1;
    tracei_text_cstr(&value, "Bearer ");
    tracei_text_add(&value, token.data, token.size);
    room[value.size] = '\0';
    if (value.full || !tracei_sender_set_header(sender, "Authorization", room)) return TRACEI_ANSWER_REJECTED;
    seconds = tracei_otlp_token_seconds(token);
    if (seconds) tracei_sender_renew_in(sender, seconds * TRACEI_SECOND / 10 * 9);
    return TRACEI_ANSWER_OK;
}

static const char *tracei_otlp_keep_text(tracei_otlp *self, const char *text) {
    char *const kept = self->kept + self->kept_size;
    const size_t size = strlen(text) + 1;
    if (size > sizeof self->kept - self->kept_size) {
        tracei_log(TRACE_LOG_LEVEL_ERROR, "otlp: a variable of the preset is too long; nothing will be sent there");
        return NULL;
    }
    self->kept_size += size;
    memcpy(kept, text, size);
    return kept;
}

static trace_result tracei_otlp_export(void *sender, const trace_batch *batch) {
    tracei_otlp_encoder *encoder = &((tracei_otlp *)tracei_sender_user(sender))->encoder;
    uint32_t resource = tracei_otlp_resource(encoder, batch->resource), group = TRACEI_OTLP_NONE;
    for (size_t i = 0; i < batch->span_count; i++) {
        const trace_span_data *span = &batch->spans[i];
        char *at;
        if (i == 0 || span->scope != span[-1].scope)
            group = resource == TRACEI_OTLP_NONE ? TRACEI_OTLP_NONE : tracei_otlp_group(encoder, resource, span->scope);
        if (group == TRACEI_OTLP_NONE) {
            tracei_sender_drop((tracei_sender *)sender, TRACE_FAILURE_QUEUE_FULL);
            continue;
        }
        at = (char *)tracei_sender_reserve((tracei_sender *)sender, tracei_otlp_span_size(span));
        if (at) tracei_sender_commit((tracei_sender *)sender, (size_t)(tracei_otlp_span(encoder, at, span) - at), group);
    }
    return TRACE_RESULT_OK;
}

/* The five bytes before a gRPC message: compressed or not, and its length. */
static void tracei_otlp_grpc_prefix(uint8_t *at, bool compressed, size_t size) {
    at[0] = compressed ? 1 : 0;
    at[1] = (uint8_t)(size >> 24 & 255);
    at[2] = (uint8_t)(size >> 16 & 255);
    at[3] = (uint8_t)(size >> 8 & 255);
    at[4] = (uint8_t)(size & 255);
}

static bool tracei_otlp_assemble(void *user, const tracei_item *items, size_t count, tracei_body *body) {
    tracei_otlp *self = (tracei_otlp *)user;
    size_t size = tracei_otlp_request_size(&self->encoder, items, count);
    size_t prefix = self->grpc ? 5 : 0, ahead = prefix + (self->gzip ? size + size / 8 + 256 : 0);
    uint8_t *start = tracei_body_room(body, ahead + size);
    char *message, *end;
    if (!start) return false;
    message = (char *)start + ahead;
    end = tracei_otlp_request(&self->encoder, message, items, count);
    size = (size_t)(end - message);
    if (self->gzip) {             /* compressed to before the message, which lies in the room past the body's end */
        body->size += prefix;
        if (!tracei_gzip(body, message, size)) return false;
        size = body->size - prefix;
    } else {
        body->size += prefix + size;
    }
    if (self->grpc) tracei_otlp_grpc_prefix(body->data, self->gzip, size);
    return true;
}

/* gRPC codes that may be tried again; RESOURCE_EXHAUSTED only when the server says when. */
static bool tracei_otlp_grpc_may_retry(int32_t code, uint64_t retry_after_ns) {
    return code == 1 || code == 4 || code == 10 || code == 11 || code == 14 || code == 15 || (code == 8 && retry_after_ns);
}

/* Not every server that refuses speaks OTLP when it does: proxies, and what was reached instead, say why in plain text. */
static void tracei_otlp_take_message(tracei_verdict *verdict, const trace_http_response *response,
                                     const tracei_otlp_answer *answer) {
    if (answer->message.size) verdict->message = answer->message;
    else if (verdict->answer != TRACEI_ANSWER_OK && response->content_type &&
             tracei_http_has_prefix(response->content_type, "text/"))
        tracei_verdict_quote(verdict, response);
}

static void tracei_otlp_response(void *user, const trace_http_response *response, size_t count, tracei_verdict *verdict) {
    tracei_otlp *self = (tracei_otlp *)user;
    const char *body = response->body;
    size_t size = response->body_size;
    bool failed = verdict->answer != TRACEI_ANSWER_OK;
    tracei_otlp_answer answer;
    if (self->grpc) {
        if (response->grpc_status > 0) {
            if (tracei_otlp_grpc_may_retry(response->grpc_status, verdict->retry_after_ns)) verdict->answer = TRACEI_ANSWER_RETRY;
            verdict->message = tracei_http_string_of(response->grpc_message);
            return;
        }
        if (failed || size < 5 || body[0] != 0) return;
        body += 5;
        size -= 5;
    }
    answer = tracei_otlp_read_answer(body, size, failed);
    tracei_otlp_take_message(verdict, response, &answer);
    if (!failed) verdict->rejected = answer.rejected < count ? (size_t)answer.rejected : count;
}

static void tracei_otlp_fill_http(const tracei_otlp_settings *settings, tracei_otlp *self, tracei_http_options *http) {
    static const char *const file_names[] = {"ca_file (or OTEL_EXPORTER_OTLP_CERTIFICATE)",
                                             "client_certificate_file (or OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE)",
                                             "client_key_file (or OTEL_EXPORTER_OTLP_CLIENT_KEY)"};
    const trace_otlp_options *o = &settings->options;
    TRACEI_HTTP_TAKE(http, o);
    http->owner = o->name;
    http->url = settings->url;
    http->url_given = settings->url_given;
    http->url_from = settings->url_from;
    http->file_names = file_names;
    http->content_type = self->grpc ? "application/grpc" : self->encoder.json ? "application/json" : "application/x-protobuf";
    http->user_agent = settings->user_agent;
    http->headers = settings->headers;
    http->header_count = settings->header_count;
    http->gzip = o->compression == TRACE_OTLP_COMPRESSION_GZIP && !self->gzip;
    http->http2 = self->grpc;
    http->sigv4 = o->sigv4;
    http->sigv4_key = o->sigv4_key;
    http->sigv4_secret = o->sigv4_secret;
    http->sigv4_token = o->sigv4_token;
    http->assemble_fn = tracei_otlp_assemble;
    http->response_fn = tracei_otlp_response;
    http->user = self;
    tracei_http_read_numbers(http, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
}

/* The keys to sign with, and what of the preset outlives the making of the exporter. False: something is missing, which is
   logged. */
static bool tracei_otlp_read_preset(tracei_otlp_settings *settings, tracei_otlp *self, tracei_http_options *http) {
    const tracei_otlp_preset *const preset = settings->preset;
    trace_attribute *const extra = &self->encoder.extra;
    const char *text = NULL;
    bool fine = true;
    if (preset->sigv4 && !http->sigv4) {
        http->sigv4 = tracei_otlp_preset_text(settings, preset->sigv4, NULL, &fine);
        http->sigv4_key = tracei_otlp_preset_text(settings, "<AWS_ACCESS_KEY_ID>", NULL, &fine);
        http->sigv4_secret = tracei_otlp_preset_text(settings, "<AWS_SECRET_ACCESS_KEY>", NULL, &fine);
        http->sigv4_token = tracei_otlp_preset_text(settings, "<AWS_SESSION_TOKEN?>", NULL, &fine);
    }
    if (preset->token_url && !tracei_otlp_has_header(settings, tracei_http_string_of("authorization"))) {
        http->authorize_url = tracei_otlp_preset_text(settings, preset->token_url, NULL, &fine);
        http->authorize_fn = tracei_otlp_authorize;
        text = tracei_otlp_preset_text(settings, preset->token_body, NULL, &fine);
        if (text) fine = (self->token_body = tracei_otlp_keep_text(self, text)) != NULL;
    }
    text = preset->resource ? tracei_otlp_preset_text(settings, preset->resource, NULL, &fine) : NULL;
    if (text) fine = (text = tracei_otlp_keep_text(self, text)) != NULL;
    if (!fine || !text) return fine;
    extra->key.data = text;
    extra->key.size = strcspn(text, ":");
    extra->value.type = TRACE_TYPE_STRING;
    extra->value.as.string = tracei_http_string_of(text + extra->key.size + 2);
    return true;
}

/* Everything but the encoder. NULL: it cannot be, which is logged. */
static tracei_sender *tracei_otlp_open(tracei_otlp_settings *settings, tracei_otlp *self) {
    tracei_http_options http;
    if (!tracei_otlp_read_headers(settings)) return NULL;
    if (self->gzip) {
        trace_header encoding;
        encoding.name = tracei_http_string_of("grpc-encoding");
        encoding.value = tracei_http_string_of("gzip");
        tracei_otlp_add_header(settings, encoding);
    }
    tracei_otlp_make_user_agent(settings);
    if (!tracei_otlp_read_preset_headers(settings) || !tracei_otlp_make_url(settings)) return NULL;
    tracei_otlp_fill_http(settings, self, &http);
    if (settings->preset && !tracei_otlp_read_preset(settings, self, &http)) return NULL;
    return tracei_sender_open(&http);
}

/* Forgets what held credentials. */
static void tracei_otlp_settings_free(tracei_otlp_settings *settings) {
    if (settings->pairs.items) {
        memset(settings->pairs.items, 0, settings->pairs.size);
        tracei_pairs_free(&settings->pairs);
    }
    memset(settings->room, 0, settings->room_used);
    tracei_free(settings, sizeof *settings);
}

static void tracei_otlp_no_preset(trace_string name) {
    const char *names[TRACEI_OTLP_PRESET_COUNT + 1], *nearest;
    char list[256];
    tracei_text text;
    memset(&text, 0, sizeof text);
    text.data = list;
    text.capacity = sizeof list - 1;
    for (size_t i = 0; i < TRACEI_OTLP_PRESET_COUNT; i++) {
        names[i] = tracei_otlp_presets[i].name;
        if (i) tracei_text_cstr(&text, ", ");
        tracei_text_cstr(&text, names[i]);
    }
    names[TRACEI_OTLP_PRESET_COUNT] = NULL;
    list[text.size] = '\0';
    nearest = tracei_environment_nearest_word(name, names);
    tracei_log(TRACE_LOG_LEVEL_ERROR, "otlp: there is no preset %.*s, nothing will be sent: must be one of %s%s%s%s",
               tracei_environment_quoted(name), name.data, list, nearest ? "; did you mean " : "", nearest ? nearest : "",
               nearest ? "?" : "");
}

static trace_exporter tracei_otlp_make(const trace_otlp_options *options) {
    const tracei_otlp_preset *const preset = options && options->preset ? tracei_otlp_find_preset(options->preset) : NULL;
    const trace_otlp_protocol otherwise =
        preset && preset->protocol ? preset->protocol : TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF;
    trace_exporter exporter;
    tracei_sender *sender;
    tracei_otlp_settings *settings;
    tracei_otlp *self;
    if (options && options->protocol == TRACE_OTLP_PROTOCOL_FILE) return tracei_otlp_file_exporter(options);
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = options && options->name ? options->name : preset ? preset->name : "otlp";
    if (options && options->preset && !preset) {
        tracei_otlp_no_preset(tracei_http_string_of(options->preset));
        return exporter;
    }
    settings = (tracei_otlp_settings *)tracei_alloc(sizeof *settings);
    self = (tracei_otlp *)tracei_alloc(sizeof *self);
    if (!settings || !self) return exporter;
    if (options) settings->options = *options;
    settings->options.name = exporter.name;
    settings->preset = preset;
    if (!settings->options.disable_environment)
        tracei_otlp_read_choices(&settings->options, otherwise);
    else if (settings->options.protocol == TRACE_OTLP_PROTOCOL_DEFAULT)
        settings->options.protocol = otherwise;
    self->grpc = settings->options.protocol == TRACE_OTLP_PROTOCOL_GRPC;
    self->encoder.json = settings->options.protocol == TRACE_OTLP_PROTOCOL_HTTP_JSON;
    self->gzip = self->grpc && settings->options.compression == TRACE_OTLP_COMPRESSION_GZIP && TRACEI_HTTP_GZIP;
    sender = tracei_otlp_open(settings, self);
    tracei_otlp_settings_free(settings);
    if (!sender) tracei_free(self, sizeof *self);
    return tracei_sender_exporter(exporter.name, sender, tracei_otlp_export);
}

TRACE_APP trace_exporter trace_otlp_exporter(const trace_otlp_options *options) {
    if (options && (options->reserved_first || options->reserved_last)) return tracei_http_not_zeroed("otlp");
    if (!options || !options->disable_environment) tracei_environment_snapshot();
    return tracei_otlp_make(options);
}

TRACE_APP trace_exporter tracei_otlp_choice(void) {
    static tracei_kept kept;
    return tracei_kept_good(&kept) ? kept.exporter : tracei_keep(&kept, tracei_otlp_make(NULL));
}

static TRACEI_UNUSED trace_exporter tracei_otlp_preset_choice(size_t index) {
    static tracei_kept kept[TRACEI_OTLP_PRESET_COUNT];
    trace_otlp_options options;
    if (tracei_kept_good(&kept[index])) return kept[index].exporter;
    memset(&options, 0, sizeof options);
    options.preset = tracei_otlp_presets[index].name;
    return tracei_keep(&kept[index], tracei_otlp_make(&options));
}

TRACE_APP trace_exporter tracei_otlp_stdout_choice(void) {
    static tracei_kept kept;
    trace_otlp_options options;
    if (tracei_kept_good(&kept)) return kept.exporter;
    memset(&options, 0, sizeof options);
    options.protocol = TRACE_OTLP_PROTOCOL_FILE;
    return tracei_keep(&kept, tracei_otlp_make(&options));
}

#if TRACEI_GNU && !TRACE_CONFIG_SINGLE_THREADED
/* Beside the implementation, OTEL_TRACES_EXPORTER=otlp works without a call. */
__attribute__((constructor)) static void tracei_otlp_register(void) {
    static const trace_exporter_choice otlp = TRACE_EXPORTER_OTLP, file = TRACE_EXPORTER_OTLP_STDOUT;
    static const char *names[TRACEI_OTLP_PRESET_COUNT + 1];
    tracei_register_exporter(otlp);
    tracei_register_exporter(file);
    for (size_t i = 0; i < TRACEI_OTLP_PRESET_COUNT; i++) names[i] = tracei_otlp_presets[i].name;
    tracei_register_presets(names, tracei_otlp_preset_choice);
}
#endif

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_OTLP_FILES
#undef TRACEI_OTLP_DEPTH_MAX
#undef TRACEI_OTLP_PUT
#undef TRACEI_OTLP_GENEROUS
#undef TRACEI_OTLP_GROUPS_MAX
#undef TRACEI_OTLP_RESOURCES_MAX
#undef TRACEI_OTLP_NONE
#undef TRACEI_OTLP_FILE_ITEMS
#undef TRACEI_OTLP_PIECE
#undef TRACEI_OTLP_HEADERS_MAX
#undef TRACEI_OTLP_ROOM
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
