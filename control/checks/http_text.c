#include "control/checks/http_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/checks/internal.h"

static const char *reason_of(int code)
{
        static const struct {
                int code;
                const char *text;
        } reasons[] = {{200, "OK"},
                       {201, "Created"},
                       {204, "No Content"},
                       {429, "Too Many Requests"},
                       {404, "Not Found"},
                       {500, "Internal Server Error"},
                       {503, "Service Unavailable"}};

        for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
                if (reasons[i].code == code)
                        return reasons[i].text;
        }
        return "";
}

void http_status_take(struct http_status *status, const char *line, size_t len)
{
        const char *space, *text;
        size_t text_len;

        if (len < 12 || strncasecmp(line, "HTTP/", 5) != 0)
                return;
        space = memchr(line, ' ', len);
        if (space == NULL)
                return;
        text = space + 1;
        text_len = len - (size_t)(text - line);
        while (text_len > 0 && (text[text_len - 1] == '\r' || text[text_len - 1] == '\n'))
                text_len--;
        if (text_len < 3)
                return;
        status->code = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
        // HTTP/2 has no reason phrase.
        if (text_len <= 4)
                snprintf(status->text, sizeof(status->text), "%.3s %s", text,
                         reason_of(status->code));
        else
                snprintf(status->text, sizeof(status->text), "%.*s", (int)text_len, text);
}

enum check_health http_status_health(int code)
{
        if (code >= 200 && code <= 299)
                return CHECK_PASSING;
        return code == 429 ? CHECK_WARNING : CHECK_CRITICAL;
}

static char *connect_text(CURL *easy, const char *address)
{
        char reason[96], *ip = NULL, *text = NULL;
        long error = 0, port = 0;

        curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
        curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
        curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
        if (error == 0)
                snprintf(reason, sizeof(reason), "connection failed");
        else
                check_errno_text((int)error, reason, sizeof(reason));
        if (ip != NULL && ip[0] != '\0' && port > 0)
                return asprintf(&text,
                                strchr(ip, ':') != NULL ? "dial tcp [%s]:%ld: connect: %s"
                                                        : "dial tcp %s:%ld: connect: %s",
                                ip, port, reason) < 0
                           ? NULL
                           : text;
        return asprintf(&text, "dial tcp %s: connect: %s", address, reason) < 0 ? NULL : text;
}

char *http_transport_text(CURL *easy, const char *address, CURLcode result, const char *detail)
{
        char *text = NULL;
        int host_len = (int)(strrchr(address, ':') != NULL ? strrchr(address, ':') - address
                                                           : (long)strlen(address));
        int ret;

        if (detail[0] == '\0')
                detail = curl_easy_strerror(result);
        switch (result) {
        case CURLE_OPERATION_TIMEDOUT:
                return strdup("context deadline exceeded (Client.Timeout exceeded while awaiting "
                              "headers)");
        case CURLE_COULDNT_CONNECT:
                return connect_text(easy, address);
        case CURLE_COULDNT_RESOLVE_HOST:
                ret = asprintf(&text, "dial tcp: lookup %.*s: no such host", host_len, address);
                break;
        case CURLE_GOT_NOTHING:
                return strdup("EOF");
        case CURLE_TOO_MANY_REDIRECTS:
                return strdup("stopped after 10 redirects");
        case CURLE_UNSUPPORTED_PROTOCOL:
                return strdup("unsupported protocol scheme");
        case CURLE_PEER_FAILED_VERIFICATION:
                ret = asprintf(&text, "x509: %s", detail);
                break;
        case CURLE_SSL_CONNECT_ERROR:
                ret = asprintf(&text, "tls: %s", detail);
                break;
        default:
                ret = asprintf(&text, "%s", detail);
                break;
        }
        return ret < 0 ? NULL : text;
}

// HOST:PORT of a URL; the scheme's port when it has none.
static char *address_of(const char *url)
{
        CURLU *parts = curl_url();
        char *host = NULL, *port = NULL, *text = NULL;

        if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
            curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
            curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
            asprintf(&text, "%s:%s", host, port) < 0)
                text = NULL;
        curl_free(host);
        curl_free(port);
        curl_url_cleanup(parts);
        return text != NULL ? text : strdup(url);
}

char *http_failure_text(CURL *easy, const char *method, const char *url, CURLcode result,
                        const char *detail)
{
        char *address = address_of(url), *why = NULL, *text = NULL, verb[32];

        snprintf(verb, sizeof(verb), "%s", method[0] != '\0' ? method : "GET");
        for (size_t i = 1; verb[0] != '\0' && verb[i] != '\0'; i++) {
                if (verb[i] >= 'A' && verb[i] <= 'Z')
                        verb[i] = (char)(verb[i] - 'A' + 'a');
        }
        if (address != NULL)
                why = http_transport_text(easy, address, result, detail);
        if (why == NULL || asprintf(&text, "%s \"%s\": %s", verb, url, why) < 0)
                text = NULL;
        free(address);
        free(why);
        return text;
}
