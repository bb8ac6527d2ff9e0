/* trace_sqlite.h - SQLite statements as spans of trace.h, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Every statement a connection runs is a CLIENT span with its text, without a single literal.

   DO THIS
       #define TRACE_IMPLEMENTATION
       #include "trace_sqlite.h"                  (includes <sqlite3.h> and trace.h)
   in one file, link with -lsqlite3 and -pthread, and after opening a connection
       trace_sqlite_attach(db);
   Errors, and time inside SQLite, are known where the calls are seen: put
       #define TRACE_CONFIG_SQLITE_REDIRECT 1     before the include, in every file that uses SQLite
   and connections are attached as they are opened. A program nobody rebuilds: `make preload`, and one of
       LD_PRELOAD=build/libtrace_preload_sqlite.so program
       sqlite3 -cmd ".load build/trace_sqlite"    (a loadable extension: this connection, and all opened after it)

   CONTENTS (search for the tag)      >>functions  >>tokens  >>statements  >>spans  >>events  >>wrappers  >>redirect

   WHAT A SPAN HAS (OpenTelemetry semantic conventions, "Database client")
       name                    db.query.summary: "SELECT users", "INSERT a SELECT b", "CREATE TABLE t", "PRAGMA journal_mode"
       db.system.name          sqlite
       db.namespace            the name of the file, without its folders; ":memory:" when there is none
       db.operation.name, db.collection.name      the verb; the table, when there is one only
       db.query.text           what was prepared, 4,095 bytes of it: literals are ?, parameters stay as written, comments are gone
       db.response.returned_rows                  of statements that return rows
       db.response.status_code, error.type        with status ERROR: the extended result code and the name of the primary one
                               ("2067", "SQLITE_CONSTRAINT"). An interrupted statement is no error: event "cancelled"
       sqlite.busy_time        seconds inside sqlite3_step; the span also counts what the program did between its rows
       sqlite.lock_wait_time   seconds in the program's busy handler
       sqlite.fullscan_steps, sqlite.sorts, sqlite.autoindexes      what an index would spare, when it is not 0
       events                  trigger, with sqlite.trigger.name
   From the first sqlite3_step to the last row, sqlite3_reset or sqlite3_finalize. Statements run by SQL functions, virtual tables
   and the like inside another are its children. What cannot be prepared is a span with the error and its verb, without text.

   WHAT NEVER LEAVES. Strings, blobs, numbers, comments, values of bound parameters, arguments of PRAGMA, ATTACH and virtual
   tables, and SQLite's own error messages, which quote what they found. SQLite takes "text" for a string where no such column
   exists: in double quotes only what must be a name stays (after FROM, INTO, ".", ...), unless the connection has
   SQLITE_DBCONFIG_DQS_DML and _DDL off.

   LIMITS. SQLite has one trace callback for a connection. With the redirect or preloaded, a program's own sqlite3_trace_v2 is
   called after ours; elsewhere, and with the old sqlite3_trace and sqlite3_profile, who comes last has it.

   THREADS. As SQLite: connections used by several threads are safe where SQLite itself is. A SQLite built with
   -DSQLITE_THREADSAFE=0 has no mutexes to link with: say the same where TRACE_IMPLEMENTATION is. */
#ifndef TRACE_SQLITE_H_INCLUDED_4C08F1
#define TRACE_SQLITE_H_INCLUDED_4C08F1
#define TRACE_SQLITE_H_VERSION 100
#define TRACEI_SQLITE_NEEDS_TRACE_H 100
#endif

#if !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_sqlite.h: another trace.h was found first; include this library's trace.h by its path before trace_sqlite.h"
#elif TRACE_H_VERSION < TRACEI_SQLITE_NEEDS_TRACE_H
#error "trace_sqlite.h: this trace.h is too old; take both files from one version"
#endif
#include <sqlite3.h>
#if SQLITE_VERSION_NUMBER < 3020000
#error "trace_sqlite.h: needs SQLite 3.20 or later"
#endif

/* >>functions ----------------------------------------------------------------------------------------------------- */

#ifndef TRACEI_SQLITE_PUBLIC
#define TRACEI_SQLITE_PUBLIC 1

#if defined(TRACE_CONFIG_NAMESPACE) && !TRACE_CONFIG_OFF
#define trace_sqlite_attach TRACEI_NAME(trace_sqlite_attach)
#define trace_sqlite_busy_handler TRACEI_NAME(trace_sqlite_busy_handler)
#define trace_sqlite_exec TRACEI_NAME(trace_sqlite_exec)
#define trace_sqlite_open TRACEI_NAME(trace_sqlite_open)
#define trace_sqlite_open16 TRACEI_NAME(trace_sqlite_open16)
#define trace_sqlite_open_v2 TRACEI_NAME(trace_sqlite_open_v2)
#define trace_sqlite_prepare TRACEI_NAME(trace_sqlite_prepare)
#define trace_sqlite_prepare_v2 TRACEI_NAME(trace_sqlite_prepare_v2)
#define trace_sqlite_prepare_v3 TRACEI_NAME(trace_sqlite_prepare_v3)
#define trace_sqlite_step TRACEI_NAME(trace_sqlite_step)
#define trace_sqlite_trace_v2 TRACEI_NAME(trace_sqlite_trace_v2)
#endif

/* trace_sqlite_attach traces a connection from now on; SQLITE_OK, or SQLITE_NOMEM. NULL is ignored, twice is once. It ends when
   the connection is closed. The others stand for SQLite's own of the same name: arguments, results and threads are SQLite's. */
#if TRACE_CONFIG_OFF
#define trace_sqlite_attach(db) ((void)(db), SQLITE_OK)
#define trace_sqlite_open sqlite3_open
#define trace_sqlite_open_v2 sqlite3_open_v2
#define trace_sqlite_open16 sqlite3_open16
#define trace_sqlite_prepare sqlite3_prepare
#define trace_sqlite_prepare_v2 sqlite3_prepare_v2
#define trace_sqlite_prepare_v3 sqlite3_prepare_v3
#define trace_sqlite_step sqlite3_step
#define trace_sqlite_exec sqlite3_exec
#define trace_sqlite_trace_v2 sqlite3_trace_v2
#define trace_sqlite_busy_handler sqlite3_busy_handler
#else
#ifdef __cplusplus
extern "C" {
#endif
TRACE_APP int trace_sqlite_attach(sqlite3 *db);
TRACE_APP int trace_sqlite_open(const char *name, sqlite3 **db);
TRACE_APP int trace_sqlite_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs);
TRACE_APP int trace_sqlite_open16(const void *name, sqlite3 **db);
TRACE_APP int trace_sqlite_prepare(sqlite3 *db, const char *sql, int size, sqlite3_stmt **statement, const char **tail);
TRACE_APP int trace_sqlite_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **statement, const char **tail);
TRACE_APP int trace_sqlite_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags, sqlite3_stmt **statement,
                                      const char **tail);
/* The statement's span is current while it begins: spans in SQL functions written in C are its children. */
TRACE_APP int trace_sqlite_step(sqlite3_stmt *statement);
TRACE_APP int trace_sqlite_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *user,
                                char **error);
TRACE_APP int trace_sqlite_trace_v2(sqlite3 *db, unsigned mask, int (*trace)(unsigned, void *, void *, void *), void *user);
TRACE_APP int trace_sqlite_busy_handler(sqlite3 *db, int (*busy)(void *, int), void *user);
#ifdef __cplusplus
} /* extern "C" */
#endif
#endif
#endif /* TRACEI_SQLITE_PUBLIC */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_SQLITE_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_SQLITE_IMPLEMENTED 1

