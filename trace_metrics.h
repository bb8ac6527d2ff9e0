/* trace_metrics.h - metrics from spans for trace.h, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Calls and durations by span name, and the tracer's own state, as Prometheus or OpenMetrics text in a buffer or a file.

   DO THIS
       #define TRACE_IMPLEMENTATION
       #include "trace_metrics.h"         (brings trace.h along; both stand in one folder)
   in one file, and start the program with
       OTEL_TRACES_EXPORTER=console,metrics TRACE_METRICS_FILE=/var/lib/node_exporter/textfile/shop.prom ./shop
   In code instead, here for a program that answers GET /metrics itself:
       trace_config c = {0};
       c.exporters[0] = trace_console_exporter(NULL);
       c.exporters[1] = trace_metrics_exporter(NULL);
       trace_init(&c);
       ...
       char text[65536];
       size_t size = trace_metrics_render(TRACE_METRICS_FORMAT_PROMETHEUS, text, sizeof text);

   CONTENTS (search for the tag)      >>options  >>registry  >>text  >>state  >>spans  >>exporter

   WHAT IS IN IT
       traces_span_metrics_calls_total                 spans that ended, by span_name, span_kind, status_code, otel_scope_name;
                                                       errors are those with status_code="STATUS_CODE_ERROR"
       traces_span_metrics_duration_seconds            a histogram of how long they took, by the same
       trace_h_spans_..., trace_h_contexts_..., ...    what trace_get_stats tells: started, ended, exported, sampled out,
                                                       dropped by reason, pending, open, ...
       trace_h_exporter_...{exporter="otlp"}           each exporter's ledger: received, sent, failed by reason, queued, and
                                                       when it last succeeded and failed
       target_info                                     the resource: service_name and so on
   The first two have the names and labels of the OpenTelemetry Collector's span metrics connector, so its dashboards work. Spans
   that were sampled out are not in them: they were never recorded. Everything is cumulative since the process (or the forked
   child) began.

   BOUNDS. A name made of ids would make a series a request: beyond max_series (1,000) what is new is counted in one series with
   otel_metric_overflow="true", one line is logged, and nothing grows. Label values are cut at 256 bytes. A series takes about
   1.2 KB with the default bounds and exemplars. The work is done by whoever hands spans to exporters (the worker): recording
   a span costs the same with and without.

   EXEMPLARS. OpenMetrics text carries, for each bucket, trace and span id of the newest span that fell into it.

   THE FILE is written beside its place and renamed, so that a reader sees all or nothing: in flush and shutdown, and every
   file_interval_ms while there are spans. Spans come from the worker, which sleeps when there are none: what was counted after
   the last write of a burst is in the file at the next span, flush or exit. It is Prometheus text, as node_exporter's textfile
   collector wants it.

   ENVIRONMENT, read when the exporter is made
       TRACE_METRICS_FILE                 where to; default: nowhere, trace_metrics_render only

   THREADS. Every function may be called by any thread. There is one set of metrics in a process. */
#ifndef TRACE_METRICS_H_INCLUDED_B8E27A
#define TRACE_METRICS_H_INCLUDED_B8E27A
#define TRACE_METRICS_H_VERSION 100
#define TRACEI_METRICS_NEEDS_TRACE_H 100
#endif

#if !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_metrics.h: another trace.h was found first; include this library's trace.h by its path before trace_metrics.h"
#elif TRACE_H_VERSION < TRACEI_METRICS_NEEDS_TRACE_H
#error "trace_metrics.h: this trace.h is too old; take both files from one version"
#endif

/* >>options ------------------------------------------------------------------------------------------------------- */

#ifndef TRACEI_METRICS_PUBLIC
#define TRACEI_METRICS_PUBLIC 1

#ifdef TRACE_CONFIG_NAMESPACE
#define trace_metrics_content_type TRACEI_NAME(trace_metrics_content_type)
#define trace_metrics_exporter TRACEI_NAME(trace_metrics_exporter)
#define trace_metrics_render TRACEI_NAME(trace_metrics_render)
#define trace_metrics_write TRACEI_NAME(trace_metrics_write)
#define tracei_metrics_choice TRACEI_NAME(tracei_metrics_choice)
#endif

