/* The lock-free parts under every schedule of a small bound: a model of C11 memory instead of luck.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* beside: one thread, no clock */
/* no ledger: single operations on units of its own; what it explores to the end asks for its own sums */
/* not: musl windows macos: no ucontext; tsan msan: it changes stacks */

/* The header's atomics are macros, and here they lead into a model. Two or three threads are coroutines (ucontext); each atomic
   operation on a watched word is a place where another may go on. A word keeps the values it had in the order they were stored; a
   load may return any that the thread cannot know to be outdated, so a relaxed store becomes visible late, and after later stores
   to other words. What an acquire load of a release store brings along is what the storing thread knew (views), and a clock by
   which plain accesses are judged: ring bytes, slots and the fields of a unit may only be touched by a thread that learned, through
   such a pair, of the access before. Read-modify-write operations, and the kernel's look at a futex, take the newest value.

   A deviation is a preemption or an outdated value. All schedules with up to so many deviations are tried in order, then random
   ones with many. Not modelled: loads that take place before earlier loads or stores of the same thread (stores may be late, which
   covers store buffers, but nothing is speculated).

   Every scenario must hold, and must fail as soon as one order, one barrier or one look is taken away (the weaknesses below).
   EXPLORE_VERBOSE=1 tells how many schedules were tried. */
#include "test.h"

#if defined(__linux__) && defined(__GNUC__)
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define X_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define X_ASAN 1
#endif
#endif
#ifdef X_ASAN
#include <sanitizer/asan_interface.h>
#endif

enum { X_RELAXED, X_ACQUIRE, X_RELEASE, X_BOTH };

static uint64_t x_load(const void *p, size_t size, int order);
static void x_store(void *p, size_t size, uint64_t value, int order);
static uint64_t x_add(void *p, size_t size, uint64_t value);
static bool x_cas(void *p, size_t size, void *expected, uint64_t desired);
static void x_bump(uint32_t *p);
static bool x_membarrier(void);
static void x_yield(void);
static long x_syscall(long number, ...);
static void *x_memcpy(void *to, const void *from, size_t size);

#define X_TYPED(p, value) ((__typeof__(*(p)))(uintptr_t)(value))
#define TRACEI_LOAD(p) X_TYPED(p, x_load((const void *)(p), sizeof *(p), X_RELAXED))
#define TRACEI_LOAD_ACQUIRE(p) X_TYPED(p, x_load((const void *)(p), sizeof *(p), X_ACQUIRE))
#define TRACEI_STORE(p, v) x_store((void *)(p), sizeof *(p), (uint64_t)(uintptr_t)(v), X_RELAXED)
#define TRACEI_STORE_RELEASE(p, v) x_store((void *)(p), sizeof *(p), (uint64_t)(uintptr_t)(v), X_RELEASE)
#define TRACEI_ADD(p, v) X_TYPED(p, x_add((void *)(p), sizeof *(p), (uint64_t)(uintptr_t)(v)))
#define TRACEI_SUB(p, v) X_TYPED(p, x_add((void *)(p), sizeof *(p), 0 - (uint64_t)(uintptr_t)(v)))
#define TRACEI_CAS(p, expected, desired) x_cas((void *)(p), sizeof *(p), (void *)(expected), (uint64_t)(uintptr_t)(desired))
#define TRACEI_COMPILER_BARRIER() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define TRACEI_BUMP(p) x_bump(p)
#define TRACEI_MEMBARRIER() x_membarrier()
#define TRACEI_MEMBARRIER_REGISTER() true

#undef memcpy
#define memcpy(to, from, size) x_memcpy((to), (from), (size))
#define syscall(...) x_syscall(__VA_ARGS__)
#define sched_yield() x_yield()
#pragma GCC diagnostic ignored "-Wstrict-aliasing" /* of the model's arguments; it copies bytes */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#undef memcpy
#undef syscall
#undef sched_yield

/* --- the model --- */

enum { X_THREADS = 3, X_WORDS = 48, X_VALUES = 256, X_CHOICES = 8192, X_STEPS = 6000, X_STACK = 128 << 10, X_OLD = 3 };

enum { X_RING = 512, X_SEEN = 64 };

enum { /* what a word is, for the accesses that go with it */
    X_PLAIN_WORD, X_HEAD, X_TAIL, X_OWNED, X_RETURNED, X_GENERATION, X_PASS_LOCK, X_LEDGER_LOCK, X_ATTENTION, X_COUNT
};

enum { /* what is wrong on purpose */
    X_SOUND,
    X_HEAD_STORE, X_HEAD_LOAD, X_TAIL_STORE, X_TAIL_LOAD, X_PUSH, X_TAKE, X_DISOWN, X_CLAIM, X_UNLOCK_PASS, X_UNLOCK_LEDGER,
    X_NO_BARRIER, X_NO_RESCAN, X_ATTENTION_EARLY, X_BUMP_RELAXED, X_WAKE_FORGOTTEN, X_CALL_BEFORE_STOP
};

typedef struct {
    uint64_t value;
    uint16_t view[X_WORDS];      /* of each word, the oldest value whoever acquires this may still see */
    uint32_t clock[X_THREADS];
    bool releases;
} x_value;

typedef struct {
    const void *at;
    void *object;                /* the unit or slot it belongs to */
    size_t size;
    int kind, count;
    x_value values[X_VALUES];
} x_word;

typedef struct {
    ucontext_t context;
    void (*body)(void);
    tracei_unit *tls;
    const void *blocked_on;
    bool done, gives_way, scanning;
    uint32_t early;              /* X_ATTENTION_EARLY: the value loaded before its time */
    bool has_early;
    uint16_t view[X_WORDS];
    uint32_t clock[X_THREADS];
} x_thread;

typedef struct { uint32_t write_clock, read_clock[X_THREADS]; uint8_t writer; } x_cell;

typedef struct { const unsigned char *from; size_t size, grain; const char *name; x_cell *cells; size_t count; } x_region;