#ifdef TRACEI_SQLITE_REDIRECTED   /* included before without the implementation: here SQLite's names are SQLite's */
#undef sqlite3_open
#undef sqlite3_open_v2
#undef sqlite3_open16
#undef sqlite3_prepare
#undef sqlite3_prepare_v2
#undef sqlite3_prepare_v3
#undef sqlite3_step
#undef sqlite3_exec
#undef sqlite3_trace_v2
#undef sqlite3_busy_handler
#undef TRACEI_SQLITE_REDIRECTED
#endif

/* How SQLite is called. A preloaded library calls the next one instead; an extension, through its table. */
#ifndef TRACEI_SQLITE_CALL
#define TRACEI_SQLITE_CALL(name) sqlite3_##name
#endif

/* >>tokens ----------------------------------------------------------------------------------------------------------

   SQL as SQLite's own tokenizer splits it, because a quote it sees and we do not turns text inside out: what is a literal to
   SQLite would be a name to us. What SQLite would call illegal is a literal here, up to the end. */

typedef enum tracei_sqlite_kind {
    TRACEI_SQLITE_END = 0,
    TRACEI_SQLITE_WORD,           /* keyword or name */
    TRACEI_SQLITE_NAME,           /* [x] or `x` */
    TRACEI_SQLITE_DOUBLE,         /* "x": a name, or a string where no such name exists */
    TRACEI_SQLITE_LITERAL,
    TRACEI_SQLITE_PARAMETER,
    TRACEI_SQLITE_MARK            /* one character of anything else */
} tracei_sqlite_kind;

typedef struct tracei_sqlite_token {
    tracei_sqlite_kind kind;
    const char *at;
    size_t size;
    bool spaced;                  /* white space or a comment came before */
} tracei_sqlite_token;

static bool tracei_sqlite_is_digit(char c) { return c >= '0' && c <= '9'; }

static bool tracei_sqlite_is_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool tracei_sqlite_is_part(char c) { return tracei_sqlite_is_start(c) || tracei_sqlite_is_digit(c) || c == '$'; }

static bool tracei_sqlite_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r' && c != '\v'); }

static const char *tracei_sqlite_skip_space(const char *at, const char *end) {
    for (;;) {
        if (at < end && tracei_sqlite_is_space(*at)) {
            at++;
        } else if (end - at >= 2 && at[0] == '-' && at[1] == '-') {
            while (at < end && *at != '\n') at++;
        } else if (end - at >= 3 && at[0] == '/' && at[1] == '*') {
            at += 2;
            while (end - at >= 2 && !(at[0] == '*' && at[1] == '/')) at++;
            at = end - at >= 2 ? at + 2 : end;
        } else {
            return at;
        }
    }
}

/* Past the closing quote, doubled ones inside; NULL: there is none. */
static const char *tracei_sqlite_quoted(const char *at, const char *end, char quote) {
    for (at++; at < end; at++) {
        if (*at != quote) continue;
        if (quote == ']' || at + 1 == end || at[1] != quote) return at + 1;
        at++;
    }
    return NULL;
}

static const char *tracei_sqlite_number(const char *at, const char *end) {
    for (; at < end; at++) {
        if (tracei_sqlite_is_part(*at) || *at == '.') continue;
        if (*at != '+' && *at != '-') break;
        if ((at[-1] != 'e' && at[-1] != 'E') || end - at < 2 || !tracei_sqlite_is_digit(at[1])) break;
    }
    return at;
}

/* ?1, :name, @name, #name, $name::part(suffix). The suffix is skipped: nothing in it is SQL. */
static const char *tracei_sqlite_parameter(const char *at, const char *end, size_t *size) {
    const char *const start = at++;
    if (*start == '?') {
        while (at < end && tracei_sqlite_is_digit(*at)) at++;
        *size = (size_t)(at - start);
        return at;
    }
    for (; at < end; at++) {
        if (tracei_sqlite_is_part(*at)) continue;
        if (*at == ':' && end - at >= 2 && at[1] == ':') at++;
        else break;
    }
    *size = (size_t)(at - start);
    if (at < end && *at == '(' && at > start + 1) {
        while (at < end && *at != ')' && !tracei_sqlite_is_space(*at)) at++;
        at = at < end && *at == ')' ? at + 1 : end;
    }
    return at;
}

static const char *tracei_sqlite_next(tracei_sqlite_token *token, const char *from, const char *end) {
    const char *const at = tracei_sqlite_skip_space(from, end), *after = NULL;
    const char c = at < end ? *at : '\0';
    token->spaced = at != from;
    token->at = at;
    token->size = 0;
    token->kind = TRACEI_SQLITE_END;
    if (at == end) return end;
    if (c == '\'' || ((c == 'x' || c == 'X') && end - at >= 2 && at[1] == '\'')) {
        token->kind = TRACEI_SQLITE_LITERAL;
        after = tracei_sqlite_quoted(c == '\'' ? at : at + 1, end, '\'');
    } else if (c == '"') {
        token->kind = TRACEI_SQLITE_DOUBLE;
        after = tracei_sqlite_quoted(at, end, '"');
    } else if (c == '`' || c == '[') {
        token->kind = TRACEI_SQLITE_NAME;
        after = tracei_sqlite_quoted(at, end, c == '[' ? ']' : c);
    } else if (tracei_sqlite_is_start(c)) {
        token->kind = TRACEI_SQLITE_WORD;
        for (after = at + 1; after < end && tracei_sqlite_is_part(*after); after++) {}
    } else if (tracei_sqlite_is_digit(c) || (c == '.' && end - at >= 2 && tracei_sqlite_is_digit(at[1]))) {
        token->kind = TRACEI_SQLITE_LITERAL;
        after = tracei_sqlite_number(at, end);
    } else if (c == '?' || c == ':' || c == '@' || c == '#' || c == '$') {
        token->kind = TRACEI_SQLITE_PARAMETER;
        return tracei_sqlite_parameter(at, end, &token->size);
    } else {
        token->kind = TRACEI_SQLITE_MARK;
        after = at + 1;
    }
    if (!after) {                 /* a quote that is never closed */
        token->kind = TRACEI_SQLITE_LITERAL;
        after = end;
    }
    token->size = (size_t)(after - at);
    return after;
}

static bool tracei_sqlite_is(const tracei_sqlite_token *token, const char *word) {
    size_t i;
    if (token->kind != TRACEI_SQLITE_WORD) return false;
    for (i = 0; i < token->size && word[i]; i++)
        if ((token->at[i] & ~0x20) != word[i] && token->at[i] != word[i]) return false;
    return i == token->size && !word[i];
}

static bool tracei_sqlite_is_any(const tracei_sqlite_token *token, const char *const *words) {
    if (token->kind != TRACEI_SQLITE_WORD) return false;
    for (; *words; words++)
        if (**words == (token->at[0] & ~0x20) && tracei_sqlite_is(token, *words)) return true;
    return false;
}

/* >>statements -------------------------------------------------------------------------------------------------------

   One walk over the tokens makes the text and the summary. What decides is where a token stands: after FROM, JOIN, INTO, UPDATE
   and in lists after FROM stand tables; in PRAGMA, ATTACH and behind a virtual table's USING even words are values. */

#define TRACEI_SQLITE_TEXT 4096
#define TRACEI_SQLITE_SUMMARY 256

