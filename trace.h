/* trace.h - distributed tracing for C in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Spans, context propagation and a lock-free ring per thread; a console tree at once, any OpenTelemetry backend by environment.

   Do this
   -------
       #define TRACE_IMPLEMENTATION                   in one file of the program; elsewhere the include alone
       #include "trace.h"
       #include <stdio.h>

       int main(void) {
           TRACE_SPAN("hello") {
               TRACE_SPAN("greet") printf("hello, world\n");
               trace_set("greeted", "world");
           }
           return 0;
       }

       cc hello.c -pthread && ./a.out                 prints the tree of spans with their durations on stderr
       OTEL_TRACES_EXPORTER=none ./a.out              prints nothing; "otlp" sends, once trace_otlp.h is included

   Copy the file to a folder of its own (third_party/trace_h/) and include it by that path; do not put the folder on the include
   path: other files called trace.h exist.

   Contents (search for the tag)
   -----------------------------
       >>modes >>results >>values >>context >>reading >>hooks >>exporters >>config >>spans >>propagation     the public half
       >>inline >>macros                                                                                     what it is made of
       >>platform >>log >>text >>time >>environment >>resource >>unit >>sampler >>span >>pass >>assembler >>console
                                                                            the implementation; each begins with an essay
   Companions, each a header with a manual of its own
   --------------------------------------------------
       trace_otlp.h                      exporter to any OpenTelemetry backend; presets of vendors
       trace_zipkin.h, trace_jaeger.h    exporters: Zipkin v2 JSON, Jaeger's Thrift
       trace_http.h                      queue, sender thread, retries: what those send through
       trace_metrics.h                   calls and durations of spans for Prometheus; trace_otlp_metrics.h pushes them
       trace_genai.h                     model calls, agents and tools as the GenAI conventions have them
       trace_curl.h, trace_sqlite.h      each libcurl transfer, each SQLite statement is a span
       trace_functions.h                 each function call is a span, by -finstrument-functions

   What it does
       - Times blocks of code as spans of a trace, with attributes, events, links, status; from C99 to C23 and C++11 to C++23.
       - Carries the context over threads, callbacks, forks and, as W3C, B3, Jaeger or X-Ray headers, over processes.
       - Copies each finished span into a ring of its thread: no lock, no malloc, no system call. A worker exports them.
       - Prints trees to the terminal by itself; any OpenTelemetry backend by environment, through the companions.
       - Counts everything it loses, and says why (trace_get_stats).
   What it does not
       - Metrics and profiles (trace_metrics.h counts spans). Logs: trace_log_fields tells them where they belong.
       - Instrument anything by itself: companions do, for what they are named after. Read configuration files.
       - Survive kill -9 with what has not left: up to 100 ms of spans in rings, 10 ms with the console, traces that wait for
         their root's end, and what a sender has queued.
       - Record in a signal handler that interrupted the library itself, or in a process's very first span: counted instead.
       - Keep spans of traces it was told not to sample.

   Concepts
   --------
       span        a piece of work with a start and an end. `trace_span` is a handle to one under construction.
       current     each thread has a current span: the innermost one started there and not ended. New spans become its children.
       detached    a span that never becomes current by itself, for work that is resumed in callbacks: TRACE_WITH_SPAN makes it.
       context     where in which trace: ids, flags, tracestate and baggage. `trace_context` is a plain value to hand around. All
                   zero means "the current span"; the explicit empty context, which a failed extract gives, means "a new root".
       local root  a span without parent in this process. A trace is printed when its local root has ended.
       abandoned   a span that was still open when the block or mark around it was left: it ends there, is marked, and counted.
       scope       which library made the span: TRACE_CONFIG_SCOPE, or .scope.
       resource    what this process is: service.name, host, process, ... the same for all its spans.
       exporter    where finished spans go. Several may run at once; one that fails costs the others nothing. One that blocks
                   holds up the others, unless trace_queue.h gives it a thread of its own. The exporters here do not.

   Step by step
   ------------
   1. Spans around blocks. TRACE_SPAN("name") { ... }, TRACE_BLOCK("name"); for the rest of a block, TRACE_FUNCTION(). break,
      continue, return, goto and exceptions end them (GNU C and C++; with other C compilers a return leaves the end to the
      enclosing block). Use TRACE_BLOCK where `break` is to leave a loop or switch: in TRACE_SPAN it leaves the span's block.
      A `case` with a TRACE_BLOCK needs braces of its own; compilers refuse a jump over it.
   2. What happened. trace_set("key", value) on the current span, trace_span_set(span, "key", value) on any: by type in GNU C, C11
      and C++. trace_span_set_int, _string, ... do the same everywhere. trace_event("retry"); trace_error("Timeout", "no answer");
      trace_span_record_errno(span, errno).
   3. Spans by hand. trace_span s = trace_span_start("name"); ... trace_span_end(s);  with options: trace_span_start_with, or
      members of trace_span_options after the name in the macros: TRACE_SPAN("GET /", .kind = TRACE_KIND_SERVER) (C99, C++20).
   4. Over threads. Take trace_context_current() where the work is handed over, TRACE_WITH(context) { ... } where it is done.
   5. Over callbacks. Start with .detached = true, keep the handle, TRACE_WITH_SPAN(span) { ... } in each callback, end by handle.
   6. Over processes. Incoming: trace_extract_headers, _raw, _environment or trace_context_parse; use the result as .parent.
      Outgoing: trace_inject_raw, trace_inject or trace_context_format, inside the client span. Into the environment of a
      program to be executed: trace_inject_environment. Into a log line: trace_log_fields.
   7. Keep what is worth keeping: .sampler decides at the start of a span, .tail_sampling when its trace is over, .scope_rules by
      which library made it. TRACE_SUPPRESS { ... } is a block without spans, such as an exporter's own requests.
   8. Configure, if at all: trace_config c = {0}; c.service_name = "checkout"; trace_init(&c). Environment variables do as well.
   9. Leave. Spans are delivered at exit, within exit_timeout_ms. Before _exit, exec or abort call trace_flush.
   A library that instruments itself for others defines TRACE_CONFIG_LIBRARY 1 and no TRACE_IMPLEMENTATION: it uses the tracer of
   the application if there is one, and otherwise does nothing.

   Threads, fork, signals, unloading
   ---------------------------------
       Threads     Every function may be called by any thread unless its comment says otherwise. One span is written by one thread
                   at a time; handing its handle over is yours to synchronise, as with any pointer. What ends on another thread
                   than it began on is fine. Spans in destructors of thread-local data work until the last of the C library's
                   rounds, then are counted.
       fork        The child has ids, rings, worker and counters of its own, sends nothing of the parent's, and what it records
                   belongs below the span that was current. Handles from before the fork do nothing in it. Its worker starts when
                   its spans are 50 ms old, so fork and exec costs nothing. After vfork call nothing before exec. Exporters hear
                   of it through fork_fn.
       Signals     Recording in a handler works, unless it interrupted the library on that very thread: then the span is dropped
                   and counted (TRACE_DROP_SIGNAL). Not for handlers: the process's first span (its end starts the worker, and
                   a thread cannot be made where malloc was interrupted; so record one before handlers may run, in a forked
                   child too, or set disable_thread), init, flush, shutdown. The worker and sender threads block all signals.
                   A handler that interrupted the library must return: after a siglongjmp out of it the thread records nothing any
                   more, and what it starts is dropped and counted likewise; the first such drop is one log line. So block the
                   signal around spans, or jump later. With lossless_timeout_ms record in no handler: where the ring is full its
                   span waits, and where no worker runs it delivers, exporters and all; nobody can tell that it is a handler's.
       longjmp     trace_mark m = trace_mark_get() before setjmp, trace_unwind(m) after the jump. Without it the next end of an
                   enclosing block does the same.
       pthread_exit    and pthread_cancel run no cleanup in C built without -fexceptions: spans of blocks, and what was left open
                   inside, then end with their thread, as abandoned. Outside of blocks, spans of trace_span_start stay open, as
                   after any end of a thread: another one may hold their handles. No call of the library is a cancellation
                   point; that a thread may be cancelled anywhere (PTHREAD_CANCEL_ASYNCHRONOUS) it cannot stand.
       Exit        atexit and at_quick_exit handlers flush within exit_timeout_ms (1 s); giving up is one log line. Network
                   exporters try again meanwhile where a server answers that it cannot take spans now, or breaks a connection;
                   they do not wait for one that cannot be reached, and trace_shutdown does not; trace_flush does. Nothing is
                   freed, so any call is safe at any point of exit; what ends after the handler is counted (TRACE_DROP_SHUTDOWN).
                   exit called by an exporter's function, or another that the library calls, delivers nothing more to any of
                   them; that is one log line. Answer, and let the program exit elsewhere.
                   A program whose main thread leaves by pthread_exit ends with its last thread, as POSIX has it: the worker then
                   calls exit(0), within half a second. It can tell on Linux only; not without /proc, nor with two copies that
                   both have a worker, nor while an exporter does not come back, nor when the thread that loaded the library was
                   not main and main never recorded. There call trace_shutdown before the last thread ends, or else nothing but
                   SIGKILL ends the process.
       dlclose     The shared object that carries the implementation stays loaded (the worker runs its code). With
                   TRACE_CONFIG_UNLOADABLE it does not; call trace_shutdown before dlclose.
       Two copies  Several files, libraries or plugins may each carry a copy. Symbols are hidden but for one weak, versioned one
                   (trace_h_shared_1) by which copies find each other, so that spans nest across them. Each copy exports its own
                   spans: one below a span of another copy is a local root there, a tree of its own. A plugin that is opened
                   by dlopen sees the program's only if the program exports it: link the program with -rdynamic or
                   -Wl,--export-dynamic-symbol=trace_h_shared_1. Else the plugin's spans are traces of their own, and a plugin
                   with TRACE_CONFIG_LIBRARY records nothing.
       Strings     What you pass is copied before the call returns. What exporters and samplers are given is theirs to read until
                   they return. Getters copy into your buffer. Names in trace_exporter, trace_sampler and trace_exporter_choice
                   must be static.

   Limits, and what happens beyond them (each is counted in trace_stats; the first dropped span is also told in one log line)
   --------------------------------------------------------------------------------------------------------------------------
       open spans, max_open_spans              65,536      start gives an inert handle: `refused`; its children go one up
       ring of a thread, ring_bytes            1 MiB       full: the span is dropped, RING_FULL; lossless_timeout_ms waits instead
       one span                                1/4 ring    what fits no more is left out: `truncated`, dropped_..._count; one line
       name at the start of a span             4,096       bytes; cut: `truncated`, one log line
       attributes, events, links of a span     128 each    later ones are dropped; counted in the span (dropped_..._count)
       key                                     65,535      bytes; longer or empty: ignored, one log line
       value, attribute_value_length_limit     none        characters; cut between code points. Beyond 1/8 ring text and bytes are
                                                           cut all the same, and an array is left out; one log line
       memory of grown spans, max_pool_bytes   64 MiB      values are cut: `truncated`
       held for whole traces, max_trace_bytes  16 MiB      the oldest trace is delivered (tail sampling: judged) incomplete; one
                                                           whose root is open goes on in parts, until open roots take it all:
                                                           then the oldest is forgotten, and what comes below it has no root
       scopes in a process                     255         (single-threaded 31) later ones are recorded without, one log line
       tracestate and baggage                  a bounded table: contexts kept by nobody degrade to their ids: `contexts_evicted`
       baggage                                 64 members, 8,192 bytes: more is refused, one log line
       exporters                               8
   Ledgers, exact whenever nothing moves:
       ended = exported + sampled_out + dropped[...] + pending              of the process: trace_get_stats
       received = sent + failed[...] + queued                               of each exporter: trace_get_exporter_stats
   trace_flush answers OK only when nothing that ended before it is pending or queued, and nothing was lost since the last flush.

   Options: macros, before the include (in every file alike, but for LIBRARY and SCOPE)
   ------------------------------------------------------------------------------------
       TRACE_IMPLEMENTATION            this file carries the implementation
       TRACE_CONFIG_OFF 1              kill switch: everything compiles and nothing is left of it; arguments are not evaluated
       TRACE_CONFIG_LIBRARY 1          this file belongs to a library that only instruments itself; no implementation
       TRACE_CONFIG_SCOPE pointer      a const trace_scope * for the macros of this file; default NULL
       TRACE_CONFIG_STATIC 1           the implementation is static: one file has all there is
       TRACE_CONFIG_NAMESPACE prefix   all symbols get it, by macros of their names: two static libraries of one program may each
                                       carry an implementation. The type trace_config gets it too
       TRACE_CONFIG_SINGLE_THREADED 1  no threads, no system: clock, random bytes and output are given in trace_config; trace_pump
       TRACE_CONFIG_STATIC_BYTES n     memory of the former; default 32,768; goes to who asks first. Enough to reach all limits:
                                       384 * max_open_spans + max_pool_bytes + 5 * ring_bytes + 2 KiB, 8 KiB more with baggage
       TRACE_CONFIG_UNLOADABLE 1       does not pin its shared object: call trace_shutdown before dlclose
       TRACE_CONFIG_NO_CONSOLE 1       leaves the console out, a quarter of the code; OTEL_TRACES_EXPORTER's default is then none
   Options: environment, copied once at load and again by trace_init; a field of trace_config beats it (disable_environment: none)
       OTEL_SDK_DISABLED=true          nothing is recorded, whatever trace_config says; contexts still propagate
       OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES=key=value,...
       OTEL_TRACES_EXPORTER            console (default), none, otlp, zipkin, ... comma-separated; what is included is available,
                                       and with trace_otlp.h its presets: langsmith, honeycomb, ...
       OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG        parentbased_always_on (default), always_on, always_off, ...
       OTEL_PROPAGATORS                tracecontext,baggage (default), b3, b3multi, jaeger, xray, none
       OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT, OTEL_SPAN_EVENT_COUNT_LIMIT,
       OTEL_SPAN_LINK_COUNT_LIMIT, OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT, OTEL_LINK_ATTRIBUTE_COUNT_LIMIT, OTEL_ATTRIBUTE_COUNT_LIMIT,
       OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT
       OTEL_LOG_LEVEL                  none, error, warn (default), info (what runs, in a line at the beginning), debug
       TRACE_CONSOLE                   tree (default), all, line
       NO_COLOR, CLICOLOR_FORCE, COLUMNS, TERM, LC_ALL, LC_CTYPE, LANG     what the console looks like
       TRACEPARENT, TRACESTATE, BAGGAGE                                    read by trace_extract_environment
       OTEL_EXPORTER_OTLP_*, _ZIPKIN_*, _JAEGER_*, OTEL_BSP_*, OTEL_METRIC_EXPORT_INTERVAL, TRACE_METRICS_FILE,
       TRACE_FUNCTIONS_*, OTEL_INSTRUMENTATION_GENAI_*                     see the companions
   Options: fields of trace_config                                         each has its comment there
       what and where      service_name, service_version, environment, resource_attributes, exporters, available
       what is kept        sampler, tail_sampling, scope_rules, baggage_attributes, disabled
       bounds              *_limit, ring_bytes, max_*_bytes, max_open_spans, lossless_timeout_ms, exit_timeout_ms
       surroundings        log_level, logger, allocator, clock, random, disable_thread, _exit, _environment, _tsc
   A variable that is set to what it cannot be is reported in one line that names what would be valid, and counts as unset.

   Differences from the OpenTelemetry API
   --------------------------------------
       Provider, tracer     one provider, the process, and no tracer objects: the scope of a span is its tracer. A scope has name,
                            version and schema URL, no attributes. After trace_shutdown trace_init may start again.
       Span processors      none: no OnStart, OnEnd. A sampler sees each start and may add attributes, as baggage_attributes does;
                            exporters see the ends, and tail_sampling's function a whole trace before them.
       Sampler              RECORD (recorded, not sampled) is shown to no exporter.
       Ids                  made here; the generator cannot be replaced, only seeded: trace_config.random.
       Tracestate           trace_state_get reads it and samplers may replace it; no add, update or delete of members.
       trace_error, record_error, record_errno     add the exception event (type and message) and set the status ERROR at once;
                            no stack trace, no attributes of the caller: trace_event_with("exception", ...) takes any.
       Values               an unsigned one above INT64_MAX becomes decimal text; bytes and JSON are types of their own.

   Errors, log, allocator
   ----------------------
   Recording never fails towards the caller: it counts. Functions that can fail return trace_result. What a person can fix is said
   once, in one line that names the field or variable, on stderr ("trace.h: ...") or to trace_config.logger; every line passes
   through tracei_log, a place for a breakpoint. Memory is mapped from the system, never malloc, and never given back;
   trace_config.allocator replaces that. A refusal at any point costs spans, which are counted, and nothing else.

   Writing an exporter
   -------------------
   One function is enough; it gets spans to read and must not block (or goes behind trace_queue_exporter of trace_queue.h). See
   trace_exporter for what flush_fn and fork_fn owe.

       static trace_result count(void *user, const trace_batch *batch) {
           *(size_t *)user += batch->span_count;
           return TRACE_RESULT_OK;
       }
       static size_t seen;
       trace_exporter counter = {sizeof counter, "counter", count, NULL, NULL, NULL, NULL, &seen, false};
       trace_config c = {0};
       c.exporters[0] = trace_console_exporter(NULL);
       c.exporters[1] = counter;
       trace_init(&c);

   Ask for whole_traces to get one local trace at a time, sorted by start. A network exporter encodes into a queue of its own in
   export_fn and sends from a thread of its own: trace_http.h has both.
*/
#ifndef TRACE_H_INCLUDED_6D1F9C
#define TRACE_H_INCLUDED_6D1F9C

#define TRACE_H_VERSION        100            /* major * 10000 + minor * 100 + patch */
#define TRACE_H_VERSION_STRING "0.1.0"

/* Strict ISO modes hide what the implementation needs; this has an effect only before the first system header. */
#if defined(TRACE_IMPLEMENTATION) && defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* >>modes --------------------------------------------------------------------------------------------------------- */

#ifndef TRACE_CONFIG_OFF
#define TRACE_CONFIG_OFF 0
#endif
#ifndef TRACE_CONFIG_LIBRARY
#define TRACE_CONFIG_LIBRARY 0
#endif
#ifndef TRACE_CONFIG_STATIC
#define TRACE_CONFIG_STATIC 0
#endif
#ifndef TRACE_CONFIG_SINGLE_THREADED
#define TRACE_CONFIG_SINGLE_THREADED 0
#endif
#ifndef TRACE_CONFIG_UNLOADABLE
#define TRACE_CONFIG_UNLOADABLE 0
#endif
#ifndef TRACE_CONFIG_NO_CONSOLE
#define TRACE_CONFIG_NO_CONSOLE 0
#endif
#ifndef TRACE_CONFIG_SCOPE
#define TRACE_CONFIG_SCOPE NULL
#endif

#define TRACEI_FORWARD (TRACE_CONFIG_OFF || TRACE_CONFIG_LIBRARY)

/* How what follows is declared; not options. TRACE_INLINE: a function with its body here, in every mode. TRACE_API: one that the
   implementation provides, hidden from other modules; in a library or compiled out, an inline one that forwards or does nothing.
   TRACE_APP: one for applications only: a library that calls it does not link. */

#if defined(__GNUC__) || defined(__clang__)
#define TRACEI_GNU 1
#define TRACEI_RARE(condition) __builtin_expect(!!(condition), 0)
#define TRACEI_UNUSED __attribute__((unused))
#if defined(_WIN32) || defined(__CYGWIN__)      /* what is not exported is hidden, and gcc minds the attribute */
#define TRACEI_HIDDEN
#else
#define TRACEI_HIDDEN __attribute__((visibility("hidden")))
#endif
#define TRACE_INLINE static __inline__ TRACEI_UNUSED __attribute__((no_instrument_function))
#else
#define TRACEI_GNU 0
#define TRACEI_RARE(condition) (condition)
#define TRACEI_UNUSED
#define TRACEI_HIDDEN
#ifdef __cplusplus
#define TRACE_INLINE static inline
#else
#define TRACE_INLINE static __inline
#endif
#endif

#if TRACE_CONFIG_LIBRARY && !TRACE_CONFIG_OFF     /* a library that calls what only applications may does not link */
#define TRACE_APP extern TRACEI_HIDDEN
#else
#define TRACE_APP TRACE_API
#endif

#if TRACEI_FORWARD
#define TRACE_API TRACE_INLINE
#elif TRACE_CONFIG_STATIC
#define TRACE_API static TRACEI_UNUSED
#else
#define TRACE_API extern TRACEI_HIDDEN
#endif

#define TRACEI_JOIN(a, b) TRACEI_JOIN_(a, b)
#define TRACEI_JOIN_(a, b) a##b

#ifdef TRACE_CONFIG_NAMESPACE     /* other names for what the linker sees, and for trace_config, a function of libtrace's */
#define TRACEI_NAME(name) TRACEI_JOIN(TRACE_CONFIG_NAMESPACE, name)
#define trace_attach TRACEI_NAME(trace_attach)
#define trace_attach_span TRACEI_NAME(trace_attach_span)
#define trace_baggage_get TRACEI_NAME(trace_baggage_get)
#define trace_baggage_remove TRACEI_NAME(trace_baggage_remove)
#define trace_baggage_set TRACEI_NAME(trace_baggage_set)
#define trace_clock_ns TRACEI_NAME(trace_clock_ns)
#define trace_config TRACEI_NAME(trace_config)
#define trace_console_exporter TRACEI_NAME(trace_console_exporter)
#define trace_context_current TRACEI_NAME(trace_context_current)
#define trace_context_format TRACEI_NAME(trace_context_format)
#define trace_context_hold TRACEI_NAME(trace_context_hold)
#define trace_context_is_valid TRACEI_NAME(trace_context_is_valid)
#define trace_context_parse TRACEI_NAME(trace_context_parse)
#define trace_context_release TRACEI_NAME(trace_context_release)
#define trace_detach TRACEI_NAME(trace_detach)
#define trace_extract TRACEI_NAME(trace_extract)
#define trace_extract_environment TRACEI_NAME(trace_extract_environment)
#define trace_extract_headers TRACEI_NAME(trace_extract_headers)
#define trace_extract_raw TRACEI_NAME(trace_extract_raw)
#define trace_flush TRACEI_NAME(trace_flush)
#define trace_get_exporter_stats TRACEI_NAME(trace_get_exporter_stats)
#define trace_get_stats TRACEI_NAME(trace_get_stats)
#define trace_id_string TRACEI_NAME(trace_id_string)
#define trace_init TRACEI_NAME(trace_init)
#define trace_inject TRACEI_NAME(trace_inject)
#define trace_inject_raw TRACEI_NAME(trace_inject_raw)
#define trace_mark_get TRACEI_NAME(trace_mark_get)
#define trace_memory_clear TRACEI_NAME(trace_memory_clear)
#define trace_memory_exporter TRACEI_NAME(trace_memory_exporter)
#define trace_memory_get TRACEI_NAME(trace_memory_get)
#define trace_memory_last_trace TRACEI_NAME(trace_memory_last_trace)
#define trace_pump TRACEI_NAME(trace_pump)
#define trace_sampler_always_off TRACEI_NAME(trace_sampler_always_off)
#define trace_sampler_always_on TRACEI_NAME(trace_sampler_always_on)
#define trace_sampler_always_record TRACEI_NAME(trace_sampler_always_record)
#define trace_sampler_consistent TRACEI_NAME(trace_sampler_consistent)
#define trace_sampler_describe TRACEI_NAME(trace_sampler_describe)
#define trace_sampler_parent_based TRACEI_NAME(trace_sampler_parent_based)
#define trace_sampler_parent_threshold TRACEI_NAME(trace_sampler_parent_threshold)
#define trace_sampler_rate_limit TRACEI_NAME(trace_sampler_rate_limit)
#define trace_sampler_ratio TRACEI_NAME(trace_sampler_ratio)
#define trace_sampler_roots_only TRACEI_NAME(trace_sampler_roots_only)
#define trace_sampler_rules TRACEI_NAME(trace_sampler_rules)
#define trace_shutdown TRACEI_NAME(trace_shutdown)
#define trace_span_id_string TRACEI_NAME(trace_span_id_string)
#define trace_state_get TRACEI_NAME(trace_state_get)
#define trace_unwind TRACEI_NAME(trace_unwind)
#define tracei_add_event TRACEI_NAME(tracei_add_event)
#define tracei_add_link TRACEI_NAME(tracei_add_link)
#define tracei_add_plain_event TRACEI_NAME(tracei_add_plain_event)
#define tracei_begin TRACEI_NAME(tracei_begin)
#define tracei_begin_with TRACEI_NAME(tracei_begin_with)
#define tracei_context TRACEI_NAME(tracei_context)
#define tracei_current TRACEI_NAME(tracei_current)
#define tracei_enabled TRACEI_NAME(tracei_enabled)
#define tracei_end TRACEI_NAME(tracei_end)
#define tracei_end_at TRACEI_NAME(tracei_end_at)
#define tracei_leave TRACEI_NAME(tracei_leave)
#define tracei_off_flag TRACEI_NAME(tracei_off_flag)
#define tracei_record_errno TRACEI_NAME(tracei_record_errno)
#define tracei_record_error TRACEI_NAME(tracei_record_error)
#define tracei_recording TRACEI_NAME(tracei_recording)
#define tracei_set_array TRACEI_NAME(tracei_set_array)
#define tracei_set_name TRACEI_NAME(tracei_set_name)
#define tracei_set_scalar TRACEI_NAME(tracei_set_scalar)
#define tracei_set_status TRACEI_NAME(tracei_set_status)
#define tracei_set_text TRACEI_NAME(tracei_set_text)
#define tracei_set_value TRACEI_NAME(tracei_set_value)
#define tracei_start TRACEI_NAME(tracei_start)
#define tracei_start_with TRACEI_NAME(tracei_start_with)
#endif

#if defined(__cplusplus) && __cplusplus >= 201402L
#define TRACEI_MEMBER_ZERO {}
#else
#define TRACEI_MEMBER_ZERO
#endif

#if TRACEI_GNU                    /* balanced by the pop at the end of the public half */
#pragma GCC diagnostic push
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wc99-extensions"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif
#pragma GCC diagnostic ignored "-Wvariadic-macros"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* >>results ------------------------------------------------------------------------------------------------------- */

/* What a call that can fail returns. TRACE_RESULT_OK is 0. Text: trace_result_string(). */
typedef enum trace_result {
    TRACE_RESULT_OK = 0,
    TRACE_RESULT_TIMEOUT,         /* the deadline came first; what remained goes on in the background or was counted */
    TRACE_RESULT_BUSY,            /* called from inside an exporter, or another thread holds the pipeline and timeout was 0 */
    TRACE_RESULT_INVALID,         /* an argument or a configuration field is wrong; the log line names it */
    TRACE_RESULT_NO_MEMORY,       /* the allocator or the system refused; nothing changed */
    TRACE_RESULT_FAILED,          /* spans were lost since the last flush: see trace_get_stats and trace_get_exporter_stats */
    TRACE_RESULT_SHUT_DOWN,       /* after trace_shutdown; trace_init starts again */
    TRACE_RESULT_UNSUPPORTED      /* this build or platform cannot do it */
} trace_result;

/* A constant English name of the result, never NULL; "unknown result" for a number that is none. Any thread. */
TRACE_INLINE const char *trace_result_string(trace_result result);

/* >>values -------------------------------------------------------------------------------------------------------- */

/* Text or bytes as pointer and size; not terminated. Read-only, owned by whoever handed it over. */
typedef struct trace_string {
    const char *data;
    size_t size;                  /* bytes */
} trace_string;

typedef enum trace_type {
    TRACE_TYPE_NULL = 0,
    TRACE_TYPE_STRING,            /* as.string: UTF-8; invalid bytes are replaced by U+FFFD when exported */
    TRACE_TYPE_INT,               /* as.integer */
    TRACE_TYPE_DOUBLE,            /* as.number: NaN and infinities are kept */
    TRACE_TYPE_BOOL,              /* as.boolean */
    TRACE_TYPE_BYTES,             /* as.bytes */
    TRACE_TYPE_ARRAY,             /* as.array: items of one type */
    TRACE_TYPE_JSON,              /* as.string: JSON text the caller vouches for; exporters without structures send it as text */
    TRACEI_TYPE_UINT = 15         /* private, on the way in only: becomes INT, or decimal text above INT64_MAX */
} trace_type;

/* One attribute value. Which member of `as` counts is told by `type`. */
typedef struct trace_value {
    trace_type type;
    union {
        trace_string string;
        int64_t integer;
        double number;
        bool boolean;
        trace_string bytes;
        struct { const struct trace_value *items; size_t count; } array;
    } as;
} trace_value;

/* A key and its value: what callers pass in and what exporters read. Keys are non-empty and case-sensitive. */
typedef struct trace_attribute {
    trace_string key;
    trace_value value;
} trace_attribute;

/* Who instrumented: OpenTelemetry's instrumentation scope. Contents are copied at first use and told apart by content. */
typedef struct trace_scope {
    const char *name;             /* library name, for example "libpq"; NULL means no scope */
    const char *version;          /* NULL: none */
    const char *schema_url;       /* NULL: none */
} trace_scope;

/* >>context ------------------------------------------------------------------------------------------------------- */

/* W3C trace flags, in trace_context.flags and trace_span_data.flags. */
enum {
    TRACE_FLAG_SAMPLED = 0x01,
    TRACE_FLAG_RANDOM = 0x02      /* W3C level 2: the rightmost 7 bytes of the trace id are random */
};

/* Where in which trace: a plain value, copied freely, good for ever, never to be freed.
   All zero means "the current span" wherever a context is asked for. Both ids zero with is_explicit set is the explicit
   empty context: as a parent it means "new root". Ids are in wire order (big-endian). `entry` and `entry_generation` belong
   to the library: they find tracestate and baggage, and a copy that outlived these degrades to the ids alone. */
typedef struct trace_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags;                /* TRACE_FLAG_* */
    bool is_remote;               /* came from another process */
    bool is_explicit;
    uint8_t reserved;
    uint32_t entry;
    uint32_t entry_generation;
} trace_context;

/* A handle to a span under construction: 16 bytes, copied freely, never freed, checked at every use. A stale, invented or
   zeroed handle is a no-op that is counted (trace_stats.misused) and logged once. Any thread may write to or end a span it
   was handed; handing over is the caller's synchronisation, one writer at a time. */
typedef struct trace_span {
    uint32_t slot;
    uint32_t generation;
    uint64_t id;
} trace_span;

typedef enum trace_kind {         /* OTLP's numbers; 0 is recorded as INTERNAL */
    TRACE_KIND_UNSPECIFIED = 0,
    TRACE_KIND_INTERNAL,
    TRACE_KIND_SERVER,
    TRACE_KIND_CLIENT,
    TRACE_KIND_PRODUCER,
    TRACE_KIND_CONSUMER
} trace_kind;

typedef enum trace_status {       /* OTLP's numbers */
    TRACE_STATUS_UNSET = 0,
    TRACE_STATUS_OK,              /* final: nothing overrides it (OpenTelemetry API, "Set Status") */
    TRACE_STATUS_ERROR
} trace_status;

/* >>reading ------------------------------------------------------------------------------------------------------- */

/* What exporters read, and what links are passed in. Valid for the duration of the call only; strings not terminated. */
typedef struct trace_event_data {
    trace_string name;
    uint64_t unix_ns;
    const trace_attribute *attributes;
    size_t attribute_count;
    uint32_t dropped_attribute_count;
} trace_event_data;

typedef struct trace_link_data {
    trace_context context;
    trace_string trace_state;     /* read side only; a link passed in takes it from its context */
    const trace_attribute *attributes;
    size_t attribute_count;
    uint32_t dropped_attribute_count;
} trace_link_data;

typedef struct trace_span_data {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t parent_span_id[8];    /* all zero: root of its trace */
    uint8_t flags;                /* TRACE_FLAG_* */
    bool parent_is_remote;
    bool is_local_root;           /* no parent in this process, or in this copy of the header: what whole_traces goes by */
    bool is_abandoned;            /* ended by unwinding: longjmp, early return, a forgotten end */
    trace_kind kind;              /* never UNSPECIFIED */
    trace_status status;
    trace_string name;
    trace_string status_message;
    trace_string trace_state;     /* W3C tracestate, as it goes on the wire */
    uint64_t start_unix_ns;
    uint64_t end_unix_ns;         /* never before start; 0 only for a root that is still open (trace_batch.root) */
    const trace_attribute *attributes;      /* keys are unique: the last value given won */
    size_t attribute_count;
    uint32_t dropped_attribute_count;
    const trace_event_data *events;         /* in the order they were added */
    size_t event_count;
    uint32_t dropped_event_count;
    const trace_link_data *links;
    size_t link_count;
    uint32_t dropped_link_count;
    const trace_scope *scope;     /* NULL: none */
    uint64_t thread_id;           /* of the thread that ended the span, as the system numbers them */
    trace_string thread_name;     /* empty when the thread was never named */
} trace_span_data;

/* What this process is; the same for all its spans. Keys are unique. */
typedef struct trace_resource {
    const trace_attribute *attributes;
    size_t attribute_count;
    trace_string schema_url;
} trace_resource;

/* What an exporter is handed. An exporter that does not ask for whole_traces gets spans as they come, root == NULL.
   With whole_traces, a batch is one local trace, sorted by start: `root` is its local root (also among the spans once it
   ended). A root that is still open has end_unix_ns == 0: the batch then announces it (span_count == 0), once and once more when
   the process ends, or carries what finished below it. `late` says that the trace was already delivered and this came after. */
typedef struct trace_batch {
    const trace_resource *resource;
    const trace_span_data *spans;
    size_t span_count;
    const trace_span_data *root;
    bool late;
} trace_batch;

/* >>hooks --------------------------------------------------------------------------------------------------------- */

typedef enum trace_log_level {
    TRACE_LOG_LEVEL_DEFAULT = 0,  /* in trace_config: OTEL_LOG_LEVEL, else WARNING */
    TRACE_LOG_LEVEL_NONE,
    TRACE_LOG_LEVEL_ERROR,
    TRACE_LOG_LEVEL_WARNING,
    TRACE_LOG_LEVEL_INFO,
    TRACE_LOG_LEVEL_DEBUG
} trace_log_level;

/* Each hook is all zero for the default. Functions may be called from any thread, with the library's own state in use: they
   must not call trace_ functions. `user` is handed through. */
typedef struct trace_allocator {
    void *(*allocate_fn)(void *user, size_t size);              /* aligned to 64 bytes; NULL means refused */
    void (*release_fn)(void *user, void *memory, size_t size);
    void *user;
} trace_allocator;                /* default: pages mapped from the system, never malloc */

typedef struct trace_clock {
    uint64_t (*monotonic_fn)(void *user);                       /* nanoseconds since whenever; may not go backward */
    uint64_t (*unix_fn)(void *user);                            /* nanoseconds since 1970-01-01 UTC */
    void *user;
} trace_clock;                    /* both functions or neither */

typedef struct trace_random {
    void (*fill_fn)(void *user, void *bytes, size_t size);      /* seeds the id generators */
    void *user;
} trace_random;

typedef struct trace_logger {
    void (*log_fn)(void *user, trace_log_level level, const char *message);     /* one line, no newline */
    void *user;
} trace_logger;                   /* default: "trace.h: ..." on stderr */

/* >>exporters ----------------------------------------------------------------------------------------------------- */

typedef enum trace_failure {      /* why an exporter lost spans */
    TRACE_FAILURE_QUEUE_FULL = 0,
    TRACE_FAILURE_TOO_LARGE,
    TRACE_FAILURE_REJECTED,       /* the other side answered no, or export_fn did */
    TRACE_FAILURE_UNREACHABLE,
    TRACE_FAILURE_TIMEOUT,
    TRACE_FAILURE_SHUTDOWN,
    TRACE_FAILURE_COUNT
} trace_failure;

/* An exporter's ledger, in spans: received = sent + failed[...] + queued, exact whenever nothing moves. */
typedef struct trace_exporter_stats {
    uint64_t received;
    uint64_t sent;
    uint64_t failed[TRACE_FAILURE_COUNT];
    uint64_t queued;
    uint64_t last_success_unix_ns;          /* 0: never */
    uint64_t last_failure_unix_ns;          /* 0: never */
    char last_error[96];                    /* what failed last, of spans or of an attempt that is made again, in words; "":
                                               nothing, or the exporter does not say */
    uint64_t blocked_ns;                    /* spent in calls of export_fn that took 1 s and more; set by the core */
} trace_exporter_stats;

/* A destination. Plain value; copied by trace_init. All functions but export_fn may be NULL; one without it could not be made:
   the log says why, and trace_init refuses it. They are called by one thread at a time, on a thread that records no spans.
   export_fn must not block: a network exporter encodes into a queue of its own, and trace_queue.h gives a queue and a thread to
   one that cannot help it. While one blocks, those after it wait for this batch and all for the next ones; what they queued
   goes on being sent, rings fill up (RING_FULL, counted), flush and shutdown answer TIMEOUT. From 1 s on it is counted, and
   named in the log once.
   A deadline is an absolute trace_clock_ns() time; UINT64_MAX is none.
   - export_fn: the batch is readable until it returns. Any result but OK counts its spans as failed[REJECTED]; the first time
     is logged, unless there is a stats_fn: then telling why is yours.
   - flush_fn: push out what is queued until the deadline, which may be past: then begin, and do not wait. OK only when nothing
     is left; after TIMEOUT it is called again while the flush has time.
   - shutdown_fn: the last call, after a flush_fn; flush within the deadline, keep the memory (other threads may still be
     running).
   - stats_fn: fill in the ledger. NULL: the core counts received, sent and failed[REJECTED] itself. Any thread, any time.
   - fork_fn: in a forked child before its first use there: forget the parent's queue, locks, threads and descriptors. */
typedef struct trace_exporter {
    size_t struct_size;           /* sizeof(trace_exporter) */
    const char *name;             /* for OTEL_TRACES_EXPORTER, stats and logs; static storage; NULL: "exporter" */
    trace_result (*export_fn)(void *user, const trace_batch *batch);
    trace_result (*flush_fn)(void *user, uint64_t deadline_ns);
    void (*shutdown_fn)(void *user, uint64_t deadline_ns);
    void (*stats_fn)(void *user, trace_exporter_stats *stats);
    void (*fork_fn)(void *user);
    void *user;
    bool whole_traces;            /* batches are whole local traces (see trace_batch) */
} trace_exporter;

/* An exporter OTEL_TRACES_EXPORTER may choose by name; the companions define TRACE_EXPORTER_OTLP and so on. */
typedef struct trace_exporter_choice {
    const char *name;
    trace_exporter (*make_fn)(void); /* called by trace_init; an exporter without export_fn means "cannot" (already logged) */
} trace_exporter_choice;

#define TRACE_EXPORTERS_MAX 8

/* Sampling decides at span start; see trace_sampler. */
typedef enum trace_decision {
    TRACE_DECISION_DROP = 0,      /* ids go on, nothing is recorded */
    TRACE_DECISION_RECORD,        /* recorded, but the sampled flag is not set; exporters do not see it */
    TRACE_DECISION_SAMPLE
} trace_decision;

typedef struct trace_sampler_input {
    trace_context parent;         /* explicit empty: a root */
    uint8_t trace_id[16];
    trace_string name;
    trace_kind kind;
    const trace_attribute *attributes;      /* those given at start */
    size_t attribute_count;
    const trace_link_data *links;
    size_t link_count;
    const trace_scope *scope;
    trace_string trace_state;     /* the parent's tracestate; size 0: none */
} trace_sampler_input;

typedef struct trace_sampler_output {
    const trace_attribute *attributes;      /* to add to the span; read before sample_fn is called again on this thread */
    size_t attribute_count;
    trace_string trace_state;               /* data == NULL: the parent's; size 0: none */
} trace_sampler_output;

/* Decides which spans are recorded. All zero: parent-based, roots always on. Called by any thread, for every span start
   that is not refused: keep it short. It must not call trace_ functions. */
typedef struct trace_sampler {
    const char *description;
    trace_decision (*sample_fn)(void *user, const trace_sampler_input *input, trace_sampler_output *output);
    void *user;
    bool roots_only;              /* children follow their parent's sampled flag without a call (parent-based) */
} trace_sampler;

/* Samplers. Ready ones are plain values; composed ones point to a structure of yours, which must not change and must outlive the
   last span (static storage). A member sampler that is all zero means, as everywhere: parent-based, roots always on. Numbers out
   of range are clamped, with a log line. No sampler locks or allocates. Specification: Trace SDK, "Built-in samplers". */
TRACE_APP trace_sampler trace_sampler_always_on(void);
TRACE_APP trace_sampler trace_sampler_always_off(void);
/* Keeps about `ratio` (0 to 1) of all traces, told by the trace id alone (its lower 8 bytes, as Go's and Python's SDKs do): the
   same answer in every process, and a higher ratio keeps what a lower one keeps. Meant for roots: see the next one. */
TRACE_APP trace_sampler trace_sampler_ratio(double ratio);
/* The sampler for roots; children follow their parent's sampled flag (sets .roots_only): ParentBased(root=sampler). */
TRACE_APP trace_sampler trace_sampler_roots_only(trace_sampler sampler);

/* Parent-based, each branch to be chosen; all zero: roots and children of sampled parents on, the others off. */
typedef struct trace_sampler_branches {
    trace_sampler root;
    trace_sampler remote_sampled;
    trace_sampler remote_not_sampled;       /* all zero: always off */
    trace_sampler local_sampled;
    trace_sampler local_not_sampled;        /* all zero: always off */
} trace_sampler_branches;
TRACE_APP trace_sampler trace_sampler_parent_based(const trace_sampler_branches *branches);     /* NULL: all zero */

/* Consistent probability sampling (TraceState: Probability Sampling): decides by the 56 random bits of the trace id, or by
   tracestate's rv, against a threshold which it writes to tracestate (ot=th:...), so that a backend can count what was not
   sent. Decides for every span whatever its parent was; a probability below 2^-56 is never. */
TRACE_APP trace_sampler trace_sampler_consistent(double probability);
/* Roots by `root` (usually consistent); children follow their parent and keep its threshold, unless it contradicts the
   sampled flag: then it is erased. NULL: all zero. */
TRACE_APP trace_sampler trace_sampler_parent_threshold(const trace_sampler *root);

/* At most so many a second, by a token bucket shared by all threads. `sampler` is asked first and only what it samples takes a
   token. Comes with .roots_only set, so that traces stay whole. A threshold (ot=th) is erased: the share is unknown. */
typedef struct trace_sampler_limit {
    double per_second;            /* 0 and less: none */
    uint32_t burst;               /* bucket size, up to 1,048,576; 0: one second's worth, at least 1 */
    trace_sampler sampler;
    uint32_t reserved[2];         /* zero; the bucket */
} trace_sampler_limit;
TRACE_APP trace_sampler trace_sampler_rate_limit(trace_sampler_limit *limit);                   /* NULL: always off */

/* The first rule that matches says which sampler decides. What is NULL or 0 in a rule matches anything. */
typedef struct trace_sampler_rule {
    const char *name_prefix;      /* of the span */
    const char *scope_prefix;     /* of the scope's name */
    trace_kind kind;
    const char *attribute;        /* key that must be among the attributes given at start */
    const char *value_prefix;     /* of its text; numbers and booleans are compared whole */
    trace_sampler sampler;
} trace_sampler_rule;
typedef struct trace_sampler_rule_table {
    const trace_sampler_rule *rules;
    size_t count;
    trace_sampler otherwise;
} trace_sampler_rule_table;
TRACE_APP trace_sampler trace_sampler_rules(const trace_sampler_rule_table *table);             /* NULL: all zero */

/* What `sampler` drops is recorded all the same, without the sampled flag. NULL: all zero. */
TRACE_APP trace_sampler trace_sampler_always_record(const trace_sampler *sampler);

/* "ParentBased{root:TraceIdRatioBased{0.000100}}": like snprintf, returns the size needed without the terminator. */
TRACE_APP size_t trace_sampler_describe(const trace_sampler *sampler, char *buffer, size_t size);

/* Writes trees (or logfmt lines) for people; NULL options: stderr, by what it is connected to. TRACE_CONSOLE=tree|line|all
   overrides `format`; NO_COLOR, CLICOLOR_FORCE, COLUMNS and the locale are respected. Never blocks the program: what a stopped
   terminal does not take is kept up to 256 KiB and then counted; trace_flush, trace_shutdown and exit wait for a slow one, within
   their time. Rows are cut where a terminal ends. A pipe or a file gets them whole, as long as a span may be (a quarter of
   ring_bytes; what has to be escaped up to six times that); in a pipe that other processes write to as well, lines of up to
   PIPE_BUF bytes (Linux: 4096) stay whole. Of a flood 20 trees are shown and then 2 a second, new names,
   the first error of a second and what was never so slow; the others are a line for each root name when the second is over.
   trace_flush does not end a second; trace_shutdown and exit print what is left of it, as a count and not as a rate. Debugging
   only, the text is no interface. */
typedef enum trace_console_format {
    TRACE_CONSOLE_FORMAT_DEFAULT = 0,       /* TREE */
    TRACE_CONSOLE_FORMAT_TREE,              /* one tree a trace; repeats fold, large ones and floods are cut to what counts */
    TRACE_CONSOLE_FORMAT_ALL,               /* one tree a trace; every span its line, nothing folded or thinned */
    TRACE_CONSOLE_FORMAT_LINE               /* logfmt, one span a line, as they end */
} trace_console_format;

typedef enum trace_choice { TRACE_CHOICE_AUTO = 0, TRACE_CHOICE_NO, TRACE_CHOICE_YES } trace_choice;

typedef struct trace_console_options {
    trace_console_format format;
    trace_choice color;           /* AUTO: on a terminal, unless NO_COLOR or TERM=dumb; CLICOLOR_FORCE */
    trace_choice unicode;         /* AUTO: by LC_ALL, LC_CTYPE, LANG */
    uint32_t width;               /* columns; 0: the terminal's, else COLUMNS, else 100; a file or pipe without colour: no end */
    int descriptor_plus_one;      /* where to write: file descriptor + 1; 0: standard error, nowhere if it began closed */
    void (*write_fn)(void *user, const char *text, size_t size);    /* instead of a descriptor; whole lines */
    void *user;
} trace_console_options;

TRACE_APP trace_exporter trace_console_exporter(const trace_console_options *options);

/* Keeps spans in `buffer`, for tests: nothing is allocated, the buffer stays the caller's, must be aligned to 8 bytes and
   outlive the process's last span (static storage). Full: later spans are counted as failed[QUEUE_FULL]. */
TRACE_APP trace_exporter trace_memory_exporter(void *buffer, size_t size);
/* Fills in up to `capacity` spans in order of arrival and returns how many there are. What they point to lies in the buffer
   and is good until trace_memory_clear. Call trace_flush first. Any thread; NULL arguments give 0. */
TRACE_APP size_t trace_memory_get(const trace_exporter *memory, trace_span_data *spans, size_t capacity);
/* The same for the trace whose local root ended last. */
TRACE_APP size_t trace_memory_last_trace(const trace_exporter *memory, trace_span_data *spans, size_t capacity);
TRACE_APP void trace_memory_clear(const trace_exporter *memory);

/* >>config -------------------------------------------------------------------------------------------------------- */

/* What to do with the spans of some libraries, told by the name of their scope. The first rule whose prefix fits decides; where
   none fits, spans go to every exporter. A disabled scope's spans are not recorded (trace_stats.sampled_out) and invisible:
   their children, and requests sent inside them, belong to the nearest span around that is recorded. Its tests of
   trace_is_enabled(scope) are false. An exporter of whole traces gets its part of each as one batch; where memory for that is
   refused, in several: nothing is lost, but a trace comes in pieces. */
typedef struct trace_scope_rule {
    const char *prefix;           /* "" or NULL: any, and spans without scope. Up to 63 bytes */
    bool disabled;
    const char *exporter;         /* the name of the only one that gets them; NULL: all */
} trace_scope_rule;

/* Tail sampling: whether a trace is kept is decided when it is over, by the worker; recording costs the same. All spans a
   trace has in this process are held until its local roots have ended and wait_ms have passed; then they go to every exporter
   or to none (trace_stats.sampled_out). A rule that is 0 keeps nothing. It comes after .sampler: what that one drops was never
   recorded. What ends later follows the decision, as far as it is remembered (16,384 traces); a later local root of a dropped
   trace is judged by itself. A trace that is too old, too big (.max_trace_bytes) or held when flush or exit comes is judged as
   it stands then. Each process decides for itself; only the ratio is the same everywhere. A forked child begins with nothing
   held. */
typedef struct trace_tail_sampling {
    bool enabled;
    bool disable_errors;          /* a span with status ERROR keeps its trace, unless this is set */
    uint32_t slower_than_ms;      /* keep what took this long from its first start to its last end, or to now */
    double ratio;                 /* of what no rule keeps, 0 to 1; by the trace id, whatever the sampler made of it */
    bool (*keep_fn)(void *user, const trace_batch *trace);      /* asked before ratio, about what no other rule keeps; true: keep.
                                                                   On the worker; it must not block or call trace_ functions */
    void *user;
    uint32_t wait_ms;             /* for spans that end after their root; default 100, UINT32_MAX: none */
    uint32_t max_age_ms;          /* of a trace whose root is open or was never seen; default 30,000 */
} trace_tail_sampling;

/* How the process traces. All zero is the default for every field; a field given here beats the environment, which beats the
   default. Start from zero: `trace_config c = {0}` or a compound literal. Everything is copied by trace_init except what
   `user` pointers and exporters point to. */
typedef struct trace_config {
    uint32_t reserved_first;      /* 0; catches a structure that was not zeroed */

    const char *service_name;     /* service.name; default OTEL_SERVICE_NAME, else unknown_service:<program> */
    const char *service_version;  /* service.version */
    const char *environment;      /* deployment.environment.name */
    const trace_attribute *resource_attributes;       /* added to the resource; these win over OTEL_RESOURCE_ATTRIBUTES */
    size_t resource_attribute_count;

    trace_exporter exporters[TRACE_EXPORTERS_MAX];             /* what runs; ended by a zeroed one */
    trace_exporter_choice available[TRACE_EXPORTERS_MAX]; /* what OTEL_TRACES_EXPORTER may choose from, with console and none */

    trace_sampler sampler;        /* default OTEL_TRACES_SAMPLER, else parent-based, roots always on */

    uint32_t attribute_count_limit;         /* distinct keys a span; default 128 */
    uint32_t attribute_value_length_limit;  /* characters of a text, bytes of a bytes value; default: none */
    uint32_t event_count_limit;             /* default 128 */
    uint32_t link_count_limit;              /* default 128 */
    uint32_t event_attribute_count_limit;   /* default 128 */
    uint32_t link_attribute_count_limit;    /* default 128 */

    uint32_t ring_bytes;          /* per thread, power of two, 4 KiB to 1 GiB; default 1 MiB; rings made from then on
                                   (single-threaded: from 1 KiB; default 8 KiB) */
    uint32_t max_open_spans;      /* spans and attachments open at once, 16 to 262,144; default 65,536
                                   (single-threaded: 4 to 256; default 256) */
    uint32_t max_pool_bytes;      /* for spans that outgrow their slot; default 64 MiB */
    uint32_t max_trace_bytes;     /* held until a root ends, for trees; default 16 MiB, at least 64 KiB */

    uint32_t exit_timeout_ms;     /* how long exit may take; default 1,000; UINT32_MAX: no limit */
    uint32_t lossless_timeout_ms; /* not 0: a full ring makes trace_span_end wait up to this long instead of dropping;
                                     not for programs that record in signal handlers: it would wait there as well */

    bool disabled;                /* record nothing; contexts still propagate (OTEL_SDK_DISABLED beats this) */
    bool disable_thread;          /* no worker: call trace_pump, trace_flush */
    bool disable_exit;            /* no atexit handlers: call trace_shutdown */
    bool disable_environment;     /* read no variable */
    bool disable_tsc;             /* time by clock_gettime only */

    trace_log_level log_level;
    trace_logger logger;
    trace_allocator allocator;    /* first trace_init or first span only: later calls keep what was, and log a change */
    trace_clock clock;            /* likewise */
    trace_random random;          /* likewise */

    trace_tail_sampling tail_sampling;      /* default: every recorded trace is exported */
    const char *const *baggage_attributes;  /* keys of baggage that become attributes of every span at its start; one that ends
                                               in * is a prefix, as "tenant.*". Up to 16, of up to 63 bytes */
    size_t baggage_attribute_count;
    const trace_scope_rule *scope_rules;    /* up to 32 */
    size_t scope_rule_count;

    uint32_t reserved_last;       /* 0 */
} trace_config;

/* Takes over from the defaults, or starts again after trace_shutdown. Optional; NULL is all zero. Spans not delivered yet go to
   the new exporters. Errors: INVALID (a field is wrong: the log line names it; nothing changed), NO_MEMORY, BUSY (inside an
   exporter, or one has been blocking for 2 s). Any thread, not in a signal handler. */
TRACE_APP trace_result trace_init(const trace_config *config);

/* Delivers every span ended before the call and asks each exporter to send what it queued. OK: nothing is left and nothing
   was lost since the last flush. The time is looked at after each batch handed to exporters; what is left then stays for the
   next call. 0: hand on all there is, then do not wait; UINT32_MAX: no limit. Errors: TIMEOUT, BUSY, FAILED, SHUT_DOWN. Any
   thread. */
TRACE_APP trace_result trace_flush(uint32_t timeout_ms);

/* Flush, then stop the worker and the exporters. Time as for trace_flush; what is left then stays pending, and what exporters
   have left is lost: they try as long as there is time, unless nothing can come of it. Later spans are not recorded; contexts
   still propagate. Runs by itself at exit. A second call answers SHUT_DOWN. Any thread; BUSY inside an exporter, and when another
   thread's trace_init took all the time. Nothing is freed. */
TRACE_APP trace_result trace_shutdown(uint32_t timeout_ms);

/* One pass in the caller, for programs without a worker: drains, decodes, exports for about `budget_us` microseconds (0: all
   there is) and returns the number of spans taken from the rings; 0 also when another thread is at it. The time is looked at
   after each batch handed to exporters (256 spans, a trace, or less), so that slow ones exceed it by one; the next call goes on
   from there. */
TRACE_APP size_t trace_pump(uint32_t budget_us);

/* CLOCK_MONOTONIC in nanoseconds (or trace_config.clock): what exporters' deadlines are compared with. Any thread. */
TRACE_API uint64_t trace_clock_ns(void);

typedef enum trace_drop {         /* why a span that ended was not exported */
    TRACE_DROP_RING_FULL = 0,
    TRACE_DROP_TOO_LARGE,
    TRACE_DROP_SHUTDOWN,          /* ended after trace_shutdown or after its thread's end */
    TRACE_DROP_SIGNAL,            /* started in a signal handler that interrupted the library */
    TRACE_DROP_NO_MEMORY,
    TRACE_DROP_NO_EXPORTER,
    TRACE_DROP_COUNT
} trace_drop;

/* ended = exported + sampled_out + dropped[...] + pending, exact whenever nothing moves. All since the process (or the forked
   child) began. */
typedef struct trace_stats {
    uint64_t started;
    uint64_t refused;             /* starts that gave no span: max_open_spans, memory */
    uint64_t ended;
    uint64_t exported;            /* handed to every exporter */
    uint64_t sampled_out;
    uint64_t pending;             /* in rings, or held for their root */
    uint64_t misused;             /* calls with a stale, invented or zeroed handle */
    uint64_t abandoned;           /* ended by unwinding; also counted in ended */
    uint64_t truncated;           /* values or spans cut to fit */
    uint64_t contexts_evicted;    /* contexts that lost tracestate and baggage to newer ones */
    uint64_t open;                /* spans started and not ended */
    uint64_t bytes_mapped;        /* memory held by the library */
    uint64_t dropped[TRACE_DROP_COUNT];
} trace_stats;

/* NULL is ignored. Any thread. */
TRACE_APP void trace_get_stats(trace_stats *stats);
/* The ledger of the running exporter of that name, the first of several. false: there is none; *stats is zeroed. Any thread. */
TRACE_APP bool trace_get_exporter_stats(const char *name, trace_exporter_stats *stats);

/* >>spans --------------------------------------------------------------------------------------------------------- */

/* How a span starts, beyond its name. Start from zero and set struct_size (the macros do). */
typedef struct trace_span_options {
    size_t struct_size            TRACEI_MEMBER_ZERO;   /* sizeof(trace_span_options) */
    trace_kind kind               TRACEI_MEMBER_ZERO;
    trace_context parent          TRACEI_MEMBER_ZERO;   /* all zero: the current span; explicit empty: new root */
    bool root                     TRACEI_MEMBER_ZERO;   /* new trace, whatever is current */
    bool detached                 TRACEI_MEMBER_ZERO;   /* does not become current; for callbacks and event loops */
    uint64_t start_unix_ns        TRACEI_MEMBER_ZERO;   /* 0: now */
    const trace_attribute *attributes TRACEI_MEMBER_ZERO;       /* samplers see these, not later ones */
    size_t attribute_count        TRACEI_MEMBER_ZERO;
    const trace_link_data *links  TRACEI_MEMBER_ZERO;
    size_t link_count             TRACEI_MEMBER_ZERO;
    const trace_scope *scope      TRACEI_MEMBER_ZERO;
} trace_span_options;

/* Starts a child of the current span (a root when there is none) and makes it current until its end. The name is copied; NULL
   is "". Never fails: where no span can be had, the handle is inert (every call on it is a silent no-op). Any thread. */
TRACE_INLINE trace_span trace_span_start(const char *name);
/* The same with options; NULL options are all zero. A detached span is ended by its handle, by any thread. */
TRACE_INLINE trace_span trace_span_start_with(const char *name, const trace_span_options *options);
/* Ends it now, or at a time in Unix nanoseconds (clamped to its start). Copies the span into the calling thread's ring: no
   lock, no wait, no allocation. The handle is dead from here on; a second end is a counted no-op. */
TRACE_INLINE void trace_span_end(trace_span span);
TRACE_INLINE void trace_span_end_at(trace_span span, uint64_t unix_ns);

/* The calling thread's current span; inert when there is none or when a bare context is attached. */
TRACE_INLINE trace_span trace_span_current(void);
/* True from start to end, unless it was sampled out. Use it to skip costly attributes. */
TRACE_INLINE bool trace_span_is_recording(trace_span span);
/* False when no span of this scope (NULL: none) can be recorded on this thread now: tracing is off or has no exporter, a rule
   disables the scope, or the thread is in TRACE_SUPPRESS. The sampler, which decides by name, kind and attributes, is not asked:
   true inside an unsampled span too, below which a new root may be recorded; of that span ask trace_span_is_recording. */
TRACE_INLINE bool trace_is_enabled(const trace_scope *scope);
/* What to hand to another thread, store, or inject. Of an inert handle: trace_context_current(). Of a dead one: explicit
   empty. */
TRACE_INLINE trace_context trace_span_context(trace_span span);

/* Attributes. Keys and values are copied. The last value for a key wins. NULL or empty keys are ignored with a log line; a NULL
   value is TRACE_TYPE_NULL. Cost: an append to the span's buffer. */
TRACE_INLINE void trace_span_set_string(trace_span span, const char *key, const char *value);
TRACE_INLINE void trace_span_set_string_n(trace_span span, const char *key, const char *value, size_t size);
TRACE_INLINE void trace_span_set_int(trace_span span, const char *key, int64_t value);
TRACE_INLINE void trace_span_set_uint(trace_span span, const char *key, uint64_t value);   /* above INT64_MAX: decimal text */
TRACE_INLINE void trace_span_set_double(trace_span span, const char *key, double value);
TRACE_INLINE void trace_span_set_bool(trace_span span, const char *key, bool value);
TRACE_INLINE void trace_span_set_bytes(trace_span span, const char *key, const void *bytes, size_t size);
TRACE_INLINE void trace_span_set_json(trace_span span, const char *key, const char *json);
TRACE_INLINE void trace_span_set_strings(trace_span span, const char *key, const char *const *values, size_t count);
TRACE_INLINE void trace_span_set_ints(trace_span span, const char *key, const int64_t *values, size_t count);
TRACE_INLINE void trace_span_set_doubles(trace_span span, const char *key, const double *values, size_t count);
TRACE_INLINE void trace_span_set_bools(trace_span span, const char *key, const bool *values, size_t count);
TRACE_INLINE void trace_span_set_attribute(trace_span span, trace_attribute attribute);

TRACE_INLINE void trace_span_set_name(trace_span span, const char *name);
/* OK is final, UNSET is ignored, else the last call wins; the description is kept with ERROR only (NULL: none). */
TRACE_INLINE void trace_span_set_status(trace_span span, trace_status status, const char *description);
TRACE_INLINE void trace_span_add_event(trace_span span, const char *name, const trace_attribute *attributes, size_t count);
TRACE_INLINE void trace_span_add_event_at(trace_span span, const char *name, const trace_attribute *attributes, size_t count,
                                          uint64_t unix_ns);
TRACE_INLINE void trace_span_add_link(trace_span span, trace_context context, const trace_attribute *attributes, size_t count);
/* An `exception` event (exception.type, exception.message), error.type, and status ERROR with the message. NULL: left out. */
TRACE_INLINE void trace_span_record_error(trace_span span, const char *type, const char *message);
/* The same from an errno value: "ENOENT", "No such file or directory". */
TRACE_INLINE void trace_span_record_errno(trace_span span, int error_number);

/* Events and errors on the current span; no-ops when there is none. */
TRACE_INLINE void trace_event(const char *name);
TRACE_INLINE void trace_event_with(const char *name, const trace_attribute *attributes, size_t count);
TRACE_INLINE void trace_error(const char *type, const char *message);

/* For code that jumps: take a mark before setjmp (or before a foreign callback), and after the jump end what was left open
   above it. Non-detached spans above the mark end as abandoned. A mark of another thread is ignored. A mark is a number of open
   spans: of those below it, one that was ended out of order since leaves one above it open. */
typedef struct trace_mark {
    uint64_t thread;
    uint32_t depth;
    uint32_t reserved;
} trace_mark;
TRACE_API trace_mark trace_mark_get(void);
TRACE_API void trace_unwind(trace_mark mark);

/* >>propagation --------------------------------------------------------------------------------------------------- */

/* What came before an attach, for trace_detach. All zero: nothing was attached. */
typedef struct trace_attachment {
    uint64_t thread;
    uint32_t slot;
    uint32_t generation;
} trace_attachment;

/* The current context of the calling thread: its current span's, or the attached one; explicit empty when there is none. */
TRACE_API trace_context trace_context_current(void);
/* Makes a context (or a span of any thread) current until the matching detach. Attach and detach on one thread, nested. */
TRACE_API trace_attachment trace_attach(trace_context context);
TRACE_API trace_attachment trace_attach_span(trace_span span);
TRACE_API void trace_detach(trace_attachment previous);
/* No spans until the matching detach, whatever is started, attached or given as parent meanwhile: for what must not trace itself,
   as a thread of an exporter, or a health check. Nothing is counted, trace_is_enabled says no, and as the current context is the
   explicit empty one (with OpenTelemetry's mark of suppression), nothing is injected either. A context taken inside and attached
   elsewhere suppresses there too. Costs an attach. In a block: TRACE_SUPPRESS { ... } */
TRACE_INLINE trace_attachment trace_suppress(void);

/* Keeps the context's tracestate and baggage from eviction until release. For contexts kept beyond their span; one release
   for each hold. Contexts of live spans and attachments are kept anyway. */
TRACE_API void trace_context_hold(trace_context context);
TRACE_API void trace_context_release(trace_context context);

/* W3C traceparent (and tracestate, may be NULL) from two plain strings. false: invalid, and *out is the explicit empty
   context (W3C Trace Context 3.2). A bad tracestate is dropped alone. */
TRACE_API bool trace_context_parse(trace_context *out, const char *traceparent, const char *tracestate);
/* 55 characters and a terminator: "00-<trace id>-<span id>-<flags>". */
TRACE_API void trace_context_format(trace_context context, char traceparent[56]);
/* True when both ids are not zero. */
TRACE_API bool trace_context_is_valid(trace_context context);

/* Lower-case hexadecimal ids; zero context: the current span's. Return `out`. */
TRACE_API const char *trace_id_string(trace_context context, char out[33]);
TRACE_API const char *trace_span_id_string(trace_context context, char out[17]);

/* One name and value of a message, as HTTP headers. */
typedef struct trace_header {
    trace_string name;
    trace_string value;
} trace_header;

/* A message that carries context. get_all writes up to `capacity` values of the (case-insensitive) name in order and returns
   how many there are; keys the same for all names; set replaces. NULL callbacks: nothing there, nothing done. */
typedef struct trace_carrier {
    size_t (*get_all)(void *user, trace_string name, trace_string *values, size_t capacity);
    size_t (*keys)(void *user, trace_string *keys, size_t capacity);
    void (*set)(void *user, trace_string name, trace_string value);
    void *user;
} trace_carrier;

/* Reads every propagator of OTEL_PROPAGATORS (default tracecontext, baggage). Nothing valid: the explicit empty context.
   Values and keys must stay readable until trace_extract returns; at most 64 values of a name and 128 keys are read. What
   brings tracestate or baggage takes a short lock: not for signal handlers. */
TRACE_API trace_context trace_extract(const trace_carrier *carrier);
TRACE_API trace_context trace_extract_headers(const trace_header *headers, size_t count);
TRACE_API trace_context trace_extract_raw(const char *bytes, size_t size);     /* "name: value\r\n..." up to the empty line */
TRACE_API trace_context trace_extract_environment(void);       /* TRACEPARENT, TRACESTATE, BAGGAGE; reads the environment now */
/* Writes the context's headers; zero context: the current span's. An invalid context writes none but its baggage. */
TRACE_API void trace_inject(trace_context context, const trace_carrier *carrier);
/* The same as bytes, "traceparent: ...\r\n...", like snprintf: returns the size needed without the terminator. */
TRACE_API size_t trace_inject_raw(trace_context context, char *buffer, size_t size);

/* `environment` (like environ; NULL: empty) for a program that is to be executed, with the context's variables (TRACEPARENT,
   TRACESTATE, BAGGAGE, ...) in place of those it may have. Like snprintf: returns the bytes needed; when that is no more than
   size, `buffer`, aligned as a pointer, holds the array of pointers, ended by NULL, and the new strings; the others stay where
   they are. Zero context: the current span's. This process's environment is not changed. Any thread; before fork. */
TRACE_INLINE size_t trace_inject_environment(trace_context context, char *const *environment, void *buffer, size_t size);

/* The ids for a log line (OpenTelemetry, "Trace Context in non-OTLP Log Formats"). */
typedef enum trace_log_format {
    TRACE_LOG_FORMAT_JSON = 0,    /* "trace_id":"...","span_id":"...","trace_flags":"01"     members, to stand in an object */
    TRACE_LOG_FORMAT_LOGFMT,      /* trace_id=... span_id=... trace_flags=01 */
    TRACE_LOG_FORMAT_SYSLOG       /* [opentelemetry trace_id="..." span_id="..." trace_flags="01"]     RFC 5424, SD-ELEMENT */
} trace_log_format;
/* Writes them like snprintf; zero context: the current span's. Without a span: "", and "-" (NILVALUE) for SYSLOG. Any thread. */
TRACE_INLINE size_t trace_log_fields(trace_context context, trace_log_format format, char *buffer, size_t size);

/* Baggage travels with the context to every callee. Getters copy out and return the size needed without the terminator, like
   snprintf (SIZE_MAX: not there); set and remove return the changed context, to be attached or used as a parent. Control
   characters but TAB travel as spaces: a careless receiver would decode them into a header's end. */
TRACE_API size_t trace_baggage_get(trace_context context, const char *key, char *buffer, size_t size);
TRACE_API trace_context trace_baggage_set(trace_context context, const char *key, const char *value);
TRACE_API trace_context trace_baggage_remove(trace_context context, const char *key);
/* The context's tracestate as it goes on the wire. */
TRACE_API size_t trace_state_get(trace_context context, char *buffer, size_t size);

/* >>inline -------------------------------------------------------------------------------------------------------- */

/* Private from here on: what the public inline functions and macros are made of. */

#define TRACEI_SLOT_INERT 0xffffffffu       /* a handle that does nothing, silently */
#define TRACEI_SLOT_CURRENT 0xfffffffeu     /* stands for the calling thread's current span */
#define TRACEI_CONTEXT_SUPPRESSED 2u        /* in trace_context.reserved: no spans below this */

/* The functions the implementation provides to this half. */
TRACE_API trace_span tracei_start(const char *name, size_t size);
TRACE_API trace_span tracei_start_with(const char *name, size_t size, const trace_span_options *options);
TRACE_API trace_span tracei_begin(const char *name, size_t size); /* the same two for a block, which ends with its thread */
TRACE_API trace_span tracei_begin_with(const char *name, size_t size, const trace_span_options *options);
TRACE_API void tracei_end(trace_span span);
TRACE_API void tracei_end_at(trace_span span, uint64_t unix_ns);
TRACE_API void tracei_leave(trace_span span);
TRACE_API void tracei_set_scalar(trace_span span, const char *key, size_t key_size, uint32_t type, uint64_t bits);
TRACE_API void tracei_set_text(trace_span span, const char *key, size_t key_size, const char *value, size_t size);
TRACE_API void tracei_set_value(trace_span span, const trace_attribute *attribute);
TRACE_API void tracei_set_array(trace_span span, const char *key, trace_type type, const void *values, size_t count);
TRACE_API void tracei_set_name(trace_span span, const char *name, size_t size);
TRACE_API void tracei_set_status(trace_span span, trace_status status, const char *description);
TRACE_API void tracei_add_event(trace_span span, const char *name, const trace_attribute *attributes, size_t count,
                                uint64_t unix_ns);
TRACE_API void tracei_add_plain_event(trace_span span, const char *name, size_t size); /* without attributes, now */
TRACE_API void tracei_add_link(trace_span span, const trace_context *context, const trace_attribute *attributes, size_t count);
TRACE_API void tracei_record_error(trace_span span, const char *type, const char *message);
TRACE_API void tracei_record_errno(trace_span span, int error_number);
TRACE_API trace_span tracei_current(void);
TRACE_API bool tracei_recording(trace_span span);
TRACE_API bool tracei_enabled(const trace_scope *scope);
TRACE_API trace_context tracei_context(trace_span span);

/* What a library that only instruments itself (TRACE_CONFIG_LIBRARY) calls through: the table of the process's
   implementation, found by one weak symbol. The layout is frozen under the symbol's version; new functions go at the end and
   `size` tells who has them. */
typedef struct tracei_api {
    uint32_t size;
    uint32_t reserved;
    trace_span (*start)(const char *name, size_t size, const trace_span_options *options);
    void (*end)(trace_span span, uint64_t unix_ns);
    void (*leave)(trace_span span);
    void (*set_value)(trace_span span, const trace_attribute *attribute);
    void (*set_array)(trace_span span, const char *key, trace_type type, const void *values, size_t count);
    void (*set_name)(trace_span span, const char *name, size_t size);
    void (*set_status)(trace_span span, trace_status status, const char *description);
    void (*add_event)(trace_span span, const char *name, const trace_attribute *attributes, size_t count, uint64_t unix_ns);
    void (*add_link)(trace_span span, const trace_context *context, const trace_attribute *attributes, size_t count);
    void (*record_error)(trace_span span, const char *type, const char *message);
    void (*record_errno)(trace_span span, int error_number);
    trace_span (*current)(void);
    bool (*recording)(trace_span span);
    bool (*enabled)(const trace_scope *scope);
    trace_context (*context)(trace_span span);
    trace_mark (*mark_get)(void);
    void (*unwind)(trace_mark mark);
    trace_context (*context_current)(void);
    trace_attachment (*attach)(trace_context context);
    trace_attachment (*attach_span)(trace_span span);
    void (*detach)(trace_attachment previous);
    void (*hold)(trace_context context);
    void (*release)(trace_context context);
    bool (*parse)(trace_context *out, const char *traceparent, const char *tracestate);
    void (*format)(trace_context context, char traceparent[56]);
    trace_context (*extract)(const trace_carrier *carrier);
    trace_context (*extract_headers)(const trace_header *headers, size_t count);
    trace_context (*extract_raw)(const char *bytes, size_t size);
    trace_context (*extract_environment)(void);
    void (*inject)(trace_context context, const trace_carrier *carrier);
    size_t (*inject_raw)(trace_context context, char *buffer, size_t size);
    size_t (*baggage_get)(trace_context context, const char *key, char *buffer, size_t size);
    trace_context (*baggage_set)(trace_context context, const char *key, const char *value);
    trace_context (*baggage_remove)(trace_context context, const char *key);
    size_t (*state_get)(trace_context context, char *buffer, size_t size);
    /* for other copies: the innermost context this copy has on the calling thread, and its place in time (0: none) */
    uint32_t (*innermost)(trace_context *out);
    void (*copies_changed)(void);
    uint64_t (*clock_ns)(void);
    trace_span (*begin)(const char *name, size_t size, const trace_span_options *options);
} tracei_api;

#define TRACEI_COPIES_MAX 8u

/* The one thing copies of this header in a process share: whichever copy's symbol the loader picked. */
typedef struct tracei_shared {
    const tracei_api *implementation;            /* whom libraries call: the first copy that carries one */
    const tracei_api *copies[TRACEI_COPIES_MAX]; /* all that carry one */
    uint32_t sequence;                           /* counts contexts made current, while there is more than one copy */
} tracei_shared;

TRACE_INLINE trace_span tracei_handle(uint32_t slot) {
    trace_span span;
    span.slot = slot;
    span.generation = 0;
    span.id = 0;
    return span;
}

#if !TRACEI_FORWARD

#if TRACE_CONFIG_STATIC
static uint32_t tracei_off_flag;            /* not 0: nothing is recorded; written by init and shutdown */
#else
extern TRACEI_HIDDEN uint32_t tracei_off_flag;
#endif
#if TRACEI_GNU
#define TRACEI_IS_OFF() TRACEI_RARE(__atomic_load_n(&tracei_off_flag, __ATOMIC_RELAXED))
#else
#define TRACEI_IS_OFF() (*(volatile uint32_t *)&tracei_off_flag != 0)
#endif

#else /* TRACEI_FORWARD: every function calls through the table, or does nothing when there is none */

#if !TRACE_CONFIG_OFF && TRACEI_GNU && !defined(_WIN32)
__attribute__((weak, visibility("default"))) tracei_shared trace_h_shared_1;
#define TRACEI_TABLE() __atomic_load_n(&trace_h_shared_1.implementation, __ATOMIC_ACQUIRE)
#else
#define TRACEI_TABLE() ((const tracei_api *)0)
#endif
#define TRACEI_IS_OFF() (!TRACEI_TABLE())

TRACE_INLINE trace_context tracei_empty(void) {
    trace_context context;
    memset(&context, 0, sizeof context);
    context.is_explicit = true;
    return context;
}

TRACE_INLINE trace_attachment tracei_no_attachment(void) {
    trace_attachment attachment;
    memset(&attachment, 0, sizeof attachment);
    return attachment;
}

TRACE_INLINE trace_mark tracei_no_mark(void) {
    trace_mark mark;
    memset(&mark, 0, sizeof mark);
    return mark;
}

TRACE_API trace_span tracei_start(const char *name, size_t size) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->start(name, size, NULL) : tracei_handle(TRACEI_SLOT_INERT);
}

TRACE_API trace_span tracei_start_with(const char *name, size_t size, const trace_span_options *options) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->start(name, size, options) : tracei_handle(TRACEI_SLOT_INERT);
}

TRACE_API trace_span tracei_begin_with(const char *name, size_t size, const trace_span_options *options) {
    const tracei_api *const table = TRACEI_TABLE();
    if (!table) return tracei_handle(TRACEI_SLOT_INERT);
    return (table->size >= sizeof *table ? table->begin : table->start)(name, size, options); /* or an older implementation */
}

TRACE_API trace_span tracei_begin(const char *name, size_t size) {
    return tracei_begin_with(name, size, NULL);
}

TRACE_API void tracei_end(trace_span span) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->end(span, 0);
}

TRACE_API void tracei_end_at(trace_span span, uint64_t unix_ns) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->end(span, unix_ns);
}

TRACE_API void tracei_leave(trace_span span) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->leave(span);
}

TRACE_API void tracei_set_value(trace_span span, const trace_attribute *attribute) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->set_value(span, attribute);
}

TRACE_API void tracei_set_array(trace_span span, const char *key, trace_type type, const void *values, size_t count) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->set_array(span, key, type, values, count);
}

TRACE_API void tracei_set_name(trace_span span, const char *name, size_t size) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->set_name(span, name, size);
}

TRACE_API void tracei_set_status(trace_span span, trace_status status, const char *description) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->set_status(span, status, description);
}

TRACE_API void tracei_add_event(trace_span span, const char *name, const trace_attribute *attributes, size_t count,
                                uint64_t unix_ns) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->add_event(span, name, attributes, count, unix_ns);
}

TRACE_API void tracei_add_plain_event(trace_span span, const char *name, size_t size) {
    (void)size;
    tracei_add_event(span, name, NULL, 0, 0);
}

TRACE_API void tracei_add_link(trace_span span, const trace_context *context, const trace_attribute *attributes, size_t count) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->add_link(span, context, attributes, count);
}

TRACE_API void tracei_record_error(trace_span span, const char *type, const char *message) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->record_error(span, type, message);
}

TRACE_API void tracei_record_errno(trace_span span, int error_number) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->record_errno(span, error_number);
}

TRACE_API trace_span tracei_current(void) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->current() : tracei_handle(TRACEI_SLOT_INERT);
}

TRACE_API bool tracei_recording(trace_span span) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->recording(span) : false;
}

TRACE_API bool tracei_enabled(const trace_scope *scope) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->enabled(scope) : false;
}

TRACE_API trace_context tracei_context(trace_span span) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->context(span) : tracei_empty();
}

TRACE_API trace_mark trace_mark_get(void) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->mark_get() : tracei_no_mark();
}

TRACE_API void trace_unwind(trace_mark mark) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->unwind(mark);
}

TRACE_API trace_context trace_context_current(void) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->context_current() : tracei_empty();
}

TRACE_API trace_attachment trace_attach(trace_context context) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->attach(context) : tracei_no_attachment();
}

TRACE_API trace_attachment trace_attach_span(trace_span span) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->attach_span(span) : tracei_no_attachment();
}

TRACE_API void trace_detach(trace_attachment previous) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->detach(previous);
}

TRACE_API void trace_context_hold(trace_context context) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->hold(context);
}

TRACE_API void trace_context_release(trace_context context) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->release(context);
}

TRACE_API trace_context trace_extract(const trace_carrier *carrier) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->extract(carrier) : tracei_empty();
}

TRACE_API trace_context trace_extract_headers(const trace_header *headers, size_t count) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->extract_headers(headers, count) : tracei_empty();
}

TRACE_API trace_context trace_extract_raw(const char *bytes, size_t size) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->extract_raw(bytes, size) : tracei_empty();
}

TRACE_API trace_context trace_extract_environment(void) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->extract_environment() : tracei_empty();
}

TRACE_API void trace_inject(trace_context context, const trace_carrier *carrier) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->inject(context, carrier);
}

TRACE_API trace_context trace_baggage_set(trace_context context, const char *key, const char *value) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->baggage_set(context, key, value) : context;
}

TRACE_API trace_context trace_baggage_remove(trace_context context, const char *key) {
    return TRACEI_TABLE() ? TRACEI_TABLE()->baggage_remove(context, key) : context;
}

TRACE_API void tracei_set_scalar(trace_span span, const char *key, size_t key_size, uint32_t type, uint64_t bits) {
    trace_attribute attribute;
    attribute.key.data = key;
    attribute.key.size = key_size;
    attribute.value.type = (trace_type)type;
    if (type == TRACE_TYPE_BOOL)
        attribute.value.as.boolean = bits != 0;
    else
        memcpy(&attribute.value.as, &bits, sizeof bits);
    tracei_set_value(span, &attribute);
}

TRACE_API void tracei_set_text(trace_span span, const char *key, size_t key_size, const char *value, size_t size) {
    trace_attribute attribute;
    attribute.key.data = key;
    attribute.key.size = key_size;
    attribute.value.type = value ? TRACE_TYPE_STRING : TRACE_TYPE_NULL;
    attribute.value.as.string.data = value;
    attribute.value.as.string.size = size;
    tracei_set_value(span, &attribute);
}

TRACE_API bool trace_context_parse(trace_context *out, const char *traceparent, const char *tracestate) {
    if (TRACEI_TABLE()) return TRACEI_TABLE()->parse(out, traceparent, tracestate);
    if (out) *out = tracei_empty();
    return false;
}

TRACE_API void trace_context_format(trace_context context, char traceparent[56]) {
    traceparent[0] = '\0';
    if (TRACEI_TABLE()) TRACEI_TABLE()->format(context, traceparent);
}

TRACE_API const char *trace_id_string(trace_context context, char out[33]) {
    char text[56];
    trace_context_format(context, text);
    out[0] = '\0';
    if (text[0]) memcpy(out, text + 3, 32), out[32] = '\0';
    return out;
}

TRACE_API const char *trace_span_id_string(trace_context context, char out[17]) {
    char text[56];
    trace_context_format(context, text);
    out[0] = '\0';
    if (text[0]) memcpy(out, text + 36, 16), out[16] = '\0';
    return out;
}

TRACE_API bool trace_context_is_valid(trace_context context) {
    static const uint8_t zero[16] = {0};
    return memcmp(context.trace_id, zero, 16) != 0 && memcmp(context.span_id, zero, 8) != 0;
}

TRACE_API size_t trace_inject_raw(trace_context context, char *buffer, size_t size) {
    if (TRACEI_TABLE()) return TRACEI_TABLE()->inject_raw(context, buffer, size);
    if (size) buffer[0] = '\0';
    return 0;
}

TRACE_API size_t trace_baggage_get(trace_context context, const char *key, char *buffer, size_t size) {
    if (TRACEI_TABLE()) return TRACEI_TABLE()->baggage_get(context, key, buffer, size);
    if (size) buffer[0] = '\0';
    return SIZE_MAX;
}

TRACE_API size_t trace_state_get(trace_context context, char *buffer, size_t size) {
    if (TRACEI_TABLE()) return TRACEI_TABLE()->state_get(context, buffer, size);
    if (size) buffer[0] = '\0';
    return 0;
}

TRACE_API uint64_t trace_clock_ns(void) { /* 0: an older implementation */
    const tracei_api *const table = TRACEI_TABLE();
    return table && table->size >= offsetof(tracei_api, begin) ? table->clock_ns() : 0;
}

#if TRACE_CONFIG_OFF
/* What only applications call. */
TRACE_APP trace_result trace_init(const trace_config *config) {
    (void)config;
    return TRACE_RESULT_OK;
}

TRACE_APP trace_result trace_flush(uint32_t timeout_ms) {
    (void)timeout_ms;
    return TRACE_RESULT_OK;
}

TRACE_APP trace_result trace_shutdown(uint32_t timeout_ms) {
    (void)timeout_ms;
    return TRACE_RESULT_OK;
}

TRACE_APP size_t trace_pump(uint32_t budget_us) {
    (void)budget_us;
    return 0;
}

TRACE_APP void trace_get_stats(trace_stats *stats) {
    if (stats) memset(stats, 0, sizeof *stats);
}

TRACE_APP bool trace_get_exporter_stats(const char *name, trace_exporter_stats *stats) {
    (void)name;
    if (stats) memset(stats, 0, sizeof *stats);
    return false;
}

TRACE_INLINE trace_exporter tracei_no_exporter(void) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    return exporter;
}

TRACE_APP trace_exporter trace_console_exporter(const trace_console_options *options) {
    (void)options;
    return tracei_no_exporter();
}

TRACE_APP trace_exporter trace_memory_exporter(void *buffer, size_t size) {
    (void)buffer;
    (void)size;
    return tracei_no_exporter();
}

TRACE_APP size_t trace_memory_get(const trace_exporter *memory, trace_span_data *spans, size_t capacity) {
    (void)memory;
    (void)spans;
    (void)capacity;
    return 0;
}

TRACE_APP size_t trace_memory_last_trace(const trace_exporter *memory, trace_span_data *spans, size_t capacity) {
    return trace_memory_get(memory, spans, capacity);
}

TRACE_APP void trace_memory_clear(const trace_exporter *memory) {
    (void)memory;
}
TRACE_INLINE trace_sampler tracei_no_sampler(void) {
    trace_sampler sampler;
    memset(&sampler, 0, sizeof sampler);
    return sampler;
}

TRACE_APP trace_sampler trace_sampler_always_on(void) {
    return tracei_no_sampler();
}

TRACE_APP trace_sampler trace_sampler_always_off(void) {
    return tracei_no_sampler();
}

TRACE_APP trace_sampler trace_sampler_ratio(double ratio) {
    (void)ratio;
    return tracei_no_sampler();
}

TRACE_APP trace_sampler trace_sampler_roots_only(trace_sampler sampler) {
    return sampler;
}

TRACE_APP trace_sampler trace_sampler_parent_based(const trace_sampler_branches *branches) {
    (void)branches;
    return tracei_no_sampler();
}

TRACE_APP trace_sampler trace_sampler_consistent(double probability) {
    (void)probability;
    return tracei_no_sampler();
}

TRACE_APP trace_sampler trace_sampler_parent_threshold(const trace_sampler *root) {
    (void)root;
    return tracei_no_sampler();
}

TRACE_APP trace_sampler trace_sampler_rate_limit(trace_sampler_limit *limit) {
    (void)limit;
    return tracei_no_sampler();
}

TRACE_APP trace_sampler trace_sampler_rules(const trace_sampler_rule_table *table) {
    (void)table;
    return tracei_no_sampler();
}

TRACE_APP trace_sampler trace_sampler_always_record(const trace_sampler *sampler) {
    (void)sampler;
    return tracei_no_sampler();
}

TRACE_APP size_t trace_sampler_describe(const trace_sampler *sampler, char *buffer, size_t size) {
    (void)sampler;
    if (size) buffer[0] = '\0';
    return 0;
}
#endif /* TRACE_CONFIG_OFF */

#endif /* TRACEI_FORWARD */

TRACE_INLINE size_t tracei_length(const char *text) {
    return text ? strlen(text) : 0;
}

TRACE_INLINE trace_string tracei_string(const char *text) {
    trace_string string;
    string.data = text;
    string.size = tracei_length(text);
    return string;
}

TRACE_INLINE bool tracei_is(trace_string text, const char *word) {
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

TRACE_INLINE bool tracei_is_current(const trace_context *context) {
    uint64_t words[3];
    memcpy(words, context->trace_id, sizeof words);   /* both ids */
    return !(words[0] | words[1] | words[2]) && !context->is_explicit;
}

TRACE_INLINE trace_span trace_span_start(const char *name) {
    if (TRACEI_IS_OFF()) return tracei_handle(TRACEI_SLOT_INERT);
    return tracei_start(name, tracei_length(name));
}

/* One with a parent of its own passes that one's context on, recorded or not. */
TRACE_INLINE trace_span trace_span_start_with(const char *name, const trace_span_options *options) {
    if (TRACEI_IS_OFF() && (!options || tracei_is_current(&options->parent))) return tracei_handle(TRACEI_SLOT_INERT);
    return tracei_start_with(name, tracei_length(name), options);
}

TRACE_INLINE void trace_span_end(trace_span span) {
    if (span.slot != TRACEI_SLOT_INERT) tracei_end(span);
}

TRACE_INLINE void trace_span_end_at(trace_span span, uint64_t unix_ns) {
    if (span.slot != TRACEI_SLOT_INERT) tracei_end_at(span, unix_ns);
}

/* Where trace_inject_environment is. Measured with capacity 0, then written: the same twice, or less. */
typedef struct tracei_variables_out {
    char **pointers;
    char *text, *end;
    size_t count, bytes;
} tracei_variables_out;

TRACE_INLINE void tracei_variables_add(void *user, trace_string name, trace_string value) {
    tracei_variables_out *const block = (tracei_variables_out *)user;
    const size_t size = name.size + 1 + value.size + 1;
    size_t i;
    if (block->pointers && (size_t)(block->end - block->text) >= size) {
        block->pointers[block->count] = block->text;
        for (i = 0; i < name.size; i++) {
            const char c = name.data[i];
            *block->text++ = c >= 'a' && c <= 'z' ? (char)(c - 32) : (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
        }
        *block->text++ = '=';
        if (value.size) memcpy(block->text, value.data, value.size);
        block->text += value.size;
        *block->text++ = '\0';
    }
    block->count++;
    block->bytes += size;
}

/* A variable that carries context, in whatever format. */
TRACE_INLINE bool tracei_variable_carries(const char *variable) {
    static const char *const names[] = {"TRACEPARENT=", "TRACESTATE=",   "BAGGAGE=",    "B3=",
                                        "X_B3_TRACEID=", "X_B3_SPANID=", "X_B3_SAMPLED=", "X_B3_FLAGS=",
                                        "UBER_TRACE_ID=", "UBERCTX_",    "X_AMZN_TRACE_ID="};
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names && !TRACE_CONFIG_OFF; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0) return true;
    return false;
}

TRACE_INLINE size_t trace_inject_environment(trace_context context, char *const *environment, void *buffer, size_t size) {
    tracei_variables_out block;
    trace_carrier carrier;
    size_t kept = 0, i, needed;
    memset(&block, 0, sizeof block);
    memset(&carrier, 0, sizeof carrier);
    carrier.set = tracei_variables_add;
    carrier.user = &block;
    if (!context.is_explicit && !trace_context_is_valid(context)) context = trace_context_current();
    trace_inject(context, &carrier);
    for (i = 0; environment && environment[i]; i++) kept += !tracei_variable_carries(environment[i]);
    needed = (kept + block.count + 1) * sizeof(char *) + block.bytes;
    if (!buffer || size < needed) return needed;
    block.pointers = (char **)buffer;
    block.text = (char *)(block.pointers + kept + block.count + 1);
    block.end = (char *)buffer + needed;
    block.count = 0;
    for (i = 0; environment && environment[i] && block.count < kept; i++)
        if (!tracei_variable_carries(environment[i])) block.pointers[block.count++] = environment[i];
    trace_inject(context, &carrier);
    block.pointers[block.count] = NULL;
    return needed;
}

TRACE_INLINE size_t trace_log_fields(trace_context context, trace_log_format format, char *buffer, size_t size) {
    static const char *const words[3][4] = {{"\"trace_id\":\"", "\",\"span_id\":\"", "\",\"trace_flags\":\"", "\""},
                                            {"trace_id=", " span_id=", " trace_flags=", ""},
                                            {"[opentelemetry trace_id=\"", "\" span_id=\"", "\" trace_flags=\"", "\"]"}};
    static const struct { uint8_t at, size; } ids[] = {{3, 32}, {36, 16}, {53, 2}};
    char parent[56], text[144];
    size_t used = 0, i;
    if (!context.is_explicit && !trace_context_is_valid(context)) context = trace_context_current();
    if ((unsigned)format > TRACE_LOG_FORMAT_SYSLOG) format = TRACE_LOG_FORMAT_JSON;
    if (trace_context_is_valid(context)) {
        trace_context_format(context, parent);
        for (i = 0; i < 3; i++) {
            memcpy(text + used, words[format][i], strlen(words[format][i]));
            used += strlen(words[format][i]);
            memcpy(text + used, parent + ids[i].at, ids[i].size);
            used += ids[i].size;
        }
        memcpy(text + used, words[format][3], strlen(words[format][3]));
        used += strlen(words[format][3]);
    } else if (format == TRACE_LOG_FORMAT_SYSLOG) {
        text[used++] = '-';
    }
    if (buffer && size) {
        memcpy(buffer, text, used < size ? used : size - 1);
        buffer[used < size ? used : size - 1] = '\0';
    }
    return used;
}

TRACE_INLINE const char *trace_result_string(trace_result result) {
    switch (result) {
    case TRACE_RESULT_OK: return "ok";
    case TRACE_RESULT_TIMEOUT: return "timed out";
    case TRACE_RESULT_BUSY: return "busy";
    case TRACE_RESULT_INVALID: return "invalid argument";
    case TRACE_RESULT_NO_MEMORY: return "out of memory";
    case TRACE_RESULT_FAILED: return "spans were lost";
    case TRACE_RESULT_SHUT_DOWN: return "shut down";
    case TRACE_RESULT_UNSUPPORTED: return "not supported";
    }
    return "unknown result";
}

TRACE_INLINE trace_attachment trace_suppress(void) {
    trace_context context;
    memset(&context, 0, sizeof context);
    context.is_explicit = true;
    context.reserved = TRACEI_CONTEXT_SUPPRESSED;
    return trace_attach(context);
}

TRACE_INLINE trace_span trace_span_current(void) {
    if (TRACEI_IS_OFF()) return tracei_handle(TRACEI_SLOT_INERT);
    return tracei_current();
}

TRACE_INLINE bool trace_span_is_recording(trace_span span) {
    return !TRACEI_IS_OFF() && tracei_recording(span);
}

TRACE_INLINE bool trace_is_enabled(const trace_scope *scope) {
    return !TRACEI_IS_OFF() && tracei_enabled(scope);
}

TRACE_INLINE trace_context trace_span_context(trace_span span) {
    return tracei_context(span);
}

/* One attribute as a value, in every standard. */
TRACE_INLINE trace_attribute tracei_attribute(const char *key, trace_type type) {
    trace_attribute attribute;
    memset(&attribute, 0, sizeof attribute);
    attribute.key = tracei_string(key);
    attribute.value.type = type;
    return attribute;
}

TRACE_INLINE trace_attribute tracei_attr_string(const char *key, const char *value) {
    trace_attribute attribute = tracei_attribute(key, value ? TRACE_TYPE_STRING : TRACE_TYPE_NULL);
    attribute.value.as.string = tracei_string(value);
    return attribute;
}

TRACE_INLINE trace_attribute tracei_attr_int(const char *key, int64_t value) {
    trace_attribute attribute = tracei_attribute(key, TRACE_TYPE_INT);
    attribute.value.as.integer = value;
    return attribute;
}

TRACE_INLINE trace_attribute tracei_attr_double(const char *key, double value) {
    trace_attribute attribute = tracei_attribute(key, TRACE_TYPE_DOUBLE);
    attribute.value.as.number = value;
    return attribute;
}

TRACE_INLINE trace_attribute tracei_attr_bool(const char *key, bool value) {
    trace_attribute attribute = tracei_attribute(key, TRACE_TYPE_BOOL);
    attribute.value.as.boolean = value;
    return attribute;
}

TRACE_INLINE trace_attribute tracei_attr_bytes(const char *key, const void *bytes, size_t size) {
    trace_attribute attribute = tracei_attribute(key, TRACE_TYPE_BYTES);
    attribute.value.as.bytes.data = (const char *)bytes;
    attribute.value.as.bytes.size = size;
    return attribute;
}

TRACE_INLINE trace_attribute tracei_attr_json(const char *key, const char *json) {
    trace_attribute attribute = tracei_attr_string(key, json);
    if (json) attribute.value.type = TRACE_TYPE_JSON;
    return attribute;
}

TRACE_INLINE void trace_span_set_attribute(trace_span span, trace_attribute attribute) {
    if (!TRACEI_IS_OFF()) tracei_set_value(span, &attribute);
}

TRACE_INLINE void trace_span_set_string_n(trace_span span, const char *key, const char *value, size_t size) {
    if (!TRACEI_IS_OFF()) tracei_set_text(span, key, tracei_length(key), value, size);
}

TRACE_INLINE void trace_span_set_string(trace_span span, const char *key, const char *value) {
    if (!TRACEI_IS_OFF()) tracei_set_text(span, key, tracei_length(key), value, tracei_length(value));
}

TRACE_INLINE void trace_span_set_int(trace_span span, const char *key, int64_t value) {
    if (!TRACEI_IS_OFF()) tracei_set_scalar(span, key, tracei_length(key), TRACE_TYPE_INT, (uint64_t)value);
}

TRACE_INLINE void trace_span_set_uint(trace_span span, const char *key, uint64_t value) {
    if (!TRACEI_IS_OFF()) tracei_set_scalar(span, key, tracei_length(key), TRACEI_TYPE_UINT, value);
}

TRACE_INLINE void trace_span_set_double(trace_span span, const char *key, double value) {
    uint64_t bits;
    if (TRACEI_IS_OFF()) return;
    memcpy(&bits, &value, sizeof bits);
    tracei_set_scalar(span, key, tracei_length(key), TRACE_TYPE_DOUBLE, bits);
}

TRACE_INLINE void trace_span_set_bool(trace_span span, const char *key, bool value) {
    if (!TRACEI_IS_OFF()) tracei_set_scalar(span, key, tracei_length(key), TRACE_TYPE_BOOL, value ? 1 : 0);
}

TRACE_INLINE void trace_span_set_bytes(trace_span span, const char *key, const void *bytes, size_t size) {
    trace_span_set_attribute(span, tracei_attr_bytes(key, bytes, size));
}

TRACE_INLINE void trace_span_set_json(trace_span span, const char *key, const char *json) {
    trace_span_set_attribute(span, tracei_attr_json(key, json));
}

TRACE_INLINE void trace_span_set_strings(trace_span span, const char *key, const char *const *values, size_t count) {
    if (!TRACEI_IS_OFF()) tracei_set_array(span, key, TRACE_TYPE_STRING, values, count);
}

TRACE_INLINE void trace_span_set_ints(trace_span span, const char *key, const int64_t *values, size_t count) {
    if (!TRACEI_IS_OFF()) tracei_set_array(span, key, TRACE_TYPE_INT, values, count);
}

TRACE_INLINE void trace_span_set_doubles(trace_span span, const char *key, const double *values, size_t count) {
    if (!TRACEI_IS_OFF()) tracei_set_array(span, key, TRACE_TYPE_DOUBLE, values, count);
}

TRACE_INLINE void trace_span_set_bools(trace_span span, const char *key, const bool *values, size_t count) {
    if (!TRACEI_IS_OFF()) tracei_set_array(span, key, TRACE_TYPE_BOOL, values, count);
}

TRACE_INLINE void trace_span_set_name(trace_span span, const char *name) {
    if (!TRACEI_IS_OFF()) tracei_set_name(span, name, tracei_length(name));
}

TRACE_INLINE void trace_span_set_status(trace_span span, trace_status status, const char *description) {
    if (!TRACEI_IS_OFF()) tracei_set_status(span, status, description);
}

TRACE_INLINE void trace_span_add_event(trace_span span, const char *name, const trace_attribute *attributes, size_t count) {
    if (TRACEI_IS_OFF()) return;
    if (count)
        tracei_add_event(span, name, attributes, count, 0);
    else
        tracei_add_plain_event(span, name, tracei_length(name));
}

TRACE_INLINE void trace_span_add_event_at(trace_span span, const char *name, const trace_attribute *attributes, size_t count,
                                          uint64_t unix_ns) {
    if (!TRACEI_IS_OFF()) tracei_add_event(span, name, attributes, count, unix_ns);
}

TRACE_INLINE void trace_span_add_link(trace_span span, trace_context context, const trace_attribute *attributes, size_t count) {
    if (!TRACEI_IS_OFF()) tracei_add_link(span, &context, attributes, count);
}

TRACE_INLINE void trace_span_record_error(trace_span span, const char *type, const char *message) {
    if (!TRACEI_IS_OFF()) tracei_record_error(span, type, message);
}

TRACE_INLINE void trace_span_record_errno(trace_span span, int error_number) {
    if (!TRACEI_IS_OFF()) tracei_record_errno(span, error_number);
}

TRACE_INLINE void trace_event(const char *name) {
    trace_span_add_event(tracei_handle(TRACEI_SLOT_CURRENT), name, NULL, 0);
}

TRACE_INLINE void trace_event_with(const char *name, const trace_attribute *attributes, size_t count) {
    trace_span_add_event(tracei_handle(TRACEI_SLOT_CURRENT), name, attributes, count);
}

TRACE_INLINE void trace_error(const char *type, const char *message) {
    trace_span_record_error(tracei_handle(TRACEI_SLOT_CURRENT), type, message);
}

/* One function per type that trace_span_set and TRACE_ATTR tell apart; the plain-C99 way is to call trace_span_set_int and so
   on. */
TRACE_INLINE void tracei_put_bool(trace_span s, const char *key, bool value) { trace_span_set_bool(s, key, value); }
TRACE_INLINE void tracei_put_int(trace_span s, const char *key, int64_t value) { trace_span_set_int(s, key, value); }
TRACE_INLINE void tracei_put_uint(trace_span s, const char *key, uint64_t value) { trace_span_set_uint(s, key, value); }
TRACE_INLINE void tracei_put_double(trace_span s, const char *key, double value) { trace_span_set_double(s, key, value); }
TRACE_INLINE void tracei_put_long_double(trace_span s, const char *key, long double value) {
    trace_span_set_double(s, key, (double)value);
}
TRACE_INLINE void tracei_put_text(trace_span s, const char *key, const char *value) { trace_span_set_string(s, key, value); }
TRACE_INLINE void tracei_put_stext(trace_span s, const char *key, const signed char *value) {
    trace_span_set_string(s, key, (const char *)value);
}
TRACE_INLINE void tracei_put_utext(trace_span s, const char *key, const unsigned char *value) {
    trace_span_set_string(s, key, (const char *)value);
}
TRACE_INLINE trace_attribute tracei_attr_uint(const char *key, uint64_t value) {
    trace_attribute attribute = tracei_attr_int(key, (int64_t)value);
    attribute.value.type = TRACEI_TYPE_UINT;
    return attribute;
}
TRACE_INLINE trace_attribute tracei_attr_long_double(const char *key, long double value) {
    return tracei_attr_double(key, (double)value);
}
TRACE_INLINE trace_attribute tracei_attr_stext(const char *key, const signed char *value) {
    return tracei_attr_string(key, (const char *)value);
}
TRACE_INLINE trace_attribute tracei_attr_utext(const char *key, const unsigned char *value) {
    return tracei_attr_string(key, (const char *)value);
}

/* A block: the span, and whether its body has run. */
typedef struct tracei_block {
    trace_span span;
    bool once;
} tracei_block;

typedef struct tracei_with {
    trace_attachment attachment;
    bool once;
} tracei_with;

/* With constant options all of this folds away, and a block without options costs what trace_span_start costs. */
TRACE_INLINE trace_span tracei_block_start(const char *name, const trace_span_options *options, const trace_scope *scope) {
    trace_span_options copy; /* what follows is decided before the flag is read: compilers see through no atomic */
    const bool plain = !options->kind && !options->root && !options->detached && !options->start_unix_ns &&
                       !options->attribute_count && !options->link_count && !options->scope && !scope &&
                       tracei_is_current(&options->parent);
    if (TRACEI_IS_OFF() && tracei_is_current(&options->parent)) return tracei_handle(TRACEI_SLOT_INERT);
    if (plain) return tracei_begin(name, tracei_length(name));
    copy = *options;
    copy.struct_size = sizeof copy;
    if (!copy.scope) copy.scope = scope;
    return tracei_begin_with(name, tracei_length(name), &copy);
}

TRACE_INLINE void tracei_block_end(trace_span span) {
    if (span.slot != TRACEI_SLOT_INERT) tracei_leave(span);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

/* >>macros -------------------------------------------------------------------------------------------------------- */

#define TRACEI_FIRST(...) TRACEI_FIRST_(__VA_ARGS__, )
#define TRACEI_FIRST_(first, ...) first
#define TRACEI_REST(...) TRACEI_REST_(__VA_ARGS__, )
#define TRACEI_REST_(first, ...) __VA_ARGS__
#ifdef __COUNTER__
#define TRACEI_UNIQUE(name) TRACEI_JOIN(name, __COUNTER__)
#else
#define TRACEI_UNIQUE(name) TRACEI_JOIN(name, __LINE__)
#endif

#ifdef __cplusplus
#define TRACEI_OPTIONS(...) trace_span_options{__VA_ARGS__}
#else
#define TRACEI_OPTIONS(...) ((trace_span_options){.struct_size = sizeof(trace_span_options), __VA_ARGS__})
#endif

#if defined(__clang__) || (defined(__GNUC__) && (__GNUC__ > 4 || (__GNUC__ == 4 && __GNUC_MINOR__ >= 9)))
#define TRACEI_GENERIC __extension__ _Generic     /* in C99 too */
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define TRACEI_GENERIC _Generic
#endif
#ifdef TRACEI_GENERIC
#define TRACEI_BY_TYPE(value, on_bool, on_int, on_uint, on_double, on_long_double, on_text, on_stext, on_utext) \
    TRACEI_GENERIC((value), _Bool: on_bool, default: _Generic((value) + 0LL, \
        long long: on_int, unsigned long long: on_uint, float: on_double, double: on_double, long double: on_long_double, \
        char *: on_text, const char *: on_text, signed char *: on_stext, const signed char *: on_stext, \
        unsigned char *: on_utext, const unsigned char *: on_utext))
#endif

/* TRACE_SPAN("name", .kind = TRACE_KIND_SERVER) { ... }
   A span around a block. break and continue leave the block; return, goto and exceptions end the span too (GNU C, C++; with
   other C compilers they leave it to the enclosing block, which ends it as abandoned). What follows the name are members of
   trace_span_options (C99; C++20). Spans left open inside end with the block, as abandoned.
   TRACE_BLOCK("name", ...);  the same for the rest of the enclosing block: the one to use inside loops and switches (GNU C, C++).
   TRACE_FUNCTION();          the same, named by __func__.
   TRACE_WITH(context) { ... }     the context is current for the block.
   TRACE_SUPPRESS { ... }          no spans in the block: see trace_suppress.
   TRACE_WITH_SPAN(span) { ... }   a detached span is current for the block; it is not ended.
   trace_span_set(span, "key", value);  trace_set("key", value);  by the value's type (GNU C, C11, C++); the latter: current span.
   A variable of type bool is a boolean; the word `true` is an int in C before C23, so say trace_span_set_bool or (bool)true.
   TRACE_ATTR("key", value)   a trace_attribute, likewise (plain C99: text only); TRACE_ATTR_STRING, _INT, _UINT, _DOUBLE, _BOOL,
   _BYTES, _JSON. */
#if TRACE_CONFIG_OFF

/* Never run, and yet a use: sizeof is none, and what was captured or declared for it alone would draw a warning. */
#define TRACEI_IGNORE(...) ((void)(true || ((void)(__VA_ARGS__), true)))
#define TRACEI_ONCE(ignored, variable) for (bool variable = ((ignored), true); variable; variable = false)
#ifdef __cplusplus
#define TRACEI_NOTHING(ignored, variable) static const bool variable TRACEI_UNUSED = ((ignored), true)
#else
#define TRACEI_NOTHING(ignored, variable) enum { variable = sizeof((ignored), true) }
#endif
#define TRACEI_IGNORE_BLOCK(...) \
    (TRACEI_IGNORE(TRACEI_FIRST(__VA_ARGS__)), TRACEI_IGNORE(TRACE_CONFIG_SCOPE), \
     TRACEI_IGNORE(TRACEI_OPTIONS(TRACEI_REST(__VA_ARGS__))))

#define TRACE_SPAN(...) TRACEI_ONCE(TRACEI_IGNORE_BLOCK(__VA_ARGS__), TRACEI_UNIQUE(tracei_once_))
#define TRACE_BLOCK(...) TRACEI_NOTHING(TRACEI_IGNORE_BLOCK(__VA_ARGS__), TRACEI_UNIQUE(tracei_block_))
#define TRACE_WITH(context) TRACEI_ONCE(TRACEI_IGNORE(context), TRACEI_UNIQUE(tracei_once_))
#define TRACE_WITH_SPAN(span) TRACEI_ONCE(TRACEI_IGNORE(span), TRACEI_UNIQUE(tracei_once_))
#define TRACE_SUPPRESS TRACEI_ONCE((void)0, TRACEI_UNIQUE(tracei_once_))
#define trace_span_set(span, key, value) (TRACEI_IGNORE(span), TRACEI_IGNORE(key), TRACEI_IGNORE(value))
#define trace_set(key, value) (TRACEI_IGNORE(key), TRACEI_IGNORE(value))

#elif defined(__cplusplus)

#define TRACEI_FOR(type, variable, ...) for (type variable(__VA_ARGS__); variable.once();)
#define TRACE_SPAN(...) TRACEI_SPAN_CPP(TRACEI_UNIQUE(tracei_block_), TRACEI_FIRST(__VA_ARGS__), TRACEI_REST(__VA_ARGS__))
#define TRACEI_SPAN_CPP(...) TRACEI_SPAN_CPP_(__VA_ARGS__)
#define TRACEI_SPAN_CPP_(variable, name, ...) \
    TRACEI_FOR(tracei_block_guard, variable, (name), TRACEI_OPTIONS(__VA_ARGS__), TRACE_CONFIG_SCOPE)
#define TRACE_BLOCK(...) \
    const tracei_block_guard TRACEI_UNIQUE(tracei_block_)((TRACEI_FIRST(__VA_ARGS__)), TRACEI_OPTIONS(TRACEI_REST(__VA_ARGS__)), \
                                                          TRACE_CONFIG_SCOPE)
#define TRACE_WITH(context) TRACEI_WITH_CPP(TRACEI_UNIQUE(tracei_with_), trace_attach(context))
#define TRACE_WITH_SPAN(span) TRACEI_WITH_CPP(TRACEI_UNIQUE(tracei_with_), trace_attach_span(span))
#define TRACE_SUPPRESS TRACEI_WITH_CPP(TRACEI_UNIQUE(tracei_with_), trace_suppress())
#define TRACEI_WITH_CPP(variable, attachment) TRACEI_FOR(tracei_with_guard, variable, attachment)
#define trace_span_set(span, key, value) tracei_put((span), (key), (value))
#define trace_set(key, value) tracei_put(tracei_handle(TRACEI_SLOT_CURRENT), (key), (value))

#else

#if TRACEI_GNU
TRACE_INLINE void tracei_block_cleanup(tracei_block *block) { tracei_block_end(block->span); }
TRACE_INLINE void tracei_with_cleanup(tracei_with *with) { trace_detach(with->attachment); }
#define TRACEI_CLEANUP(function) __attribute__((cleanup(function), unused))
#define TRACEI_LEAVE(call) ((void)0)
#else
#define TRACEI_CLEANUP(function)
#define TRACEI_LEAVE(call) (call)
#endif

#define TRACEI_SPAN(variable, ...) \
    for (tracei_block variable TRACEI_CLEANUP(tracei_block_cleanup) = {tracei_block_start(__VA_ARGS__), true}; variable.once; \
         variable.once = false, TRACEI_LEAVE(tracei_block_end(variable.span)))
#define TRACEI_WITH(variable, attachment) \
    for (tracei_with variable TRACEI_CLEANUP(tracei_with_cleanup) = {attachment, true}; variable.once; \
         variable.once = false, TRACEI_LEAVE(trace_detach(variable.attachment)))
#define TRACEI_BLOCK_ARGS(...) (TRACEI_FIRST(__VA_ARGS__)), &TRACEI_OPTIONS(TRACEI_REST(__VA_ARGS__)), TRACE_CONFIG_SCOPE

#define TRACE_SPAN(...) TRACEI_SPAN(TRACEI_UNIQUE(tracei_block_), TRACEI_BLOCK_ARGS(__VA_ARGS__))
#define TRACE_WITH(context) TRACEI_WITH(TRACEI_UNIQUE(tracei_with_), trace_attach(context))
#define TRACE_WITH_SPAN(span) TRACEI_WITH(TRACEI_UNIQUE(tracei_with_), trace_attach_span(span))
#define TRACE_SUPPRESS TRACEI_WITH(TRACEI_UNIQUE(tracei_with_), trace_suppress())
#if TRACEI_GNU
TRACE_INLINE void tracei_const_span_cleanup(const trace_span *span) { tracei_block_end(*span); }
#ifdef __clang__
#define TRACEI_NO_JUMP
#else /* clang refuses jumps over what has a cleanup; gcc does so over a type whose size is no constant, which costs nothing */
#define TRACEI_NO_JUMP \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wvla\"") \
    __extension__ typedef char TRACEI_UNIQUE(tracei_no_jump_)[((void)0, 1)] TRACEI_UNUSED; \
    _Pragma("GCC diagnostic pop")
#endif
#define TRACE_BLOCK(...) \
    TRACEI_NO_JUMP const trace_span TRACEI_UNIQUE(tracei_block_) TRACEI_CLEANUP(tracei_const_span_cleanup) = \
        tracei_block_start(TRACEI_BLOCK_ARGS(__VA_ARGS__))
#endif

#ifdef TRACEI_BY_TYPE
#define trace_span_set(span, key, value) \
    TRACEI_BY_TYPE(value, tracei_put_bool, tracei_put_int, tracei_put_uint, tracei_put_double, tracei_put_long_double, \
                   tracei_put_text, tracei_put_stext, tracei_put_utext)((span), (key), (value))
#define trace_set(key, value) trace_span_set(tracei_handle(TRACEI_SLOT_CURRENT), key, value)
#endif

#endif

#ifdef TRACE_BLOCK
#define TRACE_FUNCTION() TRACE_BLOCK(__func__)
#endif

#if defined(__cplusplus)
#define TRACE_ATTR(key, value) tracei_attr((key), (value))
#elif defined(TRACEI_BY_TYPE)
#define TRACE_ATTR(key, value) \
    TRACEI_BY_TYPE(value, tracei_attr_bool, tracei_attr_int, tracei_attr_uint, tracei_attr_double, tracei_attr_long_double, \
                   tracei_attr_string, tracei_attr_stext, tracei_attr_utext)((key), (value))
#else
#define TRACE_ATTR(key, value) tracei_attr_string((key), (value))
#endif
#define TRACE_ATTR_STRING(key, value) tracei_attr_string((key), (value))
#define TRACE_ATTR_INT(key, value) tracei_attr_int((key), (value))
#define TRACE_ATTR_UINT(key, value) tracei_attr_uint((key), (value))
#define TRACE_ATTR_DOUBLE(key, value) tracei_attr_double((key), (value))
#define TRACE_ATTR_BOOL(key, value) tracei_attr_bool((key), (value))
#define TRACE_ATTR_BYTES(key, bytes, size) tracei_attr_bytes((key), (bytes), (size))
#define TRACE_ATTR_JSON(key, json) tracei_attr_json((key), (json))

#ifdef __cplusplus
#if defined(__cpp_exceptions) && !TRACE_CONFIG_OFF
#include <exception>
#endif

/* A block left by an exception ends its span with status ERROR. */
class tracei_block_guard {
public:
    tracei_block_guard(const char *name, const trace_span_options &options, const trace_scope *scope)
        : span_(tracei_block_start(name, &options, scope)), exceptions_(exceptions()), once_(true) {}
    explicit tracei_block_guard(trace_span span) : span_(span), exceptions_(exceptions()), once_(true) {}
    ~tracei_block_guard() {
        if (exceptions() > exceptions_) trace_span_set_status(span_, TRACE_STATUS_ERROR, "left by an exception");
        tracei_block_end(span_);
    }
    bool once() {
        const bool was = once_;
        once_ = false;
        return was;
    }

private:
    tracei_block_guard(const tracei_block_guard &);
    tracei_block_guard &operator=(const tracei_block_guard &);
    static int exceptions() {
#if !defined(__cpp_exceptions) || TRACE_CONFIG_OFF
        return 0;
#elif __cplusplus >= 201703L
        return std::uncaught_exceptions();
#else
        return std::uncaught_exception() ? 1 : 0;
#endif
    }
    const trace_span span_;
    const int exceptions_;
    bool once_;
};

class tracei_with_guard {
public:
    explicit tracei_with_guard(trace_attachment attachment) : attachment_(attachment), once_(true) {}
    ~tracei_with_guard() { trace_detach(attachment_); }
    bool once() {
        const bool was = once_;
        once_ = false;
        return was;
    }

private:
    tracei_with_guard(const tracei_with_guard &);
    tracei_with_guard &operator=(const tracei_with_guard &);
    const trace_attachment attachment_;
    bool once_;
};

/* Every type that has a meaning as an attribute, and no pointer that is not text. */
#define TRACEI_OVERLOAD(type, put, attr) \
    TRACE_INLINE void tracei_put(trace_span span, const char *key, type value) { put(span, key, value); } \
    TRACE_INLINE trace_attribute tracei_attr(const char *key, type value) { return attr(key, value); }
TRACEI_OVERLOAD(bool, tracei_put_bool, tracei_attr_bool)
TRACEI_OVERLOAD(int, tracei_put_int, tracei_attr_int)
TRACEI_OVERLOAD(long, tracei_put_int, tracei_attr_int)
TRACEI_OVERLOAD(long long, tracei_put_int, tracei_attr_int)
TRACEI_OVERLOAD(unsigned, tracei_put_uint, tracei_attr_uint)
TRACEI_OVERLOAD(unsigned long, tracei_put_uint, tracei_attr_uint)
TRACEI_OVERLOAD(unsigned long long, tracei_put_uint, tracei_attr_uint)
TRACEI_OVERLOAD(float, tracei_put_double, tracei_attr_double)
TRACEI_OVERLOAD(double, tracei_put_double, tracei_attr_double)
TRACEI_OVERLOAD(long double, tracei_put_long_double, tracei_attr_long_double)
TRACEI_OVERLOAD(char *, tracei_put_text, tracei_attr_string)
TRACEI_OVERLOAD(const char *, tracei_put_text, tracei_attr_string)
TRACEI_OVERLOAD(signed char *, tracei_put_stext, tracei_attr_stext)
TRACEI_OVERLOAD(const signed char *, tracei_put_stext, tracei_attr_stext)
TRACEI_OVERLOAD(unsigned char *, tracei_put_utext, tracei_attr_utext)
TRACEI_OVERLOAD(const unsigned char *, tracei_put_utext, tracei_attr_utext)
#undef TRACEI_OVERLOAD
template <class T> void tracei_put(trace_span, const char *, T *) = delete;
template <class T> trace_attribute tracei_attr(const char *, T *) = delete;
#endif

#if TRACEI_GNU
#pragma GCC diagnostic pop
#endif
#undef TRACEI_MEMBER_ZERO

#endif /* TRACE_H_INCLUDED_6D1F9C */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_IMPLEMENTED 1
#ifdef __cplusplus
extern "C" {
#endif
/* >>platform -------------------------------------------------------------------------------------------------------

   What differs between systems: atomics, pages, clocks, random bytes, threads, waiting. Nothing above this section names a
   system. TRACEI_FAIL(what) stands before every call the system may refuse; a test defines it to refuse the Nth. The atomics
   are macros so that a test can put an explorer of interleavings in their place. */

#if TRACE_CONFIG_LIBRARY
#error "trace.h: TRACE_IMPLEMENTATION and TRACE_CONFIG_LIBRARY exclude each other: a library carries no implementation"
#endif

#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#if TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_PLATFORM_NONE 1
#elif defined(_WIN32)
#define TRACEI_PLATFORM_WINDOWS 1
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN 1
#define TRACEI_DEFINED_LEAN 1
#endif
#include <windows.h>
#include <io.h>
#ifdef TRACEI_DEFINED_LEAN
#undef WIN32_LEAN_AND_MEAN
#undef TRACEI_DEFINED_LEAN
#endif
#else
#define TRACEI_PLATFORM_POSIX 1

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <dlfcn.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#if !defined(CLOCK_MONOTONIC) || !(defined(MAP_ANONYMOUS) || defined(MAP_ANON))
#error "trace.h: a strict ISO mode hid what it needs: include trace.h first, define _GNU_SOURCE, or use -std=gnu11"
#endif
#endif

#ifndef TRACEI_PLATFORM_NONE
#define TRACEI_PLATFORM_NONE 0
#endif
#ifndef TRACEI_PLATFORM_WINDOWS
#define TRACEI_PLATFORM_WINDOWS 0
#endif
#ifndef TRACEI_PLATFORM_POSIX
#define TRACEI_PLATFORM_POSIX 0
#endif

#ifndef TRACEI_FAIL
#define TRACEI_FAIL(what) false
#endif

#if defined(__SANITIZE_THREAD__)
#define TRACEI_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TRACEI_TSAN 1
#endif
#endif
#ifndef TRACEI_TSAN
#define TRACEI_TSAN 0
#endif

/* Atomics: 32-bit words, sizes and pointers only, so no target needs libatomic. */
#ifndef TRACEI_LOAD
#if TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_LOAD(p) (*(p))
#define TRACEI_LOAD_ACQUIRE(p) (*(p))
#define TRACEI_STORE(p, v) ((void)(*(p) = (v)))
#define TRACEI_STORE_RELEASE(p, v) ((void)(*(p) = (v)))
#define TRACEI_ADD(p, v) ((*(p) += (v)) - (v))
#define TRACEI_SUB(p, v) ((*(p) -= (v)) + (v))
#define TRACEI_CAS(p, expected, desired) (*(p) == *(expected) ? (*(p) = (desired), true) : (*(expected) = *(p), false))
#define TRACEI_COMPILER_BARRIER() ((void)0)
#elif TRACEI_GNU
#define TRACEI_LOAD(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define TRACEI_LOAD_ACQUIRE(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define TRACEI_STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define TRACEI_STORE_RELEASE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define TRACEI_ADD(p, v) __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define TRACEI_SUB(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL)
#define TRACEI_EXCHANGE(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define TRACEI_CAS(p, expected, desired) \
    __atomic_compare_exchange_n((p), (expected), (desired), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define TRACEI_COMPILER_BARRIER() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#elif !defined(_MSC_VER)
#error "trace.h: TRACE_IMPLEMENTATION needs the atomics of gcc, clang or MSVC; without threads TRACE_CONFIG_SINGLE_THREADED does"
#else /* MSVC; x86, x64 and arm64 (where plain volatile accesses need the barriers) */
#include <intrin.h>
#define TRACEI_LOAD(p) (_ReadWriteBarrier(), *(p))
#define TRACEI_LOAD_ACQUIRE(p) tracei_acquired(*(p))
#define TRACEI_STORE(p, v) ((void)(*(p) = (v)), _ReadWriteBarrier())
#define TRACEI_STORE_RELEASE(p, v) (MemoryBarrier(), (void)(*(p) = (v)))
#define TRACEI_ADD(p, v) \
    (sizeof *(p) == 4 ? (uint32_t)_InterlockedExchangeAdd((volatile long *)(p), (long)(v)) \
                      : (size_t)InterlockedExchangeAdd64((volatile LONG64 *)(p), (LONG64)(v)))
#define TRACEI_SUB(p, v) \
    (sizeof *(p) == 4 ? (uint32_t)_InterlockedExchangeAdd((volatile long *)(p), -(long)(v)) \
                      : (size_t)InterlockedExchangeAdd64((volatile LONG64 *)(p), -(LONG64)(v)))
#define TRACEI_CAS(p, expected, desired) tracei_cas((p), (expected), sizeof *(p), (uintptr_t)(desired))
#define TRACEI_COMPILER_BARRIER() _ReadWriteBarrier()
static bool tracei_cas(volatile void *p, void *expected, size_t size, uintptr_t desired) {
    if (size == 4) {
        const long was = *(long *)expected;
        const long seen = _InterlockedCompareExchange((volatile long *)p, (long)desired, was);
        *(long *)expected = seen;
        return seen == was;
    } else {
        void *const was = *(void **)expected;
        void *const seen = _InterlockedCompareExchangePointer((void *volatile *)p, (void *)desired, was);
        *(void **)expected = seen;
        return seen == was;
    }
}
#endif
#endif

/* A counter with one writer: readers see it whole, and never before what was counted earlier (the ledger is never over); on x86,
   whose stores are ordered, the writer pays a plain add. */
#ifndef TRACEI_BUMP
#if (defined(__x86_64__) || defined(__i386__)) && TRACEI_GNU && !TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_BUMP(p) __asm__("addl $1, %0" : "+m"(*(p)) : : "cc") /* compilers make three instructions of the other */
#else
#define TRACEI_BUMP(p) TRACEI_STORE_RELEASE((p), TRACEI_LOAD(p) + 1) /* p twice: it must say the same both times */
#endif
#endif

#if TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_THREAD_LOCAL
#elif TRACEI_GNU
#define TRACEI_THREAD_LOCAL __thread
#else
#define TRACEI_THREAD_LOCAL __declspec(thread)
#endif

#if TRACEI_GNU
#define TRACEI_PRINTF(at, first) __attribute__((format(printf, at, first)))
#define TRACEI_MAY_ALIAS __attribute__((may_alias))
#define TRACEI_NOINLINE __attribute__((noinline))
#if defined(__clang__)
#define TRACEI_COLD __attribute__((noinline, cold, minsize))
#else
#define TRACEI_COLD __attribute__((noinline, cold))
#endif
#define TRACEI_ALWAYS_INLINE __attribute__((always_inline, no_instrument_function)) __inline__
#else
#define TRACEI_PRINTF(at, first)
#define TRACEI_NOINLINE
#define TRACEI_COLD
#define TRACEI_ALWAYS_INLINE __inline
#endif

/* Around what is neither on the recording path nor on the way from the rings to the exporters: there small counts, not fast. */
#if defined(__clang__)
#define TRACEI_SMALL_BEGIN _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define TRACEI_SMALL_END _Pragma("clang attribute pop")
#elif defined(__GNUC__) && defined(__OPTIMIZE__)
#define TRACEI_SMALL_BEGIN _Pragma("GCC push_options") _Pragma("GCC optimize(\"Os\", \"no-gcse\", \"no-move-loop-invariants\")")
#define TRACEI_SMALL_END _Pragma("GCC pop_options")
#else
#define TRACEI_SMALL_BEGIN
#define TRACEI_SMALL_END
#endif

TRACEI_SMALL_BEGIN

/* No call of the library is a cancellation point: a thread that pthread_cancel ends amid one would keep the locks it holds. */
static int tracei_cancel_hold(void) {
    int before = 0;
#if TRACEI_PLATFORM_POSIX && !defined(__ANDROID__) /* which has no pthread_cancel */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
#endif
    return before;
}

static void tracei_cancel_allow(int before) {
#if TRACEI_PLATFORM_POSIX && !defined(__ANDROID__)
    (void)pthread_setcancelstate(before, NULL);
#else
    (void)before;
#endif
}

static void tracei_yield(void) {
#if TRACEI_PLATFORM_POSIX
    sched_yield();
#elif TRACEI_PLATFORM_WINDOWS
    SwitchToThread();
#endif
}

/* For slow paths and short sections only. */
static void tracei_lock(uint32_t *word) {
    uint32_t tries = 0, expected = 0;
    while (!TRACEI_CAS(word, &expected, 1u)) {
        expected = 0;
        if (++tries > 64) tracei_yield();
    }
}

static bool tracei_try_lock(uint32_t *word) {
    uint32_t expected = 0;
    return TRACEI_CAS(word, &expected, 1u);
}

static void tracei_unlock(uint32_t *word) {
#ifdef TRACEI_TEST_UNLOCK /* lets tests see that whoever gives a lock back has taken it */
    TRACEI_TEST_UNLOCK(TRACEI_LOAD(word));
#endif
    TRACEI_STORE_RELEASE(word, 0u);
}

TRACEI_SMALL_END

/* The user's hooks; set once, before the first span, because they are read without a lock. */
static trace_clock tracei_clock;
static trace_random tracei_random;

static uint64_t tracei_mono_ns(void) {
    if (tracei_clock.monotonic_fn) return tracei_clock.monotonic_fn(tracei_clock.user);
#if TRACEI_PLATFORM_POSIX
    {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    }
#elif TRACEI_PLATFORM_WINDOWS
    {
        LARGE_INTEGER count, frequency;
        uint64_t c, f;
        QueryPerformanceCounter(&count);
        QueryPerformanceFrequency(&frequency);
        c = (uint64_t)count.QuadPart;
        f = (uint64_t)frequency.QuadPart;
        return c / f * 1000000000u + c % f * 1000000000u / f;
    }
#else
    return 0;
#endif
}

static uint64_t tracei_unix_ns(void) {
    if (tracei_clock.unix_fn) return tracei_clock.unix_fn(tracei_clock.user);
#if TRACEI_PLATFORM_POSIX
    {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    }
#elif TRACEI_PLATFORM_WINDOWS
    {
        FILETIME now; /* 100 ns since 1601 */
        GetSystemTimePreciseAsFileTime(&now);
        return ((((uint64_t)now.dwHighDateTime << 32) | now.dwLowDateTime) - 116444736000000000u) * 100u;
    }
#else
    return 0;
#endif
}

TRACEI_SMALL_BEGIN

/* A time-out as an absolute monotonic time; UINT32_MAX is no limit, 0 is always over: who waits for nothing. */
static uint64_t tracei_deadline(uint32_t timeout_ms) {
    const uint64_t now = tracei_mono_ns(), span = (uint64_t)timeout_ms * 1000000u;
    if (!timeout_ms) return 0;
    return timeout_ms == UINT32_MAX || now > UINT64_MAX - span ? UINT64_MAX : now + span;
}

/* Pages, zeroed. The allocator is chosen once, before the first call. */
static trace_allocator tracei_allocator;
static size_t tracei_bytes_mapped;

#if TRACE_CONFIG_SINGLE_THREADED
#ifndef TRACE_CONFIG_STATIC_BYTES
#define TRACE_CONFIG_STATIC_BYTES 32768
#endif
/* All memory there is. What was given back stands in a list by address, with neighbours joined; what is not found there is cut
   off what was never used, whose beginning comes down again when the last block is given back. */
static union { uint64_t align; unsigned char bytes[TRACE_CONFIG_STATIC_BYTES]; } tracei_arena;
typedef struct tracei_arena_block { struct tracei_arena_block *next; size_t size; } tracei_arena_block;
static tracei_arena_block *tracei_arena_free;
static size_t tracei_arena_used;

static void *tracei_pages(size_t size) {
    tracei_arena_block **at = &tracei_arena_free;
    for (; *at; at = &(*at)->next) {
        tracei_arena_block *const block = *at;
        if (block->size < size) continue;
        block->size -= size;
        if (!block->size) *at = block->next;
        return memset((unsigned char *)block + block->size, 0, size);
    }
    if (size > sizeof tracei_arena.bytes - tracei_arena_used) return NULL;
    tracei_arena_used += size;
    return memset(tracei_arena.bytes + tracei_arena_used - size, 0, size);
}

static void tracei_pages_release(void *memory, size_t size) {
    tracei_arena_block **at = &tracei_arena_free, *block = (tracei_arena_block *)memory, *before = NULL;
    for (; *at && *at < block; at = &(*at)->next) before = *at;
    block->size = size;
    block->next = *at;
    if (block->next && (unsigned char *)block + size == (unsigned char *)block->next) {
        block->size += block->next->size;
        block->next = block->next->next;
    }
    if (before && (unsigned char *)before + before->size == (unsigned char *)block) {
        before->size += block->size;
        before->next = block->next;
        block = before;
        for (at = &tracei_arena_free; *at != before; at = &(*at)->next) {}
    }
    *at = block;
    if ((unsigned char *)block + block->size != tracei_arena.bytes + tracei_arena_used) return;
    tracei_arena_used -= block->size;
    *at = NULL;
}
#define TRACEI_PAGE 16u
#elif TRACEI_PLATFORM_WINDOWS
#define TRACEI_PAGE 4096u
static void *tracei_pages(size_t size) {
    return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static void tracei_pages_release(void *memory, size_t size) {
    (void)size;
    VirtualFree(memory, 0, MEM_RELEASE);
}
#else
#define TRACEI_PAGE 4096u
#ifdef MAP_ANONYMOUS
#define TRACEI_MAP_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS)
#else
#define TRACEI_MAP_FLAGS (MAP_PRIVATE | MAP_ANON)
#endif
static void *tracei_pages(size_t size) {
    void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, TRACEI_MAP_FLAGS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void tracei_pages_release(void *memory, size_t size) {
    munmap(memory, size);
}
#endif

static size_t tracei_round_up(size_t size, size_t unit) {
    return (size + unit - 1) / unit * unit;
}

static void *tracei_alloc(size_t size) {
    const int saved = errno;
    void *memory;
    if (size == 0 || size > SIZE_MAX / 2 || TRACEI_FAIL("memory")) return NULL;
    size = tracei_round_up(size, TRACEI_PAGE);
    if (tracei_allocator.allocate_fn) {
        memory = tracei_allocator.allocate_fn(tracei_allocator.user, size);
        if (memory) memset(memory, 0, size);
    } else {
        memory = tracei_pages(size);
    }
    if (memory)
        (void)TRACEI_ADD(&tracei_bytes_mapped, size);
    else
        errno = saved; /* recording never changes it */
    return memory;
}

static void tracei_free(void *memory, size_t size) {
    if (!memory) return;
    size = tracei_round_up(size, TRACEI_PAGE);
    (void)TRACEI_SUB(&tracei_bytes_mapped, size);
    if (!tracei_allocator.allocate_fn)
        tracei_pages_release(memory, size);
    else if (tracei_allocator.release_fn)
        tracei_allocator.release_fn(tracei_allocator.user, memory, size);
}

#if TRACEI_PLATFORM_WINDOWS
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size); /* RtlGenRandom */
#ifdef _MSC_VER
#pragma comment(lib, "advapi32")
#endif
#endif

/* False: the bytes are not random enough to promise it (the caller mixes in what it has). */
static bool tracei_random_bytes(void *bytes, size_t size) {
    if (tracei_random.fill_fn) {
        tracei_random.fill_fn(tracei_random.user, bytes, size);
        return true;
    }
    memset(bytes, 0, size);
    if (TRACEI_FAIL("random")) return false;
#if defined(__linux__) && TRACEI_PLATFORM_POSIX
#ifdef SYS_getrandom
    if (syscall(SYS_getrandom, bytes, size, 1 /* GRND_NONBLOCK */) == (long)size) return true;
#endif
    {
        const int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
        bool filled;
        if (file < 0) return false;
        filled = read(file, bytes, size) == (ssize_t)size;
        close(file);
        return filled;
    }
#elif TRACEI_PLATFORM_POSIX
    arc4random_buf(bytes, size);
    return true;
#elif TRACEI_PLATFORM_WINDOWS
    return SystemFunction036(bytes, (ULONG)size) != 0;
#else
    return false;
#endif
}

/* Waiting on a word. Linux: a futex, so a wake-up costs the waker one system call and no lock. Elsewhere: one lock and one
   condition for all words, which no recording thread ever touches (there the worker polls instead). */
#define TRACEI_HAVE_FUTEX 0
#if TRACEI_PLATFORM_NONE
static bool tracei_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    (void)deadline_ns;
    return *word != expected;
}

static void tracei_wake(uint32_t *word) {
    (void)word;
}
#elif defined(__linux__) && defined(SYS_futex)
#undef TRACEI_HAVE_FUTEX
#define TRACEI_HAVE_FUTEX 1
static bool tracei_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    while (TRACEI_LOAD_ACQUIRE(word) == expected) {
        long left[2] = {0, 0}; /* the kernel's old timespec, whatever the C library's looks like */
        if (deadline_ns != UINT64_MAX) {
            const uint64_t now = tracei_mono_ns();
            if (now >= deadline_ns) return false;
            left[0] = (long)((deadline_ns - now) / 1000000000u);
            left[1] = (long)((deadline_ns - now) % 1000000000u);
        }
        if (syscall(SYS_futex, word, 128 /* FUTEX_WAIT_PRIVATE */, expected, deadline_ns == UINT64_MAX ? NULL : left, NULL, 0) !=
                0 &&
            errno == ETIMEDOUT)
            return TRACEI_LOAD_ACQUIRE(word) != expected; /* time has passed, whatever trace_config.clock says */
    }
    return true;
}

static void tracei_wake(uint32_t *word) {
    syscall(SYS_futex, word, 129 /* FUTEX_WAKE_PRIVATE */, 0x7fffffff, NULL, NULL, 0);
}
#else
#if TRACEI_PLATFORM_POSIX
static pthread_mutex_t tracei_wait_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t tracei_wait_condition = PTHREAD_COND_INITIALIZER;

static void tracei_wait_lock(void) {
    pthread_mutex_lock(&tracei_wait_mutex);
}

static void tracei_wait_unlock(void) {
    pthread_mutex_unlock(&tracei_wait_mutex);
}

static uint64_t tracei_wait_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void tracei_wait_a_little(uint64_t ns) { /* by the wall clock, which is all there is everywhere */
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    ns += (uint64_t)at.tv_nsec;
    at.tv_sec += (time_t)(ns / 1000000000u);
    at.tv_nsec = (long)(ns % 1000000000u);
    pthread_cond_timedwait(&tracei_wait_condition, &tracei_wait_mutex, &at);
}

static void tracei_wake(uint32_t *word) {
    (void)word;
    pthread_mutex_lock(&tracei_wait_mutex);
    pthread_cond_broadcast(&tracei_wait_condition);
    pthread_mutex_unlock(&tracei_wait_mutex);
}
#else
static SRWLOCK tracei_wait_mutex = SRWLOCK_INIT;
static CONDITION_VARIABLE tracei_wait_condition = CONDITION_VARIABLE_INIT;

static void tracei_wait_lock(void) {
    AcquireSRWLockExclusive(&tracei_wait_mutex);
}

static void tracei_wait_unlock(void) {
    ReleaseSRWLockExclusive(&tracei_wait_mutex);
}

static uint64_t tracei_wait_clock(void) {
    return (uint64_t)GetTickCount64() * 1000000u;
}

static void tracei_wait_a_little(uint64_t ns) {
    SleepConditionVariableSRW(&tracei_wait_condition, &tracei_wait_mutex, (DWORD)(ns / 1000000u) + 1, 0);
}

static void tracei_wake(uint32_t *word) {
    (void)word;
    AcquireSRWLockExclusive(&tracei_wait_mutex);
    ReleaseSRWLockExclusive(&tracei_wait_mutex);
    WakeAllConditionVariable(&tracei_wait_condition);
}
#endif

/* By the system's clock from here on, whatever trace_config.clock says. UINT64_MAX: for ever. */
static bool tracei_wait_for(uint32_t *word, uint32_t expected, uint64_t ns) {
    const uint64_t since = tracei_wait_clock();
    bool changed;
    tracei_wait_lock();
    while (!(changed = TRACEI_LOAD_ACQUIRE(word) != expected)) {
        const uint64_t passed = tracei_wait_clock() - since;
        if (passed >= ns) break;
        tracei_wait_a_little(ns - passed < 1000000000u ? ns - passed : 1000000000u); /* short hops survive steps of the clock */
    }
    tracei_wait_unlock();
    return changed;
}

static bool tracei_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    const uint64_t now = deadline_ns == UINT64_MAX ? 0 : tracei_mono_ns();
    return tracei_wait_for(word, expected, deadline_ns > now ? deadline_ns - now : 0);
}
#endif

/* By the system's clock, so that no trace_config.clock can make it long. */
static void tracei_nap(uint32_t us) {
#if TRACEI_HAVE_FUTEX
    const int saved = errno;
    uint32_t never = 0;
    long left[2];
    left[0] = 0;
    left[1] = (long)(us % 1000000u) * 1000;
    syscall(SYS_futex, &never, 128 /* FUTEX_WAIT_PRIVATE */, 0, left, NULL, 0);
    errno = saved;
#elif !TRACEI_PLATFORM_NONE
    uint32_t never = 0;
    (void)tracei_wait_for(&never, 0, (uint64_t)us * 1000u);
#else
    (void)us;
#endif
}

static void tracei_sleep_until(uint64_t deadline_ns) TRACEI_UNUSED;
static void tracei_sleep_until(uint64_t deadline_ns) {
    uint32_t never = 0;
    (void)tracei_wait(&never, 0, deadline_ns);
}

#if TRACEI_PLATFORM_POSIX
/* Signals that writing brings upon a program that did not ask for it: the reader is gone (SIGPIPE), the file may not grow
   (SIGXFSZ), a background job writes to its terminal (SIGTTOU). Held back meanwhile. */
typedef struct tracei_quiet {
    sigset_t before, pending;
} tracei_quiet;

static void tracei_quiet_begin(tracei_quiet *quiet) {
    sigset_t signals;
    sigpending(&quiet->pending);
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGXFSZ);
    sigaddset(&signals, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &signals, &quiet->before);
}

/* After a write that failed with this error (0: it did not): the signal it caused is taken off. */
static void tracei_quiet_end(const tracei_quiet *quiet, int error) {
    const int saved = errno, caused = error == EPIPE ? SIGPIPE : error == EFBIG ? SIGXFSZ : 0;
    if (caused && sigismember(&quiet->pending, caused) == 0) {
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, caused);
#if defined(__APPLE__) || defined(__OpenBSD__)
        {
            sigset_t pending;
            int taken;
            sigpending(&pending);
            if (sigismember(&pending, caused) == 1) sigwait(&signals, &taken);
        }
#else
        {
            struct timespec none = {0, 0};
            while (sigtimedwait(&signals, NULL, &none) < 0 && errno == EINTR) {}
        }
#endif
    }
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
    errno = saved;
}
#endif

/* Threads of the library's own: all signals blocked, never recording. Joining has a deadline; a thread that misses it is left
   alone, with everything it may still touch. */
enum { TRACEI_THREAD_NONE = 0, TRACEI_THREAD_RUNNING, TRACEI_THREAD_DONE };
typedef struct tracei_thread {
    uint32_t state;
    void (*main_fn)(void *user);
    void *user;
    const char *name;
#if TRACEI_PLATFORM_POSIX
    pthread_t id;
    sigset_t signals;             /* what blocks who started it */
#elif TRACEI_PLATFORM_WINDOWS
    HANDLE id;
#endif
} tracei_thread;

static void tracei_suppress_thread(void);
static uint32_t tracei_threads_started TRACEI_UNUSED; /* for tests */
static uint32_t tracei_threads_alive TRACEI_UNUSED;   /* never more than there are; the system's number is right a little later */

#if TRACEI_PLATFORM_NONE
static bool tracei_thread_start(tracei_thread *thread, void (*main_fn)(void *), void *user, const char *name) {
    (void)thread, (void)main_fn, (void)user, (void)name;
    return false;
}

static bool tracei_thread_join(tracei_thread *thread, uint64_t deadline_ns) {
    (void)thread, (void)deadline_ns;
    return true;
}

static TRACEI_UNUSED void tracei_thread_leave(tracei_thread *thread) {
    (void)thread;
}

#else
#if TRACEI_PLATFORM_POSIX
static void *tracei_thread_main(void *argument) {
#else
static DWORD WINAPI tracei_thread_main(void *argument) {
#endif
    tracei_thread *const thread = (tracei_thread *)argument;
    tracei_suppress_thread();
#if defined(__linux__)
    prctl(PR_SET_NAME, thread->name, 0, 0, 0);
#elif defined(__APPLE__)
    pthread_setname_np(thread->name);
#endif
    thread->main_fn(thread->user);
    (void)TRACEI_SUB(&tracei_threads_alive, 1u);
    TRACEI_STORE_RELEASE(&thread->state, (uint32_t)TRACEI_THREAD_DONE);
    tracei_wake(&thread->state);
    return 0;
}

static bool tracei_thread_start(tracei_thread *thread, void (*main_fn)(void *), void *user, const char *name) {
    bool started;
    thread->main_fn = main_fn;
    thread->user = user;
    thread->name = name;
    if (TRACEI_FAIL("thread")) return false;
    TRACEI_STORE_RELEASE(&thread->state, (uint32_t)TRACEI_THREAD_RUNNING);
#if TRACEI_PLATFORM_POSIX
    {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        thread->signals = before;
        started = pthread_create(&thread->id, NULL, tracei_thread_main, thread) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
#else
    thread->id = CreateThread(NULL, 0, tracei_thread_main, thread, 0, NULL);
    started = thread->id != NULL;
#endif
    if (started) {
        (void)TRACEI_ADD(&tracei_threads_started, 1u);
        (void)TRACEI_ADD(&tracei_threads_alive, 1u);
    } else {
        TRACEI_STORE_RELEASE(&thread->state, (uint32_t)TRACEI_THREAD_NONE);
    }
    return started;
}

static bool tracei_thread_is_self(const tracei_thread *thread) {
    if (TRACEI_LOAD_ACQUIRE(&thread->state) != TRACEI_THREAD_RUNNING) return false;
#if TRACEI_PLATFORM_POSIX
    return pthread_equal(thread->id, pthread_self()) != 0;
#else
    return GetThreadId(thread->id) == GetCurrentThreadId();
#endif
}

static bool tracei_thread_join(tracei_thread *thread, uint64_t deadline_ns) {
    if (TRACEI_LOAD_ACQUIRE(&thread->state) == TRACEI_THREAD_NONE) return true;
    if (tracei_thread_is_self(thread)) return false;
    if (!tracei_wait(&thread->state, TRACEI_THREAD_RUNNING, deadline_ns)) return false;
#if TRACEI_PLATFORM_POSIX
    pthread_join(thread->id, NULL);
#else
    WaitForSingleObject(thread->id, INFINITE);
    CloseHandle(thread->id);
#endif
    TRACEI_STORE_RELEASE(&thread->state, (uint32_t)TRACEI_THREAD_NONE);
    return true;
}

/* A thread that missed its deadline and that nobody will join: what the system holds for it goes when it ends. */
static TRACEI_UNUSED void tracei_thread_leave(tracei_thread *thread) {
#if TRACEI_PLATFORM_POSIX
    pthread_detach(thread->id);
#else
    CloseHandle(thread->id);
#endif
}
#endif

static uint64_t tracei_thread_id(void) {
#if defined(__linux__) && TRACEI_PLATFORM_POSIX
    return (uint64_t)syscall(SYS_gettid);
#elif defined(__APPLE__) && TRACEI_PLATFORM_POSIX
    uint64_t id = 0;
    pthread_threadid_np(NULL, &id);
    return id;
#elif TRACEI_PLATFORM_POSIX
    return (uint64_t)(uintptr_t)pthread_self();
#elif TRACEI_PLATFORM_WINDOWS
    return GetCurrentThreadId();
#else
    return 1;
#endif
}

/* After this no recording thread's earlier store is still on its way (sys_membarrier, private expedited). False where the system
   has no such call: then nobody may sleep deeply. */
#ifndef TRACEI_MEMBARRIER
#if defined(__linux__) && defined(SYS_membarrier) && TRACEI_PLATFORM_POSIX
#define TRACEI_MEMBARRIER() (syscall(SYS_membarrier, 8, 0, 0) == 0)
#define TRACEI_MEMBARRIER_REGISTER() (syscall(SYS_membarrier, 16, 0, 0) == 0)
#else
#define TRACEI_MEMBARRIER() false
#define TRACEI_MEMBARRIER_REGISTER() false
#endif
#endif

/* >>log ------------------------------------------------------------------------------------------------------------

   Every complaint passes through tracei_log: a place for a breakpoint. Formatting is our own (%s %.*s %d %u %lu %llu), so that
   no locale and no allocation is involved. Lines are cut at 512 bytes. */

static trace_logger tracei_logger;
static uint32_t tracei_logger_version;      /* odd while trace_init replaces it */
static uint32_t tracei_log_level_now = TRACE_LOG_LEVEL_WARNING;

typedef struct tracei_line {
    char bytes[512];
    size_t size;
} tracei_line;

static void tracei_line_add(tracei_line *line, const char *bytes, size_t size) {
    const size_t room = sizeof line->bytes - 2 - line->size; /* a newline and a terminator always fit */
    if (size > room) size = room;
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
}

static void tracei_line_number(tracei_line *line, uint64_t value, bool negative) {
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    if (negative) digits[--at] = '-';
    tracei_line_add(line, digits + at, sizeof digits - at);
}

typedef struct tracei_arguments { va_list list; } tracei_arguments;

static uint64_t tracei_argument_unsigned(tracei_arguments *arguments, int longs) {
    return longs >= 2   ? va_arg(arguments->list, unsigned long long)
           : longs == 1 ? va_arg(arguments->list, unsigned long)
                        : va_arg(arguments->list, unsigned);
}

static void tracei_line_format(tracei_line *line, const char *format, tracei_arguments *arguments) {
    while (*format) {
        size_t precision = SIZE_MAX;
        int longs = 0;
        if (*format != '%') {
            const char *const end = strchr(format, '%');
            const size_t size = end ? (size_t)(end - format) : strlen(format);
            tracei_line_add(line, format, size);
            format += size;
            continue;
        }
        format++;
        if (format[0] == '.' && format[1] == '*') {
            precision = (size_t)va_arg(arguments->list, int);
            format += 2;
        }
        for (; *format == 'l'; format++) longs++;
        switch (*format) {
        case 's': {
            const char *const text = va_arg(arguments->list, const char *);
            size_t size = 0;
            while (text && size < precision && text[size]) size++;
            tracei_line_add(line, text ? text : "(null)", text ? size : 6);
            break;
        }
        case 'd': {
            const int64_t value = va_arg(arguments->list, int);
            tracei_line_number(line, (uint64_t)(value < 0 ? -value : value), value < 0);
            break;
        }
        case 'u': tracei_line_number(line, tracei_argument_unsigned(arguments, longs), false); break;
        }
        format++;
    }
}

#if TRACEI_PLATFORM_POSIX
/* Closed when the program began: the number goes to the first file it opens, and what belongs into that is not ours to know. */
static uint32_t tracei_stderr_is_taken;

static void tracei_stderr_look(void) {
    const int saved = errno;
    TRACEI_STORE(&tracei_stderr_is_taken, fcntl(STDERR_FILENO, F_GETFD) == -1 && errno == EBADF);
    errno = saved;
}
#endif

static void tracei_stderr(const char *bytes, size_t size) {
#if TRACEI_PLATFORM_POSIX
    const int saved = errno;
    tracei_quiet quiet;
    tracei_quiet_begin(&quiet);
    if (!TRACEI_LOAD(&tracei_stderr_is_taken) && write(STDERR_FILENO, bytes, size) < 0)
        tracei_quiet_end(&quiet, errno);
    else
        tracei_quiet_end(&quiet, 0);
    errno = saved;
#elif TRACEI_PLATFORM_WINDOWS
    DWORD written;
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), bytes, (DWORD)size, &written, NULL);
#else
    (void)bytes, (void)size;
#endif
}

/* Both halves of one logger; standard error amid a replacement by trace_init on another thread. */
static trace_logger tracei_logger_get(void) {
    const uint32_t version = TRACEI_LOAD_ACQUIRE(&tracei_logger_version);
    trace_logger logger;
    logger.log_fn = TRACEI_LOAD_ACQUIRE(&tracei_logger.log_fn);
    logger.user = TRACEI_LOAD_ACQUIRE(&tracei_logger.user);
    if (version & 1 || version != TRACEI_LOAD(&tracei_logger_version)) logger.log_fn = NULL;
    return logger;
}

/* By one thread at a time. */
static void tracei_logger_set(trace_logger logger) {
    const uint32_t version = TRACEI_LOAD(&tracei_logger_version) | 1u;
    TRACEI_STORE(&tracei_logger_version, version);
    TRACEI_STORE_RELEASE(&tracei_logger.log_fn, logger.log_fn);
    TRACEI_STORE_RELEASE(&tracei_logger.user, logger.user);
    TRACEI_STORE_RELEASE(&tracei_logger_version, version + 1);
}

static void tracei_log(trace_log_level level, const char *format, ...) TRACEI_PRINTF(2, 3);
static void tracei_log(trace_log_level level, const char *format, ...) {
    static const char *const names[] = {"", "", "error: ", "warning: ", "info: ", "debug: "};
    tracei_line line;
    tracei_arguments arguments;
    trace_logger logger;
    size_t i;
    int cancel;
    if ((uint32_t)level > TRACEI_LOAD(&tracei_log_level_now) || level > TRACE_LOG_LEVEL_DEBUG) return;
    cancel = tracei_cancel_hold();
    logger = tracei_logger_get();
    line.size = 0;
    if (!logger.log_fn) {
        tracei_line_add(&line, "trace.h: ", 9);
        tracei_line_add(&line, names[level], strlen(names[level]));
    }
    va_start(arguments.list, format);
    tracei_line_format(&line, format, &arguments);
    va_end(arguments.list);
    for (i = 0; i < line.size; i++) /* a value from outside must not forge a second line or reach the terminal raw */
        if ((unsigned char)line.bytes[i] < 0x20 || line.bytes[i] == 0x7f) line.bytes[i] = '?';
    if (logger.log_fn) {
        line.bytes[line.size] = '\0';
        logger.log_fn(logger.user, level, line.bytes);
    } else {
        line.bytes[line.size++] = '\n';
        tracei_stderr(line.bytes, line.size);
    }
    tracei_cancel_allow(cancel);
}

/* True the first time for this flag: for complaints that are worth one line a process. */
static bool tracei_first_time(uint32_t *flag) {
    uint32_t expected = 0;
    return TRACEI_LOAD(flag) == 0 && TRACEI_CAS(flag, &expected, 1u);
}

TRACEI_SMALL_END


/* >>text ---------------------------------------------------------------------------------------------------------- */

/* Numbers, identifiers, JSON and UTF-8 as bytes. No locks, no allocation, no state.

   Two layers. The raw writers (tracei_put_...) trust the caller for room and return the end: the encoders compute a bound
   first and then write without a test per byte. The bounded writer (tracei_text) never exceeds its capacity and stops for good
   at the first thing that does not fit, so a line is cut short but never garbled.

   Text is scanned eight bytes at a time for what needs attention: control characters, quote, backslash, bytes from 0x80 on.
   The test is exact as a yes or no on any byte order; where it says yes, little-endian machines read the place off the word
   and others look at the bytes. A word is stored before it is known to be clean: every input byte becomes at least one
   output byte, so this never writes past what the exact size (tracei_json_size) promised.

   Invalid UTF-8 becomes one U+FFFD per maximal invalid part, as in the Unicode standard, 3.9, and the WHATWG decoder: a part
   is one to three bytes, U+FFFD three, so a repaired text is at most three times as long.

   Doubles: integers and short decimals are written directly, which is exact (an integer below 2^53 divided by a power of ten
   up to 10^22 rounds once, as reading the text back does); the rest goes through snprintf, whose result is tried with
   growing precision until it reads back equal. Both follow the locale, so both agree, and its decimal point is replaced. */

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#if TRACEI_GNU && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TRACEI_FIRST_HIT(hits) ((size_t)__builtin_ctzll(hits) >> 3)
#endif

#define TRACEI_BYTES_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

static const char tracei_digit_pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

static const char tracei_hex_pairs[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
    "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
    "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
    "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

/* Exactly eight digits. */
TRACE_INLINE char *tracei_put_8_digits(char *at, uint32_t value) {
    uint32_t high = value / 10000, low = value % 10000;
    memcpy(at, tracei_digit_pairs + 2 * (high / 100), 2);
    memcpy(at + 2, tracei_digit_pairs + 2 * (high % 100), 2);
    memcpy(at + 4, tracei_digit_pairs + 2 * (low / 100), 2);
    memcpy(at + 6, tracei_digit_pairs + 2 * (low % 100), 2);
    return at + 8;
}

static char *tracei_put_below_1e8(char *at, uint32_t value) {
    size_t digits = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value < 10000 ? 4 :
                    value < 100000 ? 5 : value < 1000000 ? 6 : value < 10000000 ? 7 : 8;
    char *end = at + digits;
    for (at = end; digits >= 2; digits -= 2, value /= 100) {
        at -= 2;
        memcpy(at, tracei_digit_pairs + 2 * (value % 100), 2);
    }
    if (digits) at[-1] = (char)('0' + value);
    return end;
}

static TRACEI_UNUSED char *tracei_put_u64(char *at, uint64_t value) {
    uint64_t high;
    if (value < 100000000) return tracei_put_below_1e8(at, (uint32_t)value);
    high = value / 100000000;
    if (high < 100000000) {
        at = tracei_put_below_1e8(at, (uint32_t)high);
    } else {
        at = tracei_put_below_1e8(at, (uint32_t)(high / 100000000));
        at = tracei_put_8_digits(at, (uint32_t)(high % 100000000));
    }
    return tracei_put_8_digits(at, (uint32_t)(value % 100000000));
}

static TRACEI_UNUSED char *tracei_put_i64(char *at, int64_t value) {
    if (value >= 0) return tracei_put_u64(at, (uint64_t)value);
    *at = '-';
    return tracei_put_u64(at + 1, 0 - (uint64_t)value);
}

static TRACEI_UNUSED char *tracei_put_hex(char *at, const uint8_t *bytes, size_t count) {
    for (; count >= 4; count -= 4, bytes += 4, at += 8) {
        memcpy(at, tracei_hex_pairs + 2 * bytes[0], 2);
        memcpy(at + 2, tracei_hex_pairs + 2 * bytes[1], 2);
        memcpy(at + 4, tracei_hex_pairs + 2 * bytes[2], 2);
        memcpy(at + 6, tracei_hex_pairs + 2 * bytes[3], 2);
    }
    for (; count; count--, bytes++, at += 2) memcpy(at, tracei_hex_pairs + 2 * bytes[0], 2);
    return at;
}

static TRACEI_UNUSED char *tracei_put_base64(char *at, const uint8_t *bytes, size_t count) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits;
    for (; count >= 3; bytes += 3, count -= 3, at += 4) {
        bits = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
        at[0] = digits[bits >> 18];
        at[1] = digits[bits >> 12 & 63];
        at[2] = digits[bits >> 6 & 63];
        at[3] = digits[bits & 63];
    }
    if (!count) return at;
    bits = (uint32_t)bytes[0] << 16 | (count == 2 ? (uint32_t)bytes[1] << 8 : 0);
    at[0] = digits[bits >> 18];
    at[1] = digits[bits >> 12 & 63];
    at[2] = count == 2 ? digits[bits >> 6 & 63] : '=';
    at[3] = '=';
    return at + 4;
}

TRACE_INLINE size_t tracei_copy_word(char *at, const char *word) {
    size_t size = strlen(word);
    memcpy(at, word, size);
    return size;
}

/* Up to nine decimals and at most fifteen digits; NULL when the value has more or is shorter with an exponent.
   0 < value < 2^53, not an integer. Needs arithmetic that rounds to double at once, which the x87 does not. */
static char *tracei_put_short_decimal(char *at, double value) {
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
    double power = 10;
    if (value < 1e-5) return NULL;
    for (unsigned decimals = 1; decimals <= 9; decimals++, power *= 10) {
        double scaled = value * power + 0.5;
        uint64_t digits, whole, unit = 1;
        if (scaled >= 1e15) return NULL;
        digits = (uint64_t)scaled;
        if ((double)digits / power > value || (double)digits / power < value) continue;
        for (unsigned i = 0; i < decimals; i++) unit *= 10;
        whole = digits / unit;
        at = tracei_put_u64(at, whole);
        *at++ = '.';
        for (digits -= whole * unit, unit /= 10; unit > digits && unit > 1; unit /= 10) *at++ = '0';
        return tracei_put_u64(at, digits);
    }
#else
    (void)at;
    (void)value;
#endif
    return NULL;
}

static char *tracei_put_long_number(char *at, double value) {
    char digits[48];
    const char *from = digits;
    for (int precision = 15; precision <= 17; precision++) {
        double back;
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        back = strtod(digits, NULL);
        if (memcmp(&back, &value, sizeof value) == 0) break;
    }
    while (*from) {
        if ((*from >= '0' && *from <= '9') || *from == '-' || *from == '+' || *from == 'e') {
            *at++ = *from++;
            continue;
        }
        *at++ = '.';
        while (*from && (*from < '0' || *from > '9')) from++;
    }
    return at;
}

static TRACEI_UNUSED char *tracei_put_number(char *at, double value) {
    const double exact = 9007199254740992.0;
    uint64_t bits;
    char *end;
    memcpy(&bits, &value, sizeof bits);
    if ((bits >> 52 & 0x7ff) == 0x7ff) {
        if (bits << 12) return at + tracei_copy_word(at, "NaN");
        return at + tracei_copy_word(at, bits >> 63 ? "-Infinity" : "Infinity");
    }
    if (bits >> 63) {
        *at++ = '-';
        value = -value;
        if (!(value > 0)) return at + tracei_copy_word(at, "0.0"); /* "-0" is an integer to many readers, and so has no sign */
    }
    if (value < exact) {
        uint64_t whole = (uint64_t)value;
        if (!(value - (double)whole > 0)) return tracei_put_u64(at, whole);
        end = tracei_put_short_decimal(at, value);
        if (end) return end;
    }
    return tracei_put_long_number(at, value);
}

TRACE_INLINE uint64_t tracei_load_8(const char *text) {
    uint64_t word;
    memcpy(&word, text, 8);
    return word;
}

/* Not zero when one of the eight bytes must not be copied as it is. The subtractions borrow only out of a byte that is a hit,
   so the lowest hit is exact. */
TRACE_INLINE uint64_t tracei_json_hits(uint64_t word) {
    uint64_t quote = word ^ TRACEI_BYTES_OF('"'), backslash = word ^ TRACEI_BYTES_OF('\\');
    return (word | (word - TRACEI_BYTES_OF(0x20)) | (quote - TRACEI_BYTES_OF(1)) | (backslash - TRACEI_BYTES_OF(1))) &
           TRACEI_BYTES_OF(0x80);
}

TRACE_INLINE bool tracei_json_plain(char c) {
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* The length of the code point at `text`, or minus the length of the maximal invalid part there. left > 0. */
static int tracei_utf8_step(const char *text, size_t left) {
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned lead = bytes[0], low = 0x80, high = 0xbf;
    int need, have;
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return -1;
    need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
    for (have = 1; have < need; have++, low = 0x80, high = 0xbf)
        if ((size_t)have >= left || bytes[have] < low || bytes[have] > high) return -have;
    return need;
}

static char *tracei_put_replacement(char *at) {
    memcpy(at, "\357\277\275", 3);
    return at + 3;
}

/* Writes one code point, or U+FFFD for what is none; returns the bytes read. */
static size_t tracei_put_code_point(char **at, const char *text, size_t left) {
    int step = tracei_utf8_step(text, left);
    if (step < 0) {
        *at = tracei_put_replacement(*at);
        return (size_t)-step;
    }
    for (int i = 0; i < step; i++) *(*at)++ = text[i];
    return (size_t)step;
}

static const char tracei_json_letters[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";

static size_t tracei_put_json_one(char **at, const char *text, size_t left) {
    unsigned char c = (unsigned char)*text;
    char *end = *at;
    if (c >= 0x80) return tracei_put_code_point(at, text, left);
    if (c < 0x20) {
        *end++ = '\\';
        *end++ = tracei_json_letters[c];
        if (end[-1] == 'u') {
            memcpy(end, "00", 2);
            memcpy(end + 2, tracei_hex_pairs + 2 * c, 2);
            end += 4;
        }
    } else {
        if (c == '"' || c == '\\') *end++ = '\\';
        *end++ = (char)c;
    }
    *at = end;
    return 1;
}

/* Four to seven bytes as one word, the middle ones twice. */
TRACE_INLINE uint64_t tracei_load_4_to_7(const char *text, size_t size) {
    uint32_t first, last;
    memcpy(&first, text, 4);
    memcpy(&last, text + size - 4, 4);
    return first | (uint64_t)last << 32;
}

TRACE_INLINE bool tracei_json_short_plain(const char *text, size_t size) {
    if (size >= 4) return !tracei_json_hits(tracei_load_4_to_7(text, size));
    return !size || (tracei_json_plain(text[0]) && tracei_json_plain(text[size >> 1]) && tracei_json_plain(text[size - 1]));
}

/* Zero to seven bytes. */
TRACE_INLINE char *tracei_copy_short(char *at, const char *text, size_t size) {
    if (size >= 4) {
        uint32_t first, last;
        memcpy(&first, text, 4);
        memcpy(&last, text + size - 4, 4);
        memcpy(at, &first, 4);
        memcpy(at + size - 4, &last, 4);
    } else if (size) {
        char first = text[0], middle = text[size >> 1], last = text[size - 1];
        at[0] = first;
        at[size >> 1] = middle;
        at[size - 1] = last;
    }
    return at + size;
}

static TRACEI_UNUSED char *tracei_put_json(char *at, const char *text, size_t size) {
    for (;;) {
        size_t taken;
        while (size >= 8) {
            uint64_t word = tracei_load_8(text), hits = tracei_json_hits(word);
            memcpy(at, &word, 8);
            if (hits) {
#ifdef TRACEI_FIRST_HIT
                at += TRACEI_FIRST_HIT(hits);
                text += TRACEI_FIRST_HIT(hits);
                size -= TRACEI_FIRST_HIT(hits);
#endif
                break;
            }
            at += 8;
            text += 8;
            size -= 8;
        }
        if (size < 8 && tracei_json_short_plain(text, size)) return tracei_copy_short(at, text, size);
        while (size && tracei_json_plain(*text)) {
            *at++ = *text++;
            size--;
        }
        do {
            taken = tracei_put_json_one(&at, text, size);
            text += taken;
            size -= taken;
        } while (size && !tracei_json_plain(*text));
    }
}

static TRACEI_UNUSED size_t tracei_json_size(const char *text, size_t size) {
    size_t total = 0;
    for (;;) {
        for (; size >= 8 && !tracei_json_hits(tracei_load_8(text)); total += 8, text += 8, size -= 8) {}
        if (size < 8 && tracei_json_short_plain(text, size)) return total + size;
        for (; size && tracei_json_plain(*text); total++, text++, size--) {}
        do {
            char one[8], *end = one;
            size_t taken = tracei_put_json_one(&end, text, size);
            total += (size_t)(end - one);
            text += taken;
            size -= taken;
        } while (size && !tracei_json_plain(*text));
    }
}

#define TRACEI_JSON_DEPTH_MAX 32        /* arrays in arrays below that are null */

static TRACEI_UNUSED char *tracei_put_json_quoted(char *at, const char *text, size_t size) {
    *at++ = '"';
    at = tracei_put_json(at, text, size);
    *at++ = '"';
    return at;
}

/* A value as JSON, for formats that know arrays as text only: bytes as base64, NaN and infinities as words in quotes. */
static TRACEI_UNUSED char *tracei_put_json_value(char *at, const trace_value *value, unsigned depth) {
    uint64_t bits;
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        return tracei_put_json_quoted(at, value->as.string.data, value->as.string.size);
    case TRACE_TYPE_INT:
        return tracei_put_i64(at, value->as.integer);
    case TRACE_TYPE_BOOL:
        memcpy(at, value->as.boolean ? "true" : "false", 5);
        return at + (value->as.boolean ? 4 : 5);
    case TRACE_TYPE_DOUBLE:
        memcpy(&bits, &value->as.number, sizeof bits);
        if ((bits >> 52 & 0x7ff) != 0x7ff) return tracei_put_number(at, value->as.number);
        *at++ = '"';
        at = tracei_put_number(at, value->as.number);
        *at++ = '"';
        return at;
    case TRACE_TYPE_BYTES:
        *at++ = '"';
        at = tracei_put_base64(at, (const uint8_t *)value->as.bytes.data, value->as.bytes.size);
        *at++ = '"';
        return at;
    case TRACE_TYPE_ARRAY:
        if (depth >= TRACEI_JSON_DEPTH_MAX) break;
        *at++ = '[';
        for (size_t i = 0; i < value->as.array.count; i++) {
            if (i) *at++ = ',';
            at = tracei_put_json_value(at, &value->as.array.items[i], depth + 1);
        }
        *at++ = ']';
        return at;
    default:
        break;
    }
    memcpy(at, "null", 4);
    return at + 4;
}

/* Room for it and a little: exact reads all texts, else each byte counts as the six it can become. */
static TRACEI_UNUSED size_t tracei_json_value_size(const trace_value *value, bool exact, unsigned depth) {
    size_t size = 2;
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
        return 8 + (exact ? tracei_json_size(value->as.string.data, value->as.string.size) : 6 * value->as.string.size);
    case TRACE_TYPE_BYTES:
        return 8 + (value->as.bytes.size + 2) / 3 * 4;
    case TRACE_TYPE_ARRAY:
        if (depth >= TRACEI_JSON_DEPTH_MAX) return 4;
        for (size_t i = 0; i < value->as.array.count; i++)
            size += 1 + tracei_json_value_size(&value->as.array.items[i], exact, depth + 1);
        return size;
    default:
        return 34;
    }
}

static size_t tracei_ascii_prefix(const char *text, size_t size) {
    size_t at = 0;
    while (size - at >= 8 && !(tracei_load_8(text + at) & TRACEI_BYTES_OF(0x80))) at += 8;
    while (at < size && (unsigned char)text[at] < 0x80) at++;
    return at;
}

static TRACEI_UNUSED size_t tracei_utf8_valid(const char *text, size_t size) {
    size_t at = 0;
    for (;;) {
        at += tracei_ascii_prefix(text + at, size - at);
        while (at < size && (unsigned char)text[at] >= 0x80) {
            int step = tracei_utf8_step(text + at, size - at);
            if (step < 0) return at;
            at += (size_t)step;
        }
        if (at == size) return at;
    }
}

static TRACEI_UNUSED char *tracei_put_utf8(char *at, const char *text, size_t size) {
    while (size) {
        size_t good = tracei_utf8_valid(text, size);
        memcpy(at, text, good);
        at += good;
        text += good;
        size -= good;
        if (size) {
            size_t bad = (size_t)-tracei_utf8_step(text, size);
            at = tracei_put_replacement(at);
            text += bad;
            size -= bad;
        }
    }
    return at;
}

/* A stray continuation byte belongs to nothing, so the cut may stand before it. */
static TRACEI_UNUSED size_t tracei_utf8_cut(const char *text, size_t size, size_t limit) {
    const unsigned char *bytes = (const unsigned char *)text;
    if (limit >= size) return size;
    for (size_t back = 1; back <= 3 && back <= limit && (bytes[limit - back + 1] & 0xc0) == 0x80; back++) {
        unsigned lead = bytes[limit - back];
        if (lead < 0xc0) continue;
        return (lead < 0xe0 ? 2u : lead < 0xf0 ? 3u : 4u) > back ? limit - back : limit;
    }
    return limit;
}

typedef struct tracei_text {
    char *data;
    size_t size, capacity;
    bool full;
} tracei_text;

static TRACEI_UNUSED void tracei_text_add(tracei_text *text, const char *bytes, size_t size) {
    size_t room = text->capacity - text->size;
    if (text->full) return;
    if (size > room) {
        text->full = true;
        size = tracei_utf8_cut(bytes, size, room);
    }
    if (size) memcpy(text->data + text->size, bytes, size);
    text->size += size;
}

/* All or nothing: half a number is a wrong number. */
static void tracei_text_whole(tracei_text *text, const char *bytes, const char *end) {
    size_t size = (size_t)(end - bytes);
    if (text->full || size > text->capacity - text->size) {
        text->full = true;
        return;
    }
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
}

static TRACEI_UNUSED void tracei_text_cstr(tracei_text *text, const char *string) {
    tracei_text_add(text, string, strlen(string));
}

static TRACEI_UNUSED void tracei_text_char(tracei_text *text, char c) {
    tracei_text_whole(text, &c, &c + 1);
}

static TRACEI_UNUSED void tracei_text_u64(tracei_text *text, uint64_t value) {
    char digits[20];
    tracei_text_whole(text, digits, tracei_put_u64(digits, value));
}

static TRACEI_UNUSED void tracei_text_i64(tracei_text *text, int64_t value) {
    char digits[20];
    tracei_text_whole(text, digits, tracei_put_i64(digits, value));
}

static TRACEI_UNUSED void tracei_text_double(tracei_text *text, double value) {
    char digits[32];
    tracei_text_whole(text, digits, tracei_put_number(digits, value));
}

static TRACEI_UNUSED void tracei_text_hex(tracei_text *text, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        tracei_text_whole(text, tracei_hex_pairs + 2 * bytes[i], tracei_hex_pairs + 2 * bytes[i] + 2);
}

static TRACEI_UNUSED void tracei_text_json(tracei_text *text, const char *bytes, size_t size) {
    while (size && !text->full) {
        char one[8], *end = one;
        size_t taken = size;
        if (size <= (text->capacity - text->size) / 6) {
            text->size = (size_t)(tracei_put_json(text->data + text->size, bytes, size) - text->data);
        } else {
            taken = tracei_put_json_one(&end, bytes, size);
            tracei_text_whole(text, one, end);
        }
        bytes += taken;
        size -= taken;
    }
}

static TRACEI_UNUSED void tracei_text_utf8(tracei_text *text, const char *bytes, size_t size) {
    while (size && !text->full) {
        char one[8], *end = one;
        size_t taken = size;
        if (size <= (text->capacity - text->size) / 3) {
            text->size = (size_t)(tracei_put_utf8(text->data + text->size, bytes, size) - text->data);
        } else {
            taken = tracei_put_code_point(&end, bytes, size);
            tracei_text_whole(text, one, end);
        }
        bytes += taken;
        size -= taken;
    }
}

/* >>time -----------------------------------------------------------------------------------------------------------

   Producers store raw ticks and nothing else; the consumer turns them into CLOCK_MONOTONIC, later into Unix time.

   A tick is the CPU's counter where the kernel keeps its own time by it (x86: time-stamp counter, arm64: virtual counter), else
   CLOCK_MONOTONIC in nanoseconds, and then all of this is the identity. tracei_tick_source is 0 for the clock; otherwise it is
   added to the counter's upper half. It starts at 1 and is raised when the counter is found to have gone backward (resume from
   suspend, a virtual machine that moved), so that the numbers go on upward and one tick means one moment for ever.

   The timeline is a row of knots {tick, time, slope}, each valid up to the next; the last one is open. Whoever is the consumer
   adds one pair {tick, monotonic} a pass, after it has taken the heads, so the ticks it is about to map lie between the previous
   pair and this one and nobody has seen their times yet. Knots are only ever added at or after the highest tick mapped so far
   (the frontier): what was mapped stays. At a pair P
     - within a microsecond of the open line: nothing happens, and this is nearly always so;
     - farther off: the piece from the frontier to P is bent to end in P, by at most 1/2048 of the slope, so durations stay true;
       what that cannot reach is left to the next pieces (steering). The open line then goes on with a fresh estimate: the
       longest baseline, up to hours, on which all remembered pairs are still in line;
     - off by more than 0.1 %: counter and clock went apart at some unknown moment in between (suspend, migration). Until that
       moment the old line was true, and before P the same slope was; both are kept, so what does not cross the gap keeps its
       duration. When the piece before was off alike, the rate has changed and the piece is simply drawn straight;
     - behind the frontier: see tracei_tick_source. What was recorded between the jump and its discovery (one pass) carries
       numbers that may have been used before; a window {low, high} claims them for the new time. The last 16 are kept.
   Straight lines from pair to pair were dropped: a pass may follow another by 10 us, where 50 ns of noise are half a percent;
   as was filtering (a PLL), which gives a tick another time whenever it learns something.

   4,096 knots are kept; a row that is full merges neighbours in its older half, always to a line at or below the old ones: what
   started long ago may seem to have started microseconds earlier, never later than its children. Ticks before the first knot
   lie on its line, continued backward.

   Unix = monotonic + the offset in force when the local root started, for all spans of its trace: a wall clock that steps in the
   middle neither moves a child before its parent nor changes a duration. An offset stays until the clocks differ by a
   millisecond more. Offsets are numbered (1 to 63, then again); a local root takes the number in force and what is below it
   inherits the number, in bits of record.flags that are copied anyway. A root that starts when no pass has looked for a while
   looks at the clocks itself, and if they moved announces the next number, which the next pass gives to what it finds. Number 0
   means "unknown": the context is another copy's, and what starts below it is a local root, too, or was made by hand. Such a
   span takes the offset that is valid at its own start; an offset is valid from the first moment not mapped when it was seen.

   One consumer at a time: no atomics but for tracei_tick_source and what says which offset is in force. All arithmetic
   saturates. */

#define TRACEI_HAVE_COUNTER 0
#if !TRACE_CONFIG_SINGLE_THREADED && TRACEI_GNU
#if (defined(__x86_64__) || defined(__i386__)) && defined(__linux__)
#include <cpuid.h>
#include <sys/prctl.h>
#undef TRACEI_HAVE_COUNTER
#define TRACEI_HAVE_COUNTER 1
#elif defined(__aarch64__) && (defined(__linux__) || defined(__APPLE__))
#undef TRACEI_HAVE_COUNTER
#define TRACEI_HAVE_COUNTER 1
#endif
#endif

#define TRACEI_TICKS_REACH_NS 1000000000u   /* ticks farther beyond the last pair are taken for rubbish */
#define TRACEI_TIME_TOLERANCE_NS 1000u
#define TRACEI_TIME_BASELINE_NS 1000000u    /* shorter ones give no slope worth having */
#define TRACEI_TIME_JUMP_NS 100000u
#define TRACEI_WALL_TOLERANCE_NS 1000000u
#define TRACEI_KNOTS_MAX 4096u
#define TRACEI_KNOTS_OWN 16u                /* without any allocation */
#define TRACEI_TIME_HISTORY 20u
#define TRACEI_TIME_WINDOWS 16u
#define TRACEI_TIME_ANCHORS 32u
#define TRACEI_WALL_SHIFT 2u                /* in record.flags and trace_context.reserved: above the W3C flags */
#define TRACEI_WALL_NUMBERS 63u
#define TRACEI_FLAGS_KNOWN (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM)

/* A tick and the two clocks, read together. */
typedef struct tracei_pair {
    uint64_t ticks, mono_ns, unix_ns;
    uint64_t doubt;               /* ticks the pair may be off by: half the bracket */
    uint64_t width;               /* ticks it took to read it all */
} tracei_pair;

typedef struct tracei_knot {
    uint64_t ticks, ns;
    uint64_t slope;               /* nanoseconds per tick, times 2^48 */
} tracei_knot;

typedef struct tracei_window {
    uint64_t low, high, ns, slope;          /* ns: at low */
} tracei_window;

typedef struct tracei_anchor {
    uint64_t from_ns, offset;     /* monotonic; magnitude of Unix - monotonic */
    uint32_t number;
    bool negative;
} tracei_anchor;

typedef struct tracei_timeline {
    bool counter;                 /* ticks are a counter's, not nanoseconds */
    bool started, settled, steering;
    uint32_t lift;                /* what has been added to the counter's upper half to keep it going upward */
    uint32_t anchor_count;
    uint32_t anchor_number;       /* of the newest; 1 to TRACEI_WALL_NUMBERS */
    uint32_t anchor_announced;    /* what the newest must be after the next pair; 0: what it is */
    uint64_t frontier;            /* highest tick ever mapped, at least the last pair's */
    uint64_t reach;               /* ticks above this are taken for rubbish */
    tracei_pair first, last;
    tracei_anchor anchors[TRACEI_TIME_ANCHORS];
#if !TRACE_CONFIG_SINGLE_THREADED
    uint64_t slope, odd_slope;    /* the estimate; that of the last piece that was off by more than 0.1 %, or 0 */
    tracei_knot *knots;
    uint32_t knot_count, knot_capacity, window_count;
    uint32_t remembered;          /* pairs put into the history; number n is in slot ctz(n), so every age is represented */
    uint64_t remembered_ns;
    tracei_pair history[TRACEI_TIME_HISTORY];
    tracei_window windows[TRACEI_TIME_WINDOWS];
    tracei_knot own_knots[TRACEI_KNOTS_OWN];
#endif
} tracei_timeline;

static uint32_t tracei_tick_source;
static tracei_pair tracei_tick_origin;      /* the process's first pair; a forked child measures from it too */

static void tracei_shortcut_refresh(void);

/* The counter, given a source that is not 0. */
static TRACEI_ALWAYS_INLINE uint64_t tracei_ticks_by(uint32_t source) {
#if TRACEI_HAVE_COUNTER && defined(__aarch64__)
    uint64_t count;
    __asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(count));
    return count + ((uint64_t)source << 32);
#elif TRACEI_HAVE_COUNTER
    uint32_t low, high;
    __asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
    return ((uint64_t)(high + source) << 32) | low;
#else
    (void)source;
    return tracei_mono_ns();
#endif
}

static TRACEI_ALWAYS_INLINE uint64_t tracei_ticks(void) {
    const uint32_t source = TRACEI_LOAD(&tracei_tick_source);
    return source ? tracei_ticks_by(source) : tracei_mono_ns();
}

TRACEI_SMALL_BEGIN

/* Keeps a counter from being read before what comes earlier in the program. */
static void tracei_ticks_fence(void) {
#if TRACEI_HAVE_COUNTER && defined(__aarch64__)
    __asm__ __volatile__("isb" : : : "memory");
#elif TRACEI_HAVE_COUNTER
    if (TRACEI_LOAD(&tracei_tick_source)) __asm__ __volatile__("lfence" : : : "memory");
#endif
}

#if TRACEI_HAVE_COUNTER && defined(__linux__)
/* True when the kernel keeps its time by this clocksource; false where it does not say. */
static bool tracei_clocksource_is(const char *name) {
    const size_t size = strlen(name);
    char text[32];
    ssize_t got;
    int file;
    do {
        file = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
    } while (file < 0 && errno == EINTR);
    if (file < 0) return false;
    do {
        got = read(file, text, sizeof text);
    } while (got < 0 && errno == EINTR);
    close(file);
    return got > (ssize_t)size && memcmp(text, name, size) == 0 && text[size] == '\n';
}
#endif

static bool tracei_counter_is_trusted(void) {
#if TRACEI_HAVE_COUNTER && defined(__aarch64__) && defined(__linux__)
    return tracei_clocksource_is("arch_sys_counter");
#elif TRACEI_HAVE_COUNTER && defined(__aarch64__)
    return true; /* what mach_absolute_time reads */
#elif TRACEI_HAVE_COUNTER
    unsigned a, b, c, d;
    int mode = 0;
    if (!__get_cpuid(0x80000007u, &a, &b, &c, &d) || !(d & 1u << 8)) return false; /* invariant */
    if (prctl(25 /* PR_GET_TSC */, &mode, 0, 0, 0) == 0 && mode == 2 /* PR_TSC_SIGSEGV */) return false;
    return tracei_clocksource_is("tsc");
#else
    return false;
#endif
}

TRACEI_SMALL_END

static uint64_t tracei_add_capped(uint64_t a, uint64_t b) {
    return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t tracei_subtract_capped(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static uint64_t tracei_distance(uint64_t a, uint64_t b) {
    return a > b ? a - b : b - a;
}

TRACEI_SMALL_BEGIN

/* One reading of everything, as ticks before, between and after. */
typedef struct tracei_bracket {
    uint64_t before, mono_ns, middle, unix_ns, after;
} tracei_bracket;

static uint64_t tracei_bracket_width(const tracei_bracket *bracket) {
    if (bracket->middle < bracket->before || bracket->after < bracket->middle) return UINT64_MAX;
    return bracket->after - bracket->before;
}

/* The narrowest was interrupted least. */
static tracei_pair tracei_bracket_narrowest(const tracei_bracket *brackets, size_t count) {
    const tracei_bracket *best = brackets;
    tracei_pair pair;
    size_t i;
    for (i = 1; i < count; i++)
        if (tracei_bracket_width(&brackets[i]) < tracei_bracket_width(best)) best = &brackets[i];
    pair.ticks = best->before + tracei_subtract_capped(best->middle, best->before) / 2;
    pair.mono_ns = best->mono_ns;
    pair.unix_ns = best->unix_ns;
    pair.doubt = tracei_subtract_capped(best->middle, best->before) / 2 + 1;
    pair.width = tracei_bracket_width(best);
    return pair;
}

/* Not before the heads were taken: no tick in a ring may be younger than the pair. */
static tracei_pair tracei_timeline_read(void) {
    tracei_bracket brackets[5];
    size_t count = 0;
    do {
        tracei_bracket *const bracket = &brackets[count++];
        tracei_ticks_fence();
        bracket->before = tracei_ticks();
        bracket->mono_ns = tracei_mono_ns();
        tracei_ticks_fence();
        bracket->middle = tracei_ticks();
        bracket->unix_ns = tracei_unix_ns();
        tracei_ticks_fence();
        bracket->after = tracei_ticks();
    } while (count < 5 && (TRACEI_LOAD(&tracei_tick_source) || tracei_bracket_width(brackets + count - 1) > 10000));
    return tracei_bracket_narrowest(brackets, count);
}

/* Once, before the first tick; allow_counter: false when the user brought a clock or turned the counter off. */
static void tracei_ticks_choose(bool allow_counter) {
    TRACEI_STORE(&tracei_tick_source, allow_counter && tracei_counter_is_trusted() ? 1u : 0u);
    tracei_tick_origin = tracei_timeline_read();
}

TRACEI_SMALL_END

#if !TRACE_CONFIG_SINGLE_THREADED

/* Ticks times slope: the upper part of a 64 x 64 bit product, rounded down, so the line never falls. */
static uint64_t tracei_slope_ns(uint64_t ticks, uint64_t slope) {
#if defined(__SIZEOF_INT128__)
    __extension__ const unsigned __int128 product = (unsigned __int128)ticks * slope;
    return product >> 112 ? UINT64_MAX : (uint64_t)(product >> 48);
#else
    const uint64_t ticks_high = ticks >> 32, ticks_low = ticks & 0xffffffffu;
    const uint64_t slope_high = slope >> 32, slope_low = slope & 0xffffffffu;
    const uint64_t low = ticks_low * slope_low, left = ticks_high * slope_low, right = ticks_low * slope_high;
    const uint64_t middle = (low >> 32) + (left & 0xffffffffu) + (right & 0xffffffffu);
    const uint64_t high = ticks_high * slope_high + (left >> 32) + (right >> 32) + (middle >> 32);
    if (high >> 48) return UINT64_MAX;
    return high << 16 | (middle & 0xffffffffu) >> 16;
#endif
}

static uint64_t tracei_slope_from_double(double slope) {
    return slope >= 18446744073709549568.0 ? UINT64_MAX : slope > 0 ? (uint64_t)slope : 0;
}

static uint64_t tracei_slope_of(uint64_t ns, uint64_t ticks) {
    return ticks ? tracei_slope_from_double((double)ns / (double)ticks * 281474976710656.0) : 0;
}

static uint64_t tracei_slope_ticks(uint64_t ns, uint64_t slope) {
    return slope ? tracei_slope_from_double((double)ns * 281474976710656.0 / (double)slope) : 0;
}

static uint64_t tracei_knot_ns(const tracei_knot *knot, uint64_t ticks) {
    return tracei_add_capped(knot->ns, tracei_slope_ns(ticks - knot->ticks, knot->slope));
}

/* The timeline as it is, for any tick. */
static uint64_t tracei_timeline_at(const tracei_timeline *timeline, uint64_t ticks) {
    const tracei_knot *const knots = timeline->knots;
    uint32_t low = 0, high = timeline->knot_count; /* the knot sought is in [low - 1, high - 1] */
    if (ticks < knots[0].ticks)
        return tracei_subtract_capped(knots[0].ns, tracei_slope_ns(knots[0].ticks - ticks, knots[0].slope));
    if (ticks >= knots[high - 1].ticks) return tracei_knot_ns(&knots[high - 1], ticks);
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (knots[middle].ticks <= ticks)
            low = middle + 1;
        else
            high = middle;
    }
    return tracei_knot_ns(&knots[low - 1], ticks);
}

TRACEI_SMALL_BEGIN

/* Takes out every other knot of the older half where a line at or below the two pieces can stand for both. */
static void tracei_knots_thin(tracei_timeline *timeline) {
    tracei_knot *const knots = timeline->knots;
    const uint32_t half = timeline->knot_count / 2;
    uint32_t kept = 0, i;
    for (i = 0; i < timeline->knot_count; i++) {
        tracei_knot *const knot = &knots[kept++];
        *knot = knots[i];
        if (i + 2 > half || knots[i + 1].ns < knot->ns || knots[i + 2].ticks == knot->ticks || knots[i + 1].ticks == knot->ticks)
            continue;
        {
            const tracei_knot *const gone = &knots[i + 1];
            const uint64_t to_gone = tracei_slope_of(gone->ns - knot->ns, gone->ticks - knot->ticks);
            const uint64_t end = tracei_knot_ns(gone, knots[i + 2].ticks);
            const uint64_t to_end = tracei_slope_of(end - knot->ns, knots[i + 2].ticks - knot->ticks);
            uint64_t slope = to_end < to_gone ? to_end : to_gone;
            slope = tracei_subtract_capped(slope, (slope >> 50) + 1); /* what a double may have rounded up */
            if (slope < knot->slope) knot->slope = slope;
            i++;
        }
    }
    if (kept > timeline->knot_count - timeline->knot_count / 8) { /* nothing but steps */
        memmove(knots, knots + half, (kept - half) * sizeof *knots);
        kept -= half;
    }
    timeline->knot_count = kept;
}

static bool tracei_knots_grow(tracei_timeline *timeline) {
    const uint32_t capacity = timeline->knot_capacity * 4 < TRACEI_KNOTS_MAX ? timeline->knot_capacity * 4 : TRACEI_KNOTS_MAX;
    tracei_knot *knots;
    if (capacity <= timeline->knot_capacity) return false;
    knots = (tracei_knot *)tracei_alloc(capacity * sizeof *knots);
    if (!knots) return false;
    memcpy(knots, timeline->knots, timeline->knot_count * sizeof *knots);
    if (timeline->knots != timeline->own_knots) tracei_free(timeline->knots, timeline->knot_capacity * sizeof *knots);
    timeline->knots = knots;
    timeline->knot_capacity = capacity;
    return true;
}

/* From this tick on, at or after the last knot. */
static void tracei_knot_add(tracei_timeline *timeline, uint64_t ticks, uint64_t ns, uint64_t slope) {
    tracei_knot *knot = timeline->knot_count ? &timeline->knots[timeline->knot_count - 1] : NULL;
    if (!knot || knot->ticks != ticks) {
        if (knot && knot->slope == slope && tracei_knot_ns(knot, ticks) == ns) return;
        if (timeline->knot_count == timeline->knot_capacity && !tracei_knots_grow(timeline)) tracei_knots_thin(timeline);
        knot = &timeline->knots[timeline->knot_count++];
    }
    knot->ticks = ticks;
    knot->ns = ns;
    knot->slope = slope;
}

/* The open line goes on from this tick with another slope. */
static void tracei_knot_bend(tracei_timeline *timeline, uint64_t ticks, uint64_t slope) {
    tracei_knot_add(timeline, ticks, tracei_timeline_at(timeline, ticks), slope);
}

static void tracei_timeline_begin(tracei_timeline *timeline, const tracei_pair *pair) {
    timeline->knot_count = timeline->window_count = timeline->remembered = 0;
    timeline->settled = timeline->steering = false;
    timeline->slope = timeline->odd_slope = timeline->remembered_ns = 0;
    timeline->first = *pair;
    timeline->frontier = pair->ticks;
    tracei_knot_add(timeline, pair->ticks, pair->mono_ns, 0);
}

static void tracei_timeline_remember(tracei_timeline *timeline, const tracei_pair *pair) {
    uint32_t number, slot = 0;
    if (timeline->remembered && pair->mono_ns - timeline->remembered_ns < TRACEI_TIME_BASELINE_NS) return;
    if (pair->doubt > 2 && tracei_slope_ns(pair->doubt, timeline->slope) > TRACEI_TIME_TOLERANCE_NS / 2) return;
    timeline->remembered_ns = pair->mono_ns;
    if (++timeline->remembered == 0) timeline->remembered = 1u << (TRACEI_TIME_HISTORY - 1);
    for (number = timeline->remembered; !(number & 1) && slot < TRACEI_TIME_HISTORY - 1; number >>= 1) slot++;
    timeline->history[slot] = *pair;
}

/* The youngest remembered pair older than this tick. */
static const tracei_pair *tracei_timeline_older(const tracei_timeline *timeline, uint64_t ticks) {
    const tracei_pair *best = NULL;
    uint32_t slot;
    for (slot = 0; slot < TRACEI_TIME_HISTORY; slot++) {
        const tracei_pair *const pair = &timeline->history[slot];
        if (pair->ticks < ticks && pair->doubt && (!best || pair->ticks > best->ticks)) best = pair;
    }
    return best;
}

/* The slope of the longest line to the pair that misses no remembered pair on its way by more than the tolerance. */
static uint64_t tracei_timeline_estimate(const tracei_timeline *timeline, const tracei_pair *pair) {
    uint64_t low = 0, high = UINT64_MAX, slope = timeline->slope;
    const tracei_pair *older = pair;
    if (!timeline->remembered) return slope;
    while ((older = tracei_timeline_older(timeline, older->ticks)) != NULL) {
        const uint64_t ticks = pair->ticks - older->ticks, ns = tracei_subtract_capped(pair->mono_ns, older->mono_ns);
        const uint64_t slack = TRACEI_TIME_TOLERANCE_NS / 2 + tracei_slope_ns(pair->doubt + older->doubt, timeline->slope);
        const uint64_t least = tracei_slope_of(tracei_subtract_capped(ns, slack), ticks);
        const uint64_t most = tracei_slope_of(ns + slack, ticks);
        if (ns < TRACEI_TIME_BASELINE_NS) continue;
        if (most < low || least > high) break;
        if (least > low) low = least;
        if (most < high) high = most;
        slope = tracei_slope_of(ns, ticks);
    }
    return slope < low ? low : slope > high ? high : slope;
}

static void tracei_timeline_forget(tracei_timeline *timeline) {
    timeline->remembered = 0;
    timeline->steering = false;
    memset(timeline->history, 0, sizeof timeline->history);
}

/* As long as no slope is known, pieces go straight to their pairs. */
static void tracei_timeline_settle(tracei_timeline *timeline, const tracei_pair *pair) {
    const uint64_t from = timeline->frontier, ticks = pair->ticks - timeline->first.ticks;
    const uint64_t ns = tracei_subtract_capped(pair->mono_ns, timeline->first.mono_ns);
    tracei_knot_bend(
        timeline, from,
        tracei_slope_of(tracei_subtract_capped(pair->mono_ns, tracei_timeline_at(timeline, from)), pair->ticks - from));
    timeline->slope = tracei_slope_of(ns, ticks);
    tracei_knot_bend(timeline, pair->ticks, timeline->slope);
    timeline->settled = ns >= TRACEI_TIME_BASELINE_NS && (pair->doubt + timeline->first.doubt) < ticks / 4096;
}

/* Counter and clock went apart between the frontier and the pair. */
static void tracei_timeline_jump(tracei_timeline *timeline, const tracei_pair *pair) {
    const uint64_t from = timeline->frontier, slope = timeline->slope, span = pair->ticks - from;
    const uint64_t elapsed = tracei_subtract_capped(pair->mono_ns, tracei_timeline_at(timeline, from));
    const uint64_t ticks = tracei_slope_ticks(elapsed, slope);
    uint64_t odd =
        tracei_slope_of(tracei_subtract_capped(pair->mono_ns, timeline->last.mono_ns), pair->ticks - timeline->last.ticks);
    if (tracei_distance(odd, slope) < slope / 4 && tracei_distance(odd, timeline->odd_slope) < tracei_distance(odd, slope) / 4) {
        tracei_knot_bend(timeline, from, tracei_slope_of(elapsed, span));
        tracei_knot_bend(timeline, pair->ticks, odd);
        timeline->slope = odd;
        odd = 0;
    } else if (span / 2 >=
               ticks) { /* the counter gained more than passed: what came before and after are told apart by their ticks */
        tracei_knot_bend(timeline, from + ticks, 0);
        tracei_knot_add(timeline, pair->ticks - ticks, tracei_subtract_capped(pair->mono_ns, tracei_slope_ns(ticks, slope)),
                        slope);
    } else { /* nobody knows when: in the middle, as a halt or as a step */
        const uint64_t half = span > ticks ? ticks / 2 : span / 2;
        const uint64_t resumed = span > ticks ? pair->ticks - half : from + half;
        const uint64_t halted = tracei_timeline_at(timeline, from + half);
        const uint64_t ns = tracei_subtract_capped(pair->mono_ns, tracei_slope_ns(pair->ticks - resumed, slope));
        tracei_knot_bend(timeline, from + half, 0);
        tracei_knot_add(timeline, resumed, ns > halted ? ns : halted, slope);
    }
    tracei_timeline_forget(timeline);
    timeline->odd_slope = odd;
}

/* The counter went backward: the next ones are lifted above all there were. The pair is lifted with them. */
static void tracei_timeline_lift(tracei_timeline *timeline, tracei_pair *pair) {
    const uint64_t slope = timeline->slope, from = timeline->frontier;
    const uint64_t elapsed = tracei_subtract_capped(pair->mono_ns, tracei_timeline_at(timeline, from));
    const uint64_t ticks = tracei_slope_ticks(elapsed, slope), reach = tracei_slope_ticks(TRACEI_TICKS_REACH_NS, slope);
    const uint64_t lift = (tracei_add_capped(tracei_add_capped(from - pair->ticks, ticks), reach) >> 32) + 2;
    const uint64_t before = ticks < pair->ticks ? ticks : pair->ticks;
    tracei_window *window;
    if (!timeline->settled || lift > UINT32_MAX - timeline->lift || pair->ticks + (lift << 32) < from) {
        tracei_timeline_begin(timeline, pair); /* older ticks become meaningless */
        return;
    }
    if (timeline->window_count == TRACEI_TIME_WINDOWS)
        memmove(timeline->windows, timeline->windows + 1, --timeline->window_count * sizeof *timeline->windows);
    window = &timeline->windows[timeline->window_count++];
    window->low = pair->ticks - before;
    window->high = pair->ticks + reach / 1024; /* by threads that had already read tracei_tick_source */
    window->ns = tracei_subtract_capped(pair->mono_ns, tracei_slope_ns(before, slope));
    window->slope = slope;
    tracei_knot_bend(timeline, from + ticks, 0);
    pair->ticks += lift << 32;
    timeline->lift += (uint32_t)lift;
    timeline->frontier = pair->ticks;
    tracei_knot_add(timeline, pair->ticks, pair->mono_ns, slope);
    tracei_timeline_forget(timeline);
}

/* Draws the piece from the frontier to the pair, and the open line from there. */
static void tracei_timeline_follow(tracei_timeline *timeline, const tracei_pair *pair) {
    const uint64_t from = timeline->frontier, from_ns = tracei_timeline_at(timeline, from);
    const uint64_t predicted = tracei_timeline_at(timeline, pair->ticks), error = tracei_distance(predicted, pair->mono_ns);
    const uint64_t doubt = tracei_slope_ns(pair->doubt, timeline->slope);
    const uint64_t elapsed = tracei_subtract_capped(pair->mono_ns, timeline->last.mono_ns);
    const uint64_t tolerance = doubt + (timeline->steering ? TRACEI_TIME_TOLERANCE_NS / 4 : TRACEI_TIME_TOLERANCE_NS);
    uint64_t slope, wanted, drawn;
    if (error > elapsed / 1024 + TRACEI_TIME_JUMP_NS + doubt) {
        tracei_timeline_jump(timeline, pair);
        return;
    }
    timeline->odd_slope = 0;
    if (error <= tolerance) {
        if (timeline->steering) tracei_knot_bend(timeline, pair->ticks, timeline->slope);
        timeline->steering = false;
        return;
    }
    slope = tracei_timeline_estimate(timeline, pair);
    if (timeline->steering && tracei_distance(slope, timeline->slope) < slope >> 14) slope = timeline->slope;
    wanted = tracei_slope_of(tracei_subtract_capped(pair->mono_ns, from_ns), pair->ticks - from);
    drawn = wanted > slope + (slope >> 11)   ? slope + (slope >> 11)
            : wanted < slope - (slope >> 11) ? slope - (slope >> 11)
                                             : wanted;
    timeline->slope = slope;
    timeline->steering = drawn != wanted;
    tracei_knot_bend(timeline, from, drawn);
    if (!timeline->steering) tracei_knot_bend(timeline, pair->ticks, slope);
}

static void tracei_timeline_draw(tracei_timeline *timeline, tracei_pair *pair) {
    if (!timeline->started) {
        tracei_timeline_begin(timeline, pair);
    } else if (pair->ticks < timeline->last.ticks &&
               tracei_slope_ns(timeline->last.ticks - pair->ticks, timeline->slope) >= TRACEI_TIME_TOLERANCE_NS) {
        tracei_timeline_lift(timeline, pair);
    } else if (pair->ticks <= timeline->frontier) {
        return; /* no piece to draw */
    } else if (!timeline->settled) {
        tracei_timeline_settle(timeline, pair);
    } else {
        tracei_timeline_follow(timeline, pair);
    }
    tracei_timeline_remember(timeline, pair);
}

TRACEI_SMALL_END

#endif /* !TRACE_CONFIG_SINGLE_THREADED */

TRACEI_SMALL_BEGIN

/* A new offset for what has not been mapped yet. */
static void tracei_timeline_anchor(tracei_timeline *timeline, const tracei_pair *pair, uint64_t from_ns, uint64_t doubt_ns) {
    tracei_anchor *last = timeline->anchor_count ? &timeline->anchors[timeline->anchor_count - 1] : NULL;
    const bool negative = pair->unix_ns < pair->mono_ns;
    const uint64_t offset = tracei_distance(pair->unix_ns, pair->mono_ns);
    const uint32_t before = timeline->anchor_number;
    const uint32_t announced = timeline->anchor_announced ? timeline->anchor_announced : before;
    if (last) {
        const uint64_t moved =
            last->negative == negative ? tracei_distance(last->offset, offset) : tracei_add_capped(last->offset, offset);
        if (moved <= tracei_add_capped(TRACEI_WALL_TOLERANCE_NS, doubt_ns) && announced == before) return;
    } else {
        from_ns = 0;
    }
    do { /* one, or those that roots announced since the last pair */
        if (timeline->anchor_count == TRACEI_TIME_ANCHORS)
            memmove(timeline->anchors, timeline->anchors + 1, --timeline->anchor_count * sizeof *last);
        last = &timeline->anchors[timeline->anchor_count++];
        last->from_ns = from_ns;
        timeline->anchor_number = timeline->anchor_number % TRACEI_WALL_NUMBERS + 1;
        last->number = timeline->anchor_number;
        last->offset = offset;
        last->negative = negative;
    } while (announced != before && timeline->anchor_number != announced);
}

/* Once a pass, after the heads were taken and before the first tick is mapped. */
static void tracei_timeline_pair(tracei_timeline *timeline, tracei_pair pair) {
    uint64_t seen_ns = timeline->frontier, doubt_ns = pair.width;
#if !TRACE_CONFIG_SINGLE_THREADED
    if (timeline->counter) {
        if (timeline->started) seen_ns = tracei_timeline_at(timeline, timeline->frontier);
        tracei_timeline_draw(timeline, &pair);
        doubt_ns = tracei_slope_ns(pair.width, timeline->slope);
    }
#endif
    tracei_timeline_anchor(timeline, &pair, tracei_add_capped(seen_ns, 1), doubt_ns);
    if (!timeline->started || pair.ticks > timeline->last.ticks) timeline->last = pair;
    timeline->reach = TRACEI_TICKS_REACH_NS;
#if !TRACE_CONFIG_SINGLE_THREADED
    if (timeline->counter) timeline->reach = tracei_slope_ticks(TRACEI_TICKS_REACH_NS, timeline->slope);
#endif
    timeline->reach = tracei_add_capped(timeline->last.ticks, timeline->reach);
    if (pair.ticks > timeline->frontier) timeline->frontier = pair.ticks;
    timeline->started = true;
}

/* Again in a forked child, which knows nothing but the process's first pair. No memory is given back. */
static void tracei_timeline_init(tracei_timeline *timeline, bool counter) {
    memset((void *)timeline, 0, sizeof *timeline);
    timeline->counter = counter;
#if !TRACE_CONFIG_SINGLE_THREADED
    timeline->knots = timeline->own_knots;
    timeline->knot_capacity = TRACEI_KNOTS_OWN;
#endif
}

static void tracei_timeline_start(tracei_timeline *timeline) {
    const uint32_t source = TRACEI_LOAD(&tracei_tick_source);
    tracei_timeline_init(timeline, source != 0);
    timeline->lift = source ? source - 1 : 0;
    tracei_timeline_pair(timeline, tracei_tick_origin);
}

/* tracei_timeline_read and tracei_timeline_pair: what a pass calls. */
static void tracei_timeline_advance(tracei_timeline *timeline) {
    const uint32_t lift = timeline->lift;
    tracei_timeline_pair(timeline, tracei_timeline_read());
    if (timeline->lift == lift) return;
    TRACEI_STORE(&tracei_tick_source, 1 + timeline->lift);
    tracei_shortcut_refresh();
    tracei_tick_origin = timeline->last;
}

TRACEI_SMALL_END

/* CLOCK_MONOTONIC of a tick: the same now and later. */
static uint64_t tracei_timeline_mono(tracei_timeline *timeline, uint64_t ticks) {
#if !TRACE_CONFIG_SINGLE_THREADED
    if (timeline->counter) {
        uint32_t i = timeline->window_count;
        if (!timeline->started) return 0;
        while (i-- > 0) {
            const tracei_window *const window = &timeline->windows[i];
            if (ticks >= window->low && ticks <= window->high)
                return tracei_add_capped(window->ns, tracei_slope_ns(ticks - window->low, window->slope));
        }
        if (ticks > timeline->reach) return tracei_timeline_at(timeline, timeline->reach);
        if (ticks > timeline->frontier) timeline->frontier = ticks;
        return tracei_timeline_at(timeline, ticks);
    }
#endif
    if (ticks > timeline->frontier && ticks <= timeline->reach) timeline->frontier = ticks;
    return ticks;
}

static uint64_t tracei_anchor_unix(const tracei_anchor *anchor, uint64_t mono_ns) {
    if (anchor->negative) return tracei_subtract_capped(mono_ns, anchor->offset);
    return tracei_add_capped(mono_ns, anchor->offset);
}

/* The Unix time of a moment by the offset of that number; 0, or one long forgotten: by the offset valid at the moment itself. */
static uint64_t tracei_timeline_unix_by(const tracei_timeline *timeline, uint64_t mono_ns, uint32_t number) {
    uint32_t i = timeline->anchor_count;
    if (i == 0) return mono_ns;
    for (; number && i > 0; i--)
        if (timeline->anchors[i - 1].number == number) return tracei_anchor_unix(&timeline->anchors[i - 1], mono_ns);
    for (i = timeline->anchor_count; i > 1 && timeline->anchors[i - 1].from_ns > mono_ns;) i--;
    return tracei_anchor_unix(&timeline->anchors[i - 1], mono_ns);
}

static uint64_t tracei_timeline_unix(const tracei_timeline *timeline, uint64_t mono_ns) {
    return tracei_timeline_unix_by(timeline, mono_ns, 0);
}

/* Which offset is in force, and when somebody last saw that it is: ticks / 2^24 (some 10 ms) << 6 | number. */
static uint32_t tracei_wall;
static uint32_t tracei_wall_offset; /* Unix - monotonic in units of 2^20 ns, its lower half */

static uint32_t tracei_wall_word(uint64_t ticks, uint32_t number) {
    return (uint32_t)(ticks >> 24) << 6 | number;
}

/* For a local root that starts at this tick: its number, shifted. Reads the clocks only where nobody did for 100 ms or more. */
static uint8_t tracei_wall_of_root(uint64_t ticks) {
    uint32_t word = TRACEI_LOAD(&tracei_wall);
    if ((((uint32_t)(ticks >> 24) - (word >> 6)) & (UINT32_MAX >> 6)) > 16) {
        const uint32_t offset = (uint32_t)((tracei_unix_ns() - tracei_mono_ns()) >> 20);
        const bool moved = offset - TRACEI_LOAD(&tracei_wall_offset) + 2 > 4;
        const uint32_t number = word & TRACEI_WALL_NUMBERS, next = moved ? number % TRACEI_WALL_NUMBERS + 1 : number;
        if (TRACEI_CAS(&tracei_wall, &word, tracei_wall_word(ticks, next))) {
            if (moved) TRACEI_STORE(&tracei_wall_offset, offset);
            word = next;
        } /* else somebody just looked */
    }
    return (uint8_t)((word & TRACEI_WALL_NUMBERS) << TRACEI_WALL_SHIFT);
}

static uint32_t tracei_wall_offset_of(const tracei_pair *pair) {
    return (uint32_t)((pair->unix_ns - pair->mono_ns) >> 20);
}

static void tracei_wall_start(tracei_timeline *timeline) {
    tracei_timeline_start(timeline);
    TRACEI_STORE(&tracei_wall_offset, tracei_wall_offset_of(&timeline->last));
    TRACEI_STORE(&tracei_wall, tracei_wall_word(timeline->last.ticks, timeline->anchor_number));
}

/* What a pass calls after it took the heads: what a root in them was promised is kept. */
static void tracei_wall_advance(tracei_timeline *timeline) {
    uint32_t word = TRACEI_LOAD_ACQUIRE(&tracei_wall);
    timeline->anchor_announced = word & TRACEI_WALL_NUMBERS;
    tracei_timeline_advance(timeline);
    if (TRACEI_CAS(&tracei_wall, &word, tracei_wall_word(timeline->last.ticks, timeline->anchor_number)))
        TRACEI_STORE(&tracei_wall_offset, tracei_wall_offset_of(&timeline->last)); /* else a root announced another meanwhile */
}

TRACEI_SMALL_BEGIN

/* >>environment ----------------------------------------------------------------------------------------------------

   The variables that concern tracing are copied out of the environment once, by the constructor while there is one thread, and
   anew by an explicit trace_init on its caller's thread. Nothing calls getenv later: a setenv elsewhere would move the strings
   under our feet. The copy is one block, "NAME=value" after "NAME=value", ended by an empty one. A block once published is
   never freed, because who reads it is not known; a new one that says the same is thrown away instead, so that init in a loop
   costs nothing. A program that gained privileges at exec (AT_SECURE, issetugid) has no environment here, as in secure_getenv.

   Reading follows OpenTelemetry's "Environment Variable Specification": empty is unset; true is the word "true" alone; what is
   no number, out of range or no word of its list is reported with what would be valid and then counts as unset. Every reader
   tries the OTEL_ name, then the aliases of the table below. A list of pairs is reported by the number of its bad item and
   never quoted: headers are secrets. A value that is quoted is cut.

   A variable that begins with OTEL_, is unknown and at most two edits from a known one is a misspelling. Names of other signals
   and of other languages' agents are no news to us: they are left alone. */

#if TRACEI_PLATFORM_POSIX && defined(__APPLE__)
#include <crt_externs.h>
#elif TRACEI_PLATFORM_POSIX
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#if TRACEI_GNU
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls"
#endif
#ifdef __cplusplus
extern "C" {
#endif
extern char **environ;
#ifdef __cplusplus
}
#endif
#if TRACEI_GNU
#pragma GCC diagnostic pop
#endif
#endif

/* What is known: of each variable its name, then the names users of other tracers have set already, then an empty one. A few long
   strings, because a pointer a name would be a relocation a name. */
static const char *const tracei_variables[] = {
    "OTEL_SDK_DISABLED\0\0" /* and AI_INFRA_TRACING_ENABLED, the other way round */
    "OTEL_SERVICE_NAME\0TRACER_SERVICE_NAME\0AI_INFRA_SERVICE_NAME\0\0"
    "OTEL_RESOURCE_ATTRIBUTES\0\0"
    "OTEL_LOG_LEVEL\0\0"
    "OTEL_PROPAGATORS\0\0"
    "OTEL_TRACES_SAMPLER\0\0"
    "OTEL_TRACES_SAMPLER_ARG\0\0" /* a rate by its alias stands alone: see tracei_sampler_from_environment */
    "OTEL_TRACES_EXPORTER\0TRACER_TYPE\0\0"
    "OTEL_BSP_SCHEDULE_DELAY\0\0"
    "OTEL_BSP_EXPORT_TIMEOUT\0\0"
    "OTEL_BSP_MAX_QUEUE_SIZE\0\0"
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE\0\0"
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT\0\0"
    "OTEL_ATTRIBUTE_COUNT_LIMIT\0\0"
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT\0\0"
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT\0\0"
    "OTEL_SPAN_EVENT_COUNT_LIMIT\0\0"
    "OTEL_SPAN_LINK_COUNT_LIMIT\0\0"
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT\0\0"
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT\0\0"
    "OTEL_EXPORTER_OTLP_ENDPOINT\0OTLP_ENDPOINT\0AI_INFRA_TRACING_ENDPOINT\0\0"
    "OTEL_EXPORTER_OTLP_PROTOCOL\0\0"
    "OTEL_EXPORTER_OTLP_HEADERS\0\0"
    "OTEL_EXPORTER_OTLP_COMPRESSION\0\0"
    "OTEL_EXPORTER_OTLP_TIMEOUT\0\0"
    "OTEL_EXPORTER_OTLP_INSECURE\0\0"
    "OTEL_EXPORTER_OTLP_CERTIFICATE\0\0"
    "OTEL_EXPORTER_OTLP_CLIENT_KEY\0\0"
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE\0\0"
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT\0\0"
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL\0\0"
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS\0\0"
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION\0\0"
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT\0\0"
    "OTEL_EXPORTER_OTLP_TRACES_INSECURE\0OTEL_EXPORTER_OTLP_SPAN_INSECURE\0\0"
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE\0\0"
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY\0\0"
    "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE\0\0"
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT\0ZIPKIN_ENDPOINT\0\0"
    "OTEL_EXPORTER_ZIPKIN_TIMEOUT\0\0"
    "OTEL_EXPORTER_JAEGER_PROTOCOL\0\0"
    "OTEL_EXPORTER_JAEGER_ENDPOINT\0JAEGER_ENDPOINT\0\0"
    "OTEL_EXPORTER_JAEGER_TIMEOUT\0\0"
    "OTEL_EXPORTER_JAEGER_USER\0\0"
    "OTEL_EXPORTER_JAEGER_PASSWORD\0\0"
    "OTEL_EXPORTER_JAEGER_AGENT_HOST\0\0"
    "OTEL_EXPORTER_JAEGER_AGENT_PORT\0\0"
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT\0\0"
    "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS\0\0"
    "OTEL_CONFIG_FILE\0\0"
    "OTEL_EXPERIMENTAL_CONFIG_FILE\0\0",
    /* no OTEL_ name: what the others called it, and ours by no name at all */
    "TRACER_SERVICE_VERSION\0AI_INFRA_SERVICE_VERSION\0\0"
    "TRACER_ENVIRONMENT\0AI_INFRA_ENVIRONMENT\0\0"
    "TRACER_SAMPLING_RATE\0AI_INFRA_TRACING_SAMPLE_RATE\0\0"
    "AI_INFRA_TRACING_ENABLED\0\0",
    /* backends' own, used by the presets of trace_otlp.h */
    "LANGSMITH_TRACING\0LANGSMITH_TRACING_V2\0LANGCHAIN_TRACING_V2\0\0" /* true: that preset, where no exporter is named */
    "LANGSMITH_API_KEY\0LANGCHAIN_API_KEY\0\0"
    "LANGSMITH_PROJECT\0LANGCHAIN_PROJECT\0\0"
    "LANGSMITH_ENDPOINT\0LANGCHAIN_ENDPOINT\0\0"
    "LANGFUSE_PUBLIC_KEY\0\0"
    "LANGFUSE_SECRET_KEY\0\0"
    "LANGFUSE_BASE_URL\0LANGFUSE_HOST\0LANGFUSE_OTEL_HOST\0\0"
    "PHOENIX_COLLECTOR_ENDPOINT\0PHOENIX_ENDPOINT\0\0"
    "PHOENIX_API_KEY\0\0"
    "PHOENIX_PROJECT_NAME\0\0"
    "HONEYCOMB_API_KEY\0\0"
    "HONEYCOMB_API_ENDPOINT\0\0"
    "HONEYCOMB_DATASET\0\0"
    "NEW_RELIC_LICENSE_KEY\0NEW_RELIC_API_KEY\0\0"
    "NEW_RELIC_OTLP_ENDPOINT\0\0"
    "GRAFANA_CLOUD_OTLP_ENDPOINT\0\0"
    "GRAFANA_CLOUD_INSTANCE_ID\0\0"
    "GRAFANA_CLOUD_API_KEY\0GRAFANA_CLOUD_API_TOKEN\0\0"
    "DT_ENDPOINT\0DYNATRACE_ENDPOINT\0DYNATRACE_ENV_URL\0\0"
    "DT_API_TOKEN\0DYNATRACE_API_TOKEN\0\0"
    "DD_API_KEY\0DATADOG_API_KEY\0\0"
    "DD_SITE\0\0"
    "AGENTOPS_API_KEY\0\0"
    "AGENTOPS_API_ENDPOINT\0\0"
    "AGENTOPS_EXPORTER_ENDPOINT\0\0"
    "VLLORA_TRACING_BASE_URL\0\0"
    "VLLORA_API_KEY\0\0"
    "VLLORA_PROJECT_ID\0\0"
    "AWS_REGION\0AWS_DEFAULT_REGION\0\0"
    "AWS_ACCESS_KEY_ID\0\0"
    "AWS_SECRET_ACCESS_KEY\0\0"
    "AWS_SESSION_TOKEN\0\0"
    "AWS_ENDPOINT_URL_XRAY\0\0",
    /* the console's */
    "TRACE_CONSOLE\0\0"
    "TRACE_METRICS_FILE\0\0"
    "TRACE_FUNCTIONS_MIN_US\0\0"
    "TRACE_FUNCTIONS_INCLUDE\0\0"
    "TRACE_FUNCTIONS_EXCLUDE\0\0"
    "TRACE_FUNCTIONS_DEPTH\0\0"
    "NO_COLOR\0\0"
    "CLICOLOR_FORCE\0\0"
    "TERM\0\0"
    "COLUMNS\0\0"
    "LC_ALL\0\0"
    "LC_CTYPE\0\0"
    "LANG\0\0",
    /* of every program that speaks HTTP; an empty one is not as if it were unset */
    "http_proxy\0\0" /* in lower case only: a CGI program finds a request's Proxy header in HTTP_PROXY */
    "https_proxy\0HTTPS_PROXY\0\0"
    "all_proxy\0ALL_PROXY\0\0"
    "no_proxy\0NO_PROXY\0\0",
    /* carriers: see trace_extract_environment */
    "TRACEPARENT\0\0"
    "TRACESTATE\0\0"
    "BAGGAGE\0\0"
    "B3\0\0"
    "X_B3_TRACEID\0\0"
    "X_B3_SPANID\0\0"
    "X_B3_SAMPLED\0\0"
    "X_B3_FLAGS\0\0"
    "UBER_TRACE_ID\0\0"
    "X_AMZN_TRACE_ID\0_X_AMZN_TRACE_ID\0\0"
};

/* From the first name of a variable to that of the next, from NULL to the very first; NULL after the last. */
static const char *tracei_variable_next(const char *variable, size_t *group) {
    if (!variable) return tracei_variables[*group = 0];
    while (*variable) variable += strlen(variable) + 1;
    variable++;
    if (!*variable && *group + 1 < sizeof tracei_variables / sizeof tracei_variables[0]) variable = tracei_variables[++*group];
    return *variable ? variable : NULL;
}

/* From a name of a variable to its next one. */
static const char *tracei_variable_alias(const char *name) {
    name += strlen(name) + 1;
    return *name ? name : NULL;
}

/* Families in which a name close to one of ours is reported as misspelled. */
static const char *const tracei_own_prefixes[] = {"OTEL_",     "TRACE_",     "LANGSMITH_", "LANGCHAIN_",
                                                  "LANGFUSE_", "PHOENIX_",   "HONEYCOMB_", "NEW_RELIC_",
                                                  "GRAFANA_CLOUD_", "AGENTOPS_", "VLLORA_"};

/* Names close to ours that mean something else. */
static const char *const tracei_foreign_prefixes[] = {
    "OTEL_BLRP_", "OTEL_LOGS_", "OTEL_LOGRECORD_", "OTEL_METRIC_", "OTEL_METRICS_",
    "OTEL_EXPORTER_OTLP_LOGS_", "OTEL_EXPORTER_OTLP_METRICS_", "OTEL_EXPORTER_OTLP_METRIC_", "OTEL_EXPORTER_OTLP_PROFILES_",
    "OTEL_EXPORTER_PROMETHEUS_", "OTEL_SEMCONV_",
};

static const char *const tracei_environment_none = "";
static const char *tracei_environment_block = "";

static bool tracei_environment_is(const char *entry, const char *name) {
    const size_t size = strlen(name);
    return strncmp(entry, name, size) == 0 && entry[size] == '=';
}

/* The family's prefix; NULL: none of ours. */
static const char *tracei_environment_family(const char *entry) {
    for (size_t i = 0; i < sizeof tracei_own_prefixes / sizeof tracei_own_prefixes[0]; i++)
        if (strncmp(entry, tracei_own_prefixes[i], strlen(tracei_own_prefixes[i])) == 0) return tracei_own_prefixes[i];
    return NULL;
}

#if !TRACEI_PLATFORM_NONE
static bool tracei_environment_concerns(const char *entry) {
    const char *variable = NULL, *name;
    size_t group = 0;
    if (tracei_environment_family(entry)) return true;
    while ((variable = tracei_variable_next(variable, &group)) != NULL)
        for (name = variable; name; name = tracei_variable_alias(name))
            if (tracei_environment_is(entry, name)) return true;
    return false;
}
#endif

#if TRACEI_PLATFORM_POSIX
/* NULL: none to be read. */
static char **tracei_environment_list(void) {
#if defined(__APPLE__)
    return issetugid() ? NULL : *_NSGetEnviron();
#elif defined(__linux__) && defined(AT_SECURE)
    return getauxval(AT_SECURE) ? NULL : environ;
#elif defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__) || defined(__DragonFly__) || defined(__sun)
    return issetugid() ? NULL : environ;
#else
    return getuid() != geteuid() || getgid() != getegid() ? NULL : environ;
#endif
}

/* In `capacity` bytes, the last two of which stay zero; the size needed when it does not fit or block is NULL. */
static size_t tracei_environment_copy(char *block, size_t capacity) {
    char **entry = tracei_environment_list();
    size_t used = 0;
    for (; entry && *entry; entry++) {
        size_t size;
        if (!tracei_environment_concerns(*entry)) continue;
        size = strlen(*entry) + 1;
        if (block && size < capacity - used) memcpy(block + used, *entry, size - 1);
        used += size;
        if (block && used >= capacity) break;
    }
    return used ? used + 1 : 0;
}
#elif TRACEI_PLATFORM_WINDOWS
static size_t tracei_environment_copy(char *block, size_t capacity) {
    WCHAR *const all = GetEnvironmentStringsW();
    const WCHAR *entry = all;
    size_t used = 0;
    for (; entry && *entry; entry += wcslen(entry) + 1) {
        char name[128];
        size_t i;
        int size;
        for (i = 0; i < sizeof name - 1 && entry[i]; i++) name[i] = entry[i] < 0x80 ? (char)entry[i] : '?';
        name[i] = '\0';
        if (!tracei_environment_concerns(name)) continue;
        size = WideCharToMultiByte(CP_UTF8, 0, entry, -1, NULL, 0, NULL, NULL);
        if (size <= 0) continue;
        if (block && (size_t)size < capacity - used)
            (void)WideCharToMultiByte(CP_UTF8, 0, entry, -1, block + used, size, NULL, NULL);
        used += (size_t)size;
        if (block && used >= capacity) break;
    }
    if (all) FreeEnvironmentStringsW(all);
    return used ? used + 1 : 0;
}
#else
static size_t tracei_environment_copy(char *block, size_t capacity) {
    (void)block, (void)capacity;
    return 0;
}
#endif

/* For what is no setting, a carrier's variables: read when the caller asks. As secure_getenv: what somebody says who starts a
   program with more privileges than his own counts for nothing. */
static const char *tracei_getenv(const char *name) {
#if TRACEI_PLATFORM_POSIX
    if (!tracei_environment_list()) return NULL;
#endif
    return getenv(name);
}

static size_t tracei_environment_size(const char *block) {
    const char *at = block;
    while (*at) at += strlen(at) + 1;
    return (size_t)(at - block) + 1;
}

/* As if there were no variables: config.disable_environment. */
static void tracei_environment_forget(void) {
    TRACEI_STORE_RELEASE(&tracei_environment_block, tracei_environment_none);
}

static void tracei_environment_snapshot(void) {
    const size_t size = tracei_environment_copy(NULL, 0);
    const char *const before = TRACEI_LOAD_ACQUIRE(&tracei_environment_block);
    char *block;
    if (size == 0) {
        tracei_environment_forget();
        return;
    }
    block = (char *)tracei_alloc(size);
    if (!block) {
        tracei_log(TRACE_LOG_LEVEL_ERROR, "no memory for the environment: its variables are not read");
        tracei_environment_forget();
        return;
    }
    (void)tracei_environment_copy(block, size);
    if (tracei_environment_size(before) == tracei_environment_size(block) &&
        memcmp(before, block, tracei_environment_size(block)) == 0)
        tracei_free(block, size);
    else
        TRACEI_STORE_RELEASE(&tracei_environment_block, (const char *)block);
}

/* NULL when unset. Good for ever. */
static const char *tracei_environment_as_is(const char *name) {
    const char *entry = TRACEI_LOAD_ACQUIRE(&tracei_environment_block);
    for (; *entry; entry += strlen(entry) + 1)
        if (tracei_environment_is(entry, name)) return entry + strlen(name) + 1;
    return NULL;
}

/* NULL when unset or empty. Good for ever. */
static const char *tracei_environment(const char *name) {
    const char *const value = tracei_environment_as_is(name);
    return value && *value ? value : NULL;
}

/* The i-th name a setting goes by: its own, then its aliases; NULL after the last. */
static const char *tracei_environment_alias(const char *name, unsigned i) {
    const char *variable = NULL;
    size_t group = 0;
    if (i == 0) return name;
    while ((variable = tracei_variable_next(variable, &group)) != NULL && strcmp(variable, name) != 0) {}
    while (variable && i-- > 0) variable = tracei_variable_alias(variable);
    return variable;
}

/* The value by whichever name is set first; *found (may be NULL) is that name. */
static const char *tracei_environment_any(const char *name, const char **found) {
    const char *candidate, *value;
    for (unsigned i = 0; (candidate = tracei_environment_alias(name, i)) != NULL; i++) {
        value = tracei_environment(candidate);
        if (!value) continue;
        if (found) *found = candidate;
        return value;
    }
    return NULL;
}

/* Parsing: text in, value out, no log. */

static trace_string tracei_environment_trim(const char *text, size_t size) {
    trace_string trimmed;
    while (size && (text[0] == ' ' || text[0] == '\t')) text++, size--;
    while (size && (text[size - 1] == ' ' || text[size - 1] == '\t')) size--;
    trimmed.data = text;
    trimmed.size = size;
    return trimmed;
}

static char tracei_environment_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool tracei_environment_same_word(trace_string text, const char *word) {
    if (strlen(word) != text.size) return false;
    for (size_t i = 0; i < text.size; i++)
        if (tracei_environment_lower(text.data[i]) != tracei_environment_lower(word[i])) return false;
    return true;
}

/* The place in a list ended by NULL; -1: not there. */
static int tracei_environment_word(trace_string text, const char *const *words) {
    for (int i = 0; words[i]; i++)
        if (tracei_environment_same_word(text, words[i])) return i;
    return -1;
}

/* Digits only; false also when out of the range. The text is not empty, or `low` not 0. */
static bool tracei_environment_digits(trace_string text, uint32_t low, uint32_t high, uint32_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
        if (value > high) return false;
    }
    if (value < low) return false;
    *out = (uint32_t)value;
    return true;
}

/* "12", ".5", "0.25", "1e-3", a sign; what strtod reads, without its locale, its hexadecimals and its infinities. */
static bool tracei_environment_decimal(trace_string text, double *out) {
    uint64_t digits = 0;
    int power = 0, exponent = 0;
    size_t i = 0;
    bool any = false, point = false, minus = false, down = false;
    double value;
    if (i < text.size && (text.data[i] == '-' || text.data[i] == '+')) minus = text.data[i++] == '-';
    for (; i < text.size && (text.data[i] == '.' || (text.data[i] >= '0' && text.data[i] <= '9')); i++) {
        if (text.data[i] == '.') {
            if (point) return false;
            point = true;
            continue;
        }
        any = true;
        if (digits < UINT64_C(100000000000000000)) {
            digits = digits * 10 + (uint64_t)(text.data[i] - '0');
            if (point) power--;
        } else if (!point && power < 1000) {
            power++; /* digits beyond the seventeenth count for nothing but their place */
        }
    }
    if (!any) return false;
    if (i < text.size && (text.data[i] == 'e' || text.data[i] == 'E')) {
        i++;
        if (i < text.size && (text.data[i] == '-' || text.data[i] == '+')) down = text.data[i++] == '-';
        if (i == text.size) return false;
        for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
            if (exponent < 1000) exponent = exponent * 10 + (text.data[i] - '0');
    }
    if (i != text.size) return false;
    power += down ? -exponent : exponent;
    value = (double)digits;
    if (digits) {
        double scale = 1;
        for (int n = power < 0 ? -power : power; n > 0 && scale < DBL_MAX; n--) scale *= 10; /* infinity ends it too */
        value = power < 0 ? value / scale : value * scale;
    }
    *out = minus ? -value : value;
    return true;
}

/* The next item of a comma list that is not blank. */
static bool tracei_environment_item(const char **rest, trace_string *item) {
    while (**rest) {
        size_t size = 0;
        while ((*rest)[size] && (*rest)[size] != ',') size++; /* some strcspn look for the end of the text first */
        *item = tracei_environment_trim(*rest, size);
        *rest += size;
        if (**rest) ++*rest;
        if (item->size) return true;
    }
    return false;
}

static int tracei_environment_hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decodes into `at`, which has room for text.size bytes. The end; NULL: a bad escape, a zero byte or invalid UTF-8. */
static char *tracei_environment_decode(char *at, trace_string text) {
    char *const start = at;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') {
            const int high = text.size - i > 2 ? tracei_environment_hex(text.data[i + 1]) : -1;
            const int low = text.size - i > 2 ? tracei_environment_hex(text.data[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0) return NULL;
            c = (char)(unsigned char)(high * 16 + low);
            i += 2;
        }
        *at++ = c;
    }
    return tracei_utf8_valid(start, (size_t)(at - start)) == (size_t)(at - start) ? at : NULL;
}

/* No more pairs than there are equals signs, and one more than commas. */
static size_t tracei_environment_pair_limit(const char *text) {
    size_t commas = 0, equals = 0;
    for (; *text; text++) commas += *text == ',', equals += *text == '=';
    return commas < equals ? commas + 1 : equals + 1;
}

/* One item; *why tells what is wrong with it. `at` has room for the item. */
static char *tracei_environment_pair(char *at, trace_string item, trace_header *pair, const char **why) {
    const char *const equals = (const char *)memchr(item.data, '=', item.size);
    const size_t size = equals ? (size_t)(equals - item.data) : 0;
    const trace_string key = tracei_environment_trim(item.data, size);
    *why = !equals ? "has no \"=\"" : "has no key";
    if (!key.size) return NULL;
    *why = "is not valid percent-encoded UTF-8";
    pair->name.data = at;
    at = tracei_environment_decode(at, key);
    if (!at) return NULL;
    pair->name.size = (size_t)(at - pair->name.data);
    pair->value.data = at;
    at = tracei_environment_decode(at, tracei_environment_trim(equals + 1, item.size - size - 1));
    if (!at) return NULL;
    pair->value.size = (size_t)(at - pair->value.data);
    return at;
}

/* Two edits at most are told apart; more is 3. Letters' case does not count. */
static unsigned tracei_environment_distance(trace_string a, const char *b) {
    uint8_t row[72];
    const size_t b_size = strlen(b);
    unsigned best = 0;
    if (a.size >= 64 || b_size >= 64 || a.size > b_size + 2 || b_size > a.size + 2) return 3;
    for (size_t j = 0; j <= b_size; j++) row[j] = (uint8_t)j;
    for (size_t i = 0; i < a.size; i++) {
        uint8_t diagonal = row[0];
        row[0] = (uint8_t)(i + 1);
        best = row[0];
        for (size_t j = 0; j < b_size; j++) {
            const bool same = tracei_environment_lower(a.data[i]) == tracei_environment_lower(b[j]);
            const uint8_t above = row[j + 1];
            uint8_t cost = (uint8_t)(diagonal + (same ? 0 : 1));
            if (above + 1 < cost) cost = (uint8_t)(above + 1);
            if (row[j] + 1 < cost) cost = (uint8_t)(row[j] + 1);
            diagonal = above;
            row[j + 1] = cost;
            if (cost < best) best = cost;
        }
        if (best > 2) return 3;
    }
    return row[b_size] > 2 ? 3 : row[b_size];
}

/* Reports. Quoted values are cut; the log takes control characters out. */

#define TRACEI_QUOTED 64

static int tracei_environment_quoted(trace_string text) {
    return (int)tracei_utf8_cut(text.data, text.size, TRACEI_QUOTED);
}

/* The word that may have been meant; NULL: none is near, of short ones not even with half of the letters. */
static const char *tracei_environment_nearest_word(trace_string value, const char *const *words) {
    const char *nearest = NULL;
    unsigned best = value.size < 4 ? 2 : 3;
    for (; *words; words++) {
        const unsigned distance = tracei_environment_distance(value, *words);
        if (distance < best) best = distance, nearest = *words;
    }
    return nearest;
}

/* "NAME=value ignored: must be one of a, b, c; did you mean a?", or what `otherwise` says when nothing is near. */
static void tracei_environment_bad_word(const char *name, trace_string value, const char *const *words, const char *otherwise) {
    char list[320];
    tracei_text text;
    const char *const nearest = tracei_environment_nearest_word(value, words);
    memset(&text, 0, sizeof text);
    text.data = list;
    text.capacity = sizeof list;
    for (size_t i = 0; words[i]; i++) {
        if (i) tracei_text_cstr(&text, ", ");
        tracei_text_cstr(&text, words[i]);
    }
    tracei_log(TRACE_LOG_LEVEL_WARNING, "%s=%.*s ignored: must be one of %.*s%s%s%s", name, tracei_environment_quoted(value),
               value.data, (int)text.size, list, nearest ? "; did you mean " : otherwise, nearest ? nearest : "",
               nearest ? "?" : "");
}

/* Readers. Each looks under the name and its aliases, complains of what it cannot use and goes on. */

/* The next name under which there is something that is not blank. */
static const char *tracei_environment_try(const char *name, unsigned *i, trace_string *value) {
    const char *candidate;
    while ((candidate = tracei_environment_alias(name, (*i)++)) != NULL) {
        const char *const text = tracei_environment(candidate);
        if (!text) continue;
        *value = tracei_environment_trim(text, strlen(text));
        if (value->size) return candidate;
    }
    return NULL;
}

/* false when unset. What is neither true nor false is reported and false ("Boolean" in the specification). */
static bool tracei_environment_bool(const char *name) {
    unsigned i = 0;
    trace_string value;
    const char *const found = tracei_environment_try(name, &i, &value);
    if (!found) return false;
    if (tracei_environment_same_word(value, "true")) return true;
    if (!tracei_environment_same_word(value, "false"))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s=%.*s taken as false: must be true or false", found,
                   tracei_environment_quoted(value), value.data);
    return false;
}

/* A whole number: a count, milliseconds, bytes. */
static bool tracei_environment_u32(const char *name, uint32_t low, uint32_t high, uint32_t *out) {
    unsigned i = 0;
    trace_string value;
    const char *found;
    while ((found = tracei_environment_try(name, &i, &value)) != NULL) {
        if (tracei_environment_digits(value, low, high, out)) return true;
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s=%.*s ignored: must be a whole number from %u to %u", found,
                   tracei_environment_quoted(value), value.data, (unsigned)low, (unsigned)high);
    }
    return false;
}

static bool tracei_environment_ratio(const char *name, double *out) {
    unsigned i = 0;
    trace_string value;
    const char *found;
    while ((found = tracei_environment_try(name, &i, &value)) != NULL) {
        double ratio;
        if (tracei_environment_decimal(value, &ratio) && ratio >= 0 && ratio <= 1) {
            *out = ratio;
            return true;
        }
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s=%.*s ignored: must be a number from 0 to 1", found,
                   tracei_environment_quoted(value), value.data);
    }
    return false;
}

/* The place of the value in a list of words ended by NULL, in any letter case; -1: unset. */
static int tracei_environment_enum(const char *name, const char *const *words) {
    unsigned i = 0;
    trace_string value;
    const char *found;
    while ((found = tracei_environment_try(name, &i, &value)) != NULL) {
        const int at = tracei_environment_word(value, words);
        if (at >= 0) return at;
        tracei_environment_bad_word(found, value, words, "");
    }
    return -1;
}

/* A decoded list of pairs in memory of its own: all of it or, after one bad item, nothing. Blank items are skipped. */
typedef struct tracei_pairs {
    trace_header *items;
    size_t count;
    size_t size;                  /* bytes allocated */
} tracei_pairs;

static void tracei_pairs_free(tracei_pairs *pairs) {
    tracei_free(pairs->items, pairs->size);
    memset(pairs, 0, sizeof *pairs);
}

static bool tracei_pairs_parse(tracei_pairs *pairs, const char *name, const char *text) {
    const size_t limit = tracei_environment_pair_limit(text);
    const char *why = NULL;
    trace_string item;
    unsigned number = 0;
    char *at;
    memset(pairs, 0, sizeof *pairs);
    if (limit > SIZE_MAX / 4 / sizeof(trace_header)) return false;
    pairs->size = limit * sizeof(trace_header) + strlen(text) + 1;
    pairs->items = (trace_header *)tracei_alloc(pairs->size);
    if (!pairs->items) {
        memset(pairs, 0, sizeof *pairs);
        tracei_log(TRACE_LOG_LEVEL_ERROR, "%s ignored: no memory", name);
        return false;
    }
    at = (char *)(pairs->items + limit);
    while (tracei_environment_item(&text, &item)) {
        number++;
        at = tracei_environment_pair(at, item, &pairs->items[pairs->count], &why);
        if (!at) {
            tracei_log(TRACE_LOG_LEVEL_WARNING, "%s ignored as a whole: item %u %s; must be key=value,key=value, percent-encoded",
                       name, number, why);
            tracei_pairs_free(pairs);
            return false;
        }
        pairs->count++;
    }
    return true;
}

/* false: unset, or bad and reported. To be freed when true. */
static bool tracei_environment_pairs(const char *name, tracei_pairs *pairs) {
    const char *const value = tracei_environment(name);
    memset(pairs, 0, sizeof *pairs);
    return value && tracei_pairs_parse(pairs, name, value);
}

/* OTEL_SDK_DISABLED, or AI_INFRA_TRACING_ENABLED=false where the former is unset. */
static bool tracei_environment_disabled(void) {
    static const char *const words[] = {"false", "0", "no", "off", "true", "1", "yes", "on", NULL};
    int at;
    if (tracei_environment("OTEL_SDK_DISABLED")) return tracei_environment_bool("OTEL_SDK_DISABLED");
    at = tracei_environment_enum("AI_INFRA_TRACING_ENABLED", words);
    return at >= 0 && at < 4;
}

/* OTEL_LOG_LEVEL; DEFAULT when unset. */
static trace_log_level tracei_environment_log_level(void) {
    static const char *const words[] = {"none", "error", "warn", "info", "debug", "warning", "off", "trace", NULL};
    static const trace_log_level levels[] = {TRACE_LOG_LEVEL_NONE, TRACE_LOG_LEVEL_ERROR, TRACE_LOG_LEVEL_WARNING,
                                             TRACE_LOG_LEVEL_INFO, TRACE_LOG_LEVEL_DEBUG, TRACE_LOG_LEVEL_WARNING,
                                             TRACE_LOG_LEVEL_NONE, TRACE_LOG_LEVEL_DEBUG};
    const int at = tracei_environment_enum("OTEL_LOG_LEVEL", words);
    return at < 0 ? TRACE_LOG_LEVEL_DEFAULT : levels[at];
}

static bool tracei_environment_is_foreign(const char *entry) {
    for (size_t i = 0; i < sizeof tracei_foreign_prefixes / sizeof tracei_foreign_prefixes[0]; i++)
        if (strncmp(entry, tracei_foreign_prefixes[i], strlen(tracei_foreign_prefixes[i])) == 0) return true;
    return false;
}

/* The known name of that family at most two edits away; NULL: the name is known, foreign, or like none of ours. */
static const char *tracei_environment_nearest(trace_string name, const char *family) {
    const char *nearest = NULL, *variable = NULL, *candidate;
    unsigned best = 3;
    size_t group = 0;
    while ((variable = tracei_variable_next(variable, &group)) != NULL)
        for (candidate = variable; candidate; candidate = tracei_variable_alias(candidate)) {
            unsigned distance;
            if (strncmp(candidate, family, strlen(family)) != 0) continue;
            if (strlen(candidate) == name.size && memcmp(candidate, name.data, name.size) == 0) return NULL;
            distance = tracei_environment_distance(name, candidate);
            if (distance < best) best = distance, nearest = candidate;
        }
    return nearest;
}

/* Reports misspelled names, and what we know but cannot do. Once for each init, after the logger and the level are set. */
static void tracei_environment_check(void) {
    const char *entry = TRACEI_LOAD_ACQUIRE(&tracei_environment_block);
    for (; *entry; entry += strlen(entry) + 1) {
        const trace_string name = {entry, strcspn(entry, "=")};
        const char *const family = tracei_environment_family(entry), *nearest;
        if (!family || tracei_environment_is_foreign(entry)) continue;
        nearest = tracei_environment_nearest(name, family);
        if (nearest)
            tracei_log(TRACE_LOG_LEVEL_WARNING, "%.*s is not a known variable: did you mean %s?", tracei_environment_quoted(name),
                       entry, nearest);
    }
    if (tracei_environment("OTEL_CONFIG_FILE") || tracei_environment("OTEL_EXPERIMENTAL_CONFIG_FILE"))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "OTEL_CONFIG_FILE ignored: configuration files are not supported; other variables apply");
}

/* >>resource -------------------------------------------------------------------------------------------------------

   What this process is. Built at init, from the weakest source to the strongest, a later one replacing the value of a key:

       detected              process, host, os, service.instance.id, telemetry.sdk
       other tracers' names  TRACER_SERVICE_NAME and so on
       the environment       OTEL_RESOURCE_ATTRIBUTES (all or nothing), OTEL_SERVICE_NAME
       trace_config          resource_attributes, then service_name, service_version, environment

   It lies in one block: attributes, then what they point to. A first walk over the sources counts, a second one copies; both
   run the same code on a builder that without a block only adds up. The block is never freed, since a batch handed to an
   exporter that missed its deadline may still be read; a rebuilt resource that is equal to the one in use is thrown away, so
   that init in a loop costs no memory. tracei_resource changes under the lock of the pass alone.

   Detectors ask the system once, with raw open, read and close, and keep short texts. What would tell on a person or hold a
   secret is not collected: no owner, no arguments, no working directory, no addresses.

   After a fork the child is another instance: its process id, start time and instance id are overwritten in place, in the
   child's copy of the block, where the same lengths fit. */

#if TRACEI_PLATFORM_POSIX
#include <sys/utsname.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#elif defined(__FreeBSD__)
#include <sys/sysctl.h>
#endif
#endif

#define TRACEI_SDK_NAME "trace.h"
#define TRACEI_VALUE_DEPTH 64u            /* arrays in arrays; deeper ones are null (Trace SDK, attribute limits) */
#define TRACEI_INSTANCE_SIZE 36u
#define TRACEI_TIME_SIZE 24u

static trace_resource tracei_resource;

/* What the running resource has that a forked child must change; NULL where the user gave a value of his own. */
static struct {
    trace_attribute *pid;
    char *instance;
    char *created;
} tracei_resource_own;

/* Found once a process. */
typedef struct tracei_detected {
    bool done;
    char instance[TRACEI_INSTANCE_SIZE + 1];
    char created[TRACEI_TIME_SIZE + 1];
    char path[1024];
    const char *program;          /* the last part of path */
    char command[256];
    char host_name[256], host_id[64], host_arch[32];
    char os_name[64], os_version[64], os_description[128], os_build[64];
} tracei_detected;
static tracei_detected tracei_self;

/* Detectors. Each leaves an empty text behind when there is nothing to be had. */

static void tracei_make_instance(char out[TRACEI_INSTANCE_SIZE + 1]) {
    uint8_t bytes[16];
    char hex[32];
    char *at = out;
    if (!tracei_random_bytes(bytes, sizeof bytes)) {
        const uint64_t now = tracei_unix_ns(), ticks = tracei_mono_ns() ^ (uint64_t)(uintptr_t)&bytes;
        for (size_t i = 0; i < 8; i++) {
            bytes[i] = (uint8_t)(bytes[i] ^ now >> 8 * i);
            bytes[8 + i] = (uint8_t)(bytes[8 + i] ^ ticks >> 8 * i);
        }
    }
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    tracei_put_hex(hex, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof hex; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) *at++ = '-';
        *at++ = hex[i];
    }
    *at = '\0';
}

/* 2026-01-31T23:59:59.999Z; proleptic Gregorian, from days since 1970-01-01 by way of years that begin in March. */
static TRACEI_UNUSED void tracei_put_time(char out[TRACEI_TIME_SIZE + 1], uint64_t unix_ns) {
    const uint64_t ms = unix_ns / 1000000 % 1000, seconds = unix_ns / 1000000000 % 86400,
                   days = unix_ns / 1000000000 / 86400 + 719468;
    const uint64_t era = days / 146097, day = days % 146097;
    const uint64_t year_of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    const uint64_t day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint64_t march = (5 * day_of_year + 2) / 153, month = march < 10 ? march + 3 : march - 9;
    const uint64_t values[7] = {era * 400 + year_of_era + (month <= 2),
                                month,
                                day_of_year - (153 * march + 2) / 5 + 1,
                                seconds / 3600,
                                seconds / 60 % 60,
                                seconds % 60,
                                ms};
    static const char shape[] = "4-2-2T2:2:2.3Z";
    size_t value = 0;
    char *at = out;
    for (const char *c = shape; *c; c++) {
        const size_t width = *c >= '1' && *c <= '9' ? (size_t)(*c - '0') : 0;
        uint64_t rest = width ? values[value] : 0;
        if (!width) {
            *at++ = *c;
            continue;
        }
        value++;
        for (size_t i = width; i-- > 0; rest /= 10) at[i] = (char)('0' + rest % 10);
        at += width;
    }
    *at = '\0';
}

#if TRACEI_PLATFORM_POSIX
static void tracei_detect_text(char *to, size_t capacity, const char *from, size_t size) {
    if (size > capacity - 1) size = tracei_utf8_cut(from, size, capacity - 1);
    memcpy(to, from, size);
    to[size] = '\0';
}

/* At most capacity - 1 bytes, terminated; the size, 0 when it cannot be read. */
static size_t tracei_read_file(const char *path, char *text, size_t capacity) {
    const int file = TRACEI_FAIL("open") ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    text[0] = '\0';
    if (file < 0) return 0;
    while (size < capacity - 1) {
        const ssize_t got = read(file, text + size, capacity - 1 - size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        size += (size_t)got;
    }
    close(file);
    text[size] = '\0';
    return size;
}

static void tracei_detect_host_id(tracei_detected *self) {
#if defined(__linux__)
    static const char *const paths[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};
#else
    static const char *const paths[] = {"/etc/hostid", "/var/db/hostid"};
#endif
    for (size_t i = 0; i < 2 && !self->host_id[0]; i++) {
        char text[80];
        const size_t size = tracei_read_file(paths[i], text, sizeof text);
        const trace_string line = tracei_environment_trim(text, size ? strcspn(text, "\r\n") : 0);
        if (line.size && line.size < sizeof self->host_id)
            tracei_detect_text(self->host_id, sizeof self->host_id, line.data, line.size);
    }
}

static void tracei_detect_arch(tracei_detected *self, const char *machine) {
    static const char *const names[][2] = {
        {"x86_64", "amd64"},  {"amd64", "amd64"}, {"aarch64", "arm64"}, {"arm64", "arm64"},
        {"ppc64le", "ppc64"}, {"ppc64", "ppc64"}, {"ppc", "ppc32"},     {"i386", "x86"},
        {"i486", "x86"},      {"i586", "x86"},    {"i686", "x86"},      {"i86pc", "x86"},
    };
    const char *name = strncmp(machine, "arm", 3) == 0 && machine[3] != '6' ? "arm32" : machine;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(machine, names[i][0]) == 0) name = names[i][1];
    tracei_detect_text(self->host_arch, sizeof self->host_arch, name, strlen(name));
}

static void tracei_detect_system(tracei_detected *self) {
    struct utsname system;
    if (TRACEI_FAIL("uname") || uname(&system) < 0) return;
    tracei_detect_text(self->host_name, sizeof self->host_name, system.nodename, strlen(system.nodename));
    tracei_detect_arch(self, system.machine);
    tracei_detect_text(self->os_name, sizeof self->os_name, system.sysname, strlen(system.sysname));
    tracei_detect_text(self->os_version, sizeof self->os_version, system.release, strlen(system.release));
}

/* KEY=value, "value" or 'value' with backslashes, as os-release(5) has it. */
static void tracei_release_value(const char *text, const char *key, char *to, size_t capacity) {
    const size_t size = strlen(key);
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        char value[128];
        size_t used = 0;
        char quote;
        if (strncmp(text, key, size) != 0 || text[size] != '=') continue;
        text += size + 1;
        quote = *text == '"' || *text == '\'' ? *text++ : '\0';
        for (; *text && *text != '\n' && (!quote || *text != quote) && used < sizeof value; text++) {
            if (*text == '\\' && quote != '\'' && text[1] && text[1] != '\n') text++;
            value[used++] = *text;
        }
        if (used) tracei_detect_text(to, capacity, value, used);
        return;
    }
}

static void tracei_detect_release(tracei_detected *self, const char *path) {
    char text[2048];
    if (!tracei_read_file(path, text, sizeof text)) return;
    tracei_release_value(text, "NAME", self->os_name, sizeof self->os_name);
    tracei_release_value(text, "VERSION_ID", self->os_version, sizeof self->os_version);
    tracei_release_value(text, "PRETTY_NAME", self->os_description, sizeof self->os_description);
    tracei_release_value(text, "BUILD_ID", self->os_build, sizeof self->os_build);
}

#if defined(__linux__)
static uint64_t tracei_clock_of(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) return 0;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A field of /proc/self/stat, from the third on: the second, the program's name, may hold anything. NULL: there is no such. */
static const char *tracei_stat_field(const char *text, int number) {
    const char *at = strrchr(text, ')');
    for (; at && number > 2; number--) at = strchr(at + 1, ' ');
    return at ? at + 1 : NULL;
}

/* The 22nd field, in ticks since boot. */
static void tracei_detect_created(char out[TRACEI_TIME_SIZE + 1]) {
    char text[1024];
    const char *at;
    uint64_t ticks = 0;
    const long rate = sysconf(_SC_CLK_TCK);
    const uint64_t unix_ns = tracei_clock_of(CLOCK_REALTIME), since_boot = tracei_clock_of(CLOCK_BOOTTIME);
    out[0] = '\0';
    if (!tracei_read_file("/proc/self/stat", text, sizeof text) || rate <= 0 || since_boot == 0 || since_boot > unix_ns) return;
    at = tracei_stat_field(text, 22);
    for (; at && *at >= '0' && *at <= '9'; at++) ticks = ticks * 10 + (uint64_t)(*at - '0');
    ticks = ticks / (uint64_t)rate * 1000000000u + ticks % (uint64_t)rate * 1000000000u / (uint64_t)rate;
    if (ticks && ticks <= since_boot) tracei_put_time(out, unix_ns - since_boot + ticks);
}

static void tracei_detect_program(tracei_detected *self) {
    static const char deleted[] = " (deleted)";
    const size_t suffix = sizeof deleted - 1;
    const ssize_t got = TRACEI_FAIL("readlink") ? -1 : readlink("/proc/self/exe", self->path, sizeof self->path - 1);
    size_t size = got > 0 ? (size_t)got : 0;
    const char *exec_name = NULL;
    self->path[size] = '\0';
    if (size > suffix && memcmp(self->path + size - suffix, deleted, suffix) == 0) self->path[size - suffix] = '\0';
#ifdef AT_EXECFN
    if (!size) {
        const unsigned long address = getauxval(AT_EXECFN);
        memcpy((void *)&exec_name, (const void *)&address, sizeof exec_name);
    }
#endif
    if (exec_name) tracei_detect_text(self->path, sizeof self->path, exec_name, strlen(exec_name));
    (void)tracei_read_file("/proc/self/cmdline", self->command, sizeof self->command); /* its first string: argv[0] */
}
#elif defined(__APPLE__)
static void tracei_detect_program(tracei_detected *self) {
    uint32_t size = (uint32_t)sizeof self->path;
    if (_NSGetExecutablePath(self->path, &size) != 0) self->path[0] = '\0';
}
#elif defined(__FreeBSD__)
static void tracei_detect_program(tracei_detected *self) {
    static const int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PATHNAME, -1};
    size_t size = sizeof self->path - 1;
    if (sysctl(name, 4, self->path, &size, NULL, 0) != 0) self->path[0] = '\0';
}
#else
static void tracei_detect_program(tracei_detected *self) {
    (void)self;
}
#endif

static void tracei_detect_all(tracei_detected *self) {
    tracei_detect_system(self);
    tracei_detect_host_id(self);
#if defined(__linux__)
    tracei_detect_created(self->created);
#endif
    tracei_detect_release(self, "/etc/os-release"); /* BSDs have it too; macOS has not */
    if (!self->os_description[0]) tracei_detect_release(self, "/usr/lib/os-release");
    tracei_detect_program(self);
#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__) || defined(__DragonFly__)
    if (!self->path[0]) self->program = getprogname();
#endif
}

static int64_t tracei_process_id(void) {
    return (int64_t)getpid();
}
#elif TRACEI_PLATFORM_WINDOWS
static void tracei_detect_wide(char *to, size_t capacity, const WCHAR *from) {
    const int size = WideCharToMultiByte(CP_UTF8, 0, from, -1, to, (int)capacity, NULL, NULL);
    if (size <= 0) to[0] = '\0';
}

static void tracei_detect_all(tracei_detected *self) {
    static const char arch[] =
#if defined(_M_ARM64) || defined(__aarch64__)
        "arm64";
#elif defined(_WIN64)
        "amd64";
#else
        "x86";
#endif
    WCHAR wide[512];
    DWORD size = 256;
    if (GetComputerNameExW(ComputerNameDnsHostname, wide, &size))
        tracei_detect_wide(self->host_name, sizeof self->host_name, wide);
    size = GetModuleFileNameW(NULL, wide, 512);
    if (size > 0 && size < 512) tracei_detect_wide(self->path, sizeof self->path, wide);
    memcpy(self->host_arch, arch, sizeof arch);
    memcpy(self->os_name, "Windows", 8);
}

static int64_t tracei_process_id(void) {
    return (int64_t)GetCurrentProcessId();
}
#else
static void tracei_detect_all(tracei_detected *self) {
    (void)self;
}

static int64_t tracei_process_id(void) {
    return 0;
}
#endif

static const char *tracei_os_type(void) {
#if defined(__linux__)
    return "linux";
#elif defined(__APPLE__)
    return "darwin";
#elif defined(_WIN32)
    return "windows";
#elif defined(__FreeBSD__)
    return "freebsd";
#elif defined(__NetBSD__)
    return "netbsd";
#elif defined(__OpenBSD__)
    return "openbsd";
#elif defined(__DragonFly__)
    return "dragonflybsd";
#elif defined(__sun)
    return "solaris";
#else
    return NULL;
#endif
}

static void tracei_detect(tracei_detected *self) {
    if (self->done) return;
    memset(self, 0, sizeof *self);
    self->program = self->path;
    tracei_make_instance(self->instance);
    tracei_detect_all(self);
    for (const char *at = self->path; *at; at++)
        if (*at == '/' || *at == '\\') self->program = at + 1;
    self->done = true;
}

/* The builder. Without a block it counts. */
typedef struct tracei_resource_builder {
    trace_attribute *attributes;  /* NULL: counting */
    size_t count;
    char *at;                     /* next free byte behind the attributes */
    size_t bytes;                 /* needed behind the attributes; SIZE_MAX: too many */
} tracei_resource_builder;

static void *tracei_build_bytes(tracei_resource_builder *builder, size_t size, size_t align) {
    void *room = NULL;
    if (size > SIZE_MAX / 4 || builder->bytes > SIZE_MAX / 4) {
        builder->bytes = SIZE_MAX;
        return NULL;
    }
    if (builder->attributes) {
        builder->at += (align - (uintptr_t)builder->at % align) % align;
        room = builder->at;
        builder->at += size;
    }
    builder->bytes += size + align - 1;
    return room;
}

static trace_string tracei_build_text(tracei_resource_builder *builder, trace_string text) {
    trace_string copy;
    char *const room = (char *)tracei_build_bytes(builder, text.size, 1);
    if (room && text.size) memcpy(room, text.data, text.size);
    copy.data = room ? room : "";
    copy.size = room ? text.size : 0;
    return copy;
}

static trace_value tracei_build_value(tracei_resource_builder *builder, const trace_value *value, unsigned depth) {
    trace_value copy = *value;
    char digits[24];
    trace_string text;
    switch ((int)value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON: copy.as.string = tracei_build_text(builder, value->as.string); break;
    case TRACE_TYPE_BYTES: copy.as.bytes = tracei_build_text(builder, value->as.bytes); break;
    case TRACEI_TYPE_UINT:
        copy.type = TRACE_TYPE_INT;
        if ((uint64_t)value->as.integer <= INT64_MAX) break;
        copy.type = TRACE_TYPE_STRING;
        text.data = digits;
        text.size = (size_t)(tracei_put_u64(digits, (uint64_t)value->as.integer) - digits);
        copy.as.string = tracei_build_text(builder, text);
        break;
    case TRACE_TYPE_ARRAY: {
        trace_value *items;
        const size_t count = value->as.array.items ? value->as.array.count : 0;
        if (depth >= TRACEI_VALUE_DEPTH) {
            copy.type = TRACE_TYPE_NULL;
            break;
        }
        items = (trace_value *)tracei_build_bytes(
            builder, count > SIZE_MAX / 8 / sizeof *items ? SIZE_MAX / 2 : count * sizeof *items, sizeof(uint64_t));
        if (builder->bytes == SIZE_MAX) break;
        for (size_t i = 0; i < count; i++) {
            const trace_value item = tracei_build_value(builder, &value->as.array.items[i], depth + 1);
            if (items) items[i] = item;
        }
        copy.as.array.items = items;
        copy.as.array.count = items ? count : 0;
        break;
    }
    case TRACE_TYPE_INT:
    case TRACE_TYPE_DOUBLE:
    case TRACE_TYPE_BOOL: break;
    default: copy.type = TRACE_TYPE_NULL; break;
    }
    return copy;
}

/* Replaces the value of a key that is there. Counting takes every key for a new one. */
static void tracei_build(tracei_resource_builder *builder, trace_string key, const trace_value *value) {
    size_t i = 0;
    if (!builder->attributes) {
        builder->count++;
        (void)tracei_build_text(builder, key);
        (void)tracei_build_value(builder, value, 0);
        return;
    }
    while (i < builder->count &&
           (builder->attributes[i].key.size != key.size || memcmp(builder->attributes[i].key.data, key.data, key.size) != 0))
        i++;
    if (i == builder->count) builder->attributes[builder->count++].key = tracei_build_text(builder, key);
    builder->attributes[i].value = tracei_build_value(builder, value, 0);
}

static void tracei_build_attribute(tracei_resource_builder *builder, trace_attribute attribute) {
    tracei_build(builder, attribute.key, &attribute.value);
}

/* NULL and "" say nothing. */
static void tracei_build_string(tracei_resource_builder *builder, const char *key, const char *value) {
    if (value && value[0]) tracei_build_attribute(builder, tracei_attr_string(key, value));
}

static void tracei_build_detected(tracei_resource_builder *builder, const tracei_detected *self) {
    char name[280];
    tracei_text text;
    memset(&text, 0, sizeof text);
    text.data = name;
    text.capacity = sizeof name - 1;
    tracei_text_cstr(&text, "unknown_service");
    if (self->program && self->program[0]) {
        tracei_text_char(&text, ':');
        tracei_text_utf8(&text, self->program, strlen(self->program));
    }
    name[text.size] = '\0';
    tracei_build_string(builder, "service.name", name);
    tracei_build_string(builder, "service.instance.id", self->instance);
    tracei_build_string(builder, "telemetry.sdk.name", TRACEI_SDK_NAME);
    tracei_build_string(builder, "telemetry.sdk.language", "c");
    tracei_build_string(builder, "telemetry.sdk.version", TRACE_H_VERSION_STRING);
#if !TRACEI_PLATFORM_NONE
    tracei_build_attribute(builder, tracei_attr_int("process.pid", tracei_process_id()));
#endif
    tracei_build_string(builder, "process.executable.name", self->program);
    tracei_build_string(builder, "process.executable.path", self->path);
    tracei_build_string(builder, "process.command", self->command);
    tracei_build_string(builder, "process.creation.time", self->created);
    tracei_build_string(builder, "host.name", self->host_name);
    tracei_build_string(builder, "host.id", self->host_id);
    tracei_build_string(builder, "host.arch", self->host_arch);
    tracei_build_string(builder, "os.type", tracei_os_type());
    tracei_build_string(builder, "os.name", self->os_name);
    tracei_build_string(builder, "os.version", self->os_version);
    tracei_build_string(builder, "os.description", self->os_description);
    tracei_build_string(builder, "os.build_id", self->os_build);
}

static void tracei_build_environment(tracei_resource_builder *builder, const tracei_pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        trace_value value;
        memset(&value, 0, sizeof value);
        value.type = TRACE_TYPE_STRING;
        value.as.string = pairs->items[i].value;
        if (!value.as.string.size && pairs->items[i].name.size == 12 &&
            memcmp(pairs->items[i].name.data, "service.name", 12) == 0)
            continue;
        tracei_build(builder, pairs->items[i].name, &value);
    }
}

static void tracei_build_config(tracei_resource_builder *builder, const trace_config *config) {
    const trace_attribute *const given = config->resource_attributes;
    for (size_t i = 0; given && i < config->resource_attribute_count; i++) {
        if (given[i].key.size && given[i].key.data)
            tracei_build(builder, given[i].key, &given[i].value);
        else if (builder->attributes)
            tracei_log(TRACE_LOG_LEVEL_WARNING, "trace_config.resource_attributes[%u] ignored: it has no key", (unsigned)i);
    }
    tracei_build_string(builder, "service.name", config->service_name);
    tracei_build_string(builder, "service.version", config->service_version);
    tracei_build_string(builder, "deployment.environment.name", config->environment);
}

static void tracei_build_all(tracei_resource_builder *builder, const trace_config *config, const tracei_pairs *pairs) {
    tracei_build_detected(builder, &tracei_self);
    tracei_build_string(builder, "service.name", tracei_environment("AI_INFRA_SERVICE_NAME"));
    tracei_build_string(builder, "service.name", tracei_environment("TRACER_SERVICE_NAME"));
    tracei_build_string(builder, "service.version", tracei_environment_any("TRACER_SERVICE_VERSION", NULL));
    tracei_build_string(builder, "deployment.environment.name", tracei_environment_any("TRACER_ENVIRONMENT", NULL));
    tracei_build_environment(builder, pairs);
    tracei_build_string(builder, "service.name", tracei_environment("OTEL_SERVICE_NAME"));
    tracei_build_config(builder, config);
}

static bool tracei_values_equal(const trace_value *a, const trace_value *b) {
    if (a->type != b->type) return false;
    switch ((int)a->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
    case TRACE_TYPE_BYTES:
        return a->as.string.size == b->as.string.size && memcmp(a->as.string.data, b->as.string.data, a->as.string.size) == 0;
    case TRACE_TYPE_INT: return a->as.integer == b->as.integer;
    case TRACE_TYPE_DOUBLE: return memcmp(&a->as.number, &b->as.number, sizeof a->as.number) == 0;
    case TRACE_TYPE_BOOL: return a->as.boolean == b->as.boolean;
    case TRACE_TYPE_ARRAY:
        if (a->as.array.count != b->as.array.count) return false;
        for (size_t i = 0; i < a->as.array.count; i++)
            if (!tracei_values_equal(&a->as.array.items[i], &b->as.array.items[i])) return false;
        return true;
    default: return true;
    }
}

static bool tracei_resource_is(const tracei_resource_builder *built) {
    if (tracei_resource.attribute_count != built->count) return false;
    for (size_t i = 0; i < built->count; i++) {
        const trace_attribute *const a = &built->attributes[i], *const b = &tracei_resource.attributes[i];
        if (a->key.size != b->key.size || memcmp(a->key.data, b->key.data, a->key.size) != 0 ||
            !tracei_values_equal(&a->value, &b->value))
            return false;
    }
    return true;
}

static trace_attribute *tracei_resource_find(trace_attribute *attributes, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++)
        if (attributes[i].key.size == strlen(key) && memcmp(attributes[i].key.data, key, strlen(key)) == 0) return &attributes[i];
    return NULL;
}

/* The text of that attribute when it is the detected one; in the block, to be overwritten. */
static char *tracei_resource_text(trace_attribute *attribute, const char *detected) {
    char *text;
    if (!attribute || attribute->value.type != TRACE_TYPE_STRING || !detected[0] ||
        attribute->value.as.string.size != strlen(detected) ||
        memcmp(attribute->value.as.string.data, detected, strlen(detected)) != 0)
        return NULL;
    memcpy((void *)&text, (const void *)&attribute->value.as.string.data, sizeof text); /* ours, and not const there */
    return text;
}

/* The conventions whose names the detected attributes have. What users add has no schema of its own, so this one stays
   (specification, Resource SDK, "Merge"). */
#define TRACEI_RESOURCE_SCHEMA "https://opentelemetry.io/schemas/1.44.0"

static void tracei_resource_adopt(const tracei_resource_builder *built) {
    trace_attribute *const pid = tracei_resource_find(built->attributes, built->count, "process.pid");
    const bool is_ours = pid && pid->value.type == TRACE_TYPE_INT && pid->value.as.integer == tracei_process_id();
    tracei_resource_own.pid = is_ours ? pid : NULL;
    tracei_resource_own.instance =
        tracei_resource_text(tracei_resource_find(built->attributes, built->count, "service.instance.id"), tracei_self.instance);
    tracei_resource_own.created =
        tracei_resource_text(tracei_resource_find(built->attributes, built->count, "process.creation.time"), tracei_self.created);
    tracei_resource.attributes = built->attributes;
    tracei_resource.attribute_count = built->count;
    tracei_resource.schema_url.data = TRACEI_RESOURCE_SCHEMA;
    tracei_resource.schema_url.size = sizeof TRACEI_RESOURCE_SCHEMA - 1;
}

/* False: no memory; the resource in use stays. Under the lock of the pass, after the snapshot of the environment. */
static bool tracei_resource_build(const trace_config *config) {
    tracei_resource_builder counted, built;
    tracei_pairs pairs;
    size_t size;
    tracei_detect(&tracei_self);
    (void)tracei_environment_pairs("OTEL_RESOURCE_ATTRIBUTES", &pairs);
    memset(&counted, 0, sizeof counted);
    memset(&built, 0, sizeof built);
    tracei_build_all(&counted, config, &pairs);
    size = counted.count * sizeof(trace_attribute) + counted.bytes;
    if (counted.bytes < SIZE_MAX / 4 && counted.count < SIZE_MAX / 4 / sizeof(trace_attribute))
        built.attributes = (trace_attribute *)tracei_alloc(size);
    if (built.attributes) {
        built.at = (char *)(built.attributes + counted.count);
        tracei_build_all(&built, config, &pairs);
        if (tracei_resource_is(&built))
            tracei_free(built.attributes, size);
        else
            tracei_resource_adopt(&built);
    }
    tracei_pairs_free(&pairs);
    return built.attributes != NULL;
}

/* In a forked child before its first batch. Makes no memory and takes no lock; system calls only. */
static void tracei_resource_after_fork(void) {
    if (!tracei_self.done) return;
    tracei_make_instance(tracei_self.instance);
    if (tracei_resource_own.instance) memcpy(tracei_resource_own.instance, tracei_self.instance, TRACEI_INSTANCE_SIZE);
    if (tracei_resource_own.pid) tracei_resource_own.pid->value.as.integer = tracei_process_id();
#if TRACEI_PLATFORM_POSIX && defined(__linux__)
    if (tracei_self.created[0]) {
        char created[TRACEI_TIME_SIZE + 1];
        tracei_detect_created(created);
        if (created[0]) memcpy(tracei_self.created, created, sizeof created);
        if (created[0] && tracei_resource_own.created) memcpy(tracei_resource_own.created, created, TRACEI_TIME_SIZE);
    }
#endif
}

/* >>context --------------------------------------------------------------------------------------------------------

   Where tracestate and baggage live: a bounded table behind trace_context.entry. Contents never change once published, so a
   reader needs no lock, only a pin. The two words of an entry decide everything:

       pins         how many spans, attachments, holds and readers stand on it, and TRACEI_ENTRY_EVICTING
       generation   told apart by copies of a context; moves on whenever the entry gets new contents

   Pin: add one; when EVICTING was set, or the generation is another, take it back: the context degrades to its ids. Evict:
   a compare-and-swap from 0 to EVICTING, so never under a reader. A stale copy may disturb the count for a moment and so put
   off an eviction, no more. The entry goes from 0 to EVICTING to new contents to a new generation to "pinned once", in this
   order, which is why the add of a pin also makes the generation it belongs to visible.
   Who makes room takes tracei_entries.lock (copying is done outside it). A clock hand walks the table in the order it was
   filled and evicts the oldest entry that is not pinned. Freed entries are reused first, right behind the hand.
   Holds are counted beside the pins, so that one release too many is ignored instead of taking a span's pin away.

   Contents are blocks of 64 << order bytes from arenas with buddies. Arenas are mapped on demand and never given back: up to
   TRACEI_ARENAS_SOFT before anything is evicted for its memory, up to TRACEI_ARENAS_MAX when everything is pinned.
   One list for each size was tried and dropped: when traffic changes, memory sits in the wrong list. An append-only log
   was dropped because one held context would stop its tail. */

#if TRACE_CONFIG_SINGLE_THREADED          /* 32 KiB have to do for everything */
#define TRACEI_ENTRY_CHUNK 16u
#define TRACEI_ENTRY_CHUNKS 4u
#define TRACEI_ARENA_ORDER 5u
#define TRACEI_ARENAS_SOFT 2u
#define TRACEI_ARENAS_MAX 2u
#else
#define TRACEI_ENTRY_CHUNK 1024u
#define TRACEI_ENTRY_CHUNKS 64u
#define TRACEI_ARENA_ORDER 12u            /* 256 KiB */
#define TRACEI_ARENAS_SOFT 64u            /* 16 MiB */
#define TRACEI_ARENAS_MAX 128u            /* 32 MiB */
#endif
#define TRACEI_ENTRIES_MAX (TRACEI_ENTRY_CHUNK * TRACEI_ENTRY_CHUNKS)
#define TRACEI_UNIT_BYTES 64u
#define TRACEI_ARENA_UNITS (1u << TRACEI_ARENA_ORDER)
#define TRACEI_UNIT_NONE 0xffffffffu
#define TRACEI_ORDER_NONE 0xffu
#define TRACEI_ENTRY_EVICTING 0x80000000u
#define TRACEI_ENTRY_PINS_MAX 0x40000000u /* pins beyond this are refused, which also catches EVICTING */
#define TRACEI_EVICTIONS_MAX 1024u        /* for one new entry */

#define TRACEI_CONTEXT_DEFERRED 1u        /* in trace_context.reserved: the caller left the sampling decision to us */

typedef struct tracei_entry {
    uint32_t pins;
    uint32_t generation;          /* 0: never used */
    uint32_t holds;
    uint32_t block;               /* first unit of the contents; of a free entry: the next free one */
    char *data;                   /* tracestate, then baggage */
    uint16_t state_size, baggage_size;
    uint8_t order;                /* TRACEI_ORDER_NONE: free */
    bool debug;                   /* B3's and Jaeger's debug flag */
} tracei_entry;

/* Lies in a free block: the others of its order. */
typedef struct tracei_free_block {
    uint32_t next, previous;
} tracei_free_block;

static struct {
    uint32_t lock;
    uint32_t evicted;             /* contexts that lost their contents, or got none */
    uint32_t count;               /* entries ever used */
    uint32_t hand;
    uint32_t free_entry;          /* 0: none */
    bool starved;                 /* the last sweep found nothing */
    uint32_t arena_count;
    uint32_t free_block[TRACEI_ARENA_ORDER + 1];
    tracei_entry *chunks[TRACEI_ENTRY_CHUNKS];
    char *arenas[TRACEI_ARENAS_MAX];          /* each followed by a byte a unit: the order of the free block it starts */
} tracei_entries;

static char *tracei_unit_at(uint32_t unit) {
    return tracei_entries.arenas[unit >> TRACEI_ARENA_ORDER] + (size_t)(unit & (TRACEI_ARENA_UNITS - 1)) * TRACEI_UNIT_BYTES;
}

static uint8_t *tracei_unit_order(uint32_t unit) {
    char *const orders = tracei_entries.arenas[unit >> TRACEI_ARENA_ORDER] + (size_t)TRACEI_ARENA_UNITS * TRACEI_UNIT_BYTES;
    return (uint8_t *)orders + (unit & (TRACEI_ARENA_UNITS - 1));
}

static tracei_free_block *tracei_free_block_at(uint32_t unit) {
    return (tracei_free_block *)(void *)tracei_unit_at(unit);
}

static void tracei_block_push(uint32_t unit, uint32_t order) {
    tracei_free_block *const block = tracei_free_block_at(unit);
    block->next = tracei_entries.free_block[order];
    block->previous = TRACEI_UNIT_NONE;
    if (block->next != TRACEI_UNIT_NONE) tracei_free_block_at(block->next)->previous = unit;
    tracei_entries.free_block[order] = unit;
    *tracei_unit_order(unit) = (uint8_t)order;
}

static void tracei_block_unlink(uint32_t unit, uint32_t order) {
    tracei_free_block *const block = tracei_free_block_at(unit);
    if (block->next != TRACEI_UNIT_NONE) tracei_free_block_at(block->next)->previous = block->previous;
    if (block->previous != TRACEI_UNIT_NONE)
        tracei_free_block_at(block->previous)->next = block->next;
    else
        tracei_entries.free_block[order] = block->next;
    *tracei_unit_order(unit) = TRACEI_ORDER_NONE;
}

static uint32_t tracei_block_take(uint32_t order) {
    uint32_t from = order, unit;
    while (from <= TRACEI_ARENA_ORDER && tracei_entries.free_block[from] == TRACEI_UNIT_NONE) from++;
    if (from > TRACEI_ARENA_ORDER) return TRACEI_UNIT_NONE;
    unit = tracei_entries.free_block[from];
    tracei_block_unlink(unit, from);
    while (from > order) {
        from--;
        tracei_block_push(unit + (1u << from), from);
    }
    return unit;
}

static void tracei_block_give(uint32_t unit, uint32_t order) {
    for (; order < TRACEI_ARENA_ORDER && *tracei_unit_order(unit ^ (1u << order)) == order; order++) {
        tracei_block_unlink(unit ^ (1u << order), order);
        unit &= ~(1u << order);
    }
    tracei_block_push(unit, order);
}

static void tracei_arena_reset(uint32_t arena) {
    memset(tracei_unit_order(arena << TRACEI_ARENA_ORDER), TRACEI_ORDER_NONE, TRACEI_ARENA_UNITS);
    tracei_block_push(arena << TRACEI_ARENA_ORDER, TRACEI_ARENA_ORDER);
}

static bool tracei_arena_grow(uint32_t limit) {
    uint32_t order;
    char *memory;
    if (tracei_entries.arena_count >= limit) return false;
    memory = (char *)tracei_alloc((size_t)TRACEI_ARENA_UNITS * (TRACEI_UNIT_BYTES + 1));
    if (!memory) return false;
    if (!tracei_entries.arena_count)
        for (order = 0; order <= TRACEI_ARENA_ORDER; order++) tracei_entries.free_block[order] = TRACEI_UNIT_NONE;
    tracei_entries.arenas[tracei_entries.arena_count] = memory;
    tracei_arena_reset(tracei_entries.arena_count++);
    return true;
}

/* NULL when there is no such entry: contexts are plain values and may hold anything. */
static tracei_entry *tracei_entry_at(uint32_t entry) {
    tracei_entry *chunk;
    if (entry - 1u >= TRACEI_ENTRIES_MAX) return NULL;
    chunk = TRACEI_LOAD_ACQUIRE(&tracei_entries.chunks[(entry - 1) / TRACEI_ENTRY_CHUNK]);
    return chunk ? chunk + (entry - 1) % TRACEI_ENTRY_CHUNK : NULL;
}

/* The same for an entry that is known to be there. */
static tracei_entry *tracei_entry_known(uint32_t entry) {
    return TRACEI_LOAD(&tracei_entries.chunks[(entry - 1) / TRACEI_ENTRY_CHUNK]) + (entry - 1) % TRACEI_ENTRY_CHUNK;
}

/* Under the lock, of an entry that is EVICTING. */
static void tracei_entry_free(tracei_entry *at, uint32_t entry) {
    tracei_block_give(at->block, at->order);
    at->order = TRACEI_ORDER_NONE;
    at->block = tracei_entries.free_entry;
    tracei_entries.free_entry = entry;
}

static bool tracei_entry_evict_oldest(void) {
    uint32_t steps = tracei_entries.count;
    if (tracei_entries.starved && steps > 1024) steps = 1024;  /* all pinned: do not search all of it every time */
    for (; steps; steps--) {
        const uint32_t entry = tracei_entries.hand + 1;
        tracei_entry *const at = tracei_entry_at(entry);
        uint32_t unpinned = 0;
        tracei_entries.hand = entry >= tracei_entries.count ? 0 : entry;
        if (TRACEI_LOAD(&at->pins) || !TRACEI_CAS(&at->pins, &unpinned, TRACEI_ENTRY_EVICTING)) continue;
        tracei_entry_free(at, entry);
        TRACEI_BUMP(&tracei_entries.evicted);
        tracei_entries.starved = false;
        return true;
    }
    tracei_entries.starved = true;
    return false;
}

static uint32_t tracei_block_make(uint32_t order) {
    uint32_t evictions = 0;
    for (;;) {
        const uint32_t unit = tracei_entries.arena_count ? tracei_block_take(order) : TRACEI_UNIT_NONE;
        if (unit != TRACEI_UNIT_NONE) return unit;
        if (tracei_arena_grow(TRACEI_ARENAS_SOFT)) continue;
        if (evictions++ < TRACEI_EVICTIONS_MAX && tracei_entry_evict_oldest()) continue;
        if (!tracei_arena_grow(TRACEI_ARENAS_MAX)) return TRACEI_UNIT_NONE;
    }
}

/* An entry that was never used, or 0. It becomes EVICTING: nobody has a copy of it yet, but may invent one. */
static uint32_t tracei_entry_fresh(void) {
    const uint32_t index = tracei_entries.count;
    tracei_entry **const chunk = &tracei_entries.chunks[index < TRACEI_ENTRIES_MAX ? index / TRACEI_ENTRY_CHUNK : 0];
    if (index >= TRACEI_ENTRIES_MAX) return 0;
    if (!*chunk) {
        tracei_entry *const memory = (tracei_entry *)tracei_alloc(TRACEI_ENTRY_CHUNK * sizeof(tracei_entry));
        if (!memory) return 0;
        TRACEI_STORE_RELEASE(chunk, memory);
    }
    tracei_entries.count++;
    (void)TRACEI_ADD(&tracei_entry_at(index + 1)->pins, TRACEI_ENTRY_EVICTING);
    return index + 1;
}

static uint32_t tracei_entry_take(void) {
    uint32_t entry;
    if (!tracei_entries.free_entry && (entry = tracei_entry_fresh()) != 0) return entry;
    if (!tracei_entries.free_entry && !tracei_entry_evict_oldest()) return 0;
    entry = tracei_entries.free_entry;
    tracei_entries.free_entry = tracei_entry_at(entry)->block;
    return entry;
}

/* Room for contents, to be written and then published by the caller. NULL: no room (counted). Takes the lock: not for
   signal handlers. */
static char *tracei_entry_reserve(size_t size, uint32_t *entry) {
    uint32_t order = 0, unit = TRACEI_UNIT_NONE;
    char *data = NULL;
    *entry = 0;
    while (order <= TRACEI_ARENA_ORDER && ((size_t)TRACEI_UNIT_BYTES << order) < size) order++;
    tracei_lock(&tracei_entries.lock);
    if (order <= TRACEI_ARENA_ORDER) unit = tracei_block_make(order);
    if (unit != TRACEI_UNIT_NONE && (*entry = tracei_entry_take()) == 0) tracei_block_give(unit, order);
    if (*entry) {
        tracei_entry *const at = tracei_entry_at(*entry);
        data = at->data = tracei_unit_at(unit);
        at->block = unit;
        at->order = (uint8_t)order;
    } else {
        TRACEI_BUMP(&tracei_entries.evicted);
    }
    tracei_unlock(&tracei_entries.lock);
    return data;
}

/* The contents are complete: the entry is pinned once and never changes until it is evicted. Returns its generation. */
static uint32_t tracei_entry_publish(uint32_t entry, size_t state_size, size_t baggage_size, bool debug) {
    tracei_entry *const at = tracei_entry_known(entry);
    uint32_t generation = TRACEI_LOAD(&at->generation) + 1;
    if (!generation) generation = 1;
    at->state_size = (uint16_t)state_size;
    at->baggage_size = (uint16_t)baggage_size;
    at->debug = debug;
    TRACEI_STORE(&at->holds, 0u);
    TRACEI_STORE_RELEASE(&at->generation, generation);
    (void)TRACEI_SUB(&at->pins, TRACEI_ENTRY_EVICTING - 1u);
    return generation;
}

static bool tracei_entry_new(trace_string state, trace_string baggage, uint32_t *entry, uint32_t *generation) {
    char *data;
    *entry = *generation = 0;
    if (state.size > UINT16_MAX || baggage.size > UINT16_MAX) return false;
    data = tracei_entry_reserve(state.size + baggage.size, entry);
    if (!data) return false;
    if (state.size) memcpy(data, state.data, state.size);
    if (baggage.size) memcpy(data + state.size, baggage.data, baggage.size);
    *generation = tracei_entry_publish(*entry, state.size, baggage.size, false);
    return true;
}

/* False: evicted, or never there; the caller goes on with the ids alone. Lock-free, also in a signal handler. */
static bool tracei_entry_pin(uint32_t entry, uint32_t generation) {
    tracei_entry *at;
    if (!entry) return true;
    at = tracei_entry_at(entry);
    if (!at || !generation) return false;
    if (TRACEI_ADD(&at->pins, 1u) < TRACEI_ENTRY_PINS_MAX && TRACEI_LOAD_ACQUIRE(&at->generation) == generation) return true;
    (void)TRACEI_SUB(&at->pins, 1u);
    return false;
}

static void tracei_entry_unpin(uint32_t entry) {
    if (entry) (void)TRACEI_SUB(&tracei_entry_at(entry)->pins, 1u);
}

static trace_string tracei_entry_state(uint32_t entry) {
    const tracei_entry *const at = tracei_entry_at(entry);
    trace_string state = {NULL, 0};
    if (!at || !at->state_size) return state;
    state.data = at->data;
    state.size = at->state_size;
    return state;
}

static trace_string tracei_entry_baggage(uint32_t entry) {
    const tracei_entry *const at = tracei_entry_at(entry);
    trace_string baggage = {NULL, 0};
    if (!at || !at->baggage_size) return baggage;
    baggage.data = at->data + at->state_size;
    baggage.size = at->baggage_size;
    return baggage;
}

static bool tracei_entry_debug(uint32_t entry) {
    const tracei_entry *const at = tracei_entry_at(entry);
    return at && at->debug;
}

static void tracei_entry_hold(uint32_t entry, uint32_t generation) {
    if (entry && tracei_entry_pin(entry, generation)) (void)TRACEI_ADD(&tracei_entry_at(entry)->holds, 1u);
}

static void tracei_entry_release(uint32_t entry, uint32_t generation) {
    tracei_entry *at;
    uint32_t holds;
    if (!entry || !tracei_entry_pin(entry, generation)) return;
    at = tracei_entry_at(entry);
    holds = TRACEI_LOAD(&at->holds);
    while (holds && !TRACEI_CAS(&at->holds, &holds, holds - 1)) {}
    if (holds) tracei_entry_unpin(entry);
    tracei_entry_unpin(entry);
}

static uint32_t tracei_entries_evicted(void) {
    return TRACEI_LOAD(&tracei_entries.evicted);
}

/* The lock was held by a thread that does not exist here, so nothing behind it can be trusted: start empty. */
static void tracei_entries_forget(void) {
    uint32_t i;
    for (i = 0; i < TRACEI_ENTRIES_MAX; i++) {
        tracei_entry *const at = tracei_entry_at(i + 1);
        if (!at) break;
        at->pins = at->holds = 0;
        at->generation++;
    }
    tracei_entries.count = tracei_entries.hand = tracei_entries.free_entry = 0;
    tracei_entries.starved = false;
    for (i = 0; i <= TRACEI_ARENA_ORDER; i++) tracei_entries.free_block[i] = TRACEI_UNIT_NONE;
    for (i = 0; i < tracei_entries.arena_count; i++) tracei_arena_reset(i);
    tracei_unlock(&tracei_entries.lock);
}

/* In a forked child, on its only thread: spans and attachments of the parent are gone, and with them their pins. Contexts the
   child has copies of keep their contents; holds stay. Who goes on with a context pins it after this. */
static void tracei_entries_after_fork(void) {
    uint32_t i;
    tracei_entries.evicted = 0;
    if (TRACEI_LOAD(&tracei_entries.lock)) {
        tracei_entries_forget();
        return;
    }
    for (i = 0; i < tracei_entries.count; i++) {
        tracei_entry *const at = tracei_entry_at(i + 1);
        if (at->pins & TRACEI_ENTRY_EVICTING) {
            if (at->order != TRACEI_ORDER_NONE) tracei_entry_free(at, i + 1);   /* its thread was filling it */
            if (at->pins != TRACEI_ENTRY_EVICTING) at->pins = TRACEI_ENTRY_EVICTING;
        } else if (at->pins != at->holds) {      /* write only where needed: the pages are shared with the parent */
            at->pins = at->holds;
        }
    }
}

TRACEI_SMALL_END

/* >>unit -----------------------------------------------------------------------------------------------------------

   A unit is what one recording thread owns: a ring of finished spans, a pool of slots for spans under construction, its id
   generator, its counters. One thread writes it, one consumer (whoever holds the pass) reads its ring; nobody locks.

   Ring: bytes, a power of two, free-running 32-bit indices (only differences are compared). A record is 8-byte aligned and never
   split: a padding record fills the end when the next one does not fit. The producer publishes with one release store of `head`,
   the consumer gives room back with one release store of `tail`; each keeps a copy of the other's index and reads the shared one
   only when the copy says "full" or "half full". Records hold no pointers, so a ring can be read by anyone who has the bytes.

   Slot: a record under construction plus a little room; a span that outgrows it moves its payload to a buffer of the pool.
   Slots are taken last-in first-out, so the one being built is in the nearest cache. A handle names the slot and the use it
   was given out for (generation and span id), so a stale one is recognised. A thread's open spans and attachments form a chain
   through `below`.

   Another thread may end a span: its record goes to that thread's ring, the slot to the owner's return list (pushed by CAS, taken
   whole by the owner), and only the owner unlinks it from the chain. Units and slots are never unmapped: a thread that ends
   frees its unit for the next thread, undrained if need be.

   The gate: `gate` equals the process's open value (tracei_open_gate) while the thread is outside the library. Inside it is
   TRACEI_GATE_BUSY, so a signal handler that interrupted the library sees it and stays out. The epoch behind the open value lives
   on a page that fork wipes: in a child it reads 0, no gate is equal to it, and the slow path begins a new process. One
   comparison covers both. Epochs are multiples of 4 and the open value has bit 1 set, so neither a zeroed unit nor a wiped page
   ever looks open. */

enum {
    TRACEI_RECORD_PAD = 1,
    TRACEI_RECORD_SPAN,
    TRACEI_RECORD_OPEN,     /* a local root began: for trees that are printed before their root ends */
    TRACEI_RECORD_THREAD    /* the unit changed hands: span_id is the thread's id, the payload its name */
};

enum { /* tracei_record.bits */
    TRACEI_BITS_KIND = 0x0007,
    TRACEI_BITS_STATUS = 0x0018,
    TRACEI_BITS_STATUS_SHIFT = 3,
    TRACEI_BITS_PARENT_REMOTE = 0x0020,
    TRACEI_BITS_LOCAL_ROOT = 0x0040,
    TRACEI_BITS_START_UNIX = 0x0080,
    TRACEI_BITS_END_UNIX = 0x0100,
    TRACEI_BITS_ABANDONED = 0x0200,
    TRACEI_BITS_DEFERRED = 0x0400,   /* of an attachment: see TRACEI_CONTEXT_DEFERRED */
    TRACEI_BITS_SUPPRESSED = 0x0800, /* likewise: see TRACEI_CONTEXT_SUPPRESSED */
    TRACEI_BITS_ADDRESS = 0x1000     /* the name is the 8 bytes of an address: see tracei_name_fn */
};

typedef struct tracei_record {
    uint32_t size;                /* of the whole record, a multiple of 8 */
    uint8_t type;
    uint8_t flags;                /* TRACE_FLAG_*; above them the number of the trace's wall clock offset, see >>time */
    uint16_t bits;
    uint64_t span_id;             /* ids as numbers; bytes on the wire are big-endian */
    uint64_t parent_id;
    uint64_t trace_high;
    uint64_t trace_low;
    uint64_t start;               /* ticks, or Unix nanoseconds where the bits say so */
    uint64_t end;
    uint32_t payload;             /* bytes after this header, a multiple of 8: the name, then entries */
    uint16_t name_size;
    uint16_t scope;               /* index of the interned scope; 0: none */
    uint32_t dropped_attributes;
    uint16_t dropped_events;
    uint16_t dropped_links;
} tracei_record;

#if TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_SLOTS_A_CHUNK 4u
#define TRACEI_CHUNKS_MAX 64u
#define TRACEI_CHUNKS_A_LIST 16u
#define TRACEI_OPEN_SPANS_DEFAULT 256u
#define TRACEI_OPEN_SPANS_RANGE "4 to 256"
#define TRACEI_RING_DEFAULT 8192u
#define TRACEI_RING_MIN 1024u
#define TRACEI_RING_RANGE "1,024"
#else
#define TRACEI_SLOTS_A_CHUNK 16u
#define TRACEI_CHUNKS_MAX 16384u
#define TRACEI_CHUNKS_A_LIST 512u /* a page of pointers */
#define TRACEI_OPEN_SPANS_DEFAULT 65536u
#define TRACEI_OPEN_SPANS_RANGE "16 to 262,144"
#define TRACEI_RING_DEFAULT (1u << 20)
#define TRACEI_RING_MIN 4096u
#define TRACEI_RING_RANGE "4,096"
#endif
#define TRACEI_POOL_BYTES_DEFAULT (64u << 20)
#define TRACEI_SLOT_BYTES 384u /* five attributes and an event fit without a buffer */
#define TRACEI_BUFFER_MIN 512u
#define TRACEI_BUFFER_CLASSES 20u /* 512 bytes to a quarter of the largest ring */
#define TRACEI_BUFFERS_KEPT 4u    /* per class and unit; more go to the shared list */
#define TRACEI_GATE_BUSY 0xffffffffu
#define TRACEI_UNITS_BEFORE_FULL 32u /* with more, a thread rather takes over an ended thread's full ring than map another */

enum { /* tracei_slot.kind */
    TRACEI_SLOT_PLAIN = 1,        /* recorded and sampled, payload in the slot, no tracestate: what the short paths take */
    TRACEI_SLOT_SPAN,             /* recorded and sampled */
    TRACEI_SLOT_UNSAMPLED,        /* recorded only */
    TRACEI_SLOT_DROPPED,          /* ids only */
    TRACEI_SLOT_MUTED,            /* of a disabled scope: stands for what was current at its start, with that one's ids */
    TRACEI_SLOT_ATTACHMENT        /* no span: a context made current. record.start is the id of the span it stands for, if any */
};

enum { /* tracei_slot.chained */
    TRACEI_CHAINED_ALONE = 1,
    TRACEI_CHAINED_BLOCK          /* a block's: its thread's end ends it */
};

struct tracei_unit;

typedef struct tracei_slot {
    uint32_t index;               /* the first two as in trace_span */
    uint32_t generation;          /* odd while in use; changes with every use and every end */
    uint8_t kind;                 /* TRACEI_SLOT_* */
    uint8_t chained;              /* TRACEI_CHAINED_*; 0: not in the chain */
    uint16_t event_count;
    uint16_t link_count;
    uint16_t full; /* nothing more fits and compacting does not pay; written with the four before it, in one store */
    struct tracei_slot *below;    /* in the chain, or the next free one */
    struct tracei_unit *unit;
    unsigned char *data;          /* the payload: `room` below, or a buffer */
    uint32_t capacity;
    uint32_t sequence;            /* when it was made current, among the copies of this header; 0 or 1: before there were any */
    uint32_t entry;               /* tracestate and baggage, pinned; 0: none */
    uint32_t entry_generation;
    tracei_record record;         /* size and end are not used here; payload is what has been filled in so far */
    unsigned char room[8];        /* to the end of the slot */
} tracei_slot;

#define TRACEI_ROOM_OFFSET offsetof(tracei_slot, room)
#define TRACEI_ROOM (TRACEI_SLOT_BYTES - (uint32_t)TRACEI_ROOM_OFFSET)

typedef struct tracei_buffer { struct tracei_buffer *next; } tracei_buffer;

/* What the producer counts. 32 bits, free-running: the consumer widens them (see tracei_unit.seen). */
enum {
    TRACEI_COUNT_STARTED = 0,
    TRACEI_COUNT_ENDED,
    TRACEI_COUNT_PUBLISHED,       /* span records in the ring, ever */
    TRACEI_COUNT_SAMPLED_OUT,
    TRACEI_COUNT_REFUSED,
    TRACEI_COUNT_MISUSED,
    TRACEI_COUNT_ABANDONED,
    TRACEI_COUNT_TRUNCATED,
    TRACEI_COUNT_DROPPED,         /* + trace_drop */
    TRACEI_COUNTS = TRACEI_COUNT_DROPPED + TRACE_DROP_COUNT
};

typedef struct tracei_unit {
    uint32_t gate;                /* see above */
    uint32_t open;                /* the gate's open value in the process the unit belongs to */
    tracei_slot *current;         /* top of the chain */
    tracei_slot *free;
    tracei_slot *returned;        /* pushed by other threads, rarely */
    uint64_t span_counter;
    uint64_t random[4];

    unsigned char *ring;
    uint32_t mask;                /* ring size - 1 */
    uint32_t head;                /* written by the producer */
    uint32_t tail_seen;
    uint32_t left;                /* bytes that may be written without looking at anything else: no wrap, no half, no full */
    bool half_told;               /* the worker was woken when the ring was half full and has not emptied it since */
    bool unnamed;                 /* there was no room yet for the record that names the thread: nothing else may come first */
    uint32_t tail_told;           /* where the tail was then */
    uint32_t payload_max;         /* a span's, so that its record is no larger than a quarter ring */
    uint32_t value_length;        /* the limit during this call: what is measured and then copied must come out the same */
    uint32_t counts[TRACEI_COUNTS];
    uint32_t chunks_made;
    tracei_buffer *buffers[TRACEI_BUFFER_CLASSES];
    uint32_t buffers_kept[TRACEI_BUFFER_CLASSES];
    uint8_t away_from_producer[64];

    uint32_t tail;                /* written by the consumer */
    uint32_t pass_head;           /* the head this pass drains to */
    uint32_t seen[TRACEI_COUNTS]; /* the counts as last widened into the totals */
    uint64_t thread_id;           /* whose records are being read */
    char thread_name[32];
    uint8_t away_from_consumer[64];

    struct tracei_unit *next;     /* constant once listed */
    uint32_t owned;
    uint32_t serial;
    uint32_t adoptions;
    uint32_t destructor_rounds;
} tracei_unit;

/* Units a thread points to when it has none of its own. Zeroed, so their gates are never open. */
static tracei_unit tracei_unit_none;       /* never recorded yet */
static tracei_unit tracei_unit_gone;       /* the thread's destructors have run */
static tracei_unit tracei_unit_suppressed; /* worker, senders, exporters: never records */
static tracei_unit tracei_unit_entering;   /* is about to get one; only a signal handler can see this */
static tracei_unit tracei_unit_beginning;  /* likewise, and the process begins with it */

static TRACEI_THREAD_LOCAL tracei_unit *tracei_tls = &tracei_unit_none;

static uint32_t tracei_epoch_fallback;
static uint32_t *tracei_epoch = &tracei_epoch_fallback; /* on a page that fork wipes, where there is such a thing */
static tracei_unit *tracei_units;                       /* all of this process, newest first */
static uint32_t tracei_unit_count;
static tracei_slot **tracei_chunks[TRACEI_CHUNKS_MAX / TRACEI_CHUNKS_A_LIST];
static uint32_t tracei_chunk_count;                     /* this process's */
static uint32_t tracei_chunk_first;                     /* in a forked child: how many came before them */
static uint32_t tracei_units_inherited;                 /* likewise: serials up to here are the parent's */
static uint32_t tracei_chunk_lock;
static tracei_buffer *tracei_buffers[TRACEI_BUFFER_CLASSES];
static uint32_t tracei_buffer_lock;
static size_t tracei_pool_bytes;

static uint32_t tracei_ring_bytes = TRACEI_RING_DEFAULT;
static uint32_t tracei_max_chunks = TRACEI_OPEN_SPANS_DEFAULT / TRACEI_SLOTS_A_CHUNK;
static size_t tracei_max_pool_bytes = TRACEI_POOL_BYTES_DEFAULT;
static uint32_t tracei_lossless_ms;

typedef struct tracei_limits {
    uint32_t attributes, value_length, events, links, event_attributes, link_attributes;
} tracei_limits;
static tracei_limits tracei_limit = {128, UINT32_MAX, 128,
                                     128, 128,        128}; /* changed by init while others read: each word alone */

/* Counted where no unit can be: several writers. */
static uint32_t tracei_signal_spans; /* started in a handler that interrupted the library */
static uint32_t tracei_late_spans;   /* started after the thread's end */
static uint32_t tracei_refused_starts;
static uint32_t tracei_misused_calls;

#define TRACEI_SHORTCUT_CLOCK 0xffffffffu
static uint32_t tracei_shortcut; /* the tick source while the short paths may be taken, or TRACEI_SHORTCUT_CLOCK for the clock;
                                        0: there is a reason not to */
enum { TRACEI_ATTENTION_START = 1, TRACEI_ATTENTION_ASLEEP = 2 };
static uint32_t tracei_attention;    /* not 0: a producer that publishes has something to do for the worker */
static void tracei_attend(void);
static void tracei_process_begin(void);
static void tracei_unit_inherit(struct tracei_unit *unit, const struct tracei_slot *current);
static bool tracei_wait_for_room(struct tracei_unit *unit, uint32_t total);
static void tracei_leave_blocks(struct tracei_unit *unit);

/* The word behind the pointer is not read before it: every processor keeps that order, the thread sanitizer does not know. */
static TRACEI_ALWAYS_INLINE uint32_t *tracei_epoch_word(void) {
#if TRACEI_TSAN
    return TRACEI_LOAD_ACQUIRE(&tracei_epoch);
#else
    return TRACEI_LOAD(&tracei_epoch);
#endif
}

static TRACEI_ALWAYS_INLINE uint32_t tracei_open_gate(void) {
    return TRACEI_LOAD(tracei_epoch_word()) | 2u;
}

/* 0: this process has not begun. */
static uint32_t tracei_epoch_now(void) {
    return TRACEI_LOAD_ACQUIRE(tracei_epoch_word());
}

/* Payloads are made of 8-byte words: each name, key and value begins a word, and its last word is filled up with zeros. Text is
   gathered in a register and stored a word at a time, and copied to the ring a word at a time: loads that match the stores before
   them are forwarded from the store buffer, any other mix waits for it to drain, which costs more than the copy. */
#if TRACEI_GNU && !TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_SCALAR(word) \
    __asm__("" : "+r"(word)) /* keeps the compiler from loading two words at once, which no store matches */
#else
#define TRACEI_SCALAR(word) ((void)0)
#endif

/* Two halves as one word, the first at the lower address. */
static TRACEI_ALWAYS_INLINE uint64_t tracei_halves(uint32_t first, uint32_t second) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (uint64_t)first << 32 | second;
#else
    return (uint64_t)second << 32 | first;
#endif
}

static TRACEI_ALWAYS_INLINE uint32_t tracei_shorts(uint32_t first, uint32_t second) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return first << 16 | second;
#else
    return second << 16 | first;
#endif
}

static TRACEI_ALWAYS_INLINE uint32_t tracei_padded(uint32_t size) {
    return (size + 7u) & ~7u;
}

/* Up to 7 bytes as a word, without reading beyond them. */
static TRACEI_ALWAYS_INLINE uint64_t tracei_word_of(const unsigned char *from, size_t size) {
    uint64_t word = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (size >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + size - 4, 4);
        word = first | (uint64_t)last << (size - 4) * 8;
    } else if (size) {
        word = from[0] | (uint64_t)from[size / 2] << size / 2 * 8 | (uint64_t)from[size - 1] << (size - 1) * 8;
    }
#else
    memcpy(&word, from, size);
#endif
    return word;
}

/* Writes tracei_padded(size) bytes. */
static TRACEI_ALWAYS_INLINE unsigned char *tracei_put_words(unsigned char *to, const void *text, size_t size) {
    const unsigned char *from = (const unsigned char *)text;
    uint64_t word;
    if (TRACEI_RARE(size > 256)) {
        const size_t whole = size & (SIZE_MAX >> 1) & ~(size_t)7; /* the mask tells the compiler that no size is negative */
        memcpy(to, from, whole);
        to += whole;
        from += whole;
        size &= 7;
    }
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (size >= 8) {
        const size_t whole = size & (SIZE_MAX >> 1) & ~(size_t)7;
        size_t at = 0;
        TRACEI_SCALAR(from); /* where all is inlined, gcc warns of what would be read of shorter texts it knows */
        do {
            memcpy(&word, from + at, 8);
            memcpy(to + at, &word, 8);
            at += 8;
        } while (at != whole);
        if (size & 7) { /* the last word ends where the text ends, and loses what was copied before */
            memcpy(&word, from + size - 8, 8);
            word >>= (0 - size * 8) & 63;
            memcpy(to + whole, &word, 8);
        }
        return to + ((size + 7) & ~(size_t)7);
    }
#else
    for (; size >= 8; size -= 8, from += 8, to += 8) memcpy(to, from, 8);
#endif
    if (size) {
        word = tracei_word_of(from, size);
        memcpy(to, &word, 8);
        to += 8;
    }
    return to;
}

/* `size` is a multiple of 8, and not large. */
static TRACEI_ALWAYS_INLINE void tracei_copy_words(unsigned char *to, const unsigned char *from, uint32_t size) {
    const unsigned char *const end = from + size;
    uint64_t word;
    for (; from != end; from += 8, to += 8) {
        memcpy(&word, from, 8);
        TRACEI_SCALAR(word);
        memcpy(to, &word, 8);
    }
}

static TRACEI_ALWAYS_INLINE uint64_t tracei_rotate(uint64_t value, int by) {
    return (value << by) | (value >> (64 - by));
}

/* xoshiro256++ (Blackman, Vigna), for trace ids: their bits are what samplers everywhere go by. */
static uint64_t tracei_random_number(tracei_unit *unit) {
    uint64_t *const s = unit->random;
    const uint64_t result = tracei_rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = tracei_rotate(s[3], 45);
    return result;
}

/* Span ids: a counter that begins at a random number, stirred by a bijection, so a thread never repeats one. A third of the
   instructions of the above. Only 0 becomes 0, which means "none" and is passed over. */
static TRACEI_ALWAYS_INLINE uint64_t tracei_span_id(tracei_unit *unit) {
    uint64_t id = unit->span_counter + 0x9e3779b97f4a7c15u;
    if (TRACEI_RARE(!id)) id = 0x9e3779b97f4a7c15u;
    unit->span_counter = id;
    id = (id ^ id >> 32) * 0xd6e8feb86659fd93u;
    return id ^ id >> 32;
}

static void tracei_unit_seed(tracei_unit *unit) {
    static uint32_t counter;
    uint64_t mix = tracei_mono_ns() ^ (uint64_t)(uintptr_t)unit ^ tracei_rotate(tracei_unix_ns(), 32);
    int i;
    if (tracei_random_bytes(unit->random, sizeof unit->random)) {
        if (!(unit->random[0] | unit->random[1] | unit->random[2] | unit->random[3])) unit->random[0] = 1;
        unit->span_counter = tracei_random_number(unit);
        return;
    }
    mix ^= (uint64_t)TRACEI_ADD(&counter, 1u) << 48 ^ tracei_thread_id() << 24;
#if TRACEI_PLATFORM_POSIX
    mix ^= (uint64_t)getpid() << 40;
#endif
    for (i = 0; i < 4; i++) { /* splitmix64 spreads what little there is */
        uint64_t z = mix += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        unit->random[i] = z ^ (z >> 31);
    }
    unit->span_counter = tracei_random_number(unit);
}

/* --- buffers: payloads that outgrew their slot --- */

static uint32_t tracei_buffer_class(uint32_t size) {
    uint32_t c = 0, bytes = TRACEI_BUFFER_MIN;
    while (bytes < size) bytes *= 2, c++;
    return c;
}

static TRACEI_COLD void *tracei_buffer_take(tracei_unit *unit, uint32_t c) {
    const size_t size = (size_t)TRACEI_BUFFER_MIN << c;
    tracei_buffer *buffer = unit->buffers[c];
    if (buffer) {
        unit->buffers[c] = buffer->next;
        unit->buffers_kept[c]--;
        return buffer;
    }
    if (TRACEI_LOAD(&tracei_buffers[c]) && tracei_try_lock(&tracei_buffer_lock)) {
        buffer = tracei_buffers[c];
        if (buffer) TRACEI_STORE(&tracei_buffers[c], buffer->next);
        tracei_unlock(&tracei_buffer_lock);
        if (buffer) return buffer;
    }
    if (TRACEI_ADD(&tracei_pool_bytes, size) + size > TRACEI_LOAD(&tracei_max_pool_bytes)) {
        (void)TRACEI_SUB(&tracei_pool_bytes, size);
        return NULL;
    }
    if (size < TRACEI_PAGE && TRACEI_PAGE % size == 0) { /* cut a page into pieces of this class */
        unsigned char *const page = (unsigned char *)tracei_alloc(TRACEI_PAGE);
        size_t at;
        if (!page) {
            (void)TRACEI_SUB(&tracei_pool_bytes, size);
            return NULL;
        }
        (void)TRACEI_ADD(&tracei_pool_bytes, TRACEI_PAGE - size);
        for (at = size; at < TRACEI_PAGE; at += size) {
            buffer = (tracei_buffer *)(void *)(page + at);
            buffer->next = unit->buffers[c];
            unit->buffers[c] = buffer;
            unit->buffers_kept[c]++;
        }
        return page;
    }
    buffer = (tracei_buffer *)tracei_alloc(size);
    if (!buffer) (void)TRACEI_SUB(&tracei_pool_bytes, size);
    return buffer;
}

static TRACEI_COLD void tracei_buffer_give(tracei_unit *unit, void *memory, uint32_t capacity) {
    const uint32_t c = tracei_buffer_class(capacity);
    tracei_buffer *const buffer = (tracei_buffer *)memory;
    const size_t size = (size_t)TRACEI_BUFFER_MIN << c;
    if (size >= 64u << 10) { /* rare and large: back to the system */
        (void)TRACEI_SUB(&tracei_pool_bytes, size);
        tracei_free(memory, size);
        return;
    }
    if (unit->buffers_kept[c] >= TRACEI_BUFFERS_KEPT && tracei_try_lock(&tracei_buffer_lock)) {
        buffer->next = tracei_buffers[c];
        TRACEI_STORE(&tracei_buffers[c], buffer);
        tracei_unlock(&tracei_buffer_lock);
        return;
    }
    buffer->next = unit->buffers[c];
    unit->buffers[c] = buffer;
    unit->buffers_kept[c]++;
}

/* --- slots --- */

static unsigned char *tracei_slot_room(tracei_slot *slot) {
    return (unsigned char *)slot + TRACEI_ROOM_OFFSET;
}

static tracei_slot *tracei_chunk_slot(tracei_slot *chunk, uint32_t i) {
    return (tracei_slot *)(void *)((unsigned char *)chunk + (size_t)i * TRACEI_SLOT_BYTES);
}

static TRACEI_ALWAYS_INLINE tracei_slot *tracei_slot_at(uint32_t index) {
    const uint32_t c = index / TRACEI_SLOTS_A_CHUNK;
    tracei_slot **list, *chunk;
    if (c >= TRACEI_CHUNKS_MAX) return NULL;
    list = TRACEI_LOAD_ACQUIRE(&tracei_chunks[c / TRACEI_CHUNKS_A_LIST]);
    chunk = list ? TRACEI_LOAD_ACQUIRE(&list[c % TRACEI_CHUNKS_A_LIST]) : NULL;
    return chunk ? tracei_chunk_slot(chunk, index % TRACEI_SLOTS_A_CHUNK) : NULL;
}

/* Index and generation as one word, because a load forwards no two stores. */
#if UINTPTR_MAX > 0xffffffffu && TRACEI_GNU && !TRACE_CONFIG_SINGLE_THREADED && defined(__BYTE_ORDER__) && \
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TRACEI_SLOT_WORD(slot) ((TRACEI_MAY_ALIAS uint64_t *)(void *)&(slot)->index)
static TRACEI_ALWAYS_INLINE trace_span tracei_slot_turn(tracei_slot *slot) {
    const uint64_t use = TRACEI_LOAD(TRACEI_SLOT_WORD(slot)) + ((uint64_t)1 << 32);
    trace_span span;
    TRACEI_STORE(TRACEI_SLOT_WORD(slot), use);
    memcpy((void *)&span, &use, sizeof use);
    span.id = slot->record.span_id;
    return span;
}

static TRACEI_ALWAYS_INLINE bool tracei_slot_is(tracei_slot *slot, trace_span span) {
    return TRACEI_LOAD(TRACEI_SLOT_WORD(slot)) == tracei_halves(span.slot, span.generation) && slot->record.span_id == span.id;
}
#else
static TRACEI_ALWAYS_INLINE trace_span tracei_slot_turn(tracei_slot *slot) {
    trace_span span;
    span.slot = slot->index;
    span.generation = slot->generation + 1;
    span.id = slot->record.span_id;
    TRACEI_STORE(&slot->generation, span.generation);
    return span;
}

static TRACEI_ALWAYS_INLINE bool tracei_slot_is(tracei_slot *slot, trace_span span) {
    return slot->index == span.slot && slot->generation == span.generation && slot->record.span_id == span.id;
}
#endif

/* What another thread has ended is current on its own until that one looks: its generation is even then, a handle's never. */
static TRACEI_ALWAYS_INLINE bool tracei_slot_is_open(tracei_slot *slot, trace_span span) {
    return tracei_slot_is(slot, span) && (span.generation & 1);
}

/* The slot a handle names, or NULL when the handle is stale, invented or zero, or was inherited through fork. */
static TRACEI_ALWAYS_INLINE tracei_slot *tracei_slot_of(tracei_unit *unit, trace_span span) {
    tracei_slot *const slot = tracei_slot_at(span.slot);
    if (!slot || !(span.generation & 1) || TRACEI_LOAD(&slot->generation) != span.generation || slot->record.span_id != span.id ||
        slot->kind == TRACEI_SLOT_ATTACHMENT)
        return NULL;
    return slot->unit == unit || slot->unit->open == unit->open ? slot : NULL;
}

static void tracei_slot_put(tracei_unit *unit, tracei_slot *slot) {
    slot->below = unit->free;
    unit->free = slot;
}

/* Which number a chunk of this process has. A child's come after its parent's, which stay, so that handles from before the fork
   are told from invented ones; when all numbers are taken, the oldest chunks are forgotten first. */
static uint32_t tracei_chunk_number(uint32_t of_process) {
    return (tracei_chunk_first + of_process) % TRACEI_CHUNKS_MAX;
}

/* Where the pointer to a chunk stands. A list spans more chunks than are made at once. */
static tracei_slot **tracei_chunk_place(uint32_t of_process) {
    const uint32_t c = tracei_chunk_number(of_process);
    tracei_slot **list = tracei_chunks[c / TRACEI_CHUNKS_A_LIST];
    if (!list) {
        list = (tracei_slot **)tracei_alloc(TRACEI_CHUNKS_A_LIST * sizeof *list);
        if (!list) return NULL;
        TRACEI_STORE_RELEASE(&tracei_chunks[c / TRACEI_CHUNKS_A_LIST], list);
    }
    return &list[c % TRACEI_CHUNKS_A_LIST];
}

/* New slots for this unit: one chunk at first, then more at a time, so that a million open spans are few mappings. */
static TRACEI_COLD bool tracei_slot_refill(tracei_unit *unit) {
    const uint32_t max = TRACEI_LOAD(&tracei_max_chunks);
    uint32_t count = unit->chunks_made ? (unit->chunks_made < 16 ? unit->chunks_made : 16) : 1, first, i;
    tracei_slot *memory = NULL;
    tracei_lock(&tracei_chunk_lock);
    first = tracei_chunk_count;
    if (first < max) {
        if (count > max - first) count = max - first;
        if (tracei_chunk_place(first) && tracei_chunk_place(first + count - 1))
            memory = (tracei_slot *)tracei_alloc((size_t)count * TRACEI_SLOTS_A_CHUNK * TRACEI_SLOT_BYTES);
    }
    if (memory) {
        for (i = count * TRACEI_SLOTS_A_CHUNK; i-- > 0;) {
            tracei_slot *const slot = tracei_chunk_slot(memory, i);
            slot->index = tracei_chunk_number(first + i / TRACEI_SLOTS_A_CHUNK) * TRACEI_SLOTS_A_CHUNK + i % TRACEI_SLOTS_A_CHUNK;
            slot->unit = unit;
            slot->data = tracei_slot_room(slot);
            slot->capacity = TRACEI_ROOM;
            slot->generation = 0;
            tracei_slot_put(unit, slot);
        }
        for (i = 0; i < count; i++)
            TRACEI_STORE_RELEASE(tracei_chunk_place(first + i), tracei_chunk_slot(memory, i * TRACEI_SLOTS_A_CHUNK));
        tracei_chunk_count = first + count;
        unit->chunks_made += count;
    }
    tracei_unlock(&tracei_chunk_lock);
    return memory != NULL;
}

/* Out of the chain, wherever in it; almost always the top. */
static void tracei_chain_remove(tracei_unit *unit, tracei_slot *slot) {
    tracei_slot **at = &unit->current;
    while (*at && *at != slot) at = &(*at)->below;
    if (*at) *at = slot->below;
    slot->chained = 0;
}

static void tracei_slot_release(tracei_unit *unit, tracei_slot *slot) {
    if (slot->data != tracei_slot_room(slot)) {
        tracei_buffer_give(unit, slot->data, slot->capacity);
        slot->data = tracei_slot_room(slot);
        slot->capacity = TRACEI_ROOM;
    }
    tracei_slot_put(unit, slot);
}

/* Slots other threads have ended. */
static TRACEI_COLD void tracei_reclaim(tracei_unit *unit) {
    tracei_slot *expected = TRACEI_LOAD_ACQUIRE(&unit->returned), *slot;
    while (!TRACEI_CAS(&unit->returned, &expected, (tracei_slot *)NULL)) {}
    for (slot = expected; slot;) {
        tracei_slot *const next = (tracei_slot *)(uintptr_t)slot->record.end;
        if (slot->chained) tracei_chain_remove(unit, slot);
        tracei_slot_release(unit, slot);
        slot = next;
    }
}

static TRACEI_COLD void tracei_give_back(tracei_slot *slot) {
    tracei_unit *const owner = slot->unit;
    tracei_slot *head = TRACEI_LOAD(&owner->returned);
    do slot->record.end = (uintptr_t)head; /* the record is in a ring by now */
    while (!TRACEI_CAS(&owner->returned, &head, slot));
}

static tracei_slot *tracei_slot_take(tracei_unit *unit) {
    tracei_slot *slot = unit->free;
    if (TRACEI_RARE(!slot)) {
        if (!tracei_slot_refill(unit)) return NULL;
        slot = unit->free;
    }
    unit->free = slot->below;
    (void)tracei_slot_turn(slot);
    return slot;
}

/* --- ring --- */

/* Half full or full by the copy of the tail: look at the tail itself, wake the worker once a half, wait if told to. */
static TRACEI_COLD bool tracei_ring_make_room(tracei_unit *unit, uint32_t total) {
    const uint32_t size = unit->mask + 1;
    uint32_t in_use;
    unit->tail_seen = TRACEI_LOAD_ACQUIRE(&unit->tail);
    in_use = unit->head + total - unit->tail_seen;
    if (in_use <= size / 2) {
        unit->half_told = false;
        return true;
    }
    if (!unit->half_told || unit->tail_told != unit->tail_seen) {
        unit->half_told = true;
        unit->tail_told = unit->tail_seen;
        tracei_attend();
    }
    if (in_use <= size) return true;
    return TRACEI_LOAD(&tracei_lossless_ms) != 0 && tracei_wait_for_room(unit, total);
}

/* How much may be written next without asking: up to the wrap, and up to half full (or full, when the worker knows). */
static void tracei_ring_allow(tracei_unit *unit) {
    const uint32_t size = unit->mask + 1, to_wrap = size - (unit->head & unit->mask), in_use = unit->head - unit->tail_seen;
    const uint32_t bound = unit->half_told ? size : size / 2;
    const uint32_t room = bound > in_use ? bound - in_use : 0;
    unit->left = unit->unnamed ? 0 : room < to_wrap ? room : to_wrap;
}

/* Where a record of `size` bytes goes, or NULL when there is no room. */
static unsigned char *tracei_ring_reserve(tracei_unit *unit, uint32_t size, uint32_t *new_head) {
    uint32_t offset = unit->head & unit->mask;
    const uint32_t to_wrap = unit->mask + 1 - offset, total = size > to_wrap ? size + to_wrap : size;
    if (unit->head + total - unit->tail_seen > (unit->half_told ? unit->mask + 1 : (unit->mask + 1) / 2) &&
        !tracei_ring_make_room(unit, total))
        return NULL;
    *new_head = unit->head + total;
    if (total != size) {
        tracei_record pad;
        pad.size = to_wrap;
        pad.type = TRACEI_RECORD_PAD;
        memcpy(unit->ring + offset, &pad, 8); /* the least a record can be */
        offset = 0;
    }
    return unit->ring + offset;
}

static TRACEI_ALWAYS_INLINE void tracei_ring_published(void) {
    TRACEI_COMPILER_BARRIER(); /* the worker's membarrier orders the head's store before this load; see tracei_worker_sleep */
    if (TRACEI_RARE(TRACEI_LOAD(&tracei_attention))) tracei_attend();
}

/* Type, flags and bits of a record as one word. */
static TRACEI_ALWAYS_INLINE uint32_t tracei_record_head(uint32_t type, uint32_t flags, uint32_t bits) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return type << 24 | flags << 16 | bits;
#else
    return type | flags << 8 | bits << 16;
#endif
}

static TRACEI_ALWAYS_INLINE void tracei_move_word(void *to, const void *from) {
    uint64_t word;
    memcpy(&word, from, 8);
    TRACEI_SCALAR(word);
    memcpy(to, &word, 8);
}

/* Fills in a record's header in the ring; size and end are not taken from the slot. */
static TRACEI_ALWAYS_INLINE void tracei_record_put(unsigned char *at, const tracei_record *record, uint32_t head, uint32_t used,
                                                   uint64_t end) {
    tracei_record *const to = (tracei_record *)(void *)at;
    uint64_t word = tracei_halves((uint32_t)sizeof *record + used, head);
    uint32_t name_scope;
    memcpy(&to->size, &word, 8);
    tracei_move_word(&to->span_id, &record->span_id);
    tracei_move_word(&to->parent_id, &record->parent_id);
    tracei_move_word(&to->trace_high, &record->trace_high);
    tracei_move_word(&to->trace_low, &record->trace_low);
    tracei_move_word(&to->start, &record->start);
    to->end = end;
    memcpy(&name_scope, &record->name_size, 4);
    word = tracei_halves(used, name_scope);
    memcpy(&to->payload, &word, 8);
    tracei_move_word(&to->dropped_attributes, &record->dropped_attributes);
}

static bool tracei_unit_name_thread(tracei_unit *unit);

static bool tracei_ring_write(tracei_unit *unit, const tracei_record *record, uint8_t type, const unsigned char *payload,
                              uint32_t used, uint32_t bits, uint64_t end) {
    uint32_t new_head;
    unsigned char *at;
    if (TRACEI_RARE(unit->unnamed) && type != TRACEI_RECORD_THREAD && !tracei_unit_name_thread(unit)) return false;
    at = tracei_ring_reserve(unit, (uint32_t)sizeof *record + used, &new_head);
    if (!at) return false;
    tracei_record_put(at, record, tracei_record_head(type, record->flags, bits), used, end);
    memcpy(at + sizeof *record, payload, used);
    if (type == TRACEI_RECORD_SPAN)
        TRACEI_BUMP(&unit->counts[TRACEI_COUNT_PUBLISHED]); /* before the consumer can see it, so pending is never negative */
    TRACEI_STORE_RELEASE(&unit->head, new_head);
    tracei_ring_allow(unit);
    return true;
}

TRACEI_SMALL_BEGIN

/* --- a thread and its unit --- */

static bool tracei_unit_name_thread(tracei_unit *unit) {
    tracei_record record;
    char name[32];
    memset(&record, 0, sizeof record);
    memset(name, 0, sizeof name);
    record.span_id = tracei_thread_id();
#if defined(__linux__) && TRACEI_PLATFORM_POSIX
    if (record.span_id != (uint64_t)getpid())
        (void)prctl(PR_GET_NAME, name, 0, 0, 0); /* the main thread is named like the program */
#endif
    unit->unnamed = !tracei_ring_write(unit, &record, TRACEI_RECORD_THREAD, (const unsigned char *)name, sizeof name, 0, 0);
    tracei_ring_allow(unit);
    return !unit->unnamed;
}

static TRACEI_COLD tracei_unit *tracei_unit_map(void) {
    tracei_unit *const unit = (tracei_unit *)tracei_alloc(sizeof *unit), *first;
    const uint32_t size = TRACEI_LOAD(&tracei_ring_bytes);
    if (!unit) return NULL;
    unit->ring = (unsigned char *)tracei_alloc(size);
    if (!unit->ring) {
        tracei_free(unit, sizeof *unit);
        return NULL;
    }
#ifdef TRACEI_TEST_INDEX /* lets tests start near the wrap of the 32-bit indices */
    unit->head = unit->tail = unit->tail_seen = unit->pass_head = TRACEI_TEST_INDEX;
    for (uint32_t i = 0; i < TRACEI_COUNTS; i++) unit->counts[i] = unit->seen[i] = 0u - (unit->head & 1023u);
#endif
    unit->mask = size - 1;
    unit->payload_max = size / 4 - (uint32_t)sizeof(tracei_record);
    unit->owned = 1;
    unit->serial = TRACEI_ADD(&tracei_unit_count, 1u) + 1;
    first = TRACEI_LOAD(&tracei_units);
    do unit->next = first;
    while (!TRACEI_CAS(&tracei_units, &first, unit));
    return unit;
}

#if TRACEI_PLATFORM_POSIX
static pthread_key_t tracei_thread_key;
static bool tracei_thread_key_made;
#elif TRACEI_PLATFORM_WINDOWS
static DWORD tracei_thread_key = FLS_OUT_OF_INDEXES;
#endif

/* Frees the unit for another thread. Blocks have ended; open spans in it stay valid handles: whoever holds one may end it. */
static TRACEI_UNUSED void tracei_unit_disown(tracei_unit *unit) {
    tracei_leave_blocks(unit);
    while (unit->current) {
        tracei_slot *const slot = unit->current;
        tracei_chain_remove(unit, slot);
        if (slot->kind == TRACEI_SLOT_ATTACHMENT) {
            tracei_entry_unpin(slot->entry);
            TRACEI_STORE(&slot->generation, slot->generation + 1);
            tracei_slot_release(unit, slot);
        }
    }
    TRACEI_STORE_RELEASE(&unit->owned, 0u);
}

#if TRACEI_PLATFORM_POSIX
#define TRACEI_DESTRUCTOR_ROUNDS (TRACEI_TSAN ? 3u : 4u) /* PTHREAD_DESTRUCTOR_ITERATIONS; TSan's own state is gone in the last */

/* Other destructors may still record: come back until the system's last round. */
static void tracei_thread_exit(void *argument) {
    tracei_unit *const unit = (tracei_unit *)argument;
    if (unit->open != tracei_open_gate()) return; /* inherited through fork */
    if (++unit->destructor_rounds < TRACEI_DESTRUCTOR_ROUNDS && pthread_setspecific(tracei_thread_key, unit) == 0) return;
    tracei_tls = &tracei_unit_gone;
    tracei_unit_disown(unit);
}
#elif TRACEI_PLATFORM_WINDOWS
static void WINAPI tracei_thread_exit(void *argument) {
    if (!argument) return;
    tracei_tls = &tracei_unit_gone;
    tracei_unit_disown((tracei_unit *)argument);
}
#endif

static bool tracei_thread_watch(tracei_unit *unit) {
#if TRACEI_PLATFORM_POSIX
    return !tracei_thread_key_made || (!TRACEI_FAIL("thread key") && pthread_setspecific(tracei_thread_key, unit) == 0);
#elif TRACEI_PLATFORM_WINDOWS
    return tracei_thread_key == FLS_OUT_OF_INDEXES || FlsSetValue(tracei_thread_key, unit) != 0;
#else
    (void)unit;
    return true;
#endif
}

static bool tracei_unit_claim(tracei_unit *unit, uint32_t open, bool full_too) {
    uint32_t expected = 0;
    if (TRACEI_LOAD(&unit->owned) || !TRACEI_CAS(&unit->owned, &expected, 1u)) return false;
    if (unit->mask + 1 == TRACEI_LOAD(&tracei_ring_bytes) && unit->open == open) {
        const bool room = unit->mask + 1 - (unit->head - TRACEI_LOAD_ACQUIRE(&unit->tail)) >= 4 * sizeof(tracei_record);
        unit->unnamed = true;
        if (room) (void)tracei_unit_name_thread(unit);
        if (room || full_too) {
            tracei_ring_allow(unit);
            return true;
        }
    }
    TRACEI_STORE_RELEASE(&unit->owned, 0u);
    return false;
}

static tracei_unit *tracei_unit_find(uint32_t open, bool full_too) {
    tracei_unit *unit = TRACEI_LOAD_ACQUIRE(&tracei_units);
    while (unit && !tracei_unit_claim(unit, open, full_too)) unit = unit->next;
    return unit;
}

static TRACEI_COLD tracei_unit *tracei_unit_adopt(uint32_t open) {
    tracei_unit *unit = tracei_unit_find(open, false);
    if (!unit && TRACEI_LOAD(&tracei_unit_count) >= TRACEI_UNITS_BEFORE_FULL) unit = tracei_unit_find(open, true);
    if (!unit) {
        unit = tracei_unit_map();
        if (!unit) return NULL;
        unit->open = open;
        (void)tracei_unit_name_thread(unit);
    }
    unit->adoptions++;
    unit->destructor_rounds = 0;
    unit->gate = open;
    tracei_unit_seed(unit);
    if (!tracei_thread_watch(unit)) {
        TRACEI_STORE_RELEASE(&unit->owned, 0u);
        return NULL;
    }
    return unit;
}

static TRACEI_UNUSED void tracei_suppress_thread(void) {
    tracei_tls = &tracei_unit_suppressed;
}

/* A handler has interrupted the library where it gives the thread a unit. What a thread of the parent's was about to get does not
   concern a child that was forked in the handler: it reads epoch 0, while a process that has begun never does. */
static bool tracei_is_entering(const tracei_unit *unit) {
    return unit == &tracei_unit_beginning || (unit == &tracei_unit_entering && tracei_epoch_now() != 0);
}

TRACEI_SMALL_END

static TRACEI_ALWAYS_INLINE uint64_t tracei_unit_token(const tracei_unit *unit) {
    return (uint64_t)unit->adoptions << 32 | unit->serial;
}

/* The thread has no open gate: its first call, a call after its end, a call in a signal handler that interrupted the library, or
   the first call after fork. */
static TRACEI_COLD tracei_unit *tracei_enter_slow(void) {
    tracei_unit *const before = tracei_tls;
    const int saved = errno;
    tracei_unit *unit;
    int cancel;
    if (before == &tracei_unit_gone || before == &tracei_unit_suppressed || tracei_is_entering(before)) return NULL;
    if (tracei_epoch_now() != 0 && before->open == tracei_open_gate()) return NULL;
#if TRACEI_PLATFORM_NONE
    if (tracei_epoch_now() == 0) return NULL; /* no clock before trace_init: such spans are refused, and counted as that */
#endif
    cancel = tracei_cancel_hold();
    if (tracei_epoch_now() == 0) {
        tracei_tls = &tracei_unit_beginning;
        TRACEI_COMPILER_BARRIER();
        tracei_process_begin();
        TRACEI_COMPILER_BARRIER();
    }
    tracei_tls = &tracei_unit_entering;
    TRACEI_COMPILER_BARRIER();
    unit = tracei_unit_adopt(tracei_open_gate());
    if (unit && before->current) tracei_unit_inherit(unit, before->current);
    TRACEI_COMPILER_BARRIER();
    if (TRACEI_RARE(tracei_tls != &tracei_unit_entering)) { /* a child forked meanwhile in a handler, and recorded there */
        unit = tracei_tls;
        (void)tracei_thread_watch(unit);
    }
    tracei_tls = unit ? unit : before;
    tracei_cancel_allow(cancel);
    errno = saved;
    return unit;
}

static TRACEI_ALWAYS_INLINE void tracei_close_gate(tracei_unit *unit) {
    TRACEI_STORE(&unit->gate, TRACEI_GATE_BUSY);
    TRACEI_COMPILER_BARRIER();
}

static tracei_unit *tracei_enter(void) {
    tracei_unit *unit = tracei_tls;
    if (TRACEI_RARE(unit->gate != tracei_open_gate())) {
        unit = tracei_enter_slow();
        if (!unit) return NULL;
    }
    tracei_close_gate(unit);
    unit->value_length = TRACEI_LOAD(&tracei_limit.value_length);
    return unit;
}

static TRACEI_ALWAYS_INLINE void tracei_leave_unit(tracei_unit *unit) {
    TRACEI_COMPILER_BARRIER();
    TRACEI_STORE(&unit->gate, unit->open);
}

static TRACEI_COLD void tracei_count_misuse(tracei_unit *unit) {
    static uint32_t said;
    if (unit)
        TRACEI_BUMP(&unit->counts[TRACEI_COUNT_MISUSED]);
    else
        (void)TRACEI_ADD(&tracei_misused_calls, 1u);
    if (tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "a span handle (or mark, or attachment) that is stale, invented or zero was used (double end? use after "
                   "end?): ignored, "
                   "counted in trace_stats.misused; said once");
}

/* Of a number that no constant of its enumeration has. */
static TRACEI_COLD void tracei_say_unknown(const char *what, int value, const char *instead) {
    static uint32_t said;
    if (tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s %d is none of its constants: %s; said once", what, value, instead);
}

/* Of a handle that names no open span of this process. One that was open at the fork is nothing to complain of. */
static TRACEI_COLD void tracei_count_stale(tracei_unit *unit, trace_span span) {
    tracei_slot *const slot = tracei_slot_at(span.slot);
    const bool inherited = slot && (span.generation & 1) && TRACEI_LOAD(&slot->generation) == span.generation &&
                           slot->unit->open != unit->open;
    if (!inherited) tracei_count_misuse(unit);
}

/* Of a mark or an attachment that is not this thread's. */
static TRACEI_COLD void tracei_count_foreign(tracei_unit *unit, uint64_t token) {
    if ((uint32_t)token - 1u >= tracei_units_inherited) tracei_count_misuse(unit);
}

TRACEI_SMALL_BEGIN

/* >>sampler --------------------------------------------------------------------------------------------------------

   Values and functions of one kind: a sampler is a function and a pointer. What a ready sampler has to remember (a ratio, a
   threshold) is packed into the 32 bits every pointer has, so that it can be returned by value and nobody owns anything;
   composed samplers point to their program's structures. An interned table of samplers was dropped: it needs a lock and fills.

   All of this runs inside trace_span_start on any thread, signal handlers too: no locks, no allocation, 32-bit atomics.

   Ratio: the float's bits. The trace id's lower half, as a 63-bit number, is below ratio * 2^63: what the Go and Python SDKs do.
   Consistent: T, the rejection threshold out of 2^56, rounded to four hexadecimal digits and one more for each leading f, as
   the specification's table has it: the digits' number and the lowest six of them, those before being f. R, the random number,
   is tracestate's rv or the last 7 bytes of the trace id; R >= T samples and writes ot=th:T, a drop removes it.
   A changed tracestate is made in a buffer of the thread; it is read before the next sampler runs on this thread. Members that
   do not fit are left out from the right, whole.

   Rate limit: the bucket as a time. `reserved[0]` is when the bucket will be full again, in ticks of which 2^28 fill it; a span
   is let through when that moves it no more than a full bucket into the future (GCRA). 32 bits span 16 buckets' worth of time,
   so after a long silence the difference could mean anything: `reserved[1]` is the number of the bucket's worth of time the
   limit was last seen in, and who sees it jump by more than one takes the bucket for full, provided nobody moved the first word
   since. The words are read before the clock and again after a lost race: so no thread, however long it was off the processor,
   compares a bucket with a time before it, and every race loses a token rather than inventing one. Counting tokens and
   refilling them was dropped: two numbers that must change together need 64 bits or a lock. */

#define TRACEI_THRESHOLD_LIMIT (UINT64_C(1) << 56)
#define TRACEI_STATE_BYTES 776u           /* the 512 that must be carried on, and an ot member of the longest kind */
#define TRACEI_OT_BYTES 256u

static TRACEI_THREAD_LOCAL char tracei_sampler_text[TRACEI_STATE_BYTES];
static uint32_t tracei_ratio_warned, tracei_randomness_warned;

static bool tracei_sampler_has_parent(const trace_sampler_input *input) {
    return trace_context_is_valid(input->parent);
}

static trace_decision tracei_sampler_follow(const trace_sampler_input *input) {
    return !tracei_sampler_has_parent(input) || (input->parent.flags & TRACE_FLAG_SAMPLED) ? TRACE_DECISION_SAMPLE
                                                                                           : TRACE_DECISION_DROP;
}

/* Asks a member of a composition. */
static trace_decision tracei_sampler_ask(const trace_sampler *sampler, const trace_sampler_input *input,
                                         trace_sampler_output *output) {
    trace_decision decision;
    if (!sampler || !sampler->sample_fn || (sampler->roots_only && tracei_sampler_has_parent(input)))
        return tracei_sampler_follow(input);
    decision = sampler->sample_fn(sampler->user, input, output);
    return (unsigned)decision > (unsigned)TRACE_DECISION_SAMPLE ? TRACE_DECISION_DROP : decision;
}

static trace_sampler tracei_sampler_make(trace_decision (*sample_fn)(void *, const trace_sampler_input *, trace_sampler_output *),
                                         const char *description, const void *user) {
    trace_sampler sampler;
    memset(&sampler, 0, sizeof sampler);
    sampler.description = description;
    sampler.sample_fn = sample_fn;
    memcpy(&sampler.user, &user, sizeof user);
    return sampler;
}

static double tracei_sampler_clamp(const char *what, double share) {
    if (share >= 0 && share <= 1) return share;
    tracei_log(TRACE_LOG_LEVEL_WARNING, "%s is not between 0 and 1: taken as %s", what, share < 0 ? "0" : "1");
    return share < 0 ? 0 : 1;
}

/* On and off. */

static trace_decision tracei_sample_on(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    (void)user, (void)input, (void)output;
    return TRACE_DECISION_SAMPLE;
}

static trace_decision tracei_sample_off(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    (void)user, (void)input, (void)output;
    return TRACE_DECISION_DROP;
}

TRACE_APP trace_sampler trace_sampler_always_on(void) {
    return tracei_sampler_make(tracei_sample_on, "AlwaysOnSampler", NULL);
}

TRACE_APP trace_sampler trace_sampler_always_off(void) {
    return tracei_sampler_make(tracei_sample_off, "AlwaysOffSampler", NULL);
}

/* A ratio of the trace ids. */

static float tracei_ratio_of(const void *user) {
    const uint32_t bits = (uint32_t)(uintptr_t)user;
    float ratio;
    memcpy(&ratio, &bits, sizeof ratio);
    return ratio;
}

static uint64_t tracei_id_number(const uint8_t *bytes, size_t count) {
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++) number = number << 8 | bytes[i];
    return number;
}

static trace_decision tracei_sample_ratio(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    const uint64_t below = (uint64_t)((double)tracei_ratio_of(user) * 9223372036854775808.0);
    (void)output;
    if (tracei_sampler_has_parent(input) && tracei_first_time(&tracei_ratio_warned))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "a ratio sampler decides about children: other SDKs may decide otherwise and traces be incomplete; "
                   "use trace_sampler_roots_only or parentbased_traceidratio");
    return tracei_id_number(input->trace_id + 8, 8) >> 1 < below ? TRACE_DECISION_SAMPLE : TRACE_DECISION_DROP;
}

TRACE_APP trace_sampler trace_sampler_ratio(double ratio) {
    const float kept = (float)tracei_sampler_clamp("the ratio of trace_sampler_ratio", ratio);
    uint32_t bits;
    memcpy(&bits, &kept, sizeof bits);
    return tracei_sampler_make(tracei_sample_ratio, "TraceIdRatioBased", (void *)(uintptr_t)bits);
}

/* Parent-based. */

static trace_decision tracei_sample_parent_based(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    const trace_sampler_branches *const branches = (const trace_sampler_branches *)user;
    const trace_sampler *branch;
    if (!tracei_sampler_has_parent(input))
        branch = &branches->root;
    else if (input->parent.flags & TRACE_FLAG_SAMPLED)
        branch = input->parent.is_remote ? &branches->remote_sampled : &branches->local_sampled;
    else
        branch = input->parent.is_remote ? &branches->remote_not_sampled : &branches->local_not_sampled;
    return tracei_sampler_ask(branch, input, output);
}

TRACE_APP trace_sampler trace_sampler_roots_only(trace_sampler sampler) {
    sampler.roots_only = true;
    if (!sampler.sample_fn) sampler.sample_fn = tracei_sample_on, sampler.description = "AlwaysOnSampler";
    return sampler;
}

TRACE_APP trace_sampler trace_sampler_parent_based(const trace_sampler_branches *branches) {
    if (!branches) return trace_sampler_roots_only(trace_sampler_always_on());
    if (!branches->remote_sampled.sample_fn && !branches->remote_not_sampled.sample_fn && !branches->local_sampled.sample_fn &&
        !branches->local_not_sampled.sample_fn)
        return trace_sampler_roots_only(branches->root); /* children need no call */
    return tracei_sampler_make(tracei_sample_parent_based, "ParentBased", branches);
}

/* Tracestate: the ot member and its two numbers. */

/* Cuts the text before the next separator off *rest. */
static bool tracei_state_part(trace_string *rest, char separator, trace_string *part) {
    const char *end;
    if (!rest->size) return false;
    end = (const char *)memchr(rest->data, separator, rest->size);
    part->data = rest->data;
    part->size = end ? (size_t)(end - rest->data) : rest->size;
    rest->data += part->size + (end ? 1 : 0);
    rest->size -= part->size + (end ? 1 : 0);
    return true;
}

static bool tracei_state_is_ot(trace_string member) {
    return member.size >= 3 && memcmp(member.data, "ot=", 3) == 0;
}

/* The value of the ot member; size 0: none, or one too long to be valid. */
static trace_string tracei_state_ot(trace_string state) {
    trace_string member;
    while (tracei_state_part(&state, ',', &member)) {
        member = tracei_environment_trim(member.data, member.size);
        if (!tracei_state_is_ot(member)) continue;
        member.data += 3;
        member.size -= 3;
        if (member.size > TRACEI_OT_BYTES) break;
        return member;
    }
    member.data = "";
    member.size = 0;
    return member;
}

/* [a-z][a-z0-9]* ":" [A-Za-z0-9._-]* */
static bool tracei_ot_field_valid(trace_string field) {
    size_t i = 0;
    while (i < field.size &&
           ((field.data[i] >= 'a' && field.data[i] <= 'z') || (i && field.data[i] >= '0' && field.data[i] <= '9')))
        i++;
    if (i == 0 || i == field.size || field.data[i] != ':') return false;
    for (i++; i < field.size; i++) {
        const char c = field.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static bool tracei_ot_is(trace_string field, const char *key) {
    return field.size > 2 && field.data[0] == key[0] && field.data[1] == key[1] && field.data[2] == ':';
}

/* A number of `least` to 14 lower-case hexadecimal digits, filled up with zeros on the right. */
static bool tracei_ot_number(trace_string ot, const char *key, size_t least, uint64_t *number) {
    trace_string field;
    while (tracei_state_part(&ot, ';', &field)) {
        const size_t digits = field.size - 3;
        uint64_t value = 0;
        if (!tracei_ot_is(field, key)) continue;
        if (digits < least || digits > 14) return false;
        for (size_t i = 3; i < field.size; i++) {
            const char c = field.data[i];
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
            value = value << 4 | (uint64_t)tracei_environment_hex(c);
        }
        *number = value << 4 * (14 - digits);
        return true;
    }
    return false;
}

static void tracei_threshold_text(tracei_text *text, uint64_t threshold) {
    char digits[14];
    size_t size = sizeof digits;
    for (size_t i = sizeof digits; i-- > 0; threshold >>= 4) digits[i] = "0123456789abcdef"[threshold & 15];
    while (size > 1 && digits[size - 1] == '0') size--;
    tracei_text_add(text, digits, size);
}

/* The state with another threshold, or (TRACEI_THRESHOLD_LIMIT) without one, in the thread's buffer. What was invalid in ot or
   no longer fits is left out. The state must not lie in that buffer. */
static void tracei_state_rewrite(trace_string state, uint64_t threshold, trace_sampler_output *output) {
    trace_string ot = tracei_state_ot(state), part;
    tracei_text text;
    memset(&text, 0, sizeof text);
    text.data = tracei_sampler_text;
    text.capacity = 3 + TRACEI_OT_BYTES;
    tracei_text_cstr(&text, "ot=");
    if (threshold < TRACEI_THRESHOLD_LIMIT) {
        tracei_text_cstr(&text, "th:");
        tracei_threshold_text(&text, threshold);
    }
    while (tracei_state_part(&ot, ';', &part)) {
        if (tracei_ot_is(part, "th") || !tracei_ot_field_valid(part) || part.size + 1 > text.capacity - text.size) continue;
        if (text.size > 3) tracei_text_char(&text, ';');
        tracei_text_add(&text, part.data, part.size);
    }
    if (text.size == 3) text.size = 0;
    text.capacity = TRACEI_STATE_BYTES;
    while (tracei_state_part(&state, ',', &part)) {
        part = tracei_environment_trim(part.data, part.size);
        if (!part.size || tracei_state_is_ot(part)) continue;
        if (part.size + 1 > text.capacity - text.size) break;
        if (text.size) tracei_text_char(&text, ',');
        tracei_text_add(&text, part.data, part.size);
    }
    output->trace_state.data = tracei_sampler_text;
    output->trace_state.size = text.size;
}

/* What sampling in this state says: R, whether it is written down, T (TRACEI_THRESHOLD_LIMIT: none). */
typedef struct tracei_randomness {
    uint64_t random, threshold;
    bool is_explicit;
} tracei_randomness;

static tracei_randomness tracei_state_randomness(trace_string state, const uint8_t trace_id[16]) {
    const trace_string ot = tracei_state_ot(state);
    tracei_randomness found;
    found.is_explicit = tracei_ot_number(ot, "rv", 14, &found.random);
    if (!found.is_explicit) found.random = tracei_id_number(trace_id + 9, 7);
    if (!tracei_ot_number(ot, "th", 1, &found.threshold)) found.threshold = TRACEI_THRESHOLD_LIMIT;
    return found;
}

/* The state as it stands: what an inner sampler made of it, else the parent's. *entry is pinned, or 0. */
static trace_string tracei_sampler_state(const trace_sampler_input *input, const trace_sampler_output *output, uint32_t *entry) {
    trace_string state = output->trace_state;
    *entry = 0;
    if (state.data) return state;
    state.data = "";
    state.size = 0;
    if (!input->parent.entry || !tracei_entry_pin(input->parent.entry, input->parent.entry_generation)) return state;
    *entry = input->parent.entry;
    return tracei_entry_state(*entry);
}

/* The state gets this threshold (TRACEI_THRESHOLD_LIMIT: none), unless it has it already. */
static void tracei_sampler_set_threshold(const trace_sampler_input *input, trace_sampler_output *output, uint64_t threshold) {
    char copy[TRACEI_STATE_BYTES];
    uint32_t entry;
    trace_string state = tracei_sampler_state(input, output, &entry);
    const tracei_randomness now = tracei_state_randomness(state, input->trace_id);
    if (now.threshold != threshold) {
        if (state.data == tracei_sampler_text) {
            memcpy(copy, state.data, state.size);
            state.data = copy;
        }
        tracei_state_rewrite(state, threshold, output);
    }
    tracei_entry_unpin(entry);
}

static tracei_randomness tracei_sampler_randomness(const trace_sampler_input *input, const trace_sampler_output *output) {
    uint32_t entry;
    const trace_string state = tracei_sampler_state(input, output, &entry);
    const tracei_randomness found = tracei_state_randomness(state, input->trace_id);
    tracei_entry_unpin(entry);
    if (!found.is_explicit && tracei_sampler_has_parent(input) && !(input->parent.flags & TRACE_FLAG_RANDOM) &&
        tracei_first_time(&tracei_randomness_warned))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "a consistent sampler takes a trace id for random whose random flag is not set: "
                                            "traces of that caller may be sampled unevenly");
    return found;
}

/* Consistent probability. */

/* The threshold's digits: their number above bit 24, the lowest six below it. 0: never. */
static uint32_t tracei_threshold_pack(double probability) {
    const double scaled_exactly = probability * 72057594037927936.0; /* 2^56 */
    const uint64_t scaled = (uint64_t)(scaled_exactly < 9007199254740992.0 ? scaled_exactly + 0.5 : scaled_exactly);
    uint64_t threshold = TRACEI_THRESHOLD_LIMIT - scaled;
    unsigned zeros = 0, digits, shift;
    if (!scaled) return 0;
    while (scaled < TRACEI_THRESHOLD_LIMIT >> 1 >> zeros) zeros++;
    digits = 4 + zeros / 4;
    if (digits > 14) digits = 14;
    shift = 4 * (14 - digits);
    if (shift) threshold = (threshold + (UINT64_C(1) << (shift - 1))) >> shift;
    return (uint32_t)(digits << 24 | (threshold & 0xffffff));
}

static uint64_t tracei_threshold_unpack(uint32_t packed) {
    const unsigned digits = packed >> 24;
    uint64_t threshold = packed & 0xffffff;
    if (!digits) return TRACEI_THRESHOLD_LIMIT;
    if (digits > 6) threshold |= ((UINT64_C(1) << 4 * digits) - 1) & ~UINT64_C(0xffffff);
    return threshold << 4 * (14 - digits);
}

static trace_decision tracei_sample_consistent(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    const uint64_t threshold = tracei_threshold_unpack((uint32_t)(uintptr_t)user);
    const bool sampled = threshold < TRACEI_THRESHOLD_LIMIT && tracei_sampler_randomness(input, output).random >= threshold;
    tracei_sampler_set_threshold(input, output, sampled ? threshold : TRACEI_THRESHOLD_LIMIT);
    return sampled ? TRACE_DECISION_SAMPLE : TRACE_DECISION_DROP;
}

TRACE_APP trace_sampler trace_sampler_consistent(double probability) {
    const uint32_t packed =
        tracei_threshold_pack(tracei_sampler_clamp("the probability of trace_sampler_consistent", probability));
    return tracei_sampler_make(tracei_sample_consistent, "ProbabilitySampler", (void *)(uintptr_t)packed);
}

/* A threshold that says "not sampled" of a sampled span is wrong, and one on an unsampled span means nothing: both go. */
static trace_decision tracei_sample_parent_threshold(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    const bool sampled = (input->parent.flags & TRACE_FLAG_SAMPLED) != 0;
    tracei_randomness parent;
    if (!tracei_sampler_has_parent(input)) return tracei_sampler_ask((const trace_sampler *)user, input, output);
    parent = tracei_sampler_randomness(input, output);
    if (!sampled || parent.random < parent.threshold) tracei_sampler_set_threshold(input, output, TRACEI_THRESHOLD_LIMIT);
    return sampled ? TRACE_DECISION_SAMPLE : TRACE_DECISION_DROP;
}

TRACE_APP trace_sampler trace_sampler_parent_threshold(const trace_sampler *root) {
    return tracei_sampler_make(tracei_sample_parent_threshold, "ParentThreshold", root);
}

/* Rate limit. */

#define TRACEI_BUCKET (1u << 28)          /* ticks in which an empty bucket fills, at most */
#define TRACEI_BURST_MAX (1u << 20)

static uint32_t tracei_limit_burst(const trace_sampler_limit *limit) {
    if (limit->burst) return limit->burst < TRACEI_BURST_MAX ? limit->burst : TRACEI_BURST_MAX;
    if (!(limit->per_second > 1)) return 1;
    return limit->per_second < TRACEI_BURST_MAX ? (uint32_t)limit->per_second : TRACEI_BURST_MAX;
}

typedef struct tracei_limit_time {
    uint32_t ticks;               /* of which `cost` make a token; modulo 2^32 */
    uint32_t bucket;              /* number of the bucket's worth of time, odd: 0 is "never seen" */
} tracei_limit_time;

static tracei_limit_time tracei_limit_now(const trace_sampler_limit *limit, uint32_t burst, uint32_t cost) {
    const double fill_ns = (double)burst / limit->per_second * 1e9;
    uint64_t bucket_ns = fill_ns < 1 ? 1 : fill_ns < 1e18 ? (uint64_t)fill_ns : UINT64_C(1000000000000000000);
    const uint64_t now_ns = tracei_mono_ns(), number = now_ns / bucket_ns;
    uint64_t part = now_ns % bucket_ns;
    tracei_limit_time now;
    for (; bucket_ns >> 35; bucket_ns >>= 1) part >>= 1;
    now.ticks = (uint32_t)number * (cost * burst) + (uint32_t)(part * (cost * burst) / bucket_ns);
    now.bucket = (uint32_t)number << 1 | 1u;
    return now;
}

static bool tracei_limit_take(trace_sampler_limit *limit) {
    const uint32_t burst = tracei_limit_burst(limit), cost = TRACEI_BUCKET / burst;
    if (!(limit->per_second > 0)) return false;
    for (;;) {
        uint32_t full_at = TRACEI_LOAD_ACQUIRE(&limit->reserved[0]), seen = TRACEI_LOAD_ACQUIRE(&limit->reserved[1]);
        const tracei_limit_time now = tracei_limit_now(limit, burst, cost); /* after the loads: nobody was ahead of this */
        const uint32_t jump = seen ? now.bucket - seen : 4u;
        const bool moved = jump && jump < 0x80000000u;
        uint32_t from = full_at - now.ticks < 0x80000000u ? full_at : now.ticks;
        if (moved && !TRACEI_CAS(&limit->reserved[1], &seen, now.bucket)) continue;
        if (moved && jump > 2u) from = now.ticks;
        if (from - now.ticks > cost * (burst - 1)) return false;
        if (TRACEI_CAS(&limit->reserved[0], &full_at, from + cost)) return true;
    }
}

static trace_decision tracei_sample_limit(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    trace_sampler_limit *const limit = (trace_sampler_limit *)user;
    const trace_decision decision = tracei_sampler_ask(&limit->sampler, input, output);
    if (decision != TRACE_DECISION_SAMPLE) return decision;
    tracei_sampler_set_threshold(input, output, TRACEI_THRESHOLD_LIMIT);
    return tracei_limit_take(limit) ? TRACE_DECISION_SAMPLE : TRACE_DECISION_DROP;
}

TRACE_APP trace_sampler trace_sampler_rate_limit(trace_sampler_limit *limit) {
    trace_sampler sampler;
    if (!limit) return trace_sampler_roots_only(trace_sampler_always_off());
    if (!(limit->per_second > 0))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "trace_sampler_limit.per_second is not above 0: nothing is sampled");
    sampler = tracei_sampler_make(tracei_sample_limit, "RateLimit", limit);
    sampler.roots_only = true;
    return sampler;
}

/* Rules. */

static bool tracei_rule_prefix(trace_string text, const char *prefix) {
    const size_t size = prefix ? strlen(prefix) : 0;
    return size <= text.size && (size == 0 || memcmp(text.data, prefix, size) == 0);
}

static bool tracei_rule_value(const trace_value *value, const char *wanted) {
    char text[40];
    const char *end = text;
    if (!wanted) return true;
    if (value->type == TRACE_TYPE_STRING || value->type == TRACE_TYPE_JSON) return tracei_rule_prefix(value->as.string, wanted);
    if (value->type == TRACE_TYPE_INT) end = tracei_put_i64(text, value->as.integer);
    if (value->type == TRACEI_TYPE_UINT) end = tracei_put_u64(text, (uint64_t)value->as.integer);
    if (value->type == TRACE_TYPE_DOUBLE) end = tracei_put_number(text, value->as.number);
    if (value->type == TRACE_TYPE_BOOL) return strcmp(wanted, value->as.boolean ? "true" : "false") == 0;
    return end != text && strlen(wanted) == (size_t)(end - text) && memcmp(wanted, text, (size_t)(end - text)) == 0;
}

/* The last value for a key is the one that counts. */
static bool tracei_rule_attribute(const trace_sampler_rule *rule, const trace_sampler_input *input) {
    const size_t size = rule->attribute ? strlen(rule->attribute) : 0;
    if (!rule->attribute) return true;
    for (size_t i = input->attribute_count; i-- > 0;) {
        const trace_attribute *const attribute = &input->attributes[i];
        if (attribute->key.size == size && memcmp(attribute->key.data, rule->attribute, size) == 0)
            return tracei_rule_value(&attribute->value, rule->value_prefix);
    }
    return false;
}

static bool tracei_rule_matches(const trace_sampler_rule *rule, const trace_sampler_input *input) {
    const trace_kind kind = input->kind == TRACE_KIND_UNSPECIFIED ? TRACE_KIND_INTERNAL : input->kind;
    const trace_string scope = tracei_string(input->scope ? input->scope->name : NULL);
    return (rule->kind == TRACE_KIND_UNSPECIFIED || rule->kind == kind) && tracei_rule_prefix(input->name, rule->name_prefix) &&
           tracei_rule_prefix(scope, rule->scope_prefix) && tracei_rule_attribute(rule, input);
}

static trace_decision tracei_sample_rules(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    const trace_sampler_rule_table *const table = (const trace_sampler_rule_table *)user;
    for (size_t i = 0; table->rules && i < table->count; i++)
        if (tracei_rule_matches(&table->rules[i], input)) return tracei_sampler_ask(&table->rules[i].sampler, input, output);
    return tracei_sampler_ask(&table->otherwise, input, output);
}

TRACE_APP trace_sampler trace_sampler_rules(const trace_sampler_rule_table *table) {
    if (!table) return trace_sampler_roots_only(trace_sampler_always_on());
    return tracei_sampler_make(tracei_sample_rules, "Rules", table);
}

static trace_decision tracei_sample_record(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    const trace_decision decision = tracei_sampler_ask((const trace_sampler *)user, input, output);
    return decision == TRACE_DECISION_DROP ? TRACE_DECISION_RECORD : decision;
}

TRACE_APP trace_sampler trace_sampler_always_record(const trace_sampler *sampler) {
    return tracei_sampler_make(tracei_sample_record, "AlwaysRecord", sampler);
}

/* Descriptions. */

/* Six decimals, as the specification's example. */
static void tracei_describe_share(tracei_text *text, double share) {
    const uint64_t millionths = (uint64_t)(share * 1e6 + 0.5);
    tracei_text_u64(text, millionths / 1000000);
    tracei_text_char(text, '.');
    for (uint64_t unit = 100000; unit; unit /= 10) tracei_text_char(text, (char)('0' + millionths / unit % 10));
}

static void tracei_describe(tracei_text *text, const trace_sampler *sampler, unsigned depth);

static void tracei_describe_member(tracei_text *text, const char *before, const trace_sampler *sampler, unsigned depth) {
    tracei_text_cstr(text, before);
    if (depth < 8)
        tracei_describe(text, sampler, depth + 1);
    else
        tracei_text_cstr(text, "...");
}

static void tracei_describe_branch(tracei_text *text, const char *before, const trace_sampler *sampler, bool on, unsigned depth) {
    if (sampler->sample_fn) {
        tracei_describe_member(text, before, sampler, depth);
    } else {
        tracei_text_cstr(text, before);
        tracei_text_cstr(text, on ? "AlwaysOnSampler" : "AlwaysOffSampler");
    }
}

static void tracei_describe_branches(tracei_text *text, const trace_sampler_branches *branches, unsigned depth) {
    tracei_describe_branch(text, "{root:", &branches->root, true, depth);
    tracei_describe_branch(text, ",remoteParentSampled:", &branches->remote_sampled, true, depth);
    tracei_describe_branch(text, ",remoteParentNotSampled:", &branches->remote_not_sampled, false, depth);
    tracei_describe_branch(text, ",localParentSampled:", &branches->local_sampled, true, depth);
    tracei_describe_branch(text, ",localParentNotSampled:", &branches->local_not_sampled, false, depth);
    tracei_text_char(text, '}');
}

static void tracei_describe_limit(tracei_text *text, const trace_sampler_limit *limit, unsigned depth) {
    tracei_text_char(text, '{');
    tracei_text_double(text, limit->per_second);
    tracei_text_cstr(text, "/s,burst:");
    tracei_text_u64(text, tracei_limit_burst(limit));
    tracei_describe_branch(text, ",sampler:", &limit->sampler, true, depth);
    tracei_text_char(text, '}');
}

static void tracei_describe_rules(tracei_text *text, const trace_sampler_rule_table *table, unsigned depth) {
    tracei_text_char(text, '{');
    for (size_t i = 0; table->rules && i < table->count; i++)
        tracei_describe_member(text, i ? "," : "", &table->rules[i].sampler, depth);
    tracei_describe_member(text, table->count ? ",otherwise:" : "otherwise:", &table->otherwise, depth);
    tracei_text_char(text, '}');
}

static void tracei_describe_state(tracei_text *text, const trace_sampler *sampler, unsigned depth) {
    const uint32_t packed = (uint32_t)(uintptr_t)sampler->user;
    if (sampler->sample_fn == tracei_sample_ratio) {
        tracei_text_char(text, '{');
        tracei_describe_share(text, (double)tracei_ratio_of(sampler->user));
        tracei_text_char(text, '}');
    } else if (sampler->sample_fn == tracei_sample_consistent) {
        tracei_text_cstr(text, packed ? "{th:" : "{never");
        if (packed) tracei_threshold_text(text, tracei_threshold_unpack(packed));
        tracei_text_char(text, '}');
    } else if (sampler->sample_fn == tracei_sample_parent_based) {
        tracei_describe_branches(text, (const trace_sampler_branches *)sampler->user, depth);
    } else if (sampler->sample_fn == tracei_sample_parent_threshold || sampler->sample_fn == tracei_sample_record) {
        const bool is_record = sampler->sample_fn == tracei_sample_record;
        tracei_describe_member(text, is_record ? "{" : "{root:", (const trace_sampler *)sampler->user, depth);
        tracei_text_char(text, '}');
    } else if (sampler->sample_fn == tracei_sample_limit) {
        tracei_describe_limit(text, (const trace_sampler_limit *)sampler->user, depth);
    } else if (sampler->sample_fn == tracei_sample_rules) {
        tracei_describe_rules(text, (const trace_sampler_rule_table *)sampler->user, depth);
    }
}

static void tracei_describe(tracei_text *text, const trace_sampler *sampler, unsigned depth) {
    const bool by_parent = !sampler || !sampler->sample_fn || sampler->roots_only;
    if (by_parent) tracei_text_cstr(text, "ParentBased{root:");
    if (!sampler || !sampler->sample_fn) {
        tracei_text_cstr(text, "AlwaysOnSampler");
    } else {
        tracei_text_cstr(text, sampler->description ? sampler->description : "custom");
        tracei_describe_state(text, sampler, depth);
    }
    if (by_parent) tracei_text_char(text, '}');
}

TRACE_APP size_t trace_sampler_describe(const trace_sampler *sampler, char *buffer, size_t size) {
    char whole[1024];
    tracei_text text;
    memset(&text, 0, sizeof text);
    text.data = whole;
    text.capacity = sizeof whole;
    tracei_describe(&text, sampler, 0);
    if (size) {
        const size_t kept = tracei_utf8_cut(whole, text.size, size - 1);
        memcpy(buffer, whole, kept);
        buffer[kept] = '\0';
    }
    return text.size;
}

/* The environment: OTEL_TRACES_SAMPLER and _ARG; a rate by its alias alone means roots by that ratio. */

static trace_sampler tracei_sampler_ratio_argument(void) {
    double ratio = 1;
    (void)tracei_environment_ratio("OTEL_TRACES_SAMPLER_ARG", &ratio);
    return trace_sampler_ratio(ratio);
}

static bool tracei_sampler_from_environment(trace_sampler *out) {
    static const char *const words[] = {
        "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
        NULL};
    static const char *const remote[] = {"jaeger_remote", "parentbased_jaeger_remote", "xray", NULL};
    const char *const text = tracei_environment("OTEL_TRACES_SAMPLER");
    const trace_string value = tracei_environment_trim(text ? text : "", text ? strlen(text) : 0);
    double ratio;
    if (value.size && tracei_environment_word(value, remote) >= 0) {
        tracei_log(TRACE_LOG_LEVEL_WARNING, "OTEL_TRACES_SAMPLER=%.*s ignored: remote samplers are not supported",
                   (int)value.size, value.data);
        return false;
    }
    switch (tracei_environment_enum("OTEL_TRACES_SAMPLER", words)) {
    case 0: *out = trace_sampler_always_on(); return true;
    case 1: *out = trace_sampler_always_off(); return true;
    case 2: *out = tracei_sampler_ratio_argument(); return true;
    case 3: *out = trace_sampler_roots_only(trace_sampler_always_on()); return true;
    case 4: *out = trace_sampler_roots_only(trace_sampler_always_off()); return true;
    case 5: *out = trace_sampler_roots_only(tracei_sampler_ratio_argument()); return true;
    default: break;
    }
    if (!value.size && tracei_environment("OTEL_TRACES_SAMPLER_ARG"))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "OTEL_TRACES_SAMPLER_ARG ignored: it counts together with OTEL_TRACES_SAMPLER only");
    if (!tracei_environment_ratio("TRACER_SAMPLING_RATE", &ratio)) return false;
    *out = trace_sampler_roots_only(trace_sampler_ratio(ratio));
    return true;
}

TRACEI_SMALL_END

/* >>span -----------------------------------------------------------------------------------------------------------

   Starting, filling in and ending spans: everything on the recording path. A span's payload is its name followed by entries, each
   an 8-byte header, a key and a value, appended and never looked up. A key set twice is two entries: the consumer keeps the last,
   and so does tracei_compact when a span is about to outgrow its limit. Every public function enters the thread's unit, finds the
   slot, does its work and leaves; anything rare is a function of its own so that the common path stays short. */

enum { /* tracei_entry_header.type, beyond trace_type */
    TRACEI_ENTRY_EVENT = 16,      /* key: name; value: tracei_event_head, then entries */
    TRACEI_ENTRY_LINK,            /* value: tracei_link_head, tracestate, then entries */
    TRACEI_ENTRY_NAME,
    TRACEI_ENTRY_STATUS,          /* description */
    TRACEI_ENTRY_STATE            /* tracestate of the span */
};

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define TRACEI_FIRST_BYTE(type) ((type) << 8)
#else
#define TRACEI_FIRST_BYTE(type) (type)
#endif
typedef struct tracei_entry_header {
    uint8_t type;
    uint8_t reserved;
    uint16_t key_size;
    uint32_t size;                /* of the value */
} tracei_entry_header;

typedef struct tracei_event_head {
    uint64_t time;                /* ticks, or Unix nanoseconds */
    uint32_t is_unix;
    uint32_t dropped;
} tracei_event_head;

typedef struct tracei_link_head {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags;
    uint8_t is_remote;
    uint8_t reserved[2];
    uint32_t state_size;
    uint32_t dropped;
    uint32_t padding;
} tracei_link_head;

#define TRACEI_DEPTH_MAX 4        /* arrays in arrays; deeper ones become null */
#define TRACEI_SCOPES_MAX (TRACE_CONFIG_SINGLE_THREADED ? 32u : 256u)
#define TRACEI_NAME_MAX 4096u     /* bytes of a span's name */

/* Of the latest configurations: a start that is still at an old one never meets half a new one. */
static trace_sampler tracei_samplers[16];
static const trace_sampler *tracei_sampler = tracei_samplers;     /* sample_fn NULL: parent-based, roots always on */
static uint32_t tracei_sample_children;   /* the sampler wants to be asked for every span */
static uint32_t tracei_want_opens;        /* an exporter prints trees: tell it when a local root begins */
static uint32_t tracei_discard;           /* no exporter: do not bother the ring */
static uint32_t tracei_divert;            /* off or discard: nothing goes to the ring */
static uint32_t tracei_random_flag = TRACE_FLAG_RANDOM;
#if !TRACE_CONFIG_STATIC
uint32_t tracei_off_flag;
#endif

/* A companion's (trace_functions.h): calls it saw begin become spans now, as what comes next goes by the current one. */
static void (*tracei_frames_fn)(tracei_unit *unit);
static void tracei_frames(tracei_unit *unit) {
    void (*const fn)(tracei_unit *) = TRACEI_LOAD(&tracei_frames_fn);
    if (fn) fn(unit);
}

/* Whether the short paths may be taken: not when every start is the sampler's business, when there are other copies of this
   header in the process, or when nothing goes to the rings. */
static uint32_t tracei_others;
static uint32_t tracei_nameless_muted;    /* a rule disables spans without scope */
static void tracei_shortcut_refresh(void) {
    const bool barred = TRACEI_LOAD(&tracei_sample_children) || TRACEI_LOAD(&tracei_others) || TRACEI_LOAD(&tracei_divert) ||
                        TRACEI_LOAD(&tracei_nameless_muted) || TRACEI_LOAD(&tracei_frames_fn);
    const uint32_t source = TRACEI_LOAD(&tracei_tick_source);
    TRACEI_STORE(&tracei_shortcut, barred ? 0u : source ? source : TRACEI_SHORTCUT_CLOCK);
}

TRACEI_SMALL_BEGIN

/* --- scopes: interned once, by content --- */

static trace_scope tracei_scopes[TRACEI_SCOPES_MAX]; /* [0] is "none" */
static uint32_t tracei_scope_count = 1;
static uint32_t tracei_scope_lock;

static bool tracei_text_equal(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static uint32_t tracei_scope_find(const trace_scope *scope, uint32_t from, uint32_t to) {
    for (; from < to; from++)
        if (tracei_text_equal(tracei_scopes[from].name, scope->name) &&
            tracei_text_equal(tracei_scopes[from].version, scope->version) &&
            tracei_text_equal(tracei_scopes[from].schema_url, scope->schema_url))
            return from;
    return 0;
}

static char *tracei_text_keep(char **at, const char *text) {
    char *const kept = *at;
    const size_t size = text ? strlen(text) + 1 : 0;
    if (!text) return NULL;
    memcpy(kept, text, size);
    *at += size;
    return kept;
}

static void tracei_scope_set_route(uint32_t scope);

static TRACEI_COLD uint32_t tracei_scope_add(const trace_scope *scope) {
    static uint32_t said;
    uint32_t found, count;
    tracei_lock(&tracei_scope_lock);
    count = tracei_scope_count;
    found = tracei_scope_find(scope, 1, count);
    if (!found && count < TRACEI_SCOPES_MAX) {
        const size_t size = tracei_length(scope->name) + tracei_length(scope->version) + tracei_length(scope->schema_url) + 3;
        char *at = (char *)tracei_alloc(size);
        if (at) {
            tracei_scopes[count].name = tracei_text_keep(&at, scope->name);
            tracei_scopes[count].version = tracei_text_keep(&at, scope->version);
            tracei_scopes[count].schema_url = tracei_text_keep(&at, scope->schema_url);
            tracei_scope_set_route(count);
            TRACEI_STORE_RELEASE(&tracei_scope_count, count + 1);
            found = count;
        }
    }
    tracei_unlock(&tracei_scope_lock);
    if (!found && tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "more than %u instrumentation scopes: later ones are recorded without scope",
                   TRACEI_SCOPES_MAX - 1);
    return found;
}

static uint16_t tracei_scope_id(const trace_scope *scope) {
    uint32_t found;
    if (!scope || !scope->name) return 0;
    found = tracei_scope_find(scope, 1, TRACEI_LOAD_ACQUIRE(&tracei_scope_count));
    return (uint16_t)(found ? found : tracei_scope_add(scope));
}

/* --- rules of scopes ---

   Each interned scope has a set of exporters, one bit each, worked out when it is interned and when the rules change; none means
   that it is disabled. [0] is for spans without scope. All under tracei_scope_lock but for reading one set. */

#define TRACEI_SCOPE_RULES_MAX (TRACE_CONFIG_SINGLE_THREADED ? 4u : 32u)
typedef struct tracei_scope_rule { char prefix[64]; uint32_t route; } tracei_scope_rule;
static tracei_scope_rule tracei_scope_rules[TRACEI_SCOPE_RULES_MAX];
static uint32_t tracei_scopes_ruled;      /* how many rules there are */
static uint8_t tracei_scope_routes[TRACEI_SCOPES_MAX];

static uint32_t tracei_scope_route(uint32_t scope) {
    return TRACEI_LOAD(&tracei_scope_routes[scope]);
}

static void tracei_scope_set_route(uint32_t scope) {
    const char *const name = tracei_scopes[scope].name;
    uint32_t route = 0xff, i;
    for (i = 0; i < tracei_scopes_ruled; i++) {
        const tracei_scope_rule *const rule = &tracei_scope_rules[i];
        if (strncmp(name ? name : "", rule->prefix, strlen(rule->prefix)) != 0) continue;
        route = rule->route;
        break;
    }
    TRACEI_STORE(&tracei_scope_routes[scope], (uint8_t)route);
}

static void tracei_scope_set_rules(const tracei_scope_rule *rules, uint32_t count) {
    uint32_t i;
    tracei_lock(&tracei_scope_lock);
    if (count) memcpy(tracei_scope_rules, rules, count * sizeof *rules);
    TRACEI_STORE(&tracei_scopes_ruled, count);
    for (i = 0; i < tracei_scope_count; i++) tracei_scope_set_route(i);
    tracei_unlock(&tracei_scope_lock);
}

/* --- payload --- */

/* Bytes of a whole entry. */
static TRACEI_ALWAYS_INLINE uint32_t tracei_entry_size(const tracei_entry_header *head) {
    return (uint32_t)sizeof *head + tracei_padded(head->key_size) + tracei_padded(head->size);
}

static TRACEI_ALWAYS_INLINE bool tracei_entry_is_attribute(uint8_t type) {
    return type < TRACEI_ENTRY_EVENT;
}

/* Drops attributes that a later one of the same key replaced. Quadratic in distinct keys, linear in duplicates. */
static TRACEI_COLD void tracei_compact(tracei_slot *slot) {
    enum { WINDOW = 256 };
    unsigned char *const base = slot->data;
    uint32_t keys[WINDOW], count = 0, at = tracei_padded(slot->record.name_size), to, i;
    /* pass one: remember where the last entry of each of the first WINDOW keys stands */
    for (; at < slot->record.payload;) {
        tracei_entry_header head, other;
        memcpy(&head, base + at, sizeof head);
        if (tracei_entry_is_attribute(head.type)) {
            for (i = 0; i < count; i++) {
                memcpy(&other, base + keys[i], sizeof other);
                if (other.key_size == head.key_size &&
                    memcmp(base + keys[i] + sizeof other, base + at + sizeof head, head.key_size) == 0)
                    break;
            }
            if (i < count || count < WINDOW) keys[i] = at;
            if (i == count && count < WINDOW) count++;
        }
        at += tracei_entry_size(&head);
    }
    /* pass two: keep an attribute when it is the remembered one, or when its key is not remembered */
    for (at = to = tracei_padded(slot->record.name_size); at < slot->record.payload;) {
        tracei_entry_header head, other;
        uint32_t size;
        bool keep = true;
        memcpy(&head, base + at, sizeof head);
        size = tracei_entry_size(&head);
        if (tracei_entry_is_attribute(head.type)) {
            for (i = 0; i < count && keep; i++) {
                if (keys[i] <= at) continue;
                memcpy(&other, base + keys[i], sizeof other);
                keep = other.key_size != head.key_size ||
                       memcmp(base + keys[i] + sizeof other, base + at + sizeof head, head.key_size) != 0;
            }
        }
        if (keep) {
            memmove(base + to, base + at, size);
            for (i = 0; i < count; i++)
                if (keys[i] == at) keys[i] = to;
            to += size;
        }
        at += size;
    }
    slot->record.payload = to;
}

static TRACEI_COLD bool tracei_grow(tracei_unit *unit, tracei_slot *slot, uint32_t more) {
    const uint32_t max = unit->payload_max;
    uint32_t wanted, c;
    unsigned char *buffer;
    if (more > max) return false;
    if (slot->record.payload + more > max) {
        const uint32_t before = slot->record.payload;
        if (slot->full) return false;
        tracei_compact(slot);
        slot->full = before - slot->record.payload < max / 8; /* or else each further attribute would cost a walk over all */
    }
    wanted = slot->record.payload + more;
    if (wanted > max) return false;
    if (wanted <= slot->capacity) return true;
    c = tracei_buffer_class(wanted);
    buffer = (unsigned char *)tracei_buffer_take(unit, c);
    if (!buffer) return false;
    memcpy(buffer, slot->data, slot->record.payload);
    if (slot->data != tracei_slot_room(slot)) tracei_buffer_give(unit, slot->data, slot->capacity);
    slot->data = buffer;
    slot->capacity = TRACEI_BUFFER_MIN << c;
    if (slot->capacity > max) slot->capacity = max; /* or the short paths would fill it beyond what a ring takes */
    if (slot->kind == TRACEI_SLOT_PLAIN) slot->kind = TRACEI_SLOT_SPAN;
    return true;
}

/* Room for `size` more bytes of payload, or NULL (the caller counts what it could not store). */
static TRACEI_NOINLINE unsigned char *tracei_append(tracei_unit *unit, tracei_slot *slot, uint32_t size) {
    uint32_t at;
    if (TRACEI_RARE(size > slot->capacity - slot->record.payload) && !tracei_grow(unit, slot, size)) return NULL;
    at = slot->record.payload;
    slot->record.payload = at + size;
    return slot->data + at;
}

static TRACEI_ALWAYS_INLINE unsigned char *tracei_put_head(unsigned char *to, uint32_t type, const char *key, size_t key_size,
                                                           size_t size) {
    const uint64_t head =
        tracei_halves(tracei_shorts(TRACEI_FIRST_BYTE(type), (uint32_t)key_size), (uint32_t)size); /* one store */
    memcpy(to, &head, sizeof head);
    return tracei_put_words(to + sizeof head, key, key_size);
}

/* The same two where they are not worth their size. */
static TRACEI_NOINLINE unsigned char *tracei_write_text(unsigned char *to, const void *text, size_t size) {
    return tracei_put_words(to, text, size);
}

static TRACEI_NOINLINE unsigned char *tracei_write_entry(unsigned char *to, uint32_t type, const char *key, size_t key_size,
                                                         size_t size) {
    return tracei_put_head(to, type, key, key_size, size);
}

/* Bytes of an entry to be. */
static TRACEI_ALWAYS_INLINE uint32_t tracei_entry_needs(size_t key_size, size_t size) {
    return (uint32_t)sizeof(tracei_entry_header) + tracei_padded((uint32_t)key_size) + tracei_padded((uint32_t)size);
}

/* The longest prefix of at most `limit` characters. */
static size_t tracei_utf8_characters(const char *text, size_t size, size_t limit) {
    size_t at = 0;
    if (size <= limit) return size;
    for (; at < size; at++) {
        if (((unsigned char)text[at] & 0xc0) == 0x80) continue;
        if (limit-- == 0) break;
    }
    return at;
}

/* The first time something does not fit: which limits there are. */
static TRACEI_COLD void tracei_count_cut(tracei_unit *unit) {
    static uint32_t said;
    TRACEI_BUMP(&unit->counts[TRACEI_COUNT_TRUNCATED]);
    if (tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "a value, name or attribute was too much for its span: cut or left out, counted in trace_stats.truncated. "
                   "A span takes a quarter of ring_bytes, a value half of that, a name %u bytes; attribute_count_limit and "
                   "max_pool_bytes bound the rest; said once",
                   TRACEI_NAME_MAX);
}

/* How much of a text or bytes value is kept: the configured limit, and half of what a span may hold. */
static TRACEI_NOINLINE size_t tracei_value_keep(tracei_unit *unit, trace_type type, const char *data, size_t size) {
    size_t keep = size;
    if (TRACEI_RARE(size > unit->value_length && type != TRACE_TYPE_JSON))
        keep = type == TRACE_TYPE_BYTES ? unit->value_length : tracei_utf8_characters(data, size, unit->value_length);
    if (TRACEI_RARE(keep > unit->payload_max / 2)) {
        tracei_count_cut(unit);
        return type == TRACE_TYPE_BYTES ? unit->payload_max / 2 : tracei_utf8_cut(data, size, unit->payload_max / 2);
    }
    if (TRACEI_RARE(keep != size)) TRACEI_BUMP(&unit->counts[TRACEI_COUNT_TRUNCATED]); /* as it was told to */
    return keep;
}

/* What comes in as unsigned becomes INT, or decimal text, of which nothing is cut; a NULL string is null. */
static trace_type tracei_stored_type(const trace_value *value) {
    if (value->type == TRACEI_TYPE_UINT) return value->as.integer >= 0 ? TRACE_TYPE_INT : TRACE_TYPE_STRING;
    if ((value->type == TRACE_TYPE_STRING || value->type == TRACE_TYPE_JSON) && !value->as.string.data) return TRACE_TYPE_NULL;
    return (uint32_t)value->type > TRACE_TYPE_JSON ? TRACE_TYPE_NULL : value->type;
}

/* Bytes of a value as an entry's value. SIZE_MAX / 2: too much of it. */
static size_t tracei_value_size(tracei_unit *unit, const trace_value *value, int depth) {
    size_t total = 0, i;
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
    case TRACE_TYPE_BYTES:
        return value->as.string.data ? tracei_value_keep(unit, value->type, value->as.string.data, value->as.string.size) : 0;
    case TRACE_TYPE_INT:
    case TRACE_TYPE_DOUBLE:
    case TRACE_TYPE_BOOL: return 8;
    case TRACEI_TYPE_UINT: /* 8 bytes, or as many as there are digits */
        return value->as.integer >= 0 ? 8 : (uint64_t)value->as.integer < UINT64_C(10000000000000000000) ? 19 : 20;
    case TRACE_TYPE_ARRAY:
        if (depth >= TRACEI_DEPTH_MAX || !value->as.array.items) return 0;
        for (i = 0; i < value->as.array.count && total < SIZE_MAX / 4; i++)
            total += tracei_entry_needs(0, tracei_value_size(unit, &value->as.array.items[i], depth + 1));
        return total;
    case TRACE_TYPE_NULL: break;
    }
    return 0;
}

static unsigned char *tracei_put_value(tracei_unit *unit, unsigned char *to, const trace_value *value, size_t size, int depth) {
    size_t i;
    switch (value->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
    case TRACE_TYPE_BYTES:
        return tracei_write_text(to, value->as.string.data, size);
    case TRACE_TYPE_INT: memcpy(to, &value->as.integer, 8); return to + 8;
    case TRACE_TYPE_DOUBLE: memcpy(to, &value->as.number, 8); return to + 8;
    case TRACE_TYPE_BOOL: {
        const uint64_t bits = value->as.boolean ? 1 : 0;
        memcpy(to, &bits, 8);
        return to + 8;
    }
    case TRACE_TYPE_ARRAY:
        if (depth >= TRACEI_DEPTH_MAX || !value->as.array.items) return to;
        for (i = 0; i < value->as.array.count; i++) {
            const trace_value *const item = &value->as.array.items[i];
            const size_t item_size = tracei_value_size(unit, item, depth + 1);
            const trace_type type =
                item->type == TRACE_TYPE_ARRAY && depth + 1 >= TRACEI_DEPTH_MAX ? TRACE_TYPE_NULL : tracei_stored_type(item);
            to = tracei_write_entry(to, type, NULL, 0, item_size);
            to = tracei_put_value(unit, to, item, item_size, depth + 1);
        }
        return to;
    case TRACEI_TYPE_UINT: {
        char digits[24];
        if (value->as.integer < 0) {
            (void)tracei_put_u64(digits, (uint64_t)value->as.integer);
            return tracei_write_text(to, digits, size);
        }
        memcpy(to, &value->as.integer, 8);
        return to + 8;
    }
    case TRACE_TYPE_NULL: break;
    }
    return to;
}

static bool tracei_key_is_good(const char *key, size_t size) {
    static uint32_t said;
    if (key && size && size <= UINT16_MAX) return true;
    if (tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "an attribute without a key, or with one over 65,535 bytes, was ignored; said once");
    return false;
}

/* The entries of an attribute list: their total size, then their bytes. Bad keys and what is over `limit` are counted in
   *dropped. */
static size_t tracei_list_size(tracei_unit *unit, const trace_attribute *attributes, size_t count, uint32_t limit,
                               uint32_t *dropped) {
    size_t total = 0, i, kept = 0;
    *dropped = 0;
    for (i = 0; attributes && i < count; i++) {
        const trace_attribute *const one = &attributes[i];
        if (!tracei_key_is_good(one->key.data, one->key.size)) continue;
        if (kept == limit) {
            ++*dropped;
            continue;
        }
        total += tracei_entry_needs(one->key.size, tracei_value_size(unit, &one->value, 0));
        kept++;
    }
    return total;
}

static unsigned char *tracei_put_list(tracei_unit *unit, unsigned char *to, const trace_attribute *attributes, size_t count,
                                      uint32_t limit) {
    size_t i, kept = 0;
    for (i = 0; attributes && i < count && kept < limit; i++) {
        const trace_attribute *const one = &attributes[i];
        size_t size;
        if (!one->key.data || !one->key.size || one->key.size > UINT16_MAX) continue;
        size = tracei_value_size(unit, &one->value, 0);
        to = tracei_write_entry(to, tracei_stored_type(&one->value), one->key.data, one->key.size, size);
        to = tracei_put_value(unit, to, &one->value, size, 0);
        kept++;
    }
    return to;
}

static TRACEI_COLD void tracei_count_dropped_attribute(tracei_unit *unit, tracei_slot *slot) {
    slot->record.dropped_attributes++;
    tracei_count_cut(unit);
}

static void tracei_add_attribute(tracei_unit *unit, tracei_slot *slot, const trace_attribute *attribute) {
    size_t size;
    unsigned char *to;
    if (!tracei_key_is_good(attribute->key.data, attribute->key.size)) return;
    size = tracei_value_size(unit, &attribute->value, 0);
    to = size < UINT32_MAX / 2 ? tracei_append(unit, slot, tracei_entry_needs(attribute->key.size, size)) : NULL;
    if (!to) {
        tracei_count_dropped_attribute(unit, slot);
        return;
    }
    to = tracei_write_entry(to, tracei_stored_type(&attribute->value), attribute->key.data, attribute->key.size, size);
    (void)tracei_put_value(unit, to, &attribute->value, size, 0);
}

/* A name, a description or a tracestate. */
static void tracei_add_text(tracei_unit *unit, tracei_slot *slot, uint32_t type, const char *text, size_t size) {
    const size_t keep = tracei_value_keep(unit, TRACE_TYPE_JSON, text, size);
    unsigned char *const to = tracei_append(unit, slot, tracei_entry_needs(0, keep));
    if (to)
        (void)tracei_write_text(tracei_write_entry(to, type, NULL, 0, keep), text, keep);
    else
        tracei_count_cut(unit);
}

TRACEI_SMALL_END

/* --- starting --- */

static TRACEI_ALWAYS_INLINE void tracei_id_bytes(uint8_t *out, uint64_t id) {
#if TRACEI_GNU && defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    id = __builtin_bswap64(id);
    memcpy(out, &id, 8);
#else
    int i;
    for (i = 7; i >= 0; i--, id >>= 8) out[i] = (uint8_t)id;
#endif
}

static trace_context tracei_context_empty(void) {
    trace_context context;
    memset(&context, 0, sizeof context);
    context.is_explicit = true;
    return context;
}

static trace_context tracei_slot_context(const tracei_slot *slot) {
    trace_context context = tracei_context_empty();
    tracei_id_bytes(context.trace_id, slot->record.trace_high);
    tracei_id_bytes(context.trace_id + 8, slot->record.trace_low);
    tracei_id_bytes(context.span_id, slot->record.span_id);
    context.flags = slot->record.flags & TRACEI_FLAGS_KNOWN;
    context.reserved = (uint8_t)(slot->record.flags & ~TRACEI_FLAGS_KNOWN);
    if (slot->kind >= TRACEI_SLOT_MUTED) {
        const uint32_t bits = slot->record.bits;
        context.is_remote = (bits & TRACEI_BITS_PARENT_REMOTE) != 0;
        context.reserved = (uint8_t)(context.reserved | (bits & TRACEI_BITS_DEFERRED ? TRACEI_CONTEXT_DEFERRED : 0) |
                                     (bits & TRACEI_BITS_SUPPRESSED ? TRACEI_CONTEXT_SUPPRESSED : 0));
    }
    context.entry = slot->entry;
    context.entry_generation = slot->entry_generation;
    return context;
}

static trace_span tracei_slot_handle(const tracei_slot *slot) {
    trace_span span;
    span.slot = slot->index;
    span.generation = slot->generation;
    span.id = slot->record.span_id;
    return span;
}

static TRACEI_COLD trace_span tracei_start_refused(void) {
    const tracei_unit *const unit = tracei_tls;
    if (unit == &tracei_unit_gone)
        (void)TRACEI_ADD(&tracei_late_spans, 1u);
    else if (tracei_is_entering(unit) || (unit->gate == TRACEI_GATE_BUSY && unit->open == tracei_open_gate()))
        (void)TRACEI_ADD(&tracei_signal_spans, 1u);
    else if (unit != &tracei_unit_suppressed)
        (void)TRACEI_ADD(&tracei_refused_starts, 1u);
    return tracei_handle(TRACEI_SLOT_INERT);
}

static TRACEI_COLD void tracei_say_refused(void) {
    static uint32_t said;
    if (tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "no slot for another open span (max_open_spans %u, or memory was refused): spans are refused "
                   "and counted in trace_stats.refused; are spans ended? said once",
                   TRACEI_LOAD(&tracei_max_chunks) * TRACEI_SLOTS_A_CHUNK);
}

static void tracei_chain_push(tracei_unit *unit, tracei_slot *slot) {
    slot->below = unit->current;
    slot->chained = TRACEI_CHAINED_ALONE;
    unit->current = slot;
}

static uint32_t tracei_chain_depth(const tracei_unit *unit) {
    const tracei_slot *slot = unit->current;
    uint32_t depth = 0;
    for (; slot; slot = slot->below) depth++;
    return depth;
}

static bool tracei_slot_is_recording(const tracei_slot *slot) {
    return slot->kind <= TRACEI_SLOT_UNSAMPLED;
}

/* What every span begins with; ids, flags and the chain are the caller's. */
static TRACEI_ALWAYS_INLINE void tracei_slot_begin(tracei_slot *slot, uint8_t kind, uint8_t chained) {
    slot->kind = kind;
    slot->chained = chained;
    slot->event_count = 0;
    slot->link_count = 0;
    slot->full = 0;
    slot->sequence = 0;
    slot->record.dropped_attributes = 0;
    slot->record.dropped_events = 0;
    slot->record.dropped_links = 0;
}

/* What an attachment or a muted span keeps of a context beside its ids. */
static uint32_t tracei_bits_of(const trace_context *context) {
    return (context->is_remote ? (uint32_t)TRACEI_BITS_PARENT_REMOTE : 0) |
           (context->reserved & TRACEI_CONTEXT_DEFERRED ? (uint32_t)TRACEI_BITS_DEFERRED : 0) |
           (context->reserved & TRACEI_CONTEXT_SUPPRESSED ? (uint32_t)TRACEI_BITS_SUPPRESSED : 0);
}

/* Inside trace_suppress. No span can be above it, and attachments inherit it: the innermost slot tells. */
static bool tracei_is_silent(const tracei_unit *unit) {
    return unit->current && unit->current->kind == TRACEI_SLOT_ATTACHMENT &&
           (unit->current->record.bits & TRACEI_BITS_SUPPRESSED) != 0;
}

static void tracei_slot_name(tracei_unit *unit, tracei_slot *slot, const char *name, size_t size) {
    unsigned char *to;
    if (size > TRACEI_NAME_MAX) {
        size = tracei_utf8_cut(name, size, TRACEI_NAME_MAX);
        tracei_count_cut(unit);
    }
    to = tracei_append(unit, slot, tracei_padded((uint32_t)size));
    if (!to) return;
    (void)tracei_write_text(to, name, size);
    slot->record.name_size = (uint16_t)size;
}

static void tracei_put_link(tracei_unit *unit, tracei_slot *slot, const trace_context *context, const trace_attribute *attributes,
                            size_t count);
static bool tracei_foreign_context(const tracei_unit *unit, trace_context *out);
static void tracei_made_current(tracei_slot *slot);

/* The context a new span or an inject goes by: what is attached or current on this thread, in this copy of the library or
   another. */
static trace_context tracei_unit_context(tracei_unit *unit) {
    trace_context context;
    if (TRACEI_RARE(TRACEI_LOAD(&unit->returned) != NULL)) tracei_reclaim(unit);
    tracei_frames(unit);
    if (tracei_foreign_context(unit, &context)) return context;
    return unit->current ? tracei_slot_context(unit->current) : tracei_context_empty();
}

/* --- baggage as attributes: costs nothing where there is no baggage --- */

#define TRACEI_BAGGAGE_RULES_MAX (TRACE_CONFIG_SINGLE_THREADED ? 2u : 16u)
typedef struct tracei_baggage_rule { char key[64]; } tracei_baggage_rule;
static tracei_baggage_rule tracei_baggage_rules[TRACEI_BAGGAGE_RULES_MAX]; /* a start that races with trace_init may mix two */
static uint32_t tracei_baggage_rule_count;
static const char *tracei_baggage_more = "";     /* a companion's rule beside the program's */

static void tracei_baggage_each(trace_string baggage, void (*fn)(void *user, trace_string key, trace_string value), void *user);

typedef struct tracei_baggage_target {
    tracei_unit *unit;
    tracei_slot *slot;
} tracei_baggage_target;

static void tracei_baggage_attribute(void *user, trace_string key, trace_string value) {
    const tracei_baggage_target *const to = (const tracei_baggage_target *)user;
    const uint32_t count = TRACEI_LOAD_ACQUIRE(&tracei_baggage_rule_count);
    trace_attribute attribute;
    uint32_t i;
    memset(&attribute, 0, sizeof attribute);
    attribute.key = key;
    attribute.value.type = TRACE_TYPE_STRING;
    attribute.value.as.string = value;
    for (i = 0; i <= count; i++) {
        const char *const rule = i < count ? tracei_baggage_rules[i].key : TRACEI_LOAD(&tracei_baggage_more);
        const size_t size = tracei_length(rule), prefix = size && rule[size - 1] == '*' ? size - 1 : size;
        if (key.size < prefix || (prefix == size && key.size != size) || memcmp(key.data, rule, prefix) != 0) continue;
        tracei_add_attribute(to->unit, to->slot, &attribute);
        return;
    }
}

static TRACEI_COLD void tracei_add_baggage(tracei_unit *unit, tracei_slot *slot) {
    tracei_baggage_target target;
    target.unit = unit;
    target.slot = slot;
    tracei_baggage_each(tracei_entry_baggage(slot->entry), tracei_baggage_attribute, &target);
}

static trace_decision tracei_sample(const tracei_record *record, trace_string name, const trace_span_options *options,
                                    const trace_context *parent, trace_sampler_output *output) {
    const trace_sampler *const sampler = TRACEI_LOAD_ACQUIRE(&tracei_sampler);
    const bool ours =
        !record->parent_id || (parent->reserved & TRACEI_CONTEXT_DEFERRED); /* B3, X-Ray: the caller left the decision to us */
    trace_sampler_input input;
    memset(output, 0, sizeof *output);
    if (!sampler->sample_fn || (!ours && sampler->roots_only))
        return ours || (record->flags & TRACE_FLAG_SAMPLED) ? TRACE_DECISION_SAMPLE : TRACE_DECISION_DROP;
    memset(&input, 0, sizeof input);
    input.parent = *parent;
    tracei_id_bytes(input.trace_id, record->trace_high);
    tracei_id_bytes(input.trace_id + 8, record->trace_low);
    input.name = name;
    input.kind = (trace_kind)(record->bits & TRACEI_BITS_KIND);
    input.attributes = options->attributes;
    input.attribute_count = options->attributes ? options->attribute_count : 0;
    input.links = options->links;
    input.link_count = options->links ? options->link_count : 0;
    input.scope = options->scope;
    input.trace_state.data = "";
    if (parent->entry && tracei_entry_pin(parent->entry, parent->entry_generation)) {
        trace_decision decision;
        input.trace_state = tracei_entry_state(parent->entry);
        decision = sampler->sample_fn(sampler->user, &input, output);
        tracei_entry_unpin(parent->entry);
        return decision;
    }
    return sampler->sample_fn(sampler->user, &input, output);
}

/* The span's tracestate and baggage: the parent's, unless the sampler changed the state. */
#define TRACEI_STATE_MEMBERS 32u
static bool tracei_state_member_is_valid(trace_string member);

/* What a sampler of the program's made: it must not write headers of its own. */
static TRACEI_COLD bool tracei_state_is_valid(trace_string state) {
    static uint32_t said;
    trace_string member;
    uint32_t count = 0;
    bool valid = true;
    while (valid && tracei_state_part(&state, ',', &member)) {
        member = tracei_environment_trim(member.data, member.size);
        valid = !member.size || (++count <= TRACEI_STATE_MEMBERS && tracei_state_member_is_valid(member));
    }
    if (!valid && tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "trace_sampler_output.trace_state is not a tracestate (key=value,... as in W3C Trace Context): "
                   "the parent's stays; said once");
    return valid;
}

static void tracei_slot_set_entry(tracei_slot *slot, const trace_context *parent, const trace_sampler_output *output) {
    trace_string none;
    none.data = "";
    none.size = 0;
    slot->entry = parent->entry;
    slot->entry_generation = parent->entry_generation;
    if (slot->entry && !tracei_entry_pin(slot->entry, slot->entry_generation)) slot->entry = 0;
    if (output->trace_state.data &&
        (output->trace_state.data == tracei_sampler_text || tracei_state_is_valid(output->trace_state))) {
        const uint32_t before = slot->entry;
        const trace_string baggage = before ? tracei_entry_baggage(before) : none;
        slot->entry = 0;
        if ((output->trace_state.size || baggage.size) &&
            !tracei_entry_new(output->trace_state, baggage, &slot->entry, &slot->entry_generation))
            slot->entry = 0;
        tracei_entry_unpin(before);
    }
}

static void tracei_write_open(tracei_unit *unit, tracei_slot *slot) {
    const tracei_record *const record = &slot->record;
    if (!tracei_ring_write(unit, record, TRACEI_RECORD_OPEN, slot->data, tracei_padded(record->name_size), record->bits, 0))
        return; /* no room: not announced early */
    if (TRACEI_LOAD(&tracei_attention) != TRACEI_ATTENTION_START)
        tracei_ring_published(); /* no thread before the first span that ended */
}

/* A span of a disabled scope, or where nothing is recorded. Its trace ids and flags are set. */
static TRACEI_COLD trace_span tracei_start_muted(tracei_unit *unit, tracei_slot *slot, const trace_context *parent,
                                                 bool detached) {
    trace_sampler_output output;
    memset(&output, 0, sizeof output);
    slot->record.span_id = slot->record.parent_id;
    slot->record.bits = (uint16_t)tracei_bits_of(parent);
    slot->record.flags = (uint8_t)(slot->record.flags | (parent->reserved & ~TRACEI_FLAGS_KNOWN));
    tracei_slot_set_entry(slot, parent, &output);
    tracei_slot_begin(slot, TRACEI_SLOT_MUTED, 0);
    slot->record.payload = 0;
    slot->record.scope = 0;
    if (!detached) {
        tracei_chain_push(unit, slot);
        tracei_made_current(slot);
    }
    TRACEI_BUMP(&unit->counts[TRACEI_COUNT_STARTED]);
    return tracei_slot_handle(slot);
}

/* A span that began before it is started: its ticks, and what else there is in its bits. NULL: it begins now. */
typedef struct tracei_earlier { uint64_t start; uint32_t bits; } tracei_earlier;

static trace_span tracei_start_general(tracei_unit *unit, const char *name, size_t size, const trace_span_options *options,
                                       const tracei_earlier *earlier) {
    static const uint8_t kinds[] = {TRACEI_SLOT_DROPPED, TRACEI_SLOT_UNSAMPLED, TRACEI_SLOT_PLAIN}; /* by trace_decision */
    trace_context parent, around;
    trace_sampler_output output;
    trace_string name_string;
    trace_decision decision;
    tracei_slot *slot;
    tracei_record *record;
    bool off;
    size_t i;

    if (!earlier) tracei_frames(unit);
    off = TRACEI_LOAD(&tracei_off_flag) != 0;
    if (TRACEI_RARE(off && (options->root || tracei_is_current(&options->parent)))) return tracei_handle(TRACEI_SLOT_INERT);
    if (options->root)
        parent = tracei_context_empty();
    else if (tracei_is_current(&options->parent))
        parent = tracei_unit_context(unit);
    else
        parent = options->parent;
    if (TRACEI_RARE((parent.reserved & TRACEI_CONTEXT_SUPPRESSED) || tracei_is_silent(unit)))
        return tracei_handle(TRACEI_SLOT_INERT);
    if (options->link_count) around = tracei_unit_context(unit); /* what a link to the current span means */

    slot = tracei_slot_take(unit);
    if (!slot) {
        TRACEI_BUMP(&unit->counts[TRACEI_COUNT_REFUSED]);
        tracei_say_refused();
        return tracei_handle(TRACEI_SLOT_INERT);
    }
    record = &slot->record;
    record->trace_high = tracei_id_number(parent.trace_id, 8);
    record->trace_low = tracei_id_number(parent.trace_id + 8, 8);
    record->parent_id = tracei_id_number(parent.span_id, 8);
    record->flags = parent.flags & (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    if (TRACEI_RARE(off || (TRACEI_LOAD(&tracei_scopes_ruled) && !tracei_scope_route(tracei_scope_id(options->scope)))))
        return tracei_start_muted(unit, slot, &parent, options->detached);
    record->bits = TRACE_KIND_INTERNAL;
    if (options->kind >= TRACE_KIND_INTERNAL && options->kind <= TRACE_KIND_CONSUMER)
        record->bits = (uint16_t)options->kind;
    else if (options->kind)
        tracei_say_unknown("trace_span_options.kind", (int)options->kind, "TRACE_KIND_INTERNAL is used");
    if (!(record->trace_high | record->trace_low) || !record->parent_id) { /* W3C: invalid ids mean a new trace */
        record->trace_high = tracei_random_number(unit);
        record->trace_low = tracei_random_number(unit) | (record->trace_high ? 0 : 1); /* never all zero */
        record->parent_id = 0;
        record->flags = (uint8_t)tracei_random_flag;
        record->bits |= TRACEI_BITS_LOCAL_ROOT;
    } else if (parent.is_remote) {
        record->bits |= TRACEI_BITS_LOCAL_ROOT | TRACEI_BITS_PARENT_REMOTE;
    } else if (!(parent.reserved >> TRACEI_WALL_SHIFT) && TRACEI_LOAD(&tracei_others)) {
        record->bits |= TRACEI_BITS_LOCAL_ROOT; /* another copy's parent goes to that copy's exporters */
    }
    name_string.data = name && !earlier ? name : "";
    name_string.size = earlier ? 0 : size;
    if (earlier) record->bits = (uint16_t)(record->bits | earlier->bits);
    decision = tracei_sample(record, name_string, options, &parent, &output);
    if ((uint32_t)decision > TRACE_DECISION_SAMPLE) {
        tracei_say_unknown("the sampler's decision", (int)decision, "the span is dropped");
        decision = TRACE_DECISION_DROP;
    }
    record->span_id = tracei_span_id(unit);
    record->flags = (uint8_t)((record->flags & TRACE_FLAG_RANDOM) | (decision == TRACE_DECISION_SAMPLE ? TRACE_FLAG_SAMPLED : 0) |
                              (parent.reserved & ~TRACEI_FLAGS_KNOWN));
    tracei_slot_set_entry(slot, &parent, &output);
    tracei_slot_begin(slot, kinds[decision], 0);
    record->type = TRACEI_RECORD_SPAN;
    record->payload = 0;
    record->name_size = 0;
    record->scope = 0;
    if (slot->entry && slot->kind == TRACEI_SLOT_PLAIN) slot->kind = TRACEI_SLOT_SPAN;
    if (!options->detached) {
        tracei_chain_push(unit, slot);
        tracei_made_current(slot);
    }
    TRACEI_BUMP(&unit->counts[TRACEI_COUNT_STARTED]);
    if (decision != TRACE_DECISION_DROP) {
        tracei_slot_name(unit, slot, name, size);
        record->scope = tracei_scope_id(options->scope);
        if (TRACEI_RARE(slot->entry && (TRACEI_LOAD(&tracei_baggage_rule_count) || *TRACEI_LOAD(&tracei_baggage_more))))
            tracei_add_baggage(unit, slot);
        for (i = 0; options->attributes && i < options->attribute_count; i++)
            tracei_add_attribute(unit, slot, &options->attributes[i]);
        for (i = 0; output.attributes && i < output.attribute_count; i++) tracei_add_attribute(unit, slot, &output.attributes[i]);
        for (i = 0; options->links && i < options->link_count; i++) {
            const trace_link_data *const link = &options->links[i];
            tracei_put_link(unit, slot, tracei_is_current(&link->context) ? &around : &link->context, link->attributes,
                            link->attribute_count);
        }
        record->start = earlier ? earlier->start : tracei_ticks();
        if (record->bits & TRACEI_BITS_LOCAL_ROOT)
            record->flags = (uint8_t)((record->flags & TRACEI_FLAGS_KNOWN) | tracei_wall_of_root(record->start));
        if (options->start_unix_ns) {
            record->bits |= TRACEI_BITS_START_UNIX;
            record->start = options->start_unix_ns;
        }
        if ((record->bits & TRACEI_BITS_LOCAL_ROOT) && decision == TRACE_DECISION_SAMPLE && TRACEI_LOAD(&tracei_want_opens))
            tracei_write_open(unit, slot);
    }
    return tracei_slot_handle(slot);
}

static trace_span_options tracei_default_options; /* never written; not const because C++ would want an initialiser */

static TRACEI_NOINLINE trace_span tracei_start_slow(const char *name, size_t size, const trace_span_options *options,
                                                    uint8_t chained) {
    tracei_unit *const unit = tracei_enter();
    trace_span_options known;
    trace_span span;
    if (!unit) return tracei_start_refused();
    if (!options) options = &tracei_default_options;
    if (options->struct_size && options->struct_size < sizeof known) { /* a caller compiled against an older header */
        memset((void *)&known, 0, sizeof known);
        memcpy((void *)&known, (const void *)options, options->struct_size);
        options = &known;
    }
    if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
    span = tracei_start_general(unit, name, size, options, NULL);
    if (unit->current && tracei_slot_is(unit->current, span)) unit->current->chained = chained;
    tracei_leave_unit(unit);
    return span;
}

/* Takes a slot for a child of the current span. The parent has no tracestate and there is a free slot. */
static TRACEI_ALWAYS_INLINE trace_span tracei_start_below(tracei_unit *unit, tracei_slot *parent, tracei_slot *slot, uint8_t kind,
                                                          uint8_t chained, uint64_t sizes) {
    tracei_slot *const next = slot->below;
    const uint32_t head = tracei_record_head(TRACEI_RECORD_SPAN, parent->record.flags, TRACE_KIND_INTERNAL);
    TRACEI_BUMP(&unit->counts[TRACEI_COUNT_STARTED]);
    unit->free = next;
    slot->below = parent;
    slot->record.span_id = tracei_span_id(unit);
    tracei_move_word(&slot->record.parent_id, &parent->record.span_id);
    tracei_move_word(&slot->record.trace_high, &parent->record.trace_high);
    tracei_move_word(&slot->record.trace_low, &parent->record.trace_low);
    memcpy(&slot->record.type, &head, 4);
    memcpy(&slot->record.payload, &sizes, 8);
    tracei_slot_begin(slot, kind, chained);
    slot->entry = 0;
    unit->current = slot;
    return tracei_slot_turn(slot);
}

static TRACEI_ALWAYS_INLINE bool tracei_shortcut_is(uint32_t source, bool by_counter) {
    return by_counter ? source + 1u > 1u : source == TRACEI_SHORTCUT_CLOCK;
}

static trace_span tracei_start_clock(const char *name, size_t size, uint8_t chained);

static TRACEI_NOINLINE trace_span tracei_start_not_plain(const char *name, size_t size, uint8_t chained) {
    return TRACEI_LOAD(&tracei_shortcut) == TRACEI_SHORTCUT_CLOCK ? tracei_start_clock(name, size, chained)
                                                                  : tracei_start_slow(name, size, NULL, chained);
}

/* The common case, a child of the current span whose name fits its slot. By a counter it makes no call and so saves no
   register. */
static TRACEI_ALWAYS_INLINE trace_span tracei_start_plain(const char *name, size_t size, uint8_t chained, bool by_counter) {
    tracei_unit *const unit = tracei_tls;
    const uint32_t source = TRACEI_LOAD(&tracei_shortcut);
    tracei_slot *parent, *slot;
    trace_span span;
    if (TRACEI_RARE(unit->gate != tracei_open_gate())) return tracei_start_slow(name, size, NULL, chained);
    tracei_close_gate(unit);
    parent = unit->current;
    slot = unit->free;
    if (TRACEI_RARE(!parent || !slot || !tracei_shortcut_is(source, by_counter) || size > TRACEI_ROOM ||
                    TRACEI_LOAD(&unit->returned))) {
        tracei_leave_unit(unit);
        return by_counter ? tracei_start_not_plain(name, size, chained) : tracei_start_slow(name, size, NULL, chained);
    }
    if (TRACEI_RARE(parent->kind != TRACEI_SLOT_PLAIN)) {
        if (parent->kind != TRACEI_SLOT_DROPPED || parent->entry) {
            tracei_leave_unit(unit);
            return tracei_start_slow(name, size, NULL, chained);
        }
        span = tracei_start_below(unit, parent, slot, TRACEI_SLOT_DROPPED, chained, 0);
        tracei_leave_unit(unit);
        return span;
    }
    span = tracei_start_below(unit, parent, slot, TRACEI_SLOT_PLAIN, chained,
                              tracei_halves(tracei_padded((uint32_t)size), tracei_shorts((uint32_t)size, 0)));
    (void)tracei_put_words(tracei_slot_room(slot), name, size);
    slot->record.start = by_counter ? tracei_ticks_by(source) : tracei_mono_ns();
    tracei_leave_unit(unit);
    return span;
}

static TRACEI_NOINLINE trace_span tracei_start_clock(const char *name, size_t size, uint8_t chained) {
    return tracei_start_plain(name, size, chained, false);
}

TRACE_API trace_span tracei_start(const char *name, size_t size) {
    return tracei_start_plain(name, size, TRACEI_CHAINED_ALONE, true);
}

TRACE_API trace_span tracei_begin(const char *name, size_t size) {
    return tracei_start_plain(name, size, TRACEI_CHAINED_BLOCK, true);
}

TRACE_API trace_span tracei_start_with(const char *name, size_t size, const trace_span_options *options) {
    return tracei_start_slow(name, size, options, TRACEI_CHAINED_ALONE);
}

TRACE_API trace_span tracei_begin_with(const char *name, size_t size, const trace_span_options *options) {
    return tracei_start_slow(name, size, options, TRACEI_CHAINED_BLOCK);
}

/* --- ending --- */

static TRACEI_COLD void tracei_append_state(tracei_unit *unit, tracei_slot *slot) {
    const trace_string state = tracei_entry_state(slot->entry);
    if (state.size) tracei_add_text(unit, slot, TRACEI_ENTRY_STATE, state.data, state.size);
}

/* Why this span does not go to the ring. */
static TRACEI_COLD uint32_t tracei_drop_reason(const tracei_unit *unit, const tracei_slot *slot) {
    if (TRACEI_LOAD(&tracei_off_flag)) return TRACE_DROP_SHUTDOWN;
    if (TRACEI_LOAD(&tracei_discard)) return TRACE_DROP_NO_EXPORTER;
    return slot->record.payload > unit->payload_max ? TRACE_DROP_TOO_LARGE /* built for a larger ring */ : TRACE_DROP_RING_FULL;
}

static void tracei_finish(tracei_unit *unit, tracei_slot *slot, uint64_t end_unix_ns, uint32_t bits) {
    tracei_record *const record = &slot->record;
    TRACEI_BUMP(&unit->counts[TRACEI_COUNT_ENDED]);
    if (slot->kind <= TRACEI_SLOT_SPAN) {
        const uint64_t end = end_unix_ns ? end_unix_ns : tracei_ticks();
        bool written = false;
        if (TRACEI_RARE(slot->entry != 0)) tracei_append_state(unit, slot);
        if (!TRACEI_RARE(TRACEI_LOAD(&tracei_divert) | (slot->record.payload > unit->payload_max))) {
            written =
                tracei_ring_write(unit, record, TRACEI_RECORD_SPAN, slot->data, slot->record.payload, record->bits | bits, end);
            if (written) tracei_ring_published();
        }
        if (TRACEI_RARE(!written)) {
            uint32_t *const dropped = &unit->counts[TRACEI_COUNT_DROPPED + tracei_drop_reason(unit, slot)];
            TRACEI_BUMP(dropped);
        }
    } else {
        TRACEI_BUMP(&unit->counts[TRACEI_COUNT_SAMPLED_OUT]);
    }
    if (TRACEI_RARE(slot->entry != 0)) tracei_entry_unpin(slot->entry);
    (void)tracei_slot_turn(slot);
    if (TRACEI_RARE(slot->unit != unit)) {
        if (slot->data != tracei_slot_room(slot)) {
            tracei_buffer_give(unit, slot->data, slot->capacity);
            slot->data = tracei_slot_room(slot);
            slot->capacity = TRACEI_ROOM;
        }
        tracei_give_back(slot);
        return;
    }
    if (slot->chained) {
        if (unit->current == slot)
            unit->current = slot->below;
        else
            tracei_chain_remove(unit, slot);
    }
    tracei_slot_release(unit, slot);
}

static TRACEI_COLD void tracei_abandon_top(tracei_unit *unit) {
    tracei_slot *const slot = unit->current;
    if (slot->kind == TRACEI_SLOT_ATTACHMENT) {
        tracei_entry_unpin(slot->entry);
        TRACEI_STORE(&slot->generation, slot->generation + 1);
        unit->current = slot->below;
        slot->chained = 0;
        tracei_slot_release(unit, slot);
        return;
    }
    TRACEI_BUMP(&unit->counts[TRACEI_COUNT_ABANDONED]);
    tracei_finish(unit, slot, 0, TRACEI_BITS_ABANDONED);
}

/* The thread ends inside of blocks: as if it had left them. */
static TRACEI_UNUSED void tracei_leave_blocks(tracei_unit *unit) {
    const tracei_slot *slot, *outermost = NULL;
    if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
    for (slot = unit->current; slot; slot = slot->below)
        if (slot->chained == TRACEI_CHAINED_BLOCK) outermost = slot;
    if (!outermost) return;
    slot = outermost->below;
    while (unit->current != slot) tracei_abandon_top(unit);
}

static TRACEI_COLD void tracei_end_refused(void) {
    const tracei_unit *const unit = tracei_tls;
    if (unit != &tracei_unit_suppressed) (void)TRACEI_ADD(&tracei_misused_calls, 1u);
}

enum { TRACEI_END_ALONE, TRACEI_END_BLOCK };

static TRACEI_NOINLINE void tracei_end_slow(trace_span span, uint64_t unix_ns, int how) {
    tracei_unit *const unit = tracei_enter();
    tracei_slot *slot;
    if (!unit) {
        tracei_end_refused();
        return;
    }
    slot = tracei_slot_of(unit, span);
    if (!slot) {
        tracei_count_stale(unit, span);
    } else {
        if (how == TRACEI_END_BLOCK && unit->current != slot && slot->unit == unit && slot->chained) {
            if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
            while (unit->current && unit->current != slot) tracei_abandon_top(unit);
        }
        tracei_finish(unit, slot, unix_ns, unix_ns ? TRACEI_BITS_END_UNIX : 0);
    }
    tracei_leave_unit(unit);
}

static void tracei_end_clock(trace_span span, int how);

static TRACEI_NOINLINE void tracei_end_not_plain(trace_span span, int how) {
    if (TRACEI_LOAD(&tracei_shortcut) == TRACEI_SHORTCUT_CLOCK)
        tracei_end_clock(span, how);
    else
        tracei_end_slow(span, 0, how);
}

/* The current span goes back to where tracei_start_below took it from. */
static TRACEI_ALWAYS_INLINE void tracei_end_below(tracei_unit *unit, tracei_slot *slot) {
    (void)tracei_slot_turn(slot);
    unit->current = slot->below;
    tracei_slot_put(unit, slot);
    tracei_leave_unit(unit);
}

/* The common case, the current span, plain, and room in the ring: by a counter no call but the last, no register saved. */
static TRACEI_ALWAYS_INLINE void tracei_end_plain(trace_span span, int how, bool by_counter) {
    tracei_unit *const unit = tracei_tls;
    const uint32_t source = TRACEI_LOAD(&tracei_shortcut);
    tracei_slot *slot;
    unsigned char *at;
    uint32_t used, size, head;
    if (TRACEI_RARE(unit->gate != tracei_open_gate())) {
        tracei_end_slow(span, 0, how);
        return;
    }
    tracei_close_gate(unit);
    slot = unit->current;
    if (TRACEI_RARE(!slot || !tracei_shortcut_is(source, by_counter) || !tracei_slot_is_open(slot, span) ||
                    slot->kind != TRACEI_SLOT_PLAIN)) {
        if (slot && tracei_slot_is_open(slot, span) && slot->kind == TRACEI_SLOT_DROPPED && !slot->entry) {
            TRACEI_BUMP(&unit->counts[TRACEI_COUNT_ENDED]);
            TRACEI_BUMP(&unit->counts[TRACEI_COUNT_SAMPLED_OUT]);
            tracei_end_below(unit, slot);
            return;
        }
        tracei_leave_unit(unit);
        if (by_counter)
            tracei_end_not_plain(span, how);
        else
            tracei_end_slow(span, 0, how);
        return;
    }
    used = slot->record.payload;
    size = (uint32_t)sizeof slot->record + used;
    if (TRACEI_RARE(size > unit->left)) {
        tracei_leave_unit(unit);
        tracei_end_slow(span, 0, how);
        return;
    }
    unit->left -= size;
    TRACEI_BUMP(&unit->counts[TRACEI_COUNT_ENDED]);
    TRACEI_BUMP(&unit->counts[TRACEI_COUNT_PUBLISHED]);
    at = unit->ring + (unit->head & unit->mask);
    memcpy(&head, &slot->record.type, 4);
    tracei_record_put(at, &slot->record, head, used, by_counter ? tracei_ticks_by(source) : tracei_mono_ns());
    tracei_copy_words(at + sizeof slot->record, tracei_slot_room(slot), used);
    TRACEI_STORE_RELEASE(&unit->head, unit->head + size);
    tracei_end_below(unit, slot);
    tracei_ring_published();
}

static TRACEI_NOINLINE void tracei_end_clock(trace_span span, int how) {
    tracei_end_plain(span, how, false);
}

TRACE_API void tracei_end(trace_span span) {
    tracei_end_plain(span, TRACEI_END_ALONE, true);
}

TRACE_API void tracei_leave(trace_span span) {
    tracei_end_plain(span, TRACEI_END_BLOCK, true);
}

TRACE_API void tracei_end_at(trace_span span, uint64_t unix_ns) {
    tracei_end_slow(span, unix_ns, TRACEI_END_ALONE);
}

/* --- filling in --- */

/* The slot a write goes to; NULL when there is nothing to write to (counted when the handle is to blame). */
static tracei_slot *tracei_writable(tracei_unit *unit, trace_span span) {
    tracei_slot *slot;
    if (span.slot == TRACEI_SLOT_CURRENT) {
        if (TRACEI_RARE(TRACEI_LOAD(&unit->returned) != NULL)) tracei_reclaim(unit); /* the innermost may have ended elsewhere */
        slot = unit->current;
        if (slot && slot->kind == TRACEI_SLOT_ATTACHMENT) {
            trace_span target; /* of TRACE_WITH_SPAN; zero for a bare context */
            target.slot = (uint32_t)slot->record.end;
            target.generation = (uint32_t)(slot->record.end >> 32);
            target.id = slot->record.start;
            slot = target.id ? tracei_slot_of(unit, target) : NULL;
        }
        return slot && tracei_slot_is_recording(slot) ? slot : NULL;
    }
    slot = tracei_slot_of(unit, span);
    if (TRACEI_RARE(!slot)) {
        if (span.slot != TRACEI_SLOT_INERT) tracei_count_stale(unit, span);
        return NULL;
    }
    return tracei_slot_is_recording(slot) ? slot : NULL;
}

static TRACEI_NOINLINE void tracei_set_slow(trace_span span, const trace_attribute *attribute) {
    tracei_unit *const unit = tracei_enter();
    tracei_slot *slot;
    if (!unit) return;
    slot = tracei_writable(unit, span);
    if (slot) tracei_add_attribute(unit, slot, attribute);
    tracei_leave_unit(unit);
}

/* The common case: a span of this thread, room in its slot. Leaves the gate closed; false: take the slow way. `events`: how many
   more of them the span has then. */
static TRACEI_ALWAYS_INLINE bool tracei_set_fast(tracei_unit *unit, trace_span span, size_t key_size, size_t size,
                                                 uint32_t events, unsigned char **to) {
    tracei_slot *slot;
    uint32_t used, needed;
    if (TRACEI_RARE(unit->gate != tracei_open_gate() || key_size - 1 >= TRACEI_ROOM || size > TRACEI_ROOM)) return false;
    tracei_close_gate(unit);
    slot = unit->current;
    if (TRACEI_RARE(!slot || !tracei_slot_is_open(slot, span))) {
        if (span.slot == TRACEI_SLOT_CURRENT) {
            if (TRACEI_RARE(TRACEI_LOAD(&unit->returned) != NULL)) goto slow;
        } else {
            slot = tracei_slot_at(span.slot);
            if (!slot || !tracei_slot_is_open(slot, span) || slot->unit != unit) goto slow;
        }
    }
    if (TRACEI_RARE(!slot || slot->kind > TRACEI_SLOT_SPAN)) goto slow;
    used = slot->record.payload;
    needed = used + tracei_entry_needs(key_size, size);
    if (TRACEI_RARE(needed > slot->capacity)) goto slow;
    if (events) {
        if (TRACEI_RARE(slot->event_count >= TRACEI_LOAD(&tracei_limit.events))) goto slow;
        slot->event_count = (uint16_t)(slot->event_count + events);
    }
    slot->record.payload = needed;
    *to = slot->data + used;
    return true;
slow:
    tracei_leave_unit(unit);
    return false;
}

static TRACEI_NOINLINE void tracei_set_scalar_slow(trace_span span, const char *key, size_t key_size, uint32_t type,
                                                   uint64_t bits) {
    trace_attribute attribute;
    attribute.key.data = key;
    attribute.key.size = key_size;
    attribute.value.type = (trace_type)type;
    if (type == TRACE_TYPE_BOOL)
        attribute.value.as.boolean = bits != 0;
    else
        memcpy(&attribute.value.as.integer, &bits, 8);
    tracei_set_slow(span, &attribute);
}

static TRACEI_NOINLINE void tracei_set_text_slow(trace_span span, const char *key, size_t key_size, const char *value,
                                                 size_t size) {
    trace_attribute attribute;
    attribute.key.data = key;
    attribute.key.size = key_size;
    attribute.value.type = value ? TRACE_TYPE_STRING : TRACE_TYPE_NULL;
    attribute.value.as.string.data = value;
    attribute.value.as.string.size = size;
    tracei_set_slow(span, &attribute);
}

TRACE_API void tracei_set_scalar(trace_span span, const char *key, size_t key_size, uint32_t type, uint64_t bits) {
    tracei_unit *const unit = tracei_tls;
    unsigned char *to;
    if (TRACEI_RARE(type == TRACEI_TYPE_UINT || !tracei_set_fast(unit, span, key_size, 8, 0, &to))) {
        tracei_set_scalar_slow(span, key, key_size, type, bits);
        return;
    }
    memcpy(tracei_put_head(to, type, key, key_size, 8), &bits, 8);
    tracei_leave_unit(unit);
}

TRACE_API void tracei_set_text(trace_span span, const char *key, size_t key_size, const char *value, size_t size) {
    tracei_unit *const unit = tracei_tls;
    unsigned char *to;
    if (TRACEI_RARE(!value || size > TRACEI_LOAD(&tracei_limit.value_length) ||
                    !tracei_set_fast(unit, span, key_size, size, 0, &to))) {
        tracei_set_text_slow(span, key, key_size, value, size);
        return;
    }
    (void)tracei_put_words(tracei_put_head(to, TRACE_TYPE_STRING, key, key_size, size), value, size);
    tracei_leave_unit(unit);
}

TRACEI_SMALL_BEGIN

TRACE_API void tracei_set_value(trace_span span, const trace_attribute *attribute) {
    if (attribute) tracei_set_slow(span, attribute);
}

/* Arrays of plain C types: written item by item, so no array of trace_value has to be built anywhere. */
static trace_value tracei_array_item(trace_type type, const void *values, size_t i) {
    trace_value item;
    memset(&item, 0, sizeof item);
    item.type = type;
    if (type == TRACE_TYPE_INT) {
        item.as.integer = ((const int64_t *)values)[i];
    } else if (type == TRACE_TYPE_DOUBLE) {
        item.as.number = ((const double *)values)[i];
    } else if (type == TRACE_TYPE_BOOL) {
        item.as.boolean = ((const bool *)values)[i];
    } else {
        item.as.string = tracei_string(((const char *const *)values)[i]);
        if (!item.as.string.data) item.type = TRACE_TYPE_NULL;
    }
    return item;
}

TRACE_API void tracei_set_array(trace_span span, const char *key, trace_type type, const void *values, size_t count) {
    const size_t key_size = tracei_length(key);
    tracei_unit *const unit = tracei_enter();
    tracei_slot *slot;
    if (!unit) return;
    slot = tracei_writable(unit, span);
    if (slot && tracei_key_is_good(key, key_size)) {
        size_t size = 0, i;
        unsigned char *to = NULL;
        if (!values) count = 0;
        for (i = 0; i < count && size < UINT32_MAX / 4; i++) {
            const trace_value item = tracei_array_item(type, values, i);
            size += tracei_entry_needs(0, tracei_value_size(unit, &item, 1));
        }
        if (size < UINT32_MAX / 4) to = tracei_append(unit, slot, tracei_entry_needs(key_size, size));
        if (!to) {
            tracei_count_dropped_attribute(unit, slot);
        } else {
            to = tracei_write_entry(to, TRACE_TYPE_ARRAY, key, key_size, size);
            for (i = 0; i < count; i++) {
                const trace_value item = tracei_array_item(type, values, i);
                const size_t item_size = tracei_value_size(unit, &item, 1);
                to = tracei_write_entry(to, item.type, NULL, 0, item_size);
                to = tracei_put_value(unit, to, &item, item_size, 1);
            }
        }
    }
    tracei_leave_unit(unit);
}

TRACE_API void tracei_set_name(trace_span span, const char *name, size_t size) {
    tracei_unit *const unit = tracei_enter();
    tracei_slot *slot;
    if (!unit) return;
    slot = tracei_writable(unit, span);
    if (slot) tracei_add_text(unit, slot, TRACEI_ENTRY_NAME, name ? name : "", size);
    tracei_leave_unit(unit);
}

static void tracei_slot_set_status(tracei_unit *unit, tracei_slot *slot, trace_status status, const char *description) {
    const uint32_t now = (slot->record.bits & TRACEI_BITS_STATUS) >> TRACEI_BITS_STATUS_SHIFT;
    if (now == TRACE_STATUS_OK || (status != TRACE_STATUS_OK && status != TRACE_STATUS_ERROR)) return;
    slot->record.bits =
        (uint16_t)((slot->record.bits & ~(uint32_t)TRACEI_BITS_STATUS) | (uint32_t)status << TRACEI_BITS_STATUS_SHIFT);
    if (status == TRACE_STATUS_ERROR)
        tracei_add_text(unit, slot, TRACEI_ENTRY_STATUS, description ? description : "", tracei_length(description));
}

TRACE_API void tracei_set_status(trace_span span, trace_status status, const char *description) {
    tracei_unit *const unit = tracei_enter();
    tracei_slot *slot;
    if (!unit) return;
    slot = tracei_writable(unit, span);
    if (TRACEI_RARE((uint32_t)status > TRACE_STATUS_ERROR))
        tracei_say_unknown("the status", (int)status, "the span keeps the one it has");
    else if (slot)
        tracei_slot_set_status(unit, slot, status, description);
    tracei_leave_unit(unit);
}

static void tracei_put_event(tracei_unit *unit, tracei_slot *slot, const char *name, const trace_attribute *attributes,
                             size_t count, uint64_t unix_ns) {
    const uint32_t limit = TRACEI_LOAD(&tracei_limit.event_attributes);
    size_t name_size = tracei_length(name), list = 0;
    unsigned char *to = NULL;
    uint32_t dropped = 0;
    if (slot->event_count < TRACEI_LOAD(&tracei_limit.events)) {
        if (TRACEI_RARE(name_size > UINT16_MAX)) name_size = tracei_utf8_cut(name, name_size, UINT16_MAX);
        if (count) list = tracei_list_size(unit, attributes, count, limit, &dropped);
        if (list < UINT32_MAX / 2) {
            to = tracei_append(unit, slot, tracei_entry_needs(name_size, sizeof(tracei_event_head) + list));
            if (to) {
                const uint64_t time = unix_ns ? unix_ns : tracei_ticks(), rest = tracei_halves(unix_ns != 0, dropped);
                to = tracei_write_entry(to, TRACEI_ENTRY_EVENT, name, name_size, sizeof(tracei_event_head) + list);
                memcpy(to, &time, 8);
                memcpy(to + 8, &rest, 8);
                if (count) (void)tracei_put_list(unit, to + sizeof(tracei_event_head), attributes, count, limit);
            }
        }
    }
    if (to)
        slot->event_count++;
    else if (slot->record.dropped_events < UINT16_MAX)
        slot->record.dropped_events++;
}

TRACE_API void tracei_add_event(trace_span span, const char *name, const trace_attribute *attributes, size_t count,
                                uint64_t unix_ns) {
    tracei_unit *const unit = tracei_enter();
    tracei_slot *slot;
    if (!unit) return;
    slot = tracei_writable(unit, span);
    if (slot) tracei_put_event(unit, slot, name, attributes, count, unix_ns);
    tracei_leave_unit(unit);
}

TRACEI_SMALL_END

TRACE_API void tracei_add_plain_event(trace_span span, const char *name, size_t size) {
    tracei_unit *const unit = tracei_tls;
    uint64_t time = tracei_ticks();
    unsigned char *to;
    if (TRACEI_RARE(!tracei_set_fast(unit, span, size, sizeof(tracei_event_head), 1, &to))) {
        tracei_add_event(span, name, NULL, 0, 0);
        return;
    }
    to = tracei_put_head(to, TRACEI_ENTRY_EVENT, name, size, sizeof(tracei_event_head));
    memcpy(to, &time, 8);
    time = 0; /* neither Unix time nor anything dropped */
    memcpy(to + 8, &time, 8);
    tracei_leave_unit(unit);
}

TRACEI_SMALL_BEGIN

static void tracei_put_link(tracei_unit *unit, tracei_slot *slot, const trace_context *context, const trace_attribute *attributes,
                            size_t count) {
    const bool pinned = context->entry && tracei_entry_pin(context->entry, context->entry_generation);
    const uint32_t limit = TRACEI_LOAD(&tracei_limit.link_attributes);
    tracei_link_head head;
    trace_string state;
    unsigned char *to = NULL;
    memset(&head, 0, sizeof head);
    state.data = "";
    state.size = 0;
    if (pinned) state = tracei_entry_state(context->entry);
    if (slot->link_count < TRACEI_LOAD(&tracei_limit.links)) {
        const size_t list = tracei_list_size(unit, attributes, count, limit, &head.dropped);
        if (list < UINT32_MAX / 2)
            to = tracei_append(unit, slot, tracei_entry_needs(0, sizeof head + tracei_padded((uint32_t)state.size) + list));
        if (to) {
            memcpy(head.trace_id, context->trace_id, 16);
            memcpy(head.span_id, context->span_id, 8);
            head.flags = context->flags;
            head.is_remote = context->is_remote;
            head.state_size = (uint32_t)state.size;
            to = tracei_write_entry(to, TRACEI_ENTRY_LINK, NULL, 0, sizeof head + tracei_padded((uint32_t)state.size) + list);
            memcpy(to, &head, sizeof head);
            to = tracei_write_text(to + sizeof head, state.data, state.size);
            (void)tracei_put_list(unit, to, attributes, count, limit);
        }
    }
    if (pinned) tracei_entry_unpin(context->entry);
    if (to)
        slot->link_count++;
    else if (slot->record.dropped_links < UINT16_MAX)
        slot->record.dropped_links++;
}

TRACE_API void tracei_add_link(trace_span span, const trace_context *context, const trace_attribute *attributes, size_t count) {
    tracei_unit *const unit = tracei_enter();
    tracei_slot *slot;
    if (!unit) return;
    slot = tracei_writable(unit, span);
    if (slot && context) {
        const trace_context target = tracei_is_current(context) ? tracei_unit_context(unit) : *context;
        tracei_put_link(unit, slot, &target, attributes, count);
    }
    tracei_leave_unit(unit);
}

static void tracei_slot_record_error(tracei_unit *unit, tracei_slot *slot, const char *type, const char *message) {
    trace_attribute attributes[2];
    size_t count = 0;
    if (type) attributes[count++] = tracei_attr_string("exception.type", type);
    if (message) attributes[count++] = tracei_attr_string("exception.message", message);
    tracei_put_event(unit, slot, "exception", attributes, count, 0);
    if (type) {
        const trace_attribute error_type = tracei_attr_string("error.type", type);
        tracei_add_attribute(unit, slot, &error_type);
    }
    tracei_slot_set_status(unit, slot, TRACE_STATUS_ERROR, message);
}

TRACE_API void tracei_record_error(trace_span span, const char *type, const char *message) {
    tracei_unit *const unit = tracei_enter();
    tracei_slot *slot;
    if (!unit) return;
    slot = tracei_writable(unit, span);
    if (slot) tracei_slot_record_error(unit, slot, type, message);
    tracei_leave_unit(unit);
}

/* strerror is neither thread-safe nor the same in every locale, and error.type has to be stable: glibc's untranslated texts, or
   the same of our own. */
#if defined(__USE_GNU) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 32)
#define TRACEI_ERRNO_NAMES
#endif
#endif

#ifndef TRACEI_ERRNO_NAMES
typedef struct tracei_errno { int number; char texts[56]; } tracei_errno; /* name, 0, text: pointers would be relocations */

static const tracei_errno tracei_errnos[] = {
#ifdef EPERM
    {EPERM, "EPERM\0" "Operation not permitted"},
#endif
#ifdef ENOENT
    {ENOENT, "ENOENT\0" "No such file or directory"},
#endif
#ifdef EINTR
    {EINTR, "EINTR\0" "Interrupted system call"},
#endif
#ifdef EIO
    {EIO, "EIO\0" "Input/output error"},
#endif
#ifdef EBADF
    {EBADF, "EBADF\0" "Bad file descriptor"},
#endif
#ifdef EAGAIN
    {EAGAIN, "EAGAIN\0" "Resource temporarily unavailable"},
#endif
#ifdef ENOMEM
    {ENOMEM, "ENOMEM\0" "Cannot allocate memory"},
#endif
#ifdef EACCES
    {EACCES, "EACCES\0" "Permission denied"},
#endif
#ifdef EFAULT
    {EFAULT, "EFAULT\0" "Bad address"},
#endif
#ifdef EBUSY
    {EBUSY, "EBUSY\0" "Device or resource busy"},
#endif
#ifdef EEXIST
    {EEXIST, "EEXIST\0" "File exists"},
#endif
#ifdef EXDEV
    {EXDEV, "EXDEV\0" "Invalid cross-device link"},
#endif
#ifdef ENODEV
    {ENODEV, "ENODEV\0" "No such device"},
#endif
#ifdef ENOTDIR
    {ENOTDIR, "ENOTDIR\0" "Not a directory"},
#endif
#ifdef EISDIR
    {EISDIR, "EISDIR\0" "Is a directory"},
#endif
#ifdef EINVAL
    {EINVAL, "EINVAL\0" "Invalid argument"},
#endif
#ifdef ENFILE
    {ENFILE, "ENFILE\0" "Too many open files in system"},
#endif
#ifdef EMFILE
    {EMFILE, "EMFILE\0" "Too many open files"},
#endif
#ifdef ENOTTY
    {ENOTTY, "ENOTTY\0" "Inappropriate ioctl for device"},
#endif
#ifdef EFBIG
    {EFBIG, "EFBIG\0" "File too large"},
#endif
#ifdef ENOSPC
    {ENOSPC, "ENOSPC\0" "No space left on device"},
#endif
#ifdef ESPIPE
    {ESPIPE, "ESPIPE\0" "Illegal seek"},
#endif
#ifdef EROFS
    {EROFS, "EROFS\0" "Read-only file system"},
#endif
#ifdef EMLINK
    {EMLINK, "EMLINK\0" "Too many links"},
#endif
#ifdef EPIPE
    {EPIPE, "EPIPE\0" "Broken pipe"},
#endif
#ifdef EDOM
    {EDOM, "EDOM\0" "Numerical argument out of domain"},
#endif
#ifdef ERANGE
    {ERANGE, "ERANGE\0" "Numerical result out of range"},
#endif
#ifdef EDEADLK
    {EDEADLK, "EDEADLK\0" "Resource deadlock avoided"},
#endif
#ifdef ENAMETOOLONG
    {ENAMETOOLONG, "ENAMETOOLONG\0" "File name too long"},
#endif
#ifdef ENOSYS
    {ENOSYS, "ENOSYS\0" "Function not implemented"},
#endif
#ifdef ENOTEMPTY
    {ENOTEMPTY, "ENOTEMPTY\0" "Directory not empty"},
#endif
#ifdef ELOOP
    {ELOOP, "ELOOP\0" "Too many levels of symbolic links"},
#endif
#ifdef EPROTO
    {EPROTO, "EPROTO\0" "Protocol error"},
#endif
#ifdef EOVERFLOW
    {EOVERFLOW, "EOVERFLOW\0" "Value too large for defined data type"},
#endif
#ifdef EILSEQ
    {EILSEQ, "EILSEQ\0" "Illegal byte sequence"},
#endif
#ifdef ENOTSOCK
    {ENOTSOCK, "ENOTSOCK\0" "Socket operation on non-socket"},
#endif
#ifdef EMSGSIZE
    {EMSGSIZE, "EMSGSIZE\0" "Message too long"},
#endif
#ifdef EPROTONOSUPPORT
    {EPROTONOSUPPORT, "EPROTONOSUPPORT\0" "Protocol not supported"},
#endif
#ifdef ENOTSUP
    {ENOTSUP, "ENOTSUP\0" "Operation not supported"},
#endif
#ifdef EAFNOSUPPORT
    {EAFNOSUPPORT, "EAFNOSUPPORT\0" "Address family not supported by protocol"},
#endif
#ifdef EADDRINUSE
    {EADDRINUSE, "EADDRINUSE\0" "Address already in use"},
#endif
#ifdef EADDRNOTAVAIL
    {EADDRNOTAVAIL, "EADDRNOTAVAIL\0" "Cannot assign requested address"},
#endif
#ifdef ENETDOWN
    {ENETDOWN, "ENETDOWN\0" "Network is down"},
#endif
#ifdef ENETUNREACH
    {ENETUNREACH, "ENETUNREACH\0" "Network is unreachable"},
#endif
#ifdef ECONNABORTED
    {ECONNABORTED, "ECONNABORTED\0" "Software caused connection abort"},
#endif
#ifdef ECONNRESET
    {ECONNRESET, "ECONNRESET\0" "Connection reset by peer"},
#endif
#ifdef ENOBUFS
    {ENOBUFS, "ENOBUFS\0" "No buffer space available"},
#endif
#ifdef EISCONN
    {EISCONN, "EISCONN\0" "Transport endpoint is already connected"},
#endif
#ifdef ENOTCONN
    {ENOTCONN, "ENOTCONN\0" "Transport endpoint is not connected"},
#endif
#ifdef ETIMEDOUT
    {ETIMEDOUT, "ETIMEDOUT\0" "Connection timed out"},
#endif
#ifdef ECONNREFUSED
    {ECONNREFUSED, "ECONNREFUSED\0" "Connection refused"},
#endif
#ifdef EHOSTUNREACH
    {EHOSTUNREACH, "EHOSTUNREACH\0" "No route to host"},
#endif
#ifdef EALREADY
    {EALREADY, "EALREADY\0" "Operation already in progress"},
#endif
#ifdef EINPROGRESS
    {EINPROGRESS, "EINPROGRESS\0" "Operation now in progress"},
#endif
#ifdef ECANCELED
    {ECANCELED, "ECANCELED\0" "Operation canceled"},
#endif
    {0, ""}
};
#endif

/* "ENOSPC", and its text; both NULL: not known. */
static const char *tracei_errno_name(int number, const char **text) {
#ifdef TRACEI_ERRNO_NAMES
    const char *const name = number ? strerrorname_np(number) : NULL;
    *text = name ? strerrordesc_np(number) : NULL;
#else
    const tracei_errno *row = tracei_errnos;
    const char *name;
    while (row->number && row->number != number) row++;
    name = row->number ? row->texts : NULL;
    *text = name ? name + strlen(name) + 1 : NULL;
#endif
    return name;
}

TRACE_API void tracei_record_errno(trace_span span, int error_number) {
    char digits[24] = "errno ";
    const char *text, *const name = tracei_errno_name(error_number, &text);
    *tracei_put_i64(digits + 6, error_number) = '\0';
    tracei_record_error(span, name ? name : digits, text ? text : "");
}

TRACE_API trace_span tracei_current(void) {
    tracei_unit *const unit = tracei_enter();
    trace_span span = tracei_handle(TRACEI_SLOT_INERT);
    const tracei_slot *slot;
    if (!unit) return span;
    if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
    tracei_frames(unit);
    slot = unit->current;
    if (slot && slot->kind == TRACEI_SLOT_ATTACHMENT) {
        if (slot->record.start) {
            span.slot = (uint32_t)slot->record.end;
            span.generation = (uint32_t)(slot->record.end >> 32);
            span.id = slot->record.start;
        }
    } else if (slot) {
        span = tracei_slot_handle(slot);
    }
    tracei_leave_unit(unit);
    return span;
}

TRACE_API bool tracei_recording(trace_span span) {
    tracei_unit *unit;
    const tracei_slot *slot;
    bool recording;
    if (span.slot == TRACEI_SLOT_INERT) return false;
    unit = tracei_enter();
    if (!unit) return false;
    slot = tracei_slot_of(unit, span);
    recording = slot && tracei_slot_is_recording(slot);
    tracei_leave_unit(unit);
    return recording;
}

TRACE_API bool tracei_enabled(const trace_scope *scope) {
    tracei_unit *const unit = tracei_enter(); /* so that the configuration has been read */
    bool silent;
    if (!unit) return false;
    silent = tracei_is_silent(unit);
    tracei_leave_unit(unit);
    if (silent || TRACEI_LOAD(&tracei_off_flag) || TRACEI_LOAD(&tracei_discard)) return false;
    return !TRACEI_LOAD(&tracei_scopes_ruled) || tracei_scope_route(tracei_scope_id(scope)) != 0;
}

TRACE_API trace_context tracei_context(trace_span span) {
    tracei_unit *const unit = tracei_enter();
    trace_context context = tracei_context_empty();
    const tracei_slot *slot;
    if (!unit) return context;
    if (span.slot == TRACEI_SLOT_INERT) {
        context = tracei_unit_context(unit);
    } else {
        slot = tracei_slot_of(unit, span);
        if (slot)
            context = tracei_slot_context(slot);
        else
            tracei_count_stale(unit, span);
    }
    tracei_leave_unit(unit);
    return context;
}

/* --- what is current --- */

TRACE_API trace_context trace_context_current(void) {
    tracei_unit *const unit = tracei_enter();
    trace_context context = tracei_context_empty();
    if (!unit) return context;
    context = tracei_unit_context(unit);
    tracei_leave_unit(unit);
    return context;
}

/* Its argument, or the current context when that is all zero. */
static trace_context tracei_resolve(trace_context context) {
    return tracei_is_current(&context) ? trace_context_current() : context;
}

static trace_attachment tracei_attach(tracei_unit *unit, const trace_context *context, trace_span target) {
    tracei_slot *slot;
    trace_attachment attachment;
    tracei_frames(unit);
    slot = tracei_slot_take(unit);
    memset(&attachment, 0, sizeof attachment);
    if (!slot) {
        TRACEI_BUMP(&unit->counts[TRACEI_COUNT_REFUSED]);
        tracei_say_refused();
        return attachment;
    }
    tracei_slot_begin(slot, TRACEI_SLOT_ATTACHMENT, TRACEI_CHAINED_ALONE);
    slot->record.trace_high = tracei_id_number(context->trace_id, 8);
    slot->record.trace_low = tracei_id_number(context->trace_id + 8, 8);
    slot->record.span_id = tracei_id_number(context->span_id, 8);
    slot->record.flags = (uint8_t)((context->flags & TRACEI_FLAGS_KNOWN) | (context->reserved & ~TRACEI_FLAGS_KNOWN));
    slot->record.bits = (uint16_t)(tracei_bits_of(context) | (tracei_is_silent(unit) ? TRACEI_BITS_SUPPRESSED : 0));
    slot->record.start = target.id;
    slot->record.end = (uint64_t)target.generation << 32 | target.slot;
    slot->entry = context->entry;
    slot->entry_generation = context->entry_generation;
    if (slot->entry && !tracei_entry_pin(slot->entry, slot->entry_generation)) slot->entry = 0;
    tracei_chain_push(unit, slot);
    tracei_made_current(slot);
    attachment.thread = tracei_unit_token(unit);
    attachment.slot = slot->index;
    attachment.generation = slot->generation;
    return attachment;
}

/* In a forked child, what was current in the parent when it forked is the remote parent of what this thread does. */
static void tracei_unit_inherit(tracei_unit *unit, const tracei_slot *current) {
    trace_context context = tracei_slot_context(current);
    context.is_remote = true;
    (void)tracei_attach(unit, &context, tracei_handle(0));
}

TRACE_API trace_attachment trace_attach(trace_context context) {
    tracei_unit *const unit = tracei_enter();
    trace_attachment attachment;
    memset(&attachment, 0, sizeof attachment);
    if (!unit) return attachment;
    if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
    if (tracei_is_current(&context)) context = tracei_unit_context(unit);
    attachment = tracei_attach(unit, &context, tracei_handle(0));
    tracei_leave_unit(unit);
    return attachment;
}

TRACE_API trace_attachment trace_attach_span(trace_span span) {
    tracei_unit *const unit = tracei_enter();
    trace_attachment attachment;
    const tracei_slot *slot;
    memset(&attachment, 0, sizeof attachment);
    if (!unit) return attachment;
    if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
    slot = span.slot == TRACEI_SLOT_INERT ? NULL : tracei_slot_of(unit, span);
    if (slot) {
        const trace_context context = tracei_slot_context(slot);
        attachment = tracei_attach(unit, &context, span);
    } else if (span.slot != TRACEI_SLOT_INERT) {
        tracei_count_stale(unit, span);
    }
    tracei_leave_unit(unit);
    return attachment;
}

TRACE_API void trace_detach(trace_attachment previous) {
    tracei_unit *unit;
    tracei_slot *slot;
    if (!previous.thread) return;
    unit = tracei_enter();
    if (!unit) return;
    if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
    slot = tracei_slot_at(previous.slot);
    if (previous.thread != tracei_unit_token(unit) || !slot || slot->generation != previous.generation || slot->unit != unit ||
        slot->kind != TRACEI_SLOT_ATTACHMENT || !slot->chained) {
        tracei_count_foreign(unit, previous.thread);
    } else {
        while (unit->current != slot) tracei_abandon_top(unit);
        tracei_abandon_top(unit); /* an attachment is merely taken off */
    }
    tracei_leave_unit(unit);
}

TRACE_API trace_mark trace_mark_get(void) {
    tracei_unit *const unit = tracei_enter();
    trace_mark mark;
    memset(&mark, 0, sizeof mark);
    if (!unit) return mark;
    if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
    mark.thread = tracei_unit_token(unit);
    mark.depth = tracei_chain_depth(unit);
    tracei_leave_unit(unit);
    return mark;
}

TRACE_API void trace_unwind(trace_mark mark) {
    tracei_unit *unit;
    if (!mark.thread) return;
    unit = tracei_enter();
    if (!unit) return;
    if (TRACEI_LOAD(&unit->returned)) tracei_reclaim(unit);
    if (mark.thread != tracei_unit_token(unit)) {
        tracei_count_foreign(unit, mark.thread);
    } else {
        uint32_t depth = tracei_chain_depth(unit);
        for (; depth > mark.depth; depth--) tracei_abandon_top(unit);
    }
    tracei_leave_unit(unit);
}

TRACEI_SMALL_END

TRACEI_SMALL_BEGIN

/* >>propagation ----------------------------------------------------------------------------------------------------

   Every carrier (callbacks, header array, raw bytes, environment) is reduced to fields: a name of tracei_fields and a value.
   The reader takes fields one by one, in the order they were sent, and keeps slices of them; nothing is copied before the
   entry of the context is written, so values must stay where they are until the extract returns. tracestate and baggage are
   cut into members as they come: 32 members, or 64 members and 8,192 bytes over all headers, and what lies beyond costs one
   memchr. Work is linear in the size of the message, memory is fixed, and what a hostile peer sends cannot change either.
   In an entry tracestate and baggage stand as they go on the wire, canonical: no white space, no doubles, only characters
   the grammar allows. Injecting copies; only what trace_baggage_set put there with control characters is cleaned.

   A failed extract is the explicit empty context: a new root, never the current span. Several propagators run in the order
   of OTEL_PROPAGATORS; the last one that finds valid ids wins, and W3C's tracestate goes with W3C's ids only. */

#define TRACEI_BAGGAGE_MEMBERS 64u
#define TRACEI_BAGGAGE_BYTES 8192u
#define TRACEI_CARRIER_KEYS 128u

typedef enum tracei_propagator {
    TRACEI_PROPAGATOR_NONE = 0,
    TRACEI_PROPAGATOR_TRACECONTEXT,
    TRACEI_PROPAGATOR_BAGGAGE,
    TRACEI_PROPAGATOR_B3,
    TRACEI_PROPAGATOR_B3MULTI,
    TRACEI_PROPAGATOR_JAEGER,
    TRACEI_PROPAGATOR_XRAY,
    TRACEI_PROPAGATOR_COUNT
} tracei_propagator;

#define TRACEI_PROPAGATORS_DEFAULT (TRACEI_PROPAGATOR_TRACECONTEXT | TRACEI_PROPAGATOR_BAGGAGE << 4)

/* Which propagators run: a set in order, four bits each, the first in the lowest. */
static uint32_t tracei_propagators = TRACEI_PROPAGATORS_DEFAULT;

typedef enum tracei_field {
    TRACEI_FIELD_TRACEPARENT,
    TRACEI_FIELD_TRACESTATE,
    TRACEI_FIELD_BAGGAGE,
    TRACEI_FIELD_B3,
    TRACEI_FIELD_B3_TRACE,
    TRACEI_FIELD_B3_SPAN,
    TRACEI_FIELD_B3_SAMPLED,
    TRACEI_FIELD_B3_FLAGS,
    TRACEI_FIELD_JAEGER,
    TRACEI_FIELD_XRAY,
    TRACEI_FIELD_COUNT
} tracei_field;

#define TRACEI_FOR_B3 (1u << TRACEI_PROPAGATOR_B3 | 1u << TRACEI_PROPAGATOR_B3MULTI)

static const struct {
    const char *name;
    size_t size;
    uint32_t propagators;         /* a bit for each that reads it */
} tracei_fields[TRACEI_FIELD_COUNT] = {
    {"traceparent", 11, 1u << TRACEI_PROPAGATOR_TRACECONTEXT},
    {"tracestate", 10, 1u << TRACEI_PROPAGATOR_TRACECONTEXT},
    {"baggage", 7, 1u << TRACEI_PROPAGATOR_BAGGAGE},
    {"b3", 2, TRACEI_FOR_B3},
    {"X-B3-TraceId", 12, TRACEI_FOR_B3},
    {"X-B3-SpanId", 11, TRACEI_FOR_B3},
    {"X-B3-Sampled", 12, TRACEI_FOR_B3},
    {"X-B3-Flags", 10, TRACEI_FOR_B3},
    {"uber-trace-id", 13, 1u << TRACEI_PROPAGATOR_JAEGER},
    {"X-Amzn-Trace-Id", 15, 1u << TRACEI_PROPAGATOR_XRAY}
};

#define TRACEI_JAEGER_PREFIX "uberctx-"
#define TRACEI_JAEGER_PREFIX_SIZE 8u
#define TRACEI_JAEGER_KEY_MAX 256u

/* The process has read its configuration, and a forked child has put the table in order, before either is looked at. */
static void tracei_propagation_begin(void) {
    if (TRACEI_RARE(tracei_epoch_now() == 0)) tracei_process_begin();
}

/* Slices and characters ---- */

static trace_string tracei_piece(const char *data, size_t size) {
    trace_string slice;
    slice.data = data;
    slice.size = size;
    return slice;
}

static trace_string tracei_piece_of(const char *text) {
    return tracei_piece(text, text ? strlen(text) : 0);
}

static bool tracei_is_ows(char c) {
    return c == ' ' || c == '\t';
}

static trace_string tracei_piece_trim(trace_string text) {
    while (text.size && tracei_is_ows(text.data[0])) text.data++, text.size--;
    while (text.size && tracei_is_ows(text.data[text.size - 1])) text.size--;
    return text;
}

/* Cuts the text before the first `separator`; *rest is what follows it, data == NULL when there was none. */
static trace_string tracei_piece_cut(trace_string text, char separator, trace_string *rest) {
    const char *const at = text.size ? (const char *)memchr(text.data, separator, text.size) : NULL;
    *rest = tracei_piece(NULL, 0);
    if (!at) return text;
    *rest = tracei_piece(at + 1, text.size - (size_t)(at - text.data) - 1);
    text.size = (size_t)(at - text.data);
    return text;
}

static bool tracei_piece_equal(trace_string a, trace_string b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static char tracei_ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* As HTTP compares names. */
static bool tracei_name_equal(const char *a, const char *b, size_t size) {
    size_t i;
    for (i = 0; i < size; i++)
        if (tracei_ascii_lower(a[i]) != tracei_ascii_lower(b[i])) return false;
    return true;
}

enum { TRACEI_CHAR_TOKEN = 1, TRACEI_CHAR_OCTET = 2, TRACEI_CHAR_STATE_KEY = 4, TRACEI_CHAR_STATE_VALUE = 8 };

/* Which grammars allow the character: RFC 7230 token, W3C baggage-octet, tracestate key and value. */
static const uint8_t tracei_char_classes[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    8, 11, 8, 11, 11, 11, 11, 11, 10, 10, 15, 11, 0, 15, 11, 14, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 10, 8, 10, 2, 10, 10,
    14, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 10, 8, 10, 11, 15,
    11, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 10, 11, 10, 11, 0
};

static uint32_t tracei_char_class(char character) {
    const unsigned char c = (unsigned char)character;
    return c < 128 ? tracei_char_classes[c] : 0u;
}

/* How many leading characters belong to the class. */
static size_t tracei_span_of(trace_string text, uint32_t wanted) {
    size_t i = 0;
    while (i < text.size && (tracei_char_class(text.data[i]) & wanted)) i++;
    return i;
}

static bool tracei_is_token(trace_string text) {
    return text.size && tracei_span_of(text, TRACEI_CHAR_TOKEN) == text.size;
}

/* 16 and more: no digit. */
static uint32_t tracei_hex_digit(char c, bool any_case) {
    if (c >= '0' && c <= '9') return (uint32_t)(c - '0');
    if (c >= 'a' && c <= 'f') return (uint32_t)(c - 'a') + 10;
    if (any_case && c >= 'A' && c <= 'F') return (uint32_t)(c - 'A') + 10;
    return 16;
}

/* Exactly 2 * count lower-case digits. */
static bool tracei_hex_read(uint8_t *out, size_t count, const char *text) {
    uint32_t bad = 0;
    for (; count; count--, text += 2) {
        const uint32_t high = tracei_hex_digit(text[0], false), low = tracei_hex_digit(text[1], false);
        bad |= high | low;
        *out++ = (uint8_t)(high << 4 | (low & 15));
    }
    return bad < 16;
}

/* 1 to 2 * count digits of any case, padded with zeros on the left. */
static bool tracei_hex_read_short(uint8_t *out, size_t count, trace_string text) {
    size_t i;
    if (text.size == 0 || text.size > 2 * count) return false;
    memset(out, 0, count);
    for (i = 0; i < text.size; i++) {
        const uint32_t digit = tracei_hex_digit(text.data[text.size - 1 - i], true);
        if (digit > 15) return false;
        out[count - 1 - i / 2] = (uint8_t)(out[count - 1 - i / 2] | digit << (i % 2 ? 4 : 0));
    }
    return true;
}

static bool tracei_is_zero(const uint8_t *bytes, size_t count) {
    uint32_t any = 0;
    while (count--) any |= *bytes++;
    return any == 0;
}

static trace_context tracei_context_none(void) {
    trace_context context;
    memset(&context, 0, sizeof context);
    context.is_explicit = true;
    return context;
}

static bool tracei_has_ids(const trace_context *context) {
    return !tracei_is_zero(context->trace_id, 16) && !tracei_is_zero(context->span_id, 8);
}

/* The context of a caller: valid ids or nothing. */
static bool tracei_context_accept(trace_context *out, const trace_context *found) {
    if (!tracei_has_ids(found)) return false;
    *out = *found;
    out->is_remote = true;
    return true;
}

/* Percent coding ---- */

static bool tracei_percent_at(trace_string text, size_t at, char *byte) {
    uint32_t high, low;
    if (text.data[at] != '%' || text.size - at < 3) return false;
    high = tracei_hex_digit(text.data[at + 1], true);
    low = tracei_hex_digit(text.data[at + 2], true);
    if (high > 15 || low > 15) return false;
    *byte = (char)(high << 4 | low);
    return true;
}

/* Control characters, plain or percent-encoded; TAB is none, it cannot end a header. */
static bool tracei_is_control(char character) {
    const unsigned char c = (unsigned char)character;
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool tracei_has_control(trace_string text) {
    size_t i;
    for (i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') (void)tracei_percent_at(text, i, &c);
        if (tracei_is_control(c)) return true;
    }
    return false;
}

/* Keys are not percent-decoded. One in which a careless receiver would find a control character is none: made harmless, it could
   become another member's. */
static bool tracei_is_baggage_key(trace_string text) { return tracei_is_token(text) && !tracei_has_control(text); }

/* Decoded text is never longer. What is no escape stands for itself. Stops at `capacity`. Returns the whole size. */
static size_t tracei_percent_decode(char *out, size_t capacity, trace_string text) {
    size_t i, size = 0;
    for (i = 0; i < text.size; i++, size++) {
        char c = text.data[i];
        if (c == '%' && tracei_percent_at(text, i, &c)) i += 2;
        if (size < capacity) out[size] = c;
    }
    return size;
}

/* The writers below count when `out` is NULL and return the size either way. */

static size_t tracei_percent_encode(char *out, trace_string text) {
    static const char digits[] = "0123456789ABCDEF";
    size_t i, size = 0;
    for (i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        if (c != '%' && (tracei_char_class((char)c) & TRACEI_CHAR_OCTET)) {
            if (out) out[size] = (char)c;
            size++;
        } else {
            if (out) out[size] = '%', out[size + 1] = digits[c >> 4], out[size + 2] = digits[c & 15];
            size += 3;
        }
    }
    return size;
}

/* Invalid UTF-8 becomes U+FFFD, one for each maximal invalid part. */
static size_t tracei_percent_encode_utf8(char *out, trace_string text) {
    size_t size = 0;
    while (text.size) {
        const size_t valid = tracei_utf8_valid(text.data, text.size);
        size_t bad = 1;
        size += tracei_percent_encode(out ? out + size : NULL, tracei_piece(text.data, valid));
        text = tracei_piece(text.data + valid, text.size - valid);
        if (!text.size) break;
        while (bad < 3 && bad < text.size) {
            char repaired[12];
            if (tracei_put_utf8(repaired, text.data, bad + 1) != repaired + 3) break;
            bad++;
        }
        if (out) memcpy(out + size, "%EF%BF%BD", 9);
        size += 9;
        text = tracei_piece(text.data + bad, text.size - bad);
    }
    return size;
}

static TRACEI_NOINLINE size_t tracei_percent_recode(char *out, trace_string text) {
    char decoded[TRACEI_BAGGAGE_BYTES];
    const size_t size = tracei_percent_decode(decoded, sizeof decoded, text);
    return tracei_percent_encode_utf8(out, tracei_piece(decoded, size < sizeof decoded ? size : sizeof decoded));
}

/* Baggage ---- */

typedef struct tracei_member {
    trace_string key, value, metadata;        /* as received, trimmed; the text must be at most TRACEI_BAGGAGE_BYTES */
    size_t size;                  /* as it will be written */
    bool is_jaeger;               /* from a header of its own, without metadata: W3C's member of the same key is better */
} tracei_member;

static size_t tracei_value_write(char *out, trace_string value) {
    if (tracei_span_of(value, TRACEI_CHAR_OCTET) < value.size || (value.size && memchr(value.data, '%', value.size)))
        return tracei_percent_recode(out, value);
    if (out && value.size) memcpy(out, value.data, value.size);
    return value.size;
}

/* ";property" or nothing when it is not one. Values keep their own coding: metadata is the sender's business. */
static size_t tracei_property_write(char *out, trace_string property) {
    trace_string value, key = tracei_piece_trim(tracei_piece_cut(property, '=', &value));
    size_t size, i;
    if (!tracei_is_token(key)) return 0;
    if (out) out[0] = ';', memcpy(out + 1, key.data, key.size);
    size = key.size + 1;
    if (!value.data) return size;
    if (out) out[size] = '=';
    size++;
    value = tracei_piece_trim(value);
    for (i = 0; i < value.size; i++) {
        if (value.data[i] == '%') {
            if (out) out[size] = '%';
            size++;
        } else {
            size += tracei_percent_encode(out ? out + size : NULL, tracei_piece(value.data + i, 1));
        }
    }
    return size;
}

static size_t tracei_member_write(char *out, const tracei_member *member) {
    size_t size = member->key.size + 1;
    trace_string rest = member->metadata;
    if (out) memcpy(out, member->key.data, member->key.size), out[member->key.size] = '=';
    size += tracei_value_write(out ? out + size : NULL, member->value);
    while (rest.data) {
        const trace_string property = tracei_piece_cut(rest, ';', &rest);
        size += tracei_property_write(out ? out + size : NULL, property);
    }
    return size;
}

/* key OWS = OWS value *(OWS ; OWS property) */
static bool tracei_member_read(tracei_member *out, trace_string text) {
    trace_string value;
    out->key = tracei_piece_trim(tracei_piece_cut(text, '=', &value));
    if (!value.data || !tracei_is_baggage_key(out->key)) return false;
    out->value = tracei_piece_trim(tracei_piece_cut(value, ';', &out->metadata));
    out->is_jaeger = false;
    return !tracei_has_control(value);
}

/* The same of canonical text, which needs no checks. False at the end. */
static bool tracei_member_next(trace_string *rest, tracei_member *out) {
    trace_string text, value;
    if (!rest->size) return false;
    text = tracei_piece_cut(*rest, ',', rest);
    out->size = text.size;
    out->key = tracei_piece_cut(text, '=', &value);
    out->value = tracei_piece_cut(value, ';', &out->metadata);
    return true;
}

/* Reading ---- */

typedef struct tracei_reader {
    uint32_t propagators;         /* as tracei_propagators */
    uint32_t wanted;              /* a bit for each field */
    bool wants_jaeger_baggage;
    bool state_is_bad;
    uint32_t traceparents, state_count, member_count;
    size_t state_size;            /* each member with a comma */
    size_t baggage_left;          /* of the budget, likewise */
    size_t baggage_size;
    trace_string first[TRACEI_FIELD_COUNT];   /* the first value of each field; data == NULL: none */
    trace_string state[TRACEI_STATE_MEMBERS]; /* not cleared: only what is counted is there */
    tracei_member members[TRACEI_BAGGAGE_MEMBERS];
} tracei_reader;

static void tracei_reader_start(tracei_reader *reader, uint32_t propagators) {
    uint32_t set = 0, field;
    memset(reader, 0, offsetof(tracei_reader, state));
    reader->propagators = propagators;
    reader->baggage_left = TRACEI_BAGGAGE_BYTES + 1;
    for (; propagators; propagators >>= 4) set |= 1u << (propagators & 15);
    for (field = 0; field < TRACEI_FIELD_COUNT; field++)
        if (tracei_fields[field].propagators & set) reader->wanted |= 1u << field;
    reader->wants_jaeger_baggage = (set >> TRACEI_PROPAGATOR_JAEGER & 1) != 0;
}

static void tracei_reader_start_default(tracei_reader *reader) {
    tracei_propagation_begin();
    tracei_reader_start(reader, TRACEI_LOAD(&tracei_propagators));
}

/* W3C Trace Context level 2, 3.3.1.3: one bad member costs the whole list (the harness insists). */
static bool tracei_state_member_is_valid(trace_string member) {
    trace_string value;
    const trace_string key = tracei_piece_cut(member, '=', &value);
    if (key.size < 1 || key.size > 256 || value.size < 1 || value.size > 256) return false;
    if (tracei_span_of(key, TRACEI_CHAR_STATE_KEY) < key.size || strchr("_-*/@", key.data[0])) return false;
    return tracei_span_of(value, TRACEI_CHAR_STATE_VALUE) == value.size;
}

static void tracei_reader_state(tracei_reader *reader, trace_string text) {
    while (text.size && !reader->state_is_bad) {
        trace_string member;
        if (text.data[0] == ',' || tracei_is_ows(text.data[0])) {
            text = tracei_piece(text.data + 1, text.size - 1);
            continue;
        }
        member = tracei_piece_trim(tracei_piece_cut(text, ',', &text));
        if (reader->state_count == TRACEI_STATE_MEMBERS || !tracei_state_member_is_valid(member)) {
            reader->state_is_bad = true;
        } else {
            reader->state[reader->state_count++] = member;
        }
    }
}

/* The newest value for a key wins. What does not fit is left out whole. */
static void tracei_reader_member(tracei_reader *reader, tracei_member *member) {
    uint32_t i = 0;
    size_t replaced = 0;
    while (i < reader->member_count && !tracei_piece_equal(reader->members[i].key, member->key)) i++;
    if (i == TRACEI_BAGGAGE_MEMBERS) return;
    if (i < reader->member_count) {
        if (member->is_jaeger && !reader->members[i].is_jaeger) return;
        replaced = reader->members[i].size + 1;
    }
    member->size = tracei_member_write(NULL, member);
    if (reader->baggage_size - replaced + member->size + 1 > TRACEI_BAGGAGE_BYTES + 1) return;
    reader->baggage_size += member->size + 1 - replaced;
    reader->members[i] = *member;
    if (i == reader->member_count) reader->member_count++;
}

static void tracei_reader_baggage(tracei_reader *reader, trace_string text) {
    while (text.size && reader->baggage_left) {
        tracei_member member;
        const trace_string part = tracei_piece_cut(text, ',', &text);
        if (part.size + 1 > reader->baggage_left) continue;
        reader->baggage_left -= part.size + 1;
        if (tracei_member_read(&member, part)) tracei_reader_member(reader, &member);
    }
}

static void tracei_reader_jaeger_baggage(tracei_reader *reader, trace_string key, trace_string value) {
    tracei_member member;
    member.key = key;
    member.value = value;
    member.metadata = tracei_piece(NULL, 0);
    member.is_jaeger = true;
    if (key.size > TRACEI_JAEGER_KEY_MAX || value.size > TRACEI_BAGGAGE_BYTES) return;
    if (key.size + value.size + 2 > reader->baggage_left) return;
    reader->baggage_left -= key.size + value.size + 2;
    if (tracei_is_baggage_key(key) && !tracei_has_control(value)) tracei_reader_member(reader, &member);
}

static void tracei_reader_field(tracei_reader *reader, uint32_t field, trace_string value) {
    value = tracei_piece_trim(value);
    if (!value.data) value.data = "";
    if (field == TRACEI_FIELD_TRACESTATE) {
        tracei_reader_state(reader, value);
    } else if (field == TRACEI_FIELD_BAGGAGE) {
        tracei_reader_baggage(reader, value);
    } else {
        if (field == TRACEI_FIELD_TRACEPARENT && reader->traceparents < 2) reader->traceparents++;
        if (!reader->first[field].data) reader->first[field] = value;
    }
}

static bool tracei_is_jaeger_key(trace_string name) {
    return name.size > TRACEI_JAEGER_PREFIX_SIZE && tracei_name_equal(name.data, TRACEI_JAEGER_PREFIX, TRACEI_JAEGER_PREFIX_SIZE);
}

static void tracei_reader_header(tracei_reader *reader, trace_string name, trace_string value) {
    uint32_t field;
    if (!name.data || name.size < 2) return;
    if (!value.data) value.size = 0;
    for (field = 0; field < TRACEI_FIELD_COUNT; field++) {
        if (tracei_fields[field].size != name.size || !(reader->wanted >> field & 1)) continue;
        if (!tracei_name_equal(name.data, tracei_fields[field].name, name.size)) continue;
        tracei_reader_field(reader, field, value);
        return;
    }
    if (reader->wants_jaeger_baggage && tracei_is_jaeger_key(name))
        tracei_reader_jaeger_baggage(reader,
                                     tracei_piece(name.data + TRACEI_JAEGER_PREFIX_SIZE, name.size - TRACEI_JAEGER_PREFIX_SIZE),
                                     tracei_piece_trim(value));
}

/* Formats ---- */

/* W3C Trace Context level 2, 3.2. */
static bool tracei_traceparent_read(trace_context *out, trace_string text) {
    trace_context found = tracei_context_none();
    uint8_t version, flags;
    if (text.size < 55 || text.data[2] != '-' || text.data[35] != '-' || text.data[52] != '-') return false;
    if (!tracei_hex_read(&version, 1, text.data) || version == 0xff) return false;
    if (text.size > 55 && (version == 0 || text.data[55] != '-')) return false;
    if (!tracei_hex_read(found.trace_id, 16, text.data + 3) || !tracei_hex_read(found.span_id, 8, text.data + 36)) return false;
    if (!tracei_hex_read(&flags, 1, text.data + 53)) return false;
    found.flags = flags & (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    return tracei_context_accept(out, &found);
}

static bool tracei_b3_ids(trace_context *found, trace_string trace, trace_string span) {
    if ((trace.size != 32 && trace.size != 16) || span.size != 16) return false;
    memset(found->trace_id, 0, 8);
    return tracei_hex_read(found->trace_id + (trace.size == 16 ? 8 : 0), trace.size / 2, trace.data) &&
           tracei_hex_read(found->span_id, 8, span.data);
}

static void tracei_b3_decide(trace_context *found, bool *debug, char decision) {
    if (decision == 'd') *debug = true;
    if (decision == 'd' || decision == '1') found->flags |= TRACE_FLAG_SAMPLED;
    if (!decision) found->reserved |= TRACEI_CONTEXT_DEFERRED;
}

/* {trace}-{span}[-{0|1|d}][-{parent}], or the decision alone */
static bool tracei_b3_single_read(trace_context *out, bool *debug, trace_string text) {
    trace_context found = tracei_context_none();
    trace_string rest, trace = tracei_piece_cut(text, '-', &rest), span = tracei_piece_cut(rest, '-', &rest);
    trace_string decision = tracei_piece(NULL, 0);
    uint8_t parent[8];
    bool is_debug = false;
    if (text.size == 1 && text.data[0] == 'd') *debug = true;
    if (!tracei_b3_ids(&found, trace, span)) return false;
    if (rest.data && rest.size != 16) decision = tracei_piece_cut(rest, '-', &rest);
    if (decision.data && (decision.size != 1 || !strchr("01d", decision.data[0]))) return false;
    if (rest.data && (rest.size != 16 || !tracei_hex_read(parent, 8, rest.data))) return false;
    tracei_b3_decide(&found, &is_debug, decision.data ? decision.data[0] : '\0');
    if (!tracei_context_accept(out, &found)) return false;
    *debug = is_debug;
    return true;
}

static bool tracei_b3_multi_read(trace_context *out, bool *debug, const trace_string *first) {
    trace_context found = tracei_context_none();
    const trace_string sampled = first[TRACEI_FIELD_B3_SAMPLED], flags = first[TRACEI_FIELD_B3_FLAGS];
    char decision = '\0';
    bool is_debug = false;
    if (sampled.size == 1 && (sampled.data[0] == '0' || sampled.data[0] == '1')) decision = sampled.data[0];
    if (sampled.size == 4 && tracei_name_equal(sampled.data, "true", 4)) decision = '1';
    if (sampled.size == 5 && tracei_name_equal(sampled.data, "false", 5)) decision = '0';
    if (flags.size == 1 && flags.data[0] == '1') decision = 'd';
    if (decision == 'd') *debug = true;
    if (!tracei_b3_ids(&found, first[TRACEI_FIELD_B3_TRACE], first[TRACEI_FIELD_B3_SPAN])) return false;
    tracei_b3_decide(&found, &is_debug, decision);
    if (!tracei_context_accept(out, &found)) return false;
    *debug = is_debug;
    return true;
}

/* {trace}:{span}:{parent}:{flags}; the colons may be percent-encoded, the parent is ignored */
static bool tracei_jaeger_read(trace_context *out, bool *debug, trace_string text) {
    trace_context found = tracei_context_none();
    trace_string part[4], rest;
    char decoded[96];
    uint8_t flags, parent[8];
    uint32_t i;
    if (text.size > sizeof decoded) return false;
    rest = tracei_piece(decoded, tracei_percent_decode(decoded, sizeof decoded, text));
    for (i = 0; i < 4; i++) part[i] = tracei_piece_cut(rest, ':', &rest);
    if (rest.data || !tracei_hex_read_short(found.trace_id, 16, part[0]) || !tracei_hex_read_short(found.span_id, 8, part[1]))
        return false;
    if (part[2].size && !tracei_hex_read_short(parent, 8, part[2])) return false;
    if (!tracei_hex_read_short(&flags, 1, part[3])) return false;
    if (flags & 3) found.flags = TRACE_FLAG_SAMPLED;
    if (!tracei_context_accept(out, &found)) return false;
    *debug = (flags & 2) != 0;
    return true;
}

static bool tracei_xray_root_read(uint8_t *trace_id, trace_string text) {
    char digits[32];
    if (text.size != 35 || text.data[0] != '1' || text.data[1] != '-' || text.data[10] != '-') return false;
    memcpy(digits, text.data + 2, 8);
    memcpy(digits + 8, text.data + 11, 24);
    return tracei_hex_read_short(trace_id, 16, tracei_piece(digits, 32));
}

/* Root=1-{8}-{24};Parent={16};Sampled={0|1|?}, in any order, with fields that are not ours among them */
static bool tracei_xray_read(trace_context *out, trace_string text) {
    trace_context found = tracei_context_none();
    char sampled = '?';
    while (text.data) {
        trace_string value;
        const trace_string part = tracei_piece_cut(text, ';', &text);
        const trace_string key = tracei_piece_trim(tracei_piece_cut(part, '=', &value));
        value = tracei_piece_trim(value);
        if (tracei_piece_equal(key, tracei_piece("Root", 4))) {
            if (!tracei_xray_root_read(found.trace_id, value)) return false;
        } else if (tracei_piece_equal(key, tracei_piece("Parent", 6))) {
            if (value.size != 16 || !tracei_hex_read_short(found.span_id, 8, value)) return false;
        } else if (tracei_piece_equal(key, tracei_piece("Sampled", 7))) {
            if (value.size != 1 || (value.data[0] != '0' && value.data[0] != '1' && value.data[0] != '?')) return false;
            sampled = value.data[0];
        }
    }
    if (sampled == '1') found.flags = TRACE_FLAG_SAMPLED;
    if (sampled == '?') found.reserved |= TRACEI_CONTEXT_DEFERRED;
    return tracei_context_accept(out, &found);
}

/* Members of one key beyond the first are left out: the leftmost is the newest. */
static size_t tracei_reader_write_state(const tracei_reader *reader, char *out) {
    size_t size = 0;
    uint32_t i, earlier;
    for (i = 0; i < reader->state_count; i++) {
        const trace_string member = reader->state[i];
        trace_string ignored;
        const trace_string key = tracei_piece_cut(member, '=', &ignored);
        for (earlier = 0; earlier < i; earlier++)
            if (tracei_piece_equal(key, tracei_piece_cut(reader->state[earlier], '=', &ignored))) break;
        if (earlier < i) continue;
        if (out) {
            if (size) out[size] = ',';
            memcpy(out + size + (size ? 1 : 0), member.data, member.size);
        }
        size += member.size + (size ? 1 : 0);
    }
    return size;
}

static void tracei_reader_write_baggage(const tracei_reader *reader, char *out) {
    uint32_t i;
    for (i = 0; i < reader->member_count; i++) {
        if (i) *out++ = ',';
        out += tracei_member_write(out, &reader->members[i]);
    }
}

/* The reader's members become the entry of the context; a full table leaves the ids. */
static void tracei_reader_keep(const tracei_reader *reader, bool with_state, bool debug, trace_context *context) {
    const size_t state_size = with_state ? tracei_reader_write_state(reader, NULL) : 0;
    const size_t baggage_size = reader->member_count ? reader->baggage_size - 1 : 0;
    char *data;
    if (!state_size && !baggage_size && !debug) return;
    data = tracei_entry_reserve(state_size + baggage_size, &context->entry);
    if (!data) return;
    if (state_size) (void)tracei_reader_write_state(reader, data);
    tracei_reader_write_baggage(reader, data + state_size);
    context->entry_generation = tracei_entry_publish(context->entry, state_size, baggage_size, debug);
    tracei_entry_unpin(context->entry);
}

static bool tracei_reader_context(const tracei_reader *reader, uint32_t propagator, trace_context *out, bool *debug) {
    const trace_string *const first = reader->first;
    switch (propagator) {
    case TRACEI_PROPAGATOR_TRACECONTEXT:
        return reader->traceparents == 1 && tracei_traceparent_read(out, first[TRACEI_FIELD_TRACEPARENT]);
    case TRACEI_PROPAGATOR_B3:
    case TRACEI_PROPAGATOR_B3MULTI:
        return tracei_b3_single_read(out, debug, first[TRACEI_FIELD_B3]) || tracei_b3_multi_read(out, debug, first);
    case TRACEI_PROPAGATOR_JAEGER:
        return tracei_jaeger_read(out, debug, first[TRACEI_FIELD_JAEGER]);
    case TRACEI_PROPAGATOR_XRAY:
        return tracei_xray_read(out, first[TRACEI_FIELD_XRAY]);
    default:
        return false;
    }
}

/* Two propagators that found the same ids describe one caller: what only one of them can say stays. */
static trace_context tracei_reader_finish(const tracei_reader *reader) {
    trace_context context = tracei_context_none();
    uint32_t set;
    bool with_state = false, debug = false;
    for (set = reader->propagators; set; set >>= 4) {
        trace_context found = tracei_context_none();
        bool found_debug = false;
        const bool is_valid = tracei_reader_context(reader, set & 15, &found, &found_debug);
        if (!is_valid) {
            if (found_debug && !context.is_remote) debug = true;    /* B3's "d" without ids: the root started here is meant */
            continue;
        }
        if (memcmp(context.trace_id, found.trace_id, 16) == 0 && memcmp(context.span_id, found.span_id, 8) == 0) {
            found_debug = found_debug || debug;
            if (found.reserved & TRACEI_CONTEXT_DEFERRED) found = context;
            found.flags = (uint8_t)(found.flags | (context.flags & TRACE_FLAG_RANDOM));
        } else {
            with_state = false;
        }
        if ((set & 15) == TRACEI_PROPAGATOR_TRACECONTEXT) with_state = !reader->state_is_bad;
        context = found;
        debug = found_debug;
    }
    tracei_reader_keep(reader, with_state, debug, &context);
    return context;
}

/* Carriers ---- */

static TRACEI_NOINLINE void tracei_reader_jaeger_keys(tracei_reader *reader, const trace_carrier *carrier) {
    trace_string keys[TRACEI_CARRIER_KEYS], value;
    size_t count = carrier->keys(carrier->user, keys, TRACEI_CARRIER_KEYS), i;
    if (count > TRACEI_CARRIER_KEYS) count = TRACEI_CARRIER_KEYS;
    for (i = 0; i < count; i++) {
        if (!keys[i].data || !tracei_is_jaeger_key(keys[i])) continue;
        value = tracei_piece(NULL, 0);
        if (carrier->get_all(carrier->user, keys[i], &value, 1)) tracei_reader_header(reader, keys[i], value);
    }
}

TRACE_API trace_context trace_extract(const trace_carrier *carrier) {
    tracei_reader reader;
    trace_string values[TRACEI_BAGGAGE_MEMBERS];
    uint32_t field;
    if (!carrier || !carrier->get_all) return tracei_context_none();
    tracei_reader_start_default(&reader);
    for (field = 0; field < TRACEI_FIELD_COUNT; field++) {
        size_t count, i;
        if (!(reader.wanted >> field & 1)) continue;
        count = carrier->get_all(carrier->user, tracei_piece(tracei_fields[field].name, tracei_fields[field].size), values,
                                 TRACEI_BAGGAGE_MEMBERS);
        if (count > TRACEI_BAGGAGE_MEMBERS) {
            count = TRACEI_BAGGAGE_MEMBERS;
            if (field == TRACEI_FIELD_TRACESTATE) reader.state_is_bad = true;   /* more lines than members allowed */
        }
        for (i = 0; i < count; i++)
            tracei_reader_field(&reader, field, tracei_piece(values[i].data, values[i].data ? values[i].size : 0));
    }
    if (reader.wants_jaeger_baggage && carrier->keys) tracei_reader_jaeger_keys(&reader, carrier);
    return tracei_reader_finish(&reader);
}

TRACE_API trace_context trace_extract_headers(const trace_header *headers, size_t count) {
    tracei_reader reader;
    size_t i;
    if (!headers) return tracei_context_none();
    tracei_reader_start_default(&reader);
    for (i = 0; i < count; i++) tracei_reader_header(&reader, headers[i].name, headers[i].value);
    return tracei_reader_finish(&reader);
}

/* One line without its end, and what follows. A line that begins with white space goes on the one before (obs-fold): both are
   one value then, with a line break inside, which no grammar of ours allows. */
static trace_string tracei_line_cut(trace_string text, trace_string *rest) {
    const char *const start = text.data;
    trace_string line = tracei_piece_cut(text, '\n', rest);
    while (line.size && line.data[0] != '\r' && rest->size && tracei_is_ows(rest->data[0])) {
        const trace_string folded = tracei_piece_cut(*rest, '\n', rest);
        line = tracei_piece(start, (size_t)(folded.data + folded.size - start));
    }
    if (line.size && line.data[line.size - 1] == '\r') line.size--;
    return line;
}

TRACE_API trace_context trace_extract_raw(const char *bytes, size_t size) {
    tracei_reader reader;
    trace_string text = tracei_piece(bytes, size);
    if (!bytes) return tracei_context_none();
    tracei_reader_start_default(&reader);
    while (text.size) {
        const trace_string line = tracei_line_cut(text, &text);
        trace_string value;
        const trace_string name = tracei_piece_cut(line, ':', &value);
        if (!line.size) break;
        if (value.data) tracei_reader_header(&reader, name, value);
    }
    return tracei_reader_finish(&reader);
}

/* The name of a field as the environment carrier spells it: upper case, '_' for what is neither letter nor digit. */
static void tracei_field_variable(char *out, const char *name) {
    for (; *name; name++, out++) {
        const char c = *name;
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        *out = c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : plain ? c : '_';
    }
    *out = '\0';
}

TRACE_API trace_context trace_extract_environment(void) {
    tracei_reader reader;
    uint32_t field;
    tracei_reader_start_default(&reader);
    for (field = 0; field < TRACEI_FIELD_COUNT; field++) {
        char name[20];
        const char *value;
        if (!(reader.wanted >> field & 1)) continue;
        tracei_field_variable(name, tracei_fields[field].name);
        value = tracei_getenv(name);
        if (value) tracei_reader_field(&reader, field, tracei_piece_of(value));
    }
    return tracei_reader_finish(&reader);
}

TRACE_API bool trace_context_parse(trace_context *out, const char *traceparent, const char *tracestate) {
    tracei_reader reader;
    trace_context context;
    tracei_propagation_begin();
    tracei_reader_start(&reader, TRACEI_PROPAGATOR_TRACECONTEXT);
    if (traceparent) tracei_reader_field(&reader, TRACEI_FIELD_TRACEPARENT, tracei_piece_of(traceparent));
    if (tracestate) tracei_reader_field(&reader, TRACEI_FIELD_TRACESTATE, tracei_piece_of(tracestate));
    context = tracei_reader_finish(&reader);
    if (out) *out = context;
    return tracei_has_ids(&context);
}

/* Writing ---- */

static char *tracei_traceparent_write(char *at, const trace_context *context) {
    const uint8_t flags = context->flags & (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
    *at++ = '0', *at++ = '0', *at++ = '-';
    at = tracei_put_hex(at, context->trace_id, 16);
    *at++ = '-';
    at = tracei_put_hex(at, context->span_id, 8);
    *at++ = '-';
    return tracei_put_hex(at, &flags, 1);
}

TRACE_API void trace_context_format(trace_context context, char traceparent[56]) {
    if (!traceparent) return;
    context = tracei_resolve(context);
    *tracei_traceparent_write(traceparent, &context) = '\0';
}

TRACE_API bool trace_context_is_valid(trace_context context) {
    return tracei_has_ids(&context);
}

TRACE_API const char *trace_id_string(trace_context context, char out[33]) {
    if (!out) return "";
    context = tracei_resolve(context);
    *tracei_put_hex(out, context.trace_id, 16) = '\0';
    return out;
}

TRACE_API const char *trace_span_id_string(trace_context context, char out[17]) {
    if (!out) return "";
    context = tracei_resolve(context);
    *tracei_put_hex(out, context.span_id, 8) = '\0';
    return out;
}

/* Where headers go: to a carrier, or as lines into a buffer, whole lines only. */
typedef struct tracei_writer {
    const trace_carrier *carrier;
    char *buffer;
    size_t capacity;
    size_t written;
    size_t needed;
} tracei_writer;

static void tracei_writer_add(tracei_writer *writer, trace_string name, trace_string value) {
    const size_t size = name.size + value.size + 4;
    char *at;
    if (writer->carrier) {
        writer->carrier->set(writer->carrier->user, name, value);
        return;
    }
    if (writer->written == writer->needed && writer->needed + size < writer->capacity) {
        at = writer->buffer + writer->written;
        memcpy(at, name.data, name.size);
        memcpy(at + name.size, ": ", 2);
        memcpy(at + name.size + 2, value.data, value.size);
        memcpy(at + size - 2, "\r\n", 2);
        writer->written += size;
    }
    writer->needed += size;
}

static void tracei_writer_field(tracei_writer *writer, tracei_field field, const char *value, const char *end) {
    tracei_writer_add(writer, tracei_piece(tracei_fields[field].name, tracei_fields[field].size),
                      tracei_piece(value, (size_t)(end - value)));
}

static void tracei_inject_b3(tracei_writer *writer, const trace_context *context, bool debug) {
    char text[64], *at = tracei_put_hex(text, context->trace_id, 16);
    *at++ = '-';
    at = tracei_put_hex(at, context->span_id, 8);
    if (debug || !(context->reserved & TRACEI_CONTEXT_DEFERRED)) {
        *at++ = '-';
        *at++ = debug ? 'd' : (context->flags & TRACE_FLAG_SAMPLED) ? '1' : '0';
    }
    tracei_writer_field(writer, TRACEI_FIELD_B3, text, at);
}

static void tracei_inject_b3_multi(tracei_writer *writer, const trace_context *context, bool debug) {
    char text[32];
    tracei_writer_field(writer, TRACEI_FIELD_B3_TRACE, text, tracei_put_hex(text, context->trace_id, 16));
    tracei_writer_field(writer, TRACEI_FIELD_B3_SPAN, text, tracei_put_hex(text, context->span_id, 8));
    text[0] = debug || (context->flags & TRACE_FLAG_SAMPLED) ? '1' : '0';
    if (debug)
        tracei_writer_field(writer, TRACEI_FIELD_B3_FLAGS, text, text + 1);
    else if (!(context->reserved & TRACEI_CONTEXT_DEFERRED))
        tracei_writer_field(writer, TRACEI_FIELD_B3_SAMPLED, text, text + 1);
}

static void tracei_inject_jaeger(tracei_writer *writer, const trace_context *context, bool debug) {
    char text[64], *at = tracei_put_hex(text, context->trace_id, 16);
    *at++ = ':';
    at = tracei_put_hex(at, context->span_id, 8);
    memcpy(at, ":0:0", 4);
    at[4] = debug ? '3' : (context->flags & TRACE_FLAG_SAMPLED) ? '1' : '0';
    tracei_writer_field(writer, TRACEI_FIELD_JAEGER, text, at + 5);
}

static void tracei_inject_jaeger_baggage(tracei_writer *writer, trace_string baggage) {
    char name[TRACEI_JAEGER_PREFIX_SIZE + TRACEI_JAEGER_KEY_MAX];
    tracei_member member;
    memcpy(name, TRACEI_JAEGER_PREFIX, TRACEI_JAEGER_PREFIX_SIZE);
    while (tracei_member_next(&baggage, &member)) {
        if (member.key.size > TRACEI_JAEGER_KEY_MAX) continue;
        memcpy(name + TRACEI_JAEGER_PREFIX_SIZE, member.key.data, member.key.size);
        tracei_writer_add(writer, tracei_piece(name, TRACEI_JAEGER_PREFIX_SIZE + member.key.size), member.value);
    }
}

static void tracei_inject_xray(tracei_writer *writer, const trace_context *context) {
    char text[96], *at = text;
    memcpy(at, "Root=1-", 7);
    at = tracei_put_hex(at + 7, context->trace_id, 4);
    *at++ = '-';
    at = tracei_put_hex(at, context->trace_id + 4, 12);
    memcpy(at, ";Parent=", 8);
    at = tracei_put_hex(at + 8, context->span_id, 8);
    memcpy(at, ";Sampled=", 9);
    at[9] = (context->reserved & TRACEI_CONTEXT_DEFERRED) ? '?' : (context->flags & TRACE_FLAG_SAMPLED) ? '1' : '0';
    tracei_writer_field(writer, TRACEI_FIELD_XRAY, text, at + 10);
}

static void tracei_inject_w3c(tracei_writer *writer, const trace_context *context, trace_string state) {
    char text[56];
    tracei_writer_field(writer, TRACEI_FIELD_TRACEPARENT, text, tracei_traceparent_write(text, context));
    if (state.size) tracei_writer_field(writer, TRACEI_FIELD_TRACESTATE, state.data, state.data + state.size);
}

static void tracei_inject_all(tracei_writer *writer, const trace_context *context, trace_string baggage) {
    const uint32_t entry = context->entry;
    const bool valid = tracei_has_ids(context), debug = valid && tracei_entry_debug(entry);
    uint32_t set;
    for (set = TRACEI_LOAD(&tracei_propagators); set; set >>= 4) {
        const uint32_t propagator = set & 15;
        if (propagator == TRACEI_PROPAGATOR_BAGGAGE && baggage.size)
            tracei_writer_field(writer, TRACEI_FIELD_BAGGAGE, baggage.data, baggage.data + baggage.size);
        if (valid && propagator == TRACEI_PROPAGATOR_TRACECONTEXT) tracei_inject_w3c(writer, context, tracei_entry_state(entry));
        if (valid && propagator == TRACEI_PROPAGATOR_B3) tracei_inject_b3(writer, context, debug);
        if (valid && propagator == TRACEI_PROPAGATOR_B3MULTI) tracei_inject_b3_multi(writer, context, debug);
        if (valid && propagator == TRACEI_PROPAGATOR_JAEGER) tracei_inject_jaeger(writer, context, debug);
        if (valid && propagator == TRACEI_PROPAGATOR_XRAY) tracei_inject_xray(writer, context);
        if (propagator == TRACEI_PROPAGATOR_JAEGER) tracei_inject_jaeger_baggage(writer, baggage);
    }
}

/* Encoded control characters are harmless here, but the next hop may decode them into a header of its own: a space instead. */
static TRACEI_NOINLINE void tracei_inject_cleaned(tracei_writer *writer, const trace_context *context, trace_string baggage) {
    char cleaned[TRACEI_BAGGAGE_BYTES];
    size_t i;
    for (i = 0; i < baggage.size; i++) {
        char c = baggage.data[i];
        cleaned[i] = c;
        if (c != '%' || !tracei_percent_at(baggage, i, &c) || !tracei_is_control(c)) continue;
        memcpy(cleaned + i, "%20", 3);
        i += 2;
    }
    tracei_inject_all(writer, context, tracei_piece(cleaned, baggage.size));
}

static void tracei_inject_to(tracei_writer *writer, trace_context context) {
    trace_string baggage;
    tracei_propagation_begin();
    context = tracei_resolve(context);
    if (!tracei_entry_pin(context.entry, context.entry_generation)) context.entry = 0;
    baggage = tracei_entry_baggage(context.entry);
    if (tracei_has_control(baggage))
        tracei_inject_cleaned(writer, &context, baggage);
    else
        tracei_inject_all(writer, &context, baggage);
    tracei_entry_unpin(context.entry);
}

TRACE_API void trace_inject(trace_context context, const trace_carrier *carrier) {
    tracei_writer writer = {NULL, NULL, 0, 0, 0};
    writer.carrier = carrier;
    if (carrier && carrier->set) tracei_inject_to(&writer, context);
}

TRACE_API size_t trace_inject_raw(trace_context context, char *buffer, size_t size) {
    tracei_writer writer = {NULL, NULL, 0, 0, 0};
    writer.buffer = buffer;
    writer.capacity = buffer ? size : 0;
    tracei_inject_to(&writer, context);
    if (writer.capacity) buffer[writer.written] = '\0';
    return writer.needed;
}

/* Entries ---- */

TRACE_API void trace_context_hold(trace_context context) {
    tracei_propagation_begin();
    context = tracei_resolve(context);
    tracei_entry_hold(context.entry, context.entry_generation);
}

TRACE_API void trace_context_release(trace_context context) {
    tracei_propagation_begin();
    context = tracei_resolve(context);
    tracei_entry_release(context.entry, context.entry_generation);
}

/* Like snprintf. */
static size_t tracei_copy_out(trace_string text, char *buffer, size_t size) {
    const size_t copied = !size ? 0 : text.size < size ? text.size : size - 1;
    if (!buffer || !size) return text.size;
    if (copied) memcpy(buffer, text.data, copied);
    buffer[copied] = '\0';
    return text.size;
}

TRACE_API size_t trace_state_get(trace_context context, char *buffer, size_t size) {
    size_t needed;
    tracei_propagation_begin();
    context = tracei_resolve(context);
    if (!tracei_entry_pin(context.entry, context.entry_generation)) context.entry = 0;
    needed = tracei_copy_out(tracei_entry_state(context.entry), buffer, size);
    tracei_entry_unpin(context.entry);
    return needed;
}

/* Every member, its value decoded: a start's, so that no more than the stack is used. */
static void tracei_baggage_each(trace_string baggage, void (*fn)(void *user, trace_string key, trace_string value), void *user) {
    char decoded[1024];
    tracei_member member;
    while (tracei_member_next(&baggage, &member)) {
        const size_t size = tracei_percent_decode(decoded, sizeof decoded, member.value);
        fn(user, member.key, tracei_piece(decoded, tracei_utf8_cut(decoded, size < sizeof decoded ? size : sizeof decoded,
                                                                   size < sizeof decoded ? size : sizeof decoded - 4)));
    }
}

TRACE_API size_t trace_baggage_get(trace_context context, const char *key, char *buffer, size_t size) {
    const trace_string wanted = tracei_piece_of(key);
    trace_string baggage;
    tracei_member member;
    size_t needed = SIZE_MAX;
    if (!buffer) size = 0;
    if (size) buffer[0] = '\0';
    if (!wanted.size) return SIZE_MAX;
    tracei_propagation_begin();
    context = tracei_resolve(context);
    if (!tracei_entry_pin(context.entry, context.entry_generation)) return SIZE_MAX;
    baggage = tracei_entry_baggage(context.entry);
    while (tracei_member_next(&baggage, &member)) {
        if (!tracei_piece_equal(member.key, wanted)) continue;
        needed = tracei_percent_decode(buffer, size, member.value); /* the zero takes the place of what is cut */
        if (size) buffer[needed < size ? needed : size - 1] = '\0';
        break;
    }
    tracei_entry_unpin(context.entry);
    return needed;
}

/* The members without `key`, and how many those are. */
static size_t tracei_baggage_without(char *out, trace_string baggage, trace_string key, uint32_t *count) {
    tracei_member member;
    size_t size = 0;
    *count = 0;
    while (tracei_member_next(&baggage, &member)) {
        if (tracei_piece_equal(member.key, key)) continue;
        if (*count) {
            if (out) out[size] = ',';
            size++;
        }
        if (out) memcpy(out + size, member.key.data, member.size);
        size += member.size;
        ++*count;
    }
    return size;
}

/* A new entry with the key's member replaced, or removed when `value` is NULL. The context's own entry is pinned. */
static trace_context tracei_baggage_change(trace_context context, trace_string key, const trace_string *value) {
    const trace_string state = tracei_entry_state(context.entry), baggage = tracei_entry_baggage(context.entry);
    const bool debug = tracei_entry_debug(context.entry);
    trace_context changed = context;
    uint32_t count;
    size_t kept = tracei_baggage_without(NULL, baggage, key, &count), size = kept;
    char *data;
    if (value) size += (count ? 1 : 0) + key.size + 1 + tracei_percent_encode_utf8(NULL, *value);
    if (value && (count >= TRACEI_BAGGAGE_MEMBERS || size > TRACEI_BAGGAGE_BYTES)) {
        tracei_log(TRACE_LOG_LEVEL_WARNING, "trace_baggage_set: refused, baggage would exceed %u members or %u bytes",
                   TRACEI_BAGGAGE_MEMBERS, TRACEI_BAGGAGE_BYTES);
        return context;
    }
    if (!value && kept == baggage.size) return context;
    changed.entry = changed.entry_generation = 0;
    if (!size && !state.size && !debug) return changed;
    data = tracei_entry_reserve(state.size + size, &changed.entry);
    if (!data) return context;
    if (state.size) memcpy(data, state.data, state.size);
    (void)tracei_baggage_without(data + state.size, baggage, key, &count);
    if (value) {
        char *at = data + state.size + kept;
        if (count) *at++ = ',';
        memcpy(at, key.data, key.size);
        at[key.size] = '=';
        (void)tracei_percent_encode_utf8(at + key.size + 1, *value);
    }
    changed.entry_generation = tracei_entry_publish(changed.entry, state.size, size, debug);
    tracei_entry_unpin(changed.entry);
    return changed;
}

static trace_context tracei_baggage_update(trace_context context, const char *key, const trace_string *value) {
    const trace_string name = tracei_piece_of(key);
    trace_context changed;
    tracei_propagation_begin();
    context = tracei_resolve(context);
    if (!tracei_is_baggage_key(name) || name.size > TRACEI_BAGGAGE_BYTES ||
        (value && (!value->data || value->size > TRACEI_BAGGAGE_BYTES))) {
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "baggage key must be a token (RFC 7230) without encoded control characters, and its value text of at most %u "
                   "bytes; ignored",
                   TRACEI_BAGGAGE_BYTES);
        return context;
    }
    if (!tracei_entry_pin(context.entry, context.entry_generation)) context.entry = context.entry_generation = 0;
    changed = tracei_baggage_change(context, name, value);
    tracei_entry_unpin(context.entry);
    return changed;
}

TRACE_API trace_context trace_baggage_set(trace_context context, const char *key, const char *value) {
    const trace_string text = tracei_piece_of(value);
    return tracei_baggage_update(context, key, &text);
}

TRACE_API trace_context trace_baggage_remove(trace_context context, const char *key) {
    return tracei_baggage_update(context, key, NULL);
}

/* OTEL_PROPAGATORS ---- */

static const char *const tracei_propagator_names[] = {"none", "tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", NULL};

/* The index of the name; unknown: TRACEI_PROPAGATOR_COUNT, after saying so. */
static uint32_t tracei_propagator_find(trace_string name) {
    uint32_t i;
    for (i = 0; i < TRACEI_PROPAGATOR_COUNT; i++)
        if (strlen(tracei_propagator_names[i]) == name.size &&
            tracei_name_equal(name.data, tracei_propagator_names[i], name.size))
            return i;
    tracei_environment_bad_word("OTEL_PROPAGATORS", name, tracei_propagator_names, "");
    return i;
}

/* A comma-separated list in order, doubles dropped; NULL or empty: the default. False when a name was not understood; those
   that were are in force, and the default when there was none. */
static bool tracei_propagators_parse(const char *list) {
    trace_string rest = tracei_piece_of(list);
    uint32_t set = 0, seen = 0, shift = 0;
    bool understood = true, none = false;
    while (rest.size) {
        const trace_string name = tracei_piece_trim(tracei_piece_cut(rest, ',', &rest));
        uint32_t found;
        if (!name.size) continue;
        found = tracei_propagator_find(name);
        if (found == TRACEI_PROPAGATOR_COUNT) {
            understood = false;
        } else if (found == TRACEI_PROPAGATOR_NONE) {
            none = true;
        } else if (!(seen >> found & 1)) {
            seen |= 1u << found;
            set |= found << shift;
            shift += 4;
        }
    }
    if (set && none) tracei_log(TRACE_LOG_LEVEL_WARNING, "OTEL_PROPAGATORS: none ignored: it has a meaning only when alone");
    TRACEI_STORE(&tracei_propagators, set || none ? set : (uint32_t)TRACEI_PROPAGATORS_DEFAULT);
    return understood;
}

TRACEI_SMALL_END

/* >>pass -----------------------------------------------------------------------------------------------------------

   The consumer. One algorithm, run by the worker, by trace_pump, by flush and at exit; whoever gets tracei_pass_lock is the
   consumer until it lets go. A round takes the heads of all rings, then a pair of clocks (so no tick it meets is newer than the
   pair), drains every ring to its head, and hands the decoded spans to the exporters in batches. Exporters that want whole traces
   get theirs from the assembler. When a local root ended in a round, another round follows before its trace is judged
   complete: a child that ended before its root, in whatever ring, is then there.

   A pass may have a deadline. It is looked at after each batch, so a slow exporter overruns it by one. What is left stays where
   it is for the next pass, which goes on with it first: a round that was cut goes on to the heads it had taken, and is then as
   whole as any other; traces that are due stay due.

   What the ledgers are made of: producers count in their units, 32 bits wide, one writer each. tracei_ledger_lock protects the
   64-bit totals those are widened into, and what the consumer counts itself. It is held for a few additions, never over a
   call. */

#if TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_BATCH_SPANS 4u
#define TRACEI_VIEWS_MIN 2048u
#define TRACEI_VIEWS_KEPT 8192u
#define TRACEI_TRACE_BYTES_DEFAULT 8192u
#define TRACEI_TRACE_BYTES_MIN 1024u
#else
#define TRACEI_BATCH_SPANS 256u
#define TRACEI_VIEWS_MIN 65536u
#define TRACEI_VIEWS_KEPT (1u << 20)
#define TRACEI_TRACE_BYTES_DEFAULT (16u << 20)
#define TRACEI_TRACE_BYTES_MIN 65536u
#endif
#define TRACEI_BLOCKED_NS 1000000000u       /* an export_fn that takes so long is complained of */
#define TRACEI_FLUSH_SLICE_NS 20000000u     /* how long one exporter's flush may keep the pass waiting */

/* Memory for decoded views; reset after each batch. */
typedef struct tracei_arena_view {
    unsigned char *memory;
    size_t size, used;
} tracei_arena_view;

typedef struct tracei_running {   /* an exporter at work */
    trace_exporter exporter;
    trace_exporter_stats stats;   /* kept by the core when there is no stats_fn */
} tracei_running;

typedef struct tracei_totals {
    uint64_t counts[TRACEI_COUNTS];
    uint64_t consumed, held, exported, sampled_out;
    uint64_t dropped[TRACE_DROP_COUNT];     /* by the consumer */
} tracei_totals;

static uint32_t tracei_pass_lock;
static uint32_t tracei_pass_wanted;         /* how many wait for it */
static uint32_t tracei_ledger_lock;
static tracei_totals tracei_total;
static tracei_running tracei_exporters[TRACE_EXPORTERS_MAX];
static uint32_t tracei_exporter_count;
static uint32_t tracei_exporters_shut;      /* bits: whose shutdown_fn was called; under the pass */
static const char *tracei_exporting;        /* the name of the one that is at work; NULL: none */
static const char *tracei_exporting_in;     /* which of its functions */
static uint32_t tracei_exporting_since;     /* 2^20 ns */
static uint32_t tracei_whole_trace_count;   /* of those, how many want whole traces */
static bool tracei_assembling;              /* some do, or traces are judged by their tail */
static trace_tail_sampling tracei_tail;     /* under the pass */
static tracei_arena_view tracei_views;
static tracei_timeline tracei_times;
static uint64_t tracei_round_number;
static uint64_t tracei_pass_mono;           /* of this round's clock pair */
static uint64_t tracei_pass_deadline;       /* 0: none */
static bool tracei_pass_over;               /* it is past */
static bool tracei_round_cut;               /* rings were not drained to pass_head */
static bool tracei_pass_cut;                /* the last pass left something: in rings, or traces that are due */
static trace_span_data tracei_batch[TRACEI_BATCH_SPANS];

static bool tracei_assembler_is_full(const tracei_record *record);
static bool tracei_assembler_make_room(const tracei_record *record);
static bool tracei_assembler_add(const tracei_record *record, const unsigned char *payload, uint64_t thread_id,
                                 const char *thread_name);
static bool tracei_assembler_decide(bool everything);
static bool tracei_assembler_undecided(void);
static bool tracei_assembler_idle(void);
static bool tracei_consoles_go_on(void);
static uint32_t tracei_ending;    /* 1: exit or shutdown: what is open is told once more */
static uint32_t tracei_patience;  /* until when, in 2^20 ns | 1, a flush, shutdown or exit has time for slow readers; 0: none */
static bool tracei_consoles_wait; /* text that the reader has not taken yet, or a summary that is due: the worker stays awake */

TRACEI_SMALL_BEGIN

/* After each batch. */
static void tracei_pass_look(void) {
    if (tracei_pass_deadline && tracei_mono_ns() >= tracei_pass_deadline) tracei_pass_over = true;
}

/* --- the ledgers --- */

static void tracei_widen_unit(tracei_unit *unit) {
    uint32_t i;
    for (i = TRACEI_COUNTS; i-- > 0;) { /* terminal counters first: the sums never exceed what ended */
        const uint32_t now = TRACEI_LOAD_ACQUIRE(&unit->counts[i]);
        tracei_total.counts[i] += (uint32_t)(now - unit->seen[i]);
        unit->seen[i] = now;
    }
}

static void tracei_widen(void) {
    tracei_unit *unit;
    for (unit = TRACEI_LOAD_ACQUIRE(&tracei_units); unit; unit = unit->next) tracei_widen_unit(unit);
}

static void tracei_ledger_consumed(uint64_t spans) {
    tracei_lock(&tracei_ledger_lock);
    tracei_total.consumed += spans;
    if (tracei_exporter_count == 0)
        tracei_total.dropped[TRACE_DROP_NO_EXPORTER] += spans;
    else if (tracei_assembling)
        tracei_total.held += spans;
    else
        tracei_total.exported += spans;
    tracei_unlock(&tracei_ledger_lock);
}

static void tracei_ledger_lost(void) {
    tracei_lock(&tracei_ledger_lock);
    tracei_total.consumed++;
    tracei_total.dropped[TRACE_DROP_NO_MEMORY]++;
    tracei_unlock(&tracei_ledger_lock);
}

static void tracei_ledger_released(uint64_t spans) {
    tracei_lock(&tracei_ledger_lock);
    tracei_total.held -= spans;
    if (tracei_exporter_count == 0)
        tracei_total.dropped[TRACE_DROP_NO_EXPORTER] += spans;
    else
        tracei_total.exported += spans;
    tracei_unlock(&tracei_ledger_lock);
}

static void tracei_ledger_sampled_out(uint64_t spans) {
    tracei_lock(&tracei_ledger_lock);
    tracei_total.held -= spans;
    tracei_total.sampled_out += spans;
    tracei_unlock(&tracei_ledger_lock);
}

/* --- decoding: a record into a view, without copying any text --- */

TRACEI_SMALL_END

static void *tracei_view(size_t size) {
    void *const at = tracei_views.memory + tracei_views.used;
    tracei_views.used += (size + 7u) & ~(size_t)7u;
    return at;
}

/* An upper bound of what the views of a payload take. Every entry has a header of 8 bytes and becomes a value, if it is an item
   of an array; what becomes more has more: an attribute 8 of a key, an event 16 and a link 40 of its head. */
static size_t tracei_views_needed(size_t payload) {
    return payload / sizeof(tracei_entry_header) * ((sizeof(trace_value) + 7u) & ~(size_t)7u) + 16;
}

static bool tracei_views_reserve(size_t size) {
    const bool again = TRACE_CONFIG_SINGLE_THREADED && !tracei_allocator.allocate_fn; /* what is given back can be had again */
    const size_t before = tracei_views.size;
    unsigned char *memory;
    size_t wanted = before ? before : TRACEI_VIEWS_MIN;
    if (size <= before - tracei_views.used) return true;
    if (tracei_views.used) return false; /* the batch must go first: it points into the arena */
    while (wanted < size) wanted *= 2;
    if (again) tracei_free(tracei_views.memory, before); /* there may be no room for both */
    memory = (unsigned char *)tracei_alloc(wanted);
    if (!memory) memory = (unsigned char *)tracei_alloc(wanted = size);
    if (!memory && again) memory = (unsigned char *)tracei_alloc(wanted = before);
    if (!memory && !again) return false;
    if (!again) tracei_free(tracei_views.memory, before);
    tracei_views.memory = memory;
    tracei_views.size = memory ? wanted : 0;
    return size <= tracei_views.size;
}

static void tracei_views_reset(void) {
    tracei_views.used = 0;
    if (tracei_views.size > TRACEI_VIEWS_KEPT) { /* one giant trace must not be paid for for ever */
        tracei_free(tracei_views.memory, tracei_views.size);
        tracei_views.memory = NULL;
        tracei_views.size = 0;
    }
}

static trace_string tracei_slice(const unsigned char *data, size_t size) {
    trace_string slice;
    slice.data = (const char *)data;
    slice.size = size;
    return slice;
}

static void tracei_decode_value(trace_value *out, uint8_t type, const unsigned char *at, uint32_t size, int depth) {
    memset(out, 0, sizeof *out);
    out->type = (trace_type)type;
    switch (out->type) {
    case TRACE_TYPE_STRING:
    case TRACE_TYPE_JSON:
    case TRACE_TYPE_BYTES: out->as.string = tracei_slice(at, size); break;
    case TRACE_TYPE_INT: memcpy(&out->as.integer, at, 8); break;
    case TRACE_TYPE_DOUBLE: memcpy(&out->as.number, at, 8); break;
    case TRACE_TYPE_BOOL: { /* a word, as all scalars: its first byte is the last on a big-endian machine */
        uint64_t bits;
        memcpy(&bits, at, 8);
        out->as.boolean = bits != 0;
        break;
    }
    case TRACE_TYPE_ARRAY: {
        const unsigned char *const end = at + size;
        const unsigned char *scan;
        tracei_entry_header head;
        size_t count = 0;
        trace_value *items;
        if (depth >= TRACEI_DEPTH_MAX) break;
        for (scan = at; scan < end; scan += tracei_entry_size(&head), count++) memcpy(&head, scan, sizeof head);
        items = (trace_value *)tracei_view(count * sizeof *items);
        out->as.array.items = items;
        out->as.array.count = count;
        for (scan = at; scan < end; scan += tracei_entry_size(&head)) {
            memcpy(&head, scan, sizeof head);
            tracei_decode_value(items++, head.type, scan + sizeof head, head.size, depth + 1);
        }
        break;
    }
    case TRACE_TYPE_NULL:
    case TRACEI_TYPE_UINT: break;
    }
}

typedef struct tracei_attributes {
    trace_attribute *items;
    size_t count;
    uint32_t dropped;
} tracei_attributes;

static bool tracei_same_key(trace_string a, const unsigned char *key, size_t size) {
    return a.size == size && memcmp(a.data, key, size) == 0;
}

static size_t tracei_count_attributes(const unsigned char *at, const unsigned char *end) {
    tracei_entry_header head;
    size_t count = 0;
    for (; at < end; at += tracei_entry_size(&head)) {
        memcpy(&head, at, sizeof head);
        count += tracei_entry_is_attribute(head.type);
    }
    return count;
}

/* The `count` attributes among the entries of [at, end): the last value of a key wins and stands where the key stood first. */
static tracei_attributes tracei_decode_attributes(const unsigned char *at, const unsigned char *end, size_t count,
                                                  uint32_t limit) {
    tracei_attributes out;
    tracei_entry_header head;
    const unsigned char *scan;
    size_t i;
    memset(&out, 0, sizeof out);
    if (!count) return out;
    if (count > limit) count = limit;
    out.items = (trace_attribute *)tracei_view(count * sizeof *out.items);
    for (scan = at; scan < end; scan += tracei_entry_size(&head)) {
        const unsigned char *const key = scan + sizeof head;
        memcpy(&head, scan, sizeof head);
        if (!tracei_entry_is_attribute(head.type)) continue;
        for (i = 0; i < out.count && !tracei_same_key(out.items[i].key, key, head.key_size); i++) {}
        if (i == limit) {
            out.dropped++;
            continue;
        }
        if (i == out.count) out.items[out.count++].key = tracei_slice(key, head.key_size);
        tracei_decode_value(&out.items[i].value, head.type, key + tracei_padded(head.key_size), head.size, 0);
    }
    return out;
}

/* Of an event or a link. */
static tracei_attributes tracei_decode_nested(const unsigned char *at, const unsigned char *end, uint32_t limit) {
    return tracei_decode_attributes(at, end, tracei_count_attributes(at, end), limit);
}

/* A span's start and end. Explicit times are Unix times already; ticks become Unix time by the offset in force at the start,
   and a duration is always a difference of ticks, so a wall clock that steps cannot bend it. */
typedef struct tracei_interval {
    uint64_t start, end;          /* Unix nanoseconds */
    uint64_t mono;                /* of the start tick, for what lies inside the span; 0: the start was explicit */
} tracei_interval;

static uint64_t tracei_unix_of(uint64_t ticks) {
    return tracei_timeline_unix(&tracei_times, tracei_timeline_mono(&tracei_times, ticks));
}

static tracei_interval tracei_decode_times(const tracei_record *record) {
    tracei_interval out;
    out.mono = 0;
    if (record->bits & TRACEI_BITS_START_UNIX) {
        out.start = record->start;
        out.end = record->bits & TRACEI_BITS_END_UNIX ? record->end : tracei_unix_of(record->end);
    } else {
        out.mono = tracei_timeline_mono(&tracei_times, record->start);
        out.start = tracei_timeline_unix_by(&tracei_times, out.mono, record->flags >> TRACEI_WALL_SHIFT);
        if (record->bits & TRACEI_BITS_END_UNIX) {
            out.end = record->end;
        } else {
            const uint64_t end = tracei_timeline_mono(&tracei_times, record->end);
            out.end = out.start + (end > out.mono ? end - out.mono : 0);
        }
    }
    if (out.end < out.start) out.end = out.start;
    return out;
}

static uint64_t tracei_decode_event_time(const tracei_interval *interval, const tracei_event_head *head) {
    uint64_t mono;
    if (head->is_unix) return head->time;
    if (!interval->mono) return tracei_unix_of(head->time);
    mono = tracei_timeline_mono(&tracei_times, head->time);
    return interval->start + (mono > interval->mono ? mono - interval->mono : 0);
}

static void tracei_decode_events(trace_span_data *out, const unsigned char *at, const unsigned char *end,
                                 const tracei_interval *interval, size_t events, size_t links) {
    trace_event_data *event = (trace_event_data *)tracei_view(events * sizeof *event);
    trace_link_data *link = (trace_link_data *)tracei_view(links * sizeof *link);
    tracei_entry_header head;
    out->events = event;
    out->links = link;
    for (; at < end; at += tracei_entry_size(&head)) {
        const unsigned char *value;
        tracei_attributes attributes;
        memcpy(&head, at, sizeof head);
        value = at + sizeof head + tracei_padded(head.key_size);
        if (head.type == TRACEI_ENTRY_EVENT) {
            tracei_event_head event_head;
            memcpy(&event_head, value, sizeof event_head);
            attributes =
                tracei_decode_nested(value + sizeof event_head, value + head.size, TRACEI_LOAD(&tracei_limit.event_attributes));
            event->name = tracei_slice(at + sizeof head, head.key_size);
            event->unix_ns = tracei_decode_event_time(interval, &event_head);
            event->attributes = attributes.items;
            event->attribute_count = attributes.count;
            event->dropped_attribute_count = event_head.dropped + attributes.dropped;
            event++;
            out->event_count++;
        } else if (head.type == TRACEI_ENTRY_LINK) {
            tracei_link_head link_head;
            memcpy(&link_head, value, sizeof link_head);
            attributes = tracei_decode_nested(value + sizeof link_head + tracei_padded(link_head.state_size), value + head.size,
                                              TRACEI_LOAD(&tracei_limit.link_attributes));
            memset(link, 0, sizeof *link);
            memcpy(link->context.trace_id, link_head.trace_id, 16);
            memcpy(link->context.span_id, link_head.span_id, 8);
            link->context.flags = link_head.flags;
            link->context.is_remote = link_head.is_remote != 0;
            link->context.is_explicit = true;
            link->trace_state = tracei_slice(value + sizeof link_head, link_head.state_size);
            link->attributes = attributes.items;
            link->attribute_count = attributes.count;
            link->dropped_attribute_count = link_head.dropped + attributes.dropped;
            link++;
            out->link_count++;
        }
    }
}

/* A companion's (trace_functions.h): the name of what is at the address in these 8 bytes, good for ever. */
static trace_string (*tracei_name_fn)(const unsigned char *address);

/* The whole view of a span. The arena has room: tracei_views_reserve was asked. */
static void tracei_decode(trace_span_data *out, const tracei_record *record, const unsigned char *payload,
                          const tracei_interval *interval, uint64_t thread_id, const char *thread_name) {
    const unsigned char *const entries = payload + tracei_padded(record->name_size), *const end = payload + record->payload;
    const unsigned char *at;
    tracei_attributes attributes;
    tracei_entry_header head;
    size_t events = 0, links = 0, count = 0;
    memset(out, 0, sizeof *out);
    tracei_id_bytes(out->trace_id, record->trace_high);
    tracei_id_bytes(out->trace_id + 8, record->trace_low);
    tracei_id_bytes(out->span_id, record->span_id);
    tracei_id_bytes(out->parent_span_id, record->parent_id);
    out->flags = record->flags & TRACEI_FLAGS_KNOWN;
    out->parent_is_remote = (record->bits & TRACEI_BITS_PARENT_REMOTE) != 0;
    out->is_local_root = (record->bits & TRACEI_BITS_LOCAL_ROOT) != 0;
    out->is_abandoned = (record->bits & TRACEI_BITS_ABANDONED) != 0;
    out->kind = (trace_kind)(record->bits & TRACEI_BITS_KIND);
    out->status = (trace_status)((record->bits & TRACEI_BITS_STATUS) >> TRACEI_BITS_STATUS_SHIFT);
    out->name = tracei_slice(payload, record->name_size);
    if (TRACEI_RARE(record->bits & TRACEI_BITS_ADDRESS) && record->name_size == 8) {
        trace_string (*const name_fn)(const unsigned char *) = TRACEI_LOAD(&tracei_name_fn);
        if (name_fn) out->name = name_fn(payload);
    }
    out->start_unix_ns = interval->start;
    out->end_unix_ns = interval->end;
    for (at = entries; at < end; at += tracei_entry_size(&head)) {
        memcpy(&head, at, sizeof head);
        if (tracei_entry_is_attribute(head.type)) {
            count++;
            continue;
        }
        if (head.type == TRACEI_ENTRY_NAME)
            out->name = tracei_slice(at + sizeof head, head.size);
        else if (head.type == TRACEI_ENTRY_STATUS && out->status == TRACE_STATUS_ERROR)
            out->status_message = tracei_slice(at + sizeof head, head.size);
        else if (head.type == TRACEI_ENTRY_STATE)
            out->trace_state = tracei_slice(at + sizeof head, head.size);
        events += head.type == TRACEI_ENTRY_EVENT;
        links += head.type == TRACEI_ENTRY_LINK;
    }
    attributes = tracei_decode_attributes(entries, end, count, TRACEI_LOAD(&tracei_limit.attributes));
    out->attributes = attributes.items;
    out->attribute_count = attributes.count;
    out->dropped_attribute_count = record->dropped_attributes + attributes.dropped;
    if (events | links) tracei_decode_events(out, entries, end, interval, events, links);
    out->dropped_event_count = record->dropped_events;
    out->dropped_link_count = record->dropped_links;
    if (record->scope) out->scope = &tracei_scopes[record->scope];
    out->thread_id = thread_id;
    out->thread_name.data = thread_name;
    out->thread_name.size = strlen(thread_name);
}

TRACEI_SMALL_BEGIN

/* --- delivering --- */

/* A companion's, set when it begins, perhaps beside a running worker: hands a batch, or a rewritten one, to the exporter
   (trace_genai.h). */
static trace_result (*tracei_export_filter)(const trace_exporter *exporter, const trace_batch *batch);

/* The words of a failure, cut to fit. */
static TRACEI_UNUSED void tracei_stats_say(trace_exporter_stats *stats, const char *words) {
    const size_t size = tracei_utf8_cut(words, strlen(words), sizeof stats->last_error - 1);
    memcpy(stats->last_error, words, size);
    stats->last_error[size] = '\0';
}

/* It came back, after so long. */
static TRACEI_COLD void tracei_export_blocked(tracei_running *running, uint64_t took) {
    const bool first = !running->stats.blocked_ns;
    tracei_lock(&tracei_ledger_lock);
    running->stats.blocked_ns += took;
    tracei_unlock(&tracei_ledger_lock);
    if (first)
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "exporter %s: export_fn took %u ms and all exporters waited for it; give it a thread: trace_queue_exporter",
                   running->exporter.name, (unsigned)(took / 1000000u));
}

/* Exporters all of whose functions come back when their deadline says so, by their export_fn: ours name theirs when they make
   one. */
typedef trace_result (*tracei_export_fn)(void *user, const trace_batch *batch);
#define TRACEI_PUNCTUAL_MAX 16
static tracei_export_fn tracei_punctual[TRACEI_PUNCTUAL_MAX];

static TRACEI_UNUSED void tracei_name_punctual(tracei_export_fn export_fn) {
    uint32_t i;
    for (i = 0; i < TRACEI_PUNCTUAL_MAX; i++) {
        tracei_export_fn none = NULL;
        if (TRACEI_LOAD(&tracei_punctual[i]) == export_fn || TRACEI_CAS(&tracei_punctual[i], &none, export_fn)) return;
    }
}

/* From here to tracei_export_leave an exporter's function is at work. Returns the time. */
static uint64_t tracei_export_enter(const trace_exporter *exporter, const char *function) {
    const uint64_t now = tracei_mono_ns();
    TRACEI_STORE(&tracei_exporting_since, (uint32_t)(now >> 20));
    TRACEI_STORE(&tracei_exporting_in, function);
    TRACEI_STORE_RELEASE(&tracei_exporting, exporter->name);
    return now;
}

static void tracei_export_leave(void) {
    TRACEI_STORE(&tracei_exporting, (const char *)NULL);
}

/* By who waited for the pass in vain. */
static TRACEI_COLD void tracei_say_blocked(void) {
    static uint32_t said;
    const char *const name = TRACEI_LOAD_ACQUIRE(&tracei_exporting);
    const uint32_t since = TRACEI_LOAD(&tracei_exporting_since);
    if (name && (uint32_t)(tracei_mono_ns() >> 20) - since >= TRACEI_BLOCKED_NS >> 20 && tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "exporter %s: %s does not come back and all exporters wait for it; give it a thread: trace_queue_exporter",
                   name, TRACEI_LOAD(&tracei_exporting_in));
}

/* The first of its spans that an exporter refuses, by one that keeps no ledger: who does says why itself. */
static TRACEI_COLD void tracei_export_refused(const char *name, trace_result result, size_t spans) {
    tracei_log(TRACE_LOG_LEVEL_WARNING,
               "exporter %s: export_fn did not answer OK (%s): %lu spans are lost for it, more are only counted", name,
               trace_result_string(result), (unsigned long)spans);
}

static void tracei_export(tracei_running *running, const trace_batch *batch) {
    const trace_exporter *const exporter = &running->exporter;
    trace_result (*const filter)(const trace_exporter *, const trace_batch *) = TRACEI_LOAD(&tracei_export_filter);
    const uint64_t since = tracei_export_enter(exporter, "export_fn");
    trace_result result;
    bool said = true;
    uint64_t now;
    result = filter ? filter(exporter, batch) : exporter->export_fn(exporter->user, batch);
    tracei_export_leave();
    now = tracei_mono_ns();
    if (now > since && now - since >= TRACEI_BLOCKED_NS) tracei_export_blocked(running, now - since);
    if (running->exporter.stats_fn) return;
    tracei_lock(&tracei_ledger_lock);
    running->stats.received += batch->span_count;
    if (result == TRACE_RESULT_OK) {
        running->stats.sent += batch->span_count;
        running->stats.last_success_unix_ns = tracei_unix_ns();
    } else {
        said = running->stats.failed[TRACE_FAILURE_REJECTED] || !batch->span_count;
        running->stats.failed[TRACE_FAILURE_REJECTED] += batch->span_count;
        running->stats.last_failure_unix_ns = tracei_unix_ns();
        tracei_stats_say(&running->stats, trace_result_string(result));
    }
    tracei_unlock(&tracei_ledger_lock);
    if (!said) tracei_export_refused(exporter->name, result, batch->span_count);
}

static bool tracei_is_routed(const trace_span_data *span, uint32_t exporter) {
    return (tracei_scope_route(span->scope ? (uint32_t)(span->scope - tracei_scopes) : 0) >> exporter & 1) != 0;
}

/* Rules of scopes: the part of a batch that is for this exporter. Without memory for it, in as many parts as it has gaps. */
static TRACEI_COLD void tracei_export_part(uint32_t exporter, const trace_batch *batch) {
    trace_batch part = *batch;
    trace_span_data *spans;
    size_t count = 0, i;
    for (i = 0; i < batch->span_count; i++) count += tracei_is_routed(&batch->spans[i], exporter);
    if (batch->root && !tracei_is_routed(batch->root, exporter)) part.root = NULL;
    if (count == batch->span_count ? !count && !part.root : !count) return;
    spans = count < batch->span_count ? (trace_span_data *)tracei_alloc(count * sizeof *spans) : NULL;
    part.span_count = 0;
    for (i = 0; i < batch->span_count; i++) {
        if (!tracei_is_routed(&batch->spans[i], exporter)) continue;
        if (spans && batch->root == &batch->spans[i]) part.root = &spans[part.span_count];
        if (spans) {
            spans[part.span_count++] = batch->spans[i];
            continue;
        }
        if (!part.span_count) part.spans = &batch->spans[i];
        part.span_count++;
        if (i + 1 < batch->span_count && tracei_is_routed(&batch->spans[i + 1], exporter)) continue;
        tracei_export(&tracei_exporters[exporter], &part);
        part.span_count = 0;
    }
    if (spans) part.spans = spans;
    if (spans || !count) tracei_export(&tracei_exporters[exporter], &part);
    tracei_free(spans, count * sizeof *spans);
}

/* To every exporter that takes batches of this sort. */
static void tracei_deliver(const trace_batch *batch, bool whole_traces) {
    uint32_t i;
    for (i = 0; i < tracei_exporter_count; i++) {
        if (tracei_exporters[i].exporter.whole_traces != whole_traces) continue;
        if (TRACEI_LOAD(&tracei_scopes_ruled))
            tracei_export_part(i, batch);
        else
            tracei_export(&tracei_exporters[i], batch);
    }
}

static void tracei_deliver_spans(const trace_span_data *spans, size_t count) {
    trace_batch batch;
    memset(&batch, 0, sizeof batch);
    batch.resource = &tracei_resource;
    batch.spans = spans;
    batch.span_count = count;
    if (count) tracei_deliver(&batch, false);
}

TRACEI_SMALL_END

/* --- draining --- */

typedef struct tracei_drain {
    tracei_unit *unit;
    uint32_t position;            /* up to here handed on or held */
    size_t spans;                 /* in tracei_batch */
    uint64_t taken;               /* since the last commit, the batch's included */
    uint32_t met;                 /* those, and what there was no memory for */
} tracei_drain;

/* Hands the batch over and gives the ring's room back. */
static void tracei_drain_commit(tracei_drain *drain) {
    tracei_deliver_spans(tracei_batch, drain->spans);
    tracei_ledger_consumed(drain->taken);
    TRACEI_STORE_RELEASE(&drain->unit->tail, drain->position);
    drain->spans = 0;
    drain->taken = 0;
    drain->met = 0;
    tracei_views_reset();
    tracei_pass_look();
}

/* Before the assembler hands over traces, the batch goes: both use the arena. False: the time is up before there is room. */
static bool tracei_drain_make_room(tracei_drain *drain, const tracei_record *record) {
    if (!tracei_assembler_is_full(record)) return true;
    if (drain->spans) tracei_drain_commit(drain);
    return tracei_assembler_make_room(record);
}

/* False: a batch had to go first, and now the time is up; the span stays in the ring. */
static bool tracei_drain_span(tracei_drain *drain, const tracei_record *record, const unsigned char *payload) {
    if (!tracei_drain_make_room(drain, record)) return false;
    if (tracei_exporter_count > tracei_whole_trace_count && !tracei_tail.enabled) {
        const size_t needed = tracei_views_needed(record->payload);
        if (!tracei_views_reserve(needed)) {
            tracei_drain_commit(drain);
            if (tracei_pass_over) return false;
            if (!tracei_views_reserve(needed)) {
                tracei_ledger_lost();
                return true;
            }
        }
        {
            const tracei_interval interval = tracei_decode_times(record);
            tracei_decode(&tracei_batch[drain->spans++], record, payload, &interval, drain->unit->thread_id,
                          drain->unit->thread_name);
        }
    }
    drain->taken++;
    if (tracei_assembling && !tracei_assembler_add(record, payload, drain->unit->thread_id, drain->unit->thread_name)) {
        drain->taken--;
        tracei_ledger_lost();
    }
    return true;
}

#if TRACEI_GNU
#define TRACEI_PREFETCH(at) __builtin_prefetch(at) /* the lines are in the cache of the producer's core */
#else
#define TRACEI_PREFETCH(at) ((void)0)
#endif

static uint64_t tracei_drain_unit(tracei_unit *unit) {
    tracei_drain drain;
    uint64_t spans = 0;
    memset(&drain, 0, sizeof drain);
    drain.unit = unit;
    drain.position = unit->tail;
    while (drain.position != unit->pass_head && !tracei_pass_over) {
        const unsigned char *const at = unit->ring + (drain.position & unit->mask);
        tracei_record record;
        TRACEI_PREFETCH(at + 512);
        memcpy(&record, at, 8); /* a padding record may be no longer than this */
        if (record.type != TRACEI_RECORD_PAD) memcpy(&record, at, sizeof record);
        if (record.type == TRACEI_RECORD_SPAN) {
            if (!tracei_drain_span(&drain, &record, at + sizeof record)) break;
            drain.met++;
            spans++;
        } else if (record.type == TRACEI_RECORD_OPEN) {
            if (!tracei_drain_make_room(&drain, &record)) break;
            if (tracei_assembling)
                (void)tracei_assembler_add(&record, at + sizeof record, unit->thread_id, unit->thread_name);
        } else if (record.type == TRACEI_RECORD_THREAD) {
            if (drain.spans) tracei_drain_commit(&drain); /* views of the batch point to the name that changes now */
            unit->thread_id = record.span_id;
            memset(unit->thread_name, 0, sizeof unit->thread_name);
            memcpy(unit->thread_name, at + sizeof record,
                   record.payload < sizeof unit->thread_name ? record.payload : sizeof unit->thread_name - 1);
        }
        drain.position += record.size;
        if (drain.met == TRACEI_BATCH_SPANS) tracei_drain_commit(&drain);
    }
    if (drain.position != unit->tail) tracei_drain_commit(&drain);
    return spans;
}

static bool tracei_anything_published(void) {
    const tracei_unit *unit;
    for (unit = TRACEI_LOAD_ACQUIRE(&tracei_units); unit; unit = unit->next)
        if (TRACEI_LOAD_ACQUIRE(&unit->head) != TRACEI_LOAD(&unit->tail))
            return true; /* not under the pass: somebody else may be draining */
    return false;
}

/* One round, or the rest of one that was cut; the caller holds the pass. */
static uint64_t tracei_round(void) {
    tracei_unit *const first = TRACEI_LOAD_ACQUIRE(&tracei_units);
    tracei_unit *unit;
    uint64_t spans = 0;
    if (!tracei_round_cut) {
        tracei_round_number++;
        for (unit = first; unit; unit = unit->next) unit->pass_head = TRACEI_LOAD_ACQUIRE(&unit->head);
    }
    tracei_wall_advance(&tracei_times);
    tracei_pass_mono = tracei_mono_ns();
    tracei_round_cut = false;
    for (unit = first; unit; unit = unit->next) {
        spans += tracei_drain_unit(unit);
        if (unit->tail != unit->pass_head) tracei_round_cut = true;
    }
    return spans;
}

/* What is missing from traces because of us: when it begins, with what helps, and at the end how much it was. */
static void tracei_say_drops(bool at_last) {
    static uint32_t said_ring, said_memory, said_signal;
    static uint64_t said;
    trace_stats stats;
    uint64_t ring, memory, signals, total;
    trace_get_stats(&stats);
    ring = stats.dropped[TRACE_DROP_RING_FULL];
    memory = stats.dropped[TRACE_DROP_NO_MEMORY];
    signals = stats.dropped[TRACE_DROP_SIGNAL];
    total = ring + memory + signals + stats.dropped[TRACE_DROP_TOO_LARGE];
    if (ring && tracei_first_time(&said_ring)) {
        said = total;
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "spans ended faster than they were taken: %llu dropped so far; raise trace_config.ring_bytes, or let them "
                   "wait: lossless_timeout_ms",
                   (unsigned long long)ring);
    }
    if (memory && tracei_first_time(&said_memory)) {
        said = total;
        tracei_log(TRACE_LOG_LEVEL_WARNING, "no memory: %llu spans dropped so far; %s", (unsigned long long)memory,
                   TRACE_CONFIG_SINGLE_THREADED ? "raise TRACE_CONFIG_STATIC_BYTES" : "see trace_config.allocator");
    }
    if (signals && tracei_first_time(&said_signal)) {
        said = total;
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "signal handlers interrupted the library: %llu of their spans dropped so far; a thread that has jumped out of "
                   "such a handler (siglongjmp) records nothing any more",
                   (unsigned long long)signals);
    }
    if (!at_last || total <= said) return;
    said = total; /* a later shutdown tells what came after this one */
    tracei_log(TRACE_LOG_LEVEL_WARNING, "%llu of %llu spans were dropped", (unsigned long long)total,
               (unsigned long long)stats.ended);
}

static void tracei_pass_judge(bool everything) {
    tracei_pass_cut = tracei_round_cut || (tracei_assembling && !tracei_assembler_decide(everything));
}

/* A pass: rounds until every root that was seen to end has been judged. `everything`: also hand on what waits for its root.
   `deadline_ns` is looked at after each batch, so that the first goes in any case; 0: none. */
static uint64_t tracei_pass(bool everything, uint64_t deadline_ns) {
    tracei_unit *const self = tracei_tls;
    uint64_t spans = 0;
    int rounds = 1;
    tracei_tls = &tracei_unit_suppressed; /* exporters that use traced code must not feed themselves */
    tracei_pass_deadline = deadline_ns;
    tracei_pass_over = false;
    if (tracei_round_cut) spans += tracei_round();
    if (tracei_pass_cut) tracei_pass_judge(false); /* before more is drained: traces would go to pieces */
    if (tracei_pass_over) {
        tracei_pass_cut = true;
    } else {
        spans += tracei_round();
        while (!tracei_pass_over && tracei_assembler_undecided() && rounds++ < 3) spans += tracei_round();
        tracei_pass_judge(everything);
    }
    tracei_pass_deadline = 0;
    tracei_pass_over = false;
    tracei_consoles_wait = tracei_consoles_go_on();
    tracei_lock(&tracei_ledger_lock);
    tracei_widen();
    tracei_unlock(&tracei_ledger_lock);
    tracei_say_drops(false);
    tracei_tls = self;
    return spans;
}

TRACEI_SMALL_BEGIN

/* --- the worker --- */

static tracei_thread tracei_worker;
static uint32_t tracei_worker_lock;
static uint32_t tracei_worker_stop;
static uint32_t tracei_worker_calls;      /* futex word: changes when the worker is wanted */
static uint32_t tracei_worker_waits;      /* 1: it sleeps, or is about to */
static uint32_t tracei_use_worker;
static uint32_t tracei_no_threads TRACEI_UNUSED;       /* trace_config.disable_thread: exporters start none either */
static uint32_t tracei_can_sleep_deeply;
static uint64_t tracei_child_since;       /* in a forked child: when it first recorded; 0: not a child */

/* A system call only when the worker waits: either it sees the word changed before it sleeps, or it is seen here to wait. */
static void tracei_worker_call(void) {
    (void)TRACEI_ADD(&tracei_worker_calls, 1u);
    if (TRACEI_ADD(&tracei_worker_waits, 0u)) tracei_wake(&tracei_worker_calls);
}

static void tracei_worker_wait(uint32_t calls, uint64_t deadline_ns) {
    (void)TRACEI_ADD(&tracei_worker_waits, 1u);
    (void)tracei_wait(&tracei_worker_calls, calls, deadline_ns);
    (void)TRACEI_SUB(&tracei_worker_waits, 1u);
}

/* A ring is a quarter full again: no time to wait. */
static bool tracei_rings_fill(void) {
    const tracei_unit *unit;
    for (unit = TRACEI_LOAD_ACQUIRE(&tracei_units); unit; unit = unit->next)
        if (TRACEI_LOAD_ACQUIRE(&unit->head) - TRACEI_LOAD(&unit->tail) > unit->mask / 4) return true;
    return false;
}

/* Nothing to do for a while. The flag is set, made visible to every producer, and only then are the rings looked at once more: a
   producer either sees the flag, or its span is seen here. */
static void tracei_worker_sleep(uint32_t calls) {
    TRACEI_STORE(&tracei_attention, (uint32_t)TRACEI_ATTENTION_ASLEEP);
    if (TRACEI_MEMBARRIER() && !tracei_anything_published()) tracei_worker_wait(calls, UINT64_MAX);
    TRACEI_STORE(&tracei_attention, 0u);
}

/* POSIX ends a process with its last thread, as by exit(0). Ours must not be that thread: they block all signals and wait for
   spans that nobody records any more. A program comes to this only when its main thread ends by pthread_exit, which a thread key
   tells; from then on the idle worker does not sleep deeply but looks at how many threads there are. When all are ours it does
   what the C library does after a last thread: it calls exit(0), as an ordinary thread that records and is open to signals, and
   the exit handlers see to the rest. For all to end one by one instead, each exporter's thread would have to end in time. */
static uint32_t tracei_main_left; /* 1: the main thread ends, or has ended */

#if defined(__linux__) && TRACEI_PLATFORM_POSIX
static pthread_key_t tracei_main_key;
static bool tracei_main_key_made;

static void tracei_main_leaves(void *unused) {
    (void)unused;
    if (tracei_thread_id() != (uint64_t)tracei_process_id()) return; /* a library that another thread has loaded */
    TRACEI_STORE(&tracei_main_left, 1u);
    tracei_worker_call();
}

/* By the main thread, as far as can be known: when the program is loaded, and when a process records for the first time. */
static TRACEI_UNUSED void tracei_main_watch(void) {
    if (!tracei_main_key_made)
        tracei_main_key_made = !TRACEI_FAIL("main key") && pthread_key_create(&tracei_main_key, tracei_main_leaves) == 0;
    if (tracei_main_key_made) (void)pthread_setspecific(tracei_main_key, &tracei_main_left);
}

static TRACEI_UNUSED void tracei_main_forget(void) {
    if (tracei_main_key_made) pthread_key_delete(tracei_main_key);
    tracei_main_key_made = false;
}

/* The main thread stays as a zombie, state and all, until the process ends. */
static TRACEI_COLD bool tracei_only_ours_remain(void) {
    char text[512];
    const char *state, *at;
    uint32_t threads = 0;
    if (!tracei_read_file("/proc/self/stat", text, sizeof text)) return false;
    state = tracei_stat_field(text, 3);
    at = tracei_stat_field(text, 20);
    if (!at || *state != 'Z') return false;
    for (; *at >= '0' && *at <= '9'; at++) threads = threads * 10 + (uint32_t)(*at - '0');
    return threads == TRACEI_LOAD_ACQUIRE(&tracei_threads_alive) + 1;
}

static TRACEI_COLD void tracei_worker_exit(void) {
    (void)TRACEI_SUB(&tracei_threads_alive, 1u);
    tracei_thread_leave(&tracei_worker);
    TRACEI_STORE_RELEASE(&tracei_worker.state, (uint32_t)TRACEI_THREAD_NONE);
    tracei_tls = &tracei_unit_none;
    pthread_sigmask(SIG_SETMASK, &tracei_worker.signals, NULL);
    exit(0);
}
#else
static TRACEI_UNUSED void tracei_main_watch(void) {}

static TRACEI_UNUSED void tracei_main_forget(void) {}

static bool tracei_only_ours_remain(void) {
    return false;
}

static void tracei_worker_exit(void) {}
#endif

static void tracei_worker_main(void *user) {
    uint32_t idle = 0;
    (void)user;
    for (;;) {
        const uint32_t calls =
            TRACEI_LOAD_ACQUIRE(&tracei_worker_calls); /* before the order to stop: what comes with that call is not slept over */
        const uint64_t interval = TRACEI_LOAD(&tracei_whole_trace_count) ? 10000000u : 100000000u;
        const bool stop = TRACEI_LOAD_ACQUIRE(&tracei_worker_stop) != 0;
        uint64_t spans = 0;
        bool quiet = true, main_left;
        if (tracei_try_lock(&tracei_pass_lock)) {
            /* the last one is the worker's too: an exporter that blocks then blocks it and not who waits for it */
            spans = tracei_pass(stop, 0);
            quiet = tracei_assembler_idle() && !tracei_consoles_wait;
            tracei_unlock(&tracei_pass_lock);
        }
        if (stop) return;
        idle = spans ? 0 : idle + 1;
        if (spans && tracei_rings_fill()) {
            if (TRACEI_LOAD(&tracei_pass_wanted)) tracei_nap(1000); /* or who looks now and then would never find it free */
            continue;
        }
        main_left = TRACEI_LOAD(&tracei_main_left) != 0;
        if (main_left && idle && tracei_only_ours_remain()) tracei_worker_exit();
        if (idle * interval > 200000000u && quiet && !main_left && TRACEI_LOAD(&tracei_can_sleep_deeply))
            tracei_worker_sleep(calls);
        else
            tracei_worker_wait(calls,
                               tracei_add_capped(tracei_mono_ns(), idle * interval > 1000000000u ? interval * 5 : interval));
    }
}

static TRACEI_COLD void tracei_worker_start(void) {
    static uint32_t said;
    if (!tracei_try_lock(&tracei_worker_lock)) return;
    if (TRACEI_LOAD(&tracei_attention) & TRACEI_ATTENTION_START) {
        if (tracei_child_since && tracei_mono_ns() - tracei_child_since < 50000000u) { /* fork, then exec: no thread for that */
            tracei_unlock(&tracei_worker_lock);
            return;
        }
        TRACEI_STORE(&tracei_can_sleep_deeply, TRACEI_HAVE_FUTEX && TRACEI_MEMBARRIER_REGISTER() ? 1u : 0u);
        if (!tracei_thread_join(&tracei_worker, 0)) { /* an abandoned one that has not come back yet */
            tracei_unlock(&tracei_worker_lock);
            return;
        }
        TRACEI_STORE(&tracei_worker_stop, 0u);
        TRACEI_STORE(&tracei_attention, 0u);
        if (!tracei_thread_start(&tracei_worker, tracei_worker_main, NULL, "trace-worker") && tracei_first_time(&said))
            tracei_log(TRACE_LOG_LEVEL_ERROR,
                       "no worker thread could be started: spans are delivered by trace_pump, trace_flush and at exit only; "
                       "set trace_config.disable_thread to silence this");
    }
    tracei_unlock(&tracei_worker_lock);
}

/* False: it is still running at the deadline and was left alone. */
static bool tracei_worker_end(uint64_t deadline_ns) {
    bool ended;
    tracei_lock(&tracei_worker_lock);
    TRACEI_STORE_RELEASE(&tracei_worker_stop, 1u);
    tracei_worker_call();
    ended = tracei_thread_join(&tracei_worker, deadline_ns);
    tracei_unlock(&tracei_worker_lock);
    return ended;
}

static TRACEI_COLD void tracei_attend(void) {
    const uint32_t attention = TRACEI_LOAD(&tracei_attention);
    const int saved = errno, cancel = tracei_cancel_hold();
    if (attention & TRACEI_ATTENTION_START) {
        tracei_worker_start();
    } else if (TRACEI_LOAD(&tracei_use_worker)) {
        if (attention) TRACEI_STORE(&tracei_attention, 0u); /* one wake-up is enough */
        tracei_worker_call();
    }
    tracei_cancel_allow(cancel);
    errno = saved;
}

/* Lossless mode: wait for room instead of dropping, for so long. */
static bool tracei_wait_until_room(tracei_unit *unit, uint32_t total) {
    const uint64_t deadline = tracei_deadline(TRACEI_LOAD(&tracei_lossless_ms));
    uint32_t tries = 0;
    for (;;) {
        uint32_t in_use;
        bool fits;
        unit->tail_seen = TRACEI_LOAD_ACQUIRE(&unit->tail);
        in_use = unit->head + total - unit->tail_seen;
        fits = in_use <= unit->mask + 1;
        if (in_use <= (unit->mask + 1) / 2 || (fits && tries >= 32))
            return true;                              /* much room: to and fro by a few spans would slow both */
        if (TRACEI_LOAD(&tracei_divert)) return fits; /* shut down meanwhile */
        if (tracei_mono_ns() >= deadline) return fits;
        if (TRACEI_LOAD(&tracei_worker.state) != TRACEI_THREAD_RUNNING && tracei_try_lock(&tracei_pass_lock)) {
            (void)tracei_pass(false, deadline);
            tracei_unlock(&tracei_pass_lock);
            continue;
        }
        if (++tries % 64 == 1) tracei_attend();
        if (tries < 32)
            tracei_yield();
        else
            tracei_nap(50);
    }
}

static bool tracei_wait_for_room(tracei_unit *unit, uint32_t total) {
    const int cancel = tracei_cancel_hold();
    const bool room = tracei_wait_until_room(unit, total);
    tracei_cancel_allow(cancel);
    return room;
}

/* >>assembler ------------------------------------------------------------------------------------------------------

   Holds spans until their local root has ended, for exporters that want whole traces. Everything here belongs to the consumer.

   A held trace is a list of copied records in pages of its own; its first page begins with the trace itself. Traces are found
   by trace id through a hash table and stand in a list, the one that gives way first in front. A local root's end makes its trace
   due; it is judged when one more round has drained every ring. A trace may have several local roots (a service that calls
   itself): then each takes along what descends from it, and the last one what is left. A root open for over two seconds is
   announced, and from then on each finished child of it goes out as a tree of its own. Ids of judged traces are remembered, so
   what comes later is known to be late.

   Bounds: max_trace_bytes of pages (when they are used up, the oldest trace goes out incomplete; if its root is open, this is
   announced and the trace goes on, behind all others), ten seconds for spans whose root was never seen.

   With tail sampling the assembler serves every exporter: a due trace is judged as a whole, its several roots together, and goes
   to all of them or to none. Nothing is announced or split; what has to go early is judged as it stands and forgotten but for the
   decision, of which a table by a hash of the trace id keeps the newest. */

#if TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_HOLD_PAGE 512u
#define TRACEI_HOLD_SLAB 1u
#define TRACEI_HOLD_BUCKETS 16u
#define TRACEI_HOLD_JUDGED 16u
#define TRACEI_TAIL_DECISIONS 64u
#define TRACEI_HOLD_SPARED 4u
#else
#define TRACEI_HOLD_PAGE 4096u
#define TRACEI_HOLD_SLAB 16u      /* pages mapped at a time */
#define TRACEI_HOLD_BUCKETS 1024u
#define TRACEI_HOLD_JUDGED 1024u
#define TRACEI_TAIL_DECISIONS 16384u
#define TRACEI_HOLD_SPARED 64u    /* open roots without spans that are passed over where memory is short */
#endif

typedef struct tracei_held {
    struct tracei_held *next;
    struct tracei_held *label;    /* while a trace is split: the root this one descends from */
    uint64_t thread_id;
    char thread_name[32];
    tracei_interval interval;
    tracei_record record;         /* the payload follows */
} tracei_held;

typedef struct tracei_page {
    struct tracei_page *next;
    size_t size;                  /* of this page: more than TRACEI_HOLD_PAGE for a large span */
    size_t used;
} tracei_page;

typedef struct tracei_trace {
    struct tracei_trace *hash_next, *older, *newer, *due_next;
    tracei_page *pages;           /* newest first; the last one holds this structure */
    tracei_held *first, **last;   /* open roots stand before all else */
    uint64_t high, low;
    uint64_t since;               /* monotonic ns */
    uint64_t round;               /* in which it became due */
    uint64_t root_end;            /* monotonic ns: of the last root that ended */
    size_t spans;
    uint32_t open_roots;          /* held TRACEI_RECORD_OPEN records */
    uint32_t ended_roots;
    uint32_t unopened_roots;      /* of those, whose TRACEI_RECORD_OPEN has not come: another thread ended them */
    bool due, late, announced;
    bool told;                    /* that its roots are open, when the process ended */
    bool kept;                    /* tail sampling kept it before */
} tracei_trace;

typedef struct tracei_assembler_state {
    tracei_trace *table[TRACEI_HOLD_BUCKETS];
    uint64_t judged[TRACEI_HOLD_JUDGED][2];
    tracei_trace *oldest, *newest;
    tracei_trace *due, **due_last; /* in the order they became due */
    tracei_page *free_pages;
    size_t bytes;                 /* in pages in use */
    uint64_t looked;              /* when ages were last looked at */
    uint64_t *decisions;          /* tail sampling: a hash of the trace id, its last bit the decision; NULL: none was made yet */
} tracei_assembler_state;

static tracei_assembler_state tracei_assembler;
static bool tracei_redirecting;   /* new exporters: also those that do not want whole traces get what was held */
static size_t tracei_max_trace_bytes = TRACEI_TRACE_BYTES_DEFAULT;

static unsigned char *tracei_held_payload(tracei_held *held) {
    return (unsigned char *)(held + 1);
}

/* --- pages --- */

static tracei_page *tracei_page_take(size_t size) {
    tracei_page *page;
    if (size > TRACEI_HOLD_PAGE) {
        page = (tracei_page *)tracei_alloc(size);
        if (!page) return NULL;
    } else {
        size = TRACEI_HOLD_PAGE;
        if (!tracei_assembler.free_pages) {
            unsigned char *const slab = (unsigned char *)tracei_alloc(TRACEI_HOLD_PAGE * TRACEI_HOLD_SLAB);
            uint32_t i;
            if (!slab) return NULL;
            for (i = TRACEI_HOLD_SLAB; i-- > 0;) {
                page = (tracei_page *)(void *)(slab + (size_t)i * TRACEI_HOLD_PAGE);
                page->next = tracei_assembler.free_pages;
                tracei_assembler.free_pages = page;
            }
        }
        page = tracei_assembler.free_pages;
        tracei_assembler.free_pages = page->next;
    }
    page->next = NULL;
    page->size = size;
    page->used = sizeof *page;
    tracei_assembler.bytes += size;
    return page;
}

static void tracei_pages_give(tracei_page *page) {
    while (page) {
        tracei_page *const next = page->next;
        tracei_assembler.bytes -= page->size;
        if (page->size > TRACEI_HOLD_PAGE || TRACEI_HOLD_SLAB == 1) {
            tracei_free(page, page->size);
        } else {
            page->next = tracei_assembler.free_pages;
            tracei_assembler.free_pages = page;
        }
        page = next;
    }
}

static void *tracei_page_cut(tracei_page **pages, size_t size) {
    tracei_page *page = *pages;
    size = (size + 7u) & ~(size_t)7u;
    if (!page || page->size - page->used < size) {
        page = tracei_page_take(size + sizeof *page);
        if (!page) return NULL;
        page->next = *pages;
        *pages = page;
    }
    page->used += size;
    return (unsigned char *)page + page->used - size;
}

/* --- tail sampling --- */

typedef enum tracei_tail_verdict { TRACEI_TAIL_DROP = 0, TRACEI_TAIL_KEEP, TRACEI_TAIL_ASK } tracei_tail_verdict;

/* Not the bits samplers look at: a tenth of a tenth is to be a hundredth. */
static uint64_t tracei_tail_hash(uint64_t high, uint64_t low) {
    uint64_t hash = (high ^ (low << 32 | low >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 30 ^ low) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

static bool tracei_tail_in_share(uint64_t high, uint64_t low) {
    return (double)(tracei_tail_hash(high, low) >> 11) < tracei_tail.ratio * 9007199254740992.0;
}

/* Where a decision on this trace is, or would be put: four to a place, the newest first. */
static uint64_t *tracei_tail_place(uint64_t hash) {
    return tracei_assembler.decisions + (hash >> 32 & (TRACEI_TAIL_DECISIONS / 4 - 1)) * 4;
}

/* False: never decided, or forgotten. */
static bool tracei_tail_recall(uint64_t high, uint64_t low, bool *kept) {
    const uint64_t hash = tracei_tail_hash(high, low);
    uint32_t i;
    *kept = false;
    for (i = 0; tracei_assembler.decisions && i < 4; i++) {
        const uint64_t found = tracei_tail_place(hash)[i];
        if (!found || (found | 1) != (hash | 1)) continue;
        *kept = (found & 1) != 0;
        return true;
    }
    return false;
}

static void tracei_tail_remember(uint64_t high, uint64_t low, bool kept) {
    const uint64_t hash = tracei_tail_hash(high, low);
    uint64_t *place;
    uint32_t i;
    if (!tracei_assembler.decisions)
        tracei_assembler.decisions = (uint64_t *)tracei_alloc(TRACEI_TAIL_DECISIONS * sizeof *tracei_assembler.decisions);
    if (!tracei_assembler.decisions) return;
    place = tracei_tail_place(hash);
    for (i = 0; i < 3 && (place[i] | 1) != (hash | 1); i++) {}
    for (; i > 0; i--) place[i] = place[i - 1];
    place[0] = (hash & ~(uint64_t)1) | kept;
}

/* Of all a trace has here; `open_root` may be NULL. */
static tracei_tail_verdict tracei_tail_judge(const tracei_trace *trace, const tracei_held *list, const tracei_held *open_root) {
    const tracei_held *held;
    uint64_t start = UINT64_MAX, end = 0;
    if (!tracei_tail.enabled || trace->kept) return TRACEI_TAIL_KEEP;
    if (trace->late) return TRACEI_TAIL_DROP;
    for (held = list; held; held = held->next) {
        const uint32_t status = (held->record.bits & TRACEI_BITS_STATUS) >> TRACEI_BITS_STATUS_SHIFT;
        if (status == TRACE_STATUS_ERROR && !tracei_tail.disable_errors) return TRACEI_TAIL_KEEP;
        if (held->interval.start < start) start = held->interval.start;
        if (held->interval.end > end) end = held->interval.end;
    }
    if (open_root) {
        if (open_root->interval.start < start) start = open_root->interval.start;
        end = tracei_unix_ns();
    }
    if (tracei_tail.slower_than_ms && end > start && end - start >= tracei_tail.slower_than_ms * UINT64_C(1000000))
        return TRACEI_TAIL_KEEP;
    if (tracei_tail.keep_fn) return TRACEI_TAIL_ASK;
    return tracei_tail_in_share(trace->high, trace->low) ? TRACEI_TAIL_KEEP : TRACEI_TAIL_DROP;
}

/* --- traces --- */

static tracei_trace **tracei_trace_place(uint64_t high, uint64_t low) {
    tracei_trace **at = &tracei_assembler.table[(low ^ low >> 32) % TRACEI_HOLD_BUCKETS];
    while (*at && ((*at)->low != low || (*at)->high != high)) at = &(*at)->hash_next;
    return at;
}

static void tracei_trace_link(tracei_trace *trace) {
    trace->newer = NULL;
    trace->older = tracei_assembler.newest;
    if (trace->older)
        trace->older->newer = trace;
    else
        tracei_assembler.oldest = trace;
    tracei_assembler.newest = trace;
}

static void tracei_trace_unlink(tracei_trace *trace) {
    if (trace->older)
        trace->older->newer = trace->newer;
    else
        tracei_assembler.oldest = trace->newer;
    if (trace->newer)
        trace->newer->older = trace->older;
    else
        tracei_assembler.newest = trace->older;
}

static tracei_trace *tracei_trace_begin(tracei_trace **place, uint64_t high, uint64_t low) {
    tracei_page *pages = NULL;
    tracei_trace *const trace = (tracei_trace *)tracei_page_cut(&pages, sizeof *trace);
    if (!trace) return NULL;
    memset(trace, 0, sizeof *trace);
    trace->pages = pages;
    trace->last = &trace->first;
    trace->high = high;
    trace->low = low;
    trace->since = tracei_pass_mono;
    tracei_trace_link(trace);
    *place = trace;
    return trace;
}

static void tracei_trace_not_due(tracei_trace *trace);

static void tracei_trace_forget(tracei_trace *trace) {
    tracei_trace **at = tracei_trace_place(trace->high, trace->low);
    uint64_t *const judged = tracei_assembler.judged[trace->low % TRACEI_HOLD_JUDGED];
    judged[0] = trace->high;
    judged[1] = trace->low;
    *at = trace->hash_next;
    tracei_trace_unlink(trace);
    tracei_trace_not_due(trace);
    tracei_pages_give(trace->pages);
}

static void tracei_trace_make_due(tracei_trace *trace) {
    trace->round = tracei_round_number;
    if (trace->due) return;
    trace->due = true;
    trace->due_next = NULL;
    if (!tracei_assembler.due) tracei_assembler.due_last = &tracei_assembler.due;
    *tracei_assembler.due_last = trace;
    tracei_assembler.due_last = &trace->due_next;
}

static void tracei_trace_not_due(tracei_trace *trace) {
    tracei_trace **at = &tracei_assembler.due;
    if (!trace->due) return;
    while (*at != trace) at = &(*at)->due_next;
    *at = trace->due_next;
    if (!*at) tracei_assembler.due_last = at;
    trace->due = false;
}

static bool tracei_assembler_undecided(void) {
    const tracei_trace *trace;
    for (trace = tracei_assembler.due; trace; trace = trace->due_next)
        if (trace->round == tracei_round_number) return true;
    return false;
}

static bool tracei_assembler_idle(void) {
    return tracei_assembler.oldest == NULL;
}

static void tracei_held_append(tracei_trace *trace, tracei_held *held) {
    held->next = NULL;
    *trace->last = held;
    trace->last = &held->next;
}

static bool tracei_held_is_open(const tracei_held *held) {
    return held && held->record.type == TRACEI_RECORD_OPEN;
}

static void tracei_held_open(tracei_trace *trace, tracei_held *held) {
    tracei_held **at = &trace->first;
    while (tracei_held_is_open(*at)) at = &(*at)->next;
    held->next = *at;
    if (!*at) trace->last = &held->next;
    *at = held;
    trace->open_roots++;
}

/* The root has ended: its announcement is no longer needed. */
static void tracei_trace_close_root(tracei_trace *trace, uint64_t span_id) {
    tracei_held **at = &trace->first;
    while (tracei_held_is_open(*at) && (*at)->record.span_id != span_id) at = &(*at)->next;
    if (!tracei_held_is_open(*at)) {
        trace->unopened_roots++;
        return;
    }
    if (trace->last == &(*at)->next) trace->last = at;
    *at = (*at)->next;
    trace->open_roots--;
}

/* Whether a root that is said to begin has ended already: its end stood in a ring that was drained before. */
static bool tracei_trace_root_is_over(tracei_trace *trace, uint64_t span_id) {
    const tracei_held *held = trace->unopened_roots ? trace->first : NULL;
    while (held && (tracei_held_is_open(held) || held->record.span_id != span_id)) held = held->next;
    if (held) trace->unopened_roots--;
    return held != NULL;
}

static bool tracei_is_below_open_root(const tracei_trace *trace, const tracei_record *record) {
    const tracei_held *held;
    for (held = trace->first; tracei_held_is_open(held); held = held->next)
        if (held->record.span_id == record->parent_id) return true;
    return false;
}

static void tracei_trace_hand_over(tracei_trace *trace, bool for_good);

/* Some trace has to go before this record can be added. */
static bool tracei_assembler_is_full(const tracei_record *record) {
    return tracei_assembler.oldest &&
           tracei_assembler.bytes + record->payload + sizeof(tracei_held) + TRACEI_HOLD_PAGE > tracei_max_trace_bytes;
}

/* Uses the arena of views: the caller has none in it. A trace that stays since its root is open goes behind the others, so that a
   flood of small ones does not cost it its root; without spans it is no help but to go, and goes when there are too many of
   those. False: the time is up before there is room. */
static bool tracei_assembler_make_room(const tracei_record *record) {
    uint32_t spared = 0;
    while (tracei_assembler_is_full(record)) {
        tracei_trace *const oldest = tracei_assembler.oldest;
        if (tracei_pass_over) return false;
        if (oldest->spans || spared++ >= TRACEI_HOLD_SPARED) tracei_trace_hand_over(oldest, !oldest->spans);
        if (tracei_assembler.oldest != oldest) continue;
        tracei_trace_unlink(oldest);
        tracei_trace_link(oldest);
    }
    return true;
}

/* On the monotonic clock, and not after this round. */
static uint64_t tracei_held_end(const tracei_held *held) {
    const uint64_t end = tracei_add_capped(held->interval.mono, held->interval.end - held->interval.start);
    return held->interval.mono && end < tracei_pass_mono ? end : tracei_pass_mono;
}

static bool tracei_assembler_add(const tracei_record *record, const unsigned char *payload, uint64_t thread_id,
                                 const char *thread_name) {
    const bool is_root = (record->bits & TRACEI_BITS_LOCAL_ROOT) != 0;
    tracei_trace **place, *trace;
    tracei_held *held;
    place = tracei_trace_place(record->trace_high, record->trace_low);
    trace = *place;
    if (!trace) {
        const uint64_t *const judged = tracei_assembler.judged[record->trace_low % TRACEI_HOLD_JUDGED];
        trace = tracei_trace_begin(place, record->trace_high, record->trace_low);
        if (!trace) return false;
        if (tracei_tail.enabled)
            trace->late = tracei_tail_recall(record->trace_high, record->trace_low, &trace->kept) && !is_root;
        else
            trace->late = !is_root && judged[0] == record->trace_high && judged[1] == record->trace_low;
        if (trace->late) tracei_trace_make_due(trace);
    }
    if (record->type == TRACEI_RECORD_OPEN && tracei_trace_root_is_over(trace, record->span_id)) return true;
    held = (tracei_held *)tracei_page_cut(&trace->pages, sizeof *held + record->payload);
    if (!held) return false;
    if (is_root) trace->late = false;
    held->label = NULL;
    held->thread_id = thread_id;
    memcpy(held->thread_name, thread_name, sizeof held->thread_name);
    held->record = *record;
    memcpy(tracei_held_payload(held), payload, record->payload);
    if (record->type == TRACEI_RECORD_OPEN) {
        held->record.end = record->start;
        held->interval = tracei_decode_times(&held->record);
        if (held->interval.mono && held->interval.mono < trace->since) trace->since = held->interval.mono;
        tracei_held_open(trace, held);
    } else {
        held->interval = tracei_decode_times(record);
        trace->spans++;
        if (is_root) {
            tracei_trace_close_root(trace, record->span_id);
            trace->ended_roots++;
            tracei_trace_make_due(trace);
            trace->root_end = tracei_held_end(held);
        } else if (trace->announced && tracei_is_below_open_root(trace, record)) {
            tracei_trace_make_due(trace);
        }
        tracei_held_append(trace, held);
    }
    return true;
}

/* --- handing over --- */

static bool tracei_held_before(const tracei_held *a, const tracei_held *b) {
    if (a->label != b->label) { /* subtrees by their roots; what is in none comes last */
        const tracei_held *const one = a->label, *const other = b->label;
        if (!one || !other) return one != NULL;
        if (one->interval.start != other->interval.start) return one->interval.start < other->interval.start;
        if (one->record.span_id != other->record.span_id) return one->record.span_id < other->record.span_id;
        return (uintptr_t)one < (uintptr_t)other;
    }
    if (a->interval.start != b->interval.start) return a->interval.start < b->interval.start;
    if (a->interval.end != b->interval.end) return a->interval.end > b->interval.end; /* the one that encloses the other first */
    return (a->record.bits & TRACEI_BITS_LOCAL_ROOT) > (b->record.bits & TRACEI_BITS_LOCAL_ROOT);
}

/* Merge sort of a list: stable, no recursion, no memory. */
static tracei_held *tracei_held_sort(tracei_held *list) {
    size_t width;
    for (width = 1;; width *= 2) {
        tracei_held *rest = list, **tail = &list;
        size_t merges = 0;
        while (rest) {
            tracei_held *a = rest, *b = rest;
            size_t a_left = 0, b_left = width;
            merges++;
            while (b && a_left < width) b = b->next, a_left++;
            while (a_left || (b_left && b)) {
                tracei_held *pick;
                if (a_left && !(b_left && b && tracei_held_before(b, a))) {
                    pick = a;
                    a = a->next;
                    a_left--;
                } else {
                    pick = b;
                    b = b->next;
                    b_left--;
                }
                *tail = pick;
                tail = &pick->next;
            }
            rest = b;
        }
        *tail = NULL;
        if (merges <= 1) return list;
    }
}

static void tracei_decode_held(trace_span_data *out, tracei_held *held) {
    tracei_decode(out, &held->record, tracei_held_payload(held), &held->interval, held->thread_id, held->thread_name);
    if (held->record.type == TRACEI_RECORD_OPEN) out->end_unix_ns = 0;
}

/* What the views of the first `count` take, and that of the root if it is not among them. */
static size_t tracei_list_needs(const tracei_held *list, size_t count, const tracei_held *root) {
    size_t needed = root ? sizeof(trace_span_data) + tracei_views_needed(root->record.payload) : 0;
    for (; count; count--, list = list->next) needed += sizeof(trace_span_data) + tracei_views_needed(list->record.payload);
    return needed;
}

/* Hands a list of held spans to the exporters of whole traces, as one batch. `root` may be NULL, in the list, or an open root.
   What there is no memory for is dropped from the end of it. False: sampled out. */
static bool tracei_hand_over_list(tracei_held *list, tracei_held *root, bool late, const tracei_trace *ask) {
    trace_batch batch;
    trace_span_data *spans;
    trace_span_data *root_view;
    tracei_held *held;
    size_t count = 0, dropped = 0;
    bool fits;
    list = tracei_held_sort(list);
    for (held = list; held; held = held->next) count++;
    while (!(fits = tracei_views_reserve(tracei_list_needs(list, count, root))) && count) {
        const size_t less = count / 4 + 1;
        count -= less;
        dropped += less;
    }
    if (dropped) {
        tracei_lock(&tracei_ledger_lock);
        tracei_total.held -= dropped;
        tracei_total.dropped[TRACE_DROP_NO_MEMORY] += dropped;
        tracei_unlock(&tracei_ledger_lock);
    }
    if (!fits || (dropped && !count)) return true;
    memset(&batch, 0, sizeof batch);
    batch.resource = &tracei_resource;
    batch.late = late;
    spans = (trace_span_data *)tracei_view(count * sizeof *spans);
    batch.spans = spans;
    for (held = list; batch.span_count < count; held = held->next) {
        if (held == root) batch.root = &spans[batch.span_count];
        tracei_decode_held(&spans[batch.span_count++], held);
    }
    if (root && !batch.root) {
        root_view = (trace_span_data *)tracei_view(sizeof *root_view);
        tracei_decode_held(root_view, root);
        batch.root = root_view;
    }
    if (ask && !tracei_tail.keep_fn(tracei_tail.user, &batch) && !tracei_tail_in_share(ask->high, ask->low)) {
        tracei_views_reset();
        tracei_ledger_sampled_out(count);
        return false;
    }
    tracei_deliver(&batch, true);
    if (tracei_redirecting || tracei_tail.enabled) tracei_deliver_spans(spans, count);
    tracei_views_reset();
    if (count) tracei_ledger_released(count);
    tracei_pass_look();
    return true;
}

static tracei_held *tracei_trace_open_root(const tracei_trace *trace) {
    return tracei_held_is_open(trace->first) ? trace->first : NULL;
}

static tracei_held *tracei_trace_ended_root(const tracei_trace *trace) {
    tracei_held *held = trace->first;
    while (held && !(held->record.bits & TRACEI_BITS_LOCAL_ROOT)) held = held->next;
    return held;
}

/* Takes the finished spans out of the list; open roots stay. */
static tracei_held *tracei_trace_take_spans(tracei_trace *trace) {
    tracei_held *spans = NULL, **tail = &spans, *held = trace->first;
    trace->first = NULL;
    trace->last = &trace->first;
    while (held) {
        tracei_held *const next = held->next;
        if (held->record.type == TRACEI_RECORD_OPEN) {
            tracei_held_append(trace, held);
        } else {
            *tail = held;
            tail = &held->next;
        }
        held = next;
    }
    *tail = NULL;
    trace->spans = 0;
    return spans;
}

/* Moves what is still held to fresh pages, so that a root that stays open for days does not keep the pages of all its
   children. */
static void tracei_trace_repack(tracei_trace *trace) {
    tracei_page *fresh = NULL, *home = trace->pages, *used = NULL;
    tracei_held *held, *first = NULL, **tail = &first;
    if (!home->next) return;
    for (held = trace->first; held; held = held->next) {
        const size_t size = sizeof *held + held->record.payload;
        tracei_held *const copy = (tracei_held *)tracei_page_cut(&fresh, size);
        if (!copy) { /* no memory: keep the pages as they are */
            tracei_pages_give(fresh);
            return;
        }
        memcpy((void *)copy, (void *)held, size);
        copy->next = NULL;
        *tail = copy;
        tail = &copy->next;
    }
    while (home->next) { /* all but the page the trace itself lies in */
        tracei_page *const next = home->next;
        home->next = used;
        used = home;
        home = next;
    }
    tracei_pages_give(used);
    home->used = sizeof *home + ((sizeof *trace + 7u) & ~(size_t)7u);
    trace->first = first;
    trace->last = first ? tail : &trace->first;
    if (fresh) {
        tracei_page *end = fresh;
        while (end->next) end = end->next;
        end->next = home;
        trace->pages = fresh;
    } else {
        trace->pages = home;
    }
}

static void tracei_trace_announce(tracei_trace *trace) {
    tracei_held *held;
    trace->announced = true;
    trace->told = TRACEI_LOAD(&tracei_ending) != 0;
    for (held = trace->first; tracei_held_is_open(held); held = held->next)
        (void)tracei_hand_over_list(NULL, held, false, NULL);
}

/* All of a trace, complete or not. A trace with an open root stays, empty, if not `for_good`: what comes is not late, but the
   next part. One that was judged by its tail never stays. */
static void tracei_trace_hand_over(tracei_trace *trace, bool for_good) {
    tracei_held *root = tracei_trace_open_root(trace);
    tracei_held *spans;
    const tracei_tail_verdict verdict = tracei_tail_judge(trace, trace->first, root);
    bool kept = verdict != TRACEI_TAIL_DROP;
    if (!root) root = tracei_trace_ended_root(trace);
    if (!kept) tracei_ledger_sampled_out(trace->spans);
    if (trace->open_roots && !tracei_tail.enabled && (!trace->announced || (TRACEI_LOAD(&tracei_ending) && !trace->told)))
        tracei_trace_announce(trace);
    spans = tracei_trace_take_spans(trace);
    if (kept && (spans || (root && !trace->announced)))
        kept = tracei_hand_over_list(spans, root, trace->late, verdict == TRACEI_TAIL_ASK ? trace : NULL);
    if (tracei_tail.enabled) tracei_tail_remember(trace->high, trace->low, kept);
    trace->ended_roots = trace->unopened_roots = 0;
    if (trace->open_roots && !for_good && !tracei_tail.enabled) {
        tracei_trace_repack(trace);
        return;
    }
    tracei_trace_forget(trace);
    tracei_pass_look(); /* also after one that nobody gets */
}

/* --- judging --- */

static bool tracei_is_subtree_root(const tracei_trace *trace, const tracei_held *held) {
    if (held->record.type != TRACEI_RECORD_SPAN) return false;
    return (held->record.bits & TRACEI_BITS_LOCAL_ROOT) || (trace->announced && tracei_is_below_open_root(trace, &held->record));
}

typedef struct tracei_index {
    tracei_held **items;          /* by span id */
    size_t count;
} tracei_index;

static void tracei_index_sift(tracei_index *index, size_t at, size_t end) {
    for (;;) {
        size_t child = 2 * at + 1;
        tracei_held *moved;
        if (child >= end) return;
        if (child + 1 < end && index->items[child]->record.span_id < index->items[child + 1]->record.span_id) child++;
        if (index->items[at]->record.span_id >= index->items[child]->record.span_id) return;
        moved = index->items[at];
        index->items[at] = index->items[child];
        index->items[child] = moved;
        at = child;
    }
}

static void tracei_index_sort(tracei_index *index) {
    size_t i;
    for (i = index->count / 2; i-- > 0;) tracei_index_sift(index, i, index->count);
    for (i = index->count; i-- > 1;) {
        tracei_held *const top = index->items[0];
        index->items[0] = index->items[i];
        index->items[i] = top;
        tracei_index_sift(index, 0, i);
    }
}

static tracei_held *tracei_index_find(const tracei_index *index, uint64_t span_id) {
    size_t low = 0, high = index->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (index->items[middle]->record.span_id < span_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->count && index->items[low]->record.span_id == span_id ? index->items[low] : NULL;
}

/* Labels every span with the subtree root it descends from; each chain is walked once. */
static void tracei_trace_label(tracei_trace *trace, const tracei_index *index) {
    size_t i;
    for (i = 0; i < index->count; i++)
        index->items[i]->label = tracei_is_subtree_root(trace, index->items[i]) ? index->items[i] : NULL;
    for (i = 0; i < index->count; i++) {
        tracei_held *at = index->items[i], *label;
        size_t steps = 0;
        while (!at->label && steps++ <= index->count) { /* the bound ends cycles of forged ids */
            tracei_held *const parent = at->record.parent_id ? tracei_index_find(index, at->record.parent_id) : NULL;
            if (!parent) break;
            at = parent;
        }
        label = at->label;
        for (at = index->items[i]; label && at && !at->label; at = tracei_index_find(index, at->record.parent_id))
            at->label = label;
    }
}

/* Several local roots, or one that is open and announced: each finished subtree goes out on its own, in the order they began.
   False: the time is up before the last; the trace stays due. */
static bool tracei_trace_split(tracei_trace *trace) {
    tracei_held *const open_root = tracei_trace_open_root(trace);
    tracei_index index;
    tracei_held *held;
    bool whole = true;
    const size_t bytes = (trace->spans ? trace->spans : 1) * sizeof *index.items;
    index.count = 0;
    index.items = (tracei_held **)tracei_alloc(bytes);
    if (!index.items) {
        tracei_trace_not_due(trace);
        tracei_trace_hand_over(trace, false);
        return true;
    }
    for (held = trace->first; held; held = held->next)
        if (held->record.type == TRACEI_RECORD_SPAN) index.items[index.count++] = held;
    tracei_index_sort(&index);
    tracei_trace_label(trace, &index);
    tracei_free(index.items, bytes);
    held = tracei_held_sort(tracei_trace_take_spans(trace));
    while (held && held->label && !tracei_pass_over) {
        tracei_held *const root = held->label, *const members = held;
        const bool is_local = (root->record.bits & TRACEI_BITS_LOCAL_ROOT) != 0;
        tracei_held *last;
        do last = held, held = held->next;
        while (held && held->label == root);
        last->next = NULL;
        trace->ended_roots -= is_local;
        (void)tracei_hand_over_list(members, is_local ? root : open_root, false, NULL);
    }
    for (; held; trace->spans++) {
        tracei_held *const next = held->next;
        whole = whole && !held->label;
        held->label = NULL;
        tracei_held_append(trace, held);
        held = next;
    }
    if (!whole) return false;
    tracei_trace_not_due(trace);
    if (trace->open_roots)
        tracei_trace_repack(trace);
    else
        tracei_trace_hand_over(trace, false); /* the last root takes what is left */
    return true;
}

/* Like the next: false when the time is up. */
static bool tracei_assembler_look_at_ages(void) {
    tracei_trace *trace, *newer;
    if (tracei_pass_mono - tracei_assembler.looked < 100000000u) return true;
    for (trace = tracei_assembler.oldest; trace; trace = newer) {
        const uint64_t age = tracei_pass_mono - trace->since;
        newer = trace->newer;
        if (tracei_pass_over) return false;
        if (tracei_tail.enabled) {
            if (!trace->due && age >= tracei_tail.max_age_ms * UINT64_C(1000000)) tracei_trace_hand_over(trace, true);
            continue;
        }
        if (age < 2000000000u) continue;
        if (trace->open_roots && !trace->announced) {
            tracei_trace_announce(trace);
            if (trace->spans) tracei_trace_make_due(trace);
        } else if (!trace->open_roots && !trace->due && age > 10000000000u)
            tracei_trace_hand_over(trace, false);
    }
    tracei_assembler.looked = tracei_pass_mono;
    return true;
}

/* Hands over what is due, or all there is. False: the time was up before the last. */
static bool tracei_assembler_decide(bool everything) {
    tracei_trace *trace, *next;
    for (trace = tracei_assembler.due; trace; trace = next) {
        next = trace->due_next;
        if (trace->round == tracei_round_number && !everything) continue;
        if (tracei_tail.enabled && !everything && !trace->late &&
            tracei_pass_mono - trace->root_end < tracei_tail.wait_ms * UINT64_C(1000000))
            continue;
        if (tracei_pass_over) return false;
        if (!tracei_tail.enabled && (trace->open_roots || trace->ended_roots > 1)) {
            if (!tracei_trace_split(trace)) return false;
            continue;
        }
        tracei_trace_not_due(trace);
        if (!trace->open_roots || everything) tracei_trace_hand_over(trace, false); /* else its last root makes it due again */
    }
    if (!everything) return tracei_assembler_look_at_ages();
    for (trace = tracei_assembler.oldest; trace; trace = next) {
        next = trace->newer;
        if (tracei_pass_over) return false;
        tracei_trace_hand_over(trace, false);
    }
    return true;
}

/* The exporters have changed: what is held goes to the new ones. `to_all`: nobody was handed it span by span. */
static void tracei_assembler_redirect(bool to_all) {
    tracei_unit *const self = tracei_tls;
    tracei_tls = &tracei_unit_suppressed;
    tracei_redirecting = to_all;
    (void)tracei_assembler_decide(true);
    tracei_redirecting = false;
    tracei_tls = self;
}

/* >>console --------------------------------------------------------------------------------------------------------

   Text for people. Three layers, each knowing only the one below it:
       trees      a batch becomes nodes, nodes become rows: decide what is shown
       rows       cells, columns, styles, escapes: know how it looks
       output     pieces of whole rows go to a descriptor or a function: know nothing of spans but how many a piece stands for

   Trees. One block of scratch memory holds a node for each span (first child, next sibling, parent), a hash table of span ids
   and a list to sort in. Every walk follows links, so depth costs no stack; every search is the hash table or a sort, so 3,000
   siblings cost n log n. Ids are not trusted: a cycle of parents is cut where it closes. Node [count] is the parent of
   everything without one. The shape of a node is a hash of its name, its kind and the set of its children's shapes, so a loop
   whose body loops 7 times here and 8 times there is still one loop.

   Output. A console belongs to whoever holds the pass: no lock but the one around the ledger, which any thread may read. What
   a descriptor does not take at once waits in a queue of records {bytes, spans} and text, at most 256 KiB; a piece that does
   not fit is counted, and the reader is told when he is back. While a flush, shutdown or exit has time (tracei_patience) he is
   waited for first. A write ends with a line, so that neither processes that share a pipe nor the end cut one. Terminals and
   pipes are opened anew through /proc where there is one, because O_NONBLOCK on the descriptor we were given would be seen by
   every process that shares it; elsewhere poll() and small writes come close (a terminal that cannot be opened anew and has room
   for less than a small write still makes us wait). A duplicate of the descriptor was rejected: it follows no dup2 onto it (log
   rotation). Instead the descriptor is looked at before each tree, and what was opened is closed when it no longer leads to the
   same file, and when nothing waits.

   Thinning needs the seconds of people, so it goes by tracei_unix_ns; tokens go by tracei_mono_ns. A summary waits for the end
   of its second: has_hidden keeps the worker awake for it, and where there is none the next pass, flush or shutdown prints it. */

#if TRACE_CONFIG_NO_CONSOLE

static bool tracei_consoles_go_on(void) {
    return false;
}

TRACE_APP trace_exporter trace_console_exporter(const trace_console_options *options) {
    trace_exporter none;
    (void)options;
    memset(&none, 0, sizeof none);
    none.struct_size = sizeof none;
    none.name = "console";
    tracei_log(TRACE_LOG_LEVEL_ERROR, "there is no console exporter: this program was built with TRACE_CONFIG_NO_CONSOLE");
    return none;
}

#else

#if TRACEI_PLATFORM_POSIX
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#endif

#define TRACEI_CONSOLE_NONE UINT32_MAX
#define TRACEI_CONSOLE_BAR 16u          /* cells */
#define TRACEI_CONSOLE_NARROW 72u       /* terminals of fewer columns have no bars */
#define TRACEI_CONSOLE_FOLD 4u          /* so many alike become one row */
#define TRACEI_CONSOLE_ROWS 100u        /* of spans in a tree */
#define TRACEI_CONSOLE_TOKENS 20u       /* trees at once, */
#define TRACEI_CONSOLE_REFILL 2u        /* and then so many a second */
#define TRACEI_CONSOLE_OPENED 8u        /* announced roots that are remembered */
#define TRACEI_CONSOLE_SUMMARY 80u      /* columns from which on a summary has room for percentiles */
#define TRACEI_CONSOLE_NAME 72u         /* bytes of a root's name that the summary knows */
#if TRACE_CONFIG_SINGLE_THREADED
#define TRACEI_CONSOLES_MAX 1u
#define TRACEI_CONSOLE_QUEUE 4096u
#define TRACEI_CONSOLE_PAGE 512u
#define TRACEI_CONSOLE_PIECE 384u
#define TRACEI_CONSOLE_KEEP 32u
#define TRACEI_CONSOLE_ROOTS 4u
#define TRACEI_CONSOLE_STEPS 2u
#else
#define TRACEI_CONSOLES_MAX 4u
#define TRACEI_CONSOLE_QUEUE 262144u
#define TRACEI_CONSOLE_PAGE 4096u       /* first size of the page of rows */
#define TRACEI_CONSOLE_PIECE 16384u     /* written when the page holds so much */
#define TRACEI_CONSOLE_KEEP 4096u       /* scratch for more spans is given back */
#define TRACEI_CONSOLE_ROOTS 64u        /* root names told apart; the last one stands for all others */
#define TRACEI_CONSOLE_STEPS 8u         /* of the histogram, in each power of two */
#endif
#define TRACEI_CONSOLE_OCTAVES 44u
#define TRACEI_CONSOLE_BUCKETS (TRACEI_CONSOLE_OCTAVES * TRACEI_CONSOLE_STEPS)

/* --- state --- */

typedef struct tracei_console_node {
    uint64_t shape;
    uint64_t self;                /* ns in which no child ran */
    uint32_t parent, first, next; /* [count] is the parent of those without one */
    uint32_t leader, peer;        /* of a fold: its first member and the one after this; NONE: not folded */
    uint32_t spans, errors;       /* in the subtree, this one included */
    uint32_t failed;              /* the first span of the subtree with an error */
    uint32_t depth;
    bool more;                    /* a visible sibling follows */
    bool kept;                    /* of a tree with too many rows: has one of its own */
    bool rest;                    /* of such a tree: leads the siblings that have none */
    bool orphan;                  /* its parent is not here and should be */
} tracei_console_node;

typedef struct tracei_console_key {
    uint64_t key;
    uint32_t index;
} tracei_console_key;

typedef struct tracei_console_root { /* a root name, as the thinning sees it */
    uint64_t hash;
    uint64_t slowest;             /* ever */
    uint64_t seen;                /* Unix second */
    uint64_t left_open;           /* the Unix second + 1 in which one of its roots was told of that the end left open */
    uint64_t min, max;            /* these and what follows: in the second that runs */
    uint32_t count, errors, hidden, opened;
    uint32_t name_size;
    char name[TRACEI_CONSOLE_NAME];
    uint16_t histogram[TRACEI_CONSOLE_BUCKETS];
} tracei_console_root;

typedef struct tracei_console_glyphs { /* arrays: pointers would be relocations */
    char branch[8], last[8], line[8], small_branch[8], small_last[8];
    char dot[3], cross[6], times[3], micro[4], into[4], late[9], more[4], sum[4], ellipsis[4], unknown[4];
} tracei_console_glyphs;

enum {
    TRACEI_CONSOLE_CLOSED,
    TRACEI_CONSOLE_FUNCTION,
    TRACEI_CONSOLE_FILE,
    TRACEI_CONSOLE_PIPE,
    TRACEI_CONSOLE_SOCKET,
    TRACEI_CONSOLE_TERMINAL
};

typedef struct tracei_console {
    uint32_t lock;                /* guards stats, wanted and renew */
    uint32_t used;
    trace_exporter_stats stats;
    trace_console_options wanted; /* by the last call of trace_console_exporter */
    bool renew;

    /* the look */
    trace_console_options options;
    const tracei_console_glyphs *glyphs;
    bool rich, color, unicode;    /* rich: bars and cut lines */
    uint32_t width;
    int32_t zone;                 /* seconds east of Greenwich */
    char program[32];             /* its main thread's name, which the others inherit */

    /* output */
    int kind;
    int own;                      /* descriptor + 1 of our own way to the same file; 0: none */
    bool is_dead;                 /* nobody reads there any more, */
    const char *why;              /* as the system puts it; NULL: not known */
    bool has_stopped;             /* the reader was waited for and took nothing; until he does he is not waited for again */
    bool is_torn;                 /* a row was cut in the middle */
    uint64_t target[3];           /* device and inode of the file, and whether there is one */
#if TRACEI_PLATFORM_WINDOWS
    HANDLE handle;
#endif
    char *queue;
    size_t queue_head, queue_size, queue_capacity, queue_done; /* done: bytes of the first record's text */
    uint64_t lost;                /* spans the reader has to be told of */

    /* rows */
    char *page;
    size_t page_size, page_capacity;
    uint32_t page_spans;
    size_t row;                   /* where it begins */
    size_t cut;                   /* where it would have to end to make room for an ellipsis */
    uint32_t column, cut_column, limit, rows;
    uint32_t name_room;           /* columns of each name in this row; 0: as many as it has */
    uint32_t names, name_columns, name_longest, told;  /* how many names, what they took; what the words of errors took */
    bool full, clipping, clipped, has_cut;
    const char *style, *cut_style; /* of what comes next; NULL: plain */
    bool styled, cut_styled;      /* its escape is written */
    const trace_span_data *row_span;
    uint64_t batch_left;          /* spans of the batch that are in no row yet */

    /* the tree at hand */
    unsigned char *scratch;
    size_t scratch_size;
    tracei_console_node *nodes;
    tracei_console_key *keys;
    uint32_t *table;
    uint32_t table_mask;
    uint32_t count;
    const trace_batch *batch;
    uint64_t start, end;          /* what a bar is drawn in */
    uint32_t block;               /* levels of indentation before it starts over */
    bool folds_events;            /* some of its events have one row */

    /* thinning */
    tracei_console_root *roots;
    uint64_t second, error_second, refilled;
    uint32_t tokens;              /* thousandths */
    bool has_hidden;
    uint8_t opened[TRACEI_CONSOLE_OPENED][8];
    uint32_t opened_errors[TRACEI_CONSOLE_OPENED]; /* in the parts that came before their root's end */
    uint64_t opened_start[TRACEI_CONSOLE_OPENED];
    uint64_t forgotten_start;     /* of announced roots that are not in the table any more the youngest began then; 0: none */
    uint32_t opened_next;
} tracei_console;

static tracei_console tracei_consoles[TRACEI_CONSOLES_MAX];
static uint32_t tracei_consoles_lock;
static uint32_t tracei_console_said_format;

static const tracei_console_glyphs tracei_console_unicode = {
    "\xe2\x94\x9c\xe2\x94\x80 ", "\xe2\x94\x94\xe2\x94\x80 ", "\xe2\x94\x82  ",
    "\xe2\x94\x9c\xe2\x95\xb4 ", "\xe2\x94\x94\xe2\x95\xb4 ",
    "\xc2\xb7", "\xe2\x9c\x97", "\xc3\x97", "\xc2\xb5s", "\xe2\x80\xba",
    "\xe2\x86\xb3 late", "\xe2\x8b\xaf", "\xce\xa3", "\xe2\x80\xa6", "\xef\xbf\xbd"};
static const tracei_console_glyphs tracei_console_words = { /* the same for a file: no signs that a search would miss */
    "\xe2\x94\x9c\xe2\x94\x80 ", "\xe2\x94\x94\xe2\x94\x80 ", "\xe2\x94\x82  ",
    "\xe2\x94\x9c\xe2\x95\xb4 ", "\xe2\x94\x94\xe2\x95\xb4 ",
    "\xc2\xb7", "ERROR", "\xc3\x97", "\xc2\xb5s", "\xe2\x80\xba",
    "\xe2\x86\xb3 late", "\xe2\x8b\xaf", "\xce\xa3", "\xe2\x80\xa6", "\xef\xbf\xbd"};
static const tracei_console_glyphs tracei_console_ascii = {"|- ", "`- ", "|  ",     "|- ", "`- ", "-",   "ERROR", "x",
                                                           "us",  ">",   "-> late", ">>",  "sum", "...", "?"};

/* --- output: the ledger --- */

enum { TRACEI_CONSOLE_SENT = TRACE_FAILURE_COUNT };

/* Spans leave `queued`: sent, or failed for a reason. */
static void tracei_console_account(tracei_console *console, int outcome, uint64_t spans) {
    const uint64_t now = spans ? tracei_unix_ns() : 0;
    if (!spans) return;
    tracei_lock(&console->lock);
    console->stats.queued -= spans;
    if (outcome == TRACEI_CONSOLE_SENT) {
        console->stats.sent += spans;
        console->stats.last_success_unix_ns = now;
    } else {
        console->stats.failed[outcome] += spans;
        console->stats.last_failure_unix_ns = now;
        tracei_stats_say(&console->stats, outcome == TRACE_FAILURE_QUEUE_FULL ? "the reader was too slow"
                                          : outcome == TRACE_FAILURE_SHUTDOWN ? "not read before the end"
                                          : outcome == TRACE_FAILURE_TOO_LARGE ? "no memory for a tree"
                                          : console->why                       ? console->why
                                                                               : "it cannot be written to");
    }
    tracei_unlock(&console->lock);
}

/* --- output: the descriptor --- */

#if TRACEI_PLATFORM_POSIX
static int tracei_console_descriptor(const tracei_console *console) {
    return console->options.descriptor_plus_one - 1;
}

/* The number is forgotten first: a fork in between must not make the child close somebody else's descriptor. */
static void tracei_console_close(tracei_console *console) {
    const int own = console->own;
    console->own = 0;
    TRACEI_COMPILER_BARRIER();
    if (own) close(own - 1);
}

/* By the name of the terminal where there is no /proc, or no descriptors in it. */
static int tracei_console_open_again(int descriptor) {
    const int flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    char path[128];
    int own = -1;
    if (TRACEI_FAIL("console reopen")) return -1;
#ifdef __linux__
    {
        static const char prefix[] = "/proc/self/fd/";
        memcpy(path, prefix, sizeof prefix - 1);
        *tracei_put_u64(path + sizeof prefix - 1, (uint64_t)descriptor) = '\0';
        own = open(path, flags);
    }
#endif
    if (own < 0 && isatty(descriptor) && ttyname_r(descriptor, path, sizeof path) == 0) own = open(path, flags);
    return own;
}

static void tracei_console_reopen(tracei_console *console) {
    struct stat theirs, ours;
    const int descriptor = tracei_console_descriptor(console), own = tracei_console_open_again(descriptor);
    if (own < 0) return;
    if (own > 2 && fstat(descriptor, &theirs) == 0 && fstat(own, &ours) == 0 && theirs.st_dev == ours.st_dev &&
        theirs.st_ino == ours.st_ino)
        console->own = own + 1;
    else
        close(own); /* 0 to 2 were free: that place is not ours to take */
}

/* Looks where the descriptor leads now. True: somewhere else than before. */
static bool tracei_console_look_at_target(tracei_console *console) {
    struct stat file;
    const int descriptor = tracei_console_descriptor(console);
    /* closed once: the number may be anybody's now */
    if (console->kind == TRACEI_CONSOLE_CLOSED && console->target[2]) return false;
    if ((descriptor == STDERR_FILENO && TRACEI_LOAD(&tracei_stderr_is_taken)) || fstat(descriptor, &file) != 0) {
        (void)tracei_errno_name(EBADF, &console->why);
        tracei_console_close(console);
        console->kind = TRACEI_CONSOLE_CLOSED;
        console->is_dead = true;
        console->target[2] = 1;
        return true;
    }
    if (console->target[2] && console->target[0] == (uint64_t)file.st_dev && console->target[1] == (uint64_t)file.st_ino)
        return false;
    console->target[0] = (uint64_t)file.st_dev;
    console->target[1] = (uint64_t)file.st_ino;
    console->target[2] = 1;
    tracei_console_close(console);
    console->is_dead = console->has_stopped = false;
    console->kind = S_ISFIFO(file.st_mode)    ? TRACEI_CONSOLE_PIPE
                    : S_ISSOCK(file.st_mode)  ? TRACEI_CONSOLE_SOCKET
                    : S_ISCHR(file.st_mode) && isatty(descriptor) ? TRACEI_CONSOLE_TERMINAL
                                                                  : TRACEI_CONSOLE_FILE;
    return true;
}

static bool tracei_console_can_write(const tracei_console *console, int wait_ms) {
    struct pollfd polled;
    polled.fd = console->own ? console->own - 1 : tracei_console_descriptor(console);
    polled.events = POLLOUT;
    polled.revents = 0;
    return poll(&polled, 1, wait_ms) != 0; /* an error too: writing tells which */
}

static ssize_t tracei_console_write_once(const tracei_console *console, const char *text, size_t size) {
    const int descriptor = console->own ? console->own - 1 : tracei_console_descriptor(console);
#ifdef MSG_DONTWAIT
    if (console->kind == TRACEI_CONSOLE_SOCKET) return send(descriptor, text, size, MSG_DONTWAIT);
#endif
    return write(descriptor, text, size);
}

/* So much goes into a pipe as a whole or not at all, whoever else writes to it. */
#if defined(PIPE_BUF) && PIPE_BUF < 4096
#define TRACEI_CONSOLE_WRITE ((size_t)PIPE_BUF)
#else
#define TRACEI_CONSOLE_WRITE ((size_t)4096)
#endif

/* What goes in one write: whole lines, where one is not longer than that. */
static size_t tracei_console_chunk(const char *text, size_t size, size_t most) {
    size_t end = most;
    if (size <= most) return size;
    while (end && text[end - 1] != '\n') end--;
    return end ? end : most;
}

/* As much as goes without waiting. */
static size_t tracei_console_write(tracei_console *console, const char *text, size_t size) {
    const int saved = errno;
    size_t written = 0, most = TRACEI_CONSOLE_WRITE;
    int error = 0;
    tracei_quiet quiet;
    if (console->is_dead) return 0;
    if (!console->own && (console->kind == TRACEI_CONSOLE_PIPE || console->kind == TRACEI_CONSOLE_TERMINAL))
        tracei_console_reopen(console);
    if (console->kind == TRACEI_CONSOLE_FILE) most = SIZE_MAX;
    if (console->kind == TRACEI_CONSOLE_TERMINAL && !console->own) most = 512;
    tracei_quiet_begin(&quiet);
    while (written < size) {
        const size_t chunk = tracei_console_chunk(text + written, size - written, most);
        ssize_t one;
        if (console->kind != TRACEI_CONSOLE_FILE && !console->own && !tracei_console_can_write(console, 0)) break;
        one = TRACEI_FAIL("console write") ? (errno = EIO, -1) : tracei_console_write_once(console, text + written, chunk);
        if (one > 0) {
            written += (size_t)one;
            console->has_stopped = false;
        } else if (one < 0 && errno != EINTR) {
            error = errno;
            console->is_dead = error != EAGAIN && error != EWOULDBLOCK;
            (void)tracei_errno_name(error, &console->why);
            break;
        }
    }
    tracei_quiet_end(&quiet, error);
    errno = saved;
    return written;
}
#elif TRACEI_PLATFORM_WINDOWS
static void tracei_console_close(tracei_console *console) {
    console->target[2] = 0;
}

static bool tracei_console_look_at_target(tracei_console *console) {
    const int descriptor = console->options.descriptor_plus_one - 1;
    const HANDLE handle = descriptor == 1   ? GetStdHandle(STD_OUTPUT_HANDLE)
                          : descriptor == 2 ? GetStdHandle(STD_ERROR_HANDLE)
                                            : (HANDLE)_get_osfhandle(descriptor);
    DWORD mode;
    if (console->target[2] && console->handle == handle) return false;
    console->target[2] = 1;
    console->handle = handle;
    console->is_dead = !handle || handle == INVALID_HANDLE_VALUE;
    console->kind = console->is_dead                                   ? TRACEI_CONSOLE_CLOSED
                    : GetConsoleMode(handle, &mode)                    ? TRACEI_CONSOLE_TERMINAL
                    : GetFileType(handle) == FILE_TYPE_PIPE            ? TRACEI_CONSOLE_PIPE
                                                                       : TRACEI_CONSOLE_FILE;
    return true;
}

static bool tracei_console_can_write(const tracei_console *console, int wait_ms) {
    (void)console, (void)wait_ms;
    return true;
}

/* A console window takes UTF-16, whatever its code page. */
static bool tracei_console_write_window(HANDLE handle, const char *text, size_t size) {
    WCHAR wide[512];
    DWORD written;
    const int count = MultiByteToWideChar(CP_UTF8, 0, text, (int)size, wide, 512);
    return count > 0 && WriteConsoleW(handle, wide, (DWORD)count, &written, NULL);
}

static size_t tracei_console_write(tracei_console *console, const char *text, size_t size) {
    size_t written = 0;
    while (!console->is_dead && written < size) {
        const size_t left = size - written;
        DWORD one = 0;
        if (console->kind == TRACEI_CONSOLE_TERMINAL) {
            const size_t chunk = tracei_utf8_cut(text + written, left, 512);
            one = (DWORD)chunk;
            console->is_dead = !tracei_console_write_window(console->handle, text + written, chunk);
        } else {
            console->is_dead = !WriteFile(console->handle, text + written, (DWORD)(left < 65536 ? left : 65536), &one, NULL);
        }
        if (!console->is_dead) written += one;
    }
    return written;
}
#else
static void tracei_console_close(tracei_console *console) {
    (void)console;
}

static bool tracei_console_look_at_target(tracei_console *console) {
    (void)console;
    return false;
}

static bool tracei_console_can_write(const tracei_console *console, int wait_ms) {
    (void)console, (void)wait_ms;
    return true;
}

static size_t tracei_console_write(tracei_console *console, const char *text, size_t size) {
    (void)console, (void)text;
    return size;
}
#endif

/* --- output: the queue --- */

typedef struct tracei_console_record { /* the text follows */
    uint32_t size, spans;
} tracei_console_record;

static void tracei_console_queue_release(tracei_console *console) {
    tracei_free(console->queue, console->queue_capacity);
    console->queue = NULL;
    console->queue_head = console->queue_size = console->queue_capacity = console->queue_done = 0;
}

/* How many spans are told by what has been written of a text that stands for so many: each line is one, or a part of a tree. */
static uint32_t tracei_console_told(const tracei_console *console, const char *text, size_t written, uint32_t spans) {
    uint32_t lines = 0;
    if (console->options.format != TRACE_CONSOLE_FORMAT_LINE) return 0;
    while (written) lines += text[--written] == '\n';
    return lines < spans ? lines : spans;
}

static void tracei_console_queue_fail(tracei_console *console, trace_failure why) {
    tracei_console_record record;
    for (; console->queue_head < console->queue_size; console->queue_done = 0) {
        const char *const text = console->queue + console->queue_head + sizeof record;
        uint32_t told;
        memcpy(&record, console->queue + console->queue_head, sizeof record);
        if (console->queue_done && why == TRACE_FAILURE_SHUTDOWN) console->is_torn = text[console->queue_done - 1] != '\n';
        told = tracei_console_told(console, text, console->queue_done, record.spans);
        tracei_console_account(console, TRACEI_CONSOLE_SENT, told);
        tracei_console_account(console, (int)why, record.spans - told);
        console->queue_head += sizeof record + record.size;
    }
    tracei_console_queue_release(console);
}

/* True: nothing is left. */
static bool tracei_console_drain(tracei_console *console) {
    while (console->queue_head < console->queue_size) {
        tracei_console_record record;
        memcpy(&record, console->queue + console->queue_head, sizeof record);
        console->queue_done +=
            tracei_console_write(console, console->queue + console->queue_head + sizeof record + console->queue_done,
                                 record.size - console->queue_done);
        if (console->is_dead) break;
        if (console->queue_done < record.size) return false;
        tracei_console_account(console, TRACEI_CONSOLE_SENT, record.spans);
        console->queue_head += sizeof record + record.size;
        console->queue_done = 0;
    }
    if (console->is_dead)
        tracei_console_queue_fail(console, TRACE_FAILURE_UNREACHABLE);
    else if (console->queue)
        tracei_console_queue_release(console);
    return true;
}

static bool tracei_console_queue_reserve(tracei_console *console, size_t needed) {
    size_t capacity = console->queue_capacity ? console->queue_capacity : TRACEI_CONSOLE_QUEUE / 8;
    char *larger;
    const size_t live = console->queue_size - console->queue_head;
    if (live + needed > TRACEI_CONSOLE_QUEUE) return false;
    if (console->queue && console->queue_size + needed <= console->queue_capacity) return true;
    while (capacity < live + needed) capacity *= 2;
    if (capacity == console->queue_capacity) {
        memmove(console->queue, console->queue + console->queue_head, live);
    } else {
        larger = (char *)tracei_alloc(capacity);
        if (!larger) return false;
        if (live) memcpy(larger, console->queue + console->queue_head, live);
        tracei_free(console->queue, console->queue_capacity);
        console->queue = larger;
        console->queue_capacity = capacity;
    }
    console->queue_head = 0;
    console->queue_size = live;
    return true;
}

static bool tracei_console_enqueue(tracei_console *console, const char *text, size_t size, uint32_t spans) {
    tracei_console_record record;
    if (!size) return true;
    if (size > TRACEI_CONSOLE_QUEUE || !tracei_console_queue_reserve(console, sizeof record + size)) return false;
    record.size = (uint32_t)size;
    record.spans = spans;
    memcpy(console->queue + console->queue_size, &record, sizeof record);
    memcpy(console->queue + console->queue_size + sizeof record, text, size);
    console->queue_size += sizeof record + size;
    return true;
}

static char *tracei_console_line_time(char *at, uint64_t unix_ns);

/* What the reader should know before he reads on. */
static size_t tracei_console_excuse(const tracei_console *console, char *excuse) {
    const bool line = console->options.format == TRACE_CONSOLE_FORMAT_LINE;
    char *at = excuse;
    if (console->is_torn) {
        if (console->color) memcpy(at, "\033[0m", 4), at += 4;
        *at++ = '\n';
    }
    if (console->lost) {
        if (line)
            at = tracei_console_line_time(at, tracei_unix_ns()), at += tracei_copy_word(at, " level=warn lost_spans=");
        else
            *at++ = '(';
        at = tracei_put_u64(at, console->lost);
        at += tracei_copy_word(at, line ? " msg=\"spans were not printed: the reader was too slow\"\n"
                                        : " spans were not printed: the reader was too slow)\n");
    }
    return (size_t)(at - excuse);
}

/* False: there is no room. What the reader should know first goes first. */
static bool tracei_console_enqueue_after(tracei_console *console, const char *excuse, size_t excused, const char *text,
                                         size_t size, uint32_t spans) {
    if (excused) {
        if (!tracei_console_queue_reserve(console, 2 * sizeof(tracei_console_record) + excused + size)) return false;
        if (!tracei_console_enqueue(console, excuse, excused, 0)) return false;
        console->lost = 0;
        console->is_torn = false;
    }
    return tracei_console_enqueue(console, text, size, spans);
}

/* Where flush, shutdown or exit have time, the reader is waited for: half of it at most, so that something is left for other
   exporters, and not for long, since one who takes nothing meanwhile does not read. */
static bool tracei_console_waits(tracei_console *console) {
    const uint32_t until = TRACEI_LOAD(&tracei_patience);
    const int32_t left = until ? (int32_t)(until - (uint32_t)(tracei_mono_ns() >> 20)) : 0;
    if (left <= 0 || console->has_stopped) return false;
    console->has_stopped = !tracei_console_can_write(console, left / 2 < 500 ? left / 2 : 500);
    return !console->has_stopped;
}

/* A piece of whole rows that stands for so many spans: written, queued, or counted as lost. */
static void tracei_console_put(tracei_console *console, const char *text, size_t size, uint32_t spans) {
    char excuse[192];
    size_t excused, told = 0, written = 0;
    uint32_t sent;
    if (console->kind == TRACEI_CONSOLE_FUNCTION) {
        if (size) console->options.write_fn(console->options.user, text, size);
        tracei_console_account(console, TRACEI_CONSOLE_SENT, spans);
        return;
    }
    excused = tracei_console_excuse(console, excuse);
    do {
        if (tracei_console_drain(console) && !console->is_dead) {
            told += tracei_console_write(console, excuse + told, excused - told);
            if (told == excused) {
                console->lost = 0;
                console->is_torn = false;
                written += tracei_console_write(console, text + written, size - written);
            }
        }
        sent = written == size && told == excused ? spans : tracei_console_told(console, text, written, spans);
        if (console->is_dead) break;
        if (tracei_console_enqueue_after(console, excuse + told, excused - told, text + written, size - written, spans - sent)) {
            tracei_console_account(console, TRACEI_CONSOLE_SENT, sent);
            return;
        }
    } while (tracei_console_waits(console));
    tracei_console_account(console, TRACEI_CONSOLE_SENT, sent);
    if (console->is_dead) {
        tracei_console_account(console, TRACE_FAILURE_UNREACHABLE, spans - sent);
    } else {
        console->is_torn = (told && told < excused) || (written && text[written - 1] != '\n') || console->is_torn;
        console->lost += spans - sent;
        tracei_console_account(console, TRACE_FAILURE_QUEUE_FULL, spans - sent);
    }
}

/* --- the look --- */

static bool tracei_console_is_utf8(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *at = tracei_environment(names[i]);
        if (!at) continue;
        for (; *at; at++)
            if ((at[0] == 'U' || at[0] == 'u') && (at[1] == 'T' || at[1] == 't') && (at[2] == 'F' || at[2] == 'f') &&
                (at[3] == '8' || (at[3] == '-' && at[4] == '8')))
                return true;
        return false;
    }
    return false;
}

static bool tracei_console_wants_color(const tracei_console *console) {
    const char *const forced = tracei_environment("CLICOLOR_FORCE"), *const terminal = tracei_environment("TERM");
    if (console->options.color != TRACE_CHOICE_AUTO) return console->options.color == TRACE_CHOICE_YES;
    if (tracei_environment("NO_COLOR")) return false;
    if (forced && strcmp(forced, "0") != 0) return true;
    return console->kind == TRACEI_CONSOLE_TERMINAL && (!terminal || strcmp(terminal, "dumb") != 0);
}

static uint32_t tracei_console_width(const tracei_console *console) {
    const char *const columns = tracei_environment("COLUMNS");
    trace_string text;
    uint32_t width = console->options.width;
    if (width) return width;
    if (console->kind == TRACEI_CONSOLE_TERMINAL) {
#if TRACEI_PLATFORM_POSIX && defined(TIOCGWINSZ)
        struct winsize size;
        if (ioctl(tracei_console_descriptor(console), TIOCGWINSZ, &size) == 0 && size.ws_col) return size.ws_col;
#elif TRACEI_PLATFORM_WINDOWS
        CONSOLE_SCREEN_BUFFER_INFO info;
        if (GetConsoleScreenBufferInfo(console->handle, &info) && info.srWindow.Right > info.srWindow.Left)
            return (uint32_t)(info.srWindow.Right - info.srWindow.Left) + 1;
#endif
    }
    text.data = columns ? columns : "";
    text.size = columns ? strlen(columns) : 0;
    return tracei_environment_digits(text, 1, 10000, &width) ? width : 100;
}

/* Local time where a person is looking; files are read in other places and get UTC. */
static int32_t tracei_console_zone(void) {
#if TRACEI_PLATFORM_POSIX
    const time_t now = time(NULL);
    struct tm local, utc;
    int32_t days;
    if (!localtime_r(&now, &local) || !gmtime_r(&now, &utc)) return 0;
    days = local.tm_yday - utc.tm_yday;
    if (days > 1) days = -1; /* the last day of a year here, the first one there */
    if (days < -1) days = 1;
    return ((days * 24 + local.tm_hour - utc.tm_hour) * 60 + local.tm_min - utc.tm_min) * 60;
#elif TRACEI_PLATFORM_WINDOWS
    TIME_ZONE_INFORMATION zone;
    const DWORD season = GetTimeZoneInformation(&zone);
    const LONG bias = season == TIME_ZONE_ID_INVALID
                          ? 0
                          : zone.Bias + (season == TIME_ZONE_ID_DAYLIGHT ? zone.DaylightBias : zone.StandardBias);
    return (int32_t)bias * -60;
#else
    return 0;
#endif
}

static void tracei_console_choose_look(tracei_console *console) {
    const bool terminal = console->kind == TRACEI_CONSOLE_TERMINAL;
#if defined(__linux__) && TRACEI_PLATFORM_POSIX
    if (tracei_read_file("/proc/self/comm", console->program, sizeof console->program))
        console->program[strcspn(console->program, "\n")] = '\0';
#endif
    console->color = tracei_console_wants_color(console);
#if TRACEI_PLATFORM_WINDOWS
    if (terminal) {
        DWORD mode = 0;
        (void)GetConsoleMode(console->handle, &mode);
        if (console->color && !SetConsoleMode(console->handle, mode | 0x0004u /* ENABLE_VIRTUAL_TERMINAL_PROCESSING */))
            console->color = false;
    }
    console->unicode = terminal || tracei_console_is_utf8();
#else
    console->unicode = tracei_console_is_utf8();
#endif
    if (console->options.unicode != TRACE_CHOICE_AUTO) console->unicode = console->options.unicode == TRACE_CHOICE_YES;
    /* who gives a width or wants colour has something like a terminal */
    console->rich = terminal || console->color || console->options.width != 0;
    console->glyphs = !console->unicode ? &tracei_console_ascii : console->rich ? &tracei_console_unicode : &tracei_console_words;
    console->zone = console->rich ? tracei_console_zone() : 0;
}

static void tracei_console_refresh(tracei_console *console) {
    bool changed = false;
    tracei_lock(&console->lock);
    if (console->renew) {
        console->renew = false;
        console->options = console->wanted;
        console->target[2] = 0;
        changed = true;
    }
    tracei_unlock(&console->lock);
    if (console->options.write_fn) {
        console->kind = TRACEI_CONSOLE_FUNCTION;
    } else {
        if (changed) tracei_console_close(console);
        if (tracei_console_look_at_target(console)) changed = true;
    }
    if (changed || !console->glyphs) tracei_console_choose_look(console);
    console->width = tracei_console_width(console);
    console->limit = console->rich ? console->width : 0;
    console->block = console->rich && console->width < 116 ? (console->width > 56 ? (console->width - 44) / 3 : 4) : 24;
}

/* --- rows: cells --- */

#define TRACEI_BOLD "\033[1m"
#define TRACEI_DIM "\033[2m"
#define TRACEI_RED "\033[31m"
#define TRACEI_GREEN "\033[32m"
#define TRACEI_YELLOW "\033[33m"
#define TRACEI_CYAN "\033[36m"
#define TRACEI_PLAIN "\033[0m"

static bool tracei_console_page_reserve(tracei_console *console, size_t needed) {
    size_t capacity = console->page_capacity ? console->page_capacity : TRACEI_CONSOLE_PAGE;
    char *larger;
    if (needed <= console->page_capacity - console->page_size) return true;
    if (needed > SIZE_MAX / 4 - console->page_size) return false;
    while (capacity - console->page_size < needed) capacity *= 2;
    larger = (char *)tracei_alloc(capacity);
    if (!larger) return false;
    if (console->page_size) memcpy(larger, console->page, console->page_size);
    tracei_free(console->page, console->page_capacity);
    console->page = larger;
    console->page_capacity = capacity;
    return true;
}

/* Bytes that take no column, or whose columns the caller counts. */
static void tracei_console_raw(tracei_console *console, const char *bytes, size_t size) {
    if (!size) return;
    if (console->full || !tracei_console_page_reserve(console, size)) {
        console->full = true;
        return;
    }
    memcpy(console->page + console->page_size, bytes, size);
    console->page_size += size;
}

static void tracei_console_end_style(tracei_console *console) {
    if (console->styled) tracei_console_raw(console, TRACEI_PLAIN, strlen(TRACEI_PLAIN));
    console->style = NULL;
    console->styled = false;
}

/* One at a time. Its escape waits for the first cell: what is empty, or cut off, has none. */
static void tracei_console_style(tracei_console *console, const char *escape) {
    tracei_console_end_style(console);
    if (console->color && *escape) console->style = escape;
}

static void tracei_console_write_style(tracei_console *console) {
    if (!console->style || console->styled) return;
    tracei_console_raw(console, console->style, strlen(console->style));
    console->styled = true;
}

/* One character. While clipping, the row is cut where the first one does not fit. */
static void tracei_console_cell(tracei_console *console, const char *bytes, size_t size, uint32_t columns) {
    if (console->clipping) {
        const uint32_t ellipsis = console->unicode ? 1 : 3;
        if (console->clipped) return;
        if (!console->has_cut && console->column + columns + ellipsis > console->limit) {
            console->cut = console->page_size;
            console->cut_column = console->column;
            console->cut_style = console->style;
            console->cut_styled = console->styled;
            console->has_cut = true;
        }
        if (console->column + columns > console->limit) {
            if (!console->full) console->page_size = console->cut;
            console->column = console->cut_column;
            console->style = console->cut_style;
            console->styled = console->cut_styled;
            console->clipped = true;
            if (console->column + ellipsis > console->limit) return; /* what may not be cut has come so far already */
            tracei_console_write_style(console);
            tracei_console_raw(console, console->glyphs->ellipsis, strlen(console->glyphs->ellipsis));
            console->column += ellipsis;
            return;
        }
    }
    tracei_console_write_style(console);
    tracei_console_raw(console, bytes, size);
    console->column += columns;
}

/* What follows may be cut at the edge; `clipped` tells afterwards whether it was. */
static void tracei_console_clip(tracei_console *console, bool on) {
    console->clipping = on && console->limit;
    if (console->clipping) console->has_cut = console->clipped = false;
}

/* Our own words: each code point is one column. */
static void tracei_console_words_of(tracei_console *console, const char *text) {
    while (*text) {
        size_t size = 1;
        while (((unsigned char)text[size] & 0xc0) == 0x80) size++;
        tracei_console_cell(console, text, size, 1);
        text += size;
    }
}

static void tracei_console_spaces(tracei_console *console, uint32_t count) {
    static const char blank[] = "                                ";
    if (console->clipping) {
        while (count--) tracei_console_cell(console, " ", 1, 1);
        return;
    }
    console->column += count;
    if (count) tracei_console_write_style(console);
    for (; count > 32; count -= 32) tracei_console_raw(console, blank, 32);
    tracei_console_raw(console, blank, count);
}

static void tracei_console_number(tracei_console *console, uint64_t value) {
    char digits[24];
    *tracei_put_u64(digits, value) = '\0';
    tracei_console_words_of(console, digits);
}

static void tracei_console_hex(tracei_console *console, const uint8_t *bytes, size_t count) {
    char digits[40];
    *tracei_put_hex(digits, bytes, count) = '\0';
    tracei_console_words_of(console, digits);
}

/* --- rows: text from outside --- */

/* East Asian wide among the signs of the first plane: what terminals show as pictures. */
static const uint16_t tracei_console_wide[][2] = {
    {0x231a, 0x231b}, {0x23e9, 0x23ec}, {0x23f0, 0x23f0}, {0x23f3, 0x23f3}, {0x25fd, 0x25fe}, {0x2614, 0x2615}, {0x2648, 0x2653},
    {0x267f, 0x267f}, {0x2693, 0x2693}, {0x26a1, 0x26a1}, {0x26aa, 0x26ab}, {0x26bd, 0x26be}, {0x26c4, 0x26c5}, {0x26ce, 0x26ce},
    {0x26d4, 0x26d4}, {0x26ea, 0x26ea}, {0x26f2, 0x26f3}, {0x26f5, 0x26f5}, {0x26fa, 0x26fa}, {0x26fd, 0x26fd}, {0x2705, 0x2705},
    {0x270a, 0x270b}, {0x2728, 0x2728}, {0x274c, 0x274c}, {0x274e, 0x274e}, {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797},
    {0x27b0, 0x27b0}, {0x27bf, 0x27bf}, {0x2b1b, 0x2b1c}, {0x2b50, 0x2b50}, {0x2b55, 0x2b55}};

static uint32_t tracei_console_decode(const char *text, size_t size) {
    const unsigned char *const b = (const unsigned char *)text;
    if (size == 2) return ((uint32_t)(b[0] & 0x1f) << 6) | (b[1] & 0x3f);
    if (size == 3) return ((uint32_t)(b[0] & 0x0f) << 12) | ((uint32_t)(b[1] & 0x3f) << 6) | (b[2] & 0x3f);
    return ((uint32_t)(b[0] & 0x07) << 18) | ((uint32_t)(b[1] & 0x3f) << 12) | ((uint32_t)(b[2] & 0x3f) << 6) | (b[3] & 0x3f);
}

static bool tracei_console_in(uint32_t code, uint32_t low, uint32_t high) {
    return code >= low && code <= high;
}

static uint32_t tracei_console_columns(uint32_t code) {
    size_t i;
    if (tracei_console_in(code, 0x300, 0x36f) || tracei_console_in(code, 0x1ab0, 0x1aff) ||
        tracei_console_in(code, 0x20d0, 0x20ff) || tracei_console_in(code, 0x200b, 0x200d) ||
        tracei_console_in(code, 0xfe00, 0xfe0f) || tracei_console_in(code, 0xfe20, 0xfe2f))
        return 0;
    if (tracei_console_in(code, 0x1100, 0x115f) || tracei_console_in(code, 0x2e80, 0xa4cf) ||
        tracei_console_in(code, 0xac00, 0xd7a3) || tracei_console_in(code, 0xf900, 0xfaff) ||
        tracei_console_in(code, 0xfe30, 0xfe6f) || tracei_console_in(code, 0xff00, 0xff60) ||
        tracei_console_in(code, 0xffe0, 0xffe6) || tracei_console_in(code, 0x1f18e, 0x1f64f) ||
        tracei_console_in(code, 0x1f680, 0x1f6ff) || tracei_console_in(code, 0x1f7e0, 0x1f7f0) ||
        tracei_console_in(code, 0x1f900, 0x1faff) || tracei_console_in(code, 0x20000, 0x3fffd))
        return 2;
    for (i = 0; i < sizeof tracei_console_wide / sizeof tracei_console_wide[0]; i++)
        if (tracei_console_in(code, tracei_console_wide[i][0], tracei_console_wide[i][1])) return 2;
    return 1;
}

/* What makes a terminal show something other than what is there: C1 controls, directions, invisible line ends. */
static bool tracei_console_is_treacherous(uint32_t code) {
    return tracei_console_in(code, 0x80, 0x9f) || code == 0x61c || code == 0x200e || code == 0x200f ||
           tracei_console_in(code, 0x2028, 0x202e) || tracei_console_in(code, 0x2066, 0x2069) || code == 0xfeff;
}

static void tracei_console_escape(tracei_console *console, uint32_t code) {
    char text[12];
    const uint32_t digits = code < 0x100 ? 2 : code < 0x10000 ? 4 : 8;
    uint32_t i;
    text[0] = '\\';
    text[1] = digits == 2 ? 'x' : digits == 4 ? 'u' : 'U';
    for (i = 0; i < digits; i++) text[2 + i] = "0123456789abcdef"[code >> (4 * (digits - 1 - i)) & 15];
    tracei_console_cell(console, text, digits + 2, digits + 2);
}

static void tracei_console_beyond_ascii(tracei_console *console, const char *text, size_t size) {
    const uint32_t code = tracei_console_decode(text, size);
    if (!console->unicode || tracei_console_is_treacherous(code))
        tracei_console_escape(console, code);
    else
        tracei_console_cell(console, text, size, tracei_console_columns(code));
}

static bool tracei_console_is_printable(char c) {
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f;
}

static void tracei_console_text(tracei_console *console, const char *text, size_t size) {
    while (size && !(console->clipping && console->clipped)) {
        size_t step = 1;
        if (tracei_console_is_printable(*text)) {
            while (!console->clipping && step < size && tracei_console_is_printable(text[step])) step++;
            tracei_console_cell(console, text, step, (uint32_t)step);
        } else if ((unsigned char)*text < 0x80) {
            tracei_console_escape(console, (unsigned char)*text);
        } else {
            const int length = tracei_utf8_step(text, size);
            step = (size_t)(length < 0 ? -length : length);
            if (length < 0)
                tracei_console_words_of(console, console->glyphs->unknown);
            else
                tracei_console_beyond_ascii(console, text, step);
        }
        text += step;
        size -= step;
    }
}

static void tracei_console_string(tracei_console *console, trace_string string) {
    tracei_console_text(console, string.data, string.size);
}

/* What is shown in place of a name that shows nothing. */
static trace_string tracei_console_shown(trace_string name) {
    static const char none[] = "(no name)";
    size_t i = 0;
    while (i < name.size && name.data[i] == ' ') i++;
    if (i < name.size) return name;
    name.data = none;
    name.size = sizeof none - 1;
    return name;
}

/* A name: the first to give way in a row that is too long, see tracei_console_shorten. */
static void tracei_console_named(tracei_console *console, trace_string name) {
    const uint32_t from = console->column, limit = console->limit;
    const bool short_of_room = console->name_room && !console->clipping;
    name = tracei_console_shown(name);
    if (short_of_room) {
        console->limit = from + console->name_room;
        tracei_console_clip(console, true);
    }
    tracei_console_string(console, name);
    if (short_of_room) {
        tracei_console_clip(console, false);
        console->clipped = false;
        console->limit = limit;
    }
    console->names++;
    console->name_columns += console->column - from;
    if (console->column - from > console->name_longest) console->name_longest = console->column - from;
}

/* What a name would take. */
static uint32_t tracei_console_measure(tracei_console *console, trace_string text) {
    const size_t size = console->page_size;
    const uint32_t from = console->column;
    uint32_t columns;
    tracei_console_string(console, text);
    columns = console->column - from;
    console->page_size = size;
    console->column = from;
    return columns;
}

static uint32_t tracei_console_name_least(const tracei_console *console) {
    return console->limit < TRACEI_CONSOLE_NARROW ? 5 : 12;
}

/* True: the row is longer than the terminal is wide, has been taken back, and is to be drawn again, with its names cut. What went
   wrong is never cut: where names cannot make room for it, they make room for the rest and it wraps. */
static bool tracei_console_shorten(tracei_console *console) {
    const uint32_t least = tracei_console_name_least(console), own = console->column - console->told;
    uint32_t over = console->column - console->limit, room;
    if (!console->limit || console->column <= console->limit || console->name_room || !console->names || console->full)
        return false;
    if (console->name_longest < over + least) over = own > console->limit ? own - console->limit : 0;
    if (!over) return false;
    room = console->name_columns > over ? (console->name_columns - over) / console->names : 0;
    if (console->name_longest > over && console->name_longest - over > room) room = console->name_longest - over;
    console->name_room = room > least ? room : least;
    console->page_size = console->row;
    return true;
}

static bool tracei_console_is_bare(trace_string string) {
    size_t i;
    for (i = 0; i < string.size; i++) {
        const char c = string.data[i];
        if (c == ' ' || c == '"' || c == '=' || (unsigned char)c < 0x20) return false;
    }
    return string.size != 0;
}

/* In quotes where it would not be told from what stands beside it. */
static void tracei_console_quoted(tracei_console *console, trace_string string) {
    size_t from = 0, i;
    if (tracei_console_is_bare(string)) {
        tracei_console_string(console, string);
        return;
    }
    tracei_console_cell(console, "\"", 1, 1);
    for (i = 0; i < string.size; i++) {
        if (string.data[i] != '"' && string.data[i] != '\\') continue;
        tracei_console_text(console, string.data + from, i - from);
        tracei_console_cell(console, "\\", 1, 1);
        from = i;
    }
    tracei_console_text(console, string.data + from, string.size - from);
    tracei_console_cell(console, "\"", 1, 1);
}

static void tracei_console_bytes(tracei_console *console, trace_string bytes) {
    const size_t shown = bytes.size < 32 ? bytes.size : 32;
    size_t i;
    tracei_console_words_of(console, "0x");
    for (i = 0; i < shown; i++) tracei_console_hex(console, (const uint8_t *)bytes.data + i, 1);
    if (shown == bytes.size) return;
    tracei_console_words_of(console, console->glyphs->ellipsis);
    tracei_console_words_of(console, "(");
    tracei_console_number(console, bytes.size);
    tracei_console_words_of(console, " bytes)");
}

static void tracei_console_value(tracei_console *console, const trace_value *value, int depth) {
    char digits[40];
    size_t i;
    switch (value->type) {
    case TRACE_TYPE_STRING: tracei_console_quoted(console, value->as.string); break;
    case TRACE_TYPE_JSON: tracei_console_string(console, value->as.string); break;
    case TRACE_TYPE_BYTES: tracei_console_bytes(console, value->as.bytes); break;
    case TRACE_TYPE_BOOL: tracei_console_words_of(console, value->as.boolean ? "true" : "false"); break;
    case TRACE_TYPE_INT:
        *tracei_put_i64(digits, value->as.integer) = '\0';
        tracei_console_words_of(console, digits);
        break;
    case TRACE_TYPE_DOUBLE:
        *tracei_put_number(digits, value->as.number) = '\0';
        tracei_console_words_of(console, digits);
        break;
    case TRACE_TYPE_ARRAY:
        tracei_console_words_of(console, "[");
        for (i = 0; i < value->as.array.count && depth < TRACEI_DEPTH_MAX && !console->clipped; i++) {
            if (i) tracei_console_words_of(console, ",");
            tracei_console_value(console, &value->as.array.items[i], depth + 1);
        }
        tracei_console_words_of(console, "]");
        break;
    default: tracei_console_words_of(console, "null"); break;
    }
}

/* --- rows: times --- */

/* "41.3 ms": so many significant digits, at least the whole number; terminated, at most 24 bytes. */
static void tracei_console_time(char *at, uint64_t ns, unsigned digits, const char *micro) {
    static const uint64_t sizes[] = {1, 1000, 1000000, 1000000000, 60000000000u, 3600000000000u};
    static const uint32_t powers[] = {1, 10, 100, 1000};
    const char *const names[] = {"ns", micro, "ms", "s", "m", "h"};
    unsigned unit, decimals = 0;
    uint64_t scaled = 0;
    for (unit = 0; unit < 6; unit++) {
        const uint64_t size = sizes[unit], most = unit == 3 ? 60 : unit == 4 ? 100 : 1000;
        if (unit < 5 && ns / size >= most) continue;
        decimals = unit == 0 || ns > UINT64_MAX / 1000 ? 0 : digits - 1;
        for (;; decimals--) {
            scaled = (ns * powers[decimals] + (decimals || ns < UINT64_MAX / 2 ? size / 2 : 0)) / size;
            if (decimals == 0 || scaled < powers[digits]) break;
        }
        if (unit == 5 || scaled < most * powers[decimals]) break; /* else rounding has made it a whole next unit */
    }
    at = tracei_put_u64(at, scaled / powers[decimals]);
    if (decimals) {
        *at++ = '.';
        if (decimals == 2) *at++ = (char)('0' + scaled / 10 % 10);
        *at++ = (char)('0' + scaled % 10);
    }
    *at++ = ' ';
    strcpy(at, names[unit]);
}

static uint32_t tracei_console_words_size(const char *text) {
    uint32_t columns = 0;
    for (; *text; text++) columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

static void tracei_console_right(tracei_console *console, const char *text, uint32_t columns) {
    const uint32_t size = tracei_console_words_size(text);
    if (size < columns) tracei_console_spaces(console, columns - size);
    tracei_console_words_of(console, text);
}

static void tracei_console_duration(tracei_console *console, const char *label, uint64_t ns, unsigned digits) {
    char text[24];
    tracei_console_time(text, ns, digits, console->glyphs->micro);
    tracei_console_words_of(console, label);
    tracei_console_words_of(console, text);
}

static char *tracei_console_two(char *at, uint32_t value) {
    memcpy(at, tracei_digit_pairs + 2 * (value % 100), 2);
    return at + 2;
}

static char *tracei_console_hms(char *at, uint64_t unix_s) {
    const uint32_t day = (uint32_t)(unix_s % 86400);
    at = tracei_console_two(at, day / 3600);
    *at++ = ':';
    at = tracei_console_two(at, day / 60 % 60);
    *at++ = ':';
    return tracei_console_two(at, day % 60);
}

/* "2026-03-01T"; from the days since 1970-01-01, in years that begin in March (so the leap day is the last). */
static char *tracei_console_date(char *at, uint64_t unix_s) {
    const uint64_t days = unix_s / 86400 + 719468, era = days / 146097, in_era = days % 146097;
    const uint64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    const uint64_t in_year = in_era - (365 * year + year / 4 - year / 100), month = (5 * in_year + 2) / 153;
    at = tracei_put_u64(at, era * 400 + year + (month >= 10));
    *at++ = '-';
    at = tracei_console_two(at, (uint32_t)(month < 10 ? month + 3 : month - 9));
    *at++ = '-';
    at = tracei_console_two(at, (uint32_t)(in_year - (153 * month + 2) / 5 + 1));
    *at++ = 'T';
    return at;
}

/* The fraction has 3 or 6 digits. */
static char *tracei_console_fraction(char *at, uint64_t unix_ns, unsigned digits) {
    uint32_t rest = (uint32_t)(unix_ns % 1000000000u);
    *at++ = '.';
    for (; digits; digits--) {
        *at++ = (char)('0' + rest / 100000000u);
        rest = rest % 100000000u * 10;
    }
    return at;
}

static uint64_t tracei_console_local(const tracei_console *console, uint64_t unix_s) {
    return console->zone < 0 && unix_s < (uint64_t)-console->zone ? 0 : unix_s + (uint64_t)(int64_t)console->zone;
}

static void tracei_console_clock(tracei_console *console, uint64_t unix_ns) {
    char text[48], *at = text;
    const uint64_t unix_s = tracei_console_local(console, unix_ns / 1000000000u);
    if (!console->rich) at = tracei_console_date(at, unix_s);
    at = tracei_console_hms(at, unix_s);
    at = tracei_console_fraction(at, unix_ns, 3);
    if (!console->rich) *at++ = 'Z';
    *at = '\0';
    tracei_console_words_of(console, text);
}

/* --- rows: from beginning to end --- */

static void tracei_console_page_put(tracei_console *console) {
    if (console->page_size) tracei_console_put(console, console->page, console->page_size, console->page_spans);
    console->page_size = 0;
    console->page_spans = 0;
}

static void tracei_console_row_begin(tracei_console *console, const trace_span_data *span) {
    console->row = console->page_size;
    console->row_span = span;
    console->column = console->cut_column = 0;
    console->names = console->name_columns = console->name_longest = console->told = 0;
    console->full = console->clipping = console->clipped = console->styled = false;
    console->style = NULL;
}

/* In place of a row for which there was no memory. */
static void tracei_console_short_row(tracei_console *console, uint32_t spans) {
    static const char why[] = "  (no memory to say more)\n";
    char text[160], *at = text;
    const trace_span_data *const span = console->row_span;
    console->page_size = console->row;
    tracei_console_page_put(console);
    if (span) {
        size_t i;
        tracei_console_time(at, span->end_unix_ns > span->start_unix_ns ? span->end_unix_ns - span->start_unix_ns : 0, 3, "us");
        at += strlen(at);
        *at++ = ' ', *at++ = ' ';
        for (i = 0; i < span->name.size && i < 80; i++)
            *at++ = tracei_console_is_printable(span->name.data[i]) ? span->name.data[i] : '?';
    }
    memcpy(at, why, sizeof why - 1);
    tracei_console_put(console, text, (size_t)(at - text) + sizeof why - 1, spans);
}

static void tracei_console_row_end(tracei_console *console, uint32_t spans) {
    console->clipping = false;
    console->name_room = 0;
    tracei_console_end_style(console); /* of what was cut */
    tracei_console_raw(console, "\n", 1);
    console->rows++;
    console->batch_left -= spans;
    if (console->full) {
        tracei_console_short_row(console, spans);
        return;
    }
    console->page_spans += spans;
    if (console->page_size >= TRACEI_CONSOLE_PIECE) tracei_console_page_put(console);
}

/* --- trees: building --- */

static void tracei_console_sift(tracei_console_key *keys, size_t at, size_t end) {
    const tracei_console_key moved = keys[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= end) break;
        if (child + 1 < end && (keys[child].key < keys[child + 1].key ||
                                (keys[child].key == keys[child + 1].key && keys[child].index < keys[child + 1].index)))
            child++;
        if (moved.key > keys[child].key || (moved.key == keys[child].key && moved.index >= keys[child].index)) break;
        keys[at] = keys[child];
        at = child;
    }
    keys[at] = moved;
}

/* By key, then by index. In place, because qsort may allocate. */
static void tracei_console_sort(tracei_console_key *keys, size_t count) {
    size_t i;
    for (i = count / 2; i-- > 0;) tracei_console_sift(keys, i, count);
    for (i = count; i-- > 1;) {
        const tracei_console_key top = keys[0];
        keys[0] = keys[i];
        keys[i] = top;
        tracei_console_sift(keys, 0, i);
    }
}

static uint64_t tracei_console_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t tracei_console_hash(trace_string string, uint64_t hash) {
    size_t i;
    hash ^= UINT64_C(0xcbf29ce484222325);
    for (i = 0; i < string.size; i++) hash = (hash ^ (unsigned char)string.data[i]) * UINT64_C(0x100000001b3);
    return tracei_console_mix(hash);
}

static uint32_t tracei_console_slot(const tracei_console *console, const uint8_t *span_id) {
    uint64_t id;
    uint32_t at;
    memcpy(&id, span_id, sizeof id);
    at = (uint32_t)tracei_console_mix(id) & console->table_mask;
    while (console->table[at] != TRACEI_CONSOLE_NONE &&
           memcmp(console->batch->spans[console->table[at]].span_id, span_id, 8) != 0)
        at = (at + 1) & console->table_mask;
    return at;
}

static uint64_t tracei_console_length(const trace_span_data *span) {
    return span->end_unix_ns > span->start_unix_ns ? span->end_unix_ns - span->start_unix_ns : 0;
}

static bool tracei_console_scratch_reserve(tracei_console *console, uint32_t count) {
    size_t slots = 8, keys = count, needed, i;
    for (i = 0; i < count; i++) /* they are sorted too */
        if (console->batch->spans[i].event_count > keys) keys = console->batch->spans[i].event_count;
    while (slots < (size_t)count * 2) slots *= 2;
    needed = ((size_t)count + 1) * sizeof *console->nodes + keys * sizeof *console->keys + slots * sizeof *console->table;
    if (needed > console->scratch_size) {
        tracei_free(console->scratch, console->scratch_size);
        console->scratch_size = 0;
        console->scratch = (unsigned char *)tracei_alloc(needed);
        if (!console->scratch) return false;
        console->scratch_size = needed;
    }
    console->nodes = (tracei_console_node *)(void *)console->scratch;
    console->keys = (tracei_console_key *)(void *)(console->nodes + count + 1);
    console->table = (uint32_t *)(void *)(console->keys + keys);
    console->table_mask = (uint32_t)(slots - 1);
    memset((void *)console->nodes, 0, ((size_t)count + 1) * sizeof *console->nodes);
    memset((void *)console->table, 0xff, slots * sizeof *console->table);
    return true;
}

static void tracei_console_scratch_trim(tracei_console *console) {
    if (console->count <= TRACEI_CONSOLE_KEEP) return;
    tracei_free(console->scratch, console->scratch_size);
    console->scratch = NULL;
    console->scratch_size = 0;
}

static bool tracei_console_is_zero(const uint8_t *id, size_t size) {
    while (size && !*id) id++, size--;
    return size == 0;
}

/* The batch is a part of a trace: its root is still open. */
static bool tracei_console_is_part(const trace_batch *batch) {
    return batch->root && batch->root->end_unix_ns == 0 && !batch->late;
}

/* A remote parent is somewhere else; where the root is open, what lies between may be as well. */
static bool tracei_console_is_orphan(const tracei_console *console, const trace_span_data *span) {
    if (tracei_console_is_zero(span->parent_span_id, 8) || span->parent_is_remote || span->is_local_root ||
        span == console->batch->root)
        return false;
    return !console->batch->late && !tracei_console_is_part(console->batch);
}

static void tracei_console_find_parents(tracei_console *console) {
    tracei_console_node *const nodes = console->nodes;
    const trace_span_data *const spans = console->batch->spans;
    uint32_t i;
    for (i = 0; i < console->count; i++) {
        const uint32_t slot = tracei_console_slot(console, spans[i].span_id);
        if (console->table[slot] == TRACEI_CONSOLE_NONE) console->table[slot] = i;
    }
    for (i = 0; i < console->count; i++) {
        uint32_t parent = TRACEI_CONSOLE_NONE;
        if (&spans[i] != console->batch->root && !tracei_console_is_zero(spans[i].parent_span_id, 8))
            parent = console->table[tracei_console_slot(console, spans[i].parent_span_id)];
        nodes[i].orphan = parent == TRACEI_CONSOLE_NONE && tracei_console_is_orphan(console, &spans[i]);
        nodes[i].parent = parent == TRACEI_CONSOLE_NONE ? console->count : parent;
    }
}

/* Each chain of parents is walked once; one that comes back to itself is cut there. `peer` is the number of the walk. */
static void tracei_console_cut_cycles(tracei_console *console) {
    tracei_console_node *const nodes = console->nodes;
    uint32_t i;
    for (i = 0; i < console->count; i++) {
        uint32_t at = i;
        for (; at != console->count && !nodes[at].peer; at = nodes[at].parent) {
            nodes[at].peer = i + 1;
            if (nodes[at].parent != console->count && nodes[nodes[at].parent].peer == i + 1) {
                nodes[at].parent = console->count;
                nodes[at].orphan = true;
            }
        }
    }
}

static void tracei_console_link_children(tracei_console *console) {
    tracei_console_node *const nodes = console->nodes;
    uint32_t i;
    for (i = 0; i <= console->count; i++)
        nodes[i].first = nodes[i].next = nodes[i].leader = nodes[i].peer = nodes[i].failed = TRACEI_CONSOLE_NONE;
    for (i = console->count; i-- > 0;) { /* backward, so that lists are in order of their starts */
        tracei_console_node *const parent = &nodes[nodes[i].parent];
        nodes[i].next = parent->first;
        parent->first = i;
    }
}

/* The next node of the tree below `top`, parents first; NONE after the last. */
static uint32_t tracei_console_step(const tracei_console *console, uint32_t top, uint32_t at, bool below) {
    const tracei_console_node *const nodes = console->nodes;
    if (below && nodes[at].first != TRACEI_CONSOLE_NONE) return nodes[at].first;
    while (at != top && nodes[at].next == TRACEI_CONSOLE_NONE) at = nodes[at].parent;
    return at == top ? TRACEI_CONSOLE_NONE : nodes[at].next;
}

/* Whose row a span is in: its own, or the one of all those alike. */
static uint32_t tracei_console_leader(const tracei_console *console, uint32_t at) {
    return console->nodes[at].leader == TRACEI_CONSOLE_NONE ? at : console->nodes[at].leader;
}

static bool tracei_console_leads(const tracei_console *console, uint32_t at) {
    return tracei_console_leader(console, at) == at;
}

static void tracei_console_note_siblings(tracei_console *console, uint32_t parent) {
    tracei_console_node *const nodes = console->nodes;
    uint32_t child, last = TRACEI_CONSOLE_NONE;
    for (child = nodes[parent].first; child != TRACEI_CONSOLE_NONE; child = nodes[child].next) {
        nodes[child].more = false;
        if (!tracei_console_leads(console, child)) continue;
        if (last != TRACEI_CONSOLE_NONE) nodes[last].more = true;
        last = child;
    }
}

/* Children that are alike stand side by side after the sort. Folds them and gives their parent its shape. */
static void tracei_console_fold_children(tracei_console *console, uint32_t parent, bool fold) {
    tracei_console_node *const nodes = console->nodes;
    tracei_console_key *const keys = console->keys;
    uint64_t shape = parent == console->count ? 0 : tracei_console_mix((uint64_t)console->batch->spans[parent].kind);
    uint32_t count = 0, from, to, child;
    for (child = nodes[parent].first; child != TRACEI_CONSOLE_NONE; child = nodes[child].next) {
        keys[count].key = nodes[child].shape;
        keys[count++].index = child;
    }
    if (count > 1) tracei_console_sort(keys, count);
    for (from = 0; from < count; from = to) {
        for (to = from + 1; to < count && keys[to].key == keys[from].key; to++) {}
        shape = tracei_console_mix(shape ^ keys[from].key) + 1;
        if (!fold || to - from < TRACEI_CONSOLE_FOLD) continue;
        for (child = from; child < to; child++) {
            nodes[keys[child].index].leader = keys[from].index;
            nodes[keys[child].index].peer = child + 1 < to ? keys[child + 1].index : TRACEI_CONSOLE_NONE;
        }
    }
    tracei_console_note_siblings(console, parent);
    nodes[parent].shape = parent == console->count ? 0 : tracei_console_hash(console->batch->spans[parent].name, shape);
}

/* Time in which no child ran; the children are sorted by their starts. */
static uint64_t tracei_console_self(const tracei_console *console, uint32_t parent) {
    const trace_span_data *const spans = console->batch->spans, *const span = &spans[parent];
    uint64_t at = span->start_unix_ns, self = 0;
    uint32_t child;
    for (child = console->nodes[parent].first; child != TRACEI_CONSOLE_NONE; child = console->nodes[child].next) {
        const uint64_t start = spans[child].start_unix_ns, end = spans[child].end_unix_ns;
        if (start > span->end_unix_ns) break;
        if (start > at) self += start - at;
        if (end > at) at = end;
    }
    return span->end_unix_ns > at ? self + (span->end_unix_ns - at) : self;
}

static void tracei_console_add_to_parent(tracei_console *console, uint32_t at) {
    tracei_console_node *const node = &console->nodes[at], *const parent = &console->nodes[node->parent];
    const bool is_failed = console->batch->spans[at].status == TRACE_STATUS_ERROR;
    node->spans++;
    node->errors += is_failed;
    if (is_failed) node->failed = at;
    parent->spans += node->spans;
    parent->errors += node->errors;
    if (node->failed < parent->failed) parent->failed = node->failed;
}

/* Children before parents: down to the first leaf, then to the next sibling's first leaf or up. */
static void tracei_console_sum_up(tracei_console *console, bool fold) {
    tracei_console_node *const nodes = console->nodes;
    uint32_t at = console->count;
    for (;;) {
        while (nodes[at].first != TRACEI_CONSOLE_NONE) {
            nodes[nodes[at].first].depth = at == console->count ? 0 : nodes[at].depth + 1;
            at = nodes[at].first;
        }
        for (;;) {
            tracei_console_fold_children(console, at, fold);
            if (at == console->count) return;
            nodes[at].self = tracei_console_self(console, at);
            tracei_console_add_to_parent(console, at);
            if (nodes[at].next != TRACEI_CONSOLE_NONE) {
                nodes[nodes[at].next].depth = nodes[at].depth;
                at = nodes[at].next;
                break;
            }
            at = nodes[at].parent;
        }
    }
}

static bool tracei_console_build(tracei_console *console, const trace_batch *batch) {
    if (batch->span_count >= TRACEI_CONSOLE_NONE / 4) return false;
    console->batch = batch;
    console->count = (uint32_t)batch->span_count;
    if (!tracei_console_scratch_reserve(console, console->count)) return false;
    tracei_console_find_parents(console);
    tracei_console_cut_cycles(console);
    tracei_console_link_children(console);
    tracei_console_sum_up(console, console->options.format == TRACE_CONSOLE_FORMAT_TREE);
    return true;
}

/* --- trees: too many rows --- */

/* What speaks for a row: an error, else the time it stands for. */
static uint64_t tracei_console_weight(const tracei_console *console, uint32_t at) {
    uint64_t sum = 0;
    uint32_t peer = at;
    do {
        if (console->batch->spans[peer].status == TRACE_STATUS_ERROR) return UINT64_MAX;
        if (console->nodes[at].leader == at && console->nodes[peer].errors) return UINT64_MAX;
        sum = tracei_add_capped(sum, tracei_console_length(&console->batch->spans[peer]));
        peer = console->nodes[at].leader == at ? console->nodes[peer].peer : TRACEI_CONSOLE_NONE;
    } while (peer != TRACEI_CONSOLE_NONE);
    return sum;
}

/* The children without a row become one, where the last of them stands; a single one without children keeps its own. */
static void tracei_console_fold_rest(tracei_console *console, uint32_t parent) {
    tracei_console_node *const nodes = console->nodes;
    uint32_t child, last = TRACEI_CONSOLE_NONE, before = TRACEI_CONSOLE_NONE, first = TRACEI_CONSOLE_NONE;
    for (child = nodes[parent].first; child != TRACEI_CONSOLE_NONE; child = nodes[child].next)
        if (!nodes[tracei_console_leader(console, child)].kept) {
            if (first == TRACEI_CONSOLE_NONE) first = child;
            last = child;
        }
    if (first == last && (first == TRACEI_CONSOLE_NONE || nodes[first].first == TRACEI_CONSOLE_NONE)) return;
    for (child = first;; child = nodes[child].next) {
        if (nodes[tracei_console_leader(console, child)].kept) continue;
        if (before != TRACEI_CONSOLE_NONE) nodes[before].peer = child;
        if (child == last) break;
        nodes[child].leader = last;
        before = child;
    }
    if (before != TRACEI_CONSOLE_NONE) nodes[before].peer = TRACEI_CONSOLE_NONE;
    nodes[last].leader = last;
    nodes[last].peer = first == last ? TRACEI_CONSOLE_NONE : first;
    nodes[last].rest = true;
    tracei_console_note_siblings(console, parent);
}

/* Errors and what took longest keep their rows, and all above them; the rest of each level becomes one. */
static void tracei_console_prune(tracei_console *console, uint32_t top) {
    tracei_console_node *const nodes = console->nodes;
    tracei_console_key *const keys = console->keys;
    uint32_t at, rows = 0, i;
    for (at = tracei_console_step(console, top, top, true); at != TRACEI_CONSOLE_NONE;
         at = tracei_console_step(console, top, at, nodes[at].leader == TRACEI_CONSOLE_NONE)) {
        if (!tracei_console_leads(console, at)) continue;
        keys[rows].key = tracei_console_weight(console, at);
        keys[rows++].index = console->count - at; /* of equals the first ones stay */
    }
    if (rows <= TRACEI_CONSOLE_ROWS) return;
    tracei_console_sort(keys, rows);
    for (i = rows - TRACEI_CONSOLE_ROWS; i < rows; i++)
        for (at = console->count - keys[i].index; at != top && !nodes[at].kept; at = nodes[at].parent) nodes[at].kept = true;
    for (at = top; at != TRACEI_CONSOLE_NONE;) {
        const bool open = at == top || (nodes[at].kept && nodes[at].leader == TRACEI_CONSOLE_NONE);
        if (open) tracei_console_fold_rest(console, at);
        at = tracei_console_step(console, top, at, open);
    }
}

/* --- trees: the left columns --- */

static uint64_t tracei_console_scaled(const tracei_console *console, uint64_t unix_ns, uint64_t steps) {
    const uint64_t whole = console->end - console->start;
    uint64_t part = unix_ns < console->start ? 0 : unix_ns - console->start;
    if (part > whole) part = whole;
    return whole == 0 ? 0 : whole > UINT64_MAX / 1024 ? part / (whole / steps) : part * steps / whole;
}

/* Eighths of cells. A block is filled from its left side only, save one: the right half. */
static void tracei_console_bar(tracei_console *console, uint64_t start_ns, uint64_t end_ns, const char *color) {
    const uint32_t cells = TRACEI_CONSOLE_BAR;
    uint32_t start = (uint32_t)tracei_console_scaled(console, start_ns, cells * 8),
             end = (uint32_t)tracei_console_scaled(console, end_ns, cells * 8), i;
    char block[4] = "\xe2\x96\x88";
    if (console->end == console->start) end = cells * 8;
    if (start >= cells * 8) start = cells * 8 - 1;
    if (end <= start) end = start + 1;
    if (!console->unicode && end - start < 8) end = start + 1;
    tracei_console_spaces(console, start / 8);
    tracei_console_style(console, color);
    for (i = start / 8; i < (end + 7) / 8; i++) {
        const uint32_t eighths = end - i * 8 < 8 ? end - i * 8 : 8;
        if (!console->unicode) {
            tracei_console_cell(console, end - start < 8 ? "|" : "#", 1, 1);
            continue;
        }
        if (i == start / 8 && eighths < 8) { /* inside one cell: what counts is how long it is */
            block[2] = (char)(0x90 - (end - start));
        } else if (i == start / 8 && start % 8 >= 4) {
            block[2] = (char)0x90;
        } else {
            block[2] = (char)(0x90 - eighths);
        }
        tracei_console_cell(console, block, 3, 1);
    }
    tracei_console_end_style(console);
    tracei_console_spaces(console, cells - (end + 7) / 8 + 2);
}

static void tracei_console_left(tracei_console *console, uint64_t start_ns, uint64_t end_ns, bool failed, bool top) {
    char text[24];
    tracei_console_time(text, end_ns > start_ns ? end_ns - start_ns : 0, 3, console->glyphs->micro);
    tracei_console_right(console, text, 9);
    tracei_console_spaces(console, 1);
    if (console->rich) {
        if (console->limit >= TRACEI_CONSOLE_NARROW)
            tracei_console_bar(console, start_ns, end_ns, failed ? TRACEI_RED : TRACEI_CYAN);
        return;
    }
    text[0] = '+';
    tracei_console_time(text + 1, start_ns - console->start, 3, console->glyphs->micro);
    tracei_console_right(console, top && start_ns == console->start ? "" : text, 10);
    tracei_console_spaces(console, 2);
}

/* "+18 ms": a moment inside a span, counted from the span's start; in a file, where the column says so, from the tree's. */
static void tracei_console_moment(const tracei_console *console, char *text, uint64_t unix_ns, uint64_t since) {
    if (!console->rich) since = console->start;
    text[0] = unix_ns < since ? '-' : '+';
    tracei_console_time(text + 1, unix_ns < since ? since - unix_ns : unix_ns - since, console->rich ? 2 : 3,
                        console->glyphs->micro);
}

static void tracei_console_left_moment(tracei_console *console, uint64_t unix_ns, uint64_t since) {
    const uint32_t cell = (uint32_t)tracei_console_scaled(console, unix_ns, TRACEI_CONSOLE_BAR - 1);
    char text[32];
    tracei_console_moment(console, text, unix_ns, since);
    if (!console->rich) {
        tracei_console_spaces(console, 10);
        tracei_console_right(console, text, 10);
        tracei_console_spaces(console, 2);
        return;
    }
    tracei_console_style(console, TRACEI_DIM);
    tracei_console_right(console, text, 9);
    if (console->limit < TRACEI_CONSOLE_NARROW) {
        tracei_console_end_style(console);
        tracei_console_spaces(console, 1);
        return;
    }
    tracei_console_spaces(console, 1 + cell);
    tracei_console_words_of(console, console->glyphs->dot);
    tracei_console_end_style(console);
    tracei_console_spaces(console, TRACEI_CONSOLE_BAR - 1 - cell + 2);
}

/* The lines of the tree. Past `block` levels they start again at the left, with the number of levels that are not drawn.
   below: for rows that belong to the node, one level deeper. */
static void tracei_console_lines(tracei_console *console, uint32_t at, bool below) {
    const tracei_console_node *const nodes = console->nodes;
    const uint32_t depth = nodes[at].depth, base = depth ? (depth - 1) / console->block * console->block : 0;
    bool more[32];
    uint32_t level, ancestor = at;
    if (depth == 0) return;
    tracei_console_style(console, TRACEI_DIM);
    if (base) {
        tracei_console_words_of(console, console->glyphs->more);
        tracei_console_number(console, base);
        tracei_console_spaces(console, 1);
    }
    for (level = depth; level > base; level--, ancestor = nodes[ancestor].parent) more[level - base - 1] = nodes[ancestor].more;
    for (level = 0; level + 1 < depth - base + below; level++) {
        if (more[level])
            tracei_console_words_of(console, console->glyphs->line);
        else
            tracei_console_spaces(console, 3);
    }
    if (!below) tracei_console_words_of(console, nodes[at].more ? console->glyphs->branch : console->glyphs->last);
    tracei_console_end_style(console);
}

/* --- trees: what stands beside a name --- */

static trace_string tracei_console_find(const trace_attribute *attributes, size_t count, const char *key) {
    trace_string none;
    size_t i;
    none.data = "";
    none.size = 0;
    for (i = 0; i < count; i++)
        if (attributes[i].value.type == TRACE_TYPE_STRING && tracei_is(attributes[i].key, key))
            return attributes[i].value.as.string;
    return none;
}

typedef struct tracei_console_error {
    trace_string type, message;
} tracei_console_error;

static tracei_console_error tracei_console_exception(const trace_event_data *event) {
    tracei_console_error error;
    error.type = tracei_console_find(event->attributes, event->attribute_count, "exception.type");
    error.message = tracei_console_find(event->attributes, event->attribute_count, "exception.message");
    return error;
}

static bool tracei_console_same(trace_string a, trace_string b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* From the status and error.type, where no exception knows better: the last one that has both, or the one of the two that there
   is, else the last that has the message. So a type never stands before the message of another error. */
static tracei_console_error tracei_console_error_of(const trace_span_data *span) {
    tracei_console_error error, other, said;
    size_t i;
    error.type = tracei_console_find(span->attributes, span->attribute_count, "error.type");
    error.message = span->status_message;
    said = error;
    for (i = span->event_count; i-- > 0;) {
        const trace_event_data *const event = &span->events[i];
        if (!tracei_is(event->name, "exception")) continue;
        other = tracei_console_exception(event);
        if (error.message.size && !tracei_console_same(error.message, other.message)) continue;
        if (!error.type.size || tracei_console_same(error.type, other.type)) return other;
        if (error.message.size && tracei_console_same(said.type, error.type)) said = other;
    }
    return said;
}

/* An exception that says no more than the mark of its span, which is `error`. */
static bool tracei_console_is_told(const trace_span_data *span, const tracei_console_error *error,
                                   const trace_event_data *event) {
    size_t i;
    if (span->status != TRACE_STATUS_ERROR || !tracei_is(event->name, "exception") || event->dropped_attribute_count)
        return false;
    for (i = 0; i < event->attribute_count; i++) {
        const trace_attribute *const attribute = &event->attributes[i];
        if (attribute->value.type != TRACE_TYPE_STRING) return false;
        if (tracei_is(attribute->key, "exception.type")
                ? !tracei_console_same(attribute->value.as.string, error->type)
                : !tracei_is(attribute->key, "exception.message") ||
                      !tracei_console_same(attribute->value.as.string, error->message))
            return false;
    }
    return true;
}

static void tracei_console_gap(tracei_console *console) {
    tracei_console_spaces(console, 2);
}

static void tracei_console_kind(tracei_console *console, const trace_span_data *span) {
    static const char *const kinds[] = {NULL, NULL, "server", "client", "producer", "consumer"};
    if ((unsigned)span->kind >= sizeof kinds / sizeof kinds[0] || !kinds[span->kind]) return;
    tracei_console_gap(console);
    tracei_console_style(console, TRACEI_GREEN);
    tracei_console_words_of(console, kinds[span->kind]);
    tracei_console_end_style(console);
}

static void tracei_console_name(tracei_console *console, const trace_span_data *span, const char *style) {
    tracei_console_style(console, style);
    tracei_console_named(console, span->name);
    tracei_console_end_style(console);
    tracei_console_kind(console, span);
}

static void tracei_console_mark(tracei_console *console, const char *style, const char *text) {
    tracei_console_gap(console);
    tracei_console_style(console, style);
    tracei_console_words_of(console, text);
    tracei_console_end_style(console);
}

static void tracei_console_what_failed(tracei_console *console, trace_string type, trace_string message) {
    const uint32_t from = console->column;
    tracei_console_string(console, type);
    if (type.size && message.size) tracei_console_words_of(console, ": ");
    tracei_console_string(console, message);
    console->told += console->column - from;
}

static void tracei_console_failed(tracei_console *console, const trace_span_data *span) {
    const tracei_console_error error = tracei_console_error_of(span);
    if (span->status != TRACE_STATUS_ERROR) return;
    tracei_console_gap(console);
    tracei_console_style(console, TRACEI_RED);
    tracei_console_words_of(console, console->glyphs->cross);
    if (error.type.size || error.message.size) tracei_console_spaces(console, 1);
    tracei_console_what_failed(console, error.type, error.message);
    tracei_console_end_style(console);
}

/* marked: else the word stands just before them. */
static void tracei_console_errors(tracei_console *console, uint32_t count, bool marked, const char *after) {
    if (!count) return;
    tracei_console_gap(console);
    tracei_console_style(console, TRACEI_RED);
    if (marked) {
        tracei_console_words_of(console, console->glyphs->cross);
        tracei_console_spaces(console, 1);
    }
    tracei_console_number(console, count);
    tracei_console_words_of(console, after);
    tracei_console_end_style(console);
}

/* The program's name is no thread's: one that nobody named has inherited it. */
static bool tracei_console_is_named(const tracei_console *console, const trace_span_data *span) {
    return span->thread_name.size && !tracei_is(span->thread_name, console->program);
}

static void tracei_console_thread(tracei_console *console, const trace_span_data *span) {
    tracei_console_gap(console);
    tracei_console_style(console, TRACEI_DIM);
    tracei_console_words_of(console, "@");
    if (tracei_console_is_named(console, span))
        tracei_console_string(console, span->thread_name);
    else
        tracei_console_number(console, span->thread_id);
    tracei_console_end_style(console);
}

static void tracei_console_count(tracei_console *console, uint64_t count, const char *what) {
    tracei_console_number(console, count);
    tracei_console_spaces(console, 1);
    tracei_console_words_of(console, what);
    if (count != 1) tracei_console_words_of(console, "s");
}

static void tracei_console_dropped(tracei_console *console, uint64_t attributes, uint64_t events, uint64_t links) {
    const uint64_t counts[3] = {attributes, events, links};
    static const char *const names[3] = {"attribute", "event", "link"};
    bool any = false;
    int i;
    for (i = 0; i < 3; i++) {
        if (!counts[i]) continue;
        if (any)
            tracei_console_words_of(console, ", ");
        else
            tracei_console_gap(console), tracei_console_style(console, TRACEI_YELLOW);
        tracei_console_count(console, counts[i], names[i]);
        any = true;
    }
    if (!any) return;
    tracei_console_words_of(console, " dropped");
    tracei_console_end_style(console);
}

static bool tracei_console_is_error_key(trace_string key) {
    return tracei_is(key, "error.type") || tracei_is(key, "exception.type") || tracei_is(key, "exception.message");
}

/* told: what went wrong is said already. */
static void tracei_console_attributes(tracei_console *console, const trace_attribute *attributes, size_t count, bool told) {
    size_t i;
    bool any = false;
    for (i = 0; i < count && !console->clipped; i++) {
        if (attributes[i].value.type == TRACE_TYPE_STRING && told && tracei_console_is_error_key(attributes[i].key)) continue;
        tracei_console_gap(console);
        if (!any) tracei_console_style(console, TRACEI_DIM);
        any = true;
        tracei_console_string(console, attributes[i].key);
        tracei_console_words_of(console, "=");
        tracei_console_value(console, &attributes[i].value, 0);
    }
    if (any) tracei_console_end_style(console);
}

static void tracei_console_links(tracei_console *console, size_t count) {
    if (!count) return;
    tracei_console_gap(console);
    tracei_console_style(console, TRACEI_DIM);
    tracei_console_count(console, count, "link");
    tracei_console_end_style(console);
}

/* "serve > ": what is still open above a span; "serve > ... > " when that is more than the root. */
static void tracei_console_below(tracei_console *console, bool more) {
    int level;
    tracei_console_style(console, TRACEI_DIM);
    for (level = 0; level < 1 + more; level++) {
        if (level)
            tracei_console_words_of(console, console->glyphs->ellipsis);
        else
            tracei_console_named(console, console->batch->root->name);
        tracei_console_spaces(console, 1);
        tracei_console_words_of(console, console->glyphs->into);
        tracei_console_spaces(console, 1);
    }
    tracei_console_end_style(console);
}

/* Where a tree hangs, when its parent is not in it. */
static void tracei_console_origin(tracei_console *console, uint32_t at) {
    const trace_span_data *const root = console->batch->root;
    if (console->nodes[at].parent != console->count) return;
    if (tracei_console_is_part(console->batch) && !console->nodes[at].orphan)
        tracei_console_below(console, memcmp(console->batch->spans[at].parent_span_id, root->span_id, 8) != 0);
    if (console->batch->late) {
        tracei_console_style(console, TRACEI_YELLOW);
        tracei_console_words_of(console, console->glyphs->late);
        tracei_console_end_style(console);
        tracei_console_gap(console);
    }
}

/* --- trees: rows --- */

/* What ran below an announced root was printed as it ended, and is not known here any more but for its errors. NULL: not one. */
static uint32_t *tracei_console_announced(tracei_console *console, const trace_span_data *root) {
    uint32_t i;
    for (i = 0; i < TRACEI_CONSOLE_OPENED; i++)
        if (memcmp(console->opened[i], root->span_id, 8) == 0) return &console->opened_errors[i];
    return NULL;
}

static bool tracei_console_knows_self(tracei_console *console, const trace_span_data *span) {
    return !tracei_console_announced(console, span) &&
           !(span->is_local_root && span->start_unix_ns <= console->forgotten_start);
}

static bool tracei_console_self_tells(tracei_console *console, uint32_t at) {
    const uint64_t self = console->nodes[at].self, length = tracei_console_length(&console->batch->spans[at]);
    return console->nodes[at].first != TRACEI_CONSOLE_NONE && self / 10 >= length / 100 &&
           self >= (console->end - console->start) / 20 && self &&
           tracei_console_knows_self(console, &console->batch->spans[at]);
}

/* What is not cut at the edge: where it hangs, its name, what went wrong, what is missing. */
static void tracei_console_head(tracei_console *console, uint32_t at) {
    const tracei_console_node *const node = &console->nodes[at];
    const trace_span_data *const span = &console->batch->spans[at];
    const bool top = node->parent == console->count, failed = span->status == TRACE_STATUS_ERROR;
    const bool twice = failed && console->glyphs->cross[0] == 'E'; /* a sign may come twice in a row, a word may not */
    const uint32_t *const before = top ? tracei_console_announced(console, span) : NULL;
    tracei_console_origin(console, at);
    tracei_console_name(console, span, top ? TRACEI_BOLD : "");
    tracei_console_failed(console, span);
    if (top)
        tracei_console_errors(console, node->errors - failed + (before ? *before : 0), !twice, twice ? " more below" : " below");
    if (node->orphan) tracei_console_mark(console, TRACEI_YELLOW, "(parent missing)");
    if (span->is_abandoned) tracei_console_mark(console, TRACEI_YELLOW, "abandoned");
    tracei_console_dropped(console, span->dropped_attribute_count, span->dropped_event_count, span->dropped_link_count);
}

/* What is cut at the edge. */
static void tracei_console_details(tracei_console *console, uint32_t at) {
    const tracei_console_node *const node = &console->nodes[at];
    const trace_span_data *const span = &console->batch->spans[at];
    tracei_console_clip(console, true);
    if (tracei_console_self_tells(console, at)) tracei_console_duration(console, "  self ", node->self, 3);
    if (node->parent != console->count && span->thread_id != console->batch->spans[node->parent].thread_id)
        tracei_console_thread(console, span);
    tracei_console_links(console, span->link_count);
    tracei_console_attributes(console, span->attributes, span->attribute_count, span->status == TRACE_STATUS_ERROR);
    tracei_console_clip(console, false);
}

static void tracei_console_times(tracei_console *console, uint32_t count) {
    tracei_console_spaces(console, 1);
    tracei_console_style(console, TRACEI_BOLD);
    tracei_console_words_of(console, console->glyphs->times);
    tracei_console_number(console, count);
    tracei_console_end_style(console);
}

/* Of several alike the row has the time of the first, and then what the last was. */
static void tracei_console_event_words(tracei_console *console, uint32_t at, const trace_event_data *event, uint32_t count) {
    tracei_console_named(console, event->name);
    if (count > 1) tracei_console_times(console, count);
    if (tracei_is(event->name, "exception")) {
        const tracei_console_error error = tracei_console_exception(event);
        if (error.type.size || error.message.size) tracei_console_gap(console);
        tracei_console_what_failed(console, error.type, error.message);
    }
    if (count > 1) {
        char text[32];
        tracei_console_moment(console, text, event->unix_ns, console->batch->spans[at].start_unix_ns);
        tracei_console_words_of(console, "  last ");
        tracei_console_words_of(console, text);
    }
    tracei_console_dropped(console, event->dropped_attribute_count, 0, 0);
}

/* So many alike, from the first to this one. */
static void tracei_console_event_row(tracei_console *console, uint32_t at, const trace_event_data *first,
                                     const trace_event_data *event, uint32_t count) {
    do {
        tracei_console_row_begin(console, NULL);
        tracei_console_left_moment(console, first->unix_ns, console->batch->spans[at].start_unix_ns);
        tracei_console_lines(console, at, true);
        if (console->nodes[at].first != TRACEI_CONSOLE_NONE) {
            tracei_console_style(console, TRACEI_DIM);
            tracei_console_words_of(console, console->glyphs->line);
            tracei_console_end_style(console);
        } else {
            tracei_console_spaces(console, 3);
        }
        tracei_console_event_words(console, at, event, count);
    } while (tracei_console_shorten(console));
    tracei_console_clip(console, true);
    tracei_console_attributes(console, event->attributes, event->attribute_count, tracei_is(event->name, "exception"));
    tracei_console_clip(console, false);
    tracei_console_row_end(console, 0);
}

/* Loops fold here too. The first sort brings those alike together, the second puts them where the first of them was. */
static void tracei_console_event_rows(tracei_console *console, uint32_t at) {
    const trace_span_data *const span = &console->batch->spans[at];
    const tracei_console_error error = tracei_console_error_of(span);
    const bool fold = console->options.format == TRACE_CONSOLE_FORMAT_TREE;
    tracei_console_key *const keys = console->keys;
    uint32_t count = 0, from, to, i;
    for (i = 0; i < span->event_count; i++) {
        const trace_event_data *const event = &span->events[i];
        tracei_console_error said;
        if (tracei_console_is_told(span, &error, event)) continue;
        said = tracei_console_exception(event);
        keys[count].key = tracei_console_hash(said.message, tracei_console_hash(said.type, tracei_console_hash(event->name, 0)));
        keys[count++].index = i;
    }
    tracei_console_sort(keys, count);
    for (from = 0; from < count; from = to) {
        for (to = from + 1; to < count && keys[to].key == keys[from].key; to++) {}
        for (i = from; i < to; i++) keys[i].key = keys[fold && to - from >= TRACEI_CONSOLE_FOLD ? from : i].index;
    }
    tracei_console_sort(keys, count);
    for (from = 0; from < count; from = to) {
        for (to = from + 1; to < count && keys[to].key == keys[from].key; to++) {}
        tracei_console_event_row(console, at, &span->events[keys[from].index], &span->events[keys[to - 1].index], to - from);
        if (to - from > 1) console->folds_events = true;
    }
}

static void tracei_console_span_rows(tracei_console *console, uint32_t at) {
    const trace_span_data *const span = &console->batch->spans[at];
    do {
        tracei_console_row_begin(console, span);
        tracei_console_left(console, span->start_unix_ns, span->end_unix_ns, span->status == TRACE_STATUS_ERROR,
                            console->nodes[at].depth == 0);
        tracei_console_lines(console, at, false);
        tracei_console_head(console, at);
    } while (tracei_console_shorten(console));
    tracei_console_details(console, at);
    tracei_console_row_end(console, 1);
    tracei_console_event_rows(console, at);
}

/* --- trees: folds --- */

typedef struct tracei_console_fold {
    uint32_t leader, count, spans, failed, threads;
    uint32_t slowest, slowest_number, first_failed, first_failed_number;     /* numbers count from 1 */
    uint64_t start, end, sum, p50, p95, max;
} tracei_console_fold;

static uint64_t tracei_console_rank(const tracei_console_key *sorted, uint32_t count, uint32_t percent) {
    const uint64_t rank = ((uint64_t)count * percent + 99) / 100;
    return sorted[rank ? rank - 1 : 0].key;
}

static void tracei_console_fold_look(const tracei_console *console, uint32_t leader, tracei_console_fold *fold) {
    tracei_console_key *const keys = console->keys;
    uint32_t at, i;
    memset(fold, 0, sizeof *fold);
    fold->leader = leader;
    fold->first_failed = TRACEI_CONSOLE_NONE;
    fold->start = UINT64_MAX;
    for (at = leader; at != TRACEI_CONSOLE_NONE; at = console->nodes[at].peer) {
        const trace_span_data *const span = &console->batch->spans[at];
        const uint64_t length = tracei_console_length(span);
        keys[fold->count++].key = span->thread_id;
        fold->spans += console->nodes[at].spans;
        fold->sum += length;
        if (fold->count == 1 || length > fold->max) fold->max = length, fold->slowest = at, fold->slowest_number = fold->count;
        if (console->nodes[at].errors) {
            if (!fold->failed++) fold->first_failed = at, fold->first_failed_number = fold->count;
        }
        if (span->start_unix_ns < fold->start) fold->start = span->start_unix_ns;
        if (span->end_unix_ns > fold->end) fold->end = span->end_unix_ns;
    }
    for (i = 0; i < fold->count; i++) keys[i].index = i;
    tracei_console_sort(keys, fold->count);
    for (i = 0; i < fold->count; i++) fold->threads += i == 0 || keys[i].key != keys[i - 1].key;
    for (at = leader, i = 0; at != TRACEI_CONSOLE_NONE; at = console->nodes[at].peer, i++)
        keys[i].key = tracei_console_length(&console->batch->spans[at]);
    tracei_console_sort(keys, fold->count);
    fold->p50 = tracei_console_rank(keys, fold->count, 50);
    fold->p95 = tracei_console_rank(keys, fold->count, 95);
}

/* "4 threads, sum 37 ms = 3.8x": how much happened at once; from `form` 1 on the threads alone. */
static bool tracei_console_fold_parallel(tracei_console *console, const tracei_console_fold *fold, int form) {
    const uint64_t wall = fold->end - fold->start;
    const bool parallel = wall && fold->sum / 6 > wall / 5;
    if (fold->threads < 2 && (!parallel || form)) return parallel;
    tracei_console_gap(console);
    if (fold->threads > 1) tracei_console_count(console, fold->threads, "thread");
    if (!parallel || form) return parallel;
    if (fold->threads > 1) tracei_console_words_of(console, ", ");
    tracei_console_words_of(console, console->glyphs->sum);
    tracei_console_duration(console, " ", fold->sum, 2);
    {
        const uint64_t tenths = wall >= 10 ? fold->sum / (wall / 10) : fold->sum * 10 / wall;
        tracei_console_words_of(console, " = ");
        tracei_console_number(console, tenths / 10);
        tracei_console_words_of(console, ".");
        tracei_console_number(console, tenths % 10);
        tracei_console_words_of(console, console->glyphs->times);
    }
    return true;
}

/* Says as much as fits: `form` 1 leaves out the 95th percentile and how much ran at once, 2 also the median, 3 also the threads
   and the longest. */
static void tracei_console_fold_words(tracei_console *console, const tracei_console_fold *fold, int form) {
    const trace_span_data *const span = &console->batch->spans[fold->leader];
    const bool top = console->nodes[fold->leader].parent == console->count, rest = console->nodes[fold->leader].rest;
    tracei_console_row_begin(console, span);
    tracei_console_left(console, fold->start, fold->end, fold->failed != 0, top);
    tracei_console_lines(console, fold->leader, false);
    tracei_console_origin(console, fold->leader);
    if (rest) {
        tracei_console_style(console, TRACEI_DIM);
        tracei_console_words_of(console, console->glyphs->ellipsis);
        tracei_console_spaces(console, 1);
        tracei_console_number(console, fold->spans);
        tracei_console_words_of(console, " more");
        tracei_console_end_style(console);
    } else {
        tracei_console_named(console, span->name);
        tracei_console_times(console, fold->count);
        tracei_console_kind(console, span);
    }
    if (console->nodes[fold->leader].orphan) tracei_console_mark(console, TRACEI_YELLOW, "(parent missing)");
    if (form < 3 && !tracei_console_fold_parallel(console, fold, form) && form < 2 && fold->count >= TRACEI_CONSOLE_FOLD) {
        tracei_console_duration(console, "  p50 ", fold->p50, 2);
        if (form < 1 && fold->count >= 20) tracei_console_duration(console, "  p95 ", fold->p95, 2);
    }
    if (form < 3 && fold->count > 1) tracei_console_duration(console, "  max ", fold->max, 2);
    tracei_console_errors(console, fold->failed, true, "");
}

static void tracei_console_fold_head(tracei_console *console, const tracei_console_fold *fold) {
    int form;
    for (form = 0;; form++) {
        do tracei_console_fold_words(console, fold, form);
        while (tracei_console_shorten(console));
        if (form == 3 || !console->limit || console->column <= console->limit) break;
        console->page_size = console->row;
        console->name_room = 0;
    }
    tracei_console_row_end(console, fold->spans);
}

/* What took most of a span: " · insert ×8 138 ms". */
static void tracei_console_most_of_it(tracei_console *console, uint32_t at) {
    const tracei_console_node *const nodes = console->nodes;
    uint32_t child, best = TRACEI_CONSOLE_NONE, best_count = 0;
    uint64_t best_sum = 0;
    for (child = nodes[at].first; child != TRACEI_CONSOLE_NONE; child = nodes[child].next) {
        uint64_t sum = 0;
        uint32_t count = 0, peer;
        if (nodes[child].leader != TRACEI_CONSOLE_NONE && nodes[child].leader != child) continue;
        for (peer = child; peer != TRACEI_CONSOLE_NONE;
             peer = nodes[child].leader == TRACEI_CONSOLE_NONE ? TRACEI_CONSOLE_NONE : nodes[peer].peer) {
            sum += tracei_console_length(&console->batch->spans[peer]);
            count++;
        }
        if (best != TRACEI_CONSOLE_NONE && sum <= best_sum) continue;
        best = child;
        best_sum = sum;
        best_count = count;
    }
    if (best == TRACEI_CONSOLE_NONE) return;
    tracei_console_spaces(console, 1);
    tracei_console_words_of(console, console->glyphs->dot);
    tracei_console_spaces(console, 1);
    tracei_console_string(console, tracei_console_shown(console->batch->spans[best].name));
    if (best_count > 1) {
        tracei_console_spaces(console, 1);
        tracei_console_words_of(console, console->glyphs->times);
        tracei_console_number(console, best_count);
    }
    tracei_console_duration(console, " ", best_sum, 2);
}

static void tracei_console_fold_sample(tracei_console *console, const tracei_console_fold *fold, const char *label, uint32_t at,
                                       uint32_t number, bool last) {
    const trace_span_data *const span = &console->batch->spans[at];
    const uint32_t failed = console->nodes[at].failed;
    do {
        tracei_console_row_begin(console, NULL);
        tracei_console_left(console, span->start_unix_ns, span->end_unix_ns, failed != TRACEI_CONSOLE_NONE, false);
        tracei_console_lines(console, fold->leader, true);
        tracei_console_style(console, TRACEI_DIM);
        tracei_console_words_of(console, last ? console->glyphs->small_last : console->glyphs->small_branch);
        tracei_console_words_of(console, label);
        tracei_console_words_of(console, " #");
        tracei_console_number(console, number);
        tracei_console_end_style(console);
        if (failed != TRACEI_CONSOLE_NONE) {
            if (failed != at) {
                tracei_console_gap(console);
                tracei_console_named(console, console->batch->spans[failed].name);
            }
            tracei_console_failed(console, &console->batch->spans[failed]);
        }
    } while (tracei_console_shorten(console));
    tracei_console_clip(console, true);
    if (fold->threads > 1) tracei_console_thread(console, span);
    tracei_console_attributes(console, span->attributes, span->attribute_count, failed != TRACEI_CONSOLE_NONE);
    tracei_console_most_of_it(console, at);
    tracei_console_clip(console, false);
    tracei_console_row_end(console, 0);
}

static void tracei_console_fold_rows(tracei_console *console, uint32_t leader) {
    tracei_console_fold fold;
    bool slowest;
    tracei_console_fold_look(console, leader, &fold);
    tracei_console_fold_head(console, &fold);
    if (console->nodes[leader].rest) return;
    slowest = fold.max / 6 > fold.p50 / 5 && fold.slowest != fold.first_failed; /* else all are about as fast */
    if (slowest) tracei_console_fold_sample(console, &fold, "slowest", fold.slowest, fold.slowest_number, !fold.failed);
    if (fold.failed)
        tracei_console_fold_sample(console, &fold, fold.slowest == fold.first_failed ? "slowest, failed" : "failed",
                                   fold.first_failed, fold.first_failed_number, true);
}

/* --- trees: the footer --- */

static void tracei_console_separator(tracei_console *console) {
    tracei_console_spaces(console, 1);
    tracei_console_words_of(console, console->glyphs->dot);
    tracei_console_spaces(console, 1);
}

static trace_string tracei_console_service(const trace_batch *batch) {
    trace_string none;
    none.data = "";
    none.size = 0;
    return batch->resource ? tracei_console_find(batch->resource->attributes, batch->resource->attribute_count, "service.name")
                           : none;
}

/* The service, or the program where nobody named one. */
static trace_string tracei_console_who(const trace_batch *batch) {
    static const char unnamed[] = "unknown_service:";
    const size_t size = sizeof unnamed - 1;
    trace_string service = tracei_console_service(batch);
    if (service.size > size && memcmp(service.data, unnamed, size) == 0) service.data += size, service.size -= size;
    return service;
}

/* Says as much as fits: `form` 1 leaves out the number of lines, 2 also the service, 3 also the time, 4 all but the id. */
static void tracei_console_footer_row(tracei_console *console, uint32_t spans, uint32_t errors, const trace_span_data *head,
                                      uint32_t rows, int form) {
    const trace_string service = tracei_console_who(console->batch);
    tracei_console_row_begin(console, NULL);
    tracei_console_style(console, TRACEI_DIM);
    if (form == 4) {
        tracei_console_hex(console, head->trace_id, 16);
        tracei_console_end_style(console);
        return;
    }
    if (service.size && form < 2) {
        tracei_console_string(console, service);
        tracei_console_spaces(console, 1);
    }
    if (form < 3) {
        tracei_console_clock(console, head->start_unix_ns);
        tracei_console_separator(console);
    }
    tracei_console_count(console, spans, "span");
    if (rows < spans && form < 1) {
        tracei_console_words_of(console, " in ");
        tracei_console_count(console, rows, "line");
    }
    if (errors) {
        tracei_console_separator(console);
        tracei_console_end_style(console);
        tracei_console_style(console, TRACEI_RED);
        tracei_console_count(console, errors, "error");
        tracei_console_end_style(console);
        tracei_console_style(console, TRACEI_DIM);
    }
    if (!console->batch->root && !console->batch->late) {
        tracei_console_separator(console);
        tracei_console_end_style(console);
        tracei_console_style(console, TRACEI_YELLOW);
        tracei_console_words_of(console, "incomplete");
        tracei_console_end_style(console);
        tracei_console_style(console, TRACEI_DIM);
    }
    tracei_console_separator(console);
    tracei_console_hex(console, head->trace_id, 16);
    if ((rows < spans || console->folds_events) && (!console->limit || console->column + 20 <= console->limit)) {
        tracei_console_separator(console);
        tracei_console_words_of(console, "TRACE_CONSOLE=all");
    }
    tracei_console_end_style(console);
}

static void tracei_console_footer(tracei_console *console, uint32_t spans, uint32_t errors, const trace_span_data *head) {
    const uint32_t rows = console->rows;
    int form;
    for (form = 0; form < 5; form++) {
        if (form) console->page_size = console->row;
        tracei_console_footer_row(console, spans, errors, head, rows, form);
        if (!console->limit || console->column <= console->limit) break;
    }
    tracei_console_row_end(console, 0);
}

/* A span alone: one row, with what the footer would say at its end, as much of it as fits. */
static bool tracei_console_lone_row(tracei_console *console, uint32_t at) {
    const trace_span_data *const span = &console->batch->spans[at];
    const trace_string service = tracei_console_who(console->batch);
    const uint32_t limit = console->limit, all = 3 + 32 + 3 + 12 + tracei_console_measure(console, service) + 1;
    int form;
    char text[24];
    for (form = 0; form < 3; form++) {
        const uint32_t tail = form == 0 ? all : form == 1 ? 3 + 32 + 3 + 12 : 3 + 32;
        bool fits;
        tracei_console_row_begin(console, span);
        tracei_console_time(text, tracei_console_length(span), 3, console->glyphs->micro);
        tracei_console_right(console, text, 9);
        tracei_console_gap(console);
        tracei_console_head(console, at);
        if (!console->batch->root && !console->batch->late && !console->nodes[at].orphan)
            tracei_console_mark(console, TRACEI_YELLOW, "(incomplete)");
        if (limit && limit < console->column + tail + (span->attribute_count ? 12 : 0)) {
            console->page_size = console->row;
            continue;
        }
        console->limit = limit ? limit - tail : 0;
        tracei_console_details(console, at);
        fits = !limit || !console->clipped || form == 2;
        console->limit = limit;
        if (!fits) {
            console->page_size = console->row;
            continue;
        }
        tracei_console_style(console, TRACEI_DIM);
        tracei_console_separator(console);
        if (form == 0 && service.size) {
            tracei_console_string(console, service);
            tracei_console_spaces(console, 1);
        }
        if (form < 2) {
            tracei_console_clock(console, span->start_unix_ns);
            tracei_console_separator(console);
        }
        tracei_console_hex(console, span->trace_id, 16);
        tracei_console_end_style(console);
        tracei_console_row_end(console, 1);
        return true;
    }
    return false;
}

/* --- thinning --- */

static uint32_t tracei_console_bucket(uint64_t ns) {
    uint32_t octave = 0;
    uint64_t rest = ns;
    for (; rest >= 2 * TRACEI_CONSOLE_STEPS; rest >>= 1) octave++;
    if (octave + 1 >= TRACEI_CONSOLE_OCTAVES) return TRACEI_CONSOLE_BUCKETS - 1;
    return rest < TRACEI_CONSOLE_STEPS ? (uint32_t)rest : octave * TRACEI_CONSOLE_STEPS + (uint32_t)rest;
}

/* The middle of a bucket. */
static uint64_t tracei_console_bucket_ns(uint32_t bucket) {
    const uint32_t octave = bucket / TRACEI_CONSOLE_STEPS;
    if (octave < 2) return bucket;
    return ((uint64_t)(bucket % TRACEI_CONSOLE_STEPS + TRACEI_CONSOLE_STEPS) * 2 + 1) << (octave - 2);
}

static uint64_t tracei_console_percentile(const tracei_console_root *root, uint32_t percent) {
    uint64_t rank = 0, seen = 0;
    uint32_t i;
    for (i = 0; i < TRACEI_CONSOLE_BUCKETS; i++) rank += root->histogram[i];
    rank = (rank * percent + 99) / 100;
    for (i = 0; i < TRACEI_CONSOLE_BUCKETS; i++) {
        seen += root->histogram[i];
        if (seen >= rank) {
            const uint64_t ns = tracei_console_bucket_ns(i);
            return ns < root->min ? root->min : ns < root->max ? ns : root->max;
        }
    }
    return root->max;
}

static trace_string tracei_console_root_name(const tracei_console_root *root) {
    trace_string name;
    name.data = root->name;
    name.size = root->name_size;
    return name;
}

/* Columns of a name in the summary: what the numbers leave, "  1234/s  p50 999 ms  p99 999 ms  max 999 ms  x 1234". */
static uint32_t tracei_console_summary_room(const tracei_console *console) {
    const uint32_t others = console->limit >= TRACEI_CONSOLE_SUMMARY ? 9 + 8 + 3 * 12 + 8
                            : console->limit >= TRACEI_CONSOLE_NARROW ? 9 + 8 + 12 + 8
                                                                      : 9 + 8 + 8;
    const uint32_t room = console->limit > others ? console->limit - others : 0, least = tracei_console_name_least(console);
    return room > least ? room : least;
}

/* "14:05:10 GET /item   412/s  p50 1.2 ms  p99 8.8 ms  max 31 ms  x 3"; of a second that is not `over` how many, "x412". */
static void tracei_console_summary_row(tracei_console *console, const tracei_console_root *root, uint32_t name_columns,
                                       bool over) {
    char text[32];
    const uint64_t second = tracei_console_local(console, console->second);
    tracei_console_row_begin(console, NULL);
    tracei_console_style(console, TRACEI_DIM);
    *tracei_console_hms(console->rich ? text : tracei_console_date(text, second), second) = '\0';
    tracei_console_words_of(console, text);
    if (!console->rich) tracei_console_words_of(console, "Z");
    tracei_console_end_style(console);
    tracei_console_spaces(console, 1);
    tracei_console_style(console, TRACEI_BOLD);
    name_columns += console->column;
    console->name_room = console->limit ? tracei_console_summary_room(console) : 0;
    tracei_console_named(console, tracei_console_root_name(root));
    tracei_console_end_style(console);
    if (console->column < name_columns) tracei_console_spaces(console, name_columns - console->column);
    tracei_console_gap(console);
    if (root->count) {
        strcpy(text, over ? "" : console->glyphs->times);
        strcpy(tracei_put_u64(text + strlen(text), root->count), over ? "/s" : "");
        tracei_console_right(console, text, 6);
        if (!console->limit || console->limit >= TRACEI_CONSOLE_SUMMARY) {
            tracei_console_duration(console, "  p50 ", tracei_console_percentile(root, 50), 2);
            if (root->count >= 20) tracei_console_duration(console, "  p99 ", tracei_console_percentile(root, 99), 2);
        }
        if (!console->limit || console->limit >= TRACEI_CONSOLE_NARROW) tracei_console_duration(console, "  max ", root->max, 2);
        tracei_console_errors(console, root->errors, true, "");
    }
    if (root->opened) {
        tracei_console_gap(console);
        tracei_console_number(console, root->opened);
        tracei_console_words_of(console, " open");
    }
    tracei_console_row_end(console, 0);
}

/* The second is over, or nothing comes any more. */
static void tracei_console_summarise(tracei_console *console, bool over) {
    uint32_t i, name_columns = 0;
    if (!console->roots) return;
    for (i = 0; i < TRACEI_CONSOLE_ROOTS && console->has_hidden; i++)
        if (console->roots[i].hidden) {
            const uint32_t columns = tracei_console_measure(console, tracei_console_root_name(&console->roots[i]));
            if (columns > name_columns && columns <= 40) name_columns = columns;
        }
    if (console->limit && name_columns > tracei_console_summary_room(console))
        name_columns = tracei_console_summary_room(console);
    for (i = 0; i < TRACEI_CONSOLE_ROOTS; i++) {
        tracei_console_root *const root = &console->roots[i];
        if (root->hidden) tracei_console_summary_row(console, root, name_columns, over);
        if (!root->count && !root->hidden) continue;
        root->max = 0;
        root->count = root->errors = root->hidden = root->opened = 0;
        memset(root->histogram, 0, sizeof root->histogram);
    }
    console->has_hidden = false;
    tracei_console_page_put(console);
}

static void tracei_console_second(tracei_console *console) {
    const uint64_t second = tracei_unix_ns() / 1000000000u;
    if (second == console->second) return;
    tracei_console_summarise(console, true);
    console->second = second;
}

static bool tracei_console_take_token(tracei_console *console) {
    const uint64_t now = tracei_mono_ns(), most = TRACEI_CONSOLE_TOKENS * 1000;
    const uint64_t since = now > console->refilled ? (now - console->refilled) / 1000000u : 0,
                   gained = since * TRACEI_CONSOLE_REFILL;
    if (!console->refilled || gained >= most) {
        console->tokens = (uint32_t)most;
        console->refilled = now;
    } else if (gained) {
        console->tokens = (uint32_t)(console->tokens + gained < most ? console->tokens + gained : most);
        console->refilled += since * 1000000u;
    }
    if (console->tokens < 1000) return false;
    console->tokens -= 1000;
    return true;
}

/* The entry of a name; a new one in a free place, or in that of one not seen for a minute. The last stands for all the rest. */
static tracei_console_root *tracei_console_root_of(tracei_console *console, trace_string above, trace_string name, bool *is_new) {
    const uint64_t hash = tracei_console_hash(name, tracei_console_hash(above, 0)) | 1;
    tracei_console_root *root = NULL;
    uint32_t i;
    *is_new = false;
    for (i = 0; i + 1 < TRACEI_CONSOLE_ROOTS; i++) {
        tracei_console_root *const one = &console->roots[i];
        if (one->hash == hash) return one;
        if (!root && !one->hidden && (!one->hash || one->seen + 60 < console->second)) root = one;
    }
    if (root) {
        *is_new = true;
    } else {
        static const char rest[] = "(other names)";
        root = &console->roots[TRACEI_CONSOLE_ROOTS - 1];
        above.size = 0;
        name.data = rest;
        name.size = sizeof rest - 1;
    }
    if (root->hash) {
        if (!*is_new) return root;
        memset((void *)root, 0, sizeof *root);
    }
    root->hash = hash;
    {
        tracei_text text;
        memset(&text, 0, sizeof text);
        text.data = root->name;
        text.capacity = sizeof root->name;
        if (above.size) {
            above = tracei_console_shown(above);
            tracei_text_add(&text, above.data, above.size);
            tracei_text_char(&text, ' ');
            tracei_text_cstr(&text, console->glyphs->into);
            tracei_text_char(&text, ' ');
        }
        name = tracei_console_shown(name);
        tracei_text_add(&text, name.data, name.size);
        root->name_size = (uint32_t)text.size;
    }
    return root;
}

static bool tracei_console_thins(tracei_console *console) {
    if (console->options.format != TRACE_CONSOLE_FORMAT_TREE) return false;
    if (!console->roots) console->roots = (tracei_console_root *)tracei_alloc(TRACEI_CONSOLE_ROOTS * sizeof *console->roots);
    return console->roots != NULL;
}

static void tracei_console_count_tree(tracei_console_root *root, uint64_t length, bool failed) {
    uint32_t i;
    if (!root->count++ || length < root->min) root->min = length;
    root->errors += failed;
    if (length > root->max) root->max = length;
    if (length > root->slowest) root->slowest = length;
    if (++root->histogram[tracei_console_bucket(length)] == UINT16_MAX) /* what counts is how they compare */
        for (i = 0; i < TRACEI_CONSOLE_BUCKETS; i++) root->histogram[i] /= 2;
}

/* False: it goes into the summary. A fold counts as so many trees. */
static bool tracei_console_is_shown(tracei_console *console, uint32_t top, uint32_t head, uint32_t errors) {
    const trace_span_data *const spans = console->batch->spans;
    const tracei_console_node *const nodes = console->nodes;
    const bool fold = nodes[top].leader == top;
    tracei_console_root *root;
    trace_string above;
    uint64_t slowest;
    uint32_t trees = 0, at;
    bool shown;
    above.data = "";
    above.size = 0;
    if (tracei_console_is_part(console->batch)) above = console->batch->root->name;
    if (!tracei_console_thins(console)) return true;
    root = tracei_console_root_of(console, above, spans[head].name, &shown);
    slowest = root->slowest;
    for (at = head; at != TRACEI_CONSOLE_NONE; at = fold ? nodes[at].peer : TRACEI_CONSOLE_NONE, trees++)
        tracei_console_count_tree(root, tracei_console_length(&spans[at]), (fold ? nodes[at].errors : errors) != 0);
    if (root->slowest > slowest && root != &console->roots[TRACEI_CONSOLE_ROOTS - 1]) shown = true;
    if (errors && console->error_second != console->second + 1) {
        console->error_second = console->second + 1;
        shown = true;
    }
    if (tracei_console_take_token(console)) shown = true;
    root->seen = console->second;
    if (!shown) {
        root->hidden += trees;
        console->has_hidden = true;
    }
    return shown;
}

/* --- trees: a whole one --- */

static bool tracei_console_is_lone(const tracei_console *console, uint32_t at, uint32_t spans) {
    const trace_span_data *const span = &console->batch->spans[at];
    const tracei_console_error error = tracei_console_error_of(span);
    size_t i;
    if (spans != 1) return false;
    for (i = 0; i < span->event_count; i++)
        if (!tracei_console_is_told(span, &error, &span->events[i])) return false;
    return true;
}

static void tracei_console_widen(tracei_console *console, uint32_t top, uint32_t from) {
    const trace_span_data *const spans = console->batch->spans;
    uint32_t at;
    for (at = from; at != TRACEI_CONSOLE_NONE; at = tracei_console_step(console, top, at, true)) {
        if (spans[at].start_unix_ns < console->start) console->start = spans[at].start_unix_ns;
        if (spans[at].end_unix_ns > console->end) console->end = spans[at].end_unix_ns;
    }
}

/* The tree below `top`, those alike that it leads, or all trees of the batch when `top` is the node above them. */
static void tracei_console_tree(tracei_console *console, uint32_t top) {
    const trace_span_data *const spans = console->batch->spans;
    const tracei_console_node *const nodes = console->nodes;
    const uint32_t head = top == console->count ? nodes[top].first : top;
    const bool fold = nodes[top].leader == top;
    uint32_t at, here = 0, errors = 0;
    for (at = top; at != TRACEI_CONSOLE_NONE; at = fold ? nodes[at].peer : TRACEI_CONSOLE_NONE) {
        here += nodes[at].spans;
        errors += nodes[at].errors;
    }
    if (!tracei_console_is_shown(console, top, head, errors)) {
        tracei_console_account(console, TRACEI_CONSOLE_SENT, here);
        console->batch_left -= here;
        return;
    }
    if (tracei_console_is_lone(console, head, here) && tracei_console_lone_row(console, head)) {
        tracei_console_page_put(console);
        return;
    }
    console->start = spans[head].start_unix_ns;
    console->end = spans[head].end_unix_ns;
    console->rows = 0;
    console->folds_events = false;
    if (fold) {
        for (at = top; at != TRACEI_CONSOLE_NONE; at = nodes[at].peer) tracei_console_widen(console, at, at);
        tracei_console_fold_rows(console, top);
    } else {
        tracei_console_widen(console, top, head);
        if (console->options.format == TRACE_CONSOLE_FORMAT_TREE) tracei_console_prune(console, top);
        for (at = head; at != TRACEI_CONSOLE_NONE;) {
            const uint32_t leader = nodes[at].leader;
            if (leader == TRACEI_CONSOLE_NONE)
                tracei_console_span_rows(console, at);
            else if (leader == at)
                tracei_console_fold_rows(console, at);
            at = tracei_console_step(console, top, at, leader == TRACEI_CONSOLE_NONE);
        }
    }
    tracei_console_footer(console, here, errors, &spans[head]);
    tracei_console_page_put(console);
}

static void tracei_console_remember(tracei_console *console, const trace_span_data *root) {
    const uint32_t place = console->opened_next % TRACEI_CONSOLE_OPENED;
    if (console->opened_start[place] > console->forgotten_start)
        console->forgotten_start = console->opened_start[place];
    console->opened_next++;
    console->opened_start[place] = root->start_unix_ns;
    console->opened_errors[place] = 0;
    memcpy(console->opened[place], root->span_id, 8);
}

/* Once for each root; when the process ends once more, and then at least one of each name is shown. */
static void tracei_console_announce(tracei_console *console, const trace_span_data *root) {
    const uint64_t now = tracei_unix_ns(), open = now > root->start_unix_ns ? now - root->start_unix_ns : 0;
    const bool at_last = TRACEI_LOAD(&tracei_ending) != 0, known = tracei_console_announced(console, root) != NULL;
    trace_string above;
    above.data = "";
    above.size = 0;
    if (known && !at_last) return;
    if (!known) tracei_console_remember(console, root);
    if (tracei_console_thins(console)) {
        bool shown;
        tracei_console_root *const entry = tracei_console_root_of(console, above, root->name, &shown);
        entry->seen = console->second;
        if (at_last && entry->left_open != console->second + 1) {
            entry->left_open = console->second + 1;
            shown = true;
        }
        if (!tracei_console_take_token(console) && !shown) {
            entry->opened++;
            entry->hidden++;
            console->has_hidden = true;
            return;
        }
    }
    do {
        char text[32] = "open ";
        tracei_console_row_begin(console, root);
        if (open >= 1000000000u && open < 60000000000u) {
            char *const end = tracei_put_u64(text + 5, open / 1000000000u);
            memcpy(end, " s", 3);
        } else {
            tracei_console_time(text + 5, open, 2, console->glyphs->micro);
        }
        tracei_console_style(console, TRACEI_YELLOW);
        tracei_console_right(console, text, 9);
        tracei_console_end_style(console);
        tracei_console_spaces(console, 1);
        tracei_console_words_of(console, console->glyphs->ellipsis);
        tracei_console_spaces(console, 1);
        tracei_console_name(console, root, TRACEI_BOLD);
        tracei_console_failed(console, root);
    } while (tracei_console_shorten(console));
    tracei_console_clip(console, true);
    tracei_console_attributes(console, root->attributes, root->attribute_count, root->status == TRACE_STATUS_ERROR);
    tracei_console_clip(console, false);
    tracei_console_row_end(console, 0);
    tracei_console_page_put(console);
}

/* No memory for the nodes: the root, or the first span, stands for all but the first that failed. */
static void tracei_console_without_tree(tracei_console *console, const trace_batch *batch) {
    const trace_span_data *const span = batch->root && batch->root->end_unix_ns ? batch->root : &batch->spans[0];
    size_t failed = 0;
    while (failed < batch->span_count && batch->spans[failed].status != TRACE_STATUS_ERROR) failed++;
    console->batch = batch;
    tracei_console_account(console, TRACE_FAILURE_TOO_LARGE, batch->span_count - 1);
    console->batch_left = 1;
    do {
        char text[24];
        tracei_console_row_begin(console, span);
        tracei_console_time(text, tracei_console_length(span), 3, console->glyphs->micro);
        tracei_console_right(console, text, 9);
        tracei_console_gap(console);
        if (tracei_console_is_part(batch)) tracei_console_below(console, false);
        tracei_console_name(console, span, TRACEI_BOLD);
        tracei_console_failed(console, span);
        if (batch->span_count > 1) {
            tracei_console_gap(console);
            tracei_console_count(console, batch->span_count, "span");
            tracei_console_words_of(console, ", no memory for their tree");
        }
        if (failed < batch->span_count && &batch->spans[failed] != span && span->status != TRACE_STATUS_ERROR) {
            tracei_console_gap(console);
            tracei_console_named(console, batch->spans[failed].name);
            tracei_console_failed(console, &batch->spans[failed]);
        }
    } while (tracei_console_shorten(console));
    tracei_console_row_end(console, 1);
    tracei_console_page_put(console);
}

static void tracei_console_note_errors(tracei_console *console, const trace_batch *batch) {
    uint32_t *const errors = tracei_console_announced(console, batch->root);
    size_t i;
    for (i = 0; errors && i < batch->span_count; i++) *errors += batch->spans[i].status == TRACE_STATUS_ERROR;
}

static void tracei_console_trees(tracei_console *console, const trace_batch *batch) {
    uint32_t top;
    if (batch->span_count == 0) {
        if (batch->root && batch->root->end_unix_ns == 0) tracei_console_announce(console, batch->root);
        return;
    }
    if (tracei_console_is_part(batch)) tracei_console_note_errors(console, batch);
    if (!tracei_console_build(console, batch)) {
        tracei_console_without_tree(console, batch);
        return;
    }
    if (tracei_console_is_part(batch)) {
        for (top = console->nodes[console->count].first; top != TRACEI_CONSOLE_NONE; top = console->nodes[top].next)
            if (tracei_console_leads(console, top)) tracei_console_tree(console, top);
    } else {
        tracei_console_tree(console, console->count);
    }
    tracei_console_scratch_trim(console);
}

/* --- lines: logfmt --- */

/* Bytes of the character at the start; negative: one that may not go out as it is. */
static int tracei_console_line_step(const char *text, size_t size) {
    int length;
    if ((unsigned char)*text < 0x80) return tracei_console_is_printable(*text) ? 1 : -1;
    length = tracei_utf8_step(text, size);
    return length > 0 && tracei_console_is_treacherous(tracei_console_decode(text, (size_t)length)) ? -length : length;
}

/* A key has no quotes to protect it. */
static void tracei_console_line_key(tracei_console *console, trace_string key) {
    while (key.size) {
        const int step = tracei_console_line_step(key.data, key.size);
        const size_t length = (size_t)(step < 0 ? -step : step);
        if (step < 0 || *key.data == ' ' || *key.data == '=' || *key.data == '"')
            tracei_console_raw(console, "_", 1);
        else
            tracei_console_raw(console, key.data, length);
        key.data += length;
        key.size -= length;
    }
    tracei_console_raw(console, "=", 1);
}

static void tracei_console_line_field(tracei_console *console, const char *key) {
    tracei_console_raw(console, " ", 1);
    tracei_console_raw(console, key, strlen(key));
    tracei_console_raw(console, "=", 1);
}

static bool tracei_console_line_is_bare(trace_string string) {
    size_t i;
    int step;
    for (i = 0; i < string.size; i += (size_t)step) {
        step = tracei_console_line_step(string.data + i, string.size - i);
        if (step < 0) return false;
    }
    return tracei_console_is_bare(string);
}

/* Quoted where needed; inside the quotes as in JSON, which is what readers of logfmt undo. */
static void tracei_console_line_string(tracei_console *console, trace_string string) {
    if (tracei_console_line_is_bare(string)) {
        tracei_console_raw(console, string.data, string.size);
        return;
    }
    tracei_console_raw(console, "\"", 1);
    while (string.size) {
        const int step = tracei_console_line_step(string.data, string.size);
        const size_t length = (size_t)(step < 0 ? -step : step);
        const uint32_t code = (unsigned char)*string.data < 0x80               ? (unsigned char)*string.data
                              : tracei_utf8_step(string.data, string.size) < 0 ? 0
                                                                               : tracei_console_decode(string.data, length);
        char one[8] = "\\u0000", *end = one;
        if (code >= 0x7f && step < 0) {
            const uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)code};
            end = tracei_put_hex(one + 2, bytes, 2);
        } else {
            end = tracei_put_json(one, string.data, length);
        }
        tracei_console_raw(console, one, (size_t)(end - one));
        string.data += length;
        string.size -= length;
    }
    tracei_console_raw(console, "\"", 1);
}

static void tracei_console_line_number(tracei_console *console, uint64_t value) {
    char digits[24];
    tracei_console_raw(console, digits, (size_t)(tracei_put_u64(digits, value) - digits));
}

static void tracei_console_line_value(tracei_console *console, const trace_value *value) {
    const size_t from = console->page_size;
    if (value->type == TRACE_TYPE_STRING || value->type == TRACE_TYPE_JSON) {
        tracei_console_line_string(console, value->as.string);
        return;
    }
    if (value->type == TRACE_TYPE_ARRAY) tracei_console_raw(console, "\"", 1);
    tracei_console_value(console, value, 0);
    if (value->type != TRACE_TYPE_ARRAY || console->full) return;
    { /* quotes inside quotes: those of strings with blanks */
        size_t i, quotes = 0, to;
        for (i = from + 1; i < console->page_size; i++) quotes += console->page[i] == '"' || console->page[i] == '\\';
        if (quotes && !tracei_console_page_reserve(console, quotes)) {
            console->full = true;
            return;
        }
        to = console->page_size + quotes;
        for (i = console->page_size; i-- > from + 1;) {
            console->page[--to] = console->page[i];
            if (console->page[i] == '"' || console->page[i] == '\\') console->page[--to] = '\\';
        }
        console->page_size += quotes;
    }
    tracei_console_raw(console, "\"", 1);
}

static void tracei_console_line_id(tracei_console *console, const char *key, const uint8_t *id, size_t size) {
    char digits[40];
    if (tracei_console_is_zero(id, size)) return;
    tracei_console_line_field(console, key);
    tracei_console_raw(console, digits, (size_t)(tracei_put_hex(digits, id, size) - digits));
}

static void tracei_console_line_text(tracei_console *console, const char *key, trace_string text) {
    if (!text.size) return;
    tracei_console_line_field(console, key);
    tracei_console_line_string(console, text);
}

static void tracei_console_line_count(tracei_console *console, const char *key, uint64_t count) {
    if (!count) return;
    tracei_console_line_field(console, key);
    tracei_console_line_number(console, count);
}

/* Milliseconds, exact: "20.7", "0.000001". */
static void tracei_console_line_duration(tracei_console *console, uint64_t ns) {
    uint32_t rest = (uint32_t)(ns % 1000000u);
    tracei_console_line_field(console, "duration_ms");
    tracei_console_line_number(console, ns / 1000000u);
    if (rest) tracei_console_raw(console, ".", 1);
    for (; rest; rest = rest % 100000u * 10) {
        const char digit = (char)('0' + rest / 100000u);
        tracei_console_raw(console, &digit, 1);
    }
}

/* At most 48 bytes. */
static char *tracei_console_line_time(char *at, uint64_t unix_ns) {
    at = tracei_console_date(at + tracei_copy_word(at, "time="), unix_ns / 1000000000u);
    at = tracei_console_fraction(tracei_console_hms(at, unix_ns / 1000000000u), unix_ns, 6);
    *at++ = 'Z';
    return at;
}

static void tracei_console_line(tracei_console *console, const trace_span_data *span, trace_string service) {
    static const char *const kinds[] = {"", "", " kind=server", " kind=client", " kind=producer", " kind=consumer"};
    const bool failed = span->status == TRACE_STATUS_ERROR;
    const char *const kind = (unsigned)span->kind < sizeof kinds / sizeof kinds[0] ? kinds[span->kind] : "";
    char time[48];
    size_t i;
    tracei_console_row_begin(console, span);
    tracei_console_raw(console, time, (size_t)(tracei_console_line_time(time, span->start_unix_ns) - time));
    tracei_console_raw(console, failed ? " level=error" : " level=info", failed ? 12 : 11);
    tracei_console_line_text(console, "service", service);
    tracei_console_line_field(console, "span");
    tracei_console_line_string(console, span->name);
    tracei_console_line_duration(console, tracei_console_length(span));
    tracei_console_raw(console, kind, strlen(kind));
    if (failed) {
        const tracei_console_error error = tracei_console_error_of(span);
        tracei_console_line_text(console, "error.type", error.type);
        tracei_console_line_text(console, "error", error.message);
    }
    if (span->is_abandoned) tracei_console_raw(console, " abandoned=true", 15);
    tracei_console_line_id(console, "trace_id", span->trace_id, 16);
    tracei_console_line_id(console, "span_id", span->span_id, 8);
    tracei_console_line_id(console, "parent_id", span->parent_span_id, 8);
    if (tracei_console_is_named(console, span))
        tracei_console_line_text(console, "thread", span->thread_name);
    else
        tracei_console_line_count(console, "thread", span->thread_id);
    tracei_console_line_count(console, "events", span->event_count);
    tracei_console_line_count(console, "links", span->link_count);
    tracei_console_line_count(console, "dropped_attributes", span->dropped_attribute_count);
    tracei_console_line_count(console, "dropped_events", span->dropped_event_count);
    tracei_console_line_count(console, "dropped_links", span->dropped_link_count);
    for (i = 0; i < span->attribute_count; i++) {
        if (failed && span->attributes[i].value.type == TRACE_TYPE_STRING &&
            tracei_is(span->attributes[i].key, "error.type"))
            continue;
        tracei_console_raw(console, " ", 1);
        tracei_console_line_key(console, span->attributes[i].key);
        tracei_console_line_value(console, &span->attributes[i].value);
    }
    tracei_console_row_end(console, 1);
}

/* --- the exporter --- */

static trace_result tracei_console_export(void *user, const trace_batch *batch) {
    tracei_console *const console = (tracei_console *)user;
    size_t i;
    tracei_lock(&console->lock);
    console->stats.received += batch->span_count;
    console->stats.queued += batch->span_count;
    tracei_unlock(&console->lock);
    tracei_console_refresh(console);
    console->batch_left = batch->span_count;
    if (console->options.format == TRACE_CONSOLE_FORMAT_LINE) {
        const trace_string service = tracei_console_service(batch);
        for (i = 0; i < batch->span_count; i++) tracei_console_line(console, &batch->spans[i], service);
        tracei_console_page_put(console);
    } else {
        tracei_console_second(console);
        tracei_console_trees(console, batch);
    }
    console->batch = NULL;
    return TRACE_RESULT_OK;
}

/* Between passes no pipe is kept open: who reads it would not see its end when the program closes it. */
static void tracei_console_rest(tracei_console *console) {
#if TRACEI_PLATFORM_POSIX
    if (!console->queue) tracei_console_close(console);
#else
    (void)console;
#endif
}

/* In each pass: what had to wait goes on without a new span, then what was lost is told. Never blocks. True: more is to come. */
static bool tracei_consoles_go_on(void) {
    bool more = false;
    uint32_t i;
    for (i = 0; i < tracei_exporter_count; i++) {
        tracei_console *const console = (tracei_console *)tracei_exporters[i].exporter.user;
        if (tracei_exporters[i].exporter.export_fn != tracei_console_export) continue;
        if (console->has_hidden || console->queue || console->lost) {
            tracei_console_refresh(console);
            if (console->has_hidden) tracei_console_second(console);
            tracei_console_put(console, "", 0, 0);
            more = more || console->has_hidden || console->queue;
        }
        tracei_console_rest(console);
    }
    return more;
}

static trace_result tracei_console_flush(void *user, uint64_t deadline_ns) {
    tracei_console *const console = (tracei_console *)user;
    tracei_console_refresh(console);
    tracei_console_second(console); /* one that is not over goes on: who flushes after each job gets one line of it */
    for (;;) {
        const uint64_t now = tracei_mono_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
        if (tracei_console_drain(console)) tracei_console_put(console, "", 0, 0); /* tells what was lost */
        if (!console->queue) break;
        if (!left) return TRACE_RESULT_TIMEOUT;
        (void)tracei_console_can_write(console, left > 100000000u ? 100 : (int)(left / 1000000u) + 1);
    }
    tracei_console_rest(console);
    return TRACE_RESULT_OK;
}

static void tracei_console_shutdown(void *user, uint64_t deadline_ns) {
    tracei_console *const console = (tracei_console *)user;
    tracei_console_refresh(console);
    tracei_console_second(console);
    tracei_console_summarise(console, false);
    if (tracei_console_flush(console, deadline_ns) == TRACE_RESULT_TIMEOUT)
        tracei_console_queue_fail(console, TRACE_FAILURE_SHUTDOWN);
    tracei_console_close(console);
    console->target[2] = 0;
}

static void tracei_console_stats(void *user, trace_exporter_stats *stats) {
    tracei_console *const console = (tracei_console *)user;
    tracei_lock(&console->lock);
    *stats = console->stats;
    tracei_unlock(&console->lock);
}

/* What the parent has allocated may be in any state: it is left alone, not freed. */
static void tracei_console_fork(void *user) {
    tracei_console *const console = (tracei_console *)user;
    console->lock = 0;
    memset(&console->stats, 0, sizeof console->stats);
    console->queue = NULL;
    console->queue_head = console->queue_size = console->queue_capacity = console->queue_done = 0;
    console->lost = 0;
    console->is_torn = false;
    console->page = NULL;
    console->page_size = console->page_capacity = 0;
    console->page_spans = 0;
    console->scratch = NULL;
    console->scratch_size = 0;
    console->roots = NULL;
    console->second = console->error_second = console->refilled = 0;
    console->has_hidden = false;
    tracei_console_close(console);
    console->target[2] = 0;
}

static void tracei_console_resolve(trace_console_options *options, const trace_console_options *given) {
    static const char *const words[] = {"tree", "all", "line", NULL}; /* in the order of TRACE_CONSOLE_FORMAT_ */
    const char *const wanted = tracei_environment("TRACE_CONSOLE");
    memset((void *)options, 0, sizeof *options);
    if (given) *options = *given;
    if (options->format == TRACE_CONSOLE_FORMAT_DEFAULT) options->format = TRACE_CONSOLE_FORMAT_TREE;
    if (!options->descriptor_plus_one) options->descriptor_plus_one = 3;
    if (wanted) {
        const trace_string text = tracei_environment_trim(wanted, strlen(wanted));
        const int word = tracei_environment_word(text, words);
        if (word >= 0)
            options->format = (trace_console_format)(word + 1);
        else if (text.size && tracei_first_time(&tracei_console_said_format))
            tracei_environment_bad_word("TRACE_CONSOLE", text, words, "");
    }
}

/* One console for each destination, so that two exporters to the same one share its queue and its seconds. */
static tracei_console *tracei_console_for(const trace_console_options *options) {
    uint32_t i;
    for (i = 0; i < TRACEI_CONSOLES_MAX; i++) {
        tracei_console *const console = &tracei_consoles[i];
        if (!console->used) return console;
        if (console->wanted.write_fn != options->write_fn) continue;
        if (options->write_fn ? console->wanted.user == options->user
                              : console->wanted.descriptor_plus_one == options->descriptor_plus_one)
            return console;
    }
    return NULL;
}

/* NULL: none. */
static const char *tracei_console_wrong_field(const trace_console_options *options) {
    if ((uint32_t)options->format > TRACE_CONSOLE_FORMAT_LINE) return "format";
    if ((uint32_t)options->color > TRACE_CHOICE_YES) return "color";
    if ((uint32_t)options->unicode > TRACE_CHOICE_YES) return "unicode";
    return options->descriptor_plus_one < 0 ? "descriptor_plus_one" : NULL;
}

TRACE_APP trace_exporter trace_console_exporter(const trace_console_options *given) {
    const char *const wrong = given ? tracei_console_wrong_field(given) : NULL;
    trace_console_options options;
    tracei_console *console;
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "console";
    if (wrong) {
        tracei_log(TRACE_LOG_LEVEL_ERROR,
                   "trace_console_exporter: trace_console_options.%s is not a valid value: start from zero", wrong);
        return exporter;
    }
    tracei_console_resolve(&options, given);
    if (TRACEI_PLATFORM_NONE && !options.write_fn) {
        tracei_log(TRACE_LOG_LEVEL_ERROR,
                   "trace_console_exporter: there are no descriptors here: set trace_console_options.write_fn");
        return exporter;
    }
#if TRACEI_PLATFORM_POSIX
    if (given && given->descriptor_plus_one && !options.write_fn) {
        const int flags = fcntl(options.descriptor_plus_one - 1, F_GETFL);
        if (flags == -1 || (flags & O_ACCMODE) == O_RDONLY)
            tracei_log(TRACE_LOG_LEVEL_ERROR,
                       "trace_console_exporter: trace_console_options.descriptor_plus_one is %d: descriptor %d is not open for "
                       "writing",
                       options.descriptor_plus_one, options.descriptor_plus_one - 1);
    }
#endif
    tracei_lock(&tracei_consoles_lock);
    console = tracei_console_for(&options);
    if (console) {
        tracei_lock(&console->lock);
        console->used = 1;
        console->wanted = options;
        console->renew = true;
        tracei_unlock(&console->lock);
    }
    tracei_unlock(&tracei_consoles_lock);
    if (!console) {
        tracei_log(TRACE_LOG_LEVEL_ERROR, "trace_console_exporter: %u consoles are in use, there are no more",
                   (unsigned)TRACEI_CONSOLES_MAX);
        return exporter;
    }
    exporter.export_fn = tracei_console_export;
    tracei_name_punctual(exporter.export_fn);
    exporter.flush_fn = tracei_console_flush;
    exporter.shutdown_fn = tracei_console_shutdown;
    exporter.stats_fn = tracei_console_stats;
    exporter.fork_fn = tracei_console_fork;
    exporter.user = console;
    exporter.whole_traces = options.format != TRACE_CONSOLE_FORMAT_LINE;
    return exporter;
}

#endif /* TRACE_CONFIG_NO_CONSOLE */

/* >>memory exporter ------------------------------------------------------------------------------------------------

   Deep copies of spans, cut one after another from a buffer of the caller's; a directory of pointers grows down from its end. The
   buffer begins with this header. A short lock, because a test may read while the worker writes. */

typedef struct tracei_memory {
    uint32_t lock;
    uint32_t pid;                 /* whose spans these are */
    size_t size;
    size_t used;
    size_t count;
    trace_exporter_stats stats;
    uint8_t last_trace[16];       /* of the local root that ended last */
    bool has_last_trace;
} tracei_memory;

typedef struct tracei_cutter {
    unsigned char *at, *end;
    bool full;
} tracei_cutter;

static void *tracei_cut(tracei_cutter *cutter, size_t size) {
    unsigned char *const at = cutter->at;
    size = (size + 7u) & ~(size_t)7u;
    if (size > (size_t)(cutter->end - cutter->at)) {
        cutter->full = true;
        return NULL;
    }
    cutter->at += size;
    return at;
}

static trace_string tracei_keep_string(tracei_cutter *cutter, trace_string string) {
    trace_string kept;
    char *const data = (char *)tracei_cut(cutter, string.size + 1); /* terminated: handy in a debugger and for strcmp in tests */
    kept.data = data;
    kept.size = data ? string.size : 0;
    if (data) {
        if (string.size) memcpy(data, string.data, string.size);
        data[string.size] = '\0';
    }
    return kept;
}

static void tracei_keep_value(tracei_cutter *cutter, trace_value *value, int depth) {
    if (value->type == TRACE_TYPE_STRING || value->type == TRACE_TYPE_JSON || value->type == TRACE_TYPE_BYTES) {
        value->as.string = tracei_keep_string(cutter, value->as.string);
    } else if (value->type == TRACE_TYPE_ARRAY) {
        const size_t count = depth < TRACEI_DEPTH_MAX ? value->as.array.count : 0;
        trace_value *const items = (trace_value *)tracei_cut(cutter, count * sizeof *items);
        size_t i;
        for (i = 0; items && i < count; i++) {
            items[i] = value->as.array.items[i];
            tracei_keep_value(cutter, &items[i], depth + 1);
        }
        value->as.array.items = items;
        value->as.array.count = items ? count : 0;
    }
}

static const trace_attribute *tracei_keep_attributes(tracei_cutter *cutter, const trace_attribute *attributes, size_t count) {
    trace_attribute *const kept = (trace_attribute *)tracei_cut(cutter, count * sizeof *kept);
    size_t i;
    for (i = 0; kept && i < count; i++) {
        kept[i] = attributes[i];
        kept[i].key = tracei_keep_string(cutter, attributes[i].key);
        tracei_keep_value(cutter, &kept[i].value, 0);
    }
    return kept;
}

static void tracei_keep_span(tracei_cutter *cutter, trace_span_data *span) {
    trace_event_data *const events = (trace_event_data *)tracei_cut(cutter, span->event_count * sizeof *events);
    trace_link_data *const links = (trace_link_data *)tracei_cut(cutter, span->link_count * sizeof *links);
    size_t i;
    span->name = tracei_keep_string(cutter, span->name);
    span->status_message = tracei_keep_string(cutter, span->status_message);
    span->trace_state = tracei_keep_string(cutter, span->trace_state);
    span->thread_name = tracei_keep_string(cutter, span->thread_name);
    span->attributes = tracei_keep_attributes(cutter, span->attributes, span->attribute_count);
    for (i = 0; events && i < span->event_count; i++) {
        events[i] = span->events[i];
        events[i].name = tracei_keep_string(cutter, events[i].name);
        events[i].attributes = tracei_keep_attributes(cutter, events[i].attributes, events[i].attribute_count);
    }
    for (i = 0; links && i < span->link_count; i++) {
        links[i] = span->links[i];
        links[i].trace_state = tracei_keep_string(cutter, links[i].trace_state);
        links[i].attributes = tracei_keep_attributes(cutter, links[i].attributes, links[i].attribute_count);
    }
    span->events = events;
    span->links = links;
}

static trace_span_data **tracei_memory_directory(tracei_memory *memory) {
    return (trace_span_data **)(void *)((unsigned char *)memory + memory->size) - 1; /* entry i is at [-i] */
}

static trace_result tracei_memory_export(void *user, const trace_batch *batch) {
    tracei_memory *const memory = (tracei_memory *)user;
    size_t i;
    tracei_lock(&memory->lock);
    for (i = 0; i < batch->span_count; i++) {
        tracei_cutter cutter;
        trace_span_data *span;
        trace_span_data **const entry = tracei_memory_directory(memory) - memory->count;
        cutter.at = (unsigned char *)memory + memory->used;
        cutter.end = (unsigned char *)entry;
        cutter.full = (size_t)(cutter.end - (unsigned char *)memory) <= memory->used;
        memory->stats.received++;
        span = cutter.full ? NULL : (trace_span_data *)tracei_cut(&cutter, sizeof *span);
        if (span) {
            *span = batch->spans[i];
            tracei_keep_span(&cutter, span);
        }
        if (cutter.full) {
            memory->stats.failed[TRACE_FAILURE_QUEUE_FULL]++;
            memory->stats.last_failure_unix_ns = tracei_unix_ns();
            tracei_stats_say(&memory->stats, "the buffer is full");
            continue;
        }
        *entry = span;
        memory->used = (size_t)(cutter.at - (unsigned char *)memory);
        memory->count++;
        memory->stats.sent++;
        memory->stats.last_success_unix_ns = tracei_unix_ns();
        if (span->is_local_root) {
            memcpy(memory->last_trace, span->trace_id, sizeof memory->last_trace);
            memory->has_last_trace = true;
        }
    }
    tracei_unlock(&memory->lock);
    return TRACE_RESULT_OK;
}

static void tracei_memory_stats(void *user, trace_exporter_stats *stats) {
    tracei_memory *const memory = (tracei_memory *)user;
    tracei_lock(&memory->lock);
    *stats = memory->stats;
    tracei_unlock(&memory->lock);
}

static void tracei_memory_reset(tracei_memory *memory) {
    memory->used = sizeof *memory;
    memory->count = 0;
    memory->has_last_trace = false;
}

/* The child begins with an empty store: what is in it was recorded by the parent. */
static void tracei_memory_fork(void *user) {
    tracei_memory *const memory = (tracei_memory *)user;
    memory->lock = 0; /* whoever held it is not here */
    memset(&memory->stats, 0, sizeof memory->stats);
    tracei_memory_reset(memory);
}

TRACE_APP trace_exporter trace_memory_exporter(void *buffer, size_t size) {
    tracei_memory *const memory = (tracei_memory *)buffer;
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = "memory";
    if (!buffer || (uintptr_t)buffer % 8 || size < sizeof *memory + 64) {
        tracei_log(TRACE_LOG_LEVEL_ERROR, "trace_memory_exporter: buffer must be aligned to 8 bytes and hold at least %u bytes",
                   (unsigned)(sizeof *memory + 64));
        return exporter;
    }
    memset(memory, 0, sizeof *memory);
    memory->size = size & ~(size_t)7u;
    tracei_memory_reset(memory);
    exporter.export_fn = tracei_memory_export;
    tracei_name_punctual(exporter.export_fn);
    exporter.stats_fn = tracei_memory_stats;
    exporter.fork_fn = tracei_memory_fork;
    exporter.user = memory;
    return exporter;
}

static size_t tracei_memory_collect(const trace_exporter *exporter, trace_span_data *spans, size_t capacity,
                                    bool last_trace_only) {
    tracei_memory *memory;
    size_t count = 0, i;
    if (!exporter || exporter->export_fn != tracei_memory_export) return 0;
    memory = (tracei_memory *)exporter->user;
    tracei_lock(&memory->lock);
    for (i = 0; i < memory->count; i++) {
        const trace_span_data *const span = *(tracei_memory_directory(memory) - i);
        if (last_trace_only &&
            (!memory->has_last_trace || memcmp(span->trace_id, memory->last_trace, sizeof memory->last_trace) != 0))
            continue;
        if (spans && count < capacity) spans[count] = *span;
        count++;
    }
    tracei_unlock(&memory->lock);
    return count;
}

TRACE_APP size_t trace_memory_get(const trace_exporter *memory, trace_span_data *spans, size_t capacity) {
    return tracei_memory_collect(memory, spans, capacity, false);
}

TRACE_APP size_t trace_memory_last_trace(const trace_exporter *memory, trace_span_data *spans, size_t capacity) {
    return tracei_memory_collect(memory, spans, capacity, true);
}

TRACE_APP void trace_memory_clear(const trace_exporter *exporter) {
    tracei_memory *memory;
    if (!exporter || exporter->export_fn != tracei_memory_export) return;
    memory = (tracei_memory *)exporter->user;
    tracei_lock(&memory->lock);
    tracei_memory_reset(memory);
    tracei_unlock(&memory->lock);
}

/* >>config ---------------------------------------------------------------------------------------------------------

   The life of the process: what runs before the first span, at init, in a forked child, at exit. tracei_begin_lock holds the
   process id of whoever is at it, so that a child whose parent was forked in the middle can tell that nobody will ever let
   go. */

enum { TRACEI_STATE_NONE = 0, TRACEI_STATE_RUNNING, TRACEI_STATE_SHUT };
enum { TRACEI_OFF_DISABLED = 1, TRACEI_OFF_SHUT = 2 };

static uint32_t tracei_state;
static uint32_t tracei_begin_lock;
static uint32_t tracei_generation;          /* processes begun in this memory: 1, then one more with each fork that records */
#define TRACEI_EXIT_MS_DEFAULT 1000u
static uint32_t tracei_exit_ms = TRACEI_EXIT_MS_DEFAULT;
static uint64_t tracei_exit_spent_ms;
static bool tracei_exit_watched;
static uint64_t tracei_losses_told;         /* lost spans up to the last flush; under the pass */
static uint32_t tracei_flush_number;        /* the same in all slices of one flush or shutdown; under the pass */
static uint32_t tracei_flush_share_ms;      /* how long one that cannot break off what it does may go on in its turn */
static uint32_t tracei_flush_last_ms;       /* not 0: it is the last one, of a shutdown or exit, and has one ms less than that */
static trace_exporter_choice tracei_registered[TRACE_EXPORTERS_MAX];    /* by companions, before main */
static uint32_t tracei_registered_count;
static const char *const *tracei_preset_names;        /* ended by NULL; at most TRACEI_PRESETS_MAX */
static trace_exporter (*tracei_preset_fn)(size_t index);
#define TRACEI_PRESETS_MAX 32

static bool tracei_begin_enter(uint64_t deadline_ns) {
    const uint32_t self = (uint32_t)tracei_process_id() | 1u << 31; /* never 0 */
    uint32_t holder = 0;
    while (!TRACEI_CAS(&tracei_begin_lock, &holder, self)) {
        if (holder == self) {
            if (deadline_ns != UINT64_MAX && tracei_mono_ns() >= deadline_ns) return false;
            tracei_nap(100);
            holder = 0;
        } /* else: held by the parent's thread at fork; it does not exist here, so take over from that value */
    }
    return true;
}

static void tracei_begin_leave(void) {
    TRACEI_STORE_RELEASE(&tracei_begin_lock, 0u);
}

/* --- copies of this header in one process --- */

#if TRACEI_PLATFORM_POSIX && TRACEI_GNU
__attribute__((weak, visibility("default"))) tracei_shared trace_h_shared_1;
#else
static tracei_shared trace_h_shared_1;
#endif

static trace_span tracei_api_start(const char *name, size_t size, const trace_span_options *options) {
    return options ? tracei_start_with(name, size, options) : tracei_start(name, size);
}

static trace_span tracei_api_begin(const char *name, size_t size, const trace_span_options *options) {
    return options ? tracei_begin_with(name, size, options) : tracei_begin(name, size);
}

static void tracei_api_end(trace_span span, uint64_t unix_ns) {
    tracei_end_slow(span, unix_ns, TRACEI_END_ALONE);
}

static uint32_t tracei_api_innermost(trace_context *out) {
    tracei_unit *const unit = tracei_tls;
    if (unit->gate != tracei_open_gate() || !unit->current) return 0;
    *out = tracei_slot_context(unit->current);
    out->entry = 0; /* an index into this copy's table means nothing to another */
    return unit->current->sequence ? unit->current->sequence : 1;
}

static void tracei_api_copies_changed(void) {
    TRACEI_STORE(&tracei_others, 1u);
    tracei_shortcut_refresh();
}

static const tracei_api tracei_api_table = {sizeof(tracei_api),
                                            0,
                                            tracei_api_start,
                                            tracei_api_end,
                                            tracei_leave,
                                            tracei_set_value,
                                            tracei_set_array,
                                            tracei_set_name,
                                            tracei_set_status,
                                            tracei_add_event,
                                            tracei_add_link,
                                            tracei_record_error,
                                            tracei_record_errno,
                                            tracei_current,
                                            tracei_recording,
                                            tracei_enabled,
                                            tracei_context,
                                            trace_mark_get,
                                            trace_unwind,
                                            trace_context_current,
                                            trace_attach,
                                            trace_attach_span,
                                            trace_detach,
                                            trace_context_hold,
                                            trace_context_release,
                                            trace_context_parse,
                                            trace_context_format,
                                            trace_extract,
                                            trace_extract_headers,
                                            trace_extract_raw,
                                            trace_extract_environment,
                                            trace_inject,
                                            trace_inject_raw,
                                            trace_baggage_get,
                                            trace_baggage_set,
                                            trace_baggage_remove,
                                            trace_state_get,
                                            tracei_api_innermost,
                                            tracei_api_copies_changed,
                                            trace_clock_ns,
                                            tracei_api_begin};

static void tracei_shared_join(void) {
    const tracei_api *nobody = NULL;
    uint32_t i, others = 0;
    bool joined = false;
    (void)TRACEI_CAS(&trace_h_shared_1.implementation, &nobody, &tracei_api_table);
    for (i = 0; i < TRACEI_COPIES_MAX; i++) {
        const tracei_api *copy = TRACEI_LOAD_ACQUIRE(&trace_h_shared_1.copies[i]);
        if (copy == &tracei_api_table) return;
        if (!copy && !joined) joined = TRACEI_CAS(&trace_h_shared_1.copies[i], &copy, &tracei_api_table);
        if (copy && copy != &tracei_api_table) others++;
    }
    if (!others) return;
    tracei_api_copies_changed();
    for (i = 0; i < TRACEI_COPIES_MAX; i++) {
        const tracei_api *const copy = TRACEI_LOAD_ACQUIRE(&trace_h_shared_1.copies[i]);
        if (copy && copy != &tracei_api_table && copy->size >= offsetof(tracei_api, copies_changed) + sizeof copy->copies_changed)
            copy->copies_changed();
    }
}

#if TRACE_CONFIG_UNLOADABLE
static void tracei_shared_leave(void) {
    const tracei_api *self = &tracei_api_table;
    uint32_t i;
    (void)TRACEI_CAS(&trace_h_shared_1.implementation, &self, (const tracei_api *)NULL);
    for (i = 0; i < TRACEI_COPIES_MAX; i++) {
        self = &tracei_api_table;
        (void)TRACEI_CAS(&trace_h_shared_1.copies[i], &self, (const tracei_api *)NULL);
    }
}
#endif

/* 1: before there were others, older than any; never 0; else odd and compared by difference, for it wraps. */
static void tracei_made_current(tracei_slot *slot) {
    do slot->sequence = TRACEI_LOAD(&tracei_others) ? TRACEI_ADD(&trace_h_shared_1.sequence, 2u) | 1u : 1u;
    while (slot->sequence == 1 && TRACEI_LOAD(&tracei_others));
}

/* The context another copy made current on this thread after this one's own. */
static bool tracei_foreign_context(const tracei_unit *unit, trace_context *out) {
    uint32_t i, newest = unit->current ? unit->current->sequence : 0;
    bool found = false;
    if (!TRACEI_LOAD(&tracei_others)) return false;
    for (i = 0; i < TRACEI_COPIES_MAX; i++) {
        const tracei_api *const copy = TRACEI_LOAD_ACQUIRE(&trace_h_shared_1.copies[i]);
        trace_context context;
        uint32_t sequence;
        if (!copy || copy == &tracei_api_table) continue;
        sequence = copy->innermost(&context);
        if (!sequence || (newest && (sequence == 1 || (newest != 1 && (int32_t)(sequence - newest) <= 0)))) continue;
        newest = sequence;
        *out = context;
        out->reserved &= TRACEI_FLAGS_KNOWN; /* its offsets are not ours */
        found = true;
    }
    return found;
}

/* A library with a live worker, a thread key and a place in the table of copies must not be unmapped by dlclose. */
#if defined(__GLIBC__) && defined(__PIC__) && !defined(__PIE__) && !TRACE_CONFIG_UNLOADABLE && defined(RTLD_NODELETE)
static void tracei_pin_module(void) {
    Dl_info info;
    if (dladdr((void *)&tracei_state, &info) && info.dli_fname)
        (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
#else
static TRACEI_UNUSED void tracei_pin_module(void) {}
#endif

/* --- flush --- */

static bool tracei_pass_acquire(uint64_t deadline_ns) {
    bool acquired = tracei_try_lock(&tracei_pass_lock);
    uint64_t now;
    if (acquired) return true;
    (void)TRACEI_ADD(&tracei_pass_wanted, 1u);
    while (!acquired && (now = tracei_mono_ns()) < deadline_ns) {
        tracei_nap(deadline_ns - now < 500000u ? (uint32_t)((deadline_ns - now) / 1000u) + 1 : 500u);
        acquired = tracei_try_lock(&tracei_pass_lock);
    }
    (void)TRACEI_SUB(&tracei_pass_wanted, 1u);
    if (!acquired) tracei_say_blocked();
    return acquired;
}

static void tracei_exporter_read(uint32_t i, trace_exporter_stats *stats) {
    tracei_running running;
    tracei_lock(&tracei_ledger_lock); /* trace_init may be replacing it */
    running = tracei_exporters[i];
    tracei_unlock(&tracei_ledger_lock);
    *stats = running.stats;
    if (!running.exporter.stats_fn) return;
    memset(stats, 0, sizeof *stats);
    running.exporter.stats_fn(running.exporter.user, stats);
    stats->blocked_ns = running.stats.blocked_ns;
}

static uint64_t tracei_losses(void) {
    trace_stats stats;
    uint64_t lost = 0;
    uint32_t i, j;
    trace_get_stats(&stats);
    for (i = 0; i < TRACE_DROP_COUNT; i++)
        if (i != TRACE_DROP_NO_EXPORTER) lost += stats.dropped[i];
    for (i = 0; i < tracei_exporter_count; i++) {
        trace_exporter_stats exporter;
        tracei_exporter_read(i, &exporter);
        for (j = 0; j < TRACE_FAILURE_COUNT; j++) lost += exporter.failed[j];
    }
    return lost;
}

/* Exporters that are asked again and again can tell by it what is one flush, or one shutdown. */
static void tracei_flush_begin(void) {
    tracei_flush_number = (tracei_flush_number + 1) | 1; /* never 0: no flush of ours */
}

/* For exporters to read, on whatever thread. */
static void tracei_flush_tell(uint64_t left_ns, uint32_t turns, bool last) {
    const uint64_t left = left_ns / 1000000u, share = left / turns;
    TRACEI_STORE(&tracei_flush_share_ms, share < UINT32_MAX ? (uint32_t)share : UINT32_MAX);
    TRACEI_STORE(&tracei_flush_last_ms, !last ? 0u : left < UINT32_MAX - 1u ? (uint32_t)left + 1u : UINT32_MAX);
}

/* Flushes the exporters whose bits are set (afterwards: those that are not done), a slice of the time each in turn, so that the
   rings are drained in between and one that does not get rid of its spans keeps neither them nor the others from it. In the
   first turn nobody is waited for: all begin. A request cannot be broken off and taken up again: who sends in our thread has its
   share of all the time for one. */
static trace_result tracei_flush_exporters(uint32_t *exporters, uint64_t deadline_ns, bool last) {
    tracei_unit *const self = tracei_tls;
    trace_result result = TRACE_RESULT_OK;
    uint64_t slice = 0;
    uint32_t waiting = *exporters;
    for (;;) {
        uint32_t i, turns = 0;
        for (i = 0; i < tracei_exporter_count; i++) turns += waiting >> i & 1;
        for (i = 0; i < tracei_exporter_count; i++) {
            const trace_exporter *const exporter = &tracei_exporters[i].exporter;
            const uint64_t now = tracei_mono_ns(), until = tracei_add_capped(now, slice);
            trace_result one;
            if (!(waiting >> i & 1)) continue;
            tracei_flush_tell(deadline_ns > now ? deadline_ns - now : 0, slice ? turns-- : UINT32_MAX, last);
            tracei_tls = &tracei_unit_suppressed;
            (void)tracei_export_enter(exporter, "flush_fn");
            one = exporter->flush_fn(exporter->user, until < deadline_ns ? until : deadline_ns);
            tracei_flush_tell(0, 1, false);
            tracei_export_leave();
            tracei_tls = self;
            if (one == TRACE_RESULT_TIMEOUT) continue;
            waiting &= ~(1u << i);
            if (one != TRACE_RESULT_OK) result = TRACE_RESULT_FAILED;
        }
        *exporters = waiting;
        if (!waiting) return result;
        if (tracei_mono_ns() >= deadline_ns) return result == TRACE_RESULT_OK ? TRACE_RESULT_TIMEOUT : result;
        if (slice) (void)tracei_pass(false, deadline_ns);
        slice = TRACEI_FLUSH_SLICE_NS;
    }
}

/* Whether spans were lost since this was last asked. */
static trace_result tracei_losses_tell(trace_result result) {
    const uint64_t losses = tracei_losses();
    if (result == TRACE_RESULT_TIMEOUT) return result; /* the next one tells */
    if (result == TRACE_RESULT_OK && losses != tracei_losses_told) result = TRACE_RESULT_FAILED;
    tracei_losses_told = losses;
    return result;
}

/* The caller holds the pass. */
static trace_result tracei_flush_all(uint64_t deadline_ns) {
    uint32_t flushable = 0, i;
    trace_result result;
    bool cut;
    (void)tracei_pass(true, deadline_ns);
    cut = tracei_pass_cut;
    tracei_flush_begin();
    for (i = 0; i < tracei_exporter_count; i++)
        if (tracei_exporters[i].exporter.flush_fn) flushable |= 1u << i;
    result = tracei_flush_exporters(&flushable, deadline_ns, false);
    return tracei_losses_tell(cut && result == TRACE_RESULT_OK ? TRACE_RESULT_TIMEOUT : result);
}

static bool tracei_is_punctual(const trace_exporter *exporter) {
    uint32_t i;
    for (i = 0; i < TRACEI_PUNCTUAL_MAX; i++)
        if (TRACEI_LOAD(&tracei_punctual[i]) == exporter->export_fn) return true;
    return false;
}

/* What flush, shutdown and exit do under the pass. The program's own exporters may take longer than they are given, or for ever:
   where there are such, a thread does it, and who waits for it waits no longer than the deadline. Then it keeps the pass until
   it comes back, as a worker within export_fn does. */
typedef struct tracei_errand {
    trace_result (*run_fn)(uint64_t deadline_ns);
    uint64_t deadline_ns;
    trace_result result;
    uint32_t state;
    tracei_thread thread;         /* of one that was left: joined by the next */
} tracei_errand;

enum { TRACEI_ERRAND_RUNS = 0, TRACEI_ERRAND_DONE, TRACEI_ERRAND_LEFT };

static tracei_errand tracei_errand_now;     /* under the pass */
#define TRACEI_ERRAND_GRACE_NS 50000000u    /* exporters that keep their time have graces of their own */

static void tracei_errand_main(void *user) {
    tracei_errand *const errand = (tracei_errand *)user;
    uint32_t runs = TRACEI_ERRAND_RUNS;
    errand->result = errand->run_fn(errand->deadline_ns);
    if (!TRACEI_CAS(&errand->state, &runs, (uint32_t)TRACEI_ERRAND_DONE)) tracei_unlock(&tracei_pass_lock); /* nobody waits */
}

static bool tracei_errand_start(tracei_errand *errand, trace_result (*run_fn)(uint64_t), uint64_t deadline_ns) {
    uint32_t i;
    for (i = 0; i < tracei_exporter_count && tracei_is_punctual(&tracei_exporters[i].exporter); i++) {}
    if (i == tracei_exporter_count || deadline_ns == UINT64_MAX || TRACEI_LOAD(&tracei_no_threads)) return false;
    if (!tracei_thread_join(&errand->thread, tracei_deadline(1000))) return false; /* it let go of the pass: it is about to end */
    errand->run_fn = run_fn;
    errand->deadline_ns = deadline_ns;
    TRACEI_STORE(&errand->state, (uint32_t)TRACEI_ERRAND_RUNS);
    return tracei_thread_start(&errand->thread, tracei_errand_main, errand, "trace-flush");
}

/* The caller holds the pass, and does not any more afterwards. */
static trace_result tracei_run_errand(trace_result (*run_fn)(uint64_t deadline_ns), uint64_t deadline_ns) {
    tracei_errand *const errand = &tracei_errand_now;
    trace_result result;
    if (tracei_errand_start(errand, run_fn, deadline_ns)) {
        uint32_t runs = TRACEI_ERRAND_RUNS;
        const uint64_t now = tracei_mono_ns();
        if (!tracei_thread_join(&errand->thread,
                                tracei_add_capped(deadline_ns > now ? deadline_ns : now, TRACEI_ERRAND_GRACE_NS))) {
            if (TRACEI_CAS(&errand->state, &runs, (uint32_t)TRACEI_ERRAND_LEFT)) {
                tracei_say_blocked();
                return TRACE_RESULT_TIMEOUT;
            }
            (void)tracei_thread_join(&errand->thread, UINT64_MAX); /* it came back just now */
        }
        result = errand->result;
    } else {
        result = run_fn(deadline_ns);
    }
    tracei_unlock(&tracei_pass_lock);
    return result;
}

static trace_result tracei_flush_errand(uint64_t deadline_ns) {
    return TRACEI_LOAD(&tracei_state) == TRACEI_STATE_SHUT ? TRACE_RESULT_SHUT_DOWN : tracei_flush_all(deadline_ns);
}

/* Who waits until then has time for readers that are slow, and so has the pass that he waits for. */
static uint32_t tracei_patience_begin(uint64_t deadline_ns) {
    const uint64_t now = tracei_mono_ns(), most = tracei_add_capped(now, UINT64_C(1) << 50);
    const uint32_t until = deadline_ns > now ? (uint32_t)((deadline_ns < most ? deadline_ns : most) >> 20) | 1u : 0;
    TRACEI_STORE(&tracei_patience, until);
    return until;
}

static trace_result tracei_flush_by(uint64_t deadline_ns) {
    const int cancel = tracei_cancel_hold();
    uint32_t until = tracei_patience_begin(deadline_ns);
    const trace_result result =
        tracei_pass_acquire(deadline_ns) ? tracei_run_errand(tracei_flush_errand, deadline_ns) : TRACE_RESULT_TIMEOUT;
    (void)TRACEI_CAS(&tracei_patience, &until, 0u); /* not somebody else's */
    tracei_cancel_allow(cancel);
    return result;
}

static bool tracei_is_suppressed(void) {
    return tracei_tls == &tracei_unit_suppressed || tracei_is_entering(tracei_tls);
}

TRACE_APP trace_result trace_flush(uint32_t timeout_ms) {
    if (tracei_is_suppressed()) return TRACE_RESULT_BUSY;
    if (tracei_epoch_now() == 0) return TRACE_RESULT_OK; /* nothing was ever recorded in this process */
    if (TRACEI_LOAD(&tracei_state) == TRACEI_STATE_SHUT) return TRACE_RESULT_SHUT_DOWN;
    if (timeout_ms == 0 && TRACEI_LOAD(&tracei_pass_lock)) return TRACE_RESULT_BUSY;
    return tracei_flush_by(tracei_deadline(timeout_ms));
}

TRACE_APP size_t trace_pump(uint32_t budget_us) {
    const uint64_t deadline = budget_us ? tracei_mono_ns() + (uint64_t)budget_us * 1000u : 0;
    uint64_t spans = 0, now;
    int cancel;
    if (tracei_is_suppressed() || tracei_epoch_now() == 0) return 0;
    cancel = tracei_cancel_hold();
    if (tracei_try_lock(&tracei_pass_lock)) {
        do {
            now = TRACEI_LOAD(&tracei_state) == TRACEI_STATE_SHUT ? 0 : tracei_pass(false, deadline);
            spans += now;
        } while (now && tracei_mono_ns() < deadline);
        tracei_unlock(&tracei_pass_lock);
    }
    tracei_cancel_allow(cancel);
    return (size_t)spans;
}

/* --- shutdown and exit --- */

/* The last flush, in turns as any: one may take all the time. Answers whose spans are not all gone. */
static uint32_t tracei_flush_last(uint64_t deadline_ns) {
    uint32_t i, exporters = 0;
    tracei_flush_begin();
    for (i = 0; i < tracei_exporter_count; i++)
        if (tracei_exporters[i].exporter.flush_fn) exporters |= 1u << i;
    (void)tracei_flush_exporters(&exporters, deadline_ns, true);
    return exporters;
}

/* The last flush, then the last call of each exporter. */
static trace_result tracei_shut_exporters(uint64_t deadline_ns) {
    tracei_unit *const self = tracei_tls;
    const uint32_t left = tracei_flush_last(deadline_ns);
    trace_result result = TRACE_RESULT_OK;
    uint32_t i;
    for (i = 0; i < tracei_exporter_count; i++) {
        const trace_exporter *const exporter = &tracei_exporters[i].exporter;
        if (!exporter->shutdown_fn) {
            if (left >> i & 1) result = TRACE_RESULT_TIMEOUT;
            continue;
        }
        tracei_exporters_shut |= 1u << i;
        tracei_tls = &tracei_unit_suppressed;
        (void)tracei_export_enter(exporter, "shutdown_fn");
        exporter->shutdown_fn(exporter->user, deadline_ns);
        tracei_export_leave();
        tracei_tls = self;
    }
    return tracei_losses_tell(result);
}

static trace_result tracei_shutdown_errand(uint64_t deadline_ns) {
    trace_result result;
    bool cut;
    (void)tracei_pass(true, deadline_ns);
    cut = tracei_pass_cut;
    result = tracei_shut_exporters(deadline_ns);
    tracei_say_drops(true);
    return cut && result == TRACE_RESULT_OK ? TRACE_RESULT_TIMEOUT : result;
}

static trace_result tracei_exit_errand(uint64_t deadline_ns) {
    (void)tracei_pass(true, deadline_ns);
    return tracei_pass_cut ? TRACE_RESULT_TIMEOUT : TRACE_RESULT_OK;
}

static trace_result tracei_shutdown_by(uint64_t deadline_ns) {
    trace_result result = TRACE_RESULT_TIMEOUT;
    TRACEI_STORE(&tracei_divert, 1u);
    tracei_shortcut_refresh();
    TRACEI_STORE(&tracei_off_flag, TRACEI_LOAD(&tracei_off_flag) | TRACEI_OFF_SHUT);
    TRACEI_STORE(&tracei_ending, 1u);
    (void)tracei_patience_begin(deadline_ns);
    TRACEI_STORE(&tracei_attention, 0u);
    TRACEI_STORE(&tracei_use_worker, 0u);
    (void)tracei_worker_end(deadline_ns);
    if (tracei_pass_acquire(deadline_ns)) result = tracei_run_errand(tracei_shutdown_errand, deadline_ns);
#if TRACE_CONFIG_UNLOADABLE
    tracei_shared_leave();
#if TRACEI_PLATFORM_POSIX
    if (tracei_thread_key_made) {
        tracei_thread_key_made = false;
        pthread_key_delete(tracei_thread_key);
    }
#endif
#endif
    return result;
}

/* Not while trace_init is at work on another thread: one of the two is first, and then whole. */
static trace_result tracei_shutdown_once(uint64_t deadline_ns) {
    uint32_t running = TRACEI_STATE_RUNNING;
    trace_result result = TRACE_RESULT_SHUT_DOWN;
    if (TRACEI_LOAD(&tracei_state) == TRACEI_STATE_SHUT) return result;
    if (!tracei_begin_enter(deadline_ns)) return TRACE_RESULT_BUSY;
    if (TRACEI_CAS(&tracei_state, &running, (uint32_t)TRACEI_STATE_SHUT)) result = tracei_shutdown_by(deadline_ns);
    tracei_begin_leave();
    return result;
}

TRACE_APP trace_result trace_shutdown(uint32_t timeout_ms) {
    trace_result result;
    int cancel;
    if (tracei_is_suppressed()) return TRACE_RESULT_BUSY;
    cancel = tracei_cancel_hold();
    if (tracei_epoch_now() == 0) tracei_process_begin();
    result = tracei_shutdown_once(tracei_deadline(timeout_ms));
    tracei_cancel_allow(cancel);
    return result;
}

/* In a forked child that recorded nothing, and after trace_shutdown, there is nothing to do. */
static bool tracei_exit_concerns_us(void) {
    return tracei_epoch_now() != 0 && TRACEI_LOAD(&tracei_state) == TRACEI_STATE_RUNNING && !tracei_is_suppressed();
}

static TRACEI_COLD void tracei_say_gave_up(void) {
    static uint32_t said;
    tracei_say_blocked();
    if (tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "exit gave up after exit_timeout_ms (%u ms): an exporter is still busy, the last spans are lost",
                   tracei_exit_ms);
}

/* The pass is amid a batch and cannot be entered again. */
static TRACEI_COLD void tracei_say_exit_inside(void) {
    const char *const name = TRACEI_LOAD_ACQUIRE(&tracei_exporting);
    static uint32_t said;
    if (tracei_epoch_now() == 0 || tracei_tls != &tracei_unit_suppressed || !tracei_first_time(&said)) return;
    tracei_log(TRACE_LOG_LEVEL_WARNING, "exit was called inside of %s%s: the last spans are lost, for every exporter",
               name ? "exporter " : "a callback", name ? name : "");
}

/* atexit: the worker ends, what is there is delivered. Handlers and destructors that run later may still record. */
static void tracei_at_exit(void) {
    const uint64_t since = tracei_mono_ns(), deadline = tracei_deadline(tracei_exit_ms);
    int cancel;
    if (!tracei_exit_concerns_us()) {
        tracei_say_exit_inside();
        return;
    }
    cancel = tracei_cancel_hold();
    TRACEI_STORE(&tracei_ending, 1u);
    (void)tracei_patience_begin(deadline);
    TRACEI_STORE(&tracei_attention, 0u);
    TRACEI_STORE(&tracei_use_worker, 0u);
    if (!tracei_worker_end(deadline) || !tracei_pass_acquire(deadline) ||
        tracei_run_errand(tracei_exit_errand, deadline) == TRACE_RESULT_TIMEOUT)
        tracei_say_gave_up();
    tracei_cancel_allow(cancel);
    tracei_exit_spent_ms += (tracei_mono_ns() - since) / 1000000u;
}

/* Of what an exit may take, the part that is left. */
static uint64_t tracei_exit_deadline(void) {
    if (tracei_exit_ms == UINT32_MAX) return UINT64_MAX;
    if (tracei_exit_spent_ms >= tracei_exit_ms) return tracei_mono_ns();
    return tracei_deadline(tracei_exit_ms - (uint32_t)tracei_exit_spent_ms);
}

/* The last that is heard of us. */
static void tracei_at_last(void) {
    if (!tracei_exit_watched || !tracei_exit_concerns_us() || TRACEI_LOAD(&tracei_worker.state) == TRACEI_THREAD_RUNNING) return;
    {
        const int cancel = tracei_cancel_hold();
        if (tracei_shutdown_once(tracei_exit_deadline()) == TRACE_RESULT_TIMEOUT) tracei_say_gave_up();
        tracei_cancel_allow(cancel);
    }
}

static void tracei_at_quick_exit(void) {
    tracei_at_exit();
    tracei_at_last();
}

static void tracei_exit_watch(void) {
    if (tracei_exit_watched) return;
    tracei_exit_watched = true;
#ifdef __MINGW32__
    {                                /* there the first number registers a handler, and would wait for the exit it is amid */
        char digits[32];
        (void)snprintf(digits, sizeof digits, "%.17g", 0.1);
    }
#endif
#if !TRACEI_PLATFORM_NONE
    if (TRACEI_FAIL("atexit") || atexit(tracei_at_exit) != 0)
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "atexit refused: call trace_shutdown before the program ends, or its last spans are lost");
#endif
#if (defined(__GLIBC__) || defined(__FreeBSD__)) && !TRACEI_PLATFORM_NONE
    (void)at_quick_exit(tracei_at_quick_exit);
#else
    (void)tracei_at_quick_exit;
#endif
}

#if TRACEI_GNU && !TRACEI_PLATFORM_NONE
/* Before the program's own constructors and after its own destructors, so that spans may be recorded in all of them. */
#ifdef __APPLE__
#define TRACEI_EARLIEST
#else
#define TRACEI_EARLIEST (101)
#endif
__attribute__((constructor TRACEI_EARLIEST)) static void tracei_constructor(void) {
    tracei_pin_module(); /* here, under the loader's lock as it is: taking that lock under one of ours could deadlock */
    tracei_environment_snapshot();
#if TRACEI_PLATFORM_POSIX
    tracei_stderr_look();
#endif
    tracei_shared_join();
    tracei_main_watch();
}

__attribute__((destructor TRACEI_EARLIEST)) static void tracei_destructor(void) {
    tracei_at_last();
#if TRACE_CONFIG_UNLOADABLE
    tracei_shared_leave(); /* one that was never used and so never shut down */
    tracei_main_forget();
#endif
}
#endif

/* Companions call this from a constructor of theirs, so that OTEL_TRACES_EXPORTER knows them without any call. */
static void tracei_register_exporter(trace_exporter_choice choice) TRACEI_UNUSED;
static void tracei_register_exporter(trace_exporter_choice choice) {
    if (tracei_registered_count < TRACE_EXPORTERS_MAX) tracei_registered[tracei_registered_count++] = choice;
}

/* A companion's names for one exporter with its settings filled in, as "langsmith": asked when no exporter has that name. */
static void tracei_register_presets(const char *const *names, trace_exporter (*make_fn)(size_t index)) TRACEI_UNUSED;
static void tracei_register_presets(const char *const *names, trace_exporter (*make_fn)(size_t index)) {
    tracei_preset_names = names;
    tracei_preset_fn = make_fn;
}

/* --- configuration --- */

typedef struct tracei_setup { /* a configuration resolved, ready to be put in force */
    trace_exporter exporters[TRACE_EXPORTERS_MAX];
    uint32_t count;
    uint32_t whole;
    trace_sampler sampler;
    trace_tail_sampling tail;
    tracei_scope_rule scope_rules[TRACEI_SCOPE_RULES_MAX];
    uint32_t scope_rule_count;
    tracei_limits limits;
    bool disabled;
} tracei_setup;

static bool tracei_config_wrong(const char *field, const char *what) {
    tracei_log(TRACE_LOG_LEVEL_ERROR, "trace_init: trace_config.%s %s; nothing was changed", field, what);
    return false;
}

/* Of an exporter made by hand. The first release's members end with `user`; those added since may be missing. */
static bool tracei_exporter_is_cut(const trace_exporter *exporter) {
    return exporter->struct_size < offsetof(trace_exporter, user) + sizeof exporter->user || exporter->struct_size > 4096;
}

static bool tracei_config_check(const trace_config *config) {
    bool ended = false;
    uint32_t i;
    if (config->reserved_first || config->reserved_last)
        return tracei_config_wrong("reserved_first/reserved_last", "is not 0: start from zero, as in trace_config c = {0}");
    for (i = 0; i < TRACE_EXPORTERS_MAX; i++) {
        const trace_exporter *const exporter = &config->exporters[i];
        if (!exporter->struct_size && !exporter->export_fn && !exporter->name) {
            ended = true;
            continue;
        }
        if (ended) return tracei_config_wrong("exporters", "holds one behind a zeroed one, which ends the list");
        if (!exporter->struct_size)
            return tracei_config_wrong("exporters", "holds one whose struct_size is 0: set it to sizeof(trace_exporter)");
        if (!exporter->export_fn)
            return tracei_config_wrong("exporters", "holds one without export_fn (did making it fail? see the line above)");
        if (tracei_exporter_is_cut(exporter))
            return tracei_config_wrong("exporters", "holds one whose struct_size is not sizeof(trace_exporter)");
    }
#if TRACEI_PLATFORM_NONE
    if (!config->exporters[0].struct_size && !config->disabled)
        return tracei_config_wrong("exporters", "is empty: with TRACE_CONFIG_SINGLE_THREADED there is no default");
    if (!config->clock.monotonic_fn && !tracei_clock.monotonic_fn)
        return tracei_config_wrong("clock", "has no functions: with TRACE_CONFIG_SINGLE_THREADED there is no other");
    if (!config->random.fill_fn && !tracei_random.fill_fn)
        return tracei_config_wrong("random", "has no function: with TRACE_CONFIG_SINGLE_THREADED there is no other");
#endif
    if (config->resource_attribute_count && !config->resource_attributes)
        return tracei_config_wrong("resource_attributes", "is NULL but resource_attribute_count is not 0");
    if (config->ring_bytes && (config->ring_bytes < TRACEI_RING_MIN || config->ring_bytes > 1u << 30 ||
                               (config->ring_bytes & (config->ring_bytes - 1))))
        return tracei_config_wrong("ring_bytes", "must be a power of two from " TRACEI_RING_RANGE " to 1,073,741,824");
    if (config->max_open_spans &&
        (config->max_open_spans < TRACEI_SLOTS_A_CHUNK || config->max_open_spans > TRACEI_CHUNKS_MAX * TRACEI_SLOTS_A_CHUNK))
        return tracei_config_wrong("max_open_spans", "must be from " TRACEI_OPEN_SPANS_RANGE);
    if (config->max_trace_bytes && config->max_trace_bytes < TRACEI_TRACE_BYTES_MIN)
        return tracei_config_wrong("max_trace_bytes", "must be at least 65,536");
    if (config->baggage_attribute_count > TRACEI_BAGGAGE_RULES_MAX ||
        (config->baggage_attribute_count && !config->baggage_attributes))
        return tracei_config_wrong("baggage_attributes", "has more than 16 keys, or is NULL but its count is not 0");
    for (i = 0; i < config->baggage_attribute_count; i++)
        if (!tracei_length(config->baggage_attributes[i]) || tracei_length(config->baggage_attributes[i]) > 63)
            return tracei_config_wrong("baggage_attributes", "holds a key that is empty or has more than 63 bytes");
    if (config->scope_rule_count > TRACEI_SCOPE_RULES_MAX || (config->scope_rule_count && !config->scope_rules))
        return tracei_config_wrong("scope_rules", "has more than 32 rules, or is NULL but scope_rule_count is not 0");
    for (i = 0; i < config->scope_rule_count; i++)
        if (tracei_length(config->scope_rules[i].prefix) > 63)
            return tracei_config_wrong("scope_rules", "holds a prefix of more than 63 bytes");
    if (!(config->tail_sampling.ratio >= 0 && config->tail_sampling.ratio <= 1))
        return tracei_config_wrong("tail_sampling.ratio", "must be from 0 to 1");
    if (!config->tail_sampling.enabled &&
        (config->tail_sampling.slower_than_ms || config->tail_sampling.ratio > 0 || config->tail_sampling.keep_fn))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "trace_config.tail_sampling ignored: .enabled is false");
    if (!config->clock.monotonic_fn != !config->clock.unix_fn)
        return tracei_config_wrong("clock", "needs both functions or neither");
    if (config->allocator.release_fn && !config->allocator.allocate_fn)
        return tracei_config_wrong("allocator", "has release_fn but no allocate_fn");
    if ((uint32_t)config->log_level > TRACE_LOG_LEVEL_DEBUG)
        return tracei_config_wrong("log_level", "is not one of TRACE_LOG_LEVEL_*");
    return true;
}

static bool tracei_choice_is(const trace_exporter_choice *choice, trace_string name) {
    return choice->name && choice->make_fn && tracei_environment_same_word(name, choice->name);
}

/* Makes the exporter of that name: one the caller offers, one included beside the implementation, the core's own, a preset. */
static bool tracei_choose(const trace_config *config, trace_string name, trace_exporter *made) {
    uint32_t i;
    for (i = 0; i < TRACE_EXPORTERS_MAX; i++)
        if (tracei_choice_is(&config->available[i], name)) {
            *made = config->available[i].make_fn();
            return true;
        }
    for (i = 0; i < tracei_registered_count; i++)
        if (tracei_choice_is(&tracei_registered[i], name)) {
            *made = tracei_registered[i].make_fn();
            return true;
        }
    if (tracei_environment_same_word(name, "console")) {
        *made = trace_console_exporter(NULL);
        return true;
    }
    for (i = 0; tracei_preset_names && tracei_preset_names[i]; i++)
        if (tracei_environment_same_word(name, tracei_preset_names[i])) {
            *made = tracei_preset_fn(i);
            return true;
        }
    return false;
}

static trace_string tracei_preset_word(uint32_t i) {
    trace_string word;
    word.data = tracei_preset_names[i];
    word.size = strlen(word.data);
    return word;
}

static void tracei_say_unknown_exporter(const trace_config *config, trace_string name) {
    static const char *const companions[] = {"otlp", "zipkin", "jaeger", "metrics", NULL};
    const char *words[2 * TRACE_EXPORTERS_MAX + TRACEI_PRESETS_MAX + 3];
    const char *const meant = tracei_environment_nearest_word(name, companions);
    uint32_t count = 0, i;
    for (i = 0; i < TRACE_EXPORTERS_MAX; i++)
        if (config->available[i].name) words[count++] = config->available[i].name;
    for (i = 0; i < tracei_registered_count; i++) words[count++] = tracei_registered[i].name;
#if !TRACE_CONFIG_NO_CONSOLE
    words[count++] = "console";
#endif
    words[count++] = "none";
    words[count] = NULL;
    for (i = 0; tracei_preset_names && tracei_preset_names[i] && i < TRACEI_PRESETS_MAX; i++)
        if (tracei_environment_word(tracei_preset_word(i), words) < 0) {   /* not that of an exporter */
            words[count++] = tracei_preset_names[i];
            words[count] = NULL;
        }
    if (meant && !tracei_environment_nearest_word(name, words))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "OTEL_TRACES_EXPORTER=%.*s ignored: %s needs trace_%s.h, included in the file that defines "
                   "TRACE_IMPLEMENTATION",
                   tracei_environment_quoted(name), name.data, meant, meant);
    else
        tracei_environment_bad_word("OTEL_TRACES_EXPORTER", name, words,
                                    tracei_preset_names ? "" : "; names of backends come with trace_otlp.h");
}

static void tracei_setup_add(tracei_setup *setup, const trace_exporter *exporter) {
    trace_exporter *const slot = &setup->exporters[setup->count];
    uint32_t i;
    if (setup->count == TRACE_EXPORTERS_MAX) return;
    memset(slot, 0, sizeof *slot);
    memcpy((void *)slot, (const void *)exporter, exporter->struct_size < sizeof *slot ? exporter->struct_size : sizeof *slot);
    for (i = 0; slot->name && i < setup->count && strcmp(setup->exporters[i].name, slot->name) != 0; i++) {}
    if (slot->name && i < setup->count)
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "two exporters are named %s: trace_get_exporter_stats finds the first only; give one another .name",
                   slot->name);
    if (!slot->name) slot->name = "exporter";
    setup->whole += slot->whole_traces;
    setup->count++;
}

#if !TRACE_CONFIG_NO_CONSOLE
/* Other SDKs would send there without being told to. */
static void tracei_say_unused_endpoint(void) {
    const char *found;
    uint32_t i = 0;
    while (i < tracei_registered_count && strcmp(tracei_registered[i].name, "otlp") != 0) i++;
    if (i == tracei_registered_count || tracei_environment_any("OTEL_TRACES_EXPORTER", NULL)) return;
    if (tracei_environment_any("OTEL_EXPORTER_OTLP_ENDPOINT", &found) ||
        tracei_environment_any("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &found))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s is set, but spans go to the console: OTEL_TRACES_EXPORTER=otlp sends them",
                   found);
}
#endif

static void tracei_setup_exporters(tracei_setup *setup, const trace_config *config) {
    const char *list = tracei_environment_any("OTEL_TRACES_EXPORTER", NULL);
    trace_exporter made;
    trace_string name;
    bool none = false, said_none = false;
    uint32_t i;
    for (i = 0; i < TRACE_EXPORTERS_MAX && config->exporters[i].struct_size; i++) tracei_setup_add(setup, &config->exporters[i]);
    if (setup->count) return;
    if (!list && tracei_preset_names && tracei_environment_bool("LANGSMITH_TRACING")) list = "langsmith";
    while (list && tracei_environment_item(&list, &name)) {
        for (i = 0; i < setup->count && !tracei_environment_same_word(name, setup->exporters[i].name); i++) {}
        if (i < setup->count) {
            tracei_log(TRACE_LOG_LEVEL_WARNING, "OTEL_TRACES_EXPORTER names %s twice: once counts", setup->exporters[i].name);
        } else if (tracei_environment_same_word(name, "none")) {
            none = said_none = true;
        } else if (tracei_choose(config, name, &made)) {
            if (made.export_fn && tracei_exporter_is_cut(&made)) {
                tracei_log(TRACE_LOG_LEVEL_ERROR, "OTEL_TRACES_EXPORTER=%.*s: its struct_size is not sizeof(trace_exporter)",
                           tracei_environment_quoted(name), name.data);
                made.export_fn = NULL;
            }
            if (made.export_fn) tracei_setup_add(setup, &made);
            none = none || !made.export_fn; /* it said why; what was asked for is not replaced by something else */
        } else {
            tracei_say_unknown_exporter(config, name);
        }
    }
    if (said_none && setup->count)
        tracei_log(TRACE_LOG_LEVEL_WARNING, "OTEL_TRACES_EXPORTER: none beside other names ignored");
#if TRACE_CONFIG_NO_CONSOLE
    (void)none;
#else
    if (!setup->count && !none) {
        const trace_exporter console = trace_console_exporter(NULL);
        tracei_say_unused_endpoint();
        if (console.export_fn) tracei_setup_add(setup, &console);
    }
#endif
}

static uint32_t tracei_limit_of(uint32_t configured, const char *special, const char *general, uint32_t otherwise) {
    uint32_t value;
    if (configured) return configured;
    if (special && tracei_environment_u32(special, 0, UINT32_MAX - 1, &value)) return value;
    if (general && tracei_environment_u32(general, 0, UINT32_MAX - 1, &value)) return value;
    return otherwise;
}

static void tracei_setup_limits(tracei_limits *limits, const trace_config *config) {
    limits->attributes =
        tracei_limit_of(config->attribute_count_limit, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", 128);
    limits->value_length = tracei_limit_of(config->attribute_value_length_limit, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                                           "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", UINT32_MAX);
    limits->events = tracei_limit_of(config->event_count_limit, "OTEL_SPAN_EVENT_COUNT_LIMIT", NULL, 128);
    limits->links = tracei_limit_of(config->link_count_limit, "OTEL_SPAN_LINK_COUNT_LIMIT", NULL, 128);
    limits->event_attributes =
        tracei_limit_of(config->event_attribute_count_limit, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", NULL, 128);
    limits->link_attributes = tracei_limit_of(config->link_attribute_count_limit, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", NULL, 128);
}

/* The exporters a rule sends to, one bit each. */
static uint32_t tracei_setup_route(const tracei_setup *setup, const trace_scope_rule *rule) {
    uint32_t route = 0, i;
    if (rule->disabled) return 0;
    if (!rule->exporter) return 0xff;
    for (i = 0; i < setup->count; i++)
        if (strcmp(setup->exporters[i].name, rule->exporter) == 0) route |= 1u << i;
    if (!route && setup->count)
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "trace_config.scope_rules: no exporter \"%s\" runs: spans of scopes \"%s...\" are not recorded",
                   rule->exporter, rule->prefix ? rule->prefix : "");
    return route;
}

static void tracei_setup_scopes(tracei_setup *setup, const trace_config *config) {
    uint32_t i;
    for (i = 0; i < config->scope_rule_count; i++) {
        const trace_scope_rule *const rule = &config->scope_rules[i];
        if (rule->prefix) memcpy(setup->scope_rules[i].prefix, rule->prefix, strlen(rule->prefix));
        setup->scope_rules[i].route = tracei_setup_route(setup, rule);
    }
    setup->scope_rule_count = (uint32_t)config->scope_rule_count;
}

/* Everything that can fail or complain, before anything is changed. */
static void tracei_setup_resolve(tracei_setup *setup, const trace_config *config) {
    const char *propagators = tracei_environment_any("OTEL_PROPAGATORS", NULL);
    memset(setup, 0, sizeof *setup);
    tracei_environment_check();
    setup->disabled = config->disabled || tracei_environment_disabled();
    if (!setup->disabled) tracei_setup_exporters(setup, config);
    tracei_setup_limits(&setup->limits, config);
    setup->sampler = config->sampler;
    if (!setup->sampler.sample_fn) (void)tracei_sampler_from_environment(&setup->sampler);
    tracei_setup_scopes(setup, config);
    setup->tail = config->tail_sampling;
    if (!setup->tail.wait_ms) setup->tail.wait_ms = 100;
    if (setup->tail.wait_ms == UINT32_MAX) setup->tail.wait_ms = 0;
    if (!setup->tail.max_age_ms) setup->tail.max_age_ms = 30000;
    (void)tracei_propagators_parse(propagators); /* NULL: the default set */
}

/* Only where the caller asked for it: the first span of some thread must not read what another may be changing. */
static void tracei_setup_environment(const trace_config *config) {
    if (config->disable_environment)
        tracei_environment_forget();
    else
        tracei_environment_snapshot();
}

static void tracei_setup_logging(const trace_config *config) {
    trace_log_level level = config->log_level;
    tracei_logger_set(config->logger);
    if (level == TRACE_LOG_LEVEL_DEFAULT) level = tracei_environment_log_level();
    TRACEI_STORE(&tracei_log_level_now, (uint32_t)(level == TRACE_LOG_LEVEL_DEFAULT ? TRACE_LOG_LEVEL_WARNING : level));
}

/* Those that do not go on in the new configuration hear that it is over. */
static void tracei_shut_replaced(const tracei_setup *setup) {
    tracei_unit *const self = tracei_tls;
    uint32_t i, j;
    tracei_flush_begin();
    tracei_tls = &tracei_unit_suppressed;
    for (i = 0; i < tracei_exporter_count; i++) {
        const trace_exporter *const old = &tracei_exporters[i].exporter;
        for (j = 0;
             j < setup->count && (setup->exporters[j].export_fn != old->export_fn || setup->exporters[j].user != old->user);
             j++) {}
        if (j == setup->count && old->shutdown_fn && !(tracei_exporters_shut >> i & 1))
            old->shutdown_fn(old->user, tracei_deadline(tracei_exit_ms));
    }
    tracei_tls = self;
}

static void tracei_limits_store(const tracei_limits *limits) {
    TRACEI_STORE(&tracei_limit.attributes, limits->attributes);
    TRACEI_STORE(&tracei_limit.value_length, limits->value_length);
    TRACEI_STORE(&tracei_limit.events, limits->events);
    TRACEI_STORE(&tracei_limit.links, limits->links);
    TRACEI_STORE(&tracei_limit.event_attributes, limits->event_attributes);
    TRACEI_STORE(&tracei_limit.link_attributes, limits->link_attributes);
}

/* What an earlier trace_init set does not outlive the next. */
static uint32_t tracei_or_default(uint32_t value, uint32_t otherwise) {
    return value ? value : otherwise;
}

/* The caller holds the pass, or there is no other thread yet. */
/* For who wonders why nothing comes. */
static void tracei_say_setup(const tracei_setup *setup) {
    char names[192];
    tracei_text text;
    uint32_t i;
    if (TRACEI_LOAD(&tracei_log_level_now) < (uint32_t)TRACE_LOG_LEVEL_INFO) return;
    memset(&text, 0, sizeof text);
    text.data = names;
    text.capacity = sizeof names;
    for (i = 0; i < setup->count; i++) {
        if (i) tracei_text_cstr(&text, ", ");
        tracei_text_cstr(&text, setup->exporters[i].name);
    }
    if (!i) tracei_text_cstr(&text, "none");
    tracei_log(TRACE_LOG_LEVEL_INFO, "%s; exporters: %.*s",
               setup->disabled ? "disabled, nothing is recorded (OTEL_SDK_DISABLED or trace_config.disabled)" : "recording",
               (int)text.size, names);
}

static void tracei_setup_apply(const tracei_setup *setup, const trace_config *config) {
    const size_t sampler = (size_t)(tracei_sampler - tracei_samplers + 1) % (sizeof tracei_samplers / sizeof *tracei_samplers);
    const bool redirect = tracei_exporter_count != 0;
    const bool nobody_had_them = tracei_exporter_count == tracei_whole_trace_count && !tracei_tail.enabled; /* what is held */
    uint32_t i;
    (void)tracei_resource_build(config);
    if (redirect) tracei_shut_replaced(setup);
    tracei_lock(&tracei_ledger_lock);
    for (i = 0; i < setup->count; i++) {
        tracei_exporters[i].exporter = setup->exporters[i];
        memset(&tracei_exporters[i].stats, 0, sizeof tracei_exporters[i].stats);
    }
    tracei_exporter_count = setup->count;
    tracei_exporters_shut = 0;
    TRACEI_STORE(&tracei_whole_trace_count, setup->whole);
    tracei_unlock(&tracei_ledger_lock);
    if (redirect && tracei_assembler.oldest) tracei_assembler_redirect(nobody_had_them); /* by the old rules */
    tracei_tail = setup->tail;
    tracei_assembling = setup->whole || (setup->count && tracei_tail.enabled);
    tracei_limits_store(&setup->limits);
    if (setup->sampler.sample_fn != tracei_sampler->sample_fn || setup->sampler.user != tracei_sampler->user ||
        setup->sampler.roots_only != tracei_sampler->roots_only) {
        tracei_samplers[sampler] = setup->sampler;
        TRACEI_STORE_RELEASE(&tracei_sampler, (const trace_sampler *)&tracei_samplers[sampler]);
    }
    TRACEI_STORE(&tracei_baggage_rule_count, 0u);
    for (i = 0; i < config->baggage_attribute_count; i++)
        memcpy(tracei_baggage_rules[i].key, config->baggage_attributes[i], tracei_length(config->baggage_attributes[i]) + 1);
    TRACEI_STORE_RELEASE(&tracei_baggage_rule_count, (uint32_t)config->baggage_attribute_count);
    tracei_scope_set_rules(setup->scope_rules, setup->scope_rule_count);
    TRACEI_STORE(&tracei_nameless_muted, tracei_scope_route(0) ? 0u : 1u);
    TRACEI_STORE(&tracei_sample_children, setup->sampler.sample_fn && !setup->sampler.roots_only ? 1u : 0u);
    TRACEI_STORE(&tracei_want_opens, tracei_assembling ? 1u : 0u);
    TRACEI_STORE(&tracei_discard, setup->count ? 0u : 1u);
    TRACEI_STORE(&tracei_divert, setup->count && !setup->disabled ? 0u : 1u);
    tracei_shortcut_refresh();
    TRACEI_STORE(&tracei_ring_bytes, tracei_or_default(config->ring_bytes, TRACEI_RING_DEFAULT));
    TRACEI_STORE(&tracei_max_chunks, tracei_or_default(config->max_open_spans, TRACEI_OPEN_SPANS_DEFAULT) / TRACEI_SLOTS_A_CHUNK);
    TRACEI_STORE(&tracei_max_pool_bytes, (size_t)tracei_or_default(config->max_pool_bytes, TRACEI_POOL_BYTES_DEFAULT));
    tracei_max_trace_bytes = tracei_or_default(config->max_trace_bytes, TRACEI_TRACE_BYTES_DEFAULT);
    tracei_exit_ms = tracei_or_default(config->exit_timeout_ms, TRACEI_EXIT_MS_DEFAULT);
    TRACEI_STORE(&tracei_lossless_ms, config->lossless_timeout_ms);
    tracei_losses_told = tracei_losses();
    TRACEI_STORE(&tracei_no_threads, config->disable_thread ? 1u : 0u);
    TRACEI_STORE(&tracei_ending, 0u);
    TRACEI_STORE(&tracei_patience, 0u);
    TRACEI_STORE(&tracei_use_worker,
                 config->disable_thread || TRACEI_PLATFORM_NONE || setup->disabled || !setup->count ? 0u : 1u);
    if (!TRACEI_LOAD(&tracei_use_worker)) TRACEI_STORE(&tracei_attention, 0u);
    /* one that is not wanted any more, or came too late for its shutdown: it cannot be in an exporter, since the pass is ours */
    if (!TRACEI_LOAD(&tracei_use_worker) || TRACEI_LOAD(&tracei_worker_stop)) (void)tracei_worker_end(tracei_deadline(1000));
    if (TRACEI_LOAD(&tracei_use_worker) && TRACEI_LOAD(&tracei_worker.state) != TRACEI_THREAD_RUNNING)
        TRACEI_STORE(&tracei_attention, (uint32_t)TRACEI_ATTENTION_START);
    if (!config->disable_exit) tracei_exit_watch();
    TRACEI_STORE_RELEASE(&tracei_off_flag, setup->disabled ? (uint32_t)TRACEI_OFF_DISABLED : 0u);
    TRACEI_STORE_RELEASE(&tracei_state, (uint32_t)TRACEI_STATE_RUNNING);
    tracei_say_setup(setup);
}

/* --- the beginning, and the beginning of a child --- */

#if TRACEI_PLATFORM_POSIX
static void tracei_fork_child(void) { /* where pages cannot be wiped: the one thing an atfork handler of ours does */
    TRACEI_STORE_RELEASE(tracei_epoch, 0u);
}
#endif

/* The page with the epoch. Falls back to a word in static memory and an atfork handler. */
static void tracei_epoch_place(void) {
#if TRACEI_PLATFORM_POSIX
#ifdef MADV_WIPEONFORK
    void *const page = TRACEI_FAIL("epoch page") ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, TRACEI_MAP_FLAGS, -1, 0);
    if (page != MAP_FAILED) {
        /* qemu-user before 8 says yes to everything: who takes an advice that does not exist will not wipe either */
        if (madvise(page, 4096, -1) != 0 && madvise(page, 4096, MADV_WIPEONFORK) == 0) {
            TRACEI_STORE_RELEASE(&tracei_epoch, (uint32_t *)page);
            return;
        }
        munmap(page, 4096);
    }
#endif
    (void)pthread_atfork(NULL, NULL, tracei_fork_child);
#endif
}

static void tracei_thread_key_make(void) {
#if TRACEI_PLATFORM_POSIX
    if (!tracei_thread_key_made)
        tracei_thread_key_made = !TRACEI_FAIL("thread key") && pthread_key_create(&tracei_thread_key, tracei_thread_exit) == 0;
    if (!tracei_thread_key_made)
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "no thread key is left (PTHREAD_KEYS_MAX): the rings of threads that end are not reused");
#elif TRACEI_PLATFORM_WINDOWS
    if (tracei_thread_key == FLS_OUT_OF_INDEXES) tracei_thread_key = FlsAlloc(tracei_thread_exit);
#endif
}

static void tracei_epoch_publish(void) {
    tracei_main_watch(); /* of a forked child, which no constructor knows */
    TRACEI_STORE(&tracei_generation, tracei_generation + 1);
    TRACEI_STORE_RELEASE(tracei_epoch, tracei_generation * 4u);
}

/* The caller holds tracei_begin_lock. */
static void tracei_begin_first(const trace_config *config) {
    tracei_setup setup;
    tracei_clock = config->clock;
    tracei_random = config->random;
#if !TRACEI_GNU
    tracei_setup_environment(config); /* no constructor has */
#endif
    tracei_setup_logging(config);
    tracei_ticks_choose(!config->disable_tsc && !tracei_clock.monotonic_fn);
    tracei_wall_start(&tracei_times);
    tracei_epoch_place();
    tracei_thread_key_make();
    tracei_shared_join();
    tracei_setup_resolve(&setup, config);
    tracei_setup_apply(&setup, config);
    tracei_epoch_publish();
}

/* Nothing of the parent's is touched or freed: its threads are gone, its memory may be in any state. */
static void tracei_begin_child(void) {
    uint32_t i;
    tracei_chunk_first = tracei_chunk_number(tracei_chunk_count);
    tracei_units_inherited = tracei_unit_count;
    memset((void *)tracei_buffers, 0, sizeof tracei_buffers);
    memset((void *)&tracei_assembler, 0, sizeof tracei_assembler);
    memset((void *)&tracei_total, 0, sizeof tracei_total);
    memset((void *)&tracei_views, 0, sizeof tracei_views);
    memset((void *)&tracei_worker, 0, sizeof tracei_worker);
    memset((void *)&tracei_errand_now, 0, sizeof tracei_errand_now);
    tracei_units = NULL;
    tracei_chunk_count = tracei_chunk_lock = tracei_buffer_lock = tracei_scope_lock = 0;
    tracei_pool_bytes = 0;
    tracei_pass_lock = tracei_pass_wanted = tracei_ledger_lock = tracei_worker_lock = 0;
    tracei_signal_spans = tracei_late_spans = tracei_refused_starts = tracei_misused_calls = 0;
    tracei_redirecting = false;
    tracei_exporting = NULL;
    tracei_worker_stop = 0;
    tracei_worker_waits = 0;
    tracei_threads_alive = 0;
    tracei_main_left = 0;
    tracei_ending = tracei_patience = 0;
    tracei_child_since = tracei_mono_ns();
    tracei_entries_after_fork();
    tracei_resource_after_fork();
    tracei_wall_start(&tracei_times);
    for (i = 0; i < tracei_exporter_count; i++) {
        memset(&tracei_exporters[i].stats, 0, sizeof tracei_exporters[i].stats);
        if (tracei_exporters[i].exporter.fork_fn) tracei_exporters[i].exporter.fork_fn(tracei_exporters[i].exporter.user);
    }
    tracei_losses_told = tracei_losses();
    TRACEI_STORE(&tracei_attention, TRACEI_LOAD(&tracei_use_worker) ? (uint32_t)TRACEI_ATTENTION_START : 0u);
    tracei_epoch_publish();
}

static TRACEI_COLD void tracei_process_begin(void) {
    const int cancel = tracei_cancel_hold();
    (void)tracei_begin_enter(UINT64_MAX);
    if (tracei_epoch_now() == 0) {
        if (tracei_generation) {
            tracei_begin_child();
        } else {
            trace_config config;
            memset((void *)&config, 0, sizeof config);
            tracei_begin_first(&config);
        }
    }
    tracei_begin_leave();
    tracei_cancel_allow(cancel);
}

/* What the process began with stays: it was used. */
static void tracei_say_kept(const char *field) {
    tracei_log(TRACE_LOG_LEVEL_WARNING,
               "trace_config.%s ignored: it counts in the first trace_init only, which no span may come before", field);
}

static void tracei_setup_kept(const trace_config *config) {
    if (config->allocator.allocate_fn && config->allocator.allocate_fn != tracei_allocator.allocate_fn)
        tracei_say_kept("allocator");
    if (config->clock.monotonic_fn && config->clock.monotonic_fn != tracei_clock.monotonic_fn) tracei_say_kept("clock");
    if (config->random.fill_fn && config->random.fill_fn != tracei_random.fill_fn) tracei_say_kept("random");
}

static trace_result tracei_init_by(const trace_config *config) {
    tracei_unit *const self = tracei_tls;
    const uint64_t deadline = tracei_deadline(2000);
    trace_config defaults;
    tracei_setup setup;
    trace_result result = TRACE_RESULT_BUSY;
    bool entered;
    memset((void *)&defaults, 0, sizeof defaults);
    if (!config) config = &defaults;
    if (tracei_is_suppressed()) return TRACE_RESULT_BUSY;
#if TRACEI_PLATFORM_NONE
    if (!tracei_generation) tracei_logger_set(config->logger); /* what is wrong would be heard nowhere */
#endif
    if (!tracei_config_check(config)) return TRACE_RESULT_INVALID;
    if (tracei_epoch_now() == 0) tracei_tls = &tracei_unit_beginning; /* a handler that records now must not begin again */
    entered = tracei_begin_enter(deadline);
    if (!entered) { /* another thread is in trace_init or trace_shutdown, and an exporter holds it up */
    } else if (tracei_epoch_now() == 0 && !tracei_generation) {
        tracei_allocator = config->allocator;
        tracei_setup_environment(config);
        tracei_begin_first(config);
        result = TRACE_RESULT_OK;
    } else {
        if (tracei_epoch_now() == 0) tracei_begin_child();
#if TRACE_CONFIG_UNLOADABLE
        tracei_thread_key_make(); /* trace_shutdown took these back */
        tracei_shared_join();
#endif
        tracei_setup_environment(config);
        tracei_setup_logging(config);
        tracei_setup_kept(config);
        tracei_setup_resolve(&setup, config);
        if (tracei_pass_acquire(deadline)) {
            tracei_setup_apply(&setup, config);
            tracei_unlock(&tracei_pass_lock);
            result = TRACE_RESULT_OK;
        }
    }
    if (result != TRACE_RESULT_OK)
        tracei_log(TRACE_LOG_LEVEL_ERROR, "trace_init: an exporter has been blocking for 2 seconds; nothing was changed");
    if (entered) tracei_begin_leave();
    tracei_tls = self;
    return result;
}

TRACE_APP trace_result trace_init(const trace_config *config) {
    const int cancel = tracei_cancel_hold();
    const trace_result result = tracei_init_by(config);
    tracei_cancel_allow(cancel);
    return result;
}

/* >>stats ---------------------------------------------------------------------------------------------------------- */

TRACE_API uint64_t trace_clock_ns(void) {
    return tracei_mono_ns();
}

TRACE_APP void trace_get_stats(trace_stats *stats) {
    uint64_t signals, late;
    uint32_t i;
    if (!stats) return;
    memset(stats, 0, sizeof *stats);
    if (tracei_epoch_now() == 0) return;
    signals = TRACEI_LOAD_ACQUIRE(&tracei_signal_spans);
    late = TRACEI_LOAD_ACQUIRE(&tracei_late_spans);
    tracei_lock(&tracei_ledger_lock);
    tracei_widen();
    stats->exported = tracei_total.exported;
    for (i = 0; i < TRACE_DROP_COUNT; i++)
        stats->dropped[i] = tracei_total.dropped[i] + tracei_total.counts[TRACEI_COUNT_DROPPED + i];
    stats->dropped[TRACE_DROP_SIGNAL] += signals;
    stats->dropped[TRACE_DROP_SHUTDOWN] += late;
    stats->sampled_out = tracei_total.counts[TRACEI_COUNT_SAMPLED_OUT] + tracei_total.sampled_out;
    stats->pending = tracei_total.counts[TRACEI_COUNT_PUBLISHED] - tracei_total.consumed + tracei_total.held;
    stats->ended = tracei_total.counts[TRACEI_COUNT_ENDED] + signals + late;
    stats->started = tracei_total.counts[TRACEI_COUNT_STARTED] + signals + late;
    stats->refused = tracei_total.counts[TRACEI_COUNT_REFUSED] + TRACEI_LOAD(&tracei_refused_starts);
    stats->misused = tracei_total.counts[TRACEI_COUNT_MISUSED] + TRACEI_LOAD(&tracei_misused_calls);
    stats->abandoned = tracei_total.counts[TRACEI_COUNT_ABANDONED];
    stats->truncated = tracei_total.counts[TRACEI_COUNT_TRUNCATED];
    tracei_unlock(&tracei_ledger_lock);
    stats->open = stats->started > stats->ended ? stats->started - stats->ended : 0;
    stats->contexts_evicted = tracei_entries_evicted();
    stats->bytes_mapped = TRACEI_LOAD(&tracei_bytes_mapped);
}

TRACE_APP bool trace_get_exporter_stats(const char *name, trace_exporter_stats *stats) {
    bool found;
    uint32_t i;
    if (!stats) return false;
    memset(stats, 0, sizeof *stats);
    if (!name || tracei_epoch_now() == 0) return false;
    tracei_lock(&tracei_ledger_lock);
    for (i = 0; i < tracei_exporter_count && strcmp(tracei_exporters[i].exporter.name, name) != 0; i++) {}
    found = i < tracei_exporter_count;
    tracei_unlock(&tracei_ledger_lock);
    if (found) tracei_exporter_read(i, stats);
    return found;
}

TRACEI_SMALL_END

#ifdef __cplusplus
}
#endif

/* --- what is left: macros that companions use; tests that look inside define TRACEI_KEEP_MACROS --- */

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_COLD
#undef TRACEI_HAVE_FUTEX
#undef TRACEI_MAP_FLAGS
#undef TRACEI_PRINTF
#undef TRACEI_SUB
#undef TRACEI_RESOURCE_SCHEMA
#undef TRACEI_DEFINED_LEAN
#undef TRACEI_MAY_ALIAS
#undef TRACEI_ALWAYS_INLINE
#undef TRACE_CONFIG_STATIC_BYTES
#undef TRACEI_PAGE
#undef TRACEI_MEMBARRIER
#undef TRACEI_MEMBARRIER_REGISTER
#undef TRACEI_FIRST_HIT
#undef TRACEI_BYTES_OF
#undef TRACEI_JSON_DEPTH_MAX
#undef TRACEI_HAVE_COUNTER
#undef TRACEI_TICKS_REACH_NS
#undef TRACEI_TIME_TOLERANCE_NS
#undef TRACEI_TIME_BASELINE_NS
#undef TRACEI_TIME_JUMP_NS
#undef TRACEI_WALL_TOLERANCE_NS
#undef TRACEI_KNOTS_MAX
#undef TRACEI_KNOTS_OWN
#undef TRACEI_TIME_HISTORY
#undef TRACEI_TIME_WINDOWS
#undef TRACEI_TIME_ANCHORS
#undef TRACEI_WALL_SHIFT
#undef TRACEI_WALL_NUMBERS
#undef TRACEI_FLAGS_KNOWN
#undef TRACEI_QUOTED
#undef TRACEI_VALUE_DEPTH
#undef TRACEI_INSTANCE_SIZE
#undef TRACEI_ENTRY_CHUNK
#undef TRACEI_ENTRY_CHUNKS
#undef TRACEI_ARENA_ORDER
#undef TRACEI_ARENAS_SOFT
#undef TRACEI_ARENAS_MAX
#undef TRACEI_ENTRIES_MAX
#undef TRACEI_UNIT_BYTES
#undef TRACEI_ARENA_UNITS
#undef TRACEI_UNIT_NONE
#undef TRACEI_ORDER_NONE
#undef TRACEI_ENTRY_EVICTING
#undef TRACEI_ENTRY_PINS_MAX
#undef TRACEI_EVICTIONS_MAX
#undef TRACEI_CONTEXT_DEFERRED
#undef TRACEI_SLOTS_A_CHUNK
#undef TRACEI_CHUNKS_MAX
#undef TRACEI_CHUNKS_A_LIST
#undef TRACEI_RING_DEFAULT
#undef TRACEI_RING_MIN
#undef TRACEI_RING_RANGE
#undef TRACEI_OPEN_SPANS_DEFAULT
#undef TRACEI_OPEN_SPANS_RANGE
#undef TRACEI_POOL_BYTES_DEFAULT
#undef TRACEI_SLOT_BYTES
#undef TRACEI_BUFFER_MIN
#undef TRACEI_BUFFER_CLASSES
#undef TRACEI_BUFFERS_KEPT
#undef TRACEI_UNITS_BEFORE_FULL
#undef TRACEI_ROOM_OFFSET
#undef TRACEI_ROOM
#undef TRACEI_SHORTCUT_CLOCK
#undef TRACEI_SCALAR
#undef TRACEI_SLOT_WORD
#undef TRACEI_DESTRUCTOR_ROUNDS
#undef TRACEI_TSAN
#undef TRACEI_THRESHOLD_LIMIT
#undef TRACEI_STATE_BYTES
#undef TRACEI_OT_BYTES
#undef TRACEI_BUCKET
#undef TRACEI_BURST_MAX
#undef TRACEI_FIRST_BYTE
#undef TRACEI_DEPTH_MAX
#undef TRACEI_SCOPES_MAX
#undef TRACEI_NAME_MAX
#undef TRACEI_SCOPE_RULES_MAX
#undef TRACEI_BAGGAGE_RULES_MAX
#undef TRACEI_ERRNO_NAMES
#undef TRACEI_STATE_MEMBERS
#undef TRACEI_BAGGAGE_MEMBERS
#undef TRACEI_BAGGAGE_BYTES
#undef TRACEI_CARRIER_KEYS
#undef TRACEI_PROPAGATORS_DEFAULT
#undef TRACEI_FOR_B3
#undef TRACEI_JAEGER_PREFIX
#undef TRACEI_JAEGER_PREFIX_SIZE
#undef TRACEI_JAEGER_KEY_MAX
#undef TRACEI_BATCH_SPANS
#undef TRACEI_BLOCKED_NS
#undef TRACEI_FLUSH_SLICE_NS
#undef TRACEI_ERRAND_GRACE_NS
#undef TRACEI_PUNCTUAL_MAX
#undef TRACEI_VIEWS_MIN
#undef TRACEI_VIEWS_KEPT
#undef TRACEI_TRACE_BYTES_DEFAULT
#undef TRACEI_TRACE_BYTES_MIN
#undef TRACEI_PREFETCH
#undef TRACEI_HOLD_PAGE
#undef TRACEI_HOLD_SLAB
#undef TRACEI_HOLD_BUCKETS
#undef TRACEI_HOLD_JUDGED
#undef TRACEI_HOLD_SPARED
#undef TRACEI_TAIL_DECISIONS
#undef TRACEI_CONSOLE_NONE
#undef TRACEI_CONSOLE_BAR
#undef TRACEI_CONSOLE_FOLD
#undef TRACEI_CONSOLE_TOKENS
#undef TRACEI_CONSOLE_REFILL
#undef TRACEI_CONSOLE_OPENED
#undef TRACEI_CONSOLE_ROWS
#undef TRACEI_CONSOLE_NAME
#undef TRACEI_CONSOLE_NARROW
#undef TRACEI_CONSOLE_SUMMARY
#undef TRACEI_CONSOLES_MAX
#undef TRACEI_CONSOLE_QUEUE
#undef TRACEI_CONSOLE_PAGE
#undef TRACEI_CONSOLE_PIECE
#undef TRACEI_CONSOLE_KEEP
#undef TRACEI_CONSOLE_ROOTS
#undef TRACEI_CONSOLE_STEPS
#undef TRACEI_CONSOLE_WRITE
#undef TRACEI_CONSOLE_OCTAVES
#undef TRACEI_CONSOLE_BUCKETS
#undef TRACEI_BOLD
#undef TRACEI_DIM
#undef TRACEI_RED
#undef TRACEI_GREEN
#undef TRACEI_YELLOW
#undef TRACEI_CYAN
#undef TRACEI_PLAIN
#undef TRACEI_EXIT_MS_DEFAULT
#undef TRACEI_PRESETS_MAX
#undef TRACEI_EARLIEST
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