static x_word x_words[X_WORDS];
static int x_word_count;
static uint8_t x_table[1024];                    /* by address, to the word + 1 */
static x_thread x_threads[X_THREADS];
static int x_thread_count, x_now, x_weakness;
static unsigned char *x_stacks;
static ucontext_t x_main;
static bool x_on, x_log, x_random_mode;
static x_region x_regions[16];
static int x_region_count;
static uint32_t x_steps;
static int x_deviations;                         /* that may still be made */
static struct { uint8_t pick, count; } x_path[X_CHOICES];
static int x_depth, x_path_length;
static int x_complete;                           /* up to so many deviations every schedule was tried */
static uint64_t x_rarity;                        /* of deviations, in random schedules */
static char x_failure[200];

static void x_leave(void) {                      /* gives this execution up */
    x_on = false;
    x_threads[x_now].tls = tracei_tls;
    swapcontext(&x_threads[x_now].context, &x_main); /* for good */
}

static void x_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void x_fail(const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (!x_failure[0]) vsnprintf(x_failure, sizeof x_failure, format, list);
    va_end(list);
    if (x_log) fprintf(stderr, "    thread %d: %s\n", x_now, x_failure);
    if (x_on) x_leave();
}

static int x_choose(int count) {
    int pick = 0;
    if (count <= 1 || x_deviations <= 0) return 0;
    if (x_depth == X_CHOICES) x_fail("too many choices");
    if (x_depth < x_path_length) {
        pick = x_path[x_depth].pick;
        if (x_path[x_depth].count != count) x_fail("not repeatable: %d choices where there were %d", count, x_path[x_depth].count);
    } else {
        if (x_random_mode && test_random_below(x_rarity) == 0) pick = 1 + (int)test_random_below((uint64_t)count - 1);
        x_path[x_depth].pick = (uint8_t)pick;
        x_path[x_depth].count = (uint8_t)count;
        x_path_length = x_depth + 1;
    }
    x_depth++;
    if (pick) x_deviations--;
    return pick;
}

static bool x_runnable(int thread) {
    return !x_threads[thread].done && !x_threads[thread].blocked_on;
}

static void x_switch(int next) {
    const int from = x_now;
    if (next == from) return;
    if (x_log) fprintf(stderr, "    -- thread %d\n", next);
    x_threads[from].tls = tracei_tls;
    x_now = next;
    tracei_tls = x_threads[next].tls;
    swapcontext(&x_threads[from].context, &x_threads[next].context);
}

/* Who goes on? The first candidate costs nothing. */
static void x_schedule(void) {
    int candidates[X_THREADS], count = 0, i;
    x_thread *const self = &x_threads[x_now];
    const bool stays = x_runnable(x_now) && !self->gives_way;
    if (stays) candidates[count++] = x_now;
    for (i = 1; i < x_thread_count; i++)
        if (x_runnable((x_now + i) % x_thread_count)) candidates[count++] = (x_now + i) % x_thread_count;
    if (!stays && x_runnable(x_now)) candidates[count++] = x_now;
    self->gives_way = false;
    if (!count) x_leave();                       /* all done or asleep: the scenario judges */
    x_switch(candidates[x_choose(count)]);
}

static void x_point(void) {
    if (++x_steps > X_STEPS) x_fail("no progress");
    x_schedule();
}

static void x_yield(void) {
    if (!x_on) return;
    x_threads[x_now].gives_way = true;
    x_point();
}

static x_word *x_word_at(const void *p) {
    size_t i = ((uintptr_t)p >> 2) * 0x9e3779b1u >> 7 & 1023;
    for (; x_table[i]; i = (i + 1) & 1023)
        if (x_words[x_table[i] - 1].at == p) return &x_words[x_table[i] - 1];
    return NULL;
}

static void x_watch(const void *p, size_t size, int kind, void *object) {
    size_t i = ((uintptr_t)p >> 2) * 0x9e3779b1u >> 7 & 1023;
    x_word *const word = &x_words[x_word_count];
    if (x_word_count == X_WORDS) abort();
    word->at = p;
    word->size = size;
    word->kind = kind;
    word->object = object;
    while (x_table[i]) i = (i + 1) & 1023;
    x_table[i] = (uint8_t)++x_word_count;
}

#define X_WATCH(p, kind, object) x_watch((p), sizeof *(p), (kind), (object))

/* --- plain accesses --- */

static void x_region_add(const void *from, size_t size, size_t grain, const char *name) {
    x_region *const region = &x_regions[x_region_count++];
    if (x_region_count > 16) abort();
    region->from = (const unsigned char *)from;
    region->size = size;
    region->grain = grain;
    region->name = name;
    region->count = size / grain;
    region->cells = (x_cell *)calloc(region->count, sizeof *region->cells);
    if (!region->cells) abort();
}

static void x_access(const void *p, size_t size, bool writes) {
    int i, t;
    size_t c;
    const unsigned char *const at = (const unsigned char *)p;
    const uint32_t *const clock = x_threads[x_now].clock;
    if (!x_on || !size) return;
    for (i = 0; i < x_region_count; i++) {
        x_region *const region = &x_regions[i];
        if (at < region->from || at >= region->from + region->size) continue;
        for (c = (size_t)(at - region->from) / region->grain; c <= (size_t)(at + size - 1 - region->from) / region->grain && c < region->count; c++) {
            x_cell *const cell = &region->cells[c];
            if (cell->write_clock > clock[cell->writer] && cell->writer != x_now)
                x_fail("%s: %s by thread %d without knowing of the write by thread %d", region->name, writes ? "written" : "read", x_now, cell->writer);
            for (t = 0; writes && t < x_thread_count; t++)
                if (t != x_now && cell->read_clock[t] > clock[t]) x_fail("%s: overwritten by thread %d while thread %d may still read", region->name, x_now, t);
            if (writes) {
                cell->writer = (uint8_t)x_now;
                cell->write_clock = clock[x_now];
            } else {
                cell->read_clock[x_now] = clock[x_now];
            }
        }
    }
}

static void *x_memcpy(void *to, const void *from, size_t size) {
    if (x_on) {
        x_access(from, size, false);
        x_access(to, size, true);
    }
    return memcpy(to, from, size);
}

