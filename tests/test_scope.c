/* test_scope.c - rules of scopes: disabled ones, exporters of their own; and suppression
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"
#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "ledger.h"

static const trace_scope app = {"app", "1", NULL}, noisy = {"noisy.codec", "2", NULL}, noisy_too = {"noisy.io", NULL, NULL},
                         secret = {"secret", NULL, NULL};

static bool refuse_memory;

/* Mapped, as the library's own: the leak checker would not find what only such memory points to. */
static void *allocate(void *user, size_t size) {
    void *memory;
    (void)user;
    if (refuse_memory) return NULL;
#ifdef _WIN32
    memory = calloc(1, size);
    return memory;
#else
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
#endif
}

static uint32_t warnings;
static char warned[512];
static void remember_warning(void *user, trace_log_level level, const char *message) {
    (void)user, (void)level;
    warnings++;
    snprintf(warned, sizeof warned, "%s", message);
}

static store *kept_spans;

static void begin_with(const trace_scope_rule *rules, size_t count) {
    trace_config config;
    if (!kept_spans) kept_spans = store_make(1000);
    kept_spans->count = 0;
    config = ledger_config(store_exporter(kept_spans));
    config.scope_rules = rules;
    config.scope_rule_count = count;
    config.logger.log_fn = remember_warning;
    config.disable_thread = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

static trace_span start(const char *name, const trace_scope *scope) {
    trace_span_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.scope = scope;
    return trace_span_start_with(name, &options);
}

static void flush(void) { CHECK_INT(trace_flush(1000), TRACE_RESULT_OK); }

static bool is_below(const char *child, const char *parent) {
    const kept *const one = store_find(kept_spans, child), *const other = store_find(kept_spans, parent);
    return CHECK(one && other) && CHECK_UINT(one->parent_id, other->span_id) && CHECK_UINT(one->trace_low, other->trace_low);
}

static const trace_scope_rule no_noise[] = {{"noisy.", true, NULL}};

ISOLATED(a_disabled_scope_is_invisible) {
    trace_span outer, muted, inner, muted_inner;
    char outer_id[17], header[200];
    begin_with(no_noise, 1);
    outer = start("outer", &app);
    (void)trace_span_id_string(trace_span_context(outer), outer_id);
    muted = start("muted", &noisy);
    CHECK(!trace_span_is_recording(muted));
    trace_span_set_int(muted, "lost", 1);
    trace_span_set_int(trace_span_current(), "lost", 2);
    CHECK(trace_inject_raw(trace_context_current(), header, sizeof header) < sizeof header);
    CHECK(strstr(header, outer_id) != NULL); /* a request from in here belongs to the outer span */
    muted_inner = start("muted inner", &noisy_too);
    inner = start("inner", &app);
    trace_span_end(trace_span_start("plain"));
    trace_span_end(inner);
    trace_span_end(muted_inner);
    trace_span_end(muted);
    trace_span_end(trace_span_start("after"));
    trace_span_end(outer);
    trace_span_end(muted); /* a dead handle as any other */
    flush();
    CHECK_UINT(kept_spans->count, 4);
    (void)is_below("inner", "outer");
    (void)is_below("plain", "inner");
    (void)is_below("after", "outer");
    CHECK_UINT(ledger_stats().sampled_out, 2);
    CHECK_UINT(ledger_stats().misused, 1);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_LEDGER();
}

ISOLATED(nothing_leaks_to_the_span_around) {
    static uint64_t buffer[4096];
    trace_exporter memory = trace_memory_exporter(buffer, sizeof buffer);
    trace_config config = ledger_config(memory);
    trace_span_data spans[4];
    config.scope_rules = no_noise;
    config.scope_rule_count = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("outer") {
        trace_span muted = start("muted", &noisy);
        trace_span_set_int(trace_span_current(), "lost", 2);
        trace_event("lost");
        trace_error("Lost", "lost");
        trace_span_end(muted);
        TRACE_SUPPRESS {
            TRACE_SPAN("suppressed") trace_span_set_int(trace_span_current(), "lost", 3);
            trace_event("lost");
        }
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(trace_memory_get(&memory, spans, 4), 1);
    CHECK_UINT(spans[0].attribute_count + spans[0].event_count + (size_t)spans[0].status, 0);
    CHECK_LEDGER();
}

/* Without a recorded span around, what is inside begins a trace, or goes on with the caller's. */
ISOLATED(a_disabled_root) {
    trace_span_options options;
    trace_context remote;
    trace_span muted;
    const kept *one;
    begin_with(no_noise, 1);
    muted = start("muted root", &noisy);
    CHECK(!trace_context_is_valid(trace_span_context(muted)) && trace_span_context(muted).is_explicit);
    trace_span_end(trace_span_start("alone"));
    trace_span_end(muted);
    CHECK(trace_context_parse(&remote, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1"));
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.scope = &noisy;
    options.parent = remote;
    muted = trace_span_start_with("muted server", &options);
    trace_span_end(trace_span_start("handler"));
    trace_span_end(muted);
    flush();
    CHECK_UINT(kept_spans->count, 2);
    one = store_find(kept_spans, "alone");
    CHECK(one && !one->parent_id && one->is_local_root);
    one = store_find(kept_spans, "handler");
    CHECK(one && one->parent_is_remote && one->is_local_root && one->parent_id == UINT64_C(0xb7ad6b7169203331));
    CHECK_LEDGER();
}

static void *end_it(void *span) {
    trace_span_end(*(trace_span *)span);
    return NULL;
}

/* Detached, ended by another thread, left by a jump: as with any span. */
ISOLATED(muted_spans_end_as_others_do) {
    trace_span_options options;
    trace_span muted;
    trace_mark mark;
    pthread_t thread;
    begin_with(no_noise, 1);
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.scope = &noisy;
    options.detached = true;
    muted = trace_span_start_with("detached", &options);
    TRACE_WITH_SPAN(muted) trace_span_end(trace_span_start("in callback"));
    pthread_create(&thread, NULL, end_it, &muted);
    pthread_join(thread, NULL);
    muted = start("muted", &noisy);
    pthread_create(&thread, NULL, end_it, &muted);
    pthread_join(thread, NULL);
    mark = trace_mark_get();
    (void)start("left open", &noisy);
    trace_unwind(mark);
    CHECK(!trace_context_is_valid(trace_context_current()));
    flush();
    CHECK_UINT(kept_spans->count, 1);
    CHECK_UINT(ledger_stats().abandoned, 1);
    CHECK_UINT(ledger_stats().open, 0);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_LEDGER();
}

/* Which spans are kept is for the sampler to say when it is shown one. */
ISOLATED(enabled_without_asking_the_sampler) {
    trace_span_options options;
    trace_span unsampled, root;
    trace_context caller;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    begin_with(NULL, 0);
    CHECK(trace_context_parse(&caller, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", NULL));
    options.parent = caller;
    unsampled = trace_span_start_with("unsampled", &options);
    CHECK(!trace_span_is_recording(unsampled));
    CHECK(trace_is_enabled(NULL) && trace_is_enabled(&app));
    memset(&options.parent, 0, sizeof options.parent);
    options.root = true;
    root = trace_span_start_with("root", &options);
    CHECK(trace_span_is_recording(root));
    trace_span_end(root);
    TRACE_SUPPRESS { CHECK(!trace_is_enabled(NULL)); }
    trace_span_end(unsampled);
    flush();
    CHECK_UINT(kept_spans->count, 1);
    CHECK_LEDGER();
}

ISOLATED(the_first_rule_that_fits) {
    static const trace_scope_rule rules[] = {
        {"noisy.io", false, NULL}, {"noisy", true, NULL}, {"app", false, NULL}, {NULL, true, NULL}};
    static const trace_scope late = {"noisy.later", NULL, NULL};
    trace_span outer, nameless;
    begin_with(rules, 4);
    CHECK(trace_is_enabled(&app) && trace_is_enabled(&noisy_too));
    CHECK(!trace_is_enabled(&noisy) && !trace_is_enabled(&late) && !trace_is_enabled(NULL) && !trace_is_enabled(&secret));
    outer = start("app", &app);
    nameless = trace_span_start("the short way");
    CHECK(!trace_span_is_recording(nameless));
    trace_span_end(nameless);
    trace_span_end(start("noisy", &noisy));
    trace_span_end(start("noisy.io", &noisy_too));
    trace_span_end(outer);
    trace_span_end(trace_span_start("nameless root"));
    flush();
    CHECK_UINT(kept_spans->count, 2);
    (void)is_below("noisy.io", "app");
    begin_with(NULL, 0); /* and they go as they came */
    CHECK(trace_is_enabled(&noisy) && trace_is_enabled(NULL));
    trace_span_end(trace_span_start("nameless"));
    trace_span_end(start("noisy", &noisy));
    flush();
    CHECK_UINT(kept_spans->count, 2);
    CHECK_LEDGER();
}

/* --- exporters --- */

static char heard[3][2048];

static trace_result hear(void *user, const trace_batch *batch) {
    char *const text = heard[(uintptr_t)user];
    const size_t size = strlen(text);
    size_t at = size;
    for (size_t i = 0; i < batch->span_count; i++)
        at += (size_t)snprintf(text + at, 2048 - at, "%.*s ", (int)batch->spans[i].name.size, batch->spans[i].name.data);
    if (batch->root) {
        at += (size_t)snprintf(text + at, 2048 - at, "(%.*s)", (int)batch->root->name.size, batch->root->name.data);
        CHECK(refuse_memory || (batch->root >= batch->spans && batch->root < batch->spans + batch->span_count));
    }
    (void)snprintf(text + at, 2048 - at, "; ");
    return TRACE_RESULT_OK;
}

static trace_exporter listener(uintptr_t at, const char *name, bool whole) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = name;
    exporter.export_fn = hear;
    exporter.user = (void *)at;
    exporter.whole_traces = whole;
    return exporter;
}

static const trace_scope_rule routes[] = {{"secret", false, "two"}, {"app", false, "one"}};

static void begin_routed(void) {
    trace_config config = ledger_config(listener(0, "one", false));
    memset(heard, 0, sizeof heard);
    config.exporters[1] = listener(1, "two", false);
    config.exporters[2] = listener(2, "two", true);
    config.scope_rules = routes;
    config.scope_rule_count = 2;
    config.disable_thread = true;
    config.allocator.allocate_fn = allocate;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

static void a_mixed_trace(void) {
    trace_span root = trace_span_start("root"), one = start("app1", &app);
    trace_span_end(start("secret1", &secret));
    trace_span_end(start("secret2", &secret));
    trace_span_end(one);
    trace_span_end(trace_span_start("plain"));
    trace_span_end(root);
    root = start("secret root", &secret);
    trace_span_end(start("app2", &app));
    trace_span_end(root);
    root = start("app root", &app);
    trace_span_end(trace_span_start("plain2"));
    trace_span_end(root);
}

ISOLATED(each_exporter_gets_its_scopes) {
    begin_routed();
    a_mixed_trace();
    (void)trace_pump(0);
    CHECK_STR(heard[0], "app1 plain root app2 plain2 app root ; ");
    CHECK_STR(heard[1], "secret1 secret2 plain root secret root plain2 ; ");
    CHECK_STR(heard[2], "root secret1 secret2 plain (root); secret root (secret root); plain2 ; ");
    CHECK_UINT(ledger_of("one").received, 6);
    CHECK_UINT(ledger_stats().exported, 9);
    CHECK_LEDGER();
}

ISOLATED(routes_without_memory) {
    begin_routed();
    a_mixed_trace();
    (void)trace_pump(0); /* so that all else is there */
    memset(heard, 0, sizeof heard);
    a_mixed_trace();
    refuse_memory = true;
    (void)trace_pump(0);
    refuse_memory = false;
    CHECK_STR(heard[0], "app1 plain root app2 ; plain2 app root ; ");
    CHECK_STR(heard[1], "secret1 secret2 ; plain root ; secret root plain2 ; ");
    CHECK_UINT(ledger_stats().exported, 18);
    CHECK_LEDGER();
}

ISOLATED(rules_that_are_wrong) {
    static const trace_scope_rule unknown[] = {{"app", false, "nobody"}}, long_prefix[] = {
        {"0123456789012345678901234567890123456789012345678901234567890123", true, NULL}};
    trace_scope_rule many[33];
    trace_config config;
    begin_with(unknown, 1);
    CHECK_UINT(warnings, 1);
    CHECK(strstr(warned, "nobody") && strstr(warned, "app"));
    CHECK(!trace_is_enabled(&app) && trace_is_enabled(&secret));
    memset(many, 0, sizeof many);
    config = ledger_config(store_exporter(kept_spans));
    config.logger.log_fn = remember_warning;
    config.scope_rule_count = 1;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.scope_rules = long_prefix;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.scope_rules = many;
    config.scope_rule_count = 33;
    CHECK_INT(trace_init(&config), TRACE_RESULT_INVALID);
    config.scope_rule_count = 32;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

/* --- suppression --- */

static void *start_below(void *context) {
    TRACE_WITH(*(const trace_context *)context) trace_span_end(trace_span_start("on another thread"));
    trace_span_end(trace_span_start("free"));
    return NULL;
}

ISOLATED(no_span_inside) {
    trace_span_options options;
    trace_context remote, inside;
    trace_span outer, detached;
    trace_attachment attachment;
    trace_mark mark;
    pthread_t thread;
    char header[200] = "";
    begin_with(NULL, 0);
    CHECK(trace_context_parse(&remote, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL));
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.detached = true;
    detached = trace_span_start_with("detached", &options);
    outer = trace_span_start("outer");
    TRACE_SUPPRESS {
        CHECK(!trace_is_enabled(NULL));
        trace_span_end(trace_span_start("no"));
        TRACE_SPAN("no") {}
        options.parent = remote;
        trace_span_end(trace_span_start_with("no", &options));
        options.root = true;
        trace_span_end(trace_span_start_with("no", &options));
        TRACE_WITH(remote) {
            TRACE_SPAN("no") {}
            CHECK(trace_inject_raw(remote, header, sizeof header) > 0); /* what is given is injected */
        }
        TRACE_WITH_SPAN(detached) {
            TRACE_SPAN("no") trace_span_set_int(trace_span_current(), "written", 1); /* to the span that is attached */
        }
        TRACE_SUPPRESS TRACE_SPAN("no") {}
        CHECK(trace_context_current().is_explicit && !trace_context_is_valid(trace_context_current()));
        CHECK_UINT(trace_inject_raw(trace_context_current(), header, sizeof header), 0);
        memset(&inside, 0, sizeof inside);
        CHECK_UINT(trace_inject_raw(inside, header, sizeof header), 0);
        inside = trace_context_current();
        trace_span_set_int(outer, "by its handle", 1);
    }
    CHECK(trace_is_enabled(NULL));
    (void)trace_span_start("yes");
    trace_span_end(trace_span_current());
    pthread_create(&thread, NULL, start_below, &inside);
    pthread_join(thread, NULL);
    mark = trace_mark_get();
    attachment = trace_suppress();
    trace_unwind(mark);
    trace_span_end(trace_span_start("unwound"));
    attachment = trace_suppress();
    trace_span_end(trace_span_start("no"));
    trace_detach(attachment);
    trace_span_end(outer);
    trace_span_end(detached);
    flush();
    CHECK_UINT(store_count(kept_spans, "no", 0), 0);
    CHECK_UINT(store_count(kept_spans, "on another thread", 0), 0);
    CHECK_UINT(store_count(kept_spans, "free", 0), 1);
    (void)is_below("yes", "outer");
    (void)is_below("unwound", "outer");
    CHECK_UINT(kept_spans->count, 5);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_UINT(ledger_stats().refused, 0);
    CHECK_UINT(ledger_stats().ended, 5);
    CHECK_LEDGER();
}

/* A span that was open is ended inside, and one that was started outside may end there: the block stays a block. */
ISOLATED(ends_inside) {
    trace_span outer;
    begin_with(NULL, 0);
    outer = trace_span_start("outer");
    TRACE_SUPPRESS {
        trace_span_end(outer);
        TRACE_SPAN("no") {}
    }
    trace_span_end(trace_span_start("after"));
    flush();
    CHECK_UINT(kept_spans->count, 2);
    CHECK_UINT(store_count(kept_spans, "after", 0), 1);
    CHECK_LEDGER();
}

#ifndef _WIN32
ISOLATED(a_child_forked_inside) {
    int status = -1;
    pid_t child;
    begin_with(NULL, 0);
    TRACE_SPAN("outer") {
        TRACE_SUPPRESS {
            fflush(NULL);
            child = fork();
            if (child == 0) {
                TRACE_SPAN("no") {}
                (void)trace_flush(1000);
                _exit(test_failures != 0);
            }
            CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
    }
    flush();
    CHECK_UINT(store_count(kept_spans, "no", 0), 0);
    CHECK_LEDGER();
}
#endif

TEST_MAIN()
