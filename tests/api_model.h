/* api_model.h - bytes as a program of API calls, made on the library and on a small model of it at once
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   Include after trace.h with its implementation. fuzz/fuzz_api.c gives it what the fuzzer makes up, test_api.c what TEST_SEED does.

       api_run(bytes, size);         aborts, with the call, what was expected and the program, where the two differ

   Each call takes a byte, and as many more as it has choices; where the bytes end the program does. A quarter of the calls are made
   on a second thread, one at a time: a mutex hands over what they work on. There is no worker and rings do not drop, so after each
   call everything is known: who is current on both threads, every number of trace_stats, and what the exporter has to be shown.
   The model is written from the public comments. It looks into the implementation for five things only: what is current
   (TRACEI_SLOT_CURRENT, as trace_event does), inert handles, the functions that blocks end by, how much a span may hold, and whether
   the contents of contexts are pinned at the end. */
#ifndef TRACE_TEST_API_MODEL_H
#define TRACE_TEST_API_MODEL_H

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    API_SPANS = 256, API_STACK = 64, API_ATTACHMENTS = 64, API_MARKS = 16, API_CONTEXTS = 16,
    API_RING = 65536, API_NAME_MAX = 4096,
    API_ATTRIBUTES = 8, API_EVENTS = 4, API_LINKS = 3, API_EVENT_ATTRIBUTES = 3, API_LINK_ATTRIBUTES = 2,
    API_LIST_MAX = 8,             /* attributes given at once */
    API_BAGGAGE = 4,              /* keys of baggage */
    API_ARENA = 65536
};

typedef struct api_list {
    trace_attribute items[API_LIST_MAX];
    size_t count;
    uint32_t dropped;
} api_list;

typedef struct api_context {
    trace_context raw;
    uint8_t trace_id[16], span_id[8], flags;
    bool is_remote, suppressed;
    const char *state;            /* "": none */
    int baggage[API_BAGGAGE];     /* number of the value; -1: none */
    unsigned held;
} api_context;

typedef struct api_event {
    trace_string name;
    uint64_t unix_ns;             /* 0: not known */
    api_list list;
} api_event;

typedef struct api_link {
    api_context context;
    api_list list;
} api_link;

enum { API_RECORDING, API_UNSAMPLED, API_DROPPED, API_MUTED };

typedef struct api_span {
    trace_span handle;
    api_context context;
    uint8_t parent_id[8];
    bool parent_is_remote, is_local_root;
    int what;                     /* API_RECORDING ... */
    int thread;                   /* on whose stack it is; -1: on none */
    bool open, block, abandoned, expected, seen;
    bool cut;                     /* holds more than it may: only ids, times and status are compared */
    size_t payload;
    trace_kind kind;
    trace_status status;
    trace_string name, message;
    uint64_t start, end;          /* 0: not known */
    uint64_t ended_by;            /* thread */
    api_list attributes;
    api_event events[API_EVENTS];
    api_link links[API_LINKS];
    uint32_t event_count, dropped_events, link_count, dropped_links;
} api_span;

typedef struct api_attachment {
    trace_attachment raw;
    int thread;
    unsigned life;                /* which thread of that number */
    bool live;
    api_context context;
    trace_span target;
    bool has_target;
} api_attachment;

typedef struct api_mark {
    trace_mark raw;
    int thread;
    unsigned life;
    size_t depth;
} api_mark;

typedef struct api_item {         /* of a stack: one of the two */
    api_span *span;
    api_attachment *attachment;
} api_item;

typedef struct api_thread {
    api_item stack[API_STACK];
    size_t depth;
    unsigned life;
    uint64_t id;
} api_thread;

static struct {
    const uint8_t *program;
    size_t size, at, calls;
    const char *call, *before[8]; /* what is called, and the calls before it, the latest first */
    int on;                       /* thread the call is made on */
    api_span spans[API_SPANS];
    size_t span_count;
    api_attachment attachments[API_ATTACHMENTS];
    size_t attachment_count;
    api_mark marks[API_MARKS];
    size_t mark_count;
    api_context contexts[API_CONTEXTS];
    size_t context_count;
    api_thread threads[2];
    char arena[API_ARENA];
    size_t arena_used;
    trace_value values[512];
    size_t values_used;
    trace_stats base, wanted;     /* at the beginning of the program; what has been added since */
    uint64_t losses, losses_told, received, rejected;
    bool off, shut, disabled, may_cut;
    uint32_t exporter_fails;
    int sampler;                  /* 0: the default; 1: by name; 2: roots by name */
} api;

/* Where the program comes from, for whoever reads the failure. */
static char api_whence[96];

static void api_fail(const char *what) {
    size_t i;
    fprintf(stderr, "%s\nAPI AND MODEL DIFFER in call %zu (%s) on thread %d: %s\nbefore it:", api_whence, api.calls, api.call, api.on, what);
    for (i = 0; i < 8 && api.before[i]; i++) fprintf(stderr, "%s %s", i ? "," : "", api.before[i]);
    fprintf(stderr, "\nprogram:");
    for (i = 0; i < api.size && i < 2048; i++) fprintf(stderr, "%s%02x", i % 40 ? "" : "\n    ", api.program[i]);
    fprintf(stderr, "\n");
    fflush(stderr);
    abort();
}

static void api_must(bool holds, const char *what) {
    if (!holds) api_fail(what);
}

static void api_equal(uint64_t got, uint64_t wanted, const char *what) {
    char text[200];
    if (got == wanted) return;
    snprintf(text, sizeof text, "%s is %" PRIu64 ", the model has %" PRIu64, what, got, wanted);
    api_fail(text);
}

/* --- what the bytes choose --- */

static unsigned api_byte(void) { return api.at < api.size ? api.program[api.at++] : 0; }

static char api_huge[70001];

/* Text that ends n bytes after its beginning. */
static const char *api_long(size_t n) { return api_huge + sizeof api_huge - 1 - n; }

static const char *api_keep(const void *bytes, size_t size) {
    char *const at = api.arena + api.arena_used;
    if (size + 1 > API_ARENA - api.arena_used) return "";
    memcpy(at, bytes, size);
    at[size] = '\0';
    api.arena_used += size + 1;
    return at;
}

/* NULL, nothing, short, invalid as UTF-8, long, too long; or what comes next. */
static const char *api_text(void) {
    static const char *const texts[] = {NULL, "", "D", "R", "a", "b", "GET /users/{id}", "caf\xc3\xa9", "\xff\xfe", "\xed\xa0\x80 \xc3", "a\nb",
                                        "twenty-five bytes of name", "\xf0\x9f\x90\x8c"};
    const unsigned choice = api_byte();
    char own[16];
    size_t size;
    if (choice < 0x90) return texts[choice % (sizeof texts / sizeof *texts)];
    if (choice == 0xff) return api_long(66000);
    if (choice == 0xfe) return api_long(5000);
    if (choice == 0xfd) return api_long(65535);
    if (choice == 0xfc) return api_long(12000);
    if (choice >= 0xf0) return api_long((choice & 15) * 40u);
    for (size = 0; size < (choice & 15) && api.at < api.size; size++) {
        own[size] = (char)api_byte();
        if (!own[size]) own[size] = 'z';
    }
    return api_keep(own, size);
}

static const char *api_key(void) {
    static const char *const keys[] = {"a", "b", "key", "http.request.method", "error.type", "d", "e", "f", "g", "h", "\xff"};
    const unsigned choice = api_byte();
    return choice < 0xd0 ? keys[choice % (sizeof keys / sizeof *keys)] : api_text();
}

static uint64_t api_number(void) {
    static const uint64_t numbers[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, (UINT64_C(1) << 63) - 1, UINT64_C(10000000000000000000),
                                       UINT64_C(9999999999999999999), UINT64_C(0x7ff0000000000000), UINT64_C(0x7ff8000000000001)};
    const unsigned choice = api_byte();
    return choice < 128 ? numbers[choice % (sizeof numbers / sizeof *numbers)] : (uint64_t)choice << (choice & 31);
}

static const trace_value *api_items(size_t count) {
    const trace_value *const items = api.values + api.values_used;
    if (api.values_used + count > sizeof api.values / sizeof *api.values) return NULL;
    api.values_used += count;
    return items;
}

