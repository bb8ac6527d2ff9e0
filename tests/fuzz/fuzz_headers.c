/* fuzz_headers.c - raw headers and carriers, with every choice of propagators
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include "fuzz_context.h"

typedef struct fuzz_message { const char *bytes; size_t size; } fuzz_message;

/* A carrier over raw lines, the slow way: what it finds must be what trace_extract_raw finds. */
static size_t fuzz_get_all(void *user, trace_string name, trace_string *values, size_t capacity) {
    const fuzz_message *const message = (const fuzz_message *)user;
    const char *at = message->bytes, *const end = at + message->size;
    size_t found = 0, i;
    while (at < end) {
        const char *stop = (const char *)memchr(at, '\n', (size_t)(end - at)), *colon;
        const char *const next = stop ? stop + 1 : end;
        if (!stop) stop = end;
        if (stop > at && stop[-1] == '\r') stop--;
        if (stop == at) break;
        colon = (const char *)memchr(at, ':', (size_t)(stop - at));
        if (colon && (size_t)(colon - at) == name.size) {
            for (i = 0; i < name.size; i++)
                if ((at[i] >= 'A' && at[i] <= 'Z' ? at[i] + 32 : at[i]) != (name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] + 32 : name.data[i])) break;
            if (i == name.size) {
                if (found < capacity) values[found].data = colon + 1, values[found].size = (size_t)(stop - colon - 1);
                found++;
            }
        }
        at = next;
    }
    return found;
}

static bool fuzz_is_folded(const char *bytes, size_t size) {
    size_t i;
    for (i = 0; i + 1 < size; i++)
        if (bytes[i] == '\n' && (bytes[i + 1] == ' ' || bytes[i + 1] == '\t')) return true;
    return false;
}

static void fuzz(const char *bytes, size_t size) {
    static const char *const lists[] = {"tracecontext,baggage", "b3", "b3multi", "jaeger", "xray", "baggage,tracecontext,b3",
                                        "b3,b3multi,tracecontext,baggage,jaeger,xray", "none"};
    trace_carrier carrier;
    trace_context raw, called;
    fuzz_message message;
    if (!size) return;
    tracei_propagators_parse(lists[(unsigned char)bytes[0] % 8]);
    message.bytes = bytes + 1;
    message.size = size - 1;
    raw = trace_extract_raw(bytes + 1, size - 1);
    fuzz_check_context(raw);
    memset(&carrier, 0, sizeof carrier);
    carrier.get_all = fuzz_get_all;
    carrier.user = &message;
    called = trace_extract(&carrier);
    fuzz_check_context(called);
    if (fuzz_is_folded(bytes + 1, size - 1)) return;
    FUZZ_CHECK(memcmp(&raw, &called, offsetof(trace_context, entry)) == 0);
}
