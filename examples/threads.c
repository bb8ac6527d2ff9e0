/* Sorts numbers with several threads, and shows two ways to cross from one thread to another.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   1. Hand over the context: the other thread makes it current with TRACE_WITH, and its spans become children.
   2. Hand over the span itself: here the last thread to finish ends the span that the main thread started.

       cc -O2 -pthread examples/threads.c -o threads && ./threads [how many numbers] */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4

typedef struct sorting {
    trace_span span;              /* "sort": started by main, ended by the thread that finishes last */
    pthread_mutex_t lock;
    int still_running;
} sorting;

typedef struct part {
    int *numbers;
    size_t count;
    trace_context parent;         /* a plain value: copied freely, never freed */
    sorting *whole;
} part;

static int compare(const void *left, const void *right) {
    const int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

static void *sort_part(void *argument) {
    part *mine = (part *)argument;
    TRACE_WITH(mine->parent) {
        TRACE_SPAN("sort part") {
            trace_set("count", mine->count);
            qsort(mine->numbers, mine->count, sizeof *mine->numbers, compare);
        }
    }
    pthread_mutex_lock(&mine->whole->lock);       /* the hand-over of a span needs a lock or a join of yours */
    if (--mine->whole->still_running == 0) trace_span_end(mine->whole->span);
    pthread_mutex_unlock(&mine->whole->lock);
    return NULL;
}

static void merge(const int *left, size_t left_count, const int *right, size_t right_count, int *out) {
    while (left_count && right_count) {
        const bool from_right = *right < *left;
        *out++ = from_right ? *right++ : *left++;
        if (from_right) right_count--;
        else left_count--;
    }
    while (left_count--) *out++ = *left++;
    while (right_count--) *out++ = *right++;
}

static bool sort_in_threads(int *numbers, size_t count) {
    sorting whole = {.lock = PTHREAD_MUTEX_INITIALIZER, .still_running = THREADS};
    pthread_t threads[THREADS];
    part parts[THREADS];
    bool started[THREADS];
    const trace_span_options detached = {.struct_size = sizeof detached, .detached = true};
    whole.span = trace_span_start_with("sort", &detached);
    for (size_t i = 0; i < THREADS; i++) {
        const size_t from = count * i / THREADS, to = count * (i + 1) / THREADS;
        parts[i] = (part){numbers + from, to - from, trace_span_context(whole.span), &whole};
        started[i] = pthread_create(&threads[i], NULL, sort_part, &parts[i]) == 0;
        if (!started[i]) sort_part(&parts[i]);
    }
    for (size_t i = 0; i < THREADS; i++)
        if (started[i]) pthread_join(threads[i], NULL);

    TRACE_SPAN("merge") {
        int *room = (int *)malloc(count * sizeof *room + 1);
        if (!room) {
            trace_span_record_errno(trace_span_current(), ENOMEM);
            return false;         /* leaves the block, and the span ends with it */
        }
        for (size_t width = 1; width < THREADS; width *= 2) {
            for (size_t i = 0; i < THREADS; i += 2 * width) {
                const size_t from = count * i / THREADS, middle = count * (i + width) / THREADS;
                const size_t to = count * (i + 2 * width) / THREADS;
                merge(numbers + from, middle - from, numbers + middle, to - middle, room + from);
            }
            memcpy(numbers, room, count * sizeof *room);
        }
        free(room);
    }
    return true;
}

int main(int argc, char **argv) {
    const size_t count = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 400000;
    bool sorted = false;
    TRACE_SPAN("threads") {
        int *numbers = (int *)malloc(count * sizeof *numbers + 1);
        trace_set("count", count);
        if (!numbers) {
            trace_span_record_errno(trace_span_current(), ENOMEM);
            return 1;
        }
        TRACE_SPAN("fill") {
            uint32_t state = 2463534242u;
            for (size_t i = 0; i < count; i++) {
                state ^= state << 13, state ^= state >> 17, state ^= state << 5;
                numbers[i] = (int)(state >> 1);
            }
        }
        sorted = sort_in_threads(numbers, count);
        for (size_t i = 1; i < count; i++)
            if (numbers[i - 1] > numbers[i]) sorted = false;
        if (!sorted) trace_error("NotSorted", "a number is smaller than the one before it");
        free(numbers);
    }
    printf("%lu numbers, %s\n", (unsigned long)count, sorted ? "sorted" : "not sorted");
    return sorted ? 0 : 1;
}