static trace_value api_value(int depth) {
    trace_value value;
    const unsigned choice = api_byte();
    const uint64_t number = api_number();
    memset(&value, 0, sizeof value);
    switch (choice % 9) {
    case 0: break;
    case 1: value.type = TRACE_TYPE_STRING; value.as.string = tracei_string(api_text()); break;
    case 2: value.type = TRACE_TYPE_INT; value.as.integer = (int64_t)number; break;
    case 3: value.type = TRACE_TYPE_DOUBLE; memcpy(&value.as.number, &number, 8); break;
    case 4: value.type = TRACE_TYPE_BOOL; value.as.boolean = (number & 1) != 0; break;
    case 5: value.type = TRACE_TYPE_BYTES; value.as.bytes = tracei_string(api_text()); break;
    case 6: value.type = TRACE_TYPE_JSON; value.as.string = tracei_string(api_text()); break;
    case 7: value.type = (trace_type)(9 + number % 5); break;         /* no type there is */
    default:
        value.type = TRACE_TYPE_ARRAY;
        value.as.array.count = choice / 64;
        value.as.array.items = depth < 6 ? api_items(choice / 64) : NULL;
        if (!value.as.array.items) {
            value.as.array.count = 0;
        } else {
            trace_value *const items = api.values + (value.as.array.items - api.values);
            size_t i;
            for (i = 0; i < value.as.array.count; i++) items[i] = api_value(depth + 1);
        }
    }
    return value;
}

static size_t api_attributes(trace_attribute *attributes) {
    const size_t count = api_byte() % (API_LIST_MAX + 1u);
    size_t i;
    for (i = 0; i < count; i++) {
        attributes[i].key = tracei_string(api_key());
        attributes[i].value = api_value(0);
    }
    return count;
}

/* --- what a span may hold: a quarter of the ring; a value half of that --- */

#define API_PAYLOAD_MAX (API_RING / 4 - sizeof(tracei_record))

static size_t api_padded(size_t size) { return (size + 7) & ~(size_t)7; }

static size_t api_value_bytes(const trace_value *value, int depth, bool *cut) {
    size_t size = 0, i;
    if (value->type == TRACE_TYPE_STRING || value->type == TRACE_TYPE_JSON || value->type == TRACE_TYPE_BYTES)
        size = value->as.string.data ? value->as.string.size : 0;
    else if (value->type == TRACEI_TYPE_UINT) size = 24;
    else if (value->type == TRACE_TYPE_ARRAY)
        for (i = 0; depth < 4 && i < value->as.array.count; i++) size += 8 + api_padded(api_value_bytes(&value->as.array.items[i], depth + 1, cut));
    else size = 8;
    if (size > API_PAYLOAD_MAX / 2) *cut = true;
    return size;
}

static void api_holds(api_span *span, size_t key, size_t size) {
    span->payload += 8 + api_padded(key) + api_padded(size);
    if (span->payload > API_PAYLOAD_MAX || size > API_PAYLOAD_MAX / 2) span->cut = true;
    if (span->cut) api.may_cut = true;
}

static bool api_key_is_good(trace_string key) { return key.data && key.size && key.size <= UINT16_MAX; }

/* The last value of a key wins; beyond the limit of distinct keys they are dropped. */
static void api_list_set(api_list *list, size_t limit, trace_attribute attribute) {
    size_t i;
    for (i = 0; i < list->count; i++)
        if (list->items[i].key.size == attribute.key.size && memcmp(list->items[i].key.data, attribute.key.data, attribute.key.size) == 0) break;
    if (i == limit) list->dropped++;
    else list->items[i] = attribute;
    if (i == list->count && i < limit) list->count++;
}

/* A list given at once is counted before doubles are known. */
static size_t api_list_fill(api_span *span, api_list *list, size_t limit, const trace_attribute *attributes, size_t count) {
    size_t kept = 0, size = 0, i;
    memset(list, 0, sizeof *list);
    for (i = 0; i < count; i++) {
        if (!api_key_is_good(attributes[i].key)) continue;
        if (kept++ >= limit) {
            list->dropped++;
            continue;
        }
        api_list_set(list, limit, attributes[i]);
        size += 8 + api_padded(attributes[i].key.size) + api_padded(api_value_bytes(&attributes[i].value, 0, &span->cut));
    }
    return size;
}

static void api_span_set(api_span *span, trace_attribute attribute) {
    if (!span || !api_key_is_good(attribute.key)) return;
    api_list_set(&span->attributes, API_ATTRIBUTES, attribute);
    api_holds(span, attribute.key.size, api_value_bytes(&attribute.value, 0, &span->cut));
}

static void api_span_event(api_span *span, trace_string name, const trace_attribute *attributes, size_t count, uint64_t unix_ns) {
    api_event *event;
    if (!span) return;
    if (span->event_count == API_EVENTS) {
        span->dropped_events++;
        return;
    }
    event = &span->events[span->event_count++];
    event->name = name;
    event->unix_ns = unix_ns;
    api_holds(span, name.size, 16 + api_list_fill(span, &event->list, API_EVENT_ATTRIBUTES, attributes, count));
    if (name.size > UINT16_MAX) span->cut = api.may_cut = true;
}

static void api_span_link(api_span *span, const api_context *context, const trace_attribute *attributes, size_t count) {
    api_link *link;
    if (!span) return;
    if (span->link_count == API_LINKS) {
        span->dropped_links++;
        return;
    }
    link = &span->links[span->link_count++];
    link->context = *context;
    api_holds(span, 0, 64 + strlen(context->state) + api_list_fill(span, &link->list, API_LINK_ATTRIBUTES, attributes, count));
}

static void api_span_status(api_span *span, trace_status status, trace_string message) {
    if (!span || span->status == TRACE_STATUS_OK || (status != TRACE_STATUS_OK && status != TRACE_STATUS_ERROR)) return;
    span->status = status;
    span->message = message;
    if (status == TRACE_STATUS_ERROR) api_holds(span, 0, message.size);
    else span->message.size = 0;
}

static void api_span_error(api_span *span, trace_string type, trace_string message) {
    trace_attribute attributes[2];
    size_t count = 0;
    if (!span) return;
    memset(attributes, 0, sizeof attributes);
    if (type.data) {
        attributes[count] = tracei_attr_string("exception.type", "");
        attributes[count++].value.as.string = type;
    }
    if (message.data) {
        attributes[count] = tracei_attr_string("exception.message", "");
        attributes[count++].value.as.string = message;
    }
    api_span_event(span, tracei_string("exception"), attributes, count, 0);
    if (type.data) {
        attributes[0].key = tracei_string("error.type");
        api_span_set(span, attributes[0]);
    }
    api_span_status(span, TRACE_STATUS_ERROR, message);
}

/* --- comparing --- */

static bool api_same_text(trace_string a, trace_string b) { return a.size == b.size && (!a.size || memcmp(a.data, b.data, a.size) == 0); }

static bool api_same_value(const trace_value *got, const trace_value *wanted, int depth) {
    size_t i;
    switch (wanted->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        if (!wanted->as.string.data) return got->type == TRACE_TYPE_NULL;
        return got->type == wanted->type && api_same_text(got->as.string, wanted->as.string);
    case TRACE_TYPE_BYTES: return got->type == TRACE_TYPE_BYTES && api_same_text(got->as.bytes, wanted->as.bytes);
    case TRACE_TYPE_INT: return got->type == TRACE_TYPE_INT && got->as.integer == wanted->as.integer;
    case TRACE_TYPE_DOUBLE: return got->type == TRACE_TYPE_DOUBLE && memcmp(&got->as.number, &wanted->as.number, 8) == 0;
    case TRACE_TYPE_BOOL: return got->type == TRACE_TYPE_BOOL && got->as.boolean == wanted->as.boolean;
    case TRACEI_TYPE_UINT: {
        char digits[24];
        if (wanted->as.integer >= 0) return got->type == TRACE_TYPE_INT && got->as.integer == wanted->as.integer;
        snprintf(digits, sizeof digits, "%" PRIu64, (uint64_t)wanted->as.integer);
        return got->type == TRACE_TYPE_STRING && api_same_text(got->as.string, tracei_string(digits));
    }
    case TRACE_TYPE_ARRAY:
        if (depth >= 4) return got->type == TRACE_TYPE_NULL;
        if (got->type != TRACE_TYPE_ARRAY || got->as.array.count != wanted->as.array.count) return false;
        for (i = 0; i < wanted->as.array.count; i++)
            if (!api_same_value(&got->as.array.items[i], &wanted->as.array.items[i], depth + 1)) return false;
        return true;
    case TRACE_TYPE_NULL: break;
    }
    return got->type == TRACE_TYPE_NULL;
}

