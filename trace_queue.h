/* trace_queue.h - lets an exporter of trace.h block, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   A queue and a thread of its own for an exporter that writes to a database, calls a slow function, waits for somebody.

   WHEN. All exporters are called by one thread, one after the other: one that waits keeps the others waiting, then rings fill up
   and spans are lost. From 1 s on the library says which one it is. Those of this project do not wait; for one of your own that
   does, this header is the cure.

   DO THIS
       #define TRACE_IMPLEMENTATION
       #include "trace_queue.h"           (brings trace.h along; both stand in one folder)
   in one file, and wrap the exporter:
       c.exporters[0] = trace_console_exporter(NULL);
       c.exporters[1] = trace_queue_exporter(my_database_exporter(), 0);

   CONTENTS (search for the tag)      >>interface  >>ring  >>thread  >>exporter

   WHAT IT DOES. Each batch is copied into the queue, whole, as the exporter would have been handed it; the functions of the
   wrapped exporter are called by a thread that begins with the first batch and ends with trace_shutdown. It records no spans
   and takes no signals.

   WHEN THE QUEUE IS FULL. New spans are dropped and counted as failed[QUEUE_FULL], a batch of a whole trace whole; one that
   would not fit into an empty queue as failed[TOO_LARGE]. The first time is logged.

   FLUSH AND EXIT. trace_flush waits for what was queued before it, then for the exporter's flush_fn, as long as its time-out
   says. trace_shutdown and exit wait as long as theirs; what is queued then is counted as failed[SHUTDOWN], and a thread that is
   still inside the exporter is left alone. Used again, the queue goes on.

   FORK. The child begins with an empty queue and no thread; then fork_fn is called.

   WITHOUT THREADS (trace_config.disable_thread, or none could be started) the queue is emptied by trace_flush and
   trace_shutdown, in the caller, who then waits for the exporter. */
#ifndef TRACE_QUEUE_H_INCLUDED_7B40E2
#define TRACE_QUEUE_H_INCLUDED_7B40E2
#define TRACE_QUEUE_H_VERSION 100
#define TRACEI_QUEUE_NEEDS_TRACE_H 100
#endif

#if !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_queue.h: another trace.h was found first; include this library's trace.h by its path before trace_queue.h"
#elif TRACE_H_VERSION < TRACEI_QUEUE_NEEDS_TRACE_H
#error "trace_queue.h: this trace.h is too old; take both files from one version"
#endif

/* >>interface ----------------------------------------------------------------------------------------------------- */

#ifndef TRACEI_QUEUE_PUBLIC
#define TRACEI_QUEUE_PUBLIC 1

#ifdef TRACE_CONFIG_NAMESPACE
#define trace_queue_exporter TRACEI_NAME(trace_queue_exporter)
#endif

#ifdef __clang__                  /* bool in gnu89 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc99-extensions"
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* The exporter, behind a queue of `queue_bytes` (0: 4 MiB; at least 64 KiB) and on a thread of its own. It keeps its name. The
   queue's memory is mapped with the first batch and given back by shutdown. `exporter` is copied; what its `user` points to must
   live as long as the process. An exporter without export_fn comes back as it is, and so it does when there is no memory
   (logged). Any thread. */
TRACE_APP trace_exporter trace_queue_exporter(trace_exporter exporter, size_t queue_bytes);

#if TRACE_CONFIG_OFF
TRACE_APP trace_exporter trace_queue_exporter(trace_exporter exporter, size_t queue_bytes) {
    (void)queue_bytes;
    return exporter;
}
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif
#ifdef __clang__
#pragma GCC diagnostic pop
#endif
#endif /* TRACEI_QUEUE_PUBLIC */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_QUEUE_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_QUEUE_IMPLEMENTED 1

#define TRACEI_QUEUE_BYTES_DEFAULT ((size_t)4 << 20)
#define TRACEI_QUEUE_BYTES_MIN ((size_t)65536)
#define TRACEI_QUEUE_GRACE_NS 20000000u

/* >>ring ----------------------------------------------------------------------------------------------------------

   A queue is a ring of chunks, each a batch with everything it points to, in one piece. The pass writes at `head`, the thread
   reads at `tail`; a chunk that does not fit before the end goes to the beginning, and `wrap` remembers where the last one before
   it ended. The pass writes into free room without the lock (the thread only makes more of it); the lock protects the offsets
   and the numbers. Everything but the thread's own functions is called under the pass. */

typedef struct tracei_chunk {
    size_t size;                  /* this structure and all that follows it */
    trace_batch batch;
    trace_resource resource;
} tracei_chunk;

