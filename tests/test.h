/* test.h - the test runner of trace.h: one program a file, no dependency, also when cross-compiled
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   #include "test.h"                      before anything else, so that _GNU_SOURCE is in force
   #define TRACE_IMPLEMENTATION
   #include "../trace.h"

   TEST(adds) {
       CHECK_INT(1 + 1, 2);
       if (!CHECK(pointer != NULL)) return;        every check tells whether it held
       REQUIRE(pointer != NULL);                   the same in one word, in the body of a test only
   }
   TEST_MAIN()

   The program:   ./test_x [-v] [part of a name ...]     runs the tests whose names contain one of the parts, in the order of the file
                  TEST_SEED=n        repeats a run (the seed is printed when a test fails)
                  UPDATE_GOLDEN=1    rewrites golden files instead of comparing
                  TEST_GOLDEN_DIR    where they are; default tests/golden
   Last line:     "3 passed, 0 failed" and ", 1 skipped" when there are such; exit status 1 when one failed.
                  TEST_SCALE=n       what test_scaled() divides by: slow machines, sanitizers
                  TEST_FACTOR=n      what it multiplies with, and patience too (make soak)
   A program may say in its first twelve lines, each a comment of its own (see tests/tools/matrix.sh):
                  build: flags       further flags for the compiler
                  also: plain c++    run it in `make test` at -O2 too; it is C++ as well as C
                  not: cross: why    rows of the matrix it cannot run in; a reason each, with ; between
   Checks may be made on any thread, and in children made by test_fork. */
#ifndef TRACE_TEST_H
#define TRACE_TEST_H

#define TRACEI_KEEP_MACROS 1      /* tests look inside */

#if !defined(_GNU_SOURCE) && !defined(_WIN32)
#define _GNU_SOURCE 1
#endif
#if defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE 1
#endif
#ifndef __STDC_FORMAT_MACROS
#define __STDC_FORMAT_MACROS 1
#endif

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#include <direct.h>
#include <fcntl.h>
#include <io.h>
#include <pthread.h>     /* clock_gettime */
#include <process.h>
#include <sys/stat.h>
#define mkdir(path, mode) _mkdir(path)
#define setenv(name, value, overwrite) _putenv_s(name, value)
#define unsetenv(name) _putenv_s(name, "")
#else
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#if defined(__SANITIZE_ADDRESS__) && defined(__linux__)
#include <sys/syscall.h>
#endif
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#define TEST_UNUSED __attribute__((unused))

/* clang says it in its own way */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer) && !defined(__SANITIZE_THREAD__)
#define __SANITIZE_THREAD__ 1
#endif
#endif

/* ---- registry -------------------------------------------------------------------------------------------------- */

typedef struct test_case {
    const char *name;
    int line;
    void (*body)(void);
    struct test_case *next;
} test_case;

static test_case *test_first;
static const char *test_name = "(no test)";       /* of the test that runs */
static uint64_t test_seed_value;
static uint64_t test_random_state[2];
static unsigned test_failures;                    /* checks that failed in the test that runs */
static const char *test_skip_reason;
static void (*test_after_each)(void);              /* see settled.h */

/* Kept in the order of the file, whatever order constructors run in. */
static void test_register(test_case *added) {
    test_case **at = &test_first;
    while (*at && (*at)->line < added->line) at = &(*at)->next;
    added->next = *at;
    *at = added;
}

#define TEST(name) \
    static void test_body_##name(void); \
    static test_case test_case_##name = {#name, __LINE__, test_body_##name, NULL}; \
    __attribute__((constructor)) static void test_register_##name(void) { test_register(&test_case_##name); } \
    static void test_body_##name(void)

/* In the body of a test: ends it without a verdict. */
#define SKIP(why) \
    do { \
        test_skip_reason = (why); \
        return; \
    } while (0)

/* ---- where rings begin to count --------------------------------------------------------------------------------- */

