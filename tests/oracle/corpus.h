/* corpus.h - random spans with everything in them, and what was recorded, in words of their own
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   A description is one line of JSON in which every text is the hexadecimal of its bytes and every double that of its bits, written by
   printf alone: it shares no code with what it is to check. */
#ifndef TRACE_CORPUS_H
#define TRACE_CORPUS_H

#ifdef __GNUC__
#define CORPUS_UNUSED __attribute__((unused))
#else
#define CORPUS_UNUSED
#endif

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t corpus_state;

static uint64_t corpus_random(void) {
    uint64_t x = corpus_state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint32_t corpus_below(uint32_t limit) { return (uint32_t)(corpus_random() % limit); }

/* Freed all at once. */
static char corpus_memory[64 << 20];
static size_t corpus_used;

static void *corpus_take(size_t size) {
    void *taken = corpus_memory + corpus_used;
    corpus_used += (size + 15) / 16 * 16;
    if (corpus_used > sizeof corpus_memory) abort();
    memset(taken, 0, size);
    return taken;
}

static trace_string corpus_copy(const char *bytes, size_t size) {
    char *copy = (char *)corpus_take(size + 1);       /* of its own size, so that reading past the end is noticed by tools */
    trace_string text;
    memcpy(copy, bytes, size);
    text.data = copy;
    text.size = size;
    return text;
}

static trace_string corpus_text(bool may_be_empty) {
    static const char *const hostile[] = {
        "http.request.method", "GET", "a", "ab", "abc", "abcd", "abcdefg", "abcdefgh", "abcdefghi", "0123456789abcdef", "0123456789abcdefg",
        "\"", "\\", "\\\"", "a\"b\\c/d", "\b\f\n\r\t", "\x01\x02\x1f\x7f", "tab\there", "<script>&'</script>", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
        "\xe4\xb8\xad\xe6\x96\x87\xe5\xb1\x9e\xe6\x80\xa7", "\xe2\x80\xa8\xe2\x80\xa9", "\xef\xbb\xbf" "bom", "\xef\xbf\xbd", "\xef\xbf\xbf", "\xff", "\xfe\xff", "\xc0\x80",
        "\xed\xa0\x80", "\xed\xa0\x80\xed\xb0\x80", "\xf4\x90\x80\x80", "\xf0\x80\x80\x80", "abc\xe2\x82", "abc\xf0\x9f\x98", "\xe2\x82" "abc",
        "\x80\x81\x82", "long ASCII text that is longer than any short path, to go through the loop over words and the tail behind it",
        "{\"json\":[1,2,3]}", "null", "NaN", "true", "-0", "yAnnotations\"", "%00%0a", "10.0.0.1", "256.1.1.1", "1.2.3", "::1", "2001:db8::7:0", "::ffff:10.0.0.1", "1::2::3", "false", "binaryAnnotations", "SELECT * FROM t WHERE a = 'b'"};
    char bytes[600];
    size_t size = 0;
    switch (corpus_below(8)) {
    case 0:
        if (may_be_empty) return corpus_copy("", 0);
        /* fall through */
    case 1:
        size = 1 + corpus_below(24);
        for (size_t i = 0; i < size; i++) bytes[i] = (char)corpus_random();
        return corpus_copy(bytes, size);
    case 2:
        size = 1 + corpus_below(40);
        for (size_t i = 0; i < size; i++) bytes[i] = (char)(' ' + corpus_below(95));
        return corpus_copy(bytes, size);
    case 3:
        size = corpus_below(3) ? 120 + corpus_below(16) : 1 + corpus_below(sizeof bytes - 1);        /* around the one byte length */
        for (size_t i = 0; i < size; i++) bytes[i] = (char)('a' + i % 26);
        if (corpus_below(4) == 0) bytes[corpus_below((uint32_t)size)] = (char)corpus_random();
        return corpus_copy(bytes, size);
    case 4:
        return corpus_copy("nul\0inside", 10);
    default: {
        const char *text = hostile[corpus_below(sizeof hostile / sizeof *hostile)];
        return corpus_copy(text, strlen(text));
    }
    }
}

/* Keys that mean something to somebody, now and then. */
static trace_string corpus_key(bool known_only) {
    static const char *const known[] = {
        "peer.service", "server.address", "net.peer.name", "network.peer.address", "network.peer.port", "server.socket.domain", "server.socket.address",
        "server.socket.port", "net.sock.peer.name", "net.sock.peer.addr", "net.sock.peer.port", "peer.hostname", "peer.address", "db.name", "error",
        "otel.status_code", "otel.scope.name", "otel.library.version", "otel.dropped_events_count", "service.name"};
    const char *key = known[corpus_below(sizeof known / sizeof *known)];
    return known_only || !corpus_below(4) ? corpus_copy(key, strlen(key)) : corpus_text(false);
}

static int64_t corpus_integer(void) {
    static const int64_t border[] = {0, 1, -1, 80, 65535, 65536, 127, 128, 129, -128, 255, 256, 16383, 16384, 2097151, 2097152, INT32_MAX, INT32_MIN,
                                     (int64_t)UINT32_MAX, INT64_C(9007199254740993), -INT64_C(9007199254740993), INT64_MAX, INT64_MIN, INT64_MAX - 1,
                                     99999999, 100000000, INT64_C(9999999999999999), INT64_C(10000000000000000)};
    if (corpus_below(2)) return border[corpus_below(sizeof border / sizeof *border)];
    return (int64_t)(corpus_random() >> corpus_below(64));
}

static double corpus_double(void) {
    static const uint64_t border[] = {0, UINT64_C(0x8000000000000000), UINT64_C(0x3ff0000000000000), UINT64_C(0x7ff0000000000000),
                                      UINT64_C(0xfff0000000000000), UINT64_C(0x7ff8000000000000), 1, UINT64_C(0x7fefffffffffffff),
                                      UINT64_C(0x3fb999999999999a), UINT64_C(0x400921fb54442d18), UINT64_C(0x4340000000000000),
                                      UINT64_C(0x4340000000000001), UINT64_C(0x44b52d02c7e14af6), UINT64_C(0x0010000000000000)};
    uint64_t bits = corpus_random();
    double number;
    if (corpus_below(3) == 0) return (double)(int64_t)(corpus_random() >> 40) / 1000.0;
    if (corpus_below(2)) bits = border[corpus_below(sizeof border / sizeof *border)];
    if ((bits >> 52 & 0x7ff) == 0x7ff && bits << 12) bits = UINT64_C(0x7ff8000000000000);      /* JSON has one NaN */
    memcpy(&number, &bits, sizeof number);
    return number;
}

static trace_value corpus_value(unsigned depth);

static trace_value corpus_array(unsigned depth) {
    trace_value value, *items;
    size_t count = corpus_below(5);
    memset(&value, 0, sizeof value);
    value.type = TRACE_TYPE_ARRAY;
    items = (trace_value *)corpus_take((count + 1) * sizeof *items);
    for (size_t i = 0; i < count; i++) items[i] = corpus_value(depth + 1);
    value.as.array.items = items;
    value.as.array.count = count;
    return value;
}

static trace_value corpus_value(unsigned depth) {
    trace_value value;
    memset(&value, 0, sizeof value);
    value.type = (trace_type)corpus_below(depth < 3 ? 8 : 6);
    if (value.type == TRACE_TYPE_ARRAY && depth >= 3) value.type = TRACE_TYPE_NULL;
    switch (value.type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON: value.as.string = corpus_text(true); break;
    case TRACE_TYPE_BYTES: value.as.bytes = corpus_text(true); break;
    case TRACE_TYPE_INT: value.as.integer = corpus_integer(); break;
    case TRACE_TYPE_DOUBLE: value.as.number = corpus_double(); break;
    case TRACE_TYPE_BOOL: value.as.boolean = corpus_below(2) != 0; break;
    case TRACE_TYPE_ARRAY: return corpus_array(depth);
    default: break;
    }
    return value;
}

/* An array in an array in an array. */
static trace_value corpus_deep(unsigned levels) {
    trace_value value;
    memset(&value, 0, sizeof value);
    value.type = TRACE_TYPE_INT;
    value.as.integer = 7;
    while (levels--) {
        trace_value *item = (trace_value *)corpus_take(sizeof *item);
        *item = value;
        value.type = TRACE_TYPE_ARRAY;
        value.as.array.items = item;
        value.as.array.count = 1;
    }
    return value;
}

static trace_value corpus_string_value(void) {
    trace_value value;
    memset(&value, 0, sizeof value);
    value.type = TRACE_TYPE_STRING;
    value.as.string = corpus_text(false);
    return value;
}

static const trace_attribute *corpus_attributes(size_t *count, unsigned limit) {
    trace_attribute *attributes;
    bool known_only = corpus_below(6) == 0;
    *count = corpus_below(3) ? corpus_below(limit + 1) : 0;
    attributes = (trace_attribute *)corpus_take((*count + 1) * sizeof *attributes);
    for (size_t i = 0; i < *count; i++) {
        attributes[i].key = corpus_key(known_only);
        attributes[i].value = known_only && corpus_below(2) ? corpus_string_value() : corpus_below(200) ? corpus_value(0) : corpus_deep(28 + corpus_below(10));
    }
    return attributes;
}

static void corpus_id(uint8_t *id, size_t size) {
    for (size_t i = 0; i < size; i++) id[i] = (uint8_t)corpus_random();
    if (corpus_below(8) == 0) memset(id, 0, size - 1);
}

static uint32_t corpus_dropped(void) {
    static const uint32_t border[] = {1, 127, 128, UINT32_MAX, 0x80000000u};
    return corpus_below(4) ? 0 : border[corpus_below(5)];
}

static uint64_t corpus_time(void) {
    static const uint64_t border[] = {0, 1, 999, 1000, UINT64_MAX, UINT64_C(9223372036854775808), UINT64_C(1544712660000000000)};
    return corpus_below(4) ? UINT64_C(1700000000000000000) + (corpus_random() >> 20) : border[corpus_below(7)];
}

static trace_string corpus_state_text(void) {
    return corpus_below(4) ? corpus_copy("", 0) : corpus_below(2) ? corpus_copy("vendor=1,ot=th:8", 16) : corpus_text(true);
}

static trace_event_data corpus_event(void) {
    trace_event_data event;
    memset(&event, 0, sizeof event);
    event.name = corpus_text(true);
    event.unix_ns = corpus_time();
    event.attributes = corpus_attributes(&event.attribute_count, 4);
    event.dropped_attribute_count = corpus_dropped();
    return event;
}

static trace_link_data corpus_link(void) {
    trace_link_data link;
    memset(&link, 0, sizeof link);
    corpus_id(link.context.trace_id, 16);
    corpus_id(link.context.span_id, 8);
    link.context.flags = (uint8_t)corpus_below(4);
    link.context.is_remote = corpus_below(2) != 0;
    link.trace_state = corpus_state_text();
    link.attributes = corpus_attributes(&link.attribute_count, 4);
    link.dropped_attribute_count = corpus_dropped();
    return link;
}

CORPUS_UNUSED static trace_span_data corpus_span(const trace_scope *scope) {
    trace_span_data span;
    trace_event_data *events;
    trace_link_data *links;
    memset(&span, 0, sizeof span);
    corpus_id(span.trace_id, 16);
    corpus_id(span.span_id, 8);
    if (corpus_below(3)) corpus_id(span.parent_span_id, 8);
    span.flags = (uint8_t)(corpus_below(16) ? corpus_below(4) : corpus_below(256));
    span.parent_is_remote = corpus_below(2) != 0;
    span.kind = (trace_kind)(corpus_below(20) ? 1 + corpus_below(5) : 0);
    span.status = (trace_status)corpus_below(3);
    span.name = corpus_text(true);
    if (corpus_below(2)) span.status_message = corpus_text(true);
    span.trace_state = corpus_state_text();
    span.start_unix_ns = corpus_time();
    span.end_unix_ns = corpus_time();
    span.attributes = corpus_attributes(&span.attribute_count, corpus_below(10) ? 8 : 128);
    span.dropped_attribute_count = corpus_dropped();
    span.dropped_event_count = corpus_dropped();
    span.dropped_link_count = corpus_dropped();
    span.event_count = corpus_below(3) ? 0 : corpus_below(5);
    events = (trace_event_data *)corpus_take((span.event_count + 1) * sizeof *events);
    for (size_t i = 0; i < span.event_count; i++) events[i] = corpus_event();
    span.events = events;
    span.link_count = corpus_below(3) ? 0 : corpus_below(4);
    links = (trace_link_data *)corpus_take((span.link_count + 1) * sizeof *links);
    for (size_t i = 0; i < span.link_count; i++) links[i] = corpus_link();
    span.links = links;
    span.scope = scope;
    return span;
}

/* ---- descriptions ------------------------------------------------------------------------------------------------ */

static void describe_bytes(FILE *out, const void *bytes, size_t size) {
    fputc('"', out);
    for (size_t i = 0; i < size; i++) fprintf(out, "%02x", ((const unsigned char *)bytes)[i]);
    fputc('"', out);
}

static void describe_text(FILE *out, const char *name, trace_string text) {
    fprintf(out, ",\"%s\":", name);
    describe_bytes(out, text.data, text.size);
}

static void describe_value(FILE *out, const trace_value *value) {
    uint64_t bits;
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        fprintf(out, value->type == TRACE_TYPE_JSON ? "[\"json\"" : "[\"string\"");
        fputc(',', out);
        describe_bytes(out, value->as.string.data, value->as.string.size);
        fputc(']', out);
        return;
    case TRACE_TYPE_BYTES:
        fprintf(out, "[\"bytes\",");
        describe_bytes(out, value->as.bytes.data, value->as.bytes.size);
        fputc(']', out);
        return;
    case TRACE_TYPE_INT:
        fprintf(out, "[\"int\",\"%" PRId64 "\"]", value->as.integer);
        return;
    case TRACE_TYPE_DOUBLE:
        memcpy(&bits, &value->as.number, 8);
        fprintf(out, "[\"double\",\"%016" PRIx64 "\"]", bits);
        return;
    case TRACE_TYPE_BOOL:
        fprintf(out, "[\"bool\",%s]", value->as.boolean ? "true" : "false");
        return;
    case TRACE_TYPE_ARRAY:
        fprintf(out, "[\"array\",[");
        for (size_t i = 0; i < value->as.array.count; i++) {
            if (i) fputc(',', out);
            describe_value(out, &value->as.array.items[i]);
        }
        fprintf(out, "]]");
        return;
    default:
        fprintf(out, "[\"null\"]");
    }
}

