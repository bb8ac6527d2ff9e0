/* trace.h - distributed tracing for C in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Spans, context propagation and a lock-free ring per thread; a console tree at once, any OpenTelemetry backend by environment.

@MANUAL@
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
#ifndef TRACE_CONFIG_SCOPE
#define TRACE_CONFIG_SCOPE NULL
#endif

#define TRACEI_FORWARD (TRACE_CONFIG_OFF || TRACE_CONFIG_LIBRARY)

#if defined(__GNUC__) || defined(__clang__)
#define TRACEI_GNU 1
#define TRACEI_RARE(condition) __builtin_expect(!!(condition), 0)
#define TRACEI_UNUSED __attribute__((unused))
#define TRACEI_HIDDEN __attribute__((visibility("hidden")))
#define TRACE_INLINE static __inline__ TRACEI_UNUSED
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
TRACE_API const char *trace_result_string(trace_result result);

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
    bool is_local_root;           /* no parent in this process: what trees, tail sampling and whole_traces go by */
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
   ended). A root that is still open has end_unix_ns == 0: the batch then announces it (span_count == 0) or carries what
   finished below it. `late` says that the trace was already delivered and this came after. */
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
} trace_exporter_stats;

/* A destination. Plain value; copied by trace_init. All functions but export_fn may be NULL. They are called by one thread
   at a time, on a thread that records no spans. export_fn must not block: a network exporter encodes into a queue of its own.
   A deadline is an absolute trace_clock_ns() time; UINT64_MAX is none.
   - export_fn: the batch is readable until it returns. Any result but OK counts its spans as failed[REJECTED].
   - flush_fn: push out what is queued; OK only when nothing is left.
   - shutdown_fn: the last call; flush within the deadline, keep the memory (other threads may still be running).
   - stats_fn: fill in the ledger. NULL: the core counts received, sent and failed[REJECTED] itself. Any thread, any time.
   - fork_fn: in a forked child before its first use there: forget the parent's queue, locks, threads and descriptors. */