static void x_write_unit(const tracei_unit *unit) { x_access(&unit->free, sizeof unit->free, true); }       /* stands for what the producer owns */
static void x_write_consumer(const tracei_unit *unit) { x_access(&unit->pass_head, sizeof unit->pass_head, true); }

/* --- atomic operations --- */

static uint64_t x_memory(const void *p, size_t size) {
    uint32_t small;
    uint64_t large;
    if (size == 4) return memcpy(&small, p, 4), small;
    return memcpy(&large, p, 8), large;
}

static void x_memory_set(void *p, size_t size, uint64_t value) {
    const uint32_t small = (uint32_t)value;
    if (size == 4)
        memcpy(p, &small, 4);
    else
        memcpy(p, &value, 8);
}

static const char *x_kind_name(int kind) {
    static const char *const names[] = {"word", "head", "tail", "owned", "returned", "generation", "pass lock", "ledger lock", "attention", "count"};
    return names[kind];
}

static void x_learn(x_thread *thread, const x_value *value) {
    int i;
    if (!value->releases) return;
    for (i = 0; i < x_word_count; i++)
        if (value->view[i] > thread->view[i]) thread->view[i] = value->view[i];
    for (i = 0; i < x_thread_count; i++)
        if (value->clock[i] > thread->clock[i]) thread->clock[i] = value->clock[i];
}

/* The new newest value of a word. `before`: what a read-modify-write read, whose releases it carries on. */
static void x_append(x_word *word, uint64_t value, bool releases, const x_value *before) {
    x_thread *const self = &x_threads[x_now];
    const int w = (int)(word - x_words);
    x_value *const to = &word->values[word->count];
    int i;
    if (word->count == X_VALUES) x_fail("too many values");
    to->value = value;
    to->releases = releases;
    self->view[w] = (uint16_t)word->count++;
    if (releases) {
        memcpy(to->view, self->view, sizeof to->view);
        memcpy(to->clock, self->clock, sizeof to->clock);
        self->clock[x_now]++;
    }
    if (before && before->releases) {
        for (i = 0; i < x_word_count; i++) to->view[i] = releases && to->view[i] > before->view[i] ? to->view[i] : before->view[i];
        for (i = 0; i < x_thread_count; i++) to->clock[i] = releases && to->clock[i] > before->clock[i] ? to->clock[i] : before->clock[i];
        to->releases = true;
    }
    x_memory_set((void *)(uintptr_t)word->at, word->size, value);
}

static uint64_t x_load_word(x_word *word, int order) {
    x_thread *const self = &x_threads[x_now];
    const int w = (int)(word - x_words);
    const int old = word->count - 1 - self->view[w];
    const int at = word->count - 1 - x_choose(1 + (old < X_OLD ? old : X_OLD));
    self->view[w] = (uint16_t)at;
    if (order == X_ACQUIRE) x_learn(self, &word->values[at]);
    if (x_log)
        fprintf(stderr, "    thread %d: load %s%s: %llx%s\n", x_now, x_kind_name(word->kind), order == X_ACQUIRE ? " (acquire)" : "",
                (unsigned long long)word->values[at].value, at == word->count - 1 ? "" : ", outdated");
    return word->values[at].value;
}

static uint64_t x_load(const void *p, size_t size, int order) {
    x_word *const word = x_on ? x_word_at(p) : NULL;
    x_thread *const self = &x_threads[x_now];
    if (!word) return x_memory(p, size);
    x_point();
    if (word->kind == X_HEAD && x_weakness == X_HEAD_LOAD) order = X_RELAXED;
    if (word->kind == X_TAIL && x_weakness == X_TAIL_LOAD) order = X_RELAXED;
    if (word->kind == X_RETURNED && x_weakness == X_TAKE) order = X_RELAXED;
    if (word->kind == X_HEAD && x_weakness == X_NO_RESCAN && self->scanning) return ((const tracei_unit *)word->object)->tail;
    if (word->kind == X_ATTENTION && self->has_early) {
        self->has_early = false;
        return self->early;
    }
    return x_load_word(word, order);
}

static void x_store(void *p, size_t size, uint64_t value, int order) {
    x_word *const word = x_on ? x_word_at(p) : NULL;
    x_thread *const self = &x_threads[x_now];
    tracei_unit *unit;
    if (!word) {
        x_memory_set(p, size, value);
        return;
    }
    if (word->kind == X_HEAD && x_weakness == X_ATTENTION_EARLY) {
        x_point();
        self->early = (uint32_t)x_load_word(x_word_at(&tracei_attention), X_RELAXED);
        self->has_early = true;
    }
    x_point();
    unit = (tracei_unit *)word->object;
    switch (word->kind) {
    case X_HEAD: { /* the bytes up to it were written just now */
        const uint32_t from = (uint32_t)word->values[word->count - 1].value;
        uint32_t at, size;
        if ((uint32_t)value - unit->tail > X_RING) x_fail("the head overtook the tail");
        for (at = from; at != (uint32_t)value; at += size) {
            memcpy(&size, unit->ring + (at & unit->mask), 4);
            if (size < 8 || size % 8 || (at & unit->mask) + size > X_RING || size > (uint32_t)value - at) x_fail("a record is no record, or split");
        }
        for (at = from; at != (uint32_t)value; at += 8) x_access(unit->ring + (at & unit->mask), 8, true);
        x_write_unit(unit);
        if (x_weakness == X_HEAD_STORE) order = X_RELAXED;
        break;
    }
    case X_TAIL:
        x_write_consumer(unit);
        if (x_weakness == X_TAIL_STORE) order = X_RELAXED;
        break;
    case X_OWNED:
        x_write_unit(unit);
        if (x_weakness == X_DISOWN) order = X_RELAXED;
        break;
    case X_GENERATION: x_access(word->object, 8, true); break;
    case X_PASS_LOCK:
        if (x_weakness == X_UNLOCK_PASS) order = X_RELAXED;
        break;
    case X_LEDGER_LOCK:
        x_access(&tracei_total, sizeof tracei_total, true);
        if (x_weakness == X_UNLOCK_LEDGER) order = X_RELAXED;
        break;
    case X_COUNT:
        if (x_weakness == X_BUMP_RELAXED) order = X_RELAXED;
        break;
    case X_ATTENTION:
        self->scanning = false;
        break;
    default: break;
    }
    if (x_log) fprintf(stderr, "    thread %d: store %s%s: %llx\n", x_now, x_kind_name(word->kind), order == X_RELEASE ? " (release)" : "", (unsigned long long)value);
    x_append(word, value, order == X_RELEASE, NULL);
}

