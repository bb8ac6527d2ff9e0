/* Spans across fork and exec.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   After fork the child goes on with the parent's current context, so its spans are part of the same trace; it has ids, a
   pipeline and an exporter state of its own and sends nothing that was its parent's. Across exec the context travels in the
   environment, as TRACEPARENT.

   Here the parent forks one process a file to checksum it, and runs itself once more as a program of its own.

       cc -O2 examples/fork.c -pthread -o fork && ./fork [file ...]          (by default files of this repository) */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Adler-32 (RFC 1950). */
static int checksum(const char *path, uint32_t *sum) {
    int error = 0;
    TRACE_SPAN("checksum") {
        unsigned char bytes[16384];
        uint32_t a = 1, b = 0;
        size_t got, size = 0;
        FILE *file = fopen(path, "rb");
        trace_set("file.path", path);
        if (!file) {
            error = errno;
            trace_span_record_errno(trace_span_current(), error);
            break;                /* leaves the block */
        }
        while ((got = fread(bytes, 1, sizeof bytes, file)) > 0) {
            for (size_t i = 0; i < got; i++) a = (a + bytes[i]) % 65521, b = (b + a) % 65521;
            size += got;
        }
        fclose(file);
        *sum = b << 16 | a;
        trace_set("file.size", size);
    }
    return error;
}

static pid_t start_child(const char *path) {
    const pid_t child = fork();
    if (child == 0) {
        uint32_t sum = 0;
        const int error = checksum(path, &sum);
        if (error) printf("%-24s %s\n", path, strerror(error));
        else printf("%-24s %08lx\n", path, (unsigned long)sum);
        exit(error ? 1 : 0);      /* exit() delivers the child's spans; _exit() would need a trace_flush() before it */
    }
    return child;
}

static pid_t start_program(const char *self, const char *path) {
    char traceparent[56];
    pid_t child;
    trace_context_format(trace_context_current(), traceparent);     /* before fork: the child may do little */
    child = fork();
    if (child == 0) {
        setenv("TRACEPARENT", traceparent, 1);
        execl(self, self, "--one", path, (char *)NULL);
        _exit(127);
    }
    return child;
}

static int wait_for(pid_t child) {
    int status = 0;
    if (child < 0) return 1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

int main(int argc, char **argv) {
    static const char *const here[] = {"trace.h", "examples/fork.c", "examples/no_such_file.c"};
    const char *const *paths = argc > 1 ? (const char *const *)(argv + 1) : here;
    const int count = argc > 1 ? argc - 1 : (int)(sizeof here / sizeof here[0]);
    int failures = 0;

    if (argc == 3 && strcmp(argv[1], "--one") == 0) {
        uint32_t sum = 0;
        /* The spans of this program belong below the span of whoever started it. No TRACEPARENT: a trace of its own. */
        TRACE_WITH(trace_extract_environment()) {
            TRACE_SPAN("program") failures = checksum(argv[2], &sum);
        }
        if (!failures) printf("%-24s %08lx by another program\n", argv[2], (unsigned long)sum);
        return failures ? 1 : 0;
    }

    setvbuf(stdout, NULL, _IOLBF, 0);          /* what stdio holds back would be printed by every child */
    TRACE_SPAN("fork") {
        pid_t children[16];
        const int started = count < 16 ? count : 16;
        trace_set("children", started);
        for (int i = 0; i < started; i++) children[i] = start_child(paths[i]);
        TRACE_SPAN("wait") {
            for (int i = 0; i < started; i++) failures += wait_for(children[i]) != 0;
        }
        TRACE_SPAN("run a program", .kind = TRACE_KIND_CLIENT) {
            const int status = wait_for(start_program(argv[0], paths[0]));
            if (status) trace_error("ExitStatus", "the program did not succeed");
        }
        trace_set("failures", failures);
    }
    return failures == count ? 1 : 0;
}
