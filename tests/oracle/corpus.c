/* corpus.c - writes a corpus for oracle.py: corpus <folder> <seed> <batches>
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   recorded.jsonl (descriptions), otlp.jsonl, zipkin.jsonl; otlp.bin, jaeger.bin, jaeger_compact.bin: each message after
   its size, 4 bytes little-endian */
#define TRACE_IMPLEMENTATION
#include "../../trace_otlp.h"
#include "../../trace_zipkin.h"
#include "../../trace_jaeger.h"

#include "corpus.h"

#define SCOPES 6
#define RESOURCES 2
#define SPANS_MAX 40

static FILE *open_in(const char *folder, const char *name) {
    char path[1024];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(2);
    }
    return file;
}

static const trace_scope scopes[SCOPES] = {
    {NULL, NULL, NULL}, {"lib", NULL, NULL}, {"lib", "1.0", NULL}, {"l\"i\\b\xff", "\xc3\xa9", "https://example.org/schema"}, {NULL, "2", NULL}, {"", "", "x"}};

static tracei_otlp_encoder json_encoder;
static tracei_otlp protobuf;
static tracei_zipkin_origin origin;
static char encoded[2][32 << 20], request[64 << 20];

/* Items one after the other, as a queue would hold them. */
static size_t encode(tracei_otlp_encoder *encoder, char *memory, const trace_span_data *spans, const unsigned *resource_of, const trace_resource *resources,
                     size_t count, tracei_item *items) {
    char *at = memory;
    for (size_t i = 0; i < count; i++) {
        uint32_t resource = tracei_otlp_resource(encoder, &resources[resource_of[i]]);
        size_t promised = tracei_otlp_span_size(&spans[i]);
        char *end = tracei_otlp_span(encoder, at, &spans[i]);
        if ((size_t)(end - at) > promised) {
            fprintf(stderr, "span %zu: %zu bytes, promised %zu\n", i, (size_t)(end - at), promised);
            exit(1);
        }
        items[i].data = (const uint8_t *)at;
        items[i].size = (uint32_t)(end - at);
        items[i].scope = tracei_otlp_group(encoder, resource, spans[i].scope);
        at = end;
    }
    return (size_t)(at - memory);
}

static size_t assemble(tracei_otlp_encoder *encoder, const tracei_item *items, size_t count) {
    size_t promised = tracei_otlp_request_size(encoder, items, count);
    size_t size = (size_t)(tracei_otlp_request(encoder, request, items, count) - request);
    if (size > promised || promised - size > 32 + 2 * count || (!encoder->json && size != promised)) {
        fprintf(stderr, "request: %zu bytes, promised %zu\n", size, promised);
        exit(1);
    }
    return size;
}

static void write_message(FILE *file, const void *message, size_t size) {
    uint8_t length[4];
    for (int i = 0; i < 4; i++) length[i] = (uint8_t)(size >> 8 * i);
    fwrite(length, 1, 4, file);
    fwrite(message, 1, size, file);
}

/* The spans that share the first one's resource, as one Batch: over HTTP when it is binary, else as a packet. */
static void write_jaeger(FILE *file, bool compact, const trace_span_data *spans, const unsigned *resource_of, const trace_resource *resources, size_t count) {
    static tracei_jaeger exporters[2];
    static tracei_body body;
    tracei_jaeger *self = &exporters[compact];
    tracei_jaeger_cut whole;
    tracei_item items[SPANS_MAX];
    size_t used = 0;
    char *at = encoded[0];
    memset(&whole, 0, sizeof whole);
    whole.text = SIZE_MAX;
    self->encoder.compact = self->udp = compact;
    self->encoder.scope = NULL;
    self->process_bytes = 1u << 20;
    if (!self->scratch) self->scratch = (char *)malloc(self->process_bytes);
    for (size_t i = 0; i < count; i++) {
        size_t promised = tracei_jaeger_span_size(&spans[i], &whole);
        char *end;
        if (resource_of[i] != resource_of[0]) continue;
        end = tracei_jaeger_span(&self->encoder, at, &spans[i], &whole);
        if ((size_t)(end - at) > promised) {
            fprintf(stderr, "jaeger span %zu: %zu bytes, promised %zu\n", i, (size_t)(end - at), promised);
            exit(1);
        }
        items[used].data = (const uint8_t *)at;
        items[used].size = (uint32_t)(end - at);
        items[used++].scope = tracei_jaeger_process_number(self, &resources[resource_of[0]]);
        at = end;
    }
    body.size = 0;
    body.limit = SIZE_MAX;
    if (!tracei_jaeger_assemble(self, items, used, &body)) exit(1);
    write_message(file, body.data, body.size);
}

/* The same items as the exporter would hand them to gRPC, every other time compressed. */
static void write_grpc(FILE *file, const tracei_item *items, size_t count, bool compressed) {
    static tracei_body body;
    protobuf.gzip = compressed && TRACEI_HTTP_GZIP;
    body.size = 0;
    body.limit = SIZE_MAX;
    if (!tracei_otlp_assemble(&protobuf, items, count, &body)) exit(1);
    write_message(file, body.data, body.size);
}