static void api_check_list(const trace_attribute *got, size_t count, uint32_t dropped, const api_list *wanted, const char *whose) {
    char text[160];
    size_t i, j;
    snprintf(text, sizeof text, "how many attributes a %s has", whose);
    api_equal(count, wanted->count, text);
    snprintf(text, sizeof text, "how many attributes a %s dropped", whose);
    api_equal(dropped, wanted->dropped, text);
    for (i = 0; i < wanted->count; i++) {
        for (j = 0; j < count && !api_same_text(got[j].key, wanted->items[i].key); j++) {}
        snprintf(text, sizeof text, "attribute \"%.40s\" of a %s", wanted->items[i].key.data, whose);
        api_must(j < count && api_same_value(&got[j].value, &wanted->items[i].value, 0), text);
    }
}

static void api_check_span(const trace_span_data *got, const api_span *wanted) {
    uint32_t i;
    api_must(memcmp(got->trace_id, wanted->context.trace_id, 16) == 0, "trace id of an exported span");
    api_must(memcmp(got->parent_span_id, wanted->parent_id, 8) == 0, "parent of an exported span");
    api_equal(got->flags, wanted->context.flags, "flags of an exported span");
    api_equal(got->parent_is_remote, wanted->parent_is_remote, "parent_is_remote");
    api_equal(got->is_local_root, wanted->is_local_root, "is_local_root");
    api_equal(got->is_abandoned, wanted->abandoned, "is_abandoned");
    api_equal((uint64_t)got->kind, (uint64_t)wanted->kind, "kind");
    api_equal((uint64_t)got->status, (uint64_t)wanted->status, "status");
    if (wanted->start) api_equal(got->start_unix_ns, wanted->start, "start");
    api_must(got->end_unix_ns >= got->start_unix_ns, "an end before its start");
    if (wanted->end) api_equal(got->end_unix_ns, wanted->end > got->start_unix_ns ? wanted->end : got->start_unix_ns, "end");
    api_equal(got->thread_id, wanted->ended_by, "thread that ended a span");
    api_must(!got->scope, "a scope from nowhere");
    if (wanted->cut) return;
    api_must(api_same_text(got->name, wanted->name), "name");
    api_must(api_same_text(got->status_message, wanted->message), "status message");
    api_must(api_same_text(got->trace_state, tracei_string(wanted->context.state)), "tracestate of an exported span");
    api_check_list(got->attributes, got->attribute_count, got->dropped_attribute_count, &wanted->attributes, "span");
    api_equal(got->event_count, wanted->event_count, "how many events a span has");
    api_equal(got->dropped_event_count, wanted->dropped_events, "how many events a span dropped");
    for (i = 0; i < wanted->event_count; i++) {
        const trace_event_data *const event = &got->events[i];
        api_must(api_same_text(event->name, wanted->events[i].name), "name of an event");
        if (wanted->events[i].unix_ns) api_equal(event->unix_ns, wanted->events[i].unix_ns, "time of an event");
        api_check_list(event->attributes, event->attribute_count, event->dropped_attribute_count, &wanted->events[i].list, "event");
    }
    api_equal(got->link_count, wanted->link_count, "how many links a span has");
    api_equal(got->dropped_link_count, wanted->dropped_links, "how many links a span dropped");
    for (i = 0; i < wanted->link_count; i++) {
        const trace_link_data *const link = &got->links[i];
        const api_context *const context = &wanted->links[i].context;
        api_must(memcmp(link->context.trace_id, context->trace_id, 16) == 0 && memcmp(link->context.span_id, context->span_id, 8) == 0, "ids of a link");
        api_equal(link->context.flags, context->flags, "flags of a link");
        api_equal(link->context.is_remote, context->is_remote, "is_remote of a link");
        api_must(api_same_text(link->trace_state, tracei_string(context->state)), "tracestate of a link");
        api_check_list(link->attributes, link->attribute_count, link->dropped_attribute_count, &wanted->links[i].list, "link");
    }
}

static trace_result api_export(void *user, const trace_batch *batch) {
    size_t i, j;
    (void)user;
    api_must(!batch->root && !batch->late, "a batch of a trace, which nobody asked for");
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const got = &batch->spans[i];
        for (j = 0; j < api.span_count; j++)
            if (api.spans[j].expected && memcmp(api.spans[j].context.span_id, got->span_id, 8) == 0) break;
        api_must(j < api.span_count, "a span was exported that was not to be");
        api_must(!api.spans[j].seen, "a span was exported twice");
        api.spans[j].seen = true;
        api_check_span(got, &api.spans[j]);
    }
    api.wanted.exported += batch->span_count;
    api.wanted.pending -= batch->span_count;
    api.received += batch->span_count;
    if (!api.exporter_fails) return TRACE_RESULT_OK;
    api.rejected += batch->span_count;
    api.losses += batch->span_count;
    return TRACE_RESULT_FAILED;
}

/* The ledger and every other number of trace_stats, after each call. */
static void api_check_stats(void) {
    trace_stats now;
    uint64_t sum;
    int i;
    trace_get_stats(&now);
    sum = now.exported + now.sampled_out + now.pending;
    for (i = 0; i < TRACE_DROP_COUNT; i++) sum += now.dropped[i];
    api_equal(now.ended, sum, "ended, as exported + sampled_out + dropped + pending,");
    api_equal(now.open, now.started - now.ended, "open");
    api_equal(now.started - api.base.started, api.wanted.started, "started");
    api_equal(now.ended - api.base.ended, api.wanted.ended, "ended");
    api_equal(now.refused - api.base.refused, 0, "refused");
    api_equal(now.exported - api.base.exported, api.wanted.exported, "exported");
    api_equal(now.sampled_out - api.base.sampled_out, api.wanted.sampled_out, "sampled_out");
    api_equal(now.pending, api.wanted.pending, "pending");
    api_equal(now.misused - api.base.misused, api.wanted.misused, "misused");
    api_equal(now.abandoned - api.base.abandoned, api.wanted.abandoned, "abandoned");
    if (!api.may_cut) api_equal(now.truncated - api.base.truncated, 0, "truncated");
    for (i = 0; i < TRACE_DROP_COUNT; i++) api_equal(now.dropped[i] - api.base.dropped[i], api.wanted.dropped[i], "dropped");
}

/* --- contexts --- */

static const char *const api_baggage_keys[API_BAGGAGE] = {"user", "tenant", "a-key", "k!"};
static const char *const api_baggage_values[] = {"", "plain", "with space", "caf\xc3\xa9", "100%", "a,b;c=d"};

static api_context api_empty_context(void) {
    api_context context;
    int i;
    memset(&context, 0, sizeof context);
    context.raw.is_explicit = true;
    context.state = "";
    for (i = 0; i < API_BAGGAGE; i++) context.baggage[i] = -1;
    return context;
}

static bool api_context_is_valid(const api_context *context) {
    static const uint8_t zero[16];
    return memcmp(context->trace_id, zero, 16) != 0 && memcmp(context->span_id, zero, 8) != 0;
}

/* What the library gave is what the model has; the context's own is kept for later calls. */
static void api_check_context(trace_context got, api_context *wanted) {
    char text[64];
    int i;
    api_must(got.is_explicit, "a context that means the current one");
    api_must(memcmp(got.trace_id, wanted->trace_id, 16) == 0, "trace id of a context");
    api_must(memcmp(got.span_id, wanted->span_id, 8) == 0, "span id of a context");
    api_equal(got.flags, wanted->flags, "flags of a context");
    api_equal(got.is_remote, wanted->is_remote, "is_remote of a context");
    api_equal(trace_context_is_valid(got), api_context_is_valid(wanted), "trace_context_is_valid");
    (void)trace_state_get(got, text, sizeof text);
    api_must(strcmp(text, wanted->state) == 0, "tracestate of a context");
    for (i = 0; i < API_BAGGAGE; i++) {
        const size_t size = trace_baggage_get(got, api_baggage_keys[i], text, sizeof text);
        if (wanted->baggage[i] < 0) api_must(size == SIZE_MAX, "baggage from nowhere");
        else api_must(size != SIZE_MAX && strcmp(text, api_baggage_values[wanted->baggage[i]]) == 0, "baggage of a context");
    }
    wanted->raw = got;
}

