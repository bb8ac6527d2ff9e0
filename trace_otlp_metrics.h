/* trace_otlp_metrics.h - pushes what trace_metrics.h counts as OTLP, for trace.h, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Span metrics, and GenAI metrics where trace_genai.h counts them, to POST /v1/metrics, protobuf.

   DO THIS
       #define TRACE_IMPLEMENTATION
       #include "trace_otlp_metrics.h"    (brings trace_metrics.h, trace_otlp.h, trace_http.h and trace.h along)
   in one file, and start the program with
       OTEL_TRACES_EXPORTER=otlp,metrics OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://localhost:4318/v1/metrics ./shop
   There is nothing to call: where that endpoint is set, whoever runs the metrics exporter pushes as well.

   CONTENTS (search for the tag)      >>encoding >>pushing

   WHAT IS SENT. Every family of trace_metrics.h, cumulative since the process (or the forked child) began: counters as monotonic
   sums, histograms with their boundaries, exemplars with trace and span id, the resource of the spans. The tracer's own state
   (trace_h_...) is in the Prometheus text only.

   WHEN. Every OTEL_METRIC_EXPORT_INTERVAL while spans come in, in trace_flush, and at the end. Numbers are cumulative, so one
   that is lost on the way is made up for by the next.

   ENVIRONMENT, read when the metrics exporter is made
       OTEL_EXPORTER_OTLP_METRICS_ENDPOINT               the URL as it is; unset: nothing is pushed
       OTEL_EXPORTER_OTLP_METRICS_HEADERS, _TIMEOUT, _COMPRESSION, _CERTIFICATE, _CLIENT_KEY, _CLIENT_CERTIFICATE
                                                         as those of trace_otlp.h, and the general names where these are unset
       OTEL_EXPORTER_OTLP_METRICS_PROTOCOL               http/protobuf; another one is refused with a log line
       OTEL_METRIC_EXPORT_INTERVAL                       ms, default 60000 */
#ifndef TRACE_OTLP_METRICS_H_INCLUDED_3C9D51
#define TRACE_OTLP_METRICS_H_INCLUDED_3C9D51
#define TRACE_OTLP_METRICS_H_VERSION 100
#endif

#include "trace_metrics.h"
#include "trace_otlp.h"

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_OTLP_METRICS_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_OTLP_METRICS_IMPLEMENTED 1

/* >>encoding ------------------------------------------------------------------------------------------------------

   opentelemetry/proto/metrics/v1/metrics.proto, into bytes that grow. A message's length is not known before its content is
   written, and metrics are few: it is written afterwards, into five bytes that were left for it (a varint may be longer than it
   need be). Field numbers stand beside the calls. */

enum {
    TRACEI_PUSH_VARINT = 0,
    TRACEI_PUSH_FIXED64 = 1,
    TRACEI_PUSH_BYTES = 2
};

static void tracei_push_tag(tracei_body *body, unsigned field, unsigned type) {
    const uint8_t tag = (uint8_t)(field << 3 | type);
    (void)tracei_body_add(body, &tag, 1);
}

static size_t tracei_push_begin(tracei_body *body, unsigned field) {
    static const uint8_t length[5] = {0x80, 0x80, 0x80, 0x80, 0};
    tracei_push_tag(body, field, TRACEI_PUSH_BYTES);
    (void)tracei_body_add(body, length, sizeof length);
    return body->size;
}

static void tracei_push_end(tracei_body *body, size_t start) {
    size_t size = body->size - start, i;
    if (body->full) return;
    for (i = 0; i < 5; i++, size >>= 7) body->data[start - 5 + i] |= (uint8_t)(size & 0x7f);
}

static void tracei_push_fixed64(tracei_body *body, unsigned field, uint64_t value) {
    uint8_t bytes[8];
    size_t i;
    for (i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> 8 * i);
    if (field) tracei_push_tag(body, field, TRACEI_PUSH_FIXED64);
    (void)tracei_body_add(body, bytes, sizeof bytes);
}

/* field 0: inside a packed list */
static void tracei_push_double(tracei_body *body, unsigned field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    tracei_push_fixed64(body, field, bits);
}

static void tracei_push_flag(tracei_body *body, unsigned field, uint8_t value) {
    tracei_push_tag(body, field, TRACEI_PUSH_VARINT);
    (void)tracei_body_add(body, &value, 1);
}

static void tracei_push_text(tracei_body *body, unsigned field, const char *text) {
    const size_t start = tracei_push_begin(body, field);
    (void)tracei_body_add(body, text, strlen(text));
    tracei_push_end(body, start);
}

