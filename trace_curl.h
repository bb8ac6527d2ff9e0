/* trace_curl.h - libcurl transfers as spans of trace.h, in one header - version 0.1.0
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
   Every request a program makes through libcurl, easy or multi, is a CLIENT span, and carries its context along.

   DO THIS
       #define TRACE_IMPLEMENTATION             in one file of the program
       #define TRACE_CONFIG_CURL_REDIRECT 1     in every file that uses libcurl's easy or multi handles
       #include "trace_curl.h"                  (includes <curl/curl.h> and trace.h)
   and link with -lcurl and -pthread. From there on curl_easy_perform and its like are traced; no other line changes.
   Without the second macro call trace_curl_easy_perform and its like by name. For a program nobody rebuilds, `make preload`:
       LD_PRELOAD=build/libtrace_preload_curl.so OTEL_TRACES_EXPORTER=otlp curl http://localhost:8080/

   CONTENTS (search for the tag)      >>functions  >>handles  >>url  >>headers  >>requests  >>transfers  >>wrappers  >>redirect

   WHAT A SPAN HAS (OpenTelemetry semantic conventions, "HTTP client")
       name, kind              the method ("GET"; "HTTP" when it is none of the known ones, which the environment variable
                               OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS lists: a comma list instead of the usual ten), CLIENT
       parent                  the span that was current in curl_easy_perform or curl_multi_add_handle
       http.request.method, url.full, server.address, server.port       from the request as it goes out
       http.response.status_code, network.protocol.version, network.peer.address, network.peer.port
       http.request.resend_count       of redirects and other requests libcurl makes by itself, and of a transfer that repeats
                               the failed one before it on its handle
       events                  name_lookup, connect, tls_handshake (of new connections) and first_byte, each when it was done
       status                  ERROR for 400 and above, error.type the status code; for what libcurl calls failed, error.type is
                               the name of its code ("CURLE_COULDNT_CONNECT"). Cancelled transfers (removed before they were
                               done, or stopped by the program's own progress callback) have an event "cancelled" instead
   Each request that goes out is a span: three redirects are four spans. Those of one transfer are siblings below the span that
   was current; when there was none, the first is the parent of the others and is handed on when the transfer is over.
   Not HTTP (ftp, smtp, file, ...): the same without what is HTTP's, named by the scheme.

   WHAT IT DOES TO THE HANDLE. While a transfer runs, traceparent, tracestate and baggage (whatever OTEL_PROPAGATORS says) stand
   in front of the program's CURLOPT_HTTPHEADER list: nodes of ours whose last one points to the program's first. The program's
   list is never copied, changed or freed, and is the handle's again when the transfer ends. A program that sends one of these
   headers itself is left alone. CURLOPT_PREREQFUNCTION (libcurl 7.80; before, redirects stay in the first request's span) is set
   while the transfer runs and calls the program's own. Nothing else is set.

   WHAT NEVER LEAVES. Of URLs the user and password (REDACTED:REDACTED), the fragment, and the values of query parameters whose
   names end, case, - and _ aside, in auth, authorization, credential(s), jwt, key, keyid, passwd, password, pwd, secret, session,
   sessionid, sig, signature or token. Header values, bodies, libcurl's own error texts and URLs it could not parse are not told.

   THREADS. As libcurl: a handle belongs to one thread at a time. No locks, no malloc: memory for each handle at once in use,
   about 1 KiB, is mapped and used again. Threads that do not trace (the exporters') pass through untraced. */
#ifndef TRACE_CURL_H_INCLUDED_93B7E2
#define TRACE_CURL_H_INCLUDED_93B7E2
#define TRACE_CURL_H_VERSION 100
#define TRACEI_CURL_NEEDS_TRACE_H 100
#endif

#if !defined(TRACE_H_VERSION) || (defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_IMPLEMENTED))
#include "trace.h"
#endif
#ifndef TRACE_H_VERSION
#error "trace_curl.h: another trace.h was found first; include this library's trace.h by its path before trace_curl.h"
#elif TRACE_H_VERSION < TRACEI_CURL_NEEDS_TRACE_H
#error "trace_curl.h: this trace.h is too old; take both files from one version"
#endif
#include <curl/curl.h>
#if LIBCURL_VERSION_NUM < 0x074800
#error "trace_curl.h: needs libcurl 7.72 or later"
#endif

/* >>functions ----------------------------------------------------------------------------------------------------- */

#ifndef TRACEI_CURL_PUBLIC
#define TRACEI_CURL_PUBLIC 1

#if defined(TRACE_CONFIG_NAMESPACE) && !TRACE_CONFIG_OFF
#define trace_curl_easy_cleanup TRACEI_NAME(trace_curl_easy_cleanup)
#define trace_curl_easy_duphandle TRACEI_NAME(trace_curl_easy_duphandle)
#define trace_curl_easy_init TRACEI_NAME(trace_curl_easy_init)
#define trace_curl_easy_perform TRACEI_NAME(trace_curl_easy_perform)
#define trace_curl_easy_reset TRACEI_NAME(trace_curl_easy_reset)
#define trace_curl_easy_setopt TRACEI_NAME(trace_curl_easy_setopt)
#define trace_curl_multi_add_handle TRACEI_NAME(trace_curl_multi_add_handle)
#define trace_curl_multi_info_read TRACEI_NAME(trace_curl_multi_info_read)
#define trace_curl_multi_remove_handle TRACEI_NAME(trace_curl_multi_remove_handle)
#endif

/* All files that share handles use these in place of libcurl's own of the same name; arguments, results and threads are
   libcurl's. */