static api_context api_current_context(int t) {
    const api_thread *const thread = &api.threads[t];
    const api_item *const top = &thread->stack[thread->depth - (thread->depth ? 1 : 0)];
    if (!thread->depth) return api_empty_context();
    return top->span ? top->span->context : top->attachment->context;
}

static bool api_is_silent(int t) {
    const api_thread *const thread = &api.threads[t];
    const api_item *const top = &thread->stack[thread->depth - (thread->depth ? 1 : 0)];
    return thread->depth && top->attachment && top->attachment->context.suppressed;
}

/* One of those that were kept, the current one by its zero, or the explicit empty one. `raw` is what goes to the library. */
static api_context *api_pick_context(int t, trace_context *raw, api_context *resolved) {
    const unsigned choice = api_byte();
    api_context *kept = NULL;
    memset(raw, 0, sizeof *raw);
    if (choice < 0x40 || !api.context_count) {
        *resolved = api_current_context(t);
    } else if (choice < 0x50) {
        *resolved = api_empty_context();
        *raw = resolved->raw;
    } else {
        kept = &api.contexts[choice % (api.context_count < API_CONTEXTS ? api.context_count : API_CONTEXTS)];
        *resolved = *kept;
        *raw = kept->raw;
    }
    return kept;
}

static void api_release(api_context *context) {
    for (; context->held; context->held--) trace_context_release(context->raw);
}

static void api_keep_context(const api_context *context) {
    api_context *const to = &api.contexts[api.context_count++ % API_CONTEXTS];
    if (api.context_count > API_CONTEXTS) api_release(to);
    *to = *context;
    to->held = 0;
}

/* --- handles --- */

static bool api_same_handle(trace_span a, trace_span b) { return a.slot == b.slot && a.generation == b.generation && a.id == b.id; }

/* The open span of that handle; NULL: stale, invented, zero or inert. */
static api_span *api_find(trace_span handle) {
    size_t i;
    for (i = api.span_count; i-- > 0;)
        if (api.spans[i].open && api_same_handle(api.spans[i].handle, handle)) return &api.spans[i];
    return NULL;
}

/* The innermost on this thread or the other, one of the latest, or none there is. */
static trace_span api_pick(int t) {
    const unsigned choice = api_byte();
    const api_thread *const thread = &api.threads[choice < 0x38 ? t : 1 - t];
    trace_span handle = tracei_handle(0);
    size_t i = thread->depth;
    if (choice < 0x50) {
        while (i-- > 0)
            if (thread->stack[i].span) return thread->stack[i].span->handle;
        return handle;
    }
    if (!api.span_count) return handle;
    i = api.span_count - 1 - (choice & 31) % api.span_count;
    if (choice >= 0xd0) i = api.span_count - 1 - (choice >> 3 & 1) % api.span_count;
    handle = api.spans[i].handle;
    if (choice < 0xd0 || handle.slot == TRACEI_SLOT_INERT) return handle;
    switch (choice & 7) {
    case 0: return tracei_handle(0);
    case 1: handle.generation++; break;
    case 2: handle.generation += 2; break;
    case 3: handle.id ^= 1; break;
    case 4: handle.slot++; break;
    case 5: handle.slot = 0x7fffffff; break;
    case 6: return tracei_handle(TRACEI_SLOT_INERT);
    default:
        if (!api.attachment_count) break;        /* an attachment as a span */
        handle.slot = api.attachments[api.attachment_count - 1].raw.slot;
        handle.generation = api.attachments[api.attachment_count - 1].raw.generation;
        break;
    }
    return handle;
}

/* The span a call on this handle works on, NULL for none; counts the misuse. */
static api_span *api_use(trace_span handle) {
    api_span *const span = api_find(handle);
    if (!span && handle.slot != TRACEI_SLOT_INERT) api.wanted.misused++;
    return span;
}

static api_span *api_writable(trace_span handle) {
    api_span *const span = api.off ? NULL : api_use(handle);
    return span && span->what <= API_UNSAMPLED ? span : NULL;
}

static trace_span api_current_handle(int t) {
    const api_thread *const thread = &api.threads[t];
    const api_item *const top = &thread->stack[thread->depth - (thread->depth ? 1 : 0)];
    if (!thread->depth) return tracei_handle(TRACEI_SLOT_INERT);
    if (top->span) return top->span->handle;
    return top->attachment->has_target && top->attachment->target.id ? top->attachment->target : tracei_handle(TRACEI_SLOT_INERT);
}

/* What trace_event and the like work on. */
static api_span *api_current_writable(int t) {
    api_span *const span = api.off ? NULL : api_find(api_current_handle(t));
    return span && span->what <= API_UNSAMPLED ? span : NULL;
}

/* --- what ends --- */

static void api_unchain(api_span *span) {
    api_thread *thread;
    size_t i;
    if (span->thread < 0) return;
    thread = &api.threads[span->thread];
    for (i = 0; thread->stack[i].span != span; i++) {}
    memmove(&thread->stack[i], &thread->stack[i + 1], (thread->depth - i - 1) * sizeof *thread->stack);
    thread->depth--;
    span->thread = -1;
}

static void api_ends(int t, api_span *span, bool abandoned, uint64_t unix_ns) {
    api.wanted.ended++;
    if (span->what != API_RECORDING) {
        api.wanted.sampled_out++;
    } else if (api.off) {
        api.wanted.dropped[TRACE_DROP_SHUTDOWN]++;
        api.losses++;
    } else {
        api.wanted.pending++;
        span->expected = true;
    }
    span->open = false;
    span->abandoned = abandoned;
    span->end = unix_ns;
    span->ended_by = api.threads[t].id;
    api_unchain(span);
}

static void api_abandon_above(int t, size_t depth) {
    api_thread *const thread = &api.threads[t];
    while (thread->depth > depth) {
        const api_item top = thread->stack[thread->depth - 1];
        if (top.attachment) {
            top.attachment->live = false;
            thread->depth--;
        } else {
            api.wanted.abandoned++;
            api_ends(t, top.span, true, 0);
        }
    }
}

/* --- calls --- */

static void api_push(int t, api_span *span, api_attachment *attachment) {
    api_thread *const thread = &api.threads[t];
    thread->stack[thread->depth].span = span;
    thread->stack[thread->depth++].attachment = attachment;
}

static int api_sampled(const api_context *parent, bool is_root, trace_string name) {
    const char first = name.size ? name.data[0] : '\0';
    if (api.sampler == 0 || (api.sampler == 2 && !is_root))
        return is_root || (parent->flags & TRACE_FLAG_SAMPLED) ? API_RECORDING : API_DROPPED;
    return first == 'D' ? API_DROPPED : first == 'R' ? API_UNSAMPLED : API_RECORDING;
}

static trace_decision api_sample(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    const char first = input->name.size ? input->name.data[0] : '\0';
    (void)user, (void)output;
    return first == 'D' ? TRACE_DECISION_DROP : first == 'R' ? TRACE_DECISION_RECORD : TRACE_DECISION_SAMPLE;
}

/* By which of the functions: trace_span_start, trace_span_start_with, or as a block does. */
enum { API_PLAIN, API_WITH, API_BLOCK };