typedef struct tracei_sqlite_query {
    tracei_text text, summary;
    char verb[24];                /* upper case; "": none */
    char table[128];              /* "": none, or several */
    unsigned tables;
    bool names_only;              /* "x" is never a string on this connection */
    /* while walking */
    tracei_sqlite_token before;   /* the last token */
    unsigned depth;
    unsigned list_depth;          /* of the FROM list, plus one; 0: not in one */
    unsigned columns_depth;       /* likewise of INSERT's columns */
    bool wants_table, after_table, is_into, is_virtual, values, done;
    char text_bytes[TRACEI_SQLITE_TEXT], summary_bytes[TRACEI_SQLITE_SUMMARY];
} tracei_sqlite_query;

static void tracei_sqlite_summarize(tracei_sqlite_query *q, const char *text, size_t size, bool upper) {
    tracei_text *const summary = &q->summary;
    if (summary->full || size + 1 > summary->capacity - summary->size) {
        summary->full = true;
        return;
    }
    if (summary->size) tracei_text_cstr(summary, " ");
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        summary->data[summary->size++] = upper && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
}

static void tracei_sqlite_add_verb(tracei_sqlite_query *q, const tracei_sqlite_token *token) {
    const size_t used = strlen(q->verb), start = used ? used + 1 : 0;
    tracei_sqlite_summarize(q, token->at, token->size, true);
    if (start + token->size >= sizeof q->verb) return;
    if (used) q->verb[used] = ' ';
    for (size_t i = 0; i < token->size; i++) {
        const char c = token->at[i];
        q->verb[start + i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    }
    q->verb[start + token->size] = '\0';
}

/* A table's name, after the quotes are off. The part after a dot replaces the part before it. */
static void tracei_sqlite_add_table(tracei_sqlite_query *q, const tracei_sqlite_token *token) {
    const size_t quotes = token->kind == TRACEI_SQLITE_WORD ? 0 : 1, size = token->size - 2 * quotes;
    const char *const name = token->at + quotes;
    tracei_sqlite_summarize(q, name, size, false);
    q->tables++;
    if (size >= sizeof q->table || (q->tables > 1 && (strlen(q->table) != size || memcmp(q->table, name, size) != 0))) {
        q->table[0] = '\0';
        q->tables = 2;
        return;
    }
    memcpy(q->table, name, size);
    q->table[size] = '\0';
    q->tables = 1;
}

static bool tracei_sqlite_verb_is(const tracei_sqlite_query *q, const char *verb) { return strcmp(q->verb, verb) == 0; }

/* The first word, and the words that go with it. */
static void tracei_sqlite_first_words(tracei_sqlite_query *q, const tracei_sqlite_token *token) {
    static const char *const simple[] = {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ANALYZE", "VACUUM",
                                         "REINDEX", "ATTACH", "DETACH", "PRAGMA", "EXPLAIN", "CREATE", "DROP", "ALTER", "REPLACE",
                                         NULL};
    static const char *const objects[] = {"TABLE", "INDEX", "VIEW", "TRIGGER", NULL};
    if (!q->verb[0] && !q->depth && tracei_sqlite_is_any(token, simple)) {
        tracei_sqlite_add_verb(q, token);
        q->wants_table = tracei_sqlite_is(token, "PRAGMA");
    } else if (tracei_sqlite_is_any(token, objects) &&
               (tracei_sqlite_verb_is(q, "CREATE") || tracei_sqlite_verb_is(q, "DROP") || tracei_sqlite_verb_is(q, "ALTER"))) {
        tracei_sqlite_add_verb(q, token);
        q->wants_table = true;
    }
}

/* Of what was CREATEd, DROPped and the like one name tells enough; the others may hold whole queries. */
static bool tracei_sqlite_is_whole(const tracei_sqlite_query *q) {
    const char first = q->verb[0];
    if (first == 'C' || first == 'D' || first == 'A' || first == 'P')
        return !tracei_sqlite_verb_is(q, "DELETE");
    return false;
}

static void tracei_sqlite_word(tracei_sqlite_query *q, const tracei_sqlite_token *token) {
    static const char *const verbs[] = {"SELECT", "INSERT", "UPDATE", "DELETE", NULL};
    static const char *const befores[] = {"DO", "BEFORE", "AFTER", "OF", NULL};
    static const char *const ends[] = {"WHERE", "GROUP", "ORDER", "LIMIT", "HAVING", "SET", "VALUES", "UNION", "EXCEPT",
                                       "INTERSECT", "WINDOW", "RETURNING", NULL};
    if (tracei_sqlite_is(token, "VIRTUAL") && tracei_sqlite_verb_is(q, "CREATE")) q->is_virtual = true;
    tracei_sqlite_first_words(q, token);
    if (tracei_sqlite_is_whole(q)) return;
    if (tracei_sqlite_is_any(token, verbs) && !tracei_sqlite_is_any(&q->before, befores)) {
        if (!q->verb[0] && !q->depth) tracei_sqlite_add_verb(q, token);
        else tracei_sqlite_summarize(q, token->at, token->size, true);
        q->wants_table = tracei_sqlite_is(token, "UPDATE");
        if (q->list_depth == q->depth + 1) q->list_depth = 0;
    } else if (tracei_sqlite_is(token, "FROM") || tracei_sqlite_is(token, "JOIN")) {
        q->wants_table = !tracei_sqlite_is(&q->before, "DISTINCT");           /* IS [NOT] DISTINCT FROM x */
        if (q->wants_table) q->list_depth = q->depth + 1;
    } else if (tracei_sqlite_is(token, "INTO")) {
        q->wants_table = q->is_into = !tracei_sqlite_verb_is(q, "VACUUM");
    } else if (q->list_depth == q->depth + 1 && tracei_sqlite_is_any(token, ends)) {
        q->list_depth = 0;
    }
}

static bool tracei_sqlite_is_table_position(tracei_sqlite_query *q, const tracei_sqlite_token *token) {
    static const char *const between[] = {"IF", "NOT", "EXISTS", "OR", "ROLLBACK", "ABORT", "REPLACE", "FAIL", "IGNORE", NULL};
    if (!q->wants_table || token->kind == TRACEI_SQLITE_LITERAL || token->kind == TRACEI_SQLITE_PARAMETER) return false;
    return token->kind != TRACEI_SQLITE_MARK && !tracei_sqlite_is_any(token, between);
}

/* In double quotes: surely a name? `next` is the character after it. */
static bool tracei_sqlite_is_name(const tracei_sqlite_query *q, char next) {
    const tracei_sqlite_token *const before = &q->before;
    if (q->names_only || q->wants_table || q->columns_depth == q->depth) return true;
    if (next == '.' || (before->kind == TRACEI_SQLITE_MARK && before->size && *before->at == '.')) return true;
    return tracei_sqlite_is(before, "AS") || tracei_sqlite_is(before, "SET");
}

static void tracei_sqlite_emit(tracei_sqlite_query *q, const tracei_sqlite_token *token, const char *text, size_t size) {
    if (token->spaced && q->text.size) tracei_text_cstr(&q->text, " ");
    tracei_text_add(&q->text, text, size);
}

static void tracei_sqlite_mark(tracei_sqlite_query *q, char c) {
    if (c == '(') {
        q->depth++;
        if (q->is_into && q->after_table) q->columns_depth = q->depth;
        q->is_into = false;
        if (q->is_virtual && q->depth == 1) q->values = true;
    } else if (c == ')') {
        if (q->columns_depth == q->depth) q->columns_depth = ~0u;
        if (q->list_depth == q->depth + 1) q->list_depth = 0;
        if (q->depth) q->depth--;
    } else if (c == ',' && q->list_depth == q->depth + 1) {
        q->wants_table = true;
        return;
    }
    if (c == '=' || c == '(') q->values = q->values || tracei_sqlite_verb_is(q, "PRAGMA");
    if (c != '.') q->wants_table = false;
}

/* `next`: the character after the token. */
static void tracei_sqlite_take(tracei_sqlite_query *q, const tracei_sqlite_token *token, char next) {
    static const char *const plain[] = {"DATABASE", "AS", "KEY", NULL};
    bool hidden = token->kind == TRACEI_SQLITE_LITERAL;
    const bool table = tracei_sqlite_is_table_position(q, token);
    if (token->kind == TRACEI_SQLITE_DOUBLE) hidden = !tracei_sqlite_is_name(q, next);
    if (tracei_sqlite_verb_is(q, "ATTACH") && token->kind != TRACEI_SQLITE_MARK && token->kind != TRACEI_SQLITE_PARAMETER)
        hidden = !tracei_sqlite_is_any(token, plain);
    tracei_sqlite_emit(q, token, hidden ? "?" : token->at, hidden ? 1 : token->size);
    if (token->kind == TRACEI_SQLITE_MARK) {
        tracei_sqlite_mark(q, *token->at);
        q->after_table = false;
    } else if (table && !hidden) {
        if (next != '.') tracei_sqlite_add_table(q, token);
        q->wants_table = next == '.';
        q->after_table = true;
    } else {
        if (token->kind == TRACEI_SQLITE_WORD) tracei_sqlite_word(q, token);
        else q->wants_table = false;
        q->after_table = false;
    }
    q->before = *token;
}

static void tracei_sqlite_walk(tracei_sqlite_query *q, const char *sql, size_t size, bool names_only) {
    const char *const end = sql + size, *at = sql;
    tracei_sqlite_token token;
    memset(q, 0, offsetof(tracei_sqlite_query, text_bytes));
    q->text.data = q->text_bytes;
    q->text.capacity = sizeof q->text_bytes - 1;
    q->summary.data = q->summary_bytes;
    q->summary.capacity = sizeof q->summary_bytes - 1;
    q->names_only = names_only;
    q->columns_depth = ~0u;
    for (;;) {
        at = tracei_sqlite_next(&token, at, end);
        if (token.kind == TRACEI_SQLITE_END) break;
        if (token.kind == TRACEI_SQLITE_MARK && *token.at == ';' && !tracei_sqlite_verb_is(q, "CREATE TRIGGER")) break;
        if (q->values) {          /* whatever follows is not told */
            tracei_sqlite_emit(q, &token, q->depth ? "?)" : "?", q->depth ? 2 : 1);
            break;
        }
        if (q->text.full && q->summary.full) break;
        tracei_sqlite_take(q, &token, at < end ? *at : '\0');
    }
    q->text.data[q->text.size] = '\0';
    q->summary.data[q->summary.size] = '\0';
}

/* >>spans -----------------------------------------------------------------------------------------------------------

   A connection has an entry for each statement under way: SQLite tells of its start (STMT), its rows (ROW) and its end (PROFILE),
   in whatever order a program steps its statements, and always by the thread that holds the connection. The result of a step is
   known only to who called it: our wrapper leaves a frame on its stack, an ending statement puts its entry there, and the
   wrapper, when it has the result, ends the span. Without a wrapper the span ends at once, and no error is known. What SQLite
   runs for itself (reading its schema) has no text, and no span.

   All of it belongs to whoever holds the connection's mutex. SQLite holds it when it calls us; a wrapper takes it before SQLite
   does, which counts, and keeps it until the result is told: otherwise the next thread would be at the entries already, and the
   error would be its own. A connection without a mutex is used by one thread at a time, or SQLite is not safe either.

   A connection may live on after SQLite said it is closed, as long as statements or backups of it do, and call us. So what
   belongs to it is never given back: another connection takes it over when no statement was left, or with the same address. */

/* What a statement's text was walked to, kept for the next time it runs. Found by the statement's address, which another one may
   have by now: it is the text itself that is compared, and the words in it never leave this. */
#define TRACEI_SQLITE_KEPT 16
#define TRACEI_SQLITE_KEPT_TEXT 1024      /* longer ones are walked each time */

typedef struct tracei_sqlite_kept {
    size_t size;                  /* 0: nothing yet */
    tracei_sqlite_query query;
    char sql[TRACEI_SQLITE_KEPT_TEXT];
} tracei_sqlite_kept;

typedef struct tracei_sqlite_entry {
    struct tracei_sqlite_entry *next;         /* of the connection's entries, or free ones */
    sqlite3_stmt *statement;
    trace_span span;
    uint64_t rows, busy_ns, lock_ns;
    uint64_t end_unix_ns;         /* 0: it ends now */
    int counters[3];              /* at the start */
    bool timed;                   /* busy_ns is known */
} tracei_sqlite_entry;

typedef struct tracei_sqlite_connection {
    struct tracei_sqlite_connection *next;
    sqlite3 *db;
    bool closed, reusable;        /* under the lock */
    tracei_sqlite_entry *active, *free, *last;        /* last: who told us something last, and is not nested in another */
    unsigned mask;                /* the program's own callbacks */
    int (*trace)(unsigned, void *, void *, void *);
    void *user;
    int (*busy)(void *, int);
    void *busy_user;
    uint64_t lock_ns;             /* in its busy handler, all in all */
    char name[128];               /* db.namespace */
    tracei_sqlite_kept *kept[TRACEI_SQLITE_KEPT];
    tracei_sqlite_entry entries[16];
} tracei_sqlite_connection;

typedef struct tracei_sqlite_frame {
    struct tracei_sqlite_frame *outer;
    sqlite3 *db;
    sqlite3_mutex *mutex;         /* the connection's, held; NULL: it has none */
    sqlite3_stmt *statement;      /* NULL: sqlite3_exec */
    tracei_sqlite_connection *connection;
    tracei_sqlite_entry *entry;   /* of the statement, once it told us something */
    tracei_sqlite_entry *ended;   /* waits for its result */
    bool seen;                    /* SQLite told us something about the statement */
    bool reported;                /* an error inside is a span already */
    bool attached;
    trace_attachment attachment;
} tracei_sqlite_frame;

static TRACEI_THREAD_LOCAL tracei_sqlite_frame *tracei_sqlite_frames;
static tracei_sqlite_connection *tracei_sqlite_connections;
static uint32_t tracei_sqlite_lock;           /* of that list */
/* Whose child is a statement without a current span: nobody's, or what a preloaded library was started with. */
static trace_context tracei_sqlite_outer;

/* The connection's mutex, now this thread's; NULL: it has none. A SQLite without threads lacks these functions. */
static sqlite3_mutex *tracei_sqlite_hold(sqlite3 *db) {
#if defined(SQLITE_THREADSAFE) && !SQLITE_THREADSAFE
    (void)db;
    return NULL;
#else
    sqlite3_mutex *const mutex = db ? TRACEI_SQLITE_CALL(db_mutex)(db) : NULL;
    if (mutex) TRACEI_SQLITE_CALL(mutex_enter)(mutex);
    return mutex;
#endif
}

static void tracei_sqlite_leave(sqlite3_mutex *mutex) {
#if defined(SQLITE_THREADSAFE) && !SQLITE_THREADSAFE
    (void)mutex;
#else
    if (mutex) TRACEI_SQLITE_CALL(mutex_leave)(mutex);
#endif
}

static tracei_sqlite_connection *tracei_sqlite_find(sqlite3 *db) {
    tracei_sqlite_connection *at;
    tracei_lock(&tracei_sqlite_lock);
    for (at = tracei_sqlite_connections; at && (at->closed || at->db != db); at = at->next) {}
    tracei_unlock(&tracei_sqlite_lock);
    return at;
}

static const char *tracei_sqlite_code(int code) {
    static const char *const names[] = {"OK",     "ERROR",    "INTERNAL", "PERM",       "ABORT",    "BUSY",   "LOCKED",
                                        "NOMEM",  "READONLY", "INTERRUPT", "IOERR",     "CORRUPT",  "NOTFOUND", "FULL",
                                        "CANTOPEN", "PROTOCOL", "EMPTY",  "SCHEMA",     "TOOBIG",   "CONSTRAINT", "MISMATCH",
                                        "MISUSE", "NOLFS",    "AUTH",     "FORMAT",     "RANGE",    "NOTADB"};
    const unsigned primary = (unsigned)code & 0xff;
    return primary < sizeof names / sizeof names[0] ? names[primary] : NULL;
}

static void tracei_sqlite_set_error(trace_span span, sqlite3 *db, int code) {
    char type[32] = "SQLITE_", number[16];
    const char *const name = tracei_sqlite_code(code);
    const int extended = TRACEI_SQLITE_CALL(extended_errcode)(db);
    const int told = (extended & 0xff) == (code & 0xff) ? extended : code;
    tracei_text text;
    if ((code & 0xff) == SQLITE_INTERRUPT) {
        trace_span_add_event(span, "cancelled", NULL, 0);
        return;
    }
    memset(&text, 0, sizeof text);
    text.data = number;
    text.capacity = sizeof number - 1;
    tracei_text_i64(&text, told);
    number[text.size] = '\0';
    memcpy(type + 7, name ? name : "ERROR", strlen(name ? name : "ERROR") + 1);
    trace_span_set_string(span, "db.response.status_code", number);
    trace_span_set_string(span, "error.type", type);
    trace_span_set_status(span, TRACE_STATUS_ERROR, TRACEI_SQLITE_CALL(errstr)(code & 0xff));
}

static void tracei_sqlite_set_query(trace_span span, const tracei_sqlite_query *q, const char *name) {
    trace_span_set_string(span, "db.system.name", "sqlite");
    trace_span_set_string(span, "db.namespace", name);
    if (q->verb[0]) trace_span_set_string(span, "db.operation.name", q->verb);
    if (q->table[0] && q->verb[0] != 'P') trace_span_set_string(span, "db.collection.name", q->table);
    if (q->summary.size) trace_span_set_string_n(span, "db.query.summary", q->summary.data, q->summary.size);
    if (q->text.size) trace_span_set_string_n(span, "db.query.text", q->text.data, q->text.size);
}

static bool tracei_sqlite_names_only(sqlite3 *db) {
#ifdef SQLITE_DBCONFIG_DQS_DDL
    int dml = 1, ddl = 1;
    if (TRACEI_SQLITE_CALL(db_config)(db, SQLITE_DBCONFIG_DQS_DML, -1, &dml) != SQLITE_OK) return false;
    if (TRACEI_SQLITE_CALL(db_config)(db, SQLITE_DBCONFIG_DQS_DDL, -1, &ddl) != SQLITE_OK) return false;
    return !dml && !ddl;
#else
    (void)db;
    return false;
#endif
}

/* `since_ns`: how long ago it began. */
static trace_span tracei_sqlite_start_span(const char *name, trace_context parent, uint64_t since_ns) {
    trace_span_options options;
    memset((void *)&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.kind = TRACE_KIND_CLIENT;
    options.detached = true;
    options.parent = parent;
    if (since_ns) options.start_unix_ns = tracei_unix_ns() - since_ns;
    return trace_span_start_with(name, &options);
}

static trace_context tracei_sqlite_current(void) {
    const trace_context current = trace_context_current();
    return trace_context_is_valid(current) ? current : tracei_sqlite_outer;
}

static const int tracei_sqlite_counters[3] = {SQLITE_STMTSTATUS_FULLSCAN_STEP, SQLITE_STMTSTATUS_SORT,
                                              SQLITE_STMTSTATUS_AUTOINDEX};

static tracei_sqlite_entry *tracei_sqlite_take_entry(tracei_sqlite_connection *c) {
    tracei_sqlite_entry *entry;
    if (!c->free) {               /* more statements under way than ever before */
        const size_t count = 64;
        tracei_sqlite_entry *const more = (tracei_sqlite_entry *)tracei_alloc(count * sizeof *more);
        for (size_t i = 0; more && i < count; i++) more[i].next = c->free, c->free = &more[i];
    }
    entry = c->free;
    if (!entry) return NULL;
    c->free = entry->next;
    memset(entry, 0, sizeof *entry);
    entry->next = c->active;
    return c->active = entry;
}

/* `own` is used when there is nothing kept. */
static const tracei_sqlite_query *tracei_sqlite_walked(tracei_sqlite_connection *c, const sqlite3_stmt *statement,
                                                       const char *sql, tracei_sqlite_query *own) {
    tracei_sqlite_kept **const place = &c->kept[((uintptr_t)statement >> 6) % TRACEI_SQLITE_KEPT], *kept = *place;
    const bool names_only = tracei_sqlite_names_only(c->db);
    const size_t size = strlen(sql);
    if (kept && size && kept->size == size && kept->query.names_only == names_only && memcmp(kept->sql, sql, size) == 0)
        return &kept->query;
    if (!kept && size <= TRACEI_SQLITE_KEPT_TEXT) *place = kept = (tracei_sqlite_kept *)tracei_alloc(sizeof *kept);
    if (!kept || size > TRACEI_SQLITE_KEPT_TEXT) {
        tracei_sqlite_walk(own, sql, size, names_only);
        return own;
    }
    tracei_sqlite_walk(&kept->query, sql, size, names_only);
    kept->size = size;
    memcpy(kept->sql, sql, size);
    return &kept->query;
}

/* NULL: no memory, or not to be traced. */
static tracei_sqlite_entry *tracei_sqlite_start(tracei_sqlite_connection *c, sqlite3_stmt *statement, trace_context parent,
                                                uint64_t since_ns) {
    tracei_sqlite_query own;
    const tracei_sqlite_query *query;
    const char *const sql = TRACEI_SQLITE_CALL(sql)(statement);
    tracei_sqlite_entry *const entry = !sql || TRACEI_IS_OFF() || tracei_is_suppressed() ? NULL : tracei_sqlite_take_entry(c);
    if (!entry) return NULL;
    query = tracei_sqlite_walked(c, statement, sql, &own);
    entry->statement = statement;
    entry->lock_ns = c->lock_ns;
    for (int i = 0; i < 3; i++)
        entry->counters[i] = TRACEI_SQLITE_CALL(stmt_status)(statement, tracei_sqlite_counters[i], 0);
    entry->span = tracei_sqlite_start_span(query->summary.size ? query->summary.data : "sqlite", parent, since_ns);
    if (trace_span_is_recording(entry->span)) tracei_sqlite_set_query(entry->span, query, c->name);
    return entry;
}

static tracei_sqlite_entry *tracei_sqlite_active(const tracei_sqlite_connection *c, const sqlite3_stmt *statement) {
    tracei_sqlite_entry *entry = c->active;
    while (entry && entry->statement != statement) entry = entry->next;
    return entry;
}

/* What only the statement knows, while it is surely there. */
static void tracei_sqlite_measure(tracei_sqlite_connection *c, tracei_sqlite_entry *entry) {
    static const char *const keys[3] = {"sqlite.fullscan_steps", "sqlite.sorts", "sqlite.autoindexes"};
    if (!trace_span_is_recording(entry->span)) return;
    for (int i = 0; i < 3; i++) {
        const int now = TRACEI_SQLITE_CALL(stmt_status)(entry->statement, tracei_sqlite_counters[i], 0);
        if (now > entry->counters[i]) trace_span_set_int(entry->span, keys[i], now - entry->counters[i]);
    }
    if (TRACEI_SQLITE_CALL(column_count)(entry->statement) > 0)
        trace_span_set_uint(entry->span, "db.response.returned_rows", entry->rows);
    if (c->lock_ns > entry->lock_ns)
        trace_span_set_double(entry->span, "sqlite.lock_wait_time", (double)(c->lock_ns - entry->lock_ns) / 1e9);
}

static void tracei_sqlite_unlink(tracei_sqlite_connection *c, tracei_sqlite_entry *entry) {
    tracei_sqlite_entry **at = &c->active;
    while (*at && *at != entry) at = &(*at)->next;
    if (*at) *at = entry->next;
    if (c->last == entry) c->last = NULL;
}

/* Ends the span of an entry that is linked no more. */
static void tracei_sqlite_end(tracei_sqlite_connection *c, tracei_sqlite_entry *entry, int code) {
    if (entry->timed) trace_span_set_double(entry->span, "sqlite.busy_time", (double)entry->busy_ns / 1e9);
    if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE) tracei_sqlite_set_error(entry->span, c->db, code);
    if (entry->end_unix_ns) trace_span_end_at(entry->span, entry->end_unix_ns);
    else trace_span_end(entry->span);
    entry->next = c->free;
    c->free = entry;
}

static void tracei_sqlite_settle(tracei_sqlite_frame *frame, int code) {
    tracei_sqlite_entry *const entry = frame->ended;
    frame->ended = NULL;
    if (frame->entry == entry) frame->entry = NULL;
    if (entry) tracei_sqlite_end(frame->connection, entry, code);
}

/* >>events --------------------------------------------------------------------------------------------------------- */

/* The call that runs the statement: the innermost one on its connection. */
static tracei_sqlite_frame *tracei_sqlite_frame_of(const tracei_sqlite_connection *c, const sqlite3_stmt *statement) {
    tracei_sqlite_frame *const frame = tracei_sqlite_frames;
    return frame && frame->db == c->db && (!frame->statement || frame->statement == statement) ? frame : NULL;
}

/* Inside which statement this one runs; SQLite told that it is inside one. */
static trace_context tracei_sqlite_around(const tracei_sqlite_connection *c, const sqlite3_stmt *statement) {
    const tracei_sqlite_entry *entry = NULL;
    for (const tracei_sqlite_frame *frame = tracei_sqlite_frames; frame && !entry; frame = frame->outer)
        if (frame->db == c->db && frame->statement && frame->statement != statement)
            entry = tracei_sqlite_active(c, frame->statement);
    if (!entry) entry = c->last;
    return entry ? trace_span_context(entry->span) : tracei_sqlite_current();
}

static void tracei_sqlite_enter(tracei_sqlite_frame *frame, tracei_sqlite_connection *c, tracei_sqlite_entry *entry) {
    frame->connection = c;
    frame->entry = entry;
    if (!frame->statement || frame->attached) return;
    frame->attached = true;
    frame->attachment = trace_span_is_recording(entry->span) ? trace_attach_span(entry->span)
                                                             : trace_attach(trace_span_context(entry->span));
}

/* A statement starts; or a trigger of one under way does: then the text is not the statement's own. */
static void tracei_sqlite_on_start(tracei_sqlite_connection *c, sqlite3_stmt *statement, const char *text) {
    tracei_sqlite_entry *entry = tracei_sqlite_active(c, statement);
    const bool is_own = text == TRACEI_SQLITE_CALL(sql)(statement);
    tracei_sqlite_frame *const frame = tracei_sqlite_frame_of(c, statement);
    if (entry && !is_own) {
        const char *const name = text ? strstr(text, "TRIGGER ") : NULL;
        trace_attribute attribute;
        attribute.key = tracei_string("sqlite.trigger.name");
        attribute.value.type = TRACE_TYPE_STRING;
        attribute.value.as.string = tracei_string(name ? name + 8 : "");
        if (name) trace_span_add_event(entry->span, "trigger", &attribute, 1);
        return;
    }
    if (entry && !entry->rows) return;        /* prepared anew because the schema changed */
    if (entry) {                  /* sqlite3_exec gave a statement up without a word, and this one has its address */
        tracei_sqlite_unlink(c, entry);
        tracei_sqlite_end(c, entry, SQLITE_OK);
    }
    if (frame && !frame->statement && frame->ended) tracei_sqlite_settle(frame, SQLITE_OK);
    entry = tracei_sqlite_start(c, statement, is_own ? tracei_sqlite_current() : tracei_sqlite_around(c, statement), 0);
    if (!entry) return;
    if (is_own || !c->last) c->last = entry;
    if (frame) tracei_sqlite_enter(frame, c, entry);
}

static void tracei_sqlite_on_row(tracei_sqlite_connection *c, sqlite3_stmt *statement) {
    tracei_sqlite_entry *entry = c->last && c->last->statement == statement ? c->last : tracei_sqlite_active(c, statement);
    tracei_sqlite_frame *const frame = tracei_sqlite_frame_of(c, statement);
    /* Without a start: it waited for a lock the first time it was stepped, and goes on. */
    if (!entry) entry = tracei_sqlite_start(c, statement, tracei_sqlite_current(), 0);
    if (!entry) return;
    entry->rows++;
    if (frame && frame->statement) frame->connection = c, frame->entry = entry;
}

static void tracei_sqlite_on_end(tracei_sqlite_connection *c, sqlite3_stmt *statement) {
    tracei_sqlite_entry *entry = tracei_sqlite_active(c, statement);
    tracei_sqlite_frame *const frame = tracei_sqlite_frame_of(c, statement);
    if (!entry) entry = tracei_sqlite_start(c, statement, tracei_sqlite_current(), 0);          /* EXPLAIN has no start */
    if (!entry) return;
    tracei_sqlite_measure(c, entry);
    tracei_sqlite_unlink(c, entry);
    if (!frame) {
        tracei_sqlite_end(c, entry, SQLITE_OK);
        return;
    }
    tracei_sqlite_settle(frame, SQLITE_OK);
    if (!frame->statement) entry->end_unix_ns = tracei_unix_ns();             /* its result comes later */
    frame->connection = c;
    frame->entry = frame->ended = entry;
}

/* It may go on all the same; then entries are made anew. */
static void tracei_sqlite_on_close(tracei_sqlite_connection *c) {
    while (c->active) {
        tracei_sqlite_entry *const entry = c->active;
        tracei_sqlite_unlink(c, entry);
        tracei_sqlite_end(c, entry, SQLITE_OK);
    }
    tracei_lock(&tracei_sqlite_lock);
    c->closed = true;
    c->reusable = TRACEI_SQLITE_CALL(next_stmt)(c->db, NULL) == NULL;
    tracei_unlock(&tracei_sqlite_lock);
}

static int tracei_sqlite_on_event(unsigned event, void *user, void *about, void *what) {
    tracei_sqlite_connection *const c = (tracei_sqlite_connection *)user;
    sqlite3_stmt *const statement = event == SQLITE_TRACE_CLOSE ? NULL : (sqlite3_stmt *)about;
    int (*const trace)(unsigned, void *, void *, void *) = c->mask & event ? c->trace : NULL;
    void *const theirs = c->user;
    tracei_sqlite_frame *const frame = statement ? tracei_sqlite_frame_of(c, statement) : NULL;
    if ((statement ? TRACEI_SQLITE_CALL(db_handle)(statement) : (sqlite3 *)about) != c->db) return 0; /* closed, and another's */
    if (frame) frame->seen = true;
    if (event == SQLITE_TRACE_STMT) tracei_sqlite_on_start(c, statement, (const char *)what);
    else if (event == SQLITE_TRACE_ROW) tracei_sqlite_on_row(c, statement);
    else if (event == SQLITE_TRACE_PROFILE) tracei_sqlite_on_end(c, statement);
    else if (event == SQLITE_TRACE_CLOSE) tracei_sqlite_on_close(c);
    return trace ? trace(event, theirs, about, what) : 0;
}

static void tracei_sqlite_set_name(tracei_sqlite_connection *c) {
    const char *const path = TRACEI_SQLITE_CALL(db_filename)(c->db, "main"), *name = path ? path : "";
    for (const char *at = name; *at; at++)
        if (*at == '/' || *at == '\\') name = at + 1;
    if (!*name) name = ":memory:";
    for (size_t i = 0; i + 1 < sizeof c->name && name[i]; i++) c->name[i] = name[i];
}

/* The connection's, if it is one already (`*is_new` is false then), or one that nobody has; NULL: no memory. */
static tracei_sqlite_connection *tracei_sqlite_claim(sqlite3 *db, bool *is_new) {
    tracei_sqlite_connection *at, *found = NULL;
    tracei_lock(&tracei_sqlite_lock);
    for (at = tracei_sqlite_connections; at; at = at->next) {
        if (at->db == db) {
            found = at;
            break;
        }
        if (at->closed && at->reusable) found = at;
    }
    *is_new = !found || found->closed;
    if (found) {
        found->closed = false;
        found->db = db;
    }
    tracei_unlock(&tracei_sqlite_lock);
    if (found) return found;
    found = (tracei_sqlite_connection *)tracei_alloc(sizeof *found);
    if (!found) return NULL;
    found->db = db;
    for (size_t i = 0; i < sizeof found->entries / sizeof found->entries[0]; i++) {
        found->entries[i].next = found->free;
        found->free = &found->entries[i];
    }
    tracei_lock(&tracei_sqlite_lock);
    found->next = tracei_sqlite_connections;
    tracei_sqlite_connections = found;
    tracei_unlock(&tracei_sqlite_lock);
    return found;
}

TRACE_APP int trace_sqlite_attach(sqlite3 *db) {
    const unsigned all = SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE | SQLITE_TRACE_ROW | SQLITE_TRACE_CLOSE;
    bool is_new = false;
    tracei_sqlite_connection *const c = db ? tracei_sqlite_claim(db, &is_new) : NULL;
    if (!c) return db ? SQLITE_NOMEM : SQLITE_OK;
    if (!is_new) return SQLITE_OK;
    c->mask = 0;
    c->trace = NULL;
    c->busy = NULL;
    c->lock_ns = 0;
    memset(c->name, 0, sizeof c->name);
    tracei_sqlite_set_name(c);
    return TRACEI_SQLITE_CALL(trace_v2)(db, all, tracei_sqlite_on_event, c);
}

/* >>wrappers --------------------------------------------------------------------------------------------------------- */

static int tracei_sqlite_opened(int code, sqlite3 *const *db) {
    if (code == SQLITE_OK && db) trace_sqlite_attach(*db);
    return code;
}

TRACE_APP int trace_sqlite_open(const char *name, sqlite3 **db) {
    return tracei_sqlite_opened(TRACEI_SQLITE_CALL(open)(name, db), db);
}

TRACE_APP int trace_sqlite_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs) {
    return tracei_sqlite_opened(TRACEI_SQLITE_CALL(open_v2)(name, db, flags, vfs), db);
}