#if TRACE_CONFIG_OFF
#define trace_curl_easy_init curl_easy_init
#define trace_curl_easy_duphandle curl_easy_duphandle
#define trace_curl_easy_reset curl_easy_reset
#define trace_curl_easy_cleanup curl_easy_cleanup
#define trace_curl_easy_setopt curl_easy_setopt
#define trace_curl_easy_perform curl_easy_perform
#define trace_curl_multi_add_handle curl_multi_add_handle
#define trace_curl_multi_remove_handle curl_multi_remove_handle
#define trace_curl_multi_info_read curl_multi_info_read
#else
#ifdef __cplusplus
extern "C" {
#endif
TRACE_APP CURL *trace_curl_easy_init(void);
TRACE_APP CURL *trace_curl_easy_duphandle(CURL *handle);
TRACE_APP void trace_curl_easy_reset(CURL *handle);
/* A transfer that was never finished ends here, cancelled. */
TRACE_APP void trace_curl_easy_cleanup(CURL *handle);
TRACE_APP CURLcode trace_curl_easy_setopt(CURL *handle, CURLoption option, ...);
/* The span is current inside libcurl's callbacks. */
TRACE_APP CURLcode trace_curl_easy_perform(CURL *handle);
/* From add_handle to the message that the transfer is done, or remove_handle. */
TRACE_APP CURLMcode trace_curl_multi_add_handle(CURLM *multi, CURL *handle);
TRACE_APP CURLMcode trace_curl_multi_remove_handle(CURLM *multi, CURL *handle);
TRACE_APP CURLMsg *trace_curl_multi_info_read(CURLM *multi, int *messages);
#ifdef __cplusplus
} /* extern "C" */
#endif
#endif
#endif /* TRACEI_CURL_PUBLIC */

#if defined(TRACE_IMPLEMENTATION) && !defined(TRACEI_CURL_IMPLEMENTED) && !TRACE_CONFIG_OFF
#define TRACEI_CURL_IMPLEMENTED 1

#ifdef TRACEI_CURL_REDIRECTED     /* included before without the implementation: here libcurl's names are libcurl's */
#undef curl_easy_init
#undef curl_easy_duphandle
#undef curl_easy_reset
#undef curl_easy_cleanup
#undef curl_easy_setopt
#undef curl_easy_perform
#undef curl_multi_add_handle
#undef curl_multi_remove_handle
#undef curl_multi_info_read
#undef TRACEI_CURL_REDIRECTED
#endif

/* How libcurl is called; in parentheses because some of it is macros. A preloaded library calls the next one instead. */
#ifndef TRACEI_CURL_CALL
#define TRACEI_CURL_CALL(name) (curl_##name)
#endif
/* Whether handles that were not seen when they were made are traced too. */
#ifndef TRACEI_CURL_ADOPT
#define TRACEI_CURL_ADOPT true
#endif

/* >>handles --------------------------------------------------------------------------------------------------------

   What libcurl will not tell (the header list and callback the program set) and what a transfer under way needs is kept beside
   each handle, in a table of chains hashed by its address. Entries never leave their chain: a dead one has no key, and the next
   new handle of that chain takes it with a CAS. So lookups take no lock, a fork can come at any time, and memory grows with the
   handles that live at once. The fields of an entry belong to the thread that uses the handle. */

#define TRACEI_CURL_CHAINS 1024u
#define TRACEI_CURL_NODES 16      /* header lines of all propagators together */
#define TRACEI_CURL_LINES 512     /* bytes of them without a mapping of its own */

enum { TRACEI_CURL_IDLE = 0, TRACEI_CURL_EASY, TRACEI_CURL_MULTI };

/* libcurl's clocks and counts: sums over all requests of a transfer. */
typedef struct tracei_curl_sums {
    curl_off_t lookup, connect, tls, first_byte;      /* us */
    long connects;
} tracei_curl_sums;

typedef struct tracei_curl_handle {
    const void *key;              /* the CURL; NULL: free */
    struct tracei_curl_handle *next;
    struct curl_slist *headers;   /* the program's */
#if LIBCURL_VERSION_NUM >= 0x075000
    curl_prereq_callback before;  /* the program's */
    void *before_user;
#endif
    /* of the transfer under way */
    CURL *handle;
    int mode;
    bool recording;
    uint32_t requests;            /* that went out */
    trace_span span;              /* of the newest request */
    trace_span first;             /* ended at first_end_unix_ns when the transfer is over; id 0: none */
    uint64_t first_end_unix_ns;
    trace_context parent;
    trace_attachment attachment;  /* EASY */
    uint64_t origin_unix_ns, origin_mono_ns;          /* one moment by both clocks */
    uint64_t began_unix_ns;       /* the request's start; event times count from here */
    curl_off_t redirect_us;       /* libcurl's time of all requests before this one */
    tracei_curl_sums before_sums; /* when the request began */
    /* of the transfer before */
    uint64_t failed_url;          /* hash; 0: it did not fail */
    uint32_t resends;
    /* headers sent */
    struct curl_slist nodes[TRACEI_CURL_NODES];
    char *lines;
    size_t lines_capacity;
    char lines_here[TRACEI_CURL_LINES];
} tracei_curl_handle;

#define TRACEI_CURL_SLAB_BYTES 65536u
#define TRACEI_CURL_SLAB_COUNT ((TRACEI_CURL_SLAB_BYTES - 64u) / sizeof(tracei_curl_handle))

typedef struct tracei_curl_slab {
    uint32_t used;
    uint32_t reserved[15];
    tracei_curl_handle handles[TRACEI_CURL_SLAB_COUNT];
} tracei_curl_slab;

static tracei_curl_handle *tracei_curl_chains[TRACEI_CURL_CHAINS];
static tracei_curl_slab *tracei_curl_newest_slab;
/* Whose child is a transfer without a current span: nobody's, or what a preloaded library was started with. */
static trace_context tracei_curl_outer;

static tracei_curl_handle *tracei_curl_new(void) {
    for (;;) {
        tracei_curl_slab *slab = TRACEI_LOAD_ACQUIRE(&tracei_curl_newest_slab), *fresh;
        if (slab) {
            const uint32_t at = TRACEI_ADD(&slab->used, 1u);
            if (at < TRACEI_CURL_SLAB_COUNT) return &slab->handles[at];
        }
        fresh = (tracei_curl_slab *)tracei_alloc(sizeof *fresh);
        if (!fresh) return NULL;
        if (!TRACEI_CAS(&tracei_curl_newest_slab, &slab, fresh)) tracei_free(fresh, sizeof *fresh);
    }
}

static void tracei_curl_forget_options(tracei_curl_handle *self) {
    self->headers = NULL;
#if LIBCURL_VERSION_NUM >= 0x075000
    self->before = NULL;
    self->before_user = NULL;
#endif
}

