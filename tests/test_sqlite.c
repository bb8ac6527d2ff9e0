/* test_sqlite.c - statements of a program that uses SQLite
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* build: $(test -e /usr/include/sqlite3.h && echo -lsqlite3) */
/* also: plain c++ */
/* not: cross musl static: no SQLite there; msan: SQLite is not built with it */
#include "test.h"
#if defined(__has_include)
#if __has_include(<sqlite3.h>)
#define HAVE_SQLITE 1
#endif
#endif
#ifndef HAVE_SQLITE
TEST(sqlite) { SKIP("no headers of SQLite (libsqlite3-dev)"); }
#else
#include <pthread.h>
#include <sqlite3.h>
static int step_unseen(sqlite3_stmt *statement) { return sqlite3_step(statement); }
static int open_unseen(const char *name, sqlite3 **db) { return sqlite3_open(name, db); }
static int exec_unseen(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **)) {
    return sqlite3_exec(db, sql, row, NULL, NULL);
}

#define TRACE_CONFIG_SQLITE_REDIRECT 1
#define TRACE_IMPLEMENTATION
#include "../trace_sqlite.h"
#include "ledger.h"

#define SPANS 4096
static uint64_t memory_bytes[1 << 19];
static trace_exporter memory;
static trace_span_data spans[SPANS];
static size_t span_count;

static void begin(void) {
    trace_config config;
    memory = trace_memory_exporter(memory_bytes, sizeof memory_bytes);
    config = ledger_config(memory);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
}

static void finish(void) {
    trace_stats stats;
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    span_count = trace_memory_get(&memory, spans, SPANS);
    trace_get_stats(&stats);
    CHECK_UINT(stats.open, 0);
    CHECK_UINT(stats.misused, 0);
    CHECK_UINT(stats.abandoned, 0);
    CHECK_UINT(stats.ended, stats.exported);
    CHECK_UINT(stats.ended, span_count);
}

static const trace_value *find(const trace_span_data *span, const char *key) {
    for (size_t i = 0; i < span->attribute_count; i++)
        if (span->attributes[i].key.size == strlen(key) && memcmp(span->attributes[i].key.data, key, strlen(key)) == 0)
            return &span->attributes[i].value;
    return NULL;
}

static const char *text_of(const trace_span_data *span, const char *key) {
    static char out[4][8192];
    static unsigned turn;
    char *const text = out[turn++ % 4];
    const trace_value *const value = find(span, key);
    if (!value) return "(none)";
    if (value->type == TRACE_TYPE_INT) snprintf(text, sizeof out[0], "%" PRId64, value->as.integer);
    else snprintf(text, sizeof out[0], "%.*s", (int)value->as.string.size, value->as.string.data);
    return text;
}

static const char *name_of(const trace_span_data *span) {
    static char out[300];
    snprintf(out, sizeof out, "%.*s", (int)span->name.size, span->name.data);
    return out;
}

static const trace_span_data *span_named(const char *name) {
    for (size_t i = 0; i < span_count; i++)
        if (strcmp(name_of(&spans[i]), name) == 0) return &spans[i];
    return NULL;
}

static bool has_event(const trace_span_data *span, const char *name) {
    for (size_t i = 0; i < span->event_count; i++)
        if (span->events[i].name.size == strlen(name) && memcmp(span->events[i].name.data, name, strlen(name)) == 0) return true;
    return false;
}

static sqlite3 *shop(void) {
    sqlite3 *db = NULL;
    CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT UNIQUE)", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    return statement;
}

/* ---- what stands in a text ----------------------------------------------------------------------------------------- */

