/* mathlib: solves systems of linear equations.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   A library like any other: nothing here shows that it is instrumented. */
#ifndef MATHLIB_H
#define MATHLIB_H

#define MATHLIB_VERSION "1.2.0"
#define MATHLIB_SIZE_MAX 64

/* Solves matrix * x = right for x; `matrix` has size * size numbers, row by row. Returns 0, or -1 when the matrix is singular
   or the size is out of range. */
int mathlib_solve(int size, const double *matrix, const double *right, double *x);

#endif
