/* test_unload.c - the library in shared objects: unloaded, twice in a process, called by libraries that carry none
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* beside: it compiles most of its time */
/* not: windows: LoadLibrary is not dlopen; static: no dlopen; glibc-2.17: the linker of zig lacks --export-dynamic-symbol */
/* build: -rdynamic -ldl */
#include "test.h"

#include <dlfcn.h>
#include <pthread.h>

#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "ledger.h"

/* --- helpers built at run time --- */

static char folder[512];

static bool compiler_is_there(void) {
    return system("${CC:-cc} --version >/dev/null 2>&1") == 0;
}

static const char *here(void) {
    static char path[512];
    char *end;
    snprintf(path, sizeof path, "%s", __FILE__);
    end = strrchr(path, '/');
    if (end) *end = '\0';
    else strcpy(path, ".");
    return path;
}

/* Compiles the text to folder/name; `flags` say to what. */
static bool compile(const char *name, const char *flags, const char *text) {
    char path[600], command[2400];
    if (!folder[0]) {
        const char *const base = getenv("TEST_BUILD_DIR");
        if (base) snprintf(folder, sizeof folder, "%s/unload.%d", base, (int)getpid());
        else snprintf(folder, sizeof folder, "/tmp/trace_unload.%d", (int)getpid());
        (void)mkdir(folder, 0777);
    }
    snprintf(path, sizeof path, "%s/%s.c", folder, name);
    if (!test_write_file(path, text, strlen(text))) return false;
#if defined(__SANITIZE_ADDRESS__)
#define SAME_FLAGS "-fsanitize=address,undefined"
#elif defined(__SANITIZE_THREAD__)
#define SAME_FLAGS "-fsanitize=thread"
#else
#define SAME_FLAGS ""
#endif
    snprintf(command, sizeof command,
             "${CC:-cc} -std=gnu11 -O0 -g1 -Wall -Wextra -I'%s/..' " SAME_FLAGS " %s '%s' -o '%s/%s' -pthread -ldl", here(), flags,
             path, folder, name);
    return system(command) == 0;
}

static void clean_up(void) {
    char command[600];
    if (!folder[0]) return;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    (void)!system(command);
    folder[0] = '\0';
}

static void *load(const char *name, int flags) {
    char path[600];
    void *library;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    library = dlopen(path, flags);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    return library;
}

typedef void (*plain_function)(void);
static plain_function function_of(void *library, const char *name) {
    plain_function function;
    void *const symbol = dlsym(library, name);
    memcpy(&function, &symbol, sizeof function);
    return function;
}

/* Everything one of these tests needs in a library of its own. */
#define PLUGIN_TEXT \
    "#include \"trace.h\"\n" \
    "static unsigned spans;\n" \
    "static trace_result count(void *u, const trace_batch *b) { (void)u; __atomic_fetch_add(&spans, (unsigned)b->span_count, " \
    "__ATOMIC_ACQ_REL); return TRACE_RESULT_OK; }\n" \
    "__attribute__((visibility(\"default\"))) void plugin_init(void) {\n" \
    "    trace_config c; trace_exporter e;\n" \
    "    memset(&c, 0, sizeof c); memset(&e, 0, sizeof e);\n" \
    "    e.struct_size = sizeof e; e.name = \"plugin\"; e.export_fn = count; c.exporters[0] = e; c.disable_environment = " \
    "true;\n" \
    "    trace_init(&c);\n" \
    "}\n" \
    "__attribute__((visibility(\"default\"))) void plugin_trace(void) { TRACE_SPAN(\"plugin\") { TRACE_SPAN(\"plugin inside\") " \
    "{ trace_set(\"k\", 1); } } }\n" \
    "__attribute__((visibility(\"default\"))) void plugin_flush(void) { trace_flush(1000); }\n" \
    "__attribute__((visibility(\"default\"))) void plugin_shutdown(void) { trace_shutdown(1000); }\n" \
    "__attribute__((visibility(\"default\"))) unsigned plugin_spans(void) { return __atomic_load_n(&spans, __ATOMIC_ACQUIRE); " \
    "}\n" \
    "__attribute__((visibility(\"default\"))) unsigned long long plugin_parent(void) {\n" \
    "    trace_context c = trace_context_current(); unsigned long long id = 0; int i;\n" \
    "    for (i = 0; i < 8; i++) id = id << 8 | c.span_id[i];\n" \
    "    return id;\n" \
    "}\n" \
    "static trace_span open_span;\n" \
    "__attribute__((visibility(\"default\"))) unsigned long long plugin_open(void) { open_span = trace_span_start(\"plugin " \
    "open\"); return open_span.id; }\n" \
    "__attribute__((visibility(\"default\"))) void plugin_close(void) { trace_span_end(open_span); }\n"

