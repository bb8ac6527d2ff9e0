/* also: plain c++ */
/* test_genai.c - spans of model calls, agents and tools: what is recorded, what each backend is told, and what never leaves
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "test.h"

#define TRACE_IMPLEMENTATION
#include "../trace_genai.h"

#include "ledger.h"

/* --- an exporter that writes down what it is told, under any name --- */

typedef struct note {
    char text[262144];
    size_t size;
    uint32_t spans;
} note;

static note notes[3];

static void note_put(note *self, const char *bytes, size_t size) {
    if (size > sizeof self->text - 1 - self->size) size = sizeof self->text - 1 - self->size;
    memcpy(self->text + self->size, bytes, size);
    self->size += size;
    self->text[self->size] = '\0';
}

static void note_value(note *self, const trace_value *value) {
    char digits[40];
    size_t i;
    switch (value->type) {
    case TRACE_TYPE_STRING:
        note_put(self, "'", 1);
        note_put(self, value->as.string.data, value->as.string.size);
        note_put(self, "'", 1);
        break;
    case TRACE_TYPE_JSON: note_put(self, value->as.string.data, value->as.string.size); break;
    case TRACE_TYPE_INT: note_put(self, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, value->as.integer)); break;
    case TRACE_TYPE_DOUBLE: note_put(self, digits, (size_t)snprintf(digits, sizeof digits, "%.12gd", value->as.number)); break;
    case TRACE_TYPE_BOOL: note_put(self, value->as.boolean ? "true" : "false", value->as.boolean ? 4 : 5); break;
    case TRACE_TYPE_ARRAY:
        for (i = 0; i < value->as.array.count; i++) {
            note_put(self, i ? ", " : "[", i ? 2 : 1);
            note_value(self, &value->as.array.items[i]);
        }
        note_put(self, "]", 1);
        break;
    default: note_put(self, "null", 4); break;
    }
}

/* "name (kind) status" and a line for each attribute. */
static trace_result note_export(void *user, const trace_batch *batch) {
    static const char *const kinds[] = {"", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"};
    note *const self = (note *)user;
    size_t i, j;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        note_put(self, span->name.data, span->name.size);
        note_put(self, " ", 1);
        note_put(self, kinds[span->kind], strlen(kinds[span->kind]));
        note_put(self, span->status == TRACE_STATUS_ERROR ? " ERROR\n" : "\n", span->status == TRACE_STATUS_ERROR ? 7 : 1);
        for (j = 0; j < span->attribute_count; j++) {
            note_put(self, "    ", 4);
            note_put(self, span->attributes[j].key.data, span->attributes[j].key.size);
            note_put(self, " = ", 3);
            note_value(self, &span->attributes[j].value);
            note_put(self, "\n", 1);
        }
        self->spans++;
    }
    return TRACE_RESULT_OK;
}

static trace_exporter note_exporter(note *self, const char *name) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = name;
    exporter.export_fn = note_export;
    exporter.user = self;
    return exporter;
}

static char logged[4096];
static void keep_log(void *user, trace_log_level level, const char *message) {
    const size_t used = strlen(logged);
    (void)user, (void)level;
    snprintf(logged + used, sizeof logged - used, "%s\n", message);
}

static trace_genai_options some_options(void) {
    trace_genai_options options;
    memset(&options, 0, sizeof options);
    return options;
}

/* Starts with exporters of these names (NULL: one less) and options. */
static bool begin(const char *first, const char *second, const trace_genai_options *options) {
    trace_config config = ledger_config(note_exporter(&notes[0], first));
    if (second) config.exporters[1] = note_exporter(&notes[1], second);
    config.logger.log_fn = keep_log;
    config.ring_bytes = 4u << 20;
    return CHECK_INT(trace_init(&config), TRACE_RESULT_OK) && CHECK_INT(trace_genai_init(options), TRACE_RESULT_OK);
}

static const char *flushed(void) {
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    return notes[0].text;
}

/* The text of the last exporter's attribute; "" when there is none. */
static const char *value_in(const note *from, const char *key) {
    static char value[262144];
    char line[128];
    const char *at, *end;
    snprintf(line, sizeof line, "    %s = ", key);
    at = strstr(from->text, line);
    if (!at) return "";
    at += strlen(line);
    end = strchr(at, '\n');
    memcpy(value, at, (size_t)(end - at));
    value[end - at] = '\0';
    return value;
}

static trace_genai_message message_of(const char *role, const char *content) {
    trace_genai_message message;
    memset(&message, 0, sizeof message);
    message.role = role;
    message.content = content;
    return message;
}

static trace_genai_usage usage_of(int64_t input, int64_t output) {
    trace_genai_usage usage;
    memset(&usage, 0, sizeof usage);
    usage.input_tokens = input;
    usage.output_tokens = output;
    return usage;
}

/* One of everything: a run of an agent that calls a model, which calls a tool. */
static void record_everything(void) {
    static const char *const stops[] = {"END", "\n\n"};
    trace_genai_identity identity;
    trace_genai_request request;
    trace_genai_response response;
    trace_genai_usage usage = usage_of(120, 45);
    trace_genai_stream stream;
    trace_genai_tool_call call;
    trace_genai_message input[3], output[1];
    trace_genai_part parts[2];
    memset(&identity, 0, sizeof identity);
    memset(&request, 0, sizeof request);
    memset(&response, 0, sizeof response);
    memset(&stream, 0, sizeof stream);
    memset(&call, 0, sizeof call);
    memset(parts, 0, sizeof parts);
    identity.run_id = "run-7";
    identity.thread_id = "thread-9";
    identity.label = "nightly";
    identity.user_id = "ada";
    request.temperature = trace_genai_double(0.0);
    request.top_p = trace_genai_double(0.9);
    request.seed = trace_genai_int(0);
    request.max_tokens = 512;
    request.stream = true;
    request.stop_sequences = stops;
    request.stop_sequence_count = 2;
    request.server_address = "api.example";
    request.server_port = 443;
    response.id = "chatcmpl-1";
    response.model = "gpt-4o-2024-08-06";
    response.finish_reasons[0] = "tool_calls";
    usage.cache_read_tokens = 100;
    usage.reasoning_tokens = 5;
    stream.first_ns = 250000000;
    stream.last_ns = 1250000000;
    stream.shortest_ns = 10000000;
    stream.longest_ns = 400000000;
    stream.chunk_count = 11;
    input[0] = message_of("system", "You are \"brief\".");
    input[1] = message_of("user", "Weather in Zürich?\n");
    input[2] = message_of("tool", NULL);
    parts[0].type = TRACE_GENAI_PART_TOOL_CALL;
    parts[0].id = "call_1";
    parts[0].name = "weather";
    parts[0].text = "{\"city\": \"Z\\u00fcrich\"}";
    parts[1].type = TRACE_GENAI_PART_TOOL_CALL_RESPONSE;
    parts[1].id = "call_0";
    parts[1].text = "rainy, 14 \xc2\xb0" "C";
    input[2].parts = &parts[1];
    input[2].part_count = 1;
    output[0] = message_of("assistant", "Let me look.");
    output[0].parts = &parts[0];
    output[0].part_count = 1;
    output[0].finish_reason = "tool_call";
    call.id = "call_1";
    call.type = "function";
    call.description = "Looks out of the window";
    call.arguments = parts[0].text;
    call.result = "14";
    TRACE_WITH(trace_genai_identify(trace_context_current(), &identity)) {
        const trace_span run = trace_genai_start_run("report", NULL), agent = trace_genai_start_agent("planner", NULL);
        const trace_span chat = trace_genai_start_chat("openai", "gpt-4o", NULL);
        trace_span tool;
        trace_genai_set_request(chat, &request);
        trace_genai_set_instructions(chat, "Be kind.", 0);
        trace_genai_set_input(chat, input, 3);
        trace_genai_set_tool_definitions(chat, "[{\"type\":\"function\"}]", 0);
        trace_genai_set_output(chat, output, 1);
        trace_genai_set_response(chat, &response);
        trace_genai_set_usage(chat, &usage);
        trace_genai_set_stream(chat, &stream);
        trace_genai_set_retries_left(chat, 2);
        trace_span_end(chat);
        tool = trace_genai_start_tool("weather", NULL);
        trace_genai_set_tool_call(tool, &call);
        trace_span_record_error(tool, "Timeout", "no window");
        trace_span_end(tool);
        trace_genai_set_input(agent, input + 1, 1);
        trace_genai_set_output(agent, output, 1);
        trace_span_end(agent);
        trace_span_end(run);
    }
}

