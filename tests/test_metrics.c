/* test_metrics.c - metrics from spans: the registry, both texts, the file, the library's own state
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   tests/test_metrics_parser.sh gives the same texts to a published parser. */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace_metrics.h"

#include <dirent.h>
#ifndef _WIN32
#include <sys/resource.h>
#endif

#include "ledger.h"

static char text[1 << 20];

static trace_string string_of(const char *literal) {
    trace_string string;
    string.data = literal;
    string.size = strlen(literal);
    return string;
}

/* --- the registry, and the texts of families that never change --- */

static const char *const model_keys[] = {"gen_ai.operation.name", "gen_ai.request.model"};
static const double model_bounds[] = {0.5, 1, 2.5, 1e6};
static tracei_metrics_family model_seconds, model_calls, model_tokens, model_cost, model_open;

static void model_record(tracei_metrics_family *family, const char *operation, const char *model, double value,
                         const trace_span_data *span) {
    trace_string values[2];
    values[0] = string_of(operation);
    values[1] = string_of(model);
    tracei_metrics_record(family, values, value, span);
}

static void register_models(void) {
    const tracei_metrics_info seconds = {"gen_ai.client.operation.duration", "s", "How long \"calls\" took,\nwith \\ waiting.",
                                         TRACEI_METRICS_HISTOGRAM, model_keys, 2, model_bounds, 4, 3, true, NULL};
    const tracei_metrics_info calls = {"gen_ai.client.calls", "{call}", "Calls.", TRACEI_METRICS_COUNTER, model_keys, 2, NULL, 0,
                                       0, false, &model_seconds};
    const tracei_metrics_info tokens = {"gen_ai.client.token.usage", "{token}", "Tokens.", TRACEI_METRICS_HISTOGRAM, model_keys,
                                        2, model_bounds, 2, 100, false, NULL};
    const tracei_metrics_info cost = {"gen_ai.cost", "USD", "What it cost.", TRACEI_METRICS_COUNTER, model_keys, 2, NULL, 0, 100,
                                      false, NULL};
    const tracei_metrics_info open_calls = {"9.open calls", "1", "Calls open.", TRACEI_METRICS_GAUGE, model_keys, 2, NULL, 0, 100,
                                            false, NULL};
    tracei_metrics_register(&model_calls, &calls);
    tracei_metrics_register(&model_seconds, &seconds);
    tracei_metrics_register(&model_tokens, &tokens);
    tracei_metrics_register(&model_cost, &cost);
    tracei_metrics_register(&model_open, &open_calls);
    tracei_metrics_register(&model_open, &open_calls);
}

static void record_models(void) {
    trace_span_data span;
    memset(&span, 0, sizeof span);
    memset(span.trace_id, 0xab, 16);
    memset(span.span_id, 0xcd, 8);
    span.end_unix_ns = UINT64_C(1544712661000000007);
    model_record(&model_seconds, "chat", "a\\b\"c\nd\xff" "e", 0.5, &span);
    model_record(&model_seconds, "chat", "a\\b\"c\nd\xff" "e", 0.75, NULL);
    model_record(&model_seconds, "chat", "", 7e8, &span);
    model_record(&model_seconds, "embeddings", "m", 0, &span);
    model_record(&model_seconds, "chat", "one too many", 2, &span);
    model_record(&model_seconds, "chat", "two too many", 2, &span);
    model_record(&model_seconds, "chat", "m", strtod("nan", NULL), &span);
    model_record(&model_tokens, "chat", "m", 1, NULL);
    model_record(&model_cost, "chat", "m", 0.25, NULL);
    model_record(&model_cost, "chat", "m", 1e-7, NULL);
    model_record(&model_cost, "chat", "m", -1, NULL);
    model_record(&model_open, "chat", "m", -3, NULL);
    model_record(&model_open, "chat", "m", -2.5, NULL);
}

static size_t families(bool open) {
    tracei_metrics_out out;
    memset(&out, 0, sizeof out);
    out.buffer = text;
    out.capacity = sizeof text;
    out.open = open;
    tracei_metrics_put_target(&out);
    tracei_metrics_put_families(&out);
    if (open) tracei_metrics_word(&out, "# EOF\n");
    return out.size;
}