#ifdef __clang__                  /* bool in gnu89, NULL in C++ */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc99-extensions"
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif
#ifdef __cplusplus
extern "C" {
#endif

typedef enum trace_metrics_format {
    TRACE_METRICS_FORMAT_DEFAULT = 0,       /* PROMETHEUS */
    TRACE_METRICS_FORMAT_PROMETHEUS,        /* text format 0.0.4 */
    TRACE_METRICS_FORMAT_OPENMETRICS        /* 1.0.0: with units, exemplars and # EOF */
} trace_metrics_format;

/* All zero is the default for every field. Start from zero. Strings and bounds are copied. */
typedef struct trace_metrics_options {
    uint32_t reserved_first;                /* 0; catches a structure that was not zeroed */
    const char *name;                       /* in stats and logs, static storage; default "metrics" */
    const char *file_path;                  /* default TRACE_METRICS_FILE, else none. Up to 1,000 bytes */
    uint32_t file_interval_ms;              /* default 10,000 */
    trace_metrics_format file_format;
    const double *bounds;                   /* upper bounds of the duration buckets in seconds, ascending, up to 32; default 16
                                               from 10 us to 10 s */
    size_t bound_count;
    uint32_t max_series;                    /* of span metrics; default 1,000 */
    bool disable_exemplars;
    bool disable_environment;               /* read no variable */
    uint32_t reserved_last;                 /* 0 */
} trace_metrics_options;

/* An exporter that counts the spans it is handed. NULL options: the environment alone. Bounds, max_series and disable_exemplars
   are those of the first one made in the process; the file that of the last. A bad field is logged, and the result has no
   export_fn. Any thread. */
TRACE_APP trace_exporter trace_metrics_exporter(const trace_metrics_options *options);

/* All metrics as text, terminated; like snprintf: returns the size needed without the terminator, and buffer may be NULL when
   size is 0. Numbers may have grown by the next call: leave room. Call trace_flush first to have every ended span in it. Any
   thread. */
TRACE_APP size_t trace_metrics_render(trace_metrics_format format, char *buffer, size_t size);

/* The same into a file, by a temporary one beside it and a rename. Errors: INVALID (no path), NO_MEMORY, FAILED (errno tells
   why; the old file, if any, is still there), UNSUPPORTED (TRACE_CONFIG_SINGLE_THREADED). Any thread. */
TRACE_APP trace_result trace_metrics_write(trace_metrics_format format, const char *path);

/* The Content-Type of an HTTP answer that carries it. Constant. */
TRACE_APP const char *trace_metrics_content_type(trace_metrics_format format);

/* What OTEL_TRACES_EXPORTER calls "metrics". */
TRACE_APP trace_exporter tracei_metrics_choice(void);
#define TRACE_EXPORTER_METRICS { "metrics", tracei_metrics_choice }

#if TRACE_CONFIG_OFF
TRACE_APP trace_exporter trace_metrics_exporter(const trace_metrics_options *options) {
    trace_exporter none;
    (void)options;
    memset(&none, 0, sizeof none);
    return none;
}
TRACE_APP trace_exporter tracei_metrics_choice(void) { return trace_metrics_exporter(NULL); }
TRACE_APP size_t trace_metrics_render(trace_metrics_format format, char *buffer, size_t size) {
    (void)format;
    if (size) buffer[0] = '\0';
    return 0;
}
TRACE_APP trace_result trace_metrics_write(trace_metrics_format format, const char *path) {
    (void)format;
    (void)path;
    return TRACE_RESULT_UNSUPPORTED;
}
TRACE_APP const char *trace_metrics_content_type(trace_metrics_format format) {
    (void)format;
    return "text/plain";
}
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif
#ifdef __clang__
#pragma GCC diagnostic pop
#endif
#endif /* TRACEI_METRICS_PUBLIC */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_METRICS_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_METRICS_IMPLEMENTED 1

/* >>registry ------------------------------------------------------------------------------------------------------

   Families of series, for every companion that measures. A family is a structure of its owner (static storage), described by a
   tracei_metrics_info and registered once; a series is found by its label values and made when first seen:

       static const char *const keys[] = {"gen_ai.operation.name", "gen_ai.request.model"};
       static const double bounds[] = {0.01, 0.1, 1, 10};
       static const tracei_metrics_info info = {"gen_ai.client.operation.duration", "s", "How long model calls took.",
                                                TRACEI_METRICS_HISTOGRAM, keys, 2, bounds, 4, 500, true, NULL};
       static tracei_metrics_family durations;
       tracei_metrics_register(&durations, &info);
       tracei_metrics_record(&durations, values, 0.25, span);          values: one trace_string for each key, empty: left out

   Names, keys and units are OpenTelemetry's (dots, UCUM), so that a family can be sent as OTLP; the text below turns them into
   Prometheus's. Who sends OTLP walks tracei_metrics_families, ->next, and the series of tracei_metrics_series_of, ->next, and
   takes the numbers by tracei_metrics_read; tracei_metrics_since is the start of all of them. A family may be a view of a
   histogram (count_of): it has that one's series, and their counts as its values, and costs nothing to keep.

   Families and series are only ever added, and published with a release store: readers walk them without a lock. Numbers
   are under tracei_metrics_lock, held for one series at a time. Series are cut from mapped blocks that are never given back;
   max_series bounds them. What comes beyond it, or without memory, goes to the family's overflow series, which has the one
   label otel.metric.overflow=true (OpenTelemetry, Metrics SDK, "Cardinality limits"). */

#define TRACEI_METRICS_KEYS_MAX 16
#define TRACEI_METRICS_BOUNDS_MAX 32
#define TRACEI_METRICS_VALUE_MAX 256u       /* bytes of a label's value */
#if TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_METRICS_BLOCK 2048u
#define TRACEI_METRICS_HASHES 16u
#else
#define TRACEI_METRICS_BLOCK 65536u
#define TRACEI_METRICS_HASHES 256u
#endif

typedef enum tracei_metrics_type {
    TRACEI_METRICS_COUNTER = 0,
    TRACEI_METRICS_GAUGE,
    TRACEI_METRICS_HISTOGRAM
} tracei_metrics_type;

struct tracei_metrics_family;

typedef struct tracei_metrics_info {
    const char *name;             /* "gen_ai.client.token.usage" */
    const char *unit;             /* UCUM: "s", "By", "{token}", "1" */
    const char *help;             /* a sentence */
    tracei_metrics_type type;
    const char *const *keys;
    uint32_t key_count;           /* up to TRACEI_METRICS_KEYS_MAX */
    const double *bounds;         /* of a histogram: ascending upper bounds, without infinity */
    uint32_t bound_count;         /* up to TRACEI_METRICS_BOUNDS_MAX */
    uint32_t max_series;
    bool exemplars;               /* keep the newest span of each bucket */
    const struct tracei_metrics_family *count_of;     /* NULL, or the histogram whose counts this counter shows */
} tracei_metrics_info;

typedef struct tracei_metrics_exemplar {
    uint64_t unix_ns;             /* 0: none */
    double value;
    uint8_t trace_id[16];
    uint8_t span_id[8];
} tracei_metrics_exemplar;

typedef struct tracei_metrics_numbers {     /* of one series, as tracei_metrics_read copies them */
    double value;                 /* of a counter or gauge; a histogram's sum */
    uint64_t count;               /* a histogram's; else how often it was recorded */
    uint64_t buckets[TRACEI_METRICS_BOUNDS_MAX + 1];  /* each for itself, the last up to infinity */
    tracei_metrics_exemplar exemplars[TRACEI_METRICS_BOUNDS_MAX + 1];
} tracei_metrics_numbers;

typedef struct tracei_metrics_series {
    struct tracei_metrics_series *next;     /* in the family, oldest first */
    struct tracei_metrics_series *alike;    /* the same hash */
    trace_string *labels;         /* one for each key, empty: left out; NULL: the overflow series */
    uint64_t *buckets;
    tracei_metrics_exemplar *exemplars;     /* NULL: none are kept */
    double value;
    uint64_t count;
    uint32_t hash;
} tracei_metrics_series;

typedef struct tracei_metrics_family {
    tracei_metrics_info info;
    struct tracei_metrics_family *next;
    tracei_metrics_series *first, *last, *overflow;
    tracei_metrics_series *table[TRACEI_METRICS_HASHES];
    uint32_t series;
} tracei_metrics_family;

static uint32_t tracei_metrics_lock;
static tracei_metrics_family *tracei_metrics_families, *tracei_metrics_last_family;
static uint64_t tracei_metrics_since;       /* unix ns: when counting began */
static unsigned char *tracei_metrics_block;
static size_t tracei_metrics_block_left;

TRACEI_SMALL_BEGIN

static void *tracei_metrics_cut(size_t size) {
    unsigned char *at;
    size = tracei_round_up(size, 8);
    if (size > tracei_metrics_block_left) {
        const size_t block = size > TRACEI_METRICS_BLOCK ? size : TRACEI_METRICS_BLOCK;
        at = (unsigned char *)tracei_alloc(block);
        if (!at) return NULL;
        tracei_metrics_block = at;
        tracei_metrics_block_left = block;
    }
    at = tracei_metrics_block;
    tracei_metrics_block += size;
    tracei_metrics_block_left -= size;
    return at;
}

/* In the order of registration. A second time for the same family does nothing. */
static void tracei_metrics_register(tracei_metrics_family *family, const tracei_metrics_info *info) {
    tracei_metrics_family *at;
    tracei_lock(&tracei_metrics_lock);
    for (at = tracei_metrics_families; at && at != family; at = at->next) {}
    if (!at) {
        family->info = *info;
        if (!tracei_metrics_since) tracei_metrics_since = tracei_unix_ns();
        if (tracei_metrics_last_family)
            TRACEI_STORE_RELEASE(&tracei_metrics_last_family->next, family);
        else
            TRACEI_STORE_RELEASE(&tracei_metrics_families, family);
        tracei_metrics_last_family = family;
    }
    tracei_unlock(&tracei_metrics_lock);
}

static trace_string tracei_metrics_shorten(trace_string value) {
    value.size = tracei_utf8_cut(value.data, value.size, TRACEI_METRICS_VALUE_MAX);
    return value;
}

static tracei_metrics_series *tracei_metrics_make(tracei_metrics_family *family, const trace_string *values) {
    const uint32_t buckets = family->info.type == TRACEI_METRICS_HISTOGRAM ? family->info.bound_count + 1 : 0;
    const size_t keys = values ? family->info.key_count : 0;
    size_t size = tracei_round_up(sizeof(tracei_metrics_series), 8) + keys * sizeof(trace_string) + buckets * sizeof(uint64_t), i;
    tracei_metrics_series *series;
    unsigned char *at;
    if (family->info.exemplars) size += buckets * sizeof(tracei_metrics_exemplar);
    at = (unsigned char *)tracei_metrics_cut(size);
    series = (tracei_metrics_series *)(void *)at;
    if (!series) return NULL;
    at += tracei_round_up(sizeof *series, 8);
    if (buckets) series->buckets = (uint64_t *)(void *)at;
    at += buckets * sizeof(uint64_t);
    if (buckets && family->info.exemplars) series->exemplars = (tracei_metrics_exemplar *)(void *)at;
    at += series->exemplars ? buckets * sizeof(tracei_metrics_exemplar) : 0;
    if (!values) return series;
    series->labels = (trace_string *)(void *)at;
    for (i = 0; i < keys; i++) {
        const trace_string value = tracei_metrics_shorten(values[i]);
        char *const copy = value.size ? (char *)tracei_metrics_cut(value.size) : NULL;
        if (value.size && !copy) return NULL;
        if (copy) memcpy(copy, value.data, value.size);
        series->labels[i].data = copy;
        series->labels[i].size = value.size;
    }
    return series;
}

static void tracei_metrics_publish(tracei_metrics_family *family, tracei_metrics_series *series) {
    if (family->last)
        TRACEI_STORE_RELEASE(&family->last->next, series);
    else
        TRACEI_STORE_RELEASE(&family->first, series);
    family->last = series;
}

/* Where what has no series of its own is counted. NULL: not even that could be made. */
static tracei_metrics_series *tracei_metrics_overflow(tracei_metrics_family *family) {
    if (!family->overflow) {
        family->overflow = tracei_metrics_make(family, NULL);
        if (!family->overflow) return NULL;
        tracei_metrics_publish(family, family->overflow);
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "metrics: %s has %u series; what is new is counted as otel_metric_overflow=\"true\" (are there ids in names?)",
                   family->info.name, family->series);
    }
    return family->overflow;
}

