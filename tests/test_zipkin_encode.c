/* test_zipkin_encode.c - Zipkin v2 JSON
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   tests/oracle checks a whole corpus by a second reading of the specification; here are the cases one can read. */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace_zipkin.h"
#include "settled.h"

#include "oracle/corpus.h"

static tracei_zipkin_origin origin;

static trace_string text(const char *literal) {
    trace_string string;
    string.data = literal;
    string.size = strlen(literal);
    return string;
}

static trace_span_data plain_span(void) {
    static const uint8_t trace_id[16] = {0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c};
    static const uint8_t span_id[8] = {0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74};
    trace_span_data span;
    memset(&span, 0, sizeof span);
    memcpy(span.trace_id, trace_id, 16);
    memcpy(span.span_id, span_id, 8);
    span.kind = TRACE_KIND_INTERNAL;
    span.name = text("op");
    span.start_unix_ns = UINT64_C(1544712660000000000);
    span.end_unix_ns = UINT64_C(1544712661000000000);
    return span;
}

static void set_origin(bool all) {
    trace_attribute attributes[3];
    trace_resource resource;
    memset(&resource, 0, sizeof resource);
    attributes[0] = TRACE_ATTR_STRING("service.name", "svc");
    attributes[1] = TRACE_ATTR_INT("process.pid", 12);
    attributes[2] = TRACE_ATTR_STRING("service.namespace", "shop");
    resource.attributes = attributes;
    resource.attribute_count = all ? 3 : 2;
    tracei_zipkin_set_origin(&origin, &resource, all);
}

static const char *json_of(const trace_span_data *span) {
    static char json[65536];
    size_t bound = tracei_zipkin_span_size(span, &origin);
    char *end;
    if (bound >= sizeof json) abort();
    memset(json, 0x5a, bound + 1);
    end = tracei_zipkin_span(json, span, &origin);
    CHECK((size_t)(end - json) <= bound && json[bound] == 0x5a);
    *end = '\0';
    return json;
}

static const char *json_with(trace_attribute attribute) {
    trace_span_data span = plain_span();
    span.attributes = &attribute;
    span.attribute_count = 1;
    return json_of(&span);
}

TEST(a_span_with_everything) {
    static const trace_scope scope = {"lib", "1.0", NULL};
    trace_attribute attributes[4];
    trace_event_data events[2];
    trace_span_data span = plain_span();
    const char *json;
    set_origin(true);
    span.kind = TRACE_KIND_CLIENT;
    memset(span.parent_span_id, 0xab, 8);
    attributes[0] = TRACE_ATTR_INT("n", 7);
    attributes[1] = TRACE_ATTR_STRING("network.peer.address", "10.0.0.1");
    attributes[2] = TRACE_ATTR_INT("network.peer.port", 5432);
    attributes[3] = TRACE_ATTR_STRING("error", "mine");
    span.attributes = attributes;
    span.attribute_count = 4;
    memset(events, 0, sizeof events);
    events[0].name = text("e");
    events[0].unix_ns = UINT64_C(1544712660500000999);
    events[1] = events[0];
    events[1].attributes = attributes;
    events[1].attribute_count = 2;
    span.events = events;
    span.event_count = 2;
    span.scope = &scope;
    span.status = TRACE_STATUS_ERROR;
    span.status_message = text("boom");
    span.dropped_link_count = 3;
    json = json_of(&span);
    TEST_GOLDEN("zipkin_everything.json", json, strlen(json));
}

TEST(durations_are_whole_microseconds_and_at_least_one) {
    static const uint64_t ns[] = {0, 1, 999, 1000, 1999, 1234567, UINT64_C(5000000000000)};
    static const char *const us[] = {"1", "1", "1", "1", "1", "1234", "5000000000"};
    set_origin(false);
    for (int i = 0; i < 7; i++) {
        char expected[64];
        trace_span_data span = plain_span();
        span.end_unix_ns = span.start_unix_ns + ns[i];
        snprintf(expected, sizeof expected, ",\"duration\":%s,", us[i]);
        CHECK_HAS(json_of(&span), expected);
        span.end_unix_ns = span.start_unix_ns - 5;       /* not from this library, but one bad span costs the batch */
        CHECK_HAS(json_of(&span), ",\"duration\":1,");
        span.start_unix_ns = 999;
        CHECK_HAS_NOT(json_of(&span), "timestamp");
    }
}