/* The header's seam: half of all rings begin up to 64 KiB below the wrap of their 32-bit indices, the others at 0; which, the seed
   decides. A program may define TRACEI_TEST_INDEX before this file to decide itself. */
#ifndef TRACEI_TEST_INDEX
TEST_UNUSED static uint32_t test_ring_index(void) {
    static uint32_t rings;
    const uint64_t ring = __atomic_fetch_add(&rings, 1u, __ATOMIC_RELAXED) + UINT64_C(1);
    uint64_t hash = test_seed_value + ring * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash ^= hash >> 27;
    return hash & 1 ? 0u - 64u * (1u + (uint32_t)(hash >> 8 & 1023u)) : 0u;
}
#define TRACEI_TEST_INDEX test_ring_index()
#endif

/* Another: a lock that is given back was taken. */
#define TRACEI_TEST_UNLOCK(held) (void)test_check_uint(__FILE__, __LINE__, "a lock that is given back was taken", (held), 1)

/* ---- checks ---------------------------------------------------------------------------------------------------- */

#define TEST_REPORTS_MAX 20u       /* failures printed for each test; all are counted */

/* Counts a failure; true when it is to be printed. The one place every failure passes through. */
static bool test_fail(const char *file, int line) {
    unsigned count = __atomic_fetch_add(&test_failures, 1u, __ATOMIC_RELAXED);
    if (count == TEST_REPORTS_MAX) fprintf(stderr, "%s:%d: %s: more failures follow, not printed\n", file, line, test_name);
    return count < TEST_REPORTS_MAX;
}

TEST_UNUSED static bool test_check(const char *file, int line, bool held, const char *text) {
    if (!held && test_fail(file, line)) fprintf(stderr, "%s:%d: %s: failed: %s\n", file, line, test_name, text);
    return held;
}

TEST_UNUSED static bool test_check_int(const char *file, int line, const char *text, int64_t a, int64_t b) {
    if (a != b && test_fail(file, line))
        fprintf(stderr, "%s:%d: %s: %s: %" PRId64 " is not %" PRId64 "\n", file, line, test_name, text, a, b);
    return a == b;
}

TEST_UNUSED static bool test_check_uint(const char *file, int line, const char *text, uint64_t a, uint64_t b) {
    if (a != b && test_fail(file, line))
        fprintf(stderr, "%s:%d: %s: %s: %" PRIu64 " (0x%" PRIx64 ") is not %" PRIu64 " (0x%" PRIx64 ")\n", file, line, test_name, text,
                a, a, b, b);
    return a == b;
}

/* Equal in value, or both NaN; no tolerance. */
TEST_UNUSED static bool test_check_double(const char *file, int line, const char *text, double a, double b) {
    bool same = (__builtin_isnan(a) && __builtin_isnan(b)) || (a <= b && a >= b);
    if (!same && test_fail(file, line)) fprintf(stderr, "%s:%d: %s: %s: %.17g is not %.17g\n", file, line, test_name, text, a, b);
    return same;
}

/* Text as it would stand in a C string, so that control characters show. */
static void test_print_text(const char *text, size_t size) {
    size_t i;
    if (!text) {
        fputs("NULL", stderr);
        return;
    }
    fputc('"', stderr);
    for (i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n') fputs("\\n", stderr);
        else if (c == '\r') fputs("\\r", stderr);
        else if (c == '\t') fputs("\\t", stderr);
        else if (c == '"' || c == '\\') fprintf(stderr, "\\%c", c);
        else if (c < 0x20 || c == 0x7f) fprintf(stderr, "\\x%02x", c);
        else fputc(c, stderr);
    }
    fputc('"', stderr);
}