static const char prices[] = "# provider model input output cache_read\n\nopenai gpt-4o* 2.5 10 1.25  # as of then\n* * 1 1\n";

/* --- names, kinds, nesting --- */

ISOLATED(spans_have_the_names_and_kinds_of_the_conventions) {
    trace_span_options options;
    memset(&options, 0, sizeof options);
    options.kind = TRACE_KIND_CLIENT;
    if (!begin("one", NULL, NULL)) return;
    trace_span_end(trace_genai_start_run("report", NULL));
    trace_span_end(trace_genai_start_agent("planner", NULL));
    trace_span_end(trace_genai_start_agent("far", &options));
    trace_span_end(trace_genai_start_task("collect", NULL));
    trace_span_end(trace_genai_start_thread("thread-1", NULL));
    trace_span_end(trace_genai_start_chat("openai", "gpt-4o", NULL));
    trace_span_end(trace_genai_start_completion("openai", "davinci", NULL));
    trace_span_end(trace_genai_start_generate("gcp.gemini", "gemini-2", NULL));
    trace_span_end(trace_genai_start_embeddings("cohere", "embed-3", NULL));
    trace_span_end(trace_genai_start_provider("openai", NULL));
    trace_span_end(trace_genai_start_tool("weather", NULL));
    trace_span_end(trace_genai_start_retrieval("docs", NULL));
    trace_span_end(trace_genai_start_chat(NULL, NULL, NULL));
    trace_span_end(trace_genai_start_chat("", "", NULL));
    flushed();
    TEST_GOLDEN("genai_spans.txt", notes[0].text, notes[0].size);
    CHECK_LEDGER();
}

ISOLATED(long_names_are_cut_in_the_span_name_only) {
    char model[600];
    if (!begin("one", NULL, NULL)) return;
    memset(model, 'm', sizeof model - 1);
    memcpy(model + 198, "\xe2\x82\xac", 3);        /* where the cut would fall */
    model[sizeof model - 1] = '\0';
    trace_span_end(trace_genai_start_chat("openai", model, NULL));
    flushed();
    CHECK_UINT(strchr(notes[0].text, '\n') - notes[0].text, strlen("chat ") + 198 + strlen(" CLIENT"));
    CHECK_UINT(strlen(value_in(&notes[0], "gen_ai.request.model")), sizeof model - 1 + 2);
}

static void agents(int depth) {
    char name[24];
    snprintf(name, sizeof name, "agent-%d", depth);
    TRACE_GENAI_AGENT(name) {
        if (depth < 31) agents(depth + 1);
        else TRACE_GENAI_CHAT("openai", "gpt-4o") {}
    }
}

ISOLATED(agents_nest_as_the_caller_nests_them) {
    static uint64_t memory[16384];
    trace_span_data spans[64];
    const trace_exporter exporter = trace_memory_exporter(memory, sizeof memory);
    trace_config config = ledger_config(exporter);
    size_t i, count;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    agents(0);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    count = trace_memory_get(&exporter, spans, 64);
    if (!CHECK_UINT(count, 33)) return;
    for (i = 0; i + 1 < count; i++) CHECK_MEM(spans[i].parent_span_id, spans[i + 1].span_id, 8);    /* inner ones end first */
    CHECK_TEXT(spans[0].name.data, spans[0].name.size, "chat gpt-4o");
    CHECK_TEXT(spans[1].name.data, spans[1].name.size, "invoke_agent agent-31");
    CHECK_TEXT(spans[32].name.data, spans[32].name.size, "invoke_agent agent-0");
    CHECK(spans[32].is_local_root);
    CHECK_LEDGER();
}

static int leaves_early(int how) {
    for (;;) {
        TRACE_GENAI_RUN("early") {
            TRACE_GENAI_TOOL("breaks") {
                if (how == 0) break;
            }
            if (how == 1) return 1;
        }
        return 0;
    }
}

ISOLATED(blocks_end_their_spans_on_every_way_out) {
    trace_stats stats;
    if (!begin("one", NULL, NULL)) return;
    CHECK_INT(leaves_early(0), 0);
    CHECK_INT(leaves_early(1), 1);
    TRACE_GENAI_TASK("t") TRACE_GENAI_THREAD("id") TRACE_GENAI_COMPLETION("p", "m") TRACE_GENAI_GENERATE("p", "m")
        TRACE_GENAI_EMBEDDINGS("p", "m") TRACE_GENAI_PROVIDER("p") TRACE_GENAI_RETRIEVAL("s") {}
    CHECK_HAS(flushed(), "retrieval s CLIENT\n");
    CHECK_HAS(notes[0].text, "provider p CLIENT\n    gen_ai.operation.name = 'provider'\n    gen_ai.provider.name = 'p'\n");
    trace_get_stats(&stats);
    CHECK_UINT(stats.open, 0);
    CHECK_UINT(stats.abandoned, 0);
    CHECK_UINT(notes[0].spans, 11);
    CHECK_LEDGER();
}