TRACEI_SMALL_END

static bool tracei_metrics_same(const tracei_metrics_family *family, const tracei_metrics_series *series,
                                const trace_string *values) {
    for (uint32_t i = 0; i < family->info.key_count; i++) {
        const trace_string value = tracei_metrics_shorten(values[i]);
        if (series->labels[i].size != value.size || (value.size && memcmp(series->labels[i].data, value.data, value.size) != 0))
            return false;
    }
    return true;
}

static uint32_t tracei_metrics_hash(const tracei_metrics_family *family, const trace_string *values) {
    uint32_t hash = 2166136261u;
    for (uint32_t i = 0; i < family->info.key_count; i++) {
        const trace_string value = tracei_metrics_shorten(values[i]);
        for (size_t j = 0; j < value.size; j++) hash = (hash ^ (unsigned char)value.data[j]) * 16777619u;
        hash = (hash ^ 0xffu) * 16777619u;
    }
    return hash ^ hash >> 15;
}

static tracei_metrics_series *tracei_metrics_find(tracei_metrics_family *family, const trace_string *values) {
    const uint32_t hash = tracei_metrics_hash(family, values);
    tracei_metrics_series **const place = &family->table[hash % TRACEI_METRICS_HASHES], *series = *place;
    while (series && (series->hash != hash || !tracei_metrics_same(family, series, values))) series = series->alike;
    if (series) return series;
    series = family->series < family->info.max_series ? tracei_metrics_make(family, values) : NULL;
    if (!series) return tracei_metrics_overflow(family);
    series->hash = hash;
    series->alike = *place;
    *place = series;
    family->series++;
    tracei_metrics_publish(family, series);
    return series;
}

/* Adds to a counter, sets a gauge, observes in a histogram. Not a number, and less than nothing for a counter: ignored. `span`
   may be NULL: no exemplar. Any thread. */
static void tracei_metrics_record(tracei_metrics_family *family, const trace_string *values, double value,
                                  const trace_span_data *span) {
    tracei_metrics_series *series;
    uint32_t bucket = 0;
    if (!(value <= 0) && !(value > 0)) return;
    if (family->info.type == TRACEI_METRICS_COUNTER && value < 0) return;
    while (bucket < family->info.bound_count && value > family->info.bounds[bucket]) bucket++;
    tracei_lock(&tracei_metrics_lock);
    series = tracei_metrics_find(family, values);
    if (series) {
        series->count++;
        series->value = family->info.type == TRACEI_METRICS_GAUGE ? value : series->value + value;
        if (series->buckets) series->buckets[bucket]++;
        if (series->exemplars && span) {
            tracei_metrics_exemplar *const exemplar = &series->exemplars[bucket];
            exemplar->unix_ns = span->end_unix_ns;
            exemplar->value = value;
            memcpy(exemplar->trace_id, span->trace_id, 16);
            memcpy(exemplar->span_id, span->span_id, 8);
        }
    }
    tracei_unlock(&tracei_metrics_lock);
}

TRACEI_SMALL_BEGIN

/* The first series of a family; the others follow by tracei_metrics_next. */
static const tracei_metrics_series *tracei_metrics_series_of(const tracei_metrics_family *family) {
    return TRACEI_LOAD_ACQUIRE(family->info.count_of ? &family->info.count_of->first : &family->first);
}

static const tracei_metrics_series *tracei_metrics_next(const tracei_metrics_series *series) {
    return TRACEI_LOAD_ACQUIRE(&series->next);
}

static void tracei_metrics_read(const tracei_metrics_family *family, const tracei_metrics_series *series,
                                tracei_metrics_numbers *out) {
    const uint32_t buckets = series->buckets && !family->info.count_of ? family->info.bound_count + 1 : 0;
    memset(out, 0, sizeof *out);
    tracei_lock(&tracei_metrics_lock);
    out->count = series->count;
    out->value = family->info.count_of ? (double)series->count : series->value;
    memcpy(out->buckets, series->buckets ? series->buckets : out->buckets, buckets * sizeof *out->buckets);
    if (series->exemplars) memcpy(out->exemplars, series->exemplars, buckets * sizeof *out->exemplars);
    tracei_unlock(&tracei_metrics_lock);
}

/* In a forked child: the series stay, their numbers are the parent's and begin anew. */
static void tracei_metrics_fork(void *user) {
    tracei_metrics_family *family;
    tracei_metrics_series *series;
    (void)user;
    tracei_metrics_lock = 0;
    tracei_metrics_since = tracei_unix_ns();
    for (family = tracei_metrics_families; family; family = family->next)
        for (series = family->first; series; series = series->next) {
            series->count = 0;
            series->value = 0;
            if (series->buckets) memset(series->buckets, 0, (family->info.bound_count + 1) * sizeof *series->buckets);
            if (series->exemplars)
                memset((void *)series->exemplars, 0, (family->info.bound_count + 1) * sizeof *series->exemplars);
        }
}