TEST(texts_and_summaries) {
    static const struct { const char *sql, *summary, *text, *verb, *table; } cases[] = {
        {"SELECT * FROM users WHERE id = 42", "SELECT users", "SELECT * FROM users WHERE id = ?", "SELECT", "users"},
        {"select a.*, 'x''y' from a, \"b c\" as d join main.e on 1=1", "SELECT a b c e", "select a.*, ? from a, \"b c\" as d join main.e on ?=?",
         "SELECT", ""},
        {"select 1 -- canary\n /* canary */ +2", "SELECT", "select ? +?", "SELECT", ""},
        {"INSERT INTO \"t\" (\"a\", b) VALUES (?1, $x::y(z'z), x'ab', :n, @m, ?)", "INSERT t",
         "INSERT INTO \"t\" (\"a\", b) VALUES (?1, $x::y, ?, :n, @m, ?)", "INSERT", "t"},
        {"INSERT INTO a SELECT * FROM b", "INSERT a SELECT b", "INSERT INTO a SELECT * FROM b", "INSERT", ""},
        {"insert into t values(1) on conflict(a) do update set b=2", "INSERT t", "insert into t values(?) on conflict(a) do update set b=?",
         "INSERT", "t"},
        {"UPDATE OR IGNORE t SET \"a\" = \"canary\", b=.5e-3", "UPDATE t", "UPDATE OR IGNORE t SET \"a\" = ?, b=?", "UPDATE", "t"},
        {"DELETE FROM main.t WHERE a IS NOT DISTINCT FROM \"canary\"", "DELETE t", "DELETE FROM main.t WHERE a IS NOT DISTINCT FROM ?",
         "DELETE", "t"},
        {"with c as (select 1 from z) select * from c", "SELECT z SELECT c", "with c as (select ? from z) select * from c", "SELECT", ""},
        {"SELECT [a b], `c` FROM [d e]", "SELECT d e", "SELECT [a b], `c` FROM [d e]", "SELECT", "d e"},
        {"SELECT \"t\".\"a\" AS \"b\", \"canary\" FROM t", "SELECT t", "SELECT \"t\".\"a\" AS \"b\", ? FROM t", "SELECT", "t"},
        {"SELECT x FROM a WHERE y IN (SELECT z FROM b) ORDER BY 1, \"canary\"", "SELECT a SELECT b",
         "SELECT x FROM a WHERE y IN (SELECT z FROM b) ORDER BY ?, ?", "SELECT", ""},
        {"CREATE TABLE IF NOT EXISTS t(a TEXT DEFAULT 'canary', b DEFAULT \"canary\")", "CREATE TABLE t",
         "CREATE TABLE IF NOT EXISTS t(a TEXT DEFAULT ?, b DEFAULT ?)", "CREATE TABLE", "t"},
        {"CREATE UNIQUE INDEX i ON t(a)", "CREATE INDEX i", "CREATE UNIQUE INDEX i ON t(a)", "CREATE INDEX", "i"},
        {"create trigger r after insert on t begin insert into l values('canary'); select 1; end", "CREATE TRIGGER r",
         "create trigger r after insert on t begin insert into l values(?); select ?; end", "CREATE TRIGGER", "r"},
        {"CREATE VIRTUAL TABLE v USING fts5(canary, tokenize = canary)", "CREATE TABLE v", "CREATE VIRTUAL TABLE v USING fts5(?)",
         "CREATE TABLE", "v"},
        {"DROP TABLE IF EXISTS t", "DROP TABLE t", "DROP TABLE IF EXISTS t", "DROP TABLE", "t"},
        {"PRAGMA key = canary", "PRAGMA key", "PRAGMA key = ?", "PRAGMA", "key"},
        {"PRAGMA main.rekey('canary')", "PRAGMA rekey", "PRAGMA main.rekey(?)", "PRAGMA", "rekey"},
        {"ATTACH DATABASE 'f' AS canary KEY canary", "ATTACH", "ATTACH DATABASE ? AS ? KEY ?", "ATTACH", ""},
        {"VACUUM INTO \"canary\"", "VACUUM", "VACUUM INTO ?", "VACUUM", ""},
        {"BEGIN IMMEDIATE; canary", "BEGIN", "BEGIN IMMEDIATE", "BEGIN", ""},
        {"EXPLAIN QUERY PLAN SELECT 1", "EXPLAIN SELECT", "EXPLAIN QUERY PLAN SELECT ?", "EXPLAIN", ""},
        {"REPLACE INTO r VALUES(replace('a','b','c'))", "REPLACE r", "REPLACE INTO r VALUES(replace(?,?,?))", "REPLACE", "r"},
        {"SELECT 'never closed canary", "SELECT", "SELECT ?", "SELECT", ""},
        {"SELECT 1e5, 0xcafe, 1_000, 1.e+3, \xc3\xa4", "SELECT", "SELECT ?, ?, ?, ?, \xc3\xa4", "SELECT", ""},
        {"", "", "", "", ""}, {"-- canary", "", "", "", ""}, {";", "", "", "", ""},
    };
    static tracei_sqlite_query q;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tracei_sqlite_walk(&q, cases[i].sql, strlen(cases[i].sql), false);
        CHECK_STR(q.summary.data, cases[i].summary);
        CHECK_STR(q.text.data, cases[i].text);
        CHECK_STR(q.verb, cases[i].verb);
        CHECK_STR(q.table, cases[i].table);
    }
    tracei_sqlite_walk(&q, "SELECT \"a\"", 10, true);
    CHECK_STR(q.text.data, "SELECT \"a\"");
}

/* Statements SQLite itself takes, put together at random, with a canary wherever a literal can stand: SQLite says what is one. */
static void add(char *sql, const char *part) {
    if (strlen(sql) + strlen(part) < 1000) strcat(sql, part);
}

static void add_any(char *sql, const char *const *parts) {
    size_t count = 0;
    while (parts[count]) count++;
    add(sql, parts[test_random_below(count)]);
}

