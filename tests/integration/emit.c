/* emit.c - records a corpus through the public API and writes down, in words of its own, what it recorded
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   emit TRUTH SPANS SEED [key=integer ...]     whole traces with everything in them; the pairs are resource attributes
   emit steady TRUTH THREADS                   small spans by so many threads until standard input ends

   Where to send is told by the environment, as for any program. TRUTH gets a line of JSON for the resource and one for each span
   (see ../oracle/corpus.h), made from what was asked for, not from what an exporter saw; times of "0" were left to the library,
   between "from" and "to" of the first line. Standard output gets the ledgers. EMIT_PLAIN=1: what Phoenix can keep (no bytes, no
   empty values). EMIT_FOREIGN=1: no keys that belong to a backend. */
#define TRACE_IMPLEMENTATION
#include "../../trace_otlp.h"
#include "../../trace_zipkin.h"
#include "../../trace_jaeger.h"

#include "../oracle/corpus.h"

#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

#define FAN 4
#define LISTS 12
#define THREADS_MAX 16

static FILE *truth;
static bool plain, foreign;
static uint64_t base_ns;
static unsigned left;

static const trace_scope scopes[] = {{NULL, NULL, NULL}, {"lib", NULL, NULL}, {"lib", "1.0", NULL}, {"\xc3\xa9t\xc3\xa9 \"2\"", "\\", "https://example.org/schema"}};

static uint64_t unix_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Without the bytes from the first NUL on: what a C string can say. */
static trace_string c_text(bool may_be_empty) {
    trace_string text = corpus_text(true);
    text.size = strlen(text.data);
    if (!text.size && !may_be_empty) text = corpus_copy("x", 1);
    return text;
}

static bool is_taken(const trace_attribute *attributes, size_t count, trace_string key) {
    for (size_t i = 0; i < count; i++)
        if (attributes[i].key.size == key.size && memcmp(attributes[i].key.data, key.data, key.size) == 0) return true;
    return false;
}

/* The Collector's Zipkin receiver takes two of these in an annotation for a form of its own, and refuses the batch. */
static trace_string without_pipes(trace_string text) {
    char *bytes = (char *)corpus_take(text.size + 1);
    for (size_t i = 0; i < text.size; i++) bytes[i] = text.data[i] == '|' ? '/' : text.data[i];
    text.data = bytes;
    return text;
}

static void pipes_away(trace_value *value) {
    trace_value *items;
    if (value->type == TRACE_TYPE_STRING || value->type == TRACE_TYPE_JSON) value->as.string = without_pipes(value->as.string);
    if (value->type != TRACE_TYPE_ARRAY) return;
    items = (trace_value *)corpus_take((value->as.array.count + 1) * sizeof *items);
    for (size_t i = 0; i < value->as.array.count; i++) {
        items[i] = value->as.array.items[i];
        pipes_away(&items[i]);
    }
    value->as.array.items = items;
}

static trace_value value_of(void) {
    trace_value value = corpus_value(0);
    while (plain && (value.type == TRACE_TYPE_BYTES || value.type == TRACE_TYPE_NULL || value.type == TRACE_TYPE_ARRAY || value.type == TRACE_TYPE_DOUBLE))
        value = corpus_value(0);
    return value;
}

/* Different keys, some of which mean something to a backend. */
static trace_attribute *attributes_of(size_t *count, unsigned limit) {
    trace_attribute *attributes;
    *count = corpus_below(limit + 1);
    attributes = (trace_attribute *)corpus_take((*count + 1) * sizeof *attributes);
    for (size_t i = 0; i < *count; i++) {
        trace_string key = corpus_key(true);
        attributes[i].value = value_of();
        if (plain || (foreign && (memcmp(key.data, "otel", 4) == 0 || memcmp(key.data, "serv", 4) == 0)) || corpus_below(3) || is_taken(attributes, i, key)) {
            char bytes[700];
            trace_string text = corpus_text(false);
            int size = snprintf(bytes, sizeof bytes, "%c%u ", 'a' + (int)i % 26, (unsigned)i);
            if (plain) text.size = 0;
            memcpy(bytes + size, text.data, text.size);
            key = corpus_copy(bytes, (size_t)size - (plain ? 1 : 0) + text.size);
        }
        attributes[i].key = key;
    }
    return attributes;
}