TEST(values_become_text) {
    static const trace_value none = {TRACE_TYPE_NULL, {{NULL, 0}}};
    trace_attribute attribute;
    trace_value items[5];
    set_origin(false);
    CHECK_HAS(json_with(TRACE_ATTR_STRING("k", "a\"\n")), "\"tags\":{\"k\":\"a\\\"\\n\"}");
    CHECK_HAS(json_with(TRACE_ATTR_INT("k", -5)), "\"k\":\"-5\"");
    CHECK_HAS(json_with(TRACE_ATTR_BOOL("k", true)), "\"k\":\"true\"");
    CHECK_HAS(json_with(TRACE_ATTR_DOUBLE("k", 0.25)), "\"k\":\"0.25\"");
    CHECK_HAS(json_with(TRACE_ATTR_DOUBLE("k", (double)(1e300 * 1e300))), "\"k\":\"Infinity\"");
    CHECK_HAS(json_with(TRACE_ATTR_BYTES("k", "\xff\xfe", 2)), "\"k\":\"//4=\"");
    CHECK_HAS(json_with(TRACE_ATTR_JSON("k", "{\"a\":1}")), "\"k\":\"{\\\"a\\\":1}\"");
    attribute.key = text("k");
    attribute.value = none;
    CHECK_HAS(json_with(attribute), "\"k\":\"\"");
    for (int i = 0; i < 5; i++) items[i] = none;
    items[0].type = TRACE_TYPE_STRING;
    items[0].as.string = text("q\"\\");
    items[1].type = TRACE_TYPE_DOUBLE;
    items[1].as.number = 1e300 * 1e300;
    items[2].type = TRACE_TYPE_BOOL;
    items[3].type = TRACE_TYPE_BYTES;
    items[3].as.bytes = text("\x01");
    attribute.value.type = TRACE_TYPE_ARRAY;
    attribute.value.as.array.items = items;
    attribute.value.as.array.count = 5;
    CHECK_HAS(json_with(attribute), "\"k\":\"[\\\"q\\\\\\\"\\\\\\\\\\\",\\\"Infinity\\\",false,\\\"AQ==\\\",null]\"");
}

TEST(the_error_tag_is_ours_when_there_is_an_error_and_never_false) {
    trace_attribute attribute = TRACE_ATTR_BOOL("error", true);
    trace_span_data span = plain_span();
    set_origin(false);
    CHECK_HAS(json_with(attribute), "\"error\":\"true\"");
    CHECK_HAS_NOT(json_with(TRACE_ATTR_BOOL("error", false)), "error");
    CHECK_HAS_NOT(json_with(TRACE_ATTR_STRING("error", "false")), "error");
    span.status = TRACE_STATUS_ERROR;
    span.attributes = &attribute;
    span.attribute_count = 1;
    CHECK_HAS(json_of(&span), "\"otel.status_code\":\"ERROR\",\"error\":\"\"}");
    CHECK_HAS_NOT(json_of(&span), "true");
    span.status = TRACE_STATUS_OK;
    CHECK_HAS(json_of(&span), "\"error\":\"true\",\"otel.status_code\":\"OK\"}");
}

TEST(nothing_looks_like_version_1) {
    trace_span_data span = plain_span();
    trace_event_data event;
    set_origin(false);
    CHECK_HAS_NOT(json_with(TRACE_ATTR_STRING("k", "binaryAnnotations")), "yAnnotations\"");
    CHECK_HAS(json_with(TRACE_ATTR_STRING("k", "binaryAnnotations")), "\"binaryAnnotation\\u0073\"");
    CHECK_HAS_NOT(json_with(TRACE_ATTR_STRING("binaryAnnotations", "v")), "yAnnotations\"");
    CHECK_HAS_NOT(json_with(TRACE_ATTR_BYTES("k", "\xc8\x09\xe7\x9e\x8d\xad\x89\xa9\xec\xc8\x09\xe7\x9e\x8d\xad\x89\xa9\xec", 18)), "yAnnotations\"");
    memset(&event, 0, sizeof event);
    event.name = span.name = text("yAnnotations");
    span.events = &event;
    span.event_count = 1;
    CHECK_HAS_NOT(json_of(&span), "yAnnotations\"");
}