static void api_start(int t, int how) {
    const char *const name = api_text();
    const unsigned choice = how == API_PLAIN ? 0 : api_byte();
    const api_context current = api_current_context(t);
    api_context parent = current, targets[API_LINKS + 1];
    trace_attribute attributes[API_LIST_MAX], link_attributes[API_LIST_MAX];
    trace_link_data links[API_LINKS + 1];
    trace_span_options options;
    api_span *const span = &api.spans[api.span_count];
    bool is_root, inert, passes_on;
    size_t i;
    if (api.span_count == API_SPANS || api.threads[t].depth == API_STACK) return;
    memset((void *)&options, 0, sizeof options);
    memset(span, 0, sizeof *span);
    memset(links, 0, sizeof links);
    options.struct_size = sizeof options;
    options.root = (choice & 3) == 1;
    options.detached = (choice & 12) == 4;
    if (choice & 16) (void)api_pick_context(t, &options.parent, &parent);
    if (choice & 32) options.kind = (trace_kind)(api_byte() % 8);
    if (choice & 32) options.start_unix_ns = api_number();
    if (choice & 64) {
        options.attributes = attributes;
        options.attribute_count = api_attributes(attributes);
    }
    if (choice & 128) {
        options.links = links;
        options.link_count = 1 + api_byte() % (API_LINKS + 1u);
        for (i = 0; i < options.link_count; i++) (void)api_pick_context(t, &links[i].context, &targets[i]);
        links[0].attribute_count = api_attributes(link_attributes);
        links[0].attributes = link_attributes;
    }
    passes_on = !options.root && !tracei_is_current(&options.parent);
    inert = (api.off && !passes_on) || parent.suppressed || api_is_silent(t);
    if (options.root) parent = api_empty_context();
    if (options.root && !api.off) inert = api_is_silent(t);
    is_root = !api_context_is_valid(&parent);

    span->handle = how == API_PLAIN  ? trace_span_start(name)
                   : how == API_WITH ? trace_span_start_with(name, choice ? &options : NULL)
                                     : tracei_block_start(name, &options, NULL);

    api_equal(span->handle.slot == TRACEI_SLOT_INERT, inert, "whether a handle is inert");
    api.span_count++;
    if (inert) return;
    api.wanted.started++;
    span->open = true;
    span->block = how == API_BLOCK;
    span->thread = -1;
    span->context = parent;
    span->name = tracei_string(name);
    if (api.off) {
        span->what = API_MUTED;
    } else {
        const trace_context made = trace_span_context(span->handle);
        span->what = api_sampled(&parent, is_root, span->name);
        if (!is_root) memcpy(span->parent_id, parent.span_id, 8);
        span->parent_is_remote = !is_root && parent.is_remote;
        span->is_local_root = is_root || parent.is_remote;
        span->context.is_remote = false;
        span->context.flags = (uint8_t)(((is_root ? (unsigned)TRACE_FLAG_RANDOM : parent.flags) & TRACE_FLAG_RANDOM) |
                                        (span->what == API_RECORDING ? TRACE_FLAG_SAMPLED : 0));
        memcpy(span->context.span_id, made.span_id, 8);
        if (is_root) memcpy(span->context.trace_id, made.trace_id, 16);
        for (i = 0; i + 1 < api.span_count; i++) {
            const api_context *const other = &api.spans[i].context;
            api_must(memcmp(other->span_id, made.span_id, 8) != 0 || api.spans[i].what == API_MUTED, "a span id given out twice");
            api_must(!is_root || memcmp(other->trace_id, made.trace_id, 16) != 0, "a trace id given out twice");
        }
        api_must(api_context_is_valid(&span->context), "a zero id");
    }
    api_check_context(trace_span_context(span->handle), &span->context);
    if (span->what > API_UNSAMPLED) {
        if (!options.detached) span->thread = t;
    } else {
        api_holds(span, 0, span->name.size);
        if (span->name.size > API_NAME_MAX) span->cut = api.may_cut = true;
        span->kind = options.kind >= TRACE_KIND_INTERNAL && options.kind <= TRACE_KIND_CONSUMER ? options.kind : TRACE_KIND_INTERNAL;
        span->start = options.start_unix_ns;
        for (i = 0; i < options.attribute_count; i++) api_span_set(span, attributes[i]);
        for (i = 0; i < options.link_count; i++) api_span_link(span, &targets[i], links[i].attributes, links[i].attribute_count);
        if (!options.detached) span->thread = t;
    }
    if (!options.detached) api_push(t, span, NULL);
}

enum { API_END_NOW, API_END_AT, API_END_BLOCK };

static void api_end(int t, trace_span handle, int how) {
    const uint64_t unix_ns = how == API_END_AT ? api_number() : 0;
    api_span *const span = api_use(handle);
    if (span) {
        if (how == API_END_BLOCK && span->thread == t) {
            size_t i = api.threads[t].depth;
            while (api.threads[t].stack[i - 1].span != span) i--;
            api_abandon_above(t, i);
        }
        api_ends(t, span, false, unix_ns);
    }
    if (how == API_END_NOW) trace_span_end(handle);
    else if (how == API_END_AT) trace_span_end_at(handle, unix_ns);
    else tracei_block_end(handle);
}

static void api_set_scalar(trace_span handle, api_span *span) {
    const char *const key = api_key();
    const unsigned choice = api_byte();
    const uint64_t number = api_number();
    trace_attribute attribute;
    double real;
    memcpy(&real, &number, 8);
    switch (choice % 5) {
    case 0:
        attribute = tracei_attr_int(key, (int64_t)number);
        trace_span_set_int(handle, key, (int64_t)number);
        break;
    case 1:
        attribute = tracei_attr_uint(key, number);
        trace_span_set_uint(handle, key, number);
        break;
    case 2:
        attribute = tracei_attr_double(key, real);
        trace_span_set_double(handle, key, real);
        break;
    case 3:
        attribute = tracei_attr_bool(key, (number & 1) != 0);
        trace_span_set_bool(handle, key, (number & 1) != 0);
        break;
    default:
        attribute.key = tracei_string(key);
        attribute.value = api_value(0);
        trace_span_set_attribute(handle, attribute);
        break;
    }
    api_span_set(span, attribute);
}

static void api_set_text(trace_span handle, api_span *span) {
    const char *const key = api_key(), *const value = api_text();
    trace_attribute attribute = tracei_attr_string(key, value);
    const unsigned choice = api_byte();
    switch (choice % 4) {
    case 0: trace_span_set_string(handle, key, value); break;
    case 1:
        attribute.value.as.string.size /= 2;
        trace_span_set_string_n(handle, key, value, attribute.value.as.string.size);
        break;
    case 2:
        attribute = tracei_attr_json(key, value);
        trace_span_set_json(handle, key, value);
        break;
    default:
        attribute = tracei_attr_bytes(key, value, attribute.value.as.string.size);
        trace_span_set_bytes(handle, key, value, attribute.value.as.bytes.size);
        break;
    }
    api_span_set(span, attribute);
}

static void api_set_array(trace_span handle, api_span *span) {
    const char *const key = api_key();
    const unsigned choice = api_byte();
    const size_t count = choice / 64;
    const char *texts[4];
    int64_t integers[4];
    double reals[4];
    bool booleans[4];
    trace_attribute attribute;
    trace_value *items = NULL;
    size_t i;
    memset(&attribute, 0, sizeof attribute);
    attribute.key = tracei_string(key);
    attribute.value.type = TRACE_TYPE_ARRAY;
    attribute.value.as.array.items = count ? api_items(count) : NULL;
    attribute.value.as.array.count = attribute.value.as.array.items ? count : 0;
    if (attribute.value.as.array.items) items = api.values + (attribute.value.as.array.items - api.values);
    for (i = 0; i < attribute.value.as.array.count; i++) {
        const uint64_t number = api_number();
        memset(&items[i], 0, sizeof items[i]);
        switch (choice % 4) {
        case 0:
            texts[i] = api_text();
            items[i] = tracei_attr_string("", texts[i]).value;
            break;
        case 1:
            integers[i] = (int64_t)number;
            items[i] = tracei_attr_int("", integers[i]).value;
            break;
        case 2:
            memcpy(&reals[i], &number, 8);
            items[i] = tracei_attr_double("", reals[i]).value;
            break;
        default:
            booleans[i] = (number & 1) != 0;
            items[i] = tracei_attr_bool("", booleans[i]).value;
        }
    }
    switch (choice % 4) {
    case 0: trace_span_set_strings(handle, key, items ? texts : NULL, i); break;
    case 1: trace_span_set_ints(handle, key, items ? integers : NULL, i); break;
    case 2: trace_span_set_doubles(handle, key, items ? reals : NULL, i); break;
    default: trace_span_set_bools(handle, key, items ? booleans : NULL, i);
    }
    api_span_set(span, attribute);
}

