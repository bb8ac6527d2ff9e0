/* tracer.c - the implementation for program.c, compiled without -finstrument-functions
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#define TRACE_IMPLEMENTATION
#include "../../trace_functions.h"
