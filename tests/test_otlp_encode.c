/* test_otlp_encode.c - OTLP as JSON and protobuf, requests, answers, files, URLs
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   tests/oracle compares the encodings with opentelemetry-proto; here are the cases one can read. */
#include "test.h"

#ifndef _WIN32
static int waits, longest_wait_ms;          /* of what was asked for a while to write */

static int counted_poll(struct pollfd *polled, nfds_t count, int timeout_ms) {
    waits += timeout_ms != 0;
    if (timeout_ms < 0 || timeout_ms > longest_wait_ms) longest_wait_ms = timeout_ms < 0 ? INT32_MAX : timeout_ms;
    return poll(polled, count, timeout_ms);
}
#define poll counted_poll
#endif

#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"
#include "settled.h"

#include "oracle/corpus.h"

#include <math.h>
#ifndef _WIN32
#include <sys/resource.h>
#endif

static trace_string text(const char *literal) {
    trace_string string;
    string.data = literal;
    string.size = strlen(literal);
    return string;
}

static void unhex(const char *digits, uint8_t *out) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; digits[2 * i]; i++) out[i] = (uint8_t)((strchr(hex, digits[2 * i]) - hex) << 4 | (strchr(hex, digits[2 * i + 1]) - hex));
}

static trace_span_data plain_span(void) {
    trace_span_data span;
    memset(&span, 0, sizeof span);
    unhex("5b8efff798038103d269b633813fc60c", span.trace_id);
    unhex("eee19b7ec3c1b174", span.span_id);
    span.flags = 1;
    span.kind = TRACE_KIND_INTERNAL;
    span.name = text("op");
    span.start_unix_ns = UINT64_C(1544712660000000000);
    span.end_unix_ns = UINT64_C(1544712661000000000);
    return span;
}

static tracei_otlp_encoder *new_encoder(bool json) {
    tracei_otlp_encoder *encoder = (tracei_otlp_encoder *)calloc(1, sizeof *encoder);
    if (!encoder) abort();
    encoder->json = json;
    return encoder;
}

static trace_resource service(trace_attribute *attribute) {
    trace_resource resource;
    memset(&resource, 0, sizeof resource);
    *attribute = TRACE_ATTR_STRING("service.name", "svc");
    resource.attributes = attribute;
    resource.attribute_count = 1;
    resource.schema_url = text("");
    return resource;
}

/* A whole request, terminated; to be freed. */
static char *request_of(bool json, const trace_resource *resource, const trace_span_data *spans, size_t count, size_t *size) {
    tracei_otlp_encoder *encoder = new_encoder(json);
    tracei_item *items = (tracei_item *)calloc(count, sizeof *items);
    char *request;
    size_t promised;
    uint32_t number = tracei_otlp_resource(encoder, resource);
    if (!items) abort();
    for (size_t i = 0; i < count; i++) {
        size_t bound = tracei_otlp_span_size(&spans[i]);
        char *at = (char *)malloc(bound + 1);
        if (!at) abort();
        at[bound] = 0x5a;
        items[i].data = (const uint8_t *)at;
        items[i].size = (uint32_t)(tracei_otlp_span(encoder, at, &spans[i]) - at);
        items[i].scope = tracei_otlp_group(encoder, number, spans[i].scope);
        CHECK(items[i].size <= bound && at[bound] == 0x5a);
    }
    promised = tracei_otlp_request_size(encoder, items, count);
    request = (char *)malloc(promised + 1);
    if (!request) abort();
    *size = (size_t)(tracei_otlp_request(encoder, request, items, count) - request);
    CHECK(*size <= promised && (json || *size == promised));
    request[*size] = '\0';
    for (size_t i = 0; i < count; i++) free((void *)(uintptr_t)items[i].data);
    free(items);
    free(encoder);
    return request;
}

static void check_both(const trace_span_data *span, const char *json_part, const char *hex_part) {
    char *json = (char *)malloc(tracei_otlp_span_size(span) + 1), *digits;
    uint8_t *bytes = (uint8_t *)malloc(tracei_otlp_span_size(span));
    size_t size;
    if (!json || !bytes) abort();
    *tracei_otlp_json_span(json, span) = '\0';
    CHECK_HAS(json, json_part);
    size = (size_t)(tracei_otlp_protobuf_span((char *)bytes, span) - (char *)bytes);
    digits = (char *)malloc(2 * size + 1);
    if (!digits) abort();
    *tracei_put_hex(digits, bytes, size) = '\0';
    CHECK_HAS(digits, hex_part);
    free(json);
    free(bytes);
    free(digits);
}

static void check_value(trace_value value, const char *json_part, const char *hex_part) {
    char expected[256];
    trace_attribute attribute;
    trace_span_data span = plain_span();
    attribute.key = text("k");
    attribute.value = value;
    span.attributes = &attribute;
    span.attribute_count = 1;
    snprintf(expected, sizeof expected, ",\"attributes\":[{\"key\":\"k\",\"value\":%s}]", json_part);
    check_both(&span, expected, hex_part);
}

TEST(protobuf_of_the_checked_vector) {
    trace_attribute service_name, n = TRACE_ATTR_INT("n", 7);
    trace_resource resource = service(&service_name);
    static const trace_scope scope = {"lib", NULL, NULL};
    trace_span_data span = plain_span();
    size_t size;
    char *request, digits[512];
    span.attributes = &n;
    span.attribute_count = 1;
    span.status = TRACE_STATUS_ERROR;
    span.scope = &scope;
    request = request_of(false, &resource, &span, 1, &size);
    *tracei_put_hex(digits, (const uint8_t *)request, size) = '\0';
    CHECK_STR(digits, "0a6b0a170a150a0c736572766963652e6e616d6512050a0373766312500a050a036c696212470a105b8efff798038103d269b633813fc60c1208eee19b7ec3c1b174"
                      "2a026f70300139004859e3faeb6f15410012f41efbeb6f154a070a016e120218077a021802850101010000");
    free(request);
}

