/* trace_http.h - bytes to a URL, for the exporters of trace.h - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   A bounded queue, a sender thread, one deadline, retries, keep-alive: what trace_otlp.h and trace_zipkin.h send through.

   Do this
   -------
   Nothing, when you use trace_otlp.h or trace_zipkin.h: they include this file. Put it beside trace.h. It needs no package for
   http:// and unix sockets. For the rest define, in the file that has TRACE_IMPLEMENTATION, before the include:

       #define TRACE_HTTP_CURL         https, proxies, HTTP/2 (gRPC), client certificates, SigV4; 7.66 or later; link with -lcurl
       #define TRACE_HTTP_ZLIB         gzip; link with -lz

   Contents (search for >>tag)
       >>transport     public: your own way to carry a request
       >>interface     what exporters call (tracei_sender_*)
       >>helpers >>url >>date >>body >>wire >>lookup >>client >>curl >>queue >>report >>retry >>sender >>exporters  implementation

   What it does
       - Queues encoded spans in a byte ring of fixed size; what does not fit is counted, the program never waits.
       - One thread an exporter, started at the first span, sleeping unless there is something to send. With disable_thread
         there is none: flush and shutdown send, in their caller.
       - One deadline (timeout_ms) holds for an export: name lookup, connection, TLS, request, answer, retries, pauses.
       - Retries what the OTLP specification ("OTLP/HTTP Response", "Failures") says: 429, 502, 503, 504, and broken
         connections. Pauses are full jitter between 0 and 2, 4, 5 s; Retry-After (seconds or date) is respected up to 5 minutes.
         A request on a kept connection that the server closed meanwhile is sent again at once.
       - At the end, trace_shutdown or exit, it goes on trying as long as there is time, with pauses that leave some for another
         attempt; one that was running is cut short, so that no batch is lost untried for another one's sake. It waits for a
         server that answers (429, 503, a broken connection) and gives up at once one that cannot be reached, whose name is not
         found, or that asks for more time than there is. Only trace_flush waits for that one too.
       - 413 halves the batch. A single span that is too large is lost alone.
       - Reads at most 4 MiB of an answer, keeps 64 KiB; asks for none that is compressed; never follows a redirect.
       - Says once a minute and status what was refused and what to check, when a server cannot be reached, and at the end all
         that was lost, by reason, if that is more than was said; and never a header value, user info or query string.
       - After a fork the child starts with an empty queue and a connection of its own.

   What it does not
       - Persist anything: what is in the queue when the process dies is lost.
       - Happy eyeballs: addresses are tried in turn, each with its share of the time.
       - Look up names without getaddrinfo. It runs in a short-lived thread, so that a dead name server cannot overrun a deadline;
         with disable_thread it runs in the caller and may take the system resolver's own time-out. Numeric addresses and
         "localhost" need no resolver. The C library itself may read RES_OPTIONS and LOCALDOMAIN then.

   Done to the host process: one thread an exporter (named "trace-<owner>"), one connection (close-on-exec, never inherited by an
   exec'ed program), a thread during a name lookup. Proxy variables are read when the exporter is made, never later. SIGPIPE is
   never raised. libcurl, when compiled in, is initialised when the first exporter that needs it is made, and is handed its
   proxies; an exit handler sends what is left before libcurl's TLS library is taken apart by its own. */
#ifndef TRACE_HTTP_H_INCLUDED_8B41E7
#define TRACE_HTTP_H_INCLUDED_8B41E7

#define TRACE_HTTP_H_VERSION 100              /* major * 10000 + minor * 100 + patch */

#endif

#if !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_http.h: another trace.h was found first; keep trace_http.h in the folder of trace.h and include it by that path"
#elif TRACE_H_VERSION < 100
#error "trace_http.h: this trace.h is too old; copy both files from the same release"
#endif

#ifndef TRACE_HTTP_H_PUBLIC_8B41E7
#define TRACE_HTTP_H_PUBLIC_8B41E7

#ifdef __cplusplus
extern "C" {
#endif

/* >>transport ----------------------------------------------------------------------------------------------------- */

/* One POST. Everything is good until send_fn returns. `headers` is complete (Content-Type, User-Agent, Content-Encoding,
   credentials) but for Host, Content-Length and what belongs to the connection. */
typedef struct trace_http_request {
    const char *url;              /* scheme://host:port/path?query, without user info and fragment */
    const trace_header *headers;
    size_t header_count;
    const void *body;
    size_t body_size;
    uint64_t deadline_ns;         /* absolute trace_clock_ns(); an overrun holds up this exporter, and shutdown gives it up */
} trace_http_request;

/* The answer, zeroed before the call (grpc_status -1). What it points to must stay until the next call of send_fn. */
typedef struct trace_http_response {
    uint32_t status;              /* 200 to 599 */
    const char *body;             /* its first 64 KiB */
    size_t body_size;
    size_t body_size_total;       /* how much came */
    const char *content_type;     /* NULL: none */
    uint64_t retry_after_ns;      /* how long the server asks to wait; 0: it does not */
    int32_t grpc_status;          /* HTTP/2 only, from trailers or headers; -1: none */
    const char *grpc_message;     /* percent-decoded; NULL: none */
    const char *problem;          /* unless ANSWERED: what went wrong, for the log; static text; NULL: nothing to say */
} trace_http_response;

typedef enum trace_http_outcome {
    TRACE_HTTP_OUTCOME_ANSWERED = 0,        /* *response is complete, whatever its status */
    TRACE_HTTP_OUTCOME_UNREACHABLE,         /* no connection, or it broke: tried again until the deadline */
    TRACE_HTTP_OUTCOME_TIMEOUT,             /* the deadline came */
    TRACE_HTTP_OUTCOME_OVERSIZE,            /* more than 4 MiB were answered; not tried again */
    TRACE_HTTP_OUTCOME_REFUSED              /* trying again cannot help, as with a certificate that is not trusted */
} trace_http_outcome;

/* Your own way to the server, given in an exporter's options: a test, another TLS library, a message bus. */
typedef struct trace_http_transport {
    trace_http_outcome (*send_fn)(void *user, const trace_http_request *request,
                                  trace_http_response *response); /* one thread at a time */
    void (*fork_fn)(void *user);  /* in a forked child: forget connections; may be NULL */
    void *user;
} trace_http_transport;

#ifdef __cplusplus
}
#endif
#endif /* TRACE_HTTP_H_PUBLIC_8B41E7 */

#if defined(TRACE_IMPLEMENTATION) && defined(TRACEI_IMPLEMENTED) && !defined(TRACEI_HTTP_IMPLEMENTED)
#define TRACEI_HTTP_IMPLEMENTED 1

/* >>interface -----------------------------------------------------------------------------------------------------

   What an exporter calls. A sender is one destination; it lives as long as the process. The exporter encodes each span into the
   queue (reserve, commit); the sender takes runs of them, asks assemble_fn for one request body, sends it, asks response_fn what
   the answer means, and keeps the ledger. A run is one life of a sender, from its first span to shutdown or fork: everything a
   thread that missed its deadline may still touch. A run that had to be given up is left alone and the next life gets a new one.

   sender->lock protects the queue's indices, the ledger and the requests to the thread (flush, stop); it is held for a few
   assignments, never during I/O, encoding or logging. Everything else in a run belongs to its one driver: the thread, or
   whoever pumps. An SPSC ring without a lock was dropped: the ledger has to be exact at every moment and its counters have 64
   bits, which not every machine can load at once, and one uncontended lock a span costs nothing beside encoding it. */

#if TRACEI_PLATFORM_POSIX
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#define TRACEI_HTTP_SOCKETS 1
#elif TRACEI_PLATFORM_WINDOWS
#include <winsock2.h>
#include <ws2tcpip.h>
#define TRACEI_HTTP_SOCKETS 1
#else
#define TRACEI_HTTP_SOCKETS 0
#endif

#ifdef TRACE_HTTP_CURL
#include <curl/curl.h>
#if LIBCURL_VERSION_NUM < 0x074200
#error "trace_http.h: TRACE_HTTP_CURL needs libcurl 7.66 or later"
#endif
#define TRACEI_HTTP_CURL 1
#else
#define TRACEI_HTTP_CURL 0
#endif

#ifdef TRACE_HTTP_ZLIB
#include <zlib.h>
#define TRACEI_HTTP_GZIP 1
#else
#define TRACEI_HTTP_GZIP 0
#endif

enum {
    TRACEI_HTTP_HEADERS_MAX = 64,
    TRACEI_HTTP_TOKENS_MAX = 4,             /* headers set by authorize_fn */
    TRACEI_HTTP_TOKEN_BYTES = 16384,
    TRACEI_HTTP_KEPT = 65536,               /* of an answer's body */
    TRACEI_HTTP_BODY_MAX = 4 * 1024 * 1024, /* of an answer */
    TRACEI_HTTP_HEAD_MAX = 65536,           /* of an answer */
    TRACEI_HTTP_LINE = 4096,
    TRACEI_HTTP_ADDRESSES = 8,
    TRACEI_HTTP_REPORTS = 14,
    TRACEI_HTTP_WORDS = 160                 /* of a log line; last_error takes 96 */
};
#define TRACEI_MS 1000000u                          /* nanoseconds */
#define TRACEI_SECOND UINT64_C(1000000000)
#define TRACEI_HTTP_SLICE (20 * TRACEI_MS)          /* how soon blocked I/O notices that it shall stop */
#define TRACEI_HTTP_GRACE (25 * TRACEI_MS)          /* how long after its deadline shutdown waits for the thread */
#define TRACEI_HTTP_IDLE (30 * TRACEI_SECOND)       /* an unused connection is closed */
#define TRACEI_HTTP_RETRY_AFTER_MAX (300 * TRACEI_SECOND)
#define TRACEI_HTTP_BACKOFF (2 * TRACEI_SECOND)  /* 1 s lets 200 clients return at 2.4 times their mean rate */
#define TRACEI_HTTP_BACKOFF_MAX (5 * TRACEI_SECOND)
#define TRACEI_HTTP_LAST (100 * TRACEI_MS)       /* so close to the end no further attempt is made */
#define TRACEI_HTTP_LOG_EVERY (60 * TRACEI_SECOND)
#define TRACEI_HTTP_RENEW_AGAIN (60 * TRACEI_SECOND)   /* after a renewal that failed */

typedef struct tracei_sender tracei_sender;
struct tracei_exchange;

typedef struct tracei_item {      /* an encoded span, as it was committed */
    const uint8_t *data;
    uint32_t size;
    uint32_t scope;               /* the exporter's own number */
} tracei_item;

typedef struct tracei_body {      /* bytes that grow up to a limit */
    uint8_t *data;
    size_t size, capacity, limit;
    bool full;                    /* did not fit, or no memory; sticky */
} tracei_body;

typedef enum tracei_answer {
    TRACEI_ANSWER_OK = 0,
    TRACEI_ANSWER_RETRY,
    TRACEI_ANSWER_REJECTED,
    TRACEI_ANSWER_TOO_LARGE,      /* smaller requests may pass */
    TRACEI_ANSWER_AUTHORIZE       /* call authorize_fn, then try again */
} tracei_answer;

typedef struct tracei_verdict {   /* what an answer means; preset by the rules of HTTP */
    tracei_answer answer;
    size_t rejected;              /* with OK: how many of the spans the server did not take */
    trace_string message;         /* the server's words, inside the response; logged scrubbed of secrets */
    uint64_t retry_after_ns;      /* with RETRY */
} tracei_verdict;

typedef struct tracei_http_seam { /* for tests: time and chance */
    uint64_t (*now_fn)(void *user);
    uint64_t (*unix_fn)(void *user);
    uint32_t (*random_fn)(void *user);
    void *user;
} tracei_http_seam;

typedef struct tracei_http_options {        /* all zero: the default; strings and headers are copied */
    const char *owner;            /* "otlp": begins every log line; static storage */
    const char *url;              /* the path is used as it is */
    const char *url_given, *url_from;       /* what the user wrote, and the variable or field where; for logs, not copied */
    const char *const *file_names;          /* likewise of the three files below; NULL: the fields */
    const char *content_type;
    const char *user_agent;
    const trace_header *headers;
    size_t header_count;
    bool gzip;
    bool http2;
    const char *ca_file, *client_certificate_file, *client_key_file;
    const char *proxy, *no_proxy; /* NULL: http(s)_proxy, all_proxy, no_proxy; "": none */
    const char *sigv4;            /* "aws:amz:REGION:xray" */
    const char *sigv4_key, *sigv4_secret, *sigv4_token;
    bool allow_insecure_auth;     /* credentials over plain http to another machine */
    bool disable_environment;
    bool disable_thread;
    uint32_t timeout_ms;          /* default 10,000 */
    uint32_t schedule_delay_ms;   /* default 1,000; UINT32_MAX: full batches and flush only */
    uint32_t max_queue_bytes;     /* default 16 MiB; 4 KiB to 1 GiB */
    uint32_t max_queue_spans;     /* default 65,536 */
    uint32_t max_batch_bytes;     /* default 1 MiB */
    uint32_t max_batch_spans;     /* default 512 */
    uint32_t max_request_bytes;   /* default 64 MiB, before compression */
    bool (*assemble_fn)(void *user, const tracei_item *items, size_t count, tracei_body *body);
    void (*response_fn)(void *user, const trace_http_response *response, size_t count, tracei_verdict *verdict);
    /* Before the first request, after a 401 and when tracei_sender_renew_in said so: fetches an access token with
       tracei_sender_request and gives it to tracei_sender_set_header. OK, RETRY, or REJECTED (trying again cannot help). */
    tracei_answer (*authorize_fn)(void *user, tracei_sender *sender, uint64_t deadline_ns);
    const char *authorize_url;    /* where tracei_sender_request goes */
    trace_http_outcome (*exchange_fn)(struct tracei_exchange *exchange);    /* instead of HTTP, over the sender's own socket */
    void *user;
    const trace_http_transport *transport;
    const tracei_http_seam *seam;
} tracei_http_options;

typedef struct tracei_url {
    bool https, is_unix, loopback;
    uint16_t port;
    char host[256];               /* without brackets; "localhost" for unix sockets */
    char socket_path[108];
    char target[2048];            /* path and query, begins with a slash */
    size_t path_size;             /* of target, without the query */
    char user_info[512];          /* percent-decoded */
} tracei_url;

typedef struct tracei_report {    /* when a complaint of this kind was last made */
    uint32_t kind;
    uint64_t last_ns;
    uint64_t silent;              /* spans not complained about since */
} tracei_report;

struct tracei_run;

struct tracei_sender {
    /* set by open, then only read */
    tracei_http_options options;
    trace_http_transport transport;
    tracei_http_seam seam;
    tracei_url url;
    char *url_text;               /* without user info and fragment, for libcurl and user transports */
    char *shown;                  /* scheme://host:port/path, for logs */
    char *thread_name;
    trace_header headers[TRACEI_HTTP_HEADERS_MAX];
    size_t header_count;
    bool gzip;
    bool by_curl;
    tracei_sender *next;          /* of those by libcurl */

    uint32_t lock;
    uint32_t signal;              /* changes when the driver should look again */
    uint32_t settled_signal;      /* changes when spans left the queue */
    /* under the lock */
    struct tracei_run *run;
    trace_exporter_stats ledger;  /* queued is not kept here: accepted - settled */
    uint64_t accepted, settled;   /* spans into and out of the queue, all lives */
    uint64_t flush_to;            /* settle at least so many without delay */
    uint64_t flush_target;        /* of the flush of that number: what came since it began is not waited for */
    uint32_t flush_number;
    uint64_t failed_reported;     /* sum of failed[] at the last flush */
    uint64_t end_ns;
    bool ending;                  /* a shutdown or exit is under way: what is left at end_ns is lost */
    bool stop;                    /* and the thread ends as soon as nothing is */
    char cause[96];               /* why the last attempt failed; "": it did not */
    tracei_report reports[TRACEI_HTTP_REPORTS];
    uint64_t unsaid;              /* lost spans that no line has told yet */

    /* the driver's, but outlive a run */
    char *tokens[TRACEI_HTTP_TOKENS_MAX];   /* "name\0value" in TRACEI_HTTP_TOKEN_BYTES each */
    bool authorized;
    uint64_t renew_ns;            /* when the token should be replaced; UINT64_MAX: never */
    tracei_url authorize_url;
};

/* >>helpers ------------------------------------------------------------------------------------------------------- */

/* NULL is empty. */
static trace_string tracei_http_string_of(const char *text) {
    return tracei_string(text ? text : "");
}

static char tracei_http_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool tracei_http_same_word(const char *a, size_t a_size, const char *b) {
    size_t i;
    for (i = 0; i < a_size; i++)
        if (!b[i] || tracei_http_lower(a[i]) != tracei_http_lower(b[i])) return false;
    return b[a_size] == '\0';
}

static bool tracei_http_has_prefix(const char *text, const char *prefix) {
    for (; *prefix; text++, prefix++)
        if (tracei_http_lower(*text) != *prefix) return false;
    return true;
}

static bool tracei_http_word_contains(trace_string text, const char *part) {
    const size_t size = strlen(part);
    size_t at, i;
    for (at = 0; at + size <= text.size; at++) {
        for (i = 0; i < size && tracei_http_lower(text.data[at + i]) == part[i]; i++) {}
        if (i == size) return true;
    }
    return false;
}

static int tracei_http_hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = tracei_http_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Into `out`, terminated; false: does not fit, or a broken escape. */
static bool tracei_http_percent_decode(const char *text, size_t size, char *out, size_t capacity) {
    size_t at, used = 0;
    for (at = 0; at < size; at++) {
        char c = text[at];
        if (c == '%') {
            if (size - at < 3 || tracei_http_hex_digit(text[at + 1]) < 0 || tracei_http_hex_digit(text[at + 2]) < 0) return false;
            c = (char)(tracei_http_hex_digit(text[at + 1]) * 16 + tracei_http_hex_digit(text[at + 2]));
            at += 2;
        }
        if (c == '\0' || used + 1 >= capacity) return false;
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static trace_string tracei_http_trim(trace_string text) {
    while (text.size && (text.data[0] == ' ' || text.data[0] == '\t')) text.data++, text.size--;
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) text.size--;
    return text;
}

/* Digits only, saturating; false: something else. */
static bool tracei_http_parse_digits(trace_string text, uint64_t *value) {
    size_t i;
    *value = 0;
    for (i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        *value = *value > UINT64_MAX / 10 - 9 ? UINT64_MAX / 10 : *value * 10 + (uint64_t)(text.data[i] - '0');
    }
    return text.size > 0;
}

static uint64_t tracei_http_after(uint64_t now, uint64_t ns) {
    return ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
}

static uint64_t tracei_http_earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* How much of a name is a name. */
static size_t tracei_header_token(trace_string name) {
    size_t i = 0;
    while (i < name.size) {
        const char c = tracei_http_lower(name.data[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c)))) break;
        i++;
    }
    return i;
}

/* RFC 9110 5.6.2 and 5.5: a token; no control characters but tab. */
static bool tracei_header_valid(trace_string name, trace_string value) {
    size_t i;
    if (name.size == 0 || tracei_header_token(name) < name.size) return false;
    for (i = 0; i < value.size; i++)
        if (((unsigned char)value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] == 0x7f) return false;
    return true;
}