typedef struct tracei_queue {
    trace_exporter exporter;      /* the wrapped one */
    size_t capacity;
    unsigned char *ring;          /* NULL: none before the first batch and after shutdown */
    size_t head, tail, wrap;      /* wrap: 0 when head is not below tail */
    uint64_t added, done;         /* chunks; in between they are in the ring */
    uint64_t skip_to;             /* chunks up to this one are counted as failed already */
    uint64_t in_hand;             /* spans in the chunk that the exporter has now */
    uint64_t flush_target;        /* chunks that a flush waits for */
    uint64_t flush_deadline_ns, stop_deadline_ns;
    uint32_t flush_number;
    trace_result flush_result;
    bool flushing;                /* a flush is asked for and not answered */
    bool stop;                    /* shut down; the thread ends when the ring is empty */
    bool ending;                  /* too late to change its mind */
    bool threaded;                /* there is a thread, or was and it was not joined */
    uint32_t lock;
    uint32_t work, progress;      /* words to wait on: for the thread, and for who waits for it */
    uint32_t said;
    trace_exporter_stats ledger;  /* queued: not settled */
    tracei_thread thread;
} tracei_queue;

/* Copies spans `from` and on, `count` of them, with what belongs to the batch, into [at, end). NULL: it does not fit. */
static tracei_chunk *tracei_queue_copy(const trace_batch *batch, size_t from, size_t count, unsigned char *at,
                                       unsigned char *end) {
    const trace_resource *const resource = batch->resource;
    const trace_span_data *root = batch->root;
    tracei_cutter cutter;
    tracei_chunk *chunk;
    trace_span_data *spans;
    size_t i;
    cutter.at = at;
    cutter.end = end;
    cutter.full = false;
    chunk = (tracei_chunk *)tracei_cut(&cutter, sizeof *chunk);
    spans = (trace_span_data *)tracei_cut(&cutter, (count + 1) * sizeof *spans);
    if (cutter.full) return NULL;
    for (i = 0; i < count; i++) {
        spans[i] = batch->spans[from + i];
        tracei_keep_span(&cutter, &spans[i]);
        if (root == &batch->spans[from + i]) root = &spans[i];
    }
    if (root && root == batch->root) { /* it is still open, and not among the spans */
        spans[count] = *root;
        tracei_keep_span(&cutter, &spans[count]);
        root = &spans[count];
    }
    chunk->resource.attributes = tracei_keep_attributes(&cutter, resource->attributes, resource->attribute_count);
    chunk->resource.attribute_count = resource->attribute_count;
    chunk->resource.schema_url = tracei_keep_string(&cutter, resource->schema_url);
    if (cutter.full) return NULL;
    chunk->size = (size_t)(cutter.at - at);
    chunk->batch = *batch;
    chunk->batch.resource = &chunk->resource;
    chunk->batch.spans = spans;
    chunk->batch.span_count = count;
    chunk->batch.root = root;
    return chunk;
}

static void tracei_queue_refuse(tracei_queue *queue, uint64_t spans, trace_failure why, const char *words) {
    tracei_lock(&queue->lock);
    queue->ledger.received += spans;
    queue->ledger.failed[why] += spans;
    queue->ledger.last_failure_unix_ns = tracei_unix_ns();
    tracei_stats_say(&queue->ledger, words);
    tracei_unlock(&queue->lock);
    if (tracei_first_time(&queue->said))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "exporter %s: %s; spans are dropped and counted", queue->exporter.name, words);
}

/* Spans that do not fit together go in halves, but for those of a whole trace. */
static void tracei_queue_add(tracei_queue *queue, const trace_batch *batch, size_t from, size_t count) {
    unsigned char *const ring = queue->ring;
    tracei_chunk *chunk;
    size_t head, tail;
    bool empty, wrapped;
    tracei_lock(&queue->lock);
    empty = queue->added == queue->done;
    if (empty) queue->head = queue->tail = queue->wrap = 0;
    head = queue->head;
    tail = queue->tail;
    wrapped = queue->wrap != 0;
    tracei_unlock(&queue->lock);
    chunk = tracei_queue_copy(batch, from, count, ring + head, ring + (wrapped ? tail : queue->capacity));
    if (!chunk && !wrapped && !empty) {
        chunk = tracei_queue_copy(batch, from, count, ring, ring + tail);
        wrapped = chunk != NULL;
    } else {
        wrapped = false;
    }
    if (!chunk && count > 1 && !queue->exporter.whole_traces) {
        tracei_queue_add(queue, batch, from, count / 2);
        tracei_queue_add(queue, batch, from + count / 2, count - count / 2);
    } else if (!chunk && empty) {
        tracei_queue_refuse(queue, count, TRACE_FAILURE_TOO_LARGE,
                            "a span or trace is larger than the queue (queue_bytes of trace_queue_exporter)");
    } else if (!chunk) {
        tracei_queue_refuse(queue, count, TRACE_FAILURE_QUEUE_FULL,
                            "the queue is full (queue_bytes of trace_queue_exporter, or it is too slow)");
    } else {
        tracei_lock(&queue->lock);
        if (wrapped) queue->wrap = head;
        queue->head = (size_t)((unsigned char *)chunk - ring) + chunk->size;
        queue->added++;
        queue->ledger.received += count;
        queue->ledger.queued += count;
        tracei_unlock(&queue->lock);
    }
}