/* >>text ----------------------------------------------------------------------------------------------------------

   Prometheus text format 0.0.4 and OpenMetrics 1.0.0. They differ in what a counter's metadata is called (with and without
   _total), in units, exemplars, numbers of le (OpenMetrics wants 1.0 where the other has 1), escapes of HELP, and # EOF.
   Names: every character but letters, digits and _ becomes _; the unit is appended in words unless it is there already
   (OpenTelemetry, "Prometheus and OpenMetrics compatibility"). Invalid UTF-8 in values is repaired. */

typedef struct tracei_metrics_out {
    char *buffer;
    size_t capacity, size;        /* size: what all of it needs, beyond capacity too */
    bool open;                    /* OpenMetrics */
    bool labelled;                /* a { was written */
} tracei_metrics_out;

static void tracei_metrics_put(tracei_metrics_out *out, const char *bytes, size_t size) {
    if (out->size < out->capacity)
        memcpy(out->buffer + out->size, bytes, size < out->capacity - out->size ? size : out->capacity - out->size);
    out->size += size;
}

static void tracei_metrics_word(tracei_metrics_out *out, const char *word) { tracei_metrics_put(out, word, strlen(word)); }

static void tracei_metrics_number(tracei_metrics_out *out, double value) {
    char digits[40];
    const size_t size = (size_t)(tracei_put_number(digits, value) - digits);
    if (size >= 8 && memcmp(digits + size - 8, "Infinity", 8) == 0)
        tracei_metrics_word(out, size > 8 ? "-Inf" : "+Inf");
    else
        tracei_metrics_put(out, digits, size);
}

static void tracei_metrics_integer(tracei_metrics_out *out, uint64_t value) {
    char digits[20];
    tracei_metrics_put(out, digits, (size_t)(tracei_put_u64(digits, value) - digits));
}

/* Seconds with all nine decimals, which a double of today's Unix time does not hold. */
static void tracei_metrics_time(tracei_metrics_out *out, uint64_t unix_ns) {
    char decimals[10];
    uint32_t rest = (uint32_t)(unix_ns % 1000000000u);
    tracei_metrics_integer(out, unix_ns / 1000000000u);
    decimals[0] = '.';
    for (size_t i = 9; i >= 1; i--, rest /= 10) decimals[i] = (char)('0' + rest % 10);
    tracei_metrics_put(out, decimals, sizeof decimals);
}

static char tracei_metrics_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
}

/* A name or key as Prometheus wants it. */
static void tracei_metrics_name(tracei_metrics_out *out, const char *name, size_t size) {
    if (size && name[0] >= '0' && name[0] <= '9') tracei_metrics_put(out, "_", 1);
    for (size_t i = 0; i < size; i++) {
        const char letter = tracei_metrics_letter(name[i]);
        tracei_metrics_put(out, &letter, 1);
    }
}

static void tracei_metrics_escaped(tracei_metrics_out *out, const char *text, size_t size, bool quotes) {
    while (size) {
        char one[8], *end = one;
        const size_t taken = tracei_put_code_point(&end, text, size);
        if (*text == '\n')
            tracei_metrics_put(out, "\\n", 2);
        else if (*text == '\\' || (quotes && *text == '"'))
            tracei_metrics_put(out, *text == '"' ? "\\\"" : "\\\\", 2);
        else
            tracei_metrics_put(out, one, (size_t)(end - one));
        text += taken;
        size -= taken;
    }
}