typedef struct trace_exporter {
    size_t struct_size;           /* sizeof(trace_exporter) */
    const char *name;             /* for OTEL_TRACES_EXPORTER, stats and logs; static storage */
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
    trace_exporter (*make_fn)(void);        /* called by trace_init; an exporter without export_fn means "cannot" (already logged) */
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

/* Writes trees (or logfmt lines) for people; NULL options: stderr, by what it is connected to. TRACE_CONSOLE=tree|line|all
   overrides `format`; NO_COLOR, CLICOLOR_FORCE, COLUMNS and the locale are respected. Never blocks the program: what a stopped
   terminal does not take is kept up to 256 KiB and then counted. Debugging only, the text is no interface. */
typedef enum trace_console_format {
    TRACE_CONSOLE_FORMAT_DEFAULT = 0,       /* TREE */
    TRACE_CONSOLE_FORMAT_TREE,              /* one tree a trace; loops folded, floods thinned */
    TRACE_CONSOLE_FORMAT_ALL,               /* one tree a trace; every span its line, nothing folded or thinned */
    TRACE_CONSOLE_FORMAT_LINE               /* logfmt, one span a line, as they end */
} trace_console_format;

typedef enum trace_choice { TRACE_CHOICE_AUTO = 0, TRACE_CHOICE_NO, TRACE_CHOICE_YES } trace_choice;

typedef struct trace_console_options {
    trace_console_format format;
    trace_choice color;           /* AUTO: on a terminal, unless NO_COLOR or TERM=dumb; CLICOLOR_FORCE */
    trace_choice unicode;         /* AUTO: by LC_ALL, LC_CTYPE, LANG */
    uint32_t width;               /* columns; 0: the terminal's, else COLUMNS, else 100 */
    int descriptor_plus_one;      /* where to write: file descriptor + 1; 0: standard error */
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
    trace_exporter_choice available[TRACE_EXPORTERS_MAX];      /* what OTEL_TRACES_EXPORTER may choose from, with console and none */

    trace_sampler sampler;        /* default OTEL_TRACES_SAMPLER, else parent-based, roots always on */

    uint32_t attribute_count_limit;         /* distinct keys a span; default 128 */
    uint32_t attribute_value_length_limit;  /* bytes of text or bytes value; default none (a quarter ring bounds the span) */
    uint32_t event_count_limit;             /* default 128 */
    uint32_t link_count_limit;              /* default 128 */
    uint32_t event_attribute_count_limit;   /* default 128 */
    uint32_t link_attribute_count_limit;    /* default 128 */

    uint32_t ring_bytes;          /* per thread, power of two, 4 KiB to 1 GiB; default 1 MiB; rings made from then on */
    uint32_t max_open_spans;      /* spans and attachments open at once, 64 to 4,194,304; default 65,536 */
    uint32_t max_pool_bytes;      /* for spans that outgrow their slot; default 64 MiB */
    uint32_t max_trace_bytes;     /* held until a root ends, for trees; default 16 MiB, at least 64 KiB */

    uint32_t exit_timeout_ms;     /* how long exit may take; default 1,000; UINT32_MAX: no limit */
    uint32_t lossless_timeout_ms; /* not 0: a full ring makes trace_span_end wait up to this long instead of dropping */

    bool disabled;                /* record nothing; contexts still propagate (OTEL_SDK_DISABLED beats this) */
    bool disable_thread;          /* no worker: call trace_pump, trace_flush */
    bool disable_exit;            /* no atexit handlers: call trace_shutdown */
    bool disable_environment;     /* read no variable */
    bool disable_tsc;             /* time by clock_gettime only */

    trace_log_level log_level;
    trace_logger logger;
    trace_allocator allocator;    /* first trace_init or first span only: later calls keep it */
    trace_clock clock;            /* likewise */
    trace_random random;          /* likewise */

    uint32_t reserved_last;       /* 0 */
} trace_config;

/* Takes over from the defaults, or starts again after trace_shutdown. Optional; NULL is all zero. Spans not delivered yet go to
   the new exporters. Errors: INVALID (a field is wrong: the log line names it; nothing changed), NO_MEMORY, BUSY (inside an
   exporter). Any thread, not in a signal handler. */
TRACE_APP trace_result trace_init(const trace_config *config);

/* Delivers every span ended before the call and asks each exporter to send what it queued. OK: nothing is left and nothing
   was lost since the last flush. 0: do not wait; UINT32_MAX: no limit. Errors: TIMEOUT, BUSY, FAILED, SHUT_DOWN. Any thread. */
TRACE_APP trace_result trace_flush(uint32_t timeout_ms);

/* Flush, then stop the worker and the exporters. Later spans are not recorded; contexts still propagate. Runs by itself at
   exit. A second call answers SHUT_DOWN. Any thread; inside an exporter BUSY. Nothing is freed. */
TRACE_APP trace_result trace_shutdown(uint32_t timeout_ms);

/* One pass in the caller, for programs without a worker: drains, decodes, exports for about `budget_us` microseconds (0: one
   ring's worth) and returns the number of spans handed on. 0 when another thread is at it. */
TRACE_APP size_t trace_pump(uint32_t budget_us);

/* CLOCK_MONOTONIC in nanoseconds (or trace_config.clock): what exporters' deadlines are compared with. Any thread. */
TRACE_APP uint64_t trace_clock_ns(void);

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
/* The ledger of the running exporter of that name. false: there is none; *stats is zeroed. Any thread. */
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
/* False when nothing would be recorded for this scope (NULL: for any). */
TRACE_INLINE bool trace_is_enabled(const trace_scope *scope);
/* What to hand to another thread, store, or inject. Of an inert handle: trace_context_current(). Of a dead one: explicit empty. */
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
   above it. Non-detached spans above the mark end as abandoned. A mark of another thread is ignored. */
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

/* Reads every propagator of OTEL_PROPAGATORS (default tracecontext, baggage). Nothing valid: the explicit empty context. */
TRACE_API trace_context trace_extract(const trace_carrier *carrier);
TRACE_API trace_context trace_extract_headers(const trace_header *headers, size_t count);
TRACE_API trace_context trace_extract_raw(const char *bytes, size_t size);     /* "name: value\r\n..." up to the empty line */
TRACE_API trace_context trace_extract_environment(void);                       /* TRACEPARENT, TRACESTATE, BAGGAGE */
/* Writes the context's headers; zero context: the current span's. An invalid context writes none. */
TRACE_API void trace_inject(trace_context context, const trace_carrier *carrier);
/* The same as bytes, "traceparent: ...\r\n...", like snprintf: returns the size needed without the terminator. */
TRACE_API size_t trace_inject_raw(trace_context context, char *buffer, size_t size);

/* Baggage travels with the context to every callee. Getters copy out and return the size needed without the terminator, like
   snprintf (SIZE_MAX: not there); set and remove return the changed context, to be attached or used as a parent. */
TRACE_API size_t trace_baggage_get(trace_context context, const char *key, char *buffer, size_t size);
TRACE_API trace_context trace_baggage_set(trace_context context, const char *key, const char *value);
TRACE_API trace_context trace_baggage_remove(trace_context context, const char *key);
/* The context's tracestate as it goes on the wire. */
TRACE_API size_t trace_state_get(trace_context context, char *buffer, size_t size);

/* >>inline -------------------------------------------------------------------------------------------------------- */

/* Private from here on: what the public inline functions and macros are made of. */

#define TRACEI_SLOT_INERT 0xffffffffu       /* a handle that does nothing, silently */
#define TRACEI_SLOT_CURRENT 0xfffffffeu     /* stands for the calling thread's current span */

/* The functions the implementation provides to this half. */
TRACE_API trace_span tracei_start(const char *name, size_t size);
TRACE_API trace_span tracei_start_with(const char *name, size_t size, const trace_span_options *options);
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
} tracei_api;