static uint64_t x_add(void *p, size_t size, uint64_t value) {
    x_word *const word = x_on ? x_word_at(p) : NULL;
    x_value *before;
    uint64_t was;
    if (!word) {
        was = x_memory(p, size);
        x_memory_set(p, size, was + value);
        return was;
    }
    x_point();
    before = &word->values[word->count - 1];
    was = before->value;
    x_learn(&x_threads[x_now], before);
    value += was;
    if (x_log) fprintf(stderr, "    thread %d: add to %s: %llx\n", x_now, x_kind_name(word->kind), (unsigned long long)value);
    x_append(word, size == 4 ? (uint32_t)value : value, true, before);
    return was;
}

static bool x_cas(void *p, size_t size, void *expected, uint64_t desired) {
    x_word *const word = x_on ? x_word_at(p) : NULL;
    x_thread *const self = &x_threads[x_now];
    const uint64_t wanted = x_memory(expected, size);
    bool acquires = true, releases = true;
    x_value *before;
    if (!word) {
        const uint64_t is = x_memory(p, size);
        if (is == wanted)
            x_memory_set(p, size, desired);
        else
            x_memory_set(expected, size, is);
        return is == wanted;
    }
    x_point();
    before = &word->values[word->count - 1];
    if (x_log)
        fprintf(stderr, "    thread %d: cas %s: %llx to %llx: %s\n", x_now, x_kind_name(word->kind), (unsigned long long)wanted, (unsigned long long)desired,
                before->value == wanted ? "yes" : "no");
    if (word->kind == X_RETURNED && desired && x_weakness == X_PUSH) releases = false;
    if (word->kind == X_RETURNED && !desired && x_weakness == X_TAKE) acquires = false;
    if (word->kind == X_OWNED && x_weakness == X_CLAIM) acquires = false;
    if (acquires) x_learn(self, before);
    if (before->value != wanted) {
        self->view[word - x_words] = (uint16_t)(word->count - 1);
        self->gives_way = word->kind == X_PASS_LOCK || word->kind == X_LEDGER_LOCK; /* or it would spin for ever */
        x_memory_set(expected, size, before->value);
        return false;
    }
    if (word->kind == X_OWNED) x_write_unit((tracei_unit *)word->object);
    if (word->kind == X_RETURNED && desired) x_access((void *)(uintptr_t)desired, 8, true);
    if (word->kind == X_LEDGER_LOCK) x_access(&tracei_total, sizeof tracei_total, true);
    if (word->kind == X_RETURNED && !desired) {
        const tracei_slot *slot;
        for (slot = (const tracei_slot *)(uintptr_t)wanted; slot; slot = (const tracei_slot *)(uintptr_t)slot->record.end) x_access(slot, 8, true);
    }
    x_append(word, desired, releases, before);
    return true;
}

static void x_bump(uint32_t *p) {                /* as the header does where it is not one instruction of a strongly ordered machine */
    TRACEI_STORE_RELEASE(p, TRACEI_LOAD(p) + 1);
}

/* A full barrier in every thread at once. */
static bool x_membarrier(void) {
    int i, t;
    if (!x_on) return true;
    x_point();
    if (x_log) fprintf(stderr, "    thread %d: membarrier\n", x_now);
    x_threads[x_now].scanning = true;
    if (x_weakness == X_NO_BARRIER) return true;
    for (i = 0; i < x_word_count; i++) {
        uint16_t newest = 0;
        for (t = 0; t < x_thread_count; t++) newest = x_threads[t].view[i] > newest ? x_threads[t].view[i] : newest;
        for (t = 0; t < x_thread_count; t++) x_threads[t].view[i] = newest;
    }
    return true;
}

static long x_futex(uint32_t *word, int operation, uint32_t expected, const long *timeout) {
    x_thread *const self = &x_threads[x_now];
    int t, i;
    x_point();
    if (operation == 129) {
        if (x_log) fprintf(stderr, "    thread %d: wake\n", x_now);
        for (t = 0; t < x_thread_count; t++) {
            if (x_threads[t].blocked_on != word || x_weakness == X_WAKE_FORGOTTEN) continue;
            x_threads[t].blocked_on = NULL;
            for (i = 0; i < x_word_count; i++)
                if (self->view[i] > x_threads[t].view[i]) x_threads[t].view[i] = self->view[i];
        }
        return 0;
    }
    if (timeout) {                               /* passes at once; the worker falls into its deep sleep before long */
        errno = ETIMEDOUT;
        return -1;
    }
    if (*word != expected) {
        errno = EAGAIN;
        return -1;
    }
    if (x_log) fprintf(stderr, "    thread %d: asleep\n", x_now);
    self->blocked_on = word;
    x_schedule();
    return 0;
}

static long x_syscall(long number, ...) {
    long result = -1;
    va_list list;
    va_start(list, number);
    if (number == SYS_getrandom) {
        void *const to = va_arg(list, void *);
        const size_t size = va_arg(list, size_t);
        memset(to, 0x35, size);
        result = (long)size;
    } else if (number == SYS_gettid) {
        result = 1 + x_now;
    } else if (number == SYS_futex) {
        uint32_t *const word = va_arg(list, uint32_t *);
        const int operation = va_arg(list, int);
        const uint32_t expected = va_arg(list, uint32_t);
        result = 0;
        if (x_on) result = x_futex(word, operation, expected, operation == 128 ? va_arg(list, const long *) : NULL);
    } else {
        errno = ENOSYS;
    }
    va_end(list);
    return result;
}

/* --- executions --- */

static void x_entry(void) {
    x_threads[x_now].body();
    x_threads[x_now].done = true;
    x_schedule();
}