static const char *tracei_metrics_unit(const char *unit) {
    static const char *const words[][2] = {{"s", "seconds"}, {"ms", "milliseconds"}, {"us", "microseconds"}, {"By", "bytes"},
                                           {"USD", "usd"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(unit, words[i][0]) == 0) return words[i][1];
    return "";
}

static bool tracei_metrics_ends_with(const char *name, const char *unit) {
    const size_t size = strlen(name), tail = strlen(unit);
    return size > tail && strcmp(name + size - tail, unit) == 0 && (name[size - tail - 1] == '.' || name[size - tail - 1] == '_');
}

static void tracei_metrics_family_name(tracei_metrics_out *out, const tracei_metrics_info *info) {
    const char *const unit = tracei_metrics_unit(info->unit);
    tracei_metrics_name(out, info->name, strlen(info->name));
    if (!*unit || tracei_metrics_ends_with(info->name, unit)) return;
    tracei_metrics_put(out, "_", 1);
    tracei_metrics_word(out, unit);
}

static void tracei_metrics_meta(tracei_metrics_out *out, const char *what, const tracei_metrics_info *info) {
    tracei_metrics_word(out, what);
    tracei_metrics_family_name(out, info);
    if (info->type == TRACEI_METRICS_COUNTER && !out->open) tracei_metrics_word(out, "_total");
    tracei_metrics_put(out, " ", 1);
}

/* # HELP, # TYPE, # UNIT. */
static void tracei_metrics_head(tracei_metrics_out *out, const tracei_metrics_info *info) {
    static const char *const types[] = {"counter\n", "gauge\n", "histogram\n"};
    const char *const unit = tracei_metrics_unit(info->unit);
    tracei_metrics_meta(out, "# HELP ", info);
    tracei_metrics_escaped(out, info->help, strlen(info->help), out->open);
    tracei_metrics_put(out, "\n", 1);
    tracei_metrics_meta(out, "# TYPE ", info);
    tracei_metrics_word(out, types[info->type]);
    if (!out->open || !*unit) return;
    tracei_metrics_meta(out, "# UNIT ", info);
    tracei_metrics_word(out, unit);
    tracei_metrics_put(out, "\n", 1);
}

/* The beginning of a sample: its name. Labels follow, then tracei_metrics_value. */
static void tracei_metrics_sample(tracei_metrics_out *out, const tracei_metrics_info *info, const char *suffix) {
    tracei_metrics_family_name(out, info);
    tracei_metrics_word(out, suffix);
    out->labelled = false;
}

/* An empty value is the same as no label. */
static void tracei_metrics_label(tracei_metrics_out *out, const char *key, size_t key_size, const char *value, size_t size) {
    if (!size) return;
    tracei_metrics_put(out, out->labelled ? "," : "{", 1);
    tracei_metrics_name(out, key, key_size);
    tracei_metrics_put(out, "=\"", 2);
    tracei_metrics_escaped(out, value, size, true);
    tracei_metrics_put(out, "\"", 1);
    out->labelled = true;
}

static void tracei_metrics_labels(tracei_metrics_out *out, const tracei_metrics_info *info, const tracei_metrics_series *series) {
    if (!series->labels) {
        tracei_metrics_label(out, "otel.metric.overflow", 20, "true", 4);
        return;
    }
    for (uint32_t i = 0; i < info->key_count; i++)
        tracei_metrics_label(out, info->keys[i], strlen(info->keys[i]), series->labels[i].data, series->labels[i].size);
}

static void tracei_metrics_equals(tracei_metrics_out *out) { tracei_metrics_word(out, out->labelled ? "} " : " "); }

static void tracei_metrics_value(tracei_metrics_out *out, double value) {
    tracei_metrics_equals(out);
    tracei_metrics_number(out, value);
    tracei_metrics_put(out, "\n", 1);
}

static void tracei_metrics_count(tracei_metrics_out *out, uint64_t value) {
    tracei_metrics_equals(out);
    tracei_metrics_integer(out, value);
    tracei_metrics_put(out, "\n", 1);
}

static void tracei_metrics_put_exemplar(tracei_metrics_out *out, const tracei_metrics_exemplar *exemplar) {
    char ids[48];
    if (!out->open || !exemplar->unix_ns) return;
    (void)tracei_put_hex(tracei_put_hex(ids, exemplar->trace_id, 16), exemplar->span_id, 8);
    tracei_metrics_word(out, " # {trace_id=\"");
    tracei_metrics_put(out, ids, 32);
    tracei_metrics_word(out, "\",span_id=\"");
    tracei_metrics_put(out, ids + 32, 16);
    tracei_metrics_word(out, "\"} ");
    tracei_metrics_number(out, exemplar->value);
    tracei_metrics_put(out, " ", 1);
    tracei_metrics_time(out, exemplar->unix_ns);
}

static void tracei_metrics_put_bucket(tracei_metrics_out *out, const tracei_metrics_family *family,
                                      const tracei_metrics_series *series, uint32_t bucket, uint64_t count,
                                      const tracei_metrics_exemplar *exemplar) {
    char bound[48];
    size_t size = tracei_copy_word(bound, "+Inf");
    if (bucket < family->info.bound_count) {
        size = (size_t)(tracei_put_number(bound, family->info.bounds[bucket]) - bound);
        if (out->open && !memchr(bound, '.', size) && !memchr(bound, 'e', size)) size += tracei_copy_word(bound + size, ".0");
    }
    tracei_metrics_sample(out, &family->info, "_bucket");
    tracei_metrics_labels(out, &family->info, series);
    tracei_metrics_label(out, "le", 2, bound, size);
    tracei_metrics_equals(out);
    tracei_metrics_integer(out, count);
    tracei_metrics_put_exemplar(out, exemplar);
    tracei_metrics_put(out, "\n", 1);
}

static void tracei_metrics_put_series(tracei_metrics_out *out, const tracei_metrics_family *family,
                                      const tracei_metrics_series *series) {
    tracei_metrics_numbers numbers;
    uint64_t count = 0;
    tracei_metrics_read(family, series, &numbers);
    if (family->info.type != TRACEI_METRICS_HISTOGRAM) {
        tracei_metrics_sample(out, &family->info, family->info.type == TRACEI_METRICS_COUNTER ? "_total" : "");
        tracei_metrics_labels(out, &family->info, series);
        tracei_metrics_value(out, numbers.value);
        return;
    }
    for (uint32_t i = 0; i <= family->info.bound_count; i++) {
        count += numbers.buckets[i];
        tracei_metrics_put_bucket(out, family, series, i, count, &numbers.exemplars[i]);
    }
    tracei_metrics_sample(out, &family->info, "_sum");
    tracei_metrics_labels(out, &family->info, series);
    tracei_metrics_value(out, numbers.value);
    tracei_metrics_sample(out, &family->info, "_count");
    tracei_metrics_labels(out, &family->info, series);
    tracei_metrics_count(out, count);
}

static void tracei_metrics_put_families(tracei_metrics_out *out) {
    const tracei_metrics_family *family;
    const tracei_metrics_series *series;
    for (family = TRACEI_LOAD_ACQUIRE(&tracei_metrics_families); family; family = TRACEI_LOAD_ACQUIRE(&family->next)) {
        tracei_metrics_head(out, &family->info);
        for (series = tracei_metrics_series_of(family); series; series = tracei_metrics_next(series))
            tracei_metrics_put_series(out, family, series);
    }
}

/* >>state ---------------------------------------------------------------------------------------------------------

   What the library knows of itself, asked for when the text is made. Two exporters of one name are told apart by a number. */

static trace_resource tracei_metrics_resource; /* of the last batch; what it points to is never freed */

static void tracei_metrics_info_of(tracei_metrics_info *info, tracei_metrics_type type, const char *name, const char *unit,
                                   const char *help) {
    memset(info, 0, sizeof *info);
    info->type = type;
    info->name = name;
    info->unit = unit;
    info->help = help;
}

static void tracei_metrics_simple(tracei_metrics_out *out, tracei_metrics_type type, const char *name, const char *unit,
                                  const char *help, uint64_t value) {
    tracei_metrics_info info;
    tracei_metrics_info_of(&info, type, name, unit, help);
    tracei_metrics_head(out, &info);
    tracei_metrics_sample(out, &info, type == TRACEI_METRICS_COUNTER ? "_total" : "");
    tracei_metrics_count(out, value);
}

static void tracei_metrics_put_core(tracei_metrics_out *out) {
    static const char *const reasons[TRACE_DROP_COUNT] = {"ring_full", "too_large", "shutdown",
                                                           "signal",    "no_memory", "no_exporter"};
    const tracei_metrics_type counter = TRACEI_METRICS_COUNTER, gauge = TRACEI_METRICS_GAUGE;
    tracei_metrics_info info;
    trace_stats stats;
    trace_get_stats(&stats);
    tracei_metrics_simple(out, counter, "trace_h.spans_started", "{span}", "Spans started.", stats.started);
    tracei_metrics_simple(out, counter, "trace_h.spans_refused", "{span}", "Starts that gave no span.", stats.refused);
    tracei_metrics_simple(out, counter, "trace_h.spans_ended", "{span}", "Spans ended.", stats.ended);
    tracei_metrics_simple(out, counter, "trace_h.spans_exported", "{span}", "Spans handed to every exporter.", stats.exported);
    tracei_metrics_simple(out, counter, "trace_h.spans_sampled_out", "{span}", "Spans sampling left out.", stats.sampled_out);
    tracei_metrics_simple(out, counter, "trace_h.spans_abandoned", "{span}", "Spans ended by unwinding.", stats.abandoned);
    tracei_metrics_simple(out, counter, "trace_h.spans_truncated", "{span}", "Values or spans cut to fit.", stats.truncated);
    tracei_metrics_simple(out, counter, "trace_h.calls_misused", "{call}", "Calls with a bad handle.", stats.misused);
    tracei_metrics_simple(out, counter, "trace_h.contexts_evicted", "{context}",
                          "Contexts that lost tracestate and baggage to newer ones.", stats.contexts_evicted);
    tracei_metrics_info_of(&info, counter, "trace_h.spans_dropped", "{span}", "Spans lost before they were exported.");
    tracei_metrics_head(out, &info);
    for (uint32_t i = 0; i < TRACE_DROP_COUNT; i++) {
        tracei_metrics_sample(out, &info, "_total");
        tracei_metrics_label(out, "reason", 6, reasons[i], strlen(reasons[i]));
        tracei_metrics_count(out, stats.dropped[i]);
    }
    tracei_metrics_simple(out, gauge, "trace_h.spans_pending", "{span}", "Spans in rings, or held.", stats.pending);
    tracei_metrics_simple(out, gauge, "trace_h.spans_open", "{span}", "Spans started and not ended.", stats.open);
    tracei_metrics_simple(out, gauge, "trace_h.memory_mapped_bytes", "By", "Memory held by the library.", stats.bytes_mapped);
}

typedef struct tracei_metrics_ledger {
    char name[64];
    size_t size;
    trace_exporter_stats stats;
} tracei_metrics_ledger;

static uint32_t tracei_metrics_ledgers(tracei_metrics_ledger *ledgers) {
    uint32_t count, i, j;
    tracei_lock(&tracei_ledger_lock);
    count = tracei_exporter_count;
    for (i = 0; i < count; i++) {
        tracei_text text;
        uint32_t same = 1;
        memset(&text, 0, sizeof text);
        text.data = ledgers[i].name;
        text.capacity = sizeof ledgers[i].name - 8;
        tracei_text_cstr(&text, tracei_exporters[i].exporter.name);
        for (j = 0; j < i; j++) same += strcmp(tracei_exporters[j].exporter.name, tracei_exporters[i].exporter.name) == 0;
        text.capacity = sizeof ledgers[i].name;
        text.full = false;
        if (same > 1) tracei_text_char(&text, '#');
        if (same > 1) tracei_text_u64(&text, same);
        ledgers[i].size = text.size;
    }
    tracei_unlock(&tracei_ledger_lock);
    for (i = 0; i < count; i++) tracei_exporter_read(i, &ledgers[i].stats);
    return count;
}

enum { TRACEI_METRICS_RECEIVED, TRACEI_METRICS_SENT, TRACEI_METRICS_QUEUED, TRACEI_METRICS_SUCCESS, TRACEI_METRICS_FAILURE };

static void tracei_metrics_put_ledgers(tracei_metrics_out *out, const tracei_metrics_ledger *ledgers, uint32_t count, int what,
                                       const char *name, const char *unit, const char *help) {
    tracei_metrics_info info;
    const bool gauge = what >= TRACEI_METRICS_QUEUED;
    tracei_metrics_info_of(&info, gauge ? TRACEI_METRICS_GAUGE : TRACEI_METRICS_COUNTER, name, unit, help);
    tracei_metrics_head(out, &info);
    for (uint32_t i = 0; i < count; i++) {
        const trace_exporter_stats *const stats = &ledgers[i].stats;
        tracei_metrics_sample(out, &info, gauge ? "" : "_total");
        tracei_metrics_label(out, "exporter", 8, ledgers[i].name, ledgers[i].size);
        if (what < TRACEI_METRICS_SUCCESS) {
            tracei_metrics_count(out, what == TRACEI_METRICS_RECEIVED ? stats->received :
                                      what == TRACEI_METRICS_SENT     ? stats->sent :
                                                                        stats->queued);
        } else {
            tracei_metrics_equals(out);
            tracei_metrics_time(out, what == TRACEI_METRICS_SUCCESS ? stats->last_success_unix_ns : stats->last_failure_unix_ns);
            tracei_metrics_put(out, "\n", 1);
        }
    }
}

static void tracei_metrics_put_exporters(tracei_metrics_out *out) {
    static const char *const reasons[TRACE_FAILURE_COUNT] = {"queue_full", "too_large", "rejected", "unreachable", "timeout",
                                                             "shutdown"};
    tracei_metrics_ledger ledgers[TRACE_EXPORTERS_MAX];
    const uint32_t count = tracei_metrics_ledgers(ledgers);
    tracei_metrics_info info;
    if (!count) return;
    tracei_metrics_put_ledgers(out, ledgers, count, TRACEI_METRICS_RECEIVED, "trace_h.exporter_received", "{span}",
                               "Spans handed to the exporter.");
    tracei_metrics_put_ledgers(out, ledgers, count, TRACEI_METRICS_SENT, "trace_h.exporter_sent", "{span}",
                               "Spans the exporter delivered.");
    tracei_metrics_info_of(&info, TRACEI_METRICS_COUNTER, "trace_h.exporter_failed", "{span}", "Spans the exporter lost.");
    tracei_metrics_head(out, &info);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = 0; j < TRACE_FAILURE_COUNT; j++) {
            tracei_metrics_sample(out, &info, "_total");
            tracei_metrics_label(out, "exporter", 8, ledgers[i].name, ledgers[i].size);
            tracei_metrics_label(out, "reason", 6, reasons[j], strlen(reasons[j]));
            tracei_metrics_count(out, ledgers[i].stats.failed[j]);
        }
    tracei_metrics_put_ledgers(out, ledgers, count, TRACEI_METRICS_QUEUED, "trace_h.exporter_queued", "{span}",
                               "Spans waiting in the exporter.");
    tracei_metrics_put_ledgers(out, ledgers, count, TRACEI_METRICS_SUCCESS,
                               "trace_h.exporter_last_success_timestamp_seconds", "s",
                               "Unix time of the last success; 0: never.");
    tracei_metrics_put_ledgers(out, ledgers, count, TRACEI_METRICS_FAILURE,
                               "trace_h.exporter_last_failure_timestamp_seconds", "s",
                               "Unix time of the last failure; 0: never.");
}

