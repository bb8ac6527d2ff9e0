/* A thread pool whose jobs run in the context of whoever submitted them.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   pool_submit() stores trace_context_current() in the job; the worker makes it current around the job with TRACE_WITH. The job
   itself knows nothing of it: its spans appear below the caller's. The work here is a picture of the Mandelbrot set, by rows.

       cc -O2 examples/thread_pool.c -pthread -o thread_pool && ./thread_pool [columns] */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the pool ---- */

#define POOL_THREADS 4
#define POOL_JOBS 64

typedef struct pool_job {
    void (*run)(void *argument);
    void *argument;
    trace_context context;        /* where the job belongs */
} pool_job;

typedef struct pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;       /* of any kind: a job came, went, or was finished; closing */
    pool_job jobs[POOL_JOBS];     /* a circle */
    unsigned first, waiting, running;
    bool closing;
    pthread_t threads[POOL_THREADS];
    size_t thread_count;
} pool;

static void *pool_main(void *argument) {
    pool *p = (pool *)argument;
#ifdef __linux__
    pthread_setname_np(pthread_self(), "pool");              /* spans show it; before the thread's first one */
#endif
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->waiting && !p->closing) pthread_cond_wait(&p->changed, &p->lock);
        if (!p->waiting) break;
        const pool_job job = p->jobs[p->first++ % POOL_JOBS];
        p->waiting--;
        p->running++;
        pthread_cond_broadcast(&p->changed);
        pthread_mutex_unlock(&p->lock);
        TRACE_WITH(job.context) job.run(job.argument);
        pthread_mutex_lock(&p->lock);
        p->running--;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void pool_submit(pool *p, void (*run)(void *argument), void *argument) {
    pthread_mutex_lock(&p->lock);
    while (p->waiting == POOL_JOBS) pthread_cond_wait(&p->changed, &p->lock);
    p->jobs[(p->first + p->waiting++) % POOL_JOBS] = (pool_job){run, argument, trace_context_current()};
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void pool_wait(pool *p) {
    pthread_mutex_lock(&p->lock);
    while (p->waiting || p->running) pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

static bool pool_open(pool *p) {
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    while (p->thread_count < POOL_THREADS && pthread_create(&p->threads[p->thread_count], NULL, pool_main, p) == 0)
        p->thread_count++;
    return p->thread_count > 0;
}

static void pool_close(pool *p) {
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    while (p->thread_count) pthread_join(p->threads[--p->thread_count], NULL);
}

/* ---- the work ---- */

#define ROUNDS_MAX 20000

typedef struct picture {
    int width, height;
    unsigned *rounds;             /* width * height: rounds until the point escaped */
} picture;

typedef struct stripe {
    const picture *whole;
    int from, to;                 /* rows */
} stripe;

static unsigned escape_rounds(double x, double y) {
    double a = 0, b = 0;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        const double next = a * a - b * b + x;
        b = 2 * a * b + y;
        a = next;
        if (a * a + b * b > 4) return round;
    }
    return ROUNDS_MAX;
}

static void draw_stripe(void *argument) {
    const stripe *part = (const stripe *)argument;
    const picture *whole = part->whole;
    TRACE_SPAN("stripe") {
        unsigned long rounds = 0;
        for (int row = part->from; row < part->to; row++) {
            for (int column = 0; column < whole->width; column++) {
                const unsigned here = escape_rounds(-2.1 + 2.8 * column / whole->width, -1.15 + 2.3 * row / whole->height);
                whole->rounds[row * whole->width + column] = here;
                rounds += here;
            }
        }
        trace_set("row", part->from);
        trace_set("rounds", rounds);
    }
}

static void print_picture(const picture *whole) {
    TRACE_FUNCTION();
    static const char shades[] = " .:-=+*%@";
    for (int row = 0; row < whole->height; row++) {
        for (int column = 0; column < whole->width; column++) {
            const unsigned rounds = whole->rounds[row * whole->width + column];
            putchar(rounds == ROUNDS_MAX ? '#' : shades[rounds / 3 < 8 ? rounds / 3 : 8]);
        }
        putchar('\n');
    }
}

int main(int argc, char **argv) {
    static pool p;
    stripe stripes[64];
    picture whole = {argc > 1 ? atoi(argv[1]) : 72, 0, NULL};
    if (whole.width < 8 || whole.width > 400) whole.width = 72;
    whole.height = whole.width / 3;

    TRACE_SPAN("mandelbrot") {
        const int count = whole.height < 64 ? whole.height : 64;
        trace_set("width", whole.width);
        trace_set("height", whole.height);
        whole.rounds = (unsigned *)calloc((size_t)(whole.width * whole.height), sizeof *whole.rounds);
        if (!whole.rounds || !pool_open(&p)) {
            trace_span_record_errno(trace_span_current(), ENOMEM);
            return 1;
        }
        TRACE_SPAN("draw") {
            for (int i = 0; i < count; i++) {
                stripes[i] = (stripe){&whole, whole.height * i / count, whole.height * (i + 1) / count};
                pool_submit(&p, draw_stripe, &stripes[i]);
            }
            pool_wait(&p);
        }
        print_picture(&whole);
        pool_close(&p);
        free(whole.rounds);
    }
    return 0;
}
