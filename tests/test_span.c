/* Spans through the public interface: what is recorded is what was said.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* also: plain c++ */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include "settled.h"

static uint64_t store[1 << 17];
static trace_exporter memory;
static uint64_t mono_now = 1000000000, unix_now = 1700000000000000000;

static uint64_t fake_mono(void *user) {
    (void)user;
    return mono_now;
}

static uint64_t fake_unix(void *user) {
    (void)user;
    return unix_now;
}

static void pass_ns(uint64_t ns) {
    mono_now += ns;
    unix_now += ns;
}

static unsigned complaints;
static char last_complaint[512];

static void hear(void *user, trace_log_level level, const char *message) {
    (void)user;
    (void)level;
    complaints++;
    snprintf(last_complaint, sizeof last_complaint, "%s", message);
}

/* Every test begins with an empty store and its own limits. */
static void begin_with(void (*adjust)(trace_config *)) {
    trace_config config;
    memset((void *)&config, 0, sizeof config);
    memory = trace_memory_exporter(store, sizeof store);
    config.exporters[0] = memory;
    config.disable_thread = true;
    config.disable_environment = true;
    config.clock.monotonic_fn = fake_mono;
    config.clock.unix_fn = fake_unix;
    config.logger.log_fn = hear;
    if (adjust) adjust(&config);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

static void begin(void) {
    begin_with(NULL);
}

/* The spans recorded so far, oldest first; also checks both ledgers. */
static trace_span_data spans[512];
static size_t collect(void) {
    trace_stats stats;
    trace_exporter_stats exporter;
    uint64_t dropped = 0;
    size_t i;
    (void)trace_flush(0);
    trace_get_stats(&stats);
    for (i = 0; i < TRACE_DROP_COUNT; i++) dropped += stats.dropped[i];
    CHECK_UINT(stats.ended, stats.exported + stats.sampled_out + dropped + stats.pending);
    CHECK_UINT(stats.pending, 0);
    CHECK(trace_get_exporter_stats("memory", &exporter));
    CHECK_UINT(exporter.received, exporter.sent + exporter.failed[TRACE_FAILURE_QUEUE_FULL]);
    return trace_memory_get(&memory, spans, 512);
}

static const trace_attribute *attribute(const trace_span_data *span, const char *key) {
    size_t i;
    for (i = 0; i < span->attribute_count; i++)
        if (span->attributes[i].key.size == strlen(key) && memcmp(span->attributes[i].key.data, key, strlen(key)) == 0) return &span->attributes[i];
    return NULL;
}

static bool text_is(trace_string text, const char *wanted) {
    return text.size == strlen(wanted) && memcmp(text.data, wanted, text.size) == 0;
}

static bool attribute_is(const trace_span_data *span, const char *key, const char *wanted) {
    const trace_attribute *const found = attribute(span, key);
    return found && found->value.type == TRACE_TYPE_STRING && text_is(found->value.as.string, wanted);
}

static bool same_id(const uint8_t *a, const uint8_t *b, size_t size) {
    return memcmp(a, b, size) == 0;
}

static const uint8_t no_id[16] = {0};

TEST(a_root_and_its_children) {
    trace_span root, child, sibling;
    begin();
    root = trace_span_start("root");
    pass_ns(10);
    child = trace_span_start("child");
    pass_ns(5);
    trace_span_end(child);
    sibling = trace_span_start("sibling");
    pass_ns(7);
    trace_span_end(sibling);
    trace_span_end(root);
    REQUIRE(collect() == 3);
    CHECK(text_is(spans[0].name, "child") && text_is(spans[1].name, "sibling") && text_is(spans[2].name, "root"));
    CHECK_UINT(spans[2].end_unix_ns - spans[2].start_unix_ns, 22);
    CHECK_UINT(spans[0].end_unix_ns - spans[0].start_unix_ns, 5);
    CHECK_UINT(spans[0].start_unix_ns - spans[2].start_unix_ns, 10);
    CHECK(same_id(spans[0].trace_id, spans[2].trace_id, 16) && same_id(spans[1].trace_id, spans[2].trace_id, 16));
    CHECK(same_id(spans[0].parent_span_id, spans[2].span_id, 8) && same_id(spans[1].parent_span_id, spans[2].span_id, 8));
    CHECK(same_id(spans[2].parent_span_id, no_id, 8));
    CHECK(!same_id(spans[0].span_id, spans[1].span_id, 8));
    CHECK(spans[2].is_local_root && !spans[0].is_local_root);
    CHECK_INT(spans[2].kind, TRACE_KIND_INTERNAL);
    CHECK_INT(spans[2].flags, TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    CHECK_INT(spans[2].status, TRACE_STATUS_UNSET);
    CHECK(spans[0].thread_id != 0);
}

TEST(two_roots_are_two_traces) {
    begin();
    trace_span_end(trace_span_start("one"));
    trace_span_end(trace_span_start("two"));
    REQUIRE(collect() == 2);
    CHECK(!same_id(spans[0].trace_id, spans[1].trace_id, 16));
}

TEST(attributes_of_every_type) {
    static const char *const words[] = {"a", "", "ccc"};
    static const int64_t numbers[] = {INT64_MIN, 0, INT64_MAX};
    static const double doubles[] = {0.5, -0.0};
    static const bool flags[] = {true, false, true};
    trace_span span;
    const trace_attribute *found;
    begin();
    span = trace_span_start("types");
    trace_span_set_string(span, "string", "value");
    trace_span_set_string(span, "empty", "");
    trace_span_set_string_n(span, "sized", "valuable", 3);
    trace_span_set_string(span, "null", NULL);
    trace_span_set_int(span, "int", INT64_MIN);
    trace_span_set_uint(span, "uint", 7);
    trace_span_set_uint(span, "huge", UINT64_MAX);
    trace_span_set_double(span, "double", 1e300);
    trace_span_set_bool(span, "true", true);
    trace_span_set_bool(span, "false", false);
    trace_span_set_bytes(span, "bytes", "\0\1\2", 3);
    trace_span_set_json(span, "json", "{\"a\":1}");
    trace_span_set_strings(span, "strings", words, 3);
    trace_span_set_ints(span, "ints", numbers, 3);
    trace_span_set_doubles(span, "doubles", doubles, 2);
    trace_span_set_bools(span, "bools", flags, 3);
    trace_span_set_ints(span, "nothing", NULL, 0);
    trace_span_end(span);
    REQUIRE(collect() == 1);
    CHECK_UINT(spans[0].attribute_count, 17);
    CHECK(attribute_is(&spans[0], "string", "value"));
    CHECK(attribute_is(&spans[0], "empty", ""));
    CHECK(attribute_is(&spans[0], "sized", "val"));
    CHECK(attribute_is(&spans[0], "huge", "18446744073709551615"));
    REQUIRE((found = attribute(&spans[0], "null")) != NULL);
    CHECK_INT(found->value.type, TRACE_TYPE_NULL);
    REQUIRE((found = attribute(&spans[0], "int")) != NULL);
    CHECK(found->value.type == TRACE_TYPE_INT && found->value.as.integer == INT64_MIN);
    REQUIRE((found = attribute(&spans[0], "uint")) != NULL);
    CHECK(found->value.type == TRACE_TYPE_INT && found->value.as.integer == 7);
    REQUIRE((found = attribute(&spans[0], "double")) != NULL);
    CHECK(found->value.type == TRACE_TYPE_DOUBLE && found->value.as.number == 1e300);
    REQUIRE((found = attribute(&spans[0], "true")) != NULL);
    CHECK(found->value.type == TRACE_TYPE_BOOL && found->value.as.boolean);
    REQUIRE((found = attribute(&spans[0], "false")) != NULL);
    CHECK(found->value.type == TRACE_TYPE_BOOL && !found->value.as.boolean);
    REQUIRE((found = attribute(&spans[0], "bytes")) != NULL);
    CHECK(found->value.type == TRACE_TYPE_BYTES && found->value.as.bytes.size == 3 && memcmp(found->value.as.bytes.data, "\0\1\2", 3) == 0);
    REQUIRE((found = attribute(&spans[0], "json")) != NULL);
    CHECK(found->value.type == TRACE_TYPE_JSON && text_is(found->value.as.string, "{\"a\":1}"));
    REQUIRE((found = attribute(&spans[0], "strings")) != NULL);
    REQUIRE(found->value.type == TRACE_TYPE_ARRAY && found->value.as.array.count == 3);
    CHECK(text_is(found->value.as.array.items[0].as.string, "a") && text_is(found->value.as.array.items[1].as.string, "") &&
          text_is(found->value.as.array.items[2].as.string, "ccc"));
    REQUIRE((found = attribute(&spans[0], "ints")) != NULL);
    REQUIRE(found->value.as.array.count == 3);
    CHECK(found->value.as.array.items[0].as.integer == INT64_MIN && found->value.as.array.items[2].as.integer == INT64_MAX);
    REQUIRE((found = attribute(&spans[0], "doubles")) != NULL);
    CHECK(found->value.as.array.count == 2 && found->value.as.array.items[0].as.number == 0.5);
    REQUIRE((found = attribute(&spans[0], "bools")) != NULL);
    CHECK(found->value.as.array.count == 3 && found->value.as.array.items[0].as.boolean && !found->value.as.array.items[1].as.boolean);
    REQUIRE((found = attribute(&spans[0], "nothing")) != NULL);
    CHECK(found->value.type == TRACE_TYPE_ARRAY && found->value.as.array.count == 0);
}

TEST(arrays_in_arrays_up_to_a_depth) {
    trace_attribute nested = TRACE_ATTR_INT("nested", 0);
    trace_value levels[6];
    const trace_value *at;
    trace_span span;
    int depth = 0;
    size_t i;
    memset((void *)levels, 0, sizeof levels);
    for (i = 0; i < 5; i++) {
        levels[i].type = TRACE_TYPE_ARRAY;
        levels[i].as.array.items = &levels[i + 1];
        levels[i].as.array.count = 1;
    }
    levels[5].type = TRACE_TYPE_BOOL;
    nested.value = levels[0];
    begin();
    span = trace_span_start("deep");
    trace_span_set_attribute(span, nested);
    trace_span_end(span);
    REQUIRE(collect() == 1 && spans[0].attribute_count == 1);
    for (at = &spans[0].attributes[0].value; at->type == TRACE_TYPE_ARRAY; at = at->as.array.items) {
        depth++;
        if (at->as.array.count != 1) break;
    }
    CHECK_INT(depth, 4); /* the fifth level became null */
    CHECK_INT(at->type, TRACE_TYPE_NULL);
}

TEST(the_last_value_of_a_key_wins) {
    trace_span span;
    begin();
    span = trace_span_start("keys");
    trace_span_set_int(span, "a", 1);
    trace_span_set_int(span, "b", 2);
    trace_span_set_string(span, "a", "again");
    trace_span_set_int(span, "A", 3);
    trace_span_end(span);
    REQUIRE(collect() == 1);
    CHECK_UINT(spans[0].attribute_count, 3);
    CHECK(attribute_is(&spans[0], "a", "again"));
    CHECK(text_is(spans[0].attributes[0].key, "a"));
    CHECK_UINT(spans[0].dropped_attribute_count, 0);
}

TEST(a_key_set_a_million_times_neither_overflows_nor_is_dropped) {
    trace_span span;
    const trace_attribute *found;
    int i;
    begin();
    span = trace_span_start("loop");
    trace_span_set_string(span, "kept", "here");
    for (i = 0; i < 1000000 / (int)test_scaled(1); i++) {
        trace_span_set_int(span, "i", i);
        if (i % 1000 == 0) trace_span_set_string(span, "text", i % 2000 ? "odd" : "even");
    }
    trace_span_end(span);
    REQUIRE(collect() == 1);
    CHECK_UINT(spans[0].attribute_count, 3);
    CHECK_UINT(spans[0].dropped_attribute_count, 0);
    CHECK(attribute_is(&spans[0], "kept", "here"));
    REQUIRE((found = attribute(&spans[0], "i")) != NULL);
    CHECK_INT(found->value.as.integer, i - 1);
}

static void few(trace_config *config) {
    config->attribute_count_limit = 4;
    config->event_count_limit = 2;
    config->link_count_limit = 1;
    config->event_attribute_count_limit = 1;
    config->link_attribute_count_limit = 1;
    config->attribute_value_length_limit = 5;
}

TEST(limits_drop_and_count) {
    trace_attribute two[2] = {TRACE_ATTR_INT("x", 1), TRACE_ATTR_INT("y", 2)};
    trace_span span;
    trace_context self;
    char key[16];
    int i;
    begin_with(few);
    span = trace_span_start("limited");
    self = trace_span_context(span);
    for (i = 0; i < 7; i++) {
        snprintf(key, sizeof key, "k%d", i);
        trace_span_set_int(span, key, i);
    }
    trace_span_set_string(span, "k3", "h\xc3\xa9llo world"); /* five characters are six bytes */
    for (i = 0; i < 5; i++) trace_span_add_event(span, "event", two, 2);
    for (i = 0; i < 3; i++) trace_span_add_link(span, self, two, 2);
    trace_span_end(span);
    REQUIRE(collect() == 1);
    CHECK_UINT(spans[0].attribute_count, 4);
    CHECK_UINT(spans[0].dropped_attribute_count, 3);
    CHECK(attribute_is(&spans[0], "k3", "h\xc3\xa9llo"));
    CHECK_UINT(spans[0].event_count, 2);
    CHECK_UINT(spans[0].dropped_event_count, 3);
    CHECK_UINT(spans[0].link_count, 1);
    CHECK_UINT(spans[0].dropped_link_count, 2);
    CHECK_UINT(spans[0].events[0].attribute_count, 1);
    CHECK_UINT(spans[0].events[0].dropped_attribute_count, 1);
    CHECK_UINT(spans[0].links[0].attribute_count, 1);
    CHECK_UINT(spans[0].links[0].dropped_attribute_count, 1);
}

TEST(numbers_are_never_cut) {
    trace_attribute given[2] = {TRACE_ATTR_UINT("huge", UINT64_MAX), TRACE_ATTR_UINT("list", 0)};
    const trace_value items[3] = {TRACE_ATTR_UINT("", UINT64_MAX).value, TRACE_ATTR_UINT("", 7).value, TRACE_ATTR_STRING("", "cut to five").value};
    trace_stats before, after;
    trace_span_options options;
    const trace_attribute *found;
    trace_span span;
    begin_with(few);
    given[1].value.type = TRACE_TYPE_ARRAY;
    given[1].value.as.array.items = items;
    given[1].value.as.array.count = 3;
    memset((void *)&options, 0, sizeof options);
    options.attributes = given;
    options.attribute_count = 2;
    trace_get_stats(&before);
    span = trace_span_start_with("numbers", &options);
    trace_span_set_uint(span, "least", UINT64_C(9223372036854775808));
    trace_span_add_event(span, "event", given, 1);
    trace_span_end(span);
    REQUIRE(collect() == 1);
    trace_get_stats(&after);
    CHECK(attribute_is(&spans[0], "huge", "18446744073709551615"));
    CHECK(attribute_is(&spans[0], "least", "9223372036854775808"));
    CHECK(text_is(spans[0].events[0].attributes[0].value.as.string, "18446744073709551615"));
    REQUIRE((found = attribute(&spans[0], "list")) != NULL && found->value.as.array.count == 3);
    CHECK(text_is(found->value.as.array.items[0].as.string, "18446744073709551615"));
    CHECK(found->value.as.array.items[1].type == TRACE_TYPE_INT && found->value.as.array.items[1].as.integer == 7);
    CHECK(text_is(found->value.as.array.items[2].as.string, "cut t"));
    CHECK(after.truncated > before.truncated);
}

TEST(the_default_limits_are_128) {
    trace_span span;
    char key[16];
    int i;
    begin();
    span = trace_span_start("many");
    for (i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "key.%d", i);
        trace_span_set_int(span, key, i);
        trace_span_add_event(span, key, NULL, 0);
    }
    trace_span_end(span);
    REQUIRE(collect() == 1);
    CHECK_UINT(spans[0].attribute_count, 128);
    CHECK_UINT(spans[0].dropped_attribute_count, 72);
    CHECK_UINT(spans[0].event_count, 128);
    CHECK_UINT(spans[0].dropped_event_count, 72);
}

TEST(events_keep_order_time_and_attributes) {
    trace_attribute attributes[3] = {TRACE_ATTR_STRING("name", "value"), TRACE_ATTR_BOOL("yes", true), TRACE_ATTR_UINT("big", UINT64_MAX)};
    trace_span span;
    begin();
    span = trace_span_start("events");
    pass_ns(3);
    trace_span_add_event(span, "first", NULL, 0);
    pass_ns(4);
    trace_span_add_event(span, "second", attributes, 3);
    trace_span_add_event_at(span, "third", NULL, 0, 12345);
    trace_span_add_event(span, NULL, NULL, 0);
    trace_span_end(span);
    REQUIRE(collect() == 1 && spans[0].event_count == 4);
    CHECK(text_is(spans[0].events[0].name, "first"));
    CHECK_UINT(spans[0].events[0].unix_ns - spans[0].start_unix_ns, 3);
    CHECK_UINT(spans[0].events[1].unix_ns - spans[0].start_unix_ns, 7);
    REQUIRE(spans[0].events[1].attribute_count == 3);
    CHECK(text_is(spans[0].events[1].attributes[0].value.as.string, "value"));
    CHECK(spans[0].events[1].attributes[1].value.as.boolean);
    CHECK(text_is(spans[0].events[1].attributes[2].value.as.string, "18446744073709551615"));
    CHECK_UINT(spans[0].events[2].unix_ns, 12345);
    CHECK_UINT(spans[0].events[3].name.size, 0);
}

TEST(links_carry_context_and_attributes) {
    trace_attribute why = TRACE_ATTR_STRING("why", "batch");
    trace_context context;
    trace_span span;
    begin();
    REQUIRE(trace_context_parse(&context, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1,other=2"));
    span = trace_span_start("linked");
    trace_span_add_link(span, context, &why, 1);
    trace_span_end(span);
    REQUIRE(collect() == 1 && spans[0].link_count == 1);
    CHECK_MEM(spans[0].links[0].context.trace_id, context.trace_id, 16);
    CHECK_MEM(spans[0].links[0].context.span_id, context.span_id, 8);
    CHECK(spans[0].links[0].context.is_remote);
    CHECK(text_is(spans[0].links[0].trace_state, "vendor=1,other=2"));
    REQUIRE(spans[0].links[0].attribute_count == 1);
    CHECK(text_is(spans[0].links[0].attributes[0].value.as.string, "batch"));
    CHECK(same_id(spans[0].parent_span_id, no_id, 8)); /* a link is no parent */
}

/* As wherever a context is asked for: all zero is the current span, here the one around. */
TEST(links_given_at_start_to_the_current_span) {
    trace_link_data link;
    trace_span_options options;
    trace_span around;
    trace_context context;
    begin();
    memset((void *)&options, 0, sizeof options);
    memset((void *)&link, 0, sizeof link);
    options.struct_size = sizeof options;
    options.root = true;
    options.links = &link;
    options.link_count = 1;
    around = trace_span_start("around");
    context = trace_span_context(around);
    trace_span_end(trace_span_start_with("linked", &options));
    trace_span_end(around);
    REQUIRE(collect() == 2 && spans[0].link_count == 1);
    CHECK_MEM(spans[0].links[0].context.trace_id, context.trace_id, 16);
    CHECK_MEM(spans[0].links[0].context.span_id, context.span_id, 8);
}

TEST(what_is_given_at_start) {
    trace_attribute attributes[2] = {TRACE_ATTR_STRING("a", "b"), TRACE_ATTR_INT("n", 5)};
    static const trace_scope scope = {"libtest", "1.2", "https://example.com/schema"};
    trace_link_data link;
    trace_span_options options;
    trace_span span;
    begin();
    memset((void *)&options, 0, sizeof options);
    memset((void *)&link, 0, sizeof link);
    link.context.trace_id[0] = 1;
    link.context.span_id[0] = 2;
    link.context.is_explicit = true;
    options.struct_size = sizeof options;
    options.kind = TRACE_KIND_CONSUMER;
    options.attributes = attributes;
    options.attribute_count = 2;
    options.links = &link;
    options.link_count = 1;
    options.scope = &scope;
    options.start_unix_ns = 1000;
    span = trace_span_start_with("options", &options);
    trace_span_end_at(span, 3000);
    REQUIRE(collect() == 1);
    CHECK_INT(spans[0].kind, TRACE_KIND_CONSUMER);
    CHECK(attribute_is(&spans[0], "a", "b"));
    CHECK_UINT(spans[0].link_count, 1);
    CHECK_UINT(spans[0].start_unix_ns, 1000);
    CHECK_UINT(spans[0].end_unix_ns, 3000);
    REQUIRE(spans[0].scope != NULL);
    CHECK_STR(spans[0].scope->name, "libtest");
    CHECK_STR(spans[0].scope->version, "1.2");
    CHECK_STR(spans[0].scope->schema_url, "https://example.com/schema");
}

TEST(explicit_times_are_clamped) {
    trace_span_options options;
    begin();
    memset((void *)&options, 0, sizeof options);
    options.start_unix_ns = 5000;
    trace_span_end_at(trace_span_start_with("backward", &options), 4000);
    trace_span_end_at(trace_span_start("mixed"), 1); /* before its start, by the clock */
    options.start_unix_ns = UINT64_MAX;
    trace_span_end(trace_span_start_with("future", &options));
    REQUIRE(collect() == 3);
    CHECK_UINT(spans[0].end_unix_ns, 5000);
    CHECK_UINT(spans[1].end_unix_ns, spans[1].start_unix_ns);
    CHECK_UINT(spans[2].end_unix_ns, UINT64_MAX);
}

TEST(parents_current_explicit_root_and_empty) {
    trace_span_options options;
    trace_context remote, current;
    trace_span outer, other;
    begin();
    memset((void *)&options, 0, sizeof options);
    outer = trace_span_start("outer");
    current = trace_span_context(outer);
    REQUIRE(trace_context_parse(&remote, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
    options.parent = remote;
    trace_span_end(trace_span_start_with("of remote", &options));
    memset((void *)&options, 0, sizeof options);
    options.root = true;
    trace_span_end(trace_span_start_with("of none", &options));
    options.root = false;
    CHECK(!trace_context_parse(&options.parent, "garbage", NULL));
    trace_span_end(trace_span_start_with("of empty", &options));
    options.parent = current;
    options.detached = true;
    other = trace_span_start_with("detached", &options);
    CHECK(trace_span_current().id == outer.id);
    trace_span_end(other);
    trace_span_end(outer);
    REQUIRE(collect() == 5);
    CHECK_MEM(spans[0].trace_id, remote.trace_id, 16);
    CHECK_MEM(spans[0].parent_span_id, remote.span_id, 8);
    CHECK(spans[0].parent_is_remote && spans[0].is_local_root);
    CHECK(same_id(spans[1].parent_span_id, no_id, 8) && !same_id(spans[1].trace_id, current.trace_id, 16));
    CHECK(same_id(spans[2].parent_span_id, no_id, 8) && !same_id(spans[2].trace_id, current.trace_id, 16));
    CHECK_MEM(spans[3].parent_span_id, current.span_id, 8);
    CHECK(!spans[3].parent_is_remote && !spans[3].is_local_root);
}

TEST(an_unsampled_remote_parent_is_obeyed) {
    trace_context remote;
    trace_attachment attachment;
    trace_span span;
    begin();
    REQUIRE(trace_context_parse(&remote, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", NULL));
    attachment = trace_attach(remote);
    span = trace_span_start("dropped");
    CHECK(!trace_span_is_recording(span));
    CHECK_MEM(trace_span_context(span).trace_id, remote.trace_id, 16);
    CHECK(memcmp(trace_span_context(span).span_id, remote.span_id, 8) != 0); /* an id of its own, even so */
    CHECK_INT(trace_span_context(span).flags & TRACE_FLAG_SAMPLED, 0);
    trace_span_set_int(span, "ignored", 1);
    trace_span_end(trace_span_start("dropped too"));
    trace_span_end(span);
    trace_detach(attachment);
    CHECK_UINT(collect(), 0);
}

TEST(a_caller_that_leaves_the_decision_to_us) {
    trace_context remote;
    trace_attachment attachment;
    trace_header b3;
    begin();
    CHECK(tracei_propagators_parse("b3"));
    b3.name.data = "b3";
    b3.name.size = 2;
    b3.value.data = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1";
    b3.value.size = strlen(b3.value.data);
    remote = trace_extract_headers(&b3, 1);
    REQUIRE(trace_context_is_valid(remote));
    attachment = trace_attach(remote);
    trace_span_end(trace_span_start("ours"));
    trace_detach(attachment);
    {
        trace_span_options options;
        memset((void *)&options, 0, sizeof options);
        options.parent = remote;
        trace_span_end(trace_span_start_with("ours too", &options));
    }
    CHECK(tracei_propagators_parse(NULL));
    REQUIRE(collect() == 2);
    CHECK_MEM(spans[0].trace_id, remote.trace_id, 16);
    CHECK_INT(spans[0].flags & TRACE_FLAG_SAMPLED, TRACE_FLAG_SAMPLED);
}

TEST(status_rules) {
    static const struct { trace_status first, second; const char *text; trace_status wanted; const char *message; } cases[] = {
        {TRACE_STATUS_UNSET, TRACE_STATUS_ERROR, "late", TRACE_STATUS_ERROR, "late"},
        {TRACE_STATUS_ERROR, TRACE_STATUS_UNSET, "x", TRACE_STATUS_ERROR, "first"},
        {TRACE_STATUS_ERROR, TRACE_STATUS_ERROR, "second", TRACE_STATUS_ERROR, "second"},
        {TRACE_STATUS_ERROR, TRACE_STATUS_OK, "x", TRACE_STATUS_OK, ""},
        {TRACE_STATUS_OK, TRACE_STATUS_ERROR, "x", TRACE_STATUS_OK, ""},
        {TRACE_STATUS_OK, TRACE_STATUS_UNSET, NULL, TRACE_STATUS_OK, ""},
    };
    size_t i;
    begin();
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const trace_span span = trace_span_start("status");
        trace_span_set_status(span, cases[i].first, "first");
        trace_span_set_status(span, cases[i].second, cases[i].text);
        trace_span_end(span);
    }
    REQUIRE(collect() == i);
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(spans[i].status, cases[i].wanted);
        CHECK_TEXT(spans[i].status_message.data, spans[i].status_message.size, cases[i].message);
    }
}

TEST(errors_become_exception_events) {
    trace_span span;
    begin();
    span = trace_span_start("fails");
    trace_span_record_error(span, "Timeout", "no answer in 20 ms");
    trace_span_end(span);
    span = trace_span_start("errno");
    trace_span_record_errno(span, ENOENT);
    trace_span_end(span);
    span = trace_span_start("unknown errno");
    trace_span_record_errno(span, 98765);
    trace_span_end(span);
    span = trace_span_start("nothing known");
    trace_span_record_error(span, NULL, NULL);
    trace_span_end(span);
    REQUIRE(collect() == 4);
    CHECK_INT(spans[0].status, TRACE_STATUS_ERROR);
    CHECK(text_is(spans[0].status_message, "no answer in 20 ms"));
    REQUIRE(spans[0].event_count == 1 && spans[0].events[0].attribute_count == 2);
    CHECK(text_is(spans[0].events[0].name, "exception"));
    CHECK(text_is(spans[0].events[0].attributes[0].key, "exception.type") && text_is(spans[0].events[0].attributes[0].value.as.string, "Timeout"));
    CHECK(text_is(spans[0].events[0].attributes[1].key, "exception.message"));
    CHECK(attribute_is(&spans[0], "error.type", "Timeout"));
    CHECK(attribute_is(&spans[1], "error.type", "ENOENT"));
    CHECK(text_is(spans[1].status_message, "No such file or directory"));
    CHECK(attribute_is(&spans[2], "error.type", "errno 98765"));
    CHECK_INT(spans[3].status, TRACE_STATUS_ERROR);
    CHECK_UINT(spans[3].event_count, 1);
}

TEST(names_can_change_and_be_anything) {
    static char huge[10000];
    trace_span span;
    memset(huge, 'n', sizeof huge - 1);
    begin();
    span = trace_span_start("before");
    trace_span_set_name(span, "between");
    trace_span_set_name(span, "after");
    trace_span_end(span);
    trace_span_end(trace_span_start(NULL));
    trace_span_end(trace_span_start(""));
    trace_span_end(trace_span_start(huge));
    span = trace_span_start("x");
    trace_span_set_name(span, NULL);
    trace_span_end(span);
    {
        int i; /* every length around what fits a slot */
        for (i = 0; i < 400; i++) trace_span_end(trace_span_start(huge + sizeof huge - 1 - i));
    }
    REQUIRE(collect() == 405);
    CHECK(text_is(spans[0].name, "after"));
    CHECK_UINT(spans[1].name.size, 0);
    CHECK_UINT(spans[2].name.size, 0);
    CHECK_UINT(spans[3].name.size, 4096);
    CHECK_UINT(spans[4].name.size, 0);
    {
        size_t i;
        for (i = 0; i < 400; i++) CHECK_TEXT(spans[5 + i].name.data, spans[5 + i].name.size, huge + sizeof huge - 1 - i);
    }
}

TEST(values_of_every_length_come_back) {
    static char text[3000];
    const size_t lengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 200, 255, 256, 257, 300, 511, 512, 513, 1000, 2999};
    size_t i;
    for (i = 0; i < sizeof text; i++) text[i] = (char)('a' + i % 26);
    begin();
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const trace_span span = trace_span_start("length");
        trace_span_set_int(span, "before", 1);
        trace_span_set_string_n(span, "text", text, lengths[i]);
        trace_span_set_int(span, "after", 2);
        trace_span_end(span);
    }
    REQUIRE(collect() == i);
    for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const trace_attribute *const found = attribute(&spans[i], "text");
        REQUIRE(found != NULL && attribute(&spans[i], "before") != NULL && attribute(&spans[i], "after") != NULL);
        CHECK_UINT(found->value.as.string.size, lengths[i]);
        CHECK_MEM(found->value.as.string.data, text, lengths[i]);
    }
}

TEST(what_is_passed_in_is_copied_at_the_call) {
    char name[] = "name", key[] = "key", value[] = "value", event[] = "event";
    trace_span span;
    begin();
    span = trace_span_start(name);
    memset(name, 'X', 4);
    trace_span_set_string(span, key, value);
    memset(key, 'X', 3);
    memset(value, 'X', 5);
    trace_span_add_event(span, event, NULL, 0);
    memset(event, 'X', 5);
    trace_span_end(span);
    REQUIRE(collect() == 1);
    CHECK(text_is(spans[0].name, "name"));
    CHECK(attribute_is(&spans[0], "key", "value"));
    CHECK(text_is(spans[0].events[0].name, "event"));
}

TEST(a_giant_value_is_cut_on_a_character_and_counted) {
    const size_t size = 100u << 20;
    char *const giant = (char *)malloc(size);
    trace_stats before, after;
    trace_span span;
    size_t i;
    REQUIRE(giant != NULL);
    for (i = 0; i + 1 < size; i += 2) memcpy(giant + i, "\xc3\xa9", 2);
    begin();
    trace_get_stats(&before);
    span = trace_span_start("giant");
    trace_span_set_string_n(span, "giant", giant, size);
    trace_span_set_string(span, "small", "kept");
    trace_span_end(span);
    free(giant);
    REQUIRE(collect() == 1);
    trace_get_stats(&after);
    CHECK(attribute_is(&spans[0], "small", "kept"));
    REQUIRE(attribute(&spans[0], "giant") != NULL);
    CHECK(attribute(&spans[0], "giant")->value.as.string.size > 100000);
    CHECK_UINT(attribute(&spans[0], "giant")->value.as.string.size % 2, 0);
    CHECK(after.truncated > before.truncated);
}

/* Not text: nothing says where it may be cut. */
TEST(bytes_are_cut_at_the_byte) {
    trace_span span;
    const trace_attribute *found;
    begin_with(few);
    span = trace_span_start("bytes");
    trace_span_set_bytes(span, "b", "h\xc3\xa9\xc3\xa9\xc3\xa9", 7);
    trace_span_end(span);
    REQUIRE(collect() == 1);
    REQUIRE((found = attribute(&spans[0], "b")) != NULL && found->value.type == TRACE_TYPE_BYTES);
    CHECK_UINT(found->value.as.string.size, 5);
}

static void small_pool(trace_config *config) {
    config->max_pool_bytes = (uint32_t)tracei_pool_bytes + (256u << 10);      /* beside the small ones that threads keep */
}

/* Two open spans of 128 KiB are all that max_pool_bytes allows; what the third cannot hold is counted, and its room is there
   again when one of the two has ended, as often as that may be. */
TEST(a_pool_that_is_used_up_is_given_back) {
    static char large[100u << 10];
    trace_span open[3];
    unsigned i, round;
    memset(large, 'x', sizeof large);
    begin_with(small_pool);
    for (round = 0; round < 8; round++) {
        for (i = 0; i < 3; i++) {
            open[i] = trace_span_start("grown");
            trace_span_set_string_n(open[i], "large", large, sizeof large);
            trace_span_set_string(open[i], "small", "kept");
        }
        for (i = 0; i < 3; i++) trace_span_end(open[i]);
        REQUIRE(collect() == 3);
        for (i = 0; i < 3; i++) {
            CHECK(attribute_is(&spans[i], "small", "kept"));
            CHECK_UINT(attribute(&spans[i], "large") != NULL, i < 2);
            CHECK_UINT(spans[i].dropped_attribute_count, i == 2);
        }
        trace_memory_clear(&memory);
    }
}

static trace_span outside;
static trace_mark outside_mark;
static trace_attachment outside_attached;
static trace_context outside_context;
static unsigned exports;

static trace_result call_everything(void *user, const trace_batch *batch) {
    static const int64_t numbers[] = {1, 2};
    static const trace_scope scope = {"exporter", NULL, NULL};
    const trace_span inside = trace_span_start("inside");
    (void)user, (void)batch;
    exports++;
    CHECK(!trace_span_is_recording(inside));
    CHECK(!trace_span_is_recording(outside));
    CHECK(!tracei_enabled(&scope));
    trace_span_set_int(outside, "int", 1);
    trace_span_set_string(outside, "string", "x");
    trace_span_set_ints(outside, "ints", numbers, 2);
    trace_span_set_name(outside, "other");
    trace_span_set_status(outside, TRACE_STATUS_ERROR, "x");
    trace_span_add_event(outside, "event", NULL, 0);
    trace_span_add_link(outside, outside_context, NULL, 0);
    trace_span_record_error(outside, "type", "message");
    trace_unwind(outside_mark);
    trace_detach(outside_attached);
    trace_span_end(outside);
    trace_span_end_at(outside, unix_now);
    trace_span_end(inside);
    return TRACE_RESULT_OK;
}

static void with_a_caller(trace_config *config) {
    config->exporters[1].struct_size = sizeof config->exporters[1];
    config->exporters[1].name = "caller";
    config->exporters[1].export_fn = call_everything;
}

/* Exporters must not feed themselves: whatever one of them calls does nothing, and is no misuse either. */
TEST(calls_of_exporters_do_nothing) {
    trace_stats before, after;
    begin_with(with_a_caller);
    outside = trace_span_start("outside");
    outside_context = trace_span_context(outside);
    outside_mark = trace_mark_get();
    outside_attached = trace_attach_span(outside);
    trace_get_stats(&before);
    trace_span_end(trace_span_start("first"));
    CHECK_UINT(collect(), 1);
    CHECK_UINT(exports, 1);
    CHECK_UINT(trace_span_current().id, outside.id);
    trace_detach(outside_attached);
    trace_span_end(outside);
    REQUIRE(collect() == 2);
    trace_get_stats(&after);
    CHECK_UINT(after.misused, before.misused);
    CHECK(text_is(spans[1].name, "outside"));
    CHECK_INT(spans[1].status, TRACE_STATUS_UNSET);
    CHECK_UINT(spans[1].attribute_count + spans[1].event_count + spans[1].link_count, 0);
}

TEST(bad_keys_are_ignored_with_one_line) {
    trace_span span;
    begin();
    complaints = 0;
    span = trace_span_start("keys");
    trace_span_set_int(span, NULL, 1);
    trace_span_set_int(span, "", 2);
    trace_span_set_string(span, NULL, "x");
    trace_span_set_ints(span, "", NULL, 0);
    trace_span_end(span);
    REQUIRE(collect() == 1);
    CHECK_UINT(spans[0].attribute_count, 0);
    CHECK_UINT(complaints, 1);
    CHECK_HAS(last_complaint, "key");
}

TEST(handles_that_name_nothing) {
    trace_stats before, after;
    trace_span span, zero, invented;
    begin();
    memset((void *)&zero, 0, sizeof zero);
    invented.slot = 123456;
    invented.generation = 7;
    invented.id = 99;
    trace_get_stats(&before);
    span = trace_span_start("once");
    trace_span_end(span);
    trace_span_end(span);
    trace_span_set_int(span, "late", 1);
    trace_span_end(zero);
    trace_span_end(invented);
    invented.slot = 0xfffffff0u;
    trace_span_set_string(invented, "a", "b");
    CHECK(!trace_span_is_recording(span) && !trace_span_is_recording(zero));
    CHECK(!trace_context_is_valid(trace_span_context(span)) && !trace_context_is_valid(trace_span_context(zero)));
    REQUIRE(collect() == 1);
    trace_get_stats(&after);
    CHECK_UINT(after.misused - before.misused, 7);
    CHECK_UINT(after.ended - before.ended, 1);
}

/* The place and the use of it are right, the id is not: a handle made up, or kept from another process. */
TEST(handles_that_name_nobody) {
    trace_stats before, after;
    trace_span span, invented;
    begin();
    trace_get_stats(&before);
    span = invented = trace_span_start("alive");
    invented.id ^= 1;
    trace_span_set_int(invented, "key", 1);
    trace_span_end(invented);
    CHECK(!trace_span_is_recording(invented) && trace_span_is_recording(span));
    trace_span_end(span);
    REQUIRE(collect() == 1);
    CHECK_UINT(spans[0].attribute_count, 0);
    trace_get_stats(&after);
    CHECK_UINT(after.misused - before.misused, 2);
    CHECK_UINT(after.ended - before.ended, 1);
}

TEST(ending_in_any_order) {
    trace_span a, b, c, d;
    begin();
    a = trace_span_start("a");
    b = trace_span_start("b");
    c = trace_span_start("c");
    trace_span_end(b); /* from the middle: c stays current */
    CHECK(trace_span_current().id == c.id);
    d = trace_span_start("d");
    trace_span_end(d);
    trace_span_end(c);
    CHECK(trace_span_current().id == a.id);
    trace_span_end(a);
    CHECK_UINT(trace_span_current().id, 0);
    REQUIRE(collect() == 4);
    CHECK_MEM(spans[1].parent_span_id, spans[2].span_id, 8);
    CHECK_MEM(spans[2].parent_span_id, spans[0].span_id, 8);
}

static int leaves_early(int how) {
    TRACE_BLOCK("function");
    if (how == 1) return 1;
    TRACE_SPAN("inner") {
        if (how == 2) return 2;
        trace_span_set_int(trace_span_current(), "how", how);
    }
    return 0;
}

TEST(blocks_end_with_their_block) {
    int i, turns = 0;
    begin();
    TRACE_SPAN("outer") {
        trace_span_set_int(trace_span_current(), "n", 1);
        for (i = 0; i < 3; i++) {
            TRACE_BLOCK("turn");
            if (i == 1) continue;
            turns++;
        }
        CHECK_INT(leaves_early(0), 0);
        CHECK_INT(leaves_early(1), 1);
        CHECK_INT(leaves_early(2), 2);
        TRACE_SPAN("broken") {
            if (turns) break;
            turns = 100;
        }
    }
    CHECK_INT(turns, 2);
    CHECK_UINT(trace_span_current().id, 0);
    REQUIRE(collect() == 3 + 2 + 1 + 2 + 1 + 1);
    CHECK(text_is(spans[9].name, "outer"));
    CHECK(attribute(&spans[9], "n") != NULL);
    for (i = 0; i < 10; i++) CHECK(!spans[i].is_abandoned);
}

static void function_span(void) {
    TRACE_FUNCTION();
    trace_event("inside");
}

TEST(a_function_names_its_span) {
    begin();
    function_span();
    REQUIRE(collect() == 1);
    CHECK(text_is(spans[0].name, "function_span"));
    CHECK_UINT(spans[0].event_count, 1);
}

TEST(a_block_takes_down_what_was_left_open_in_it) {
    trace_stats before, after;
    begin();
    trace_get_stats(&before);
    TRACE_SPAN("outer") {
        (void)trace_span_start("forgotten");
        (void)trace_span_start("forgotten too");
    }
    trace_span_end(trace_span_start("next"));
    REQUIRE(collect() == 4);
    trace_get_stats(&after);
    CHECK(text_is(spans[0].name, "forgotten too") && spans[0].is_abandoned && spans[1].is_abandoned && !spans[2].is_abandoned);
    CHECK_UINT(after.abandoned - before.abandoned, 2);
    CHECK(same_id(spans[3].parent_span_id, no_id, 8));
}

TEST(detached_spans_and_the_spans_made_current) {
    trace_span_options options;
    trace_span job;
    begin();
    memset((void *)&options, 0, sizeof options);
    options.detached = true;
    job = trace_span_start_with("job", &options);
    CHECK_UINT(trace_span_current().id, 0);
    TRACE_WITH_SPAN(job) {
        CHECK(trace_span_current().id == job.id);
        trace_span_set_int(trace_span_current(), "step", 1);
        trace_span_end(trace_span_start("part"));
    }
    TRACE_WITH_SPAN(job) trace_event("resumed");
    CHECK_UINT(trace_span_current().id, 0);
    trace_span_end(job);
    REQUIRE(collect() == 2);
    CHECK_MEM(spans[0].parent_span_id, spans[1].span_id, 8);
    CHECK(!spans[0].is_local_root && !spans[0].parent_is_remote);
    CHECK_UINT(spans[1].attribute_count, 1);
    CHECK_UINT(spans[1].event_count, 1);
}

TEST(contexts_made_current) {
    trace_context remote, empty, current;
    begin();
    REQUIRE(trace_context_parse(&remote, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=b"));
    CHECK(!trace_context_parse(&empty, NULL, NULL));
    TRACE_SPAN("outer") {
        TRACE_WITH(remote) {
            current = trace_context_current();
            CHECK_MEM(current.span_id, remote.span_id, 8);
            CHECK(current.is_remote);
            CHECK_UINT(trace_span_current().id, 0);
            trace_span_end(trace_span_start("below remote"));
        }
        TRACE_WITH(empty) trace_span_end(trace_span_start("new root"));
        trace_span_end(trace_span_start("below outer"));
    }
    REQUIRE(collect() == 4);
    CHECK_MEM(spans[0].parent_span_id, remote.span_id, 8);
    CHECK(text_is(spans[0].trace_state, "a=b"));
    CHECK(spans[0].is_local_root);
    CHECK(same_id(spans[1].parent_span_id, no_id, 8));
    CHECK_MEM(spans[2].parent_span_id, spans[3].span_id, 8);
}

TEST(marks_unwind) {
    trace_mark mark, none;
    trace_span outer, detached;
    trace_span_options options;
    begin();
    memset((void *)&options, 0, sizeof options);
    memset((void *)&none, 0, sizeof none);
    outer = trace_span_start("outer");
    mark = trace_mark_get();
    (void)trace_span_start("a");
    (void)trace_attach(trace_context_current());
    options.detached = true;
    detached = trace_span_start_with("detached", &options);
    (void)trace_span_start("b");
    trace_unwind(none);
    trace_unwind(mark);
    CHECK(trace_span_current().id == outer.id);
    CHECK(trace_span_is_recording(detached));
    trace_span_end(detached);
    trace_span_end(outer);
    REQUIRE(collect() == 4);
    CHECK(spans[0].is_abandoned && spans[1].is_abandoned && !spans[2].is_abandoned && !spans[3].is_abandoned);
}

#ifdef trace_set /* C11, C++ */
TEST(values_by_type) {
    struct { unsigned three : 3; int five : 5; } bits = {5, -3};
    const unsigned char *const unsigned_text = (const unsigned char *)"unsigned";
    char array[] = "array";
    const bool yes = true; /* the macro true is an int in C before C23 */
    begin();
    TRACE_SPAN("types") {
        const trace_span span = trace_span_current();
        trace_set("bool", yes);
        trace_set("char", 'c');
        trace_set("short", (short)-2);
        trace_set("unsigned", 4000000000u);
        trace_set("long", -1L);
        trace_set("ull", UINT64_MAX);
        trace_set("float", 0.5f);
        trace_set("double", 0.25);
        trace_set("long double", 0.125L);
        trace_set("literal", "text");
        trace_set("array", array);
        trace_set("utext", unsigned_text);
        trace_set("three", bits.three);
        trace_set("five", bits.five);
        trace_span_set(span, "span", 1);
    }
    REQUIRE(collect() == 1);
    CHECK_UINT(spans[0].attribute_count, 15);
    CHECK_INT(attribute(&spans[0], "bool")->value.type, TRACE_TYPE_BOOL);
    CHECK_INT(attribute(&spans[0], "char")->value.as.integer, 'c');
    CHECK_INT(attribute(&spans[0], "short")->value.as.integer, -2);
    CHECK_INT(attribute(&spans[0], "unsigned")->value.as.integer, 4000000000);
    CHECK_INT(attribute(&spans[0], "long")->value.as.integer, -1);
    CHECK(attribute_is(&spans[0], "ull", "18446744073709551615"));
    CHECK(attribute(&spans[0], "float")->value.as.number == 0.5);
    CHECK(attribute(&spans[0], "long double")->value.as.number == 0.125);
    CHECK(attribute_is(&spans[0], "literal", "text"));
    CHECK(attribute_is(&spans[0], "array", "array"));
    CHECK(attribute_is(&spans[0], "utext", "unsigned"));
    CHECK_INT(attribute(&spans[0], "three")->value.as.integer, 5);
    CHECK_INT(attribute(&spans[0], "five")->value.as.integer, -3);
}
#endif

TEST(writes_without_a_current_span_do_nothing) {
    trace_stats before, after;
    begin();
    trace_get_stats(&before);
    trace_span_set_int(trace_span_current(), "nobody", 1);
    trace_event("nobody");
    trace_error("Nobody", "nothing");
    trace_span_end(trace_span_current());
    trace_get_stats(&after);
    CHECK_UINT(after.misused, before.misused);
    CHECK_UINT(collect(), 0);
}

TEST(the_last_trace) {
    trace_span_options options;
    begin();
    memset((void *)&options, 0, sizeof options);
    TRACE_SPAN("first") trace_span_end(trace_span_start("child of first"));
    TRACE_SPAN("second") {
        options.parent = trace_context_current();
        trace_span_end(trace_span_start("child of second"));
    }
    (void)collect();
    REQUIRE(trace_memory_last_trace(&memory, spans, 512) == 2);
    CHECK(text_is(spans[0].name, "child of second") && text_is(spans[1].name, "second"));
    CHECK_UINT(trace_memory_get(&memory, NULL, 0), 4);
    trace_memory_clear(&memory);
    CHECK_UINT(trace_memory_get(&memory, spans, 512), 0);
    CHECK_UINT(trace_memory_get(NULL, spans, 512), 0);
    trace_span_end(trace_span_start_with("late", &options));
    CHECK_UINT(collect(), 1);
    CHECK_UINT(trace_memory_last_trace(&memory, spans, 512), 0);     /* no root since */
}

static trace_string piece(const char *text, size_t size) {
    trace_string piece;
    piece.data = text;
    piece.size = size;
    return piece;
}

/* Six spans with something of everything; each a little larger than the one before. */
static void hand_over(const trace_exporter *exporter) {
    static trace_span_data given[6];
    static trace_attribute attributes[6];
    static trace_event_data events[6];
    static trace_link_data links[6];
    static const char sentence[] = "a text of forty-one bytes, or less than it";
    char text[sizeof sentence], key[] = "key";       /* of the caller; gone after the call */
    trace_batch batch;
    size_t i;
    memset((void *)&batch, 0, sizeof batch);
    memset((void *)given, 0, sizeof given);
    memset((void *)events, 0, sizeof events);
    memset((void *)links, 0, sizeof links);
    memcpy(text, sentence, sizeof text);
    for (i = 0; i < 6; i++) {
        attributes[i].key = piece(key, 3);
        attributes[i].value.type = i % 3 == 0 ? TRACE_TYPE_STRING : i % 3 == 1 ? TRACE_TYPE_JSON : TRACE_TYPE_BYTES;
        attributes[i].value.as.string = piece(text, 36 + i);
        events[i].name = piece("event", 5);
        links[i].trace_state = piece("a=1", 3);
        events[i].attributes = links[i].attributes = given[i].attributes = &attributes[i];
        events[i].attribute_count = links[i].attribute_count = given[i].attribute_count = 1;
        given[i].name = piece("span", 4);
        given[i].events = &events[i];
        given[i].links = &links[i];
        given[i].event_count = given[i].link_count = 1;
        given[i].span_id[7] = (uint8_t)(i + 1);
    }
    batch.spans = given;
    batch.span_count = 6;
    CHECK_INT(exporter->export_fn(exporter->user, &batch), TRACE_RESULT_OK);
    memset(text, '#', sizeof text);
    memset(key, '#', sizeof key);
}

static bool is_kept(const trace_attribute *attribute, size_t size) {
    return text_is(attribute->key, "key") && attribute->value.as.string.size == size &&
           memcmp(attribute->value.as.string.data, "a text of forty-one bytes, or less than it", size) == 0;
}

TEST(a_buffer_of_any_size_keeps_whole_spans_and_counts_the_rest) {
    static uint64_t room[1024];
    const size_t most = sizeof room - 64;
    size_t size, before = 0;
    trace_span_data got[8];
    CHECK(trace_memory_exporter(room, sizeof(tracei_memory) + 63).export_fn == NULL);
    CHECK(trace_memory_exporter((char *)room + 4, most).export_fn == NULL);
    for (size = sizeof(tracei_memory) + 64; size <= most; size++) {
        trace_exporter exporter;
        trace_exporter_stats stats;
        size_t count, i;
        memset(room, 0xa5, sizeof room);
        exporter = trace_memory_exporter(room, size);
        hand_over(&exporter);
        memset((void *)&stats, 0, sizeof stats);
        exporter.stats_fn(exporter.user, &stats);
        count = trace_memory_get(&exporter, got, 8);
        CHECK_UINT(stats.sent, count);
        CHECK_UINT(stats.received, 6);
        CHECK_UINT(stats.failed[TRACE_FAILURE_QUEUE_FULL], 6 - count);
        CHECK_STR(stats.last_error, count < 6 ? "the buffer is full" : "");
        CHECK(count >= before);
        before = count;
        for (i = 0; i < count; i++) {
            const size_t text = 35 + got[i].span_id[7];
            CHECK(text_is(got[i].name, "span") && text_is(got[i].events[0].name, "event") && text_is(got[i].links[0].trace_state, "a=1"));
            CHECK(is_kept(got[i].attributes, text) && is_kept(got[i].events[0].attributes, text) && is_kept(got[i].links[0].attributes, text));
        }
        for (i = size & ~(size_t)7; i < sizeof room; i++) CHECK_INT(((unsigned char *)room)[i], 0xa5);
        if (!count) continue;
        memset((void *)got, 0xa5, sizeof got);
        CHECK_UINT(trace_memory_get(&exporter, got, count - 1), count);     /* how many there are, not how many were written */
        for (i = 0; i < sizeof got[0]; i++) CHECK_INT(((unsigned char *)&got[count - 1])[i], 0xa5);
    }
    CHECK_UINT(before, 6);
}

TEST(ids_never_repeat) {
    static uint64_t ids[100000];
    const size_t count = sizeof ids / sizeof ids[0];
    size_t i, j;
    begin();
    for (i = 0; i < count; i++) {
        const trace_span span = trace_span_start("id");
        ids[i] = span.id;
        trace_span_end(span);
        if (i % 1000 == 999) trace_memory_clear(&memory), (void)trace_pump(0);
    }
    trace_memory_clear(&memory);
    for (i = count / 2; i-- > 0;) { /* heap sort, so that the test needs nothing */
        size_t at = i;
        for (j = 2 * at + 1; j < count; at = j, j = 2 * at + 1) {
            const uint64_t moved = ids[at];
            if (j + 1 < count && ids[j] < ids[j + 1]) j++;
            if (ids[at] >= ids[j]) break;
            ids[at] = ids[j];
            ids[j] = moved;
        }
    }
    for (i = count; i-- > 1;) {
        size_t at = 0;
        const uint64_t top = ids[0];
        ids[0] = ids[i];
        ids[i] = top;
        for (j = 1; j < i; at = j, j = 2 * at + 1) {
            const uint64_t moved = ids[at];
            if (j + 1 < i && ids[j] < ids[j + 1]) j++;
            if (ids[at] >= ids[j]) break;
            ids[at] = ids[j];
            ids[j] = moved;
        }
    }
    for (i = 1; i < count; i++)
        if (ids[i] == ids[i - 1]) break;
    CHECK_UINT(i, count);
    CHECK(ids[0] != 0);
}

TEST_MAIN()