static tracei_curl_handle *tracei_curl_take(tracei_curl_handle **chain, const void *handle) {
    tracei_curl_handle *self;
    for (self = TRACEI_LOAD_ACQUIRE(chain); self; self = self->next) {
        const void *none = NULL;
        if (TRACEI_LOAD(&self->key) == NULL && TRACEI_CAS(&self->key, &none, handle)) return self;
    }
    self = tracei_curl_new();
    if (!self) return NULL;
    self->key = handle;
    self->next = TRACEI_LOAD_ACQUIRE(chain);
    while (!TRACEI_CAS(chain, &self->next, self)) {}
    return self;
}

/* NULL: unknown and not to be made, or no memory; then the handle is used untraced. */
static tracei_curl_handle *tracei_curl_find(CURL *handle, bool make) {
    const uint64_t mixed = (uint64_t)(uintptr_t)handle * 0x9e3779b97f4a7c15u;
    tracei_curl_handle **const chain = &tracei_curl_chains[(mixed >> 40) % TRACEI_CURL_CHAINS], *self;
    if (!handle) return NULL;
    for (self = TRACEI_LOAD_ACQUIRE(chain); self; self = self->next)
        if (TRACEI_LOAD_ACQUIRE(&self->key) == handle) return self;
    if (!make) return NULL;
    self = tracei_curl_take(chain, handle);
    if (!self) return NULL;
    self->handle = handle;
    self->mode = TRACEI_CURL_IDLE;
    self->failed_url = 0;
    tracei_curl_forget_options(self);
    if (!self->lines) self->lines = self->lines_here, self->lines_capacity = sizeof self->lines_here;
    return self;
}

/* A new handle may have the address of one whose end was not seen. */
static void tracei_curl_made(CURL *handle) {
    tracei_curl_handle *const self = tracei_curl_find(handle, true);
    if (!self) return;
    self->mode = TRACEI_CURL_IDLE;
    self->failed_url = 0;
    tracei_curl_forget_options(self);
}

/* >>url ------------------------------------------------------------------------------------------------------------ */

/* The parts of a URL that has a scheme and a plain authority. Everything points into the text. */
typedef struct tracei_curl_url {
    trace_string scheme, user_info, host, path;       /* host without brackets; path with all that follows */
    uint32_t port;                /* 0: none, and the scheme is not one whose port is known */
    bool has_user, has_password, is_http, has_port, has_brackets;
} tracei_curl_url;

static char tracei_curl_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool tracei_curl_same(trace_string text, const char *word) {
    size_t i;
    for (i = 0; i < text.size && word[i]; i++)
        if (tracei_curl_lower(text.data[i]) != word[i]) return false;
    return i == text.size && !word[i];
}

static bool tracei_curl_port(const char *digits, size_t size, uint32_t *port) {
    *port = 0;
    if (size > 5) return false;
    for (size_t i = 0; i < size; i++) {
        if (digits[i] < '0' || digits[i] > '9') return false;
        *port = *port * 10 + (uint32_t)(digits[i] - '0');
    }
    return *port <= 65535;
}

static bool tracei_curl_host(tracei_curl_url *url, const char *at, size_t size) {
    size_t host = 0;
    if (size && at[0] == '[') {
        while (host < size && at[host] != ']') host++;
        if (host == size) return false;
        url->has_brackets = true;
        url->host.data = at + 1;
        url->host.size = host - 1;
        host++;
    } else {
        while (host < size && at[host] != ':') host++;
        url->host.data = at;
        url->host.size = host;
    }
    if (host == size) return true;
    if (at[host] != ':') return false;
    url->has_port = host + 1 < size;
    return tracei_curl_port(at + host + 1, size - host - 1, &url->port);
}

/* False: not a URL of which every secret is sure to be found, so nothing of it is told. libcurl makes what it accepts into one
   that is before it connects. */
static bool tracei_curl_parse(tracei_curl_url *url, const char *text) {
    const char *const colon = text ? strstr(text, "://") : NULL, *authority, *host;
    size_t size, i;
    memset(url, 0, sizeof *url);
    if (!colon || colon == text) return false;
    url->scheme.data = text;
    url->scheme.size = (size_t)(colon - text);
    for (i = 0; i < url->scheme.size; i++) {
        const char c = tracei_curl_lower(text[i]);
        if (!((c >= 'a' && c <= 'z') || (i && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))) return false;
    }
    authority = colon + 3;
    size = strcspn(authority, "/?#\\");
    host = authority;
    for (i = 0; i < size; i++)
        if (authority[i] == '@') host = authority + i + 1;
    if (host != authority) {
        url->has_user = true;
        url->user_info.data = authority;
        url->user_info.size = (size_t)(host - 1 - authority);
        url->has_password = memchr(authority, ':', url->user_info.size) != NULL;
    }
    url->path.data = authority + size;
    url->path.size = strlen(authority + size);
    url->is_http = tracei_curl_same(url->scheme, "http") || tracei_curl_same(url->scheme, "https");
    if (!tracei_curl_host(url, host, (size_t)(authority + size - host))) return false;
    if (!url->port && tracei_curl_same(url->scheme, "https")) url->port = 443;
    if (!url->port && tracei_curl_same(url->scheme, "http")) url->port = 80;
    return true;
}

/* Of a query parameter: its value is not to be told. Conservative: "monkey" ends in key, and loses its value. */
static bool tracei_curl_is_secret(const char *name, size_t size) {
    static const char *const ends[] = {"auth", "authorization", "credential", "credentials", "jwt", "key", "keyid", "passwd",
                                       "password", "pwd", "secret", "session", "sessionid", "sig", "signature", "token"};
    char tail[16];
    size_t have = 0;
    /* The name's last characters, plain and lower case, from the end of `tail` down. Escapes hide nothing. */
    while (size && have < sizeof tail) {
        char c = name[--size];
        if (size >= 2 && name[size - 2] == '%') {
            const uint32_t high = tracei_hex_digit(name[size - 1], true), low = tracei_hex_digit(c, true);
            if (high < 16 && low < 16) c = (char)(high * 16 + low), size -= 2;
        }
        c = tracei_curl_lower(c);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) tail[sizeof tail - ++have] = c;
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const size_t end = strlen(ends[i]);
        if (have >= end && memcmp(tail + sizeof tail - end, ends[i], end) == 0) return true;
    }
    return false;
}