/* Errs on the careful side: a name that looks as if it named a credential. */
static bool tracei_header_is_credential(trace_string name) {
    static const char *const parts[] = {"auth", "key", "token", "secret", "cookie", "passw", "credential", "honeycomb-team"};
    size_t i;
    for (i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (tracei_http_word_contains(name, parts[i])) return true;
    return false;
}

/* What belongs to the message itself; a caller's value would only break it. */
static bool tracei_header_is_ours(trace_string name) {
    static const char *const ours[] = {"content-length", "content-type", "content-encoding", "transfer-encoding", "connection",
                                       "expect",         "upgrade",      "te",               "trailer",           "keep-alive"};
    size_t i;
    for (i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (tracei_http_same_word(name.data, name.size, ours[i])) return true;
    return false;
}

/* >>url ----------------------------------------------------------------------------------------------------------- */

static bool tracei_host_is_loopback(const char *host) {
    unsigned dots = 0;
    size_t i;
    if (tracei_http_same_word(host, strlen(host), "localhost") || strcmp(host, "::1") == 0) return true;
    if (strncmp(host, "127.", 4) != 0) return false;
    for (i = 0; host[i]; i++) {
        if (host[i] == '.') dots++;
        else if (host[i] < '0' || host[i] > '9') return false;
    }
    return dots == 3; /* 127.example.com is somebody's name */
}

static const char *tracei_url_port(const char *text, size_t size, tracei_url *url) {
    trace_string digits;
    uint64_t port;
    digits.data = text;
    digits.size = size;
    if (size == 0) return NULL; /* "http://host:/": the scheme's port */
    if (size > 5 || !tracei_http_parse_digits(digits, &port) || port == 0 || port > 65535)
        return "its port is not a number from 1 to 65535";
    url->port = (uint16_t)port;
    return NULL;
}

static const char *tracei_url_host(const char *text, size_t size, tracei_url *url) {
    size_t i, host_size = size;
    const char *allowed = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
    const char *const bracket = size && text[0] == '[' ? (const char *)memchr(text, ']', size) : NULL;
    if (bracket) {
        const char *problem = NULL;
        const size_t inside = (size_t)(bracket - text) - 1;
        if (inside + 2 < size) {
            if (bracket[1] != ':') return "something other than a port follows the bracket";
            problem = tracei_url_port(bracket + 2, size - inside - 3, url);
        }
        if (problem) return problem;
        if (!tracei_http_percent_decode(text + 1, inside, url->host, sizeof url->host))
            return "its host is too long or has a broken escape";
        if (!memchr(text, ':', inside + 1)) return "there is no IPv6 address in its brackets";
        allowed = "abcdefghijklmnopqrstuvwxyz0123456789.-_:%";
    } else {
        const char *const colon = size ? (const char *)memchr(text, ':', size) : NULL;
        const char *problem;
        if (colon) {
            host_size = (size_t)(colon - text);
            problem = tracei_url_port(colon + 1, size - host_size - 1, url);
            if (problem) return problem;
        }
        if (host_size >= sizeof url->host) return "its host is too long";
        memcpy(url->host, text, host_size);
    }
    if (!url->host[0]) return "it has no host";
    for (i = 0; url->host[i]; i++)
        if (!strchr(allowed, tracei_http_lower(url->host[i]))) return "its host has a character that is not allowed there";
    url->loopback = tracei_host_is_loopback(url->host);
    return NULL;
}

static const char *tracei_url_target(const char *text, tracei_url *url) {
    const size_t size = strcspn(text, "#");
    const size_t slash = size && text[0] == '/' ? 0 : 1;
    if (size + slash >= sizeof url->target) return "its path is too long";
    url->target[0] = '/';
    memcpy(url->target + slash, text, size);
    url->target[size + slash] = '\0';
    url->path_size = strcspn(url->target, "?");
    return NULL;
}

static const char *tracei_url_socket(const char *text, size_t size, tracei_url *url) {
    if (size == 0 || text[0] != '/') return "the path of its socket does not begin with a slash";
    if (size >= sizeof url->socket_path) return "the path of its socket is too long";
    memcpy(url->socket_path, text, size);
    url->socket_path[size] = '\0';
    memcpy(url->host, "localhost", 10);
    url->is_unix = url->loopback = true;
    return NULL;
}

static const char *tracei_url_authority(const char *text, size_t size, tracei_url *url) {
    size_t at = size;
    while (at > 0 && text[at - 1] != '@') at--;
    if (at > 0) {
        if (!tracei_http_percent_decode(text, at - 1, url->user_info, sizeof url->user_info))
            return "its user info is too long or has a broken escape";
        if (!strchr(url->user_info, ':') && strlen(url->user_info) + 2 <= sizeof url->user_info) strcat(url->user_info, ":");
    }
    return tracei_url_host(text + at, size - at, url);
}

/* NULL: fine. Else what is wrong with it, in words that quote nothing of it. */
static TRACEI_UNUSED const char *tracei_url_parse(const char *text, tracei_url *url) {
    const char *problem;
    size_t i, size;
    memset(url, 0, sizeof *url);
    if (!text || !text[0]) return "it is empty";
    for (i = 0; text[i]; i++)
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f)
            return "it has a space, a control character or a letter outside ASCII";
    if (tracei_http_has_prefix(text, "unix:")) {
        const char *end;
        text += 5;
        if (text[0] == '/' && text[1] == '/') text += 2;
        end = strstr(text, ":/");
        size = end ? (size_t)(end - text) : strlen(text);
        problem = tracei_url_socket(text, size, url);
        return problem ? problem : tracei_url_target(end ? end + 1 : "", url);
    }
    if (tracei_http_has_prefix(text, "http+unix://")) {
        char path[sizeof url->socket_path];
        text += 12;
        size = strcspn(text, "/?#");
        if (!tracei_http_percent_decode(text, size, path, sizeof path))
            return "the path of its socket is too long or has a broken escape";
        problem = tracei_url_socket(path, strlen(path), url);
        return problem ? problem : tracei_url_target(text + size, url);
    }
    url->https = tracei_http_has_prefix(text, "https://");
    if (!url->https && !tracei_http_has_prefix(text, "http://"))
        return "it begins with none of http://, https://, unix://, http+unix://";
    url->port = url->https ? 443 : 80;
    text += url->https ? 8 : 7;
    size = strcspn(text, "/?#");
    problem = tracei_url_authority(text, size, url);
    return problem ? problem : tracei_url_target(text + size, url);
}

static void tracei_url_put_host(const tracei_url *url, tracei_text *text) {
    const bool six = strchr(url->host, ':') != NULL;
    if (six) tracei_text_char(text, '[');
    tracei_text_cstr(text, url->host);
    if (six) tracei_text_char(text, ']');
    if (!url->is_unix && url->port != (url->https ? 443 : 80)) {
        tracei_text_char(text, ':');
        tracei_text_u64(text, url->port);
    }
}

/* Without user info; the query only when asked for: it may be a secret. */
static TRACEI_UNUSED void tracei_url_put(const tracei_url *url, bool with_query, tracei_text *text) {
    tracei_text_cstr(text, url->is_unix ? "unix://" : url->https ? "https://" : "http://");
    if (url->is_unix) {
        tracei_text_cstr(text, url->socket_path);
        tracei_text_char(text, ':');
    } else {
        tracei_url_put_host(url, text);
    }
    tracei_text_add(text, url->target, with_query ? strlen(url->target) : url->path_size);
}

static TRACEI_UNUSED void tracei_url_show(const tracei_url *url, tracei_text *text) {
    tracei_url_put(url, false, text);
}

/* >>date ---------------------------------------------------------------------------------------------------------- */

static int64_t tracei_http_days_from_civil(int64_t year, int64_t month, int64_t day) {
    int64_t era, year_of_era, day_of_year;
    year -= month <= 2;
    era = year / 400;
    year_of_era = year - era * 400;
    day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* The three forms of RFC 9110 5.6.7, told apart by their numbers and words: "Sun, 06 Nov 1994 08:49:37 GMT",
   "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". False: none of these. */
static TRACEI_UNUSED bool tracei_parse_http_date(trace_string text, int64_t *unix_seconds) {
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    int64_t numbers[5];
    size_t count = 0, at = 0, month = 0, i;
    bool digits_four = false, first_is_day = false;
    while (at < text.size) {
        const char c = text.data[at];
        if (c >= '0' && c <= '9') {
            int64_t value = 0;
            const size_t start = at;
            for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
                if (at - start >= 4) return false;
                value = value * 10 + (text.data[at] - '0');
            }
            if (count == 5) return false;
            if (at - start == 4) digits_four = true;
            numbers[count++] = value;
        } else if (tracei_http_lower(c) >= 'a' && tracei_http_lower(c) <= 'z') {
            char word[3] = {0, 0, 0};
            const size_t start = at;
            for (; at < text.size && tracei_http_lower(text.data[at]) >= 'a' && tracei_http_lower(text.data[at]) <= 'z'; at++)
                if (at - start < 3) word[at - start] = tracei_http_lower(text.data[at]);
            for (i = 0; i < 12 && at - start == 3; i++)
                if (memcmp(word, months + i * 3, 3) == 0 && !month) {
                    month = i + 1;
                    first_is_day = count == 1;
                }
        } else {
            at++;
        }
    }
    if (count != 5 || !month) return false;
    {
        const int64_t day = numbers[0];
        int64_t year = first_is_day ? numbers[1] : numbers[4];
        const int64_t *const time = numbers + (first_is_day ? 2 : 1);
        if (first_is_day && !digits_four) year += year < 70 ? 2000 : 1900;
        if (day < 1 || day > 31 || year < 1970 || time[0] > 23 || time[1] > 59 || time[2] > 60) return false;
        *unix_seconds = tracei_http_days_from_civil(year, (int64_t)month, day) * 86400 + time[0] * 3600 + time[1] * 60 + time[2];
    }
    return true;
}

/* Seconds, or a date measured against the server's own clock if it told it. 0: nothing, or already over. Never above 5
   minutes. */
static TRACEI_UNUSED uint64_t tracei_parse_retry_after(trace_string value, trace_string server_date, uint64_t unix_ns) {
    uint64_t seconds;
    value = tracei_http_trim(value);
    if (!tracei_http_parse_digits(value, &seconds)) {
        int64_t until, now = (int64_t)(unix_ns / TRACEI_SECOND);
        if (!tracei_parse_http_date(value, &until)) return 0;
        (void)tracei_parse_http_date(server_date, &now);
        if (until <= now) return 0;
        seconds = (uint64_t)(until - now);
    }
    return seconds > TRACEI_HTTP_RETRY_AFTER_MAX / TRACEI_SECOND ? TRACEI_HTTP_RETRY_AFTER_MAX : seconds * TRACEI_SECOND;
}

/* >>body ---------------------------------------------------------------------------------------------------------- */

/* Room for `size` more bytes at the end; write there and add to body->size. NULL: above the limit, or no memory. */
static TRACEI_UNUSED uint8_t *tracei_body_room(tracei_body *body, size_t size) {
    if (body->full || size > body->limit || body->size > body->limit - size) {
        body->full = true;
        return NULL;
    }
    if (body->size + size > body->capacity) {
        size_t capacity = body->capacity ? body->capacity : 16384;
        uint8_t *data;
        while (capacity < body->size + size) capacity = capacity > SIZE_MAX / 4 ? body->size + size : capacity * 2;
        data = (uint8_t *)tracei_alloc(capacity);
        if (!data) {
            body->full = true;
            return NULL;
        }
        if (body->data) {
            memcpy(data, body->data, body->size);
            tracei_free(body->data, body->capacity);
        }
        body->data = data;
        body->capacity = capacity;
    }
    return body->data + body->size;
}

static TRACEI_UNUSED bool tracei_body_add(tracei_body *body, const void *bytes, size_t size) {
    uint8_t *const room = tracei_body_room(body, size);
    if (!room) return false;
    if (size) memcpy(room, bytes, size);
    body->size += size;
    return true;
}

static TRACEI_UNUSED bool tracei_body_text(tracei_body *body, const char *text) {
    return tracei_body_add(body, text, strlen(text));
}

/* Appends a gzip stream (RFC 1952). */
static TRACEI_UNUSED bool tracei_gzip(tracei_body *out, const void *bytes, size_t size) {
#if TRACEI_HTTP_GZIP
    z_stream stream;
    uint8_t *room;
    uLong bound;
    bool done = false;
    if (size > UINT32_MAX / 2) return false;
    memset(&stream, 0, sizeof stream);
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    bound = deflateBound(&stream, (uLong)size);
    room = tracei_body_room(out, bound);
    if (room) {
        static const Bytef nothing = 0;
        const Bytef *const from = size ? (const Bytef *)bytes : &nothing;
        memcpy((void *)&stream.next_in, (const void *)&from, sizeof from); /* zlib's pointer is const only when asked */
        stream.avail_in = (uInt)size;
        stream.next_out = room;
        stream.avail_out = (uInt)bound;
        done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
        if (done) out->size += bound - stream.avail_out;
    }
    deflateEnd(&stream);
    return done;
#else
    (void)out, (void)bytes, (void)size;
    return false;
#endif
}

/* One life of a sender. The first block is under the sender's lock, the rest is the driver's. */
#if TRACEI_HTTP_SOCKETS
#if TRACEI_PLATFORM_WINDOWS
typedef SOCKET tracei_socket;
#define TRACEI_NO_SOCKET INVALID_SOCKET
#else
typedef int tracei_socket;
#define TRACEI_NO_SOCKET (-1)
#endif

typedef struct tracei_address {
    union { struct sockaddr any; struct sockaddr_in v4; struct sockaddr_in6 v6; struct sockaddr_storage room; } as;
    unsigned size;
} tracei_address;

/* A name being looked up. Only its thread touches `found` while `busy` is set; it is never freed, and used again once done. */
typedef struct tracei_lookup {
    uint32_t done;
    bool busy;
    tracei_thread thread;
    char host[256];
    uint16_t port;
    tracei_address found[TRACEI_HTTP_ADDRESSES];
    size_t found_count;
} tracei_lookup;

/* A connection of our own client, and the bytes read from it that were not used yet. */
typedef struct tracei_wire {
    tracei_socket socket;
    bool answered;                /* a byte of the present answer was read */
    uint64_t last_used_ns;
    size_t at, size;
    uint8_t in[16384];
} tracei_wire;
#endif

typedef struct tracei_answer_buffer {       /* what trace_http_response points into */
    size_t total;
    bool oversize, head_done;
    char retry_after[64], date[64], content_type[128], grpc_message[512];
    uint8_t body[TRACEI_HTTP_KEPT];
    size_t body_size;
} tracei_answer_buffer;

typedef struct tracei_run {
    tracei_sender *sender;
    uint8_t *ring;
    size_t capacity;
    size_t head, tail, used;      /* offsets of the next and the oldest record; bytes between them with padding */
    size_t reserved_at, reserved_pad, reserved_size;
    uint64_t oldest_ns;           /* when the oldest span that is not in a batch was committed */
    bool threaded;                /* the thread was started */
    bool pumping;

    uint32_t abandoned;           /* atomic: touch nothing any more, end */
    tracei_thread thread;

    /* the batch: items[at] to items[count - 1] are still to be settled */
    tracei_item *items;
    size_t count, at;
    size_t span_limit;            /* spans a request, learned from 413 */
    uint32_t span_limit_streak;
    uint64_t deadline_ns;         /* of the export */
    uint64_t limit_ns;            /* of who pumps */
    uint64_t not_before_ns;
    uint64_t told_ns;             /* until then the server asked us to wait; 0: it did not */
    uint64_t attempt_ns;          /* when the last one began */
    bool reached;                 /* and whether there was a server at all */
    bool outage;                  /* it is known, and told, that there is none */
    bool hastened;                /* the end cut the pause that was running */
    bool authorized_again;
    uint32_t failures;            /* in a row */
    uint32_t random_state;
    tracei_body body, packed, head_text;
    tracei_answer_buffer answer;
#if TRACEI_HTTP_SOCKETS
    tracei_wire wire;
    tracei_address addresses[TRACEI_HTTP_ADDRESSES];
    size_t address_count;
    char address_host[256];       /* whose addresses these are */
    uint16_t address_port;
    uint64_t addresses_until_ns;
    tracei_lookup *lookup;
#endif
#if TRACEI_HTTP_CURL
    CURLM *multi;
    CURL *easy;
    bool easy_in_multi;
    bool curl_fresh;              /* the last transfer failed: no kept connection */
    uint64_t curl_used_ns;
    tracei_socket curl_sockets[TRACEI_HTTP_ADDRESSES];
#endif
} tracei_run;

/* A request on its way, for every transport. */
typedef struct tracei_exchange {
    tracei_run *run;
    const tracei_url *url;
    trace_http_request request;
    trace_http_response *response;
} tracei_exchange;

static uint64_t tracei_run_now(tracei_run *run) {
    const tracei_http_seam *const seam = &run->sender->seam;
    return seam->now_fn ? seam->now_fn(seam->user) : tracei_mono_ns();
}

/* What holds now: the export's deadline, who pumps, a shutdown that came meanwhile. */
static uint64_t tracei_run_deadline(tracei_run *run) {
    tracei_sender *const sender = run->sender;
    uint64_t deadline = tracei_http_earlier(run->deadline_ns, run->limit_ns);
    if (TRACEI_LOAD_ACQUIRE(&run->abandoned)) return 0;
    tracei_lock(&sender->lock);
    if (sender->ending) deadline = tracei_http_earlier(deadline, sender->end_ns);
    tracei_unlock(&sender->lock);
    return deadline;
}

static TRACEI_UNUSED trace_http_outcome tracei_http_broken(tracei_exchange *exchange, const char *problem) {
    exchange->response->problem = problem;
    return TRACE_HTTP_OUTCOME_UNREACHABLE;
}

/* Keeps what fits, counts the rest. False: above the cap. */
static TRACEI_UNUSED bool tracei_answer_body(tracei_answer_buffer *answer, const void *bytes, size_t size) {
    const size_t room = TRACEI_HTTP_KEPT - answer->body_size;
    const size_t kept = size < room ? size : room;
    if (size > TRACEI_HTTP_BODY_MAX || answer->total > TRACEI_HTTP_BODY_MAX - size) {
        answer->oversize = true;
        return false;
    }
    memcpy(answer->body + answer->body_size, bytes, kept);
    answer->body_size += kept;
    answer->total += size;
    return true;
}

static void tracei_http_keep_text(char *to, size_t capacity, trace_string text) {
    const size_t size = text.size < capacity ? text.size : capacity - 1;
    memcpy(to, text.data, size);
    to[size] = '\0';
}

/* The headers every transport cares about. */
static TRACEI_UNUSED void tracei_answer_header(tracei_exchange *exchange, trace_string name, trace_string value) {
    tracei_answer_buffer *const answer = &exchange->run->answer;
    uint64_t number;
    if (tracei_http_same_word(name.data, name.size, "retry-after"))
        tracei_http_keep_text(answer->retry_after, sizeof answer->retry_after, value);
    else if (tracei_http_same_word(name.data, name.size, "date"))
        tracei_http_keep_text(answer->date, sizeof answer->date, value);
    else if (tracei_http_same_word(name.data, name.size, "content-type"))
        tracei_http_keep_text(answer->content_type, sizeof answer->content_type, value);
    else if (tracei_http_same_word(name.data, name.size, "grpc-status") && tracei_http_parse_digits(value, &number) &&
             number < 1000)
        exchange->response->grpc_status = (int32_t)number;
    else if (tracei_http_same_word(name.data, name.size, "grpc-message")) {
        char text[sizeof answer->grpc_message];
        tracei_http_keep_text(text, sizeof text, value);
        if (!tracei_http_percent_decode(text, strlen(text), answer->grpc_message, sizeof answer->grpc_message))
            tracei_http_keep_text(answer->grpc_message, sizeof answer->grpc_message, value);
    }
}

static TRACEI_UNUSED void tracei_answer_start(tracei_exchange *exchange) {
    tracei_answer_buffer *const answer = &exchange->run->answer;
    memset(exchange->response, 0, sizeof *exchange->response);
    exchange->response->grpc_status = -1;
    answer->total = answer->body_size = 0;
    answer->oversize = answer->head_done = false;
    answer->retry_after[0] = answer->date[0] = answer->content_type[0] = answer->grpc_message[0] = '\0';
}

static TRACEI_UNUSED void tracei_answer_finish(tracei_exchange *exchange) {
    tracei_answer_buffer *const answer = &exchange->run->answer;
    const tracei_http_seam *const seam = &exchange->run->sender->seam;
    trace_http_response *const response = exchange->response;
    const uint64_t unix_ns = seam->unix_fn ? seam->unix_fn(seam->user) : tracei_unix_ns();
    response->body = (const char *)answer->body;
    response->body_size = answer->body_size;
    response->body_size_total = answer->total;
    response->content_type = answer->content_type;
    response->grpc_message = answer->grpc_message;
    response->retry_after_ns =
        tracei_parse_retry_after(tracei_http_string_of(answer->retry_after), tracei_http_string_of(answer->date), unix_ns);
}

#if TRACEI_HTTP_SOCKETS

/* >>wire ----------------------------------------------------------------------------------------------------------

   A nonblocking socket and its deadline. Every wait is sliced, so that a shutdown or a deadline brought forward is noticed
   without another descriptor to wake the thread by; the slices cost something only while a server keeps us waiting. */

typedef enum tracei_io { TRACEI_IO_OK = 0, TRACEI_IO_END, TRACEI_IO_BROKEN, TRACEI_IO_LATE } tracei_io;

#if TRACEI_PLATFORM_WINDOWS
#define tracei_socket_close closesocket
#define tracei_socket_poll WSAPoll
typedef WSAPOLLFD tracei_pollfd;
#define TRACEI_SEND_FLAGS 0
#define TRACEI_SEND_MORE 0
#define TRACEI_SEND_SIZE(size) ((int)(size))
static bool tracei_socket_again(void) {
    const int error = WSAGetLastError();
    return error == WSAEWOULDBLOCK || error == WSAEINPROGRESS;
}
#else
#define tracei_socket_close close
#define tracei_socket_poll poll
typedef struct pollfd tracei_pollfd;
#define TRACEI_SEND_SIZE(size) (size)
#ifdef MSG_NOSIGNAL
#define TRACEI_SEND_FLAGS MSG_NOSIGNAL
#else
#define TRACEI_SEND_FLAGS 0 /* SO_NOSIGPIPE is set instead */
#endif
#ifdef MSG_MORE
#define TRACEI_SEND_MORE MSG_MORE
#else
#define TRACEI_SEND_MORE 0
#endif
static bool tracei_socket_again(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == EINPROGRESS;
}
#endif

/* Close-on-exec from the start where the system can: another thread may fork and exec between two calls. */
static tracei_socket tracei_socket_open(int family, int type, int protocol) {
    tracei_socket made;
    if (TRACEI_FAIL("socket")) return TRACEI_NO_SOCKET;
#if TRACEI_PLATFORM_WINDOWS
    {
        u_long yes = 1;
        made = WSASocketW(family, type, protocol, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
        if (made != TRACEI_NO_SOCKET && ioctlsocket(made, (long)FIONBIO, &yes) != 0) {
            closesocket(made);
            return TRACEI_NO_SOCKET;
        }
    }
#elif defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
    made = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
#else
    made = socket(family, type, protocol);
    if (made >= 0 && (fcntl(made, F_SETFD, FD_CLOEXEC) != 0 || fcntl(made, F_SETFL, O_NONBLOCK) != 0)) {
        close(made);
        return TRACEI_NO_SOCKET;
    }
#endif
#ifdef SO_NOSIGPIPE
    if (made != TRACEI_NO_SOCKET) {
        const int yes = 1;
        setsockopt(made, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
    }
#endif
    return made;
}

static void tracei_wire_close(tracei_wire *wire) {
    if (wire->socket != TRACEI_NO_SOCKET) tracei_socket_close(wire->socket);
    wire->socket = TRACEI_NO_SOCKET;
    wire->at = wire->size = 0;
}

/* Waits until one of `events` is possible (errors count as possible). */
static tracei_io tracei_wire_wait(tracei_run *run, short events, short *happened, uint64_t until_ns) {
    for (;;) {
        const uint64_t deadline = tracei_http_earlier(tracei_run_deadline(run), until_ns);
        const uint64_t now = tracei_mono_ns();
        uint64_t slice;
        tracei_pollfd poll_one;
        int ready;
        if (now >= deadline) return TRACEI_IO_LATE;
        slice = tracei_http_earlier(deadline - now, TRACEI_HTTP_SLICE);
        memset(&poll_one, 0, sizeof poll_one);
        poll_one.fd = run->wire.socket;
        poll_one.events = events;
        ready = tracei_socket_poll(&poll_one, 1, (int)((slice + TRACEI_MS - 1) / TRACEI_MS));
        if (ready > 0) {
            *happened = poll_one.revents;
            return TRACEI_IO_OK;
        }
        if (ready < 0 && !tracei_socket_again()) return TRACEI_IO_BROKEN;
    }
}

/* At least one byte into the buffer. */
static tracei_io tracei_wire_fill(tracei_run *run) {
    tracei_wire *const wire = &run->wire;
    for (;;) {
        short happened;
        tracei_io io;
        const long got = TRACEI_FAIL("recv") ? -2 : (long)recv(wire->socket, (char *)wire->in, sizeof wire->in, 0);
        if (got > 0) {
            wire->at = 0;
            wire->size = (size_t)got;
            wire->answered = true;
            return tracei_mono_ns() >= tracei_run_deadline(run) ? TRACEI_IO_LATE : TRACEI_IO_OK; /* endless bytes end too */
        }
        if (got == 0) return TRACEI_IO_END;
        if (got == -2 || !tracei_socket_again()) return TRACEI_IO_BROKEN;
        io = tracei_wire_wait(run, POLLIN, &happened, UINT64_MAX);
        if (io != TRACEI_IO_OK) return io;
    }
}

static tracei_io tracei_wire_byte(tracei_run *run, uint8_t *byte) {
    if (run->wire.at == run->wire.size) {
        const tracei_io io = tracei_wire_fill(run);
        if (io != TRACEI_IO_OK) return io;
    }
    *byte = run->wire.in[run->wire.at++];
    return TRACEI_IO_OK;
}

/* A line without its end; what is beyond the buffer is read and forgotten. `*left` bounds the whole head. */
static tracei_io tracei_wire_line(tracei_run *run, char *line, size_t capacity, size_t *size, size_t *left) {
    *size = 0;
    for (;;) {
        uint8_t byte;
        const tracei_io io = tracei_wire_byte(run, &byte);
        if (io != TRACEI_IO_OK) return io;
        if ((*left)-- == 0) {
            *left = 0;
            return TRACEI_IO_BROKEN;
        }
        if (byte == '\n') break;
        if (*size + 1 < capacity) line[(*size)++] = (char)byte;
    }
    if (*size && line[*size - 1] == '\r') (*size)--;
    line[*size] = '\0';
    return TRACEI_IO_OK;
}

/* Sends all, unless the server answers before it has everything: then *early. */
static tracei_io tracei_wire_send(tracei_run *run, const uint8_t *bytes, size_t size, int flags, bool *early) {
    while (size) {
        short happened = 0;
        tracei_io io;
        const size_t part = size > 262144 ? 262144 : size;
        const long sent = TRACEI_FAIL("send") ? -2
                                              : (long)send(run->wire.socket, (const char *)bytes, TRACEI_SEND_SIZE(part),
                                                           TRACEI_SEND_FLAGS | flags);
        if (sent > 0) {
            bytes += sent;
            size -= (size_t)sent;
            if (size && tracei_mono_ns() >= tracei_run_deadline(run)) return TRACEI_IO_LATE;
            continue;
        }
        if (sent == -2 || !tracei_socket_again()) return TRACEI_IO_BROKEN;
        io = tracei_wire_wait(run, POLLIN | POLLOUT, &happened, UINT64_MAX);
        if (io != TRACEI_IO_OK) return io;
        if ((happened & POLLIN) && !(happened & POLLOUT)) {
            *early = true;
            return TRACEI_IO_OK;
        }
    }
    return TRACEI_IO_OK;
}

/* A kept connection on which something happened while nobody asked: the server closed it, or does not play by the rules. */
static bool tracei_wire_is_stale(tracei_wire *wire) {
    tracei_pollfd poll_one;
    memset(&poll_one, 0, sizeof poll_one);
    poll_one.fd = wire->socket;
    poll_one.events = POLLIN;
    return wire->at != wire->size || tracei_socket_poll(&poll_one, 1, 0) != 0;
}

/* >>lookup -------------------------------------------------------------------------------------------------------- */

static size_t tracei_http_resolve(const char *host, uint16_t port, bool numeric, tracei_address *found) {
    struct addrinfo hints, *list = NULL, *at;
    char service[8];
    size_t count = 0;
    *tracei_put_u64(service, port) = '\0';
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : 0);
    if (TRACEI_FAIL(numeric ? "numeric address" : "getaddrinfo") || getaddrinfo(host, service, &hints, &list) != 0) return 0;
    for (at = list; at && count < TRACEI_HTTP_ADDRESSES; at = at->ai_next) {
        if (at->ai_addrlen > sizeof found[count].as || (at->ai_family != AF_INET && at->ai_family != AF_INET6)) continue;
        memcpy(&found[count].as, at->ai_addr, at->ai_addrlen);
        found[count++].size = (unsigned)at->ai_addrlen;
    }
    freeaddrinfo(list);
    return count;
}

static size_t tracei_http_resolve_localhost(uint16_t port, tracei_address *found) {
    return tracei_http_resolve("127.0.0.1", port, true, found) + tracei_http_resolve("::1", port, true, found + 1);
}

static void tracei_lookup_main(void *user) {
    tracei_lookup *const lookup = (tracei_lookup *)user;
    lookup->found_count = tracei_http_resolve(lookup->host, lookup->port, false, lookup->found);
    TRACEI_STORE_RELEASE(&lookup->done, 1u);
    tracei_wake(&lookup->done);
}

/* Waits for the lookup under way, if there is one. A wait for `done` in slices, because a shutdown must be able to end it. */
static bool tracei_lookup_wait(tracei_run *run) {
    tracei_lookup *const lookup = run->lookup;
    while (!TRACEI_LOAD_ACQUIRE(&lookup->done)) {
        const uint64_t deadline = tracei_run_deadline(run), now = tracei_mono_ns();
        if (now >= deadline) return false;
        (void)tracei_wait(&lookup->done, 0, tracei_http_earlier(deadline, now + TRACEI_HTTP_SLICE));
    }
    if (!tracei_thread_join(&lookup->thread, tracei_run_deadline(run))) return false;
    lookup->busy = false;
    return true;
}

/* Into run->addresses; at most one lookup thread a run, reused, so that a dead name server costs no memory. */
static tracei_io tracei_lookup_name(tracei_run *run, const char *host, uint16_t port) {
    tracei_lookup *lookup;
    if (!run->lookup) run->lookup = (tracei_lookup *)tracei_alloc(sizeof *run->lookup);
    lookup = run->lookup;
    if (!lookup) return TRACEI_IO_BROKEN;
    if (lookup->busy && !tracei_lookup_wait(run)) return TRACEI_IO_LATE;
    tracei_http_keep_text(lookup->host, sizeof lookup->host, tracei_http_string_of(host));
    lookup->port = port;
    lookup->done = 0;
    if (run->sender->options.disable_thread || TRACEI_LOAD(&tracei_no_threads) ||
        !tracei_thread_start(&lookup->thread, tracei_lookup_main, lookup, "trace-lookup")) {
        tracei_lookup_main(lookup);
    } else {
        lookup->busy = true;
        if (!tracei_lookup_wait(run)) return TRACEI_IO_LATE;
    }
    memcpy(run->addresses, lookup->found, sizeof run->addresses);
    run->address_count = lookup->found_count;
    return TRACEI_IO_OK;
}

static tracei_io tracei_run_resolve(tracei_run *run, const char *host, uint16_t port) {
    tracei_io io = TRACEI_IO_OK;
    const uint64_t now = tracei_mono_ns();
    if (run->address_count && now < run->addresses_until_ns && port == run->address_port && strcmp(host, run->address_host) == 0)
        return TRACEI_IO_OK;
    run->address_count = tracei_http_same_word(host, strlen(host), "localhost")
                             ? tracei_http_resolve_localhost(port, run->addresses)
                             : tracei_http_resolve(host, port, true, run->addresses);
    if (!run->address_count) io = tracei_lookup_name(run, host, port);
    if (io == TRACEI_IO_OK && !run->address_count) io = TRACEI_IO_BROKEN;
    tracei_http_keep_text(run->address_host, sizeof run->address_host, tracei_http_string_of(host));
    run->address_port = port;
    run->addresses_until_ns = now + 60 * TRACEI_SECOND;
    return io;
}

/* >>client -------------------------------------------------------------------------------------------------------- */

static tracei_io tracei_http_connect_to(tracei_run *run, const struct sockaddr *address, unsigned size, int family,
                                        uint64_t until_ns) {
    tracei_wire *const wire = &run->wire;
    const int yes = 1;
    int error = 0;
    short happened;
    tracei_io io;
    wire->socket = tracei_socket_open(family, SOCK_STREAM, 0);
    if (wire->socket == TRACEI_NO_SOCKET) return TRACEI_IO_BROKEN;
    if (family == AF_INET || family == AF_INET6)
        setsockopt(wire->socket, IPPROTO_TCP, TCP_NODELAY, (const char *)&yes, sizeof yes);
    if (TRACEI_FAIL("connect")) return TRACEI_IO_BROKEN;
#if TRACEI_PLATFORM_WINDOWS
    if (connect(wire->socket, address, (int)size) == 0) return TRACEI_IO_OK;
    if (!tracei_socket_again()) return TRACEI_IO_BROKEN;
#else
    if (connect(wire->socket, address, (socklen_t)size) == 0) return TRACEI_IO_OK;
    if (errno == EAGAIN) return TRACEI_IO_BROKEN; /* a unix socket whose queue is full: poll would call it connected */
    if (!tracei_socket_again()) return TRACEI_IO_BROKEN;
#endif
    io = tracei_wire_wait(run, POLLOUT, &happened, until_ns);
    if (io == TRACEI_IO_OK) {
        socklen_t error_size = sizeof error;
        if (getsockopt(wire->socket, SOL_SOCKET, SO_ERROR, (char *)&error, &error_size) != 0 || error != 0) io = TRACEI_IO_BROKEN;
    }
    return io;
}

static tracei_io tracei_http_connect_unix(tracei_run *run, const tracei_url *url) {
#if TRACEI_PLATFORM_POSIX
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    if (strlen(url->socket_path) >= sizeof address.sun_path) return TRACEI_IO_BROKEN;
    memcpy(address.sun_path, url->socket_path, strlen(url->socket_path) + 1);
    return tracei_http_connect_to(run, (const struct sockaddr *)&address, sizeof address, AF_UNIX, UINT64_MAX);
#else
    (void)run, (void)url;
    return TRACEI_IO_BROKEN;
#endif
}

static trace_http_outcome tracei_http_connect(tracei_exchange *exchange) {
    tracei_run *const run = exchange->run;
    tracei_io io = TRACEI_IO_BROKEN;
    size_t i;
    if (exchange->url->is_unix) {
        io = tracei_http_connect_unix(run, exchange->url);
    } else {
        io = tracei_run_resolve(run, exchange->url->host, exchange->url->port);
        if (io == TRACEI_IO_LATE) {
            exchange->response->problem = "the name of the host was not found in time";
            return TRACE_HTTP_OUTCOME_TIMEOUT;
        }
        if (io != TRACEI_IO_OK) return tracei_http_broken(exchange, "the name of the host was not found");
        for (i = 0; i < run->address_count; i++) { /* each address has its share of the time */
            const uint64_t now = tracei_mono_ns(), deadline = tracei_run_deadline(run);
            const uint64_t share = deadline <= now ? 0 : (deadline - now) / (run->address_count - i);
            const tracei_address *const address = &run->addresses[i];
            io = tracei_http_connect_to(run, &address->as.any, address->size, address->as.any.sa_family,
                                        tracei_http_after(now, share));
            if (io == TRACEI_IO_OK) {
                const tracei_address good = run->addresses[i];
                run->addresses[i] = run->addresses[0];
                run->addresses[0] = good;
                break;
            }
            tracei_wire_close(&run->wire);
        }
    }
    if (io == TRACEI_IO_OK) return TRACE_HTTP_OUTCOME_ANSWERED;
    tracei_wire_close(&run->wire);
    run->addresses_until_ns = 0;
    if (io == TRACEI_IO_LATE) {
        exchange->response->problem = "no connection in time";
        return TRACE_HTTP_OUTCOME_TIMEOUT;
    }
    return tracei_http_broken(exchange, "no connection: is anything listening there?");
}

static bool tracei_request_head(tracei_exchange *exchange) {
    tracei_body *const head = &exchange->run->head_text;
    const trace_http_request *const request = &exchange->request;
    char text[512];
    tracei_text host;
    bool has_host = false;
    size_t i;
    head->size = 0;
    head->full = false;
    head->limit = 1u << 24;
    tracei_body_text(head, "POST ");
    tracei_body_text(head, exchange->url->target);
    tracei_body_text(head, " HTTP/1.1\r\n");
    for (i = 0; i < request->header_count; i++)
        has_host |= tracei_http_same_word(request->headers[i].name.data, request->headers[i].name.size, "host");
    if (!has_host) {
        memset(&host, 0, sizeof host);
        host.data = text;
        host.capacity = sizeof text;
        tracei_url_put_host(exchange->url, &host);
        tracei_body_text(head, "Host: ");
        tracei_body_add(head, host.data, host.size);
        tracei_body_text(head, "\r\n");
    }
    for (i = 0; i < request->header_count; i++) {
        tracei_body_add(head, request->headers[i].name.data, request->headers[i].name.size);
        tracei_body_text(head, ": ");
        tracei_body_add(head, request->headers[i].value.data, request->headers[i].value.size);
        tracei_body_text(head, "\r\n");
    }
    tracei_body_text(head, "Content-Length: ");
    *tracei_put_u64(text, request->body_size) = '\0';
    tracei_body_text(head, text);
    tracei_body_text(head, "\r\n\r\n");
    return !head->full;
}

/* What the head of an answer says about its body. */
typedef struct tracei_framing {
    unsigned minor;               /* HTTP/1.minor */
    bool chunked, sized, keep, broken;
    uint64_t size;
} tracei_framing;

static void tracei_framing_header(tracei_framing *framing, trace_string name, trace_string value) {
    if (tracei_http_same_word(name.data, name.size, "content-length")) {
        uint64_t size;
        if (!tracei_http_parse_digits(value, &size) || (framing->sized && size != framing->size)) framing->broken = true;
        framing->sized = true;
        framing->size = size;
    } else if (tracei_http_same_word(name.data, name.size, "transfer-encoding")) {
        if (tracei_http_same_word(value.data, value.size, "chunked")) framing->chunked = true;
        else framing->broken = true; /* we sent no TE: nothing else may come */
    } else if (tracei_http_same_word(name.data, name.size, "connection")) {
        if (tracei_http_word_contains(value, "close")) framing->keep = false;
        else if (tracei_http_word_contains(value, "keep-alive")) framing->keep = true;
    }
}

static trace_http_outcome tracei_io_outcome(tracei_exchange *exchange, tracei_io io) {
    if (io == TRACEI_IO_LATE) {
        exchange->response->problem = exchange->run->wire.answered ? "the answer did not end in time" : "no answer in time";
        return TRACE_HTTP_OUTCOME_TIMEOUT;
    }
    return tracei_http_broken(exchange, exchange->run->wire.answered ? "the connection broke in the middle of the answer"
                                                                : "the connection broke before an answer");
}

/* Not HTTP/1: most often another protocol on a well-known port. */
static const char *tracei_guess_protocol(const uint8_t *bytes, size_t size, uint16_t port) {
    if (size >= 5 && bytes[0] == 0 && bytes[1] == 0 && bytes[3] == 4 && bytes[4] == 0)
        return "the server speaks HTTP/2 (gRPC) there: OTLP over HTTP has port 4318, gRPC 4317";
    if (size >= 2 && (bytes[0] == 0x15 || bytes[0] == 0x16) && bytes[1] == 3) return "the server speaks TLS there: use https://";
    if (port == 4317) return "the answer is not HTTP; port 4317 is the one for gRPC, OTLP over HTTP has 4318";
    return "the answer is not HTTP";
}

static trace_http_outcome tracei_read_head(tracei_exchange *exchange, tracei_framing *framing, size_t *left) {
    tracei_run *const run = exchange->run;
    char line[TRACEI_HTTP_LINE];
    size_t size;
    tracei_io io;
    memset(framing, 0, sizeof *framing);
    if (run->wire.at == run->wire.size) {
        io = tracei_wire_fill(run);
        if (io != TRACEI_IO_OK) return tracei_io_outcome(exchange, io);
    }
    if (run->wire.in[run->wire.at] != 'H')
        return tracei_http_broken(
            exchange, tracei_guess_protocol(run->wire.in + run->wire.at, run->wire.size - run->wire.at, exchange->url->port));
    io = tracei_wire_line(run, line, sizeof line, &size, left);
    if (io != TRACEI_IO_OK) return tracei_io_outcome(exchange, io);
    if (size < 12 || memcmp(line, "HTTP/1.", 7) != 0 || line[7] < '0' || line[7] > '9' || line[8] != ' ' ||
        (size > 12 && line[12] != ' '))
        return tracei_http_broken(exchange, tracei_guess_protocol((const uint8_t *)line, size, exchange->url->port));
    {
        trace_string digits;
        uint64_t status;
        digits.data = line + 9;
        digits.size = 3;
        if (!tracei_http_parse_digits(digits, &status) || status < 100 || status > 599)
            return tracei_http_broken(exchange, "the answer has no valid status");
        exchange->response->status = (uint32_t)status;
        framing->minor = (unsigned)(line[7] - '0');
        framing->keep = framing->minor >= 1;
    }
    for (;;) {
        trace_string name, value;
        const char *colon;
        io = tracei_wire_line(run, line, sizeof line, &size, left);
        if (io != TRACEI_IO_OK) {
            if (io == TRACEI_IO_BROKEN && *left == 0) return tracei_http_broken(exchange, "the head of the answer does not end");
            return tracei_io_outcome(exchange, io);
        }
        if (size == 0) break;
        colon = (const char *)memchr(line, ':', size);
        if (!colon) continue;
        name.data = line;
        name.size = (size_t)(colon - line);
        value.data = colon + 1;
        value.size = size - name.size - 1;
        value = tracei_http_trim(value);
        tracei_framing_header(framing, name, value);
        tracei_answer_header(exchange, name, value);
    }
    return framing->broken ? tracei_http_broken(exchange, "the answer contradicts itself about its length")
                           : TRACE_HTTP_OUTCOME_ANSWERED;
}

/* `size` bytes of body; UINT64_MAX: until the server closes. */
static tracei_io tracei_read_bytes(tracei_exchange *exchange, uint64_t size) {
    tracei_run *const run = exchange->run;
    const bool until_close = size == UINT64_MAX;
    while (size) {
        size_t part;
        if (run->wire.at == run->wire.size) {
            const tracei_io io = tracei_wire_fill(run);
            if (io == TRACEI_IO_END && until_close) return TRACEI_IO_OK;
            if (io != TRACEI_IO_OK) return io;
        }
        part = run->wire.size - run->wire.at;
        if (part > size) part = (size_t)size;
        if (!tracei_answer_body(&run->answer, run->wire.in + run->wire.at, part)) return TRACEI_IO_BROKEN;
        run->wire.at += part;
        if (!until_close) size -= part;
    }
    return TRACEI_IO_OK;
}

static tracei_io tracei_read_chunks(tracei_exchange *exchange, size_t *left) {
    tracei_run *const run = exchange->run;
    char line[64];
    size_t size, digits;
    tracei_io io;
    for (;;) {
        uint64_t chunk = 0;
        size_t chunk_head = 1024;
        io = tracei_wire_line(run, line, sizeof line, &size, &chunk_head);
        if (io != TRACEI_IO_OK) return io;
        for (digits = 0; digits < size && tracei_http_hex_digit(line[digits]) >= 0; digits++) {
            if (digits == 15) return TRACEI_IO_BROKEN;
            chunk = chunk * 16 + (uint64_t)tracei_http_hex_digit(line[digits]);
        }
        if (digits == 0 || (digits < size && line[digits] != ';' && line[digits] != ' ' && line[digits] != '\t'))
            return TRACEI_IO_BROKEN;
        if (chunk == 0) break;
        if (chunk > TRACEI_HTTP_BODY_MAX) {
            run->answer.oversize = true;
            return TRACEI_IO_BROKEN;
        }
        io = tracei_read_bytes(exchange, chunk);
        if (io != TRACEI_IO_OK) return io;
        chunk_head = 2;
        io = tracei_wire_line(run, line, sizeof line, &size, &chunk_head);
        if (io != TRACEI_IO_OK) return io;
        if (size) return TRACEI_IO_BROKEN;
    }
    do { /* trailers */
        io = tracei_wire_line(run, line, sizeof line, &size, left);
    } while (io == TRACEI_IO_OK && size);
    return io;
}

static trace_http_outcome tracei_read_answer(tracei_exchange *exchange, bool *keep) {
    tracei_run *const run = exchange->run;
    tracei_framing framing;
    size_t left = TRACEI_HTTP_HEAD_MAX;
    tracei_io io = TRACEI_IO_OK;
    trace_http_outcome outcome;
    do {
        tracei_answer_start(exchange);
        outcome = tracei_read_head(exchange, &framing, &left);
        if (outcome != TRACE_HTTP_OUTCOME_ANSWERED) return outcome;
        if (exchange->response->status == 101) return tracei_http_broken(exchange, "the server wants another protocol");
    } while (exchange->response->status < 200);
    if (exchange->response->status == 204 || exchange->response->status == 304) {
        framing.sized = true;
        framing.size = 0;
        framing.chunked = false;
    }
    if (framing.chunked) {
        io = tracei_read_chunks(exchange, &left);
        if (io == TRACEI_IO_BROKEN && !run->answer.oversize)
            return tracei_http_broken(exchange, "the answer's chunks are broken");
    } else if (framing.sized && framing.size > TRACEI_HTTP_BODY_MAX) {
        run->answer.oversize = true;
    } else {
        io = tracei_read_bytes(exchange, framing.sized ? framing.size : UINT64_MAX);
    }
    if (run->answer.oversize) {
        exchange->response->problem = "the answer is larger than 4 MiB";
        return TRACE_HTTP_OUTCOME_OVERSIZE;
    }
    if (io != TRACEI_IO_OK) return tracei_io_outcome(exchange, io);
    *keep = framing.keep && (framing.chunked || framing.sized) && run->wire.at == run->wire.size;
    tracei_answer_finish(exchange);
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

static trace_http_outcome tracei_client_once(tracei_exchange *exchange) {
    tracei_run *const run = exchange->run;
    tracei_wire *const wire = &run->wire;
    trace_http_outcome outcome;
    bool early = false, keep = false;
    tracei_io io = tracei_wire_send(run, run->head_text.data, run->head_text.size,
                                    exchange->request.body_size ? TRACEI_SEND_MORE : 0, &early);
    if (io == TRACEI_IO_OK && !early)
        io = tracei_wire_send(run, (const uint8_t *)exchange->request.body, exchange->request.body_size, 0, &early);
    if (io == TRACEI_IO_LATE) {
        exchange->response->problem = "the request could not be sent in time";
        return TRACE_HTTP_OUTCOME_TIMEOUT;
    }
    outcome = tracei_read_answer(exchange, &keep); /* also after a reset: the server may have said why first */
    if (outcome != TRACE_HTTP_OUTCOME_ANSWERED || !keep || early || io != TRACEI_IO_OK) tracei_wire_close(wire);
    wire->last_used_ns = tracei_mono_ns();
    return outcome;
}

/* HTTP/1.1 over a socket of our own. */
static trace_http_outcome tracei_client_send(tracei_exchange *exchange) {
    tracei_run *const run = exchange->run;
    tracei_wire *const wire = &run->wire;
    trace_http_outcome outcome;
    bool reused;
    if (!tracei_request_head(exchange)) return tracei_http_broken(exchange, "no memory for the request");
    do {
        if (wire->socket != TRACEI_NO_SOCKET && tracei_wire_is_stale(wire)) tracei_wire_close(wire);
        reused = wire->socket != TRACEI_NO_SOCKET;
        wire->answered = false;
        if (!reused) {
            wire->at = wire->size = 0;
            outcome = tracei_http_connect(exchange);
            if (outcome != TRACE_HTTP_OUTCOME_ANSWERED) return outcome;
        }
        run->reached = true;
        outcome = tracei_client_once(exchange);
        if (outcome != TRACE_HTTP_OUTCOME_ANSWERED) tracei_wire_close(wire);
    } while (reused && outcome == TRACE_HTTP_OUTCOME_UNREACHABLE &&
             !wire->answered); /* it was closed in that very moment: at once, once */
    return outcome;
}

#endif /* TRACEI_HTTP_SOCKETS */

/* >>curl ----------------------------------------------------------------------------------------------------------

   For what our own client does not do: TLS, proxies, HTTP/2, SigV4. libcurl gets everything explicitly: it reads no proxy
   variable (they were read by open), resolves no name (tracei_run_resolve did, within the deadline) and opens its sockets
   through us, so that they are close-on-exec and a forked child can close them without a word to the server. The multi
   interface is used with one handle, because only it can be left at a deadline that moves. (Every multi handle has a pair of
   sockets inside to be woken by; before 8.8 libcurl opens that pair without close-on-exec. It leads nowhere, and is opened
   once a run.) */

#if TRACEI_HTTP_CURL

static uint32_t tracei_curl_lock;
static uint32_t tracei_curl_state; /* written under the lock: 1 ready, 2 unusable, 3 the process is about to end */
static tracei_sender *tracei_curl_senders; /* under the lock; newest first */

static void tracei_curl_at_exit(void);

/* The TLS library behind libcurl takes itself apart in an exit handler that it registers when it is initialised. Ours is
   registered after that, so it runs before. */
static bool tracei_curl_start(void) {
    uint32_t state;
    tracei_lock(&tracei_curl_lock);
    state = TRACEI_LOAD(&tracei_curl_state);
    if (!state) {
        state = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && atexit(tracei_curl_at_exit) == 0 ? 1u : 2u;
        TRACEI_STORE(&tracei_curl_state, state);
    }
    tracei_unlock(&tracei_curl_lock);
    return state == 1;
}

#ifdef __cplusplus
extern "C" {
#endif

static curl_socket_t tracei_curl_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
    tracei_run *const run = (tracei_run *)user;
    const tracei_socket made = tracei_socket_open(address->family, address->socktype, address->protocol);
    size_t i;
    (void)purpose;
    for (i = 0; made != TRACEI_NO_SOCKET && i < TRACEI_HTTP_ADDRESSES; i++) {
        if (run->curl_sockets[i] != TRACEI_NO_SOCKET) continue;
        run->curl_sockets[i] = made;
        break;
    }
    return made == TRACEI_NO_SOCKET ? CURL_SOCKET_BAD : (curl_socket_t)made;
}

static int tracei_curl_close_socket(void *user, curl_socket_t socket) {
    tracei_run *const run = (tracei_run *)user;
    size_t i;
    for (i = 0; i < TRACEI_HTTP_ADDRESSES; i++)
        if (run->curl_sockets[i] == (tracei_socket)socket) run->curl_sockets[i] = TRACEI_NO_SOCKET;
    return tracei_socket_close((tracei_socket)socket);
}

static size_t tracei_curl_take_body(char *bytes, size_t size, size_t count, void *user) {
    tracei_exchange *const exchange = (tracei_exchange *)user;
    return tracei_answer_body(&exchange->run->answer, bytes, size * count) ? size * count : 0;
}

/* Header lines and, at the end, trailers. */
static size_t tracei_curl_take_header(char *bytes, size_t size, size_t count, void *user) {
    tracei_exchange *const exchange = (tracei_exchange *)user;
    const size_t all = size * count;
    trace_string name, value;
    const char *const colon = all ? (const char *)memchr(bytes, ':', all) : NULL;
    if (all >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        tracei_answer_start(exchange); /* what a 1xx said does not count */
    } else if (all <= 2) {
        exchange->run->answer.head_done = true;
    } else if (colon) {
        name.data = bytes;
        name.size = (size_t)(colon - bytes);
        value.data = colon + 1;
        value.size = all - name.size - 1;
        while (value.size && (value.data[value.size - 1] == '\n' || value.data[value.size - 1] == '\r')) value.size--;
        tracei_answer_header(exchange, name, tracei_http_trim(value));
    }
    return all;
}

#ifdef __cplusplus
}
#endif

static bool tracei_curl_list(struct curl_slist **list, const char *text) {
    struct curl_slist *const longer = curl_slist_append(*list, text);
    if (longer) *list = longer;
    return longer != NULL;
}

/* "Expect:" keeps libcurl from asking before it sends a large body; but it would sign it too, as a header that is not sent. */
static struct curl_slist *tracei_curl_headers(const trace_http_request *request, const tracei_http_options *options,
                                              bool *complete) {
    struct curl_slist *list = NULL;
    tracei_body line;
    size_t i;
    memset(&line, 0, sizeof line);
    line.limit = 1u << 24;
    *complete = options->sigv4 || tracei_curl_list(&list, "Expect:");
    if (options->http2) *complete = *complete && tracei_curl_list(&list, "te: trailers");
    for (i = 0; i < request->header_count; i++) {
        const trace_header *const header = &request->headers[i];
        line.size = 0;
        tracei_body_add(&line, header->name.data, header->name.size);
        tracei_body_text(&line, header->value.size ? ": " : ";"); /* curl's way to send an empty value */
        tracei_body_add(&line, header->value.data, header->value.size);
        tracei_body_add(&line, "", 1);
        *complete = *complete && !line.full && tracei_curl_list(&list, (const char *)line.data);
    }
    tracei_free(line.data, line.capacity);
    return list;
}

/* "host:port:address,address" for what curl connects to. Not for a proxy that is given by a name curl cannot be spared. */
static tracei_io tracei_curl_resolve(tracei_exchange *exchange, struct curl_slist **list) {
    tracei_run *const run = exchange->run;
    const char *const proxy = run->sender->options.proxy;
    tracei_url target = *exchange->url;
    char line[1024], address[64];
    tracei_text text;
    tracei_io io;
    size_t i;
    if (proxy && proxy[0]) {
        if (tracei_url_parse(proxy, &target) != NULL || target.is_unix) return TRACEI_IO_OK;
        if (!strrchr(proxy + 8, ':')) return TRACEI_IO_OK; /* no port: 1080 or 3128 or 443 by curl's rules */
    }
    if (strchr(target.host, ':')) return TRACEI_IO_OK;
    io = tracei_run_resolve(run, target.host, target.port);
    if (io != TRACEI_IO_OK) return io;
    memset(&text, 0, sizeof text);
    text.data = line;
    text.capacity = sizeof line - 1;
    tracei_text_cstr(&text, target.host);
    tracei_text_char(&text, ':');
    tracei_text_u64(&text, target.port);
    for (i = 0; i < run->address_count; i++) {
        const tracei_address *const one = &run->addresses[i];
        const bool six = one->as.any.sa_family == AF_INET6;
        if (!inet_ntop(one->as.any.sa_family, six ? (const void *)&one->as.v6.sin6_addr : (const void *)&one->as.v4.sin_addr,
                       address, sizeof address))
            continue;
        tracei_text_cstr(&text, i ? "," : ":");
        if (six) tracei_text_char(&text, '[');
        tracei_text_cstr(&text, address);
        if (six) tracei_text_char(&text, ']');
    }
    line[text.size] = '\0';
    return tracei_curl_list(list, line) ? TRACEI_IO_OK : TRACEI_IO_BROKEN;
}

#define TRACEI_CURL_SET(option, value) (ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK)

static bool tracei_curl_tls(CURL *easy, const tracei_http_options *options) {
    bool ok = true;
    TRACEI_CURL_SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    TRACEI_CURL_SET(CURLOPT_SSL_VERIFYPEER, 1L);
    TRACEI_CURL_SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (options->ca_file) TRACEI_CURL_SET(CURLOPT_CAINFO, options->ca_file);
    if (options->client_certificate_file) TRACEI_CURL_SET(CURLOPT_SSLCERT, options->client_certificate_file);
    if (options->client_key_file) TRACEI_CURL_SET(CURLOPT_SSLKEY, options->client_key_file);
    return ok;
}

static bool tracei_curl_credentials(CURL *easy, const tracei_http_options *options) {
    bool ok = true;
    if (!options->sigv4) return true;
#if LIBCURL_VERSION_NUM >= 0x074b00
    TRACEI_CURL_SET(CURLOPT_AWS_SIGV4, options->sigv4);
    TRACEI_CURL_SET(CURLOPT_USERNAME, options->sigv4_key);
    TRACEI_CURL_SET(CURLOPT_PASSWORD, options->sigv4_secret);
#else
    (void)easy;
    ok = false;
#endif
    return ok;
}

static bool tracei_curl_prepare(tracei_exchange *exchange, struct curl_slist *headers, struct curl_slist *resolve) {
    tracei_run *const run = exchange->run;
    CURL *const easy = run->easy;
    const tracei_http_options *const options = &run->sender->options;
    bool ok = true;
    curl_easy_reset(easy);
    TRACEI_CURL_SET(CURLOPT_NOSIGNAL, 1L);
    TRACEI_CURL_SET(CURLOPT_URL, exchange->request.url);
    TRACEI_CURL_SET(CURLOPT_POST, 1L);
    TRACEI_CURL_SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->request.body_size);
    TRACEI_CURL_SET(CURLOPT_POSTFIELDS, (const char *)exchange->request.body);
    TRACEI_CURL_SET(CURLOPT_HTTPHEADER, headers);
    TRACEI_CURL_SET(CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
    TRACEI_CURL_SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    TRACEI_CURL_SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    TRACEI_CURL_SET(CURLOPT_PROXY, options->proxy ? options->proxy : "");
    TRACEI_CURL_SET(CURLOPT_NOPROXY, options->no_proxy ? options->no_proxy : "");
    TRACEI_CURL_SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    if (exchange->url->is_unix) TRACEI_CURL_SET(CURLOPT_UNIX_SOCKET_PATH, exchange->url->socket_path);
    if (options->http2) {
        TRACEI_CURL_SET(CURLOPT_HTTP_VERSION,
                        exchange->url->https ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    }
    if (resolve) TRACEI_CURL_SET(CURLOPT_RESOLVE, resolve);
    TRACEI_CURL_SET(CURLOPT_FRESH_CONNECT, run->curl_fresh ? 1L : 0L);
    TRACEI_CURL_SET(CURLOPT_OPENSOCKETFUNCTION, tracei_curl_open_socket);
    TRACEI_CURL_SET(CURLOPT_OPENSOCKETDATA, (void *)run);
    TRACEI_CURL_SET(CURLOPT_CLOSESOCKETFUNCTION, tracei_curl_close_socket);
    TRACEI_CURL_SET(CURLOPT_CLOSESOCKETDATA, (void *)run);
    TRACEI_CURL_SET(CURLOPT_WRITEFUNCTION, tracei_curl_take_body);
    TRACEI_CURL_SET(CURLOPT_WRITEDATA, (void *)exchange);
    TRACEI_CURL_SET(CURLOPT_HEADERFUNCTION, tracei_curl_take_header);
    TRACEI_CURL_SET(CURLOPT_HEADERDATA, (void *)exchange);
#if LIBCURL_VERSION_NUM >= 0x075700
    TRACEI_CURL_SET(CURLOPT_QUICK_EXIT, 1L);
#endif
    return ok && tracei_curl_tls(easy, options) && tracei_curl_credentials(easy, options);
}

/* Runs the one transfer there is. False: the deadline came. */
static bool tracei_curl_run(tracei_run *run, CURLcode *code) {
    int running = 1;
    *code = CURLE_RECV_ERROR;
    for (;;) {
        CURLMsg *message;
        int left;
        const uint64_t deadline = tracei_run_deadline(run), now = tracei_mono_ns();
        if (curl_multi_perform(run->multi, &running) != CURLM_OK) return true;
        while ((message = curl_multi_info_read(run->multi, &left)) != NULL) {
            if (message->msg != CURLMSG_DONE) continue;
            *code = message->data.result;
            return true;
        }
        if (now >= deadline) return false;
        if (curl_multi_poll(run->multi, NULL, 0,
                            (int)((tracei_http_earlier(deadline - now, TRACEI_HTTP_SLICE) + TRACEI_MS - 1) / TRACEI_MS),
                            &left) != CURLM_OK)
            return true;
    }
}

static trace_http_outcome tracei_curl_outcome(tracei_exchange *exchange, CURLcode code) {
    long status = 0;
    exchange->run->reached |=
        code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST && code != CURLE_COULDNT_RESOLVE_PROXY;
    exchange->response->problem = curl_easy_strerror(code);
    switch (code) {
    case CURLE_OK: break;
    case CURLE_OPERATION_TIMEDOUT: return TRACE_HTTP_OUTCOME_TIMEOUT;
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
        if (exchange->run->answer.oversize) exchange->response->problem = "the answer is larger than 4 MiB";
        return exchange->run->answer.oversize ? TRACE_HTTP_OUTCOME_OVERSIZE : TRACE_HTTP_OUTCOME_UNREACHABLE;
    case CURLE_PEER_FAILED_VERIFICATION:
        exchange->response->problem = "the server's certificate is not valid for this name, expired, or not signed by a known "
                                      "authority (certificate option)";
        return TRACE_HTTP_OUTCOME_REFUSED;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_BAD_FUNCTION_ARGUMENT: return TRACE_HTTP_OUTCOME_REFUSED;
    default: return TRACE_HTTP_OUTCOME_UNREACHABLE;
    }
    exchange->response->problem = NULL;
    if (!exchange->run->answer.head_done)
        return tracei_http_broken(exchange, "the connection broke in the middle of the answer"); /* curl lets that pass */
    curl_easy_getinfo(exchange->run->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 599) return tracei_http_broken(exchange, "the answer has no valid status");
    exchange->response->status = (uint32_t)status;
    tracei_answer_finish(exchange);
    return TRACE_HTTP_OUTCOME_ANSWERED;
}

static void tracei_curl_close(tracei_run *run) {
    if (run->multi && run->easy && run->easy_in_multi) curl_multi_remove_handle(run->multi, run->easy);
    if (run->easy) curl_easy_cleanup(run->easy);
    if (run->multi) curl_multi_cleanup(run->multi);
    run->easy_in_multi = false;
    run->easy = NULL;
    run->multi = NULL;
}

static trace_http_outcome tracei_curl_once(tracei_exchange *exchange, bool *reset_while_kept) {
    tracei_run *const run = exchange->run;
    struct curl_slist *headers = NULL, *resolve = NULL;
    trace_http_outcome outcome;
    tracei_io io = TRACEI_IO_OK;
    CURLcode code;
    long connects = 1;
    bool complete;
    *reset_while_kept = false;
    if (!run->multi) {
        run->multi = curl_multi_init();
        if (run->multi) curl_multi_setopt(run->multi, CURLMOPT_MAXCONNECTS, 2L);
    }
    if (!run->easy) run->easy = curl_easy_init();
    tracei_answer_start(exchange);
    headers = tracei_curl_headers(&exchange->request, &run->sender->options, &complete);
    if (!exchange->url->is_unix) io = tracei_curl_resolve(exchange, &resolve);
    if (io == TRACEI_IO_LATE) {
        exchange->response->problem = "the name of the host was not found in time";
        outcome = TRACE_HTTP_OUTCOME_TIMEOUT;
    } else if (io != TRACEI_IO_OK) {
        outcome = tracei_http_broken(exchange, "the name of the host was not found");
    } else if (!run->multi || !run->easy || !complete) {
        outcome = tracei_http_broken(exchange, "no memory for the request");
    } else if (!tracei_curl_prepare(exchange, headers, resolve)) {
        exchange->response->problem = "this libcurl cannot do what is asked (HTTP/2, TLS 1.2, SigV4 or a certificate option)";
        outcome = TRACE_HTTP_OUTCOME_REFUSED;
    } else if (curl_multi_add_handle(run->multi, run->easy) != CURLM_OK) {
        outcome = tracei_http_broken(exchange, "no memory for the request");
    } else {
        run->easy_in_multi = true;
        if (tracei_curl_run(run, &code)) {
            outcome = tracei_curl_outcome(exchange, code);
            curl_easy_getinfo(run->easy, CURLINFO_NUM_CONNECTS, &connects);
            *reset_while_kept =
                outcome == TRACE_HTTP_OUTCOME_UNREACHABLE && !run->curl_fresh && connects == 0 && !run->answer.head_done;
        } else {
            exchange->response->problem = "no answer in time";
            outcome = TRACE_HTTP_OUTCOME_TIMEOUT;
        }
        curl_multi_remove_handle(run->multi, run->easy);
        run->easy_in_multi = false;
    }
    if (outcome != TRACE_HTTP_OUTCOME_ANSWERED) {
        run->addresses_until_ns = 0;
    }
    run->curl_fresh = outcome != TRACE_HTTP_OUTCOME_ANSWERED;
    curl_slist_free_all(headers);
    curl_slist_free_all(resolve);
    run->curl_used_ns = tracei_mono_ns();
    return outcome;
}

/* Also heals libcurl 7.88, which fails on a kept HTTP/2 connection made with prior knowledge. */
static trace_http_outcome tracei_curl_send(tracei_exchange *exchange) {
    bool reset_while_kept;
    trace_http_outcome outcome = tracei_curl_once(exchange, &reset_while_kept);
    if (reset_while_kept) outcome = tracei_curl_once(exchange, &reset_while_kept); /* curl_fresh is set now: at once, once */
    return outcome;
}
#endif /* TRACEI_HTTP_CURL */

/* >>queue ---------------------------------------------------------------------------------------------------------

   A ring of bytes. A record is a header of 8 bytes {size, scope} and the span, rounded up to 8, always in one piece: where a span
   does not fit before the end, a padding record (size TRACEI_QUEUE_PAD) fills it up. The pass appends, the driver takes runs
   of records as a batch and gives the bytes back only when the batch is settled, so what is in flight counts as queued and the
   memory of an exporter is bounded by this ring, one request body and one answer. */

#define TRACEI_QUEUE_PAD 0xffffffffu

static size_t tracei_record_size(size_t size) {
    return 8 + (size + 7) / 8 * 8;
}

static uint32_t tracei_record_word(const uint8_t *ring, size_t at, size_t word) {
    uint32_t value;
    memcpy(&value, ring + at + word * 4, 4);
    return value;
}

static void tracei_record_write(uint8_t *ring, size_t at, uint32_t size, uint32_t scope) {
    memcpy(ring + at, &size, 4);
    memcpy(ring + at + 4, &scope, 4);
}

/* Under the lock. False: no room. */
static bool tracei_queue_reserve(tracei_run *run, size_t size) {
    const size_t need = tracei_record_size(size);
    if (run->used == 0) run->head = run->tail = 0;
    run->reserved_pad = 0;
    run->reserved_at = run->head;
    if (run->head >= run->tail && run->used < run->capacity) { /* free: head to end, start to tail */
        if (need <= run->capacity - run->head) return true;
        run->reserved_pad = run->capacity - run->head;
        run->reserved_at = 0;
        return need <= run->tail;
    }
    return run->used < run->capacity && need <= run->tail - run->head;
}

/* Under the lock. */
static void tracei_queue_commit(tracei_run *run, size_t size, uint32_t scope) {
    if (run->reserved_pad) tracei_record_write(run->ring, run->head, TRACEI_QUEUE_PAD, 0);
    tracei_record_write(run->ring, run->reserved_at, (uint32_t)size, scope);
    run->used += run->reserved_pad + tracei_record_size(size);
    run->head = run->reserved_at + tracei_record_size(size);
    if (run->head == run->capacity) run->head = 0;
}

/* The offset of the record after `at`, which may be behind a padding; `*bytes` grows by what was stepped over. */
static size_t tracei_queue_skip_pad(const tracei_run *run, size_t at, size_t *bytes) {
    if (at < run->capacity && tracei_record_word(run->ring, at, 0) != TRACEI_QUEUE_PAD) return at;
    *bytes += run->capacity - at;
    return 0;
}

/* Fills in items from the oldest record on; no lock: what was committed stays until it is settled. */
static void tracei_queue_items(tracei_run *run, size_t most, size_t most_bytes) {
    size_t at = run->tail, bytes = 0, skipped = 0;
    run->count = run->at = 0;
    while (run->count < most) {
        tracei_item *const item = &run->items[run->count];
        at = tracei_queue_skip_pad(run, at, &skipped);
        item->size = tracei_record_word(run->ring, at, 0);
        item->scope = tracei_record_word(run->ring, at, 1);
        item->data = run->ring + at + 8;
        if (run->count && bytes + item->size > most_bytes) break;
        bytes += item->size;
        at += tracei_record_size(item->size);
        if (at == run->capacity) at = 0;
        run->count++;
    }
}

/* >>report --------------------------------------------------------------------------------------------------------

   Complaints. One a minute of each kind, with the number of spans meanwhile. They tell address, status and what to check; what
   the server said is shown only after every secret of ours was taken out of it, because servers do echo requests. */

enum {
    TRACEI_REPORT_QUEUE_FULL = 1000,
    TRACEI_REPORT_TOO_LARGE,
    TRACEI_REPORT_UNREACHABLE,
    TRACEI_REPORT_TIMEOUT,
    TRACEI_REPORT_OVERSIZE,
    TRACEI_REPORT_REFUSED,
    TRACEI_REPORT_SHUTDOWN,
    TRACEI_REPORT_MESSAGE,
    TRACEI_REPORT_THREAD,
    TRACEI_REPORT_AUTHORIZE,
    TRACEI_REPORT_OUTAGE,
    TRACEI_REPORT_PARTIAL
};

static uint64_t tracei_sender_now(tracei_sender *sender) {
    return sender->seam.now_fn ? sender->seam.now_fn(sender->seam.user) : tracei_mono_ns();
}

/* Whether to speak now; *spans becomes the number since the last time. */
static bool tracei_report_due(tracei_sender *sender, uint32_t kind, uint64_t *spans) {
    const uint64_t now = tracei_sender_now(sender);
    tracei_report *report = NULL;
    bool due;
    size_t i;
    tracei_lock(&sender->lock);
    for (i = 0; i < TRACEI_HTTP_REPORTS && sender->reports[i].kind && sender->reports[i].kind != kind; i++) {}
    if (i == TRACEI_HTTP_REPORTS) /* more kinds than places: the oldest makes room */
        for (i = 0, report = sender->reports; i < TRACEI_HTTP_REPORTS; i++)
            if (sender->reports[i].last_ns < report->last_ns) report = &sender->reports[i];
    if (!report) report = &sender->reports[i];
    due = report->kind != kind || now - report->last_ns >= TRACEI_HTTP_LOG_EVERY;
    if (report->kind != kind) report->silent = 0;
    report->kind = kind;
    report->silent += *spans;
    sender->unsaid += *spans;
    if (due) {
        *spans = report->silent;
        sender->unsaid -= report->silent;
        report->silent = 0;
        report->last_ns = now;
    }
    tracei_unlock(&sender->lock);
    return due;
}

static const char *tracei_status_hint(const tracei_sender *sender, uint32_t status) {
    switch (status) {
    case 400: return "the server could not read the request: is it the endpoint for this protocol?";
    case 401:
    case 403: return "check the headers that carry the credentials";
    case 404:
    case 405: return "check the path of the endpoint";
    case 407: return "check the credentials for the proxy";
    case 408: return "the server did not wait for the whole request";
    case 413: return "a single span is larger than the server takes";
    case 415: return "the server does not take this content type: choose another protocol";
    case 429: return "too many requests: send less, or ask for a higher quota";
    case 431: return "the headers are too large";
    default: break;
    }
    if (status >= 300 && status < 400) return "redirects are not followed: set the endpoint to the final address";
    if (status < 300) return "the answer was not the one this protocol gives";
    if (sender->url.port == 4317 && !sender->options.http2) return "port 4317 is the one for gRPC, OTLP over HTTP has 4318";
    return status >= 500 ? "check the server" : "check the endpoint and its headers";
}

/* For stats: no URL, header or answer in it. With `cause` also what a loss at the end will be put down to. */
static void tracei_report_keep(tracei_sender *sender, const char *words, uint32_t status, bool cause) {
    char text[40];
    if (status) {
        memcpy(text, "the server answered ", 20);
        *tracei_put_u64(text + 20, status) = '\0';
        words = text;
    }
    tracei_lock(&sender->lock);
    tracei_stats_say(&sender->ledger, words);
    if (cause) tracei_http_keep_text(sender->cause, sizeof sender->cause, tracei_http_string_of(words));
    tracei_unlock(&sender->lock);
}

static void tracei_report_status(tracei_sender *sender, uint32_t status, uint64_t spans) {
    tracei_report_keep(sender, "", status, false);
    if (!tracei_report_due(sender, status, &spans)) return;
    tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: %s answered %u; spans lost: %llu; %s", sender->options.owner, sender->shown,
               (unsigned)status, (unsigned long long)spans, tracei_status_hint(sender, status));
}

static void tracei_report_problem(tracei_sender *sender, uint32_t kind, const char *problem, uint64_t spans) {
    tracei_report_keep(sender, problem ? problem : "the request failed", 0, false);
    if (!tracei_report_due(sender, kind, &spans)) return;
    tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: %s: %s; spans lost: %llu", sender->options.owner, sender->shown,
               problem ? problem : "the request failed", (unsigned long long)spans);
}

/* How many bytes of a secret stand at `at`; 0: none. */
static size_t tracei_secret_at(const char *at, size_t left, const char *secret, size_t size) {
    return size && size <= left && memcmp(at, secret, size) == 0 ? size : 0;
}

/* A header's value is one, and so is each word of it ("Bearer", "abc"); of a proxy's URL user and password. */
static size_t tracei_secret_words_at(const char *at, size_t left, trace_string secret) {
    size_t longest = tracei_secret_at(at, left, secret.data, secret.size), from = 0;
    while (from < secret.size) {
        size_t end = from;
        while (end < secret.size && !strchr(" ,;:=&?@/", secret.data[end])) end++;
        if (end - from >= 4) {
            const size_t found = tracei_secret_at(at, left, secret.data + from, end - from);
            if (found > longest) longest = found;
        }
        from = end + 1;
    }
    return longest;
}

static size_t tracei_any_secret_at(const tracei_sender *sender, const char *at, size_t left) {
    const tracei_http_options *const options = &sender->options;
    const char *const others[] = {sender->url.user_info, sender->url.target + sender->url.path_size, options->sigv4_key,
                                  options->sigv4_secret, options->sigv4_token, options->proxy};
    size_t longest = 0, i;
    for (i = 0; i < sender->header_count; i++) {
        const size_t found = tracei_secret_words_at(at, left, sender->headers[i].value);
        if (found > longest) longest = found;
    }
    for (i = 0; i < TRACEI_HTTP_TOKENS_MAX + sizeof others / sizeof others[0]; i++) {
        const char *text = i < TRACEI_HTTP_TOKENS_MAX ? sender->tokens[i] : others[i - TRACEI_HTTP_TOKENS_MAX];
        size_t found;
        if (!text) continue;
        if (i < TRACEI_HTTP_TOKENS_MAX) text += strlen(text) + 1;
        found = tracei_secret_words_at(at, left, tracei_http_string_of(text));
        if (found > longest) longest = found;
    }
    return longest;
}

/* At most 200 bytes of the server's words, harmless ones. */
static void tracei_http_scrub(const tracei_sender *sender, trace_string words, tracei_text *out) {
    size_t at = 0;
    while (at < words.size && !out->full) {
        const size_t secret = tracei_any_secret_at(sender, words.data + at, words.size - at);
        const unsigned char c = (unsigned char)words.data[at];
        if (secret) {
            tracei_text_cstr(out, "***");
            at += secret;
        } else {
            tracei_text_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
            at++;
        }
    }
    out->size = tracei_utf8_valid(out->data, out->size);
}

static void tracei_report_words(tracei_sender *sender, uint32_t kind, uint64_t rejected, trace_string words) {
    char room[201];
    tracei_text text;
    if (!words.size && !rejected) return;
    if (rejected) tracei_report_keep(sender, "the server took a part of the spans only", 0, false);
    if (!tracei_report_due(sender, kind, &rejected)) return;
    memset(&text, 0, sizeof text);
    text.data = room;
    text.capacity = sizeof room - 1;
    tracei_http_scrub(sender, words, &text);
    if (rejected)
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: %s took the request but not %llu of its spans: %.*s", sender->options.owner,
                   sender->shown, (unsigned long long)rejected, (int)text.size, room);
    else
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: %s says: %.*s", sender->options.owner, sender->shown, (int)text.size, room);
}