static void tracei_push_bytes(tracei_body *body, unsigned field, const uint8_t *bytes, uint8_t size) {
    tracei_push_tag(body, field, TRACEI_PUSH_BYTES);
    (void)tracei_body_add(body, &size, 1);
    (void)tracei_body_add(body, bytes, size);
}

/* As trace_otlp.h writes them. */
static void tracei_push_attributes(tracei_body *body, unsigned field, const trace_attribute *attributes, size_t count) {
    uint8_t *const room = tracei_body_room(body, tracei_otlp_attributes_size(attributes, count) + 16);
    if (room) body->size += (size_t)(tracei_otlp_attributes((char *)room, field, attributes, count) - (char *)room);
}

static void tracei_push_labels(tracei_body *body, unsigned field, const tracei_metrics_family *family,
                               const tracei_metrics_series *series) {
    trace_attribute attribute;
    uint32_t i;
    if (!series->labels) {
        attribute = tracei_attr_bool("otel.metric.overflow", true);
        tracei_push_attributes(body, field, &attribute, 1);
        return;
    }
    for (i = 0; i < family->info.key_count; i++) {
        attribute = tracei_attr_string(family->info.keys[i], "");
        attribute.value.as.string = series->labels[i];
        if (series->labels[i].size) tracei_push_attributes(body, field, &attribute, 1);
    }
}

static void tracei_push_exemplars(tracei_body *body, const tracei_metrics_numbers *numbers, uint32_t count) {
    uint32_t i;
    for (i = 0; i < count; i++) {
        const tracei_metrics_exemplar *const exemplar = &numbers->exemplars[i];
        size_t start;
        if (!exemplar->unix_ns) continue;
        start = tracei_push_begin(body, 8);
        tracei_push_fixed64(body, 2, exemplar->unix_ns);
        tracei_push_double(body, 3, exemplar->value);
        tracei_push_bytes(body, 4, exemplar->span_id, 8);
        tracei_push_bytes(body, 5, exemplar->trace_id, 16);
        tracei_push_end(body, start);
    }
}

/* HistogramDataPoint */
static void tracei_push_histogram(tracei_body *body, const tracei_metrics_family *family, const tracei_metrics_series *series,
                                  const tracei_metrics_numbers *numbers, uint64_t now) {
    const uint32_t bounds = family->info.bound_count;
    size_t list;
    uint32_t i;
    tracei_push_fixed64(body, 2, tracei_metrics_since);
    tracei_push_fixed64(body, 3, now);
    tracei_push_fixed64(body, 4, numbers->count);
    tracei_push_double(body, 5, numbers->value);
    list = tracei_push_begin(body, 6);
    for (i = 0; i <= bounds; i++) tracei_push_fixed64(body, 0, numbers->buckets[i]);
    tracei_push_end(body, list);
    list = tracei_push_begin(body, 7);
    for (i = 0; i < bounds; i++) tracei_push_double(body, 0, family->info.bounds[i]);
    tracei_push_end(body, list);
    tracei_push_exemplars(body, numbers, bounds + 1);
    tracei_push_labels(body, 9, family, series);
}

/* NumberDataPoint */
static void tracei_push_number(tracei_body *body, const tracei_metrics_family *family, const tracei_metrics_series *series,
                               const tracei_metrics_numbers *numbers, uint64_t now) {
    tracei_push_fixed64(body, 2, tracei_metrics_since);
    tracei_push_fixed64(body, 3, now);
    tracei_push_double(body, 4, numbers->value);
    tracei_push_labels(body, 7, family, series);
}

/* Metric, with its points as gauge (5), sum (7) or histogram (9). */
static void tracei_push_family(tracei_body *body, const tracei_metrics_family *family, uint64_t now) {
    const tracei_metrics_series *series = tracei_metrics_series_of(family);
    const tracei_metrics_type type = family->info.type;
    size_t metric, points, point;
    if (!series) return;
    metric = tracei_push_begin(body, 2);
    tracei_push_text(body, 1, family->info.name);
    tracei_push_text(body, 2, family->info.help);
    tracei_push_text(body, 3, family->info.unit);
    points = tracei_push_begin(body, type == TRACEI_METRICS_HISTOGRAM ? 9 : type == TRACEI_METRICS_COUNTER ? 7 : 5);
    for (; series; series = tracei_metrics_next(series)) {
        tracei_metrics_numbers numbers;
        tracei_metrics_read(family, series, &numbers);
        if (!numbers.count) continue;       /* of before a fork */
        point = tracei_push_begin(body, 1);
        (type == TRACEI_METRICS_HISTOGRAM ? tracei_push_histogram : tracei_push_number)(body, family, series, &numbers, now);
        tracei_push_end(body, point);
    }
    if (type != TRACEI_METRICS_GAUGE) tracei_push_flag(body, 2, 2);         /* cumulative */
    if (type == TRACEI_METRICS_COUNTER) tracei_push_flag(body, 3, 1);       /* monotonic */
    tracei_push_end(body, points);
    tracei_push_end(body, metric);
}

