/* test_jaeger.c - Jaeger Thrift: bytes, packets, agents that are not there, collectors that say no
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* not: windows: POSIX sockets; tsan: it forks while servers have threads */
/* also: plain c++ */
/* tests/oracle decodes a whole corpus with the published Thrift library; here are the cases one can read. */
#include "test.h"
#include "hostile_server.h"

#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"               /* whose preset of the name "jaeger" must stand back */
#include "../trace_jaeger.h"

#include "ledger.h"
#include "oracle/corpus.h"

static const tracei_jaeger_cut whole = {SIZE_MAX, false, false};

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
    span.flags = TRACE_FLAG_SAMPLED;
    span.kind = TRACE_KIND_INTERNAL;
    span.name = text("op");
    span.start_unix_ns = UINT64_C(1544712660000000000);
    span.end_unix_ns = UINT64_C(1544712661000000000);
    return span;
}

static const trace_resource *resource_of(unsigned count) {
    static trace_attribute attributes[2];
    static trace_resource resource;
    attributes[0] = TRACE_ATTR_STRING("service.name", "svc");
    attributes[1] = TRACE_ATTR_INT("process.pid", 12);
    resource.attributes = attributes;
    resource.attribute_count = count;
    return &resource;
}

static char hex[1 << 16];

static const char *hex_of(const void *bytes, size_t size) {
    for (size_t i = 0; i < size && 2 * i + 2 < sizeof hex; i++) snprintf(hex + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
    return hex;
}

static const char *span_hex(const trace_span_data *span, bool compact, const tracei_jaeger_cut *cut) {
    static char memory[65536];
    const size_t promised = tracei_jaeger_span_size(span, cut);
    tracei_jaeger_encoder encoder;
    size_t size;
    memset(&encoder, 0, sizeof encoder);
    encoder.compact = compact;
    if (promised >= sizeof memory) abort();
    memory[promised] = 0x5a;
    size = (size_t)(tracei_jaeger_span(&encoder, memory, span, cut) - memory);
    CHECK(size <= promised && memory[promised] == 0x5a);
    return hex_of(memory, size);
}

/* The whole message for one span, as an exporter would send it. */
static const char *message_hex(const trace_span_data *span, unsigned resource_count, bool udp, bool compact) {
    static tracei_jaeger self;
    static char scratch[65536], memory[65536];
    static tracei_body body;
    tracei_item item;
    memset(&self, 0, sizeof self);
    self.udp = udp;
    self.encoder.compact = compact;
    self.scratch = scratch;
    self.process_bytes = sizeof scratch;
    item.data = (const uint8_t *)memory;
    item.size = (uint32_t)(tracei_jaeger_span(&self.encoder, memory, span, &whole) - memory);
    item.scope = tracei_jaeger_process_number(&self, resource_of(resource_count));
    body.size = 0;
    body.limit = SIZE_MAX;
    CHECK(tracei_jaeger_assemble(&self, &item, 1, &body));
    return hex_of(body.data, body.size);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

TEST(the_vectors) {
    const trace_span_data span = plain_span();
    CHECK_STR(message_hex(&span, 1, false, false),
              "0c00010b000100000003737663000f00020c000000010a0001d269b633813fc60c0a00025b8efff7980381030a0003eee19b7ec3c1b1740a0004000000000000"
              "00000b0005000000026f70080007000000010a000800057ce871611d000a000900000000000f42400000");
    CHECK_STR(message_hex(&span, 1, true, true),
              "82810009656d697442617463681c1c180373766300191c16e7e781ec8ff3a4965b1686849c80f3fdff8eb7011697baf2c3a7a0b29e22160018026f7025021680f4"
              "88968ebabe051680897a000000");
    CHECK_HAS(message_hex(&span, 1, true, false), "8001000400000009656d69744261746368000000000c00010c00010b000100000003737663000f0002");
}

TEST(a_span_with_everything) {
    static const trace_scope scope = {"lib", "1.0", NULL};
    static char golden[65536];
    trace_attribute attributes[8];
    trace_value items[3];
    trace_event_data events[2];
    trace_link_data link;
    trace_span_data span = plain_span();
    size_t size = 0;
    memset(items, 0, sizeof items);
    items[0].type = TRACE_TYPE_STRING, items[0].as.string = text("a\"b");
    items[1].type = TRACE_TYPE_INT, items[1].as.integer = -7;
    span.kind = TRACE_KIND_CLIENT;
    memset(span.parent_span_id, 0xab, 8);
    attributes[0] = TRACE_ATTR_INT("n", -7);
    attributes[1] = TRACE_ATTR_STRING("s", "caf\xc3\xa9 \xff");
    attributes[2] = TRACE_ATTR_DOUBLE("d", 0.25);
    attributes[3] = TRACE_ATTR_BOOL("yes", true);
    attributes[4] = TRACE_ATTR_BOOL("no", false);
    attributes[5] = TRACE_ATTR_BYTES("b", "\xff\x00", 2);
    attributes[6].key = text("array");
    attributes[6].value.type = TRACE_TYPE_ARRAY;
    attributes[6].value.as.array.items = items;
    attributes[6].value.as.array.count = 3;
    attributes[7].key = text("null");
    attributes[7].value = items[2];
    span.attributes = attributes;
    span.attribute_count = 8;
    memset(events, 0, sizeof events);
    events[0].name = text("e");
    events[0].unix_ns = UINT64_C(1544712660500000999);
    events[1] = events[0];
    events[1].attributes = attributes;
    events[1].attribute_count = 2;
    events[1].dropped_attribute_count = 1;
    span.events = events;
    span.event_count = 2;
    memset(&link, 0, sizeof link);
    memset(link.context.trace_id, 0x11, 16);
    memset(link.context.span_id, 0x22, 8);
    span.links = &link;
    span.link_count = 1;
    span.scope = &scope;
    span.status = TRACE_STATUS_ERROR;
    span.status_message = text("boom");
    span.dropped_link_count = 3;
    for (int i = 0; i < 3; i++) {
        const char *at = message_hex(&span, 2, i > 0, i == 1);
        size += (size_t)snprintf(golden + size, sizeof golden - size, "%s\n", i == 0 ? "http/thrift.binary" : i == 1 ? "udp/thrift.compact" : "udp/thrift.binary");
        for (; *at; at += strlen(at) < 96 ? strlen(at) : 96) size += (size_t)snprintf(golden + size, sizeof golden - size, "%.96s\n", at);
    }
    TEST_GOLDEN("jaeger_everything.txt", golden, size);
}

TEST(tags_of_ours_take_the_place_of_attributes) {
    trace_attribute attributes[3];
    trace_span_data span = plain_span();
    attributes[0] = TRACE_ATTR_STRING("error", "mine");
    attributes[1] = TRACE_ATTR_STRING("span.kind", "mine");
    attributes[2] = TRACE_ATTR_STRING("otel.status_code", "mine");
    span.attributes = attributes;
    span.attribute_count = 3;
    CHECK_HAS(span_hex(&span, false, &whole), "0f000a0c00000003");             /* three tags: all of them attributes */
    span.status = TRACE_STATUS_ERROR;
    span.kind = TRACE_KIND_SERVER;
    CHECK_HAS(span_hex(&span, false, &whole), "0f000a0c00000003");
    CHECK_HAS_NOT(hex, "6d696e65");                                           /* "mine" */
    CHECK_HAS(hex, "0b0001000000056572726f72" "080002" "00000002" "020005" "01" "00");         /* error: BOOL true */
    span.status = TRACE_STATUS_OK;
    CHECK_HAS(span_hex(&span, false, &whole), "0b0001000000056572726f72" "080002" "00000000" "0b0003" "00000004" "6d696e65");
    CHECK_HAS(hex, "0b000300000002" "4f4b");
}

TEST(durations_are_whole_microseconds) {
    trace_span_data span = plain_span();
    span.end_unix_ns = span.start_unix_ns + 1999;
    CHECK_HAS(span_hex(&span, false, &whole), "0a00090000000000000001");
    span.end_unix_ns = span.start_unix_ns - 5000;
    CHECK_HAS(span_hex(&span, false, &whole), "0a00090000000000000000");
}

/* The tags of a scope are kept from span to span: other scopes, other cuts and long ones in between change nothing. */
TEST(a_span_is_encoded_the_same_whatever_came_before_it) {
    static char text[700], memory[16384];
    const trace_scope scopes[] = {{"cart", "2.1", NULL}, {"paid", "2.1", NULL}, {"cart", NULL, NULL}, {text, "1", NULL}};
    tracei_jaeger_encoder encoder;
    memset(text, 'n', sizeof text - 1);
    for (int compact = 0; compact < 2; compact++) {
        memset(&encoder, 0, sizeof encoder);
        encoder.compact = compact;
        for (unsigned i = 0; i < 400; i++) {
            trace_span_data span = plain_span();
            tracei_jaeger_cut cut = whole;
            const size_t at = test_random_below(5);
            char alone[sizeof hex];
            if (at < 4) span.scope = &scopes[at];
            if (test_random_below(2)) cut.text = 3;
            snprintf(alone, sizeof alone, "%s", span_hex(&span, compact, &cut));
            CHECK_STR(hex_of(memory, (size_t)(tracei_jaeger_span(&encoder, memory, &span, &cut) - memory)), alone);
        }
    }
}

TEST(random_spans_keep_within_their_bound_however_they_are_cut) {
    corpus_state = test_random();
    for (unsigned i = 0; i < test_scaled(4000); i++) {
        trace_span_data span;
        tracei_jaeger_encoder encoder;
        tracei_jaeger_cut cut;
        size_t bound, size, room = i & 1 ? SIZE_MAX : 300 + test_random_below(4000);
        bool fits;
        char *memory;
        corpus_used = 0;
        span = corpus_span(NULL);
        memset(&encoder, 0, sizeof encoder);
        encoder.compact = i & 2;
        fits = tracei_jaeger_cut_to(&span, room, &cut, &bound);
        CHECK(fits ? bound <= room : room < 2048);
        memory = (char *)malloc(bound);            /* what goes past it is the sanitizer's to see */
        REQUIRE(memory != NULL);
        size = (size_t)(tracei_jaeger_span(&encoder, memory, &span, &cut) - memory);
        CHECK(size <= bound);
        free(memory);
    }
}

TEST(a_resource_is_sent_once_known_and_cut_to_its_room) {
    static tracei_jaeger self;
    static char scratch[256];
    trace_attribute attributes[3];
    trace_resource resource;
    char *name = (char *)malloc(100000);
    REQUIRE(name != NULL);
    memset(name, 'x', 100000);
    memset(&self, 0, sizeof self);
    self.encoder.compact = true;
    self.scratch = scratch;
    self.process_bytes = sizeof scratch;
    CHECK_UINT(tracei_jaeger_process_number(&self, resource_of(1)), 0);
    CHECK_UINT(tracei_jaeger_process_number(&self, resource_of(2)), 1);
    CHECK_UINT(tracei_jaeger_process_number(&self, resource_of(1)), 0);
    CHECK_UINT(tracei_jaeger_process_number(&self, NULL), 2);
    CHECK_HAS(hex_of(self.processes[2].data, self.processes[2].size), "180f756e6b6e6f776e5f7365727669636500");     /* unknown_service */
    memset(&resource, 0, sizeof resource);
    attributes[0] = TRACE_ATTR_STRING("service.name", "");
    attributes[0].value.as.string.data = name;
    attributes[0].value.as.string.size = 100000;
    attributes[1] = attributes[0];
    attributes[1].key = text("big");
    attributes[2] = TRACE_ATTR_STRING("small", "v");
    resource.attributes = attributes;
    resource.attribute_count = 3;
    tracei_log_level_now = TRACE_LOG_LEVEL_NONE;
    CHECK_UINT(tracei_jaeger_process_number(&self, &resource), 3);
    CHECK(self.processes[3].size <= sizeof scratch && self.warned_process);
    CHECK_HAS(hex_of(self.processes[3].data, self.processes[3].size), "1805736d616c6c");
    CHECK_HAS_NOT(hex, "626967");
    for (unsigned i = 0; i < 2 * TRACEI_JAEGER_PROCESSES_MAX; i++) {
        attributes[2] = TRACE_ATTR_INT("small", i);
        CHECK(tracei_jaeger_process_number(&self, &resource) < TRACEI_JAEGER_PROCESSES_MAX);
    }
    free(name);
}

/* ---- choosing --------------------------------------------------------------------------------------------------- */

static char logged[65536];
static size_t logged_size;

static void take_log(void *user, trace_log_level level, const char *line) {
    (void)user, (void)level;
    if (logged_size + strlen(line) + 2 > sizeof logged) return;
    logged_size += (size_t)snprintf(logged + logged_size, sizeof logged - logged_size, "%s\n", line);
}

TEST(options_that_were_not_zeroed_are_refused) {
    trace_jaeger_options options;
    memset(&options, 0xaa, sizeof options);
    CHECK(!trace_jaeger_exporter(&options).export_fn);
    memset(&options, 0, sizeof options);
    options.disable_environment = true;
    options.reserved_last = 1;
    CHECK(!trace_jaeger_exporter(&options).export_fn);
    options.reserved_last = 0;
    CHECK(trace_jaeger_exporter(&options).export_fn != NULL);
}

typedef struct choice {
    const char *variables[8];                     /* name, value, ... */
    const char *destination;                      /* as logs show it; NULL: none */
    const char *said;
} choice;

static const char *const jaeger_variables[] = {"OTEL_EXPORTER_JAEGER_PROTOCOL", "OTEL_EXPORTER_JAEGER_ENDPOINT", "OTEL_EXPORTER_JAEGER_AGENT_HOST",
                                               "OTEL_EXPORTER_JAEGER_AGENT_PORT", "OTEL_EXPORTER_JAEGER_USER", "OTEL_EXPORTER_JAEGER_PASSWORD",
                                               "JAEGER_ENDPOINT", "OTEL_EXPORTER_JAEGER_TIMEOUT"};

TEST(the_environment_chooses) {
    static const choice choices[] = {
        {{NULL}, "http://localhost:14268/api/traces", NULL},
        {{"JAEGER_ENDPOINT", "http://j:14268/api/traces", NULL}, "http://j:14268/api/traces", NULL},
        {{"JAEGER_ENDPOINT", "http://j:14268/api/traces", "OTEL_EXPORTER_JAEGER_ENDPOINT", "k:1", NULL}, "http://k:1/api/traces", NULL},
        {{"OTEL_EXPORTER_JAEGER_ENDPOINT", "http://j/?format=jaeger.thrift", NULL}, "http://j/api/traces", NULL},
        {{"OTEL_EXPORTER_JAEGER_AGENT_HOST", "agent", NULL}, "udp://agent:6831/", NULL},
        {{"OTEL_EXPORTER_JAEGER_AGENT_PORT", "5775", NULL}, "udp://localhost:5775/", NULL},
        {{"OTEL_EXPORTER_JAEGER_AGENT_HOST", "::1", NULL}, "udp://[::1]:6831/", NULL},
        {{"OTEL_EXPORTER_JAEGER_AGENT_HOST", "a", "OTEL_EXPORTER_JAEGER_PROTOCOL", "udp/thrift.binary", NULL}, "udp://a:6832/", NULL},
        {{"OTEL_EXPORTER_JAEGER_AGENT_HOST", "a", "JAEGER_ENDPOINT", "http://j:14268", NULL}, "http://j:14268/api/traces", NULL},
        {{"OTEL_EXPORTER_JAEGER_AGENT_HOST", "http://a/b", NULL}, NULL, "OTEL_EXPORTER_JAEGER_AGENT_HOST (agent_host) is a name or an address"},
        {{"OTEL_EXPORTER_JAEGER_AGENT_PORT", "70000", NULL}, "udp://localhost:6831/", "OTEL_EXPORTER_JAEGER_AGENT_PORT"},
        {{"OTEL_EXPORTER_JAEGER_PROTOCOL", "udp/thrift.compct", NULL}, "http://localhost:14268/api/traces", "udp/thrift.compact"},
        {{"OTEL_EXPORTER_JAEGER_PROTOCOL", "grpc", NULL}, "http://localhost:14268/api/traces", "grpc is not supported"},
        {{"JAEGER_ENDPOINT", "http://j:4318/v1/traces", NULL}, "http://j:4318/v1/traces", "port 4318 is OTLP's"},
        {{"JAEGER_ENDPOINT", "http://j:14250", NULL}, "http://j:14250/api/traces", "gRPC port"},
        {{"JAEGER_ENDPOINT", "http://j:14268", "OTEL_EXPORTER_JAEGER_USER", "u", "OTEL_EXPORTER_JAEGER_PASSWORD", "canary", NULL}, NULL, "plain http to another machine"},
    };
    tracei_logger.log_fn = take_log;
    tracei_log_level_now = TRACE_LOG_LEVEL_INFO;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        trace_exporter made;
        for (size_t j = 0; j < sizeof jaeger_variables / sizeof jaeger_variables[0]; j++) unsetenv(jaeger_variables[j]);
        for (size_t j = 0; choices[i].variables[j]; j += 2) setenv(choices[i].variables[j], choices[i].variables[j + 1], 1);
        logged_size = 0;
        logged[0] = '\0';
        made = trace_jaeger_exporter(NULL);
        CHECK_STR(made.export_fn ? ((tracei_sender *)made.user)->shown : "none", choices[i].destination ? choices[i].destination : "none");
        if (choices[i].said) CHECK_HAS(logged, choices[i].said);
        else CHECK_STR(logged, "");
        CHECK_HAS_NOT(logged, "canary");
    }
    for (size_t j = 0; j < sizeof jaeger_variables / sizeof jaeger_variables[0]; j++) unsetenv(jaeger_variables[j]);
    setenv("OTEL_BSP_EXPORT_TIMEOUT", "77", 1);
    setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "33", 1);
    {
        const trace_exporter made = trace_jaeger_exporter(NULL);
        REQUIRE(made.export_fn != NULL);
        CHECK_UINT(((tracei_sender *)made.user)->options.timeout_ms, 77);
        CHECK_UINT(((tracei_sender *)made.user)->options.max_batch_spans, 33);
    }
    unsetenv("OTEL_BSP_EXPORT_TIMEOUT"), unsetenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE");
}

