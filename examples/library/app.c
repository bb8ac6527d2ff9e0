/* An application that uses an instrumented library: the library's spans appear below its own.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       cc -O2 examples/library/app.c examples/library/mathlib.c -pthread -o app && ./app
   With -DAPP_WITHOUT_TRACING this file does not know of trace.h, and the same library does the same work in silence. */
#ifdef APP_WITHOUT_TRACING
#define TRACE_SPAN(name)
#define trace_set(key, value)
#else
#define TRACE_IMPLEMENTATION
#include "../../trace.h"
#endif
#include "mathlib.h"
#include <stdio.h>

/* The polynomial of degree n - 1 through n points, as a system of equations. */
static void fit(int count, const double *at, const double *value) {
    TRACE_SPAN("fit polynomial") {
        double matrix[MATHLIB_SIZE_MAX * MATHLIB_SIZE_MAX], coefficients[MATHLIB_SIZE_MAX];
        trace_set("points", count);
        for (int i = 0; i < count; i++) {
            double power = 1;
            for (int j = 0; j < count; j++, power *= at[i]) matrix[i * count + j] = power;
        }
        if (mathlib_solve(count, matrix, value, coefficients) != 0) {
            printf("no polynomial goes through these %d points\n", count);
        } else {
            for (int j = 0; j < count; j++) printf("%s%g x^%d", j ? " + " : "", coefficients[j], j);
            printf("\n");
        }
    }
}

int main(void) {
    const double at[] = {0, 1, 2, 3}, twice[] = {0, 1, 1, 3}, value[] = {1, 3, 11, 31};
    fit(4, at, value);
    fit(3, at, value);
    fit(4, twice, value);         /* two values at the same place */
    return 0;
}