TRACE_APP int trace_sqlite_open16(const void *name, sqlite3 **db) {
    return tracei_sqlite_opened(TRACEI_SQLITE_CALL(open16)(name, db), db);
}

/* What was not prepared ran for no time. Its text is not told: names in a text that is no SQL may be anything. */
static void tracei_sqlite_report(sqlite3 *db, const char *sql, int size, int code) {
    tracei_sqlite_query query;
    trace_span span;
    size_t length = 0;
    const tracei_sqlite_connection *const c = db ? tracei_sqlite_find(db) : NULL;
    if (!c || tracei_is_suppressed()) return;
    if (sql && size >= 0) while (length < (size_t)size && sql[length]) length++;
    else if (sql) length = strlen(sql);
    tracei_sqlite_walk(&query, sql ? sql : "", length, false);
    query.text.size = query.summary.size = 0;
    query.table[0] = '\0';
    span = tracei_sqlite_start_span(query.verb[0] ? query.verb : "sqlite", tracei_sqlite_current(), 0);
    tracei_sqlite_set_query(span, &query, c->name);
    tracei_sqlite_set_error(span, db, code);
    trace_span_end(span);
    if (tracei_sqlite_frames) tracei_sqlite_frames->reported = true;
}

TRACE_APP int trace_sqlite_prepare(sqlite3 *db, const char *sql, int size, sqlite3_stmt **statement, const char **tail) {
    const int code = TRACEI_SQLITE_CALL(prepare)(db, sql, size, statement, tail);
    if (code != SQLITE_OK) tracei_sqlite_report(db, sql, size, code);
    return code;
}

