/* tls_servers.h - HTTPS servers on loopback, each wrong in one way, as tests/tools/tls_server.py starts them
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#ifndef TLS_SERVERS_H
#define TLS_SERVERS_H
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* tests/tools/tls_server.py prints the folder of its certificates and a port for each kind. */
typedef struct tls_servers { FILE *out; int stdin_pipe; pid_t pid; char folder[256]; unsigned good, expired, wrong_host, self_signed, old, client; } tls_servers;

static bool tls_start(tls_servers *t) {
    int out[2], in[2];
    memset(t, 0, sizeof *t);
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(in, O_CLOEXEC) != 0) return false;
    t->pid = fork();
    if (t->pid == 0) {
        dup2(in[0], 0), dup2(out[1], 1);
        execlp("python3", "python3", "tests/tools/tls_server.py", (char *)NULL);
        _exit(127);
    }
    close(out[1]), close(in[0]);
    t->out = fdopen(out[0], "r");
    t->stdin_pipe = in[1];
    return fscanf(t->out, "%255s %u %u %u %u %u %u", t->folder, &t->good, &t->expired, &t->wrong_host, &t->self_signed, &t->old, &t->client) == 7;
}

static void tls_stop(tls_servers *t) {
    close(t->stdin_pipe);
    if (t->out) fclose(t->out);
    waitpid(t->pid, NULL, 0);
}

#endif
