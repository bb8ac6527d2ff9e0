/* Compiled out means compiled to nothing: this file must give the same object code with TRACE_CONFIG_OFF as with no header at
   all. off.sh compares them. A block of TRACE_SPAN stays a loop of one turn, so that break and continue keep their meaning, and
   is compared with such a loop written by hand: compilers remove it, but may then lay out branches another way.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#ifdef OFF_WITHOUT_HEADER
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#define TRACED(...)
#define TRACE_SPAN(...) for (bool once = true; once; once = false)
#define TRACE_WITH(...) for (bool once = true; once; once = false)
#define TRACE_WITH_SPAN(...) for (bool once = true; once; once = false)
#else
#include "../trace.h"
#define TRACED(...) __VA_ARGS__
#endif

extern int work(int value);
extern int read_number(const char *text, size_t size);
int off_blocks(const char *text, size_t size);
int off_functions(const char *text, size_t size);
int off_contexts(int value);

int off_blocks(const char *text, size_t size) {
    int sum = 0;
    TRACED(TRACE_FUNCTION());
    for (size_t i = 0; i < size; i++) {
        TRACED(TRACE_BLOCK("byte", .kind = TRACE_KIND_INTERNAL));
        if (text[i] == ' ') continue;
        if (text[i] == '\n') break;
        TRACED(trace_set("byte", text[i]));
        sum += work(text[i]);
    }
    TRACE_SPAN("number", .kind = TRACE_KIND_CLIENT, .detached = true) {
        const int number = read_number(text, size);
        TRACED(trace_set("number", number));
        if (number < 0) {
            TRACED(trace_error("Negative", "the number is negative"));
            return -1;
        }
        TRACE_SPAN("inner") sum += work(number);
    }
    TRACED(trace_event("done"));
    return sum;
}

int off_functions(const char *text, size_t size) {
    TRACED(const trace_span span = trace_span_start("functions"));
    const int number = read_number(text, size);
    TRACED(trace_span_set_int(span, "number", number));
    TRACED(trace_span_set_string(span, "text", text));
    TRACED(trace_span_set_string_n(span, "text", text, size));
    TRACED(trace_span_set_double(span, "half", number / 2.0));
    TRACED(trace_span_set_bool(span, "positive", number > 0));
    TRACED(trace_span_set_bytes(span, "bytes", text, size));
    TRACED(trace_span_set_name(span, "renamed"));
    TRACED(trace_span_add_event(span, "read", NULL, 0));
    TRACED(if (number < 0) trace_span_record_error(span, "Negative", "the number is negative"));
    TRACED(if (number == 0) trace_span_set_status(span, TRACE_STATUS_ERROR, "nothing"));
    TRACED(trace_span_end(span));
    return number + work(number);
}

int off_contexts(int value) {
    TRACED(const trace_context context = trace_context_current());
    TRACED(const trace_span span = trace_span_start("contexts"));
    TRACED(const trace_mark mark = trace_mark_get());
    TRACE_WITH(context) value = work(value);
    TRACE_WITH_SPAN(span) value = work(value);
    TRACED(trace_unwind(mark));
    TRACED(trace_span_end(span));
    return value;
}