static void add_expression(char *sql, unsigned depth) {
    static const char *const leaves[] = {"a", "t.a", "\"t\".\"a\"", "[a]", "`b`", "b", "'canary'", "\"canary\"", "'can''t canary'", "\"canary\"\"\"",
                                         "x'ca'", "1", ".5e-3", "?1", ":p", "$v(canary')", "/* canary' */ a", "-- canary '\n b", "NULL", NULL};
    static const char *const operators[] = {" = ", "||", " AND ", " IS NOT DISTINCT FROM ", ",", " COLLATE nocase < ", " + -", ", ", " AS x, ", NULL};
    add_any(sql, leaves);
    while (depth && test_random_below(2)) {
        add_any(sql, operators);
        if (test_random_below(4)) add_expression(sql, depth - 1);
        else add(sql, "(SELECT "), add_expression(sql, depth - 1), add(sql, " FROM u, \"t\")");
    }
}

TEST(random_statements_keep_their_literals) {
    static const char *const froms[] = {"", " FROM t", " FROM t, u AS \"w\"", " FROM \"t\" JOIN u ON ", " FROM (SELECT 1 AS a, 2 AS b) AS t WHERE ",
                                        " FROM t WHERE ", " FROM t GROUP BY ", " FROM t, u ORDER BY ", " FROM t LIMIT ", NULL};
    static const char *const starts[] = {"SELECT ", "SELECT DISTINCT ", "WITH c AS (SELECT 1 FROM u) SELECT ", "INSERT INTO t VALUES (", "UPDATE t SET a = ",
                                         "INSERT INTO \"t\"(\"a\", b) SELECT ", "DELETE FROM t WHERE ", "CREATE TABLE n AS SELECT ", "EXPLAIN SELECT ",
                                         "CREATE VIEW w AS SELECT ", "CREATE TABLE n(a CHECK (", "PRAGMA user_version = canary ", "ATTACH ", NULL};
    static tracei_sqlite_query q;
    sqlite3 *db = NULL;
    unsigned long taken = 0, with_canary = 0;
    CHECK_INT(open_unseen(":memory:", &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "CREATE TABLE t(a,b); CREATE TABLE u(a,c)", NULL, NULL, NULL), SQLITE_OK);
    for (unsigned long i = 0; i < test_scaled(60000); i++) {
        char sql[1024] = "";
        sqlite3_stmt *statement = NULL;
        add_any(sql, starts);
        add_expression(sql, 4);
        if (strchr("IC", sql[0]) && strstr(sql, "(") && test_random_below(2)) add(sql, sql[0] == 'I' ? ")" : "))");
        else {
            const size_t before = strlen(sql);
            add_any(sql, froms);
            if (sql[strlen(sql) - 1] == ' ' && strlen(sql) > before) add_expression(sql, 2);
        }
        if (test_random_below(8) == 0) add(sql, " AS canary KEY canary");
        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK || !statement) continue;
        taken++;
        with_canary += strstr(sqlite3_sql(statement), "canary") != NULL;
        tracei_sqlite_walk(&q, sqlite3_sql(statement), strlen(sqlite3_sql(statement)), false);
        sqlite3_finalize(statement);
        if (!strstr(q.text.data, "canary") && !strstr(q.summary.data, "canary") && !strstr(q.table, "canary")) continue;
        FAIL(sql);
        FAIL(q.text.data);
        break;
    }
    CHECK(taken > test_scaled(60000) / 20 && with_canary > taken / 4);
    sqlite3_close(db);
}

TEST(random_bytes) {
    static tracei_sqlite_query q;
    static const char alphabet[] = "'\"`[]x?:$@(); \n-*/.1e_aFROM,=\xc3\xa4";
    for (unsigned long i = 0; i < test_scaled(200000); i++) {
        char sql[40];
        const size_t size = (size_t)test_random_below(sizeof sql);
        for (size_t j = 0; j < size; j++) sql[j] = alphabet[test_random_below(sizeof alphabet - 1)];
        {
            char *const exact = (char *)malloc(size + 1);         /* so that the sanitizer sees a byte too many */
            memcpy(exact, sql, size);
            tracei_sqlite_walk(&q, exact, size, (i & 1) != 0);
            free(exact);
        }
    }
}

TEST(long_statements_are_cut) {
    static tracei_sqlite_query q;
    static char sql[100000];
    strcpy(sql, "SELECT * FROM a");
    for (int i = 0; i < 5000; i++) strcat(sql + 10 * (size_t)i, ", canaries");
    tracei_sqlite_walk(&q, sql, strlen(sql), false);
    CHECK_UINT(strlen(q.text.data), TRACEI_SQLITE_TEXT - 1);
    CHECK(q.summary.size <= 255 && q.summary.size > 240);
    CHECK_STR(q.summary.data + q.summary.size - 9, " canaries");
}

