/* test_http_curl.c - test_http.c once more, with libcurl and zlib: the hostile server, TLS, HTTP/2, gzip, proxies
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors */
/* beside: it waits for servers most of its time */
/* not: cross musl static: no libcurl there; msan tsan: libcurl is not built with it */
/* build: -DTRACE_HTTP_CURL -DTRACE_HTTP_ZLIB -lcurl -lz */
#include "test_http.c"