static trace_decision only_gpt(void *user, const trace_sampler_input *input, trace_sampler_output *output) {
    size_t i;
    (void)user, (void)output;
    for (i = 0; i < input->attribute_count; i++)
        if (input->attributes[i].key.size == 20 && memcmp(input->attributes[i].key.data, "gen_ai.request.model", 20) == 0)
            return input->attributes[i].value.as.string.size == 3 ? TRACE_DECISION_SAMPLE : TRACE_DECISION_DROP;
    return TRACE_DECISION_DROP;
}

ISOLATED(samplers_see_the_model_and_what_the_caller_gave) {
    trace_config config = ledger_config(note_exporter(&notes[0], "one"));
    trace_attribute given[20];
    trace_span_options options;
    int i;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    for (i = 0; i < 20; i++) given[i] = TRACE_ATTR_INT(i == 19 ? "last" : "given", i);
    options.attributes = given;
    options.attribute_count = 20;
    config.sampler.sample_fn = only_gpt;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    trace_span_end(trace_genai_start_chat("openai", "gpt", &options));
    trace_span_end(trace_genai_start_chat("openai", "other", NULL));
    CHECK_HAS(flushed(), "chat gpt CLIENT\n");
    CHECK_HAS_NOT(notes[0].text, "other");
    CHECK_STR(value_in(&notes[0], "given"), "18");
    CHECK_STR(value_in(&notes[0], "last"), "19");
    CHECK_LEDGER();
}

ISOLATED(an_identity_travels_and_a_named_conversation_stands) {
    trace_genai_identity identity;
    trace_context context;
    char long_id[400];
    memset(&identity, 0, sizeof identity);
    identity.thread_id = "from-baggage";
    identity.user_id = "ada";
    if (!begin("one", NULL, NULL)) return;
    context = trace_genai_identify(trace_context_current(), &identity);
    TRACE_WITH(context) {
        TRACE_GENAI_THREAD("named") {}
        TRACE_GENAI_THREAD(NULL) {}
        TRACE_SPAN("not ours") {}
    }
    CHECK_HAS(flushed(), "    vllora.thread_id = 'from-baggage'\n    gen_ai.operation.name = 'thread'\n"
                         "    gen_ai.conversation.id = 'named'\n    user.id = 'ada'\nthread ");
    CHECK_HAS(notes[0].text, "    gen_ai.conversation.id = 'from-baggage'\n");
    CHECK_HAS(notes[0].text, "not ours INTERNAL\n    vllora.thread_id = 'from-baggage'\n");
    CHECK_HAS_NOT(strstr(notes[0].text, "not ours INTERNAL\n"), "user.id");
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    identity.thread_id = NULL;
    identity.user_id = long_id;                    /* longer than an attribute of it may be: left out, not cut */
    notes[0].size = 0;
    TRACE_WITH(trace_genai_identify(trace_context_current(), &identity)) TRACE_GENAI_TASK("t") {}
    CHECK_HAS_NOT(flushed(), "user.id");
    TRACE_WITH(trace_genai_identify(trace_context_current(), NULL)) TRACE_GENAI_TASK("t") {}
    flushed();
    CHECK_LEDGER();
}

/* --- what each backend is told --- */

static void check_dialect(const char *exporter, const char *golden) {
    trace_genai_options options = some_options();
    char *time;
    options.capture_content = TRACE_CHOICE_YES;
    options.prices = prices;
    if (!begin(exporter, "plain", &options)) return;
    record_everything();
    flushed();
    time = strstr(notes[0].text, "completion_start_time = '");
    if (time) memset(time + 25, '0', 24);          /* the one thing that differs from run to run */
    TEST_GOLDEN(golden, notes[0].text, notes[0].size);
    CHECK_HAS_NOT(notes[1].text, "openinference");
    CHECK_HAS_NOT(notes[1].text, "langfuse");
    CHECK_HAS(notes[1].text, "chat gpt-4o CLIENT\n");
    CHECK_LEDGER();
}

ISOLATED(gen_ai_names_alone) { check_dialect("other", "genai_plain.txt"); }
ISOLATED(langsmith_names) { check_dialect("langsmith", "genai_langsmith.txt"); }
ISOLATED(agentops_names) { check_dialect("agentops", "genai_agentops.txt"); }
ISOLATED(vllora_names) { check_dialect("vllora", "genai_vllora.txt"); }
ISOLATED(phoenix_names) { check_dialect("phoenix", "genai_phoenix.txt"); }
ISOLATED(langfuse_names) { check_dialect("langfuse", "genai_langfuse.txt"); }

/* It leaves out what has no tenant, and shows by run: the trace of a program that uses other spans as well would have holes. */
ISOLATED(vllora_is_told_whose_every_span_is) {
    static const char *const keys[] = {"user.id"};
    trace_genai_identity identity;
    trace_config config = ledger_config(note_exporter(&notes[0], "vllora"));
    config.exporters[1] = note_exporter(&notes[1], "plain");
    config.baggage_attributes = keys;
    config.baggage_attribute_count = 1;
    memset(&identity, 0, sizeof identity);
    identity.run_id = "run-7";
    identity.user_id = "ada";
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_SPAN("of nobody") trace_span_set_int(trace_span_current(), "own", 1);
    CHECK_HAS(flushed(), "of nobody INTERNAL\n    own = 1\n    vllora.tenant = 'default'\n");
    CHECK_STR(notes[1].text, "of nobody INTERNAL\n    own = 1\n");
    notes[0].size = notes[1].size = 0;
    TRACE_WITH(trace_genai_identify(trace_context_current(), &identity)) {
        TRACE_SPAN("SELECT items") TRACE_GENAI_TOOL("shop") {}
    }
    CHECK_HAS(flushed(), "SELECT items INTERNAL\n    vllora.run_id = 'run-7'\n    user.id = 'ada'\n    vllora.tenant = 'default'\n");
    CHECK_HAS(notes[0].text, "tool INTERNAL\n    vllora.run_id = 'run-7'\n");
    CHECK_HAS(notes[1].text, "SELECT items INTERNAL\n    vllora.run_id = 'run-7'\n    user.id = 'ada'\n");
    CHECK_HAS_NOT(notes[1].text, "tenant");
    notes[0].size = 0;
    identity.tenant = "acme";
    TRACE_WITH(trace_genai_identify(trace_context_current(), &identity)) TRACE_SPAN("SELECT items") {}
    CHECK_STR((flushed(), value_in(&notes[0], "vllora.tenant")), "'acme'");
    CHECK_LEDGER();
}