TRACE_APP int trace_sqlite_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **statement, const char **tail) {
    const int code = TRACEI_SQLITE_CALL(prepare_v2)(db, sql, size, statement, tail);
    if (code != SQLITE_OK) tracei_sqlite_report(db, sql, size, code);
    return code;
}

TRACE_APP int trace_sqlite_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags, sqlite3_stmt **statement,
                                      const char **tail) {
    const int code = TRACEI_SQLITE_CALL(prepare_v3)(db, sql, size, flags, statement, tail);
    if (code != SQLITE_OK) tracei_sqlite_report(db, sql, size, code);
    return code;
}

static void tracei_sqlite_push(tracei_sqlite_frame *frame, sqlite3 *db, sqlite3_stmt *statement) {
    memset(frame, 0, sizeof *frame);
    frame->outer = tracei_sqlite_frames;
    frame->db = db;
    frame->mutex = tracei_sqlite_hold(db);
    frame->statement = statement;
    tracei_sqlite_frames = frame;
}

static void tracei_sqlite_pop(tracei_sqlite_frame *frame) {
    if (frame->attached) trace_detach(frame->attachment);
    tracei_sqlite_frames = frame->outer;
    if (frame->outer && frame->reported) frame->outer->reported = true;
    if (frame->outer && !frame->outer->statement && frame->outer->db == frame->db) {
        frame->outer->connection = frame->connection;
        frame->outer->entry = frame->entry;
    }
    tracei_sqlite_leave(frame->mutex);
}

