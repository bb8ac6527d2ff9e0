/* trace_genai.h - model calls, agents and tools for trace.h, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Spans by OpenTelemetry's semantic conventions for generative AI (v1.41), told to each backend in the names it knows.

   DO THIS
       #define TRACE_IMPLEMENTATION
       #include "trace_genai.h"           (brings trace.h along; both stand in one folder)
       #include <stdio.h>

       int main(void) {
           TRACE_GENAI_AGENT("planner") {
               TRACE_GENAI_CHAT("openai", "gpt-4o") {
                   trace_genai_usage usage = {0};
                   usage.input_tokens = 12;
                   usage.output_tokens = 40;
                   trace_genai_set_usage(trace_span_current(), &usage);
               }
               TRACE_GENAI_TOOL("weather") puts("sunny");
           }
           return 0;
       }

   CONTENTS (search for the tag)
       >>options >>identity >>starting >>model_call >>tools >>content                             the public half
       >>recording >>capture >>messages >>prices >>table >>translation >>measures >>filter        the implementation

   SPANS. Each is a block macro, TRACE_GENAI_CHAT("openai", "gpt-4o") { ... }, and a function trace_genai_start_chat(...) that
   returns a span to be ended with trace_span_end. They are ordinary spans: they nest as the caller nests them, to any depth, take
   trace_span_options (.parent, .detached, .kind, ...) and any attribute.
       macro                             span name                  kind       gen_ai.operation.name
       TRACE_GENAI_RUN(name)             invoke_workflow {name}     INTERNAL   invoke_workflow
       TRACE_GENAI_AGENT(name)           invoke_agent {name}        INTERNAL   invoke_agent       (.kind = CLIENT: a remote one)
       TRACE_GENAI_TASK(name)            task {name}                INTERNAL   task
       TRACE_GENAI_THREAD(id)            thread                     INTERNAL   thread             a conversation, by its id
       TRACE_GENAI_CHAT(provider, model)         chat {model}              CLIENT   chat          (.kind = INTERNAL: in-process)
       TRACE_GENAI_COMPLETION(provider, model)   text_completion {model}   CLIENT   text_completion
       TRACE_GENAI_GENERATE(provider, model)     generate_content {model}  CLIENT   generate_content
       TRACE_GENAI_EMBEDDINGS(provider, model)   embeddings {model}        CLIENT   embeddings
       TRACE_GENAI_PROVIDER(provider)    provider {provider}        CLIENT     provider           one attempt below a model call
       TRACE_GENAI_TOOL(name)            execute_tool {name}        INTERNAL   execute_tool
       TRACE_GENAI_RETRIEVAL(source)     retrieval {source}         CLIENT     retrieval
   task, thread and provider are not in the conventions, which allow further operations. Failures: trace_span_record_error.

   RECORDING. trace_genai_set_request, _response, _usage, _cost, _stream, _retries_left, _tool; a member that is zero was not set
   and is not recorded (where zero means something there is trace_genai_double(0.0)). A stream is folded into its span when it
   ends: how many chunks, and the shortest, mean and longest interval; there is no event per token.

   CONTENT. Messages, instructions, arguments and results are personal data and are not recorded, unless
   OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true or trace_genai_options.capture_content says so. Then each attribute is
   at most max_content_bytes of JSON, and a 32nd of trace_config.ring_bytes, so that all of a call's fit in its span: texts are
   cut so that the JSON stays whole, and what was left out is counted in its place.
   A redaction callback sees each text before anything is kept.

   COST. From the caller (trace_genai_set_cost), or from a table of prices the caller loads, by the model and the usage. There are
   no prices in here. The table is text, a line for each model, US dollars per million tokens:
       # provider   model        input   output   cache_read   cache_creation
       openai       gpt-4o*      2.50    10.00    1.25
       *            local-*      0       0
   The first line that fits counts; * ends a prefix. Columns five and six may be missing: the input price.

   BACKENDS. Every exporter gets the gen_ai.* names. An exporter that is called langsmith, agentops, vllora, phoenix or langfuse
   also gets the names that backend reads; further ones by trace_genai_options.dialects. The translation runs in the worker: it
   costs the recording thread nothing and does not count against the limits of a span. One table says it all: >>table.

   METRICS. With TRACE_GENAI_METRICS defined before the include (trace_metrics.h beside it), the metrics exporter also counts the
   model calls it is handed, in the worker:
       ai_llm_requests_total             by provider, model, status (ok, error)
       ai_llm_tokens_total               by provider, model, type (input, output, cache_read, cache_creation, reasoning)
       ai_llm_duration_seconds           a histogram by provider, model
       ai_llm_cost_dollars               a histogram by provider, model: its sum is what was spent
       gen_ai_client_token_usage, gen_ai_client_operation_duration_seconds       histograms as the conventions have them
   As Prometheus text by trace_metrics_render; pushed as OTLP by trace_otlp_metrics.h. The model is the one that was asked for.

   ENVIRONMENT, from the snapshot trace.h takes
       OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT     true, span_only, span_and_event: content is recorded;
                                                              false (default), no_content, event_only: it is not

   A LIBRARY (TRACE_CONFIG_LIBRARY) records spans, usage, cost and streams; content is the application's to allow, and what a
   library offers is dropped. TRACE_CONFIG_OFF leaves nothing, as for trace.h.

   THREADS. As for trace.h: any thread, one writer at a time for a span. The redaction callback runs on the recording thread. */
#ifndef TRACE_GENAI_H_INCLUDED_7B20E4
#define TRACE_GENAI_H_INCLUDED_7B20E4
#define TRACE_GENAI_H_VERSION 100
#define TRACEI_GENAI_NEEDS_TRACE_H 100
#endif

#if !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_genai.h: another trace.h was found first; include this library's trace.h by its path before trace_genai.h"
#elif TRACE_H_VERSION < TRACEI_GENAI_NEEDS_TRACE_H
#error "trace_genai.h: this trace.h is too old; take both files from one version"
#endif
#ifdef TRACE_GENAI_METRICS
#include "trace_metrics.h"
#endif

#ifndef TRACEI_GENAI_PUBLIC
#define TRACEI_GENAI_PUBLIC 1

#ifdef TRACE_CONFIG_NAMESPACE
#define trace_genai_captures_content TRACEI_NAME(trace_genai_captures_content)
#define trace_genai_identify TRACEI_NAME(trace_genai_identify)
#define trace_genai_init TRACEI_NAME(trace_genai_init)
#define trace_genai_set_cost TRACEI_NAME(trace_genai_set_cost)
#define trace_genai_set_input TRACEI_NAME(trace_genai_set_input)
#define trace_genai_set_instructions TRACEI_NAME(trace_genai_set_instructions)
#define trace_genai_set_output TRACEI_NAME(trace_genai_set_output)
#define trace_genai_set_request TRACEI_NAME(trace_genai_set_request)
#define trace_genai_set_response TRACEI_NAME(trace_genai_set_response)
#define trace_genai_set_retries_left TRACEI_NAME(trace_genai_set_retries_left)
#define trace_genai_set_retrieval TRACEI_NAME(trace_genai_set_retrieval)
#define trace_genai_set_stream TRACEI_NAME(trace_genai_set_stream)
#define trace_genai_set_tool_call TRACEI_NAME(trace_genai_set_tool_call)
#define trace_genai_set_tool_definitions TRACEI_NAME(trace_genai_set_tool_definitions)
#define trace_genai_set_usage TRACEI_NAME(trace_genai_set_usage)
#define trace_genai_stream_chunk TRACEI_NAME(trace_genai_stream_chunk)
#define trace_genai_stream_start TRACEI_NAME(trace_genai_stream_start)
#define tracei_genai_set_text TRACEI_NAME(tracei_genai_set_text)
#define tracei_genai_start TRACEI_NAME(tracei_genai_start)
#endif

#if TRACEI_GNU
#pragma GCC diagnostic push
#ifdef __clang__                  /* bool in gnu89, NULL and casts in C++ */
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

/* >>options ------------------------------------------------------------------------------------------------------- */

/* Names of backends that are added to gen_ai.*; bits of trace_genai_options.dialects. */
enum {
    TRACE_GENAI_DIALECT_LANGSMITH = 1,
    TRACE_GENAI_DIALECT_AGENTOPS = 2,
    TRACE_GENAI_DIALECT_VLLORA = 4,         /* also renames the spans */
    TRACE_GENAI_DIALECT_OPENINFERENCE = 8,  /* Phoenix */
    TRACE_GENAI_DIALECT_LANGFUSE = 16,
    TRACE_GENAI_DIALECT_AI_SDK = 32         /* ai.* */
};

/* All zero is the default for every field. Start from zero. Texts are copied. */
typedef struct trace_genai_options {
    uint32_t max_content_bytes;             /* of one attribute, as JSON; 1,024 to 1,048,576; default 32,768; see CONTENT */
    trace_choice capture_content;           /* AUTO: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT, else no */
    /* Writes what may be recorded of `text` to `out`, at most `capacity` bytes, and returns the size of all of it, like snprintf;
       SIZE_MAX: record nothing of it. `key` is the attribute it is for. Any recording thread; must not call trace_ functions. */
    size_t (*redact_fn)(void *user, const char *key, trace_string text, char *out, size_t capacity);
    void *user;
    uint32_t dialects;                      /* TRACE_GENAI_DIALECT_*: for every exporter but the console */
    const char *prices;                     /* a table as above; NULL: no prices */
} trace_genai_options;

/* Optional; NULL is all zero. May be called again: replaces all of it. Errors: INVALID (a field or a line of the prices is wrong:
   the log line names it; nothing changed), NO_MEMORY. Any thread, not in a signal handler. */
TRACE_APP trace_result trace_genai_init(const trace_genai_options *options);

/* >>identity ------------------------------------------------------------------------------------------------------ */

/* Whom work is for. Travels as baggage with the context, over threads and processes. Every span that is started below, whoever
   starts it, has vllora.run_id, .thread_id, .tenant and .label as attributes; those of this header also gen_ai.conversation.id
   and user.id. NULL members are left alone; each is at most 255 bytes. */
typedef struct trace_genai_identity {
    const char *run_id;
    const char *thread_id;                  /* the conversation */
    const char *tenant;
    const char *label;
    const char *user_id;
} trace_genai_identity;

/* The context with the identity added: for TRACE_WITH, trace_attach, .parent. Zero context: the current one. */
TRACE_API trace_context trace_genai_identify(trace_context context, const trace_genai_identity *identity);

/* >>starting ------------------------------------------------------------------------------------------------------ */

/* Each starts a span like trace_span_start_with; options may be NULL. A NULL or empty name leaves the span name at the operation.
   Names are cut at 200 bytes in the span's name and whole in their attribute. */