/* --- dlclose --- */

static plain_function plugin_trace_now;
static void *trace_and_wait(void *user) {
    uint32_t *const step = (uint32_t *)user;
    plugin_trace_now();
    __atomic_store_n(step, 1u, __ATOMIC_RELEASE);
    while (__atomic_load_n(step, __ATOMIC_ACQUIRE) != 2) ledger_nap(200);
    return NULL;                                 /* its key's destructor runs after dlclose */
}

static void unload_loop(void *unused) {
    unsigned i;
    (void)unused;
    for (i = 0; i < test_scaled(200); i++) {
        void *const library = load("plugin.so", i % 2 ? RTLD_NOW | RTLD_LOCAL : RTLD_NOW | RTLD_GLOBAL);
        uint32_t step = 0;
        pthread_t thread;
        if (!CHECK(library != NULL)) return;
        if (i == 0) function_of(library, "plugin_init")();
        plugin_trace_now = function_of(library, "plugin_trace");
        pthread_create(&thread, NULL, trace_and_wait, &step);
        plugin_trace_now();
        while (__atomic_load_n(&step, __ATOMIC_ACQUIRE) != 1) ledger_nap(200);
        if (i % 3 == 0) function_of(library, "plugin_flush")();
        CHECK_INT(dlclose(library), 0);
        __atomic_store_n(&step, 2u, __ATOMIC_RELEASE);
        pthread_join(thread, NULL);
        if (i % 50 == 0) ledger_nap(150000);     /* the worker is alive and polls */
        TRACE_SPAN("of the program") {}          /* meets whatever the table of copies holds */
    }
}