/* What to change for most of the losses. */
static const char *tracei_total_hint(const trace_exporter_stats *ledger) {
    static const char *const hints[TRACE_FAILURE_COUNT] = {
        "raise OTEL_BSP_MAX_QUEUE_SIZE (max_queue_spans), max_queue_bytes, or see why the server takes so little",
        "limit what spans carry (OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT), or raise max_request_bytes",
        "see the lines about its answers",
        "see why nothing listened there for so long, or raise timeout_ms",
        "see why the server answers late, or raise timeout_ms",
        "see why the server took so little, or raise exit_timeout_ms (exit), the time of trace_shutdown"};
    size_t most = 0, i;
    if (!ledger->sent) return "not one was sent: check the endpoint, and that something listens there";
    for (i = 1; i < TRACE_FAILURE_COUNT; i++)
        if (ledger->failed[i] > ledger->failed[most]) most = i;
    return hints[most];
}

/* All losses, as the ledger has them. */
static void tracei_report_losses(const char *owner, const trace_exporter_stats *ledger, const char *hint) {
    static const char *const reasons[TRACE_FAILURE_COUNT] = {"queue_full", "too_large", "rejected",
                                                             "unreachable", "timeout", "shutdown"};
    char list[200];
    tracei_text text;
    uint64_t sum = 0;
    size_t i;
    memset(&text, 0, sizeof text);
    text.data = list;
    text.capacity = sizeof list - 1;
    for (i = 0; i < TRACE_FAILURE_COUNT; i++) {
        if (!ledger->failed[i]) continue;
        tracei_text_cstr(&text, sum ? ", " : "");
        tracei_text_cstr(&text, reasons[i]);
        tracei_text_char(&text, ' ');
        tracei_text_u64(&text, ledger->failed[i]);
        sum += ledger->failed[i];
    }
    tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: of %llu spans %llu were lost (%.*s): %s", owner,
               (unsigned long long)ledger->received, (unsigned long long)sum, (int)text.size, list, hint);
}