/* >>thread -------------------------------------------------------------------------------------------------------- */

static void tracei_queue_signal(uint32_t *word) {
    (void)TRACEI_ADD(word, 1u);
    tracei_wake(word);
}

/* The oldest chunk, or NULL; under the lock. */
static tracei_chunk *tracei_queue_first(tracei_queue *queue) {
    if (queue->added == queue->done) return NULL;
    if (queue->wrap && queue->tail == queue->wrap) queue->tail = queue->wrap = 0;
    return (tracei_chunk *)(void *)(queue->ring + queue->tail);
}

static void tracei_queue_hand_over(tracei_queue *queue, const trace_batch *batch) {
    const trace_result result = queue->exporter.export_fn(queue->exporter.user, batch);
    const uint64_t now = tracei_unix_ns(), spans = batch->span_count;
    bool said = true;
    tracei_lock(&queue->lock);
    queue->ledger.queued -= spans;
    queue->in_hand = 0;
    if (result == TRACE_RESULT_OK) {
        queue->ledger.sent += spans;
        queue->ledger.last_success_unix_ns = now;
    } else {
        said = queue->exporter.stats_fn || queue->ledger.failed[TRACE_FAILURE_REJECTED] || !spans;
        queue->ledger.failed[TRACE_FAILURE_REJECTED] += spans;
        queue->ledger.last_failure_unix_ns = now;
        tracei_stats_say(&queue->ledger, trace_result_string(result));
    }
    tracei_unlock(&queue->lock);
    if (!said) tracei_export_refused(queue->exporter.name, result, batch->span_count);
}

static void tracei_queue_flush_exporter(tracei_queue *queue, uint64_t deadline_ns) {
    const trace_exporter *const exporter = &queue->exporter;
    const trace_result result = exporter->flush_fn ? exporter->flush_fn(exporter->user, deadline_ns) : TRACE_RESULT_OK;
    tracei_lock(&queue->lock);
    queue->flushing = false;
    queue->flush_result = result;
    tracei_unlock(&queue->lock);
}

/* The next thing there is to do, by the thread, or by the caller when there is none. False: nothing. */
static bool tracei_queue_step(tracei_queue *queue) {
    tracei_chunk *chunk;
    uint64_t deadline;
    bool flush, skip;
    tracei_lock(&queue->lock);
    flush = queue->flushing && queue->done >= queue->flush_target;
    deadline = queue->flush_deadline_ns;
    chunk = flush ? NULL : tracei_queue_first(queue);
    skip = queue->done < queue->skip_to;
    if (chunk && !skip) queue->in_hand = chunk->batch.span_count;
    tracei_unlock(&queue->lock);
    if (flush) tracei_queue_flush_exporter(queue, deadline);
    if (chunk && !skip) tracei_queue_hand_over(queue, &chunk->batch);
    if (chunk) {
        tracei_lock(&queue->lock);
        queue->tail += chunk->size;
        queue->done++;
        tracei_unlock(&queue->lock);
    }
    if (flush || chunk) tracei_queue_signal(&queue->progress);
    return flush || chunk;
}

/* After the last step; false: there is more to do. */
static bool tracei_queue_end(tracei_queue *queue) {
    const trace_exporter *const exporter = &queue->exporter;
    bool ending;
    tracei_lock(&queue->lock);
    ending = queue->stop && queue->added == queue->done && !queue->flushing;
    queue->ending = ending;
    tracei_unlock(&queue->lock);
    if (!ending) return false;
    if (exporter->shutdown_fn) exporter->shutdown_fn(exporter->user, queue->stop_deadline_ns);
    else if (exporter->flush_fn) (void)exporter->flush_fn(exporter->user, queue->stop_deadline_ns);
    return true;
}

