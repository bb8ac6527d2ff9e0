/* SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <stdio.h>

int main(void) {
    TRACE_SPAN("hello") {
        TRACE_SPAN("greet") printf("hello, world\n");
        trace_set("greeted", "world");
    }
    return 0;
}