TEST(json_of_a_span_with_everything) {
    trace_attribute service_name, attributes[3], link_attribute = TRACE_ATTR_STRING("why", "batch");
    trace_resource resource = service(&service_name);
    static const trace_scope scope = {"lib", "1.0", "https://example.org/1"};
    trace_event_data events[2];
    trace_link_data links[2];
    trace_span_data spans[2];
    size_t size;
    char *request;
    spans[0] = spans[1] = plain_span();
    spans[1].parent_is_remote = true;
    unhex("eee19b7ec3c1b173", spans[1].parent_span_id);
    spans[1].kind = TRACE_KIND_SERVER;
    spans[1].trace_state = text("a=1,b=\"2");
    spans[1].scope = &scope;
    attributes[0] = TRACE_ATTR_INT("n", 7);
    attributes[1] = TRACE_ATTR_STRING("quote\"\\\n", "\xc3\xa9\xff");
    attributes[2] = TRACE_ATTR_DOUBLE("ratio", 0.5);
    spans[1].attributes = attributes;
    spans[1].attribute_count = 3;
    spans[1].dropped_attribute_count = 4;
    spans[1].dropped_event_count = 5;
    spans[1].dropped_link_count = 4294967295u;
    memset(events, 0, sizeof events);
    events[0].name = text("e");
    events[0].unix_ns = UINT64_C(1544712660500000000);
    events[1] = events[0];
    events[1].attributes = attributes;
    events[1].attribute_count = 1;
    events[1].dropped_attribute_count = 1;
    spans[1].events = events;
    spans[1].event_count = 2;
    memset(links, 0, sizeof links);
    unhex("5b8efff798038103d269b633813fc60d", links[0].context.trace_id);
    unhex("eee19b7ec3c1b175", links[0].context.span_id);
    links[1] = links[0];
    links[1].context.is_remote = true;
    links[1].context.flags = 1;
    links[1].trace_state = text("x=y");
    links[1].attributes = &link_attribute;
    links[1].attribute_count = 1;
    links[1].dropped_attribute_count = 2;
    spans[1].links = links;
    spans[1].link_count = 2;
    spans[1].status = TRACE_STATUS_ERROR;
    spans[1].status_message = text("boom\t");
    resource.schema_url = text("https://opentelemetry.io/schemas/1.40.0");
    request = request_of(true, &resource, spans, 2, &size);
    TEST_GOLDEN("otlp_everything.json", request, size);
    free(request);
}

TEST(values_of_every_type) {
    trace_value value, items[3];
    memset(&value, 0, sizeof value);
    check_value(value, "{}", "4a050a016b1200");
    value.type = TRACE_TYPE_STRING;
    value.as.string = text("");
    check_value(value, "{\"stringValue\":\"\"}", "4a070a016b12020a00");
    value.type = TRACE_TYPE_JSON;
    value.as.string = text("{\"a\":1}");
    check_value(value, "{\"stringValue\":\"{\\\"a\\\":1}\"}", "4a0e0a016b12090a077b2261223a317d");
    value.type = TRACE_TYPE_BOOL;
    value.as.boolean = false;
    check_value(value, "{\"boolValue\":false}", "4a070a016b12021000");
    value.as.boolean = true;
    check_value(value, "{\"boolValue\":true}", "4a070a016b12021001");
    value.type = TRACE_TYPE_INT;
    value.as.integer = 0;
    check_value(value, "{\"intValue\":\"0\"}", "4a070a016b12021800");
    value.as.integer = -1;
    check_value(value, "{\"intValue\":\"-1\"}", "4a100a016b120b18ffffffffffffffffff01");
    value.as.integer = INT64_MIN;
    check_value(value, "{\"intValue\":\"-9223372036854775808\"}", "4a100a016b120b1880808080808080808001");
    value.type = TRACE_TYPE_DOUBLE;
    value.as.number = 1.5;
    check_value(value, "{\"doubleValue\":1.5}", "4a0e0a016b120921000000000000f83f");
    value.as.number = -0.0;
    check_value(value, "{\"doubleValue\":-0.0}", "4a0e0a016b1209210000000000000080");
    value.as.number = 1e22;
    check_value(value, "{\"doubleValue\":1e+22}", "4a0e0a016b1209");
    value.as.number = HUGE_VAL;
    check_value(value, "{\"doubleValue\":\"Infinity\"}", "4a0e0a016b120921000000000000f07f");
    value.as.number = -HUGE_VAL;
    check_value(value, "{\"doubleValue\":\"-Infinity\"}", "4a0e0a016b120921000000000000f0ff");
    value.as.number = HUGE_VAL - HUGE_VAL;
    check_value(value, "{\"doubleValue\":\"NaN\"}", "4a0e0a016b1209");
    value.type = TRACE_TYPE_BYTES;
    value.as.bytes = text("\xff\xfe");
    check_value(value, "{\"bytesValue\":\"//4=\"}", "4a090a016b12043a02fffe");
    memset(items, 0, sizeof items);
    items[0].type = TRACE_TYPE_INT;
    items[0].as.integer = 1;
    items[2].type = TRACE_TYPE_ARRAY;
    value.type = TRACE_TYPE_ARRAY;
    value.as.array.items = items;
    value.as.array.count = 3;
    check_value(value, "{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},{},{\"arrayValue\":{\"values\":[]}}]}}", "4a110a016b120c2a0a0a0218010a000a022a00");
}

TEST(arrays_nested_too_deeply_end_as_empty_values) {
    for (unsigned levels = 30; levels < 40; levels++) {
        char json[8192];
        trace_span_data span = plain_span();
        trace_attribute attribute;
        unsigned depth = 0;
        corpus_used = 0;
        attribute.key = text("k");
        attribute.value = corpus_deep(levels);
        span.attributes = &attribute;
        span.attribute_count = 1;
        CHECK(tracei_otlp_span_size(&span) < sizeof json);
        *tracei_otlp_json_span(json, &span) = '\0';
        for (const char *at = json; (at = strstr(at, "arrayValue")) != NULL; at++) depth++;
        CHECK_UINT(depth, levels < TRACEI_OTLP_DEPTH_MAX ? levels : TRACEI_OTLP_DEPTH_MAX);
        if (levels > TRACEI_OTLP_DEPTH_MAX) CHECK_HAS_NOT(json, "intValue");
    }
}

/* A decoder that only walks: true when every text field of the message is valid UTF-8 and every length fits. */
static bool texts_are_valid(const char *at, const char *end, unsigned message) {
    /* what fields hold: of Span, KeyValue, AnyValue, ArrayValue, Event, Link, Status */
    static const char *const kinds[] = {"", "..T.T...1..4.5.6", ".T2", ".T...3.", ".2", "..T1", "...T1", "..T"};
    unsigned field;
    uint64_t number;
    trace_string content;
    while (at < end) {
        char kind;
        if (!tracei_otlp_field(&at, end, &field, &number, &content)) return false;
        kind = field < strlen(kinds[message]) ? kinds[message][field] : '.';
        if (message == 1) kind = field == 3 || field == 5 ? 'T' : field == 9 ? '1' : field == 11 ? '4' : field == 13 ? '5' : field == 15 ? '6' : '.';
        if (message == 4) kind = field == 2 ? 'T' : field == 3 ? '1' : '.';
        if (message == 5) kind = field == 3 ? 'T' : field == 4 ? '1' : '.';
        if (message == 6) kind = field == 2 ? 'T' : '.';
        if (kind == 'T' && tracei_utf8_valid(content.data, content.size) != content.size) return false;
        if (kind == '1' && !texts_are_valid(content.data, content.data + content.size, 2)) return false;
        if (kind == '2' && !texts_are_valid(content.data, content.data + content.size, 3)) return false;
        if (kind == '3' && !texts_are_valid(content.data, content.data + content.size, 7)) return false;
        if (kind >= '4' && kind <= '6' && !texts_are_valid(content.data, content.data + content.size, (unsigned)(kind - '0'))) return false;
        if (message == 7 && !texts_are_valid(content.data, content.data + content.size, 3)) return false;
    }
    return true;
}