/* SQLite told us nothing: the statement goes on after it waited for a lock, which it once told us of. */
static void tracei_sqlite_continued(sqlite3_stmt *statement, int code, uint64_t since_ns) {
    tracei_sqlite_connection *const c = tracei_sqlite_find(TRACEI_SQLITE_CALL(db_handle)(statement));
    tracei_sqlite_entry *entry = c ? tracei_sqlite_active(c, statement) : NULL;
    if (c && !entry) entry = tracei_sqlite_start(c, statement, tracei_sqlite_current(), since_ns);
    if (!entry) return;
    tracei_sqlite_measure(c, entry);
    tracei_sqlite_unlink(c, entry);
    tracei_sqlite_end(c, entry, code);
}

static bool tracei_sqlite_failed(int code) { return code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE; }

TRACE_APP int trace_sqlite_step(sqlite3_stmt *statement) {
    tracei_sqlite_frame frame;
    uint64_t begun;
    int code;
    if (!statement || TRACEI_IS_OFF()) return TRACEI_SQLITE_CALL(step)(statement);
    tracei_sqlite_push(&frame, TRACEI_SQLITE_CALL(db_handle)(statement), statement);
    begun = tracei_mono_ns();
    code = TRACEI_SQLITE_CALL(step)(statement);
    if (frame.entry) {
        frame.entry->busy_ns += tracei_mono_ns() - begun;
        frame.entry->timed = true;
        frame.reported = frame.reported || (frame.ended && tracei_sqlite_failed(code));
    }
    tracei_sqlite_settle(&frame, code);
    if (!frame.seen && code != SQLITE_ROW && code != SQLITE_MISUSE)
        tracei_sqlite_continued(statement, code, tracei_mono_ns() - begun);
    tracei_sqlite_pop(&frame);
    return code;
}

