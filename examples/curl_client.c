/* Calls through libcurl, traced by hand: a span around each transfer, and its context among the headers.
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   trace_inject calls add_header for each header the propagators write (OTEL_PROPAGATORS says which); libcurl takes them as a
   list. The span is current while the transfer runs, so what a callback records belongs to it.

       cc -O2 examples/curl_client.c -pthread -lcurl -o curl_client && ./curl_client http://localhost:8080/item/7 */
#define TRACE_IMPLEMENTATION
#include "../trace_otlp.h"

#include <curl/curl.h>
#include <stdio.h>

static void add_header(void *user, trace_string name, trace_string value) {
    struct curl_slist **const list = (struct curl_slist **)user;
    char line[8448];              /* the longest value there is, baggage, has 8,192 bytes */
    snprintf(line, sizeof line, "%.*s: %.*s", (int)name.size, name.data, (int)value.size, value.data);
    struct curl_slist *const longer = curl_slist_append(*list, line);
    if (longer) *list = longer;
}

/* The first bytes of the answer are worth an event: from then on it is the network's time, not the server's. */
static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
    bool *const any = (bool *)user;
    if (!*any) trace_event("first byte");
    *any = true;
    return fwrite(bytes, size, count, stderr);
}

static CURLcode get(CURL *curl, const char *url) {
    CURLcode result = CURLE_OK;
    TRACE_SPAN("GET", .kind = TRACE_KIND_CLIENT) {
        struct curl_slist *headers = NULL;
        bool any = false;
        long status = 0, port = 0;
        const trace_carrier carrier = {.set = add_header, .user = &headers};
        trace_set("http.request.method", "GET");
        trace_set("url.full", url);
        trace_inject((trace_context){0}, &carrier);       /* of the current span: this one */
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &any);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        result = curl_easy_perform(curl);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
        curl_slist_free_all(headers);
        if (result != CURLE_OK) {
            trace_error("CURLcode", curl_easy_strerror(result));
            break;
        }
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(curl, CURLINFO_PRIMARY_PORT, &port);
        trace_set("server.port", port);
        trace_set("http.response.status_code", status);
        if (status >= 400) trace_span_set_status(trace_span_current(), TRACE_STATUS_ERROR, "");
    }
    return result;
}

int main(int count, char **arguments) {
    int failed = 0;
    if (count < 2) {
        fprintf(stderr, "usage: %s URL ...\n", arguments[0]);
        return 0;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *const curl = curl_easy_init();
    TRACE_SPAN("order") {
        for (int i = 1; curl && i < count; i++) failed += get(curl, arguments[i]) != CURLE_OK;
    }
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return curl && !failed ? 0 : 1;
}