typedef struct {
    const char *name;
    void (*watch)(void);         /* once: words, regions, the state all executions begin with */
    void (*begin)(void);         /* each time, may be NULL */
    void (*threads[X_THREADS])(void);
    void (*judge)(void);         /* when nobody runs any more */
    tracei_unit *tls[X_THREADS];
} x_scenario;

static void x_restore(void);

static void x_execute(const x_scenario *scenario, int deviations) {
    int i;
    x_restore();
    x_failure[0] = '\0';
    x_deviations = deviations;
    x_depth = 0;
    x_steps = 0;
    if (scenario->begin) scenario->begin();
    for (i = 0; i < x_word_count; i++) {
        x_words[i].count = 1;
        memset(&x_words[i].values[0], 0, sizeof x_words[i].values[0]);
        x_words[i].values[0].value = x_memory(x_words[i].at, x_words[i].size);
    }
    for (i = 0; i < x_region_count; i++) memset(x_regions[i].cells, 0, x_regions[i].count * sizeof(x_cell));
    x_thread_count = 0;
#ifdef X_ASAN
    __asan_unpoison_memory_region(x_stacks, (size_t)X_THREADS * X_STACK); /* of executions that were given up */
#endif
    for (i = 0; i < X_THREADS && scenario->threads[i]; i++) {
        x_thread *const thread = &x_threads[i];
        thread->body = scenario->threads[i];
        thread->tls = scenario->tls[i];
        thread->blocked_on = NULL;
        thread->done = thread->gives_way = thread->scanning = thread->has_early = false;
        memset(thread->view, 0, sizeof thread->view);
        memset(thread->clock, 0, sizeof thread->clock);
        thread->clock[i] = 1;
        getcontext(&thread->context);
        thread->context.uc_stack.ss_sp = x_stacks + (size_t)i * X_STACK;
        thread->context.uc_stack.ss_size = X_STACK;
        thread->context.uc_link = NULL;
        makecontext(&thread->context, x_entry, 0);
        x_thread_count++;
    }
    x_now = 0;
    tracei_tls = x_threads[0].tls;
    x_on = true;
    swapcontext(&x_main, &x_threads[0].context);
    x_on = false;
    tracei_tls = &tracei_unit_suppressed;
    if (!x_failure[0] && scenario->judge) scenario->judge();
}

/* True: one failed, and x_path tells how. All schedules with up to `complete` deviations (or `limit` of them), then random ones. */
static bool x_explore(const x_scenario *scenario, int complete, unsigned long limit, unsigned long randoms, unsigned long *tried) {
    unsigned long count;
    int deviations;
    *tried = 0;
    x_complete = -1;
    x_random_mode = false;
    for (deviations = 0; deviations <= complete; deviations++) {
        x_path_length = 0;
        for (count = 0; count < limit; count++) {
            ++*tried;
            x_execute(scenario, deviations);
            if (x_failure[0]) return true;
            x_path_length = x_depth < x_path_length ? x_depth : x_path_length;
            while (x_path_length && x_path[x_path_length - 1].pick + 1 >= x_path[x_path_length - 1].count) x_path_length--;
            if (!x_path_length) {
                x_complete = deviations;
                break;
            }
            x_path[x_path_length - 1].pick++;
        }
    }
    x_random_mode = true;
    for (count = 0; count < randoms; count++) {
        ++*tried;
        x_path_length = 0;
        x_rarity = (uint64_t)4 << 2 * test_random_below(3);
        x_execute(scenario, 1 + (int)test_random_below(40));
        if (x_failure[0]) return true;
    }
    return false;
}

/* --- the world: three units with rings of 512 bytes, a root open in each --- */

static tracei_unit *x_units[3], x_units_kept[3];
static trace_span x_roots[3];
static unsigned char x_slots_kept[3][TRACEI_SLOTS_A_CHUNK * TRACEI_SLOT_BYTES];
static tracei_slot *x_chunks[3];
static tracei_totals x_totals_kept;
static uint8_t x_seen[3][X_SEEN];                /* spans that came out, by producer and number */
static int x_last[3];
static bool x_ordered;                           /* each producer's spans are in one ring */
static trace_exporter x_exporter;

/* Names are a letter, two digits and filling whose every byte follows from the number. */
static const char *x_name(char *to, int producer, int number) {
    const int size = 3 + number % 3 * 9;
    int i;
    to[0] = (char)('a' + producer);
    to[1] = (char)('0' + number / 10 % 10);
    to[2] = (char)('0' + number % 10);
    for (i = 3; i < size; i++) to[i] = (char)('A' + (number * 7 + i) % 26);
    to[size] = '\0';
    return to;
}

static trace_result x_export(void *user, const trace_batch *batch) {
    size_t i;
    (void)user;
    for (i = 0; i < batch->span_count; i++) {
        const trace_string name = batch->spans[i].name;
        char wanted[40];
        int producer, number;
        x_access(name.data, name.size, false);
        if (name.size < 3 || name.data[0] < 'a' || name.data[0] > 'c') {
            x_fail("no record where one should be");
            return TRACE_RESULT_OK;
        }
        producer = name.data[0] - 'a';
        number = (name.data[1] - '0') * 10 + (name.data[2] - '0');
        x_name(wanted, producer, number);
        if (name.size != strlen(wanted) || memcmp(name.data, wanted, name.size) != 0) x_fail("a record was torn");
        if (number < 0 || number >= X_SEEN || x_seen[producer][number]++) x_fail("a record came twice");
        if (number < x_last[producer] && x_ordered) x_fail("records out of order");
        x_last[producer] = number;
    }
    return TRACE_RESULT_OK;
}

static void x_quiet(void *user, trace_log_level level, const char *message) {
    (void)user;
    (void)level;
    (void)message;
}

