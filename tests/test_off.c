/* test_off.c - TRACE_CONFIG_OFF: everything can be called, nothing is evaluated, results keep their names
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* no ledger: nothing is counted */
#include "test.h"

#define TRACE_CONFIG_OFF 1
#define TRACE_IMPLEMENTATION
#include "../trace.h"

TEST(results_have_their_names) {
    static const char *const names[] = {"ok", "timed out", "busy", "invalid argument", "out of memory", "spans were lost",
                                        "shut down", "not supported"};
    int i;
    for (i = 0; i <= (int)TRACE_RESULT_UNSUPPORTED; i++) CHECK_STR(trace_result_string((trace_result)i), names[i]);
    CHECK_STR(trace_result_string((trace_result)i), "unknown result");
}

static int evaluated;
static const char *name(void) { return evaluated++, "name"; }

TEST(no_argument_is_evaluated) {
    int bodies = 0;
    TRACE_SPAN(name()) bodies++;
    TRACE_WITH((evaluated++, trace_context_current())) bodies++;
    TRACE_WITH_SPAN((evaluated++, trace_span_current())) bodies++;
    TRACE_SUPPRESS { bodies++; }
    TRACE_BLOCK(name());
    trace_set(name(), evaluated++);
    trace_span_set((evaluated++, trace_span_current()), name(), name());
    CHECK_INT(bodies, 4);
    CHECK_INT(evaluated, 0);
}

TEST_MAIN()
