/* fuzz_b3.c - B3, single and multi
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "fuzz_context.h"

/* As one b3 header; and cut at line feeds into the values of the multi headers. */
static void fuzz(const char *bytes, size_t size) {
    static const char *const names[] = {"X-B3-TraceId", "X-B3-SpanId", "X-B3-Sampled", "X-B3-Flags", "b3", "X-B3-ParentSpanId"};
    trace_header headers[6];
    size_t count;
    tracei_propagators_parse("b3");
    fuzz_check_value("b3", bytes, size);
    tracei_propagators_parse("b3multi,tracecontext");
    fuzz_check_value("b3", bytes, size);
    for (count = 0; count < 6; count++) {
        const char *const end = size ? (const char *)memchr(bytes, '\n', size) : NULL;
        headers[count].name.data = names[count];
        headers[count].name.size = strlen(names[count]);
        headers[count].value.data = bytes;
        headers[count].value.size = end ? (size_t)(end - bytes) : size;
        if (!end) {
            count++;
            break;
        }
        size -= (size_t)(end + 1 - bytes);
        bytes = end + 1;
    }
    fuzz_check_context(trace_extract_headers(headers, count));
}
