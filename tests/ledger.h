/* ledger.h - what the tests of life and death share: exporters that fail, block and remember, and the check of both ledgers
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   Include after test.h and trace.h. Tests that fork by themselves are left out for Windows. */
#ifndef TRACE_TEST_LEDGER_H
#define TRACE_TEST_LEDGER_H

#include "settled.h"

#include <pthread.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#endif

/* A test of its own process: the one that runs the tests never traces, so every such test starts from nothing. */
#define LEDGER_TEST_MS 60000
#define ISOLATED(name) ISOLATED_AFTER(name, )
#define ISOLATED_FORKS(name) ISOLATED_AFTER(name, SKIP_IN_OLD_QEMU();)
#define ISOLATED_AFTER(name, first) \
    static void inside_##name(void *unused); \
    TEST(name) { \
        test_child child; \
        first \
        child = test_fork(inside_##name, NULL, LEDGER_TEST_MS); \
        CHECK_CHILD(&child, 0); \
        test_child_free(&child); \
    } \
    static void inside_##name(void *unused TEST_UNUSED)

/* --- memory as trace_config.allocator wants it --- */

TEST_UNUSED static void *ledger_allocate(size_t size) {
#ifdef _WIN32
    return _aligned_malloc(size, 64);
#else
    void *memory = NULL;
    return posix_memalign(&memory, 64, size) == 0 ? memory : NULL;
#endif
}

TEST_UNUSED static void ledger_release(void *memory) {
#ifdef _WIN32
    _aligned_free(memory);
#else
    free(memory);
#endif
}

/* --- an exporter that counts and does as it is told --- */

typedef struct doer {
    uint32_t fail;                /* answers FAILED */
    uint32_t block;               /* does not come back while this is set */
    uint32_t inside;              /* in export_fn now */
    uint32_t spans;
    uint32_t batches;
    uint32_t shutdowns;
    uint32_t forks;
    uint32_t flushes;
    uint32_t nap_us;              /* in export_fn */
    trace_result flush_result;
    trace_result nested_flush, nested_shutdown, nested_init;      /* what calls from inside were answered */
    uint32_t call_back;
} doer;

static void ledger_nap(unsigned us) {
#ifdef _WIN32
    Sleep((us + 999u) / 1000u);
#else
    struct timespec nap;
    nap.tv_sec = us / 1000000u;
    nap.tv_nsec = (long)(us % 1000000u) * 1000;
    nanosleep(&nap, NULL);
#endif
}

static trace_result doer_export(void *user, const trace_batch *batch) {
    doer *const self = (doer *)user;
    __atomic_store_n(&self->inside, 1u, __ATOMIC_RELEASE);
    while (__atomic_load_n(&self->block, __ATOMIC_ACQUIRE)) ledger_nap(500);
    if (self->nap_us) ledger_nap(self->nap_us);
    if (self->call_back) {
        self->nested_flush = trace_flush(1000);
        self->nested_shutdown = trace_shutdown(1000);
        self->nested_init = trace_init(NULL);
        TRACE_SPAN("from inside an exporter") {}
    }
    __atomic_fetch_add(&self->spans, (uint32_t)batch->span_count, __ATOMIC_ACQ_REL);
    __atomic_fetch_add(&self->batches, 1u, __ATOMIC_ACQ_REL);
    __atomic_store_n(&self->inside, 0u, __ATOMIC_RELEASE);
    return __atomic_load_n(&self->fail, __ATOMIC_ACQUIRE) ? TRACE_RESULT_FAILED : TRACE_RESULT_OK;
}

static trace_result doer_flush(void *user, uint64_t deadline_ns) {
    doer *const self = (doer *)user;
    trace_result result;
    (void)deadline_ns;
    __atomic_fetch_add(&self->flushes, 1u, __ATOMIC_ACQ_REL);
    __atomic_load(&self->flush_result, &result, __ATOMIC_RELAXED);
    return result;
}

static void doer_shutdown(void *user, uint64_t deadline_ns) {
    (void)deadline_ns;
    __atomic_fetch_add(&((doer *)user)->shutdowns, 1u, __ATOMIC_ACQ_REL);
}

static void doer_fork(void *user) {
    doer *const self = (doer *)user;
    self->forks++;
    self->spans = self->batches = self->inside = 0;
}

TEST_UNUSED static trace_exporter doer_exporter(doer *self, const char *name) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = name;
    exporter.export_fn = doer_export;
    exporter.flush_fn = doer_flush;
    exporter.shutdown_fn = doer_shutdown;
    exporter.fork_fn = doer_fork;
    exporter.user = self;
    return exporter;
}

/* --- an exporter that remembers, in memory all processes of a test share --- */

typedef struct kept {
    uint64_t span_id, parent_id, trace_low;
    uint32_t pid;
    uint8_t parent_is_remote, is_abandoned, is_local_root;
    char name[25];
} kept;

typedef struct store {
    uint32_t count, capacity;
    uint32_t shutdowns;           /* for who counts them */
    kept spans[];
} store;

TEST_UNUSED static store *store_make(uint32_t capacity) {
#ifdef _WIN32
    store *const made = (store *)calloc(1, sizeof *made + capacity * sizeof *made->spans);
    if (!made) abort();
#else
    store *const made = (store *)mmap(NULL, sizeof *made + capacity * sizeof *made->spans, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) abort();
#endif
    made->capacity = capacity;
    return made;
}

TEST_UNUSED static uint64_t ledger_id(const uint8_t *id) {
    uint64_t number = 0;
    int i;
    for (i = 0; i < 8; i++) number = number << 8 | id[i];
    return number;
}

