/* fuzz_genai.c - any bytes as the messages of a span on its way to every backend, as content, and as a table of prices
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#define TRACE_IMPLEMENTATION
#include "../../trace_genai.h"

#include <stdio.h>
#include <stdlib.h>

#define FUZZ_CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

static void quiet(void *user, trace_log_level level, const char *message) { (void)user, (void)level, (void)message; }

/* Every byte an exporter is told is read. */
static trace_result reads_all(void *user, const trace_batch *batch) {
    size_t i, sum = 0;
    for (i = 0; i < batch->span_count; i++) {
        const trace_span_data *const span = &batch->spans[i];
        for (size_t j = 0; j < span->attribute_count; j++) {
            const trace_attribute *const a = &span->attributes[j];
            for (size_t k = 0; k < a->key.size; k++) sum += (unsigned char)a->key.data[k];
            if (a->value.type != TRACE_TYPE_STRING && a->value.type != TRACE_TYPE_JSON) continue;
            for (size_t k = 0; k < a->value.as.string.size; k++) sum += (unsigned char)a->value.as.string.data[k];
            if (batch->resource && a->value.type == TRACE_TYPE_JSON && a->key.size == 22 &&
                memcmp(a->key.data, "gen_ai.output.messages", 22) == 0)     /* written by us, not by the fuzzer */
                FUZZ_CHECK(tracei_genai_is_json(a->value.as.string));
        }
    }
    *(size_t *)user += sum;
    return TRACE_RESULT_OK;
}

static void as_attributes(const char *bytes, size_t size) {
    static const char *const keys[] = {"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"};
    trace_attribute attributes[4];
    trace_span_data span;
    trace_exporter exporter;
    trace_batch batch;
    size_t sum = 0, i;
    memset(attributes, 0, sizeof attributes);
    memset(&span, 0, sizeof span);
    memset(&exporter, 0, sizeof exporter);
    memset(&batch, 0, sizeof batch);
    attributes[0] = tracei_attr_string("gen_ai.operation.name", "chat");
    for (i = 0; i < 3; i++) {
        attributes[i + 1] = tracei_attr_json(keys[i], "");
        attributes[i + 1].value.as.string.data = bytes;
        attributes[i + 1].value.as.string.size = size;
    }
    span.attributes = attributes;
    span.attribute_count = 4;
    exporter.name = "fuzz";
    exporter.export_fn = reads_all;
    exporter.user = &sum;
    batch.spans = &span;
    batch.span_count = 1;
    FUZZ_CHECK(tracei_genai_export(&exporter, &batch) == TRACE_RESULT_OK);
}

static void as_content(const char *bytes, size_t size) {
    trace_genai_part part;
    trace_genai_message message;
    if (!size) return;
    memset(&part, 0, sizeof part);
    memset(&message, 0, sizeof message);
    part.type = (trace_genai_part_type)((unsigned char)bytes[0] % 5);
    part.text = message.content = bytes;
    part.size = message.content_size = size;
    message.parts = &part;
    message.part_count = 1;
    TRACE_GENAI_CHAT("openai", "gpt-4o") {
        trace_genai_set_output(trace_span_current(), &message, 1);
        tracei_genai_set_text(trace_span_current(), "gen_ai.tool.call.result", bytes, size, true);
    }
    (void)trace_pump(0);
}

static void as_prices(const char *bytes, size_t size) {
    char *const text = (char *)malloc(size + 1);
    static tracei_genai_price lines[4096];
    size_t count = 0, ends = 1;
    if (!text) abort();
    memcpy(text, bytes, size);
    text[size] = '\0';
    for (size_t i = 0; i < size; i++) ends += text[i] == '\n';
    if (ends < 4096 && tracei_genai_prices_parse(text, lines, &count)) FUZZ_CHECK(count <= ends);
    for (size_t i = 0; i < count; i++) FUZZ_CHECK(lines[i].input >= 0 && lines[i].output <= 1e9);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static bool begun;
    static size_t sum;
    if (!begun) {
        trace_genai_options options;
        trace_config config;
        memset(&options, 0, sizeof options);
        memset(&config, 0, sizeof config);
        config.exporters[0].struct_size = sizeof(trace_exporter);
        config.exporters[0].name = "fuzz";
        config.exporters[0].export_fn = reads_all;
        config.exporters[0].user = &sum;
        config.disable_thread = config.disable_environment = true;
        config.logger.log_fn = quiet;
        options.capture_content = TRACE_CHOICE_YES;
        options.max_content_bytes = 1024;
        options.dialects = 63;
        FUZZ_CHECK(trace_init(&config) == TRACE_RESULT_OK && trace_genai_init(&options) == TRACE_RESULT_OK);
        begun = true;
    }
    as_attributes((const char *)bytes, size);
    as_content((const char *)bytes, size);
    as_prices((const char *)bytes, size);
    return 0;
}