TEST(every_1_and_2_byte_text_comes_out_valid) {
    char json[8192], protobuf[8192];
    for (unsigned i = 0; i < 0x10000 + 256; i++) {
        char bytes[2] = {(char)(i >= 0x10000 ? i : i >> 8), (char)i};
        trace_string part;
        trace_attribute attribute;
        trace_event_data event;
        trace_link_data link;
        trace_span_data span = plain_span();
        size_t size;
        part.data = bytes;
        part.size = i >= 0x10000 ? 1 : 2;
        memset(&event, 0, sizeof event);
        memset(&link, 0, sizeof link);
        attribute.key = part;
        attribute.value.type = TRACE_TYPE_STRING;
        attribute.value.as.string = part;
        event.name = link.trace_state = span.name = span.trace_state = span.status_message = part;
        span.attributes = event.attributes = link.attributes = &attribute;
        span.attribute_count = event.attribute_count = link.attribute_count = 1;
        span.events = &event;
        span.links = &link;
        span.event_count = span.link_count = 1;
        REQUIRE(tracei_otlp_span_size(&span) < sizeof json);
        size = (size_t)(tracei_otlp_json_span(json, &span) - json);
        REQUIRE(tracei_utf8_valid(json, size) == size);
        REQUIRE(tracei_otlp_skip_value(json, json + size) == json + size);
        size = (size_t)(tracei_otlp_protobuf_span(protobuf, &span) - protobuf);
        REQUIRE(texts_are_valid(protobuf, protobuf + size, 1));
    }
}

/* All 3-byte texts, 256 to an attribute, each followed by a letter. */
TEST(every_3_byte_text_comes_out_valid) {
    static char part[1024], json[16384], protobuf[8192];
    for (unsigned i = 0; i < 0x10000; i += 0x10000 / (unsigned)test_scaled(0x10000)) {
        trace_attribute attribute;
        trace_span_data span = plain_span();
        size_t size;
        for (unsigned k = 0; k < 256; k++) {
            char *const at = part + 4 * k;
            at[0] = (char)(i >> 8), at[1] = (char)i, at[2] = (char)k, at[3] = 'x';
        }
        attribute.key = text("k");
        attribute.value.type = TRACE_TYPE_STRING;
        attribute.value.as.string.data = part;
        attribute.value.as.string.size = sizeof part;
        span.attributes = &attribute;
        span.attribute_count = 1;
        REQUIRE(tracei_otlp_span_size(&span) < sizeof json);
        size = (size_t)(tracei_otlp_json_span(json, &span) - json);
        REQUIRE(tracei_utf8_valid(json, size) == size);
        REQUIRE(tracei_otlp_skip_value(json, json + size) == json + size);
        size = (size_t)(tracei_otlp_protobuf_span(protobuf, &span) - protobuf);
        REQUIRE(texts_are_valid(protobuf, protobuf + size, 1));
    }
}

TEST(random_spans_keep_within_their_bound) {
    corpus_state = test_random();
    for (int i = 0; i < 3000; i++) {
        trace_span_data span;
        size_t bound, json, protobuf;
        char *memory;
        corpus_used = 0;
        span = corpus_span(NULL);
        bound = tracei_otlp_span_size(&span);
        memory = (char *)malloc(bound);          /* what goes past it is the sanitizer's to see */
        REQUIRE(memory != NULL);
        json = (size_t)(tracei_otlp_json_span(memory, &span) - memory);
        CHECK(json <= bound && tracei_otlp_skip_value(memory, memory + json) == memory + json);
        protobuf = (size_t)(tracei_otlp_protobuf_span(memory, &span) - memory);
        CHECK(protobuf <= bound && texts_are_valid(memory, memory + protobuf, 1));
        free(memory);
    }
}

TEST(a_giant_text_is_not_bounded_by_its_worst_case) {
    const size_t size = 50u << 20;
    char *giant = (char *)malloc(size), *memory;
    trace_attribute attribute;
    trace_span_data span = plain_span();
    size_t bound;
    REQUIRE(giant != NULL);
    memset(giant, 'x', size);
    giant[size / 2] = '\xff';
    attribute.key = text("blob");
    attribute.value.type = TRACE_TYPE_STRING;
    attribute.value.as.string.data = giant;
    attribute.value.as.string.size = size;
    span.attributes = &attribute;
    span.attribute_count = 1;
    bound = tracei_otlp_span_size(&span);
    CHECK(bound < size + 4096);
    memory = (char *)malloc(bound);
    REQUIRE(memory != NULL);
    CHECK((size_t)(tracei_otlp_json_span(memory, &span) - memory) <= bound);
    CHECK((size_t)(tracei_otlp_protobuf_span(memory, &span) - memory) > size);
    free(memory);
    free(giant);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

TEST(spans_are_grouped_by_resource_and_scope) {
    static const trace_scope a = {"a", NULL, NULL}, b = {"b", "2", NULL}, same_as_a = {"a", NULL, NULL}, empty = {NULL, NULL, NULL};
    const trace_scope *const scopes[] = {&a, &b, &a, NULL, &same_as_a, &b, &empty};
    tracei_otlp_encoder *encoder = new_encoder(true);
    trace_attribute names[2];
    trace_resource resources[2];
    tracei_item items[7];
    char memory[8192], request[8192];
    char *at = memory;
    resources[0] = service(&names[0]);
    resources[1] = service(&names[1]);
    names[1].value.as.string = text("other");
    for (int i = 0; i < 7; i++) {
        static const char *const labels[] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6"};
        trace_span_data span = plain_span();
        span.name = text(labels[i]);
        span.scope = scopes[i];
        items[i].data = (const uint8_t *)at;
        at = tracei_otlp_span(encoder, at, &span);
        items[i].size = (uint32_t)(at - (const char *)items[i].data);
        items[i].scope = tracei_otlp_group(encoder, tracei_otlp_resource(encoder, &resources[i == 5]), scopes[i]);
    }
    CHECK_UINT(items[0].scope, items[4].scope);
    CHECK_UINT(items[3].scope, items[6].scope);
    CHECK(items[1].scope != items[5].scope);
    CHECK(tracei_otlp_request_size(encoder, items, 7) <= sizeof request);
    TEST_GOLDEN("otlp_grouped.json", request, (size_t)(tracei_otlp_request(encoder, request, items, 7) - request));
    free(encoder);
}

TEST(scopes_without_a_place_lose_their_name_only) {
    tracei_otlp_encoder *encoder = new_encoder(false);
    trace_resource resource;
    uint32_t number, nameless, last = 0;
    trace_scope scope = {NULL, NULL, NULL};
    char name[32];
    memset(&resource, 0, sizeof resource);
    number = tracei_otlp_resource(encoder, &resource);
    encoder->warned_scopes = true;
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "scope%d", i);
        scope.name = name;
        last = tracei_otlp_group(encoder, number, &scope);
        REQUIRE(last < TRACEI_OTLP_GROUPS_MAX);
    }
    nameless = tracei_otlp_group(encoder, number, NULL);
    CHECK_UINT(last, nameless);
    encoder->warned_resources = true;
    for (int i = 0; i < 100; i++) {
        trace_attribute attribute;
        resource = service(&attribute);
        snprintf(name, sizeof name, "service%d", i);
        attribute.value.as.string = text(name);
        number = tracei_otlp_resource(encoder, &resource);
        REQUIRE(number < TRACEI_OTLP_RESOURCES_MAX && tracei_otlp_group(encoder, number, NULL) < TRACEI_OTLP_GROUPS_MAX);
    }
    free(encoder);
}