static void tracei_queue_main(void *user) {
    tracei_queue *const queue = (tracei_queue *)user;
    for (;;) {
        const uint32_t work = TRACEI_LOAD_ACQUIRE(&queue->work);
        while (tracei_queue_step(queue)) {}
        if (tracei_queue_end(queue)) break;
        (void)tracei_wait(&queue->work, work, UINT64_MAX);
    }
}

/* Whether a thread is at it, from now on. */
static bool tracei_queue_start(tracei_queue *queue) {
    if (!queue->threaded && !TRACEI_LOAD(&tracei_no_threads))
        queue->threaded = tracei_thread_start(&queue->thread, tracei_queue_main, queue, "trace_queue");
    if (queue->threaded) tracei_queue_signal(&queue->work);
    return queue->threaded;
}

/* A thread that was to end and did not yet goes on, if it can still hear of it. False: it cannot. */
static bool tracei_queue_resume(tracei_queue *queue) {
    bool ending;
    if (!queue->stop) return true;
    if (queue->threaded && tracei_thread_join(&queue->thread, 0)) queue->threaded = queue->ending = false;
    tracei_lock(&queue->lock);
    ending = queue->threaded && queue->ending;
    if (!ending) queue->stop = false;
    tracei_unlock(&queue->lock);
    return !ending;
}

/* >>exporter ------------------------------------------------------------------------------------------------------ */

static trace_result tracei_queue_export(void *user, const trace_batch *batch) {
    tracei_queue *const queue = (tracei_queue *)user;
    if (!tracei_queue_resume(queue)) {
        tracei_queue_refuse(queue, batch->span_count, TRACE_FAILURE_SHUTDOWN, "it is still being shut down");
        return TRACE_RESULT_OK;
    }
    if (!queue->ring) queue->ring = (unsigned char *)tracei_alloc(queue->capacity);
    if (!queue->ring) {
        tracei_queue_refuse(queue, batch->span_count, TRACE_FAILURE_QUEUE_FULL, "there is no memory for its queue");
        return TRACE_RESULT_OK;
    }
    tracei_queue_add(queue, batch, 0, batch->span_count);
    (void)tracei_queue_start(queue);
    return TRACE_RESULT_OK;
}

static bool tracei_queue_flushed(tracei_queue *queue, trace_result *result) {
    bool flushed;
    tracei_lock(&queue->lock);
    flushed = !queue->flushing;
    *result = queue->flush_result;
    tracei_unlock(&queue->lock);
    return flushed;
}

static trace_result tracei_queue_flush(void *user, uint64_t deadline_ns) {
    tracei_queue *const queue = (tracei_queue *)user;
    trace_result result;
    tracei_lock(&queue->lock);
    if (!queue->flushing || queue->flush_number != tracei_flush_number) queue->flush_target = queue->added;
    queue->flush_number = tracei_flush_number;
    queue->flush_deadline_ns = deadline_ns;
    queue->flushing = true;
    tracei_unlock(&queue->lock);
    if (!tracei_queue_start(queue))
        while (!tracei_queue_flushed(queue, &result) && tracei_mono_ns() < deadline_ns && tracei_queue_step(queue)) {}
    for (;;) {
        const uint32_t progress = TRACEI_LOAD_ACQUIRE(&queue->progress);
        if (tracei_queue_flushed(queue, &result)) return result;
        if (!queue->threaded || !tracei_wait(&queue->progress, progress, deadline_ns)) return TRACE_RESULT_TIMEOUT;
    }
}

/* What is not in the exporter's hands will not get there. */
static void tracei_queue_give_up(tracei_queue *queue) {
    uint64_t waiting, lost;
    tracei_lock(&queue->lock);
    waiting = queue->ledger.queued;
    lost = waiting - queue->in_hand;
    queue->skip_to = queue->added;
    queue->ledger.queued -= lost;
    queue->ledger.failed[TRACE_FAILURE_SHUTDOWN] += lost;
    if (lost) queue->ledger.last_failure_unix_ns = tracei_unix_ns();
    if (lost) tracei_stats_say(&queue->ledger, "shut down before everything was exported");
    tracei_unlock(&queue->lock);
    if (waiting)
        tracei_log(TRACE_LOG_LEVEL_WARNING, "exporter %s: shut down before %llu spans in its queue were exported",
                   queue->exporter.name, (unsigned long long)waiting);
}