ISOLATED(dialects_by_option_and_all_at_once) {
    trace_genai_options options = some_options();
    options.dialects = TRACE_GENAI_DIALECT_AI_SDK;
    options.capture_content = TRACE_CHOICE_YES;
    if (!begin("one", "console", &options)) return;
    record_everything();
    flushed();
    TEST_GOLDEN("genai_ai_sdk.txt", notes[0].text, notes[0].size);
    CHECK_HAS_NOT(notes[1].text, "ai.model.id");               /* people read the console */
    notes[0].size = 0;
    options.dialects = 63;
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
    record_everything();
    flushed();
    CHECK_HAS(notes[0].text, "model_call CLIENT");
    CHECK_HAS(notes[0].text, "openinference.span.kind = 'LLM'");
    CHECK_HAS(notes[0].text, "langfuse.observation.type = 'generation'");
    CHECK_HAS(notes[0].text, "agentops.span.kind = 'llm'");
    CHECK_HAS(notes[0].text, "langsmith.span.kind = 'llm'");
    CHECK_HAS(notes[0].text, "ai.operationId = 'ai.streamText.doStream'");
    CHECK_LEDGER();
}

ISOLATED(what_the_program_says_itself_stands) {
    if (!begin("phoenix", NULL, NULL)) return;
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_span_set_string(trace_span_current(), "openinference.span.kind", "GUARDRAIL");
    TRACE_SPAN("not ours") trace_span_set_string(trace_span_current(), "gen_ai.operation.name", "dance");
    CHECK_HAS(flushed(), "openinference.span.kind = 'GUARDRAIL'");
    CHECK_HAS_NOT(notes[0].text, "openinference.span.kind = 'LLM'");
    CHECK_HAS(notes[0].text, "not ours INTERNAL\n    gen_ai.operation.name = 'dance'\n");
}

/* --- usage, cost, streams --- */

ISOLATED(usage_that_is_missing_is_not_made_up) {
    trace_genai_options options = some_options();
    trace_genai_usage usage = usage_of(-1, 0);
    options.prices = prices;
    options.dialects = 63;
    if (!begin("one", NULL, &options)) return;
    TRACE_GENAI_CHAT("openai", "gpt-4o") {}
    CHECK_HAS_NOT(flushed(), "tokens");
    CHECK_HAS_NOT(notes[0].text, "cost");
    CHECK_HAS_NOT(notes[0].text, "usage");
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_usage(trace_span_current(), &usage);
    CHECK_HAS(flushed(), "gen_ai.usage.output_tokens = 0\n");
    CHECK_HAS_NOT(notes[0].text, "input_tokens = ");
    TRACE_GENAI_CHAT("openai", "gpt-4o") {
        trace_genai_set_usage(trace_span_current(), NULL);
        trace_genai_set_request(trace_span_current(), NULL);
        trace_genai_set_response(trace_span_current(), NULL);
        trace_genai_set_stream(trace_span_current(), NULL);
        trace_genai_set_tool_call(trace_span_current(), NULL);
        trace_genai_set_input(trace_span_current(), NULL, 3);
        trace_genai_stream_chunk(NULL);
    }
    flushed();
    CHECK_LEDGER();
}

ISOLATED(cost_by_the_table_by_the_caller_and_without_prices) {
    trace_genai_options options = some_options();
    trace_genai_usage usage = usage_of(1000000, 200000);
    usage.cache_read_tokens = 400000;
    if (!begin("one", NULL, NULL)) return;
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_usage(trace_span_current(), &usage);
    CHECK_HAS_NOT(flushed(), "cost");                          /* no prices, no cost */
    options.prices = prices;
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
    TRACE_GENAI_CHAT("openai", "gpt-4o-mini") trace_genai_set_usage(trace_span_current(), &usage);
    CHECK_HAS(flushed(), "gen_ai.usage.cost = 4d");            /* 0.6 * 2.5 + 0.4 * 1.25 + 0.2 * 10 */
    notes[0].size = 0;
    TRACE_GENAI_CHAT("mistral_ai", "large") trace_genai_set_usage(trace_span_current(), &usage);
    CHECK_HAS(flushed(), "gen_ai.usage.cost = 1.2d");
    notes[0].size = 0;
    TRACE_GENAI_CHAT("openai", "gpt-4o") {
        trace_genai_set_usage(trace_span_current(), &usage);
        trace_genai_set_cost(trace_span_current(), 0.125);
        trace_genai_set_cost(trace_span_current(), -1);
    }
    CHECK_HAS(flushed(), "gen_ai.usage.cost = 0.125d");
    notes[0].size = 0;
    options.prices = "openai gpt-5 1 1";
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_usage(trace_span_current(), &usage);
    CHECK_HAS_NOT(flushed(), "cost");                          /* no line fits */
    CHECK_LEDGER();
}

ISOLATED(a_table_of_prices_with_a_bad_line_changes_nothing) {
    static const struct { const char *text, *complaint; } bad[] = {
        {"openai gpt-4o 2.5", "line 1 of trace_genai_options.prices has fewer than four columns"},
        {"# fine\nopenai gpt-4o 2.5 10\nopenai o1 cheap 3", "line 3 of trace_genai_options.prices has an input price"},
        {"openai gpt-4o 2.5 -10", "line 1 of trace_genai_options.prices has an output price"},
        {"openai gpt-4o 2.5 1e99", "line 1 of trace_genai_options.prices has an output price"},
        {"openai gpt-4o 2.5 10 x", "line 1 of trace_genai_options.prices has a cache price"},
        {"a b 1 2 3 4 5", "line 1 of trace_genai_options.prices has more than six columns"},
        {"a b 1 nan", "line 1 of trace_genai_options.prices has an output price"},
    };
    trace_genai_options options = some_options();
    trace_genai_usage usage = usage_of(1000000, 0);
    size_t i;
    options.prices = "openai gpt-4o 7 7\r\n\r\n   \n#\n";
    if (!begin("one", NULL, &options)) return;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        options.prices = bad[i].text;
        logged[0] = '\0';
        CHECK_INT(trace_genai_init(&options), TRACE_RESULT_INVALID);
        CHECK_HAS(logged, bad[i].complaint);
    }
    options = some_options();
    logged[0] = '\0';
    options.max_content_bytes = 100;
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_INVALID);
    CHECK_HAS(logged, "trace_genai_options.max_content_bytes must be from 1,024 to 1,048,576; nothing was changed");
    options = some_options();
    options.dialects = 64;
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_INVALID);
    CHECK_HAS(logged, "trace_genai_options.dialects has a bit");
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_usage(trace_span_current(), &usage);
    CHECK_HAS(flushed(), "gen_ai.usage.cost = 7d");
}

