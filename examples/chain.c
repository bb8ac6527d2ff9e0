/* chain.c - three programs, each started by the one before, and one trace: the environment carries the context
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       cc chain.c -pthread && ./a.out         prints, for each program, its process, its trace, its span and its parent's */
#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Runs this same program as the next one. The environment is made before fork; nothing is changed in this process's. */
static int run(char *self, char *role) {
    char *arguments[] = {self, role, NULL};
    const trace_context current = {0};
    const size_t size = trace_inject_environment(current, environ, NULL, 0);
    char **environment = (char **)malloc(size);
    int status = -1;
    pid_t child;
    if (!environment || trace_inject_environment(current, environ, environment, size) > size) return 1;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        execve("/proc/self/exe", arguments, environment);
        _exit(127);
    }
    if (child > 0) waitpid(child, &status, 0);
    free(environment);
    return status == 0 ? 0 : 1;
}

int main(int count, char **arguments) {
    char *role = count > 1 ? arguments[1] : (char *)"first";
    const trace_context parent = trace_extract_environment();
    int result = 0;
    TRACE_SPAN(role, .parent = parent) {
        const trace_context current = trace_context_current();
        char trace[33], span[17], above[17] = "none";
        if (trace_context_is_valid(parent)) trace_span_id_string(parent, above);
        printf("%s process %d trace %s span %s parent %s\n", role, (int)getpid(), trace_id_string(current, trace),
               trace_span_id_string(current, span), above);
        if (strcmp(role, "first") == 0) result = run(arguments[0], (char *)"second");
        if (strcmp(role, "second") == 0) result = run(arguments[0], (char *)"third");
    }
    return result;
}
