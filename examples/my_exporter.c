/* An exporter of your own: one line a span, appended to a file.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   The library calls it from one thread at a time, with spans to read for the duration of the call. What it writes is its own
   business. What it must get right are the two things that lose or double data: flush has to answer for what is still held
   back, and a forked child must forget what the parent had not written yet, or both would write it.

       cc examples/my_exporter.c -pthread -o my_exporter && ./my_exporter [directory ...] && cat spans.log */
#define TRACE_IMPLEMENTATION
#include "../trace.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the exporter ---- */

typedef struct line_file {
    int file;                     /* opened with O_APPEND: a child may share it, each write() lands whole at the end */
    size_t size;
    char held[16384];             /* whole lines not written yet; plain write(), as stdio's buffers would survive a fork */
} line_file;

static trace_result line_file_flush(void *user, uint64_t deadline_ns) {
    line_file *out = (line_file *)user;
    (void)deadline_ns;            /* a file does not keep us waiting; a socket would */
    while (out->size) {
        const ssize_t wrote = write(out->file, out->held, out->size);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return TRACE_RESULT_FAILED;          /* still held: the next flush tries again */
        out->size -= (size_t)wrote;
        memmove(out->held, out->held + wrote, out->size);
    }
    return TRACE_RESULT_OK;
}

static trace_result line_file_export(void *user, const trace_batch *batch) {
    line_file *out = (line_file *)user;
    for (size_t i = 0; i < batch->span_count; i++) {
        const trace_span_data *span = &batch->spans[i];
        const int name_size = span->name.size < 100 ? (int)span->name.size : 100;
        char line[256];
        int size;
        if (out->size + sizeof line > sizeof out->held && line_file_flush(out, 0) != TRACE_RESULT_OK) return TRACE_RESULT_FAILED;
        size = snprintf(line, sizeof line, "%02x%02x%02x%02x %10.3f us  %s %.*s\n", span->trace_id[12], span->trace_id[13],
                        span->trace_id[14], span->trace_id[15], (double)(span->end_unix_ns - span->start_unix_ns) / 1e3,
                        span->status == TRACE_STATUS_ERROR ? "error" : "fine ", name_size, span->name.data);
        memcpy(out->held + out->size, line, (size_t)size);
        out->size += (size_t)size;
    }
    return TRACE_RESULT_OK;
}

static void line_file_shutdown(void *user, uint64_t deadline_ns) {
    line_file_flush(user, deadline_ns);
}

static void line_file_fork(void *user) {
    ((line_file *)user)->size = 0;                           /* the parent writes these */
}

static trace_exporter line_file_exporter(const char *path) {
    static line_file out;         /* lives as long as the process: spans may end late */
    trace_exporter exporter = {.struct_size = sizeof exporter, .name = "lines", .user = &out};
    out.file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (out.file < 0) return exporter;                       /* without export_fn */
    exporter.export_fn = line_file_export;
    exporter.flush_fn = line_file_flush;
    exporter.shutdown_fn = line_file_shutdown;
    exporter.fork_fn = line_file_fork;
    return exporter;
}

/* ---- a program that uses it: adds up the sizes of the files in directories, the last one in a child process ---- */

static void add_up(const char *directory) {
    TRACE_SPAN("add up") {
        struct dirent *entry;
        unsigned long long total = 0;
        DIR *listing = opendir(directory);
        if (!listing) {
            trace_span_record_errno(trace_span_current(), errno);
            break;
        }
        while ((entry = readdir(listing)) != NULL) {
            TRACE_BLOCK("stat");
            struct stat info;
            trace_set("file.name", entry->d_name);
            if (fstatat(dirfd(listing), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
                trace_span_record_errno(trace_span_current(), errno);
            else if (S_ISREG(info.st_mode))
                total += (unsigned long long)info.st_size;
        }
        closedir(listing);
        printf("%12llu bytes in %s\n", total, directory);
    }
}

int main(int argc, char **argv) {
    trace_config config = {.service_name = "my_exporter", .exporters = {line_file_exporter("spans.log")}};
    if (!config.exporters[0].export_fn) {
        perror("spans.log");
        return 1;
    }
    trace_init(&config);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc - 1; i++) add_up(argv[i]);
    if (argc < 3) add_up("examples");

    const pid_t child = fork();
    if (child == 0) {
        add_up(argc > 1 ? argv[argc - 1] : ".");             /* its spans and no others */
        return 0;
    }
    if (child > 0) waitpid(child, NULL, 0);
    if (trace_flush(1000) != TRACE_RESULT_OK) fprintf(stderr, "some spans were lost\n");
    return 0;
}