static void api_set_name(trace_span handle, api_span *span) {
    const char *const name = api_text();
    if (span) {
        span->name = tracei_string(name);
        api_holds(span, 0, span->name.size);
    }
    trace_span_set_name(handle, name);
}

static void api_set_status(trace_span handle, api_span *span) {
    const unsigned choice = api_byte();
    const trace_status status = (trace_status)(choice % 4);
    const char *const message = api_text();
    api_span_status(span, status, tracei_string(message));
    trace_span_set_status(handle, status, message);
}

static void api_add_event(trace_span handle, api_span *span, bool is_current) {
    const char *const name = api_text();
    trace_attribute attributes[API_LIST_MAX];
    const size_t count = api_attributes(attributes);
    const unsigned choice = api_byte();
    const uint64_t unix_ns = !is_current && (choice & 1) ? api_number() : 0;
    const size_t given = choice & 2 ? count : 0;
    api_span_event(span, tracei_string(name), attributes, given, unix_ns);
    if (is_current && !given) trace_event(name);
    else if (is_current) trace_event_with(name, attributes, given);
    else if (choice & 1) trace_span_add_event_at(handle, name, attributes, given, unix_ns);
    else trace_span_add_event(handle, name, attributes, given);
}

static void api_add_link(int t, trace_span handle, api_span *span) {
    trace_attribute attributes[API_LIST_MAX];
    const size_t count = api_attributes(attributes);
    trace_context raw;
    api_context target;
    (void)api_pick_context(t, &raw, &target);
    api_span_link(span, &target, attributes, count);
    trace_span_add_link(handle, raw, attributes, count);
}

static void api_record_error(trace_span handle, api_span *span, bool is_current) {
    const unsigned choice = api_byte();
    const char *type, *message;
    if (!is_current && (choice & 3) == 1) {
        static const struct { int number; const char *type, *message; } numbers[] = {
            {ENOENT, "ENOENT", "No such file or directory"}, {0, "errno 0", ""}, {99999, "errno 99999", ""}, {-1, "errno -1", ""}};
        const size_t row = choice >> 2 & 3;
        api_span_error(span, tracei_string(numbers[row].type), tracei_string(numbers[row].message));
        trace_span_record_errno(handle, numbers[row].number);
        return;
    }
    type = api_text();
    message = api_text();
    api_span_error(span, tracei_string(type), tracei_string(message));
    if (is_current) trace_error(type, message);
    else trace_span_record_error(handle, type, message);
}

static void api_on_current(int t) {
    api_span *const span = api_current_writable(t);
    const trace_span handle = tracei_handle(TRACEI_SLOT_CURRENT);
    switch (api_byte() % 4) {
    case 0: api_set_scalar(handle, span); break;
    case 1: api_set_text(handle, span); break;
    case 2: api_record_error(handle, span, true); break;
    default: api_add_event(handle, span, true);
    }
}

static void api_attach(int t, bool to_span) {
    api_attachment *const made = &api.attachments[api.attachment_count];
    if (api.attachment_count == API_ATTACHMENTS || api.threads[t].depth == API_STACK) return;
    memset(made, 0, sizeof *made);
    if (to_span) {
        const trace_span handle = api_pick(t);
        const api_span *const span = api_use(handle);
        made->raw = trace_attach_span(handle);
        api_equal(made->raw.thread != 0, span != NULL, "whether a span was attached");
        if (!span) return;
        made->context = span->context;
        made->target = handle;
        made->has_target = true;
    } else {
        trace_context raw;
        (void)api_pick_context(t, &raw, &made->context);
        made->raw = trace_attach(raw);
        api_must(made->raw.thread != 0, "an attachment was refused");
    }
    made->context.suppressed = made->context.suppressed || api_is_silent(t);
    made->thread = t;
    made->life = api.threads[t].life;
    made->live = true;
    api.attachment_count++;
    api_push(t, NULL, made);
}

static void api_suppress(int t) {
    api_attachment *const made = &api.attachments[api.attachment_count];
    if (api.attachment_count == API_ATTACHMENTS || api.threads[t].depth == API_STACK) return;
    memset(made, 0, sizeof *made);
    made->raw = trace_suppress();
    made->context = api_empty_context();
    made->context.suppressed = made->live = true;
    made->thread = t;
    made->life = api.threads[t].life;
    api.attachment_count++;
    api_push(t, NULL, made);
    api_must(!trace_is_enabled(NULL), "enabled where it is suppressed");
}

static void api_detach(int t) {
    const api_thread *const thread = &api.threads[t];
    const unsigned choice = api_byte();
    api_attachment *attachment = NULL;
    trace_attachment raw;
    size_t i;
    memset(&raw, 0, sizeof raw);
    for (i = thread->depth; i-- > 0 && !attachment;) attachment = thread->stack[i].attachment;
    if ((choice >= 0x80 || !attachment) && api.attachment_count) attachment = &api.attachments[choice % api.attachment_count];
    if (attachment && choice != 0xff) raw = attachment->raw;
    if (choice >= 0xf8 && choice != 0xff) {
        raw.generation += 1u + (choice & 1);
        attachment = NULL;
        for (i = 0; i < thread->depth && !attachment; i++)      /* or that of another */
            if (thread->stack[i].attachment && memcmp(&thread->stack[i].attachment->raw, &raw, sizeof raw) == 0) attachment = thread->stack[i].attachment;
    }
    if (raw.thread) {
        if (attachment && attachment->live && attachment->thread == t && attachment->life == thread->life) {
            for (i = thread->depth; thread->stack[i - 1].attachment != attachment; i--) {}
            api_abandon_above(t, i - 1);
        } else {
            api.wanted.misused++;
        }
    }
    trace_detach(raw);
}

static void api_mark_get(int t) {
    api_mark *const mark = &api.marks[api.mark_count++ % API_MARKS];
    mark->raw = trace_mark_get();
    mark->thread = t;
    mark->life = api.threads[t].life;
    mark->depth = api.threads[t].depth;
    api_equal(mark->raw.depth, mark->depth, "depth of a mark");
}

static void api_unwind(int t) {
    const unsigned choice = api_byte();
    api_mark mark;
    memset(&mark, 0, sizeof mark);
    if (api.mark_count && choice != 0xff) mark = api.marks[choice % (api.mark_count < API_MARKS ? api.mark_count : API_MARKS)];
    if (choice == 0xfe) {
        mark.raw.thread ^= UINT64_C(1) << 40;
        mark.thread = -1;
    }
    if (mark.raw.thread) {
        if (mark.thread != t || mark.life != api.threads[t].life) api.wanted.misused++;
        else if (api.threads[t].depth > mark.depth) api_abandon_above(t, mark.depth);
    }
    trace_unwind(mark.raw);
}

static void api_take_context(int t) {
    const bool by_span = (api_byte() & 1) != 0;
    api_context taken = api_current_context(t);
    if (by_span) {
        const trace_span handle = api_pick(t);
        const api_span *const span = api_use(handle);
        if (handle.slot != TRACEI_SLOT_INERT) taken = span ? span->context : api_empty_context();
        api_check_context(trace_span_context(handle), &taken);
    } else {
        api_check_context(trace_context_current(), &taken);
    }
    api_keep_context(&taken);
}

