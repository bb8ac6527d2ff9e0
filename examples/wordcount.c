/* Counts words in several files with several threads.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   The main thread queues one job a file, each with the context it belongs to; the workers make that context current, read the
   file in chunks, and merge what they counted. A file that cannot be opened is recorded on its span, by errno.

       cc -O2 -pthread examples/wordcount.c -o wordcount && ./wordcount [file ...]
   Without arguments it reads files of this repository: run it from the top. */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 3
#define CHUNK 65536
#define WORD_MAX 31
#define TOP 8

/* ---- a table of words ---- */

typedef struct word {
    char text[WORD_MAX + 1];      /* lower case; longer words are cut */
    unsigned long count;          /* 0: the place is free */
} word;

typedef struct table {
    word *words;
    size_t capacity;              /* a power of two */
    size_t used;
    unsigned long total;
} table;

static bool table_add(table *words, const char *text, unsigned long count);

static bool table_grow(table *words) {
    table bigger = {NULL, words->capacity ? words->capacity * 2 : 1024, 0, 0};
    bigger.words = (word *)calloc(bigger.capacity, sizeof *bigger.words);
    if (!bigger.words) return false;
    for (size_t i = 0; i < words->capacity; i++)
        if (words->words[i].count) table_add(&bigger, words->words[i].text, words->words[i].count);
    free(words->words);
    *words = bigger;
    return true;
}

static bool table_add(table *words, const char *text, unsigned long count) {
    uint32_t hash = 2166136261u;
    if (words->used * 2 >= words->capacity && !table_grow(words)) return false;
    for (const char *at = text; *at; at++) hash = (hash ^ (unsigned char)*at) * 16777619u;
    for (size_t i = hash;; i++) {
        word *place = &words->words[i & (words->capacity - 1)];
        if (!place->count) {
            memcpy(place->text, text, strlen(text) + 1);
            words->used++;
        } else if (strcmp(place->text, text) != 0) {
            continue;
        }
        place->count += count;
        words->total += count;
        return true;
    }
}

/* ---- the queue: jobs carry the context of whoever asked ---- */

typedef struct job {
    const char *path;
    trace_context parent;
    struct job *next;
} job;

typedef struct shared {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    job *first, **last;
    bool closed;
    table words;                  /* of all files, under the same lock */
    int failures;
} shared;

static void submit(shared *all, job *work, const char *path) {
    *work = (job){path, trace_context_current(), NULL};
    pthread_mutex_lock(&all->lock);
    *all->last = work;
    all->last = &work->next;
    pthread_cond_signal(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

static job *take(shared *all) {
    pthread_mutex_lock(&all->lock);
    while (!all->first && !all->closed) pthread_cond_wait(&all->changed, &all->lock);
    job *work = all->first;
    if (work && !(all->first = work->next)) all->last = &all->first;
    pthread_mutex_unlock(&all->lock);
    return work;
}

/* ---- one job ---- */

typedef struct scanner {
    char text[WORD_MAX + 1];      /* a word may begin in one chunk and end in the next */
    size_t size;
} scanner;

static bool scan(scanner *state, table *words, const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const int letter = (unsigned char)bytes[i];
        if (isalpha(letter) || letter == '_' || (state->size && isdigit(letter))) {
            if (state->size < WORD_MAX) state->text[state->size++] = (char)tolower(letter);
        } else if (state->size) {
            state->text[state->size] = '\0';
            state->size = 0;
            if (!table_add(words, state->text, 1)) return false;
        }
    }
    return true;
}

/* Returns 0 or an errno value. */
static int read_words(int file, table *words, size_t *bytes) {
    char chunk[CHUNK];
    scanner state = {"", 0};
    int error = 0;
    bool more = true;
    while (more && !error) {
        TRACE_BLOCK("chunk");     /* lasts until the end of this turn */
        const ssize_t got = read(file, chunk, sizeof chunk);
        const size_t size = got > 0 ? (size_t)got : 0;
        if (got < 0) error = errno;
        else if (!scan(&state, words, chunk, size)) error = ENOMEM;
        trace_set("bytes", size);
        *bytes += size;
        more = size == sizeof chunk;
    }
    if (!error && !scan(&state, words, "\n", 1)) error = ENOMEM;
    return error;
}

static void count_file(shared *all, const char *path) {
    TRACE_SPAN("count file") {
        table words = {NULL, 0, 0, 0};
        size_t bytes = 0;
        int error = 0;
        trace_set("file.path", path);
        const int file = open(path, O_RDONLY);
        if (file < 0) {
            error = errno;
        } else {
            error = read_words(file, &words, &bytes);
            close(file);
        }
        trace_set("file.size", bytes);
        trace_set("words", words.total);

        TRACE_SPAN("merge") {
            pthread_mutex_lock(&all->lock);
            for (size_t i = 0; i < words.capacity && !error; i++)
                if (words.words[i].count && !table_add(&all->words, words.words[i].text, words.words[i].count)) error = ENOMEM;
            if (error) all->failures++;
            pthread_mutex_unlock(&all->lock);
            trace_set("words.distinct", words.used);
        }
        if (error) trace_span_record_errno(trace_span_current(), error);
        free(words.words);
    }
}

static void *work_on_jobs(void *argument) {
    shared *all = (shared *)argument;
#ifdef __linux__
    pthread_setname_np(pthread_self(), "counter");           /* spans show it; before the thread's first one */
#endif
    for (const job *work; (work = take(all)) != NULL;) {
        TRACE_WITH(work->parent) count_file(all, work->path);
    }
    return NULL;
}

/* ---- the program ---- */

static int by_count(const void *left, const void *right) {
    const word *a = (const word *)left, *b = (const word *)right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    return strcmp(a->text, b->text);
}

static void print_top(table *words) {
    TRACE_FUNCTION();
    qsort(words->words, words->capacity, sizeof *words->words, by_count);
    for (size_t i = 0; i < words->used && i < TOP; i++) printf("%8lu  %s\n", words->words[i].count, words->words[i].text);
    printf("%8lu  words, %lu of them different\n", words->total, (unsigned long)words->used);
}

int main(int argc, char **argv) {
    static const char *const here[] = {"trace.h", "README.md", "examples/wordcount.c", "examples/event_loop.c",
                                       "examples/no_such_file.c", "bench/bench.c"};
    const char *const *paths = argc > 1 ? (const char *const *)(argv + 1) : here;
    const size_t count = argc > 1 ? (size_t)argc - 1 : sizeof here / sizeof here[0];
    shared all = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .last = &all.first};

    TRACE_SPAN("wordcount") {
        pthread_t threads[THREADS];
        size_t started = 0;
        job *jobs = (job *)calloc(count, sizeof *jobs);
        trace_set("files", count);
        if (!jobs) {
            trace_span_record_errno(trace_span_current(), ENOMEM);
            return 1;
        }
        while (started < THREADS && pthread_create(&threads[started], NULL, work_on_jobs, &all) == 0) started++;
        trace_set("threads", started);

        for (size_t i = 0; i < count; i++) submit(&all, &jobs[i], paths[i]);
        pthread_mutex_lock(&all.lock);
        all.closed = true;
        pthread_cond_broadcast(&all.changed);
        pthread_mutex_unlock(&all.lock);
        if (!started) work_on_jobs(&all);                    /* no thread to be had: alone, then */
        while (started) pthread_join(threads[--started], NULL);

        print_top(&all.words);
        free(all.words.words);
        free(jobs);
    }
    if (all.failures) fprintf(stderr, "%d of %lu files could not be read\n", all.failures, (unsigned long)count);
    return all.failures == (int)count ? 1 : 0;
}