static trace_exporter no_exporter(void) {
    trace_exporter none;
    memset(&none, 0, sizeof none);
    return none;
}

static uint32_t warnings;
static char warned[512];
static void remember_warning(void *user, trace_log_level level, const char *message) {
    (void)user, (void)level;
    warnings++;
    snprintf(warned, sizeof warned, "%s", message);
}

static trace_config quiet_config(trace_exporter first) {
    trace_config config = ledger_config(first);
    config.logger.log_fn = remember_warning;
    return config;
}

static void give_resource(void) {
    static trace_attribute attributes[5];
    trace_resource resource;
    trace_batch batch;
    memset(&resource, 0, sizeof resource);
    memset(&batch, 0, sizeof batch);
    attributes[0] = TRACE_ATTR_STRING("service.name", "shop \"one\"");
    attributes[1] = TRACE_ATTR_INT("process.pid", 12);
    attributes[2] = TRACE_ATTR_STRING("service_name", "spelled alike");
    attributes[3] = TRACE_ATTR_BOOL("spare", false);
    attributes[4] = TRACE_ATTR_DOUBLE("weight", 2.5);
    resource.attributes = attributes;
    resource.attribute_count = 5;
    batch.resource = &resource;
    CHECK_INT(tracei_metrics_export(NULL, &batch), TRACE_RESULT_OK);
}

ISOLATED(the_text_of_families) {
    trace_config config = quiet_config(no_exporter());
    size_t size;
    config.disabled = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    register_models();
    record_models();
    give_resource();
    size = families(false);
    TEST_GOLDEN("metrics_prometheus.txt", text, size);
    size = families(true);
    TEST_GOLDEN("metrics_openmetrics.txt", text, size);
    CHECK_UINT(warnings, 1);
    CHECK(strstr(warned, "gen_ai.client.operation.duration has 3 series") != NULL);
}

/* --- like snprintf --- */

ISOLATED(every_size_of_buffer) {
    trace_config config = quiet_config(no_exporter());
    static char small[8192];
    size_t whole, size, step;
    config.disabled = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    register_models();
    record_models();
    whole = trace_metrics_render(TRACE_METRICS_FORMAT_OPENMETRICS, text, sizeof text);
    CHECK_UINT(whole, strlen(text));
    CHECK_UINT(trace_metrics_render(TRACE_METRICS_FORMAT_OPENMETRICS, NULL, 0), whole);
    if (!CHECK(whole < sizeof small)) return;
    for (size = 1; size <= whole + 2; size += step) {
        memset(small, 'x', sizeof small);
        CHECK_UINT(trace_metrics_render(TRACE_METRICS_FORMAT_OPENMETRICS, small, size), whole);
        CHECK_UINT(strlen(small), size - 1 < whole ? size - 1 : whole);
        CHECK(memcmp(small, text, strlen(small)) == 0);
        CHECK(small[size] == 'x');
        step = size < 100 || size + 100 > whole ? 1 : 37;
    }
}

/* --- spans --- */

/* The number of a sample, by the beginning of its line up to the space before the number. -1: there is no such line. */
static double sample(const char *start) {
    const size_t size = strlen(start);
    const char *at = text;
    for (; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, start, size) == 0) return strtod(at + size, NULL);
    return -1;
}

static void check_sample(const char *start, double wanted) {
    if (!CHECK_DOUBLE(sample(start), wanted)) fprintf(stderr, "    %s\n", start);
}

static void work(int rounds) {
    static const trace_scope scope = {"lib\"pq\"", NULL, NULL};
    trace_span_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.kind = TRACE_KIND_CLIENT;
    options.scope = &scope;
    for (int i = 0; i < rounds; i++) {
        trace_span outer = trace_span_start("outer"), query = trace_span_start_with("query", &options);
        if (i % 4 == 0) trace_span_record_error(query, "Timeout", "late");
        trace_span_end(query);
        trace_span_end(outer);
    }
}