TEST(addresses) {
    static const char *const fine4[] = {"0.0.0.0", "255.255.255.255", "10.0.0.1"}, *const bad4[] = {"", "1", "1.2.3", "1.2.3.", "1.2.3.256", ".1.2.3", "1.2.3.4.5", "1.2.3.4567", "a.b.c.d"};
    static const char *const fine6[] = {"::", "::1", "1::", "2001:db8::7:0", "1:2:3:4:5:6:7:8", "::ffff:10.0.0.1", "fe80::A"};
    static const char *const bad6[] = {"", ":", ":1", "1:", "1:2", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "g::", ":::", "::1%lo", "::1.2.3", "1:2:3:4:5:6:7:8::"};
    for (size_t i = 0; i < 3; i++) CHECK(tracei_zipkin_is_ipv4(fine4[i], strlen(fine4[i])));
    for (size_t i = 0; i < 9; i++) CHECK(!tracei_zipkin_is_ipv4(bad4[i], strlen(bad4[i])));
    for (size_t i = 0; i < 7; i++) if (!CHECK(tracei_zipkin_is_ipv6(fine6[i], strlen(fine6[i])))) printf("%s\n", fine6[i]);
    for (size_t i = 0; i < 13; i++) if (!CHECK(!tracei_zipkin_is_ipv6(bad6[i], strlen(bad6[i])))) printf("%s\n", bad6[i]);
}

TEST(who_was_called) {
    trace_attribute attributes[3];
    trace_span_data span = plain_span();
    set_origin(false);
    attributes[0] = TRACE_ATTR_STRING("db.name", "orders");
    attributes[1] = TRACE_ATTR_STRING("net.sock.peer.addr", "not an address");
    attributes[2] = TRACE_ATTR_STRING("server.address", "db.example");
    span.attributes = attributes;
    span.attribute_count = 3;
    CHECK_HAS_NOT(json_of(&span), "remoteEndpoint");
    span.kind = TRACE_KIND_PRODUCER;
    CHECK_HAS(json_of(&span), ",\"remoteEndpoint\":{\"serviceName\":\"db.example\"}");
    span.attribute_count = 2;
    CHECK_HAS(json_of(&span), ",\"remoteEndpoint\":{\"serviceName\":\"orders\"}");
    attributes[1] = TRACE_ATTR_STRING("net.sock.peer.addr", "::1");
    CHECK_HAS(json_of(&span), ",\"remoteEndpoint\":{\"ipv6\":\"::1\"}");
}

TEST(random_spans_keep_within_their_bound) {
    corpus_state = test_random();
    set_origin(true);
    for (int i = 0; i < 3000; i++) {
        trace_span_data span;
        size_t bound, size;
        char *memory;
        corpus_used = 0;
        span = corpus_span(NULL);
        bound = tracei_zipkin_span_size(&span, &origin);
        memory = (char *)malloc(bound);          /* what goes past it is the sanitizer's to see */
        REQUIRE(memory != NULL);
        size = (size_t)(tracei_zipkin_span(memory, &span, &origin) - memory);
        CHECK(size <= bound && tracei_utf8_valid(memory, size) == size);
        free(memory);
    }
}

/* All 3-byte texts, 256 to a tag, each followed by a letter. */
TEST(every_3_byte_text_comes_out_valid) {
    static char part[1024], json[16384];
    set_origin(false);
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
        REQUIRE(tracei_zipkin_span_size(&span, &origin) < sizeof json);
        size = (size_t)(tracei_zipkin_span(json, &span, &origin) - json);
        REQUIRE(tracei_utf8_valid(json, size) == size);
        for (size_t at = 0; at < size; at++) REQUIRE((unsigned char)json[at] >= 0x20);
    }
}

TEST(a_service_without_a_name_or_with_a_long_one) {
    char *name = (char *)malloc(100000);
    trace_attribute attribute;
    trace_resource resource;
    trace_span_data span = plain_span();
    REQUIRE(name != NULL);
    tracei_zipkin_set_origin(&origin, NULL, true);
    CHECK_HAS(json_of(&span), "\"localEndpoint\":{\"serviceName\":\"unknown_service\"}");
    memset(name, '\x01', 100000);
    memset(&resource, 0, sizeof resource);
    attribute.key = text("service.name");
    attribute.value.type = TRACE_TYPE_STRING;
    attribute.value.as.string.data = name;
    attribute.value.as.string.size = 100000;
    resource.attributes = &attribute;
    resource.attribute_count = 1;
    tracei_zipkin_set_origin(&origin, &resource, true);
    CHECK(origin.endpoint_size <= sizeof origin.endpoint);
    attribute.key = text("other");
    tracei_zipkin_set_origin(&origin, &resource, true);
    CHECK_UINT(origin.tags_size, 0);
    free(name);
}

