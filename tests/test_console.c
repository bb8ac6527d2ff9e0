/* test_console.c - trees, folds, floods and lines of the console exporter, and where they are written
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"

static const char *test_refused;   /* what the system refuses: "memory" */
static unsigned test_refused_after;

static bool test_refuses(const char *what) {
    if (!test_refused || strcmp(what, test_refused) != 0) return false;
    if (test_refused_after) {
        test_refused_after--;
        return false;
    }
    return true;
}
#define TRACEI_FAIL(what) test_refuses(what)
#define TRACE_IMPLEMENTATION
#ifndef TEST_TRACE_H
#define TEST_TRACE_H "../trace.h"
#endif
#include TEST_TRACE_H
#include "settled.h"

/* ---- a trace made by hand ---- */

#define MS 1000000u
#define BEGIN UINT64_C(1772373731480000000)        /* 2026-03-01T14:02:11.480Z */

enum { SPANS = 4096, ATTRIBUTES = 8192, EVENTS = 128 };
static trace_span_data spans[SPANS];
static size_t span_count;
static trace_attribute attributes[ATTRIBUTES];
static size_t attribute_count;
static trace_event_data events[EVENTS];
static size_t event_count;
static trace_link_data one_link;
static const uint8_t trace_id[16] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};

static trace_string text_of(const char *text) {
    trace_string out;
    out.data = text;
    out.size = strlen(text);
    return out;
}

static void set_id(uint8_t *id, uint32_t number) {
    int i;
    for (i = 0; i < 8; i++) id[i] = i < 4 ? 0 : (uint8_t)(number >> (8 * (7 - i)));
}

/* Times are nanoseconds after BEGIN; parent 0 is none. */
static trace_span_data *span_ns(uint32_t id, uint32_t parent, const char *name, uint64_t start, uint64_t end) {
    trace_span_data *const span = &spans[span_count++];
    memset((void *)span, 0, sizeof *span);
    memcpy(span->trace_id, trace_id, 16);
    set_id(span->span_id, id);
    set_id(span->parent_span_id, parent);
    span->flags = TRACE_FLAG_SAMPLED;
    span->is_local_root = parent == 0;
    span->kind = TRACE_KIND_INTERNAL;
    span->name = text_of(name);
    span->start_unix_ns = BEGIN + start;
    span->end_unix_ns = BEGIN + end;
    span->thread_id = 100;
    span->thread_name = text_of("main");
    return span;
}

static trace_span_data *span_us(uint32_t id, uint32_t parent, const char *name, uint64_t start, uint64_t end) {
    return span_ns(id, parent, name, start * 1000, end * 1000);
}

/* Attributes of a span or an event are added in one go: they lie side by side. */
static trace_attribute *attribute(const trace_attribute **list, size_t *count, const char *key, trace_type type) {
    trace_attribute *const added = &attributes[attribute_count++];
    memset((void *)added, 0, sizeof *added);
    if (!*count) *list = added;
    ++*count;
    added->key = text_of(key);
    added->value.type = type;
    return added;
}

static trace_attribute *set(trace_span_data *span, const char *key, trace_type type) {
    return attribute(&span->attributes, &span->attribute_count, key, type);
}

static void set_text(trace_span_data *span, const char *key, const char *value) {
    set(span, key, TRACE_TYPE_STRING)->value.as.string = text_of(value);
}

static void set_int(trace_span_data *span, const char *key, int64_t value) {
    set(span, key, TRACE_TYPE_INT)->value.as.integer = value;
}

static void fail(trace_span_data *span, const char *type, const char *message) {
    span->status = TRACE_STATUS_ERROR;
    if (message) span->status_message = text_of(message);
    if (type) set_text(span, "error.type", type);
}

static trace_event_data *event(trace_span_data *span, const char *name, uint64_t at_us) {
    trace_event_data *const added = &events[event_count++];
    memset((void *)added, 0, sizeof *added);
    if (!span->event_count++) span->events = added;
    added->name = text_of(name);
    added->unix_ns = BEGIN + at_us * 1000;
    return added;
}

static void on_thread(trace_span_data *span, uint64_t id, const char *name) {
    span->thread_id = id;
    span->thread_name = text_of(name);
}

/* ---- the world around it: environment, clock, log ---- */

static char environment_block[1024];

/* "TERM=xterm|LANG=C.UTF-8" */
static void environment(const char *variables) {
    size_t i, size = strlen(variables);
    memset(environment_block, 0, sizeof environment_block);
    memcpy(environment_block, variables, size);
    for (i = 0; i < size; i++)
        if (environment_block[i] == '|') environment_block[i] = '\0';
    TRACEI_STORE_RELEASE(&tracei_environment_block, (const char *)environment_block);
}

static uint64_t now_mono = 1000000000, now_unix = BEGIN;
static uint64_t read_mono(void *user) { return (void)user, now_mono; }
static uint64_t read_unix(void *user) { return (void)user, now_unix; }

static void pass_ms(uint64_t ms) {
    now_mono += ms * MS;
    now_unix += ms * MS;
}

static char logged[2048];
static unsigned logged_lines;

