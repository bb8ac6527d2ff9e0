/* test_api.c - pseudo-random programs of API calls: what the library makes of them is what a model does (api_model.h)
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* no ledger: api_model.h asserts it after each call */
#include "test.h"

#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include "api_model.h"

TEST(programs_of_calls_do_what_the_model_does) {
    const unsigned long count = test_scaled(3000);
    unsigned long i;
    for (i = 0; i < count; i++) {
        uint8_t program[1024];
        const size_t size = (size_t)test_random_below(sizeof program);
        test_random_bytes(program, size);
        snprintf(api_whence, sizeof api_whence, "program %lu of TEST_SEED=%" PRIu64, i, test_seed_value);
        api_run(program, size);
    }
}

TEST_MAIN()