/* Of two keys that Prometheus would spell alike, the first one counts. */
static bool tracei_metrics_same_name(trace_string a, trace_string b) {
    size_t i;
    if (a.size != b.size) return false;
    for (i = 0; i < a.size && tracei_metrics_letter(a.data[i]) == tracei_metrics_letter(b.data[i]); i++) {}
    return i == a.size;
}

static void tracei_metrics_put_target(tracei_metrics_out *out) {
    trace_resource resource;
    tracei_lock(&tracei_metrics_lock);
    resource = tracei_metrics_resource;
    tracei_unlock(&tracei_metrics_lock);
    if (!resource.attribute_count) return;
    tracei_metrics_word(out, out->open ? "# HELP target What this process is.\n# TYPE target info\n"
                                       : "# HELP target_info What this process is.\n# TYPE target_info gauge\n");
    tracei_metrics_word(out, "target_info");
    out->labelled = false;
    for (size_t i = 0; i < resource.attribute_count; i++) {
        const trace_attribute *const attribute = &resource.attributes[i];
        char digits[40], *end = digits;
        size_t j;
        for (j = 0; j < i && !tracei_metrics_same_name(resource.attributes[j].key, attribute->key); j++) {}
        if (j < i) continue;
        if (attribute->value.type == TRACE_TYPE_STRING) {
            tracei_metrics_label(out, attribute->key.data, attribute->key.size, attribute->value.as.string.data,
                                 attribute->value.as.string.size);
            continue;
        }
        if (attribute->value.type == TRACE_TYPE_INT) end = tracei_put_i64(digits, attribute->value.as.integer);
        if (attribute->value.type == TRACE_TYPE_DOUBLE) end = tracei_put_number(digits, attribute->value.as.number);
        if (attribute->value.type == TRACE_TYPE_BOOL)
            end += tracei_copy_word(digits, attribute->value.as.boolean ? "true" : "false");
        tracei_metrics_label(out, attribute->key.data, attribute->key.size, digits, (size_t)(end - digits));
    }
    tracei_metrics_count(out, 1);
}

static uint32_t tracei_metrics_shown;       /* somebody asked */