/* At the end, if there were losses that no line has told. */
static void tracei_report_total(tracei_sender *sender) {
    trace_exporter_stats ledger;
    uint64_t unsaid;
    size_t i;
    tracei_lock(&sender->lock);
    ledger = sender->ledger;
    unsaid = sender->unsaid;
    sender->unsaid = 0;
    for (i = 0; i < TRACEI_HTTP_REPORTS; i++) sender->reports[i].silent = 0;
    tracei_unlock(&sender->lock);
    if (unsaid) tracei_report_losses(sender->options.owner, &ledger, tracei_total_hint(&ledger));
}

/* >>retry ---------------------------------------------------------------------------------------------------------

   The driver's work as steps that never wait between attempts: a step takes a batch if one is due, makes one attempt, settles
   what is final, and tells when to be called again. The thread and the pump wait between steps; a test needs neither and
   drives hundreds of senders with a clock of its own. Failures in a row are counted across batches, so a dead server sees one
   client at one pace, and every pause is random from 0 to its limit ("full jitter"), so that clients that failed together do
   not come back together. */

static uint32_t tracei_run_random(tracei_run *run) {
    const tracei_http_seam *const seam = &run->sender->seam;
    if (seam->random_fn) return seam->random_fn(seam->user);
    if (!run->random_state) {
        (void)tracei_random_bytes(&run->random_state, sizeof run->random_state);
        run->random_state ^= (uint32_t)tracei_mono_ns() ^ (uint32_t)(uintptr_t)run;
        if (!run->random_state) run->random_state = 1;
    }
    run->random_state ^= run->random_state << 13;
    run->random_state ^= run->random_state >> 17;
    run->random_state ^= run->random_state << 5;
    return run->random_state;
}