TEST(a_batch_that_does_not_fit_can_be_halved) {
    tracei_otlp *self = (tracei_otlp *)calloc(1, sizeof *self);
    trace_resource resource;
    tracei_item items[8];
    char memory[8192], *at = memory;
    uint32_t group;
    REQUIRE(self != NULL);
    memset(&resource, 0, sizeof resource);
    for (int json = 0; json < 2; json++) {
        self->encoder.json = json != 0;
        at = memory;
        group = tracei_otlp_group(&self->encoder, tracei_otlp_resource(&self->encoder, &resource), NULL);
        for (int i = 0; i < 8; i++) {
            trace_span_data span = plain_span();
            items[i].data = (const uint8_t *)at;
            at = tracei_otlp_span(&self->encoder, at, &span);
            items[i].size = (uint32_t)(at - (const char *)items[i].data);
            items[i].scope = group;
        }
        for (size_t limit = 100; limit < 3000; limit += 50)
            for (size_t count = 1; count <= 8; count++) {
                tracei_body body;
                bool fits;
                memset(&body, 0, sizeof body);
                body.limit = limit;
                fits = tracei_otlp_assemble(self, items, count, &body);
                CHECK(fits == !body.full && body.size <= limit);
                if (fits) CHECK(body.size <= tracei_otlp_request_size(&self->encoder, items, count));
                if (!fits) CHECK(tracei_otlp_request_size(&self->encoder, items, count) > limit);
                if (body.data) tracei_free(body.data, body.capacity);
            }
        memset(&self->encoder, 0, sizeof self->encoder);
    }
    free(self);
}

TEST(grpc_messages_have_their_prefix) {
    tracei_otlp *self = (tracei_otlp *)calloc(1, sizeof *self);
    trace_resource resource;
    tracei_item item;
    tracei_body body;
    char memory[1024];
    trace_span_data span = plain_span();
    REQUIRE(self != NULL);
    memset(&resource, 0, sizeof resource);
    self->grpc = true;
    item.data = (const uint8_t *)memory;
    item.size = (uint32_t)(tracei_otlp_span(&self->encoder, memory, &span) - memory);
    item.scope = tracei_otlp_group(&self->encoder, tracei_otlp_resource(&self->encoder, &resource), NULL);
    memset(&body, 0, sizeof body);
    body.limit = 4096;
    CHECK(tracei_otlp_assemble(self, &item, 1, &body));
    CHECK(body.data[0] == 0 && body.data[1] == 0 && body.data[2] == 0 && body.data[3] * 256u + body.data[4] == body.size - 5);
    CHECK(body.data[5] == 0x0a);
    tracei_free(body.data, body.capacity);
    free(self);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static tracei_otlp_answer answer_of(const char *body, bool is_status) { return tracei_otlp_read_answer(body, strlen(body), is_status); }

TEST(answers) {
    tracei_otlp_answer answer = answer_of("{}", false);
    CHECK(answer.rejected == 0 && answer.message.size == 0);
    answer = answer_of(" { \"x\" : [1,{\"partialSuccess\":2}], \"partialSuccess\" : { \"rejectedSpans\" : \"12\", \"errorMessage\" : \"no \\\"q\\\"\" } }", false);
    CHECK_UINT(answer.rejected, 12);
    CHECK_TEXT(answer.message.data, answer.message.size, "no \\\"q\\\"");
    answer = answer_of("{\"partialSuccess\":{\"rejectedSpans\":3}}", false);
    CHECK_UINT(answer.rejected, 3);
    answer = answer_of("{\"code\":3,\"message\":\"bad\",\"details\":[]}", true);
    CHECK_TEXT(answer.message.data, answer.message.size, "bad");
    answer = tracei_otlp_read_answer("\x0a\x06\x08\x05\x12\x02no", 8, false);
    CHECK_UINT(answer.rejected, 5);
    CHECK_TEXT(answer.message.data, answer.message.size, "no");
    answer = tracei_otlp_read_answer("\x08\x03\x12\x03" "bad\x1a\x02xx", 11, true);
    CHECK_TEXT(answer.message.data, answer.message.size, "bad");
    answer = tracei_otlp_read_answer("", 0, true);
    CHECK_UINT(answer.message.size, 0);
    answer = tracei_otlp_read_answer(NULL, 0, true);
    CHECK_UINT(answer.message.size, 0);
}

/* A proxy that refuses says why in plain text; so does what was reached instead of a collector. Bytes of any other kind say nothing. */
TEST(a_refusal_in_plain_text_is_told) {
    static const struct { uint32_t status; const char *type, *body, *told; } cases[] = {
        {400, "text/plain; charset=utf-8", "field x is bad", "field x is bad"}, {502, "TEXT/html", "<h1>no</h1>", "<h1>no</h1>"},
        {400, "text/plain", "{\"message\":\"bad\"}", "bad"}, {400, "application/x-protobuf", "field x is bad", NULL},
        {400, "", "field x is bad", NULL}, {400, NULL, "field x is bad", NULL}, {200, "text/plain", "thank you", NULL}};
    tracei_otlp *self = (tracei_otlp *)calloc(1, sizeof *self);
    char text[1000];
    trace_http_response response;
    tracei_verdict verdict;
    REQUIRE(self != NULL);
    memset(&response, 0, sizeof response);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&verdict, 0, sizeof verdict);
        response.status = cases[i].status, response.content_type = cases[i].type;
        response.body = cases[i].body, response.body_size = strlen(cases[i].body);
        verdict.answer = cases[i].status == 200 ? TRACEI_ANSWER_OK : TRACEI_ANSWER_REJECTED;
        tracei_otlp_response(self, &response, 3, &verdict);
        CHECK_TEXT(verdict.message.data, verdict.message.size, cases[i].told);
    }
    memset(text, 'x', sizeof text);
    response.status = 400, response.content_type = "text/plain", response.body = text, response.body_size = sizeof text;
    memset(&verdict, 0, sizeof verdict);
    verdict.answer = TRACEI_ANSWER_REJECTED;
    tracei_otlp_response(self, &response, 3, &verdict);
    CHECK_UINT(verdict.message.size, 300);
    free(self);
}

