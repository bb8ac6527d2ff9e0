/* sqlite.c - a library to preload that traces the SQLite statements of a program nobody rebuilds
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       make preload
       LD_PRELOAD=build/libtrace_preload_sqlite.so OTEL_TRACES_EXPORTER=otlp sqlite3 shop.db 'SELECT * FROM items'

   It stands before libsqlite3 in the order of symbols, does what trace_sqlite.h does and calls the next one. Everything is said by
   the environment: OTEL_*, and TRACEPARENT, TRACESTATE and BAGGAGE, below which the program's statements belong when they are set.
   SQLite linked into the program statically is not seen. */
#define _GNU_SOURCE 1
#include <sqlite3.h>
#include "next.h"

static struct {
    __typeof__(sqlite3_open) *open;
    __typeof__(sqlite3_open_v2) *open_v2;
    __typeof__(sqlite3_open16) *open16;
    __typeof__(sqlite3_prepare) *prepare;
    __typeof__(sqlite3_prepare_v2) *prepare_v2;
    __typeof__(sqlite3_prepare_v3) *prepare_v3;
    __typeof__(sqlite3_step) *step;
    __typeof__(sqlite3_exec) *exec;
    __typeof__(sqlite3_trace_v2) *trace_v2;
    __typeof__(sqlite3_busy_handler) *busy_handler;
    __typeof__(sqlite3_sql) *sql;
    __typeof__(sqlite3_db_handle) *db_handle;
    __typeof__(sqlite3_stmt_status) *stmt_status;
    __typeof__(sqlite3_column_count) *column_count;
    __typeof__(sqlite3_db_filename) *db_filename;
    __typeof__(sqlite3_next_stmt) *next_stmt;
    __typeof__(sqlite3_extended_errcode) *extended_errcode;
    __typeof__(sqlite3_errstr) *errstr;
    __typeof__(sqlite3_db_config) *db_config;
    __typeof__(sqlite3_db_mutex) *db_mutex;
    __typeof__(sqlite3_mutex_enter) *mutex_enter;
    __typeof__(sqlite3_mutex_leave) *mutex_leave;
#if SQLITE_VERSION_NUMBER >= 3038000
    __typeof__(sqlite3_error_offset) *error_offset;
#endif
} preload_next;

static int preload_found;

static int preload_find(void);
#define TRACEI_SQLITE_CALL(name) (preload_find(), preload_next.name)

#define TRACE_IMPLEMENTATION
#include "../trace_sqlite.h"
#include "../trace_otlp.h"
#include "../trace_zipkin.h"

static const char *const preload_libraries[] = {"libsqlite3.so.0", "libsqlite3.so", NULL};

#if SQLITE_VERSION_NUMBER >= 3038000
static int preload_no_offset(sqlite3 *db) { return (void)db, -1; }
#endif

static void preload_no_mutex(sqlite3_mutex *mutex) { (void)mutex; }

/* Any thread; all find the same. */
static int preload_find(void) {
    if (__atomic_load_n(&preload_found, __ATOMIC_ACQUIRE)) return 1;
    PRELOAD_FIND("sqlite3_", open);
    PRELOAD_FIND("sqlite3_", open_v2);
    PRELOAD_FIND("sqlite3_", open16);
    PRELOAD_FIND("sqlite3_", prepare);
    PRELOAD_FIND("sqlite3_", prepare_v2);
    PRELOAD_FIND("sqlite3_", prepare_v3);
    PRELOAD_FIND("sqlite3_", step);
    PRELOAD_FIND("sqlite3_", exec);
    PRELOAD_FIND("sqlite3_", trace_v2);
    PRELOAD_FIND("sqlite3_", busy_handler);
    PRELOAD_FIND("sqlite3_", sql);
    PRELOAD_FIND("sqlite3_", db_handle);
    PRELOAD_FIND("sqlite3_", stmt_status);
    PRELOAD_FIND("sqlite3_", column_count);
    PRELOAD_FIND("sqlite3_", db_filename);
    PRELOAD_FIND("sqlite3_", next_stmt);
    PRELOAD_FIND("sqlite3_", extended_errcode);
    PRELOAD_FIND("sqlite3_", errstr);
    PRELOAD_FIND("sqlite3_", db_config);
    PRELOAD_FIND("sqlite3_", db_mutex);
    {
        void *const enter = preload_symbol("sqlite3_mutex_enter", preload_libraries);         /* none: built without threads */
        void *const leave = preload_symbol("sqlite3_mutex_leave", preload_libraries);
        void (*functions[2])(sqlite3_mutex *) = {preload_no_mutex, preload_no_mutex};
        if (enter && leave) {
            memcpy(&functions[0], &enter, sizeof enter);
            memcpy(&functions[1], &leave, sizeof leave);
        }
        preload_next.mutex_enter = functions[0];
        preload_next.mutex_leave = functions[1];
    }
#if SQLITE_VERSION_NUMBER >= 3038000
    {
        void *const symbol = preload_symbol("sqlite3_error_offset", preload_libraries);       /* older than its header */
        preload_next.error_offset = preload_no_offset;
        if (symbol) memcpy(&preload_next.error_offset, &symbol, sizeof symbol);
    }
#endif
    __atomic_store_n(&preload_found, 1, __ATOMIC_RELEASE);
    return 1;
}

__attribute__((constructor)) static void preload_begin(void) {
    tracei_sqlite_outer = trace_extract_environment();
    trace_context_hold(tracei_sqlite_outer);
}

/* A program that looks for SQLite by name, where there is none, finds these. */
static int preload_nowhere(sqlite3 **db) {
    if (db) *db = NULL;
    return SQLITE_NOTFOUND;
}

PRELOAD_EXPORT int sqlite3_open(const char *name, sqlite3 **db) {
    return preload_find() ? trace_sqlite_open(name, db) : preload_nowhere(db);
}

PRELOAD_EXPORT int sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs) {
    return preload_find() ? trace_sqlite_open_v2(name, db, flags, vfs) : preload_nowhere(db);
}

PRELOAD_EXPORT int sqlite3_open16(const void *name, sqlite3 **db) {
    return preload_find() ? trace_sqlite_open16(name, db) : preload_nowhere(db);
}

PRELOAD_ALIAS("trace_sqlite_prepare") __typeof__(sqlite3_prepare) sqlite3_prepare;
PRELOAD_ALIAS("trace_sqlite_prepare_v2") __typeof__(sqlite3_prepare_v2) sqlite3_prepare_v2;
PRELOAD_ALIAS("trace_sqlite_prepare_v3") __typeof__(sqlite3_prepare_v3) sqlite3_prepare_v3;
PRELOAD_ALIAS("trace_sqlite_step") __typeof__(sqlite3_step) sqlite3_step;
PRELOAD_ALIAS("trace_sqlite_exec") __typeof__(sqlite3_exec) sqlite3_exec;
PRELOAD_ALIAS("trace_sqlite_trace_v2") __typeof__(sqlite3_trace_v2) sqlite3_trace_v2;
PRELOAD_ALIAS("trace_sqlite_busy_handler") __typeof__(sqlite3_busy_handler) sqlite3_busy_handler;
