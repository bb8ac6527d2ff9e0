/* Spans in code that leaves by longjmp, as Lua, libpng or PostgreSQL extensions do.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   A calculator whose parser jumps out of any depth on an error. A mark is taken before setjmp; after the jump trace_unwind
   ends what was left open above it, as abandoned, and the error goes on the span that is current again.

       cc examples/longjmp.c -pthread -o longjmp && ./longjmp ["expression" ...] */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 50

typedef struct parser {
    const char *at;
    int depth;
    const char *complaint;
    jmp_buf failed;
} parser;

static void fail(parser *p, const char *complaint) {
    p->complaint = complaint;
    longjmp(p->failed, 1);
}

static void skip_spaces(parser *p) {
    while (*p->at == ' ') p->at++;
}

static double parse_sum(parser *p);

static double parse_factor(parser *p) {
    char *end = NULL;
    skip_spaces(p);
    if (*p->at == '(') {
        double value = 0;
        if (++p->depth > DEPTH_MAX) fail(p, "too deeply nested");
        p->at++;
        TRACE_SPAN("parenthesis") {           /* left open when something inside fails */
            value = parse_sum(p);
            skip_spaces(p);
            if (*p->at != ')') fail(p, "a closing parenthesis is missing");
            p->at++;
            trace_set("value", value);
        }
        p->depth--;
        return value;
    }
    const double value = strtod(p->at, &end);
    if (end == p->at) fail(p, *p->at ? "a number was expected here" : "the expression stops too early");
    p->at = end;
    return value;
}

static double parse_product(parser *p) {
    double value = parse_factor(p);
    for (skip_spaces(p); *p->at == '*' || *p->at == '/'; skip_spaces(p)) {
        const bool divides = *p->at++ == '/';
        const double factor = parse_factor(p);
        if (divides && !(factor < 0 || factor > 0)) fail(p, "division by zero");
        value = divides ? value / factor : value * factor;
    }
    return value;
}

static double parse_sum(parser *p) {
    double value = parse_product(p);
    for (skip_spaces(p); *p->at == '+' || *p->at == '-'; skip_spaces(p)) {
        const bool subtracts = *p->at++ == '-';
        const double term = parse_product(p);
        value = subtracts ? value - term : value + term;
    }
    return value;
}

static bool evaluate(const char *text, double *value) {
    parser p = {.at = text};
    TRACE_SPAN("evaluate") {
        const trace_mark mark = trace_mark_get();
        trace_set("expression", text);
        if (setjmp(p.failed) == 0) {
            *value = parse_sum(&p);
            if (*p.at) fail(&p, "something follows the expression");
            trace_set("value", *value);
        } else {
            trace_unwind(mark);   /* ends every "parenthesis" the jump went over */
            trace_error("SyntaxError", p.complaint);
            trace_set("column", p.at - text + 1);
            printf("%s\n%*s^ %s\n", text, (int)(p.at - text), "", p.complaint);
        }
    }
    return !p.complaint;
}

int main(int argc, char **argv) {
    static const char *const samples[] = {"1 + 2 * 3", "((1 + 2) * (3 + 4)) / 7", "2 * (3 + (4 - (5 / 0)))", "(1 + (2 * 3)"};
    const char *const *texts = argc > 1 ? (const char *const *)(argv + 1) : samples;
    const int count = argc > 1 ? argc - 1 : (int)(sizeof samples / sizeof samples[0]);
    TRACE_SPAN("calculator") {
        for (int i = 0; i < count; i++) {
            double value = 0;
            if (evaluate(texts[i], &value)) printf("%s = %g\n", texts[i], value);
        }
    }
    return 0;
}
