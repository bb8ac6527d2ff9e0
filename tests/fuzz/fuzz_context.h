/* fuzz_context.h - what the fuzzers of propagation share: properties, and a plain main() that replays a corpus
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   With libFuzzer:    clang -g -O1 -fsanitize=fuzzer,address,undefined fuzz_x.c -o fuzz_x && ./fuzz_x corpus/x
   Without:           cc -g -fsanitize=address,undefined fuzz_x.c -o fuzz_x -pthread && ./fuzz_x corpus/x     (files or folders)
   The properties do not use the library's own formatter to judge its parser: the grammars are written out again below. */
#ifndef FUZZ_CONTEXT_H
#define FUZZ_CONTEXT_H

#define TRACE_IMPLEMENTATION
#include "../../trace.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FUZZ_CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: property failed: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

/* Each target: the input is a copy of exactly that size, without terminator. */
static void fuzz(const char *bytes, size_t size);

static void fuzz_log(void *user, trace_log_level level, const char *message) {
    (void)user;
    (void)level;
    FUZZ_CHECK(!strchr(message, '\n') && !strchr(message, '\r') && strlen(message) < 4096);
}

static uint64_t fuzz_memory[512];

static void fuzz_start(void) {
    static bool started;
    trace_config config;
    if (started) return;
    started = true;
    memset(&config, 0, sizeof config);
    config.exporters[0] = trace_memory_exporter(fuzz_memory, sizeof fuzz_memory);
    config.disable_environment = true;
    config.disable_thread = true;
    config.logger.log_fn = fuzz_log;
    FUZZ_CHECK(trace_init(&config) == TRACE_RESULT_OK);
}

static bool fuzz_is(char c, const char *set) { return c && strchr(set, c); }

#define FUZZ_LOWER "abcdefghijklmnopqrstuvwxyz"
#define FUZZ_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define FUZZ_DIGIT "0123456789"
#define FUZZ_TOKEN FUZZ_LOWER FUZZ_UPPER FUZZ_DIGIT "!#$%&'*+-.^_`|~"

/* As in a regular expression: h a lower-case hex digit, any other character itself. */
static bool fuzz_matches(const char *text, size_t size, const char *pattern) {
    size_t i;
    if (strlen(pattern) != size) return false;
    for (i = 0; i < size; i++)
        if (pattern[i] == 'h' ? !fuzz_is(text[i], "0123456789abcdef") : text[i] != pattern[i]) return false;
    return true;
}

#define FUZZ_H4 "hhhh"
#define FUZZ_H8 FUZZ_H4 FUZZ_H4
#define FUZZ_H16 FUZZ_H8 FUZZ_H8
#define FUZZ_H32 FUZZ_H16 FUZZ_H16

static void fuzz_check_traceparent(const char *text, size_t size) {
    FUZZ_CHECK(fuzz_matches(text, size, "00-" FUZZ_H32 "-" FUZZ_H16 "-0h"));
    FUZZ_CHECK(fuzz_is(text[54], "0123"));
    FUZZ_CHECK(memcmp(text + 3, "00000000000000000000000000000000", 32) != 0 && memcmp(text + 36, "0000000000000000", 16) != 0);
}

/* W3C Trace Context level 2, 3.3.1: members without white space around them, keys unique, 32 at most. */
static void fuzz_check_tracestate(const char *text, size_t size) {
    size_t at = 0, count = 0, starts[33], key_sizes[33], i;
    FUZZ_CHECK(size > 0);
    while (at <= size) {
        size_t key = at, value;
        FUZZ_CHECK(count < 32);
        while (at < size && text[at] != '=') {
            FUZZ_CHECK(fuzz_is(text[at], at == key ? FUZZ_LOWER FUZZ_DIGIT : FUZZ_LOWER FUZZ_DIGIT "_-*/@"));
            at++;
        }
        FUZZ_CHECK(at < size && at - key >= 1 && at - key <= 256);
        starts[count] = key;
        key_sizes[count] = at - key;
        for (i = 0; i < count; i++) FUZZ_CHECK(key_sizes[i] != at - key || memcmp(text + starts[i], text + key, at - key) != 0);
        count++;
        value = ++at;
        while (at < size && text[at] != ',') {
            FUZZ_CHECK(text[at] >= 0x20 && text[at] <= 0x7e && text[at] != '=');
            at++;
        }
        FUZZ_CHECK(at - value >= 1 && at - value <= 256 && text[at - 1] != ' ');
        at++;
    }
}