TRACE_APP size_t trace_metrics_render(trace_metrics_format format, char *buffer, size_t size) {
    tracei_metrics_out out;
    TRACEI_STORE(&tracei_metrics_shown, 1u);
    memset(&out, 0, sizeof out);
    out.buffer = buffer;
    out.capacity = buffer && size ? size - 1 : 0;
    out.open = format == TRACE_METRICS_FORMAT_OPENMETRICS;
    tracei_metrics_put_target(&out);
    tracei_metrics_put_families(&out);
    tracei_metrics_put_core(&out);
    tracei_metrics_put_exporters(&out);
    if (out.open) tracei_metrics_word(&out, "# EOF\n");
    if (buffer && size) buffer[out.size < out.capacity ? out.size : out.capacity] = '\0';
    return out.size;
}

TRACE_APP const char *trace_metrics_content_type(trace_metrics_format format) {
    return format == TRACE_METRICS_FORMAT_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                                      : "text/plain; version=0.0.4; charset=utf-8";
}

#if TRACEI_PLATFORM_NONE
TRACE_APP trace_result trace_metrics_write(trace_metrics_format format, const char *path) {
    (void)format;
    (void)path;
    return TRACE_RESULT_UNSUPPORTED;
}
#else

/* Zero: done. Else errno, and nothing is left behind. Two writers of one path differ in what they append to it. */
static int tracei_metrics_put_file(const char *path, const char *text, size_t size) {
    static uint32_t writers;
    char beside[1100];
    int error = 0;
    FILE *file;
#if TRACEI_PLATFORM_POSIX
    tracei_quiet quiet;
#endif
    snprintf(beside, sizeof beside, "%s.%lu.%u", path, (unsigned long)tracei_process_id(), (unsigned)TRACEI_ADD(&writers, 1u));
    if (TRACEI_FAIL("metrics file")) return EACCES;
#if TRACEI_PLATFORM_POSIX
    {
        const int descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (descriptor < 0) return errno;
        file = fdopen(descriptor, "w");
        if (!file) close(descriptor);
    }
#else
    file = fopen(beside, "wb");
#endif
    if (!file) return errno ? errno : ENOMEM;
#if TRACEI_PLATFORM_POSIX
    tracei_quiet_begin(&quiet);
#endif
    if (fwrite(text, 1, size, file) != size) error = errno ? errno : EIO;
    if (fclose(file) != 0 && !error) error = errno ? errno : EIO;
#if TRACEI_PLATFORM_POSIX
    tracei_quiet_end(&quiet, error);
#endif
#if TRACEI_PLATFORM_WINDOWS
    if (!error && !MoveFileExA(beside, path, MOVEFILE_REPLACE_EXISTING)) error = EACCES;
#else
    if (!error && rename(beside, path) != 0) error = errno;
#endif
    if (error) (void)remove(beside);
    return error;
}

TRACE_APP trace_result trace_metrics_write(trace_metrics_format format, const char *path) {
    size_t size = trace_metrics_render(format, NULL, 0), capacity, tries = 0;
    char *text = NULL;
    int error, cancel;
    if (!path || !*path || strlen(path) > 1000) return TRACE_RESULT_INVALID;
    do { /* numbers and series may have grown since they were measured */
        capacity = size + size / 4 + 4096;
        text = (char *)tracei_alloc(capacity);
        if (!text) return TRACE_RESULT_NO_MEMORY;
        size = trace_metrics_render(format, text, capacity);
        if (size < capacity || tries++ == 3) break;
        tracei_free(text, capacity);
    } while (true);
    cancel = tracei_cancel_hold();
    error = size < capacity ? tracei_metrics_put_file(path, text, size) : EAGAIN;
    tracei_cancel_allow(cancel);
    tracei_free(text, capacity);
    if (error) errno = error;
    return error ? TRACE_RESULT_FAILED : TRACE_RESULT_OK;
}
#endif

/* >>spans --------------------------------------------------------------------------------------------------------- */

static const double tracei_metrics_bounds_default[] = {0.00001, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                       0.05,    0.1,    0.25,   0.5,   1,      2.5,   5,    10};
static double tracei_metrics_bounds[TRACEI_METRICS_BOUNDS_MAX];
static tracei_metrics_family tracei_metrics_calls, tracei_metrics_durations;
static uint32_t tracei_metrics_begun;

static bool tracei_metrics_bounds_good(const double *bounds, size_t count) {
    if (count > TRACEI_METRICS_BOUNDS_MAX || (count && !bounds)) return false;
    for (size_t i = 0; i < count; i++)
        if (!(bounds[i] > (i ? bounds[i - 1] : 0)) || bounds[i] > 1e300) return false;
    return true;
}

static void tracei_metrics_begin(const trace_metrics_options *options) {
    static const char *const keys[] = {"span.name", "span.kind", "status.code", "otel.scope.name"};
    const bool own = options->bound_count != 0;
    const double *const bounds = own ? options->bounds : tracei_metrics_bounds_default;
    const size_t count = own ? options->bound_count : sizeof tracei_metrics_bounds_default / sizeof *bounds;
    tracei_metrics_info info;
    if (!tracei_first_time(&tracei_metrics_begun)) return;
    memcpy(tracei_metrics_bounds, bounds, count * sizeof *bounds);
    tracei_metrics_info_of(&info, TRACEI_METRICS_COUNTER, "traces.span.metrics.calls", "{call}", "Spans that ended.");
    info.keys = keys;
    info.key_count = sizeof keys / sizeof *keys;
    info.count_of = &tracei_metrics_durations;
    tracei_metrics_register(&tracei_metrics_calls, &info);
    tracei_metrics_info_of(&info, TRACEI_METRICS_HISTOGRAM, "traces.span.metrics.duration", "s", "How long spans took.");
    info.keys = keys;
    info.key_count = sizeof keys / sizeof *keys;
    info.bounds = tracei_metrics_bounds;
    info.bound_count = (uint32_t)count;
    info.max_series = options->max_series ? options->max_series : 1000;
    info.exemplars = !options->disable_exemplars;
    tracei_metrics_register(&tracei_metrics_durations, &info);
}

TRACEI_SMALL_END

static trace_string tracei_metrics_text(const char *text) {
    trace_string string;
    string.data = text ? text : "";
    string.size = text ? strlen(text) : 0;
    return string;
}