/* ExportMetricsServiceRequest */
static void tracei_push_request(tracei_body *body) {
    const uint64_t now = tracei_unix_ns();
    const tracei_metrics_family *family;
    trace_resource resource;
    size_t all = tracei_push_begin(body, 1), part, scope;
    tracei_lock(&tracei_metrics_lock);
    resource = tracei_metrics_resource;
    tracei_unlock(&tracei_metrics_lock);
    part = tracei_push_begin(body, 1);
    tracei_push_attributes(body, 1, resource.attributes, resource.attribute_count);
    tracei_push_end(body, part);
    part = tracei_push_begin(body, 2);
    scope = tracei_push_begin(body, 1);
    tracei_push_text(body, 1, TRACEI_SDK_NAME);
    tracei_push_text(body, 2, TRACE_H_VERSION_STRING);
    tracei_push_end(body, scope);
    for (family = TRACEI_LOAD_ACQUIRE(&tracei_metrics_families); family; family = TRACEI_LOAD_ACQUIRE(&family->next))
        tracei_push_family(body, family, now);
    tracei_push_end(body, part);
    tracei_push_end(body, all);
}

/* >>pushing -------------------------------------------------------------------------------------------------------

   A sender of trace_http.h whose items are whole requests. Two in one body are one request again, since protobuf joins repeated
   fields; a later one of the same series counts. It is opened once for an endpoint, whatever init comes; another endpoint gets
   another sender, and the old one ends. The lock is held for reading and writing these words only: an init makes the sender while
   the worker may be pushing. */

static uint32_t tracei_push_lock;
static tracei_sender *tracei_push_sender;
static uint64_t tracei_push_interval_ns, tracei_push_due;
static uint32_t tracei_push_in_flush;       /* the flush or shutdown in which the numbers were sent */
static char tracei_push_url[2048];

/* The sender, when it is time (always: whenever); the next time is set. NULL: not yet, or there is none. */
static tracei_sender *tracei_push_turn(bool always) {
    const uint64_t now = tracei_mono_ns();
    tracei_sender *sender;
    tracei_lock(&tracei_push_lock);
    sender = always || now >= tracei_push_due ? tracei_push_sender : NULL;
    if (sender) tracei_push_due = tracei_add_capped(now, tracei_push_interval_ns);
    tracei_unlock(&tracei_push_lock);
    return sender;
}

/* Puts another one (NULL: none) in its place. */
static tracei_sender *tracei_push_exchange(tracei_sender *sender, uint64_t interval_ns) {
    tracei_sender *old;
    tracei_lock(&tracei_push_lock);
    old = tracei_push_sender;
    tracei_push_sender = sender;
    tracei_push_interval_ns = interval_ns;
    tracei_push_due = tracei_add_capped(tracei_mono_ns(), interval_ns);
    tracei_unlock(&tracei_push_lock);
    return old;
}

static bool tracei_push_assemble(void *user, const tracei_item *items, size_t count, tracei_body *body) {
    size_t i;
    (void)user;
    for (i = 0; i < count; i++) (void)tracei_body_add(body, items[i].data, items[i].size);
    return !body->full;
}

static void tracei_push_response(void *user, const trace_http_response *response, size_t count, tracei_verdict *verdict) {
    const bool failed = verdict->answer != TRACEI_ANSWER_OK;
    const tracei_otlp_answer answer = tracei_otlp_read_answer(response->body, response->body_size, failed);
    (void)user;
    tracei_otlp_take_message(verdict, response, &answer);
    if (!failed && answer.rejected) verdict->rejected = count;
}

static void tracei_push_numbers(tracei_sender *sender) {
    tracei_body body;
    memset(&body, 0, sizeof body);
    body.limit = 16u << 20;
    tracei_push_request(&body);
    if (!body.full) (void)tracei_sender_add(sender, body.data, body.size, 0);
    else tracei_sender_drop(sender, TRACE_FAILURE_TOO_LARGE);
    tracei_free(body.data, body.capacity);
}

/* A flush asks again and again until what was sent is answered, and a shutdown is begun before it is waited for: the numbers go
   once. */
static void tracei_push_numbers_once(tracei_sender *sender) {
    if (tracei_push_in_flush == tracei_flush_number) return;
    tracei_push_in_flush = tracei_flush_number;
    tracei_push_numbers(sender);
}

