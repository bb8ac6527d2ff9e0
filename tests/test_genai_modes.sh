#!/bin/sh
# trace_genai.h in a library that only instruments itself, and switched off.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
set -u
cd "$(dirname "$0")/.." || exit 2
: "${CC:=cc}" "${TEST_BUILD_DIR:=build/genai_modes}"
mkdir -p "$TEST_BUILD_DIR"
out=$TEST_BUILD_DIR top=$PWD
passed=0 failed=0

cat >"$out/library.c" <<END
#include "$top/trace_genai.h"
int evaluated;
static const char *model(void) { evaluated++; return "gpt-4o"; }
void ask(void);
void ask(void) {
    TRACE_GENAI_CHAT("openai", model(), .kind = TRACE_KIND_INTERNAL) {
        trace_genai_stream stream = trace_genai_stream_start();
        trace_genai_usage usage = {.input_tokens = 7, .output_tokens = 3};
        trace_genai_message message = {.role = "user", .content = "canary-41"};
        for (int i = 0; i < 3; i++) trace_genai_stream_chunk(&stream);
        trace_genai_set_usage(trace_span_current(), &usage);
        trace_genai_set_stream(trace_span_current(), &stream);
        trace_genai_set_input(trace_span_current(), &message, 1);
        if (trace_genai_captures_content()) evaluated += 100;
    }
    {
        const trace_genai_identity identity = {.run_id = "run-7", .user_id = "ada"};
        TRACE_WITH(trace_genai_identify(trace_context_current(), &identity)) trace_span_end(trace_genai_start_tool("weather", NULL));
    }
}
END
cat >"$out/application.c" <<END
#define TRACE_IMPLEMENTATION
#include "$top/trace_genai.h"
#include <stdio.h>
extern int evaluated;
void ask(void);
int main(void) {
    trace_genai_options options = {.capture_content = TRACE_CHOICE_YES, .prices = "* gpt-4o 1 1"};
    trace_genai_init(&options);
    ask();
    trace_flush(1000);
    printf("evaluated %d\n", evaluated);
    return 0;
}
END

check() { # what, condition
    if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED $1"; head -n 8 "$out/said" | cut -c 1-300 | sed 's/^/    /'; fi
}

flags="-std=gnu11 -O0 -Wall -Wextra -Werror"
build() { $CC $flags "$@" >"$out/said" 2>&1; }

build -DTRACE_CONFIG_LIBRARY=1 -c "$out/library.c" -o "$out/library.o" && build "$out/application.c" "$out/library.o" -pthread -o "$out/application"
check "a library and its application build" $?
TRACE_CONSOLE=line OTEL_TRACES_EXPORTER=console "$out/application" >"$out/said" 2>&1
check "they run" $?
grep -q 'gen_ai.usage.output_tokens=3' "$out/said" && grep -q 'gen_ai.usage.cost=' "$out/said" && grep -q 'trace_h.stream.chunk_interval.max=' "$out/said"
check "its usage, cost and stream are recorded" $?
[ "$(grep -c 'vllora.run_id=run-7 .*user.id=ada' "$out/said")" -eq 1 ] && [ "$(grep -o 'vllora.run_id' "$out/said" | wc -l)" -eq 1 ]
check "whom it is for is recorded, once" $?
grep -q 'evaluated 1' "$out/said" && ! grep -q canary "$out/said"
check "its content is not" $?
build -DTRACE_CONFIG_LIBRARY=1 "$out/library.c" -x c - -o "$out/alone" <<'END'
#include <stdio.h>
extern int evaluated;
void ask(void);
int main(void) { ask(); printf("evaluated %d\n", evaluated); return 0; }
END
"$out/alone" >"$out/said" 2>&1 && grep -q 'evaluated 1' "$out/said"
check "without a tracer it does nothing" $?
build -O2 -DTRACE_CONFIG_OFF=1 -c "$out/library.c" -o "$out/off.o"
check "switched off it builds" $?
nm "$out/off.o" >"$out/said" 2>&1
[ "$(grep -c ' [TtDdBbUVvWw] ' "$out/said")" -eq "$(grep -cE ' (evaluated|ask)$' "$out/said")" ] && ! grep -q trace "$out/said"
check "and leaves nothing" $?
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