static void tracei_curl_query(tracei_text *out, const char *at) {
    while (*at && *at != '#') {
        const size_t size = strcspn(at, "&;#"), name = strcspn(at, "=&;#");
        if (name < size && tracei_curl_is_secret(at, name)) {
            tracei_text_add(out, at, name + 1);
            tracei_text_cstr(out, "REDACTED");
        } else {
            tracei_text_add(out, at, size);
        }
        at += size;
        if (*at && *at != '#') tracei_text_add(out, at++, 1);
    }
}

/* url.full; a URL longer than the buffer is cut. */
static void tracei_curl_redact(tracei_text *out, const tracei_curl_url *url) {
    const size_t path = strcspn(url->path.data, "?#");
    tracei_text_add(out, url->scheme.data, url->scheme.size);
    tracei_text_cstr(out, "://");
    if (url->has_user) tracei_text_cstr(out, url->has_password ? "REDACTED:REDACTED@" : "REDACTED@");
    if (url->has_brackets) tracei_text_cstr(out, "[");
    tracei_text_add(out, url->host.data, url->host.size);
    if (url->has_brackets) tracei_text_cstr(out, "]");
    if (url->has_port) {
        tracei_text_cstr(out, ":");
        tracei_text_u64(out, url->port);
    }
    tracei_text_add(out, url->path.data, path);
    if (url->path.data[path] != '?') return;
    tracei_text_cstr(out, "?");
    tracei_curl_query(out, url->path.data + path + 1);
}

/* >>headers ---------------------------------------------------------------------------------------------------------

   The context's lines are written into the entry, each with a node; the last node points to the program's list, so that libcurl
   walks over ours into theirs. A further request of the transfer has another span id: the same bytes are written anew, in the
   same nodes, before libcurl reads them. */

static bool tracei_curl_is_header(const char *line, const char *name) {
    size_t i = 0;
    while (name[i] && name[i] != ':' && tracei_curl_lower(line[i]) == tracei_curl_lower(name[i])) i++;
    return name[i] == ':' && (line[i] == ':' || line[i] == ';');
}

static bool tracei_curl_write_lines(tracei_curl_handle *self, trace_context context) {
    const size_t size = trace_inject_raw(context, self->lines, self->lines_capacity) + 1;
    char *larger;
    if (size <= self->lines_capacity) return true;
    larger = (char *)tracei_alloc(size);
    if (!larger) return false;
    if (self->lines != self->lines_here) tracei_free(self->lines, self->lines_capacity);
    self->lines = larger;
    self->lines_capacity = size;
    return trace_inject_raw(context, self->lines, size) < size;
}

/* How many nodes there are; 0 when the program sends such a header itself. */
static size_t tracei_curl_link_lines(tracei_curl_handle *self) {
    const struct curl_slist *theirs;
    size_t count = 0, i;
    char *at = self->lines, *end;
    while (count < TRACEI_CURL_NODES && (end = strstr(at, "\r\n")) != NULL) {
        *end = '\0';
        self->nodes[count++].data = at;
        at = end + 2;
    }
    for (i = 0; i < count; i++) {
        for (theirs = self->headers; theirs; theirs = theirs->next)
            if (theirs->data && tracei_curl_is_header(theirs->data, self->nodes[i].data)) return 0;
        self->nodes[i].next = i + 1 < count ? &self->nodes[i + 1] : self->headers;
    }
    return count;
}

static void tracei_curl_inject(tracei_curl_handle *self) {
    const size_t count =
        tracei_curl_write_lines(self, trace_span_context(self->span)) ? tracei_curl_link_lines(self) : 0;
    TRACEI_CURL_CALL(easy_setopt)(self->handle, CURLOPT_HTTPHEADER, count ? &self->nodes[0] : self->headers);
}

/* >>requests --------------------------------------------------------------------------------------------------------

   A span starts when the transfer does. libcurl's prerequest callback tells when a connection stands and a request is about to
   go out: the first time its span gets its name and URL, each further time the request before has been answered, so its span
   ends and the next one starts. libcurl's times are sums over all requests; the differences from call to call are this one's.
   Times are Unix times counted from one reading of both clocks, so that events and spans agree to the nanosecond. */

