/* curl.c - a library to preload that traces the libcurl transfers of a program nobody rebuilds
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

       make preload
       LD_PRELOAD=build/libtrace_preload_curl.so OTEL_TRACES_EXPORTER=otlp curl http://localhost:8080/

   It stands before libcurl in the order of symbols, does what trace_curl.h does and calls the next one. Everything is said by the
   environment: OTEL_*, and TRACEPARENT, TRACESTATE and BAGGAGE, below which the program's transfers belong when they are set.
   Its own exporters use sockets, never libcurl, so that they cannot trace themselves; they speak http:// only.
   A libcurl that is linked into the program statically is not seen. */
#define _GNU_SOURCE 1
#include <curl/curl.h>
#include "next.h"

static struct {
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_duphandle) *easy_duphandle;
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_getinfo) *easy_getinfo;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_easy_perform) *easy_perform;
    __typeof__(curl_multi_add_handle) *multi_add_handle;
    __typeof__(curl_multi_remove_handle) *multi_remove_handle;
    __typeof__(curl_multi_info_read) *multi_info_read;
} preload_next;

static int preload_found;

static int preload_find(void);
#define TRACEI_CURL_CALL(name) (preload_find(), preload_next.name)
#define TRACEI_CURL_ADOPT false /* libcurl's handles of its own, for DNS over HTTPS, are not the program's transfers */

#define TRACE_IMPLEMENTATION
#include "../trace_curl.h"
#include "../trace_otlp.h"
#include "../trace_zipkin.h"

static const char *const preload_libraries[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl-nss.so.4", NULL};

/* Any thread; all find the same. */
static int preload_find(void) {
    if (__atomic_load_n(&preload_found, __ATOMIC_ACQUIRE)) return 1;
    PRELOAD_FIND("curl_", easy_init);
    PRELOAD_FIND("curl_", easy_duphandle);
    PRELOAD_FIND("curl_", easy_reset);
    PRELOAD_FIND("curl_", easy_cleanup);
    PRELOAD_FIND("curl_", easy_setopt);
    PRELOAD_FIND("curl_", easy_getinfo);
    PRELOAD_FIND("curl_", easy_strerror);
    PRELOAD_FIND("curl_", easy_perform);
    PRELOAD_FIND("curl_", multi_add_handle);
    PRELOAD_FIND("curl_", multi_remove_handle);
    PRELOAD_FIND("curl_", multi_info_read);
    __atomic_store_n(&preload_found, 1, __ATOMIC_RELEASE);
    return 1;
}

/* The processes a preloaded program starts are its own business: they find what it was given. */
__attribute__((constructor)) static void preload_begin(void) {
    tracei_curl_outer = trace_extract_environment();
    trace_context_hold(tracei_curl_outer);
}

#undef curl_easy_setopt
/* A program that looks for libcurl by name, where there is none, finds this one. */
PRELOAD_EXPORT CURL *curl_easy_init(void) { return preload_find() ? trace_curl_easy_init() : NULL; }

PRELOAD_ALIAS("trace_curl_easy_duphandle") CURL *curl_easy_duphandle(CURL *handle);
PRELOAD_ALIAS("trace_curl_easy_reset") void curl_easy_reset(CURL *handle);
PRELOAD_ALIAS("trace_curl_easy_cleanup") void curl_easy_cleanup(CURL *handle);
PRELOAD_ALIAS("trace_curl_easy_setopt") CURLcode curl_easy_setopt(CURL *handle, CURLoption option, ...);
PRELOAD_ALIAS("trace_curl_easy_perform") CURLcode curl_easy_perform(CURL *handle);
PRELOAD_ALIAS("trace_curl_multi_add_handle") CURLMcode curl_multi_add_handle(CURLM *multi, CURL *handle);
PRELOAD_ALIAS("trace_curl_multi_remove_handle") CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *handle);
PRELOAD_ALIAS("trace_curl_multi_info_read") CURLMsg *curl_multi_info_read(CURLM *multi, int *messages);