static void tracei_queue_shutdown(void *user, uint64_t deadline_ns) {
    tracei_queue *const queue = (tracei_queue *)user;
    tracei_lock(&queue->lock);
    queue->stop = true;
    queue->flushing = false;
    queue->stop_deadline_ns = deadline_ns;
    tracei_unlock(&queue->lock);
    if (!tracei_queue_start(queue)) {
        while (tracei_mono_ns() < deadline_ns && tracei_queue_step(queue)) {}
        tracei_queue_give_up(queue);
        while (tracei_queue_step(queue)) {}
        (void)tracei_queue_end(queue);
    } else if (!tracei_thread_join(&queue->thread, tracei_add_capped(deadline_ns, TRACEI_QUEUE_GRACE_NS))) {
        tracei_queue_give_up(queue);
        return;
    }
    queue->threaded = queue->ending = false;
    tracei_free(queue->ring, queue->capacity);
    queue->ring = NULL;
}

/* received = sent + failed + queued, where what the exporter has heard of is its own word if it keeps a ledger itself. */
static void tracei_queue_stats(void *user, trace_exporter_stats *stats) {
    tracei_queue *const queue = (tracei_queue *)user;
    trace_exporter_stats own, its;
    uint64_t failed = 0, taken;
    uint32_t i;
    memset(&its, 0, sizeof its);
    if (queue->exporter.stats_fn) queue->exporter.stats_fn(queue->exporter.user, &its); /* first, so that nothing counts twice */
    tracei_lock(&queue->lock);
    own = queue->ledger;
    tracei_unlock(&queue->lock);
    *stats = own;
    if (!queue->exporter.stats_fn) return;
    own.failed[TRACE_FAILURE_REJECTED] = 0; /* its own count has them */
    for (i = 0; i < TRACE_FAILURE_COUNT; i++) {
        failed += own.failed[i];
        stats->failed[i] = own.failed[i] + its.failed[i];
    }
    taken = own.received - failed - own.queued;
    if (taken < its.received) taken = its.received;
    stats->sent = its.sent;
    stats->queued = its.queued + (own.received - failed > taken ? own.received - failed - taken : 0);
    if (its.last_success_unix_ns > stats->last_success_unix_ns) stats->last_success_unix_ns = its.last_success_unix_ns;
    if (its.last_failure_unix_ns > stats->last_failure_unix_ns) {
        stats->last_failure_unix_ns = its.last_failure_unix_ns;
        memcpy(stats->last_error, its.last_error, sizeof stats->last_error);
    }
}

static void tracei_queue_fork(void *user) {
    tracei_queue *const queue = (tracei_queue *)user;
    const trace_exporter exporter = queue->exporter;
    const size_t capacity = queue->capacity;
    unsigned char *const ring = queue->ring; /* the child's own copy by now */
    memset((void *)queue, 0, sizeof *queue);
    queue->exporter = exporter;
    queue->capacity = capacity;
    queue->ring = ring;
    if (exporter.fork_fn) exporter.fork_fn(exporter.user);
}

TRACE_APP trace_exporter trace_queue_exporter(trace_exporter exporter, size_t queue_bytes) {
    tracei_queue *queue;
    if (!exporter.export_fn) return exporter;
    if (!queue_bytes) queue_bytes = TRACEI_QUEUE_BYTES_DEFAULT;
    if (queue_bytes < TRACEI_QUEUE_BYTES_MIN) {
        tracei_log(TRACE_LOG_LEVEL_WARNING, "trace_queue_exporter: queue_bytes is raised to 65,536");
        queue_bytes = TRACEI_QUEUE_BYTES_MIN;
    }
    queue = (tracei_queue *)tracei_alloc(sizeof *queue);
    if (!queue) {
        tracei_log(TRACE_LOG_LEVEL_ERROR, "trace_queue_exporter: no memory; exporter %s is used without a queue", exporter.name);
        return exporter;
    }
    queue->exporter = exporter;
    queue->capacity = queue_bytes & ~(size_t)7u;
    exporter.export_fn = tracei_queue_export;
    tracei_name_punctual(exporter.export_fn);
    exporter.flush_fn = tracei_queue_flush;
    exporter.shutdown_fn = tracei_queue_shutdown;
    exporter.stats_fn = tracei_queue_stats;
    exporter.fork_fn = tracei_queue_fork;
    exporter.user = queue;
    return exporter;
}

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_QUEUE_BYTES_DEFAULT
#undef TRACEI_QUEUE_BYTES_MIN
#undef TRACEI_QUEUE_GRACE_NS
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