static void api_hex(char *to, const uint8_t *bytes, size_t size) {
    size_t i;
    for (i = 0; i < size; i++) snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

static void api_format(const api_context *context, char text[56]) {
    memcpy(text, "00-", 3);
    api_hex(text + 3, context->trace_id, 16);
    text[35] = '-';
    api_hex(text + 36, context->span_id, 8);
    text[52] = '-';
    api_hex(text + 53, &context->flags, 1);
}

static void api_parse(void) {
    static const char *const states[] = {NULL, "a=1", "a=1,b=2", "bad==,,x", ""};
    static const char *const kept[] = {"", "a=1", "a=1,b=2", "", ""};
    const unsigned choice = api_byte();
    api_context context = api_empty_context();
    trace_context out;
    char text[56];
    const size_t state = (choice >> 4) % 5;
    const bool valid = (choice & 12) != 12;
    context.trace_id[0] = (uint8_t)(1 + api_byte());
    if (!context.trace_id[0]) context.trace_id[1] = 1;
    context.span_id[7] = (uint8_t)(api_byte() | 1);
    context.flags = (uint8_t)(choice & 3);
    context.is_remote = true;
    context.state = kept[state];
    api_format(&context, text);
    if (!valid) {
        text[choice % 55] = choice % 55 == 2 ? 'x' : 'Z';
        context = api_empty_context();
    }
    memset(&out, 0xff, sizeof out);
    api_equal(trace_context_parse(&out, text, states[state]), valid, "trace_context_parse");
    if (!valid) context.state = "";
    api_check_context(out, &context);
    api_keep_context(&context);
}

static void api_write_context(int t) {
    char wanted[56], got[56], id[33];
    static char headers[16384];
    trace_context raw;
    api_context context, back;
    size_t size;
    (void)api_pick_context(t, &raw, &context);
    api_format(&context, wanted);
    trace_context_format(raw, got);
    api_must(memcmp(got, wanted, 56) == 0, "trace_context_format");
    api_must(memcmp(trace_id_string(raw, id), wanted + 3, 32) == 0 && !id[32], "trace_id_string");
    api_must(memcmp(trace_span_id_string(raw, id), wanted + 36, 16) == 0 && !id[16], "trace_span_id_string");
    size = trace_inject_raw(raw, headers, sizeof headers);
    api_must(size < sizeof headers && strlen(headers) == size, "size of trace_inject_raw");
    back = context;
    back.suppressed = false;
    back.is_remote = api_context_is_valid(&context);
    if (!back.is_remote) {
        memset(back.trace_id, 0, 16);
        memset(back.span_id, 0, 8);
        back.flags = 0;
        back.state = "";
    }
    api_check_context(trace_extract_raw(headers, size), &back);
    api_keep_context(&back);
}

static void api_baggage(int t) {
    static const char *const bad[] = {NULL, "", "with space", "k=v", "\xc3\xa9"};
    const unsigned choice = api_byte();
    trace_context raw, changed;
    api_context context;
    (void)api_pick_context(t, &raw, &context);
    if (choice < 0x80) {
        const int value = (int)((choice >> 2) % (sizeof api_baggage_values / sizeof *api_baggage_values));
        changed = trace_baggage_set(raw, api_baggage_keys[choice & 3], api_baggage_values[value]);
        context.baggage[choice & 3] = value;
    } else if (choice < 0xd0) {
        changed = trace_baggage_remove(raw, api_baggage_keys[choice & 3]);
        context.baggage[choice & 3] = -1;
    } else if (choice < 0xf0) {
        changed = trace_baggage_set(raw, bad[choice % 5], "value");
    } else {
        changed = choice & 1 ? trace_baggage_set(raw, api_baggage_keys[0], NULL) : trace_baggage_remove(raw, bad[choice % 5]);
    }
    api_check_context(changed, &context);
    api_keep_context(&context);
}

static void api_hold(int t) {
    const unsigned choice = api_byte();
    trace_context raw;
    api_context context, *const kept = api_pick_context(t, &raw, &context);
    if (!kept) return;
    if ((choice & 1) && kept->held) {
        trace_context_release(raw);
        kept->held--;
    } else if (kept->held < 4) {
        trace_context_hold(raw);
        kept->held++;
    }
    api_check_context(raw, kept);
}

static void api_inspect(int t) {
    const trace_span handle = api_pick(t), current = api_current_handle(t);
    const api_span *const span = api.off ? NULL : api_find(handle);
    api_context context = api_current_context(t);
    api_must(api_same_handle(trace_span_current(), api.off ? tracei_handle(TRACEI_SLOT_INERT) : current), "trace_span_current");
    api_equal(trace_span_is_recording(handle), span && span->what <= API_UNSAMPLED, "trace_span_is_recording");
    api_equal(trace_is_enabled(NULL), !api.off && !api_is_silent(t), "trace_is_enabled");
    api_check_context(trace_context_current(), &context);
}

/* --- the process --- */

static void api_log(void *user, trace_log_level level, const char *message) { (void)user, (void)level, (void)message; }

/* All that ended went to the exporter; where there is none, it is dropped as that. */
static void api_check_delivered(void) {
    size_t i;
    for (i = 0; i < api.span_count; i++) {
        api_span *const span = &api.spans[i];
        if (api.disabled && span->expected && !span->seen) {
            span->expected = false;
            api.wanted.pending--;
            api.wanted.dropped[TRACE_DROP_NO_EXPORTER]++;
        }
        api_equal(span->seen, span->expected, "whether an ended span was delivered");
    }
}

static void api_flush(void) {
    const trace_result result = trace_flush(0);
    api_equal((uint64_t)result, (uint64_t)(api.shut                            ? TRACE_RESULT_SHUT_DOWN
                                           : api.losses != api.losses_told ? TRACE_RESULT_FAILED
                                                                             : TRACE_RESULT_OK),
              "trace_flush");
    if (!api.shut) api.losses_told = api.losses;
    api_check_delivered();
}

static void api_pump(void) {
    const uint64_t pending = api.wanted.pending;
    api_equal(trace_pump(0), pending, "trace_pump");
    api_check_delivered();
}

static void api_init(bool disabled) {
    trace_config config;
    memset((void *)&config, 0, sizeof config);
    config.exporters[0].struct_size = sizeof config.exporters[0];
    config.exporters[0].name = "model";
    config.exporters[0].export_fn = api_export;
    config.attribute_count_limit = API_ATTRIBUTES;
    config.event_count_limit = API_EVENTS;
    config.link_count_limit = API_LINKS;
    config.event_attribute_count_limit = API_EVENT_ATTRIBUTES;
    config.link_attribute_count_limit = API_LINK_ATTRIBUTES;
    config.ring_bytes = API_RING;
    config.lossless_timeout_ms = 3600000;
    config.disable_environment = config.disable_thread = config.disable_exit = true;
    config.disabled = disabled;
    config.logger.log_fn = api_log;
    if (api.sampler) {
        config.sampler.description = "by name";
        config.sampler.sample_fn = api_sample;
        config.sampler.roots_only = api.sampler == 2;
    }
    api_equal((uint64_t)trace_init(&config), TRACE_RESULT_OK, "trace_init");
    api.off = api.disabled = disabled;
    api.shut = false;
    api.losses_told = api.losses;
}

static void api_shutdown(void) {
    const trace_result result = trace_shutdown(60000);
    api_equal((uint64_t)result, (uint64_t)(api.shut                        ? TRACE_RESULT_SHUT_DOWN
                                           : api.losses != api.losses_told ? TRACE_RESULT_FAILED
                                                                           : TRACE_RESULT_OK),
              "trace_shutdown");
    if (!api.shut) api.losses_told = api.losses;
    api.off = api.shut = true;
    api_check_delivered();
}

/* --- the second thread --- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool runs, ends;
    unsigned work;                /* 1 + the call to make; 0: none */
} api_second = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false, false, 0};

static void api_make_call(int t, unsigned call);

static void *api_second_main(void *unused) {
    (void)unused;
    pthread_mutex_lock(&api_second.lock);
    api.threads[1].id = tracei_thread_id();
    for (;;) {
        while (!api_second.work && !api_second.ends) pthread_cond_wait(&api_second.changed, &api_second.lock);
        if (!api_second.work) break;
        api_make_call(1, api_second.work - 1);
        api_second.work = 0;
        pthread_cond_broadcast(&api_second.changed);
    }
    pthread_mutex_unlock(&api_second.lock);
    return NULL;
}

static void api_call_on_second(unsigned call) {
    pthread_mutex_lock(&api_second.lock);
    if (!api_second.runs) {
        api_second.runs = true;
        if (pthread_create(&api_second.thread, NULL, api_second_main, NULL) != 0) abort();
    }
    api_second.work = call + 1;
    pthread_cond_broadcast(&api_second.changed);
    while (api_second.work) pthread_cond_wait(&api_second.changed, &api_second.lock);
    pthread_mutex_unlock(&api_second.lock);
}