static trace_context remote_parent(trace_string *state) {
    static const char *const states[] = {"vendor=1,ot=th:8", "a=b", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"};
    char traceparent[64];
    trace_context context;
    const char *text = corpus_below(2) ? states[corpus_below(3)] : NULL;
    snprintf(traceparent, sizeof traceparent, "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-0%u", corpus_random(), corpus_random() | 1,
             corpus_random() | 1, 1 + 2 * corpus_below(2));
    if (!trace_context_parse(&context, traceparent, text)) abort();
    *state = text ? corpus_copy(text, strlen(text)) : corpus_copy("", 0);
    return context;
}

static void set_attribute(trace_span span, const trace_attribute *attribute) {
    char key[800];
    const trace_value *value = &attribute->value;
    const bool is_text = strlen(attribute->key.data) == attribute->key.size;
    memcpy(key, attribute->key.data, attribute->key.size + 1);
    if (is_text && value->type == TRACE_TYPE_STRING) trace_span_set_string_n(span, key, value->as.string.data, value->as.string.size);
    else if (is_text && value->type == TRACE_TYPE_INT) trace_span_set_int(span, key, value->as.integer);
    else if (is_text && value->type == TRACE_TYPE_DOUBLE) trace_span_set_double(span, key, value->as.number);
    else if (is_text && value->type == TRACE_TYPE_BOOL) trace_span_set_bool(span, key, value->as.boolean);
    else if (is_text && value->type == TRACE_TYPE_BYTES) trace_span_set_bytes(span, key, value->as.bytes.data, value->as.bytes.size);
    else trace_span_set_attribute(span, *attribute);
    memset(key, 'X', sizeof key);           /* the library has its own copy */
}

/* One span and what is below it. */
static void emit_tree(unsigned depth, const trace_span_data *parent, trace_context parent_context) {
    trace_span_data data;
    trace_span_options options;
    trace_span span;
    trace_context context;
    trace_event_data events[FAN];
    trace_link_data links[FAN];
    trace_attribute *attributes;
    const unsigned scope = corpus_below(4);
    const bool own_time = corpus_below(4) != 0, remote = !parent && corpus_below(2);
    size_t at_start;

    left--;
    memset(&data, 0, sizeof data);
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    data.name = c_text(!plain);
    data.kind = (trace_kind)(1 + corpus_below(5));
    attributes = attributes_of(&data.attribute_count, corpus_below(10) ? LISTS : 128);
    data.attributes = attributes;
    data.trace_state = corpus_copy("", 0);
    if (parent) {
        memcpy(data.parent_span_id, parent->span_id, 8);
        data.trace_state = parent->trace_state;
        if (corpus_below(2)) options.parent = parent_context;       /* or by being current */
    } else if (remote) {
        options.parent = remote_parent(&data.trace_state);
        memcpy(data.parent_span_id, options.parent.span_id, 8);
        data.parent_is_remote = true;
    } else {
        options.root = true;
    }
    if (own_time) {
        data.start_unix_ns = base_ns + corpus_random() % UINT64_C(1000000000);
        data.end_unix_ns = data.start_unix_ns + (corpus_below(8) ? corpus_random() % UINT64_C(1000000000) : 0);
    }
    options.kind = data.kind;
    options.start_unix_ns = data.start_unix_ns;
    options.scope = &scopes[scope];
    options.attributes = attributes;
    options.attribute_count = at_start = corpus_below((uint32_t)data.attribute_count + 1);
    data.link_count = plain ? 0 : corpus_below(3) ? 0 : corpus_below(FAN);
    for (size_t i = 0; i < data.link_count; i++) {
        memset(&links[i], 0, sizeof links[i]);
        links[i].context = remote_parent(&links[i].trace_state);
        links[i].attributes = attributes_of(&links[i].attribute_count, 3);
    }
    data.links = links;
    options.links = links;
    options.link_count = data.link_count / 2;

    span = trace_span_start_with(data.name.data, &options);
    context = trace_span_context(span);
    memcpy(data.trace_id, context.trace_id, 16);
    memcpy(data.span_id, context.span_id, 8);
    data.flags = context.flags;
    for (size_t i = options.link_count; i < data.link_count; i++)
        trace_span_add_link(span, links[i].context, links[i].attributes, links[i].attribute_count);
    for (size_t i = at_start; i < data.attribute_count; i++) set_attribute(span, &attributes[i]);
    data.event_count = corpus_below(2) ? 0 : corpus_below(FAN);
    for (size_t i = 0; i < data.event_count; i++) {
        trace_attribute *event_attributes;
        memset(&events[i], 0, sizeof events[i]);
        events[i].name = without_pipes(c_text(!plain));
        events[i].attributes = event_attributes = attributes_of(&events[i].attribute_count, 3);
        for (size_t k = 0; k < events[i].attribute_count; k++) {
            event_attributes[k].key = without_pipes(event_attributes[k].key);
            pipes_away(&event_attributes[k].value);
        }
        events[i].unix_ns = own_time ? data.start_unix_ns + 1000 * i : 0;
        if (own_time) trace_span_add_event_at(span, events[i].name.data, events[i].attributes, events[i].attribute_count, events[i].unix_ns);
        else trace_span_add_event(span, events[i].name.data, events[i].attributes, events[i].attribute_count);
    }
    data.events = events;
    data.status = (trace_status)corpus_below(3);
    data.status_message = data.status == TRACE_STATUS_ERROR ? c_text(true) : corpus_copy("", 0);
    if (data.status != TRACE_STATUS_UNSET) trace_span_set_status(span, data.status, data.status_message.data);

    while (depth && left && corpus_below(3)) emit_tree(depth - 1, &data, context);

    if (own_time) trace_span_end_at(span, data.end_unix_ns);
    else trace_span_end(span);
    describe_span(truth, &data, 0, scope);
    fputc('\n', truth);
}

static const char *exporter_name(void) {
    const char *name = getenv("OTEL_TRACES_EXPORTER");
    return name ? name : "otlp";
}

static void print_ledgers(trace_result flushed, unsigned long switches) {
    trace_stats stats;
    trace_exporter_stats exporter;
    uint64_t dropped = 0;
    trace_get_stats(&stats);
    if (!trace_get_exporter_stats(exporter_name(), &exporter)) fprintf(stderr, "emit: no exporter named %s\n", exporter_name());
    for (int i = 0; i < TRACE_DROP_COUNT; i++) dropped += stats.dropped[i];
    printf("{\"flush\":\"%s\",\"ended\":%" PRIu64 ",\"exported\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"pending\":%" PRIu64 ",\"truncated\":%" PRIu64,
           trace_result_string(flushed), stats.ended, stats.exported, dropped, stats.pending, stats.truncated);
    printf(",\"received\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"queued\":%" PRIu64 ",\"switches\":%lu,\"failed\":[", exporter.received, exporter.sent,
           exporter.queued, switches);
    for (int i = 0; i < TRACE_FAILURE_COUNT; i++) printf("%s%" PRIu64, i ? "," : "", exporter.failed[i]);
    printf("]}\n");
    fflush(stdout);
}

/* ---- steady ------------------------------------------------------------------------------------------------------ */

static uint32_t stop;
static unsigned long waits[THREADS_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* A burst, then a pause; a thread that is switched away while it records, and not because its time was up, has waited. */
static void *record_steadily(void *user) {
    const size_t index = (size_t)user;
    trace_context contexts[64];
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        struct rusage before, after;
        struct timespec pause = {0, 2000000};
        getrusage(RUSAGE_THREAD, &before);
        for (int i = 0; i < 64; i++) {
            trace_span_options options;
            trace_span span;
            memset(&options, 0, sizeof options);
            options.struct_size = sizeof options;
            options.root = true;
            span = trace_span_start_with("steady", &options);
            trace_span_set_int(span, "number", i);
            contexts[i] = trace_span_context(span);
            trace_span_end(span);
        }
        getrusage(RUSAGE_THREAD, &after);
        waits[index] += (unsigned long)(after.ru_nvcsw - before.ru_nvcsw);
        pthread_mutex_lock(&mutex);
        for (int i = 0; i < 64; i++) {
            char id[17];
            fprintf(truth, "%s\n", trace_span_id_string(contexts[i], id));
        }
        pthread_mutex_unlock(&mutex);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static int steady(unsigned threads) {
    pthread_t ids[THREADS_MAX];
    unsigned long switches = 0;
    char line[16];
    trace_config config;
    memset(&config, 0, sizeof config);
    if (threads > THREADS_MAX || trace_init(&config) != TRACE_RESULT_OK) return 2;
    for (size_t i = 0; i < threads; i++)
        if (pthread_create(&ids[i], NULL, record_steadily, (void *)i)) return 2;
    while (fgets(line, sizeof line, stdin)) print_ledgers(TRACE_RESULT_OK, 0);
    __atomic_store_n(&stop, 1u, __ATOMIC_RELEASE);
    for (size_t i = 0; i < threads; i++) pthread_join(ids[i], NULL), switches += waits[i];
    fclose(truth);
    print_ledgers(trace_flush(30000), switches);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------------------ */

int main(int argc, char **argv) {
    trace_config config;
    trace_attribute resource[16];
    trace_resource described;
    size_t count = 0;
    uint64_t from;
    const bool is_steady = argc == 4 && strcmp(argv[1], "steady") == 0;
    if (argc < 4) return 2;
    truth = fopen(argv[is_steady ? 2 : 1], "wb");
    if (!truth) {
        perror("emit");
        return 2;
    }
    if (is_steady) return steady((unsigned)strtoul(argv[3], NULL, 10));
    left = (unsigned)strtoul(argv[2], NULL, 10);
    corpus_state = strtoull(argv[3], NULL, 10);
    plain = getenv("EMIT_PLAIN") != NULL;
    foreign = getenv("EMIT_FOREIGN") != NULL;

    resource[count++] = TRACE_ATTR_STRING("service.version", "1.2.3");
    resource[count++] = TRACE_ATTR_STRING("unicode", "\xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80 \"quoted\"\n");
    resource[count++] = TRACE_ATTR_INT("int", -9007199254740993);
    resource[count++] = TRACE_ATTR_DOUBLE("double", 0.1);
    resource[count++] = TRACE_ATTR_BOOL("bool", true);
    for (int i = 4; i < argc && count < sizeof resource / sizeof *resource; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals) return 2;
        resource[count].key.data = argv[i];
        resource[count].key.size = (size_t)(equals - argv[i]);
        resource[count].value.type = TRACE_TYPE_INT;
        resource[count++].value.as.integer = strtoll(equals + 1, NULL, 10);
    }
    memset(&config, 0, sizeof config);
    config.resource_attributes = resource;
    config.resource_attribute_count = count;
    config.lossless_timeout_ms = 20000;
    if (trace_init(&config) != TRACE_RESULT_OK) return 2;

    from = unix_ns();
    base_ns = from - UINT64_C(60000000000);
    memset(&described, 0, sizeof described);
    fprintf(truth, "{\"from\":\"%" PRIu64 "\",\"scopes\":[", from);
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        if (i) fputc(',', truth);
        describe_scope(truth, &scopes[i]);
    }
    fputc(']', truth);
    describe_attributes(truth, resource, count);
    fprintf(truth, "}\n");
    while (left) {
        const size_t kept = corpus_used;
        trace_context none;
        memset(&none, 0, sizeof none);
        emit_tree(5, NULL, none);
        corpus_used = kept;
    }
    {
        const trace_result flushed = trace_flush(30000);
        fprintf(truth, "{\"to\":\"%" PRIu64 "\"}\n", unix_ns());
        fclose(truth);
        print_ledgers(flushed, 0);
    }
    return 0;
}
