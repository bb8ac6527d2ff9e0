/* sqlite_extension.c - a loadable extension of SQLite that traces the statements of the program that loads it
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       make preload
       OTEL_TRACES_EXPORTER=otlp sqlite3 -cmd ".load build/trace_sqlite" shop.db 'SELECT * FROM items'

   This connection and all that are opened after it. An extension sees what SQLite tells it, which is not how a statement ended:
   for errors take the library to preload. */
#define _GNU_SOURCE 1
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#define TRACE_IMPLEMENTATION
#include "../trace_sqlite.h"
#include "../trace_otlp.h"
#include "../trace_zipkin.h"

static int extension_opened(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
    (void)error, (void)api;
    return trace_sqlite_attach(db);
}

__attribute__((visibility("default"))) int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api);
__attribute__((visibility("default"))) int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
    int code;
    SQLITE_EXTENSION_INIT2(api);
    if (!trace_context_is_valid(tracei_sqlite_outer)) {
        tracei_sqlite_outer = trace_extract_environment();
        trace_context_hold(tracei_sqlite_outer);
    }
    code = extension_opened(db, error, api);
    if (code == SQLITE_OK) code = sqlite3_auto_extension((void (*)(void))extension_opened);
    return code == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : code;
}