TEST(answers_that_make_no_sense_say_nothing_terrible) {
    static const char *const starts[] = {"{\"partialSuccess\":{\"rejectedSpans\":\"5\",\"errorMessage\":\"x\\", "{\"partialSuccess\":", "{\"message\":\"abc\\\"def\"}",
                                         "\x0a\x06\x08\x05\x12\x02no", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "{{{{[[[[", "{\"a\":[[[[[[]"};
    for (int round = 0; round < 100000; round++) {
        char start[128], *body;
        const char *chosen = starts[test_random_below(7)];
        size_t size = strlen(chosen);
        tracei_otlp_answer answer;
        memcpy(start, chosen, size);
        for (uint64_t i = test_random_below(4); i > 0 && size; i--) start[test_random_below(size)] = (char)test_random();
        size = test_random_below(size + 1);
        body = (char *)malloc(size ? size : 1);       /* of its own size, for the sanitizer */
        REQUIRE(body != NULL);
        memcpy(body, start, size);
        answer = tracei_otlp_read_answer(body, size, (round & 1) != 0);
        if (answer.message.size) CHECK(answer.message.data >= body && answer.message.data + answer.message.size <= body + size);
        free(body);
    }
}

TEST(what_grpc_says_decides_what_is_tried_again) {
    static const int32_t again[] = {1, 4, 10, 11, 14, 15};
    tracei_otlp *self = (tracei_otlp *)calloc(1, sizeof *self);
    REQUIRE(self != NULL);
    self->grpc = true;
    for (int32_t code = 1; code < 17; code++)
        for (int with_delay = 0; with_delay < 2; with_delay++) {
            trace_http_response response;
            tracei_verdict verdict;
            bool expected = code == 8 && with_delay;
            for (int i = 0; i < 6; i++) expected |= again[i] == code;
            memset(&response, 0, sizeof response);
            memset(&verdict, 0, sizeof verdict);
            response.status = 200;
            response.grpc_status = code;
            response.grpc_message = "why";
            verdict.answer = TRACEI_ANSWER_REJECTED;
            verdict.retry_after_ns = with_delay ? 5 : 0;
            tracei_otlp_response(self, &response, 3, &verdict);
            CHECK_INT(verdict.answer, expected ? TRACEI_ANSWER_RETRY : TRACEI_ANSWER_REJECTED);
            CHECK_TEXT(verdict.message.data, verdict.message.size, "why");
        }
    free(self);
}

/* ---- where to ---------------------------------------------------------------------------------------------------- */

static const char *url_of(trace_otlp_protocol protocol, const char *endpoint, bool insecure) {
    static tracei_otlp_settings settings;
    memset(&settings, 0, sizeof settings);
    settings.options.protocol = protocol;
    settings.options.endpoint = endpoint;
    settings.options.insecure = insecure;
    return tracei_otlp_make_url(&settings) ? settings.url : "too long";
}

static void environment(const char *name, const char *value) {
    if (value) setenv(name, value, 1);
    else unsetenv(name);
    tracei_environment_snapshot();
}

TEST(endpoints) {
    const trace_otlp_protocol http = TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF, grpc = TRACE_OTLP_PROTOCOL_GRPC;
    const char *grpc_path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    char expected[256];
    CHECK_STR(url_of(http, NULL, false), "http://localhost:4318/v1/traces");
    CHECK_STR(url_of(http, "http://h:1", false), "http://h:1/v1/traces");
    CHECK_STR(url_of(http, "http://h:1/", false), "http://h:1/v1/traces");
    CHECK_STR(url_of(http, "https://h/otel/v1/traces?x=1", false), "https://h/otel/v1/traces?x=1");
    CHECK_STR(url_of(http, "h:1", false), "http://h:1/v1/traces");
    CHECK_STR(url_of(http, "http://h:14268/api/traces", false), "http://h:4318/v1/traces");
    CHECK_STR(url_of(http, "unix:///run/x.sock", false), "unix:///run/x.sock:/v1/traces");
    CHECK_STR(url_of(http, "unix:///run/x.sock:/up", false), "unix:///run/x.sock:/up");
    snprintf(expected, sizeof expected, "http://localhost:4317%s", grpc_path);
    CHECK_STR(url_of(grpc, NULL, false), expected);
    snprintf(expected, sizeof expected, "https://h:4317%s", grpc_path);
    CHECK_STR(url_of(grpc, "h:4317", false), expected);
    CHECK_STR(url_of(grpc, "https://h:4317/", true), expected);
    snprintf(expected, sizeof expected, "http://h:4317%s", grpc_path);
    CHECK_STR(url_of(grpc, "h:4317", true), expected);

    environment("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318/x/");
    CHECK_STR(url_of(http, NULL, false), "http://base:4318/x/v1/traces");
    environment("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318/x?k=v");
    CHECK_STR(url_of(http, NULL, false), "http://base:4318/x/v1/traces?k=v");
    environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://own:4318");
    CHECK_STR(url_of(http, NULL, false), "http://own:4318/");
    environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://own:4318/as/it/is");
    CHECK_STR(url_of(http, NULL, false), "http://own:4318/as/it/is");
    CHECK_STR(url_of(http, "http://code", false), "http://code/v1/traces");
    environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", NULL);
    environment("OTEL_EXPORTER_OTLP_ENDPOINT", NULL);
    environment("JAEGER_ENDPOINT", "http://j:14268/api/traces");
    CHECK_STR(url_of(http, NULL, false), "http://j:4318/v1/traces");
    environment("JAEGER_ENDPOINT", NULL);
}

TEST(headers_of_the_environment_and_of_the_code) {
    static tracei_otlp_settings settings;
    trace_header mine;
    memset(&settings, 0, sizeof settings);
    environment("OTEL_EXPORTER_OTLP_HEADERS", "a=1, b = x%20y ,Authorization=Bearer%20t");
    mine.name = text("authorization");
    mine.value = text("Basic z");
    settings.options.headers = &mine;
    settings.options.header_count = 1;
    tracei_otlp_read_headers(&settings);
    REQUIRE(settings.header_count == 3);
    CHECK_TEXT(settings.headers[0].name.data, settings.headers[0].name.size, "a");
    CHECK_TEXT(settings.headers[1].value.data, settings.headers[1].value.size, "x y");
    CHECK_TEXT(settings.headers[2].value.data, settings.headers[2].value.size, "Basic z");
    tracei_pairs_free(&settings.pairs);
    environment("OTEL_EXPORTER_OTLP_HEADERS", NULL);
}