static uint64_t tracei_http_jitter(tracei_run *run, uint64_t limit_ns) {
    return limit_ns / 65536 * (tracei_run_random(run) >> 16);
}

/* After the n-th failure in a row: 0 to 2, 4, 5 s. After Retry-After: that, and up to as much again, but at most 5 s. Before an
   end that is `left_ns` away one to two thirds of the rest of it, so that an attempt follows; in the last 100 ms none. */
static uint64_t tracei_retry_delay(tracei_run *run, uint32_t failures, uint64_t retry_after_ns, uint64_t left_ns) {
    uint64_t limit = failures > 3 ? TRACEI_HTTP_BACKOFF_MAX : TRACEI_HTTP_BACKOFF << (failures - 1);
    uint64_t spare;
    if (limit > TRACEI_HTTP_BACKOFF_MAX) limit = TRACEI_HTTP_BACKOFF_MAX;
    if (retry_after_ns > TRACEI_HTTP_RETRY_AFTER_MAX) retry_after_ns = TRACEI_HTTP_RETRY_AFTER_MAX;
    if (retry_after_ns > limit) limit = tracei_http_earlier(retry_after_ns, TRACEI_HTTP_BACKOFF_MAX);
    spare = left_ns > retry_after_ns ? left_ns - retry_after_ns : 0;
    if (spare / 3 * 2 >= limit) return retry_after_ns + tracei_http_jitter(run, limit);
    if (!retry_after_ns && spare < TRACEI_HTTP_LAST) return left_ns;
    return retry_after_ns + spare / 3 + tracei_http_jitter(run, spare / 3);
}

static bool tracei_http_stopping(tracei_sender *sender) {
    bool stop;
    tracei_lock(&sender->lock);
    stop = sender->stop;
    tracei_unlock(&sender->lock);
    return stop;
}

/* Whether a shutdown or exit is under way, and when it will be over; UINT64_MAX: none is, or it may take any time. */
static bool tracei_http_ending(tracei_sender *sender, uint64_t *end_ns) {
    bool ending;
    tracei_lock(&sender->lock);
    ending = sender->ending;
    *end_ns = ending ? sender->end_ns : UINT64_MAX;
    tracei_unlock(&sender->lock);
    return ending;
}

/* Takes `count` spans off the queue for good: `rejected` of them failed for `why`, the others were sent. What failed was reported
   before, so that whoever reads the loss in the stats reads its reason there too. */
static void tracei_http_settle(tracei_run *run, size_t count, size_t rejected, trace_failure why, uint64_t now) {
    tracei_sender *const sender = run->sender;
    size_t at = run->tail, bytes = 0, i;
    if (TRACEI_LOAD_ACQUIRE(&run->abandoned)) return;
    if (rejected > count) rejected = count;
    for (i = 0; i < count; i++) {
        const size_t size = tracei_record_size(run->items[run->at + i].size);
        at = tracei_queue_skip_pad(run, at, &bytes) + size;
        bytes += size;
        if (at == run->capacity) at = 0;
    }
    tracei_lock(&sender->lock);
    if (sender->run == run) {
        run->tail = at;
        run->used -= bytes;
        sender->settled += count;
        sender->ledger.sent += count - rejected;
        sender->ledger.failed[why] += rejected;
        if (rejected) sender->ledger.last_failure_unix_ns = tracei_unix_ns();
        if (count > rejected) {
            sender->ledger.last_success_unix_ns = tracei_unix_ns();
            sender->cause[0] = '\0';
        }
    }
    tracei_unlock(&sender->lock);
    run->at += count;
    if (run->at == run->count) run->count = run->at = 0;
    run->deadline_ns =
        tracei_http_after(now > run->not_before_ns ? now : run->not_before_ns, (uint64_t)sender->options.timeout_ms * TRACEI_MS);
    run->authorized_again = false;
    (void)TRACEI_ADD(&sender->settled_signal, 1u);
    tracei_wake(&sender->settled_signal);
}

/* Everything that is left fails: the end came, or nothing will come of waiting for it. Under the lock; answers how many, and puts
   it into words. */