static void keep_log(void *user, trace_log_level level, const char *message) {
    const size_t used = strlen(logged);
    (void)user, (void)level;
    logged_lines++;
    snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

static char *out;
static size_t out_size, out_capacity, out_calls;
static bool out_is_whole;          /* every piece ended with a newline */

static void keep_text(void *user, const char *text, size_t size) {
    (void)user;
    if (out_size + size + 1 > out_capacity) {
        out_capacity = (out_size + size + 1) * 2;
        out = (char *)realloc(out, out_capacity);
        if (!out) abort();
    }
    memcpy(out + out_size, text, size);
    out_size += size;
    out[out_size] = '\0';
    out_calls++;
    if (!size || text[size - 1] != '\n') out_is_whole = false;
}

static void clear_out(void) {
    out_size = 0;
    out_is_whole = true;
    keep_text(NULL, "\n", 1);
    out_size = out_calls = 0;
    out[0] = '\0';
}

static void clear_trace(void) { span_count = attribute_count = event_count = 0; }

static const char *service_name;

static void fresh(void) {
    service_name = "checkout";
    memset((void *)tracei_consoles, 0, sizeof tracei_consoles);
    tracei_console_said_format = 0;
    tracei_clock.monotonic_fn = read_mono;
    tracei_clock.unix_fn = read_unix;
    now_mono = 1000000000;
    now_unix = BEGIN;
    memset((void *)&tracei_logger, 0, sizeof tracei_logger);
    tracei_logger.log_fn = keep_log;
    logged[0] = '\0';
    logged_lines = 0;
    test_refused = NULL;
    test_refused_after = 0;
    environment("");
    clear_trace();
    clear_out();
}

/* ---- a console that writes to `out` ---- */

static trace_console_options look(uint32_t width, trace_choice color, trace_choice unicode) {
    trace_console_options options;
    memset((void *)&options, 0, sizeof options);
    options.write_fn = keep_text;
    options.width = width;
    options.color = color;
    options.unicode = unicode;
    return options;
}

static trace_exporter make(trace_console_options options) {
    trace_exporter exporter = trace_console_exporter(&options);
    if (exporter.user) {
        tracei_console_refresh((tracei_console *)exporter.user);
        ((tracei_console *)exporter.user)->zone = 0;
    }
    return exporter;
}

static trace_resource resource;
static trace_attribute service;
static const trace_span_data *open_root;

static int by_start(const void *a, const void *b) {
    const trace_span_data *const left = (const trace_span_data *)a, *const right = (const trace_span_data *)b;
    if (left->start_unix_ns != right->start_unix_ns) return left->start_unix_ns < right->start_unix_ns ? -1 : 1;
    if (left->end_unix_ns != right->end_unix_ns) return left->end_unix_ns > right->end_unix_ns ? -1 : 1;
    return memcmp(left->span_id, right->span_id, 8);
}

enum { COMPLETE, NO_ROOT, LATE, OPEN };

static void export_as(const trace_exporter *exporter, int how) {
    trace_batch batch;
    size_t i;
    memset((void *)&batch, 0, sizeof batch);
    memset((void *)&service, 0, sizeof service);
    service.key = text_of("service.name");
    service.value.type = TRACE_TYPE_STRING;
    service.value.as.string = text_of(service_name);
    resource.attributes = &service;
    resource.attribute_count = 1;
    qsort(spans, span_count, sizeof *spans, by_start);
    batch.resource = &resource;
    batch.spans = spans;
    batch.span_count = span_count;
    batch.late = how == LATE;
    if (how == OPEN) batch.root = open_root;
    for (i = 0; i < span_count && how == COMPLETE; i++)
        if (spans[i].is_local_root) batch.root = &spans[i];
    CHECK_INT(exporter->export_fn(exporter->user, &batch), TRACE_RESULT_OK);
}

static trace_exporter_stats stats_of(const trace_exporter *exporter) {
    trace_exporter_stats stats;
    memset((void *)&stats, 0, sizeof stats);
    exporter->stats_fn(exporter->user, &stats);
    return stats;
}

/* The law of the ledger. */
static void check_ledger(const trace_exporter *exporter, uint64_t received) {
    const trace_exporter_stats stats = stats_of(exporter);
    uint64_t sum = stats.sent + stats.queued;
    int i;
    for (i = 0; i < TRACE_FAILURE_COUNT; i++) sum += stats.failed[i];
    CHECK_UINT(stats.received, received);
    CHECK_UINT(stats.received, sum);
}

/* Prints what `build` makes in one look, and compares. */
static void golden(const char *file, void (*build)(void), int how, trace_console_options options) {
    char path[128];
    trace_exporter exporter;
    fresh();
    exporter = make(options);
    build();
    export_as(&exporter, how);
    CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
    snprintf(path, sizeof path, "console/%s.txt", file);
    TEST_GOLDEN(path, out, out_size);
    CHECK(out_is_whole);
    check_ledger(&exporter, span_count);
    CHECK_UINT(stats_of(&exporter).sent, span_count);
}

static size_t columns_of(const char *line, size_t size) {
    size_t columns = 0, i;
    for (i = 0; i < size; i++) columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    return columns;
}

static size_t widest(void) {
    size_t most = 0, from = 0, i;
    for (i = 0; i < out_size; i++) {
        if (out[i] != '\n') continue;
        if (columns_of(out + from, i - from) > most) most = columns_of(out + from, i - from);
        from = i + 1;
    }
    return most;
}

static size_t lines_in(const char *text) {
    size_t lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

/* ---- trees ---- */

static void build_checkout(void) {
    trace_span_data *span = span_us(1, 0, "POST /checkout", 0, 41300);
    trace_event_data *retry;
    span->kind = TRACE_KIND_SERVER;
    set_int(span, "user.id", 42);
    set_text(span, "cart.note", "two words, and then a good many more that will not fit into eighty columns");
    span = span_us(2, 1, "auth.verify", 100, 2200);
    set(span, "cached", TRACE_TYPE_BOOL)->value.as.boolean = true;
    span = span_us(3, 1, "POST payments", 20600, 41290);
    span->kind = TRACE_KIND_CLIENT;
    fail(span, "Timeout", "no answer in 20 ms");
    set_int(span, "http.response.status_code", 504);
    retry = event(span, "retry", 38600);
    attribute(&retry->attributes, &retry->attribute_count, "attempt", TRACE_TYPE_INT)->value.as.integer = 2;
    span = span_us(4, 3, "dns", 20700, 21500);
    on_thread(span, 101, "resolver");
    span = span_us(5, 3, "connect", 21600, 24000);
    set(span, "rtt", TRACE_TYPE_DOUBLE)->value.as.number = 0.25;
    span_us(6, 1, "db.insert", 4000, 16000);
}

TEST(a_tree_in_every_look) {
    golden("tree_plain", build_checkout, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("tree_plain_ascii", build_checkout, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_NO));
    golden("tree_80", build_checkout, COMPLETE, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK_UINT(widest(), 83);                        /* the error: it is never cut */
    golden("tree_200", build_checkout, COMPLETE, look(200, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("tree_80_ascii", build_checkout, COMPLETE, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_NO));
    golden("tree_color", build_checkout, COMPLETE, look(100, TRACE_CHOICE_YES, TRACE_CHOICE_YES));
}

static void build_rich_spans(void) {
    trace_span_data *span = span_us(1, 0, "consume order", 0, 900);
    trace_event_data *added;
    span->kind = TRACE_KIND_CONSUMER;
    memset((void *)&one_link, 0, sizeof one_link);
    span->links = &one_link;
    span->link_count = 1;
    span->dropped_attribute_count = 3;
    span->dropped_link_count = 1;
    set(span, "none", TRACE_TYPE_NULL);
    set(span, "raw", TRACE_TYPE_BYTES)->value.as.bytes = text_of("\x01\xff");
    set(span, "json", TRACE_TYPE_JSON)->value.as.string = text_of("{\"a\":[1,2]}");
    set_text(span, "empty", "");
    set_text(span, "quoted", "say \"hi\" = \\o/");
    span = span_us(2, 1, "parse", 50, 400);
    span->is_abandoned = true;
    added = event(span, "checkpoint", 40);
    added->dropped_attribute_count = 2;
    added = event(span, "exception", 350);
    attribute(&added->attributes, &added->attribute_count, "exception.type", TRACE_TYPE_STRING)->value.as.string = text_of("Syntax");
    attribute(&added->attributes, &added->attribute_count, "exception.message", TRACE_TYPE_STRING)->value.as.string = text_of("line 3");
    span = span_us(3, 1, "store", 500, 800);
    span->kind = TRACE_KIND_PRODUCER;
    span->status = TRACE_STATUS_ERROR;
    added = event(span, "exception", 700);
    attribute(&added->attributes, &added->attribute_count, "exception.type", TRACE_TYPE_STRING)->value.as.string = text_of("Conflict");
    attribute(&added->attributes, &added->attribute_count, "exception.message", TRACE_TYPE_STRING)->value.as.string = text_of("key 7");
}

TEST(links_events_and_drops) {
    golden("rich_spans", build_rich_spans, COMPLETE, look(120, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("rich_spans_plain", build_rich_spans, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
}

static void exception(trace_span_data *span, const char *type, const char *message) {
    trace_event_data *const added = event(span, "exception", 50);
    if (type) attribute(&added->attributes, &added->attribute_count, "exception.type", TRACE_TYPE_STRING)->value.as.string = text_of(type);
    if (message) attribute(&added->attributes, &added->attribute_count, "exception.message", TRACE_TYPE_STRING)->value.as.string = text_of(message);
}

/* Each span as record_error and set_status leave it. */
static void build_errors(void) {
    trace_span_data *span = span_us(1, 0, "all", 0, 900);
    span = span_us(2, 1, "errno, then one without a text", 100, 190);
    exception(span, "ENOENT", "No such file or directory");
    exception(span, "errno 99999", "");
    fail(span, "errno 99999", "");
    span = span_us(3, 1, "error, then a type alone", 200, 290);
    exception(span, "T", "m");
    exception(span, "T2", NULL);
    fail(span, "T2", "");
    span = span_us(4, 1, "error, then a message alone", 300, 390);
    exception(span, "T", "m");
    exception(span, NULL, "m2");
    fail(span, "T", "m2");
    span = span_us(5, 1, "status of its own", 400, 490);
    exception(span, "T", "m");
    fail(span, NULL, "gave up");
    span = span_us(6, 1, "an exception and its message", 500, 590);
    exception(span, "T", "m");
    exception(span, "T2", "m2");
    fail(span, NULL, "m");
    span = span_us(7, 1, "nothing but exceptions", 600, 690);
    exception(span, "T", "m");
    exception(span, "T2", NULL);
    fail(span, NULL, NULL);
    span = span_us(8, 1, "its type, and an older message", 700, 790);
    exception(span, "T", "m");
    exception(span, "T2", "m2");
    fail(span, "T", NULL);
    span = span_us(9, 1, "a type, and a status of its own", 800, 890);
    exception(span, "T", "m");
    fail(span, "T", "gave up");                /* both are the program's word on the span */
}

/* The type of one error and the text of another are no error that ever happened. */
TEST(an_error_is_told_as_it_happened) {
    golden("errors", build_errors, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK_HAS_NOT(out, "errno 99999: No such file");
    CHECK_HAS_NOT(out, "T2: m\n");
    CHECK_HAS_NOT(out, "T: m2");
}

static void build_failed_twice(void) {
    fail(span_us(1, 0, "outer", 0, 900), NULL, "left by an exception");
    fail(span_us(2, 1, "inner", 100, 800), "T", "m");
}

TEST(the_word_for_an_error_does_not_come_twice_in_a_row) {
    golden("failed_twice_plain", build_failed_twice, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK_HAS(out, "outer  ERROR left by an exception  1 more below");
    golden("failed_twice", build_failed_twice, COMPLETE, look(110, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
}

static void build_many_events(void) {
    trace_span_data *span = span_us(1, 0, "poll", 0, 90000);
    unsigned i;
    fail(span, "Timeout", "gave up");
    (void)event(span, "begin", 100);
    for (i = 0; i < 40; i++) {
        trace_event_data *const retry = event(span, i % 8 == 7 ? "pause" : "retry", 1000 + 2000 * i);
        attribute(&retry->attributes, &retry->attribute_count, "attempt", TRACE_TYPE_INT)->value.as.integer = i + 1;
    }
    for (i = 0; i < 3; i++) (void)event(span, "too few", 82000 + 100 * i);
    for (i = 0; i < 5; i++) exception(span, i % 2 ? "Other" : "Reset", "by peer");
    for (i = 0; i < 5; i++) exception(span, "Timeout", "gave up");       /* the span's row says so */
    span = span_us(2, 1, "last try", 82000, 89000);
    for (i = 0; i < 4; i++) (void)event(span, "retry", 83000 + 1000 * i);
}

TEST(events_fold) {
    trace_console_options options = look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES);
    golden("events_plain", build_many_events, COMPLETE, options);
    CHECK_HAS(out, "retry \xc3\x97" "35  last +77.0 ms  attempt=39\n");
    CHECK_HAS(out, "TRACE_CONSOLE=all");
    golden("events_80", build_many_events, COMPLETE, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK(widest() <= 80);
    golden("events_color_120", build_many_events, COMPLETE, look(120, TRACE_CHOICE_YES, TRACE_CHOICE_YES));
    options.format = TRACE_CONSOLE_FORMAT_ALL;
    golden("events_all", build_many_events, COMPLETE, options);
}

static char program_name[32];

static void build_unnamed_threads(void) {
    span_us(1, 0, "outer", 0, 900);
    on_thread(span_us(2, 1, "by a thread that nobody named", 100, 200), 4711, program_name);
    on_thread(span_us(3, 1, "by a thread with a name", 300, 400), 4712, "resolver");
}

/* Threads inherit the program's name. */
TEST(threads_without_a_name_of_their_own_have_a_number) {
    trace_console_options options = look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES);
    trace_exporter exporter;
#ifdef __linux__
    if (tracei_read_file("/proc/self/comm", program_name, sizeof program_name)) program_name[strlen(program_name) - 1] = '\0';
#endif
    fresh();
    exporter = make(options);
    build_unnamed_threads();
    export_as(&exporter, COMPLETE);
    CHECK_HAS(out, "nobody named  @4711\n");
    CHECK_HAS(out, "with a name  @resolver\n");
    options.format = TRACE_CONSOLE_FORMAT_LINE;
    (void)trace_console_exporter(&options);
    export_as(&exporter, COMPLETE);
    CHECK_HAS(out, "thread=4711");
    CHECK_HAS(out, "thread=resolver");
}

static void build_nameless(void) {
    uint32_t i;
    trace_span_data *span = span_us(1, 0, "  ", 0, 900);
    trace_event_data *added = event(span, "", 100);
    added = event(span, "   ", 200);
    attribute(&added->attributes, &added->attribute_count, "attempt", TRACE_TYPE_INT)->value.as.integer = 2;
    span_us(2, 1, "", 100, 190);
    for (i = 0; i < 5; i++) {
        span = span_us(10 + i, 1, " ", 200 + 100 * i, 210 + 110 * i);
        (void)span_us(20 + i, 10 + i, "", 201 + 100 * i, 205 + 100 * i);
    }
}

TEST(what_has_no_name_says_so) {
    trace_exporter exporter;
    unsigned i;
    golden("nameless", build_nameless, COMPLETE, look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK_HAS_NOT(out, " \n");
    fresh();
    exporter = make(look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    for (i = 0; i < 30; i++) {
        clear_trace();
        span_us(1, 0, " ", 0, 1000);
        export_as(&exporter, COMPLETE);
    }
    clear_out();
    pass_ms(1000);
    CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
    CHECK_HAS(out, "14:02:11 (no name)    30/s");
}

static void build_one(void) {
    trace_span_data *const span = span_us(1, 0, "GET /item", 0, 1210);
    span->kind = TRACE_KIND_SERVER;
    set_int(span, "user.id", 42);
    set_text(span, "agent", "curl/8.1");
}

static void build_one_failed(void) {
    build_one();
    fail(&spans[0], "NotFound", "there is no item with the number that was asked for");
}

TEST(one_span_is_one_line) {
    golden("one_80", build_one, COMPLETE, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK(widest() <= 80);
    CHECK_UINT(lines_in(out), 1);
    golden("one_120", build_one, COMPLETE, look(120, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK_UINT(lines_in(out), 1);
    golden("one_plain", build_one, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK_UINT(lines_in(out), 1);
    golden("one_color", build_one, COMPLETE, look(120, TRACE_CHOICE_YES, TRACE_CHOICE_YES));
    golden("one_failed_80", build_one_failed, COMPLETE, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK_HAS(out, "there is no item with the number that was asked for");
}

static trace_span_data open_span;

static void build_open(void) {
    span_us(1, 0, "serve", 0, 0);
    spans[0].kind = TRACE_KIND_SERVER;
    set_int(&spans[0], "port", 8080);
    open_span = spans[0];
    open_span.end_unix_ns = 0;
    open_root = &open_span;
    span_count = 0;
    now_unix = BEGIN + 2050 * (uint64_t)MS;
}

static void build_below_open(void) {
    build_open();
    span_us(2, 1, "GET /item", 100000, 101000);
    span_us(3, 2, "query", 100200, 100900);
    span_us(4, 1, "GET /other", 200000, 201000);
    span_us(5, 9, "stray", 300000, 300100);
}

TEST(open_roots) {
    trace_exporter exporter;
    golden("open", build_open, OPEN, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("open_color", build_open, OPEN, look(80, TRACE_CHOICE_YES, TRACE_CHOICE_YES));
    golden("open_below", build_below_open, OPEN, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    CHECK_HAS(out, "serve \xe2\x80\xba GET /item");
    fresh();
    exporter = make(look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    build_open();
    export_as(&exporter, OPEN);
    export_as(&exporter, OPEN);
    CHECK_UINT(lines_in(out), 1);                    /* once */
    {
        uint8_t i;
        for (i = 0; i < 60; i++) {                   /* a flood of them is thinned too; they need not be old */
            open_span.span_id[7] = (uint8_t)(100 + i);
            export_as(&exporter, OPEN);
        }
    }
    pass_ms(1000);
    CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
    CHECK(lines_in(out) < 30);
    CHECK_HAS(out, "serve  ");
    CHECK_HAS(out, " open\n");
}

/* Announced long ago, and in a flood: the end shows it again, and at least one of each name. */
TEST(roots_that_the_end_leaves_open) {
    trace_exporter exporter;
    uint8_t i;
    fresh();
    exporter = make(look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    build_open();
    export_as(&exporter, OPEN);
    for (i = 0; i < 30; i++) {
        clear_trace();
        span_us(100 + i, 0, "GET /item", 0, 1000);
        export_as(&exporter, COMPLETE);
    }
    clear_trace();
    clear_out();
    TRACEI_STORE(&tracei_ending, 1u);
    now_unix += 3000 * (uint64_t)MS;
    export_as(&exporter, OPEN);
    CHECK_HAS(out, " open 5 s \xe2\x80\xa6 serve  server  port=8080\n");
    for (i = 0; i < 60; i++) {
        open_span.span_id[7] = (uint8_t)(100 + i);
        export_as(&exporter, OPEN);
    }
    exporter.shutdown_fn(exporter.user, 0);
    TRACEI_STORE(&tracei_ending, 0u);
    CHECK_UINT(lines_in(out), 3);                    /* of the second before, the first, the others */
    CHECK_HAS(out, "serve    60 open\n");
}

/* What ran below it meanwhile is not in its tree: nobody knows how much of it was its own. */
TEST(a_root_that_was_open_has_no_self_time) {
    int announced;
    for (announced = 0; announced < 2; announced++) {
        trace_exporter exporter;
        fresh();
        exporter = make(look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
        build_open();
        if (announced) export_as(&exporter, OPEN);
        span_us(1, 0, "serve", 0, 3000000);
        span_us(2, 1, "close", 2900000, 3000000);
        export_as(&exporter, COMPLETE);
        if (announced)
            CHECK_HAS_NOT(out, "self");
        else
            CHECK_HAS(out, "serve  self 2.90 s");
    }
}

static void build_parts(void) {
    uint32_t i;
    build_open();
    for (i = 0; i < 412; i++) {
        span_us(1000 + i, 1, "GET /item", 1000 * i, 1000 * i + (i == 300 ? 31000 : 900));
        span_us(2000 + i, 1000 + i, "query", 1000 * i + 100, 1000 * i + 700);
        if (i == 7) fail(&spans[span_count - 1], "Timeout", "no answer");
    }
    for (i = 0; i < 4; i++) span_us(3000 + i, 4000, "GET /deep", 500000, 500900);      /* below one that is still open */
}

/* Each of a fold counts; the root's row knows what failed before. */
TEST(parts_of_an_open_root_fold) {
    trace_console_options options = look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES);
    trace_exporter exporter;
    unsigned i;
    golden("open_parts", build_parts, OPEN, options);
    CHECK_UINT(lines_in(out), 6);
    fresh();
    exporter = make(options);
    build_open();
    export_as(&exporter, OPEN);
    for (i = 0; i < 12; i++) {
        clear_trace();
        build_parts();
        export_as(&exporter, OPEN);
    }
    pass_ms(1000);
    CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
    CHECK_HAS(out, "serve \xe2\x80\xba GET /item  4944/s  p50 900 \xc2\xb5s  p99 900 \xc2\xb5s  max 31 ms  \xe2\x9c\x97 12\n");
    clear_trace();
    span_us(1, 0, "serve", 0, 3000000);
    export_as(&exporter, COMPLETE);
    CHECK_HAS(out, "serve  \xe2\x9c\x97 12 below");
    check_ledger(&exporter, 12 * 828 + 1);
}

/* The table of announced roots is small: for one that may have been in it once, nothing is said rather than something wrong. */
TEST(a_forgotten_root_has_no_self_time) {
    static trace_span_data opened;
    trace_exporter exporter;
    uint32_t i;
    fresh();
    exporter = make(look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    for (i = 0; i < 2 * TRACEI_CONSOLE_OPENED; i++) {
        clear_trace();
        opened = *span_us(1 + i, 0, "serve", i * 10, 3000000);
        opened.end_unix_ns = 0;
        clear_trace();
        open_root = &opened;
        export_as(&exporter, OPEN);
    }
    for (i = 0; i < 2 * TRACEI_CONSOLE_OPENED + 1; i++) {
        clear_trace();
        clear_out();
        pass_ms(10000); /* so that all are shown */
        span_us(1 + i, 0, "serve", i * 10, 3000000);
        span_us(100, 1 + i, "close", 2900000, 3000000);
        export_as(&exporter, COMPLETE);
        CHECK_HAS(out, "close");
        if (i < 2 * TRACEI_CONSOLE_OPENED)
            CHECK_HAS_NOT(out, "self");
        else
            CHECK_HAS(out, "serve  self 2.90 s"); /* never announced */
    }
}

static void build_late(void) {
    span_us(7, 3, "flush", 41000, 52000);
    span_us(8, 7, "fsync", 42000, 51000);
}

static void build_late_one(void) { span_us(7, 3, "flush", 41000, 52000); }

static void build_rootless(void) {
    span_us(2, 1, "first", 0, 900);
    span_us(3, 2, "inner", 100, 300);
    span_us(4, 1, "second", 1000, 1900);
}

static void build_orphan(void) {
    build_checkout();
    span_us(20, 19, "lost child", 5000, 6000);
    span_us(21, 20, "its child", 5100, 5900);
}

TEST(late_incomplete_and_orphans) {
    golden("late", build_late, LATE, look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("late_one", build_late_one, LATE, look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("late_color", build_late, LATE, look(100, TRACE_CHOICE_YES, TRACE_CHOICE_YES));
    golden("incomplete", build_rootless, NO_ROOT, look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("incomplete_color", build_rootless, NO_ROOT, look(100, TRACE_CHOICE_YES, TRACE_CHOICE_YES));
    golden("incomplete_one", build_late_one, NO_ROOT, look(120, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("orphan", build_orphan, COMPLETE, look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
}

static void build_hostile(void) {
    trace_span_data *const span = span_us(1, 0, "evil\x1b[2J\r\nname\x07", 0, 1000);
    set_text(span, "a\tb", "line 1\nline 2\x7f");
    set_text(span, "c1", "\xc2\x9b" "31m");
    set_text(span, "bidi", "\xe2\x80\xae" "esrever");
    set_text(span, "broken", "\xff\xc3(");
    set_text(span, "fine", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    span_us(2, 1, "\xe4\xb8\xad\xe6\x96\x87", 100, 200);
}

TEST(control_characters_stay_outside) {
    size_t i;
    golden("hostile", build_hostile, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    for (i = 0; i < out_size; i++) CHECK(out[i] == '\n' || (unsigned char)out[i] >= 0x20);
    golden("hostile_ascii", build_hostile, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_NO));
    for (i = 0; i < out_size; i++) CHECK(out[i] == '\n' || ((unsigned char)out[i] >= 0x20 && (unsigned char)out[i] < 0x7f));
}

/* ---- folds ---- */

static void build_importer(void) {
    static const unsigned long_one = 16, failing = 21;
    trace_span_data *span = span_us(1, 0, "import", 0, 2900000);
    uint64_t at = 2000;
    uint32_t id = 1000, i, j;
    span_us(2, 1, "open", 0, 1500);
    for (i = 0; i < 30; i++) {
        const uint64_t length = i == long_one ? 204000 : 60000 + i * 37 % 11 * 3000 + (i % 7 == 3 ? 30000 : 0);
        const uint32_t batch = ++id;
        span = span_us(batch, 1, "batch", at, at + length);
        set_int(span, "offset", (int64_t)i * 100);
        if (i == failing) fail(span, "Conflict", "key 2214");
        for (j = 0; j < (i == failing ? 5u : 8u); j++) {
            const uint64_t start = at + length / 8 * j;
            span_us(++id, batch, "insert", start, start + length / 8 * 3 / 4);
        }
        at += length + 500;
    }
    for (i = 0; i < 16; i++) {
        static const char *const names[] = {"pool-1", "pool-2", "pool-3", "pool-4"};
        span = span_us(++id, 1, "tile", at + i / 4 * 2450, at + i / 4 * 2450 + 2100 + i * 7 % 5 * 100);
        on_thread(span, 200 + i % 4, names[i % 4]);
    }
    span_us(3, 1, "commit", at + 12000, at + 14000);
}

TEST(loops_fold) {
    trace_console_options options = look(120, TRACE_CHOICE_NO, TRACE_CHOICE_YES);
    golden("fold_120", build_importer, COMPLETE, options);
    golden("fold_80", build_importer, COMPLETE, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("fold_color", build_importer, COMPLETE, look(120, TRACE_CHOICE_YES, TRACE_CHOICE_YES));
    golden("fold_ascii", build_importer, COMPLETE, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_NO));
    golden("fold_plain", build_importer, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    options.format = TRACE_CONSOLE_FORMAT_ALL;
    golden("fold_all", build_importer, COMPLETE, options);
    CHECK_UINT(lines_in(out), span_count + 1);
}

static void build_unlike(void) {
    uint32_t i;
    span_us(1, 0, "root", 0, 10000);
    for (i = 0; i < 3; i++) span_us(10 + i, 1, "three", i * 100, i * 100 + 50);            /* too few */
    for (i = 0; i < 4; i++) {                                                              /* same name, other insides */
        span_us(20 + i, 1, "step", 1000 + i * 100, 1090 + i * 100);
        span_us(30 + i, 20 + i, i % 2 ? "left" : "right", 1010 + i * 100, 1050 + i * 100);
    }
    for (i = 0; i < 5; i++) {                                                              /* a failure deep inside */
        span_us(40 + i, 1, "deep", 2000 + i * 100, 2090 + i * 100);
        span_us(50 + i, 40 + i, "middle", 2010 + i * 100, 2080 + i * 100);
        span_us(60 + i, 50 + i, "leaf", 2020 + i * 100, 2070 + i * 100);
        if (i == 2) fail(&spans[span_count - 1], "EIO", NULL);
    }
    for (i = 0; i < 4; i++) span_us(70 + i, 1, "at once", 3000, 4000);                     /* one thread, all at once */
    for (i = 0; i < 8; i++)                                                                /* of two kinds */
        span_us(80 + i, 1, "payments", 5000 + i * 100, 5090 + i * 100)->kind = i % 2 ? TRACE_KIND_SERVER : TRACE_KIND_CLIENT;
    for (i = 0; i < 4; i++)                                                                /* two of each: too few */
        span_us(90 + i, 1, "queue", 6000 + i * 100, 6090 + i * 100)->kind = i % 2 ? TRACE_KIND_CONSUMER : TRACE_KIND_PRODUCER;
}

TEST(a_footer_fits) {
    static const struct { uint32_t width; const char *footer; } rows[] = {
        {60, "286 spans \xc2\xb7 1 error \xc2\xb7 4bf92f3577b34da6a3ce929d0e0e4736\n"},
        {75, "14:02:11.480 \xc2\xb7 286 spans \xc2\xb7 1 error \xc2\xb7 4bf92f3577b34da6a3ce929d0e0e4736\n"},
        {80, "importer 14:02:11.480 \xc2\xb7 286 spans \xc2\xb7 1 error \xc2\xb7 4bf92f3577b34da6a3ce929d0e0e4736\n"},
        {100, "importer 14:02:11.480 \xc2\xb7 286 spans in 7 lines \xc2\xb7 1 error \xc2\xb7 4bf92f3577b34da6a3ce929d0e0e4736\n"},
    };
    size_t i, from;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        trace_exporter exporter;
        fresh();
        service_name = "unknown_service:importer";      /* nobody named it: the program's name is enough */
        exporter = make(look(rows[i].width, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
        build_importer();
        export_as(&exporter, COMPLETE);
        for (from = out_size - 1; from && out[from - 1] != '\n'; from--) {}
        CHECK_STR(out + from, rows[i].footer);
    }
}

/* Only the words that a program which nobody named begins with are left out. */
TEST(a_long_name_of_a_service_is_whole) {
    trace_exporter exporter;
    fresh();
    service_name = "unknown_services.of.the.shop";
    exporter = make(look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    build_checkout();
    export_as(&exporter, COMPLETE);
    CHECK_HAS(out, "unknown_services.of.the.shop");
}

TEST(what_folds_and_what_does_not) { golden("fold_unlike", build_unlike, COMPLETE, look(110, TRACE_CHOICE_NO, TRACE_CHOICE_YES)); }

/* ---- narrow terminals ---- */

static const char *long_name;

/* Columns of a terminal, for the characters of these tests. */
static size_t cells_of(const char *line, size_t size) {
    static const char *const wide[] = {"\xe5\xa5\xbd", "\xf0\x9f\x98\x80", "\xe2\x9c\x85"};
    size_t cells = 0, i, k;
    for (i = 0; i < size; i++) {
        if (((unsigned char)line[i] & 0xc0) == 0x80) continue;
        cells++;
        if (size - i >= 2 && memcmp(line + i, "\xcc\x81", 2) == 0) cells--;
        for (k = 0; k < sizeof wide / sizeof wide[0]; k++)
            if (size - i >= strlen(wide[k]) && memcmp(line + i, wide[k], strlen(wide[k])) == 0) cells++;
    }
    return cells;
}

static void check_rows_fit(const char *what, uint32_t width) {
    size_t from = 0, i;
    for (i = 0; i < out_size; i++) {
        if (out[i] != '\n') continue;
        if (!CHECK(cells_of(out + from, i - from) <= width))
            printf("%s in %u columns: %.*s\n", what, (unsigned)width, (int)(i - from), out + from);
        from = i + 1;
    }
    CHECK(out_is_whole);
}

static void build_long_loop(void) {
    uint32_t i;
    span_us(1, 0, long_name, 0, 900000)->kind = TRACE_KIND_SERVER;
    for (i = 0; i < 30; i++) {
        trace_span_data *const span = span_us(2 + i, 1, long_name, i * 10000, i * 10000 + 9000 + (i == 7 ? 50000 : 0));
        if (i == 9) fail(span, NULL, NULL);
    }
}

static void build_long_parallel(void) {
    uint32_t i;
    span_us(1, 0, long_name, 0, 900000);
    for (i = 0; i < 30; i++) on_thread(span_us(2 + i, 1, long_name, 1000, 800000), 100 + i % 4, long_name);
}

static void build_long_depth(void) {
    uint32_t i;
    for (i = 1; i < 20; i++) {
        trace_span_data *const span = span_us(i, i - 1, long_name, i * 10, 900000 - i * 10);
        set_text(span, long_name, long_name);
        event(span, long_name, i * 10 + 5);
    }
}

static void build_long_few(void) { /* a fold of few, below a failure deep inside */
    uint32_t i;
    span_us(1, 0, long_name, 0, 900000);
    for (i = 0; i < 5; i++) {
        span_us(10 + i, 1, "step", i * 100, i * 100 + 90);
        span_us(20 + i, 10 + i, long_name, i * 100, i * 100 + 80);
        if (i == 2) fail(&spans[span_count - 1], "EIO", NULL);
    }
}

static void build_long_lone(void) { span_us(1, 0, long_name, 0, 900000); }

static void build_long_open(void) {
    static trace_span_data opened;
    opened = *span_us(1, 0, long_name, 0, 900000);
    opened.end_unix_ns = 0;
    clear_trace();
    open_root = &opened;
}

static void build_long_below_open(void) {
    build_long_open();
    span_us(2, 1, long_name, 10, 800000);
    span_us(3, 2, long_name, 20, 700000);
}

/* In a terminal no row is longer than it is wide, whatever things are called; names give way first, then what they stand beside. */
TEST(rows_fit_narrow_terminals) {
    static const char *const units[] = {"x", "long name ", "\xe5\xa5\xbd", "\xf0\x9f\x98\x80", "\xe2\x9c\x85", "e\xcc\x81"};
    static const uint32_t widths[] = {40, 60, 80, 200};
    static const struct { const char *what; void (*build)(void); int how; } traces[] = {
        {"loop", build_long_loop, COMPLETE},   {"parallel", build_long_parallel, COMPLETE}, {"depth", build_long_depth, COMPLETE},
        {"few", build_long_few, COMPLETE},     {"lone", build_long_lone, COMPLETE},         {"late", build_long_lone, LATE},
        {"incomplete", build_long_few, NO_ROOT}, {"open", build_long_open, OPEN},           {"below", build_long_below_open, OPEN},
    };
    static char text[400];
    size_t unit, width, trace, i;
    for (unit = 0; unit < sizeof units / sizeof units[0]; unit++) {
        text[0] = '\0';
        for (i = 0; i + strlen(units[unit]) < sizeof text; i += strlen(units[unit])) memcpy(text + i, units[unit], strlen(units[unit]) + 1);
        long_name = text;
        for (width = 0; width < sizeof widths / sizeof widths[0]; width++) {
            for (trace = 0; trace < 2 * sizeof traces / sizeof traces[0]; trace++) {
                trace_exporter exporter;
                if (width == 0 && trace % 2 == 0) continue; /* without signs 40 columns are not enough for our own words */
                fresh();
                service_name = long_name;
                exporter = make(look(widths[width], TRACE_CHOICE_NO, trace % 2 ? TRACE_CHOICE_YES : TRACE_CHOICE_NO));
                traces[trace / 2].build();
                export_as(&exporter, traces[trace / 2].how);
                check_rows_fit(traces[trace / 2].what, widths[width]);
                CHECK(out_size > 0);
            }
            { /* the summary of a flood */
                trace_exporter exporter;
                fresh();
                exporter = make(look(widths[width], TRACE_CHOICE_NO, TRACE_CHOICE_YES));
                for (i = 0; i < 500; i++) {
                    clear_trace();
                    build_long_lone();
                    if (i % 5 == 0) fail(&spans[0], NULL, NULL);
                    export_as(&exporter, COMPLETE);
                }
                pass_ms(1000);
                CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
                CHECK_HAS(out, "/s");
                check_rows_fit("summary", widths[width]);
            }
        }
    }
}

/* No escape that styles nothing, and no style that reaches the next row. */
static void check_styles(const char *what, uint32_t width) {
    const char *at = out, *row = out;
    bool styled = false, empty = false;
    for (; *at; at++) {
        if (*at == '\n') {
            if (!CHECK(!styled)) printf("%s in %u columns: %.*s\n", what, (unsigned)width, (int)(at - row), row);
            row = at + 1;
        } else if (*at != '\033') {
            empty = false;
        } else {
            const bool plain = strncmp(at, TRACEI_PLAIN, strlen(TRACEI_PLAIN)) == 0;
            if (!CHECK(plain ? styled && !empty : !styled))
                printf("%s in %u columns: %.60s\n", what, (unsigned)width, row);
            styled = !plain;
            empty = !plain;
            at += strcspn(at, "m");
        }
    }
}

static void build_ok(void) {
    trace_span_data *const span = span_us(1, 0, "POST /order", 0, 900000);
    span->status = TRACE_STATUS_OK;
    span->kind = TRACE_KIND_SERVER;
    set_text(span, "cart.note", "two words");
    span_us(2, 1, "store", 10, 800000)->status = TRACE_STATUS_OK;
}

TEST(styles_are_neither_empty_nor_left_on) {
    static const struct { const char *what; void (*build)(void); int how; } traces[] = {
        {"checkout", build_checkout, COMPLETE}, {"rich", build_rich_spans, COMPLETE}, {"importer", build_importer, COMPLETE},
        {"depth", build_long_depth, COMPLETE},  {"parallel", build_long_parallel, COMPLETE}, {"ok", build_ok, COMPLETE},
        {"lone", build_one, COMPLETE},          {"failed", build_one_failed, COMPLETE}, {"errors", build_errors, COMPLETE},
        {"late", build_late, LATE},             {"below", build_below_open, OPEN},  {"incomplete", build_rootless, NO_ROOT}};
    uint32_t width;
    size_t trace;
    long_name = "a name of some length";
    for (width = 16; width < 140; width++)
        for (trace = 0; trace < sizeof traces / sizeof traces[0]; trace++) {
            trace_exporter exporter;
            fresh();
            exporter = make(look(width, TRACE_CHOICE_YES, width % 2 ? TRACE_CHOICE_YES : TRACE_CHOICE_NO));
            traces[trace].build();
            export_as(&exporter, traces[trace].how);
            check_styles(traces[trace].what, width);
            CHECK_HAS(out, TRACEI_PLAIN);
        }
}

/* What is no terminal gets names in full. */
TEST(names_in_files_are_whole) {
    static char text[400];
    trace_exporter exporter;
    memset(text, 'x', sizeof text - 1);
    long_name = text;
    fresh();
    exporter = make(look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    build_long_few();
    export_as(&exporter, COMPLETE);
    CHECK_HAS(out, text);
}

/* ---- depth, breadth, nonsense ---- */

static uint32_t levels;

/* 3,000 that differ in name: what took longest and what failed keeps its row. */
static void build_unlike_thousands(void) {
    static char names[3000][16];
    uint32_t i;
    trace_span_data *span = span_us(1, 0, "POST /import", 0, 400000);
    set_int(span, "items", 3000);
    for (i = 0; i < 3000; i++) {
        const uint64_t start = 100 + (uint64_t)i * 100;
        snprintf(names[i], sizeof names[i], "item %u", (unsigned)i);
        span = span_us(10 + 2 * i, 1, names[i], start, start + (i % 32 ? 20 + i % 7 : 90));
        if (i % 10 == 0) span_us(11 + 2 * i, 10 + 2 * i, "parse", start, start + 15);
        if (i == 1501) fail(span, "Conflict", "key 2214");
    }
    for (i = 0; i < 8; i++) span_us(7000 + i, 1, "commit", 310000 + i * 10000, 318000 + i * 10000);
}

/* Each calls itself twice: no two are alike in shape beside each other. */
static void build_recursion_of(uint32_t *id, uint32_t parent, uint32_t depth, uint64_t start) {
    const uint32_t self = ++*id;
    const uint64_t length = UINT64_C(1) << depth;
    span_us(self, parent, "sort", start, start + length);
    if (!depth) return;
    build_recursion_of(id, self, depth - 1, start);
    if (depth > 1) build_recursion_of(id, self, depth - 2, start + length / 2);
}

static void build_recursion(void) {
    uint32_t id = 0;
    build_recursion_of(&id, 0, 14, 0);
}

static void build_many_below_open(void) {
    static char names[300][16];
    uint32_t i;
    build_open();
    span_us(2, 1, "GET /first", 0, 50000);
    span_us(3, 1, "GET /second", 60000, 70000);
    for (i = 0; i < 300; i++) {
        snprintf(names[i], sizeof names[i], "item %u", (unsigned)i);
        span_us(10 + i, 2 + i % 2, names[i], 100 + 100 * i, 150 + 100 * i);
    }
}

TEST(too_many_rows) {
    trace_console_options options = look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES);
    golden("pruned_below_open", build_many_below_open, OPEN, options);
    CHECK_UINT(lines_in(out), 2 * (TRACEI_CONSOLE_ROWS + 3));   /* each is a tree of its own */
    golden("pruned", build_unlike_thousands, COMPLETE, options);
    CHECK_HAS(out, "item 1501  \xe2\x9c\x97 Conflict: key 2214");
    CHECK_HAS(out, "commit \xc3\x97" "8");
    CHECK(lines_in(out) <= TRACEI_CONSOLE_ROWS * 5 / 4);
    golden("pruned_recursion", build_recursion, COMPLETE, options);
    CHECK(lines_in(out) <= TRACEI_CONSOLE_ROWS * 2);   /* one more for each level that has a rest */
}

static void build_deep(void) {
    static char names[1000][24];
    uint32_t i;
    for (i = 0; i < levels; i++) {
        snprintf(names[i], sizeof names[i], "level %u", (unsigned)i);
        span_us(i + 1, i, names[i], i, 5 * levels - i);
    }
    span_us(2000, levels - 3, "beside", levels, 3 * levels);
}

TEST(a_thousand_levels) {
    trace_console_options options = look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES);
    trace_exporter exporter;
    levels = 40;
    golden("deep_80", build_deep, COMPLETE, look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    golden("deep_plain", build_deep, COMPLETE, look(0, TRACE_CHOICE_NO, TRACE_CHOICE_NO));
    levels = 1000;
    fresh();
    options.format = TRACE_CONSOLE_FORMAT_ALL;
    exporter = make(options);
    build_deep();
    export_as(&exporter, COMPLETE);
    CHECK(widest() <= 80);
    CHECK_UINT(lines_in(out), 1002);
    CHECK_HAS(out, "level 999");
    check_ledger(&exporter, 1001);
}

TEST(three_thousand_spans_are_fast) {
    static char names[3000][16];
    trace_console_options options = look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES);
    int form;
    for (form = 0; form < 4; form++) { /* alike, all different, all different below each other, alike but shown one by one */
        trace_exporter exporter;
        clock_t before;
        uint32_t i;
        fresh();
        options.format = form == 3 ? TRACE_CONSOLE_FORMAT_ALL : TRACE_CONSOLE_FORMAT_TREE;
        exporter = make(options);
        span_us(1, 0, "root", 0, 10000);
        for (i = 1; i < 3000; i++) {
            snprintf(names[i], sizeof names[i], "span %u", i);
            span_us(i + 1, form == 2 ? i : 1, form == 1 || form == 2 ? names[i] : "same", i, i + 1);
        }
        before = clock();
        export_as(&exporter, COMPLETE);
        CHECK(clock() - before < CLOCKS_PER_SEC / 2);            /* of the processor's time */
        check_ledger(&exporter, 3000);
        CHECK_UINT(stats_of(&exporter).sent, 3000);
        if (form == 0) CHECK(lines_in(out) < 6);
        if (form == 1 || form == 2) CHECK(lines_in(out) <= TRACEI_CONSOLE_ROWS + 3);
        if (form == 3) CHECK_UINT(lines_in(out), 3001);
    }
}

TEST(nonsense_ends) {
    trace_exporter exporter;
    uint32_t round, i;
    uint64_t received = 0;
    fresh();
    for (round = 0; round < test_scaled(400); round++) {
        static const char *const names[] = {"a", "b", "c", ""};
        const uint32_t count = 1 + (uint32_t)test_random_below(60);
        trace_console_options options = look((uint32_t)test_random_below(3) * 60, TRACE_CHOICE_AUTO, TRACE_CHOICE_YES);
        options.format = (trace_console_format)(1 + test_random_below(3));
        exporter = make(options);
        clear_trace();
        clear_out();
        for (i = 0; i < count; i++) { /* cycles, twins, strangers, children before their parents */
            const uint64_t start = test_random_below(1000);
            span_us(1 + (uint32_t)test_random_below(count), (uint32_t)test_random_below(count + 2), names[test_random_below(4)], start,
                    start + test_random_below(1000));
            spans[span_count - 1].is_local_root = false;
            if (test_random_below(9) == 0) spans[span_count - 1].status = TRACE_STATUS_ERROR;
        }
        spans[0].is_local_root = test_random_below(2) == 0;
        export_as(&exporter, spans[0].is_local_root ? COMPLETE : test_random_below(2) ? NO_ROOT : LATE);
        received += count;
        CHECK(out_is_whole);
        check_ledger(&exporter, received);
        pass_ms(700);
        CHECK_UINT(stats_of(&exporter).sent, received);
        if (options.format == TRACE_CONSOLE_FORMAT_ALL && count > 1) CHECK_UINT(lines_in(out), count + 1);
        if (options.format == TRACE_CONSOLE_FORMAT_LINE) CHECK_UINT(lines_in(out), count);
    }
}

TEST(ids_that_go_in_circles) {
    trace_exporter exporter;
    fresh();
    exporter = make(look(0, TRACE_CHOICE_NO, TRACE_CHOICE_NO));
    span_us(1, 2, "one", 0, 10);
    span_us(2, 3, "two", 1, 9);
    span_us(3, 1, "three", 2, 8);
    span_us(4, 4, "self", 3, 7);
    export_as(&exporter, NO_ROOT);
    CHECK_UINT(lines_in(out), 5);
    CHECK_HAS(out, "self  (parent missing)");
    check_ledger(&exporter, 4);
}

/* ---- thinning ---- */

static void request(const trace_exporter *exporter, const char *name, uint64_t us, bool failed) {
    clear_trace();
    span_us(1, 0, name, 0, us);
    span_us(2, 1, "work", 0, us / 2);
    if (failed) fail(&spans[0], "Broken", NULL);
    export_as(exporter, COMPLETE);
}

TEST(a_flood_is_thinned) {
    trace_exporter exporter;
    trace_exporter_stats stats;
    unsigned i;
    fresh();
    exporter = make(look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    for (i = 0; i < 412; i++) request(&exporter, "GET /item", i == 300 ? 31000 : i % 50 == 7 ? 8800 : 900 + i * 37 % 800, i == 100 || i == 200 || i == 400);
    for (i = 0; i < 30; i++) request(&exporter, "POST /order", 2000, false);
    stats = stats_of(&exporter);
    CHECK_UINT(stats.queued, 0);
    CHECK_UINT(stats.sent, 884);                     /* thinned spans are summarised on purpose */
    CHECK_HAS_NOT(out, "/s  p50");
    pass_ms(1000);
    request(&exporter, "GET /item", 1000, false);    /* the next batch ends the second */
    CHECK_HAS(out, "412/s");
    TEST_GOLDEN("console/thinned.txt", out, out_size);
    CHECK(lines_in(out) < 120);
    check_ledger(&exporter, 886);
    fresh();
    exporter = make(look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    for (i = 0; i < 30; i++) request(&exporter, "GET /item", 1000, false);
    CHECK_UINT(lines_in(out), 60);                   /* 20 trees of two spans and a footer */
    now_unix = BEGIN - BEGIN % 1000000000 + 1000000000;
    CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
    CHECK_UINT(lines_in(out), 61);                   /* a flush after it tells of the second, too */
    CHECK_HAS(out, "2026-03-01T14:02:11Z GET /item    30/s  p50 ");
    request(&exporter, "GET /new", 1000, false);
    CHECK_HAS(out, "GET /new");                      /* never seen before */
    request(&exporter, "GET /item", 1001, false);
    CHECK_HAS(out, "GET /item  self 501 \xc2\xb5s");
    CHECK_UINT(lines_in(out), 61 + 3 + 3);           /* a new slowest */
    request(&exporter, "GET /item", 900, true);
    request(&exporter, "GET /item", 900, true);
    CHECK_UINT(lines_in(out), 61 + 3 + 3 + 3);       /* the first error of the second */
    pass_ms(500);
    request(&exporter, "GET /item", 900, false);
    CHECK_UINT(lines_in(out), 61 + 3 + 3 + 3 + 3);   /* half a second is worth a tree */
    exporter.shutdown_fn(exporter.user, 0);
    CHECK_UINT(lines_in(out), 61 + 3 + 3 + 3 + 3 + 1);
    check_ledger(&exporter, 70);
}

/* Who flushes after each job gets no line for each: a second goes on until it is over, or the program ends. */
TEST(a_flush_does_not_end_a_second) {
    trace_exporter exporter;
    unsigned form, i;
    for (form = 0; form < 2; form++) {
        fresh();
        exporter = make(look(100, TRACE_CHOICE_NO, form ? TRACE_CHOICE_NO : TRACE_CHOICE_YES));
        for (i = 0; i < 60; i++) {
            pass_ms(1);
            request(&exporter, "job", 1000, false);
            CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
        }
        CHECK_UINT(lines_in(out), 60);               /* 20 trees of three rows */
        clear_out();
        pass_ms(1000);
        CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
        CHECK_UINT(lines_in(out), 1);
        CHECK_HAS(out, "14:02:11 job    60/s  p50 1.0 ms  p99 1.0 ms  max 1.0 ms\n");
        clear_out();
        for (i = 0; i < 30; i++) request(&exporter, "job", 1000, false);
        clear_out();
        exporter.shutdown_fn(exporter.user, 0);      /* of a part of a second how many, not how many a second */
        CHECK_STR(out, form ? "14:02:12 job     x30  p50 1.0 ms  p99 1.0 ms  max 1.0 ms\n"
                            : "14:02:12 job     \xc3\x97" "30  p50 1.0 ms  p99 1.0 ms  max 1.0 ms\n");
        clear_out();
        exporter.shutdown_fn(exporter.user, 0);
        CHECK_STR(out, "");
        check_ledger(&exporter, 180);
    }
}

/* A bucket's middle may be faster than all that was in it. */
TEST(percentiles_lie_between_the_fastest_and_the_slowest) {
    trace_exporter exporter;
    unsigned i;
    fresh();
    exporter = make(look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    for (i = 0; i < 30; i++) request(&exporter, "GET /item", 100040 - i, false);
    pass_ms(1000);
    for (i = 0; i < 30; i++) request(&exporter, "GET /item", 80000, false);
    CHECK_HAS(out, "GET /item    30/s  p50 100 ms  p99 100 ms  max 100 ms\n");
    pass_ms(1000);
    CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
    CHECK_HAS(out, "p50 80 ms  p99 80 ms  max 80 ms\n");       /* each second begins anew */
}

TEST(percentiles_of_more_than_a_bucket_holds) {
    static tracei_console_root root;
    uint32_t i;
    for (i = 0; i < 140000; i++) tracei_console_count_tree(&root, i % 50 == 7 ? 50 * MS : MS, false);
    CHECK(tracei_console_percentile(&root, 50) < 2 * MS);
    CHECK(tracei_console_percentile(&root, 99) > 45 * MS);
    CHECK_UINT(root.count, 140000);
}

TEST(names_without_end_are_thinned_too) {
    static char names[500][24];
    trace_exporter exporter;
    unsigned i;
    fresh();
    exporter = make(look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    for (i = 0; i < 500; i++) {
        snprintf(names[i], sizeof names[i], "GET /item/%u", i);
        request(&exporter, names[i], 1000, false);
    }
    pass_ms(1000);
    CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
    CHECK(lines_in(out) < 250);
    CHECK_HAS(out, "(other names)   437/s");
    check_ledger(&exporter, 1000);
}

/* What was not seen for a minute gives its place to a new name. */
TEST(names_give_their_places_back) {
    trace_exporter exporter;
    char name[32];
    unsigned i;
    fresh();
    exporter = make(look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    for (i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "GET /%u", i);
        request(&exporter, name, 1000, false);
    }
    pass_ms(62000);
    CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
    for (i = 0; i < 30; i++) request(&exporter, "late comer", 1000, false);
    clear_out();
    pass_ms(1000);
    CHECK_INT(exporter.flush_fn(exporter.user, 0), TRACE_RESULT_OK);
    CHECK_STR(out, "14:03:13 late comer    30/s  p50 1.0 ms  p99 1.0 ms  max 1.0 ms\n");
}

TEST(all_is_all) {
    trace_console_options options = look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES);
    trace_exporter exporter;
    unsigned i;
    fresh();
    options.format = TRACE_CONSOLE_FORMAT_ALL;
    exporter = make(options);
    CHECK(exporter.whole_traces);
    for (i = 0; i < 200; i++) request(&exporter, "GET /item", 1000, false);
    CHECK_UINT(lines_in(out), 600);
}

/* ---- lines ---- */

static void build_lines(void) {
    build_checkout();
    build_rich_spans();
    build_hostile();
}

TEST(logfmt) {
    trace_console_options options = look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES);
    trace_value items[2];
    trace_exporter exporter;
    options.format = TRACE_CONSOLE_FORMAT_LINE;
    golden("lines", build_lines, COMPLETE, options);
    CHECK_UINT(lines_in(out), span_count);
    CHECK_HAS(out, "c1=\"\\u009b31m\" bidi=\"\\u202eesrever\"");
    CHECK_HAS(out, "line 1\\nline 2\\u007f");
    fresh();
    exporter = make(options);
    CHECK(!exporter.whole_traces);
    memset((void *)items, 0, sizeof items);
    items[0].type = items[1].type = TRACE_TYPE_STRING;
    items[0].as.string = text_of("plain");
    items[1].as.string = text_of("has \"quotes\"");
    span_ns(1, 0, "arrays", 0, 1);
    {
        trace_attribute *const added = set(&spans[0], "key = list", TRACE_TYPE_ARRAY);
        added->value.as.array.items = items;
        added->value.as.array.count = 2;
    }
    export_as(&exporter, COMPLETE);
    CHECK_HAS(out, " key___list=\"[plain,\\\"has \\\\\\\"quotes\\\\\\\"\\\"]\"");
    CHECK_HAS(out, " duration_ms=0.000001 ");
}

/* ---- small parts ---- */

TEST(durations) {
    static const struct { uint64_t ns; unsigned digits; const char *text; } cases[] = {
        {0, 3, "0 ns"}, {1, 3, "1 ns"}, {999, 3, "999 ns"}, {1000, 3, "1.00 us"}, {1234, 3, "1.23 us"}, {9995, 3, "10.0 us"}, {9994, 3, "9.99 us"},
        {99949, 3, "99.9 us"}, {99950, 3, "100 us"}, {999499, 3, "999 us"}, {999500, 3, "1.00 ms"}, {41300000, 3, "41.3 ms"},
        {999499999, 3, "999 ms"}, {999500000, 3, "1.00 s"}, {2290000000, 3, "2.29 s"}, {59949999999, 3, "59.9 s"}, {59950000000, 3, "1.00 m"},
        {60000000000, 3, "1.00 m"}, {90000000000, 3, "1.50 m"}, {5990000000000, 3, "99.8 m"}, {5999000000000, 3, "1.67 h"}, {36000000000000, 3, "10.0 h"}, {864000000000000, 3, "240 h"},
        {UINT64_MAX, 3, "5124095 h"}, {1150000, 2, "1.2 ms"}, {9949999, 2, "9.9 ms"}, {9950000, 2, "10 ms"}, {71400000, 2, "71 ms"}, {204000000, 2, "204 ms"}};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[24];
        tracei_console_time(text, cases[i].ns, cases[i].digits, "us");
        CHECK_STR(text, cases[i].text);
    }
}

/* A clock that was set back: it took no time, not 584 years. */
TEST(an_end_before_the_start_is_no_time) {
    trace_exporter exporter;
    fresh();
    exporter = make(look(0, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    span_us(1, 0, "root", 0, 900);
    span_us(2, 1, "backward", 500, 400);
    export_as(&exporter, COMPLETE);
    CHECK_HAS(out, " 0 ns ");
    CHECK_UINT(tracei_console_length(&spans[1]), 0);
}

TEST(dates) {
    static const struct { uint64_t s; const char *text; } cases[] = {
        {0, "1970-01-01T00:00:00"}, {951782400, "2000-02-29T00:00:00"}, {951868800, "2000-03-01T00:00:00"}, {1709251199, "2024-02-29T23:59:59"},
        {1772373731, "2026-03-01T14:02:11"}, {4107542400, "2100-03-01T00:00:00"}, {1767225599, "2025-12-31T23:59:59"}, {1767225600, "2026-01-01T00:00:00"}};
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[48];
        *tracei_console_hms(tracei_console_date(text, cases[i].s), cases[i].s) = '\0';
        CHECK_STR(text, cases[i].text);
    }
}

TEST(histogram_buckets_are_narrow) {
    uint64_t ns;
    uint32_t before = 0;
    for (ns = 0; ns < UINT64_C(10000000000000); ns = ns + 1 + ns / 7) {
        const uint32_t bucket = tracei_console_bucket(ns);
        const uint64_t middle = tracei_console_bucket_ns(bucket);
        CHECK(bucket >= before && bucket < TRACEI_CONSOLE_BUCKETS);
        CHECK((middle > ns ? middle - ns : ns - middle) <= ns / 15 + 1);
        before = bucket;
    }
    CHECK_UINT(tracei_console_bucket(UINT64_MAX), TRACEI_CONSOLE_BUCKETS - 1);
    for (ns = UINT64_C(1) << 40; ns < UINT64_C(1) << 63; ns *= 2) CHECK(tracei_console_bucket(ns) < TRACEI_CONSOLE_BUCKETS);
}

TEST(bars_lie_where_the_span_ran) {
    trace_exporter exporter;
    tracei_console *console;
    fresh();
    exporter = make(look(100, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    console = (tracei_console *)exporter.user;
    console->start = 0;
    console->end = 1280;
    {
        static const struct { uint64_t start, end; const char *bar; } cases[] = {
            {0, 1280, "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88\xe2\x96\x88  "},
            {0, 0, "\xe2\x96\x8f                 "}, {1280, 1280, "               \xe2\x96\x90  "}, {40, 100, "\xe2\x96\x90\xe2\x96\x8e                "},
            {0, 40, "\xe2\x96\x8c                 "}};
        size_t i;
        for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            tracei_console_row_begin(console, NULL);
            tracei_console_bar(console, cases[i].start, cases[i].end, "");
            CHECK_TEXT(console->page + console->row, console->page_size - console->row, cases[i].bar);
            CHECK_UINT(console->column, 18);
            console->page_size = 0;
        }
    }
}

/* ---- how it is chosen ---- */

static const tracei_console *console_with(const char *variables, trace_console_options options) {
    trace_exporter exporter;
    fresh();
    environment(variables);
    exporter = make(options);
    return (const tracei_console *)exporter.user;
}

TEST(the_environment_of_the_console_is_kept) {
    static const char *const entries[] = {"TRACE_CONSOLE=all", "NO_COLOR=1", "CLICOLOR_FORCE=1", "TERM=dumb", "COLUMNS=80", "LC_ALL=C", "LC_CTYPE=C", "LANG=C"};
    size_t i;
    for (i = 0; i < sizeof entries / sizeof entries[0]; i++)
        if (!CHECK(tracei_environment_concerns(entries[i]))) fprintf(stderr, "    tracei_variables has no entry for %s\n", entries[i]);
}

TEST(format_by_environment) {
    trace_console_options options = look(0, TRACE_CHOICE_NO, TRACE_CHOICE_NO);
    CHECK_INT(console_with("", options)->options.format, TRACE_CONSOLE_FORMAT_TREE);
    CHECK_INT(console_with("TRACE_CONSOLE=line", options)->options.format, TRACE_CONSOLE_FORMAT_LINE);
    CHECK_INT(console_with("TRACE_CONSOLE=ALL", options)->options.format, TRACE_CONSOLE_FORMAT_ALL);
    options.format = TRACE_CONSOLE_FORMAT_LINE;
    CHECK_INT(console_with("TRACE_CONSOLE=tree", options)->options.format, TRACE_CONSOLE_FORMAT_TREE);
    CHECK_UINT(logged_lines, 0);
    CHECK_INT(console_with("TRACE_CONSOLE=lien", options)->options.format, TRACE_CONSOLE_FORMAT_LINE);
    (void)make(options);
    CHECK_UINT(logged_lines, 1);
    CHECK_HAS(logged, "TRACE_CONSOLE=lien");
    CHECK_HAS(logged, "tree, all, line");
}

TEST(look_by_environment) {
    const trace_console_options options = look(0, TRACE_CHOICE_AUTO, TRACE_CHOICE_AUTO);
    CHECK(!console_with("LANG=C", options)->unicode);
    CHECK(console_with("LANG=en_US.UTF-8", options)->unicode);
    CHECK(console_with("LANG=C|LC_CTYPE=de_DE.utf8", options)->unicode);
    CHECK(!console_with("LANG=C.UTF-8|LC_ALL=POSIX", options)->unicode);
    CHECK(!console_with("", options)->color);
    CHECK(console_with("CLICOLOR_FORCE=1", options)->color);
    CHECK(!console_with("CLICOLOR_FORCE=0", options)->color);
    CHECK(!console_with("CLICOLOR_FORCE=1|NO_COLOR=1", options)->color);
    CHECK(console_with("NO_COLOR=1", look(0, TRACE_CHOICE_YES, TRACE_CHOICE_AUTO))->color);
    CHECK_UINT(console_with("", options)->width, 100);
    CHECK_UINT(console_with("COLUMNS=132", options)->width, 132);
    CHECK_UINT(console_with("COLUMNS=wide", options)->width, 100);
    CHECK_UINT(console_with("COLUMNS=132", look(90, TRACE_CHOICE_AUTO, TRACE_CHOICE_AUTO))->width, 90);
}

TEST(one_console_for_each_destination) {
    trace_console_options options = look(0, TRACE_CHOICE_NO, TRACE_CHOICE_NO);
    static char users[8];
    trace_exporter first, second;
    size_t i;
    fresh();
    first = trace_console_exporter(NULL);
    second = trace_console_exporter(NULL);
    CHECK(first.user != NULL && first.user == second.user);
    CHECK_STR(first.name, "console");
    CHECK(first.whole_traces);
    for (i = 0; i < TRACEI_CONSOLES_MAX - 1; i++) {
        options.user = &users[i];
        second = trace_console_exporter(&options);
        CHECK(second.export_fn != NULL && second.user != first.user);
    }
    CHECK_UINT(logged_lines, 0);
    options.user = &users[i];
    second = trace_console_exporter(&options);
    CHECK(second.export_fn == NULL);
    CHECK_UINT(logged_lines, 1);
}

TEST(options_that_cannot_be_are_named) {
    static const char *const fields[] = {"format", "color", "unicode", "descriptor_plus_one"};
    trace_console_options options[4];
    unsigned i;
    memset((void *)options, 0, sizeof options);
    options[0].format = (trace_console_format)77;
    options[1].color = (trace_choice)3;
    options[2].unicode = (trace_choice)-1;
    options[3].descriptor_plus_one = -1;
    for (i = 0; i < 4; i++) {
        char line[128];
        fresh();
        snprintf(line, sizeof line, "trace_console_exporter: trace_console_options.%s is not a valid value: start from zero", fields[i]);
        CHECK(trace_console_exporter(&options[i]).export_fn == NULL);
        CHECK_UINT(logged_lines, 1);
        CHECK_HAS(logged, line);
    }
}

TEST(options_may_change_under_way) {
    trace_console_options options = look(0, TRACE_CHOICE_NO, TRACE_CHOICE_NO);
    trace_exporter exporter;
    fresh();
    exporter = make(options);
    build_checkout();
    export_as(&exporter, COMPLETE);
    CHECK_HAS(out, "|- ");
    clear_out();
    options.format = TRACE_CONSOLE_FORMAT_LINE;
    (void)trace_console_exporter(&options);
    export_as(&exporter, COMPLETE);
    CHECK_HAS(out, "level=error");
    check_ledger(&exporter, 12);
}

/* ---- no memory ---- */

TEST(without_memory_a_short_line) {
    trace_exporter exporter;
    trace_exporter_stats stats;
    fresh();
    exporter = make(look(0, TRACE_CHOICE_NO, TRACE_CHOICE_NO));
    build_checkout();
    test_refused = "memory";
    test_refused_after = 0;
    export_as(&exporter, COMPLETE);
    test_refused = NULL;
    CHECK_UINT(lines_in(out), 1);
    CHECK_HAS(out, "41.3 ms  POST /checkout  (no memory to say more)");
    stats = stats_of(&exporter);
    CHECK_UINT(stats.sent, 1);
    CHECK_UINT(stats.failed[TRACE_FAILURE_TOO_LARGE], 5);
    check_ledger(&exporter, 6);
}

/* There are rows, but no nodes: what failed first is told all the same. */
TEST(without_memory_for_a_tree_the_first_failure_stays) {
    trace_exporter exporter;
    fresh();
    exporter = make(look(0, TRACE_CHOICE_NO, TRACE_CHOICE_NO));
    request(&exporter, "GET /item", 1000, false);
    clear_trace();
    clear_out();
    build_importer();
    test_refused = "memory";
    export_as(&exporter, COMPLETE);
    CHECK_STR(out, "   2.90 s  import  286 spans, no memory for their tree  batch  ERROR Conflict: key 2214\n");
    test_refused = NULL;
    clear_trace();
    clear_out();
    build_parts();
    test_refused = "memory";
    export_as(&exporter, OPEN);
    CHECK_STR(out, "   900 us  serve > GET /item  828 spans, no memory for their tree  query  ERROR Timeout: no answer\n");
    test_refused = NULL;
    check_ledger(&exporter, 2 + 286 + 828);
}

TEST(any_refusal_of_memory_keeps_the_ledger) {
    unsigned after, form;
    for (form = 1; form <= 3; form++) {
        for (after = 0; after < 8; after++) {
            trace_console_options options = look(80, TRACE_CHOICE_YES, TRACE_CHOICE_YES);
            trace_exporter exporter;
            fresh();
            options.format = (trace_console_format)form;
            exporter = make(options);
            build_importer();
            test_refused = "memory";
            test_refused_after = after;
            export_as(&exporter, COMPLETE);
            test_refused = NULL;
            check_ledger(&exporter, span_count);
            CHECK(out_is_whole);
            CHECK(out_size != 0);
            clear_out();
            export_as(&exporter, COMPLETE);        /* and afterwards all is well */
            CHECK_HAS(out, "import");
            check_ledger(&exporter, 2 * span_count);
        }
    }
}

/* ---- where it is written ---- */

#ifndef _WIN32
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>

static uint64_t real_ms(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static trace_exporter make_for(int descriptor) {
    trace_console_options options;
    memset((void *)&options, 0, sizeof options);
    options.descriptor_plus_one = descriptor + 1;
    return trace_console_exporter(&options);
}

/* The real clock: deadlines have to pass. */
static void fresh_in_real_time(void) {
    fresh();
    memset((void *)&tracei_clock, 0, sizeof tracei_clock);
}

static void read_what_is_there(int descriptor) {
    char chunk[4096];
    ssize_t got;
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    while ((got = read(descriptor, chunk, sizeof chunk)) > 0) keep_text(NULL, chunk, (size_t)got);
}

/* The two ends of a terminal; -1: there is none here. */
static int terminal_pair(int *slave) {
    struct termios mode;
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    char name[128];
    if (master < 0) return -1;
    if (grantpt(master) != 0 || unlockpt(master) != 0 || !ptsname(master)) {
        close(master);
        return -1;
    }
    snprintf(name, sizeof name, "%s", ptsname(master));
    *slave = open(name, O_RDWR | O_NOCTTY);
    if (*slave < 0) {
        close(master);
        return -1;
    }
    if (tcgetattr(*slave, &mode) == 0) {
        mode.c_oflag &= ~(tcflag_t)OPOST;                       /* what is written is what is read */
        (void)tcsetattr(*slave, TCSANOW, &mode);
    }
    return master;
}

/* Exports until the queue is full, and more; if any of it waited for the reader, it would wait for ever. */
static uint64_t overfill(const trace_exporter *exporter) {
    uint64_t received = 0;
    unsigned i;
    environment("TRACE_CONSOLE=all");
    for (i = 0; i < 1500; i++) {
        clear_trace();
        build_importer();
        span_count = 24;
        export_as(exporter, COMPLETE);
        received += 24;
    }
    return received;
}

static trace_exporter make_all_for(int descriptor) {
    trace_console_options options;
    memset((void *)&options, 0, sizeof options);
    options.descriptor_plus_one = descriptor + 1;
    options.format = TRACE_CONSOLE_FORMAT_ALL;
    return trace_console_exporter(&options);
}

static int drained;
static uint32_t stop_draining;

static void *drain(void *user) {
    while (!__atomic_load_n(&stop_draining, __ATOMIC_ACQUIRE)) {
        struct pollfd polled;
        polled.fd = drained;
        polled.events = POLLIN;
        polled.revents = 0;
        (void)poll(&polled, 1, 2);
        read_what_is_there(drained);
    }
    return user;
}

/* A reader that does not read, then does: nothing waits, everything is counted, and the reader is told. */
static bool had_way_of_its_own;

static void check_stopped_reader(int writer, int reader, int is_terminal) {
    trace_exporter exporter = make_all_for(writer);
    tracei_console *const console = (tracei_console *)exporter.user;
    trace_exporter_stats stats;
    pthread_t thread;
    uint64_t received, before, lost;
    received = overfill(&exporter);
    stats = stats_of(&exporter);
    check_ledger(&exporter, received);
    CHECK(stats.queued > 0);
    CHECK(stats.failed[TRACE_FAILURE_QUEUE_FULL] > 0);
    CHECK(console->queue_size - console->queue_head <= TRACEI_CONSOLE_QUEUE);
    CHECK(console->queue_capacity <= TRACEI_CONSOLE_QUEUE);
    before = tracei_mono_ns();
    CHECK_INT(exporter.flush_fn(exporter.user, before + 30 * MS), TRACE_RESULT_TIMEOUT);
    CHECK(tracei_mono_ns() - before >= 30 * MS);
    CHECK(tracei_mono_ns() - before < 2000 * (uint64_t)MS);
    if (is_terminal) CHECK_INT(tcflow(writer, TCOON), 0);
    lost = console->lost;
    CHECK(lost > 0);
    had_way_of_its_own = console->own != 0;
    drained = reader;
    stop_draining = 0;
    REQUIRE(pthread_create(&thread, NULL, drain, NULL) == 0);
    CHECK_INT(exporter.flush_fn(exporter.user, tracei_mono_ns() + 20000 * (uint64_t)MS), TRACE_RESULT_OK);
    CHECK_UINT(stats_of(&exporter).queued, 0);
    clear_trace();
    build_checkout();
    export_as(&exporter, COMPLETE);
    CHECK_INT(exporter.flush_fn(exporter.user, tracei_mono_ns() + 20000 * (uint64_t)MS), TRACE_RESULT_OK);
    __atomic_store_n(&stop_draining, 1u, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    read_what_is_there(reader);
    check_ledger(&exporter, received + 6);
    {
        char told[64];
        snprintf(told, sizeof told, "(%" PRIu64 " spans were not printed: the reader was too slow)", lost);
        CHECK_HAS(out, told);
        CHECK_HAS(out, "POST /checkout");
    }
    CHECK(stats_of(&exporter).failed[TRACE_FAILURE_QUEUE_FULL] >= lost);
}

TEST(a_stopped_pipe) {
    int ends[2];
    fresh_in_real_time();
    REQUIRE(pipe(ends) == 0);
    check_stopped_reader(ends[1], ends[0], 0);
    CHECK((fcntl(ends[1], F_GETFL) & O_NONBLOCK) == 0);         /* who shares the pipe sees no change */
    close(ends[0]), close(ends[1]);
}

TEST(a_stopped_socket) {
    int ends[2];
    fresh_in_real_time();
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    check_stopped_reader(ends[1], ends[0], 0);
    close(ends[0]), close(ends[1]);
}

TEST(a_stopped_terminal) {
    int master, slave = -1, way;
    for (way = 0; way < 2; way++) { /* with a way of our own to it, and without */
        fresh_in_real_time();
        master = terminal_pair(&slave);
        if (master < 0) SKIP("no pseudo-terminals here");
        test_refused = way ? "console reopen" : NULL;
        REQUIRE(tcflow(slave, TCOOFF) == 0);                    /* as Ctrl-S does */
        check_stopped_reader(slave, master, 1);
        CHECK((fcntl(slave, F_GETFL) & O_NONBLOCK) == 0);
        CHECK(((tracei_console *)tracei_consoles)->kind == TRACEI_CONSOLE_TERMINAL);
        CHECK_INT(had_way_of_its_own, !way);
        CHECK_INT(tracei_consoles[0].own, 0);                   /* nothing waits any more */
        close(master), close(slave);
    }
}

/* Through the worker, and nobody records another span: a stopped terminal that goes on gets what waited, and what was lost is
   told; the worker stays awake for it. */
static void run_stopped_for_a_while(void *unused) {
    int slave = -1;
    const int master = terminal_pair(&slave);
    uint64_t deadline;
    trace_config config;
    trace_stats stats;
    unsigned i;
    (void)unused;
    if (master < 0) return;
    environment("TERM=xterm");
    memset((void *)&config, 0, sizeof config);
    config.disable_environment = true;
    config.exporters[0] = make_all_for(slave);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_INT(tcflow(slave, TCOOFF), 0);
    for (i = 0; i < 9000; i++)
        TRACE_SPAN("waits for its reader") {}
    deadline = real_ms() + 20000;
    do {
        (void)poll(NULL, 0, 5);
        trace_get_stats(&stats);
    } while (stats.pending && real_ms() < deadline);
    CHECK(stats_of(&config.exporters[0]).queued > 0);
    CHECK(stats_of(&config.exporters[0]).failed[TRACE_FAILURE_QUEUE_FULL] > 0);
    (void)poll(NULL, 0, 700);                                   /* long enough to fall asleep, if it could */
    CHECK_INT(tcflow(slave, TCOON), 0);
    deadline = real_ms() + 20000;
    fcntl(master, F_SETFL, O_NONBLOCK);
    out_size = 0;
    keep_text(NULL, "", 0);
    while (!strstr(out, "the reader was too slow)") && real_ms() < deadline) {
        (void)poll(NULL, 0, 2);
        read_what_is_there(master);
    }
    CHECK_HAS(out, "spans were not printed: the reader was too slow)");
    CHECK_UINT(stats_of(&config.exporters[0]).queued, 0);
    (void)trace_shutdown(10000);                                /* the worker still has the descriptor */
    close(master), close(slave);
}

TEST(what_waited_goes_on_without_another_span) {
    test_child child = test_fork(run_stopped_for_a_while, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

TEST(what_is_left_at_shutdown) {
    int ends[2];
    trace_exporter exporter;
    trace_exporter_stats stats;
    uint64_t received;
    fresh_in_real_time();
    REQUIRE(pipe(ends) == 0);
    exporter = make_all_for(ends[1]);
    received = overfill(&exporter);
    exporter.shutdown_fn(exporter.user, tracei_mono_ns() + 5 * MS);
    stats = stats_of(&exporter);
    CHECK_UINT(stats.queued, 0);
    CHECK(stats.failed[TRACE_FAILURE_SHUTDOWN] > 0);
    check_ledger(&exporter, received);
    CHECK_INT(tracei_consoles[0].own, 0);
    CHECK(tracei_consoles[0].queue == NULL);
    clear_out();
    read_what_is_there(ends[0]);
    clear_trace();
    build_checkout();
    export_as(&exporter, COMPLETE);                             /* an init after a shutdown goes on */
    read_what_is_there(ends[0]);
    CHECK_HAS(out, "POST /checkout");
    check_ledger(&exporter, received + 6);
    close(ends[0]), close(ends[1]);
}

/* Each datagram is a write. */
TEST(lines_of_several_processes_do_not_cut_each_other) {
    static char chunk[65536];
    trace_exporter exporter;
    ssize_t got;
    unsigned i, whole = 0, pieces = 0, longest = 0;
    int ends[2], way;
    for (way = 0; way < 2; way++) { /* lines, then trees */
        fresh();
        if (way == 0) environment("TRACE_CONSOLE=line");
        REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
        exporter = make_for(ends[1]);
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        for (i = 0; i < 4; i++) {
            clear_trace();
            build_importer();
            span_count = 24;
            export_as(&exporter, COMPLETE);
            while ((got = read(ends[0], chunk, sizeof chunk)) > 0) {
                whole += chunk[got - 1] == '\n';
                pieces++;
                if (got > (ssize_t)longest) longest = (unsigned)got;
            }
        }
        close(ends[0]), close(ends[1]);
    }
    CHECK(pieces >= 8 + 4);                                     /* the lines of 24 spans are more than one write */
    CHECK_UINT(whole, pieces);
    CHECK(longest <= TRACEI_CONSOLE_WRITE);
}

/* A flush, a shutdown and the end of the program have time: the reader, slow as it is, gets everything. */
static void *read_slowly(void *user) {
    char chunk[8192];
    ssize_t got;
    while ((got = read(drained, chunk, sizeof chunk)) > 0) {
        keep_text(NULL, chunk, (size_t)got);
        (void)poll(NULL, 0, 1);
    }
    return user;
}

static void run_for_a_slow_reader(void *user) {
    const int way = *(int *)user;
    trace_console_options options;
    trace_config config;
    pthread_t thread;
    int ends[2], i;
    memset((void *)&options, 0, sizeof options);
    memset((void *)&config, 0, sizeof config);
    CHECK_INT(pipe(ends), 0);
    options.descriptor_plus_one = ends[1] + 1;
    options.format = TRACE_CONSOLE_FORMAT_LINE;
    config.disable_thread = true;
    config.exporters[0] = trace_console_exporter(&options);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 3000; i++)
        TRACE_SPAN("more than the pipe and the queue hold together") {}
    drained = ends[0];
    CHECK_INT(pthread_create(&thread, NULL, read_slowly, NULL), 0);
    CHECK_INT(way ? trace_shutdown(60000) : trace_flush(60000), TRACE_RESULT_OK);
    CHECK_UINT(TRACEI_LOAD(&tracei_patience) != 0, way);        /* none is left over from a flush */
    CHECK_UINT(stats_of(&config.exporters[0]).sent, 3000);
    close(ends[1]);
    pthread_join(thread, NULL);
    CHECK_UINT(lines_in(out), 3000);
    close(ends[0]);
}

TEST(a_slow_reader_is_waited_for_at_the_end) {
    int way;
    for (way = 0; way < 2; way++) {
        test_child child;
        fresh_in_real_time();
        child = test_fork(run_for_a_slow_reader, &way, 120000);
        CHECK_CHILD(&child, 0);
        test_child_free(&child);
    }
}

/* One that has stopped holds nobody up for longer than that; what it got is whole lines, and as many as are counted. */
static void run_for_a_stopped_reader(void *unused) {
    trace_console_options options;
    trace_config config;
    trace_exporter_stats stats;
    int ends[2], i;
    (void)unused;
    memset((void *)&options, 0, sizeof options);
    memset((void *)&config, 0, sizeof config);
    CHECK_INT(pipe(ends), 0);
    options.descriptor_plus_one = ends[1] + 1;
    options.format = TRACE_CONSOLE_FORMAT_LINE;
    config.disable_thread = true;
    config.exporters[0] = trace_console_exporter(&options);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 3000; i++)
        TRACE_SPAN("more than the pipe and the queue hold together") {}
    (void)trace_shutdown(1000);
    stats = stats_of(&config.exporters[0]);
    check_ledger(&config.exporters[0], stats.received);         /* on a busy machine the time may be over before all are there */
    CHECK_UINT(stats.queued, 0);
    CHECK(stats.failed[TRACE_FAILURE_SHUTDOWN] > 0);
    CHECK_STR(stats.last_error, "not read before the end");
    read_what_is_there(ends[0]);
    CHECK(out_size > 0 && out[out_size - 1] == '\n');
    CHECK_UINT(lines_in(out), stats.sent);
    close(ends[0]), close(ends[1]);
}

TEST(a_stopped_reader_gets_whole_lines) {
    test_child child;
    fresh_in_real_time();
    child = test_fork(run_for_a_stopped_reader, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

TEST(what_was_lost_is_logfmt_among_lines) {
    trace_exporter exporter;
    tracei_console *console;
    size_t queued;
    unsigned i;
    int ends[2];
    fresh_in_real_time();
    REQUIRE(pipe(ends) == 0);
    environment("TRACE_CONSOLE=line");
    exporter = make_for(ends[1]);
    console = (tracei_console *)exporter.user;
    build_importer();
    span_count = 24;
    for (i = 0; i < 200; i++) export_as(&exporter, COMPLETE);
    CHECK(console->lost > 0);
    console->lost = 4711;
    read_what_is_there(ends[0]);
    for (i = 0; i < 100 && console->queue; i++) {
        tracei_console_put(console, "", 0, 0);
        read_what_is_there(ends[0]);
    }
    CHECK(console->queue == NULL);
    CHECK_HAS(out, "Z level=warn lost_spans=4711 msg=\"spans were not printed: the reader was too slow\"\n");
    for (i = 0; i < out_size; i++)
        if (i == 0 || out[i - 1] == '\n') CHECK(strncmp(out + i, "time=2", 6) == 0);
    for (i = 0; i < 20; i++) export_as(&exporter, COMPLETE);
    queued = console->queue_size;
    CHECK(queued > 0);
    for (i = 0; i < 20; i++) tracei_console_put(console, "", 0, 0);    /* what each pass does */
    CHECK_UINT(console->queue_size, queued);
    close(ends[0]), close(ends[1]);
}

TEST(a_terminal_is_a_terminal) {
    struct winsize size;
    trace_exporter exporter;
    const tracei_console *console;
    int slave, master;
    fresh();
    master = terminal_pair(&slave);
    if (master < 0) SKIP("no pseudo-terminals here");
    memset(&size, 0, sizeof size);
    size.ws_col = 77;
    size.ws_row = 24;
    REQUIRE(ioctl(master, TIOCSWINSZ, &size) == 0);
    environment("LANG=C.UTF-8|COLUMNS=33");
    exporter = make_for(slave);
    console = (const tracei_console *)exporter.user;
    build_checkout();
    export_as(&exporter, COMPLETE);
    read_what_is_there(master);
    CHECK_HAS(out, "\033[1mPOST /checkout\033[0m");
    CHECK_HAS(out, "\xe2\x96\x88\xe2\x96\x88");
    CHECK_UINT(console->width, 77);
    size.ws_col = 0;
    REQUIRE(ioctl(master, TIOCSWINSZ, &size) == 0);
    export_as(&exporter, COMPLETE);
    CHECK_UINT(console->width, 33);
    environment("TERM=dumb");
    (void)make_for(slave);
    export_as(&exporter, COMPLETE);
    CHECK(console->rich && !console->color && !console->unicode);
    environment("NO_COLOR=1|TERM=xterm");
    (void)make_for(slave);
    export_as(&exporter, COMPLETE);
    CHECK(console->rich && !console->color);
    close(master), close(slave);
}

static volatile sig_atomic_t pipe_signals;
static void count_pipe_signal(int number) { (void)number, pipe_signals++; }

TEST(a_closed_pipe) {
    struct sigaction action, before;
    trace_exporter exporter;
    sigset_t one, old, pending;
    int ends[2];
    fresh();
    memset(&action, 0, sizeof action);
    action.sa_handler = count_pipe_signal;
    sigaction(SIGPIPE, &action, &before);
    pipe_signals = 0;
    REQUIRE(pipe(ends) == 0);
    exporter = make_for(ends[1]);
    build_checkout();
    export_as(&exporter, COMPLETE);
    CHECK_UINT(stats_of(&exporter).sent, 6);
    CHECK_STR(stats_of(&exporter).last_error, "");
    close(ends[0]);
    errno = 77;
    export_as(&exporter, COMPLETE);
    CHECK_INT(errno, 77);
    CHECK_UINT(stats_of(&exporter).failed[TRACE_FAILURE_UNREACHABLE], 6);
    CHECK_STR(stats_of(&exporter).last_error, "Broken pipe");
    CHECK(stats_of(&exporter).last_failure_unix_ns && stats_of(&exporter).last_success_unix_ns);
    CHECK_INT(exporter.flush_fn(exporter.user, UINT64_MAX), TRACE_RESULT_OK);
    CHECK_INT(pipe_signals, 0);
    sigemptyset(&one);
    sigaddset(&one, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &one, &old);                     /* one of the program's own that waits stays */
    raise(SIGPIPE);
    tracei_consoles[0].is_dead = false;
    export_as(&exporter, COMPLETE);
    sigpending(&pending);
    CHECK_INT(sigismember(&pending, SIGPIPE), 1);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    CHECK_INT(pipe_signals, 1);
    check_ledger(&exporter, 18);
    sigaction(SIGPIPE, &before, NULL);
    close(ends[1]);
}

static void print_past_the_limit(void *user) {
    const trace_exporter *const exporter = (const trace_exporter *)user;
    struct rlimit before, limit;
    sigset_t pending;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 20;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    export_as(exporter, COMPLETE);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK_UINT(stats_of(exporter).failed[TRACE_FAILURE_UNREACHABLE], 6);
    sigpending(&pending);
    CHECK_INT(sigismember(&pending, SIGXFSZ), 0);
}

TEST(a_file_that_may_not_grow) {
    char path[] = "/tmp/trace_console_XXXXXX";
    const int descriptor = mkstemp(path);
    trace_exporter exporter;
    test_child child;
    fresh();
    REQUIRE(descriptor >= 0);
    exporter = make_for(descriptor);
    build_checkout();
    child = test_fork(print_past_the_limit, &exporter, 5000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    CHECK_INT(lseek(descriptor, 0, SEEK_END), 20);
    close(descriptor);
    unlink(path);
}

static void log_past_the_limit(void *user) {
    const int file = *(const int *)user, kept = dup(STDERR_FILENO);
    struct rlimit before, limit;
    CHECK(kept >= 0 && dup2(file, STDERR_FILENO) >= 0);
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 0;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    tracei_log(TRACE_LOG_LEVEL_ERROR, "there is no room for this");
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
}

TEST(a_log_line_kills_nobody) {
    char path[] = "/tmp/trace_console_XXXXXX";
    int file = mkstemp(path), ends[2];
    test_child child;
    REQUIRE(file >= 0 && pipe(ends) == 0);
    child = test_fork(log_past_the_limit, &file, 5000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    close(ends[0]);                                             /* nobody reads */
    child = test_fork(log_past_the_limit, &ends[1], 5000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    close(ends[1]);
    close(file);
    unlink(path);
}

TEST(a_closed_descriptor) {
    trace_exporter exporter;
    int ends[2], other[2];
    fresh();
    REQUIRE(pipe(ends) == 0);
    exporter = make_for(ends[1]);
    build_checkout();
    export_as(&exporter, COMPLETE);
    close(ends[1]);
    export_as(&exporter, COMPLETE);
    CHECK_UINT(stats_of(&exporter).failed[TRACE_FAILURE_UNREACHABLE], 6);
    CHECK_STR(stats_of(&exporter).last_error, "Bad file descriptor");
    clear_out();
    read_what_is_there(ends[0]);
    {
        char byte;
        CHECK_INT(read(ends[0], &byte, 1), 0);                  /* no way of ours keeps the pipe open */
    }
    close(ends[0]);
    REQUIRE(pipe(other) == 0);                                  /* the number is somebody else's now */
    export_as(&exporter, COMPLETE);
    clear_out();
    read_what_is_there(other[0]);
    CHECK_UINT(out_size, 0);
    check_ledger(&exporter, 18);
    close(other[0]), close(other[1]);
}

TEST(a_full_device_is_told) {
    const int full = open("/dev/full", O_WRONLY);
    trace_exporter exporter;
    if (full < 0) SKIP("no /dev/full here");
    fresh();
    exporter = make_for(full);
    build_checkout();
    export_as(&exporter, COMPLETE);
    CHECK_UINT(stats_of(&exporter).failed[TRACE_FAILURE_UNREACHABLE], 6);
    CHECK_STR(stats_of(&exporter).last_error, "No space left on device");
    close(full);
}

TEST(a_descriptor_that_cannot_be_written_to_is_named) {
    static const char line[] = "trace_console_options.descriptor_plus_one is ";
    int ends[2];
    fresh();
    REQUIRE(pipe(ends) == 0);
    (void)make_for(ends[1]);
    (void)make_for(-1);                                         /* the default is not asked: it may be closed on purpose */
    CHECK_UINT(logged_lines, 0);
    (void)make_for(ends[0]);
    CHECK_HAS(logged, line);
    CHECK_UINT(logged_lines, 1);
    close(ends[0]), close(ends[1]);
    logged[0] = '\0';
    CHECK(make_for(ends[1]).export_fn != NULL);
    CHECK_HAS(logged, line);
    CHECK_UINT(logged_lines, 2);
}

/* The program began without a standard error: its number is that of the first file it opens. */
static void run_without_stderr(void *unused) {
    trace_exporter exporter;
    struct stat file;
    const int kept = dup(2);
    int opened;
    (void)unused;
    fresh();
    close(2);
    tracei_stderr_look();                                       /* as at the program's start */
    opened = fileno(tmpfile());
    exporter = make_for(2);
    build_checkout();
    export_as(&exporter, COMPLETE);
    (void)exporter.flush_fn(exporter.user, UINT64_MAX);
    memset((void *)&tracei_logger, 0, sizeof tracei_logger);
    tracei_log(TRACE_LOG_LEVEL_ERROR, "something to be told");
    CHECK_INT(fstat(2, &file), 0);
    dup2(kept, 2);
    CHECK_INT(opened, 2);
    CHECK_INT(file.st_size, 0);
    CHECK_UINT(stats_of(&exporter).failed[TRACE_FAILURE_UNREACHABLE], 6);
    CHECK_STR(stats_of(&exporter).last_error, "Bad file descriptor");
    check_ledger(&exporter, 6);
}

TEST(a_file_that_got_the_number_of_stderr) {
    test_child child = test_fork(run_without_stderr, NULL, 10000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

TEST(dup2_is_followed) {
    trace_exporter exporter;
    int first[2], second[2];
    fresh();
    REQUIRE(pipe(first) == 0 && pipe(second) == 0);
    exporter = make_for(first[1]);
    build_checkout();
    export_as(&exporter, COMPLETE);
    REQUIRE(dup2(second[1], first[1]) == first[1]);
    clear_out();
    read_what_is_there(first[0]);
    CHECK(out_size > 0);
    export_as(&exporter, COMPLETE);
    clear_out();
    read_what_is_there(first[0]);
    CHECK_UINT(out_size, 0);
    read_what_is_there(second[0]);
    CHECK_HAS(out, "POST /checkout");
    CHECK_UINT(stats_of(&exporter).sent, 12);
    close(first[0]), close(first[1]), close(second[0]), close(second[1]);
}

/* A daemon closes its standard error so that who started it goes on. */
static void run_and_close(void *unused) {
    trace_console_options options;
    trace_config config;
    int ends[2];
    char text[1024];
    (void)unused;
    memset((void *)&options, 0, sizeof options);
    memset((void *)&config, 0, sizeof config);
    CHECK(pipe(ends) == 0);
    options.descriptor_plus_one = ends[1] + 1;
    config.disable_thread = true;
    config.exporters[0] = trace_console_exporter(&options);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("by a pass") {}
    (void)trace_pump(0);
    TRACE_SPAN("by a flush") {}
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    close(ends[1]);
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(read(ends[0], text, sizeof text) > 0);
    CHECK_INT(read(ends[0], text, sizeof text), 0);             /* the end, and not "nothing yet" */
    close(ends[0]);
}

TEST(a_pipe_ends_when_the_program_closes_it) {
    test_child child = test_fork(run_and_close, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

TEST(a_regular_file_takes_everything) {
    char path[] = "/tmp/test_console_XXXXXX";
    const int file = mkstemp(path);
    trace_exporter exporter;
    uint64_t received;
    fresh();
    REQUIRE(file >= 0);
    exporter = make_all_for(file);
    received = overfill(&exporter);
    CHECK_UINT(stats_of(&exporter).sent, received);
    check_ledger(&exporter, received);
    close(file);
    unlink(path);
}

static void child_of_fork(void *user) {
    const trace_exporter *const exporter = (const trace_exporter *)user;
    const trace_exporter_stats stats = stats_of(exporter);
    exporter->fork_fn(exporter->user);
    CHECK(stats.queued > 0);
    CHECK_UINT(stats_of(exporter).received, 0);
    CHECK_UINT(stats_of(exporter).queued, 0);
    CHECK_INT(exporter->flush_fn(exporter->user, 0), TRACE_RESULT_OK);          /* nothing of the parent's is written twice */
    clear_trace();
    build_checkout();
    export_as(exporter, COMPLETE);
    check_ledger(exporter, 6);
}

TEST(a_forked_child_forgets) {
    trace_exporter exporter;
    test_child child;
    uint64_t received;
    int ends[2];
    fresh_in_real_time();
    REQUIRE(pipe(ends) == 0);
    exporter = make_all_for(ends[1]);
    received = overfill(&exporter);
    child = test_fork(child_of_fork, &exporter, 10000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    check_ledger(&exporter, received);
    CHECK(stats_of(&exporter).queued > 0);
    close(ends[0]), close(ends[1]);
}

static uint32_t stop_reading;

static void *read_stats(void *user) {
    const trace_exporter *const exporter = (const trace_exporter *)user;
    while (!__atomic_load_n(&stop_reading, __ATOMIC_RELAXED)) {
        const trace_exporter_stats stats = stats_of(exporter);
        uint64_t sum = stats.sent + stats.queued;
        int i;
        for (i = 0; i < TRACE_FAILURE_COUNT; i++) sum += stats.failed[i];
        if (sum != stats.received) FAIL("the ledger does not add up while it moves");
        (void)trace_console_exporter(NULL);
        sched_yield();
    }
    return NULL;
}

TEST(any_thread_may_read_the_ledger) {
    trace_exporter exporter;
    pthread_t reader;
    unsigned i;
    fresh();
    exporter = make(look(80, TRACE_CHOICE_NO, TRACE_CHOICE_YES));
    build_checkout();
    stop_reading = 0;
    REQUIRE(pthread_create(&reader, NULL, read_stats, &exporter) == 0);
    for (i = 0; i < test_scaled(2000); i++) export_as(&exporter, COMPLETE);
    __atomic_store_n(&stop_reading, 1u, __ATOMIC_RELAXED);
    pthread_join(reader, NULL);
    check_ledger(&exporter, 6 * test_scaled(2000));
}
#endif

TEST_MAIN()
