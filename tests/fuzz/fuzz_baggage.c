/* fuzz_baggage.c - the baggage header, uberctx- headers, and get, set, remove
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "fuzz_context.h"

static void fuzz(const char *bytes, size_t size) {
    static const char *const keys[] = {"a", "k", "key1"};
    trace_context context;
    trace_header header;
    char *const text = (char *)malloc(size + 1), *const out = (char *)malloc(size * 3 + 1);
    size_t i;
    if (!text || !out) abort();
    tracei_propagators_parse("baggage");
    fuzz_check_value("baggage", bytes, size);
    header.name.data = "baggage";
    header.name.size = 7;
    header.value.data = bytes;
    header.value.size = size;
    context = trace_extract_headers(&header, 1);
    memcpy(text, bytes, size);
    text[size] = '\0';
    for (i = 0; i < 3; i++) {          /* any text without NUL is a value, and comes back as it was (or is refused as too long) */
        const trace_context changed = trace_baggage_set(context, keys[i], text);
        const size_t length = strlen(text), got = trace_baggage_get(changed, keys[i], out, size * 3 + 1);
        if (changed.entry != context.entry && tracei_utf8_valid(text, length) == length)
            FUZZ_CHECK(got == length && memcmp(out, text, length) == 0);
        fuzz_check_context(trace_baggage_remove(changed, keys[i]));
        FUZZ_CHECK(trace_baggage_get(trace_baggage_remove(changed, keys[i]), keys[i], NULL, 0) == SIZE_MAX);
        (void)trace_inject_raw(changed, fuzz_out[0], sizeof fuzz_out[0]);
        if (fuzz_out[0][0]) {
            const char *const end = strstr(fuzz_out[0], "\r\n");
            FUZZ_CHECK(end && end[2] == '\0' && strncmp(fuzz_out[0], "baggage: ", 9) == 0);
            fuzz_check_baggage(fuzz_out[0] + 9, (size_t)(end - fuzz_out[0] - 9));
        }
    }
    tracei_propagators_parse("baggage,jaeger");
    fuzz_check_value("uberctx-k", bytes, size);
    fuzz_check_value("baggage", bytes, size);
    free(text);
    free(out);
}