static void *work_in_a_thread(void *rounds) {
    work(*(const int *)rounds);
    return NULL;
}

#define QUERY "traces_span_metrics_calls_total{span_name=\"query\",span_kind=\"SPAN_KIND_CLIENT\",status_code=\"STATUS_CODE_"
#define QUERY_END "\",otel_scope_name=\"lib\\\"pq\\\"\"} "

ISOLATED(calls_and_durations_from_several_threads) {
    trace_config config = quiet_config(trace_metrics_exporter(NULL));
    pthread_t threads[3];
    int rounds = 400, i;
    config.lossless_timeout_ms = 10000;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 3; i++) pthread_create(&threads[i], NULL, work_in_a_thread, &rounds);
    for (i = 0; i < 50; i++) (void)trace_metrics_render(TRACE_METRICS_FORMAT_OPENMETRICS, text, sizeof text);      /* meanwhile */
    for (i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    (void)trace_metrics_render(TRACE_METRICS_FORMAT_PROMETHEUS, text, sizeof text);
    check_sample(QUERY "ERROR" QUERY_END, 300);
    check_sample(QUERY "UNSET" QUERY_END, 900);
    check_sample("traces_span_metrics_calls_total{span_name=\"outer\",span_kind=\"SPAN_KIND_INTERNAL\","
                 "status_code=\"STATUS_CODE_UNSET\"} ", 1200);
    check_sample("traces_span_metrics_duration_seconds_count{span_name=\"outer\",span_kind=\"SPAN_KIND_INTERNAL\","
                 "status_code=\"STATUS_CODE_UNSET\"} ", 1200);
    check_sample("traces_span_metrics_duration_seconds_bucket{span_name=\"outer\",span_kind=\"SPAN_KIND_INTERNAL\","
                 "status_code=\"STATUS_CODE_UNSET\",le=\"+Inf\"} ", 1200);
    check_sample("trace_h_spans_ended_total ", 2400);
    check_sample("trace_h_exporter_sent_total{exporter=\"metrics\"} ", 2400);
    CHECK_LEDGER();
}

/* What the text says of the library is what trace_get_stats and trace_get_exporter_stats say. Two exporters have one name. */
ISOLATED(the_library_itself) {
    static doer good, bad;
    trace_config config = quiet_config(doer_exporter(&good, "one"));
    trace_stats stats;
    uint64_t before = test_now_ms();
    bad.fail = 1;
    config.exporters[1] = doer_exporter(&bad, "two");
    config.exporters[2] = doer_exporter(&good, "two");
    config.exporters[3] = trace_metrics_exporter(NULL);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    work(5);
    trace_span_end(trace_span_current());
    CHECK_INT(trace_flush(10000), TRACE_RESULT_FAILED);
    (void)trace_span_start("open");
    stats = ledger_stats();
    (void)trace_metrics_render(TRACE_METRICS_FORMAT_OPENMETRICS, text, sizeof text);
    check_sample("trace_h_spans_started_total ", (double)stats.started);
    check_sample("trace_h_spans_ended_total ", (double)stats.ended);
    check_sample("trace_h_spans_exported_total ", (double)stats.exported);
    check_sample("trace_h_spans_pending ", (double)stats.pending);
    check_sample("trace_h_spans_open ", 1);
    check_sample("trace_h_spans_dropped_total{reason=\"ring_full\"} ", 0);
    check_sample("trace_h_memory_mapped_bytes ", (double)stats.bytes_mapped);
    check_sample("trace_h_exporter_sent_total{exporter=\"one\"} ", 10);
    check_sample("trace_h_exporter_sent_total{exporter=\"two\"} ", 0);
    check_sample("trace_h_exporter_sent_total{exporter=\"two#2\"} ", 10);
    check_sample("trace_h_exporter_failed_total{exporter=\"two\",reason=\"rejected\"} ", 10);
    check_sample("trace_h_exporter_queued{exporter=\"two\"} ", 0);
    CHECK(sample("trace_h_exporter_last_failure_timestamp_seconds{exporter=\"two\"} ") * 1000 > (double)before);
    CHECK(sample("trace_h_exporter_last_success_timestamp_seconds{exporter=\"one\"} ") * 1000 > (double)before);
    check_sample("trace_h_exporter_last_failure_timestamp_seconds{exporter=\"one\"} ", 0);
    CHECK_LEDGER();
}