TEST_UNUSED static bool test_check_text(const char *file, int line, const char *text, const char *a, size_t a_size, const char *b,
                                        size_t b_size) {
    bool same = a && b ? a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0) : a == b;
    if (same || !test_fail(file, line)) return same;
    fprintf(stderr, "%s:%d: %s: %s:\n        ", file, line, test_name, text);
    test_print_text(a, a_size);
    fputs("\n    is not\n        ", stderr);
    test_print_text(b, b_size);
    fputc('\n', stderr);
    return false;
}

TEST_UNUSED static bool test_check_str(const char *file, int line, const char *text, const char *a, const char *b) {
    return test_check_text(file, line, text, a, a ? strlen(a) : 0, b, b ? strlen(b) : 0);
}

static void test_print_hex(const char *label, const unsigned char *bytes, size_t from, size_t to) {
    fprintf(stderr, "    %s", label);
    for (; from < to; from++) fprintf(stderr, " %02x", bytes[from]);
    fputc('\n', stderr);
}

TEST_UNUSED static bool test_check_mem(const char *file, int line, const char *text, const void *a, const void *b, size_t size) {
    const unsigned char *left = (const unsigned char *)a, *right = (const unsigned char *)b;
    size_t at = 0, from, to;
    if (size == 0 || a == b) return true;
    if (!a || !b) return test_check(file, line, false, text);
    while (at < size && left[at] == right[at]) at++;
    if (at == size) return true;
    if (!test_fail(file, line)) return false;
    from = at < 8 ? 0 : at - 8;
    to = size - at > 24 ? at + 24 : size;
    fprintf(stderr, "%s:%d: %s: %s: differ at byte %llu of %llu; from byte %llu\n", file, line, test_name, text, (unsigned long long)at,
            (unsigned long long)size, (unsigned long long)from);
    test_print_hex("is    ", left, from, to);
    test_print_hex("is not", right, from, to);
    return false;
}

#define CHECK(condition) test_check(__FILE__, __LINE__, (condition) ? true : false, #condition)
#define CHECK_INT(a, b) test_check_int(__FILE__, __LINE__, #a, (int64_t)(a), (int64_t)(b))
#define CHECK_UINT(a, b) test_check_uint(__FILE__, __LINE__, #a, (uint64_t)(a), (uint64_t)(b))
#define CHECK_DOUBLE(a, b) test_check_double(__FILE__, __LINE__, #a, (a), (b))
#define CHECK_STR(a, b) test_check_str(__FILE__, __LINE__, #a, (a), (b))
#define CHECK_MEM(a, b, size) test_check_mem(__FILE__, __LINE__, #a, (a), (b), (size))
/* Sized text (a trace_string's members) against a terminated one. */
#define CHECK_TEXT(data, size, b) test_check_text(__FILE__, __LINE__, #data, (data), (size), (b), (b) ? strlen(b) : 0)
/* The text contains the part; it does not contain it. */
#define CHECK_HAS(a, part) test_check_has(__FILE__, __LINE__, #a, (a), (part), true)
#define CHECK_HAS_NOT(a, part) test_check_has(__FILE__, __LINE__, #a, (a), (part), false)
#define REQUIRE(condition) \
    do { \
        if (!CHECK(condition)) return; \
    } while (0)
#define FAIL(why) test_check(__FILE__, __LINE__, false, (why))

TEST_UNUSED static bool test_check_has(const char *file, int line, const char *text, const char *a, const char *part, bool wanted) {
    bool held = (a && strstr(a, part)) ? wanted : !wanted;
    if (held || !test_fail(file, line)) return held;
    fprintf(stderr, "%s:%d: %s: %s:\n        ", file, line, test_name, text);
    test_print_text(a, a ? strlen(a) : 0);
    fputs(wanted ? "\n    has no\n        " : "\n    has\n        ", stderr);
    test_print_text(part, strlen(part));
    fputc('\n', stderr);
    return false;
}

/* ---- random numbers: the same for the same seed and test, whatever else ran -------------------------------------- */