/* ---- an agent ---------------------------------------------------------------------------------------------------
   A thread that takes packets, and a reader of Thrift compact that knows nothing of jaeger.thrift but where names are. */

enum { AGENT_SPANS = 4096 };

typedef struct agent {
    int socket;
    uint16_t port;
    uint32_t stop, packets, spans, malformed;
    size_t largest;
    unsigned seen[AGENT_SPANS];                   /* how often "span N" came */
    char service[64];
    pthread_t thread;
} agent;

typedef struct reader {
    const uint8_t *at, *end;
    bool bad;
} reader;

static uint64_t read_varint(reader *r) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at == r->end) break;
        value |= (uint64_t)(*r->at & 0x7f) << shift;
        if (*r->at++ < 0x80) return value;
    }
    r->bad = true;
    return 0;
}

static trace_string read_text(reader *r) {
    trace_string text;
    text.size = (size_t)read_varint(r);
    text.data = (const char *)r->at;
    if (text.size > (size_t)(r->end - r->at)) r->bad = true, text.size = 0;
    r->at += text.size;
    return text;
}

static unsigned read_field(reader *r, unsigned *id) {         /* its type; 0: stop */
    unsigned head;
    if (r->bad || r->at == r->end) {
        r->bad = true;
        return 0;
    }
    head = *r->at++;
    *id += head >> 4;
    return head & 15;
}