/* Names made of ids: series stay within the limit, nothing is lost, one line says so. */
ISOLATED(too_many_names) {
    trace_metrics_options options;
    trace_config config;
    char name[32], *at;
    uint32_t series = 0;
    memset(&options, 0, sizeof options);
    options.max_series = 10;
    options.disable_exemplars = true;
    options.disable_environment = true;
    config = quiet_config(trace_metrics_exporter(&options));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "GET /item/%d", i % 250);
        trace_span_end(trace_span_start(name));
    }
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    (void)trace_metrics_render(TRACE_METRICS_FORMAT_OPENMETRICS, text, sizeof text);
    for (at = text; (at = strstr(at, "calls_total{")) != NULL; at++) series++;
    CHECK_UINT(series, 11);
    check_sample("traces_span_metrics_calls_total{otel_metric_overflow=\"true\"} ", 480);
    check_sample("traces_span_metrics_duration_seconds_count{otel_metric_overflow=\"true\"} ", 480);
    check_sample("traces_span_metrics_calls_total{span_name=\"GET /item/9\",span_kind=\"SPAN_KIND_INTERNAL\","
                 "status_code=\"STATUS_CODE_UNSET\"} ", 2);
    CHECK(strstr(text, " # {") == NULL);
    CHECK_UINT(warnings, 1);
    CHECK(strstr(warned, "ids in names") != NULL);
    CHECK_LEDGER();
}

/* A long name is cut between code points; names that differ later are one series. */
ISOLATED(long_names) {
    trace_config config = quiet_config(trace_metrics_exporter(NULL));
    char name[400];
    const char *found;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (size_t i = 0; i < sizeof name; i += 4) memcpy(name + i, "\360\237\230\200", 4);
    name[399] = '\0';
    trace_span_end(trace_span_start(name));
    name[396] = '\0';
    trace_span_end(trace_span_start(name));
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    (void)trace_metrics_render(TRACE_METRICS_FORMAT_PROMETHEUS, text, sizeof text);
    found = strstr(text, "calls_total{span_name=\"");
    if (!CHECK(found != NULL)) return;
    CHECK_UINT(strcspn(found + 23, "\""), 256);
    CHECK(strstr(found + 1, "calls_total{") == NULL);
}

/* --- the file --- */

static char folder[64], path[100];

static void make_folder(void) {
#ifdef _WIN32
    const char *const parents = getenv("TEST_FOLDER");       /* a child comes here as well: it is the same folder */
    snprintf(folder, sizeof folder, "trace_metrics_%d", _getpid());
    if (_chdir(getenv("TEST_BUILD_DIR") ? getenv("TEST_BUILD_DIR") : ".") != 0) abort();
    if (parents) snprintf(folder, sizeof folder, "%s", parents);
    else if (mkdir(folder, 0700) != 0) abort();
    setenv("TEST_FOLDER", folder, 1);
#else
    snprintf(folder, sizeof folder, "/tmp/trace_metrics_XXXXXX");
    if (!mkdtemp(folder)) abort();
#endif
    snprintf(path, sizeof path, "%s/shop.prom", folder);
}

static uint32_t files_in_folder(void) {
    DIR *const open_folder = opendir(folder);
    uint32_t count = 0;
    while (open_folder && readdir(open_folder)) count++;
    if (open_folder) closedir(open_folder);
    return count - 2;
}

static void remove_folder(void) {
    (void)remove(path);
    CHECK_INT(rmdir(folder), 0);
    unsetenv("TEST_FOLDER");
}

static bool read_file(void) {
    size_t size = 0;
    char *const content = test_read_file(path, &size);
    if (!content || size >= sizeof text) return false;
    memcpy(text, content, size);
    text[size] = '\0';
    free(content);
    return true;
}