TEST_UNUSED static uint64_t test_mix(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void test_random_start(const char *name) {
    uint64_t hash = test_seed_value;
    while (*name) hash = test_mix(hash ^ (unsigned char)*name++);
    test_random_state[0] = test_mix(hash);
    test_random_state[1] = test_mix(test_random_state[0]) | 1;
}

/* xorshift128+; for one thread at a time. Other threads: test_random_from with a state of their own. */
TEST_UNUSED static uint64_t test_random(void) {
    uint64_t x = test_random_state[0], y = test_random_state[1];
    test_random_state[0] = y;
    x ^= x << 23;
    test_random_state[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
    return test_random_state[1] + y;
}

/* 0 to limit - 1; 0 for limit 0. */
TEST_UNUSED static uint64_t test_random_below(uint64_t limit) { return limit ? test_random() % limit : 0; }

TEST_UNUSED static uint64_t test_random_from(uint64_t *state) { return test_mix((*state)++); }

TEST_UNUSED static void test_random_bytes(void *bytes, size_t size) {
    unsigned char *at = (unsigned char *)bytes;
    while (size--) *at++ = (unsigned char)(test_random() >> 32);
}

static unsigned long test_number_from(const char *variable) {
    const char *text = getenv(variable);
    unsigned long number = text ? strtoul(text, NULL, 10) : 1;
    return number ? number : 1;
}

/* How many times as long as usual tests are to last: TEST_FACTOR, which is for `make soak`. */
TEST_UNUSED static unsigned long test_factor(void) { return test_number_from("TEST_FACTOR"); }

/* How often to repeat something: n times TEST_FACTOR, divided by TEST_SCALE, at least 1. */
TEST_UNUSED static unsigned long test_scaled(unsigned long n) {
    unsigned long scaled = n * test_factor() / test_number_from("TEST_SCALE");
    return scaled ? scaled : 1;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* The whole file, terminated; NULL when there is none. To be freed. */
TEST_UNUSED static char *test_read_file(const char *path, size_t *size) {
    char *text;
    size_t capacity = 4096, used = 0, got;
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    text = (char *)malloc(capacity + 1);
    while (text && (got = fread(text + used, 1, capacity - used, file)) > 0) {
        used += got;
        if (used == capacity) text = (char *)realloc(text, (capacity *= 2) + 1);
    }
    fclose(file);
    if (!text) abort();
    text[used] = '\0';
    if (size) *size = used;
    return text;
}

TEST_UNUSED static bool test_write_file(const char *path, const void *bytes, size_t size) {
    char folder[1024];
    size_t i;
    FILE *file;
    for (i = 0; path[i] && i < sizeof folder - 1; i++) {
        folder[i] = path[i];
        if (path[i] != '/' || i == 0) continue;
        folder[i] = '\0';
        (void)mkdir(folder, 0777);
        folder[i] = '/';
    }
    file = fopen(path, "wb");
    if (!file) return false;
    if (size && fwrite(bytes, 1, size, file) != size) {
        fclose(file);
        return false;
    }
    return fclose(file) == 0;
}

/* The line at `at`, and its number counted from 1. */
static const char *test_line_at(const char *text, size_t size, size_t at, size_t *line_size, unsigned *number) {
    size_t from = 0, i;
    *number = 1;
    for (i = 0; i < at && i < size; i++)
        if (text[i] == '\n') {
            from = i + 1;
            ++*number;
        }
    for (i = from; i < size && text[i] != '\n'; i++) {}
    *line_size = i - from;
    return text + from;
}

TEST_UNUSED static bool test_golden(const char *file, int line, const char *path, const char *text, size_t size) {
    char whole[1024];
    const char *folder = getenv("TEST_GOLDEN_DIR");
    size_t expected_size = 0, at = 0, line_size;
    unsigned number;
    const char *start;
    char *expected;
    snprintf(whole, sizeof whole, "%s/%s", folder ? folder : "tests/golden", path);
    if (getenv("UPDATE_GOLDEN")) {
        if (test_write_file(whole, text, size)) return true;
        return test_check(file, line, false, "cannot write the golden file");
    }
    expected = test_read_file(whole, &expected_size);
    if (!expected) {
        if (test_fail(file, line)) fprintf(stderr, "%s:%d: %s: no %s; UPDATE_GOLDEN=1 writes it\n", file, line, test_name, whole);
        return false;
    }
    if (expected_size == size && (size == 0 || memcmp(expected, text, size) == 0)) {
        free(expected);
        return true;
    }
    if (test_fail(file, line)) {
        while (at < size && at < expected_size && text[at] == expected[at]) at++;
        start = test_line_at(text, size, at, &line_size, &number);
        fprintf(stderr, "%s:%d: %s: %s differs in line %u (UPDATE_GOLDEN=1 rewrites it):\n        ", file, line, test_name, whole, number);
        test_print_text(start, line_size);
        start = test_line_at(expected, expected_size, at, &line_size, &number);
        fputs("\n    is not\n        ", stderr);
        test_print_text(start, line_size);
        fputc('\n', stderr);
    }
    free(expected);
    return false;
}

/* The text equals the file below tests/golden, byte for byte. */
#define TEST_GOLDEN(path, text, size) test_golden(__FILE__, __LINE__, (path), (text), (size))

TEST_UNUSED static uint64_t test_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- children --------------------------------------------------------------------------------------------------- */

#define TEST_CHILD_FAILED 113      /* exit status of a child in which a check failed */
#define TEST_CHILD_LOST 114        /* of one that did not get to what it was to do: see test_fork for Windows */

typedef struct test_child {
    int status;                    /* exit status; -1 when it did not exit by itself */
    int signal;                    /* that ended it; 0: none */
    bool timed_out;                /* killed because it took too long */
    char *out, *err;               /* what it wrote on standard output and error, terminated */
    size_t out_size, err_size;
} test_child;

#ifndef _WIN32

/* Before version 8 it takes an advice that does not exist. */
TEST_UNUSED static bool test_in_old_qemu(void) {
    void *const page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const bool took_it = page != MAP_FAILED && madvise(page, 4096, -1) == 0;
    if (page != MAP_FAILED) munmap(page, 4096);
    return took_it;
}

/* In the body of a test whose parent has threads and whose forked child starts some. */
#define SKIP_IN_OLD_QEMU() \
    if (test_in_old_qemu()) SKIP("qemu-user before 8 dies when a forked child of a program with threads starts one")

/* Leaks are looked for in the process that runs the tests and in the children made by test_fork. Where a test forks by itself the
   leak checker still believes in the threads of the parent: what only those could reach would be a leak. */
static pid_t test_leaks_pid;
#ifdef __SANITIZE_ADDRESS__
#ifdef __cplusplus
extern "C"
#endif
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return getpid() != test_leaks_pid; }
#endif

/* Appends what can be read now; false at the end. */
static bool test_child_read(int descriptor, char **text, size_t *size) {
    char chunk[4096];
    ssize_t got;
    while ((got = read(descriptor, chunk, sizeof chunk)) > 0) {
        *text = (char *)realloc(*text, *size + (size_t)got + 1);
        if (!*text) abort();
        memcpy(*text + *size, chunk, (size_t)got);
        *size += (size_t)got;
        (*text)[*size] = '\0';
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Runs fn(user) in a forked child, then exit(0) there, and collects what came of it. A check that fails in the child fails
   the calling test too. The result is to be given to test_child_free. */
/* To be compared with each other: a few more than are open; 0 where the system does not tell. */
TEST_UNUSED static unsigned test_descriptors(void) {
    unsigned count = 0;
    DIR *const folder = opendir("/proc/self/fd");
    while (folder && readdir(folder)) count++;
    if (folder) closedir(folder);
    return count;
}

/* A fork while another thread is in the address sanitizer's allocator, as one that begins is, leaves the child a lock that nobody
   gives back. Waits until the others sleep, for half a second at most: some never do. */
TEST_UNUSED static void test_let_threads_rest(void) {
#if defined(__SANITIZE_ADDRESS__) && defined(__linux__)
    const uint64_t deadline = test_now_ms() + 500;
    bool busy = true;
    while (busy && test_now_ms() < deadline) {
        DIR *const threads = opendir("/proc/self/task");
        const struct dirent *one;
        if (!threads) return;
        busy = false;
        while ((one = readdir(threads)) != NULL) {
            char path[300], text[256], *name_end;
            FILE *file;
            size_t size;
            if (atol(one->d_name) <= 0 || atol(one->d_name) == syscall(SYS_gettid)) continue;
            snprintf(path, sizeof path, "/proc/self/task/%s/stat", one->d_name);
            file = fopen(path, "r");
            size = file ? fread(text, 1, sizeof text - 1, file) : 0;
            if (file) fclose(file);
            text[size] = '\0';
            name_end = strrchr(text, ')');
            if (name_end && name_end[1] && name_end[2] == 'R') busy = true;
        }
        closedir(threads);
        if (busy) (void)poll(NULL, 0, 1);
    }
#endif
}

TEST_UNUSED static test_child test_fork(void (*fn)(void *user), void *user, unsigned timeout_ms) {
    test_child child;
    struct pollfd polled[2];
    int out[2], err[2], status = 0;
    bool exited = false;
    uint64_t deadline = test_now_ms() + (uint64_t)timeout_ms * test_factor();
    pid_t pid;
    memset(&child, 0, sizeof child);
    child.status = -1;
    child.out = (char *)calloc(1, 1);
    child.err = (char *)calloc(1, 1);
    if (!child.out || !child.err || pipe(out) != 0 || pipe(err) != 0) abort();
    fflush(NULL);
    test_let_threads_rest();
    pid = fork();
    if (pid < 0) abort();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        close(out[0]), close(out[1]), close(err[0]), close(err[1]);
        test_leaks_pid = getpid();
        test_failures = 0;
        fn(user);
        if (test_after_each) test_after_each();
        exit(test_failures ? TEST_CHILD_FAILED : 0);
    }
    close(out[1]), close(err[1]);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    while (!exited) {
        polled[0].fd = out[0], polled[1].fd = err[0];
        polled[0].events = polled[1].events = POLLIN;
        polled[0].revents = polled[1].revents = 0;
        (void)poll(polled, 2, 5);
        (void)test_child_read(out[0], &child.out, &child.out_size);
        (void)test_child_read(err[0], &child.err, &child.err_size);
        if (polled[0].revents == POLLHUP && polled[1].revents == POLLHUP) (void)poll(NULL, 0, 1);
        exited = waitpid(pid, &status, WNOHANG) == pid;
        if (!exited && test_now_ms() >= deadline) {
            child.timed_out = true;
            kill(pid, SIGKILL);
            exited = waitpid(pid, &status, 0) == pid;
        }
    }
    (void)test_child_read(out[0], &child.out, &child.out_size);     /* what a grandchild holds open is not waited for */
    (void)test_child_read(err[0], &child.err, &child.err_size);
    close(out[0]), close(err[0]);
    if (WIFEXITED(status)) child.status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) child.signal = WTERMSIG(status);
    if (child.status == TEST_CHILD_FAILED) {
        fputs(child.err, stderr);
        __atomic_fetch_add(&test_failures, 1u, __ATOMIC_RELAXED);
    }
    return child;
}

#else

#define SKIP_IN_OLD_QEMU() ((void)0)

static unsigned test_forks;        /* calls of test_fork in the test that runs */

/* Descriptor `number` writes to a file of that name from now on; what it was. */
static int test_redirect(int number, const char *path) {
    const int file = _open(path, _O_CREAT | _O_TRUNC | _O_WRONLY | _O_BINARY, _S_IREAD | _S_IWRITE), before = _dup(number);
    if (file < 0 || before < 0 || _dup2(file, number) != 0) abort();
    _close(file);
    return before;
}

static char *test_redirected(int number, int before, const char *path, size_t *size) {
    char *text;
    (void)_dup2(before, number);
    _close(before);
    text = test_read_file(path, size);
    (void)remove(path);
    return text ? text : (char *)calloc(1, 1);
}

/* There is no fork: the program is executed once more, for this test and this call of test_fork in it. What the test did up to here
   is done again there, earlier children left out, then fn(user); so it must have done nothing that cannot be repeated. */
TEST_UNUSED static test_child test_fork(void (*fn)(void *user), void *user, unsigned timeout_ms) {
    const char *const wanted = getenv("TEST_CHILD"), *const base = getenv("TEST_BUILD_DIR");
    test_child child;
    char number[24], out[300], err[300];
    int out_before, err_before;
    (void)timeout_ms;
    memset(&child, 0, sizeof child);
    snprintf(number, sizeof number, "%u", ++test_forks);
    if (wanted) {
        child.out = (char *)calloc(1, 1);
        child.err = (char *)calloc(1, 1);
        if (strcmp(number, wanted) != 0) return child;
        test_failures = 0;
        fn(user);
        if (test_after_each) test_after_each();
        exit(test_failures ? TEST_CHILD_FAILED : 0);
    }
    snprintf(out, sizeof out, "%s/child.%d.out", base ? base : ".", _getpid());
    snprintf(err, sizeof err, "%s/child.%d.err", base ? base : ".", _getpid());
    fflush(NULL);
    out_before = test_redirect(1, out);
    err_before = test_redirect(2, err);
    setenv("TEST_ALONE", test_name, 1);
    setenv("TEST_CHILD", number, 1);
    snprintf(number, sizeof number, "%" PRIu64, test_seed_value);
    setenv("TEST_SEED", number, 1);
    child.status = (int)_spawnl(_P_WAIT, _pgmptr, _pgmptr, (char *)NULL);
    unsetenv("TEST_ALONE");
    unsetenv("TEST_CHILD");
    child.out = test_redirected(1, out_before, out, &child.out_size);
    child.err = test_redirected(2, err_before, err, &child.err_size);
    if (child.status == TEST_CHILD_FAILED) {
        fputs(child.err, stderr);
        __atomic_fetch_add(&test_failures, 1u, __ATOMIC_RELAXED);
    }
    return child;
}

#endif /* !_WIN32 */

/* No variables but these ("NAME=value", then NULL), and on Windows what programs cannot do without. Keeps the pointer. */
TEST_UNUSED static void test_set_environment(char **entries) {
#ifdef _WIN32
    static const char *const kept[] = {"PATH", "SystemRoot", "SystemDrive", "windir", "TEMP", "TMP", "TEST_BUILD_DIR", "TEST_ALONE", "TEST_CHILD"};
    char *const all = GetEnvironmentStringsA();
    const char *entry;
    for (entry = all; *entry; entry += strlen(entry) + 1) {
        char name[256];
        const size_t size = strcspn(entry + 1, "=") + 1;
        bool keep = *entry == '=' || size >= sizeof name || _strnicmp(entry, "wine", 4) == 0;
        unsigned i;
        snprintf(name, sizeof name, "%.*s", (int)size, entry);
        for (i = 0; i < sizeof kept / sizeof *kept; i++) keep = keep || _stricmp(name, kept[i]) == 0;
        if (!keep) (void)_putenv_s(name, "");
    }
    FreeEnvironmentStringsA(all);
    for (; *entries; entries++) {                /* for getenv, and as what it is: UTF-8 */
        WCHAR wide[4096], *value;
        (void)_putenv(*entries);
        if (!MultiByteToWideChar(CP_UTF8, 0, *entries, -1, wide, sizeof wide / sizeof *wide) || (value = wcschr(wide + 1, L'=')) == NULL) continue;
        *value++ = L'\0';
        if (*value) SetEnvironmentVariableW(wide, value);
    }
#else
    extern char **environ;
    environ = entries;
#endif
}

TEST_UNUSED static void test_child_free(test_child *child) {
    free(child->out);
    free(child->err);
    memset(child, 0, sizeof *child);
}

/* It exited with this status; prints what it wrote when it did not. */
#define CHECK_CHILD(child, wanted) test_check_child(__FILE__, __LINE__, (child), (wanted))

TEST_UNUSED static bool test_check_child(const char *file, int line, const test_child *child, int wanted) {
    if (child->status == wanted) return true;
    if (!test_fail(file, line)) return false;
    if (child->timed_out) fprintf(stderr, "%s:%d: %s: the child took too long\n", file, line, test_name);
    else if (child->signal) fprintf(stderr, "%s:%d: %s: the child died of signal %d\n", file, line, test_name, child->signal);
    else fprintf(stderr, "%s:%d: %s: the child exited with %d, not %d\n", file, line, test_name, child->status, wanted);
    if (child->out_size) fprintf(stderr, "---- its output\n%s\n", child->out);
    if (child->err_size) fprintf(stderr, "---- its errors\n%s\n", child->err);
    return false;
}

/* ---- main ------------------------------------------------------------------------------------------------------- */

static bool test_is_wanted(const char *name, int argc, char **argv) {
    const char *const alone = getenv("TEST_ALONE");      /* in a child without fork */
    bool any = false;
    int i;
    if (alone) return strcmp(alone, name) == 0;
    for (i = 1; i < argc; i++) {
        if (argv[i][0] == '-') continue;
        any = true;
        if (strstr(name, argv[i])) return true;
    }
    return !any;
}

static uint64_t test_choose_seed(void) {
    const char *text = getenv("TEST_SEED");
    if (text && *text) return (uint64_t)strtoull(text, NULL, 0);
#ifdef _WIN32
    return test_mix((uint64_t)time(NULL) ^ ((uint64_t)_getpid() << 32)) >> 32;
#else
    return test_mix((uint64_t)time(NULL) ^ ((uint64_t)getpid() << 32)) >> 32;
#endif
}

static int test_main(int argc, char **argv) {
    unsigned passed = 0, failed = 0, skipped = 0;
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    const test_case *test;
    test_seed_value = test_choose_seed();
#ifndef _WIN32
    test_leaks_pid = getpid();
#endif
    for (test = test_first; test; test = test->next) {
        if (!test_is_wanted(test->name, argc, argv)) continue;
        test_name = test->name;
        test_skip_reason = NULL;
        __atomic_store_n(&test_failures, 0u, __ATOMIC_RELAXED);
        test_random_start(test->name);
#ifdef _WIN32
        test_forks = 0;
#endif
        if (verbose) fprintf(stderr, "%s\n", test->name);
        test->body();
        if (test_after_each) test_after_each();
        fflush(stdout);                            /* so that what follows begins a line */
        if (__atomic_load_n(&test_failures, __ATOMIC_RELAXED)) {
            failed++;
            fprintf(stderr, "FAILED %s (TEST_SEED=%" PRIu64 ")\n", test->name, test_seed_value);
        } else if (test_skip_reason) {
            skipped++;
            fprintf(stderr, "skipped %s: %s\n", test->name, test_skip_reason);
        } else {
            passed++;
        }
    }
    test_name = "(after the tests)";
    if (getenv("TEST_CHILD")) return TEST_CHILD_LOST;
    fflush(stderr);
    if (skipped) printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    else printf("%u passed, %u failed\n", passed, failed);
    fflush(stdout);
    return failed ? 1 : 0;
}

#define TEST_MAIN() \
    int main(int argc, char **argv) { return test_main(argc, argv); }

#endif /* TRACE_TEST_H */