static const char *const tracei_curl_codes[] = {
    "OK", "UNSUPPORTED_PROTOCOL", "FAILED_INIT", "URL_MALFORMAT", "NOT_BUILT_IN", "COULDNT_RESOLVE_PROXY",
    "COULDNT_RESOLVE_HOST", "COULDNT_CONNECT", "WEIRD_SERVER_REPLY", "REMOTE_ACCESS_DENIED", "FTP_ACCEPT_FAILED",
    "FTP_WEIRD_PASS_REPLY", "FTP_ACCEPT_TIMEOUT", "FTP_WEIRD_PASV_REPLY", "FTP_WEIRD_227_FORMAT",
    "FTP_CANT_GET_HOST", "HTTP2", "FTP_COULDNT_SET_TYPE", "PARTIAL_FILE", "FTP_COULDNT_RETR_FILE", "", "QUOTE_ERROR",
    "HTTP_RETURNED_ERROR", "WRITE_ERROR", "", "UPLOAD_FAILED", "READ_ERROR", "OUT_OF_MEMORY", "OPERATION_TIMEDOUT",
    "", "FTP_PORT_FAILED", "FTP_COULDNT_USE_REST", "", "RANGE_ERROR", "HTTP_POST_ERROR", "SSL_CONNECT_ERROR",
    "BAD_DOWNLOAD_RESUME", "FILE_COULDNT_READ_FILE", "LDAP_CANNOT_BIND", "LDAP_SEARCH_FAILED", "",
    "FUNCTION_NOT_FOUND", "ABORTED_BY_CALLBACK", "BAD_FUNCTION_ARGUMENT", "", "INTERFACE_FAILED", "",
    "TOO_MANY_REDIRECTS", "UNKNOWN_OPTION", "SETOPT_OPTION_SYNTAX", "", "", "GOT_NOTHING", "SSL_ENGINE_NOTFOUND",
    "SSL_ENGINE_SETFAILED", "SEND_ERROR", "RECV_ERROR", "", "SSL_CERTPROBLEM", "SSL_CIPHER",
    "PEER_FAILED_VERIFICATION", "BAD_CONTENT_ENCODING", "", "FILESIZE_EXCEEDED", "USE_SSL_FAILED",
    "SEND_FAIL_REWIND", "SSL_ENGINE_INITFAILED", "LOGIN_DENIED", "TFTP_NOTFOUND", "TFTP_PERM", "REMOTE_DISK_FULL",
    "TFTP_ILLEGAL", "TFTP_UNKNOWNID", "REMOTE_FILE_EXISTS", "TFTP_NOSUCHUSER", "", "", "SSL_CACERT_BADFILE",
    "REMOTE_FILE_NOT_FOUND", "SSH", "SSL_SHUTDOWN_FAILED", "AGAIN", "SSL_CRL_BADFILE", "SSL_ISSUER_ERROR",
    "FTP_PRET_FAILED", "RTSP_CSEQ_ERROR", "RTSP_SESSION_ERROR", "FTP_BAD_FILE_LIST", "CHUNK_FAILED",
    "NO_CONNECTION_AVAILABLE", "SSL_PINNEDPUBKEYNOTMATCH", "SSL_INVALIDCERTSTATUS", "HTTP2_STREAM",
    "RECURSIVE_API_CALL", "AUTH_ERROR", "HTTP3", "QUIC_CONNECT_ERROR", "PROXY", "SSL_CLIENTCERT",
    "UNRECOVERABLE_POLL"
};

static uint64_t tracei_curl_now(const tracei_curl_handle *self) {
    return self->origin_unix_ns + (tracei_mono_ns() - self->origin_mono_ns);
}

static curl_off_t tracei_curl_us(const tracei_curl_handle *self, CURLINFO info) {
    curl_off_t us = 0;
    return TRACEI_CURL_CALL(easy_getinfo)(self->handle, info, &us) == CURLE_OK && us > 0 ? us : 0;
}

static long tracei_curl_long(const tracei_curl_handle *self, CURLINFO info) {
    long value = 0;
    return TRACEI_CURL_CALL(easy_getinfo)(self->handle, info, &value) == CURLE_OK ? value : 0;
}

static const char *tracei_curl_string(const tracei_curl_handle *self, CURLINFO info) {
    char *text = NULL;
    return TRACEI_CURL_CALL(easy_getinfo)(self->handle, info, &text) == CURLE_OK && text ? text : "";
}

static void tracei_curl_read_sums(const tracei_curl_handle *self, tracei_curl_sums *sums) {
    sums->lookup = tracei_curl_us(self, CURLINFO_NAMELOOKUP_TIME_T);
    sums->connect = tracei_curl_us(self, CURLINFO_CONNECT_TIME_T);
    sums->tls = tracei_curl_us(self, CURLINFO_APPCONNECT_TIME_T);
    sums->first_byte = tracei_curl_us(self, CURLINFO_STARTTRANSFER_TIME_T);
    sums->connects = tracei_curl_long(self, CURLINFO_NUM_CONNECTS);
}

static void tracei_curl_event(const tracei_curl_handle *self, const char *name, curl_off_t before, curl_off_t after,
                              uint64_t end) {
    uint64_t at;
    if (after <= before) return;
    at = self->began_unix_ns + (uint64_t)(after - before) * 1000u;
    trace_span_add_event_at(self->span, name, NULL, 0, at < end ? at : end);
}

/* What is known at the request's end, of a request that ended now. */
static void tracei_curl_add_events(tracei_curl_handle *self, const tracei_curl_sums *sums, bool connected, uint64_t end) {
    const tracei_curl_sums *const was = &self->before_sums;
    if (sums->connects > was->connects || !connected) {
        tracei_curl_event(self, "name_lookup", was->lookup, sums->lookup, end);
        tracei_curl_event(self, "connect", was->connect, sums->connect, end);
        tracei_curl_event(self, "tls_handshake", was->tls, sums->tls, end);
    }
    tracei_curl_event(self, "first_byte", was->first_byte, sums->first_byte, end);
}

static void tracei_curl_set_method(trace_span span, const char *method) {
    static const char *const standard = "GET,POST,PUT,HEAD,DELETE,PATCH,OPTIONS,CONNECT,TRACE,QUERY";
    const char *const given = tracei_environment("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"), *rest = given ? given : standard;
    trace_string known;
    while (tracei_environment_item(&rest, &known)) {
        if (strlen(method) != known.size || memcmp(method, known.data, known.size) != 0) continue;
        trace_span_set_name(span, method);
        trace_span_set_string(span, "http.request.method", method);
        return;
    }
    trace_span_set_string(span, "http.request.method", "_OTHER");
    trace_span_set_string(span, "http.request.method_original", method);
}

static void tracei_curl_set_target(trace_span span, const char *address) {
    char full[4096];
    tracei_text text;
    tracei_curl_url url;
    if (!tracei_curl_parse(&url, address)) return;
    memset(&text, 0, sizeof text);
    text.data = full;
    text.capacity = sizeof full;
    tracei_curl_redact(&text, &url);
    trace_span_set_string_n(span, "url.full", text.data, text.size);
    if (url.host.size) trace_span_set_string_n(span, "server.address", url.host.data, url.host.size);
    if (url.port) trace_span_set_int(span, "server.port", url.port);
}

/* The request as libcurl has it now. */
static void tracei_curl_describe(const tracei_curl_handle *self) {
    tracei_curl_url url;
    const char *const address = tracei_curl_string(self, CURLINFO_EFFECTIVE_URL);
    tracei_curl_set_target(self->span, address);
    if (tracei_curl_parse(&url, address) && !url.is_http) {
        char scheme[32];
        const size_t size = url.scheme.size < sizeof scheme ? url.scheme.size : sizeof scheme - 1;
        memcpy(scheme, url.scheme.data, size);
        scheme[size] = '\0';
        trace_span_set_name(self->span, scheme);
        return;
    }
    tracei_curl_set_method(self->span, tracei_curl_string(self, CURLINFO_EFFECTIVE_METHOD));
}