/* Blocks end with their thread; other spans stay open, on no stack any more. */
static void api_second_ends(void) {
    api_thread *const thread = &api.threads[1];
    size_t i;
    if (!api_second.runs) return;
    for (i = 0; i < thread->depth && !(thread->stack[i].span && thread->stack[i].span->block); i++) {}
    pthread_mutex_lock(&api_second.lock);
    if (i < thread->depth) api_abandon_above(1, i);
    while (thread->depth) {
        const api_item top = thread->stack[--thread->depth];
        if (top.attachment) top.attachment->live = false;
        else top.span->thread = -1;
    }
    thread->life++;
    api_second.ends = true;
    pthread_cond_broadcast(&api_second.changed);
    pthread_mutex_unlock(&api_second.lock);
    pthread_join(api_second.thread, NULL);
    api_second.ends = api_second.runs = false;
}

/* --- the program --- */

typedef enum api_call {
    API_CALL_START, API_CALL_START2, API_CALL_START_WITH, API_CALL_START_WITH2, API_CALL_BLOCK, API_CALL_END, API_CALL_END2, API_CALL_END_TOP,
    API_CALL_END_AT, API_CALL_END_BLOCK, API_CALL_SET_SCALAR, API_CALL_SET_TEXT, API_CALL_SET_ARRAY, API_CALL_SET_NAME, API_CALL_SET_STATUS,
    API_CALL_EVENT, API_CALL_LINK, API_CALL_ERROR, API_CALL_ON_CURRENT, API_CALL_ATTACH, API_CALL_ATTACH_SPAN, API_CALL_DETACH,
    API_CALL_SUPPRESS, API_CALL_MARK, API_CALL_UNWIND, API_CALL_TAKE, API_CALL_PARSE, API_CALL_WRITE, API_CALL_BAGGAGE, API_CALL_HOLD,
    API_CALL_INSPECT, API_CALL_FLUSH, API_CALL_PUMP, API_CALL_FAILS, API_CALL_MANY, API_CALL_THREAD_ENDS, API_CALL_SHUTDOWN, API_CALL_INIT,
    API_CALL_COUNT
} api_call;

static const char *const api_call_names[API_CALL_COUNT] = {
    "start", "start", "start_with", "start_with", "block", "end", "end", "end of the innermost",
    "end_at", "end of a block", "set a scalar", "set a text", "set an array", "set_name", "set_status",
    "add_event", "add_link", "record_error", "on the current span", "attach", "attach_span", "detach",
    "suppress", "mark_get", "unwind", "take a context", "context_parse", "format and inject", "baggage", "hold or release",
    "inspect", "flush", "pump", "the exporter fails", "many", "the second thread ends", "shutdown", "init"};

static void api_make_call(int t, unsigned call) {
    trace_span handle;
    api.on = t;
    switch ((api_call)call) {
    case API_CALL_START:
    case API_CALL_START2: api_start(t, API_PLAIN); break;
    case API_CALL_START_WITH:
    case API_CALL_START_WITH2: api_start(t, API_WITH); break;
    case API_CALL_BLOCK: api_start(t, API_BLOCK); break;
    case API_CALL_END:
    case API_CALL_END2: api_end(t, api_pick(t), API_END_NOW); break;
    case API_CALL_END_TOP: api_end(t, api_current_handle(t), API_END_NOW); break;
    case API_CALL_END_AT: api_end(t, api_pick(t), API_END_AT); break;
    case API_CALL_END_BLOCK: api_end(t, api_pick(t), API_END_BLOCK); break;
    case API_CALL_SET_SCALAR: handle = api_pick(t), api_set_scalar(handle, api_writable(handle)); break;
    case API_CALL_SET_TEXT: handle = api_pick(t), api_set_text(handle, api_writable(handle)); break;
    case API_CALL_SET_ARRAY: handle = api_pick(t), api_set_array(handle, api_writable(handle)); break;
    case API_CALL_SET_NAME: handle = api_pick(t), api_set_name(handle, api_writable(handle)); break;
    case API_CALL_SET_STATUS: handle = api_pick(t), api_set_status(handle, api_writable(handle)); break;
    case API_CALL_EVENT: handle = api_pick(t), api_add_event(handle, api_writable(handle), false); break;
    case API_CALL_LINK: handle = api_pick(t), api_add_link(t, handle, api_writable(handle)); break;
    case API_CALL_ERROR: handle = api_pick(t), api_record_error(handle, api_writable(handle), false); break;
    case API_CALL_ON_CURRENT: api_on_current(t); break;
    case API_CALL_ATTACH: api_attach(t, false); break;
    case API_CALL_ATTACH_SPAN: api_attach(t, true); break;
    case API_CALL_DETACH: api_detach(t); break;
    case API_CALL_SUPPRESS: api_suppress(t); break;
    case API_CALL_MARK: api_mark_get(t); break;
    case API_CALL_UNWIND: api_unwind(t); break;
    case API_CALL_TAKE: api_take_context(t); break;
    case API_CALL_PARSE: api_parse(); break;
    case API_CALL_WRITE: api_write_context(t); break;
    case API_CALL_BAGGAGE: api_baggage(t); break;
    case API_CALL_HOLD: api_hold(t); break;
    case API_CALL_INSPECT: api_inspect(t); break;
    case API_CALL_FLUSH: api_flush(); break;
    case API_CALL_PUMP: api_pump(); break;
    case API_CALL_FAILS: api.exporter_fails = !api.exporter_fails; break;
    case API_CALL_MANY: {
        unsigned left = 1 + api_byte() % 32;
        while (left--) {
            const size_t before = api.span_count;
            api_start(t, API_PLAIN);
            if (api.span_count > before) api_end(t, api.spans[before].handle, API_END_NOW);
        }
        break;
    }
    case API_CALL_THREAD_ENDS: break;            /* from outside of it */
    case API_CALL_SHUTDOWN: api_shutdown(); break;
    case API_CALL_INIT: {
        const unsigned choice = api_byte();
        api.sampler = (int)(choice % 3);
        api_init((choice & 0xc0) == 0xc0);
        break;
    }
    case API_CALL_COUNT: break;
    }
}

static void api_begin(const uint8_t *program, size_t size) {
    static bool begun;
    static const uint8_t none;
    memset(&api, 0, sizeof api);
    memset(api_huge, 'h', sizeof api_huge - 1);
    api.program = size ? program : &none;
    api.size = size;
    api.call = "begin";
    api.threads[0].id = tracei_thread_id();
    api.sampler = (int)(api_byte() % 3);
    api_init(false);
    if (begun) (void)trace_flush(0);
    begun = true;
    trace_get_stats(&api.base);
    api_equal(api.base.pending, 0, "pending at the beginning");
    api_equal(api.base.open, 0, "open at the beginning");
}

/* Tracestate and baggage that nothing stands on any more may be evicted: nobody kept a pin. */
static void api_check_pins(void) {
    uint32_t entry, pins = 0;
    for (entry = 1; api.context_count && entry <= tracei_entries.count; entry++) pins += tracei_entry_at(entry)->pins & 0x7fffffff;       /* above: free */
    api_equal(pins, 0, "pins of contexts at the end");
}

/* What is still open ends; then nothing may be left. */
static void api_finish(void) {
    trace_mark all;
    size_t i;
    api.call = "the end of the program";
    api.on = 0;
    api_second_ends();
    for (i = 0; i < API_CONTEXTS && i < api.context_count; i++) api_release(&api.contexts[i]);
    if (api.off) api_init(false);
    all = trace_mark_get();
    all.depth = 0;
    api_abandon_above(0, 0);
    trace_unwind(all);
    for (i = 0; i < api.span_count; i++)
        if (api.spans[i].open) api_end(0, api.spans[i].handle, API_END_NOW);
    api_flush();
    api_check_stats();
    api_check_pins();
    api_inspect(0);
}

static void api_run(const uint8_t *program, size_t size) {
    api_begin(program, size);
    while (api.at < api.size && api.calls < 4096) {
        const unsigned byte = api_byte(), call = byte % API_CALL_COUNT;
        memmove((void *)(api.before + 1), (const void *)api.before, sizeof api.before - sizeof *api.before);
        api.before[0] = api.call;
        api.calls++;
        api.call = api_call_names[call];
        api.on = 0;
        if (call == API_CALL_THREAD_ENDS) api_second_ends();
        else if (byte >= 0xc0) api_call_on_second(call);
        else api_make_call(0, call);
        api_check_stats();
    }
    api_finish();
}

#endif /* TRACE_TEST_API_MODEL_H */