static size_t read_list(reader *r) {
    unsigned head = 0, id = 0;
    head = read_field(r, &id);
    if (head != 12) r->bad = true;
    return id == 15 ? (size_t)read_varint(r) : id;
}

static void read_skip(reader *r, unsigned type) {
    unsigned id = 0;
    size_t count;
    switch (type) {
    case 1: case 2: return;
    case 5: case 6: (void)read_varint(r); return;
    case 7: r->at += r->end - r->at >= 8 ? 8 : 0; return;
    case 8: (void)read_text(r); return;
    case 9: for (count = read_list(r); count && !r->bad; count--) read_skip(r, 12); return;
    case 12: while ((type = read_field(r, &id)) != 0) read_skip(r, type); return;
    default: r->bad = true; return;
    }
}

static void agent_span(agent *self, reader *r) {
    unsigned id = 0, type, number;
    while ((type = read_field(r, &id)) != 0) {
        if (id == 5) {
            const trace_string name = read_text(r);
            char copy[32];
            snprintf(copy, sizeof copy, "%.*s", (int)(name.size < 31 ? name.size : 31), name.data);
            if (sscanf(copy, "span %u", &number) == 1 && number < AGENT_SPANS) self->seen[number]++;
        } else {
            read_skip(r, type);
        }
    }
    __atomic_fetch_add(&self->spans, 1u, __ATOMIC_RELEASE);
}