static void tracei_curl_set_error(trace_span span, CURLcode code, long status) {
    char type[48];
    tracei_text text;
    memset(&text, 0, sizeof text);
    text.data = type;
    text.capacity = sizeof type - 1;
    if (code == CURLE_OK || code == CURLE_HTTP_RETURNED_ERROR) {
        tracei_text_i64(&text, status);
    } else if ((size_t)code < sizeof tracei_curl_codes / sizeof tracei_curl_codes[0] && *tracei_curl_codes[code]) {
        tracei_text_cstr(&text, "CURLE_");
        tracei_text_cstr(&text, tracei_curl_codes[code]);
    } else {
        tracei_text_cstr(&text, "_OTHER");
    }
    type[text.size] = '\0';
    trace_span_set_string(span, "error.type", type);
    trace_span_set_status(span, TRACE_STATUS_ERROR, code == CURLE_OK ? NULL : TRACEI_CURL_CALL(easy_strerror)(code));
}

static const char *tracei_curl_version(long version) {
    switch (version) {
    case CURL_HTTP_VERSION_1_0: return "1.0";
    case CURL_HTTP_VERSION_1_1: return "1.1";
    case CURL_HTTP_VERSION_2_0: return "2";
    case CURL_HTTP_VERSION_3: return "3";
    default: return NULL;
    }
}

/* The response, or what went wrong. Returns whether it failed. */
static bool tracei_curl_set_outcome(const tracei_curl_handle *self, CURLcode code, bool cancelled, uint64_t end) {
    const long status = tracei_curl_long(self, CURLINFO_RESPONSE_CODE);
    const char *const version = tracei_curl_version(tracei_curl_long(self, CURLINFO_HTTP_VERSION));
    const char *const address = tracei_curl_string(self, CURLINFO_EFFECTIVE_URL);
    tracei_curl_url url;
    const bool http = !tracei_curl_parse(&url, address) || url.is_http;
    if (http && status > 0) trace_span_set_int(self->span, "http.response.status_code", status);
    if (http && status > 0 && version) trace_span_set_string(self->span, "network.protocol.version", version);
    if (cancelled || code == CURLE_ABORTED_BY_CALLBACK) {
        trace_span_add_event_at(self->span, "cancelled", NULL, 0, end);
        return false;
    }
    if (code == CURLE_OK && !(http && status >= 400)) return false;
    tracei_curl_set_error(self->span, code, status);
    return true;
}

static void tracei_curl_set_peer(trace_span span, const char *address, long port) {
    if (!address || !*address) return;
    trace_span_set_string(span, "network.peer.address", address);
    if (port > 0) trace_span_set_int(span, "network.peer.port", port);
}

