/* fuzz_api.c - bytes as a program of API calls: what the library makes of it is what the model does (../api_model.h)
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#define TRACE_IMPLEMENTATION
#include "../../trace.h"

#include <errno.h>

#include "../api_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    api_run(data, size);
    return 0;
}