static void tracei_push_export(void) {
    tracei_sender *const sender = tracei_push_turn(false);
    if (sender) tracei_push_numbers(sender);
}

static trace_result tracei_push_flush(uint64_t deadline_ns) {
    tracei_sender *const sender = tracei_push_turn(true);
    if (!sender) return TRACE_RESULT_OK;
    tracei_push_numbers_once(sender);
    return tracei_sender_flush(sender, deadline_ns);
}

static void tracei_push_shutdown(uint64_t deadline_ns) {
    tracei_sender *const sender = tracei_push_exchange(NULL, 0);
    tracei_push_url[0] = '\0';
    if (!sender) return;
    tracei_push_numbers_once(sender);
    tracei_sender_shutdown(sender, deadline_ns);
}

static void tracei_push_fork(void) {
    tracei_push_lock = 0;
    if (tracei_push_sender) tracei_sender_fork(tracei_push_sender);
}

static tracei_sender *tracei_push_sender_open(const char *url) {
    static const char *const protocols[] = {"http/protobuf", "http/json", "grpc", NULL};
    static const char *const compressions[] = {"none", "gzip", NULL};
    tracei_http_options http;
    tracei_pairs pairs;
    tracei_sender *sender;
    uint32_t value;
    memset(&http, 0, sizeof http);
    if (tracei_otlp_word("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL", protocols) > 0)
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "otlp metrics: sent as http/protobuf; set OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf to say so");
    if (!tracei_environment_pairs("OTEL_EXPORTER_OTLP_METRICS_HEADERS", &pairs))
        (void)tracei_environment_pairs("OTEL_EXPORTER_OTLP_HEADERS", &pairs);
    http.owner = "otlp metrics";
    http.url = url;
    http.content_type = "application/x-protobuf";
    http.user_agent = "OTel-OTLP-Exporter-C/" TRACE_H_VERSION_STRING;
    http.headers = pairs.items;
    http.header_count = pairs.count;
    http.gzip = tracei_otlp_word("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION", compressions) == 1;
    http.ca_file = tracei_otlp_variable("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE");
    http.client_key_file = tracei_otlp_variable("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY");
    http.client_certificate_file =
        tracei_otlp_variable("OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE");
    if (tracei_environment_u32("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", 0, UINT32_MAX, &value) ||
        tracei_environment_u32("OTEL_EXPORTER_OTLP_TIMEOUT", 0, UINT32_MAX, &value))
        http.timeout_ms = value ? value : UINT32_MAX;
    http.schedule_delay_ms = 1;
    http.max_queue_spans = 4;               /* more are no use: the next one has their numbers */
    http.max_batch_spans = 1;
    http.assemble_fn = tracei_push_assemble;
    http.response_fn = tracei_push_response;
    sender = tracei_sender_open(&http);
    if (pairs.items) {
        memset(pairs.items, 0, pairs.size); /* credentials */
        tracei_pairs_free(&pairs);
    }
    return sender;
}

static void tracei_push_open(const char *url) {
    static tracei_kept kept;
    tracei_sender *sender = (tracei_sender *)kept.exporter.user, *old;
    uint32_t value;
    if (!tracei_kept_good(&kept)) {
        sender = tracei_push_sender_open(url);
        (void)tracei_keep(&kept, tracei_sender_exporter("metrics", sender, NULL));
    }
    if (!sender) return;
    if (!tracei_environment_u32("OTEL_METRIC_EXPORT_INTERVAL", 1, UINT32_MAX, &value)) value = 60000;
    old = tracei_push_exchange(sender, (uint64_t)value * 1000000u);
    if (old) tracei_sender_shutdown(old, tracei_add_capped(tracei_mono_ns(), 1000000000u));
}

static void tracei_push_make(bool disable_environment) {
    const char *const url = disable_environment ? NULL : tracei_environment_any("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", NULL);
    if (!url || strcmp(url, tracei_push_url) == 0) return;
    if (strlen(url) >= sizeof tracei_push_url) {
        tracei_log(TRACE_LOG_LEVEL_ERROR, "otlp metrics: OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is longer than 2,000 characters");
        return;
    }
    memcpy(tracei_push_url, url, strlen(url) + 1);
    tracei_push_open(url);
}

#if TRACEI_GNU && !TRACE_CONFIG_SINGLE_THREADED
__attribute__((constructor)) static void tracei_push_register(void) {
    static const tracei_metrics_sink sink = {tracei_push_make, tracei_push_export, tracei_push_flush, tracei_push_shutdown,
                                             tracei_push_fork};
    tracei_metrics_sender = &sink;
}
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
