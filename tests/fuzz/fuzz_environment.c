/* fuzz_environment.c - lists in variables: OTEL_PROPAGATORS, OTEL_RESOURCE_ATTRIBUTES, and the environment carrier
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "fuzz_context.h"

static void fuzz(const char *bytes, size_t size) {
    char *const text = (char *)malloc(size + 1);
    tracei_pairs pairs;
    size_t i;
    uint32_t set, seen = 0;
    if (!text) return;
    memcpy(text, bytes, size);
    text[size] = '\0';
    (void)tracei_propagators_parse(text);
    for (set = tracei_propagators; set; set >>= 4) {       /* each at most once, and nothing that is none */
        FUZZ_CHECK((set & 15) > 0 && (set & 15) < TRACEI_PROPAGATOR_COUNT && !(seen >> (set & 15) & 1));
        seen |= 1u << (set & 15);
    }
    if (tracei_pairs_parse(&pairs, "FUZZ", text)) {
        for (i = 0; i < pairs.count; i++) FUZZ_CHECK(pairs.items[i].name.size > 0 && pairs.items[i].value.size <= size);
        tracei_pairs_free(&pairs);
    }
    tracei_propagators_parse(NULL);
    setenv("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", 1);
    setenv("TRACESTATE", text, 1);
    setenv("BAGGAGE", text, 1);
    fuzz_check_context(trace_extract_environment());
    setenv("TRACEPARENT", text, 1);
    fuzz_check_context(trace_extract_environment());
    free(text);
}