ISOLATED(parameters_stay_when_one_of_them_is_too_long) {
    static char stop[3000];
    const char *const stops[] = {stop};
    trace_genai_request request;
    memset(&request, 0, sizeof request);
    memset(stop, 's', sizeof stop - 1);
    request.stop_sequences = stops;
    request.stop_sequence_count = 1;
    request.temperature = trace_genai_double(0.5);
    request.max_tokens = 9;
    if (!begin("phoenix", NULL, NULL)) return;
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_request(trace_span_current(), &request);
    CHECK_HAS(flushed(), "llm.invocation_parameters = {\"model\":\"gpt-4o\",\"temperature\":0.5,\"max_tokens\":9}\n");
    CHECK_LEDGER();
}

/* Counts and times no model has, which a program may set all the same. */
ISOLATED(numbers_without_sense_do_no_harm) {
    static const double times[] = {1e300, -1, 0.0 / 1e-300, -1e-300};
    trace_genai_options options = some_options();
    trace_genai_usage usage = usage_of(INT64_MAX, INT64_MAX);
    size_t i;
    usage.cache_read_tokens = usage.cache_creation_tokens = usage.reasoning_tokens = INT64_MAX;
    options.prices = prices;
    options.dialects = 63;
    if (!begin("one", NULL, &options)) return;
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_usage(trace_span_current(), &usage);
    CHECK_HAS(flushed(), "\"total_tokens\":9223372036854775807");
    CHECK_HAS(notes[0].text, "{\"input\":0,\"output\":0,");
    for (i = 0; i < sizeof times / sizeof times[0]; i++)
        TRACE_GENAI_CHAT("openai", "gpt-4o")
            trace_span_set_double(trace_span_current(), "gen_ai.response.time_to_first_chunk", times[i]);
    CHECK_HAS(flushed(), "    ttft = 0\n");
    CHECK_HAS_NOT(notes[0].text, "ttft = -");
    CHECK_LEDGER();
}

static uint64_t fake_now = 1000000000;
static uint64_t fake_mono(void *user) { (void)user; return __atomic_load_n(&fake_now, __ATOMIC_RELAXED); }
static uint64_t fake_unix(void *user) { return 1700000000000000000u + fake_mono(user); }
static void pass_us(uint64_t us) { __atomic_fetch_add(&fake_now, us * 1000, __ATOMIC_RELAXED); }

ISOLATED(streams_are_folded_into_the_span) {
    trace_config config = ledger_config(note_exporter(&notes[0], "langfuse"));
    trace_genai_stream stream;
    config.clock.monotonic_fn = fake_mono;
    config.clock.unix_fn = fake_unix;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_GENAI_CHAT("openai", "none") {
        stream = trace_genai_stream_start();
        trace_genai_set_stream(trace_span_current(), &stream);
    }
    CHECK_HAS(flushed(), "trace_h.stream.chunk_count = 0\n");
    CHECK_HAS_NOT(notes[0].text, "time_to_first_chunk");
    notes[0].size = 0;
    TRACE_GENAI_CHAT("openai", "one") {
        stream = trace_genai_stream_start();
        pass_us(250000);
        trace_genai_stream_chunk(&stream);
        trace_genai_set_stream(trace_span_current(), &stream);
    }
    CHECK_HAS(flushed(), "gen_ai.response.time_to_first_chunk = 0.25d\n");
    CHECK_HAS(notes[0].text, "langfuse.observation.completion_start_time = '2023-11-14T22:13:21.250Z'");
    CHECK_HAS_NOT(notes[0].text, "interval");
    notes[0].size = 0;
    TRACE_GENAI_CHAT("openai", "many") {
        unsigned i;
        stream = trace_genai_stream_start();
        for (i = 0; i < 100000; i++) {
            pass_us(i == 500 ? 80000 : i == 7 ? 1000 : 2000);
            trace_genai_stream_chunk(&stream);
        }
        trace_genai_set_stream(trace_span_current(), &stream);
    }
    CHECK_HAS(flushed(), "trace_h.stream.chunk_count = 100000\n");
    CHECK_STR(value_in(&notes[0], "trace_h.stream.chunk_interval.min"), "0.001d");
    CHECK_STR(value_in(&notes[0], "trace_h.stream.chunk_interval.mean"), "0.0020007700077d");
    CHECK_STR(value_in(&notes[0], "trace_h.stream.chunk_interval.max"), "0.08d");
    CHECK_UINT(notes[0].spans, 3);
}

/* --- content --- */

#define CANARY "canary-7c1f"

static size_t redact(void *user, const char *key, trace_string text, char *out, size_t capacity) {
    ++*(int *)user;
    if (strcmp(key, "gen_ai.tool.call.result") == 0) return SIZE_MAX;
    if (text.size < 4 || memcmp(text.data, "SSN ", 4) != 0) {
        memcpy(out, text.data, text.size < capacity ? text.size : capacity);
        return text.size;
    }
    memcpy(out, "[ssn]", capacity < 5 ? capacity : 5);
    return 5;
}

static void record_content(const char *text) {
    trace_genai_message message = message_of("user", text);
    trace_genai_part part;
    trace_genai_tool_call call;
    memset(&part, 0, sizeof part);
    memset(&call, 0, sizeof call);
    part.type = TRACE_GENAI_PART_REASONING;
    part.text = text;
    message.parts = &part;
    message.part_count = 1;
    call.arguments = call.result = text;
    TRACE_GENAI_CHAT("openai", "gpt-4o") {
        trace_genai_set_input(trace_span_current(), &message, 1);
        trace_genai_set_output(trace_span_current(), &message, 1);
        trace_genai_set_instructions(trace_span_current(), text, 0);
        trace_genai_set_tool_definitions(trace_span_current(), text, 0);
        TRACE_GENAI_TOOL("look") trace_genai_set_tool_call(trace_span_current(), &call);
        TRACE_GENAI_RETRIEVAL("docs") trace_genai_set_retrieval(trace_span_current(), text, text);
    }
}

ISOLATED(content_is_off_unless_it_is_allowed) {
    trace_genai_options options = some_options();
    options.dialects = 63;
    if (!begin("phoenix", "console", &options)) return;
    CHECK(!trace_genai_captures_content());
    record_content(CANARY);
    CHECK_HAS_NOT(flushed(), CANARY);
    CHECK_HAS_NOT(notes[1].text, CANARY);
    CHECK_HAS_NOT(notes[0].text, "input.value");
    CHECK_UINT(notes[0].spans, 3);
    options.capture_content = TRACE_CHOICE_YES;
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
    CHECK(trace_genai_captures_content());
    record_content(CANARY);
    CHECK_HAS(flushed(), CANARY);                              /* the search works */
    CHECK_LEDGER();
}