static void describe_attributes(FILE *out, const trace_attribute *attributes, size_t count) {
    fprintf(out, ",\"attributes\":[");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, i ? ",[" : "[");
        describe_bytes(out, attributes[i].key.data, attributes[i].key.size);
        fputc(',', out);
        describe_value(out, &attributes[i].value);
        fputc(']', out);
    }
    fputc(']', out);
}

static void describe_link(FILE *out, const trace_link_data *link) {
    fprintf(out, "{\"trace_id\":");
    describe_bytes(out, link->context.trace_id, 16);
    fprintf(out, ",\"span_id\":");
    describe_bytes(out, link->context.span_id, 8);
    fprintf(out, ",\"flags\":%u,\"remote\":%s,\"dropped\":%" PRIu32, link->context.flags, link->context.is_remote ? "true" : "false", link->dropped_attribute_count);
    describe_text(out, "trace_state", link->trace_state);
    describe_attributes(out, link->attributes, link->attribute_count);
    fputc('}', out);
}

CORPUS_UNUSED static void describe_span(FILE *out, const trace_span_data *span, unsigned resource, unsigned scope) {
    fprintf(out, "{\"resource\":%u,\"scope\":%u,\"trace_id\":", resource, scope);
    describe_bytes(out, span->trace_id, 16);
    fprintf(out, ",\"span_id\":");
    describe_bytes(out, span->span_id, 8);
    fprintf(out, ",\"parent\":");
    describe_bytes(out, span->parent_span_id, 8);
    fprintf(out, ",\"flags\":%u,\"remote\":%s,\"kind\":%d,\"status\":%d", span->flags, span->parent_is_remote ? "true" : "false", (int)span->kind, (int)span->status);
    fprintf(out, ",\"start\":\"%" PRIu64 "\",\"end\":\"%" PRIu64 "\"", span->start_unix_ns, span->end_unix_ns);
    fprintf(out, ",\"dropped\":[%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]", span->dropped_attribute_count, span->dropped_event_count, span->dropped_link_count);
    describe_text(out, "name", span->name);
    describe_text(out, "message", span->status_message);
    describe_text(out, "trace_state", span->trace_state);
    describe_attributes(out, span->attributes, span->attribute_count);
    fprintf(out, ",\"events\":[");
    for (size_t i = 0; i < span->event_count; i++) {
        fprintf(out, "%s{\"time\":\"%" PRIu64 "\",\"dropped\":%" PRIu32, i ? "," : "", span->events[i].unix_ns, span->events[i].dropped_attribute_count);
        describe_text(out, "name", span->events[i].name);
        describe_attributes(out, span->events[i].attributes, span->events[i].attribute_count);
        fputc('}', out);
    }
    fprintf(out, "],\"links\":[");
    for (size_t i = 0; i < span->link_count; i++) {
        if (i) fputc(',', out);
        describe_link(out, &span->links[i]);
    }
    fprintf(out, "]}");
}

CORPUS_UNUSED static void describe_scope(FILE *out, const trace_scope *scope) {
    const char *parts[3];
    parts[0] = scope ? scope->name : NULL;
    parts[1] = scope ? scope->version : NULL;
    parts[2] = scope ? scope->schema_url : NULL;
    fputc('[', out);
    for (int i = 0; i < 3; i++) {
        if (i) fputc(',', out);
        describe_bytes(out, parts[i] ? parts[i] : "", parts[i] ? strlen(parts[i]) : 0);
    }
    fputc(']', out);
}

#endif