static uint64_t tracei_http_fail_queue(tracei_sender *sender, char words[TRACEI_HTTP_WORDS]) {
    const uint64_t left = sender->accepted - sender->settled;
    tracei_text text;
    memset(&text, 0, sizeof text);
    text.data = words;
    text.capacity = TRACEI_HTTP_WORDS - 1;
    tracei_text_cstr(&text, "shut down before everything was sent");
    if (sender->cause[0]) {
        tracei_text_cstr(&text, " (");
        tracei_text_cstr(&text, sender->cause);
        tracei_text_char(&text, ')');
    }
    words[text.size] = '\0';
    sender->settled = sender->accepted;
    sender->ledger.failed[TRACE_FAILURE_SHUTDOWN] += left;
    if (left) {
        sender->ledger.last_failure_unix_ns = tracei_unix_ns();
        tracei_stats_say(&sender->ledger, words);
    }
    if (sender->run) {
        sender->run->tail = sender->run->head;
        sender->run->used = 0;
    }
    return left;
}

static void tracei_http_give_up(tracei_run *run) {
    tracei_sender *const sender = run->sender;
    char words[TRACEI_HTTP_WORDS];
    uint64_t lost = 0;
    tracei_lock(&sender->lock);
    if (sender->run == run) lost = tracei_http_fail_queue(sender, words);
    tracei_unlock(&sender->lock);
    run->count = run->at = 0;
    (void)TRACEI_ADD(&sender->settled_signal, 1u);
    tracei_wake(&sender->settled_signal);
    if (lost) tracei_report_problem(sender, TRACEI_REPORT_SHUTDOWN, words, lost);
}

/* Takes a batch if one is due; else answers when to look again. */
static uint64_t tracei_http_take(tracei_run *run, uint64_t now) {
    tracei_sender *const sender = run->sender;
    const tracei_http_options *const options = &sender->options;
    uint64_t due = now, waiting;
    bool wanted;
    tracei_lock(&sender->lock);
    waiting = sender->accepted - sender->settled;
    wanted = sender->ending || sender->settled < sender->flush_to || waiting >= options->max_batch_spans ||
             run->used >= options->max_batch_bytes;
    if (!waiting) due = UINT64_MAX;
    else if (!wanted)
        due = options->schedule_delay_ms == UINT32_MAX
                  ? UINT64_MAX
                  : tracei_http_after(run->oldest_ns, (uint64_t)options->schedule_delay_ms * TRACEI_MS);
    if (waiting && due < run->not_before_ns) due = run->not_before_ns;
    if (due <= now) run->oldest_ns = now;
    tracei_unlock(&sender->lock);
    if (due > now) return due;
    tracei_queue_items(run, waiting < options->max_batch_spans ? (size_t)waiting : options->max_batch_spans,
                       options->max_batch_bytes);
    run->deadline_ns = tracei_http_after(now, (uint64_t)options->timeout_ms * TRACEI_MS);
    run->authorized_again = false;
    return now;
}

static void tracei_http_add_header(trace_header *headers, size_t *count, const char *name, const char *value) {
    headers[*count].name = tracei_http_string_of(name);
    headers[*count].value = tracei_http_string_of(value);
    (*count)++;
}

/* The transport that is to be used, behind one face. The answer is in run->answer, or wherever a user's transport keeps it. */
static trace_http_outcome tracei_transport_send(tracei_run *run, const tracei_url *url, const char *url_text,
                                                const trace_header *headers, size_t header_count, const void *body, size_t size,
                                                trace_http_response *response) {
    tracei_sender *const sender = run->sender;
    tracei_exchange exchange;
    memset(&exchange, 0, sizeof exchange);
    exchange.run = run;
    exchange.url = url;
    exchange.response = response;
    exchange.request.url = url_text;
    exchange.request.headers = headers;
    exchange.request.header_count = header_count;
    exchange.request.body = body;
    exchange.request.body_size = size;
    exchange.request.deadline_ns = tracei_run_deadline(run);
    tracei_answer_start(&exchange);
    if (sender->transport.send_fn) {
        const trace_http_outcome outcome = sender->transport.send_fn(sender->transport.user, &exchange.request, response);
        if (!response->content_type) response->content_type = "";
        if (!response->grpc_message) response->grpc_message = "";
        if (!response->body) response->body_size = 0;
        if (!response->body) response->body = "";
        if (outcome == TRACE_HTTP_OUTCOME_ANSWERED && (response->status < 200 || response->status > 599))
            return tracei_http_broken(&exchange, "the transport gave no valid status");
        return outcome;
    }
    if (sender->options.exchange_fn) return sender->options.exchange_fn(&exchange);
#if TRACEI_HTTP_CURL
    if (sender->by_curl || url->https) return tracei_curl_send(&exchange);
#endif
#if TRACEI_HTTP_SOCKETS
    return tracei_client_send(&exchange);
#else
    return tracei_http_broken(&exchange, "this build has no sockets");
#endif
}

static void tracei_transport_close(tracei_run *run) {
#if TRACEI_HTTP_CURL
    tracei_curl_close(run);
#endif
#if TRACEI_HTTP_SOCKETS
    tracei_wire_close(&run->wire);
#else
    (void)run;
#endif
}

/* When an unused connection should be closed; UINT64_MAX: there is none. */
static uint64_t tracei_transport_idle_until(const tracei_run *run) {
    uint64_t until = UINT64_MAX;
#if TRACEI_HTTP_CURL
    if (run->multi) until = run->curl_used_ns + TRACEI_HTTP_IDLE;
#endif
#if TRACEI_HTTP_SOCKETS
    if (run->wire.socket != TRACEI_NO_SOCKET) until = tracei_http_earlier(until, run->wire.last_used_ns + TRACEI_HTTP_IDLE);
#else
    (void)run;
#endif
    return until;
}

static size_t tracei_export_headers(tracei_sender *sender, bool packed, trace_header *headers) {
    size_t count = 0, i, k;
    bool has_agent = false;
    for (i = 0; i < sender->header_count; i++)
        has_agent |= tracei_http_same_word(sender->headers[i].name.data, sender->headers[i].name.size, "user-agent");
    if (!has_agent && sender->options.user_agent)
        tracei_http_add_header(headers, &count, "User-Agent", sender->options.user_agent);
    if (sender->options.content_type) tracei_http_add_header(headers, &count, "Content-Type", sender->options.content_type);
    if (packed) tracei_http_add_header(headers, &count, "Content-Encoding", "gzip");
    tracei_http_add_header(headers, &count, "b3", "0"); /* proxies on the way must not trace the exporter */
    if (sender->options.sigv4_token) tracei_http_add_header(headers, &count, "X-Amz-Security-Token", sender->options.sigv4_token);
    for (i = 0; i < sender->header_count; i++) {
        bool replaced = false;
        for (k = 0; k < TRACEI_HTTP_TOKENS_MAX; k++)
            replaced |= sender->tokens[k] &&
                        tracei_http_same_word(sender->headers[i].name.data, sender->headers[i].name.size, sender->tokens[k]);
        if (!replaced) headers[count++] = sender->headers[i];
    }
    for (k = 0; k < TRACEI_HTTP_TOKENS_MAX; k++)
        if (sender->tokens[k])
            tracei_http_add_header(headers, &count, sender->tokens[k], sender->tokens[k] + strlen(sender->tokens[k]) + 1);
    return count;
}

static void tracei_preset_verdict(const tracei_sender *sender, const trace_http_response *response, tracei_verdict *verdict) {
    memset(verdict, 0, sizeof *verdict);
    verdict->retry_after_ns = response->retry_after_ns;
    switch (response->status) {
    case 429:
    case 502:
    case 503:
    case 504: verdict->answer = TRACEI_ANSWER_RETRY; break;
    case 413: verdict->answer = TRACEI_ANSWER_TOO_LARGE; break;
    case 401: verdict->answer = sender->options.authorize_fn ? TRACEI_ANSWER_AUTHORIZE : TRACEI_ANSWER_REJECTED; break;
    default:
        verdict->answer = response->status < 300 ? TRACEI_ANSWER_OK : TRACEI_ANSWER_REJECTED;
        if (verdict->answer == TRACEI_ANSWER_OK && sender->options.http2 && response->grpc_status != 0)
            verdict->answer = TRACEI_ANSWER_REJECTED;
        break;
    }
}

static void tracei_on_ok(tracei_run *run, size_t range, const tracei_verdict *verdict, uint64_t now) {
    tracei_sender *const sender = run->sender;
    run->failures = 0;
    run->not_before_ns = 0;
    run->told_ns = 0;
    if (run->span_limit < sender->options.max_batch_spans && ++run->span_limit_streak >= 8) {
        run->span_limit *= 2;
        run->span_limit_streak = 0;
    }
    tracei_report_words(sender, verdict->rejected ? TRACEI_REPORT_PARTIAL : TRACEI_REPORT_MESSAGE, verdict->rejected,
                        verdict->message);
    tracei_http_settle(run, range, verdict->rejected, TRACE_FAILURE_REJECTED, now);
}

/* Smaller next time; a single span is lost alone. */
static void tracei_on_too_large(tracei_run *run, size_t range, uint32_t status, const char *problem, uint64_t now) {
    run->failures = 0;
    run->span_limit_streak = 0;
    if (range > 1) {
        run->span_limit = range / 2;
        return;
    }
    if (status) tracei_report_status(run->sender, status, 1);
    else tracei_report_problem(run->sender, TRACEI_REPORT_TOO_LARGE, problem, 1);
    tracei_http_settle(run, 1, 1, TRACE_FAILURE_TOO_LARGE, now);
}

static void tracei_report_lost(tracei_run *run, trace_failure why, uint32_t status, const char *problem, size_t range) {
    if (status && why == TRACE_FAILURE_REJECTED)
        tracei_report_status(run->sender, status, range);
    else
        tracei_report_problem(run->sender, why == TRACE_FAILURE_TIMEOUT ? TRACEI_REPORT_TIMEOUT : TRACEI_REPORT_UNREACHABLE,
                              problem, range);
}

/* Once an outage, and once a minute: a server that nobody can reach would else be heard of when the first spans are lost. */
static void tracei_report_again(tracei_run *run, uint32_t status, const char *problem, uint64_t now) {
    tracei_sender *const sender = run->sender;
    uint64_t none = 0;
    const bool begins = !run->reached && !run->outage;
    run->outage = !run->reached;
    if (begins && tracei_report_due(sender, TRACEI_REPORT_OUTAGE, &none))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: %s: %s; trying again for %u ms (timeout_ms)", sender->options.owner,
                   sender->shown, problem ? problem : "no connection", (unsigned)sender->options.timeout_ms);
    else
        tracei_log(TRACE_LOG_LEVEL_INFO, "%s: %s: %s (status %u); trying again in %u ms", sender->options.owner, sender->shown,
                   problem ? problem : "not accepted now", (unsigned)status, (unsigned)((run->not_before_ns - now) / TRACEI_MS));
}

/* An attempt failed in a way that another may not: later, unless there is no later. Where somebody may be waiting for the end,
   what cannot be reached is not waited for, and when one batch is lost the others would fare the same. */
static void tracei_on_retry(tracei_run *run, size_t range, trace_failure why, uint32_t status, const char *problem,
                            uint64_t retry_after_ns, uint64_t now) {
    tracei_sender *const sender = run->sender;
    uint64_t end;
    const bool ending = tracei_http_ending(sender, &end);
    if (run->failures < 1000) run->failures++;
    run->told_ns = retry_after_ns ? tracei_http_after(now, retry_after_ns) : 0;
    run->not_before_ns =
        tracei_http_after(now, tracei_retry_delay(run, run->failures, retry_after_ns, end > now ? end - now : 0));
    tracei_report_keep(sender, problem ? problem : "the request failed", status, true);
    if ((run->reached || !ending) && run->not_before_ns < run->deadline_ns && run->not_before_ns < end) {
        tracei_report_again(run, status, problem, now);
        return;
    }
    tracei_report_lost(run, why, status, problem, range);
    tracei_http_settle(run, range, range, why, now);
    if (ending) tracei_http_give_up(run);
}

static void tracei_on_final(tracei_run *run, size_t range, uint32_t status, const char *problem, uint64_t now) {
    run->failures = 0;
    run->not_before_ns = 0;
    if (status) tracei_report_status(run->sender, status, range);
    else tracei_report_problem(run->sender, TRACEI_REPORT_REFUSED, problem, range);
    tracei_http_settle(run, range, range, TRACE_FAILURE_REJECTED, now);
}

/* The deadline that came was the export's, a shutdown's or the pump's. */
static void tracei_on_late(tracei_run *run, size_t range, const char *problem, uint64_t now) {
    char words[TRACEI_HTTP_WORDS];
    tracei_text text;
    uint64_t end;
    (void)tracei_http_ending(run->sender, &end);
    if (TRACEI_LOAD_ACQUIRE(&run->abandoned)) return;
    memset(&text, 0, sizeof text);
    text.data = words;
    text.capacity = sizeof words - 1;
    tracei_text_cstr(&text, problem ? problem : "no answer in time");
    tracei_text_cstr(&text, ", ");
    tracei_text_u64(&text, (now - run->attempt_ns) / TRACEI_MS);
    tracei_text_cstr(&text, " ms");
    words[text.size] = '\0';
    if (now >= end || (now >= run->limit_ns && now < run->deadline_ns)) tracei_report_keep(run->sender, words, 0, true);
    if (now >= end) {
        tracei_http_give_up(run);
    } else if (now >= run->limit_ns && now < run->deadline_ns) {
        run->count = run->at = 0; /* stays queued for the next pump */
    } else {
        tracei_on_retry(run, range, TRACE_FAILURE_TIMEOUT, 0, words, 0, now);
    }
}

static void tracei_on_answer(tracei_run *run, size_t range, const trace_http_response *response, uint64_t now) {
    tracei_sender *const sender = run->sender;
    tracei_verdict verdict;
    tracei_preset_verdict(sender, response, &verdict);
    if (sender->options.response_fn) sender->options.response_fn(sender->options.user, response, range, &verdict);
    if (verdict.answer != TRACEI_ANSWER_OK) tracei_report_words(sender, TRACEI_REPORT_MESSAGE, 0, verdict.message);
    switch (verdict.answer) {
    case TRACEI_ANSWER_OK: tracei_on_ok(run, range, &verdict, now); break;
    case TRACEI_ANSWER_TOO_LARGE: tracei_on_too_large(run, range, response->status, NULL, now); break;
    case TRACEI_ANSWER_RETRY:
        tracei_on_retry(run, range, TRACE_FAILURE_REJECTED, response->status, NULL, verdict.retry_after_ns, now);
        break;
    case TRACEI_ANSWER_AUTHORIZE:
        sender->authorized = false;
        if (!run->authorized_again) {
            run->authorized_again = true;
            break;
        }
        tracei_on_final(run, range, response->status, NULL, now);
        break;
    case TRACEI_ANSWER_REJECTED:
    default: tracei_on_final(run, range, response->status, NULL, now); break;
    }
}

/* Assembles and packs a request for `range` spans. NULL: ready; else why it cannot be. */
static const char *tracei_http_assemble(tracei_run *run, size_t range, bool *packed) {
    tracei_sender *const sender = run->sender;
    run->body.size = run->packed.size = 0;
    run->body.full = run->packed.full = false;
    run->body.limit = sender->options.max_request_bytes;
    run->packed.limit = (size_t)sender->options.max_request_bytes + 65536;
    *packed = false;
    if (!sender->options.assemble_fn(sender->options.user, run->items + run->at, range, &run->body) || run->body.full ||
        !run->body.size)
        return "a span is too large for max_request_bytes, or there is no memory for its request";
    if (sender->gzip) *packed = tracei_gzip(&run->packed, run->body.data, run->body.size);
    return NULL;
}

/* A token that is there is replaced before it expires, in half the time there is: without a new one it still holds. False: there
   is none, and the batch's fate is settled. */
static bool tracei_http_authorize(tracei_run *run, size_t range) {
    tracei_sender *const sender = run->sender;
    const uint64_t deadline = tracei_run_deadline(run);
    uint64_t now = tracei_run_now(run);
    tracei_answer answer;
    if (sender->authorized && now < sender->renew_ns) return true;
    if (now >= deadline) {
        tracei_on_late(run, range, "no access token in time", now);
        return false;
    }
    sender->renew_ns = UINT64_MAX;
    answer = sender->options.authorize_fn(sender->options.user, sender,
                                          sender->authorized ? now + (deadline - now) / 2 : deadline);
    now = tracei_run_now(run);
    if (answer == TRACEI_ANSWER_OK) {
        sender->authorized = true;
    } else if (sender->authorized) {
        sender->renew_ns = tracei_http_after(now, TRACEI_HTTP_RENEW_AGAIN);
    } else if (now >= deadline) {
        tracei_on_late(run, range, "no access token in time", now);
    } else if (answer == TRACEI_ANSWER_RETRY) {
        tracei_on_retry(run, range, TRACE_FAILURE_REJECTED, 0, "no access token was given", 0, now);
    } else {
        tracei_on_final(run, range, 0, "no access token was given", now);
    }
    return sender->authorized;
}

static void tracei_http_attempt(tracei_run *run) {
    tracei_sender *const sender = run->sender;
    trace_header headers[TRACEI_HTTP_HEADERS_MAX + TRACEI_HTTP_TOKENS_MAX + 8];
    trace_http_response response;
    size_t range = run->count - run->at;
    bool packed;
    const char *problem;
    trace_http_outcome outcome;
    uint64_t now;
    if (range > run->span_limit) range = run->span_limit;
    run->attempt_ns = tracei_run_now(run);
    run->reached = false;
    problem = tracei_http_assemble(run, range, &packed);
    if (problem) {
        tracei_on_too_large(run, range, 0, problem, tracei_run_now(run));
        return;
    }
    if (sender->options.authorize_fn && !tracei_http_authorize(run, range)) return;
    outcome =
        tracei_transport_send(run, &sender->url, sender->url_text, headers, tracei_export_headers(sender, packed, headers),
                              packed ? run->packed.data : run->body.data, packed ? run->packed.size : run->body.size, &response);
    if (TRACEI_LOAD_ACQUIRE(&run->abandoned)) return;
    now = tracei_run_now(run);
    if (outcome == TRACE_HTTP_OUTCOME_ANSWERED) run->reached = true;
    if (run->reached) run->outage = false;
    switch (outcome) {
    case TRACE_HTTP_OUTCOME_ANSWERED: tracei_on_answer(run, range, &response, now); break;
    case TRACE_HTTP_OUTCOME_TIMEOUT: tracei_on_late(run, range, response.problem, now); break;
    case TRACE_HTTP_OUTCOME_UNREACHABLE:
        tracei_on_retry(run, range, TRACE_FAILURE_UNREACHABLE, 0, response.problem, 0, now);
        break;
    case TRACE_HTTP_OUTCOME_OVERSIZE:
    case TRACE_HTTP_OUTCOME_REFUSED:
    default: tracei_on_final(run, range, 0, response.problem, now); break;
    }
}

/* Once an end: no batch shall be lost untried because of a pause that another one's failure began. One that the server asked for
   is kept if there will be time for an attempt after it. */
static void tracei_run_hasten(tracei_run *run, uint64_t end, uint64_t now) {
    if (run->hastened) return;
    run->hastened = true;
    if (run->not_before_ns <= now) return;
    if (run->told_ns <= now || run->told_ns >= end) run->not_before_ns = now;
    else if (run->not_before_ns > run->told_ns + (end - run->told_ns) / 2)
        run->not_before_ns = run->told_ns + tracei_http_jitter(run, (end - run->told_ns) / 2);
}

/* One step; answers when to be called again (not after `now`: at once; UINT64_MAX: when something is queued). */
static uint64_t tracei_run_step(tracei_run *run, uint64_t now) {
    uint64_t end;
    if (tracei_http_ending(run->sender, &end)) {
        tracei_run_hasten(run, end, now);
        if (now >= end) tracei_http_give_up(run);
    }
    if (!run->count) {
        const uint64_t due = tracei_http_take(run, now);
        if (!run->count) return due;
    }
    if (now < run->not_before_ns) return run->not_before_ns;
    tracei_http_attempt(run);
    return now;
}

/* >>sender -------------------------------------------------------------------------------------------------------- */

static void tracei_sender_main(void *user) {
    tracei_run *const run = (tracei_run *)user;
    tracei_sender *const sender = run->sender;
    for (;;) {
        const uint32_t signal = TRACEI_LOAD_ACQUIRE(&sender->signal);
        const bool stop = tracei_http_stopping(sender);
        const uint64_t now = tracei_run_now(run);
        uint64_t next, idle;
        if (TRACEI_LOAD_ACQUIRE(&run->abandoned)) break;
        next = tracei_run_step(run, now);
        if (stop && next == UINT64_MAX) break;
        if (next <= now) continue;
        idle = tracei_transport_idle_until(run);
        if (now >= idle) {
            tracei_transport_close(run);
            idle = UINT64_MAX;
        }
        (void)tracei_wait(&sender->signal, signal, tracei_http_earlier(next, idle));
    }
#if TRACEI_HTTP_SOCKETS
    if (TRACEI_LOAD_ACQUIRE(&run->abandoned) && run->lookup && run->lookup->busy) tracei_thread_leave(&run->lookup->thread);
#endif
    tracei_transport_close(run);
}

