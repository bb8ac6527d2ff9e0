/* What the fragments of README.md take for granted.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct request { const char *head; size_t head_size; const char *path; int status; trace_span span; } request;
typedef struct job { void (*run)(void *argument); void *argument; trace_context context; } job;

extern char **environ;
extern request *current_request;
extern int socket_fd, items;
extern const char *path, *sql;

int handle(request *r);
int answer(request *r);
void work(int item);
bool query(const char *text);
void push(job j);
job pop(void);
void send_head(int fd, const char *bytes, size_t size);
void on_readable(request *r);

#ifdef __cplusplus
}
#endif