static trace_span tracei_curl_start_span(tracei_curl_handle *self, const char *name) {
    trace_span_options options;
    memset((void *)&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.kind = TRACE_KIND_CLIENT;
    options.detached = true;
    options.parent = self->parent;
    options.start_unix_ns = self->began_unix_ns;
    return trace_span_start_with(name, &options);
}

/* The request is over at `end`, and so is its span: but the first one stays open while others may become its children. */
static void tracei_curl_end_span(tracei_curl_handle *self, uint64_t end, bool last) {
    if (last || trace_context_is_valid(self->parent)) {
        trace_span_end_at(self->span, end);
        return;
    }
    self->first = self->span;
    self->first_end_unix_ns = end;
    self->parent = trace_span_context(self->span);
}

/* >>transfers ------------------------------------------------------------------------------------------------------ */

/* Event times count from when libcurl began, which in a multi handle is later than when the transfer was added. */
static void tracei_curl_anchor(tracei_curl_handle *self, uint64_t now) {
    const uint64_t spent = (uint64_t)tracei_curl_us(self, CURLINFO_TOTAL_TIME_T) * 1000u;
    if (spent < now - self->began_unix_ns) self->began_unix_ns = now - spent;
}

#if LIBCURL_VERSION_NUM >= 0x075000
static void tracei_curl_next_request(tracei_curl_handle *self, const tracei_curl_sums *sums) {
    const curl_off_t redirect_us = tracei_curl_us(self, CURLINFO_REDIRECT_TIME_T);
    uint64_t now = tracei_curl_now(self);
    if (redirect_us > self->redirect_us) {
        const uint64_t since = (uint64_t)(tracei_curl_us(self, CURLINFO_TOTAL_TIME_T) - redirect_us) * 1000u;
        if (since < now - self->began_unix_ns) now -= since;
        self->redirect_us = redirect_us;
    }
    tracei_curl_add_events(self, sums, true, now);
    tracei_curl_set_outcome(self, CURLE_OK, false, now);
    tracei_curl_end_span(self, now, false);
    self->before_sums.first_byte = sums->first_byte;
    self->began_unix_ns = now;
    self->span = tracei_curl_start_span(self, "HTTP");
    tracei_curl_inject(self);
    if (self->mode == TRACEI_CURL_EASY) {
        trace_detach(self->attachment);
        self->attachment = trace_attach_span(self->span);
    }
}

static int tracei_curl_before_request(void *user, char *peer, char *local, int peer_port, int local_port) {
    tracei_curl_handle *const self = (tracei_curl_handle *)user;
    if (self->mode && self->recording) {
        tracei_curl_sums sums;
        tracei_curl_read_sums(self, &sums);
        if (self->requests > 0) {
            /* Sums of name lookup and connection are already those of the new request; what the old one had is behind us. */
            tracei_curl_sums old = self->before_sums;
            old.first_byte = sums.first_byte;
            tracei_curl_next_request(self, &old);
        } else {
            tracei_curl_anchor(self, tracei_curl_now(self));
        }
        if (sums.connects > self->before_sums.connects) {
            const uint64_t now = tracei_curl_now(self);
            tracei_curl_event(self, "name_lookup", self->before_sums.lookup, sums.lookup, now);
            tracei_curl_event(self, "connect", self->before_sums.connect, sums.connect, now);
            tracei_curl_event(self, "tls_handshake", self->before_sums.tls, sums.tls, now);
        }
        sums.first_byte = self->before_sums.first_byte;
        self->before_sums = sums;
        self->requests++;
        tracei_curl_describe(self);
        tracei_curl_set_peer(self->span, peer, peer_port);
        if (self->resends + self->requests > 1)
            trace_span_set_int(self->span, "http.request.resend_count", self->resends + self->requests - 1);
    }
    return self->before ? self->before(self->before_user, peer, local, peer_port, local_port) : CURL_PREREQFUNC_OK;
}
#endif

static uint64_t tracei_curl_hash(const char *text) {
    uint64_t hash = 0xcbf29ce484222325u;
    while (*text) hash = (hash ^ (unsigned char)*text++) * 0x100000001b3u;
    return hash | 1u;
}

/* False: not to be traced. */
static bool tracei_curl_begin(tracei_curl_handle *self, int mode) {
    const char *const address = tracei_curl_string(self, CURLINFO_EFFECTIVE_URL);
    tracei_curl_url url;
    trace_context current;
    if (tracei_is_suppressed()) return false;
    current = trace_context_current();
    self->mode = mode;
    self->requests = 0;
    self->first.id = 0;
    self->redirect_us = 0;
    self->parent = trace_context_is_valid(current) ? current : tracei_curl_outer;
    self->origin_unix_ns = tracei_unix_ns();
    self->origin_mono_ns = tracei_mono_ns();
    self->began_unix_ns = self->origin_unix_ns;
    memset(&self->before_sums, 0, sizeof self->before_sums);
    self->span = tracei_curl_start_span(self, "HTTP");
    self->recording = trace_span_is_recording(self->span);
    if (!tracei_curl_parse(&url, address) || url.is_http) tracei_curl_inject(self);
    if (!self->recording) return true;
    self->resends = self->failed_url && self->failed_url == tracei_curl_hash(address) ? self->resends + 1 : 0;
    tracei_curl_set_target(self->span, address);
    if (self->resends) trace_span_set_int(self->span, "http.request.resend_count", self->resends);
#if LIBCURL_VERSION_NUM >= 0x075000
    TRACEI_CURL_CALL(easy_setopt)(self->handle, CURLOPT_PREREQFUNCTION, tracei_curl_before_request);
    TRACEI_CURL_CALL(easy_setopt)(self->handle, CURLOPT_PREREQDATA, self);
#endif
    return true;
}

static void tracei_curl_finish(tracei_curl_handle *self, CURLcode code, bool cancelled) {
    const bool recording = self->recording;
    if (recording) {
        const uint64_t end = tracei_curl_now(self);
        tracei_curl_sums sums;
        bool failed;
        tracei_curl_read_sums(self, &sums);
        if (!self->requests) {
            tracei_curl_anchor(self, end);
            tracei_curl_describe(self);
            tracei_curl_set_peer(self->span, tracei_curl_string(self, CURLINFO_PRIMARY_IP),
                                 tracei_curl_long(self, CURLINFO_PRIMARY_PORT));
        }
        tracei_curl_add_events(self, &sums, self->requests > 0, end);
        failed = tracei_curl_set_outcome(self, code, cancelled, end);
        self->failed_url = 0;
        if (failed) self->failed_url = tracei_curl_hash(tracei_curl_string(self, CURLINFO_EFFECTIVE_URL));
        tracei_curl_end_span(self, end, true);
        if (self->first.id) trace_span_end_at(self->first, self->first_end_unix_ns);
    } else {
        trace_span_end(self->span);
    }
    self->mode = TRACEI_CURL_IDLE;
    TRACEI_CURL_CALL(easy_setopt)(self->handle, CURLOPT_HTTPHEADER, self->headers);
#if LIBCURL_VERSION_NUM >= 0x075000
    if (!recording) return;
    TRACEI_CURL_CALL(easy_setopt)(self->handle, CURLOPT_PREREQFUNCTION, self->before);
    TRACEI_CURL_CALL(easy_setopt)(self->handle, CURLOPT_PREREQDATA, self->before_user);
#endif
}

/* >>wrappers -------------------------------------------------------------------------------------------------------

   libcurl calls itself through these names where the linker lets it: curl_easy_perform is a multi handle inside. What belongs to
   a transfer under way is therefore told by its mode, and passed on. */

TRACE_APP CURL *trace_curl_easy_init(void) {
    CURL *const handle = TRACEI_CURL_CALL(easy_init)();
    if (handle) tracei_curl_made(handle);
    return handle;
}

TRACE_APP CURL *trace_curl_easy_duphandle(CURL *handle) {
    tracei_curl_handle *const self = tracei_curl_find(handle, false);
    CURL *const copy = TRACEI_CURL_CALL(easy_duphandle)(handle);
    tracei_curl_handle *made;
    if (!copy) return NULL;
    tracei_curl_made(copy);
    made = tracei_curl_find(copy, false);
    if (!self || !made) return copy;
    made->headers = self->headers;
#if LIBCURL_VERSION_NUM >= 0x075000
    made->before = self->before;
    made->before_user = self->before_user;
#endif
    if (!self->mode) return copy;
    TRACEI_CURL_CALL(easy_setopt)(copy, CURLOPT_HTTPHEADER, made->headers);
#if LIBCURL_VERSION_NUM >= 0x075000
    TRACEI_CURL_CALL(easy_setopt)(copy, CURLOPT_PREREQFUNCTION, made->before);
    TRACEI_CURL_CALL(easy_setopt)(copy, CURLOPT_PREREQDATA, made->before_user);
#endif
    return copy;
}

TRACE_APP void trace_curl_easy_reset(CURL *handle) {
    tracei_curl_handle *const self = tracei_curl_find(handle, false);
    TRACEI_CURL_CALL(easy_reset)(handle);
    if (self) tracei_curl_forget_options(self);
}

TRACE_APP void trace_curl_easy_cleanup(CURL *handle) {
    tracei_curl_handle *const self = tracei_curl_find(handle, false);
    if (self && self->mode) tracei_curl_finish(self, CURLE_OK, true);
    TRACEI_CURL_CALL(easy_cleanup)(handle);
    if (self) TRACEI_STORE_RELEASE(&self->key, (const void *)NULL);
}

/* One of ours is set while a transfer runs: the program's is kept for it, and for afterwards. */
#if defined(__clang__) && defined(__cplusplus)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvarargs"      /* an enumeration of ints, as libcurl declares it */
#endif
TRACE_APP CURLcode trace_curl_easy_setopt(CURL *handle, CURLoption option, ...) {
    CURLcode code;
    va_list list;
    va_start(list, option);
    if (option == CURLOPT_HTTPHEADER) {
        struct curl_slist *const headers = va_arg(list, struct curl_slist *);
        tracei_curl_handle *const self = tracei_curl_find(handle, TRACEI_CURL_ADOPT);
        if (self) self->headers = headers;
        if (self && self->mode) tracei_curl_inject(self), code = CURLE_OK;
        else code = TRACEI_CURL_CALL(easy_setopt)(handle, option, headers);
#if LIBCURL_VERSION_NUM >= 0x075000
    } else if (option == CURLOPT_PREREQFUNCTION) {
        const curl_prereq_callback before = va_arg(list, curl_prereq_callback);
        tracei_curl_handle *const self = tracei_curl_find(handle, TRACEI_CURL_ADOPT);
        if (self) self->before = before;
        code = self && self->mode ? CURLE_OK : TRACEI_CURL_CALL(easy_setopt)(handle, option, before);
    } else if (option == CURLOPT_PREREQDATA) {
        void *const user = va_arg(list, void *);
        tracei_curl_handle *const self = tracei_curl_find(handle, TRACEI_CURL_ADOPT);
        if (self) self->before_user = user;
        code = self && self->mode ? CURLE_OK : TRACEI_CURL_CALL(easy_setopt)(handle, option, user);
#endif
    } else if ((int)option < CURLOPTTYPE_OBJECTPOINT) {
        code = TRACEI_CURL_CALL(easy_setopt)(handle, option, va_arg(list, long));
    } else if ((int)option >= CURLOPTTYPE_OFF_T && (int)option < CURLOPTTYPE_OFF_T + 10000) {
        code = TRACEI_CURL_CALL(easy_setopt)(handle, option, va_arg(list, curl_off_t));
    } else {                      /* pointers to objects, functions, strings, blobs: all alike to a caller */
        code = TRACEI_CURL_CALL(easy_setopt)(handle, option, va_arg(list, void *));
    }
    va_end(list);
    return code;
}
#if defined(__clang__) && defined(__cplusplus)
#pragma GCC diagnostic pop
#endif

TRACE_APP CURLcode trace_curl_easy_perform(CURL *handle) {
    tracei_curl_handle *const self = tracei_curl_find(handle, TRACEI_CURL_ADOPT);
    CURLcode code;
    if (!self || self->mode || !tracei_curl_begin(self, TRACEI_CURL_EASY)) return TRACEI_CURL_CALL(easy_perform)(handle);
    self->attachment = self->recording ? trace_attach_span(self->span) : trace_attach(trace_span_context(self->span));
    code = TRACEI_CURL_CALL(easy_perform)(handle);
    trace_detach(self->attachment);
    tracei_curl_finish(self, code, false);
    return code;
}

TRACE_APP CURLMcode trace_curl_multi_add_handle(CURLM *multi, CURL *handle) {
    tracei_curl_handle *const self = tracei_curl_find(handle, TRACEI_CURL_ADOPT);
    CURLMcode code;
    if (!self || self->mode || !tracei_curl_begin(self, TRACEI_CURL_MULTI))
        return TRACEI_CURL_CALL(multi_add_handle)(multi, handle);
    code = TRACEI_CURL_CALL(multi_add_handle)(multi, handle);
    if (code != CURLM_OK) tracei_curl_finish(self, CURLE_FAILED_INIT, false);
    return code;
}

TRACE_APP CURLMcode trace_curl_multi_remove_handle(CURLM *multi, CURL *handle) {
    tracei_curl_handle *const self = tracei_curl_find(handle, false);
    if (self && self->mode == TRACEI_CURL_MULTI) tracei_curl_finish(self, CURLE_OK, true);
    return TRACEI_CURL_CALL(multi_remove_handle)(multi, handle);
}

TRACE_APP CURLMsg *trace_curl_multi_info_read(CURLM *multi, int *messages) {
    CURLMsg *const message = TRACEI_CURL_CALL(multi_info_read)(multi, messages);
    if (message && message->msg == CURLMSG_DONE) {
        tracei_curl_handle *const self = tracei_curl_find(message->easy_handle, false);
        if (self && self->mode == TRACEI_CURL_MULTI) tracei_curl_finish(self, message->data.result, false);
    }
    return message;
}

#ifndef TRACEI_KEEP_MACROS
#undef TRACEI_CURL_CHAINS
#undef TRACEI_CURL_NODES
#undef TRACEI_CURL_LINES
#undef TRACEI_CURL_SLAB_BYTES
#undef TRACEI_CURL_SLAB_COUNT
#undef TRACEI_CURL_REDIRECTED
#endif
#endif /* TRACE_IMPLEMENTATION */

/* >>redirect ------------------------------------------------------------------------------------------------------ */

#if defined(TRACE_CONFIG_CURL_REDIRECT) && TRACE_CONFIG_CURL_REDIRECT && !TRACE_CONFIG_OFF && !defined(TRACEI_CURL_REDIRECTED)
#define TRACEI_CURL_REDIRECTED 1
#undef curl_easy_setopt           /* libcurl's own check of types */
#define curl_easy_init trace_curl_easy_init
#define curl_easy_duphandle trace_curl_easy_duphandle
#define curl_easy_reset trace_curl_easy_reset
#define curl_easy_cleanup trace_curl_easy_cleanup
#define curl_easy_setopt trace_curl_easy_setopt
#define curl_easy_perform trace_curl_easy_perform
#define curl_multi_add_handle trace_curl_multi_add_handle
#define curl_multi_remove_handle trace_curl_multi_remove_handle
#define curl_multi_info_read trace_curl_multi_info_read
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
