/* logging.c - log lines that can be found by their trace, with nothing but printf: JSON, logfmt and syslog
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       cc logging.c -pthread && ./a.out 2>/dev/null */
#define TRACE_IMPLEMENTATION
#include "../trace.h"

#include <stdio.h>

/* An all-zero context is the current span; without one the fields are empty. */
static const char *ids(trace_log_format format, char *text, size_t size) {
    const trace_context current = {0};
    trace_log_fields(current, format, text, size);
    return text;
}

static void log_json(const char *level, const char *message) {
    char fields[128];
    ids(TRACE_LOG_FORMAT_JSON, fields, sizeof fields);
    printf("{\"level\":\"%s\",\"message\":\"%s\"%s%s}\n", level, message, *fields ? "," : "", fields);
}

static void log_logfmt(const char *level, const char *message) {
    char fields[128];
    printf("level=%s msg=\"%s\" %s\n", level, message, ids(TRACE_LOG_FORMAT_LOGFMT, fields, sizeof fields));
}

/* RFC 5424: the structured data stands before the message; "-" when there is none. */
static void log_syslog(int severity, const char *message) {
    char fields[128];
    printf("<%d>1 - - shop 42 - %s %s\n", 16 * 8 + severity, ids(TRACE_LOG_FORMAT_SYSLOG, fields, sizeof fields), message);
}

int main(void) {
    log_json("info", "starting");
    TRACE_SPAN("GET /item") {
        log_json("info", "looking");
        TRACE_SPAN("query") log_logfmt("warn", "slow");
        log_syslog(6, "done");
    }
    log_syslog(6, "leaving");
    return 0;
}