static void run_by_environment(void *unused) {
    (void)unused;
    setenv("OTEL_TRACES_EXPORTER", "console,metrics", 1);
    setenv("TRACE_METRICS_FILE", path, 1);
    CHECK_INT(trace_init(NULL), TRACE_RESULT_OK);
    work(3);
}

TEST(a_file_by_environment_at_exit) {
    test_child child;
    make_folder();
    child = test_fork(run_by_environment, NULL, LEDGER_TEST_MS);
    CHECK_CHILD(&child, 0);
    CHECK(strstr(child.err, "outer") != NULL);
    test_child_free(&child);
    if (CHECK(read_file())) {
        check_sample("trace_h_spans_ended_total ", 6);
        CHECK(strstr(text, "# TYPE traces_span_metrics_calls_total counter\n") != NULL && !strstr(text, "# EOF"));
    }
    CHECK_UINT(files_in_folder(), 1);
    remove_folder();
}

/* A reader sees an old file or a new one, whole; written while spans come, by itself. */
ISOLATED(a_file_is_never_half) {
    trace_metrics_options options;
    trace_config config;
    uint32_t seen = 0;
    double most = 0;
    make_folder();
    memset(&options, 0, sizeof options);
    options.file_path = path;
    options.file_interval_ms = 1;
    options.file_format = TRACE_METRICS_FORMAT_OPENMETRICS;
    config = quiet_config(trace_metrics_exporter(&options));
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (int i = 0; i < 40; i++) {
        work(5);
        ledger_nap(1500);
        (void)trace_pump(0);
        if (!CHECK(read_file())) break;
        CHECK(strlen(text) > 6 && strcmp(text + strlen(text) - 6, "# EOF\n") == 0);
        seen += sample("trace_h_spans_ended_total ") > most;
        most = sample("trace_h_spans_ended_total ");
    }
    CHECK_UINT(seen, 40);
    CHECK_UINT(files_in_folder(), 1);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    remove_folder();
}

#ifndef _WIN32
/* Written by a thread of the program, as at exit: none of the library's, which block every signal. */
ISOLATED(a_file_that_may_not_grow) {
    struct rlimit before, limit;
    sigset_t pending;
    make_folder();
    CHECK_INT(trace_metrics_write(TRACE_METRICS_FORMAT_DEFAULT, path), TRACE_RESULT_OK);
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 20;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_INT(trace_metrics_write(TRACE_METRICS_FORMAT_DEFAULT, path), TRACE_RESULT_FAILED);
    CHECK_INT(errno, EFBIG);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
    sigpending(&pending);
    CHECK_INT(sigismember(&pending, SIGXFSZ), 0);
    CHECK(read_file() && strlen(text) > 20);                    /* the old one */
    CHECK_UINT(files_in_folder(), 1);
    remove_folder();
}
#endif

ISOLATED(what_nobody_reads_is_told) {
    trace_metrics_options options;
    trace_config config;
    memset(&options, 0, sizeof options);
    config = quiet_config(trace_metrics_exporter(&options));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    work(5);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    CHECK_UINT(warnings, 1);
    CHECK(strstr(warned, "metrics: they were counted and nobody read them: set TRACE_METRICS_FILE") != NULL);
}

ISOLATED(what_was_read_once_is_not_told) {
    trace_metrics_options options;
    trace_config config;
    memset(&options, 0, sizeof options);
    config = quiet_config(trace_metrics_exporter(&options));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    work(5);
    (void)trace_metrics_render(TRACE_METRICS_FORMAT_DEFAULT, text, sizeof text);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    CHECK_UINT(warnings, 0);
}

ISOLATED(options_that_were_not_zeroed_are_refused) {
    trace_metrics_options options;
    memset(&options, 0xaa, sizeof options);
    CHECK(!trace_metrics_exporter(&options).export_fn);
    memset(&options, 0, sizeof options);
    options.reserved_last = 1;
    CHECK(!trace_metrics_exporter(&options).export_fn);
}