TEST(choices_of_the_environment) {
    trace_otlp_options o;
    tracei_http_options http;
    environment("OTEL_EXPORTER_OTLP_PROTOCOL", "GRPC");
    environment("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json");
    environment("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    environment("OTEL_EXPORTER_OTLP_TIMEOUT", "0");
    environment("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "77");
    memset(&o, 0, sizeof o);
    tracei_otlp_read_choices(&o, TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF);
    memset(&http, 0, sizeof http);
    tracei_http_read_numbers(&http, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
    CHECK_INT(o.protocol, TRACE_OTLP_PROTOCOL_HTTP_JSON);
    CHECK_INT(o.compression, TRACE_OTLP_COMPRESSION_GZIP);
    CHECK_UINT(http.timeout_ms, UINT32_MAX);
    CHECK_UINT(http.max_batch_spans, 77);
    environment("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", NULL);
    memset(&o, 0, sizeof o);
    tracei_otlp_read_choices(&o, TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF);
    http.timeout_ms = 5;
    tracei_http_read_numbers(&http, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
    CHECK_INT(o.protocol, TRACE_OTLP_PROTOCOL_GRPC);
    CHECK_UINT(http.timeout_ms, 5);
    environment("OTEL_EXPORTER_OTLP_PROTOCOL", NULL);
    environment("OTEL_EXPORTER_OTLP_COMPRESSION", NULL);
    environment("OTEL_EXPORTER_OTLP_TIMEOUT", NULL);
    environment("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", NULL);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static trace_exporter file_exporter(const char *path, uint32_t queue_bytes) {
    trace_otlp_options options;
    memset(&options, 0, sizeof options);
    options.protocol = TRACE_OTLP_PROTOCOL_FILE;
    options.file = path;
    options.max_queue_bytes = queue_bytes;
    options.disable_environment = true;
    return trace_otlp_exporter(&options);
}

static void export_spans(const trace_exporter *exporter, const trace_span_data *spans, size_t count) {
    trace_attribute name;
    trace_resource resource = service(&name);
    trace_batch batch;
    memset(&batch, 0, sizeof batch);
    batch.resource = &resource;
    batch.spans = spans;
    batch.span_count = count;
    CHECK_INT(exporter->export_fn(exporter->user, &batch), TRACE_RESULT_OK);
}

static trace_exporter_stats balanced(const trace_exporter *exporter) {
    trace_exporter_stats stats;
    uint64_t failed = 0;
    exporter->stats_fn(exporter->user, &stats);
    for (int i = 0; i < TRACE_FAILURE_COUNT; i++) failed += stats.failed[i];
    CHECK_UINT(stats.received, stats.sent + failed + stats.queued);
    return stats;
}

TEST(a_file_gets_a_line_for_each_batch) {
    char path[] = "/tmp/trace_otlp_XXXXXX", *content;
    trace_exporter exporter;
    trace_span_data spans[300];
    size_t size = 0, lines = 0;
    int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0);
    close(descriptor);
    exporter = file_exporter(path, 0);
    REQUIRE(exporter.export_fn != NULL);
    CHECK_STR(exporter.name, "otlp/stdout");
    for (int i = 0; i < 300; i++) spans[i] = plain_span();
    export_spans(&exporter, spans, 1);
    export_spans(&exporter, spans, 300);
    export_spans(&exporter, spans, 0);
    CHECK_INT(exporter.flush_fn(exporter.user, UINT64_MAX), TRACE_RESULT_OK);
    CHECK_UINT(balanced(&exporter).sent, 301);
    content = test_read_file(path, &size);
    REQUIRE(content != NULL);
    for (size_t i = 0; i < size; i++) lines += content[i] == '\n';
    CHECK_UINT(lines, 3);
    CHECK(content[size - 1] == '\n' && strncmp(content, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\"", 64) == 0);
    free(content);
    unlink(path);
}

#ifndef _WIN32 /* no pipe has a name here */
static trace_exporter pipe_exporter(int *reader) {
    char path[64];
    int ends[2];
    trace_exporter exporter;
    if (pipe(ends) != 0) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
    exporter = file_exporter(path, 1u << 20);
    close(ends[1]);
    *reader = ends[0];
    return exporter;
}

static size_t spans_in(const char *content, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i + 9 < size; i++) count += !memcmp(content + i, "\"spanId\":", 9);
    return count;
}

TEST(a_pipe_nobody_reads_blocks_nothing) {
    int reader;
    trace_exporter exporter = pipe_exporter(&reader);
    trace_span_data spans[100];
    trace_exporter_stats stats;
    static char content[4 << 20];
    size_t size = 0, lines = 0;
    REQUIRE(exporter.export_fn != NULL);
    for (int i = 0; i < 100; i++) spans[i] = plain_span();
    waits = longest_wait_ms = 0;
    for (int i = 0; i < 100; i++) export_spans(&exporter, spans, 100);
    CHECK_INT(waits, 0);
    stats = balanced(&exporter);
    CHECK(stats.failed[TRACE_FAILURE_QUEUE_FULL] > 0 && stats.queued > 0 && stats.received == 10000);
    CHECK_INT(exporter.flush_fn(exporter.user, trace_clock_ns() + 30000000), TRACE_RESULT_TIMEOUT);
    CHECK(waits <= 1 && longest_wait_ms <= 31);
    fcntl(reader, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 4000 && balanced(&exporter).queued; i++) {
        ssize_t got = read(reader, content + size, sizeof content - size);
        if (got > 0) size += (size_t)got;
        exporter.flush_fn(exporter.user, trace_clock_ns());
    }
    for (ssize_t got; (got = read(reader, content + size, sizeof content - size)) > 0;) size += (size_t)got;
    stats = balanced(&exporter);
    CHECK_UINT(stats.queued, 0);
    for (size_t i = 0; i < size; i++) lines += content[i] == '\n';
    CHECK(lines && lines < stats.sent);
    CHECK_UINT(spans_in(content, size), stats.sent);
    CHECK(size && content[size - 1] == '\n');
    close(reader);
}

static void export_many(void *user) {
    const trace_exporter *const exporter = (const trace_exporter *)user;
    trace_span_data spans[200];
    for (int i = 0; i < 200; i++) spans[i] = plain_span();
    for (int i = 0; i < 10; i++) {
        export_spans(exporter, spans, 200);
        CHECK_INT(exporter->flush_fn(exporter->user, UINT64_MAX), TRACE_RESULT_OK);
    }
    CHECK_UINT(balanced(exporter).sent, 2000);
}

/* Two of them make a race; the reader is slow, so that each finds the pipe full and half full. */
TEST(processes_that_share_a_pipe_do_not_cut_lines) {
    int reader;
    trace_exporter exporter = pipe_exporter(&reader);
    size_t size = 0;
    ssize_t got;
    static char content[8 << 20];
    pid_t children[4];
    REQUIRE(exporter.export_fn != NULL);
    for (int i = 0; i < 4; i++)
        if ((children[i] = fork()) == 0) {
            exporter.fork_fn(exporter.user);
            export_many(&exporter);
            _exit(0);
        }
    close(((tracei_otlp_file *)exporter.user)->descriptor);
    while (size < sizeof content && (got = read(reader, content + size, 3000)) > 0) size += (size_t)got;
    for (int i = 0; i < 4; i++) CHECK(waitpid(children[i], NULL, 0) == children[i]);
    CHECK_UINT(spans_in(content, size), 8000);
    for (size_t at = 0, end; at < size; at = end + 1) {
        size_t opened = 0;
        for (end = at; end < size && content[end] != '\n'; end++) opened += end + 13 < size && !memcmp(content + end, "resourceSpans", 13);
        if (!CHECK(opened == 1 && !memcmp(content + at, "{\"resource", 10) && content[end - 1] == '}' && end - at < PIPE_BUF)) break;
    }
    close(reader);
}
#endif

static const char cannot_write[] = "otlp: cannot write spans to the file; is the disk full or the reader gone?\n";
static char kept_log[1024];

static void keep_log(void *user, trace_log_level level, const char *line) {
    const size_t used = strlen(kept_log);
    (void)user, (void)level;
    snprintf(kept_log + used, sizeof kept_log - used, "%s\n", line);
}

#ifndef _WIN32
TEST(a_reader_that_goes_away_kills_nobody) {
    int reader;
    trace_exporter exporter = pipe_exporter(&reader);
    trace_span_data span = plain_span();
    trace_exporter_stats stats;
    REQUIRE(exporter.export_fn != NULL);
    tracei_logger.log_fn = keep_log, kept_log[0] = '\0';
    export_spans(&exporter, &span, 1);
    close(reader);
    export_spans(&exporter, &span, 1);
    export_spans(&exporter, &span, 1);
    tracei_logger.log_fn = NULL;
    stats = balanced(&exporter);
    CHECK_UINT(stats.sent, 1);
    CHECK_UINT(stats.failed[TRACE_FAILURE_REJECTED], 2);
    CHECK_STR(kept_log, cannot_write);
}
#endif

TEST(options_that_were_not_zeroed_are_refused) {
    trace_otlp_options options;
    memset(&options, 0xaa, sizeof options);
    tracei_logger.log_fn = keep_log, kept_log[0] = '\0';
    CHECK(!trace_otlp_exporter(&options).export_fn);
    tracei_logger.log_fn = NULL;
    CHECK_STR(kept_log, "trace_otlp_exporter: trace_otlp_options.reserved_first/reserved_last is not 0: start from zero, as in "
                        "trace_otlp_options o = {0}; nothing will be sent\n");
    memset(&options, 0, sizeof options);
    options.disable_environment = true;
    options.reserved_last = 1;
    CHECK(!trace_otlp_exporter(&options).export_fn);
    options.reserved_last = 0;
    CHECK(trace_otlp_exporter(&options).export_fn != NULL);
}

static bool can_be_made(const char *variable, const char *value) {
    trace_exporter exporter;
    environment(variable, value);
    tracei_logger.log_fn = keep_log, kept_log[0] = '\0';
    exporter = trace_otlp_exporter(NULL);
    tracei_logger.log_fn = NULL;
    environment(variable, NULL);
    return exporter.export_fn != NULL;
}

TEST(a_bad_variable_is_named_and_its_secrets_are_not) {
    CHECK(!can_be_made("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:99999"));
    CHECK_STR(kept_log, "otlp: OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:99999 is not a URL that can be used: its port is not a "
                        "number from 1 to 65535; nothing will be sent\n");
    CHECK(!can_be_made("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://u:canary@:1?canary"));
    CHECK_STR(kept_log, "otlp: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=***@:1 is not a URL that can be used: it has no host; nothing will be "
                        "sent\n");
    CHECK(can_be_made("OTEL_EXPORTER_OTLP_HEADERS", "a b=canary,c=canary"));
    CHECK_STR(kept_log, "otlp: OTEL_EXPORTER_OTLP_HEADERS: the name of the header a... must be letters, digits, - and _ only, and \"=\" "
                        "ends it in a variable; it is left out\n");
    CHECK(can_be_made("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x=canary%0d"));
    CHECK_STR(kept_log, "otlp: OTEL_EXPORTER_OTLP_TRACES_HEADERS: the value of the header x has control characters, which are not allowed "
                        "(not shown here); it is left out\n");
    CHECK(!can_be_made("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Bearer canary="));
    CHECK_STR(kept_log, "otlp: OTEL_EXPORTER_OTLP_HEADERS: the name of the header Authorization... must be letters, digits, - and _ only, "
                        "and \"=\" ends it in a variable; nothing will be sent\n");
}

TEST(a_full_disk_costs_only_what_did_not_fit) {
    trace_exporter exporter = file_exporter("/dev/full", 0);
    trace_span_data span = plain_span();
    trace_exporter_stats stats;
    if (!exporter.export_fn) SKIP("no /dev/full");
    tracei_logger.log_fn = keep_log, kept_log[0] = '\0';
    export_spans(&exporter, &span, 1);
    export_spans(&exporter, &span, 1);
    tracei_logger.log_fn = NULL;
    stats = balanced(&exporter);
    CHECK_UINT(stats.failed[TRACE_FAILURE_REJECTED], 2);
    CHECK_STR(kept_log, cannot_write); /* once */
    CHECK_STR(stats.last_error, "the file could not be written");
    CHECK(stats.last_failure_unix_ns && !stats.last_success_unix_ns);
    CHECK_INT(exporter.flush_fn(exporter.user, UINT64_MAX), TRACE_RESULT_OK);
    tracei_logger.log_fn = keep_log, kept_log[0] = '\0';
    exporter.shutdown_fn(exporter.user, UINT64_MAX);
    CHECK_STR(kept_log, "otlp file: of 2 spans 2 were lost (rejected 2): is the disk full, or the reader slow or gone?\n");
    kept_log[0] = '\0';
    exporter.shutdown_fn(exporter.user, UINT64_MAX);
    tracei_logger.log_fn = NULL;
    CHECK_STR(kept_log, ""); /* once */
}

#ifndef _WIN32
static void export_past_the_limit(void *user) {
    const trace_exporter *const exporter = (const trace_exporter *)user;
    trace_span_data span = plain_span();
    struct rlimit before, limit;
    sigset_t pending;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 400;
    export_spans(exporter, &span, 1);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    export_spans(exporter, &span, 1);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK_UINT(balanced(exporter).sent, 1);
    CHECK_UINT(balanced(exporter).failed[TRACE_FAILURE_REJECTED], 1);
    sigpending(&pending);
    CHECK_INT(sigismember(&pending, SIGXFSZ), 0);
}

TEST(a_file_that_may_not_grow_kills_nobody) {
    char path[] = "/tmp/trace_otlp_XXXXXX", *content;
    trace_exporter exporter;
    test_child child;
    int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0);
    close(descriptor);
    exporter = file_exporter(path, 0);
    REQUIRE(exporter.export_fn != NULL);
    child = test_fork(export_past_the_limit, &exporter, 5000);
    CHECK_CHILD(&child, 0);
    CHECK_HAS(child.err, "otlp: cannot write spans to the file");
    test_child_free(&child);
    content = test_read_file(path, NULL);
    if (CHECK(content)) CHECK_UINT(strlen(content), 400);
    free(content);
    unlink(path);
}
#endif

TEST(a_giant_span_does_not_cost_the_others_in_its_file) {
    char path[] = "/tmp/trace_otlp_XXXXXX", *content, *giant = (char *)malloc(1u << 20);
    trace_span_data spans[3];
    trace_exporter exporter;
    trace_exporter_stats stats;
    int descriptor = mkstemp(path);
    REQUIRE(descriptor >= 0 && giant);
    close(descriptor);
    exporter = file_exporter(path, 256u << 10);
    REQUIRE(exporter.export_fn != NULL);
    memset(giant, 'g', 1u << 20);
    for (int i = 0; i < 3; i++) spans[i] = plain_span();
    spans[1].name.data = giant;
    spans[1].name.size = 1u << 20;
    export_spans(&exporter, spans, 3);
    stats = balanced(&exporter);
    CHECK_UINT(stats.failed[TRACE_FAILURE_TOO_LARGE], 1);
    CHECK_UINT(stats.sent, 2);
    content = test_read_file(path, NULL);
    REQUIRE(content != NULL);
    CHECK_HAS_NOT(content, "ggggg");
    free(content);
    free(giant);
    unlink(path);
}

#ifndef _WIN32
static void export_in_child(void *user) {
    trace_exporter *exporter = (trace_exporter *)user;
    trace_span_data span = plain_span();
    exporter->fork_fn(exporter->user);
    CHECK_UINT(balanced(exporter).received, 0);
    export_spans(exporter, &span, 1);
    CHECK_UINT(balanced(exporter).received, 1);
}

TEST(a_forked_child_writes_nothing_of_its_parent) {
    int reader;
    trace_exporter exporter = pipe_exporter(&reader);
    trace_span_data spans[100];
    trace_exporter_stats before;
    test_child child;
    REQUIRE(exporter.export_fn != NULL);
    for (int i = 0; i < 100; i++) spans[i] = plain_span();
    for (int i = 0; i < 10; i++) export_spans(&exporter, spans, 100);
    before = balanced(&exporter);
    CHECK(before.queued > 0);
    child = test_fork(export_in_child, &exporter, 5000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    CHECK_UINT(balanced(&exporter).queued, before.queued);
    exporter.shutdown_fn(exporter.user, trace_clock_ns());
    CHECK_UINT(balanced(&exporter).failed[TRACE_FAILURE_SHUTDOWN], before.queued);
    close(reader);
}
#endif

/* ---- all the way ------------------------------------------------------------------------------------------------- */

typedef struct captured {
    char body[65536], content_type[64], url[256], user_agent[128];
    size_t size, requests, largest;
    uint32_t refuse_above;        /* bytes; answer 413 */
} captured;

static trace_http_outcome capture(void *user, const trace_http_request *request, trace_http_response *response) {
    captured *seen = (captured *)user;
    response->status = seen->refuse_above && request->body_size > seen->refuse_above ? 413 : 200;
    response->body = "";
    for (size_t i = 0; i < request->header_count; i++) {
        const trace_header *header = &request->headers[i];
        if (header->name.size == 12) snprintf(seen->content_type, sizeof seen->content_type, "%.*s", (int)header->value.size, header->value.data);
        if (header->name.size == 10) snprintf(seen->user_agent, sizeof seen->user_agent, "%.*s", (int)header->value.size, header->value.data);
    }
    snprintf(seen->url, sizeof seen->url, "%s", request->url);
    if (response->status != 200) return TRACE_HTTP_OUTCOME_ANSWERED;
    seen->size = request->body_size < sizeof seen->body - 1 ? request->body_size : sizeof seen->body - 1;
    memcpy(seen->body, request->body, seen->size);
    seen->body[seen->size] = '\0';
    seen->requests++;
    if (request->body_size > seen->largest) seen->largest = request->body_size;
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

static trace_exporter captured_exporter(captured *seen, trace_http_transport *transport, trace_otlp_protocol protocol) {
    trace_otlp_options options;
    memset(transport, 0, sizeof *transport);
    memset(seen, 0, sizeof *seen);
    memset(&options, 0, sizeof options);
    transport->send_fn = capture;
    transport->user = seen;
    options.protocol = protocol;
    options.endpoint = "http://127.0.0.1:4318";
    options.disable_environment = options.disable_thread = true;
    options.user_agent = "shop/2";
    options.transport = transport;
    return trace_otlp_exporter(&options);
}

TEST(the_exporter_sends_what_it_was_given) {
    static captured seen;
    trace_http_transport transport;
    trace_span_data spans[20];
    for (int json = 0; json < 2; json++) {
        trace_exporter exporter = captured_exporter(&seen, &transport, json ? TRACE_OTLP_PROTOCOL_HTTP_JSON : TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF);
        REQUIRE(exporter.export_fn != NULL);
        for (int i = 0; i < 20; i++) spans[i] = plain_span();
        export_spans(&exporter, spans, 20);
        CHECK_INT(exporter.flush_fn(exporter.user, trace_clock_ns() + 2000000000u), TRACE_RESULT_OK);
        CHECK_UINT(balanced(&exporter).sent, 20);
        CHECK_UINT(seen.requests, 1);
        CHECK_STR(seen.url, "http://127.0.0.1:4318/v1/traces");
        CHECK_STR(seen.content_type, json ? "application/json" : "application/x-protobuf");
        CHECK_STR(seen.user_agent, "shop/2 OTel-OTLP-Exporter-C/" TRACE_H_VERSION_STRING);
        if (json) CHECK_HAS(seen.body, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\"");
        exporter.shutdown_fn(exporter.user, trace_clock_ns() + 100000000u);
    }
}

/* Servers that take little, and a span that no request can hold: it is lost alone, in either encoding. */
static void send_beside_a_giant(trace_otlp_protocol protocol, trace_string giant, uint32_t limit) {
    static captured seen;
    trace_http_transport transport;
    trace_attribute attribute;
    trace_span_data spans[64];
    trace_exporter exporter = captured_exporter(&seen, &transport, protocol);
    trace_exporter_stats stats;
    REQUIRE(exporter.export_fn != NULL);
    attribute.key = text("blob");
    attribute.value.type = TRACE_TYPE_STRING;
    attribute.value.as.string = giant;
    for (int i = 0; i < 64; i++) spans[i] = plain_span();
    spans[40].attributes = &attribute;
    spans[40].attribute_count = 1;
    seen.refuse_above = limit;
    export_spans(&exporter, spans, 64);
    (void)exporter.flush_fn(exporter.user, trace_clock_ns() + UINT64_C(5000000000));
    stats = balanced(&exporter);
    CHECK_UINT(stats.failed[TRACE_FAILURE_TOO_LARGE], 1);
    CHECK_UINT(stats.sent, 63);
    CHECK(seen.largest <= limit);
    exporter.shutdown_fn(exporter.user, trace_clock_ns() + 100000000u);
}

TEST(a_server_with_a_small_limit_gets_small_requests) {
    static const uint32_t limits[] = {1024, 4096, 65536, 1u << 20};
    trace_string giant;
    const size_t size = 100u << 20;
    char *const bytes = (char *)malloc(size);
    REQUIRE(bytes != NULL);
    memset(bytes, 'g', size);
    giant.data = bytes;
    for (int i = 0; i < 8; i++) {
        const trace_otlp_protocol protocol = i % 2 ? TRACE_OTLP_PROTOCOL_HTTP_JSON : TRACE_OTLP_PROTOCOL_HTTP_PROTOBUF;
        giant.size = 2u * limits[i / 2];         /* fits our queue; the server says 413 */
        send_beside_a_giant(protocol, giant, limits[i / 2]);
        if (i < 2) giant.size = size, send_beside_a_giant(protocol, giant, limits[i / 2]);
    }
    free(bytes);
}

TEST_MAIN()
