/* Runs a command N times and prints the least processor time it took, in milliseconds: user and system, children included.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       cputime N command argument ... */
#define _DEFAULT_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static double used_ms(void) {
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

int main(int argc, char **argv) {
    const int times = argc > 2 ? atoi(argv[1]) : 0;
    double least = -1;
    for (int i = 0; i < times; i++) {
        const double before = used_ms();
        int status = 0;
        const pid_t child = fork();
        if (child == 0) {
            execvp(argv[2], argv + 2);
            _exit(127);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) return 1;
        const double took = used_ms() - before;
        if (least < 0 || took < least) least = took;
    }
    if (least < 0) return 2;
    printf("%.2f\n", least);
    return 0;
}