/* ---- spans --------------------------------------------------------------------------------------------------------- */

ISOLATED(statement_is_a_client_span) {
    sqlite3 *const db = (begin(), shop());
    sqlite3_stmt *statement;
    TRACE_SPAN("work") {
        sqlite3_exec(db, "INSERT INTO users(name) VALUES ('canary'), ('b'), ('c')", NULL, NULL, NULL);
        statement = prepare(db, "SELECT name FROM users WHERE name <> ?1 ORDER BY name");
        sqlite3_bind_text(statement, 1, "canary", -1, SQLITE_STATIC);
        while (sqlite3_step(statement) == SQLITE_ROW) {}
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
    finish();
    REQUIRE(span_count == 4);
    CHECK_STR(name_of(&spans[0]), "CREATE TABLE users");
    CHECK_STR(name_of(&spans[1]), "INSERT users");
    CHECK_STR(name_of(&spans[2]), "SELECT users");
    CHECK_MEM(spans[1].parent_span_id, spans[3].span_id, 8);
    CHECK_MEM(spans[2].parent_span_id, spans[3].span_id, 8);
    CHECK_INT(spans[2].kind, TRACE_KIND_CLIENT);
    CHECK_INT(spans[2].status, TRACE_STATUS_UNSET);
    CHECK_STR(text_of(&spans[2], "db.system.name"), "sqlite");
    CHECK_STR(text_of(&spans[2], "db.namespace"), ":memory:");
    CHECK_STR(text_of(&spans[2], "db.operation.name"), "SELECT");
    CHECK_STR(text_of(&spans[2], "db.collection.name"), "users");
    CHECK_STR(text_of(&spans[2], "db.query.summary"), "SELECT users");
    CHECK_STR(text_of(&spans[2], "db.query.text"), "SELECT name FROM users WHERE name <> ?1 ORDER BY name");
    CHECK_STR(text_of(&spans[2], "db.response.returned_rows"), "2");
    CHECK_STR(text_of(&spans[1], "db.response.returned_rows"), "(none)");
    CHECK(find(&spans[2], "sqlite.busy_time") != NULL);
    CHECK_STR(text_of(&spans[2], "error.type"), "(none)");
}

/* A statement's text is walked once and found again by its address, which others come to have. */
ISOLATED(texts_are_kept_by_their_words) {
    static char sql[5000];
    sqlite3 *db;
    begin();
    db = shop();
    for (int i = 0; i < 100; i++) {
        sqlite3_stmt *statement;
        const bool is_long = i % 10 == 9;
        if (i / 2 % 2) snprintf(sql, sizeof sql, "SELECT %d AS canary%02d FROM users%*s", 1000 + i, i, is_long ? 2000 : 0, "");
        else snprintf(sql, sizeof sql, "DELETE FROM users WHERE id=%d /* c%02d */", 1000 + i, i);
        statement = prepare(db, sql);
        for (int runs = 0; runs < 2; runs++) {
            while (sqlite3_step(statement) == SQLITE_ROW) {}
            sqlite3_reset(statement);
        }
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
    finish();
    CHECK_UINT(span_count, 201);
    for (size_t i = 1; i < span_count; i++) {
        const int number = (int)(i - 1) / 2;
        snprintf(sql, sizeof sql, number / 2 % 2 ? "SELECT ? AS canary%02d FROM users" : "DELETE FROM users WHERE id=?", number);
        CHECK_STR(text_of(&spans[i], "db.query.text"), sql);
        CHECK_STR(name_of(&spans[i]), number / 2 % 2 ? "SELECT users" : "DELETE users");
    }
}

ISOLATED(errors) {
    sqlite3 *const db = (begin(), shop());
    sqlite3_stmt *statement = NULL;
    CHECK_INT(sqlite3_exec(db, "INSERT INTO users VALUES (1, 'canary')", NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "INSERT INTO users VALUES (2, 'canary')", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    statement = prepare(db, "INSERT INTO users VALUES (1, 'x')");
    CHECK_INT(sqlite3_step(statement), SQLITE_CONSTRAINT);
    sqlite3_finalize(statement);
    CHECK_INT(sqlite3_prepare_v2(db, "SELECT \"canary\" FRO users 'canary'", -1, &statement, NULL), SQLITE_ERROR);
    CHECK_INT(sqlite3_prepare_v3(db, "DELETE FROM canary", 18, 0, &statement, NULL), SQLITE_ERROR);
    CHECK_INT(sqlite3_exec(db, "canary", NULL, NULL, NULL), SQLITE_ERROR);
    CHECK_INT(sqlite3_exec(db, "SELECT 1; SELECT 'canary' canary canary", NULL, NULL, NULL), SQLITE_ERROR);
    sqlite3_close(db);
    finish();
    REQUIRE(span_count == 9);
    CHECK_INT(spans[2].status, TRACE_STATUS_ERROR);
    CHECK_STR(text_of(&spans[2], "error.type"), "SQLITE_CONSTRAINT");
    CHECK_STR(text_of(&spans[2], "db.response.status_code"), "2067");       /* SQLITE_CONSTRAINT_UNIQUE */
    CHECK_TEXT(spans[2].status_message.data, spans[2].status_message.size, "constraint failed");
    CHECK_STR(text_of(&spans[3], "db.response.status_code"), "1555");       /* SQLITE_CONSTRAINT_PRIMARYKEY */
    CHECK_STR(name_of(&spans[4]), "SELECT");
    CHECK_STR(name_of(&spans[5]), "DELETE");
    CHECK_STR(name_of(&spans[6]), "sqlite");
    CHECK_STR(name_of(&spans[7]), "SELECT");
    CHECK_INT(spans[7].status, TRACE_STATUS_UNSET);
    CHECK_STR(name_of(&spans[8]), "sqlite");
    for (size_t i = 0; i < span_count; i++) {
        if (i >= 4 && i != 7) {
            CHECK_STR(text_of(&spans[i], "error.type"), "SQLITE_ERROR");
            CHECK_STR(text_of(&spans[i], "db.query.text"), "(none)");
        }
        CHECK(memmem(spans[i].status_message.data, spans[i].status_message.size, "canary", 6) == NULL);
        for (size_t j = 0; j < spans[i].attribute_count; j++)
            if (spans[i].attributes[j].value.type == TRACE_TYPE_STRING)
                CHECK(memmem(spans[i].attributes[j].value.as.string.data, spans[i].attributes[j].value.as.string.size, "canary", 6) == NULL);
    }
}

static int stop_at_row(void *user, int columns, char **values, char **names) {
    (void)user, (void)columns, (void)values, (void)names;
    return 1;
}

static int stop_now(void *user) { return sqlite3_interrupt((sqlite3 *)user), 0; }

ISOLATED(cancelled_statements_are_no_errors) {
    sqlite3 *const db = (begin(), shop());
    sqlite3_stmt *statement;
    CHECK_INT(sqlite3_exec(db, "SELECT 1 UNION SELECT 2", stop_at_row, NULL, NULL), SQLITE_ABORT);
    statement = prepare(db, "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n) SELECT count(*) FROM n");
    sqlite3_progress_handler(db, 1000, stop_now, db);
    CHECK_INT(sqlite3_step(statement), SQLITE_INTERRUPT);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    sqlite3_finalize(statement);
    statement = prepare(db, "SELECT 1 UNION SELECT 2");
    CHECK_INT(sqlite3_step(statement), SQLITE_ROW);
    CHECK_INT(sqlite3_reset(statement), SQLITE_OK);                         /* left early */
    CHECK_INT(sqlite3_step(statement), SQLITE_ROW);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    finish();
    REQUIRE(span_count == 5);
    for (size_t i = 1; i < span_count; i++) CHECK_INT(spans[i].status, TRACE_STATUS_UNSET);
    CHECK(has_event(&spans[1], "cancelled") && has_event(&spans[2], "cancelled"));
    CHECK_STR(text_of(&spans[3], "db.response.returned_rows"), "1");
    CHECK_STR(text_of(&spans[4], "db.response.returned_rows"), "1");
}

/* sqlite3_exec gives a statement up without telling: its span ends when its address, or its connection, is used again. */
ISOLATED(statements_given_up_silently) {
    sqlite3 *const db = (begin(), shop());
    for (int i = 0; i < 5; i++) CHECK_INT(exec_unseen(db, "SELECT 1 UNION SELECT 2", stop_at_row), SQLITE_ABORT);
    sqlite3_close(db);
    finish();
    CHECK_UINT(span_count, 6);
}

ISOLATED(triggers_are_events) {
    sqlite3 *const db = (begin(), shop());
    sqlite3_exec(db,
                 "CREATE TABLE log(x); CREATE TRIGGER audit AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('canary'); END;"
                 "CREATE TRIGGER deep AFTER INSERT ON log BEGIN DELETE FROM log; END; INSERT INTO users VALUES (1, 'canary')",
                 NULL, NULL, NULL);
    sqlite3_close(db);
    finish();
    REQUIRE(span_count == 5);
    REQUIRE(spans[4].event_count == 2);
    for (int i = 0; i < 2; i++) {
        CHECK_TEXT(spans[4].events[i].name.data, spans[4].events[i].name.size, "trigger");
        CHECK_TEXT(spans[4].events[i].attributes[0].value.as.string.data, spans[4].events[i].attributes[0].value.as.string.size,
                   i ? "deep" : "audit");
    }
}

/* A function written in C: its own spans, and the statements it runs, belong to the statement that called it. */
static void call_back(sqlite3_context *context, int count, sqlite3_value **values) {
    sqlite3 *const db = sqlite3_context_db_handle(context);
    sqlite3_stmt *const inner = prepare(db, "SELECT count(*) FROM users");
    (void)count, (void)values;
    TRACE_SPAN("in C") CHECK_INT(sqlite3_step(inner), SQLITE_ROW);
    sqlite3_result_int(context, sqlite3_column_int(inner, 0));
    sqlite3_finalize(inner);
}

ISOLATED(statements_inside_others_are_children) {
    sqlite3 *const db = (begin(), shop());
    const trace_span_data *outer, *inner, *c;
    sqlite3_create_function(db, "inner_count", 0, SQLITE_UTF8, NULL, call_back, NULL, NULL);
    CHECK_INT(step_unseen(prepare(db, "SELECT 1")), SQLITE_ROW);
    sqlite3_finalize(sqlite3_next_stmt(db, NULL));
    {
        sqlite3_stmt *const statement = prepare(db, "SELECT inner_count() FROM (SELECT 1 UNION SELECT 2) AS twice");
        CHECK_INT(sqlite3_step(statement), SQLITE_ROW);
        CHECK_INT(sqlite3_step(statement), SQLITE_ROW);
        CHECK_INT(sqlite3_step(statement), SQLITE_DONE);
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
    finish();
    CHECK_UINT(span_count, 7);
    outer = &spans[span_count - 1], inner = span_named("SELECT users"), c = span_named("in C");
    REQUIRE(inner && c);
    CHECK_STR(text_of(outer, "db.response.returned_rows"), "2");
    CHECK_MEM(inner->parent_span_id, outer->span_id, 8);
    CHECK_MEM(c->parent_span_id, outer->span_id, 8);
    for (size_t i = 0; i < span_count; i++)
        if (strcmp(name_of(&spans[i]), "SELECT users") == 0) CHECK_MEM(spans[i].parent_span_id, outer->span_id, 8);
}

/* Forty at once, stepped in turns: more than a connection has room for at first. */
ISOLATED(interleaved_statements) {
    sqlite3 *const db = (begin(), shop());
    sqlite3_stmt *statements[40];
    for (int i = 0; i < 40; i++) statements[i] = prepare(db, "SELECT 1 UNION SELECT 2 UNION SELECT 3");
    for (int row = 0; row < 3; row++)
        for (int i = 0; i < 40; i++) CHECK_INT(sqlite3_step(statements[i]), SQLITE_ROW);
    for (int i = 0; i < 40; i++) {
        if (i % 2) CHECK_INT(sqlite3_step(statements[i]), SQLITE_DONE);
        sqlite3_finalize(statements[i]);
    }
    sqlite3_close(db);
    finish();
    REQUIRE(span_count == 41);
    for (int i = 1; i < 41; i++) {
        CHECK_STR(text_of(&spans[i], "db.response.returned_rows"), "3");
        CHECK(!trace_context_is_valid(trace_context_current()));
    }
}

static unsigned seen[16];
static int watch(unsigned event, void *user, void *about, void *what) {
    (void)about, (void)what;
    CHECK(user == seen);
    seen[event]++;
    return 0;
}

ISOLATED(the_programs_trace_callback_is_called) {
    sqlite3 *const db = (begin(), shop());
    CHECK_INT(sqlite3_trace_v2(db, SQLITE_TRACE_STMT | SQLITE_TRACE_CLOSE, watch, seen), SQLITE_OK);
    sqlite3_exec(db, "SELECT 1; SELECT 2", NULL, NULL, NULL);
    CHECK_INT(sqlite3_trace_v2(db, SQLITE_TRACE_ROW | SQLITE_TRACE_CLOSE, watch, seen), SQLITE_OK);
    sqlite3_exec(db, "SELECT 3", NULL, NULL, NULL);
    CHECK_INT(trace_sqlite_attach(db), SQLITE_OK);
    CHECK_INT(trace_sqlite_attach(NULL), SQLITE_OK);
    sqlite3_close(db);
    finish();
    CHECK_UINT(seen[SQLITE_TRACE_STMT], 2);
    CHECK_UINT(seen[SQLITE_TRACE_ROW], 1);
    CHECK_UINT(seen[SQLITE_TRACE_PROFILE], 0);
    CHECK_UINT(seen[SQLITE_TRACE_CLOSE], 1);
    CHECK_UINT(span_count, 4);
}

static int wait_a_little(void *user, int count) {
    (void)user;
    ledger_nap(3000);
    return count < 1;
}

/* A lock that is waited for in vain, and then had: SQLite tells of neither try after the first. */
ISOLATED(locks) {
    char name[300];
    sqlite3 *one = NULL, *two = NULL;
    sqlite3_stmt *insert;
    const trace_value *waited;
    begin();
    snprintf(name, sizeof name, "%s/lock%d.db", getenv("TEST_BUILD_DIR") ? getenv("TEST_BUILD_DIR") : "/tmp", (int)getpid());
    unlink(name);
    CHECK_INT(sqlite3_open(name, &one), SQLITE_OK);
    CHECK_INT(sqlite3_open_v2(name, &two, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_exec(one, "CREATE TABLE t(a); BEGIN EXCLUSIVE", NULL, NULL, NULL);
    CHECK_INT(sqlite3_busy_handler(two, wait_a_little, NULL), SQLITE_OK);
    sqlite3_exec(one, "COMMIT", NULL, NULL, NULL);
    insert = prepare(two, "INSERT INTO t VALUES (1)");
    sqlite3_exec(one, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
    CHECK_INT(sqlite3_step(insert), SQLITE_BUSY);
    CHECK_INT(sqlite3_step(insert), SQLITE_BUSY);
    sqlite3_exec(one, "COMMIT", NULL, NULL, NULL);
    CHECK_INT(sqlite3_step(insert), SQLITE_DONE);
    sqlite3_finalize(insert);
    sqlite3_busy_handler(two, NULL, NULL);
    sqlite3_close(one);
    sqlite3_close(two);
    unlink(name);
    finish();
    REQUIRE(span_count == 8);
    for (size_t i = 4, inserts = 0; i < span_count; i++) {
        if (strcmp(name_of(&spans[i]), "INSERT t") != 0) continue;
        inserts++;
        CHECK_STR(text_of(&spans[i], "error.type"), inserts < 3 ? "SQLITE_BUSY" : "(none)");
        waited = find(&spans[i], "sqlite.lock_wait_time");
        if (inserts == 1) CHECK(waited && waited->as.number >= 0.003);
        if (i == span_count - 1) CHECK_UINT(inserts, 3);
        CHECK_HAS(text_of(&spans[i], "db.namespace"), "lock");
        CHECK_HAS_NOT(text_of(&spans[i], "db.namespace"), "/");
    }
}

/* A connection that is not quite closed still calls us; its memory goes to others only when it cannot. */
ISOLATED(connections_come_and_go) {
    unsigned known = 0;
    sqlite3 *db;
    sqlite3_stmt *left;
    begin();
    db = shop();
    left = prepare(db, "SELECT 1 UNION SELECT 2");
    CHECK_INT(sqlite3_step(left), SQLITE_ROW);
    CHECK_INT(sqlite3_close(db), SQLITE_BUSY);
    CHECK_INT(sqlite3_close_v2(db), SQLITE_OK);
    CHECK_INT(sqlite3_step(left), SQLITE_ROW);
    CHECK_INT(sqlite3_step(left), SQLITE_DONE);
    CHECK_INT(sqlite3_finalize(left), SQLITE_OK);
    db = shop();
    sqlite3_close(db);
    for (int i = 0; i < 200; i++) {
        sqlite3 *other = NULL;
        db = shop();
        CHECK_INT(sqlite3_open(":memory:", &other), SQLITE_OK);
        sqlite3_close(db);
        sqlite3_close(other);
    }
    for (const tracei_sqlite_connection *c = tracei_sqlite_connections; c; c = c->next) known++;
    CHECK(known <= 4);
    finish();
    CHECK_UINT(span_count, 1 + 2 + 1 + 200);
}

ISOLATED(without_redirect_it_is_traced_once_attached) {
    sqlite3 *db = NULL;
    sqlite3_stmt *statement;
    begin();
    CHECK_INT(open_unseen(":memory:", &db), SQLITE_OK);
    statement = prepare(db, "SELECT 1");
    CHECK_INT(step_unseen(statement), SQLITE_ROW);
    sqlite3_reset(statement);
    CHECK_INT(trace_sqlite_attach(db), SQLITE_OK);
    CHECK_INT(step_unseen(statement), SQLITE_ROW);
    CHECK_INT(step_unseen(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    statement = prepare(db, "EXPLAIN QUERY PLAN SELECT 1");
    while (step_unseen(statement) == SQLITE_ROW) {}
    sqlite3_finalize(statement);
    sqlite3_close(db);
    finish();
    REQUIRE(span_count == 2);
    CHECK_STR(text_of(&spans[0], "db.response.returned_rows"), "1");
    CHECK(find(&spans[0], "sqlite.busy_time") == NULL);
    CHECK_STR(name_of(&spans[1]), "EXPLAIN SELECT");
}

static sqlite3 *shared_db;
static void *run_statements(void *user) {
    sqlite3 *const db = user ? shop() : shared_db;
    for (int i = 0; i < 100; i++) CHECK_INT(sqlite3_exec(db, "SELECT * FROM users", NULL, NULL, NULL), SQLITE_OK);
    if (user) sqlite3_close(db);
    return NULL;
}

ISOLATED(many_threads_and_connections) {
    pthread_t threads[6];
    begin();
    CHECK_INT(sqlite3_open_v2(":memory:", &shared_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL), SQLITE_OK);
    sqlite3_exec(shared_db, "CREATE TABLE users(id)", NULL, NULL, NULL);
    for (size_t i = 0; i < 6; i++) pthread_create(&threads[i], NULL, run_statements, i < 3 ? NULL : threads);
    for (size_t i = 0; i < 6; i++) pthread_join(threads[i], NULL);
    sqlite3_close(shared_db);
    finish();
    CHECK_UINT(span_count, 600 + 4);
}

/* Threads take turns on one connection. What a wrapper has still to do when SQLite is done with a statement must not meet the
   next thread at the connection's entries, nor take its error for this one's. */
static sqlite3_stmt *shared_insert;
static void *fail_and_succeed(void *user) {
    for (unsigned long i = 0; i < 200; i++) {
        CHECK_INT(sqlite3_exec(shared_db, "INSERT INTO users VALUES (1, 'canary')", NULL, NULL, NULL), SQLITE_CONSTRAINT);
        CHECK_INT(sqlite3_exec(shared_db, "SELECT name FROM users", stop_at_row, NULL, NULL), SQLITE_ABORT);
        CHECK_INT(sqlite3_step(shared_insert), SQLITE_CONSTRAINT);
        CHECK_INT(sqlite3_exec(shared_db, "SELECT * FROM users", NULL, NULL, NULL), SQLITE_OK);
    }
    return user;
}

ISOLATED(threads_share_a_connection) {
    pthread_t threads[4];
    unsigned failed[2] = {0, 0};
    begin();
    CHECK_INT(sqlite3_open_v2(":memory:", &shared_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL), SQLITE_OK);
    sqlite3_exec(shared_db, "CREATE TABLE users(id INTEGER PRIMARY KEY, name UNIQUE); INSERT INTO users VALUES (1, 'a')", NULL, NULL, NULL);
    shared_insert = prepare(shared_db, "INSERT INTO users VALUES (2, 'a')");
    for (size_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, fail_and_succeed, NULL);
    for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    sqlite3_finalize(shared_insert);
    sqlite3_close(shared_db);
    finish();
    CHECK_UINT(span_count, 2 + 4 * 200 * 4);
    for (size_t i = 0; i < span_count; i++) {
        failed[0] += strcmp(text_of(&spans[i], "db.response.status_code"), "1555") == 0;       /* SQLITE_CONSTRAINT_PRIMARYKEY */
        failed[1] += strcmp(text_of(&spans[i], "db.response.status_code"), "2067") == 0;       /* SQLITE_CONSTRAINT_UNIQUE */
        if (spans[i].status == TRACE_STATUS_ERROR) CHECK_STR(name_of(&spans[i]), "INSERT users");
    }
    CHECK_UINT(failed[0], 200 * 4);
    CHECK_UINT(failed[1], 200 * 4);
}

ISOLATED(suppressed_statements_are_not_traced) {
    sqlite3 *const db = (begin(), shop());
    TRACE_SUPPRESS {
        sqlite3_exec(db, "SELECT 1", NULL, NULL, NULL);
        sqlite3_exec(db, "canary", NULL, NULL, NULL);
    }
    sqlite3_close(db);
    finish();
    CHECK_UINT(span_count, 1);
}

static sqlite3 *exporters_db;
static trace_result storing_export(void *user, const trace_batch *batch) {
    (void)user, (void)batch;
    CHECK_INT(sqlite3_exec(exporters_db, "INSERT INTO users(name) VALUES (NULL)", NULL, NULL, NULL), SQLITE_OK);
    return TRACE_RESULT_OK;
}

ISOLATED(an_exporter_that_uses_sqlite_is_not_traced) {
    trace_config config;
    trace_exporter storing;
    trace_stats stats;
    memset(&storing, 0, sizeof storing);
    storing.struct_size = sizeof storing;
    storing.name = "storing";
    storing.export_fn = storing_export;
    config = ledger_config(storing);
    CHECK_INT(open_unseen(":memory:", &exporters_db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(exporters_db, "CREATE TABLE users(name)", NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(trace_init(&config), TRACE_RESULT_OK);
    CHECK_INT(trace_sqlite_attach(exporters_db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(exporters_db, "SELECT 1", NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(trace_flush(10000), TRACE_RESULT_OK);
    trace_get_stats(&stats);
    CHECK_UINT(stats.ended, 1);
    sqlite3_close(exporters_db);
}
#endif

TEST_MAIN()
