#ifndef CONTROL_CHECKS_HTTP_TEXT_H
#define CONTROL_CHECKS_HTTP_TEXT_H

// What an HTTP check says: the response's status as it was sent, and failures in Go's words, which
// operators of Consul know and search their logs for.

#include <curl/curl.h>
#include <stddef.h>

#include "control/checks/status.h"

struct http_status {
        int code;      // 0: none yet
        char text[96]; // "200 OK"
};

/**
 * Take a header line, a status line among them; the last response's counts.
 * @line    @len bytes with its line end.
 */
void http_status_take(struct http_status *status, const char *line, size_t len);

/** 2xx is passing, 429 is a warning, all others are critical. */
enum check_health http_status_health(int code);

/**
 * Why a request failed, as Go's client words it.
 * @easy    the handle it was made with.
 * @method  "" is GET.
 * @detail  libcurl's own text, "" for none.
 * returns  a string to be freed, or NULL without memory.
 */
char *http_failure_text(CURL *easy, const char *method, const char *url, CURLcode result,
                        const char *detail);

/**
 * The part of http_failure_text() after the URL: what a connection suffered.
 * @address HOST:PORT it was for.
 */
char *http_transport_text(CURL *easy, const char *address, CURLcode result, const char *detail);

#endif