/* Whether the last error has a place in a text: then it is one of the next statement, not of the one that ran. */
static bool tracei_sqlite_is_of_preparing(sqlite3 *db) {
#if SQLITE_VERSION_NUMBER >= 3038000
    return TRACEI_SQLITE_CALL(error_offset)(db) >= 0;
#else
    (void)db;
    return false;
#endif
}

/* Where the linker lets us, what SQLite calls inside are the wrappers above, and this one has nothing left to tell. */
TRACE_APP int trace_sqlite_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *user,
                                char **error) {
    tracei_sqlite_frame frame;
    int code;
    if (!db || TRACEI_IS_OFF()) return TRACEI_SQLITE_CALL(exec)(db, sql, row, user, error);
    tracei_sqlite_push(&frame, db, NULL);
    code = TRACEI_SQLITE_CALL(exec)(db, sql, row, user, error);
    if (!tracei_sqlite_failed(code) || frame.reported) {
        tracei_sqlite_settle(&frame, SQLITE_OK);
    } else if (code == SQLITE_ABORT) {        /* the program's callback asked for it */
        if (!frame.ended && frame.entry) {    /* and SQLite says nothing of the statement any more, which is gone */
            frame.ended = frame.entry;
            tracei_sqlite_unlink(frame.connection, frame.entry);
        }
        if (frame.ended) trace_span_add_event(frame.ended->span, "cancelled", NULL, 0);
        tracei_sqlite_settle(&frame, SQLITE_OK);
    } else if (!frame.ended || tracei_sqlite_is_of_preparing(db)) {
        tracei_sqlite_settle(&frame, SQLITE_OK);
        tracei_sqlite_report(db, frame.seen ? NULL : sql, -1, code);
    } else {
        tracei_sqlite_settle(&frame, code);
    }
    tracei_sqlite_pop(&frame);
    return code;
}