static void agent_packet(agent *self, const uint8_t *bytes, size_t size) {
    reader r;
    unsigned id = 0, type;
    r.at = bytes + 13, r.end = bytes + size, r.bad = size < 16 || memcmp(bytes, "\x82\x81\x00\x09" "emitBatch", 13) != 0;
    if (read_field(&r, &id) != 12 || id != 1) r.bad = true;
    for (id = 0; (type = read_field(&r, &id)) != 0;) {
        if (id == 2) {
            for (size_t count = read_list(&r); count && !r.bad; count--) agent_span(self, &r);
        } else if (id == 1) {
            unsigned field = 0;
            while ((type = read_field(&r, &field)) != 0) {
                if (field == 1) {
                    const trace_string service = read_text(&r);
                    snprintf(self->service, sizeof self->service, "%.*s", (int)service.size, service.data);
                } else {
                    read_skip(&r, type);
                }
            }
        } else {
            r.bad = true;
        }
    }
    if (read_field(&r, &id) != 0 || r.at != r.end) r.bad = true;
    if (size > self->largest) self->largest = size;
    self->malformed += r.bad;
    __atomic_fetch_add(&self->packets, 1u, __ATOMIC_RELEASE);
}

static void *agent_run(void *user) {
    agent *const self = (agent *)user;
    static uint8_t bytes[65536];
    while (!__atomic_load_n(&self->stop, __ATOMIC_ACQUIRE)) {
        struct pollfd p;
        ssize_t got;
        p.fd = self->socket, p.events = POLLIN, p.revents = 0;
        if (poll(&p, 1, 5) <= 0) continue;
        got = recv(self->socket, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0) agent_packet(self, bytes, (size_t)got);
    }
    return NULL;
}