static void tracei_http_signal(tracei_sender *sender) {
    (void)TRACEI_ADD(&sender->signal, 1u);
    tracei_wake(&sender->signal);
}

/* What a run needs only between its first span and shutdown. */
static bool tracei_run_furnish(tracei_run *run) {
    if (!run->ring) run->ring = (uint8_t *)tracei_alloc(run->capacity);
    if (!run->items) run->items = (tracei_item *)tracei_alloc(run->sender->options.max_batch_spans * sizeof *run->items);
    return run->ring && run->items;
}

/* By its driver, or when there is none any more; the queue is empty. */
static void tracei_run_clear(tracei_run *run) {
    tracei_body *const bodies[] = {&run->body, &run->packed, &run->head_text};
    size_t i;
    tracei_free(run->ring, run->capacity);
    tracei_free(run->items, run->sender->options.max_batch_spans * sizeof *run->items);
    run->ring = NULL;
    run->items = NULL;
    run->head = run->tail = run->used = 0;
    for (i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        tracei_free(bodies[i]->data, bodies[i]->capacity);
        memset(bodies[i], 0, sizeof *bodies[i]);
    }
}

static tracei_run *tracei_run_new(tracei_sender *sender) {
    tracei_run *const run = (tracei_run *)tracei_alloc(sizeof *run);
    const tracei_http_options *const options = &sender->options;
    if (!run) return NULL;
    run->sender = sender;
    run->capacity = options->max_queue_bytes / 8 * 8;
    run->span_limit = options->max_batch_spans;
    run->limit_ns = run->deadline_ns = UINT64_MAX;
#if TRACEI_HTTP_SOCKETS
    run->wire.socket = TRACEI_NO_SOCKET;
#endif
#if TRACEI_HTTP_CURL
    {
        size_t i;
        for (i = 0; i < TRACEI_HTTP_ADDRESSES; i++) run->curl_sockets[i] = TRACEI_NO_SOCKET;
    }
#endif
    if (tracei_run_furnish(run)) return run;
    tracei_run_clear(run);
    tracei_free(run, sizeof *run);
    return NULL;
}

static void tracei_sender_abandon(tracei_sender *sender, tracei_run *run);

/* By the pass: a run that can take spans. After a shutdown it begins anew. */
static tracei_run *tracei_sender_run(tracei_sender *sender) {
    tracei_run *run = sender->run;
    if (run && sender->stop && run->threaded &&
        !tracei_thread_join(&run->thread, 0)) { /* shut down from inside, and still at it */
        tracei_sender_abandon(sender, run);
        run = NULL;
    }
    if (!run) {
        run = tracei_run_new(sender);
        tracei_lock(&sender->lock);
        sender->run = run;
        tracei_unlock(&sender->lock);
    }
    if (run && !tracei_run_furnish(run)) return NULL;
    if (run && sender->stop) {
        tracei_lock(&sender->lock);
        sender->stop = sender->ending = false;
        run->threaded = false;
        tracei_unlock(&sender->lock);
        run->limit_ns = UINT64_MAX;
        run->hastened = false;
    }
    return run;
}

static bool tracei_sender_start(tracei_sender *sender, tracei_run *run) {
    uint64_t none = 0;
    if (run->threaded) return true;
    if (sender->options.disable_thread || !TRACEI_LOAD(&tracei_use_worker) || run->pumping)
        return false; /* none any more at exit */
    run->limit_ns = UINT64_MAX;
    run->threaded = true;
    if (tracei_thread_start(&run->thread, tracei_sender_main, run, sender->thread_name)) return true;
    run->threaded = false;
    if (tracei_report_due(sender, TRACEI_REPORT_THREAD, &none))
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: no thread could be started; spans are sent by flush and shutdown only",
                   sender->options.owner);
    return false;
}

static void tracei_sender_refuse(tracei_sender *sender, trace_failure why) {
    if (why == TRACE_FAILURE_QUEUE_FULL)
        tracei_report_problem(sender, TRACEI_REPORT_QUEUE_FULL, "the queue is full (max_queue_spans, max_queue_bytes)", 1);
    else if (why == TRACE_FAILURE_TOO_LARGE)
        tracei_report_problem(sender, TRACEI_REPORT_TOO_LARGE, "a span is larger than the queue or max_request_bytes", 1);
    else
        tracei_report_keep(sender, "shut down", 0, false);
    tracei_lock(&sender->lock);
    sender->ledger.received++;
    sender->ledger.failed[why]++;
    sender->ledger.last_failure_unix_ns = tracei_unix_ns();
    tracei_unlock(&sender->lock);
}

/* Room for a span of at most `size` bytes, aligned to 8. NULL: none; the span is counted as received and failed already. */
static TRACEI_UNUSED uint8_t *tracei_sender_reserve(void *user, size_t size) {
    tracei_sender *const sender = (tracei_sender *)user;
    tracei_run *const run = tracei_sender_run(sender);
    bool fits = false;
#if TRACEI_HTTP_CURL
    if (sender->by_curl && TRACEI_LOAD(&tracei_curl_state) == 3) {
        tracei_sender_refuse(sender, TRACE_FAILURE_SHUTDOWN);
        return NULL;
    }
#endif
    if (run && (size > sender->options.max_request_bytes || size > run->capacity - 8)) {
        tracei_sender_refuse(sender, TRACE_FAILURE_TOO_LARGE);
        return NULL;
    }
    tracei_lock(&sender->lock);
    if (run) fits = sender->accepted - sender->settled < sender->options.max_queue_spans && tracei_queue_reserve(run, size);
    tracei_unlock(&sender->lock);
    if (!fits) {
        tracei_sender_refuse(sender, TRACE_FAILURE_QUEUE_FULL);
        return NULL;
    }
    run->reserved_size = size;
    return run->ring + run->reserved_at + 8;
}

static TRACEI_UNUSED void tracei_sender_commit(void *user, size_t size, uint32_t scope) {
    tracei_sender *const sender = (tracei_sender *)user;
    tracei_run *const run = sender->run;
    const uint64_t now = tracei_sender_now(sender);
    uint64_t waiting;
    size_t used_before, used;
    if (!run || size > run->reserved_size) return; /* not reserved: nothing was promised */
    tracei_lock(&sender->lock);
    waiting = sender->accepted - sender->settled;
    used_before = run->used;
    if (!waiting) run->oldest_ns = now;
    tracei_queue_commit(run, size, scope);
    sender->ledger.received++;
    sender->accepted++;
    used = run->used;
    tracei_unlock(&sender->lock);
    run->reserved_size = 0;
    if (!tracei_sender_start(sender, run)) return;
    if (!waiting || waiting + 1 == sender->options.max_batch_spans ||
        (used_before < sender->options.max_batch_bytes && used >= sender->options.max_batch_bytes))
        tracei_http_signal(sender);
}

/* A span that could not be encoded; after a reserve it takes the place of the commit. */
static TRACEI_UNUSED void tracei_sender_drop(void *user, trace_failure why) {
    tracei_sender *const sender = (tracei_sender *)user;
    if (sender->run) sender->run->reserved_size = 0;
    tracei_sender_refuse(sender, why);
}

static TRACEI_UNUSED bool tracei_sender_add(void *user, const void *bytes, size_t size, uint32_t scope) {
    uint8_t *const room = tracei_sender_reserve(user, size);
    if (!room) return false;
    memcpy(room, bytes, size);
    tracei_sender_commit(user, size, scope);
    return true;
}

static TRACEI_UNUSED void *tracei_sender_user(void *user) {
    return ((tracei_sender *)user)->options.user;
}

/* Any thread. */
static TRACEI_UNUSED void tracei_sender_stats(void *user, trace_exporter_stats *stats) {
    tracei_sender *const sender = (tracei_sender *)user;
    tracei_lock(&sender->lock);
    *stats = sender->ledger;
    stats->queued = sender->accepted - sender->settled;
    tracei_unlock(&sender->lock);
}

static uint64_t tracei_http_failed_sum(const trace_exporter_stats *ledger) {
    uint64_t sum = 0;
    size_t i;
    for (i = 0; i < TRACE_FAILURE_COUNT; i++) sum += ledger->failed[i];
    return sum;
}

static bool tracei_sender_settled(tracei_sender *sender, uint64_t target) {
    bool settled;
    tracei_lock(&sender->lock);
    settled = sender->settled >= target;
    tracei_unlock(&sender->lock);
    return settled;
}

/* Drives in the caller until `target` spans are settled or the deadline comes. A request that is on its way then may take the
   share of the flush that is this sender's. */
static void tracei_sender_pump(tracei_sender *sender, tracei_run *run, uint64_t target, uint64_t deadline_ns) {
    const uint64_t share = tracei_http_after(tracei_run_now(run), (uint64_t)TRACEI_LOAD(&tracei_flush_share_ms) * TRACEI_MS);
    run->pumping = true;
    run->limit_ns = share > deadline_ns ? share : deadline_ns;
    while (!tracei_sender_settled(sender, target)) {
        const uint64_t now = tracei_run_now(run);
        uint64_t next;
        if (now >= deadline_ns) break;
        next = tracei_run_step(run, now);
        if (next <= now) continue;
        tracei_sleep_until(tracei_http_earlier(next, deadline_ns));
        if (next >= deadline_ns) break;
    }
    run->pumping = false;
}

static bool tracei_http_is_driver(const tracei_run *run) {
    return run && (run->pumping || (run->threaded && tracei_thread_is_self(&run->thread)));
}

/* Sends everything queued before the call. TIMEOUT: some is left. FAILED: some was lost since the last flush. */
static TRACEI_UNUSED trace_result tracei_sender_flush(void *user, uint64_t deadline_ns) {
    tracei_sender *const sender = (tracei_sender *)user;
    tracei_run *const run = sender->run;
    const uint64_t last_ms = TRACEI_LOAD(&tracei_flush_last_ms);
    trace_result result = TRACE_RESULT_OK;
    uint64_t target, failed;
    if (tracei_http_is_driver(run)) return TRACE_RESULT_BUSY;
    tracei_lock(&sender->lock);
    if (!tracei_flush_number || sender->flush_number != tracei_flush_number) sender->flush_target = sender->accepted;
    sender->flush_number = tracei_flush_number;
    target = sender->flush_target;
    if (sender->flush_to < target) sender->flush_to = target;
    if (last_ms && !sender->ending) {
        sender->ending = true;
        sender->end_ns = last_ms == UINT32_MAX ? UINT64_MAX : tracei_sender_now(sender) + (last_ms - 1) * TRACEI_MS;
    }
    tracei_unlock(&sender->lock);
    if (run && !sender->stop && !tracei_sender_settled(sender, target)) {
        if (tracei_sender_start(sender, run)) tracei_http_signal(sender);
        else tracei_sender_pump(sender, run, target, deadline_ns);
    }
    for (;;) {
        const uint32_t signal = TRACEI_LOAD_ACQUIRE(&sender->settled_signal);
        if (tracei_sender_settled(sender, target)) break;
        if ((run && !run->threaded) || !tracei_wait(&sender->settled_signal, signal, deadline_ns)) {
            if (tracei_sender_settled(sender, target)) break;
            result = TRACE_RESULT_TIMEOUT;
            break;
        }
    }
    tracei_lock(&sender->lock);
    failed = tracei_http_failed_sum(&sender->ledger);
    if (result == TRACE_RESULT_OK && failed != sender->failed_reported) {
        sender->failed_reported = failed;
        result = TRACE_RESULT_FAILED;
    }
    tracei_unlock(&sender->lock);
    return result;
}

/* Leaves a run to its thread, which missed the deadline; the thread ends when it can. */
static void tracei_sender_abandon(tracei_sender *sender, tracei_run *run) {
    char words[TRACEI_HTTP_WORDS];
    uint64_t lost;
    tracei_lock(&sender->lock);
    TRACEI_STORE_RELEASE(&run->abandoned, 1u);
    sender->run = NULL; /* first: its queue is the thread's now */
    lost = tracei_http_fail_queue(sender, words);
    tracei_unlock(&sender->lock);
    tracei_thread_leave(&run->thread);
    tracei_http_signal(sender);
    if (lost) tracei_report_problem(sender, TRACEI_REPORT_SHUTDOWN, words, lost);
}

/* What is queued is sent as long as there is time and somebody to send it to; then the end: thread joined, connection closed, the
   rest counted. */
static void tracei_sender_end(tracei_sender *sender, uint64_t deadline_ns) {
    tracei_run *const run = sender->run;
    tracei_lock(&sender->lock);
    sender->stop = sender->ending = true;
    sender->end_ns = deadline_ns;
    tracei_unlock(&sender->lock);
    if (!run) return;
    tracei_http_signal(sender);
    if (run->threaded) {
        if (tracei_thread_is_self(&run->thread)) return; /* the thread ends by itself, and counts what is left */
        if (!tracei_thread_join(&run->thread, tracei_http_after(deadline_ns, TRACEI_HTTP_GRACE))) {
            tracei_sender_abandon(sender, run);
            return;
        }
    } else if (!run->pumping) {
        tracei_sender_pump(sender, run, sender->accepted, deadline_ns);
    } else {
        return; /* from inside a pump: that pump sees the stop */
    }
    tracei_http_give_up(run);
    tracei_transport_close(run);
    tracei_run_clear(run);
}

static TRACEI_UNUSED void tracei_sender_shutdown(void *user, uint64_t deadline_ns) {
    tracei_sender_end((tracei_sender *)user, deadline_ns);
    tracei_report_total((tracei_sender *)user);
}

#if TRACEI_HTTP_CURL
/* The last moment at which libcurl's TLS works: what is there is delivered and sent, the threads end. Spans that end later are
   counted as failed[SHUTDOWN]. With disable_exit nothing is sent, but the threads end all the same. */
static void tracei_curl_at_exit(void) {
    uint64_t since, deadline;
    tracei_sender *sender;
    if (!tracei_exit_concerns_us()) return;
    if (tracei_exit_watched) tracei_at_exit();
    since = tracei_mono_ns();
    deadline = tracei_exit_watched ? tracei_exit_deadline() : since;
    tracei_lock(&tracei_curl_lock);
    TRACEI_STORE(&tracei_curl_state, 3u);
    sender = tracei_curl_senders;
    tracei_unlock(&tracei_curl_lock);
    if (!tracei_pass_acquire(tracei_http_after(deadline, TRACEI_HTTP_GRACE))) return;
    if (tracei_exit_watched) (void)tracei_flush_last(deadline);
    for (; sender; sender = sender->next) {
        tracei_run *const run = sender->run;
        tracei_sender_shutdown(sender, deadline);
        if (run && sender->run != run) /* abandoned within libcurl, perhaps amid a handshake's arithmetic: it has to come out */
            (void)tracei_thread_join(&run->thread, tracei_http_after(tracei_mono_ns(), TRACEI_SECOND));
    }
    tracei_unlock(&tracei_pass_lock);
    tracei_exit_spent_ms += (tracei_mono_ns() - since) / TRACEI_MS;
}
#endif

/* In a forked child: the parent's queue, thread and connection are not ours. Sockets are closed, which the server does not
   notice as long as the parent has them open; a TLS session is not said good-bye to, that would end the parent's. */
static TRACEI_UNUSED void tracei_sender_fork(void *user) {
    tracei_sender *const sender = (tracei_sender *)user;
    tracei_run *const run = sender->run;
    sender->lock = 0;
#if TRACEI_HTTP_SOCKETS
    if (run) tracei_wire_close(&run->wire);
#endif
#if TRACEI_HTTP_CURL
    if (run) {
        size_t i;
        tracei_curl_lock = 0;
        for (i = 0; i < TRACEI_HTTP_ADDRESSES; i++)
            if (run->curl_sockets[i] != TRACEI_NO_SOCKET) tracei_socket_close(run->curl_sockets[i]);
    }
#endif
    (void)run;
    sender->run = NULL;
    sender->stop = sender->ending = false;
    sender->cause[0] = '\0';
    memset(&sender->ledger, 0, sizeof sender->ledger);
    sender->accepted = sender->settled = sender->flush_to = sender->flush_target = sender->failed_reported = sender->unsaid = 0;
    memset(sender->reports, 0, sizeof sender->reports);
    if (sender->transport.fork_fn) sender->transport.fork_fn(sender->transport.user);
}

/* In authorize_fn only: a blocking POST to authorize_url, in the driver, without the exporter's headers. False: no answer, which
   is logged; so is an answer that is not a success. */
static TRACEI_UNUSED bool tracei_sender_request(tracei_sender *sender, const char *content_type, const void *body, size_t size,
                                                uint64_t deadline_ns, trace_http_response *response) {
    tracei_run *const run = sender->run;
    trace_header headers[3];
    size_t count = 0;
    trace_http_outcome outcome;
    uint64_t none = 0;
    const uint64_t deadline_before = run ? run->deadline_ns : 0;
    memset(response, 0, sizeof *response);
    if (!run) return false;
    if (sender->options.user_agent) tracei_http_add_header(headers, &count, "User-Agent", sender->options.user_agent);
    tracei_http_add_header(headers, &count, "Content-Type", content_type);
    tracei_http_add_header(headers, &count, "b3", "0");
#if TRACEI_HTTP_SOCKETS
    tracei_wire_close(&run->wire); /* it leads elsewhere */
#endif
    run->deadline_ns = tracei_http_earlier(run->deadline_ns, deadline_ns);
    outcome = tracei_transport_send(run, &sender->authorize_url, sender->options.authorize_url, headers, count, body, size,
                                    response);
    run->deadline_ns = deadline_before;
    if (outcome == TRACE_HTTP_OUTCOME_ANSWERED) run->reached = true;
#if TRACEI_HTTP_SOCKETS
    tracei_wire_close(&run->wire);
#endif
    if (outcome == TRACE_HTTP_OUTCOME_ANSWERED && response->status < 300) return true;
    if (!tracei_report_due(sender, TRACEI_REPORT_AUTHORIZE, &none)) return outcome == TRACE_HTTP_OUTCOME_ANSWERED;
    if (outcome == TRACE_HTTP_OUTCOME_ANSWERED)
        tracei_log(TRACE_LOG_LEVEL_WARNING,
                   "%s: the request for an access token was answered with %u: check the key it is made with",
                   sender->options.owner, (unsigned)response->status);
    else
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: the request for an access token failed: %s", sender->options.owner,
                   response->problem ? response->problem : "no answer");
    return outcome == TRACE_HTTP_OUTCOME_ANSWERED;
}

/* In authorize_fn only: replace the token after that long, though it may hold longer. */
static TRACEI_UNUSED void tracei_sender_renew_in(tracei_sender *sender, uint64_t ns) {
    sender->renew_ns = tracei_http_after(tracei_sender_now(sender), ns);
}

/* In authorize_fn only. Replaces or adds; the value is copied, and never logged. */
static TRACEI_UNUSED bool tracei_sender_set_header(tracei_sender *sender, const char *name, const char *value) {
    size_t i;
    if (!tracei_header_valid(tracei_http_string_of(name), tracei_http_string_of(value)) ||
        strlen(name) + strlen(value) + 2 > TRACEI_HTTP_TOKEN_BYTES)
        return false;
    for (i = 0; i < TRACEI_HTTP_TOKENS_MAX; i++) {
        if (sender->tokens[i] && !tracei_http_same_word(name, strlen(name), sender->tokens[i])) continue;
        if (!sender->tokens[i]) sender->tokens[i] = (char *)tracei_alloc(TRACEI_HTTP_TOKEN_BYTES);
        if (!sender->tokens[i]) return false;
        memcpy(sender->tokens[i], name, strlen(name) + 1);
        memcpy(sender->tokens[i] + strlen(name) + 1, value, strlen(value) + 1);
        return true;
    }
    return false;
}

/* Everything open copies goes into one block behind the sender. */
typedef struct tracei_http_copier {
    char *at, *end;
    size_t size;                  /* when only counting: at is NULL */
} tracei_http_copier;

static const char *tracei_http_copy_bytes(tracei_http_copier *copier, const char *bytes, size_t size) {
    char *const to = copier->at;
    copier->size += size + 1;
    if (!to) return bytes;
    if (size) memcpy(to, bytes, size);
    to[size] = '\0';
    copier->at += size + 1;
    return to;
}

static void tracei_http_copy_text(tracei_http_copier *copier, const char **text) {
    if (*text) *text = tracei_http_copy_bytes(copier, *text, strlen(*text));
}