TRACE_APP int trace_sqlite_trace_v2(sqlite3 *db, unsigned mask, int (*trace)(unsigned, void *, void *, void *), void *user) {
    tracei_sqlite_connection *const c = db ? tracei_sqlite_find(db) : NULL;
    sqlite3_mutex *mutex;
    if (!c) return TRACEI_SQLITE_CALL(trace_v2)(db, mask, trace, user);
    mutex = tracei_sqlite_hold(db);
    c->mask = trace ? mask : 0;
    c->trace = mask ? trace : NULL;
    c->user = user;
    tracei_sqlite_leave(mutex);
    return SQLITE_OK;
}

static int tracei_sqlite_on_busy(void *user, int count) {
    tracei_sqlite_connection *const c = (tracei_sqlite_connection *)user;
    const uint64_t begun = tracei_mono_ns();
    const int again = c->busy(c->busy_user, count);
    c->lock_ns += tracei_mono_ns() - begun;
    return again;
}

TRACE_APP int trace_sqlite_busy_handler(sqlite3 *db, int (*busy)(void *, int), void *user) {
    tracei_sqlite_connection *const c = db && busy ? tracei_sqlite_find(db) : NULL;
    sqlite3_mutex *mutex;
    int code;
    if (!c) return TRACEI_SQLITE_CALL(busy_handler)(db, busy, user);
    mutex = tracei_sqlite_hold(db);
    c->busy = busy;
    c->busy_user = user;
    code = TRACEI_SQLITE_CALL(busy_handler)(db, tracei_sqlite_on_busy, c);
    tracei_sqlite_leave(mutex);
    return code;
}

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_SQLITE_TEXT
#undef TRACEI_SQLITE_KEPT_TEXT
#undef TRACEI_SQLITE_KEPT
#undef TRACEI_SQLITE_SUMMARY
#undef TRACEI_SQLITE_REDIRECTED
#endif
#endif /* TRACE_IMPLEMENTATION */

/* >>redirect ------------------------------------------------------------------------------------------------------ */

#if defined(TRACE_CONFIG_SQLITE_REDIRECT) && TRACE_CONFIG_SQLITE_REDIRECT && !TRACE_CONFIG_OFF
#ifndef TRACEI_SQLITE_REDIRECTED
#define TRACEI_SQLITE_REDIRECTED 1
#define sqlite3_open trace_sqlite_open
#define sqlite3_open_v2 trace_sqlite_open_v2
#define sqlite3_open16 trace_sqlite_open16
#define sqlite3_prepare trace_sqlite_prepare
#define sqlite3_prepare_v2 trace_sqlite_prepare_v2
#define sqlite3_prepare_v3 trace_sqlite_prepare_v3
#define sqlite3_step trace_sqlite_step
#define sqlite3_exec trace_sqlite_exec
#define sqlite3_trace_v2 trace_sqlite_trace_v2
#define sqlite3_busy_handler trace_sqlite_busy_handler
#endif
#endif

/*
   trace.h is available under either of two licences; choose the one you prefer.

   SPDX-License-Identifier: MIT OR Unlicense

   ------------------------------------------------------------------------------
   ALTERNATIVE A - MIT License

   Copyright (c) 2026 trace.h contributors

   Permission is hereby granted, free of charge, to any person obtaining a copy of
   this software and associated documentation files (the "Software"), to deal in
   the Software without restriction, including without limitation the rights to
   use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies
   of the Software, and to permit persons to whom the Software is furnished to do
   so, subject to the following conditions:

   The above copyright notice and this permission notice shall be included in all
   copies or substantial portions of the Software.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
   IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
   FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
   AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
   LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
   OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
   SOFTWARE.

   ------------------------------------------------------------------------------
   ALTERNATIVE B - Public Domain (www.unlicense.org)

   This is free and unencumbered software released into the public domain.

   Anyone is free to copy, modify, publish, use, compile, sell, or distribute this
   software, either in source code form or as a compiled binary, for any purpose,
   commercial or non-commercial, and by any means.

   In jurisdictions that recognize copyright laws, the author or authors of this
   software dedicate any and all copyright interest in the software to the public
   domain. We make this dedication for the benefit of the public at large and to
   the detriment of our heirs and successors. We intend this dedication to be an
   overt act of relinquishment in perpetuity of all present and future rights to
   this software under copyright law.

   THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
   IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
   FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
   AUTHORS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN
   ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION
   WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
