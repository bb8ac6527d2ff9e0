/* test_https_exit.c - a program that ends without a word while its spans wait for https: they arrive, and nothing crashes
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   The TLS library takes itself apart in an exit handler. A process of its own (this program again, with an argument) for each
   case: what an earlier test initialised would change the order of the handlers. */
/* not: cross musl static: no libcurl there; msan tsan: libcurl is not built with it */
/* build: -DTRACE_HTTP_CURL -lcurl */
#include "test.h"
#include <signal.h>
#include <sys/wait.h>

#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"
#include "settled.h"

static char folder[256];
static unsigned port;

/* What is left of the ledger at the very end: "sent failed[SHUTDOWN] queued". */
static void tell(void) {
    trace_exporter_stats stats;
    char line[64];
    TRACE_SPAN("after everything") {}
    (void)trace_pump(0);
    (void)trace_get_exporter_stats("otlp", &stats);
    snprintf(line, sizeof line, "%u %u %u", (unsigned)stats.sent, (unsigned)stats.failed[TRACE_FAILURE_SHUTDOWN], (unsigned)stats.queued);
    if (write(1, line, strlen(line)) < 0) _exit(3);
}

/* What the program does when it is started with an argument: 'i' init first, 'n' without an exit handler. */
static int traced(char how) {
    trace_config config;
    memset(&config, 0, sizeof config);
    config.disable_exit = how == 'n';
    config.exit_timeout_ms = 20000;
    atexit(tell);
    if (how != 'e') (void)trace_init(&config);
    TRACE_SPAN("outer") { TRACE_SPAN("inner") {} }
    if (how == 'f') (void)trace_flush(20000);
    return 0;
}

static void child_program(void *user) {
    char url[64], ca[300];
    snprintf(url, sizeof url, "https://localhost:%u", port);
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    setenv("OTEL_TRACES_EXPORTER", "otlp", 1);
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url, 1);
    setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", ca, 1);
    setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "20000", 1);
    execl("/proc/self/exe", "test_https_exit", "--traced", (const char *)user, (char *)NULL);
    _exit(127);
}

TEST(exit_over_https) {
    static const struct { const char *how, *told; } cases[] = {{"e", "2 1 0"}, {"i", "2 1 0"}, {"f", "2 1 0"}};
    FILE *servers;
    unsigned i;
    int in[2], out[2];
    pid_t pid;
    REQUIRE(pipe(in) == 0 && pipe(out) == 0);
    pid = fork();
    if (pid == 0) {
        dup2(in[0], 0), dup2(out[1], 1);
        close(in[0]), close(in[1]), close(out[0]), close(out[1]);
        execlp("python3", "python3", "tests/tools/tls_server.py", (char *)NULL);
        _exit(127);
    }
    close(in[0]), close(out[1]);
    servers = fdopen(out[0], "r");
    if (fscanf(servers, "%255s %u", folder, &port) != 2) SKIP("no python3 with ssl, or no openssl; run from the project's folder");
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_child child = test_fork(child_program, (void *)(uintptr_t)cases[i].how, 60000);
        CHECK_CHILD(&child, 0);
        CHECK_STR(child.out, cases[i].told);
        CHECK_STR(child.err, "");
        test_child_free(&child);
    }
    {
        test_child child = test_fork(child_program, (void *)(uintptr_t)"n", 60000);        /* told not to: nothing is sent */
        CHECK_CHILD(&child, 0);
        test_child_free(&child);
    }
    close(in[1]);
    fclose(servers);
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--traced") == 0) return traced(argv[2][0]);
    return test_main(argc, argv);
}