static bool captured_with(const char *value) {
    static char entry[128];
    static char *entries[2];
    trace_config config = ledger_config(note_exporter(&notes[0], "one"));
    config.disable_environment = false;
    config.logger.log_fn = keep_log;
    snprintf(entry, sizeof entry, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=%s", value);
    entries[0] = entry;
    test_set_environment(entries);
    logged[0] = '\0';
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    return trace_genai_captures_content();
}

ISOLATED(content_by_the_environment) {
    trace_genai_options options = some_options();
    CHECK(captured_with("true"));
    CHECK(captured_with("SPAN_ONLY"));
    CHECK(captured_with("span_and_event"));
    CHECK_STR(logged, "");
    CHECK(!captured_with("false"));
    CHECK(!captured_with("EVENT_ONLY"));
    CHECK(!captured_with(""));
    CHECK_STR(logged, "");
    CHECK(!captured_with("yes"));
    CHECK_HAS(logged, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=yes");
    options.capture_content = TRACE_CHOICE_NO;
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
    CHECK(!captured_with("true"));                             /* the program beats the environment */
}

ISOLATED(redaction_sees_every_text_first) {
    trace_genai_options options = some_options();
    int calls = 0;
    options.capture_content = TRACE_CHOICE_YES;
    options.redact_fn = redact;
    options.user = &calls;
    options.dialects = 63;
    if (!begin("one", NULL, &options)) return;
    record_content("SSN " CANARY);
    CHECK_HAS_NOT(flushed(), CANARY);
    CHECK_INT(calls, 10);
    CHECK_STR(value_in(&notes[0], "gen_ai.system_instructions"), "[{\"type\":\"text\",\"content\":\"[ssn]\"}]");
    CHECK_STR(value_in(&notes[0], "gen_ai.tool.call.arguments"), "'[ssn]'");
    CHECK_STR(value_in(&notes[0], "gen_ai.tool.call.result"), "''");
    CHECK_LEDGER();
}

static size_t grow(void *user, const char *key, trace_string text, char *out, size_t capacity) {
    size_t i;
    (void)user, (void)key, (void)text;
    for (i = 0; i < capacity; i++) out[i] = '"';               /* each becomes two */
    return capacity + 1000;
}

ISOLATED(redaction_that_makes_texts_longer_stays_within_bounds) {
    trace_genai_options options = some_options();
    trace_genai_message messages[20];
    const char *json;
    size_t i;
    options.capture_content = TRACE_CHOICE_YES;
    options.redact_fn = grow;
    options.max_content_bytes = 8192;
    if (!begin("one", NULL, &options)) return;
    for (i = 0; i < 20; i++) messages[i] = message_of("user", "short");
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_input(trace_span_current(), messages, 20);
    flushed();
    json = value_in(&notes[0], "gen_ai.input.messages");
    CHECK(strlen(json) > 4096 && strlen(json) <= 8192);
    CHECK(tracei_genai_is_json(tracei_string(json)));
}

ISOLATED(a_prompt_of_100_mb_costs_what_is_kept) {
    const size_t size = 100u << 20;
    char *const prompt = (char *)malloc(size);
    trace_genai_options options = some_options();
    trace_genai_message messages[3];
    const char *json;
    trace_stats before, after;
    options.capture_content = TRACE_CHOICE_YES;
    options.dialects = TRACE_GENAI_DIALECT_OPENINFERENCE;
    if (!CHECK(prompt != NULL) || !begin("one", NULL, &options)) return;
    memset(prompt, 'p', size);
    messages[0] = message_of("system", "short and whole");
    messages[1] = message_of("user", prompt);
    messages[1].content_size = size;
    messages[2] = message_of("user", "also whole");
    trace_get_stats(&before);
    TRACE_GENAI_CHAT("openai", "gpt-4o") {
        trace_genai_set_input(trace_span_current(), messages, 3);
        tracei_genai_set_text(trace_span_current(), "gen_ai.tool.call.result", prompt, size, true);
    }
    flushed();
    trace_get_stats(&after);
    json = value_in(&notes[0], "gen_ai.input.messages");
    CHECK(strlen(json) > 32000 && strlen(json) <= 32768);
    CHECK(tracei_genai_is_json(tracei_string(json)));
    CHECK_HAS(json, "short and whole");
    CHECK_HAS(json, "also whole");
    CHECK_HAS(json, " bytes left out]\"}");
    CHECK(strlen(value_in(&notes[0], "gen_ai.tool.call.result")) <= 32770);
    CHECK_HAS(value_in(&notes[0], "llm.input_messages.1.message.content"), "bytes left out]'");
    CHECK(after.bytes_mapped - before.bytes_mapped < 8u << 20);
    CHECK_UINT(after.truncated, before.truncated);             /* the ring had nothing to cut */
    CHECK_LEDGER();
    free(prompt);
}

#ifndef _WIN32
#include <sys/mman.h>
#endif
#define HUGE_BYTES ((size_t)100 << 20)
#define LOOKED_AT 65536

static void permit(char *at) {
#ifdef _WIN32
    if (!VirtualAlloc(at, LOOKED_AT, MEM_COMMIT, PAGE_READWRITE)) abort();
#else
    if (mprotect(at, LOOKED_AT, PROT_READ | PROT_WRITE) != 0) abort();
#endif
    memset(at, 0, LOOKED_AT);
}

/* 100 MB of which only 64 KiB at the beginning, at the end or at both may be touched: the rest kills who reads it. */
static void *mostly_forbidden(bool allow_begin, bool allow_end) {
#ifdef _WIN32
    char *const at = (char *)VirtualAlloc(NULL, HUGE_BYTES, MEM_RESERVE, PAGE_NOACCESS);
    if (!at) abort();
#else
#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif
    char *const at = (char *)mmap(NULL, HUGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) abort();
#endif
    if (allow_begin) permit(at);
    if (allow_end) permit(at + HUGE_BYTES - LOOKED_AT);
    return at;
}

static uint64_t bytes_mapped(void) {
    trace_stats stats;
    trace_get_stats(&stats);
    return stats.bytes_mapped;
}

ISOLATED(of_100_mb_only_what_could_be_kept_is_looked_at) {
    char *const text = (char *)mostly_forbidden(true, false);
    trace_genai_message *const messages = (trace_genai_message *)mostly_forbidden(false, true);
    const size_t message_count = HUGE_BYTES / sizeof *messages, part_count = HUGE_BYTES / sizeof(trace_genai_part);
    trace_genai_part *const parts = /* ends where the memory does */
        (trace_genai_part *)(void *)((char *)mostly_forbidden(true, true) + HUGE_BYTES % sizeof(trace_genai_part));
    trace_genai_message *const newest = messages + message_count - LOOKED_AT / sizeof *messages + 1;
    trace_genai_options options = some_options();
    trace_genai_message message = message_of("user", text);
    trace_genai_tool_call call;
    trace_genai_part answer;
    uint64_t before;
    size_t i;
    options.capture_content = TRACE_CHOICE_YES;
    if (!begin("one", NULL, &options)) return;
    for (i = 0; i < LOOKED_AT; i++) text[i] = "[1,"[i ? 2 - i % 2 : 0];
    for (i = 0; newest + i < messages + message_count; i++) newest[i] = message_of("user", "short");
    memset(&call, 0, sizeof call);
    memset(&answer, 0, sizeof answer);
    message.content_size = call.arguments_size = call.result_size = answer.size = HUGE_BYTES;
    call.arguments = call.result = answer.text = text;
    answer.type = TRACE_GENAI_PART_TOOL_CALL_RESPONSE;
    newest[i - 1].parts = &answer;
    newest[i - 1].part_count = 1;
    before = bytes_mapped();
    TRACE_GENAI_CHAT("openai", "gpt-4o") {
        trace_genai_set_input(trace_span_current(), &message, 1);
        trace_genai_set_output(trace_span_current(), messages, message_count);
        trace_genai_set_instructions(trace_span_current(), text, HUGE_BYTES);
        trace_genai_set_tool_definitions(trace_span_current(), text, HUGE_BYTES);
        TRACE_GENAI_TOOL("look") trace_genai_set_tool_call(trace_span_current(), &call);
        message.parts = parts;
        message.part_count = part_count;
        TRACE_GENAI_TASK("parts") trace_genai_set_input(trace_span_current(), &message, 1);
    }
    CHECK(bytes_mapped() - before < 8u << 20);     /* the ring and what is kept */
    CHECK_HAS(flushed(), "gen_ai.output.messages = [{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"[");
    CHECK_HAS(notes[0].text, " earlier messages left out]");
    CHECK(strlen(value_in(&notes[0], "gen_ai.output.messages")) > 20000);
    CHECK(tracei_genai_is_json(tracei_string(value_in(&notes[0], "gen_ai.output.messages"))));
    CHECK(strlen(value_in(&notes[0], "gen_ai.input.messages")) <= 32768);
    CHECK(strlen(value_in(&notes[0], "gen_ai.system_instructions")) > 32000);
    CHECK(strlen(value_in(&notes[0], "gen_ai.tool.call.arguments")) > 32000);
    CHECK_LEDGER();
}

/* The core cuts what a span cannot carry, and would cut JSON in the middle. */
static void with_ring(uint32_t ring_bytes) {
    trace_genai_options options = some_options();
    trace_config config = ledger_config(note_exporter(&notes[0], "one"));
    const trace_genai_usage usage = usage_of(1, 2);
    char *const prompt = (char *)malloc(3u << 20);
    trace_genai_message message = message_of("user", prompt);
    trace_stats stats;
    options.capture_content = TRACE_CHOICE_YES;
    options.max_content_bytes = 1048576;
    config.logger.log_fn = keep_log;
    config.ring_bytes = ring_bytes;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
    if (!CHECK(prompt != NULL)) return;
    memset(prompt, 'p', 3u << 20);
    message.content_size = 3u << 20;
    TRACE_GENAI_CHAT("openai", "gpt-4o") {
        trace_genai_set_instructions(trace_span_current(), prompt, 3u << 20);
        trace_genai_set_tool_definitions(trace_span_current(), prompt, 3u << 20);
        trace_genai_set_input(trace_span_current(), &message, 1);
        trace_genai_set_output(trace_span_current(), &message, 1);
        trace_genai_set_usage(trace_span_current(), &usage);
    }
    flushed();
    trace_get_stats(&stats);
    CHECK_UINT(stats.truncated, 0);
    CHECK_STR(value_in(&notes[0], "gen_ai.usage.output_tokens"), "2");
    CHECK_HAS(logged, "trace_genai_options.max_content_bytes is 1048576, but a content may be a 32nd of trace_config.ring_bytes");
    CHECK_LEDGER();
    free(prompt);
}

ISOLATED(content_is_bounded_by_what_a_span_can_carry) {
    const char *json;
    with_ring(1u << 20);
    json = value_in(&notes[0], "gen_ai.input.messages");
    CHECK(strlen(json) > 32000 && strlen(json) <= 32768 && tracei_genai_is_json(tracei_string(json)));
    json = value_in(&notes[0], "gen_ai.output.messages");
    CHECK(strlen(json) > 32000 && strlen(json) <= 32768 && tracei_genai_is_json(tracei_string(json)));
    CHECK_HAS(logged, "32768 bytes; longer ones are cut there");
}

ISOLATED(a_ring_too_small_for_content_has_none) {
    with_ring(16384);
    CHECK_HAS_NOT(notes[0].text, "messages");
    CHECK_HAS(logged, "512 bytes; too few: content is left out");
}

ISOLATED(a_text_that_is_missing_has_no_bytes) {
    trace_genai_options options = some_options();
    trace_genai_message message = message_of("user", NULL);
    trace_genai_part parts[2];
    trace_genai_tool_call call;
    memset(parts, 0, sizeof parts);
    memset(&call, 0, sizeof call);
    options.capture_content = TRACE_CHOICE_YES;
    if (!begin("one", NULL, &options)) return;
    message.content_size = parts[0].size = parts[1].size = call.arguments_size = call.result_size = 7;
    parts[1].type = TRACE_GENAI_PART_TOOL_CALL;
    message.parts = parts;
    message.part_count = 2;
    TRACE_GENAI_CHAT("openai", "gpt-4o") {
        trace_genai_set_input(trace_span_current(), &message, 1);
        trace_genai_set_instructions(trace_span_current(), NULL, 7);
        trace_genai_set_tool_definitions(trace_span_current(), NULL, 7);
        trace_genai_set_tool_call(trace_span_current(), &call);
    }
    CHECK_HAS(flushed(), "gen_ai.input.messages = [{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"\"},"
                         "{\"type\":\"tool_call\",\"arguments\":\"\"}]}]\n");
    CHECK_LEDGER();
}

ISOLATED(short_texts_stay_whole_and_long_ones_share_what_is_left) {
    static char texts[2][30000];
    trace_genai_options options = some_options();
    trace_genai_message messages[10];
    const char *json;
    size_t i;
    options.capture_content = TRACE_CHOICE_YES;
    options.max_content_bytes = 8192;
    if (!begin("one", NULL, &options)) return;
    for (i = 0; i < 10; i++) messages[i] = message_of("user", "short and whole");
    memset(texts[0], 'a', sizeof texts[0] - 1);
    memset(texts[1], '"', sizeof texts[1] - 1);                /* each becomes two */
    messages[3].content = texts[0];
    messages[7].content = texts[1];
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_input(trace_span_current(), messages, 10);
    flushed();
    json = value_in(&notes[0], "gen_ai.input.messages");
    CHECK(strlen(json) <= 8192 && strlen(json) > 7000);        /* an even share of ten would be less than 3,000 */
    CHECK(tracei_genai_is_json(tracei_string(json)));
    for (i = 0; json && (json = strstr(json, "short and whole\"}]}")) != NULL; i++) json++;
    CHECK_UINT(i, 8);
}

ISOLATED(many_messages_keep_the_newest) {
    static trace_genai_message messages[5000];
    trace_genai_options options = some_options();
    const char *json;
    size_t i;
    options.capture_content = TRACE_CHOICE_YES;
    options.max_content_bytes = 4096;
    if (!begin("one", NULL, &options)) return;
    for (i = 0; i < 5000; i++) messages[i] = message_of("user", i == 4999 ? "the newest" : "an older one");
    TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_input(trace_span_current(), messages, 5000);
    flushed();
    json = value_in(&notes[0], "gen_ai.input.messages");
    CHECK(strlen(json) <= 4096);
    CHECK(tracei_genai_is_json(tracei_string(json)));
    CHECK_HAS(json, "the newest");
    CHECK_HAS(json, " earlier messages left out]");
}

/* It is not counted among the earlier ones: its newest parts stay. */
ISOLATED(a_message_of_many_parts_keeps_the_newest) {
    static trace_genai_part parts[5000];
    trace_genai_options options = some_options();
    trace_genai_message messages[3];
    size_t i;
    int with_content;
    options.capture_content = TRACE_CHOICE_YES;
    options.max_content_bytes = 4096;
    if (!begin("one", NULL, &options)) return;
    for (i = 0; i < 5000; i++) parts[i].text = i == 4999 ? "the newest part" : "an older part";
    for (with_content = 0; with_content < 2; with_content++) {
        const char *json;
        notes[0].size = 0;
        messages[0] = messages[1] = message_of("user", "an older message");
        messages[2] = message_of("user", with_content ? "before the parts" : NULL);
        messages[2].parts = parts;
        messages[2].part_count = 5000;
        TRACE_GENAI_CHAT("openai", "gpt-4o") trace_genai_set_input(trace_span_current(), messages, 3);
        flushed();
        json = value_in(&notes[0], "gen_ai.input.messages");
        CHECK(strlen(json) <= 4096 && strlen(json) > 1000);
        CHECK(tracei_genai_is_json(tracei_string(json)));
        CHECK_HAS(json, "\"[2 earlier messages left out]\"");
        CHECK_HAS(json, " earlier parts left out]\"}");
        CHECK_HAS(json, "an older part");
        CHECK_HAS(json, "the newest part\"}]}]");
        if (with_content) CHECK_HAS(json, "before the parts");
    }
}

/* Any bytes, in any place, at any bound: the JSON is whole, within its bound, and read back. */
ISOLATED(hostile_content_stays_whole) {
    trace_genai_options options = some_options();
    unsigned long round, rounds = test_scaled(3000);
    static char text[3][3000];
    options.capture_content = TRACE_CHOICE_YES;
    options.dialects = 63;
    if (!begin("one", NULL, &options)) return;
    for (round = 0; round < rounds; round++) {
        trace_genai_message messages[3];
        trace_genai_part parts[3];
        size_t i, j;
        const char *json;
        memset(parts, 0, sizeof parts);
        for (i = 0; i < 3; i++) {
            const size_t size = test_random_below(round % 7 ? 40 : sizeof text[i] - 1);
            for (j = 0; j < size; j++)
                text[i][j] = test_random_below(2) ? (char)(1 + test_random_below(255)) : "{}[]\",:\\u0\n"[test_random_below(11)];
            text[i][size] = '\0';
            messages[i] = message_of(i ? "user" : text[0], text[i]);
            parts[i].type = (trace_genai_part_type)(test_random_below(6));
            parts[i].text = text[2 - i];
            parts[i].id = test_random_below(2) ? text[i] : NULL;
            parts[i].name = test_random_below(2) ? text[i] : NULL;
            messages[i].parts = parts;
            messages[i].part_count = test_random_below(4);
        }
        options.max_content_bytes = 1024 + (uint32_t)test_random_below(3000);
        if (round % 50 == 0) CHECK_INT(trace_genai_init(&options), TRACE_RESULT_OK);
        notes[0].size = 0;
        TRACE_GENAI_CHAT("openai", text[1]) {
            trace_genai_set_input(trace_span_current(), messages, 3);
            trace_genai_set_output(trace_span_current(), messages, 2);
            trace_genai_set_instructions(trace_span_current(), text[2], 0);
        }
        flushed();
        json = strstr(notes[0].text, "gen_ai.input.messages = ");
        if (!CHECK(json != NULL)) return;
        json += 24;
        {
            trace_string whole;
            whole.data = json;
            whole.size = (size_t)(strstr(json, "\n    gen_ai.output.messages = ") - json);
            if (!CHECK(tracei_genai_is_json(whole) && whole.size <= 4024)) {
                fprintf(stderr, "    %.*s\n", (int)whole.size, whole.data);
                return;
            }
        }
    }
    CHECK_LEDGER();
}

TEST(json_is_told_from_what_is_none) {
    static const char *const good[] = {"{}", " [1, -2.5e+3, true,null,\"\\u00fc\\\"\"] ", "0", "\"x\"", "{\"a\":{\"b\":[{}]}}"};
    static const char *const bad[] = {"", "{", "[1,]", "{\"a\"}", "01", "1.", "-", "\"\\x\"", "\"\\u12g4\"", "nul", "[1] 2",
                                      "{a:1}", "\"\n\"", "\"\xff\"", "1e", "[", "\"", "\"\\u1"};
    char deep[400];
    size_t i;
    for (i = 0; i < sizeof good / sizeof good[0]; i++) CHECK(tracei_genai_is_json(tracei_string(good[i])));
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!CHECK(!tracei_genai_is_json(tracei_string(bad[i])))) fprintf(stderr, "    %s\n", bad[i]);
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    deep[128] = '\0';
    CHECK(tracei_genai_is_json(tracei_string(deep)));
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = '\0';
    CHECK(!tracei_genai_is_json(tracei_string(deep)));
}

ISOLATED(nothing_happens_without_a_tracer) {
    trace_config config = ledger_config(note_exporter(&notes[0], "one"));
    trace_genai_usage usage = usage_of(1, 1);
    config.disabled = true;
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    TRACE_GENAI_CHAT("openai", "gpt-4o") {
        trace_genai_set_usage(trace_span_current(), &usage);
        record_content("x");
    }
    CHECK_UINT(notes[0].spans, 0);
}

TEST_MAIN()