#define TRACEI_COPIES_MAX 8

/* The one thing copies of this header in a process share: whichever copy's symbol the loader picked. */
typedef struct tracei_shared {
    const tracei_api *implementation;            /* whom libraries call: the first copy that carries one */
    const tracei_api *copies[TRACEI_COPIES_MAX]; /* all that carry one */
    uint32_t copy_count;                         /* entries of copies in use or once in use */
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

TRACE_API uint32_t tracei_off_flag;         /* not 0: nothing is recorded; written by init and shutdown */
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

TRACE_API void tracei_add_event(trace_span span, const char *name, const trace_attribute *attributes, size_t count, uint64_t unix_ns) {
    if (TRACEI_TABLE()) TRACEI_TABLE()->add_event(span, name, attributes, count, unix_ns);
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

TRACE_API const char *trace_result_string(trace_result result) {
    return result == TRACE_RESULT_OK ? "ok" : "not available in this build";
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

TRACE_APP uint64_t trace_clock_ns(void) {
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

TRACE_INLINE trace_span trace_span_start(const char *name) {
    if (TRACEI_IS_OFF()) return tracei_handle(TRACEI_SLOT_INERT);
    return tracei_start(name, tracei_length(name));
}

TRACE_INLINE trace_span trace_span_start_with(const char *name, const trace_span_options *options) {
    if (TRACEI_IS_OFF()) return tracei_handle(TRACEI_SLOT_INERT);
    return tracei_start_with(name, tracei_length(name), options);
}

TRACE_INLINE void trace_span_end(trace_span span) {
    if (span.slot != TRACEI_SLOT_INERT) tracei_end(span);
}

TRACE_INLINE void trace_span_end_at(trace_span span, uint64_t unix_ns) {
    if (span.slot != TRACEI_SLOT_INERT) tracei_end_at(span, unix_ns);
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
    if (!TRACEI_IS_OFF()) tracei_add_event(span, name, attributes, count, 0);
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

/* One function per type that trace_span_set and TRACE_ATTR tell apart; the plain-C99 way is to call trace_span_set_int and so on. */
TRACE_INLINE void tracei_put_bool(trace_span s, const char *key, bool value) { trace_span_set_bool(s, key, value); }
TRACE_INLINE void tracei_put_int(trace_span s, const char *key, int64_t value) { trace_span_set_int(s, key, value); }
TRACE_INLINE void tracei_put_uint(trace_span s, const char *key, uint64_t value) { trace_span_set_uint(s, key, value); }
TRACE_INLINE void tracei_put_double(trace_span s, const char *key, double value) { trace_span_set_double(s, key, value); }
TRACE_INLINE void tracei_put_long_double(trace_span s, const char *key, long double value) { trace_span_set_double(s, key, (double)value); }
TRACE_INLINE void tracei_put_text(trace_span s, const char *key, const char *value) { trace_span_set_string(s, key, value); }
TRACE_INLINE void tracei_put_stext(trace_span s, const char *key, const signed char *value) { trace_span_set_string(s, key, (const char *)value); }
TRACE_INLINE void tracei_put_utext(trace_span s, const char *key, const unsigned char *value) { trace_span_set_string(s, key, (const char *)value); }
TRACE_INLINE trace_attribute tracei_attr_uint(const char *key, uint64_t value) {
    trace_attribute attribute = tracei_attr_int(key, (int64_t)value);
    attribute.value.type = TRACEI_TYPE_UINT;
    return attribute;
}
TRACE_INLINE trace_attribute tracei_attr_long_double(const char *key, long double value) { return tracei_attr_double(key, (double)value); }
TRACE_INLINE trace_attribute tracei_attr_stext(const char *key, const signed char *value) { return tracei_attr_string(key, (const char *)value); }
TRACE_INLINE trace_attribute tracei_attr_utext(const char *key, const unsigned char *value) { return tracei_attr_string(key, (const char *)value); }

/* A block: the span, and whether its body has run. */
typedef struct tracei_block {
    trace_span span;
    bool once;
} tracei_block;

typedef struct tracei_with {
    trace_attachment attachment;
    bool once;
} tracei_with;

TRACE_INLINE bool tracei_is_current(const trace_context *context) {
    uint64_t words[3];
    memcpy(words, context->trace_id, sizeof words);   /* both ids */
    return !(words[0] | words[1] | words[2]) && !context->is_explicit;
}

/* With constant options all of this folds away, and a block without options costs what trace_span_start costs. */
TRACE_INLINE trace_span tracei_block_start(const char *name, const trace_span_options *options, const trace_scope *scope) {
    trace_span_options copy;
    if (TRACEI_IS_OFF()) return tracei_handle(TRACEI_SLOT_INERT);
    if (!options->kind && !options->root && !options->detached && !options->start_unix_ns && !options->attribute_count &&
        !options->link_count && !options->scope && !scope && tracei_is_current(&options->parent))
        return tracei_start(name, tracei_length(name));
    copy = *options;
    copy.struct_size = sizeof copy;
    if (!copy.scope) copy.scope = scope;
    return tracei_start_with(name, tracei_length(name), &copy);
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
#define TRACEI_JOIN(a, b) TRACEI_JOIN_(a, b)
#define TRACEI_JOIN_(a, b) a##b
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

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define TRACEI_BY_TYPE(value, on_bool, on_int, on_uint, on_double, on_long_double, on_text, on_stext, on_utext) \
    _Generic((value), _Bool: on_bool, default: _Generic((value) + 0LL, \
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
   TRACE_WITH_SPAN(span) { ... }   a detached span is current for the block; it is not ended.
   trace_span_set(span, "key", value);  trace_set("key", value);  by the value's type (C11, C++); trace_set: on the current span.
   TRACE_ATTR("key", value)   a trace_attribute, likewise (C99: text only); TRACE_ATTR_STRING, _INT, _UINT, _DOUBLE, _BOOL, _BYTES, _JSON. */
#if TRACE_CONFIG_OFF

#ifdef __cplusplus
template <class T> char tracei_ignore(const T &);
#define TRACEI_IGNORE(value) ((void)sizeof(tracei_ignore(value)))
#else
#define TRACEI_IGNORE(value) ((void)sizeof(1 ? (value) : (value)))
#endif
#define TRACEI_ONCE(ignored, variable) for (bool variable = ((ignored), true); variable; variable = false)
#define TRACEI_NOTHING(ignored, variable) const bool variable TRACEI_UNUSED = ((ignored), true)
#define TRACEI_IGNORE_BLOCK(...) (TRACEI_IGNORE(TRACEI_FIRST(__VA_ARGS__)), (void)sizeof(TRACEI_OPTIONS(TRACEI_REST(__VA_ARGS__))))

#define TRACE_SPAN(...) TRACEI_ONCE(TRACEI_IGNORE_BLOCK(__VA_ARGS__), TRACEI_UNIQUE(tracei_once_))
#define TRACE_BLOCK(...) TRACEI_NOTHING(TRACEI_IGNORE_BLOCK(__VA_ARGS__), TRACEI_UNIQUE(tracei_block_))
#define TRACE_WITH(context) TRACEI_ONCE((void)sizeof(context), TRACEI_UNIQUE(tracei_once_))
#define TRACE_WITH_SPAN(span) TRACEI_ONCE((void)sizeof(span), TRACEI_UNIQUE(tracei_once_))
#define trace_span_set(span, key, value) ((void)sizeof(span), TRACEI_IGNORE(key), TRACEI_IGNORE(value))
#define trace_set(key, value) (TRACEI_IGNORE(key), TRACEI_IGNORE(value))

#elif defined(__cplusplus)

#define TRACEI_FOR(type, variable, ...) for (type variable(__VA_ARGS__); variable.once();)
#define TRACE_SPAN(...) TRACEI_SPAN_CPP(TRACEI_UNIQUE(tracei_block_), TRACEI_FIRST(__VA_ARGS__), TRACEI_REST(__VA_ARGS__))
#define TRACEI_SPAN_CPP(...) TRACEI_SPAN_CPP_(__VA_ARGS__)
#define TRACEI_SPAN_CPP_(variable, name, ...) TRACEI_FOR(tracei_block_guard, variable, (name), TRACEI_OPTIONS(__VA_ARGS__), TRACE_CONFIG_SCOPE)
#define TRACE_BLOCK(...) \
    const tracei_block_guard TRACEI_UNIQUE(tracei_block_)((TRACEI_FIRST(__VA_ARGS__)), TRACEI_OPTIONS(TRACEI_REST(__VA_ARGS__)), TRACE_CONFIG_SCOPE)
#define TRACE_WITH(context) TRACEI_WITH_CPP(TRACEI_UNIQUE(tracei_with_), trace_attach(context))
#define TRACE_WITH_SPAN(span) TRACEI_WITH_CPP(TRACEI_UNIQUE(tracei_with_), trace_attach_span(span))
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
#if TRACEI_GNU
#define TRACE_BLOCK(...) \
    const trace_span TRACEI_UNIQUE(tracei_block_) TRACEI_CLEANUP(tracei_const_span_cleanup) = tracei_block_start(TRACEI_BLOCK_ARGS(__VA_ARGS__))
TRACE_INLINE void tracei_const_span_cleanup(const trace_span *span) { tracei_block_end(*span); }
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

#endif /* TRACE_H_INCLUDED_6D1F9C */