ISOLATED(a_file_that_cannot_be_written) {
    trace_metrics_options options;
    trace_config config;
    memset(&options, 0, sizeof options);
    options.file_path = "/nowhere/at all/shop.prom";
    options.file_interval_ms = 1;
    config = quiet_config(trace_metrics_exporter(&options));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    work(5);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_FAILED);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_FAILED);
    CHECK_UINT(warnings, 1);
    CHECK(strstr(warned, "/nowhere/at all/shop.prom") && strstr(warned, "No such file") && strstr(warned, "TRACE_METRICS_FILE"));
    CHECK_INT(trace_metrics_write(TRACE_METRICS_FORMAT_DEFAULT, NULL), TRACE_RESULT_INVALID);
    CHECK_INT(trace_metrics_write(TRACE_METRICS_FORMAT_DEFAULT, ""), TRACE_RESULT_INVALID);
    CHECK_LEDGER();
}

/* A directory stands in the way of the rename: nothing is left beside it. */
ISOLATED(a_rename_that_fails) {
    make_folder();
    CHECK_INT(mkdir(path, 0755), 0);
    CHECK_INT(trace_metrics_write(TRACE_METRICS_FORMAT_DEFAULT, path), TRACE_RESULT_FAILED);
    CHECK_UINT(files_in_folder(), 1);
    CHECK_INT(rmdir(path), 0);
    CHECK_INT(rmdir(folder), 0);
}

ISOLATED(options_that_are_wrong) {
    static const double falling[] = {1, 0.5}, none[] = {0, 1};
    trace_metrics_options options;
    char long_path[1200];
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    memset(&options, 0, sizeof options);
    options.bounds = falling;
    options.bound_count = 2;
    CHECK(trace_metrics_exporter(&options).export_fn == NULL);
    options.bounds = none;
    CHECK(trace_metrics_exporter(&options).export_fn == NULL);
    options.bounds = NULL;
    CHECK(trace_metrics_exporter(&options).export_fn == NULL);
    options.bound_count = 0;
    options.file_path = long_path;
    CHECK(trace_metrics_exporter(&options).export_fn == NULL);
    options.file_path = NULL;
    options.bounds = none + 1;
    options.bound_count = 1;
    CHECK(trace_metrics_exporter(&options).export_fn != NULL);
    CHECK_UINT(tracei_metrics_durations.info.bound_count, 1);
}

/* --- fork --- */

#ifndef _WIN32
ISOLATED(a_forked_child_counts_from_zero) {
    trace_config config = quiet_config(trace_metrics_exporter(NULL));
    int status = -1;
    pid_t child;
    config.disable_exit = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    work(8);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        work(4);
        CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
        (void)trace_metrics_render(TRACE_METRICS_FORMAT_OPENMETRICS, text, sizeof text);
        check_sample(QUERY "ERROR" QUERY_END, 1);
        check_sample(QUERY "UNSET" QUERY_END, 3);
        check_sample("trace_h_spans_ended_total ", 8);
        _exit(test_failures != 0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)trace_metrics_render(TRACE_METRICS_FORMAT_OPENMETRICS, text, sizeof text);
    check_sample(QUERY "ERROR" QUERY_END, 2);
}
#endif

TEST(content_types) {
    CHECK_STR(trace_metrics_content_type(TRACE_METRICS_FORMAT_DEFAULT), "text/plain; version=0.0.4; charset=utf-8");
    CHECK_STR(trace_metrics_content_type(TRACE_METRICS_FORMAT_OPENMETRICS),
              "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

/* A run with everything in it; METRICS_OUT says where tests/test_metrics_parser.sh wants both texts of it. */
ISOLATED(texts_for_the_parser) {
    const char *const out = getenv("METRICS_OUT");
    trace_config config;
    config = quiet_config(trace_metrics_exporter(NULL));
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    work(20);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    register_models();
    record_models();
    if (!out) return;
    snprintf(path, sizeof path, "%s.prom", out);
    CHECK_INT(trace_metrics_write(TRACE_METRICS_FORMAT_PROMETHEUS, path), TRACE_RESULT_OK);
    snprintf(path, sizeof path, "%s.om", out);
    CHECK_INT(trace_metrics_write(TRACE_METRICS_FORMAT_OPENMETRICS, path), TRACE_RESULT_OK);
}

TEST_MAIN()