static void tracei_http_copy_options(tracei_http_copier *copier, tracei_http_options *options, tracei_sender *sender) {
    const char **const texts[] = {
        &options->content_type,    &options->user_agent,   &options->ca_file,    &options->client_certificate_file,
        &options->client_key_file, &options->proxy,        &options->no_proxy,   &options->sigv4,
        &options->sigv4_key,       &options->sigv4_secret, &options->sigv4_token, &options->authorize_url};
    size_t i;
    for (i = 0; i < sizeof texts / sizeof texts[0]; i++) tracei_http_copy_text(copier, texts[i]);
    for (i = 0; i < sender->header_count; i++) {
        trace_header *const header = &sender->headers[i];
        header->name.data = tracei_http_copy_bytes(copier, header->name.data, header->name.size);
        header->value.data = tracei_http_copy_bytes(copier, header->value.data, header->value.size);
    }
}

static bool tracei_open_fails(const tracei_http_options *options, const char *problem) {
    tracei_log(TRACE_LOG_LEVEL_ERROR, "%s: %s", options->owner, problem);
    return false;
}

/* User info and query may be secrets, wherever a broken URL has them. */
static void tracei_open_bad_url(const tracei_http_options *options, const char *problem) {
    const char *const given = options->url_given ? options->url_given : options->url ? options->url : "";
    const char *const secret_end = strrchr(given, '@'), *const shown = secret_end ? secret_end : given;
    tracei_log(TRACE_LOG_LEVEL_ERROR, "%s: %s=%s%.*s is not a URL that can be used: %s; nothing will be sent", options->owner,
               options->url_from ? options->url_from : "endpoint", secret_end ? "***" : "",
               (int)tracei_utf8_cut(shown, strcspn(shown, "?#"), 128), shown, problem);
}

/* Whether a header can be sent. Of a wrong name only what is one is shown: a value may have ended up there. Without what looks
   like a credential nothing would be taken; any other header is left out. */
static bool tracei_header_usable(const char *owner, const char *from, const trace_header *header, bool *fine) {
    const size_t token = tracei_header_token(header->name);
    const bool is_name = token && token == header->name.size, needed = tracei_header_is_credential(header->name);
    if (tracei_header_valid(header->name, header->value)) return true;
    tracei_log(needed ? TRACE_LOG_LEVEL_ERROR : TRACE_LOG_LEVEL_WARNING, "%s: %s: the %s of the header %.*s%s %s; %s", owner,
               from, is_name ? "value" : "name", (int)(token < 64 ? token : 64), header->name.data, is_name ? "" : "...",
               is_name ? "has control characters, which are not allowed (not shown here)"
                       : "must be letters, digits, - and _ only, and \"=\" ends it in a variable",
               needed ? "nothing will be sent" : "it is left out");
    if (needed) *fine = false;
    return false;
}

static void tracei_open_defaults(tracei_http_options *options) {
    if (!options->owner) options->owner = "http";
    if (!options->timeout_ms) options->timeout_ms = 10000;
    if (!options->schedule_delay_ms) options->schedule_delay_ms = 1000;
    if (!options->max_queue_bytes) options->max_queue_bytes = 16u << 20;
    if (options->max_queue_bytes < 4096) options->max_queue_bytes = 4096;
    if (options->max_queue_bytes > 1u << 30) options->max_queue_bytes = 1u << 30;
    if (!options->max_queue_spans) options->max_queue_spans = 65536;
    if (!options->max_batch_bytes) options->max_batch_bytes = 1u << 20;
    if (!options->max_batch_spans) options->max_batch_spans = 512;
    if (options->max_batch_spans > options->max_queue_spans) options->max_batch_spans = options->max_queue_spans;
    if (options->max_batch_bytes > options->max_queue_bytes / 2) options->max_batch_bytes = options->max_queue_bytes / 2;
    if (!options->max_request_bytes) options->max_request_bytes = 64u << 20;
}

/* The first that is set counts, and an empty one is none. */
static void tracei_open_environment(tracei_http_options *options, const tracei_url *url) {
    if (!options->disable_environment && !options->proxy && !url->is_unix && !url->loopback) {
        options->proxy = tracei_environment_as_is(url->https ? "https_proxy" : "http_proxy");
        if (!options->proxy && url->https) options->proxy = tracei_environment_as_is("HTTPS_PROXY");
        if (!options->proxy) options->proxy = tracei_environment_as_is("all_proxy");
        if (!options->proxy) options->proxy = tracei_environment_as_is("ALL_PROXY");
        if (!options->no_proxy) options->no_proxy = tracei_environment_as_is("no_proxy");
        if (!options->no_proxy) options->no_proxy = tracei_environment_as_is("NO_PROXY");
        if (!TRACEI_HTTP_CURL && options->proxy && options->proxy[0])
            tracei_log(TRACE_LOG_LEVEL_WARNING,
                       "%s: a proxy variable is set, but proxies need TRACE_HTTP_CURL: connecting directly", options->owner);
        if (!TRACEI_HTTP_CURL) options->proxy = NULL;
    }
    if (options->proxy && !options->proxy[0]) options->proxy = NULL;
}

/* Whether credentials may go there. */
static bool tracei_open_secure(const tracei_http_options *options, const tracei_url *url) {
    return url->https || url->loopback || options->allow_insecure_auth || options->transport;
}

static bool tracei_open_headers(tracei_sender *sender, const tracei_http_options *options, char *basic) {
    size_t i;
    bool credentials = options->sigv4 != NULL, fine = true;
    for (i = 0; i < options->header_count; i++) {
        const trace_header *const header = &options->headers[i];
        if (!tracei_header_usable(options->owner, "headers", header, &fine)) continue;
        if (tracei_header_is_ours(header->name)) {
            tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: the header %.*s is ignored: it belongs to the exporter", options->owner,
                       (int)header->name.size, header->name.data);
            continue;
        }
        if (sender->header_count == TRACEI_HTTP_HEADERS_MAX - 1)
            return tracei_open_fails(options, "there are more than 63 headers");
        credentials |= tracei_header_is_credential(header->name);
        sender->headers[sender->header_count++] = *header;
    }
    if (!fine) return false;
    if (sender->url.user_info[0]) {
        memcpy(basic, "Basic ", 6);
        *tracei_put_base64(basic + 6, (const uint8_t *)sender->url.user_info, strlen(sender->url.user_info)) = '\0';
        if (!tracei_header_valid(tracei_http_string_of("authorization"), tracei_http_string_of(sender->url.user_info)))
            return tracei_open_fails(options, "the user info of the URL has control characters (not shown here)");
        tracei_http_add_header(sender->headers, &sender->header_count, "Authorization", basic);
        credentials = true;
    }
    if ((credentials || options->authorize_fn) && !tracei_open_secure(options, &sender->url))
        return tracei_open_fails(options,
                                 "credentials would go over plain http to another machine: use https://, or allow_insecure_auth");
    return true;
}

static bool tracei_open_authorize(tracei_sender *sender, const tracei_http_options *options) {
    const char *problem;
    sender->renew_ns = UINT64_MAX;
    if (!options->authorize_fn) return true;
    problem = options->authorize_url ? tracei_url_parse(options->authorize_url, &sender->authorize_url) : "there is none";
    if (!problem && sender->authorize_url.user_info[0]) problem = "user info is not used there";
    if (!problem && sender->authorize_url.https && !TRACEI_HTTP_CURL && !options->transport)
        problem = "https:// needs libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl";
    if (!problem && !tracei_open_secure(options, &sender->authorize_url))
        problem = "the key would go over plain http to another machine: use https://, or allow_insecure_auth";
    if (problem)
        tracei_log(TRACE_LOG_LEVEL_ERROR, "%s: the URL for access tokens cannot be used: %s", options->owner, problem);
    return problem == NULL;
}

#if TRACEI_HTTP_CURL
/* It may come later: this refuses nothing. Keys on a token ("pkcs11:...") are no files. */
static void tracei_open_files(const tracei_http_options *options) {
    static const char *const fields[] = {"ca_file", "client_certificate_file", "client_key_file"};
    const char *paths[3];
    size_t i;
    paths[0] = options->ca_file;
    paths[1] = options->client_certificate_file;
    paths[2] = options->client_key_file;
    for (i = 0; i < 3; i++) {
        FILE *file;
        if (!paths[i] || strncmp(paths[i], "pkcs11:", 7) == 0) continue;
        file = fopen(paths[i], "rb");
        if (file) fclose(file);
        else
            tracei_log(TRACE_LOG_LEVEL_ERROR,
                       "%s: %s=%s cannot be read: must be the path of a PEM file; nothing can be sent until it is",
                       options->owner, options->file_names ? options->file_names[i] : fields[i], paths[i]);
    }
}
#endif

static bool tracei_open_transport(tracei_sender *sender, const tracei_http_options *options) {
    if (options->transport) {
        sender->transport = *options->transport;
        return sender->transport.send_fn || tracei_open_fails(options, "the transport has no send_fn");
    }
#if TRACEI_HTTP_CURL
    sender->by_curl = sender->url.https || options->http2 || options->proxy || options->sigv4;
    if (sender->url.https) tracei_open_files(options);
    if (sender->by_curl && !tracei_curl_start()) return tracei_open_fails(options, "libcurl cannot be initialised");
    if (options->http2 && !(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2))
        return tracei_open_fails(options, "this libcurl has no HTTP/2, which gRPC needs");
    if (sender->url.https && !(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_SSL))
        return tracei_open_fails(options, "this libcurl has no TLS, which https:// needs");
#else
    if (sender->url.https)
        return tracei_open_fails(options, "https:// needs libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl");
    if (options->http2)
        return tracei_open_fails(options, "gRPC needs libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl");
    if (options->sigv4)
        return tracei_open_fails(options, "SigV4 needs libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl");
    if (options->proxy)
        return tracei_open_fails(options, "proxies need libcurl: compile with TRACE_HTTP_CURL defined and link with -lcurl");
#endif
#if !TRACEI_HTTP_SOCKETS
    return tracei_open_fails(options, "this build has no sockets: give a transport");
#elif TRACEI_PLATFORM_WINDOWS
    {
        WSADATA data;
        if (WSAStartup(MAKEWORD(2, 2), &data) != 0) return tracei_open_fails(options, "Windows Sockets cannot be initialised");
        if (sender->url.is_unix) return tracei_open_fails(options, "unix sockets are not supported on this system");
    }
    return true;
#else
    return true;
#endif
}

/* NULL: it cannot be done, and the log says why. */
static TRACEI_UNUSED tracei_sender *tracei_sender_open(const tracei_http_options *given) {
    tracei_http_options options = *given;
    tracei_sender model, *sender;
    tracei_http_copier copier;
    tracei_text text;
    const char *problem;
    char basic[sizeof model.url.user_info * 2 + 16], url_text[sizeof model.url.target + 512], shown[sizeof url_text];
    memset(&model, 0, sizeof model);
    tracei_open_defaults(&options);
    problem = tracei_url_parse(options.url, &model.url);
    if (problem) {
        tracei_open_bad_url(&options, problem);
        return NULL;
    }
    if (!options.assemble_fn) {
        (void)tracei_open_fails(&options, "there is no assemble_fn");
        return NULL;
    }
    tracei_open_environment(&options, &model.url);
    if (!tracei_open_headers(&model, &options, basic) || !tracei_open_transport(&model, &options) ||
        !tracei_open_authorize(&model, &options))
        return NULL;
    if (options.gzip && !TRACEI_HTTP_GZIP)
        tracei_log(TRACE_LOG_LEVEL_WARNING, "%s: gzip needs TRACE_HTTP_ZLIB (and -lz); sending uncompressed", options.owner);
    model.gzip = options.gzip && TRACEI_HTTP_GZIP;
    memset(&text, 0, sizeof text);
    text.data = shown;
    text.capacity = 240; /* a log line has room for more than the address */
    tracei_url_put(&model.url, false, &text);
    shown[text.size] = '\0';
    text.data = url_text;
    text.capacity = sizeof url_text - 1;
    text.size = 0;
    text.full = false;
    if (model.url.is_unix) {
        tracei_text_cstr(&text, "http://localhost");
        tracei_text_cstr(&text, model.url.target);
    } else {
        tracei_url_put(&model.url, true, &text);
    }
    url_text[text.size] = '\0';
    memset(&copier, 0, sizeof copier);
    tracei_http_copy_options(&copier, &options, &model);
    sender = (tracei_sender *)tracei_alloc(sizeof *sender + copier.size + strlen(url_text) + strlen(shown) +
                                           strlen(options.owner) + 32);
    if (!sender) {
        (void)tracei_open_fails(&options, "no memory");
        return NULL;
    }
    copier.at = (char *)(sender + 1);
    tracei_http_copy_options(&copier, &options, &model);
    *sender = model;
    sender->options = options;
    sender->options.url = NULL;
    sender->options.headers = NULL;
    sender->options.transport = NULL;
    sender->options.seam = NULL;
    if (given->seam) sender->seam = *given->seam;
    sender->url_text = copier.at;
    memcpy(sender->url_text, url_text, strlen(url_text) + 1);
    sender->shown = sender->url_text + strlen(url_text) + 1;
    memcpy(sender->shown, shown, strlen(shown) + 1);
    sender->thread_name = sender->shown + strlen(shown) + 1;
    memcpy(sender->thread_name, "trace-", 6);
    memcpy(sender->thread_name + 6, options.owner, strlen(options.owner) + 1);
    if (strlen(sender->thread_name) > 15) sender->thread_name[15] = '\0'; /* Linux refuses longer ones */
#if TRACEI_HTTP_CURL
    if (sender->by_curl) {
        tracei_lock(&tracei_curl_lock);
        sender->next = tracei_curl_senders;
        tracei_curl_senders = sender;
        tracei_unlock(&tracei_curl_lock);
    }
#endif
    return sender;
}

/* >>exporters -----------------------------------------------------------------------------------------------------

   What exporters over a sender have in common. */

/* Fields of an exporter's options that are called the same there. */
#define TRACEI_HTTP_TAKE(http, o) \
    (memset((http), 0, sizeof *(http)), (http)->ca_file = (o)->ca_file, \
     (http)->client_certificate_file = (o)->client_certificate_file, (http)->client_key_file = (o)->client_key_file, \
     (http)->proxy = (o)->proxy, (http)->no_proxy = (o)->no_proxy, (http)->allow_insecure_auth = (o)->allow_insecure_auth, \
     (http)->disable_environment = (o)->disable_environment, (http)->disable_thread = (o)->disable_thread, \
     (http)->timeout_ms = (o)->timeout_ms, (http)->schedule_delay_ms = (o)->schedule_delay_ms, \
     (http)->max_queue_bytes = (o)->max_queue_bytes, (http)->max_queue_spans = (o)->max_queue_spans, \
     (http)->max_batch_bytes = (o)->max_batch_bytes, (http)->max_batch_spans = (o)->max_batch_spans, \
     (http)->max_request_bytes = (o)->max_request_bytes, (void)((http)->transport = (o)->transport))

/* Numbers that are not set, by environment: the time-out from whichever of the two variables is set first (0: no limit; general
   may be NULL). */
static TRACEI_UNUSED void tracei_http_read_numbers(tracei_http_options *http, const char *timeout, const char *general) {
    uint32_t value;
    if (http->disable_environment) return;
    if (!http->timeout_ms) {
        if (tracei_environment_u32(timeout, 0, UINT32_MAX, &value) ||
            (general && tracei_environment_u32(general, 0, UINT32_MAX, &value)))
            http->timeout_ms = value ? value : UINT32_MAX;
        if (tracei_environment_u32("OTEL_BSP_EXPORT_TIMEOUT", 0, UINT32_MAX, &value) && value &&
            value < (http->timeout_ms ? http->timeout_ms : 10000))
            http->timeout_ms = value; /* the shorter one counts */
    }
    if (!http->schedule_delay_ms && tracei_environment_u32("OTEL_BSP_SCHEDULE_DELAY", 0, UINT32_MAX, &value))
        http->schedule_delay_ms = value ? value : 1;
    if (!http->max_queue_spans) tracei_environment_u32("OTEL_BSP_MAX_QUEUE_SIZE", 1, UINT32_MAX, &http->max_queue_spans);
    if (!http->max_batch_spans) tracei_environment_u32("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, UINT32_MAX, &http->max_batch_spans);
}

/* An endpoint as users write it: without a scheme it is http, without a path it has this one ("api/traces"). Credentials
   ("user:password@", percent-encoded; NULL: none) take the place of those in it. False: it is too long, which is logged. */
static TRACEI_UNUSED bool tracei_http_endpoint(const tracei_http_options *http, const char *path, const char *credentials,
                                               char *out, size_t capacity) {
    const char *const given = http->url_given;
    const char *authority = strstr(given, "://") ? strstr(given, "://") + 3 : given;
    const char *const end = authority + strcspn(authority, "/?#"), *const query = end + strcspn(end, "?#"), *at;
    const bool is_unix = strncmp(given, "unix:", 5) == 0;
    tracei_text url;
    memset(&url, 0, sizeof url);
    url.data = out;
    url.capacity = capacity - 1;
    if (authority == given && !is_unix) tracei_text_cstr(&url, "http://");
    tracei_text_add(&url, given, (size_t)(authority - given));
    if (credentials) {
        for (at = end; at > authority && at[-1] != '@'; at--) {}
        authority = at;
        tracei_text_cstr(&url, credentials);
    }
    tracei_text_add(&url, authority, (size_t)(query - authority));
    if (query == end && !is_unix) tracei_text_char(&url, '/');
    if (query - end <= 1 && !is_unix) tracei_text_cstr(&url, path);
    tracei_text_cstr(&url, query);
    out[url.size] = '\0';
    if (url.full)
        tracei_log(TRACE_LOG_LEVEL_ERROR, "%s: %s is longer than 2,000 characters; nothing will be sent", http->owner,
                   http->url_from ? http->url_from : "endpoint");
    return !url.full;
}

/* A server that says why in plain text. */
static TRACEI_UNUSED void tracei_verdict_quote(tracei_verdict *verdict, const trace_http_response *response) {
    verdict->message.data = response->body;
    verdict->message.size = response->body_size < 300 ? response->body_size : 300;
}

/* What the sender sends, as an exporter. Without a sender it has no export_fn. */
static TRACEI_UNUSED trace_exporter tracei_sender_exporter(const char *name, tracei_sender *sender,
                                                           trace_result (*export_fn)(void *user, const trace_batch *batch)) {
    trace_exporter exporter;
    memset(&exporter, 0, sizeof exporter);
    exporter.struct_size = sizeof exporter;
    exporter.name = name;
    if (!sender) return exporter;
    exporter.export_fn = export_fn;
    tracei_name_punctual(exporter.export_fn);
    exporter.flush_fn = tracei_sender_flush;
    exporter.shutdown_fn = tracei_sender_shutdown;
    exporter.stats_fn = tracei_sender_stats;
    exporter.fork_fn = tracei_sender_fork;
    exporter.user = sender;
    return exporter;
}

/* Of trace_NAME_options whose reserved fields are not 0: nothing else in them is looked at. */
static TRACEI_UNUSED trace_exporter tracei_http_not_zeroed(const char *name) {
    tracei_log(TRACE_LOG_LEVEL_ERROR,
               "trace_%s_exporter: trace_%s_options.reserved_first/reserved_last is not 0: start from zero, as in "
               "trace_%s_options o = {0}; nothing will be sent", name, name, name);
    return tracei_sender_exporter(name, NULL, NULL);
}

/* What the environment chose is made once for each environment (each has a block of its own, see trace.h) and taken up again by
   the next trace_init: it begins anew after a shutdown, and nothing of it can be freed, since who reads its ledger is not known.
   A child makes its own: of what was not in use its parent may have been anywhere. */
typedef struct tracei_kept {
    trace_exporter exporter;      /* user is NULL: none */
    const char *environment;
    unsigned long pid;
} tracei_kept;

static TRACEI_UNUSED bool tracei_kept_good(const tracei_kept *kept) {
    return kept->exporter.user && kept->environment == TRACEI_LOAD_ACQUIRE(&tracei_environment_block) &&
           kept->pid == (unsigned long)tracei_process_id();
}

static TRACEI_UNUSED trace_exporter tracei_keep(tracei_kept *kept, trace_exporter made) {
    kept->exporter = made;
    kept->environment = TRACEI_LOAD_ACQUIRE(&tracei_environment_block);
    kept->pid = (unsigned long)tracei_process_id();
    return made;
}

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_HTTP_CURL
#undef TRACEI_MS
#undef TRACEI_HTTP_SLICE
#undef TRACEI_HTTP_GRACE
#undef TRACEI_HTTP_IDLE
#undef TRACEI_HTTP_RETRY_AFTER_MAX
#undef TRACEI_HTTP_BACKOFF
#undef TRACEI_HTTP_BACKOFF_MAX
#undef TRACEI_HTTP_LAST
#undef TRACEI_HTTP_LOG_EVERY
#undef TRACEI_HTTP_RENEW_AGAIN
#undef TRACEI_SEND_MORE
#undef TRACEI_CURL_SET
#undef TRACEI_QUEUE_PAD
#endif
#endif /* TRACEI_HTTP_IMPLEMENTED */

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