/* A port of its own; nobody listens there until agent_start. */
static uint16_t free_port(int *made) {
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET, at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *made = hostile_socket(AF_INET, SOCK_DGRAM);
    if (bind(*made, (struct sockaddr *)&at, size) != 0 || getsockname(*made, (struct sockaddr *)&at, &size) != 0) abort();
    return ntohs(at.sin_port);
}

static void agent_open(agent *self) {
    const int bytes = 1 << 22;
    memset(self, 0, sizeof *self);
    self->port = free_port(&self->socket);
    setsockopt(self->socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static void agent_start(agent *self) {
    if (pthread_create(&self->thread, NULL, agent_run, self) != 0) abort();
}

static void agent_await(agent *self, uint32_t spans) { (void)ledger_await(&self->spans, spans, 5000); }

static void agent_stop(agent *self) {
    __atomic_store_n(&self->stop, 1u, __ATOMIC_RELEASE);
    pthread_join(self->thread, NULL);
    close(self->socket);
}

static trace_jaeger_options agent_options(const agent *self) {
    trace_jaeger_options options;
    memset(&options, 0, sizeof options);
    options.agent_host = "127.0.0.1";
    options.agent_port = self->port;
    options.schedule_delay_ms = 5;
    options.disable_environment = true;
    return options;
}

static void start_with(const trace_jaeger_options *options) {
    trace_config config = ledger_config(trace_jaeger_exporter(options));
    config.service_name = "svc";
    config.logger.log_fn = take_log;
    config.log_level = TRACE_LOG_LEVEL_WARNING;
    logged_size = 0;
    logged[0] = '\0';
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

static void make_spans(unsigned from, unsigned to) {
    char name[32];
    for (unsigned i = from; i < to; i++) {
        snprintf(name, sizeof name, "span %u", i);
        TRACE_SPAN(name) trace_span_set_int(trace_span_current(), "i", i);
    }
}

static void check_each_came_once(const agent *self, unsigned count) {
    unsigned wrong = 0;
    for (unsigned i = 0; i < AGENT_SPANS; i++) wrong += self->seen[i] != (i < count);
    CHECK_UINT(wrong, 0);
    CHECK_UINT(self->malformed, 0);
}

ISOLATED(packets_hold_many_spans_and_never_too_many) {
    static agent listening;
    trace_jaeger_options options;
    agent_open(&listening);
    agent_start(&listening);
    options = agent_options(&listening);
    options.max_packet_bytes = 16000;
    start_with(&options);
    make_spans(0, 2000);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    agent_await(&listening, 2000);
    check_each_came_once(&listening, 2000);
    CHECK(listening.largest <= 16000 && listening.largest > 10000 && listening.packets <= 60);
    CHECK_STR(listening.service, "svc");
    CHECK_UINT(ledger_of("jaeger").sent, 2000);
    CHECK_LEDGER();
    CHECK_STR(logged, "");
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    agent_stop(&listening);
}

ISOLATED(a_giant_is_cut_and_costs_nobody) {
    static agent listening;
    trace_jaeger_options options;
    char *giant = (char *)malloc(200001);
    REQUIRE(giant != NULL);
    memset(giant, 'g', 200000);
    giant[200000] = '\0';
    agent_open(&listening);
    agent_start(&listening);
    options = agent_options(&listening);
    start_with(&options);
    make_spans(0, 10);
    TRACE_SPAN("span 10") trace_span_set_string(trace_span_current(), "giant", giant);
    TRACE_SPAN("span 11") {
        char key[16];
        for (int i = 0; i < 128; i++) {
            snprintf(key, sizeof key, "k%d", i);
            trace_span_set_string_n(trace_span_current(), key, giant, 1500);
        }
    }
    make_spans(12, 20);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    agent_await(&listening, 20);
    check_each_came_once(&listening, 20);
    CHECK(listening.largest <= 65000);
    CHECK_HAS(logged, "a span is too large for a packet: cut to fit");
    CHECK_UINT(ledger_of("jaeger").sent, 20);
    CHECK_LEDGER();
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    agent_stop(&listening);
    free(giant);
}

ISOLATED(nobody_listens) {
    static agent silent;
    trace_jaeger_options options;
    trace_exporter_stats stats;
    agent_open(&silent);
    options = agent_options(&silent);
    close(silent.socket);
    options.timeout_ms = 100;
    start_with(&options);
    make_spans(0, 50);
    CHECK_INT(trace_flush(20000), TRACE_RESULT_FAILED);
    stats = ledger_of("jaeger");
    CHECK_UINT(stats.failed[TRACE_FAILURE_UNREACHABLE], 50);
    CHECK_UINT(stats.sent, 0);
    CHECK_LEDGER();
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);        /* whoever writes the log has ended */
    CHECK_HAS(logged, "jaeger: udp://127.0.0.1:");
    CHECK_HAS(logged, "does an agent listen there?; spans lost: ");
}

ISOLATED(an_agent_that_comes_later_gets_everything) {
    static agent late;
    struct sockaddr_in at;
    trace_jaeger_options options;
    agent_open(&late);
    options = agent_options(&late);
    close(late.socket);
    start_with(&options);
    make_spans(0, 50);
    (void)trace_flush(50);
    CHECK_UINT(ledger_of("jaeger").sent, 0);
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET, at.sin_addr.s_addr = htonl(INADDR_LOOPBACK), at.sin_port = htons(late.port);
    late.socket = hostile_socket(AF_INET, SOCK_DGRAM);
    if (!CHECK(bind(late.socket, (struct sockaddr *)&at, sizeof at) == 0)) return;
    agent_start(&late);
    CHECK_INT(trace_flush(20000), TRACE_RESULT_OK);
    agent_await(&late, 50);
    check_each_came_once(&late, 50);
    CHECK_LEDGER();
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    agent_stop(&late);
}

static void in_the_child(void *user) {
    (void)user;
    make_spans(20, 30);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_UINT(ledger_of("jaeger").received, 10);
    CHECK_LEDGER();
}

static void a_forked_child(void *unused TEST_UNUSED) {
    static agent listening;
    trace_jaeger_options options;
    test_child child;
    agent_open(&listening);
    agent_start(&listening);
    options = agent_options(&listening);
    options.schedule_delay_ms = UINT32_MAX;       /* the parent's are still queued at the fork */
    start_with(&options);
    make_spans(0, 20);
    (void)trace_pump(0);
    child = test_fork(in_the_child, NULL, 20000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    agent_await(&listening, 30);
    check_each_came_once(&listening, 30);
    CHECK_LEDGER();
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    agent_stop(&listening);
}

TEST(a_forked_child_sends_its_own) {
    test_child child;
    SKIP_IN_OLD_QEMU();
    child = test_fork(a_forked_child, NULL, LEDGER_TEST_MS);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

ISOLATED(without_a_thread_flush_sends) {
    static agent listening;
    trace_jaeger_options options;
    agent_open(&listening);
    agent_start(&listening);
    options = agent_options(&listening);
    options.disable_thread = true;
    start_with(&options);
    make_spans(0, 5);
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    agent_await(&listening, 5);
    check_each_came_once(&listening, 5);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    agent_stop(&listening);
}

ISOLATED(by_name_and_environment) {
    static agent listening;
    char port[8];
    agent_open(&listening);
    agent_start(&listening);
    snprintf(port, sizeof port, "%u", listening.port);
    setenv("OTEL_TRACES_EXPORTER", "jaeger", 1);
    setenv("OTEL_EXPORTER_JAEGER_AGENT_PORT", port, 1);           /* the host is "localhost": ::1 refuses, 127.0.0.1 takes */
    setenv("OTEL_SERVICE_NAME", "named", 1);
    CHECK_INT(trace_init(NULL), TRACE_RESULT_OK);
    make_spans(0, 5);
    CHECK_INT(trace_flush(20000), TRACE_RESULT_OK);
    agent_await(&listening, 5);
    check_each_came_once(&listening, 5);
    CHECK_STR(listening.service, "named");
    CHECK_LEDGER();
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    agent_stop(&listening);
}

/* ---- a collector ------------------------------------------------------------------------------------------------ */

static void collector_test(hostile_server *server, const char *password) {
    static char url[128];
    trace_jaeger_options options;
    memset(&options, 0, sizeof options);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", server->port);
    options.endpoint = url;
    options.user = password ? "user" : NULL;
    options.password = password;
    options.disable_environment = true;
    options.schedule_delay_ms = UINT32_MAX;
    options.timeout_ms = 20000;
    start_with(&options);
    make_spans(0, 3);
}

ISOLATED(a_collector_takes_them) {
    static const hostile_step ok[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_AGAIN, 0, 0}};
    hostile_server *server = hostile_start(NULL);
    hostile_script(server, ok);
    hostile_run(server);
    collector_test(server, "c:@/%n");
    CHECK_INT(trace_flush(5000), TRACE_RESULT_OK);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    hostile_stop(server);
    CHECK_UINT(server->requests, 1);
    CHECK_HAS(server->head, "POST /api/traces HTTP/1.1\r\n");
    CHECK_HAS(server->head, "Content-Type: application/vnd.apache.thrift.binary\r\n");
    CHECK_HAS(server->head, "Authorization: Basic dXNlcjpjOkAvJW4=\r\n");
    CHECK(server->body_size > 100 && memcmp(server->body, "\x0c\x00\x01\x0b\x00\x01\x00\x00\x00\x03svc", 13) == 0 && server->body[server->body_size - 1] == 0);
    CHECK_STR(logged, "");
    CHECK_LEDGER();
    hostile_free(server);
}

ISOLATED(a_collector_that_breaks_off_gets_them_again) {
    static const hostile_step reset[] = {{HOSTILE_READ_SOME, 0, 50}, {HOSTILE_RESET, 0, 0}};
    static const hostile_step busy[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_END, 0, 0}};
    static const hostile_step ok[] = {{HOSTILE_READ, 0, 0}, {HOSTILE_SEND, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 0}, {HOSTILE_AGAIN, 0, 0}};
    hostile_server *server = hostile_start(NULL);
    hostile_script(server, reset);
    hostile_script(server, busy);
    hostile_script(server, ok);
    hostile_run(server);
    collector_test(server, NULL);
    CHECK_INT(trace_flush(20000), TRACE_RESULT_OK);
    CHECK_UINT(ledger_of("jaeger").sent, 3);
    CHECK_LEDGER();
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    hostile_stop(server);
    hostile_free(server);
}

ISOLATED(a_collector_that_says_no) {
    static const hostile_step no[] = {{HOSTILE_READ, 0, 0},
        {HOSTILE_SEND, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 37\r\n\r\nUnable to process request body canary", 0}, {HOSTILE_AGAIN, 0, 0}};
    hostile_server *server = hostile_start(NULL);
    hostile_script(server, no);
    hostile_run(server);
    collector_test(server, "canary");
    CHECK_INT(trace_flush(5000), TRACE_RESULT_FAILED);
    CHECK_UINT(ledger_of("jaeger").failed[TRACE_FAILURE_REJECTED], 3);
    CHECK_LEDGER();
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);        /* whoever writes the log has ended */
    CHECK_HAS(logged, "answered 400; spans lost: 3");
    CHECK_HAS(logged, "Unable to process request body ***");
    CHECK_HAS_NOT(logged, "canary");
    hostile_stop(server);
    hostile_free(server);
}

static char sent[sizeof hex];

static trace_http_outcome keep_request(void *user, const trace_http_request *request, trace_http_response *response) {
    (void)user;
    snprintf(sent, sizeof sent, "%s", hex_of(request->body, request->body_size));
    response->status = 202;
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

/* What a batch points to is valid for its call only: another may have another scope in the same place. */
ISOLATED(a_scope_is_not_kept_from_call_to_call) {
    const trace_http_transport transport = {keep_request, NULL, NULL};
    trace_scope scope = {"first", NULL, NULL};
    trace_span_data span = plain_span();
    trace_jaeger_options options;
    trace_exporter exporter;
    trace_batch batch;
    memset(&options, 0, sizeof options);
    memset(&batch, 0, sizeof batch);
    options.transport = &transport;
    options.disable_thread = options.disable_environment = true;
    exporter = trace_jaeger_exporter(&options);
    REQUIRE(exporter.export_fn != NULL);
    span.scope = &scope;
    batch.spans = &span;
    batch.span_count = 1;
    CHECK_INT(exporter.export_fn(exporter.user, &batch), TRACE_RESULT_OK);
    scope.name = "other";
    CHECK_INT(exporter.export_fn(exporter.user, &batch), TRACE_RESULT_OK);
    CHECK_INT(exporter.flush_fn(exporter.user, trace_clock_ns() + UINT64_C(5000000000)), TRACE_RESULT_OK);
    CHECK_HAS(sent, "6669727374");
    CHECK_HAS(sent, "6f74686572");
    exporter.shutdown_fn(exporter.user, trace_clock_ns());
}

TEST_MAIN()