static void x_build(void) {
    trace_config config;
    int i;
    if (x_stacks) return;
    x_stacks = (unsigned char *)mmap(NULL, (size_t)X_THREADS * X_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (x_stacks == (unsigned char *)MAP_FAILED) abort();
    x_exporter.struct_size = sizeof x_exporter;
    x_exporter.name = "explorer";
    x_exporter.export_fn = x_export;
    memset(&config, 0, sizeof config);
    config.disable_environment = true;
    config.disable_thread = true;
    config.disable_exit = true;
    config.logger.log_fn = x_quiet;
    config.exporters[0] = x_exporter;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    tracei_ring_bytes = X_RING;
    for (i = 0; i < 3; i++) {
        char name[40];
        tracei_tls = &tracei_unit_none;
        x_roots[i] = trace_span_start(x_name(name, i, 0));
        x_units[i] = tracei_tls;
        CHECK(tracei_tls != &tracei_unit_none);
        x_chunks[i] = tracei_slot_at(x_roots[i].slot / TRACEI_SLOTS_A_CHUNK * TRACEI_SLOTS_A_CHUNK);
    }
    tracei_tls = &tracei_unit_suppressed;
    (void)tracei_pass(true, 0);
    for (i = 0; i < 3; i++) {
        tracei_unit *const unit = x_units[i];
        unit->head = unit->tail = unit->tail_seen = unit->pass_head = 0u - X_RING; /* also over the wrap of the 32-bit indices */
        tracei_ring_allow(unit);
        x_units_kept[i] = *unit;
        memcpy(x_slots_kept[i], x_chunks[i], sizeof x_slots_kept[i]);
    }
    x_totals_kept = tracei_total;
}

static void x_restore(void) {
    int i;
    for (i = 0; i < 3; i++) {
        *x_units[i] = x_units_kept[i];
        memcpy(x_chunks[i], x_slots_kept[i], sizeof x_slots_kept[i]);
        memset(x_units[i]->ring, 0xee, X_RING);
    }
    tracei_total = x_totals_kept;
    tracei_views.used = 0;
    tracei_attention = tracei_worker_calls = tracei_pass_lock = tracei_ledger_lock = tracei_worker_stop = tracei_use_worker = 0;
    tracei_can_sleep_deeply = tracei_lossless_ms = 0;
    memset(x_seen, 0, sizeof x_seen);
    memset(x_last, 0, sizeof x_last);
    x_ordered = true;
}

static void x_clear(void) {                      /* what is watched */
    x_build();
    while (x_region_count) free(x_regions[--x_region_count].cells);
    x_word_count = 0;
    memset(x_table, 0, sizeof x_table);
}

static void x_watch_ring(int i) {
    tracei_unit *const unit = x_units[i];
    X_WATCH(&unit->head, X_HEAD, unit);
    X_WATCH(&unit->tail, X_TAIL, unit);
    x_region_add(unit->ring, X_RING, 8, "ring");
    x_region_add(&unit->free, 8, 8, "unit");
    x_region_add(&unit->pass_head, 4, 4, "consumer's half of a unit");
}

static void x_watch_ledger(void) {
    X_WATCH(&tracei_ledger_lock, X_LEDGER_LOCK, NULL);
    x_region_add(&tracei_total, sizeof tracei_total, sizeof tracei_total, "totals");
}

static void x_record(int producer, int number) {
    char name[40];
    trace_span_end(trace_span_start(x_name(name, producer, number)));
}

/* With the pass, as everybody who drains. */
static void x_drain(void) {
    if (tracei_try_lock(&tracei_pass_lock)) {
        (void)tracei_pass(false, 0);
        tracei_unlock(&tracei_pass_lock);
    }
}

/* Everything that was published came out; what did not was counted. */
static void x_judge_records(int producer, int first, int last) {
    uint64_t lost = 0, seen = 0;
    int i;
    for (i = first; i <= last; i++) seen += x_seen[producer][i];
    for (i = 0; i < TRACE_DROP_COUNT; i++) lost += x_units[producer]->counts[TRACEI_COUNT_DROPPED + i] - x_units_kept[producer].counts[TRACEI_COUNT_DROPPED + i];
    if (seen + lost != (uint64_t)(last - first + 1)) x_fail("%d records, %d came out, %d were counted as dropped", last - first + 1, (int)seen, (int)lost);
}

/* --- 1: a producer, a consumer, more than two wraps --- */

static void ring_watch(void) {
    x_watch_ring(0);
}

static void ring_produce(void) {
    int i;
    for (i = 1; i <= 15; i++) {
        x_record(0, i);
        if (i % 3 == 0) x_yield();
    }
}

static void ring_consume(void) {
    int i;
    for (i = 0; i < 6; i++) {
        (void)tracei_round();
        x_yield();
    }
}

static void ring_judge(void) {
    (void)tracei_round();
    x_judge_records(0, 1, 15);
}

/* --- 2: spans that other threads end --- */

static trace_span slots_handles[2];
static uint32_t slots_ready;

static void slots_watch(void) {
    tracei_slot *slot;
    int i = 0;
    X_WATCH(&x_units[0]->returned, X_RETURNED, x_units[0]);
    X_WATCH(&slots_ready, X_PLAIN_WORD, NULL);
    for (slot = x_units[0]->free; slot && i < 4; slot = slot->below, i++) { /* the next to be taken */
#ifdef TRACEI_SLOT_WORD                          /* index and generation as one word */
        x_watch(&slot->index, 8, X_GENERATION, slot);
#else
        X_WATCH(&slot->generation, X_GENERATION, slot);
#endif
        x_region_add(slot, 8, 8, "slot");
    }
}

static void slots_begin(void) {
    slots_ready = 0;
    x_ordered = false;
}

static void slots_own(void) {
    trace_span_options options;
    char name[40];
    int i;
    memset(&options, 0, sizeof options);
    options.detached = true;
    for (i = 0; i < 2; i++) {
        slots_handles[i] = trace_span_start_with(x_name(name, 0, 1 + i), &options);
        TRACEI_STORE_RELEASE(&slots_ready, 1u + (uint32_t)i);
        x_yield();
    }
    for (i = 0; i < 2; i++) {
        x_record(0, 3 + i);
        x_yield();
    }
}

static void slots_end(uint32_t i) {
    while (TRACEI_LOAD_ACQUIRE(&slots_ready) <= i) x_yield();
    trace_span_end(slots_handles[i]);
}

static void slots_first(void) { slots_end(0); }
static void slots_second(void) { slots_end(1); }

static void slots_judge(void) {
    const tracei_slot *slot;
    unsigned count = 0, bits = 0;
    tracei_reclaim(x_units[0]);
    for (slot = x_units[0]->free; slot && count <= TRACEI_SLOTS_A_CHUNK; slot = slot->below, count++) bits |= 1u << slot->index % TRACEI_SLOTS_A_CHUNK;
    if (count != TRACEI_SLOTS_A_CHUNK - 1) x_fail("%u slots are free, not %u", count, TRACEI_SLOTS_A_CHUNK - 1);
    if (bits != (0xffffu & ~(1u << x_roots[0].slot % TRACEI_SLOTS_A_CHUNK))) x_fail("a slot is free twice");
    (void)tracei_round();
    if (x_seen[1][1] || x_seen[0][1] != 1 || x_seen[0][2] != 1 || x_seen[0][3] != 1 || x_seen[0][4] != 1) x_fail("a span is missing");
}

/* --- 3: a unit changes hands while it is drained --- */

static void adopt_watch(void) {
    x_watch_ring(0);
    X_WATCH(&x_units[0]->owned, X_OWNED, x_units[0]);
}

static int adopt_claims, adopt_owners;

static void adopt_begin(void) {
    adopt_claims = 0;
    adopt_owners = 1;
}

static void adopt_leave(void) {
    adopt_owners--;
    tracei_unit_disown(x_units[0]);
    tracei_tls = &tracei_unit_none;
}

static void adopt_first(void) {
    x_record(0, 1);
    x_record(0, 2);
    adopt_leave();
}

static void adopt_next(void) {
    int i, mine = 0;
    for (i = 0; i < 4 && mine < 2; i++) {
        if (tracei_unit_claim(x_units[0], x_units[0]->open, false)) {
            int number = 3 + 2 * adopt_claims++;
            mine++;
            if (adopt_owners++) x_fail("owned by two threads");
            tracei_tls = x_units[0];
            x_record(0, number++);
            x_record(0, number);
            adopt_leave();
        }
        x_yield();
    }
}

static void adopt_consume(void) {
    int i;
    for (i = 0; i < 3; i++) {
        (void)tracei_round();
        x_yield();
    }
}

static void adopt_judge(void) {
    (void)tracei_round();
    x_judge_records(0, 1, 2 + 2 * adopt_claims);
    if (x_units[0]->owned) x_fail("nobody's unit is owned");
}

/* --- 4: deep sleep --- */

static void sleep_watch(void) {
    x_watch_ring(0);
    x_watch_ring(1);
    X_WATCH(&tracei_attention, X_ATTENTION, NULL);
    X_WATCH(&tracei_worker_calls, X_PLAIN_WORD, NULL);
}

static void sleep_begin(void) {
    tracei_use_worker = tracei_can_sleep_deeply = 1;
}

static void sleep_produce_two(void) {
    x_record(0, 1);
    x_yield();
    x_record(0, 2);
}

static void sleep_produce_one(void) { x_record(1, 1); }
static void sleep_work(void) { tracei_worker_main(NULL); }

static void sleep_judge(void) {
    int i;
    if (x_threads[0].blocked_on != &tracei_worker_calls) x_fail("the worker does not sleep");
    for (i = 0; i < 2; i++)
        if (x_units[i]->head != x_units[i]->tail) x_fail("the worker sleeps over a published span: a wake-up was lost");
    if (!x_failure[0] && (x_seen[0][1] != 1 || x_seen[0][2] != 1 || x_seen[1][1] != 1)) x_fail("a span is missing");
}

/* An order to stop is not slept over either. */
static void stop_watch(void) {
    x_watch_ring(0);
    X_WATCH(&tracei_attention, X_ATTENTION, NULL);
    X_WATCH(&tracei_worker_calls, X_PLAIN_WORD, NULL);
    X_WATCH(&tracei_worker_stop, X_PLAIN_WORD, NULL);
}

static void stop_order(void) { /* as tracei_worker_end */
    if (x_weakness == X_CALL_BEFORE_STOP) tracei_worker_call();
    TRACEI_STORE_RELEASE(&tracei_worker_stop, 1u);
    if (x_weakness != X_CALL_BEFORE_STOP) tracei_worker_call();
}

static void stop_produce(void) { x_record(0, 1); }

static void stop_judge(void) {
    if (!x_threads[0].done) x_fail("the worker sleeps over the order to stop");
}

/* --- 5: the ledger is never over, whenever it is read --- */

static void ledger_watch(void) {
    uint32_t *const counts = x_units[0]->counts;
    x_watch_ring(0);
    x_watch_ledger();
    X_WATCH(&counts[TRACEI_COUNT_ENDED], X_COUNT, NULL);
    X_WATCH(&counts[TRACEI_COUNT_PUBLISHED], X_COUNT, NULL);
    X_WATCH(&counts[TRACEI_COUNT_DROPPED + TRACE_DROP_RING_FULL], X_COUNT, NULL);
}

static void ledger_begin(void) {
    int i;
    tracei_tls = x_units[0];
    for (i = 1; i <= 4; i++) x_record(0, i);
}

static void ledger_produce(void) {
    x_record(0, 5);
    x_record(0, 6);
    x_yield();
    x_record(0, 7);
}

static void ledger_read(void) {
    int i;
    for (i = 0; i < 2; i++) {
        trace_stats stats;
        uint64_t sum;
        int k;
        trace_get_stats(&stats);
        sum = stats.exported + stats.sampled_out + stats.pending;
        for (k = 0; k < TRACE_DROP_COUNT; k++) sum += stats.dropped[k];
        if (stats.pending > 8) x_fail("pending is negative");
        if (sum > stats.ended) x_fail("the ledger is over: %d of %d", (int)sum, (int)stats.ended);
        x_yield();
    }
}

static void ledger_consume(void) { (void)tracei_round(); }

static void ledger_judge(void) {
    (void)tracei_round();
    x_judge_records(0, 1, 7);
}

/* --- 6: whoever has the pass is the consumer; producers that wait for room take it too --- */

static void pass_watch(void) {
    x_watch_ring(0);
    X_WATCH(&tracei_pass_lock, X_PASS_LOCK, NULL);
    x_watch_ledger();
}

static void pass_produce(void) {
    int i;
    tracei_lossless_ms = 100000;
    for (i = 1; i <= 8; i++) x_record(0, i);
}

static void pass_drain(void) {
    x_drain();
    x_yield();
    x_drain();
}

static void pass_judge(void) {
    int i;
    x_drain();
    for (i = 1; i <= 8; i++)
        if (x_seen[0][i] != 1) x_fail("lossless, but span %d is missing", i);
}

/* --- */

static x_scenario scenarios[] = {
    {"ring", ring_watch, NULL, {ring_produce, ring_consume, NULL}, ring_judge, {NULL, NULL, NULL}},
    {"slots", slots_watch, slots_begin, {slots_own, slots_first, slots_second}, slots_judge, {NULL, NULL, NULL}},
    {"adoption", adopt_watch, adopt_begin, {adopt_first, adopt_next, adopt_consume}, adopt_judge, {NULL, NULL, NULL}},
    {"claim", adopt_watch, adopt_begin, {adopt_first, adopt_next, adopt_next}, adopt_judge, {NULL, NULL, NULL}},
    {"sleep", sleep_watch, sleep_begin, {sleep_work, sleep_produce_two, sleep_produce_one}, sleep_judge, {NULL, NULL, NULL}},
    {"stop", stop_watch, sleep_begin, {sleep_work, stop_order, stop_produce}, stop_judge, {NULL, NULL, NULL}},
    {"ledger", ledger_watch, ledger_begin, {ledger_produce, ledger_read, ledger_consume}, ledger_judge, {NULL, NULL, NULL}},
    {"pass", pass_watch, NULL, {pass_produce, pass_drain, pass_drain}, pass_judge, {NULL, NULL, NULL}},
};

static x_scenario *x_prepare(const char *name) {
    static const signed char units[][X_THREADS] = {{0, -1, -1}, {0, 1, 2}, {0, -2, -1}, {0, -2, -2}, {-1, 0, 1}, {-1, -1, 0}, {0, -1, -1}, {0, -1, -1}};
    size_t s;
    int i;
    x_clear();
    for (s = 0; strcmp(scenarios[s].name, name) != 0; s++) {}
    for (i = 0; i < X_THREADS; i++)
        scenarios[s].tls[i] = units[s][i] >= 0 ? x_units[units[s][i]] : units[s][i] == -1 ? &tracei_unit_suppressed : &tracei_unit_none;
    x_restore();
    scenarios[s].watch();
    return &scenarios[s];
}

static void x_tell(const char *scenario, const char *what, unsigned long tried) {
    if (getenv("EXPLORE_VERBOSE")) printf("  %-9s %-28s %8lu schedules, all up to %d deviations  %s\n", scenario, what, tried, x_complete, x_failure);
}

static void x_holds(const char *name, int complete, unsigned long limit, unsigned long randoms) {
    x_scenario *const scenario = x_prepare(name);
    unsigned long tried;
    x_weakness = X_SOUND;
    if (x_explore(scenario, complete, test_scaled(limit), test_scaled(randoms), &tried)) {
        char text[300];
        snprintf(text, sizeof text, "%s, schedule %lu: %s", name, tried, x_failure);
        FAIL(text);
        x_log = true;                            /* once more, aloud */
        x_path_length = x_depth;
        x_random_mode = false;
        x_execute(scenario, 1 << 20);
        x_log = false;
    }
    x_tell(name, "as it is", tried);
}

/* The same scenario must fail within the schedules it is tried with. */
static void x_breaks(const char *name, int weakness, const char *what) {
    x_scenario *const scenario = x_prepare(name);
    unsigned long tried;
    bool caught;
    x_weakness = weakness;
    caught = x_explore(scenario, 2, test_scaled(20000), test_scaled(10000), &tried);
    x_weakness = X_SOUND;
    x_tell(name, what, tried);
    if (!caught) {
        char text[200];
        snprintf(text, sizeof text, "%s: nobody noticed: %s", name, what);
        FAIL(text);
    }
}

TEST(ring) {
    x_holds("ring", 3, 15000, 10000);
    x_breaks("ring", X_HEAD_STORE, "head published relaxed");
    x_breaks("ring", X_HEAD_LOAD, "head read relaxed");
    x_breaks("ring", X_TAIL_STORE, "tail given back relaxed");
    x_breaks("ring", X_TAIL_LOAD, "tail read relaxed");
}

TEST(return_list) {
    x_holds("slots", 3, 15000, 10000);
    x_breaks("slots", X_PUSH, "slot pushed relaxed");
    x_breaks("slots", X_TAKE, "list taken relaxed");
}

TEST(adoption) {
    x_holds("adoption", 3, 15000, 10000);
    x_breaks("adoption", X_DISOWN, "unit freed relaxed");
    x_breaks("adoption", X_CLAIM, "unit claimed relaxed");
    x_breaks("adoption", X_HEAD_STORE, "head published relaxed");
    x_holds("claim", 3, 10000, 5000);
    x_breaks("claim", X_DISOWN, "unit freed relaxed");
}

TEST(deep_sleep) {
    x_holds("sleep", 3, 15000, 10000);
    x_breaks("sleep", X_NO_BARRIER, "no membarrier");
    x_breaks("sleep", X_NO_RESCAN, "no look after the flag");
    x_breaks("sleep", X_ATTENTION_EARLY, "flag read before the head");
    x_breaks("sleep", X_WAKE_FORGOTTEN, "nobody woken");
    x_holds("stop", 3, 10000, 5000);
    x_breaks("stop", X_CALL_BEFORE_STOP, "called before the order");
}

TEST(ledger) {
    x_holds("ledger", 3, 15000, 10000);
    x_breaks("ledger", X_BUMP_RELAXED, "counts bumped relaxed");
    x_breaks("ledger", X_UNLOCK_LEDGER, "ledger unlocked relaxed");
}

TEST(pass) {
    x_holds("pass", 3, 15000, 10000);
    x_breaks("pass", X_UNLOCK_PASS, "pass unlocked relaxed");
}

#else
TEST(explore) { SKIP("needs Linux, GNU C and ucontext"); }
#endif

TEST_MAIN()
