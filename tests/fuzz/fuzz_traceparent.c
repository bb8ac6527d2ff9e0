/* fuzz_traceparent.c - the traceparent header, also as a plain string
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "fuzz_context.h"

static void fuzz(const char *bytes, size_t size) {
    trace_context context, plain;
    char *const text = (char *)malloc(size + 1), formatted[56];
    tracei_propagators_parse("tracecontext");
    fuzz_check_value("traceparent", bytes, size);
    if (!text) return;
    memcpy(text, bytes, size);
    text[size] = '\0';
    if (trace_context_parse(&context, text, text)) {
        fuzz_check_context(context);
        trace_context_format(context, formatted);
        fuzz_check_traceparent(formatted, strlen(formatted));
        FUZZ_CHECK(trace_context_parse(&plain, formatted, NULL));
        FUZZ_CHECK(memcmp(&plain, &context, offsetof(trace_context, entry)) == 0);
    }
    free(text);
}