int main(int argc, char **argv) {
    FILE *recorded, *json, *binary, *grpc, *zipkin, *jaeger, *jaeger_compact;
    trace_resource resources[RESOURCES];
    unsigned batches;
    if (argc != 4) return 2;
    recorded = open_in(argv[1], "recorded.jsonl");
    json = open_in(argv[1], "otlp.jsonl");
    binary = open_in(argv[1], "otlp.bin");
    grpc = open_in(argv[1], "otlp.grpc");
    zipkin = open_in(argv[1], "zipkin.jsonl");
    jaeger = open_in(argv[1], "jaeger.bin");
    jaeger_compact = open_in(argv[1], "jaeger_compact.bin");
    corpus_state = strtoull(argv[2], NULL, 0);
    batches = (unsigned)strtoul(argv[3], NULL, 0);
    json_encoder.json = true;
    protobuf.grpc = true;
    memset(resources, 0, sizeof resources);
    for (int i = 0; i < RESOURCES; i++) {
        trace_attribute *attributes = (trace_attribute *)corpus_take(4 * sizeof *attributes);
        attributes[0].key = corpus_copy("service.name", 12);
        attributes[0].value.type = TRACE_TYPE_STRING;
        attributes[0].value.as.string = corpus_copy(i ? "s\"v\xff" : "svc", i ? 4 : 3);
        for (int j = 1; j < 4; j++) {
            attributes[j].key = corpus_text(false);
            attributes[j].value = corpus_value(0);
        }
        resources[i].attributes = attributes;
        resources[i].attribute_count = i ? 4 : 1;
        resources[i].schema_url = i ? corpus_copy("https://opentelemetry.io/schemas/1.40.0", 39) : corpus_copy("", 0);
    }
    for (unsigned batch = 0; batch < batches; batch++) {
        size_t kept = corpus_used, count = 1 + corpus_below(batch % 7 ? 6 : SPANS_MAX), size;
        trace_span_data spans[SPANS_MAX];
        unsigned resource_of[SPANS_MAX], scope_of[SPANS_MAX];
        tracei_item items[2][SPANS_MAX];
        for (size_t i = 0; i < count; i++) {
            resource_of[i] = corpus_below(3) ? 0 : corpus_below(RESOURCES);
            scope_of[i] = corpus_below(2) ? 2 : corpus_below(SCOPES);
            spans[i] = corpus_span(scope_of[i] || corpus_below(2) ? &scopes[scope_of[i]] : NULL);
        }
        fprintf(recorded, "{\"resources\":[");
        for (int i = 0; i < RESOURCES; i++) {
            fprintf(recorded, "%s{\"_\":0", i ? "," : "");
            describe_text(recorded, "schema_url", resources[i].schema_url);
            describe_attributes(recorded, resources[i].attributes, resources[i].attribute_count);
            fputc('}', recorded);
        }
        fprintf(recorded, "],\"scopes\":[");
        for (int i = 0; i < SCOPES; i++) {
            if (i) fputc(',', recorded);
            describe_scope(recorded, &scopes[i]);
        }
        fprintf(recorded, "],\"spans\":[");
        for (size_t i = 0; i < count; i++) {
            if (i) fputc(',', recorded);
            describe_span(recorded, &spans[i], resource_of[i], scope_of[i]);
        }
        fprintf(recorded, "]}\n");

        encode(&json_encoder, encoded[0], spans, resource_of, resources, count, items[0]);
        size = assemble(&json_encoder, items[0], count);
        fwrite(request, 1, size, json);
        fputc('\n', json);
        encode(&protobuf.encoder, encoded[1], spans, resource_of, resources, count, items[1]);
        size = assemble(&protobuf.encoder, items[1], count);
        write_message(binary, request, size);
        write_grpc(grpc, items[1], count, batch % 2 != 0);
        write_jaeger(jaeger, false, spans, resource_of, resources, count);
        write_jaeger(jaeger_compact, true, spans, resource_of, resources, count);

        fputc('[', zipkin);
        for (size_t i = 0; i < count; i++) {
            size_t promised;
            char *end;
            tracei_zipkin_set_origin(&origin, &resources[resource_of[i]], false);
            promised = tracei_zipkin_span_size(&spans[i], &origin);
            end = tracei_zipkin_span(request, &spans[i], &origin);
            if ((size_t)(end - request) > promised) {
                fprintf(stderr, "zipkin span %zu: %zu bytes, promised %zu\n", i, (size_t)(end - request), promised);
                return 1;
            }
            if (i) fputc(',', zipkin);
            fwrite(request, 1, (size_t)(end - request), zipkin);
        }
        fprintf(zipkin, "]\n");
        corpus_used = kept;
    }
    fclose(recorded);
    fclose(json);
    fclose(binary);
    fclose(grpc);
    fclose(zipkin);
    fclose(jaeger);
    fclose(jaeger_compact);
    return 0;
}
