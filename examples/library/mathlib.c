/* SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   How a library instruments itself for others. With TRACE_CONFIG_LIBRARY the header brings no implementation: calls reach the
   one the application has, and cost a load and a branch where it has none. A library never initialises, prints or starts
   threads, and what only applications may call does not link here. TRACE_CONFIG_SCOPE says who made the spans of this file. */
#define TRACE_CONFIG_LIBRARY 1
#define TRACE_CONFIG_SCOPE (&mathlib_scope)
#include "../../trace.h"
#include "mathlib.h"

static const trace_scope mathlib_scope = {"mathlib", MATHLIB_VERSION, NULL};

typedef double row[MATHLIB_SIZE_MAX + 1];        /* the right side is the last column */

/* Gauss, with the largest pivot of each column. */
static bool eliminate(int size, row *rows) {
    bool regular = true;
    TRACE_SPAN("eliminate") {
        int swaps = 0;
        for (int pivot = 0; pivot < size && regular; pivot++) {
            int best = pivot;
            for (int i = pivot + 1; i < size; i++) {
                const double a = rows[i][pivot], b = rows[best][pivot];
                if (a * a > b * b) best = i;
            }
            if (rows[best][pivot] * rows[best][pivot] < 1e-24) regular = false;
            if (best != pivot) {
                row kept;
                memcpy(kept, rows[pivot], sizeof kept);
                memcpy(rows[pivot], rows[best], sizeof kept);
                memcpy(rows[best], kept, sizeof kept);
                swaps++;
            }
            for (int i = pivot + 1; i < size && regular; i++) {
                const double factor = rows[i][pivot] / rows[pivot][pivot];
                for (int j = pivot; j <= size; j++) rows[i][j] -= factor * rows[pivot][j];
            }
        }
        trace_set("swaps", swaps);
    }
    return regular;
}

static void substitute(int size, row *rows, double *x) {
    TRACE_FUNCTION();
    for (int i = size - 1; i >= 0; i--) {
        x[i] = rows[i][size];
        for (int j = i + 1; j < size; j++) x[i] -= rows[i][j] * x[j];
        x[i] /= rows[i][i];
    }
}

int mathlib_solve(int size, const double *matrix, const double *right, double *x) {
    int result = -1;
    if (size < 1 || size > MATHLIB_SIZE_MAX) return -1;
    TRACE_SPAN("solve") {
        row rows[MATHLIB_SIZE_MAX];
        trace_set("size", size);
        for (int i = 0; i < size; i++) {
            memcpy(rows[i], matrix + i * size, (size_t)size * sizeof *matrix);
            rows[i][size] = right[i];
        }
        if (!eliminate(size, rows)) {
            trace_error("SingularMatrix", "the equations do not determine x");
            break;
        }
        substitute(size, rows, x);
        result = 0;
    }
    return result;
}