static void tracei_metrics_span(const trace_span_data *span) {
    static const char *const kinds[] = {"SPAN_KIND_INTERNAL", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                                        "SPAN_KIND_CLIENT",   "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"};
    static const char *const codes[] = {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"};
    trace_string values[4];
    values[0] = span->name;
    values[1] = tracei_metrics_text(kinds[(unsigned)span->kind < 6 ? span->kind : 0]);
    values[2] = tracei_metrics_text(codes[(unsigned)span->status < 3 ? span->status : 0]);
    values[3] = tracei_metrics_text(span->scope ? span->scope->name : NULL);
    tracei_metrics_record(&tracei_metrics_durations, values, (double)(span->end_unix_ns - span->start_unix_ns) / 1e9, span);
}

/* >>exporter ------------------------------------------------------------------------------------------------------ */

TRACEI_SMALL_BEGIN

/* One a process, as the metrics are. Written by who makes the exporter, read by who exports: one at a time but for the path. */
typedef struct tracei_metrics_place {
    char path[1001];
    trace_metrics_format format;
    uint64_t interval_ns;
    uint64_t due;                 /* monotonic ns: when to write next */
    uint32_t said;                /* that it failed */
} tracei_metrics_place;

static tracei_metrics_place tracei_metrics_file;

/* Who sends on what is counted (trace_otlp_metrics.h); called as the exporter's functions of these names are. NULL: nobody. */
typedef struct tracei_metrics_sink {
    void (*make_fn)(bool disable_environment);
    void (*export_fn)(void);
    trace_result (*flush_fn)(uint64_t deadline_ns);
    void (*shutdown_fn)(uint64_t deadline_ns);
    void (*fork_fn)(void);
} tracei_metrics_sink;

static const tracei_metrics_sink *tracei_metrics_sender;

static trace_result tracei_metrics_save(void) {
    tracei_metrics_place place;
    trace_result result;
    tracei_lock(&tracei_metrics_lock);
    place = tracei_metrics_file;
    tracei_metrics_file.due = tracei_add_capped(tracei_mono_ns(), place.interval_ns);
    tracei_unlock(&tracei_metrics_lock);
    if (!place.path[0]) return TRACE_RESULT_OK;
    result = trace_metrics_write(place.format, place.path);
    if (result != TRACE_RESULT_OK && tracei_first_time(&tracei_metrics_file.said))
        tracei_log(TRACE_LOG_LEVEL_ERROR, "metrics: %s cannot be written: %s; check file_path or TRACE_METRICS_FILE", place.path,
                   result == TRACE_RESULT_FAILED ? strerror(errno) : trace_result_string(result));
    if (result == TRACE_RESULT_OK) TRACEI_STORE(&tracei_metrics_file.said, 0u);
    return result;
}

static trace_result tracei_metrics_export(void *user, const trace_batch *batch) {
    bool due;
    (void)user;
    tracei_lock(&tracei_metrics_lock);
    tracei_metrics_resource = *batch->resource;
    due = tracei_metrics_file.path[0] && tracei_mono_ns() >= tracei_metrics_file.due;
    tracei_unlock(&tracei_metrics_lock);
    for (size_t i = 0; i < batch->span_count; i++) tracei_metrics_span(&batch->spans[i]);
    if (due) (void)tracei_metrics_save();
    if (tracei_metrics_sender) tracei_metrics_sender->export_fn();
    return TRACE_RESULT_OK;
}

static trace_result tracei_metrics_flush(void *user, uint64_t deadline_ns) {
    const trace_result saved = tracei_metrics_save(),
                       sent = tracei_metrics_sender ? tracei_metrics_sender->flush_fn(deadline_ns) : TRACE_RESULT_OK;
    (void)user;
    return saved != TRACE_RESULT_OK ? saved : sent;
}

static void tracei_metrics_shutdown(void *user, uint64_t deadline_ns) {
    (void)user;
    if (!tracei_metrics_file.path[0] && !tracei_metrics_sender && tracei_first_time(&tracei_metrics_shown))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "metrics: they were counted and nobody read them: set TRACE_METRICS_FILE (file_path) "
                                            "to the path of a file, or call trace_metrics_render");
    (void)tracei_metrics_save();
    if (tracei_metrics_sender) tracei_metrics_sender->shutdown_fn(deadline_ns);
}

static void tracei_metrics_forked(void *user) {
    tracei_metrics_fork(user);
    TRACEI_STORE(&tracei_metrics_shown, 1u); /* the parent's may be read */
    if (tracei_metrics_sender) tracei_metrics_sender->fork_fn();
}

static bool tracei_metrics_set_file(const trace_metrics_options *options) {
    const char *path = options->file_path && *options->file_path ? options->file_path : NULL;
    if (!path && !options->disable_environment) path = tracei_environment_any("TRACE_METRICS_FILE", NULL);
    if (path && strlen(path) > 1000) {
        tracei_log(TRACE_LOG_LEVEL_ERROR, "metrics: file_path (or TRACE_METRICS_FILE) is longer than 1,000 bytes");
        return false;
    }
    tracei_lock(&tracei_metrics_lock);
    memset(&tracei_metrics_file, 0, sizeof tracei_metrics_file);
    memcpy(tracei_metrics_file.path, path ? path : "", path ? strlen(path) : 0);
    tracei_metrics_file.format = options->file_format;
    tracei_metrics_file.interval_ns = (uint64_t)(options->file_interval_ms ? options->file_interval_ms : 10000) * 1000000u;
    tracei_unlock(&tracei_metrics_lock);
    return true;
}

static trace_exporter tracei_metrics_make_exporter(const trace_metrics_options *options) {
    trace_metrics_options copy;
    trace_exporter exporter;
    memset(&copy, 0, sizeof copy);
    if (options) copy = *options;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = copy.name ? copy.name : "metrics";
    if (!tracei_metrics_bounds_good(copy.bounds, copy.bound_count)) {
        tracei_log(TRACE_LOG_LEVEL_ERROR, "metrics: bounds must be up to 32 ascending numbers above 0");
        return exporter;
    }
    if (!tracei_metrics_set_file(&copy)) return exporter;
    tracei_metrics_begin(&copy);
    exporter.export_fn = tracei_metrics_export;
    tracei_name_punctual(exporter.export_fn);
    exporter.flush_fn = tracei_metrics_flush;
    exporter.shutdown_fn = tracei_metrics_shutdown;
    exporter.fork_fn = tracei_metrics_forked;
    if (tracei_metrics_sender) tracei_metrics_sender->make_fn(copy.disable_environment);
    return exporter;
}

TRACE_APP trace_exporter trace_metrics_exporter(const trace_metrics_options *options) {
    if (options && (options->reserved_first || options->reserved_last)) {
        trace_exporter none;
        memset(&none, 0, sizeof none);
        none.struct_size = sizeof none;
        none.name = "metrics";
        tracei_log(TRACE_LOG_LEVEL_ERROR, "trace_metrics_exporter: trace_metrics_options.reserved_first/reserved_last is not 0: "
                                          "start from zero, as in trace_metrics_options o = {0}; nothing will be counted");
        return none;
    }
    if (!options || !options->disable_environment) tracei_environment_snapshot();
    return tracei_metrics_make_exporter(options);
}

TRACE_APP trace_exporter tracei_metrics_choice(void) { return tracei_metrics_make_exporter(NULL); }

TRACEI_SMALL_END

#if TRACEI_GNU && !TRACE_CONFIG_SINGLE_THREADED
/* Beside the implementation, OTEL_TRACES_EXPORTER=metrics works without a call. */
__attribute__((constructor)) static void tracei_metrics_announce(void) {
    static const trace_exporter_choice metrics = TRACE_EXPORTER_METRICS;
    tracei_register_exporter(metrics);
}
#endif

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_METRICS_KEYS_MAX
#undef TRACEI_METRICS_BOUNDS_MAX
#undef TRACEI_METRICS_VALUE_MAX
#undef TRACEI_METRICS_BLOCK
#undef TRACEI_METRICS_HASHES
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