/* W3C Baggage, 3.2: key=value[;property[=value]], unique keys, 64 members and 8,192 bytes at most. */
static void fuzz_check_baggage(const char *text, size_t size) {
    size_t at = 0, count = 0, starts[65], key_sizes[65], i;
    FUZZ_CHECK(size > 0 && size <= 8192);
    for (i = 0; i < size; i++) {
        unsigned byte;
        if (text[i] != '%' || i + 2 >= size || sscanf(text + i + 1, "%2x", &byte) != 1) continue;
        if (fuzz_is(text[i + 1], FUZZ_DIGIT "abcdefABCDEF") && fuzz_is(text[i + 2], FUZZ_DIGIT "abcdefABCDEF"))
            FUZZ_CHECK((byte >= 0x20 && byte != 0x7f) || byte == '\t' || byte == 0x20);
    }
    while (at <= size) {
        size_t key = at;
        bool property = false;
        FUZZ_CHECK(count < 64);
        while (at < size && text[at] != '=') {
            FUZZ_CHECK(fuzz_is(text[at], FUZZ_TOKEN));
            at++;
        }
        FUZZ_CHECK(at < size && at > key);
        starts[count] = key;
        key_sizes[count] = at - key;
        for (i = 0; i < count; i++) FUZZ_CHECK(key_sizes[i] != at - key || memcmp(text + starts[i], text + key, at - key) != 0);
        count++;
        for (at++; at < size && text[at] != ','; at++) {
            if (text[at] == ';') {
                property = true;
                FUZZ_CHECK(at + 1 < size && fuzz_is(text[at + 1], FUZZ_TOKEN));
                continue;
            }
            FUZZ_CHECK(text[at] > 0x20 && text[at] < 0x7f && text[at] != '"' && text[at] != '\\');
            if (!property && text[at] == '%')
                FUZZ_CHECK(fuzz_is(text[at + 1], "0123456789ABCDEF") && fuzz_is(text[at + 2], "0123456789ABCDEF"));
        }
        at++;
    }
}

static void fuzz_check_header(const char *name, size_t name_size, const char *value, size_t size) {
    size_t i;
    char lower[300];
    FUZZ_CHECK(name_size > 0 && name_size < sizeof lower);
    for (i = 0; i < name_size; i++) {
        FUZZ_CHECK(fuzz_is(name[i], FUZZ_TOKEN));
        lower[i] = name[i];
    }
    lower[i] = '\0';
    for (i = 0; i < size; i++) FUZZ_CHECK(value[i] >= 0x20 && value[i] < 0x7f);
    if (strcmp(lower, "traceparent") == 0) fuzz_check_traceparent(value, size);
    else if (strcmp(lower, "tracestate") == 0) fuzz_check_tracestate(value, size);
    else if (strcmp(lower, "baggage") == 0) fuzz_check_baggage(value, size);
    else if (strcmp(lower, "b3") == 0)
        FUZZ_CHECK(size >= 49 && fuzz_matches(value, 49, FUZZ_H32 "-" FUZZ_H16) &&
                   (size == 49 || (size == 51 && value[49] == '-' && fuzz_is(value[50], "01d"))));
    else if (strcmp(lower, "X-B3-TraceId") == 0) FUZZ_CHECK(fuzz_matches(value, size, FUZZ_H32));
    else if (strcmp(lower, "X-B3-SpanId") == 0) FUZZ_CHECK(fuzz_matches(value, size, FUZZ_H16));
    else if (strcmp(lower, "X-B3-Sampled") == 0) FUZZ_CHECK(size == 1 && fuzz_is(value[0], "01"));
    else if (strcmp(lower, "X-B3-Flags") == 0) FUZZ_CHECK(size == 1 && value[0] == '1');
    else if (strcmp(lower, "uber-trace-id") == 0) FUZZ_CHECK(fuzz_matches(value, size, FUZZ_H32 ":" FUZZ_H16 ":0:0h") && fuzz_is(value[size - 1], "013"));
    else if (strcmp(lower, "X-Amzn-Trace-Id") == 0)
        FUZZ_CHECK(size == 74 && fuzz_matches(value, 73, "Root=1-" FUZZ_H8 "-" FUZZ_H16 FUZZ_H8 ";Parent=" FUZZ_H16 ";Sampled=") && fuzz_is(value[73], "01?"));
    else FUZZ_CHECK(strncmp(lower, "uberctx-", 8) == 0);
}