TEST(endpoints) {
    static const char *const given[] = {NULL, "http://z:9411", "http://z:9411/", "z:1", "https://z/api/v2/spans?k=v", "http://z/custom"};
    static const char *const made[] = {"http://localhost:9411/api/v2/spans", "http://z:9411/api/v2/spans", "http://z:9411/api/v2/spans",
                                       "http://z:1/api/v2/spans", "https://z/api/v2/spans?k=v", "http://z/custom"};
    for (int i = 0; i < 6; i++) {
        char url[256];
        tracei_http_options http;
        trace_zipkin_options options;
        memset(&options, 0, sizeof options);
        options.endpoint = given[i];
        options.disable_environment = true;
        memset(&http, 0, sizeof http);
        CHECK(tracei_zipkin_make_url(&options, &http, url, sizeof url));
        CHECK_STR(url, made[i]);
    }
}

typedef struct captured {
    char body[65536], url[256];
    unsigned b3;
} captured;

static trace_http_outcome capture(void *user, const trace_http_request *request, trace_http_response *response) {
    captured *seen = (captured *)user;
    size_t size = request->body_size < sizeof seen->body - 1 ? request->body_size : sizeof seen->body - 1;
    memcpy(seen->body, request->body, size);
    seen->body[size] = '\0';
    snprintf(seen->url, sizeof seen->url, "%s", request->url);
    for (size_t i = 0; i < request->header_count; i++)
        seen->b3 += request->headers[i].name.size == 2 && !memcmp(request->headers[i].name.data, "b3", 2) && request->headers[i].value.data[0] == '0';
    response->status = 202;
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

TEST(options_that_were_not_zeroed_are_refused) {
    trace_zipkin_options options;
    memset(&options, 0xaa, sizeof options);
    CHECK(!trace_zipkin_exporter(&options).export_fn);
    memset(&options, 0, sizeof options);
    options.disable_environment = true;
    options.reserved_last = 1;
    CHECK(!trace_zipkin_exporter(&options).export_fn);
    options.reserved_last = 0;
    CHECK(trace_zipkin_exporter(&options).export_fn != NULL);
}

TEST(the_exporter_sends_an_array) {
    static captured seen;
    trace_http_transport transport;
    trace_zipkin_options options;
    trace_exporter exporter;
    trace_exporter_stats stats;
    trace_span_data spans[3];
    trace_batch batch;
    memset(&transport, 0, sizeof transport);
    memset(&options, 0, sizeof options);
    memset(&batch, 0, sizeof batch);
    transport.send_fn = capture;
    transport.user = &seen;
    options.disable_environment = options.disable_thread = true;
    options.transport = &transport;
    exporter = trace_zipkin_exporter(&options);
    REQUIRE(exporter.export_fn != NULL);
    CHECK_STR(exporter.name, "zipkin");
    for (int i = 0; i < 3; i++) spans[i] = plain_span();
    batch.spans = spans;
    batch.span_count = 3;
    CHECK_INT(exporter.export_fn(exporter.user, &batch), TRACE_RESULT_OK);
    CHECK_INT(exporter.flush_fn(exporter.user, trace_clock_ns() + 2000000000u), TRACE_RESULT_OK);
    exporter.stats_fn(exporter.user, &stats);
    CHECK(stats.received == 3 && stats.sent == 3 && seen.b3 == 1);
    CHECK_STR(seen.url, "http://localhost:9411/api/v2/spans");
    CHECK(strncmp(seen.body, "[{\"traceId\":\"5b8eff", 19) == 0 && strstr(seen.body, "}},{\"traceId\"") && strcmp(seen.body + strlen(seen.body) - 2, "}]") == 0);
    exporter.shutdown_fn(exporter.user, trace_clock_ns() + 100000000u);
}

TEST_MAIN()
