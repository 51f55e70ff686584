#include "control/checks/named_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rename_host(struct named_url *out, CURLU *url, const char *server_name)
{
        char *host = NULL, *port = NULL, *text = NULL, *line = NULL;
        int ret = -ENOMEM;

        if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
            curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
            asprintf(&line, "%s:%s:%s:%s", server_name, port, host, port) < 0)
                goto clean_up;
        if (asprintf(&out->host, "%s:%s", host, port) < 0) {
                out->host = NULL;
                goto clean_up;
        }
        out->connect_to = curl_slist_append(NULL, line);
        if (out->connect_to == NULL ||
            curl_url_set(url, CURLUPART_HOST, server_name, 0) != CURLUE_OK ||
            curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK)
                goto clean_up;
        free(out->url);
        out->url = strdup(text);
        ret = out->url != NULL ? 0 : -ENOMEM;
clean_up:
        curl_free(host);
        curl_free(port);
        curl_free(text);
        free(line);
        return ret;
}

int named_url_init(struct named_url *out, const char *url, const char *server_name)
{
        CURLU *parts;
        int ret = 0;

        *out = (struct named_url){.url = strdup(url)};
        if (out->url == NULL)
                return -ENOMEM;
        if (server_name[0] == '\0')
                return 0;
        parts = curl_url();
        if (parts == NULL)
                return -ENOMEM;
        // A URL that cannot be read is the request's failure.
        if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK)
                ret = rename_host(out, parts, server_name);
        curl_url_cleanup(parts);
        return ret;
}

void named_url_fini(struct named_url *url)
{
        curl_slist_free_all(url->connect_to);
        free(url->url);
        free(url->host);
        *url = (struct named_url){0};
}