TRACE_INLINE trace_span trace_genai_start_run(const char *name, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_agent(const char *name, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_task(const char *name, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_thread(const char *conversation_id, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_chat(const char *provider, const char *model, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_completion(const char *provider, const char *model, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_generate(const char *provider, const char *model, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_embeddings(const char *provider, const char *model, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_provider(const char *provider, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_tool(const char *name, const trace_span_options *options);
TRACE_INLINE trace_span trace_genai_start_retrieval(const char *data_source_id, const trace_span_options *options);

/* >>model_call ---------------------------------------------------------------------------------------------------- */

/* A number that may be missing, where zero is a value like any other: request.temperature = trace_genai_double(0.0). */
typedef struct trace_genai_number {
    bool is_set;
    double value;
} trace_genai_number;

typedef struct trace_genai_integer {
    bool is_set;
    int64_t value;
} trace_genai_integer;

TRACE_INLINE trace_genai_number trace_genai_double(double value);
TRACE_INLINE trace_genai_integer trace_genai_int(int64_t value);

/* What was asked of the model (gen_ai.request.*). Zero, false and NULL: not asked. */
typedef struct trace_genai_request {
    trace_genai_number temperature;
    trace_genai_number top_p;
    trace_genai_number top_k;
    trace_genai_number frequency_penalty;
    trace_genai_number presence_penalty;
    trace_genai_integer seed;
    int64_t max_tokens;
    int64_t choice_count;                   /* recorded when it is not 1 */
    int64_t dimensions;                     /* of embeddings */
    bool stream;
    const char *output_type;                /* text, json, image, speech */
    const char *encoding_format;            /* of embeddings: float, base64 */
    const char *const *stop_sequences;
    size_t stop_sequence_count;
    const char *conversation_id;
    const char *server_address;             /* host name */
    uint16_t server_port;
} trace_genai_request;

#define TRACE_GENAI_FINISH_REASONS_MAX 8

typedef struct trace_genai_response {
    const char *id;
    const char *model;                      /* the one that answered */
    const char *finish_reasons[TRACE_GENAI_FINISH_REASONS_MAX]; /* one a choice, ended by NULL: stop, length, tool_calls, ... */
} trace_genai_response;

/* Tokens. input and output are always recorded (negative: not known), the others when they are not 0. */
typedef struct trace_genai_usage {
    int64_t input_tokens;                   /* with those read from and written to a cache */
    int64_t output_tokens;                  /* with those of reasoning */
    int64_t cache_read_tokens;
    int64_t cache_creation_tokens;
    int64_t reasoning_tokens;
    int64_t total_tokens;                   /* as the provider counts; 0: it did not say */
} trace_genai_usage;

TRACE_API void trace_genai_set_request(trace_span span, const trace_genai_request *request);
TRACE_API void trace_genai_set_response(trace_span span, const trace_genai_response *response);
TRACE_API void trace_genai_set_usage(trace_span span, const trace_genai_usage *usage);
/* US dollars; beats the table of prices. Negative and NaN are ignored. */
TRACE_API void trace_genai_set_cost(trace_span span, double dollars);
TRACE_API void trace_genai_set_retries_left(trace_span span, uint32_t count);

/* A stream as it comes in: a plain value of the caller's, for one thread. */
typedef struct trace_genai_stream {
    uint64_t start_ns;                      /* by trace_clock_ns */
    uint64_t first_ns;                      /* since start; 0: no chunk yet */
    uint64_t last_ns;
    uint64_t shortest_ns;                   /* interval between two chunks */
    uint64_t longest_ns;
    uint64_t chunk_count;
} trace_genai_stream;

/* Begins when the request goes out. No span is needed. */
TRACE_API trace_genai_stream trace_genai_stream_start(void);
/* For each chunk that carries output. Two clock readings at most; nothing is recorded. NULL is ignored. */
TRACE_API void trace_genai_stream_chunk(trace_genai_stream *stream);
/* When it ended, however it ended: gen_ai.response.time_to_first_chunk, trace_h.stream.chunk_count and, from two chunks on,
   trace_h.stream.chunk_interval.min, .mean, .max (seconds). */
TRACE_API void trace_genai_set_stream(trace_span span, const trace_genai_stream *stream);

/* >>tools --------------------------------------------------------------------------------------------------------- */

/* A tool's call. May be set twice: with the arguments before, with the result after. Sizes of 0: up to the terminator. */
typedef struct trace_genai_tool_call {
    const char *id;
    const char *type;                       /* function, extension, datastore */
    const char *description;
    const char *arguments;                  /* content; JSON is kept as such */
    size_t arguments_size;
    const char *result;                     /* content */
    size_t result_size;
} trace_genai_tool_call;

TRACE_API void trace_genai_set_tool_call(trace_span span, const trace_genai_tool_call *call);
/* What was looked for and what was found (JSON: [{"id":...,"score":...}]); both content. NULL: left out. */
TRACE_API void trace_genai_set_retrieval(trace_span span, const char *query, const char *documents_json);

/* >>content ------------------------------------------------------------------------------------------------------- */

/* Whether content is recorded: to skip gathering what would be dropped. */
TRACE_API bool trace_genai_captures_content(void);

typedef enum trace_genai_part_type {
    TRACE_GENAI_PART_TEXT = 0,
    TRACE_GENAI_PART_REASONING,
    TRACE_GENAI_PART_TOOL_CALL,             /* text: its arguments, JSON */
    TRACE_GENAI_PART_TOOL_CALL_RESPONSE,    /* text: its result, JSON or plain */
    TRACE_GENAI_PART_URI                    /* text: where an image, audio or video is; name: which of these; id: MIME type */
} trace_genai_part_type;

typedef struct trace_genai_part {
    trace_genai_part_type type;
    const char *text;
    size_t size;                            /* bytes; 0: up to the terminator */
    const char *id;                         /* of a tool call and its response */
    const char *name;                       /* of a tool call */
} trace_genai_part;

/* One message: `content` is a text part before `parts`. NULL: none of it. */
typedef struct trace_genai_message {
    const char *role;                       /* system, user, assistant, tool */
    const char *content;
    size_t content_size;                    /* bytes; 0: up to the terminator */
    const trace_genai_part *parts;
    size_t part_count;
    const char *name;                       /* of the participant */
    const char *finish_reason;              /* of an output */
} trace_genai_message;

/* gen_ai.input.messages, gen_ai.output.messages: of model calls, and of runs, agents and tasks as well. When they are more than
   fits, texts are cut and the oldest messages left out; of the newest its oldest parts, when it alone is more. */
TRACE_API void trace_genai_set_input(trace_span span, const trace_genai_message *messages, size_t count);
TRACE_API void trace_genai_set_output(trace_span span, const trace_genai_message *messages, size_t count);
/* gen_ai.system_instructions: those given apart from the messages. Size 0: up to the terminator. */
TRACE_API void trace_genai_set_instructions(trace_span span, const char *text, size_t size);
/* gen_ai.tool.definitions: a JSON array. Size 0: up to the terminator. */
TRACE_API void trace_genai_set_tool_definitions(trace_span span, const char *json, size_t size);

/* Private from here on. */

enum {
    TRACEI_GENAI_RUN,
    TRACEI_GENAI_AGENT,
    TRACEI_GENAI_TASK,
    TRACEI_GENAI_THREAD,
    TRACEI_GENAI_CHAT,
    TRACEI_GENAI_COMPLETION,
    TRACEI_GENAI_GENERATE,
    TRACEI_GENAI_EMBEDDINGS,
    TRACEI_GENAI_PROVIDER,
    TRACEI_GENAI_TOOL,
    TRACEI_GENAI_RETRIEVAL,
    TRACEI_GENAI_OPERATIONS
};

TRACE_API trace_span tracei_genai_start(unsigned operation, const char *provider, const char *subject,
                                        const trace_span_options *options, const trace_scope *scope);

TRACE_INLINE trace_span trace_genai_start_run(const char *name, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_RUN, NULL, name, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_agent(const char *name, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_AGENT, NULL, name, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_task(const char *name, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_TASK, NULL, name, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_thread(const char *conversation_id, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_THREAD, NULL, conversation_id, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_chat(const char *provider, const char *model, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_CHAT, provider, model, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_completion(const char *provider, const char *model, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_COMPLETION, provider, model, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_generate(const char *provider, const char *model, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_GENERATE, provider, model, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_embeddings(const char *provider, const char *model, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_EMBEDDINGS, provider, model, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_provider(const char *provider, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_PROVIDER, provider, provider, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_tool(const char *name, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_TOOL, NULL, name, options, NULL);
}

TRACE_INLINE trace_span trace_genai_start_retrieval(const char *data_source_id, const trace_span_options *options) {
    return tracei_genai_start(TRACEI_GENAI_RETRIEVAL, NULL, data_source_id, options, NULL);
}

TRACE_INLINE trace_genai_number trace_genai_double(double value) {
    trace_genai_number number;
    number.is_set = true;
    number.value = value;
    return number;
}

TRACE_INLINE trace_genai_integer trace_genai_int(int64_t value) {
    trace_genai_integer integer;
    integer.is_set = true;
    integer.value = value;
    return integer;
}

#ifdef __cplusplus
} /* extern "C" */

TRACE_INLINE trace_span tracei_genai_open(unsigned operation, const char *provider, const char *subject,
                                          const trace_span_options &options, const trace_scope *scope) {
    return tracei_genai_start(operation, provider, subject, &options, scope);
}
#define TRACEI_GENAI_OPEN(operation, provider, subject, ...) \
    tracei_genai_open(operation, provider, subject, TRACEI_OPTIONS(__VA_ARGS__), TRACE_CONFIG_SCOPE)
#else
#define TRACEI_GENAI_OPEN(operation, provider, subject, ...) \
    tracei_genai_start(operation, provider, subject, &TRACEI_OPTIONS(__VA_ARGS__), TRACE_CONFIG_SCOPE)
#endif

#if TRACE_CONFIG_OFF
#define TRACEI_GENAI_FOR(variable, start) TRACEI_ONCE(TRACEI_IGNORE(start), variable)
#elif defined(__cplusplus)
#define TRACEI_GENAI_FOR(variable, start) TRACEI_FOR(tracei_block_guard, variable, start)
#else
#define TRACEI_GENAI_FOR(variable, start) \
    for (tracei_block variable TRACEI_CLEANUP(tracei_block_cleanup) = {start, true}; variable.once; \
         variable.once = false, TRACEI_LEAVE(tracei_block_end(variable.span)))
#endif
#define TRACEI_GENAI_BLOCK(operation, provider, subject, ...) \
    TRACEI_GENAI_FOR(TRACEI_UNIQUE(tracei_block_), TRACEI_GENAI_OPEN(operation, provider, subject, __VA_ARGS__))

/* The first argument, and the rest; the first two, and the rest. */
#define TRACEI_GENAI_ONE(operation, ...) \
    TRACEI_GENAI_BLOCK(operation, NULL, (TRACEI_FIRST(__VA_ARGS__)), TRACEI_REST(__VA_ARGS__))
#define TRACEI_GENAI_SECOND(...) TRACEI_GENAI_SECOND_(__VA_ARGS__, )
#define TRACEI_GENAI_SECOND_(first, second, ...) second
#define TRACEI_GENAI_REST(...) TRACEI_GENAI_REST_(__VA_ARGS__, )
#define TRACEI_GENAI_REST_(first, second, ...) __VA_ARGS__
#define TRACEI_GENAI_TWO(operation, ...) \
    TRACEI_GENAI_BLOCK(operation, (TRACEI_FIRST(__VA_ARGS__)), (TRACEI_GENAI_SECOND(__VA_ARGS__)), TRACEI_GENAI_REST(__VA_ARGS__))

/* Blocks, as TRACE_SPAN; what follows the names are members of trace_span_options (C99; C++20). Inside, the span is
   trace_span_current(). */
#define TRACE_GENAI_RUN(...) TRACEI_GENAI_ONE(TRACEI_GENAI_RUN, __VA_ARGS__)
#define TRACE_GENAI_AGENT(...) TRACEI_GENAI_ONE(TRACEI_GENAI_AGENT, __VA_ARGS__)
#define TRACE_GENAI_TASK(...) TRACEI_GENAI_ONE(TRACEI_GENAI_TASK, __VA_ARGS__)
#define TRACE_GENAI_THREAD(...) TRACEI_GENAI_ONE(TRACEI_GENAI_THREAD, __VA_ARGS__)
#define TRACE_GENAI_CHAT(...) TRACEI_GENAI_TWO(TRACEI_GENAI_CHAT, __VA_ARGS__)
#define TRACE_GENAI_COMPLETION(...) TRACEI_GENAI_TWO(TRACEI_GENAI_COMPLETION, __VA_ARGS__)
#define TRACE_GENAI_GENERATE(...) TRACEI_GENAI_TWO(TRACEI_GENAI_GENERATE, __VA_ARGS__)
#define TRACE_GENAI_EMBEDDINGS(...) TRACEI_GENAI_TWO(TRACEI_GENAI_EMBEDDINGS, __VA_ARGS__)
#define TRACE_GENAI_PROVIDER(...) TRACEI_GENAI_ONE(TRACEI_GENAI_PROVIDER, __VA_ARGS__)
#define TRACE_GENAI_TOOL(...) TRACEI_GENAI_ONE(TRACEI_GENAI_TOOL, __VA_ARGS__)
#define TRACE_GENAI_RETRIEVAL(...) TRACEI_GENAI_ONE(TRACEI_GENAI_RETRIEVAL, __VA_ARGS__)

#if TRACEI_GNU
#pragma GCC diagnostic pop
#endif
#endif /* TRACEI_GENAI_PUBLIC */

/* >>recording -----------------------------------------------------------------------------------------------------

   Everything a span is told, over the public functions of trace.h alone: so the same text serves the implementation, a library
   that calls through another's table, and the kill switch. Only gen_ai.* names and a few of our own (trace_h.*) are recorded;
   what other backends call them is the worker's business. */

#if (TRACEI_FORWARD || defined(TRACE_IMPLEMENTATION)) && !defined(TRACEI_GENAI_RECORDING)
#define TRACEI_GENAI_RECORDING 1

#ifdef __clang__                  /* bool in gnu89, NULL and casts in C++ */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wc99-extensions"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif
#ifdef __cplusplus
extern "C" {
#endif

#define TRACEI_GENAI_NAME_MAX 200           /* bytes of a name in the span's name */
#define TRACEI_GENAI_GIVEN_MAX 12           /* attributes of the caller's that samplers see together with ours */

typedef struct tracei_genai_operation {
    const char *name;                       /* gen_ai.operation.name */
    trace_kind kind;
    const char *subject;                    /* the key of what it is about */
    bool named;                             /* the span's name ends with it */
} tracei_genai_operation;

TRACE_INLINE const tracei_genai_operation *tracei_genai_operation_of(unsigned operation) {
    static const tracei_genai_operation operations[TRACEI_GENAI_OPERATIONS] = {
        {"invoke_workflow", TRACE_KIND_INTERNAL, "gen_ai.workflow.name", true},
        {"invoke_agent", TRACE_KIND_INTERNAL, "gen_ai.agent.name", true},
        {"task", TRACE_KIND_INTERNAL, "trace_h.task.name", true},
        {"thread", TRACE_KIND_INTERNAL, "gen_ai.conversation.id", false},
        {"chat", TRACE_KIND_CLIENT, "gen_ai.request.model", true},
        {"text_completion", TRACE_KIND_CLIENT, "gen_ai.request.model", true},
        {"generate_content", TRACE_KIND_CLIENT, "gen_ai.request.model", true},
        {"embeddings", TRACE_KIND_CLIENT, "gen_ai.request.model", true},
        {"provider", TRACE_KIND_CLIENT, "gen_ai.provider.name", true},
        {"execute_tool", TRACE_KIND_INTERNAL, "gen_ai.tool.name", true},
        {"retrieval", TRACE_KIND_CLIENT, "gen_ai.data_source.id", true},
    };
    return &operations[operation % TRACEI_GENAI_OPERATIONS];
}

/* "chat gpt-4o"; a name that is cut is cut between code points. */
TRACE_INLINE void tracei_genai_span_name(char *name, const tracei_genai_operation *operation, const char *subject) {
    size_t size = strlen(operation->name), more = operation->named && subject ? strlen(subject) : 0;
    memcpy(name, operation->name, size);
    if (more > TRACEI_GENAI_NAME_MAX) {
        more = TRACEI_GENAI_NAME_MAX;
        while (more && ((unsigned char)subject[more] & 0xc0) == 0x80) more--;
    }
    if (more) {
        name[size++] = ' ';
        memcpy(name + size, subject, more);
    }
    name[size + more] = '\0';
}

/* What came along as baggage. A conversation that was named stands. vllora.* is the core's to add, which does so for every span
   (tracei_genai_install); a library cannot know whether its application includes this header. */
TRACE_INLINE void tracei_genai_set_identity(trace_span span, bool named) {
    static const char *const keys[] = {"vllora.run_id", "vllora.thread_id", "vllora.tenant", "vllora.label", "user.id"};
    const trace_context context = trace_span_context(span);
    char value[256];
    size_t i;
    if (!context.entry) return;
    for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (trace_baggage_get(context, keys[i], value, sizeof value) >= sizeof value) continue; /* none, or longer than allowed */
        if (i == 4 || TRACEI_FORWARD) trace_span_set_string(span, keys[i], value);
        if (i == 1 && !named) trace_span_set_string(span, "gen_ai.conversation.id", value);
    }
}

/* Name and kind, and what a sampler should see: operation, provider, model. */
TRACE_API trace_span tracei_genai_start(unsigned operation, const char *provider, const char *subject,
                                        const trace_span_options *options, const trace_scope *scope) {
    const tracei_genai_operation *const what = tracei_genai_operation_of(operation);
    trace_attribute attributes[3 + TRACEI_GENAI_GIVEN_MAX];
    char name[32 + TRACEI_GENAI_NAME_MAX];
    trace_span_options copy;
    trace_span span;
    size_t count = 0, given, i;
    if (TRACEI_IS_OFF() && (TRACEI_FORWARD || !options || tracei_is_current(&options->parent)))
        return tracei_handle(TRACEI_SLOT_INERT);
    memset((void *)&copy, 0, sizeof copy);
    if (options)
        memcpy((void *)&copy, (const void *)options,
               options->struct_size && options->struct_size < sizeof copy ? options->struct_size : sizeof copy);
    copy.struct_size = sizeof copy;
    if (!copy.kind) copy.kind = what->kind;
    if (!copy.scope) copy.scope = scope;
    if (operation == TRACEI_GENAI_PROVIDER) provider = NULL; /* the subject */
    attributes[count++] = tracei_attr_string("gen_ai.operation.name", what->name);
    if (provider && *provider) attributes[count++] = tracei_attr_string("gen_ai.provider.name", provider);
    if (subject && *subject) attributes[count++] = tracei_attr_string(what->subject, subject);
    given = copy.attributes ? copy.attribute_count : 0;
    for (i = 0; i < given && i < TRACEI_GENAI_GIVEN_MAX; i++) attributes[count++] = copy.attributes[i];
    copy.attributes = attributes;
    copy.attribute_count = count;
    tracei_genai_span_name(name, what, subject);
    span = trace_span_start_with(name, &copy);
    for (; i < given; i++) trace_span_set_attribute(span, options->attributes[i]);
    tracei_genai_set_identity(span, operation == TRACEI_GENAI_THREAD && subject && *subject);
    return span;
}

TRACE_API trace_context trace_genai_identify(trace_context context, const trace_genai_identity *identity) {
    if (!identity) return context;
    if (identity->run_id) context = trace_baggage_set(context, "vllora.run_id", identity->run_id);
    if (identity->thread_id) context = trace_baggage_set(context, "vllora.thread_id", identity->thread_id);
    if (identity->tenant) context = trace_baggage_set(context, "vllora.tenant", identity->tenant);
    if (identity->label) context = trace_baggage_set(context, "vllora.label", identity->label);
    if (identity->user_id) context = trace_baggage_set(context, "user.id", identity->user_id);
    return context;
}

TRACE_INLINE void tracei_genai_put_number(trace_span span, const char *key, trace_genai_number number) {
    if (number.is_set) trace_span_set_double(span, key, number.value);
}

TRACE_INLINE void tracei_genai_put_text(trace_span span, const char *key, const char *text) {
    if (text && *text) trace_span_set_string(span, key, text);
}

TRACE_INLINE void tracei_genai_put_count(trace_span span, const char *key, int64_t count) {
    if (count > 0) trace_span_set_int(span, key, count);
}

TRACE_API void trace_genai_set_request(trace_span span, const trace_genai_request *request) {
    if (!request) return;
    tracei_genai_put_number(span, "gen_ai.request.temperature", request->temperature);
    tracei_genai_put_number(span, "gen_ai.request.top_p", request->top_p);
    tracei_genai_put_number(span, "gen_ai.request.top_k", request->top_k);
    tracei_genai_put_number(span, "gen_ai.request.frequency_penalty", request->frequency_penalty);
    tracei_genai_put_number(span, "gen_ai.request.presence_penalty", request->presence_penalty);
    if (request->seed.is_set) trace_span_set_int(span, "gen_ai.request.seed", request->seed.value);
    tracei_genai_put_count(span, "gen_ai.request.max_tokens", request->max_tokens);
    if (request->choice_count != 1) tracei_genai_put_count(span, "gen_ai.request.choice.count", request->choice_count);
    tracei_genai_put_count(span, "gen_ai.embeddings.dimension.count", request->dimensions);
    if (request->stream) trace_span_set_bool(span, "gen_ai.request.stream", true);
    tracei_genai_put_text(span, "gen_ai.output.type", request->output_type);
    if (request->encoding_format) trace_span_set_strings(span, "gen_ai.request.encoding_formats", &request->encoding_format, 1);
    if (request->stop_sequences && request->stop_sequence_count)
        trace_span_set_strings(span, "gen_ai.request.stop_sequences", request->stop_sequences, request->stop_sequence_count);
    tracei_genai_put_text(span, "gen_ai.conversation.id", request->conversation_id);
    tracei_genai_put_text(span, "server.address", request->server_address);
    if (request->server_address) tracei_genai_put_count(span, "server.port", request->server_port);
}

TRACE_API void trace_genai_set_response(trace_span span, const trace_genai_response *response) {
    size_t count = 0;
    if (!response) return;
    tracei_genai_put_text(span, "gen_ai.response.id", response->id);
    tracei_genai_put_text(span, "gen_ai.response.model", response->model);
    while (count < TRACE_GENAI_FINISH_REASONS_MAX && response->finish_reasons[count]) count++;
    if (count) trace_span_set_strings(span, "gen_ai.response.finish_reasons", response->finish_reasons, count);
}

TRACE_API void trace_genai_set_usage(trace_span span, const trace_genai_usage *usage) {
    if (!usage) return;
    if (usage->input_tokens >= 0) trace_span_set_int(span, "gen_ai.usage.input_tokens", usage->input_tokens);
    if (usage->output_tokens >= 0) trace_span_set_int(span, "gen_ai.usage.output_tokens", usage->output_tokens);
    tracei_genai_put_count(span, "gen_ai.usage.cache_read.input_tokens", usage->cache_read_tokens);
    tracei_genai_put_count(span, "gen_ai.usage.cache_creation.input_tokens", usage->cache_creation_tokens);
    tracei_genai_put_count(span, "gen_ai.usage.reasoning.output_tokens", usage->reasoning_tokens);
    tracei_genai_put_count(span, "gen_ai.usage.total_tokens", usage->total_tokens);
}

TRACE_API void trace_genai_set_cost(trace_span span, double dollars) {
    if (dollars >= 0) trace_span_set_double(span, "gen_ai.usage.cost", dollars);
}

TRACE_API void trace_genai_set_retries_left(trace_span span, uint32_t count) {
    trace_span_set_int(span, "trace_h.retries_left", (int64_t)count);
}

TRACE_API trace_genai_stream trace_genai_stream_start(void) {
    trace_genai_stream stream;
    memset(&stream, 0, sizeof stream);
    stream.start_ns = trace_clock_ns();
    return stream;
}

TRACE_API void trace_genai_stream_chunk(trace_genai_stream *stream) {
    uint64_t now, interval;
    if (!stream) return;
    now = trace_clock_ns() - stream->start_ns;
    interval = now - stream->last_ns;
    if (stream->chunk_count++ == 0) {
        stream->first_ns = now ? now : 1;
    } else {
        if (stream->chunk_count == 2 || interval < stream->shortest_ns) stream->shortest_ns = interval;
        if (interval > stream->longest_ns) stream->longest_ns = interval;
    }
    stream->last_ns = now;
}

TRACE_API void trace_genai_set_stream(trace_span span, const trace_genai_stream *stream) {
    if (!stream) return;
    trace_span_set_int(span, "trace_h.stream.chunk_count", (int64_t)stream->chunk_count);
    if (!stream->chunk_count) return;
    trace_span_set_double(span, "gen_ai.response.time_to_first_chunk", (double)stream->first_ns / 1e9);
    if (stream->chunk_count == 1) return;
    trace_span_set_double(span, "trace_h.stream.chunk_interval.min", (double)stream->shortest_ns / 1e9);
    trace_span_set_double(span, "trace_h.stream.chunk_interval.mean",
                          (double)(stream->last_ns - stream->first_ns) / (double)(stream->chunk_count - 1) / 1e9);
    trace_span_set_double(span, "trace_h.stream.chunk_interval.max", (double)stream->longest_ns / 1e9);
}

TRACE_API void tracei_genai_set_text(trace_span span, const char *key, const char *text, size_t size, bool is_json);

TRACE_API void trace_genai_set_tool_call(trace_span span, const trace_genai_tool_call *call) {
    if (!call) return;
    tracei_genai_put_text(span, "gen_ai.tool.call.id", call->id);
    tracei_genai_put_text(span, "gen_ai.tool.type", call->type);
    tracei_genai_put_text(span, "gen_ai.tool.description", call->description);
    tracei_genai_set_text(span, "gen_ai.tool.call.arguments", call->arguments, call->arguments_size, true);
    tracei_genai_set_text(span, "gen_ai.tool.call.result", call->result, call->result_size, true);
}

TRACE_API void trace_genai_set_retrieval(trace_span span, const char *query, const char *documents_json) {
    tracei_genai_set_text(span, "gen_ai.retrieval.query.text", query, 0, false);
    tracei_genai_set_text(span, "gen_ai.retrieval.documents", documents_json, 0, true);
}

TRACE_API void trace_genai_set_tool_definitions(trace_span span, const char *json, size_t size) {
    tracei_genai_set_text(span, "gen_ai.tool.definitions", json, size, true);
}

#if TRACEI_FORWARD /* content is the application's to allow */

TRACE_API bool trace_genai_captures_content(void) {
    return false;
}

TRACE_API void tracei_genai_set_text(trace_span span, const char *key, const char *text, size_t size, bool is_json) {
    (void)span, (void)key, (void)text, (void)size, (void)is_json;
}

TRACE_API void trace_genai_set_input(trace_span span, const trace_genai_message *messages, size_t count) {
    (void)span, (void)messages, (void)count;
}

TRACE_API void trace_genai_set_output(trace_span span, const trace_genai_message *messages, size_t count) {
    (void)span, (void)messages, (void)count;
}

TRACE_API void trace_genai_set_instructions(trace_span span, const char *text, size_t size) {
    (void)span, (void)text, (void)size;
}

#if TRACE_CONFIG_OFF
TRACE_APP trace_result trace_genai_init(const trace_genai_options *options) {
    (void)options;
    return TRACE_RESULT_OK;
}
#endif
#endif /* TRACEI_FORWARD */

#ifdef __cplusplus
} /* extern "C" */
#endif
#ifdef __clang__
#pragma GCC diagnostic pop
#endif
#undef TRACEI_GENAI_GIVEN_MAX
#undef TRACEI_GENAI_NAME_MAX
#endif /* TRACEI_GENAI_RECORDING */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_GENAI_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_GENAI_IMPLEMENTED 1

#ifdef __cplusplus
extern "C" {
#endif

/* >>capture -------------------------------------------------------------------------------------------------------

   What trace_genai_init was told lies in one block: a copy of the options, the lines of the prices, their text. It is published
   by one store, read without a lock and, since who reads it is not known, never changed or freed; an init that says the same
   again keeps it. The environment is read when its snapshot is another one than last time: its address tells; two threads that
   see a new one together read the same and write the same.

   A content is built in a scratch block: the JSON in its first half, in the second what a redaction callback writes. Eight blocks
   are kept and taken by compare-and-swap, so that recording allocates nothing; a ninth thread at the same time gets one for once.
   A block that is too small for a new max_content_bytes is replaced by whoever holds it. */

#define TRACEI_GENAI_SCRATCH 8u
#define TRACEI_GENAI_CONTENT_BYTES 32768u
#define TRACEI_GENAI_CONTENT_MIN 1024u

typedef struct tracei_genai_price {
    trace_string provider, model;           /* "*" and a trailing * mean any */
    double input, output, cache_read, cache_creation;       /* US dollars for a million tokens */
} tracei_genai_price;

typedef struct tracei_genai_settings {
    trace_genai_options options;            /* max_content_bytes filled in; prices: NULL or a copy */
    const tracei_genai_price *prices;
    size_t price_count;
} tracei_genai_settings;

typedef struct tracei_genai_scratch {
    uint32_t busy;
    uint32_t size;                          /* of each half */
    char *memory;
} tracei_genai_scratch;

static const tracei_genai_settings tracei_genai_defaults = {
    {TRACEI_GENAI_CONTENT_BYTES, TRACE_CHOICE_AUTO, NULL, NULL, 0, NULL}, NULL, 0};
static const tracei_genai_settings *tracei_genai_settings_now = &tracei_genai_defaults;
static const char *tracei_genai_environment_seen;
static uint32_t tracei_genai_environment_says;
static tracei_genai_scratch tracei_genai_scratches[TRACEI_GENAI_SCRATCH];

TRACE_API bool trace_genai_captures_content(void) {
    static const char *const words[] = {"false", "no_content", "event_only", "true", "span_only", "span_and_event", NULL};
    const trace_choice choice = TRACEI_LOAD_ACQUIRE(&tracei_genai_settings_now)->options.capture_content;
    const char *const block = TRACEI_LOAD_ACQUIRE(&tracei_environment_block);
    if (choice != TRACE_CHOICE_AUTO) return choice == TRACE_CHOICE_YES;
    if (block != TRACEI_LOAD_ACQUIRE(&tracei_genai_environment_seen)) {
        const int at = tracei_environment_enum("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", words);
        TRACEI_STORE(&tracei_genai_environment_says, at >= 3 ? 1u : 0u);
        TRACEI_STORE_RELEASE(&tracei_genai_environment_seen, block);
    }
    return TRACEI_LOAD(&tracei_genai_environment_says) != 0;
}

/* A block with two halves of `size` bytes; NULL: no memory. `spare` is for one that is not kept. */
static tracei_genai_scratch *tracei_genai_take(tracei_genai_scratch *spare, uint32_t size) {
    tracei_genai_scratch *taken = spare;
    uint32_t i;
    spare->busy = 0;
    spare->size = 0;
    spare->memory = NULL;
    for (i = 0; i < TRACEI_GENAI_SCRATCH && taken == spare; i++) {
        uint32_t expected = 0;
        if (!TRACEI_LOAD(&tracei_genai_scratches[i].busy) && TRACEI_CAS(&tracei_genai_scratches[i].busy, &expected, 1u))
            taken = &tracei_genai_scratches[i];
    }
    if (taken->size != size) {
        tracei_free(taken->memory, 2 * (size_t)taken->size);
        taken->size = 0;
        taken->memory = (char *)tracei_alloc(2 * (size_t)size);
        if (taken->memory) taken->size = size;
    }
    if (taken->memory) return taken;
    if (taken != spare) TRACEI_STORE_RELEASE(&taken->busy, 0u);
    return NULL;
}

static void tracei_genai_give(tracei_genai_scratch *taken, const tracei_genai_scratch *spare) {
    if (taken == spare)
        tracei_free(taken->memory, 2 * (size_t)taken->size);
    else
        TRACEI_STORE_RELEASE(&taken->busy, 0u);
}

/* >>messages ------------------------------------------------------------------------------------------------------

   Content as the JSON of the conventions (gen-ai-input-messages.json and its siblings), in a bounded number of bytes. JSON that
   is cut is no JSON, so it is the texts inside that are cut: if all of them do not fit, each gets at most `share` bytes
   (escaped), the largest number with which they do; short texts stay whole. A cut text ends with how many bytes were left out.
   When there are so many messages that not even their frames fit, the oldest go, and a text in front says how many; of the
   parts of the newest likewise.

   Of a text of 100 MB only what could fit is looked at. Arguments and results are kept as JSON when they are valid and fit, else
   they become a JSON string, so that a model that writes broken JSON does not break ours. */

#define TRACEI_GENAI_DEPTH_MAX 64
#define TRACEI_GENAI_LABEL_MAX 128u         /* bytes of a role, name, id */
#define TRACEI_GENAI_FRAME 96u              /* bytes of JSON around a message or a part, without labels and texts */
#define TRACEI_GENAI_MARK 40u               /* "[18446744073709551615 bytes left out]" */

typedef struct tracei_genai_json {
    const char *at, *end;
} tracei_genai_json;

static void tracei_genai_space(tracei_genai_json *json) {
    while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r')) json->at++;
}

static bool tracei_genai_next(tracei_genai_json *json, char c) {
    tracei_genai_space(json);
    if (json->at == json->end || *json->at != c) return false;
    json->at++;
    return true;
}

static unsigned tracei_genai_digits(tracei_genai_json *json) {
    unsigned count = 0;
    for (; json->at < json->end && *json->at >= '0' && *json->at <= '9'; json->at++) count++;
    return count;
}

static bool tracei_genai_hex(const char *at, unsigned *out) {
    unsigned i;
    *out = 0;
    for (i = 0; i < 4; i++) {
        const int digit = tracei_environment_hex(at[i]);
        if (digit < 0) return false;
        *out = *out * 16 + (unsigned)digit;
    }
    return true;
}

/* A string's inside, still escaped. */
static bool tracei_genai_string(tracei_genai_json *json, trace_string *out) {
    unsigned unit;
    if (!tracei_genai_next(json, '"')) return false;
    out->data = json->at;
    for (; json->at < json->end && *json->at != '"'; json->at++) {
        if ((unsigned char)*json->at < 0x20) return false;
        if (*json->at != '\\') continue;
        if (++json->at == json->end || !memchr("\"\\/bfnrtu", *json->at, 9)) return false;
        if (*json->at != 'u') continue;
        if (json->end - json->at < 5 || !tracei_genai_hex(json->at + 1, &unit)) return false;
        json->at += 4;
    }
    if (json->at == json->end) return false;
    out->size = (size_t)(json->at++ - out->data);
    return true;
}

static bool tracei_genai_literal(tracei_genai_json *json) {
    static const char *const words[] = {"true", "false", "null"};
    size_t i;
    for (i = 0; i < 3; i++) {
        const size_t size = strlen(words[i]);
        if ((size_t)(json->end - json->at) < size || memcmp(json->at, words[i], size) != 0) continue;
        json->at += size;
        return true;
    }
    if (json->at < json->end && *json->at == '-') json->at++;
    if (json->at < json->end && *json->at == '0')
        json->at++;
    else if (!tracei_genai_digits(json))
        return false;
    if (json->at < json->end && *json->at == '.') {
        json->at++;
        if (!tracei_genai_digits(json)) return false;
    }
    if (json->at < json->end && (*json->at == 'e' || *json->at == 'E')) {
        json->at++;
        if (json->at < json->end && (*json->at == '+' || *json->at == '-')) json->at++;
        if (!tracei_genai_digits(json)) return false;
    }
    return true;
}

/* Any value (RFC 8259); false: there is none, or it is nested deeper than 64. */
static bool tracei_genai_skip(tracei_genai_json *json, int depth) {
    trace_string key;
    char close;
    tracei_genai_space(json);
    if (json->at == json->end) return false;
    if (*json->at == '"') return tracei_genai_string(json, &key);
    if (*json->at != '{' && *json->at != '[') return tracei_genai_literal(json);
    if (depth >= TRACEI_GENAI_DEPTH_MAX) return false;
    close = *json->at++ == '{' ? '}' : ']';
    if (tracei_genai_next(json, close)) return true;
    do {
        if (close == '}' && (!tracei_genai_string(json, &key) || !tracei_genai_next(json, ':'))) return false;
        if (!tracei_genai_skip(json, depth + 1)) return false;
    } while (tracei_genai_next(json, ','));
    return tracei_genai_next(json, close);
}

static bool tracei_genai_is_json(trace_string text) {
    tracei_genai_json json;
    json.at = text.data;
    json.end = text.data + text.size;
    if (!tracei_genai_skip(&json, 0)) return false;
    tracei_genai_space(&json);
    return json.at == json.end && tracei_utf8_valid(text.data, text.size) == text.size;
}

typedef struct tracei_genai_writer {
    tracei_text out;
    const tracei_genai_settings *settings;
    const char *key;
    char *redacted;                         /* as large as out */
    size_t share;                           /* bytes of JSON a text may become */
    tracei_genai_scratch *scratch, spare;
} tracei_genai_writer;

/* What may be recorded of a text, as far as it is at hand, and how large all of it is. */
typedef struct tracei_genai_allowed {
    trace_string text;
    size_t whole;
} tracei_genai_allowed;

static tracei_genai_allowed tracei_genai_allow(tracei_genai_writer *writer, const char *text, size_t size) {
    const trace_genai_options *const options = &writer->settings->options;
    tracei_genai_allowed allowed;
    allowed.text.data = text;
    allowed.text.size = allowed.whole = size;
    if (options->redact_fn && size) {
        allowed.whole = options->redact_fn(options->user, writer->key, allowed.text, writer->redacted, writer->out.capacity);
        if (allowed.whole == SIZE_MAX) allowed.whole = 0;
        allowed.text.data = writer->redacted;
        allowed.text.size = allowed.whole < writer->out.capacity ? allowed.whole : writer->out.capacity;
    }
    return allowed;
}

static void tracei_genai_mark(tracei_genai_writer *writer, uint64_t count, const char *what) {
    tracei_text_char(&writer->out, '[');
    tracei_text_u64(&writer->out, count);
    tracei_text_cstr(&writer->out, what);
}

/* Bytes of `text` whose JSON is at most `limit` bytes. */
static size_t tracei_genai_fitting(trace_string text, size_t limit) {
    size_t size = tracei_utf8_cut(text.data, text.size, limit), needed;
    while (size && (needed = tracei_json_size(text.data, size)) > limit) {
        const size_t less = (size_t)((double)size * (double)limit / (double)needed);
        size = tracei_utf8_cut(text.data, size, less < size ? less : size - 1);
    }
    return size;
}

/* A JSON string of what is allowed, cut to the share. */
static void tracei_genai_put_string(tracei_genai_writer *writer, tracei_genai_allowed allowed) {
    size_t size = allowed.text.size;
    if (size < allowed.whole || size > writer->share || tracei_json_size(allowed.text.data, size) > writer->share)
        size = tracei_genai_fitting(allowed.text, writer->share > TRACEI_GENAI_MARK ? writer->share - TRACEI_GENAI_MARK : 0);
    tracei_text_char(&writer->out, '"');
    tracei_text_json(&writer->out, allowed.text.data, size);
    if (size < allowed.whole) tracei_genai_mark(writer, allowed.whole - size, " bytes left out]");
    tracei_text_char(&writer->out, '"');
}

static void tracei_genai_put_content(tracei_genai_writer *writer, const char *text, size_t size) {
    tracei_genai_put_string(writer, tracei_genai_allow(writer, text, size));
}

static void tracei_genai_put_json(tracei_genai_writer *writer, const char *text, size_t size) {
    const tracei_genai_allowed allowed = tracei_genai_allow(writer, text, size);
    if (allowed.text.size == allowed.whole && allowed.whole <= writer->share && tracei_genai_is_json(allowed.text))
        tracei_text_add(&writer->out, allowed.text.data, allowed.text.size);
    else
        tracei_genai_put_string(writer, allowed);
}

/* ,"key":"value" and nothing for NULL. */
static void tracei_genai_put_label(tracei_genai_writer *writer, const char *key, const char *value) {
    if (!value) return;
    if (writer->out.data[writer->out.size - 1] != '{') tracei_text_char(&writer->out, ',');
    tracei_text_char(&writer->out, '"');
    tracei_text_cstr(&writer->out, key);
    tracei_text_cstr(&writer->out, "\":\"");
    tracei_text_json(&writer->out, value, tracei_utf8_cut(value, strlen(value), TRACEI_GENAI_LABEL_MAX));
    tracei_text_char(&writer->out, '"');
}

/* No text has no bytes, whatever its size says. */
static size_t tracei_genai_size_of(const char *text, size_t size) {
    return !text ? 0 : size ? size : strlen(text);
}

static void tracei_genai_put_part(tracei_genai_writer *writer, const trace_genai_part *part) {
    static const char *const types[] = {"text", "reasoning", "tool_call", "tool_call_response", "uri"};
    static const char *const texts[] = {"content", "content", "arguments", "response", "uri"};
    const unsigned type = (unsigned)part->type <= TRACE_GENAI_PART_URI ? (unsigned)part->type : 0;
    const bool is_json = type == TRACE_GENAI_PART_TOOL_CALL || type == TRACE_GENAI_PART_TOOL_CALL_RESPONSE;
    tracei_text_char(&writer->out, '{');
    tracei_genai_put_label(writer, "type", types[type]);
    tracei_genai_put_label(writer, type == TRACE_GENAI_PART_URI ? "mime_type" : "id", part->id);
    tracei_genai_put_label(writer, type == TRACE_GENAI_PART_URI ? "modality" : "name", part->name);
    tracei_text_cstr(&writer->out, ",\"");
    tracei_text_cstr(&writer->out, texts[type]);
    tracei_text_cstr(&writer->out, "\":");
    (is_json ? tracei_genai_put_json : tracei_genai_put_content)(writer, part->text,
                                                                 tracei_genai_size_of(part->text, part->size));
    tracei_text_char(&writer->out, '}');
}

/* skipped: how many of its parts have gone already. */
static void tracei_genai_put_message(tracei_genai_writer *writer, const trace_genai_message *message, size_t skipped,
                                     bool is_output) {
    size_t i;
    tracei_text_char(&writer->out, '{');
    tracei_genai_put_label(writer, "role", message->role ? message->role : is_output ? "assistant" : "user");
    tracei_genai_put_label(writer, "name", message->name);
    tracei_text_cstr(&writer->out, ",\"parts\":[");
    if (message->content) {
        tracei_text_cstr(&writer->out, "{\"type\":\"text\",\"content\":");
        tracei_genai_put_content(writer, message->content, tracei_genai_size_of(message->content, message->content_size));
        tracei_text_char(&writer->out, '}');
    }
    if (skipped) {
        if (message->content) tracei_text_char(&writer->out, ',');
        tracei_text_cstr(&writer->out, "{\"type\":\"text\",\"content\":\"");
        tracei_genai_mark(writer, skipped, " earlier parts left out]\"}");
    }
    for (i = 0; message->parts && i < message->part_count; i++) {
        if (i || skipped || message->content) tracei_text_char(&writer->out, ',');
        tracei_genai_put_part(writer, &message->parts[i]);
    }
    tracei_text_char(&writer->out, ']');
    if (is_output) tracei_genai_put_label(writer, "finish_reason", message->finish_reason ? message->finish_reason : "unknown");
    tracei_text_char(&writer->out, '}');
}

static size_t tracei_genai_label_size(const char *label) {
    return label ? tracei_json_size(label, tracei_utf8_cut(label, strlen(label), TRACEI_GENAI_LABEL_MAX)) : 0;
}

/* Frames and labels of a message, and with them the least its texts need. Above the limit nobody needs to know by how much. */
static size_t tracei_genai_frame(const trace_genai_message *message, size_t limit, size_t *texts) {
    size_t size = TRACEI_GENAI_FRAME + tracei_genai_label_size(message->role) + tracei_genai_label_size(message->name) +
                  tracei_genai_label_size(message->finish_reason),
           i;
    *texts = message->content ? 1 : 0;
    for (i = 0; message->parts && i < message->part_count && size <= limit; i++) {
        size += tracei_genai_label_size(message->parts[i].id) + tracei_genai_label_size(message->parts[i].name);
        size += TRACEI_GENAI_FRAME;
        ++*texts;
    }
    return size;
}

/* Takes the oldest parts off a message that does not fit alone; answers how many. */
static size_t tracei_genai_trim(trace_genai_message *message, size_t limit) {
    const size_t count = message->parts ? message->part_count : 0;
    trace_genai_message bare = *message;
    size_t texts, size, kept = 0;
    bare.parts = NULL;
    size = 3 * TRACEI_GENAI_FRAME + tracei_genai_frame(&bare, limit, &texts) + texts * 2 * TRACEI_GENAI_MARK;
    for (; kept < count && size <= limit; kept++) {
        const trace_genai_part *const part = &message->parts[count - 1 - kept];
        size += TRACEI_GENAI_FRAME + 2 * TRACEI_GENAI_MARK;
        size += tracei_genai_label_size(part->id) + tracei_genai_label_size(part->name);
    }
    if (size > limit && kept) kept--;
    if (count) message->parts += count - kept;
    message->part_count = kept;
    return count - kept;
}

/* How texts fare with a share: what those take that are within it, and how many are above. */
typedef struct tracei_genai_shares {
    size_t share;
    size_t within;
    size_t above;
} tracei_genai_shares;

/* JSON is never shorter than its text: one that is longer than the share need not be looked at. */
static void tracei_genai_weigh(tracei_genai_shares *shares, const char *text, size_t size) {
    const size_t json = size && size <= shares->share ? tracei_json_size(text, size) : size;
    if (json > shares->share)
        shares->above++;
    else
        shares->within += json;
}

static void tracei_genai_weigh_all(tracei_genai_shares *shares, const trace_genai_message *messages, size_t count) {
    size_t i, j;
    shares->within = shares->above = 0;
    for (i = 0; i < count; i++) {
        const trace_genai_message *const message = &messages[i];
        const trace_genai_part *const parts = message->parts;
        tracei_genai_weigh(shares, message->content, tracei_genai_size_of(message->content, message->content_size));
        for (j = 0; parts && j < message->part_count; j++)
            tracei_genai_weigh(shares, parts[j].text, tracei_genai_size_of(parts[j].text, parts[j].size));
    }
}

/* The share with which all texts take at most `room` bytes. Grows from the even share until it settles. */
static size_t tracei_genai_share(const trace_genai_message *messages, size_t count, size_t texts, size_t room) {
    tracei_genai_shares shares;
    int round;
    shares.share = texts ? room / texts : room;
    for (round = 0; round < 16; round++) {
        size_t next;
        tracei_genai_weigh_all(&shares, messages, count);
        if (!shares.above) return room;
        if (shares.within >= room) break;
        next = (room - shares.within) / shares.above;
        if (next <= shares.share) break;
        shares.share = next;
    }
    return shares.share;
}

static void tracei_genai_put_messages(tracei_genai_writer *writer, const trace_genai_message *messages, size_t count,
                                      bool is_output, bool even) {
    const size_t limit = writer->out.capacity;
    size_t first = count, frames = 2 * TRACEI_GENAI_FRAME, texts = 0, skipped = 0, more, i;
    const trace_genai_message *kept;
    trace_genai_message newest;
    while (first) { /* from the newest: those whose frames fit, with room for a little of each text */
        const size_t frame = tracei_genai_frame(&messages[first - 1], limit, &more);
        if (frames + frame + (texts + more) * 2 * TRACEI_GENAI_MARK > limit) break;
        frames += frame;
        texts += more;
        first--;
    }
    kept = messages + first;
    if (first == count && count) {
        newest = messages[--first];
        skipped = tracei_genai_trim(&newest, limit);
        frames += TRACEI_GENAI_FRAME + tracei_genai_frame(&newest, limit, &texts);
        kept = &newest;
    }
    writer->share = even ? (limit - frames) / (texts + 1) : tracei_genai_share(kept, count - first, texts, limit - frames);
    tracei_text_char(&writer->out, '[');
    if (first) {
        tracei_text_cstr(&writer->out, is_output ? "{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\""
                                                 : "{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"");
        tracei_genai_mark(writer, first, " earlier messages left out]\"}]");
        tracei_text_cstr(&writer->out, is_output ? ",\"finish_reason\":\"unknown\"}" : "}");
    }
    for (i = first; i < count; i++) {
        if (i) tracei_text_char(&writer->out, ',');
        tracei_genai_put_message(writer, &kept[i - first], skipped, is_output);
    }
    tracei_text_char(&writer->out, ']');
}

static void tracei_genai_record(trace_span span, const char *key, trace_type type, trace_string text) {
    trace_attribute attribute;
    memset(&attribute, 0, sizeof attribute);
    attribute.key.data = key;
    attribute.key.size = strlen(key);
    attribute.value.type = type;
    attribute.value.as.string = text;
    trace_span_set_attribute(span, attribute);
}

/* How many bytes a content may have: as many as were asked for, if eight of them fit in a span, which is at most a quarter of
   its ring; a larger one would be cut there, where nobody knows that it is JSON. Less than the least: none. */
static uint32_t tracei_genai_content_bytes(const trace_genai_options *options) {
    static uint32_t said;
    const uint32_t most = TRACEI_LOAD(&tracei_ring_bytes) / 32;
    if (options->max_content_bytes <= most) return options->max_content_bytes;
    if (tracei_first_time(&said))
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "genai: trace_genai_options.max_content_bytes is %u, but a content may be a 32nd of trace_config.ring_bytes, "
                   "%u bytes; %s; said once",
                   (unsigned)options->max_content_bytes, (unsigned)most,
                   most < TRACEI_GENAI_CONTENT_MIN ? "too few: content is left out" : "longer ones are cut there");
    return most;
}

/* One content of one span: a block to write it in. False: none is recorded. */
static bool tracei_genai_begin(tracei_genai_writer *writer, trace_span span, const char *key) {
    static uint32_t said;
    uint32_t size;
    writer->settings = TRACEI_LOAD_ACQUIRE(&tracei_genai_settings_now);
    if (!trace_genai_captures_content() || !trace_span_is_recording(span)) return false;
    size = tracei_genai_content_bytes(&writer->settings->options);
    if (size < TRACEI_GENAI_CONTENT_MIN) return false;
    writer->scratch = tracei_genai_take(&writer->spare, size);
    if (!writer->scratch) {
        if (tracei_first_time(&said))
            tracei_log(TRACE_LOG_LEVEL_WARNING, "genai: no memory for %s: content is left out; said once", key);
        return false;
    }
    memset(&writer->out, 0, sizeof writer->out);
    writer->out.data = writer->scratch->memory;
    writer->out.capacity = writer->scratch->size;
    writer->redacted = writer->scratch->memory + writer->scratch->size;
    writer->share = writer->scratch->size;
    writer->key = key;
    return true;
}

static void tracei_genai_end(tracei_genai_writer *writer, trace_span span, trace_type type, trace_string text) {
    tracei_genai_record(span, writer->key, type, text);
    tracei_genai_give(writer->scratch, &writer->spare);
}

static trace_string tracei_genai_written(const tracei_genai_writer *writer) {
    trace_string text;
    text.data = writer->out.data;
    text.size = writer->out.size;
    return text;
}

/* One text as an attribute: as JSON when it should be and is, else as text, cut. */
TRACE_API void tracei_genai_set_text(trace_span span, const char *key, const char *text, size_t size, bool is_json) {
    tracei_genai_writer writer;
    tracei_genai_allowed allowed;
    if (!text || !tracei_genai_begin(&writer, span, key)) return;
    allowed = tracei_genai_allow(&writer, text, tracei_genai_size_of(text, size));
    if (allowed.whole > writer.out.capacity) {
        const size_t kept = tracei_utf8_cut(allowed.text.data, allowed.text.size, writer.out.capacity - TRACEI_GENAI_MARK);
        tracei_text_add(&writer.out, allowed.text.data, kept);
        tracei_genai_mark(&writer, allowed.whole - kept, " bytes left out]");
        allowed.text = tracei_genai_written(&writer);
        is_json = false;
    }
    is_json = is_json && tracei_genai_is_json(allowed.text);
    tracei_genai_end(&writer, span, is_json ? TRACE_TYPE_JSON : TRACE_TYPE_STRING, allowed.text);
}

/* Redaction may make texts longer than they were weighed: then each gets the even share. */
static void tracei_genai_set_messages(trace_span span, const char *key, const trace_genai_message *messages, size_t count,
                                      bool is_output) {
    tracei_genai_writer writer;
    if (!messages || !count || !tracei_genai_begin(&writer, span, key)) return;
    tracei_genai_put_messages(&writer, messages, count, is_output, false);
    if (writer.out.full) {
        writer.out.size = 0;
        writer.out.full = false;
        tracei_genai_put_messages(&writer, messages, count, is_output, true);
    }
    tracei_genai_end(&writer, span, TRACE_TYPE_JSON, tracei_genai_written(&writer));
}

TRACE_API void trace_genai_set_input(trace_span span, const trace_genai_message *messages, size_t count) {
    tracei_genai_set_messages(span, "gen_ai.input.messages", messages, count, false);
}

TRACE_API void trace_genai_set_output(trace_span span, const trace_genai_message *messages, size_t count) {
    tracei_genai_set_messages(span, "gen_ai.output.messages", messages, count, true);
}

TRACE_API void trace_genai_set_instructions(trace_span span, const char *text, size_t size) {
    tracei_genai_writer writer;
    if (!text || !tracei_genai_begin(&writer, span, "gen_ai.system_instructions")) return;
    writer.share = writer.out.capacity - TRACEI_GENAI_FRAME;
    tracei_text_cstr(&writer.out, "[{\"type\":\"text\",\"content\":");
    tracei_genai_put_content(&writer, text, tracei_genai_size_of(text, size));
    tracei_text_cstr(&writer.out, "}]");
    tracei_genai_end(&writer, span, TRACE_TYPE_JSON, tracei_genai_written(&writer));
}

/* >>prices --------------------------------------------------------------------------------------------------------

   Read once, by trace_genai_init, into lines that point to the copy of the text; a bad line changes nothing. The worker looks a
   model call up once, by walking the lines. */

/* The next word of a line. */
static trace_string tracei_genai_word(trace_string *line) {
    trace_string word;
    while (line->size && (*line->data == ' ' || *line->data == '\t' || *line->data == '\r')) line->data++, line->size--;
    word.data = line->data;
    while (line->size && *line->data != ' ' && *line->data != '\t' && *line->data != '\r') line->data++, line->size--;
    word.size = (size_t)(line->data - word.data);
    return word;
}

/* NULL: good. */
static const char *tracei_genai_price_line(tracei_genai_price *price, trace_string line) {
    double *const numbers[4] = {&price->input, &price->output, &price->cache_read, &price->cache_creation};
    int i;
    price->provider = tracei_genai_word(&line);
    price->model = tracei_genai_word(&line);
    for (i = 0; i < 4; i++) {
        const trace_string word = tracei_genai_word(&line);
        if (!word.size && i < 2) return "has fewer than four columns";
        if (!word.size)
            *numbers[i] = price->input;
        else if (!tracei_environment_decimal(word, numbers[i]) || !(*numbers[i] >= 0 && *numbers[i] <= 1e9))
            return i == 0   ? "has an input price that is not a number from 0 to 1,000,000,000"
                   : i == 1 ? "has an output price that is not a number from 0 to 1,000,000,000"
                            : "has a cache price that is not a number from 0 to 1,000,000,000";
    }
    return tracei_genai_word(&line).size ? "has more than six columns" : NULL;
}

/* The next line without its comment; false: there is none. */
static bool tracei_genai_price_next(const char **text, trace_string *line) {
    if (!**text) return false;
    line->data = *text;
    line->size = strcspn(*text, "\n#");
    *text += strcspn(*text, "\n");
    if (**text) ++*text;
    return true;
}

static bool tracei_genai_prices_parse(const char *text, tracei_genai_price *lines, size_t *count) {
    trace_string line, probe;
    unsigned number = 0;
    while (tracei_genai_price_next(&text, &line)) {
        const char *wrong;
        number++;
        probe = line;
        if (!tracei_genai_word(&probe).size) continue;
        wrong = tracei_genai_price_line(&lines[*count], line);
        if (wrong) {
            tracei_log(TRACE_LOG_LEVEL_ERROR,
                       "trace_genai_init: line %u of trace_genai_options.prices %s; nothing was changed. A line is: provider "
                       "model input output [cache_read [cache_creation]], US dollars per million tokens",
                       number, wrong);
            return false;
        }
        ++*count;
    }
    return true;
}

static bool tracei_genai_fits(trace_string pattern, trace_string text) {
    if (pattern.size && pattern.data[pattern.size - 1] == '*')
        return text.size >= pattern.size - 1 && memcmp(text.data, pattern.data, pattern.size - 1) == 0;
    return text.size == pattern.size && memcmp(text.data, pattern.data, text.size) == 0;
}

/* What a call cost; negative: no line fits. Tokens read from or written to a cache are part of the input. */
static double tracei_genai_cost(const tracei_genai_settings *settings, trace_string provider, trace_string model,
                                const trace_genai_usage *usage) {
    const double cached = (double)usage->cache_read_tokens + (double)usage->cache_creation_tokens;
    const double plain = (double)usage->input_tokens > cached ? (double)usage->input_tokens - cached : 0;
    size_t i;
    for (i = 0; i < settings->price_count; i++) {
        const tracei_genai_price *const price = &settings->prices[i];
        if (!tracei_genai_fits(price->provider, provider) || !tracei_genai_fits(price->model, model)) continue;
        return (plain * price->input + (double)usage->cache_read_tokens * price->cache_read +
                (double)usage->cache_creation_tokens * price->cache_creation + (double)usage->output_tokens * price->output) /
               1e6;
    }
    return -1;
}

static bool tracei_genai_wrong(const char *field, const char *what) {
    tracei_log(TRACE_LOG_LEVEL_ERROR, "trace_genai_init: trace_genai_options.%s %s; nothing was changed", field, what);
    return false;
}

static bool tracei_genai_check(const trace_genai_options *options) {
    if ((uint32_t)options->capture_content > TRACE_CHOICE_YES)
        return tracei_genai_wrong("capture_content", "is not one of TRACE_CHOICE_*");
    if (options->max_content_bytes < TRACEI_GENAI_CONTENT_MIN || options->max_content_bytes > 1048576)
        return tracei_genai_wrong("max_content_bytes", "must be from 1,024 to 1,048,576");
    if (options->dialects > 2 * TRACE_GENAI_DIALECT_AI_SDK - 1)
        return tracei_genai_wrong("dialects", "has a bit that is not one of TRACE_GENAI_DIALECT_*");
    return true;
}

static bool tracei_genai_same(const trace_genai_options *a, const trace_genai_options *b) {
    return a->capture_content == b->capture_content && a->max_content_bytes == b->max_content_bytes &&
           a->redact_fn == b->redact_fn && a->user == b->user && a->dialects == b->dialects &&
           (a->prices && b->prices ? strcmp(a->prices, b->prices) == 0 : a->prices == b->prices);
}

static void tracei_genai_install(void);

TRACE_APP trace_result trace_genai_init(const trace_genai_options *options) {
    const char *text = options && options->prices ? options->prices : "", *at = text;
    tracei_genai_settings *made;
    tracei_genai_price *lines;
    trace_genai_options copy;
    size_t count = 1, bytes;
    char *kept;
    memset(&copy, 0, sizeof copy);
    if (options) copy = *options;
    if (!copy.max_content_bytes) copy.max_content_bytes = TRACEI_GENAI_CONTENT_BYTES;
    if (!tracei_genai_check(&copy)) return TRACE_RESULT_INVALID;
    tracei_genai_install();
    if (tracei_genai_same(&copy, &TRACEI_LOAD_ACQUIRE(&tracei_genai_settings_now)->options)) return TRACE_RESULT_OK;
    for (; *at; at++) count += *at == '\n';
    bytes = sizeof *made + count * sizeof *lines + (size_t)(at - text) + 1;
    made = (tracei_genai_settings *)tracei_alloc(bytes);
    if (!made) return TRACE_RESULT_NO_MEMORY;
    lines = (tracei_genai_price *)(void *)(made + 1);
    kept = (char *)(lines + count);
    memcpy(kept, text, (size_t)(at - text) + 1);
    made->options = copy;
    if (copy.prices) made->options.prices = kept;
    made->prices = lines;
    if (!tracei_genai_prices_parse(kept, lines, &made->price_count)) {
        tracei_free(made, bytes);
        return TRACE_RESULT_INVALID;
    }
    TRACEI_STORE_RELEASE(&tracei_genai_settings_now, (const tracei_genai_settings *)made);
    return TRACE_RESULT_OK;
}

/* >>table ---------------------------------------------------------------------------------------------------------

   What each backend calls what gen_ai.* says: a row for each attribute, a column for each dialect, a name and how the value is
   put. Sources, as read in 2026:
       LangSmith       langchain-ai/langsmith-docs, docs/observability/how_to_guides/trace_with_opentelemetry.mdx (500986273b4d):
                       "Supported OpenTelemetry attribute and event mapping". A conversation is a thread when its id is in the
                       metadata as thread_id; names of gen_ai.request.* and gen_ai.usage.* it reads as they are
       AgentOps        AgentOps-AI/agentops, agentops/semconv/ (a855a92dfaa7) and app/api/agentops/api/models/: the old names of
                       tokens, from which it counts cost
       vLLora          vllora/vllora (bdb5f1579922): telemetry/src/events/, telemetry/src/lib.rs, gateway/src/tracing.rs. Names
                       (run, agent, task, api_invoke, model_call, the provider's, tool) are what it selects by; a span without
                       vllora.tenant, whatever it is of, is left out unless x-project-id tells; its own SDK puts vllora.* of
                       the baggage on every span; usage, cost, input, output, model are JSON texts; ttft is in microseconds
       OpenInference   Arize-ai/openinference, spec/semantic_conventions.md (1fe497f1d9f4)
       Langfuse        langfuse/langfuse, packages/shared/src/server/otel/attributes.ts, OtelIngestionProcessor.ts (62751446149b).
                       usage_details must add up, so cached and reasoning tokens are taken out of input and output
       AI SDK          ai-sdk.dev, "Telemetry", "Collected data"
   A source in parentheses is made up from several attributes. A row without a source continues the one above it: the same
   attribute under a further name. */

enum {
    TRACEI_GENAI_COLUMNS = 6
};

typedef enum tracei_genai_how {
    TRACEI_GENAI_SAME,                      /* the value as it is */
    TRACEI_GENAI_FIRST,                     /* the first of an array */
    TRACEI_GENAI_MS,                        /* seconds as milliseconds */
    TRACEI_GENAI_US,                        /* seconds as whole microseconds */
    TRACEI_GENAI_SINCE,                     /* seconds since the span's start as a time, ISO 8601 */
    TRACEI_GENAI_EXPLODE,                   /* messages of model calls, one attribute for each field of each */
    TRACEI_GENAI_OF_MODEL,                  /* as it is, of model calls only */
    TRACEI_GENAI_OF_OTHERS,                 /* as it is, not of model calls */
    TRACEI_GENAI_MIME                       /* "application/json" or "text/plain", by the type of the value */
} tracei_genai_how;

typedef struct tracei_genai_cell {
    const char *name;                       /* NULL: none; for EXPLODE what comes before the number */
    tracei_genai_how how;
} tracei_genai_cell;

typedef struct tracei_genai_row {
    const char *source;
    tracei_genai_cell cells[TRACEI_GENAI_COLUMNS];  /* in the order of the bits of TRACE_GENAI_DIALECT_* */
} tracei_genai_row;

#define TRACEI_NONE {NULL, TRACEI_GENAI_SAME}
#define TRACEI_AS(name) {name, TRACEI_GENAI_SAME}
#define TRACEI_HOW(name, how) {name, TRACEI_GENAI_##how}

static const tracei_genai_row tracei_genai_rows[] = {
    /* source: LangSmith, AgentOps, vLLora, OpenInference, Langfuse, AI SDK */
    {"(kind)",
     {TRACEI_AS("langsmith.span.kind"), TRACEI_AS("agentops.span.kind"), TRACEI_NONE, TRACEI_AS("openinference.span.kind"),
      TRACEI_AS("langfuse.observation.type"), TRACEI_AS("ai.operationId")}},
    {"(level)",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("langfuse.observation.level"), TRACEI_NONE}},
    {"(status)",
     {TRACEI_NONE, TRACEI_AS("error.message"), TRACEI_AS("error"), TRACEI_NONE, TRACEI_AS("langfuse.observation.status_message"),
      TRACEI_NONE}},
    {"(tenant)",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_AS("vllora.tenant"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"(parameters)",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("llm.invocation_parameters"),
      TRACEI_AS("langfuse.observation.model.parameters"), TRACEI_NONE}},
    {"(model)",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_AS("model"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"(usage)",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_AS("usage"), TRACEI_NONE, TRACEI_AS("langfuse.observation.usage_details"), TRACEI_NONE}},
    {"(total)",
     {TRACEI_AS("gen_ai.usage.total_tokens"), TRACEI_AS("gen_ai.usage.total_tokens"), TRACEI_NONE,
      TRACEI_AS("llm.token_count.total"), TRACEI_NONE, TRACEI_AS("ai.usage.tokens")}},
    {"(cost)",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_AS("cost"), TRACEI_NONE, TRACEI_AS("langfuse.observation.cost_details"), TRACEI_NONE}},

    {"gen_ai.provider.name",
     {TRACEI_AS("gen_ai.system"), TRACEI_AS("gen_ai.system"), TRACEI_AS("provider_name"), TRACEI_AS("llm.provider"), TRACEI_NONE,
      TRACEI_AS("ai.model.provider")}},
    {NULL,
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("llm.system"), TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.request.model",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_AS("model_name"), TRACEI_AS("llm.model_name"),
      TRACEI_AS("langfuse.observation.model.name"), TRACEI_AS("ai.model.id")}},
    {NULL,
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("llm.request.model_name"), TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.response.model",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_AS("inference_model_name"), TRACEI_AS("llm.response.model_name"), TRACEI_NONE,
      TRACEI_AS("ai.response.model")}},
    {"gen_ai.response.id",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("ai.response.id")}},
    {"gen_ai.response.finish_reasons",
     {TRACEI_NONE, TRACEI_HOW("gen_ai.response.finish_reason", FIRST), TRACEI_NONE, TRACEI_HOW("llm.finish_reason", FIRST),
      TRACEI_NONE, TRACEI_HOW("ai.response.finishReason", FIRST)}},
    {"gen_ai.response.time_to_first_chunk",
     {TRACEI_NONE, TRACEI_AS("gen_ai.streaming.time_to_first_token"), TRACEI_HOW("ttft", US), TRACEI_NONE,
      TRACEI_HOW("langfuse.observation.completion_start_time", SINCE), TRACEI_HOW("ai.response.msToFirstChunk", MS)}},
    {"trace_h.stream.chunk_count",
     {TRACEI_NONE, TRACEI_AS("gen_ai.streaming.chunk_count"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"trace_h.retries_left",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_AS("retries_left"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.request.stream",
     {TRACEI_NONE, TRACEI_AS("gen_ai.request.streaming"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.request.temperature",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("ai.settings.temperature")}},
    {"gen_ai.request.top_p",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("ai.settings.topP")}},
    {"gen_ai.request.top_k",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("ai.settings.topK")}},
    {"gen_ai.request.max_tokens",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("ai.settings.maxOutputTokens")}},
    {"gen_ai.request.choice.count",
     {TRACEI_NONE, TRACEI_AS("gen_ai.request.candidate_count"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},

    {"gen_ai.usage.input_tokens",
     {TRACEI_NONE, TRACEI_AS("gen_ai.usage.prompt_tokens"), TRACEI_NONE, TRACEI_AS("llm.token_count.prompt"), TRACEI_NONE,
      TRACEI_AS("ai.usage.promptTokens")}},
    {"gen_ai.usage.output_tokens",
     {TRACEI_NONE, TRACEI_AS("gen_ai.usage.completion_tokens"), TRACEI_NONE, TRACEI_AS("llm.token_count.completion"), TRACEI_NONE,
      TRACEI_AS("ai.usage.completionTokens")}},
    {"gen_ai.usage.cache_read.input_tokens",
     {TRACEI_NONE, TRACEI_AS("gen_ai.usage.cache_read_input_tokens"), TRACEI_NONE,
      TRACEI_AS("llm.token_count.prompt_details.cache_read"), TRACEI_NONE, TRACEI_AS("ai.usage.cachedInputTokens")}},
    {"gen_ai.usage.cache_creation.input_tokens",
     {TRACEI_NONE, TRACEI_AS("gen_ai.usage.cache_creation_input_tokens"), TRACEI_NONE,
      TRACEI_AS("llm.token_count.prompt_details.cache_write"), TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.usage.reasoning.output_tokens",
     {TRACEI_NONE, TRACEI_AS("gen_ai.usage.reasoning_tokens"), TRACEI_NONE,
      TRACEI_AS("llm.token_count.completion_details.reasoning"), TRACEI_NONE, TRACEI_AS("ai.usage.reasoningTokens")}},
    {"gen_ai.usage.cost",
     {TRACEI_NONE, TRACEI_AS("gen_ai.usage.total_cost"), TRACEI_NONE, TRACEI_AS("llm.cost.total"), TRACEI_NONE, TRACEI_NONE}},

    {"gen_ai.conversation.id",
     {TRACEI_AS("langsmith.metadata.thread_id"), TRACEI_NONE, TRACEI_AS("vllora.thread_id"), TRACEI_AS("session.id"),
      TRACEI_AS("session.id"), TRACEI_AS("ai.telemetry.metadata.sessionId")}},
    {"user.id",
     {TRACEI_AS("langsmith.metadata.user_id"), TRACEI_AS("gen_ai.user"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE,
      TRACEI_AS("ai.telemetry.metadata.userId")}},
    {"vllora.label",
     {TRACEI_AS("langsmith.span.tags"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.workflow.name",
     {TRACEI_NONE, TRACEI_AS("agentops.entity.name"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {NULL,
     {TRACEI_NONE, TRACEI_AS("workflow.name"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.agent.name",
     {TRACEI_NONE, TRACEI_AS("agentops.entity.name"), TRACEI_AS("vllora.agent_name"), TRACEI_AS("agent.name"), TRACEI_NONE,
      TRACEI_NONE}},
    {NULL,
     {TRACEI_NONE, TRACEI_AS("agent.name"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.agent.id",
     {TRACEI_NONE, TRACEI_AS("agent.id"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"trace_h.task.name",
     {TRACEI_NONE, TRACEI_AS("agentops.entity.name"), TRACEI_AS("vllora.task_name"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.tool.name",
     {TRACEI_NONE, TRACEI_AS("tool.name"), TRACEI_AS("vllora.tool_name"), TRACEI_AS("tool.name"), TRACEI_NONE,
      TRACEI_AS("ai.toolCall.name")}},
    {NULL,
     {TRACEI_NONE, TRACEI_AS("agentops.entity.name"), TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.tool.call.id",
     {TRACEI_NONE, TRACEI_AS("tool.id"), TRACEI_NONE, TRACEI_AS("tool.id"), TRACEI_NONE, TRACEI_AS("ai.toolCall.id")}},
    {"gen_ai.tool.description",
     {TRACEI_NONE, TRACEI_AS("tool.description"), TRACEI_NONE, TRACEI_AS("tool.description"), TRACEI_NONE, TRACEI_NONE}},

    {"gen_ai.tool.call.arguments",
     {TRACEI_AS("input.value"), TRACEI_AS("tool.parameters"), TRACEI_AS("input"), TRACEI_AS("input.value"),
      TRACEI_AS("langfuse.observation.input"), TRACEI_AS("ai.toolCall.args")}},
    {NULL,
     {TRACEI_NONE, TRACEI_AS("agentops.entity.input"), TRACEI_NONE, TRACEI_HOW("input.mime_type", MIME), TRACEI_NONE,
      TRACEI_NONE}},
    {"gen_ai.tool.call.result",
     {TRACEI_AS("output.value"), TRACEI_AS("tool.result"), TRACEI_AS("output"), TRACEI_AS("output.value"),
      TRACEI_AS("langfuse.observation.output"), TRACEI_AS("ai.toolCall.result")}},
    {NULL,
     {TRACEI_NONE, TRACEI_AS("agentops.entity.output"), TRACEI_NONE, TRACEI_HOW("output.mime_type", MIME), TRACEI_NONE,
      TRACEI_NONE}},
    {"gen_ai.retrieval.query.text",
     {TRACEI_AS("input.value"), TRACEI_AS("agentops.entity.input"), TRACEI_AS("input"), TRACEI_AS("input.value"),
      TRACEI_AS("langfuse.observation.input"), TRACEI_NONE}},
    {"gen_ai.retrieval.documents",
     {TRACEI_AS("output.value"), TRACEI_AS("agentops.entity.output"), TRACEI_AS("output"), TRACEI_AS("output.value"),
      TRACEI_AS("langfuse.observation.output"), TRACEI_NONE}},
    {"gen_ai.tool.definitions",
     {TRACEI_AS("tools"), TRACEI_AS("gen_ai.request.functions"), TRACEI_AS("tools"), TRACEI_NONE, TRACEI_NONE,
      TRACEI_AS("ai.prompt.tools")}},
    {"gen_ai.input.messages",
     {TRACEI_HOW("gen_ai.prompt", EXPLODE), TRACEI_HOW("gen_ai.prompt", EXPLODE), TRACEI_AS("input"),
      TRACEI_HOW("llm.input_messages", EXPLODE), TRACEI_AS("langfuse.observation.input"),
      TRACEI_HOW("ai.prompt.messages", OF_MODEL)}},
    {NULL,
     {TRACEI_HOW("input.value", OF_OTHERS), TRACEI_HOW("agentops.entity.input", OF_OTHERS), TRACEI_NONE, TRACEI_AS("input.value"),
      TRACEI_NONE, TRACEI_NONE}},
    {NULL,
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_HOW("input.mime_type", MIME), TRACEI_NONE, TRACEI_NONE}},
    {"gen_ai.output.messages",
     {TRACEI_HOW("gen_ai.completion", EXPLODE), TRACEI_HOW("gen_ai.completion", EXPLODE), TRACEI_AS("output"),
      TRACEI_HOW("llm.output_messages", EXPLODE), TRACEI_AS("langfuse.observation.output"), TRACEI_NONE}},
    {NULL,
     {TRACEI_HOW("output.value", OF_OTHERS), TRACEI_HOW("agentops.entity.output", OF_OTHERS), TRACEI_NONE,
      TRACEI_AS("output.value"), TRACEI_NONE, TRACEI_NONE}},
    {NULL,
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_HOW("output.mime_type", MIME), TRACEI_NONE, TRACEI_NONE}},
    {"(text)",
     {TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_NONE, TRACEI_AS("ai.response.text")}},
};

#undef TRACEI_NONE
#undef TRACEI_AS
#undef TRACEI_HOW

/* What the span is: the value of (kind), and for vLLora its name; NULL: the provider's name, or nothing. */
static const char *const tracei_genai_kinds[TRACEI_GENAI_OPERATIONS][TRACEI_GENAI_COLUMNS] = {
    {"chain", "workflow", "run", "CHAIN", "chain", NULL},
    {"chain", "agent", "agent", "AGENT", "agent", NULL},
    {"chain", "task", "task", "CHAIN", "span", NULL},
    {"chain", "session", "api_invoke", "CHAIN", "span", NULL},
    {"llm", "llm", "model_call", "LLM", "generation", "ai.generateText.doGenerate"},
    {"llm", "llm", "model_call", "LLM", "generation", "ai.generateText.doGenerate"},
    {"llm", "llm", "model_call", "LLM", "generation", "ai.generateText.doGenerate"},
    {"embedding", "llm", "model_call", "EMBEDDING", "embedding", "ai.embed.doEmbed"},
    {"chain", "http", NULL, "CHAIN", "span", NULL},
    {"tool", "tool", "tool", "TOOL", "tool", "ai.toolCall"},
    {"retriever", "operation", "retrieval", "RETRIEVER", "retriever", NULL},
};

/* >>translation ---------------------------------------------------------------------------------------------------

   In the worker (or whoever runs the pass; one thread at a time). A batch with GenAI spans is copied: its spans, and for each of
   those a new list of attributes, the span's own first. All lists of a batch lie in one array that may move while it grows, so
   spans get their pointers last; what keys and values point to lies in blocks that do not move. Both are kept for the next batch.
   Without memory the batch goes out as it was recorded. */

typedef struct tracei_genai_block {
    struct tracei_genai_block *next;
    size_t size, used;
} tracei_genai_block;

typedef struct tracei_genai_store {
    tracei_genai_block *first, *now;        /* blocks of bytes */
    trace_attribute *list;                  /* attributes of all spans of the batch */
    size_t list_capacity, list_count;
    trace_span_data *spans;
    size_t span_capacity;
    bool failed;
} tracei_genai_store;

static tracei_genai_store tracei_genai_work;

/* One span under translation. */
typedef struct tracei_genai_view {
    const tracei_genai_settings *settings;
    const trace_span_data *span;
    unsigned operation;
    size_t start;                           /* of its list */
    trace_genai_usage usage;
    bool has_usage;
    bool is_stream;
} tracei_genai_view;

static void *tracei_genai_bytes(size_t size) {
    tracei_genai_store *const store = &tracei_genai_work;
    void *at;
    size = (size + 7) & ~(size_t)7;
    while (store->now && store->now->size - store->now->used < size && store->now->next) store->now = store->now->next;
    if (!store->now || store->now->size - store->now->used < size) {
        const size_t least = store->now ? 2 * store->now->size : 4096, needed = sizeof(tracei_genai_block) + size;
        tracei_genai_block *const made = (tracei_genai_block *)tracei_alloc(needed > least ? needed : least);
        if (!made) {
            store->failed = true;
            return NULL;
        }
        made->size = needed > least ? needed : least;
        made->used = sizeof *made;
        made->next = NULL;
        if (store->now)
            store->now->next = made;
        else
            store->first = made;
        store->now = made;
    }
    at = (char *)store->now + store->now->used;
    store->now->used += size;
    return at;
}

/* An array at least twice as large, with what was in the old one, in the place of the old one, which the caller frees once it is
   in place: a fork at any moment finds the one or the other. NULL: no memory. */
static void *tracei_genai_grown(const void *old, size_t capacity, size_t *wanted, size_t each) {
    void *made;
    if (*wanted < 2 * capacity) *wanted = 2 * capacity;
    made = tracei_alloc(*wanted * each);
    if (made && capacity) memcpy(made, old, capacity * each);
    if (!made) tracei_genai_work.failed = true;
    return made;
}

static bool tracei_genai_append(const trace_attribute *attributes, size_t count) {
    tracei_genai_store *const store = &tracei_genai_work;
    if (store->list_capacity - store->list_count < count) {
        trace_attribute *const old = store->list, *list;
        const size_t before = store->list_capacity;
        size_t wanted = store->list_count + count + 64;
        list = (trace_attribute *)tracei_genai_grown(old, before, &wanted, sizeof *list);
        if (!list) return false;
        TRACEI_STORE_RELEASE(&store->list, list);
        TRACEI_STORE_RELEASE(&store->list_capacity, wanted);
        tracei_free(old, before * sizeof *list);
    }
    if (count) memcpy((void *)(store->list + store->list_count), (const void *)attributes, count * sizeof *attributes);
    store->list_count += count;
    return true;
}

static const trace_value *tracei_genai_find_in(const trace_attribute *attributes, size_t count, const char *key) {
    const size_t size = strlen(key);
    size_t i;
    for (i = 0; i < count; i++)
        if (attributes[i].key.size == size && memcmp(attributes[i].key.data, key, size) == 0) return &attributes[i].value;
    return NULL;
}

/* In what the span has by now. Valid until the next add. */
static const trace_value *tracei_genai_find(const tracei_genai_view *view, const char *key) {
    return tracei_genai_find_in(tracei_genai_work.list + view->start, tracei_genai_work.list_count - view->start, key);
}

static trace_string tracei_genai_find_text(const tracei_genai_view *view, const char *key) {
    const trace_value *const value = tracei_genai_find(view, key);
    trace_string none;
    none.data = "";
    none.size = 0;
    return value && (value->type == TRACE_TYPE_STRING || value->type == TRACE_TYPE_JSON) ? value->as.string : none;
}

static int64_t tracei_genai_find_int(const tracei_genai_view *view, const char *key) {
    const trace_value *const value = tracei_genai_find(view, key);
    return value && value->type == TRACE_TYPE_INT && value->as.integer > 0 ? value->as.integer : 0;
}

/* Adds an attribute, unless the span has one of that key: what the program itself said stands. */
static void tracei_genai_add(tracei_genai_view *view, trace_string key, trace_value value) {
    trace_attribute attribute;
    size_t i;
    for (i = view->start; i < tracei_genai_work.list_count; i++)
        if (tracei_genai_work.list[i].key.size == key.size && memcmp(tracei_genai_work.list[i].key.data, key.data, key.size) == 0)
            return;
    attribute.key = key;
    attribute.value = value;
    (void)tracei_genai_append(&attribute, 1);
}

static trace_value tracei_genai_text_value(trace_string text, trace_type type) {
    trace_value value;
    memset(&value, 0, sizeof value);
    value.type = type;
    value.as.string = text;
    return value;
}

static trace_value tracei_genai_constant(const char *text) {
    return tracei_genai_text_value(tracei_string(text), TRACE_TYPE_STRING);
}

static trace_value tracei_genai_int_value(int64_t integer) {
    trace_value value;
    memset(&value, 0, sizeof value);
    value.type = TRACE_TYPE_INT;
    value.as.integer = integer;
    return value;
}

static trace_value tracei_genai_double_value(double number) {
    trace_value value;
    memset(&value, 0, sizeof value);
    value.type = TRACE_TYPE_DOUBLE;
    value.as.number = number;
    return value;
}

static trace_value tracei_genai_null(void) {
    trace_value value;
    memset(&value, 0, sizeof value);
    return value;
}

static bool tracei_genai_is_model(unsigned operation) {
    return operation >= TRACEI_GENAI_CHAT && operation <= TRACEI_GENAI_EMBEDDINGS;
}

/* --- JSON that is made up --- */

/* Room for a small object, from the store. */
static bool tracei_genai_object(tracei_text *out, size_t capacity) {
    memset(out, 0, sizeof *out);
    out->data = (char *)tracei_genai_bytes(capacity);
    if (!out->data) return false;
    out->capacity = capacity;
    tracei_text_char(out, '{');
    return true;
}

static void tracei_genai_member(tracei_text *out, const char *key) {
    if (out->size > 1) tracei_text_char(out, ',');
    tracei_text_char(out, '"');
    tracei_text_cstr(out, key);
    tracei_text_cstr(out, "\":");
}

static void tracei_genai_member_int(tracei_text *out, const char *key, int64_t value) {
    tracei_genai_member(out, key);
    tracei_text_i64(out, value);
}

static void tracei_genai_member_text(tracei_text *out, const char *key, trace_string value) {
    if (!value.size) return;
    tracei_genai_member(out, key);
    tracei_text_char(out, '"');
    tracei_text_json(out, value.data, value.size);
    tracei_text_char(out, '"');
}

static trace_value tracei_genai_closed(tracei_text *out) {
    trace_string text;
    const bool empty = out->size == 1;
    tracei_text_char(out, '}');
    if (out->full || empty) return tracei_genai_null();
    text.data = out->data;
    text.size = out->size;
    return tracei_genai_text_value(text, TRACE_TYPE_JSON);
}

/* Left out when there is no room for it and the end. */
static void tracei_genai_member_value(tracei_text *out, const char *key, const trace_value *value) {
    if (!value || tracei_json_value_size(value, true, 0) + strlen(key) + 5 > out->capacity - out->size) return;
    tracei_genai_member(out, key);
    out->size = (size_t)(tracei_put_json_value(out->data + out->size, value, 0) - out->data);
}

/* {"model":"gpt-4o","temperature":0.2,...} by the names of the request */
static trace_value tracei_genai_parameters(const tracei_genai_view *view) {
    static const char *const keys[] = {"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed",
                                       "max_tokens", "stream", "stop_sequences"};
    char key[64] = "gen_ai.request.";
    tracei_text out;
    size_t i;
    if (!tracei_genai_is_model(view->operation) || !tracei_genai_object(&out, 2048)) return tracei_genai_null();
    tracei_genai_member_text(&out, "model", tracei_genai_find_text(view, "gen_ai.request.model"));
    for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        memcpy(key + 15, keys[i], strlen(keys[i]) + 1);
        tracei_genai_member_value(&out, keys[i], tracei_genai_find(view, key));
    }
    return tracei_genai_closed(&out);
}

static trace_value tracei_genai_model(const tracei_genai_view *view) {
    tracei_text out;
    if (!tracei_genai_is_model(view->operation) || !tracei_genai_object(&out, 1024)) return tracei_genai_null();
    tracei_genai_member_text(&out, "name", tracei_genai_find_text(view, "gen_ai.request.model"));
    tracei_genai_member_text(&out, "provider_name", tracei_genai_find_text(view, "gen_ai.provider.name"));
    return tracei_genai_closed(&out);
}

/* Of counts that are not negative, which may be anything up to INT64_MAX. */
static int64_t tracei_genai_sum(int64_t a, int64_t b) {
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static int64_t tracei_genai_total(const trace_genai_usage *usage) {
    return usage->total_tokens ? usage->total_tokens : tracei_genai_sum(usage->input_tokens, usage->output_tokens);
}

static trace_value tracei_genai_usage_json(const tracei_genai_view *view, unsigned column) {
    const trace_genai_usage *const usage = &view->usage;
    tracei_text out;
    if (!view->has_usage || !tracei_genai_object(&out, 512)) return tracei_genai_null();
    if (1u << column == TRACE_GENAI_DIALECT_VLLORA) {
        tracei_genai_member_int(&out, "input_tokens", usage->input_tokens);
        tracei_genai_member_int(&out, "output_tokens", usage->output_tokens);
        tracei_genai_member_int(&out, "total_tokens", tracei_genai_total(usage));
        tracei_text_cstr(&out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
        tracei_text_i64(&out, usage->cache_read_tokens);
        tracei_text_cstr(&out, ",\"cache_creation_tokens\":");
        tracei_text_i64(&out, usage->cache_creation_tokens);
        tracei_text_cstr(&out, "},\"completion_tokens_details\":{\"reasoning_tokens\":");
        tracei_text_i64(&out, usage->reasoning_tokens);
        tracei_text_char(&out, '}');
    } else {
        const int64_t input =
            usage->input_tokens - tracei_genai_sum(usage->cache_read_tokens, usage->cache_creation_tokens);
        const int64_t output = usage->output_tokens - usage->reasoning_tokens;
        tracei_genai_member_int(&out, "input", input > 0 ? input : 0);
        tracei_genai_member_int(&out, "output", output > 0 ? output : 0);
        if (usage->cache_read_tokens) tracei_genai_member_int(&out, "input_cached_tokens", usage->cache_read_tokens);
        if (usage->cache_creation_tokens) tracei_genai_member_int(&out, "input_cache_creation", usage->cache_creation_tokens);
        if (usage->reasoning_tokens) tracei_genai_member_int(&out, "output_reasoning_tokens", usage->reasoning_tokens);
        tracei_genai_member_int(&out, "total", tracei_genai_total(usage));
    }
    return tracei_genai_closed(&out);
}

static trace_value tracei_genai_cost_json(const tracei_genai_view *view, unsigned column) {
    const trace_value *const cost = tracei_genai_find(view, "gen_ai.usage.cost");
    tracei_text out;
    if (!cost || cost->type != TRACE_TYPE_DOUBLE || !tracei_genai_object(&out, 64)) return tracei_genai_null();
    tracei_genai_member(&out, 1u << column == TRACE_GENAI_DIALECT_VLLORA ? "cost" : "total");
    tracei_text_double(&out, cost->as.number);
    return tracei_genai_closed(&out);
}

/* --- JSON that is read: messages as recorded above --- */

/* A string without its escapes, in the store. Lone surrogates become U+FFFD. */
static trace_string tracei_genai_unescaped(trace_string text) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char *const start = (char *)tracei_genai_bytes(text.size + 1), *at = start;
    const char *in = text.data, *const end = text.data + text.size;
    trace_string out;
    while (start && in < end) {
        const char *found;
        unsigned unit, low;
        if (*in != '\\') {
            *at++ = *in++;
            continue;
        }
        in++;
        if (*in != 'u') {
            found = strchr(from, *in);
            *at++ = found ? to[found - from] : *in;
            in++;
            continue;
        }
        (void)tracei_genai_hex(in + 1, &unit);
        in += 5;
        if (unit >= 0xd800 && unit < 0xdc00 && end - in >= 6 && in[0] == '\\' && in[1] == 'u' && tracei_genai_hex(in + 2, &low) &&
            low >= 0xdc00 && low < 0xe000) {
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            in += 6;
        } else if (unit >= 0xd800 && unit < 0xe000) {
            unit = 0xfffd;
        }
        if (unit < 0x80) {
            *at++ = (char)unit;
        } else if (unit < 0x800) {
            *at++ = (char)(0xc0 | unit >> 6);
            *at++ = (char)(0x80 | (unit & 0x3f));
        } else if (unit < 0x10000) {
            *at++ = (char)(0xe0 | unit >> 12);
            *at++ = (char)(0x80 | (unit >> 6 & 0x3f));
            *at++ = (char)(0x80 | (unit & 0x3f));
        } else {
            *at++ = (char)(0xf0 | unit >> 18);
            *at++ = (char)(0x80 | (unit >> 12 & 0x3f));
            *at++ = (char)(0x80 | (unit >> 6 & 0x3f));
            *at++ = (char)(0x80 | (unit & 0x3f));
        }
    }
    out.data = start ? start : "";
    out.size = start ? (size_t)(at - start) : 0;
    return out;
}

/* A value as text: a string's content, else the JSON as it stands. */
static bool tracei_genai_any(tracei_genai_json *json, trace_string *out) {
    trace_string inside;
    tracei_genai_space(json);
    if (json->at < json->end && *json->at == '"') {
        if (!tracei_genai_string(json, &inside)) return false;
        *out = memchr(inside.data, '\\', inside.size) ? tracei_genai_unescaped(inside) : inside;
        return true;
    }
    out->data = json->at;
    if (!tracei_genai_skip(json, 0)) return false;
    out->size = (size_t)(json->at - out->data);
    return true;
}

typedef struct tracei_genai_exploded {
    tracei_genai_view *view;
    const char *prefix;
    bool nested;                            /* OpenInference: PREFIX.N.message.role, ... */
    unsigned message, tool;
} tracei_genai_exploded;

/* PREFIX.3.[message.]NAME, PREFIX.3.[message.]tool_calls.0.NAME */
static void tracei_genai_add_field(tracei_genai_exploded *to, const char *tool_field, const char *field, trace_string value) {
    char buffer[128];
    tracei_text key;
    trace_string kept;
    if (!value.data) return;
    memset(&key, 0, sizeof key);
    key.data = buffer;
    key.capacity = sizeof buffer;
    tracei_text_cstr(&key, to->prefix);
    tracei_text_char(&key, '.');
    tracei_text_u64(&key, to->message);
    tracei_text_cstr(&key, to->nested ? ".message." : ".");
    if (tool_field) {
        tracei_text_cstr(&key, "tool_calls.");
        tracei_text_u64(&key, to->tool);
        tracei_text_char(&key, '.');
    }
    tracei_text_cstr(&key, tool_field ? tool_field : field);
    kept.size = key.size;
    kept.data = (const char *)tracei_genai_bytes(key.size);
    if (!kept.data || key.full) return;
    memcpy((char *)(uintptr_t)kept.data, buffer, key.size);
    tracei_genai_add(to->view, kept, tracei_genai_text_value(value, TRACE_TYPE_STRING));
}

typedef struct tracei_genai_fields {
    trace_string type, content, id, name, arguments, response, uri;
} tracei_genai_fields;

static bool tracei_genai_read_part(tracei_genai_json *json, tracei_genai_fields *part) {
    memset(part, 0, sizeof *part);
    if (!tracei_genai_next(json, '{')) return false;
    do {
        trace_string key, value;
        if (!tracei_genai_string(json, &key) || !tracei_genai_next(json, ':') || !tracei_genai_any(json, &value)) return false;
        if (tracei_is(key, "type")) part->type = value;
        if (tracei_is(key, "content")) part->content = value;
        if (tracei_is(key, "id")) part->id = value;
        if (tracei_is(key, "name")) part->name = value;
        if (tracei_is(key, "arguments")) part->arguments = value;
        if (tracei_is(key, "response")) part->response = value;
        if (tracei_is(key, "uri")) part->uri = value;
    } while (tracei_genai_next(json, ','));
    return tracei_genai_next(json, '}');
}

/* `content` gathers the texts, one below the other. */
static void tracei_genai_gather(trace_string *content, trace_string more) {
    char *joined;
    if (!more.data) return;
    if (!content->data) {
        *content = more;
        return;
    }
    joined = (char *)tracei_genai_bytes(content->size + 1 + more.size);
    if (!joined) return;
    memcpy(joined, content->data, content->size);
    joined[content->size] = '\n';
    memcpy(joined + content->size + 1, more.data, more.size);
    content->data = joined;
    content->size += 1 + more.size;
}

static bool tracei_genai_read_parts(tracei_genai_exploded *to, tracei_genai_json *json, trace_string *content) {
    tracei_genai_fields part;
    if (!tracei_genai_next(json, '[')) return false;
    if (tracei_genai_next(json, ']')) return true;
    do {
        if (!tracei_genai_read_part(json, &part)) return false;
        if (!to || tracei_is(part.type, "text")) tracei_genai_gather(content, part.content);
        if (!to) continue;
        if (tracei_is(part.type, "uri")) tracei_genai_gather(content, part.uri);
        if (tracei_is(part.type, "tool_call_response")) {
            tracei_genai_gather(content, part.response);
            tracei_genai_add_field(to, NULL, "tool_call_id", part.id);
        }
        if (tracei_is(part.type, "tool_call")) {
            tracei_genai_add_field(to, to->nested ? "tool_call.id" : "id", NULL, part.id);
            tracei_genai_add_field(to, to->nested ? "tool_call.function.name" : "name", NULL, part.name);
            tracei_genai_add_field(to, to->nested ? "tool_call.function.arguments" : "arguments", NULL, part.arguments);
            to->tool++;
        }
    } while (tracei_genai_next(json, ','));
    return tracei_genai_next(json, ']');
}

static bool tracei_genai_read_message(tracei_genai_exploded *to, tracei_genai_json *json) {
    trace_string content = {NULL, 0};
    to->tool = 0;
    if (!tracei_genai_next(json, '{')) return false;
    do {
        trace_string key, value;
        if (!tracei_genai_string(json, &key) || !tracei_genai_next(json, ':')) return false;
        if (tracei_is(key, "parts")) {
            if (!tracei_genai_read_parts(to, json, &content)) return false;
            continue;
        }
        if (!tracei_genai_any(json, &value)) return false;
        if (tracei_is(key, "role")) tracei_genai_add_field(to, NULL, "role", value);
        if (tracei_is(key, "name") && to->nested) tracei_genai_add_field(to, NULL, "name", value);
        if (tracei_is(key, "finish_reason") && !to->nested) tracei_genai_add_field(to, NULL, "finish_reason", value);
    } while (tracei_genai_next(json, ','));
    tracei_genai_add_field(to, NULL, "content", content);
    return tracei_genai_next(json, '}');
}

/* The instructions go first, as a message of the system. */
static void tracei_genai_explode(tracei_genai_view *view, const char *prefix, trace_string messages, bool is_input) {
    const trace_string instructions = tracei_genai_find_text(view, "gen_ai.system_instructions");
    tracei_genai_exploded to;
    tracei_genai_json json;
    memset(&to, 0, sizeof to);
    to.view = view;
    to.prefix = prefix;
    to.nested = strncmp(prefix, "llm.", 4) == 0;
    if (is_input && instructions.size) {
        trace_string content = {NULL, 0};
        json.at = instructions.data;
        json.end = instructions.data + instructions.size;
        if (tracei_genai_read_parts(NULL, &json, &content) && content.data) {
            tracei_genai_add_field(&to, NULL, "role", tracei_string("system"));
            tracei_genai_add_field(&to, NULL, "content", content);
            to.message++;
        }
    }
    json.at = messages.data;
    json.end = messages.data + messages.size;
    if (!tracei_genai_next(&json, '[') || tracei_genai_next(&json, ']')) return;
    do {
        if (!tracei_genai_read_message(&to, &json)) return;
        to.message++;
    } while (tracei_genai_next(&json, ','));
}

/* The text of the first output. */
static trace_value tracei_genai_output_text(const tracei_genai_view *view) {
    const trace_string messages = tracei_genai_find_text(view, "gen_ai.output.messages");
    tracei_genai_json json;
    trace_string content = {NULL, 0};
    json.at = messages.data;
    json.end = messages.data + messages.size;
    if (!tracei_genai_next(&json, '[') || !tracei_genai_next(&json, '{')) return tracei_genai_null();
    do {
        trace_string key, value;
        if (!tracei_genai_string(&json, &key) || !tracei_genai_next(&json, ':')) break;
        if (tracei_is(key, "parts") && tracei_genai_read_parts(NULL, &json, &content)) break;
        if (!tracei_genai_any(&json, &value)) break;
    } while (tracei_genai_next(&json, ','));
    return content.data ? tracei_genai_text_value(content, TRACE_TYPE_STRING) : tracei_genai_null();
}

/* --- rows --- */

static trace_value tracei_genai_kind_value(const tracei_genai_view *view, unsigned column) {
    const char *kind = tracei_genai_kinds[view->operation][column];
    if (1u << column == TRACE_GENAI_DIALECT_AI_SDK && view->is_stream && tracei_genai_is_model(view->operation))
        kind = "ai.streamText.doStream";
    return kind ? tracei_genai_constant(kind) : tracei_genai_null();
}

/* The value of a source in parentheses, for a column. */
static trace_value tracei_genai_made_up(const tracei_genai_view *view, const char *source, unsigned column) {
    const bool is_error = view->span->status == TRACE_STATUS_ERROR;
    if (strcmp(source, "(kind)") == 0) return tracei_genai_kind_value(view, column);
    if (strcmp(source, "(level)") == 0) return is_error ? tracei_genai_constant("ERROR") : tracei_genai_null();
    if (strcmp(source, "(status)") == 0) {
        if (!is_error || !view->span->status_message.size) return tracei_genai_null();
        return tracei_genai_text_value(view->span->status_message, TRACE_TYPE_STRING);
    }
    if (strcmp(source, "(tenant)") == 0) return tracei_genai_constant("default");
    if (strcmp(source, "(parameters)") == 0) return tracei_genai_parameters(view);
    if (strcmp(source, "(model)") == 0) return tracei_genai_model(view);
    if (strcmp(source, "(usage)") == 0) return tracei_genai_usage_json(view, column);
    if (strcmp(source, "(cost)") == 0) return tracei_genai_cost_json(view, column);
    if (strcmp(source, "(text)") == 0)
        return tracei_genai_is_model(view->operation) ? tracei_genai_output_text(view) : tracei_genai_null();
    return view->has_usage ? tracei_genai_int_value(tracei_genai_total(&view->usage)) : tracei_genai_null(); /* (total) */
}

static trace_value tracei_genai_since(const tracei_genai_view *view, double seconds) {
    char *const time = (char *)tracei_genai_bytes(TRACEI_TIME_SIZE + 1);
    if (!time) return tracei_genai_null();
    tracei_put_time(time, view->span->start_unix_ns + (uint64_t)(seconds * 1e9));
    return tracei_genai_constant(time);
}

static void tracei_genai_put_cell(tracei_genai_view *view, const tracei_genai_cell *cell, const trace_value *source) {
    const bool is_time = source->type == TRACE_TYPE_DOUBLE && source->as.number >= 0 && source->as.number < 1e9;
    const double seconds = is_time ? source->as.number : 0;   /* a program may have set anything by that name */
    const bool is_text = source->type == TRACE_TYPE_STRING || source->type == TRACE_TYPE_JSON;
    trace_value value = *source;
    switch (cell->how) {
    case TRACEI_GENAI_EXPLODE:
        if (tracei_genai_is_model(view->operation) && is_text)
            tracei_genai_explode(view, cell->name, value.as.string,
                                 strcmp(cell->name, "gen_ai.completion") != 0 && strcmp(cell->name, "llm.output_messages") != 0);
        return;
    case TRACEI_GENAI_OF_MODEL:
        if (!tracei_genai_is_model(view->operation)) return;
        break;
    case TRACEI_GENAI_OF_OTHERS:
        if (tracei_genai_is_model(view->operation)) return;
        break;
    case TRACEI_GENAI_FIRST:
        if (value.type != TRACE_TYPE_ARRAY || !value.as.array.count) return;
        value = value.as.array.items[0];
        break;
    case TRACEI_GENAI_MS: value = tracei_genai_double_value(seconds * 1e3); break;
    case TRACEI_GENAI_US: value = tracei_genai_int_value((int64_t)(seconds * 1e6)); break;
    case TRACEI_GENAI_SINCE: value = tracei_genai_since(view, seconds); break;
    case TRACEI_GENAI_MIME:
        value = tracei_genai_constant(source->type == TRACE_TYPE_JSON ? "application/json" : "text/plain");
        break;
    case TRACEI_GENAI_SAME: break;
    }
    if (value.type != TRACE_TYPE_NULL) tracei_genai_add(view, tracei_string(cell->name), value);
}

static void tracei_genai_put_rows(tracei_genai_view *view, uint32_t dialects) {
    const char *source = "";
    size_t i;
    unsigned column;
    for (i = 0; i < sizeof tracei_genai_rows / sizeof tracei_genai_rows[0]; i++) {
        const tracei_genai_row *const row = &tracei_genai_rows[i];
        if (row->source) source = row->source;
        for (column = 0; column < TRACEI_GENAI_COLUMNS; column++) {
            const trace_value *found;
            trace_value value;
            if (!(dialects >> column & 1) || !row->cells[column].name) continue;
            if (*source == '(') {
                value = tracei_genai_made_up(view, source, column);
            } else {
                found = tracei_genai_find(view, source);
                if (!found) break;
                value = *found; /* the list may move */
            }
            if (value.type != TRACE_TYPE_NULL) tracei_genai_put_cell(view, &row->cells[column], &value);
        }
    }
}

/* >>measures ------------------------------------------------------------------------------------------------------

   What model calls say, as families of trace_metrics.h: one span is one record in each. They are registered when the first
   batch comes, so that a process without model calls shows empty families only once metrics are on. */

#ifdef TRACE_GENAI_METRICS

static tracei_metrics_family tracei_genai_requests, tracei_genai_tokens, tracei_genai_durations, tracei_genai_costs,
    tracei_genai_token_usage, tracei_genai_operation_duration;

static void tracei_genai_family(tracei_metrics_family *family, tracei_metrics_type type, const char *name, const char *unit,
                                const char *help, const char *const *keys, uint32_t key_count) {
    static const double seconds[] = {0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92};
    static const double tokens[] = {1,     4,      16,      64,      256,      1024,    4096,
                                    16384, 65536,  262144,  1048576, 4194304,  16777216, 67108864};
    static const double dollars[] = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30};
    tracei_metrics_info info;
    memset(&info, 0, sizeof info);
    info.name = name;
    info.unit = unit;
    info.help = help;
    info.type = type;
    info.keys = keys;
    info.key_count = key_count;
    info.max_series = 500;
    if (type == TRACEI_METRICS_HISTOGRAM) {
        info.bounds = *unit == 's' ? seconds : *unit == '{' ? tokens : dollars;
        info.bound_count = *unit == 's' || *unit == '{' ? 14 : 12;
        info.exemplars = true;
    }
    tracei_metrics_register(family, &info);
}

static void tracei_genai_register_families(void) {
    static const char *const by_status[] = {"provider", "model", "status"}, *const by_type[] = {"provider", "model", "type"};
    static const char *const usage[] = {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
                                        "gen_ai.response.model", "gen_ai.token.type"};
    static const char *const duration[] = {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model",
                                           "gen_ai.response.model", "error.type"};
    static uint32_t done;
    if (!tracei_first_time(&done)) return;
    tracei_genai_family(&tracei_genai_requests, TRACEI_METRICS_COUNTER, "ai.llm.requests", "{request}", "Model calls that ended.",
                        by_status, 3);
    tracei_genai_family(&tracei_genai_tokens, TRACEI_METRICS_COUNTER, "ai.llm.tokens", "{token}", "Tokens of model calls.",
                        by_type, 3);
    tracei_genai_family(&tracei_genai_durations, TRACEI_METRICS_HISTOGRAM, "ai.llm.duration", "s", "How long model calls took.",
                        by_status, 2);
    tracei_genai_family(&tracei_genai_costs, TRACEI_METRICS_HISTOGRAM, "ai.llm.cost.dollars", "", "What model calls cost.",
                        by_status, 2);
    tracei_genai_family(&tracei_genai_token_usage, TRACEI_METRICS_HISTOGRAM, "gen_ai.client.token.usage", "{token}",
                        "Number of input and output tokens used.", usage, 5);
    tracei_genai_family(&tracei_genai_operation_duration, TRACEI_METRICS_HISTOGRAM, "gen_ai.client.operation.duration", "s",
                        "GenAI operation duration.", duration, 5);
}

static trace_string tracei_genai_label_of(const trace_span_data *span, const char *key) {
    const trace_value *const value = tracei_genai_find_in(span->attributes, span->attribute_count, key);
    trace_string none;
    none.data = "";
    none.size = 0;
    return value && value->type == TRACE_TYPE_STRING ? value->as.string : none;
}

static void tracei_genai_measure_tokens(const trace_span_data *span, const trace_string *by, const trace_string *model_names) {
    static const struct {
        const char *key, *type;
        bool in_convention;                 /* its gen_ai.token.type knows input and output */
    } kinds[] = {{"gen_ai.usage.input_tokens", "input", true},
                 {"gen_ai.usage.output_tokens", "output", true},
                 {"gen_ai.usage.cache_read.input_tokens", "cache_read", false},
                 {"gen_ai.usage.cache_creation.input_tokens", "cache_creation", false},
                 {"gen_ai.usage.reasoning.output_tokens", "reasoning", false}};
    trace_string labels[3], usage[5];
    size_t i;
    labels[0] = by[0];
    labels[1] = by[1];
    memcpy((void *)usage, (const void *)model_names, 4 * sizeof *usage);
    for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const trace_value *const count = tracei_genai_find_in(span->attributes, span->attribute_count, kinds[i].key);
        if (!count || count->type != TRACE_TYPE_INT || count->as.integer < 0) continue;
        labels[2] = usage[4] = tracei_string(kinds[i].type);
        tracei_metrics_record(&tracei_genai_tokens, labels, (double)count->as.integer, NULL);
        if (kinds[i].in_convention)
            tracei_metrics_record(&tracei_genai_token_usage, usage, (double)count->as.integer, span);
    }
}

static void tracei_genai_measure_span(const trace_span_data *span) {
    const double seconds = (double)(span->end_unix_ns - span->start_unix_ns) / 1e9;
    const trace_value *const cost = tracei_genai_find_in(span->attributes, span->attribute_count, "gen_ai.usage.cost");
    const bool is_error = span->status == TRACE_STATUS_ERROR;
    trace_string by[3], names[5];
    by[0] = names[1] = tracei_genai_label_of(span, "gen_ai.provider.name");
    by[1] = names[2] = tracei_genai_label_of(span, "gen_ai.request.model");
    by[2] = tracei_string(is_error ? "error" : "ok");
    names[0] = tracei_genai_label_of(span, "gen_ai.operation.name");
    names[3] = tracei_genai_label_of(span, "gen_ai.response.model");
    names[4] = tracei_genai_label_of(span, "error.type");
    if (is_error && !names[4].size) names[4] = tracei_string("_OTHER");
    tracei_metrics_record(&tracei_genai_requests, by, 1, NULL);
    tracei_metrics_record(&tracei_genai_durations, by, seconds, span);
    tracei_metrics_record(&tracei_genai_operation_duration, names, seconds, span);
    if (cost && cost->type == TRACE_TYPE_DOUBLE) tracei_metrics_record(&tracei_genai_costs, by, cost->as.number, span);
    tracei_genai_measure_tokens(span, by, names);
}

static unsigned tracei_genai_operation_from(const trace_span_data *span);

static void tracei_genai_measure(const trace_exporter *exporter, const trace_batch *batch) {
    size_t i;
    if (exporter->export_fn != tracei_metrics_export) return;
    tracei_genai_register_families();
    for (i = 0; i < batch->span_count; i++)
        if (tracei_genai_is_model(tracei_genai_operation_from(&batch->spans[i]))) tracei_genai_measure_span(&batch->spans[i]);
}

#else

static void tracei_genai_measure(const trace_exporter *exporter, const trace_batch *batch) {
    (void)exporter, (void)batch;
}

#endif

/* >>filter --------------------------------------------------------------------------------------------------------

   Between the pass and each exporter. What an exporter is to be told is settled by its name, which is the preset's where a preset
   made it. */

static uint32_t tracei_genai_dialects_of(const tracei_genai_settings *settings, const trace_exporter *exporter) {
    static const struct {
        const char *name;
        uint32_t dialect;
    } backends[] = {{"langsmith", TRACE_GENAI_DIALECT_LANGSMITH},   {"agentops", TRACE_GENAI_DIALECT_AGENTOPS},
                    {"vllora", TRACE_GENAI_DIALECT_VLLORA},         {"phoenix", TRACE_GENAI_DIALECT_OPENINFERENCE},
                    {"langfuse", TRACE_GENAI_DIALECT_LANGFUSE}};
    size_t i;
    for (i = 0; i < sizeof backends / sizeof backends[0]; i++)
        if (strcmp(exporter->name, backends[i].name) == 0) return backends[i].dialect | settings->options.dialects;
    return strcmp(exporter->name, "console") == 0 ? 0 : settings->options.dialects;
}

/* TRACEI_GENAI_OPERATIONS: no span of ours. */
static unsigned tracei_genai_operation_from(const trace_span_data *span) {
    const trace_value *const value = tracei_genai_find_in(span->attributes, span->attribute_count, "gen_ai.operation.name");
    unsigned i;
    if (!value || value->type != TRACE_TYPE_STRING) return TRACEI_GENAI_OPERATIONS;
    for (i = 0; i < TRACEI_GENAI_OPERATIONS && !tracei_is(value->as.string, tracei_genai_operation_of(i)->name); i++) {}
    return i;
}

static void tracei_genai_read_usage(tracei_genai_view *view) {
    const trace_value *const stream = tracei_genai_find(view, "gen_ai.request.stream");
    view->has_usage =
        tracei_genai_find(view, "gen_ai.usage.input_tokens") || tracei_genai_find(view, "gen_ai.usage.output_tokens");
    view->usage.input_tokens = tracei_genai_find_int(view, "gen_ai.usage.input_tokens");
    view->usage.output_tokens = tracei_genai_find_int(view, "gen_ai.usage.output_tokens");
    view->usage.cache_read_tokens = tracei_genai_find_int(view, "gen_ai.usage.cache_read.input_tokens");
    view->usage.cache_creation_tokens = tracei_genai_find_int(view, "gen_ai.usage.cache_creation.input_tokens");
    view->usage.reasoning_tokens = tracei_genai_find_int(view, "gen_ai.usage.reasoning.output_tokens");
    view->usage.total_tokens = tracei_genai_find_int(view, "gen_ai.usage.total_tokens");
    view->is_stream = stream && stream->type == TRACE_TYPE_BOOL && stream->as.boolean;
}

/* gen_ai.usage.cost by the table, when the caller did not say: by the model that answered, else by the one that was asked. */
static void tracei_genai_put_cost(tracei_genai_view *view) {
    const trace_string provider = tracei_genai_find_text(view, "gen_ai.provider.name");
    trace_string model = tracei_genai_find_text(view, "gen_ai.response.model");
    double cost = -1;
    if (!view->settings->price_count || !view->has_usage || !tracei_genai_is_model(view->operation)) return;
    if (model.size) cost = tracei_genai_cost(view->settings, provider, model, &view->usage);
    model = tracei_genai_find_text(view, "gen_ai.request.model");
    if (cost < 0 && model.size) cost = tracei_genai_cost(view->settings, provider, model, &view->usage);
    if (cost >= 0) tracei_genai_add(view, tracei_string("gen_ai.usage.cost"), tracei_genai_double_value(cost));
}

/* `span` is the copy that will be exported; its list is finished when this returns. One that is none of ours has the tenant,
   without which vLLora would have holes in the trace. */
static void tracei_genai_translate(const tracei_genai_settings *settings, trace_span_data *span, unsigned operation,
                                   uint32_t dialects) {
    tracei_genai_view view;
    memset(&view, 0, sizeof view);
    view.settings = settings;
    view.span = span;
    view.operation = operation;
    view.start = tracei_genai_work.list_count;
    if (!tracei_genai_append(span->attributes, span->attribute_count)) return;
    if (operation == TRACEI_GENAI_OPERATIONS) {
        tracei_genai_add(&view, tracei_string("vllora.tenant"), tracei_genai_constant("default"));
        span->attribute_count = tracei_genai_work.list_count - view.start;
        return;
    }
    tracei_genai_read_usage(&view);
    tracei_genai_put_cost(&view);
    tracei_genai_put_rows(&view, dialects);
    if (dialects & TRACE_GENAI_DIALECT_VLLORA) {
        const char *const name = tracei_genai_kinds[operation][2];
        const trace_string provider = tracei_genai_find_text(&view, "gen_ai.provider.name");
        if (name)
            span->name = tracei_string(name);
        else if (provider.size)
            span->name = provider;
    }
    span->attribute_count = tracei_genai_work.list_count - view.start;
}

static void tracei_genai_reset(void) {
    tracei_genai_block *block;
    for (block = tracei_genai_work.first; block; block = block->next) block->used = sizeof *block;
    tracei_genai_work.now = tracei_genai_work.first;
    tracei_genai_work.list_count = 0;
    tracei_genai_work.failed = false;
}

static bool tracei_genai_copy_spans(const trace_batch *batch) {
    tracei_genai_store *const store = &tracei_genai_work;
    if (batch->span_count > store->span_capacity) {
        trace_span_data *const old = store->spans, *spans;
        const size_t before = store->span_capacity;
        size_t wanted = batch->span_count;
        spans = (trace_span_data *)tracei_genai_grown(old, before, &wanted, sizeof *spans);
        if (!spans) return false;
        TRACEI_STORE_RELEASE(&store->spans, spans);
        TRACEI_STORE_RELEASE(&store->span_capacity, wanted);
        tracei_free(old, before * sizeof *spans);
    }
    memcpy((void *)store->spans, (const void *)batch->spans, batch->span_count * sizeof *batch->spans);
    return true;
}

/* The batch as this exporter should see it, in *out; false: as it is. */
static bool tracei_genai_rewrite(const tracei_genai_settings *settings, const trace_batch *batch, uint32_t dialects,
                                 trace_batch *out) {
    tracei_genai_store *const store = &tracei_genai_work;
    bool any = false;
    size_t i;
    for (i = 0; i < batch->span_count; i++) {
        const unsigned operation = tracei_genai_operation_from(&batch->spans[i]);
        if (operation == TRACEI_GENAI_OPERATIONS && !(dialects & TRACE_GENAI_DIALECT_VLLORA)) continue;
        if (!any) {
            tracei_genai_reset();
            if (!tracei_genai_copy_spans(batch)) return false;
            any = true;
        }
        tracei_genai_translate(settings, &store->spans[i], operation, dialects);
        if (store->failed) return false;
        store->spans[i].attributes = NULL; /* found again below, from the counts: in the order of the spans */
    }
    if (!any) return false;
    for (i = 0, store->list_count = 0; i < batch->span_count; i++) {
        if (store->spans[i].attributes || !store->spans[i].attribute_count) continue;
        store->spans[i].attributes = store->list + store->list_count;
        store->list_count += store->spans[i].attribute_count;
    }
    *out = *batch;
    out->spans = store->spans;
    if (batch->root >= batch->spans && batch->root < batch->spans + batch->span_count)
        out->root = store->spans + (batch->root - batch->spans);
    return true;
}

static trace_result tracei_genai_export(const trace_exporter *exporter, const trace_batch *batch) {
    static uint32_t said;
    const tracei_genai_settings *const settings = TRACEI_LOAD_ACQUIRE(&tracei_genai_settings_now);
    const uint32_t dialects = tracei_genai_dialects_of(settings, exporter);
    trace_batch rewritten;
    if (dialects || settings->price_count) {
        if (tracei_genai_rewrite(settings, batch, dialects, &rewritten)) {
            tracei_genai_measure(exporter, &rewritten);
            return exporter->export_fn(exporter->user, &rewritten);
        }
        if (tracei_genai_work.failed && tracei_first_time(&said))
            tracei_log(TRACE_LOG_LEVEL_WARNING,
                       "genai: no memory to translate a batch for %s: it has gen_ai.* names only; said once", exporter->name);
    }
    tracei_genai_measure(exporter, batch);
    return exporter->export_fn(exporter->user, batch);
}

static void tracei_genai_install(void) {
    TRACEI_STORE(&tracei_export_filter, &tracei_genai_export); /* the worker may be reading it */
    TRACEI_STORE(&tracei_baggage_more, (const char *)"vllora.*");
}

#if TRACEI_GNU && !TRACE_CONFIG_SINGLE_THREADED
/* Beside the implementation, the backends' names need no call. */
__attribute__((constructor)) static void tracei_genai_register(void) {
    tracei_genai_install();
}
#endif

#ifdef __cplusplus
} /* extern "C" */
#endif

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_GENAI_SCRATCH
#undef TRACEI_GENAI_CONTENT_BYTES
#undef TRACEI_GENAI_CONTENT_MIN
#undef TRACEI_GENAI_DEPTH_MAX
#undef TRACEI_GENAI_LABEL_MAX
#undef TRACEI_GENAI_FRAME
#undef TRACEI_GENAI_MARK
#undef TRACEI_NONE
#undef TRACEI_AS
#undef TRACEI_HOW
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