static trace_result store_export(void *user, const trace_batch *batch) {
    store *const self = (store *)user;
    size_t i;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        const uint32_t at = __atomic_fetch_add(&self->count, 1u, __ATOMIC_ACQ_REL);
        const size_t size = span->name.size < 24 ? span->name.size : 24;
        kept *const one = &self->spans[at];
        if (at >= self->capacity) return TRACE_RESULT_FAILED;
        one->span_id = ledger_id(span->span_id);
        one->parent_id = ledger_id(span->parent_span_id);
        one->trace_low = ledger_id(span->trace_id + 8);
        one->pid = (uint32_t)getpid();
        one->parent_is_remote = span->parent_is_remote;
        one->is_abandoned = span->is_abandoned;
        one->is_local_root = span->is_local_root;
        memcpy(one->name, span->name.data, size);
    }
    return TRACE_RESULT_OK;
}

TEST_UNUSED static trace_exporter store_exporter(store *self) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "store";
    exporter.export_fn = store_export;
#ifdef __SANITIZE_ADDRESS__       /* a thread that begins at each flush is in its allocator when another forks */
    tracei_name_punctual(exporter.export_fn);
#endif
    exporter.user = self;
    return exporter;
}

/* How many of that name (NULL: of any), in that process (0: in any). */
TEST_UNUSED static uint32_t store_count(const store *self, const char *name, uint32_t pid) {
    uint32_t found = 0, i;
    for (i = 0; i < self->count && i < self->capacity; i++)
        found += (!name || strcmp(self->spans[i].name, name) == 0) && (!pid || self->spans[i].pid == pid);
    return found;
}

TEST_UNUSED static const kept *store_find(const store *self, const char *name) {
    uint32_t i;
    for (i = 0; i < self->count && i < self->capacity; i++)
        if (strcmp(self->spans[i].name, name) == 0) return &self->spans[i];
    return NULL;
}

static int ledger_compare(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Span ids that were delivered more than once. */
TEST_UNUSED static uint32_t store_duplicates(const store *self) {
    const uint32_t count = self->count < self->capacity ? self->count : self->capacity;
    uint64_t *const ids = (uint64_t *)malloc((count + 1) * sizeof *ids);
    uint32_t twice = 0, i;
    for (i = 0; i < count; i++) ids[i] = self->spans[i].span_id;
    qsort(ids, count, sizeof *ids, ledger_compare);
    for (i = 1; i < count; i++) twice += ids[i] == ids[i - 1];
    free(ids);
    return twice;
}

/* --- configurations --- */

TEST_UNUSED static trace_config ledger_config(trace_exporter first) {
    trace_config config;
    memset(&config, 0, sizeof config);
    config.disable_environment = true;
    config.exporters[0] = first;
    return config;
}

TEST_UNUSED static uint64_t ledger_ms(void) { return test_now_ms(); }

/* Waits until the word is what it should be. */
TEST_UNUSED static bool ledger_await(const uint32_t *word, uint32_t wanted, unsigned timeout_ms) {
    const uint64_t deadline = ledger_ms() + timeout_ms;
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != wanted) {
        if (ledger_ms() > deadline) return false;
        ledger_nap(500);
    }
    return true;
}

/* --- the ledgers: that of the core ends every test by itself (settled.h), those of exporters are asked for here --- */

TEST_UNUSED static bool ledger_holds(const char *file, int line, const char *const *names) {
    trace_stats stats;
    uint64_t sum;
    bool held;
    int i;
    trace_get_stats(&stats);
    sum = stats.exported + stats.sampled_out + stats.pending;
    for (i = 0; i < TRACE_DROP_COUNT; i++) sum += stats.dropped[i];
    held = test_check_uint(file, line, "ended = exported + sampled_out + dropped + pending", stats.ended, sum);
    if (!held)
        fprintf(stderr,
                "    started %" PRIu64 " ended %" PRIu64 " exported %" PRIu64 " sampled out %" PRIu64 " pending %" PRIu64
                " dropped %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                stats.started, stats.ended, stats.exported, stats.sampled_out, stats.pending, stats.dropped[0], stats.dropped[1],
                stats.dropped[2], stats.dropped[3], stats.dropped[4], stats.dropped[5]);
    held = test_check(file, line, stats.started >= stats.ended && stats.open == stats.started - stats.ended,
                      "open = started - ended") &&
           held;
    for (; *names; names++) {
        trace_exporter_stats exporter;
        if (!trace_get_exporter_stats(*names, &exporter)) continue;
        sum = exporter.sent + exporter.queued;
        for (i = 0; i < TRACE_FAILURE_COUNT; i++) sum += exporter.failed[i];
        held = test_check_uint(file, line, "received = sent + failed + queued", exporter.received, sum) && held;
    }
    return held;
}

/* Nothing moves: the ledgers are exact. */
#define CHECK_LEDGER() \
    do { \
        static const char *const ledger_names[] = {"one", "two", "store", "memory", "console", "jaeger", NULL}; \
        (void)ledger_holds(__FILE__, __LINE__, ledger_names); \
    } while (0)

TEST_UNUSED static trace_stats ledger_stats(void) {
    trace_stats stats;
    trace_get_stats(&stats);
    return stats;
}

TEST_UNUSED static trace_exporter_stats ledger_of(const char *name) {
    trace_exporter_stats stats;
    CHECK(trace_get_exporter_stats(name, &stats));
    return stats;
}

#endif /* TRACE_TEST_LEDGER_H */