static char fuzz_out[2][65536];

/* What holds of every context, wherever it came from: it is whole, its headers are valid, and they read back as they were. */
static void fuzz_check_context(trace_context context) {
    const char *at = fuzz_out[0];
    size_t size, again;
    trace_context back;
    FUZZ_CHECK(context.is_explicit && !(context.flags & ~3u));
    FUZZ_CHECK(trace_context_is_valid(context) == context.is_remote);
    size = trace_inject_raw(context, fuzz_out[0], sizeof fuzz_out[0]);
    FUZZ_CHECK(size < sizeof fuzz_out[0] && strlen(fuzz_out[0]) == size);
    while (*at) {
        const char *const colon = strchr(at, ':'), *const end = strstr(at, "\r\n");
        FUZZ_CHECK(colon && end && colon < end && colon[1] == ' ');
        fuzz_check_header(at, (size_t)(colon - at), colon + 2, (size_t)(end - colon - 2));
        at = end + 2;
    }
    if (context.reserved) return;      /* a decision left open cannot be said in every format */
    back = trace_extract_raw(fuzz_out[0], size);
    FUZZ_CHECK(memcmp(context.trace_id, back.trace_id, 16) == 0 && memcmp(context.span_id, back.span_id, 8) == 0);
    FUZZ_CHECK((context.flags & 1) == (back.flags & 1) || !trace_context_is_valid(back));
    again = trace_inject_raw(back, fuzz_out[1], sizeof fuzz_out[1]);
    FUZZ_CHECK(again == size && memcmp(fuzz_out[0], fuzz_out[1], size) == 0);
}

/* The input as the value of one header, alone and after a valid traceparent. */
TRACEI_UNUSED static void fuzz_check_value(const char *name, const char *bytes, size_t size) {
    trace_header headers[2];
    headers[0].name.data = "traceparent";
    headers[0].name.size = 11;
    headers[0].value.data = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
    headers[0].value.size = 55;
    headers[1].name.data = name;
    headers[1].name.size = strlen(name);
    headers[1].value.data = bytes;
    headers[1].value.size = size;
    fuzz_check_context(trace_extract_headers(headers + 1, 1));
    fuzz_check_context(trace_extract_headers(headers, 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *const exact = (char *)malloc(size ? size : 1);
    if (!exact) return 0;
    fuzz_start();
    if (size) memcpy(exact, data, size);
    fuzz(exact, size);
    free(exact);
    return 0;
}

static unsigned fuzz_replay(const char *path) {
    struct stat info;
    unsigned count = 0;
    if (stat(path, &info) != 0) return 0;
    if (S_ISDIR(info.st_mode)) {
        DIR *const folder = opendir(path);
        struct dirent *entry;
        while (folder && (entry = readdir(folder)) != NULL) {
            char inner[4096];
            if (entry->d_name[0] == '.') continue;
            if ((size_t)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) < sizeof inner) count += fuzz_replay(inner);
        }
        if (folder) closedir(folder);
    } else {
        FILE *const file = fopen(path, "rb");
        uint8_t *const bytes = (uint8_t *)malloc((size_t)info.st_size + 1);
        if (file && bytes) {
            (void)LLVMFuzzerTestOneInput(bytes, fread(bytes, 1, (size_t)info.st_size, file));
            count = 1;
        }
        free(bytes);
        if (file) fclose(file);
    }
    return count;
}

/* Weak: libFuzzer brings its own. */
__attribute__((weak)) int main(int argc, char **argv) {
    unsigned count = 0;
    int i;
    for (i = 1; i < argc; i++)
        if (argv[i][0] != '-') count += fuzz_replay(argv[i]);
    printf("%u inputs passed\n", count);
    return 0;
}

#endif /* FUZZ_CONTEXT_H */