TEST(dlclose_with_a_live_worker) {
    test_child child;
    if (!compiler_is_there()) SKIP("no compiler");
    REQUIRE(compile("plugin.so", "-shared -fPIC -DTRACE_IMPLEMENTATION -fvisibility=hidden", PLUGIN_TEXT));
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    child = test_fork(unload_loop, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

/* Loaded and unloaded without a call ever: nothing may be left behind. */
static void unload_unused(void *unused) {
    store *const kept = store_make(1000);
    trace_config config = ledger_config(store_exporter(kept));
    unsigned i;
    (void)unused;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    for (i = 0; i < 20; i++) {
        void *const library = load("unloadable.so", RTLD_NOW | RTLD_GLOBAL);
        if (!CHECK(library != NULL)) return;
        TRACE_SPAN("before") {}
        dlclose(library);
        CHECK(load("unloadable.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
        TRACE_SPAN("after") { TRACE_SPAN("inside") {} }
    }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(kept->count, 60);
    CHECK_LEDGER();
}

static void unload_used(void *unused) {
    unsigned i;
    (void)unused;
    for (i = 0; i < test_scaled(100); i++) {
        void *const library = load("unloadable.so", i % 2 ? RTLD_NOW | RTLD_LOCAL : RTLD_NOW | RTLD_GLOBAL);
        pthread_t thread;
        uint32_t step = 0;
        if (!CHECK(library != NULL)) return;
        function_of(library, "plugin_init")();
        plugin_trace_now = function_of(library, "plugin_trace");
        plugin_trace_now();
        pthread_create(&thread, NULL, trace_and_wait, &step);
        while (__atomic_load_n(&step, __ATOMIC_ACQUIRE) != 1) ledger_nap(200);
        function_of(library, "plugin_shutdown")();
        if (i % 3 == 0) {                        /* and again, before it goes */
            function_of(library, "plugin_init")();
            plugin_trace_now();
            function_of(library, "plugin_shutdown")();
        }
        dlclose(library);
        CHECK(load("unloadable.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
        __atomic_store_n(&step, 2u, __ATOMIC_RELEASE);
        pthread_join(thread, NULL);
        TRACE_SPAN("of the program") {}
    }
}

TEST(unloadable) {
    test_child child;
#ifdef __SANITIZE_THREAD__
    SKIP("the sanitizer's atexit forgets which library a handler is of, and calls it when that has gone");
#endif
    if (!compiler_is_there()) SKIP("no compiler");
    REQUIRE(compile("unloadable.so", "-shared -fPIC -DTRACE_IMPLEMENTATION -DTRACE_CONFIG_UNLOADABLE=1 -fvisibility=hidden",
                    PLUGIN_TEXT));
    child = test_fork(unload_unused, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    child = test_fork(unload_used, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

/* --- two copies --- */

/* A later version of the header, in folder/later: private structs have further members, slots are larger, and the table that copies
   share has grown at its end. */
static bool write_later_version(void) {
    static const char *const edits[][2] = {
        {"    tracei_slot *current;         /* top", "    uint64_t later[7]; tracei_slot *current; /* top"},
        {"    uint8_t kind;                 /* TRACEI_SLOT_", "    uint64_t later[3]; uint8_t kind; /* TRACEI_SLOT_"},
        {"} tracei_api;\n", "    void (*later)(void);\n} tracei_api;\n"},
        {"tracei_api_begin};\n", "tracei_api_begin, NULL};\n"},
        {"#define TRACEI_SLOT_BYTES 384u ", "#define TRACEI_SLOT_BYTES 1024u "},
    };
    char path[1200], command[1200], *text, *edited;
    size_t size = 0, i;
    snprintf(path, sizeof path, "%s/../trace.h", here());
    text = test_read_file(path, &size);
    if (!CHECK(text != NULL)) return false;
    for (i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        char *const at = strstr(text, edits[i][0]);
        const size_t before = strlen(edits[i][0]), after = strlen(edits[i][1]);
        if (!at) {
            fprintf(stderr, "no longer in trace.h: %s\n", edits[i][0]);
            free(text);
            return CHECK(at != NULL);
        }
        edited = (char *)malloc(size + after + 1);
        memcpy(edited, text, (size_t)(at - text));
        memcpy(edited + (at - text), edits[i][1], after);
        strcpy(edited + (at - text) + after, at + before);
        free(text);
        text = edited;
        size += after - before;
    }
    snprintf(command, sizeof command, "mkdir -p '%s/later'", folder);
    snprintf(path, sizeof path, "%s/later/trace.h", folder);
    i = system(command) == 0 && test_write_file(path, text, size);
    free(text);
    return CHECK(i);
}

static void nest_copies(void *unused) {
    store *const kept = store_make(1000);
    trace_config config = ledger_config(store_exporter(kept));
    void *const a = load("copy_a.so", RTLD_NOW | RTLD_LOCAL), *const b = load("copy_b.so", RTLD_NOW | RTLD_LOCAL);
    unsigned long long (*a_open)(void), (*b_open)(void), (*a_parent)(void), (*b_parent)(void);
    unsigned (*a_spans)(void);
    plain_function f;
    unsigned long long id;
    (void)unused;
    if (!CHECK(a && b)) return;
    trace_h_shared_1.sequence = 0u - 4;          /* what orders contexts of copies wraps on the way */
#define FUNCTION(variable, library, name) f = function_of(library, name); memcpy(&variable, &f, sizeof variable)
    FUNCTION(a_open, a, "plugin_open");
    FUNCTION(b_open, b, "plugin_open");
    FUNCTION(a_parent, a, "plugin_parent");
    FUNCTION(b_parent, b, "plugin_parent");
    FUNCTION(a_spans, a, "plugin_spans");
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    function_of(a, "plugin_init")();
    function_of(b, "plugin_init")();
    TRACE_SPAN("program") {
        const uint64_t program = ledger_id(trace_context_current().span_id);
        CHECK_UINT(a_parent(), program);
        CHECK_UINT(b_parent(), program);
        id = a_open();
        CHECK_UINT(b_parent(), id);
        CHECK_UINT(ledger_id(trace_context_current().span_id), id);
        TRACE_SPAN("below a") {
            const uint64_t below = ledger_id(trace_context_current().span_id);
            id = b_open();
            CHECK_UINT(ledger_id(trace_context_current().span_id), id);
            CHECK_UINT(a_parent(), id);
            function_of(b, "plugin_close")();
            CHECK_UINT(a_parent(), below);
            TRACE_SPAN("in it") {}
        }
        function_of(a, "plugin_close")();
        CHECK_UINT(b_parent(), program);
        CHECK_UINT(ledger_id(trace_context_current().span_id), program);
    }
    CHECK_UINT(a_parent(), 0);
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    function_of(a, "plugin_flush")();
    CHECK_UINT(kept->count, 3);
    CHECK_UINT(a_spans(), 1);
    CHECK(store_find(kept, "below a") && store_find(kept, "below a")->parent_id != store_find(kept, "program")->span_id);
    CHECK(store_find(kept, "below a")->trace_low == store_find(kept, "program")->trace_low);
    CHECK(store_find(kept, "below a")->is_local_root && !store_find(kept, "below a")->parent_is_remote);
    CHECK(store_find(kept, "in it") && !store_find(kept, "in it")->is_local_root);
    CHECK_LEDGER();
}

TEST(copies_nest_in_one_trace) {
    test_child child;
    if (!compiler_is_there()) SKIP("no compiler");
    REQUIRE(compile("copy_a.so", "-shared -fPIC -DTRACE_IMPLEMENTATION", PLUGIN_TEXT)); /* symbols hidden by the header */
    REQUIRE(compile("copy_b.so", "-shared -fPIC -DTRACE_IMPLEMENTATION -DTRACE_CONFIG_STATIC=1", PLUGIN_TEXT));
    child = test_fork(nest_copies, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

TEST(a_copy_of_a_later_version_nests_too) {
    char flags[700];
    test_child child;
    if (!compiler_is_there()) SKIP("no compiler");
    REQUIRE(compile("copy_b.so", "-shared -fPIC -DTRACE_IMPLEMENTATION", PLUGIN_TEXT));
    REQUIRE(write_later_version());
    snprintf(flags, sizeof flags, "-iquote '%s/later' -shared -fPIC -DTRACE_IMPLEMENTATION", folder);
    REQUIRE(compile("copy_a.so", flags, "#define LATER 1\n" PLUGIN_TEXT));
    child = test_fork(nest_copies, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
}

#define SECOND_TEXT \
    "#define TRACE_IMPLEMENTATION\n" \
    "#include \"trace.h\"\n" \
    "void second(void);\n" \
    "__attribute__((visibility(\"default\"))) void second(void) { TRACE_SPAN(\"second copy\") { TRACE_SPAN(\"deep\") {} } }\n"

#define FIRST_TEXT \
    "#define TRACE_IMPLEMENTATION\n" \
    "#include \"trace.h\"\n" \
    "void second(void);\n" \
    "int main(void) { TRACE_SPAN(\"app\") { second(); TRACE_SPAN(\"own\") {} } return 0; }\n"

/* What the first program said, which the command runs; the caller frees it. */
static char *said_by(const char *command) {
    char path[600];
    size_t size = 0;
    CHECK_INT(system(command), 0);
    snprintf(path, sizeof path, "%s/first.txt", folder);
    return test_read_file(path, &size);
}

/* Each prints its part of the trace; nothing is missing from either. */
TEST(consoles_of_two_copies_miss_nothing) {
    char flags[700], command[1600], *text;
    if (!compiler_is_there()) SKIP("no compiler");
    REQUIRE(compile("second.so", "-shared -fPIC -DTRACE_CONFIG_STATIC=1", SECOND_TEXT));
    snprintf(flags, sizeof flags, "-Wl,--no-as-needed '%s/second.so'", folder);
    REQUIRE(compile("first", flags, FIRST_TEXT));
    snprintf(command, sizeof command, "OTEL_TRACES_EXPORTER=console '%s/first' 2>'%s/first.txt'", folder, folder);
    text = said_by(command);
    REQUIRE(text != NULL);
    CHECK_HAS(text, "second copy");
    CHECK_HAS(text, "deep");
    CHECK_HAS(text, "own");
    CHECK_HAS_NOT(text, "missing");
    CHECK_HAS_NOT(text, "incomplete");
    free(text);
}

/* Two static libraries in one program, each with an implementation of its own, under two namespaces: the linker sees no name
   twice, each console prints its part, and it is one trace. A function that is called trace_config may be declared before. */
TEST(two_namespaces_in_one_program) {
    char command[3200], *text, id[33];
    const char *at;
    if (!compiler_is_there()) SKIP("no compiler");
    REQUIRE(compile("second.o", "-c -DTRACE_CONFIG_NAMESPACE=second_", SECOND_TEXT));
    REQUIRE(compile("first.o", "-c -DTRACE_CONFIG_NAMESPACE=first_", "int trace_config(void);\n" FIRST_TEXT));
    snprintf(command, sizeof command, "${CC:-cc} " SAME_FLAGS " '%s/first.o' '%s/second.o' -o '%s/first' -pthread && "
             "OTEL_TRACES_EXPORTER=console '%s/first' 2>'%s/first.txt'", folder, folder, folder, folder, folder);
    text = said_by(command);
    REQUIRE(text != NULL);
    CHECK_HAS(text, "second copy");
    CHECK_HAS(text, "deep");
    CHECK_HAS(text, "own");
    CHECK_HAS_NOT(text, "incomplete");
    at = strstr(text, " 2 spans ");
    REQUIRE(at != NULL);
    at = strchr(at, '\n');
    REQUIRE(at != NULL);
    memcpy(id, at - 32, 32);
    id[32] = 0;
    CHECK(strstr(at, id) != NULL);
    free(text);
}

/* --- plugins of a program that exports nothing --- */

#define HOST_TEXT \
    "#define TRACE_IMPLEMENTATION\n" \
    "#include \"trace.h\"\n" \
    "#include <dlfcn.h>\n" \
    "int main(int argc, char **argv) {\n" \
    "    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL), *library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL), *at;\n" \
    "    unsigned long long (*parent)(void), seen = 0, id = 0; int (*work)(void), works = 0, i;\n" \
    "    if (!plugin || !library) return 9;\n" \
    "    at = dlsym(plugin, \"plugin_parent\"); memcpy(&parent, &at, sizeof at);\n" \
    "    at = dlsym(library, \"library_work\"); memcpy(&work, &at, sizeof at);\n" \
    "    TRACE_SPAN(\"host\") {\n" \
    "        trace_context c = trace_context_current();\n" \
    "        for (i = 0; i < 8; i++) id = id << 8 | c.span_id[i];\n" \
    "        seen = parent(); works = work();\n" \
    "    }\n" \
    "    return seen == id && works ? 1 : seen == 0 && !works ? 2 : 3;\n" \
    "}\n"

/* What the manual says of dlopen: without the flag each goes its own way, with either flag they are one trace. */
static int run_host(const char *flags) {
    char command[2000];
    int status;
    snprintf(command, sizeof command, "${CC:-cc} " SAME_FLAGS " '%s/host.o' %s -o '%s/host' -pthread -ldl", folder, flags, folder);
    if (!CHECK_INT(system(command), 0)) return -1;
    snprintf(command, sizeof command, "OTEL_TRACES_EXPORTER=console '%s/host' '%s/copy_a.so' '%s/library.so' 2>/dev/null", folder, folder, folder);
    status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- libraries without an implementation --- */

#define LIBRARY_TEXT \
    "#define TRACE_CONFIG_LIBRARY 1\n" \
    "#include \"trace.h\"\n" \
    "__attribute__((visibility(\"default\"))) int library_work(void) {\n" \
    "    char text[56]; trace_context c; trace_mark m = trace_mark_get();\n" \
    "    trace_span s = trace_span_start_with(\"library detached\", NULL);\n" \
    "    trace_span_set_string(s, \"key\", \"value\"); trace_span_set_int(s, \"n\", 1); trace_span_add_event(s, \"e\", NULL, " \
    "0);\n" \
    "    trace_span_record_error(s, \"Type\", \"message\"); trace_span_end(s);\n" \
    "    TRACE_SPAN(\"library\") { trace_set(\"k\", 1); trace_event(\"e\"); }\n" \
    "    c = trace_context_current(); trace_context_format(c, text); trace_unwind(m);\n" \
    "    TRACE_WITH(c) { TRACE_SPAN(\"library with\") {} }\n" \
    "    TRACE_SUPPRESS {\n" \
    "        TRACE_SPAN(\"suppressed\") { TRACE_WITH(c) { TRACE_SPAN(\"suppressed\") {} } }\n" \
    "        if (trace_is_enabled(NULL) || trace_context_is_valid(trace_context_current())) return -1;\n" \
    "    }\n" \
    "    trace_detach(trace_suppress());\n" \
    "    return trace_is_enabled(NULL);\n" \
    "}\n" \
    "__attribute__((visibility(\"default\"))) void library_options(void) {\n" \
    "    static const trace_scope scope = {\"its scope\", \"1\", NULL};\n" \
    "    const trace_attribute attribute = TRACE_ATTR_INT(\"given\", 7);\n" \
    "    trace_link_data link; trace_span s; int i;\n" \
    "    memset(&link, 0, sizeof link); link.context = trace_context_current();\n" \
    "    for (i = 0; i < 2; i++) {\n" \
    "        trace_span_options o; memset(&o, 0, sizeof o); o.struct_size = sizeof o;\n" \
    "        o.kind = TRACE_KIND_CLIENT; o.start_unix_ns = 1000000000; o.scope = &scope;\n" \
    "        o.attributes = &attribute; o.attribute_count = 1; o.links = &link; o.link_count = 1;\n" \
    "        s = i ? tracei_begin_with(\"options\", 7, &o) : trace_span_start_with(\"options\", &o);\n" \
    "        if (i) tracei_leave(s); else trace_span_end_at(s, 3000000000);\n" \
    "    }\n" \
    "}\n"

static void library_in_a_program_with(void *unused) {
    store *const kept = store_make(1000);
    trace_config config = ledger_config(store_exporter(kept));
    void *const library = load("library.so", RTLD_NOW | RTLD_LOCAL);
    int (*work)(void);
    plain_function f;
    (void)unused;
    if (!CHECK(library != NULL)) return;
    FUNCTION(work, library, "library_work");
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("program") { CHECK_INT(work(), 1); }
    TRACE_SUPPRESS { CHECK_INT(work(), 0); }     /* the program's block holds for the library */
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(kept->count, 4);
    CHECK(!store_find(kept, "suppressed"));
    CHECK(store_find(kept, "library") && store_find(kept, "library")->parent_id == store_find(kept, "program")->span_id);
    CHECK(store_find(kept, "library with")->parent_id == store_find(kept, "program")->span_id);
    CHECK_UINT(ledger_stats().misused, 0);
    CHECK_INT(trace_shutdown(1000), TRACE_RESULT_OK);
    CHECK(!work());
    CHECK_INT(dlclose(library), 0);              /* it carries nothing, so it can go */
    CHECK_LEDGER();
}

/* All that can be given at the start of a span. */
static trace_result see_options(void *user, const trace_batch *batch) {
    unsigned *const seen = (unsigned *)user;
    size_t i;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        if (span->name.size != 7 || memcmp(span->name.data, "options", 7) != 0) continue;
        CHECK_INT(span->kind, TRACE_KIND_CLIENT);
        CHECK_UINT(span->start_unix_ns, 1000000000);
        CHECK((*seen)++ ? span->end_unix_ns > 3000000000u : span->end_unix_ns == 3000000000u);
        CHECK(span->scope && span->scope->name && strcmp(span->scope->name, "its scope") == 0);
        if (CHECK_UINT(span->attribute_count, 1)) CHECK_INT(span->attributes[0].value.as.integer, 7);
        if (CHECK_UINT(span->link_count, 1)) CHECK_MEM(span->links[0].context.span_id, span->parent_span_id, 8);
    }
    return TRACE_RESULT_OK;
}

static void options_of_a_library(void *unused) {
    unsigned seen = 0;
    trace_config config = ledger_config(store_exporter(store_make(10)));
    void *const library = load("library.so", RTLD_NOW | RTLD_LOCAL);
    (void)unused;
    if (!CHECK(library != NULL)) return;
    config.exporters[0].export_fn = see_options;
    config.exporters[0].user = &seen;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("program") { function_of(library, "library_options")(); }
    CHECK_INT(trace_flush(1000), TRACE_RESULT_OK);
    CHECK_UINT(seen, 2);
    CHECK_UINT(ledger_stats().ended, 3);
    CHECK_LEDGER();
}

TEST(a_library_without_an_implementation) {
    char command[1200];
    test_child child;
    if (!compiler_is_there()) SKIP("no compiler");
    REQUIRE(compile("library.so", "-shared -fPIC", LIBRARY_TEXT));
    child = test_fork(library_in_a_program_with, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    child = test_fork(options_of_a_library, NULL, 60000);
    CHECK_CHILD(&child, 0);
    test_child_free(&child);
    /* and in a program that has none either: no-ops, silent */
    REQUIRE(compile("bare", "", "#include <dlfcn.h>\n#include <string.h>\n"
                                "int main(int argc, char **argv) {\n"
                                "    void *library = dlopen(argv[argc - 1], RTLD_NOW), *symbol; int (*work)(void);\n"
                                "    if (!library) return 2;\n"
                                "    symbol = dlsym(library, \"library_work\"); memcpy(&work, &symbol, sizeof work);\n"
                                "    return work() == 0 ? 0 : 1;\n"
                                "}\n"));
    snprintf(command, sizeof command, "out=$('%s/bare' '%s/library.so' 2>&1) && test -z \"$out\"", folder, folder);
    CHECK_INT(system(command), 0);
}

TEST(plugins_see_what_the_program_exports) {
    if (!compiler_is_there()) SKIP("no compiler");
    REQUIRE(compile("copy_a.so", "-shared -fPIC -DTRACE_IMPLEMENTATION", PLUGIN_TEXT));
    REQUIRE(compile("library.so", "-shared -fPIC", LIBRARY_TEXT));
    REQUIRE(compile("host.o", "-c", HOST_TEXT));
    CHECK_INT(run_host(""), 2);
    CHECK_INT(run_host("-rdynamic"), 1);
#ifdef __linux__
    CHECK_INT(run_host("-Wl,--export-dynamic-symbol=trace_h_shared_1"), 1);
#endif
    clean_up();
}

TEST_MAIN()
