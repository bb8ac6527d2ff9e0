/* genai.c - an agent, a model call and a tool, sent to the backend OTEL_TRACES_EXPORTER names; prints the trace id
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#define TRACE_IMPLEMENTATION
#include "../../trace_genai.h"
#include "../../trace_otlp.h"

#include <stdio.h>

int main(void) {
    trace_genai_options options = {0};
    char id[33];
    options.capture_content = TRACE_CHOICE_YES;
    options.prices = "openai gpt-4o 2.5 10 1.25\n";
    if (trace_genai_init(&options) != TRACE_RESULT_OK) return 1;
    TRACE_GENAI_AGENT("planner") {
        trace_id_string(trace_context_current(), id);
        TRACE_GENAI_CHAT("openai", "gpt-4o") {
            const trace_span span = trace_span_current();
            const trace_genai_request request = {.temperature = trace_genai_double(0.0), .max_tokens = 64, .conversation_id = "thread-1"};
            const trace_genai_response response = {.id = "chatcmpl-1", .model = "gpt-4o-2024-08-06", .finish_reasons = {"tool_calls"}};
            const trace_genai_usage usage = {.input_tokens = 1200, .output_tokens = 45, .cache_read_tokens = 1000, .reasoning_tokens = 5};
            const trace_genai_part call = {TRACE_GENAI_PART_TOOL_CALL, "{\"city\":\"Z\xc3\xbcrich\"}", 0, "call_1", "weather"};
            const trace_genai_message input[] = {{.role = "system", .content = "Be \"brief\"."}, {.role = "user", .content = "Weather in Z\xc3\xbcrich?"}};
            const trace_genai_message output = {.role = "assistant", .content = "Let me look.", .parts = &call, .part_count = 1, .finish_reason = "tool_call"};
            trace_genai_set_request(span, &request);
            trace_genai_set_input(span, input, 2);
            trace_genai_set_output(span, &output, 1);
            trace_genai_set_response(span, &response);
            trace_genai_set_usage(span, &usage);
        }
        TRACE_GENAI_TOOL("weather") {
            const trace_genai_tool_call call = {.id = "call_1", .arguments = "{\"city\":\"Z\xc3\xbcrich\"}", .result = "{\"celsius\":14}"};
            trace_genai_set_tool_call(trace_span_current(), &call);
        }
    }
    if (trace_flush(10000) != TRACE_RESULT_OK) return 1;
    puts(id);
    return 0;
}
