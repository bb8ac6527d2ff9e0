/* What a user's file may contain, under the strictest warnings. Compiled, never run.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include LINT_HEADER

void lint_user_plain(int count, const char *text);

void lint_user_plain(int count, const char *text) {
    trace_span span = trace_span_start("plain");
#ifdef __cplusplus
    trace_span_options options = trace_span_options();
#else
    trace_span_options options = {0};
#endif
    trace_attribute attributes[2];
    char parent[56];
    options.struct_size = sizeof options;
    options.kind = TRACE_KIND_CLIENT;
    options.parent = trace_span_context(span);
    attributes[0] = TRACE_ATTR_INT("count", count);
    attributes[1] = TRACE_ATTR_STRING("text", text);
    trace_span_set_int(span, "count", count);
    trace_span_set_uint(span, "size", strlen(text));
    trace_span_set_string(span, "text", text);
    trace_span_set_bool(span, "yes", true);
    trace_span_set_double(span, "ratio", 0.5);
    trace_span_add_event(span, "event", attributes, 2);
    trace_span_set_status(span, TRACE_STATUS_ERROR, "why");
    trace_context_format(trace_span_context(span), parent);
    trace_span_end(trace_span_start_with("child", &options));
    trace_span_end(span);
    trace_event("nothing");
    trace_error("Type", "message");
}

#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)
static const char *lint_user_name(int count) { return count ? "some" : "none"; }      /* for tracing alone */
int lint_user_blocks(const trace_context *context, int count);

int lint_user_blocks(const trace_context *context, int count) {
    TRACE_SPAN(lint_user_name(count)) {
        TRACE_SPAN("inner") count++;
        TRACE_WITH(*context) { count++; }
        TRACE_WITH_SPAN(trace_span_current()) count++;
        TRACE_SUPPRESS { count++; }
        if (count == 7) return 1;
        if (count == 8) break;
    }
#if !defined(__cplusplus) || __cplusplus >= 202002L
    TRACE_SPAN("options", .kind = TRACE_KIND_SERVER, .root = true) {
        TRACE_SPAN("detached", .detached = true) count++;
    }
#endif
#if defined(TRACE_FUNCTION)
    TRACE_FUNCTION();
    TRACE_BLOCK("rest");
#endif
#ifdef __cplusplus /* what is captured for tracing alone */
    const trace_context here = trace_context_current();
    const trace_span span = trace_span_current();
    const char *const name = "lambda";
    [here, name] { TRACE_WITH(here) { TRACE_SPAN(name) {} } }();
    [span, name, count] { TRACE_WITH_SPAN(span) { trace_set(name, count); } }();
    [span, name, count] { trace_span_set(span, name, count); }();
    [name] { TRACE_BLOCK(name); }();
#endif
    return count;
}
#endif

#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L)
void lint_user_types(trace_span span);

void lint_user_types(trace_span span) {
    char text[] = "text";
    const unsigned char bytes[] = {'a', 0};
    struct { unsigned bits : 3; signed few : 4; } fields;
    fields.bits = 5;
    fields.few = -1;
    trace_set("a", 1);
    trace_set("b", 1u);
    trace_set("c", 1l);
    trace_set("d", 1ull);
    short small = 1;
    trace_set("e", small);
    trace_set("f", 'c');
    trace_set("g", 1.5f);
    trace_set("h", 1.5);
    trace_set("i", 1.5L);
    trace_set("j", true);
    trace_set("k", "literal");
    trace_set("l", text);
    trace_set("m", bytes);
    trace_set("o", sizeof text);
    trace_span_set(span, "p", TRACE_KIND_SERVER);
#if !defined(__cplusplus)
    trace_set("n", fields.bits);
    trace_set("q", fields.few);
#else
    (void)fields;
#endif
    {
        trace_attribute attributes[] = {TRACE_ATTR("a", 1), TRACE_ATTR("b", "text"), TRACE_ATTR("c", 0.5), TRACE_ATTR("d", true)};
        trace_span_add_event(span, "event", attributes, 4);
    }
}
#endif
